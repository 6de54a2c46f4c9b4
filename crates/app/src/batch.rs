//! One transaction's work: the locked logs, their rows and keys, what the decisions add to them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::decide::{Facts, Part, Stop};
use domain::fold::When;
use domain::id::LogId;
use domain::value::Time;
use domain::{Event, Rows};
use store::tree::{Frontier, KEPT_LEVEL};
use store::{Batch, Wait};

use crate::commit::{self, BYTES_MAX, Cache, Done, EVENTS_MAX, Job, Wanted};
use crate::keys::{self, LogKeys, Opening};
use crate::record::{self, Envelope};
use crate::tables::Folded;
use crate::{Error, Inner, fold};

/// How often a batch is rehearsed at most.
const ROUNDS_MAX: usize = 8;
/// How often a single decision may ask for more.
const LOADS_MAX: usize = 16;

/// A log in a transaction: its head, rows and keys.
#[derive(Debug)]
pub(crate) struct Log {
    pub id: LogId,
    pub head: store::Head,
    pub frontier: Frontier,
    pub rows: Rows,
    pub keys: LogKeys,
    pub turn: u64,
    new: bool,
    changed: bool,
}

impl Log {
    fn new(inner: &Inner, id: LogId, head: Option<store::Head>) -> Result<Self, store::Error> {
        let frontier = match &head {
            Some(head) => {
                Frontier::decode(&head.frontier).map_err(|error| store::Error::Malformed(error.to_string()))?
            }
            None => Frontier::new(),
        };
        let new = head.is_none();
        let fresh = || store::Head {
            log: id.uuid().into_bytes(),
            kind: id.kind().to_owned(),
            generation: record::GENERATION,
            ..store::Head::default()
        };
        Ok(Self {
            id,
            head: head.unwrap_or_else(fresh),
            frontier,
            rows: Rows::default(),
            keys: LogKeys::new(&inner.roots, id),
            turn: 0,
            new,
            changed: false,
        })
    }

    pub fn bytes(&self) -> usize {
        self.rows.bytes() + 2_048
    }
}

/// What one transaction does.
pub(crate) struct Working<'i> {
    inner: &'i Inner,
    logs: BTreeMap<LogId, Log>,
    events: Vec<store::Event>,
    nodes: Vec<store::Node>,
    commands: Vec<store::Command>,
    keys: Vec<store::Key>,
    /// The root key that wraps what is made; read when the first key of this transaction has to be.
    root: Option<vault::RootId>,
    outbox: Vec<store::Outbox>,
    forgotten: Vec<store::Forgotten>,
    work: Vec<store::Work>,
    /// When it began. A log's time may be ahead of it, after a clock was; what is to be done at once does not wait for that.
    now: Time,
    stirs: bool,
    bytes: usize,
    known: HashMap<(store::Id, [u8; 32]), store::Command>,
}

impl<'i> Working<'i> {
    /// Locks the logs' heads, and folds what this version of the program has not folded yet.
    pub async fn begin(
        inner: &'i Inner,
        cache: &mut Cache,
        batch: &mut Batch,
        wanted: &BTreeSet<LogId>,
        wait: Wait,
    ) -> Result<Self, store::Error> {
        let ids: Vec<store::Id> = wanted.iter().map(|log| log.uuid().into_bytes()).collect();
        let locked = batch.lock(&ids, wait).await?;
        let mut heads: HashMap<store::Id, store::Head> =
            locked.heads.into_iter().map(|head| (head.log, head)).collect();
        let mut logs = BTreeMap::new();
        for log in wanted {
            let id = log.uuid().into_bytes();
            if locked.skipped.contains(&id) {
                continue;
            }
            let head = heads.remove(&id);
            if head.as_ref().is_some_and(|head| head.generation > record::GENERATION) {
                // Left out, as if somebody else held it: commands of other logs have nothing to do with that.
                tracing::warn!(%log, "this log holds events of a newer version of the program");
                continue;
            }
            let kept = head.as_ref().and_then(|head| cache.take(*log, head));
            let mut entry = match kept {
                Some(kept) => kept,
                None => Log::new(inner, *log, head)?,
            };
            let mut folded = Folded::decode(&entry.head.folded);
            if !folded.behind(&inner.tables, entry.head.seq).is_empty() {
                fold::catch_up(inner, batch, *log, entry.head.seq, &mut folded).await?;
                entry.head.folded = folded.encode();
                entry.changed = true;
            }
            logs.insert(*log, entry);
        }
        Ok(Self {
            inner,
            logs,
            events: Vec::new(),
            nodes: Vec::new(),
            commands: Vec::new(),
            keys: Vec::new(),
            root: None,
            outbox: Vec::new(),
            forgotten: Vec::new(),
            work: Vec::new(),
            now: inner.clock.now(),
            stirs: false,
            bytes: 0,
            known: HashMap::new(),
        })
    }

