//! The in-process hub: what was committed here or rung in from another node, by log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::id::LogId;
use tokio::sync::broadcast;

/// How many batches a follower may lag before it is sent back to the log.
const LAG_MAX: usize = 64;

/// News of a log.
#[derive(Debug, Clone)]
pub enum News {
    /// These events were committed by this process, in order.
    Events(Arc<[Arc<store::Event>]>),
    /// Another node has taken the log this far.
    Rung(u64),
}

/// Whom to tell.
#[derive(Debug, Default)]
pub struct Hub {
    logs: Mutex<HashMap<store::Id, broadcast::Sender<News>>>,
}

impl Hub {
    /// News of this log from now on.
    pub fn listen(&self, log: LogId) -> broadcast::Receiver<News> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.retain(|_, sender| sender.receiver_count() > 0);
        logs.entry(log.uuid().into_bytes()).or_insert_with(|| broadcast::channel(LAG_MAX).0).subscribe()
    }

    /// Tells those who listen.
    pub fn publish(&self, events: &[Arc<store::Event>]) {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if logs.is_empty() {
            return;
        }
        let mut by_log: HashMap<store::Id, Vec<Arc<store::Event>>> = HashMap::new();
        for event in events.iter().filter(|event| logs.contains_key(&event.log)) {
            by_log.entry(event.log).or_default().push(event.clone());
        }
        for (log, events) in by_log {
            if let Some(sender) = logs.get(&log) {
                // Nobody listening any more is no fault.
                let _ = sender.send(News::Events(events.into()));
            }
        }
    }

    /// Another node says that this log is so far; `None` means that any log may be further.
    pub fn ring(&self, rung: Option<(store::Id, u64)>) {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        match rung {
            Some((log, seq)) => {
                if let Some(sender) = logs.get(&log) {
                    let _ = sender.send(News::Rung(seq));
                }
            }
            None => {
                for sender in logs.values() {
                    let _ = sender.send(News::Rung(u64::MAX));
                }
            }
        }
    }
}
