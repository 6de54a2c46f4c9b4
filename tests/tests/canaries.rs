//! Marked texts through every mutation that takes one, and then a search of every byte that was stored (promise C1):
//! confidential texts are nowhere in the clear, personal ones are in read models only, never in the log.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use store::Type;
use tests::{Database, Person, Product, both};

use crate::audit::entries;
use crate::session::session;

/// What marks a confidential text, and a personal one. A text is a mark, a number and an `x`.
const CONFIDENTIAL: &[u8] = b"zqconf";
const PERSONAL: &[u8] = b"zqpers";

fn confidential(number: usize) -> String {
    format!("zqconf{number:02}x")
}

fn personal(number: usize) -> String {
    format!("zqpers{number:02}x")
}

/// The marked texts in some bytes, whatever their case.
fn marked(bytes: &[u8], mark: &[u8]) -> BTreeSet<String> {
    let starts = bytes.split(|byte| matches!(byte, b'z' | b'Z')).skip(1);
    let found =
        starts.filter(|part| part.get(..mark.len() - 1).is_some_and(|start| start.eq_ignore_ascii_case(&mark[1..])));
    found
        .map(|part| format!("z{}", String::from_utf8_lossy(&part[..part.len().min(mark.len() + 2)]).to_lowercase()))
        .collect()
}

/// The bytes that PostgreSQL's text form of `bytea` stands for, in a row's text.
fn with_bytes(row: &str) -> Vec<u8> {
    let mut bytes = row.as_bytes().to_vec();
    for part in row.split("\\\\x").skip(1).chain(row.split("\\x").skip(1)) {
        let digits: Vec<u8> = part.bytes().take_while(u8::is_ascii_hexdigit).collect();
        bytes.push(b'\n');
        bytes.extend(
            digits.chunks_exact(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()),
        );
    }
    bytes
}

/// Every file of a folder and of those in it, except the mails that were delivered.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            if !entry.ends_with("mail") {
                found.extend(files(&entry));
            }
        } else {
            found.push(entry);
        }
    }
    found
}

fn text(value: &store::Value) -> &str {
    let store::Value::Text(text) = value else { panic!("{value:?} is no text") };
    text
}

/// Every byte that the product has stored: files on SQLite; every row of every table, and the files of the database and of
/// the write-ahead log since the story began, on PostgreSQL.
async fn everything(product: &Product) -> Vec<u8> {
    let mut bytes = Vec::new();
    match product.place.database {
        Database::Sqlite => {
            let files = files(product.folder());
            assert!(
                files.iter().any(|file| file.to_string_lossy().ends_with("-wal")),
                "the write-ahead log is looked through"
            );
            for file in files {
                bytes.extend(std::fs::read(file).expect("a file"));
            }
        }
        Database::Postgres => {
            for file in files(&product.files()) {
                bytes.extend(std::fs::read(file).expect("a file"));
            }
            let mut batch = product.app.store().batch().await.expect("a transaction");
            let tables = batch
                .query(
                    "select table_name::text from information_schema.tables where table_schema = 'public'",
                    &[],
                    &[Type::Text],
                )
                .await
                .expect("tables");
            for table in tables.iter().map(|row| text(&row[0])) {
                // Statements live as long as the program; a few leak here.
                let all: &'static str = format!("select t::text from {table} t").leak();
                let rows = batch.query(all, &[], &[Type::Text]).await.expect("rows");
                for row in rows {
                    bytes.extend(with_bytes(text(&row[0])));
                }
            }
            let place = "select current_setting('data_directory'), (select oid::text from pg_database where datname = current_database())";
            let place = batch.query(place, &[], &[Type::Text, Type::Text]).await.expect("a place");
            batch.commit().await.expect("committed");
            let (data, database) = (text(&place[0][0]), text(&place[0][1]));
            let since =
                std::fs::metadata(product.folder().join("root.key")).and_then(|meta| meta.modified()).expect("a time");
            for folder in [format!("{data}/base/{database}"), format!("{data}/pg_wal")] {
                // A server elsewhere shows its rows only.
                let Ok(entries) = std::fs::read_dir(&folder) else { continue };
                for file in entries.filter_map(Result::ok).filter(|file| {
                    file.metadata().is_ok_and(|meta| meta.is_file() && meta.modified().is_ok_and(|at| at >= since))
                }) {
                    bytes.extend(std::fs::read(file.path()).unwrap_or_default());
                }
            }
        }
    }
    bytes
}

