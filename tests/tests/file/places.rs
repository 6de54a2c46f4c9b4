//! Where bytes lie and when they go: after an erasure, a crash in between, a loss of the folder; and who read them.

use domain::file::{MediaType, Permission, UploadFile};
use domain::id::{CoacheeId, FileId, Id as _, LogId, PracticeId};
use domain::text::{FileKey, FileName, Text as _};
use serde_json::{Value, json};
use tests::{Person, Product, both};

use super::{DELETE, Scene, path};

const ERASE: &str = "mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { errors { code } } }";

fn folder(product: &Product, practice: &str, coachee: &str) -> std::path::PathBuf {
    product.files().join(practice).join(coachee)
}

/// The entries of the access log about files, the newest first: who, and which file.
async fn downloads(scene: &Scene) -> Vec<(String, String)> {
    let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { accessLog(first: 100) { nodes { kind readerId fileId } } } } }";
    let data = scene.ada.ask(query, json!({ "p": scene.practice })).await;
    let nodes = data["viewer"]["coachPortal"]["accessLog"]["nodes"].as_array().expect("entries").clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    nodes
        .iter()
        .filter(|node| node["kind"] == "file")
        .map(|node| (text(&node["readerId"]), text(&node["fileId"])))
        .collect()
}

/// Takes bytes as an upload does, and dies before the event.
async fn received(product: &Product, scene: &Scene) -> (FileId, app::files::Upload, UploadFile) {
    let (practice, coachee): (PracticeId, CoacheeId) =
        (scene.practice.parse().expect("an id"), scene.robin.parse().expect("an id"));
    let file: FileId = product.app.mint();
    let words = futures_util::stream::iter([Ok(bytes("words"))]);
    let received = product.app.receive((practice, coachee, file), "a.txt", words).await.expect("received");
    let enter = UploadFile {
        file,
        coachee,
        name: FileName::parse("a.txt").expect("a name"),
        key: FileKey::stored(&received.key),
        size_bytes: received.size_bytes,
        media: MediaType::Plain,
        permission: Permission::Private,
    };
    (file, received.offered(), enter)
}

fn bytes(words: &'static str) -> axum::body::Bytes {
    axum::body::Bytes::from_static(words.as_bytes())
}

async fn run(product: &Product, by: &Person, scene: &Scene, command: UploadFile) {
    let request = app::Request {
        log: LogId::Practice(scene.practice.parse().expect("an id")),
        actor: domain::Actor::Person(by.id.parse().expect("an id")),
        through: app::Through::Program,
        now: product.app.clock().now(),
        command: product.app.command(),
        idempotency: None,
    };
    product.app.run(request, command).await.expect("entered");
}

