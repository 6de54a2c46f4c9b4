//! `graphql-sse` in distinct connections mode, as a browser's `EventSource` uses it.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::conversation::{answer, code, events, get, is_alive, narrow, post};
use super::toy::{self, PIPE_BYTES, SEEN, Toy, patient};
use api::http::Bounds;

const EVENTS: &str = "text/event-stream";
const ENDLESS: &str = "subscription { endless { position } }";

fn item(position: u32) -> String {
    format!(r#"event: next{}id: {position}{}data: {{"data":{{"items":{{"position":"{position}"}}}}}}"#, '\n', '\n')
}

#[tokio::test]
async fn a_subscription_is_read_by_get_and_by_post() {
    let (server, _) = toy::start().await;
    let query = "subscription S($after: String) { items(after: $after, to: 3) { position } }";
    let expected = [item(1), item(2), item(3), "event: complete\ndata:".to_owned()];
    let by_get = get(server, &[("query", query)]).header("accept", EVENTS).header("cookie", "__Host-session=alice");
    assert_eq!(events(by_get.send().await.unwrap(), 9).await, expected);
    let by_post = post(server, &json!({ "query": query })).header("accept", EVENTS);
    assert_eq!(events(by_post.send().await.unwrap(), 9).await, expected);
    let again = get(server, &[("query", query)]).header("accept", EVENTS).header("last-event-id", "2");
    assert_eq!(events(again.send().await.unwrap(), 9).await, expected[2..], "it goes on where it was");
}

#[tokio::test]
async fn a_query_and_a_mutation_are_one_event() {
    let (server, _) = toy::start().await;
    for (query, data) in [("{ hello }", r#"{"hello":"world"}"#), ("mutation { count }", r#"{"count":1}"#)] {
        let response = post(server, &json!({ "query": query })).header("accept", EVENTS).send().await.unwrap();
        let expected = [format!("event: next\ndata: {{\"data\":{data}}}"), "event: complete\ndata:".to_owned()];
        assert_eq!(events(response, 9).await, expected);
    }
}

#[tokio::test]
async fn what_fails_before_the_stream_has_a_status() {
    let (server, _) = toy::start().await;
    for (query, status, expected) in [
        ("subscription {", 400, "BAD_REQUEST"),
        ("subscription { unknown }", 400, "BAD_REQUEST"),
        ("subscription { items(to: \"x\") { text } }", 400, "BAD_REQUEST"),
        ("subscription { items(to: 1) { text } endless { text } }", 400, "BAD_REQUEST"),
        ("mutation { count }", 405, "BAD_REQUEST"),
    ] {
        let (found, told) = answer(get(server, &[("query", query)]).header("accept", EVENTS)).await;
        assert_eq!((found, code(&told)), (status, expected), "{query} {told}");
    }
    let request = get(server, &[("query", ENDLESS)]).header("accept", EVENTS);
    assert_eq!(answer(request.header("cookie", "__Host-session=mallory")).await.0, 401);
    let (status, told) = answer(get(server, &[("query", ENDLESS)])).await;
    assert_eq!((status, code(&told)), (400, "BAD_REQUEST"), "a subscription without a stream");
}

#[tokio::test]
async fn what_fails_later_is_an_event() {
    let (server, _) = toy::start().await;
    let request = get(server, &[("query", "subscription { panics { text } }")]).header("accept", EVENTS);
    let told = events(request.send().await.unwrap(), 9).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1].contains("INTERNAL") && !told[1].contains("inner text"), "{told:?}");
    assert_eq!(told[2], "event: complete\ndata:");
    let request = get(server, &[("query", "subscription { refused { text } }")]).header("accept", EVENTS);
    let told = events(request.send().await.unwrap(), 9).await;
    assert!(told.len() == 2 && told[0].contains("FORBIDDEN"), "{told:?}");
    assert!(is_alive(server).await);
}

