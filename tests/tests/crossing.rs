//! Requests that other sites make a browser send (promise A9), against the whole product: way × content type × origin ×
//! credential. What is let in does its work, what is not changes nothing; a mutation that counts says which it was.
//!
//! (The transports' own table, with every way of naming an origin, is `crates/api/tests/transport/crossing.rs`.)

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Person, Product, both};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// What lets the request in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credential {
    Nothing,
    Cookie,
    Bearer,
    CookieAndBearer,
    AccessToken,
}

use Credential::{AccessToken, Bearer, Cookie, CookieAndBearer, Nothing};

const CREDENTIALS: [Credential; 5] = [Nothing, Cookie, Bearer, CookieAndBearer, AccessToken];

/// Where a request comes from: what the browser says, and whether that is our own page (or nobody says anything).
const ORIGINS: [(&str, Option<&str>, Option<&str>, bool); 9] = [
    ("a program", None, None, true),
    ("our page", Some("OWN"), Some("same-origin"), true),
    ("our page in an old browser", Some("OWN"), None, true),
    ("the address bar", None, Some("none"), true),
    ("another site", Some("https://evil.example"), Some("cross-site"), false),
    ("another site in an old browser", Some("https://evil.example"), None, false),
    ("a neighbour", Some("https://other.throughline.example"), Some("same-site"), false),
    ("a sandbox", Some("null"), Some("cross-site"), false),
    ("another site that hides", None, Some("cross-site"), false),
];

/// Content types with which a page can make a browser send something, and ours.
const TYPES: [(&str, bool); 6] = [
    ("application/json", true),
    ("application/json; charset=utf-8", true),
    ("text/plain", false),
    ("application/x-www-form-urlencoded", false),
    ("multipart/form-data; boundary=x", false),
    ("application/graphql", false),
];

/// Somebody in a browser and with programs.
struct Somebody {
    cookie: String,
    bearer: String,
    access_token: String,
    practice: String,
}

async fn somebody(product: &Product) -> Somebody {
    let (ada, practice) = product.coach("Ada").await;
    let scopes = json!([{ "practiceId": practice, "portal": "COACH", "right": "WRITE" }]);
    let made = ada.ask(
        "mutation($i: CreateAccessTokenInput!) { createAccessToken(input: $i) { token } }",
        json!({ "i": { "name": "Program", "scopes": scopes, "expiresAt": "2026-09-01T00:00:00Z" } }),
    );
    let access_token = made.await["createAccessToken"]["token"].as_str().expect("a token").to_owned();
    let mut browser: Person = product.stranger();
    let ask = "mutation($e: EmailAddress!) { requestSignInLink(input: { email: $e }) { code } }";
    browser.cookie = browser.whole(ask, json!({ "e": ada.email })).await.cookies.first().cloned();
    let token = product.token(&ada.email, "/login?token=").await;
    let query = "mutation($t: String!) { signIn(input: { token: $t }) { personId } }";
    let cookie = browser.whole(query, json!({ "t": token })).await.cookies.first().cloned().expect("a session");
    Somebody { cookie, bearer: ada.token.expect("signed in"), access_token, practice }
}

impl Somebody {
    /// The headers of a request with this credential from this origin.
    fn headers(
        &self,
        product: &Product,
        credential: Credential,
        origin: (Option<&str>, Option<&str>),
    ) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if [Cookie, CookieAndBearer].contains(&credential) {
            headers.push(("cookie", self.cookie.clone()));
        }
        match credential {
            Bearer | CookieAndBearer => headers.push(("authorization", format!("Bearer {}", self.bearer))),
            AccessToken => headers.push(("authorization", format!("Bearer {}", self.access_token))),
            Nothing | Cookie => {}
        }
        let (origin, site) = origin;
        headers.extend(origin.map(|origin| ("origin", origin.replace("OWN", &product.url("")))));
        headers.extend(site.map(|site| ("sec-fetch-site", site.to_owned())));
        headers
    }

    /// How often the practice was renamed.
    async fn changes(&self, product: &Product) -> u64 {
        let ada = product.stranger().holding(Some(self.bearer.clone()));
        let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { position } } }";
        let position = ada.ask(query, json!({ "p": self.practice })).await["viewer"]["coachPortal"]["position"].clone();
        u64::from_str_radix(position.as_str().and_then(|at| at.strip_prefix("at")).expect("a position"), 16)
            .expect("hex")
    }
}

/// A cookie alone lets nobody in from elsewhere; whatever carries its own token comes from anywhere.
fn may_come(credential: Credential, is_own: bool) -> bool {
    is_own || credential != Cookie
}

/// A socket needs a token from the beginning: any page can open one, without being asked, and ask in it as a visitor.
fn may_open(credential: Credential, is_own: bool) -> bool {
    is_own || [Bearer, CookieAndBearer, AccessToken].contains(&credential)
}

