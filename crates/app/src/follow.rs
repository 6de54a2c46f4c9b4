//! Following a log: from any position, each event once, in order, and then live.
//!
//! A follower listens first and reads second, so nothing falls between. News must go on from where the last ended; what
//! the hub skips (a lagging follower, another node's commit) is read from the log. A follower never buffers without
//! bound: the hub keeps a bounded number of passages and the log keeps the rest, of which a portion is read at once: each
//! who catches up holds what they read.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::id::{CoacheeId, LogId};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::hub::News;
use crate::passage::Passage;
use crate::{App, Error};

/// A follower of one log.
#[derive(Debug)]
pub struct Follower {
    app: App,
    log: LogId,
    last: u64,
    news: Receiver<News>,
    ready: VecDeque<Part>,
    behind: bool,
}

/// The part of a passage that a follower has not had yet.
#[derive(Debug, Clone)]
pub struct Part {
    /// The passage.
    pub passage: Arc<Passage>,
    /// Where the part begins in it.
    pub from: usize,
    /// Whether others share the passage: it is news, and not history that this follower catches up with.
    pub is_news: bool,
}

impl Part {
    /// Its events.
    pub fn events(&self) -> &[Arc<store::Event>] {
        self.passage.events().get(self.from..).unwrap_or_default()
    }

    fn upto(&self) -> u64 {
        self.passage.upto()
    }
}

impl App {
    /// Follows a log from the event after this position.
    pub fn follow(&self, log: LogId, after: u64) -> Follower {
        self.follow_one(log, None, after)
    }

    /// Follows a practice's log for who sees one coachee alone, if one is named: of what is about other coachees it gives
    /// no more than lay in the log before.
    pub fn follow_one(&self, log: LogId, one: Option<CoacheeId>, after: u64) -> Follower {
        let news = self.inner.hub.listen(log, one);
        Follower { app: self.clone(), log, last: after, news, ready: VecDeque::new(), behind: true }
    }
}

impl Follower {
    /// The next event; waits for it.
    pub async fn next(&mut self) -> Result<Arc<store::Event>, Error> {
        loop {
            if let Some(part) = self.ready.front_mut()
                && let Some(event) = part.passage.events().get(part.from).cloned()
            {
                part.from += 1;
                self.last = event.seq;
                return Ok(event);
            }
            if let Some(part) = self.ready.pop_front() {
                self.last = part.upto();
            }
            if self.ready.is_empty() {
                self.wait().await?;
            }
        }
    }

    /// The next events, as many as came at once; waits for them.
    pub async fn part(&mut self) -> Result<Part, Error> {
        loop {
            if let Some(part) = self.pop() {
                return Ok(part);
            }
            self.wait().await?;
        }
    }

    /// The next events, if there are any by now.
    pub async fn part_by_now(&mut self) -> Result<Option<Part>, Error> {
        loop {
            if let Some(part) = self.pop() {
                return Ok(Some(part));
            }
            if self.behind {
                self.read().await?;
                continue;
            }
            match self.news.try_recv() {
                Ok(news) => self.take(news),
                Err(TryRecvError::Lagged(_)) => self.resync(),
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Closed) => return Err(Error::Unavailable),
            }
        }
    }

    /// The position up to which everything was given out.
    pub const fn position(&self) -> u64 {
        self.last
    }

    /// Comes as far as the log was told, where all of that was given out or is not for this follower.
    pub fn rest(&mut self) {
        if !self.behind
            && self.ready.is_empty()
            && let Some(told) = self.app.inner.hub.told(self.log, &self.news)
        {
            self.last = self.last.max(told);
        }
    }

    /// Whether the log has to be read to come to the present.
    pub const fn is_behind(&self) -> bool {
        self.behind
    }

    fn pop(&mut self) -> Option<Part> {
        while let Some(part) = self.ready.pop_front() {
            self.last = part.upto();
            if !part.events().is_empty() {
                return Some(part);
            }
        }
        None
    }

    async fn wait(&mut self) -> Result<(), Error> {
        if self.behind {
            return self.read().await;
        }
        match self.news.recv().await {
            Ok(news) => self.take(news),
            Err(RecvError::Lagged(_)) => self.resync(),
            Err(RecvError::Closed) => return Err(Error::Unavailable),
        }
        Ok(())
    }

    /// What the hub did not hand over is read from the log.
    fn resync(&mut self) {
        self.app.inner.pulse.resyncs.add(1);
        self.behind = true;
    }

    fn take(&mut self, news: News) {
        match news {
            News::Behind(seq) => self.behind = seq > self.last,
            News::Passage { since, passage } => {
                let last = self.ready.back().map_or(self.last, Part::upto);
                if since > last {
                    // Something lies between: the log has it.
                    self.resync();
                } else if passage.upto() > last {
                    let from = passage.events().partition_point(|event| event.seq <= last);
                    self.ready.push_back(Part { passage, from, is_news: true });
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), Error> {
        // Boxed: of thousands who follow, few read at a time.
        Box::pin(self.read_chunk()).instrument(tracing::info_span!(target: "throughline", "follow")).await
    }

    async fn read_chunk(&mut self) -> Result<(), Error> {
        let mut snapshot = self.app.inner.snapshot_of(self.log).await?;
        let (events, has_more) = read_on(&mut snapshot, self.log.uuid().into_bytes(), self.last).await?;
        snapshot.close().await?;
        self.behind = has_more;
        if let Some(upto) = events.last().map(|event| event.seq) {
            let passage = Arc::new(Passage::new(events, upto));
            self.ready.push_back(Part { passage, from: 0, is_news: false });
        }
        Ok(())
    }
}

/// The next portion of a log's events after a position, each the one after the last, and whether there may be more.
///
/// # Errors
/// [`Error::Internal`] where one is not there or cannot be read.
pub(crate) async fn read_on(
    snapshot: &mut store::Snapshot,
    log: store::Id,
    after: u64,
) -> Result<(Vec<Arc<store::Event>>, bool), Error> {
    let mut portions = store::Portions::small(log);
    let events = portions.events(snapshot, after, u64::MAX).await?;
    let mut placed = events.iter().zip(after.saturating_add(1)..);
    if let Some((_, missing)) = placed.find(|(event, next)| event.seq != *next) {
        return Err(Error::internal(format!("the log {} has no event {missing}", Uuid::from_bytes(log))));
    }
    Ok((events.into_iter().map(Arc::new).collect(), !portions.is_at_end()))
}
