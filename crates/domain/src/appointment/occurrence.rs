//! Occurrences: when an appointment takes place, computed from its start, its rule and what was changed of single ones.
//!
//! An occurrence is named by the wall's time at which the rule first had it (`RECURRENCE-ID` in RFC 5545), also after it
//! was moved. What is kept is only what differs from the rule: an [`Exception`] for each occurrence that was moved,
//! cancelled, answered or held.

use serde::{Deserialize, Serialize};

use super::wall::{Wall, time_zone};
use super::{Answer, Appointment};
use crate::id::SessionId;
use crate::value::Time;

/// What a coachee answered, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Whether they come.
    pub answer: Answer,
    /// When they said so.
    pub at: Time,
}

/// What differs of one occurrence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Which occurrence: its start as the rule has it.
    pub occurrence: Wall,
    /// When it begins since it was moved, and how many minutes it takes.
    pub moved: Option<(Wall, u32)>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// What the coachee answered to it alone, since it was moved if it was.
    pub answered: Option<Answered>,
    /// The appointment's revision with which it was last moved or cancelled; 0 where it never was.
    pub sequence: u32,
    /// The session that was started from it.
    pub session: Option<SessionId>,
}

impl Exception {
    /// One in which nothing differs.
    pub(super) const fn of(occurrence: Wall) -> Self {
        Self { occurrence, moved: None, cancelled: false, answered: None, sequence: 0, session: None }
    }
}

/// How an occurrence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// When the rule has it.
    Planned,
    /// At another time than the rule has it.
    Moved,
    /// It does not take place.
    Cancelled,
}

/// An occurrence of an appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Its start as the rule has it: what it is called by.
    pub id: Wall,
    /// When it begins on the wall.
    pub start: Wall,
    /// When it begins.
    pub starts_at: Time,
    /// When it ends.
    pub ends_at: Time,
    /// How long it takes.
    pub minutes: u32,
    /// How it stands.
    pub state: State,
    /// What the coachee answered, to it or to all.
    pub answered: Option<Answered>,
    /// The revision with which it came to be so.
    pub sequence: u32,
    /// The session that was started from it.
    pub session: Option<SessionId>,
}

impl Occurrence {
    /// Whether it overlaps with this span of time.
    pub fn overlaps(&self, from: Time, to: Time) -> bool {
        self.starts_at < to && self.ends_at > from
    }
}

impl Appointment {
    /// The starts that the rule gives, whatever was changed since; its own start, where it does not repeat.
    pub fn rule_starts(&self) -> Vec<Wall> {
        // A stored rule was tried out before; should a later program find it wrong, the start is still there.
        self.rule.as_ref().and_then(|rule| rule.starts(self.start).ok()).unwrap_or_else(|| vec![self.start])
    }

    /// Every occurrence, in the order of the rule.
    pub fn occurrences(&self) -> Vec<Occurrence> {
        let zone = time_zone(&self.zone);
        self.rule_starts().into_iter().map(|id| self.occurrence_in(id, &zone)).collect()
    }

    /// Whether one that takes place is so.
    pub(super) fn has(&self, is_so: impl Fn(&Occurrence) -> bool) -> bool {
        self.occurrences().iter().any(|it| it.state != State::Cancelled && is_so(it))
    }

    /// The occurrence of this name, if the rule has it.
    pub fn occurrence(&self, id: Wall) -> Option<Occurrence> {
        self.rule_starts().contains(&id).then(|| self.occurrence_in(id, &time_zone(&self.zone)))
    }

    /// What differs of an occurrence, if anything does.
    pub fn exception(&self, id: Wall) -> Option<&Exception> {
        self.exceptions.iter().find(|exception| exception.occurrence == id)
    }

    fn occurrence_in(&self, id: Wall, zone: &jiff::tz::TimeZone) -> Occurrence {
        let exception = self.exception(id);
        let (start, minutes) = exception.and_then(|it| it.moved).unwrap_or((id, self.minutes));
        let is_cut = self.cut_from.is_some_and(|from| id >= from);
        let is_cancelled = self.cancelled || is_cut || exception.is_some_and(|it| it.cancelled);
        let is_moved = exception.is_some_and(|it| it.moved.is_some());
        let starts_at = start.moment_in(zone);
        Occurrence {
            id,
            start,
            starts_at,
            ends_at: starts_at.plus_minutes(i64::from(minutes)),
            minutes,
            state: if is_cancelled {
                State::Cancelled
            } else if is_moved {
                State::Moved
            } else {
                State::Planned
            },
            // Who said that they come did not say so of another time.
            answered: exception.and_then(|it| it.answered).or(self.answered.filter(|_| !is_moved)),
            sequence: exception.map_or(0, |it| it.sequence).max(self.revised),
            session: exception.and_then(|it| it.session),
        }
    }
}

/// From when to when something goes, all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first begins.
    pub from: Time,
    /// The last ends.
    pub to: Time,
}

crate::text::facts!(Span);

impl Span {
    /// Of this and another.
    #[must_use]
    pub(super) fn and(self, from: Time, to: Time) -> Self {
        Self { from: self.from.min(from), to: self.to.max(to) }
    }
}