both! {
    /// C4: with a coachee their files go, in the log and in the folder, whoever uploaded them, and however often the reaction
    /// is repeated; nobody else's do.
    #[test]
    async fn c4_an_erased_coachees_bytes_are_gone(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, bob, robin, coachee, sam, other, .. } = &scene;
        let files = [
            scene.uploaded(bob, "PRIVATE", "prepared.txt", b"For me").await,
            scene.uploaded(bob, "SHARED", "worksheet.txt", b"For you").await,
            scene.uploaded(coachee, "PRIVATE", "diary.txt", b"Mine").await,
        ];
        let mut input = scene.input("SHARED");
        input["coacheeId"] = json!(sam);
        let kept = other.uploads(input, "sams.txt", b"Sam's").await["file"]["id"].as_str().expect("an id").to_owned();
        assert_eq!(std::fs::read_dir(folder(&product, practice, robin)).expect("a folder").count(), 3);
        // What a write that was cut short has left goes, too.
        std::fs::write(folder(&product, practice, robin).join("file_x#1"), "part").expect("written");
        let erase = json!({ "i": { "practiceId": practice, "coacheeId": robin, "confirmName": "Robin Reed" } });
        assert_eq!(ada.ask(ERASE, erase).await["eraseCoachee"]["errors"], json!([]));
        for file in &files {
            // At once, though the bytes may still lie there for a moment.
            assert_eq!(bob.downloads(&path(file), &[]).await.status, 404);
            assert_eq!(coachee.downloads(&path(file), &[]).await.status, 404);
        }
        product.app.react().await.expect("reacted");
        assert!(!folder(&product, practice, robin).exists());
        assert_eq!(other.downloads(&path(&kept), &[]).await.bytes, b"Sam's");
        // A crash after the removal and before the reactor noted how far it is: it is done again.
        let log = practice.parse::<PracticeId>().expect("an id").uuid().into_bytes();
        let mut batch = product.app.store().batch().await.expect("a transaction");
        let name = "files".to_owned();
        batch.set_followers(&[store::Follower { log, name: name.clone(), seq: 0 }]).await.expect("set");
        batch.put_work(&[store::Work { log, reactor: name, at: 0 }]).await.expect("put");
        batch.commit().await.expect("committed");
        product.another_node().await.react().await.expect("reacted");
        assert_eq!(other.downloads(&path(&kept), &[]).await.bytes, b"Sam's");
        product.prove().await;
        product.app.rebuild(None, &mut ()).await.expect("rebuilt");
        product.prove().await;
    }

    /// A node that dies between the object and the event leaves noise without a key, which is removed a day later; where the
    /// event was written and only the note of the upload stayed, the file stays.
    #[test]
    async fn h4_what_a_crash_left_is_swept_and_nothing_else(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, .. } = &scene;
        let here = folder(&product, practice, robin);
        let (orphan, _, _) = received(&product, &scene).await;
        let (kept, _, enter) = received(&product, &scene).await;
        run(&product, bob, &scene, enter).await;
        let lies = |file: FileId| here.join(file.to_string()).exists();
        let notes = || std::fs::read_dir(product.files().join("uploads")).map_or(0, Iterator::count);
        assert!(lies(orphan) && lies(kept) && notes() == 2);
        // Nothing is looked at before a day has passed.
        assert!(product.app.claim_files().await.expect("claimed"));
        assert_eq!(product.app.sweep_uploads().await.expect("swept"), 0);
        product.later(24 * 60 - 1);
        assert_eq!(product.app.sweep_uploads().await.expect("swept"), 0);
        product.later(1);
        // Nor in a place that says to be another database's.
        let (id, named) = (product.files().join("installation"), std::fs::read(product.files().join("installation")).expect("an id"));
        std::fs::write(&id, [0; 16]).expect("written");
        assert_eq!(product.app.sweep_uploads().await.expect("nothing done"), 0);
        std::fs::write(&id, named).expect("written");
        // What is no note stands in nobody's way.
        std::fs::write(product.files().join("uploads/no note"), "").expect("written");
        assert_eq!(product.another_node().await.sweep_uploads().await.expect("swept"), 2);
        assert!(!lies(orphan) && lies(kept) && notes() == 1);
        std::fs::remove_file(product.files().join("uploads/no note")).expect("removed");
        assert_eq!(product.app.sweep_uploads().await.expect("swept"), 0);
        let bob = product.person(&bob.email).await;
        assert_eq!(bob.downloads(&path(&kept.to_string()), &[]).await.bytes, b"words");
        // What was entered and ended leaves no note; what was discarded leaves nothing.
        let (_, upload, _) = received(&product, &scene).await;
        product.app.discard(upload).await;
        assert_eq!((std::fs::read_dir(&here).expect("a folder").count(), notes()), (1, 0));
        product.prove().await;
    }

    /// Two databases that began over one place, before any file lay there, know it by the same id. What is of a practice of
    /// the other one is left alone, with the note that its node has left.
    #[test]
    async fn h4_what_another_database_uploads_to_the_same_place_stays(product: Product) {
        assert!(product.app.claim_files().await.expect("claimed"));
        let (practice, coachee) = (product.app.mint::<PracticeId>(), product.app.mint::<CoacheeId>());
        let file: FileId = product.app.mint();
        let object = app::files::object(practice, coachee, file);
        let note = format!("uploads/{:020}.{practice}.{coachee}.{file}", 1);
        let place = store::Objects::folder(&product.files()).expect("the folder");
        for name in [&object, &note] {
            place.put(name, "sealed").await.expect("written");
        }
        assert_eq!(product.app.sweep_uploads().await.expect("swept"), 0);
        for name in [&object, &note] {
            assert!(place.size(name).await.expect("asked").is_some(), "{name} is gone");
        }
    }

    /// R3: each download of what somebody else shared leaves an entry that names the file, before a byte leaves; a player that
    /// asks for one part after the other leaves one. Uploader, coachee and lead leave none.
    #[test]
    async fn r3_each_download_leaves_an_entry(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, mia, bob, cleo, coachee, .. } = &scene;
        let file = scene.uploaded(bob, "SHARED", "worksheet.txt", b"For you").await;
        let path = path(&file);
        for who in [bob, coachee] {
            assert_eq!(who.downloads(&path, &[]).await.status, 200);
        }
        assert_eq!(downloads(&scene).await, []);
        let of = |who: &Person| (who.id.clone(), file.clone());
        for times in 1..=2 {
            assert_eq!(mia.downloads(&path, &[]).await.status, 200);
            assert_eq!(downloads(&scene).await, vec![of(mia); times]);
        }
        for part in ["bytes=3-4", "bytes=4-5"] {
            assert_eq!(cleo.downloads(&path, &[("range", part)]).await.status, 206);
        }
        assert_eq!(downloads(&scene).await.len(), 3);
        product.later(15);
        assert_eq!(cleo.downloads(&path, &[("range", "bytes=5-")]).await.status, 206);
        assert_eq!(downloads(&scene).await.len(), 4);
        // Most of it is all that somebody wants: without its first byte it is a download as well.
        for times in 5..=6 {
            assert_eq!(cleo.downloads(&path, &[("range", "bytes=1-")]).await.status, 206);
            assert_eq!(downloads(&scene).await.len(), times);
        }
        // Asking how long it is is no download; its name is read.
        assert_eq!(ada.reads(reqwest::Method::HEAD, &path, &[]).await.status, 200);
        assert_eq!(downloads(&scene).await.len(), 6);
        // The coachee reviews who downloaded what is shared with them.
        let query = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { accessLog(first: 100) { nodes { kind readerId fileId } } } } }";
        let data = coachee.ask(query, json!({ "p": practice })).await;
        assert_eq!(data.to_string().matches("\"kind\":\"file\"").count(), 6, "{data}");
        product.prove().await;
    }

    /// A token reads what its scope reaches, and nothing else.
    #[test]
    async fn a8_a_program_downloads_what_its_token_reaches(product: Product) {
        let scene = Scene::new(&product).await;
        let file = scene.uploaded(&scene.bob, "PRIVATE", "prepared.txt", b"For me").await;
        let (_, elsewhere) = product.coach("Zoe").await;
        let make = "mutation($i: CreateAccessTokenInput!) { createAccessToken(input: $i) { token errors { code } } }";
        let scope = |practice: &str| json!({ "i": { "name": "A program", "expiresAt": "2026-12-01T00:00:00Z",
            "scopes": [{ "practiceId": practice, "portal": "COACH", "right": "READ" }] } });
        let made = scene.bob.ask(make, scope(&scene.practice)).await;
        let program = product.stranger().holding(made["createAccessToken"]["token"].as_str().map(str::to_owned));
        assert_eq!(program.downloads(&path(&file), &[]).await.bytes, b"For me");
        let mut input = scene.input("PRIVATE");
        input["file"] = tests::file("a.txt", "words");
        assert_eq!(program.fails("mutation($i: UploadFileInput!) { uploadFile(input: $i) { errors { code } } }", json!({ "i": input })).await, "FORBIDDEN");
        assert_eq!(scene.bob.fails(make, scope(&elsewhere)).await, "NOT_FOUND");
        assert_eq!(product.stranger().holding(Some("none".to_owned())).downloads(&path(&file), &[]).await.status, 401);
    }

    /// What the logs know and the folder has not, or has otherwise, is found; and what belongs together is known.
    #[test]
    async fn d9_a_file_that_is_missing_or_changed_is_found(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, .. } = &scene;
        let files = store::Objects::folder(&product.files()).expect("the folder");
        let look = async || app::files::looked::look(product.app.store(), &files, None).await.expect("looked");
        let mut made = Vec::new();
        for name in ["a.txt", "b.txt", "c.txt"] {
            made.push(scene.uploaded(bob, "PRIVATE", name, b"words").await);
        }
        bob.ask(DELETE, scene.named(&made[2])).await;
        product.app.react().await.expect("reacted");
        let found = look().await;
        assert_eq!((found.files, found.missing, found.otherwise, found.first), (2, 0, 0, None));
        let place = |file: &str| folder(&product, practice, robin).join(file);
        let sealed = std::fs::read(place(&made[0])).expect("the object");
        std::fs::remove_file(place(&made[0])).expect("removed");
        std::fs::write(place(&made[1]), [sealed.as_slice(), b"x"].concat()).expect("written");
        let found = look().await;
        assert_eq!((found.files, found.missing, found.otherwise), (2, 1, 1));
        assert!(found.first.is_some_and(|first| first.starts_with(practice.as_str())));
        // What is missing is said to be for now; what is another file's is not shown.
        assert_eq!(bob.downloads(&path(&made[0]), &[]).await.status, 503);
        std::fs::write(place(&made[1]), &sealed).expect("written");
        assert_eq!(bob.downloads(&path(&made[1]), &[]).await.status, 500, "it is the bytes of another file");
        // A folder with another practice's files is not taken over; one with files of this database's practice is, as
        // after a restoration.
        let (ours, put_aside) = (product.files().join(practice), product.files().join("aside"));
        let stranger = product.files().join(product.app.mint::<PracticeId>().to_string());
        std::fs::rename(&ours, &put_aside).expect("moved");
        std::fs::create_dir_all(stranger.join("coachee")).expect("made");
        std::fs::write(stranger.join("coachee/file"), "sealed").expect("written");
        assert!(!product.app.claim_files().await.expect("asked"), "another database's files");
        assert!(!product.files().join("installation").exists());
        std::fs::rename(&put_aside, &ours).expect("moved");
        std::fs::remove_dir_all(&stranger).expect("removed");
        std::fs::write(product.files().join("installation"), [7; 16]).expect("written");
        // A folder says of which database it is.
        assert!(product.app.claim_files().await.expect("claimed"));
        assert!(product.another_node().await.claim_files().await.expect("claimed"), "another node over the same folder");
        std::fs::write(product.files().join("installation"), [0; 16]).expect("written");
        assert!(!product.app.claim_files().await.expect("claimed"), "another database's folder");
        std::fs::remove_file(product.files().join("installation")).expect("removed");
        assert!(!product.app.claim_files().await.expect("claimed"), "a folder in which nothing was copied");
        product.prove().await;
    }
}
