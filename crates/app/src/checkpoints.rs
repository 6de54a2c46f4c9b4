//! Checkpoints: what a log was at a moment, signed, and kept also where the database is not (promises R1, R2).
//!
//! Every commit leaves work under [`REACTOR`]. The loop claims it, and for each log signs the tree that the head row says,
//! after proving from the stored tree that it continues the newest checkpoint: the database's own, and the one that the
//! [`Witness`] keeps outside. A tree that is smaller or of another history is never signed, nor one of which something
//! cannot be read; it is logged as an error and tried again at the end of its lease, so that it stays heard; in between it
//! counts as refused. Where the witness cannot read or write, nothing is wrong with the log: it is tried again at the next
//! round. Order of writing: first outside, then the database, then the work is done. A crash in between repeats a
//! checkpoint of the same tree, which says nothing new. What other nodes signed is kept outside by this one, too (`copies`).

mod copies;
mod folder;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::id::LogId;
use store::checkpoint::{Checkpoint, Signer};
use store::tree::{Frontier, Hash, Plan, Source, verify_consistency};
use store::{SignedRoot, Snapshot, Type, Value};

pub use self::copies::Copied;
pub use self::folder::{Folder, noted};
use crate::verify::damaged;
use crate::{App, Error, pause};

/// Under which name commits leave the work of signing.
pub const REACTOR: &str = "checkpoint";

/// How long a claim of work holds: as long as signing a bounded number of logs could take. No round number of seconds,
/// since work that was left again is told apart by its time.
const LEASE_MICROS: i64 = 60_000_001;
/// How many logs are claimed at a time.
const LOGS_AT_ONCE: u32 = 64;
/// What every origin begins with.
const ORIGIN: &str = "throughline/";

/// A log's name in its checkpoints, for all time.
pub fn origin(log: &str) -> String {
    format!("{ORIGIN}{log}")
}

/// The log that an origin names, as text.
pub fn log_of(origin: &str) -> Option<&str> {
    origin.strip_prefix(ORIGIN)
}

/// The signed notes of a text that holds several, one after the other, as [`Folder`] writes them. One whose writing was
/// cut short has no whole signature line and is left out; what follows a note's last signature, such as the empty line
/// of a program that saved it, is not the note's.
pub fn notes(text: &str) -> Vec<String> {
    let mut notes = vec![String::new()];
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        if line.starts_with(ORIGIN) {
            notes.push(String::new());
        }
        if let Some(note) = notes.last_mut() {
            note.push_str(line);
        }
    }
    notes.retain(|note| note.contains("\n\n— "));
    for note in &mut notes {
        let signature = note.rfind("\n— ").map_or(0, |last| last + 1);
        let length = note[signature..].find('\n').map_or(note.len(), |end| signature + end + 1);
        note.truncate(length);
    }
    notes
}

/// When a checkpoint was signed, as it says, in microseconds since 1970.
pub(crate) fn signed_at(checkpoint: &Checkpoint) -> Option<i64> {
    checkpoint.extensions.iter().find_map(|line| line.strip_prefix("time ")?.parse().ok())
}

/// Keeps checkpoints outside the database. Its functions may block.
pub trait Witness: Send + Sync + 'static {
    /// Keeps a log's newest note, so that it survives a power loss.
    fn keep(&self, log: LogId, note: &str) -> std::io::Result<()>;
    /// The newest note that was kept of a log.
    fn newest(&self, log: LogId) -> std::io::Result<Option<String>>;
}

/// What a round of signing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signing {
    /// How many checkpoints were signed.
    pub signed: u64,
    /// The logs that were not, and why.
    pub refused: Vec<Refused>,
}

/// A log that was not signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub log: LogId,
    /// Why, for people who run the service.
    pub why: String,
}

/// That an event is in the log: what its holder needs beside the event's record, to check it offline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The leaf's place in the tree, from 0.
    pub leaf_index: u64,
    /// How many leaves the tree of the checkpoint has.
    pub size: u64,
    /// The hash of the event's record.
    pub leaf: Hash,
    /// The hashes beside the way from the leaf to the root, nearest first (RFC 6962, section 2.1.1).
    pub hashes: Vec<Hash>,
    /// The checkpoint, signed.
    pub note: String,
}

