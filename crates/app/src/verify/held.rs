//! Whose texts a log holds sealed, and whether their keys are there.
//!
//! The database of a backup has no keys: they lie in the keyring, by which it is held then, or by nobody's.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::Event;
use domain::id::LogId;
use store::{Forgotten, Id, Key};
use uuid::Uuid;

use crate::lost::{Lost, Unkeyed, Whose};

/// Which keys there are, and who was forgotten.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The newest generation that is not there below those that are, and since when none is missing: since the oldest of
    /// those above it was made. Generations begin at 1, and none is left out. The position after which a key came into use
    /// would not do: a keyring may be newer than the backup that goes on with it.
    keys: BTreeMap<Whose, (u32, i64)>,
    /// In which log, and up to which event.
    forgotten: BTreeMap<(Id, Id), u64>,
}

impl Held {
    pub fn of<'r>(keys: &[Key], forgotten: impl IntoIterator<Item = &'r Forgotten>) -> Self {
        let mut held = Self::default();
        let mut keys: Vec<&Key> = keys.iter().collect();
        keys.sort_by_key(|key| Reverse(key.generation));
        for key in keys {
            let newest = (key.generation, key.at);
            let (next, since) = held.keys.entry((key.log, key.subject, key.owner)).or_insert(newest);
            if *next == key.generation {
                (*next, *since) = (key.generation.saturating_sub(1), key.at);
            }
        }
        for Forgotten { log, subject, seq, .. } in forgotten {
            let until = held.forgotten.entry((*log, *subject)).or_default();
            *until = (*until).max(*seq);
        }
        held
    }

    /// Whether a text that was sealed at this event and time should have a key, and that is missing.
    fn lacks(&self, whose: &Whose, seq: u64, at: i64) -> bool {
        let (log, subject, _) = *whose;
        let is_forgotten = self.forgotten.get(&(log, subject)).is_some_and(|until| seq <= *until);
        !is_forgotten && at < self.keys.get(whose).map_or(i64::MAX, |(_, since)| *since)
    }
}

/// Of those whose texts lack a key, the newest event with such a text.
#[derive(Debug, Default)]
pub(super) struct Sealed(BTreeMap<(Id, Option<Id>), u64>);

impl Sealed {
    /// Takes note of an event, in the order of the log.
    pub(super) fn note(&mut self, stored: &store::Event, event: &mut Event, held: &Held) {
        let mut has_texts = false;
        event.secrets(&mut |secret, _| has_texts |= secret.sealed().is_some());
        if has_texts && held.lacks(&(stored.log, stored.subject, stored.owner), stored.seq, stored.at) {
            self.0.insert((stored.subject, stored.owner), stored.seq);
        }
    }

    /// Of whom a key is missing; and how many of those are known to be lost, who are left out.
    pub(super) fn unkeyed(&self, log: LogId, lost: &Lost) -> (Vec<Unkeyed>, u64) {
        let (mut unkeyed, mut known) = (Vec::new(), 0);
        for ((subject, owner), until) in &self.0 {
            if lost.has(&(log.uuid().into_bytes(), *subject, *owner), *until) {
                known += 1;
                continue;
            }
            let (subject, owner) = (Uuid::from_bytes(*subject), owner.map(Uuid::from_bytes));
            unkeyed.push(Unkeyed { log, subject, owner, until: *until });
        }
        (unkeyed, known)
    }
}
