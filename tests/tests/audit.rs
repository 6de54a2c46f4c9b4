//! The activity log: who did what, when, before and after, for those who may review it.

use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::plan::{action, goal, milestone, progress};

const ENTRY: &str =
    "position at kind entry thingId coacheeId actorId onBehalfOfId system through changes { field was now }";
const ADD_SYNOPSIS: &str = "mutation($i: WriteSynopsisInput!) { writeSynopsis(input: $i) { errors { code } } }";
const SET_ACTIVE_GOAL: &str = "mutation($i: SetActiveGoalInput!) { setActiveGoal(input: $i) { errors { code } } }";
pub const GRANT: &str = "mutation($i: AccessInput!) { grantAccess(input: $i) { errors { code } } }";

/// Whether an entry passes a filter.
type Holds<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

/// A page of the log through a portal (`coachPortal` or `coacheePortal`): the connection.
async fn page(who: &Person, portal: &str, practice: &str, arguments: Value) -> Value {
    let query = format!(
        "query($p: ID!, $f: ActivityFilter, $a: String, $b: String, $n: Int, $l: Int) {{ viewer {{ {portal}(practiceId: $p) {{
            activityLog(filter: $f, after: $a, before: $b, first: $n, last: $l) {{
                edges {{ cursor node {{ {ENTRY} }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
            }} }} }} }}"
    );
    let mut variables = arguments;
    variables["p"] = json!(practice);
    who.ask(&query, variables).await["viewer"][portal]["activityLog"].clone()
}

/// The newest hundred entries under a filter, the oldest first.
pub async fn entries(who: &Person, portal: &str, practice: &str, filter: Value) -> Vec<Value> {
    let page = page(who, portal, practice, json!({ "f": filter, "n": 100 })).await;
    assert_eq!(page["pageInfo"]["hasNextPage"], false, "more than a test's worth of entries");
    page["edges"].as_array().expect("edges").iter().rev().map(|edge| edge["node"].clone()).collect()
}

/// The short names of entries.
pub fn names(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["entry"].as_str().expect("a name")).collect()
}

async fn done(by: &Person, mutation: &str, input: Value) {
    let answer = by.ask(mutation, json!({ "i": input })).await;
    let first = answer.as_object().and_then(|data| data.values().next()).expect("a field");
    assert_eq!(first["errors"], json!([]), "{answer}");
}

/// Gives a coach access to a coachee.
pub async fn grant(by: &Person, practice: &str, coach: &Person, coachee: &str) {
    done(by, GRANT, json!({ "practiceId": practice, "coachId": coach.id, "coacheeId": coachee, "level": "USER" }))
        .await;
}

/// A practice in which something happened to two coachees: Ada owns it, Bob coaches Robin only, Cleo coaches nobody.
struct Scene {
    practice: String,
    ada: Person,
    bob: Person,
    cleo: Person,
    robin: String,
    kim: String,
    coachee: Person,
}

impl Scene {
    async fn new(product: &Product) -> Self {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        grant(&ada, &practice, &bob, &robin).await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        for (whom, synopsis) in [(&robin, "Robin is thorough"), (&kim, "Kim is quick")] {
            done(&ada, ADD_SYNOPSIS, json!({ "practiceId": practice, "coacheeId": whom, "synopsis": synopsis })).await;
            goal(&ada, &practice, whom, "Lead the team").await;
        }
        Self { practice, ada, bob, cleo, robin, kim, coachee }
    }
}

