//! The root key is replaced by the real program, killed again and again, beside a server that runs (promise C3); on both
//! databases. And what is there to be wrapped: no server goes on without it.
#![cfg(test)]

mod practice;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use app::backup::{Age, Source};
use app::{App, keys};
use domain::id::{Id as _, PracticeId};
use practice::{Practice, postgres, settings};
use server::open::{self, Purpose};
use server::{Settings, World, doctor, prove, serve};
use vault::{KeyPlace, RootKey};

/// How many keys there are to wrap anew.
const KEYS: u32 = 12_000;

/// Many keys of people of whom nothing is in the log.
async fn many_keys(app: &App, root: &RootKey, practice: PracticeId) {
    let log = practice.uuid().into_bytes();
    let keys: Vec<store::Key> = (0..KEYS)
        .map(|number| {
            let subject = uuid::Uuid::from_u128(u128::from(number) + 1).into_bytes();
            let place = KeyPlace { subject, owner: None, generation: 1 };
            let (_, made) = root.log(log).mint(&place, &vault::Os).unwrap();
            let (root, wrapped, commitment) = (made.root, made.wrapped, made.commitment);
            store::Key { log, subject, owner: None, generation: 1, root, wrapped, commitment, at: 0, since: 0 }
        })
        .collect();
    let mut batch = app.store().batch().await.unwrap();
    for keys in keys.chunks(500) {
        batch.put_keys(keys).await.unwrap();
    }
    batch.commit().await.unwrap();
}

/// How many keys this root key wraps, and how many others do.
async fn wrapped(app: &App, root: &RootKey) -> (u64, u64) {
    let mut snapshot = app.store().snapshot().await.unwrap();
    let by_root = snapshot.keys_by_root().await.unwrap();
    snapshot.close().await.unwrap();
    by_root.into_iter().fold(
        (0, 0),
        |(mine, others), (id, keys)| {
            if id == *root.id() { (mine + keys, others) } else { (mine, others + keys) }
        },
    )
}

