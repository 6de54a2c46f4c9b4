//! Files: private or shared, whose they are, who is told, and how their bytes come and go (S2.29, S2.30, S3.19, S3.20; C1, C4,
//! H4).

mod bytes;
mod places;

use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::audit::{entries, grant, names};
use crate::plan::position;

const SET: &str = "mutation($i: SetFilePermissionInput!) { setFilePermission(input: $i) {
    file { id permission sharedAt } errors { code } } }";
const DELETE: &str = "mutation($i: DeleteFileInput!) { deleteFile(input: $i) { deletedId errors { code } } }";

/// A practice with two coaches of Robin, a manager, a coach without access, and Robin and another coachee with portals.
struct Scene {
    practice: String,
    ada: Person,
    mia: Person,
    bob: Person,
    cleo: Person,
    dan: Person,
    robin: String,
    coachee: Person,
    sam: String,
    other: Person,
}

impl Scene {
    async fn new(product: &Product) -> Self {
        let (ada, practice) = product.coach("Ada").await;
        let mia = product.further_coach(&ada, &practice, "Mia", "MANAGER").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "COACH").await;
        let dan = product.further_coach(&ada, &practice, "Dan", "COACH").await;
        let robin = product.coachee(&bob, &practice, "Robin").await;
        grant(&ada, &practice, &cleo, &robin).await;
        let coachee = product.accepted(&bob, &practice, &robin, "Robin").await;
        let sam = product.coachee(&ada, &practice, "Sam").await;
        let other = product.accepted(&ada, &practice, &sam, "Sam").await;
        Self { practice, ada, mia, bob, cleo, dan, robin, coachee, sam, other }
    }

    fn input(&self, permission: &str) -> Value {
        json!({ "practiceId": self.practice, "coacheeId": self.robin, "permission": permission })
    }

    /// A file about Robin: its id.
    async fn uploaded(&self, by: &Person, permission: &str, name: &str, content: &[u8]) -> String {
        let payload = by.uploads(self.input(permission), name, content).await;
        assert_eq!(payload["errors"], json!([]), "{payload}");
        payload["file"]["id"].as_str().expect("an id").to_owned()
    }

    fn permits(&self, file: &str, permission: &str) -> Value {
        json!({ "i": { "practiceId": self.practice, "fileId": file, "permission": permission } })
    }

    fn named(&self, file: &str) -> Value {
        json!({ "i": { "practiceId": self.practice, "fileId": file } })
    }

    async fn set(&self, by: &Person, file: &str, permission: &str) {
        let answer = by.ask(SET, self.permits(file, permission)).await["setFilePermission"].clone();
        assert_eq!((&answer["file"]["permission"], &answer["errors"]), (&json!(permission), &json!([])), "{answer}");
        assert_eq!(answer["file"]["sharedAt"].is_null(), permission == "PRIVATE", "{answer}");
    }

    /// The names of the files in a portal.
    async fn list(&self, who: &Person, portal: &str, arguments: &str) -> Vec<String> {
        let query = format!(
            "query($p: ID!) {{ viewer {{ {portal}(practiceId: $p) {{ files{arguments} {{ nodes {{ name }} }} }} }} }}"
        );
        let data = who.ask(&query, json!({ "p": self.practice })).await;
        let nodes = data["viewer"][portal]["files"]["nodes"].as_array().expect("files").clone();
        nodes.iter().map(|node| node["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// The kinds of what somebody is told in a portal, the newest first, with what they are about.
    async fn told(&self, who: &Person, portal: &str) -> Vec<Value> {
        let query = format!(
            "query($p: ID!) {{ viewer {{ {portal}(practiceId: $p) {{ notifications(first: 50) {{ nodes {{ kind thingId
                thing {{ ... on File {{ name }} }} }} }} }} }} }}"
        );
        let data = who.ask(&query, json!({ "p": self.practice })).await;
        data["viewer"][portal]["notifications"]["nodes"].as_array().expect("notifications").clone()
    }
}

/// The mails that tell of a file that was shared.
async fn mails(product: &Product, to: &Person) -> Vec<String> {
    product.mail(&to.email).await.into_iter().filter(|mail| mail.contains("shared a file")).collect()
}

fn path(file: &str) -> String {
    format!("/files/{file}")
}

