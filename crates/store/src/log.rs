//! The log's own rows: heads, events, and what is written in the same transaction as they are.
//!
//! All times are microseconds UTC since 1970. Every key begins with the log's id.

use crate::value::Id;

/// The head row of a log: how far it is, and what is needed to append to it. It is locked while a command is decided.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    /// The log.
    pub log: Id,
    /// What the log is of (`practice`, `account`, …).
    pub kind: String,
    /// The newest event's position; 0 before the first.
    pub seq: u64,
    /// The newest event's time.
    pub at: i64,
    /// The right edge of the log's tree, as `tree::Frontier` writes it.
    pub frontier: Vec<u8>,
    /// The newest generation of events that the log holds: an older program must leave it alone.
    pub generation: u32,
    /// How far each projection is folded, in the words of whoever folds.
    pub folded: Vec<u8>,
}

/// One event as it is stored. `record` is what the leaf hashes; the other columns are copies of what it says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Event {
    /// The log.
    pub log: Id,
    /// Its position: 1, 2, 3 … dense.
    pub seq: u64,
    /// The thing that it is about.
    pub thing: Id,
    /// Its kind (`plan.goal_set`).
    pub kind: String,
    /// The version of its kind's schema.
    pub version: u32,
    /// Whom it is about.
    pub subject: Id,
    /// The person whose alone it is.
    pub owner: Option<Id>,
    /// Who did it.
    pub actor: Option<Id>,
    /// On whose behalf.
    pub behalf: Option<Id>,
    /// The command that it comes from.
    pub command: Id,
    /// When.
    pub at: i64,
    /// The canonical record.
    pub record: Vec<u8>,
    /// The record's leaf hash (RFC 6962 section 2.1).
    pub leaf: [u8; 32],
}

/// The root of a complete subtree that is kept, so that a proof is cheap.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// The log.
    pub log: Id,
    /// The subtree's height: it spans `2^level` leaves.
    pub level: u8,
    /// Which of its level, from 0.
    pub position: u64,
    /// Its root.
    pub hash: [u8; 32],
}

/// A command that has been done, kept for as long as a repeat is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Command {
    /// The log.
    pub log: Id,
    /// The idempotency key, hashed with its scope.
    pub key: [u8; 32],
    /// The request's hash: the same key with another request is refused.
    pub request: [u8; 32],
    /// The log's position when it was done.
    pub seq: u64,
    /// The kind of the thing answered.
    pub thing_kind: String,
    /// The thing answered.
    pub thing: Id,
    /// When.
    pub at: i64,
}

/// A wrapped data key of one (subject, owner).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// The log.
    pub log: Id,
    /// Whom its texts are about.
    pub subject: Id,
    /// The person who alone may see them.
    pub owner: Option<Id>,
    /// Generations of one (subject, owner) count from 0 or 1, as the vault has it.
    pub generation: u32,
    /// Which root key wraps it, in the words of whoever wraps.
    pub root: [u8; 32],
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
    /// What binds the wrapped bytes to one key.
    pub commitment: [u8; 32],
    /// When it was made.
    pub at: i64,
    /// The log's position when it was made: it seals what comes after.
    pub since: u64,
}

/// A signed checkpoint of a log's tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedRoot {
    /// The log.
    pub log: Id,
    /// The tree's size.
    pub seq: u64,
    /// Its root.
    pub root: [u8; 32],
    /// The signed note that says so.
    pub note: String,
    /// When it was signed.
    pub at: i64,
}

/// Something to be sent to the outside. It carries ids only; what is sent is made when it is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outbox {
    /// The log.
    pub log: Id,
    /// The parcel's id.
    pub id: Id,
    /// The event that asked for it.
    pub seq: u64,
    /// What it is, in the words of who sends it.
    pub kind: String,
    /// When it is next to be tried.
    pub due: i64,
    /// How often it has been claimed.
    pub attempts: u32,
    /// When it was sent.
    pub sent_at: Option<i64>,
}

/// Work that a commit left for a reactor: `reactor` has something to read in `log`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Work {
    /// The log.
    pub log: Id,
    /// The reactor.
    pub reactor: String,
    /// From when on it may be claimed. A claim moves it to the end of the claim's lease.
    pub at: i64,
}

/// Whom a log has forgotten, and how far: events about `subject` up to `seq` count no more. What comes after does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forgotten {
    /// The log.
    pub log: Id,
    /// Whom.
    pub subject: Id,
    /// The position of the event that says so.
    pub seq: u64,
    /// When.
    pub at: i64,
}

/// How far a follower has read a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Follower {
    /// The log.
    pub log: Id,
    /// The follower.
    pub name: String,
    /// The last position that it is done with.
    pub seq: u64,
}