fn rotate(data: &Path, database: Option<&str>) -> Child {
    let mut program = Command::new(env!("CARGO_BIN_EXE_throughline"));
    program.args(["keys", "rotate", "--data"]).arg(data);
    program.args(database.into_iter().flat_map(|url| ["--database", url]));
    program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn look(settings: &Settings) -> String {
    let mut said = Vec::new();
    doctor::run(Ok(settings.clone()), &World::machine(), &mut said).await.unwrap();
    String::from_utf8(said).unwrap()
}

async fn killed_again_and_again(database: Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), database.clone());
    let served = serve::open(&settings, &World::machine()).await.unwrap();
    let app = served.app();
    let practice = Practice::found(app).await;
    let old = RootKey::load(&settings.root_key_file).unwrap().unwrap();
    many_keys(app, &old, practice.id).await;

    // Each is killed once it has got further than the one before; what it says at the end is never heard.
    let (mut kills, mut number, mut furthest) = (0, 0, 0);
    let new = loop {
        let mut program = rotate(folder.path(), database.as_deref());
        // Whoever writes may have to wait for the program; how far it is is looked at beside that.
        let is_over = AtomicBool::new(false);
        let writing = async {
            while !is_over.load(Ordering::Relaxed) {
                practice.add(app, number).await;
                number += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let watching = async {
            let ended = loop {
                if let Some(status) = program.try_wait().unwrap() {
                    assert!(status.success(), "after {kills} kills");
                    break true;
                }
                let (left, done) = wrapped(app, &old).await;
                if left > 0 && done > furthest && kills < 8 {
                    furthest = done;
                    program.kill().unwrap();
                    break false;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            };
            is_over.store(true, Ordering::Relaxed);
            ended
        };
        let ((), ended) = futures_util::future::join(writing, watching).await;
        if ended {
            break RootKey::load(&settings.root_key_file).unwrap().unwrap();
        }
        program.wait().unwrap();
        // One that is killed between giving the key its name and removing its draft leaves that.
        let new = folder.path().join("root.key.new");
        std::fs::hard_link(&new, folder.path().join(format!("root.key.new.{kills:016x}.draft"))).unwrap();
        kills += 1;
        let said = look(&settings).await;
        let left = wrapped(app, &old).await.0;
        assert!(left == 0 || said.contains("PROBLEM  keys: "), "{said}");
        // Whoever starts now holds both.
        let second = serve::open(&settings, &World::machine()).await.unwrap();
        practice.add(second.app(), number + 100_000).await;
        number += 1;
        second.stop().await;
    };
    assert!(kills > 0, "it was cut short in the middle");
    assert_ne!(new.id(), old.id());
    let (mine, others) = wrapped(app, &new).await;
    assert!(mine > u64::from(KEYS) && others == 0, "{mine} {others}");
    let said = look(&settings).await;
    assert!(said.contains("ok       keys: ") && said.contains("ok       root key and database"), "{said}");
    let files: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("root.key"))
        .collect();
    assert_eq!(files.len(), 2, "the new key in its place and the old one aside, and no draft: {files:?}");

    // All is as it was for the server that ran through it; one that has the old key only is refused.
    practice.add(app, 1_000_000).await;
    assert!(app.check(None, &mut ()).await.unwrap().difference.is_none());
    served.stop().await;
    let digits = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let aside = digits.into_iter().find(|path| path.extension().is_some_and(|end| end == "old")).unwrap();
    let hex = std::fs::read_to_string(aside).unwrap().trim().to_owned();
    let stale = Settings { root_key: Some(hex), root_key_file: folder.path().join("elsewhere"), ..settings.clone() };
    assert!(matches!(serve::open(&stale, &World::machine()).await.unwrap_err(), server::Error::WrongRootKey));
    let again = serve::open(&settings, &World::machine()).await.unwrap();
    practice.add(again.app(), 1_000_001).await;
    again.app().rebuild(None, &mut ()).await.unwrap();
    assert!(again.app().check(None, &mut ()).await.unwrap().difference.is_none());
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_is_killed_goes_on_where_it_was() {
    killed_again_and_again(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_is_killed_goes_on_where_it_was_on_postgres() {
    killed_again_and_again(Some(postgres("rotation"))).await;
}

/// A new root key of the operator's own; and what makes no sense is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_root_key_is_replaced_by_one_that_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), None);
    let served = serve::open(&settings, &World::machine()).await.unwrap();
    let practice = Practice::found(served.app()).await;
    let old = std::fs::read_to_string(&settings.root_key_file).unwrap();
    let given = folder.path().join("given.key");
    let run = async |new: &Path| {
        let mut said = Vec::new();
        let done = server::keys::run(&settings, &World::machine(), Some(new), &mut said).await;
        done.map(|()| String::from_utf8(said).unwrap())
    };
    assert!(run(&given).await.unwrap_err().to_string().contains("there is no key"));
    let same = run(&settings.root_key_file).await.unwrap_err();
    assert!(same.to_string().contains("has already"), "{same}");
    let (key, _) = RootKey::load_or_create(&given, &vault::Os).unwrap();
    practice.add(served.app(), 0).await;
    let before = practice.portal(&served).await;
    let said = run(&given).await.unwrap();
    assert_eq!(practice.portal(&served).await, before, "nobody is signed out, and every text is read");
    assert!(said.contains("keys are wrapped with the new root key") && said.contains(".old"), "{said}");
    assert_eq!(RootKey::load(&settings.root_key_file).unwrap().unwrap().id(), key.id());
    assert!(!said.contains(old.trim()) && !said.contains(std::fs::read_to_string(&given).unwrap().trim()));
    practice.add(served.app(), 1).await;
    assert!(served.app().check(None, &mut ()).await.unwrap().difference.is_none());
    served.stop().await;
}

/// A file of a new key that was forgotten when its key was taken into use is no new key: whoever wants one is told so, and
/// does not take the old one for replaced.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_that_was_left_lying_is_not_taken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), None);
    let served = serve::open(&settings, &World::machine()).await.unwrap();
    Practice::found(served.app()).await;
    served.stop().await;
    let new = folder.path().join("root.key.new");
    let hex = |path: &Path| std::fs::read_to_string(path).unwrap().trim().to_owned();
    let run = async |settings: &Settings| server::keys::run(settings, &World::machine(), None, &mut Vec::new()).await;
    let from_environment = |hex: String| Settings { root_key: Some(hex), ..settings.clone() };

    run(&from_environment(hex(&settings.root_key_file))).await.unwrap();
    let second = hex(&new);
    let refused = run(&from_environment(second.clone())).await.unwrap_err().to_string();
    assert!(refused.contains("nothing was replaced") && refused.contains("root.key.new"), "{refused}");
    std::fs::remove_file(&new).unwrap();
    run(&from_environment(second.clone())).await.unwrap();
    assert_ne!(hex(&new), second);

    // On another server it was copied to its place instead of moved.
    std::fs::copy(&new, &settings.root_key_file).unwrap();
    let refused = run(&settings).await.unwrap_err().to_string();
    assert!(refused.contains("nothing was replaced"), "{refused}");
    std::fs::remove_file(&new).unwrap();
    let third = hex(&settings.root_key_file);
    run(&settings).await.unwrap();
    assert_ne!(hex(&settings.root_key_file), third);
    let again = serve::open(&settings, &World::machine()).await.unwrap();
    assert!(again.app().check(None, &mut ()).await.unwrap().difference.is_none());
    again.stop().await;
}

/// Ids of addresses and secrets of tokens derive from the lasting key: where it is gone, no other one is taken for it.
async fn nobody_goes_on_without(database: Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), database);
    let served = serve::open(&settings, &World::machine()).await.unwrap();
    let practice = Practice::found(served.app()).await;
    practice.add(served.app(), 0).await;
    served.stop().await;
    let store = open::store(&settings, Purpose::Inspect).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let (root, lasting) = (snapshot.meta(keys::ROOT).await.unwrap(), snapshot.meta(keys::LASTING).await.unwrap());
    snapshot.close().await.unwrap();
    let values = [(keys::ROOT, root.unwrap()), (keys::LASTING, lasting.unwrap())];
    for gone in [&values[1..], &values[..1], &values[..]] {
        let mut batch = store.batch().await.unwrap();
        for (name, _) in gone {
            batch.unset_meta(name).await.unwrap();
        }
        batch.commit().await.unwrap();
        let refused = serve::open(&settings, &World::machine()).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("its value `{}`", gone[0].0)), "{refused}");
        let said = look(&settings).await;
        assert!(said.contains("PROBLEM  root key and database: ") && said.contains(gone[0].0), "{said}");
        assert!(!said.contains("keys rotate"), "{said}");
        let mut batch = store.batch().await.unwrap();
        for (name, value) in gone {
            assert_eq!(batch.meta(name).await.unwrap(), None, "nothing was made in its place");
            batch.set_meta(name, value).await.unwrap();
        }
        batch.commit().await.unwrap();
    }
    let again = serve::open(&settings, &World::machine()).await.unwrap();
    practice.add(again.app(), 1).await;
    again.stop().await;

    // A database of before there was a lasting key has the one that it had: its root key.
    let mut batch = store.batch().await.unwrap();
    batch.unset_meta(keys::LASTING).await.unwrap();
    batch.query("update keys set since = 0", &[], &[]).await.unwrap();
    batch.commit().await.unwrap();
    store.close().await;
    serve::open(&settings, &World::machine()).await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_its_lasting_key_is_not_served() {
    nobody_goes_on_without(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_its_lasting_key_is_not_served_on_postgres() {
    nobody_goes_on_without(Some(postgres("lasting"))).await;
}

/// D6, D9: a key that is gone is named, nothing that needs it goes on without, and it is lost only when somebody says so.
async fn missed(from: Option<String>, to: Option<String>) {
    let (folder, others) = (tempfile::tempdir().unwrap(), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let (here, world) = (settings(folder.path(), from), World::machine());
    let served = serve::open(&here, &world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    let (kept, gone) = (practice.add(served.app(), 0).await, practice.add(served.app(), 1).await);
    served.stop().await;
    let back_up = async |name: &str| {
        let (folder, keyring) = (folder.path().join(name), folder.path().join(format!("rings/{name}.keyring")));
        let done = server::backup::backup(&here, &world, (&folder, &keyring), &mut Vec::new()).await;
        done.map(|()| Source { folder, keyring, age: Age::Fresh })
    };
    let restore = async |to: &Settings, source: &Source| {
        let (mut said, keys) = (Vec::new(), prove::Keys::default());
        let done = server::backup::restore(to, &world, source, &keys, &mut said).await;
        done.map(|()| String::from_utf8(said).unwrap())
    };
    let verified = async |settings: &Settings| {
        let store = open::store(settings, Purpose::Inspect).await.unwrap();
        let mut said = Vec::new();
        let done = prove::verify(settings, &store, None, &prove::With::default(), &mut said).await.unwrap();
        store.close().await;
        (done, String::from_utf8(said).unwrap())
    };
    let rebuilt = async |unkeyed: prove::Unkeyed| {
        let store = open::store(&here, Purpose::Inspect).await.unwrap();
        let app = open::app(&here, &world, store, Purpose::Inspect).await.unwrap();
        let mut said = Vec::new();
        let done = prove::rebuild(&app, None, unkeyed, &mut said).await;
        app.stop().await;
        done.map(|_| String::from_utf8(said).unwrap())
    };
    let first = back_up("first").await.unwrap();
    assert!(verified(&here).await.0);

    let store = open::store(&here, Purpose::Inspect).await.unwrap();
    let mut batch = store.batch().await.unwrap();
    batch.destroy_keys(practice.id.uuid().into_bytes(), gone.uuid().into_bytes()).await.unwrap();
    batch.commit().await.unwrap();
    store.close().await;
    let (is_well, said) = verified(&here).await;
    assert!(!is_well && said.contains("1 keys are missing") && said.contains(&gone.to_string()), "{said}");
    let refused = back_up("refused").await.unwrap_err().to_string();
    assert!(refused.contains("1 keys are gone") && refused.contains(&gone.to_string()), "{refused}");
    let refused = rebuilt(prove::Unkeyed::Kept).await.unwrap_err().to_string();
    assert!(refused.contains("a key is gone") && refused.contains(&gone.to_string()), "{refused}");

    let said = rebuilt(prove::Unkeyed::Lost).await.unwrap();
    assert!(said.contains("1 keys are taken for lost") && said.contains(&gone.to_string()), "{said}");
    let (is_well, said) = verified(&here).await;
    assert!(is_well && said.contains("1 keys are missing that are known to be lost"), "{said}");
    let second = back_up("second").await.unwrap();

    // The first backup knows nothing of that, and the newest keyring has the key no more.
    let [one, other] = others.each_ref().map(tempfile::TempDir::path);
    let place = |folder: &Path, database| {
        let there = settings(folder, database);
        std::fs::copy(&here.root_key_file, &there.root_key_file).unwrap();
        std::fs::copy(&here.signing_key_file, &there.signing_key_file).unwrap();
        there
    };
    let there = place(one, to);
    let mixed = Source { keyring: second.keyring.clone(), ..first };
    let refused = restore(&there, &mixed).await.unwrap_err().to_string();
    assert!(refused.contains("lacks keys of 1") && refused.contains(&gone.to_string()), "{refused}");
    let said = restore(&there, &Source { age: Age::Any, ..mixed }).await.unwrap();
    assert!(said.contains("1 keys were not in it and are lost"), "{said}");
    let newest = place(other, None);
    restore(&newest, &second).await.unwrap();
    for there in [there, newest] {
        let (is_well, said) = verified(&there).await;
        assert!(is_well && said.contains("1 keys are missing that are known to be lost"), "{said}");
        let again = serve::open(&there, &world).await.unwrap();
        let shown = practice.portal(&again).await.to_string();
        assert!(shown.contains(&kept.to_string()) && !shown.contains("zqpers1@"), "{shown}");
        practice.add(again.app(), 2).await;
        assert!(again.app().check(None, &mut ()).await.unwrap().difference.is_none());
        again.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_gone_is_missed() {
    Box::pin(missed(None, Some(postgres("missed")))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_gone_is_missed_on_postgres() {
    Box::pin(missed(Some(postgres("missing")), None)).await;
}
