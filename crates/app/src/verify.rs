//! Verify: is the log what was signed? (promise R1)
//!
//! It needs a database and, for the proof, the public key and the checkpoints that the reader holds; no root key, no app.
//! Each log's head is pinned, and its events are read from the first on, in portions: an event never changes, so each
//! portion may have a snapshot of its own and no log is too long. From the records alone everything else is made anew and
//! compared:
//!
//! 1. positions: 1, 2, 3 … up to the head's, none missing, none twice, none beyond; and one head;
//! 2. each event's columns, its leaf hash among them, with what its record says;
//! 3. the kept hash of every 256 events, which narrows down a record that was changed together with its leaf;
//! 4. the root at the size of every checkpoint, those in the database and those from outside;
//! 5. the right edge that the head keeps, and the head's time;
//! 6. the table of whom the log has forgotten, with the events that say so (`forgotten`);
//! 7. whether there is a key of every text that was not forgotten, where the database has keys (`held`): no part of what was
//!    signed, so that is no finding but [`Verified::unkeyed`].
//!
//! Steps 1 to 3 and 5 to 7 compare the database with itself, so they find accidents and careless hands. Against somebody who
//! makes all of it anew only a checkpoint from outside the database helps: that is what `trusted` is for, and
//! [`Verified::proved`] says for how many events there was one that this verifier's key has signed. What is found is
//! named by the first event that can be meant; where hashes cannot tell which, by the range.

mod forgotten;
mod held;
mod strays;

use std::collections::BTreeMap;

use domain::id::LogId;
use store::checkpoint::{Checkpoint, Verifiers};
use store::tree::{Frontier, Hash, KEPT_LEVEL};
use store::{Event, Head, Portions, Snapshot, Store, Type, Value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::forgotten::Index;
pub(crate) use self::held::Held;
use self::held::Sealed;
use self::strays::strays;
use crate::fold::Progress;
use crate::lost::{Lost, Unkeyed};
use crate::{Error, checkpoints, keys, record};

/// How many portions of events may wait to be looked at.
const CHUNKS_WAITING: usize = 2;
/// How many heads and checkpoints are.
const ROWS_AT_ONCE: u32 = 1_000;

/// What was verified, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Logs that were read to their end.
    pub logs: u64,
    /// Events that were read.
    pub events: u64,
    /// Checkpoints whose root is the tree's.
    pub checkpoints: u64,
    /// Events up to each log's newest checkpoint whose signature was verified. The others are in order among
    /// themselves, and nobody's word stands for them.
    pub proved: u64,
    /// Who is forgotten without an event that says so, and has no keys: right after a restore with a newer keyring, those
    /// who were forgotten after the backup. Else somebody has put them there.
    pub forgotten_unsaid: u64,
    /// Of whom a key is missing, and nothing says that they were forgotten: of the database's own keys, where it has any. That
    /// of a backup has none.
    pub unkeyed: Vec<Unkeyed>,
    /// How many others' keys are missing, and known to be lost.
    pub lost: u64,
    /// Who signed the checkpoints that hold, each key once, by its label.
    pub signers: Vec<Signatures>,
    /// The first thing that is wrong; `None` where nothing is.
    pub finding: Option<Finding>,
}

/// What one key has signed of what was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// The key, `NAME+HASH`.
    pub by: String,
    /// How many checkpoints.
    pub checkpoints: u64,
    /// The first and the last one's time, in microseconds since 1970, as they say it.
    pub between: Option<(i64, i64)>,
}

impl Verified {
    fn count(&mut self, signed: &Signed) {
        let place = self.signers.binary_search_by(|it| it.by.cmp(&signed.by)).unwrap_or_else(|place| {
            self.signers.insert(place, Signatures { by: signed.by.clone(), checkpoints: 0, between: None });
            place
        });
        let Some(signer) = self.signers.get_mut(place) else { return };
        signer.checkpoints += 1;
        if let Some(at) = signed.at {
            signer.between = Some(signer.between.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
        }
    }
}

/// Something that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The log's id as text; its bare UUID where no head says what kind of log it is.
    pub log: String,
    /// The first event that can be meant; `None` where it is none of the events.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "{}: event {seq}: {}", self.log, self.what),
            None => write!(f, "{}: {}", self.log, self.what),
        }
    }
}

