//! The tasks that run beside requests. They are started here only, so that a stop can wait for them.

use std::future::Future;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// Every task of a running app.
#[derive(Debug)]
pub struct Tasks {
    set: std::sync::Mutex<JoinSet<()>>,
    stop: watch::Sender<bool>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { set: std::sync::Mutex::new(JoinSet::new()), stop: watch::channel(false).0 }
    }
}

impl Tasks {
    /// Starts a task that ends by itself.
    pub fn start(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // What ended is forgotten, so that the set does not grow.
        while set.try_join_next().is_some() {}
        // Boxed: else its room is held twice, as what was given and as what runs.
        let task = Box::pin(task);
        set.spawn(async move {
            task.await;
            tracing::trace!(name, "a task ended");
        });
    }

    /// Resolves when the app is asked to stop: loops look at it between their rounds.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Whether the app was asked to stop.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Asks every loop to end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until every task has ended.
    pub async fn ended(&self) {
        loop {
            let mut set = std::mem::take(&mut *self.set.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
            if set.is_empty() {
                return;
            }
            while set.join_next().await.is_some() {}
        }
    }
}

/// Waits for a while, or until the app is asked to stop: whether to go on.
pub async fn pause(stopping: &mut watch::Receiver<bool>, for_: std::time::Duration) -> bool {
    tokio::time::timeout(for_, stopping.wait_for(|stop| *stop)).await.is_err()
}
