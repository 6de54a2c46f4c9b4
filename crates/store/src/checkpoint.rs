//! Signed checkpoints: what a log was at a moment, in a form that others can hold against it (C2SP `tlog-checkpoint`,
//! which is a C2SP `signed-note` with an Ed25519 signature of type 0x01). Holds the checkpoint, its signer and its
//! verifier.
//!
//! ```text
//! throughline.example/practice_01h455vb4pex5vsknk084sn02q    origin: which log
//! 20852163                                                   how many events
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=               root of the tree over them
//! time 1700000000000000                                      extension lines, if any
//!
//! — throughline.example Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp…  key name, and key id with signature
//! ```
//!
//! The signature is over everything before the empty line, with its last newline. A verifier passes over signatures by
//! keys that it does not hold, so that witnesses can add theirs; one that names its key and does not verify spoils the
//! note. What was read is a [`Checkpoint`] only after its signature was checked. That no smaller or forked tree is ever
//! signed is the caller's duty, who holds the last checkpoint: [`crate::tree::verify_consistency`] is its means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::tree::{Hash, SIZE_MAX};

/// The signature type of the `signed-note` specification: Ed25519 over the note's text.
const ED25519: u8 = 1;

/// The most bytes of a note that is read, signatures of witnesses included: 64 KiB.
const NOTE_BYTES_MAX: usize = 64 << 10;

/// What is wrong with a checkpoint, a note or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A key's name is empty, or has a blank or a plus in it.
    #[error("`{0}` cannot name a key: take a name such as example.com/log, without blanks or plus")]
    KeyName(String),
    /// A text is no verifier key.
    #[error("this is not a verifier key: expected NAME+HASH+BASE64 of an Ed25519 key")]
    NoKey,
    /// A checkpoint cannot be written so that it can be read again.
    #[error("a checkpoint's {0} is empty, out of bounds or has a line break in it")]
    NotWritable(&'static str),
    /// A text is no signed note.
    #[error("this is not a signed note: {0}")]
    NoNote(&'static str),
    /// None of the note's signatures is by this key.
    #[error("not signed by `{0}`: check which server this checkpoint is from")]
    Unsigned(String),
    /// None of the note's signatures is by any of several keys.
    #[error(
        "not signed by a key that was given, but by {0}: if that was a key of before, give it too (`--key`, `--keys`)"
    )]
    UnknownKey(String),
    /// A signature names this key and is not its.
    #[error("the signature of `{0}` does not verify: the checkpoint was changed")]
    Forged(String),
    /// The note is signed, and its text is no checkpoint.
    #[error("the signed text is not a checkpoint: its {0} is malformed")]
    NoCheckpoint(&'static str),
}

/// What a log was at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: its name for all time, not empty, one line.
    pub origin: String,
    /// How many leaves its tree had.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
    /// Further signed lines, each not empty, such as `time 1700000000000000`. Their meaning is the caller's.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The text that is signed.
    fn write(&self) -> Result<String, Error> {
        let one_line = |line: &str| !line.is_empty() && !line.chars().any(|letter| letter < ' ');
        if !one_line(&self.origin) {
            return Err(Error::NotWritable("origin"));
        }
        if self.size > SIZE_MAX {
            return Err(Error::NotWritable("size"));
        }
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root));
        for line in &self.extensions {
            if !one_line(line) {
                return Err(Error::NotWritable("extension"));
            }
            text.push_str(line);
            text.push('\n');
        }
        Ok(text)
    }

    /// Reads a text whose signature was checked.
    fn read(text: &str) -> Result<Checkpoint, Error> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let mut line = |name| lines.next().filter(|line| !line.is_empty()).ok_or(Error::NoCheckpoint(name));
        let origin = line("origin")?.to_owned();
        let digits = line("size")?;
        let size = digits.parse().ok().filter(|size: &u64| *size <= SIZE_MAX && size.to_string() == digits);
        let size = size.ok_or(Error::NoCheckpoint("size"))?;
        let root = STANDARD.decode(line("root")?).ok().and_then(|bytes| bytes.try_into().ok());
        let root = root.ok_or(Error::NoCheckpoint("root"))?;
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(Error::NoCheckpoint("extension"));
        }
        Ok(Checkpoint { origin, size, root, extensions })
    }
}

/// Who signs checkpoints: an Ed25519 key and its name. The key is wiped when it is dropped.
pub struct Signer {
    key: SigningKey,
    verifier: Verifier,
}

