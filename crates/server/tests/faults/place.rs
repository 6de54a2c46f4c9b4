//! Where the program keeps what it keeps, how it is started and asked, and what is looked at afterwards.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::clock::Standing;
use app::signin::Credentials;
use app::tokens::Kind;
use app::{App, Request, Through};
use domain::account::Through as LoginThrough;
use domain::coachee::AddCoachee;
use domain::id::{CoacheeId, GoalId, LogId, PersonId, PracticeId};
use domain::plan::AddGoal;
use domain::practice::CreatePractice;
use domain::text::{Email, Text};
use domain::value::{Date, Time, Zone};
use domain::{Actor, Decide};
use serde_json::{Value, json};
use server::open::{self, Purpose};
use server::settings::Flags;
use server::{Settings, World, serve};
use tokio::net::TcpSocket;

/// A practice with a coachee, and a coach's bearer token.
pub(crate) struct Place {
    pub(crate) data: PathBuf,
    pub(crate) practice: PracticeId,
    pub(crate) coachee: CoacheeId,
    pub(crate) founder: PersonId,
    token: String,
    database: Option<String>,
    environment: Vec<(&'static str, String)>,
    /// Bound to the program's port, and never listens: nobody else is given it while the program is down.
    held: Arc<TcpSocket>,
}

/// The program, running. It is killed when this is dropped.
pub(crate) struct Running {
    program: Child,
    /// How long it took from its start until it was ready.
    pub(crate) ready_after: Duration,
}

impl Running {
    /// Ends it without warning.
    pub(crate) fn kill(mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }

