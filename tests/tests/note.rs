//! Notes: a coach's private ones, a coachee's own, and those that a coachee shares (S2.31–S2.35, S3.21).

use std::collections::BTreeMap;

use domain::id::{LogId, PracticeId};
use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::audit::{entries, grant, names};
use crate::matrix::{Client, Schema, portal_queries};
use crate::plan::{goal, position};
use crate::session::{session, started};

const WRITE: &str = "mutation($i: WriteNoteInput!) { writeNote(input: $i) {
    note { id title text shared by authorId newestRevision } position errors { code path } } }";
const SAVE: &str =
    "mutation($i: SaveNoteInput!) { saveNote(input: $i) { revision position conflict { base theirs yours revision }
    note { id title text newestRevision siblings { revision text } } errors { code } } }";
const RESTORE: &str =
    "mutation($i: RestoreNoteInput!) { restoreNote(input: $i) { revision note { text } errors { code } } }";
const SHARE: &str = "mutation($i: ShareNoteInput!) { shareNote(input: $i) { note { id shared } errors { code } } }";
const UNSHARE: &str =
    "mutation($i: UnshareNoteInput!) { unshareNote(input: $i) { note { id shared } errors { code } } }";
const COMMENT: &str =
    "mutation($i: CommentOnNoteInput!) { commentOnNote(input: $i) { comment { id text authorId } errors { code } } }";
const DELETE: &str = "mutation($i: DeleteNoteInput!) { deleteNote(input: $i) { deletedId errors { code } } }";

/// How many events of a practice's log each step of a piece of work went through.
#[derive(Default)]
struct Steps(Vec<u64>);

impl app::fold::Progress for Steps {
    fn done(&mut self, log: LogId, events: u64) {
        if matches!(log, LogId::Practice(_)) {
            self.0.push(events);
        }
    }
}

/// Writes a note: its id.
pub async fn written(by: &Person, practice: &str, coachee: &str, title: &str, text: &str) -> String {
    let input = json!({ "practiceId": practice, "coacheeId": coachee, "title": title, "text": text });
    let answer = by.ask(WRITE, json!({ "i": input })).await["writeNote"].clone();
    answer["note"]["id"].as_str().unwrap_or_else(|| panic!("not written: {answer}")).to_owned()
}

fn named(practice: &str, note: &str) -> Value {
    json!({ "i": { "practiceId": practice, "noteId": note } })
}

fn commenting(practice: &str, note: &str, text: &str) -> Value {
    json!({ "i": { "practiceId": practice, "noteId": note, "text": text } })
}

fn saving(practice: &str, note: &str, base: u64, text: &str) -> Value {
    json!({ "i": { "practiceId": practice, "noteId": note, "base": base, "text": text } })
}

async fn shared(by: &Person, practice: &str, note: &str) {
    let answer = by.ask(SHARE, named(practice, note)).await["shareNote"].clone();
    assert_eq!(answer, json!({ "note": { "id": note, "shared": true }, "errors": [] }));
}

async fn commented(by: &Person, practice: &str, note: &str, text: &str) -> String {
    let answer = by.ask(COMMENT, commenting(practice, note, text)).await["commentOnNote"].clone();
    assert_eq!(answer["comment"]["text"], text, "{answer}");
    answer["comment"]["id"].as_str().expect("an id").to_owned()
}

/// The titles of the notes in a portal.
async fn titles(who: &Person, portal: &str, practice: &str, arguments: &str) -> Vec<String> {
    let query = format!(
        "query($p: ID!) {{ viewer {{ {portal}(practiceId: $p) {{ notes{arguments} {{ nodes {{ title }} }} }} }} }}"
    );
    let data = who.ask(&query, json!({ "p": practice })).await;
    let nodes = data["viewer"][portal]["notes"]["nodes"].as_array().expect("notes").clone();
    nodes.iter().map(|node| node["title"].as_str().expect("a title").to_owned()).collect()
}

/// A note by its id, with everything.
async fn note(who: &Person, id: &str) -> Value {
    let query = "query($i: ID!) { node(id: $i) { ... on Note { title text html shared by commentCount newestRevision
        siblings { revision } revisions(first: 50) { nodes { revision base sibling restoredFrom } }
        comments(first: 50) { nodes { text authorId } } } } }";
    who.ask(query, json!({ "i": id })).await["node"].clone()
}

