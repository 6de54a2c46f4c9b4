//! Inviting a coachee, and accepting: how their portal opens (S2.4–S2.9, S3.5).

use super::{Activation, Coachee, Event, Invitation, Refusal, Status};
use crate::access::Deed;
use crate::account::Portal;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::id::{CoacheeId, InvitationId, LogId, PracticeId};
use crate::practice::{self, Acceptance};
use crate::text::Email;
use crate::value::Time;

/// An invitation to send.
#[derive(Debug, Clone, Copy)]
pub struct NewInvitation {
    /// Its id, from its token.
    pub id: InvitationId,
    /// The hash of its token.
    pub token: [u8; 32],
}

impl NewInvitation {
    pub(super) fn event(&self, coachee: CoacheeId, replaced: Option<InvitationId>, now: Time) -> Event {
        let expires_at = now.plus_days(practice::INVITATION_DAYS);
        Event::Invited { coachee, invitation: self.id, replaced, token: self.token, expires_at }
    }
}

/// Whether an invitation is the first one or replaces another (S2.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// For a coachee who was not invited.
    First,
    /// For a coachee who was.
    Again,
}

/// Sends or resends an invitation (S2.5, S2.9).
#[derive(Debug)]
pub struct Invite {
    /// Whom.
    pub coachee: CoacheeId,
    /// The invitation.
    pub invitation: NewInvitation,
    /// The coachee's address, for which it was made.
    pub to: Email,
    /// The first one or another.
    pub sending: Sending,
}

impl Command for Invite {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Coachee>(self.coachee)?;
        let decision = facts.allow(Deed::InviteCoachee, self.coachee)?;
        if row.deactivated_at.is_some() {
            return Err(Refusal::Deactivated.into());
        }
        match (row.status, self.sending) {
            (Status::Active, Sending::First | Sending::Again) => Err(Refusal::AlreadyActive.into()),
            (Status::Invited, Sending::First) => Err(Refusal::AlreadyInvited.into()),
            (Status::NotInvited, Sending::Again) => Err(Refusal::NotInvited.into()),
            (Status::Invited, Sending::Again) | (Status::NotInvited, Sending::First) => {
                // Its link is that address's alone.
                if row.email != self.to {
                    return Err(Stop::Again);
                }
                Ok(decision.with(self.invitation.event(self.coachee, row.invitation, facts.now)))
            }
        }
    }
}

/// Ends an invitation whose time is over; what a timer asks for.
#[derive(Debug)]
pub struct ExpireInvitation {
    /// Whose.
    pub coachee: CoacheeId,
    /// Which.
    pub invitation: InvitationId,
}

impl Command for ExpireInvitation {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.find::<Invitation>(self.invitation)?;
        let decision = facts.allow(Deed::InviteCoachee, self.coachee)?;
        let over = row.is_some_and(|row| facts.now >= row.expires_at);
        let event = Event::InvitationExpired { coachee: self.coachee, invitation: self.invitation };
        Ok(if over { decision.with(event) } else { decision })
    }
}

/// Accepts a coachee's invitation: the account is activated and the portal opens (S2.8, S3.5).
#[derive(Debug)]
pub struct AcceptInvitation {
    /// The practice.
    pub practice: PracticeId,
    /// The invitation, from its token.
    pub invitation: InvitationId,
    /// The hash of its token.
    pub token: [u8; 32],
    /// The coachee whose invitation it is, as it was when the command was made.
    pub coachee: CoacheeId,
    /// Who accepts.
    pub acceptance: Acceptance,
}

impl Command for AcceptInvitation {
    shows!(Coachee coachee);
    fn others(&self) -> Vec<LogId> {
        self.acceptance.logs()
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let person = self.acceptance.person;
        let invitation = facts.find::<Invitation>(self.invitation);
        let (row, activation) = (facts.find::<Coachee>(self.coachee), facts.find::<Activation>(person));
        let (invitation, row, activation) = (invitation?, row?, activation?);
        let decision = facts.allow(Deed::AcceptInvitation, self.coachee)?;
        let valid = invitation
            .is_some_and(|it| it.token == self.token && facts.now < it.expires_at && it.coachee == self.coachee);
        let row =
            row.filter(|row| valid && row.deactivated_at.is_none()).ok_or(practice::Refusal::InvitationIsNotValid)?;
        if activation.is_some() {
            return Err(Refusal::PersonIsTaken.into());
        }
        let account = self.acceptance.decide(facts, &row.email, self.practice, Portal::Coachee)?;
        Ok(decision.with(Event::Accepted { coachee: self.coachee, invitation: self.invitation, person }).and(account))
    }
}
