//! Authorizations: an employee assistance program approved so many sessions at a rate (S1.63–S1.67).
//!
//! A session that is linked holds a unit until it ends; its status then uses the unit or gives it back. What holds here:
//! * used and held together never exceed the total, whatever is linked, ended, unlinked or changed;
//! * a session has at most one unit: the unit's id is derived from the session's;
//! * a unit is taken only while the authorization is active: not closed, begun and not over on the session's day (in
//!   the practice's time zone), and with a unit remaining. One that is held already is used whatever happened since.
//!
//! Sessions decide through `Linked`; nobody else writes units.

use serde::{Deserialize, Serialize};

use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::edit::{changed, personal};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{AuthorizationId, CoacheeId, SessionId, Subject, UnitId};
use crate::row::SortKey;
use crate::session::Status;
use crate::text::{self, Change, Number, Personal, Source, Text as _, facts};
use crate::value::{Count, Date, Money, Time};
use crate::{Rows, refusals};

/// The statuses of a session that use a unit (S1.66, S3.22), each once and in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UsedBy(Vec<Status>);

impl UsedBy {
    /// These statuses use a unit, the others give it back.
    pub fn new(statuses: impl IntoIterator<Item = Status>) -> Self {
        let mut statuses: Vec<_> = statuses.into_iter().collect();
        statuses.sort_unstable();
        statuses.dedup();
        Self(statuses)
    }
    /// Whether this status uses a unit.
    pub fn contains(&self, status: Status) -> bool {
        self.0.contains(&status)
    }
    /// The statuses, in order.
    pub fn statuses(&self) -> &[Status] {
        &self.0
    }
}

impl Default for UsedBy {
    /// Who came, in time or late.
    fn default() -> Self {
        Self::new([Status::Attended, Status::Late])
    }
}

/// How far a session's unit has come. A session without a unit has none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnitState {
    /// Kept for a session that goes on.
    Held,
    /// Used by a session that ended.
    Used,
}

/// Whether a session of a day can be linked to an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It can.
    Active,
    /// The day is before its first.
    NotStarted,
    /// The day is after its last.
    Ended,
    /// No unit remains.
    UsedUp,
    /// Somebody closed it.
    Closed,
}

facts!(UsedBy, UnitState);

events! {
    /// What happens to an authorization.
    pub enum Event {
        /// An approval was recorded.
        "authorization.added" as "authorization_add" Added sees File {
            authorization: AuthorizationId, coachee: CoacheeId, number: Personal<Number>, source: Personal<Source>, total: Count,
            rate: Money, starts: Date, ends: Date, used_by: UsedBy
        },
        /// What it says was corrected.
        "authorization.changed" as "authorization_update" Changed sees File {
            authorization: AuthorizationId, number: Option<Change<Personal<Number>>>, source: Option<Change<Personal<Source>>>,
            total: Option<Change<Count>>, rate: Option<Change<Money>>, starts: Option<Change<Date>>, ends: Option<Change<Date>>,
            used_by: Option<Change<UsedBy>>
        },
        /// Nothing is linked to it any more; units that are held can still be used.
        "authorization.closed" as "authorization_close" Closed sees File { authorization: AuthorizationId },
        /// A session holds a unit.
        "authorization.unit_held" as "unit_hold" UnitHeld sees File { authorization: AuthorizationId, session: SessionId },
        /// A session used a unit: the one that it held, or one at once.
        "authorization.unit_used" as "unit_use" UnitUsed sees File { authorization: AuthorizationId, session: SessionId, was_held: bool },
        /// A session gave its unit back.
        "authorization.unit_given_back" as "unit_give_back" UnitGivenBack sees File { authorization: AuthorizationId, session: SessionId, was: UnitState },
    }
}

refusals! {
    /// Why something about an authorization was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "AUTHORIZATION_EXISTS" "This authorization has been added before.",
        /// The last day is before the first.
        EndsBeforeStart "AUTHORIZATION_ENDS_BEFORE_IT_STARTS" "The end date is before the start date. Correct one of them.",
        /// The total would be less than what sessions have.
        TotalIsTooLow "AUTHORIZATION_TOTAL_IS_TOO_LOW" "Sessions have used or hold more units than this. Unlink sessions, or set a higher total.",
        /// Closed ones stay as they are.
        IsClosed "AUTHORIZATION_IS_CLOSED" "This authorization is closed. Use another one.",
        /// The session is before its first day.
        HasNotStarted "AUTHORIZATION_HAS_NOT_STARTED" "The session is before this authorization's start date. Use another one, or correct the date.",
        /// The session is after its last day.
        HasEnded "AUTHORIZATION_HAS_ENDED" "The session is after this authorization's end date. Use another one, or correct the date.",
        /// Total is used and held.
        IsUsedUp "AUTHORIZATION_IS_USED_UP" "Every session of this authorization is used or held. Use another one, or raise its total.",
    }
}

