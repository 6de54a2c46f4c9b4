//! Authorizations: what an employee assistance program approved, and the units that sessions hold, use and give back.

use serde_json::{Value, json};
use tests::{Person, both};

use crate::audit::{entries, grant};
use crate::plan::position;
use crate::session::{days_later, ended, session, started};

const ADD: &str =
    "mutation($i: AddAuthorizationInput!) { addAuthorization(input: $i) { authorization { id } errors { code } } }";
const UPDATE: &str = "mutation($i: UpdateAuthorizationInput!) { updateAuthorization(input: $i) { authorization { totalSessions used held remaining state } errors { code } } }";
const CLOSE: &str = "mutation($i: CloseAuthorizationInput!) { closeAuthorization(input: $i) { authorization { state closedAt } errors { code } } }";
const START: &str = "mutation($i: StartSessionInput!) { startSession(input: $i) { session { id } errors { code } } }";
const LOG: &str = "mutation($i: LogSessionInput!) { logSession(input: $i) { session { id } errors { code } } }";
const LINK: &str = "mutation($i: LinkAuthorizationInput!) { linkAuthorization(input: $i) { session { authorization { id } } errors { code } } }";
const UNLINK: &str = "mutation($i: UnlinkAuthorizationInput!) { unlinkAuthorization(input: $i) { session { authorization { id } } errors { code } } }";
const SET_STATUS: &str =
    "mutation($i: SetSessionStatusInput!) { setSessionStatus(input: $i) { session { status } errors { code } } }";
const UPDATE_PRACTICE: &str =
    "mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { practice { id } errors { code } } }";

/// The input of an approval for March.
fn approval(practice: &str, coachee: &str, total: u32) -> Value {
    json!({
        "practiceId": practice, "coacheeId": coachee, "number": "EAP-4711", "source": "Calm Minds EAP", "totalSessions": total,
        "ratePerHour": { "amount": "92.50", "currency": "EUR" }, "startsOn": "2026-03-01", "endsOn": "2026-03-31",
    })
}

async fn added(by: &Person, input: Value) -> String {
    let answer = by.ask(ADD, json!({ "i": input })).await;
    answer["addAuthorization"]["authorization"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("not added: {answer}"))
        .to_owned()
}

/// An input that differs in these fields.
fn with(mut input: Value, further: Value) -> Value {
    let fields = further.as_object().expect("fields").clone();
    input.as_object_mut().expect("an input").extend(fields);
    input
}

/// These fields of an authorization.
async fn shown(by: &Person, practice: &str, id: &str, fields: &str) -> Value {
    let query = format!(
        "query($p: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ authorizations(first: 50) {{ nodes {{ id {fields} }} }} }} }} }}"
    );
    let answer = by.ask(&query, json!({ "p": practice })).await;
    let nodes = answer["viewer"]["coachPortal"]["authorizations"]["nodes"].as_array().expect("nodes").clone();
    let mut node = nodes.into_iter().find(|node| node["id"] == id).expect("the authorization");
    node.as_object_mut().expect("fields").remove("id");
    node
}

/// Used, held, remaining.
async fn units(by: &Person, practice: &str, id: &str) -> (u64, u64, u64) {
    let shown = shown(by, practice, id, "used held remaining").await;
    let count = |field: &str| shown[field].as_u64().expect("a count");
    (count("used"), count("held"), count("remaining"))
}

async fn done(by: &Person, mutation: &str, input: Value) {
    let answer = by.ask(mutation, json!({ "i": input })).await;
    let first = answer.as_object().and_then(|data| data.values().next()).expect("a field");
    assert_eq!(first["errors"], json!([]), "{answer}");
}

