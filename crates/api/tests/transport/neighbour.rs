//! Another client, who asks something small again and again while others do their worst: every answer must be the right
//! one, and how long each took is printed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::conversation::url;

/// Asks until it is stopped.
pub(crate) struct Neighbour {
    stop: oneshot::Sender<()>,
    asking: JoinHandle<Vec<Duration>>,
}

impl Neighbour {
    pub(crate) fn begin(server: SocketAddr) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let asking = tokio::runtime::Handle::current().spawn(async move {
            let (client, body) = (reqwest::Client::new(), json!({ "query": "{ hello }" }));
            let mut waits = Vec::new();
            while stopped.try_recv().is_err() {
                let begun = Instant::now();
                let response = client.post(url(server)).json(&body).send().await.unwrap();
                assert_eq!(response.status(), 200);
                let told: Value = response.json().await.unwrap();
                waits.push(begun.elapsed());
                assert_eq!(told, json!({ "data": { "hello": "world" } }));
            }
            waits
        });
        Self { stop, asking }
    }

    /// How many answers came, and within what time the best half and all but the slowest hundredth of them did.
    pub(crate) async fn end(self) -> (usize, Duration, Duration) {
        self.stop.send(()).expect("it asks until now");
        let mut waits = self.asking.await.expect("every answer was right");
        waits.sort_unstable();
        let within = |percent: usize| waits.get(waits.len() * percent / 100).copied().unwrap_or_default();
        (waits.len(), within(50), within(99))
    }
}
