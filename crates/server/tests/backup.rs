//! Backup, restoring and moving (promise D9): while people write, between both databases, with files that were damaged
//! and keyrings that will not do.
#![cfg(test)]

#[path = "backup/forgotten.rs"]
mod forgotten;
mod practice;
#[path = "backup/signed.rs"]
mod signed;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use app::App;
use app::backup::{self, Age, Source};
use app::checkpoints::{Folder, Witness as _};
use app::clock::{Clock as _, Standing};
use app::signin::{Credentials, SignedIn};
use app::tokens::Kind;
use domain::account::Through;
use domain::coachee::EraseCoachee;
use domain::id::LogId;
use domain::text::Email;
use practice::{Practice, postgres, settings, text};
use server::open::{self, Purpose};
use server::{Error, Settings, World, serve};
use store::Store;

/// The machine's randomness and a clock that stands until a test moves it.
fn world() -> (World, Arc<Standing>) {
    let clock = Arc::new(Standing::at(World::machine().clock.now()));
    (World { clock: clock.clone(), entropy: Arc::new(vault::Os) }, clock)
}

/// Another place with the same keys, and nothing else.
fn keys_only(from: &Settings, folder: &Path, database: Option<String>) -> Settings {
    let settings = settings(folder, database);
    std::fs::copy(&from.root_key_file, &settings.root_key_file).unwrap();
    std::fs::copy(&from.signing_key_file, &settings.signing_key_file).unwrap();
    settings
}

async fn back_up(settings: &Settings, world: &World, name: &str) -> Result<(Source, String), Error> {
    let (folder, keyring) = (settings.data_dir.join(name), settings.data_dir.join(format!("rings/{name}.keyring")));
    let mut said = Vec::new();
    server::backup::backup(settings, world, (&folder, &keyring), &mut said).await?;
    Ok((Source { folder, keyring, age: Age::Fresh }, String::from_utf8(said).unwrap()))
}

async fn restore(settings: &Settings, world: &World, source: &Source) -> Result<String, Error> {
    let mut said = Vec::new();
    server::backup::restore(settings, world, source, &server::prove::Keys::default(), &mut said).await?;
    Ok(String::from_utf8(said).unwrap())
}

/// A log: its id, position, tree and records.
type Log = (store::Id, u64, Vec<u8>, Vec<(u64, Vec<u8>)>);

/// Every log.
async fn everything(store: &Store) -> Vec<Log> {
    let mut snapshot = store.snapshot().await.unwrap();
    let mut logs = Vec::new();
    for head in snapshot.heads(None, 1_000).await.unwrap() {
        let records = snapshot.records(head.log, 0, 10_000).await.unwrap();
        logs.push((head.log, head.seq, head.frontier, records));
    }
    snapshot.close().await.unwrap();
    logs
}

async fn opened(settings: &Settings, world: &World) -> App {
    let store = open::store(settings, Purpose::Inspect).await.unwrap();
    open::app(settings, world, store, Purpose::Inspect).await.unwrap()
}

