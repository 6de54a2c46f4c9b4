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
}
