//! Portals followed: the present state of what changed, and nothing of what is not the viewer's.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::both;

use super::{ACTIVITY, CHANGES, Dice, REVOKE, actions, changes_of, place, write};
use crate::audit::{entries, grant};
use crate::plan::{action, goal, milestone, position};

both! {
    /// What a portal shows after following equals what it shows after loading, however often the socket was cut.
    #[test]
    async fn a_portal_that_follows_shows_what_one_that_loads_shows(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let actions = actions(&ada, &practice, &robin).await;
        let mut after = position(&ada, &practice).await;
        let people = [ada.clone(), coachee.clone()];
        let writing = async {
            write(&people, &practice, &actions, 20).await;
            action(&ada, &practice, &robin, None, "The last one").await
        };
        let following = async {
            let (mut dice, mut shown, mut last) = (Dice(0xface), BTreeMap::new(), String::new());
            let query = changes_of("coach");
            while last.is_empty() {
                let mut live = ada.listen(&query, json!({ "p": practice, "a": after })).await;
                for _ in 0..=dice.throw(5) {
                    let item = live.next().await["coachPortalChanges"].clone();
                    assert!(place(&item["position"]) > place(&after), "positions go on: {item}");
                    after = item["position"].clone();
                    for change in item["changes"].as_array().expect("changes") {
                        let id = change["id"].as_str().unwrap_or_else(|| panic!("not an action: {change}")).to_owned();
                        if change["title"] == "The last one" {
                            last.clone_from(&id);
                        }
                        shown.insert(id, change["progress"].clone());
                    }
                    if !last.is_empty() { break; }
                }
            }
            (shown, last)
        };
        let (made, (shown, last)) = tokio::join!(writing, following);
        assert_eq!(made, last);
        let answer = ada.ask("query($p: ID!) { viewer { coachPortal(practiceId: $p) { actions(first: 50) { nodes { id progress } } } } }", json!({ "p": practice })).await;
        let loaded: BTreeMap<String, Value> = answer["viewer"]["coachPortal"]["actions"]["nodes"].as_array().expect("nodes").iter()
            .map(|node| (node["id"].as_str().expect("an id").to_owned(), node["progress"].clone())).collect();
        assert_eq!(shown, loaded);
        product.prove().await;
    }

    /// Both sides, in one coachee's plan: what is made, moved and deleted, and nothing of anybody else's.
    #[test]
    async fn a_plan_is_followed_by_both_sides_and_what_was_deleted_is_gone(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let plan = format!("subscription($p: ID!, $c: ID!, $a: Position) {{ plan(practiceId: $p, coacheeId: $c, after: $a) {{ {CHANGES} }} }}");
        let after = position(&ada, &practice).await;
        let variables = json!({ "p": practice, "c": robin, "a": after });
        let (mut coachs, mut coachees) = (ada.listen(&plan, variables.clone()).await, coachee.listen(&plan, variables).await);
        let expected = |item: Value, changes: Value| assert_eq!(item["plan"]["changes"], changes);
        goal(&ada, &practice, &kim, "Not Robin's").await;
        let lead = goal(&coachee, &practice, &robin, "Lead").await;
        let change = json!([{ "__typename": "Goal", "id": lead, "title": "Lead", "complete": false }]);
        expected(coachs.next().await, change.clone());
        expected(coachees.next().await, change);
        let speak = milestone(&ada, &practice, &lead, "Speak").await;
        // The goal counts its milestones, so it changed too.
        let change = json!([{ "__typename": "Milestone", "id": speak, "title": "Speak", "complete": false }, { "__typename": "Goal", "id": lead, "title": "Lead", "complete": false }]);
        expected(coachs.next().await, change.clone());
        expected(coachees.next().await, change);
        let answer = ada.ask("mutation($i: DeleteMilestoneInput!) { deleteMilestone(input: $i) { deletedId position } }", json!({ "i": { "practiceId": practice, "milestoneId": speak } })).await;
        for live in [&mut coachs, &mut coachees] {
            let item = live.next().await;
            assert_eq!(item["plan"]["position"], answer["deleteMilestone"]["position"]);
            let gone: Vec<&Value> = item["plan"]["changes"].as_array().expect("changes").iter().filter(|change| change["__typename"] == "Gone").collect();
            assert_eq!(gone, [&json!({ "__typename": "Gone", "id": speak })]);
        }
        ada.ask("mutation($i: DeleteGoalInput!) { deleteGoal(input: $i) { deletedId } }", json!({ "i": { "practiceId": practice, "goalId": lead } })).await;
        // Who was away when it was deleted learns it on return, with everything else that is gone.
        let mut late = ada.listen(&changes_of("coach"), json!({ "p": practice, "a": after })).await;
        let item = late.next().await["coachPortalChanges"].clone();
        let mut gone: Vec<&str> = item["changes"].as_array().expect("changes").iter().filter(|change| change["__typename"] == "Gone").filter_map(|change| change["id"].as_str()).collect();
        gone.sort_unstable();
        let mut deleted = [&*lead, &*speak];
        deleted.sort_unstable();
        assert_eq!(gone, deleted);
        // Somebody else's plan is not there.
        let (mut foreign, mut unknown) = (coachee.listen(&plan, json!({ "p": practice, "c": kim })).await, coachee.listen(&plan, json!({ "p": practice, "c": "coachee_01h455vb4pex5vsknk084sn02q" })).await);
        assert_eq!((foreign.ends().await, unknown.ends().await), ("NOT_FOUND".to_owned(), "NOT_FOUND".to_owned()));
        product.prove().await;
    }

    /// Everything that is kept from a coachee happens while they listen to all that they can.
    #[test]
    async fn a_coachee_never_hears_what_is_not_theirs(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let after = position(&ada, &practice).await;
        let variables = json!({ "p": practice, "a": after });
        let (mut activity, mut changes) = (coachee.listen(ACTIVITY, variables.clone()).await, coachee.listen(&changes_of("coachee"), variables).await);
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        grant(&ada, &practice, &bob, &kim).await;
        for whom in [&robin, &kim] {
            ada.ask("mutation($i: WriteSynopsisInput!) { writeSynopsis(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "coacheeId": whom, "synopsis": "canary synopsis" } })).await;
        }
        let kims = goal(&ada, &practice, &kim, "canary of Kim").await;
        ada.ask("mutation($i: SetActiveGoalInput!) { setActiveGoal(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "coacheeId": kim, "activeGoal": "canary of Kim" } })).await;
        ada.ask("mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "lowSessions": 7 } })).await;
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": kim } })).await;
        let own = goal(&ada, &practice, &robin, "The sentinel").await;
        let (mut heard, mut is_over) = (Vec::new(), false);
        while !is_over {
            let item = activity.next().await;
            is_over = item["activity"]["entry"]["thingId"] == json!(own);
            heard.push(item);
        }
        assert_eq!(heard.len(), 1, "{heard:?}");
        is_over = false;
        while !is_over {
            let item = changes.next().await;
            let mut told = item["coacheePortalChanges"]["changes"].as_array().expect("changes").clone();
            // That the practice's settings changed is told; which and how is not.
            told.retain(|change| *change != json!({ "__typename": "PracticeCard" }));
            is_over = told.iter().any(|change| change["id"] == json!(own));
            // The synopsis is a part of their own file, and yet they do not learn that it was written.
            assert!(told.iter().all(|change| change["id"] == json!(own)), "{told:?}");
            heard.push(item);
        }
        let text = json!(heard).to_string();
        for secret in ["canary", &*kim, &*kims, &*bob.id] {
            assert!(!text.contains(secret), "{secret} was heard: {text}");
        }
        assert_eq!(entries(&coachee, "coacheePortal", &practice, json!({ "from": "2026-03-02T09:00:00Z", "kinds": ["goal_add"] })).await.len(), 1);
        product.prove().await;
    }
}
