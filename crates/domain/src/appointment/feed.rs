//! The address from which a person's calendar program reads their appointments.
//!
//! A person has one at most, over all their practices and both portals. Whoever holds the address reads the calendar, so
//! it is a secret: what is kept is its hash, it is shown when it is made, and making another one ends it at once.

use serde::{Deserialize, Serialize};

use super::Event;
use crate::access::Deed;
use crate::account::Account;
use crate::decide::{About, Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::id::PersonId;
use crate::value::Time;

/// The address of somebody's calendar.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CalendarFeed {
    /// Whose.
    pub id: PersonId,
    /// The hash of its secret.
    pub hash: [u8; 32],
    /// Since when.
    pub since: Time,
}
row! { CalendarFeed in calendar_feed, seen as Internal, id id: PersonId, subject |r| r.id }

/// Gives somebody's calendar a new address.
#[derive(Debug)]
pub struct CreateFeed {
    /// Whose.
    pub person: PersonId,
    /// The hash of its secret.
    pub hash: [u8; 32],
}

impl Command for CreateFeed {
    shows!(CalendarFeed person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let account = facts.find::<Account>(self.person)?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        account.ok_or(Stop::NotFound)?;
        Ok(decision.with(Event::FeedCreated { person: self.person, hash: self.hash }))
    }
}

/// Ends the address of somebody's calendar; without one nothing changes.
#[derive(Debug)]
pub struct RevokeFeed {
    /// Whose.
    pub person: PersonId,
}

impl Command for RevokeFeed {
    shows!(CalendarFeed person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let there = facts.find::<CalendarFeed>(self.person)?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        Ok(decision.with_all(there.map(|_| Event::FeedRevoked { person: self.person })))
    }
}
