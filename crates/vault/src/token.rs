//! Tokens: what a person or a program shows to be let in. Holds the secret part of one, and the hash under which it is
//! stored.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::derive::framed;

/// The secret part of a token: 256 bits. Handed out once, stored only as its [`token_hash`], wiped when it is dropped.
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    pub(crate) fn new(bytes: [u8; 32]) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes, to be written into the token.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// The hash under which a token's secret is stored: SHA-256 with the token's kind in it, so that a token of one kind
/// never serves as one of another (promise A5). A secret of 256 bits needs no salt and no slow hash.
pub fn token_hash(kind: &str, secret: &[u8]) -> [u8; 32] {
    Sha256::digest(framed(&[b"throughline token 1", kind.as_bytes(), secret])).into()
}

/// Whether two hashes are the same, in a time that does not tell where they differ.
pub fn same_hash(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}
