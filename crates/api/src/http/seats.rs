//! How many live connections each person holds. A connection takes a [`Seat`] and gives it back by being dropped, however
//! it ends.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::Gate;

/// For whom a connection is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sitter {
    /// A person, by their id.
    Person([u8; 16]),
    /// Everybody at an address who has not signed in.
    Address(IpAddr),
}

impl Sitter {
    /// The viewer's person, or the address of one who is nobody yet.
    pub(super) fn of<G: Gate>(gate: &G, viewer: &G::Viewer, peer: IpAddr) -> Self {
        gate.key(viewer).map_or(Self::Address(peer), Self::Person)
    }
}

/// The seats that are taken. Nobody who holds none has an entry.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<Sitter, usize>>>);

impl Seats {
    /// Takes a seat, unless this sitter has `most` already.
    pub(super) fn take(&self, sitter: Sitter, most: usize) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(sitter).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { seats: self.clone(), sitter })
    }
}

/// One seat, held until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    sitter: Sitter,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.sitter) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.sitter);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_it_is_dropped() {
        let seats = Seats::default();
        let (one, other) = (Sitter::Person([1; 16]), Sitter::Person([2; 16]));
        let first = seats.take(one, 2);
        let second = seats.take(one, 2);
        assert!(first.is_some() && second.is_some());
        assert!(seats.take(one, 2).is_none());
        assert!(seats.take(other, 2).is_some());
        drop(first);
        assert!(seats.take(one, 2).is_some());
        drop(second);
        assert!(seats.0.lock().unwrap().is_empty(), "nobody's entry stays");
    }
}
