//! Inviting by mail, coaches and coachees: how many invitations one person has sent to one address.
//!
//! As with sign-in links, it is three in fifteen minutes; then they are told `RATE_LIMITED`, and nothing is changed. Only
//! their own count, in all their practices together: nobody learns whom others invite, nor keeps others from inviting. What
//! is refused sends nothing and does not count; a repeat is the one that it repeats.

use std::sync::Arc;

use app::tokens::Kind;
use app::{App, Done};
use async_graphql::Context;
use domain::Command;
use domain::account::Right;
use domain::coachee::NewInvitation;
use domain::id::{CommandId, LogId, PersonId, PracticeId};
use domain::text::{Email, Text as _};

use crate::limits::{INVITATIONS_PER_ADDRESS, Limits};
use crate::words::{Once, Payload, Result, UserError, answered, app, attempt, ended, rate_limited, viewer};

/// A request that is about to send invitations of a practice.
pub(crate) struct Inviting<'c> {
    app: &'c App,
    limits: &'c Limits,
    person: PersonId,
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
        let (person, _) = viewer.reach(practice, Right::Write)?;
        let limits: &'c Limits = ctx.data::<Arc<Limits>>()?;
        let once = Once::of(ctx, viewer)?;
        let command = once.command(app);
        Ok(Self { app, limits, person, log: LogId::Practice(practice), kind, once, command })
    }

    /// The invitation that goes to this address.
    pub(crate) fn to(&self, email: &Email) -> NewInvitation {
        let token = self.app.invitation(self.kind, (self.log, self.command), email);
        NewInvitation { id: token.id(), token: token.hash }
    }

    /// Whether it may be sent; it counts until it is taken off.
    pub(crate) fn may_send(&self, email: &Email) -> bool {
        let of = (self.person, self.app.address(email));
        self.limits.may_invite(of, self.to(email).id, self.app.clock().now())
    }

    /// This request has not sent it.
    pub(crate) fn take_off(&self, email: &Email) {
        self.limits.not_invited((self.person, self.app.address(email)), self.to(email).id);
    }

    /// Goes on where the same request was done before: then it is answered as it was.
    ///
    /// # Errors
    /// `RATE_LIMITED` where it was not.
    pub(crate) async fn only_repeats(&self, email: &Email) -> Result<()> {
        if self.once.done_before(self.app, self.log).await?.is_some() {
            return Ok(());
        }
        Err(rate_limited(&format!(
            "You have had {INVITATIONS_PER_ADDRESS} invitations sent to {} lately. Try again in a quarter of an hour.",
            email.as_str()
        )))
    }

    /// Runs the command, which sends invitations to these addresses, each of which counts: done, or refused. Where it has sent
    /// nothing they are taken off.
    pub(crate) async fn run<C: Command>(
        &self,
        ctx: &Context<'_>,
        made: C,
        counted: &[Email],
    ) -> Result<std::result::Result<Done, UserError>> {
        let sent = attempt(ctx, self.log, &self.once, (self.command, made)).await?;
        // Of one whose outcome is not known, the repeat under its key counts with it.
        if sent.as_ref().map_or_else(app::Error::changed_nothing, |done| done.repeated) {
            for email in counted {
                self.take_off(email);
            }
        }
        ended(sent)
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
    let counts = inviting.may_send(email);
    if !counts {
        inviting.only_repeats(email).await?;
    }
    let counted: &[Email] = if counts { std::slice::from_ref(email) } else { &[] };
    let done = match inviting.run(ctx, make(inviting.to(email)), counted).await? {
        Ok(done) => done,
        Err(refused) => return Ok(Some(P::refused(refused))),
    };
    answered(ctx, practice, done).await.map(Some)
}
