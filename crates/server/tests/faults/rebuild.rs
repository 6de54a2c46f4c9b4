//! D6: what is served equals the log, also when making it anew, or catching up, is cut short.

use std::time::Duration;

use crate::chance::{Chance, rounds, told};
use crate::place::Place;

/// How many goals there are to be folded.
const GOALS: u64 = 1_500;

async fn cut_short(place: Place, name: &str) {
    let mut chance = Chance::new(name);
    let goals = place.goals_of_many(GOALS).await;
    let client = reqwest::Client::new();
    let (mut cut, times) = (0, rounds(8, 100));
    for _ in 0..times {
        // Every row is deleted and folded again, in chunks; somewhere within that it ends.
        let mut rebuild = place.program(&[], &["replay"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(20 + chance.below(500))).await;
        cut += u64::from(rebuild.try_wait().unwrap().is_none());
        rebuild.kill().unwrap();
        rebuild.wait().unwrap();
        // A server that starts now catches up, and is killed in that too.
        let catching_up = place.start().await;
        tokio::time::sleep(Duration::from_millis(chance.below(60))).await;
        catching_up.kill();
    }
    assert!(cut > 0, "no rebuild was cut short: {GOALS} goals are too few");
    let running = place.start().await;
    assert!(place.goals(&client).await.unwrap() == goals, "what is served is what was");
    running.kill();
    place.prove();
    println!("{name}: {cut} of {times} rebuilds were cut short");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_killed_is_made_whole() {
    let folder = tempfile::tempdir().unwrap();
    cut_short(Place::prepare(&folder.path().join("data"), None).await, "rebuilds on sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_killed_is_made_whole_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let given = told(cluster::VARIABLE);
    let database = cluster::database(given.as_deref(), "rebuild").unwrap();
    cut_short(Place::prepare(&folder.path().join("data"), Some(database)).await, "rebuilds on postgres").await;
}
