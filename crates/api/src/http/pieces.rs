//! A long text, given to its connection piece by piece: the next one when the one before is written. So there is never much
//! behind the connection that was made and cannot be taken back.
//!
//! A plain answer that is longer than a piece is handed over so ([`body`]), and breaks off where its reader loses access
//! before they have read it: fewer bytes come than its `Content-Length` says. A shorter one is handed over whole, and so is
//! what nobody in particular asked for.

use std::io;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::{BoxFuture, Fuse};
use futures_util::{FutureExt, stream};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Gate;
use super::results::{ASK_EVERY, Results};

/// How much of a long text is given to the connection at once.
const PIECE_BYTES_MAX: usize = 128 << 10;

/// Bytes that are given to the connection, which drops them when it has written them.
struct Piece {
    bytes: Bytes,
    /// Dropped with them, which is what is waited for.
    _written: oneshot::Sender<()>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Takes the next piece off a text, with what resolves when the connection has written it.
pub(super) fn split(text: &mut Bytes) -> (Bytes, oneshot::Receiver<()>) {
    let bytes = text.split_to(text.len().min(PIECE_BYTES_MAX));
    let (sender, written) = oneshot::channel();
    (Bytes::from_owner(Piece { bytes, _written: sender }), written)
}

/// The body of an answer to this viewer, which shows what was looked at so.
pub(super) fn body<G: Gate>(text: String, gate: &G, viewer: &G::Viewer, looked: G::Looked) -> Body {
    if text.len() <= PIECE_BYTES_MAX || gate.key(viewer).is_none() {
        return text.into();
    }
    let long = Long {
        gate: gate.clone(),
        looked,
        ended: gate.ended(viewer).boxed().fuse(),
        text: text.into(),
        written: None,
        asked_at: Instant::now(),
        beside: Results::new(),
    };
    Body::from_stream(stream::unfold(long, |mut long| async {
        let piece = long.piece().await?;
        Some((piece, long))
    }))
}

/// An answer that is longer than a piece.
struct Long<G: Gate> {
    gate: G,
    looked: G::Looked,
    ended: Fuse<BoxFuture<'static, ()>>,
    /// What of it was not given to the connection yet.
    text: Bytes,
    /// Resolves when the connection has written what it was given.
    written: Option<oneshot::Receiver<()>>,
    /// When it was last asked whether it may still be told.
    asked_at: Instant,
    /// What is made meanwhile: nothing.
    beside: Results<G>,
}

impl<G: Gate> Long<G> {
    /// The next piece, once the one before is written; an error where the answer must break off, or `None` at its end.
    async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        if let Some(written) = self.written.take() {
            let shows = (&self.gate, Some(&self.looked));
            let is_written = self.beside.made_until_written(written, &mut self.ended, shows).await.is_some();
            if !is_written || !self.is_theirs().await {
                return Some(Err(io::Error::other("who reads has lost access")));
            }
        }
        if self.text.is_empty() {
            return None;
        }
        let (bytes, written) = split(&mut self.text);
        self.written = Some(written);
        Some(Ok(bytes))
    }

    /// Whether what is left may still be told. One who reads piece after piece is asked for as often as one who stands still.
    async fn is_theirs(&mut self) -> bool {
        if (&mut self.ended).now_or_never().is_some() {
            return false;
        }
        if self.asked_at.elapsed() < ASK_EVERY {
            return true;
        }
        self.asked_at = Instant::now();
        // Boxed, as in `results`: most answers are read before it is asked.
        Box::pin(self.gate.stands(&self.looked)).await.is_ok()
    }
}
