//! Actions in full: comments of both sides, what recurs, what is monitored, and the lists' filters.

use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::audit::entries;
use crate::plan::{action, goal, milestone, position, progress};

const COMMENT: &str = "mutation($i: CommentOnActionInput!) { commentOnAction(input: $i) { comment { id text createdBy authorId createdAt changedAt } errors { code path } } }";
const UPDATE_COMMENT: &str = "mutation($i: UpdateCommentInput!) { updateComment(input: $i) { comment { text changedAt } errors { code path } } }";
const DELETE_COMMENT: &str =
    "mutation($i: DeleteCommentInput!) { deleteComment(input: $i) { deletedId errors { code } } }";
const DELETE_ACTION: &str =
    "mutation($i: DeleteActionInput!) { deleteAction(input: $i) { deletedId errors { code } } }";
const UPDATE_ACTION: &str =
    "mutation($i: UpdateActionInput!) { updateAction(input: $i) { action { title } errors { code } } }";
const ADD_ACTION: &str = "mutation($i: AddActionInput!) { addAction(input: $i) { action { id dueOn goalId monitored createdBy
    series { id title frequency firstOn until times actionCount nextDueOn nextAppearsAt monitored createdBy endedAt } } errors { code path } } }";
const MONITOR: &str = "mutation($i: SetActionMonitoringInput!) { setActionMonitoring(input: $i) { action { monitored } errors { code } } }";
const UPDATE_SERIES: &str = "mutation($i: UpdateActionSeriesInput!) { updateActionSeries(input: $i) { series { title times until nextDueOn } errors { code } } }";
const END_SERIES: &str = "mutation($i: EndActionSeriesInput!) { endActionSeries(input: $i) { series { nextDueOn endedAt } errors { code } } }";

/// Says something about an action: the comment's id.
pub async fn comment(by: &Person, practice: &str, action: &str, text: &str) -> String {
    let input = json!({ "practiceId": practice, "actionId": action, "text": text });
    let answer = by.ask(COMMENT, json!({ "i": input })).await;
    answer["commentOnAction"]["comment"]["id"].as_str().unwrap_or_else(|| panic!("not said: {answer}")).to_owned()
}

/// A practice with a coach, and a coachee who has a portal.
struct Scene {
    practice: String,
    ada: Person,
    robin: String,
    coachee: Person,
}

impl Scene {
    async fn new(product: &Product) -> Self {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        Self { practice, ada, robin, coachee }
    }

    /// Some days pass, timers ring, and both sign in anew.
    async fn days(&mut self, product: &Product, days: i64) {
        product.later(days * 1440);
        while product.app.ring_timers().await.expect("timers ring") > 0 {}
        self.ada = product.person("ada@practice.example").await;
        self.coachee = product.person("robin@coachee.example").await;
    }

    /// What both portals show of the actions: it is the same.
    async fn actions(&self, shows: &str, rest: &str) -> Vec<Value> {
        let list = format!("actions(first: 50{rest}) {{ nodes {{ {shows} }} }}");
        let coachs = format!(
            "query($p: ID!, $c: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ coachee(id: $c) {{ {list} }} }} }} }}"
        );
        let coachs = self.ada.ask(&coachs, json!({ "p": self.practice, "c": self.robin })).await;
        let coachs = coachs["viewer"]["coachPortal"]["coachee"]["actions"]["nodes"].clone();
        let own = format!("query($p: ID!) {{ viewer {{ coacheePortal(practiceId: $p) {{ {list} }} }} }}");
        let own = self.coachee.ask(&own, json!({ "p": self.practice })).await;
        assert_eq!(own["viewer"]["coacheePortal"]["actions"]["nodes"], coachs, "both sides see the same");
        coachs.as_array().expect("actions").clone()
    }

    async fn titles(&self, rest: &str) -> Vec<String> {
        let actions = self.actions("title", rest).await;
        actions.iter().map(|action| action["title"].as_str().expect("a title").to_owned()).collect()
    }

