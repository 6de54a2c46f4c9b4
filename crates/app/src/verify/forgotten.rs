//! Whom a log has forgotten: the table `forgotten` beside the events that say so.
//!
//! Every fold skips whom the table names, so it has to say what the log says (decision 0016). What holds where all is in
//! order:
//! * whom an event forgets, the table names up to that event or further;
//! * the table names nobody beyond the end of the log;
//! * whom it names has no key of before: their texts are gone. Only an address or an account begins anew, in its own
//!   log. Of anybody else nothing is written any more: a key of theirs is of before, whatever it says of when it came.
//!
//! A row that no event explains, of somebody without such a key, is what a restore leaves that took a newer keyring than the
//! backup: they were forgotten after it. Nothing tells it from one that was put there together with destroying the keys,
//! so those are counted, and said.

use std::collections::BTreeMap;

use store::{Forgotten, Key};
use uuid::Uuid;

/// The table's rows of one log, and how far its events explain them.
#[derive(Debug, Default)]
pub(super) struct Index(BTreeMap<store::Id, Row>);

#[derive(Debug)]
struct Row {
    /// Up to where it says that they are forgotten.
    until: u64,
    /// Whether a key of before is still there.
    has_keys: bool,
    /// The newest event that forgets them, so far; 0 where none does.
    said: u64,
}

impl Index {
    /// The rows of a log, and its keys.
    pub(super) fn new(log: store::Id, rows: Vec<Forgotten>, keys: &[Key]) -> Self {
        let mut oldest: BTreeMap<store::Id, u64> = BTreeMap::new();
        for key in keys {
            let since = oldest.entry(key.subject).or_insert(key.since);
            *since = key.since.min(*since);
        }
        let row = |Forgotten { subject, seq, .. }: Forgotten| {
            let has_keys = oldest.get(&subject).is_some_and(|since| subject != log || *since < seq);
            (subject, Row { until: seq, has_keys, said: 0 })
        };
        Self(rows.into_iter().map(row).collect())
    }

    /// An event forgets somebody: whether the table says so, too.
    pub(super) fn knows(&mut self, subject: Uuid, seq: u64) -> bool {
        let Some(row) = self.0.get_mut(subject.as_bytes()).filter(|row| row.until >= seq) else { return false };
        row.said = seq;
        true
    }

    /// When all events were read: how many rows none of them explains; or what is wrong with one.
    pub(super) fn end(&self, end: u64) -> Result<u64, String> {
        for (subject, Row { until, has_keys, said }) in &self.0 {
            let who = domain::id::text("subject", Uuid::from_bytes(*subject));
            if *until > end {
                return Err(format!("the table `forgotten` names {who} up to event {until}, beyond the log's end"));
            }
            if *has_keys && until == said {
                return Err(format!("event {said} forgets {who}, and a key of theirs from before is still there"));
            }
            if *has_keys {
                return Err(format!(
                    "the table `forgotten` names {who} up to event {until}, no event says so, and their keys are there"
                ));
            }
        }
        Ok(self.0.values().filter(|row| row.said < row.until).count() as u64)
    }
}
