//! What is sealed opens where it belongs and nowhere else.

use proptest::prelude::*;
use vault::{DataKey, Entropy, Error, KeyPlace, LogKey, Place, RootKey, Seeded, WrappedKey};

const LOG: [u8; 16] = [1; 16];
const THING: [u8; 16] = [2; 16];
const SUBJECT: [u8; 16] = [3; 16];
const OWNER: [u8; 16] = [4; 16];

fn root(digit: char) -> Result<RootKey, Error> {
    RootKey::parse(&digit.to_string().repeat(64))
}

/// Random numbers for the choice of cases.
struct Dice(Seeded);

impl Dice {
    /// A number below `sides`.
    fn below(&self, sides: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_be_bytes(bytes) as usize % sides
    }

    fn flip(&self, bytes: &mut [u8]) {
        let at = self.below(bytes.len());
        bytes[at] ^= 1 << self.below(8);
    }
}

/// A wrapped key and a text sealed with it, and where each belongs.
struct Case {
    log_key: LogKey,
    key_place: KeyPlace,
    wrapped: WrappedKey,
    place: Place<'static>,
    sealed: Vec<u8>,
}

impl Case {
    fn sealed(entropy: &dyn Entropy, dice: &Dice) -> Result<(Case, Vec<u8>), Error> {
        let log_key = root('a')?.log(LOG);
        let owner = [None, Some(OWNER)][dice.below(2)];
        let key_place = KeyPlace { subject: SUBJECT, owner, generation: 7 };
        let (key, wrapped) = log_key.mint(&key_place, entropy)?;
        let place = Place { log: LOG, thing: THING, text: "session_note", ordinal: 5 };
        let mut text = vec![0; dice.below(200)];
        entropy.fill(&mut text);
        let sealed = key.seal(&place, &text, entropy)?;
        Ok((Case { log_key, key_place, wrapped, place, sealed }, text))
    }

    /// As a reader does it: unwrap the key, open the text.
    fn read(&self) -> Result<Vec<u8>, Error> {
        let key = self.log_key.unwrap(&self.key_place, &self.wrapped)?;
        Ok(key.open(&self.place, &self.sealed)?.to_vec())
    }

    /// Moves or changes one thing, which the dice choose.
    fn spoil(&mut self, entropy: &dyn Entropy, dice: &Dice) -> Result<&'static str, Error> {
        Ok(match dice.below(15) {
            0 => (dice.flip(&mut self.place.log), "text to another log").1,
            1 => (dice.flip(&mut self.place.thing), "text to another thing").1,
            2 => {
                let others = ["session_not", "session_notes", "", "title", "session_note\0"];
                self.place.text = others[dice.below(others.len())];
                "text to another field"
            }
            3 => (self.place.ordinal ^= 1 << dice.below(32), "text to another ordinal").1,
            4 => (dice.flip(&mut self.sealed), "a bit of the text").1,
            5 => (self.sealed.truncate(dice.below(self.sealed.len())), "text cut short").1,
            6 => (self.sealed.push(0), "text made longer").1,
            7 => (dice.flip(&mut self.key_place.subject), "key to another subject").1,
            8 => {
                let others = match self.key_place.owner {
                    None => [Some(OWNER), Some([0; 16])],
                    Some(_) => [None, Some([5; 16])],
                };
                self.key_place.owner = others[dice.below(2)];
                "key to another owner"
            }
            9 => (self.key_place.generation ^= 1 << dice.below(32), "key to another generation").1,
            10 => (dice.flip(&mut self.wrapped.wrapped), "a bit of the key").1,
            11 => (dice.flip(&mut self.wrapped.commitment), "a bit of the commitment").1,
            12 => {
                let mut log = LOG;
                dice.flip(&mut log);
                self.log_key = if dice.below(2) == 0 { root('a')?.log(log) } else { root('b')?.log(LOG) };
                "key to another log or root"
            }
            13 => (dice.flip(&mut self.wrapped.root), "key to another root").1,
            _ => {
                self.wrapped = self.log_key.mint(&self.key_place, entropy)?.1;
                "another key of the same place"
            }
        })
    }
}

