//! Sessions: starting, ending and logging them, their notes, next steps and authorization (S1.31–S1.44, S1.65, S1.66,
//! S2.36, S3.22).
//!
//! A session runs until it is ended, or is logged afterwards as one that has ended. What holds here:
//! * it keeps the active goal as it stood when it was started or logged, sealed to the session, for the look-back;
//! * it is linked to at most one authorization; the unit follows its status (see [`crate::authorization`]);
//! * title, start, notes and next steps can be corrected after it ended; each correction is an event;
//! * several sessions of one coachee may run at a time: two coaches may work with one coachee, and a session that
//!   somebody forgot to end must not keep the next one from starting.
//!
//! [`notes`] has the notes, [`steps`] the next steps, [`rating`] what coaches think of their own work.

use serde::{Deserialize, Serialize};

use crate::access::Deed;
use crate::appointment::{self, Appointment, Wall};
use crate::authorization::{Authorization, Linked};
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::edit::{changed, changed_from, rewritten};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{AppointmentId, AuthorizationId, CoacheeId, NextStepId, PersonId, SessionId};
use crate::row::{Column, Type, Value};
use crate::text::{self, ActiveGoal, Change, Confidential, Numbered, Step, Text, Title, facts};
use crate::value::{Date, Time};
use crate::{Rows, refusals};

pub mod notes;
pub mod rating;
pub mod steps;

pub use notes::{Notes, RestoreNotes, SaveNotes, Saved, Sibling};
pub use rating::{RateSession, SelfRating};
pub use steps::{CheckNextStep, NextStep, SetNextSteps, StepLine};

/// What a session is called where nobody says.
pub const TITLE: &str = "Session";
/// How long a session can be, in minutes. One that was forgotten and ended later is this long unless somebody says.
pub const MOST_MINUTES: u32 = 1440;

/// How a session went (S3.22). One that goes on has none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It took place.
    Attended,
    /// It was called off.
    Cancelled,
    /// The coachee did not come.
    NoShow,
    /// It took place; the coachee came late.
    Late,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Attended, Self::Cancelled, Self::NoShow, Self::Late];

    /// The word by which the session log is filtered.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Attended => "attended",
            Self::Cancelled => "cancelled",
            Self::NoShow => "no_show",
            Self::Late => "late",
        }
    }
}

impl Column for Status {
    const TYPE: Type = Type::Text;
    fn value(&self) -> Value {
        Value::Text(self.word().to_owned())
    }
}

facts!(Status);

events! {
    /// What happens to a session.
    pub enum Event {
        /// It began, with the active goal as it then stood. `title_of` is the appointment that its title was taken from, where
        /// it was.
        "session.started" as "session_start" Started sees Session {
            session: SessionId, coachee: CoacheeId, title: Confidential<Title>, active_goal: Option<Confidential<ActiveGoal>>,
            started_at: Time,
            #[serde(default, skip_serializing_if = "Option::is_none")] title_of: Option<AppointmentId>
        },
        /// It was written down afterwards, with the active goal as it stood while writing.
        "session.logged" as "session_log" Logged sees Session {
            session: SessionId, coachee: CoacheeId, title: Confidential<Title>, active_goal: Option<Confidential<ActiveGoal>>,
            started_at: Time, minutes: u32, status: Status
        },
        /// Its title, start or duration was corrected.
        "session.changed" as "session_update" Changed sees Session {
            session: SessionId, coachee: CoacheeId, title: Option<Change<Confidential<Title>>>, started_at: Option<Change<Time>>,
            minutes: Option<Change<u32>>
        },
        /// Its notes have another text, which came from the revision `base`. `settled` is a sibling that is now a part of
        /// it, `restored` the revision whose text was brought back.
        "session.notes_saved" as "notes_save" NotesSaved sees Notes {
            session: SessionId, base: u32, text: Saved, settled: Option<u32>, restored: Option<u32>
        },
        /// A save came from `base` while the notes had come to `theirs` in the same lines: both texts are kept, this one as
        /// a sibling. `replaced` is an earlier sibling that went on as this one.
        "session.notes_diverged" as "notes_conflict" NotesDiverged sees Notes {
            session: SessionId, base: u32, theirs: u32, text: Numbered<Confidential<text::Notes>>, replaced: Option<u32>
        },
        /// A next step was agreed on.
        "session.next_step_added" as "next_step_add" NextStepAdded sees Session {
            step: NextStepId, session: SessionId, coachee: CoacheeId, text: Confidential<Step>, place: u32
        },
        /// Its words or its place among the steps were changed.
        "session.next_step_changed" as "next_step_update" NextStepChanged sees Session {
            step: NextStepId, text: Option<Change<Confidential<Step>>>, place: Option<Change<u32>>
        },
        /// It was taken off.
        "session.next_step_removed" as "next_step_remove" NextStepRemoved sees Session { step: NextStepId, session: SessionId },
        /// It was marked as done, or as not done.
        "session.next_step_checked" as "next_step_check" NextStepChecked sees Session { step: NextStepId, done: Change<bool> },
        /// It counts on an authorization.
        "session.authorization_linked" as "authorization_link" AuthorizationLinked sees File { session: SessionId, authorization: AuthorizationId },
        /// It does so no more.
        "session.authorization_unlinked" as "authorization_unlink" AuthorizationUnlinked sees File { session: SessionId, authorization: AuthorizationId },
        /// It ended.
        "session.ended" as "session_end" Ended sees Session { session: SessionId, minutes: u32, status: Status },
        /// How it went was corrected.
        "session.status_set" as "session_status_set" StatusSet sees Session { session: SessionId, status: Change<Status> },
        /// Its coach rated their own coaching in it, or changed that. Theirs alone.
        "session.rated" as "session_rate" Rated sees Rating {
            session: SessionId, coachee: CoacheeId, started_at: Time, rating: Option<Change<Confidential<text::Rating>>>,
            reflection: Option<Change<Confidential<text::Reflection>>>
        },
    }
}