/// The records of every log.
async fn logs(product: &Product) -> Vec<u8> {
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    let mut bytes = Vec::new();
    for head in snapshot.heads(None, 1_000).await.expect("heads") {
        for (_, record) in snapshot.records(head.log, 0, 10_000).await.expect("records") {
            bytes.extend(record);
            bytes.push(b'\n');
        }
    }
    snapshot.close().await.expect("closed");
    bytes
}

/// What the product prints of itself for those who debug it: every row of every read model, every event with its texts
/// open. Also how many of those texts were open and marked, without which nothing would be shown.
async fn printed(product: &Product) -> (Vec<u8>, usize) {
    let (mut text, mut open, mut stored) = (String::new(), 0, Vec::new());
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    for head in snapshot.heads(None, 1_000).await.expect("heads") {
        stored.extend(snapshot.events(head.log, 0, 10_000).await.expect("events"));
        for table in domain::Table::ALL {
            let rows = store::Select::new(product.app.tables().physical(*table).expect("a table"), head.log, 10_000);
            for (_, document) in snapshot.documents(&rows).await.expect("rows") {
                text += &table.show(&document).expect("a row");
            }
        }
    }
    snapshot.close().await.expect("closed");
    for event in &stored {
        let happened = product.app.read(event).await.expect("an event").expect("nothing is forgotten");
        let words = happened.event.entry().changes.into_iter().filter_map(|edit| edit.now);
        open += words.filter(|word| word.contains("zq")).count();
        // Writing to a string cannot fail.
        let _ = write!(text, "{event:?} {happened:?} {happened:#?}");
    }
    (text.into_bytes(), open)
}

/// Somebody who changes a practice with marked texts.
struct Writer<'a> {
    who: &'a Person,
    practice: &'a str,
}