async fn proved(settings: &Settings, world: &World) {
    let app = opened(settings, world).await;
    assert!(app.check(None, &mut ()).await.unwrap().difference.is_none());
    let store = open::store(settings, Purpose::Inspect).await.unwrap();
    assert!(
        server::prove::verify(settings, &store, None, &server::prove::With::default(), &mut Vec::new()).await.unwrap()
    );
    store.close().await;
    app.stop().await;
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// D9, C1: a backup is taken while somebody writes, and restored into a database of the other or the same kind.
async fn there_and_back(from: Option<String>, to: Option<String>) {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, _) = world();
    let here = settings(one.path(), from);
    let served = serve::open(&here, &world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    practice.add(served.app(), 1).await;

    let done = AtomicBool::new(false);
    let writing = async {
        let mut number = 2;
        while number < 10 || (!done.load(Ordering::Relaxed) && number < 60) {
            practice.add(served.app(), number).await;
            number += 1;
        }
    };
    let backing_up = async {
        let (source, said) = back_up(&here, &world, "under-load").await.unwrap();
        done.store(true, Ordering::Relaxed);
        (source, said)
    };
    let ((), (source, said)) = futures_util::future::join(writing, backing_up).await;
    assert!(said.contains("verified and signed"), "{said}");
    let whole = everything(served.app().store()).await;

    // Only its owner may read it, and nobody's words are in it.
    for path in
        [&source.folder, &source.folder.join(backup::DATABASE), &source.folder.join(backup::MANIFEST), &source.keyring]
    {
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{}", path.display());
    }
    let mut bytes = std::fs::read(&source.keyring).unwrap();
    let names: Vec<_> = files(&source.folder).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, [backup::CHECKPOINTS, backup::DATABASE, backup::MANIFEST], "nothing else is left");
    for path in files(&source.folder) {
        bytes.extend(std::fs::read(path).unwrap());
    }
    let found = |mark: &[u8]| bytes.windows(mark.len()).any(|part| part.eq_ignore_ascii_case(mark));
    assert!(found(b"coachee.added"), "the log is looked through");
    assert!(!found(b"zqpers") && !found(b"zqconf") && !found(b"robin"));

    let there = keys_only(&here, other.path(), to);
    let said = restore(&there, &world, &source).await.unwrap();
    assert!(said.contains("are restored as they were") && said.contains("the read models are made"), "{said}");
    proved(&there, &world).await;
    let app = opened(&there, &world).await;
    let restored = everything(app.store()).await;
    assert!(!restored.is_empty());
    for (log, seq, _, records) in &restored {
        let (_, now, _, all) = whole.iter().find(|(whole, ..)| whole == log).unwrap();
        assert!(seq <= now && *records == all[..records.len()] && records.len() as u64 == *seq);
    }
    app.stop().await;

    // Quiet now: another backup is the whole, and its answers are the same.
    let before = practice.portal(&served).await;
    let (source, _) = back_up(&here, &world, "quiet").await.unwrap();
    served.stop().await;
    let twice = restore(&there, &world, &source).await.unwrap_err();
    assert!(twice.to_string().contains("holds logs already"), "{twice}");
    let empty = tempfile::tempdir().unwrap();
    let third = keys_only(&here, empty.path(), None);
    restore(&third, &world, &source).await.unwrap();
    let again = serve::open(&third, &world).await.unwrap();
    assert_eq!(everything(again.app().store()).await, whole);
    assert_eq!(practice.portal(&again).await, before);
    assert!(before.to_string().contains("zqconf01"), "texts are read: {before}");
    practice.add(again.app(), 1_000).await;
    again.stop().await;
    proved(&third, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_restored_from_sqlite_to_sqlite() {
    there_and_back(None, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_restored_from_sqlite_to_postgres() {
    there_and_back(None, Some(postgres("restored"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_restored_from_postgres_to_sqlite() {
    there_and_back(Some(postgres("backup")), None).await;
}

/// A practice that was backed up, and nothing runs.
async fn backed_up(folder: &Path, world: &World) -> (Settings, Practice, Source) {
    let here = settings(folder, None);
    let served = serve::open(&here, world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    practice.add(served.app(), 1).await;
    served.stop().await;
    let (source, _) = back_up(&here, world, "first").await.unwrap();
    (here, practice, source)
}

/// D9: each file, cut short and flipped in many places, is refused by its name, and nothing is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_refused_with_what_and_where() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, _) = world();
    let (here, _, source) = backed_up(folder.path(), &world).await;
    let there = keys_only(&here, other.path(), None);
    let database = source.folder.join(backup::DATABASE);
    let (checkpoints, manifest) = (source.folder.join(backup::CHECKPOINTS), source.folder.join(backup::MANIFEST));
    for path in [&database, &checkpoints, &manifest, &source.keyring] {
        let whole = std::fs::read(path).unwrap();
        let places = 24;
        for place in 0..places {
            let at = whole.len() * place / places;
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for (how, bytes) in [("flipped", &flipped[..]), ("cut", &whole[..at])] {
                std::fs::write(path, bytes).unwrap();
                let refused = restore(&there, &world, &source).await.unwrap_err().to_string();
                assert!(
                    refused.contains(&path.display().to_string()) && !refused.contains("Robin"),
                    "{how} at {at} of {}: {refused}",
                    path.display()
                );
            }
        }
        std::fs::write(path, &whole).unwrap();
    }
    let mut flipped = std::fs::read(&database).unwrap();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&database, &flipped).unwrap();
    let refused = restore(&there, &world, &source).await.unwrap_err().to_string();
    assert!(refused.contains("something in its bytes 0 to 1048575 is not what was written"), "{refused}");
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&database, &flipped).unwrap();
    std::fs::remove_file(&manifest).unwrap();
    assert!(restore(&there, &world, &source).await.unwrap_err().to_string().contains("manifest"));
}

/// D9: keyrings expire, and the newest one serves every backup of before; another installation's serves none.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_serves_for_thirty_days_and_older_backups_too() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, clock) = world();
    let (here, practice, first) = backed_up(folder.path(), &world).await;
    let stranger = first.keyring.with_file_name("stranger.keyring");
    std::fs::write(&stranger, "not ours\n").unwrap();
    // Killed before it had its name, and of a day whose name does not come again.
    std::fs::copy(&first.keyring, first.keyring.with_file_name("killed.keyring.partial")).unwrap();
    clock.set(clock.now().plus_days(31));
    let there = keys_only(&here, other.path(), None);
    let refused = restore(&there, &world, &first).await.unwrap_err().to_string();
    assert!(refused.contains("older than 30 days") && refused.contains("first.keyring"), "{refused}");

    // The next backup deletes the expired keyring, and nothing else; its own opens the older backup.
    let (second, said) = back_up(&here, &world, "second").await.unwrap();
    assert!(said.contains("deleted") && said.contains("first.keyring"), "{said}");
    assert_eq!(files(second.keyring.parent().unwrap()), [second.keyring.clone(), stranger]);
    assert!(restore(&there, &world, &first).await.is_err());
    let mixed = Source { keyring: second.keyring.clone(), ..first };
    restore(&there, &world, &mixed).await.unwrap();
    let served = serve::open(&there, &world).await.unwrap();
    practice.add(served.app(), 2).await;
    served.stop().await;
    proved(&there, &world).await;

    // Somebody else's root key opens nothing, and their signature is not ours.
    let third = tempfile::tempdir().unwrap();
    let (theirs, _, _) = backed_up(third.path(), &world).await;
    let empty = tempfile::tempdir().unwrap();
    let foreign = settings(empty.path(), None);
    std::fs::copy(&theirs.root_key_file, &foreign.root_key_file).unwrap();
    std::fs::copy(&here.signing_key_file, &foreign.signing_key_file).unwrap();
    let refused = restore(&foreign, &world, &mixed).await.unwrap_err().to_string();
    assert!(refused.contains("a root key that is not here"), "{refused}");
    std::fs::copy(&theirs.signing_key_file, &foreign.signing_key_file).unwrap();
    let refused = restore(&foreign, &world, &mixed).await.unwrap_err().to_string();
    assert!(refused.contains("not signed by") || refused.contains("does not verify"), "{refused}");
    std::fs::remove_file(&foreign.root_key_file).unwrap();
    assert!(matches!(restore(&foreign, &world, &mixed).await.unwrap_err(), Error::RootKeyIsMissing(_)));
    assert!(!foreign.root_key_file.exists(), "none is made");
}

/// A server over an empty database has begun it with keys of its own, and would go on with them.
async fn not_beside_a_server(database: Option<String>) {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, _) = world();
    let (here, practice, source) = backed_up(folder.path(), &world).await;
    let there = keys_only(&here, other.path(), database);
    let served = serve::open(&there, &world).await.unwrap();
    let refused = restore(&there, &world, &source).await.unwrap_err().to_string();
    assert!(refused.contains("has the database open"), "{refused}");
    let refused = go(&world, &here, &there).await.unwrap_err();
    assert!(refused.contains("has the database open"), "{refused}");
    served.stop().await;
    restore(&there, &world, &source).await.unwrap();
    let again = serve::open(&there, &world).await.unwrap();
    practice.add(again.app(), 2).await;
    again.stop().await;
    proved(&there, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_not_restored_beside_a_server() {
    not_beside_a_server(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_not_restored_beside_a_server() {
    not_beside_a_server(Some(postgres("beside"))).await;
}

/// D1: a server whose database's file was taken away acknowledges nothing into it, and does not take the restored one for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_notices_that_another_file_was_put_in_the_place_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = world();
    let (here, practice, source) = backed_up(folder.path(), &world).await;
    let served = serve::open(&here, &world).await.unwrap();
    practice.add(served.app(), 2).await;
    let file = here.database_url.strip_prefix("sqlite:").unwrap();
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{file}{end}")).unwrap();
    }
    restore(&here, &world, &source).await.unwrap();
    assert!(practice.try_add(served.app(), 3).await.is_err());
    assert!(!served.app().accepts_writes());
    let ready = reqwest::get(format!("http://{}/readyz", served.address())).await.unwrap();
    assert_eq!(ready.status(), 503);
    served.stop().await;
    let again = serve::open(&here, &world).await.unwrap();
    practice.add(again.app(), 2).await;
    again.stop().await;
    proved(&here, &world).await;
}

/// D9: whoever was forgotten is not brought back by an older backup with the newest keyring.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_forgotten_stays_forgotten() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, _) = world();
    let here = settings(folder.path(), None);
    let served = serve::open(&here, &world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    let (kept, erased) = (practice.add(served.app(), 1).await, practice.add(served.app(), 2).await);
    let (before, _) = back_up(&here, &world, "before").await.unwrap();
    practice.run(served.app(), EraseCoachee { coachee: erased, name: "Robin zqpers03".to_owned() }).await.unwrap();
    let shown = practice.portal(&served).await;
    assert!(!shown.to_string().contains("zqpers2@"), "{shown}");
    served.stop().await;
    let (after, _) = back_up(&here, &world, "after").await.unwrap();

    // The keyring of before has their key, and the backup of after knows that it must not be there.
    let there = keys_only(&here, other.path(), None);
    let stale = Source { keyring: before.keyring.clone(), ..after.clone() };
    let refused = restore(&there, &world, &stale).await.unwrap_err().to_string();
    assert!(refused.contains("knows to be forgotten") && refused.contains("before.keyring"), "{refused}");

    // The backup of before with the keyring of after: all are there but one.
    restore(&there, &world, &Source { keyring: after.keyring.clone(), ..before }).await.unwrap();
    let again = serve::open(&there, &world).await.unwrap();
    let older = practice.portal(&again).await.to_string();
    assert!(older.contains(&kept.to_string()) && older.contains("zqpers1@"), "{older}");
    assert!(!older.contains(&erased.to_string()) && !older.contains("zqpers2@"), "{older}");
    let known = practice.run(again.app(), EraseCoachee { coachee: erased, name: "Robin zqpers03".to_owned() }).await;
    assert!(known.is_err(), "there is nobody of that name any more");
    practice.add(again.app(), 3).await;
    again.stop().await;
    proved(&there, &world).await;

    // Both of after; and the backup of after where there is no other keyring than that of before: their key is left out.
    for source in [after, Source { age: Age::Any, ..stale }] {
        let empty = tempfile::tempdir().unwrap();
        let there = keys_only(&here, empty.path(), None);
        restore(&there, &world, &source).await.unwrap();
        let again = serve::open(&there, &world).await.unwrap();
        assert_eq!(practice.portal(&again).await, shown);
        again.stop().await;
        proved(&there, &world).await;
    }
}

/// D9: an address begins anew, and is forgotten again. A backup from in between knows of the first time only. And a keyring
/// from in between lacks keys of a later backup.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_forgotten_twice_stays_forgotten() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, clock) = world();
    let here = settings(folder.path(), None);
    let served = serve::open(&here, &world).await.unwrap();
    let (app, email) = (served.app(), text::<Email>("zqpers50@person.example"));
    let address = LogId::Address(app.address(&email));
    let come = async || {
        let command = app.command();
        let asked = app.request_link(email.clone(), command, None).await.unwrap();
        let token = app.token(Kind::SignInLink, address, command).text;
        let brought = Credentials { token, browser: Some(asked.browser), digits: None };
        let made = app.sign_in(&brought, Through::Browser, app.command(), |_| None).await.unwrap();
        app.identify(&made.token.text).await.unwrap()
    };
    let leave = async |who: SignedIn| app.delete_account(who, Some(email.clone()), app.command(), None).await.unwrap();
    leave(come().await).await;
    let again = come().await;
    let (between, _) = back_up(&here, &world, "between").await.unwrap();
    leave(again).await;
    served.stop().await;
    clock.set(clock.now().plus_minutes(1));
    let (after, _) = back_up(&here, &world, "after").await.unwrap();

    let there = keys_only(&here, other.path(), None);
    let older = Source { keyring: between.keyring.clone(), ..after.clone() };
    let refused = restore(&there, &world, &older).await.unwrap_err().to_string();
    assert!(refused.contains("older than the backup") && refused.contains("between.keyring"), "{refused}");
    restore(&there, &world, &Source { keyring: after.keyring, ..between }).await.unwrap();
    let store = open::store(&there, Purpose::Inspect).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let log = address.uuid().into_bytes();
    let (head, rows) = (snapshot.head(log).await.unwrap().unwrap(), snapshot.forgotten_of_log(log).await.unwrap());
    snapshot.close().await.unwrap();
    store.close().await;
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [head.seq], "all that is there of it is forgotten");
    proved(&there, &world).await;
}

/// What makes no sense is refused before anything is written; what was cut short is in nobody's way.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_writes_over_nothing_and_keeps_keys_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (world, clock) = world();
    let (here, _, source) = backed_up(folder.path(), &world).await;
    clock.set(clock.now().plus_minutes(1));
    let backup = async |to: &Path, keyring: &Path| {
        let done = server::backup::backup(&here, &world, (to, keyring), &mut Vec::new()).await;
        done.map_err(|error| error.to_string())
    };
    let new = folder.path().join("new");
    let ring = folder.path().join("rings/new.keyring");
    assert!(backup(&source.folder, &ring).await.unwrap_err().contains("is there already"));
    assert!(backup(&new, &source.keyring).await.unwrap_err().contains("is there already"));
    assert!(backup(&new, &new.join("new.keyring")).await.unwrap_err().contains("must not lie in the backup"));
    assert!(backup(&new, &folder.path().join("keys")).await.unwrap_err().contains(".keyring"));
    assert!(!new.exists() && !ring.exists());
    let cut = folder.path().join("new.partial");
    std::fs::create_dir(&cut).unwrap();
    // As long as somebody writes it, it was not cut short.
    let writing = std::fs::File::open(&cut).unwrap();
    writing.lock().unwrap();
    assert!(backup(&new, &ring).await.unwrap_err().contains("is being written"));
    assert!(cut.exists());
    drop(writing);
    std::fs::write(cut.join(backup::DATABASE), "half of it").unwrap();
    backup(&new, &ring).await.unwrap();
    assert!(!cut.exists() && new.exists() && ring.exists());
    // A folder is the same with a slash behind it.
    let slash = folder.path().join("slash/");
    backup(&slash, &ring.with_file_name("slash.keyring")).await.unwrap();
    assert_eq!(files(&slash).len(), 3);

    // Killed when the keyring had its name and the folder not yet: the next one begins anew, and takes no other keyring away.
    std::fs::rename(&new, &cut).unwrap();
    clock.set(clock.now().plus_minutes(1));
    backup(&new, &ring).await.unwrap();
    assert!(!cut.exists() && new.exists() && ring.exists());
    std::fs::rename(&new, &cut).unwrap();
    assert!(backup(&new, &source.keyring).await.unwrap_err().contains("is there already"));
    assert!(source.keyring.exists());
}

/// R2: what a backup signs is kept outside of the database, too: whoever holds that folder can prove it.
#[tokio::test(flavor = "multi_thread")]
async fn the_checkpoints_of_a_backup_are_kept_outside_too() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = world();
    let here = settings(folder.path(), None);
    let served = serve::open(&here, &world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    practice.add(served.app(), 1).await;
    let outside = Folder::open(&here.checkpoint_dir).unwrap();
    for (name, number) in [("first", 2), ("second", 3)] {
        let (source, _) = back_up(&here, &world, name).await.unwrap();
        let signed = std::fs::read_to_string(source.folder.join(backup::CHECKPOINTS)).unwrap();
        let newest = outside.newest(LogId::Practice(practice.id)).unwrap().unwrap();
        assert!(signed.contains(&newest), "{newest} is not in {signed}");
        practice.add(served.app(), number).await;
    }
    // A server goes on from there, and what is there already is not written again.
    back_up(&here, &world, "third").await.unwrap();
    back_up(&here, &world, "fourth").await.unwrap();
    served.stop().await;
    let written = std::fs::read_to_string(outside.path(LogId::Practice(practice.id))).unwrap();
    assert_eq!(
        app::checkpoints::notes(&written).len(),
        4,
        "three by backups, and one by the server that stops: {written}"
    );
    proved(&here, &world).await;
}

/// R2: a database that was put back to an earlier state is not signed as a backup either: the checkpoints that are kept
/// outside remember more. Who has accepted the loss moves them away.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lost_what_was_signed_is_not_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = world();
    let (here, practice, _) = backed_up(folder.path(), &world).await;
    let file = PathBuf::from(here.database_url.strip_prefix("sqlite:").unwrap());
    let earlier = folder.path().join("earlier.db");
    std::fs::copy(&file, &earlier).unwrap();
    let served = serve::open(&here, &world).await.unwrap();
    practice.add(served.app(), 2).await;
    served.stop().await;
    back_up(&here, &world, "whole").await.unwrap();
    for end in ["-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{end}", file.display())));
    }
    std::fs::copy(&earlier, &file).unwrap();
    let refused = back_up(&here, &world, "cut").await.unwrap_err().to_string();
    assert!(refused.contains("it is shorter than the checkpoint kept outside says"), "{refused}");
    assert!(!folder.path().join("cut").exists());
    std::fs::rename(&here.checkpoint_dir, folder.path().join("accepted")).unwrap();
    back_up(&here, &world, "cut").await.unwrap();
}

