//! The roster from outside: its filters, orders and menus; deactivating; who leads; one person in several practices.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use tests::{Person, both};

use crate::audit::{GRANT, grant};
use crate::live::changes_of;
use crate::plan::{action, goal, milestone, position, progress};

const LIST: &str = "query($p: ID!, $f: CoacheeFilter, $o: CoacheeOrder) { viewer { coachPortal(practiceId: $p) {
    coachees(filter: $f, orderBy: $o, first: 100) { totalCount nodes { firstName } } } } }";
const MENUS: &str = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) {
    status options quickMenu deactivatedAt leadCoachId billingModel } } } }";
const ADD: &str = "mutation($i: AddCoacheeInput!) { addCoachee(input: $i) { coachee { id } errors { code } } }";
const DEACTIVATE: &str =
    "mutation($i: CoacheeInput!) { deactivateCoachee(input: $i) { coachee { deactivatedAt status } errors { code } } }";
const REACTIVATE: &str =
    "mutation($i: CoacheeInput!) { reactivateCoachee(input: $i) { coachee { deactivatedAt status } errors { code } } }";
const INVITE: &str = "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { errors { code } } }";
const RESEND: &str = "mutation($i: CoacheeInput!) { resendInvitation(input: $i) { errors { code } } }";
const LEAD: &str =
    "mutation($i: SetLeadCoachInput!) { setLeadCoach(input: $i) { coachee { leadCoachId } errors { code } } }";
const BILL: &str =
    "mutation($i: SetBillingModelInput!) { setBillingModel(input: $i) { coachee { billingModel } errors { code } } }";
const PORTAL: &str =
    "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { me { id activeGoal } actions { nodes { title } } } } }";
const PORTALS: &str = "{ viewer { portals { kind practice { id } } } }";

/// The first names of a list, whose count is of the same list.
pub async fn names(by: &Person, practice: &str, filter: Value, order: &str) -> Vec<String> {
    let data = by.ask(LIST, json!({ "p": practice, "f": filter, "o": order })).await;
    let list = &data["viewer"]["coachPortal"]["coachees"];
    let nodes = list["nodes"].as_array().expect("coachees");
    assert_eq!(list["totalCount"], json!(nodes.len()), "the count is of the same list");
    nodes.iter().map(|node| node["firstName"].as_str().expect("a name").to_owned()).collect()
}

fn about(practice: &str, coachee: &str) -> Value {
    json!({ "i": { "practiceId": practice, "coacheeId": coachee } })
}

async fn menus(by: &Person, practice: &str, coachee: &str) -> Value {
    by.ask(MENUS, json!({ "p": practice, "c": coachee })).await["viewer"]["coachPortal"]["coachee"].clone()
}

/// The portals that somebody has: their kinds and practices.
async fn portals(who: &Person) -> BTreeSet<(String, String)> {
    let data = who.ask(PORTALS, json!({})).await;
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let portals = data["viewer"]["portals"].as_array().expect("portals").iter();
    portals.map(|portal| (word(&portal["kind"]), word(&portal["practice"]["id"]))).collect()
}

