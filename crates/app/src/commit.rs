//! The committer: many commands, one transaction.
//!
//! A lane takes every command that has arrived, up to its bounds, without waiting for more. One transaction serves them
//! all: the heads of their logs are locked in one statement; the batch is rehearsed (decided without effect, noting
//! which rows and keys were asked for, which are then loaded in bulk) until nothing is missing; then it is decided for
//! good, in order, and each decision's events are sealed and folded at once, so that the next command sees them; then
//! everything is written with a handful of statements and committed. Only then is anybody answered.
//!
//! Why a crash anywhere is safe: nothing is written before the one commit, and nothing is answered before it returned.
//! What is kept in memory between batches is a cache of rows under the locked heads; it is dropped whenever a batch does
//! not end in a commit that is known to have happened, and whenever the head is not the one it was left with.
//!
//! When a batch fails: if the commit was not sent, or lost to somebody else, its commands are tried again one by one; if
//! the commit's outcome is unknown, the log is asked which commands it holds. A failed sync ends writing for good.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use domain::decide::{Missing, Stop};
use domain::id::{CommandId, Id as _, LogId};
use domain::value::Time;
use domain::{Actor, Decide, Table};
use futures_util::FutureExt as _;
use store::{Batch, Wait};
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::batch::Working;
use crate::pulse::Pulse;
use crate::record::Through;
use crate::{Error, Inner};

/// How many commands, events and bytes one transaction takes.
const COMMANDS_MAX: usize = 256;
/// See [`COMMANDS_MAX`].
pub(crate) const EVENTS_MAX: usize = 2_000;
/// See [`COMMANDS_MAX`].
pub(crate) const BYTES_MAX: usize = 4 << 20;

/// Who does what, when, through what: all that a command needs beside itself.
#[derive(Debug, Clone)]
pub struct Request {
    /// The log that the command is sent to.
    pub log: LogId,
    /// Who acts.
    pub actor: Actor,
    /// Through what.
    pub through: Through,
    /// The time of the request; a log's time never runs backwards, so the event's may be later.
    pub now: Time,
    /// The command's id: reactions and repeats derive theirs.
    pub command: CommandId,
    /// What makes a repeat have no second effect.
    pub idempotency: Option<Idempotency>,
}

/// An idempotency key with its scope, and the request that it came with, both hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotency {
    /// Of key, actor and response path.
    pub key: [u8; 32],
    /// Of the request's input.
    pub request: [u8; 32],
    /// What its command's id derives from.
    pub origin: Origin,
    /// When it was asked, as the command's id has it.
    pub at: Time,
}

/// What the ids of the commands of an idempotency key derive from: its scope, whatever the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin(Uuid);

impl Origin {
    /// Of this scope.
    pub fn new(scope: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_OID, scope.as_bytes()))
    }

    /// The command that is made at this time: one a day, so that requests at once make the same. A key is forgotten after seven
    /// days; where it comes again then, its command is another one, and so is whatever derives from it: a token that was
    /// ended is never handed out anew, and no id means two things.
    pub fn command(self, at: Time) -> CommandId {
        let day = at.0.div_euclid(Time(0).plus_days(1).0);
        CommandId::of(Uuid::new_v5(&self.0, &day.to_be_bytes()))
    }

    /// The commands that it can have made by this time and whose key is not forgotten, the newest first.
    pub fn commands(self, now: Time) -> impl Iterator<Item = CommandId> {
        (0..=KEY_DAYS).map(move |days| self.command(now.plus_days(-days)))
    }

    /// The id of what has a log of its own, whose key is looked for in that log: the same on every day.
    pub fn id<I: domain::id::Id>(self) -> I {
        I::of(self.0)
    }
}

/// For how many days an idempotency key is remembered at least.
pub(crate) const KEY_DAYS: i64 = 7;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// The log's position since.
    pub position: u64,
    /// What the answer shows.
    pub thing: Uuid,
    /// Whether this request was done before.
    pub repeated: bool,
    /// The command that did it: of a repeat the first one, from which what it handed out derives.
    pub command: CommandId,
}

