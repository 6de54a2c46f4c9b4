//! Events, heads and what is written with them.

use store::{
    Activity, Command, Error, Event, Follower, Forgotten, Head, Key, Locked, Node, Owners, Sight, SignedRoot, Wait,
};

use crate::stage::{both, event, head, id};

both! {
/// What is appended is read again, in order, each log apart.
async fn events_are_read_as_they_were_appended(stage: &Stage) {
    let store = stage.open().await;
    let events: Vec<Event> = (1..=300).map(|seq| event(1, seq)).chain((1..=3).map(|seq| event(2, seq))).collect();
    let mut batch = store.batch().await.unwrap();
    batch.append(&events).await.unwrap();
    assert_eq!(batch.events(id(1), 298, 9).await.unwrap().len(), 2, "a batch sees what it has written");
    batch.commit().await.unwrap();

    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.events(id(1), 0, 1000).await.unwrap(), events[..300]);
    assert_eq!(snapshot.events(id(2), 1, 1).await.unwrap(), events[301..302]);
    assert_eq!(snapshot.event(id(2), 3).await.unwrap().as_ref(), events.last());
    assert_eq!(snapshot.event(id(2), 4).await.unwrap(), None);
    assert_eq!(snapshot.event(id(2), 0).await.unwrap(), None);
    let records = snapshot.records(id(1), 100, 3).await.unwrap();
    assert_eq!(records, (101..=103).map(|seq| (seq, event(1, seq).record)).collect::<Vec<_>>());
    assert_eq!(snapshot.leaves(id(1), 9, 2).await.unwrap(), [[10; 32], [11; 32]]);
    snapshot.close().await.unwrap();
}
}

both! {
/// A position is taken once.
async fn a_position_that_is_taken_is_a_conflict(stage: &Stage) {
    let store = stage.open().await;
    let mut batch = store.batch().await.unwrap();
    batch.append(&[event(1, 1)]).await.unwrap();
    batch.commit().await.unwrap();
    let mut batch = store.batch().await.unwrap();
    batch.append(&[event(1, 2)]).await.unwrap();
    let refused = batch.append(&[event(1, 1)]).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict(_)), "{refused}");
    let refused = batch.commit().await.unwrap_err();
    assert!(refused.may_be_retried(), "a failed batch cannot be committed: {refused}");
    assert_eq!(store.snapshot().await.unwrap().events(id(1), 0, 9).await.unwrap().len(), 1);
}
}

both! {
/// Heads are made, changed, and told apart from logs that have none.
async fn heads_are_locked_and_written(stage: &Stage) {
    let store = stage.open().await;
    let mut batch = store.batch().await.unwrap();
    assert_eq!(batch.lock(&[id(2), id(1)], Wait::Skip).await.unwrap(), Locked::default());
    batch.set_heads(&[head(2, 1), head(1, 1), head(3, 1)], &[]).await.unwrap();
    batch.commit().await.unwrap();

    let mut batch = store.batch().await.unwrap();
    let locked = batch.lock(&[id(3), id(9), id(1)], Wait::Block).await.unwrap();
    assert_eq!(locked, Locked { heads: vec![head(1, 1), head(3, 1)], skipped: vec![] });
    let changed = Head { folded: vec![], frontier: vec![1], ..head(1, 5) };
    batch.set_heads(&[], &[changed.clone(), head(3, 2)]).await.unwrap();
    batch.commit().await.unwrap();

    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.head(id(1)).await.unwrap(), Some(changed.clone()));
    assert_eq!(snapshot.head(id(4)).await.unwrap(), None);
    assert_eq!(snapshot.heads(None, 2).await.unwrap(), [changed, head(2, 1)]);
    assert_eq!(snapshot.heads(Some(id(2)), 2).await.unwrap(), [head(3, 2)]);
}
}

/// On PostgreSQL a head that somebody holds is skipped, or waited for.
#[tokio::test]
async fn a_held_head_is_skipped_or_waited_for() {
    let store = crate::stage::Stage::postgres().open().await;
    let mut batch = store.batch().await.unwrap();
    batch.set_heads(&[head(1, 1), head(2, 1)], &[]).await.unwrap();
    batch.commit().await.unwrap();

    let mut holder = store.batch().await.unwrap();
    holder.lock(&[id(1)], Wait::Block).await.unwrap();
    let mut other = store.batch().await.unwrap();
    let locked = other.lock(&[id(1), id(2), id(3)], Wait::Skip).await.unwrap();
    assert_eq!(locked, Locked { heads: vec![head(2, 1)], skipped: vec![id(1)] });
    other.rollback().await.unwrap();

    let mut waiting = store.batch().await.unwrap();
    let logs = [id(1)];
    let (locked, ()) = tokio::join!(waiting.lock(&logs, Wait::Block), async {
        holder.set_heads(&[], &[head(1, 2)]).await.unwrap();
        holder.commit().await.unwrap();
    });
    assert_eq!(locked.unwrap().heads, [head(1, 2)], "who waited sees what was written in the meantime");
}

