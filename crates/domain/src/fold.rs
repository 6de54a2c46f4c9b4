//! What a fold knows beside the event itself.

use crate::id::{LogId, PersonId, Subject};
use crate::value::Time;

/// When, where and by whom the event came about.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// The log.
    pub log: LogId,
    /// The event's place in it.
    pub seq: u64,
    /// When it was appended.
    pub at: Time,
    /// Whom it is about.
    pub subject: Subject,
    /// Whose alone it is.
    pub owner: Option<PersonId>,
    /// The person who did it.
    pub actor: Option<PersonId>,
}
