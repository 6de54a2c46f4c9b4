//! People who write all the time, and know what was acknowledged to them.
//!
//! What was not answered is asked again under the same idempotency key, until it is: so whatever happens in between, each
//! key has one effect (D5). Now and then what *was* answered is asked again too, up to twenty times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;

use crate::place::Place;

/// Somebody was told that this goal is there.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) id: String,
    pub(crate) key: String,
    /// When the answer had come, in seconds since 1970.
    pub(crate) at: f64,
}

/// What the writers know at their end.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Keys of which nobody knows whether they had their effect.
    pub(crate) unknown: Vec<String>,
}

impl Written {
    /// Id and title of every goal that there must be.
    pub(crate) fn goals(&self) -> Vec<(String, String)> {
        let mut goals: Vec<_> = self.acknowledged.iter().map(|one| (one.id.clone(), one.key.clone())).collect();
        goals.sort();
        goals
    }
}

const GO_ON: u8 = 0;
const FINISH: u8 = 1;
const GIVE_UP: u8 = 2;

struct Shared {
    place: Arc<Place>,
    name: String,
    order: AtomicU8,
    acknowledged: AtomicU64,
    refused: AtomicU64,
}

pub(crate) struct Writers {
    shared: Arc<Shared>,
    tasks: JoinSet<Written>,
}

#[expect(clippy::disallowed_methods, reason = "what the clock said when an answer came is held against strace's times")]
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

impl Writers {
    /// Begins to write; no other writers of the place have this name.
    pub(crate) fn start(place: &Arc<Place>, name: &str, writers: usize) -> Writers {
        let (place, name) = (place.clone(), name.to_owned());
        let shared = Shared { place, name, order: AtomicU8::new(GO_ON), acknowledged: 0.into(), refused: 0.into() };
        let shared = Arc::new(shared);
        let mut tasks = JoinSet::new();
        for writer in 0..writers {
            tasks.spawn(write(shared.clone(), writer));
        }
        Writers { shared, tasks }
    }

    /// Waits until this many more were acknowledged.
    pub(crate) async fn acknowledge(&mut self, further: u64) {
        let wanted = self.shared.acknowledged.load(Ordering::Relaxed) + further;
        self.wait(|shared| shared.acknowledged.load(Ordering::Relaxed) >= wanted).await;
    }

    /// Waits until each was refused twice in a row.
    pub(crate) async fn be_refused(&mut self) {
        let wanted = self.shared.refused.load(Ordering::Relaxed) + 2 * self.tasks.len() as u64;
        self.wait(|shared| shared.refused.load(Ordering::Relaxed) >= wanted).await;
    }

    async fn wait(&mut self, until: impl Fn(&Shared) -> bool) {
        let begun = std::time::Instant::now();
        while !until(&self.shared) {
            if let Some(ended) = self.tasks.try_join_next() {
                panic!("a writer has ended: {:?}", ended.map(|written| written.unknown));
            }
            assert!(begun.elapsed() < Duration::from_mins(3), "nothing happens: {}", self.shared.place.said());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Each writes until its last is acknowledged.
    pub(crate) async fn finish(self) -> Written {
        self.end(FINISH).await
    }

    /// Each stops asking.
    pub(crate) async fn give_up(self) -> Written {
        self.end(GIVE_UP).await
    }

    async fn end(self, order: u8) -> Written {
        self.shared.order.store(order, Ordering::Relaxed);
        let mut written = Written::default();
        for one in self.tasks.join_all().await {
            written.acknowledged.extend(one.acknowledged);
            written.unknown.extend(one.unknown);
        }
        written
    }
}

async fn write(shared: Arc<Shared>, writer: usize) -> Written {
    let client = reqwest::Client::new();
    let ordered = || shared.order.load(Ordering::Relaxed);
    let mut written = Written::default();
    for number in 0_u64.. {
        let key = format!("{}-{writer}-{number}", shared.name);
        let added = loop {
            match shared.place.add(&client, &key).await {
                Ok(added) => break added,
                Err(_) => drop(shared.refused.fetch_add(1, Ordering::Relaxed)),
            }
            if ordered() == GIVE_UP {
                written.unknown.push(key);
                return written;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        written.acknowledged.push(Acknowledged { id: added.0.clone(), key: key.clone(), at: now() });
        shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        for _ in 0..if number % 8 == 3 { number % 20 + 1 } else { 0 } {
            if let Ok(again) = shared.place.add(&client, &key).await {
                assert_eq!(again, added, "the same key has the same answer");
            }
        }
        if ordered() != GO_ON {
            break;
        }
    }
    written
}
