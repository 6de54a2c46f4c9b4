//! Many coachees at once: one command, the same events as adding one at a time (decision on S1.29).
//!
//! Whoever has an address already that a coachee of the practice has is passed over, so that importing a file again adds
//! nobody, and of two imports at the same time one adds and the other passes over.

use std::collections::BTreeSet;

use super::{AddCoachee, Coachee, CoacheeEmail, Refusal, email_key};
use crate::access::Deed;
use crate::decide::{About, Command, Decision, Facts, Stop};
use crate::id::PracticeId;
use crate::practice::Practice;

/// How many are added by one command.
pub const IMPORT_MAX: usize = 1_000;

/// Adds those of them who are not there.
#[derive(Debug)]
pub struct ImportCoachees {
    /// Where.
    pub practice: PracticeId,
    /// Whom.
    pub coachees: Vec<AddCoachee>,
}

impl Command for ImportCoachees {
    type Thing = Practice;
    fn thing(&self) -> PracticeId {
        self.practice
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let asked = self.coachees.iter().map(|new| {
            let taken = facts.find::<CoacheeEmail>(email_key(&new.email));
            (new, taken, facts.find::<Coachee>(new.coachee))
        });
        // All are asked for before the first is looked at: one round of loading.
        let asked: Vec<_> = asked.collect();
        let mut decision = facts.allow(Deed::AddCoachee, About::Practice)?;
        if asked.len() > IMPORT_MAX {
            return Err(Refusal::ImportIsTooLong.into());
        }
        let mut seen = BTreeSet::new();
        for (new, taken, there) in asked {
            if taken?.is_none() && there?.is_none() && seen.insert(&new.email) {
                decision = new.happens(facts, decision);
            }
        }
        Ok(decision)
    }
}
