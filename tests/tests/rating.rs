//! Self-ratings: what a coach thinks of their own work, and that nobody else learns of it (S1.45–S1.48, promise A3).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::audit::{entries, grant, names};
use crate::matrix::{Client, Schema, portal_queries};
use crate::plan::{goal, position};
use crate::session::{days_later, ended, logged, session, started};

const RATE: &str = "mutation($i: RateSessionInput!) { rateSession(input: $i) {
    session { myRating { rating reflection ratedAt startedAt } } position errors { code path } } }";
const UPDATE: &str =
    "mutation($i: UpdateSessionInput!) { updateSession(input: $i) { session { id } errors { code } } }";
const REMOVE: &str = "mutation($i: RemoveCoachInput!) { removeCoach(input: $i) { errors { code } } }";
const SET_ROLE: &str = "mutation($i: SetCoachRoleInput!) { setCoachRole(input: $i) { errors { code } } }";

fn input(practice: &str, session: &str, rating: i32, reflection: Option<&str>) -> Value {
    let mut input = json!({ "practiceId": practice, "sessionId": session, "rating": rating });
    if let Some(reflection) = reflection {
        input["reflection"] = json!(reflection);
    }
    json!({ "i": input })
}

/// Rates a session: the payload.
async fn rated(by: &Person, practice: &str, session: &str, rating: i32, reflection: Option<&str>) -> Value {
    let answer = by.ask(RATE, input(practice, session, rating, reflection)).await["rateSession"].clone();
    assert_eq!(answer["errors"], json!([]));
    answer
}

/// A coach's development in a range.
async fn development(who: &Person, practice: &str, range: Value) -> Value {
    let query = "query($p: ID!, $r: TimeRange) { viewer { coachPortal(practiceId: $p) { myDevelopment(range: $r) {
        count average months { month count average lowest highest } ratings { sessionId startedAt rating reflection } } } } }";
    who.ask(query, json!({ "p": practice, "r": range })).await["viewer"]["coachPortal"]["myDevelopment"].clone()
}

/// A practice in which Bob, a coach, has held a session with Robin; Ada owns it, Mia manages it, Cleo coaches Robin too.
struct Scene {
    practice: String,
    ada: Person,
    mia: Person,
    bob: Person,
    cleo: Person,
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
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &bob, &robin).await;
        grant(&ada, &practice, &cleo, &robin).await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let session = started(&bob, &practice, &robin, "First").await;
        Self { practice, ada, mia, bob, cleo, robin, coachee, session }
    }

    /// Everything that somebody can ask, by what was asked.
    async fn sweep(&self, who: &Person, things: &Client, schema: &Schema) -> BTreeMap<String, Value> {
        let practice = json!(self.practice);
        let mut asked: Vec<String> = portal_queries(schema).into_iter().map(|query| things.filled(&query)).collect();
        let whole = |of: &str| schema.select(of, 1);
        for id in [&self.session, &self.robin, &self.bob.id] {
            asked.push(format!(
                "{{ node(id: \"{id}\") {{ id ... on Session {{ {} }} ... on CoacheeSession {{ {} }} ... on Coachee {{ {} }} }} }}",
                whole("Session"), whole("CoacheeSession"), whole("Coachee"),
            ));
            asked.push(format!("{{ nodes(ids: [\"{id}\"]) {{ id ... on Session {{ {} }} }} }}", whole("Session")));
        }
        for portal in ["coachPortal", "coacheePortal"] {
            for filter in [
                json!(null),
                json!({ "kinds": ["session_rate"] }),
                json!({ "kinds": ["session.rated"] }),
                json!({ "actorId": self.bob.id }),
                json!({ "coacheeId": self.robin }),
                json!({ "actorId": self.bob.id, "coacheeId": self.robin }),
            ] {
                // GraphQL's own spelling of a filter: names without quotes.
                let filter = filter
                    .to_string()
                    .replace("\"kinds\"", "kinds")
                    .replace("\"actorId\"", "actorId")
                    .replace("\"coacheeId\"", "coacheeId");
                for page in ["first: 3", "last: 3", "first: 100"] {
                    asked.push(format!(
                        "{{ viewer {{ {portal}(practiceId: {practice}) {{ activityLog(filter: {filter}, {page}) {{
                            edges {{ cursor node {{ position kind thingId actorId changes {{ field was now }} }} }}
                            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }} }}"
                    ));
                }
            }
        }
        let mut answers = BTreeMap::new();
        for query in asked {
            assert!(!query.contains('$'), "{query}");
            let answer = who.whole(&query, json!({})).await.body;
            answers.insert(query, answer);
        }
        answers
    }
}