/// A command on its way.
pub(crate) struct Job {
    pub request: Request,
    pub decide: Arc<dyn Decide>,
    pub logs: Vec<LogId>,
    pub reply: Option<oneshot::Sender<Result<Done, Error>>>,
    /// Who waits for it: what a trace links its batch to.
    span: tracing::Span,
}

impl Job {
    pub fn new(request: Request, decide: Arc<dyn Decide>, reply: oneshot::Sender<Result<Done, Error>>) -> Self {
        let mut logs = vec![request.log];
        logs.extend(decide.others());
        Self { request, decide, logs, reply: Some(reply), span: tracing::Span::current() }
    }

    fn answer(&mut self, answer: Result<Done, Error>) {
        if let Some(reply) = self.reply.take() {
            // Whoever asked may be gone; what was done stays done.
            let _ = reply.send(answer);
        }
    }
}

/// A lane's loop: it ends when nobody can send to it any more and all that was sent is answered.
pub(crate) async fn lane(inner: Arc<Inner>, mut jobs: mpsc::Receiver<Job>) {
    let mut cache = Cache::default();
    let mut waiting: Vec<Job> = Vec::new();
    loop {
        let mut batch = std::mem::take(&mut waiting);
        if batch.is_empty() {
            match jobs.recv().await {
                Some(job) => batch.push(job),
                None => return,
            }
        }
        while batch.len() < COMMANDS_MAX {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(mpsc::error::TryRecvError::Empty | mpsc::error::TryRecvError::Disconnected) => break,
            }
        }
        // Decisions are caught one by one. Should anything else panic, the batch's callers are told that the server cannot
        // say, and the lane goes on from what is stored.
        waiting = AssertUnwindSafe(round(&inner, &mut cache, batch)).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("a batch panicked");
            cache = Cache::default();
            Vec::new()
        });
    }
}

/// One round: the whole batch in one transaction; then, alone, what waited for a lock or shared a failure. Gives what
/// did not fit.
async fn round(inner: &Arc<Inner>, cache: &mut Cache, jobs: Vec<Job>) -> Vec<Job> {
    let Some(jobs) = admitted(inner, jobs) else { return Vec::new() };
    let alone = jobs.len() == 1;
    let wait = if alone { Wait::Block } else { Wait::Skip };
    let ended = attempt(inner, cache, jobs, wait).await;
    let mut left = ended.left_over;
    for mut job in ended.again {
        if alone && ended.failed {
            job.answer(Err(Error::Unavailable));
            continue;
        }
        let ended = attempt(inner, cache, vec![job], Wait::Block).await;
        left.extend(ended.left_over);
        for mut job in ended.again {
            job.answer(Err(Error::Unavailable));
        }
    }
    left
}

/// After a failed sync no write is accepted.
fn admitted(inner: &Inner, jobs: Vec<Job>) -> Option<Vec<Job>> {
    if inner.store.accepts_writes() {
        return Some(jobs);
    }
    for mut job in jobs {
        job.answer(Err(Error::Unavailable));
    }
    None
}

/// How an attempt ended.
#[derive(Default)]
struct Ended {
    /// To be tried once more, each alone.
    again: Vec<Job>,
    /// Not looked at yet: the transaction was full.
    left_over: Vec<Job>,
    /// Whether the transaction failed, and not since somebody else was first.
    failed: bool,
}

async fn attempt(inner: &Arc<Inner>, cache: &mut Cache, jobs: Vec<Job>, wait: Wait) -> Ended {
    let span = tracing::info_span!(target: "throughline", parent: None, "batch", commands = jobs.len());
    for job in &jobs {
        span.follows_from(&job.span);
    }
    attempted(inner, cache, jobs, wait).instrument(span).await
}

