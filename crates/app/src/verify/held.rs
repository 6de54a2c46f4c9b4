//! Whose texts a log holds sealed, and whether their keys are there.
//!
//! The database of a backup has no keys: they lie in the keyring, by which it is held then, or by nobody's.

use std::collections::BTreeMap;

use domain::Event;
use domain::id::LogId;
use store::{Forgotten, Id, Key};
use uuid::Uuid;

use crate::lost::{Lost, Unkeyed, Whose};

/// Which keys there are, and who was forgotten.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// How many generations there are, and the newest.
    keys: BTreeMap<Whose, (u32, u32)>,
    /// In which log, and up to which event.
    forgotten: BTreeMap<(Id, Id), u64>,
}

impl Held {
    pub fn of<'r>(keys: &[Key], forgotten: impl IntoIterator<Item = &'r Forgotten>) -> Self {
        let mut held = Self::default();
        for key in keys {
            let (number, newest) = held.keys.entry((key.log, key.subject, key.owner)).or_default();
            *number = number.saturating_add(1);
            *newest = (*newest).max(key.generation);
        }
        for Forgotten { log, subject, seq, .. } in forgotten {
            let until = held.forgotten.entry((*log, *subject)).or_default();
            *until = (*until).max(*seq);
        }
        held
    }

    /// Whether a text that was sealed at this event should have a key, and one of them is missing. Generations begin at 1, and
    /// none is left out.
    fn lacks(&self, whose: &Whose, seq: u64) -> bool {
        let (log, subject, _) = *whose;
        let is_forgotten = self.forgotten.get(&(log, subject)).is_some_and(|until| seq <= *until);
        !is_forgotten && self.keys.get(whose).is_none_or(|(number, newest)| number != newest)
    }
}

/// The newest event with a sealed text, for each of those whose key seals.
#[derive(Debug, Default)]
pub(super) struct Sealed(BTreeMap<(Id, Option<Id>), u64>);

impl Sealed {
    /// Takes note of an event, in the order of the log.
    pub(super) fn note(&mut self, stored: &store::Event, event: &mut Event) {
        let mut has_texts = false;
        event.secrets(&mut |secret, _| has_texts |= secret.sealed().is_some());
        if has_texts {
            self.0.insert((stored.subject, stored.owner), stored.seq);
        }
    }

    /// Of whom a key is missing; and how many of those are known to be lost, who are left out.
    pub(super) fn unkeyed(&self, log: LogId, held: &Held, lost: &Lost) -> (Vec<Unkeyed>, u64) {
        let (mut unkeyed, mut known) = (Vec::new(), 0);
        for ((subject, owner), until) in &self.0 {
            let whose = (log.uuid().into_bytes(), *subject, *owner);
            if !held.lacks(&whose, *until) {
                continue;
            }
            if lost.has(&whose, *until) {
                known += 1;
                continue;
            }
            let (subject, owner) = (Uuid::from_bytes(*subject), owner.map(Uuid::from_bytes));
            unkeyed.push(Unkeyed { log, subject, owner, until: *until });
        }
        (unkeyed, known)
    }
}