both! {
/// Two that make one log: one does, the other is told to try again.
async fn one_of_two_makes_a_log(stage: &Stage) {
    let store = stage.open().await;
    let attempt = async |seq| {
        let mut batch = store.batch().await?;
        let found = batch.lock(&[id(1)], Wait::Skip).await?.heads;
        if found.is_empty() {
            batch.set_heads(&[head(1, seq)], &[]).await?;
        }
        batch.commit().await.map(|()| found.len())
    };
    let (first, second) = tokio::join!(attempt(1), attempt(2));
    let conflicts = [&first, &second].iter().filter(|end| matches!(end, Err(Error::Conflict(_)))).count();
    let made = [&first, &second].iter().filter(|end| matches!(end, Ok(0))).count();
    let found = [&first, &second].iter().filter(|end| matches!(end, Ok(1))).count();
    assert_eq!((made, conflicts + found), (1, 1), "{first:?} {second:?}");
    // whoever tries a plain insert of a log that there is loses
    let mut batch = store.batch().await.unwrap();
    assert!(matches!(batch.set_heads(&[head(1, 9)], &[]).await, Err(Error::Conflict(_))));
    batch.rollback().await.unwrap();
}
}

both! {
/// A batch that is dropped leaves nothing, and the next one works.
async fn a_dropped_batch_is_undone(stage: &Stage) {
    let store = stage.open().await;
    let mut batch = store.batch().await.unwrap();
    batch.append(&[event(1, 1)]).await.unwrap();
    drop(batch);
    let mut batch = store.batch().await.unwrap();
    assert_eq!(batch.events(id(1), 0, 9).await.unwrap(), []);
    batch.append(&[event(1, 1)]).await.unwrap();
    batch.commit().await.unwrap();
}
}

both! {
/// A snapshot sees one state.
async fn a_snapshot_does_not_move(stage: &Stage) {
    let store = stage.open().await;
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.head(id(1)).await.unwrap(), None);
    let mut batch = store.batch().await.unwrap();
    batch.set_heads(&[head(1, 1)], &[]).await.unwrap();
    batch.commit().await.unwrap();
    assert_eq!(snapshot.head(id(1)).await.unwrap(), None);
    snapshot.close().await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().head(id(1)).await.unwrap(), Some(head(1, 1)));
}
}

both! {
/// The event of a position n happened at 1 000 + n.
async fn a_time_has_its_position(stage: &Stage) {
    let store = stage.open().await;
    let mut batch = store.batch().await.unwrap();
    batch.append(&(1..=9).map(|seq| event(1, seq)).collect::<Vec<_>>()).await.unwrap();
    batch.commit().await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    for until in 1..=9 {
        for at in 999..1_012 {
            let expected = u64::try_from(at - 1_000).unwrap_or(0).min(until);
            assert_eq!(snapshot.position_by(id(1), at, until).await.unwrap(), expected, "{at} until {until}");
        }
    }
    assert_eq!(snapshot.position_by(id(1), i64::MAX, 0).await.unwrap(), 0);
    snapshot.close().await.unwrap();
}
}

both! {
/// A snapshot that is open for too long says so.
async fn an_old_snapshot_is_refused(stage: &Stage) {
    let options = store::Options { snapshot_limit: std::time::Duration::ZERO, ..stage.options.clone() };
    let store = store::Store::open(&options).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    assert!(matches!(snapshot.head(id(1)).await, Err(Error::Stale(0))));
}
}

