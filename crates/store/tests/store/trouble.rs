//! What is known after something has gone wrong.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use store::{Error, Options, Snapshot, Store, Type, Value};

use crate::stage::{Stage, both, event, id};

/// Ends all other connections to a PostgreSQL database, as a restart of the server would.
async fn cut_all_others(store: &store::Store) {
    let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    let mut batch = store.batch().await.unwrap();
    let cut = batch.query(sql, &[], &[Type::Int]).await.unwrap();
    assert_ne!(cut, [[Value::Int(0)]], "there are others");
    batch.commit().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_cut_is_replaced() {
    let stage = Stage::postgres();
    let (store, other) = (stage.open().await, stage.open().await);
    let (one, two) = (store.batch().await.unwrap(), store.snapshot().await.unwrap());
    one.rollback().await.unwrap();
    two.close().await.unwrap();
    cut_all_others(&other).await;
    let mut batch = store.batch().await.expect("another connection is used");
    batch.append(&[event(1, 1)]).await.unwrap();
    batch.commit().await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().events(id(1), 0, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_lost_before_the_commit_was_not_sent_and_one_lost_in_it_is_unknown() {
    let stage = Stage::postgres();
    let (store, other) = (stage.open().await, stage.open().await);
    let mut before = store.batch().await.unwrap();
    let mut within = store.batch().await.unwrap();
    before.append(&[event(1, 1)]).await.unwrap();
    within.append(&[event(2, 1)]).await.unwrap();
    cut_all_others(&other).await;
    let lost = before.append(&[event(1, 2)]).await.unwrap_err();
    assert!(matches!(lost, Error::NotSent(_)), "{lost}");
    assert!(matches!(before.commit().await, Err(Error::NotSent(_))));
    let lost = within.commit().await.unwrap_err();
    assert!(matches!(lost, Error::Unknown(_)), "{lost}");
    assert!(!lost.may_be_retried());
}

/// Whoever waits for a transaction may go away meanwhile. The connection on which it has begun is as good as before.
#[tokio::test]
async fn a_transaction_that_nobody_waits_for_any_more_is_ended() {
    let stage = Stage::postgres();
    let store = store::Store::open(&store::Options { connections: 2, ..stage.options.clone() }).await.unwrap();
    let (mut given_up, mut round) = (0, 0);
    while given_up < 30 {
        round += 1;
        assert!(round <= 2_000, "only {given_up} were given up while they began");
        {
            let mut waiting = pin!(store.snapshot());
            let first = std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await;
            given_up += u32::from(first.is_pending());
        }
        let mut batch = store.batch().await.unwrap();
        batch.append(&[event(1, round)]).await.expect("a transaction that can write");
        batch.commit().await.unwrap();
    }
    let written = store.snapshot().await.unwrap().events(id(1), 0, 3_000).await.unwrap();
    assert_eq!(written.last().unwrap().seq, round);
}

#[tokio::test]
async fn a_full_sqlite_says_so_and_can_be_used_when_there_is_room() {
    let stage = Stage::sqlite();
    let store = stage.open().await;
    let mut batch = store.batch().await.unwrap();
    let pages = batch.query("pragma max_page_count = 60", &[], &[Type::Int]).await.unwrap();
    assert_eq!(pages, [[Value::Int(60)]]);
    batch.commit().await.unwrap();
    let large = |seq| store::Event { record: vec![1; 100_000], ..event(1, seq) };
    let mut batch = store.batch().await.unwrap();
    let events: Vec<_> = (1..9).map(large).collect();
    let full = batch.append(&events).await.unwrap_err();
    assert!(matches!(full, Error::Full(_)) && !full.ends_writing(), "{full}");
    assert!(matches!(batch.commit().await, Err(Error::Full(_))));

    let mut batch = store.batch().await.expect("the connection is good again");
    batch.query("pragma max_page_count = 6000", &[], &[Type::Int]).await.unwrap();
    batch.append(&events).await.unwrap();
    batch.commit().await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().events(id(1), 0, 9).await.unwrap().len(), 8);
}

/// What was committed is there after a crash: a copy of the files as they lie is a database that holds it.
#[tokio::test]
async fn sqlite_holds_what_was_committed_in_its_files() {
    let stage = Stage::sqlite();
    let store = stage.open().await;
    let mut batch = store.batch().await.unwrap();
    batch.append(&[event(1, 1)]).await.unwrap();
    batch.commit().await.unwrap();
    let mut open = store.batch().await.unwrap();
    open.append(&[event(1, 2)]).await.unwrap();
    let copy = tempfile::TempDir::new().unwrap();
    let path = stage.options.url.trim_start_matches("sqlite:");
    for end in ["", "-wal"] {
        std::fs::copy(format!("{path}{end}"), copy.path().join(format!("log{end}"))).unwrap();
    }
    let url = format!("sqlite:{}", copy.path().join("log").display());
    let crashed = store::Store::open(&store::Options::new(url)).await.unwrap();
    assert_eq!(crashed.snapshot().await.unwrap().events(id(1), 0, 9).await.unwrap(), [event(1, 1)]);
}

/// Deleted bytes are in no file once the write-ahead log is wiped.
#[tokio::test]
async fn sqlite_forgets_what_was_deleted() {
    let stage = Stage::sqlite();
    let store = stage.open().await;
    let secret = b"a wrapped key that must not stay".to_vec();
    let key = store::Key {
        log: id(1),
        subject: id(2),
        owner: None,
        generation: 1,
        root: [0; 32],
        wrapped: secret.clone(),
        commitment: [0; 32],
        at: 0,
        since: 0,
    };
    let mut batch = store.batch().await.unwrap();
    batch.put_keys(&[key]).await.unwrap();
    batch.commit().await.unwrap();
    store.wipe_wal().await.unwrap();
    let path = stage.options.url.trim_start_matches("sqlite:");
    let holds =
        |file: String| std::fs::read(file).is_ok_and(|bytes| bytes.windows(secret.len()).any(|part| part == secret));
    assert!(holds(path.to_owned()), "the key lies in the file");
    let mut batch = store.batch().await.unwrap();
    assert_eq!(batch.destroy_keys(id(1), id(2)).await.unwrap(), 1);
    batch.commit().await.unwrap();
    store.wipe_wal().await.unwrap();
    assert!(!holds(path.to_owned()) && !holds(format!("{path}-wal")));
}

/// A reader that stays keeps the write-ahead log, and those who write from nothing.
#[tokio::test]
async fn wiping_waits_for_a_reader_for_a_moment_only() {
    let stage = Stage::sqlite();
    let patience = std::time::Duration::from_mins(2);
    let store = store::Store::open(&store::Options { patience, ..stage.options.clone() }).await.unwrap();
    let append = async |seq: u64| {
        let mut batch = store.batch().await.unwrap();
        batch.append(&[event(1, seq)]).await.unwrap();
        batch.commit().await.unwrap();
    };
    append(1).await;
    let mut reader = store.snapshot().await.unwrap();
    assert_eq!(reader.events(id(1), 0, 9).await.unwrap().len(), 1);
    append(2).await;
    let wiping = tokio::time::timeout(std::time::Duration::from_mins(1), store.wipe_wal()).await;
    assert!(matches!(wiping, Ok(Err(Error::Conflict(_)))), "{wiping:?}");
    append(3).await;
    reader.close().await.unwrap();
    store.wipe_wal().await.unwrap();
}

/// Rows move between pages as others come and go, and a page may keep what it held of one that is gone: not in a file that
/// is written anew.
#[tokio::test]
async fn a_compacted_file_holds_nothing_of_what_was_deleted() {
    let stage = Stage::sqlite();
    let store = stage.open().await;
    let mark = |number: u32| format!("mark {number:06} of a key that is long enough to fill a page soon");
    // In no order, so that pages are split and joined.
    let subject = |number: u32| {
        let mut subject = [0; 16];
        subject[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        subject
    };
    let key = |number| store::Key {
        log: id(1),
        subject: subject(number),
        owner: None,
        generation: 1,
        root: [0; 32],
        wrapped: mark(number).into_bytes(),
        commitment: [0; 32],
        at: 0,
        since: 0,
    };
    let goes = |number: &u32| !number.is_multiple_of(3);
    let mut batch = store.batch().await.unwrap();
    for number in 0..1_200 {
        batch.put_keys(&[key(number)]).await.unwrap();
    }
    for number in (0..1_200).filter(goes) {
        batch.destroy_keys(id(1), subject(number)).await.unwrap();
    }
    batch.commit().await.unwrap();
    store.compact().await.unwrap();
    let path = stage.options.url.trim_start_matches("sqlite:");
    let mut bytes = std::fs::read(path).unwrap();
    bytes.extend(std::fs::read(format!("{path}-wal")).unwrap());
    let marks: std::collections::BTreeSet<&[u8]> =
        bytes.windows(11).filter(|part| part.starts_with(b"mark ")).collect();
    assert_eq!(marks.len(), 400);
    for number in (0..1_200).filter(goes) {
        assert!(!marks.contains(&mark(number).as_bytes()[..11]), "{number}");
    }
}

/// SQLite's own checkpoints are off, for they drop their errors: those of the store keep the write-ahead log short.
#[tokio::test]
async fn the_write_ahead_log_of_sqlite_is_copied_before_it_grows_long() {
    let stage = Stage::sqlite();
    let store = stage.open().await;
    let path = stage.options.url.trim_start_matches("sqlite:");
    let bytes = |end: &str| std::fs::metadata(format!("{path}{end}")).unwrap().len();
    let (mut longest, mut written) = (0, 0);
    for seq in 1..=48 {
        let mut large = event(1, seq);
        large.record = vec![7; 2 << 20];
        written += large.record.len() as u64;
        let mut batch = store.batch().await.unwrap();
        batch.append(&[large]).await.unwrap();
        batch.commit().await.unwrap();
        longest = longest.max(bytes("-wal"));
    }
    assert!(longest < written * 2 / 3, "{longest} of {written} bytes");
    assert!(bytes("") > written / 2, "the database's file has the most of it");
}

async fn read_two(store: &Store) -> Snapshot {
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.events(id(1), 0, 2).await.unwrap().len(), 2);
    snapshot
}

/// Reads until it is told to stop, and is never without a snapshot.
async fn read_on(store: Store, done: Arc<AtomicBool>) {
    let mut reading = read_two(&store).await;
    while !done.load(Ordering::Relaxed) {
        let next = read_two(&store).await;
        reading.close().await.unwrap();
        reading = next;
    }
    reading.close().await.unwrap();
}

/// While readers never pause there is no moment in which the write-ahead log could begin anew by itself.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "those who read are tasks that the test waits for")]
async fn the_write_ahead_log_of_sqlite_stays_short_while_readers_never_pause() {
    let stage = Stage::sqlite();
    let (store, done) = (stage.open().await, Arc::new(AtomicBool::new(false)));
    let wal = format!("{}-wal", stage.options.url.trim_start_matches("sqlite:"));
    let large = |seq| store::Event { record: vec![7; 2 << 20], ..event(1, seq) };
    let (mut readers, mut longest, mut begins_anew) = (Vec::new(), 0, false);
    // How long readers need is the machine's; the longer the log is, the longer they are waited for.
    for seq in 1..=400 {
        let mut batch = store.batch().await.unwrap();
        batch.append(&[large(seq)]).await.unwrap();
        batch.commit().await.unwrap();
        let length = std::fs::metadata(&wal).unwrap().len();
        begins_anew = length < longest;
        if begins_anew {
            break;
        }
        longest = length;
        if seq == 2 {
            readers.extend((0..4).map(|_| tokio::spawn(read_on(store.clone(), done.clone()))));
        }
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(begins_anew, "it has grown to {longest} bytes");
}

/// A store whose next checkpoint fails, and what its file holds when it is whole.
async fn with_a_short_file(stage: &Stage) -> (store::Store, Vec<u8>) {
    let store = stage.open().await;
    let append = async |positions: std::ops::RangeInclusive<u64>| {
        let mut batch = store.batch().await.unwrap();
        for seq in positions {
            batch.append(&[store::Event { record: vec![7; 1 << 20], ..event(1, seq) }]).await.unwrap();
        }
        batch.commit().await.unwrap();
    };
    append(1..=60).await;
    store.wipe_wal().await.unwrap();
    append(61..=96).await;
    // The file is shorter than what the write-ahead log continues: SQLite does not go on copying.
    let path = stage.options.url.trim_start_matches("sqlite:");
    let whole = std::fs::read(path).unwrap();
    std::fs::File::options().write(true).open(path).unwrap().set_len(1 << 20).unwrap();
    (store, whole)
}

/// Whoever is to write may go away while the write-ahead log is copied. What fails then ends writing nevertheless.
#[tokio::test]
async fn a_checkpoint_of_sqlite_that_fails_ends_writing_though_nobody_waits_for_it() {
    let stage = Stage::sqlite();
    let (store, _whole) = with_a_short_file(&stage).await;
    for _ in 0..8 {
        let mut waiting = pin!(store.batch());
        let first = std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await;
        assert!(first.is_pending());
    }
    let noted = async {
        while store.accepts_writes() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), noted).await.expect("it is noted");
}

/// What a checkpoint has copied that failed may be gone: only who opens the database anew copies all of it.
#[tokio::test]
async fn a_store_whose_storage_failed_leaves_the_write_ahead_log_of_sqlite() {
    let stage = Stage::sqlite();
    let (store, whole) = with_a_short_file(&stage).await;
    let mut tries = 0;
    while store.accepts_writes() {
        tries += 1;
        assert!(tries <= 8, "the write-ahead log is copied before one of them");
        drop(store.batch().await);
    }
    // As if the storage was well again.
    let path = stage.options.url.trim_start_matches("sqlite:");
    std::fs::write(path, whole).unwrap();
    store.close().await;
    drop(store);
    assert!(std::fs::metadata(format!("{path}-wal")).is_ok_and(|wal| wal.len() > 30 << 20));
    let mut snapshot = stage.open().await.snapshot().await.unwrap();
    assert!(snapshot.event(id(1), 96).await.unwrap().is_some());
}

/// Who waited in line while a checkpoint failed neither writes nor copies what is left: that would let the rest go.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "those who wait in line are tasks that the test waits for")]
async fn who_waited_while_a_checkpoint_of_sqlite_failed_does_nothing_more() {
    let stage = Stage::sqlite();
    let (store, _whole) = with_a_short_file(&stage).await;
    let held = store.batch().await.expect("the write-ahead log is not looked at before this one");
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.batch().await.map(drop) })
        })
        .collect();
    tokio::task::yield_now().await;
    let wiped = async {
        let mut wiped = pin!(store.wipe_wal());
        let first = std::future::poll_fn(|context| Poll::Ready(wiped.as_mut().poll(context))).await;
        assert!(first.is_pending());
        held.rollback().await.unwrap();
        wiped.await
    };
    let refused = |error: &Error| matches!(error, Error::Fatal(said) if said.contains("failed before"));
    assert!(wiped.await.is_err_and(|error| refused(&error)), "the checkpoint before it has failed");
    let mut done = Vec::new();
    for begun in waiting {
        done.push(begun.await.unwrap());
    }
    let failed = done.iter().position(Result::is_err).expect("one of eight looks");
    assert!(failed < 7, "others wait behind it");
    assert!(done[failed + 1..].iter().all(|begun| begun.as_ref().is_err_and(refused)), "{done:?}");
}

