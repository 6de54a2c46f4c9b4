//! Keys in use: they are renewed by age (promise C3), and the root key is replaced while nodes serve.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::id::{CoacheeId, Id as _, PracticeId};
use serde_json::json;
use tests::{Person, Product, both};

const SET_ACTIVE_GOAL: &str = "mutation($i: SetActiveGoalInput!) { setActiveGoal(input: $i) { errors { code } } }";

async fn done(who: &Person, mutation: &str, input: serde_json::Value) {
    let data = who.ask(mutation, json!({ "i": input })).await;
    let payload = data.as_object().and_then(|data| data.values().next()).expect("a payload");
    assert_eq!(payload["errors"], json!([]), "{mutation}");
}

/// The generations of a subject's keys in a practice's log.
async fn generations(product: &Product, practice: &str, subject: &str) -> Vec<(Option<store::Id>, u32)> {
    let log = practice.parse::<PracticeId>().expect("a practice").uuid().into_bytes();
    let subject = subject.parse::<CoacheeId>().expect("a coachee").uuid().into_bytes();
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    let keys = snapshot.keys_of_log(log).await.expect("keys");
    snapshot.close().await.expect("closed");
    keys.into_iter().filter(|key| key.subject == subject).map(|key| (key.owner, key.generation)).collect()
}

async fn roots(product: &Product) -> Vec<([u8; 32], u64)> {
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    snapshot.keys_by_root().await.expect("keys")
}

both! {
    /// C3: after 180 days the next text is sealed with a new key; what older ones sealed is read, folded and opened.
    #[test]
    async fn a_key_of_180_days_is_renewed_with_the_next_text(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let set = |goal: &str| json!({ "practiceId": practice, "coacheeId": robin, "activeGoal": goal });
        done(&ada, SET_ACTIVE_GOAL, set("Speak")).await;
        product.later(179 * 24 * 60);
        let ada = product.person("ada@practice.example").await;
        done(&ada, SET_ACTIVE_GOAL, set("Lead")).await;
        assert_eq!(generations(&product, &practice, &robin).await, [(None, 1)]);
        product.later(2 * 24 * 60);
        let ada = product.person("ada@practice.example").await;
        // Reading makes no key.
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { firstName activeGoal } } } }";
        let read = async |who: &Person| {
            who.ask(query, json!({ "p": practice, "c": robin })).await["viewer"]["coachPortal"]["coachee"].clone()
        };
        assert_eq!(read(&ada).await, json!({ "firstName": "Robin", "activeGoal": "Lead" }));
        assert_eq!(generations(&product, &practice, &robin).await, [(None, 1)]);
        done(&ada, SET_ACTIVE_GOAL, set("Rest")).await;
        done(&ada, SET_ACTIVE_GOAL, set("Write")).await;
        assert_eq!(generations(&product, &practice, &robin).await, [(None, 1), (None, 2)]);

        // Another node, which has nothing at hand, and a rebuild open all of them.
        let other = ada.through(product.another_address().await);
        assert_eq!(read(&other).await, json!({ "firstName": "Robin", "activeGoal": "Write" }));
        product.app.rebuild(None, &mut ()).await.expect("rebuilt");
        assert_eq!(read(&ada).await, json!({ "firstName": "Robin", "activeGoal": "Write" }));
        let told = crate::audit::entries(&other, "coachPortal", &practice, json!({ "kinds": ["active_goal_set"] })).await;
        let said: Vec<_> = told.iter().map(|entry| &entry["changes"][0]["now"]).collect();
        assert_eq!(said, ["Speak", "Lead", "Rest", "Write"]);
        product.prove().await;
    }

    /// C3: two nodes write and read while the root key is replaced; one of them holds the new key only when it needs it.
    #[test]
    async fn the_root_key_is_replaced_while_nodes_serve(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let email = domain::text::Text::parse("ada@practice.example").expect("an address");
        let before = (product.app.address(&email), ada.token.clone());
        let first = product.coachee(&ada, &practice, "Robin").await;
        let other = ada.through(product.another_address().await);
        let old = roots(&product).await;
        assert_eq!(old.len(), 1);

        let folder = product.folder().join("root.key");
        let held = vault::RootKey::load(&folder).expect("readable").expect("the root key");
        let (new, _) = vault::RootKey::load_or_create(&folder.with_extension("key.new"), &vault::Os).expect("a new key");
        let to = *new.id();
        let keys = vault::Roots::open(held, vec![folder.with_extension("key.new")]).expect("both");
        let stop = AtomicBool::new(false);
        let writing = async |who: &Person, name: &str| {
            let mut added = Vec::new();
            while added.len() < 5 || (!stop.load(Ordering::Relaxed) && added.len() < 40) {
                added.push(product.coachee(who, &practice, &format!("{name}{}", added.len())).await);
            }
            added
        };
        let rotating = async {
            // Cut short in the middle: what is left is found by the next one.
            let mut told = |_, _| {};
            let cut = app::rotate::rotate(product.app.store(), &keys, &new, &vault::Os, &mut told);
            let cut = tokio::time::timeout(std::time::Duration::from_millis(3), cut).await;
            assert!(cut.is_err() || cut.is_ok_and(|done| done.is_ok()));
            app::rotate::rotate(product.app.store(), &keys, &new, &vault::Os, &mut |_, _| {}).await.expect("rotated");
            stop.store(true, Ordering::Relaxed);
        };
        let (one, two, ()) = futures_util::future::join3(writing(&ada, "Ann"), writing(&other, "Ben"), rotating).await;
        assert!(one.len() >= 5 && two.len() >= 5);
        let after = roots(&product).await;
        assert_eq!(after.iter().map(|(root, _)| *root).collect::<Vec<_>>(), [to], "none is left under the old one");
        assert_eq!(after[0].1, old[0].1 + (one.len() + two.len()) as u64);

        // Ids and tokens are what they were, and all is read through each node and one that holds the new key only.
        assert_eq!((product.app.address(&email), ada.token.clone()), before);
        assert_eq!(product.person("ada@practice.example").await.id, ada.id);
        std::fs::rename(folder.with_extension("key.new"), &folder).expect("put in place");
        let third = ada.through(product.another_address().await);
        for who in [&ada, &other, &third] {
            done(who, SET_ACTIVE_GOAL, json!({ "practiceId": practice, "coacheeId": first, "activeGoal": "Rest" })).await;
            let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { coachees(first: 100) { nodes { lastName } } } } }";
            let read = who.ask(query, json!({ "p": practice })).await;
            let nodes = read["viewer"]["coachPortal"]["coachees"]["nodes"].as_array().expect("nodes").len();
            assert_eq!(nodes, 1 + one.len() + two.len());
        }
        product.app.rebuild(None, &mut ()).await.expect("rebuilt");
        product.prove().await;
    }
}
