//! Key files, derived secrets, and what may be printed of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use vault::{
    Entropy, Error, KeyPlace, LastingKey, Origin, Os, Place, RootKey, Roots, Seeded, SigningSeed, same_hash, token_hash,
};

const LOG: [u8; 16] = [1; 16];
const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F";

#[test]
fn a_key_file_is_made_once_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    let (made, origin) = RootKey::load_or_create(&path, &Os).unwrap();
    assert_eq!(origin, Origin::Created);
    let content = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(content.len(), 65);
    assert!(content.ends_with('\n') && content.trim().bytes().all(|digit| digit.is_ascii_hexdigit()));

    let (found, origin) = RootKey::load_or_create(&path, &Os).unwrap();
    assert_eq!(origin, Origin::Found);
    assert_eq!(made.id(), found.id());
    assert_eq!(fs::read_to_string(&path).unwrap(), content, "it was not written over");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");

    let other = RootKey::load_or_create(&folder.path().join("other.key"), &Os).unwrap().0;
    assert_ne!(made.id(), other.id());
}

#[test]
fn of_many_that_start_at_once_one_makes_the_key_and_all_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    let started: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| RootKey::load_or_create(&path, &Os).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(started.iter().filter(|(_, origin)| *origin == Origin::Created).count(), 1);
    let first = started[0].0.id();
    assert!(started.iter().all(|(key, _)| key.id() == first));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_key_file_that_others_may_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    fs::write(&path, HEX).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o644, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = RootKey::load_or_create(&path, &Os).unwrap_err();
        assert!(matches!(error, Error::FileIsOpenToOthers { mode: found, .. } if found == mode));
        let message = error.to_string();
        assert!(message.contains("chmod 600") && message.contains("root.key"), "{message}");
    }
    for mode in [0o600, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(RootKey::load_or_create(&path, &Os).is_ok());
    }
}

#[test]
fn a_file_that_holds_no_key_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    for content in ["", "\n", &HEX[1..], &format!("{HEX}0"), &format!("{}g", &HEX[1..]), &HEX.repeat(20), "\u{fffd}"] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = RootKey::load_or_create(&path, &Os).unwrap_err();
        assert!(matches!(error, Error::FileHoldsNoKey { .. }), "{content:?}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    let error = RootKey::load_or_create(&folder.path().join("missing/root.key"), &Os).unwrap_err();
    assert!(error.to_string().contains("missing/root.key"), "{error}");
}

#[test]
fn a_key_is_read_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    let (made, _) = SigningSeed::load_or_create(&path, &Seeded::new(1)).unwrap();
    let parsed = SigningSeed::parse(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(made.expose(), parsed.expose());
    let counted: Vec<u8> = (0..32).collect();
    assert_eq!(SigningSeed::parse(HEX).unwrap().expose().as_slice(), counted);
    assert!(matches!(RootKey::parse("hunter2"), Err(Error::NotAKey)));
}

#[test]
fn a_key_is_saved_once_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key.new");
    let (one, other) = (RootKey::parse(HEX).unwrap(), RootKey::parse(&"ab".repeat(32)).unwrap());
    assert!(RootKey::load(&path).unwrap().is_none());
    one.save(&path, &Os).unwrap();
    one.save(&path, &Os).unwrap();
    assert!(matches!(other.save(&path, &Os), Err(Error::FileHoldsAnotherKey { .. })));
    assert_eq!(RootKey::load(&path).unwrap().unwrap().id(), one.id());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_a_crash_left_of_a_key_goes_when_the_key_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let path = at("root.key");
    let made = RootKey::load_or_create(&path, &Os).unwrap().0;
    // Killed after the key had its name, and before.
    let (linked, alone) = (at("root.key.0123456789abcdef.draft"), at("root.key.fedcba9876543210.draft"));
    fs::hard_link(&path, &linked).unwrap();
    fs::write(&alone, HEX).unwrap();
    let others = [at("root.key.new.0123456789abcdef.draft"), at("root.key.draft"), at("root.key.my own.draft")];
    for other in &others {
        fs::write(other, HEX).unwrap();
    }
    assert_eq!(RootKey::load(&path).unwrap().unwrap().id(), made.id());
    assert!(!linked.exists() && !alone.exists(), "nothing is left beside the file");
    assert!(others.iter().all(|other| other.exists()), "what is no draft of this file is not touched");
    fs::hard_link(&path, &linked).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(RootKey::load(&path).unwrap().is_none());
    assert!(linked.exists(), "it is the only copy now");
}

