//! The plan: goals, milestones and actions, set and moved by both sides.

use serde_json::{Value, json};
use tests::{Person, both};

const ADD_GOAL: &str =
    "mutation($i: AddGoalInput!) { addGoal(input: $i) { goal { id } position errors { code path } } }";
const UPDATE_GOAL: &str =
    "mutation($i: UpdateGoalInput!) { updateGoal(input: $i) { goal { title dueOn } errors { code path } } }";
const DELETE_GOAL: &str =
    "mutation($i: DeleteGoalInput!) { deleteGoal(input: $i) { deletedId position errors { code } } }";
const ADD_MILESTONE: &str =
    "mutation($i: AddMilestoneInput!) { addMilestone(input: $i) { milestone { id } errors { code path } } }";
const UPDATE_MILESTONE: &str =
    "mutation($i: UpdateMilestoneInput!) { updateMilestone(input: $i) { milestone { title dueOn } errors { code } } }";
const DELETE_MILESTONE: &str =
    "mutation($i: DeleteMilestoneInput!) { deleteMilestone(input: $i) { deletedId position errors { code } } }";
const ADD_ACTION: &str =
    "mutation($i: AddActionInput!) { addAction(input: $i) { action { id } errors { code path } } }";
const UPDATE_ACTION: &str = "mutation($i: UpdateActionInput!) { updateAction(input: $i) { action { title description dueOn } errors { code } } }";
const DELETE_ACTION: &str =
    "mutation($i: DeleteActionInput!) { deleteAction(input: $i) { deletedId position errors { code } } }";
const SET_PROGRESS: &str = "mutation($i: SetActionProgressInput!) { setActionProgress(input: $i) { action { progress complete } errors { code path } } }";

/// What both portals show of a plan.
const PLAN: &str = "
    goals(first: 5) { nodes { id title dueOn complete milestoneCount completedMilestoneCount
        milestones(first: 5) { nodes { id goalId title dueOn complete actionCount completedActionCount
            actions(first: 5) { nodes { id title progress complete } } } } } }
    actions(first: 20) { nodes { id title description dueOn progress complete goalId milestoneId authorId } }";

/// Sets a goal.
pub async fn goal(by: &Person, practice: &str, coachee: &str, title: &str) -> String {
    let input = json!({ "practiceId": practice, "coacheeId": coachee, "title": title, "dueOn": "2026-06-30" });
    made(by, ADD_GOAL, input, "/addGoal/goal/id").await
}

/// Sets a milestone.
pub async fn milestone(by: &Person, practice: &str, goal: &str, title: &str) -> String {
    let input = json!({ "practiceId": practice, "goalId": goal, "title": title, "dueOn": "2026-05-31" });
    made(by, ADD_MILESTONE, input, "/addMilestone/milestone/id").await
}

/// Sets an action, under a milestone where one is given.
pub async fn action(by: &Person, practice: &str, coachee: &str, milestone: Option<&str>, title: &str) -> String {
    let input = json!({
        "practiceId": practice, "coacheeId": coachee, "milestoneId": milestone, "title": title, "dueOn": "2026-04-30",
    });
    made(by, ADD_ACTION, input, "/addAction/action/id").await
}

/// Sets how far an action is.
pub async fn progress(by: &Person, practice: &str, action: &str, percent: i32) {
    let input = json!({ "practiceId": practice, "actionId": action, "progress": percent });
    let answer = by.ask(SET_PROGRESS, json!({ "i": input })).await;
    assert_eq!(answer["setActionProgress"]["action"]["progress"], percent, "{answer}");
}

/// Where a practice's log stands, as its coach portal says.
pub async fn position(coach: &Person, practice: &str) -> Value {
    let answer =
        coach.ask("query($p: ID!) { viewer { coachPortal(practiceId: $p) { position } } }", json!({ "p": practice }));
    answer.await["viewer"]["coachPortal"]["position"].clone()
}

async fn made(by: &Person, mutation: &str, input: Value, id: &str) -> String {
    let answer = by.ask(mutation, json!({ "i": input })).await;
    answer.pointer(id).and_then(Value::as_str).unwrap_or_else(|| panic!("not made: {answer}")).to_owned()
}

async fn deleted(by: &Person, mutation: &str, input: Value) -> Value {
    let answer = by.ask(mutation, json!({ "i": input })).await;
    answer.as_object().and_then(|data| data.values().next()).expect("a field")["deletedId"].clone()
}

