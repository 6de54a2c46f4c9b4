//! Cross-site requests (promise A9): a table of way × type × origin × credential.

use serde_json::json;

use super::conversation::{Wire, post, raw, url};
use super::toy;
use api::http::Bounds;

const DOCUMENT: &str = "{ hello }";

/// What a browser or a program says of where a request comes from, and whether that is our own page.
fn origins(server: std::net::SocketAddr) -> Vec<(Vec<(&'static str, String)>, bool)> {
    let own = format!("http://{server}");
    let one = |name, value: &str| vec![(name, value.to_owned())];
    let both = |origin: &str, site: &str| vec![("origin", origin.to_owned()), ("sec-fetch-site", site.to_owned())];
    vec![
        (vec![], true),
        (one("origin", &own), true),
        (both(&own, "same-origin"), true),
        (one("sec-fetch-site", "none"), true),
        (one("origin", "https://evil.example"), false),
        (one("origin", "null"), false),
        (one("origin", &format!("{own}.evil.example")), false),
        (one("origin", "http://127.0.0.1"), false),
        (both("https://evil.example", "same-origin"), false),
        (one("sec-fetch-site", "cross-site"), false),
        (one("sec-fetch-site", "same-site"), false),
        (both(&own, "cross-site"), false),
    ]
}

/// What is shown of who sends it, and whether the browser adds it by itself.
fn credentials() -> Vec<(Vec<(&'static str, &'static str)>, bool)> {
    vec![
        (vec![], false),
        (vec![("cookie", "other=1")], false),
        (vec![("authorization", "Bearer alice")], false),
        (vec![("authorization", "Bearer alice"), ("cookie", "__Host-session=bob")], false),
        (vec![("cookie", "__Host-session=alice")], true),
        (vec![("cookie", "a=b; __Host-session=alice; c=d")], true),
        (vec![("cookie", "__Host-browser=b")], true),
        (vec![("authorization", "Basic YWxpY2U6"), ("cookie", "__Host-session=alice")], true),
    ]
}

#[tokio::test]
async fn no_other_site_acts_with_a_browsers_cookies() {
    let (server, _) = toy::start().await;
    let client = reqwest::Client::new();
    let body = json!({ "query": DOCUMENT }).to_string();
    let query = format!("{}?query=%7B%20hello%20%7D", url(server));
    let mut cases = 0;
    for (origin, is_own) in origins(server) {
        for (credential, is_ambient) in credentials() {
            let expected = if is_ambient && !is_own { 403 } else { 200 };
            let json = [("content-type", "application/json")];
            let ways = [
                ("POST", client.post(url(server)).body(body.clone()).header(json[0].0, json[0].1)),
                ("GET", client.get(&query)),
                ("SSE by GET", client.get(&query).header("accept", "text/event-stream")),
                (
                    "SSE by POST",
                    client
                        .post(url(server))
                        .body(body.clone())
                        .header(json[0].0, json[0].1)
                        .header("accept", "text/event-stream"),
                ),
            ];
            for (way, mut request) in ways {
                for (name, value) in
                    origin.iter().map(|(name, value)| (*name, value.as_str())).chain(credential.clone())
                {
                    request = request.header(name, value);
                }
                let status = request.send().await.unwrap().status().as_u16();
                assert_eq!(status, expected, "{way} from {origin:?} with {credential:?}");
                cases += 1;
            }
            let mut headers = vec![("sec-websocket-protocol", "graphql-transport-ws")];
            headers.extend(origin.iter().map(|(name, value)| (*name, value.as_str())));
            headers.extend(credential.clone());
            let status = Wire::connect(server, &headers).await.map_or_else(|status| status, |_| 200);
            // No page can put a token into it, and any page can open it.
            let shows_token = headers.iter().any(|(_, value)| value.starts_with("Bearer "));
            let expected = if is_own || shows_token { 200 } else { 403 };
            assert_eq!(status, expected, "a socket from {origin:?} with {credential:?}");
            cases += 1;
        }
    }
    assert_eq!(cases, 12 * 8 * 5);
}

#[tokio::test]
async fn a_post_is_json_or_nothing() {
    let (server, toy) = toy::start().await;
    let body = json!({ "query": "mutation { count }" }).to_string();
    let types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=iso-8859-1",
        "text/plain; application/json",
        "",
    ];
    for content_type in types {
        let request = reqwest::Client::new().post(url(server)).header("content-type", content_type).body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), 415, "{content_type}");
    }
    let without = reqwest::Client::new().post(url(server)).body(body.clone());
    assert_eq!(without.send().await.unwrap().status(), 415);
    assert_eq!(toy.mutations.load(std::sync::atomic::Ordering::Relaxed), 0);
    for content_type in ["application/json", "Application/JSON; Charset=\"UTF-8\""] {
        let request = reqwest::Client::new().post(url(server)).header("content-type", content_type).body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), 200, "{content_type}");
    }
}

#[tokio::test]
async fn our_own_origins_are_those_that_the_settings_name() {
    let (server, _) = toy::start_on("127.0.0.1:0", Bounds::default(), &["https://app.example.org"]).await;
    let host = format!("http://{server}");
    for (origin, expected) in [("https://app.example.org", 200), (host.as_str(), 403), ("http://app.example.org", 403)]
    {
        let request = post(server, &json!({ "query": DOCUMENT })).header("cookie", "__Host-session=alice");
        assert_eq!(request.header("origin", origin).send().await.unwrap().status(), expected, "{origin}");
    }
}

#[tokio::test]
async fn a_bearer_token_outdoes_cookies() {
    let (server, _) = toy::start().await;
    let request = raw(server, r#"{"query":"{ viewer }"}"#).header("cookie", "__Host-session=bob");
    let answer: serde_json::Value =
        request.header("authorization", "bearer alice").send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["viewer"], "alice");
}
