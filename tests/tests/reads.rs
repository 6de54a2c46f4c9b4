//! Promise R3: who reads confidential text that they neither wrote nor are addressed by leaves an entry in the
//! practice's access log, before the text leaves. The walk over every field is in `matrix.rs`.

use std::collections::BTreeSet;

use domain::id::{AccessLogId, PracticeId};
use serde_json::{Value, json};
use tests::{Database, Person, Product, both};

use crate::assessment::{assigned, template};
use crate::audit::grant;
use crate::plan::goal;

const SYNOPSIS: &str =
    "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { synopsis } } } }";

/// Ada owns the practice, Bob leads Robin and wrote all of it, Cleo has access; Robin is signed in.
struct Scene {
    practice: String,
    ada: Person,
    bob: Person,
    cleo: Person,
    robin: String,
    coachee: Person,
}

impl Scene {
    async fn new(product: &Product) -> Self {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "COACH").await;
        let robin = product.coachee(&bob, &practice, "Robin").await;
        grant(&ada, &practice, &cleo, &robin).await;
        let coachee = product.accepted(&bob, &practice, &robin, "Robin").await;
        let scene = Self { practice, ada, bob, cleo, robin, coachee };
        scene.synopsis(&scene.bob, "Robin is thorough").await;
        scene
    }

    async fn synopsis(&self, by: &Person, text: &str) {
        let mutation = "mutation($i: WriteSynopsisInput!) { writeSynopsis(input: $i) { errors { code } } }";
        let input = json!({ "practiceId": self.practice, "coacheeId": self.robin, "synopsis": text });
        assert_eq!(by.ask(mutation, json!({ "i": input })).await["writeSynopsis"]["errors"], json!([]));
    }

    /// An appointment that Bob made with Robin: its id.
    async fn appointment(&self) -> String {
        let mutation =
            "mutation($i: AddAppointmentInput!) { addAppointment(input: $i) { appointment { id } errors { code } } }";
        let input = json!({ "practiceId": self.practice, "coacheeId": self.robin, "title": "After the divorce", "place": "Room 4",
            "videoLink": "https://meet.example/bob", "start": "2026-03-10T09:00", "timeZone": "Europe/Berlin" });
        let answer = self.bob.ask(mutation, json!({ "i": input })).await;
        answer["addAppointment"]["appointment"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("not added: {answer}"))
            .to_owned()
    }

    /// Somebody reads Robin's synopsis.
    async fn reads(&self, who: &Person) {
        let data = who.ask(SYNOPSIS, json!({ "p": self.practice, "c": self.robin })).await;
        assert!(data["viewer"]["coachPortal"]["coachee"]["synopsis"].is_string(), "{data}");
    }

    /// The access log as somebody reviews it, the oldest first: reader's name and kind.
    async fn log(&self, who: &Person, portal: &str, filter: Value) -> Vec<(String, String)> {
        let nodes = self.nodes(who, portal, filter).await;
        let word = |node: &Value, field: &str| node[field].as_str().unwrap_or("-").to_owned();
        nodes.iter().rev().map(|node| (word(node, "readerName"), word(node, "kind"))).collect()
    }

    async fn nodes(&self, who: &Person, portal: &str, filter: Value) -> Vec<Value> {
        let query = format!(
            "query($p: ID!, $f: AccessLogFilter) {{ viewer {{ {portal}(practiceId: $p) {{ accessLog(filter: $f, first: 100) {{
                nodes {{ position at readerId readerName coacheeId kind through }} }} }} }} }}"
        );
        let data = who.ask(&query, json!({ "p": self.practice, "f": filter })).await;
        data["viewer"][portal]["accessLog"]["nodes"].as_array().expect("entries").clone()
    }

    /// How far the practice's log is.
    async fn position(&self) -> Value {
        let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { position } } }";
        let data = self.bob.ask(query, json!({ "p": self.practice })).await;
        data["viewer"]["coachPortal"]["position"].clone()
    }

    /// How many entries there are, as the owner counts them.
    async fn count(&self) -> usize {
        self.log(&self.ada, "coachPortal", Value::Null).await.len()
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect()
}