/// A coachee's plan as a coach sees it.
async fn seen_by_coach(coach: &Person, practice: &str, coachee: &str) -> Value {
    let query = format!(
        "query($p: ID!, $c: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ coachee(id: $c) {{ {PLAN} }} }} }} }}"
    );
    coach.ask(&query, json!({ "p": practice, "c": coachee })).await["viewer"]["coachPortal"]["coachee"].clone()
}

/// A coachee's plan as the coachee sees it.
async fn seen_by_coachee(coachee: &Person, practice: &str) -> Value {
    let query = format!("query($p: ID!) {{ viewer {{ coacheePortal(practiceId: $p) {{ {PLAN} }} }} }}");
    coachee.ask(&query, json!({ "p": practice })).await["viewer"]["coacheePortal"].clone()
}

/// Whether the first goal, and its milestones in order, are complete.
async fn complete(coach: &Person, practice: &str, coachee: &str) -> (bool, Vec<bool>) {
    let plan = seen_by_coach(coach, practice, coachee).await;
    let goal = &plan["goals"]["nodes"][0];
    let milestones = goal["milestones"]["nodes"].as_array().expect("milestones");
    let is = |value: &Value| value["complete"].as_bool().expect("complete");
    (is(goal), milestones.iter().map(is).collect())
}

