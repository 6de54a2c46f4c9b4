//! Keys that are gone: what is known to be lost, and whose key is missing without a reason.
//!
//! Every sealed text has a key, unless its subject was forgotten: then their keys and rows went together, and the table
//! `forgotten` says so. A key that is gone otherwise is an accident, or somebody's hand. Were the texts that it sealed passed
//! over, it would be an erasure that nobody has recorded; so a fold stops at the first of them (`fold`), `verify` names
//! whose key it is, and neither a backup nor a restore goes on without it.
//!
//! Where it is in no keyring any more it is lost, and whoever runs the installation says so: by `replay --lost-keys`, and by
//! `restore --expired` where the keyring that is left is older than the backup. That is written down here, in a value of the
//! installation: whose, and up to which event. What was sealed up to there is passed over, as if it was forgotten.

use std::collections::BTreeMap;

use domain::id::{Id as _, LogId, PersonId};
use store::{Batch, Snapshot, Store};
use uuid::Uuid;

use crate::Error;
use crate::fold::Progress;
use crate::verify::verify;

/// The value of the installation that says which keys are lost.
const LOST: &str = "lost keys";
/// The owner that stands for nobody.
const NOBODY: store::Id = [0; 16];

/// Whose a key is, and in which log.
pub(crate) type Whose = (store::Id, store::Id, Option<store::Id>);

/// Somebody of whom sealed texts are there and a key is missing, though they were not forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unkeyed {
    /// The log.
    pub log: LogId,
    /// About whom the texts are: a coachee, or whom the log is of.
    pub subject: Uuid,
    /// Whose alone they are, if anybody's.
    pub owner: Option<Uuid>,
    /// The newest event with one.
    pub until: u64,
}

impl std::fmt::Display for Unkeyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { log, subject, owner, until } = self;
        if *subject == log.uuid() {
            write!(f, "{log}")?;
        } else {
            write!(f, "{} in {log}", domain::id::text("coachee", *subject))?;
        }
        if let Some(owner) = owner {
            write!(f, " with {}", PersonId::of(*owner))?;
        }
        write!(f, " (texts up to event {until})")
    }
}

/// Up to which event whose keys are lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lost(BTreeMap<Whose, u64>);

impl Lost {
    pub async fn read(snapshot: &mut Snapshot) -> Result<Self, store::Error> {
        let Some(value) = snapshot.meta(LOST).await? else { return Ok(Self::default()) };
        Self::decode(&value).ok_or_else(|| store::Error::Malformed(format!("the value `{LOST}` makes no sense")))
    }

    /// Whether a text of this event is lost.
    pub fn has(&self, whose: &Whose, seq: u64) -> bool {
        self.0.get(whose).is_some_and(|until| seq <= *until)
    }

    /// Writes these down beside those that are.
    pub async fn add(batch: &mut Batch, unkeyed: &[Unkeyed]) -> Result<(), store::Error> {
        if unkeyed.is_empty() {
            return Ok(());
        }
        let mut lost = Self::read(batch).await?;
        for Unkeyed { log, subject, owner, until } in unkeyed {
            let whose = (log.uuid().into_bytes(), subject.into_bytes(), owner.map(Uuid::into_bytes));
            let known = lost.0.entry(whose).or_insert(*until);
            *known = (*known).max(*until);
        }
        batch.set_meta(LOST, &lost.encode()).await
    }

    fn encode(&self) -> Vec<u8> {
        let entry = |((log, subject, owner), until): (&Whose, &u64)| {
            [&log[..], &subject[..], &owner.unwrap_or(NOBODY)[..], &until.to_be_bytes()[..]].concat()
        };
        self.0.iter().flat_map(entry).collect()
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut lost = BTreeMap::new();
        while !bytes.is_empty() {
            let (log, rest) = bytes.split_first_chunk::<16>()?;
            let (subject, rest) = rest.split_first_chunk::<16>()?;
            let (owner, rest) = rest.split_first_chunk::<16>()?;
            let (until, rest) = rest.split_first_chunk::<8>()?;
            lost.insert((*log, *subject, Some(*owner).filter(|owner| *owner != NOBODY)), u64::from_be_bytes(*until));
            bytes = rest;
        }
        Some(Self(lost))
    }
}

/// Takes every key that is missing for lost, in all logs or the one named, and writes that down; whose they are.
///
/// # Errors
/// [`Error::BadRequest`] where a log is not what was signed or not what it says of itself: then nothing is known of what
/// is missing.
pub async fn take_for_lost(
    store: &Store,
    only: Option<LogId>,
    progress: &mut dyn Progress,
) -> Result<Vec<Unkeyed>, Error> {
    let verified = verify(store, only, None, &[], progress).await?;
    if let Some(finding) = verified.finding {
        return Err(Error::BadRequest(format!("not in order: {finding}")));
    }
    let mut batch = store.batch().await?;
    batch.lock_meta().await?;
    Lost::add(&mut batch, &verified.unkeyed).await?;
    batch.commit().await?;
    Ok(verified.unkeyed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_again() {
        let (one, other) = (([1; 16], [2; 16], None), ([1; 16], [2; 16], Some([3; 16])));
        let lost = Lost(BTreeMap::from([(one, 7), (other, u64::MAX)]));
        assert_eq!(Lost::decode(&lost.encode()), Some(lost.clone()));
        assert!(
            lost.has(&one, 7) && !lost.has(&one, 8) && lost.has(&other, 8) && !lost.has(&([2; 16], [2; 16], None), 1)
        );
        assert_eq!(Lost::decode(&lost.encode()[1..]), None);
        assert_eq!(Lost::decode(&[]), Some(Lost::default()));
    }
}
