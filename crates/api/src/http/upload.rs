//! A file with a request: `multipart/form-data` by POST, as the GraphQL multipart request specification has it
//! (<https://github.com/jaydenseric/graphql-multipart-request-spec>): a part `operations`, a part `map`, and one part with
//! the file. What holds:
//!
//! - A form is what any site can make a browser send. So such a request carries the header
//!   [`PREFLIGHT`], which no form can set and for which a browser asks first; nobody answers that question here.
//! - Who sends it is known before its body is read, and is somebody. Where their session or access ends before the answer, the
//!   file is not taken.
//! - The file is not kept: a resolver reads it as it comes ([`Incoming`]), a few slices of [`SLICE_BYTES`] at a time. It ends
//!   well only where the whole body did: with its closing boundary, and no further part.
//! - `operations` and `map` are bounded like any body; so is what stands before the file's first byte, and what comes after
//!   its last one.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_graphql::Executor;
use async_graphql::parser::types::OperationType;
use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::time::Instant;

use super::answer::{Fault, Media, Told};
use super::asked::{Asked, Checked, object};
use super::seats::Sitter;
use super::{Gate, Refused, Room, origin, pieces, run};

/// The header without which no form is taken; its value is not looked at.
pub const PREFLIGHT: &str = "graphql-require-preflight";
/// How much of a body is handed on at a time.
const SLICE_BYTES: usize = 16 << 10;
/// What boundaries and the headers of parts may take beside the texts and the file.
const AROUND_BYTES: usize = 64 << 10;

/// What a variable holds where a form puts its file: no JSON and no document can write it.
pub fn placeholder() -> async_graphql::Value {
    async_graphql::Value::Binary(Bytes::from_static(b"the file of this request"))
}

/// The file of a request, for the one resolver that reads it.
#[derive(Clone)]
pub struct Incoming {
    /// What it was called where it comes from.
    pub name: Option<String>,
    was_taken: Arc<AtomicBool>,
    left: Left,
}

/// A file's bytes, as far as nobody reads them.
type Left = Arc<Mutex<Option<BoxStream<'static, Result<Bytes, String>>>>>;

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

impl Incoming {
    /// Its content, once.
    pub fn take(&self) -> Option<Content> {
        if self.was_taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        let stream = self.rest()?;
        Some(Content { stream: Some(stream), left: self.left.clone() })
    }

    /// Has its content end well only where this holds then.
    fn ends_where(&self, holds: impl Future<Output = bool> + Send + 'static) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let end = stream::once(holds).filter(|holds| std::future::ready(!holds));
        let end = end.map(|_| Err("the session or the access has ended".to_owned()));
        *left = left.take().map(|content| content.chain(end).boxed());
    }

    /// What of it nobody has read.
    fn rest(&self) -> Option<BoxStream<'static, Result<Bytes, String>>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A file's content as it comes; an error says why it does not come whole. What of it is not read is left to the transport.
pub struct Content {
    stream: Option<BoxStream<'static, Result<Bytes, String>>>,
    left: Left,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").finish_non_exhaustive()
    }
}