/// Why verifying stopped.
enum Stop {
    Found(Finding),
    Failed(Error),
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

fn found(log: &str, seq: Option<u64>, what: impl Into<String>) -> Stop {
    Stop::Found(Finding { log: log.to_owned(), seq, what: what.into() })
}

/// What cannot be read is a finding: somebody else has written it (SQLite would keep another type than the column's, too), or
/// the file is damaged.
fn unreadable(log: &str, seq: Option<u64>, error: store::Error) -> Stop {
    if damaged(&error) { found(log, seq, format!("this cannot be read: {error}")) } else { error.into() }
}

/// Whether something stored cannot be read, which is not the same as a database that does not answer.
pub(crate) fn damaged(error: &store::Error) -> bool {
    matches!(error, store::Error::Malformed(_) | store::Error::Fatal(_))
}

/// A root that a tree of this size must have.
#[derive(Debug, Clone)]
struct Claim {
    size: u64,
    root: Hash,
    signed: Option<Signed>,
    said_by: &'static str,
}

/// By whom a checkpoint is signed, and when, as it says.
#[derive(Debug, Clone)]
struct Signed {
    by: String,
    at: Option<i64>,
}

/// Checks a note: what it says, and who signed it.
fn signed(keys: &Verifiers, note: &str) -> Result<(Checkpoint, Signed), store::checkpoint::Error> {
    let (checkpoint, by) = keys.verify(note)?;
    let at = checkpoints::signed_at(&checkpoint);
    Ok((checkpoint, Signed { by: by.label(), at }))
}

/// Verifies every log of a database, or the one named, up to the first finding.
///
/// `keys` are the public keys of whoever signs and signed; without them the stored checkpoints' roots are compared and no
/// signature is. `trusted` are signed notes from outside the database (see [`checkpoints::notes`]), of any logs.
///
/// # Errors
/// [`Error::BadRequest`] for notes without a key; [`Error::NotFound`] where the named log is not there and no note says
/// that it was; what the store cannot do. What is wrong with the log is no error but [`Verified::finding`].
pub async fn verify(
    store: &Store,
    only: Option<LogId>,
    keys: Option<&Verifiers>,
    trusted: &[String],
    progress: &mut dyn Progress,
) -> Result<Verified, Error> {
    verify_with(store, (only, keys, trusted), None, progress).await
}

/// The same, of a database whose keys lie elsewhere, if they are given.
pub(crate) async fn verify_with(
    store: &Store,
    (only, keys, trusted): (Option<LogId>, Option<&Verifiers>, &[String]),
    held: Option<&Held>,
    progress: &mut dyn Progress,
) -> Result<Verified, Error> {
    let mut verified = Verified::default();
    match all(store, (only, keys, trusted), held, &mut verified, progress).await {
        Ok(()) => Ok(verified),
        Err(Stop::Found(finding)) => Ok(Verified { finding: Some(finding), ..verified }),
        Err(Stop::Failed(error)) => Err(error),
    }
}

async fn all(
    store: &Store,
    (only, keys, trusted): (Option<LogId>, Option<&Verifiers>, &[String]),
    held: Option<&Held>,
    verified: &mut Verified,
    progress: &mut dyn Progress,
) -> Result<(), Stop> {
    let with = With::read(store, keys, held).await?;
    let mut outside = outside(only, keys, trusted)?;
    let mut logs = 0;
    let mut after = None;
    loop {
        let mut snapshot = store.snapshot().await?;
        let heads = match only {
            Some(log) => snapshot.heads_of(&[log.uuid().into_bytes()]).await,
            None => snapshot.heads(after, ROWS_AT_ONCE).await,
        };
        let heads = heads.map_err(|error| unreadable("a head row", None, error))?;
        snapshot.close().await?;
        for head in &heads {
            let name = domain::id::text(&head.kind, Uuid::from_bytes(head.log));
            let claims = outside.remove(&name).unwrap_or_default();
            if let Some(log) = Log::begin(store, head.log, name, (&with, claims)).await? {
                log.verify(&with, verified, progress).await?;
            }
        }
        logs += heads.len();
        after = heads.last().map(|head| head.log);
        if only.is_some() || heads.is_empty() {
            break;
        }
    }
    if let Some((log, claim)) = outside.iter().find_map(|(log, claims)| Some((log, claims.first()?))) {
        return Err(found(
            log,
            Some(1),
            format!("{} says {} events, and there is no such log", claim.said_by, claim.size),
        ));
    }
    match only {
        Some(_) if logs == 0 => Err(Stop::Failed(Error::NotFound)),
        Some(_) => Ok(()),
        None => strays(store).await,
    }
}

/// With what each log is verified.
struct With<'w> {
    keys: Option<&'w Verifiers>,
    /// The data keys that lie elsewhere.
    held: Option<&'w Held>,
    /// Whether the database has data keys of its own.
    has_keys: bool,
    lost: Lost,
}