const NODE: &str = "query($i: ID!) { node(id: $i) { id ... on File { name size contentType permission by url } } }";

both! {
    /// Whatever their role, nobody else learns that a private file is there: not in lists, by its id, in the log, live or at
    /// its address. Shared, it is seen by the coachee and by the coaches with access, and only its uploader changes it.
    #[test]
    async fn s2_29_a_private_file_is_its_uploaders_alone_and_a_shared_one_the_other_sides_too(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, mia, bob, cleo, dan, coachee, other, .. } = &scene;
        let follow = json!({ "p": practice, "a": position(ada, practice).await });
        let file = scene.uploaded(bob, "PRIVATE", "prepared.txt", b"What I want to ask").await;
        let seen = bob.ask(NODE, json!({ "i": file })).await["node"].clone();
        assert_eq!(seen, json!({ "id": file, "name": "prepared.txt", "size": 18, "contentType": "text/plain",
            "permission": "PRIVATE", "by": "COACH", "url": path(&file) }));
        let everybody = [ada, mia, cleo, dan, coachee, other];
        for who in everybody {
            let portal = if who.id == coachee.id || who.id == other.id { "coacheePortal" } else { "coachPortal" };
            assert_eq!(scene.list(who, portal, "(first: 9)").await, Vec::<String>::new(), "{}", who.email);
            assert_eq!(who.fails(NODE, json!({ "i": file })).await, "NOT_FOUND", "{}", who.email);
            assert_eq!(who.fails(SET, scene.permits(&file, "SHARED")).await, "NOT_FOUND", "{}", who.email);
            assert_eq!(who.fails(DELETE, scene.named(&file)).await, "NOT_FOUND", "{}", who.email);
            let nothing = path("file_01h455vb4pex5vsknk084sn02q");
            let (hers, nobodys) = (who.downloads(&path(&file), &[]).await, who.downloads(&nothing, &[]).await);
            assert_eq!((hers.status, &hers.bytes), (404, &nobodys.bytes), "{}", who.email);
            let kinds = json!({ "kinds": ["file_upload", "file_share"] });
            assert_eq!(entries(who, portal, practice, kinds).await, Vec::<Value>::new(), "{}", who.email);
        }
        assert_eq!(product.stranger().downloads(&path(&file), &[]).await.status, 401);
        assert_eq!(bob.downloads(&path(&file), &[]).await.bytes, b"What I want to ask");

        // Who follows hears of it with its sharing, and of nothing before.
        let coachs = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes { __typename
            ... on File { id name permission } ... on Gone { id } } } }";
        let coachees = coachs.replace("coachPortalChanges", "coacheePortalChanges");
        let mut live = [cleo.listen(coachs, follow.clone()).await, coachee.listen(&coachees, follow.clone()).await];
        let mut deaf = dan.listen(coachs, follow).await;
        scene.set(bob, &file, "SHARED").await;
        let shared = json!({ "__typename": "File", "id": file, "name": "prepared.txt", "permission": "SHARED" });
        for (live, field) in live.iter_mut().zip(["coachPortalChanges", "coacheePortalChanges"]) {
            assert_eq!(live.next().await[field]["changes"], json!([shared]));
        }
        for (who, portal) in [(ada, "coachPortal"), (mia, "coachPortal"), (cleo, "coachPortal"), (coachee, "coacheePortal")] {
            assert_eq!(scene.list(who, portal, "(first: 9)").await, ["prepared.txt"], "{}", who.email);
            assert_eq!(who.downloads(&path(&file), &[]).await.bytes, b"What I want to ask", "{}", who.email);
            for (mutation, input) in [(SET, scene.permits(&file, "PRIVATE")), (DELETE, scene.named(&file))] {
                assert_eq!(who.fails(mutation, input).await, "FORBIDDEN", "{}", who.email);
            }
        }
        for who in [dan, other] {
            assert_eq!(who.downloads(&path(&file), &[]).await.status, 404, "{}", who.email);
        }
        // The same again changes nothing.
        let before = position(ada, practice).await;
        scene.set(bob, &file, "SHARED").await;
        assert_eq!(position(ada, practice).await, before);
        scene.set(bob, &file, "PRIVATE").await;
        for (live, field) in live.iter_mut().zip(["coachPortalChanges", "coacheePortalChanges"]) {
            let mut heard = live.next().await;
            if heard[field]["changes"] == json!([shared]) {
                // Whoever came to its upload only when it was shared is told so of either.
                heard = live.next().await;
            }
            assert_eq!(heard[field]["changes"], json!([{ "__typename": "Gone", "id": file }]));
        }
        assert_eq!(cleo.downloads(&path(&file), &[]).await.status, 404);
        // Both sides review that it was shared and taken back, and nothing of what it is called.
        let kinds = json!({ "kinds": ["file_upload", "file_share", "file_unshare", "file_delete"] });
        assert_eq!(names(&entries(bob, "coachPortal", practice, kinds.clone()).await), ["file_upload", "file_share", "file_unshare"]);
        let reviewed = entries(coachee, "coacheePortal", practice, kinds.clone()).await;
        assert_eq!(names(&reviewed), ["file_share", "file_unshare"]);
        assert!(!json!(reviewed).to_string().contains("prepared"), "{reviewed:?}");
        assert_eq!(entries(dan, "coachPortal", practice, kinds).await, Vec::<Value>::new());
        // As it was then, its uploader sees it now.
        let query = "query($p: ID!, $a: AsOf!) { viewer { coachPortal(practiceId: $p, asOf: $a) { files { nodes { name permission } } } } }";
        let then = bob.ask(query, json!({ "p": practice, "a": { "position": before } })).await;
        assert_eq!(then["viewer"]["coachPortal"]["files"]["nodes"], json!([{ "name": "prepared.txt", "permission": "SHARED" }]));
        let then = coachee.ask(&query.replace("coachPortal", "coacheePortal"), json!({ "p": practice, "a": { "position": before } })).await;
        assert_eq!(then["viewer"]["coacheePortal"]["files"]["nodes"], json!([]), "it was taken back since");
        assert_eq!(bob.ask(DELETE, scene.named(&file)).await["deleteFile"]["deletedId"], json!(file));
        assert_eq!(bob.fails(DELETE, scene.named(&file)).await, "NOT_FOUND");
        // Who has no access has heard of none of it: the first thing is what everybody hears.
        ada.ask("mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "lowSessions": 4 } })).await;
        assert_eq!(deaf.next().await["coachPortalChanges"]["changes"], json!([{ "__typename": "Practice" }]));
        product.prove().await;
        product.app.rebuild(None, &mut ()).await.expect("rebuilt");
        product.prove().await;
    }

    /// With the upload or later: the coachee is told in the app and by mail, once for each sharing; of a private one nobody is.
    #[test]
    async fn s2_30_of_a_shared_file_the_coachee_is_told_in_the_app_and_by_mail_once(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { ada, bob, cleo, coachee, other, .. } = &scene;
        let private = scene.uploaded(bob, "PRIVATE", "prepared.txt", b"For me").await;
        product.app.react().await.expect("reacted");
        for (who, portal) in [(ada, "coachPortal"), (bob, "coachPortal"), (cleo, "coachPortal"), (coachee, "coacheePortal"), (other, "coacheePortal")] {
            assert_eq!(scene.told(who, portal).await, Vec::<Value>::new(), "{}", who.email);
            assert_eq!(mails(&product, who).await.len(), 0, "{}", who.email);
        }
        let shared = scene.uploaded(cleo, "SHARED", "worksheet.pdf", b"%PDF-1.7\n").await;
        for _ in 0..3 {
            product.app.react().await.expect("reacted");
        }
        let about = |file: &str, name: &str| json!({ "kind": "FILE_SHARED", "thingId": file, "thing": { "name": name } });
        assert_eq!(scene.told(coachee, "coacheePortal").await, [about(&shared, "worksheet.pdf")]);
        let sent = mails(&product, coachee).await;
        assert_eq!(sent.len(), 1);
        assert!(sent[0].contains("Cleo shared a file") && !sent[0].contains("worksheet"), "{}", sent[0]);
        scene.set(bob, &private, "SHARED").await;
        scene.set(bob, &private, "SHARED").await;
        product.app.react().await.expect("reacted");
        assert_eq!(scene.told(coachee, "coacheePortal").await, [about(&private, "prepared.txt"), about(&shared, "worksheet.pdf")]);
        assert_eq!(mails(&product, coachee).await.len(), 2);
        // Nobody else is told; what was taken back leads nowhere.
        scene.set(bob, &private, "PRIVATE").await;
        product.app.react().await.expect("reacted");
        assert_eq!(scene.told(coachee, "coacheePortal").await[0]["thing"], Value::Null);
        for (who, portal) in [(ada, "coachPortal"), (bob, "coachPortal"), (cleo, "coachPortal"), (other, "coacheePortal")] {
            assert_eq!(scene.told(who, portal).await, Vec::<Value>::new(), "{}", who.email);
        }
        assert_eq!(mails(&product, coachee).await.len(), 2);
        product.prove().await;
    }

    /// Two ways: what the coachee shares is in the coaches' lists, and the coach who leads is told.
    #[test]
    async fn s3_19_what_the_coachee_shares_is_with_their_coaches(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, bob, cleo, dan, robin, coachee, sam, .. } = &scene;
        scene.uploaded(coachee, "PRIVATE", "diary.txt", b"Not for them").await;
        product.later(1);
        let file = scene.uploaded(coachee, "SHARED", "contract.pdf", b"%PDF-1.7\n").await;
        product.later(1);
        scene.uploaded(bob, "SHARED", "worksheet.txt", b"Try this").await;
        product.app.react().await.expect("reacted");
        for who in [ada, bob, cleo] {
            assert_eq!(scene.list(who, "coachPortal", "(first: 9)").await, ["worksheet.txt", "contract.pdf"], "{}", who.email);
            assert_eq!(scene.list(who, "coachPortal", "(filter: { by: COACHEE })").await, ["contract.pdf"]);
            let filter = format!("(filter: {{ coacheeId: \"{robin}\", permission: SHARED, by: COACH }})");
            assert_eq!(scene.list(who, "coachPortal", &filter).await, ["worksheet.txt"]);
            assert_eq!(scene.list(who, "coachPortal", &format!("(filter: {{ coacheeId: \"{sam}\" }})")).await, Vec::<String>::new());
            let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { files(by: COACHEE) { nodes { name } } } } } }";
            let data = who.ask(query, json!({ "p": practice, "c": robin })).await;
            assert_eq!(data["viewer"]["coachPortal"]["coachee"]["files"]["nodes"], json!([{ "name": "contract.pdf" }]));
        }
        assert_eq!(scene.list(coachee, "coacheePortal", "(first: 9)").await, ["worksheet.txt", "contract.pdf", "diary.txt"]);
        assert_eq!(scene.list(coachee, "coacheePortal", "(permission: PRIVATE)").await, ["diary.txt"]);
        assert_eq!(scene.list(dan, "coachPortal", "(first: 9)").await, Vec::<String>::new());
        // Bob leads Robin.
        let told = scene.told(bob, "coachPortal").await;
        assert_eq!(told, [json!({ "kind": "FILE_SHARED", "thingId": file, "thing": { "name": "contract.pdf" } })]);
        assert_eq!(mails(&product, bob).await.len(), 1);
        assert_eq!((scene.told(cleo, "coachPortal").await.len(), mails(&product, cleo).await.len()), (0, 0));
        // Nobody uploads about whom they do not see, and no byte of it is kept.
        for (who, about) in [(dan, robin), (coachee, sam)] {
            let mut input = scene.input("SHARED");
            input["coacheeId"] = json!(about);
            let query = "mutation($i: UploadFileInput!) { uploadFile(input: $i) { errors { code } } }";
            input["file"] = tests::file("a.txt", "words");
            assert_eq!(who.fails(query, json!({ "i": input })).await, "NOT_FOUND", "{}", who.email);
        }
        assert!(!product.files().join(practice).join(sam).exists());
        product.prove().await;
    }

    /// The two levels change into each other without the bytes, which lie as they were written.
    #[test]
    async fn s3_20_a_permission_changes_and_the_bytes_stay(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        let file = scene.uploaded(bob, "PRIVATE", "contract.pdf", b"%PDF-1.7\n").await;
        let object = product.files().join(practice).join(robin).join(&file);
        let sealed = std::fs::read(&object).expect("the object");
        for permission in ["SHARED", "PRIVATE", "SHARED"] {
            scene.set(bob, &file, permission).await;
            assert_eq!(std::fs::read(&object).expect("the object"), sealed);
            let status = coachee.downloads(&path(&file), &[]).await.status;
            assert_eq!(status, if permission == "SHARED" { 200 } else { 404 });
        }
        product.app.react().await.expect("reacted");
        // In the app and by mail, for each time.
        assert_eq!(scene.told(coachee, "coacheePortal").await.len(), 2);
        assert_eq!(mails(&product, coachee).await.len(), 2);
        assert_eq!(bob.ask(DELETE, scene.named(&file)).await["deleteFile"]["errors"], json!([]));
        product.app.react().await.expect("reacted");
        assert!(!object.exists(), "the bytes go with the file");
        product.prove().await;
    }

    /// A clock was ahead and was set right. The log's time stands until then, and nothing that is to be done waits for it.
    #[test]
    async fn what_is_to_be_done_does_not_wait_for_a_clock_that_was_ahead(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        product.app.react().await.expect("reacted");
        product.later(180);
        let file = scene.uploaded(bob, "PRIVATE", "worksheet.txt", b"Try this").await;
        product.later(-180);
        scene.set(bob, &file, "SHARED").await;
        product.app.react().await.expect("reacted");
        assert_eq!(scene.told(coachee, "coacheePortal").await.len(), 1);
        assert_eq!(mails(&product, coachee).await.len(), 1);
        let object = product.files().join(practice).join(robin).join(&file);
        assert!(object.exists());
        assert_eq!(bob.ask(DELETE, scene.named(&file)).await["deleteFile"]["errors"], json!([]));
        product.app.react().await.expect("reacted");
        assert!(!object.exists(), "the bytes go with the file");
        let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
        for reactor in ["files", "notices"] {
            assert_eq!(snapshot.work_waiting(reactor, 9).await.expect("counted").count, 0, "{reactor}");
        }
        snapshot.close().await.expect("closed");
        product.prove().await;
    }

    /// A profile has all its tabs at once, each with what is in it; and the coachee's own portal has theirs.
    #[test]
    async fn s2_15_a_profile_has_all_its_tabs(product: Product) {
        let scene = Scene::new(&product).await;
        let profile = lived(&product, &scene).await;
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { fullName
            activitySummary { recentActivity(first: 50) { nodes { entry } }
                upcomingAppointments(range: { from: \"2026-03-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\" }) { nodes { appointment { title } } }
                completedSessions { nodes { title } } }
            goals { nodes { title milestones { nodes { title } } } } actions { nodes { title } } files { nodes { name permission } }
            notes { nodes { title } } sessions { nodes { title status } } assessments { nodes { title answers { text } } } } } } }";
        let data = scene.bob.ask(query, profile).await;
        let coachee = &data["viewer"]["coachPortal"]["coachee"];
        assert_eq!(coachee["fullName"], "Robin Reed");
        let recent = coachee["activitySummary"]["recentActivity"]["nodes"].to_string();
        for entry in ["goal_add", "action_add", "file_share", "file_upload", "note_write", "session_log", "assessment_submit"] {
            assert!(recent.contains(entry), "{entry} is missing in {recent}");
        }
        assert_eq!(coachee["activitySummary"]["upcomingAppointments"]["nodes"], json!([{ "appointment": { "title": "Next time" } }]));
        assert_eq!(coachee["activitySummary"]["completedSessions"]["nodes"], json!([{ "title": "Looking back" }]));
        assert_eq!(coachee["goals"]["nodes"], json!([{ "title": "Lead the team", "milestones": { "nodes": [{ "title": "First talk" }] } }]));
        assert_eq!(coachee["actions"]["nodes"], json!([{ "title": "Ask one" }]));
        assert_eq!(coachee["files"]["nodes"], json!([{ "name": "worksheet.txt", "permission": "SHARED" }]));
        assert_eq!(coachee["notes"]["nodes"], json!([{ "title": "Journal" }]));
        assert_eq!(coachee["sessions"]["nodes"], json!([{ "title": "Looking back", "status": "ATTENDED" }]));
        assert_eq!(coachee["assessments"]["nodes"], json!([{ "title": "How was it?", "answers": [{ "text": "Good" }] }]));
        product.prove().await;
    }

    /// The older page's tabs (S3.8), in which actions are described apart; and the coachee's side of them.
    #[test]
    async fn s3_8_the_tabs_are_there_for_both_sides(product: Product) {
        let scene = Scene::new(&product).await;
        let profile = lived(&product, &scene).await;
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) {
            activitySummary { recentActivity(first: 1) { nodes { entry } } } goals { nodes { title milestones { nodes { title } } } }
            files { nodes { name } } notes { nodes { title } } sessions { nodes { title } }
            assessments { nodes { title } } } } } }";
        let data = scene.cleo.ask(query, profile.clone()).await;
        let tabs = data["viewer"]["coachPortal"]["coachee"].as_object().expect("tabs").clone();
        for (tab, content) in &tabs {
            let is_empty = content["nodes"].as_array().is_some_and(Vec::is_empty);
            // Bob's journal is Bob's alone.
            assert_eq!(is_empty, tab == "notes", "{tab}: {content}");
        }
        let own = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { activityLog(first: 50) { nodes { entry } }
            goals { nodes { title } } actions { nodes { title } } files { nodes { name } } notes { nodes { title } }
            sessions { nodes { title } } assessments { nodes { title } }
            appointments(range: { from: \"2026-03-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\" }) { nodes { appointment { title } } } } } }";
        let data = scene.coachee.ask(own, json!({ "p": profile["p"] })).await;
        let portal = &data["viewer"]["coacheePortal"];
        assert_eq!(portal["goals"]["nodes"], json!([{ "title": "Lead the team" }]));
        assert_eq!(portal["actions"]["nodes"], json!([{ "title": "Ask one" }]));
        assert_eq!(portal["files"]["nodes"], json!([{ "name": "worksheet.txt" }]));
        assert_eq!(portal["notes"]["nodes"], json!([]));
        assert_eq!(portal["sessions"]["nodes"], json!([{ "title": "Looking back" }]));
        assert_eq!(portal["assessments"]["nodes"], json!([{ "title": "How was it?" }]));
        assert_eq!(portal["appointments"]["nodes"], json!([{ "appointment": { "title": "Next time" } }]));
        assert!(portal["activityLog"]["nodes"].to_string().contains("file_share"), "{portal}");
    }
}

/// Robin and Bob have done something of everything: the variables of a query of Robin's profile.
async fn lived(product: &Product, scene: &Scene) -> Value {
    let Scene { practice, bob, robin, coachee, .. } = scene;
    let run = async |who: &Person, mutation: &str, shows: &str, mut input: Value| {
        input["practiceId"] = json!(practice);
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!("mutation($i: {kind}!) {{ {mutation}(input: $i) {{ {shows} errors {{ code }} }} }}");
        let answer = who.ask(&query, json!({ "i": input })).await[mutation].clone();
        assert_eq!(answer["errors"], json!([]), "{mutation}: {answer}");
        answer
    };
    let about = |mut input: Value| {
        input["coacheeId"] = json!(robin);
        input
    };
    let goal = crate::plan::goal(bob, practice, robin, "Lead the team").await;
    let milestone = crate::plan::milestone(bob, practice, &goal, "First talk").await;
    crate::plan::action(bob, practice, robin, Some(&milestone), "Ask one").await;
    scene.uploaded(bob, "SHARED", "worksheet.txt", b"Try this").await;
    run(bob, "writeNote", "position", about(json!({ "title": "Journal", "text": "Thoughts" }))).await;
    let logged = json!({ "title": "Looking back", "startedAt": "2026-03-01T09:00:00Z", "durationMinutes": 50, "status": "ATTENDED" });
    run(bob, "logSession", "position", about(logged)).await;
    let next = json!({ "title": "Next time", "start": "2026-03-10T09:00" });
    run(bob, "addAppointment", "position", about(next)).await;
    let form = json!({ "title": "How was it?", "questions": [{ "words": "Well?", "kind": "SHORT_TEXT" }] });
    let template = run(bob, "createAssessmentTemplate", "template { id }", form).await["template"]["id"].clone();
    let assigned = run(bob, "assignAssessment", "assessment { id }", about(json!({ "templateId": template }))).await;
    let answers =
        json!({ "assessmentId": assigned["assessment"]["id"], "answers": [{ "question": 0, "text": "Good" }] });
    run(coachee, "submitAssessment", "position", answers).await;
    product.app.react().await.expect("reacted");
    json!({ "p": practice, "c": robin })
}