both! {
    /// Every way to send a mutation: it is done exactly where the row says so, counted by what it changed.
    #[test]
    async fn a_mutation_comes_from_our_pages_or_with_a_token(product: Product) {
        let ada = somebody(&product).await;
        let (client, mut wrong, mut rows) = (reqwest::Client::new(), Vec::new(), 0);
        let mut before = ada.changes(&product).await;
        for (number, (from, origin, site, is_own)) in ORIGINS.into_iter().enumerate() {
            for credential in CREDENTIALS {
                for (content_type, is_json) in TYPES {
                    rows += 1;
                    let query = format!(
                        "mutation {{ updatePractice(input: {{ practiceId: \"{}\", name: \"Name {rows}\" }}) {{ position errors {{ code }} }} }}",
                        ada.practice
                    );
                    let mut request = client.post(product.url("/graphql")).header("content-type", content_type);
                    request = request.body(json!({ "query": query }).to_string());
                    request = request.header("accept", "application/graphql-response+json");
                    for (name, value) in ada.headers(&product, credential, (origin, site)) {
                        request = request.header(name, value);
                    }
                    let status = request.send().await.expect("an answer").status().as_u16();
                    let expected = match (is_json, may_come(credential, is_own), credential) {
                        (false, ..) => 415,
                        (true, false, _) => 403,
                        // Nobody is told so, in the answer.
                        (true, true, Nothing | Cookie | Bearer | CookieAndBearer | AccessToken) => 200,
                    };
                    let is_done = expected == 200 && credential != Nothing;
                    let after = ada.changes(&product).await;
                    if status != expected || (after > before) != is_done {
                        wrong.push(format!("{number} {from}, {credential:?}, {content_type}: {status}, {before} ▶ {after}"));
                    }
                    before = after;
                }
            }
        }
        assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
        assert_eq!(rows, 9 * 5 * 6);
        product.prove().await;
    }

    /// Queries and event streams by GET, and sockets: read from elsewhere with a cookie by nobody. Other methods do
    /// nothing, and no answer lets another site's script read it.
    #[test]
    async fn nobody_reads_from_elsewhere_with_a_cookie(product: Product) {
        let ada = somebody(&product).await;
        let (client, mut wrong) = (reqwest::Client::new(), Vec::new());
        let escape = |text: &str| text.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02X}"));
        let query = escape("{ viewer { portals { kind } } }");
        let follow = escape(&format!("subscription {{ activity(practiceId: \"{}\") {{ position }} }}", ada.practice));
        for (from, origin, site, is_own) in ORIGINS {
            for credential in CREDENTIALS {
                let headers = ada.headers(&product, credential, (origin, site));
                let expected = if may_come(credential, is_own) { 200 } else { 403 };
                let ways = [
                    ("a query", Method::GET, format!("/graphql?query={query}"), "application/json", expected),
                    ("a stream", Method::GET, format!("/graphql?query={follow}"), "text/event-stream", expected),
                    ("a preflight", Method::OPTIONS, "/graphql".to_owned(), "*/*", 405),
                    ("a put", Method::PUT, "/graphql".to_owned(), "*/*", 405),
                    ("a delete", Method::DELETE, "/graphql".to_owned(), "*/*", 405),
                ];
                for (what, method, path, accept, expected) in ways {
                    let mut request = client.request(method, product.url(&path)).header("accept", accept);
                    for (name, value) in &headers {
                        request = request.header(*name, value);
                    }
                    let answer = request.send().await.expect("an answer");
                    let status = answer.status().as_u16();
                    let is_open = answer.headers().keys().any(|name| name.as_str().starts_with("access-control-"));
                    if status != expected || is_open {
                        wrong.push(format!("{what} from {from} with {credential:?}: {status} and not {expected}"));
                    }
                }
                let (opened, heard) = socket(&product, &headers, "graphql-transport-ws").await;
                let is_known = credential != Nothing;
                if opened != may_open(credential, is_own) || opened && heard != is_known {
                    wrong.push(format!("a socket from {from} with {credential:?}: opened {opened}, known {heard}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// A socket of another subprotocol, or of none, is served nothing, whoever opens it.
    #[test]
    async fn a_socket_speaks_the_protocol_or_nothing(product: Product) {
        let ada = somebody(&product).await;
        for credential in CREDENTIALS {
            let headers = ada.headers(&product, credential, (Some("OWN"), Some("same-origin")));
            for protocol in ["", "graphql-ws", "chat", "Graphql-Transport-Ws"] {
                assert!(!socket(&product, &headers, protocol).await.1, "{protocol} with {credential:?}");
            }
        }
    }
}

/// Opens a socket: whether it was opened, and whether it then knows who is there.
async fn socket(product: &Product, headers: &[(&'static str, String)], protocol: &str) -> (bool, bool) {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;
    let url = product.url("/graphql").replace("http://", "ws://");
    let mut request = url.into_client_request().expect("a request");
    if !protocol.is_empty() {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a header"));
    }
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    let (mut socket, is_spoken) = match tokio_tungstenite::connect_async(request).await {
        Ok((socket, answer)) => (socket, answer.headers().contains_key("sec-websocket-protocol")),
        Err(_) => return (false, false),
    };
    if !is_spoken {
        return (true, false);
    }
    for message in [
        json!({ "type": "connection_init" }),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ viewer { portals { kind } } }" } }),
    ] {
        socket.send(Message::text(message.to_string())).await.expect("a message is sent");
    }
    loop {
        let message = tokio::time::timeout(tests::PATIENCE, socket.next()).await;
        let Some(Ok(Message::Text(text))) = message.expect("something must come") else { return (true, false) };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        if message["type"] == "next" {
            // A person has few sockets: this one is given back before the next is opened.
            socket.close(None).await.expect("it closes");
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
            return (true, !message["payload"]["data"]["viewer"].is_null());
        }
    }
}