async fn attempted(inner: &Arc<Inner>, cache: &mut Cache, jobs: Vec<Job>, wait: Wait) -> Ended {
    let logs: BTreeSet<LogId> = jobs.iter().flat_map(|job| job.logs.iter().copied()).collect();
    let began = Instant::now();
    let mut batch = match inner.store.batch().await {
        Ok(batch) => batch,
        // Who was waited for in vain is not waited for again.
        Err(error) => return Ended { failed: true, ..failed(&inner.pulse, error, jobs) },
    };
    let mut working = match Working::begin(inner, cache, &mut batch, &logs, wait).await {
        Ok(working) => working,
        Err(error) => {
            cache.forget(&logs);
            return failed(&inner.pulse, error, jobs);
        }
    };
    let (jobs, again): (Vec<Job>, Vec<Job>) =
        jobs.into_iter().partition(|job| job.logs.iter().all(|log| working.has(*log)));
    let deciding = tracing::info_span!(target: "throughline", "decide");
    let outcome = working.decide_all(&mut batch, &jobs).instrument(deciding).await;
    let (answers, full_at) = match outcome {
        Ok(decided) => decided,
        Err(error) => {
            cache.forget(&logs);
            return failed(&inner.pulse, error, jobs.into_iter().chain(again).collect());
        }
    };
    let writing = tracing::info_span!(target: "throughline", "write");
    let written = working.write(&mut batch).instrument(writing).await;
    let committed = match written {
        Ok(true) => batch.commit().instrument(tracing::info_span!(target: "throughline", "commit")).await,
        Ok(false) => batch.rollback().await,
        Err(error) => Err(error),
    };
    match committed {
        Ok(()) => {
            let (forgot, stirs) = (working.forgot(), working.stirs());
            let appended = working.keep(cache);
            if !forgot.is_empty() {
                wipe(inner);
            }
            for log in forgot {
                inner.moments.drop_of(log);
            }
            inner.hub.publish(&appended);
            ring(inner, &appended);
            if stirs {
                inner.stirred.notify_one();
            }
            inner.pulse.commits.took(began.elapsed());
            answer_all(&inner.pulse, jobs, answers, full_at, again)
        }
        Err(error) => {
            let appended = working.appended();
            drop(working);
            cache.forget(&logs);
            if let store::Error::Unknown(_) = &error {
                inner.pulse.batches_failed.add(1);
                tracing::warn!(%error, commands = jobs.len(), "a commit's outcome is unknown: its logs are asked");
                return look_up(inner, jobs, answers, again, &appended).await;
            }
            let all = jobs.into_iter().chain(again).collect();
            failed(&inner.pulse, error, all)
        }
    }
}

fn answer_all(
    pulse: &Pulse,
    jobs: Vec<Job>,
    answers: Vec<Result<Done, Error>>,
    full_at: Option<usize>,
    again: Vec<Job>,
) -> Ended {
    let mut ended = Ended { again, ..Ended::default() };
    let full_at = full_at.unwrap_or(jobs.len());
    let mut answers = answers.into_iter();
    for (place, mut job) in jobs.into_iter().enumerate() {
        match answers.next() {
            Some(answer) if place < full_at => {
                if answer.is_ok() {
                    pulse.commands_done.add(1);
                } else {
                    pulse.commands_refused.add(1);
                }
                job.answer(answer);
            }
            Some(_) | None => ended.left_over.push(job),
        }
    }
    ended
}

fn note(pulse: &Pulse, error: &store::Error) {
    pulse.batches_failed.add(1);
    note_end(error);
}

/// Whether this error ends writing; it is said aloud.
fn note_end(error: &store::Error) -> bool {
    if error.ends_writing() {
        tracing::error!(%error, "a write or sync failed: this process accepts no more writes");
    }
    error.ends_writing()
}

/// The transaction did not happen: its commands are tried again one by one, unless that cannot help. So what is wrong with
/// one of them, or with what is stored of its log, fails no other. An only one is tried again where somebody else was first,
/// such as to begin its log: it finds now what they have made.
fn failed(pulse: &Pulse, error: store::Error, jobs: Vec<Job>) -> Ended {
    note(pulse, &error);
    tracing::warn!(%error, commands = jobs.len(), "a batch failed");
    let storage_failed = matches!(error, store::Error::Full(_) | store::Error::Fatal(_));
    if error.may_be_retried() || (jobs.len() > 1 && !storage_failed) {
        let was_second = matches!(error, store::Error::Conflict(_));
        return Ended { again: jobs, failed: !was_second, ..Ended::default() };
    }
    let answer = Error::from(error);
    for mut job in jobs {
        job.answer(Err(answer.clone()));
    }
    Ended { failed: true, ..Ended::default() }
}

