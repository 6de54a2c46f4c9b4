//! What was made anew is what everybody goes on from, also who had rows of before in memory (promise D6).

use domain::text::ActiveGoal;

use super::*;

both! {
    async fn who_kept_a_wrong_row_goes_on_from_the_one_that_was_made_anew(stage: &Stage) {
        let (_, founder, log) = stage.practice(0).await;
        let coachee = stage.add(log, founder, "odd@example.com").await;
        let table = stage.app.tables().physical(Table::coachee).unwrap();
        let key = [(log.uuid().into_bytes(), coachee.uuid().into_bytes())];
        let mut snapshot = stage.app.store().snapshot().await.unwrap();
        let row = snapshot.get(table, &key).await.unwrap().pop().unwrap();
        snapshot.close().await.unwrap();
        let mut wrong = <coachee::Coachee as domain::row::Row>::from_document(&row.document).unwrap();
        wrong.added_at = Time(1);
        let document = domain::row::Row::document(&wrong).unwrap();
        upsert(stage, table, &store::Row { document, ..row }).await;

        // Another process serves, and keeps the row as it is.
        let serving = open(&stage.url, stage.clock.clone()).await;
        let set = async |goal: &str| {
            let request = Request {
                log,
                actor: Actor::Person(founder),
                through: Through::Program,
                now: stage.clock.now(),
                command: serving.command(),
                idempotency: None,
            };
            let goal = ActiveGoal::parse(goal).unwrap();
            serving.run(request, coachee::SetActiveGoal { coachee, goal }).await.unwrap();
        };
        set("Rest").await;
        let difference = stage.app.check(Some(log), &mut ()).await.unwrap().difference.unwrap();
        assert_eq!(difference.what, "column added_at", "the wrong row was gone on from");
        stage.app.rebuild(Some(log), &mut ()).await.unwrap();
        assert_eq!(stage.app.check(Some(log), &mut ()).await.unwrap().difference, None);
        set("Sleep").await;
        assert_eq!(stage.app.check(Some(log), &mut ()).await.unwrap().difference, None);
        serving.stop().await;
    }

    // Whatever stands in a read model's table, whoever checks is told where.
    async fn a_row_that_cannot_be_read_is_named(stage: &Stage) {
        let (_, founder, log) = stage.practice(2).await;
        let coachee = stage.add(log, founder, "odd@example.com").await;
        let store = stage.app.store();
        let table = stage.app.tables().physical(Table::coachee).unwrap();
        let (log_id, id) = (log.uuid().simple().to_string(), coachee.uuid().simple().to_string());
        let sqlite = store.database() == store::Database::Sqlite;
        let place = if sqlite {
            format!("where log_id = x'{log_id}' and id = x'{id}'")
        } else {
            format!("where log_id = '\\x{log_id}'::bytea and id = '\\x{id}'::bytea")
        };
        let short = if sqlite { "x'0102'" } else { "'\\x0102'::bytea" };
        let mut changes = vec![(format!("subject = {short}"), true), (format!("owner = {short}"), true), (format!("id = {short}"), false)];
        if sqlite {
            // PostgreSQL keeps a column's type by itself.
            let others = ["shared = 2", "shared = 'yes'", "document = 'text'", "added_at = 0.5"];
            changes.extend(others.map(|change| (change.to_owned(), true)));
            changes.push(("id = cast(id as text)".to_owned(), false));
        }
        for (change, has_id) in changes {
            assert_eq!(stage.app.check(None, &mut ()).await.unwrap().difference, None, "{change}");
            store.ensure(&format!("update {} set {change} {place};", table.name), 0).await.unwrap();
            let difference = stage.app.check(None, &mut ()).await.unwrap().difference.expect("a difference");
            assert_eq!((&difference.log, difference.table), (&log.to_string(), "coachee"), "{change}");
            assert!(difference.what.contains("it cannot be read"), "{change}: {difference}");
            assert_eq!(difference.id == coachee.to_string(), has_id, "{change}: {difference}");
            stage.app.rebuild(Some(log), &mut ()).await.unwrap();
        }
        assert_eq!(stage.app.check(None, &mut ()).await.unwrap().difference, None);
    }

    // Whose key is gone was not erased: nothing of theirs is passed over, whoever folds, until somebody says that it is lost.
    async fn what_has_no_key_is_not_passed_over(stage: &Stage) {
        let (_, founder, log) = stage.practice(1).await;
        let gone = stage.add(log, founder, "gone@example.com").await;
        let (app, store, id, subject) = (&stage.app, stage.app.store(), log.uuid().into_bytes(), gone.uuid().into_bytes());
        assert_eq!(stage.verified(&[]).await.unkeyed, []);
        let keys = without_keys(stage, log, subject).await;
        let verified = stage.verified(&[]).await;
        let [unkeyed] = verified.unkeyed.as_slice() else { panic!("{:?}", verified.unkeyed) };
        assert_eq!((verified.finding, unkeyed.log, unkeyed.subject, unkeyed.owner), (None, log, gone.uuid(), None));
        assert_eq!(verified.events, 6 + 6, "all logs were verified");
        // Whose other key is lost of several is named, too.
        let second = store::Key { generation: 2, at: keys[0].at + 1, ..keys[0].clone() };
        put_keys(stage, &[second]).await;
        assert_eq!(stage.verified(&[]).await.unkeyed, std::slice::from_ref(unkeyed));
        without_keys(stage, log, subject).await;

        let names_it = |error: Error| {
            let Error::Internal(what) = error else { panic!("{error:?}") };
            assert!(what.contains(&gone.to_string()) && what.contains(&log.to_string()), "{what}");
        };
        names_it(app.rebuild(None, &mut ()).await.unwrap_err());
        names_it(app.check(None, &mut ()).await.unwrap_err());
        assert!(has_row(stage, log, gone).await, "its rows are what they were");
        // A version that has folded nothing yet stops there, and other logs are folded.
        let mut others = Vec::new();
        for log in app.logs(None).await.unwrap() {
            let mut batch = store.batch().await.unwrap();
            let mut head = batch.lock(&[log.uuid().into_bytes()], store::Wait::Block).await.unwrap().heads.pop().unwrap();
            head.folded = Vec::new();
            for table in Table::ALL {
                batch.delete_log_rows(app.tables().physical(*table).unwrap(), head.log).await.unwrap();
            }
            batch.set_heads(&[], &[head]).await.unwrap();
            batch.commit().await.unwrap();
            others.push((log, app.catch_up(log, &mut ()).await));
        }
        assert_eq!(others.len(), 3);
        for (other, caught_up) in others {
            match caught_up {
                Ok(()) => assert_ne!(other, log),
                Err(error) => {
                    assert_eq!(other, log);
                    names_it(error);
                }
            }
        }
        let goal = coachee::SetActiveGoal { coachee: gone, goal: ActiveGoal::parse("Rest").unwrap() };
        let (actor, now, command) = (Actor::Person(founder), stage.clock.now(), app.command());
        let request = Request { log, actor, through: Through::Program, now, command, idempotency: None };
        assert!(matches!(app.run(request, goal).await, Err(Error::Internal(_))));

        // The key is found again: nothing was lost.
        put_keys(stage, &keys).await;
        app.catch_up(log, &mut ()).await.unwrap();
        assert!(has_row(stage, log, gone).await);
        assert_eq!(app.check(None, &mut ()).await.unwrap().difference, None);
        assert_eq!(stage.verified(&[]).await.unkeyed, []);

        // It is not, and somebody says so.
        without_keys(stage, log, subject).await;
        let lost = app::lost::take_for_lost(store, None, &mut ()).await.unwrap();
        assert_eq!(lost, std::slice::from_ref(unkeyed));
        app.rebuild(None, &mut ()).await.unwrap();
        assert!(!has_row(stage, log, gone).await);
        assert_eq!(app.check(None, &mut ()).await.unwrap().difference, None);
        let verified = stage.verified(&[]).await;
        assert_eq!((verified.finding, verified.unkeyed, verified.lost), (None, Vec::new(), 1));
        // That was of this one, and of what was there: another one is missed as before.
        let other = stage.add(log, founder, "other@example.com").await;
        without_keys(stage, log, other.uuid().into_bytes()).await;
        let verified = stage.verified(&[]).await;
        assert_eq!((verified.unkeyed.len(), verified.lost), (1, 1));
        assert_eq!(id, verified.unkeyed[0].log.uuid().into_bytes());
    }

    // Whose older key is lost goes on with a newer one: that is seen, and written down once, however much they write then.
    async fn a_key_that_is_lost_beside_a_newer_one_is_missed_once(stage: &Stage) {
        let (_, founder, log) = stage.practice(0).await;
        let renewed = stage.add(log, founder, "renewed@example.com").await;
        let anew = stage.add(log, founder, "anew@example.com").await;
        stage.pass(181 * 24 * 60);
        let goal = |coachee, goal: &str| coachee::SetActiveGoal { coachee, goal: ActiveGoal::parse(goal).unwrap() };
        stage.run(log, Actor::Person(founder), goal(renewed, "Rest")).await;
        assert_eq!(stage.verified(&[]).await.unkeyed, []);
        let keys = without_keys(stage, log, renewed.uuid().into_bytes()).await;
        let second: Vec<_> = keys.into_iter().filter(|key| key.generation == 2).collect();
        assert_eq!(second.len(), 1, "it was renewed");
        put_keys(stage, &second).await;
        without_keys(stage, log, anew.uuid().into_bytes()).await;

        // One that has no keys in memory makes one in the place of that which is gone.
        let serving = open(&stage.url, stage.clock.clone()).await;
        let set = async |coachee, words: &str| {
            let (actor, now, command) = (Actor::Person(founder), stage.clock.now(), serving.command());
            let request = Request { log, actor, through: Through::Program, now, command, idempotency: None };
            serving.run(request, goal(coachee, words)).await.unwrap();
        };
        set(anew, "Run").await;
        let mut missed: Vec<_> = stage.verified(&[]).await.unkeyed.into_iter().map(|it| it.subject).collect();
        missed.sort_unstable();
        let mut wanted = vec![renewed.uuid(), anew.uuid()];
        wanted.sort_unstable();
        assert_eq!(missed, wanted);
        let Err(Error::Internal(what)) = stage.app.rebuild(None, &mut ()).await else { panic!("it is rebuilt") };
        assert!(what.contains("a key is gone"), "{what}");

        assert_eq!(app::lost::take_for_lost(stage.app.store(), None, &mut ()).await.unwrap().len(), 2);
        set(renewed, "Sleep").await;
        set(anew, "Walk").await;
        let verified = stage.verified(&[]).await;
        assert_eq!((verified.finding, verified.unkeyed, verified.lost), (None, Vec::new(), 2));
        stage.app.rebuild(None, &mut ()).await.unwrap();
        assert_eq!(stage.app.check(None, &mut ()).await.unwrap().difference, None);
        serving.stop().await;
    }

    // Of whom the newest key is lost had an older one, which was too old for what does not open any more.
    async fn a_newest_key_that_is_lost_is_missed(stage: &Stage) {
        let (_, founder, log) = stage.practice(0).await;
        let coachee = stage.add(log, founder, "renewed@example.com").await;
        let person = Actor::Person(founder);
        let goal = |goal: &str| coachee::SetActiveGoal { coachee, goal: ActiveGoal::parse(goal).unwrap() };
        stage.pass(181 * 24 * 60);
        stage.run(log, person, goal("Rest")).await;
        // Who begins while the log's time is far ahead of the clock has one key, which nobody misses.
        let now = stage.clock.now();
        stage.pass(400 * 24 * 60);
        stage.run(log, person, goal("Run")).await;
        stage.clock.set(now);
        let late = stage.add(log, founder, "late@example.com").await;
        assert_eq!(stage.verified(&[]).await.unkeyed, []);
        stage.app.rebuild(None, &mut ()).await.unwrap();

        let keys = without_keys(stage, log, coachee.uuid().into_bytes()).await;
        assert!(keys.iter().any(|key| key.generation == 3), "it was renewed twice");
        let first: Vec<_> = keys.into_iter().filter(|key| key.generation == 1).collect();
        put_keys(stage, &first).await;
        let unkeyed = stage.verified(&[]).await.unkeyed;
        let [missed] = unkeyed.as_slice() else { panic!("{unkeyed:?}") };
        assert_eq!((missed.log, missed.subject, missed.owner), (log, coachee.uuid(), None));
        let Err(Error::Internal(what)) = stage.app.rebuild(None, &mut ()).await else { panic!("it is rebuilt") };
        assert!(what.contains("a key is gone") && what.contains(&coachee.to_string()), "{what}");

        assert_eq!(app::lost::take_for_lost(stage.app.store(), None, &mut ()).await.unwrap(), unkeyed);
        stage.app.rebuild(None, &mut ()).await.unwrap();
        assert!(has_row(stage, log, coachee).await && has_row(stage, log, late).await);
        let serving = open(&stage.url, stage.clock.clone()).await;
        stage.pass(401 * 24 * 60);
        let (now, command) = (stage.clock.now(), serving.command());
        let request = Request { log, actor: person, through: Through::Program, now, command, idempotency: None };
        serving.run(request, goal("Walk")).await.unwrap();
        let verified = stage.verified(&[]).await;
        assert_eq!((verified.finding, verified.unkeyed, verified.lost), (None, Vec::new(), 1));
        stage.app.rebuild(None, &mut ()).await.unwrap();
        assert_eq!(stage.app.check(None, &mut ()).await.unwrap().difference, None);
        serving.stop().await;
    }

    // The first part of a long log takes the place of all its rows: not where the rest cannot be folded.
    async fn a_long_log_that_lacks_a_key_keeps_its_rows(stage: &Stage) {
        let (_, founder, log) = stage.practice(1).await;
        let gone = stage.add(log, founder, "gone@example.com").await;
        let store = stage.app.store();
        let mut snapshot = store.snapshot().await.unwrap();
        let keys = snapshot.keys_of_log(log.uuid().into_bytes()).await.unwrap();
        snapshot.close().await.unwrap();
        let mut long = History::read(store, log).await;
        let theirs = long.events.split_off(4);
        let again = long.events[3].clone();
        long.events.extend(std::iter::repeat_n(again, 10_000));
        long.events.extend(theirs);
        long.renumber(true);
        long.events.iter_mut().for_each(|event| event.leaf = leaf_hash(&event.record));
        long.forge();
        long.write(store).await;
        let (their, others): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.subject == gone.uuid().into_bytes());
        put_keys(stage, &others).await;
        assert_eq!(stage.verified(&[]).await.finding, None);
        assert!(matches!(stage.app.rebuild(Some(log), &mut ()).await, Err(Error::Internal(_))));
        assert!(has_row(stage, log, gone).await);
        put_keys(stage, &their).await;
        stage.app.rebuild(Some(log), &mut ()).await.unwrap();
        assert!(has_row(stage, log, gone).await);
        assert_eq!(stage.app.check(Some(log), &mut ()).await.unwrap().difference, None);
    }
}

/// Destroys somebody's keys and says nothing of it; which they were.
async fn without_keys(stage: &Stage, log: LogId, subject: store::Id) -> Vec<store::Key> {
    let mut batch = stage.app.store().batch().await.unwrap();
    let keys = batch.keys_of_log(log.uuid().into_bytes()).await.unwrap();
    assert!(batch.destroy_keys(log.uuid().into_bytes(), subject).await.unwrap() > 0);
    batch.commit().await.unwrap();
    keys.into_iter().filter(|key| key.subject == subject).collect()
}

async fn put_keys(stage: &Stage, keys: &[store::Key]) {
    let mut batch = stage.app.store().batch().await.unwrap();
    batch.put_keys(keys).await.unwrap();
    batch.commit().await.unwrap();
}

/// Whether a coachee is in the read models.
async fn has_row(stage: &Stage, log: LogId, coachee: CoacheeId) -> bool {
    let table = stage.app.tables().physical(Table::coachee).unwrap();
    let key = [(log.uuid().into_bytes(), coachee.uuid().into_bytes())];
    let mut snapshot = stage.app.store().snapshot().await.unwrap();
    let rows = snapshot.get(table, &key).await.unwrap();
    snapshot.close().await.unwrap();
    !rows.is_empty()
}
