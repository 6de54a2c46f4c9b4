//! Databases in memory, and copies of them.

use store::{Error, Options, Store};

use crate::stage::{Stage, event, head, id};

fn memory() -> Options {
    Options { readers: 2, cache_kib: 256, ..Options::new("sqlite::memory:") }
}

async fn append(store: &Store, from: u64, until: u64) {
    let mut batch = store.batch().await.unwrap();
    let events: Vec<_> = (from..=until).map(|seq| event(1, seq)).collect();
    batch.append(&events).await.unwrap();
    batch.set_heads(&[], &[head(1, until)]).await.unwrap();
    batch.commit().await.unwrap();
}

async fn positions(store: &Store) -> Vec<u64> {
    let mut snapshot = store.snapshot().await.unwrap();
    let events = snapshot.events(id(1), 0, 1_000).await.unwrap();
    snapshot.close().await.unwrap();
    events.into_iter().map(|event| event.seq).collect()
}

/// A copy has all that was there, and goes its own way; the one it was made of may be gone.
#[tokio::test]
async fn a_copy_in_memory_is_a_database_of_its_own() {
    let first = Store::open(&memory()).await.unwrap();
    append(&first, 1, 3).await;
    // Somebody reads the one that is copied meanwhile.
    let reading = first.snapshot().await.unwrap();
    let second = first.copy_in_memory(&memory()).await.unwrap();
    reading.close().await.unwrap();
    append(&second, 4, 5).await;
    assert_eq!(positions(&first).await, [1, 2, 3]);
    assert_eq!(positions(&second).await, [1, 2, 3, 4, 5]);
    let third = second.copy_in_memory(&memory()).await.unwrap();
    first.close().await;
    second.close().await;
    drop((first, second));
    assert_eq!(positions(&third).await, [1, 2, 3, 4, 5]);
    assert!(third.bytes().await.unwrap() >= 4_096);
}

#[tokio::test]
async fn what_is_not_in_memory_is_not_copied() {
    let file = Stage::sqlite();
    let store = file.open().await;
    assert!(matches!(store.copy_in_memory(&memory()).await, Err(Error::Senseless(_))));
    let first = Store::open(&memory()).await.unwrap();
    assert!(matches!(first.copy_in_memory(&file.another().options).await, Err(Error::Senseless(_))));
}
