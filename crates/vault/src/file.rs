//! Files: long content sealed in chunks, so that any part of it can be opened by itself.
//!
//! # The sealed format, version 1
//!
//! ```text
//! chunks, each:
//!   n bytes             ciphertext: 65 536, of the last one 0 to 65 536
//!   16 bytes            tag
//! ```
//!
//! A file has a key of its own, random, which seals nothing else ([`FileKey`]). So nonces need not be random: a chunk's
//! nonce is its place and whether it is the last one (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár,
//! 2015), and no nonce comes twice. The tag also covers the version, the log and the file. The reader says all of this,
//! and how long the content is, from what the log says of the file; nothing in the object names it, so a later version is another way to read, named by
//! the log. Hence a chunk that was
//! changed, moved within its file or to another one, repeated or left out does not open, and neither does the end of a
//! file that was cut: what is then the last chunk was not sealed as the last one.

use zeroize::Zeroizing;

use crate::envelope::{NONCE_BYTES, Sealer, TAG_BYTES, VERSION};
use crate::{Entropy, Error};

/// How many bytes of content a chunk holds; the last one holds the rest.
pub const CHUNK_BYTES: usize = 64 << 10;
/// How many bytes a sealed chunk has at most.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// The longest file: its chunks are counted in 32 bits.
pub const FILE_BYTES_MAX: u64 = (CHUNK_BYTES as u64) << 32;

/// What is sealed: the second byte of the associated data, so that a chunk never opens as a text or a key.
const A_FILE: u8 = b'f';

/// The key of one file's content. Wiped when it is dropped; `Debug` does not show it.
pub struct FileKey(Zeroizing<[u8; 32]>);

impl FileKey {
    /// A new key.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        Self(key)
    }

    /// The key that these 64 hexadecimal digits write.
    ///
    /// # Errors
    /// [`Error::NotAKey`].
    pub fn parse(hex: &str) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; 32]);
        if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Error::NotAKey);
        }
        for (place, byte) in key.iter_mut().enumerate() {
            let digits = hex.get(place * 2..place * 2 + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).map_err(|_| Error::NotAKey)?;
        }
        Ok(Self(key))
    }

    /// Its 64 hexadecimal digits, for what seals it in turn.
    pub fn expose(&self) -> Zeroizing<String> {
        let mut hex = Zeroizing::new(String::with_capacity(64));
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 15] {
                hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        hex
    }
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("FileKey(…)")
    }
}

/// Where sealed content belongs. It is said by the reader at every opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FilePlace {
    /// The log.
    pub log: [u8; 16],
    /// The file.
    pub file: [u8; 16],
}

/// Whether a chunk is the last one of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk {
    /// More follow: it is full.
    Inner,
    /// None does.
    Last,
}

/// How long a file's object is whose content is so long.
pub const fn sealed_bytes(content: u64) -> u64 {
    content + chunks(content) * TAG_BYTES as u64
}

/// How many chunks a content of so many bytes has: one at least.
pub const fn chunks(content: u64) -> u64 {
    let full = content.div_ceil(CHUNK_BYTES as u64);
    if full == 0 { 1 } else { full }
}

/// Seals a file's content from its beginning to its end.
pub struct FileSealer {
    chunks: Chunks,
    next: u32,
    ended: bool,
}

impl FileSealer {
    /// A sealer of this file. A key seals one file, once.
    pub fn new(key: &FileKey, place: FilePlace) -> Self {
        Self { chunks: Chunks::new(key, place), next: 0, ended: false }
    }

    /// Seals the next chunk.
    ///
    /// # Errors
    /// [`Error::TooLong`] for an inner chunk that is not [`CHUNK_BYTES`] long, a last one that is longer, and anything after
    /// the last one.
    pub fn seal(&mut self, chunk: &[u8], which: Chunk) -> Result<Vec<u8>, Error> {
        let fits = match which {
            Chunk::Inner => chunk.len() == CHUNK_BYTES,
            Chunk::Last => chunk.len() <= CHUNK_BYTES,
        };
        let number = self.next;
        let next = number.checked_add(1).filter(|_| fits && !self.ended);
        self.next = next.ok_or(Error::TooLong { bytes: chunk.len() })?;
        self.ended = which == Chunk::Last;
        self.chunks.key.seal_detached(nonce(number, which), &self.chunks.associated, chunk)
    }
}