/// An approval of so many sessions at a rate (S1.64).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Authorization {
    /// Its id.
    pub id: AuthorizationId,
    /// Whose sessions are approved.
    pub coachee: CoacheeId,
    /// As its source gave it.
    pub number: Number,
    /// Who approved.
    pub source: Source,
    /// How many sessions; never less than used and held.
    pub total: Count,
    /// How many units ended sessions used.
    pub used: Count,
    /// How many units sessions that go on hold.
    pub held: Count,
    /// For an hour.
    pub rate: Money,
    /// The first day.
    pub starts: Date,
    /// The last day, itself included.
    pub ends: Date,
    /// Which statuses of a session use a unit.
    pub used_by: UsedBy,
    /// When it was added.
    pub created_at: Time,
    /// When it was closed.
    pub closed_at: Option<Time>,
}
row! { Authorization in authorization, seen as File, id id: AuthorizationId, subject |r| r.coachee,
columns |r| [
    starts: Date = r.starts,
    ends: Date = r.ends,
    closed: bool = r.closed_at.is_some(),
    remaining: u32 = r.remaining().0,
    number_key: SortKey = SortKey::of(&[r.number.as_str()]),
] }

impl Authorization {
    /// How many sessions can still be linked: total less used and held.
    pub const fn remaining(&self) -> Count {
        self.total.less(self.used).less(self.held)
    }

    /// Whether a session of this day (in the practice's time zone) can be linked (S1.65).
    pub fn state_on(&self, date: Date) -> State {
        if self.closed_at.is_some() {
            State::Closed
        } else if date < self.starts {
            State::NotStarted
        } else if date > self.ends {
            State::Ended
        } else if self.remaining() == Count::default() {
            State::UsedUp
        } else {
            State::Active
        }
    }

    /// Whether it is open and ends on this day or within so many days after it (S1.67).
    pub fn expiring(&self, date: Date, days: u32) -> bool {
        self.open_on(date) && self.ends <= date.plus_days(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// Whether it is open on this day and has so many sessions left or fewer (S1.67).
    pub fn low(&self, date: Date, sessions: u32) -> bool {
        self.open_on(date) && self.remaining() <= Count(sessions)
    }

    fn open_on(&self, date: Date) -> bool {
        self.closed_at.is_none() && date <= self.ends
    }

    /// That a unit can be taken for a session of this day, or why not.
    pub(crate) fn active_on(&self, date: Date) -> Result<(), Refusal> {
        match self.state_on(date) {
            State::Active => Ok(()),
            State::NotStarted => Err(Refusal::HasNotStarted),
            State::Ended => Err(Refusal::HasEnded),
            State::UsedUp => Err(Refusal::IsUsedUp),
            State::Closed => Err(Refusal::IsClosed),
        }
    }

    /// That this day is one of its days, or why not.
    pub(crate) fn covers(&self, date: Date) -> Result<(), Refusal> {
        if date < self.starts {
            return Err(Refusal::HasNotStarted);
        }
        if date > self.ends { Err(Refusal::HasEnded) } else { Ok(()) }
    }
}

/// The unit that a session holds or has used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unit {
    /// Derived from the session.
    pub id: UnitId,
    /// Of which authorization.
    pub authorization: AuthorizationId,
    /// Whose session it is.
    pub coachee: Subject,
    /// How far it has come.
    pub state: UnitState,
}
row! { Unit in unit, seen as Internal, id id: UnitId, subject |r| r.coachee }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Added { authorization, coachee, number, source, total, rate, starts, ends, used_by } => {
            let (Some(number), Some(source)) = (number.text(), source.text()) else { return };
            rows.put(Authorization {
                id: *authorization,
                coachee: *coachee,
                number: number.clone(),
                source: source.clone(),
                total: *total,
                used: Count::default(),
                held: Count::default(),
                rate: *rate,
                starts: *starts,
                ends: *ends,
                used_by: used_by.clone(),
                created_at: when.at,
                closed_at: None,
            });
        }
        Event::Changed { authorization, number, source, total, rate, starts, ends, used_by } => {
            rows.edit(*authorization, |row: &mut Authorization| {
                set(&mut row.number, number.as_ref().and_then(|change| change.now.text()));
                set(&mut row.source, source.as_ref().and_then(|change| change.now.text()));
                set(&mut row.total, total.as_ref().map(|change| &change.now));
                set(&mut row.rate, rate.as_ref().map(|change| &change.now));
                set(&mut row.starts, starts.as_ref().map(|change| &change.now));
                set(&mut row.ends, ends.as_ref().map(|change| &change.now));
                set(&mut row.used_by, used_by.as_ref().map(|change| &change.now));
            });
        }
        Event::Closed { authorization } => {
            rows.edit(*authorization, |row: &mut Authorization| row.closed_at = Some(when.at));
        }
        Event::UnitHeld { authorization, session } => {
            rows.put(unit(*authorization, *session, when, UnitState::Held));
            rows.edit(*authorization, |row: &mut Authorization| row.held.add_one());
        }
        Event::UnitUsed { authorization, session, was_held } => {
            rows.put(unit(*authorization, *session, when, UnitState::Used));
            rows.edit(*authorization, |row: &mut Authorization| {
                if *was_held {
                    row.held.take_one();
                }
                row.used.add_one();
            });
        }
        Event::UnitGivenBack { authorization, session, was } => {
            rows.delete::<Unit>(UnitId::of_session(*session));
            rows.edit(*authorization, |row: &mut Authorization| match was {
                UnitState::Held => row.held.take_one(),
                UnitState::Used => row.used.take_one(),
            });
        }
    }
}

