//! Spans of the real program, as a collector receives them over HTTP.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::HeaderMap;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use super::*;

/// A delivery: what the sender called it, and its bytes.
type Delivery = (String, Vec<u8>);

/// What a collector was sent.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<Delivery>>>, Arc<Notify>);

impl Received {
    /// A collector on a free port: its address.
    async fn listen(&self) -> String {
        let take = async |State(received): State<Self>, headers: HeaderMap, body: axum::body::Bytes| {
            let kind = headers["content-type"].to_str().unwrap().to_owned();
            received.0.lock().unwrap().push((kind, body.to_vec()));
            received.1.notify_one();
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/traces", post(take)).with_state(self.clone());
        tokio::runtime::Handle::current().spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    fn holds(&self, word: &str) -> bool {
        self.bytes().windows(word.len()).any(|window| window == word.as_bytes())
    }
}

/// The program, which serves at the address that its log says.
async fn program(data: &Path, otlp_url: &str) -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_throughline"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .env("THROUGHLINE_OTLP_URL", otlp_url)
        .env("THROUGHLINE_LOG_FORMAT", "json")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stderr.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("it says where it listens");
        if let Some(address) = line.split("\"address\":\"").nth(1).and_then(|rest| rest.split('"').next()) {
            let address = format!("http://{address}");
            // What it says from now on is read, so that it never waits for us.
            tokio::runtime::Handle::current().spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (program, address);
        }
    }
}

/// Ends it as its operator would, and waits for its end.
async fn end(mut program: Child) {
    let id = rustix::process::Pid::from_raw(program.id().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(program.wait().await.unwrap().success());
}

/// Asks for a sign-in link, with a word of this test's wherever a client can put one.
async fn ask(address: &str) -> reqwest::StatusCode {
    let body = r#"{"query":"mutation Canary7f3a($input: RequestSignInLinkInput!) { canary7f3a: requestSignInLink(input: $input) { __typename } }",
        "operationName":"Canary7f3a","variables":{"input":{"email":"canary7f3a@example.org"}}}"#;
    let asked = reqwest::Client::new()
        .post(format!("{address}/graphql?canary7f3a=canary7f3a"))
        .header("content-type", "application/json")
        .header("user-agent", "canary7f3a")
        .header("idempotency-key", "canary7f3a-canary7f3a")
        .header("traceparent", "00-cafe7f3acafe7f3acafe7f3acafe7f3a-cafe7f3acafe7f3a-01")
        .header("tracestate", "canary7f3a=canary7f3a");
    let answer = asked.body(body).send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(!text.contains("\"errors\":[{\"message\""), "{text}");
    reqwest::get(format!("{address}/login?token=canary7f3a")).await.unwrap();
    reqwest::get(format!("{address}/canary7f3a")).await.unwrap();
    status
}

/// C1, C6: what leaves this machine are words of the program, counts and ids.
#[tokio::test(flavor = "multi_thread")]
async fn spans_tell_what_took_time_and_nothing_that_anybody_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let received = Received::default();
    let url = received.listen().await;
    let (program, address) = program(&folder.path().join("data"), &url).await;
    assert_eq!(ask(&address).await, 200);
    // The mail of the link is written a little later; its end sends what has not been sent yet.
    let mailed = async {
        while !received.holds("sign_in_link") {
            received.1.notified().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_mins(1), mailed).await.is_ok(), "no span tells of the mail");
    end(program).await;
    let kinds: Vec<String> = received.0.lock().unwrap().iter().map(|(kind, _)| kind.clone()).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind == "application/x-protobuf"), "{kinds:?}");
    for span in ["request", "operation", "command", "batch", "decide", "write", "commit", "store", "mail"] {
        assert!(received.holds(span), "no span is called {span}");
    }
    for word in ["/graphql", "mutation", "account::RequestLink", "address_", "sign_in_link", "service.name"] {
        assert!(received.holds(word), "no span holds {word}");
    }
    for canary in ["canary", "Canary", "example.org", "select ", "insert ", "Holt"] {
        assert!(!received.holds(canary), "a span holds {canary}");
    }
    let claimed = [0xca, 0xfe, 0x7f, 0x3a];
    assert!(!received.bytes().windows(4).any(|window| window == claimed), "a client's own trace is passed over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // It accepts connections, by its backlog, and never answers.
    let url = format!("http://{}", nobody.local_addr().unwrap());
    let (program, address) = program(&folder.path().join("data"), &url).await;
    for _ in 0..20 {
        assert_eq!(ask(&address).await, 200);
    }
    end(program).await;
}
