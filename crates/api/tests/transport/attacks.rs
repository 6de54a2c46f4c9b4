//! A corpus of documents and bodies made to cost much (promise H1). Each is refused, on every transport it fits in, and
//! the server goes on answering.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

use super::conversation::{GRAPHQL, Wire, answer, code, get, is_alive, post, raw, url};
use super::neighbour::Neighbour;
use super::toy;

/// A document that is refused.
pub(crate) struct Attack {
    pub(crate) name: String,
    pub(crate) document: String,
}

fn repeated(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().concat()
}

fn doubling(fragments: usize, spreads: usize) -> String {
    let spread = |n: usize| format!("...F{} ", n + 1).repeat(spreads);
    let multiplied = repeated(fragments, |n| format!(" fragment F{n} on Query {{ {} }}", spread(n)));
    format!("{{ ...F0 }}{multiplied} fragment F{fragments} on Query {{ hello }}")
}

pub(crate) fn documents() -> Vec<Attack> {
    let mut attacks = Vec::new();
    let mut add = |name: String, document: String| attacks.push(Attack { name, document });
    for levels in [65, 66, 100, 128, 500, 1_000, 2_000, 4_000, 8_000] {
        for (bracket, open, close) in [("list", "[", "]"), ("object", "{a:", "}")] {
            let value = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            add(format!("{levels} {bracket}s as an argument"), format!("{{ echo(text: {value}) }}"));
            add(format!("{levels} {bracket}s never closed"), format!("{{ echo(text: {}", open.repeat(levels)));
            add(format!("{levels} {bracket}s as a default"), format!("query ($a: Int = {value}) {{ hello }}"));
            add(format!("{levels} {bracket}s in a directive"), format!("{{ hello @skip(if: {value}) }}"));
        }
        let types = format!("{}Int{}", "[".repeat(levels), "]".repeat(levels));
        add(format!("{levels} lists in a type"), format!("query ($a: {types}) {{ hello }}"));
        add(format!("{levels} selection sets"), "{ this ".repeat(levels) + "{ hello }" + &"}".repeat(levels));
        add(format!("{levels} inline fragments"), "{ ... ".repeat(levels) + "{ hello }" + &"}".repeat(levels));
        add(format!("{levels} parentheses"), format!("{{ echo{} }}", "(a: ".repeat(levels)));
        add(format!("{levels} mixed"), format!("{{ echo(text: {}", "[{a:".repeat(levels)));
        add(format!("{levels} braces"), "{".repeat(levels));
    }
    for fragments in [11, 12, 16, 20, 22, 30, 50, 100, 150] {
        add(format!("{fragments} fragments doubling"), doubling(fragments, 2));
    }
    for spreads in [3, 4, 5, 6, 8] {
        add(format!("10 fragments of {spreads} spreads"), doubling(10, spreads));
    }
    for length in [1, 2, 3, 10, 50, 150] {
        let cycle = repeated(length, |n| format!(" fragment F{n} on Query {{ this {{ ...F{} }} }}", (n + 1) % length));
        add(format!("a cycle of {length} fragments"), format!("{{ ...F0 }}{cycle}"));
        let twice = cycle.replace("this {", "hello this {").replace(" } }", " } this { ...F0 } }");
        add(format!("a doubled cycle of {length} fragments"), format!("{{ ...F0 }}{twice}"));
        add(format!("an unused cycle of {length} fragments"), format!("{{ hello }}{cycle}"));
    }
    for count in [31, 32, 50, 100, 300, 600] {
        let aliases = repeated(count, |n| format!("a{n}: hello "));
        add(format!("{count} aliases"), format!("{{ {aliases} }}"));
        add(format!("{count} aliases below"), format!("{{ this {{ {aliases} }} }}"));
        add(format!("{count} aliases in a fragment"), format!("{{ ...F }} fragment F on Query {{ {aliases} }}"));
        let counts = repeated(count, |n| format!("a{n}: count "));
        add(format!("{count} mutations"), format!("mutation {{ {counts} }}"));
    }
    add("11 mutations".into(), format!("mutation {{ {} }}", repeated(11, |n| format!("a{n}: count "))));
    add(
        "11 mutations in fragments".into(),
        format!("mutation {{ count ...F }} fragment F on Mutation {{ {} }}", repeated(10, |n| format!("a{n}: count "))),
    );
    for pairs in [3, 4, 7, 9] {
        let levels = "possibleTypes { interfaces { ".repeat(pairs);
        add(
            format!("{pairs} times to the possible types and back"),
            format!("{{ __type(name: \"Query\") {{ {levels} name {} }} }}", "} }".repeat(pairs)),
        );
    }
    for levels in [4, 6, 8] {
        let down = "fields { type { ".repeat(levels);
        add(
            format!("{levels} levels of the types of fields"),
            format!("{{ __schema {{ types {{ {down} name {} }} }} }}", "} }".repeat(levels)),
        );
    }
    for count in [150, 1_200] {
        let names = "name ".repeat(count);
        add(
            format!("the names of all fields {count} times"),
            format!("{{ __schema {{ types {{ fields {{ {names} }} }} }} }}"),
        );
    }
    for count in [12, 30] {
        let whole =
            "types { fields { args { name description type { name kind ofType { name kind } } defaultValue } } }";
        let schemas = repeated(count, |n| format!("a{n}: __schema {{ ...F }} "));
        add(format!("the schema {count} times"), format!("{{ {schemas} }} fragment F on __Schema {{ {whole} }}"));
    }
    for pairs in [2, 3, 4, 8] {
        let levels = "interfaces { possibleTypes { ".repeat(pairs);
        add(
            format!("{pairs} times to the interfaces of all types and back"),
            format!("{{ __schema {{ types {{ {levels} name {} }} }} }}", "} }".repeat(pairs)),
        );
    }
    for (what, selected) in [
        ("the arguments of all fields 20 times", "name fields { name args { name type { name } } } ".repeat(20)),
        ("the arguments of all fields 40 times", "fields { args { name } } ".repeat(40)),
        ("the defaults of all input fields 350 times", format!("inputFields {{ {} }}", "defaultValue ".repeat(350))),
        ("the values of all enums 90 times", "enumValues { name } ".repeat(90)),
    ] {
        add(what.to_owned(), format!("{{ __schema {{ types {{ {selected} }} }} }}"));
    }
    add(
        "the fields of a long type 1 900 times".to_owned(),
        format!("{{ __type(name: \"Mutation\") {{ fields {{ {} }} }} }}", "name ".repeat(1_900)),
    );
    for count in [51, 60, 100, 400, 900] {
        add(format!("{count} directives"), format!("{{ hello {} }}", "@include(if: true) ".repeat(count.min(300))));
        add(format!("{count} bare directives"), format!("{{ hello {} }}", "@a ".repeat(count)));
        add(format!("{count} directives apart"), format!("{{ {} }}", "hello @a ".repeat(count)));
    }
    for count in [2_000, 2_500, 5_000, 8_000] {
        add(format!("{count} fields"), format!("{{ {} }}", "a ".repeat(count)));
        add(format!("{count} numbers"), format!("{{ numbers(deep: [{}]) }}", "1 ".repeat(count)));
        add(
            format!("{count} digits that look like one number"),
            format!("{{ numbers(deep: [{}]) }}", "0".repeat(count)),
        );
        add(format!("{count} dollars"), "$".repeat(count));
    }
    for bytes in [16 * 1024, 20_000, 60_000, 200_000] {
        add(format!("{bytes} spaces"), format!("{{ hello }}{}", " ".repeat(bytes)));
        add(format!("a comment of {bytes}"), format!("{{ hello }} #{}", "c".repeat(bytes)));
        add(format!("a string of {bytes}"), format!("{{ echo(text: \"{}\") }}", "s".repeat(bytes)));
    }
    for count in [2, 3, 10, 100] {
        add(format!("{count} operations"), repeated(count, |n| format!("query Q{n} {{ hello }} ")));
        add(format!("{count} subscriptions"), format!("subscription {{ {} }}", "endless { text } ".repeat(count)));
    }
    for broken in
        ["\"", "\"\"\"", "{ echo(text: \"", "{ echo(text: \"\\", "{ echo(text: \"\"\"\\\"\"\"", "{ \u{0} }", "{ é }"]
    {
        add(format!("broken: {broken:?}"), broken.to_owned());
    }
    attacks
}

