//! Forgetting (promise C4): what is erased is unreadable everywhere and for ever, the log keeps its length, its order and
//! its proofs, and nobody else loses a byte.

use app::checkpoints::{consistency, inclusion};
use app::{Reader, Through};
use domain::account::Portal;
use domain::id::{LogId, PracticeId};
use domain::{Event, Table, coachee};
use serde_json::{Value, json};
use tests::{Database, Person, Product, both};

use crate::audit::entries;
use crate::plan::{goal, position};

const ERASE: &str =
    "mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { deletedId position errors { code } } }";
const DELETE: &str =
    "mutation($e: String!) { deleteAccount(input: { confirmEmail: $e }) { deletedId errors { code } } }";

fn log(practice: &str) -> LogId {
    LogId::Practice(practice.parse::<PracticeId>().expect("an id"))
}

/// Everything a coachee can have: names, a plan with a comment, a session with notes, next steps and its coach's rating, an
/// authorization, an appointment, an assessment, a question, a coach's note with a comment, a message, and a file.
async fn lived(by: &Person, practice: &str, coachee: &str, mark: &str) {
    let run = async |mutation: &str, shows: &str, mut input: Value| {
        input["practiceId"] = json!(practice);
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query =
            format!("mutation($i: {kind}!) {{ {mutation}(input: $i) {{ {shows} errors {{ code message }} }} }}");
        let answer = by.ask(&query, json!({ "i": input })).await[mutation].clone();
        assert_eq!(answer["errors"], json!([]), "{mutation}: {answer}");
        answer
    };
    run("setActiveGoal", "position", json!({ "coacheeId": coachee, "activeGoal": format!("{mark} aim") })).await;
    run("writeSynopsis", "position", json!({ "coacheeId": coachee, "synopsis": format!("{mark} synopsis") })).await;
    let goal = json!({ "coacheeId": coachee, "title": format!("{mark} goal"), "dueOn": "2026-06-30" });
    let goal = run("addGoal", "goal { id }", goal).await["goal"]["id"].clone();
    let milestone = json!({ "goalId": goal, "title": format!("{mark} milestone"), "dueOn": "2026-06-30" });
    run("addMilestone", "position", milestone).await;
    let action = json!({ "coacheeId": coachee, "title": format!("{mark} action") });
    let action = run("addAction", "action { id }", action).await["action"]["id"].clone();
    run("commentOnAction", "position", json!({ "actionId": action, "text": format!("{mark} remark") })).await;
    let session = run("startSession", "session { id }", json!({ "coacheeId": coachee })).await;
    let session = session["session"]["id"].clone();
    let notes = json!({ "sessionId": session, "base": 0, "text": format!("{mark} notes") });
    run("saveSessionNotes", "position", notes).await;
    let steps = json!({ "sessionId": session, "steps": [{ "text": format!("{mark} step") }] });
    run("setNextSteps", "position", steps).await;
    // The rating is the coach's alone, and is sealed with a key of the two.
    let rating = json!({ "sessionId": session, "rating": 7, "reflection": format!("{mark} reflection") });
    run("rateSession", "position", rating).await;
    let authorization = json!({
        "coacheeId": coachee, "number": format!("{mark}-1"), "source": format!("{mark} insurance"), "totalSessions": 3,
        "ratePerHour": { "amount": "90", "currency": "EUR" }, "startsOn": "2026-03-01", "endsOn": "2026-03-31",
    });
    run("addAuthorization", "position", authorization).await;
    // On a day of their own, so that no two meet.
    let appointment = json!({
        "coacheeId": coachee, "title": format!("{mark} meeting"), "place": format!("{mark} place"),
        "start": format!("2026-11-{:02}T09:00", 10 + mark.len()),
    });
    run("addAppointment", "position", appointment).await;
    // A form is the practice's and stays; what somebody is asked with it is theirs.
    let form = json!({ "title": "A form", "questions": [{ "words": "Well?", "kind": "LONG_TEXT" }] });
    let form = run("createAssessmentTemplate", "template { id }", form).await["template"]["id"].clone();
    run("assignAssessment", "position", json!({ "coacheeId": coachee, "templateId": form })).await;
    let questions = json!({ "coacheeId": coachee, "questions": [format!("{mark} question")] });
    run("assignQuestions", "position", questions).await;
    let note = json!({ "coacheeId": coachee, "title": format!("{mark} title"), "text": format!("{mark} thoughts") });
    let note = run("writeNote", "note { id }", note).await["note"]["id"].clone();
    run("commentOnNote", "position", json!({ "noteId": note, "text": format!("{mark} comment") })).await;
    run("sendMessage", "position", json!({ "coacheeId": coachee, "text": format!("{mark} message") })).await;
    let words = tests::file(&format!("{mark}.txt"), &format!("{mark} file"));
    run("uploadFile", "position", json!({ "coacheeId": coachee, "permission": "SHARED", "file": words })).await;
}