impl Signer {
    /// The signer of that name whose key comes from `seed` (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`Error::KeyName`].
    pub fn parse(name: &str, seed: &[u8; 32]) -> Result<Signer, Error> {
        let key = SigningKey::from_bytes(seed);
        let verifier = Verifier::of(name, key.verifying_key())?;
        Ok(Signer { key, verifier })
    }

    /// Signs a checkpoint: the note, as it is stored and handed out.
    ///
    /// # Errors
    /// [`Error::NotWritable`].
    pub fn sign(&self, checkpoint: &Checkpoint) -> Result<String, Error> {
        Ok(self.sign_text(&checkpoint.write()?))
    }

    /// Signs a statement that is no checkpoint, such as what a backup says of itself: the note. Its first line tells
    /// it apart: no log's name has a blank in it.
    ///
    /// # Errors
    /// [`Error::NotWritable`].
    pub fn sign_statement(&self, text: &str) -> Result<String, Error> {
        let is_statement = text.lines().next().is_some_and(|line| line.contains(' ')) && !text.contains("\n\n");
        if is_statement && text.ends_with('\n') { Ok(self.sign_text(text)) } else { Err(Error::NotWritable("text")) }
    }

    /// What others need to check this signer's notes.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    fn sign_text(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let signed = STANDARD.encode([&self.verifier.id[..], &signature].concat());
        format!("{text}\n— {} {signed}\n", self.verifier.name)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Signer({})", self.verifier.name)
    }
}

/// A public key with its name: who checks checkpoints holds one. It is printed, and parsed, as `NAME+HASH+BASE64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Verifier {
    /// Reads a key as it is printed.
    ///
    /// # Errors
    /// [`Error::NoKey`] when the text is no key or its hash is another key's, [`Error::KeyName`].
    pub fn parse(text: &str) -> Result<Verifier, Error> {
        let (name, rest) = text.trim().split_once('+').ok_or(Error::NoKey)?;
        let (hash, key) = rest.split_once('+').ok_or(Error::NoKey)?;
        let key = STANDARD.decode(key).map_err(|_| Error::NoKey)?;
        let Some((&ED25519, key)) = key.split_first() else { return Err(Error::NoKey) };
        let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok()).ok_or(Error::NoKey)?;
        let verifier = Verifier::of(name, key)?;
        if verifier.hash() == hash { Ok(verifier) } else { Err(Error::NoKey) }
    }

    /// Checks a note and reads the checkpoint in it.
    ///
    /// # Errors
    /// [`Error::NoNote`], [`Error::Unsigned`], [`Error::Forged`] and [`Error::NoCheckpoint`].
    pub fn verify(&self, note: &str) -> Result<Checkpoint, Error> {
        Checkpoint::read(self.verify_text(note)?)
    }

    /// Checks a note and gives the statement in it: see [`Signer::sign_statement`].
    ///
    /// # Errors
    /// [`Error::NoNote`], [`Error::Unsigned`] and [`Error::Forged`].
    pub fn verify_statement<'a>(&self, note: &'a str) -> Result<&'a str, Error> {
        let text = self.verify_text(note)?;
        let is_statement = text.lines().next().is_some_and(|line| line.contains(' '));
        if is_statement { Ok(text) } else { Err(Error::NoNote("it is no statement")) }
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's name and id, `NAME+HASH`: enough to tell it from others.
    pub fn label(&self) -> String {
        format!("{}+{}", self.name, self.hash())
    }

    fn of(name: &str, key: VerifyingKey) -> Result<Verifier, Error> {
        if name.is_empty() || name.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '+')
        {
            return Err(Error::KeyName(name.to_owned()));
        }
        let hash =
            Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
        Ok(Verifier { name: name.to_owned(), id: [hash[0], hash[1], hash[2], hash[3]], key })
    }

    /// The key's id, as it is printed.
    fn hash(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.id))
    }

    /// The text of a note that this key signed.
    fn verify_text<'a>(&self, note: &'a str) -> Result<&'a str, Error> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(Error::NoNote("it is longer than 64 KiB"));
        }
        if note.chars().any(|letter| letter < ' ' && letter != '\n') {
            return Err(Error::NoNote("it has control characters in it"));
        }
        let split = note.rfind("\n\n").ok_or(Error::NoNote("it has no empty line"))?;
        let (text, signatures) = (&note[..=split], &note[split + 2..]);
        let signatures = signatures.strip_suffix('\n').ok_or(Error::NoNote("it does not end its last line"))?;
        let mut signed = false;
        for line in signatures.split('\n') {
            let (name, signature) = signature(line).ok_or(Error::NoNote("a signature line is malformed"))?;
            let Some((id, signature)) = signature.split_first_chunk::<4>() else {
                return Err(Error::NoNote("a signature is too short"));
            };
            if name != self.name || *id != self.id {
                continue;
            }
            let verified = Signature::from_slice(signature)
                .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok());
            if !verified {
                return Err(Error::Forged(self.name.clone()));
            }
            signed = true;
        }
        if signed { Ok(text) } else { Err(Error::Unsigned(self.name.clone())) }
    }
}

