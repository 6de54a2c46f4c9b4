//! How an account is deleted: what it knows is forgotten, its address is free again, and each of its portals is closed,
//! which the practices learn by a reaction.

use super::{Account, Address, Event, Login, PortalOf, Refusal, Through, portal_id};
use crate::access::Deed;
use crate::decide::{About, Command, Decision, Facts, Stop, shows};
use crate::id::{AddressId, LogId, LoginId, PersonId, PracticeId};
use crate::text::Email;

use super::Portal;

/// How long ago somebody may have signed in who deletes what cannot be had again, in minutes (C5).
pub const FRESH_MINUTES: i64 = 15;

/// Deletes an account. It cannot be undone: its email address is typed to confirm, after a fresh sign-in.
#[derive(Debug)]
pub struct DeleteAccount {
    /// Whose.
    pub person: PersonId,
    /// The address that it signs in with.
    pub address: AddressId,
    /// The sign-in through which it is deleted.
    pub login: LoginId,
    /// The email address, as typed.
    pub email: Option<Email>,
    /// The portals that it has: whoever makes the command has looked that none is an owner's.
    pub portals: Vec<(PracticeId, Portal)>,
    /// How many portals were ever opened for it, as whoever looked has read it.
    pub opened: u32,
    /// Whether one of them is the owner's of its practice.
    pub owns: Owns,
}

/// Whether somebody owns a practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owns {
    /// None.
    Nothing,
    /// One or more.
    APractice,
}

impl Command for DeleteAccount {
    shows!(Account person);
    fn others(&self) -> Vec<LogId> {
        vec![LogId::Address(self.address)]
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let there = facts.at(LogId::Address(self.address));
        let wanted = (facts.get::<Account>(self.person), facts.get::<Login>(self.login), there.find(self.address));
        let (account, login, address): (_, _, Option<&Address>) = (wanted.0?, wanted.1?, wanted.2?);
        for (practice, portal) in &self.portals {
            facts.get::<PortalOf>(portal_id(*practice, *portal))?;
        }
        let mut decision = facts.allow(Deed::KeepAccount, About::Log)?;
        let release = there.allow(Deed::SignIn, About::Log)?;
        if self.email.as_ref() != Some(&account.email) {
            return Err(Refusal::EmailDiffers.into());
        }
        if login.through != Through::Browser || facts.now >= login.since.plus_minutes(FRESH_MINUTES) {
            return Err(Refusal::SignInIsStale.into());
        }
        if self.owns == Owns::APractice {
            return Err(Refusal::OwnsAPractice.into());
        }
        if account.address != self.address || account.opened != self.opened {
            return Err(Stop::Again);
        }
        let person = self.person;
        for (practice, portal) in &self.portals {
            decision = decision.with(Event::PortalClosed { person, practice: *practice, portal: *portal });
        }
        let mine = address.is_some_and(|address| address.person == Some(person));
        let released = mine.then_some(Event::AddressReleased { address: self.address, person });
        Ok(decision.with(Event::Deleted { person }).and(release.with_all(released)))
    }
}
