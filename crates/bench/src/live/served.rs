//! What is followed: the product as it is served, and beside it the least that could tell as many sockets the same frames, a
//! broadcast without GraphQL, viewers or a log.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use serde::{Deserialize, Serialize};
use store::Options;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::part::Line;
use crate::error::Error;
use crate::{place, portal};

/// As the product's: what a socket reads at once is zero-filled for each of them.
const READ_BUFFER_BYTES: usize = 1024;
/// How many frames a socket may be behind.
const LAG_MAX: usize = 1_024;

/// What the product is told to serve.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Serve {
    /// The database.
    pub(crate) database: String,
}

/// What the bare broadcast is told to serve.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Broadcast {
    /// How many groups of sockets there are, each of which hears the same.
    pub(crate) groups: usize,
}

/// Serves the product; tells where, and then, as often as it is asked, how many statements were executed.
pub(crate) async fn serve(mut line: Line) -> Result<(), Error> {
    let Serve { database } = line.hears.hear().await?;
    let app = place::open(&Options::new(database)).await?;
    line.says.tell(&portal::serve(&app).await?).await?;
    while line.hears.next::<()>().await?.is_some() {
        line.says.tell(&app.store().statements()).await?;
    }
    app.stop().await;
    Ok(())
}

type Groups = Arc<[broadcast::Sender<Utf8Bytes>]>;

/// Serves the bare broadcast; tells where.
pub(crate) async fn broadcast(mut line: Line) -> Result<(), Error> {
    let Broadcast { groups } = line.hears.hear().await?;
    let groups: Groups = (0..groups).map(|_| broadcast::channel(LAG_MAX).0).collect();
    let router = Router::new().route("/{group}", get(join).post(say)).with_state(groups);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address: SocketAddr = listener.local_addr()?;
    // As the product's: a small frame does not wait until its reader has acknowledged the one before.
    let listener = listener.tap_io(|stream| {
        let _set_or_not = stream.set_nodelay(true);
    });
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await });
    line.says.tell(&address).await?;
    while line.hears.next::<()>().await?.is_some() {
        // It has no statements.
        line.says.tell(&None::<u64>).await?;
    }
    Ok(())
}

async fn say(State(groups): State<Groups>, Path(group): Path<usize>, frame: String) -> StatusCode {
    let Some(group) = groups.get(group) else { return StatusCode::NOT_FOUND };
    // Nobody listening is no fault.
    let _ = group.send(frame.into());
    StatusCode::NO_CONTENT
}

async fn join(
    State(groups): State<Groups>,
    Path(group): Path<usize>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, StatusCode> {
    let news = groups.get(group).ok_or(StatusCode::NOT_FOUND)?.subscribe();
    let upgrade = upgrade.read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0);
    Ok(upgrade.on_upgrade(move |wire| pass_on(wire, news)))
}

async fn pass_on(mut wire: WebSocket, mut news: broadcast::Receiver<Utf8Bytes>) {
    loop {
        tokio::select! {
            came = wire.recv() => if !matches!(came, Some(Ok(_))) { return },
            frame = news.recv() => match frame {
                Ok(frame) => if wire.send(Message::Text(frame)).await.is_err() { return },
                // A frame that is missing ends the benchmark: the next one would be taken for both.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return,
            },
        }
    }
}
