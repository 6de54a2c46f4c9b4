//! D7 at length: two nodes on one PostgreSQL, sixteen writers whose transactions dawdle between append and commit, and
//! followers that are cut at random, change the node and live through the restart of one: nothing missed, nothing twice,
//! in order. `THROUGHLINE_FOLLOWED_EVENTS` sets how many events are written; the default is short, 100 000 the promise.

use std::sync::Arc;
use std::time::Duration;

use app::{App, Error, Request, Through};
use domain::Actor;
use domain::id::{ActionId, CoacheeId, Id as _, LogId, PersonId, PracticeId};
use domain::value::Percent;
use serde_json::{Value, json};
use tests::{Database, Person, Product};
use tokio::sync::{RwLock, watch};
use tokio::task::JoinSet;

use super::{ACTIVITY, Dice, changes_of, place};
use crate::plan::{action, goal, position};

/// How many events are written where nobody says.
const EVENTS: u64 = 1_600;
const WRITERS: u64 = 16;
const PRACTICES: usize = 4;

/// Every transaction that appends waits for up to four milliseconds before it goes on to its commit.
const DAWDLE: &str = "create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(random() * 0.004); return null; end $$;
    create trigger dawdle after insert on events for each statement execute function dawdle();";

/// The nodes: the second one is replaced while all goes on. The number counts the replacements.
type Nodes = Arc<(RwLock<[App; 2]>, watch::Sender<u64>)>;

/// A practice with the actions that its writers move.
#[derive(Clone)]
struct Scene {
    owner: Person,
    practice: String,
    log: LogId,
    /// Every other one is Robin's; the rest are Sam's.
    actions: Vec<String>,
    robin: CoacheeId,
    /// Where following begins.
    after: Value,
}

#[expect(clippy::disallowed_methods, reason = "the length of a test is the environment's to say")]
fn events_told() -> u64 {
    std::env::var("THROUGHLINE_FOLLOWED_EVENTS").ok().and_then(|told| told.parse().ok()).unwrap_or(EVENTS)
}

fn uuid(id: &str) -> uuid::Uuid {
    domain::id::parse(id).expect("an id").1
}

