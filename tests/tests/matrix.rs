//! Who may do and see what (promises A1 and A2), for every operation and every field that the schema has.
//!
//! The tables in [`operations`] and [`fields`] are written by hand, from the facts on access (S4.1–S4.8, S2.7, S3.5,
//! S1.30, S1.47) and the sight table, and not from what the product answers. The tests walk the schema as it is served:
//! an operation, a portal's field, a type or a field of a type that has no line in a table fails them, so that nothing
//! new goes out without somebody saying for whom it is.
//!
//! Ten people try everything: the owner, a manager, coaches with Admin, User Admin, User and no access to Robin, Robin
//! themself, another coachee, the owner of another practice, and nobody. What they may not see must be answered exactly
//! like what does not exist.

mod attempts;
pub mod fields;
mod operations;
pub mod schema;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::{Person, both};

pub use self::attempts::attempt;
pub use self::fields::portal_queries;
pub use self::operations::MUTATIONS;
use self::operations::SUBSCRIPTIONS;
pub use self::schema::Schema;
use self::world::{ACTORS, CLOSED, COACHEE, NO_ACCESS, NOBODY, OWNER, USER};
pub use self::world::{Client, OTHER_OWNER, World};

/// What became of trying an operation, as one letter: see [`operations`].
fn outcome(body: &Value, operation: &str) -> char {
    if let Some(errors) = body["errors"].as_array() {
        return match errors[0]["extensions"]["code"].as_str() {
            Some("FORBIDDEN") => 'F',
            Some("NOT_FOUND") => 'N',
            Some("UNAUTHENTICATED") => 'U',
            _ => panic!("{operation}: {body}"),
        };
    }
    let refusals = body["data"][operation]["errors"].as_array().map_or(0, Vec::len);
    if refusals > 0 { 'R' } else { 'Y' }
}

/// The letters of a line.
pub fn letters(line: &str) -> Vec<char> {
    let letters: Vec<char> = line.chars().filter(|letter| *letter != ' ').collect();
    assert_eq!(letters.len(), ACTORS.len(), "{line}");
    letters
}

/// How many events there are: in the logs of practices, or in all where the mutation is about somebody's account. What was
/// read while it was answered does not count.
async fn events(world: &World, operation: &str) -> u64 {
    let mut snapshot = world.product.app.store().snapshot().await.expect("a snapshot");
    let heads = snapshot.heads(None, 10_000).await.expect("the heads");
    snapshot.close().await.expect("closed");
    let is_the_accounts = world::ACCOUNTS.contains(&operation);
    let counts = |kind: &str| kind == "practice" || (is_the_accounts && kind != "accesslog");
    heads.iter().filter(|head| counts(&head.kind)).map(|head| head.seq).sum()
}

/// What became of the mutations that somebody did: whether one of them left an event.
type Left<'t> = BTreeMap<&'t str, bool>;

/// Tries one line with everybody, and notes what was not as the table says.
async fn try_line<'t>(world: &mut World, (key, line): (&'t str, &str), left: &mut Left<'t>, wrong: &mut Vec<String>) {
    let operation = key.split('/').next().unwrap_or(key);
    for (actor, expected) in letters(line).into_iter().enumerate() {
        let (by, input) = attempt(world, key, actor).await;
        let before = events(world, operation).await;
        let body = world.send(&by, operation, &input).await;
        let got = outcome(&body, operation);
        if got == 'Y' {
            *left.entry(operation).or_default() |= events(world, operation).await > before;
        }
        if got != expected {
            wrong.push(format!("{key} by {}: {got} and not {expected}: {body}", ACTORS[actor]));
        }
        if actor != NOBODY && ["signOut", "signOutEverywhere"].contains(&operation) {
            world.sign_in_again(actor).await;
        }
    }
}

/// The places of ids in an input.
fn ids(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| ids(value, &format!("{path}/{name}"), found)),
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                ids(value, &format!("{path}/{place}"), found);
            }
        }
        Value::String(text) if is_id(text) => found.push((path.to_owned(), text.clone())),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_id(text: &str) -> bool {
    let parts = text.rsplit_once('_');
    parts.is_some_and(|(kind, rest)| {
        rest.len() == 26
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    })
}