fn unit(authorization: AuthorizationId, session: SessionId, when: &When, state: UnitState) -> Unit {
    Unit { id: UnitId::of_session(session), authorization, coachee: when.subject, state }
}

fn set<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        *field = value.clone();
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Added { number, source, total, rate, starts, ends, used_by, .. } => Entry::default()
            .set("number", number)
            .set("source", source)
            .set("totalSessions", total)
            .set("ratePerHour", rate)
            .set("startsOn", starts)
            .set("endsOn", ends)
            .set("usedBy", used_by),
        Event::Changed { number, source, total, rate, starts, ends, used_by, .. } => Entry::default()
            .edit("number", number.as_ref())
            .edit("source", source.as_ref())
            .edit("totalSessions", total.as_ref())
            .edit("ratePerHour", rate.as_ref())
            .edit("startsOn", starts.as_ref())
            .edit("endsOn", ends.as_ref())
            .edit("usedBy", used_by.as_ref()),
        Event::Closed { .. } => Entry::default(),
        Event::UnitHeld { session, .. } => Entry::default().set("session", session),
        Event::UnitUsed { session, .. } => Entry::default().set("session", session),
        Event::UnitGivenBack { session, .. } => Entry::default().set("session", session),
    }
}

crate::entry::words! {
    UsedBy: |it| it.0.iter().map(|status| Status::word(*status)).collect::<Vec<_>>().join(", ");
}

/// An authorization and a session's unit of it: what sessions decide with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linked<'a> {
    /// The authorization.
    pub(crate) authorization: &'a Authorization,
    unit: Option<&'a Unit>,
    session: SessionId,
}

impl<'a> Linked<'a> {
    /// The authorization of this id, which must be there, with the session's unit.
    pub(crate) fn get(facts: &Facts<'a>, authorization: AuthorizationId, session: SessionId) -> Result<Self, Stop> {
        let unit = facts.find::<Unit>(UnitId::of_session(session));
        let authorization = facts.get::<Authorization>(authorization)?;
        Ok(Self { authorization, unit: unit?, session })
    }

    /// A session of this day that goes on is linked: it holds a unit.
    pub(crate) fn hold(&self, date: Date) -> Result<Option<Event>, Refusal> {
        if self.unit.is_some() {
            return Ok(None);
        }
        self.authorization.active_on(date)?;
        Ok(Some(Event::UnitHeld { authorization: self.authorization.id, session: self.session }))
    }

    /// A linked session of this day has this status since it ended: it has used a unit, or has none.
    pub(crate) fn settle(&self, status: Status, date: Date) -> Result<Option<Event>, Refusal> {
        if !self.authorization.used_by.contains(status) {
            return Ok(self.give_back());
        }
        let was_held = match self.unit.map(|unit| unit.state) {
            Some(UnitState::Used) => return Ok(None),
            Some(UnitState::Held) => true,
            None => {
                self.authorization.active_on(date)?;
                false
            }
        };
        Ok(Some(Event::UnitUsed { authorization: self.authorization.id, session: self.session, was_held }))
    }

