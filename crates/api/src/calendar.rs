//! `/calendar/{token}.ics`: what a person's calendar program reads, over and over.
//!
//! The address alone lets in, so it is answered like a page that holds a secret: kept nowhere but in the program that
//! asked, and the same 404 for every address that is none. A calendar that has not changed is answered without content
//! (`ETag`). One client may ask 120 times in 15 minutes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use app::{App, Error};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::value::Time;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::http::{Settings, origin};

/// How often one client may ask.
const ASKS_MAX: u32 = 120;
/// In how many minutes.
const WINDOW_MINUTES: i64 = 15;
/// How many clients are remembered; more than that at once is a flood, and all are forgotten.
const CLIENTS_MAX: usize = 100_000;

struct Room {
    app: App,
    settings: Settings,
    /// Since when clients ask, and how often.
    asked: Mutex<HashMap<IpAddr, (Time, u32)>>,
}

/// The router of calendars.
pub(crate) fn router(app: App, settings: Settings) -> Router {
    let room = Arc::new(Room { app, settings, asked: Mutex::default() });
    Router::new().route("/calendar/{file}", get(open)).with_state(room)
}

impl Room {
    /// Whether this client may ask once more now; it counts as asked.
    fn may_ask(&self, client: IpAddr) -> bool {
        let now = self.app.clock().now();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= CLIENTS_MAX {
            asked.clear();
        }
        let (since, times) = asked.entry(client).or_insert((now, 0));
        if now >= since.plus_minutes(WINDOW_MINUTES) {
            (*since, *times) = (now, 0);
        }
        *times = times.saturating_add(1);
        *times <= ASKS_MAX
    }
}

async fn open(State(room): State<Arc<Room>>, Path(file): Path<String>, parts: Parts) -> Response {
    let mut answer = if room.may_ask(origin::shown(&parts, &room.settings).peer) {
        let calendar = async {
            match file.strip_suffix(".ics") {
                Some(token) => room.app.calendar(token).await,
                None => Ok(None),
            }
        };
        match tokio::time::timeout(room.settings.bounds.request, calendar).await {
            Ok(Ok(Some(text))) => shown(&parts, text),
            Ok(Ok(None)) => (StatusCode::NOT_FOUND, "There is no calendar at this address.\n").into_response(),
            Ok(Err(error)) => failed(&error),
            Err(_) => failed(&Error::Unavailable),
        }
    } else {
        let retry = [(RETRY_AFTER, HeaderValue::from(WINDOW_MINUTES * 60))];
        (StatusCode::TOO_MANY_REQUESTS, retry, "This calendar is asked for too often. Ask again later.\n")
            .into_response()
    };
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn shown(parts: &Parts, text: String) -> Response {
    let tag = format!("\"{}\"", BASE64.encode(&Sha256::digest(&text)[..18]));
    let known = parts.headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let known = known.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    });
    let etag = [(ETAG, tag)];
    if known {
        return (StatusCode::NOT_MODIFIED, etag).into_response();
    }
    let kind = [
        (CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"calendar.ics\""),
    ];
    (etag, kind, text).into_response()
}

fn failed(error: &Error) -> Response {
    // What failed is said in the log; the address is not.
    tracing::error!(?error, "a calendar could not be read");
    (StatusCode::SERVICE_UNAVAILABLE, "The calendar cannot be read now. Ask again later.\n").into_response()
}
