//! What a backup signs, held against the checkpoints that are kept outside.

use domain::id::Id as _;

use super::*;

/// Deletes every trace of these logs, as somebody would who may write to the database.
async fn vanish(settings: &Settings, logs: &[store::Id]) {
    let store = open::store(settings, Purpose::Inspect).await.unwrap();
    let mut batch = store.batch().await.unwrap();
    for log in logs {
        batch.delete_log(*log).await.unwrap();
    }
    batch.commit().await.unwrap();
    store.close().await;
}

/// R1, R2: where a log that was signed is gone, whole, there is no backup; nor where all of them are. Expired keyrings stay.
async fn a_log_that_vanished_is_missed(database: Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (world, clock) = world();
    let here = settings(folder.path(), database);
    let served = serve::open(&here, &world).await.unwrap();
    let practice = Practice::found(served.app()).await;
    practice.add(served.app(), 1).await;
    let logs: Vec<store::Id> = everything(served.app().store()).await.into_iter().map(|(log, ..)| log).collect();
    served.stop().await;
    let (first, _) = back_up(&here, &world, "first").await.unwrap();
    clock.set(clock.now().plus_days(31));

    vanish(&here, &[practice.id.uuid().into_bytes()]).await;
    let refused = back_up(&here, &world, "cut").await.unwrap_err().to_string();
    assert!(refused.contains(&practice.id.to_string()) && refused.contains("there is no such log"), "{refused}");
    vanish(&here, &logs).await;
    let refused = back_up(&here, &world, "cut").await.unwrap_err().to_string();
    assert!(refused.contains("there is no such log"), "{refused}");
    assert!(!folder.path().join("cut").exists() && first.keyring.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_vanished_from_sqlite_is_missed() {
    a_log_that_vanished_is_missed(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_vanished_from_postgres_is_missed() {
    a_log_that_vanished_is_missed(Some(postgres("vanished"))).await;
}
