//! What belongs to no log that has a head.

use store::{Store, Type, Value};
use uuid::Uuid;

use super::{Stop, found, unreadable};

/// Heads of no log; events, hashes, checkpoints and forgotten people of logs that have no head.
pub(super) async fn strays(store: &Store) -> Result<(), Stop> {
    let tables = [
        (
            "events",
            "select log_id from events as t where not exists (select 1 from heads as h where h.log_id = t.log_id) limit 1",
        ),
        (
            "checkpoints",
            "select log_id from checkpoints as t where not exists (select 1 from heads as h where h.log_id = t.log_id) limit 1",
        ),
        (
            "tree nodes",
            "select log_id from tree_nodes as t where not exists (select 1 from heads as h where h.log_id = t.log_id) limit 1",
        ),
        (
            "rows of `forgotten`",
            "select log_id from forgotten as t where not exists (select 1 from heads as h where h.log_id = t.log_id) limit 1",
        ),
    ];
    // SQLite sorts what is no bytes before all bytes, and whoever asks for heads never comes to it.
    let odd = "select count(*) from heads where log_id < ?";
    let mut snapshot = store.snapshot().await?;
    let odd = snapshot.query(odd, &[Value::Bytes(Vec::new())], &[Type::Int]).await?;
    snapshot.close().await?;
    if odd.first().map(Vec::as_slice) != Some([Value::Int(0)].as_slice()) {
        return Err(found("a head row", None, "its log's id is none"));
    }
    for (what, statement) in tables {
        // Each goes through a whole table, which may take as long as a snapshot may stay open.
        let mut snapshot = store.snapshot().await?;
        let rows = snapshot.query(statement, &[], &[Type::Bytes]).await;
        let rows = rows.map_err(|error| unreadable(what, None, error))?;
        snapshot.close().await?;
        if let Some([Value::Bytes(log)]) = rows.first().map(Vec::as_slice) {
            let log = Uuid::from_slice(log).unwrap_or_default();
            return Err(found(
                &log.to_string(),
                (what == "events").then_some(1),
                format!("there are {what} of it, and no head"),
            ));
        }
    }
    Ok(())
}
