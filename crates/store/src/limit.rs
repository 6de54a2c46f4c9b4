//! What the database alone could do: a recording of the very statements and bytes, and its replay on the bare driver.
//!
//! A recording holds each committed transaction with how many transactions had committed when it began. A replay begins
//! them in the same order, each as soon as those are done; so it has the concurrency of the recorded run, never less
//! order, and ends in the same contents.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::door::Connection;
use crate::error::{During, Error};
use crate::pools::Pools;
use crate::statement::{Statement, Values};
use crate::store::{Database, Options};

/// One transaction as it was executed.
#[derive(Clone, Debug)]
struct Recorded {
    /// Which of the recorded transactions it was, by their begin.
    begun: usize,
    /// How many had committed when it began.
    after: usize,
    statements: Vec<(Cow<'static, str>, Values)>,
}

/// Committed writing transactions, in the order of their commits.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    transactions: Vec<Recorded>,
}

impl Recording {
    /// How many transactions it holds.
    pub fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// How many statements, without begin and commit.
    pub fn statements(&self) -> usize {
        self.transactions.iter().map(|transaction| transaction.statements.len()).sum()
    }
}

/// What writes the recording of a store.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    on: AtomicBool,
    begun: AtomicUsize,
    committed: Mutex<Vec<Recorded>>,
}

impl Recorder {
    fn committed(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn start(&self) {
        self.on.store(true, Ordering::Release);
    }

    pub(crate) fn finish(&self) -> Recording {
        self.on.store(false, Ordering::Release);
        Recording { transactions: mem::take(&mut *self.committed()) }
    }

    /// A tape for a transaction that begins now, if somebody records.
    pub(crate) fn tape(recorder: &Arc<Recorder>) -> Option<Tape> {
        if !recorder.on.load(Ordering::Acquire) {
            return None;
        }
        let after = recorder.committed().len();
        let begun = recorder.begun.fetch_add(1, Ordering::Relaxed);
        let transaction = Recorded { begun, after, statements: Vec::new() };
        Some(Tape { transaction, recorder: Arc::clone(recorder) })
    }
}

/// The recording of a transaction that has not ended yet.
#[derive(Debug)]
pub(crate) struct Tape {
    transaction: Recorded,
    recorder: Arc<Recorder>,
}

impl Tape {
    pub(crate) fn push(&mut self, statement: &Statement) {
        self.transaction.statements.push((statement.text.clone(), statement.values.clone()));
    }

    /// The transaction has committed.
    pub(crate) fn keep(self) {
        self.recorder.committed().push(self.transaction);
    }
}

/// What a replay took.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Replayed {
    /// Transactions committed.
    pub transactions: usize,
    /// Statements executed, without begin and commit.
    pub statements: usize,
    /// From the first begin to the last commit.
    pub elapsed: Duration,
}

/// What the workers of a replay share.
struct Replay {
    pools: Pools,
    /// By begin: the place among the commits, and the transaction.
    transactions: Vec<(usize, Recorded)>,
    next: AtomicUsize,
    /// Which places among the commits are done, beyond the first ones that all are.
    done: Mutex<BTreeSet<usize>>,
    /// How many of the first places are done.
    prefix: watch::Sender<usize>,
}

/// Runs a recording against a database, which must hold what it held when the recording began: for a recording of
/// everything, a new one that a [`crate::Store`] was opened on and whose tables of rows exist.
///
/// It executes the recorded statements by the driver alone, on connections set up as a store's are.
pub async fn replay(options: &Options, recording: Recording) -> Result<Replayed, Error> {
    let (count, statements) = (recording.transactions(), recording.statements());
    let pools = Pools::open(options).await?;
    let mut transactions: Vec<(usize, Recorded)> = recording.transactions.into_iter().enumerate().collect();
    transactions.sort_by_key(|(_, transaction)| transaction.begun);
    let workers = match pools.database() {
        Database::Sqlite => 1,
        Database::Postgres => options.connections.max(2),
    };
    let (done, next) = (Mutex::new(BTreeSet::new()), AtomicUsize::new(0));
    let replay = Arc::new(Replay { pools, transactions, next, done, prefix: watch::Sender::new(0) });
    let started = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..workers {
        running.spawn(Arc::clone(&replay).work());
    }
    while let Some(ended) = running.join_next().await {
        ended.map_err(|error| Error::NotSent(error.to_string()))??;
    }
    let elapsed = started.elapsed();
    replay.pools.close(&AtomicBool::new(false)).await;
    Ok(Replayed { transactions: count, statements, elapsed })
}

impl Replay {
    /// Takes transactions in the order of their begins until there are none. Whatever one waits for began earlier, so
    /// another worker has it, and the wait ends.
    async fn work(self: Arc<Replay>) -> Result<(), Error> {
        let mut prefix = self.prefix.subscribe();
        while let Some((place, transaction)) = self.transactions.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let others_failed = prefix.wait_for(|done| *done >= transaction.after).await.is_err();
            if others_failed {
                break;
            }
            self.run(transaction).await?;
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done.insert(*place);
            self.prefix.send_modify(|prefix| {
                while done.remove(prefix) {
                    *prefix += 1;
                }
            });
        }
        Ok(())
    }

    async fn run(&self, transaction: &Recorded) -> Result<(), Error> {
        let failed = |error: sqlx::Error| Error::classify(&error, During::Statement);
        let mut connection = self.pools.begin_writing(&Arc::default()).await?;
        for (text, values) in &transaction.statements {
            let text = AssertSqlSafe(text.clone());
            match (&mut connection, values.clone()) {
                (Connection::Sqlite(connection), Values::Sqlite(values)) => {
                    sqlx::query_with(text, values).fetch_all(&mut **connection).await.map(drop).map_err(failed)?;
                }
                (Connection::Postgres(connection), Values::Postgres(values)) => {
                    sqlx::query_with(text, values).fetch_all(&mut **connection).await.map(drop).map_err(failed)?;
                }
                (Connection::Sqlite(_), Values::Postgres(_)) | (Connection::Postgres(_), Values::Sqlite(_)) => {
                    return Err(Error::Senseless("the recording is of the other database".to_owned()));
                }
            }
        }
        match connection {
            Connection::Sqlite(transaction) => transaction.commit().await.map_err(failed),
            Connection::Postgres(transaction) => transaction.commit().await.map_err(failed),
        }
    }
}
