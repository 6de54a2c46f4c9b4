//! `/files/{id}`: a file's bytes, for who sees the file (H4).
//!
//! - Who asks is known by the same credentials as in GraphQL; a file that is not theirs to see is answered like one that is
//!   not there.
//! - The entry in the access log is committed before the first byte leaves (R3).
//! - A session or access that ends breaks off what it has begun to read (A4): the body is shorter than its length says.
//! - What is sent is saved and never shown: as an attachment, with a type from a closed list, `nosniff`, in a sandbox that
//!   may do nothing, kept by no cache and embedded by no other site.
//! - One range may be asked for, with GET (RFC 9110, section 14); only the chunks in which it lies are read. Several at once, or what
//!   is no range, are answered with the whole.

use std::ops::Range;
use std::sync::Arc;

use app::readings::Noted;
use app::{App, Error, Reader, View};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use domain::file::File;
use domain::id::FileId;
use domain::reading::Part;
use futures_util::{FutureExt as _, StreamExt as _};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_RANGE, RANGE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::gate::Doorkeeper;
use crate::http::{Gate as _, Settings, origin};
use crate::words::Viewer;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

struct Room {
    gate: Doorkeeper,
    settings: Settings,
}

/// The router of downloads.
pub(crate) fn router(app: App, settings: Settings) -> Router {
    let room = Arc::new(Room { gate: Doorkeeper(app, crate::Trusted::default()), settings });
    Router::new().route("/files/{id}", get(open)).with_state(room)
}

async fn open(State(room): State<Arc<Room>>, id: Result<Path<String>, PathRejection>, parts: Parts) -> Response {
    // What is no text names no file.
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let answer = tokio::time::timeout(room.settings.bounds.request, answer(&room, &id, &parts)).await;
    let mut response = answer.unwrap_or(Err(Error::Unavailable)).unwrap_or_else(|error| refused(&error));
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "private, no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn answer(room: &Room, id: &str, parts: &Parts) -> Result<Response, Error> {
    let shown = origin::shown(parts, &room.settings);
    // A cookie that another site makes a browser send lets nobody in.
    if shown.bearer.is_none() && !origin::is_same_site(parts, &room.settings) {
        return Err(Error::Unauthenticated);
    }
    let viewer = room.gate.identify(shown).await.map_err(|refused| match refused.code {
        "UNAUTHENTICATED" => Error::Unauthenticated,
        _ => Error::Unavailable,
    })?;
    let noted = Noted::default();
    let (view, row) = find(&room.gate.0, &viewer, id, &noted).await?.ok_or(Error::NotFound)?;
    let name = view.read(&row, &row.name).await?.unwrap_or_default();
    let size = u64::from(row.size_bytes);
    // Ranges are defined for GET alone.
    let is_head = parts.method == Method::HEAD;
    let wanted = if is_head { Wanted::Whole } else { asked(&parts.headers, &row, size) };
    let (status, range) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Beyond => {
            let length = [(CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, length, "The file ends before that.\n").into_response());
        }
    };
    let practice = view.scope.practice;
    let key =
        if is_head { None } else { Some(view.file_key(&row, Part::of(&range, size)).await?.ok_or(Error::NotFound)?) };
    // Before anything else is asked of the database: whoever waits there, or reads slowly, holds no snapshot.
    drop(view);
    room.gate.0.enter(&noted).await?;
    let body = match key {
        Some(key) => {
            let content = room.gate.0.content(practice, &row, &key, range.clone()).await?;
            Body::from_stream(content.take_until(room.gate.ended(&viewer).boxed()))
        }
        None => Body::empty(),
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let disposition = HeaderValue::try_from(disposition(&name)).map_err(Error::internal)?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(row.media.name()));
    headers.insert(CONTENT_DISPOSITION, disposition);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, HeaderValue::try_from(tag(row.id)).map_err(Error::internal)?);
    if status == StatusCode::PARTIAL_CONTENT {
        let place = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        headers.insert(CONTENT_RANGE, HeaderValue::try_from(place).map_err(Error::internal)?);
    }
    Ok(response)
}

/// The file of this id in the portals of the viewer; a program looks only where its token reaches.
async fn find(app: &App, viewer: &Viewer, id: &str, noted: &Noted) -> Result<Option<(View, File)>, Error> {
    let person = viewer.somebody().ok_or(Error::Unauthenticated)?;
    let Ok(id) = id.parse::<FileId>() else { return Ok(None) };
    let reader = Reader { noted: noted.clone(), ..Reader::new(person, viewer.through()) };
    let (_, portals, _) = app.account(person).await?;
    for portal in portals.into_iter().filter(|portal| viewer.in_portal(portal.practice, portal.portal).is_ok()) {
        let view = match app.view(&reader, portal.practice, portal.portal, None).await {
            Ok(view) => view,
            Err(Error::NotFound) => continue,
            Err(other) => return Err(other),
        };
        if let Some(row) = view.one::<File>(id).await? {
            return Ok(Some((view, row)));
        }
    }
    Ok(None)
}

