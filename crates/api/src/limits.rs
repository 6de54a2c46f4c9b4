//! How often one client may ask for sign-in links: 10 in 15 minutes (A6); and how often one person may name addresses that
//! another coachee has: 5. Kept in memory: a restart forgives.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use domain::account::LINK_WINDOW_MINUTES;
use domain::id::PersonId;
use domain::value::Time;

/// How many links a client gets in the window.
const LINKS_PER_CLIENT: usize = 10;
/// How many addresses a person tries in the window that are another coachee's.
const TAKEN_PER_PERSON: usize = 5;
/// How many clients are remembered; more than that at once is a flood, and the oldest are forgotten.
const CLIENTS_MAX: usize = 100_000;

/// When each did what is counted.
type Lately<K> = Mutex<HashMap<K, Vec<Time>>>;

/// What clients have asked for lately, and which addresses people have tried.
#[derive(Debug, Default)]
pub struct Limits {
    asked: Lately<IpAddr>,
    tried: Lately<PersonId>,
}

impl Limits {
    /// Whether this client may ask once more now; it counts as asked.
    pub fn may_ask(&self, client: IpAddr, now: Time) -> bool {
        count(&self.asked, client, LINKS_PER_CLIENT, now)
    }

    /// Whether this person may try one more address for a coachee now; it counts unless it is taken off again.
    pub fn may_try(&self, person: PersonId, now: Time) -> bool {
        count(&self.tried, person, TAKEN_PER_PERSON, now)
    }

    /// The address that was tried then is nobody else's.
    pub fn take_off(&self, person: PersonId, then: Time) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(times) = tried.get_mut(&person) else { return };
        if let Some(place) = times.iter().position(|time| *time == then) {
            times.remove(place);
        }
    }
}

/// Whether there is room for one more of these in the window; it is counted.
fn count<K: Eq + Hash>(lately: &Lately<K>, of: K, most: usize, now: Time) -> bool {
    let since = now.plus_minutes(-LINK_WINDOW_MINUTES);
    let mut lately = lately.lock().unwrap_or_else(PoisonError::into_inner);
    if lately.len() >= CLIENTS_MAX {
        lately.retain(|_, times| times.last().is_some_and(|last| *last > since));
        if lately.len() >= CLIENTS_MAX {
            lately.clear();
        }
    }
    let times = lately.entry(of).or_default();
    times.retain(|time| *time > since);
    let may = times.len() < most;
    if may {
        times.push(now);
    }
    may
}
