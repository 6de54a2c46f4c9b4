//! What is wrong with one log is no other's concern: commands that share a transaction with its own are done, and
//! timers that are due together with its own ring.

use app::{App, Done, Error, Request, Through};
use domain::coachee::AddCoachee;
use domain::id::{Id as _, LogId, PersonId, PracticeId};
use domain::text::{Email, LastName, Name, Text as _};
use domain::{Actor, Table};
use futures_util::future::join_all;
use serde_json::json;
use store::Wait;
use tests::{Person, Product, both};

fn practice(text: &str) -> PracticeId {
    text.parse().expect("a practice")
}

/// Adds twenty coachees to each practice, all at once; what became of it, practice by practice.
async fn add(app: &App, practices: &[(Person, String)], round: &str) -> Vec<Vec<Result<Done, Error>>> {
    let each = practices.iter().map(|(by, here)| {
        join_all((0..20).map(|number| {
            let request = Request {
                log: LogId::Practice(practice(here)),
                actor: Actor::Person(by.id.parse::<PersonId>().expect("a person")),
                through: Through::Program,
                now: app.clock().now(),
                command: app.command(),
                idempotency: None,
            };
            let first_name = Name::parse("Robin").expect("a name");
            let last_name = LastName::parse("Reed").expect("a name");
            let email = Email::parse(&format!("{round}{number}@coachee.example")).expect("an address");
            app.run(request, AddCoachee { coachee: app.mint(), first_name, last_name, email, invitation: None })
        }))
    });
    join_all(each).await
}

/// A practice's rows in a table.
async fn rows(product: &Product, here: &str, table: Table) -> Vec<store::Row> {
    let table = product.app.tables().physical(table).expect("a table");
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    let select = store::Select::new(table, practice(here).uuid().into_bytes(), 1_000);
    let rows = snapshot.select(&select).await.expect("rows");
    snapshot.close().await.expect("closed");
    rows
}

/// Stores rows, past the log.
async fn put(product: &Product, table: Table, rows: &[store::Row]) {
    let table = product.app.tables().physical(table).expect("a table");
    let mut batch = product.app.store().batch().await.expect("a transaction");
    batch.upsert(table, rows).await.expect("put");
    batch.commit().await.expect("committed");
}

/// Adds somebody and invites them.
async fn invited(product: &Product, by: &Person, here: &str, name: &str) {
    let coachee = product.coachee(by, here, name).await;
    let invite = "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { errors { code } } }";
    by.ask(invite, json!({ "i": { "practiceId": here, "coacheeId": coachee } })).await;
}

