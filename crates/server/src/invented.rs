//! The invented practice of the demo: two coaches, a manager, a dozen coachees, and what they did in the last months.
//!
//! It is lived through, not written: a clock is set to five months ago and moved on, and everything is done by the
//! commands that people's requests become, as the person who would do it. So every rule held, every date is believable,
//! and the activity log tells it as it would have been.

mod between;

use std::sync::Arc;

use app::clock::Standing;
use app::signin::Credentials;
use app::tokens::Kind;
use app::{App, Clock as _, Request, Through};
use domain::access::Level;
use domain::account::Through as LoginThrough;
use domain::appointment::{AddAppointment, Answer, RescheduleAppointment, RespondToAppointment, Rule, Wall};
use domain::authorization::{AddAuthorization, UsedBy};
use domain::coachee::{
    AcceptInvitation, AddCoachee, BillingModel, Invite, NewInvitation, Sending, SetActiveGoal, SetBillingModel,
    SetLeadCoach, WriteSynopsis,
};
use domain::group::CreateGroup;
use domain::id::{
    AccessId, ActionId, AuthorizationId, CoacheeId, LogId, MilestoneId, NextStepId, PersonId, PracticeId, SessionId,
};
use domain::plan::{
    AddAction, AddGoal, AddMilestone, CommentOnAction, Duration, Frequency, NewSeries, SetActionMonitoring,
    SetActionProgress,
};
use domain::practice::{
    AcceptCoachInvitation, Acceptance, AccessStep, AddCoach, CreatePractice, Role, SetAccess, UpdateCoachSettings,
};
use domain::session::{CheckNextStep, EndSession, LogSession, SaveNotes, SetNextSteps, StartSession, Status, StepLine};
use domain::text::{Email, Text};
use domain::value::{Count, Date, Money, Percent, Time, Zone};
use domain::{Actor, Decide};

use crate::demo::Person;
use crate::error::Error;

/// How many days ago the practice was founded.
const DAYS: i64 = 150;

/// A coachee of the cast.
struct Character {
    first: &'static str,
    last: &'static str,
    goal: &'static str,
    synopsis: &'static str,
    /// Days between sessions; 0 for those who have not begun.
    every: i64,
    /// The EAP's number of sessions, if they come through one.
    approved: Option<u32>,
    stage: Stage,
}

/// How far a coachee's invitation has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Active,
    Invited,
    NotInvited,
}

const CAST: &[Character] = &[
    cast(
        "Robin",
        "Reed",
        "Lead the new team without doing its work",
        "Promoted in spring; careful, liked, overworked.",
        7,
        Some(8),
        Stage::Active,
    ),
    cast(
        "Imani",
        "Diallo",
        "Say what I want in the room where it is decided",
        "Senior engineer; thinks aloud in writing.",
        14,
        None,
        Stage::Active,
    ),
    cast(
        "Tomas",
        "Lindqvist",
        "Decide about the offer by summer, with a clear head",
        "Two job offers, one of them abroad.",
        7,
        Some(6),
        Stage::Active,
    ),
    cast(
        "Priya",
        "Raman",
        "Hand over the practice to my successor",
        "Founder, 61; wants to leave well.",
        14,
        None,
        Stage::Active,
    ),
    cast(
        "Noor",
        "Haddad",
        "Return from leave at my own pace",
        "Back after a year; three days a week.",
        7,
        Some(12),
        Stage::Active,
    ),
    cast(
        "Emil",
        "Brandt",
        "Have the difficult conversations early",
        "Team lead; avoids conflict until it shouts.",
        14,
        None,
        Stage::Active,
    ),
    cast("Sofia", "Marchetti", "Find two evenings a week that are mine", "", 14, Some(5), Stage::Invited),
    cast("Daniel", "Osei", "Prepare the board presentation as a story", "", 21, None, Stage::Invited),
    cast("Hanna", "Virtanen", "", "", 0, None, Stage::Invited),
    cast("Lucas", "Moreau", "Stop rescuing the project", "", 21, None, Stage::NotInvited),
    cast("Wei", "Zhang", "", "", 0, None, Stage::NotInvited),
    cast("Olivia", "Clarke", "", "", 0, None, Stage::NotInvited),
];

