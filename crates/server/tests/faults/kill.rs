//! D1, D5: the program, and the database below it, killed without warning while eight people write.

use std::sync::Arc;
use std::time::Duration;

use cluster::Fragile;

use crate::chance::{Chance, rounds, told};
use crate::place::Place;
use crate::writers::{Writers, Written};

const WRITERS: usize = 8;
/// How many kills the promise is about; in short as many as end within a minute on a slow machine.
const KILLS: (u64, u64) = (30, 1_000);
/// How many events there are before, in full.
const EVENTS: u64 = 100_000;

/// Waits for some answers, and then for a moment that nobody chose.
async fn some_time(writers: &mut Writers, chance: &mut Chance) {
    writers.acknowledge(1 + chance.below(24)).await;
    tokio::time::sleep(Duration::from_micros(chance.below(20_000))).await;
}

/// What is there is what was acknowledged, each once, and nothing else.
async fn compare(place: &Place, before: Vec<(String, String)>, written: &Written) {
    let mut wanted = written.goals();
    wanted.extend(before);
    wanted.sort();
    let present = place.goals(&reqwest::Client::new()).await.unwrap();
    assert_eq!(present.len(), wanted.len(), "as many as were acknowledged");
    assert!(present == wanted, "what was acknowledged is there, and nothing else");
}

async fn kills(place: Arc<Place>, name: &str) {
    let mut chance = Chance::new(name);
    let before = place.goals_of_many(rounds(0, EVENTS)).await;
    let mut running = place.start().await;
    let mut slowest = running.ready_after;
    let mut writers = Writers::start(&place, name, WRITERS);
    let kills = rounds(KILLS.0, KILLS.1);
    for _ in 0..kills {
        some_time(&mut writers, &mut chance).await;
        running.kill();
        running = place.start().await;
        slowest = slowest.max(running.ready_after);
    }
    let written = writers.finish().await;
    compare(&place, before, &written).await;
    running.kill();
    place.prove();
    println!(
        "{name}: {kills} kills, {} acknowledged, 0 lost; ready after {} ms at most",
        written.acknowledged.len(),
        slowest.as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    kills(Arc::new(Place::prepare(&folder.path().join("data"), None).await), "kills on sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_it_is_killed_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let given = told(cluster::VARIABLE);
    let database = cluster::database(given.as_deref(), "kill").unwrap();
    let place = Place::prepare(&folder.path().join("data"), Some(database)).await;
    kills(Arc::new(place), "kills on postgres").await;
}

/// The program runs on; PostgreSQL is killed with all its processes, and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_postgres_is_killed() {
    let mut postgres = Fragile::make(&[]).unwrap();
    postgres.start(&[], &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = postgres.database("killed", "").unwrap();
    let place = Arc::new(Place::prepare(&folder.path().join("data"), Some(database)).await);
    let mut chance = Chance::new("kills of postgres");
    let running = place.start().await;
    let mut writers = Writers::start(&place, "killed", WRITERS);
    let kills = rounds(6, 100);
    for _ in 0..kills {
        some_time(&mut writers, &mut chance).await;
        postgres.crash();
        postgres.start(&[], &[]).unwrap();
    }
    let written = writers.finish().await;
    place.ready().await.expect("it is ready again by itself");
    compare(&place, Vec::new(), &written).await;
    running.kill();
    place.prove();
    println!("{kills} kills of PostgreSQL, {} acknowledged, 0 lost", written.acknowledged.len());
}
