//! A server in this process, from opening to stopping, and the operator's commands over what it left; on both databases
//! where they could differ.
#![cfg(test)]

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use app::signin::Credentials;
use app::tokens::Kind;
use app::{App, AsOf, Request, Through};
use domain::Actor;
use domain::account::Through as LoginThrough;
use domain::id::{Id as _, LogId, PersonId, PracticeId};
use domain::practice::{CreatePractice, Practice};
use domain::text::{Email, Name, Text as _};
use domain::value::{Time, Zone};
use server::open::{self, Purpose};
use server::settings::Flags;
use server::{Error, Served, Settings, World, demo, inspect, prove, ready, serve};

#[path = "serving/deep.rs"]
mod deep;
#[path = "serving/doctor.rs"]
mod doctor;
#[path = "serving/health.rs"]
mod health;
#[path = "serving/signers.rs"]
mod signers;
#[path = "serving/traces.rs"]
mod traces;

fn settings(data: &Path) -> Settings {
    let flags =
        Flags { data: Some(data.display().to_string()), listen: Some("127.0.0.1:0".to_owned()), ..Flags::default() };
    Settings::load(&flags, Vec::<(OsString, OsString)>::new()).unwrap()
}

/// The same over a fresh PostgreSQL database.
fn on_postgres(data: &Path) -> Settings {
    #[expect(clippy::disallowed_methods, reason = "a test may be told of a server that runs")]
    let given = std::env::var(cluster::VARIABLE).ok();
    let database_url = cluster::database(given.as_deref(), "server").unwrap();
    Settings { database_url, ..settings(data) }
}

async fn get(served: &Served, path: &str) -> reqwest::Response {
    reqwest::get(format!("http://{}{path}", served.address())).await.unwrap()
}

/// Somebody signs in and founds a practice.
async fn found(app: &App) -> LogId {
    LogId::Practice(found_by(app).await.1)
}

/// The same: who, and which.
async fn found_by(app: &App) -> (PersonId, PracticeId) {
    let email = Email::parse("maren.holt@canary.example").unwrap();
    let (address, command) = (LogId::Address(app.address(&email)), app.command());
    let asked = app.request_link(email, command, None).await.unwrap();
    let token = app.token(Kind::SignInLink, address, command).text;
    let brought = Credentials { token, browser: Some(asked.browser), digits: None };
    let founder = app.sign_in(&brought, LoginThrough::Program, app.command(), |_| None).await.unwrap().person;
    let (practice, name) = (app.mint(), |name| Name::parse(name).unwrap());
    let (zone, log) = (Zone::utc(), LogId::Practice(practice));
    let create =
        CreatePractice { practice, name: name("Holt Coaching"), zone, founder, display_name: name("Maren Holt") };
    let (now, command) = (app.clock().now(), app.command());
    let request =
        Request { log, actor: Actor::Person(founder), through: Through::Program, now, command, idempotency: None };
    app.run(request, create).await.unwrap();
    (founder, practice)
}

