//! How often one client may ask for sign-in links: 10 in 15 minutes (A6); how often one person may name addresses that
//! another coachee has: 5; and how many invitations they may have sent to one address: 3, as of sign-in links. Kept in
//! memory: a restart forgives.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use domain::account::{LINK_WINDOW_MINUTES, LINKS_PER_ADDRESS};
use domain::id::{AddressId, InvitationId, PersonId};
use domain::value::Time;

/// How many links a client gets in the window.
const LINKS_PER_CLIENT: usize = 10;
/// How many addresses a person tries in the window that are another coachee's.
const TAKEN_PER_PERSON: usize = 5;
/// How many invitations one person has sent to one address in the window.
pub(crate) const INVITATIONS_PER_ADDRESS: usize = LINKS_PER_ADDRESS;
/// How many clients are remembered; more than that at once is a flood, and the oldest are forgotten.
const CLIENTS_MAX: usize = 100_000;

/// When each did what is counted.
type Lately<K> = Mutex<HashMap<K, Vec<Time>>>;

/// Who invites, and whom.
type Inviting = (PersonId, AddressId);

/// An invitation that was sent, or is about to be.
#[derive(Debug)]
struct Invited {
    invitation: InvitationId,
    at: Time,
    /// How many requests asked for it and were not refused: more than one where one was repeated.
    requests: u32,
}

/// What clients have asked for lately, which addresses people have tried, and whom they have invited.
#[derive(Debug, Default)]
pub struct Limits {
    asked: Lately<IpAddr>,
    tried: Lately<PersonId>,
    invited: Mutex<HashMap<Inviting, Vec<Invited>>>,
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

    /// Whether this person may have this invitation sent to this address now; it counts once, however often it is asked for,
    /// and as long as a request stands that asked for it.
    pub fn may_invite(&self, of: Inviting, invitation: InvitationId, now: Time) -> bool {
        let since = now.plus_minutes(-LINK_WINDOW_MINUTES);
        let mut invited = self.invited.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut invited, |last| last.at > since);
        let lately = invited.entry(of).or_default();
        lately.retain(|one| one.at > since);
        if let Some(known) = lately.iter_mut().find(|one| one.invitation == invitation) {
            known.requests = known.requests.saturating_add(1);
            return true;
        }
        let may = lately.len() < INVITATIONS_PER_ADDRESS;
        if may {
            lately.push(Invited { invitation, at: now, requests: 1 });
        }
        may
    }

    /// A request that asked for this invitation sent nothing.
    pub fn not_invited(&self, of: Inviting, invitation: InvitationId) {
        let mut invited = self.invited.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lately) = invited.get_mut(&of) else { return };
        if let Some(known) = lately.iter_mut().find(|one| one.invitation == invitation) {
            known.requests = known.requests.saturating_sub(1);
        }
        lately.retain(|one| one.requests > 0);
    }
}

/// Whether there is room for one more of these in the window; it is counted.
fn count<K: Eq + Hash>(lately: &Lately<K>, of: K, most: usize, now: Time) -> bool {
    let since = now.plus_minutes(-LINK_WINDOW_MINUTES);
    let mut lately = lately.lock().unwrap_or_else(PoisonError::into_inner);
    make_room(&mut lately, |last| *last > since);
    let times = lately.entry(of).or_default();
    times.retain(|time| *time > since);
    let may = times.len() < most;
    if may {
        times.push(now);
    }
    may
}

/// Forgets whoever has done nothing lately, where many are remembered.
fn make_room<K: Eq + Hash, T>(lately: &mut HashMap<K, Vec<T>>, is_late: impl Fn(&T) -> bool) {
    if lately.len() >= CLIENTS_MAX {
        lately.retain(|_, done| done.last().is_some_and(&is_late));
        if lately.len() >= CLIENTS_MAX {
            lately.clear();
        }
    }
}
