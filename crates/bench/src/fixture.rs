//! Practices as they are after a year of coaching, made through [`App::run`] by their owner.
//!
//! A coachee has two goals, four milestones, forty actions, an authorization and four logged sessions with notes: about
//! sixty rows and as many events. The whole is remembered here, so that later commands know what they change.

use app::signin::Credentials;
use app::tokens::Kind;
use app::{App, Request, Through};
use domain::authorization::{AddAuthorization, UsedBy};
use domain::coachee::AddCoachee;
use domain::id::{ActionId, AuthorizationId, CoacheeId, GoalId, LogId, MilestoneId, PersonId, PracticeId, SessionId};
use domain::plan::{AddAction, AddGoal, AddMilestone};
use domain::practice::CreatePractice;
use domain::session::{LogSession, SaveNotes, Status};
use domain::text::{Email, LastName, Name, Notes, Number, Source, Text as _, Title};
use domain::value::{Count, Date, Money, Zone};
use domain::{Actor, Decide};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::error::Error;

/// How many commands are on their way at a time while a fixture is made.
const AT_A_TIME: usize = 1_024;
const GOALS: usize = 2;
const MILESTONES_A_GOAL: usize = 2;
const ACTIONS_A_MILESTONE: usize = 10;
const SESSIONS: usize = 4;
/// Rows that one coachee has: itself, its address, the owner's access, its plan, an authorization, and sessions with
/// their notes and units.
pub(crate) const ROWS_A_COACHEE: usize =
    3 + GOALS * (1 + MILESTONES_A_GOAL * (1 + ACTIONS_A_MILESTONE)) + 1 + 3 * SESSIONS;
/// Events that make one: an addition and an access, its plan, an authorization, and three for each session with its unit,
/// and one for its notes.
pub(crate) const EVENTS_A_COACHEE: usize =
    2 + GOALS * (1 + MILESTONES_A_GOAL * (1 + ACTIONS_A_MILESTONE)) + 1 + 4 * SESSIONS;

/// Practices and what is in them.
#[derive(Debug)]
pub(crate) struct Fixture {
    /// Their owner.
    pub(crate) owner: PersonId,
    /// Every coachee of every practice; neighbours are of different practices.
    pub(crate) coachees: Vec<Coachee>,
    /// Every action of every coachee, in an order in which neighbours are of different practices.
    pub(crate) actions: Vec<Action>,
    /// Likewise every session.
    pub(crate) sessions: Vec<Session>,
}

/// A coachee.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coachee {
    /// The practice's log.
    pub(crate) log: LogId,
    /// Its id.
    pub(crate) id: CoacheeId,
    /// An authorization that is never used up.
    pub(crate) authorization: AuthorizationId,
}

/// An action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Action {
    /// The practice's log.
    pub(crate) log: LogId,
    /// Its id.
    pub(crate) id: ActionId,
    /// How far it is: 0 to 100.
    pub(crate) progress: i64,
}

/// A session with notes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    /// The practice's log.
    pub(crate) log: LogId,
    /// Its id.
    pub(crate) id: SessionId,
    /// The newest revision of its notes.
    pub(crate) revision: u32,
}

/// Runs a command by a person of the practice, as a browser's request does.
pub(crate) async fn run(app: &App, log: LogId, owner: PersonId, command: impl Decide) -> Result<(), Error> {
    let request = Request {
        log,
        actor: Actor::Person(owner),
        through: Through::Browser,
        now: app.clock().now(),
        command: app.command(),
        idempotency: None,
    };
    app.run(request, command).await?;
    Ok(())
}

/// The notes of a session at a revision: two pages to which each save adds a line.
pub(crate) fn notes(revision: u32) -> Result<Notes, Error> {
    let page = "They said that the week had gone better than the one before, and that mornings are the hard part.\n";
    let lines = (1..=revision).map(|line| format!("- {line}: what they will try before the next session\n"));
    Ok(Notes::parse(&page.repeat(20).chars().chain(lines.collect::<String>().chars()).collect::<String>())?)
}

/// What a session of today with an authorization is logged as.
pub(crate) fn log_session(app: &App, coachee: &Coachee, session: SessionId) -> Result<LogSession, Error> {
    Ok(LogSession {
        session,
        coachee: coachee.id,
        title: Title::parse("Looking back at the month")?,
        started_at: app.clock().now().plus_minutes(-60),
        minutes: 50,
        status: Status::Attended,
        authorization: Some(coachee.authorization),
    })
}

impl Fixture {
    /// Makes practices with so many coachees each.
    pub(crate) async fn fill(app: &App, practices: usize, coachees: usize) -> Result<Self, Error> {
        let owner = sign_up(app).await?;
        let logs: Vec<PracticeId> = (0..practices).map(|_| app.mint()).collect();
        for practice in &logs {
            let (name, display_name) = (Name::parse("Oak & Elm Coaching")?, Name::parse("Mia Carter")?);
            let command = CreatePractice { practice: *practice, name, zone: Zone::utc(), founder: owner, display_name };
            run(app, LogId::Practice(*practice), owner, command).await?;
        }
        let logs = logs.iter().map(|practice| LogId::Practice(*practice));
        let coachees: Vec<Coachee> = (0..coachees)
            .flat_map(|_| logs.clone())
            .map(|log| Coachee { log, id: app.mint(), authorization: app.mint() })
            .collect();
        let mut fixture = Self { owner, coachees, actions: Vec::new(), sessions: Vec::new() };
        fixture.add_coachees(app).await?;
        fixture.add_plans(app).await?;
        fixture.add_sessions(app).await?;
        // As in a database that has been there for a while.
        app.store().measure().await?;
        Ok(fixture)
    }

