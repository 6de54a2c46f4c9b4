//! Nothing acknowledged is lost (D1, D5, D6): the real program, killed without warning while people write, on both
//! databases. `THROUGHLINE_KILLS` sets how many kills; the default is short.
#![cfg(test)]

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use app::signin::Credentials;
use app::tokens::Kind;
use app::{App, Request, Through};
use domain::account::Through as LoginThrough;
use domain::coachee::AddCoachee;
use domain::id::{CoacheeId, LogId, PersonId, PracticeId};
use domain::practice::CreatePractice;
use domain::text::{Email, Text};
use domain::value::Zone;
use domain::{Actor, Decide};
use serde_json::{Value, json};
use server::settings::Flags;
use server::{Settings, World, serve};

const WRITERS: usize = 4;

#[expect(clippy::disallowed_methods, reason = "a test may be told what to use")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where the program keeps what it keeps, and what it needs to be asked.
struct Place {
    flags: Vec<String>,
    port: u16,
    token: String,
    practice: PracticeId,
    coachee: CoacheeId,
}

fn text<T: Text>(text: &str) -> T {
    T::parse(text).unwrap()
}

async fn act(app: &App, practice: PracticeId, who: PersonId, command: impl Decide) {
    let (log, actor, now) = (LogId::Practice(practice), Actor::Person(who), app.clock().now());
    let request = Request { log, actor, through: Through::Program, now, command: app.command(), idempotency: None };
    app.run(request, command).await.unwrap();
}

/// Prepares a practice with a coachee, and a coach's bearer token.
async fn prepare(data: &Path, database: Option<String>) -> Place {
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listen.local_addr().unwrap().port();
    drop(listen);
    let flags = Flags {
        data: Some(data.display().to_string()),
        database: database.clone(),
        listen: Some("127.0.0.1:0".to_owned()),
        ..Flags::default()
    };
    let settings = Settings::load(&flags, Vec::<(OsString, OsString)>::new()).unwrap();
    let served = serve::open(&settings, &World::machine()).await.unwrap();
    let app = served.app();
    let email: Email = text("ada@practice.example");
    let (address, command) = (LogId::Address(app.address(&email)), app.command());
    let asked = app.request_link(email, command, None).await.unwrap();
    let token = app.token(Kind::SignInLink, address, command).text;
    let brought = Credentials { token, browser: Some(asked.browser), digits: None };
    let person = app.sign_in(&brought, LoginThrough::Program, app.command(), |_| None).await.unwrap();
    let (practice, coachee, founder) = (app.mint(), app.mint(), person.person);
    let create = CreatePractice { practice, name: text("Ada"), zone: Zone::utc(), founder, display_name: text("Ada") };
    act(app, practice, founder, create).await;
    let (first_name, last_name, email) = (text("Robin"), text("Reed"), text("robin@coachee.example"));
    act(app, practice, founder, AddCoachee { coachee, first_name, last_name, email, invitation: None }).await;
    served.stop().await;
    let mut flags = vec!["--data".to_owned(), data.display().to_string()];
    flags.extend(database.into_iter().flat_map(|url| ["--database".to_owned(), url]));
    Place { flags, port, token: person.token.text, practice, coachee }
}

impl Place {
    fn program(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_throughline"));
        program.args(&self.flags).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        program
    }

