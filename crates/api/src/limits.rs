//! How often one client may ask for sign-in links: 10 in 15 minutes (A6). Kept in memory: a restart forgives.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use domain::account::LINK_WINDOW_MINUTES;
use domain::value::Time;

/// How many links a client gets in the window.
const LINKS_PER_CLIENT: usize = 10;
/// How many clients are remembered; more than that at once is a flood, and the oldest are forgotten.
const CLIENTS_MAX: usize = 100_000;

/// What clients have asked for lately.
#[derive(Debug, Default)]
pub struct Limits {
    asked: Mutex<HashMap<IpAddr, Vec<Time>>>,
}

impl Limits {
    /// Whether this client may ask once more now; it counts as asked.
    pub fn may_ask(&self, client: IpAddr, now: Time) -> bool {
        let since = now.plus_minutes(-LINK_WINDOW_MINUTES);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= CLIENTS_MAX {
            asked.retain(|_, times| times.last().is_some_and(|last| *last > since));
            if asked.len() >= CLIENTS_MAX {
                asked.clear();
            }
        }
        let times = asked.entry(client).or_default();
        times.retain(|time| *time > since);
        let may = times.len() < LINKS_PER_CLIENT;
        if may {
            times.push(now);
        }
        may
    }
}