impl<'w> With<'w> {
    async fn read(store: &Store, keys: Option<&'w Verifiers>, held: Option<&'w Held>) -> Result<Self, Stop> {
        let failed = |error| unreadable("the table `meta` or `keys`", None, error);
        let mut snapshot = store.snapshot().await?;
        let lost = Lost::read(&mut snapshot).await.map_err(failed)?;
        let names_root = snapshot.meta(keys::ROOT).await.map_err(failed)?.is_some();
        let has_keys = names_root || !snapshot.keys_after(None, 1).await.map_err(failed)?.is_empty();
        snapshot.close().await?;
        Ok(Self { keys, held, has_keys: has_keys && held.is_none(), lost })
    }
}

/// The claims of checkpoints from outside the database, by log.
fn outside(
    only: Option<LogId>,
    keys: Option<&Verifiers>,
    trusted: &[String],
) -> Result<BTreeMap<String, Vec<Claim>>, Stop> {
    let mut claims: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    for note in trusted {
        // Notes of other logs are not looked at, whoever signed them.
        let said = note.lines().next().and_then(checkpoints::log_of);
        if only.is_some_and(|only| said.is_some_and(|said| said != only.to_string())) {
            continue;
        }
        let needed = || {
            Stop::Failed(Error::BadRequest(
                "checkpoints can be trusted only with the key that signed them: give it".to_owned(),
            ))
        };
        let (checkpoint, by) = signed(keys.ok_or_else(needed)?, note).map_err(|error| {
            let origin = note.lines().next().unwrap_or_default();
            found(checkpoints::log_of(origin).unwrap_or(origin), None, format!("the checkpoint from outside: {error}"))
        })?;
        let log = checkpoints::log_of(&checkpoint.origin);
        let log = log.ok_or_else(|| {
            found(&checkpoint.origin, None, "the checkpoint from outside is no log's of this program")
        })?;
        if only.is_none_or(|only| only.to_string() == log) {
            let said_by = "the checkpoint from outside";
            let claim = Claim { size: checkpoint.size, root: checkpoint.root, signed: Some(by), said_by };
            claims.entry(log.to_owned()).or_default().push(claim);
        }
    }
    Ok(claims)
}

/// The number that a statement answers, if it answers one; what cannot be a position is 0.
async fn number(
    snapshot: &mut Snapshot,
    statement: &'static str,
    values: &[Value],
) -> Result<Option<u64>, store::Error> {
    let rows = snapshot.query(statement, values, &[Type::Int]).await?;
    let number = |row: &Vec<Value>| match row.as_slice() {
        [Value::Int(number)] => Some(u64::try_from(*number).unwrap_or(0)),
        [..] => None,
    };
    Ok(rows.first().and_then(number))
}

