//! GraphQL over server-sent events, in distinct connections mode: one connection, one operation; each result is an event
//! `next`, and the end an event `complete`, so a browser's `EventSource` reads it without a library.
//!
//! What fails before execution answers with a status, so that an `EventSource` gives up instead of asking again. The
//! `id` of an event is the position of its item; when the browser connects again it sends the last one, and the
//! operation's variable `after` is set to it: nothing is missed. An item that is not whole has none: it counts as not told.
//!
//! The connection asks for the next event when it has room for it, and one result is made ahead, in a task of its own. Else
//! one that was begun would stand still where somebody reads slowly, with a snapshot in hand, or opening what all who
//! follow a practice wait for. A reader that stands still is cut off by the listener ([`super::patience`]).

use std::convert::Infallible;

use async_graphql::Value;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Fuse};
use futures_util::{FutureExt, StreamExt};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
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
    let (results, making) = made(results);
    let feed =
        Feed { first, results, ended, stopping, heartbeat, is_over: false, _making: making, _seat: seat, _open: open };
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

/// Results as they are made, one ahead of whoever takes them, for as long as the set is held.
fn made(mut results: Fuse<BoxStream<'static, Told>>) -> (mpsc::Receiver<Told>, JoinSet<()>) {
    let (sender, made) = mpsc::channel(1);
    let mut making = JoinSet::new();
    making.spawn(async move {
        while let Ok(room) = sender.reserve().await {
            let Some(told) = results.next().await else { return };
            room.send(told);
        }
    });
    (made, making)
}

struct Feed {
    first: Option<Told>,
    results: mpsc::Receiver<Told>,
    ended: BoxFuture<'static, ()>,
    stopping: BoxFuture<'static, ()>,
    heartbeat: Interval,
    is_over: bool,
    _making: JoinSet<()>,
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
            told = self.results.recv() => if let Some(told) = told { next(&told) } else {
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

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;
    use crate::http::seats::{Seats, Sitter};
    use crate::http::{Bounds, Numbers};

    /// An event stream of these results, whose session never ends.
    fn begun(results: BoxStream<'static, Told>) -> Response {
        let settings = Settings {
            origins: Vec::new(),
            session_cookie: String::new(),
            browser_cookie: String::new(),
            nonce: 7,
            bounds: Bounds::default(),
            numbers: Numbers::default(),
        };
        let seat = Seats::default().take(Sitter::Person([1; 16]), 1).unwrap();
        begin(results, (pending().boxed(), pending().boxed()), seat, &settings)
    }

    #[tokio::test]
    async fn a_result_that_was_begun_is_made_though_nobody_reads() {
        let (over, is_made) = oneshot::channel();
        let made = async move {
            yield_now().await;
            over.send(()).unwrap();
            Told::default()
        };
        let response = begun(stream::once(made).boxed());
        assert_eq!(tokio::time::timeout(Duration::from_mins(1), is_made).await, Ok(Ok(())));
        drop(response);
    }

    #[tokio::test]
    async fn one_result_is_made_ahead_and_no_more() {
        let (count, counted) = std::sync::mpsc::channel();
        let results = stream::repeat_with(move || {
            count.send(()).unwrap();
            Told::default()
        });
        let (mut results, _making) = made(results.boxed().fuse());
        for _ in 0..3 {
            for _ in 0..9 {
                yield_now().await;
            }
            assert_eq!(counted.try_iter().count(), 1);
            assert!(results.recv().await.is_some());
        }
    }
}
