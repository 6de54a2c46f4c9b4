//! D2: what was acknowledged survives a power loss, on SQLite and on PostgreSQL.
//!
//! The program (or PostgreSQL) runs under `strace`, which records what it writes and syncs, while people write; then the
//! power is lost at many moments of that recording, in several ways, and each image is opened. What had been acknowledged
//! by then must be there, the tree valid, the rows what the log says. The control plays the same recording as if the
//! log's syncs had not been made, which is what `synchronous=NORMAL` (and PostgreSQL's `fsync=off`) comes to: there the
//! same examination must find losses, or it is blind.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use app::App;
use cluster::Fragile;
use domain::id::Id as _;
use domain::value::Time;
use futures_util::FutureExt as _;

use crate::chance::{Chance, rounds};
use crate::disk::{self, CALLS, Call, Disk, Leaves, Timed};
use crate::place::{Place, needs};
use crate::writers::{Acknowledged, Writers, Written};

const WAYS: [Leaves; 4] = [Leaves::Nothing, Leaves::Some(2), Leaves::Some(8), Leaves::Everything];

/// How many of these are missing; whatever else is wrong fails the test.
async fn missing(app: &App, place: &Place, wanted: &[&Acknowledged], said: &str) -> usize {
    let checked = app.check(None, &mut ()).await.unwrap();
    assert!(checked.difference.is_none(), "{said}: {:?}", checked.difference);
    let verified = app::verify::verify(app.store(), None, None, &[], &mut ()).await.unwrap();
    assert!(verified.finding.is_none(), "{said}: {:?}", verified.finding);
    let mut snapshot = app.store().snapshot().await.unwrap();
    let (log, mut there) = (place.log().uuid().into_bytes(), BTreeSet::new());
    let mut after = 0;
    loop {
        let events = snapshot.events(log, after, 1_000).await.unwrap();
        let Some(last) = events.last() else { break };
        assert_eq!(last.seq, after + events.len() as u64, "{said}: positions are dense");
        after = last.seq;
        there
            .extend(events.iter().map(|event| domain::id::GoalId::of(uuid::Uuid::from_bytes(event.thing)).to_string()));
    }
    snapshot.close().await.unwrap();
    wanted.iter().filter(|one| !there.contains(&one.id)).count()
}

/// The moments at which the power is lost: after which call of the recording.
fn moments(calls: &[Timed], count: u64, chance: &mut Chance) -> BTreeSet<usize> {
    let syncs: Vec<usize> = (0..calls.len()).filter(|place| matches!(calls[*place].call, Call::Sync(_))).collect();
    let mut moments = BTreeSet::from([calls.len() - 1]);
    for number in 0..count {
        let pick = |chance: &mut Chance, end: usize| usize::try_from(chance.below(end as u64)).unwrap();
        // Half of them just before or just after a sync, where a program that relies on the wrong one is found.
        moments.insert(match number % 4 {
            0 => syncs[pick(chance, syncs.len())],
            1 => syncs[pick(chance, syncs.len())].saturating_sub(1),
            _ => pick(chance, calls.len()),
        });
    }
    moments
}

/// What had been acknowledged before a call of the recording began, or everything at its end.
fn by_then<'w>(written: &'w Written, calls: &[Timed], moment: usize) -> Vec<&'w Acknowledged> {
    let is_end = moment + 1 == calls.len();
    written.acknowledged.iter().filter(|one| is_end || one.at < calls[moment].at).collect()
}

/// Waits until strace has written the end of its recording.
fn recorded(recording: &Path) {
    let begun = std::time::Instant::now();
    loop {
        let text = std::fs::read(recording).unwrap();
        let end = String::from_utf8_lossy(&text[text.len().saturating_sub(200)..]).into_owned();
        if end
            .trim_end()
            .lines()
            .next_back()
            .is_some_and(|line| line.contains("+++ exited") || line.contains("+++ killed"))
        {
            return;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "the recording does not end: {end}");
        std::thread::yield_now();
    }
}

/// People write to the program, which then is ended as an operator would.
async fn some_work(place: &Arc<Place>, under: &[&str], goals: u64) -> Written {
    let running = place.start_under(under).await.unwrap_or_else(|| panic!("it has ended: {}", place.said()));
    let mut writers = Writers::start(place, "power", 6);
    writers.acknowledge(goals).await;
    let written = writers.finish().await;
    running.stop();
    written
}