/// Why a log is not signed now.
enum Unsigned {
    /// Something is wrong with it.
    Refused(String),
    /// Its checkpoint cannot be kept outside, or what is kept there cannot be read.
    NotKept(String),
    /// It could not be looked at.
    Failed(Error),
}

impl From<Error> for Unsigned {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What cannot be read of one log keeps no other from being signed.
impl From<store::Error> for Unsigned {
    fn from(error: store::Error) -> Self {
        if damaged(&error) {
            Self::Refused(format!("something of it cannot be read: {error}"))
        } else {
            Self::Failed(error.into())
        }
    }
}

/// A tree that the next one must continue.
struct Anchor {
    size: u64,
    root: Hash,
    said_by: &'static str,
}

impl App {
    /// Signs a checkpoint of each log in which something changed since the last. Without a signer nothing is done.
    ///
    /// # Errors
    /// The store's. A log that may not be signed is no error here: see [`Signing::refused`].
    pub async fn sign_checkpoints(&self, witness: Option<&Arc<dyn Witness>>) -> Result<Signing, Error> {
        let mut signing = Signing::default();
        let mut not_kept = Vec::new();
        let Some(signer) = &self.inner.signer else { return Ok(signing) };
        loop {
            let now = self.clock().now().0;
            let claimed =
                self.inner.store.claim_work(REACTOR, now, now.saturating_add(LEASE_MICROS), LOGS_AT_ONCE).await?;
            if claimed.is_empty() {
                self.end_round(now, &not_kept).await?;
                return Ok(signing);
            }
            let ids: Vec<store::Id> = claimed.iter().map(|work| work.log).collect();
            let mut snapshot = self.inner.store.snapshot().await?;
            let heads = snapshot.heads_of(&ids).await?;
            snapshot.close().await?;
            let (mut roots, mut done) = (Vec::new(), Vec::new());
            for work in &claimed {
                let head = heads.iter().find(|head| head.log == work.log);
                let log = head.and_then(|head| LogId::of(&head.kind, uuid::Uuid::from_bytes(head.log)));
                // Work of a log that was deleted is over.
                let Some(log) = log else {
                    done.push(work);
                    continue;
                };
                match self.sign(signer, log, now, witness).await {
                    Ok(root) => {
                        roots.extend(root);
                        done.push(work);
                    }
                    Err(Unsigned::Refused(why)) => {
                        tracing::error!(%log, why, "this log is not signed: run verify, and keep the database as it is");
                        self.inner.pulse.refused(work.log);
                        signing.refused.push(Refused { log, why });
                    }
                    Err(Unsigned::NotKept(why)) => not_kept.push((store::Work { at: now, ..work.clone() }, why)),
                    Err(Unsigned::Failed(error)) => return Err(error),
                }
            }
            self.keep_signed(&roots).await?;
            self.inner.pulse.checkpoints_signed.add(roots.len() as u64);
            signing.signed += roots.len() as u64;
            for work in done {
                self.inner.store.work_done(work).await?;
                self.inner.pulse.refused_no_more(|log| *log != work.log);
            }
        }
    }

    /// Ends a round of signing: gives back what could not be kept outside, and counts what is refused still. Another node
    /// may have signed a log that this one had refused: then no work of it is left.
    async fn end_round(&self, now: i64, not_kept: &[(store::Work, String)]) -> Result<(), Error> {
        let pulse = &self.inner.pulse;
        if let Some((_, why)) = not_kept.first() {
            tracing::error!(
                logs = not_kept.len(),
                why,
                "checkpoints cannot be kept outside the database, and are not signed: see that the server's user may read \
                 and write `checkpoint_dir` and what is in it; the next round tries again"
            );
            let again: Vec<store::Work> = not_kept.iter().map(|(work, _)| work.clone()).collect();
            let mut batch = self.inner.store.batch().await?;
            batch.put_work(&again).await?;
            batch.commit().await?;
        }
        if pulse.checkpoints_refused() > 0 {
            let mut snapshot = self.inner.store.snapshot().await?;
            let asked = "select log_id from work where reactor = ?";
            let left = snapshot.query(asked, &[Value::Text(REACTOR.to_owned())], &[Type::Bytes]).await?;
            snapshot.close().await?;
            pulse.refused_no_more(|log| left.iter().any(|row| row[..] == [Value::Bytes(log.to_vec())]));
        }
        if not_kept.is_empty() && pulse.checkpoints_refused() == 0 {
            pulse.round_of_signing(now);
        }
        Ok(())
    }

