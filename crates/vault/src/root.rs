//! The two secrets that an operator keeps: the root key, with which every other key is wrapped, and the seed of the
//! signing key, which is apart from it.

use std::path::Path;

use zeroize::Zeroizing;

use crate::derive::{Prf, derive};
use crate::envelope::{Sealer, VERSION};
use crate::key::commitment;
use crate::secret_file::{self, Origin};
use crate::{Entropy, Error, LastingKey, LogKey, token_hash};

/// What names a root key to a database: a keyed hash, from which nobody learns the key.
pub type RootId = [u8; 32];

/// What the id of a root key is a hash of.
const ID: &str = "root key check";
/// What is sealed: the second byte of the associated data.
const A_LASTING_KEY: u8 = b'l';

/// The key of keys: 256 bits that lie outside the database. Wiped when it is dropped.
pub struct RootKey {
    key: Zeroizing<[u8; 32]>,
    id: RootId,
}

impl RootKey {
    /// Reads the key from its file, or makes one there if there is none (one line of 64 hexadecimal digits, mode 0600).
    /// Of several processes that start at once, one makes the file and all use it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::FileIsOpenToOthers`] and [`Error::FileHoldsNoKey`]; a file that is there is never
    /// written over.
    pub fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<(RootKey, Origin), Error> {
        let (bytes, origin) = secret_file::load_or_create(path, entropy)?;
        Ok((RootKey::new(bytes), origin))
    }

    /// Reads the key from its file; `None` where there is no such file.
    ///
    /// # Errors
    /// As [`RootKey::load_or_create`].
    pub fn load(path: &Path) -> Result<Option<RootKey>, Error> {
        Ok(secret_file::load(path)?.map(RootKey::new))
    }

    /// Writes the key to a file of its own; one that is there already must hold this key.
    ///
    /// # Errors
    /// As [`RootKey::load_or_create`], and [`Error::FileHoldsAnotherKey`].
    pub fn save(&self, path: &Path, entropy: &dyn Entropy) -> Result<(), Error> {
        secret_file::save(path, &self.key, entropy)
    }

    /// Reads the key from 64 hexadecimal digits, as the environment holds it. Blanks around them are passed over.
    ///
    /// # Errors
    /// [`Error::NotAKey`], which does not repeat what it was given.
    pub fn parse(hex: &str) -> Result<RootKey, Error> {
        secret_file::parse(hex).map(RootKey::new).ok_or(Error::NotAKey)
    }

    fn new(key: Zeroizing<[u8; 32]>) -> RootKey {
        let secret = Prf::derived(&key, "secrets", &[0; 16]).of(&[ID.as_bytes(), &[0; 16]]);
        RootKey { id: token_hash(ID, &secret), key }
    }

    /// What names this key beside what it wraps.
    pub fn id(&self) -> &RootId {
        &self.id
    }

    /// The key of one log. Deriving takes some microseconds: keep it where it is used often.
    pub fn log(&self, log: [u8; 16]) -> LogKey {
        LogKey::derived(&self.key, self.id, log)
    }

    /// The lasting key of a database that was begun before there were any: its ids and tokens were derived from the
    /// root key itself.
    pub fn as_lasting(&self) -> LastingKey {
        LastingKey::new(self.key.clone())
    }

    /// The stored form of the lasting key: its commitment, and the key, sealed.
    ///
    /// # Errors
    /// None that a key of 32 bytes can meet; the signature is sealing's.
    pub fn wrap_lasting(&self, lasting: &LastingKey, entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        let key = lasting.bytes();
        Ok([&commitment(key)[..], &self.lasting().seal(&[VERSION, A_LASTING_KEY], key, entropy)?].concat())
    }

    /// Opens the stored form of the lasting key.
    ///
    /// # Errors
    /// As [`LogKey::unwrap`].
    pub fn unwrap_lasting(&self, wrapped: &[u8]) -> Result<LastingKey, Error> {
        let (committed, sealed) = wrapped.split_first_chunk::<32>().ok_or(Error::DoesNotOpen)?;
        let opened = self.lasting().open(&[VERSION, A_LASTING_KEY], sealed)?;
        let key = Zeroizing::new(<[u8; 32]>::try_from(opened.as_slice()).map_err(|_| Error::DoesNotOpen)?);
        if commitment(&key) == *committed { Ok(LastingKey::new(key)) } else { Err(Error::WrongCommitment) }
    }

    fn lasting(&self) -> Sealer {
        Sealer::new(&derive(&self.key, "lasting", &[]))
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
