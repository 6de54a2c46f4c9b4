//! Assessments and coaching questions: assigned by coaches, filled in by coachees, talked about by both.

use serde_json::{Value, json};
use tests::{Person, both};

use crate::audit::grant;

const CREATE: &str = "mutation($i: CreateAssessmentTemplateInput!) { createAssessmentTemplate(input: $i) { template { id title questions { words kind options { words points } areas } } position errors { code path } } }";
const REMOVE: &str = "mutation($i: RemoveAssessmentTemplateInput!) { removeAssessmentTemplate(input: $i) { deletedId errors { code } } }";
const ASSIGN: &str = "mutation($i: AssignAssessmentInput!) { assignAssessment(input: $i) { assessment { id status dueOn title } position errors { code path } } }";
const DRAFT: &str = "mutation($i: SaveAssessmentDraftInput!) { saveAssessmentDraft(input: $i) { assessment { id status draft { question number text } } position errors { code path } } }";
const SUBMIT: &str = "mutation($i: SubmitAssessmentInput!) { submitAssessment(input: $i) { assessment { id status submittedAt scores { dimension points least most percent } } position errors { code path } } }";
const REMIND: &str =
    "mutation($i: AssessmentInput!) { remindAssessment(input: $i) { assessment { remindedAt } errors { code } } }";
const RESET: &str = "mutation($i: AssessmentInput!) { resetAssessment(input: $i) { assessment { status answers { question } } errors { code } } }";
const DELETE: &str =
    "mutation($i: AssessmentInput!) { deleteAssessmentResult(input: $i) { deletedId errors { code } } }";
const ASK: &str = "mutation($i: AssignQuestionsInput!) { assignQuestions(input: $i) { coachee { questions { nodes { id words } } } errors { code path } } }";
const ANSWER: &str = "mutation($i: AnswerQuestionInput!) { answerQuestion(input: $i) { question { answer answeredAt } position errors { code path } } }";
const COMMENT: &str = "mutation($i: CommentOnQuestionInput!) { commentOnQuestion(input: $i) { comment { id text authorId } errors { code path } } }";

/// What is shown of an assessment.
const SHOWN: &str = "id title status dueOn questions { words } answers { question number chosen text areas } scores { dimension points percent } draft { question }";

/// A form with a question of every kind.
fn every_kind() -> Value {
    json!([
        { "words": "How calm were you?", "kind": "SCALE", "least": 1, "most": 5, "dimension": "calm" },
        { "words": "How restless were you?", "kind": "SCALE", "least": 1, "most": 5, "reversed": true, "dimension": "calm" },
        { "words": "What helps most?", "kind": "CHOICE", "options": [{ "words": "Sleep", "points": 3 }, { "words": "Sport", "points": 1 }] },
        { "words": "What do you do?", "kind": "CHOICES", "required": false, "options": [{ "words": "Walk", "points": 1 }, { "words": "Swim", "points": 2 }] },
        { "words": "In a word?", "kind": "SHORT_TEXT", "required": false },
        { "words": "What would you build?", "kind": "LONG_TEXT" },
        { "words": "Your wheel of life", "kind": "WHEEL_OF_LIFE", "areas": ["Health", "Work", "Love"] },
    ])
}

fn every_answer(calm: i32) -> Value {
    json!([
        { "question": 0, "number": calm }, { "question": 1, "number": 2 }, { "question": 2, "chosen": [0] },
        { "question": 5, "text": "A house.\nBy the sea." }, { "question": 6, "areas": [1, 10, 4] },
    ])
}

/// Makes a form: its id.
pub async fn template(by: &Person, practice: &str, title: &str, questions: Value) -> String {
    let input = json!({ "practiceId": practice, "title": title, "questions": questions });
    let answer = by.ask(CREATE, json!({ "i": input })).await;
    let made = &answer["createAssessmentTemplate"];
    made["template"]["id"].as_str().unwrap_or_else(|| panic!("not made: {answer}")).to_owned()
}