    async fn keep_signed(&self, roots: &[SignedRoot]) -> Result<(), Error> {
        if roots.is_empty() {
            return Ok(());
        }
        let mut batch = self.inner.store.batch().await?;
        batch.put_checkpoints(roots).await?;
        Ok(batch.commit().await?)
    }

    /// Signs one log and hands the note to the witness; `None` where the newest checkpoint says it all.
    async fn sign(
        &self,
        signer: &Signer,
        log: LogId,
        now: i64,
        witness: Option<&Arc<dyn Witness>>,
    ) -> Result<Option<SignedRoot>, Unsigned> {
        let id = log.uuid().into_bytes();
        let mut snapshot = self.inner.store.snapshot().await?;
        let Some(head) = snapshot.head(id).await? else { return Ok(None) };
        let last = snapshot.checkpoint(id).await?;
        let refused = |why: String| Err(Unsigned::Refused(why));
        let frontier = match Frontier::decode(&head.frontier) {
            Ok(frontier) if frontier.size() == head.seq => frontier,
            Ok(_) | Err(_) => return refused("its head row's tree is not of the head's size".to_owned()),
        };
        let outside = newest(witness, log).await?;
        for anchor in &anchors(signer, log, last.as_ref(), outside.as_deref()).map_err(Unsigned::Refused)? {
            if let Err(why) = continues(&mut snapshot, id, anchor, (frontier.size(), frontier.root())).await? {
                return refused(why);
            }
        }
        snapshot.close().await?;
        if let Some(last) = last.filter(|last| last.seq == head.seq) {
            if outside.is_none() {
                keep(witness, log, &last.note).await?;
            }
            return Ok(None);
        }
        let (size, root) = (head.seq, frontier.root());
        let checkpoint =
            Checkpoint { origin: origin(&log.to_string()), size, root, extensions: vec![format!("time {now}")] };
        let note = signer.sign(&checkpoint).map_err(Error::internal)?;
        keep(witness, log, &note).await?;
        Ok(Some(SignedRoot { log: id, seq: size, root, note, at: now }))
    }

