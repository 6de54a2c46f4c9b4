//! Executing: with a deadline, and with a catch for panics, so that whatever a resolver does only its own operation fails.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::answer::Told;
use super::numbers::Kind;
use super::{Gate, Refused, Room};

/// A request that passed every check and knows its viewer.
pub(super) struct Runnable {
    pub(super) request: Request,
    pub(super) kind: OperationType,
    /// When a query or mutation must be answered.
    pub(super) deadline: Instant,
}

/// Runs a query or a mutation.
pub(super) async fn once<E: Executor, G: Gate>(room: &Room<E, G>, runnable: Runnable) -> Told {
    let kind = match runnable.kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    };
    // Neither its name nor its text: those are the client's words.
    let span = tracing::info_span!(target: "throughline", "operation", kind);
    let execution = AssertUnwindSafe(room.schema.execute(runnable.request)).catch_unwind().instrument(span);
    match tokio::time::timeout_at(runnable.deadline, execution).await {
        Ok(Ok(response)) => room.incidents.tell(response),
        Ok(Err(_)) => room.incidents.panicked(),
        Err(_) => Told::refused(too_slow()),
    }
}

/// What a client is told when its request passed its deadline.
pub(super) fn too_slow() -> Refused {
    let message = "The request took too long. Ask for less, or repeat it (with the same idempotency key).";
    Refused::new("UNAVAILABLE", message)
}

/// Runs any operation as the stream of its results. It ends after a panic and after an error before execution.
pub(super) fn stream<E: Executor, G: Gate>(room: Arc<Room<E, G>>, runnable: Runnable) -> BoxStream<'static, Told> {
    if runnable.kind != OperationType::Subscription {
        return stream::once(async move { once(&room, runnable).await }).boxed();
    }
    let open = room.settings.numbers.open(Kind::Subscription);
    let responses = room.schema.execute_stream(runnable.request, None);
    stream::unfold(Some((responses, open)), move |responses| {
        let room = Arc::clone(&room);
        async move {
            let (mut responses, open) = responses?;
            let span = tracing::info_span!(target: "throughline", "item");
            match AssertUnwindSafe(responses.next()).catch_unwind().instrument(span).await {
                Ok(response) => {
                    let told = room.incidents.tell(response?);
                    let rest = (!told.is_unexecuted()).then_some((responses, open));
                    Some((told, rest))
                }
                Err(_) => Some((room.incidents.panicked(), None)),
            }
        }
    })
    .boxed()
}
