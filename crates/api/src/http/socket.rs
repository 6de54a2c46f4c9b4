//! GraphQL over WebSocket: the protocol `graphql-transport-ws`.
//!
//! One task serves one socket. It waits for whatever comes first (a message, a result of one of its operations, the end
//! of the session, the next heartbeat) and does that wholly before it waits again. So there is no queue of answers: a
//! result is taken from its operation only when the one before has been written, and an operation makes the next one only
//! then. Whoever does not read in [`Bounds::write`](super::Bounds::write) is cut off, and holds one message until then, and
//! one result of each other operation: those go on being made ([`Results`]). Where the session ends, or what is written may
//! not be told any more, while a message is half written, the socket breaks off: nothing can be said behind that half.
//!
//! | closed with | when |
//! | --- | --- |
//! | 4400 | a message is not JSON, not of the protocol, too long or nested too deep |
//! | 4401 | `subscribe` before `connection_init` was acknowledged |
//! | 1001 | the server stops |
//! | 4403 | the credential is refused, the person has too many sockets, the session or access has ended |
//! | 4406 | the client does not speak `graphql-transport-ws` |
//! | 4408 | no `connection_init` in time |
//! | 4409 | `subscribe` with the id of an operation that runs |
//! | 4429 | a second `connection_init` |
//! | 1013 | whoever the viewer is cannot be found out at present |

use std::borrow::Cow;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Executor, ServerError};
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::{self, AbortHandle, BoxFuture, Fuse};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::{Instant, Interval, Sleep};

use super::answer::{Fault, Told};
use super::asked::Asked;
use super::numbers::{Kind, Open};
use super::results::{Operation, Results};
use super::seats::{Seat, Sitter};
use super::{Credentials, Gate, Refused, Room, guard, origin, run};

const PROTOCOL: &str = "graphql-transport-ws";
/// What the socket reads at once. The library zero-fills this much for each socket, whenever it looks whether something has
/// come: its default of 128 KiB costs more than the connection. Of what clients say little is longer.
const READ_BUFFER_BYTES: usize = 1024;
const MAX_OPERATION_ID_BYTES: usize = 64;
/// RFC 6455, section 5.5: a control frame carries 125 bytes, of which the code takes two.
const MAX_REASON_BYTES: usize = 123;
/// How long a closed socket waits for the client to close too.
const GOODBYE: Duration = Duration::from_secs(1);

/// Upgrades the connection and serves it until it ends.
pub(super) fn open<E: Executor, G: Gate>(
    room: Arc<Room<E, G>>,
    upgrade: WebSocketUpgrade,
    credentials: Credentials,
) -> Response {
    let most = room.settings.bounds.body_bytes;
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(most).max_frame_size(most);
    let upgrade = upgrade.read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0);
    let speaks_it = upgrade.selected_protocol().is_some();
    // It counts from now on: a stop waits for its goodbye, though its task has not begun when the connection ends.
    let open = room.settings.numbers.open(Kind::Socket);
    upgrade.on_upgrade(move |wire| async move {
        let session = Session::new(room, wire, credentials, open);
        if speaks_it {
            session.serve().await;
        } else {
            session.close(4406, "Subprotocol not acceptable").await;
        }
    })
}

/// Why a socket is closed.
enum Closing {
    With(u16, Cow<'static, str>),
    /// The client has gone, or does not read.
    Gone,
}

impl Closing {
    fn because(code: u16, reason: &'static str) -> Self {
        Self::With(code, Cow::Borrowed(reason))
    }

    fn has_ended() -> Self {
        Self::because(4403, "Forbidden: the session or the access has ended")
    }
}

type Turn = Result<(), Closing>;

struct Session<E, G: Gate> {
    room: Arc<Room<E, G>>,
    wire: WebSocket,
    credentials: Credentials,
    member: Option<Member<G::Viewer>>,
    /// Resolves when the member's session or access ends.
    ended: Fuse<BoxFuture<'static, ()>>,
    /// Resolves when the server stops.
    stopping: BoxFuture<'static, ()>,
    /// Until `connection_init`.
    patience: Pin<Box<Sleep>>,
    heartbeat: Interval,
    /// Whether anything came since the last heartbeat.
    was_heard: bool,
    results: Results<G>,
    running: HashMap<String, AbortHandle>,
    _open: Open,
}

/// Who was acknowledged, with the seat they hold.
struct Member<V> {
    viewer: V,
    _seat: Seat,
}

#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(rename = "type")]
    kind: Cow<'a, str>,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Outgoing<'a, P> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

/// The payload of `connection_init`. What else it holds is ignored.
#[derive(Deserialize, Default)]
struct Init {
    #[serde(alias = "Authorization")]
    authorization: Option<String>,
}

impl<E: Executor, G: Gate> Session<E, G> {
    fn new(room: Arc<Room<E, G>>, wire: WebSocket, credentials: Credentials, open: Open) -> Self {
        let bounds = &room.settings.bounds;
        Self {
            wire,
            credentials,
            member: None,
            ended: future::pending().boxed().fuse(),
            stopping: room.gate.stopping().boxed(),
            patience: Box::pin(tokio::time::sleep(bounds.init)),
            heartbeat: tokio::time::interval_at(Instant::now() + bounds.heartbeat, bounds.heartbeat),
            was_heard: true,
            results: Results::new(),
            running: HashMap::new(),
            _open: open,
            room,
        }
    }

