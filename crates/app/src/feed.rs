//! What others have committed, read from the log once for all who follow it on this node.
//!
//! Other nodes ring after their commits, and a log is also rung where this node has to tell an event after one of
//! another node's. On PostgreSQL the heads of all followed logs are looked at every second besides, so that a lost ring
//! delays nobody for longer. A log that cannot be read whole is left to who follows it, and holds up no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use crate::follow::read_on;
use crate::{Error, Inner, pause};

/// How often the heads are looked at though nobody rang.
const POLL: Duration = Duration::from_secs(1);
/// How many logs are read at the same time.
const LOGS_AT_ONCE: usize = 4;
/// How many heads one statement looks at.
const HEADS_AT_ONCE: usize = 1_000;

/// Feeds the hub until the app stops.
pub(crate) async fn feed(inner: Arc<Inner>) {
    let mut stopping = inner.tasks.stopping();
    let polls = inner.store.database() == store::Database::Postgres;
    while !*stopping.borrow() {
        let rung = tokio::select! {
            rung = inner.hub.rung() => rung,
            () = tokio::time::sleep(POLL), if polls => crate::hub::Rung { logs: HashMap::new(), any: true },
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        if let Err(error) = answer(&inner, rung).await {
            tracing::warn!(?error, "what others have written cannot be read; followers wait until it can");
            inner.hub.ring_all();
            if !pause(&mut stopping, POLL).await {
                return;
            }
        }
    }
}

async fn answer(inner: &Inner, rung: crate::hub::Rung) -> Result<(), Error> {
    let mut logs = rung.logs;
    if rung.any {
        for followed in inner.hub.followed().chunks(HEADS_AT_ONCE) {
            let mut snapshot = inner.store.snapshot().await?;
            let heads = snapshot.heads_of(followed).await?;
            snapshot.close().await?;
            for head in heads {
                let known = logs.entry(head.log).or_default();
                *known = head.seq.max(*known);
            }
        }
    }
    let mut reading = futures_util::stream::iter(logs.into_iter().map(|(log, seq)| read(inner, log, seq)))
        .buffer_unordered(LOGS_AT_ONCE);
    while let Some(read) = reading.next().await {
        read?;
    }
    Ok(())
}

/// Reads a log's tail up to at least this position and tells it.
async fn read(inner: &Inner, log: store::Id, seq: u64) -> Result<(), Error> {
    while let Some(from) = inner.hub.read_from(log, seq) {
        let mut snapshot = inner.store.snapshot_of(&[log]).await?;
        match read_on(&mut snapshot, log, from).await {
            Ok((events, _)) => {
                snapshot.close().await?;
                if events.is_empty() {
                    return Ok(());
                }
                inner.hub.pass_on(log, events);
            }
            // What is wrong with it stays wrong: who follows it hears so from the log itself.
            Err(error @ Error::Internal(_)) => {
                tracing::error!(?error, "a log cannot be read whole: run verify");
                inner.hub.leave(log, seq);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