impl Writer<'_> {
    /// Runs a mutation with an idempotency key: its first field's payload.
    async fn run(&self, mutation: &str, shows: &str, mut input: Value) -> Value {
        input["practiceId"] = json!(self.practice);
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!("mutation($i: {kind}!) {{ {mutation}(input: $i) {{ {shows} errors {{ code }} }} }}");
        let key = format!(
            "{:x}",
            std::hash::BuildHasher::hash_one(
                &std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default(),
                format!("{mutation} {input}")
            )
        );
        let answer = self.who.once(&key, &query, json!({ "i": input })).await;
        let payload = answer.body["data"][mutation].clone();
        assert_eq!(payload["errors"], json!([]), "{mutation}: {}", answer.body);
        payload
    }

    /// The same, and the id that it shows.
    async fn made(&self, mutation: &str, field: &str, input: Value) -> String {
        let payload = self.run(mutation, &format!("{field} {{ id }}"), input).await;
        payload[field]["id"].as_str().unwrap_or_else(|| panic!("{mutation}: {payload}")).to_owned()
    }

    /// What a person names beside a practice that is there: a program's token, another practice, and themself in it. Gives
    /// that practice.
    async fn own(&self) -> String {
        let scopes = json!([{ "practiceId": self.practice, "portal": "COACH", "right": "READ" }]);
        let input = json!({ "name": personal(22), "scopes": scopes, "expiresAt": "2026-09-01T00:00:00Z" });
        let query = "mutation($i: CreateAccessTokenInput!) { createAccessToken(input: $i) { errors { code } } }";
        let made = self.who.once("a-token-of-ones-own", query, json!({ "i": input })).await.body;
        assert_eq!(made["data"]["createAccessToken"]["errors"], json!([]), "{made}");
        let input = json!({ "name": personal(23), "timeZone": "Europe/Berlin", "displayName": personal(24) });
        let query = "mutation($i: CreatePracticeInput!) { createPractice(input: $i) { practice { id } } }";
        let made = self.who.once("a-practice-of-ones-own", query, json!({ "i": input })).await.body;
        let practice = made["data"]["createPractice"]["practice"]["id"].as_str();
        practice.unwrap_or_else(|| panic!("no practice: {made}")).to_owned()
    }

    /// Every mutation of a practice that takes a personal text: a coachee.
    async fn personal(&self) -> String {
        self.run("updatePractice", "position", json!({ "name": personal(1) })).await;
        self.run("updateCoachSettings", "position", json!({
            "displayName": personal(2), "title": personal(3), "phone": personal(4), "videoLink": format!("https://{}.example/a", personal(5)),
            "bookingLink": format!("https://{}.example/b", personal(6)),
        })).await;
        self.run(
            "addCoach",
            "position",
            json!({ "name": personal(7), "email": format!("{}@practice.example", personal(8)) }),
        )
        .await;
        let input = json!({ "firstName": personal(9), "lastName": personal(10), "email": format!("{}@coachee.example", personal(11)), "sendInvitation": true });
        let coachee = self.made("addCoachee", "coachee", input).await;
        let input = json!({ "coacheeId": coachee, "firstName": personal(12), "lastName": personal(13), "email": format!("{}@coachee.example", personal(14)) });
        self.run("updateCoachee", "position", input).await;
        let resend = "mutation($i: CoacheeInput!) { resendInvitation(input: $i) { errors { code } } }";
        let whom = json!({ "i": { "practiceId": self.practice, "coacheeId": coachee } });
        assert_eq!(self.who.ask(resend, whom).await["resendInvitation"]["errors"], json!([]));
        let input = json!({
            "coacheeId": coachee, "number": personal(15), "source": personal(16), "totalSessions": 3, "ratePerHour": { "amount": "90", "currency": "EUR" },
            "startsOn": "2026-03-01", "endsOn": "2026-03-31",
        });
        let authorization = self.made("addAuthorization", "authorization", input).await;
        self.run(
            "updateAuthorization",
            "position",
            json!({ "authorizationId": authorization, "number": personal(17), "source": personal(18) }),
        )
        .await;
        let csv =
            format!("first name,last name,email\n{},{},{}@coachee.example\n", personal(19), personal(20), personal(21));
        self.run("importCoachees", "position", json!({ "csv": csv, "dryRun": false })).await;
        coachee
    }

    /// Every mutation of plan and file that takes a confidential text.
    async fn plan(&self, coachee: &str) {
        for number in [1, 2] {
            self.run("setActiveGoal", "position", json!({ "coacheeId": coachee, "activeGoal": confidential(number) }))
                .await;
            self.run(
                "writeSynopsis",
                "position",
                json!({ "coacheeId": coachee, "synopsis": confidential(number + 2) }),
            )
            .await;
        }
        let goal = self
            .made("addGoal", "goal", json!({ "coacheeId": coachee, "title": confidential(5), "dueOn": "2026-06-30" }))
            .await;
        self.run("updateGoal", "position", json!({ "goalId": goal, "title": confidential(6) })).await;
        let milestone = self
            .made(
                "addMilestone",
                "milestone",
                json!({ "goalId": goal, "title": confidential(7), "dueOn": "2026-06-30" }),
            )
            .await;
        self.run("updateMilestone", "position", json!({ "milestoneId": milestone, "title": confidential(8) })).await;
        let input = json!({ "coacheeId": coachee, "milestoneId": milestone, "title": confidential(9), "description": confidential(10) });
        let action = self.made("addAction", "action", input).await;
        self.run(
            "updateAction",
            "position",
            json!({ "actionId": action, "title": confidential(11), "description": confidential(12) }),
        )
        .await;
        let input = json!({ "name": confidential(76), "description": confidential(77), "coacheeIds": [coachee] });
        let group = self.made("createGroup", "group", input).await;
        let input = json!({ "groupId": group, "name": confidential(78), "description": confidential(79) });
        self.run("updateGroup", "position", input).await;
        let comment =
            self.made("commentOnAction", "comment", json!({ "actionId": action, "text": confidential(70) })).await;
        self.run("updateComment", "position", json!({ "commentId": comment, "text": confidential(71) })).await;
        let input = json!({
            "coacheeId": coachee, "title": confidential(72), "description": confidential(73), "dueOn": "2026-06-30",
            "recurrence": { "frequency": "DAILY", "times": 3 },
        });
        let series = self.run("addAction", "action { seriesId }", input).await["action"]["seriesId"].clone();
        let input = json!({ "seriesId": series, "title": confidential(74), "description": confidential(75) });
        self.run("updateActionSeries", "position", input).await;
        let deleted =
            self.made("addAction", "action", json!({ "coacheeId": coachee, "title": confidential(13) })).await;
        self.run("deleteAction", "position", json!({ "actionId": deleted })).await;
    }

    /// Every mutation of sessions that takes one, with notes as frames, patches and siblings: a session.
    async fn session(&self, coachee: &str) -> String {
        let id = self.made("startSession", "session", json!({ "coacheeId": coachee, "title": confidential(14) })).await;
        self.run("updateSession", "position", json!({ "sessionId": id, "title": confidential(15) })).await;
        let input = json!({ "coacheeId": coachee, "title": confidential(16), "startedAt": "2026-02-01T09:00:00Z", "durationMinutes": 50 });
        self.run("logSession", "position", input).await;
        let step = self
            .run(
                "setNextSteps",
                "session { nextSteps { id } }",
                json!({ "sessionId": id, "steps": [{ "text": confidential(17) }, { "text": confidential(18) }] }),
            )
            .await;
        let step = step["session"]["nextSteps"][0]["id"].clone();
        self.run(
            "setNextSteps",
            "position",
            json!({ "sessionId": id, "steps": [{ "id": step, "text": confidential(19) }] }),
        )
        .await;
        let mut text = String::new();
        for number in 20..40 {
            text += &confidential(number);
            text += " and what else was said\n";
            self.run("saveSessionNotes", "position", json!({ "sessionId": id, "base": number - 20, "text": text }))
                .await;
        }
        // From the first revision, in the line that the second one has changed: a sibling.
        for number in [40, 41] {
            let answer = self
                .run(
                    "saveSessionNotes",
                    "conflict { revision }",
                    json!({ "sessionId": id, "base": 1, "text": confidential(number) }),
                )
                .await;
            assert!(answer["conflict"]["revision"].is_u64(), "{answer}");
        }
        self.run("restoreSessionNotes", "position", json!({ "sessionId": id, "revision": 3 })).await;
        let input = json!({ "coacheeId": coachee, "title": confidential(54), "place": confidential(55), "start": "2026-11-10T09:00",
            "videoLink": format!("https://{}.example", confidential(56)) });
        let appointment = self.made("addAppointment", "appointment", input).await;
        let input = json!({ "appointmentId": appointment, "title": confidential(57), "place": confidential(58),
            "videoLink": format!("https://{}.example", confidential(59)) });
        self.run("rescheduleAppointment", "position", input).await;
        for (rating, number) in [(3, 44), (10, 45)] {
            let input = json!({ "sessionId": id, "rating": rating, "reflection": confidential(number) });
            self.run("rateSession", "position", input).await;
        }
        id
    }

    /// A file, private and shared, and one that is deleted: named, renamed by whoever sends it, and filled with marks.
    async fn files(&self, coachee: &str) -> String {
        let content = confidential(82).repeat(30_000);
        let input = json!({ "coacheeId": coachee, "permission": "PRIVATE", "file": tests::file(&format!("{}.txt", confidential(81)), &content) });
        let file = self.made("uploadFile", "file", input).await;
        let input = json!({ "coacheeId": coachee, "permission": "SHARED", "name": confidential(83), "file": tests::file(&confidential(84), &confidential(85)) });
        let deleted = self.made("uploadFile", "file", input).await;
        self.run("deleteFile", "position", json!({ "fileId": deleted })).await;
        file
    }

    /// Every mutation of notes and messages that takes one, with a note's text as revisions and a sibling: a note.
    async fn notes(&self, coachee: &str) -> String {
        let input = json!({ "coacheeId": coachee, "title": confidential(46), "text": confidential(47) });
        let note = self.made("writeNote", "note", input).await;
        let input = json!({ "noteId": note, "base": 1, "title": confidential(48), "text": confidential(49) });
        self.run("saveNote", "position", input).await;
        let input = json!({ "noteId": note, "base": 1, "text": confidential(50) });
        let answer = self.run("saveNote", "conflict { revision }", input).await;
        assert!(answer["conflict"]["revision"].is_u64(), "{answer}");
        self.run("restoreNote", "position", json!({ "noteId": note, "revision": 1 })).await;
        self.run("commentOnNote", "position", json!({ "noteId": note, "text": confidential(51) })).await;
        self.run("sendMessage", "position", json!({ "coacheeId": coachee, "text": confidential(52) })).await;
        let input = json!({ "coacheeId": coachee, "title": confidential(53), "text": confidential(69) });
        let deleted = self.made("writeNote", "note", input).await;
        self.run("deleteNote", "position", json!({ "noteId": deleted })).await;
        note
    }
}

