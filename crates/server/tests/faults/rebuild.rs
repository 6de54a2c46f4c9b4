//! D6: what is served equals the log, also when making it anew, or catching up, is cut short.

use std::time::{Duration, Instant};

use crate::chance::{Chance, rounds, told};
use crate::place::Place;

/// How many goals there are to be folded: more than one transaction's.
const GOALS: u64 = 12_000;

async fn cut_short(place: Place, name: &str) {
    let mut chance = Chance::new(name);
    let goals = place.goals_of_many(GOALS).await;
    let client = reqwest::Client::new();
    // How long one takes is the machine's: no later than that is it killed, and sooner where it has ended before.
    let begun = Instant::now();
    assert!(place.program(&[], &["replay"]).status().unwrap().success(), "{}", place.said());
    let mut longest = begun.elapsed();
    let (mut cut, times) = (0, rounds(8, 100));
    for _ in 0..times {
        let mut rebuild = place.program(&[], &["replay"]).spawn().unwrap();
        tokio::time::sleep(longest * u32::try_from(chance.below(1_000)).unwrap() / 1_000).await;
        if rebuild.try_wait().unwrap().is_some() {
            longest /= 2;
        } else {
            cut += 1;
        }
        rebuild.kill().unwrap();
        rebuild.wait().unwrap();
        // A server that starts now catches up, and is killed in that too.
        let catching_up = place.start().await;
        tokio::time::sleep(Duration::from_millis(chance.below(60))).await;
        catching_up.kill();
    }
    assert!(cut > 0, "no rebuild was cut short");
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
