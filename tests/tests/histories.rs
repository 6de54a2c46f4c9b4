//! D6: what is served equals the log, whatever people do and in whatever order.
//!
//! A history is a seeded choice of changes, several at once, by a coach and a coachee, sensible and not: done, refused and
//! forbidden. Afterwards the rows that were folded as it happened are those that the log makes anew.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Person, both};

/// How many mutations a history chooses from.
const MUTATIONS: usize = 26;

/// How many changes a history has, and its seed.
#[expect(clippy::disallowed_methods, reason = "how long a test takes is chosen by whoever runs it")]
fn length_and_seed() -> (usize, u64) {
    let seed = std::env::var("THROUGHLINE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_302);
    println!("THROUGHLINE_TEST_SEED={seed}");
    (if std::env::var_os("THROUGHLINE_TEST_IN_FULL").is_some() { 20_000 } else { 400 }, seed)
}

/// A xorshift generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % end
    }

    fn of<'v>(&mut self, from: &'v [String]) -> &'v str {
        &from[self.below(from.len())]
    }
}

/// What there is to change: ids of each kind, the first of each somebody else's or nobody's.
#[derive(Default)]
struct Things {
    coachees: Vec<String>,
    goals: Vec<String>,
    milestones: Vec<String>,
    actions: Vec<String>,
    sessions: Vec<String>,
    authorizations: Vec<String>,
    notes: Vec<String>,
    files: Vec<String>,
}

impl Things {
    fn of_kind(&mut self, field: &str) -> Option<&mut Vec<String>> {
        match field {
            "coachee" => Some(&mut self.coachees),
            "goal" => Some(&mut self.goals),
            "milestone" => Some(&mut self.milestones),
            "action" => Some(&mut self.actions),
            "session" => Some(&mut self.sessions),
            "authorization" => Some(&mut self.authorizations),
            "note" => Some(&mut self.notes),
            "file" => Some(&mut self.files),
            _ => None,
        }
    }
}

/// One change: the mutation's name, its input's type, its input, and what thing it answers.
fn change(chance: &mut Chance, things: &Things, number: usize) -> (&'static str, &'static str, Value, &'static str) {
    let words = ["", "Ask", "Say it aloud", "Grüße, 你好", "  ", "Once more"];
    let word = words[chance.below(words.len())];
    let day = format!("2026-{:02}-{:02}", 1 + chance.below(13), 1 + chance.below(28));
    let coachee = chance.of(&things.coachees);
    let session = chance.of(&things.sessions);
    match chance.below(33) {
        0 => (
            "addCoachee",
            "AddCoacheeInput",
            json!({ "firstName": word, "email": format!("c{}@coachee.example", number % 7) }),
            "coachee",
        ),
        1 => ("updateCoachee", "UpdateCoacheeInput", json!({ "coacheeId": coachee, "lastName": word }), "coachee"),
        2 => ("setActiveGoal", "SetActiveGoalInput", json!({ "coacheeId": coachee, "activeGoal": word }), "coachee"),
        3 | 4 => ("addGoal", "AddGoalInput", json!({ "coacheeId": coachee, "title": word, "dueOn": day }), "goal"),
        5 => (
            "addMilestone",
            "AddMilestoneInput",
            json!({ "goalId": chance.of(&things.goals), "title": word, "dueOn": day }),
            "milestone",
        ),
        6 | 7 => (
            "addAction",
            "AddActionInput",
            json!({ "coacheeId": coachee, "milestoneId": chance.of(&things.milestones), "title": word }),
            "action",
        ),
        8 => ("addAction", "AddActionInput", json!({ "coacheeId": coachee, "title": word, "dueOn": day }), "action"),
        9 | 10 => (
            "setActionProgress",
            "SetActionProgressInput",
            json!({ "actionId": chance.of(&things.actions), "progress": chance.below(5) * 26 }),
            "action",
        ),
        11 => ("deleteAction", "DeleteActionInput", json!({ "actionId": chance.of(&things.actions) }), "deletedId"),
        12 => (
            "addAuthorization",
            "AddAuthorizationInput",
            json!({ "coacheeId": coachee, "number": word, "source": "EAP", "totalSessions": chance.below(4), "startsOn": "2026-01-01", "endsOn": day, "ratePerHour": { "amount": "120", "currency": "EUR" } }),
            "authorization",
        ),
        13 => (
            "logSession",
            "LogSessionInput",
            json!({ "coacheeId": coachee, "startedAt": "2026-03-02T08:00:00Z", "durationMinutes": 50, "authorizationId": chance.of(&things.authorizations) }),
            "session",
        ),
        14 => (
            "startSession",
            "StartSessionInput",
            json!({ "coacheeId": coachee, "authorizationId": chance.of(&things.authorizations) }),
            "session",
        ),
        15 => (
            "saveSessionNotes",
            "SaveSessionNotesInput",
            json!({ "sessionId": session, "base": chance.below(3), "text": format!("{word}\n{number}") }),
            "session",
        ),
        18 | 19 => (
            "writeNote",
            "WriteNoteInput",
            json!({ "coacheeId": coachee, "title": word, "text": format!("{word}\n{number}") }),
            "note",
        ),
        20 => (
            "saveNote",
            "SaveNoteInput",
            json!({ "noteId": chance.of(&things.notes), "base": chance.below(4), "text": format!("{number}\n{word}"), "title": "Another" }),
            "note",
        ),
        21 => ("shareNote", "ShareNoteInput", json!({ "noteId": chance.of(&things.notes) }), "note"),
        22 => ("unshareNote", "UnshareNoteInput", json!({ "noteId": chance.of(&things.notes) }), "note"),
        23 => (
            "commentOnNote",
            "CommentOnNoteInput",
            json!({ "noteId": chance.of(&things.notes), "text": word }),
            "comment",
        ),
        24 => ("deleteNote", "DeleteNoteInput", json!({ "noteId": chance.of(&things.notes) }), "deletedId"),
        25 => ("sendMessage", "SendMessageInput", json!({ "coacheeId": coachee, "text": word }), "message"),
        16 => ("endSession", "EndSessionInput", json!({ "sessionId": session, "durationMinutes": 30 }), "session"),
        17 => (
            "commentOnAction",
            "CommentOnActionInput",
            json!({ "actionId": chance.of(&things.actions), "text": word }),
            "comment",
        ),
        26 => (
            "addAction",
            "AddActionInput",
            json!({ "coacheeId": coachee, "title": word, "dueOn": day, "recurrence": { "frequency": "DAILY", "times": chance.below(4) } }),
            "action",
        ),
        27 => (
            "setActionMonitoring",
            "SetActionMonitoringInput",
            json!({ "actionId": chance.of(&things.actions), "monitored": number.is_multiple_of(2) }),
            "action",
        ),
        28 | 29 => (
            "uploadFile",
            "UploadFileInput",
            json!({ "coacheeId": coachee, "permission": (["PRIVATE", "SHARED"][number % 2]), "name": word, "file": tests::file("a.txt", word) }),
            "file",
        ),
        30 => (
            "setFilePermission",
            "SetFilePermissionInput",
            json!({ "fileId": chance.of(&things.files), "permission": (["PRIVATE", "SHARED"][number % 2]) }),
            "file",
        ),
        31 => ("deleteFile", "DeleteFileInput", json!({ "fileId": chance.of(&things.files) }), "deletedId"),
        _ => (
            "setSessionStatus",
            "SetSessionStatusInput",
            json!({ "sessionId": session, "status": if number.is_multiple_of(2) { "NO_SHOW" } else { "ATTENDED" } }),
            "session",
        ),
    }
}