/// A browser that connects again asks for what comes after the last id: an item that is not whole has none.
#[tokio::test]
async fn what_is_not_whole_counts_as_not_told() {
    let (server, _) = toy::start().await;
    let request = get(server, &[("query", "subscription { breaks { position text } }")]).header("accept", EVENTS);
    let told = events(request.send().await.unwrap(), 9).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("\nid: 1\n"), "{told:?}");
    assert!(told[1].contains("INTERNAL") && !told[1].contains("\nid: "), "{told:?}");
}

#[tokio::test]
async fn a_stream_ends_when_access_ends_or_the_client_leaves() {
    let (server, toy) = toy::start().await;
    let request =
        || get(server, &[("query", ENDLESS)]).header("accept", EVENTS).header("authorization", "Bearer alice");
    let response = request().send().await.unwrap();
    toy.runs(1).await;
    drop(response);
    toy.runs(0).await;
    let response = request().send().await.unwrap();
    toy.ended.send_replace(vec!["alice".to_owned()]);
    let told = events(response, 9).await;
    assert_eq!(told.last().map(String::as_str), Some("event: complete\ndata:"));
    assert!(told.iter().any(|event| event.contains("UNAUTHENTICATED")), "{told:?}");
    toy.runs(0).await;
}

/// Nothing reaches the client but what was on its way: an item is longer than that.
#[tokio::test]
async fn what_is_half_written_when_access_ends_stays_so() {
    for ends in [Toy::end_alice, Toy::hide_flood] {
        let (routes, toy) = toy::routes(patient(), &[]);
        let mut connection = narrow(routes, PIPE_BYTES);
        let request = "GET /graphql?query=subscription%7Bflood%7Btext%7D%7D HTTP/1.1\r\nhost: localhost\r\n\
                       accept: text/event-stream\r\nauthorization: Bearer alice\r\n\r\n";
        connection.write_all(request.as_bytes()).await.unwrap();
        toy.runs(1).await;
        ends(&toy);
        toy.runs(0).await;
        let mut arrived = Vec::new();
        connection.read_to_end(&mut arrived).await.unwrap();
        assert!(arrived.len() <= PIPE_BYTES, "{} bytes arrived", arrived.len());
    }
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives() {
    let heartbeat = std::time::Duration::from_millis(20);
    let (server, _) = toy::start_on("127.0.0.1:0", Bounds { heartbeat, ..Bounds::default() }, &[]).await;
    let response = get(server, &[("query", ENDLESS)]).header("accept", EVENTS).send().await.unwrap();
    assert_eq!(events(response, 3).await[1..], [":", ":"]);
}

#[tokio::test]
async fn streams_of_a_person_are_bounded() {
    let bounds = Bounds { streams_per_person: 2, ..Bounds::default() };
    let (server, _) = toy::start_on("127.0.0.1:0", bounds, &[]).await;
    let open = |person: &str| {
        let request = get(server, &[("query", ENDLESS)]).header("accept", EVENTS);
        request.header("authorization", format!("Bearer {person}")).send()
    };
    let held = [open("alice").await.unwrap(), open("alice").await.unwrap()];
    assert_eq!(open("alice").await.unwrap().status(), 429);
    assert_eq!(open("bob").await.unwrap().status(), 200);
    drop(held);
}

#[tokio::test]
async fn whoever_does_not_read_is_cut_off() {
    let (server, toy) = toy::start_on("127.0.0.1:0", Bounds { write: SEEN, ..Bounds::default() }, &[]).await;
    let request = get(server, &[("query", "subscription { flood { text } }")]).header("accept", EVENTS);
    let response = request.send().await.unwrap();
    toy.runs(1).await;
    assert_eq!((toy.numbers.streams(), toy.numbers.subscriptions()), (1, 1));
    toy.runs(0).await;
    toy.counts(|numbers| (numbers.streams(), numbers.subscriptions(), numbers.cut()) == (0, 0, 1)).await;
    drop(response);
}