refusals! {
    /// Why something about a session was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "SESSION_EXISTS" "This session has been started or logged before.",
        /// It cannot end twice.
        HasEnded "SESSION_HAS_ENDED" "This session has ended. Use setSessionStatus or updateSession to correct it.",
        /// It has no status and no duration yet.
        IsRunning "SESSION_IS_RUNNING" "This session is still running. End it first.",
        /// It would begin later than now.
        IsInTheFuture "SESSION_IS_IN_THE_FUTURE" "A session begins now or earlier. Correct the time, or add an appointment instead.",
        /// Another authorization is linked.
        IsLinked "SESSION_HAS_AN_AUTHORIZATION" "This session is linked to another authorization. Unlink that one first.",
        /// More than a list that people keep.
        TooManySteps "NEXT_STEPS_ARE_TOO_MANY" "A session can have at most 50 next steps.",
        /// The id is in use, or stands twice in the list.
        StepIsThere "NEXT_STEP_EXISTS" "The same next step was given twice, or has been added before.",
    }
}

/// A session, as far as decisions and lists need it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// With whom.
    pub coachee: CoacheeId,
    /// Who started or logged it; nobody where the product did.
    pub coach: Option<PersonId>,
    /// What it is called.
    pub title: Confidential<Title>,
    /// The active goal as it stood when the session was started or logged (S1.36).
    pub active_goal: Option<Confidential<ActiveGoal>>,
    /// When it began.
    pub started_at: Time,
    /// How long it was; nothing while it goes on.
    pub minutes: Option<u32>,
    /// How it went; nothing while it goes on.
    pub status: Option<Status>,
    /// The authorization that it counts on, if any.
    pub authorization: Option<AuthorizationId>,
    /// The appointment from which it was started, if it was.
    pub appointment: Option<AppointmentId>,
    /// Its next steps, in no order: they have their places.
    pub steps: Vec<NextStepId>,
    /// Who wrote its title; nobody where it was taken from an appointment. That and the active goal are copies, whoever's words
    /// they are.
    pub titled_by: Option<PersonId>,
}
row! { Session in session, seen as Session, id id: SessionId, subject |r| r.coachee,
written by |r, text| r.titled_by.filter(|_| text == text::Kind::Title),
columns |r| [
    coachee: CoacheeId = r.coachee,
    started_at: Time = r.started_at,
    status: &'static str = r.status.map_or("running", Status::word),
], sealed [title, active_goal] }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Started { session, coachee, title, active_goal, started_at, title_of } => {
            begin(rows, when, (*session, *coachee), (title, active_goal.as_ref()), *started_at, None);
            if title_of.is_some() {
                rows.edit(*session, |row: &mut Session| row.titled_by = None);
            }
        }
        Event::Logged { session, coachee, title, active_goal, started_at, minutes, status } => {
            let ended = Some((*minutes, *status));
            begin(rows, when, (*session, *coachee), (title, active_goal.as_ref()), *started_at, ended);
        }
        Event::Changed { session, coachee, title, started_at, minutes } => {
            rows.edit(*session, |row: &mut Session| {
                row.titled_by = if title.is_some() { when.actor } else { row.titled_by };
                row.title = title.as_ref().map_or_else(|| row.title.clone(), |change| change.now.clone());
                row.started_at = started_at.as_ref().map_or(row.started_at, |change| change.now);
                row.minutes = minutes.as_ref().map_or(row.minutes, |change| Some(change.now));
            });
            if let Some(Change { now, .. }) = started_at {
                rows.edit(*coachee, |row: &mut Coachee| row.session_began(*session, *now));
                rows.edit(*session, |row: &mut SelfRating| row.started_at = *now);
            }
        }
        Event::NotesSaved { session, text, settled, .. } => {
            rows.edit(*session, |row: &mut Notes| row.text.save(text, *settled, when));
        }
        Event::NotesDiverged { session, base, theirs, text, replaced } => {
            let sibling = Sibling { base: *base, theirs: *theirs, text: text.clone(), author: when.actor, at: when.at };
            rows.edit(*session, |row: &mut Notes| row.text.diverge(sibling, *replaced));
        }
        Event::NextStepAdded { step, session, coachee, text, place } => {
            rows.put(NextStep::new((*step, *session, *coachee), (text.clone(), when.actor), *place));
            rows.edit(*session, |row: &mut Session| row.steps.push(*step));
        }
        Event::NextStepChanged { step, text, place } => rows.edit(*step, |row: &mut NextStep| {
            row.written_by = if text.is_some() { when.actor } else { row.written_by };
            row.text = text.as_ref().map_or_else(|| row.text.clone(), |change| change.now.clone());
            row.place = place.as_ref().map_or(row.place, |change| change.now);
        }),
        Event::NextStepRemoved { step, session } => {
            rows.delete::<NextStep>(*step);
            rows.edit(*session, |row: &mut Session| row.steps.retain(|it| it != step));
        }
        Event::NextStepChecked { step, done } => rows.edit(*step, |row: &mut NextStep| {
            row.done = done.now;
            row.done_at = done.now.then_some(when.at);
        }),
        Event::AuthorizationLinked { session, authorization } => {
            rows.edit(*session, |row: &mut Session| row.authorization = Some(*authorization));
        }
        Event::AuthorizationUnlinked { session, .. } => {
            rows.edit(*session, |row: &mut Session| row.authorization = None);
        }
        Event::Ended { session, minutes, status } => rows.edit(*session, |row: &mut Session| {
            row.minutes = Some(*minutes);
            row.status = Some(*status);
        }),
        Event::StatusSet { session, status } => {
            rows.edit(*session, |row: &mut Session| row.status = Some(status.now));
        }
        Event::Rated { session, coachee, started_at, rating, reflection } => {
            rating::fold(rows, when, (*session, *coachee), *started_at, (rating.as_ref(), reflection.as_ref()));
        }
    }
}

