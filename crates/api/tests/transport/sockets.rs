//! `graphql-transport-ws`: the conversation, every close code, and the bounds of a socket.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tower::ServiceExt as _;

use super::conversation::{Wire, is_alive, narrow};
use super::toy::{self, PIPE_BYTES, SEEN, SOON, Toy, patient};
use api::http::Bounds;

const ITEMS: &str = "subscription { items(to: 2) { text } }";
const ENDLESS: &str = "subscription { endless { position } }";

fn next(id: &str, data: &Value) -> Value {
    json!({ "type": "next", "id": id, "payload": { "data": data } })
}

#[tokio::test]
async fn a_socket_runs_every_kind_of_operation() {
    let (server, _) = toy::start().await;
    let mut wire = Wire::begun(server, Some("alice")).await;
    wire.say(&json!({ "type": "ping", "payload": { "a": [1] } })).await;
    assert_eq!(wire.hear().await, Ok(json!({ "type": "pong", "payload": { "a": [1] } })));
    wire.say(&json!({ "type": "pong" })).await;
    wire.say(&json!({ "type": "complete", "id": "unknown" })).await;
    wire.subscribe("q", "{ viewer }").await;
    assert_eq!(wire.hear().await, Ok(next("q", &json!({ "viewer": "alice" }))));
    assert_eq!(wire.hear().await, Ok(json!({ "type": "complete", "id": "q" })));
    wire.subscribe("m", "mutation { count }").await;
    assert_eq!(wire.hear().await, Ok(next("m", &json!({ "count": 1 }))));
    assert_eq!(wire.hear().await, Ok(json!({ "type": "complete", "id": "m" })));
    wire.subscribe("s", ITEMS).await;
    for _ in 0..2 {
        assert_eq!(wire.hear().await, Ok(next("s", &json!({ "items": { "text": "an item" } }))));
    }
    assert_eq!(wire.hear().await, Ok(json!({ "type": "complete", "id": "s" })));
    let keyed = json!({ "query": "{ key }", "extensions": { "idempotencyKey": "k" }, "variables": null });
    wire.say(&json!({ "type": "subscribe", "id": "q", "payload": keyed })).await;
    assert_eq!(wire.hear().await, Ok(next("q", &json!({ "key": "k" }))));
}

#[tokio::test]
async fn a_socket_is_who_its_cookie_or_its_first_message_says() {
    let (server, _) = toy::start().await;
    let headers = [("sec-websocket-protocol", "graphql-transport-ws"), ("cookie", "__Host-session=bob")];
    for (payload, expected) in [(json!(null), "bob"), (json!({ "Authorization": "Bearer alice" }), "alice")] {
        let mut wire = Wire::connect(server, &headers).await.unwrap();
        wire.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(wire.hear().await, Ok(json!({ "type": "connection_ack" })));
        wire.subscribe("q", "{ viewer }").await;
        assert_eq!(wire.hear().await, Ok(next("q", &json!({ "viewer": expected }))));
    }
    for authorization in ["Bearer mallory", "alice"] {
        let mut wire = Wire::open(server).await;
        wire.say(&json!({ "type": "connection_init", "payload": { "authorization": authorization } })).await;
        assert_eq!(wire.hear().await, Err(4403));
    }
}