/// Assigns a form: the assessment's id.
pub async fn assigned(by: &Person, practice: &str, coachee: &str, template: &str) -> String {
    let input = json!({ "practiceId": practice, "coacheeId": coachee, "templateId": template, "dueOn": "2026-03-20" });
    let answer = by.ask(ASSIGN, json!({ "i": input })).await;
    let made = &answer["assignAssessment"]["assessment"];
    assert_eq!((&made["status"], &made["dueOn"]), (&json!("ASSIGNED"), &json!("2026-03-20")), "{answer}");
    made["id"].as_str().expect("an id").to_owned()
}

/// Submits an assessment.
pub async fn submitted(by: &Person, practice: &str, assessment: &str, answers: Value) -> Value {
    let input = json!({ "practiceId": practice, "assessmentId": assessment, "answers": answers });
    let answer = by.ask(SUBMIT, json!({ "i": input })).await;
    assert_eq!(answer["submitAssessment"]["errors"], json!([]), "{answer}");
    answer["submitAssessment"]["assessment"].clone()
}

/// Asks a coachee something: the question's id.
pub async fn asked(by: &Person, practice: &str, coachee: &str, words: &str) -> String {
    let input = json!({ "practiceId": practice, "coacheeId": coachee, "questions": [words], "dueOn": "2026-03-09" });
    let answer = by.ask(ASK, json!({ "i": input })).await;
    let nodes = answer["assignQuestions"]["coachee"]["questions"]["nodes"].as_array().expect("questions").clone();
    let made = nodes.iter().find(|node| node["words"] == words).unwrap_or_else(|| panic!("not asked: {answer}"));
    made["id"].as_str().expect("an id").to_owned()
}

/// Some assessments of a coachee's profile, by their titles.
async fn in_profile(coach: &Person, practice: &str, coachee: &str, statuses: Value) -> Vec<Value> {
    let query = format!(
        "query($p: ID!, $c: ID!, $s: [AssessmentStatus!]) {{ viewer {{ coachPortal(practiceId: $p) {{ coachee(id: $c) {{ assessments(statuses: $s) {{ nodes {{ {SHOWN} }} }} }} }} }} }}"
    );
    let data = coach.ask(&query, json!({ "p": practice, "c": coachee, "s": statuses })).await;
    data["viewer"]["coachPortal"]["coachee"]["assessments"]["nodes"].as_array().expect("assessments").clone()
}

/// The coachee's own.
async fn own(coachee: &Person, practice: &str) -> Vec<Value> {
    let query = format!(
        "query($p: ID!) {{ viewer {{ coacheePortal(practiceId: $p) {{ assessments {{ nodes {{ {SHOWN} }} }} }} }} }}"
    );
    let data = coachee.ask(&query, json!({ "p": practice })).await;
    data["viewer"]["coacheePortal"]["assessments"]["nodes"].as_array().expect("assessments").clone()
}

async fn refused(by: &Person, mutation: &str, input: Value) -> String {
    by.refused(mutation, json!({ "i": input })).await
}

