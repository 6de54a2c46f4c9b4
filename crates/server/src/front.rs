//! What stands in front of every route: who really asks, a span for the log, the numbers; and the three addresses that
//! only operators ask for.
//!
//! A request's address is never logged, since tokens stand in addresses: the log has the route that it matched.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::http::{Numbers, Peer};
use app::App;
use axum::Router;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tracing::Instrument as _;

use crate::health::{self, Places};
use crate::metrics::{Metrics, label};

/// The header under which an answer carries its request's id in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How long the database may take to show that it answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the front knows.
#[derive(Debug)]
pub(crate) struct Front {
    pub app: App,
    pub metrics: Metrics,
    /// Of live connections.
    pub numbers: Numbers,
    pub places: Places,
    pub is_stopping: AtomicBool,
    pub trusted_proxies: Vec<IpAddr>,
    /// Differs from start to start, so that ids of requests do.
    pub nonce: u64,
    pub requests: AtomicU64,
}

/// Puts the front before these routes.
pub(crate) fn router(front: Arc<Front>, routes: Router) -> Router {
    let own = Router::new()
        .route("/healthz", get(async || (StatusCode::OK, "ok\n")))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
        .with_state(front.clone());
    routes
        .merge(own)
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing at this address.\n"))
        .method_not_allowed_fallback(async || (StatusCode::METHOD_NOT_ALLOWED, "This address takes no such request.\n"))
        .layer(from_fn_with_state(front, request))
}

async fn request(State(front): State<Arc<Front>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let running = front.metrics.begin();
    if let Some(peer) = behind_proxies(&front.trusted_proxies, &request) {
        request.extensions_mut().insert(Peer(peer));
    }
    let id = format!("{:08x}-{:x}", front.nonce & 0xffff_ffff, front.requests.fetch_add(1, Ordering::Relaxed));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let span = span(&id, &method, &route);
    let mut response = next.run(request).instrument(span.clone()).await;
    drop(running);
    let (took, status) = (began.elapsed(), response.status());
    front.metrics.answered(&method, &route, status.as_u16(), took);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let status_code = status.as_u16();
    span.record("status", status_code);
    span.in_scope(|| {
        // Machines ask for these every few seconds.
        if matches!(&*route, "/healthz" | "/readyz" | "/metrics") && status.is_success() {
            tracing::debug!(status = status_code, micros, "answered");
        } else if status.is_server_error() {
            tracing::warn!(status = status_code, micros, "answered");
        } else {
            tracing::info!(status = status_code, micros, "answered");
        }
    });
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// What a request's lines in the log have in common. It is as high as an error, so that a line about a fault has its
/// request's id and route whichever level is logged.
fn span(id: &str, method: &Method, route: &str) -> tracing::Span {
    tracing::error_span!("request", id, method = label(method), route, status = tracing::field::Empty)
}

/// Who asks, if the connection is a trusted proxy's: the last address that it was told of and that is no proxy's too.
fn behind_proxies(trusted: &[IpAddr], request: &Request) -> Option<IpAddr> {
    let ConnectInfo(Peer(connected)) = request.extensions().get::<ConnectInfo<Peer>>()?;
    trusted.contains(&connected.to_canonical()).then(|| forwarded(trusted, request.headers())).flatten()
}

fn forwarded(trusted: &[IpAddr], headers: &HeaderMap) -> Option<IpAddr> {
    let lines: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or_default()).collect();
    for told in lines.join(",").rsplit(',').map(str::trim) {
        // What is no address was not written by a proxy of ours, and neither was anything before it.
        let address = address(told)?.to_canonical();
        if !trusted.contains(&address) {
            return Some(address);
        }
    }
    None
}

/// An address as proxies write it: some with the port, and IPv6 then in brackets.
fn address(told: &str) -> Option<IpAddr> {
    let bare = told.strip_prefix('[').and_then(|told| told.strip_suffix(']')).unwrap_or(told);
    bare.parse().ok().or_else(|| told.parse::<SocketAddr>().ok().map(|told| told.ip()))
}

/// Whether requests should be sent here: the database answers, changes are accepted, nobody has asked to stop.
async fn ready(State(front): State<Arc<Front>>) -> Response {
    let not_ready = |why: &'static str| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    if front.is_stopping.load(Ordering::Acquire) {
        return not_ready("stopping\n");
    }
    if !front.app.accepts_writes() {
        return not_ready("changes are not accepted, since the storage failed: mend it and start again\n");
    }
    let asked = async {
        let mut snapshot = front.app.store().snapshot().await?;
        snapshot.heads(None, 1).await?;
        snapshot.close().await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n").into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            not_ready("the database does not answer\n")
        }
        Err(_) => not_ready("the database does not answer in time\n"),
    }
}

async fn numbers(State(front): State<Arc<Front>>) -> Response {
    let mut text = String::with_capacity(16 << 10);
    front.metrics.write(&mut text);
    let backlog = match tokio::time::timeout(PATIENCE, front.app.backlog()).await {
        Ok(Ok(backlog)) => Some(backlog),
        Ok(Err(error)) => {
            tracing::warn!(?error, "what waits in the database cannot be counted");
            None
        }
        Err(_) => None,
    };
    health::write(&mut text, &front.app, &front.numbers, &front.places, backlog.as_ref());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (CACHE_CONTROL, "no-store")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_about_a_fault_has_its_requests_id_where_errors_alone_are_logged() {
        use tracing_subscriber::layer::SubscriberExt as _;
        let quiet = tracing_subscriber::registry().with(tracing::level_filters::LevelFilter::ERROR);
        tracing::subscriber::with_default(quiet, || {
            assert!(!span("1f-0", &Method::POST, "/graphql").is_disabled());
        });
    }

    fn from(connected: &str, forwarded: &[&str]) -> Option<String> {
        let trusted: Vec<IpAddr> = ["127.0.0.1", "10.0.0.1"].iter().map(|address| address.parse().unwrap()).collect();
        let mut request = Request::default();
        request.extensions_mut().insert(ConnectInfo(Peer(connected.parse().unwrap())));
        for line in forwarded {
            request.headers_mut().append(FORWARDED_FOR, line.parse().unwrap());
        }
        behind_proxies(&trusted, &request).map(|peer| peer.to_string())
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_what_they_wrote() {
        assert_eq!(from("127.0.0.1", &["203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(from("::ffff:127.0.0.1", &["203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(
            from("127.0.0.1", &["6.6.6.6, 203.0.113.7"]).as_deref(),
            Some("203.0.113.7"),
            "what the client claimed"
        );
        assert_eq!(from("127.0.0.1", &["6.6.6.6", "203.0.113.7, 10.0.0.1"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(from("127.0.0.1", &["203.0.113.7, nonsense"]), None);
        for (told, expected) in [
            ("203.0.113.7:443", "203.0.113.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("203.0.113.7, 10.0.0.1:9000", "203.0.113.7"),
        ] {
            assert_eq!(from("127.0.0.1", &[told]).as_deref(), Some(expected), "{told}");
        }
        assert_eq!(from("127.0.0.1", &[]), None);
        assert_eq!(from("203.0.113.9", &["6.6.6.6"]), None, "no proxy of ours");
    }
}
