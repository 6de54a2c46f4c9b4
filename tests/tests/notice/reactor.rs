//! The reactor: once for each event, over crashes and nodes, and in bulk.

use std::time::Duration;

use app::{Request, Through};
use domain::id::{CoacheeId, Id as _, LogId, PersonId, PracticeId};
use domain::{Actor, Table};
use futures_util::future::join_all;
use tests::{Product, both};

use super::{FOLLOW, Scene, kinds, mails, react};
use crate::plan::{goal, milestone};

/// Makes the reactor begin anew, as if it had been killed after its commands and before it noted how far it was.
async fn forget_how_far(product: &Product, practice: &str) {
    let log = practice.parse::<PracticeId>().expect("a practice").uuid().into_bytes();
    let name = "notices".to_owned();
    let mut batch = product.app.store().batch().await.expect("a transaction");
    batch.set_followers(&[store::Follower { log, name: name.clone(), seq: 0 }]).await.expect("set");
    batch.put_work(&[store::Work { log, reactor: name, at: 0 }]).await.expect("put");
    batch.commit().await.expect("committed");
}

async fn events(product: &Product, practice: &str) -> u64 {
    let log = practice.parse::<PracticeId>().expect("a practice").uuid().into_bytes();
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    let head = snapshot.head(log).await.expect("a head");
    snapshot.close().await.expect("closed");
    head.map_or(0, |head| head.seq)
}

/// The stored row of a coachee.
async fn coachee_row(product: &Product, practice: &str, coachee: &str) -> store::Row {
    let log = practice.parse::<PracticeId>().expect("a practice").uuid().into_bytes();
    let id = coachee.parse::<CoacheeId>().expect("a coachee").uuid().into_bytes();
    let table = product.app.tables().physical(Table::coachee).expect("a table");
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    let rows = snapshot.select(&store::Select::new(table, log, 100)).await.expect("rows");
    snapshot.close().await.expect("closed");
    rows.into_iter().find(|row| row.id == id).expect("the coachee's row")
}

/// Stores a row of a coachee, past the log.
async fn put(product: &Product, row: &store::Row) {
    let table = product.app.tables().physical(Table::coachee).expect("a table");
    let mut batch = product.app.store().batch().await.expect("a transaction");
    batch.upsert(table, std::slice::from_ref(row)).await.expect("put");
    batch.commit().await.expect("committed");
}

