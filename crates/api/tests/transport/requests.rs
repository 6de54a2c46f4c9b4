//! GraphQL over HTTP: media types, statuses, parameters, bounds, and what errors tell.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::conversation::{GRAPHQL, answer, code, get, is_alive, narrow, post, raw, url};
use super::toy::{self, PIPE_BYTES, SOON, Toy, patient};
use api::http::Bounds;

#[tokio::test]
async fn answers_are_written_as_the_client_accepts_them() {
    let (server, _) = toy::start().await;
    let json_type = "application/json; charset=utf-8";
    let table = [
        (None, 200, json_type),
        (Some("*/*"), 200, json_type),
        (Some("application/json"), 200, json_type),
        (Some(GRAPHQL), 200, "application/graphql-response+json; charset=utf-8"),
        (
            Some("application/graphql-response+json, application/json;q=0.9"),
            200,
            "application/graphql-response+json; charset=utf-8",
        ),
        (Some("text/html"), 406, json_type),
    ];
    for (accept, status, content_type) in table {
        let mut request = post(server, &json!({ "query": "{ __typename }" }));
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{accept:?}");
        assert_eq!(response.headers()["content-type"], content_type, "{accept:?}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn a_wrong_document_is_400_or_200_by_media_type_and_has_no_data() {
    let (server, _) = toy::start().await;
    let wrong = [
        json!({ "query": "{" }),
        json!({ "query": "{ f8f31403 }" }),
        json!({ "query": "query ($n: Int!) { __typename }", "variables": { "n": null } }),
        json!({ "query": "query ($n: Int!) { this { echo(text: $n) } }", "variables": { "n": 1 } }),
        json!({ "query": "{ hello }", "operationName": "Other" }),
    ];
    for body in wrong {
        let (status, told) = answer(post(server, &body).header("accept", GRAPHQL)).await;
        assert_eq!((status, code(&told), told.get("data")), (400, "BAD_REQUEST", None), "{body} {told}");
        let (status, told) = answer(post(server, &body).header("accept", "application/json")).await;
        assert_eq!((status, code(&told), told.get("data")), (200, "BAD_REQUEST", None), "{body}");
    }
}

#[tokio::test]
async fn a_request_that_is_none_is_400_in_every_media_type() {
    let (server, _) = toy::start().await;
    let mut bodies: Vec<String> =
        ["", "{ \"not a JSON", "[]", "\"{ hello }\"", "null", "{}"].map(str::to_owned).to_vec();
    bodies.push(json!([{ "query": "{ hello }" }, { "query": "{ hello }" }]).to_string());
    bodies.push(json!(["{ hello }", null, null, null]).to_string());
    bodies.push(json!({ "qeury": "{ hello }" }).to_string());
    bodies.push(r#"{"query":"{ hello }","query":"{ viewer }"}"#.to_owned());
    for wrong in [json!({ "obj": "ect" }), json!(0), json!(false), json!(["array"])] {
        bodies.push(json!({ "query": wrong }).to_string());
        bodies.push(json!({ "query": "{ hello }", "operationName": wrong }).to_string());
    }
    for wrong in [json!("string"), json!(0), json!(false), json!(["array"])] {
        bodies.push(json!({ "query": "{ hello }", "variables": wrong }).to_string());
        bodies.push(json!({ "query": "{ hello }", "extensions": wrong }).to_string());
    }
    for body in bodies {
        for accept in [GRAPHQL, "application/json"] {
            let (status, told) = answer(raw(server, body.clone()).header("accept", accept)).await;
            assert_eq!((status, code(&told)), (400, "BAD_REQUEST"), "{body} {told}");
        }
    }
    let (status, _) = answer(raw(server, b"{\"query\":\"{ echo(text: \\\"\xff\\\") }\"}".to_vec())).await;
    assert_eq!(status, 400, "a body that is not UTF-8");
    for parameter in ["variables", "operationName", "extensions"] {
        let (status, told) = answer(post(server, &json!({ "query": "{ hello }", parameter: null }))).await;
        assert_eq!((status, told), (200, json!({ "data": { "hello": "world" } })), "{parameter}");
    }
}

#[tokio::test]
async fn get_runs_queries_and_never_a_mutation() {
    let (server, toy) = toy::start().await;
    let echo = "query E($text: String!) { echo(text: $text) }";
    let parameters = [("query", echo), ("variables", r#"{"text":"héllo"}"#), ("operationName", "E")];
    assert_eq!(answer(get(server, &parameters)).await, (200, json!({ "data": { "echo": "héllo" } })));
    for (parameters, expected) in [
        (vec![("query", "mutation { count }")], 405),
        (vec![("query", "query A { hello } mutation B { count }"), ("operationName", "B")], 400),
        (vec![("query", "subscription { items(to: 1) { text } }")], 400),
        (vec![], 400),
        (vec![("query", "{ hello }"), ("query", "{ viewer }")], 400),
        (vec![("query", "{ hello }"), ("variables", "[1]")], 400),
        (vec![("query", "{ hello }"), ("extensions", "1")], 400),
    ] {
        for accept in [GRAPHQL, "application/json", "text/event-stream"] {
            let (status, told) = answer(get(server, &parameters).header("accept", accept)).await;
            if accept != "text/event-stream" || !parameters.iter().any(|(_, value)| value.starts_with("subscription")) {
                assert_eq!(status, expected, "{parameters:?} {told}");
            }
        }
    }
    assert_eq!(toy.mutations.load(Ordering::Relaxed), 0);
    for method in [reqwest::Method::PUT, reqwest::Method::DELETE, reqwest::Method::OPTIONS, reqwest::Method::PATCH] {
        let request = reqwest::Client::new().request(method, url(server)).header("content-type", "application/json");
        let response = request.body(r#"{"query":"mutation { count }"}"#).send().await.unwrap();
        assert_eq!(response.status(), 405);
        assert!(response.headers().get("access-control-allow-origin").is_none());
    }
}

/// Some HTTP libraries offer HTTP/2 with every request; only a socket is another protocol here.
#[tokio::test]
async fn whoever_offers_a_protocol_that_is_not_spoken_is_answered_in_this_one() {
    let (server, _) = toy::start().await;
    for offered in ["h2c", "TLS/1.0", "websockets"] {
        let request = get(server, &[("query", "{ hello }")]).header("connection", "upgrade").header("upgrade", offered);
        assert_eq!(answer(request).await, (200, json!({ "data": { "hello": "world" } })), "{offered}");
    }
    let request = get(server, &[]).header("connection", "upgrade").header("upgrade", "WebSocket");
    let (status, told) = answer(request).await;
    assert!(status == 400 && told.is_string(), "it lacks what a socket has: {told}");
}

#[tokio::test]
async fn a_body_has_at_most_256_kib() {
    let (server, _) = toy::start().await;
    let of_length = |length: usize| {
        let head = r#"{"query":"{ hello }","extensions":{"a":""#;
        format!("{head}{}\"}}}}", "a".repeat(length - head.len() - 3))
    };
    for (length, expected) in [(256 * 1024 - 1, 200), (256 * 1024, 200), (256 * 1024 + 1, 413), (2 * 1024 * 1024, 413)]
    {
        let body = of_length(length);
        assert_eq!(body.len(), length);
        assert_eq!(answer(raw(server, body)).await.0, expected, "{length}");
    }
    let unannounced = reqwest::Body::wrap_stream(async_graphql::futures_util::stream::iter(
        of_length(300 * 1024)
            .into_bytes()
            .chunks(10_000)
            .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
            .collect::<Vec<_>>(),
    ));
    assert_eq!(answer(raw(server, unannounced)).await.0, 413, "also when its length is not told before");
}

#[tokio::test]
async fn a_request_is_answered_in_its_time() {
    let (server, _) = toy::start_on("127.0.0.1:0", Bounds { request: SOON, ..Bounds::default() }, &[]).await;
    for accept in [GRAPHQL, "application/json"] {
        let (status, told) = answer(post(server, &json!({ "query": "{ never }" })).header("accept", accept)).await;
        assert_eq!((status, code(&told)), (503, "UNAVAILABLE"));
    }
    // a body that never comes
    let mut wire = tokio::net::TcpStream::connect(server).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    wire.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    wire.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn an_error_tells_nothing_that_was_not_meant_to_be_told() {
    let (server, _) = toy::start().await;
    let mut ids = std::collections::HashSet::new();
    for (query, path) in [("{ hello fails }", true), ("{ failsWholly }", true), ("{ hello panics }", false)] {
        let (_, told) = answer(post(server, &json!({ "query": query }))).await;
        assert_eq!(code(&told), "INTERNAL", "{told}");
        assert!(!told.to_string().contains("inner text"), "{told}");
        assert_eq!(told["errors"][0].get("path").is_some(), path, "{told}");
        let id = told["errors"][0]["extensions"]["id"].as_str().unwrap().to_owned();
        assert!(id.len() == 16 && ids.insert(id));
    }
    let (status, told) = answer(post(server, &json!({ "query": "{ hello fails }" })).header("accept", GRAPHQL)).await;
    assert_eq!((status, &told["data"]), (200, &json!({ "hello": "world", "fails": null })), "the rest is answered");
    let (_, told) = answer(post(server, &json!({ "query": "{ this { hello a: this { hello fails } } }" }))).await;
    assert_eq!(told["data"]["this"]["a"], json!({ "hello": "world", "fails": null }), "{told}");
    let (status, told) = answer(post(server, &json!({ "query": "{ panics }" })).header("accept", GRAPHQL)).await;
    assert_eq!((status, told.get("data")), (500, None));
    let (_, told) = answer(post(server, &json!({ "query": "{ refuses }" }))).await;
    assert_eq!((code(&told), &told["errors"][0]["message"]), ("FORBIDDEN", &json!("Not yours.")));
    let odd = json!({ "query": "query ($n: Even!) { even(number: $n) }", "variables": { "n": 3 } });
    let (_, told) = answer(post(server, &odd)).await;
    assert_eq!(code(&told), "BAD_REQUEST", "what was sent is the client's own: {told}");
    assert!(told["errors"][0]["message"].as_str().unwrap().contains("Even"));
    let (_, told) = answer(post(server, &json!({ "query": "query ($t: String!) { echo(text: $t) }" }))).await;
    assert_eq!(code(&told), "BAD_REQUEST", "so is what was left out: {told}");
    let long = json!({ "query": format!("{{ {} @ }}", "hello ".repeat(1_000)) });
    let (_, told) = answer(post(server, &long)).await;
    assert!(told["errors"][0]["locations"][0]["column"] == 6_006 && told.to_string().len() < 300, "{told}");
    assert!(is_alive(server).await);
}

/// Fifty errors that each repeat a body would be fifty bodies.
#[tokio::test]
async fn an_error_repeats_little_of_what_was_sent() {
    let (server, _) = toy::start().await;
    let uses = "even(number: $n) ".repeat(10);
    let odd = json!({ "query": format!("query ($n: Even!) {{ {uses} }}"), "variables": { "n": "é".repeat(50_000) } });
    let unknown = json!({ "query": "query A { hello }", "operationName": "B".repeat(100_000) });
    for body in [odd, unknown] {
        let (_, told) = answer(post(server, &body).header("accept", GRAPHQL)).await;
        assert_eq!(code(&told), "BAD_REQUEST", "{told}");
        for error in told["errors"].as_array().unwrap() {
            assert!(error["message"].as_str().unwrap().len() <= 1_000, "{error}");
        }
    }
}

#[tokio::test]
async fn a_refused_credential_is_401_and_a_refused_document_403() {
    let (server, _) = toy::start().await;
    let body = json!({ "query": "{ viewer }" });
    let bad = [("authorization", "Bearer mallory"), ("cookie", "__Host-session=mallory")];
    for (name, value) in bad {
        let response = post(server, &body).header(name, value).send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(code(&response.json::<Value>().await.unwrap()), "UNAUTHENTICATED");
    }
    for (name, value) in [("authorization", "Bearer bob"), ("cookie", "__Host-session=bob")] {
        let (_, told) = answer(post(server, &body).header(name, value)).await;
        assert_eq!(told["data"]["viewer"], "bob");
    }
    assert_eq!(answer(post(server, &body)).await.1["data"]["viewer"], Value::Null);
    let (status, told) = answer(post(server, &json!({ "query": "{ hello } # unwanted" }))).await;
    assert_eq!((status, code(&told)), (403, "FORBIDDEN"));
}

#[tokio::test]
async fn a_mutation_that_is_written_twice_does_not_run() {
    let (server, toy) = toy::start().await;
    for document in [
        "mutation { count count }",
        "mutation { a: count ...F } fragment F on Mutation { a: count }",
        "mutation { ...F ... { ...F } } fragment F on Mutation { count }",
    ] {
        let (status, told) = answer(post(server, &json!({ "query": document })).header("accept", GRAPHQL)).await;
        assert_eq!((status, code(&told), told.get("data")), (400, "BAD_REQUEST", None), "{document}: {told}");
        assert!(told["errors"][0]["message"].as_str().unwrap().contains("alias"), "{told}");
    }
    assert_eq!(toy.mutations.load(Ordering::Relaxed), 0);
    let (_, told) = answer(post(server, &json!({ "query": "mutation { count a: count }" }))).await;
    assert_eq!(told, json!({ "data": { "count": 1, "a": 2 } }));
    let named = "mutation { __typename ...F } fragment F on Mutation { __typename count }";
    let (_, told) = answer(post(server, &json!({ "query": named }))).await;
    assert_eq!(told, json!({ "data": { "__typename": "Mutation", "count": 3 } }));
    let (_, told) = answer(post(server, &json!({ "query": "{ this { hello } this { key } }" }))).await;
    assert_eq!(told["data"]["this"], json!({ "hello": "world", "key": null }), "a query may");
}

#[tokio::test]
async fn a_mutation_can_set_cookies() {
    let (server, _) = toy::start().await;
    let response = post(server, &json!({ "query": "mutation { signIn }" })).send().await.unwrap();
    let cookies: Vec<_> =
        response.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert_eq!(cookies, ["__Host-session=alice; Path=/; Secure", "__Host-browser=b; Path=/; Secure"]);
    assert_eq!(response.headers().get_all("content-type").iter().count(), 1);
}

#[tokio::test]
async fn an_idempotency_key_comes_by_header_or_by_extension() {
    let (server, _) = toy::start().await;
    let long = "k".repeat(200);
    let too_long = "k".repeat(201);
    let table: [(Option<&str>, Value, Result<Value, ()>); 11] = [
        (None, Value::Null, Ok(Value::Null)),
        (Some("k 1"), Value::Null, Ok(json!("k 1"))),
        (None, json!("k2"), Ok(json!("k2"))),
        (Some("k3"), json!("k3"), Ok(json!("k3"))),
        (Some("k3"), json!("k4"), Err(())),
        (Some(&long), Value::Null, Ok(json!(long))),
        (Some(&too_long), Value::Null, Err(())),
        (None, json!(too_long), Err(())),
        (None, json!(""), Err(())),
        (None, json!(7), Err(())),
        (None, json!("clé"), Err(())),
    ];
    for (header, extension, expected) in table {
        let body = json!({ "query": "{ key }", "extensions": { "idempotencyKey": extension } });
        let mut request = post(server, &body);
        if let Some(header) = header {
            request = request.header("idempotency-key", header);
        }
        let (status, told) = answer(request).await;
        match expected {
            Ok(key) => assert_eq!((status, &told["data"]["key"]), (200, &key), "{header:?} {extension}"),
            Err(()) => assert_eq!((status, code(&told)), (400, "BAD_REQUEST"), "{header:?} {extension}"),
        }
    }
}

#[tokio::test]
async fn a_body_is_not_unpacked() {
    let (server, _) = toy::start().await;
    for (encoding, expected) in [("gzip", 415), ("br", 415), ("gzip, identity", 415), ("identity", 200)] {
        let request = post(server, &json!({ "query": "{ hello }" })).header("content-encoding", encoding);
        let (status, told) = answer(request).await;
        assert_eq!(status, expected, "{encoding}: {told}");
        assert!(status == 200 || told["errors"][0]["message"].as_str().unwrap().contains("content encoding"), "{told}");
    }
}

/// Also with all that is optional in it, and as clients send it that add `__typename` wherever something is selected.
#[tokio::test]
async fn the_standard_introspection_query_passes() {
    let (server, _) = toy::start().await;
    for of in ["", "__typename"] {
        let of_type = (0..9).fold(format!("name kind {of}"), |inner, _| format!("kind name ofType {{ {inner} }} {of}"));
        let query = format!(
            "query IntrospectionQuery {{ __schema {{ description queryType {{ name kind {of} }}
                mutationType {{ name kind {of} }} subscriptionType {{ name kind {of} }} types {{ ...FullType {of} }}
                directives {{ name description isRepeatable locations {of}
                    args(includeDeprecated: true) {{ ...InputValue {of} }} }} {of} }} }}
            fragment FullType on __Type {{ kind name description specifiedByURL isOneOf {of}
                fields(includeDeprecated: true) {{ name description {of}
                    args(includeDeprecated: true) {{ ...InputValue {of} }}
                    type {{ ...TypeRef {of} }} isDeprecated deprecationReason }}
                inputFields(includeDeprecated: true) {{ ...InputValue {of} }} interfaces {{ ...TypeRef {of} }}
                enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason {of} }}
                possibleTypes {{ ...TypeRef {of} }} }}
            fragment InputValue on __InputValue {{ name description type {{ ...TypeRef {of} }} defaultValue isDeprecated
                deprecationReason {of} }}
            fragment TypeRef on __Type {{ {of_type} }}"
        );
        let (status, told) = answer(post(server, &json!({ "query": query }))).await;
        assert_eq!((status, told.get("errors")), (200, None), "{of}");
        assert_eq!(told["data"]["__schema"]["queryType"]["name"], "Query");
    }
}

#[tokio::test]
async fn a_long_answer_arrives_whole() {
    let (server, _) = toy::start().await;
    let response = get(server, &[("query", "{ much }")]).header("authorization", "Bearer alice").send().await.unwrap();
    let length = response.headers()["content-length"].to_str().unwrap().to_owned();
    let text = response.text().await.unwrap();
    assert_eq!(length, text.len().to_string());
    let expected = json!({ "data": { "much": "much text ".repeat(100_000) } });
    assert!(serde_json::from_str::<Value>(&text).unwrap() == expected, "{} bytes arrived", text.len());
}

/// Of a long answer nothing reaches the client but what was on its way.
#[tokio::test]
async fn a_long_answer_breaks_off_where_access_ends() {
    for ends in [Toy::end_alice, Toy::hide_flood] {
        let (routes, toy) = toy::routes(patient(), &[]);
        let mut connection = narrow(routes, PIPE_BYTES);
        let request = "GET /graphql?query=%7Bmuch%7D HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                       authorization: Bearer alice\r\n\r\n";
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut arrived = Vec::new();
        while !String::from_utf8_lossy(&arrived).contains("much text") {
            assert!(connection.read_buf(&mut arrived).await.unwrap() > 0, "it ended");
        }
        ends(&toy);
        // Who hears of ends of access is the answer alone, until it has broken off.
        let broken_off = tokio::time::timeout(std::time::Duration::from_mins(1), toy.ended.closed());
        assert!(broken_off.await.is_ok(), "it never ends");
        connection.read_to_end(&mut arrived).await.unwrap();
        assert!(arrived.len() <= 3 * PIPE_BYTES, "{} bytes arrived", arrived.len());
    }
}