const fn cast(
    first: &'static str,
    last: &'static str,
    goal: &'static str,
    synopsis: &'static str,
    every: i64,
    approved: Option<u32>,
    stage: Stage,
) -> Character {
    Character { first, last, goal, synopsis, every, approved, stage }
}

/// What sessions turn on.
const THEMES: &[(&str, &str, &str)] = &[
    (
        "Where are we?",
        "Looked at the last weeks. **What went well**: asked for help twice.",
        "Write down three moments of the week that gave energy",
    ),
    (
        "The conversation that waits",
        "Role play, twice. The second time *without* the apology at the start.",
        "Have the talk with Jo before Thursday",
    ),
    (
        "What is mine to do",
        "Sorted the list: mine, not mine, not now.\n\n- mine: two things\n- not mine: seven",
        "Give back one task that is not mine",
    ),
    ("Saying no", "A no is an answer to one question, not to a person.", "Say one kind no and note what happened"),
    (
        "Looking at the goal again",
        "The goal still fits; the way there has changed.\n\n> smaller steps",
        "Choose the next small step on Monday morning",
    ),
];

/// Somebody who does things, and when.
struct Actors<'a> {
    app: &'a App,
    clock: &'a Standing,
    practice: PracticeId,
}

/// Something that happens on a day.
enum Happening {
    Added,
    Invited,
    Accepted,
    Planned,
    Session(usize),
    Progressed(u8),
    Wrote,
}

/// Lives the practice's months until `now`. The app must be opened over an empty database and with this clock.
///
/// # Errors
/// A command that is refused: then the demo and the rules do not fit together.
pub async fn live(app: &App, clock: &Arc<Standing>, now: Time) -> Result<Invented, Error> {
    clock.set(begin(now));
    let practice = app.mint();
    let actors = Actors { app, clock, practice };
    let owner = actors.account("maren.holt@demo.example").await?;
    let zone = Zone::parse("Europe/Berlin").map_err(app::Error::from)?;
    let found = CreatePractice {
        practice,
        name: text("Holt Coaching")?,
        zone,
        founder: owner,
        display_name: text("Maren Holt")?,
    };
    actors.act(owner, found).await?;
    let settings = UpdateCoachSettings {
        coach: owner,
        name: None,
        title: Some(text("Executive coach, PCC")?),
        zone: None,
        phone: Some(text("+49 30 5550 0100")?),
        video_link: Some(text("https://video.demo.example/maren")?),
        booking_link: Some(text("https://book.demo.example/maren")?),
    };
    actors.act(owner, settings).await?;
    let manager = actors.coach(owner, "Jonas Weiss", "jonas.weiss@demo.example", Role::Manager).await?;
    let coach = actors.coach(owner, "Amara Okafor", "amara.okafor@demo.example", Role::Coach).await?;
    let mut people = vec![
        Person { name: "Maren Holt".to_owned(), role: "owner of Holt Coaching, and a coach".to_owned(), id: owner },
        Person { name: "Jonas Weiss".to_owned(), role: "manager".to_owned(), id: manager },
        Person { name: "Amara Okafor".to_owned(), role: "coach with access to some coachees".to_owned(), id: coach },
    ];
    let mut files: Vec<File> = Vec::with_capacity(CAST.len());
    for at in 0..CAST.len() {
        let led_by = if at % 3 == 2 { coach } else { owner };
        files.push(File {
            coachee: app.mint(),
            person: None,
            led_by,
            authorization: None,
            actions: Vec::new(),
            open_step: None,
            invitation: None,
        });
    }
    for (at, which, happening) in schedule(now) {
        clock.set(at.max(clock.now()));
        // What recurs appears on its day, as it does in a server that runs.
        app.ring_timers().await?;
        let (Some(role), Some(file)) = (CAST.get(which), files.get_mut(which)) else { continue };
        actors.happen(role, file, owner, &happening).await?;
    }
    clock.set(now);
    actors.sorted(&files, owner, coach).await?;
    for (place, (role, file)) in CAST.iter().zip(&files).enumerate() {
        actors.meetings(role, file, i32::try_from(place).unwrap_or(0)).await?;
    }
    app.ring_timers().await?;
    for (role, file) in CAST.iter().zip(&files) {
        if let Some(id) = file.person {
            people.push(Person { name: format!("{} {}", role.first, role.last), role: "coachee".to_owned(), id });
        }
    }
    let coachee = files.first().map_or_else(|| app.mint(), |file| file.coachee);
    Ok(Invented { practice, coachee, people })
}

