//! The transports: GraphQL over HTTP, over WebSocket and over server-sent events, at one address, `/graphql`.
//!
//! Nothing here knows of coaching. A schema and a [`Gate`] go in, an [`axum::Router`] comes out; the gate says who asks
//! and when their access ends. What holds for every request, whichever way it comes:
//!
//! - It has passed the [`guard`] before the parser saw it, and every other number is bounded by [`Bounds`].
//! - A browser cannot be made to send it from another site with its cookies (`origin`).
//! - A panic in a resolver fails that operation only, and what fails without a code tells nothing but an id (`answer`).
//!
//! | module | what it does |
//! | --- | --- |
//! | [`guard`], [`shape`], [`introspection`] | bound a document before it costs anything |
//! | `origin` | credentials and cross-site requests |
//! | `asked` | the parameters of a request, whichever way they came |
//! | `run` | execute, with a deadline and a catch for panics |
//! | `results` | what operations have still to tell, made beside what is written |
//! | `answer` | what a client is told, and with which status |
//! | `post`, `sse`, `socket` | the three transports |
//! | `upload` | a file with a request |
//! | [`patience`] | a listener that cuts off who does not read |
//! | `serving` | connections, from their opening to their end |
//! | `numbers` | how many live connections there are |
//! | `seats` | how many live connections one person holds |
//!
//! Sources: GraphQL over HTTP (draft of 2025), `graphql-transport-ws` (protocol of graphql-ws 6), `graphql-sse` in
//! distinct connections mode.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Executor;
use axum::Router;
use axum::routing::get;

mod answer;
mod asked;
pub mod guard;
pub mod introspection;
mod numbers;
pub(crate) mod origin;
pub mod patience;
mod pieces;
mod post;
mod results;
mod run;
mod seats;
mod serving;
pub mod shape;
mod socket;
mod sse;
mod upload;

pub use numbers::Numbers;
pub use serving::{Waits, serve};
pub use upload::{Content, Incoming, PREFLIGHT, placeholder};

/// Who may come in, and until when.
pub trait Gate: Clone + Send + Sync + 'static {
    /// Who asks. Each request's data holds it, so resolvers find it with `ctx.data::<Viewer>()`.
    type Viewer: Clone + Send + Sync + 'static;

    /// Of what an operation shows something, and under which sight. The data of each operation of a live connection holds
    /// one, which its resolvers fill. Clones are the same one.
    type Looked: Clone + Default + Send + Sync + Unpin + 'static;

    /// Says who shows these credentials. Without credentials that is the anonymous viewer; a bad or ended credential is
    /// refused, with the code `UNAUTHENTICATED`.
    fn identify(&self, credentials: Credentials) -> impl Future<Output = Result<Self::Viewer, Refused>> + Send;

    /// Resolves when the viewer's session or access ends. Their sockets then close with 4403, and their streams of events
    /// end.
    fn ended(&self, viewer: &Self::Viewer) -> impl Future<Output = ()> + Send + 'static + use<Self>;

    /// Whether what was made by looking so may be told still: asked where it had to wait for a client that reads slowly. Else
    /// the refusal is told in its place, and the operation ends.
    fn stands(&self, looked: &Self::Looked) -> impl Future<Output = Result<(), Refused>> + Send;

    /// The person behind the viewer, for whom sockets are counted. Anonymous viewers are counted by address.
    fn key(&self, viewer: &Self::Viewer) -> Option<[u8; 16]>;

    /// Resolves when the server stops. Sockets then close with 1001, and streams of events end, so that their clients come
    /// again. By default it never does.
    fn stopping(&self) -> impl Future<Output = ()> + Send + 'static + use<Self> {
        std::future::pending()
    }

    /// Refuses a document that may not be run here (trusted documents, by their exact text). By default every one may.
    fn admit(&self, _document: &str) -> Result<(), Refused> {
        Ok(())
    }
}

/// What a request shows of who sends it. A bearer token outdoes cookies: then both cookies are `None`.
#[derive(Clone)]
pub struct Credentials {
    /// The token of `Authorization: Bearer …`, or of a socket's `connection_init` payload.
    pub bearer: Option<String>,
    /// The value of the cookie [`Settings::session_cookie`].
    pub session_cookie: Option<String>,
    /// The value of the cookie [`Settings::browser_cookie`].
    pub browser_cookie: Option<String>,
    /// Where the request comes from, as clients are counted: [`Peer`] if something in front of the router says so, else the
    /// connection's other end, else the unspecified address; of an IPv6 address its network of 64 bits.
    pub peer: IpAddr,
    /// The `User-Agent`, cut after 256 bytes.
    pub agent: Option<String>,
}