type Words<'a> = (&'a Confidential<Title>, Option<&'a Confidential<ActiveGoal>>);

fn begin(
    rows: &mut Rows,
    when: &When,
    (id, coachee): (SessionId, CoacheeId),
    (title, active_goal): Words<'_>,
    started_at: Time,
    ended: Option<(u32, Status)>,
) {
    rows.put(Session {
        id,
        coachee,
        coach: when.actor,
        title: title.clone(),
        active_goal: active_goal.cloned(),
        started_at,
        minutes: ended.map(|(minutes, _)| minutes),
        status: ended.map(|(_, status)| status),
        authorization: None,
        appointment: None,
        steps: Vec::new(),
        titled_by: when.actor,
    });
    rows.put(Notes::empty(id, coachee));
    rows.edit(coachee, |row: &mut Coachee| row.session_began(id, started_at));
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Started { title, started_at, title_of: Some(_), .. } => {
            Entry::default().copy("title", title).set("startedAt", started_at)
        }
        Event::Started { title, started_at, title_of: None, .. } => {
            Entry::default().set("title", title).set("startedAt", started_at)
        }
        Event::Logged { title, started_at, minutes, status, .. } => Entry::default()
            .set("title", title)
            .set("startedAt", started_at)
            .set("durationMinutes", minutes)
            .set("status", status),
        Event::Changed { title, started_at, minutes, .. } => Entry::default()
            .edit("title", title.as_ref())
            .edit("startedAt", started_at.as_ref())
            .edit("durationMinutes", minutes.as_ref()),
        Event::NotesSaved { text, restored: Some(restored), .. } => {
            Entry::default().set("revision", &text.revision()).set("restored", restored)
        }
        Event::NotesSaved { text, base, restored: None, .. } => {
            Entry::default().set("revision", &text.revision()).set("base", base)
        }
        Event::NotesDiverged { text, base, theirs, .. } => {
            Entry::default().set("revision", &text.number).set("base", base).set("theirs", theirs)
        }
        Event::NextStepAdded { session, text, .. } => Entry::default().set("session", session).set("text", text),
        Event::NextStepChanged { text, place, .. } => {
            Entry::default().edit("text", text.as_ref()).edit("place", place.as_ref())
        }
        Event::NextStepRemoved { session, .. } => Entry::default().set("session", session),
        Event::NextStepChecked { done, .. } => Entry::default().edit("done", Some(done)),
        Event::AuthorizationLinked { authorization, .. } => Entry::default().set("authorization", authorization),
        Event::AuthorizationUnlinked { authorization, .. } => Entry::default().set("authorization", authorization),
        Event::Ended { minutes, status, .. } => Entry::default().set("durationMinutes", minutes).set("status", status),
        Event::StatusSet { status, .. } => Entry::default().edit("status", Some(status)),
        Event::Rated { rating, reflection, .. } => {
            Entry::default().edit("rating", rating.as_ref()).edit("reflection", reflection.as_ref())
        }
    }
}