both! {
    /// A fixed number of sessions at a rate, recorded by who may handle money.
    #[test]
    async fn s1_63_an_authorization_records_an_approval_of_sessions_at_a_rate(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let input = approval(&practice, &robin, 8);
        assert_eq!(bob.fails(ADD, json!({ "i": input })).await, "NOT_FOUND");
        grant(&ada, &practice, &bob, &robin).await;
        assert_eq!(bob.fails(ADD, json!({ "i": input })).await, "FORBIDDEN");
        assert_eq!(coachee.fails(ADD, json!({ "i": input })).await, "NOT_FOUND");
        let id = added(&ada, input).await;
        let expected = json!({ "totalSessions": 8, "ratePerHour": { "amount": "92.50", "currency": "EUR" }, "state": "ACTIVE" });
        assert_eq!(shown(&ada, &practice, &id, "totalSessions ratePerHour { amount currency } state").await, expected);
        // Who works with the coachee sees it too.
        assert_eq!(shown(&bob, &practice, &id, "totalSessions ratePerHour { amount currency } state").await, expected);
        product.prove().await;
    }

    /// Each of the six, and what each of them cannot be.
    #[test]
    async fn s1_64_an_authorization_has_number_source_total_rate_start_and_end(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let input = approval(&practice, &robin, 8);
        let id = added(&ada, input.clone()).await;
        let fields = "coacheeId number source totalSessions ratePerHour { amount currency } startsOn endsOn used held remaining usedBy closedAt";
        assert_eq!(shown(&ada, &practice, &id, fields).await, json!({
            "coacheeId": robin, "number": "EAP-4711", "source": "Calm Minds EAP", "totalSessions": 8, "ratePerHour": { "amount": "92.50", "currency": "EUR" },
            "startsOn": "2026-03-01", "endsOn": "2026-03-31", "used": 0, "held": 0, "remaining": 8, "usedBy": ["ATTENDED", "LATE"], "closedAt": null,
        }));
        for (further, code) in [
            (json!({ "totalSessions": 0 }), "OUT_OF_RANGE"), (json!({ "endsOn": "2026-02-28" }), "AUTHORIZATION_ENDS_BEFORE_IT_STARTS"),
            (json!({ "number": " " }), "TEXT_IS_BLANK"), (json!({ "source": "" }), "TEXT_IS_BLANK"),
            (json!({ "ratePerHour": { "amount": "-1", "currency": "EUR" } }), "OUT_OF_RANGE"),
        ] {
            assert_eq!(ada.refused(ADD, json!({ "i": with(input.clone(), further.clone()) })).await, code, "{further}");
        }
        for field in ["number", "source", "totalSessions", "ratePerHour", "startsOn", "endsOn"] {
            let mut without = input.clone();
            without.as_object_mut().expect("an input").remove(field);
            assert_eq!(ada.fails(ADD, json!({ "i": without })).await, "BAD_REQUEST", "{field}");
        }
        let change = json!({ "practiceId": practice, "authorizationId": id, "number": "EAP-4712", "source": "Calm", "ratePerHour": { "amount": "100", "currency": "CHF" }, "endsOn": "2026-04-30" });
        done(&ada, UPDATE, change).await;
        let changed = shown(&ada, &practice, &id, "number source ratePerHour { amount currency } startsOn endsOn totalSessions").await;
        assert_eq!(changed, json!({ "number": "EAP-4712", "source": "Calm", "ratePerHour": { "amount": "100.00", "currency": "CHF" }, "startsOn": "2026-03-01", "endsOn": "2026-04-30", "totalSessions": 8 }));
        product.prove().await;
    }

    /// The link is optional, and only an active authorization of the same coachee can be linked.
    #[test]
    async fn s1_65_a_session_can_be_linked_to_an_active_authorization(product: Product) {
        let (mut ada, practice) = product.coach("Ada").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        let march = approval(&practice, &robin, 1);
        let active = added(&ada, march.clone()).await;
        let later = added(&ada, with(march.clone(), json!({ "startsOn": "2026-03-03" }))).await;
        let over = added(&ada, with(march.clone(), json!({ "endsOn": "2026-03-01" }))).await;
        let closed = added(&ada, march.clone()).await;
        done(&ada, CLOSE, json!({ "practiceId": practice, "authorizationId": closed })).await;
        let kims = added(&ada, approval(&practice, &kim, 5)).await;
        let free = started(&ada, &practice, &robin, "Without one").await;
        assert_eq!(session(&ada, &practice, &free, "authorization { id }").await["authorization"], Value::Null);
        let start = |authorization: &str| json!({ "i": { "practiceId": practice, "coacheeId": robin, "authorizationId": authorization } });
        let link = |session: &str, authorization: &str| json!({ "i": { "practiceId": practice, "sessionId": session, "authorizationId": authorization } });
        for (authorization, code) in [(&later, "AUTHORIZATION_HAS_NOT_STARTED"), (&over, "AUTHORIZATION_HAS_ENDED"), (&closed, "AUTHORIZATION_IS_CLOSED")] {
            assert_eq!(ada.refused(START, start(authorization)).await, code);
            assert_eq!(ada.refused(LINK, link(&free, authorization)).await, code);
        }
        for foreign in [&*kims, "authorization_01h455vb4pex5vsknk084sn02q"] {
            assert_eq!(ada.fails(START, start(foreign)).await, "NOT_FOUND");
            assert_eq!(ada.fails(LINK, link(&free, foreign)).await, "NOT_FOUND");
        }
        done(&ada, LINK, link(&free, &active)["i"].clone()).await;
        assert_eq!(session(&ada, &practice, &free, "authorization { id }").await["authorization"]["id"], json!(active));
        // The only unit is held now; and a session counts on one authorization.
        assert_eq!(ada.refused(START, start(&active)).await, "AUTHORIZATION_IS_USED_UP");
        let another = added(&ada, march).await;
        assert_eq!(ada.refused(LINK, link(&free, &another)).await, "SESSION_HAS_AN_AUTHORIZATION");
        // What counts is the session's day: one that was logged afterwards can be on a day that is over.
        days_later(&product, &mut ada, 60).await;
        let log = |at: &str| json!({ "i": { "practiceId": practice, "coacheeId": robin, "startedAt": at, "durationMinutes": 50, "authorizationId": another } });
        done(&ada, LOG, log("2026-03-20T10:00:00Z")["i"].clone()).await;
        assert_eq!(ada.refused(LOG, log("2026-04-20T10:00:00Z")).await, "AUTHORIZATION_HAS_ENDED");
        product.prove().await;
    }

    /// Linking holds a unit, ending uses it; unlinking, or a status that uses none, gives it back.
    #[test]
    async fn s1_66_the_usage_counter_follows_the_sessions(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let id = added(&ada, approval(&practice, &robin, 3)).await;
        let answer = ada.ask(START, json!({ "i": { "practiceId": practice, "coacheeId": robin, "authorizationId": id } })).await;
        let first = answer["startSession"]["session"]["id"].as_str().expect("an id").to_owned();
        assert_eq!(units(&ada, &practice, &id).await, (0, 1, 2));
        ended(&ada, &practice, &first, "ATTENDED").await;
        assert_eq!(units(&ada, &practice, &id).await, (1, 0, 2));
        for (status, counts) in [("LATE", (1, 0, 2)), ("CANCELLED", (0, 0, 3)), ("NO_SHOW", (0, 0, 3)), ("ATTENDED", (1, 0, 2))] {
            done(&ada, SET_STATUS, json!({ "practiceId": practice, "sessionId": first, "status": status })).await;
            assert_eq!(units(&ada, &practice, &id).await, counts, "{status}");
        }
        let linked = json!({ "practiceId": practice, "sessionId": first });
        done(&ada, UNLINK, linked.clone()).await;
        assert_eq!(units(&ada, &practice, &id).await, (0, 0, 3));
        done(&ada, UNLINK, linked).await;
        assert_eq!(units(&ada, &practice, &id).await, (0, 0, 3));
        for (status, counts) in [("CANCELLED", (0, 0, 3)), ("LATE", (1, 0, 2))] {
            let log = json!({ "practiceId": practice, "coacheeId": robin, "startedAt": "2026-03-02T08:00:00Z", "durationMinutes": 50, "status": status, "authorizationId": id });
            done(&ada, LOG, log).await;
            assert_eq!(units(&ada, &practice, &id).await, counts, "{status}");
        }
        let held = started(&ada, &practice, &robin, "Held").await;
        done(&ada, LINK, json!({ "practiceId": practice, "sessionId": held, "authorizationId": id })).await;
        assert_eq!(units(&ada, &practice, &id).await, (1, 1, 1));
        ended(&ada, &practice, &held, "NO_SHOW").await;
        assert_eq!(units(&ada, &practice, &id).await, (1, 0, 2));
        let told: Vec<Value> = entries(&ada, "coachPortal", &practice, json!({ "kinds": ["unit_hold", "unit_use", "unit_give_back"] })).await.into_iter().map(|entry| entry["entry"].clone()).collect();
        assert_eq!(told, ["unit_hold", "unit_use", "unit_give_back", "unit_use", "unit_give_back", "unit_use", "unit_hold", "unit_give_back"]);
        product.prove().await;
    }

    /// Each authorization says which statuses use a unit; a session whose new status needs one is refused when none is left.
    #[test]
    async fn which_status_uses_a_unit_is_the_authorizations_to_say(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let id = added(&ada, with(approval(&practice, &robin, 1), json!({ "usedBy": ["NO_SHOW", "CANCELLED"] }))).await;
        let log = |status: &str| json!({ "practiceId": practice, "coacheeId": robin, "startedAt": "2026-03-02T08:00:00Z", "durationMinutes": 50, "status": status, "authorizationId": id });
        let answer = ada.ask(LOG, json!({ "i": log("ATTENDED") })).await;
        let attended = answer["logSession"]["session"]["id"].as_str().expect("an id").to_owned();
        assert_eq!(units(&ada, &practice, &id).await, (0, 0, 1));
        done(&ada, LOG, log("NO_SHOW")).await;
        assert_eq!(units(&ada, &practice, &id).await, (1, 0, 0));
        assert_eq!(ada.refused(SET_STATUS, json!({ "i": { "practiceId": practice, "sessionId": attended, "status": "CANCELLED" } })).await, "AUTHORIZATION_IS_USED_UP");
        assert_eq!(session(&ada, &practice, &attended, "status").await["status"], "ATTENDED");
        product.prove().await;
    }

    /// The total never goes below what sessions have; a closed one takes no more, but what is held can be used.
    #[test]
    async fn the_total_cannot_go_below_what_is_used_and_held(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let id = added(&ada, approval(&practice, &robin, 5)).await;
        let start = json!({ "i": { "practiceId": practice, "coacheeId": robin, "authorizationId": id } });
        let mut sessions = Vec::new();
        for _ in 0..3 {
            let answer = ada.ask(START, start.clone()).await;
            sessions.push(answer["startSession"]["session"]["id"].as_str().expect("an id").to_owned());
        }
        ended(&ada, &practice, &sessions[0], "ATTENDED").await;
        assert_eq!(units(&ada, &practice, &id).await, (1, 2, 2));
        let total = |total: u32| json!({ "i": { "practiceId": practice, "authorizationId": id, "totalSessions": total } });
        assert_eq!(ada.refused(UPDATE, total(2)).await, "AUTHORIZATION_TOTAL_IS_TOO_LOW");
        let answer = ada.ask(UPDATE, total(3)).await;
        assert_eq!(answer["updateAuthorization"]["authorization"], json!({ "totalSessions": 3, "used": 1, "held": 2, "remaining": 0, "state": "USED_UP" }));
        assert_eq!(ada.refused(START, start.clone()).await, "AUTHORIZATION_IS_USED_UP");
        done(&ada, UPDATE, total(4)["i"].clone()).await;
        let answer = ada.ask(CLOSE, json!({ "i": { "practiceId": practice, "authorizationId": id } })).await;
        assert_eq!(answer["closeAuthorization"]["authorization"], json!({ "state": "CLOSED", "closedAt": "2026-03-02T09:00:00Z" }));
        assert_eq!(ada.refused(START, start).await, "AUTHORIZATION_IS_CLOSED");
        assert_eq!(ada.refused(UPDATE, total(9)).await, "AUTHORIZATION_IS_CLOSED");
        ended(&ada, &practice, &sessions[1], "ATTENDED").await;
        ended(&ada, &practice, &sessions[2], "CANCELLED").await;
        assert_eq!(units(&ada, &practice, &id).await, (2, 0, 2));
        product.prove().await;
    }

    /// Fourteen days and two sessions, or what the practice's settings say; neither what is closed nor what is over.
    #[test]
    async fn s1_67_the_dashboard_surfaces_what_expires_soon_or_runs_low(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let approve = async |number: &str, ends: &str, total: u32| {
            added(&ada, with(approval(&practice, &robin, total), json!({ "number": number, "startsOn": "2026-01-01", "endsOn": ends }))).await
        };
        approve("in 14 days", "2026-03-16", 10).await;
        approve("in 15 days", "2026-03-17", 10).await;
        approve("today", "2026-03-02", 10).await;
        approve("over", "2026-03-01", 1).await;
        approve("low", "2026-12-30", 2).await;
        approve("not low", "2026-12-31", 3).await;
        let closed = approve("closed", "2026-03-10", 1).await;
        done(&ada, CLOSE, json!({ "practiceId": practice, "authorizationId": closed })).await;
        let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { dashboard { expiringAuthorizations { nodes { number expiringSoon } } lowAuthorizations { nodes { number runningLow } } }
            soon: authorizations(filter: { expiringSoon: true }) { nodes { number } } others: authorizations(filter: { expiringSoon: false }) { nodes { number } } } } }";
        let surfaced = async |who: &Person| {
            let answer = who.ask(query, json!({ "p": practice })).await["viewer"]["coachPortal"].clone();
            let numbers = |nodes: &Value| nodes["nodes"].as_array().expect("nodes").iter().map(|node| node["number"].as_str().expect("a number").to_owned()).collect::<Vec<_>>();
            let dashboard = &answer["dashboard"];
            for (list, field) in [("expiringAuthorizations", "expiringSoon"), ("lowAuthorizations", "runningLow")] {
                assert!(dashboard[list]["nodes"].as_array().expect("nodes").iter().all(|node| node[field] == true));
            }
            let (mut soon, mut expiring) = (numbers(&answer["soon"]), numbers(&dashboard["expiringAuthorizations"]));
            let others = numbers(&answer["others"]).len();
            let in_order = expiring.clone();
            soon.sort();
            expiring.sort();
            assert_eq!(soon, expiring);
            (in_order, numbers(&dashboard["lowAuthorizations"]), others)
        };
        let text = |numbers: &[&str]| numbers.iter().map(|number| (*number).to_owned()).collect::<Vec<_>>();
        assert_eq!(surfaced(&ada).await, (text(&["today", "in 14 days"]), text(&["low"]), 5));
        done(&ada, UPDATE_PRACTICE, json!({ "practiceId": practice, "expiringSoonDays": 15, "lowSessions": 3 })).await;
        assert_eq!(surfaced(&ada).await, (text(&["today", "in 14 days", "in 15 days"]), text(&["low", "not low"]), 4));
        done(&ada, UPDATE_PRACTICE, json!({ "practiceId": practice, "expiringSoonDays": 0, "lowSessions": 0 })).await;
        assert_eq!(surfaced(&ada).await, (text(&["today"]), text(&[]), 6));
        // Whose coachee it is not, sees none of it.
        assert_eq!(surfaced(&bob).await, (text(&[]), text(&[]), 0));
        product.prove().await;
    }

    /// A day begins when it does in the practice's time zone, not at midnight UTC.
    #[test]
    async fn days_are_the_practices_days(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        // 2 March 09:00 UTC is 22:00 of that day in Auckland, which is 13 hours ahead.
        done(&ada, UPDATE_PRACTICE, json!({ "practiceId": practice, "timeZone": "Pacific/Auckland" })).await;
        let second = added(&ada, with(approval(&practice, &robin, 9), json!({ "startsOn": "2026-03-02", "endsOn": "2026-03-02" }))).await;
        let third = added(&ada, with(approval(&practice, &robin, 9), json!({ "startsOn": "2026-03-03", "endsOn": "2026-03-03" }))).await;
        let start = |authorization: &str| json!({ "i": { "practiceId": practice, "coacheeId": robin, "authorizationId": authorization } });
        let state = async |id: &str| shown(&ada, &practice, id, "state expiringSoon").await;
        assert_eq!((state(&second).await["state"].clone(), state(&third).await["state"].clone()), (json!("ACTIVE"), json!("NOT_STARTED")));
        product.later(119);
        done(&ada, START, start(&second)["i"].clone()).await;
        assert_eq!(ada.refused(START, start(&third)).await, "AUTHORIZATION_HAS_NOT_STARTED");
        product.later(1);
        // 11:00 UTC: it is the third in Auckland.
        assert_eq!(ada.refused(START, start(&second)).await, "AUTHORIZATION_HAS_ENDED");
        done(&ada, START, start(&third)["i"].clone()).await;
        assert_eq!(state(&second).await, json!({ "state": "ENDED", "expiringSoon": false }));
        // The same moment is the second in UTC and in Los Angeles.
        for zone in ["UTC", "America/Los_Angeles"] {
            done(&ada, UPDATE_PRACTICE, json!({ "practiceId": practice, "timeZone": zone })).await;
            assert_eq!(state(&second).await["state"], "ACTIVE");
            done(&ada, START, start(&second)["i"].clone()).await;
            assert_eq!(ada.refused(START, start(&third)).await, "AUTHORIZATION_HAS_NOT_STARTED");
        }
        product.prove().await;
    }

    /// Sixty-four sessions want the last unit at once: one gets it.
    #[test]
    async fn of_many_who_race_for_the_last_unit_one_wins(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        for total in [1, 3] {
            let id = added(&ada, approval(&practice, &robin, total)).await;
            let mut racers = tokio::task::JoinSet::new();
            for number in 0..64 {
                let (ada, practice, robin, id) = (ada.clone(), practice.clone(), robin.clone(), id.clone());
                racers.spawn(async move {
                    let answer = if number % 2 == 0 {
                        ada.ask(START, json!({ "i": { "practiceId": practice, "coacheeId": robin, "authorizationId": id } })).await["startSession"].clone()
                    } else {
                        let input = json!({ "practiceId": practice, "coacheeId": robin, "startedAt": "2026-03-02T08:00:00Z", "durationMinutes": 50, "authorizationId": id });
                        ada.ask(LOG, json!({ "i": input })).await["logSession"].clone()
                    };
                    match answer["errors"][0]["code"].as_str() {
                        None => 1,
                        Some("AUTHORIZATION_IS_USED_UP") => 0,
                        Some(other) => panic!("{other}"),
                    }
                });
            }
            let won: u32 = racers.join_all().await.into_iter().sum();
            assert_eq!(won, total);
            let (used, held, remaining) = units(&ada, &practice, &id).await;
            assert_eq!((used + held, remaining), (u64::from(total), 0));
        }
        product.prove().await;
    }

    /// A coachee sees neither rate nor number, nor that there is an authorization at all.
    #[test]
    async fn a_coachee_learns_nothing_of_authorizations(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let after = position(&ada, &practice).await;
        let variables = json!({ "p": practice, "a": after });
        let mut live = coachee.listen("subscription($p: ID!, $a: Position) { coacheePortalChanges(practiceId: $p, after: $a) { changes { __typename ... on Action { title } } } }", variables.clone()).await;
        let mut activity = coachee.listen("subscription($p: ID!, $a: Position) { activity(practiceId: $p, after: $a) { entry { entry changes { now } } } }", variables).await;
        let id = added(&ada, approval(&practice, &robin, 3)).await;
        let run = started(&ada, &practice, &robin, "First").await;
        done(&ada, LINK, json!({ "practiceId": practice, "sessionId": run, "authorizationId": id })).await;
        done(&ada, UNLINK, json!({ "practiceId": practice, "sessionId": run })).await;
        crate::plan::action(&ada, &practice, &robin, None, "The sentinel").await;
        let mut heard = Vec::new();
        for listening in [&mut live, &mut activity] {
            loop {
                heard.push(listening.next().await);
                if json!(heard.last()).to_string().contains("The sentinel") { break; }
            }
        }
        let told: Vec<Value> = entries(&coachee, "coacheePortal", &practice, Value::Null).await;
        heard.push(json!(told));
        let answer = coachee.whole("query($a: ID!, $s: ID!) { node(id: $a) { __typename } nodes(ids: [$a, $s]) { __typename } }", json!({ "a": id, "s": run })).await;
        assert_eq!(answer.body["data"]["nodes"], json!([null, { "__typename": "CoacheeSession" }]));
        assert_eq!(answer.body["data"]["node"], Value::Null);
        let text = json!(heard).to_string();
        for secret in ["4711", "92.5", "Calm Minds", "authorization", "unit_"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        // Live, the session was told once: when it began.
        assert_eq!(text.matches("\"CoacheeSession\"").count(), 1, "{text}");
        for mutation in [LINK, UNLINK, CLOSE, UPDATE] {
            let mut input = json!({ "practiceId": practice });
            if mutation == LINK || mutation == UNLINK { input["sessionId"] = json!(run); }
            if mutation != UNLINK { input["authorizationId"] = json!(id); }
            let code = coachee.fails(mutation, json!({ "i": input })).await;
            assert!(code == "NOT_FOUND" || code == "FORBIDDEN", "{code}");
        }
        product.prove().await;
    }
}
