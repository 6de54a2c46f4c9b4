//! Keys out of keys, and keyed hashes. Holds the one derivation of the crate and the one pseudorandom function.
//!
//! Whatever is hashed is framed, a length before each part, so that no two lists of parts give the same bytes.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HKDF's salt: it keeps these keys apart from any other use of the same root key.
const SALT: &[u8] = b"throughline vault 1";

/// HKDF-SHA256 gives at most 255 blocks of 32 bytes (RFC 5869, section 2.3).
const DERIVED_BYTES_MAX: usize = 255 * 32;

/// Derives `N` bytes from `key` (RFC 5869) for one purpose and one thing.
pub(crate) fn derive<const N: usize>(key: &[u8; 32], purpose: &str, about: &[u8]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= DERIVED_BYTES_MAX) };
    let mut derived = Zeroizing::new([0; N]);
    let info = framed(&[purpose.as_bytes(), about]);
    match Hkdf::<Sha256>::new(Some(SALT), key).expand(&info, &mut *derived) {
        Ok(()) => derived,
        Err(_) => unreachable!("HKDF refuses nothing but a length, and this one was checked when it was compiled"),
    }
}

/// HMAC-SHA256 under a derived key; its state is kept, so a use costs two hashes less.
pub(crate) struct Prf(Hmac<Sha256>);

impl Prf {
    /// The function of `key` for one purpose and one thing.
    pub(crate) fn derived(key: &[u8; 32], purpose: &str, about: &[u8]) -> Prf {
        // As wide as SHA-256's block, the one width at which HMAC takes a key as it is.
        let key = derive::<64>(key, purpose, about);
        Prf(Hmac::new((&*key).into()))
    }

    /// The value at `parts`; no two different lists of parts are the same input.
    pub(crate) fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.0.clone().chain_update(framed(parts)).finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Prf {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Prf(…)")
    }
}

/// Each part behind its length in eight bytes, big end first. The parts may be secret, so the buffer is wiped.
pub(crate) fn framed(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| 8 + part.len()).sum()));
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_that_moves_is_another_input() {
        let prf = Prf::derived(&[7; 32], "test", b"");
        assert_ne!(prf.of(&[b"ab", b"c"]), prf.of(&[b"a", b"bc"]));
        assert_ne!(prf.of(&[b"abc"]), prf.of(&[b"abc", b""]));
        assert_ne!(*derive::<32>(&[7; 32], "ab", b"c"), *derive::<32>(&[7; 32], "a", b"bc"));
    }
}
