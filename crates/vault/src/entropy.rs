//! Where randomness comes in: a parameter of everything that needs it, so that a test can say what it was.
//! Holds the trait, the operating system's source, and a predictable one for tests and benchmarks.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;
use crate::derive::Prf;

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` wholly. Nothing is ever left as it was.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator, asked anew each time: a copy of a running machine never repeats a nonce.
#[derive(Debug, Clone, Copy, Default)]
pub struct Os;

impl Os {
    /// Asks once, so that a machine without randomness is found when the program starts.
    ///
    /// # Errors
    /// [`Error::NoRandomness`] when the operating system gives none.
    pub fn check(self) -> Result<(), Error> {
        let mut probe = [0; 1];
        ask(&mut probe)
    }
}

impl Entropy for Os {
    /// # Panics
    /// When the operating system gives no randomness after [`Os::check`] found that it does. To return would hand out
    /// a predictable key or nonce, and to wait would be for ever; the panic ends the one command that asked.
    #[expect(clippy::panic, reason = "returning would hand out predictable bytes, the one thing worse than failing")]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = ask(bytes) {
            panic!("{error}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one door through which randomness enters")]
fn ask(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(Error::NoRandomness)
}

/// A predictable source for tests and benchmarks: the same seed gives the same bytes in the same order, and no block is
/// given twice. Never for real data, whose keys it would give away.
#[derive(Debug)]
pub struct Seeded {
    prf: Prf,
    blocks_given: AtomicU64,
}

impl Seeded {
    /// A source whose bytes are a function of `seed`.
    pub fn new(seed: u64) -> Seeded {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_be_bytes());
        Seeded { prf: Prf::derived(&key, "seeded entropy", &[]), blocks_given: AtomicU64::new(0) }
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let number = self.blocks_given.fetch_add(1, Ordering::Relaxed);
            let block = self.prf.of(&[&number.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken<const N: usize>(from: &dyn Entropy) -> [u8; N] {
        let mut bytes = [0; N];
        from.fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_seed_repeats_itself_and_no_other() {
        let (one, again, other) = (Seeded::new(1), Seeded::new(1), Seeded::new(2));
        let first: [u8; 100] = taken(&one);
        assert_eq!(first, taken::<100>(&again));
        assert_ne!(first, taken::<100>(&other));
        assert_ne!(first, taken::<100>(&one), "the second draw differs from the first");
        assert_ne!(first[..32], first[32..64]);
    }

    #[test]
    fn the_operating_system_fills_all_it_is_given() {
        Os.check().unwrap();
        let bytes: [u8; 64] = taken(&Os);
        assert!(bytes.chunks(16).all(|part| part != [0; 16]), "sixteen zeroes in a row are no accident");
    }
}
