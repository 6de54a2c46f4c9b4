//! Sessions: starting, ending and logging them, next steps, and what a session shows of the ones before it.
//! [`crate::notes`] has their notes.

use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::audit::{entries, grant, names};
use crate::plan::position;

const START: &str =
    "mutation($i: StartSessionInput!) { startSession(input: $i) { session { id } position errors { code } } }";
const END: &str = "mutation($i: EndSessionInput!) { endSession(input: $i) { session { status durationMinutes running } errors { code } } }";
const LOG: &str = "mutation($i: LogSessionInput!) { logSession(input: $i) { session { id } errors { code } } }";
const UPDATE: &str = "mutation($i: UpdateSessionInput!) { updateSession(input: $i) { session { title startedAt durationMinutes } errors { code } } }";
const SET_STATUS: &str =
    "mutation($i: SetSessionStatusInput!) { setSessionStatus(input: $i) { session { status } errors { code } } }";
const SET_STEPS: &str = "mutation($i: SetNextStepsInput!) { setNextSteps(input: $i) { session { nextSteps { id text place done } } errors { code } } }";
const CHECK_STEP: &str =
    "mutation($i: CheckNextStepInput!) { checkNextStep(input: $i) { nextStep { id done doneAt } errors { code } } }";
const SAVE: &str = "mutation($i: SaveSessionNotesInput!) { saveSessionNotes(input: $i) { revision errors { code } } }";
const SET_ACTIVE_GOAL: &str = "mutation($i: SetActiveGoalInput!) { setActiveGoal(input: $i) { errors { code } } }";

/// Lets days go by, after which this person signs in again.
pub async fn days_later(product: &Product, who: &mut Person, days: i64) {
    product.later(days * 1440);
    *who = product.person(&who.email).await;
}

/// Starts a session: its id.
pub async fn started(by: &Person, practice: &str, coachee: &str, title: &str) -> String {
    let input = json!({ "practiceId": practice, "coacheeId": coachee, "title": title });
    let answer = by.ask(START, json!({ "i": input })).await;
    answer["startSession"]["session"]["id"].as_str().unwrap_or_else(|| panic!("not started: {answer}")).to_owned()
}

/// Ends a session, which then has this status.
pub async fn ended(by: &Person, practice: &str, session: &str, status: &str) {
    let input = json!({ "practiceId": practice, "sessionId": session, "status": status });
    let answer = by.ask(END, json!({ "i": input })).await;
    assert_eq!(answer["endSession"]["session"]["status"], status, "{answer}");
}

/// Writes down a session that was: its id.
pub async fn logged(by: &Person, practice: &str, coachee: &str, (title, at, status): (&str, &str, &str)) -> String {
    let input = json!({ "practiceId": practice, "coacheeId": coachee, "title": title, "startedAt": at, "durationMinutes": 50, "status": status });
    let answer = by.ask(LOG, json!({ "i": input })).await;
    answer["logSession"]["session"]["id"].as_str().unwrap_or_else(|| panic!("not logged: {answer}")).to_owned()
}

/// Sets the next steps of a session: their ids.
pub async fn steps(by: &Person, practice: &str, session: &str, steps: Value) -> Vec<String> {
    let answer =
        by.ask(SET_STEPS, json!({ "i": { "practiceId": practice, "sessionId": session, "steps": steps } })).await;
    let steps = answer["setNextSteps"]["session"]["nextSteps"]
        .as_array()
        .unwrap_or_else(|| panic!("not set: {answer}"))
        .clone();
    steps.iter().map(|step| step["id"].as_str().expect("an id").to_owned()).collect()
}

async fn set_active_goal(by: &Person, practice: &str, coachee: &str, goal: &str) {
    by.ask(SET_ACTIVE_GOAL, json!({ "i": { "practiceId": practice, "coacheeId": coachee, "activeGoal": goal } })).await;
}

