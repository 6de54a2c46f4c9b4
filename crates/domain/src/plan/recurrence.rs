//! Recurrence: on which days an action is due again and again (S2.19, S3.12).
//!
//! A rule is a first day, a frequency and a duration. It speaks of calendar days, not of moments: no clock that is set
//! forward or back, and no other time zone, moves a day. The n-th day is counted from the first one and never from the
//! one before, so that what is monthly on the 31st is on the last day of shorter months and on the 31st again after
//! them. (RFC 5545 would leave those months out; whoever promised something monthly has promised it for February.)
//!
//! A moment comes in at one place only: an occurrence is there as soon as the day of the one before is over, and a day
//! is over when the next one begins in the practice's time zone ([`crate::value::Date::begins_in`]). So there is always
//! one that is current, and each has all the time that lies between two days.
//!
//! Nothing is iterated: a day is computed from its number, and a duration is bounded when it is set.

use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::text::facts;
use crate::value::{Date, Time, Zone};

/// How many times an action can be due at most.
pub const TIMES_MAX: u32 = 1_000;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// Every day.
    Daily,
    /// Every seven days.
    Weekly,
    /// On the same day of every month, or on its last one.
    Monthly,
}

/// For how long: a last day or a number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duration {
    /// Never after this day.
    Until(Date),
    /// So many times, the first one included.
    Times(u32),
}

/// How often and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Recurrence {
    /// How often.
    pub frequency: Frequency,
    /// For how long.
    pub duration: Duration,
}

/// The occurrence that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Next {
    /// By when it is to be done.
    pub due: Date,
    /// When it appears.
    pub appears: Time,
}

facts!(Frequency, Duration, Recurrence, Next);

impl Duration {
    /// The duration that was meant: one of the two.
    ///
    /// # Errors
    /// [`Refusal::NeedsOneDuration`] where none or both are given.
    pub fn parse(until: Option<Date>, times: Option<u32>) -> Result<Self, Refusal> {
        match (until, times) {
            (Some(until), None) => Ok(Self::Until(until)),
            (None, Some(times)) => Ok(Self::Times(times)),
            (None, None) | (Some(_), Some(_)) => Err(Refusal::NeedsOneDuration),
        }
    }
}

impl Recurrence {
    /// That what begins on this day is due at least once and at most [`TIMES_MAX`] times.
    ///
    /// # Errors
    /// [`Refusal::EndsBeforeItBegins`] or [`Refusal::RecursTooOften`].
    pub fn bounded(self, first: Date) -> Result<Self, Refusal> {
        let beyond = TIMES_MAX.saturating_add(1);
        match (self.due(first, 1), self.due(first, beyond)) {
            (None, _) => Err(Refusal::EndsBeforeItBegins),
            (Some(_), Some(_)) => Err(Refusal::RecursTooOften),
            (Some(_), None) => Ok(self),
        }
    }

    /// The day of the n-th time, counted from 1; nothing where it is over by then.
    pub fn due(&self, first: Date, number: u32) -> Option<Date> {
        let after = i32::try_from(number.checked_sub(1)?).ok()?;
        let due = match self.frequency {
            Frequency::Daily => first.plus_days(after),
            Frequency::Weekly => first.plus_days(after.saturating_mul(7)),
            Frequency::Monthly => first.plus_months(after),
        };
        let goes_on = match self.duration {
            Duration::Until(last) => due <= last,
            Duration::Times(times) => number <= times,
        };
        goes_on.then_some(due)
    }

    /// What comes after the n-th time, if anything does.
    pub fn after(&self, first: Date, number: u32, zone: &Zone) -> Option<Next> {
        // Counted from the day itself: a rule that was shortened meanwhile may not have it any more.
        let unending = Self { duration: Duration::Times(u32::MAX), ..*self };
        let appears = unending.due(first, number)?.plus_days(1).begins_in(zone);
        let due = self.due(first, number.checked_add(1)?)?;
        Some(Next { due, appears })
    }
}

crate::entry::words! {
    Frequency: |it| match it {
        Frequency::Daily => "daily",
        Frequency::Weekly => "weekly",
        Frequency::Monthly => "monthly",
    }.to_owned();
    Duration: |it| match it {
        Duration::Until(last) => format!("until {last}"),
        Duration::Times(times) => format!("{times} times"),
    };
}
