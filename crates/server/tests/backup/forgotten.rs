//! Who was erased after a backup was taken: their files, and how long a keyring may know them.

use domain::file::{MediaType, Permission, UploadFile};
use domain::id::{CoacheeId, FileId};
use domain::text::{FileKey, FileName, Text as _};

use super::*;

/// Uploads a file about a coachee.
async fn upload(app: &App, practice: &Practice, coachee: CoacheeId) {
    let file: FileId = app.mint();
    let words = futures_util::stream::iter([Ok(bytes::Bytes::from_static(b"words"))]);
    let received = app.receive((practice.id, coachee, file), "a.txt", words).await.unwrap();
    let enter = UploadFile {
        file,
        coachee,
        name: text::<FileName>("a.txt"),
        key: FileKey::stored(&received.key),
        size_bytes: received.size_bytes,
        media: MediaType::Plain,
        permission: Permission::Private,
    };
    let upload = received.offered();
    practice.run(app, enter).await.unwrap();
    app.entered(upload).await;
}

/// What `verify` says, and whether all is in order.
async fn verify(settings: &Settings) -> (bool, String) {
    let (store, with) = (open::store(settings, Purpose::Inspect).await.unwrap(), server::prove::With::default());
    let mut said = Vec::new();
    let is_well = server::prove::verify(settings, &store, None, &with, &mut said).await.unwrap();
    store.close().await;
    (is_well, String::from_utf8(said).unwrap())
}

/// D9: an older backup with the newest keyring, as the manual says, beside the files as they are now: nobody misses those of
/// who was erased in between, though no event of the backup says so.
async fn files_of_the_erased_are_not_missed(to: Option<String>) {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, _) = world();
    let here = settings(folder.path(), None);
    let served = serve::open(&here, &world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    let (kept, erased) = (practice.add(served.app(), 1).await, practice.add(served.app(), 2).await);
    for coachee in [kept, erased] {
        upload(served.app(), &practice, coachee).await;
    }
    let (before, _) = back_up(&here, &world, "before").await.unwrap();
    practice.run(served.app(), EraseCoachee { coachee: erased, name: "Robin zqpers03".to_owned() }).await.unwrap();
    served.stop().await;
    // The server may have done so already.
    drop(std::fs::remove_dir_all(Path::new(&here.files).join(practice.id.to_string()).join(erased.to_string())));
    let (is_well, said) = verify(&here).await;
    assert!(is_well && said.contains("1 files are in their place"), "{said}");
    let (after, _) = back_up(&here, &world, "after").await.unwrap();

    let there = keys_only(&here, other.path(), to);
    restore(&there, &world, &Source { keyring: after.keyring, ..before }).await.unwrap();
    std::fs::rename(&here.files, &there.files).unwrap();
    let (is_well, said) = verify(&there).await;
    assert!(is_well && said.contains("1 files are in their place"), "{said}");
    // Whose keys are there is missed.
    std::fs::remove_dir_all(Path::new(&there.files).join(practice.id.to_string()).join(kept.to_string())).unwrap();
    let (is_well, said) = verify(&there).await;
    assert!(!is_well && said.contains("of 1 files 1 are missing"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_erased_are_not_missed_on_sqlite() {
    files_of_the_erased_are_not_missed(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_erased_are_not_missed_on_postgres() {
    files_of_the_erased_are_not_missed(Some(postgres("erased"))).await;
}

/// D9: a keyring that was written while the clock was ahead would not expire for as long. A backup says so, and it is not
/// taken until its time has come.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_of_a_time_that_is_to_come_is_not_taken() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, clock) = world();
    let (here, _, first) = backed_up(folder.path(), &world).await;
    let now = clock.now();
    clock.set(now.plus_days(1_000));
    let (ahead, said) = back_up(&here, &world, "ahead").await.unwrap();
    assert!(!said.contains("is to come"), "{said}");

    clock.set(now.plus_days(998));
    let (_, said) = back_up(&here, &world, "second").await.unwrap();
    let named = format!("{} says that it was written at a time that is to come", ahead.keyring.display());
    assert!(said.contains(&named) && ahead.keyring.exists(), "{said}");
    let there = keys_only(&here, other.path(), None);
    let mixed = Source { keyring: ahead.keyring, ..first };
    let refused = restore(&there, &world, &mixed).await.unwrap_err().to_string();
    assert!(refused.contains(&named), "{refused}");

    // Clocks may differ by a day.
    clock.set(now.plus_days(999));
    let (_, said) = back_up(&here, &world, "third").await.unwrap();
    assert!(!said.contains("is to come"), "{said}");
    restore(&there, &world, &mixed).await.unwrap();
}
