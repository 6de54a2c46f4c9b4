//! A practice behind its portals: the product's own router on loopback, and people who ask it over HTTP.
//!
//! A few coachees have full files (twenty of each thing that a profile lists), so that a query touches rows that others
//! do not; all others have twenty actions. Of ten coachees one has an action that is overdue. Each has a conversation of
//! fifty messages with the owner. A coachee with a portal is one of the full ones.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use app::tokens::Kind;
use app::{App, Request, Through};
use domain::Actor;
use domain::authorization::{AddAuthorization, UsedBy};
use domain::coachee::{AddCoachee, NewInvitation, SetActiveGoal};
use domain::id::{ActionId, AuthorizationId, CoacheeId, GoalId, LogId, PersonId, PracticeId, SessionId};
use domain::message::{SendMessage, To};
use domain::plan::{AddAction, AddGoal};
use domain::practice::CreatePractice;
use domain::session::{SaveNotes, SetNextSteps, StartSession, StepLine};
use domain::text::{self, ActiveGoal, Email, LastName, Name, Number, Source, Step, Text as _, Title};
use domain::value::{Count, Date, Money, Zone};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::error::Error;
use crate::fixture::{self, all, log_session, run, sign_up};
use crate::report::rate;
use crate::work::percentile_ms;

/// How many coachees have full files.
pub(crate) const FULL: usize = 20;
/// How many of each thing such a file has, and how many actions every other one.
const OF_EACH: usize = 20;
/// How many messages each has got from the owner.
const MESSAGES: usize = 50;
/// Of so many coachees one has an action that is overdue.
const OVERDUE: usize = 10;

/// A served practice.
#[derive(Debug)]
pub(crate) struct Portal {
    app: App,
    address: SocketAddr,
    client: reqwest::Client,
    /// The practice.
    pub(crate) practice: PracticeId,
    /// The owner's credential.
    pub(crate) owner: String,
    /// A coachee's.
    pub(crate) coachee: String,
    /// The coachees with full files, each with the session that goes on.
    pub(crate) full: Vec<(CoacheeId, SessionId)>,
    /// All actions.
    pub(crate) actions: Vec<ActionId>,
}

/// How requests were answered.
#[derive(Debug)]
pub(crate) struct Answered {
    /// How many a second.
    pub(crate) per_second: f64,
    /// How long each took, the shortest first.
    pub(crate) latencies: Vec<Duration>,
}

impl Portal {
    /// Fills a practice with so many coachees and serves it.
    pub(crate) async fn open(app: App, coachees: usize) -> Result<Self, Error> {
        let person = sign_up(&app).await?;
        let practice: PracticeId = app.mint();
        let (name, display_name) = (Name::parse("Oak & Elm Coaching")?, Name::parse("Mia Carter")?);
        let create = CreatePractice { practice, name, zone: Zone::utc(), founder: person, display_name };
        run(&app, LogId::Practice(practice), person, create).await?;
        let through = domain::account::Through::Program;
        let owner = app.make_login(person, through, app.clock().now()).await?.text;
        let address = serve(&app).await?;
        let client = reqwest::Client::new();
        let (full, actions, coachee) = (Vec::new(), Vec::new(), String::new());
        let mut portal = Self { app, address, client, practice, owner, coachee, full, actions };
        portal.fill(person, coachees).await?;
        // As in a database that has been there for a while.
        portal.app.store().measure().await?;
        Ok(portal)
    }

    /// The app inside.
    pub(crate) const fn app(&self) -> &App {
        &self.app
    }

    fn log(&self) -> LogId {
        LogId::Practice(self.practice)
    }