/// Makes the storage refuse to begin any access log, or lets it again.
async fn set_refusal(product: &Product, statement: &'static str) {
    let mut batch = product.app.store().batch().await.expect("a transaction");
    batch.query(statement, &[], &[]).await.expect("the statement runs");
    batch.commit().await.expect("it is committed");
}

/// How the storage is made to refuse access logs, and how it no longer does.
fn refusal(database: Database) -> (&'static str, &'static str) {
    match database {
        Database::Sqlite => (
            "create trigger refuse_heads before insert on heads when new.kind = 'accesslog' begin select raise(abort, 'refused'); end",
            "drop trigger refuse_heads",
        ),
        Database::Postgres => (
            "alter table heads add constraint refuse_heads check (kind <> 'accesslog')",
            "alter table heads drop constraint refuse_heads",
        ),
    }
}

#[test]
fn every_kind_of_confidential_text_is_one_that_the_walk_comes_by() {
    // The walk of the schema knows these kinds; a new one belongs into its table first.
    // Ratings and reflections have an owner, who alone reads them; messages have two, and no other reader. A file's key is
    // opened by downloading it only, which leaves an entry of its own.
    let known: BTreeSet<&str> = [
        "ActiveGoal",
        "AnswersText",
        "Comment",
        "CommentText",
        "Description",
        "FileKey",
        "FileName",
        "FormText",
        "MeetingLink",
        "Message",
        "NoteComment",
        "NoteText",
        "Notes",
        "Place",
        "QuestionAnswer",
        "QuestionWords",
        "Rating",
        "Reflection",
        "Step",
        "Synopsis",
        "Title",
    ]
    .into();
    let declared = domain::Event::kinds().flat_map(|kind| kind.fields.iter().map(|(_, of)| of.replace(' ', "")));
    let mut found = BTreeSet::new();
    for of in declared {
        for text in of.split("Confidential<").skip(1) {
            let name = text.split('>').next().unwrap_or(text).rsplit("::").next().unwrap_or(text).to_owned();
            found.insert(name);
        }
    }
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

both! {
    /// One entry for reader, coachee and kind in fifteen minutes; none by author and addressee.
    #[test]
    async fn r3_reading_leaves_one_entry_in_fifteen_minutes(product: Product) {
        let scene = Scene::new(&product).await;
        scene.reads(&scene.bob).await;
        assert_eq!(scene.count().await, 0, "who wrote it and leads leaves none");
        scene.reads(&scene.ada).await;
        scene.reads(&scene.ada).await;
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Ada", "synopsis")]));
        product.later(14);
        scene.reads(&scene.ada).await;
        assert_eq!(scene.count().await, 1, "the entry still stands");
        product.later(1);
        scene.reads(&scene.ada).await;
        assert_eq!(scene.count().await, 2, "after fifteen minutes there is a new one");
        scene.reads(&scene.cleo).await;
        let nodes = scene.nodes(&scene.ada, "coachPortal", Value::Null).await;
        let newest = &nodes[0];
        assert_eq!((&newest["readerId"], &newest["coacheeId"], &newest["kind"]), (&json!(scene.cleo.id), &json!(scene.robin), &json!("synopsis")));
        assert_eq!((&newest["at"], &newest["through"]), (&json!("2026-03-02T09:15:00Z"), &json!("PROGRAM")));
        product.prove().await;
    }

    /// Another node asks the log: two nodes leave one entry, and it stands no longer on one than on the other.
    #[test]
    async fn r3_an_entry_stands_on_every_node(product: Product) {
        let scene = Scene::new(&product).await;
        scene.reads(&scene.ada).await;
        let ada = scene.ada.through(product.another_address().await);
        product.later(10);
        scene.reads(&ada).await;
        assert_eq!(scene.count().await, 1);
        product.later(5);
        scene.reads(&ada).await;
        assert_eq!(scene.count().await, 2);
        let together: Vec<_> = (0..8).map(|_| scene.reads(&scene.cleo)).collect();
        futures_util::future::join_all(together).await;
        assert_eq!(scene.count().await, 3, "eight at once leave one");
        product.prove().await;
    }

    /// Only what was shown is entered: names, counts and what was not selected leave nothing.
    #[test]
    async fn r3_what_was_not_shown_is_not_entered(product: Product) {
        let scene = Scene::new(&product).await;
        goal(&scene.bob, &scene.practice, &scene.robin, "Lead the team").await;
        let names = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { coachees { totalCount nodes { fullName email } } goals { nodes { id dueOn } }
            activityLog { nodes { kind actorId at } } } } }";
        scene.ada.ask(names, json!({ "p": scene.practice })).await;
        assert_eq!(scene.count().await, 0);
        let titles = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { goals { nodes { title } } } } }";
        scene.ada.ask(titles, json!({ "p": scene.practice })).await;
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Ada", "title")]));
    }

    /// Who wrote a text is its author until somebody else writes it anew; what was there before is told to nobody for free.
    #[test]
    async fn r3_the_author_leaves_none_until_somebody_else_writes(product: Product) {
        let scene = Scene::new(&product).await;
        scene.synopsis(&scene.cleo, "Robin is quick").await;
        scene.reads(&scene.cleo).await;
        assert_eq!(scene.count().await, 0, "she wrote it");
        let history = "query($p: ID!, $a: ID!) { viewer { coachPortal(practiceId: $p) { activityLog(filter: { kinds: [\"synopsis_write\"], actorId: $a }) { nodes { changes { was now } } } } } }";
        let told = scene.cleo.ask(history, json!({ "p": scene.practice, "a": scene.cleo.id })).await.to_string();
        assert!(told.contains("Robin is thorough"), "{told}");
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Cleo", "synopsis")]), "she did not write the former one");
        product.later(15);
        scene.synopsis(&scene.ada, "Robin is calm").await;
        scene.reads(&scene.cleo).await;
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Cleo", "synopsis"), ("Cleo", "synopsis")]));
    }

    /// Where an appointment takes place is whoever's who wrote that, and not theirs who changed its link or its title.
    #[test]
    async fn r3_who_changes_an_appointments_link_is_not_the_author_of_its_place(product: Product) {
        let scene = Scene::new(&product).await;
        let appointment = scene.appointment().await;
        let link = "mutation($i: RescheduleAppointmentInput!) { rescheduleAppointment(input: $i) { errors { code } } }";
        let input = json!({ "practiceId": scene.practice, "appointmentId": appointment, "videoLink": "https://meet.example/cleo" });
        assert_eq!(scene.cleo.ask(link, json!({ "i": input })).await["rescheduleAppointment"]["errors"], json!([]));
        let read = async |field: &str| {
            let query = format!("query($p: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ upcoming {{ nodes {{ appointment {{ {field} }} }} }} }} }} }}");
            let data = scene.cleo.ask(&query, json!({ "p": scene.practice })).await;
            assert!(data["viewer"]["coachPortal"]["upcoming"]["nodes"][0]["appointment"][field].is_string(), "{data}");
        };
        read("videoLink").await;
        assert_eq!(scene.count().await, 0, "she wrote it");
        read("place").await;
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Cleo", "place")]));
    }

    /// Who starts a session from an appointment takes over its title, and wrote none: in the list as in the activity log.
    #[test]
    async fn r3_who_starts_a_session_from_an_appointment_did_not_write_its_title(product: Product) {
        let scene = Scene::new(&product).await;
        let appointment = scene.appointment().await;
        let start = async |fields: Value| {
            let mut input = json!({ "practiceId": scene.practice, "coacheeId": scene.robin });
            input.as_object_mut().expect("an object").extend(fields.as_object().expect("fields").clone());
            let mutation = "mutation($i: StartSessionInput!) { startSession(input: $i) { errors { code } } }";
            assert_eq!(scene.cleo.ask(mutation, json!({ "i": input })).await["startSession"]["errors"], json!([]));
        };
        let read = async |what: &str, expected: &str| {
            let query = format!("query($p: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ {what} }} }} }}");
            let data = scene.cleo.ask(&query, json!({ "p": scene.practice })).await.to_string();
            assert!(data.contains(expected), "{data}");
        };
        let sessions = "sessions(filter: { running: true }) { nodes { title } }";
        let entries = "activityLog(filter: { kinds: [\"session_start\"] }) { nodes { changes { now } } }";
        start(json!({ "title": "As Cleo calls it" })).await;
        read(sessions, "As Cleo calls it").await;
        read(entries, "As Cleo calls it").await;
        assert_eq!(scene.count().await, 0, "she wrote it");
        start(json!({ "appointmentId": appointment })).await;
        read(sessions, "After the divorce").await;
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Cleo", "title")]));
        product.later(15);
        read(entries, "After the divorce").await;
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Cleo", "title"), ("Cleo", "title")]));
        product.prove().await;
    }

    /// Who assigns a form takes over its words, and wrote none: in the list as in the activity log.
    #[test]
    async fn r3_who_assigns_a_form_did_not_write_it(product: Product) {
        let scene = Scene::new(&product).await;
        let questions = json!([{ "words": "Well?", "kind": "SHORT_TEXT" }]);
        let form = template(&scene.ada, &scene.practice, "After the divorce", questions).await;
        // What is answered shows the title, too.
        assigned(&scene.cleo, &scene.practice, &scene.robin, &form).await;
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Cleo", "title")]));
        for (number, what) in [(2, "assessments { nodes { title } }"), (3, "activityLog(filter: { kinds: [\"assessment_assign\"] }) { nodes { changes { now } } }")] {
            product.later(15);
            let query = format!("query($p: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ {what} }} }} }}");
            let data = scene.cleo.ask(&query, json!({ "p": scene.practice })).await.to_string();
            assert!(data.contains("After the divorce"), "{data}");
            assert_eq!(scene.count().await, number, "{what}");
        }
    }

    /// Subscriptions leave entries like queries: the portal's and the activity log's.
    #[test]
    async fn r3_a_subscription_leaves_an_entry_before_its_item_comes(product: Product) {
        let scene = Scene::new(&product).await;
        let portal = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes { ... on Goal { title } } } }";
        let activity = "subscription($p: ID!, $a: Position) { activity(practiceId: $p, after: $a) { entry { changes { now } } } }";
        let from = json!({ "p": scene.practice, "a": scene.position().await });
        let mut ada = scene.ada.listen(portal, from.clone()).await;
        let mut cleo = scene.cleo.listen(activity, from.clone()).await;
        let mut bob = scene.bob.listen(portal, from).await;
        // The synopsis is shown by the activity log only.
        scene.synopsis(&scene.bob, "Robin is patient").await;
        assert!(cleo.next().await.to_string().contains("patient"));
        ada.next().await;
        bob.next().await;
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Cleo", "synopsis")]));
        goal(&scene.bob, &scene.practice, &scene.robin, "Lead the team").await;
        for listening in [&mut ada, &mut cleo, &mut bob] {
            assert!(listening.next().await.to_string().contains("Lead the team"));
        }
        let log: BTreeSet<_> = scene.log(&scene.ada, "coachPortal", Value::Null).await.into_iter().collect();
        assert_eq!(log, pairs(&[("Cleo", "synopsis"), ("Ada", "title"), ("Cleo", "title")]).into_iter().collect());
    }

    /// Owner and managers review the whole practice, coaches their clients, a coachee what they could have read.
    #[test]
    async fn r3_each_reviews_what_is_theirs(product: Product) {
        let scene = Scene::new(&product).await;
        let kim = product.coachee(&scene.ada, &scene.practice, "Kim").await;
        goal(&scene.bob, &scene.practice, &scene.robin, "Lead the team").await;
        goal(&scene.ada, &scene.practice, &kim, "Rest").await;
        scene.reads(&scene.ada).await;
        let titles = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { goals { nodes { title } } } } }";
        product.later(1);
        scene.cleo.ask(titles, json!({ "p": scene.practice })).await;
        let mia = product.further_coach(&scene.ada, &scene.practice, "Mia", "MANAGER").await;
        product.later(1);
        mia.ask(titles, json!({ "p": scene.practice })).await;
        let robins = [("Ada", "synopsis"), ("Cleo", "title"), ("Mia", "title")];
        let all = scene.log(&scene.ada, "coachPortal", Value::Null).await;
        assert_eq!(all.len(), 4, "Mia read of Kim, too: {all:?}");
        assert_eq!(scene.log(&mia, "coachPortal", Value::Null).await, all);
        for coach in [&scene.bob, &scene.cleo] {
            assert_eq!(scene.log(coach, "coachPortal", Value::Null).await, pairs(&robins));
            assert_eq!(scene.log(coach, "coachPortal", json!({ "coacheeId": kim })).await, pairs(&[]));
        }
        // That there is a synopsis is not Robin's to know. Mia has no access to Robin by herself, so Robin does not see her name.
        assert_eq!(scene.log(&scene.coachee, "coacheePortal", Value::Null).await, pairs(&[("Cleo", "title"), ("-", "title")]));
        let about = |filter: Value| scene.log(&scene.ada, "coachPortal", filter);
        assert_eq!(about(json!({ "coacheeId": scene.robin })).await, pairs(&robins));
        assert_eq!(about(json!({ "readerId": scene.cleo.id })).await, pairs(&[("Cleo", "title")]));
        assert_eq!(about(json!({ "to": "2026-03-02T09:01:00Z" })).await, pairs(&[("Ada", "synopsis")]));
        assert_eq!(about(json!({ "from": "2026-03-02T09:01:00Z", "to": "2026-03-02T09:02:00Z" })).await, pairs(&[("Cleo", "title")]));
        let (other, _) = product.coach("Olga").await;
        let through = |portal: &str| format!("query($p: ID!) {{ viewer {{ {portal}(practiceId: $p) {{ accessLog {{ nodes {{ kind }} }} }} }} }}");
        for (who, portal) in [(&other, "coachPortal"), (&scene.coachee, "coachPortal"), (&scene.bob, "coacheePortal")] {
            assert_eq!(who.fails(&through(portal), json!({ "p": scene.practice })).await, "NOT_FOUND");
        }
        product.prove().await;
    }

    /// D4: where the entry cannot be written, no text leaves; what needs no entry is still answered.
    #[test]
    async fn r3_without_an_entry_no_text_leaves(product: Product) {
        let scene = Scene::new(&product).await;
        let (refuse, allow) = refusal(product.place.database);
        set_refusal(&product, refuse).await;
        let activity = "subscription($p: ID!, $a: Position) { activity(practiceId: $p, after: $a) { entry { changes { now } } } }";
        let from = json!({ "p": scene.practice, "a": scene.position().await });
        let mut listening = scene.cleo.listen(activity, from.clone()).await;
        let variables = json!({ "p": scene.practice, "c": scene.robin });
        let answer = scene.ada.whole(SYNOPSIS, variables.clone()).await;
        assert_eq!((answer.status, &answer.body["errors"][0]["extensions"]["code"]), (503, &json!("UNAVAILABLE")), "{}", answer.body);
        assert!(answer.body.get("data").is_none() && !answer.body.to_string().contains("thorough"), "{}", answer.body);
        scene.reads(&scene.bob).await;
        scene.ada.ask("query($p: ID!) { viewer { coachPortal(practiceId: $p) { coachees { nodes { fullName } } } } }", json!({ "p": scene.practice })).await;
        scene.synopsis(&scene.bob, "Robin is patient").await;
        assert_eq!(listening.ends().await, "UNAVAILABLE");
        set_refusal(&product, allow).await;
        scene.reads(&scene.ada).await;
        assert_eq!(scene.log(&scene.ada, "coachPortal", Value::Null).await, pairs(&[("Ada", "synopsis")]));
        // She who listened goes on from where she was.
        let mut listening = scene.cleo.listen(activity, from).await;
        assert!(listening.next().await.to_string().contains("patient"));
    }

    /// The access log is a log like every other: dense, in a tree, without anybody's text.
    #[test]
    async fn r3_the_access_log_is_a_log_of_its_own(product: Product) {
        let scene = Scene::new(&product).await;
        scene.reads(&scene.ada).await;
        scene.reads(&scene.cleo).await;
        let practice: PracticeId = scene.practice.parse().expect("an id");
        let log = domain::id::LogId::AccessLog(AccessLogId::of_practice(practice));
        assert_eq!(log.to_string().split('_').next(), Some("accesslog"));
        let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
        let events = snapshot.events(log.uuid().into_bytes(), 0, 100).await.expect("its events");
        assert_eq!(events.iter().map(|event| (event.seq, event.kind.as_str())).collect::<Vec<_>>(), [(1, "reading.of_file"), (2, "reading.of_file")]);
        product.app.sign_checkpoints(None).await.expect("it is signed");
        product.prove().await;
    }
}