/// The bodies that are no request, whatever document is in them, and the status they get.
fn bodies() -> Vec<(String, String, u16)> {
    let mut bodies = Vec::new();
    for levels in [65, 128, 1_000, 10_000, 100_000] {
        for (bracket, open, close) in [("list", "[", "]"), ("object", "{\"a\":", "}")] {
            if levels * open.len() > 200_000 {
                continue;
            }
            let value = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let around = |name: &str| format!(r#"{{"query":"{{ hello }}","{name}":{{"a":{value}}}}}"#);
            bodies.push((format!("{levels} {bracket}s in variables"), around("variables"), 400));
            bodies.push((format!("{levels} {bracket}s in extensions"), around("extensions"), 400));
            bodies.push((format!("{levels} {bracket}s in what is ignored"), around("ignored"), 400));
            bodies.push((format!("{levels} {bracket}s"), value, 400));
            bodies.push((format!("{levels} {bracket}s without end"), open.repeat(levels), 400));
        }
    }
    for count in [1, 2, 10, 1_000] {
        let batch = vec![json!({ "query": "{ hello }" }); count];
        bodies.push((format!("a batch of {count}"), json!(batch).to_string(), 400));
    }
    for bytes in [256 * 1024 + 1, 1024 * 1024] {
        bodies.push((format!("{bytes} bytes"), format!("{{{}", " ".repeat(bytes - 1)), 413));
    }
    bodies
}

fn is_refused(told: &Value) -> bool {
    told.get("data").is_none() && ["BAD_REQUEST", "QUERY_TOO_COMPLEX"].contains(&code(told))
}

#[tokio::test]
async fn every_attack_is_refused_over_http_and_the_server_goes_on() {
    let (server, toy) = toy::start().await;
    let (documents, bodies) = (documents(), bodies());
    assert!(documents.len() >= 200, "{}", documents.len());
    for Attack { name, document } in documents {
        let request = post(server, &json!({ "query": document })).header("accept", GRAPHQL);
        let (status, told) = answer(request).await;
        assert!((400..500).contains(&status) && is_refused(&told), "{name}: {status} {told}");
        assert!(told.to_string().len() < 40_000, "{name}: a refusal is short");
        // a longer one the client would not even send
        if document.len() <= 16 * 1024 {
            let (status, told) = answer(get(server, &[("query", &document)]).header("accept", GRAPHQL)).await;
            assert!((400..500).contains(&status) && is_refused(&told), "{name} by GET: {status} {told}");
        }
    }
    for (name, body, expected) in bodies {
        let (status, told) = answer(raw(server, body)).await;
        assert_eq!(status, expected, "{name}: {told}");
        assert!(is_refused(&told), "{name}: {told}");
    }
    assert_eq!(toy.mutations.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert!(is_alive(server).await);
}

#[tokio::test]
async fn every_attack_is_refused_on_one_socket_which_goes_on() {
    let (server, _) = toy::start().await;
    let mut wire = Wire::begun(server, None).await;
    for Attack { name, document } in documents() {
        wire.subscribe("attack", &document).await;
        let told = wire.hear().await.unwrap_or_else(|code| panic!("{name}: closed with {code}"));
        let code = &told["payload"][0]["extensions"]["code"];
        assert!(told["type"] == "error" && (code == "BAD_REQUEST" || code == "QUERY_TOO_COMPLEX"), "{name}: {told}");
    }
    wire.subscribe("q", "{ hello }").await;
    assert_eq!(wire.hear().await.unwrap()["payload"]["data"]["hello"], "world");
    for (name, body, _) in bodies() {
        let mut wire = Wire::begun(server, None).await;
        let message = format!(r#"{{"type":"subscribe","id":"1","payload":{body}}}"#);
        wire.send(tokio_tungstenite::tungstenite::Message::text(message)).await;
        assert_eq!(wire.closed().await, 4400, "{name}");
    }
    assert!(is_alive(server).await);
}

#[tokio::test]
async fn every_attack_is_refused_before_an_event_stream_begins() {
    let (server, _) = toy::start().await;
    for Attack { name, document } in documents() {
        let request = post(server, &json!({ "query": document })).header("accept", "text/event-stream");
        let (status, told) = answer(request).await;
        assert!((400..500).contains(&status) && is_refused(&told), "{name}: {status} {told}");
    }
    assert!(is_alive(server).await);
}

/// How long the dearest refusal of a document that could be one (at most 16 KiB) took, with its name.
type Dearest = (Duration, String);

/// How often each is sent to be timed: the least of these is what it costs, the rest is what else the machine does.
const TIMES: usize = 5;

async fn send_all_by_post(server: SocketAddr, accept: &'static str) -> Dearest {
    let client = Client::new();
    let mut dearest = Dearest::default();
    for Attack { name, document } in documents() {
        let body = json!({ "query": document });
        let mut cost = Duration::MAX;
        for _ in 0..TIMES {
            let begun = Instant::now();
            let response = client.post(url(server)).header("accept", accept).json(&body).send().await.unwrap();
            let status = response.status().as_u16();
            let told: Value = response.json().await.unwrap();
            cost = cost.min(begun.elapsed());
            assert!((400..500).contains(&status) && is_refused(&told), "{name}: {status} {told}");
        }
        if document.len() <= 16 * 1024 {
            dearest = dearest.max((cost, name));
        }
    }
    dearest
}

async fn send_all_by_socket(server: SocketAddr) -> Dearest {
    let mut wire = Wire::begun(server, None).await;
    let mut dearest = Dearest::default();
    for Attack { name, document } in documents() {
        let mut cost = Duration::MAX;
        for _ in 0..TIMES {
            let begun = Instant::now();
            wire.subscribe("attack", &document).await;
            let told = wire.hear().await.unwrap_or_else(|code| panic!("{name}: closed with {code}"));
            cost = cost.min(begun.elapsed());
            assert_eq!(told["type"], "error", "{name}: {told}");
        }
        if document.len() <= 16 * 1024 {
            dearest = dearest.max((cost, name));
        }
    }
    dearest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_client_is_answered_while_all_attack_at_once() {
    let (server, _) = toy::start().await;
    let alone = Neighbour::begin(server);
    for _ in 0..200 {
        assert!(is_alive(server).await);
    }
    let (before, _, p99_before) = alone.end().await;
    let neighbour = Neighbour::begin(server);
    let dearest = tokio::join!(
        send_all_by_post(server, GRAPHQL),
        send_all_by_post(server, "text/event-stream"),
        send_all_by_socket(server)
    );
    let (answers, median, p99) = neighbour.end().await;
    println!("another client's p99 was {p99_before:.1?} of {before} answers beside one who asks the same, ");
    println!("and {p99:.1?} of {answers} (median {median:.1?}) beside three who send the corpus");
    for (way, (cost, name)) in [("HTTP", dearest.0), ("events", dearest.1), ("a socket", dearest.2)] {
        println!("the dearest refusal over {way}: {cost:.1?}, {name}");
    }
    assert!(answers > 0 && is_alive(server).await);
}