impl Stream for Content {
    type Item = Result<Bytes, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.stream {
            Some(stream) => stream.poll_next_unpin(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = self.stream.take();
    }
}

/// The boundary of a body that is a form; nothing where it is none.
pub(super) fn boundary(headers: &HeaderMap) -> Option<String> {
    multer::parse_boundary(headers.get(CONTENT_TYPE)?.to_str().ok()?).ok()
}

/// Answers a POST with a form.
pub(super) async fn post<E: Executor, G: Gate>(
    room: &Room<E, G>,
    (parts, body, boundary): (Parts, Body, String),
    media: Media,
) -> Response {
    match taken(room, &parts, body, boundary, media).await {
        Ok(response) => response,
        Err(fault) => fault.respond(media),
    }
}

async fn taken<E: Executor, G: Gate>(
    room: &Room<E, G>,
    parts: &Parts,
    body: Body,
    boundary: String,
    media: Media,
) -> Result<Response, Fault> {
    if !parts.headers.contains_key(PREFLIGHT) {
        let fault = Fault::bad(format!(
            "The content type must be application/json, in UTF-8; a form with a file needs the header {PREFLIGHT}."
        ));
        return Err(fault.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    if media == Media::Events {
        return Err(Fault::bad("A file cannot be sent for an event stream."));
    }
    let bounds = &room.settings.bounds;
    let credentials = origin::credentials(parts, &room.settings)?;
    let peer = credentials.peer;
    let deadline = Instant::now() + bounds.request;
    let viewer = tokio::time::timeout_at(deadline, room.gate.identify(credentials.clone())).await;
    let viewer = viewer.map_err(|_| Fault::refused(run::too_slow()))?.map_err(Fault::refused)?;
    if room.gate.key(&viewer).is_none() {
        return Err(Fault::refused(Refused::new(
            "UNAUTHENTICATED",
            "Sign in first: files are taken from people who are known.",
        )));
    }
    let Some(_seat) = room.uploads.take(Sitter::of(&room.gate, &viewer, peer), bounds.uploads_per_person) else {
        let message = format!("At most {} files are uploaded at once.", bounds.uploads_per_person);
        return Err(Fault::refused(Refused::new("RATE_LIMITED", message)));
    };
    let opened = tokio::time::timeout_at(deadline, open(room, &parts.headers, body, boundary)).await;
    let late = |_| Fault::bad("The request did not arrive in time.").with_status(StatusCode::REQUEST_TIMEOUT);
    let (checked, incoming) = opened.map_err(late)??;
    let until = Instant::now() + bounds.upload;
    let (gate, key, ended) = (room.gate.clone(), room.gate.key(&viewer), room.gate.ended(&viewer));
    // The end may not have been heard of when the last byte comes: so it is asked for once more.
    incoming.ends_where(async move { gate.identify(credentials).await.is_ok_and(|viewer| gate.key(&viewer) == key) });
    let looked = G::Looked::default();
    let runnable = checked.with(incoming.clone()).with(looked.clone()).by(viewer.clone(), until);
    let told = tokio::select! {
        biased;
        // What came until now is nobody's: it is removed, and its note swept.
        () = ended => Told::refused(Refused::new("UNAUTHENTICATED", "The session or the access has ended.")),
        told = run::once(room, runnable) => told,
    };
    // Whoever was refused in the middle of sending is still sending, and reads the answer only then.
    if let Some(rest) = incoming.rest() {
        let end = Instant::now() + bounds.request;
        // Who sends on for ever is not waited for.
        let _sent_or_not =
            tokio::time::timeout_at(end, rest.take_while(|part| std::future::ready(part.is_ok())).count()).await;
    }
    Ok(told.handed_over(media, |text| pieces::body(text, &room.gate, &viewer, looked)))
}

/// Reads what stands before the file, checks the request, and gives it with the file.
async fn open<E: Executor, G: Gate>(
    room: &Room<E, G>,
    headers: &HeaderMap,
    body: Body,
    boundary: String,
) -> Result<(Checked, Incoming), Fault> {
    let bounds = &room.settings.bounds;
    let gauge = Arc::new(Gauge {
        left_bytes: AtomicUsize::new(2 * bounds.body_bytes + AROUND_BYTES),
        is_open: AtomicBool::new(false),
    });
    let slices = Slices { body: body.into_data_stream(), rest: Bytes::new(), pauses: false, gauge: gauge.clone() };
    let text = bounds.body_bytes as u64;
    // Where the file itself is too long, that is the resolver's to say; as much again is read and dropped, so that who sends
    // reads why.
    let whole = (2 * (bounds.upload_bytes + bounds.body_bytes) + AROUND_BYTES) as u64;
    let sizes = SizeLimit::new().whole_stream(whole).for_field("operations", text).for_field("map", text);
    let mut form = Multipart::with_constraints(slices, boundary, Constraints::new().size_limit(sizes));
    let mut asked = Asked::from_json(&part(&mut form, "operations").await?)?;
    let map: std::collections::BTreeMap<String, Vec<String>> = object(&part(&mut form, "map").await?, "part map")?;
    let mut places = map.into_iter();
    let (Some((key, paths)), None) = (places.next(), places.next()) else {
        return Err(Fault::bad("The part map names one file, and no more."));
    };
    let [path] = paths.as_slice() else {
        return Err(Fault::bad("The part map puts the file in one place, and no more."));
    };
    asked.put_file(path)?;
    let checked = asked.checked(room, headers)?;
    if checked.kind != OperationType::Mutation {
        return Err(Fault::bad("A file comes with a mutation."));
    }
    let file = form.next_field().await.map_err(fault)?;
    let file = file.filter(|file| file.name() == Some(key.as_str()));
    let file = file.ok_or_else(|| Fault::bad(format!("After the part map comes the file, in the part \"{key}\".")))?;
    gauge.is_open.store(true, Ordering::Release);
    let name = file.file_name().map(str::to_owned);
    let left = Arc::new(Mutex::new(Some(content(form, (file, gauge), bounds.request).boxed())));
    Ok((checked, Incoming { name, was_taken: Arc::default(), left }))
}

/// The next part, which is a text of this name.
async fn part(form: &mut Multipart<'static>, name: &str) -> Result<Bytes, Fault> {
    let field = form.next_field().await.map_err(fault)?.filter(|field| field.name() == Some(name));
    let field = field.ok_or_else(|| {
        Fault::bad(format!("The parts of a form are operations, map and the file; {name} is missing."))
    })?;
    field.bytes().await.map_err(fault)
}

/// The file's bytes; then the form must end.
fn content(
    mut form: Multipart<'static>,
    (mut file, gauge): (Field<'static>, Arc<Gauge>),
    patience: Duration,
) -> impl Stream<Item = Result<Bytes, String>> + Send {
    async_stream::stream! {
        // What looks like the beginning of a boundary comes in pieces of a few bytes.
        let mut gathered = BytesMut::new();
        loop {
            match tokio::time::timeout(patience, file.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    gathered.extend_from_slice(&bytes);
                    if gathered.len() >= SLICE_BYTES {
                        yield Ok(gathered.split().freeze());
                    }
                }
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    yield Err(said(&error));
                    return;
                }
                Err(_) => {
                    yield Err("the file stopped coming".to_owned());
                    return;
                }
            }
        }
        drop(file);
        if !gathered.is_empty() {
            yield Ok(gathered.freeze());
        }
        gauge.left_bytes.store(AROUND_BYTES, Ordering::Release);
        gauge.is_open.store(false, Ordering::Release);
        match tokio::time::timeout(patience, form.next_field()).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(_))) => yield Err("after the file comes nothing".to_owned()),
            Ok(Err(error)) => yield Err(said(&error)),
            Err(_) => yield Err("the form did not end".to_owned()),
        }
    }
}