/// Moves actions through one of the nodes, one after the other; a node that stops sends it to the other one.
async fn write(nodes: Nodes, scene: Scene, writer: u64, times: u64) {
    let person = PersonId::of(uuid(&scene.owner.id));
    let action = &scene.actions[usize::try_from(writer).expect("a small number") % scene.actions.len()];
    let action = ActionId::of(uuid(action));
    for number in 0..times {
        let progress = Percent::parse(i64::try_from(number % 2 + 1).expect("a percentage")).expect("a percentage");
        for turn in writer + number.. {
            let app = nodes.0.read().await[usize::try_from(turn % 2).expect("0 or 1")].clone();
            let request = Request {
                log: scene.log,
                actor: Actor::Person(person),
                through: Through::Program,
                now: app.clock().now(),
                command: app.command(),
                idempotency: None,
            };
            match app.run(request, domain::plan::SetActionProgress { action, progress }).await {
                Ok(_) => break,
                Err(Error::Unavailable) => tokio::task::yield_now().await,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

/// Follows a log to its end, which is told when nothing is written any more: the commands of the events, in order.
async fn follow(
    nodes: Nodes,
    log: LogId,
    after: u64,
    mut end: watch::Receiver<Option<u64>>,
    mut dice: Dice,
) -> Vec<[u8; 16]> {
    let mut replaced = nodes.1.subscribe();
    let (mut last, mut seen) = (after, Vec::new());
    loop {
        let app = nodes.0.read().await[usize::try_from(dice.throw(2)).expect("0 or 1")].clone();
        let mut follower = app.follow(log, last);
        for _ in 0..dice.throw(400) {
            if *end.borrow() == Some(last) {
                return seen;
            }
            let next = tokio::select! {
                next = follower.next() => next,
                _ = end.changed() => continue,
                _ = replaced.changed() => break,
            };
            match next {
                Ok(event) => {
                    assert_eq!(event.seq, last + 1, "an event was missed, or came twice");
                    last = event.seq;
                    seen.push(event.command);
                }
                // The node stops.
                Err(_) => break,
            }
        }
    }
}

/// Follows what is about one coachee, likewise: the commands of the events about them, in order. Whoever goes on goes on
/// from where nothing had been theirs for longest.
async fn follow_one(
    nodes: Nodes,
    (log, coachee): (LogId, CoacheeId),
    mut last: u64,
    mut end: watch::Receiver<Option<u64>>,
    mut dice: Dice,
) -> Vec<[u8; 16]> {
    let mut seen = Vec::new();
    loop {
        let app = nodes.0.read().await[usize::try_from(dice.throw(2)).expect("0 or 1")].clone();
        let mut follower = app.follow_one(log, Some(coachee), last);
        for _ in 0..dice.throw(400) {
            follower.rest();
            last = follower.position();
            if *end.borrow_and_update() == Some(last) {
                return seen;
            }
            match tokio::time::timeout(Duration::from_millis(50), follower.next()).await {
                Ok(Ok(event)) => {
                    assert!(event.seq > last, "an event came twice");
                    if event.subject == coachee.uuid().into_bytes() {
                        seen.push(event.command);
                    }
                    last = event.seq;
                }
                // The node stops.
                Ok(Err(_)) => break,
                Err(_) => {}
            }
        }
    }
}

/// Follows the activity log over sockets that are cut: the positions of its items.
async fn listen(who: Person, practice: String, mut after: Value, most: u64, mut dice: Dice) -> Vec<u64> {
    let mut seen = Vec::new();
    while (seen.len() as u64) < most {
        let mut live = who.listen(ACTIVITY, json!({ "p": practice, "a": after })).await;
        for _ in 0..=dice.throw(100) {
            if seen.len() as u64 == most {
                break;
            }
            let item = live.next().await["activity"].clone();
            if item["entry"].is_null() {
                // A heartbeat.
                continue;
            }
            after = item["position"].clone();
            seen.push(place(&after));
        }
    }
    seen
}

async fn scenes(product: &Product) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for number in 0..PRACTICES {
        let (owner, practice) = product.coach(&format!("Ada{number}")).await;
        let robin = product.coachee(&owner, &practice, &format!("Robin{number}")).await;
        let sam = product.coachee(&owner, &practice, &format!("Sam{number}")).await;
        let mut actions = Vec::new();
        for number in 0..4 {
            let coachee = if number % 2 == 0 { &robin } else { &sam };
            actions.push(action(&owner, &practice, coachee, None, &format!("Step {number}")).await);
        }
        let robin = CoacheeId::of(uuid(&robin));
        let log = LogId::Practice(PracticeId::of(uuid(&practice)));
        let after = position(&owner, &practice).await;
        scenes.push(Scene { owner, practice, log, actions, robin, after });
    }
    scenes
}

/// The commands of a log's events after a position, and whom each is about.
async fn written(app: &App, log: LogId, mut after: u64) -> Vec<([u8; 16], [u8; 16])> {
    let mut commands = Vec::new();
    loop {
        let mut snapshot = app.store().snapshot().await.expect("a snapshot");
        let events = snapshot.events(log.uuid().into_bytes(), after, 1_000).await.expect("events");
        snapshot.close().await.expect("it closes");
        let Some(last) = events.last() else { return commands };
        after = last.seq;
        commands.extend(events.iter().map(|event| (event.command, event.subject)));
    }
}

/// D7
#[test]
fn nothing_is_missed_and_nothing_comes_twice_across_nodes_cuts_and_restarts() {
    tests::run(Database::Postgres, |product| async move {
        let times = events_told().div_ceil(WRITERS);
        let scenes = scenes(&product).await;
        product.app.store().ensure(DAWDLE, 0).await.expect("the trigger");
        let nodes: Nodes =
            Arc::new((RwLock::new([product.app.clone(), product.another_node().await]), watch::channel(0).0));
        let (mut writers, mut followers, mut listeners) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        let mut ones = JoinSet::new();
        let mut ends = Vec::new();
        for (number, scene) in scenes.iter().enumerate() {
            let (end, ended) = watch::channel(None);
            let after = place(&scene.after);
            for follower in 0..3 {
                let dice = Dice(0xd7 + number as u64 * 10 + follower);
                let (nodes, log, ended) = (nodes.clone(), scene.log, ended.clone());
                followers.spawn(async move { (number, follow(nodes, log, after, ended, dice).await) });
            }
            for follower in 0..3 {
                let dice = Dice(0x0e + number as u64 * 10 + follower);
                let (nodes, whose, ended) = (nodes.clone(), (scene.log, scene.robin), ended.clone());
                ones.spawn(async move { (number, follow_one(nodes, whose, after, ended, dice).await) });
            }
            ends.push(end);
        }
        let reader = scenes[0].owner.through(product.another_address().await);
        let most = times * WRITERS / PRACTICES as u64;
        for listener in 0..2 {
            let (reader, scene) = (reader.clone(), scenes[0].clone());
            listeners.spawn(listen(reader, scene.practice, scene.after, most, Dice(0xface + listener)));
        }
        for writer in 0..WRITERS {
            let scene = scenes[usize::try_from(writer).expect("a small number") % PRACTICES].clone();
            writers.spawn(write(nodes.clone(), scene, writer / PRACTICES as u64, times));
        }
        // A quarter of the writers' way in, and twice more, the second node is stopped and another takes its place.
        for quarter in 1..=3 {
            let reached = place(&scenes[0].after) + most * quarter / 4;
            let mut follower = product.app.follow(scenes[0].log, reached - 1);
            follower.next().await.expect("it goes on");
            let another = product.another_node().await;
            let stopped = std::mem::replace(&mut nodes.0.write().await[1], another);
            nodes.1.send_modify(|number| *number += 1);
            stopped.stop().await;
        }
        while let Some(ended) = writers.join_next().await {
            ended.expect("a writer");
        }
        let mut logs = Vec::new();
        for (scene, end) in scenes.iter().zip(&ends) {
            let commands = written(&product.app, scene.log, place(&scene.after)).await;
            assert_eq!(commands.len() as u64, most);
            end.send_replace(Some(place(&scene.after) + most));
            logs.push(commands);
        }
        while let Some(seen) = followers.join_next().await {
            let (number, seen) = seen.expect("a follower");
            assert_eq!(seen, logs[number].iter().map(|(command, _)| *command).collect::<Vec<_>>());
        }
        while let Some(seen) = ones.join_next().await {
            let (number, seen) = seen.expect("a follower");
            let robin = scenes[number].robin.uuid().into_bytes();
            let theirs = logs[number].iter().filter(|(_, subject)| *subject == robin);
            assert_eq!(seen, theirs.map(|(command, _)| *command).collect::<Vec<_>>());
            assert!(seen.len() < logs[number].len() && !seen.is_empty());
        }
        let first = place(&scenes[0].after) + 1;
        while let Some(seen) = listeners.join_next().await {
            assert_eq!(seen.expect("a listener"), (first..first + most).collect::<Vec<_>>());
        }
        product.prove().await;
    });
}

/// The event of this position is lost as soon as it is appended: a hole, as damage makes one.
fn hole(log: LogId, seq: u64) -> String {
    let log = log.uuid().simple();
    format!(
        "create function hole() returns trigger language plpgsql as $$ begin
        delete from events where log_id = decode('{log}', 'hex') and seq = {seq}; return null; end $$;
        create trigger hole after insert on events for each statement execute function hole();"
    )
}

/// Whoever follows a log that has lost an event is told so, wherever they follow it; who follows another goes on.
#[test]
fn a_hole_in_one_log_keeps_nobody_from_another() {
    tests::run(Database::Postgres, |product| async move {
        let other = product.another_address().await;
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let (olga, olgas) = product.coach("Olga").await;
        let kim = product.coachee(&olga, &olgas, "Kim").await;
        let mut live = Vec::new();
        for (who, practice, coachee) in [(&ada, &practice, &robin), (&olga, &olgas, &kim)] {
            let variables = json!({ "p": practice, "a": position(who, practice).await });
            let mut listening = who.through(other).listen(&changes_of("coach"), variables).await;
            // The second one is news to whoever has heard of the first.
            for title in ["First", "Second"] {
                goal(who, practice, coachee, title).await;
                assert_eq!(listening.next().await["coachPortalChanges"]["changes"][0]["title"], title);
            }
            live.push(listening);
        }
        let next = place(&position(&ada, &practice).await) + 1;
        let hole = hole(LogId::Practice(PracticeId::of(uuid(&practice))), next);
        product.app.store().ensure(&hole, 0).await.expect("the trigger");
        for title in ["Lost", "Left"] {
            goal(&ada, &practice, &robin, title).await;
        }
        assert_eq!(live[0].ends().await, "INTERNAL");
        goal(&olga, &olgas, &kim, "Third").await;
        assert_eq!(live[1].next().await["coachPortalChanges"]["changes"][0]["title"], "Third");
    });
}
