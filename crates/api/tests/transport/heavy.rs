//! Requests made to pass the guard, or nearly, and to cost as much as they can behind it: in the validator, in the counting of
//! complexity, in reading arguments. Each is answered, well or not, and what the dearest cost is printed (promise H1).

use std::time::{Duration, Instant};

use api::http::Bounds;
use serde_json::{Value, json};

use super::conversation::{GRAPHQL, Wire, answer, is_alive, post};
use super::neighbour::Neighbour;
use super::toy;

fn repeated(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().concat()
}

/// Documents that the guard lets in.
fn documents() -> Vec<(&'static str, String)> {
    let chain = repeated(120, |n| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1));
    let wide = repeated(40, |n| format!("fragment F{n} on Query {{ hello }} "));
    vec![
        ("1 998 unknown fields", format!("{{ {} }}", "x ".repeat(1_998))),
        ("1 998 times the same field", format!("{{ {} }}", "hello ".repeat(1_998))),
        ("499 times the same selection", format!("{{ {} }}", "this { hello } ".repeat(499))),
        ("249 conflicting arguments", format!("{{ {} }}", repeated(249, |n| format!("echo(text: {n}) ")))),
        ("1 900 numbers", format!("{{ numbers(deep: [[{}]]) }}", "1 ".repeat(1_900))),
        ("900 members", format!("{{ numbers(deep: {{ {} }}) }}", repeated(600, |n| format!("a{n}: 1 ")))),
        ("a chain of 120 fragments", format!("{{ ...F0 }} {chain} fragment F120 on Query {{ hello }}")),
        (
            "40 fragments in 12 fields",
            format!("{{ {} }} {wide}", format!("this {{ {} }} ", repeated(40, |n| format!("...F{n} "))).repeat(12)),
        ),
        ("one field spread 1 000 times", format!("{{ {} }} fragment F on Query {{ hello }}", "...F ".repeat(980))),
        (
            "490 lists spread",
            format!("{{ {} }} fragment F on Query {{ numbers(deep: [[{}]]) }}", "...F ".repeat(490), "1 ".repeat(980)),
        ),
        ("390 variables", format!("query ({}) {{ hello }}", repeated(390, |n| format!("$v{n}: Int = {n} ")))),
        ("63 inline fragments", "{ ... ".repeat(62) + "{ hello }" + &"}".repeat(62)),
        ("a text of 16 000", format!("{{ echo(text: \"{}\") }}", "\\u00e9".repeat(2_700))),
        ("1 000 types", format!("{{ {} }}", "... on Query { hello } ".repeat(330))),
    ]
}

/// Bodies of at most 256 KiB, whose variables are used as often as a document can.
fn bodies() -> Vec<(&'static str, Value)> {
    let used = |uses: usize| format!("query ($d: [[Int!]!]) {{ {} }}", "numbers(deep: $d) ".repeat(uses));
    let spread =
        format!("query ($d: [[Int!]!]) {{ {} }} fragment F on Query {{ numbers(deep: $d) }}", "...F ".repeat(980));
    let listed = |spreads: usize| {
        let (spreads, list) = ("...F ".repeat(spreads), "$t".repeat(500));
        format!("query ($t: String!) {{ {spreads} }} fragment F on Query {{ times(times: [{list}]) {{ hello }} }}")
    };
    let long = json!({ "t": "t".repeat(200_000) });
    let texts = format!("query ($t: String!) {{ {} }}", "echo(text: $t) ".repeat(25));
    vec![
        ("100 000 numbers used 280 times", json!({ "query": used(280), "variables": { "d": [vec![1; 100_000]] } })),
        ("80 000 lists used 280 times", json!({ "query": used(280), "variables": { "d": vec![[(); 0]; 80_000] } })),
        ("100 000 numbers spread 980 times", json!({ "query": spread, "variables": { "d": [vec![1; 100_000]] } })),
        ("1 980 numbers used 280 times", json!({ "query": used(280), "variables": { "d": [vec![1; 1_980]] } })),
        ("1 980 numbers spread 980 times", json!({ "query": spread, "variables": { "d": [vec![1; 1_980]] } })),
        ("1 980 wrong ones used 280 times", json!({ "query": used(280), "variables": { "d": [vec!["x"; 1_980]] } })),
        ("a text of 200 000 used 25 times", json!({ "query": texts, "variables": { "t": "t".repeat(200_000) } })),
        ("a text of 200 000 listed 500 times", json!({ "query": listed(1), "variables": long })),
        ("a text of 200 000 listed 500 times, spread 450 times", json!({ "query": listed(450), "variables": long })),
        (
            "1 990 unknown variables",
            json!({ "query": "{ hello }", "variables": (0..1_990).map(|n| (format!("v{n}"), json!(n))).collect::<serde_json::Map<_, _>>() }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_the_guard_is_answered() {
    // However slow the machine is: how much a request may cost is not asked here.
    let patient = Bounds { request: Duration::from_mins(5), ..Bounds::default() };
    let (server, _) = toy::start_on("127.0.0.1:0", patient, &[]).await;
    let bodies: Vec<(&str, Value)> =
        documents().into_iter().map(|(name, document)| (name, json!({ "query": document }))).chain(bodies()).collect();
    let neighbour = Neighbour::begin(server);
    let mut costs: Vec<(Duration, &str, String)> = Vec::new();
    for (name, body) in &bodies {
        assert!(body.to_string().len() <= 256 * 1024, "{name}: {}", body.to_string().len());
        let begun = Instant::now();
        let (status, told) = answer(post(server, body).header("accept", GRAPHQL)).await;
        costs.push((begun.elapsed(), name, format!("{status} {}", told["errors"][0]["message"])));
        assert!([200, 400].contains(&status), "{name}: {status} {told}");
        let mut wire = Wire::begun(server, None).await;
        wire.say(&json!({ "type": "subscribe", "id": "1", "payload": body })).await;
        match wire.hear().await {
            Ok(told) => assert!(told["type"] == "next" || told["type"] == "error", "{name}: {told}"),
            Err(code) => assert_eq!(code, 4400, "{name}"),
        }
        let events = post(server, body).header("accept", "text/event-stream").send().await.unwrap();
        assert!([200, 400].contains(&events.status().as_u16()), "{name}: {}", events.status());
        let _read_to_the_end = events.bytes().await.unwrap();
    }
    let (answers, median, p99) = neighbour.end().await;
    costs.sort_unstable();
    for (cost, name, told) in costs.iter().rev().take(8) {
        println!("{cost:>12.1?}  {name}: {told}");
    }
    println!("another client had {answers} answers meanwhile: median {median:.1?}, p99 {p99:.1?}");
    assert!(answers > 0 && is_alive(server).await);
}
