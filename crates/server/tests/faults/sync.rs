//! D3: a sync that fails is never acknowledged, and then nothing more is written; reading goes on.
//!
//! `strace` answers the n-th sync (or write) of the database's files with `EIO` in place of the system. On PostgreSQL the
//! process whose sync failed panics, as it must, and the server comes back by itself from its log.

use std::sync::Arc;

use cluster::Fragile;

use crate::chance::rounds;
use crate::place::{Place, WRITES_NOTHING, needs};
use crate::writers::Writers;

/// What is still asked of a server that no longer writes.
async fn only_reads(place: &Place, wanted: &[(String, String)]) {
    let client = reqwest::Client::new();
    assert_eq!(place.add(&client, "after the end").await.unwrap_err(), "UNAVAILABLE");
    assert_eq!(place.ready().await.unwrap_err(), WRITES_NOTHING);
    let numbers = place.get("/metrics").await.unwrap().text().await.unwrap();
    assert!(numbers.contains("throughline_accepts_writes 0\n"), "{numbers}");
    let present = place.goals(&client).await.expect("reads go on");
    assert!(wanted.iter().all(|goal| present.contains(goal)), "what was acknowledged is still served");
}

async fn fails(calls: &str, numbers: impl Iterator<Item = u64>) {
    needs("strace");
    let folder = tempfile::tempdir().unwrap();
    let place = Arc::new(Place::prepare(&folder.path().join("data"), None).await);
    let file = place.data.join("throughline.db").display().to_string();
    let (wal, client) = (format!("{file}-wal"), reqwest::Client::new());
    let (mut wanted, mut failed, mut not_begun) = (Vec::new(), 0, 0);
    for number in numbers {
        let recording = folder.path().join("recording").display().to_string();
        let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:error=EIO:when={number}"));
        let strace = ["strace", "-D", "-f", "-o", &recording, "-P", &file, "-P", &wal, "-e", &trace, "-e", &inject];
        let mut unknown = Vec::new();
        if let Some(running) = place.start_under(&strace).await {
            let mut writers = Writers::start(&place, &format!("{calls} {number}"), 3);
            writers.be_refused().await;
            let written = writers.give_up().await;
            wanted.extend(written.goals());
            unknown = written.unknown;
            only_reads(&place, &wanted).await;
            failed += 1;
            if number % 2 == 0 { running.kill() } else { running.stop() }
        } else {
            not_begun += 1;
        }
        let recorded = std::fs::read_to_string(&recording).unwrap();
        assert!(recorded.contains("(INJECTED)"), "nothing was made to fail: {recorded}");
        // Begun anew, it writes again, and what nobody knew can be asked again.
        let running = place.start().await;
        for key in unknown {
            let (id, _) = place.add(&client, &key).await.unwrap();
            wanted.push((id, key));
        }
        wanted.sort();
        assert!(place.goals(&client).await.unwrap() == wanted, "{number}: what was acknowledged, each once");
        running.kill();
    }
    place.prove();
    println!("{calls}: {failed} failed and {not_begun} kept it from starting; {} acknowledged, 0 lost", wanted.len());
    assert!(failed > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_is_never_acknowledged_and_ends_writing() {
    // The second is that of the database's file, when the write-ahead log that was left is copied into it.
    fails("fsync,fdatasync", (rounds(2, 1)..=50).step_by(usize::try_from(rounds(6, 1)).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_is_never_acknowledged_and_ends_writing() {
    fails("pwrite64", (1..=50).map(|number| number * 7).step_by(usize::try_from(rounds(13, 1)).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_a_sync_of_postgres_fails() {
    needs("strace");
    let mut postgres = Fragile::make(&[]).unwrap();
    postgres.start(&[], &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = postgres.database("sync", "").unwrap();
    let place = Arc::new(Place::prepare(&folder.path().join("data"), Some(database)).await);
    let mut wanted = Vec::new();
    for number in [3, 5, 8, 13, 21].into_iter().take(usize::try_from(rounds(2, 5)).unwrap()) {
        postgres.stop();
        let inject = format!("inject=fdatasync:error=EIO:when={number}");
        let panics = postgres.log().matches("PANIC").count();
        postgres.start(&["strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject], &[]).unwrap();
        let running = place.start().await;
        let mut writers = Writers::start(&place, &format!("sync {number}"), 4);
        // Each process fails at its own n-th: the server panics and comes back several times. How many commits share a sync,
        // and so how long it takes until one process comes to its n-th, is the scheduler's.
        let panicked = || postgres.log().matches("PANIC").count() - panics;
        for _ in 0..50 {
            writers.acknowledge(6 * number).await;
            if panicked() > 0 {
                break;
            }
        }
        let panicked = panicked();
        assert!(panicked > 0, "no sync failed: {}", postgres.log());
        postgres.crash();
        postgres.start(&[], &[]).unwrap();
        wanted.extend(writers.finish().await.goals());
        wanted.sort();
        assert!(place.goals(&reqwest::Client::new()).await.unwrap() == wanted, "what was acknowledged, each once");
        running.kill();
        println!("sync {number} of each process fails: {panicked} panics, {} acknowledged, 0 lost", wanted.len());
    }
    place.prove();
}