    /// Sets an action that recurs, for today: its id and its series.
    async fn recurring(&self, by: &Person, title: &str, recurrence: Value) -> (String, Value) {
        let input = json!({
            "practiceId": self.practice, "coacheeId": self.robin, "title": title, "dueOn": "2026-03-02", "recurrence": recurrence,
        });
        let answer = by.ask(ADD_ACTION, json!({ "i": input })).await["addAction"].clone();
        let id = answer["action"]["id"].as_str().unwrap_or_else(|| panic!("not made: {answer}")).to_owned();
        (id, answer["action"]["series"].clone())
    }

    /// When each action is to be done, the earliest first.
    async fn days_of(&self, series: &Value) -> Vec<String> {
        let query =
            "query($i: ID!) { node(id: $i) { ... on ActionSeries { actions(first: 50) { nodes { dueOn } } } } }";
        let answer = self.ada.ask(query, json!({ "i": series })).await;
        let nodes = answer["node"]["actions"]["nodes"].as_array().expect("actions").clone();
        nodes.iter().map(|action| action["dueOn"].as_str().expect("a day").to_owned()).collect()
    }
}

both! {
    /// A thread of both sides: said, changed, taken back, paged, live in both portals, as it was, and in the log.
    #[test]
    async fn s2_18_an_action_has_comments_of_coach_and_coachee(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, robin, coachee } = &scene;
        let walk = action(ada, practice, robin, None, "Walk daily").await;
        let after = position(ada, practice).await;
        let live = |portal: &str| format!("subscription($p: ID!, $a: Position) {{ {portal}PortalChanges(practiceId: $p, after: $a) {{
            changes {{ __typename ... on Comment {{ text createdBy }} ... on Action {{ commentCount }} ... on Gone {{ id }} }} }} }}");
        let from = json!({ "p": practice, "a": after });
        let (mut coachs, mut own) = (ada.listen(&live("coach"), from.clone()).await, coachee.listen(&live("coachee"), from).await);
        let first = comment(ada, practice, &walk, "How was it?\nTell me.").await;
        for (live, portal) in [(&mut coachs, "coachPortalChanges"), (&mut own, "coacheePortalChanges")] {
            let changes = live.next().await[portal]["changes"].clone();
            let expected = json!([{ "__typename": "Comment", "text": "How was it?\nTell me.", "createdBy": "COACH" }, { "__typename": "Action", "commentCount": 1 }]);
            assert_eq!(changes, expected);
        }
        let then = position(ada, practice).await;
        product.later(5);
        let second = comment(coachee, practice, &walk, "Windy.").await;
        product.later(1);
        let third = comment(coachee, practice, &walk, "And long.").await;

        let shows = "id commentCount comments(first: 2) { nodes { id text createdBy authorId createdAt changedAt actionId } pageInfo { hasNextPage } }";
        let actions = scene.actions(shows, "").await;
        let thread = &actions[0]["comments"];
        assert_eq!((&actions[0]["commentCount"], &thread["pageInfo"]["hasNextPage"]), (&json!(3), &json!(true)));
        let said = |id: &str, text: &str, by: &str, author: &str, at: &str| json!({ "id": id, "text": text, "createdBy": by, "authorId": author, "createdAt": at, "changedAt": null, "actionId": walk });
        assert_eq!(thread["nodes"], json!([
            said(&first, "How was it?\nTell me.", "COACH", &ada.id, "2026-03-02T09:00:00Z"),
            said(&second, "Windy.", "COACHEE", &coachee.id, "2026-03-02T09:05:00Z"),
        ]));

        // Each is its author's; what it says has its bounds.
        let input = |id: &str, text: &str| json!({ "i": { "practiceId": practice, "commentId": id, "text": text } });
        assert_eq!(ada.fails(UPDATE_COMMENT, input(&second, "Calm.")).await, "FORBIDDEN");
        let named = |id: &str| json!({ "i": { "practiceId": practice, "commentId": id } });
        assert_eq!(ada.fails(DELETE_COMMENT, named(&second)).await, "FORBIDDEN");
        assert_eq!(coachee.refused(UPDATE_COMMENT, input(&second, " \n")).await, "TEXT_IS_BLANK");
        let on = |text: &str| json!({ "i": { "practiceId": practice, "actionId": walk, "text": text } });
        assert_eq!(coachee.refused(COMMENT, on(&"x".repeat(4_001))).await, "TEXT_IS_TOO_LONG");
        let answer = coachee.ask(UPDATE_COMMENT, input(&second, "Very windy.")).await;
        assert_eq!(answer["updateComment"]["comment"], json!({ "text": "Very windy.", "changedAt": "2026-03-02T09:06:00Z" }));
        assert_eq!(coachee.ask(DELETE_COMMENT, named(&third)).await["deleteComment"]["deletedId"], json!(third));
        assert_eq!(scene.actions("commentCount", "").await, [json!({ "commentCount": 2 })]);

        // Nobody else sees or says anything.
        let bob = product.further_coach(ada, practice, "Bob", "COACH").await;
        let kim = product.coachee(ada, practice, "Kim").await;
        let kim = product.accepted(ada, practice, &kim, "Kim").await;
        for stranger in [&bob, &kim] {
            assert_eq!(stranger.fails(COMMENT, on("Me too!")).await, "NOT_FOUND");
            assert_eq!(stranger.fails("query($i: ID!) { node(id: $i) { id } }", json!({ "i": first })).await, "NOT_FOUND");
        }

        // As it was, and as the log has it, for both.
        let as_of = "query($p: ID!, $a: AsOf) { viewer { coacheePortal(practiceId: $p, asOf: $a) { actions { nodes { commentCount comments { nodes { text } } } } } } }";
        let was = coachee.ask(as_of, json!({ "p": practice, "a": { "position": then } })).await;
        assert_eq!(was["viewer"]["coacheePortal"]["actions"]["nodes"], json!([{ "commentCount": 1, "comments": { "nodes": [{ "text": "How was it?\nTell me." }] } }]));
        for (who, portal) in [(ada, "coachPortal"), (coachee, "coacheePortal")] {
            let told = entries(who, portal, practice, json!({ "kinds": ["comment_update", "plan.comment_added"] })).await;
            assert_eq!(told.len(), 4, "{told:?}");
            let change = told.iter().find(|it| it["entry"] == "comment_update").expect("the change");
            assert!(change["changes"].as_array().expect("changes").iter().any(|it| it["field"] == "text" && it["was"] == "Windy." && it["now"] == "Very windy."), "{change}");
        }

        // With the action the thread goes.
        while !own.next().await["coacheePortalChanges"]["changes"].to_string().contains("Gone") {}
        assert_eq!(coachee.ask(DELETE_ACTION, json!({ "i": { "practiceId": practice, "actionId": walk } })).await["deleteAction"]["deletedId"], json!(walk));
        let item = own.next().await["coacheePortalChanges"]["changes"].clone();
        let mut gone: Vec<&str> = item.as_array().expect("changes").iter().filter_map(|it| it["id"].as_str()).collect();
        gone.sort_unstable();
        let mut all = [&*walk, &*first, &*second];
        all.sort_unstable();
        assert_eq!(gone, all);
        assert_eq!(ada.fails("query($i: ID!) { node(id: $i) { id } }", json!({ "i": first })).await, "NOT_FOUND");
        product.prove().await;
    }

    /// The older page's words: brief feedback or clarification, beside the meter.
    #[test]
    async fn s3_9_comments_stand_beside_the_meter_for_both(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, robin, coachee } = &scene;
        let walk = action(coachee, practice, robin, None, "Walk daily").await;
        progress(coachee, practice, &walk, 40).await;
        comment(coachee, practice, &walk, "Does the stairs count?").await;
        product.later(1);
        comment(ada, practice, &walk, "It does.").await;
        let shown = scene.actions("progress comments { nodes { text createdBy } }", "").await;
        let said = |text: &str, by: &str| json!({ "text": text, "createdBy": by });
        let thread = json!({ "nodes": [said("Does the stairs count?", "COACHEE"), said("It does.", "COACH")] });
        assert_eq!(shown, [json!({ "progress": 40, "comments": thread })]);
        // Through the portal's own door, too.
        let one = "query($p: ID!, $a: ID!) { viewer { coachPortal(practiceId: $p) { action(id: $a) { comments(last: 1) { nodes { text } } } } } }";
        let answer = ada.ask(one, json!({ "p": practice, "a": walk })).await;
        assert_eq!(answer["viewer"]["coachPortal"]["action"]["comments"]["nodes"], json!([{ "text": "It does." }]));
        product.prove().await;
    }

    /// Name and day; optionally a goal, and how often and for how long.
    #[test]
    async fn s2_19_an_action_may_serve_a_goal_and_recur(product: Product) {
        let mut scene = Scene::new(&product).await;
        let (practice, robin) = (scene.practice.clone(), scene.robin.clone());
        let lead = goal(&scene.ada, &practice, &robin, "Lead the team").await;
        let input = json!({
            "practiceId": practice, "coacheeId": robin, "title": "Write three lines", "dueOn": "2026-03-02", "goalId": lead,
            "recurrence": { "frequency": "DAILY", "times": 4 },
        });
        let made = scene.ada.ask(ADD_ACTION, json!({ "i": input })).await["addAction"]["action"].clone();
        let series = made["series"]["id"].clone();
        assert_eq!((&made["goalId"], &made["createdBy"]), (&json!(lead), &json!("COACH")));
        // The practice is in Berlin: there the day is over an hour before it is in UTC.
        assert_eq!(made["series"], json!({
            "id": series, "title": "Write three lines", "frequency": "DAILY", "firstOn": "2026-03-02", "until": null, "times": 4,
            "actionCount": 1, "nextDueOn": "2026-03-03", "nextAppearsAt": "2026-03-02T23:00:00Z", "monitored": false, "createdBy": "COACH", "endedAt": null,
        }));
        let from = position(&scene.ada, &practice).await;
        // Not yet, and then it is there, once, however often timers ring.
        product.later(14 * 60 - 1);
        product.app.ring_timers().await.expect("timers ring");
        scene.days(&product, 0).await;
        assert_eq!(scene.days_of(&series).await, ["2026-03-02"]);
        product.later(1);
        for _ in 0..3 {
            product.app.ring_timers().await.expect("timers ring");
        }
        assert_eq!(scene.days_of(&series).await, ["2026-03-02", "2026-03-03"]);
        let actions = scene.actions("title dueOn goalId progress authorId series { id }", "").await;
        let of = |day: &str| json!({ "title": "Write three lines", "dueOn": day, "goalId": lead, "progress": 0, "authorId": scene.ada.id, "series": { "id": series } });
        assert_eq!(actions, [of("2026-03-02"), of("2026-03-03")]);
        // Who comes back hears of it.
        let live = "subscription($p: ID!, $a: Position) { coacheePortalChanges(practiceId: $p, after: $a) { changes { __typename ... on Action { dueOn } ... on ActionSeries { actionCount } } } }";
        let mut live = scene.coachee.listen(live, json!({ "p": practice, "a": from })).await;
        let changes = live.next().await["coacheePortalChanges"]["changes"].clone();
        // The goal counts the actions that serve it, so it changed too.
        assert_eq!(changes, json!([{ "__typename": "Action", "dueOn": "2026-03-03" }, { "__typename": "Goal" }, { "__typename": "ActionSeries", "actionCount": 2 }]));
        // A server that was down makes up for it; after the fourth nothing comes.
        scene.days(&product, 9).await;
        assert_eq!(scene.days_of(&series).await, ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]);
        let told = entries(&scene.coachee, "coacheePortal", &practice, json!({ "kinds": ["action_add"] })).await;
        assert_eq!(told.iter().filter(|it| it["system"] == "timers").count(), 3, "{told:?}");
        let ended = json!({ "i": { "practiceId": practice, "seriesId": series } });
        assert_eq!(scene.ada.refused(END_SERIES, ended).await, "ACTION_SERIES_HAS_ENDED");
        product.prove().await;
        product.app.rebuild(None, &mut ()).await.expect("made anew");
        product.prove().await;
    }

    /// Each occurrence is an action of its own on the coachee's account; the series is changed and ended by either side.
    #[test]
    async fn s3_12_a_new_action_may_recur_and_shows_on_the_coachees_account(product: Product) {
        let mut scene = Scene::new(&product).await;
        let practice = scene.practice.clone();
        let (first, series) = scene.recurring(&scene.ada, "Review the week", json!({ "frequency": "WEEKLY", "until": "2026-06-30" })).await;
        product.later(1);
        let (_, monthly) = scene.recurring(&scene.coachee, "Take stock", json!({ "frequency": "MONTHLY", "times": 3 })).await;
        assert_eq!(monthly["createdBy"], "COACHEE");
        assert_eq!(scene.titles("").await.len(), 2);
        progress(&scene.coachee, &practice, &first, 100).await;
        scene.days(&product, 7).await;
        assert_eq!(scene.days_of(&series["id"]).await, ["2026-03-02", "2026-03-09"]);
        let weekly = scene.actions("title dueOn complete", "").await;
        assert!(weekly.contains(&json!({ "title": "Review the week", "dueOn": "2026-03-09", "complete": false })), "{weekly:?}");
        // One of them by itself, and what is to come.
        let rename = json!({ "i": { "practiceId": practice, "actionId": first, "title": "Review the first week" } });
        scene.ada.ask(UPDATE_ACTION, rename).await;
        let change = |rest: Value| {
            let mut input = json!({ "practiceId": practice, "seriesId": series["id"] });
            input.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
            json!({ "i": input })
        };
        let answer = scene.coachee.ask(UPDATE_SERIES, change(json!({ "title": "Look at the week", "times": 4 }))).await;
        assert_eq!(answer["updateActionSeries"]["series"], json!({ "title": "Look at the week", "times": 4, "until": null, "nextDueOn": "2026-03-16" }));
        let both = change(json!({ "times": 4, "until": "2026-05-01" }));
        assert_eq!(scene.ada.refused(UPDATE_SERIES, both).await, "RECURRENCE_NEEDS_ONE_DURATION");
        scene.days(&product, 7).await;
        let named: Vec<String> = scene.titles("").await.into_iter().filter(|title| title.contains("week")).collect();
        assert_eq!(named, ["Review the first week", "Review the week", "Look at the week"]);
        let ended = scene.coachee.ask(END_SERIES, change(json!({}))).await;
        assert!(ended["endActionSeries"]["series"]["endedAt"].is_string(), "{ended}");
        scene.days(&product, 60).await;
        assert_eq!(scene.days_of(&series["id"]).await.len(), 3);
        assert_eq!(scene.days_of(&monthly["id"]).await, ["2026-03-02", "2026-04-02", "2026-05-02"]);
        let list = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { actionSeries { nodes { title actionCount nextDueOn } } } } }";
        let answer = scene.coachee.ask(list, json!({ "p": practice })).await;
        assert_eq!(answer["viewer"]["coacheePortal"]["actionSeries"]["nodes"], json!([
            { "title": "Look at the week", "actionCount": 3, "nextDueOn": null }, { "title": "Take stock", "actionCount": 3, "nextDueOn": null },
        ]));
        product.prove().await;
    }

    /// The decision on S2.19, and what makes no sense.
    #[test]
    async fn what_recurs_has_a_first_day_one_end_and_no_milestone(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, robin, .. } = &scene;
        let lead = goal(ada, practice, robin, "Lead the team").await;
        let speak = milestone(ada, practice, &lead, "Speak up").await;
        let input = |rest: Value| {
            let mut input = json!({ "practiceId": practice, "coacheeId": robin, "title": "Walk", "dueOn": "2026-03-02", "recurrence": { "frequency": "DAILY", "times": 3 } });
            input.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
            json!({ "i": input })
        };
        let daily = |rest: Value| {
            let mut recurrence = json!({ "frequency": "DAILY" });
            recurrence.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
            input(json!({ "recurrence": recurrence }))
        };
        for (input, code) in [
            (input(json!({ "milestoneId": speak })), "RECURRENCE_UNDER_A_MILESTONE"),
            (input(json!({ "dueOn": null })), "RECURRENCE_NEEDS_A_DAY"),
            (input(json!({ "dueOn": "2026-03-01" })), "RECURRENCE_BEGINS_IN_THE_PAST"),
            (daily(json!({})), "RECURRENCE_NEEDS_ONE_DURATION"),
            (daily(json!({ "times": 3, "until": "2026-04-01" })), "RECURRENCE_NEEDS_ONE_DURATION"),
            (daily(json!({ "until": "2026-03-01" })), "RECURRENCE_ENDS_BEFORE_IT_BEGINS"),
            (daily(json!({ "times": 0 })), "RECURRENCE_ENDS_BEFORE_IT_BEGINS"),
            (daily(json!({ "times": -1 })), "RECURRENCE_ENDS_BEFORE_IT_BEGINS"),
            (daily(json!({ "times": 1001 })), "RECURRENCE_IS_TOO_LONG"),
            (daily(json!({ "until": "2029-12-31" })), "RECURRENCE_IS_TOO_LONG"),
        ] {
            assert_eq!(ada.refused(ADD_ACTION, input.clone()).await, code, "{input}");
        }
        assert_eq!(scene.titles("").await, Vec::<String>::new());
        product.prove().await;
    }

    /// Off until the coachee sets it; theirs to set, on what they made. Both see it, live.
    #[test]
    async fn s2_22_coachees_have_their_own_actions_monitored(product: Product) {
        let mut scene = Scene::new(&product).await;
        let practice = scene.practice.clone();
        let (ada, coachee) = (scene.ada.clone(), scene.coachee.clone());
        let own = action(&coachee, &practice, &scene.robin, None, "Walk daily").await;
        let given = action(&ada, &practice, &scene.robin, None, "Read").await;
        let shown = scene.actions("title monitored createdBy", "").await;
        assert!(shown.iter().all(|it| it["monitored"] == false), "{shown:?}");
        let set = |action: &str, monitored: bool| json!({ "i": { "practiceId": practice, "actionId": action, "monitored": monitored } });
        assert_eq!(ada.fails(MONITOR, set(&own, true)).await, "FORBIDDEN");
        assert_eq!(coachee.refused(MONITOR, set(&given, true)).await, "ACTION_WAS_MADE_BY_A_COACH");
        let live = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes { ... on Action { id monitored } } } }";
        let mut live = ada.listen(live, json!({ "p": practice, "a": position(&ada, &practice).await })).await;
        for monitored in [true, false, true] {
            let answer = coachee.ask(MONITOR, set(&own, monitored)).await;
            assert_eq!(answer["setActionMonitoring"]["action"]["monitored"], monitored);
            assert_eq!(live.next().await["coachPortalChanges"]["changes"], json!([{ "id": own, "monitored": monitored }]));
        }
        let told = entries(&ada, "coachPortal", &practice, json!({ "kinds": ["action_monitoring_set"] })).await;
        assert_eq!(told.len(), 3);
        assert_eq!(told[2]["changes"], json!([{ "field": "monitored", "was": "false", "now": "true" }]));
        let expected = [json!({ "title": "Walk daily", "monitored": true, "createdBy": "COACHEE" }), json!({ "title": "Read", "monitored": false, "createdBy": "COACH" })];
        let shown = scene.actions("title monitored createdBy", "").await;
        assert!(expected.iter().all(|it| shown.contains(it)), "{shown:?}");
        // In a series it counts for what is to come.
        let (first, series) = scene.recurring(&coachee, "Write", json!({ "frequency": "DAILY", "times": 3 })).await;
        coachee.ask(MONITOR, set(&first, true)).await;
        scene.days(&product, 1).await;
        let actions = scene.actions("title dueOn monitored", ", filter: { createdBy: COACHEE }").await;
        assert!(actions.contains(&json!({ "title": "Write", "dueOn": "2026-03-03", "monitored": true })), "{actions:?} {series}");
        // It is the series' also where the action says it already: the second one has unset it meanwhile.
        let list = scene.actions("id dueOn", ", filter: { createdBy: COACHEE }").await;
        let second = list.iter().find(|it| it["dueOn"] == "2026-03-03").and_then(|it| it["id"].as_str()).expect("the second");
        let of = "query($i: ID!) { node(id: $i) { ... on Action { series { monitored } } } }";
        for (action, monitored) in [(second, false), (&*first, true)] {
            scene.coachee.ask(MONITOR, set(action, monitored)).await;
            let answer = scene.coachee.ask(of, json!({ "i": first })).await;
            assert_eq!(answer["node"]["series"]["monitored"], monitored);
        }
        product.prove().await;
    }

    /// Who is deactivated is off the list: what they have not done is late to nobody, and no series makes more of it. Once
    /// they are back it goes on by itself; the days between are over.
    #[test]
    async fn a_deactivated_coachees_series_rest_and_nothing_of_theirs_is_late(product: Product) {
        let mut scene = Scene::new(&product).await;
        let practice = scene.practice.clone();
        let series = scene.recurring(&scene.ada, "Write", json!({ "frequency": "DAILY", "times": 6 })).await.1["id"].clone();
        scene.days(&product, 1).await;
        assert_eq!(scene.days_of(&series).await, ["2026-03-02", "2026-03-03"]);
        let late = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { dashboard { overdueActions { nodes { dueOn } } } } } }";
        let late = async |scene: &Scene| {
            let answer = scene.ada.ask(late, json!({ "p": scene.practice })).await;
            answer["viewer"]["coachPortal"]["dashboard"]["overdueActions"]["nodes"].clone()
        };
        assert_eq!(late(&scene).await, json!([{ "dueOn": "2026-03-02" }]));
        let about = json!({ "i": { "practiceId": practice, "coacheeId": scene.robin } });
        let set = |mutation: &str| format!("mutation($i: CoacheeInput!) {{ {mutation}(input: $i) {{ errors {{ code }} }} }}");
        scene.ada.ask(&set("deactivateCoachee"), about.clone()).await;
        assert_eq!(late(&scene).await, json!([]));
        scene.days(&product, 2).await;
        assert_eq!(scene.days_of(&series).await, ["2026-03-02", "2026-03-03"]);
        scene.ada.ask(&set("reactivateCoachee"), about).await;
        assert_eq!(late(&scene).await, json!([{ "dueOn": "2026-03-02" }, { "dueOn": "2026-03-03" }]));
        scene.days(&product, 1).await;
        assert_eq!(scene.days_of(&series).await, ["2026-03-02", "2026-03-03", "2026-03-06"]);
        scene.days(&product, 9).await;
        assert_eq!(scene.days_of(&series).await, ["2026-03-02", "2026-03-03", "2026-03-06", "2026-03-07"]);
        let told = entries(&scene.ada, "coachPortal", &practice, json!({ "kinds": ["series_skip"] })).await;
        assert_eq!(told.len(), 2, "{told:?}");
        product.prove().await;
        product.app.rebuild(None, &mut ()).await.expect("made anew");
        product.prove().await;
    }

    /// A series of a goal that is gone goes on for itself, and names it no more.
    #[test]
    async fn a_series_names_its_goal_as_long_as_there_is_one(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, robin, .. } = &scene;
        let lead = goal(ada, practice, robin, "Lead the team").await;
        let input = json!({
            "practiceId": practice, "coacheeId": robin, "title": "Write", "dueOn": "2026-03-02", "goalId": lead,
            "recurrence": { "frequency": "DAILY", "times": 4 },
        });
        let made = ada.ask(ADD_ACTION, json!({ "i": input })).await["addAction"]["action"].clone();
        let named = async || {
            let query = "query($i: ID!) { node(id: $i) { ... on ActionSeries { goalId nextDueOn } } }";
            ada.ask(query, json!({ "i": made["series"]["id"] })).await["node"].clone()
        };
        assert_eq!(named().await, json!({ "goalId": lead, "nextDueOn": "2026-03-03" }));
        let delete = "mutation($i: DeleteGoalInput!) { deleteGoal(input: $i) { deletedId errors { code } } }";
        let the_goal = json!({ "i": { "practiceId": practice, "goalId": lead } });
        assert_eq!(ada.refused(delete, the_goal.clone()).await, "GOAL_HAS_ACTIONS");
        ada.ask(DELETE_ACTION, json!({ "i": { "practiceId": practice, "actionId": made["id"] } })).await;
        assert_eq!(ada.ask(delete, the_goal).await["deleteGoal"]["deletedId"], json!(lead));
        assert_eq!(named().await, json!({ "goalId": null, "nextDueOn": "2026-03-03" }));
        product.prove().await;
    }

    /// By who made it and by what is late, in both portals and on the dashboard, by the practice's day.
    #[test]
    async fn actions_and_goals_are_found_by_who_made_them_and_by_being_late(product: Product) {
        let mut scene = Scene::new(&product).await;
        let (practice, robin) = (scene.practice.clone(), scene.robin.clone());
        let add = async |by: &Person, title: &str, due: Option<&str>| {
            let input = json!({ "practiceId": practice, "coacheeId": robin, "title": title, "dueOn": due });
            let answer = by.ask(ADD_ACTION, json!({ "i": input })).await;
            answer["addAction"]["action"]["id"].as_str().expect("an action").to_owned()
        };
        add(&scene.ada, "Yesterday's", Some("2026-03-01")).await;
        let done = add(&scene.coachee, "Done", Some("2026-02-01")).await;
        progress(&scene.ada, &practice, &done, 100).await;
        add(&scene.coachee, "Today's", Some("2026-03-02")).await;
        add(&scene.ada, "Some day", None).await;
        assert_eq!(scene.titles(", filter: { overdue: true }").await, ["Yesterday's"]);
        assert_eq!(scene.titles(", filter: { overdue: false }").await, ["Done", "Today's", "Some day"]);
        assert_eq!(scene.titles(", filter: { createdBy: COACHEE }").await, ["Done", "Today's"]);
        assert_eq!(scene.titles(", filter: { createdBy: COACH, overdue: false }").await, ["Some day"]);
        goal(&scene.coachee, &practice, &robin, "Rest").await;
        goal(&scene.ada, &practice, &robin, "Lead").await;
        let goals = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { goals(filter: { createdBy: COACHEE, overdue: false }) { nodes { title createdBy authorId } } late: goals(filter: { overdue: true }) { nodes { title } }
            dashboard { overdueActions { nodes { title } } } actions(filter: { overdue: true }) { nodes { title } } } } }";
        let portal = scene.ada.ask(goals, json!({ "p": practice })).await["viewer"]["coachPortal"].clone();
        assert_eq!(portal["goals"]["nodes"], json!([{ "title": "Rest", "createdBy": "COACHEE", "authorId": scene.coachee.id }]));
        assert_eq!((&portal["late"]["nodes"], &portal["dashboard"]["overdueActions"]["nodes"]), (&json!([]), &json!([{ "title": "Yesterday's" }])));
        // After 23:00 UTC it is tomorrow in Berlin.
        product.later(14 * 60);
        scene.days(&product, 0).await;
        assert_eq!(scene.titles(", filter: { overdue: true }").await, ["Yesterday's", "Today's"]);
        // Whom one does not see is not late to one.
        let bob = product.further_coach(&scene.ada, &practice, "Bob", "COACH").await;
        let portal = bob.ask(goals, json!({ "p": practice })).await["viewer"]["coachPortal"].clone();
        assert_eq!(portal["dashboard"]["overdueActions"]["nodes"], json!([]));
        product.prove().await;
    }

    /// A goal shows the actions that serve it beside its milestones.
    #[test]
    async fn a_goal_shows_its_actions_without_a_milestone(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, robin, coachee } = &scene;
        let lead = goal(coachee, practice, robin, "Lead the team").await;
        let speak = milestone(coachee, practice, &lead, "Speak up").await;
        action(coachee, practice, robin, Some(&speak), "Ask one question").await;
        let beside = json!({ "practiceId": practice, "coacheeId": robin, "goalId": lead, "title": "Read a book" });
        coachee.ask(ADD_ACTION, json!({ "i": beside })).await;
        let query = "query($p: ID!, $g: ID!) { viewer { coachPortal(practiceId: $p) { goal(id: $g) { actions { nodes { title } } milestones { nodes { actions { nodes { title } } } } } } } }";
        let shown = ada.ask(query, json!({ "p": practice, "g": lead })).await["viewer"]["coachPortal"]["goal"].clone();
        let titled = |title: &str| json!({ "nodes": [{ "title": title }] });
        assert_eq!(shown, json!({ "actions": titled("Read a book"), "milestones": { "nodes": [{ "actions": titled("Ask one question") }] } }));
        product.prove().await;
    }
}