    /// Ends it as its operator would.
    pub(crate) fn stop(mut self) {
        let id = rustix::process::Pid::from_child(&self.program);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.program.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// What a server says that can no longer write.
pub(crate) const WRITES_NOTHING: &str = "changes are not accepted, since the storage failed: mend it and start again\n";

/// Why there is no answer that one could use: the code of the error, or nothing where nobody answered.
pub(crate) type Code = String;

pub(crate) fn text<T: Text>(text: &str) -> T {
    T::parse(text).unwrap()
}

pub(crate) async fn act(app: &App, practice: PracticeId, who: PersonId, command: impl Decide) {
    let (log, actor, now) = (LogId::Practice(practice), Actor::Person(who), app.clock().now());
    let request = Request { log, actor, through: Through::Program, now, command: app.command(), idempotency: None };
    app.run(request, command).await.unwrap();
}

fn settings(data: &Path, database: Option<&str>) -> Settings {
    let flags = Flags {
        data: Some(data.display().to_string()),
        database: database.map(str::to_owned),
        listen: Some("127.0.0.1:0".to_owned()),
        ..Flags::default()
    };
    Settings::load(&flags, Vec::<(OsString, OsString)>::new()).unwrap()
}

impl Place {
    /// Prepares it in this folder, in SQLite or in a database of PostgreSQL.
    pub(crate) async fn prepare(data: &Path, database: Option<String>) -> Place {
        let settings = settings(data, database.as_deref());
        let served = serve::open(&settings, &World::machine()).await.unwrap();
        let app = served.app();
        let email: Email = text("ada@practice.example");
        let (address, command) = (LogId::Address(app.address(&email)), app.command());
        let asked = app.request_link(email, command, None).await.unwrap();
        let token = app.token(Kind::SignInLink, address, command).text;
        let brought = Credentials { token, browser: Some(asked.browser), digits: None };
        let person = app.sign_in(&brought, LoginThrough::Program, app.command(), |_| None).await.unwrap();
        let (practice, coachee, founder) = (app.mint(), app.mint(), person.person);
        let create =
            CreatePractice { practice, name: text("Ada"), zone: Zone::utc(), founder, display_name: text("Ada") };
        act(app, practice, founder, create).await;
        let (first_name, last_name, email) = (text("Robin"), text("Reed"), text("robin@coachee.example"));
        act(app, practice, founder, AddCoachee { coachee, first_name, last_name, email, invitation: None }).await;
        served.stop().await;
        let held = TcpSocket::new_v4().unwrap();
        held.set_reuseaddr(true).unwrap();
        held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (data, token, held) = (data.to_owned(), person.token.text, Arc::new(held));
        Place { data, practice, coachee, founder, token, database, environment: Vec::new(), held }
    }

    /// The same place, over other files or another database.
    pub(crate) fn moved(&self, data: &Path, database: Option<String>) -> Place {
        let (data, token, environment) = (data.to_owned(), self.token.clone(), self.environment.clone());
        let Place { practice, coachee, founder, .. } = *self;
        Place { data, practice, coachee, founder, token, database, environment, held: self.held.clone() }
    }

    /// The program gets this variable.
    pub(crate) fn set(&mut self, variable: &'static str, value: String) {
        self.environment.push((variable, value));
    }

    pub(crate) fn log(&self) -> LogId {
        LogId::Practice(self.practice)
    }

    /// The program with these arguments, under the program that `under` begins with, if it is not empty.
    pub(crate) fn program(&self, under: &[&str], arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_throughline");
        let mut command = match under {
            [] => Command::new(program),
            [first, further @ ..] => {
                let mut command = Command::new(first);
                command.args(further).arg(program);
                command
            }
        };
        command.arg("--data").arg(&self.data).args(arguments);
        if let Some(database) = &self.database {
            command.args(["--database", database]);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let said = std::fs::File::options().create(true).append(true).open(self.said_file()).unwrap();
        command.stderr(said);
        command
    }

    fn said_file(&self) -> PathBuf {
        self.data.with_extension("said")
    }

    /// What the program has written to standard error.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.said_file()).unwrap_or_default()
    }

    /// Starts the server, until it is ready, or says that it writes nothing; nothing where it ends before.
    pub(crate) async fn start_under(&self, under: &[&str]) -> Option<Running> {
        let listen = self.held.local_addr().unwrap().to_string();
        let started = Instant::now();
        let program = self.program(under, &["serve", "--listen", &listen]).spawn();
        let program = program.unwrap_or_else(|error| panic!("{under:?} does not start: {error}"));
        let mut running = Running { program, ready_after: Duration::ZERO };
        loop {
            let said = self.ready().await;
            if said.is_ok() || said.is_err_and(|said| said == WRITES_NOTHING) {
                running.ready_after = started.elapsed();
                return Some(running);
            }
            if running.program.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(started.elapsed() < Duration::from_mins(2), "the server does not become ready: {}", self.said());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) async fn start(&self) -> Running {
        let running = self.start_under(&[]).await;
        running.unwrap_or_else(|| panic!("the server has ended: {}", self.said()))
    }

    /// Whether the server is ready, or what it says.
    pub(crate) async fn ready(&self) -> Result<(), String> {
        let answer = self.get("/readyz").await?;
        let is_ready = answer.status() == 200;
        let said = answer.text().await.map_err(|error| error.to_string())?;
        if is_ready { Ok(()) } else { Err(said) }
    }

    /// The coach's bearer token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The address of a page or of GraphQL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.held.local_addr().unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Result<reqwest::Response, String> {
        reqwest::get(self.url(path)).await.map_err(|error| error.to_string())
    }

    /// Asks; the code of the first error where there is one.
    pub(crate) async fn ask(
        &self,
        client: &reqwest::Client,
        key: Option<&str>,
        query: &str,
        variables: Value,
    ) -> Result<Value, Code> {
        let mut request = client.post(self.url("/graphql")).bearer_auth(&self.token);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.json(&json!({ "query": query, "variables": variables })).send().await;
        let answer = answer.map_err(|_| Code::new())?;
        let answer: Value = answer.json().await.map_err(|_| Code::new())?;
        match answer["errors"][0]["extensions"]["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(answer["data"].clone()),
        }
    }

    /// Adds a goal under an idempotency key: its id and the log's position, if that was acknowledged.
    pub(crate) async fn add(&self, client: &reqwest::Client, key: &str) -> Result<(String, String), Code> {
        let query = "mutation($i: AddGoalInput!) { addGoal(input: $i) { position goal { id } errors { code } } }";
        let input = json!({ "practiceId": self.practice.to_string(), "coacheeId": self.coachee.to_string(), "title": key, "dueOn": "2027-01-01" });
        let data = self.ask(client, Some(key), query, json!({ "i": input })).await?;
        let id = data["addGoal"]["goal"]["id"].as_str().unwrap_or_else(|| panic!("no goal: {data}"));
        Ok((id.to_owned(), data["addGoal"]["position"].to_string()))
    }

    /// Every goal: id and title.
    pub(crate) async fn goals(&self, client: &reqwest::Client) -> Result<Vec<(String, String)>, Code> {
        let query = "query($p: ID!, $a: String) { viewer { coachPortal(practiceId: $p) { goals(first: 100, after: $a) { pageInfo { hasNextPage endCursor } nodes { id title } } } } }";
        let (mut all, mut after) = (Vec::new(), Value::Null);
        loop {
            let answer = self.ask(client, None, query, json!({ "p": self.practice.to_string(), "a": after })).await?;
            let goals = &answer["viewer"]["coachPortal"]["goals"];
            let said = |goal: &Value, field: &str| goal[field].as_str().unwrap().to_owned();
            all.extend(goals["nodes"].as_array().unwrap().iter().map(|goal| (said(goal, "id"), said(goal, "title"))));
            if goals["pageInfo"]["hasNextPage"] != true {
                all.sort();
                return Ok(all);
            }
            after = goals["pageInfo"]["endCursor"].clone();
        }
    }

    /// Adds so many goals at once, within this process: id and title of each.
    pub(crate) async fn goals_of_many(&self, count: u64) -> Vec<(String, String)> {
        let app = self.open(Time(0)).await;
        let mut goals = Vec::new();
        for begin in (0..count).step_by(256) {
            let adding = (begin..count.min(begin + 256)).map(|number| {
                let (goal, title) = (app.mint::<GoalId>(), format!("before-{number}"));
                goals.push((goal.to_string(), title.clone()));
                let add = AddGoal { goal, coachee: self.coachee, title: text(&title), due: Date(20_000) };
                act(&app, self.practice, self.founder, add)
            });
            futures_util::future::join_all(adding).await;
        }
        app.stop().await;
        goals.sort();
        goals
    }

    /// The operator's commands find nothing: the log is whole and what was signed, the rows are what it says.
    pub(crate) fn prove(&self) {
        for arguments in [&["verify"][..], &["replay", "--check"]] {
            assert!(self.program(&[], arguments).status().unwrap().success(), "{arguments:?}: {}", self.said());
        }
    }

    /// The same within this process, over an app whose clock stands.
    pub(crate) async fn open(&self, clock: Time) -> App {
        let settings = settings(&self.data, self.database.as_deref());
        let world = World { clock: Arc::new(Standing::at(clock)), ..World::machine() };
        let store = open::store(&settings, Purpose::Inspect).await.unwrap();
        open::app(&settings, &world, store, Purpose::Inspect).await.unwrap()
    }
}

/// Fails with what to do where a tool is missing that this test cannot do without.
pub(crate) fn needs(tool: &str) {
    let there = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(there.is_ok(), "this test needs {tool}: install it (Debian: apt-get install {tool}); .ci/run does");
}
