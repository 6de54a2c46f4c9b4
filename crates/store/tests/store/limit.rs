//! A recording replays to the same contents.

use store::limit::replay;
use store::{Command, Database, Event, Head, Row, Wait};

use crate::stage::{both, event, head, id, row, table};

both! {
/// Several logs grow at once; the replay on a fresh database ends in the same tables.
async fn a_replay_ends_in_the_same_contents(stage: &Stage) {
    let store = stage.open().await;
    let (table, ddl) = table("goal_1");
    store.ensure(&ddl, 1).await.unwrap();
    store.record();
    let grow = async |log: u64| {
        for seq in 1..=20 {
            let mut batch = store.batch().await.unwrap();
            let found = batch.lock(&[id(log)], Wait::Skip).await.unwrap().heads;
            assert_eq!(found.len(), usize::from(seq > 1));
            batch.load(&table, &[(id(log), id(seq))]).await.unwrap();
            batch.append(&[event(log, seq)]).await.unwrap();
            batch.upsert(&table, &[Row { document: vec![1; 9], ..row(log, seq % 4) }]).await.unwrap();
            let key = [u8::try_from(seq).unwrap(); 32];
            let command =
                Command { log: id(log), key, request: key, seq, thing_kind: "goal".to_owned(), thing: id(1), at: 1 };
            batch.put_commands(&[command]).await.unwrap();
            let (new, changed) = if seq == 1 { (vec![head(log, 1)], vec![]) } else { (vec![], vec![head(log, seq)]) };
            batch.set_heads(&new, &changed).await.unwrap();
            if seq == 7 {
                batch.rollback().await.unwrap();
                let mut again = store.batch().await.unwrap();
                again.append(&[event(log, 7)]).await.unwrap();
                again.commit().await.unwrap();
            } else {
                batch.commit().await.unwrap();
            }
        }
    };
    tokio::join!(grow(1), grow(2), grow(3));
    let recording = store.recorded();
    // on PostgreSQL a log that was not locked is looked for again: is it held, or not there?
    let statements = 57 * 6 + 3 + if store.database() == Database::Postgres { 3 } else { 0 };
    assert_eq!((recording.transactions(), recording.statements()), (60, statements));
    let mut unrecorded = store.batch().await.unwrap();
    unrecorded.append(&[]).await.unwrap();
    unrecorded.commit().await.unwrap();
    assert_eq!(store.recorded().transactions(), 0, "recording has ended");

    let other = stage.another();
    let opened = other.open().await;
    opened.ensure(&ddl, 1).await.unwrap();
    opened.close().await;
    let replayed = replay(&other.options, recording).await.unwrap();
    assert_eq!((replayed.transactions, replayed.statements), (60, statements));
    let (one, two) = (contents(&store, &table).await, contents(&other.open().await, &table).await);
    assert_eq!(one.0.len(), 60);
    assert_eq!(one.2.len(), 12);
    assert_eq!(one, two);
}
}

async fn contents(store: &store::Store, table: &store::Table) -> (Vec<Event>, Vec<Head>, Vec<Row>, usize) {
    let mut snapshot = store.snapshot().await.unwrap();
    let (mut events, mut rows) = (Vec::new(), Vec::new());
    for log in 1..=3 {
        events.extend(snapshot.events(id(log), 0, 100).await.unwrap());
        rows.extend(snapshot.select(&store::Select::new(table, id(log), 100)).await.unwrap());
    }
    let keys: Vec<_> = (1..=3).flat_map(|log| (0..=20).map(move |seq| (id(log), [seq; 32]))).collect();
    let commands = snapshot.commands(&keys).await.unwrap().len();
    (events, snapshot.heads(None, 9).await.unwrap(), rows, commands)
}