    async fn serve(mut self) {
        loop {
            match self.turn().await {
                Ok(()) => {}
                // Boxed, as all that happens once: who waits holds no room for it.
                Err(Closing::With(code, reason)) => return Box::pin(self.close(code, &reason)).await,
                Err(Closing::Gone) => return,
            }
        }
    }

    /// Waits for one thing and does it.
    async fn turn(&mut self) -> Turn {
        tokio::select! {
            () = &mut self.ended => Err(Closing::has_ended()),
            () = &mut self.stopping => Err(Closing::because(1001, "Going away: the server stops")),
            () = &mut self.patience, if self.member.is_none() => {
                Err(Closing::because(4408, "Connection initialisation timeout"))
            }
            message = self.wire.recv() => {
                self.was_heard = true;
                match message {
                    // Boxed, so that a socket that waits holds no room for asking who somebody is.
                    Some(Ok(Message::Text(text))) => Box::pin(self.heard(text.as_str())).await,
                    // a close is answered by the library, which then ends the stream
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => Ok(()),
                    Some(Ok(Message::Binary(_))) => Err(Closing::because(4400, "Invalid message: not text")),
                    Some(Err(_)) => Err(Closing::because(4400, "Invalid message: broken, not UTF-8, or too long")),
                    None => Err(Closing::Gone),
                }
            }
            (told, operation) = self.results.next(&self.room.gate) => {
                Box::pin(self.pass_on((operation.id.as_str(), &operation.looked), told)).await?;
                self.results.goes_on(operation);
                Ok(())
            }
            _ = self.heartbeat.tick() => {
                if std::mem::take(&mut self.was_heard) {
                    Box::pin(self.write(Message::Ping(bytes::Bytes::new()), None)).await
                } else {
                    Err(Closing::Gone)
                }
            }
        }
    }

    async fn heard(&mut self, text: &str) -> Turn {
        let invalid = || Closing::because(4400, "Invalid message");
        guard::json(text.as_bytes()).map_err(|_| Closing::because(4400, "Invalid message: nested too deep"))?;
        if !text.trim_start().starts_with('{') {
            return Err(invalid());
        }
        let Incoming { kind, id, payload } = serde_json::from_str(text).map_err(|_| invalid())?;
        match (&*kind, id) {
            ("connection_init", _) => self.init(payload).await,
            ("ping", _) => self.say(&Outgoing { kind: "pong", id: None, payload }, None).await,
            ("pong", _) => Ok(()),
            ("subscribe", Some(id)) if !id.is_empty() && id.len() <= MAX_OPERATION_ID_BYTES => {
                self.subscribe(id, payload.ok_or_else(invalid)?).await
            }
            ("complete", Some(id)) => {
                self.forget(&id);
                Ok(())
            }
            _ => Err(invalid()),
        }
    }

    async fn init(&mut self, payload: Option<&RawValue>) -> Turn {
        if self.member.is_some() {
            return Err(Closing::because(4429, "Too many initialisation requests"));
        }
        let payload = payload.map(RawValue::get).filter(|payload| *payload != "null");
        let is_object = payload.is_none_or(|payload| payload.starts_with('{'));
        let init: Result<Init, _> = payload.map_or_else(|| Ok(Init::default()), serde_json::from_str);
        let (Ok(init), true) = (init, is_object) else { return Err(Closing::because(4400, "Invalid message")) };
        let mut credentials = self.credentials.clone();
        if let Some(authorization) = init.authorization {
            let Some(bearer) = origin::bearer(&authorization) else {
                return Err(Closing::because(4403, "Forbidden: authorization is not \"Bearer …\""));
            };
            credentials =
                Credentials { bearer: Some(bearer), session_cookie: None, browser_cookie: None, ..credentials };
        }
        let bounds = &self.room.settings.bounds;
        let viewer = match tokio::time::timeout(bounds.request, self.room.gate.identify(credentials)).await {
            Ok(Ok(viewer)) => viewer,
            Ok(Err(Refused { code: "UNAVAILABLE", message })) => return Err(Closing::With(1013, message.into())),
            Ok(Err(refused)) => return Err(Closing::With(4403, format!("Forbidden: {}", refused.message).into())),
            Err(_) => return Err(Closing::because(1013, "Try again later")),
        };
        let sitter = Sitter::of(&self.room.gate, &viewer, self.credentials.peer);
        let most = match sitter {
            Sitter::Person(_) => bounds.sockets_per_person,
            Sitter::Address(_) => bounds.sockets_per_address,
        };
        let Some(seat) = self.room.sockets.take(sitter, most) else {
            return Err(Closing::With(4403, format!("Forbidden: at most {most} sockets are open at once").into()));
        };
        self.ended = self.room.gate.ended(&viewer).boxed().fuse();
        self.member = Some(Member { viewer, _seat: seat });
        self.say(&Outgoing::<()> { kind: "connection_ack", id: None, payload: None }, None).await
    }