/// What of a file is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// All of it.
    Whole,
    /// This part, which is not empty.
    Part(Range<u64>),
    /// A part that begins after its end.
    Beyond,
}

fn asked(headers: &HeaderMap, row: &File, size: u64) -> Wanted {
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Wanted::Whole };
    // A range of something else than what the client has is the whole of this.
    if headers.get(IF_RANGE).is_some_and(|of| of.as_bytes() != tag(row.id).as_bytes()) {
        return Wanted::Whole;
    }
    range.to_str().map_or(Wanted::Whole, |range| wanted(range, size))
}

/// The range that a header asks for, of so many bytes (RFC 9110, section 14.1.2).
fn wanted(range: &str, size: u64) -> Wanted {
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        // A number that is too large is beyond any end.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let unit = range.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = unit.and_then(|(_, set)| set.trim().split_once('-')) else { return Wanted::Whole };
    match (first.is_empty(), number(first), last.is_empty(), number(last)) {
        // The last bytes, so many.
        (true, _, false, Some(0)) => Wanted::Beyond,
        (true, _, false, Some(_)) if size == 0 => Wanted::Beyond,
        (true, _, false, Some(length)) => Wanted::Part(size.saturating_sub(length)..size),
        (false, Some(first), _, Some(last)) if last < first => Wanted::Whole,
        (false, Some(first), ..) if first >= size && (last.is_empty() || number(last).is_some()) => Wanted::Beyond,
        (false, Some(first), true, _) => Wanted::Part(first..size),
        (false, Some(first), false, Some(last)) => Wanted::Part(first..last.saturating_add(1).min(size)),
        _ => Wanted::Whole,
    }
}

/// A file's bytes never change: its id names them.
fn tag(file: FileId) -> String {
    format!("\"{file}\"")
}

/// What a browser saves it as (RFC 6266): the name in ASCII for old ones, and as it is (RFC 8187).
fn disposition(name: &str) -> String {
    use std::fmt::Write as _;
    let plain: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || " ._-()".contains(letter) { letter } else { '_' })
        .collect();
    let mut exact = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            exact.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(exact, "%{byte:02X}");
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

fn refused(error: &Error) -> Response {
    let (status, said) = match error {
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "Sign in first.\n"),
        Error::NotFound | Error::Forbidden => (StatusCode::NOT_FOUND, "There is no such file that you can see.\n"),
        Error::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "The server's storage is full. Try again later.\n"),
        Error::Unavailable | Error::Again | Error::Building { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "The file cannot be read now. Try again later.\n")
        }
        Error::Refused(_) | Error::ConflictingKey | Error::BadRequest(_) | Error::Internal(_) => {
            tracing::error!(?error, "a file could not be read");
            (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong in the server.\n")
        }
    };
    let mut response = (status, said).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_rfc_9110_says() {
        for (range, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=0-99", Wanted::Part(0..10)),
            ("bytes=9-", Wanted::Part(9..10)),
            ("bytes=3-5", Wanted::Part(3..6)),
            ("Bytes = 3-5", Wanted::Part(3..6)),
            ("bytes=-1", Wanted::Part(9..10)),
            ("bytes=-10", Wanted::Part(0..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Beyond),
            ("bytes=10-12", Wanted::Beyond),
            ("bytes=-0", Wanted::Beyond),
            ("bytes=99999999999999999999-", Wanted::Beyond),
            ("bytes=0-99999999999999999999", Wanted::Part(0..10)),
            // What is no single range is not looked at.
            ("bytes=5-3", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(wanted(range, 10), expected, "{range}");
        }
    }

    #[test]
    fn a_name_is_told_safely() {
        for (name, expected) in [
            ("contract.pdf", "attachment; filename=\"contract.pdf\"; filename*=UTF-8''contract.pdf"),
            ("Grüße, 1.txt", "attachment; filename=\"Gr__e_ 1.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%2C%201.txt"),
            ("a\"; b=\"c", "attachment; filename=\"a__ b__c\"; filename*=UTF-8''a%22%3B%20b%3D%22c"),
            ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ] {
            assert_eq!(disposition(name), expected);
        }
    }
}
