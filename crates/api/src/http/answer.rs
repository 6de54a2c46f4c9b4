//! What a client is told: the body, the codes and the status.
//!
//! An error that carries `extensions.code` was meant for the client and passes as it is. One without was not: if it comes
//! from before execution (syntax, validation, variables) it is the client's own document that is spoken of; if it comes
//! from a resolver its text is ours alone, so the client gets `INTERNAL` and an id, and the log has both.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use async_graphql::{ErrorExtensionValues, Name, PathSegment, Pos, Response, ServerError, Value};
use axum::body::Body;
use axum::response::IntoResponse;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::Refused;
use super::guard::Refusal;

/// An answer lists at most this many errors: a document of 2 000 unknown fields is not told of each.
const MAX_ERRORS: usize = 50;
/// The longest message about what a client sent, in bytes: the library repeats the whole value that it could not read.
const MAX_MESSAGE_BYTES: usize = 1_000;

/// How an answer is written (GraphQL over HTTP, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`, with a status that speaks of the operation.
    GraphQl,
    /// `application/json`: every request that could be read answers 200.
    Json,
    /// `text/event-stream`; what fails before the stream begins is answered like [`Media::GraphQl`].
    Events,
}

impl Media {
    /// The media type that the `Accept` header likes best. Without one, and for `*/*`, it is `application/json`.
    pub(super) fn wanted(headers: &HeaderMap) -> Result<Self, Fault> {
        let mut best: Option<(f32, Self)> = None;
        let mut has_any = false;
        for line in headers.get_all(ACCEPT) {
            for range in line.to_str().unwrap_or_default().split(',').filter(|range| !range.trim().is_empty()) {
                has_any = true;
                let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
                let media = match parts.next().as_deref() {
                    Some("application/graphql-response+json") => Self::GraphQl,
                    Some("application/json" | "application/*" | "*/*") => Self::Json,
                    Some("text/event-stream") => Self::Events,
                    _ => continue,
                };
                let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
                let is_better = best.is_none_or(|(other, than)| {
                    weight > other || (weight >= other && media == Self::GraphQl && than == Self::Json)
                });
                if weight > 0.0 && is_better {
                    best = Some((weight, media));
                }
            }
        }
        match best {
            Some((_, media)) => Ok(media),
            None if has_any => {
                let message = "Accept application/graphql-response+json, application/json or text/event-stream.";
                Err(Fault::bad(message).with_status(StatusCode::NOT_ACCEPTABLE))
            }
            None => Ok(Self::Json),
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphQl | Self::Events => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }
}

/// Why a request is not run at all.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    status: StatusCode,
    /// The request could be read and only its document is wrong, so [`Media::Json`] answers 200.
    is_in_document: bool,
    code: &'static str,
    message: String,
    locations: Vec<Pos>,
}

impl Fault {
    /// The request is not one of ours: 400.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::refused(Refused::new("BAD_REQUEST", message))
    }

    /// The document is not GraphQL.
    pub(super) fn syntax(message: impl Into<String>, locations: Vec<Pos>) -> Self {
        Self { is_in_document: true, locations, ..Self::bad(message) }
    }

    /// Somebody refused, with a code that decides the status.
    pub(super) fn refused(refused: Refused) -> Self {
        let Refused { code, message } = refused;
        Self { status: status_of(code), is_in_document: false, code, message, locations: Vec::new() }
    }

    /// The same with another status.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The HTTP answer.
    pub(super) fn respond(self, media: Media) -> axum::response::Response {
        let status = if self.is_in_document && media == Media::Json { StatusCode::OK } else { self.status };
        respond(media, status, &self.into(), Body::from)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::TooMuch { .. } => Self::refused(Refused::new("QUERY_TOO_COMPLEX", message)),
            Refusal::Unreadable { .. } => Self::syntax(message, Vec::new()),
            Refusal::Operations(_) | Refusal::SubscriptionRoot(_) | Refusal::Twice(_) | Refusal::Cycle(_) => {
                Self::bad(message)
            }
        }
    }
}

