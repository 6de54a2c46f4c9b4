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
}
