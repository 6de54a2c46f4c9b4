//! The keys of one log. Holds the log key, which wraps data keys, and the data key, which seals and opens texts; with
//! the two places to which wrapped keys and sealed texts are bound.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::derive::derive;
use crate::envelope::{Sealer, VERSION};
use crate::{Entropy, Error, RootId};

/// What is sealed: the second byte of every associated data, so that a key never opens as a text.
const A_KEY: u8 = b'k';
const A_TEXT: u8 = b't';

/// The key of one log, derived from a root key and never stored.
pub struct LogKey {
    root: RootId,
    log: [u8; 16],
    wrapping: Sealer,
}

/// Whose a data key is. Its log is the [`LogKey`]'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPlace {
    /// Whom the texts are about: a coachee, a person, or the practice.
    pub subject: [u8; 16],
    /// The person whose alone they are, if any.
    pub owner: Option<[u8; 16]>,
    /// Counts the keys of one subject and owner, by rotation.
    pub generation: u32,
}

/// A data key as it is stored. Neither part is secret without the root key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which root key wraps it.
    pub root: RootId,
    /// The key, sealed: 61 bytes.
    pub wrapped: Vec<u8>,
    /// The SHA-256 that the key has to have, behind a label.
    pub commitment: [u8; 32],
}

impl LogKey {
    /// The key of `log` under a root key.
    pub(crate) fn derived(key: &[u8; 32], root: RootId, log: [u8; 16]) -> LogKey {
        LogKey { root, log, wrapping: Sealer::new(&derive(key, "wrapping", &log)) }
    }

    /// The root key that it derives from.
    pub fn root(&self) -> &RootId {
        &self.root
    }

    /// Makes a new random data key for `place`, and the form in which it is stored.
    ///
    /// # Errors
    /// None that a key of 32 bytes can meet; the signature is sealing's.
    pub fn mint(&self, place: &KeyPlace, entropy: &dyn Entropy) -> Result<(DataKey, WrappedKey), Error> {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        Ok((DataKey::new(&key), self.wrap(place, &key, entropy)?))
    }

    /// Opens a stored data key. `place` is what the reader knows of the row, never what the row says of itself.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] when it was changed, or belongs to another place or log, or another root key wraps it than
    /// it says; [`Error::UnknownRoot`] when it says another than this log key's; [`Error::UnknownFormat`] when it is of a
    /// newer version; [`Error::WrongCommitment`] when it opens and is another key than was minted.
    pub fn unwrap(&self, place: &KeyPlace, wrapped: &WrappedKey) -> Result<DataKey, Error> {
        Ok(DataKey::new(&*self.unwrap_bytes(place, wrapped)?))
    }

    /// Wraps a stored data key anew under another root's key of the same log: root rotation and moving a practice. What
    /// the data key sealed stays as it lies.
    ///
    /// # Errors
    /// As [`LogKey::unwrap`].
    pub fn rewrap(
        &self,
        place: &KeyPlace,
        wrapped: &WrappedKey,
        to: &LogKey,
        entropy: &dyn Entropy,
    ) -> Result<WrappedKey, Error> {
        to.wrap(place, &*self.unwrap_bytes(place, wrapped)?, entropy)
    }

    fn wrap(&self, place: &KeyPlace, key: &[u8; 32], entropy: &dyn Entropy) -> Result<WrappedKey, Error> {
        Ok(WrappedKey {
            root: self.root,
            wrapped: self.wrapping.seal(&place.associated(self.log), key, entropy)?,
            commitment: commitment(key),
        })
    }

    fn unwrap_bytes(&self, place: &KeyPlace, wrapped: &WrappedKey) -> Result<Zeroizing<[u8; 32]>, Error> {
        if wrapped.root != self.root {
            return Err(Error::UnknownRoot);
        }
        let opened = self.wrapping.open(&place.associated(self.log), &wrapped.wrapped)?;
        let key = Zeroizing::new(<[u8; 32]>::try_from(opened.as_slice()).map_err(|_| Error::DoesNotOpen)?);
        if commitment(&key).ct_eq(&wrapped.commitment).into() { Ok(key) } else { Err(Error::WrongCommitment) }
    }
}

impl std::fmt::Debug for LogKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("LogKey(…)")
    }
}

impl KeyPlace {
    /// Fixed widths throughout, and no owner is not the owner of sixteen zeroes.
    fn associated(&self, log: [u8; 16]) -> Vec<u8> {
        let owner = self.owner.unwrap_or_default();
        let has_owner = u8::from(self.owner.is_some());
        [&[VERSION, A_KEY], &log[..], &self.subject, &[has_owner], &owner, &self.generation.to_be_bytes()].concat()
    }
}

