//! GraphQL over server-sent events, in distinct connections mode: one connection, one operation; each result is an event
//! `next`, and the end an event `complete`, so a browser's `EventSource` reads it without a library.
//!
//! What fails before execution answers with a status, so that an `EventSource` gives up instead of asking again. The
//! `id` of an event is the position of its item; when the browser connects again it sends the last one, and the
//! operation's variable `after` is set to it: nothing is missed. An item that is not whole has none: it counts as not told.
//!
//! Nothing is buffered here: the connection asks for the next event when it has room for it. A reader that stands still is
//! cut off by the listener ([`super::patience`]).

use std::convert::Infallible;

use async_graphql::Value;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Fuse};
use futures_util::{FutureExt, StreamExt};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use tokio::time::{Instant, Interval};

use super::answer::{Media, Told};
use super::numbers::{Kind, Open};
use super::seats::Seat;
use super::{Refused, Settings};

const COMPLETE: &str = "event: complete\ndata:\n\n";

/// Begins the event stream, or answers with a status if the operation failed before execution.
pub(super) fn begin(
    results: BoxStream<'static, Told>,
    (ended, stopping): (BoxFuture<'static, ()>, BoxFuture<'static, ()>),
    seat: Seat,
    settings: &Settings,
) -> Response {
    let mut results = results.fuse();
    // Checking a document does not wait for anything, so the first look at the stream finds its refusal.
    let first = results.next().now_or_never();
    let first = match first.flatten() {
        Some(told) if told.is_unexecuted() => return told.respond(Media::Events),
        first => first,
    };
    let every = settings.bounds.heartbeat;
    let heartbeat = tokio::time::interval_at(Instant::now() + every, every);
    let open = settings.numbers.open(Kind::Stream);
    let feed = Feed { first, results, ended, stopping, heartbeat, is_over: false, _seat: seat, _open: open };
    let events = stream::unfold(feed, |mut feed| async {
        let event = feed.event().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    let mut response = Body::from_stream(events).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // proxies that collect an answer before they pass it on are told not to
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Feed {
    first: Option<Told>,
    results: Fuse<BoxStream<'static, Told>>,
    ended: BoxFuture<'static, ()>,
    stopping: BoxFuture<'static, ()>,
    heartbeat: Interval,
    is_over: bool,
    _seat: Seat,
    _open: Open,
}

impl Feed {
    /// The next event's text, or `None` at the end.
    async fn event(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        if let Some(told) = self.first.take() {
            return Some(next(&told));
        }
        Some(tokio::select! {
            biased;
            () = &mut self.ended => {
                self.is_over = true;
                let refused = Refused::new("UNAUTHENTICATED", "The session or the access has ended.");
                next(&Told::refused(refused)) + COMPLETE
            }
            // The stream ends without being complete, so an EventSource comes again and goes on.
            () = &mut self.stopping => return None,
            told = self.results.next() => if let Some(told) = told { next(&told) } else {
                self.is_over = true;
                COMPLETE.to_owned()
            },
            _ = self.heartbeat.tick() => ":\n\n".to_owned(),
        })
    }
}

fn next(told: &Told) -> String {
    let whole = told.data.as_ref().filter(|_| told.errors.is_empty());
    let id = whole.and_then(position).map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: next\n{id}data: {}\n\n", told.json())
}

/// The `position` of the root field, if it is one that fits in a line.
fn position(data: &Value) -> Option<&str> {
    let Value::Object(fields) = data else { return None };
    let Value::Object(item) = fields.values().next()? else { return None };
    let Value::String(position) = item.get("position")? else { return None };
    position.bytes().all(|byte| byte.is_ascii_graphic()).then_some(position)
}
