//! What other nodes have signed, kept outside by this one, too (promise R2).
//!
//! Whichever node claims a log's work signs it and hands the note to its own witness. Were the database then put back to an
//! earlier state, a node that had not heard of that note would sign on from there, and fork what was signed. So a node
//! copies the newest checkpoint of every log from the database when it starts, and what was signed since after each round of
//! signing. What it cannot know is what was signed while it was down and is not in the database any more.
//!
//! Copied is what this server's key has signed and what continues the newest note that is kept here, as the stored tree
//! proves. What does not is a history that another node has signed, or that was put there: it is not kept, but logged as an
//! error and counted as refused, at each round until it is as it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::id::LogId;
use store::checkpoint::Signer;
use store::{Type, Value};

use super::{Refused, Unsigned, Witness, anchor, continues, keep, newest};
use crate::{App, Error};

/// How far back is looked again: a round takes as long as its lease, and nodes' clocks differ.
const OVERLAP_MICROS: i64 = 5 * 60_000_000;
/// How many checkpoints are looked up at once.
const ROWS_AT_ONCE: u32 = 1_000;
/// So many logs are looked at even if the app is asked to stop.
const LOGS_UNASKED: usize = 64;

/// How far a witness has what was signed.
#[derive(Debug, Default)]
pub struct Copied {
    /// When the last round began; `None` before the first.
    since: Option<i64>,
    /// The logs that could not be copied then.
    again: BTreeSet<LogId>,
}

impl App {
    /// Hands to the witness the newest checkpoints that it does not have: at first of every log, then of those that were
    /// signed since. Without a signer nothing is done. Which logs have one that does not continue what the witness has.
    ///
    /// # Errors
    /// The store's; [`Error::Unavailable`] where the app is asked to stop while it looks at very many for the first time.
    pub async fn copy_checkpoints(
        &self,
        witness: &Arc<dyn Witness>,
        copied: &mut Copied,
    ) -> Result<Vec<Refused>, Error> {
        let Some(signer) = &self.inner.signer else { return Ok(Vec::new()) };
        let now = self.clock().now().0;
        let mut logs = match copied.since {
            None => self.logs(None).await?.into_iter().collect(),
            Some(since) => self.signed_since(since.saturating_sub(OVERLAP_MICROS)).await?,
        };
        logs.extend(&copied.again);
        let (mut again, mut refused) = (BTreeSet::new(), Vec::new());
        for (number, log) in logs.into_iter().enumerate() {
            // At first it may take minutes, for which nobody waits who stops: the next start begins anew.
            if copied.since.is_none() && number >= LOGS_UNASKED && self.tasks().is_stopping() {
                return Err(Error::Unavailable);
            }
            match self.copy(signer, log, witness).await {
                Ok(()) => {}
                Err(Unsigned::Refused(why)) => {
                    tracing::error!(
                        %log,
                        why,
                        "the database's checkpoint of this log is not kept outside: run verify, and keep the database as it is"
                    );
                    self.inner.pulse.refused(log.uuid().into_bytes());
                    again.insert(log);
                    refused.push(Refused { log, why });
                }
                // Signing, which reads and writes the same place, says so.
                Err(Unsigned::NotKept(_)) => {
                    again.insert(log);
                }
                Err(Unsigned::Failed(error)) => return Err(error),
            }
        }
        *copied = Copied { since: Some(now), again };
        Ok(refused)
    }

    /// The logs of which a checkpoint was signed at a time or later.
    async fn signed_since(&self, at: i64) -> Result<BTreeSet<LogId>, Error> {
        let text = "select at, log_id, seq from checkpoints where (at, log_id, seq) > (?, ?, ?) \
                    order by at, log_id, seq limit ?";
        let mut logs = BTreeSet::new();
        let mut after = vec![Value::Int(at), Value::Bytes(Vec::new()), Value::Int(0)];
        loop {
            let asked = [after.as_slice(), &[Value::Int(ROWS_AT_ONCE.into())]].concat();
            let mut snapshot = self.inner.store.snapshot().await?;
            let rows = snapshot.query(text, &asked, &[Type::Int, Type::Bytes, Type::Int]).await?;
            let ids: BTreeSet<store::Id> = rows.iter().filter_map(|row| id(row)).collect();
            let heads = snapshot.heads_of(&ids.into_iter().collect::<Vec<_>>()).await?;
            snapshot.close().await?;
            logs.extend(heads.iter().filter_map(|head| LogId::of(&head.kind, uuid::Uuid::from_bytes(head.log))));
            let Some(last) = rows.into_iter().next_back() else { return Ok(logs) };
            after = last;
        }
    }

    /// Hands a log's newest checkpoint to the witness, unless that has one that says as much; or why not.
    async fn copy(&self, signer: &Signer, log: LogId, witness: &Arc<dyn Witness>) -> Result<(), Unsigned> {
        let id = log.uuid().into_bytes();
        let mut snapshot = self.inner.store.snapshot().await?;
        let Some(signed) = snapshot.checkpoint(id).await? else { return Ok(()) };
        let said_by = "the database's checkpoint";
        // One of a key of before says nothing to this signer, wherever it is kept.
        let Some(new) = anchor(signer, log, &signed.note, said_by).map_err(Unsigned::Refused)? else { return Ok(()) };
        if let Some(note) = newest(Some(witness), log).await?
            && let Some(kept) = anchor(signer, log, &note, "the checkpoint kept outside").map_err(Unsigned::Refused)?
        {
            if kept.size > new.size {
                return Ok(());
            }
            if let Err(why) = continues(&mut snapshot, id, &kept, (new.size, new.root)).await? {
                return Err(Unsigned::Refused(why));
            }
            if kept.size == new.size {
                return Ok(());
            }
        }
        snapshot.close().await?;
        keep(Some(witness), log, &signed.note).await
    }
}

/// The log of a checkpoint's row.
fn id(row: &[Value]) -> Option<store::Id> {
    let [_, Value::Bytes(log), _] = row else { return None };
    log.as_slice().try_into().ok()
}