    async fn subscribe(&mut self, id: String, payload: &RawValue) -> Turn {
        let Some(member) = &self.member else { return Err(Closing::because(4401, "Unauthorized")) };
        if self.running.contains_key(&id) {
            return Err(Closing::With(4409, format!("Subscriber for {id} already exists").into()));
        }
        let Ok(asked) = Asked::from_json(payload.get().as_bytes()) else {
            return Err(Closing::because(4400, "Invalid message: the payload is no request"));
        };
        let most = self.room.settings.bounds.subscriptions_per_socket;
        if self.running.len() >= most {
            let message = format!("At most {most} operations run at once on one socket.");
            return self.fail(&id, &Told::refused(Refused::new("RATE_LIMITED", message)).errors).await;
        }
        let checked = match asked.checked(&self.room, &HeaderMap::new()) {
            Ok(checked) => checked,
            Err(fault) => return self.fail(&id, &<Fault as Into<Told>>::into(fault).errors).await,
        };
        let (looked, until) = (G::Looked::default(), Instant::now() + self.room.settings.bounds.request);
        let runnable = checked.with(looked.clone()).by(member.viewer.clone(), until);
        let results = run::stream(Arc::clone(&self.room), runnable);
        let (operation, abort) = Operation::new(id.clone(), results, looked);
        self.running.insert(id, abort);
        self.results.goes_on(operation);
        Ok(())
    }

    /// Stops an operation. None of its results is passed on after this.
    fn forget(&mut self, id: &str) {
        if let Some(abort) = self.running.remove(id) {
            abort.abort();
        }
        self.results.forget(id);
    }

    async fn pass_on(&mut self, (id, looked): (&str, &G::Looked), told: Option<Box<Told>>) -> Turn {
        // It may have ended while the one before was written: then nothing more is told.
        if (&mut self.ended).now_or_never().is_some() {
            return Err(Closing::has_ended());
        }
        match told {
            Some(told) if told.is_unexecuted() => {
                self.forget(id);
                self.fail(id, &told.errors).await
            }
            Some(told) => self.say(&Outgoing { kind: "next", id: Some(id), payload: Some(told) }, Some(looked)).await,
            None => {
                self.forget(id);
                self.say(&Outgoing::<()> { kind: "complete", id: Some(id), payload: None }, None).await
            }
        }
    }

    async fn fail(&mut self, id: &str, errors: &[ServerError]) -> Turn {
        self.say(&Outgoing { kind: "error", id: Some(id), payload: Some(errors) }, None).await
    }

    /// Says something, which shows what was looked at so.
    async fn say<P: Serialize>(&mut self, message: &Outgoing<'_, P>, shows: Option<&G::Looked>) -> Turn {
        let text = serde_json::to_string(message).map_err(|_| Closing::because(4500, "Internal error"))?;
        self.write(Message::text(text), shows).await
    }

    async fn write(&mut self, message: Message, shows: Option<&G::Looked>) -> Turn {
        let bounds = &self.room.settings.bounds;
        let write = tokio::time::timeout(bounds.write, self.wire.send(message));
        let shows = (&self.room.gate, shows);
        match self.results.made_until_written(write, &mut self.ended, shows).await {
            Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(_))) | None => Err(Closing::Gone),
            Some(Err(_)) => {
                self.room.settings.numbers.cut_one();
                Err(Closing::Gone)
            }
        }
    }

    async fn close(mut self, code: u16, reason: &str) {
        let reason = reason.get(..reason.floor_char_boundary(MAX_REASON_BYTES)).unwrap_or_default();
        // whoever was served sits no longer, and nothing of theirs runs while they say goodbye
        (self.member, self.results) = (None, Results::new());
        if self.write(Message::Close(Some(CloseFrame { code, reason: reason.into() })), None).await.is_err() {
            return;
        }
        // A connection dropped with something unread is reset, and a reset can overtake the close. So read to the end.
        let to_the_end = async { while let Some(Ok(_)) = self.wire.recv().await {} };
        let _ended_or_not = tokio::time::timeout(GOODBYE, to_the_end).await;
    }
}