impl std::fmt::Debug for FileSealer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("FileSealer").field("next", &self.next).finish_non_exhaustive()
    }
}

/// Opens chunks of a file whose content is known to be so long.
pub struct FileOpener {
    chunks: Chunks,
    content: u64,
}

impl FileOpener {
    /// An opener of this file.
    pub fn new(key: &FileKey, place: FilePlace, content: u64) -> Self {
        Self { chunks: Chunks::new(key, place), content }
    }

    /// Where the sealed chunk of this number lies in the object: from, and to before. Nothing where the file has none.
    pub const fn place(&self, number: u64) -> Option<(u64, u64)> {
        if number >= chunks(self.content) {
            return None;
        }
        let from = number * SEALED_CHUNK_BYTES as u64;
        let to = from + SEALED_CHUNK_BYTES as u64;
        let end = sealed_bytes(self.content);
        Some((from, if to > end { end } else { to }))
    }

    /// Opens the chunk of this number. Any bytes are taken; nothing comes out unless all of it is genuine.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`].
    pub fn open(&self, number: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let last = chunks(self.content) - 1;
        let which = if number == last { Chunk::Last } else { Chunk::Inner };
        let number =
            u32::try_from(number).ok().filter(|number| u64::from(*number) <= last).ok_or(Error::DoesNotOpen)?;
        let opened = self.chunks.key.open_detached(nonce(number, which), &self.chunks.associated, sealed)?;
        let expected = match which {
            Chunk::Inner => CHUNK_BYTES as u64,
            Chunk::Last => self.content - last * CHUNK_BYTES as u64,
        };
        if opened.len() as u64 == expected { Ok(opened) } else { Err(Error::DoesNotOpen) }
    }
}

impl std::fmt::Debug for FileOpener {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("FileOpener").field("content", &self.content).finish_non_exhaustive()
    }
}

/// A file's cipher, and what every tag of it covers.
struct Chunks {
    key: Sealer,
    associated: Vec<u8>,
}

impl Chunks {
    fn new(key: &FileKey, place: FilePlace) -> Self {
        let associated = [&[VERSION, A_FILE], &place.log[..], &place.file].concat();
        Self { key: Sealer::new(&key.0), associated }
    }
}

