//! Signing in and out, and what a person has: portals and logins.

use std::sync::Arc;

use app::signin::{Asked, Credentials, Device, NewSession};
use app::{App, Idempotency};
use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, SimpleObject};
use domain::account::{self, Login, Portal};
use domain::id::{AddressId, CommandId, Id as _, LogId, LoginId, PracticeId, UniqueId};
use domain::text::{Email, Text as _};

use crate::as_of::{AsOf, portal};
use crate::cookies;
use crate::limits::Limits;
use crate::notice::preferences::NotificationPreferences;
use crate::practice::{CoachPortal, PracticeCard};
use crate::scalars::{DateTime, EmailAddress, Id, Position, id};
use crate::tokens::AccessToken;
use crate::words::{DeletedPayload, Once, Result, UserError, app, error, reader, send, viewer};

/// Which portal of a practice somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "PortalKind")]
pub enum PortalKind {
    /// The coach portal.
    Coach,
    /// The coachee portal.
    Coachee,
}

impl From<Portal> for PortalKind {
    fn from(portal: Portal) -> Self {
        match portal {
            Portal::Coach => Self::Coach,
            Portal::Coachee => Self::Coachee,
        }
    }
}

impl From<PortalKind> for Portal {
    fn from(kind: PortalKind) -> Self {
        match kind {
            PortalKind::Coach => Self::Coach,
            PortalKind::Coachee => Self::Coachee,
        }
    }
}

/// Where a sign-in is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum SessionKind {
    /// In a browser, by a cookie.
    Browser,
    /// In a program, by a bearer token.
    Program,
}

impl From<account::Through> for SessionKind {
    fn from(through: account::Through) -> Self {
        match through {
            account::Through::Browser => Self::Browser,
            account::Through::Program => Self::Program,
        }
    }
}

impl From<SessionKind> for account::Through {
    fn from(kind: SessionKind) -> Self {
        match kind {
            SessionKind::Browser => Self::Browser,
            SessionKind::Program => Self::Program,
        }
    }
}

/// A person's account.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Account {
    /// Its id.
    id: ID,
    /// The address that it signs in with.
    email: EmailAddress,
    /// Where it is signed in.
    sessions: Vec<SignInSession>,
    /// The tokens that it gave to programs, the oldest first; those that have ended are not listed.
    access_tokens: Vec<AccessToken>,
}

#[ComplexObject]
impl Account {
    /// Which notifications reach its person, how and when.
    async fn notification_preferences(&self, ctx: &Context<'_>) -> Result<NotificationPreferences> {
        let preferences = app(ctx)?.notification_preferences(viewer(ctx)?.person()?).await.map_err(error)?;
        Ok(NotificationPreferences::new(preferences))
    }
}

/// Where a person is signed in.
#[derive(SimpleObject)]
pub struct SignInSession {
    /// Its id, for `revokeSession`.
    id: ID,
    /// A browser or a program.
    kind: SessionKind,
    /// Since when.
    signed_in_at: DateTime,
    /// When its use was last noted; noted at most once an hour.
    used_at: DateTime,
    /// When it ends at the latest.
    ends_at: DateTime,
    /// What the browser or program called itself when it signed in (its `User-Agent`), where it did.
    user_agent: Option<String>,
    /// Whether this request came through it.
    current: bool,
}

/// A portal that the viewer has.
#[derive(SimpleObject)]
pub struct PortalEntry {
    /// Which.
    kind: PortalKind,
    /// Of which practice.
    practice: PracticeCard,
}

/// Who is signed in.
pub struct ViewerObject;

#[Object(name = "Viewer")]
impl ViewerObject {
    /// The account. Programs do not see it, whatever their scopes.
    async fn account(&self, ctx: &Context<'_>) -> Result<Option<Account>> {
        let signed_in = viewer(ctx)?.login()?;
        let (row, _, logins) = app(ctx)?.account(signed_in.person).await.map_err(error)?;
        let tokens = app(ctx)?.access_tokens(signed_in.person).await.map_err(error)?;
        let session = |login: Login| SignInSession {
            id: id(login.id),
            kind: login.through.into(),
            signed_in_at: DateTime(login.since),
            used_at: DateTime(login.used_at),
            ends_at: DateTime(login.ends_at),
            user_agent: login.agent.as_ref().map(|agent| agent.as_str().to_owned()),
            current: login.id == signed_in.login,
        };
        let email = EmailAddress(row.email.as_str().to_owned());
        let (sessions, access_tokens) =
            (logins.into_iter().map(session).collect(), tokens.into_iter().map(AccessToken::new).collect());
        Ok(Some(Account { id: id(row.id), email, sessions, access_tokens }))
    }

    /// That there is an address from which the viewer's calendar is read; nothing where there is none. Programs do not see
    /// it.
    async fn calendar_feed(&self, ctx: &Context<'_>) -> Result<Option<crate::appointment::CalendarFeedInfo>> {
        let row = app(ctx)?.calendar_feed(viewer(ctx)?.login()?.person).await.map_err(error)?;
        Ok(row.as_ref().map(crate::appointment::CalendarFeedInfo::new))
    }

