//! GraphQL over server-sent events, in distinct connections mode: one connection, one operation; each result is an event
//! `next`, and the end an event `complete`, so a browser's `EventSource` reads it without a library.
//!
//! What fails before execution answers with a status, so that an `EventSource` gives up instead of asking again. The
//! `id` of an event is the position of its item; when the browser connects again it sends the last one, and the
//! operation's variable `after` is set to it: nothing is missed. An item that is not whole has none: it counts as not told.
//!
//! A connection is given the next piece of the stream when it has written the one before ([`super::pieces`]): so there is
//! nothing behind it that was made and cannot be taken back. What the operation makes meanwhile, and what becomes of it where its
//! reader loses access, is as on a socket ([`super::results`]); where that happens while something is half written, the
//! connection breaks off. A reader that stands still is cut off by the listener ([`super::patience`]).

use std::io;

use async_graphql::Value;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::{BoxFuture, Fuse};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval};

use super::answer::{Media, Told};
use super::numbers::{Kind, Open};
use super::results::{Operation, Results};
use super::seats::Seat;
use super::{Gate, Refused, Settings, pieces};

const COMPLETE: &str = "event: complete\ndata:\n\n";

/// Begins the event stream, or answers with a status if the operation failed before execution.
pub(super) fn begin<G: Gate>(
    gate: G,
    (results, looked): (BoxStream<'static, Told>, G::Looked),
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
    let mut feed = Feed {
        gate,
        results: Results::new(),
        telling: None,
        text: Bytes::new(),
        written: None,
        ended: ended.fuse(),
        stopping,
        heartbeat,
        is_over: false,
        _seat: seat,
        _open: settings.numbers.open(Kind::Stream),
    };
    // It is one of one, so no id is needed.
    let (operation, _) = Operation::new(String::new(), results.boxed(), looked);
    match first {
        Some(told) => {
            feed.text = next(&told).into();
            feed.telling = Some(operation);
        }
        None => feed.results.goes_on(operation),
    }
    let pieces = stream::unfold(feed, |mut feed| async {
        let piece = feed.piece().await?;
        Some((piece, feed))
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // proxies that collect an answer before they pass it on are told not to
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Feed<G: Gate> {
    gate: G,
    results: Results<G>,
    /// The operation whose result is being told. It goes on when that is written.
    telling: Option<Operation<G>>,
    /// What of the event that is being told was not given to the connection yet.
    text: Bytes,
    /// Resolves when the connection has written what it was given.
    written: Option<oneshot::Receiver<()>>,
    ended: Fuse<BoxFuture<'static, ()>>,
    stopping: BoxFuture<'static, ()>,
    heartbeat: Interval,
    is_over: bool,
    _seat: Seat,
    _open: Open,
}

impl<G: Gate> Feed<G> {
    /// The next piece of the stream, once the one before is written; an error where it must break off, or `None` at the end.
    async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        let broken_off = || Some(Err(io::Error::other("who reads has lost access")));
        if let Some(written) = self.written.take() {
            let shows = (&self.gate, self.telling.as_ref().map(|operation| &operation.looked));
            if self.results.made_until_written(written, &mut self.ended, shows).await.is_none() {
                return broken_off();
            }
        }
        if self.text.is_empty() {
            if let Some(operation) = self.telling.take() {
                self.results.goes_on(operation);
            }
            self.text = self.event().await?.into();
        } else {
            // What is left of an event is told only if it still stands.
            let looked = self.telling.as_ref().map(|operation| operation.looked.clone()).unwrap_or_default();
            let stands = self.results.made_until(Box::pin(self.gate.stands(&looked))).await;
            if stands.is_err() || (&mut self.ended).now_or_never().is_some() {
                return broken_off();
            }
        }
        let (bytes, written) = pieces::split(&mut self.text);
        self.written = Some(written);
        Some(Ok(bytes))
    }

    /// The next event's text, or `None` at the end.
    async fn event(&mut self) -> Option<String> {
        if self.is_over {
            return None;
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
            (told, operation) = self.results.next(&self.gate) => match told {
                Some(told) if told.is_unexecuted() => {
                    self.is_over = true;
                    next(&told) + COMPLETE
                }
                Some(told) => {
                    self.telling = Some(operation);
                    next(&told)
                }
                None => {
                    self.is_over = true;
                    COMPLETE.to_owned()
                }
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
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use axum::body::BodyDataStream;

    use super::*;
    use crate::http::answer::Incidents;
    use crate::http::results::tests::Open as Everybody;
    use crate::http::seats::{Seats, Sitter};
    use crate::http::{Bounds, Numbers};

    /// The pieces of an event stream of these results, which are to be seen in this way and whose session never ends.
    fn begun(results: BoxStream<'static, Told>, looked: Arc<AtomicBool>, heartbeat: Duration) -> BodyDataStream {
        let settings = Settings {
            origins: Vec::new(),
            session_cookie: String::new(),
            browser_cookie: String::new(),
            nonce: 7,
            bounds: Bounds { heartbeat, ..Bounds::default() },
            numbers: Numbers::default(),
        };
        let seat = Seats::default().take(Sitter::Person([1; 16]), 1).unwrap();
        let ends = (pending().boxed(), pending().boxed());
        begin(Everybody, (results, looked), ends, seat, &settings).into_body().into_data_stream()
    }

    /// As many results as are asked for, each of which is counted.
    fn counted() -> (BoxStream<'static, Told>, mpsc::Receiver<()>) {
        let ((count, counted), incidents) = (mpsc::channel(), Incidents::new(7));
        let results = stream::repeat_with(move || {
            count.send(()).unwrap();
            incidents.tell(async_graphql::Response::new(Value::Null))
        });
        (results.boxed(), counted)
    }

    #[tokio::test]
    async fn a_result_that_was_begun_is_made_while_a_sign_of_life_is_written() {
        let ((goes_on, is_waited_for), (over, is_made)) = (oneshot::channel::<()>(), oneshot::channel());
        let made = async move {
            is_waited_for.await.unwrap();
            over.send(()).unwrap();
            Told::default()
        };
        let mut pieces = begun(stream::once(made).boxed(), Arc::default(), Duration::from_millis(1));
        let unwritten = pieces.next().await.unwrap().unwrap();
        assert_eq!(unwritten, ":\n\n");
        goes_on.send(()).unwrap();
        tokio::select! {
            _ = pieces.next() => panic!("nothing is given before what was given is written"),
            made = is_made => made.unwrap(),
        }
    }

    #[tokio::test]
    async fn an_event_is_made_and_given_when_the_one_before_is_written() {
        let (results, counted) = counted();
        let mut pieces = begun(results, Arc::default(), Duration::from_mins(1));
        for _ in 0..3 {
            let unwritten = pieces.next().await.unwrap().unwrap();
            assert_eq!(unwritten, "event: next\ndata: {\"data\":null}\n\n");
            assert!(pieces.next().now_or_never().is_none());
            assert_eq!(counted.try_iter().count(), 1);
        }
    }

    #[tokio::test]
    async fn what_is_out_of_sight_is_not_written_to_its_end() {
        let (results, _counted) = counted();
        let looked = Arc::new(AtomicBool::new(false));
        let mut pieces = begun(results, looked.clone(), Duration::from_mins(1));
        let _unwritten = pieces.next().await.unwrap().unwrap();
        looked.store(true, Ordering::Relaxed);
        assert!(pieces.next().await.unwrap().is_err());
    }
}
