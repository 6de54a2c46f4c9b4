//! The fold engine: one way from events to rows, for live commits, catching up, rebuilding and checking.
//!
//! A fold is run dry to learn which rows it touches, these are loaded in bulk, and it is run for good. A live commit is
//! the case in which the events are the command's own; catching up and rebuilding read them from the log.
//!
//! What was forgotten is skipped. What has no key and was not forgotten is not: that would be an erasure of which nothing
//! is known (`lost`). It is an error that names whose key is gone, and nothing of that log is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::fold::When;
use domain::id::{Id as _, LogId};
use domain::row::Noted;
use domain::{Event, Rows, Table};
use store::{Batch, Portions, Snapshot};

use crate::commit::Wanted;
use crate::keys::LogKeys;
use crate::lost::{Lost, Unkeyed};
use crate::record::{self, Texts};
use crate::tables::{self, Folded, Projection};
use crate::{App, Error, Inner};

/// The keys of rows that an event's fold touches.
pub fn notes(event: &Event, when: &When) -> Vec<Noted> {
    let mut rows = Rows::noting();
    event.fold(when, &mut rows);
    rows.take_noted()
}

/// An event that was read, with what a fold needs opened; `None` where its subject was forgotten, or its key is known to be
/// lost.
fn opened(mut happened: record::Happened, keys: &LogKeys, lost: &Lost) -> Result<Option<(When, Event)>, Error> {
    let when = happened.when;
    if keys.is_forgotten(when.subject, when.seq) {
        return Ok(None);
    }
    let mut texts = false;
    happened.event.secrets(&mut |secret, _| texts |= secret.sealed().is_some());
    if texts {
        let whose = (when.subject, when.owner);
        let known = keys.get(whose).ok_or_else(|| Error::internal("a key was not loaded"))?;
        let may_lack = keys.may_lack(whose, when.seq, when.at.0);
        if may_lack && record::open(&mut happened.event.clone(), &when, known, Texts::All).is_err() {
            let (log, subject) = (when.log, when.subject.uuid());
            let owner = when.owner.map(domain::id::Id::uuid);
            let whose = (log.uuid().into_bytes(), subject.into_bytes(), owner.map(uuid::Uuid::into_bytes));
            if lost.has(&whose, when.seq) {
                return Ok(None);
            }
            let unkeyed = Unkeyed { log, subject, owner, until: when.seq };
            return Err(Error::internal(format!(
                "a key is gone, and nothing says that its texts were erased: {unkeyed}; run verify"
            )));
        }
        record::open(&mut happened.event, &when, known, Texts::Personal)?;
    }
    Ok(Some((when, happened.event)))
}

/// Which keys are known to be lost, where these events may lack any.
async fn lost(
    snapshot: &mut Snapshot,
    keys: &LogKeys,
    happened: &[record::Happened],
) -> Result<Arc<Lost>, store::Error> {
    if let Some(lost) = keys.lost() {
        return Ok(lost.clone());
    }
    let may_lack = |When { subject, owner, seq, at, .. }: When| {
        !keys.is_forgotten(subject, seq) && keys.may_lack((subject, owner), seq, at.0)
    };
    let any = happened.iter().any(|it| may_lack(it.when));
    Ok(Arc::new(if any { Lost::read(snapshot).await? } else { Lost::default() }))
}

/// A log's keys for folding it in snapshots that show single logs only: what is known to be lost belongs to none.
pub(crate) async fn keys_of(inner: &Inner, log: LogId) -> Result<LogKeys, Error> {
    let mut snapshot = inner.store.snapshot().await?;
    let lost = Lost::read(&mut snapshot).await?;
    snapshot.close().await?;
    Ok(LogKeys::new(&inner.roots, log).knowing(lost))
}

/// The keys that these events' texts need.
pub(crate) fn whose(events: &[store::Event]) -> BTreeSet<crate::keys::Whose> {
    let person = |owner: store::Id| domain::id::PersonId::of(uuid::Uuid::from_bytes(owner));
    events
        .iter()
        .map(|event| (domain::id::Subject::of(uuid::Uuid::from_bytes(event.subject)), event.owner.map(person)))
        .collect()
}