crate::entry::words! {
    Status: |it| Status::word(*it).to_owned();
}

/// From which appointment a session is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartedFrom {
    /// Which.
    pub appointment: AppointmentId,
    /// Which occurrence of it, where it repeats.
    pub occurrence: Option<Wall>,
}

/// Starts a session now (S1.31). With an authorization it holds a unit of it.
#[derive(Debug)]
pub struct StartSession {
    /// Its id.
    pub session: SessionId,
    /// With whom.
    pub coachee: CoacheeId,
    /// What it is called; as its appointment, or "Session", where nobody says.
    pub title: Option<Title>,
    /// The appointment from which it is started, if any.
    pub from: Option<StartedFrom>,
    /// The authorization to link, if any; it must be active.
    pub authorization: Option<AuthorizationId>,
}

impl Command for StartSession {
    shows!(Session session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, there) = (facts.get::<Coachee>(self.coachee), facts.find::<Session>(self.session));
        let linked = self.authorization.map(|id| Linked::get(facts, id, self.session)).transpose();
        let from = self.from.map(|from| facts.find::<Appointment>(from.appointment)).transpose();
        let (coachee, there, from) = (coachee?, there?, from?);
        let decision = facts.allow(Deed::HoldSessions, self.coachee)?;
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        let appointment = from.map(|row| row.ok_or(Stop::NotFound)).transpose()?;
        let held = self
            .from
            .zip(appointment)
            .map(|(from, row)| appointment::held(row, from.occurrence, self.coachee, self.session));
        let held = held.transpose()?;
        let (title, title_of) = self.title(facts, appointment)?;
        let decision = decision.with(Event::Started {
            session: self.session,
            coachee: self.coachee,
            title: Confidential::new(title),
            active_goal: goal_now(facts, coachee)?,
            started_at: facts.now,
            title_of,
        });
        let decision = decision.with_all(held);
        link(decision, facts, linked?, self.coachee, (self.session, facts.now, None))
    }
}

impl StartSession {
    /// What it is called, and the appointment that this was taken from, where it was.
    fn title(
        &self,
        facts: &Facts<'_>,
        appointment: Option<&Appointment>,
    ) -> Result<(Title, Option<AppointmentId>), Stop> {
        if let Some(row) = appointment.filter(|_| self.title.is_none())
            && let Some(title) = facts.read(row, &row.title)?
        {
            return Ok((title, Some(row.id)));
        }
        Ok((self.title.clone().unwrap_or_else(|| Title::stored(TITLE)), None))
    }
}