/// Plays a recording and examines the images; how many there were, and how many goals were missing in all.
async fn examine(
    place: &Place,
    (disk, calls): (Disk, &[Timed]),
    written: &Written,
    moments: &BTreeSet<usize>,
    ways: &[Leaves],
) -> (usize, usize) {
    let mut chance = Chance::new("images");
    let (mut disk, mut images, mut lost) = (disk, 0, 0);
    for (number, timed) in calls.iter().enumerate() {
        disk.take(&timed.call);
        for leaves in ways.iter().filter(|_| moments.contains(&number)) {
            let folder = tempfile::tempdir().unwrap();
            disk.lose_power(*leaves, &mut chance, folder.path()).unwrap();
            let said = format!("after call {number} of {}, {leaves:?} is left", calls.len());
            let app = place.moved(folder.path(), None).open(Time(0)).await;
            lost += missing(&app, place, &by_then(written, calls, number), &said).await;
            app.stop().await;
            images += 1;
        }
    }
    (images, lost)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_with_the_power() {
    needs("strace");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let place = Arc::new(Place::prepare(&data, None).await);
    let disk = Disk::of(&data);
    let recording = folder.path().join("recording");
    let strace = ["strace", "-D", "-f", "-ttt", "-y", "-xx", "-s", "70000", "-e", CALLS, "-o"];
    let under: Vec<&str> = strace.into_iter().chain([recording.to_str().unwrap()]).collect();
    let written = some_work(&place, &under, rounds(120, 2_000)).await;
    recorded(&recording);
    let calls = disk::read(&recording, &data);
    let moments = moments(&calls, rounds(12, 400), &mut Chance::new("moments"));
    let (images, lost) = examine(&place, (disk.clone(), &calls), &written, &moments, &WAYS).await;
    println!("{images} images, {} acknowledged: {lost} lost", written.acknowledged.len());
    assert_eq!(lost, 0, "what was acknowledged is there");

    let weak = as_with_normal(&calls);
    let (images, lost) = examine(&place, (disk, &weak), &written, &moments, &[Leaves::Nothing]).await;
    println!("with synchronous=NORMAL: {images} images, {lost} lost");
    assert!(lost > 0, "an examination that finds no loss here is blind");
}

/// The calls as SQLite makes them with `synchronous=NORMAL`: its log is synced only before pages are taken over from it.
fn as_with_normal(calls: &[Timed]) -> Vec<Timed> {
    let ends = |path: &Path, end: &str| path.to_string_lossy().ends_with(end);
    let mut weak = calls.to_vec();
    for place in 0..weak.len() {
        let next = calls[place + 1..].iter().find_map(|timed| match &timed.call {
            Call::Write(path, ..) if ends(path, ".db") || ends(path, "-wal") => Some(path),
            Call::Write(..)
            | Call::Create(_)
            | Call::Length(..)
            | Call::Extend(..)
            | Call::Rename(..)
            | Call::Link(..)
            | Call::Unlink(_)
            | Call::Sync(_) => None,
        });
        let before_taking_over = next.is_some_and(|path| ends(path, ".db"));
        if let Call::Sync(path) = &calls[place].call
            && ends(path, "-wal")
            && !before_taking_over
        {
            weak[place].call = Call::Sync(path.join("not made"));
        }
    }
    weak
}

/// PostgreSQL keeps its own promise, and what is set up here lets it: the same examination, of its files.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_with_the_power_on_postgres() {
    needs("strace");
    let mut postgres = Fragile::make(&["--wal-segsize=1"]).unwrap();
    postgres.start(&[], &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = postgres.database("power", "").unwrap();
    let place = Arc::new(Place::prepare(&folder.path().join("data"), Some(database)).await);
    postgres.stop();
    let (data, mut disk) = (postgres.data(), Disk::of(&postgres.data()));
    let shared = tempfile::tempdir().unwrap();
    // PostgreSQL's user writes there
    std::fs::set_permissions(shared.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let recording = shared.path().join("recording");
    let strace = ["strace", "-f", "-ttt", "-y", "-xx", "-s", "2200000", "-e", CALLS, "-o"];
    let under: Vec<&str> = strace.into_iter().chain([recording.to_str().unwrap()]).collect();
    // A checkpoint every half a minute or 3 MB, so that there are some, and pages are written torn.
    postgres
        .start(&under, &["checkpoint_timeout=30s", "max_wal_size=3MB", "min_wal_size=2MB", "bgwriter_delay=10ms"])
        .unwrap();
    let written = some_work(&place, &[], rounds(80, 1_500)).await;
    postgres.stop();
    recorded(&recording);
    let calls = disk::read(&recording, &data);
    let moments = moments(&calls, rounds(3, 60), &mut Chance::new("moments"));
    let mut chance = Chance::new("images");
    let (mut images, mut lost, mut lost_weak) = (0, 0, 0);
    let mut weak = disk.clone();
    for (number, timed) in calls.iter().enumerate() {
        disk.take(&timed.call);
        // The control: the log is never synced.
        if !matches!(&timed.call, Call::Sync(path) if path.parent().is_some_and(|folder| folder.ends_with("pg_wal"))) {
            weak.take(&timed.call);
        }
        if !moments.contains(&number) {
            continue;
        }
        let wanted = by_then(&written, &calls, number);
        for leaves in [Leaves::Nothing, WAYS[1 + number % 2]] {
            let said = format!("after call {number} of {}, {leaves:?} is left", calls.len());
            lost +=
                opened(&postgres, &place, &wanted, &said, |folder| disk.lose_power(leaves, &mut chance, folder)).await;
            images += 1;
        }
        // Without its log it may not even start: that is a loss of all.
        let fill = |folder: &Path| weak.lose_power(Leaves::Nothing, &mut chance, folder);
        let control = AssertUnwindSafe(opened(&postgres, &place, &wanted, "the control", fill)).catch_unwind();
        lost_weak += control.await.unwrap_or(wanted.len());
    }
    println!(
        "{images} images, {} acknowledged: {lost} lost; without the log's syncs {lost_weak}",
        written.acknowledged.len()
    );
    assert_eq!(lost, 0, "what was acknowledged is there");
    assert!(lost_weak > 0, "an examination that finds no loss here is blind");
}

/// How many are missing from a cluster of such files.
async fn opened(
    of: &Fragile,
    place: &Place,
    wanted: &[&Acknowledged],
    said: &str,
    fill: impl FnOnce(&Path) -> std::io::Result<()>,
) -> usize {
    let mut image = of
        .of_files(|folder| {
            fill(folder)?;
            // the server that this names has lost its power
            std::fs::remove_file(folder.join("postmaster.pid")).or(Ok(()))
        })
        .unwrap();
    image.start(&[], &[]).unwrap_or_else(|error| panic!("{said}: {error}"));
    let app = place.moved(&place.data, Some(image.url("power"))).open(Time(0)).await;
    let missing = missing(&app, place, wanted, said).await;
    app.stop().await;
    missing
}