/// The command `move`: what it says.
async fn go(world: &World, from: &Settings, to: &Settings) -> Result<String, String> {
    let mut said = Vec::new();
    let urls = (from.database_url.as_str(), to.database_url.as_str());
    let moved = server::backup::move_to(from, world, urls, &mut said).await;
    moved.map(|()| String::from_utf8(said).unwrap()).map_err(|error| error.to_string())
}

/// A whole database goes to PostgreSQL and back: every record and root the same; the old one takes no more changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_moves_to_postgres_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = world();
    let here = settings(folder.path(), None);
    let served = serve::open(&here, &world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    practice.add(served.app(), 1).await;
    let (before, whole) = (practice.portal(&served).await, everything(served.app().store()).await);

    let postgres = Settings { database_url: postgres("moved"), ..here.clone() };
    let back = Settings { database_url: format!("sqlite:{}", folder.path().join("back.db").display()), ..here.clone() };
    let go = async |from: &Settings, to: &Settings| go(&world, from, to).await;
    assert!(go(&here, &here).await.unwrap_err().contains("the same"));
    // A role that only one of the two can have is in nobody's way.
    let walled = Settings { database_reader_role: Some("throughline_reader".to_owned()), ..here.clone() };
    let said = go(&walled, &postgres).await.unwrap();
    assert!(said.contains("moved and verified"), "{said}");
    // The server that was forgotten to be stopped appends nothing any more, and none starts over it.
    let late = practice.try_add(served.app(), 2).await;
    assert!(late.is_err());
    served.stop().await;
    assert!(serve::open(&here, &world).await.unwrap_err().to_string().contains("was moved"));

    let there = serve::open(&postgres, &world).await.unwrap();
    assert_eq!(everything(there.app().store()).await, whole);
    let app = opened(&postgres, &world).await;
    app.rebuild(None, &mut ()).await.unwrap();
    app.stop().await;
    assert_eq!(practice.portal(&there).await, before);
    practice.add(there.app(), 2).await;
    let (before, whole) = (practice.portal(&there).await, everything(there.app().store()).await);
    there.stop().await;
    go(&postgres, &back).await.unwrap();
    assert!(go(&here, &back).await.is_err(), "neither is the source served nor the target empty");
    let again = serve::open(&back, &world).await.unwrap();
    assert_eq!(everything(again.app().store()).await, whole);
    let app = opened(&back, &world).await;
    app.rebuild(None, &mut ()).await.unwrap();
    app.stop().await;
    assert_eq!(practice.portal(&again).await, before);
    practice.add(again.app(), 3).await;
    again.stop().await;
    proved(&back, &world).await;
}