/// These fields of a session, as a coach sees it.
pub async fn session(coach: &Person, practice: &str, id: &str, fields: &str) -> Value {
    let query = format!(
        "query($p: ID!, $s: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ session(id: $s) {{ {fields} }} }} }} }}"
    );
    coach.ask(&query, json!({ "p": practice, "s": id })).await["viewer"]["coachPortal"]["session"].clone()
}

both! {
    /// From the coachee's file, by whoever may work with them, with or without a title.
    #[test]
    async fn s1_31_a_session_starts_at_the_coachees_file(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let input = json!({ "practiceId": practice, "coacheeId": robin });
        // Who cannot see the file cannot start one.
        assert_eq!(bob.fails(START, json!({ "i": input })).await, "NOT_FOUND");
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        assert_eq!(coachee.fails(START, json!({ "i": input })).await, "FORBIDDEN");
        grant(&ada, &practice, &bob, &robin).await;
        let answer = bob.ask(START, json!({ "i": input })).await;
        let id = answer["startSession"]["session"]["id"].as_str().expect("an id").to_owned();
        let shown = session(&ada, &practice, &id, "title coacheeId coachId startedAt running status durationMinutes notes { revision text }").await;
        let expected = json!({
            "title": "Session", "coacheeId": robin, "coachId": bob.id, "startedAt": "2026-03-02T09:00:00Z", "running": true,
            "status": null, "durationMinutes": null, "notes": { "revision": 0, "text": "" },
        });
        assert_eq!(shown, expected);
        let live = ada.ask("query($p: ID!, $s: ID!) { viewer { coachPortal(practiceId: $p) { liveSession(id: $s) { id } } } }", json!({ "p": practice, "s": id })).await;
        assert_eq!(live["viewer"]["coachPortal"]["liveSession"]["id"], json!(id));
        product.later(47);
        ended(&bob, &practice, &id, "ATTENDED").await;
        assert_eq!(session(&ada, &practice, &id, "running durationMinutes").await, json!({ "running": false, "durationMinutes": 47 }));
        assert_eq!(bob.refused(END, json!({ "i": { "practiceId": practice, "sessionId": id } })).await, "SESSION_HAS_ENDED");
        let live = ada.ask("query($p: ID!, $s: ID!) { viewer { coachPortal(practiceId: $p) { liveSession(id: $s) { id } } } }", json!({ "p": practice, "s": id })).await;
        assert_eq!(live["viewer"]["coachPortal"]["liveSession"], Value::Null);
        product.prove().await;
    }

    /// One question fills the live screen: goal, next steps of last time, notes, past sessions. (Frameworks are not built.)
    #[test]
    async fn one_query_fills_the_live_screen(product: Product) {
        let (mut ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        set_active_goal(&ada, &practice, &robin, "Speak in every meeting").await;
        let first = started(&ada, &practice, &robin, "First").await;
        steps(&ada, &practice, &first, json!([{ "text": "Ask one question" }])).await;
        ended(&ada, &practice, &first, "ATTENDED").await;
        days_later(&product, &mut ada, 7).await;
        let second = started(&ada, &practice, &robin, "Second").await;
        let shown = session(&ada, &practice, &second, "activeGoal notes { text } notesHtml fromLastSession { heading sessionId nextSteps { text } } lookBack { title }").await;
        let expected = json!({
            "activeGoal": "Speak in every meeting", "notes": { "text": "" }, "notesHtml": "",
            "fromLastSession": { "heading": "From last session · next steps you committed to", "sessionId": first, "nextSteps": [{ "text": "Ask one question" }] },
            "lookBack": [{ "title": "First" }],
        });
        assert_eq!(shown, expected);
        product.prove().await;
    }

    /// As it is now, in whichever session is open; beside it, as it stood when the session began.
    #[test]
    async fn s1_34_the_active_goal_is_at_the_top_of_every_session(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let none = started(&ada, &practice, &robin, "Before there was one").await;
        set_active_goal(&ada, &practice, &robin, "Speak").await;
        let first = started(&ada, &practice, &robin, "First").await;
        set_active_goal(&ada, &practice, &robin, "Lead").await;
        let second = started(&ada, &practice, &robin, "Second").await;
        for (id, then) in [(&none, Value::Null), (&first, json!("Speak")), (&second, json!("Lead"))] {
            let shown = session(&ada, &practice, id, "activeGoal activeGoalThen").await;
            assert_eq!(shown, json!({ "activeGoal": "Lead", "activeGoalThen": then }));
        }
        product.prove().await;
    }

    /// Each one's date, title, goal as it then stood, and next steps done and not done; those only that took place.
    #[test]
    async fn s1_36_a_session_looks_back_on_past_ones(product: Product) {
        let (mut ada, practice) = product.coach("Ada").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        set_active_goal(&ada, &practice, &robin, "Speak").await;
        let first = started(&ada, &practice, &robin, "First").await;
        let agreed = steps(&ada, &practice, &first, json!([{ "text": "Ask one question" }, { "text": "Say no once" }])).await;
        ended(&ada, &practice, &first, "ATTENDED").await;
        ada.ask(CHECK_STEP, json!({ "i": { "practiceId": practice, "nextStepId": agreed[0], "done": true } })).await;
        set_active_goal(&ada, &practice, &robin, "Lead").await;
        days_later(&product, &mut ada, 7).await;
        let late = started(&ada, &practice, &robin, "Second").await;
        ended(&ada, &practice, &late, "LATE").await;
        for (title, status) in [("Not held", "CANCELLED"), ("Nobody came", "NO_SHOW")] {
            days_later(&product, &mut ada, 1).await;
            let id = started(&ada, &practice, &robin, title).await;
            ended(&ada, &practice, &id, status).await;
        }
        let other = started(&ada, &practice, &kim, "Kim's").await;
        ended(&ada, &practice, &other, "ATTENDED").await;
        days_later(&product, &mut ada, 1).await;
        set_active_goal(&ada, &practice, &robin, "Rest").await;
        let now = started(&ada, &practice, &robin, "Now").await;
        let shown = session(&ada, &practice, &now, "lookBack { id startedAt title status activeGoal nextSteps { text done } }").await;
        let expected = json!([
            { "id": late, "startedAt": "2026-03-09T09:00:00Z", "title": "Second", "status": "LATE", "activeGoal": "Lead", "nextSteps": [] },
            { "id": first, "startedAt": "2026-03-02T09:00:00Z", "title": "First", "status": "ATTENDED", "activeGoal": "Speak",
              "nextSteps": [{ "text": "Ask one question", "done": true }, { "text": "Say no once", "done": false }] },
        ]);
        assert_eq!(shown["lookBack"], expected);
        assert_eq!(session(&ada, &practice, &now, "lookBack(first: 1) { title }").await["lookBack"], json!([{ "title": "Second" }]));
        assert_eq!(session(&ada, &practice, &first, "lookBack { title }").await["lookBack"], json!([]));
        product.prove().await;
    }

    /// Whatever is done to a session leaves an entry, and the entry says what.
    #[test]
    async fn s1_42_every_update_of_a_session_is_in_the_activity_log(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let before = entries(&ada, "coachPortal", &practice, Value::Null).await.len();
        let id = started(&ada, &practice, &robin, "First").await;
        let save = |base: u32, text: &str| json!({ "i": { "practiceId": practice, "sessionId": id, "base": base, "text": text } });
        ada.ask(SAVE, save(0, "# Notes")).await;
        ada.ask(SAVE, save(1, "# Notes\n- more")).await;
        ada.ask("mutation($i: RestoreSessionNotesInput!) { restoreSessionNotes(input: $i) { revision errors { code } } }", json!({ "i": { "practiceId": practice, "sessionId": id, "revision": 1 } })).await;
        let agreed = steps(&ada, &practice, &id, json!([{ "text": "Ask" }, { "text": "Listen" }])).await;
        steps(&ada, &practice, &id, json!([{ "id": agreed[0], "text": "Ask twice" }])).await;
        coachee.ask(CHECK_STEP, json!({ "i": { "practiceId": practice, "nextStepId": agreed[0], "done": true } })).await;
        ada.ask(UPDATE, json!({ "i": { "practiceId": practice, "sessionId": id, "title": "Kick-off" } })).await;
        product.later(45);
        ended(&ada, &practice, &id, "ATTENDED").await;
        ada.ask(UPDATE, json!({ "i": { "practiceId": practice, "sessionId": id, "durationMinutes": 40 } })).await;
        ada.ask(SET_STATUS, json!({ "i": { "practiceId": practice, "sessionId": id, "status": "LATE" } })).await;
        logged(&ada, &practice, &robin, ("Earlier", "2026-02-01T09:00:00Z", "ATTENDED")).await;
        let log = entries(&ada, "coachPortal", &practice, Value::Null).await.split_off(before);
        assert_eq!(names(&log), [
            "session_start", "notes_save", "notes_save", "notes_save", "next_step_add", "next_step_add", "next_step_remove",
            "next_step_update", "next_step_check", "session_update", "session_end", "session_update", "session_status_set", "session_log",
        ]);
        let changes = |number: usize| log[number]["changes"].clone();
        assert_eq!(changes(9), json!([{ "field": "title", "was": "First", "now": "Kick-off" }]));
        assert_eq!(changes(11), json!([{ "field": "durationMinutes", "was": "45", "now": "40" }]));
        assert_eq!(changes(12), json!([{ "field": "status", "was": "attended", "now": "late" }]));
        assert_eq!(changes(7), json!([{ "field": "text", "was": "Ask", "now": "Ask twice" }]));
        assert_eq!(log[8]["actorId"], json!(coachee.id));
        assert!(log.iter().all(|entry| entry["coacheeId"] == json!(robin)));
        // The coachee reviews the same, but for the notes.
        let own = entries(&coachee, "coacheePortal", &practice, Value::Null).await;
        let without: Vec<&Value> = log.iter().filter(|entry| entry["entry"] != "notes_save").map(|entry| &entry["entry"]).collect();
        assert_eq!(own.iter().map(|entry| &entry["entry"]).skip_while(|name| *name != "session_start").collect::<Vec<_>>(), without);
        product.prove().await;
    }

    /// Items of a session with a mark that both sides set; the order is the coach's.
    #[test]
    async fn s1_43_next_steps_are_what_the_coachee_commits_to(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let id = started(&ada, &practice, &robin, "First").await;
        let agreed = steps(&ada, &practice, &id, json!([{ "text": "Ask" }, { "text": "Listen" }])).await;
        let mine = "query($p: ID!, $d: Boolean) { viewer { coacheePortal(practiceId: $p) { nextSteps(done: $d) { nodes { id text done sessionId } } } } }";
        let shown = coachee.ask(mine, json!({ "p": practice })).await["viewer"]["coacheePortal"]["nextSteps"]["nodes"].clone();
        let step = |number: usize, text: &str, done: bool| json!({ "id": agreed[number], "text": text, "done": done, "sessionId": id });
        assert_eq!(shown, json!([step(0, "Ask", false), step(1, "Listen", false)]));
        product.later(60);
        let answer = coachee.ask(CHECK_STEP, json!({ "i": { "practiceId": practice, "nextStepId": agreed[1], "done": true } })).await;
        assert_eq!(answer["checkNextStep"]["nextStep"], json!({ "id": agreed[1], "done": true, "doneAt": "2026-03-02T10:00:00Z" }));
        // Put into another order and other words, a step keeps its mark; one that is not named is taken off.
        steps(&ada, &practice, &id, json!([{ "id": agreed[1], "text": "Listen well" }, { "text": "Rest" }, { "id": agreed[0], "text": "Ask" }])).await;
        let shown = session(&ada, &practice, &id, "nextSteps { text place done }").await;
        assert_eq!(shown["nextSteps"], json!([
            { "text": "Listen well", "place": 0, "done": true }, { "text": "Rest", "place": 1, "done": false }, { "text": "Ask", "place": 2, "done": false },
        ]));
        steps(&ada, &practice, &id, json!([{ "id": agreed[1], "text": "Listen well" }])).await;
        let open = coachee.ask(mine, json!({ "p": practice, "d": false })).await;
        assert_eq!(open["viewer"]["coacheePortal"]["nextSteps"]["nodes"], json!([]));
        let gone = json!({ "i": { "practiceId": practice, "nextStepId": agreed[0], "done": true } });
        assert_eq!(coachee.fails(CHECK_STEP, gone).await, "NOT_FOUND");
        // Agreeing on them is the coach's; a session has at most fifty.
        assert_eq!(coachee.fails(SET_STEPS, json!({ "i": { "practiceId": practice, "sessionId": id, "steps": [] } })).await, "FORBIDDEN");
        let many = vec![json!({ "text": "One more" }); 51];
        assert_eq!(ada.refused(SET_STEPS, json!({ "i": { "practiceId": practice, "sessionId": id, "steps": many } })).await, "NEXT_STEPS_ARE_TOO_MANY");
        product.prove().await;
    }

    /// From two coaches' screens that show the same list: neither takes off what the other has added.
    #[test]
    async fn what_another_coach_has_added_meanwhile_is_not_taken_off(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "MANAGER").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let id = started(&ada, &practice, &robin, "First").await;
        let read = steps(&ada, &practice, &id, json!([{ "text": "Ask" }, { "text": "Listen" }])).await;
        let list = |new: &str| json!({ "i": { "practiceId": practice, "sessionId": id, "base": read, "steps": [{ "id": read[1], "text": "Listen" }, { "text": new }] } });
        ben.ask(SET_STEPS, list("Walk")).await;
        let answer = ada.ask(SET_STEPS, list("Rest")).await;
        let shown: Vec<_> = answer["setNextSteps"]["session"]["nextSteps"].as_array().expect("steps").iter().map(|step| (step["text"].clone(), step["place"].clone())).collect();
        assert_eq!(shown, [(json!("Listen"), json!(0)), (json!("Rest"), json!(1)), (json!("Walk"), json!(2))]);
        product.prove().await;
    }

    /// Under exactly these words, from the newest session that took place.
    #[test]
    async fn s1_44_they_show_at_the_top_of_the_next_session(product: Product) {
        let (mut ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let first = started(&ada, &practice, &robin, "First").await;
        assert_eq!(session(&ada, &practice, &first, "fromLastSession { heading }").await["fromLastSession"], Value::Null);
        let agreed = steps(&ada, &practice, &first, json!([{ "text": "Ask" }, { "text": "Listen" }])).await;
        ended(&ada, &practice, &first, "ATTENDED").await;
        ada.ask(CHECK_STEP, json!({ "i": { "practiceId": practice, "nextStepId": agreed[0], "done": true } })).await;
        days_later(&product, &mut ada, 1).await;
        let cancelled = started(&ada, &practice, &robin, "Cancelled").await;
        ended(&ada, &practice, &cancelled, "CANCELLED").await;
        days_later(&product, &mut ada, 1).await;
        let next = started(&ada, &practice, &robin, "Next").await;
        let shown = session(&ada, &practice, &next, "fromLastSession { heading sessionId startedAt nextSteps { text done } }").await;
        assert_eq!(shown["fromLastSession"], json!({
            "heading": "From last session · next steps you committed to", "sessionId": first, "startedAt": "2026-03-02T09:00:00Z",
            "nextSteps": [{ "text": "Ask", "done": true }, { "text": "Listen", "done": false }],
        }));
        product.prove().await;
    }

    /// Title, date, duration and status of each; attended ones unless somebody asks for others.
    #[test]
    async fn s2_36_the_session_log_lists_attended_sessions(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        for (title, at, status) in [("One", "2026-01-05T10:00:00Z", "ATTENDED"), ("Two", "2026-01-12T10:00:00Z", "NO_SHOW"), ("Three", "2026-01-19T10:00:00Z", "ATTENDED")] {
            logged(&ada, &practice, &robin, (title, at, status)).await;
        }
        started(&ada, &practice, &robin, "Still running").await;
        let of_the_file = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { sessions { nodes { title startedAt durationMinutes status } } } } } }";
        let shown = ada.ask(of_the_file, json!({ "p": practice, "c": robin })).await["viewer"]["coachPortal"]["coachee"]["sessions"]["nodes"].clone();
        let expected = json!([
            { "title": "Three", "startedAt": "2026-01-19T10:00:00Z", "durationMinutes": 50, "status": "ATTENDED" },
            { "title": "One", "startedAt": "2026-01-05T10:00:00Z", "durationMinutes": 50, "status": "ATTENDED" },
        ]);
        assert_eq!(shown, expected);
        let own = coachee.ask("query($p: ID!) { viewer { coacheePortal(practiceId: $p) { sessions { nodes { title startedAt durationMinutes status } } } } }", json!({ "p": practice })).await;
        assert_eq!(own["viewer"]["coacheePortal"]["sessions"]["nodes"], expected);
        product.prove().await;
    }

    /// All four, when they are asked for; from and to cut the log.
    #[test]
    async fn s3_22_the_full_history_has_all_four_statuses(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        for (day, status) in [("05", "ATTENDED"), ("12", "CANCELLED"), ("19", "NO_SHOW"), ("26", "LATE")] {
            logged(&ada, &practice, &robin, (status, &format!("2026-01-{day}T10:00:00Z"), status)).await;
        }
        let kims = logged(&ada, &practice, &kim, ("Kim's", "2026-01-06T10:00:00Z", "ATTENDED")).await;
        let list = async |filter: Value| {
            let answer = ada.ask("query($p: ID!, $f: SessionFilter) { viewer { coachPortal(practiceId: $p) { sessions(filter: $f) { nodes { title } } } } }", json!({ "p": practice, "f": filter })).await;
            answer["viewer"]["coachPortal"]["sessions"]["nodes"].as_array().expect("nodes").iter().map(|node| node["title"].as_str().expect("a title").to_owned()).collect::<Vec<_>>()
        };
        let all = json!(["ATTENDED", "CANCELLED", "NO_SHOW", "LATE"]);
        assert_eq!(list(json!({ "coacheeId": robin, "status": all })).await, ["LATE", "NO_SHOW", "CANCELLED", "ATTENDED"]);
        assert_eq!(list(json!({ "coacheeId": robin, "status": ["NO_SHOW", "LATE"] })).await, ["LATE", "NO_SHOW"]);
        assert_eq!(list(json!({ "status": all, "from": "2026-01-12T10:00:00Z", "to": "2026-01-26T10:00:00Z" })).await, ["NO_SHOW", "CANCELLED"]);
        assert_eq!(list(Value::Null).await, ["Kim's", "ATTENDED"]);
        // Each can be corrected to each other one.
        for status in ["CANCELLED", "NO_SHOW", "LATE", "ATTENDED"] {
            let answer = ada.ask(SET_STATUS, json!({ "i": { "practiceId": practice, "sessionId": kims, "status": status } })).await;
            assert_eq!(answer["setSessionStatus"]["session"]["status"], status);
        }
        product.prove().await;
    }

    /// Neither the future, nor longer than a day; what runs has no duration and no status to correct.
    #[test]
    async fn what_cannot_be_is_refused(product: Product) {
        let (mut ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let log = |at: &str, minutes: u32| json!({ "i": { "practiceId": practice, "coacheeId": robin, "startedAt": at, "durationMinutes": minutes } });
        assert_eq!(ada.refused(LOG, log("2026-03-02T09:00:01Z", 50)).await, "SESSION_IS_IN_THE_FUTURE");
        assert_eq!(ada.refused(LOG, log("2026-03-02T08:00:00Z", 1441)).await, "OUT_OF_RANGE");
        ada.ask(LOG, log("2026-03-02T09:00:00Z", 1440)).await;
        let id = started(&ada, &practice, &robin, "Runs").await;
        let (minutes, status) = (json!({ "i": { "practiceId": practice, "sessionId": id, "durationMinutes": 5 } }), json!({ "i": { "practiceId": practice, "sessionId": id, "status": "LATE" } }));
        assert_eq!(ada.refused(UPDATE, minutes.clone()).await, "SESSION_IS_RUNNING");
        assert_eq!(ada.refused(SET_STATUS, status).await, "SESSION_IS_RUNNING");
        // Forgotten over the weekend, it was a day long at most.
        days_later(&product, &mut ada, 3).await;
        ended(&ada, &practice, &id, "ATTENDED").await;
        assert_eq!(session(&ada, &practice, &id, "durationMinutes").await["durationMinutes"], 1440);
        assert_eq!(ada.ask(UPDATE, minutes).await["updateSession"]["session"]["durationMinutes"], 5);
        product.prove().await;
    }

    /// Another window of the same session sees what is written there; a coachee cannot listen.
    #[test]
    async fn a_live_session_is_followed_from_a_position(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let (id, other) = (started(&ada, &practice, &robin, "First").await, started(&ada, &practice, &robin, "Other").await);
        let after = position(&ada, &practice).await;
        let query = "subscription($p: ID!, $s: ID!, $a: Position) { liveSession(practiceId: $p, id: $s, after: $a) { position changes { ... on Session { id title status notes { revision text } nextSteps { text done } } } } }";
        let variables = json!({ "p": practice, "s": id, "a": after });
        let mut live = ada.listen(query, variables.clone()).await;
        let mut seen = async || {
            let item = live.next().await["liveSession"].clone();
            assert_eq!(item["changes"].as_array().map(Vec::len), Some(1), "{item}");
            (item["changes"][0].clone(), item["position"].clone())
        };
        ada.ask(SAVE, json!({ "i": { "practiceId": practice, "sessionId": other, "base": 0, "text": "elsewhere" } })).await;
        ada.ask(SAVE, json!({ "i": { "practiceId": practice, "sessionId": id, "base": 0, "text": "# Begun" } })).await;
        let (change, _) = seen().await;
        assert_eq!((&change["id"], &change["notes"]), (&json!(id), &json!({ "revision": 1, "text": "# Begun" })));
        let agreed = steps(&ada, &practice, &id, json!([{ "text": "Ask" }])).await;
        let (change, place) = seen().await;
        assert_eq!(change["nextSteps"], json!([{ "text": "Ask", "done": false }]));
        coachee.ask(CHECK_STEP, json!({ "i": { "practiceId": practice, "nextStepId": agreed[0], "done": true } })).await;
        assert_eq!(seen().await.0["nextSteps"], json!([{ "text": "Ask", "done": true }]));
        steps(&ada, &practice, &id, json!([])).await;
        assert_eq!(seen().await.0["nextSteps"], json!([]));
        ended(&ada, &practice, &id, "LATE").await;
        assert_eq!(seen().await.0["status"], "LATE");
        // From a place in between, what came after it comes again, as it is now.
        let mut again = ada.listen(query, json!({ "p": practice, "s": id, "a": place })).await;
        assert_eq!(again.next().await["liveSession"]["changes"][0]["status"], "LATE");
        let mut not_theirs = coachee.listen(query, variables).await;
        assert_eq!(not_theirs.ends().await, "NOT_FOUND");
        product.prove().await;
    }
}
