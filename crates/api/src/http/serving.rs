//! Serving connections, by HTTP/1.1 and what it is upgraded to. A proxy in front speaks to browsers as it likes.
//!
//! Each connection is one that only waits, until its client has said something: a client who says nothing, or a header
//! line a minute, costs a file and memory all the same. So each is closed whose first request's head is not there in
//! time, and each that waits for the next one for too long. From a request's head on, its own bounds hold.
//! ([`patience`](super::patience) has what else a connection may not.)
//!
//! A request may be answered before its body was read, as a refusal of its headers is. Nobody waits for what is then still to come, so
//! the connection ends with such an answer, which says so (RFC 9112, section 9.6): else its client would lose the next
//! request on it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::Peer;
use super::patience::{Patient, PatientStream};

/// How long a connection is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// From its opening to the end of its first request's head.
    pub first: Duration,
    /// From an answer to the end of the next request's head.
    pub next: Duration,
}

impl Default for Waits {
    /// The second one is longer than proxies keep a connection that they do not use: where both close it at once, a
    /// request may be lost between them.
    fn default() -> Self {
        Self { first: Duration::from_secs(10), next: Duration::from_secs(150) }
    }
}

/// Answers what comes to the listener, until `stopping` resolves and all requests that ran by then are answered. Dropping it
/// breaks its connections off, but for sockets, which are tasks of their own.
pub async fn serve(mut listener: Patient, router: Router, stopping: impl Future<Output = ()>) {
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stopping = pin!(stopping);
    loop {
        tokio::select! {
            () = &mut stopping => break,
            (stream, peer) = listener.accept() => {
                let connection = connection((stream, peer), router.clone(), listener.waits, stopped.clone());
                connections.spawn(connection);
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
    drop(listener);
    stop.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection until it ends.
async fn connection(
    (stream, peer): (PatientStream, SocketAddr),
    router: Router,
    waits: Waits,
    mut stopped: watch::Receiver<bool>,
) {
    let was_asked = Arc::new(AtomicBool::new(false));
    let asked = was_asked.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        asked.store(true, Ordering::Release);
        request.extensions_mut().insert(ConnectInfo(Peer(peer.ip())));
        answer(router.clone(), request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(waits.next);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let mut first = pin!(tokio::time::sleep(waits.first));
    let (mut is_new, mut is_stopping) = (true, false);
    loop {
        tokio::select! {
            // What a client did wrong, or that it went, is nobody's fault here.
            _ended_or_broken = serving.as_mut() => return,
            () = first.as_mut(), if is_new => {
                is_new = false;
                if !was_asked.load(Ordering::Acquire) {
                    return;
                }
            }
            _ = stopped.wait_for(|stop| *stop), if !is_stopping => {
                is_stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Answers a request; an answer that was there before the body was read to its end says that it is the connection's last.
async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, Infallible> {
    let is_read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let request = request.map(|body| Body::new(Noted { body, is_read: is_read.clone() }));
    let mut response = router.oneshot(request).await?;
    if !is_read.load(Ordering::Acquire) && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// A request's body that notes when it was read to its end.
struct Noted {
    body: Incoming,
    is_read: Arc<AtomicBool>,
}

impl hyper::body::Body for Noted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.is_read.store(true, Ordering::Release);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
