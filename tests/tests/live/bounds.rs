//! The bounds of what is live: coalescing, who was away for too long, heartbeats, sockets and subscriptions.

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tests::both;

use super::{ACTIVITY, Events, changes_of, place};
use crate::note::written;
use crate::plan::{action, goal, position, progress};

both! {
    /// What changed fifty times while nobody looked is told once, as it is now, at the last position; the log has all.
    #[test]
    async fn what_changed_fifty_times_while_away_arrives_once(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let step = action(&ada, &practice, &robin, None, "Step").await;
        let after = position(&ada, &practice).await;
        for percent in 1..=50 {
            progress(&ada, &practice, &step, percent).await;
        }
        let present = position(&ada, &practice).await;
        let mut live = ada.listen(&changes_of("coach"), json!({ "p": practice, "a": after })).await;
        let item = live.next().await["coachPortalChanges"].clone();
        let once = json!([{ "__typename": "Action", "id": step, "title": "Step", "progress": 50 }]);
        assert_eq!(item, json!({ "position": present, "changes": once }));
        let mut log = ada.listen(ACTIVITY, json!({ "p": practice, "a": after })).await;
        for percent in 1..=50 {
            assert_eq!(log.next().await["activity"]["entry"]["changes"][0]["now"], json!(percent.to_string()));
        }
        // And nothing comes a second time.
        progress(&ada, &practice, &step, 51).await;
        assert_eq!(live.next().await["coachPortalChanges"]["changes"][0]["progress"], 51);
        product.prove().await;
    }

    /// Who missed changes of more than 500 things loads again, which costs less, and goes on from there.
    #[test]
    async fn who_missed_too_much_loads_again(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let after = position(&ada, &practice).await;
        let mut makers = tokio::task::JoinSet::new();
        for maker in 0..10 {
            let (ada, practice, kim) = (ada.clone(), practice.clone(), kim.clone());
            makers.spawn(async move {
                for number in 0..51 {
                    goal(&ada, &practice, &kim, &format!("Goal {maker}.{number}")).await;
                }
            });
        }
        while let Some(made) = makers.join_next().await {
            made.expect("a maker");
        }
        let present = position(&ada, &practice).await;
        let variables = json!({ "p": practice, "a": after });
        let mut live = ada.listen(&changes_of("coach"), variables.clone()).await;
        let item = live.next().await["coachPortalChanges"].clone();
        let again = json!([{ "__typename": "ResyncRequired", "atLeast": present }]);
        assert_eq!(item, json!({ "position": present, "changes": again }));
        // What was not theirs to see was not too much for the other side.
        let mut own = coachee.listen(&changes_of("coachee"), variables).await;
        let lead = goal(&ada, &practice, &robin, "Lead").await;
        assert_eq!(live.next().await["coachPortalChanges"]["changes"][0]["id"], json!(lead));
        let item = own.next().await["coacheePortalChanges"].clone();
        assert_eq!(item["changes"], json!([{ "__typename": "Goal", "id": lead, "title": "Lead", "complete": false }]));
        assert_eq!(item["position"], position(&ada, &practice).await);
    }

    /// Long texts are read few at a time: whoever catches up holds so many bytes of them and no more.
    #[test]
    async fn who_catches_up_reads_so_many_bytes_at_a_time(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let after = place(&position(&ada, &practice).await);
        for number in 0..40 {
            written(&ada, &practice, &robin, &format!("Note {number}"), &"word ".repeat(20_000)).await;
        }
        let present = place(&position(&ada, &practice).await);
        let log = practice.parse::<domain::id::PracticeId>().expect("an id");
        let mut follower = product.app.follow(domain::id::LogId::Practice(log), after);
        let mut parts = 0;
        while follower.position() < present {
            let part = follower.part().await.expect("the log goes on");
            let bytes: usize = part.events().iter().map(|event| event.record.len()).sum();
            assert!(bytes < 4 << 20, "{bytes} bytes at once");
            parts += 1;
        }
        assert!(parts > 1, "all of it was read at once");
    }

    /// What all who follow share is shown without waiting: who stood back in the middle of it would stand behind all others.
    #[test]
    async fn who_is_told_of_news_is_shown_it_at_once(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = ada.id.parse::<domain::id::PersonId>().expect("an id");
        let log = practice.parse::<domain::id::PracticeId>().expect("an id");
        let reader = app::Reader::new(person, app::Through::Program);
        let mut watch = product.app.watch(&reader, log, domain::account::Portal::Coach, None).await.expect("a portal");
        let until = tokio::time::Instant::now() + tests::PATIENCE;
        // The first is read from the log, perhaps; who has come to its end is told of the second.
        for title in ["Lead", "Rest"] {
            let goal = goal(&ada, &practice, &robin, title).await.parse::<domain::id::GoalId>().expect("an id");
            loop {
                let news = watch.next(until).await.expect("it goes on").expect("it is told");
                let app::watch::News::Rows { view, rows, .. } = news else { panic!("nothing is to be loaded again") };
                if !rows.iter().any(|row| row.id == domain::id::Id::uuid(goal)) {
                    continue;
                }
                if title == "Rest" {
                    let shown = view.one::<domain::plan::Goal>(goal).now_or_never().expect("it waits for nobody");
                    assert!(shown.expect("it is read").is_some());
                }
                break;
            }
        }
    }

    /// An idle client's position stays fresh, also while everything that happens is somebody else's.
    #[test]
    async fn a_heartbeat_keeps_the_position_of_an_idle_client_fresh(product: Product) {
        let bounds = api::http::Bounds { heartbeat: std::time::Duration::from_millis(300), ..api::http::Bounds::default() };
        let hasty = product.address_with(bounds).await;
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await.through(hasty);
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let after = position(&ada, &practice).await;
        let variables = json!({ "p": practice, "a": after });
        let (mut changes, mut log) = (coachee.listen(&changes_of("coachee"), variables.clone()).await, coachee.listen(ACTIVITY, variables).await);
        goal(&ada, &practice, &kim, "Not Robin's").await;
        let present = position(&ada, &practice).await;
        let mut seen = Value::Null;
        while seen != present {
            let item = changes.next().await["coacheePortalChanges"].clone();
            assert_eq!(item["changes"], json!([]));
            assert!(place(&item["position"]) >= place(&after));
            seen = item["position"].clone();
        }
        seen = Value::Null;
        while seen != present {
            let item = log.next().await["activity"].clone();
            assert_eq!(item["entry"], Value::Null);
            seen = item["position"].clone();
        }
    }

    /// Nor must a client wait for the end of what its filter lets nothing of pass.
    #[test]
    async fn a_heartbeat_comes_while_nothing_passes_the_filter(product: Product) {
        let bounds = api::http::Bounds { heartbeat: std::time::Duration::from_micros(1), ..api::http::Bounds::default() };
        let hasty = product.address_with(bounds).await;
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let step = action(&ada, &practice, &robin, None, "Step").await;
        let after = position(&ada, &practice).await;
        for percent in 1..=9 {
            progress(&ada, &practice, &step, percent).await;
        }
        let variables = json!({ "p": practice, "a": after, "f": { "kinds": ["goal_add"] } });
        let body = json!({ "query": ACTIVITY, "variables": variables });
        let mut stream = Events::at(&format!("http://{hasty}/graphql"), &ada, &body, None).await;
        let item = stream.next().await.1["activity"].clone();
        assert_eq!((&item["entry"], place(&item["position"])), (&Value::Null, place(&after) + 1));
    }

    /// H2: a person has five sockets, and a socket twenty subscriptions: below, at, above.
    #[test]
    async fn five_sockets_a_person_and_twenty_subscriptions_a_socket(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let variables = json!({ "p": practice, "a": position(&ada, &practice).await });
        let mut sockets = Vec::new();
        for _ in 0..5 {
            sockets.push(ada.listen(&changes_of("coach"), variables.clone()).await);
        }
        assert_eq!(ada.refused_a_socket().await, Some(4403));
        for number in 2..=20 {
            sockets[0].also(&number.to_string(), &changes_of("coach"), variables.clone()).await;
        }
        sockets[0].also("21", &changes_of("coach"), variables).await;
        let told = sockets[0].message().await.expect("an answer");
        assert_eq!((&told["type"], &told["id"]), (&json!("error"), &json!("21")), "{told}");
        assert_eq!(told["payload"][0]["extensions"]["code"], "RATE_LIMITED");
        // The others go on: everybody is told of what happens, each of the twenty once.
        goal(&ada, &practice, &robin, "Lead").await;
        let mut told = std::collections::BTreeSet::new();
        for _ in 0..20 {
            let message = sockets[0].message().await.expect("an item");
            assert_eq!(message["type"], "next", "{message}");
            told.insert(message["id"].as_str().expect("an id").to_owned());
        }
        assert_eq!(told.len(), 20);
        for socket in &mut sockets[1..] {
            assert_eq!(socket.next().await["coachPortalChanges"]["changes"][0]["title"], "Lead");
        }
    }
}
