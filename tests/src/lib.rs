//! The product from outside: a real server on loopback, on SQLite and on PostgreSQL, and the people who use it.
//!
//! A test is a story of actors: `product.coach("Ada")` signs in by a link that came by mail, exactly as people do, and then
//! asks and listens through HTTP and WebSocket. Time is a parameter: the product's clock stands until a test moves it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a story that cannot go on has failed"
)]

mod form;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use app::clock::Standing;
use app::mail::{MailSettings, Post};
use app::{App, Settings};
use domain::value::Time;
pub use form::{BOUNDARY, Downloaded, Form, file};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tower::ServiceExt as _;

/// Which database a story runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// The embedded one, in a folder of its own.
    Sqlite,
    /// A database of its own in the throwaway cluster.
    Postgres,
}

/// A running product.
pub struct Product {
    /// The app inside, for what no API shows: time, mail delivery, checking.
    pub app: App,
    /// Its address.
    pub address: SocketAddr,
    /// Its clock.
    pub clock: Arc<Standing>,
    /// Where it was opened from, for opening it again.
    pub place: Place,
    folder: tempfile::TempDir,
    /// The mails that came, as files, oldest first: their times are too coarse to tell one from the next.
    came: Mutex<Vec<PathBuf>>,
}

impl std::fmt::Debug for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Product").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A product's database.
#[derive(Debug, Clone)]
pub struct Place {
    /// Which one.
    pub database: Database,
    /// Its address.
    pub url: String,
    /// The role of readers, where there is row-level security.
    pub reader: Option<String>,
}

impl Place {
    fn options(&self) -> store::Options {
        store::Options { reader: self.reader.clone(), ..store::Options::new(&self.url) }
    }
}

/// The role of readers.
const READER: &str = "throughline_test_reader";
/// With this variable set every story on PostgreSQL runs behind row-level security.
const WALLED: &str = "THROUGHLINE_TEST_WALLED";

/// When stories begin.
pub const BEGINNING: &str = "2026-03-02T09:00:00Z";

/// A moment from its text.
pub fn at(text: &str) -> Time {
    Time(text.parse::<jiff::Timestamp>().expect("a time").as_microsecond())
}

/// The PostgreSQL that the tests use: the one that the environment names, else a throwaway cluster.
#[expect(clippy::disallowed_methods, reason = "tests take the address of a database from the environment")]
pub fn postgres(hint: &str) -> String {
    let given = std::env::var(cluster::VARIABLE).ok();
    cluster::database(given.as_deref(), hint).expect("PostgreSQL is needed for the tests")
}

/// Runs a story on one database.
pub fn run<F: Future<Output = ()>>(database: Database, story: impl FnOnce(Product) -> F) {
    let walled = database == Database::Postgres && std::env::var_os(WALLED).is_some();
    run_on(database, walled.then(|| READER.to_owned()), story);
}

/// Runs a story on PostgreSQL behind row-level security.
pub fn run_walled<F: Future<Output = ()>>(story: impl FnOnce(Product) -> F) {
    run_on(Database::Postgres, Some(READER.to_owned()), story);
}

fn run_on<F: Future<Output = ()>>(database: Database, reader: Option<String>, story: impl FnOnce(Product) -> F) {
    // As deep as the program's: see `server::cli::runtime`.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).thread_stack_size(16 << 20).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let product = Product::start(database, reader).await;
        story(product).await;
    });
    // What still listens ends with the story.
    runtime.shutdown_timeout(Duration::from_millis(100));
}

