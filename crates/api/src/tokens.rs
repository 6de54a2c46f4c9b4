//! Tokens for programs: made and revoked by the person for whom the programs act (A8).

use app::tokens::Kind;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use domain::account::{self, Right, TokenScope};
use domain::id::{AccessTokenId, LogId, PracticeId};
use domain::text::Text as _;

use crate::account::PortalKind;
use crate::scalars::{DateTime, Id, id};
use crate::words::{New, Once, Result, UserError, app, error, send, send_once, text, viewer};

/// What a token may do in a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Right")]
pub enum AccessTokenRight {
    /// Read and follow.
    Read,
    /// Read, follow and change.
    Write,
}

/// A portal that a token reaches.
#[derive(SimpleObject)]
pub struct AccessTokenScope {
    /// Of which practice.
    practice_id: ID,
    /// Which portal.
    portal: PortalKind,
    /// To do what.
    right: AccessTokenRight,
}

/// A token that a person gave to a program. Its secret was shown once.
#[derive(SimpleObject)]
pub struct AccessToken {
    /// Its id, for `revokeAccessToken`.
    id: ID,
    /// What the person calls it.
    name: String,
    /// What it reaches.
    scopes: Vec<AccessTokenScope>,
    /// Since when.
    created_at: DateTime,
    /// When its use was last noted (at most once an hour); nothing where it was never used.
    used_at: Option<DateTime>,
    /// When it ends.
    ends_at: DateTime,
}

impl AccessToken {
    /// Of its row.
    pub fn new(row: account::AccessToken) -> Self {
        let scope = |scope: &TokenScope| AccessTokenScope {
            practice_id: id(scope.practice),
            portal: scope.portal.into(),
            right: scope.right.into(),
        };
        Self {
            id: id(row.id),
            name: row.name.as_str().to_owned(),
            scopes: row.scopes.iter().map(scope).collect(),
            created_at: DateTime(row.since),
            used_at: row.used_at.map(DateTime),
            ends_at: DateTime(row.ends_at),
        }
    }
}

/// A portal that a new token is to reach.
#[derive(InputObject)]
pub struct AccessTokenScopeInput {
    /// Of which practice.
    practice_id: Id<PracticeId>,
    /// Which portal; the viewer has it.
    portal: PortalKind,
    /// To do what.
    right: AccessTokenRight,
}

/// Makes a token for a program.
#[derive(InputObject)]
pub struct CreateAccessTokenInput {
    /// What it is for, as the list of tokens shows it.
    name: String,
    /// What it reaches: at least one portal, at most twenty.
    scopes: Vec<AccessTokenScopeInput>,
    /// When it ends: at most a year from now.
    expires_at: DateTime,
}

/// What became of making a token.
#[derive(SimpleObject)]
pub struct CreateAccessTokenPayload {
    /// The token's entry. Nothing where it was refused.
    access_token: Option<AccessToken>,
    /// What the program sends as `Authorization: Bearer …`. It is shown here and nowhere else; a repeat with the same
    /// idempotency key shows it again while the token is there.
    token: Option<String>,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

/// Ends a token.
#[derive(InputObject)]
pub struct RevokeAccessTokenInput {
    /// Which.
    access_token_id: Id<AccessTokenId>,
}

/// What became of ending a token.
#[derive(SimpleObject)]
pub struct RevokeAccessTokenPayload {
    /// What was ended. Nothing where that was refused.
    revoked_id: Option<ID>,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

/// Tokens for programs.
#[derive(Default)]
pub struct TokenMutation;

#[Object]
impl TokenMutation {
    /// Makes a token for a program that acts for the viewer in the portals that its scopes name. No token reaches the
    /// account itself: it makes no other token, signs nobody in or out, and ends no account.
    async fn create_access_token(
        &self,
        ctx: &Context<'_>,
        input: CreateAccessTokenInput,
    ) -> Result<Option<CreateAccessTokenPayload>> {
        let (app, person) = (app(ctx)?, viewer(ctx)?.person()?);
        let (log, once) = (LogId::Account(person), Once::of(ctx, viewer(ctx)?)?);
        let command = once.command(app);
        let token = app.token(Kind::AccessToken, log, command);
        let make = |_: &New<'_>| {
            Ok(account::CreateAccessToken {
                person,
                token: token.id(),
                hash: token.hash,
                name: text("name", &input.name)?,
                scopes: input.scopes.iter().map(AccessTokenScopeInput::scope).collect(),
                ends_at: input.expires_at.0,
            })
        };
        Ok(Some(match send_once(ctx, log, (&once, command), make).await? {
            Ok(done) => {
                let token = app.token(Kind::AccessToken, log, done.command);
                let row = app.access_token(person, token.id()).await.map_err(error)?;
                let token = row.is_some().then_some(token.text);
                CreateAccessTokenPayload { access_token: row.map(AccessToken::new), token, errors: Vec::new() }
            }
            Err(refused) => CreateAccessTokenPayload { access_token: None, token: None, errors: vec![refused] },
        }))
    }

    /// Ends a token of the viewer's. Whatever its program follows ends too.
    async fn revoke_access_token(
        &self,
        ctx: &Context<'_>,
        input: RevokeAccessTokenInput,
    ) -> Result<Option<RevokeAccessTokenPayload>> {
        let person = viewer(ctx)?.person()?;
        let token = input.access_token_id.0;
        let make = |_: &New<'_>| Ok(account::RevokeAccessToken { person, token });
        Ok(Some(match send(ctx, LogId::Account(person), make).await? {
            Ok(_) => RevokeAccessTokenPayload { revoked_id: Some(id(token)), errors: Vec::new() },
            Err(refused) => RevokeAccessTokenPayload { revoked_id: None, errors: vec![refused] },
        }))
    }
}

impl AccessTokenScopeInput {
    fn scope(&self) -> TokenScope {
        TokenScope { practice: self.practice_id.0, portal: self.portal.into(), right: self.right.into() }
    }
}