/// What was invented: where, who, and a coachee with a plan to try things on.
#[derive(Debug)]
pub struct Invented {
    /// The practice.
    pub practice: PracticeId,
    /// A coachee who has a portal and a plan.
    pub coachee: CoacheeId,
    /// Everybody who can sign in.
    pub people: Vec<Person>,
}

/// The morning on which it all began.
fn begin(now: Time) -> Time {
    const DAY: i64 = 86_400_000_000;
    Time(now.0 - now.0.rem_euclid(DAY)).plus_days(-DAYS).plus_minutes(8 * 60)
}

/// A coachee's file as it grows.
struct File {
    coachee: CoacheeId,
    person: Option<PersonId>,
    led_by: PersonId,
    authorization: Option<AuthorizationId>,
    actions: Vec<ActionId>,
    open_step: Option<NextStepId>,
    invitation: Option<NewInvitation>,
}

/// Everything that happens, in the order of time.
fn schedule(now: Time) -> Vec<(Time, usize, Happening)> {
    let begin = begin(now);
    let mut all = Vec::new();
    for (which, role) in CAST.iter().enumerate() {
        let place = i64::try_from(which).unwrap_or(0);
        let added = begin.plus_days(1 + place * 4).plus_minutes(60 + place * 7);
        all.push((added, which, Happening::Added));
        let invited = if role.every == 0 { now.plus_days(-3) } else { added.plus_days(1) };
        if role.stage != Stage::NotInvited {
            all.push((invited.plus_minutes(20), which, Happening::Invited));
        }
        if role.stage == Stage::Active {
            all.push((added.plus_days(2).plus_minutes(95), which, Happening::Accepted));
        }
        if role.every == 0 {
            continue;
        }
        all.push((added.plus_days(5).plus_minutes(30), which, Happening::Planned));
        all.push((added.plus_days(9).plus_minutes(240), which, Happening::Wrote));
        let (mut session, mut at) = (0, added.plus_days(6).plus_minutes(150));
        while at < now.plus_days(-1) {
            all.push((at, which, Happening::Session(session)));
            let progress = u8::try_from((session * 12).min(100)).unwrap_or(100);
            all.push((at.plus_days(2).plus_minutes(310), which, Happening::Progressed(progress)));
            session += 1;
            at = at.plus_days(role.every);
        }
    }
    all.retain(|(at, _, _)| *at < now);
    all.sort_by_key(|(at, which, _)| (*at, *which));
    all
}