/// The address of who really asks. As a request extension, set by a layer in front of the router where a trusted proxy
/// tells, it outdoes the connection's own.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// A refusal: a stable code for programs and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The value of `extensions.code`. It also decides the status: see [`Refused::new`].
    pub code: &'static str,
    /// What happened, to what, and what to do.
    pub message: String,
}

impl Refused {
    /// A refusal with this code. `UNAUTHENTICATED` answers with status 401, `FORBIDDEN` 403, `NOT_FOUND` 404,
    /// `CONFLICTING_IDEMPOTENCY_KEY` 409, `RATE_LIMITED` 429, `INTERNAL` 500, `UNAVAILABLE` 503, `STORAGE_FULL` 507, and
    /// every other 400.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The key under which repeating a request has one effect, from the header `Idempotency-Key` or the request's
/// `extensions.idempotencyKey`: 1 to 200 printable ASCII characters. Every request's data holds one.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

domain::hidden!(IdempotencyKey);

/// How the transports are set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The origins of our own pages, like `https://app.example.org`. Empty means whichever origin the request's own `Host`
    /// names.
    pub origins: Vec<String>,
    /// The name of the cookie that carries a session, with its `__Host-` prefix.
    pub session_cookie: String,
    /// The name of the cookie that knows a browser again, with its `__Host-` prefix.
    pub browser_cookie: String,
    /// Drawn anew at every start, so that the ids of internal errors of two starts differ.
    pub nonce: u64,
    /// What a client may use.
    pub bounds: Bounds,
    /// Where live connections are counted.
    pub numbers: Numbers,
}

/// What a client may use. The defaults are the product's promises.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The longest body, and the longest message on a socket, in bytes.
    pub body_bytes: usize,
    /// From a request's arrival to its answer (subscriptions apart).
    pub request: Duration,
    /// From a socket's opening to its `connection_init`.
    pub init: Duration,
    /// How long a client may leave an answer unread before it is cut off.
    pub write: Duration,
    /// Between two signs of life of a live connection. A socket that is silent for two of them is cut off.
    pub heartbeat: Duration,
    /// Sockets of one person.
    pub sockets_per_person: usize,
    /// Sockets of everybody at one address who has not signed in.
    pub sockets_per_address: usize,
    /// Event streams of one person, and of everybody at one address who has not signed in.
    pub streams_per_person: usize,
    /// Operations that run at once on one socket.
    pub subscriptions_per_socket: usize,
    /// The longest file of an upload, in bytes.
    pub upload_bytes: usize,
    /// From a file's first byte to the answer.
    pub upload: Duration,
    /// Uploads of one person at once.
    pub uploads_per_person: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            request: Duration::from_secs(10),
            init: Duration::from_secs(10),
            write: Duration::from_secs(10),
            heartbeat: Duration::from_secs(20),
            sockets_per_person: 5,
            sockets_per_address: 50,
            streams_per_person: 50,
            subscriptions_per_socket: 20,
            upload_bytes: 25 << 20,
            upload: Duration::from_mins(5),
            uploads_per_person: 20,
        }
    }
}

/// What every transport shares.
struct Room<E, G> {
    schema: E,
    gate: G,
    settings: Settings,
    sockets: seats::Seats,
    streams: seats::Seats,
    uploads: seats::Seats,
    incidents: answer::Incidents,
}

/// The router of `/graphql` over a [`Schema`](async_graphql::Schema), which is the [`Executor`] meant here.
///
/// Serve it with [`serve`] from a [`Patient`](patience::Patient) listener, so that clients who stand still are cut off and
/// the peer is known. It must run inside a Tokio runtime. Upgraded sockets
/// live until their client leaves or [`Gate::ended`] resolves.
pub fn router<E: Executor, G: Gate>(schema: E, gate: G, settings: Settings) -> Router {
    let room = Room {
        schema,
        gate,
        sockets: seats::Seats::default(),
        streams: seats::Seats::default(),
        uploads: seats::Seats::default(),
        incidents: answer::Incidents::new(settings.nonce),
        settings,
    };
    Router::new().route("/graphql", get(post::get::<E, G>).post(post::post::<E, G>)).with_state(Arc::new(room))
}