/// Every mutation of assessments and coaching questions that takes one, by the coach and by the coachee.
async fn assessments(writer: &Writer<'_>, person: &Person, coachee: &str) {
    let form = json!([
        { "words": confidential(61), "kind": "LONG_TEXT" },
        { "words": "Well?", "kind": "CHOICE", "required": false, "options": [{ "words": confidential(62) }, { "words": "No" }] },
    ]);
    let template = json!({ "title": confidential(60), "questions": form });
    let template = writer.made("createAssessmentTemplate", "template", template).await;
    let input = json!({ "coacheeId": coachee, "templateId": template });
    let assessment = writer.made("assignAssessment", "assessment", input).await;
    let questions = "coachee { questions { nodes { id } } }";
    let asked = writer
        .run("assignQuestions", questions, json!({ "coacheeId": coachee, "questions": [confidential(63)] }))
        .await;
    let question = asked["coachee"]["questions"]["nodes"][0]["id"].clone();
    writer.run("commentOnQuestion", "position", json!({ "questionId": question, "text": confidential(64) })).await;
    let coachee = Writer { who: person, practice: writer.practice };
    let answers =
        |number| json!({ "assessmentId": assessment, "answers": [{ "question": 0, "text": confidential(number) }] });
    coachee.run("saveAssessmentDraft", "position", answers(65)).await;
    let draft = "{ viewer { coacheePortal(practiceId: $p) { assessments { nodes { draft { text } } } } } }";
    let draft = person.ask(&format!("query($p: ID!) {draft}"), json!({ "p": writer.practice })).await;
    assert!(draft.to_string().contains(&confidential(65)), "{draft}");
    coachee.run("submitAssessment", "position", answers(66)).await;
    for number in [67, 68] {
        coachee
            .run("answerQuestion", "position", json!({ "questionId": question, "answer": confidential(number) }))
            .await;
    }
}

