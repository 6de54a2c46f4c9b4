//! Whose texts a log holds sealed, and whether their keys are there.
//!
//! The database of a backup has no keys: they lie in the keyring, by which it is held then, or by nobody's.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::Event;
use domain::id::LogId;
use store::{Forgotten, Id, Key};
use uuid::Uuid;

use crate::keys::is_old;
use crate::lost::{Lost, Unkeyed, Whose};

/// Which keys there are, and who was forgotten.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The newest generation that is not there below those that are, and since when none is missing: since the oldest of
    /// those above it was made. Generations begin at 1, and none is left out. The position after which a key came into use
    /// would not do: a keyring may be newer than the backup that goes on with it.
    keys: BTreeMap<Whose, (u32, i64)>,
    /// When the keys that there are were made, the newest first.
    made: BTreeMap<Whose, Vec<i64>>,
    /// In which log, and up to which event.
    forgotten: BTreeMap<(Id, Id), u64>,
}

impl Held {
    pub fn of<'r>(keys: &[Key], forgotten: impl IntoIterator<Item = &'r Forgotten>) -> Self {
        let mut held = Self::default();
        let mut keys: Vec<&Key> = keys.iter().collect();
        keys.sort_by_key(|key| Reverse(key.generation));
        for key in keys {
            let (whose, newest) = ((key.log, key.subject, key.owner), (key.generation, key.at));
            held.made.entry(whose).or_default().push(key.at);
            let (next, since) = held.keys.entry(whose).or_insert(newest);
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

    /// Whether a text that was sealed at this event and time should have a key, and that is missing. Where the time is
    /// what a clock showed (`by_clock`), no key had sealed that was too old then: a newer one is missing.
    fn lacks(&self, whose: &Whose, (seq, at): (u64, i64), by_clock: bool) -> bool {
        let (log, subject, _) = *whose;
        let is_forgotten = self.forgotten.get(&(log, subject)).is_some_and(|until| seq <= *until);
        let is_below = at < self.keys.get(whose).map_or(i64::MAX, |(_, since)| *since);
        let then = self.made.get(whose).and_then(|made| made.iter().find(|made| **made <= at));
        !is_forgotten && (is_below || (by_clock && then.is_some_and(|made| is_old(*made, at))))
    }
}

/// Of those whose texts lack a key, the newest event with such a text.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    newest: BTreeMap<(Id, Option<Id>), u64>,
    /// The command and time of the event before.
    before: Option<(Id, i64)>,
    /// Whether that time is what a clock showed. A log's time never runs backwards: after a clock was ahead, events have the
    /// log's time until the clock has caught up, and keys are renewed by the clock.
    by_clock: bool,
}

impl Sealed {
    /// Takes note of an event, in the order of the log.
    pub(super) fn note(&mut self, stored: &store::Event, event: &mut Event, held: &Held) {
        let now = (stored.command, stored.at);
        if self.before != Some(now) {
            self.by_clock = self.before.is_none_or(|(_, at)| at < stored.at);
            self.before = Some(now);
        }
        let mut has_texts = false;
        event.secrets(&mut |secret, _| has_texts |= secret.sealed().is_some());
        // Whoever had a newer key by then has it from there on.
        let who = (stored.subject, stored.owner);
        let by_clock = self.by_clock || self.newest.contains_key(&who);
        let whose = (stored.log, stored.subject, stored.owner);
        if has_texts && held.lacks(&whose, (stored.seq, stored.at), by_clock) {
            self.newest.insert(who, stored.seq);
        }
    }

    /// Of whom a key is missing; and how many of those are known to be lost, who are left out.
    pub(super) fn unkeyed(&self, log: LogId, lost: &Lost) -> (Vec<Unkeyed>, u64) {
        let (mut unkeyed, mut known) = (Vec::new(), 0);
        for ((subject, owner), until) in &self.newest {
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
