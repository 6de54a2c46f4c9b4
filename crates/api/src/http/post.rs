//! GraphQL over HTTP: a POST with a JSON body, or with a form that has a file in it (`upload`), and a GET with the parameters in the address, which runs no mutation. The
//! same two methods also begin an event stream, and a GET a socket.

use std::sync::Arc;

use async_graphql::Executor;
use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};
use tokio::time::Instant;

use super::answer::{Fault, Media};
use super::asked::{Asked, Checked};
use super::seats::Sitter;
use super::{Credentials, Gate, Refused, Room, origin, pieces, run, socket, sse, upload};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// More than any position has.
const MAX_LAST_EVENT_BYTES: usize = 100;

/// Answers POST.
pub(super) async fn post<E: Executor, G: Gate>(State(room): State<Arc<Room<E, G>>>, request: Request) -> Response {
    let deadline = Instant::now() + room.settings.bounds.request;
    let (parts, body) = request.into_parts();
    let media = match Media::wanted(&parts.headers) {
        Ok(media) => media,
        Err(fault) => return fault.respond(Media::Json),
    };
    if let Some(boundary) = upload::boundary(&parts.headers) {
        return upload::post(&room, (parts, body, boundary), media).await;
    }
    let checked = async {
        is_plain(&parts.headers)?;
        is_json(&parts.headers)?;
        let credentials = origin::credentials(&parts, &room.settings)?;
        let body = tokio::time::timeout_at(deadline, read(body, room.settings.bounds.body_bytes)).await;
        let body =
            body.map_err(|_| Fault::bad("The body did not arrive in time.").with_status(StatusCode::REQUEST_TIMEOUT))??;
        let checked = Asked::from_json(&body)?.checked(&room, &parts.headers)?;
        Ok((checked, credentials))
    };
    match checked.await {
        Ok((checked, credentials)) => {
            let last_event = last_event(&parts.headers);
            answer(room, Arrival { checked, credentials, media, deadline, last_event }).await
        }
        Err(fault) => Fault::respond(fault, media),
    }
}

/// Answers GET.
pub(super) async fn get<E: Executor, G: Gate>(State(room): State<Arc<Room<E, G>>>, request: Request) -> Response {
    let deadline = Instant::now() + room.settings.bounds.request;
    let (mut parts, _) = request.into_parts();
    // Whoever offers another protocol is answered in this one (RFC 9110, section 7.8).
    if parts.headers.get(UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return match origin::socket_credentials(&parts, &room.settings) {
            Ok(credentials) => match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
                Ok(upgrade) => socket::open(room, upgrade, credentials),
                Err(rejection) => rejection.into_response(),
            },
            Err(fault) => fault.respond(Media::Json),
        };
    }
    let media = match Media::wanted(&parts.headers) {
        Ok(media) => media,
        Err(fault) => return fault.respond(Media::Json),
    };
    match asked_by_get(&room, &parts) {
        Ok((checked, _)) if checked.kind == OperationType::Mutation => {
            let fault = Fault::bad("A mutation cannot be run by GET. Use POST.");
            let mut response = fault.with_status(StatusCode::METHOD_NOT_ALLOWED).respond(media);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            response
        }
        Ok((checked, credentials)) => {
            let last_event = last_event(&parts.headers);
            answer(room, Arrival { checked, credentials, media, deadline, last_event }).await
        }
        Err(fault) => fault.respond(media),
    }
}

fn asked_by_get<E: Executor, G: Gate>(room: &Room<E, G>, parts: &Parts) -> Result<(Checked, Credentials), Fault> {
    let credentials = origin::credentials(parts, &room.settings)?;
    let checked = Asked::from_query(parts.uri.query().unwrap_or_default())?.checked(room, &parts.headers)?;
    Ok((checked, credentials))
}