/// A server over these settings has run, and somebody has founded a practice.
async fn filled(settings: &Settings) -> LogId {
    let served = serve::open(settings, &World::machine()).await.unwrap();
    let practice = found(served.app()).await;
    served.stop().await;
    practice
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_ready_answers_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve::open(&settings(folder.path()), &World::machine()).await.unwrap();
    assert_eq!(get(&served, "/healthz").await.status(), 200);
    assert_eq!(get(&served, "/readyz").await.status(), 200);
    let asked = reqwest::Client::new().post(format!("http://{}/graphql", served.address()));
    let answer = asked
        .header("content-type", "application/json")
        .body(r#"{"query":"{ service { version } }"}"#)
        .send()
        .await
        .unwrap();
    assert!(answer.headers().contains_key("x-request-id"));
    assert!(answer.text().await.unwrap().contains(env!("CARGO_PKG_VERSION")));

    for path in ["/nothing", "/files/%ff"] {
        let answer = get(&served, path).await;
        let status = answer.status();
        assert!(matches!(status.as_u16(), 401 | 404) && !answer.text().await.unwrap().is_empty(), "{path}: {status}");
    }
    let wrong = reqwest::Client::new().delete(format!("http://{}/graphql", served.address())).send().await.unwrap();
    assert_eq!((wrong.status().as_u16(), wrong.headers().contains_key("allow")), (405, true));
    assert!(!wrong.text().await.unwrap().is_empty());

    let address = served.address();
    let here = Settings { listen: address, ..settings(folder.path()) };
    let asks = |settings: Settings| async move {
        let mut said = Vec::new();
        let asked = tokio::task::spawn_blocking(move || {
            let is_ready = ready::run(&settings, &mut said).unwrap();
            (is_ready, String::from_utf8(said).unwrap())
        });
        asked.await.unwrap()
    };
    assert_eq!(asks(here.clone()).await, (true, "ready\n".to_owned()));
    let anywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
    assert!(asks(Settings { listen: anywhere, ..here.clone() }).await.0, "as in a container");
    served.stop().await;
    assert!(reqwest::get(format!("http://{address}/healthz")).await.is_err(), "nobody listens any more");
    let (is_ready, said) = asks(here).await;
    assert!(!is_ready && said.contains("nobody answers"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_name_routes_and_never_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve::open(&settings(folder.path()), &World::machine()).await.unwrap();
    assert_eq!(get(&served, "/somewhere/canary-7f3a").await.status(), 404);
    get(&served, "/healthz?canary-7f3a").await;
    let numbers = get(&served, "/metrics").await.text().await.unwrap();
    assert!(
        numbers.contains("throughline_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1\n"),
        "{numbers}"
    );
    assert!(
        numbers.contains("throughline_http_requests_total{method=\"GET\",route=\"other\",status=\"404\"} 1\n"),
        "{numbers}"
    );
    assert!(numbers.contains("throughline_accepts_writes 1\n") && !numbers.contains("canary"), "{numbers}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_at_the_first_start_is_open_to_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("new/data"));
    serve::open(&settings, &World::machine()).await.unwrap().stop().await;
    for path in [
        &settings.data_dir,
        &settings.root_key_file,
        &settings.signing_key_file,
        &settings.mail_dir,
        &settings.checkpoint_dir,
    ] {
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_not_opened_without_its_root_key_or_with_another() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    filled(&settings).await;
    let key = std::fs::read(&settings.root_key_file).unwrap();
    std::fs::remove_file(&settings.root_key_file).unwrap();
    let refused = serve::open(&settings, &World::machine()).await.unwrap_err();
    assert!(matches!(&refused, Error::RootKeyIsMissing(path) if *path == settings.root_key_file), "{refused}");
    assert!(!settings.root_key_file.exists(), "no new key was made");

    let other = Settings { root_key: Some("ab".repeat(32)), ..settings.clone() };
    let refused = serve::open(&other, &World::machine()).await.unwrap_err();
    assert!(matches!(refused, Error::WrongRootKey), "{refused}");

    let given = Some(String::from_utf8(key.clone()).unwrap().trim().to_owned());
    let right = Settings { root_key: given, ..settings.clone() };
    serve::open(&right, &World::machine()).await.unwrap().stop().await;

    std::fs::write(&settings.root_key_file, key).unwrap();
    std::fs::set_permissions(&settings.root_key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let refused = serve::open(&other, &World::machine()).await.unwrap_err();
    assert!(matches!(refused, Error::WrongRootKey), "a wrong one is not passed over beside the right file: {refused}");
    serve::open(&settings, &World::machine()).await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_said_so() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let served = serve::open(&settings(one.path()), &World::machine()).await.unwrap();
    let taken = Settings { listen: served.address(), ..settings(other.path()) };
    let refused = serve::open(&taken, &World::machine()).await.unwrap_err();
    assert!(
        matches!(refused, Error::Listen { .. }) && refused.to_string().contains(&served.address().to_string()),
        "{refused}"
    );
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_rows_are_printed_without_anybodys_texts() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let practice = filled(&settings).await;
    let store = open::store(&settings, Purpose::Inspect).await.unwrap();
    let mut all = Vec::new();
    inspect::log(&store, None, (0, None), false, &mut all).await.unwrap();
    let all = String::from_utf8(all).unwrap();
    for log in ["\"practice.created\"", "\"account.opened\"", "\"account.link_requested\""] {
        assert!(all.contains(log), "{log} is missing in\n{all}");
    }
    let mut one = Vec::new();
    inspect::log(&store, Some(practice), (1, None), false, &mut one).await.unwrap();
    let one = String::from_utf8(one).unwrap();
    assert!(one.starts_with(&format!("{{\"log\":\"{practice}\",\"seq\":2,")), "it begins after the position: {one}");

    let mut rows = Vec::new();
    inspect::rows(&store, "practice", practice, &mut rows).await.unwrap();
    let rows = String::from_utf8(rows).unwrap();
    assert!(rows.starts_with(&format!("{practice} Practice")), "{rows}");
    for text in ["Maren", "Holt", "canary"] {
        assert!(!all.contains(text) && !rows.contains(text), "{text} is in\n{all}\n{rows}");
    }

    let mut first = Vec::new();
    inspect::log(&store, Some(practice), (0, Some(AsOf::Position(1))), false, &mut first).await.unwrap();
    let first = String::from_utf8(first).unwrap();
    assert_eq!(first.lines().count(), 1, "it ends with the position: {first}");
    assert!(all.contains(&first) && first.contains("\"seq\":1,"), "{first}");
    let mut before = Vec::new();
    inspect::log(&store, None, (0, Some(AsOf::Time(Time(0)))), false, &mut before).await.unwrap();
    assert!(before.is_empty(), "nothing was in 1970");

    let unknown = inspect::rows(&store, "gaol", practice, &mut Vec::new()).await.unwrap_err();
    assert!(unknown.to_string().contains("goal"), "{unknown}");
    let nowhere = LogId::Practice(PracticeId::of(uuid::Uuid::nil()));
    assert!(inspect::log(&store, Some(nowhere), (0, None), false, &mut Vec::new()).await.is_err());
}

/// A practice is founded by one event, and its founder joins by the next.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_printed_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let practice = filled(&settings).await;
    let store = open::store(&settings, Purpose::Inspect).await.unwrap();
    let app = open::app(&settings, &World::machine(), store, Purpose::Inspect).await.unwrap();
    for (table, position, expected) in [("practice", 1, 1), ("member", 1, 0), ("member", 2, 1)] {
        let mut rows = Vec::new();
        inspect::rows_as_of(&app, table, practice, AsOf::Position(position), &mut rows).await.unwrap();
        let rows = String::from_utf8(rows).unwrap();
        assert_eq!(rows.lines().count(), expected, "{table} at {position}: {rows}");
        assert!(!rows.contains("Maren") && !rows.contains("Holt"), "{rows}");
    }
    let beyond = inspect::rows_as_of(&app, "practice", practice, AsOf::Position(99), &mut Vec::new()).await;
    assert!(beyond.unwrap_err().to_string().contains("position"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_row_is_found_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    a_wrong_row(settings(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_row_is_found_and_mended_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    a_wrong_row(on_postgres(folder.path())).await;
}

async fn a_wrong_row(settings: Settings) {
    let practice = filled(&settings).await;
    let app = open::app(
        &settings,
        &World::machine(),
        open::store(&settings, Purpose::Inspect).await.unwrap(),
        Purpose::Inspect,
    )
    .await
    .unwrap();
    assert!(prove::check(&app, None, &mut Vec::new()).await.unwrap());
    assert!(prove::verify(&settings, app.store(), None, &prove::With::default(), &mut Vec::new()).await.unwrap());

    let table = app.tables().physical(<Practice as domain::row::Row>::TABLE).unwrap();
    let id = practice.uuid().into_bytes();
    let mut batch = app.store().batch().await.unwrap();
    batch.delete(table, &[(id, id)]).await.unwrap();
    batch.commit().await.unwrap();
    let mut said = Vec::new();
    assert!(!prove::check(&app, Some(practice), &mut said).await.unwrap());
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains(&practice.to_string()) && said.contains("practice"), "{said}");
    assert!(prove::rebuild(&app, Some(practice), prove::Unkeyed::Kept, &mut Vec::new()).await.unwrap());
    assert!(prove::check(&app, None, &mut Vec::new()).await.unwrap());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_inspected_where_there_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("nowhere"));
    let refused = open::store(&settings, Purpose::Inspect).await.unwrap_err();
    assert!(refused.to_string().contains("nowhere") && !settings.data_dir.exists(), "{refused}");
}

/// A subscription over an event stream is counted while it is open.
#[tokio::test(flavor = "multi_thread")]
async fn live_connections_are_counted_while_they_are_open() {
    let folder = tempfile::tempdir().unwrap();
    let flags = Flags {
        data: Some(folder.path().join("demo").display().to_string()),
        listen: Some("127.0.0.1:0".to_owned()),
        ..Flags::default()
    };
    let mut said = Vec::new();
    let (served, _) = demo::run(&flags, &World::machine(), &mut said).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    let token = said.lines().find_map(|line| line.trim().strip_prefix("token:")).unwrap().trim();
    let practice = said.split('"').find(|word| word.starts_with("practice_")).unwrap();
    let subscription = format!("subscription {{ activity(practiceId: \\\"{practice}\\\") {{ position }} }}");
    let asked = reqwest::Client::new()
        .post(format!("http://{}/graphql", served.address()))
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .bearer_auth(token)
        .body(format!("{{\"query\":\"{subscription}\"}}"));
    let stream = asked.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let open = ["throughline_event_streams 1\n", "throughline_subscriptions 1\n"];
    until(&served, |numbers| open.iter().all(|line| numbers.contains(line))).await;
    drop(stream);
    let closed = ["throughline_event_streams 0\n", "throughline_subscriptions 0\n", "throughline_logs_to_catch_up 0\n"];
    until(&served, |numbers| closed.iter().all(|line| numbers.contains(line))).await;
    let numbers = get(&served, "/metrics").await.text().await.unwrap();
    assert!(numbers.contains("throughline_database_answers 1\n") && !numbers.contains("practice_"), "{numbers}");
    served.stop().await;
}

/// Reads the numbers until something holds of them.
async fn until(served: &Served, holds: impl Fn(&str) -> bool) {
    let mut numbers = String::new();
    let comes = async {
        while !holds(&numbers) {
            numbers = get(served, "/metrics").await.text().await.unwrap();
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(1), comes).await.is_ok();
    assert!(in_time, "it never holds:\n{numbers}");
}

/// A client that says nothing more is told that the server stops, and is waited for before it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_until_sockets_have_said_goodbye() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let folder = tempfile::tempdir().unwrap();
    let served = serve::open(&settings(folder.path()), &World::machine()).await.unwrap();
    let mut client = tokio::net::TcpStream::connect(served.address()).await.unwrap();
    let asked = format!(
        "GET /graphql HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n",
        served.address()
    );
    client.write_all(asked.as_bytes()).await.unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).await.unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    until(&served, |numbers| numbers.contains("throughline_sockets 1\n")).await;
    served.stop().await;
    let mut last = Vec::new();
    let closed = tokio::time::timeout(Duration::from_mins(1), client.read_to_end(&mut last)).await;
    assert!(closed.is_ok(), "the server has stopped, and its end of the socket is open");
    assert_eq!((last[0], last[2..4].to_vec()), (0x88, 1001_u16.to_be_bytes().to_vec()), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_lets_people_in_by_a_button_and_programs_by_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let flags =
        Flags { data: Some(data.display().to_string()), listen: Some("127.0.0.1:0".to_owned()), ..Flags::default() };
    let mut said = Vec::new();
    let (served, passing) = demo::run(&flags, &World::machine(), &mut said).await.unwrap();
    assert!(passing.is_none(), "what was named stays");
    let said = String::from_utf8(said).unwrap();
    let door = said.lines().find_map(|line| line.trim().strip_prefix("sign in: ")).unwrap();
    let token = said.lines().find_map(|line| line.trim().strip_prefix("token:")).unwrap().trim();

    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let looked = client.get(door).send().await.unwrap();
    assert!(looked.status() == 200 && !looked.headers().contains_key("set-cookie"), "looking signs nobody in");
    let pressed = client.post(door).send().await.unwrap();
    assert_eq!(pressed.status(), 303);
    assert!(pressed.headers()["set-cookie"].to_str().unwrap().starts_with("__Host-"));
    let stranger = client.post(format!("http://{}/demo/{:032x}", served.address(), 0)).send().await.unwrap();
    assert_eq!(stranger.status(), 404);

    let asked = client.post(format!("http://{}/graphql", served.address())).header("content-type", "application/json");
    let answer = asked.bearer_auth(token).body(r#"{"query":"{ viewer { __typename } }"}"#).send().await.unwrap();
    let answer = answer.text().await.unwrap();
    assert!(answer.contains("__typename"), "{answer}");
    served.stop().await;

    let again = demo::run(&flags, &World::machine(), &mut Vec::new()).await.unwrap_err();
    assert!(again.to_string().contains("is not empty"), "{again}");
    let open = Flags { data: None, listen: Some("0.0.0.0:0".to_owned()), ..Flags::default() };
    let refused = demo::run(&open, &World::machine(), &mut Vec::new()).await.unwrap_err();
    assert!(refused.to_string().contains("this machine only"), "{refused}");
}

/// A proof and a checkpoint, as somebody downloads and keeps them; then there is no database any more.
#[tokio::test]
async fn a_downloaded_proof_is_verified_without_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let log = filled(&settings).await;
    let store = open::store(&settings, Purpose::Inspect).await.unwrap();
    let app = open::app(&settings, &World::machine(), store, Purpose::Serve).await.unwrap();
    app.sign_checkpoints(None).await.unwrap();
    let key = app.public_key().unwrap();
    let mut snapshot = app.store().snapshot().await.unwrap();
    let proof = app::checkpoints::inclusion(&mut snapshot, log, 1).await.unwrap().unwrap();
    let records = snapshot.records(log.uuid().into_bytes(), 0, 1).await.unwrap();
    snapshot.close().await.unwrap();
    let record = String::from_utf8(records[0].1.clone()).unwrap();
    app.stop().await;
    let answer = |record: &str| {
        serde_json::json!({ "data": { "viewer": { "coachPortal": { "auditProof": { "record": record, "proof": proof.text() } } } } }).to_string()
    };
    let away = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = away.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    // `jq -r` ends what it writes with a line break of its own.
    let (good, note) = (file("proof.json", &answer(&record)), file("kept.note", &format!("{}\n", proof.note)));
    let bad = file("changed.json", &answer(&record.replace("practice.created", "practice.changed")));
    let none = file("none.json", "{}");
    drop(folder);

    let verify = async |words: &[&str]| {
        let words = ["throughline", "verify", "--proof"].iter().chain(words);
        let mut out = Vec::new();
        let cli = <server::cli::Cli as clap::Parser>::try_parse_from(words).unwrap();
        let code = Box::pin(server::cli::run(cli, Vec::<(OsString, OsString)>::new(), &mut out)).await;
        (code.map_err(|error| error.to_string()), String::from_utf8(out).unwrap())
    };
    let (code, said) = verify(&[&good, "--key", &key, "--checkpoint", &note]).await;
    assert_eq!(code, Ok(0), "{said}");
    assert!(said.starts_with(&format!("in order: event 1 of {log}: practice.created of {log}, by person_")), "{said}");
    assert!(said.contains("which is one history with your checkpoint of "), "{said}");
    let (code, said) = verify(&[&bad, "--key", &key]).await;
    assert_eq!((code, said.starts_with("not in order: event 1 of ")), (Ok(1), true), "{said}");
    for wrong in [&none, "nowhere.json"] {
        let (code, _) = verify(&[wrong, "--key", &key]).await;
        assert!(code.unwrap_err().contains(wrong));
    }
    let (code, _) = verify(&[&good, "--key", &key, "--checkpoint", &none]).await;
    assert!(code.unwrap_err().contains("no checkpoint of this program"));
}
