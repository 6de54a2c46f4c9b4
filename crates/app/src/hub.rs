//! The in-process hub: what was committed here or read from another node's commits, by log.
//!
//! What a channel carries is contiguous: a log's events are told in order, and `told` says how far. Whoever listens from
//! now on reads the log after they began to listen, and so has everything up to `told` as well. Where this node would
//! have to tell an event before another node's earlier one, the log is noted as rung instead, and `feed` reads the tail,
//! once for all who listen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::id::LogId;
use tokio::sync::{Notify, broadcast};

use crate::passage::Passage;
use crate::pulse::Followers;

/// How many passages a follower of a practice may lag before it is sent back to the log.
const PRACTICE_LAG_MAX: usize = 64;
/// The same of a person's or an address's log, in which little happens at a time.
const LAG_MAX: usize = 4;
/// How many channels may be there before those that nobody listens to are looked for.
const PRUNE_AT_LEAST: usize = 64;

/// News of a log.
#[derive(Debug, Clone)]
pub enum News {
    /// These events happened, in order.
    Passage(Arc<Passage>),
    /// The log has come this far; what happened has to be read from it.
    Behind(u64),
}

/// What `feed` is asked for.
#[derive(Debug, Default)]
pub struct Rung {
    /// These logs have come at least this far.
    pub logs: HashMap<store::Id, u64>,
    /// Any log may be further than it is known to be.
    pub any: bool,
}

/// Whom to tell.
#[derive(Debug, Default)]
pub struct Hub {
    room: Mutex<Room>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Room {
    channels: HashMap<store::Id, Channel>,
    prune_at: usize,
    rung: Rung,
}

#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<News>,
    /// Everybody who listens was given or told of everything up to here.
    told: Option<u64>,
}

impl Hub {
    /// News of this log from now on.
    pub fn listen(&self, log: LogId) -> broadcast::Receiver<News> {
        let mut room = self.room();
        if room.channels.len() >= room.prune_at.max(PRUNE_AT_LEAST) {
            room.channels.retain(|_, channel| channel.sender.receiver_count() > 0);
            room.prune_at = room.channels.len().saturating_mul(2);
        }
        let lag = if matches!(log, LogId::Practice(_)) { PRACTICE_LAG_MAX } else { LAG_MAX };
        let channel = room
            .channels
            .entry(log.uuid().into_bytes())
            .or_insert_with(|| Channel { sender: broadcast::channel(lag).0, told: None });
        channel.sender.subscribe()
    }

    /// How many listen, and how many passages the slowest of them has not taken yet.
    pub fn followers(&self) -> Followers {
        let room = self.room();
        let senders = || room.channels.values().map(|channel| &channel.sender);
        let count = senders().map(broadcast::Sender::receiver_count).sum();
        Followers { count, lag_batches: senders().map(broadcast::Sender::len).max().unwrap_or(0) }
    }

    /// Tells those who listen what this process has committed.
    pub fn publish(&self, events: &[Arc<store::Event>]) {
        let mut room = self.room();
        if room.channels.is_empty() {
            return;
        }
        let mut by_log: HashMap<store::Id, Vec<Arc<store::Event>>> = HashMap::new();
        for event in events.iter().filter(|event| room.channels.contains_key(&event.log)) {
            by_log.entry(event.log).or_default().push(event.clone());
        }
        let mut has_gap = false;
        for (log, events) in by_log {
            let last = events.last().map_or(0, |event| event.seq);
            let is_told = room.channels.get_mut(&log).is_none_or(|channel| channel.tell(events));
            if !is_told {
                room.rung.logs.insert(log, last);
                has_gap = true;
            }
        }
        drop(room);
        if has_gap {
            self.bell.notify_one();
        }
    }

    /// This log is so far.
    pub fn ring(&self, log: store::Id, seq: u64) {
        let mut room = self.room();
        let is_news = room.channels.get(&log).is_some_and(|channel| channel.told.is_none_or(|told| told < seq));
        if is_news {
            let known = room.rung.logs.entry(log).or_default();
            *known = seq.max(*known);
            drop(room);
            self.bell.notify_one();
        }
    }

    /// Any log may be further.
    pub fn ring_all(&self) {
        self.room().rung.any = true;
        self.bell.notify_one();
    }

    /// Waits until something was rung.
    pub async fn rung(&self) -> Rung {
        loop {
            let rung = std::mem::take(&mut self.room().rung);
            if rung.any || !rung.logs.is_empty() {
                return rung;
            }
            self.bell.notified().await;
        }
    }

    /// The logs that somebody listens to.
    pub fn followed(&self) -> Vec<store::Id> {
        let room = self.room();
        let followed = room.channels.iter().filter(|(_, channel)| channel.sender.receiver_count() > 0);
        followed.map(|(log, _)| *log).collect()
    }

    /// From where on a rung log has to be read; `None` where nothing has to be: nobody listens, or they were told to read
    /// it themselves, since nothing was told yet that could be gone on from.
    pub fn read_from(&self, log: store::Id, seq: u64) -> Option<u64> {
        let mut room = self.room();
        let channel = room.channels.get_mut(&log).filter(|channel| channel.sender.receiver_count() > 0)?;
        if let Some(told) = channel.told {
            return (told < seq).then_some(told);
        }
        channel.told = Some(seq);
        // Nobody listening any more is no fault.
        let _ = channel.sender.send(News::Behind(seq));
        None
    }

    /// Tells what was read from the log after `told`.
    pub fn pass_on(&self, log: store::Id, events: Vec<Arc<store::Event>>) {
        if let Some(channel) = self.room().channels.get_mut(&log) {
            // What does not fit any more was told meanwhile.
            let _ = channel.tell(events);
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    /// Tells the events that were not told yet; `false` where others come before them.
    fn tell(&mut self, mut events: Vec<Arc<store::Event>>) -> bool {
        if let Some(told) = self.told {
            events.retain(|event| event.seq > told);
            if events.first().is_some_and(|event| event.seq != told.saturating_add(1)) {
                return false;
            }
        }
        let Some(last) = events.last() else { return true };
        self.told = Some(last.seq);
        // Nobody listening any more is no fault.
        let _ = self.sender.send(News::Passage(Arc::new(Passage::new(events))));
        true
    }
}