#[tokio::test]
async fn what_is_no_message_closes_with_4400() {
    let (server, _) = toy::start().await;
    let deep = format!(r#"{{"type":"ping","payload":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    let invalid = [
        Message::text("not JSON"),
        Message::text("[]"),
        Message::text(r#"["ping"]"#),
        Message::text(r#"{"type":"unknown"}"#),
        Message::text(r#"{"type":"connection_ack"}"#),
        Message::text(r#"{"type":"start","id":"1","payload":{"query":"{ hello }"}}"#),
        Message::text(r#"{"type":"subscribe","payload":{"query":"{ hello }"}}"#),
        Message::text(r#"{"type":"subscribe","id":"","payload":{"query":"{ hello }"}}"#),
        Message::text(r#"{"type":"subscribe","id":1,"payload":{"query":"{ hello }"}}"#),
        Message::text(r#"{"type":"subscribe","id":"1"}"#),
        Message::text(r#"{"type":"subscribe","id":"1","payload":{}}"#),
        Message::text(r#"{"type":"subscribe","id":"1","payload":["{ hello }"]}"#),
        Message::text(r#"{"type":"subscribe","id":"1","payload":[{"query":"{ hello }"},{"query":"{ hello }"}]}"#),
        Message::text(r#"{"type":"complete"}"#),
        Message::text(deep),
        Message::text(format!(
            r#"{{"type":"subscribe","id":"{}","payload":{{"query":"{{ hello }}"}}}}"#,
            "i".repeat(65)
        )),
        Message::text(" ".repeat(256 * 1024 + 1)),
        Message::binary(br#"{"type":"ping"}"#.to_vec()),
    ];
    for message in invalid {
        let mut wire = Wire::begun(server, None).await;
        let said = message.clone();
        wire.send(message).await;
        assert_eq!(wire.closed().await, 4400, "{said:?}");
    }
    let mut wire = Wire::begun(server, None).await;
    let ping = r#"{"type":"ping"}"#;
    wire.send(Message::text(format!("{ping}{}", " ".repeat(256 * 1024 - ping.len())))).await;
    assert_eq!(wire.hear().await, Ok(json!({ "type": "pong" })), "256 KiB are read");
    assert!(is_alive(server).await);
}

#[tokio::test]
async fn the_beginning_is_kept_to() {
    let (hurried, _) = toy::start_on("127.0.0.1:0", Bounds { init: SOON, ..Bounds::default() }, &[]).await;
    assert_eq!(Wire::open(hurried).await.hear().await, Err(4408), "nothing said");
    let (server, _) = toy::start().await;
    let mut wire = Wire::open(server).await;
    wire.subscribe("1", "{ hello }").await;
    assert_eq!(wire.hear().await, Err(4401), "subscribed first");
    let mut wire = Wire::begun(server, None).await;
    wire.say(&json!({ "type": "connection_init" })).await;
    assert_eq!(wire.hear().await, Err(4429), "began twice");
    let mut wire = Wire::begun(server, None).await;
    wire.subscribe("1", ENDLESS).await;
    assert!(wire.hear().await.is_ok());
    wire.subscribe("1", "{ hello }").await;
    assert_eq!(wire.hear().await, Err(4409), "an id that runs");
    assert_eq!(Wire::connect(server, &[]).await.unwrap().hear().await, Err(4406), "no protocol");
}

#[tokio::test]
async fn a_socket_outlives_the_time_for_its_beginning() {
    let bounds = Bounds { request: SOON, init: SOON, ..Bounds::default() };
    let (server, _) = toy::start_on("127.0.0.1:0", bounds, &[]).await;
    let mut wire = Wire::open(server).await;
    wire.say(&json!({ "type": "connection_init" })).await;
    while wire.hear().await.is_err() {
        // on a machine that stood still the time was over; then it is tried again
        wire = Wire::open(server).await;
        wire.say(&json!({ "type": "connection_init" })).await;
    }
    wire.subscribe("slow", "{ never }").await;
    let told = wire.hear().await.unwrap();
    assert_eq!((&told["type"], &told["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("UNAVAILABLE")));
    wire.subscribe("quick", "{ hello }").await;
    assert_eq!(wire.hear().await, Ok(next("quick", &json!({ "hello": "world" }))), "it is still open");
}

#[tokio::test]
async fn an_operation_fails_alone() {
    let (server, _) = toy::start().await;
    let mut wire = Wire::begun(server, None).await;
    wire.subscribe("lives", ENDLESS).await;
    assert!(wire.hear().await.is_ok());
    let deep = "{ this ".repeat(30) + "{ hello }" + &"}".repeat(30);
    for (query, expected) in [
        ("{ panics }", "INTERNAL"),
        ("{ unknown }", "BAD_REQUEST"),
        ("{", "BAD_REQUEST"),
        ("subscription { items(to: 1) { text } endless { text } }", "BAD_REQUEST"),
        (deep.as_str(), "QUERY_TOO_COMPLEX"),
    ] {
        wire.subscribe("fails", query).await;
        let told = wire.hear().await.unwrap();
        assert_eq!((&told["type"], &told["id"]), (&json!("error"), &json!("fails")), "{told}");
        assert_eq!(told["payload"][0]["extensions"]["code"], expected, "{told}");
        assert!(!told.to_string().contains("inner text"));
    }
    wire.subscribe("p", "subscription { panics { text } }").await;
    assert_eq!(wire.hear().await, Ok(next("p", &json!({ "panics": { "text": "fine" } }))));
    let told = wire.hear().await.unwrap();
    assert_eq!((&told["type"], &told["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("INTERNAL")));
    wire.subscribe("r", "subscription { refused { text } }").await;
    let told = wire.hear().await.unwrap();
    assert_eq!(told["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN", "{told}");
    assert_eq!(wire.hear().await, Ok(json!({ "type": "complete", "id": "r" })));
    wire.subscribe("q", "{ hello }").await;
    assert_eq!(wire.hear().await, Ok(next("q", &json!({ "hello": "world" }))), "the socket is as before");
}

#[tokio::test]
async fn a_socket_runs_20_operations_at_once() {
    let (server, toy) = toy::start().await;
    let mut wire = Wire::begun(server, None).await;
    for n in 0..20 {
        wire.subscribe(&n.to_string(), ENDLESS).await;
        assert_eq!(wire.hear().await.unwrap()["type"], "next", "{n}");
    }
    wire.subscribe("21st", ENDLESS).await;
    let told = wire.hear().await.unwrap();
    assert_eq!((&told["type"], &told["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("RATE_LIMITED")));
    wire.say(&json!({ "type": "complete", "id": "7" })).await;
    toy.runs(19).await;
    wire.subscribe("7", ENDLESS).await;
    assert_eq!(wire.hear().await.unwrap()["type"], "next", "a completed id is free again");
    drop(wire);
    toy.runs(0).await;
}

#[tokio::test]
async fn a_person_holds_5_sockets() {
    let (server, _) = toy::start().await;
    let mut wires = Vec::new();
    for _ in 0..5 {
        wires.push(Wire::begun(server, Some("alice")).await);
    }
    let init = json!({ "type": "connection_init", "payload": { "authorization": "Bearer alice" } });
    let mut sixth = Wire::open(server).await;
    sixth.say(&init).await;
    assert_eq!(sixth.hear().await, Err(4403));
    let _bobs = Wire::begun(server, Some("bob")).await;
    let _nobodys = Wire::begun(server, None).await;
    wires.pop();
    // the server learns of it when it reads the end of that connection
    for _ in 0..1_000 {
        let mut again = Wire::open(server).await;
        again.say(&init).await;
        if again.hear().await.is_ok() {
            return;
        }
    }
    panic!("the seat of a closed socket was never free again");
}

#[tokio::test]
async fn a_socket_closes_when_access_ends() {
    let (server, toy) = toy::start().await;
    let (mut alice, mut bob) = (Wire::begun(server, Some("alice")).await, Wire::begun(server, Some("bob")).await);
    for wire in [&mut alice, &mut bob] {
        wire.subscribe("1", ENDLESS).await;
        assert!(wire.hear().await.is_ok());
    }
    toy.ended.send_replace(vec!["alice".to_owned()]);
    assert_eq!(alice.hear().await, Err(4403));
    toy.runs(1).await;
    bob.subscribe("2", "{ hello }").await;
    assert!(bob.hear().await.is_ok());
}

/// Nothing reaches the client but what was on its way: an item is longer than that.
#[tokio::test]
async fn what_is_half_written_when_access_ends_stays_so() {
    for ends in [Toy::end_alice, Toy::hide_flood] {
        let (routes, toy) = toy::routes(patient(), &[]);
        let mut wire = Wire::over(narrow(routes, PIPE_BYTES), Some("alice")).await;
        wire.subscribe("1", "subscription { flood { text } }").await;
        toy.runs(1).await;
        ends(&toy);
        toy.runs(0).await;
        assert!(wire.hear().await.is_err(), "an item arrived");
    }
}

#[tokio::test]
async fn what_waits_when_access_ends_is_not_told() {
    let (routes, toy) = toy::routes(patient(), &[]);
    let mut wire = Wire::over(narrow(routes, PIPE_BYTES), Some("alice")).await;
    wire.subscribe("waits", "subscription { news { text } }").await;
    toy.runs(1).await;
    wire.subscribe("blocks", "subscription { flood { text } }").await;
    toy.runs(2).await;
    toy.are_told().await;
    toy.hidden.lock().unwrap().push("news");
    let told = wire.hear().await.unwrap();
    assert_eq!((&told["type"], &told["id"]), (&json!("next"), &json!("blocks")));
    let told = wire.hear().await.unwrap();
    assert_eq!((&told["type"], &told["id"]), (&json!("error"), &json!("waits")), "{told}");
    assert_eq!(told["payload"][0]["extensions"]["code"], "FORBIDDEN", "{told}");
    assert_eq!(wire.hear().await.unwrap()["id"], "blocks", "the other goes on");
}

#[tokio::test]
async fn whoever_does_not_read_is_cut_off() {
    let (server, toy) = toy::start_on("127.0.0.1:0", Bounds { write: SEEN, ..Bounds::default() }, &[]).await;
    let mut wire = Wire::begun(server, None).await;
    wire.subscribe("1", "subscription { flood { text } }").await;
    toy.runs(1).await;
    assert_eq!((toy.numbers.sockets(), toy.numbers.subscriptions()), (1, 1));
    toy.runs(0).await;
    toy.counts(|numbers| (numbers.sockets(), numbers.subscriptions(), numbers.cut()) == (0, 0, 1)).await;
    drop(wire);
}

#[tokio::test]
async fn whoever_is_silent_for_two_heartbeats_is_cut_off() {
    let heartbeat = std::time::Duration::from_millis(500);
    let (server, toy) = toy::start_on("127.0.0.1:0", Bounds { heartbeat, ..Bounds::default() }, &[]).await;
    let mut wire = Wire::begun(server, None).await;
    wire.subscribe("1", ENDLESS).await;
    toy.runs(1).await;
    // this client answers pings only while it reads, and it does not
    toy.runs(0).await;
}

/// A stop waits until all sockets have said goodbye, also those whose task has not begun yet.
#[tokio::test]
async fn a_socket_counts_from_the_answer_that_opens_it() {
    let (router, toy) = toy::routes(Bounds::default(), &[]);
    let asked = http::Request::get("/graphql").header("connection", "upgrade").header("upgrade", "websocket");
    let asked = asked.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let asked = asked.header("sec-websocket-protocol", "graphql-transport-ws");
    // Of no connection: it is never upgraded.
    let upgrade = hyper::upgrade::on(http::Request::new(()));
    let asked = asked.extension(upgrade).body(axum::body::Body::empty()).unwrap();
    let response = router.oneshot(asked).await.unwrap();
    assert_eq!((response.status().as_u16(), toy.numbers.sockets()), (101, 1));
    toy.counts(|numbers| numbers.sockets() == 0).await;
}