both! {
/// Commands, keys, nodes, checkpoints, followers and values of the installation come back as they were.
async fn what_is_written_with_events_is_read_again(stage: &Stage) {
    let store = stage.open().await;
    let done = |number: u8| Command {
        log: id(1),
        key: [number; 32],
        request: [9; 32],
        seq: u64::from(number),
        thing_kind: "goal".to_owned(),
        thing: id(5),
        at: i64::from(number),
    };
    let key = |subject, owner, generation| {
        let wrapped = vec![1, 2, u8::try_from(generation).unwrap()];
        Key { log: id(1), subject: id(subject), owner, generation, root: [5; 32], wrapped, commitment: [4; 32], at: 6, since: 7 }
    };
    let kept_node = |position| Node { log: id(1), level: 8, position, hash: [u8::try_from(position).unwrap(); 32] };
    let checkpoint = |seq| SignedRoot { log: id(1), seq, root: [3; 32], note: "a\nb\n".to_owned(), at: 8 };
    let mut batch = store.batch().await.unwrap();
    batch.put_commands(&[done(1), done(2), done(3)]).await.unwrap();
    let keys = [key(7, None, 1), key(7, None, 2), key(7, Some(id(8)), 1), key(9, None, 1)];
    batch.put_keys(&keys).await.unwrap();
    batch.put_nodes(&[kept_node(0), kept_node(1), kept_node(2)]).await.unwrap();
    batch.put_nodes(&[kept_node(2)]).await.unwrap();
    batch.put_checkpoints(&[checkpoint(4), checkpoint(256)]).await.unwrap();
    let follower = |seq| Follower { log: id(1), name: "mail".to_owned(), seq };
    batch.set_followers(&[follower(4)]).await.unwrap();
    batch.set_followers(&[follower(5)]).await.unwrap();
    batch.set_meta("name", b"first").await.unwrap();
    batch.set_meta("name", b"second").await.unwrap();
    batch.commit().await.unwrap();

    let mut batch = store.batch().await.unwrap();
    let mut found = batch.commands(&[(id(1), [3; 32]), (id(1), [1; 32]), (id(2), [2; 32])]).await.unwrap();
    found.sort_by_key(|command| command.seq);
    assert_eq!(found, [done(1), done(3)]);
    assert_eq!(batch.keys(&[(id(1), id(7), None), (id(1), id(9), Some(id(8)))]).await.unwrap(), keys[..2]);
    assert_eq!(batch.keys(&[(id(1), id(7), Some(id(8)))]).await.unwrap(), keys[2..3]);
    assert_eq!(batch.keys_of_log(id(1)).await.unwrap(), keys);
    assert_eq!(batch.nodes_between(id(1), 8, 1, 2).await.unwrap(), [(1, [1; 32])]);
    assert_eq!(batch.nodes_between(id(1), 7, 1, 2).await.unwrap(), []);
    assert_eq!(batch.nodes(id(1), 8, 1, 5).await.unwrap(), [[1; 32], [2; 32]]);
    assert_eq!(batch.checkpoint(id(1)).await.unwrap(), Some(checkpoint(256)));
    assert_eq!(batch.checkpoint(id(2)).await.unwrap(), None);
    assert_eq!(batch.follower(id(1), "mail").await.unwrap(), 5);
    assert_eq!(batch.follower(id(1), "calendar").await.unwrap(), 0);
    assert_eq!(batch.meta("name").await.unwrap().as_deref(), Some(&b"second"[..]));
    assert_eq!(batch.meta("other").await.unwrap(), None);
    let forgotten = |seq| Forgotten { log: id(1), subject: id(7), seq, at: 9 };
    for seq in [4, 6] {
        batch.forget(&forgotten(seq)).await.unwrap();
    }
    assert_eq!(batch.keys_of_log(id(1)).await.unwrap(), keys[3..], "all keys of whom is forgotten, and no others");
    assert_eq!(batch.forgotten(&[(id(1), id(7)), (id(1), id(9)), (id(2), id(7))]).await.unwrap(), [forgotten(6)]);
    assert_eq!(batch.forgotten_of_log(id(1)).await.unwrap(), [forgotten(6)]);
    assert_eq!(batch.forgotten_of_log(id(2)).await.unwrap(), []);
    assert!(matches!(batch.put_commands(&[done(1)]).await, Err(Error::Conflict(_))));
    batch.rollback().await.unwrap();

    assert_eq!(store.expire(3).await.unwrap(), 2);
    assert_eq!(store.snapshot().await.unwrap().commands(&[(id(1), [3; 32])]).await.unwrap(), [done(3)]);
}
}