    async fn fill(&mut self, owner: PersonId, coachees: usize) -> Result<(), Error> {
        let (app, log) = (self.app.clone(), self.log());
        let ids: Vec<CoacheeId> = (0..coachees.max(FULL)).map(|_| app.mint()).collect();
        let add = async |(number, coachee): (usize, &CoacheeId)| {
            run(&app, log, owner, add_coachee(*coachee, number, None)?).await
        };
        all(ids.iter().enumerate().skip(1).map(add)).await?;
        // The first one is invited, and accepts.
        let command = app.command();
        let token = app.token(Kind::CoacheeInvitation, log, command);
        let invitation = NewInvitation { id: token.id(), token: token.hash };
        let (actor, now) = (Actor::Person(owner), app.clock().now());
        let request = Request { log, actor, through: Through::Browser, now, command, idempotency: None };
        app.run(request, add_coachee(ids[0], 0, Some(invitation))?).await?;
        let accept =
            "mutation($t: String!) { acceptInvitation(input: { token: $t, kind: PROGRAM }) { signedIn { token } } }";
        let accepted =
            self.ask(None, &json!({ "query": accept, "variables": { "t": token.text } }).to_string()).await?;
        let accepted: Value = serde_json::from_slice(&accepted)?;
        let token = accepted.pointer("/data/acceptInvitation/signedIn/token").and_then(Value::as_str);
        token
            .ok_or_else(|| Error::Unexpected(format!("the invitation is not accepted: {accepted}")))?
            .clone_into(&mut self.coachee);
        for coachee in ids.iter().copied().take(FULL) {
            let session = self.fill_file(owner, coachee).await?;
            self.full.push((coachee, session));
        }
        let today = app.clock().now().date_in(&Zone::utc());
        let each = (0..OF_EACH).flat_map(|action| ids.iter().enumerate().skip(FULL).map(move |it| (action, it)));
        all(each.map(async |(action, (number, coachee))| {
            let is_overdue = action == 0 && number % OVERDUE == 0;
            let due = today.plus_days(if is_overdue { -1 } else { 30 });
            run(&app, log, owner, add_action(&app, *coachee, None, due)?).await
        }))
        .await?;
        let each = (0..MESSAGES).flat_map(|_| ids.iter().copied());
        all(each.map(async |coachee| {
            let text = text::Message::parse("How did the meeting go? Tell me on Thursday, or write when you like.")?;
            run(&app, log, owner, SendMessage { message: app.mint(), to: To::Coachee(coachee, None), text }).await
        }))
        .await
    }

    /// Twenty goals, actions, authorizations and sessions, and one session that goes on.
    async fn fill_file(&mut self, owner: PersonId, coachee: CoacheeId) -> Result<SessionId, Error> {
        let (app, log) = (self.app.clone(), self.log());
        let today = app.clock().now().date_in(&Zone::utc());
        let active_goal = ActiveGoal::parse("Speak up in the leadership meeting, once in each of them")?;
        run(&app, log, owner, SetActiveGoal { coachee, goal: active_goal }).await?;
        let numbers: Vec<(i32, GoalId, ActionId, AuthorizationId, SessionId)> =
            (0..).take(OF_EACH).map(|number| (number, app.mint(), app.mint(), app.mint(), app.mint())).collect();
        all(numbers.iter().map(async |(number, goal, _, authorization, _)| {
            let due = today.plus_days(30 + number);
            let title = Title::parse("Speak up in the leadership meeting")?;
            run(&app, log, owner, AddGoal { goal: *goal, coachee, title, due }).await?;
            let add = AddAuthorization {
                authorization: *authorization,
                coachee,
                number: Number::parse(&format!("EAP-{number}"))?,
                source: Source::parse("Northwind EAP")?,
                total: Count(1_000_000),
                rate: Money::parse("85.50", "USD")?,
                starts: today.plus_days(-30),
                ends: today.plus_days(*number),
                used_by: UsedBy::default(),
            };
            run(&app, log, owner, add).await
        }))
        .await?;
        all(numbers.iter().map(async |(number, goal, action, authorization, session)| {
            let add = add_action(&app, coachee, Some(*goal), today.plus_days(*number))?;
            run(&app, log, owner, AddAction { action: *action, ..add }).await?;
            let of = fixture::Coachee { log, id: coachee, authorization: *authorization };
            run(&app, log, owner, log_session(&app, &of, *session)?).await?;
            write_session(&app, log, owner, *session).await
        }))
        .await?;
        self.actions.extend(numbers.iter().map(|(_, _, action, ..)| *action));
        let session = app.mint();
        let title = Some(Title::parse("Today")?);
        let authorization = numbers.first().map(|(_, _, _, authorization, _)| *authorization);
        run(&app, log, owner, StartSession { session, coachee, title, from: None, authorization }).await?;
        write_session(&app, log, owner, session).await?;
        Ok(session)
    }

