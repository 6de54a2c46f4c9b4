//! What sends a coachee their invitation: adding them with one, the first one, and another (S2.4, S2.5, S2.9).

use app::tokens::Kind;
use async_graphql::Context;
use domain::account::Right;
use domain::coachee::{self, AddCoachee, Invite, Sending};
use domain::id::{CoacheeId, LogId};

use super::{AddCoacheeInput, CoacheeInput, CoacheePayload};
use crate::inviting;
use crate::scalars::Position;
use crate::words::{Once, Payload as _, Result, UserError, app, error, look_for, run, text, viewer};

/// Adds a coachee; with an invitation where that is asked for.
pub(super) async fn add(ctx: &Context<'_>, input: AddCoacheeInput) -> Result<Option<CoacheePayload>> {
    let practice = input.practice_id.0;
    viewer(ctx)?.reach(practice, Right::Write)?;
    let new = match newcomer(app(ctx)?.mint(), &input) {
        Ok(new) => new,
        Err(refused) => return Ok(Some(CoacheePayload::refused(refused))),
    };
    if !input.send_invitation {
        return run(ctx, practice, |_| Ok(new)).await;
    }
    let email = new.email.clone();
    let make = |invitation| AddCoachee { invitation: Some(invitation), ..new };
    inviting::invite(ctx, practice, (Kind::CoacheeInvitation, &email), make).await
}

fn newcomer(coachee: CoacheeId, input: &AddCoacheeInput) -> std::result::Result<AddCoachee, UserError> {
    Ok(AddCoachee {
        coachee,
        first_name: text("firstName", &input.first_name)?,
        last_name: text("lastName", &input.last_name)?,
        email: text("email", &input.email.0)?,
        invitation: None,
    })
}

/// Sends the first invitation, or another.
pub(super) async fn send(ctx: &Context<'_>, input: CoacheeInput, sending: Sending) -> Result<Option<CoacheePayload>> {
    let (practice, coachee) = (input.practice_id.0, input.coachee_id.0);
    viewer(ctx)?.reach(practice, Right::Write)?;
    let seen = look_for::<coachee::Coachee>(ctx, practice, None, coachee).await?;
    let Some(to) = seen.map(|(_, row)| row.email) else {
        // Whom they do not see they invite no more; what they did before is answered as before.
        let done = Once::of(ctx, viewer(ctx)?)?.done_before(app(ctx)?, LogId::Practice(practice)).await?;
        let done = done.ok_or_else(|| error(app::Error::NotFound))?;
        return Ok(Some(CoacheePayload::done(Position(done.position), None)));
    };
    let email = to.clone();
    let make = |invitation| Invite { coachee, invitation, to, sending };
    inviting::invite(ctx, practice, (Kind::CoacheeInvitation, &email), make).await
}