/// Why a database is not served.
async fn refused(settings: &Settings, world: &World) -> String {
    serve::open(settings, world).await.unwrap_err().to_string()
}

/// D9: two databases do not commit at once. Cut short between them, a move leaves one that is served; the same command
/// finishes it, also where the old one went on meanwhile, and there is one history.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_cut_short_forks_nothing_and_is_repeated() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, clock) = world();
    let here = settings(folder.path(), None);
    let there = Settings { database_url: postgres("cut_short"), ..here.clone() };
    let served = serve::open(&here, &world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    practice.add(served.app(), 1).await;
    served.stop().await;

    // The new one is written, and the old one's heads cannot be put aside.
    let in_the_way = open::store(&here, Purpose::Inspect).await.unwrap();
    in_the_way.ensure("create table if not exists heads_moved (log_id bytea not null primary key)", 0).await.unwrap();
    assert!(go(&world, &here, &there).await.is_err());
    assert!(refused(&there, &world).await.contains("was cut short"));
    in_the_way.drop_table("heads_moved").await.unwrap();
    in_the_way.close().await;
    let served = serve::open(&here, &world).await.unwrap();
    practice.add(served.app(), 2).await;
    let (before, whole) = (practice.portal(&served).await, everything(served.app().store()).await);
    served.stop().await;

    // Nobody else's database is written over it, and it is not moved on.
    let (stranger, _, _) = backed_up(other.path(), &world).await;
    assert!(go(&world, &stranger, &there).await.unwrap_err().contains("from another one"));
    let further = Settings { database_url: postgres("further"), ..here.clone() };
    assert!(go(&world, &there, &further).await.unwrap_err().contains("did not finish"));
    clock.set(clock.now().plus_minutes(1));
    assert!(go(&world, &here, &there).await.unwrap().contains("moved and verified"));

    // Cut short once more, when only the mark was left to remove.
    let store = open::store(&there, Purpose::Inspect).await.unwrap();
    let mut batch = store.batch().await.unwrap();
    batch.set_meta(backup::ARRIVING, &clock.now().0.to_be_bytes()).await.unwrap();
    batch.commit().await.unwrap();
    store.close().await;
    assert!(refused(&there, &world).await.contains("was cut short"));
    assert!(refused(&here, &world).await.contains("was moved"));
    clock.set(clock.now().plus_minutes(1));
    assert!(go(&world, &here, &there).await.unwrap().contains("moved and verified"));
    assert!(go(&world, &here, &there).await.unwrap_err().contains("moved already"));
    assert!(refused(&here, &world).await.contains("was moved"));

    let again = serve::open(&there, &world).await.unwrap();
    assert_eq!(everything(again.app().store()).await, whole);
    assert_eq!(practice.portal(&again).await, before);
    practice.add(again.app(), 3).await;
    again.stop().await;
    proved(&there, &world).await;
}

