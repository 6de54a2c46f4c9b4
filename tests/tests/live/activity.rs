//! The activity log followed: each entry once, in order, from any position, over WebSocket and event streams.

use serde_json::{Value, json};
use tests::{Database, Person, Product, both};

use super::{ACTIVITY, Dice, Events, actions, place, write};
use crate::plan::{position, progress};

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
