//! Catching up and rebuilding: rows folded ahead of the lock, and written each once.
//!
//! Events never change, so they are read and folded before anything is locked, in memory: up to [`EVENTS_AHEAD`] events or
//! [`BYTES_AHEAD`] of records. Then the head is locked, and if the projections are still as far as they were when this
//! folding began, each row that changed is written once, and how far they are now, in one transaction. If they are not,
//! somebody else has folded or appended meanwhile: what was folded here is thrown away, and it begins anew from there. So it
//! does where the log has forgotten somebody meanwhile: another version of the program may have, which folds its own tables
//! only, and what was folded here holds their names. Rows stay in memory for the next part, up to [`BYTES_KEPT`].
//!
//! A rebuild begins from nothing: its first part is folded before any row is touched, and its first transaction takes the
//! log's rows away and writes the new ones. A log that fits into one part is so never behind at all: a reader finds the
//! old rows or the new ones. Where somebody has appended meanwhile, the rows are taken away first and the log is caught up
//! with, for what was folded may hold what the newest event forgot. While one log is written the next one is folded. The head
//! says how often that was done, so that no lane, of whichever process, goes on from a row of before that it keeps.
//!
//! Why a kill anywhere is safe: a transaction holds rows and how far they are folded, together. After a kill between two
//! parts the log is behind, and whoever needs it goes on from there.

use std::collections::BTreeMap;

use domain::fold::When;
use domain::id::LogId;
use domain::{Event, Rows, Table};
use store::{Batch, Portions, Snapshot, Type, Value, Wait};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::commit::Wanted;
use crate::fold::{Changes, Progress, notes, read_ready};
use crate::keys::LogKeys;
use crate::tables::{Fingerprint, Folded};
use crate::{App, Error, Inner};

/// How many events are folded before they are written: what a transaction writes bounds how long others wait for it.
const EVENTS_AHEAD: u64 = 10_000;
/// How many bytes of records are: rows hold no more than what events say.
const BYTES_AHEAD: usize = 32 << 20;
/// How many bytes of rows are kept for the next part, about.
const BYTES_KEPT: usize = 64 << 20;
/// How many logs wait to be written while the next one is folded.
const WAITING_MAX: usize = 1;

/// What was folded and is not written yet.
struct Ahead {
    log: LogId,
    /// Of which projections.
    group: Vec<Fingerprint>,
    /// Up to where they are folded in the database.
    from: u64,
    /// Up to where they are folded here.
    at: u64,
    /// How far the log had forgotten when this folding began.
    forgotten: u64,
    /// The log's end when it was read.
    end: u64,
    /// A table each: too many for a future to carry about.
    rows: Box<Rows>,
    keys: LogKeys,
    portions: Portions,
    /// Whether a row that is not here is nowhere: all of them were folded here.
    whole: bool,
}

impl Ahead {
    fn new(inner: &Inner, log: LogId, group: Vec<Fingerprint>, from: u64, forgotten: u64) -> Self {
        let (keys, portions) = (LogKeys::new(&inner.roots, log), Portions::large(log.uuid().into_bytes()));
        Self {
            log,
            group,
            from,
            at: from,
            forgotten,
            end: from,
            rows: Box::default(),
            keys,
            portions,
            whole: from == 0,
        }
    }

    /// Folds on, up to an event of the log, or until it is enough for one transaction.
    async fn fold(&mut self, inner: &Inner, snapshot: &mut Snapshot, until: u64) -> Result<(), Error> {
        let mut bytes = 0;
        while self.at < until && self.at - self.from < EVENTS_AHEAD && bytes < BYTES_AHEAD {
            let most = (until - self.at).min(EVENTS_AHEAD - (self.at - self.from));
            let (last, read, events) = read_ready(snapshot, &mut self.keys, &mut self.portions, self.at, most).await?;
            if last == self.at {
                return Err(Error::internal(format!("{} ends before its head says", self.log)));
            }
            self.at = last;
            bytes += read;
            if !self.whole {
                self.load(inner, snapshot, &events).await?;
            }
            for (when, event) in &events {
                event.fold(when, &mut self.rows);
            }
        }
        Ok(())
    }

    /// Loads what these events change, of the projections that are folded; of others nothing is written.
    async fn load(&mut self, inner: &Inner, snapshot: &mut Snapshot, events: &[(When, Event)]) -> Result<(), Error> {
        let mut wanted = Wanted::default();
        for noted in events.iter().flat_map(|(when, event)| notes(event, when)) {
            if noted.load && holds(inner, &self.group, noted.table) && !self.rows.knows(noted.table, noted.id) {
                wanted.row(self.log, noted.table, noted.id);
            }
        }
        for (table, wanted) in wanted.rows {
            let asked: Vec<(store::Id, store::Id)> =
                wanted.iter().map(|(log, id)| (log.uuid().into_bytes(), id.into_bytes())).collect();
            let found = snapshot.load(inner.tables.physical(table)?, &asked).await?;
            let mut found: BTreeMap<store::Id, Vec<u8>> =
                found.into_iter().map(|(_, id, document)| (id, document)).collect();
            for (_, id) in wanted {
                let document = found.remove(&id.into_bytes());
                self.rows.load(table, id, document.as_deref()).map_err(Error::internal)?;
            }
        }
        Ok(())
    }