#[test]
fn a_new_root_key_is_taken_up_when_something_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key.new");
    let (one, other) = (RootKey::parse(HEX).unwrap(), RootKey::parse(&"ab".repeat(32)).unwrap());
    let (first, second) = (*one.id(), *other.id());
    let roots = Roots::open(one, vec![path.clone()]).unwrap();
    assert!(matches!(roots.get(&second), Err(Error::UnknownRoot)));
    other.save(&path, &Os).unwrap();
    assert_eq!(roots.get(&second).unwrap().id(), &second);
    assert_eq!((roots.get(&first).unwrap().id(), roots.first().unwrap().id()), (&first, &first));
    fs::remove_file(&path).unwrap();
    assert!(roots.get(&second).is_ok(), "it is held");
}

#[test]
fn a_lasting_key_opens_under_the_root_key_that_wraps_it() {
    let entropy = Seeded::new(1);
    let (one, other) = (RootKey::parse(HEX).unwrap(), RootKey::parse(&"ab".repeat(32)).unwrap());
    let lasting = LastingKey::mint(&entropy);
    let wrapped = one.wrap_lasting(&lasting, &entropy).unwrap();
    assert_eq!(one.unwrap_lasting(&wrapped).unwrap().address("ada"), lasting.address("ada"));
    assert!(matches!(other.unwrap_lasting(&wrapped), Err(Error::DoesNotOpen)));
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        assert!(one.unwrap_lasting(&changed).is_err() && one.unwrap_lasting(&wrapped[..at]).is_err(), "byte {at}");
    }
}

#[test]
fn an_address_has_one_log_id_and_it_is_a_uuid_of_version_8() {
    let lasting = LastingKey::mint(&Seeded::new(1));
    let id = lasting.address("ada@example.com");
    assert_eq!((id[6] >> 4, id[8] >> 6), (8, 0b10));
    assert_eq!(id, lasting.address("ada@example.com"));
    assert_ne!(id, lasting.address("ida@example.com"));
}

#[test]
fn a_secret_is_said_again_to_its_own_command_and_no_other() {
    let lasting = LastingKey::mint(&Seeded::new(1));
    let secret = |log, kind, command| *lasting.secret(log, kind, [command; 16]).expose();
    let said = secret(LOG, "sign_in", 9);
    assert_eq!(said, secret(LOG, "sign_in", 9));
    for different in [secret(LOG, "intake", 9), secret(LOG, "sign_in", 8), secret([2; 16], "sign_in", 9)] {
        assert_ne!(said, different);
    }
    let print = |log, kind| lasting.fingerprint(log, kind, b"text");
    assert_ne!(lasting.fingerprint(LOG, "sign_in", &[9; 16]), said, "a fingerprint is no secret");
    assert_ne!(print(LOG, "a"), print([2; 16], "a"), "a fingerprint is keyed");
    assert_ne!(print(LOG, "a"), print(LOG, "b"));
    assert_eq!(print(LOG, "a"), print(LOG, "a"));
}

#[test]
fn a_token_is_hashed_with_its_kind() {
    let hash = token_hash("sign_in", b"secret");
    assert!(same_hash(&hash, &token_hash("sign_in", b"secret")));
    assert!(!same_hash(&hash, &token_hash("intake", b"secret")));
    assert!(!same_hash(&hash, &token_hash("sign_ins", b"ecret")), "a moved boundary is another hash");
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}