    /// The session's unit, if it has one, can be taken again.
    pub(crate) fn give_back(&self) -> Option<Event> {
        let authorization = self.authorization.id;
        self.unit.map(|unit| Event::UnitGivenBack { authorization, session: self.session, was: unit.state })
    }
}

/// Records an approval (S1.64).
#[derive(Debug)]
pub struct AddAuthorization {
    /// Its id.
    pub authorization: AuthorizationId,
    /// Whose sessions are approved.
    pub coachee: CoacheeId,
    /// As its source gave it.
    pub number: Number,
    /// Who approved.
    pub source: Source,
    /// How many sessions: at least one.
    pub total: Count,
    /// For an hour.
    pub rate: Money,
    /// The first day.
    pub starts: Date,
    /// The last day, itself included.
    pub ends: Date,
    /// Which statuses of a session use a unit.
    pub used_by: UsedBy,
}

impl Command for AddAuthorization {
    shows!(Authorization authorization);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, there) = (facts.get::<Coachee>(self.coachee), facts.find::<Authorization>(self.authorization));
        coachee?;
        let there = there?;
        let decision = facts.allow(Deed::KeepAuthorizations, self.coachee)?;
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        if self.ends < self.starts {
            return Err(Refusal::EndsBeforeStart.into());
        }
        if self.total == Count::default() || self.total > Count::MAX {
            return Err(text::Refusal::OutOfRange.into());
        }
        Ok(decision.with(Event::Added {
            authorization: self.authorization,
            coachee: self.coachee,
            number: Personal::new(self.number.clone()),
            source: Personal::new(self.source.clone()),
            total: self.total,
            rate: self.rate,
            starts: self.starts,
            ends: self.ends,
            used_by: self.used_by.clone(),
        }))
    }
}

/// Corrects what an authorization says; what is `None` stays. Units that sessions have stay as they are, also where
/// the dates or `used_by` would now say otherwise.
#[derive(Debug)]
pub struct UpdateAuthorization {
    /// Which.
    pub authorization: AuthorizationId,
    /// Another number.
    pub number: Option<Number>,
    /// Another source.
    pub source: Option<Source>,
    /// Another number of sessions: at least one, and at least those used and held.
    pub total: Option<Count>,
    /// Another rate.
    pub rate: Option<Money>,
    /// Another first day.
    pub starts: Option<Date>,
    /// Another last day.
    pub ends: Option<Date>,
    /// Other statuses that use a unit.
    pub used_by: Option<UsedBy>,
}

impl Command for UpdateAuthorization {
    shows!(Authorization authorization);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Authorization>(self.authorization)?;
        let decision = facts.allow(Deed::KeepAuthorizations, row.coachee)?;
        if row.closed_at.is_some() {
            return Err(Refusal::IsClosed.into());
        }
        if self.ends.unwrap_or(row.ends) < self.starts.unwrap_or(row.starts) {
            return Err(Refusal::EndsBeforeStart.into());
        }
        if self.total.is_some_and(|total| total == Count::default() || total > Count::MAX) {
            return Err(text::Refusal::OutOfRange.into());
        }
        // In terms of what remains, so that nothing is added up.
        if self.total.is_some_and(|total| row.total.less(row.remaining()) > total) {
            return Err(Refusal::TotalIsTooLow.into());
        }
        let number = changed(&row.number, self.number.as_ref()).map(personal);
        let source = changed(&row.source, self.source.as_ref()).map(personal);
        let (total, rate) = (changed(&row.total, self.total.as_ref()), changed(&row.rate, self.rate.as_ref()));
        let (starts, ends) = (changed(&row.starts, self.starts.as_ref()), changed(&row.ends, self.ends.as_ref()));
        let used_by = changed(&row.used_by, self.used_by.as_ref());
        let words = number.is_none() && source.is_none() && rate.is_none();
        let nothing = words && total.is_none() && starts.is_none() && ends.is_none() && used_by.is_none();
        let authorization = self.authorization;
        let event = Event::Changed { authorization, number, source, total, rate, starts, ends, used_by };
        Ok(if nothing { decision } else { decision.with(event) })
    }
}

/// Closes an authorization: nothing is linked to it any more. Closing it again changes nothing.
#[derive(Debug)]
pub struct CloseAuthorization {
    /// Which.
    pub authorization: AuthorizationId,
}

impl Command for CloseAuthorization {
    shows!(Authorization authorization);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Authorization>(self.authorization)?;
        let decision = facts.allow(Deed::KeepAuthorizations, row.coachee)?;
        let open = row.closed_at.is_none();
        Ok(decision.with_all(open.then_some(Event::Closed { authorization: self.authorization })))
    }
}