/// Seven zeroes, the chunk's number, and whether it is the last.
fn nonce(number: u32, which: Chunk) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[7..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(which == Chunk::Last);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seeded;
    use proptest::prelude::*;

    const PLACE: FilePlace = FilePlace { log: [1; 16], file: [2; 16] };

    fn key(seed: u64) -> FileKey {
        FileKey::mint(&Seeded::new(seed))
    }

    /// Content that tells its chunks apart.
    fn content(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|place| u8::try_from((place / CHUNK_BYTES * 31 + place) % 251).unwrap()).collect()
    }

    fn sealed(key: &FileKey, place: FilePlace, content: &[u8]) -> Vec<u8> {
        let mut sealer = FileSealer::new(key, place);
        let mut object = Vec::new();
        let mut rest = content;
        while rest.len() > CHUNK_BYTES {
            let (chunk, more) = rest.split_at(CHUNK_BYTES);
            object.extend(sealer.seal(chunk, Chunk::Inner).unwrap());
            rest = more;
        }
        object.extend(sealer.seal(rest, Chunk::Last).unwrap());
        object
    }

    /// The whole content, or nothing where any chunk does not open.
    fn opened(key: &FileKey, place: FilePlace, content: u64, object: &[u8]) -> Option<Vec<u8>> {
        let opener = FileOpener::new(key, place, content);
        let mut whole = Vec::new();
        for number in 0..chunks(content) {
            let (from, to) = opener.place(number)?;
            let part = object.get(usize::try_from(from).unwrap()..usize::try_from(to).unwrap())?;
            whole.extend_from_slice(&opener.open(number, part).ok()?);
        }
        assert_eq!(opener.place(chunks(content)), None);
        Some(whole)
    }

    const EDGES: [usize; 8] = [
        0,
        1,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        2 * CHUNK_BYTES,
        2 * CHUNK_BYTES + 7,
        3 * CHUNK_BYTES - 1,
    ];

    #[test]
    fn what_was_sealed_opens_and_is_as_long_as_said() {
        let key = key(1);
        for bytes in EDGES {
            let content = content(bytes);
            let object = sealed(&key, PLACE, &content);
            assert_eq!(object.len() as u64, sealed_bytes(bytes as u64), "{bytes}");
            assert_eq!(opened(&key, PLACE, bytes as u64, &object), Some(content), "{bytes}");
        }
    }

    #[test]
    fn a_file_that_was_cut_or_is_said_to_have_another_length_does_not_open() {
        let key = key(1);
        for bytes in EDGES {
            let object = sealed(&key, PLACE, &content(bytes));
            for said in EDGES.into_iter().filter(|said| *said != bytes) {
                // Also with the object cut to where it would end, or made longer.
                let end = usize::try_from(sealed_bytes(said as u64)).unwrap();
                let mut other = object.clone();
                other.resize(end, 0);
                for object in [&object, &other] {
                    assert_eq!(opened(&key, PLACE, said as u64, object), None, "{bytes} said to be {said}");
                }
            }
        }
    }

    #[test]
    fn chunks_cannot_be_moved_repeated_or_left_out() {
        let (key, bytes) = (key(1), 3 * CHUNK_BYTES + 5);
        let object = sealed(&key, PLACE, &content(bytes));
        let opener = FileOpener::new(&key, PLACE, bytes as u64);
        let part = |number: u64| {
            let (from, to) = opener.place(number).unwrap();
            object[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()].to_vec()
        };
        for number in 0..4 {
            for other in 0..6 {
                assert_eq!(opener.open(other, &part(number)).is_ok(), number == other, "{number} as {other}");
            }
        }
        // Without its second chunk, a file of the length that then is left.
        let shorter = [part(0), part(2), part(3)].concat();
        assert_eq!(opened(&key, PLACE, (bytes - CHUNK_BYTES) as u64, &shorter), None);
        // Without its last chunks: the second would be the last.
        let shorter = [part(0), part(1)].concat();
        assert_eq!(opened(&key, PLACE, 2 * CHUNK_BYTES as u64, &shorter), None);
    }

    #[test]
    fn content_belongs_to_its_file_log_and_key() {
        let object = sealed(&key(1), PLACE, b"content");
        let places = [FilePlace { log: [9; 16], ..PLACE }, FilePlace { file: [9; 16], ..PLACE }];
        for place in places {
            assert_eq!(opened(&key(1), place, 7, &object), None);
        }
        assert_eq!(opened(&key(2), PLACE, 7, &object), None);
        assert!(opened(&key(1), PLACE, 7, &object).is_some());
    }

    #[test]
    fn a_sealer_takes_full_chunks_and_then_the_last_one() {
        let mut sealer = FileSealer::new(&key(1), PLACE);
        assert!(matches!(sealer.seal(b"short", Chunk::Inner), Err(Error::TooLong { .. })));
        assert!(matches!(sealer.seal(&content(CHUNK_BYTES + 1), Chunk::Last), Err(Error::TooLong { .. })));
        assert!(sealer.seal(b"short", Chunk::Last).is_ok());
        assert!(matches!(sealer.seal(b"", Chunk::Last), Err(Error::TooLong { .. })), "nothing comes after the last");
    }

    #[test]
    fn a_key_is_written_and_read_and_not_shown() {
        let key = key(1);
        let hex = key.expose();
        assert_eq!(*FileKey::parse(&hex).unwrap().0, *key.0);
        assert!(!format!("{key:?}").contains(&hex[..8]));
        for wrong in ["", "5a", &"g".repeat(64), &"é".repeat(32), &"+a".repeat(32)] {
            assert!(FileKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_flipped_bit_stays_unnoticed(bytes in 0_usize..200, at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let key = key(1);
            let mut object = sealed(&key, PLACE, &content(bytes));
            let at = at.index(object.len());
            object[at] ^= 1 << bit;
            prop_assert_eq!(opened(&key, PLACE, bytes as u64, &object), None);
        }
    }
}