async fn append(store: &Store, seq: u64) -> Result<(), Error> {
    let mut batch = store.batch().await?;
    batch.append(&[event(1, seq)]).await?;
    batch.commit().await
}

both! {
    /// Who fills a database has it alone: whoever has it open has read what is about to be replaced.
    async fn a_database_is_had_alone_or_not_at_all(stage: &Stage) {
        let (other, alone) = (stage.open().await, Options { alone: true, ..stage.options.clone() });
        let once = Options { patience: std::time::Duration::from_secs(1), ..alone.clone() };
        let refused = Store::open(&once).await.map(drop);
        assert_eq!(refused, Err(Error::InUse));
        append(&other, 1).await.expect("who has it open is not disturbed");
        other.close().await;
        let store = Store::open(&alone).await.expect("nobody else has it open");
        append(&store, 2).await.unwrap();
        let beside = stage.open().await;
        append(&beside, 3).await.expect("and it is everybody's from then on");
    }
}

/// What is written to a file that was removed is gone, and what takes its place is another database.
#[tokio::test]
async fn a_file_that_is_not_in_its_place_is_neither_read_nor_written() {
    let stage = Stage::sqlite();
    let store = stage.open().await;
    append(&store, 1).await.unwrap();
    let path = stage.options.url.strip_prefix("sqlite:").unwrap().to_owned();
    let aside = format!("{path}.aside");
    let moved = |from: &str, to: &str| {
        for end in ["", "-wal", "-shm"] {
            std::fs::rename(format!("{from}{end}"), format!("{to}{end}")).unwrap();
        }
    };
    moved(&path, &aside);
    let gone = |answer: Result<(), Error>| assert!(matches!(answer, Err(Error::Fatal(_))), "{answer:?}");
    gone(store.snapshot().await.map(drop));
    moved(&aside, &path);
    append(&store, 2).await.expect("it is there again");

    moved(&path, &aside);
    let other = stage.open().await;
    append(&other, 1).await.unwrap();
    gone(store.snapshot().await.map(drop));
    assert!(store.accepts_writes());
    gone(append(&store, 3).await);
    assert!(!store.accepts_writes());
    append(&other, 2).await.expect("the one in its place is in order");
    let whole = Store::open(&Options::new(format!("sqlite:{aside}"))).await;
    drop(whole.expect("what was moved can be opened where it is"));
}

/// A database that was dropped and made again is another one, though it has the name and the address of the first.
#[tokio::test]
async fn a_database_of_postgres_that_was_made_again_is_neither_read_nor_written() {
    let stage = Stage::postgres();
    let store = stage.open().await;
    append(&store, 1).await.unwrap();
    stage.make_again();
    let gone = |answer: Result<(), Error>| assert!(matches!(answer, Err(Error::Fatal(_))), "{answer:?}");
    gone(store.snapshot().await.map(drop));
    assert!(store.accepts_writes());
    gone(append(&store, 2).await);
    assert!(!store.accepts_writes());
    append(&stage.open().await, 1).await.expect("whoever opens it now has the new one");
}