both! {
    /// A whole number from 1 to 10 for one's own session; it may be changed, and the same again changes nothing.
    #[test]
    async fn s1_45_a_coach_rates_their_own_coaching_from_1_to_10(product: Product) {
        let Scene { practice, ada, mia, bob, cleo, coachee, session: id, .. } = Scene::new(&product).await;
        let shown = |rating: i32| json!({ "rating": rating, "reflection": null, "ratedAt": "2026-03-02T09:00:00Z", "startedAt": "2026-03-02T09:00:00Z" });
        let first = rated(&bob, &practice, &id, 10, None).await;
        assert_eq!(first["session"]["myRating"], shown(10));
        assert_eq!(rated(&bob, &practice, &id, 10, None).await["position"], first["position"]);
        assert_eq!(rated(&bob, &practice, &id, 1, None).await["session"]["myRating"], shown(1));
        for wrong in [0, 11, -1, i32::MAX] {
            let answer = bob.ask(RATE, input(&practice, &id, wrong, None)).await["rateSession"].clone();
            assert_eq!((&answer["session"], &answer["errors"]), (&Value::Null, &json!([{ "code": "OUT_OF_RANGE", "path": ["input", "rating"] }])));
        }
        // Also after it ended; and for a session that was logged afterwards.
        ended(&bob, &practice, &id, "ATTENDED").await;
        assert_eq!(rated(&bob, &practice, &id, 7, None).await["session"]["myRating"], shown(7));
        // Whoever sees the session and is not its coach may not; whoever does not see it learns nothing.
        for other in [&ada, &mia, &cleo, &coachee] {
            assert_eq!(other.fails(RATE, input(&practice, &id, 3, None)).await, "FORBIDDEN");
        }
        let dan = product.further_coach(&ada, &practice, "Dan", "COACH").await;
        let (zoe, _) = product.coach("Zoe").await;
        for other in [&dan, &zoe] {
            assert_eq!(other.fails(RATE, input(&practice, &id, 3, None)).await, "NOT_FOUND");
        }
        assert_eq!(product.stranger().fails(RATE, input(&practice, &id, 3, None)).await, "UNAUTHENTICATED");
        // The owner's own session is the owner's to rate.
        let own = started(&ada, &practice, &product.coachee(&ada, &practice, "Kim").await, "Own").await;
        assert_eq!(rated(&ada, &practice, &own, 4, None).await["session"]["myRating"]["rating"], 4);
        product.prove().await;
    }

    /// They stay where a change leaves them out, and an empty text clears them; each change is in the coach's own log.
    #[test]
    async fn s1_46_a_rating_may_have_reflection_notes(product: Product) {
        let Scene { practice, bob, session: id, .. } = Scene::new(&product).await;
        let reflection = |answer: &Value| answer["session"]["myRating"]["reflection"].clone();
        assert_eq!(reflection(&rated(&bob, &practice, &id, 6, Some("Talked too much.\nAsk more.")).await), "Talked too much.\nAsk more.");
        assert_eq!(reflection(&rated(&bob, &practice, &id, 7, None).await), "Talked too much.\nAsk more.");
        assert_eq!(reflection(&rated(&bob, &practice, &id, 7, Some("Listen.")).await), "Listen.");
        assert_eq!(reflection(&rated(&bob, &practice, &id, 7, Some("")).await), Value::Null);
        let log = entries(&bob, "coachPortal", &practice, json!({ "kinds": ["session_rate"] })).await;
        let changes: Vec<&Value> = log.iter().map(|entry| &entry["changes"]).collect();
        assert_eq!(changes, [
            &json!([{ "field": "rating", "was": null, "now": "06" }, { "field": "reflection", "was": null, "now": "Talked too much.\nAsk more." }]),
            &json!([{ "field": "rating", "was": "06", "now": "07" }]),
            &json!([{ "field": "reflection", "was": "Talked too much.\nAsk more.", "now": "Listen." }]),
            &json!([{ "field": "reflection", "was": "Listen.", "now": "" }]),
        ]);
        let long = "x".repeat(20_001);
        let answer = bob.ask(RATE, input(&practice, &id, 7, Some(&long))).await["rateSession"]["errors"].clone();
        assert_eq!(answer, json!([{ "code": "TEXT_IS_TOO_LONG", "path": ["input", "reflection"] }]));
        product.prove().await;
    }

    /// A3: whatever the owner, a manager, another coach of the same coachee or the coachee ask and follow, the answer
    /// before a rating is the answer after it, letter by letter.
    #[test]
    async fn s1_47_nobody_but_its_coach_learns_of_a_rating(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, mia, bob, cleo, robin, coachee, session: id } = &scene;
        let schema = Schema::read(ada).await;
        let aim = goal(ada, practice, robin, "Lead the team").await;
        let things = Client {
            mark: "", practice: practice.clone(), coachee: robin.clone(),
            things: [("practice", practice.as_str()), ("coachee", robin), ("session", id), ("goal", &aim), ("seen", "at2"),
                ("group", "group_01h455vb4pex5vsknk084sn02q"), ("appointment", "appointment_01h455vb4pex5vsknk084sn02q"),
                ("action", "action_01h455vb4pex5vsknk084sn02q")]
                .map(|(kind, id)| (kind.to_owned(), id.to_owned())).into(),
        };
        product.app.sign_checkpoints(None).await.expect("signed");
        let others = [("the owner", ada), ("a manager", mia), ("another coach", cleo), ("the coachee", coachee)];
        let mut before = Vec::new();
        for (_, who) in others.iter().chain([("its coach", bob)].iter()) {
            // Reading may leave traces of its own, once.
            scene.sweep(who, &things, &schema).await;
            before.push(scene.sweep(who, &things, &schema).await);
        }
        let place = position(ada, practice).await;
        let follow = json!({ "p": practice, "s": id, "a": place });
        let log = "subscription($p: ID!, $a: Position) { activity(practiceId: $p, after: $a) { entry { entry } } }";
        let coaches = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes { __typename ... on Session { id title myRating { rating } } } } }";
        let live = "subscription($p: ID!, $s: ID!, $a: Position) { liveSession(practiceId: $p, id: $s, after: $a) { changes { __typename ... on Session { id title myRating { rating } } } } }";
        let coachees = "subscription($p: ID!, $a: Position) { coacheePortalChanges(practiceId: $p, after: $a) { changes { __typename ... on CoacheeSession { id title } } } }";
        let mut heard = Vec::new();
        for (name, who) in others {
            let queries: &[&str] = if name == "the coachee" { &[log, coachees] } else { &[log, coaches, live] };
            for query in queries {
                heard.push((name, *query, who.listen(query, follow.clone()).await));
            }
        }
        let mut own = bob.listen(live, follow.clone()).await;

        rated(bob, practice, id, 9, Some("Was ill prepared")).await;
        rated(bob, practice, id, 8, None).await;

        for (number, (name, who)) in others.iter().chain([("its coach", bob)].iter()).enumerate() {
            let after = scene.sweep(who, &things, &schema).await;
            assert_eq!(after.len(), before[number].len());
            let differ: Vec<&String> = after.iter().filter(|(query, answer)| before[number][*query] != **answer).map(|(query, _)| query).collect();
            if *name == "its coach" {
                // The control: the sweep would have noticed.
                for field in ["myDevelopment", "liveSession(", "activityLog(first: 100)", "node(id", "dashboard", "session_rate"] {
                    assert!(differ.iter().any(|query| query.contains(field)), "the sweep is blind to {field}: {differ:?}");
                }
            } else {
                let first = differ.first().map(|query| (query, &before[number][*query], &after[*query]));
                assert_eq!(first, None, "{name} learns of the rating");
            }
        }
        // The coach's other window hears of it; the next thing that the others hear of is what came after it.
        let change = own.next().await["liveSession"]["changes"].clone();
        assert!(change[0]["myRating"]["rating"].is_u64(), "{change}");
        let answer = bob.ask(UPDATE, json!({ "i": { "practiceId": practice, "sessionId": id, "title": "Kick-off" } })).await;
        assert_eq!(answer["updateSession"]["errors"], json!([]));
        for (name, query, listening) in &mut heard {
            let item = listening.next().await;
            let of = if *name == "the coachee" { "CoacheeSession" } else { "Session" };
            let mut session = json!({ "__typename": of, "id": id, "title": "Kick-off", "myRating": null });
            if *name == "the coachee" {
                session.as_object_mut().expect("an object").remove("myRating");
            }
            let (field, expected) = match *query {
                query if query == log => ("activity", json!({ "entry": { "entry": "session_update" } })),
                query if query == coaches => ("coachPortalChanges", json!({ "changes": [session] })),
                query if query == live => ("liveSession", json!({ "changes": [session] })),
                _ => ("coacheePortalChanges", json!({ "changes": [session] })),
            };
            assert_eq!(item[field], expected, "{name}: {query}");
        }
        product.prove().await;
    }

    /// Points and months, in the coach's own time zone, of their own sessions only; a corrected start moves the point.
    #[test]
    async fn s1_48_a_coach_follows_their_own_development(product: Product) {
        let Scene { practice, ada, bob, robin, session: now, .. } = Scene::new(&product).await;
        assert_eq!(development(&bob, &practice, Value::Null).await, json!({ "count": 0, "average": null, "months": [], "ratings": [] }));
        let mut held = Vec::new();
        for (at, rating) in [("2025-12-01T10:00:00Z", 4), ("2026-01-31T23:30:00Z", 5), ("2026-02-10T10:00:00Z", 8), ("2024-01-01T10:00:00Z", 1)] {
            let id = logged(&bob, &practice, &robin, ("Held", at, "ATTENDED")).await;
            rated(&bob, &practice, &id, rating, None).await;
            held.push(id);
        }
        rated(&bob, &practice, &now, 9, Some("Calm")).await;
        let adas = logged(&ada, &practice, &robin, ("Hers", "2026-02-11T10:00:00Z", "ATTENDED")).await;
        rated(&ada, &practice, &adas, 2, None).await;
        // Only rated sessions count; the last year where nobody says more.
        logged(&bob, &practice, &robin, ("Unrated", "2026-02-12T10:00:00Z", "ATTENDED")).await;
        let shown = development(&bob, &practice, json!({ "to": "2026-03-03T00:00:00Z" })).await;
        assert_eq!(shown, json!({
            "count": 4, "average": 6.5,
            // In Berlin, the last evening of January in UTC is February.
            "months": [
                { "month": "2025-12", "count": 1, "average": 4.0, "lowest": 4, "highest": 4 },
                { "month": "2026-02", "count": 2, "average": 6.5, "lowest": 5, "highest": 8 },
                { "month": "2026-03", "count": 1, "average": 9.0, "lowest": 9, "highest": 9 },
            ],
            "ratings": [
                { "sessionId": held[0], "startedAt": "2025-12-01T10:00:00Z", "rating": 4, "reflection": null },
                { "sessionId": held[1], "startedAt": "2026-01-31T23:30:00Z", "rating": 5, "reflection": null },
                { "sessionId": held[2], "startedAt": "2026-02-10T10:00:00Z", "rating": 8, "reflection": null },
                { "sessionId": now, "startedAt": "2026-03-02T09:00:00Z", "rating": 9, "reflection": "Calm" },
            ],
        }));
        assert_eq!(development(&ada, &practice, json!({ "to": "2026-03-03T00:00:00Z" })).await["ratings"][0]["rating"], 2);
        let cut = json!({ "from": "2026-01-31T23:30:00Z", "to": "2026-02-10T10:00:00Z" });
        assert_eq!(development(&bob, &practice, cut).await["count"], 1);
        assert_eq!(development(&bob, &practice, json!({ "from": "2024-01-01T00:00:00Z", "to": "2026-03-03T00:00:00Z" })).await["count"], 5);
        // Somebody who may corrects when the session began.
        ada.ask(UPDATE, json!({ "i": { "practiceId": practice, "sessionId": held[2], "startedAt": "2025-12-05T10:00:00Z" } })).await;
        let months = development(&bob, &practice, json!({ "to": "2026-03-03T00:00:00Z" })).await["months"].clone();
        assert_eq!(months[0], json!({ "month": "2025-12", "count": 2, "average": 6.0, "lowest": 4, "highest": 8 }));
        let coachee = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { myDevelopment { count } } } }";
        assert_eq!(product.accepted(&ada, &practice, &product.coachee(&ada, &practice, "Kim").await, "Kim").await.fails(coachee, json!({ "p": practice })).await, "NOT_FOUND");
        product.prove().await;
    }

    /// As of an earlier moment the last year is the one before it.
    #[test]
    async fn an_earlier_moment_has_its_own_last_year(product: Product) {
        let Scene { practice, mut bob, robin, .. } = Scene::new(&product).await;
        let id = logged(&bob, &practice, &robin, ("Held", "2026-02-10T10:00:00Z", "ATTENDED")).await;
        rated(&bob, &practice, &id, 8, None).await;
        let then = position(&bob, &practice).await;
        days_later(&product, &mut bob, 400).await;
        let query = "query($p: ID!, $a: AsOf) { viewer { coachPortal(practiceId: $p, asOf: $a) { myDevelopment { count } } } }";
        for (as_of, count) in [(json!({ "position": then }), 1), (Value::Null, 0)] {
            let shown = bob.ask(query, json!({ "p": practice, "a": as_of })).await;
            assert_eq!(shown["viewer"]["coachPortal"]["myDevelopment"]["count"], count, "{as_of}");
        }
    }

    /// While they are away nobody sees their ratings; when they come back, as whatever, they see their own and no others.
    #[test]
    async fn a_removed_coachs_ratings_are_theirs_again_when_they_return(product: Product) {
        let Scene { practice, ada, bob, cleo, robin, session: id, .. } = Scene::new(&product).await;
        let cleos = started(&cleo, &practice, &robin, "Cleo's").await;
        rated(&cleo, &practice, &cleos, 3, Some("Cleo's alone")).await;
        rated(&bob, &practice, &id, 5, Some("Bob's alone")).await;
        // Without access to the client the session is out of sight; what Bob thought of his own work is not.
        ada.ask("mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        assert_eq!(bob.fails(RATE, input(&practice, &id, 6, None)).await, "NOT_FOUND");
        let all = json!({ "to": "2026-03-03T00:00:00Z" });
        assert_eq!(development(&bob, &practice, all.clone()).await["ratings"][0]["reflection"], "Bob's alone");
        assert_eq!(entries(&bob, "coachPortal", &practice, json!({ "kinds": ["session_rate"] })).await, Vec::<Value>::new());
        ada.ask(REMOVE, json!({ "i": { "practiceId": practice, "coachId": bob.id } })).await;
        let portal = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { myDevelopment { count } } } }";
        assert_eq!(bob.fails(portal, json!({ "p": practice })).await, "NOT_FOUND");
        assert_eq!(session(&ada, &practice, &id, "myRating { rating }").await["myRating"], Value::Null);
        assert_eq!(ada.fails(RATE, input(&practice, &id, 6, None)).await, "FORBIDDEN");
        product.later(16);
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        assert_eq!(development(&bob, &practice, all.clone()).await["count"], 1);
        let query = "query($p: ID!, $s: ID!) { viewer { coachPortal(practiceId: $p) { session(id: $s) { myRating { rating } } } } }";
        assert_eq!(bob.fails(query, json!({ "p": practice, "s": id })).await, "NOT_FOUND");
        ada.ask(SET_ROLE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "role": "MANAGER" } })).await;
        assert_eq!(session(&bob, &practice, &id, "myRating { rating reflection }").await["myRating"], json!({ "rating": 5, "reflection": "Bob's alone" }));
        assert_eq!(session(&bob, &practice, &cleos, "myRating { rating }").await["myRating"], Value::Null);
        assert_eq!(development(&bob, &practice, all).await["count"], 1);
        let log = entries(&bob, "coachPortal", &practice, Value::Null).await;
        assert_eq!(names(&log).iter().filter(|name| **name == "session_rate").count(), 1);
        product.prove().await;
    }

    /// The number is sealed like the notes, and a ten is as long as a one.
    #[test]
    async fn s1_79_a_rating_is_sealed_and_its_length_tells_nothing(product: Product) {
        let Scene { practice, bob, session: id, .. } = Scene::new(&product).await;
        for rating in [1, 10, 5] {
            rated(&bob, &practice, &id, rating, None).await;
        }
        let log: domain::id::PracticeId = practice.parse().expect("an id");
        let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
        let records = snapshot.records(domain::id::Id::uuid(log).into_bytes(), 0, 1_000).await.expect("records");
        snapshot.close().await.expect("closed");
        let records = records.iter().map(|(_, record)| serde_json::from_slice::<Value>(record).expect("JSON"));
        let sealed: Vec<String> = records
            .filter(|record| record["kind"] == "session.rated")
            .map(|record| record["event"]["session.rated"]["rating"]["now"].as_str().expect("a sealed text").to_owned())
            .collect();
        assert_eq!(sealed.len(), 3);
        assert!(sealed.iter().all(|text| text.len() == sealed[0].len() && text.len() > 30), "{sealed:?}");
    }
}