both! {
    /// From nothing to all; more than all, or less than nothing, is refused.
    #[test]
    async fn s2_18_an_action_has_a_percentage_that_moves_between_0_and_100(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let walk = action(&ada, &practice, &robin, None, "Walk daily").await;
        let plan = seen_by_coach(&ada, &practice, &robin).await;
        assert_eq!(plan["actions"]["nodes"][0]["progress"], 0);
        for percent in [1, 40, 100, 99, 0] {
            progress(&ada, &practice, &walk, percent).await;
            let plan = seen_by_coach(&ada, &practice, &robin).await;
            assert_eq!(plan["actions"]["nodes"][0]["progress"], percent);
            assert_eq!(plan["actions"]["nodes"][0]["complete"], percent == 100);
        }
        for percent in [-1, 101, i32::MAX, i32::MIN] {
            let input = json!({ "practiceId": practice, "actionId": walk, "progress": percent });
            assert_eq!(ada.refused(SET_PROGRESS, json!({ "i": input })).await, "OUT_OF_RANGE", "{percent}");
        }
        assert_eq!(seen_by_coach(&ada, &practice, &robin).await["actions"]["nodes"][0]["progress"], 0);
        product.prove().await;
    }

    /// Name and day; a description and the goal that it serves, where there are such.
    #[test]
    async fn an_action_has_a_name_and_may_have_a_day_a_description_and_a_goal(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let walk = action(&ada, &practice, &robin, None, "Walk daily").await;
        let input = json!({
            "practiceId": practice, "coacheeId": robin, "goalId": lead, "title": "Read a book",
            "description": "Any book.\nOn leading.", "dueOn": "2026-04-01",
        });
        let read = made(&ada, ADD_ACTION, input, "/addAction/action/id").await;
        let plan = seen_by_coach(&ada, &practice, &robin).await;
        let [first, second] = [&plan["actions"]["nodes"][0], &plan["actions"]["nodes"][1]];
        assert_eq!((&first["id"], &first["goalId"], &first["dueOn"]), (&json!(read), &json!(lead), &json!("2026-04-01")));
        assert_eq!(first["description"], "Any book.\nOn leading.");
        assert_eq!((&second["id"], &second["goalId"], &second["description"]), (&json!(walk), &Value::Null, &Value::Null));
        let blank = json!({ "practiceId": practice, "coacheeId": robin, "title": "  " });
        assert_eq!(ada.refused(ADD_ACTION, json!({ "i": blank })).await, "TEXT_IS_BLANK");

        let input = json!({ "practiceId": practice, "actionId": read, "title": "Read two books", "description": "", "dueOn": "2026-05-01" });
        let answer = ada.ask(UPDATE_ACTION, json!({ "i": input })).await;
        let expected = json!({ "title": "Read two books", "description": null, "dueOn": "2026-05-01" });
        assert_eq!(answer["updateAction"]["action"], expected);
        product.prove().await;
    }

    /// What the coach sets is in the coachee's portal.
    #[test]
    async fn s2_20_an_action_appears_under_the_coachees_actions(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let walk = action(&ada, &practice, &robin, None, "Walk daily").await;
        let plan = seen_by_coachee(&coachee, &practice).await;
        assert_eq!(plan["actions"]["nodes"][0]["id"], json!(walk));
        assert_eq!(plan["actions"]["nodes"][0]["title"], "Walk daily");
        assert_eq!(plan["actions"]["nodes"][0]["authorId"], json!(ada.id));
        product.prove().await;
    }

    /// Several of each, in the order of their days, counted.
    #[test]
    async fn s2_23_a_goal_has_milestones_and_a_milestone_has_actions(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let speak = milestone(&ada, &practice, &lead, "Speak up").await;
        let listen = milestone(&ada, &practice, &lead, "Listen").await;
        for title in ["Ask one question", "Ask two", "Ask three"] {
            action(&ada, &practice, &robin, Some(&speak), title).await;
        }
        action(&ada, &practice, &robin, Some(&listen), "Say nothing").await;
        let plan = seen_by_coach(&ada, &practice, &robin).await;
        let goal = &plan["goals"]["nodes"][0];
        assert_eq!((&goal["milestoneCount"], &goal["completedMilestoneCount"]), (&json!(2), &json!(0)));
        let milestones = goal["milestones"]["nodes"].as_array().expect("milestones");
        let count = |id: &str| milestones.iter().find(|it| it["id"] == id).map(|it| it["actions"]["nodes"].as_array().map_or(0, Vec::len));
        assert_eq!((count(&speak), count(&listen)), (Some(3), Some(1)));
        assert!(milestones.iter().all(|it| it["goalId"] == json!(lead)));
        // An action under a milestone serves its goal.
        assert!(plan["actions"]["nodes"].as_array().expect("actions").iter().all(|it| it["goalId"] == json!(lead)));
        product.prove().await;
    }

    /// Not before the last one, whichever that is.
    #[test]
    async fn s2_24_a_milestone_is_complete_when_all_its_actions_are(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let speak = milestone(&ada, &practice, &lead, "Speak up").await;
        // Without an action it never is by itself.
        assert_eq!(complete(&ada, &practice, &robin).await, (false, vec![false]));
        let first = action(&ada, &practice, &robin, Some(&speak), "Ask one question").await;
        let second = action(&ada, &practice, &robin, Some(&speak), "Ask two").await;
        progress(&ada, &practice, &first, 100).await;
        assert_eq!(complete(&ada, &practice, &robin).await.1, [false]);
        progress(&ada, &practice, &second, 99).await;
        assert_eq!(complete(&ada, &practice, &robin).await.1, [false]);
        progress(&ada, &practice, &second, 100).await;
        assert_eq!(complete(&ada, &practice, &robin).await.1, [true]);
        let plan = seen_by_coach(&ada, &practice, &robin).await;
        assert_eq!(plan["goals"]["nodes"][0]["milestones"]["nodes"][0]["completedActionCount"], 2);
        product.prove().await;
    }

    /// A goal without one, or with one open, is not.
    #[test]
    async fn s2_25_a_goal_is_complete_only_when_all_its_milestones_are(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        assert_eq!(complete(&ada, &practice, &robin).await, (false, vec![]));
        let mut actions = Vec::new();
        for title in ["Speak up", "Listen"] {
            let milestone = milestone(&ada, &practice, &lead, title).await;
            actions.push(action(&ada, &practice, &robin, Some(&milestone), "Practise").await);
        }
        // A third milestone, without an action, is not complete and so the goal is not.
        let empty = milestone(&ada, &practice, &lead, "Decide").await;
        for action in &actions {
            assert!(!complete(&ada, &practice, &robin).await.0);
            progress(&ada, &practice, action, 100).await;
        }
        assert!(!complete(&ada, &practice, &robin).await.0);
        // Once it is gone, all that are left are complete.
        let input = json!({ "practiceId": practice, "milestoneId": empty });
        assert_eq!(deleted(&ada, DELETE_MILESTONE, input).await, json!(empty));
        assert_eq!(complete(&ada, &practice, &robin).await, (true, vec![true, true]));
        product.prove().await;
    }

    /// The same rule in the older page's words, from the coachee's side.
    #[test]
    async fn s3_14_goal_and_milestone_follow_their_actions_for_the_coachee_too(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let lead = goal(&coachee, &practice, &robin, "Lead the team").await;
        let mut actions = Vec::new();
        for title in ["Speak up", "Listen"] {
            let milestone = milestone(&coachee, &practice, &lead, title).await;
            actions.push(action(&coachee, &practice, &robin, Some(&milestone), "Practise").await);
        }
        for action in &actions {
            assert_eq!(seen_by_coachee(&coachee, &practice).await["goals"]["nodes"][0]["complete"], false);
            progress(&coachee, &practice, action, 100).await;
        }
        let plan = seen_by_coachee(&coachee, &practice).await;
        assert_eq!(plan["goals"]["nodes"][0]["complete"], true);
        assert_eq!(plan["goals"]["nodes"][0]["completedMilestoneCount"], 2);
        product.prove().await;
    }

    /// A goal and a milestone need a title and a day; an action under a milestone has a name and a day.
    #[test]
    async fn s2_26_a_goal_and_a_milestone_have_a_title_and_a_day(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let about = json!({ "practiceId": practice, "coacheeId": robin });
        let with = |further: Value| {
            let mut input = about.clone();
            input.as_object_mut().expect("an object").extend(further.as_object().expect("an object").clone());
            json!({ "i": input })
        };
        assert_eq!(ada.fails(ADD_GOAL, with(json!({ "title": "Lead" }))).await, "BAD_REQUEST");
        assert_eq!(ada.fails(ADD_GOAL, with(json!({ "dueOn": "2026-06-30" }))).await, "BAD_REQUEST");
        assert_eq!(ada.fails(ADD_GOAL, with(json!({ "title": "Lead", "dueOn": "2026-02-30" }))).await, "BAD_REQUEST");
        assert_eq!(ada.refused(ADD_GOAL, with(json!({ "title": " ", "dueOn": "2026-06-30" }))).await, "TEXT_IS_BLANK");
        let long = "x".repeat(201);
        assert_eq!(ada.refused(ADD_GOAL, with(json!({ "title": long, "dueOn": "2026-06-30" }))).await, "TEXT_IS_TOO_LONG");
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let untitled = json!({ "i": { "practiceId": practice, "goalId": lead, "dueOn": "2026-06-30" } });
        assert_eq!(ada.fails(ADD_MILESTONE, untitled).await, "BAD_REQUEST");
        let undated = json!({ "i": { "practiceId": practice, "goalId": lead, "title": "Speak" } });
        assert_eq!(ada.fails(ADD_MILESTONE, undated).await, "BAD_REQUEST");
        let speak = milestone(&ada, &practice, &lead, "Speak up").await;
        action(&ada, &practice, &robin, Some(&speak), "Ask one question").await;
        let goal = seen_by_coach(&ada, &practice, &robin).await["goals"]["nodes"][0].clone();
        assert_eq!((&goal["title"], &goal["dueOn"]), (&json!("Lead the team"), &json!("2026-06-30")));
        let milestone = &goal["milestones"]["nodes"][0];
        assert_eq!((&milestone["title"], &milestone["dueOn"]), (&json!("Speak up"), &json!("2026-05-31")));
        assert_eq!(milestone["actions"]["nodes"][0]["title"], "Ask one question");

        let input = json!({ "practiceId": practice, "goalId": lead, "title": "Lead well" });
        let answer = ada.ask(UPDATE_GOAL, json!({ "i": input })).await;
        assert_eq!(answer["updateGoal"]["goal"], json!({ "title": "Lead well", "dueOn": "2026-06-30" }));
        let input = json!({ "practiceId": practice, "milestoneId": speak, "dueOn": "2026-05-01" });
        let answer = ada.ask(UPDATE_MILESTONE, json!({ "i": input })).await;
        assert_eq!(answer["updateMilestone"]["milestone"], json!({ "title": "Speak up", "dueOn": "2026-05-01" }));
        product.prove().await;
    }

    /// The older page's way to the same: every level is made under the one above, and nothing is under nothing.
    #[test]
    async fn s3_17_milestones_are_made_under_a_goal_and_actions_under_a_milestone(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let speak = milestone(&ada, &practice, &lead, "Speak up").await;
        let ask = action(&ada, &practice, &robin, Some(&speak), "Ask one question").await;
        let plan = seen_by_coach(&ada, &practice, &robin).await;
        assert_eq!(plan.pointer("/goals/nodes/0/milestones/nodes/0/actions/nodes/0/id"), Some(&json!(ask)));
        assert_eq!(plan["actions"]["nodes"][0]["dueOn"], "2026-04-30");
        let gone = json!({ "practiceId": practice, "actionId": ask });
        assert_eq!(deleted(&ada, DELETE_ACTION, gone.clone()).await, json!(ask));
        assert_eq!(ada.fails(DELETE_ACTION, json!({ "i": gone })).await, "NOT_FOUND");
        assert_eq!(deleted(&ada, DELETE_MILESTONE, json!({ "practiceId": practice, "milestoneId": speak })).await, json!(speak));
        let under_nothing = json!({ "practiceId": practice, "coacheeId": robin, "milestoneId": speak, "title": "Ask", "dueOn": "2026-04-30" });
        assert_eq!(ada.fails(ADD_ACTION, json!({ "i": under_nothing })).await, "NOT_FOUND");
        product.prove().await;
    }

    /// And the goal is the coachee's as much as one that a coach set.
    #[test]
    async fn s2_27_coachees_can_create_goals_that_appear_in_their_profile(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let lead = goal(&coachee, &practice, &robin, "Lead the team").await;
        assert_eq!(seen_by_coachee(&coachee, &practice).await["goals"]["nodes"][0]["id"], json!(lead));
        assert_eq!(seen_by_coach(&ada, &practice, &robin).await["goals"]["nodes"][0]["id"], json!(lead));
        let answer = ada.ask("query($p: ID!, $g: ID!) { viewer { coachPortal(practiceId: $p) { goal(id: $g) { title coacheeId } goals { nodes { id } } } } }", json!({ "p": practice, "g": lead })).await;
        let portal = &answer["viewer"]["coachPortal"];
        assert_eq!(portal["goal"], json!({ "title": "Lead the team", "coacheeId": robin }));
        assert_eq!(portal["goals"]["nodes"], json!([{ "id": lead }]));
        product.prove().await;
    }

    /// The coach sees each move of the meter, live.
    #[test]
    async fn s3_9_the_coach_sees_the_coachees_progress(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let walk = action(&ada, &practice, &robin, None, "Walk daily").await;
        let mut live = ada.listen("subscription($p: ID!, $c: ID!, $a: Position) { plan(practiceId: $p, coacheeId: $c, after: $a) { changes { ... on Action { id progress } } } }", json!({ "p": practice, "c": robin, "a": position(&ada, &practice).await })).await;
        for percent in [10, 55, 100] {
            progress(&coachee, &practice, &walk, percent).await;
            assert_eq!(live.next().await["plan"]["changes"], json!([{ "id": walk, "progress": percent }]));
        }
        product.prove().await;
    }

    /// Without anybody doing anything about it.
    #[test]
    async fn s3_10_an_action_made_by_a_coachee_appears_in_the_coach_portal(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let walk = action(&coachee, &practice, &robin, None, "Walk daily").await;
        let plan = seen_by_coach(&ada, &practice, &robin).await;
        assert_eq!((&plan["actions"]["nodes"][0]["id"], &plan["actions"]["nodes"][0]["authorId"]), (&json!(walk), &json!(coachee.id)));
        let answer = ada.ask("query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { actions(filter: { coacheeId: $c, complete: false }) { nodes { id title } } } } }", json!({ "p": practice, "c": robin })).await;
        assert_eq!(answer["viewer"]["coachPortal"]["actions"]["nodes"], json!([{ "id": walk, "title": "Walk daily" }]));
        product.prove().await;
    }

    /// Whoever made it.
    #[test]
    async fn s3_15_coach_and_coachee_both_set_the_percentage_of_every_action(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        for author in [&ada, &coachee] {
            let walk = action(author, &practice, &robin, None, "Walk daily").await;
            for (who, percent) in [(&ada, 30), (&coachee, 60), (&ada, 20), (&coachee, 100)] {
                progress(who, &practice, &walk, percent).await;
                for plan in [seen_by_coach(&ada, &practice, &robin).await, seen_by_coachee(&coachee, &practice).await] {
                    let shown = plan["actions"]["nodes"].as_array().expect("actions").iter().find(|it| it["id"] == walk.as_str()).expect("it");
                    assert_eq!(shown["progress"], percent);
                }
            }
        }
        product.prove().await;
    }

    /// Live, to a coach who has the portal open.
    #[test]
    async fn s3_16_goals_made_by_coachees_appear_at_the_coach(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let mut live = ada.listen("subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes { ... on Goal { id title } } } }", json!({ "p": practice, "a": position(&ada, &practice).await })).await;
        let lead = goal(&coachee, &practice, &robin, "Lead the team").await;
        assert_eq!(live.next().await["coachPortalChanges"]["changes"], json!([{ "id": lead, "title": "Lead the team" }]));
        assert_eq!(seen_by_coach(&ada, &practice, &robin).await["goals"]["nodes"][0]["id"], json!(lead));
        product.prove().await;
    }

    /// The decision on S2.24 and S2.25: milestone and goal reopen, with events of their own.
    #[test]
    async fn a_complete_milestone_reopens_for_a_further_action_or_a_lower_percentage(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let speak = milestone(&ada, &practice, &lead, "Speak up").await;
        let first = action(&ada, &practice, &robin, Some(&speak), "Ask one question").await;
        progress(&coachee, &practice, &first, 100).await;
        assert_eq!(complete(&ada, &practice, &robin).await, (true, vec![true]));
        progress(&coachee, &practice, &first, 90).await;
        assert_eq!(complete(&ada, &practice, &robin).await, (false, vec![false]));
        progress(&coachee, &practice, &first, 100).await;
        let second = action(&ada, &practice, &robin, Some(&speak), "Ask two").await;
        assert_eq!(complete(&ada, &practice, &robin).await, (false, vec![false]));
        // Without the one that is open, it is complete.
        deleted(&ada, DELETE_ACTION, json!({ "practiceId": practice, "actionId": second })).await;
        assert_eq!(complete(&ada, &practice, &robin).await, (true, vec![true]));
        let answer = ada.ask("query($p: ID!) { viewer { coachPortal(practiceId: $p) { activityLog(filter: { kinds: [\"goal_complete\", \"goal_reopen\", \"milestone_complete\", \"milestone_reopen\"] }) { nodes { entry actorId } } } } }", json!({ "p": practice })).await;
        let entries = answer["viewer"]["coachPortal"]["activityLog"]["nodes"].as_array().expect("entries").clone();
        let told: Vec<(&str, bool)> = entries.iter().rev().map(|it| (it["entry"].as_str().expect("a name"), it["actorId"] == ada.id.as_str())).collect();
        let round = |is_ada| [("milestone_complete", is_ada), ("goal_complete", is_ada)];
        let back = |is_ada| [("milestone_reopen", is_ada), ("goal_reopen", is_ada)];
        assert_eq!(told, [round(false), back(false), round(false), back(true), round(true)].concat());
        product.prove().await;
    }

    /// The decision on S2.24: a milestone without an action is never complete by roll-up, also when it had one.
    #[test]
    async fn a_complete_milestone_that_loses_its_last_action_is_open_again(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let speak = milestone(&ada, &practice, &lead, "Speak up").await;
        let only = action(&ada, &practice, &robin, Some(&speak), "Ask one question").await;
        progress(&ada, &practice, &only, 100).await;
        assert_eq!(complete(&ada, &practice, &robin).await, (true, vec![true]));
        deleted(&ada, DELETE_ACTION, json!({ "practiceId": practice, "actionId": only })).await;
        assert_eq!(complete(&ada, &practice, &robin).await, (false, vec![false]));
        let another = action(&ada, &practice, &robin, Some(&speak), "Ask two").await;
        progress(&ada, &practice, &another, 100).await;
        assert_eq!(complete(&ada, &practice, &robin).await, (true, vec![true]));
        product.prove().await;
    }

    /// From the leaves up: nothing is deleted with what it holds.
    #[test]
    async fn what_holds_something_is_not_deleted(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let speak = milestone(&ada, &practice, &lead, "Speak up").await;
        let ask = action(&ada, &practice, &robin, Some(&speak), "Ask one question").await;
        let (the_goal, the_milestone) = (json!({ "practiceId": practice, "goalId": lead }), json!({ "practiceId": practice, "milestoneId": speak }));
        assert_eq!(ada.refused(DELETE_GOAL, json!({ "i": the_goal })).await, "GOAL_HAS_MILESTONES");
        assert_eq!(ada.refused(DELETE_MILESTONE, json!({ "i": the_milestone })).await, "MILESTONE_HAS_ACTIONS");
        deleted(&ada, DELETE_ACTION, json!({ "practiceId": practice, "actionId": ask })).await;
        assert_eq!(ada.refused(DELETE_GOAL, json!({ "i": the_goal })).await, "GOAL_HAS_MILESTONES");
        deleted(&ada, DELETE_MILESTONE, the_milestone).await;
        // Also what serves a goal without a milestone.
        let beside = json!({ "practiceId": practice, "coacheeId": robin, "goalId": lead, "title": "Read a book" });
        let read = made(&ada, ADD_ACTION, beside, "/addAction/action/id").await;
        assert_eq!(ada.refused(DELETE_GOAL, json!({ "i": the_goal })).await, "GOAL_HAS_ACTIONS");
        deleted(&ada, DELETE_ACTION, json!({ "practiceId": practice, "actionId": read })).await;
        assert_eq!(deleted(&ada, DELETE_GOAL, the_goal).await, json!(lead));
        let plan = seen_by_coach(&ada, &practice, &robin).await;
        assert_eq!((&plan["goals"]["nodes"], &plan["actions"]["nodes"]), (&json!([]), &json!([])));
        product.prove().await;
    }

    /// The decision on S2.19: only what belongs to a milestone counts in the roll-up.
    #[test]
    async fn an_action_for_a_goal_without_a_milestone_does_not_count(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let beside = json!({ "practiceId": practice, "coacheeId": robin, "goalId": lead, "title": "Read a book" });
        let read = made(&ada, ADD_ACTION, beside.clone(), "/addAction/action/id").await;
        progress(&ada, &practice, &read, 100).await;
        assert_eq!(complete(&ada, &practice, &robin).await, (false, vec![]));
        let speak = milestone(&ada, &practice, &lead, "Speak up").await;
        let ask = action(&ada, &practice, &robin, Some(&speak), "Ask one question").await;
        progress(&ada, &practice, &ask, 100).await;
        assert_eq!(complete(&ada, &practice, &robin).await, (true, vec![true]));
        // An open one beside the milestones neither reopens the goal nor keeps it open.
        made(&ada, ADD_ACTION, beside, "/addAction/action/id").await;
        progress(&ada, &practice, &read, 5).await;
        assert_eq!(complete(&ada, &practice, &robin).await, (true, vec![true]));
        product.prove().await;
    }

    /// Neither a goal nor a milestone can be another coachee's; whom the other one is not theirs to see learns nothing. Of
    /// one's own, the milestone belongs to the goal.
    #[test]
    async fn an_action_serves_its_own_coachees_goals_only(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let lead = goal(&ada, &practice, &kim, "Lead the team").await;
        let speak = milestone(&ada, &practice, &lead, "Speak up").await;
        let own = goal(&ada, &practice, &robin, "Rest").await;
        let another = goal(&ada, &practice, &robin, "Work less").await;
        let sleep = milestone(&ada, &practice, &own, "Sleep").await;
        let input = |goal: Option<&str>, milestone: Option<&str>| {
            json!({ "i": { "practiceId": practice, "coacheeId": robin, "goalId": goal, "milestoneId": milestone, "title": "Read" } })
        };
        for (goal, milestone) in [
            (Some(&*lead), None), (None, Some(&*speak)), (Some(&*own), Some(&*speak)), (Some(&*lead), Some(&*speak)), (Some(&*lead), Some(&*sleep)),
        ] {
            assert_eq!(ada.refused(ADD_ACTION, input(goal, milestone)).await, "PLAN_ITEM_OF_ANOTHER_COACHEE");
            assert_eq!(coachee.fails(ADD_ACTION, input(goal, milestone)).await, "NOT_FOUND", "{goal:?} {milestone:?}");
        }
        for who in [&ada, &coachee] {
            assert_eq!(who.refused(ADD_ACTION, input(Some(&another), Some(&sleep))).await, "MILESTONE_OF_ANOTHER_GOAL");
        }
        assert_eq!(seen_by_coach(&ada, &practice, &robin).await["actions"]["nodes"], json!([]));
        product.prove().await;
    }
}