both! {
    /// D10: a kill between raising and noting how far the reactor is, several times over, on two nodes at once: nothing
    /// is raised twice, and nothing is missing.
    #[test]
    async fn d10_each_event_is_told_once_over_crashes_and_nodes(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        let lead = goal(coachee, practice, robin, "Lead").await;
        for number in 0..20 {
            milestone(coachee, practice, &lead, &format!("Milestone {number}")).await;
        }
        let another = product.another_node().await;
        let (here, there) = tokio::join!(product.app.react(), another.react());
        assert!(here.expect("reacted") + there.expect("reacted") >= 21);
        let (told, raised) = (scene.told(bob).await, events(&product, practice).await);
        assert_eq!((kinds(&told).len(), &told["unreadCount"]), (21, &serde_json::json!(21)));
        for _ in 0..3 {
            forget_how_far(&product, practice).await;
            let (here, there) = tokio::join!(product.app.react(), another.react());
            assert!(here.expect("reacted") + there.expect("reacted") >= 21, "it is done again");
            assert_eq!((events(&product, practice).await, scene.told(bob).await), (raised, told.clone()));
        }
        // Also where they were read, and the mails were sent, in between.
        assert_eq!(mails(&product, bob).await.len(), 21);
        let newest = told["nodes"][0]["position"].clone();
        scene.reads(bob, serde_json::json!({ "upTo": newest })).await;
        forget_how_far(&product, practice).await;
        react(&product).await;
        assert_eq!((scene.told(bob).await["unreadCount"].clone(), mails(&product, bob).await.len()), (serde_json::json!(0), 21));
        another.stop().await;
        product.prove().await;
    }

    /// What happened while another led is told to who leads now.
    #[test]
    async fn who_leads_by_then_is_told(product: Product) {
        let scene = Scene::new(&product).await;
        goal(&scene.coachee, &scene.practice, &scene.robin, "First").await;
        scene.changes(&scene.ada, "setLeadCoach", serde_json::json!({ "coacheeId": scene.robin, "coachId": scene.cleo.id })).await;
        assert_eq!(react(&product).await, 1);
        assert_eq!((scene.number(&scene.bob).await, kinds(&scene.told(&scene.cleo).await)), (0, vec!["GOAL_ADDED"]));
        product.prove().await;
    }

    /// A practice in which nothing can be told for now keeps nobody else from being told; its own follows later.
    #[test]
    async fn a_practice_that_fails_holds_up_no_other(product: Product) {
        let scene = Scene::new(&product).await;
        let (eve, there) = product.coach("Eve").await;
        let kim = product.coachee(&eve, &there, "Kim").await;
        let other = product.accepted(&eve, &there, &kim, "Kim").await;
        react(&product).await;
        goal(&scene.coachee, &scene.practice, &scene.robin, "First").await;
        goal(&other, &there, &kim, "First").await;
        let whole = coachee_row(&product, &scene.practice, &scene.robin).await;
        put(&product, &store::Row { document: vec![0xff], ..whole.clone() }).await;
        assert!(product.app.react().await.is_err());
        let list = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { notifications { unreadCount } } } }";
        let told = eve.ask(list, serde_json::json!({ "p": there })).await;
        assert_eq!(told["viewer"]["coachPortal"]["notifications"]["unreadCount"], 1);
        // The work is claimed again when the claim is over.
        put(&product, &whole).await;
        assert_eq!(react(&product).await, 0);
        product.later(2);
        assert_eq!(react(&product).await, 1);
        assert_eq!(scene.number(&scene.bob).await, 1);
        product.prove().await;
    }

    /// Of what is a week old nobody is told any more.
    #[test]
    async fn what_is_a_week_old_is_no_news(product: Product) {
        let scene = Scene::new(&product).await;
        goal(&scene.coachee, &scene.practice, &scene.robin, "First").await;
        product.later(7 * 24 * 60 + 1);
        let [bob, coachee] = scene.again(&product).await;
        goal(&coachee, &scene.practice, &scene.robin, "Second").await;
        assert_eq!(react(&product).await, 1);
        let told = scene.told(&bob).await;
        assert_eq!((kinds(&told).len(), &told["nodes"][0]["thing"]["title"]), (1, &serde_json::json!("Second")));
    }

    /// A thousand events at once: in parts, each of a few statements, and with as many notices at the end.
    #[test]
    async fn a_burst_of_a_thousand_events_is_told_in_bulk(product: Product) {
        let scene = Scene::new(&product).await;
        let practice: PracticeId = scene.practice.parse().expect("a practice");
        let lead = goal(&scene.bob, &scene.practice, &scene.robin, "Lead").await.parse().expect("a goal");
        let person: PersonId = scene.coachee.id.parse().expect("a person");
        react(&product).await;
        let commands = (0..1_000).map(|number| {
            let request = Request {
                log: LogId::Practice(practice),
                actor: Actor::Person(person),
                through: Through::Program,
                now: product.app.clock().now(),
                command: product.app.command(),
                idempotency: None,
            };
            let due = Some(domain::value::Date(20_000 + number));
            product.app.run(request, domain::plan::UpdateGoal { goal: lead, title: None, due })
        });
        for done in join_all(commands).await {
            done.expect("done");
        }
        let before = product.app.store().statements();
        assert_eq!(react(&product).await, 1_000);
        let taken = product.app.store().statements() - before;
        assert!(taken < 1_000, "{taken} statements for a thousand events");
        assert_eq!(scene.told(&scene.bob).await["unreadCount"], 1_000);
        product.prove().await;
    }

    /// A commit wakes the reactor: whoever waits is told without anybody asking it to work.
    #[test]
    async fn a_commit_wakes_the_reactor(product: Product) {
        let scene = Scene::new(&product).await;
        // It looks by itself once an hour.
        product.app.start_reactions(Duration::from_hours(1));
        let after = crate::plan::position(&scene.bob, &scene.practice).await;
        let follow = serde_json::json!({ "p": scene.practice, "a": after });
        let mut following = scene.bob.listen(FOLLOW, follow).await;
        goal(&scene.coachee, &scene.practice, &scene.robin, "First").await;
        assert_eq!(following.next().await["notifications"]["changes"][0]["kind"], "GOAL_ADDED");
    }
}