    /// Signs whenever something changed, and once more when the app is asked to stop. Without a signer nothing starts.
    /// Nothing is signed before the witness has what others signed: all of it at the start, what came since each round.
    pub fn start_checkpoints(&self, every: Duration, witness: Option<Arc<dyn Witness>>) {
        if self.inner.signer.is_none() {
            tracing::info!("no key to sign checkpoints with: none are signed");
            return;
        }
        let app = self.clone();
        let mut stopping = self.tasks().stopping();
        // Where the first round does not come to its end, that is heard too.
        self.inner.pulse.round_of_signing(self.clock().now().0);
        self.tasks().start("checkpoints", async move {
            let mut copied = Copied::default();
            loop {
                let known = match &witness {
                    Some(witness) => app.copy_checkpoints(witness, &mut copied).await.map(drop),
                    None => Ok(()),
                };
                let goes_on = pause(&mut stopping, every).await;
                if !app.accepts_writes() {
                    return;
                }
                let signed = match known {
                    Ok(()) => app.sign_checkpoints(witness.as_ref()).await.map(drop),
                    Err(error) => Err(error),
                };
                if let Err(error) = signed {
                    tracing::warn!(?error, "checkpoints could not be signed; the next round tries again");
                }
                if !goes_on {
                    return;
                }
            }
        });
    }
}

/// The proof that event `seq` (from 1) is in the log that the newest checkpoint signs; `None` where no checkpoint covers it
/// yet, or there is no such event. Whoever asks was found to be allowed to.
pub async fn inclusion(snapshot: &mut Snapshot, log: LogId, seq: u64) -> Result<Option<Proof>, Error> {
    let id = log.uuid().into_bytes();
    let newest = snapshot.checkpoint(id).await?.filter(|newest| (1..=newest.seq).contains(&seq));
    let Some(newest) = newest else { return Ok(None) };
    let plan = Plan::inclusion(seq - 1, newest.seq).map_err(Error::internal)?;
    let leaf = snapshot.leaves(id, seq - 1, 1).await?.pop();
    let leaf = leaf.ok_or_else(|| Error::internal(format!("{log} lacks event {seq}")))?;
    let hashes = plan.prove(&load(snapshot, id, &plan).await?).map_err(Error::internal)?;
    Ok(Some(Proof { leaf_index: seq - 1, size: newest.seq, leaf, hashes, note: newest.note }))
}

/// The proof that the log of `to` events continues that of `from` events (RFC 6962, section 2.1.2).
///
/// # Errors
/// [`Error::BadRequest`] unless `from` ≤ `to` ≤ the log's length; [`Error::NotFound`] where there is no log.
pub async fn consistency(snapshot: &mut Snapshot, log: LogId, (from, to): (u64, u64)) -> Result<Vec<Hash>, Error> {
    let id = log.uuid().into_bytes();
    let head = snapshot.head(id).await?.ok_or(Error::NotFound)?;
    if from > to || to > head.seq {
        return Err(Error::BadRequest(format!(
            "a proof goes from a smaller tree to a larger one of at most {} events",
            head.seq
        )));
    }
    let plan = Plan::consistency(from, to).map_err(Error::internal)?;
    plan.prove(&load(snapshot, id, &plan).await?).map_err(Error::internal)
}

/// What a log's tree must continue: what the database's checkpoint says, and the one that was kept outside; or why one of
/// them says nothing.
fn anchors(
    signer: &Signer,
    log: LogId,
    last: Option<&SignedRoot>,
    outside: Option<&str>,
) -> Result<Vec<Anchor>, String> {
    let mut anchors = Vec::new();
    if let Some(last) = last {
        let said_by = "the database's checkpoint";
        // Signed by a key of before: what the row says is all that is known.
        let as_the_row_says = Anchor { size: last.seq, root: last.root, said_by };
        anchors.push(anchor(signer, log, &last.note, said_by)?.unwrap_or(as_the_row_says));
    }
    if let Some(note) = outside {
        let anchor = anchor(signer, log, note, "the checkpoint kept outside")?;
        if anchor.is_none() {
            tracing::warn!(%log, "the checkpoint kept outside was signed by another key; it is passed over");
        }
        anchors.extend(anchor);
    }
    Ok(anchors)
}

/// What a note says, where this signer signed it; `None` where another key did; an error where it was changed.
fn anchor(signer: &Signer, log: LogId, note: &str, said_by: &'static str) -> Result<Option<Anchor>, String> {
    match signer.verifier().verify(note) {
        Ok(checkpoint) if checkpoint.origin == origin(&log.to_string()) => {
            Ok(Some(Anchor { size: checkpoint.size, root: checkpoint.root, said_by }))
        }
        Ok(_) => Err(format!("{said_by} is another log's")),
        Err(store::checkpoint::Error::Unsigned(_)) => Ok(None),
        Err(error) => Err(format!("{said_by}: {error}")),
    }
}

/// Whether a tree continues an earlier one, or why not.
async fn continues(
    snapshot: &mut Snapshot,
    log: store::Id,
    earlier: &Anchor,
    (now, now_root): (u64, Hash),
) -> Result<Result<(), String>, store::Error> {
    let Anchor { size, root, said_by } = earlier;
    let Ok(plan) = Plan::consistency(*size, now) else {
        return Ok(Err(format!("it is shorter than {said_by} says: {now} events of {size}")));
    };
    let nodes = load(snapshot, log, &plan).await?;
    let proved = plan.prove(&nodes).and_then(|proof| verify_consistency(*size, root, now, &now_root, &proof));
    Ok(proved.map_err(|error| format!("it does not continue {said_by} of {size} events: {error}")))
}

/// A signed checkpoint of a log as a snapshot shows it: the newest one, where it says it all, else a new one, which
/// continues it and the one that was kept outside; or why not.
pub(crate) async fn of_snapshot(
    snapshot: &mut Snapshot,
    signer: &Signer,
    (log, head): (LogId, &store::Head),
    outside: Option<&str>,
    now: i64,
) -> Result<Result<SignedRoot, String>, store::Error> {
    let frontier = match Frontier::decode(&head.frontier) {
        Ok(frontier) if frontier.size() == head.seq => frontier,
        Ok(_) | Err(_) => return Ok(Err("its head row's tree is not of the head's size".to_owned())),
    };
    let last = snapshot.checkpoint(head.log).await?;
    let anchors = match anchors(signer, log, last.as_ref(), outside) {
        Ok(anchors) => anchors,
        Err(why) => return Ok(Err(why)),
    };
    for anchor in &anchors {
        if let Err(why) = continues(snapshot, head.log, anchor, (frontier.size(), frontier.root())).await? {
            return Ok(Err(why));
        }
    }
    let says_it_all = |last: &SignedRoot| last.seq == head.seq && signer.verifier().verify(&last.note).is_ok();
    if let Some(last) = last.filter(says_it_all) {
        return Ok(Ok(last));
    }
    let (size, root) = (head.seq, frontier.root());
    let extensions = vec![format!("time {now}")];
    let signed = signer.sign(&Checkpoint { origin: origin(&log.to_string()), size, root, extensions });
    Ok(signed
        .map(|note| SignedRoot { log: head.log, seq: size, root, note, at: now })
        .map_err(|error| error.to_string()))
}

/// The nodes of a plan.
struct Loaded(HashMap<(u8, u64), Hash>);

impl Source for Loaded {
    fn node(&self, level: u8, position: u64) -> Option<Hash> {
        self.0.get(&(level, position)).copied()
    }
}

/// Loads what a plan names: at most 4096 kept nodes and 510 leaves for a million events.
async fn load(snapshot: &mut Snapshot, log: store::Id, plan: &Plan) -> Result<Loaded, store::Error> {
    let mut loaded = HashMap::new();
    for nodes in plan.nodes() {
        let (from, count) = (nodes.positions.start, nodes.positions.end - nodes.positions.start);
        let limit = u32::try_from(count).unwrap_or(u32::MAX);
        let hashes = match nodes.level {
            0 => snapshot.leaves(log, from, limit).await?,
            level => snapshot.nodes(log, level, from, limit).await?,
        };
        loaded.extend(nodes.positions.zip(hashes).map(|(position, hash)| ((nodes.level, position), hash)));
    }
    Ok(Loaded(loaded))
}

/// The witness's newest note of a log.
async fn newest(witness: Option<&Arc<dyn Witness>>, log: LogId) -> Result<Option<String>, Unsigned> {
    let Some(witness) = witness.cloned() else { return Ok(None) };
    outside(move || witness.newest(log)).await
}

/// Hands a note to the witness.
async fn keep(witness: Option<&Arc<dyn Witness>>, log: LogId, note: &str) -> Result<(), Unsigned> {
    let Some(witness) = witness.cloned() else { return Ok(()) };
    let note = note.to_owned();
    outside(move || witness.keep(log, &note)).await
}

/// Runs what may block where it blocks nobody.
async fn outside<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Unsigned> {
    let ended = tokio::task::spawn_blocking(work).await.map_err(Error::internal)?;
    ended.map_err(|error| Unsigned::NotKept(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(size: u32) -> String {
        format!("throughline/practice_1\n{size}\nCQkJ\ntime 1\n\n— key AAAA\n")
    }

    #[test]
    fn what_follows_the_last_signature_is_not_the_notes() {
        let witnessed = format!("{}— other BBBB\n", note(1));
        for after in ["", "\n", "\n\n", "and a remark\n", "cut short"] {
            assert_eq!(notes(&format!("{witnessed}{after}")), std::slice::from_ref(&witnessed), "{after:?}");
        }
        assert_eq!(notes(&format!("{witnessed}\n{}\n", note(2))), [witnessed, note(2)]);
    }
}
