//! Following a log: from any position, each event once, in order, and then live.
//!
//! A follower listens first and reads second, so nothing falls between. Every event must be the one after the last; what
//! the hub skips (a lagging follower, another node's commit) is read from the log. A follower never buffers without
//! bound: the hub keeps a bounded number of batches and the log keeps the rest.

use std::sync::Arc;
use std::time::Duration;

use domain::id::LogId;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::hub::News;
use crate::{App, Error};

/// How many events are read from the log at once.
const CHUNK: u32 = 256;
/// How often a follower looks into the log though nobody rang: the doorbell's backup.
const POLL: Duration = Duration::from_secs(5);

/// A follower of one log.
#[derive(Debug)]
pub struct Follower {
    app: App,
    log: LogId,
    last: u64,
    news: Receiver<News>,
    ready: std::collections::VecDeque<Arc<store::Event>>,
    behind: bool,
}

impl App {
    /// Follows a log from the event after this position.
    pub fn follow(&self, log: LogId, after: u64) -> Follower {
        let news = self.inner.hub.listen(log);
        Follower { app: self.clone(), log, last: after, news, ready: std::collections::VecDeque::new(), behind: true }
    }
}

impl Follower {
    /// The next event; waits for it.
    pub async fn next(&mut self) -> Result<Arc<store::Event>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.last = event.seq;
                return Ok(event);
            }
            if self.behind {
                self.read().await?;
                continue;
            }
            match tokio::time::timeout(POLL, self.news.recv()).await {
                Ok(Ok(News::Events(events))) => self.take(&events),
                Ok(Ok(News::Rung(seq))) => self.behind = seq > self.last,
                Ok(Err(RecvError::Lagged(_))) => self.behind = true,
                Ok(Err(RecvError::Closed)) => return Err(Error::Unavailable),
                // On SQLite every commit is this process's own and the hub has told it.
                Err(_) => self.behind = self.app.inner.store.database() == store::Database::Postgres,
            }
        }
    }

    /// The position of the last event given out.
    pub const fn position(&self) -> u64 {
        self.last
    }

    /// Whether everything known so far was given out.
    pub fn is_idle(&self) -> bool {
        !self.behind && self.ready.is_empty() && self.news.is_empty()
    }

    fn take(&mut self, events: &[Arc<store::Event>]) {
        for event in events.iter().filter(|event| event.seq > self.last) {
            let next = self.ready.back().map_or(self.last, |event| event.seq) + 1;
            if event.seq != next {
                self.behind = true;
                return;
            }
            self.ready.push_back(event.clone());
        }
    }

    async fn read(&mut self) -> Result<(), Error> {
        let mut snapshot = self.app.inner.store.snapshot().await?;
        let events = snapshot.events(self.log.uuid().into_bytes(), self.last, CHUNK).await?;
        snapshot.close().await?;
        self.behind = events.len() == CHUNK as usize;
        for event in events {
            let next = self.ready.back().map_or(self.last, |event| event.seq) + 1;
            if event.seq != next {
                return Err(Error::internal(format!("{} has no event {next}", self.log)));
            }
            self.ready.push_back(Arc::new(event));
        }
        Ok(())
    }
}
