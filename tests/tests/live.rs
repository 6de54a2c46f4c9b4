//! Subscriptions: each resumes from a position, gets each event once, in order, and never what its viewer may not see.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{Database, Person, Product, both};

use crate::audit::{entries, grant};
use crate::plan::{action, goal, milestone, position, progress};

const ACTIVITY: &str =
    "subscription($p: ID!, $a: Position, $f: ActivityFilter) { activity(practiceId: $p, after: $a, filter: $f) {
    position entry { position entry thingId coacheeId actorId changes { field was now } } } }";
const REVOKE: &str = "mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }";

/// What every portal shows of a change in a plan, and of what is gone.
const CHANGES: &str =
    "position changes { __typename ... on Goal { id title complete } ... on Milestone { id title complete }
    ... on Action { id title progress } ... on Gone { id } ... on ResyncRequired { atLeast } }";

fn changes_of(portal: &str) -> String {
    let profile = if portal == "coach" {
        "... on Coachee { id fullName }"
    } else {
        "... on CoacheeProfile { id firstName activeGoal }"
    };
    let changes = CHANGES.replace("__typename", &format!("__typename {profile}"));
    format!(
        "subscription($p: ID!, $a: Position) {{ {portal}PortalChanges(practiceId: $p, after: $a) {{ {changes} }} }}"
    )
}

/// A position as a number, to compare places. (Outside it is opaque.)
fn place(position: &Value) -> u64 {
    let text = position.as_str().and_then(|text| text.strip_prefix("at")).expect("a position");
    u64::from_str_radix(text, 16).expect("a position")
}

/// Numbers that look random and are the same in every run (xorshift).
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// How many write at once.
const WRITERS: usize = 8;

