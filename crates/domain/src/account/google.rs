//! Signing in with Google (S1.8, S1.10; promise A7).
//!
//! A Google account is known by its issuer and subject, never by its email address: an address changes hands, a subject
//! does not. Each has a log of its own, whose id is derived from both by a keyed hash. Once it is linked to an account,
//! it signs in to that account, whatever address it has by then. Where that account was deleted, it is new here again.
//!
//! The address decides once: when a Google account comes for the first time. It leads to the account of that address, as
//! a mailed link would (S1.10), where one of two things holds; otherwise whoever once had a Google account with somebody
//! else's address would get into that person's account:
//!
//! - Google itself hands out the address, so that only its holder can have it ([`Authority::Google`]), or
//! - whoever signs in is signed in to the account of that address already, so they have read its mail.

use serde::{Deserialize, Serialize};

use super::{Account, Address, Event, NewLogin, Refusal, SignUp, claim, open};
use crate::access::Deed;
use crate::decide::{About, Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::id::{AddressId, GoogleId, LogId, PersonId};
use crate::text::Email;
use crate::value::Time;

/// A Google account, and whose it is here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoogleAccount {
    /// Its id, derived from issuer and subject.
    pub id: GoogleId,
    /// Whose it is.
    pub person: PersonId,
    /// Since when.
    pub since: Time,
}
row! { GoogleAccount in google_account, seen as Internal, id id: GoogleId, subject |r| r.id }

/// Who says that an address belongs to whoever has the Google account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Google, which hands the address out itself: of Gmail, or of an organisation whose mail it keeps.
    Google,
    /// Nobody who still knows: the address was verified once, and may be somebody else's by now.
    Nobody,
}

/// Signs in with a Google account whose token was verified.
#[derive(Debug)]
pub struct SignInWithGoogle {
    /// The Google account.
    pub google: GoogleId,
    /// Its address's id.
    pub address: AddressId,
    /// Its address.
    pub email: Email,
    /// Who says that the address is theirs.
    pub authority: Authority,
    /// Who is signed in where the request comes from.
    pub signed_in: Option<PersonId>,
    /// Whose it was, where that account was deleted. A deleted account stays so: whoever looked before may say it.
    pub gone: Option<PersonId>,
    /// The account that it leads to, or the id of the one to open.
    pub person: PersonId,
    /// Whether an address without an account gets one.
    pub sign_up: SignUp,
    /// The login to make.
    pub login: NewLogin,
}

impl Command for SignInWithGoogle {
    shows!(GoogleAccount google);
    fn others(&self) -> Vec<LogId> {
        vec![LogId::Account(self.person), LogId::Address(self.address)]
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (there, mail) = (facts.at(LogId::Account(self.person)), facts.at(LogId::Address(self.address)));
        let wanted = (
            facts.find::<GoogleAccount>(self.google),
            there.find::<Account>(self.person),
            mail.find::<Address>(self.address),
        );
        let (linked, account, address) = (wanted.0?, wanted.1?, wanted.2?);
        let (decision, signing) = (facts.allow(Deed::SignIn, About::Log)?, there.allow(Deed::SignIn, About::Log)?);
        let owner = address.and_then(|address| address.person);
        let linked = linked.filter(|linked| Some(linked.person) != self.gone);
        if linked.map(|linked| linked.person).or(owner).is_some_and(|person| person != self.person) {
            return Err(Stop::Again);
        }
        if linked.is_some() {
            account.ok_or(Refusal::GoogleAccountIsNotLinked)?;
            return Ok(decision.and(signing.with(self.login.event(self.person, facts.now))));
        }
        let is_signed_in_to_it = owner.is_some() && owner == self.signed_in;
        if self.authority == Authority::Nobody && !is_signed_in_to_it {
            return Err(Refusal::GoogleAccountIsNotLinked.into());
        }
        if owner.is_none() && self.sign_up == SignUp::Closed {
            return Err(Refusal::SignUpIsClosed.into());
        }
        let claimed = owner.is_none().then(|| claim(self.address, &self.email, self.person));
        let opened = account.is_none().then(|| open(self.person, self.address, &self.email));
        let decision = decision.with(Event::GoogleLinked { google: self.google, person: self.person });
        let decision = decision.and(mail.allow(Deed::SignIn, About::Log)?.with_all(claimed));
        Ok(decision.and(signing.with_all(opened).with(self.login.event(self.person, facts.now))))
    }
}