/// A practice with two coaches of Robin, a manager, a coach without access, and Robin with a running session of Bob's.
struct Scene {
    practice: String,
    ada: Person,
    mia: Person,
    bob: Person,
    cleo: Person,
    dan: Person,
    robin: String,
    coachee: Person,
    session: String,
}

impl Scene {
    async fn new(product: &Product) -> Self {
        let (ada, practice) = product.coach("Ada").await;
        let mia = product.further_coach(&ada, &practice, "Mia", "MANAGER").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "COACH").await;
        let dan = product.further_coach(&ada, &practice, "Dan", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &bob, &robin).await;
        grant(&ada, &practice, &cleo, &robin).await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let session = started(&bob, &practice, &robin, "First").await;
        Self { practice, ada, mia, bob, cleo, dan, robin, coachee, session }
    }

    /// Everything that somebody can ask and try, by what it was: each portal's fields, things by their ids, the log, and
    /// every mutation with the ids of a note and a comment.
    async fn sweep(
        &self,
        who: &Person,
        things: &Client,
        schema: &Schema,
        (note, comment): (&str, &str),
    ) -> BTreeMap<String, Value> {
        let mut asked: Vec<String> = portal_queries(schema).into_iter().map(|query| things.filled(&query)).collect();
        for id in [&self.session, &self.robin] {
            asked.push(format!(
                "{{ node(id: \"{id}\") {{ id ... on Session {{ {} }} ... on Coachee {{ {} }} }} }}",
                schema.select("Session", 2),
                schema.select("Coachee", 2)
            ));
        }
        for portal in ["coachPortal", "coacheePortal"] {
            for rest in [
                "first: 100",
                "last: 3",
                "filter: { kinds: [\"note_write\", \"note.saved\", \"note_comment\", \"note_delete\"] }",
            ] {
                asked.push(format!("{{ viewer {{ {portal}(practiceId: \"{}\") {{ activityLog({rest}) {{
                    edges {{ cursor node {{ position kind thingId changes {{ field now }} }} }} pageInfo {{ hasNextPage hasPreviousPage }} }} }} }} }}", self.practice));
            }
        }
        let mut answers = BTreeMap::new();
        for query in asked {
            assert!(!query.contains('$'), "{query}");
            let answer = who.whole(&query, json!({})).await.body;
            answers.insert(query, answer);
        }
        for (number, id) in [note, comment].into_iter().enumerate() {
            let node = schema.select("Note", 2);
            for query in [
                format!("query($i: ID!) {{ node(id: $i) {{ id ... on Note {{ {node} }} }} }}"),
                format!("query($i: ID!) {{ nodes(ids: [$i]) {{ id ... on Note {{ {node} }} }} }}"),
            ] {
                answers.insert(format!("{number} {query}"), who.whole(&query, json!({ "i": id })).await.body);
            }
        }
        let restoring = json!({ "i": { "practiceId": self.practice, "noteId": note, "revision": 1 } });
        for (mutation, input) in [
            (SAVE, saving(&self.practice, note, 1, "taken over")),
            (RESTORE, restoring),
            (COMMENT, commenting(&self.practice, note, "seen")),
            (SHARE, named(&self.practice, note)),
            (UNSHARE, named(&self.practice, note)),
            (DELETE, named(&self.practice, note)),
        ] {
            answers.insert(mutation.to_owned(), who.whole(mutation, input).await.body);
        }
        answers
    }
}