both! {
    /// Twenty-four personal and eighty-seven confidential texts; files are searched like all else.
    #[test]
    async fn no_marked_text_lies_where_it_must_not(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let writer = Writer { who: &ada, practice: &practice };
        let (another, coachee) = (writer.own().await, writer.personal().await);
        writer.plan(&coachee).await;
        let id = writer.session(&coachee).await;
        let person = product.accepted_by(&format!("{}@coachee.example", personal(14))).await;
        assessments(&writer, &person, &coachee).await;
        let note = writer.notes(&coachee).await;
        let file = writer.files(&coachee).await;
        let large = json!({ "i": { "practiceId": practice, "coacheeId": coachee, "permission": "PRIVATE", "file": tests::file(&confidential(86), &confidential(87).repeat(3_000_000)) } });
        assert_eq!(ada.refused("mutation($i: UploadFileInput!) { uploadFile(input: $i) { errors { code } } }", large).await, "FILE_IS_TOO_LARGE");
        let refused = json!({ "i": { "practiceId": practice, "noteId": note, "base": 999, "text": confidential(80) } });
        ada.whole("mutation($i: SaveNoteInput!) { saveNote(input: $i) { errors { code } } }", refused).await;
        // What is refused, or is no session of anybody's, must not stay anywhere either.
        let refused = json!({ "i": { "practiceId": practice, "sessionId": id, "base": 999, "text": confidential(42) } });
        ada.whole("mutation($i: SaveSessionNotesInput!) { saveSessionNotes(input: $i) { errors { code } } }", refused).await;
        let nowhere = json!({ "i": { "practiceId": practice, "goalId": "goal_01h455vb4pex5vsknk084sn02q", "title": confidential(43) } });
        ada.whole("mutation($i: UpdateGoalInput!) { updateGoal(input: $i) { errors { code } } }", nowhere).await;

        // Who may read them does: each text is there.
        let mut read = json!(entries(&ada, "coachPortal", &practice, Value::Null).await).to_string();
        let notes = session(&ada, &practice, &id, "revision(number: 20) { text } notes { siblings { text } }").await;
        read.push_str(&notes.to_string());
        let answered = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { assessments { nodes { questions { words options { words } } answers { text } } } } } }";
        read.push_str(&ada.ask(answered, json!({ "p": practice })).await.to_string());
        let own = "query($p: ID!) { viewer { account { accessTokens { name } } coachPortal(practiceId: $p) { practice { name } me { displayName } } } }";
        read.push_str(&ada.ask(own, json!({ "p": another })).await.to_string());
        let query = "query($i: ID!) { node(id: $i) { ... on Note { text siblings { text } revision(number: 2) { text } } } }";
        read.push_str(&ada.ask(query, json!({ "i": note })).await.to_string());
        let downloaded = ada.downloads(&format!("/files/{file}"), &[]).await;
        read.push_str(&String::from_utf8_lossy(&downloaded.bytes));
        let shown = (marked(read.as_bytes(), CONFIDENTIAL), marked(read.as_bytes(), PERSONAL));
        let conf = (1..=41).chain(44..=64).chain(66..=68).chain(70..=79).chain(81..=83);
        assert_eq!(shown.0, conf.map(confidential).collect());
        assert_eq!(shown.1, (1..=24).map(personal).collect());

        let all = everything(&product).await;
        // The search finds what lies in the clear: names and addresses in read models.
        let found = marked(&all, PERSONAL);
        for number in [1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 17, 18, 19, 20, 21, 22, 23, 24] {
            assert!(found.contains(&personal(number)), "{} is in a read model", personal(number));
        }
        assert_eq!(marked(&all, CONFIDENTIAL), BTreeSet::new());
        let logs = logs(&product).await;
        assert!(logs.windows(16).any(|part| part == b"session.notes_sa"), "the log is looked through");
        assert_eq!(marked(&logs, CONFIDENTIAL), BTreeSet::new());
        assert_eq!(marked(&logs, PERSONAL), BTreeSet::new());
        // Nor does anything print one (C6), though it be open.
        let (printed, open) = printed(&product).await;
        assert!(open > 10, "only {open} marked texts were open");
        assert_eq!((marked(&printed, CONFIDENTIAL), marked(&printed, PERSONAL)), (BTreeSet::new(), BTreeSet::new()));
        // The mails that were delivered have no confidential text but where an appointment takes place, which nobody could
        // come to without.
        let mails = product.mail(&format!("{}@coachee.example", personal(14))).await;
        assert!(!mails.is_empty());
        assert_eq!(marked(mails.concat().as_bytes(), CONFIDENTIAL), [58, 59].map(confidential).into());
        product.prove().await;
    }
}