    /// Asks, and gives the answer's bytes. What is no answer without errors is an error.
    pub(crate) async fn ask(&self, token: Option<&str>, body: &str) -> Result<Vec<u8>, Error> {
        let mut request = self
            .client
            .post(format!("http://{}/graphql", self.address))
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json")
            .body(body.to_owned());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let failed = |error: reqwest::Error| Error::Unexpected(format!("no answer: {error}"));
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(failed)?;
        let wrong = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        if !status.is_success() || wrong(b"\"extensions\"") || wrong(b"\"code\"") {
            return Err(Error::Unexpected(format!("{status}: {}", String::from_utf8_lossy(&bytes))));
        }
        Ok(bytes.to_vec())
    }

    /// Sends these requests, so many at a time, each as soon as the one before it was answered.
    pub(crate) async fn ask_all(&self, token: &str, bodies: &[String], at_a_time: usize) -> Result<Answered, Error> {
        let asking = async |worker: usize| {
            let mut latencies = Vec::with_capacity(bodies.len() / at_a_time + 1);
            for body in bodies.iter().skip(worker).step_by(at_a_time) {
                let sent = Instant::now();
                self.ask(Some(token), body).await?;
                latencies.push(sent.elapsed());
            }
            Ok::<_, Error>(latencies)
        };
        let started = Instant::now();
        let latencies = try_join_all((0..at_a_time).map(asking)).await?;
        Ok(Answered::new(latencies.concat(), started.elapsed()))
    }

    /// Sends these requests at so many a second, whether the ones before were answered or not. A latency counts from when
    /// its request was due.
    pub(crate) async fn ask_at(&self, token: &str, bodies: &[String], per_second: f64) -> Result<Answered, Error> {
        let started = Instant::now();
        let asking = async |(number, body): (u32, &String)| {
            let due = started + Duration::from_secs_f64(f64::from(number) / per_second);
            tokio::time::sleep_until(due.into()).await;
            self.ask(Some(token), body).await?;
            Ok::<_, Error>(due.elapsed())
        };
        let latencies = try_join_all((0..).zip(bodies).map(asking)).await?;
        Ok(Answered::new(latencies, started.elapsed()))
    }
}

impl Answered {
    fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        Self { per_second: rate(latencies.len(), elapsed), latencies }
    }

    /// The latency, in milliseconds, that so many of a hundred requests do not exceed.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        percentile_ms(&self.latencies, percent)
    }
}

fn add_action(app: &App, coachee: CoacheeId, goal: Option<GoalId>, due: Date) -> Result<AddAction, Error> {
    Ok(AddAction {
        action: app.mint(),
        coachee,
        goal,
        milestone: None,
        title: Title::parse("Write down one question before the meeting")?,
        description: None,
        due: Some(due),
        series: None,
    })
}

fn add_coachee(coachee: CoacheeId, number: usize, invitation: Option<NewInvitation>) -> Result<AddCoachee, Error> {
    Ok(AddCoachee {
        coachee,
        first_name: Name::parse("Jordan")?,
        last_name: LastName::parse(&format!("Number {number}"))?,
        email: Email::parse(&format!("jordan{number}@example.org"))?,
        invitation,
    })
}

/// A session's notes and next steps.
async fn write_session(app: &App, log: LogId, owner: PersonId, session: SessionId) -> Result<(), Error> {
    let text = fixture::notes(1)?;
    run(app, log, owner, SaveNotes { session, base: 0, text, settles: None }).await?;
    let text = Step::parse("Ask one question in the next meeting")?;
    let steps = vec![StepLine::Add { step: app.mint(), text: text.clone() }, StepLine::Add { step: app.mint(), text }];
    run(app, log, owner, SetNextSteps { session, steps, base: None }).await
}

/// Serves the product's router on loopback, until the app stops.
pub(crate) async fn serve(app: &App) -> Result<SocketAddr, Error> {
    let settings = api::http::Settings {
        origins: Vec::new(),
        session_cookie: api::cookies::SESSION.to_owned(),
        browser_cookie: api::cookies::BROWSER.to_owned(),
        nonce: 1,
        bounds: api::http::Bounds::default(),
        numbers: api::http::Numbers::default(),
    };
    let router = api::router(app.clone(), settings);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let listener = api::http::patience::Patient::new(listener, Duration::from_secs(10));
    let mut stopping = app.tasks().stopping();
    app.tasks().start("server", async move {
        tokio::select! {
            // It serves until the app stops.
            () = api::http::serve(listener, router, std::future::pending()) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    });
    Ok(address)
}