impl Actors<'_> {
    async fn act(&self, who: PersonId, command: impl Decide) -> Result<(), Error> {
        let request = self.request(Actor::Person(who));
        self.app.run(request, command).await?;
        Ok(())
    }

    fn request(&self, actor: Actor) -> Request {
        let (now, command) = (self.clock.now(), self.app.command());
        Request {
            log: LogId::Practice(self.practice),
            actor,
            through: Through::Browser,
            now,
            command,
            idempotency: None,
        }
    }

    /// The account of an address, opened as people open theirs: by a sign-in link.
    async fn account(&self, email: &str) -> Result<PersonId, Error> {
        let email: Email = text(email)?;
        let (address, command) = (LogId::Address(self.app.address(&email)), self.app.command());
        let asked = self.app.request_link(email, command, None).await?;
        let token = self.app.token(Kind::SignInLink, address, command).text;
        let brought = Credentials { token, browser: Some(asked.browser), digits: None };
        Ok(self.app.sign_in(&brought, LoginThrough::Browser, self.app.command(), |_| None).await?.person)
    }

    /// A further coach, who accepts the owner's invitation.
    async fn coach(&self, owner: PersonId, name: &str, email: &str, role: Role) -> Result<PersonId, Error> {
        let person = self.account(email).await?;
        let log = LogId::Practice(self.practice);
        let request = self.request(Actor::Person(owner));
        let email: Email = text(email)?;
        let token = self.app.invitation(Kind::CoachInvitation, (log, request.command), &email);
        let (practice, invitation, address) = (self.practice, token.id(), self.app.address(&email));
        let (name, before) = (text(name)?, Vec::new());
        let add = AddCoach { practice, invitation, token: token.hash, name, email, role, before };
        self.app.run(request, add).await?;
        let acceptance = Acceptance { address, person, login: None };
        self.act(person, AcceptCoachInvitation { practice, invitation, token: token.hash, acceptance }).await?;
        Ok(person)
    }

    async fn happen(
        &self,
        role: &Character,
        file: &mut File,
        owner: PersonId,
        happening: &Happening,
    ) -> Result<(), Error> {
        match happening {
            Happening::Added => self.added(role, file, owner).await,
            Happening::Invited => self.invited(role, file, owner).await,
            Happening::Accepted => self.accepted(role, file).await,
            Happening::Planned => self.planned(role, file, owner).await,
            Happening::Session(number) => self.session(role, file, *number).await,
            Happening::Progressed(progress) => self.progressed(file, *progress).await,
            Happening::Wrote => self.wrote(role, file).await,
        }
    }

    async fn added(&self, role: &Character, file: &File, owner: PersonId) -> Result<(), Error> {
        let email: Email = text(&email_of(role))?;
        let (first_name, last_name) = (text(role.first)?, text(role.last)?);
        self.act(owner, AddCoachee { coachee: file.coachee, first_name, last_name, email, invitation: None }).await?;
        if file.led_by != owner {
            let access = AccessId::between(file.led_by, file.coachee.into());
            let step = AccessStep::Grant(Level::UserAdmin);
            self.act(owner, SetAccess { coach: file.led_by, coachee: file.coachee, access, step }).await?;
            self.act(owner, SetLeadCoach { coachee: file.coachee, coach: file.led_by }).await?;
        }
        let model = if role.approved.is_some() { BillingModel::Eap } else { BillingModel::PayPerSession };
        self.act(owner, SetBillingModel { coachee: file.coachee, model }).await
    }

    /// Each of the two coaches sorts whom they lead, or some of them, into a group of their own.
    async fn sorted(&self, files: &[File], owner: PersonId, coach: PersonId) -> Result<(), Error> {
        let led_by = |who: PersonId| files.iter().filter(move |file| file.led_by == who).map(|file| file.coachee);
        let approved = files.iter().filter(|file| file.authorization.is_some()).map(|file| file.coachee);
        let groups = [
            (owner, "Through Northwind", "Whose sessions their employee assistance program pays.", approved.collect()),
            (coach, "My Thursdays", "", led_by(coach).collect::<Vec<_>>()),
        ];
        for (who, name, description, coachees) in groups {
            let description = Some(text(description)?);
            let group = self.app.mint();
            self.act(who, CreateGroup { group, name: text(name)?, description, coachees }).await?;
        }
        Ok(())
    }

    async fn invited(&self, role: &Character, file: &mut File, owner: PersonId) -> Result<(), Error> {
        let to: Email = text(&email_of(role))?;
        let request = self.request(Actor::Person(owner));
        let of = (LogId::Practice(self.practice), request.command);
        let token = self.app.invitation(Kind::CoacheeInvitation, of, &to);
        let invitation = NewInvitation { id: token.id(), token: token.hash };
        self.app.run(request, Invite { coachee: file.coachee, invitation, to, sending: Sending::First }).await?;
        // Whoever accepts brings the token; the demo keeps what the mail would have carried.
        file.invitation = Some(invitation);
        Ok(())
    }

    async fn accepted(&self, role: &Character, file: &mut File) -> Result<(), Error> {
        let Some(NewInvitation { id: invitation, token }) = file.invitation else { return Ok(()) };
        let email = email_of(role);
        let person = self.account(&email).await?;
        let acceptance = Acceptance { address: self.app.address(&text(&email)?), person, login: None };
        let (practice, coachee) = (self.practice, file.coachee);
        self.act(person, AcceptInvitation { practice, invitation, token, coachee, acceptance }).await?;
        file.person = Some(person);
        Ok(())
    }

    async fn planned(&self, role: &Character, file: &mut File, owner: PersonId) -> Result<(), Error> {
        let (coachee, coach) = (file.coachee, file.led_by);
        let today = self.clock.now().date_in(&Zone::utc());
        self.act(coach, SetActiveGoal { coachee, goal: text(role.goal)? }).await?;
        if !role.synopsis.is_empty() {
            self.act(coach, WriteSynopsis { coachee, synopsis: text(role.synopsis)? }).await?;
        }
        let goal = self.app.mint();
        self.act(coach, AddGoal { goal, coachee, title: text(role.goal)?, due: today.plus_days(180) }).await?;
        for (title, days, actions) in [
            ("See where I stand", 45, ["Keep a log of one week", "Ask two colleagues how they see me"]),
            (
                "Try it where it matters",
                150,
                ["Choose one meeting and prepare it", "Do it, and write down what happened"],
            ),
        ] {
            let milestone: MilestoneId = self.app.mint();
            self.act(coach, AddMilestone { milestone, goal, title: text(title)?, due: today.plus_days(days) }).await?;
            for title in actions {
                let action = self.app.mint();
                let due = Some(today.plus_days(days - 7));
                let add = AddAction {
                    action,
                    coachee,
                    goal: None,
                    milestone: Some(milestone),
                    title: text(title)?,
                    description: None,
                    due,
                    series: None,
                };
                self.act(coach, add).await?;
                file.actions.push(action);
            }
        }
        self.recurring(file, today).await?;
        if let Some(total) = role.approved {
            file.authorization = Some(self.approved(role, coachee, owner, total, today).await?);
        }
        Ok(())
    }

    /// What the coachee wants to do every week, has the coach told of, and what both say about it.
    async fn recurring(&self, file: &File, today: Date) -> Result<(), Error> {
        let Some(person) = file.person else { return Ok(()) };
        let (action, coachee) = (self.app.mint(), file.coachee);
        let every_week = NewSeries { id: self.app.mint(), frequency: Frequency::Weekly, duration: Duration::Times(26) };
        let add = AddAction {
            action,
            coachee,
            goal: None,
            milestone: None,
            title: text("Write down what went well this week")?,
            description: Some(text("Three lines are enough.")?),
            due: Some(today.plus_days(5)),
            series: Some(every_week),
        };
        self.act(person, add).await?;
        self.act(person, SetActionMonitoring { action, monitored: true }).await?;
        let comment =
            |words: &str| Ok::<_, Error>(CommentOnAction { comment: self.app.mint(), action, text: text(words)? });
        self.later(40);
        self.act(file.led_by, comment("Good. **Small** things count, too: do not wait for the big ones.")?).await?;
        self.later(95);
        self.act(person, comment("Then I have two already.")?).await
    }

    async fn approved(
        &self,
        role: &Character,
        coachee: CoacheeId,
        owner: PersonId,
        total: u32,
        today: Date,
    ) -> Result<AuthorizationId, Error> {
        let authorization = self.app.mint();
        let add = AddAuthorization {
            authorization,
            coachee,
            number: text(&format!("EAP-{}-{total:03}", role.last.to_uppercase()))?,
            source: text("Northwind Employee Assistance")?,
            total: Count(total),
            rate: Money::parse("95.00", "EUR").map_err(app::Error::from)?,
            starts: today,
            ends: today.plus_days(155),
            used_by: UsedBy::default(),
        };
        self.act(owner, add).await?;
        Ok(authorization)
    }

    async fn session(&self, role: &Character, file: &mut File, number: usize) -> Result<(), Error> {
        let Some((title, notes, step)) = THEMES.get(number % THEMES.len()) else { return Ok(()) };
        let (coachee, coach, session): (_, _, SessionId) = (file.coachee, file.led_by, self.app.mint());
        // An approval covers so many sessions and no more.
        let authorization = file.authorization.filter(|_| role.approved.is_some_and(|total| number < total as usize));
        if number % 7 == 4 {
            let (started_at, title) = (self.clock.now(), text(title)?);
            self.clock.set(started_at.plus_minutes(15));
            let status = Status::NoShow;
            return self
                .act(coach, LogSession { session, coachee, title, started_at, minutes: 0, status, authorization: None })
                .await;
        }
        self.act(coach, StartSession { session, coachee, title: Some(text(title)?), from: None, authorization })
            .await?;
        if let Some(step) = file.open_step.take()
            && let Some(person) = file.person
        {
            self.act(person, CheckNextStep { step, done: !number.is_multiple_of(3) }).await?;
        }
        let mut written = format!("# {title}\n");
        for (base, line) in notes.split('\n').enumerate() {
            self.later(9);
            written.push_str(line);
            written.push('\n');
            let base = u32::try_from(base).unwrap_or(0);
            self.act(coach, SaveNotes { session, base, text: text(&written)?, settles: None }).await?;
        }
        let id = self.app.mint();
        let steps = vec![StepLine::Add { step: id, text: text(step)? }];
        self.act(coach, SetNextSteps { session, steps, base: None }).await?;
        file.open_step = Some(id);
        self.later(12);
        let status = if number % 5 == 3 { Status::Late } else { Status::Attended };
        self.act(coach, EndSession { session, minutes: Some(50), status }).await
    }

    async fn progressed(&self, file: &File, progress: u8) -> Result<(), Error> {
        let who = file.person.unwrap_or(file.led_by);
        for (place, action) in file.actions.iter().enumerate() {
            // What comes first is done first.
            let behind = u8::try_from(place).unwrap_or(0).saturating_mul(25);
            let progress = Percent::parse(i64::from(progress.saturating_mul(2).saturating_sub(behind).min(100)))
                .map_err(app::Error::from)?;
            self.act(who, SetActionProgress { action: *action, progress }).await?;
        }
        Ok(())
    }

    /// The next meetings of whoever comes regularly: the second one is moved, and they say that they come.
    async fn meetings(&self, role: &Character, file: &File, place: i32) -> Result<(), Error> {
        let Some(person) = file.person.filter(|_| role.every > 0) else { return Ok(()) };
        let zone = Zone::parse("Europe/Berlin").map_err(app::Error::from)?;
        let ten = Wall::of(self.clock.now().date_in(&zone).civil().at(10, 0, 0, 0));
        let start = ten.plus_days(1 + place);
        let rule = format!("FREQ=WEEKLY;INTERVAL={};COUNT=8", role.every / 7);
        let rule = Rule::parse(&rule, start, &zone).map_err(app::Error::from)?;
        let second = rule.starts(start).ok().and_then(|starts| starts.get(1).copied());
        let appointment = self.app.mint();
        let add = AddAppointment {
            appointment,
            coachee: file.coachee,
            coach: None,
            title: text("Coaching")?,
            place: None,
            link: Some(text("https://video.demo.example/holt")?),
            start,
            zone,
            minutes: 50,
            rule: Some(rule),
        };
        self.act(file.led_by, add).await?;
        self.act(person, RespondToAppointment { appointment, occurrence: None, answer: Answer::Going }).await?;
        let Some(second) = second else { return Ok(()) };
        let moved = RescheduleAppointment {
            appointment,
            occurrence: Some(second),
            title: None,
            place: None,
            link: None,
            start: Some(second.plus_days(1)),
            zone: None,
            minutes: None,
            rule: None,
        };
        self.act(file.led_by, moved).await
    }

    fn later(&self, minutes: i64) {
        self.clock.set(self.clock.now().plus_minutes(minutes));
    }
}

fn email_of(role: &Character) -> String {
    format!("{}.{}@demo.example", role.first.to_lowercase(), role.last.to_lowercase())
}

fn text<T: Text>(text: &str) -> Result<T, Error> {
    Ok(T::parse(text).map_err(app::Error::from)?)
}
