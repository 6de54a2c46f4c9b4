//! Every bound of a document and of its variables, below, at and above, on every transport (promises H1, H2). The bounds
//! of bodies, times, sockets and readers stand with what they bound: `requests.rs`, `sockets.rs`, `events.rs`.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::conversation::{GRAPHQL, Wire, answer, code, events, get, is_alive, post};
use super::toy;

const SUBSCRIBED: &str = "subscription";

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Post,
    Get,
    Socket,
    Events,
}

pub(crate) const WAYS: [Way; 4] = [Way::Post, Way::Get, Way::Socket, Way::Events];

/// Sends a request and says with which code it was refused; `fine` if it was not.
pub(crate) async fn refusal(server: SocketAddr, way: Way, body: &Value) -> String {
    let told = match way {
        Way::Post => answer(post(server, body).header("accept", GRAPHQL)).await.1,
        Way::Get => {
            let (query, variables) = (body["query"].as_str().unwrap(), body["variables"].to_string());
            answer(get(server, &[("query", query), ("variables", &variables)]).header("accept", GRAPHQL)).await.1
        }
        Way::Socket => {
            let mut wire = Wire::begun(server, None).await;
            wire.say(&json!({ "type": "subscribe", "id": "1", "payload": body })).await;
            match wire.hear().await {
                Ok(told) if told["type"] == "error" => json!({ "errors": told["payload"] }),
                Ok(told) => told["payload"].clone(),
                Err(code) => return format!("closed with {code}"),
            }
        }
        Way::Events => {
            let response = post(server, body).header("accept", "text/event-stream").send().await.unwrap();
            if response.status() == 200 {
                let event = events(response, 1).await.remove(0);
                serde_json::from_str(event.split_once("data: ").unwrap().1).unwrap()
            } else {
                response.json().await.unwrap()
            }
        }
    };
    if told.get("errors").is_none() && told.get("data").is_some() { "fine".to_owned() } else { code(&told).to_owned() }
}

/// A bound: what it is of, the highest that is allowed, and a request with so many.
type Bound = (&'static str, usize, fn(usize) -> Value);

fn asking(query: impl Into<String>) -> Value {
    json!({ "query": query.into() })
}

fn aliased(field: &str, count: usize) -> String {
    (0..count).map(|n| format!("a{n}: {field}")).collect::<Vec<_>>().join(" ")
}

fn with_variable(value: &str) -> Value {
    json!({ "query": "{ hello }", "variables": { "a": serde_json::from_str::<Value>(value).unwrap() } })
}

const BOUNDS: [Bound; 11] = [
    ("bytes", 16 * 1024, |bytes| asking(format!("{{ hello }}{}", " ".repeat(bytes - 9)))),
    ("tokens", 2_000, |tokens| asking(format!("{{ {} }}", "hello ".repeat(tokens - 2)))),
    ("levels of brackets", 64, |levels| asking("{ ... ".repeat(levels - 1) + "{ hello }" + &"}".repeat(levels - 1))),
    ("directives", 50, |count| asking(format!("{{ {} }}", "hello @include(if: true) ".repeat(count)))),
    ("aliases", 30, |count| asking(format!("{{ {} }}", aliased("hello", count)))),
    ("aliases below and in fragments", 30, |count| {
        let below = aliased("hello", count / 2);
        asking(format!("{{ this {{ {below} }} ...F }} fragment F on Query {{ {} }}", aliased("key", count - count / 2)))
    }),
    ("selections", 2_000, |count| {
        let (spreads, rest) = (count / 200, count % 200);
        let fields = "hello ".repeat(199);
        asking(format!(
            "{{ {} {} }} fragment F on Query {{ {fields} }}",
            "...F ".repeat(spreads),
            "hello ".repeat(rest)
        ))
    }),
    ("levels of fields", 20, |levels| asking("{ this ".repeat(levels - 1) + "{ hello }" + &"}".repeat(levels - 1))),
    ("complexity", toy::COMPLEXITY_MAX, |cost| {
        let (times, rest) = ((cost - 1) / 500, (cost - 1) % 500);
        asking(format!("{{ hello times(times: {times}) {{ {} }} {} }}", "hello ".repeat(499), "hello ".repeat(rest)))
    }),
    ("root fields of a mutation", 10, |count| asking(format!("mutation {{ {} }}", aliased("count", count)))),
    ("values", 2_000, |values| with_variable(&format!("[{}0]", "0,".repeat(values - 5)))),
];

#[tokio::test]
async fn every_bound_of_a_request_is_kept_below_at_and_above() {
    let (server, _) = toy::start().await;
    for way in WAYS {
        for (what, most, request) in BOUNDS {
            if way == Way::Get && what.contains("mutation") {
                continue;
            }
            for (count, expected) in [(most - 1, "fine"), (most, "fine"), (most + 1, "QUERY_TOO_COMPLEX")] {
                // what a socket's message has around its request counts with it, and an address has no body around it
                let around = match way {
                    _ if what != "values" => 0,
                    Way::Socket => 3,
                    Way::Get => -2,
                    Way::Post | Way::Events => 0,
                };
                let found = refusal(server, way, &request(count.checked_sub_signed(around).unwrap())).await;
                let is_closed = way == Way::Socket && what == "values" && expected != "fine";
                let expected = if is_closed { "closed with 4400" } else { expected };
                assert_eq!(found, expected, "{count} {what} by {way:?}");
            }
        }
    }
    assert!(is_alive(server).await);
}

#[tokio::test]
async fn variables_nest_64_levels_with_all_that_is_around_them() {
    let (server, _) = toy::start().await;
    for (way, around, refused) in [
        (Way::Post, 2, "QUERY_TOO_COMPLEX"),
        (Way::Get, 1, "QUERY_TOO_COMPLEX"),
        (Way::Socket, 3, "closed with 4400"),
        (Way::Events, 2, "QUERY_TOO_COMPLEX"),
    ] {
        for (levels, expected) in [(63, "fine"), (64, "fine"), (65, refused)] {
            let inner = levels - around;
            let lists = with_variable(&format!("{}{}", "[".repeat(inner), "]".repeat(inner)));
            assert_eq!(refusal(server, way, &lists).await, expected, "{levels} lists by {way:?}");
            let objects = with_variable(&format!("{}1{}", "{\"a\":".repeat(inner), "}".repeat(inner)));
            assert_eq!(refusal(server, way, &objects).await, expected, "{levels} objects by {way:?}");
        }
    }
}

#[tokio::test]
async fn a_request_has_one_operation_and_a_subscription_one_root_field() {
    let (server, _) = toy::start().await;
    let item = "items(to: 1) { text }";
    for way in WAYS {
        for (document, expected) in [
            ("{ hello }".to_owned(), "fine"),
            ("fragment F on Query { hello }".to_owned(), "BAD_REQUEST"),
            ("query A { hello } query B { hello }".to_owned(), "BAD_REQUEST"),
            (format!("{SUBSCRIBED} {{ {item} }}"), "fine"),
            (format!("{SUBSCRIBED} {{ {item} {item} }}"), "BAD_REQUEST"),
            (format!("{SUBSCRIBED} {{ ...F }} fragment F on Live {{ {item} }}"), "BAD_REQUEST"),
            (format!("{SUBSCRIBED} {{ ... {{ {item} {item} }} }}"), "BAD_REQUEST"),
        ] {
            let is_live = document.starts_with(SUBSCRIBED);
            let expected = if is_live && [Way::Post, Way::Get].contains(&way) { "BAD_REQUEST" } else { expected };
            assert_eq!(refusal(server, way, &asking(&document)).await, expected, "{document} by {way:?}");
        }
    }
}