/// Writes down a session that took place, or should have (S2.36). With an authorization it uses a unit at once, if
/// its status uses one.
#[derive(Debug)]
pub struct LogSession {
    /// Its id.
    pub session: SessionId,
    /// With whom.
    pub coachee: CoacheeId,
    /// What it is called.
    pub title: Title,
    /// When it began: not later than now.
    pub started_at: Time,
    /// How long it was: at most [`MOST_MINUTES`].
    pub minutes: u32,
    /// How it went.
    pub status: Status,
    /// The authorization to link, if any; it must be active on the session's day.
    pub authorization: Option<AuthorizationId>,
}

impl Command for LogSession {
    shows!(Session session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, there) = (facts.get::<Coachee>(self.coachee), facts.find::<Session>(self.session));
        let linked = self.authorization.map(|id| Linked::get(facts, id, self.session)).transpose();
        let (coachee, there) = (coachee?, there?);
        let decision = facts.allow(Deed::HoldSessions, self.coachee)?;
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        not_later(facts, self.started_at)?;
        let decision = decision.with(Event::Logged {
            session: self.session,
            coachee: self.coachee,
            title: Confidential::new(self.title.clone()),
            active_goal: goal_now(facts, coachee)?,
            started_at: self.started_at,
            minutes: bounded(self.minutes)?,
            status: self.status,
        });
        link(decision, facts, linked?, self.coachee, (self.session, self.started_at, Some(self.status)))
    }
}

/// The coachee's active goal, to be sealed to a session; nothing where none is set.
fn goal_now(facts: &Facts<'_>, coachee: &Coachee) -> Result<Option<Confidential<ActiveGoal>>, Stop> {
    let goal = coachee.active_goal.as_ref().map(|goal| facts.read(coachee, goal)).transpose()?.flatten();
    Ok(goal.filter(|goal| !goal.as_str().is_empty()).map(Confidential::new))
}

fn not_later(facts: &Facts<'_>, started_at: Time) -> Result<(), Refusal> {
    if started_at > facts.now { Err(Refusal::IsInTheFuture) } else { Ok(()) }
}

fn bounded(minutes: u32) -> Result<u32, text::Refusal> {
    if minutes > MOST_MINUTES { Err(text::Refusal::OutOfRange) } else { Ok(minutes) }
}

/// The day of a session in the practice's time zone.
fn day(facts: &Facts<'_>, started_at: Time) -> Result<Date, Stop> {
    Ok(started_at.date_in(facts.zone()?))
}

/// And the session is linked, if an authorization was named: it holds a unit while it goes on, and has used one where its
/// status uses one. Another coachee's authorization is answered like one that is not there.
fn link(
    decision: Decision,
    facts: &Facts<'_>,
    linked: Option<Linked<'_>>,
    coachee: CoacheeId,
    (session, started_at, status): (SessionId, Time, Option<Status>),
) -> Result<Decision, Stop> {
    let Some(linked) = linked else { return Ok(decision) };
    if linked.authorization.coachee != coachee {
        return Err(Stop::NotFound);
    }
    let date = day(facts, started_at)?;
    linked.authorization.active_on(date)?;
    let unit = match status {
        None => linked.hold(date)?,
        Some(status) => linked.settle(status, date)?,
    };
    let authorization = linked.authorization.id;
    Ok(decision.with(Event::AuthorizationLinked { session, authorization }).with_all(unit))
}

/// The session with what it is linked to.
fn with_linked<'a>(facts: &Facts<'a>, session: SessionId) -> Result<(&'a Session, Option<Linked<'a>>), Stop> {
    let row = facts.get::<Session>(session)?;
    let linked = row.authorization.map(|id| Linked::get(facts, id, session)).transpose()?;
    Ok((row, linked))
}

/// Corrects a session's title, start or duration; what is `None` stays.
#[derive(Debug)]
pub struct UpdateSession {
    /// Which.
    pub session: SessionId,
    /// Another title.
    pub title: Option<Title>,
    /// Another start: not later than now, and on a day of the authorization, if one is linked.
    pub started_at: Option<Time>,
    /// Another duration, at most [`MOST_MINUTES`]: only once it has ended.
    pub minutes: Option<u32>,
}