/// Folds the tail of a log into those projections that have not come so far, under the head's lock, a portion at a time.
pub(crate) async fn catch_up(
    inner: &Inner,
    batch: &mut Batch,
    log: LogId,
    seq: u64,
    folded: &mut Folded,
) -> Result<(), store::Error> {
    let mut portions = Portions::large(log.uuid().into_bytes());
    loop {
        let behind = folded.behind(&inner.tables, seq);
        let Some(from) = behind.iter().map(|projection| folded.of(projection.fingerprint)).min() else { return Ok(()) };
        // Those that are furthest behind first, up to where the next ones begin.
        let group: Vec<&Projection> =
            behind.iter().copied().filter(|projection| folded.of(projection.fingerprint) == from).collect();
        let until = behind
            .iter()
            .map(|projection| folded.of(projection.fingerprint))
            .filter(|at| *at > from)
            .min()
            .unwrap_or(seq);
        let records = portions.records(batch, from, until - from).await?;
        let Some((last, _)) = records.last() else {
            return Err(store::Error::Malformed(format!("{log} ends before its head says")));
        };
        fold_chunk(inner, batch, log, &records, &group).await?;
        for projection in group {
            folded.set(projection.fingerprint, *last);
        }
    }
}

async fn fold_chunk(
    inner: &Inner,
    batch: &mut Batch,
    log: LogId,
    records: &[(u64, Vec<u8>)],
    group: &[&Projection],
) -> Result<(), store::Error> {
    let malformed = |error: Error| store::Error::Malformed(format!("{error:?}"));
    let mine: BTreeSet<Table> = group.iter().flat_map(|projection| projection.tables.iter().copied()).collect();
    let mut keys = LogKeys::new(&inner.roots, log);
    let happened: Result<Vec<_>, Error> = records.iter().map(|(_, record)| record::decode(record)).collect();
    let happened = happened.map_err(malformed)?;
    let whose = happened.iter().map(|it| (it.when.subject, it.when.owner));
    keys.load_for_folding(batch, whose).await.map_err(malformed)?;
    let lost = lost(batch, &keys, &happened).await?;
    let events: Result<Vec<_>, Error> =
        happened.into_iter().filter_map(|happened| opened(happened, &keys, &lost).transpose()).collect();
    let events = events.map_err(malformed)?;
    fold_ready(inner, batch, log, &mut Rows::default(), &events, |table| mine.contains(&table)).await
}

/// Folds events into rows and writes those that changed, in the tables that pass. `rows` are those at hand; further
/// ones are loaded.
pub(crate) async fn fold_ready(
    inner: &Inner,
    batch: &mut Batch,
    log: LogId,
    rows: &mut Rows,
    events: &[(When, Event)],
    passes: impl Fn(Table) -> bool,
) -> Result<(), store::Error> {
    let malformed = |error: Error| store::Error::Malformed(format!("{error:?}"));
    let mut wanted = Wanted::default();
    for noted in events.iter().flat_map(|(when, event)| notes(event, when)) {
        if noted.load && passes(noted.table) && !rows.knows(noted.table, noted.id) {
            wanted.row(log, noted.table, noted.id);
        }
    }
    for (table, wanted) in wanted.rows {
        let physical = inner.tables.physical(table).map_err(malformed)?;
        let asked: Vec<(store::Id, store::Id)> =
            wanted.iter().map(|(log, id)| (log.uuid().into_bytes(), id.into_bytes())).collect();
        let mut found: BTreeMap<store::Id, Vec<u8>> =
            batch.load(physical, &asked).await?.into_iter().map(|(_, id, document)| (id, document)).collect();
        for (_, id) in wanted {
            let document = found.remove(&id.into_bytes());
            rows.load(table, id, document.as_deref()).map_err(|error| store::Error::Malformed(error.to_string()))?;
        }
    }
    for (when, event) in events {
        event.fold(when, rows);
    }
    let mut changes = Changes::default();
    changes.take(log, rows, passes)?;
    changes.write(inner, batch).await
}

/// The next portion of a log's events after a position, `most` at most, ready to be folded; how many bytes their records
/// have; and the position of the last that was read: where that is the same position, there are no more.
pub(crate) async fn read_ready(
    snapshot: &mut Snapshot,
    keys: &mut LogKeys,
    portions: &mut Portions,
    after: u64,
    most: u64,
) -> Result<(u64, usize, Vec<(When, Event)>), Error> {
    let records = portions.records(snapshot, after, most).await?;
    let happened = records.iter().map(|(_, record)| record::decode(record)).collect::<Result<Vec<_>, _>>()?;
    keys.load_for_folding(snapshot, happened.iter().map(|it| (it.when.subject, it.when.owner))).await?;
    let lost = lost(snapshot, keys, &happened).await?;
    let events = happened.into_iter().filter_map(|happened| opened(happened, keys, &lost).transpose());
    let bytes = records.iter().map(|(_, record)| record.len()).sum();
    Ok((records.last().map_or(after, |(last, _)| *last), bytes, events.collect::<Result<_, _>>()?))
}