#[test]
fn of_ten_thousand_moves_and_changes_none_opens() {
    let (entropy, dice) = (Seeded::new(1), Dice(Seeded::new(2)));
    let mut opened = Vec::new();
    for _ in 0..10_000 {
        let (mut case, text) = Case::sealed(&entropy, &dice).unwrap();
        assert_eq!(case.read().unwrap(), text, "before it is spoilt it opens");
        let how = case.spoil(&entropy, &dice).unwrap();
        if case.read().is_ok() {
            opened.push(how);
        }
    }
    assert!(opened.is_empty(), "{} opened: {opened:?}", opened.len());
}

#[test]
fn a_wrapped_key_is_no_text_and_a_text_is_no_wrapped_key() {
    let entropy = Seeded::new(1);
    let log = root('a').unwrap().log(LOG);
    let place = KeyPlace { subject: SUBJECT, owner: None, generation: 1 };
    let (key, wrapped) = log.mint(&place, &entropy).unwrap();
    let text = Place { log: LOG, thing: THING, text: "note", ordinal: 0 };
    assert!(key.open(&text, &wrapped.wrapped).is_err());
    let sealed = key.seal(&text, &[9; 32], &entropy).unwrap();
    assert!(log.unwrap(&place, &WrappedKey { wrapped: sealed, ..wrapped }).is_err());
}

#[test]
fn a_key_rewrapped_under_another_root_opens_what_it_sealed_before() {
    let entropy = Seeded::new(1);
    let (old, new) = (root('a').unwrap().log(LOG), root('b').unwrap().log(LOG));
    let key_place = KeyPlace { subject: SUBJECT, owner: Some(OWNER), generation: 1 };
    let place = Place { log: LOG, thing: THING, text: "note", ordinal: 0 };
    let (key, wrapped) = old.mint(&key_place, &entropy).unwrap();
    let sealed = key.seal(&place, b"before", &entropy).unwrap();
    let rewrapped = old.rewrap(&key_place, &wrapped, &new, &entropy).unwrap();
    let opened = new.unwrap(&key_place, &rewrapped).unwrap().open(&place, &sealed).unwrap();
    assert_eq!(opened.as_slice(), b"before");
    assert_eq!(rewrapped.commitment, wrapped.commitment, "the same key");
    assert!(old.unwrap(&key_place, &rewrapped).is_err(), "the old root no longer opens it");
}

#[test]
fn the_same_text_is_sealed_differently_each_time() {
    let entropy = Seeded::new(1);
    let (key, _) = key(&entropy).unwrap();
    let place = Place { log: LOG, thing: THING, text: "note", ordinal: 0 };
    assert_ne!(key.seal(&place, b"text", &entropy).unwrap(), key.seal(&place, b"text", &entropy).unwrap());
}

fn key(entropy: &dyn Entropy) -> Result<(DataKey, WrappedKey), Error> {
    root('a')?.log(LOG).mint(&KeyPlace { subject: SUBJECT, owner: None, generation: 1 }, entropy)
}

proptest! {
    #[test]
    fn what_is_sealed_opens_where_it_belongs(
        seed: u64, log: [u8; 16], thing: [u8; 16], text in ".{0,20}", ordinal: u32,
        content in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let entropy = Seeded::new(seed);
        let (key, _) = key(&entropy).unwrap();
        let place = Place { log, thing, text: &text, ordinal };
        let sealed = key.seal(&place, &content, &entropy).unwrap();
        prop_assert_eq!(sealed.len(), content.len() + 29);
        let opened = key.open(&place, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), content.as_slice());
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let entropy = Seeded::new(1);
        let (key, wrapped) = key(&entropy).unwrap();
        let text = key.open(&Place { log: LOG, thing: THING, text: "note", ordinal: 0 }, &bytes);
        prop_assert!(text.is_err());
        let place = KeyPlace { subject: SUBJECT, owner: None, generation: 1 };
        let key = root('a').unwrap().log(LOG).unwrap(&place, &WrappedKey { wrapped: bytes, ..wrapped });
        prop_assert!(key.is_err());
    }
}