both! {
    /// Their own, and what a coachee shared; with the comments of both sides, live, until it is taken back.
    #[test]
    async fn s2_31_a_coach_sees_their_own_notes_and_those_that_a_coachee_shared(product: Product) {
        let Scene { practice, ada, mia, bob, dan, robin, coachee, .. } = Scene::new(&product).await;
        written(&bob, &practice, &robin, "Bob's", "private").await;
        product.later(1);
        let own = written(&coachee, &practice, &robin, "Robin's", "What I *think*").await;
        written(&coachee, &practice, &robin, "Robin's alone", "Not for them").await;
        let before = commented(&coachee, &practice, &own, "Will I share it?").await;
        assert_eq!(titles(&bob, "coachPortal", &practice, "(first: 9)").await, ["Bob's"]);
        let follow = json!({ "p": practice, "a": position(&ada, &practice).await });
        let listen = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes { __typename
            ... on Note { id title text shared comments(first: 9) { nodes { text } } } ... on NoteComment { id text } ... on Gone { id } } } }";
        let mut live = [bob.listen(listen, follow.clone()).await, mia.listen(listen, follow.clone()).await];
        let mut without = dan.listen(listen, follow.clone()).await;
        shared(&coachee, &practice, &own).await;
        let note_now = json!({ "__typename": "Note", "id": own, "title": "Robin's", "text": "What I *think*", "shared": true, "comments": { "nodes": [{ "text": "Will I share it?" }] } });
        for live in &mut live {
            let changes = live.next().await["coachPortalChanges"]["changes"].clone();
            assert_eq!(changes, json!([note_now, { "__typename": "NoteComment", "id": before, "text": "Will I share it?" }]));
        }
        assert_eq!(titles(&bob, "coachPortal", &practice, "(first: 9)").await, ["Robin's", "Bob's"]);
        let seen = note(&mia, &own).await;
        assert_eq!((&seen["html"], &seen["by"], &seen["newestRevision"]), (&json!("<p>What I <em>think</em></p>\n"), &json!("COACHEE"), &Value::Null));
        assert_eq!(seen["revisions"]["nodes"], json!([]), "its history is its author's");
        // Coaches comment; they change nothing.
        product.later(1);
        let after = commented(&bob, &practice, &own, "I am glad that you did").await;
        for live in &mut live {
            let changes = live.next().await["coachPortalChanges"]["changes"].clone();
            let comment = json!({ "__typename": "NoteComment", "id": after, "text": "I am glad that you did" });
            assert!(changes.as_array().is_some_and(|changes| changes.contains(&comment)), "{changes}");
        }
        assert_eq!(note(&coachee, &own).await["comments"]["nodes"], json!([
            { "text": "Will I share it?", "authorId": coachee.id }, { "text": "I am glad that you did", "authorId": bob.id },
        ]));
        for (mutation, input) in [(SAVE, saving(&practice, &own, 1, "mine")), (UNSHARE, named(&practice, &own)), (DELETE, named(&practice, &own)), (SHARE, named(&practice, &own))] {
            assert_eq!(bob.fails(mutation, input.clone()).await, "FORBIDDEN", "{mutation}");
            assert_eq!(dan.fails(mutation, input).await, "NOT_FOUND", "{mutation}");
        }
        // Both sides review that it was shared, discussed and taken back; what is in it is said to neither there.
        assert_eq!(coachee.refused(SHARE, named(&practice, &own)).await, "NOTE_IS_SHARED");
        coachee.ask(UNSHARE, named(&practice, &own)).await;
        for live in &mut live {
            let changes = live.next().await["coachPortalChanges"]["changes"].clone();
            let gone = [&own, &before, &after].map(|id| json!({ "__typename": "Gone", "id": id }));
            assert_eq!(changes, json!(gone));
        }
        assert_eq!(coachee.refused(UNSHARE, named(&practice, &own)).await, "NOTE_IS_NOT_SHARED");
        let kinds = json!({ "kinds": ["note_write", "note_share", "note_discuss", "note_unshare", "note_comment"] });
        let bobs = entries(&bob, "coachPortal", &practice, kinds.clone()).await;
        assert_eq!(names(&bobs), ["note_write", "note_share", "note_discuss", "note_unshare"]);
        assert_eq!(bobs[0]["actorId"], json!(bob.id));
        assert!(!json!(bobs).to_string().contains("glad"), "{bobs:?}");
        let robins = entries(&coachee, "coacheePortal", &practice, kinds.clone()).await;
        assert_eq!(names(&robins), ["note_write", "note_write", "note_comment", "note_share", "note_discuss", "note_unshare"]);
        assert_eq!(entries(&dan, "coachPortal", &practice, kinds).await, Vec::<Value>::new());
        assert_eq!(note(&coachee, &own).await["commentCount"], 2);
        assert_eq!(bob.fails(COMMENT, commenting(&practice, &own, "Still there?")).await, "NOT_FOUND");
        // Who has no access has heard of none of it: the first thing is what everybody hears.
        ada.ask("mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "lowSessions": 4 } })).await;
        assert_eq!(without.next().await["coachPortalChanges"]["changes"], json!([{ "__typename": "Practice" }]));
        product.prove().await;
    }

    /// Every path by which anybody else might come to a coach's note – the portals, nodes, the log, proofs, moments of the
    /// past, every mutation, subscriptions from the beginning – answers as if there were none.
    #[test]
    async fn s2_32_a_coachs_note_is_not_there_for_anybody_else(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, mia, bob, cleo, dan, robin, coachee, session: running } = &scene;
        let schema = Schema::read(ada).await;
        let aim = goal(ada, practice, robin, "Lead the team").await;
        let nothing = ["note_01h455vb4pex5vsknk084sn02q", "notecomment_01h455vb4pex5vsknk084sn02q"];
        let seen = [("practice", practice.as_str()), ("coachee", robin), ("session", running), ("goal", &aim), ("seen", "at2"), ("note", nothing[0]), ("conversation", "conversation_01h455vb4pex5vsknk084sn02q"), ("group", "group_01h455vb4pex5vsknk084sn02q"), ("action", "action_01h455vb4pex5vsknk084sn02q"), ("appointment", "appointment_01h455vb4pex5vsknk084sn02q")];
        let things = Client { mark: "", practice: practice.clone(), coachee: robin.clone(), things: seen.map(|(kind, id)| (kind.to_owned(), id.to_owned())).into() };
        product.app.sign_checkpoints(None).await.expect("signed");
        let others = [("the owner", ada), ("a manager", mia), ("another coach", cleo), ("a coach without access", dan), ("the coachee", coachee)];
        let mut before = Vec::new();
        for (_, who) in others.iter().chain([&("its author", bob)]) {
            // Reading may leave traces of its own, once.
            scene.sweep(who, &things, &schema, (nothing[0], nothing[1])).await;
            before.push(scene.sweep(who, &things, &schema, (nothing[0], nothing[1])).await);
        }
        let place = position(ada, practice).await;
        let private = written(bob, practice, robin, "Hidden title", "hidden words").await;
        bob.ask(SAVE, saving(practice, &private, 1, "hidden words and more")).await;
        let comment = commented(bob, practice, &private, "hidden thought").await;
        let deleted = written(bob, practice, robin, "Hidden and gone", "hidden").await;
        bob.ask(DELETE, named(practice, &deleted)).await;
        assert_eq!(bob.refused(SHARE, named(practice, &private)).await, "NOTE_IS_PRIVATE");
        let last = position(ada, practice).await;
        for (number, (name, who)) in others.iter().chain([&("its author", bob)]).enumerate() {
            let after = scene.sweep(who, &things, &schema, (&private, &comment)).await;
            let differ: Vec<&String> = after.iter().filter(|(query, answer)| before[number][*query] != **answer).map(|(query, _)| query).collect();
            if *name == "its author" {
                // The control: the sweep would have noticed.
                for field in ["notes(", "coacheeNotes", "activityLog(first: 100)", "node(id", "saveNote", "commentOnNote", "deleteNote"] {
                    assert!(differ.iter().any(|query| query.contains(field)), "the sweep is blind to {field}: {differ:?}");
                }
            } else {
                let first = differ.first().map(|query| (query, &before[number][*query], &after[*query]));
                assert_eq!(first, None, "{name} learns of the note");
            }
        }
        // The author has deleted it by now. What was then is not the others' either, nor are its proofs.
        for (name, who) in others {
            let portal = if name == "the coachee" { "coacheePortal" } else { "coachPortal" };
            for moment in [&place, &last] {
                let query = format!("query($p: ID!, $m: Position) {{ viewer {{ {portal}(practiceId: $p, asOf: {{ position: $m }}) {{ notes(first: 9) {{ nodes {{ id title text }} }} activityLog(first: 100) {{ nodes {{ kind }} }} }} }} }}");
                let then = who.ask(&query, json!({ "p": practice, "m": moment })).await.to_string();
                assert!(!then.contains("note.") && then.contains("\"notes\":{\"nodes\":[]}"), "{name}: {then}");
            }
            let proof = format!("query($p: ID!, $m: Position!) {{ viewer {{ {portal}(practiceId: $p) {{ auditProof(position: $m) {{ record }} }} }} }}");
            assert_eq!(who.fails(&proof, json!({ "p": practice, "m": last })).await, "NOT_FOUND", "{name}");
        }
        // From the beginning on nobody else hears of it: neither what it was, nor that it is gone.
        ada.ask("mutation($i: SetActiveGoalInput!) { setActiveGoal(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "coacheeId": robin, "activeGoal": "Go on" } })).await;
        ada.ask("mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "lowSessions": 5 } })).await;
        let until = position(ada, practice).await;
        for (name, who) in others.iter().chain([&("its author", bob)]) {
            let portal = if *name == "the coachee" { "coacheePortalChanges" } else { "coachPortalChanges" };
            // Who comes from before they had access loads anew; who was there then is told what changed since.
            for after in [&json!("at1"), &place] {
                let query = format!("subscription($p: ID!, $a: Position) {{ {portal}(practiceId: $p, after: $a) {{ position changes {{ __typename ... on Gone {{ id }} ... on Note {{ id }} ... on NoteComment {{ id }} }} }} }}");
                let mut live = who.listen(&query, json!({ "p": practice, "a": after })).await;
                let mut heard = String::new();
                loop {
                    let item = live.next().await[portal].clone();
                    heard.push_str(&item["changes"].to_string());
                    if item["position"] == until { break; }
                }
                assert_eq!(heard.contains("note"), *name == "its author" && *after == place, "{name}: {heard}");
            }
            if *name == "a coach without access" {
                continue;
            }
            let mut log = who.listen("subscription($p: ID!) { activity(practiceId: $p, after: \"at1\") { position entry { kind } } }", json!({ "p": practice })).await;
            let mut heard = String::new();
            while !heard.contains("coachee.active_goal_set") {
                heard.push_str(&log.next().await["activity"]["entry"].to_string());
            }
            assert_eq!(heard.contains("note."), *name == "its author", "{name}: {heard}");
        }
        product.prove().await;
    }

    /// Title and text, saved again and again from what was there: merged, kept beside, brought back, each save its own.
    #[test]
    async fn s2_33_a_note_has_title_and_description_and_saves_itself(product: Product) {
        let Scene { practice, robin, coachee, .. } = Scene::new(&product).await;
        let input = json!({ "practiceId": practice, "coacheeId": robin, "title": "Week 1", "text": "one\ntwo\nthree\n" });
        let answer = coachee.ask(WRITE, json!({ "i": input })).await["writeNote"].clone();
        let id = answer["note"]["id"].as_str().expect("an id").to_owned();
        assert_eq!(answer["note"], json!({ "id": id, "title": "Week 1", "text": "one\ntwo\nthree\n", "shared": false, "by": "COACHEE", "authorId": coachee.id, "newestRevision": 1 }));
        let save = async |base: u64, text: &str| coachee.ask(SAVE, saving(&practice, &id, base, text)).await["saveNote"].clone();
        assert_eq!(save(1, "ONE\ntwo\nthree\n").await["revision"], 2);
        // From the other tab, which had the first: other lines are merged, the same lines are kept twice.
        let merged = save(1, "one\ntwo\nTHREE\n").await;
        assert_eq!((&merged["conflict"], &merged["note"]["text"]), (&Value::Null, &json!("ONE\ntwo\nTHREE\n")));
        let kept = save(1, "eins\ntwo\nthree\n").await;
        assert_eq!(kept["conflict"], json!({ "base": "one\ntwo\nthree\n", "theirs": "ONE\ntwo\nTHREE\n", "yours": "eins\ntwo\nthree\n", "revision": 4 }));
        assert_eq!(kept["note"]["siblings"], json!([{ "revision": 4, "text": "eins\ntwo\nthree\n" }]));
        let settling = json!({ "i": { "practiceId": practice, "noteId": id, "base": 3, "title": "Week one", "text": "ONE eins\ntwo\nTHREE\n", "settles": 4 } });
        let settled = coachee.ask(SAVE, settling).await["saveNote"].clone();
        assert_eq!((&settled["note"]["title"], &settled["note"]["siblings"]), (&json!("Week one"), &json!([])));
        // Every save is in its history, and each text can be had again.
        let restored = coachee.ask(RESTORE, json!({ "i": { "practiceId": practice, "noteId": id, "revision": 4 } })).await["restoreNote"].clone();
        assert_eq!(restored, json!({ "revision": 6, "note": { "text": "eins\ntwo\nthree\n" }, "errors": [] }));
        let history = note(&coachee, &id).await["revisions"]["nodes"].clone();
        let line = |revision: u32, base: u32, sibling: bool, restored: Option<u32>| json!({ "revision": revision, "base": base, "sibling": sibling, "restoredFrom": restored });
        assert_eq!(history, json!([line(6, 5, false, Some(4)), line(5, 3, false, None), line(4, 1, true, None), line(3, 1, false, None), line(2, 1, false, None), line(1, 0, false, None)]));
        for (revision, text) in [(1, "one\ntwo\nthree\n"), (3, "ONE\ntwo\nTHREE\n"), (5, "ONE eins\ntwo\nTHREE\n")] {
            let query = "query($i: ID!, $r: Int!) { node(id: $i) { ... on Note { revision(number: $r) { revision text html } } } }";
            let then = coachee.ask(query, json!({ "i": id, "r": revision })).await["node"]["revision"].clone();
            assert_eq!((&then["revision"], &then["text"]), (&json!(revision), &json!(text)));
        }
        assert_eq!(coachee.refused(SAVE, saving(&practice, &id, 99, "")).await, "NOTES_REVISION_IS_NOT_THERE");
        assert_eq!(coachee.refused(RESTORE, json!({ "i": { "practiceId": practice, "noteId": id, "revision": 99 } })).await, "NOTES_REVISION_IS_NOT_THERE");
        assert_eq!(coachee.refused(SAVE, saving(&practice, &id, 6, &"ü".repeat(102_401))).await, "NOTES_ARE_TOO_LONG");
        let long = json!({ "practiceId": practice, "coacheeId": robin, "title": "x".repeat(201), "text": "" });
        assert_eq!(coachee.refused(WRITE, json!({ "i": long })).await, "TEXT_IS_TOO_LONG");
        // Comments at any time; and all of it goes with the note.
        let comment = commented(&coachee, &practice, &id, "A thought").await;
        assert_eq!(coachee.refused(COMMENT, commenting(&practice, &id, " ".repeat(5_001).as_str())).await, "TEXT_IS_TOO_LONG");
        assert_eq!(coachee.ask(DELETE, named(&practice, &id)).await["deleteNote"], json!({ "deletedId": id, "errors": [] }));
        for gone in [&id, &comment] {
            assert_eq!(coachee.fails("query($i: ID!) { node(id: $i) { id } }", json!({ "i": gone })).await, "NOT_FOUND");
        }
        assert_eq!(coachee.fails(DELETE, named(&practice, &id)).await, "NOT_FOUND");
        product.prove().await;
    }

    /// Only those that the coach wrote, or only those that coachees shared; of one coachee, or of all.
    #[test]
    async fn s2_34_notes_are_filtered_by_whose_they_are(product: Product) {
        let Scene { practice, ada, bob, robin, coachee, .. } = Scene::new(&product).await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        grant(&ada, &practice, &bob, &kim).await;
        for (about, title) in [(&robin, "On Robin"), (&kim, "On Kim")] {
            product.later(1);
            written(&bob, &practice, about, title, "…").await;
        }
        written(&ada, &practice, &robin, "Ada's", "…").await;
        product.later(1);
        let own = written(&coachee, &practice, &robin, "Robin's", "…").await;
        shared(&coachee, &practice, &own).await;
        for (arguments, expected) in [
            ("(first: 9)".to_owned(), vec!["Robin's", "On Kim", "On Robin"]),
            ("(filter: { of: MINE })".to_owned(), vec!["On Kim", "On Robin"]),
            ("(filter: { of: SHARED_BY_COACHEE })".to_owned(), vec!["Robin's"]),
            (format!("(filter: {{ coacheeId: \"{robin}\" }})"), vec!["Robin's", "On Robin"]),
            (format!("(filter: {{ coacheeId: \"{robin}\", of: MINE }})"), vec!["On Robin"]),
            (format!("(filter: {{ coacheeId: \"{kim}\", of: SHARED_BY_COACHEE }})"), vec![]),
        ] {
            assert_eq!(titles(&bob, "coachPortal", &practice, &arguments).await, expected, "{arguments}");
        }
        let file = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { all: notes { nodes { title } } mine: notes(of: MINE) { nodes { title } } theirs: notes(of: SHARED_BY_COACHEE) { nodes { title } } } } } }";
        let file = bob.ask(file, json!({ "p": practice, "c": robin })).await["viewer"]["coachPortal"]["coachee"].clone();
        assert_eq!((&file["mine"]["nodes"], &file["theirs"]["nodes"]), (&json!([{ "title": "On Robin" }]), &json!([{ "title": "Robin's" }])));
        assert_eq!(file["all"]["nodes"].as_array().map(Vec::len), Some(2));
        assert_eq!(titles(&coachee, "coacheePortal", &practice, "(shared: true)").await, ["Robin's"]);
        assert_eq!(titles(&coachee, "coacheePortal", &practice, "(shared: false)").await, Vec::<String>::new());
        product.prove().await;
    }

    /// The notepad of a session that goes on has them beside the session's own notes.
    #[test]
    async fn s2_35_during_a_session_the_notes_are_at_hand(product: Product) {
        let Scene { practice, bob, cleo, robin, coachee, session: id, .. } = Scene::new(&product).await;
        written(&bob, &practice, &robin, "Ask about Berlin", "…").await;
        let own = written(&coachee, &practice, &robin, "For Bob", "…").await;
        shared(&coachee, &practice, &own).await;
        let fields = "coacheeNotes(first: 9) { nodes { title text } } mine: coacheeNotes(of: MINE) { nodes { title } }";
        let shown = session(&bob, &practice, &id, fields).await;
        assert_eq!(shown["mine"]["nodes"], json!([{ "title": "Ask about Berlin" }]));
        assert_eq!(shown["coacheeNotes"]["nodes"].as_array().map(Vec::len), Some(2));
        assert_eq!(session(&cleo, &practice, &id, fields).await["coacheeNotes"]["nodes"], json!([{ "title": "For Bob", "text": "…" }]));
        let live = "query($p: ID!, $s: ID!) { viewer { coachPortal(practiceId: $p) { liveSession(id: $s) { coacheeNotes { nodes { title } } } } } }";
        let live = bob.ask(live, json!({ "p": practice, "s": id })).await;
        assert_eq!(live["viewer"]["coachPortal"]["liveSession"]["coacheeNotes"]["nodes"].as_array().map(Vec::len), Some(2));
        product.prove().await;
    }

    /// Long texts are read few at a time also by those who go through a whole log.
    #[test]
    async fn long_notes_are_folded_and_verified_few_at_a_time(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        for number in 0..45 {
            written(&ada, &practice, &robin, &format!("Note {number}"), &"word ".repeat(40_000)).await;
        }
        let log = LogId::Practice(practice.parse::<PracticeId>().expect("an id"));
        let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
        let records = snapshot.records(log.uuid().into_bytes(), 0, 1_000).await.expect("records");
        snapshot.close().await.expect("closed");
        let (mut folded, mut verified) = (Steps::default(), Steps::default());
        product.app.fold_in_memory(log, &mut folded).await.expect("it is folded");
        app::verify::verify(product.app.store(), Some(log), None, &[], &mut verified).await.expect("it is verified");
        for steps in [folded.0, verified.0] {
            assert_eq!(steps.iter().sum::<u64>(), records.len() as u64, "each event once");
            assert!(steps.len() > 1, "all of it was read at once");
            let mut sizes = records.iter().map(|(_, record)| record.len());
            for events in steps {
                let bytes: usize = sizes.by_ref().take(usize::try_from(events).expect("few")).sum();
                assert!(bytes < 16 << 20, "{bytes} bytes at once");
            }
        }
        product.app.rebuild(Some(log), &mut ()).await.expect("it is rebuilt");
        product.prove().await;
    }

    /// A coach's journal stays theirs: out of sight without access, there again with it.
    #[test]
    async fn s3_21_a_coachs_journal_is_out_of_sight_without_access(product: Product) {
        let Scene { practice, ada, bob, robin, .. } = Scene::new(&product).await;
        let id = written(&bob, &practice, &robin, "Journal", "What I observe").await;
        let access = json!({ "practiceId": practice, "coachId": bob.id, "coacheeId": robin });
        ada.ask("mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }", json!({ "i": access })).await;
        assert_eq!(titles(&bob, "coachPortal", &practice, "(first: 9)").await, Vec::<String>::new());
        assert_eq!(bob.fails(SAVE, saving(&practice, &id, 1, "more")).await, "NOT_FOUND");
        assert_eq!(bob.fails("query($i: ID!) { node(id: $i) { id } }", json!({ "i": id })).await, "NOT_FOUND");
        grant(&ada, &practice, &bob, &robin).await;
        assert_eq!(note(&bob, &id).await["text"], "What I observe");
        product.prove().await;
    }
}
