//! The in-process hub: what was committed here or read from another node's commits, by log.
//!
//! What a channel carries is contiguous: a log's events are told in order, and `told` says how far. Whoever listens from
//! now on reads the log after they began to listen, and so has everything up to `told` as well. Where this node would
//! have to tell an event before another node's earlier one, the log is noted as rung instead, and `feed` reads the tail,
//! once for all who listen.
//!
//! Who sees one coachee of a practice listens to them alone: a change about another wakes nobody who could not be told of
//! it. Such a channel has gaps; what it carries says since when nothing else was theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::id::{CoacheeId, Id as _, LogId};
use domain::sight;
use tokio::sync::Notify;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::passage::Passage;
use crate::pulse::Followers;

/// How many passages a follower of a practice may lag before it is sent back to the log.
const PRACTICE_LAG_MAX: usize = 64;
/// The same of who listens to one coachee, or to a person's or an address's log: little happens there at a time.
const LAG_MAX: usize = 4;
/// How many channels may be there before those that nobody listens to are looked for.
const PRUNE_AT_LEAST: usize = 64;

/// News of a log.
#[derive(Debug, Clone)]
pub enum News {
    /// These events happened, in order; after `since`, nothing else did that is for who listens here.
    Passage {
        /// A position before the first of them.
        since: u64,
        /// They.
        passage: Arc<Passage>,
    },
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
    /// To who listens to all of the log.
    all: Sender<News>,
    /// To who listens to one coachee, and to what is about no coachee.
    ones: HashMap<store::Id, One>,
    prune_at: usize,
    /// Everybody who listens was given or told of everything up to here.
    told: Option<u64>,
}

#[derive(Debug)]
struct One {
    sender: Sender<News>,
    /// Of everything up to here, what is for this one was told.
    told: u64,
}

impl Hub {
    /// News of this log from now on: all of them, or of a practice what is about one coachee or about none.
    pub fn listen(&self, log: LogId, one: Option<CoacheeId>) -> Receiver<News> {
        let mut room = self.room();
        if room.channels.len() >= room.prune_at.max(PRUNE_AT_LEAST) {
            room.channels.retain(|_, channel| channel.is_heard());
            room.prune_at = room.channels.len().saturating_mul(2);
        }
        let lag = if matches!(log, LogId::Practice(_)) { PRACTICE_LAG_MAX } else { LAG_MAX };
        let told_to = room.channels.entry(log.uuid().into_bytes()).or_insert_with(|| Channel::new(lag));
        if !told_to.is_heard() {
            // What other nodes wrote since nobody listened need not be told to who begins now, however much it is.
            told_to.told = None;
        }
        match one {
            None => told_to.all.subscribe(),
            Some(coachee) => told_to.listen_to(coachee),
        }
    }

    /// How far whoever has taken all of their news is told of the log; `None` where there is something to take.
    pub fn told(&self, log: LogId, news: &Receiver<News>) -> Option<u64> {
        let room = self.room();
        // What is told is sent in this room, so nothing lies between the two looks.
        if news.is_empty() { room.channels.get(&log.uuid().into_bytes())?.told } else { None }
    }

    /// How many listen, and how many passages the slowest of them has not taken yet.
    pub fn followers(&self) -> Followers {
        let room = self.room();
        let senders = || room.channels.values().flat_map(Channel::senders);
        let count = senders().map(Sender::receiver_count).sum();
        Followers { count, lag_batches: senders().map(Sender::len).max().unwrap_or(0) }
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
                let known = room.rung.logs.entry(log).or_default();
                *known = last.max(*known);
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
        let followed = room.channels.iter().filter(|(_, channel)| channel.is_heard());
        followed.map(|(log, _)| *log).collect()
    }

    /// From where on a rung log has to be read; `None` where nothing has to be: nobody listens, or they were told to read
    /// it themselves, since nothing was told yet that could be gone on from.
    pub fn read_from(&self, log: store::Id, seq: u64) -> Option<u64> {
        let mut room = self.room();
        let channel = room.channels.get_mut(&log).filter(|channel| channel.is_heard())?;
        if let Some(told) = channel.told {
            return (told < seq).then_some(told);
        }
        channel.begin(seq);
        None
    }