impl std::fmt::Display for Verifier {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = STANDARD.encode([&[ED25519], &self.key.as_bytes()[..]].concat());
        write!(out, "{}+{}+{key}", self.name, self.hash())
    }
}

/// Public keys of which each may have signed: a key that was replaced has signed what came before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verifiers(Vec<Verifier>);

impl From<Verifier> for Verifiers {
    fn from(verifier: Verifier) -> Self {
        Self(vec![verifier])
    }
}

impl Verifiers {
    /// One more key; one that is there already is not added again.
    pub fn add(&mut self, verifier: Verifier) {
        if !self.0.contains(&verifier) {
            self.0.push(verifier);
        }
    }

    /// Adds the keys of a text, one a line. Empty lines, and lines that begin with `#`, are passed over.
    ///
    /// # Errors
    /// The number of the line that is no key, and why.
    pub fn add_lines(&mut self, text: &str) -> Result<(), (usize, Error)> {
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if !line.is_empty() && !line.starts_with('#') {
                self.add(Verifier::parse(line).map_err(|error| (number, error))?);
            }
        }
        Ok(())
    }

    /// Whether one of them is printed so.
    pub fn holds(&self, key: &str) -> bool {
        Verifier::parse(key).is_ok_and(|key| self.0.contains(&key))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks a note, and reads the checkpoint in it; and which of the keys signed it.
    ///
    /// # Errors
    /// As [`Verifier::verify`]; [`Error::UnknownKey`] names who signed it instead.
    pub fn verify(&self, note: &str) -> Result<(Checkpoint, &Verifier), Error> {
        let (text, by) = self.verify_text(note)?;
        Ok((Checkpoint::read(text)?, by))
    }

    /// Checks a note and gives the statement in it: see [`Signer::sign_statement`].
    ///
    /// # Errors
    /// As [`Verifier::verify_statement`]; [`Error::UnknownKey`].
    pub fn verify_statement<'a>(&self, note: &'a str) -> Result<&'a str, Error> {
        let (_, by) = self.verify_text(note)?;
        by.verify_statement(note)
    }

    /// A signature that names one of the keys and is not its spoils the note, whatever the others say.
    fn verify_text<'a>(&self, note: &'a str) -> Result<(&'a str, &Verifier), Error> {
        let mut signed = None;
        for verifier in &self.0 {
            match verifier.verify_text(note) {
                Ok(text) => signed = signed.or(Some((text, verifier))),
                Err(Error::Unsigned(_)) => {}
                Err(error) => return Err(error),
            }
        }
        signed.ok_or_else(|| Error::UnknownKey(signers(note)))
    }
}

/// Who a note says that signed it, as [`Verifier::label`] writes it. Nothing of it was checked.
fn signers(note: &str) -> String {
    let signatures = note.rsplit_once("\n\n").map_or("", |(_, signatures)| signatures);
    let label = |line| {
        let (name, bytes) = signature(line)?;
        let (id, _) = bytes.split_first_chunk::<4>()?;
        Some(format!("`{name}+{:08x}`", u32::from_be_bytes(*id)))
    };
    let labels: Vec<String> = signatures.lines().filter_map(label).collect();
    if labels.is_empty() { "nobody".to_owned() } else { labels.join(", ") }
}