/// An id of the same kind that nothing has.
fn nothing_like(id: &str) -> String {
    let kind = id.rsplit_once('_').map_or(id, |(kind, _)| kind);
    domain::id::text(kind, uuid::Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001))
}

/// Puts unseen ids into each place of an input in turn: each must be answered exactly as one that nothing has. Gives
/// the answers' outcomes.
async fn probe(
    world: &World,
    by: &Person,
    key: &str,
    input: &Value,
    unseen: &world::Client,
    wrong: &mut Vec<String>,
) -> Vec<char> {
    let operation = key.split('/').next().unwrap_or(key);
    let (mut places, mut outcomes) = (Vec::new(), Vec::new());
    ids(input, "", &mut places);
    for (place, id) in places {
        let Some(other) = unseen.like(&id).filter(|other| *other != id) else { continue };
        let mut answers = Vec::new();
        for id in [other, nothing_like(&id)] {
            let mut input = input.clone();
            *input.pointer_mut(&place).expect("the place") = json!(id);
            answers.push(world.send(by, operation, &input).await);
        }
        if answers[0] != answers[1] {
            wrong.push(format!(
                "{key} with another's {place} tells that it is there:\n  {}\n  {}",
                answers[0], answers[1]
            ));
        }
        outcomes.push(outcome(&answers[0], operation));
    }
    outcomes
}

