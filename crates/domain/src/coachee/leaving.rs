//! How a coachee leaves: erased from the practice, or with the account that they delete.

use super::{Activation, Coachee, Event, Refusal};
use crate::access::Deed;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::id::{CoacheeId, PersonId};

/// Erases a coachee: every text about them is made unreadable for ever, everywhere. It cannot be undone, so their full
/// name is typed to confirm.
pub struct EraseCoachee {
    /// Whom.
    pub coachee: CoacheeId,
    /// Their full name, as typed.
    pub name: String,
}

crate::hidden!(EraseCoachee);

impl Command for EraseCoachee {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Coachee>(self.coachee)?;
        let decision = facts.allow(Deed::EraseCoachee, self.coachee)?;
        if self.name.trim() != row.full_name() {
            return Err(Refusal::NameDiffers.into());
        }
        // It is the practice's to remember: what is about the coachee is what is forgotten.
        Ok(decision.about(facts.here()).with(Event::Erased { coachee: self.coachee, person: row.person }))
    }
}

/// Closes the portal of a coachee whose account was deleted; what the account's log asks for. The file stays.
#[derive(Debug)]
pub struct Detach {
    /// The account that was.
    pub person: PersonId,
}

impl Command for Detach {
    shows!(Activation person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let coachee = facts.get::<Activation>(self.person)?.coachee;
        let decision = facts.allow(Deed::ChangeCoachee, coachee)?;
        Ok(decision.with(Event::Detached { coachee, person: self.person }))
    }
}