/// A log on its way through.
struct Log<'s> {
    store: &'s Store,
    id: store::Id,
    name: String,
    head: Head,
    /// How many events are stored.
    stored: u64,
    /// The first position at which there are several. Keys of tables forbid that, until somebody takes them away.
    doubled: Option<u64>,
    /// An event that has no place up to the head's position.
    beyond: Option<u64>,
    /// Whether there is a kept hash of anything else than a whole block.
    kept_beyond: bool,
    /// Whom it has forgotten, as the table says.
    forgotten: Index,
    /// Its keys, where the database has keys.
    held: Option<Held>,
    /// Whose texts lack a key, so far.
    sealed: Sealed,
    /// By size; those before `next` hold.
    claims: Vec<Claim>,
    next: usize,
    /// The tree of the events so far.
    frontier: Frontier,
    /// The largest tree for which a claim holds.
    claimed: u64,
    /// The largest for which a signed one does.
    proved: u64,
    /// The last event's time.
    at: i64,
}

impl<'s> Log<'s> {
    /// Pins the head, and reads in the same snapshot what must not change under it; `None` where it was deleted.
    async fn begin(
        store: &'s Store,
        id: store::Id,
        name: String,
        (with, outside): (&With<'_>, Vec<Claim>),
    ) -> Result<Option<Self>, Stop> {
        let mut snapshot = store.snapshot().await?;
        let failed = |error| unreadable(&name, None, error);
        let mut heads = snapshot.heads_of(&[id]).await.map_err(failed)?;
        if heads.len() > 1 {
            return Err(found(&name, None, format!("it has {} heads", heads.len())));
        }
        let Some(head) = heads.pop() else { return Ok(None) };
        let (log, position) = (Value::from(id), Value::Int(i64::try_from(head.seq).unwrap_or(i64::MAX)));
        let stored = "select count(*) from events where log_id = ?";
        let stored = number(&mut snapshot, stored, std::slice::from_ref(&log)).await.map_err(failed)?.unwrap_or(0);
        let doubled = "select seq from events where log_id = ? group by seq having count(*) > 1 order by seq limit 1";
        let doubled = if stored == head.seq {
            None
        } else {
            number(&mut snapshot, doubled, std::slice::from_ref(&log)).await.map_err(failed)?
        };
        let beyond = "select seq from events where log_id = ? and (seq < 1 or seq > ?) order by seq limit 1";
        let beyond = number(&mut snapshot, beyond, &[log, position]).await.map_err(failed)?;
        let blocks = Value::Int(i64::try_from(head.seq >> KEPT_LEVEL).unwrap_or(i64::MAX));
        let kept_beyond =
            "select level from tree_nodes where log_id = ? and (level <> ? or position < 0 or position >= ?) limit 1";
        let values = [Value::from(id), Value::Int(KEPT_LEVEL.into()), blocks];
        let kept_beyond = number(&mut snapshot, kept_beyond, &values).await.map_err(failed)?.is_some();
        let (keys, rows) = (snapshot.keys_of_log(id).await, snapshot.forgotten_of_log(id).await);
        let (keys, rows) = (keys.map_err(failed)?, rows.map_err(failed)?);
        let held = with.has_keys.then(|| Held::of(&keys, &rows));
        let forgotten = Index::new(id, rows, &keys);
        let mut claims = stored_claims(&mut snapshot, (id, &name), with.keys).await?;
        snapshot.close().await?;
        claims.extend(outside);
        claims.sort_by_key(|claim| claim.size);
        let frontier = Frontier::new();
        Ok(Some(Self {
            store,
            id,
            name,
            head,
            stored,
            doubled,
            beyond,
            kept_beyond,
            forgotten,
            held,
            sealed: Sealed::default(),
            claims,
            next: 0,
            frontier,
            claimed: 0,
            proved: 0,
            at: 0,
        }))
    }

    async fn verify(
        mut self,
        with: &With<'_>,
        verified: &mut Verified,
        progress: &mut dyn Progress,
    ) -> Result<(), Stop> {
        let log = LogId::of(&self.head.kind, Uuid::from_bytes(self.id));
        let log = log.ok_or_else(|| {
            self.found(None, format!("its head calls it a `{}`, which is no kind of log", self.head.kind))
        })?;
        if self.head.seq == 0 {
            return Err(self.found(None, "it has a head and no events"));
        }
        if let Some(seq) = self.doubled {
            return Err(self.found(Some(seq), "it is stored more than once"));
        }
        if self.head.generation > record::GENERATION {
            let what =
                format!("it holds events of generation {}: verify it with the newer program", self.head.generation);
            return Err(self.found(None, what));
        }
        if self.head.generation == 0 {
            return Err(self.found(None, "its head says that its events are of no generation"));
        }
        // The next events are read while these are looked at; that ends with this, wherever this ends.
        let (mut beside, mut chunks) = self.reading();
        while self.frontier.size() < self.head.seq {
            let Some(chunk) = chunks.recv().await else {
                return Err(self.found(Some(self.frontier.size() + 1), "it is missing, and all after it"));
            };
            let Chunk { events, kept } = chunk?;
            for event in &events {
                self.event((log, with), event, &kept)?;
            }
            verified.events += events.len() as u64;
            progress.done(log, events.len() as u64);
        }
        drop(chunks);
        if let Some(Err(failed)) = beside.join_next().await {
            return Err(Stop::Failed(Error::internal(failed)));
        }
        self.end()?;
        verified.logs += 1;
        verified.checkpoints += self.claims.len() as u64;
        verified.proved += self.proved;
        verified.forgotten_unsaid += self.forgotten.end(self.head.seq).map_err(|what| self.found(None, what))?;
        self.claims.iter().filter_map(|claim| claim.signed.as_ref()).for_each(|signed| verified.count(signed));
        let (unkeyed, lost) = self.sealed.unkeyed(log, &with.lost);
        verified.unkeyed.extend(unkeyed);
        verified.lost += lost;
        Ok(())
    }

    fn found(&self, seq: Option<u64>, what: impl Into<String>) -> Stop {
        found(&self.name, seq, what)
    }

    /// Reads the events up to the head's in order, in a task of its own, until there are no more.
    fn reading(&self) -> (JoinSet<()>, mpsc::Receiver<Result<Chunk, Stop>>) {
        let (send, chunks) = mpsc::channel(CHUNKS_WAITING);
        let (name, portions) = (self.name.clone(), Portions::large(self.id));
        let mut reader = Reader { store: self.store.clone(), id: self.id, name, until: self.head.seq, portions };
        let mut beside = JoinSet::new();
        beside.spawn(async move {
            let mut after = 0;
            while after < reader.until {
                let read = reader.read(after).await;
                let last = read.as_ref().ok().and_then(|chunk| chunk.events.last()).map(|event| event.seq);
                // What is missing shows in that nothing more comes.
                if matches!(&read, Ok(chunk) if chunk.events.is_empty()) || send.send(read).await.is_err() {
                    return;
                }
                let Some(last) = last else { return };
                after = last;
            }
        });
        (beside, chunks)
    }

    /// One event: its place, its columns, its block, the checkpoints at its size.
    fn event(&mut self, (log, with): (LogId, &With<'_>), event: &Event, kept: &[(u64, Hash)]) -> Result<(), Stop> {
        let seq = self.frontier.size() + 1;
        if event.seq != seq {
            return Err(self.found(Some(seq), "it is missing"));
        }
        let Ok(mut happened) = record::decode(&event.record) else {
            return Err(self.found(Some(seq), "its record cannot be read"));
        };
        if let Some(column) = record::mismatch(event, &happened) {
            return Err(self.found(Some(seq), format!("its column {column} is not what its record says")));
        }
        if seq == 1 && happened.when.log != log {
            return Err(self.found(Some(seq), "its record is another log's"));
        }
        if happened.event.forgets().is_some_and(|subject| !self.forgotten.knows(subject.uuid(), seq)) {
            return Err(self.found(Some(seq), "it forgets somebody, and the table `forgotten` does not say so"));
        }
        if let Some(held) = with.held.or(self.held.as_ref()) {
            self.sealed.note(event, &mut happened.event, held);
        }
        self.at = event.at;
        if let Some(root) = self.frontier.push(event.leaf) {
            let block = (seq - 1) >> KEPT_LEVEL;
            let stored = kept.iter().find(|(position, _)| *position == block).map(|(_, hash)| *hash);
            if stored != Some(root) {
                return Err(self.changed(seq + 1 - (1 << KEPT_LEVEL), seq, "the hash that was kept of them"));
            }
        }
        if seq < self.head.seq { self.claims_hold() } else { Ok(()) }
    }

    /// The checkpoints of the tree as it is now.
    fn claims_hold(&mut self) -> Result<(), Stop> {
        let size = self.frontier.size();
        while let Some(claim) = self.claims.get(self.next).filter(|claim| claim.size <= size) {
            // One of no events says nothing of any.
            if claim.size == size && claim.root != self.frontier.root() {
                return Err(self.changed(self.claimed + 1, size, claim.said_by));
            }
            if claim.signed.is_some() {
                self.proved = claim.size;
            }
            self.claimed = claim.size;
            self.next += 1;
        }
        Ok(())
    }

    fn changed(&self, from: u64, to: u64, said_by: &str) -> Stop {
        let what = if from == to {
            format!("it is not what it was when {said_by} was made")
        } else {
            format!("one of the events {from} to {to} is not what it was when {said_by} was made")
        };
        self.found(Some(from), what)
    }

    /// What is left when all events were read: the head's edge, the checkpoints at the end, and what lies beyond.
    fn end(&mut self) -> Result<(), Stop> {
        let edge = self.edge();
        let signed = self.claims[self.next..].iter().any(|claim| claim.size == self.head.seq && claim.signed.is_some());
        match (edge, self.claims_hold()) {
            (Edge::Same, Ok(())) => {}
            (Edge::Same, Err(found)) => return Err(found),
            (Edge::Differs(..) | Edge::Damaged, Ok(())) if signed => {
                return Err(
                    self.found(None, "its head's edge of the tree was changed; its events are those that were signed")
                );
            }
            (Edge::Differs(from, to), Ok(()) | Err(_)) => {
                return Err(self.changed(from, to, "its head's edge of the tree"));
            }
            (Edge::Damaged, Ok(()) | Err(_)) => return Err(self.found(None, "its head's edge of the tree is damaged")),
        }
        if let Some(claim) = self.claims.get(self.next) {
            let what = format!("it is missing, and all after it: {} says {} events", claim.said_by, claim.size);
            return Err(self.found(Some(self.head.seq + 1), what));
        }
        if let Some(seq) = self.beyond {
            return Err(self.found(Some(seq), format!("it has no place: its log's head says {} events", self.head.seq)));
        }
        if self.stored != self.head.seq {
            let what = format!("{} events of it are stored, and its head says {}", self.stored, self.head.seq);
            return Err(self.found(None, what));
        }
        if self.kept_beyond {
            return Err(self.found(None, "a hash is kept of events that are not there"));
        }
        if self.at != self.head.at {
            return Err(self.found(None, "its head's time is not the newest event's"));
        }
        Ok(())
    }

    /// How the head's edge compares with that of the tree.
    fn edge(&self) -> Edge {
        let made = self.frontier.encode();
        if self.head.frontier == made {
            return Edge::Same;
        }
        if self.head.frontier.len() != made.len() || self.head.frontier[..8] != made[..8] {
            return Edge::Damaged;
        }
        let differs = made[8..]
            .chunks(32)
            .zip(self.head.frontier[8..].chunks(32))
            .take_while(|(made, kept)| made == kept)
            .count();
        // The subtrees of the edge are the set bits of the size, the largest first.
        let (mut from, mut left) = (0, self.frontier.size());
        for _ in 0..differs {
            let whole = 1 << left.ilog2();
            (from, left) = (from + whole, left - whole);
        }
        Edge::Differs(from + 1, from + (1 << left.ilog2()))
    }
}

/// Events of a log, and the kept hashes of the blocks that may end among them.
struct Chunk {
    events: Vec<Event>,
    kept: Vec<(u64, Hash)>,
}

/// Who reads a log's events.
struct Reader {
    store: Store,
    id: store::Id,
    name: String,
    until: u64,
    portions: Portions,
}

impl Reader {
    /// The next portion of events after a position. Where that cannot be read, event by event.
    async fn read(&mut self, after: u64) -> Result<Chunk, Stop> {
        let left = self.until - after;
        match self.read_some(after, left).await {
            Err(error) if damaged(&error) => {
                self.read_some(after, 1).await.map_err(|error| unreadable(&self.name, Some(after + 1), error))
            }
            read => Ok(read?),
        }
    }

    async fn read_some(&mut self, after: u64, most: u64) -> Result<Chunk, store::Error> {
        let mut snapshot = self.store.snapshot().await?;
        let events = self.portions.events(&mut snapshot, after, most).await?;
        let last = events.last().map_or(after, |event| event.seq);
        let (from, until) = (after >> KEPT_LEVEL, last >> KEPT_LEVEL);
        let kept =
            if from < until { snapshot.nodes_between(self.id, KEPT_LEVEL, from, until).await? } else { Vec::new() };
        snapshot.close().await?;
        Ok(Chunk { events, kept })
    }
}

/// The head's edge of the tree beside the one that its events make.
enum Edge {
    Same,
    /// The first hash that differs is that of these events.
    Differs(u64, u64),
    /// It is none, or one of another size.
    Damaged,
}

/// The checkpoints in the database: those whose note says what their columns say, signed where there is a key.
async fn stored_claims(
    snapshot: &mut Snapshot,
    (id, name): (store::Id, &str),
    keys: Option<&Verifiers>,
) -> Result<Vec<Claim>, Stop> {
    let statement = "select seq, root, note, at from checkpoints where log_id = ? and seq >= ? order by seq limit ?";
    let said_by = "the checkpoint in the database";
    let mut claims = Vec::new();
    let mut next = Some(i64::MIN);
    while let Some(from) = next {
        let values = [Value::from(id), Value::Int(from), Value::Int(ROWS_AT_ONCE.into())];
        let rows = snapshot.query(statement, &values, &[Type::Int, Type::Bytes, Type::Text, Type::Int]).await;
        let rows = rows.map_err(|error| unreadable(name, None, error))?;
        next = None;
        for row in &rows {
            let [Value::Int(seq), Value::Bytes(root), Value::Text(note), Value::Int(at)] = row.as_slice() else {
                return Err(found(name, None, "a checkpoint in the database cannot be read"));
            };
            next = seq.checked_add(1);
            let size = u64::try_from(*seq).map_err(|_| found(name, None, format!("{said_by} is of {seq} events")))?;
            let Ok(root) = Hash::try_from(root.as_slice()) else {
                return Err(found(name, None, format!("{said_by} of {size} events has no root")));
            };
            let mut by = None;
            if let Some(keys) = keys {
                let (checkpoint, signed) = signed(keys, note)
                    .map_err(|error| found(name, None, format!("{said_by} of {size} events: {error}")))?;
                let says = (checkpoint.size, checkpoint.root, signed.at.unwrap_or(*at));
                if says != (size, root, *at) || checkpoint.origin != checkpoints::origin(name) {
                    return Err(found(name, None, format!("{said_by} of {size} events is not what its note says")));
                }
                by = Some(signed);
            }
            claims.push(Claim { size, root, signed: by, said_by });
        }
    }
    Ok(claims)
}