both! {
    /// Every mutation of the schema, tried by everybody. R3: each that somebody can do leaves an event.
    #[test]
    async fn every_mutation_is_done_by_whom_the_table_says(product: Product) {
        let mut world = World::begin(product).await;
        let known: BTreeSet<&str> = MUTATIONS.iter().map(|(key, _)| key.split('/').next().unwrap_or(key)).collect();
        let served: BTreeSet<&str> = world.schema.operations.keys().map(String::as_str).collect();
        assert_eq!(served, known, "the table and the schema have other mutations");
        let (mut left, mut wrong) = (Left::new(), Vec::new());
        for (key, line) in MUTATIONS {
            // The limits on sign-in links are not what is tested here.
            world.product.later(16);
            try_line(&mut world, (key, line), &mut left, &mut wrong).await;
        }
        wrong.extend(left.iter().filter(|(_, left)| !**left).map(|(operation, _)| format!("{operation} leaves no event")));
        assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
        world.product.prove().await;
    }

    /// A8: every mutation of the schema, tried by programs that act for the owner. A token reaches what its scopes name
    /// and nothing else: one that only reads, one for another portal and one for another practice change nothing; and
    /// with whatever scopes, none keeps the account, signs in, founds or joins.
    #[test]
    async fn every_mutation_needs_a_token_that_reaches_it(product: Product) {
        let mut world = World::begin(product).await;
        let (practice, owner) = (world.practice.clone(), world.people[OWNER].clone());
        let (host, other) = world.host.clone();
        // The owner is a coach of another practice, too.
        world.product.further_coach(&host, &other, "Ada", "COACH").await;
        let reading = program(&world, &owner, &[(&practice, "COACH", "READ")]).await;
        let elsewhere = program(&world, &owner, &[(&other, "COACH", "WRITE")]).await;
        let coach = program(&world, &owner, &[(&practice, "COACH", "WRITE")]).await;
        let mut wrong = Vec::new();
        for (key, line) in MUTATIONS {
            world.product.later(16);
            let operation = key.split('/').next().unwrap_or(key);
            let is_the_accounts = world::ACCOUNTS.contains(&operation);
            for (which, program, expected) in [
                ("reads", &reading, 'F'),
                ("is for another practice", &elsewhere, 'F'),
                ("writes", &coach, if is_the_accounts { 'F' } else { letters(line)[OWNER] }),
            ] {
                let (_, input) = attempt(&mut world, key, OWNER).await;
                let body = world.send(program, operation, &input).await;
                let got = outcome(&body, operation);
                if got != expected {
                    wrong.push(format!("{key} by a token that {which}: {got} and not {expected}: {body}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
        world.product.prove().await;
    }

    /// A2: an id of another practice, or of a client whom one may not see, is answered in every argument of every
    /// mutation exactly as an id that nothing has.
    #[test]
    async fn foreign_ids_are_answered_like_ids_of_nothing(product: Product) {
        let mut world = World::begin(product).await;
        let mut wrong = Vec::new();
        for (key, _) in MUTATIONS.iter().filter(|(key, _)| !CLOSED.contains(key)) {
            world.product.later(16);
            let (by, input) = attempt(&mut world, key, OWNER).await;
            let far = world.far.clone();
            let outcomes = probe(&world, &by, key, &input, &far, &mut wrong).await;
            // Ending a sign-in that is not one's own is refused like ending one that has ended.
            let expected = if *key == "revokeSession" { 'R' } else { 'N' };
            if outcomes.iter().any(|outcome| *outcome != expected) {
                wrong.push(format!("{key} with ids of another practice: {outcomes:?}"));
            }
            for (actor, unseen) in [(USER, world.lee.clone()), (COACHEE, world.lee.clone()), (NO_ACCESS, world.robin.clone())] {
                let (by, input) = attempt(&mut world, key, actor).await;
                probe(&world, &by, key, &input, &unseen, &mut wrong).await;
            }
            for actor in [OTHER_OWNER, NOBODY] {
                let unseen = attempt(&mut world, key, actor).await.1;
                probe_all(&world, actor, key, &unseen, &mut wrong).await;
            }
        }
        assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// Every subscription of the schema, tried by everybody; and with ids of another practice.
    #[test]
    async fn every_subscription_is_followed_by_whom_the_table_says(product: Product) {
        let world = World::begin(product).await;
        let known: BTreeSet<&str> = SUBSCRIPTIONS.iter().map(|(name, ..)| *name).collect();
        let served: BTreeSet<&str> = world.schema.fields("Subscription").collect();
        assert_eq!(served, known, "the table and the schema have other subscriptions");
        let mut wrong = Vec::new();
        for (name, arguments, line) in SUBSCRIPTIONS {
            for (actor, expected) in letters(line).into_iter().enumerate() {
                let query = world.robin.filled(&format!("subscription {{ {name}({arguments}) {{ position }} }}"));
                let got = heard(&world.people[actor], &query).await;
                if got != expected {
                    wrong.push(format!("{name} by {}: {got} and not {expected}", ACTORS[actor]));
                }
            }
            let query = world.far.filled(&format!("subscription {{ {name}({arguments}) {{ position }} }}"));
            if heard(&world.people[OWNER], &query).await != 'N' {
                wrong.push(format!("{name} of another practice"));
            }
        }
        assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// Every field of both portals, and every thing by its id, as everybody sees it: with marked texts in all of Robin's
    /// fields, which only those see for whom the sight table has them.
    #[test]
    async fn every_field_shows_what_the_table_says(product: Product) {
        let world = World::begin(product).await;
        let mut wrong = Vec::new();
        fields::portals(&world, &mut wrong).await;
        fields::nodes(&world, &mut wrong).await;
        fields::lists_by_foreign_ids(&world, &mut wrong).await;
        assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// R3: whatever field shows a confidential text to whom it is not addressed, an entry is left; and only then.
    #[test]
    async fn every_reading_of_a_confidential_text_leaves_one_entry(product: Product) {
        let world = World::begin(product).await;
        let mut wrong = Vec::new();
        fields::readings(&world, &mut wrong).await;
        assert!(wrong.is_empty(), "{} fields are wrong:\n{}", wrong.len(), wrong.join("\n"));
        world.product.prove().await;
    }

    /// Every type has the fields that the table says, and no coach's type can be reached from a coachee's portal.
    #[test]
    async fn every_type_is_in_the_table(product: Product) {
        let schema = schema::Schema::read(&product.stranger()).await;
        fields::types(&schema);
    }

    /// The control: wrong lines, texts that may be seen after all and ids that are there are noticed.
    #[test]
    async fn the_matrix_is_not_blind(product: Product) {
        let mut world = World::begin(product).await;
        let mut wrong = Vec::new();
        try_line(&mut world, ("setActiveGoal", "NNNNN NNNNN"), &mut Left::new(), &mut wrong).await;
        assert_eq!(wrong.len(), 7, "five do it, one is forbidden, one is nobody: {wrong:?}");
        let (by, input) = attempt(&mut world, "updateGoal", OWNER).await;
        let mut wrong = Vec::new();
        let seen = world.lee.clone();
        let outcomes = probe(&world, &by, "updateGoal", &input, &seen, &mut wrong).await;
        assert_eq!((outcomes, wrong.len()), (vec!['Y'], 1), "Lee's goal is the owner's to change");
        let mut wrong = Vec::new();
        (world.far.mark, world.robin.mark) = (world.lee.mark, "fresh");
        fields::portals(&world, &mut wrong).await;
        assert!(wrong.iter().any(|wrong| wrong.contains("CoachPortal.coachees shows the owner LEE-")), "{wrong:?}");
        assert!(wrong.iter().any(|wrong| wrong.contains("CoacheePortal.activityLog shows another coachee")), "{wrong:?}");
    }

    /// What a coachee changes about themself is answered with their own side of it: never the coach's.
    #[test]
    async fn a_coachees_own_change_does_not_show_the_coachs_side(product: Product) {
        let world = World::begin(product).await;
        let query = format!(
            "mutation($i: UpdateCoacheeInput!) {{ updateCoachee(input: $i) {{ coachee {{ {} }} profile {{ firstName }} errors {{ code }} }} }}",
            world.schema.select("Coachee", 2)
        );
        let input = json!({ "i": { "practiceId": world.practice, "coacheeId": world.robin.coachee, "firstName": "Robyn" } });
        let answer = world.people[COACHEE].ask(&query, input).await["updateCoachee"].clone();
        assert_eq!(answer, json!({ "coachee": null, "profile": { "firstName": "Robyn" }, "errors": [] }));
    }
}

/// Somebody with no part in it: their ids of the real things, and of none, are answered alike.
async fn probe_all(world: &World, actor: usize, key: &str, input: &Value, wrong: &mut Vec<String>) {
    let operation = key.split('/').next().unwrap_or(key);
    let by = &world.people[actor];
    let mut places = Vec::new();
    ids(input, "", &mut places);
    // What is one's own, such as a sign-in to end, is nobody's secret.
    for (place, id) in places.into_iter().filter(|(place, _)| !place.ends_with("sessionId") || key != "revokeSession") {
        let real = world.send(by, operation, input).await;
        let mut input = input.clone();
        *input.pointer_mut(&place).expect("the place") = json!(nothing_like(&id));
        let none = world.send(by, operation, &input).await;
        if real != none {
            wrong.push(format!("{key} by {} tells whether {place} is there:\n  {real}\n  {none}", ACTORS[actor]));
        }
    }
}

/// A program of somebody's, with a token for these portals.
async fn program(world: &World, of: &Person, scopes: &[(&str, &str, &str)]) -> Person {
    let scope = |(practice, portal, right): &(&str, &str, &str)| json!({ "practiceId": practice, "portal": portal, "right": right });
    let scopes: Vec<Value> = scopes.iter().map(scope).collect();
    let input = json!({ "name": "A program", "scopes": scopes, "expiresAt": "2026-12-01T00:00:00Z" });
    let made = world.done(of, "createAccessToken", input).await;
    of.holding(made["token"].as_str().map(str::to_owned))
}

/// What somebody who listens hears first.
async fn heard(person: &Person, query: &str) -> char {
    let mut listening = person.listen(query, json!({})).await;
    let Some(message) = listening.message().await else { panic!("closed with {:?}", listening.closed) };
    let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
    match errors[0]["extensions"]["code"].as_str() {
        None => 'Y',
        Some("FORBIDDEN") => 'F',
        Some("NOT_FOUND") => 'N',
        Some("UNAUTHENTICATED") => 'U',
        Some(code) => panic!("{query}: {code}"),
    }
}