/// Nobody knows whether the commit happened: the logs are asked which of the commands they hold. A command that is
/// there was done; one that is not was not, and will not be: whoever asks holds the heads' locks, so the transaction whose
/// answer was lost has ended. A refusal is decided again, for it may rest on what was not written; so is what appended
/// nothing. `appended` says where a command's events would be: not all are in the log that it was sent to.
async fn look_up(
    inner: &Arc<Inner>,
    jobs: Vec<Job>,
    answers: Vec<Result<Done, Error>>,
    again: Vec<Job>,
    appended: &HashMap<store::Id, (store::Id, u64)>,
) -> Ended {
    let mut ended = Ended { again, failed: true, ..Ended::default() };
    let mut answers = answers.into_iter();
    for mut job in jobs {
        let done = match answers.next() {
            Some(Ok(done)) => done,
            Some(Err(_)) => {
                ended.again.push(job);
                continue;
            }
            // The transaction was full before its turn came.
            None => {
                ended.left_over.push(job);
                continue;
            }
        };
        let command = job.request.command.uuid().into_bytes();
        match was_written(inner, &job, appended.get(&command).copied()).await {
            Ok(true) => {
                // Whoever follows one of its logs was told nothing when it was written.
                inner.hub.ring_all();
                job.answer(Ok(done));
            }
            Ok(false) => ended.again.push(job),
            Err(_) => job.answer(Err(Error::Unavailable)),
        }
    }
    ended
}

/// Whether a command's event is there. All its logs are locked: a log that it begins has no head to wait for until it is
/// committed.
async fn was_written(inner: &Inner, job: &Job, place: Option<(store::Id, u64)>) -> Result<bool, Error> {
    let Some((log, seq)) = place else { return Ok(false) };
    let logs: Vec<store::Id> = job.logs.iter().map(|log| log.uuid().into_bytes()).collect();
    let mut batch = inner.store.batch().await?;
    batch.lock(&logs, Wait::Block).await?;
    let event = batch.event(log, seq).await?;
    batch.rollback().await?;
    Ok(event.is_some_and(|event| event.command == job.request.command.uuid().into_bytes()))
}

/// Makes what was forgotten leave SQLite's write-ahead log, too, as soon as no reader keeps it.
pub(crate) fn wipe(inner: &Arc<Inner>) {
    let (here, mut stopping) = (inner.clone(), inner.tasks.stopping());
    inner.tasks.start("wiping", async move {
        while let Err(error) = here.store.wipe_wal().await {
            if note_end(&error) {
                return;
            }
            tracing::debug!(%error, "the write-ahead log still holds what was forgotten; wiping is tried again");
            if !crate::pause(&mut stopping, std::time::Duration::from_millis(250)).await {
                return;
            }
        }
    });
}

/// Tells other nodes, after the commit and beside it.
fn ring(inner: &Arc<Inner>, appended: &[Arc<store::Event>]) {
    if inner.store.database() == store::Database::Sqlite || appended.is_empty() {
        return;
    }
    let mut news: BTreeMap<store::Id, u64> = BTreeMap::new();
    for event in appended {
        news.insert(event.log, event.seq);
    }
    let store = inner.store.clone();
    inner.tasks.start("ring", async move {
        let news: Vec<_> = news.into_iter().collect();
        if let Err(error) = store.ring(&news).await {
            tracing::warn!(%error, "other nodes could not be told; their poll will notice");
        }
    });
}

/// The rows and keys of logs between batches, bounded by bytes.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) logs: HashMap<LogId, crate::batch::Log>,
    turn: u64,
}

impl Cache {
    /// The log as it was left, if it was left with this head.
    pub fn take(&mut self, log: LogId, head: &store::Head) -> Option<crate::batch::Log> {
        self.logs.remove(&log).filter(|kept| {
            kept.head.seq == head.seq && kept.head.frontier == head.frontier && kept.head.folded == head.folded
        })
    }