/// Declares stories that run on both databases.
#[macro_export]
macro_rules! both {
    ($($(#[doc = $doc:literal])* #[test] async fn $name:ident($product:ident: Product) $body:block)+) => {$(
        $(#[doc = $doc])*
        pub mod $name {
            #[allow(unused_imports, clippy::allow_attributes, reason = "not every story uses everything")]
            use super::*;
            pub async fn story($product: $crate::Product) $body
            #[test]
            fn on_sqlite() {
                $crate::run($crate::Database::Sqlite, story);
            }
            #[test]
            fn on_postgres() {
                $crate::run($crate::Database::Postgres, story);
            }
        }
    )+};
}

/// An app's routes, with these bounds, that count here.
fn routes(app: &App, bounds: api::http::Bounds, numbers: api::http::Numbers) -> axum::Router {
    let settings = api::http::Settings {
        origins: Vec::new(),
        session_cookie: api::cookies::SESSION.to_owned(),
        browser_cookie: api::cookies::BROWSER.to_owned(),
        nonce: 1,
        bounds,
        numbers,
    };
    api::router(app.clone(), settings)
}

/// Serves an app until the story ends: the address.
async fn serve(app: &App, bounds: api::http::Bounds) -> SocketAddr {
    let router = routes(app, bounds, api::http::Numbers::default());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let listener = api::http::patience::Patient::new(listener, Duration::from_secs(10));
    app.tasks().start("server", async move {
        // It serves until the story ends.
        api::http::serve(listener, router, std::future::pending()).await;
    });
    address
}

impl Product {
    /// Starts a product on an empty database.
    pub async fn start(database: Database, reader: Option<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = match database {
            Database::Sqlite => format!("sqlite:{}", folder.path().join("throughline.db").display()),
            Database::Postgres => tokio::task::spawn_blocking(|| postgres("story")).await.expect("a database"),
        };
        let clock = Arc::new(Standing::at(at(BEGINNING)));
        Self::open(folder, Place { database, url, reader }, clock).await
    }

    async fn open(folder: tempfile::TempDir, place: Place, clock: Arc<Standing>) -> Self {
        let entropy: Arc<dyn vault::Entropy> = Arc::new(vault::Os);
        let app = Self::app(&folder.path().join("root.key"), place.options(), clock.clone(), entropy).await;
        let address = serve(&app, api::http::Bounds::default()).await;
        Self { app, address, clock, place, folder, came: Mutex::default() }
    }

    async fn app(
        root: &std::path::Path,
        options: store::Options,
        clock: Arc<Standing>,
        entropy: Arc<dyn vault::Entropy>,
    ) -> App {
        let store = store::Store::open(&options).await.expect("the store opens");
        let files = root.with_file_name("files");
        std::fs::create_dir_all(&files).expect("a folder for files");
        let files = store::Objects::folder(&files).expect("the files' folder");
        let (first, _) = vault::RootKey::load_or_create(root, &*entropy).expect("a root key");
        let roots =
            vault::Roots::open(first, vec![root.to_owned(), root.with_extension("key.new")]).expect("the root keys");
        let signer = store::checkpoint::Signer::parse("throughline-test", &[7; 32]).expect("a signer");
        App::open(Settings {
            store,
            files,
            roots,
            signer: Some(signer),
            clock,
            entropy,
            cache_bytes: 64 << 20,
            moments: app::moments::Bounds::default(),
            lanes: 4,
        })
        .await
        .expect("the app opens")
    }

    /// Another app over the same database and keys: another node.
    pub async fn another_node(&self) -> App {
        self.node_with(self.place.options()).await
    }

    async fn node_with(&self, options: store::Options) -> App {
        Self::app(&self.folder.path().join("root.key"), options, self.clock.clone(), Arc::new(vault::Os)).await
    }

    /// Another node over the same database and keys, which serves as well: its address, for [`Person::through`].
    pub async fn another_address(&self) -> SocketAddr {
        serve(&self.another_node().await, api::http::Bounds::default()).await
    }

    /// The address of another node that has as few connections as there can be: of SQLite one that reads, of PostgreSQL two.
    pub async fn cramped_address(&self) -> SocketAddr {
        let options = store::Options { readers: 1, connections: 2, ..self.place.options() };
        serve(&self.node_with(options).await, api::http::Bounds::default()).await
    }

    /// Another address of this node, where a client may use something else.
    pub async fn address_with(&self, bounds: api::http::Bounds) -> SocketAddr {
        serve(&self.app, bounds).await
    }

    /// A connection to the product that holds so many bytes each way, and no more, while nobody reads; what is live is
    /// counted here.
    pub fn narrow(&self, bytes: usize, numbers: &api::http::Numbers) -> tokio::io::DuplexStream {
        let (client, server) = tokio::io::duplex(bytes);
        let routes = routes(&self.app, api::http::Bounds::default(), numbers.clone());
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            routes.clone().oneshot(request.map(axum::body::Body::new))
        });
        let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
        self.app.tasks().start("a narrow connection", async move {
            // It serves until it breaks off, or the story ends.
            let _ended_or_broken = serving.await;
        });
        client
    }

    /// The product's folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Where the bytes of files lie.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// Moves the clock on.
    pub fn later(&self, minutes: i64) {
        self.clock.set(app::Clock::now(&*self.clock).plus_minutes(minutes));
    }

    /// What the clock shows.
    pub fn now(&self) -> String {
        let now = app::Clock::now(&*self.clock);
        jiff::Timestamp::from_microsecond(now.0).expect("a time").to_string()
    }

    /// The address of a page or of GraphQL.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Delivers what waits in the outbox into a folder, and gives the mails to this address, oldest first.
    pub async fn mail(&self, to: &str) -> Vec<String> {
        let folder: PathBuf = self.folder.path().join("mail");
        std::fs::create_dir_all(&folder).expect("a mail folder");
        let settings =
            MailSettings::parse("Throughline <mail@throughline.example>", &self.url("")).expect("mail settings");
        self.app.deliver(&Post::Folder(folder.clone()), &settings).await.expect("mail is delivered");
        let mut lie: Vec<PathBuf> = std::fs::read_dir(&folder)
            .expect("mails")
            .map(|entry| entry.expect("a mail").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        lie.sort_by_key(|path| std::fs::metadata(path).and_then(|mail| mail.modified()).expect("its time"));
        let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        lie.retain(|path| !came.contains(path));
        came.append(&mut lie);
        let mails = came.iter().map(|path| std::fs::read_to_string(path).expect("a mail"));
        let mails = mails.map(|text| text.replace("=\r\n", "").replace("=3D", "="));
        let (to, whose) = (format!("to: {to}"), format!("<{to}>"));
        let is_theirs = |mail: &String| {
            let mail = mail.to_lowercase();
            mail.contains(&to) || mail.contains(&whose)
        };
        mails.filter(is_theirs).collect()
    }

    /// The token of the newest link in the mails to this address, after this path.
    pub async fn token(&self, to: &str, path: &str) -> String {
        let mails = self.mail(to).await;
        let mail = mails
            .iter()
            .rev()
            .find(|mail| mail.contains(path))
            .unwrap_or_else(|| panic!("no mail to {to} has a link to {path}"));
        let start = mail.find(path).expect("the link") + path.len();
        mail[start..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
            .collect::<String>()
            .trim_end_matches('.')
            .to_owned()
    }

    /// Somebody who is not signed in, with a browser of their own.
    pub fn stranger(&self) -> Person {
        Person {
            address: self.address,
            client: reqwest::Client::new(),
            token: None,
            email: String::new(),
            id: String::new(),
            cookie: None,
        }
    }

    /// Somebody who signed in by the link that came by mail.
    pub async fn person(&self, email: &str) -> Person {
        let mut person = self.stranger();
        email.clone_into(&mut person.email);
        let answer = person
            .whole(
                "mutation($e: EmailAddress!) { requestSignInLink(input: { email: $e }) { code } }",
                json!({ "e": email }),
            )
            .await;
        person.cookie = answer.cookies.first().cloned();
        let token = self.token(email, "/login?token=").await;
        let answer = person
            .ask("mutation($t: String!) { signIn(input: { token: $t, kind: PROGRAM }) { personId token errors { code } } }", json!({ "t": token }))
            .await;
        person.token =
            Some(answer["signIn"]["token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned());
        answer["signIn"]["personId"].as_str().expect("an id").clone_into(&mut person.id);
        person.cookie = None;
        person
    }

    /// Somebody who signed in in a browser by the link that came by mail.
    pub async fn in_browser(&self, email: &str) -> Person {
        let mut person = self.stranger();
        let asked = "mutation($e: EmailAddress!) { requestSignInLink(input: { email: $e }) { code } }";
        let answer = person.whole(asked, json!({ "e": email })).await;
        person.cookie = answer.cookies.first().cloned();
        let token = self.token(email, "/login?token=").await;
        let redeem = "mutation($t: String!) { signIn(input: { token: $t }) { personId errors { code } } }";
        let answer = person.whole(redeem, json!({ "t": token })).await;
        person.cookie = answer.cookies.first().cloned();
        person
    }

    /// A coach who founded a practice: its owner, and the practice's id.
    pub async fn coach(&self, name: &str) -> (Person, String) {
        let owner = self.person(&format!("{}@practice.example", name.to_lowercase())).await;
        let answer = owner
            .ask(
                "mutation($n: String!) { createPractice(input: { name: \"Practice of Ada\", timeZone: \"Europe/Berlin\", displayName: $n }) { practice { id } errors { code } } }",
                json!({ "n": name }),
            )
            .await;
        let practice = answer["createPractice"]["practice"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no practice: {answer}"))
            .to_owned();
        (owner, practice)
    }

    /// A further coach of a practice, invited by somebody who may.
    pub async fn further_coach(&self, by: &Person, practice: &str, name: &str, role: &str) -> Person {
        let email = format!("{}@practice.example", name.to_lowercase());
        let coach = self.person(&email).await;
        by.ask(
            "mutation($i: AddCoachInput!) { addCoach(input: $i) { errors { code } } }",
            json!({ "i": { "practiceId": practice, "name": name, "email": email, "role": role } }),
        )
        .await;
        let token = self.token(&email, "/invitations/").await;
        let answer = coach
            .ask(
                "mutation($t: String!) { acceptCoachInvitation(input: { token: $t }) { practiceId errors { code } } }",
                json!({ "t": token }),
            )
            .await;
        assert_eq!(answer["acceptCoachInvitation"]["practiceId"], json!(practice), "{answer}");
        coach
    }

    /// Adds a coachee who is not invited: their id.
    pub async fn coachee(&self, by: &Person, practice: &str, first_name: &str) -> String {
        let email = format!("{}@coachee.example", first_name.to_lowercase());
        let answer = by
            .ask(
                "mutation($i: AddCoacheeInput!) { addCoachee(input: $i) { coachee { id } errors { code message } } }",
                json!({ "i": { "practiceId": practice, "firstName": first_name, "lastName": "Reed", "email": email } }),
            )
            .await;
        answer["addCoachee"]["coachee"]["id"].as_str().unwrap_or_else(|| panic!("not added: {answer}")).to_owned()
    }

    /// Invites a coachee, who accepts and is signed in.
    pub async fn accepted(&self, by: &Person, practice: &str, coachee: &str, first_name: &str) -> Person {
        let email = format!("{}@coachee.example", first_name.to_lowercase());
        let answer = by
            .ask(
                "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { errors { code } } }",
                json!({ "i": { "practiceId": practice, "coacheeId": coachee } }),
            )
            .await;
        assert_eq!(answer["sendInvitation"]["errors"], json!([]));
        self.accepted_by(&email).await
    }

    /// Whoever was invited as a coachee at this address accepts and is signed in.
    pub async fn accepted_by(&self, email: &str) -> Person {
        let token = self.token(email, "/invitations/").await;
        let mut person = self.stranger();
        email.clone_into(&mut person.email);
        let answer = person
            .ask(
                "mutation($t: String!) { acceptInvitation(input: { token: $t, kind: PROGRAM }) { practiceId signedIn { personId token } errors { code } } }",
                json!({ "t": token }),
            )
            .await;
        let signed_in = &answer["acceptInvitation"]["signedIn"];
        person.token =
            Some(signed_in["token"].as_str().unwrap_or_else(|| panic!("not signed in: {answer}")).to_owned());
        signed_in["personId"].as_str().expect("an id").clone_into(&mut person.id);
        person
    }

    /// Proves that what is served equals the log, and that the log was not altered.
    pub async fn prove(&self) {
        let checked = self.app.check(None, &mut ()).await.expect("the check runs");
        assert!(checked.difference.is_none(), "{:?}", checked.difference);
        let verified =
            app::verify::verify(self.app.store(), None, None, &[], &mut ()).await.expect("the verification runs");
        assert!(verified.finding.is_none(), "{:?}", verified.finding);
        assert!(verified.unkeyed.is_empty() && verified.lost == 0, "{:?}", verified.unkeyed);
    }
}

/// Somebody who uses the product.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their email address.
    pub email: String,
    /// Their id, once they are signed in.
    pub id: String,
    /// Their bearer token, once they are signed in.
    pub token: Option<String>,
    /// The cookie of their browser, `name=value`.
    pub cookie: Option<String>,
    address: SocketAddr,
    client: reqwest::Client,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Value,
    /// The cookies that were set, `name=value`.
    pub cookies: Vec<String>,
}

impl Person {
    /// The same person, through another node.
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// The same browser or program, holding this bearer token, or none.
    #[must_use]
    pub fn holding(&self, token: Option<String>) -> Self {
        Self { token, ..self.clone() }
    }

    /// Asks, and gives the data; an error fails the story.
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        let answer = self.whole(query, variables).await;
        assert!(answer.body.get("errors").is_none(), "{query}\n{}", answer.body);
        answer.body["data"].clone()
    }

    /// Asks, and gives the code of the first error; data without one fails the story.
    pub async fn fails(&self, query: &str, variables: Value) -> String {
        let answer = self.whole(query, variables).await;
        answer.body["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no error: {query}\n{}", answer.body))
            .to_owned()
    }

    /// Asks, and gives the code of the first refusal of the first field; a change that is made fails the story.
    pub async fn refused(&self, query: &str, variables: Value) -> String {
        let data = self.ask(query, variables).await;
        let first = data.as_object().and_then(|data| data.values().next()).cloned().unwrap_or_default();
        first["errors"][0]["code"].as_str().unwrap_or_else(|| panic!("not refused: {data}")).to_owned()
    }

    /// Asks, and gives everything.
    pub async fn whole(&self, query: &str, variables: Value) -> Answer {
        self.send(json!({ "query": query, "variables": variables }), None).await
    }

    /// Asks with an idempotency key.
    pub async fn once(&self, key: &str, query: &str, variables: Value) -> Answer {
        self.send(json!({ "query": query, "variables": variables }), Some(key)).await
    }

    async fn send(&self, body: Value, key: Option<&str>) -> Answer {
        if let Some(form) = Self::form(&body) {
            return self.sends(key.into_iter().fold(form, |form, key| form.with("idempotency-key", key))).await;
        }
        let mut request = self
            .client
            .post(format!("http://{}/graphql", self.address))
            .header("accept", "application/graphql-response+json")
            .json(&body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.answered(request).await
    }

    /// A request with what this person holds.
    fn signed(&self, mut request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        request
    }

    async fn answered(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = self.signed(request);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let cookies = response
            .headers()
            .get_all("set-cookie")
            .iter()
            .filter_map(|value| value.to_str().ok()?.split(';').next().map(str::to_owned))
            .collect();
        let body = response.json().await.expect("a JSON body");
        Answer { status, body, cookies }
    }

    /// Listens, over a WebSocket of its own.
    pub async fn listen(&self, query: &str, variables: Value) -> Listening {
        let mut listening = self.socket().await;
        assert_eq!(listening.message().await.expect("an answer")["type"], "connection_ack");
        listening.also("1", query, variables).await;
        listening
    }

    /// Opens a socket that must not be served: the code with which it is closed.
    pub async fn refused_a_socket(&self) -> Option<u16> {
        let mut listening = self.socket().await;
        assert_eq!(listening.message().await, None);
        listening.closed
    }

    /// A socket on which this person has said who they are.
    async fn socket(&self) -> Listening {
        let mut request = format!("ws://{}/graphql", self.address).into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("a socket");
        let payload = self
            .token
            .as_ref()
            .map_or_else(|| json!({}), |token| json!({ "authorization": format!("Bearer {token}") }));
        let init = json!({ "type": "connection_init", "payload": payload });
        socket.send(Message::text(init.to_string())).await.expect("a message is sent");
        Listening { socket, closed: None }
    }
}

/// An open subscription.
#[derive(Debug)]
pub struct Listening {
    socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    /// The code with which the server closed the socket, once it has.
    pub closed: Option<u16>,
}

/// How long a story waits for what must come. Not a measurement: a story that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_mins(1);

impl Listening {
    /// Subscribes on this socket, under an id of the client's.
    pub async fn also(&mut self, id: &str, query: &str, variables: Value) {
        let subscribe = json!({ "type": "subscribe", "id": id, "payload": { "query": query, "variables": variables } });
        self.socket.send(Message::text(subscribe.to_string())).await.expect("a message is sent");
    }

    /// The next message of the protocol; nothing when the socket was closed.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("something must come");
            match message? {
                Ok(Message::Text(text)) => {
                    let value: Value = serde_json::from_str(&text).expect("JSON");
                    if value["type"] != "ping" {
                        return Some(value);
                    }
                }
                Ok(Message::Close(frame)) => {
                    self.closed = frame.map(|frame| frame.code.into());
                    return None;
                }
                Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(_) => return None,
            }
        }
    }

    /// The data of the next item; an error fails the story.
    pub async fn next(&mut self) -> Value {
        let message = self.message().await.expect("the subscription goes on");
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"]["data"].clone()
    }

    /// The code of the error with which the subscription ends.
    pub async fn ends(&mut self) -> String {
        loop {
            let message = self.message().await.unwrap_or_else(|| panic!("closed with {:?}", self.closed));
            let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
            if let Some(code) = errors[0]["extensions"]["code"].as_str() {
                return code.to_owned();
            }
        }
    }
}