both! {
    /// With answers and what they add up to, over time; both sides see the same.
    #[test]
    async fn s2_37_completed_assessments_stand_in_the_profile_with_their_answers(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        let form = template(&ada, &practice, "Where you stand", every_kind()).await;
        for (calm, percent) in [(3, 62), (5, 87)] {
            product.later(60);
            let assessment = assigned(&ada, &practice, &robin, &form).await;
            let done = submitted(&person, &practice, &assessment, every_answer(calm)).await;
            let scores = json!([
                { "dimension": "calm", "points": calm + 4, "least": 2, "most": 10, "percent": percent },
                { "dimension": null, "points": 3, "least": 1, "most": 3, "percent": 100 },
                { "dimension": "Health", "points": 1, "least": 1, "most": 10, "percent": 0 },
                { "dimension": "Work", "points": 10, "least": 1, "most": 10, "percent": 100 },
                { "dimension": "Love", "points": 4, "least": 1, "most": 10, "percent": 33 },
            ]);
            assert_eq!((&done["status"], &done["scores"]), (&json!("COMPLETED"), &scores));
        }
        let profile = in_profile(&ada, &practice, &robin, Value::Null).await;
        let calm: Vec<&Value> = profile.iter().map(|it| &it["scores"][0]["points"]).collect();
        assert_eq!(calm, [9, 7], "the newest first");
        assert_eq!(profile[0]["title"], "Where you stand");
        let answers = profile[0]["answers"].as_array().expect("answers");
        let places: Vec<&Value> = answers.iter().map(|it| &it["question"]).collect();
        assert_eq!(places, [0, 1, 2, 5, 6], "what was not answered is not there");
        assert_eq!((&answers[2]["chosen"], &answers[3]["text"], &answers[4]["areas"]), (&json!([0]), &json!("A house.\nBy the sea."), &json!([1, 10, 4])));
        assert_eq!(own(&person, &practice).await, profile);
        product.prove().await;
    }

    /// Until it is submitted an assessment is in the coach portal's list of its own, and not in the profile.
    #[test]
    async fn s2_38_pending_assessments_stand_in_the_portal_and_not_in_the_profile(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        let form = template(&ada, &practice, "Where you stand", every_kind()).await;
        let assessment = assigned(&ada, &practice, &robin, &form).await;
        let pending = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { assessments(filter: { statuses: [ASSIGNED] }) { nodes { id dueOn } } } } }";
        let listed = async || ada.ask(pending, json!({ "p": practice })).await["viewer"]["coachPortal"]["assessments"]["nodes"].clone();
        assert_eq!(listed().await, json!([{ "id": assessment, "dueOn": "2026-03-20" }]));
        assert!(in_profile(&ada, &practice, &robin, Value::Null).await.is_empty());
        submitted(&person, &practice, &assessment, every_answer(4)).await;
        assert_eq!(listed().await, json!([]));
        assert_eq!(in_profile(&ada, &practice, &robin, Value::Null).await.len(), 1);
        product.prove().await;
    }

    /// The profile shows all that were assigned to who asks for them, also during a session.
    #[test]
    async fn s3_23_all_assigned_assessments_are_shown_in_the_profile_and_in_a_live_session(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        let form = template(&ada, &practice, "Where you stand", every_kind()).await;
        let done = assigned(&ada, &practice, &robin, &form).await;
        submitted(&person, &practice, &done, every_answer(4)).await;
        product.later(1);
        let waiting = assigned(&ada, &practice, &robin, &form).await;
        let all = in_profile(&ada, &practice, &robin, json!(["ASSIGNED", "COMPLETED"])).await;
        assert_eq!(all.iter().map(|it| &it["id"]).collect::<Vec<_>>(), [&json!(waiting), &json!(done)]);
        let session = crate::session::started(&ada, &practice, &robin, "Together").await;
        let query = "query($p: ID!, $s: ID!) { viewer { coachPortal(practiceId: $p) { liveSession(id: $s) { title coachee { assessments(statuses: [ASSIGNED, COMPLETED]) { nodes { id } } } } } } }";
        let live = ada.ask(query, json!({ "p": practice, "s": session })).await;
        let shown = &live["viewer"]["coachPortal"]["liveSession"]["coachee"]["assessments"]["nodes"];
        assert_eq!(*shown, json!([{ "id": waiting }, { "id": done }]));
        product.prove().await;
    }

    /// What was not submitted is the coachee's alone: not the owner's, not in the log, not live.
    #[test]
    async fn a_draft_is_seen_by_nobody_but_the_coachee(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        let form = template(&ada, &practice, "Where you stand", every_kind()).await;
        let assessment = assigned(&ada, &practice, &robin, &form).await;
        let from = crate::plan::position(&ada, &practice).await;
        let draft = |answers: Value| json!({ "practiceId": practice, "assessmentId": assessment, "answers": answers });
        let log = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { activityLog(first: 100) { nodes { entry } } assessments { nodes { status answers { text } draft { text } } } } } }";
        let before = ada.ask(log, json!({ "p": practice })).await;
        let saved = person.ask(DRAFT, json!({ "i": draft(json!([{ "question": 5, "text": "Half a thought" }])) })).await;
        assert_eq!(saved["saveAssessmentDraft"]["assessment"], json!({ "id": assessment, "status": "ASSIGNED", "draft": [{ "question": 5, "number": null, "text": "Half a thought" }] }));
        assert_eq!(ada.ask(log, json!({ "p": practice })).await, before, "the owner sees nothing of it");
        // Another device of theirs is told; the coach is told of what comes after, and of nothing before.
        let changes = |portal: &str| format!("subscription($p: ID!, $a: Position) {{ {portal}Changes(practiceId: $p, after: $a) {{ changes {{ __typename ... on Assessment {{ id status draft {{ text }} }} ... on Gone {{ goneId: id }} }} }} }}");
        let mut told = person.listen(&changes("coacheePortal"), json!({ "p": practice, "a": from })).await;
        assert_eq!(told.next().await["coacheePortalChanges"]["changes"], json!([{ "__typename": "Assessment", "id": assessment, "status": "ASSIGNED", "draft": [{ "text": "Half a thought" }] }]));
        let mut coach = ada.listen(&changes("coachPortal"), json!({ "p": practice, "a": from })).await;
        let input = json!({ "practiceId": practice, "assessmentId": assessment });
        // A draft is not yet all that has to be answered.
        assert_eq!(refused(&person, SUBMIT, input.clone()).await, "ANSWER_IS_MISSING");
        person.ask(DRAFT, json!({ "i": draft(every_answer(2)) })).await;
        let done = person.ask(SUBMIT, json!({ "i": input })).await;
        assert_eq!(done["submitAssessment"]["assessment"]["scores"][0]["points"], 6, "the draft was submitted: {done}");
        assert_eq!(coach.next().await["coachPortalChanges"]["changes"], json!([{ "__typename": "Assessment", "id": assessment, "status": "COMPLETED", "draft": [] }]));
        assert_eq!(own(&person, &practice).await[0]["draft"], json!([]), "no draft is left");
        product.prove().await;
    }

    /// A draft is of who wrote it: whoever has the coachee's portal after them neither sees it nor submits it.
    #[test]
    async fn a_draft_is_not_handed_on_with_the_portal(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        let form = template(&ada, &practice, "Where you stand", every_kind()).await;
        let assessment = assigned(&ada, &practice, &robin, &form).await;
        let draft = json!({ "practiceId": practice, "assessmentId": assessment, "answers": every_answer(2) });
        person.ask(DRAFT, json!({ "i": draft })).await;
        let browser = product.in_browser("robin@coachee.example").await;
        let delete = "mutation { deleteAccount(input: { confirmEmail: \"robin@coachee.example\" }) { errors { code } } }";
        assert_eq!(browser.ask(delete, json!({})).await["deleteAccount"]["errors"], json!([]));
        product.app.react().await.expect("reacted");
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        assert_eq!(own(&person, &practice).await[0]["draft"], json!([]));
        let about = json!({ "practiceId": practice, "assessmentId": assessment });
        assert_eq!(refused(&person, SUBMIT, about).await, "ANSWER_IS_MISSING");
        // The same answers are theirs once they have given them.
        person.ask(DRAFT, json!({ "i": draft })).await;
        assert_eq!(own(&person, &practice).await[0]["draft"].as_array().map(Vec::len), Some(5));
        product.prove().await;
    }

    /// Submitted is submitted; whoever may, resets it, and then it is filled in anew. Deleting takes all of it away.
    #[test]
    async fn an_assessment_is_submitted_once_until_it_is_reset(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        let form = template(&ada, &practice, "Where you stand", every_kind()).await;
        let assessment = assigned(&ada, &practice, &robin, &form).await;
        let about = || json!({ "practiceId": practice, "assessmentId": assessment });
        let answers = || json!({ "practiceId": practice, "assessmentId": assessment, "answers": every_answer(3) });
        assert_eq!(refused(&ada, RESET, about()).await, "ASSESSMENT_IS_NOT_SUBMITTED");
        let reminded = ada.ask(REMIND, json!({ "i": about() })).await;
        assert_eq!(reminded["remindAssessment"]["assessment"]["remindedAt"], tests::BEGINNING);
        assert_eq!(ada.fails(SUBMIT, json!({ "i": answers() })).await, "FORBIDDEN", "the coachee alone answers");
        submitted(&person, &practice, &assessment, every_answer(3)).await;
        for mutation in [SUBMIT, DRAFT] {
            assert_eq!(refused(&person, mutation, answers()).await, "ASSESSMENT_IS_SUBMITTED");
        }
        assert_eq!(refused(&ada, REMIND, about()).await, "ASSESSMENT_IS_SUBMITTED");
        // User is not enough to reset or delete results (S4.8), and the coachee may not.
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        grant(&ada, &practice, &bob, &robin).await;
        for who in [&bob, &person] {
            assert_eq!(who.fails(RESET, json!({ "i": about() })).await, "FORBIDDEN");
            assert_eq!(who.fails(DELETE, json!({ "i": about() })).await, "FORBIDDEN");
        }
        let reset = ada.ask(RESET, json!({ "i": about() })).await;
        assert_eq!(reset["resetAssessment"]["assessment"], json!({ "status": "ASSIGNED", "answers": [] }));
        submitted(&person, &practice, &assessment, every_answer(5)).await;
        let deleted = ada.ask(DELETE, json!({ "i": about() })).await;
        assert_eq!(deleted["deleteAssessmentResult"]["deletedId"], json!(assessment));
        assert!(own(&person, &practice).await.is_empty());
        assert_eq!(ada.fails(RESET, json!({ "i": about() })).await, "NOT_FOUND");
        product.prove().await;
    }

    /// A form that is taken away can be assigned no more; what was assigned of it stays as it was.
    #[test]
    async fn removing_a_form_leaves_what_was_assigned_of_it(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let form = template(&ada, &practice, "Where you stand", every_kind()).await;
        assigned(&ada, &practice, &robin, &form).await;
        let removed = ada.ask(REMOVE, json!({ "i": { "practiceId": practice, "templateId": form } })).await;
        assert_eq!(removed["removeAssessmentTemplate"]["deletedId"], json!(form));
        let again = json!({ "practiceId": practice, "coacheeId": robin, "templateId": form });
        assert_eq!(ada.fails(ASSIGN, json!({ "i": again })).await, "NOT_FOUND");
        let kept = in_profile(&ada, &practice, &robin, json!(["ASSIGNED"])).await;
        assert_eq!((&kept[0]["title"], kept[0]["questions"].as_array().map(Vec::len)), (&json!("Where you stand"), Some(7)));
        product.prove().await;
    }

    /// What cannot be asked, and what is no answer, is refused, and says which.
    #[test]
    async fn forms_and_answers_that_make_no_sense_are_refused(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        let form = |questions: Value| json!({ "practiceId": practice, "title": "A form", "questions": questions });
        let (fine, none) = (json!({ "words": "Well?", "kind": "SHORT_TEXT" }), json!([]));
        assert_eq!(refused(&ada, CREATE, form(none)).await, "FORM_NEEDS_QUESTIONS");
        assert_eq!(refused(&ada, CREATE, form(json!(vec![fine.clone(); 101]))).await, "FORM_NEEDS_QUESTIONS");
        for wrong in [
            json!({ "words": " ", "kind": "SHORT_TEXT" }),
            json!({ "words": "Well?", "kind": "SCALE", "least": 5, "most": 5 }),
            json!({ "words": "Well?", "kind": "CHOICE", "options": [{ "words": "One" }] }),
            json!({ "words": "Well?", "kind": "CHOICE", "options": [{ "words": "One" }, { "words": "One" }] }),
            json!({ "words": "Well?", "kind": "CHOICES", "atMost": 3, "options": [{ "words": "One" }, { "words": "Two" }] }),
            json!({ "words": "Well?", "kind": "WHEEL_OF_LIFE", "areas": ["One", "Two"] }),
            json!({ "words": "Well?", "kind": "SHORT_TEXT", "weight": 0 }),
        ] {
            let answer = ada.ask(CREATE, json!({ "i": form(json!([fine, wrong])) })).await;
            assert_eq!(answer["createAssessmentTemplate"]["errors"], json!([{ "code": "QUESTION_IS_NOT_VALID", "path": ["input", "questions", "1"] }]));
        }
        let long = vec![json!({ "words": "w".repeat(500), "kind": "CHOICE", "options": (0..20).map(|number| json!({ "words": format!("{number}{}", "o".repeat(400)) })).collect::<Vec<_>>() }); 9];
        assert_eq!(refused(&ada, CREATE, form(json!(long))).await, "FORM_IS_TOO_LONG");
        let form = template(&ada, &practice, "Where you stand", every_kind()).await;
        let assessment = assigned(&ada, &practice, &robin, &form).await;
        let answers = |answers: Value| json!({ "practiceId": practice, "assessmentId": assessment, "answers": answers });
        for wrong in [
            json!([{ "question": 0, "number": 6 }]),
            json!([{ "question": 0, "text": "five" }]),
            json!([{ "question": 0 }]),
            json!([{ "question": 0, "number": 1, "text": "one" }]),
            json!([{ "question": 0, "number": 1 }, { "question": 0, "number": 2 }]),
            json!([{ "question": 2, "chosen": [0, 1] }]),
            json!([{ "question": 2, "chosen": [2] }]),
            json!([{ "question": 6, "areas": [1, 2] }]),
            json!([{ "question": 7, "number": 1 }]),
            json!([{ "question": 4_000_000_000_u32, "number": 1 }]),
        ] {
            assert_eq!(refused(&person, DRAFT, answers(wrong.clone())).await, "ANSWER_DOES_NOT_FIT", "{wrong}");
        }
        assert_eq!(refused(&person, SUBMIT, answers(json!([{ "question": 0, "number": 1 }]))).await, "ANSWER_IS_MISSING");
        product.prove().await;
    }

    /// The journey: the newest wheel beside the one before, and the plan day by day, as data, as a picture and in words.
    #[test]
    async fn a_coachees_journey_is_data_a_picture_and_words(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        let seen = "journey { points { on percent actions done } svg text } wheelOfLife { submittedAt beforeAt areas { area value before } svg text }";
        let as_coach = format!("query($p: ID!, $c: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ coachee(id: $c) {{ {seen} }} }} }} }}");
        let as_coachee = format!("query($p: ID!) {{ viewer {{ coacheePortal(practiceId: $p) {{ {seen} }} }} }}");
        let look = async |who: &Person| who.ask(&as_coach, json!({ "p": practice, "c": robin })).await["viewer"]["coachPortal"]["coachee"].clone();
        let nothing = look(&ada).await;
        assert_eq!((&nothing["wheelOfLife"], &nothing["journey"]["points"]), (&Value::Null, &json!([])));
        let goal = crate::plan::goal(&ada, &practice, &robin, "Health").await;
        let milestone = crate::plan::milestone(&ada, &practice, &goal, "Every day").await;
        let walk = crate::plan::action(&ada, &practice, &robin, Some(&milestone), "Walk").await;
        let read = crate::plan::action(&person, &practice, &robin, None, "Read").await;
        // A sign-in ends after half a day without use.
        product.later(60 * 24);
        let (ada, person) = (product.person(&ada.email).await, product.person(&person.email).await);
        crate::plan::progress(&person, &practice, &walk, 30).await;
        crate::plan::progress(&person, &practice, &walk, 100).await;
        product.later(60 * 24);
        let (ada, person) = (product.person(&ada.email).await, product.person(&person.email).await);
        crate::plan::progress(&ada, &practice, &read, 20).await;
        let form = template(&ada, &practice, "Where you stand", every_kind()).await;
        for areas in [[3, 3, 3], [1, 10, 3]] {
            let assessment = assigned(&ada, &practice, &robin, &form).await;
            let mut answers = every_answer(3);
            answers[4]["areas"] = json!(areas);
            submitted(&person, &practice, &assessment, answers).await;
            product.later(1);
        }
        let seen = look(&ada).await;
        let point = |on: &str, percent: u8, done: u8| json!({ "on": on, "percent": percent, "actions": 2, "done": done });
        assert_eq!(seen["journey"]["points"], json!([point("2026-03-02", 0, 0), point("2026-03-03", 50, 1), point("2026-03-04", 60, 1)]));
        assert_eq!(seen["journey"]["text"], "From 2026-03-02 to 2026-03-04: 0 percent, then 60 percent; 1 of 2 actions are done.");
        let area = |area: &str, value: u8| json!({ "area": area, "value": value, "before": 3 });
        assert_eq!(seen["wheelOfLife"]["areas"], json!([area("Health", 1), area("Work", 10), area("Love", 3)]));
        assert_eq!(seen["wheelOfLife"]["text"], "Health: 1 of 10, 3 before; Work: 10 of 10, 3 before; Love: 3 of 10.");
        for picture in [&seen["journey"]["svg"], &seen["wheelOfLife"]["svg"]] {
            let picture = picture.as_str().expect("a picture");
            assert!(picture.starts_with("<svg") && picture.contains("role=\"img\"") && picture.contains("<desc>"), "{picture}");
        }
        assert_eq!(person.ask(&as_coachee, json!({ "p": practice })).await["viewer"]["coacheePortal"], seen, "both sides see the same");

        // One goal: the actions that serve it.
        let of_goal = "journey(goalId: $g) { points { on percent actions done } }";
        let as_coach = format!("query($p: ID!, $c: ID!, $g: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ coachee(id: $c) {{ {of_goal} }} }} }} }}");
        let as_coachee = format!("query($p: ID!, $g: ID!) {{ viewer {{ coacheePortal(practiceId: $p) {{ {of_goal} }} }} }}");
        let asked = json!({ "p": practice, "c": robin, "g": goal });
        let seen = ada.ask(&as_coach, asked).await["viewer"]["coachPortal"]["coachee"].clone();
        let point = |on: &str, percent: u8, done: u8| json!({ "on": on, "percent": percent, "actions": 1, "done": done });
        assert_eq!(seen["journey"]["points"], json!([point("2026-03-02", 0, 0), point("2026-03-03", 100, 1)]));
        assert_eq!(person.ask(&as_coachee, json!({ "p": practice, "g": goal })).await["viewer"]["coacheePortal"], seen);
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let of_kim = crate::plan::goal(&ada, &practice, &kim, "Rest").await;
        assert_eq!(person.fails(&as_coachee, json!({ "p": practice, "g": of_kim })).await, "NOT_FOUND");
        assert_eq!(ada.fails(&as_coach, json!({ "p": practice, "c": robin, "g": of_kim })).await, "NOT_FOUND", "another coachee's");
        product.prove().await;
    }

    /// Asked by a coach, answered by the coachee, talked about by both, live on both sides.
    #[test]
    async fn s3_2_coaching_questions_are_asked_answered_and_discussed(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.accepted(&ada, &practice, &robin, "Robin").await;
        let from = crate::plan::position(&ada, &practice).await;
        let changes = "subscription($p: ID!, $a: Position) { coacheePortalChanges(practiceId: $p, after: $a) { changes { __typename ... on CoachingQuestion { id words answer } ... on QuestionComment { questionId text } } } }";
        let mut told = person.listen(changes, json!({ "p": practice, "a": from })).await;
        let question = asked(&ada, &practice, &robin, "What would you do\nif you were not afraid?").await;
        assert_eq!(told.next().await["coacheePortalChanges"]["changes"], json!([{ "__typename": "CoachingQuestion", "id": question, "words": "What would you do\nif you were not afraid?", "answer": null }]));
        let answer = |text: &str| json!({ "practiceId": practice, "questionId": question, "answer": text });
        assert_eq!(ada.fails(ANSWER, json!({ "i": answer("I answer for them") })).await, "FORBIDDEN");
        for text in ["Sing.", "Sing, and dance."] {
            let done = person.ask(ANSWER, json!({ "i": answer(text) })).await;
            assert_eq!(done["answerQuestion"]["question"]["answer"], text);
        }
        for (who, text) in [(&ada, "What kind of dance?"), (&person, "Tango.")] {
            let input = json!({ "practiceId": practice, "questionId": question, "text": text });
            product.later(1);
            let said = who.ask(COMMENT, json!({ "i": input })).await;
            assert_eq!((&said["commentOnQuestion"]["comment"]["text"], &said["commentOnQuestion"]["comment"]["authorId"]), (&json!(text), &json!(who.id)));
        }
        let shown = "questions { nodes { words answer commentCount dueOn comments { nodes { text authorId } } } }";
        let as_coach = format!("query($p: ID!, $c: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ coachee(id: $c) {{ {shown} }} }} }} }}");
        let as_coachee = format!("query($p: ID!) {{ viewer {{ coacheePortal(practiceId: $p) {{ {shown} }} }} }}");
        let seen = ada.ask(&as_coach, json!({ "p": practice, "c": robin })).await["viewer"]["coachPortal"]["coachee"].clone();
        assert_eq!(seen, person.ask(&as_coachee, json!({ "p": practice })).await["viewer"]["coacheePortal"]);
        let node = &seen["questions"]["nodes"][0];
        assert_eq!((&node["answer"], &node["commentCount"], &node["dueOn"]), (&json!("Sing, and dance."), &json!(2), &json!("2026-03-09")));
        assert_eq!(node["comments"]["nodes"], json!([{ "text": "What kind of dance?", "authorId": ada.id }, { "text": "Tango.", "authorId": person.id }]));
        let log = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { activityLog(filter: { kinds: [\"question_answer\"] }) { nodes { changes { was now } } } } } }";
        let log = person.ask(log, json!({ "p": practice })).await["viewer"]["coacheePortal"]["activityLog"]["nodes"].clone();
        assert_eq!(log[0]["changes"], json!([{ "was": "Sing.", "now": "Sing, and dance." }]), "the log keeps what was said before");
        product.prove().await;
    }

    /// Empty, too long or too many are refused.
    #[test]
    async fn coaching_questions_are_bounded(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let ask = |questions: Value| json!({ "practiceId": practice, "coacheeId": robin, "questions": questions });
        assert_eq!(refused(&ada, ASK, ask(json!([]))).await, "QUESTIONS_ARE_TOO_MANY");
        assert_eq!(refused(&ada, ASK, ask(json!(vec!["Well?"; 21]))).await, "QUESTIONS_ARE_TOO_MANY");
        assert_eq!(refused(&ada, ASK, ask(json!(["Well?", ""]))).await, "TEXT_IS_BLANK");
        assert_eq!(refused(&ada, ASK, ask(json!(["w".repeat(2_001)]))).await, "TEXT_IS_TOO_LONG");
        let question = asked(&ada, &practice, &robin, "Well?").await;
        let comment = json!({ "practiceId": practice, "questionId": question, "text": "" });
        assert_eq!(refused(&ada, COMMENT, comment).await, "TEXT_IS_BLANK");
        product.prove().await;
    }
}