    /// Keeps logs for the next batch; those unused for longest go first.
    pub fn keep(&mut self, logs: impl IntoIterator<Item = crate::batch::Log>, bytes_max: usize) {
        self.turn += 1;
        for mut log in logs {
            log.turn = self.turn;
            self.logs.insert(log.id, log);
        }
        let mut bytes: usize = self.logs.values().map(crate::batch::Log::bytes).sum();
        if bytes <= bytes_max {
            return;
        }
        let mut by_age: Vec<(u64, LogId)> = self.logs.values().map(|log| (log.turn, log.id)).collect();
        by_age.sort_unstable();
        for (_, id) in by_age {
            if bytes <= bytes_max / 2 {
                break;
            }
            bytes -= self.logs.remove(&id).map_or(0, |log| log.bytes());
        }
    }

    /// Drops what is known of these logs.
    pub fn forget(&mut self, logs: &BTreeSet<LogId>) {
        for log in logs {
            self.logs.remove(log);
        }
    }
}

/// What has to be loaded, sorted by where it lies.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub rows: BTreeMap<Table, BTreeSet<(LogId, Uuid)>>,
    pub keys: BTreeMap<LogId, BTreeSet<crate::keys::Whose>>,
}

impl Wanted {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.keys.is_empty()
    }
    pub fn extend(&mut self, other: Self) {
        for (table, keys) in other.rows {
            self.rows.entry(table).or_default().extend(keys);
        }
        for (log, keys) in other.keys {
            self.keys.entry(log).or_default().extend(keys);
        }
    }
    pub fn row(&mut self, log: LogId, table: Table, id: Uuid) {
        self.rows.entry(table).or_default().insert((log, id));
    }
    pub fn key(&mut self, log: LogId, whose: crate::keys::Whose) {
        self.keys.entry(log).or_default().insert(whose);
    }
    pub fn missing(&mut self, missing: Missing) {
        match missing {
            Missing::Row(log, table, id) => self.row(log, table, id),
            Missing::Key(log, subject, owner) => self.key(log, (subject, owner)),
        }
    }
}

/// A stop as an error.
pub(crate) fn stopped(stop: Stop) -> Error {
    match stop {
        Stop::Refused(refusal) => Error::Refused(refusal),
        Stop::Forbidden => Error::Forbidden,
        Stop::NotFound => Error::NotFound,
        Stop::Unauthenticated => Error::Unauthenticated,
        Stop::Again => Error::Again,
        Stop::NotLoaded => Error::internal("a decision never had all that it asked for"),
        Stop::Broken => Error::internal("a stored text does not open"),
    }
}

/// The answer to a request whose idempotency key stands for what was done.
pub(crate) fn again(known: &store::Command, asked: &Idempotency) -> Result<Done, Error> {
    if known.request != asked.request {
        return Err(Error::ConflictingKey);
    }
    let command = asked.origin.command(Time(known.at));
    Ok(Done { position: known.seq, thing: Uuid::from_bytes(known.thing), repeated: true, command })
}

/// Loads what is wanted, in bulk.
pub(crate) async fn load(
    inner: &Inner,
    batch: &mut Batch,
    logs: &mut BTreeMap<LogId, crate::batch::Log>,
    wanted: Wanted,
) -> Result<(), store::Error> {
    let senseless = |error: Error| store::Error::Malformed(format!("{error:?}"));
    for (table, keys) in wanted.rows {
        let physical = inner.tables.physical(table).map_err(senseless)?;
        let asked: Vec<(store::Id, store::Id)> =
            keys.iter().map(|(log, id)| (log.uuid().into_bytes(), id.into_bytes())).collect();
        let found = batch.load(physical, &asked).await?;
        let found: HashMap<(store::Id, store::Id), Vec<u8>> =
            found.into_iter().map(|(log, id, document)| ((log, id), document)).collect();
        for (log, id) in keys {
            let document = found.get(&(log.uuid().into_bytes(), id.into_bytes()));
            let Some(known) = logs.get_mut(&log) else { continue };
            known
                .rows
                .load(table, id, document.map(Vec::as_slice))
                .map_err(|error| store::Error::Malformed(error.to_string()))?;
        }
    }
    for (log, whose) in wanted.keys {
        let Some(known) = logs.get_mut(&log) else { continue };
        known.keys.load_for_folding(batch, whose).await.map_err(senseless)?;
    }
    Ok(())
}