both! {
    /// A log into which a newer version of the program has written is left alone; it answers for no other.
    #[test]
    async fn a_log_of_a_newer_version_holds_up_no_other(product: Product) {
        let practices = [product.coach("Ada").await, product.coach("Eve").await];
        let newer = practice(&practices[0].1).uuid().into_bytes();
        let mut batch = product.app.store().batch().await.expect("a transaction");
        let mut heads = batch.lock(&[newer], Wait::Block).await.expect("locked").heads;
        for head in &mut heads {
            head.generation += 1;
        }
        batch.set_heads(&[], &heads).await.expect("set");
        batch.commit().await.expect("committed");
        let done = add(&product.app, &practices, "a").await;
        assert!(done[0].iter().all(|done| matches!(done, Err(Error::Unavailable))), "{:?}", done[0]);
        assert!(done[1].iter().all(Result::is_ok), "{:?}", done[1]);
    }

    /// Nor does a log of which a row cannot be read: its own commands fail, and say that it is the server's fault.
    #[test]
    async fn a_log_with_a_broken_row_holds_up_no_other(product: Product) {
        let practices = [product.coach("Ada").await, product.coach("Eve").await];
        let whole = rows(&product, &practices[0].1, Table::practice).await.pop().expect("the practice's row");
        put(&product, Table::practice, &[store::Row { document: vec![0xff], ..whole.clone() }]).await;
        // One that has not kept the row of before.
        let another = product.another_node().await;
        let done = add(&another, &practices, "a").await;
        assert!(done[0].iter().all(|done| matches!(done, Err(Error::Internal(_)))), "{:?}", done[0]);
        assert!(done[1].iter().all(Result::is_ok), "{:?}", done[1]);
        put(&product, Table::practice, &[whole]).await;
        let done = add(&another, &practices, "b").await;
        assert!(done.iter().flatten().all(Result::is_ok), "{done:?}");
        another.stop().await;
        product.prove().await;
    }

    /// A timer whose row cannot be read keeps no other from ringing.
    #[test]
    async fn a_broken_timer_holds_up_no_other(product: Product) {
        let (ada, here) = product.coach("Ada").await;
        for name in ["Robin", "Kim"] {
            invited(&product, &ada, &here, name).await;
        }
        let whole = rows(&product, &here, Table::coachee_invitation).await.pop().expect("an invitation");
        put(&product, Table::coachee_invitation, &[store::Row { document: vec![0xff], ..whole.clone() }]).await;
        product.later((domain::practice::INVITATION_DAYS + 1) * 24 * 60);
        assert!(product.app.ring_timers().await.expect("timers ring") > 0);
        let left = rows(&product, &here, Table::coachee_invitation).await;
        assert_eq!(left.iter().map(|row| row.id).collect::<Vec<_>>(), [whole.id]);
        put(&product, Table::coachee_invitation, &[whole]).await;
        product.app.ring_timers().await.expect("timers ring");
        assert!(rows(&product, &here, Table::coachee_invitation).await.is_empty());
        product.prove().await;
    }

    /// Nor do so many of them that those which can be read are not among the first, also where all are due at one time.
    #[test]
    async fn however_many_broken_timers_hold_up_no_other(product: Product) {
        let (ada, here) = product.coach("Ada").await;
        invited(&product, &ada, &here, "Robin").await;
        let whole = rows(&product, &here, Table::coachee_invitation).await.pop().expect("an invitation");
        let broken = |number: u128| store::Row { id: number.to_be_bytes(), document: vec![0xff], ..whole.clone() };
        let broken: Vec<store::Row> = (1..=600).map(broken).collect();
        assert!(broken.iter().all(|row| row.id < whole.id), "they come first");
        put(&product, Table::coachee_invitation, &broken).await;
        product.later((domain::practice::INVITATION_DAYS + 1) * 24 * 60);
        assert_eq!(product.app.ring_timers().await.expect("timers ring"), 1);
        let left = rows(&product, &here, Table::coachee_invitation).await;
        assert_eq!((left.len(), left.iter().find(|row| row.id == whole.id)), (broken.len(), None));
    }

    /// What a newer version has written is not passed over by an older node, which does not know what it means: it is left
    /// to who does.
    #[test]
    async fn a_reactor_leaves_a_newer_log_to_who_knows_it(product: Product) {
        let (_, here) = product.coach("Ada").await;
        product.app.react().await.expect("reacted");
        let log = practice(&here).uuid().into_bytes();
        let read = async || {
            let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
            let read = snapshot.follower(log, "notices").await.expect("a position");
            let waiting = snapshot.work_waiting("notices", 10).await.expect("work").count;
            snapshot.close().await.expect("closed");
            (read, waiting)
        };
        let before = read().await.0;
        let mut batch = product.app.store().batch().await.expect("a transaction");
        let mut heads = batch.lock(&[log], Wait::Block).await.expect("locked").heads;
        for head in &mut heads {
            (head.seq, head.generation) = (head.seq + 1, head.generation + 1);
            let (seq, kind) = (head.seq, "plan.of_tomorrow".to_owned());
            let event = store::Event { log, seq, kind, ..store::Event::default() };
            batch.append(&[event]).await.expect("appended");
        }
        batch.set_heads(&[], &heads).await.expect("set");
        let now = product.app.clock().now().0;
        batch.put_work(&[store::Work { log, reactor: "notices".to_owned(), at: now }]).await.expect("work");
        batch.commit().await.expect("committed");
        assert!(matches!(product.app.react().await, Err(Error::Unavailable)));
        assert_eq!(read().await, (before, 1));
    }
}