    /// The portals that the viewer has, each where they have it now; to a program, those that its token reaches.
    async fn portals(&self, ctx: &Context<'_>) -> Result<Option<Vec<PortalEntry>>> {
        let (app, viewer) = (app(ctx)?, viewer(ctx)?);
        let person = viewer.somebody().ok_or_else(|| error(app::Error::Unauthenticated))?;
        let reader = reader(ctx, person)?;
        let (_, portals, _) = app.account(person).await.map_err(error)?;
        let mut entries = Vec::with_capacity(portals.len());
        for portal in portals.into_iter().filter(|portal| viewer.in_portal(portal.practice, portal.portal).is_ok()) {
            match app.view(&reader, portal.practice, portal.portal, None).await {
                Ok(view) => {
                    let practice = PracticeCard::new(&view, view.practice().await.map_err(error)?);
                    entries.push(PortalEntry { kind: portal.portal.into(), practice });
                }
                // A portal that was taken away is not listed.
                Err(app::Error::NotFound) => {}
                Err(other) => return Err(error(other)),
            }
        }
        Ok(Some(entries))
    }

    /// A practice through its coach portal. `atLeast` is a position that the answer must include; `asOf` is an earlier
    /// moment: everything below is as it then was, to who may see it now.
    async fn coach_portal(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        as_of: Option<AsOf>,
        at_least: Option<Position>,
    ) -> Result<Option<CoachPortal>> {
        portal(ctx, practice_id.0, Portal::Coach, at_least, as_of).await.map(CoachPortal).map(Some)
    }

    /// A practice through its coachee portal. `atLeast` is a position that the answer must include; `asOf` is an earlier
    /// moment: everything below is as it then was, to who may see it now.
    async fn coachee_portal(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        as_of: Option<AsOf>,
        at_least: Option<Position>,
    ) -> Result<Option<crate::coachee::CoacheePortal>> {
        portal(ctx, practice_id.0, Portal::Coachee, at_least, as_of).await.map(crate::coachee::CoacheePortal).map(Some)
    }
}

/// Asks for a sign-in link.
#[derive(InputObject)]
pub struct RequestSignInLinkInput {
    /// Where it is sent.
    email: EmailAddress,
}

/// The same answer for every address, known or not.
#[derive(SimpleObject)]
pub struct RequestSignInLinkPayload {
    /// The six digits to show: they are asked for where the link is opened in another browser.
    code: String,
    /// For how many minutes the link works.
    minutes: i32,
}

/// Redeems a sign-in link.
#[derive(InputObject)]
pub struct SignInInput {
    /// The token of the link.
    token: String,
    /// The six digits shown in the browser that asked, where this is another one.
    code: Option<String>,
    /// Where the sign-in is held; a program is answered with its bearer token.
    #[graphql(default_with = "SessionKind::Browser")]
    kind: SessionKind,
}

/// What became of signing in.
#[derive(SimpleObject)]
pub struct SignInPayload {
    /// Who is signed in now. Nothing where it was refused.
    person_id: Option<ID>,
    /// The bearer token, for programs only; a browser holds a cookie.
    token: Option<String>,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

impl SignInPayload {
    /// It was refused.
    pub fn refused(refusal: domain::Refusal) -> Self {
        Self { person_id: None, token: None, errors: vec![refusal.into()] }
    }
}

/// What became of signing out.
#[derive(SimpleObject)]
pub struct SignOutPayload {
    /// Whether it was done.
    done: bool,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

/// Ends another sign-in of one's own.
#[derive(InputObject)]
pub struct RevokeSessionInput {
    /// Which.
    session_id: Id<LoginId>,
}

/// Deletes one's own account, for ever.
#[derive(InputObject)]
pub struct DeleteAccountInput {
    /// The email address that the account signs in with: deleting cannot be undone.
    confirm_email: String,
}

/// Signing in and out.
#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Sends a one-time sign-in link by mail. The answer is the same whether the address is known or not, and a limit
    /// that is reached is not told.
    async fn request_sign_in_link(
        &self,
        ctx: &Context<'_>,
        input: RequestSignInLinkInput,
    ) -> Result<Option<RequestSignInLinkPayload>> {
        let (app, viewer) = (app(ctx)?, viewer(ctx)?);
        viewer.no_program()?;
        let once = Once::apart(ctx, viewer)?;
        let command = once.command(app);
        let answer = |code: String| RequestSignInLinkPayload {
            code,
            minutes: i32::try_from(account::LINK_MINUTES).unwrap_or(i32::MAX),
        };
        let allowed = ctx.data::<Arc<Limits>>()?.may_ask(viewer.peer, app.clock().now());
        let by = (input.email.0.as_str(), viewer.browser.as_deref());
        let asked = ask(app, by, allowed, command, |log| once.idempotency(app, log)).await.map_err(error)?;
        cookies::set_browser(ctx, &asked.browser);
        Ok(Some(answer(asked.digits)))
    }

