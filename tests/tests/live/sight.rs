//! Sight that moves while somebody follows, or while they are away: what came into it, what left it, and who lost all.

use serde_json::{Value, json};
use tests::{Person, both};

use super::{ACTIVITY, REVOKE, changes_of};
use crate::audit::grant;
use crate::plan::{goal, position};
use crate::session::started;

both! {
    /// Whoever is listening when access is given or taken is told at once.
    #[test]
    async fn gaining_access_asks_to_load_again_and_losing_it_is_gone(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let mut live = bob.listen(&changes_of("coach"), json!({ "p": practice, "a": position(&bob, &practice).await })).await;
        goal(&ada, &practice, &robin, "Not Bob's to see yet").await;
        grant(&ada, &practice, &bob, &robin).await;
        // What happened just before may be told already: it is Bob's to see by now.
        let resync = loop {
            let item = live.next().await["coachPortalChanges"].clone();
            let changes = item["changes"].as_array().expect("changes").clone();
            if let Some(resync) = changes.into_iter().find(|change| change["__typename"] == "ResyncRequired") { break resync; }
        };
        assert_eq!(resync["atLeast"], position(&ada, &practice).await);
        let lead = goal(&ada, &practice, &robin, "Lead").await;
        assert_eq!(live.next().await["coachPortalChanges"]["changes"][0]["id"], json!(lead));
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        let gone = json!([{ "__typename": "Gone", "id": robin }, { "__typename": "UnreadNotifications" }]);
        assert_eq!(live.next().await["coachPortalChanges"]["changes"], gone);
        goal(&ada, &practice, &robin, "Not Bob's to see any more").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        grant(&ada, &practice, &bob, &kim).await;
        let item = live.next().await["coachPortalChanges"].clone();
        let told: Vec<&Value> = item["changes"].as_array().expect("changes").iter().map(|change| &change["__typename"]).collect();
        assert!(told.iter().all(|name| *name == "ResyncRequired" || *name == "Coachee"), "{item}");
        product.prove().await;
    }

    /// Whoever was away meanwhile is told on return: a position from before does not hide that the sight has changed.
    #[test]
    async fn a_changed_sight_is_told_on_return_too(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        grant(&ada, &practice, &bob, &robin).await;
        let before = position(&bob, &practice).await;
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        let without_robin = position(&bob, &practice).await;
        grant(&ada, &practice, &bob, &kim).await;
        for (after, expected) in [(before, vec!["ResyncRequired"]), (without_robin, vec!["ResyncRequired"])] {
            let mut live = bob.listen(&changes_of("coach"), json!({ "p": practice, "a": after })).await;
            let item = live.next().await["coachPortalChanges"].clone();
            let told: Vec<&str> = item["changes"].as_array().expect("changes").iter().filter_map(|change| change["__typename"].as_str()).collect();
            assert_eq!(told, expected, "{item}");
        }
        product.prove().await;
    }

    /// Who follows one session learns nothing of another coachee: neither that it came into sight nor that it left.
    #[test]
    async fn one_session_followed_tells_nothing_of_another_coachee(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        grant(&ada, &practice, &bob, &robin).await;
        let session = started(&bob, &practice, &robin, "First").await;
        let after = position(&ada, &practice).await;
        let variables = json!({ "p": practice, "s": session, "a": after });
        let mut live = bob.listen(LIVE_SESSION, variables.clone()).await;
        grant(&ada, &practice, &bob, &kim).await;
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": kim } })).await;
        started(&ada, &practice, &robin, "Another one of Robin's").await;
        let save = json!({ "practiceId": practice, "sessionId": session, "base": 0, "text": "The first line" });
        bob.ask("mutation($i: SaveSessionNotesInput!) { saveSessionNotes(input: $i) { errors { code } } }", json!({ "i": save })).await;
        let expected = json!([{ "__typename": "Session", "id": session, "notes": { "text": "The first line" } }]);
        assert_eq!(live.next().await["liveSession"]["changes"], expected);
        // Away meanwhile, it is the same.
        let mut late = bob.listen(LIVE_SESSION, variables).await;
        assert_eq!(late.next().await["liveSession"]["changes"], expected);
        // Losing the coachee ends it; and a position from before does not open it again.
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        assert_eq!((live.ends().await, late.ends().await), ("FORBIDDEN".to_owned(), "FORBIDDEN".to_owned()));
        let mut again = bob.listen(LIVE_SESSION, json!({ "p": practice, "s": session, "a": after })).await;
        assert_eq!(again.ends().await, "NOT_FOUND");
        product.prove().await;
    }

    /// Whoever follows somebody who is erased follows nobody any more, whatever their role.
    #[test]
    async fn who_follows_an_erased_coachee_is_told_nothing_more(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &bob, &robin).await;
        let query = "subscription($p: ID!, $c: ID!, $a: Position) { plan(practiceId: $p, coacheeId: $c, after: $a) { changes { __typename } } }";
        let variables = json!({ "p": practice, "c": robin, "a": position(&ada, &practice).await });
        let (mut adas, mut bobs) = (ada.listen(query, variables.clone()).await, bob.listen(query, variables).await);
        goal(&ada, &practice, &robin, "Lead").await;
        for live in [&mut adas, &mut bobs] {
            assert_eq!(live.next().await["plan"]["changes"], json!([{ "__typename": "Goal" }]));
        }
        let erase = json!({ "i": { "practiceId": practice, "coacheeId": robin, "confirmName": "Robin Reed" } });
        ada.ask("mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { errors { code } } }", erase).await;
        assert_eq!((adas.ends().await, bobs.ends().await), ("FORBIDDEN".to_owned(), "FORBIDDEN".to_owned()));
        product.prove().await;
    }

    /// A coachee sees who has access to them: a coach who comes is shown, one who changes too, one who goes is gone.
    #[test]
    async fn a_coachee_is_told_which_coaches_come_and_go(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let (bob, cleo) = (product.further_coach(&ada, &practice, "Bob", "COACH").await, product.further_coach(&ada, &practice, "Cleo", "COACH").await);
        let before = coachee_position(&coachee, &practice).await;
        let query = "subscription($p: ID!, $a: Position) { coacheePortalChanges(practiceId: $p, after: $a) { position changes { __typename ... on CoachCard { id displayName } ... on Gone { id } ... on Goal { id } } } }";
        let mut live = coachee.listen(query, json!({ "p": practice, "a": before })).await;
        let card = |coach: &Person, name: &str| json!([{ "__typename": "CoachCard", "id": coach.id, "displayName": name }]);
        let gone = |coach: &Person| json!([{ "__typename": "Gone", "id": coach.id }]);
        grant(&ada, &practice, &bob, &robin).await;
        assert_eq!(live.next().await["coacheePortalChanges"]["changes"], card(&bob, "Bob"));
        let rename = "mutation($i: UpdateCoachSettingsInput!) { updateCoachSettings(input: $i) { errors { code } } }";
        bob.ask(rename, json!({ "i": { "practiceId": practice, "displayName": "Robert" } })).await;
        assert_eq!(live.next().await["coacheePortalChanges"]["changes"], card(&bob, "Robert"));
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        assert_eq!(live.next().await["coacheePortalChanges"]["changes"], gone(&bob));
        // Neither what a stranger changes nor that they leave is told.
        bob.ask(rename, json!({ "i": { "practiceId": practice, "displayName": "Rob" } })).await;
        grant(&ada, &practice, &cleo, &robin).await;
        assert_eq!(live.next().await["coacheePortalChanges"]["changes"], card(&cleo, "Cleo"));
        let remove = "mutation($i: RemoveCoachInput!) { removeCoach(input: $i) { errors { code } } }";
        ada.ask(remove, json!({ "i": { "practiceId": practice, "coachId": bob.id } })).await;
        ada.ask(remove, json!({ "i": { "practiceId": practice, "coachId": cleo.id } })).await;
        assert_eq!(live.next().await["coacheePortalChanges"]["changes"], gone(&cleo));
        // Away for all of it: both are gone, once.
        let mut late = coachee.listen(query, json!({ "p": practice, "a": before })).await;
        let item = late.next().await["coacheePortalChanges"]["changes"].clone();
        let mut ids: Vec<&str> = item.as_array().expect("changes").iter().filter(|change| change["__typename"] == "Gone").filter_map(|change| change["id"].as_str()).collect();
        let mut both = [&*bob.id, &*cleo.id];
        ids.sort_unstable();
        both.sort_unstable();
        assert_eq!(ids, both, "{item}");
        product.prove().await;
    }

    /// Another role is another sight: whoever is listening loads again, and whoever was away too.
    #[test]
    async fn another_role_asks_to_load_again_and_losing_the_practice_ends_it(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let before = position(&bob, &practice).await;
        let mut live = bob.listen(&changes_of("coach"), json!({ "p": practice, "a": before })).await;
        let role = "mutation($i: SetCoachRoleInput!) { setCoachRole(input: $i) { errors { code } } }";
        let told = |item: Value| item["coachPortalChanges"]["changes"].as_array().expect("changes").iter().map(|change| change["__typename"].clone()).collect::<Vec<_>>();
        for to in ["MANAGER", "COACH"] {
            ada.ask(role, json!({ "i": { "practiceId": practice, "coachId": bob.id, "role": to } })).await;
            assert_eq!(told(live.next().await), ["ResyncRequired"], "{to}");
        }
        goal(&ada, &practice, &robin, "No manager's to see any more").await;
        let mut late = bob.listen(&changes_of("coach"), json!({ "p": practice, "a": before })).await;
        assert_eq!(told(late.next().await), ["ResyncRequired"]);
        // It has begun when it tells of something.
        grant(&ada, &practice, &bob, &robin).await;
        let mut log = bob.listen(ACTIVITY, json!({ "p": practice, "a": before })).await;
        log.next().await;
        ada.ask("mutation($i: RemoveCoachInput!) { removeCoach(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "coachId": bob.id } })).await;
        for live in [&mut live, &mut late, &mut log] {
            assert_eq!(live.ends().await, "FORBIDDEN");
        }
        product.prove().await;
    }

    /// Whoever adds a coachee is told of them piece by piece: nothing was there before that would have to be loaded.
    #[test]
    async fn adding_a_coachee_does_not_ask_to_load_again(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let mut live = bob.listen(&changes_of("coach"), json!({ "p": practice, "a": position(&bob, &practice).await })).await;
        let robin = product.coachee(&bob, &practice, "Robin").await;
        let changes = live.next().await["coachPortalChanges"]["changes"].clone();
        assert_eq!(changes, json!([{ "__typename": "Coachee", "id": robin, "fullName": "Robin Reed" }, { "__typename": "Access" }]));
        product.prove().await;
    }

    /// A sight that was looked at after somebody was erased, and before that was heard, knows nothing of them any more. That
    /// they are gone is told all the same.
    #[test]
    async fn who_looked_before_hearing_of_an_erasure_loads_again(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &bob, &robin).await;
        let person = bob.id.parse::<domain::id::PersonId>().expect("an id");
        let reader = app::Reader::new(person, app::Through::Program);
        let log = practice.parse::<domain::id::PracticeId>().expect("an id");
        let mut watch = product.app.watch(&reader, log, domain::account::Portal::Coach, None).await.expect("a portal");
        let until = tokio::time::Instant::now() + tests::PATIENCE;
        goal(&ada, &practice, &robin, "Lead").await;
        watch.next(until).await.expect("it goes on").expect("the goal");
        let erase = json!({ "i": { "practiceId": practice, "coacheeId": robin, "confirmName": "Robin Reed" } });
        ada.ask("mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { errors { code } } }", erase).await;
        watch.look().await.expect("Bob is a coach");
        while !matches!(watch.next(until).await.expect("it goes on").expect("it is told"), app::watch::News::Anew(_)) {}
        drop(watch);
        product.prove().await;
    }
}

const LIVE_SESSION: &str = "subscription($p: ID!, $s: ID!, $a: Position) { liveSession(practiceId: $p, id: $s, after: $a) {
    position changes { __typename ... on Session { id notes { text } } ... on Gone { id } ... on ResyncRequired { atLeast } } } }";

async fn coachee_position(coachee: &Person, practice: &str) -> Value {
    let query = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { position } } }";
    coachee.ask(query, json!({ "p": practice })).await["viewer"]["coacheePortal"]["position"].clone()
}
