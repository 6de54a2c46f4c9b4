//! The two secrets that an operator keeps: the root key, from which every log's key is derived, and the seed of the
//! signing key, which is apart from it.

use std::path::Path;

use zeroize::Zeroizing;

use crate::derive::Prf;
use crate::secret_file::{self, Origin};
use crate::{Entropy, Error, LogKey};

/// The root of all keys: 256 bits that lie outside the database. Wiped when it is dropped.
pub struct RootKey(Zeroizing<[u8; 32]>);

impl RootKey {
    /// Reads the key from its file, or makes one there if there is none (one line of 64 hexadecimal digits, mode 0600).
    /// Of several processes that start at once, one makes the file and all use it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::FileIsOpenToOthers`] and [`Error::FileHoldsNoKey`]; a file that is there is never
    /// written over.
    pub fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<(RootKey, Origin), Error> {
        let (bytes, origin) = secret_file::load_or_create(path, entropy)?;
        Ok((RootKey(bytes), origin))
    }

    /// Reads the key from 64 hexadecimal digits, as the environment holds it. Blanks around them are passed over.
    ///
    /// # Errors
    /// [`Error::NotAKey`], which does not repeat what it was given.
    pub fn parse(hex: &str) -> Result<RootKey, Error> {
        secret_file::parse(hex).map(RootKey).ok_or(Error::NotAKey)
    }

    /// The key of one log. Deriving takes some microseconds: keep it where it is used often.
    pub fn log(&self, log: [u8; 16]) -> LogKey {
        LogKey::derived(&self.0, log)
    }

    /// The id of the log of an email address, as a UUID of version 8 (RFC 9562, section 5.8). The caller normalises;
    /// without the root key nobody can tell whether an address has a log.
    pub fn address(&self, normalised_email: &str) -> [u8; 16] {
        let hash = Prf::derived(&self.0, "address", &[]).of(&[normalised_email.as_bytes()]);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        id[6] = id[6] & 0x0f | 0x80;
        id[8] = id[8] & 0x3f | 0x80;
        id
    }
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("RootKey(…)")
    }
}

/// The seed of the Ed25519 key that signs checkpoints (RFC 8032, section 5.1.5). Wiped when it is dropped.
pub struct SigningSeed(Zeroizing<[u8; 32]>);

impl SigningSeed {
    /// Reads the seed from its file, or makes one there, by the rules of [`RootKey::load_or_create`].
    ///
    /// # Errors
    /// As [`RootKey::load_or_create`].
    pub fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<(SigningSeed, Origin), Error> {
        let (bytes, origin) = secret_file::load_or_create(path, entropy)?;
        Ok((SigningSeed(bytes), origin))
    }

    /// Reads the seed from 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::NotAKey`].
    pub fn parse(hex: &str) -> Result<SigningSeed, Error> {
        secret_file::parse(hex).map(SigningSeed).ok_or(Error::NotAKey)
    }

    /// The 32 bytes, for the signer.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for SigningSeed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SigningSeed(…)")
    }
}