    /// Starts the server and waits until it is ready.
    #[expect(clippy::zombie_processes, reason = "a server that does not become ready fails the test, and ends with it")]
    async fn start(&self) -> Child {
        let server = self.program(&["serve", "--listen", &format!("127.0.0.1:{}", self.port)]).spawn().unwrap();
        for _ in 0..2_000 {
            if let Ok(answer) = reqwest::get(format!("http://127.0.0.1:{}/readyz", self.port)).await
                && answer.status() == 200
            {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server does not become ready");
    }

    async fn ask(&self, client: &reqwest::Client, key: Option<&str>, query: &str, variables: Value) -> Option<Value> {
        let mut request = client.post(format!("http://127.0.0.1:{}/graphql", self.port)).bearer_auth(&self.token);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = json!({ "query": query, "variables": variables });
        request.json(&body).send().await.ok()?.json().await.ok()
    }

    /// Adds a goal under an idempotency key: its id, if that was acknowledged.
    async fn add(&self, client: &reqwest::Client, key: &str) -> Option<String> {
        let query = "mutation($i: AddGoalInput!) { addGoal(input: $i) { goal { id } errors { code } } }";
        let input = json!({ "practiceId": self.practice.to_string(), "coacheeId": self.coachee.to_string(), "title": key, "dueOn": "2027-01-01" });
        let answer = self.ask(client, Some(key), query, json!({ "i": input })).await?;
        answer["data"]["addGoal"]["goal"]["id"].as_str().map(str::to_owned)
    }

    /// Every goal: id and title.
    async fn goals(&self, client: &reqwest::Client) -> Vec<(String, String)> {
        let query = "query($p: ID!, $a: String) { viewer { coachPortal(practiceId: $p) { goals(first: 100, after: $a) { pageInfo { hasNextPage endCursor } nodes { id title } } } } }";
        let (mut all, mut after) = (Vec::new(), Value::Null);
        loop {
            let answer =
                self.ask(client, None, query, json!({ "p": self.practice.to_string(), "a": after })).await.unwrap();
            let goals = &answer["data"]["viewer"]["coachPortal"]["goals"];
            let said = |goal: &Value, field: &str| goal[field].as_str().unwrap().to_owned();
            all.extend(goals["nodes"].as_array().unwrap().iter().map(|goal| (said(goal, "id"), said(goal, "title"))));
            if goals["pageInfo"]["hasNextPage"] != true {
                return all;
            }
            after = goals["pageInfo"]["endCursor"].clone();
        }
    }
}

/// One writer: it writes until it is stopped; what was acknowledged, and the key whose outcome it does not know.
async fn write(place: Arc<Place>, name: String, stop: Arc<AtomicBool>) -> (Vec<(String, String)>, Option<String>) {
    let client = reqwest::Client::new();
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let key = format!("{name}-{number}");
        match place.add(&client, &key).await {
            Some(id) => acknowledged.push((id, key)),
            None => return (acknowledged, Some(key)),
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    (acknowledged, None)
}

async fn kills(database: Option<String>, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let place = Arc::new(prepare(folder.path(), database).await);
    let rounds: u64 = told("THROUGHLINE_KILLS").and_then(|kills| kills.parse().ok()).unwrap_or(5);
    let client = reqwest::Client::new();
    let mut acknowledged: Vec<(String, String)> = Vec::new();
    for round in 0..rounds {
        let mut server = place.start().await;
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| Box::pin(write(place.clone(), format!("{name}-{round}-{writer}"), stop.clone())))
            .collect();
        let killer = async {
            // Somewhere in the middle of their work, elsewhere each time.
            tokio::time::sleep(Duration::from_millis(150 + (round * 97) % 400)).await;
            server.kill().unwrap();
            server.wait().unwrap();
        };
        let (written, ()) = futures_util::future::join(futures_util::future::join_all(writers), killer).await;
        let mut server = place.start().await;
        for (done, unknown) in written {
            acknowledged.extend(done);
            // The outcome was unknown: asked again under the same key, twice, it has one effect and one answer.
            if let Some(key) = unknown {
                let (first, second) =
                    (place.add(&client, &key).await.unwrap(), place.add(&client, &key).await.unwrap());
                assert_eq!(first, second);
                acknowledged.push((first, key));
            }
        }
        server.kill().unwrap();
        server.wait().unwrap();
    }
    let mut server = place.start().await;
    let mut present = place.goals(&client).await;
    present.sort();
    acknowledged.sort();
    assert!(acknowledged.len() > WRITERS * 2, "the writers wrote next to nothing: {}", acknowledged.len());
    assert_eq!(present, acknowledged, "what was acknowledged is there, each once, and nothing else");
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(place.program(&["replay", "--check"]).status().unwrap().success());
    assert!(place.program(&["verify"]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_it_is_killed() {
    kills(None, "sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_it_is_killed_on_postgres() {
    let given = told(cluster::VARIABLE);
    kills(Some(cluster::database(given.as_deref(), "kill").unwrap()), "postgres").await;
}