/// What a client is told of one execution, or of one item of a subscription.
#[derive(Debug, Default, Serialize)]
pub(super) struct Told {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<ServerError>,
    /// Absent if nothing was executed; null if a field that cannot be null failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: BTreeMap<String, Value>,
    /// What resolvers want to say in HTTP: cookies.
    #[serde(skip)]
    headers: HeaderMap,
}

impl Told {
    /// Nothing but an error with this code.
    pub(super) fn refused(refused: Refused) -> Self {
        Fault::refused(refused).into()
    }

    /// Whether the operation failed before it was executed.
    pub(super) fn is_unexecuted(&self) -> bool {
        self.data.is_none()
    }

    /// The JSON text, in one line.
    pub(super) fn json(&self) -> String {
        // a told value holds no map with keys that are not strings and nothing that fails to serialise
        serde_json::to_string(self).unwrap_or_else(|_| r#"{"errors":[{"message":"Internal error."}]}"#.to_owned())
    }

    /// The HTTP answer.
    pub(super) fn respond(self, media: Media) -> axum::response::Response {
        self.handed_over(media, Body::from)
    }

    /// The HTTP answer, with its text as this body.
    pub(super) fn handed_over(self, media: Media, body: impl FnOnce(String) -> Body) -> axum::response::Response {
        let code = self.errors.first().and_then(code_of).unwrap_or_default();
        // 10 000 ms without an answer, or a panic, are no answer to a GraphQL request in either media type
        let status = match (&self.data, status_of(code)) {
            (None, status) if media != Media::Json || status.is_server_error() => status,
            _ => StatusCode::OK,
        };
        respond(media, status, &self, body)
    }
}

impl From<Fault> for Told {
    fn from(fault: Fault) -> Self {
        let mut error = with_code(fault.message, fault.code);
        error.locations = fault.locations;
        Self { errors: vec![error], ..Self::default() }
    }
}

fn respond(
    media: Media,
    status: StatusCode,
    told: &Told,
    body: impl FnOnce(String) -> Body,
) -> axum::response::Response {
    let text = told.json();
    let length = HeaderValue::from(text.len());
    let mut response = (status, body(text)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length);
    for (name, value) in &told.headers {
        headers.append(name, value.clone());
    }
    headers.insert(CONTENT_TYPE, media.content_type());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn status_of(code: &str) -> StatusCode {
    match code {
        "UNAUTHENTICATED" => StatusCode::UNAUTHORIZED,
        "FORBIDDEN" => StatusCode::FORBIDDEN,
        "NOT_FOUND" => StatusCode::NOT_FOUND,
        "CONFLICTING_IDEMPOTENCY_KEY" => StatusCode::CONFLICT,
        "RATE_LIMITED" => StatusCode::TOO_MANY_REQUESTS,
        "INTERNAL" => StatusCode::INTERNAL_SERVER_ERROR,
        "UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
        "STORAGE_FULL" => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        Value::Enum(code) => Some(code),
        Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Binary(_) | Value::List(_) | Value::Object(_) => {
            None
        }
    }
}

fn with_code(message: impl Into<String>, code: &str) -> ServerError {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    error
}

fn internal(id: &str) -> ServerError {
    let mut error = with_code(format!("Internal error. Its id in the server's log is {id}."), "INTERNAL");
    error.extensions.get_or_insert_default().set("id", id);
    error
}

/// Gives each internal error an id that the client and the log share.
#[derive(Debug)]
pub(super) struct Incidents {
    nonce: u64,
    count: AtomicU64,
}

impl Incidents {
    pub(super) fn new(nonce: u64) -> Self {
        Self { nonce, count: AtomicU64::new(0) }
    }

    /// An id nobody had since the start, that does not tell how many there were (the finaliser of splitmix64).
    fn next_id(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut id = self.nonce.wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        id = (id ^ (id >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        id = (id ^ (id >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        format!("{:016x}", id ^ (id >> 31))
    }

    /// What the client is told of a panic. Its message, which may hold what somebody wrote, is logged nowhere; its place is,
    /// by the process's hook.
    pub(super) fn panicked(&self) -> Told {
        let id = self.next_id();
        tracing::error!(id, "a resolver panicked");
        Told { errors: vec![internal(&id)], ..Told::default() }
    }

    /// What the client is told of a response.
    pub(super) fn tell(&self, response: Response) -> Told {
        let has_no_path = response.errors.iter().all(|error| error.path.is_empty());
        let is_unexecuted = !response.errors.is_empty() && has_no_path && response.data == Value::Null;
        let mut data = response.data;
        for error in &response.errors {
            put_null(&mut data, &error.path);
        }
        let errors = response.errors.into_iter().take(MAX_ERRORS);
        Told {
            errors: errors.map(|error| self.masked(error, is_unexecuted)).collect(),
            data: (!is_unexecuted).then_some(data),
            extensions: response.extensions,
            headers: response.http_headers,
        }
    }

    fn masked(&self, mut error: ServerError, is_unexecuted: bool) -> ServerError {
        if code_of(&error).is_some() {
            return error;
        }
        if is_unexecuted || is_about_input(&error) {
            let code = if is_about_a_limit(&error.message) { "QUERY_TOO_COMPLEX" } else { "BAD_REQUEST" };
            // only the code: what else the extensions may hold was never meant for a client
            let extensions: &mut ErrorExtensionValues = error.extensions.insert(ErrorExtensionValues::default());
            extensions.set("code", code);
            error.message.truncate(error.message.floor_char_boundary(MAX_MESSAGE_BYTES));
            return error;
        }
        let id = self.next_id();
        // Not its path: that is made of the client's aliases.
        tracing::error!(id, message = error.message, "a resolver failed");
        ServerError { path: error.path, locations: error.locations, ..internal(&id) }
    }
}

/// Puts a null where a field failed. The library leaves the field out, and an answer has every field that was selected
/// (GraphQL October 2021, section 6.4.4).
fn put_null(data: &mut Value, path: &[PathSegment]) {
    match (data, path) {
        (Value::Object(fields), [PathSegment::Field(name)]) => {
            fields.entry(Name::new(name)).or_insert(Value::Null);
        }
        (Value::Object(fields), [PathSegment::Field(name), rest @ ..]) => {
            if let Some(value) = fields.get_mut(name.as_str()) {
                put_null(value, rest);
            }
        }
        (Value::List(items), [PathSegment::Index(index), rest @ ..]) => {
            if let Some(value) = items.get_mut(*index) {
                put_null(value, rest);
            }
        }
        _ => {}
    }
}

/// Whether a resolver's argument could not be read. The library gives such errors these beginnings and no source; they
/// speak of what the client sent.
fn is_about_input(error: &ServerError) -> bool {
    let beginnings = ["Failed to parse \"", "Expected input type \"", "Invalid value for argument \""];
    let is_left_out = error.message.starts_with("Variable ") && error.message.ends_with(" is not defined.");
    error.source.is_none() && (is_left_out || beginnings.iter().any(|beginning| error.message.starts_with(beginning)))
}

/// Whether one of the library's own limits refused, by the texts it has for them.
fn is_about_a_limit(message: &str) -> bool {
    let beginnings = [
        "Query is too complex.",
        "Query is nested too deep.",
        "The recursion depth of the query",
        "The number of directives on the field",
    ];
    beginnings.iter().any(|beginning| message.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &'static str) -> Option<Media> {
        Media::wanted(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))])).ok()
    }

    #[test]
    fn the_media_type_is_the_one_liked_best() {
        assert_eq!(Media::wanted(&HeaderMap::new()).ok(), Some(Media::Json));
        assert_eq!(wanted("*/*"), Some(Media::Json));
        assert_eq!(wanted("text/html, application/xhtml+xml, */*;q=0.8"), Some(Media::Json));
        assert_eq!(wanted("application/json, application/graphql-response+json"), Some(Media::GraphQl));
        assert_eq!(wanted("application/graphql-response+json;q=0.5, application/json"), Some(Media::Json));
        assert_eq!(wanted("text/event-stream"), Some(Media::Events));
        assert_eq!(wanted("text/html"), None);
        assert_eq!(wanted("application/json;q=0"), None);
    }

    #[test]
    fn ids_of_incidents_differ() {
        let (one, other) = (Incidents::new(1), Incidents::new(2));
        let ids: std::collections::HashSet<_> = (0..100).flat_map(|_| [one.next_id(), other.next_id()]).collect();
        assert_eq!(ids.len(), 200);
    }
}
