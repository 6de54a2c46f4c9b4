//! Inviting by mail, coaches and coachees: each invitation's link is of the address that it goes to.

use app::App;
use app::tokens::Kind;
use async_graphql::Context;
use domain::Command;
use domain::account::Right;
use domain::coachee::NewInvitation;
use domain::id::{CommandId, Id as _, LogId, PracticeId};
use domain::row::Row;
use domain::text::Email;

use crate::scalars::Position;
use crate::words::{Once, Payload, Result, app, attempt, error, look_for, viewer};

/// A request that is about to send invitations of a practice.
pub(crate) struct Inviting<'c> {
    app: &'c App,
    log: LogId,
    kind: Kind,
    once: Once,
    /// The command that sends them.
    pub(crate) command: CommandId,
}

impl<'c> Inviting<'c> {
    /// By the viewer.
    ///
    /// # Errors
    /// Where they change nothing in the practice.
    pub(crate) fn begin(ctx: &Context<'c>, practice: PracticeId, kind: Kind) -> Result<Self> {
        let (app, viewer) = (app(ctx)?, viewer(ctx)?);
        viewer.reach(practice, Right::Write)?;
        let once = Once::of(ctx, viewer)?;
        let command = once.command(app);
        Ok(Self { app, log: LogId::Practice(practice), kind, once, command })
    }

    /// The invitation that goes to this address.
    pub(crate) fn to(&self, email: &Email) -> NewInvitation {
        let token = self.app.invitation(self.kind, (self.log, self.command), email);
        NewInvitation { id: token.id(), token: token.hash }
    }
}

/// Runs a command of a practice that sends an invitation to this address, and answers with what it changed.
pub(crate) async fn invite<P: Payload, C: Command<Thing = P::Row>>(
    ctx: &Context<'_>,
    practice: PracticeId,
    (kind, email): (Kind, &Email),
    make: impl FnOnce(NewInvitation) -> C,
) -> Result<Option<P>> {
    let inviting = Inviting::begin(ctx, practice, kind)?;
    let command = (inviting.command, make(inviting.to(email)));
    let done = match attempt(ctx, inviting.log, &inviting.once, command).await? {
        Ok(done) => done,
        Err(app::Error::Refused(refusal)) => return Ok(Some(P::refused(refusal.into()))),
        Err(other) => return Err(error(other)),
    };
    let seen = look_for::<P::Row>(ctx, practice, Some(done.position), <P::Row as Row>::Id::of(done.thing)).await?;
    Ok(Some(P::done(Position(done.position), seen)))
}
