//! The doctor: what it finds, what it finds in order, and that it makes nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use app::clock::Standing;
use domain::id::{Id as _, PracticeId};
use domain::value::Time;
use server::open::{self, Purpose};
use server::{Settings, World, doctor, prove, serve};

use super::{filled, found, on_postgres, settings};

/// What the doctor says, and whether all is in order.
pub(super) async fn look(settings: &Settings) -> (bool, String) {
    let mut said = Vec::new();
    let is_well = doctor::run(Ok(settings.clone()), &World::machine(), &mut said).await.unwrap();
    (is_well, String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("new"));
    let (_, said) = look(&settings).await;
    assert!(said.contains("there is none yet") && !settings.data_dir.exists(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_knows_a_database_that_is_in_order() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (settings, name) in [(settings(folders.0.path()), "SQLite 3."), (on_postgres(folders.1.path()), "PostgreSQL 1")]
    {
        filled(&settings).await;
        let (_, said) = look(&settings).await;
        for what in [&format!("database: {name}"), "times", "read models: 0 of 3", "root key", "root key and database"]
        {
            assert!(said.contains(&format!("ok       {what}")), "{what} is missing in\n{said}");
        }
    }
}

/// Row-level security that stands is told of, and a hole in it is a problem that says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_the_wall_between_logs() {
    let folder = tempfile::tempdir().unwrap();
    let plain = on_postgres(folder.path());
    filled(&plain).await;
    let (_, said) = look(&plain).await;
    assert!(said.contains("ok       row-level security: off"), "{said}");
    let reader = Some(format!("t_doctor_{}", std::process::id()));
    let walled = Settings { database_reader_role: reader.clone(), ..plain.clone() };
    let (_, said) = look(&walled).await;
    assert!(said.contains("ok       row-level security: single logs are read as t_doctor_"), "{said}");
    let store = open::store(&plain, Purpose::Inspect).await.unwrap();
    store.ensure("create policy hole on events for select using (true)", 1).await.unwrap();
    store.close().await;
    let (is_well, said) = look(&walled).await;
    assert!(!is_well && said.contains("PROBLEM  database: row-level security: events shows rows"), "{said}");
    let sqlite = Settings { database_reader_role: reader, ..settings(&folder.path().join("sqlite")) };
    let (_, said) = look(&sqlite).await;
    assert!(said.contains("there is none yet"), "nothing is made: {said}");
    let refused = open::store(&sqlite, Purpose::Serve).await.unwrap_err();
    assert!(refused.to_string().contains("only PostgreSQL has roles"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_what_is_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    filled(&settings).await;
    std::fs::set_permissions(&settings.root_key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let http = Settings { public_url: "http://coaching.example.org".to_owned(), ..settings.clone() };
    let (is_well, said) = look(&http).await;
    assert!(!is_well && said.contains("PROBLEM  root key: ") && said.contains("chmod 600"), "{said}");
    assert!(said.contains("PROBLEM  public address: "), "{said}");

    let other = Settings { root_key: Some("ab".repeat(32)), ..settings };
    let (is_well, said) = look(&other).await;
    assert!(!is_well && said.contains("PROBLEM  root key and database: "), "{said}");
}

/// A server has run and nobody has come yet: no other key is made for its database, and the doctor says so too.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_misses_the_key_of_a_database_without_logs() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    serve::open(&settings, &World::machine()).await.unwrap().stop().await;
    std::fs::remove_file(&settings.root_key_file).unwrap();
    let (is_well, said) = look(&settings).await;
    assert!(!is_well && said.contains("PROBLEM  root key and database: "), "{said}");
    let refused = serve::open(&settings, &World::machine()).await.unwrap_err();
    assert!(refused.to_string().contains("there is no root key"), "{refused}");
}

/// With which the server does not start, that the doctor names; and both name the setting.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_a_start_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("data"));
    filled(&settings).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let (some, base) = (|text: &str| Some(text.to_owned()), || settings.clone());
    let client = some("client");
    let fresh = self::settings(&folder.path().join("new"));
    let changed = [
        ("smtp_url", Settings { smtp_url: some("smtp://"), ..base() }),
        ("smtp_url", Settings { smtp_url: some("smtps://u:p@h:99999"), ..base() }),
        ("mail_from", Settings { mail_from: "Coaching <mail@>".to_owned(), ..base() }),
        (
            "google_issuer",
            Settings { google_client_id: client.clone(), google_issuer: "https://".to_owned(), ..base() },
        ),
        (
            "google_issuer",
            Settings { google_client_id: client, google_issuer: "http://id.example.org".to_owned(), ..base() },
        ),
        ("checkpoint_dir", Settings { checkpoint_dir: "/proc/nowhere".into(), ..base() }),
        ("mail_dir", Settings { mail_dir: file.join("mail"), ..base() }),
        ("files", Settings { files: file.join("files").display().to_string(), ..base() }),
        ("root_key_file", Settings { root_key_file: "/proc/nowhere/root.key".into(), ..fresh }),
        ("listen", Settings { listen: taken.local_addr().unwrap(), ..base() }),
    ];
    for (setting, settings) in changed {
        let refused = serve::open(&settings, &World::machine()).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("`{setting}`")), "{setting} is not named: {refused}");
        let (is_well, said) = look(&settings).await;
        assert!(!is_well && said.contains("PROBLEM"), "{setting}:\n{said}");
    }
    // The server's own address is in use while it runs, and may be.
    let served = serve::open(&settings, &World::machine()).await.unwrap();
    let (is_well, said) = look(&Settings { listen: served.address(), ..settings.clone() }).await;
    assert!(is_well && said.contains("a server of this program listens"), "{said}");
    served.stop().await;
}

