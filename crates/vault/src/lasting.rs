//! The lasting key: from it derives what has to stay the same for as long as the database lives, whatever becomes of the
//! root key. Ids of logs that are found by an email address, secrets of tokens that a retry says again, fingerprints of
//! requests: were they derived from the root key, replacing that would lose them.
//!
//! It is random, made with the database, and lies there wrapped with the root key.

use zeroize::Zeroizing;

use crate::derive::Prf;
use crate::{Entropy, Secret};

/// The key of what is derived. Wiped when it is dropped.
pub struct LastingKey(Zeroizing<[u8; 32]>);

impl LastingKey {
    /// A new one, for a new database.
    pub fn mint(entropy: &dyn Entropy) -> LastingKey {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        LastingKey(key)
    }

    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> LastingKey {
        LastingKey(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id of the log of an email address, as a UUID of version 8 (RFC 9562, section 5.8). The caller normalises;
    /// without the key nobody can tell whether an address has a log.
    pub fn address(&self, normalised_email: &str) -> [u8; 16] {
        id(&Prf::derived(&self.0, "address", &[]).of(&[normalised_email.as_bytes()]))
    }

    /// The id of the log of a Google account, likewise: from its issuer and the subject there.
    pub fn google_account(&self, issuer: &str, subject: &str) -> [u8; 16] {
        id(&Prf::derived(&self.0, "google account", &[]).of(&[issuer.as_bytes(), subject.as_bytes()]))
    }

    /// The 256-bit secret of the token that `command` hands out in a log. It is a function of the key, the log and the
    /// command: a retry says it again, and nothing of it is stored but its [`crate::token_hash`].
    pub fn secret(&self, log: [u8; 16], kind: &str, command: [u8; 16]) -> Secret {
        Secret::new(Prf::derived(&self.0, "secrets", &log).of(&[kind.as_bytes(), &command]))
    }

    /// A keyed hash of `bytes`, to tell a repeated request to a log from a changed one. Keyed, since a request may hold a
    /// confidential text short enough to be guessed.
    pub fn fingerprint(&self, log: [u8; 16], kind: &str, bytes: &[u8]) -> [u8; 32] {
        Prf::derived(&self.0, "prints", &log).of(&[kind.as_bytes(), bytes])
    }
}

/// The first bytes of a hash as a UUID of version 8.
fn id(hash: &[u8; 32]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    id
}

impl std::fmt::Debug for LastingKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("LastingKey(…)")
    }
}