/// Lets eight writers move an action each, `times` times, through these nodes in turn; ends when all have been answered.
async fn write(people: &[Person], practice: &str, actions: &[String], times: i32) {
    let mut writers = tokio::task::JoinSet::new();
    for (number, action) in actions.iter().enumerate() {
        let (person, practice, action) = (people[number % people.len()].clone(), practice.to_owned(), action.clone());
        writers.spawn(async move {
            for percent in 1..=times {
                progress(&person, &practice, &action, percent).await;
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer");
    }
}

async fn actions(by: &Person, practice: &str, coachee: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..WRITERS {
        ids.push(action(by, practice, coachee, None, &format!("Step {number}")).await);
    }
    ids
}

/// Follows a subscription until `most` items have come, and cuts the socket after every few of them.
async fn follow_with_cuts(who: &Person, query: &str, mut variables: Value, most: usize, dice: &mut Dice) -> Vec<Value> {
    let mut items = Vec::new();
    while items.len() < most {
        let mut live = who.listen(query, variables.clone()).await;
        let until = items.len() + 1 + usize::try_from(dice.throw(17)).expect("a small number");
        while items.len() < until.min(most) {
            let item = live.next().await.as_object().and_then(|data| data.values().next()).expect("a field").clone();
            variables["a"] = item["position"].clone();
            items.push(item);
        }
        // What was sent meanwhile is lost with the socket.
        drop(live);
    }
    items
}

/// What must come of the entries of eight writers: each once, in order, and exactly as the log has them.
async fn each_once_and_in_order(coach: &Person, practice: &str, after: &Value, items: &[Value]) {
    let filter = json!({ "kinds": ["action_progress"] });
    let mut logged = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let answer = coach.ask("query($p: ID!, $f: ActivityFilter, $b: String) { viewer { coachPortal(practiceId: $p) { activityLog(filter: $f, before: $b, last: 100) { nodes { position entry thingId coacheeId actorId changes { field was now } } pageInfo { startCursor hasPreviousPage } } } } }", json!({ "p": practice, "f": filter, "b": cursor })).await;
        let page = &answer["viewer"]["coachPortal"]["activityLog"];
        // The oldest page, oldest first.
        logged.extend(page["nodes"].as_array().expect("nodes").iter().rev().cloned());
        cursor = page["pageInfo"]["startCursor"].clone();
        if page["pageInfo"]["hasPreviousPage"] == false {
            break;
        }
    }
    logged.retain(|entry| place(&entry["position"]) > place(after));
    let got: Vec<&Value> = items.iter().map(|item| &item["entry"]).collect();
    assert_eq!(got.len(), logged.len());
    assert_eq!(got, logged.iter().collect::<Vec<_>>());
    assert!(items.windows(2).all(|pair| place(&pair[0]["position"]) < place(&pair[1]["position"])));
    assert!(items.iter().all(|item| item["position"] == item["entry"]["position"]));
}

/// Loads, follows from there with cuts while eight write through these nodes, and finds nothing missed, nothing twice.
async fn follows_through(
    product: &Product,
    writing: &[std::net::SocketAddr],
    reading: std::net::SocketAddr,
    dice: u64,
) {
    let (ada, practice) = product.coach("Ada").await;
    let robin = product.coachee(&ada, &practice, "Robin").await;
    let actions = actions(&ada, &practice, &robin).await;
    let after = position(&ada, &practice).await;
    let writers: Vec<Person> = writing.iter().map(|address| ada.through(*address)).collect();
    let reader = ada.through(reading);
    let times = 30;
    let expected = actions.len() * usize::try_from(times).expect("a small number");
    let variables = json!({ "p": practice, "a": after, "f": { "kinds": ["action_progress"] } });
    let mut dice = Dice(dice);
    let (items, ()) = tokio::join!(
        follow_with_cuts(&reader, ACTIVITY, variables.clone(), expected, &mut dice),
        write(&writers, &practice, &actions, times),
    );
    each_once_and_in_order(&ada, &practice, &after, &items).await;
    // Once more from the beginning, when all of it is in the log already: the same.
    let again = follow_with_cuts(&reader, ACTIVITY, variables, expected, &mut dice).await;
    assert_eq!(again, items);
    // And nothing more comes after the last one but what happens next.
    let last = items.last().expect("items")["position"].clone();
    let mut live =
        reader.listen(ACTIVITY, json!({ "p": practice, "a": last, "f": { "kinds": ["action_progress"] } })).await;
    progress(&writers[0], &practice, &actions[0], 99).await;
    let next = live.next().await;
    assert_eq!(
        next["activity"]["entry"]["changes"],
        json!([{ "field": "progress", "was": times.to_string(), "now": "99" }])
    );
    product.prove().await;
}

both! {
    /// Eight writers, one follower whose socket is cut again and again.
    #[test]
    async fn the_activity_is_followed_without_gap_or_repeat_across_cut_sockets(product: Product) {
        follows_through(&product, &[product.address], product.address, 0x5eed).await;
    }

    /// What a portal shows after following equals what it shows after loading, however often the socket was cut.
    #[test]
    async fn a_portal_that_follows_shows_what_one_that_loads_shows(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let actions = actions(&ada, &practice, &robin).await;
        let mut after = position(&ada, &practice).await;
        let people = [ada.clone(), coachee.clone()];
        let writing = async {
            write(&people, &practice, &actions, 20).await;
            action(&ada, &practice, &robin, None, "The last one").await
        };
        let following = async {
            let (mut dice, mut shown, mut last) = (Dice(0xface), BTreeMap::new(), String::new());
            let query = changes_of("coach");
            while last.is_empty() {
                let mut live = ada.listen(&query, json!({ "p": practice, "a": after })).await;
                for _ in 0..=dice.throw(5) {
                    let item = live.next().await["coachPortalChanges"].clone();
                    assert!(place(&item["position"]) > place(&after), "positions go on: {item}");
                    after = item["position"].clone();
                    for change in item["changes"].as_array().expect("changes") {
                        let id = change["id"].as_str().unwrap_or_else(|| panic!("not an action: {change}")).to_owned();
                        if change["title"] == "The last one" {
                            last.clone_from(&id);
                        }
                        shown.insert(id, change["progress"].clone());
                    }
                    if !last.is_empty() { break; }
                }
            }
            (shown, last)
        };
        let (made, (shown, last)) = tokio::join!(writing, following);
        assert_eq!(made, last);
        let answer = ada.ask("query($p: ID!) { viewer { coachPortal(practiceId: $p) { actions(first: 50) { nodes { id progress } } } } }", json!({ "p": practice })).await;
        let loaded: BTreeMap<String, Value> = answer["viewer"]["coachPortal"]["actions"]["nodes"].as_array().expect("nodes").iter()
            .map(|node| (node["id"].as_str().expect("an id").to_owned(), node["progress"].clone())).collect();
        assert_eq!(shown, loaded);
        product.prove().await;
    }

    /// Both sides, in one coachee's plan: what is made, moved and deleted, and nothing of anybody else's.
    #[test]
    async fn a_plan_is_followed_by_both_sides_and_what_was_deleted_is_gone(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let plan = format!("subscription($p: ID!, $c: ID!, $a: Position) {{ plan(practiceId: $p, coacheeId: $c, after: $a) {{ {CHANGES} }} }}");
        let after = position(&ada, &practice).await;
        let variables = json!({ "p": practice, "c": robin, "a": after });
        let (mut coachs, mut coachees) = (ada.listen(&plan, variables.clone()).await, coachee.listen(&plan, variables).await);
        let expected = |item: Value, changes: Value| assert_eq!(item["plan"]["changes"], changes);
        goal(&ada, &practice, &kim, "Not Robin's").await;
        let lead = goal(&coachee, &practice, &robin, "Lead").await;
        let change = json!([{ "__typename": "Goal", "id": lead, "title": "Lead", "complete": false }]);
        expected(coachs.next().await, change.clone());
        expected(coachees.next().await, change);
        let speak = milestone(&ada, &practice, &lead, "Speak").await;
        // The goal counts its milestones, so it changed too.
        let change = json!([{ "__typename": "Milestone", "id": speak, "title": "Speak", "complete": false }, { "__typename": "Goal", "id": lead, "title": "Lead", "complete": false }]);
        expected(coachs.next().await, change.clone());
        expected(coachees.next().await, change);
        let answer = ada.ask("mutation($i: DeleteMilestoneInput!) { deleteMilestone(input: $i) { deletedId position } }", json!({ "i": { "practiceId": practice, "milestoneId": speak } })).await;
        for live in [&mut coachs, &mut coachees] {
            let item = live.next().await;
            assert_eq!(item["plan"]["position"], answer["deleteMilestone"]["position"]);
            let gone: Vec<&Value> = item["plan"]["changes"].as_array().expect("changes").iter().filter(|change| change["__typename"] == "Gone").collect();
            assert_eq!(gone, [&json!({ "__typename": "Gone", "id": speak })]);
        }
        ada.ask("mutation($i: DeleteGoalInput!) { deleteGoal(input: $i) { deletedId } }", json!({ "i": { "practiceId": practice, "goalId": lead } })).await;
        // Who was away when it was deleted learns it on return, with everything else that is gone.
        let mut late = ada.listen(&changes_of("coach"), json!({ "p": practice, "a": after })).await;
        let item = late.next().await["coachPortalChanges"].clone();
        let mut gone: Vec<&str> = item["changes"].as_array().expect("changes").iter().filter(|change| change["__typename"] == "Gone").filter_map(|change| change["id"].as_str()).collect();
        gone.sort_unstable();
        let mut deleted = [&*lead, &*speak];
        deleted.sort_unstable();
        assert_eq!(gone, deleted);
        // Somebody else's plan is not there.
        let (mut foreign, mut unknown) = (coachee.listen(&plan, json!({ "p": practice, "c": kim })).await, coachee.listen(&plan, json!({ "p": practice, "c": "coachee_01h455vb4pex5vsknk084sn02q" })).await);
        assert_eq!((foreign.ends().await, unknown.ends().await), ("NOT_FOUND".to_owned(), "NOT_FOUND".to_owned()));
        product.prove().await;
    }

    /// Everything that is kept from a coachee happens while they listen to all that they can.
    #[test]
    async fn a_coachee_never_hears_what_is_not_theirs(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let after = position(&ada, &practice).await;
        let variables = json!({ "p": practice, "a": after });
        let (mut activity, mut changes) = (coachee.listen(ACTIVITY, variables.clone()).await, coachee.listen(&changes_of("coachee"), variables).await);
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        grant(&ada, &practice, &bob, &robin).await;
        for whom in [&robin, &kim] {
            ada.ask("mutation($i: WriteSynopsisInput!) { writeSynopsis(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "coacheeId": whom, "synopsis": "canary synopsis" } })).await;
        }
        let kims = goal(&ada, &practice, &kim, "canary of Kim").await;
        ada.ask("mutation($i: SetActiveGoalInput!) { setActiveGoal(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "coacheeId": kim, "activeGoal": "canary of Kim" } })).await;
        ada.ask("mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "lowSessions": 7 } })).await;
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        let own = goal(&ada, &practice, &robin, "The sentinel").await;
        let (mut heard, mut is_over) = (Vec::new(), false);
        while !is_over {
            let item = activity.next().await;
            is_over = item["activity"]["entry"]["thingId"] == json!(own);
            heard.push(item);
        }
        assert_eq!(heard.len(), 1, "{heard:?}");
        is_over = false;
        while !is_over {
            let item = changes.next().await;
            let told = item["coacheePortalChanges"]["changes"].as_array().expect("changes").clone();
            is_over = told.iter().any(|change| change["id"] == json!(own));
            // The synopsis is a part of their own file, and yet they do not learn that it was written.
            assert!(told.iter().all(|change| change["id"] == json!(own)), "{told:?}");
            heard.push(item);
        }
        let text = json!(heard).to_string();
        for secret in ["canary", &*kim, &*kims, &*bob.id] {
            assert!(!text.contains(secret), "{secret} was heard: {text}");
        }
        assert_eq!(entries(&coachee, "coacheePortal", &practice, json!({ "from": "2026-03-02T09:00:00Z", "kinds": ["goal_add"] })).await.len(), 1);
        product.prove().await;
    }

    /// Whoever is listening when access is given or taken is told at once.
    #[test]
    async fn gaining_access_asks_to_load_again_and_losing_it_is_gone(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let mut live = bob.listen(&changes_of("coach"), json!({ "p": practice, "a": position(&bob, &practice).await })).await;
        goal(&ada, &practice, &robin, "Not Bob's to see yet").await;
        grant(&ada, &practice, &bob, &robin).await;
        // What happened just before may be told already: it is Bob's to see by now.
        let resync = loop {
            let item = live.next().await["coachPortalChanges"].clone();
            let changes = item["changes"].as_array().expect("changes").clone();
            if let Some(resync) = changes.into_iter().find(|change| change["__typename"] == "ResyncRequired") { break resync; }
        };
        assert_eq!(resync["atLeast"], position(&ada, &practice).await);
        let lead = goal(&ada, &practice, &robin, "Lead").await;
        assert_eq!(live.next().await["coachPortalChanges"]["changes"][0]["id"], json!(lead));
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        assert_eq!(live.next().await["coachPortalChanges"]["changes"], json!([{ "__typename": "Gone", "id": robin }]));
        goal(&ada, &practice, &robin, "Not Bob's to see any more").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        grant(&ada, &practice, &bob, &kim).await;
        let item = live.next().await["coachPortalChanges"].clone();
        let told: Vec<&Value> = item["changes"].as_array().expect("changes").iter().map(|change| &change["__typename"]).collect();
        assert!(told.iter().all(|name| *name == "ResyncRequired" || *name == "Coachee"), "{item}");
        product.prove().await;
    }

    /// Whoever was away meanwhile is told on return: a position from before does not hide that the sight has changed.
    #[test]
    async fn a_changed_sight_is_told_on_return_too(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        grant(&ada, &practice, &bob, &robin).await;
        let before = position(&bob, &practice).await;
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        let without_robin = position(&bob, &practice).await;
        grant(&ada, &practice, &bob, &kim).await;
        for (after, expected) in [(before, vec!["ResyncRequired", "Gone"]), (without_robin, vec!["ResyncRequired"])] {
            let mut live = bob.listen(&changes_of("coach"), json!({ "p": practice, "a": after })).await;
            let item = live.next().await["coachPortalChanges"].clone();
            let mut told: Vec<&str> = item["changes"].as_array().expect("changes").iter().filter_map(|change| change["__typename"].as_str()).collect();
            told.sort_unstable();
            told.reverse();
            assert_eq!(told, expected, "{item}");
            assert!(item["changes"].as_array().expect("changes").iter().all(|change| change["__typename"] != "Gone" || change["id"] == json!(robin)));
        }
        product.prove().await;
    }

    /// Only from positions that were: one of the future is refused, one of another practice opens nothing.
    #[test]
    async fn a_subscription_begins_at_a_position_that_was(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let mut live = ada.listen(ACTIVITY, json!({ "p": practice, "a": "atffff" })).await;
        assert_eq!(live.ends().await, "BAD_REQUEST");
        let mut live = ada.listen(ACTIVITY, json!({ "p": practice, "a": "7" })).await;
        assert_eq!(live.ends().await, "BAD_REQUEST");
        let (olga, _) = product.coach("Olga").await;
        let mut live = olga.listen(ACTIVITY, json!({ "p": practice })).await;
        assert_eq!(live.ends().await, "NOT_FOUND");
        let mut live = product.stranger().listen(ACTIVITY, json!({ "p": practice })).await;
        assert_eq!(live.ends().await, "UNAUTHENTICATED");
    }

    /// Server-sent events carry the same, and a browser that connects again sends the position that it saw last.
    #[test]
    async fn an_event_stream_carries_the_same_and_resumes(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let actions = actions(&ada, &practice, &robin).await;
        let after = position(&ada, &practice).await;
        let query = ACTIVITY.replace("$a", "$after");
        let variables = json!({ "p": practice, "after": after, "f": { "kinds": ["action_progress"] } });
        let body = json!({ "query": query, "variables": variables });
        let writers = [ada.clone()];
        let following = async {
            let (mut dice, mut items, mut seen) = (Dice(0xcafe), Vec::new(), None::<String>);
            while items.len() < actions.len() * 10 {
                let mut stream = Events::open(&product, &ada, &body, seen.as_deref()).await;
                for _ in 0..=dice.throw(9) {
                    let (id, data) = stream.next().await;
                    assert_eq!(json!(id), data["activity"]["position"]);
                    seen = Some(id);
                    items.push(data["activity"].clone());
                    if items.len() == actions.len() * 10 { break; }
                }
            }
            items
        };
        let (items, ()) = tokio::join!(following, write(&writers, &practice, &actions, 10));
        each_once_and_in_order(&ada, &practice, &after, &items).await;
        product.prove().await;
    }
}

/// An open event stream.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    async fn open(product: &Product, who: &Person, body: &Value, last_event: Option<&str>) -> Self {
        let request =
            reqwest::Client::new().post(product.url("/graphql")).bearer_auth(who.token.as_ref().expect("signed in"));
        let mut request = request.header("accept", "text/event-stream").json(body);
        if let Some(last_event) = last_event {
            request = request.header("last-event-id", last_event);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        assert!(response.headers()["content-type"].to_str().expect("text").starts_with("text/event-stream"));
        Self { response, text: String::new() }
    }

    /// The next event's id and data.
    async fn next(&mut self) -> (String, Value) {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                // A line that begins with a colon is a sign of life.
                if line("event:") == Some("next") {
                    let data: Value = serde_json::from_str(line("data:").expect("data")).expect("JSON");
                    assert!(data.get("errors").is_none(), "{data}");
                    return (line("id:").expect("an id").to_owned(), data["data"].clone());
                }
                assert!(event.starts_with(':'), "{event}");
            }
            let chunk = tokio::time::timeout(std::time::Duration::from_secs(20), self.response.chunk());
            let chunk = chunk.await.expect("something must come").expect("a chunk").expect("the stream goes on");
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }
}

/// Two nodes on one database: writers at both, and a follower at the one, then at the other.
#[test]
fn a_follower_at_one_node_sees_what_is_written_through_another() {
    tests::run(Database::Postgres, |product| async move {
        let other = product.another_address().await;
        follows_through(&product, &[product.address], other, 0xb0b).await;
    });
    tests::run(Database::Postgres, |product| async move {
        let other = product.another_address().await;
        follows_through(&product, &[product.address, other], product.address, 0xd1ce).await;
    });
}