/// Every stored row of a log that is not about this coachee, with the bytes of its document; and how many are.
async fn rows(product: &Product, practice: &str, but: &str) -> (Vec<(Table, store::Row)>, usize) {
    let (log, but) = (log(practice).uuid().into_bytes(), domain::id::parse(but).expect("an id").1.into_bytes());
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    let (mut others, mut theirs) = (Vec::new(), 0);
    for table in Table::ALL {
        let physical = product.app.tables().physical(*table).expect("a table");
        for row in snapshot.select(&store::Select::new(physical, log, 10_000)).await.expect("rows") {
            if row.subject == but {
                theirs += 1;
            } else {
                others.push((*table, row));
            }
        }
    }
    snapshot.close().await.expect("closed");
    (others, theirs)
}

/// Waits until the files of the database hold no such text. SQLite only: PostgreSQL's own rules are the operator's.
async fn leaves_every_file(product: &Product, mark: &str) {
    if product.place.database == Database::Postgres {
        return;
    }
    let gone = async {
        loop {
            let holds = std::fs::read_dir(product.folder())
                .expect("a folder")
                .filter_map(Result::ok)
                .filter(|entry| entry.path().is_file())
                .any(|entry| {
                    let bytes = std::fs::read(entry.path()).unwrap_or_default();
                    bytes.to_ascii_lowercase().windows(mark.len()).any(|part| part == mark.as_bytes())
                });
            if !holds {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(tests::PATIENCE, gone).await.expect("the text leaves the database and its write-ahead log");
}

both! {
    /// C4, for a coachee with an account, beside another one with the same life.
    #[test]
    async fn an_erased_coachee_is_gone_and_the_log_still_proves_itself(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let (zora, ben) = (product.coachee(&ada, &practice, "Zqzora").await, product.coachee(&ada, &practice, "Ben").await);
        let zoras = product.accepted(&ada, &practice, &zora, "Zqzora").await;
        lived(&ada, &practice, &zora, "zqzora").await;
        lived(&ada, &practice, &ben, "ben").await;
        product.app.sign_checkpoints(None).await.expect("signed");
        let before = entries(&ada, "coachPortal", &practice, Value::Null).await;
        let (others, theirs) = rows(&product, &practice, &zora).await;
        assert!(theirs > 20, "there is something to forget: {theirs} rows");
        let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
        let head = snapshot.checkpoint(log(&practice).uuid().into_bytes()).await.expect("a head").expect("a checkpoint");
        let mut proofs = Vec::new();
        for seq in 1..=head.seq {
            proofs.push(inclusion(&mut snapshot, log(&practice), seq).await.expect("a proof").expect("of an event"));
        }
        snapshot.close().await.expect("closed");

        // Erasing cannot be undone: the name is typed.
        let input = |name: &str| json!({ "i": { "practiceId": practice, "coacheeId": zora, "confirmName": name } });
        assert_eq!(ada.refused(ERASE, input("Zqzora")).await, "COACHEE_NAME_DIFFERS");
        let done = ada.ask(ERASE, input("Zqzora Reed")).await;
        assert_eq!(done["eraseCoachee"]["deletedId"], json!(zora));

        // There is no trace of them in any row, and everybody else's rows are the same to the byte.
        let (since, theirs) = rows(&product, &practice, &zora).await;
        assert_eq!((since == others, theirs), (true, 0));
        let after = entries(&ada, "coachPortal", &practice, Value::Null).await;
        assert_eq!(after.len(), before.len() + 1, "the log keeps its length");
        let shown = json!(after).to_string().to_lowercase();
        assert!(!shown.contains("zqzora"), "no text is left: {shown}");
        assert!(shown.contains("ben aim") && shown.contains("ben action"), "others' texts are: {shown}");
        assert_eq!(zoras.fails("query($p: ID!) { viewer { coacheePortal(practiceId: $p) { position } } }", json!({ "p": practice })).await, "NOT_FOUND");
        assert_eq!(ada.fails(ERASE, input("Zqzora Reed")).await, "NOT_FOUND");
        let goal = json!({ "i": { "practiceId": practice, "coacheeId": zora, "activeGoal": "Again" } });
        assert_eq!(ada.fails("mutation($i: SetActiveGoalInput!) { setActiveGoal(input: $i) { position } }", goal).await, "NOT_FOUND");

        // Proofs made before are what they were, and the log continues the tree that they were made in.
        let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
        for (seq, proof) in (1..=head.seq).zip(&proofs) {
            let now = inclusion(&mut snapshot, log(&practice), seq).await.expect("a proof").expect("of an event");
            assert_eq!((now.leaf, &now.hashes, &now.note), (proof.leaf, &proof.hashes, &proof.note));
        }
        snapshot.close().await.expect("closed");
        assert_eq!(product.app.sign_checkpoints(None).await.expect("signed").refused.len(), 0);
        let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
        let longer = snapshot.checkpoint(log(&practice).uuid().into_bytes()).await.expect("a head").expect("a checkpoint");
        assert_eq!(longer.seq, head.seq + 1);
        let proof = consistency(&mut snapshot, log(&practice), (head.seq, longer.seq)).await.expect("a proof");
        snapshot.close().await.expect("closed");
        store::tree::verify_consistency(head.seq, &head.root, longer.seq, &longer.root, &proof).expect("it continues");
        product.prove().await;
        // A rebuild finds nothing of them either, and nor does another node.
        product.app.rebuild(None, &mut ()).await.expect("rebuilt");
        let (rebuilt, theirs) = rows(&product, &practice, &zora).await;
        assert_eq!((rebuilt == others, theirs), (true, 0));
        product.prove().await;
        // The address may be a coachee's again, who is somebody else.
        let again = product.coachee(&ada, &practice, "Ben2").await;
        assert_ne!(again, zora);
        // Their account is theirs and stays; without it no file of the database has their name.
        let zoras = product.in_browser("zqzora@coachee.example").await;
        assert_eq!(zoras.ask(DELETE, json!({ "e": "zqzora@coachee.example" })).await["deleteAccount"]["errors"], json!([]));
        leaves_every_file(&product, "zqzora").await;
        product.prove().await;
    }

    /// Erasing takes Admin; what somebody may not see is not found.
    #[test]
    async fn a_coachee_is_erased_by_those_who_may(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.coachee(&ada, &practice, "Ben").await;
        let bens = product.accepted(&ada, &practice, &ben, "Ben").await;
        let carl = product.further_coach(&ada, &practice, "Carl", "COACH").await;
        let (eve, _) = product.coach("Eve").await;
        let input = json!({ "i": { "practiceId": practice, "coacheeId": ben, "confirmName": "Ben Reed" } });
        assert_eq!(carl.fails(ERASE, input.clone()).await, "NOT_FOUND");
        let access = json!({ "i": { "practiceId": practice, "coachId": carl.id, "coacheeId": ben, "level": "USER_ADMIN" } });
        ada.ask("mutation($i: AccessInput!) { grantAccess(input: $i) { errors { code } } }", access).await;
        assert_eq!(carl.fails(ERASE, input.clone()).await, "FORBIDDEN");
        assert_eq!(bens.fails(ERASE, input.clone()).await, "FORBIDDEN");
        assert_eq!(eve.fails(ERASE, input.clone()).await, "NOT_FOUND");
        assert_eq!(product.stranger().fails(ERASE, input.clone()).await, "UNAUTHENTICATED");
        let follow = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes { __typename ... on Gone { id } } } }";
        let after = json!({ "p": practice, "a": position(&ada, &practice).await });
        let mut listening = ada.listen(follow, after.clone()).await;
        let mut carls = carl.listen(follow, after).await;
        goal(&ada, &practice, &ben, "Rest").await;
        for listening in [&mut listening, &mut carls] {
            assert_eq!(listening.next().await["coachPortalChanges"]["changes"], json!([{ "__typename": "Goal" }]));
        }
        assert_eq!(ada.ask(ERASE, input).await["eraseCoachee"]["errors"], json!([]));
        // Whoever follows learns that the coachee is gone: the owner, and a coach who had access.
        for listening in [&mut listening, &mut carls] {
            loop {
                let changes = listening.next().await["coachPortalChanges"]["changes"].to_string();
                if changes.contains(&ben) {
                    assert!(changes.contains("Gone"), "{changes}");
                    break;
                }
                assert!(!changes.contains("Gone"), "nothing else is: {changes}");
            }
        }
        let mine = entries(&carl, "coachPortal", &practice, Value::Null).await;
        assert!(mine.is_empty(), "with the coachee goes the right to review what was about them: {mine:?}");
    }

    /// An account is deleted by its person, freshly signed in; its portals close, its address is free, others lose nothing.
    #[test]
    async fn a_deleted_account_leaves_nothing_but_what_practices_keep(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.coachee(&ada, &practice, "Ben").await;
        let program = product.accepted(&ada, &practice, &ben, "Ben").await;
        let carl = product.further_coach(&ada, &practice, "Carl", "COACH").await;
        let email = json!({ "e": "ben@coachee.example" });
        // A program's token deletes nothing, nor does a browser that signed in a while ago, nor another address.
        assert_eq!(program.refused(DELETE, email.clone()).await, "SIGN_IN_IS_STALE");
        let browser = product.in_browser("ben@coachee.example").await;
        assert_eq!(browser.refused(DELETE, json!({ "e": "ada@practice.example" })).await, "ACCOUNT_EMAIL_DIFFERS");
        assert_eq!(browser.refused(DELETE, json!({ "e": "nobody" })).await, "ACCOUNT_EMAIL_DIFFERS");
        product.later(15);
        assert_eq!(browser.refused(DELETE, email.clone()).await, "SIGN_IN_IS_STALE");
        assert_eq!(product.stranger().fails(DELETE, email.clone()).await, "UNAUTHENTICATED");
        // Who owns a practice does not leave it without its owner.
        let owner = product.in_browser("ada@practice.example").await;
        assert_eq!(owner.refused(DELETE, json!({ "e": "ada@practice.example" })).await, "ACCOUNT_OWNS_A_PRACTICE");

        let browser = product.in_browser("ben@coachee.example").await;
        let deleted = browser.ask(DELETE, email.clone()).await;
        assert_eq!(deleted["deleteAccount"]["deletedId"], json!(program.id));
        assert_eq!(browser.ask("{ viewer { account { email } } }", json!({})).await["viewer"], Value::Null);
        assert_eq!(program.fails("{ viewer { account { email } } }", json!({})).await, "UNAUTHENTICATED");
        // The practice learns of it, once, whoever reacts how often.
        assert_eq!(product.app.react().await.expect("reacted"), 1);
        assert_eq!(product.another_node().await.react().await.expect("reacted"), 0);
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { status } } } }";
        let file = ada.ask(query, json!({ "p": practice, "c": ben })).await["viewer"]["coachPortal"]["coachee"].clone();
        assert_eq!(file["status"], "NOT_INVITED", "{file}");
        // A coach leaves as one who was removed, and what they are called in the log stays the practice's.
        let browser = product.in_browser("carl@practice.example").await;
        browser.ask(DELETE, json!({ "e": "carl@practice.example" })).await;
        assert_eq!(product.app.react().await.expect("reacted"), 1);
        let coaches = ada.ask("query($p: ID!) { viewer { coachPortal(practiceId: $p) { coaches { nodes { id } } } } }", json!({ "p": practice })).await;
        assert!(!coaches.to_string().contains(&carl.id), "{coaches}");
        // The address is free: whoever signs in with it now is somebody new, and can be invited again.
        let again = product.person("ben@coachee.example").await;
        assert_ne!(again.id, program.id);
        let portals = again.ask("{ viewer { portals { practice { id } } } }", json!({})).await;
        assert_eq!(portals["viewer"]["portals"], json!([]), "{portals}");
        product.prove().await;
        product.app.rebuild(None, &mut ()).await.expect("rebuilt");
        product.prove().await;
        assert_eq!(again.ask("{ viewer { account { email } } }", json!({})).await["viewer"]["account"]["email"], "ben@coachee.example");
    }
}