impl Command for UpdateSession {
    shows!(Session session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Session>(self.session)?;
        let authorization = row.authorization.map(|id| facts.get::<Authorization>(id)).transpose()?;
        let decision = facts.allow(Deed::HoldSessions, row.coachee)?;
        if self.minutes.is_some() && row.status.is_none() {
            return Err(Refusal::IsRunning.into());
        }
        let minutes = self.minutes.map(bounded).transpose()?;
        let started_at = changed(&row.started_at, self.started_at.as_ref());
        if let Some(change) = &started_at {
            not_later(facts, change.now)?;
            let date = day(facts, change.now)?;
            authorization.map_or(Ok(()), |authorization| authorization.covers(date))?;
        }
        let title = rewritten(facts, row, &row.title, self.title.as_ref())?;
        let minutes = changed_from(row.minutes.as_ref(), minutes.as_ref());
        let nothing = title.is_none() && started_at.is_none() && minutes.is_none();
        let event = Event::Changed { session: self.session, coachee: row.coachee, title, started_at, minutes };
        Ok(if nothing { decision } else { decision.with(event) })
    }
}

/// Ends a session (S1.66): the unit that it holds is used, or given back where its status uses none.
#[derive(Debug)]
pub struct EndSession {
    /// Which.
    pub session: SessionId,
    /// How long it was, at most [`MOST_MINUTES`]; else the time since it began.
    pub minutes: Option<u32>,
    /// How it went.
    pub status: Status,
}

impl Command for EndSession {
    shows!(Session session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, linked) = with_linked(facts, self.session)?;
        let decision = facts.allow(Deed::HoldSessions, row.coachee)?;
        if row.status.is_some() {
            return Err(Refusal::HasEnded.into());
        }
        let minutes = self.minutes.unwrap_or_else(|| facts.now.minutes_since(row.started_at).min(MOST_MINUTES));
        let unit = settled(facts, linked, row, self.status)?;
        let ended = Event::Ended { session: self.session, minutes: bounded(minutes)?, status: self.status };
        Ok(decision.with(ended).with_all(unit))
    }
}

fn settled(
    facts: &Facts<'_>,
    linked: Option<Linked<'_>>,
    row: &Session,
    status: Status,
) -> Result<Option<crate::authorization::Event>, Stop> {
    let Some(linked) = linked else { return Ok(None) };
    Ok(linked.settle(status, day(facts, row.started_at)?)?)
}

/// Corrects how a session went. Its unit follows: taken where the new status uses one (refused where none is left),
/// given back where it does not.
#[derive(Debug)]
pub struct SetSessionStatus {
    /// Which.
    pub session: SessionId,
    /// How it went.
    pub status: Status,
}

impl Command for SetSessionStatus {
    shows!(Session session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, linked) = with_linked(facts, self.session)?;
        let decision = facts.allow(Deed::HoldSessions, row.coachee)?;
        let Some(was) = row.status else { return Err(Refusal::IsRunning.into()) };
        let Some(status) = changed(&was, Some(&self.status)) else { return Ok(decision) };
        let unit = settled(facts, linked, row, self.status)?;
        Ok(decision.with(Event::StatusSet { session: self.session, status }).with_all(unit))
    }
}

/// Links a session to an active authorization of its coachee (S1.65): it holds a unit while it goes on, and uses one
/// where it has ended with a status that does.
#[derive(Debug)]
pub struct LinkAuthorization {
    /// Which.
    pub session: SessionId,
    /// To which.
    pub authorization: AuthorizationId,
}

impl Command for LinkAuthorization {
    shows!(Session session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, linked) = (facts.get::<Session>(self.session), Linked::get(facts, self.authorization, self.session));
        let row = row?;
        // What is not there is told to those only who may link.
        let decision = facts.allow(Deed::HoldSessions, row.coachee)?;
        let linked = linked?;
        // Another coachee's is answered like one that is not there, whatever the session is linked to.
        if linked.authorization.coachee != row.coachee {
            return Err(Stop::NotFound);
        }
        match row.authorization {
            Some(there) if there == self.authorization => Ok(decision),
            Some(_) => Err(Refusal::IsLinked.into()),
            None => link(decision, facts, Some(linked), row.coachee, (self.session, row.started_at, row.status)),
        }
    }
}

/// Unlinks a session from its authorization and gives its unit back. Without one nothing changes.
#[derive(Debug)]
pub struct UnlinkAuthorization {
    /// Which.
    pub session: SessionId,
}

impl Command for UnlinkAuthorization {
    shows!(Session session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, linked) = with_linked(facts, self.session)?;
        let decision = facts.allow(Deed::HoldSessions, row.coachee)?;
        let Some(authorization) = row.authorization else { return Ok(decision) };
        let unit = linked.and_then(|linked| linked.give_back());
        Ok(decision.with(Event::AuthorizationUnlinked { session: self.session, authorization }).with_all(unit))
    }
}