    /// Whether the log is locked here.
    pub fn has(&self, log: LogId) -> bool {
        self.logs.contains_key(&log)
    }

    /// Decides every job; the answers, and from which job on the transaction was full.
    pub async fn decide_all(
        &mut self,
        batch: &mut Batch,
        jobs: &[Job],
    ) -> Result<(Vec<Result<Done, Error>>, Option<usize>), store::Error> {
        self.look_up_commands(batch, jobs).await?;
        self.rehearse(batch, jobs).await?;
        let mut answers = Vec::with_capacity(jobs.len());
        for (place, job) in jobs.iter().enumerate() {
            if place > 0 && self.is_full() {
                return Ok((answers, Some(place)));
            }
            answers.push(self.decide(batch, job).await?);
        }
        Ok((answers, None))
    }

    /// Whether what follows has to wait for the next transaction: the bounds are reached, or rows were forgotten, which the
    /// database still shows until this one is written.
    fn is_full(&self) -> bool {
        self.events.len() >= EVENTS_MAX || self.bytes >= BYTES_MAX || !self.forgotten.is_empty()
    }

    async fn look_up_commands(&mut self, batch: &mut Batch, jobs: &[Job]) -> Result<(), store::Error> {
        let keys: Vec<(store::Id, [u8; 32])> = jobs
            .iter()
            .filter_map(|job| Some((job.request.log.uuid().into_bytes(), job.request.idempotency?.key)))
            .collect();
        if !keys.is_empty() {
            self.known =
                batch.commands(&keys).await?.into_iter().map(|command| ((command.log, command.key), command)).collect();
        }
        Ok(())
    }

    /// Decides without effect, again and again, until nothing more is missing.
    async fn rehearse(&mut self, batch: &mut Batch, jobs: &[Job]) -> Result<(), store::Error> {
        let mut open: Vec<&Job> = jobs.iter().collect();
        for _ in 0..ROUNDS_MAX {
            let mut all = Wanted::default();
            open.retain(|job| {
                let mut wanted = Wanted::default();
                if let Ok(parts) = self.try_decide(job, &mut wanted) {
                    self.note_folds(&parts, &mut wanted);
                }
                let incomplete = !wanted.is_empty();
                all.extend(wanted);
                incomplete
            });
            if all.is_empty() {
                return Ok(());
            }
            commit::load(self.inner, batch, &mut self.logs, all).await?;
        }
        Ok(())
    }

    /// One decision under the rows as they are; what it asked for in vain is noted.
    fn try_decide(&self, job: &Job, wanted: &mut Wanted) -> Result<Vec<Part>, Stop> {
        let logs: Vec<(LogId, &Rows)> =
            job.logs.iter().filter_map(|log| self.logs.get(log).map(|known| (*log, &known.rows))).collect();
        let opening = Opening(job.logs.iter().filter_map(|log| self.logs.get(log).map(|known| &known.keys)).collect());
        let missing = RefCell::new(Vec::new());
        let now = job
            .logs
            .iter()
            .filter_map(|log| self.logs.get(log))
            .map(|log| Time(log.head.at))
            .fold(job.request.now, Time::max);
        let facts =
            Facts::new((job.request.actor, now, job.request.command), job.request.log, &logs, &opening, &missing);
        let decided = catch_unwind(AssertUnwindSafe(|| job.decide.decide(&facts))).unwrap_or_else(|_| {
            tracing::error!(command = %job.request.command, "a decision panicked");
            Err(Stop::Broken)
        });
        for missing in missing.into_inner() {
            wanted.missing(missing);
        }
        Ok(decided?.into_parts())
    }

    /// Notes which rows the events' folds will touch and which keys their texts need.
    fn note_folds(&self, parts: &[Part], wanted: &mut Wanted) {
        for part in parts {
            let Some(log) = self.logs.get(&part.log) else { continue };
            if log.keys.get((part.subject, part.owner)).is_none() {
                wanted.key(part.log, (part.subject, part.owner));
            }
            let when =
                When { log: part.log, seq: 0, at: Time(0), subject: part.subject, owner: part.owner, actor: None };
            for noted in fold::notes(&part.event, &when) {
                if noted.load && !log.rows.knows(noted.table, noted.id) {
                    wanted.row(part.log, noted.table, noted.id);
                }
            }
        }
    }

