//! What leaves a node: parcels, work for reactors, and the doorbell.

use store::{Command, Database, Options, Outbox, Rung, Store, Type, Value, Work};

use crate::stage::{both, id};

fn parcel(number: u64, due: i64) -> Outbox {
    Outbox { log: id(1), id: id(number), seq: number, kind: "mail".to_owned(), due, attempts: 0, sent_at: None }
}

both! {
/// A parcel is claimed when it is due, by one at a time, until it was sent.
async fn parcels_are_claimed_until_they_are_sent(stage: &Stage) {
    let store = stage.open().await;
    assert_eq!(store.claim_outbox(100, 200, 9).await.unwrap(), []);
    let mut batch = store.batch().await.unwrap();
    batch.put_outbox(&[parcel(1, 10), parcel(2, 20), parcel(3, 300)]).await.unwrap();
    batch.put_outbox(&[parcel(1, 10)]).await.unwrap();
    batch.commit().await.unwrap();

    let claimed = |number, attempts| Outbox { due: 200, attempts, ..parcel(number, 0) };
    assert_eq!(store.claim_outbox(100, 200, 1).await.unwrap(), [claimed(1, 1)]);
    assert_eq!(store.claim_outbox(100, 200, 9).await.unwrap(), [claimed(2, 1)], "a claimed one is somebody's");
    assert_eq!(store.claim_outbox(100, 200, 9).await.unwrap(), []);
    store.outbox_sent(id(1), id(1), 110).await.unwrap();
    store.outbox_retry(id(1), id(2), 150).await.unwrap();
    assert_eq!(store.claim_outbox(160, 200, 9).await.unwrap(), [claimed(2, 2)]);
    // To wait is no attempt.
    store.outbox_wait(id(1), id(2), 170).await.unwrap();
    assert_eq!(store.claim_outbox(170, 200, 9).await.unwrap(), [claimed(2, 2)]);
    assert_eq!(store.claim_outbox(200, 250, 9).await.unwrap().len(), 1, "a lease that ran out is claimed again");
    let sent = Outbox { sent_at: Some(110), ..claimed(1, 1) };
    assert_eq!(store.snapshot().await.unwrap().outbox(id(1)).await.unwrap()[0], sent);
    assert_eq!(store.expire(111).await.unwrap(), 1);
    assert_eq!(store.snapshot().await.unwrap().outbox(id(1)).await.unwrap().len(), 2);
}
}

both! {
/// Work that is left while somebody does it is not lost.
async fn work_is_claimed_and_left_again(stage: &Stage) {
    let store = stage.open().await;
    let work = |log, at| Work { log: id(log), reactor: "mail".to_owned(), at };
    let leave = async |work: &[Work]| {
        let mut batch = store.batch().await.unwrap();
        batch.put_work(work).await.unwrap();
        batch.commit().await.unwrap();
    };
    leave(&[work(1, 10), work(2, 20), work(3, 99)]).await;
    assert_eq!(store.claim_work("reminders", 50, 60, 9).await.unwrap(), [], "a reactor gets its own work only");
    let mut claimed = store.claim_work("mail", 50, 60, 9).await.unwrap();
    claimed.sort_by_key(|work| work.log);
    assert_eq!(claimed, [work(1, 60), work(2, 60)]);
    assert_eq!(store.claim_work("mail", 50, 60, 9).await.unwrap(), []);
    leave(&[work(1, 55)]).await;
    for claimed in &claimed {
        store.work_done(claimed).await.unwrap();
    }
    assert_eq!(store.claim_work("mail", 70, 80, 9).await.unwrap(), [work(1, 80)]);
}
}

both! {
/// Who listens hears of logs that have grown. SQLite has no other nodes.
async fn the_doorbell_rings(stage: &Stage) {
    let store = stage.open().await;
    let mut doorbell = store.doorbell().await.unwrap();
    let news: Vec<_> = (0..150).map(|number| (id(number), u64::MAX - number)).collect();
    store.ring(&news).await.unwrap();
    if store.database() == Database::Postgres {
        let (first, second) = (doorbell.next().await.unwrap(), doorbell.next().await.unwrap());
        assert_eq!((first, second), (Rung::At(news[..140].to_vec()), Rung::At(news[140..].to_vec())));
    }
}
}

/// However much is old, who wants to write does not wait until all of it is gone.
#[tokio::test]
async fn others_write_while_what_is_old_goes() {
    let store = Store::open(&Options::new("sqlite::memory:")).await.unwrap();
    let command = |number: u64, at| {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&id(number));
        Command { log: id(1), key, request: [0; 32], seq: 1, thing_kind: "goal".to_owned(), thing: id(1), at }
    };
    let mut batch = store.batch().await.unwrap();
    let old: Vec<Command> = (0..3_000).map(|number| command(number, 5)).collect();
    batch.put_commands(&old).await.unwrap();
    batch.put_commands(&[command(3_000, 10)]).await.unwrap();
    batch.put_outbox(&[Outbox { sent_at: Some(5), ..parcel(1, 1) }, parcel(2, 1)]).await.unwrap();
    batch.commit().await.unwrap();
    let meanwhile = async {
        let mut batch = store.batch().await.unwrap();
        let left = batch.query("select count(*) from commands", &[], &[Type::Int]).await.unwrap();
        batch.rollback().await.unwrap();
        left
    };
    let (gone, left) = tokio::join!(store.expire(10), meanwhile);
    assert_eq!(gone, Ok(3_001));
    assert_eq!(left, [[Value::Int(2_001)]], "it was their turn after the first part");
    assert_eq!(store.expire(10).await, Ok(0));
    assert_eq!(store.snapshot().await.unwrap().outbox(id(1)).await.unwrap(), [parcel(2, 1)]);
}