    /// Writes each changed row, and how far they are folded now. The head is locked, and says `folded`.
    async fn write(&mut self, inner: &Inner, batch: &mut Batch, folded: &mut Folded) -> Result<(), Error> {
        let mut changes = Changes::default();
        changes.take(self.log, &mut self.rows, |table| holds(inner, &self.group, table))?;
        // Of a log that was not folded at all there are no rows.
        if self.from == 0 {
            changes.write_first(inner, batch).await?;
        } else {
            changes.write(inner, batch).await?;
        }
        for fingerprint in &self.group {
            folded.set(*fingerprint, self.at);
        }
        Ok(())
    }

    /// What was folded is written: the next part begins here.
    fn written(mut self) -> Self {
        self.from = self.at;
        if self.rows.bytes() > BYTES_KEPT {
            self.rows = Box::default();
            self.whole = false;
        }
        self
    }
}

/// The first event after a position of whose subject and owner there is no key, and who was not forgotten. Where it has a text
/// that one sealed, the rest of the log cannot be folded; that must be known before its first part takes the place of all rows.
async fn unkeyed(snapshot: &mut Snapshot, log: store::Id, after: u64) -> Result<Option<u64>, store::Error> {
    let statement = "select e.seq from events as e where e.log_id = ? and e.seq > ? \
                     and not exists (select 1 from keys as k where k.log_id = e.log_id and k.subject = e.subject \
                     and k.owner = coalesce(e.owner, ?)) \
                     and not exists (select 1 from forgotten as f where f.log_id = e.log_id \
                     and f.subject = e.subject and f.seq >= e.seq) order by e.seq limit 1";
    let after = Value::Int(i64::try_from(after).unwrap_or(i64::MAX));
    let found = snapshot.query(statement, &[Value::from(log), after, Value::from([0; 16])], &[Type::Int]).await?;
    match found.first().map(Vec::as_slice) {
        Some([Value::Int(seq)]) => Ok(u64::try_from(*seq).ok()),
        Some(_) | None => Ok(None),
    }
}

/// Reads a part of a log as whoever folds it does.
async fn read_on(inner: &Inner, snapshot: &mut Snapshot, log: LogId, (mut at, until): (u64, u64)) -> Result<(), Error> {
    let (mut keys, mut portions) = (LogKeys::new(&inner.roots, log), Portions::large(log.uuid().into_bytes()));
    while at < until {
        let (last, _, _) = read_ready(snapshot, &mut keys, &mut portions, at, until - at).await?;
        if last == at {
            return Ok(());
        }
        at = last;
    }
    Ok(())
}

fn holds(inner: &Inner, group: &[Fingerprint], table: Table) -> bool {
    let projections = inner.tables.projections().iter();
    projections
        .filter(|projection| group.contains(&projection.fingerprint))
        .any(|projection| projection.tables.contains(&table))
}

/// Those projections that are furthest behind, how far they are, and up to where they can be folded together.
fn furthest(inner: &Inner, folded: &Folded, seq: u64) -> Option<(Vec<Fingerprint>, u64, u64)> {
    let behind: Vec<(Fingerprint, u64)> = folded
        .behind(&inner.tables, seq)
        .iter()
        .map(|projection| (projection.fingerprint, folded.of(projection.fingerprint)))
        .collect();
    let from = behind.iter().map(|(_, at)| *at).min()?;
    let until = behind.iter().map(|(_, at)| *at).filter(|at| *at > from).min().unwrap_or(seq);
    let group = behind.into_iter().filter(|(_, at)| *at == from).map(|(fingerprint, _)| fingerprint).collect();
    Some((group, from, until))
}

impl App {
    /// Folds one log's tail, if this version of the program has not yet.
    pub async fn catch_up(&self, log: LogId, progress: &mut dyn Progress) -> Result<(), Error> {
        self.catch_up_from(log, None, progress).await
    }