both! {
    /// Who, what, when, before and since, and through what.
    #[test]
    async fn every_entry_says_who_did_what_and_when_with_old_and_new_values(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let set = |text: &str| json!({ "practiceId": practice, "coacheeId": robin, "activeGoal": text });
        done(&ada, SET_ACTIVE_GOAL, set("Speak in every meeting")).await;
        product.later(60);
        done(&ada, SET_ACTIVE_GOAL, set("Lead one meeting")).await;
        // The same again changes nothing, and so leaves nothing.
        done(&ada, SET_ACTIVE_GOAL, set("Lead one meeting")).await;
        let goals = entries(&ada, "coachPortal", &practice, json!({ "kinds": ["active_goal_set"] })).await;
        let changes: Vec<&Value> = goals.iter().map(|entry| &entry["changes"]).collect();
        assert_eq!(changes, [
            &json!([{ "field": "activeGoal", "was": null, "now": "Speak in every meeting" }]),
            &json!([{ "field": "activeGoal", "was": "Speak in every meeting", "now": "Lead one meeting" }]),
        ]);
        assert_eq!((&goals[0]["at"], &goals[1]["at"]), (&json!("2026-03-02T09:00:00Z"), &json!("2026-03-02T10:00:00Z")));
        for entry in &goals {
            assert_eq!((&entry["actorId"], &entry["thingId"], &entry["coacheeId"]), (&json!(ada.id), &json!(robin), &json!(robin)));
            assert_eq!((&entry["kind"], &entry["through"], &entry["system"]), (&json!("coachee.active_goal_set"), &json!("PROGRAM"), &Value::Null));
            assert_eq!(entry["onBehalfOfId"], Value::Null);
        }
        let walk = action(&coachee, &practice, &robin, None, "Walk daily").await;
        progress(&coachee, &practice, &walk, 40).await;
        progress(&ada, &practice, &walk, 70).await;
        let moves = entries(&ada, "coachPortal", &practice, json!({ "kinds": ["action_progress"] })).await;
        let told: Vec<(&Value, &Value)> = moves.iter().map(|entry| (&entry["actorId"], &entry["changes"][0])).collect();
        let (first, second) = (json!({ "field": "progress", "was": "0", "now": "40" }), json!({ "field": "progress", "was": "40", "now": "70" }));
        assert_eq!(told, [(&json!(coachee.id), &first), (&json!(ada.id), &second)]);
        assert!(moves.iter().all(|entry| entry["thingId"] == json!(walk)));
        product.prove().await;
    }

    /// A program with a token, a browser with a cookie, somebody with a link.
    #[test]
    async fn an_entry_says_through_what_a_change_came(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        product.accepted(&ada, &practice, &robin, "Robin").await;
        // The same coach, in a browser.
        let mut browser = product.stranger();
        let answer = browser.whole("mutation { requestSignInLink(input: { email: \"ada@practice.example\" }) { code } }", json!({})).await;
        browser.cookie = answer.cookies.first().cloned();
        let token = product.token("ada@practice.example", "/login?token=").await;
        let answer = browser.whole("mutation($t: String!) { signIn(input: { token: $t, kind: BROWSER }) { personId token errors { code } } }", json!({ "t": token })).await;
        assert_eq!(answer.body["data"]["signIn"]["personId"], json!(ada.id), "{}", answer.body);
        assert_eq!(answer.body["data"]["signIn"]["token"], Value::Null, "a browser's secret is in its cookie only");
        browser.cookie = answer.cookies.iter().find(|cookie| cookie.starts_with(api::cookies::SESSION)).cloned();
        done(&browser, SET_ACTIVE_GOAL, json!({ "practiceId": practice, "coacheeId": robin, "activeGoal": "Lead" })).await;
        let log = entries(&ada, "coachPortal", &practice, json!({ "coacheeId": robin })).await;
        let of = |name: &str| log.iter().find(|entry| entry["entry"] == name).unwrap_or_else(|| panic!("no {name}: {log:?}"));
        let told = |name: &str| (of(name)["through"].clone(), of(name)["actorId"].clone());
        assert_eq!(told("coachee_add"), (json!("PROGRAM"), json!(ada.id)));
        assert_eq!(told("active_goal_set"), (json!("BROWSER"), json!(ada.id)));
        assert_eq!(told("invitation_accept"), (json!("LINK"), Value::Null));
        product.prove().await;
    }

    /// By person, coachee, kind – as it is stored and as people say it – and time, each alone and together.
    #[test]
    async fn the_log_is_filtered_by_person_coachee_kind_and_time(product: Product) {
        let Scene { practice, ada, bob, robin, kim, coachee, .. } = Scene::new(&product).await;
        product.later(30);
        let walk = action(&coachee, &practice, &robin, None, "Walk daily").await;
        product.later(30);
        progress(&bob, &practice, &walk, 50).await;
        product.later(30);
        progress(&coachee, &practice, &walk, 100).await;
        let all = entries(&ada, "coachPortal", &practice, Value::Null).await;
        let is = |entry: &Value, field: &str, value: &str| entry[field] == value;
        // Each filter gives exactly those entries of the whole log for which it holds.
        let by_time = |entry: &Value, from: &str, to: &str| {
            let at = entry["at"].as_str().expect("a time");
            at >= from && at < to
        };
        let filters: Vec<(Value, Holds<'_>)> = vec![
            (json!({ "actorId": coachee.id }), Box::new(|entry| is(entry, "actorId", &coachee.id))),
            (json!({ "actorId": bob.id }), Box::new(|entry| is(entry, "actorId", &bob.id))),
            (json!({ "coacheeId": robin }), Box::new(|entry| is(entry, "coacheeId", &robin))),
            (json!({ "coacheeId": kim }), Box::new(|entry| is(entry, "coacheeId", &kim))),
            (json!({ "kinds": ["plan.action_progressed"] }), Box::new(|entry| is(entry, "kind", "plan.action_progressed"))),
            (json!({ "kinds": ["action_progress"] }), Box::new(|entry| is(entry, "kind", "plan.action_progressed"))),
            (json!({ "kinds": ["action_progress", "plan.goal_added"] }), Box::new(|entry| is(entry, "entry", "action_progress") || is(entry, "entry", "goal_add"))),
            (json!({ "kinds": ["no_such_kind"] }), Box::new(|_| false)),
            (json!({ "kinds": [] }), Box::new(|_| false)),
            (json!({ "from": "2026-03-02T09:30:00Z" }), Box::new(|entry| by_time(entry, "2026-03-02T09:30:00Z", "9"))),
            (json!({ "to": "2026-03-02T09:30:00Z" }), Box::new(|entry| by_time(entry, "", "2026-03-02T09:30:00Z"))),
            (json!({ "from": "2026-03-02T09:30:00Z", "to": "2026-03-02T10:00:00Z" }), Box::new(|entry| by_time(entry, "2026-03-02T09:30:00Z", "2026-03-02T10:00:00Z"))),
            (json!({ "actorId": coachee.id, "coacheeId": robin, "kinds": ["action_progress"], "from": "2026-03-02T10:00:00Z" }),
                Box::new(|entry| is(entry, "actorId", &coachee.id) && is(entry, "entry", "action_progress"))),
            (json!({ "actorId": bob.id, "coacheeId": kim }), Box::new(|_| false)),
        ];
        let mut found = 0;
        for (filter, holds) in &filters {
            let expected: Vec<Value> = all.iter().filter(|entry| holds(entry)).cloned().collect();
            let got = entries(&ada, "coachPortal", &practice, filter.clone()).await;
            assert_eq!(got, expected, "{filter}");
            found += got.len();
        }
        assert!(found > 20, "filters that find nothing show nothing: {found}");
        // A coachee's file has the same log, filtered to that coachee.
        let answer = ada.ask("query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { activityLog(first: 100) { nodes { position } } } } } }", json!({ "p": practice, "c": robin })).await;
        let positions: Vec<Value> = answer["viewer"]["coachPortal"]["coachee"]["activityLog"]["nodes"].as_array().expect("nodes").iter().rev().map(|node| node["position"].clone()).collect();
        let expected: Vec<Value> = all.iter().filter(|entry| is(entry, "coacheeId", &robin)).map(|entry| entry["position"].clone()).collect();
        assert_eq!(positions, expected);
        product.prove().await;
    }

    /// Owner and managers the whole practice, coaches their clients, a coachee their own without what is kept from them.
    #[test]
    async fn each_reviews_what_is_theirs(product: Product) {
        let Scene { practice, ada, bob, cleo, robin, kim, coachee } = Scene::new(&product).await;
        let manager = product.further_coach(&ada, &practice, "Mia", "MANAGER").await;
        let all = entries(&ada, "coachPortal", &practice, Value::Null).await;
        assert_eq!(entries(&manager, "coachPortal", &practice, Value::Null).await, all);
        let whole = names(&all);
        for name in ["practice_create", "coach_join", "coach_invite", "access_grant", "synopsis_write", "invitation_send", "goal_add"] {
            assert!(whole.contains(&name), "{name} is not in {whole:?}");
        }
        // Bob's: all that is about Robin's work, nothing about Kim, nothing about who has access.
        let bobs = entries(&bob, "coachPortal", &practice, Value::Null).await;
        assert!(bobs.iter().all(|entry| entry["coacheeId"] == json!(robin)), "{bobs:?}");
        assert_eq!(names(&bobs), ["coachee_add", "invitation_send", "invitation_accept", "synopsis_write", "goal_add"]);
        assert_eq!(entries(&bob, "coachPortal", &practice, json!({ "coacheeId": kim })).await, Vec::<Value>::new());
        assert_eq!(entries(&bob, "coachPortal", &practice, json!({ "kinds": ["access_grant", "practice_create", "coach_join"] })).await, Vec::<Value>::new());
        assert_eq!(entries(&cleo, "coachPortal", &practice, Value::Null).await, Vec::<Value>::new());
        // Robin's own.
        let own = entries(&coachee, "coacheePortal", &practice, Value::Null).await;
        assert_eq!(names(&own), ["coachee_add", "invitation_accept", "goal_add"]);
        assert!(own.iter().all(|entry| entry["coacheeId"] == json!(robin)));
        for filter in [json!({ "coacheeId": kim }), json!({ "kinds": ["synopsis_write", "coachee.synopsis_written", "invitation_send", "access_grant"] }), json!({ "actorId": bob.id })] {
            assert_eq!(entries(&coachee, "coacheePortal", &practice, filter).await, Vec::<Value>::new());
        }
        assert!(!json!(own).to_string().contains("thorough"));
        // No other portal opens.
        let through = |portal: &str| format!("query($p: ID!) {{ viewer {{ {portal}(practiceId: $p) {{ activityLog {{ nodes {{ entry }} }} }} }} }}");
        assert_eq!(coachee.fails(&through("coachPortal"), json!({ "p": practice })).await, "NOT_FOUND");
        assert_eq!(bob.fails(&through("coacheePortal"), json!({ "p": practice })).await, "NOT_FOUND");
        let (other, _) = product.coach("Olga").await;
        assert_eq!(other.fails(&through("coachPortal"), json!({ "p": practice })).await, "NOT_FOUND");
        // With access taken away, the entries are out of sight again.
        done(&ada, "mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }", json!({ "practiceId": practice, "coachId": bob.id, "coacheeId": robin })).await;
        assert_eq!(entries(&bob, "coachPortal", &practice, Value::Null).await, Vec::<Value>::new());
        product.prove().await;
    }

    /// Forwards and backwards, in pages of every size, with and without a filter: each entry once, in order.
    #[test]
    async fn paging_both_ways_is_complete_and_repeats_nothing(product: Product) {
        let Scene { practice, ada, bob, robin, coachee, .. } = Scene::new(&product).await;
        let lead = goal(&coachee, &practice, &robin, "Rest").await;
        let sleep = milestone(&coachee, &practice, &lead, "Sleep").await;
        let walk = action(&coachee, &practice, &robin, Some(&sleep), "Walk").await;
        for percent in [10, 20, 30, 40, 50, 60, 70, 80, 90, 100] {
            progress(&coachee, &practice, &walk, percent).await;
        }
        let robins = json!({ "coacheeId": robin });
        for (who, portal, filter) in [(&ada, "coachPortal", Value::Null), (&ada, "coachPortal", robins), (&bob, "coachPortal", Value::Null), (&coachee, "coacheePortal", Value::Null)] {
            let mut expected: Vec<Value> = entries(who, portal, &practice, filter.clone()).await;
            expected.reverse();
            for size in [1, 2, 3, 7, expected.len() - 1, expected.len(), expected.len() + 1] {
                let (mut forwards, mut cursor) = (Vec::new(), Value::Null);
                loop {
                    let page = page(who, portal, &practice, json!({ "f": filter, "n": size, "a": cursor })).await;
                    forwards.extend(page["edges"].as_array().expect("edges").iter().map(|edge| edge["node"].clone()));
                    assert!(forwards.len() <= expected.len(), "more than there are");
                    assert_eq!(page["pageInfo"]["hasNextPage"], forwards.len() < expected.len(), "{size} {portal}");
                    assert_eq!(page["pageInfo"]["hasPreviousPage"], !cursor.is_null());
                    cursor = page["pageInfo"]["endCursor"].clone();
                    if page["pageInfo"]["hasNextPage"] == false { break; }
                }
                assert_eq!(forwards, expected, "forwards by {size}");
                let (mut backwards, mut cursor) = (Vec::new(), Value::Null);
                loop {
                    let page = page(who, portal, &practice, json!({ "f": filter, "l": size, "b": cursor })).await;
                    let mut nodes: Vec<Value> = page["edges"].as_array().expect("edges").iter().map(|edge| edge["node"].clone()).collect();
                    nodes.extend(backwards);
                    backwards = nodes;
                    assert!(backwards.len() <= expected.len(), "more than there are");
                    assert_eq!(page["pageInfo"]["hasPreviousPage"], backwards.len() < expected.len());
                    cursor = page["pageInfo"]["startCursor"].clone();
                    if page["pageInfo"]["hasPreviousPage"] == false { break; }
                }
                assert_eq!(backwards, expected, "backwards by {size}");
            }
        }
        // Entries that come while somebody pages do not move the pages behind them.
        let first = page(&ada, "coachPortal", &practice, json!({ "n": 3 })).await;
        progress(&coachee, &practice, &walk, 5).await;
        let second = page(&ada, "coachPortal", &practice, json!({ "n": 3, "a": first["pageInfo"]["endCursor"] })).await;
        let both: Vec<&Value> = [&first, &second].iter().flat_map(|page| page["edges"].as_array().expect("edges")).map(|edge| &edge["node"]).collect();
        let all = entries(&ada, "coachPortal", &practice, Value::Null).await;
        let before: Vec<&Value> = all.iter().rev().skip_while(|entry| *entry != both[0]).take(6).collect();
        assert_eq!(both, before);
        for (arguments, why) in [(json!({ "n": 101 }), "too many"), (json!({ "n": -1 }), "fewer than none"), (json!({ "n": 1, "l": 1 }), "both ends"), (json!({ "a": "x" }), "no cursor")] {
            let mut variables = arguments;
            variables["p"] = json!(practice);
            let query = "query($p: ID!, $a: String, $n: Int, $l: Int) { viewer { coachPortal(practiceId: $p) { activityLog(after: $a, first: $n, last: $l) { nodes { entry } } } } }";
            assert_eq!(ada.fails(query, variables).await, "BAD_REQUEST", "{why}");
        }
        product.prove().await;
    }
}
