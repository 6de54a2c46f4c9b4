//! A toy behind the transports: a schema whose resolvers do everything a transport must survive, and a gate that knows
//! two people by their names.

#![expect(clippy::unused_async, reason = "resolvers are asynchronous by the library's contract")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::http::patience::Patient;
use api::http::{Bounds, Credentials, Gate, IdempotencyKey, Numbers, Refused, Settings, router};
use async_graphql::futures_util::{Stream, StreamExt, stream};
use async_graphql::{
    Context, Error, ErrorExtensions, InputValueError, InputValueResult, Object, Result, Scalar, ScalarType, Schema,
    SimpleObject, Subscription, Value,
};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the tests look at from outside.
#[derive(Clone)]
pub(crate) struct Toy {
    /// Whose access has ended.
    pub(crate) ended: Arc<watch::Sender<Vec<String>>>,
    /// How many mutations have run.
    pub(crate) mutations: Arc<AtomicUsize>,
    /// What may be told no more: of `flood`, of `news`.
    pub(crate) hidden: Arc<Mutex<Vec<&'static str>>>,
    /// Whether there are news, and how many were told.
    pub(crate) news: Arc<watch::Sender<(bool, usize)>>,
    /// How many `endless`, `flood` or `news` subscriptions run.
    pub(crate) running: Arc<watch::Sender<usize>>,
    /// What the transports count.
    pub(crate) numbers: Numbers,
}

#[derive(Clone)]
pub(crate) struct Viewer(Option<String>);

/// What was looked at.
#[derive(Clone, Default)]
pub(crate) struct Looked(Arc<Mutex<Vec<&'static str>>>);

impl Toy {
    /// Waits until so many `endless`, `flood` and `news` subscriptions run, and fails when that never comes.
    pub(crate) async fn runs(&self, count: usize) {
        let mut running = self.running.subscribe();
        let comes = tokio::time::timeout(Duration::from_mins(1), running.wait_for(|running| *running == count));
        let found = *self.running.borrow();
        assert!(comes.await.is_ok(), "{count} subscriptions never run; {found} did");
    }

    /// Ends the sessions of one.
    pub(crate) fn end_alice(&self) {
        self.ended.send_replace(vec!["alice".to_owned()]);
    }

    /// What floods may be told no more.
    pub(crate) fn hide_flood(&self) {
        self.hidden.lock().unwrap().push("flood");
    }

    /// Lets there be news, and waits until somebody is told.
    pub(crate) async fn are_told(&self) {
        self.news.send_replace((true, 0));
        let mut news = self.news.subscribe();
        let comes = tokio::time::timeout(Duration::from_mins(1), news.wait_for(|(_, told)| *told > 0));
        assert!(comes.await.is_ok(), "the news are never told");
    }

    /// Waits until something holds of what the transports count, and fails when it never does.
    pub(crate) async fn counts(&self, holds: impl Fn(&Numbers) -> bool) {
        let comes = async {
            while !holds(&self.numbers) {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_mins(1), comes).await.is_ok(), "{:?}", self.numbers);
    }
}

impl Gate for Toy {
    type Viewer = Viewer;
    type Looked = Looked;

    async fn identify(&self, credentials: Credentials) -> Result<Viewer, Refused> {
        match credentials.bearer.or(credentials.session_cookie).as_deref() {
            None => Ok(Viewer(None)),
            Some(name @ ("alice" | "bob")) => Ok(Viewer(Some(name.to_owned()))),
            Some(_) => Err(Refused::new("UNAUTHENTICATED", "No such session.")),
        }
    }

    fn ended(&self, viewer: &Viewer) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (mut ended, viewer) = (self.ended.subscribe(), viewer.clone());
        async move {
            let _ = ended.wait_for(|ended| viewer.0.as_ref().is_some_and(|name| ended.contains(name))).await;
        }
    }

    async fn stands(&self, looked: &Looked) -> Result<(), Refused> {
        let (looked, hidden) = (looked.0.lock().unwrap(), self.hidden.lock().unwrap());
        if looked.iter().any(|it| hidden.contains(it)) { Err(Refused::new("FORBIDDEN", "No more.")) } else { Ok(()) }
    }

    fn key(&self, viewer: &Viewer) -> Option<[u8; 16]> {
        let name = viewer.0.as_ref()?;
        Some([name.as_bytes()[0]; 16])
    }

    fn admit(&self, document: &str) -> Result<(), Refused> {
        if document.contains("unwanted") { Err(Refused::new("FORBIDDEN", "Unwanted.")) } else { Ok(()) }
    }
}