    /// The same, with what is in memory already.
    async fn catch_up_from(
        &self,
        log: LogId,
        mut ahead: Option<Ahead>,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let id = log.uuid().into_bytes();
        loop {
            let mut snapshot = inner.store.snapshot().await?;
            let Some(head) = snapshot.head(id).await? else { return Ok(snapshot.close().await?) };
            let Some((group, from, until)) = furthest(inner, &Folded::decode(&head.folded), head.seq) else {
                return Ok(snapshot.close().await?);
            };
            let forgotten = snapshot.newest_forgotten(id).await?;
            let goes_on = |ahead: &Ahead| ahead.from == from && ahead.group == group && ahead.forgotten == forgotten;
            let kept = ahead.take().filter(goes_on);
            let mut folding = kept.unwrap_or_else(|| Ahead::new(inner, log, group, from, forgotten));
            folding.fold(inner, &mut snapshot, until).await?;
            snapshot.close().await?;
            let mut batch = inner.store.batch().await?;
            let Some(mut head) = batch.lock(&[id], Wait::Block).await?.heads.pop() else { return Ok(()) };
            let mut folded = Folded::decode(&head.folded);
            let has_moved = folding.group.iter().any(|fingerprint| folded.of(*fingerprint) != folding.from);
            if has_moved || batch.newest_forgotten(id).await? != folding.forgotten {
                batch.rollback().await?;
                continue;
            }
            folding.write(inner, &mut batch, &mut folded).await?;
            head.folded = folded.encode();
            batch.set_heads(&[], &[head]).await?;
            batch.commit().await?;
            progress.done(log, folding.at - folding.from);
            ahead = Some(folding.written());
        }
    }

    /// Folds every row of a log (of all logs where it is `None`) anew from its events. The service goes on meanwhile:
    /// whoever needs a log's rows waits for that log only, and only where it is longer than a part.
    ///
    /// # Errors
    /// [`Error::Internal`] where a log cannot be read or a key of it is gone: its rows stay as they are, and all other logs are
    /// rebuilt. What the store cannot do.
    pub async fn rebuild(&self, only: Option<LogId>, progress: &mut dyn Progress) -> Result<(), Error> {
        let logs = self.logs(only).await?;
        let (send, mut parts) = mpsc::channel(WAITING_MAX);
        let app = self.clone();
        // Ends with this, wherever this ends.
        let mut beside = JoinSet::new();
        beside.spawn(async move {
            for log in logs {
                if send.send(app.first_part(log).await).await.is_err() {
                    return;
                }
            }
        });
        let mut failed = None;
        while let Some(part) = parts.recv().await {
            let done = match part {
                Ok(Some(part)) => self.put_in_place(part, progress).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            match done {
                // What is wrong with one log keeps no other from being rebuilt.
                Err(error @ Error::Internal(_)) => {
                    tracing::error!(?error, "a log could not be rebuilt");
                    failed.get_or_insert(error);
                }
                done => done?,
            }
        }
        if let Some(ended) = beside.join_next().await {
            ended.map_err(Error::internal)?;
        }
        self.inner.store.measure().await?;
        failed.map_or(Ok(()), Err)
    }

    /// A log folded from its first event; `None` where it is not there.
    async fn first_part(&self, log: LogId) -> Result<Option<Ahead>, Error> {
        let inner = &self.inner;
        let mut snapshot = inner.store.snapshot().await?;
        let mut part = None;
        let id = log.uuid().into_bytes();
        if let Some(head) = snapshot.head(id).await? {
            let all = inner.tables.projections().iter().map(|projection| projection.fingerprint).collect();
            let mut folding = Ahead::new(inner, log, all, 0, snapshot.newest_forgotten(id).await?);
            folding.fold(inner, &mut snapshot, head.seq).await?;
            if folding.at < head.seq
                && let Some(seq) = unkeyed(&mut snapshot, id, folding.at).await?
            {
                read_on(inner, &mut snapshot, log, (seq.saturating_sub(1), head.seq)).await?;
            }
            folding.end = head.seq;
            part = Some(folding);
        }
        snapshot.close().await?;
        Ok(part)
    }

    /// Puts the rows of a log's first part in the place of all that are there, and folds the rest.
    async fn put_in_place(&self, mut part: Ahead, progress: &mut dyn Progress) -> Result<(), Error> {
        let (inner, log) = (&self.inner, part.log);
        let id = log.uuid().into_bytes();
        let mut batch = inner.store.batch().await?;
        let Some(mut head) = batch.lock(&[id], Wait::Block).await?.heads.pop() else { return Ok(()) };
        for table in Table::ALL {
            batch.delete_log_rows(inner.tables.physical(*table)?, id).await?;
        }
        let mut folded = Folded::decode(&head.folded);
        folded.rebuilt();
        let moved = head.seq != part.end;
        if moved {
            folded.set_all(&inner.tables, 0);
        } else {
            part.write(inner, &mut batch, &mut folded).await?;
        }
        head.folded = folded.encode();
        batch.set_heads(&[], &[head]).await?;
        batch.commit().await?;
        if moved {
            return self.catch_up(log, progress).await;
        }
        progress.done(log, part.at);
        self.catch_up_from(log, Some(part.written()), progress).await
    }
}
