//! The main job, from the first link to the proof.

use serde_json::json;
use tests::both;

both! {
    /// A coach signs up, adds and invites a coachee, sets a goal; the coachee accepts, moves it, and both see it live.
    #[test]
    async fn the_main_job_runs_from_sign_up_to_proof(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let answer = ada.ask("query($p: ID!) { viewer { coachPortal(practiceId: $p) { position coachees { totalCount nodes { id status fullName options } } } } }", json!({ "p": practice })).await;
        let portal = &answer["viewer"]["coachPortal"];
        assert_eq!(portal["coachees"]["totalCount"], 1);
        assert_eq!(portal["coachees"]["nodes"][0]["status"], "ACTIVE");
        let after = &portal["position"];
        let mut live = ada.listen("subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { position changes { __typename ... on Goal { title complete } ... on Action { progress } } } }", json!({ "p": practice, "a": after })).await;
        let goal = ada.ask("mutation($i: AddGoalInput!) { addGoal(input: $i) { goal { id } errors { code } } }", json!({ "i": { "practiceId": practice, "coacheeId": robin, "title": "Lead the team", "dueOn": "2026-06-30" } })).await;
        let goal = &goal["addGoal"]["goal"]["id"];
        let item = live.next().await;
        assert_eq!(item["coachPortalChanges"]["changes"][0]["title"], "Lead the team");
        let milestone = coachee.ask("mutation($i: AddMilestoneInput!) { addMilestone(input: $i) { milestone { id } errors { code } } }", json!({ "i": { "practiceId": practice, "goalId": goal, "title": "Speak up", "dueOn": "2026-05-31" } })).await;
        let milestone = &milestone["addMilestone"]["milestone"]["id"];
        let action = coachee.ask("mutation($i: AddActionInput!) { addAction(input: $i) { action { id } errors { code } } }", json!({ "i": { "practiceId": practice, "coacheeId": robin, "milestoneId": milestone, "title": "Ask one question" } })).await;
        let action = &action["addAction"]["action"]["id"];
        let done = coachee.ask("mutation($i: SetActionProgressInput!) { setActionProgress(input: $i) { action { progress complete } errors { code } } }", json!({ "i": { "practiceId": practice, "actionId": action, "progress": 100 } })).await;
        assert_eq!(done["setActionProgress"]["action"]["complete"], true);
        let answer = ada.ask("query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { goals { nodes { title complete milestones { nodes { title complete actions { nodes { title progress } } } } } } } } } }", json!({ "p": practice, "c": robin })).await;
        assert_eq!(answer["viewer"]["coachPortal"]["coachee"]["goals"]["nodes"][0]["complete"], true);
        product.prove().await;
    }

    /// A timer is a row that is due: what it asks for happens once, however often and wherever it is looked at.
    #[test]
    async fn an_invitation_that_nobody_accepts_ends_once(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let invite = "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { errors { code } } }";
        ada.ask(invite, json!({ "i": { "practiceId": practice, "coacheeId": robin } })).await;
        let token = product.token("robin@coachee.example", "/invitations/").await;
        let expired = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { activityLog(filter: { kinds: [\"invitation_expire\"] }) { nodes { system through } } } } }";
        product.later(14 * 24 * 60 - 1);
        product.app.ring_timers().await.expect("timers ring");
        // Two weeks have passed: the sign-in has been idle, so somebody signs in anew to look.
        let ada = product.person("ada@practice.example").await;
        let before = ada.ask(expired, json!({ "p": practice })).await;
        assert_eq!(before["viewer"]["coachPortal"]["activityLog"]["nodes"], json!([]));
        product.later(2);
        product.app.ring_timers().await.expect("timers ring");
        product.app.ring_timers().await.expect("timers ring");
        let after = ada.ask(expired, json!({ "p": practice })).await;
        assert_eq!(after["viewer"]["coachPortal"]["activityLog"]["nodes"], json!([{ "system": "timers", "through": "SYSTEM" }]));
        let accept = "mutation($t: String!) { acceptInvitation(input: { token: $t }) { practiceId errors { code } } }";
        assert_eq!(product.stranger().refused(accept, json!({ "t": token })).await, "INVITATION_IS_NOT_VALID");
        product.prove().await;
    }
}