/// The key name and the bytes of a signature line.
fn signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
    Some((name, STANDARD.decode(bytes).ok().filter(|_| !name.is_empty())?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The published example of Go's `sumdb/note`, whose format the specification took over.
    const PUBLISHED_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PUBLISHED_SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLISHED_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                                  then you don't know what your problem is.\n";
    const PUBLISHED_SIGNATURE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUg\
                                       YN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer() -> Signer {
        Signer::parse("throughline.example", &[7; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "throughline.example/practice_01h455vb4pex5vsknk084sn02q".into(),
            size: 20_852_163,
            root: [9; 32],
            extensions: vec!["time 1700000000000000".into()],
        }
    }

    #[test]
    fn the_published_note_verifies_and_is_what_its_key_signs() {
        let verifier = Verifier::parse(PUBLISHED_KEY).unwrap();
        let note = format!("{PUBLISHED_TEXT}\n{PUBLISHED_SIGNATURE}");
        assert_eq!(verifier.verify_text(&note), Ok(PUBLISHED_TEXT));
        assert_eq!(verifier.verify(&note), Err(Error::NoCheckpoint("size")));
        assert_eq!(verifier.to_string(), PUBLISHED_KEY);

        let seed = STANDARD.decode(PUBLISHED_SECRET).unwrap();
        let signer = Signer::parse("PeterNeumann", seed[1..].try_into().unwrap()).unwrap();
        assert_eq!(signer.verifier(), &verifier);
        assert_eq!(signer.sign_text(PUBLISHED_TEXT), note);
    }

    #[test]
    fn of_several_keys_the_one_that_signed_is_named() {
        let (old, new, other) = (
            signer(),
            Signer::parse("throughline.example", &[8; 32]).unwrap(),
            Signer::parse("other", &[9; 32]).unwrap(),
        );
        let mut keys = Verifiers::default();
        let file = format!("# of 2025\n{}\n\n  {} \n{}\n", old.verifier(), new.verifier(), old.verifier());
        keys.add_lines(&file).unwrap();
        for signer in [&old, &new] {
            let note = signer.sign(&checkpoint()).unwrap();
            assert_eq!(keys.verify(&note), Ok((checkpoint(), signer.verifier())));
        }
        let strange = other.sign(&checkpoint()).unwrap();
        let label = other.verifier().label();
        assert!(other.verifier().to_string().starts_with(&label));
        assert_eq!(keys.verify(&strange), Err(Error::UnknownKey(format!("`{label}`"))));
        // What one key's signature spoils, another's does not mend.
        let note = new.sign(&checkpoint()).unwrap();
        let forged = old.sign(&checkpoint()).unwrap().replacen("20852163", "20852164", 1);
        let line = forged.lines().last().unwrap();
        let changed = note.replacen("20852163", "20852164", 1);
        let spoilt = format!("{note}{line}\n").replacen("20852163", "20852162", 1);
        assert!(matches!(keys.verify(&changed), Err(Error::Forged(_))));
        assert!(matches!(keys.verify(&spoilt), Err(Error::Forged(_))));
        assert_eq!(keys.add_lines(&format!("\n{}\nno key\n", other.verifier())), Err((3, Error::NoKey)));
        assert!(Verifiers::default().verify(&note).is_err());
    }

    #[test]
    fn a_checkpoint_is_written_as_specified() {
        let note = signer().sign(&checkpoint()).unwrap();
        let text = "throughline.example/practice_01h455vb4pex5vsknk084sn02q\n20852163\n\
                    CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\ntime 1700000000000000\n\n— throughline.example ";
        assert!(note.starts_with(text), "{note}");
        assert!(note.ends_with("=\n") && note.lines().count() == 6, "{note}");
    }

    #[test]
    fn a_note_changed_anywhere_is_refused() {
        let (signer, note) = (signer(), signer().sign(&checkpoint()).unwrap());
        assert_eq!(signer.verifier().verify(&note), Ok(checkpoint()));
        for at in 0..note.len() {
            for change in [1, 2, 32] {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= change;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(signer.verifier().verify(&changed).is_err(), "{changed}");
            }
            if let Some(cut) = note.get(..at) {
                assert!(signer.verifier().verify(cut).is_err(), "{cut}");
            }
        }
        let other = Signer::parse("throughline.example", &[8; 32]).unwrap();
        assert_eq!(other.verifier().verify(&note), Err(Error::Unsigned("throughline.example".into())));
    }

    #[test]
    fn signatures_by_others_are_passed_over_and_a_forged_one_is_not() {
        let (signer, note) = (signer(), signer().sign(&checkpoint()).unwrap());
        let theirs = PUBLISHED_SIGNATURE;
        let witnessed = format!("{note}{theirs}");
        assert_eq!(signer.verifier().verify(&witnessed), Ok(checkpoint()));
        let (text, mine) = note.split_once("\n\n").unwrap();
        let theirs_first = format!("{text}\n\n{theirs}{mine}");
        assert_eq!(signer.verifier().verify(&theirs_first), Ok(checkpoint()));

        let elsewhere = signer.sign(&Checkpoint { size: 1, ..checkpoint() }).unwrap();
        let forged = format!("{note}{}", elsewhere.split_once("\n\n").unwrap().1);
        assert_eq!(signer.verifier().verify(&forged), Err(Error::Forged("throughline.example".into())));
    }

    #[test]
    fn what_is_no_note_or_no_checkpoint_is_refused() {
        let signer = signer();
        let refused = |text: &str| signer.verifier().verify(&signer.sign_text(text)).unwrap_err();
        let root = STANDARD.encode([9; 32]);
        assert!(signer.verifier().verify(&signer.sign_text(&format!("o\n0\n{root}\n"))).is_ok());
        assert_eq!(refused("o\n"), Error::NoCheckpoint("size"));
        for size in ["", "01", "+1", "-1", "1 ", "0x1", "18446744073709551615", "9223372036854775808"] {
            assert_eq!(refused(&format!("o\n{size}\n{root}\n")), Error::NoCheckpoint("size"), "{size}");
        }
        for root in ["", "CQk=", &root[..43], &root.replace('=', "")] {
            assert_eq!(refused(&format!("o\n1\n{root}\n")), Error::NoCheckpoint("root"), "{root}");
        }
        assert_eq!(refused(&format!("\n1\n{root}\n")), Error::NoCheckpoint("origin"));
        assert_eq!(refused(&format!("o\n1\n{root}\n\nx\n")), Error::NoCheckpoint("extension"));
        assert!(matches!(refused(&format!("o\n1\n{root}\n\tx\n")), Error::NoNote(_)));
        assert!(matches!(refused(&format!("o\n1\n{root}\n{}\n", "x".repeat(NOTE_BYTES_MAX))), Error::NoNote(_)));
        for note in ["", "\n", "\n\n", "text\n\n", "text\n\n— throughline.example\n", "text\n\n—  AAAA\n"] {
            assert!(matches!(signer.verifier().verify(note), Err(Error::NoNote(_))), "{note:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_again_is_not_signed() {
        let refused = |checkpoint: Checkpoint| signer().sign(&checkpoint).unwrap_err();
        for line in ["", "a\nb", "a\r"] {
            assert_eq!(refused(Checkpoint { origin: line.into(), ..checkpoint() }), Error::NotWritable("origin"));
            let extensions = vec![line.into()];
            assert_eq!(refused(Checkpoint { extensions, ..checkpoint() }), Error::NotWritable("extension"));
        }
        assert_eq!(refused(Checkpoint { size: u64::MAX, ..checkpoint() }), Error::NotWritable("size"));
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\n"] {
            assert_eq!(Signer::parse(name, &[7; 32]).unwrap_err(), Error::KeyName(name.into()));
        }
    }

    #[test]
    fn a_key_text_that_is_not_whole_is_refused() {
        assert!(Verifier::parse(&format!(" {PUBLISHED_KEY}\n")).is_ok());
        let wrong = [
            "",
            "PeterNeumann",
            &PUBLISHED_KEY[..60],
            &PUBLISHED_KEY.replace("PeterNeumann", "PeterNewmann"),
            &PUBLISHED_KEY.replace("c74f20a3", "c74f20a4"),
            &PUBLISHED_KEY.replace("+ARpc", "+AhPc"),
            &PUBLISHED_KEY.replace("10TW", "10Tm"),
        ];
        for text in wrong {
            assert_eq!(Verifier::parse(text), Err(Error::NoKey), "{text}");
        }
    }

    #[test]
    fn a_signer_prints_its_name_only() {
        assert_eq!(format!("{:?}", signer()), "Signer(throughline.example)");
    }

    proptest! {
        #[test]
        fn what_is_signed_is_read_as_it_was(
            origin in "[^\\x00-\\x1f]{1,40}", size in 0..=SIZE_MAX, root: [u8; 32],
            extensions in prop::collection::vec("[^\\x00-\\x1f]{1,20}", 0..4),
        ) {
            let checkpoint = Checkpoint { origin, size, root, extensions };
            let note = signer().sign(&checkpoint).unwrap();
            prop_assert_eq!(signer().verifier().verify(&note), Ok(checkpoint));
        }

        #[test]
        fn any_text_is_refused_without_a_panic(note in "(\\PC|\n|— ){0,200}") {
            prop_assert!(signer().verifier().verify(&note).is_err());
            prop_assert!(Verifier::parse(&note).is_err());
        }
    }
}