both! {
/// A log is deleted with all that is its own, and no other one.
async fn a_deleted_log_is_gone(stage: &Stage) {
    let store = stage.open().await;
    let mut batch = store.batch().await.unwrap();
    batch.append(&[event(1, 1), event(2, 1)]).await.unwrap();
    batch.set_heads(&[head(1, 1), head(2, 1)], &[]).await.unwrap();
    batch.delete_log(id(1)).await.unwrap();
    batch.commit().await.unwrap();
    store.wipe_wal().await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.events(id(1), 0, 9).await.unwrap(), []);
    assert_eq!(snapshot.heads(None, 9).await.unwrap(), [head(2, 1)]);
    assert_eq!(snapshot.events(id(2), 0, 9).await.unwrap(), [event(2, 1)]);
}
}

/// What the question means, in memory.
fn is_asked(event: &Event, asked: &Activity<'_>) -> bool {
    let seen = asked.sight.is_none_or(|sight| {
        let mine = sight.owners != Owners::Unowned && event.owner == sight.me;
        (sight.everyone || sight.subjects.contains(&event.subject)) && (event.owner.is_none() || mine)
    });
    seen && event.log == asked.log
        && asked.thing.is_none_or(|thing| event.thing == thing)
        && asked.subject.is_none_or(|subject| event.subject == subject)
        && asked.actor.is_none_or(|actor| event.actor == Some(actor))
        && (asked.kinds.is_empty() || asked.kinds.contains(&event.kind))
        && asked.from_at.is_none_or(|at| event.at >= at)
        && asked.to_at.is_none_or(|at| event.at < at)
        && asked.after_seq.is_none_or(|seq| event.seq > seq)
        && asked.before_seq.is_none_or(|seq| event.seq < seq)
        && asked.record_bytes_max.is_none_or(|most| event.record.len() <= usize::try_from(most).unwrap())
}

both! {
/// The activity log answers what was asked.
async fn activity_is_what_was_asked(stage: &Stage) {
    let store = stage.open().await;
    let events: Vec<Event> = (1..=60).map(|seq| event(1, seq)).chain((1..=9).map(|seq| event(2, seq))).collect();
    let mut batch = store.batch().await.unwrap();
    batch.append(&events).await.unwrap();
    batch.commit().await.unwrap();
    let some = Sight { everyone: false, subjects: vec![id(10), id(11)], me: Some(id(20)), owners: Owners::Mine };
    let none = Sight { owners: Owners::Unowned, ..some.clone() };
    let base = Activity { log: id(1), limit: 100, ..Activity::default() };
    let asked = [
        base.clone(),
        Activity { thing: Some(id(1)), ..base.clone() },
        Activity { sight: Some(&some), descending: true, ..base.clone() },
        Activity { sight: Some(&none), actor: Some(id(31)), ..base.clone() },
        Activity { subject: Some(id(12)), kinds: vec!["plan.goal_set".to_owned(), "other".to_owned()], ..base.clone() },
        Activity { from_at: Some(1_010), to_at: Some(1_030), after_seq: Some(12), ..base.clone() },
        Activity { before_seq: Some(20), ..base.clone() },
        Activity { record_bytes_max: Some(9), ..base.clone() },
        Activity { limit: 4, descending: true, before_seq: Some(40), ..base.clone() },
    ];
    let mut snapshot = store.snapshot().await.unwrap();
    for asked in asked {
        let mut wanted: Vec<&Event> = events.iter().filter(|event| is_asked(event, &asked)).collect();
        if asked.descending {
            wanted.reverse();
        }
        wanted.truncate(usize::try_from(asked.limit).unwrap());
        assert!(!wanted.is_empty());
        let found = snapshot.activity(&asked).await.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{asked:?}");
    }
    // Long records are left out, and are there when they are asked for.
    let is_short = |event: &Event| event.record.len() <= 9;
    let without = |event: &Event| Event { record: if is_short(event) { event.record.clone() } else { Vec::new() }, ..event.clone() };
    let wanted: Vec<Event> = events[..60].iter().map(without).collect();
    assert_eq!(snapshot.activity(&Activity { short_bytes_max: Some(9), ..base }).await.unwrap(), wanted);
    let long: Vec<u64> = events[..60].iter().filter(|event| !is_short(event)).map(|event| event.seq).collect();
    assert!(!long.is_empty() && long.len() < 60);
    let mut records = snapshot.records_at(id(1), &long).await.unwrap();
    records.sort_unstable();
    assert_eq!(records, long.iter().map(|seq| (*seq, event(1, *seq).record)).collect::<Vec<_>>());
    assert!(snapshot.records_at(id(1), &[61]).await.unwrap().is_empty());
}
}