    /// Redeems a sign-in link: once, within ten minutes.
    async fn sign_in(&self, ctx: &Context<'_>, input: SignInInput) -> Result<Option<SignInPayload>> {
        let (app, viewer) = (app(ctx)?, viewer(ctx)?);
        viewer.no_program()?;
        let once = Once::by_link(ctx, viewer)?;
        let brought = Credentials { token: input.token, browser: viewer.browser.clone(), digits: input.code };
        let device = Device::new(input.kind.into(), viewer.agent.as_deref());
        match app.sign_in(&brought, device, once.command(app), |log| once.idempotency(app, log)).await {
            Ok(session) => Ok(Some(signed_in(ctx, session, input.kind))),
            Err(app::Error::Refused(refusal)) => Ok(Some(SignInPayload::refused(refusal))),
            Err(other) => Err(error(other)),
        }
    }

    /// Ends the sign-in that this request came through.
    async fn sign_out(&self, ctx: &Context<'_>) -> Result<Option<SignOutPayload>> {
        let signed_in = viewer(ctx)?.login()?;
        cookies::clear(ctx);
        let command = account::SignOut { person: signed_in.person, login: signed_in.login };
        Ok(Some(signed_out(send(ctx, LogId::Account(signed_in.person), |_| Ok(command)).await?.map(|_| ()))))
    }

    /// Ends every sign-in of the account, this one too, and every access token. The address of its calendar stays until
    /// `revokeCalendarFeed`.
    async fn sign_out_everywhere(&self, ctx: &Context<'_>) -> Result<Option<SignOutPayload>> {
        let person = viewer(ctx)?.person()?;
        cookies::clear(ctx);
        let command = account::SignOutEverywhere { person };
        Ok(Some(signed_out(send(ctx, LogId::Account(person), |_| Ok(command)).await?.map(|_| ()))))
    }

    /// Deletes the account for ever: what it knows is forgotten, its sign-ins end, its address is free again, and its
    /// portals are closed. What coaches wrote about the person stays in their practice, which can erase it. It takes a
    /// sign-in of the last 15 minutes in a browser.
    async fn delete_account(&self, ctx: &Context<'_>, input: DeleteAccountInput) -> Result<Option<DeletedPayload>> {
        let (app, viewer) = (app(ctx)?, viewer(ctx)?);
        let signed_in = viewer.login()?;
        let (once, log) = (Once::of(ctx, viewer)?, LogId::Account(signed_in.person));
        let email = Email::parse(&input.confirm_email).ok();
        match app.delete_account(signed_in, email, once.command(app), once.idempotency(app, log)).await {
            Ok(done) => {
                cookies::clear(ctx);
                Ok(Some(DeletedPayload::done(id(signed_in.person), done.position)))
            }
            Err(app::Error::Refused(refusal)) => Ok(Some(DeletedPayload::refused(refusal.into()))),
            Err(other) => Err(error(other)),
        }
    }

    /// Ends one sign-in of the account, elsewhere or here.
    async fn revoke_session(&self, ctx: &Context<'_>, input: RevokeSessionInput) -> Result<Option<SignOutPayload>> {
        let person = viewer(ctx)?.person()?;
        let command = account::SignOut { person, login: input.session_id.0 };
        Ok(Some(signed_out(send(ctx, LogId::Account(person), |_| Ok(command)).await?.map(|_| ()))))
    }
}

fn signed_out(result: std::result::Result<(), UserError>) -> SignOutPayload {
    match result {
        Ok(()) => SignOutPayload { done: true, errors: Vec::new() },
        Err(refused) => SignOutPayload { done: false, errors: vec![refused] },
    }
}

/// The answer to a new sign-in: a cookie for a browser, a token for a program.
pub fn signed_in(ctx: &Context<'_>, session: NewSession, kind: SessionKind) -> SignInPayload {
    let token = match kind {
        SessionKind::Browser => {
            cookies::set_session(ctx, &session.token.text);
            None
        }
        SessionKind::Program => Some(session.token.text),
    };
    SignInPayload { person_id: Some(id(session.person)), token, errors: Vec::new() }
}

/// Asks for a sign-in link to this address, from the browser with this cookie, if the client may. What is no address, and
/// what a limit stops, is answered as anything else.
pub(crate) async fn ask(
    app: &App,
    (email, browser): (&str, Option<&str>),
    allowed: bool,
    command: CommandId,
    once: impl Fn(LogId) -> Option<Idempotency>,
) -> std::result::Result<Asked, app::Error> {
    let address = match Email::parse(email) {
        Ok(email) if allowed => {
            let once = once(LogId::Address(app.address(&email)));
            return app.request_link_from(browser, email, command, once).await;
        }
        Ok(email) => app.address(&email),
        Err(_) => AddressId::of(UniqueId::new("no address", email).uuid()),
    };
    // Nothing is sent, and nobody can tell: the answer is made as any other.
    Ok(app.asking(address, command, browser))
}
