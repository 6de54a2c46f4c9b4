//! Accepting an invitation, of a coachee or of a coach: by whom, and what is answered, also to whoever asks again.

use app::App;
use app::signin::{Device, NewSession};
use app::tokens::Kind;
use async_graphql::{Context, ID, SimpleObject};
use domain::account;
use domain::id::{CommandId, Id as _, LogId, PersonId, PracticeId};
use domain::practice::{Acceptance, Refusal};
use domain::text::Email;
use domain::{Command, Refusal as AnyRefusal};

use crate::account::{SessionKind, SignInPayload, signed_in};
use crate::scalars::{Position, id};
use crate::words::{Once, Result, UserError, Viewer, app, error, send_once, viewer};

/// What became of accepting an invitation.
#[derive(SimpleObject)]
pub struct AcceptancePayload {
    /// The practice whose portal is open now.
    practice_id: Option<ID>,
    /// The sign-in, where an account was opened.
    signed_in: Option<SignInPayload>,
    /// The practice's position since.
    position: Option<Position>,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

impl AcceptancePayload {
    fn refused(error: UserError) -> Self {
        Self { practice_id: None, signed_in: None, position: None, errors: vec![error] }
    }
}

/// The account that accepts an invitation to this address: the one that is signed in, or the address's, with a new
/// sign-in.
///
/// # Errors
/// A program accepts nothing: [`app::Error::Forbidden`].
pub(crate) fn acceptance(
    app: &App,
    viewer: &Viewer,
    (email, through): (&Email, account::Through),
    command: CommandId,
) -> std::result::Result<(Acceptance, Option<NewSession>), app::Error> {
    if viewer.program.is_some() {
        return Err(app::Error::Forbidden);
    }
    let address = app.address(email);
    if let Some(signed_in) = viewer.signed_in {
        return Ok((Acceptance { address, person: signed_in.person, login: None }, None));
    }
    let session = opened(app, command);
    let login = Device::new(through, viewer.agent.as_deref()).login(&session.token);
    Ok((Acceptance { address, person: session.person, login: Some(login) }, Some(session)))
}

/// The sign-in of the account that a visitor's acceptance opens.
fn opened(app: &App, command: CommandId) -> NewSession {
    let person = PersonId::of(command.uuid());
    NewSession { person, token: app.token(Kind::Login, LogId::Account(person), command) }
}

/// Runs an acceptance and answers it; nothing stands for an invitation that is not there. Since accepting uses an
/// invitation up, what is refused is looked up before it is said: to the same request it is said again how it went.
pub(crate) async fn accept<C: Command>(
    ctx: &Context<'_>,
    (once, command): (&Once, CommandId),
    kind: SessionKind,
    (practice, accepted): (PracticeId, Option<C>),
) -> Result<Option<AcceptancePayload>> {
    let (app, log) = (app(ctx)?, LogId::Practice(practice));
    viewer(ctx)?.no_program()?;
    let answer = match accepted {
        Some(accepted) => send_once(ctx, log, (once, command), |_| Ok(accepted)).await,
        None => Ok(Err(not_valid())),
    };
    let done = match answer {
        Ok(Ok(done)) => done,
        refused_or_failed => match once.done_before(app, log).await? {
            Some(done) => done,
            None => return refused_or_failed.map(|refused| refused.err().map(AcceptancePayload::refused)),
        },
    };
    let session = once.is_visitors().then(|| opened(app, done.command));
    let session = match session {
        Some(session) if done.repeated => app.held(session).await.map_err(error)?,
        other => other,
    };
    let signed_in = session.map(|session| signed_in(ctx, session, kind));
    let (practice_id, position) = (Some(id(practice)), Some(Position(done.position)));
    Ok(Some(AcceptancePayload { practice_id, signed_in, position, errors: Vec::new() }))
}

/// What is answered to a token that is no invitation's.
pub(crate) fn no_invitation() -> AcceptancePayload {
    AcceptancePayload::refused(not_valid())
}

fn not_valid() -> UserError {
    AnyRefusal::from(Refusal::InvitationIsNotValid).into()
}