both! {
    /// What was shown of an earlier moment, and kept for the next one who asks, holds nothing of whom was erased since, on
    /// whichever node that was.
    #[test]
    async fn an_erased_coachee_is_gone_from_earlier_moments_too(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let zora = product.coachee(&ada, &practice, "Zora").await;
        lived(&ada, &practice, &zora, "zora").await;
        product.coachee(&ada, &practice, "Ben").await;
        let there = ada.through(product.another_address().await);
        let then = "query($p: ID!, $a: AsOf!) { viewer { coachPortal(practiceId: $p, asOf: $a) { coachees { nodes { id firstName } } } } }";
        let asked = json!({ "p": practice, "a": { "position": "at5" } });
        for node in [&ada, &there] {
            assert!(node.ask(then, asked.clone()).await.to_string().contains("Zora"));
        }
        let input = json!({ "i": { "practiceId": practice, "coacheeId": zora, "confirmName": "Zora Reed" } });
        assert_eq!(ada.ask(ERASE, input).await["eraseCoachee"]["errors"], json!([]));
        assert_eq!(product.app.moments_kept(), (0, 0), "names do not wait in memory until somebody asks again");
        for node in [&ada, &there] {
            let shown = node.ask(then, asked.clone()).await.to_string();
            assert!(!shown.contains("Zora") && !shown.contains(&zora), "{shown}");
        }
    }

    /// Two versions of the program run side by side, each with tables of its own. What one of them has folded ahead of its
    /// turn is not written where the other one has the log forget somebody meanwhile.
    #[test]
    async fn whoever_is_forgotten_while_another_version_folds_has_no_rows_there(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let zora = product.coachee(&ada, &practice, "Zora").await;
        lived(&ada, &practice, &zora, "zora").await;
        let (log, subject) = (log(&practice), domain::id::parse(&zora).expect("an id").1.into_bytes());
        let id = log.uuid().into_bytes();
        // As a version finds the log that has folded nothing of it.
        let mut batch = product.app.store().batch().await.expect("a transaction");
        let mut head = batch.lock(&[id], store::Wait::Block).await.expect("locked").heads.pop().expect("a head");
        head.folded = Vec::new();
        for table in Table::ALL {
            let physical = product.app.tables().physical(*table).expect("a table");
            batch.delete_log_rows(physical, id).await.expect("deleted");
        }
        batch.set_heads(&[], std::slice::from_ref(&head)).await.expect("a head");
        batch.commit().await.expect("committed");

        let mut other = product.app.store().batch().await.expect("a transaction");
        other.lock(&[id], store::Wait::Block).await.expect("locked");
        other.forget(&store::Forgotten { log: id, subject, seq: head.seq, at: head.at }).await.expect("forgotten");
        let committing = async {
            // By then what there is of the log is folded, and waits to be written.
            tokio::time::sleep(tokio::time::Duration::from_secs(1)).await;
            other.commit().await.expect("committed");
        };
        let (folded, ()) = futures_util::future::join(product.app.catch_up(log, &mut ()), committing).await;
        folded.expect("folded");
        let (others, theirs) = rows(&product, &practice, &zora).await;
        assert!(!others.is_empty(), "the log is folded");
        assert_eq!(theirs, 0, "and nobody who was forgotten is in it");
    }

    /// What waits to be told of an activity log that is followed is forgotten with whom it is about.
    #[test]
    async fn who_follows_is_told_nothing_more_of_whom_was_erased(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let person = ada.id.parse().expect("an id");
        let reader = Reader::new(person, Through::Program);
        let followed = practice.parse::<PracticeId>().expect("an id");
        let mut watch = product.app.watch(&reader, followed, Portal::Coach, None).await.expect("a watch");
        product.coachee(&ada, &practice, "Ben").await;
        let zora = product.coachee(&ada, &practice, "Zora").await;
        // The first is told; what came with it is heard, and waits.
        let soon = tokio::time::Instant::now() + tests::PATIENCE;
        let first = watch.next_entry(soon).await.expect("the watch goes on").expect("an entry");
        assert!(matches!(first.happened().event, Event::Coachee(coachee::Event::Added { .. })));
        let input = json!({ "i": { "practiceId": practice, "coacheeId": zora, "confirmName": "Zora Reed" } });
        assert_eq!(ada.ask(ERASE, input).await["eraseCoachee"]["errors"], json!([]));
        let mut is_told = false;
        while let Some(line) = watch.next_entry(tokio::time::Instant::now()).await.expect("the watch goes on") {
            let event = &line.happened().event;
            assert!(!matches!(event, Event::Coachee(coachee::Event::Added { .. })), "her name is in it");
            is_told |= matches!(event, Event::Coachee(coachee::Event::Erased { .. }));
        }
        assert!(is_told, "that she was erased is told");
    }
}