/// What folds changed, table by table: rows to write and keys to delete.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    upserts: BTreeMap<Table, Vec<store::Row>>,
    deletes: BTreeMap<Table, Vec<(store::Id, store::Id)>>,
}

impl Changes {
    /// And what changed in these rows of a log, in the tables that pass.
    pub(crate) fn take(
        &mut self,
        log: LogId,
        rows: &mut Rows,
        passes: impl Fn(Table) -> bool,
    ) -> Result<(), store::Error> {
        let id = log.uuid().into_bytes();
        let taken = rows.take_changes(|table, key, row| match row {
            _ if !passes(table) => {}
            Some(row) => self.upserts.entry(table).or_default().push(tables::to_store(id, row)),
            None => self.deletes.entry(table).or_default().push((id, key.into_bytes())),
        });
        taken.map_err(|error| store::Error::Malformed(error.to_string()))
    }

    /// Writes all of it, a statement a table, row after row as they lie there.
    pub(crate) async fn write(mut self, inner: &Inner, batch: &mut Batch) -> Result<(), store::Error> {
        self.sort();
        for (table, rows) in self.upserts {
            batch.upsert(physical(inner, table)?, &rows).await?;
        }
        for (table, keys) in self.deletes {
            batch.delete(physical(inner, table)?, &keys).await?;
        }
        Ok(())
    }

    /// The same, where none of these rows is there.
    pub(crate) async fn write_first(mut self, inner: &Inner, batch: &mut Batch) -> Result<(), store::Error> {
        self.sort();
        for (table, rows) in self.upserts {
            batch.insert_rows(physical(inner, table)?, &rows).await?;
        }
        Ok(())
    }

    fn sort(&mut self) {
        for rows in self.upserts.values_mut() {
            rows.sort_unstable_by_key(|row| (row.log, row.id));
        }
    }
}

fn physical(inner: &Inner, table: Table) -> Result<&store::Table, store::Error> {
    inner.tables.physical(table).map_err(|error| store::Error::Senseless(error.to_string()))
}

/// How far a long piece of work is.
pub trait Progress: Send {
    /// So many events more are done.
    fn done(&mut self, log: LogId, events: u64);
}

impl Progress for () {
    fn done(&mut self, _: LogId, _: u64) {}
}

/// A log's rows after an event, from its events alone.
pub(crate) async fn in_memory(
    inner: &Inner,
    snapshot: &mut Snapshot,
    log: LogId,
    until: u64,
    progress: &mut dyn Progress,
) -> Result<Rows, Error> {
    let (mut rows, mut keys, mut seq) = (Rows::default(), keys_of(inner, log).await?, 0);
    let mut portions = Portions::large(log.uuid().into_bytes());
    while seq < until {
        let (last, _, events) = read_ready(snapshot, &mut keys, &mut portions, seq, until - seq).await?;
        if last == seq {
            return Err(Error::internal(format!("{log} ends before its head says: run verify")));
        }
        for (when, event) in &events {
            event.fold(when, &mut rows);
        }
        progress.done(log, last - seq);
        seq = last;
    }
    Ok(rows)
}

impl App {
    /// A log's rows as its events alone make them, in memory: nothing is written, and of the database only records and keys
    /// are read. It takes one snapshot, which must be allowed to last as long.
    pub async fn fold_in_memory(&self, log: LogId, progress: &mut dyn Progress) -> Result<Rows, Error> {
        let mut snapshot = self.inner.store.snapshot().await?;
        let head = snapshot.head(log.uuid().into_bytes()).await?;
        let rows = in_memory(&self.inner, &mut snapshot, log, head.map_or(0, |head| head.seq), progress).await?;
        snapshot.close().await?;
        Ok(rows)
    }

    /// Every log, or the one named.
    pub async fn logs(&self, only: Option<LogId>) -> Result<Vec<LogId>, Error> {
        if let Some(log) = only {
            return Ok(vec![log]);
        }
        let mut logs = Vec::new();
        let mut after = None;
        loop {
            let mut snapshot = self.inner.store.snapshot().await?;
            let heads = snapshot.heads(after, 1_000).await?;
            snapshot.close().await?;
            let Some(last) = heads.last() else { return Ok(logs) };
            after = Some(last.log);
            logs.extend(heads.iter().filter_map(|head| LogId::of(&head.kind, uuid::Uuid::from_bytes(head.log))));
        }
    }
}