/// Asks; what became of it, and the id of what was made or changed.
async fn act(by: &Person, practice: &str, change: (&str, &str, Value, &str)) -> (String, Option<String>) {
    let (name, kind, mut input, field) = change;
    input["practiceId"] = json!(practice);
    let shown = if field == "deletedId" { "deletedId".to_owned() } else { format!("{field} {{ id }}") };
    let mutation = format!("mutation($i: {kind}!) {{ {name}(input: $i) {{ {shown} errors {{ code }} }} }}");
    let body = by.whole(&mutation, json!({ "i": input })).await.body;
    if let Some(code) = body["errors"][0]["extensions"]["code"].as_str() {
        return (code.to_owned(), None);
    }
    let answer = &body["data"][name];
    let code = answer["errors"][0]["code"].as_str().unwrap_or("done").to_owned();
    (code, answer[field]["id"].as_str().map(str::to_owned))
}

both! {
    #[test]
    async fn any_history_is_served_as_the_log_has_it(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let (kim, elsewhere) = product.coach("Kim").await;
        let foreign = product.coachee(&kim, &elsewhere, "Sam").await;
        let (length, seed) = length_and_seed();
        let mut chance = Chance(seed | 1);
        let nobody = |kind: &str| vec![format!("{kind}_01h455vb4pex5vsknk084sn02q")];
        let mut things = Things {
            coachees: vec![foreign, robin.clone()],
            goals: nobody("goal"),
            milestones: nobody("milestone"),
            actions: nobody("action"),
            sessions: nobody("session"),
            authorizations: nobody("authorization"),
            notes: nobody("note"),
            files: nobody("file"),
        };
        let (mut done, mut refused, mut tried) = (0, 0, BTreeSet::new());
        for begin in (0..length).step_by(8) {
            let changes: Vec<_> = (begin..begin + 8).map(|number| (number, change(&mut chance, &things, number))).collect();
            tried.extend(changes.iter().map(|(_, change)| change.0));
            let acts = changes.into_iter().map(|(number, change)| {
                let by = if number % 5 == 4 { &coachee } else { &ada };
                let field = change.3;
                let acted = act(by, &practice, change);
                async move { (field, acted.await) }
            });
            for (field, (code, id)) in join_all(acts).await {
                assert!(!["INTERNAL", "UNAVAILABLE"].contains(&&*code), "{field}: {code}");
                if code == "done" { done += 1 } else { refused += 1 }
                let kind = things.of_kind(field);
                if let (Some(kind), Some(id)) = (kind, id)
                    && !kind.contains(&id)
                {
                    kind.push(id);
                }
            }
        }
        println!("{done} done, {refused} refused");
        assert!(done > length / 5 && refused > length / 20, "{done} done, {refused} refused");
        assert_eq!(tried.len(), MUTATIONS, "only these were tried: {tried:?}");
        product.app.react().await.expect("whoever is to be told is");
        product.prove().await;
        product.app.rebuild(None, &mut ()).await.expect("made anew");
        product.prove().await;
        // And without the one whom most of it is about.
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { fullName } } } }";
        let shown = ada.ask(query, json!({ "p": practice, "c": robin })).await;
        let name = &shown["viewer"]["coachPortal"]["coachee"]["fullName"];
        let input = json!({ "i": { "practiceId": practice, "coacheeId": robin, "confirmName": name } });
        let erased = ada.ask("mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { errors { code } } }", input).await;
        assert_eq!(erased["eraseCoachee"]["errors"], json!([]));
        product.prove().await;
        product.app.rebuild(None, &mut ()).await.expect("made anew");
        product.prove().await;
    }
}
