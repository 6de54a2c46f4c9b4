//! How the app is: what its parts count while they work, and what waits in the database. For whoever operates it, and
//! for nothing else: no decision and no answer depends on a number of these, and none of them names anybody.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::timer;
use store::{Overdue, Snapshot};

use crate::react::Reactor;
use crate::{App, Error, Tables, checkpoints};

/// The upper bounds of a [`Timing`]'s buckets, in seconds.
pub const BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];
/// How many late rows, parcels or logs are counted at most; where there are more, it says so many.
pub const COUNTED_MAX: u32 = 10_000;

/// A number that parts of the app raise or set.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
    /// One less.
    pub fn less(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
    /// So many now.
    pub fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }
    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, each time.
#[derive(Debug, Default)]
pub struct Timing {
    buckets: [AtomicU64; BUCKETS.len()],
    count: Count,
    micros: Count,
}

impl Timing {
    /// Once more, for so long.
    pub fn took(&self, time: Duration) {
        if let Some(place) = BUCKETS.iter().position(|bound| time.as_secs_f64() <= *bound) {
            self.buckets[place].fetch_add(1, Ordering::Relaxed);
        }
        self.count.add(1);
        self.micros.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
    /// Each bound in seconds, and how many times it took no longer.
    pub fn up_to(&self) -> impl Iterator<Item = (f64, u64)> {
        BUCKETS.iter().zip(&self.buckets).scan(0, |sum, (bound, count)| {
            *sum += count.load(Ordering::Relaxed);
            Some((*bound, *sum))
        })
    }
    /// How many times.
    pub fn count(&self) -> u64 {
        self.count.get()
    }
    /// All times together.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros.get())
    }
}

/// What this process has counted since its start.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Commands that were done, repeats too.
    pub commands_done: Count,
    /// Commands whose decision was a refusal of whatever kind.
    pub commands_refused: Count,
    /// Transactions of lanes that failed; their commands are tried again, alone.
    pub batches_failed: Count,
    /// Transactions of lanes that were committed: from their begin until the commit was known.
    pub commits: Timing,
    /// How often a follower was sent back to the log, since it lagged too far or missed something.
    pub resyncs: Count,
    /// Timers that were rung.
    pub timers_rung: Count,
    /// Timers whose command failed; they are tried again.
    pub timers_failed: Count,
    /// Reactions that were run: what events meant for another log, or for whom they were news.
    pub reactions: Count,
    /// Mails that left.
    pub mails_sent: Count,
    /// Attempts to send a mail that failed; the last one of each that was given up too.
    pub mails_failed: Count,
    /// Mails that were given up.
    pub mails_given_up: Count,
    /// Checkpoints that were signed.
    pub checkpoints_signed: Count,
    /// Logs that are still to be looked through, whether their read models are behind, since the start.
    pub logs_to_catch_up: Count,
    /// Logs that were refused a checkpoint when they were tried last.
    refused: Mutex<BTreeSet<store::Id>>,
    signed_at: AtomicI64,
}

impl Pulse {
    /// A log was refused a checkpoint.
    pub(crate) fn refused(&self, log: store::Id) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(log);
    }
    /// Of the refused logs, these are so still.
    pub(crate) fn refused_no_more(&self, still: impl Fn(&store::Id) -> bool) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).retain(still);
    }
    /// How many logs were refused a checkpoint when they were tried last.
    pub fn checkpoints_refused(&self) -> u64 {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }
    /// A round of signing that left nothing unsigned came to its end at this time, in microseconds.
    pub(crate) fn round_of_signing(&self, at: i64) {
        self.signed_at.store(at, Ordering::Relaxed);
    }
    /// When the last such round came to its end, or the first one was to begin, in microseconds; 0 before that.
    pub fn signed_at(&self) -> i64 {
        self.signed_at.load(Ordering::Relaxed)
    }
}

/// Who follows logs in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Followers {
    /// How many.
    pub count: usize,
    /// How many batches the slowest of them has not taken yet.
    pub lag_batches: usize,
}

/// What waits in the database, for whichever node takes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Mails that are not sent; those that wait for their next attempt are not late.
    pub mails: Overdue,
    /// Work that commits have left, by who is to do it.
    pub work: Vec<(&'static str, Overdue)>,
    /// Timers that are due; none is kept here that is not late.
    pub timers: Overdue,
}

impl App {
    /// What this process has counted.
    pub fn pulse(&self) -> &Pulse {
        &self.inner.pulse
    }

    /// How many commands wait for a lane.
    pub fn commands_waiting(&self) -> usize {
        let lanes = self.inner.lanes.read().unwrap_or_else(PoisonError::into_inner);
        lanes.iter().map(|lane| lane.max_capacity() - lane.capacity()).sum()
    }

    /// Who follows, and how far behind.
    pub fn followers(&self) -> Followers {
        self.inner.hub.followers()
    }

    /// What waits in the database, up to [`COUNTED_MAX`] of each.
    ///
    /// # Errors
    /// The store's.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        let timed = timed(&self.inner.tables)?;
        let mut snapshot = self.inner.store.snapshot().await?;
        let backlog = backlog(&mut snapshot, &timed, self.clock().now().0).await?;
        snapshot.close().await?;
        Ok(backlog)
    }
}

/// The tables whose rows are timers, where this version has them.
///
/// # Errors
/// [`Error::Internal`] where a table belongs to no projection.
pub fn timed(tables: &Tables) -> Result<Vec<&store::Table>, Error> {
    timer::TIMED.iter().map(|table| tables.physical(*table)).collect()
}

/// What waits in a database, up to [`COUNTED_MAX`] of each; of timers, those in these tables.
///
/// # Errors
/// The store's.
pub async fn backlog(snapshot: &mut Snapshot, timed: &[&store::Table], now: i64) -> Result<Backlog, Error> {
    let mails = snapshot.mails_waiting(COUNTED_MAX).await?;
    let mut work = Vec::new();
    let reactors = Reactor::ALL.iter().map(|reactor| reactor.name());
    for reactor in [checkpoints::REACTOR].into_iter().chain(reactors) {
        work.push((reactor, snapshot.work_waiting(reactor, COUNTED_MAX).await?));
    }
    let mut timers = Overdue::default();
    for table in timed {
        timers = timers.and(snapshot.overdue(table, "due", now, COUNTED_MAX).await?);
    }
    Ok(Backlog { mails, work, timers })
}