/// Computed by another implementation of the crate's essay. What lies in databases depends on each: none ever changes.
#[test]
fn what_was_derived_once_is_derived_for_ever() {
    let root = RootKey::parse(HEX).unwrap();
    let lasting = root.as_lasting();
    let mut seeded = [0; 8];
    Seeded::new(1).fill(&mut seeded);
    let id = "f3382c3be31d2016b0e9df62043101d3ad1fbb0f284b5ec01f28f186d5a4f692";
    assert_eq!(hex(root.id()), id);
    assert_eq!(hex(&lasting.address("ada@example.com")), "b06fd4d5611c81068702d676474522c2");
    let secret = "c3118b7791aabe009ba26b605b879f5c253ded4536936cd04f331eb695d2a396";
    assert_eq!(hex(lasting.secret(LOG, "sign_in", [9; 16]).expose()), secret);
    let print = "5f29d2007edba98322bbabdba1d1c86bd0097f700e6834fb7e217e2039957d12";
    assert_eq!(hex(&lasting.fingerprint(LOG, "request", b"text")), print);
    let hash = "6c4de29963f55fb97606660772d0a2d821bc6fd972a4d10bd7c5985ee46dd35f";
    assert_eq!(hex(&token_hash("sign_in", b"secret")), hash);
    assert_eq!(hex(&seeded), "d01ae3afb812b412");
}

/// As above, for the two sealed formats.
#[test]
fn what_was_sealed_once_is_sealed_so_for_ever() {
    let entropy = Seeded::new(1);
    let log = RootKey::parse(HEX).unwrap().log(LOG);
    let key_place = KeyPlace { subject: [3; 16], owner: Some([4; 16]), generation: 7 };
    let (key, wrapped) = log.mint(&key_place, &entropy).unwrap();
    let wrapping = "0198164e082a2bf85794d1ef4a925d67b5dca14e6e0cdf03c26332a6bb13b1\
                    68d89bcb20bed2427937421f90ddf03ebee77bbe67735ae2609a3c31e6f2";
    assert_eq!(hex(&wrapped.wrapped), wrapping);
    let commitment = "88ef8b0600ae884e2c055c72aeaf8c8d09d5dad05dd1a686df4b7c46333a693e";
    assert_eq!(hex(&wrapped.commitment), commitment);
    let place = Place { log: LOG, thing: [2; 16], text: "note", ordinal: 5 };
    let sealed = key.seal(&place, "Grüße".as_bytes(), &entropy).unwrap();
    assert_eq!(hex(&sealed), "0111c9a68d7325b175db7216c9edd51239c286e6a7f3cd41d38996cc439087980eebf2ee");
    let opened = log.unwrap(&key_place, &wrapped).unwrap().open(&place, &sealed).unwrap();
    assert_eq!(opened.as_slice(), "Grüße".as_bytes());
}

#[test]
fn nothing_secret_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    fs::write(&path, HEX).unwrap();
    let entropy = Seeded::new(1);
    let root = RootKey::parse(HEX).unwrap();
    let log = root.log(LOG);
    let place = KeyPlace { subject: [3; 16], owner: None, generation: 1 };
    let (key, wrapped) = log.mint(&place, &entropy).unwrap();
    let text = Place { log: LOG, thing: [2; 16], text: "note", ordinal: 0 };
    let mut sealed = key.seal(&text, b"CANARY", &entropy).unwrap();
    sealed[20] ^= 1;
    let lasting = root.as_lasting();
    let secret = lasting.secret(LOG, "sign_in", [9; 16]);
    assert_eq!(format!("{root:?} {log:?} {key:?} {secret:?}"), "RootKey(…) LogKey(…) DataKey(…) Secret(…)");
    let roots = Roots::from(RootKey::parse(HEX).unwrap());
    assert_eq!(format!("{lasting:?} {roots:?}"), "LastingKey(…) Roots(…)");
    assert_eq!(format!("{:?}", SigningSeed::parse(HEX).unwrap()), "SigningSeed(…)");
    let open_file = RootKey::load_or_create(&path, &entropy).unwrap_err();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, format!("{HEX} CANARY")).unwrap();
    let broken_file = RootKey::load_or_create(&path, &entropy).unwrap_err();
    let errors = [
        open_file,
        broken_file,
        RootKey::parse(&format!("{HEX}CANARY")).unwrap_err(),
        key.open(&text, &sealed).unwrap_err(),
        log.unwrap(&KeyPlace { generation: 2, ..place }, &wrapped).unwrap_err(),
    ];
    for error in errors {
        let printed = format!("{error} {error:?}");
        assert!(!printed.contains("CANARY") && !printed.contains("0001"), "{printed}");
    }
}