/// The command `settle`: what it says.
async fn settle(settings: &Settings) -> Result<String, String> {
    let mut said = Vec::new();
    let settled = server::backup::settle(settings, &mut said).await;
    settled.map(|()| String::from_utf8(said).unwrap()).map_err(|error| error.to_string())
}

/// D9: where one of the two databases is lost before a move is over, the other one is not lost with it.
async fn one_of_two_is_lost(from: Option<String>, to: Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (world, clock) = world();
    let here = settings(folder.path(), from);
    let new = || format!("sqlite:{}", folder.path().join("new.db").display());
    let there = Settings { database_url: to.unwrap_or_else(new), ..here.clone() };
    let served = serve::open(&here, &world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    practice.add(served.app(), 1).await;
    let (before, whole) = (practice.portal(&served).await, everything(served.app().store()).await);
    served.stop().await;
    assert!(settle(&here).await.unwrap_err().contains("no move has left"), "one that is in use is left alone");

    // The new one is written, and the old one is lost before its heads are put aside.
    let in_the_way = open::store(&here, Purpose::Inspect).await.unwrap();
    in_the_way.ensure("create table if not exists heads_moved (log_id bytea not null primary key)", 0).await.unwrap();
    assert!(go(&world, &here, &there).await.is_err());
    in_the_way.drop_table("heads_moved").await.unwrap();
    in_the_way.close().await;
    assert!(refused(&there, &world).await.contains("settle --other-is-lost"));
    assert!(settle(&there).await.unwrap().contains("may be served again"));
    let again = serve::open(&there, &world).await.unwrap();
    assert_eq!((everything(again.app().store()).await, practice.portal(&again).await), (whole, before));
    practice.add(again.app(), 2).await;
    let (before, whole) = (practice.portal(&again).await, everything(again.app().store()).await);
    again.stop().await;
    proved(&there, &world).await;

    // The old one is out of use, and the new one is lost: the old one is the newest there is.
    clock.set(clock.now().plus_minutes(1));
    let third =
        Settings { database_url: format!("sqlite:{}", folder.path().join("third.db").display()), ..here.clone() };
    go(&world, &there, &third).await.unwrap();
    assert!(refused(&there, &world).await.contains("settle --other-is-lost"));
    assert!(settle(&there).await.unwrap().contains("may be served again"));
    let again = serve::open(&there, &world).await.unwrap();
    assert_eq!((everything(again.app().store()).await, practice.portal(&again).await), (whole, before));
    practice.add(again.app(), 3).await;
    again.stop().await;
    proved(&there, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_from_sqlite_to_postgres_whose_other_one_is_lost_is_settled() {
    one_of_two_is_lost(None, Some(postgres("settled"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_from_postgres_to_sqlite_whose_other_one_is_lost_is_settled() {
    one_of_two_is_lost(Some(postgres("settled")), None).await;
}