/// What a wrapped key is checked against: no two keys have it in common, and it tells nothing of a random key.
pub(crate) fn commitment(key: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(b"throughline key commitment 1").chain_update(key).finalize().into()
}

/// Where a sealed text belongs. It is said by the reader at every opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place<'a> {
    /// The log.
    pub log: [u8; 16],
    /// The thing that the event or row is about.
    pub thing: [u8; 16],
    /// The kind of text: the name of its type, never its content.
    pub text: &'a str,
    /// Tells apart the texts of one kind in one thing, where their order matters: a frame, a patch, a part of a file.
    pub ordinal: u32,
}

impl Place<'_> {
    fn associated(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(46 + self.text.len());
        bytes.extend_from_slice(&[VERSION, A_TEXT]);
        bytes.extend_from_slice(&self.log);
        bytes.extend_from_slice(&self.thing);
        bytes.extend_from_slice(&(self.text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(self.text.as_bytes());
        bytes.extend_from_slice(&self.ordinal.to_be_bytes());
        bytes
    }
}

/// The key of one subject and owner, with its cipher's schedule made once. Wiped when it is dropped.
pub struct DataKey(Sealer);

impl DataKey {
    fn new(key: &[u8; 32]) -> DataKey {
        DataKey(Sealer::new(key))
    }

    /// Seals `text` to `place`: 29 bytes longer than the text, and different each time.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond [`crate::TEXT_BYTES_MAX`].
    pub fn seal(&self, place: &Place<'_>, text: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        self.0.seal(&place.associated(), text, entropy)
    }

    /// Opens what was sealed to `place`. Any bytes are taken; nothing of a text comes out unless all of it is genuine.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] when it was changed, moved or sealed with another key; [`Error::UnknownFormat`] when it
    /// is of a newer version.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.0.open(&place.associated(), sealed)
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("DataKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seeded;
    use proptest::prelude::*;

    const PLACE: KeyPlace = KeyPlace { subject: [1; 16], owner: None, generation: 1 };

    #[test]
    fn a_key_that_opens_and_was_not_committed_to_is_refused() {
        let log = LogKey::derived(&[5; 32], [0; 32], [6; 16]);
        let entropy = Seeded::new(1);
        // Rightly sealed to the place by somebody who has the log key, but another key than the commitment's.
        let mut swapped = log.wrap(&PLACE, &[8; 32], &entropy).unwrap();
        swapped.commitment = commitment(&[9; 32]);
        assert!(matches!(log.unwrap(&PLACE, &swapped), Err(Error::WrongCommitment)));
        swapped.commitment = commitment(&[8; 32]);
        assert!(log.unwrap(&PLACE, &swapped).is_ok());
    }

    #[test]
    fn a_wrapped_key_of_another_length_is_refused() {
        let log = LogKey::derived(&[5; 32], [0; 32], [6; 16]);
        let wrapped = log.wrapping.seal(&PLACE.associated(log.log), &[8; 31], &Seeded::new(1)).unwrap();
        assert!(matches!(
            log.unwrap(&PLACE, &WrappedKey { root: [0; 32], wrapped, commitment: [0; 32] }),
            Err(Error::DoesNotOpen)
        ));
    }

    proptest! {
        #[test]
        fn different_places_have_different_associated_data(
            // Few values, so that places are often equal in part.
            ids in prop::array::uniform4(0_u8..2), ordinals in prop::array::uniform2(0_u32..3),
            texts in prop::array::uniform2("[\\x00a]{0,3}"),
        ) {
            let place = |n: usize| Place {
                log: [ids[n]; 16], thing: [ids[n + 2]; 16], text: &texts[n], ordinal: ordinals[n],
            };
            prop_assert_eq!(place(0) == place(1), place(0).associated() == place(1).associated());
        }

        #[test]
        fn different_key_places_have_different_associated_data(
            subjects in prop::array::uniform2(0_u8..2), owners in prop::array::uniform2(prop::option::of(0_u8..2)),
            generations in prop::array::uniform2(0_u32..2),
        ) {
            let place = |n: usize| KeyPlace {
                subject: [subjects[n]; 16], owner: owners[n].map(|id| [id; 16]), generation: generations[n],
            };
            let associated = |n| place(n).associated([3; 16]);
            prop_assert_eq!(place(0) == place(1), associated(0) == associated(1));
        }
    }
}
