//! Several nodes over one database, each of which keeps checkpoints in a place of its own (promise R2).

use app::checkpoints::Copied;

use super::*;

impl Stage {
    fn place(&self, name: &str) -> Arc<dyn Witness> {
        Arc::new(Folder::open(self.directory.path().join(name)).unwrap())
    }
}

both! {
    async fn a_node_keeps_what_others_sign_and_signs_no_earlier_state(stage: &Stage) {
        let (_, founder, log) = stage.practice(2).await;
        let (first, second) = (stage.place("first"), stage.place("second"));
        let node = open(&stage.url, stage.clock.clone()).await;
        let mut copied = Copied::default();
        stage.app.sign_checkpoints(Some(&first)).await.unwrap();
        let earlier = History::read(stage.app.store(), log).await;
        // What was signed before it came, and what another node signs since.
        assert_eq!(node.copy_checkpoints(&second, &mut copied).await.unwrap(), []);
        assert!(second.newest(log).unwrap().is_some_and(|note| note == earlier.checkpoints[0].note));
        stage.pass(60);
        assert_eq!(node.copy_checkpoints(&second, &mut copied).await.unwrap(), []);
        stage.pass(1);
        stage.add(log, founder, "later@example.com").await;
        stage.app.sign_checkpoints(Some(&first)).await.unwrap();
        let whole = History::read(stage.app.store(), log).await;
        assert_ne!(second.newest(log).unwrap(), first.newest(log).unwrap());
        assert_eq!(node.copy_checkpoints(&second, &mut copied).await.unwrap(), []);
        assert_eq!(second.newest(log).unwrap().as_deref(), Some(whole.checkpoints[0].note.as_str()));

        // The database is put back, and the node has the work.
        earlier.write(stage.app.store()).await;
        leave_work(stage, log).await;
        let signing = node.sign_checkpoints(Some(&second)).await.unwrap();
        assert_eq!((signing.signed, signing.refused.len()), (0, 1));
        assert!(signing.refused[0].why.contains("shorter than the checkpoint kept outside says"), "{}", signing.refused[0].why);

        // A node that knows nothing of it signs another history: who does is not followed, and it stays heard.
        let mut forked = whole.clone();
        forked.change(3);
        forked.forge();
        forked.checkpoints.clear();
        forked.write(stage.app.store()).await;
        leave_work(stage, log).await;
        let third = stage.place("third");
        let signing = stage.app.sign_checkpoints(Some(&third)).await.unwrap();
        assert_eq!((signing.signed, signing.refused.len()), (1, 0));
        for _ in 0..3 {
            let refused = node.copy_checkpoints(&second, &mut copied).await.unwrap();
            assert_eq!(refused.iter().map(|refused| refused.log).collect::<Vec<_>>(), [log]);
            assert!(refused[0].why.contains("does not continue the checkpoint kept outside"), "{}", refused[0].why);
            assert_eq!(second.newest(log).unwrap().as_deref(), Some(whole.checkpoints[0].note.as_str()));
            assert_eq!(node.pulse().checkpoints_refused(), 1);
            stage.pass(60);
        }

        // A node copies before it signs for the first time, also where there is nothing to sign.
        let fourth = stage.place("fourth");
        node.start_checkpoints(std::time::Duration::from_hours(1), Some(fourth.clone()));
        node.stop().await;
        assert_eq!(fourth.newest(log).unwrap(), third.newest(log).unwrap());
    }

    // Of very many logs, not all are looked at first by a node that is asked to stop.
    async fn a_node_that_stops_is_not_kept_by_all_that_was_signed(stage: &Stage) {
        let (_, founder, _) = stage.practice(0).await;
        for _ in 0..70 {
            let practice: PracticeId = stage.app.mint();
            let (name, display_name) = (Name::parse("Meadow").unwrap(), Name::parse("Ada").unwrap());
            let create = practice::CreatePractice { practice, name, zone: Zone::utc(), founder, display_name };
            stage.run(LogId::Practice(practice), Actor::Person(founder), create).await;
        }
        stage.app.sign_checkpoints(Some(&stage.place("first"))).await.unwrap();
        let noted = |place: &str| app::checkpoints::noted(&stage.directory.path().join(place)).unwrap();
        let (node, second) = (open(&stage.url, stage.clock.clone()).await, stage.place("second"));
        node.tasks().stop();
        let stopped = node.copy_checkpoints(&second, &mut Copied::default()).await;
        assert!(matches!(stopped, Err(Error::Unavailable)), "{stopped:?}");
        node.stop().await;
        assert!(noted("second").len() < noted("first").len());
        // The next start goes through all of them.
        assert_eq!(stage.app.copy_checkpoints(&second, &mut Copied::default()).await.unwrap(), []);
        assert_eq!(noted("second"), noted("first"));
    }
}