/// A request that may be run once its viewer is known.
struct Arrival {
    checked: Checked,
    credentials: Credentials,
    media: Media,
    deadline: Instant,
    /// The `Last-Event-ID` of an `EventSource` that connects again.
    last_event: Option<String>,
}

async fn answer<E: Executor, G: Gate>(room: Arc<Room<E, G>>, arrival: Arrival) -> Response {
    let Arrival { mut checked, credentials, media, deadline, last_event } = arrival;
    if checked.kind == OperationType::Subscription && media != Media::Events {
        let message = "A subscription needs the header Accept: text/event-stream, or a WebSocket.";
        return Fault::bad(message).respond(media);
    }
    let peer = credentials.peer;
    let viewer = match tokio::time::timeout_at(deadline, room.gate.identify(credentials)).await {
        Ok(Ok(viewer)) => viewer,
        Ok(Err(refused)) => return Fault::refused(refused).respond(media),
        Err(_) => return Fault::refused(run::too_slow()).respond(media),
    };
    let looked = G::Looked::default();
    if media == Media::Events {
        if let Some(position) = last_event {
            checked = checked.resumed_after(&position);
        }
        let seat = room.streams.take(Sitter::of(&room.gate, &viewer, peer), room.settings.bounds.streams_per_person);
        let Some(seat) = seat else {
            let most = room.settings.bounds.streams_per_person;
            let refused = Refused::new("RATE_LIMITED", format!("At most {most} event streams are open at once."));
            return Fault::refused(refused).respond(media);
        };
        let ended = room.gate.ended(&viewer).boxed();
        let results = run::stream(Arc::clone(&room), checked.with(looked.clone()).by(viewer, deadline));
        let stopping = room.gate.stopping().boxed();
        return sse::begin(room.gate.clone(), (results, looked), (ended, stopping), seat, &room.settings);
    }
    let told = run::once(&room, checked.with(looked.clone()).by(viewer.clone(), deadline)).await;
    told.handed_over(media, |text| pieces::body(text, &room.gate, &viewer, looked))
}

/// The `Last-Event-ID`, which becomes a variable after variables were weighed. The beginning of one that is too long is
/// no position either, and is refused.
fn last_event(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(LAST_EVENT_ID)?.to_str().ok()?;
    let id = id.get(..id.floor_char_boundary(MAX_LAST_EVENT_BYTES))?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// Refuses every body that was packed: a small one may come to any length.
fn is_plain(headers: &HeaderMap) -> Result<(), Fault> {
    if headers.get_all(CONTENT_ENCODING).iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let fault = Fault::bad("A body is read as it is: send it without a content encoding.");
    Err(fault.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// Refuses every body that is not JSON in UTF-8. This is also what keeps other sites' forms out.
fn is_json(headers: &HeaderMap) -> Result<(), Fault> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_json = parts.next().as_deref() == Some("application/json");
    let is_utf8 = parts.filter_map(|part| part.strip_prefix("charset=").map(|name| name.trim_matches('"').to_owned()));
    if is_json && is_utf8.into_iter().all(|name| name == "utf-8" || name == "utf8") {
        return Ok(());
    }
    let fault = Fault::bad("The content type must be application/json, in UTF-8.");
    Err(fault.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

async fn read(body: Body, most: usize) -> Result<Bytes, Fault> {
    let body = Limited::new(body, most).collect().await;
    body.map(Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            let fault = Fault::bad(format!("The body is longer than {most} bytes."));
            return fault.with_status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Fault::bad("The body broke off.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_last_event_id_only_the_beginning_is_read() {
        let read = |id: &str| last_event(&HeaderMap::from_iter([(LAST_EVENT_ID, HeaderValue::from_str(id).unwrap())]));
        assert_eq!(read("at1f").as_deref(), Some("at1f"));
        assert_eq!(read(""), None);
        assert_eq!(read(&"a".repeat(300_000)), Some("a".repeat(MAX_LAST_EVENT_BYTES)));
    }
}