both! {
    /// Where the newest session's start is moved behind another's, the coachee's newest is that other one.
    #[test]
    async fn a_corrected_start_leaves_the_newest_session_newest(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let log = "mutation($i: LogSessionInput!) { logSession(input: $i) { session { id } errors { code } } }";
        let mut logged = Vec::new();
        for (coachee, day) in [(&robin, "2026-02-25"), (&kim, "2026-02-10"), (&robin, "2026-03-01")] {
            let at = format!("{day}T09:00:00Z");
            let session = json!({ "practiceId": practice, "coacheeId": coachee, "startedAt": at, "durationMinutes": 50 });
            logged.push(ada.ask(log, json!({ "i": session })).await["logSession"]["session"]["id"].clone());
        }
        let update = "mutation($i: UpdateSessionInput!) { updateSession(input: $i) { errors { code } } }";
        let moved = json!({ "practiceId": practice, "sessionId": logged[2], "startedAt": "2026-01-01T09:00:00Z" });
        assert_eq!(ada.ask(update, json!({ "i": moved })).await["updateSession"]["errors"], json!([]));
        let look = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { lastSessionAt } } } }";
        let shown = ada.ask(look, json!({ "p": practice, "c": robin })).await;
        assert_eq!(shown["viewer"]["coachPortal"]["coachee"]["lastSessionAt"], json!("2026-02-25T09:00:00Z"));
        assert_eq!(names(&ada, &practice, json!({ "noSessionForDays": 14 }), "FIRST_NAME").await, ["Kim"]);
        assert_eq!(names(&ada, &practice, json!({}), "LAST_SESSION_FIRST").await, ["Robin", "Kim"]);
        product.prove().await;
    }

    /// Every filter finds those and only those, alone and together with others.
    #[test]
    async fn s2_1_the_roster_is_filtered_by_what_a_coach_asks(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        let mut ids = Vec::new();
        for name in ["Robin", "Kim", "Lee", "Max"] {
            ids.push(product.coachee(&ada, &practice, name).await);
            product.later(1);
        }
        let [robin, kim, lee, max] = &ids[..] else { panic!("four") };
        for coachee in [robin, kim] {
            grant(&ada, &practice, &bob, coachee).await;
        }
        let list = async |by: &Person, filter: Value| names(by, &practice, filter, "FIRST_NAME").await;

        // Who has access, and who leads.
        assert_eq!(list(&ada, json!({ "coachId": bob.id })).await, ["Kim", "Robin"]);
        assert_eq!(list(&ada, json!({ "coachId": cleo.id })).await.len(), 4, "a manager has access to everybody");
        assert!(list(&ada, json!({ "coachId": "person_01h455vb4pex5vsknk084sn02q" })).await.is_empty());
        ada.ask(LEAD, json!({ "i": { "practiceId": practice, "coacheeId": kim, "coachId": bob.id } })).await;
        assert_eq!(list(&ada, json!({ "leadCoachId": bob.id })).await, ["Kim"]);
        assert_eq!(list(&bob, json!({ "leadCoachId": ada.id })).await, ["Robin"]);
        // A coach filters among their own.
        assert_eq!(list(&bob, json!({ "coachId": bob.id })).await, ["Kim", "Robin"]);
        assert_eq!(list(&bob, json!({ "coachId": cleo.id })).await, ["Kim", "Robin"]);

        // How the work is paid.
        for (coachee, model) in [(robin, "EAP"), (kim, "FREE"), (lee, "EAP")] {
            let input = json!({ "i": { "practiceId": practice, "coacheeId": coachee, "billingModel": model } });
            assert_eq!(ada.ask(BILL, input).await["setBillingModel"]["coachee"]["billingModel"], json!(model));
        }
        assert_eq!(list(&ada, json!({ "billingModel": ["EAP"] })).await, ["Lee", "Robin"]);
        assert_eq!(list(&ada, json!({ "billingModel": ["EAP", "FREE"] })).await, ["Kim", "Lee", "Robin"]);
        assert_eq!(list(&bob, json!({ "billingModel": ["EAP"] })).await, ["Robin"]);

        // Words, together with others.
        assert_eq!(list(&ada, json!({ "search": "REE", "billingModel": ["EAP"], "coachId": bob.id })).await, ["Robin"]);
        assert!(list(&bob, json!({ "search": "lee@" })).await.is_empty(), "not Bob's to see");
        // A sign that a database refuses is in nobody's name.
        assert_eq!(list(&ada, json!({ "search": "rob\u{0}ree", "billingModel": ["EAP"] })).await, ["Robin"]);

        // A cursor of each order, in each other one.
        let page = "query($p: ID!, $c: String, $o: CoacheeOrder) { viewer { coachPortal(practiceId: $p) {
            coachees(after: $c, orderBy: $o, first: 1) { edges { cursor } } } } }";
        let orders = ["FIRST_NAME", "LAST_NAME", "NEWEST_FIRST", "LAST_SESSION_FIRST", "STATUS"];
        for one in orders {
            let begun = ada.ask(page, json!({ "p": practice, "o": one })).await;
            let cursor = &begun["viewer"]["coachPortal"]["coachees"]["edges"][0]["cursor"];
            for other in orders {
                let told = ada.whole(page, json!({ "p": practice, "o": other, "c": cursor })).await.body;
                let code = told["errors"][0]["extensions"]["code"].as_str();
                assert_eq!(code, (one != other).then_some("BAD_REQUEST"), "{one} in {other}: {told}");
            }
        }
        // One that says that it is of this order and names no place in it. A database may refuse a text with a NUL.
        let begun = ada.ask(page, json!({ "p": practice, "o": "STATUS" })).await;
        let cursor = begun["viewer"]["coachPortal"]["coachees"]["edges"][0]["cursor"].as_str().expect("a cursor");
        let parts: Vec<String> = serde_json::from_slice(&BASE64.decode(cursor).expect("bytes")).expect("its parts");
        let [mark, status, name, id] = &parts[..] else { panic!("{parts:?}") };
        for forged in [
            json!([mark, "a\u{0}", name, id]),
            json!([mark, status, "?", id]),
            json!([mark, status, name]),
            json!([mark, status, name, id, id]),
            json!([mark]),
            json!([]),
        ] {
            let asked = json!({ "p": practice, "o": "STATUS", "c": BASE64.encode(forged.to_string()) });
            assert_eq!(ada.fails(page, asked).await, "BAD_REQUEST", "{forged}");
        }

        // Sessions.
        let log = "mutation($i: LogSessionInput!) { logSession(input: $i) { errors { code } } }";
        let session = |coachee: &str, day: &str| json!({ "i": { "practiceId": practice, "coacheeId": coachee,
            "startedAt": format!("{day}T09:00:00Z"), "durationMinutes": 50 } });
        ada.ask(log, session(robin, "2026-02-27")).await;
        ada.ask(log, session(kim, "2026-01-15")).await;
        assert_eq!(list(&ada, json!({ "noSessionForDays": 14 })).await, ["Kim", "Lee", "Max"]);
        assert_eq!(list(&ada, json!({ "noSessionForDays": 1 })).await.len(), 4);
        assert_eq!(list(&ada, json!({ "noSessionForDays": 60 })).await, ["Lee", "Max"]);
        assert_eq!(names(&ada, &practice, json!({}), "LAST_SESSION_FIRST").await[..2], ["Robin", "Kim"]);
        assert_eq!(ada.fails(LIST, json!({ "p": practice, "o": "STATUS", "f": { "noSessionForDays": 40_000 } })).await, "BAD_REQUEST");

        // Statuses, in their order.
        ada.ask(INVITE, about(&practice, lee)).await;
        product.accepted(&ada, &practice, max, "Max").await;
        assert_eq!(names(&ada, &practice, json!({}), "STATUS").await, ["Max", "Lee", "Kim", "Robin"]);
        assert_eq!(list(&ada, json!({ "status": ["ACTIVE", "INVITED"] })).await, ["Lee", "Max"]);
        product.prove().await;
    }

    /// A cursor goes on in the list and the order that it came from, also under another parent, and in no other.
    #[test]
    async fn a_cursor_belongs_to_one_list_in_one_order(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        for title in ["Lead", "Rest"] {
            let goal = goal(&ada, &practice, &robin, title).await;
            for title in ["First", "Second"] {
                product.later(1);
                milestone(&ada, &practice, &goal, title).await;
            }
        }
        action(&ada, &practice, &robin, None, "Call").await;
        let meet = "mutation($i: AddAppointmentInput!) { addAppointment(input: $i) { appointment { id } errors { code } } }";
        let meeting = json!({ "i": { "practiceId": practice, "coacheeId": robin, "title": "Meeting",
            "start": "2026-03-10T09:30", "timeZone": "Europe/Berlin" } });
        assert_eq!(ada.ask(meet, meeting).await["addAppointment"]["errors"], json!([]));

        // Each list's first cursor, in each list. Nobody has read anything yet, so the access log has none.
        let lists = [
            ("coachees(first: 1, after: $c) { edges { cursor } }", "coachees/edges/0/cursor"),
            ("coachees(first: 1, after: $c, orderBy: STATUS) { edges { cursor } }", "coachees/edges/0/cursor"),
            ("goals(first: 1, after: $c) { edges { cursor } }", "goals/edges/0/cursor"),
            ("goals(first: 1) { nodes { milestones(first: 1, after: $c) { edges { cursor } } } }", "goals/nodes/0/milestones/edges/0/cursor"),
            ("actions(first: 1, after: $c) { edges { cursor } }", "actions/edges/0/cursor"),
            ("appointments(range: { from: \"2026-03-01T00:00:00Z\", to: \"2026-06-01T00:00:00Z\" }, first: 1, after: $c) { edges { cursor } }", "appointments/edges/0/cursor"),
            ("activityLog(first: 1, after: $c) { edges { cursor } }", "activityLog/edges/0/cursor"),
            ("accessLog(first: 1, after: $c) { edges { cursor } }", "accessLog/edges/0/cursor"),
        ];
        let query = |list: &str| format!("query($p: ID!, $c: String) {{ viewer {{ coachPortal(practiceId: $p) {{ {list} }} }} }}");
        for (one, place) in lists {
            let begun = ada.ask(&query(one), json!({ "p": practice })).await;
            let cursor = begun.pointer(&format!("/viewer/coachPortal/{place}")).cloned().unwrap_or_default();
            assert_eq!(cursor.is_string(), !place.starts_with("accessLog"), "{one}: {begun}");
            for (other, _) in lists.iter().filter(|_| cursor.is_string()) {
                let told = ada.whole(&query(other), json!({ "p": practice, "c": cursor })).await.body;
                let code = told["errors"][0]["extensions"]["code"].as_str();
                assert_eq!(code, (one != *other).then_some("BAD_REQUEST"), "{one} in {other}: {told}");
            }
        }

        // The milestones of one goal go on where those of the other one were left.
        let milestones = "query($p: ID!, $c: String) { viewer { coachPortal(practiceId: $p) {
            goals(first: 2) { nodes { milestones(first: 2, after: $c) { edges { cursor node { title } } } } } } } }";
        let after = async |cursor: &Value| {
            let data = ada.ask(milestones, json!({ "p": practice, "c": cursor })).await;
            let goals = data["viewer"]["coachPortal"]["goals"]["nodes"].clone();
            [0_usize, 1].map(|goal| goals[goal]["milestones"]["edges"].as_array().expect("edges").clone())
        };
        let [lead, rest] = after(&Value::Null).await;
        assert_eq!((lead.len(), rest.len()), (2, 2));
        assert_eq!(after(&lead[0]["cursor"]).await, [lead[1..].to_vec(), rest.clone()]);
        assert_eq!(after(&rest[0]["cursor"]).await, [Vec::new(), rest[1..].to_vec()]);
        product.prove().await;
    }

    /// Overdue is what is open and was due before today, where the practice is; and as of an earlier day, before that day.
    #[test]
    async fn s2_1_who_has_overdue_actions_hangs_on_today(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        let set = "mutation($i: AddActionInput!) { addAction(input: $i) { action { id } errors { code } } }";
        let due = |coachee: &str, day: &str| json!({ "i": { "practiceId": practice, "coacheeId": coachee, "title": "Call", "dueOn": day } });
        let first = ada.ask(set, due(&robin, "2026-03-01")).await["addAction"]["action"]["id"].as_str().expect("an action").to_owned();
        ada.ask(set, due(&kim, "2026-03-02")).await;
        action(&ada, &practice, &kim, None, "Without a day").await;
        let overdue = json!({ "hasOverdueActions": true });
        assert_eq!(names(&ada, &practice, overdue.clone(), "FIRST_NAME").await, ["Robin"]);
        let yesterday = position(&ada, &practice).await;
        // It is the third of March in Berlin an hour before it is in London.
        product.later(7 * 60);
        assert_eq!(names(&ada, &practice, overdue.clone(), "FIRST_NAME").await, ["Robin"]);
        product.later(7 * 60 + 1);
        assert_eq!(names(&ada, &practice, overdue.clone(), "FIRST_NAME").await, ["Kim", "Robin"]);
        progress(&ada, &practice, &first, 100).await;
        assert_eq!(names(&ada, &practice, overdue.clone(), "FIRST_NAME").await, ["Kim"]);
        let then = "query($p: ID!, $a: AsOf) { viewer { coachPortal(practiceId: $p, asOf: $a) {
            coachees(filter: { hasOverdueActions: true }) { nodes { firstName } } } } }";
        let seen = ada.ask(then, json!({ "p": practice, "a": { "position": yesterday } })).await;
        assert_eq!(seen["viewer"]["coachPortal"]["coachees"]["nodes"], json!([{ "firstName": "Robin" }]));
        product.prove().await;
    }

    /// S2.2, S2.9: the menu offers exactly what status and rights allow; each thing that it offers is done, and what it does not
    /// offer is not.
    #[test]
    async fn s2_9_options_are_what_status_and_rights_allow(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let mut coaches = Vec::new();
        for (name, level) in [("Ann", "ADMIN"), ("Uma", "USER_ADMIN"), ("Una", "USER")] {
            let coach = product.further_coach(&ada, &practice, name, "COACH").await;
            let input = json!({ "practiceId": practice, "coachId": coach.id, "coacheeId": robin, "level": level });
            ada.ask(GRANT, json!({ "i": input })).await;
            coaches.push(coach);
        }
        let options = async |by: &Person| menus(by, &practice, &robin).await["options"].clone();
        let admin = ["EDIT_NAME_AND_EMAIL", "START_NEW_SESSION", "SET_LEAD_COACH", "SET_BILLING_MODEL", "DEACTIVATE", "ERASE"];
        let with = |first: &'static str| [&[first], &admin[..]].concat();
        assert_eq!(options(&ada).await, json!(with("SEND_INVITATION")));
        assert_eq!(options(&coaches[0]).await, json!(with("SEND_INVITATION")));
        assert_eq!(options(&coaches[1]).await, json!(["SEND_INVITATION", "EDIT_NAME_AND_EMAIL", "START_NEW_SESSION", "DEACTIVATE"]));
        assert_eq!(options(&coaches[2]).await, json!(["EDIT_NAME_AND_EMAIL", "START_NEW_SESSION"]));
        coaches[1].ask(INVITE, about(&practice, &robin)).await;
        assert_eq!(coaches[2].fails(DEACTIVATE, about(&practice, &robin)).await, "FORBIDDEN");
        assert_eq!(options(&coaches[0]).await, json!(with("RESEND_INVITATION")));
        ada.ask(DEACTIVATE, about(&practice, &robin)).await;
        let away = json!(["EDIT_NAME_AND_EMAIL", "START_NEW_SESSION", "SET_LEAD_COACH", "SET_BILLING_MODEL", "REACTIVATE", "ERASE"]);
        assert_eq!(options(&ada).await, away);
        assert_eq!(ada.refused(RESEND, about(&practice, &robin)).await, "COACHEE_IS_DEACTIVATED");
        coaches[1].ask(REACTIVATE, about(&practice, &robin)).await;
        ada.ask(RESEND, about(&practice, &robin)).await;
        let token = product.token("robin@coachee.example", "/invitations/").await;
        let accept = "mutation($t: String!) { acceptInvitation(input: { token: $t }) { errors { code } } }";
        product.stranger().ask(accept, json!({ "t": token })).await;
        assert_eq!(options(&coaches[1]).await, json!(["START_NEW_SESSION", "DEACTIVATE"]));
        // A program whose token only reads is offered nothing.
        let reading = json!({ "i": { "name": "Reads", "expiresAt": "2026-12-01T00:00:00Z",
            "scopes": [{ "practiceId": practice, "portal": "COACH", "right": "READ" }] } });
        let made = ada.ask("mutation($i: CreateAccessTokenInput!) { createAccessToken(input: $i) { token errors { code } } }", reading).await;
        let program = product.stranger().holding(made["createAccessToken"]["token"].as_str().map(str::to_owned));
        let seen = menus(&program, &practice, &robin).await;
        assert_eq!((&seen["options"], &seen["quickMenu"]), (&json!([]), &json!([])));
    }

    /// The quick menu inside a profile has exactly five entries.
    #[test]
    async fn s2_16_the_quick_menu_has_exactly_five_acts(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let una = product.further_coach(&ada, &practice, "Una", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &una, &robin).await;
        let five = json!(["START_SESSION", "ADD_APPOINTMENT", "SEND_MESSAGE", "ADD_ASSESSMENT", "ASSIGN_QUESTIONS"]);
        for coach in [&ada, &una] {
            assert_eq!(menus(coach, &practice, &robin).await["quickMenu"], five);
        }
        let values = ada.ask("{ __type(name: \"QuickMenuItem\") { enumValues { name } } }", json!({})).await;
        assert_eq!(values["__type"]["enumValues"].as_array().map(Vec::len), Some(5));
    }

    /// Deactivating closes the portal at once, whichever way somebody looks, and takes the coachee off the list; it is no
    /// fourth status, and reactivating restores all.
    #[test]
    async fn s2_8_a_deactivated_coachee_has_no_portal_and_comes_back_whole(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        action(&coachee, &practice, &robin, None, "Breathe").await;
        let before = coachee.ask(PORTAL, json!({ "p": practice })).await;
        let after = position(&ada, &practice).await;
        let mut live = coachee.listen(&changes_of("coachee"), json!({ "p": practice, "a": "at1" })).await;
        // It has begun when it tells of something.
        live.next().await;
        let mut coachs = ada.listen(&changes_of("coach"), json!({ "p": practice, "a": after })).await;

        let done = ada.ask(DEACTIVATE, about(&practice, &robin)).await;
        assert_eq!(done["deactivateCoachee"]["coachee"], json!({ "deactivatedAt": "2026-03-02T09:00:00Z", "status": "ACTIVE" }));
        assert_eq!(live.ends().await, "FORBIDDEN");
        assert_eq!(coachs.next().await["coachPortalChanges"]["changes"][0]["id"], json!(robin));
        assert_eq!(coachee.fails(PORTAL, json!({ "p": practice })).await, "NOT_FOUND");
        assert_eq!(portals(&coachee).await, BTreeSet::new());
        let set = "mutation($i: AddGoalInput!) { addGoal(input: $i) { errors { code } } }";
        let goal = json!({ "i": { "practiceId": practice, "coacheeId": robin, "title": "Mine", "dueOn": "2026-06-30" } });
        assert_eq!(coachee.fails(set, goal.clone()).await, "NOT_FOUND");
        let mut again = coachee.listen(&changes_of("coachee"), json!({ "p": practice, "a": after })).await;
        assert_eq!(again.ends().await, "NOT_FOUND");

        let list = async |filter: Value| names(&ada, &practice, filter, "FIRST_NAME").await;
        assert_eq!(list(json!({})).await, ["Kim"]);
        assert_eq!(list(json!({ "search": "robin" })).await, Vec::<String>::new());
        assert_eq!(list(json!({ "deactivated": true })).await, ["Robin"]);
        assert_eq!(list(json!({ "deactivated": false })).await, ["Kim"]);
        assert_eq!(list(json!({ "deactivated": null })).await, ["Kim", "Robin"]);
        assert_eq!(menus(&ada, &practice, &robin).await["status"], "ACTIVE", "the file is there");
        // Coaches work on; what they write is there afterwards.
        action(&ada, &practice, &robin, None, "Rest").await;
        assert_eq!(ada.refused(DEACTIVATE, about(&practice, &robin)).await, "COACHEE_IS_DEACTIVATED");
        assert_eq!(ada.refused(REACTIVATE, about(&practice, &kim)).await, "COACHEE_IS_NOT_DEACTIVATED");

        let done = ada.ask(REACTIVATE, about(&practice, &robin)).await;
        assert_eq!(done["reactivateCoachee"]["coachee"], json!({ "deactivatedAt": null, "status": "ACTIVE" }));
        let since = coachee.ask(PORTAL, json!({ "p": practice })).await;
        assert_eq!(since["viewer"]["coacheePortal"]["me"], before["viewer"]["coacheePortal"]["me"]);
        assert_eq!(since["viewer"]["coacheePortal"]["actions"]["nodes"].as_array().map(Vec::len), Some(2));
        assert_eq!(coachee.ask(set, goal).await["addGoal"]["errors"], json!([]));
        let log = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) {
            activityLog(filter: { coacheeId: $c, kinds: [\"coachee_deactivate\", \"coachee_reactivate\"] }) { nodes { entry actorId } } } } }";
        let log = ada.ask(log, json!({ "p": practice, "c": robin })).await;
        let entry = |entry: &str| json!({ "entry": entry, "actorId": ada.id });
        let expected = json!([entry("coachee_reactivate"), entry("coachee_deactivate")]);
        assert_eq!(log["viewer"]["coachPortal"]["activityLog"]["nodes"], expected);
        product.prove().await;
    }

    /// An invitation that was sent opens nothing while the coachee is deactivated, and works again afterwards.
    #[test]
    async fn an_invitation_waits_while_the_coachee_is_deactivated(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let input = json!({ "practiceId": practice, "firstName": "Robin", "email": "robin@coachee.example", "sendInvitation": true });
        let robin = ada.ask(ADD, json!({ "i": input })).await["addCoachee"]["coachee"]["id"].as_str().expect("an id").to_owned();
        let token = product.token("robin@coachee.example", "/invitations/").await;
        let accept = "mutation($t: String!) { acceptInvitation(input: { token: $t }) { practiceId errors { code } } }";
        ada.ask(DEACTIVATE, about(&practice, &robin)).await;
        assert_eq!(product.stranger().refused(accept, json!({ "t": token })).await, "INVITATION_IS_NOT_VALID");
        let page = reqwest::get(product.url(&format!("/invitations/{token}"))).await.expect("a page");
        assert!(!page.text().await.expect("text").contains("Practice of Ada"));
        ada.ask(REACTIVATE, about(&practice, &robin)).await;
        let accepted = product.stranger().ask(accept, json!({ "t": token })).await;
        assert_eq!(accepted["acceptInvitation"]["practiceId"], json!(practice));
        product.prove().await;
    }

    /// The coach who leads is named by managers and by coaches with Admin; it must be one who has access.
    #[test]
    async fn who_leads_is_named_by_admins(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        // Who adds, leads, and has Admin.
        let robin = product.coachee(&bob, &practice, "Robin").await;
        assert_eq!(menus(&ada, &practice, &robin).await["leadCoachId"], json!(bob.id));
        let lead = |coach: &Person| json!({ "i": { "practiceId": practice, "coacheeId": robin, "coachId": coach.id } });
        assert_eq!(bob.ask(LEAD, lead(&cleo)).await["setLeadCoach"]["coachee"]["leadCoachId"], json!(cleo.id));
        let una = product.further_coach(&ada, &practice, "Una", "COACH").await;
        assert_eq!(ada.refused(LEAD, lead(&una)).await, "LEAD_COACH_HAS_NO_ACCESS");
        grant(&ada, &practice, &una, &robin).await;
        assert_eq!(una.fails(LEAD, lead(&una)).await, "FORBIDDEN");
        assert_eq!(ada.ask(LEAD, lead(&una)).await["setLeadCoach"]["coachee"]["leadCoachId"], json!(una.id));
        let log = "query($p: ID!) { viewer { coachPortal(practiceId: $p) {
            activityLog(filter: { kinds: [\"lead_coach_set\"] }) { nodes { changes { field was now } } } } } }";
        let log = ada.ask(log, json!({ "p": practice })).await;
        let newest = json!([{ "field": "leadCoach", "was": cleo.id, "now": una.id }]);
        assert_eq!(log["viewer"]["coachPortal"]["activityLog"]["nodes"][0]["changes"], newest);
        product.prove().await;
    }

    /// One person is a coachee in several practices and a coach in others; deactivated in one, they keep the rest.
    #[test]
    async fn one_person_has_the_portals_of_several_practices(product: Product) {
        let (ada, first) = product.coach("Ada").await;
        let (ben, second) = product.coach("Ben").await;
        let (zoe, third) = product.coach("Zoe").await;
        let there = product.coachee(&ada, &first, "Robin").await;
        let robin = product.accepted(&ada, &first, &there, "Robin").await;
        product.coachee(&ben, &second, "Robin").await;
        let kim = product.coachee(&ben, &second, "Kim").await;
        let second_file = {
            let data = ben.ask("query($p: ID!) { viewer { coachPortal(practiceId: $p) { coachees(filter: { search: \"robin\" }) { nodes { id } } } } }", json!({ "p": second })).await;
            data["viewer"]["coachPortal"]["coachees"]["nodes"][0]["id"].as_str().expect("an id").to_owned()
        };
        ben.ask(INVITE, about(&second, &second_file)).await;
        let token = product.token("robin@coachee.example", "/invitations/").await;
        let accept = "mutation($t: String!) { acceptInvitation(input: { token: $t }) { practiceId errors { code } } }";
        assert_eq!(robin.ask(accept, json!({ "t": token })).await["acceptInvitation"]["practiceId"], json!(second));
        zoe.ask("mutation($i: AddCoachInput!) { addCoach(input: $i) { errors { code } } }",
            json!({ "i": { "practiceId": third, "name": "Robin", "email": "robin@coachee.example" } })).await;
        let token = product.token("robin@coachee.example", "/invitations/").await;
        let join = "mutation($t: String!) { acceptCoachInvitation(input: { token: $t }) { practiceId errors { code } } }";
        assert_eq!(robin.ask(join, json!({ "t": token })).await["acceptCoachInvitation"]["practiceId"], json!(third));
        let has = |kind: &str, practice: &str| (kind.to_owned(), practice.to_owned());
        let all = BTreeSet::from([has("COACHEE", &first), has("COACHEE", &second), has("COACH", &third)]);
        assert_eq!(portals(&robin).await, all);
        ben.ask(DEACTIVATE, about(&second, &second_file)).await;
        assert_eq!(portals(&robin).await, BTreeSet::from([has("COACHEE", &first), has("COACH", &third)]));
        ben.ask(REACTIVATE, about(&second, &second_file)).await;
        assert_eq!(portals(&robin).await, all);
        assert_ne!(kim, second_file);
        product.prove().await;
    }

    /// The dashboard names whom no session was held with for long: active coachees, those who wait longest first.
    #[test]
    async fn the_dashboard_names_who_has_had_no_session_for_long(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let mut ids = Vec::new();
        for name in ["Robin", "Kim", "Lee"] {
            ids.push(product.coachee(&ada, &practice, name).await);
        }
        let [robin, kim, _invited_never] = &ids[..] else { panic!("three") };
        product.accepted(&ada, &practice, robin, "Robin").await;
        product.accepted(&ada, &practice, kim, "Kim").await;
        product.later(60 * 24 * 31);
        let ada = product.person(&ada.email).await;
        let max = product.coachee(&ada, &practice, "Max").await;
        product.accepted(&ada, &practice, &max, "Max").await;
        let log = "mutation($i: LogSessionInput!) { logSession(input: $i) { errors { code } } }";
        let session = json!({ "practiceId": practice, "coacheeId": kim, "startedAt": "2026-03-30T09:00:00Z", "durationMinutes": 50 });
        ada.ask(log, json!({ "i": session })).await;
        let look = "query($p: ID!, $d: Int) { viewer { coachPortal(practiceId: $p) { dashboard { stalledCoachees(days: $d) { nodes { firstName } } } } } }";
        let stalled = async |days: Value| {
            let answer = ada.ask(look, json!({ "p": practice, "d": days })).await;
            let nodes = answer.pointer("/viewer/coachPortal/dashboard/stalledCoachees/nodes").and_then(Value::as_array).cloned();
            nodes.expect("a list").iter().map(|node| node["firstName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(stalled(json!(30)).await, ["Robin"], "Kim had a session, Max is new, Lee has not accepted");
        assert_eq!(stalled(json!(2)).await, ["Robin", "Kim"]);
        assert_eq!(ada.fails(look, json!({ "p": practice, "d": 40_000 })).await, "BAD_REQUEST");
    }
}