    /// Decides for good, loading on the spot what an earlier command of the batch made necessary.
    async fn decide(&mut self, batch: &mut Batch, job: &Job) -> Result<Result<Done, Error>, store::Error> {
        if let Some(answer) = self.repeated(job) {
            return Ok(answer);
        }
        for _ in 0..LOADS_MAX {
            let mut wanted = Wanted::default();
            let decided = self.try_decide(job, &mut wanted);
            let parts = match decided {
                Err(Stop::NotLoaded) => {
                    commit::load(self.inner, batch, &mut self.logs, wanted).await?;
                    continue;
                }
                Err(stop) => return Ok(Err(commit::stopped(stop))),
                Ok(parts) => parts,
            };
            let mut wanted = Wanted::default();
            self.note_folds(&parts, &mut wanted);
            if !wanted.is_empty() {
                commit::load(self.inner, batch, &mut self.logs, wanted).await?;
            }
            if self.root.is_none() && parts.iter().any(|part| self.lacks_key(part, job)) {
                self.root = Some(keys::root_held(batch).await?);
            }
            return Ok(self.apply(job, parts));
        }
        Ok(Err(commit::stopped(Stop::NotLoaded)))
    }

    /// Whether a key has to be made for what a decision says.
    fn lacks_key(&self, part: &Part, job: &Job) -> bool {
        let sealing =
            |log: &Log| log.keys.sealing((part.subject, part.owner), job.request.now.0, log.head.seq).map(drop);
        self.logs.get(&part.log).and_then(sealing).is_none()
    }

    /// The answer to a request that was done before.
    fn repeated(&self, job: &Job) -> Option<Result<Done, Error>> {
        let idempotency = job.request.idempotency?;
        let known = self.known.get(&(job.request.log.uuid().into_bytes(), idempotency.key))?;
        Some(commit::again(known, &idempotency))
    }

    /// Appends a decision's events: seals, encodes, grows the tree, folds.
    fn apply(&mut self, job: &Job, parts: Vec<Part>) -> Result<Done, Error> {
        let mut sealed = Vec::with_capacity(parts.len());
        let mut next: BTreeMap<LogId, u64> = BTreeMap::new();
        for mut part in parts {
            let log = self
                .logs
                .get_mut(&part.log)
                .ok_or_else(|| Error::internal("a decision about a log that is not locked"))?;
            let whose = (part.subject, part.owner);
            // An address or account may begin anew; of anybody else nothing is written any more.
            if log.keys.is_forgotten(part.subject, 0) && part.subject != part.log.into() {
                return Err(Error::NotFound);
            }
            let (now, end) = (job.request.now.0, log.head.seq);
            if log.keys.sealing(whose, now, end).is_none() {
                let root = self.root.ok_or_else(|| Error::internal("the root key that wraps was not read"))?;
                self.keys.push(log.keys.mint(whose, (now, end), &root, &*self.inner.entropy)?);
            }
            let key = log.keys.sealing(whose, now, end).ok_or_else(|| Error::internal("a key was not made"))?;
            record::seal(&mut part.event, part.log, key, &*self.inner.entropy)?;
            let seq = next.entry(part.log).or_insert(log.head.seq);
            *seq += 1;
            let at = job.request.now.max(Time(log.head.at));
            let actor = job.request.actor.person();
            let when = When { log: part.log, seq: *seq, at, subject: part.subject, owner: part.owner, actor };
            let (through, command) = (job.request.through, job.request.command);
            let stored = record::encode(
                &Envelope { when, actor: job.request.actor, behalf: None, through, command },
                &part.event,
            )?;
            sealed.push((when, part.event, stored));
        }
        for (when, event, stored) in sealed {
            self.append(&when, &event, stored);
        }
        let position = self.logs.get(&job.request.log).map_or(0, |log| log.head.seq);
        let (thing_kind, thing) = job.decide.thing();
        if let Some(idempotency) = job.request.idempotency {
            let command = store::Command {
                log: job.request.log.uuid().into_bytes(),
                key: idempotency.key,
                request: idempotency.request,
                seq: position,
                thing_kind: thing_kind.to_owned(),
                thing: thing.into_bytes(),
                at: idempotency.at.0,
            };
            self.known.insert((command.log, command.key), command.clone());
            self.commands.push(command);
        }
        Ok(Done { position, thing, repeated: false, command: job.request.command })
    }