/// A database that is lost, or named wrongly, begins an empty one in silence, but for the doctor.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_misses_the_logs_that_were_signed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("data"));
    filled(&settings).await;
    let (is_well, said) = look(&settings).await;
    assert!(is_well && said.contains("ok       logs that were signed: the database has all 3"), "{said}");
    for name in ["throughline.db", "throughline.db-wal", "throughline.db-shm"] {
        let _there_or_not = std::fs::remove_file(settings.data_dir.join(name));
    }
    let (is_well, said) = look(&settings).await;
    assert!(!is_well && said.contains("PROBLEM  database: there is none at ") && said.contains("3 logs"), "{said}");
    serve::open(&settings, &World::machine()).await.unwrap().stop().await;
    let (is_well, said) = look(&settings).await;
    assert!(!is_well && said.contains("PROBLEM  logs that were signed: ") && said.contains("3 of them"), "{said}");
    // So are files of practices that are not here, where the database has not said yet which files are its.
    let other = self::settings(&folder.path().join("other"));
    open::store(&other, Purpose::Serve).await.unwrap().close().await;
    let theirs = Path::new(&other.files).join(PracticeId::of(uuid::Uuid::from_u128(7)).to_string());
    std::fs::create_dir_all(theirs.join("coachee")).unwrap();
    std::fs::write(theirs.join("coachee/file"), "sealed").unwrap();
    let (is_well, said) = look(&other).await;
    assert!(!is_well && said.contains("PROBLEM  files and database: "), "{said}");
}