fn said(error: &multer::Error) -> String {
    if is_too_long(error) { "the body is too long".to_owned() } else { "the body broke off, or is no form".to_owned() }
}

const fn is_too_long(error: &multer::Error) -> bool {
    matches!(error, multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. })
}

fn fault(error: multer::Error) -> Fault {
    let fault = Fault::bad(format!("The form cannot be read: {}.", said(&error)));
    if is_too_long(&error) { fault.with_status(StatusCode::PAYLOAD_TOO_LARGE) } else { fault }
}

/// How much may come before the file begins, and after it has ended: the reader of the form keeps all of that.
struct Gauge {
    left_bytes: AtomicUsize,
    /// Whether it is the file that comes.
    is_open: AtomicBool,
}

/// A body in slices, with a pause after each: the reader of the form takes all that is there before it looks at it, and
/// would take a whole file into memory.
struct Slices {
    body: BodyDataStream,
    rest: Bytes,
    pauses: bool,
    gauge: Arc<Gauge>,
}

impl Stream for Slices {
    type Item = Result<Bytes, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pauses) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.rest.is_empty() {
            match ready!(self.body.poll_next_unpin(cx)) {
                Some(Ok(bytes)) => self.rest = bytes,
                Some(Err(_)) => return Poll::Ready(Some(Err("the body broke off".to_owned()))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(SLICE_BYTES);
        if !self.gauge.is_open.load(Ordering::Acquire) {
            let left = self.gauge.left_bytes.load(Ordering::Acquire).checked_sub(length);
            let Some(left) = left else {
                return Poll::Ready(Some(Err("too much comes before or after the file".to_owned())));
            };
            self.gauge.left_bytes.store(left, Ordering::Release);
        }
        self.pauses = true;
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str) -> String {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n")
    }

    /// What a form's one file reads as, where so many bytes of a header come after it.
    async fn read(header_bytes: usize) -> Vec<Result<Bytes, String>> {
        let (first, next) = (part("0"), part("1"));
        let header = "x".repeat(header_bytes);
        read_of(format!("{first}\r\nwords\r\n{next}x-long: {header}\r\n\r\nmore\r\n--b--\r\n")).await
    }

    async fn read_of(body: String) -> Vec<Result<Bytes, String>> {
        let gauge = Arc::new(Gauge { left_bytes: AtomicUsize::new(AROUND_BYTES), is_open: AtomicBool::new(false) });
        let body = Body::from(body).into_data_stream();
        let mut form = Multipart::new(Slices { body, rest: Bytes::new(), pauses: false, gauge: gauge.clone() }, "b");
        let file = form.next_field().await.unwrap().unwrap();
        gauge.is_open.store(true, Ordering::Release);
        content(form, (file, gauge), Duration::from_mins(1)).collect().await
    }

    #[tokio::test]
    async fn a_file_that_looks_like_boundaries_comes_in_large_pieces() {
        let words = "\r\n--".repeat(50_000);
        let read = read_of(format!("{}\r\n{words}\r\n--b--\r\n", part("0"))).await;
        assert!(read.len() <= words.len() / SLICE_BYTES + 1, "{} pieces", read.len());
        let whole: Vec<u8> = read.into_iter().flat_map(|piece| piece.unwrap().to_vec()).collect();
        assert_eq!(whole, words.as_bytes());
    }

    #[tokio::test]
    async fn what_comes_after_the_file_is_bounded() {
        let words: Result<Bytes, String> = Ok(Bytes::from("words"));
        assert_eq!(read(1_000).await, [words.clone(), Err("after the file comes nothing".to_owned())]);
        assert_eq!(read(1 << 20).await, [words, Err("the body broke off, or is no form".to_owned())]);
    }
}