    fn append(&mut self, when: &When, event: &Event, stored: store::Event) {
        let Some(log) = self.logs.get_mut(&when.log) else { return };
        if let Some(hash) = log.frontier.push(stored.leaf) {
            self.nodes.push(store::Node {
                log: stored.log,
                level: KEPT_LEVEL,
                position: (when.seq - 1) >> KEPT_LEVEL,
                hash,
            });
        }
        log.head.seq = when.seq;
        log.head.generation = record::GENERATION;
        log.head.at = when.at.0;
        log.changed = true;
        event.fold(when, &mut log.rows);
        if let Some(subject) = event.forgets() {
            let (log, subject) = (stored.log, subject.uuid().into_bytes());
            self.forgotten.push(store::Forgotten { log, subject, seq: when.seq, at: when.at.0 });
        }
        let at_once = when.at.min(self.now);
        self.outbox.extend(crate::mail::parcels(event, when, at_once));
        for reactor in crate::react::reactors(event) {
            self.stirs = true;
            // Each once; what a batch leaves of one log mostly comes in a row.
            let is_it = |work: &&mut store::Work| (work.log, work.reactor.as_str()) == (stored.log, reactor.name());
            match self.work.iter_mut().rev().find(is_it) {
                Some(work) => work.at = at_once.0,
                None => {
                    self.work.push(store::Work { log: stored.log, reactor: reactor.name().to_owned(), at: at_once.0 });
                }
            }
        }
        self.bytes += stored.record.len() + 256;
        self.events.push(stored);
    }

    /// Writes everything. Whether there was anything to write.
    pub async fn write(&mut self, batch: &mut Batch) -> Result<bool, store::Error> {
        let (mut new, mut changed, mut work) = (Vec::new(), Vec::new(), std::mem::take(&mut self.work));
        let mut changes = fold::Changes::default();
        for log in self.logs.values_mut().filter(|log| log.changed) {
            let id = log.id.uuid().into_bytes();
            let mut folded = Folded::decode(&log.head.folded);
            folded.set_all(&self.inner.tables, log.head.seq);
            log.head.folded = folded.encode();
            log.head.frontier = log.frontier.encode();
            changes.take(log.id, &mut log.rows, |_| true)?;
            let at_once = log.head.at.min(self.now.0);
            work.push(store::Work { log: id, reactor: crate::checkpoints::REACTOR.to_owned(), at: at_once });
            if log.new {
                new.push(log.head.clone());
            } else {
                changed.push(log.head.clone());
            }
            (log.new, log.changed) = (false, false);
        }
        if new.is_empty() && changed.is_empty() && self.commands.is_empty() {
            // A key that was made for a decision that then failed is stored nowhere: it must not seal for a later one.
            let made: BTreeSet<store::Id> = self.keys.iter().map(|key| key.log).collect();
            self.logs.retain(|log, _| !made.contains(&log.uuid().into_bytes()));
            return Ok(false);
        }
        batch.set_heads(&new, &changed).await?;
        batch.append(&self.events).await?;
        batch.put_keys(&self.keys).await?;
        batch.put_nodes(&self.nodes).await?;
        changes.write(self.inner, batch).await?;
        for forgotten in &self.forgotten {
            batch.forget(forgotten).await?;
        }
        batch.put_commands(&self.commands).await?;
        batch.put_outbox(&self.outbox).await?;
        batch.put_work(&work).await?;
        Ok(true)
    }

    /// Where the last event of each command is that has appended any: its log and position.
    pub fn appended(&self) -> HashMap<store::Id, (store::Id, u64)> {
        self.events.iter().map(|event| (event.command, (event.log, event.seq))).collect()
    }

    /// The logs that forgot somebody.
    pub fn forgot(&self) -> Vec<LogId> {
        let has = |log: &LogId| self.forgotten.iter().any(|forgotten| forgotten.log == log.uuid().into_bytes());
        self.logs.keys().copied().filter(has).collect()
    }

    /// Whether there is work for a reactor.
    pub fn stirs(&self) -> bool {
        self.stirs
    }

    /// After the commit: leaves the logs to the next batch, and gives the events that were appended. Of a log that forgot
    /// somebody nothing is kept: neither their rows nor their keys.
    pub fn keep(self, cache: &mut Cache) -> Vec<Arc<store::Event>> {
        let forgot = |log: &Log| self.forgotten.iter().any(|it| it.log == log.id.uuid().into_bytes());
        cache.keep(self.logs.into_values().filter(|log| !log.new && !forgot(log)), self.inner.cache_bytes);
        self.events.into_iter().map(Arc::new).collect()
    }
}