/// Where the whole folder of the files is lost, a start begins an empty one. The doctor says so, and whoever verifies is told
/// that no file was looked for.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_misses_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("data"));
    let verified = async || {
        let store = open::store(&settings, Purpose::Inspect).await.unwrap();
        let mut said = Vec::new();
        assert!(prove::verify(&settings, &store, None, &prove::With::default(), &mut said).await.unwrap());
        store.close().await;
        String::from_utf8(said).unwrap()
    };
    let served = serve::open(&settings, &World::machine()).await.unwrap();
    assert!(served.app().claim_files().await.unwrap());
    served.stop().await;
    let (is_well, said) = look(&settings).await;
    assert!(is_well && said.contains("ok       files and database: "), "{said}");
    assert!(verified().await.contains("0 files are in their place"));
    std::fs::remove_dir_all(&settings.files).unwrap();
    let (is_well, said) = look(&settings).await;
    assert!(!is_well && said.contains("PROBLEM  files and database: "), "{said}");
    assert!(verified().await.contains(&format!("files were not looked for: there is no {}", settings.files)));
    // A database whose server has not begun yet misses nothing.
    let new = self::settings(&folder.path().join("new"));
    open::store(&new, Purpose::Serve).await.unwrap().close().await;
    let (_, said) = look(&new).await;
    assert!(!said.contains("files and database"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_what_stands_around_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("data"));
    filled(&settings).await;
    let (_, said) = look(&settings).await;
    for hint in ["hint     root key's place: ", "hint     checkpoints' place: "] {
        assert!(said.contains(hint), "{hint} is missing in\n{said}");
    }
    assert!(said.contains("ok       older tables: none") && !said.contains("PROBLEM"), "{said}");

    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let files = std::path::PathBuf::from(&settings.files);
    assert!(said.contains("ok       files' place: ") && said.contains("can be written and read"), "{said}");
    assert!(!files.join("probe").exists(), "nothing is left");
    // Where the folder is another database's, or was not copied with this one, files are not found.
    std::fs::write(files.join("installation"), [0; 16]).unwrap();
    let store = open::store(&settings, Purpose::Serve).await.unwrap();
    let mut batch = store.batch().await.unwrap();
    batch.set_meta("installation", &[1; 16]).await.unwrap();
    batch.commit().await.unwrap();
    store.close().await;
    let (is_well, said) = look(&settings).await;
    assert!(!is_well && said.contains("PROBLEM  files and database: "), "{said}");
    std::fs::write(files.join("installation"), [1; 16]).unwrap();
    let (_, said) = look(&settings).await;
    assert!(said.contains("ok       files and database: they belong together"), "{said}");
    let bucket = Settings { files: "s3://coaching".to_owned(), ..settings.clone() };
    let (is_well, said) = look(&bucket).await;
    assert!(
        !is_well && said.contains("PROBLEM  files' place: `files` names a bucket: set `files_s3_key_id`"),
        "{said}"
    );

    mode(&settings.checkpoint_dir, 0o755);
    mode(&settings.mail_dir, 0o750);
    let documents = folder.path().join("documents.json");
    std::fs::write(&documents, "{").unwrap();
    let public = Settings {
        public_url: "https://coaching.example.org".to_owned(),
        listen: "0.0.0.0:0".parse().unwrap(),
        allowed_origins: vec!["http://app.example.org".to_owned()],
        trusted_documents: Some(documents),
        ..settings.clone()
    };
    let (is_well, said) = look(&public).await;
    assert!(!is_well);
    for expected in [
        "ok       public address: ",
        "PROBLEM  trusted proxies: ",
        "hint     listening: ",
        "PROBLEM  allowed origins: http://app.example.org",
        "PROBLEM  trusted documents: ",
        "PROBLEM  mail: ",
        "PROBLEM  checkpoints' folder: ",
        "PROBLEM  mail's folder: ",
    ] {
        assert!(said.contains(expected), "{expected} is missing in\n{said}");
    }

    let mailing = Settings {
        smtp_url: Some("smtp://me:hunter2@mail.example.org:587".to_owned()),
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        ..public
    };
    let (_, said) = look(&mailing).await;
    for expected in ["PROBLEM  mail's encryption: ", "PROBLEM  mail's sender: ", "ok       trusted proxies: 1 named"] {
        assert!(said.contains(expected), "{expected} is missing in\n{said}");
    }
    assert!(!said.contains("hunter2") && !said.contains("PROBLEM  mail's folder"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_nobody_does_and_nobody_needs() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for settings in [settings(folders.0.path()), on_postgres(folders.1.path())] {
        let store = open::store(&settings, Purpose::Serve).await.unwrap();
        store.ensure("create table if not exists goal_00000000 (id bytea not null primary key)", 0).await.unwrap();
        let app = open::app(&settings, &World::machine(), store, Purpose::Serve).await.unwrap();
        found(&app).await;
        app.stop().await;
        let (_, said) = look(&settings).await;
        assert!(said.contains("hint     older tables: 1 of other versions"), "{said}");
        for fine in ["outbox: 1 mails wait, none", "work: 3 logs for `checkpoint` wait, none", "timers: 0"] {
            assert!(said.contains(&format!("ok       {fine}")), "{fine} is missing in\n{said}");
        }
        let later = Time(World::machine().clock.now().0).plus_days(31);
        let world = World { clock: Arc::new(Standing::at(later)), ..World::machine() };
        let mut said = Vec::new();
        assert!(!doctor::run(Ok(settings.clone()), &world, &mut said).await.unwrap());
        let said = String::from_utf8(said).unwrap();
        for late in ["outbox: 1 mails wait", "work: 3 logs for `checkpoint` wait", "timers: 1 timers wait"] {
            assert!(said.contains(&format!("PROBLEM  {late}")), "{late} is missing in\n{said}");
        }
    }
}
