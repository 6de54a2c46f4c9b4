//! Tokens for programs: what a person hands to a program that acts for them (A8).
//!
//! A login may do all that its person may. A token may less: it reaches the portals that its scopes name, to read or
//! also to write; it has an end, at most a year away; and it never reaches the account itself, so that no token can make
//! another, sign anybody in, or end the account. What is kept is its hash: it is shown once.

use serde::{Deserialize, Serialize};

use super::{Account, Event, Portal, PortalOf, Refusal, USE_NOTED_MINUTES, portal_id};
use crate::Rows;
use crate::access::Deed;
use crate::decide::{About, Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::fold::When;
use crate::id::{AccessTokenId, PersonId, PracticeId};
use crate::text::{Name, Personal, facts};
use crate::value::Time;

/// How many days from now a token ends at the latest: a year, which may be a leap year (A8).
pub const TOKEN_DAYS_MAX: i64 = 366;
/// How many tokens an account has at most.
pub const TOKENS_MAX: usize = 50;
/// How many portals a token reaches at most.
pub const SCOPES_MAX: usize = 20;

/// What a token may do in a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Right {
    /// Read and follow.
    Read,
    /// Read, follow and change.
    Write,
}

/// A portal that a token reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenScope {
    /// Of which practice.
    pub practice: PracticeId,
    /// Which portal.
    pub portal: Portal,
    /// To do what.
    pub right: Right,
}

facts!(Right, TokenScope);

/// A token for a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessToken {
    /// Its id, derived from its secret.
    pub id: AccessTokenId,
    /// Whose it is.
    pub person: PersonId,
    /// The hash of the token.
    pub hash: [u8; 32],
    /// What its person calls it.
    pub name: Name,
    /// What it reaches.
    pub scopes: Vec<TokenScope>,
    /// Since when.
    pub since: Time,
    /// When its use was last noted; nothing where it was never used.
    pub used_at: Option<Time>,
    /// When it ends.
    pub ends_at: Time,
}
row! { AccessToken in access_token, seen as Internal, id id: AccessTokenId, subject |r| r.person, columns |r| [since: Time = r.since, due: Time = r.ends_at] }

impl AccessToken {
    /// Whether it still holds at this time.
    pub fn holds(&self, now: Time) -> bool {
        now < self.ends_at
    }

    /// Whether its use is to be noted again.
    pub fn use_is_due(&self, now: Time) -> bool {
        self.used_at.is_none_or(|used_at| now >= used_at.plus_minutes(USE_NOTED_MINUTES))
    }
}

/// Folds an event about tokens; others change nothing here.
pub(super) fn fold(event: &Event, when: &When, rows: &mut Rows) {
    if let Event::AccessTokenCreated { token, person, hash, name, scopes, ends_at } = event {
        let Some(name) = name.text() else { return };
        rows.put(AccessToken {
            id: *token,
            person: *person,
            hash: *hash,
            name: name.clone(),
            scopes: scopes.clone(),
            since: when.at,
            used_at: None,
            ends_at: *ends_at,
        });
        let token = *token;
        rows.edit(*person, move |row: &mut Account| row.tokens.push(token));
    } else if let Event::AccessTokenUsed { token, .. } = event {
        let at = when.at;
        rows.edit(*token, move |row: &mut AccessToken| row.used_at = Some(at));
    } else if let Event::AccessTokenRevoked { token, person } | Event::AccessTokenExpired { token, person } = event {
        rows.delete::<AccessToken>(*token);
        let token = *token;
        rows.edit(*person, move |row: &mut Account| row.tokens.retain(|other| *other != token));
    }
}

/// Makes a token for a program.
#[derive(Debug)]
pub struct CreateAccessToken {
    /// Whose.
    pub person: PersonId,
    /// Its id, from its secret.
    pub token: AccessTokenId,
    /// The hash of the token.
    pub hash: [u8; 32],
    /// What its person calls it.
    pub name: Name,
    /// What it reaches.
    pub scopes: Vec<TokenScope>,
    /// When it ends.
    pub ends_at: Time,
}

impl Command for CreateAccessToken {
    shows!(AccessToken token);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let account = facts.get::<Account>(self.person)?;
        let portals: Vec<_> = self
            .scopes
            .iter()
            .take(SCOPES_MAX)
            .map(|scope| facts.find::<PortalOf>(portal_id(scope.practice, scope.portal)))
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Result<_, _>>()?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        // A portal that is not theirs is not found, whether the practice is there or not.
        if portals.iter().any(Option::is_none) {
            return Err(Stop::NotFound);
        }
        if self.scopes.is_empty() || self.scopes.len() > SCOPES_MAX {
            return Err(Refusal::ScopesAreOutOfRange.into());
        }
        if self.ends_at <= facts.now || self.ends_at > facts.now.plus_days(TOKEN_DAYS_MAX) {
            return Err(Refusal::TokenEndIsOutOfRange.into());
        }
        if account.tokens.len() >= TOKENS_MAX {
            return Err(Refusal::TooManyTokens.into());
        }
        Ok(decision.with(Event::AccessTokenCreated {
            token: self.token,
            person: self.person,
            hash: self.hash,
            name: Personal::new(self.name.clone()),
            scopes: self.scopes.clone(),
            ends_at: self.ends_at,
        }))
    }
}

/// Notes that a token was used, at most once in [`USE_NOTED_MINUTES`].
#[derive(Debug)]
pub struct NoteAccessTokenUse {
    /// Whose.
    pub person: PersonId,
    /// Which.
    pub token: AccessTokenId,
}

impl Command for NoteAccessTokenUse {
    shows!(AccessToken token);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.find::<AccessToken>(self.token)?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        let due = row.is_some_and(|row| row.holds(facts.now) && row.use_is_due(facts.now));
        let event = due.then_some(Event::AccessTokenUsed { token: self.token, person: self.person });
        Ok(decision.with_all(event))
    }
}

/// Ends a token.
#[derive(Debug)]
pub struct RevokeAccessToken {
    /// Whose.
    pub person: PersonId,
    /// Which.
    pub token: AccessTokenId,
}

impl Command for RevokeAccessToken {
    shows!(AccessToken token);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.find::<AccessToken>(self.token)?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        row.ok_or(Stop::NotFound)?;
        Ok(decision.with(Event::AccessTokenRevoked { token: self.token, person: self.person }))
    }
}

/// Ends a token whose time is over; what a timer asks for.
#[derive(Debug)]
pub struct ExpireAccessToken {
    /// Whose.
    pub person: PersonId,
    /// Which.
    pub token: AccessTokenId,
}

impl Command for ExpireAccessToken {
    shows!(AccessToken token);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.find::<AccessToken>(self.token)?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        let over = row.is_some_and(|row| !row.holds(facts.now));
        let event = over.then_some(Event::AccessTokenExpired { token: self.token, person: self.person });
        Ok(decision.with_all(event))
    }
}