    /// Tells what was read from the log after `told`.
    pub fn pass_on(&self, log: store::Id, events: Vec<Arc<store::Event>>) {
        if let Some(channel) = self.room().channels.get_mut(&log) {
            // What does not fit any more was told meanwhile.
            let _ = channel.tell(events);
        }
    }

    /// What is in the log up to this position cannot be told: whoever has not come as far reads it themselves.
    pub fn leave(&self, log: store::Id, seq: u64) {
        if let Some(channel) = self.room().channels.get_mut(&log) {
            channel.begin(seq.max(channel.told.unwrap_or_default()));
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    fn new(lag: usize) -> Self {
        Self { all: channel(lag).0, ones: HashMap::new(), prune_at: 0, told: None }
    }

    fn senders(&self) -> impl Iterator<Item = &Sender<News>> {
        std::iter::once(&self.all).chain(self.ones.values().map(|one| &one.sender))
    }

    fn is_heard(&self) -> bool {
        self.senders().any(|sender| sender.receiver_count() > 0)
    }

    fn listen_to(&mut self, coachee: CoacheeId) -> Receiver<News> {
        if self.ones.len() >= self.prune_at.max(PRUNE_AT_LEAST) {
            self.ones.retain(|_, one| one.sender.receiver_count() > 0);
            self.prune_at = self.ones.len().saturating_mul(2);
        }
        let told = self.told.unwrap_or_default();
        let one = || One { sender: channel(LAG_MAX).0, told };
        self.ones.entry(coachee.uuid().into_bytes()).or_insert_with(one).sender.subscribe()
    }

    /// Nothing was told that could be gone on from: whoever has not come as far as this reads the log themselves.
    fn begin(&mut self, seq: u64) {
        self.told = Some(seq);
        for one in self.ones.values_mut() {
            one.told = seq;
        }
        for sender in self.senders() {
            // Nobody listening any more is no fault.
            let _ = sender.send(News::Behind(seq));
        }
    }

    /// Tells the events that were not told yet; `false` where others come before them.
    fn tell(&mut self, mut events: Vec<Arc<store::Event>>) -> bool {
        if let Some(told) = self.told {
            events.retain(|event| event.seq > told);
            if events.first().is_some_and(|event| event.seq != told.saturating_add(1)) {
                return false;
            }
        }
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return true };
        let (since, upto) = (first.seq.saturating_sub(1), last.seq);
        if self.told.is_none() {
            // Whoever is told nothing of these would not learn that they lack what came before.
            self.begin(since);
        }
        self.told = Some(upto);
        let all = Arc::new(Passage::new(events, upto));
        self.tell_ones(&all);
        // Nobody listening any more is no fault.
        let _ = self.all.send(News::Passage { since, passage: all });
        true
    }

    /// Tells each one what of a passage is for them, if anything is.
    fn tell_ones(&mut self, all: &Arc<Passage>) {
        if self.ones.is_empty() {
            return;
        }
        let mut mixed: HashMap<store::Id, Vec<Arc<store::Event>>> = HashMap::new();
        let mut everybodys: Vec<Arc<store::Event>> = Vec::new();
        for event in all.events() {
            if event.subject != event.log && sight::is_about_a_coachee(&event.kind) {
                if self.ones.contains_key(&event.subject) {
                    // Who has something of their own hears it among everybody's, in order.
                    mixed.entry(event.subject).or_insert_with(|| everybodys.clone()).push(event.clone());
                }
            } else {
                everybodys.push(event.clone());
                for theirs in mixed.values_mut() {
                    theirs.push(event.clone());
                }
            }
        }
        let shared = |events: Vec<Arc<store::Event>>| match events.len() {
            0 => None,
            len if len == all.events().len() => Some(all.clone()),
            _ => Some(Arc::new(Passage::new(events, all.upto()))),
        };
        let of_everybody = shared(everybodys);
        for (subject, events) in mixed {
            if let (Some(one), Some(passage)) = (self.ones.get_mut(&subject), shared(events)) {
                one.tell(passage);
            }
        }
        let Some(passage) = of_everybody else { return };
        for one in self.ones.values_mut().filter(|one| one.told < passage.upto()) {
            one.tell(passage.clone());
        }
    }
}

impl One {
    fn tell(&mut self, passage: Arc<Passage>) {
        let since = std::mem::replace(&mut self.told, passage.upto());
        // Nobody listening any more is no fault.
        let _ = self.sender.send(News::Passage { since, passage });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::PracticeId;
    use uuid::Uuid;

    fn event(log: LogId, seq: u64, coachee: CoacheeId) -> Arc<store::Event> {
        Arc::new(store::Event {
            log: log.uuid().into_bytes(),
            seq,
            thing: [0; 16],
            kind: "plan.goal_completed".to_owned(),
            version: 1,
            subject: coachee.uuid().into_bytes(),
            owner: None,
            actor: None,
            behalf: None,
            command: [0; 16],
            at: 0,
            record: Vec::new(),
            leaf: [0; 32],
        })
    }

    /// What another node wrote just before was told to nobody here: whoever lacks it must not take others' news for a
    /// sign that they have come as far.
    #[test]
    fn who_hears_of_one_coachee_is_sent_to_the_log_by_the_first_news_of_another() {
        let (robin, sam) = (CoacheeId::of(Uuid::from_u128(1)), CoacheeId::of(Uuid::from_u128(2)));
        let (hub, log) = (Hub::default(), LogId::Practice(PracticeId::of(Uuid::from_u128(3))));
        let mut news = hub.listen(log, Some(robin));
        hub.publish(&[event(log, 51, sam)]);
        assert_eq!(hub.told(log, &news), None, "there is something to take");
        assert!(matches!(news.try_recv(), Ok(News::Behind(50))));
        assert_eq!(hub.told(log, &news), Some(51));
        hub.publish(&[event(log, 52, sam), event(log, 53, robin)]);
        let Ok(News::Passage { since, passage }) = news.try_recv() else { panic!("nothing is told of Robin") };
        assert_eq!((since, passage.upto(), passage.events().len()), (50, 53, 1));
    }

    #[test]
    fn what_was_rung_is_read_to_its_end() {
        let (sam, log) = (CoacheeId::of(Uuid::from_u128(2)), LogId::Practice(PracticeId::of(Uuid::from_u128(3))));
        let (hub, id) = (Hub::default(), log.uuid().into_bytes());
        let _news = hub.listen(log, None);
        hub.publish(&[event(log, 5, sam)]);
        hub.ring(id, 20);
        hub.publish(&[event(log, 12, sam)]);
        assert_eq!(hub.room().rung.logs.get(&id), Some(&20));
    }

    #[test]
    fn what_cannot_be_told_is_left_to_who_has_not_read_it() {
        let (sam, log) = (CoacheeId::of(Uuid::from_u128(2)), LogId::Practice(PracticeId::of(Uuid::from_u128(3))));
        let (hub, id) = (Hub::default(), log.uuid().into_bytes());
        let mut news = hub.listen(log, None);
        hub.publish(&[event(log, 5, sam)]);
        assert!(matches!(news.try_recv(), Ok(News::Behind(4))));
        assert!(matches!(news.try_recv(), Ok(News::Passage { .. })));
        hub.leave(id, 9);
        assert!(matches!(news.try_recv(), Ok(News::Behind(9))));
        assert_eq!(hub.read_from(id, 9), None, "it is not read again");
    }

    #[test]
    fn what_was_written_while_nobody_listened_is_told_to_nobody() {
        let (sam, log) = (CoacheeId::of(Uuid::from_u128(2)), LogId::Practice(PracticeId::of(Uuid::from_u128(3))));
        let (hub, id) = (Hub::default(), log.uuid().into_bytes());
        let news = hub.listen(log, None);
        hub.publish(&[event(log, 5, sam)]);
        assert_eq!(hub.read_from(id, 9), Some(5), "somebody listens");
        drop(news);
        let mut news = hub.listen(log, None);
        assert_eq!(hub.read_from(id, 70_000), None);
        assert!(matches!(news.try_recv(), Ok(News::Behind(70_000))));
    }
}