/// A number that is even.
struct Even(i32);

#[Scalar]
impl ScalarType for Even {
    fn parse(value: Value) -> InputValueResult<Self> {
        if let Value::Number(number) = &value
            && number.as_i64().is_some_and(|number| number % 2 == 0)
        {
            return Ok(Self(2));
        }
        Err(InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        self.0.into()
    }
}

pub(crate) struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &'static str {
        "world"
    }

    async fn viewer(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(ctx.data::<Viewer>()?.0.clone())
    }

    async fn key(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(ctx.data::<IdempotencyKey>()?.0.clone())
    }

    async fn this(&self) -> Self {
        Self
    }

    /// Costs as much as so many of it.
    #[graphql(complexity = "times as usize * (1 + child_complexity)")]
    async fn times(&self, times: u32) -> Option<Self> {
        (times > 0).then_some(Self)
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn even(&self, number: Even) -> Even {
        number
    }

    async fn numbers(&self, deep: Option<Vec<Vec<i32>>>) -> usize {
        deep.map_or(0, |deep| deep.len())
    }

    async fn fails(&self) -> Result<Option<i32>> {
        Err(Error::new_with_source(std::io::Error::other("inner text of the store")))
    }

    async fn fails_wholly(&self) -> Result<i32> {
        Err(Error::new("inner text of the store"))
    }

    async fn refuses(&self) -> Result<Option<i32>> {
        Err(Error::new("Not yours.").extend_with(|_, extensions| extensions.set("code", "FORBIDDEN")))
    }

    async fn panics(&self) -> Option<i32> {
        broken()
    }

    /// A million bytes, of what floods are made of.
    async fn much(&self, ctx: &Context<'_>) -> String {
        look(ctx, "flood");
        "much text ".repeat(100_000)
    }

    async fn never(&self) -> i32 {
        std::future::pending().await
    }
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    async fn sign_in(&self, ctx: &Context<'_>) -> bool {
        ctx.append_http_header("set-cookie", "__Host-session=alice; Path=/; Secure");
        ctx.append_http_header("set-cookie", "__Host-browser=b; Path=/; Secure");
        true
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<usize> {
        Ok(ctx.data::<Toy>()?.mutations.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn broken() -> Option<i32> {
    panic!("inner text of a panic")
}

#[derive(SimpleObject)]
pub(crate) struct Item {
    position: String,
    text: String,
}

impl Item {
    fn new(position: i32, text: impl Into<String>) -> Self {
        Self { position: position.to_string(), text: text.into() }
    }
}

/// An item of which a field fails, but for the first one.
pub(crate) struct Broken(i32);

#[Object]
impl Broken {
    async fn position(&self) -> String {
        self.0.to_string()
    }

    async fn text(&self) -> Result<Option<String>> {
        if self.0 > 1 { Err(Error::new("inner text of the store")) } else { Ok(None) }
    }
}

/// Counts a subscription that runs, until it is dropped.
struct Running(Toy);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.send_modify(|running| *running -= 1);
    }
}

pub(crate) struct Live;

#[Subscription]
impl Live {
    async fn items(&self, after: Option<String>, to: i32) -> impl Stream<Item = Item> {
        let after = after.and_then(|after| after.parse().ok()).unwrap_or(0);
        stream::iter((after + 1..=to).map(|n| Item::new(n, "an item")))
    }

    async fn endless(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Item> + use<>> {
        let running = running(ctx)?;
        Ok(stream::iter([Item::new(1, "the only item")]).chain(stream::pending()).inspect(move |_| {
            let _held = &running;
        }))
    }

    async fn flood(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Item> + use<>> {
        let running = running(ctx)?;
        look(ctx, "flood");
        Ok(stream::iter(1..).map(move |n| {
            let _held = &running;
            Item::new(n, "much text ".repeat(10_000))
        }))
    }

    /// One item, when there are news.
    async fn news(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Item> + use<>> {
        let running = running(ctx)?;
        look(ctx, "news");
        Ok(stream::once(async move {
            let news = &running.0.news;
            news.subscribe().wait_for(|(there_are, _)| *there_are).await.unwrap();
            news.send_modify(|(_, told)| *told += 1);
            Item::new(1, "the news")
        }))
    }

    async fn breaks(&self) -> impl Stream<Item = Broken> {
        stream::iter([Broken(1), Broken(2)])
    }

    async fn panics(&self) -> impl Stream<Item = Item> {
        stream::iter([1, 2]).map(|n| if n == 2 { panic!("inner text of a panic") } else { Item::new(n, "fine") })
    }

    async fn refused(&self) -> Result<impl Stream<Item = Item> + use<>> {
        if true {
            return Err(Error::new("Not yours.").extend_with(|_, extensions| extensions.set("code", "FORBIDDEN")));
        }
        Ok(stream::empty())
    }
}

/// Notes that something is looked at, where that may have to be asked again.
fn look(ctx: &Context<'_>, at: &'static str) {
    if let Some(looked) = ctx.data_opt::<Looked>() {
        looked.0.lock().unwrap().push(at);
    }
}

fn running(ctx: &Context<'_>) -> Result<Running> {
    let toy = ctx.data::<Toy>()?.clone();
    toy.running.send_modify(|running| *running += 1);
    Ok(Running(toy))
}

/// What a document may cost.
pub(crate) const COMPLEXITY_MAX: usize = 100_000;

/// The toy's routes, with these bounds.
pub(crate) fn routes(bounds: Bounds, origins: &[&str]) -> (axum::Router, Toy) {
    let toy = Toy {
        ended: Arc::new(watch::Sender::new(Vec::new())),
        hidden: Arc::default(),
        news: Arc::default(),
        mutations: Arc::default(),
        running: Arc::new(watch::Sender::new(0)),
        numbers: Numbers::default(),
    };
    // limited like the product's, whose own limits are tried in `product.rs`
    let schema = Schema::build(Query, Mutation, Live).data(toy.clone()).limit_depth(20).limit_recursive_depth(64);
    let schema = schema.limit_complexity(COMPLEXITY_MAX).disable_suggestions().finish();
    let settings = Settings {
        origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        session_cookie: "__Host-session".to_owned(),
        browser_cookie: "__Host-browser".to_owned(),
        nonce: 7,
        bounds,
        numbers: toy.numbers.clone(),
    };
    (router(schema, toy.clone(), settings), toy)
}

/// Starts a toy server with these bounds on a free port of the loopback. It serves until its runtime ends.
pub(crate) async fn start_on(address: &str, bounds: Bounds, origins: &[&str]) -> (SocketAddr, Toy) {
    let patience = bounds.write;
    let (router, toy) = routes(bounds, origins);
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = Patient::new(listener, patience).counted(toy.numbers.clone());
    tokio::runtime::Handle::current().spawn(api::http::serve(listener, router, std::future::pending()));
    (address, toy)
}

/// Starts a toy server with the product's bounds.
pub(crate) async fn start() -> (SocketAddr, Toy) {
    start_on("127.0.0.1:0", Bounds::default(), &[]).await
}

/// How many bytes are on their way to a client who does not read: fewer than any item of a flood has.
pub(crate) const PIPE_BYTES: usize = 4096;

/// Bounds under which nobody is cut off for reading slowly.
pub(crate) fn patient() -> Bounds {
    let long = Duration::from_mins(10);
    Bounds { write: long, heartbeat: long, ..Bounds::default() }
}

/// A time that nobody needs to wait for.
pub(crate) const SOON: Duration = Duration::from_millis(200);
/// A time in which what comes and goes is seen while it is there, also on a machine that stands still for a moment.
pub(crate) const SEEN: Duration = Duration::from_secs(1);