    async fn add_coachees(&self, app: &App) -> Result<(), Error> {
        let owner = self.owner;
        let today = app.clock().now().date_in(&Zone::utc());
        let add = async |(number, coachee): (usize, &Coachee)| {
            let command = AddCoachee {
                coachee: coachee.id,
                first_name: Name::parse("Jordan")?,
                last_name: LastName::parse(&format!("Number {number}"))?,
                email: Email::parse(&format!("jordan{number}@example.org"))?,
                invitation: None,
            };
            run(app, coachee.log, owner, command).await?;
            let command = AddAuthorization {
                authorization: coachee.authorization,
                coachee: coachee.id,
                number: Number::parse(&format!("EAP-{number}"))?,
                source: Source::parse("Northwind EAP")?,
                total: Count(1_000_000),
                rate: Money::parse("85.50", "USD")?,
                starts: today.plus_days(-30),
                ends: today.plus_days(365),
                used_by: UsedBy::default(),
            };
            run(app, coachee.log, owner, command).await
        };
        all(self.coachees.iter().enumerate().map(add)).await
    }

    async fn add_plans(&mut self, app: &App) -> Result<(), Error> {
        let (owner, due) = (self.owner, app.clock().now().date_in(&Zone::utc()).plus_days(60));
        let goals: Vec<(&Coachee, GoalId)> =
            (0..GOALS).flat_map(|_| self.coachees.iter().map(|coachee| (coachee, app.mint()))).collect();
        let add = async |(coachee, goal): &(&Coachee, GoalId)| {
            let title = Title::parse("Speak up in the leadership meeting")?;
            run(app, coachee.log, owner, AddGoal { goal: *goal, coachee: coachee.id, title, due }).await
        };
        all(goals.iter().map(add)).await?;
        let milestones: Vec<(&Coachee, GoalId, MilestoneId)> = (0..MILESTONES_A_GOAL)
            .flat_map(|_| goals.iter().map(|(coachee, goal)| (*coachee, *goal, app.mint())))
            .collect();
        let add = async |(coachee, goal, milestone): &(&Coachee, GoalId, MilestoneId)| {
            let title = Title::parse("Prepare two points for each agenda")?;
            run(app, coachee.log, owner, AddMilestone { milestone: *milestone, goal: *goal, title, due }).await
        };
        all(milestones.iter().map(add)).await?;
        let actions: Vec<(CoacheeId, MilestoneId, Action)> = (0..ACTIONS_A_MILESTONE)
            .flat_map(|_| milestones.iter())
            .map(|(coachee, _, milestone)| {
                (coachee.id, *milestone, Action { log: coachee.log, id: app.mint(), progress: 0 })
            })
            .collect();
        let add = async |(coachee, milestone, action): &(CoacheeId, MilestoneId, Action)| {
            run(app, action.log, owner, add_action(*coachee, *milestone, action.id, due)?).await
        };
        all(actions.iter().map(add)).await?;
        self.actions = actions.into_iter().map(|(_, _, action)| action).collect();
        Ok(())
    }

    async fn add_sessions(&mut self, app: &App) -> Result<(), Error> {
        let owner = self.owner;
        let sessions: Vec<(&Coachee, SessionId)> =
            (0..SESSIONS).flat_map(|_| self.coachees.iter().map(|coachee| (coachee, app.mint()))).collect();
        let add = async |(coachee, session): &(&Coachee, SessionId)| {
            run(app, coachee.log, owner, log_session(app, coachee, *session)?).await?;
            let command = SaveNotes { session: *session, base: 0, text: notes(1)?, settles: None };
            run(app, coachee.log, owner, command).await
        };
        all(sessions.iter().map(add)).await?;
        self.sessions =
            sessions.iter().map(|(coachee, id)| Session { log: coachee.log, id: *id, revision: 1 }).collect();
        Ok(())
    }
}

fn add_action(coachee: CoacheeId, milestone: MilestoneId, action: ActionId, due: Date) -> Result<AddAction, Error> {
    Ok(AddAction {
        action,
        coachee,
        goal: None,
        milestone: Some(milestone),
        title: Title::parse("Write down one question before the meeting")?,
        description: None,
        due: Some(due),
        series: None,
    })
}

/// Runs commands, a bounded number at a time.
pub(crate) async fn all<F: Future<Output = Result<(), Error>>>(commands: impl Iterator<Item = F>) -> Result<(), Error> {
    stream::iter(commands).buffer_unordered(AT_A_TIME).try_collect().await
}

/// Signs somebody up by a link.
pub(crate) async fn sign_up(app: &App) -> Result<PersonId, Error> {
    let email = Email::parse("mia@example.org")?;
    let (log, command) = (LogId::Address(app.address(&email)), app.command());
    let asked = app.request_link(email, command, None).await?;
    let token = app.token(Kind::SignInLink, log, command).text;
    let brought = Credentials { token, browser: Some(asked.browser), digits: None };
    let through = domain::account::Through::Browser;
    Ok(app.sign_in(&brought, through, app.command(), |_| None).await?.person)
}
