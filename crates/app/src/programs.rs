//! Programs that act for a person, by a token with scopes and an end (promise A8).

use std::sync::Arc;

use domain::account::{AccessToken, NoteAccessTokenUse, Portal, Right, TokenScope};
use domain::id::{AccessTokenId, LogId, PersonId, PracticeId};
use domain::value::Time;

use crate::signin::Held;
use crate::tokens::{self, Kind};
use crate::{App, Error};

/// A program that holds a token.
#[derive(Debug, Clone)]
pub struct Program {
    /// For whom it acts.
    pub person: PersonId,
    /// By which token.
    pub token: AccessTokenId,
    /// What the token reaches.
    pub scopes: Arc<[TokenScope]>,
}

impl Program {
    /// Whether the token reaches this portal, for this.
    pub fn reaches(&self, practice: PracticeId, portal: Portal, right: Right) -> bool {
        let fits = |scope: &TokenScope| scope.practice == practice && scope.portal == portal && scope.right >= right;
        self.scopes.iter().any(fits)
    }
}

impl App {
    /// The program that holds this token, if the token still holds. Its use is noted now and then.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] where there is no such token, or no more.
    pub async fn program(&self, token: &str) -> Result<Program, Error> {
        let Some((LogId::Account(person), hash)) = tokens::parse(Kind::AccessToken, token) else {
            return Err(Error::Unauthenticated);
        };
        let now = self.clock().now();
        let row = self.access_token(person, tokens::id(&hash)).await?;
        let row = row.filter(|row| vault::same_hash(&row.hash, &hash) && row.holds(now));
        let row = row.ok_or(Error::Unauthenticated)?;
        if row.use_is_due(now) {
            self.note_use(person, NoteAccessTokenUse { person, token: row.id }).await?;
        }
        Ok(Program { person, token: row.id, scopes: row.scopes.into() })
    }

    /// Resolves when a program's token holds no more: it was revoked, or its end has come.
    pub async fn program_ended(&self, program: Program) {
        self.ended(program.person, Held::AccessToken(program.token)).await;
    }

    /// One of somebody's tokens, where it is there; it may have come to its end.
    ///
    /// # Errors
    /// Where the storage fails.
    pub async fn access_token(&self, person: PersonId, token: AccessTokenId) -> Result<Option<AccessToken>, Error> {
        let log = LogId::Account(person);
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let row = self.inner.row::<AccessToken>(&mut snapshot, log, token).await?;
        snapshot.close().await?;
        Ok(row)
    }

    /// The tokens of somebody's that still hold, the oldest first.
    ///
    /// # Errors
    /// Where the storage fails.
    pub async fn access_tokens(&self, person: PersonId) -> Result<Vec<AccessToken>, Error> {
        let log = LogId::Account(person);
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(Vec::new()) };
        let most = u32::try_from(domain::account::TOKENS_MAX).unwrap_or(u32::MAX);
        let mut rows = self.inner.rows::<AccessToken>(&mut snapshot, log, Vec::new(), most).await?;
        snapshot.close().await?;
        let now: Time = self.clock().now();
        rows.retain(|row| row.holds(now));
        rows.sort_by_key(|row| (row.since, row.id));
        Ok(rows)
    }
}
