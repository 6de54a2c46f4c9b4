//! Who has access to which client, and how far (S4.2–S4.4).

use serde::{Deserialize, Serialize};

use super::{Event, Member, Refusal, Role};
use crate::access::{Deed, Level};
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop};
use crate::declare::row;
use crate::edit::changed;
use crate::id::{AccessId, ClientId, CoacheeId, PersonId};
use crate::value::Time;

/// A coach's access to a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Access {
    /// Derived from both.
    pub id: AccessId,
    /// Who.
    pub coach: PersonId,
    /// To whom.
    pub client: ClientId,
    /// How far.
    pub level: Level,
    /// Since when.
    pub granted_at: Time,
    /// The log's position at which it was granted.
    pub granted: u64,
}
row! { Access in access, seen as Access, id id: AccessId, subject |r| crate::id::Subject::of(r.client.uuid()),
columns |r| [coach: PersonId = r.coach, client: ClientId = r.client, granted: u64 = r.granted] }

impl Access {
    /// Whether it is this coach's, and not one from before they left and came back.
    pub fn holds(&self, member: &Member) -> bool {
        self.coach == member.id && self.granted > member.joined
    }
}

impl Member {
    /// Whether they see a client, given the access between the two, if there is one.
    pub fn sees(&self, access: Option<&Access>) -> bool {
        self.role != Role::Coach || access.is_some_and(|access| access.holds(self))
    }
}

/// Grants a coach access to a client, changes its level, or revokes it (S4.3, S4.4).
#[derive(Debug)]
pub struct SetAccess {
    /// The coach.
    pub coach: PersonId,
    /// A coachee of the client: the client is their company, or they themselves.
    pub coachee: CoacheeId,
    /// The access of this coach to this client.
    pub access: AccessId,
    /// What to do.
    pub step: AccessStep,
}

/// What to do with an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessStep {
    /// Grant it; refused where there is one.
    Grant(Level),
    /// Set another level; refused where there is none.
    Change(Level),
    /// Revoke it; refused where there is none.
    Revoke,
}

impl Command for SetAccess {
    type Thing = Access;
    fn thing(&self) -> AccessId {
        self.access
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, member) = (facts.get::<Coachee>(self.coachee)?, facts.find::<Member>(self.coach)?);
        let client = coachee.client();
        let access = AccessId::between(self.coach, client);
        let row = facts.find::<Access>(access)?;
        let decision = facts.allow(Deed::GrantAccess, self.coachee)?;
        let decision = decision.about(crate::id::Subject::of(client.uuid()));
        let member = member.ok_or(Stop::NotFound)?;
        if member.role != Role::Coach {
            return Err(Refusal::ManagersHaveAccess.into());
        }
        let (coach, row) = (self.coach, row.filter(|row| row.holds(member)));
        match (self.step, row) {
            (AccessStep::Grant(_), Some(_)) => Err(Refusal::AlreadyGranted.into()),
            (AccessStep::Grant(level), None) => {
                Ok(decision.with(Event::AccessGranted { access, coach, client, level }))
            }
            (AccessStep::Change(_) | AccessStep::Revoke, None) => Err(Refusal::NotGranted.into()),
            (AccessStep::Change(level), Some(row)) => Ok(match changed(&row.level, Some(&level)) {
                Some(level) => decision.with(Event::AccessChanged { access, coach, level }),
                None => decision,
            }),
            (AccessStep::Revoke, Some(row)) => {
                Ok(decision.with(Event::AccessRevoked { access, coach, level: row.level }))
            }
        }
    }
}
