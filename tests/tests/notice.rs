//! Notices: who is told of what, in the app and by mail, and how each chooses (S2.21, S2.22, S2.28, S3.11, S3.13, S3.16,
//! S3.18; promise D10).

mod mail;
mod reactor;
mod told;

use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::audit::grant;
use crate::plan::{action, goal, milestone, position, progress};

const REVOKE: &str = "mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }";
const READ: &str = "mutation($i: MarkNotificationsReadInput!) { markNotificationsRead(input: $i) {
    unreadCount position errors { code } } }";
const PREFER: &str = "mutation($i: SetNotificationPreferencesInput!) { setNotificationPreferences(input: $i) {
    notificationPreferences { kinds { kind inApp mail } quietHours { from until } digestAt timeZone } errors { code path } } }";
const FOLLOW: &str =
    "subscription($p: ID!, $a: Position) { notifications(practiceId: $p, after: $a) { position changes {
    __typename ... on Notification { id kind unread } ... on UnreadNotifications { unreadCount } } } }";
const ERASE: &str = "mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { errors { code } } }";
const LIST: &str =
    "notifications(first: 100, filter: $f) { unreadCount nodes { id kind unread at position coacheeId byId
    byName changedFields thingId thing {
    ... on Goal { title } ... on Milestone { title } ... on Action { title } ... on ActionSeries { title } } } }";

/// A practice: Ada owns it, Bob leads Robin, Cleo has access; Robin is signed in.
struct Scene {
    practice: String,
    ada: Person,
    bob: Person,
    cleo: Person,
    robin: String,
    coachee: Person,
}

impl Scene {
    async fn new(product: &Product) -> Self {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "COACH").await;
        let robin = product.coachee(&bob, &practice, "Robin").await;
        grant(&ada, &practice, &cleo, &robin).await;
        let coachee = product.accepted(&bob, &practice, &robin, "Robin").await;
        Self { practice, ada, bob, cleo, robin, coachee }
    }

    /// Bob and Robin, signed in anew: sign-ins end when they were not used for half a day.
    async fn again(&self, product: &Product) -> [Person; 2] {
        [product.person(&self.bob.email).await, product.person(&self.coachee.email).await]
    }

    /// What somebody is told in a portal.
    async fn told_in(&self, who: &Person, portal: &str, filter: Value) -> Value {
        let query =
            format!("query($p: ID!, $f: NotificationFilter) {{ viewer {{ {portal}(practiceId: $p) {{ {LIST} }} }} }}");
        let data = who.ask(&query, json!({ "p": self.practice, "f": filter })).await;
        data["viewer"][portal]["notifications"].clone()
    }

    /// What a coach is told, the newest first.
    async fn told(&self, who: &Person) -> Value {
        self.told_in(who, "coachPortal", Value::Null).await
    }

    /// How much somebody was told: a coach, or the coachee.
    async fn number(&self, who: &Person) -> usize {
        let portal = if who.id == self.coachee.id { "coacheePortal" } else { "coachPortal" };
        self.told_in(who, portal, Value::Null).await["nodes"].as_array().expect("notifications").len()
    }

    /// Somebody changes something: it is not refused.
    async fn changes(&self, by: &Person, mutation: &str, mut input: Value) {
        input["practiceId"] = json!(self.practice);
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!("mutation($i: {kind}!) {{ {mutation}(input: $i) {{ errors {{ code }} }} }}");
        let answer = by.ask(&query, json!({ "i": input })).await;
        assert_eq!(answer[mutation]["errors"], json!([]), "{mutation}: {answer}");
    }

    /// Somebody chooses: their preferences since.
    async fn prefers(&self, who: &Person, input: Value) -> Value {
        let answer = who.ask(PREFER, json!({ "i": input })).await["setNotificationPreferences"].clone();
        assert_eq!(answer["errors"], json!([]), "{answer}");
        answer["notificationPreferences"].clone()
    }

    async fn reads(&self, who: &Person, mut input: Value) -> Value {
        input["practiceId"] = json!(self.practice);
        let answer = who.ask(READ, json!({ "i": input })).await["markNotificationsRead"].clone();
        assert_eq!(answer["errors"], json!([]), "{answer}");
        answer
    }
}

/// Reactions to everything until now; how many there were.
async fn react(product: &Product) -> u64 {
    product.app.react().await.expect("reacted")
}

/// The mails about notifications to somebody, as they came.
async fn mails(product: &Product, to: &Person) -> Vec<String> {
    let all = product.mail(&to.email).await;
    all.into_iter().filter(|mail| mail.contains("List-Unsubscribe:")).collect()
}

fn kinds(told: &Value) -> Vec<&str> {
    let nodes = told["nodes"].as_array().expect("notifications");
    nodes.iter().map(|node| node["kind"].as_str().expect("a kind")).collect()
}

both! {
    /// Every change of a plan by every side: whom it is told in the app and by mail, and nobody else.
    #[test]
    async fn s3_18_each_change_of_a_plan_tells_the_coach_who_leads_and_nobody_else(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, bob, cleo, robin, coachee } = &scene;
        // What there is to change: one of each that a coach made, and one of each that Robin made.
        let mut things = Vec::new();
        for by in [bob, coachee] {
            let goal = goal(by, practice, robin, "ZQ-GOAL").await;
            let milestone = milestone(by, practice, &goal, "ZQ-MILESTONE").await;
            let under = action(by, practice, robin, Some(&milestone), "ZQ-ACTION").await;
            let alone = action(by, practice, robin, None, "ZQ-ACTION").await;
            things.push((goal, milestone, under, alone));
        }
        react(&product).await;
        assert_eq!(kinds(&scene.told(bob).await), ["ACTION_ADDED", "ACTION_ADDED", "GOAL_CHANGED", "GOAL_ADDED"]);
        let mut mailed = 4;
        assert_eq!(mails(&product, bob).await.len(), mailed);
        // Of a coach's, each change by the coachee is told; of Robin's own action none, for nobody monitors it.
        for (of, (goal, milestone, under, alone)) in things.iter().enumerate() {
            let is_coachs = of == 0;
            let action = |changed: Value| is_coachs.then_some(("ACTION_CHANGED", changed));
            let steps = [
                ("updateGoal", json!({ "goalId": goal, "title": "ZQ-NEW" }), Some(("GOAL_CHANGED", json!(["title"])))),
                ("updateGoal", json!({ "goalId": goal, "dueOn": "2026-07-01" }), Some(("GOAL_CHANGED", json!(["dueOn"])))),
                ("updateMilestone", json!({ "milestoneId": milestone, "title": "ZQ-NEW" }), Some(("GOAL_CHANGED", json!(["milestones"])))),
                ("setActionProgress", json!({ "actionId": under, "progress": 50 }), action(json!(["progress"]))),
                ("updateAction", json!({ "actionId": under, "description": "ZQ-TEXT" }), action(json!(["description"]))),
                ("updateAction", json!({ "actionId": alone, "title": "ZQ-NEW", "dueOn": "2026-05-01" }), action(json!(["title", "dueOn"]))),
                ("deleteAction", json!({ "actionId": alone }), is_coachs.then_some(("ACTION_DELETED", json!([])))),
                ("deleteAction", json!({ "actionId": under }), is_coachs.then_some(("ACTION_DELETED", json!([])))),
                ("deleteMilestone", json!({ "milestoneId": milestone }), Some(("GOAL_CHANGED", json!(["milestones"])))),
                ("deleteGoal", json!({ "goalId": goal }), Some(("GOAL_DELETED", json!([])))),
            ];
            for (mutation, input, expected) in steps {
                let before = scene.number(bob).await;
                scene.changes(coachee, mutation, input.clone()).await;
                react(&product).await;
                let told = scene.told(bob).await;
                let new = told["nodes"].as_array().expect("nodes").len() - before;
                assert_eq!(new, usize::from(expected.is_some()), "{mutation} {input}: {told}");
                if let Some((kind, changed)) = expected {
                    let newest = &told["nodes"][0];
                    assert_eq!((&newest["kind"], &newest["changedFields"]), (&json!(kind), &changed), "{mutation} {input}");
                    assert_eq!((&newest["byId"], &newest["byName"]), (&json!(coachee.id), &json!("Robin Reed")));
                    assert_eq!(newest["coacheeId"], json!(robin));
                    mailed += 1;
                }
                assert_eq!(mails(&product, bob).await.len(), mailed, "{mutation} {input}");
            }
        }
        // What coaches do is news to nobody, the one who leads among them; and nobody else was told anything.
        let before = scene.number(bob).await;
        for by in [bob, cleo, ada] {
            let goal = goal(by, practice, robin, "ZQ-GOAL").await;
            let milestone = milestone(by, practice, &goal, "ZQ-MILESTONE").await;
            let action = action(by, practice, robin, Some(&milestone), "ZQ-ACTION").await;
            progress(by, practice, &action, 100).await;
            scene.changes(by, "updateGoal", json!({ "goalId": goal, "title": "ZQ-NEW" })).await;
            scene.changes(by, "deleteAction", json!({ "actionId": action })).await;
        }
        react(&product).await;
        assert_eq!((scene.number(bob).await, mails(&product, bob).await.len()), (before, mailed));
        for other in [ada, cleo, coachee] {
            assert_eq!((scene.number(other).await, mails(&product, other).await.len()), (0, 0), "{}", other.email);
        }
        // No title is in any mail.
        assert!(!mails(&product, bob).await.concat().contains("ZQ-"));
        product.prove().await;
    }

    /// S3.11, S3.16: what a coachee makes is told always, in the app and by mail, and shows the thing.
    #[test]
    async fn s3_11_a_new_action_of_the_coachees_is_told_in_the_app_and_by_mail(product: Product) {
        let scene = Scene::new(&product).await;
        action(&scene.coachee, &scene.practice, &scene.robin, None, "Walk daily").await;
        react(&product).await;
        let told = scene.told(&scene.bob).await;
        let newest = &told["nodes"][0];
        assert_eq!((&newest["kind"], &newest["thing"]["title"], &newest["unread"]), (&json!("ACTION_ADDED"), &json!("Walk daily"), &json!(true)));
        let mails = mails(&product, &scene.bob).await;
        assert_eq!(mails.len(), 1);
        assert!(mails[0].contains("Robin added an action") && !mails[0].contains("Walk"), "{}", mails[0]);
    }

    #[test]
    async fn s3_16_a_new_goal_of_the_coachees_is_told_in_the_app_and_by_mail(product: Product) {
        let scene = Scene::new(&product).await;
        let lead = goal(&scene.coachee, &scene.practice, &scene.robin, "Lead the team").await;
        react(&product).await;
        let told = scene.told(&scene.bob).await;
        assert_eq!((&told["nodes"][0]["kind"], &told["nodes"][0]["thingId"]), (&json!("GOAL_ADDED"), &json!(lead)));
        assert!(mails(&product, &scene.bob).await[0].contains("Robin set a goal"));
        // What it is about is shown as it is now: not any more once it is deleted.
        assert_eq!(told["nodes"][0]["thing"]["title"], "Lead the team");
        scene.changes(&scene.bob, "deleteGoal", json!({ "goalId": lead })).await;
        assert_eq!(scene.told(&scene.bob).await["nodes"][0]["thing"], Value::Null);
    }

    /// How far the coachee is with what the coach set, and how they describe it: each is mailed.
    #[test]
    async fn s2_21_the_coach_is_told_of_progress_and_of_a_changed_description(product: Product) {
        let scene = Scene::new(&product).await;
        let walk = action(&scene.bob, &scene.practice, &scene.robin, None, "Walk daily").await;
        let steps = [
            ("setActionProgress", json!({ "actionId": walk, "progress": 40 }), "progress"),
            ("updateAction", json!({ "actionId": walk, "description": "Around the lake." }), "description"),
            ("setActionProgress", json!({ "actionId": walk, "progress": 100 }), "progress"),
        ];
        for (number, (mutation, input, field)) in steps.into_iter().enumerate() {
            scene.changes(&scene.coachee, mutation, input).await;
            react(&product).await;
            let told = scene.told(&scene.bob).await;
            let newest = &told["nodes"][0];
            assert_eq!((kinds(&told).len(), &newest["thingId"]), (number + 1, &json!(walk)));
            assert_eq!((&newest["kind"], &newest["changedFields"]), (&json!("ACTION_CHANGED"), &json!([field])));
            let mails = mails(&product, &scene.bob).await;
            assert_eq!(mails.len(), number + 1);
            assert!(mails[number].contains("Robin changed an action") && !mails[number].contains("lake"), "{}", mails[number]);
        }
    }

    /// Whatever the coachee modifies of a task, in the app and by mail; also of one that they made, while it is monitored.
    #[test]
    async fn s3_13_the_coach_is_alerted_of_every_change_of_a_task(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        let given = action(bob, practice, robin, None, "Read").await;
        let own = action(coachee, practice, robin, None, "Walk daily").await;
        scene.changes(coachee, "setActionMonitoring", json!({ "actionId": own, "monitored": true })).await;
        react(&product).await;
        let mut told = 1;
        for task in [&given, &own] {
            for (mutation, input, kind, fields) in [
                ("setActionProgress", json!({ "actionId": task, "progress": 10 }), "ACTION_CHANGED", json!(["progress"])),
                ("updateAction", json!({ "actionId": task, "title": "Other" }), "ACTION_CHANGED", json!(["title"])),
                ("updateAction", json!({ "actionId": task, "dueOn": "2026-05-02" }), "ACTION_CHANGED", json!(["dueOn"])),
                ("deleteAction", json!({ "actionId": task }), "ACTION_DELETED", json!([])),
            ] {
                scene.changes(coachee, mutation, input).await;
                react(&product).await;
                told += 1;
                let list = scene.told(bob).await;
                let newest = &list["nodes"][0];
                assert_eq!((&newest["kind"], &newest["changedFields"], &newest["thingId"]), (&json!(kind), &fields, &json!(task)));
                assert_eq!((kinds(&list).len(), mails(&product, bob).await.len()), (told, told), "{mutation}");
            }
        }
        product.prove().await;
    }

    /// S2.21, S3.13 for what recurs: the series of a coach's, and of the coachee's own while they have it monitored.
    #[test]
    async fn the_coach_is_told_of_what_the_coachee_does_to_a_series(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, cleo, robin, coachee, .. } = &scene;
        let add = "mutation($i: AddActionInput!) { addAction(input: $i) { action { id seriesId } errors { code } } }";
        let mut made = Vec::new();
        for by in [bob, coachee, coachee] {
            let recurrence = json!({ "frequency": "WEEKLY", "times": 9 });
            let input = json!({ "practiceId": practice, "coacheeId": robin, "title": "ZQ-Walk", "dueOn": "2026-03-02", "recurrence": recurrence });
            made.push(by.ask(add, json!({ "i": input })).await["addAction"]["action"].clone());
        }
        scene.changes(coachee, "setActionMonitoring", json!({ "actionId": made[2]["id"], "monitored": true })).await;
        react(&product).await;
        let mut told = 2;
        assert_eq!(scene.number(bob).await, told);
        for (of, is_news) in [(&made[0], true), (&made[1], false), (&made[2], true)] {
            let series = &of["seriesId"];
            for (mutation, input, fields) in [
                ("updateActionSeries", json!({ "seriesId": series, "title": "ZQ-Swim", "description": "ZQ-Far" }), json!(["title", "description"])),
                ("updateActionSeries", json!({ "seriesId": series, "until": "2026-06-30" }), json!(["until", "times"])),
                ("endActionSeries", json!({ "seriesId": series }), json!(["endedAt"])),
            ] {
                scene.changes(coachee, mutation, input).await;
                react(&product).await;
                told += usize::from(is_news);
                let list = scene.told(bob).await;
                assert_eq!((kinds(&list).len(), mails(&product, bob).await.len()), (told, told), "{mutation} {list}");
                if is_news {
                    let newest = &list["nodes"][0];
                    assert_eq!((&newest["kind"], &newest["changedFields"]), (&json!("ACTION_CHANGED"), &fields));
                    assert_eq!((&newest["thingId"], &newest["thing"]["title"]), (series, &json!("ZQ-Swim")));
                }
            }
        }
        // What coaches do to one is news to nobody.
        let input = json!({ "practiceId": practice, "coacheeId": robin, "title": "ZQ-Walk", "dueOn": "2026-03-02", "recurrence": { "frequency": "DAILY", "times": 2 } });
        let series = bob.ask(add, json!({ "i": input })).await["addAction"]["action"]["seriesId"].clone();
        scene.changes(bob, "updateActionSeries", json!({ "seriesId": series, "title": "ZQ-Swim" })).await;
        scene.changes(cleo, "endActionSeries", json!({ "seriesId": series })).await;
        react(&product).await;
        assert_eq!(scene.number(bob).await, told);
        for other in [cleo, coachee] {
            assert_eq!((scene.number(other).await, mails(&product, other).await.len()), (0, 0), "{}", other.email);
        }
        assert!(!mails(&product, bob).await.concat().contains("ZQ-"));
        product.prove().await;
    }

    /// Also when it is reached, by whichever action.
    #[test]
    async fn s2_28_the_coach_is_told_that_a_goal_was_reached(product: Product) {
        let scene = Scene::new(&product).await;
        let lead = goal(&scene.bob, &scene.practice, &scene.robin, "Lead the team").await;
        let speak = milestone(&scene.bob, &scene.practice, &lead, "Speak up").await;
        let ask = action(&scene.bob, &scene.practice, &scene.robin, Some(&speak), "Ask a question").await;
        progress(&scene.coachee, &scene.practice, &ask, 100).await;
        react(&product).await;
        let told = scene.told(&scene.bob).await;
        assert_eq!(kinds(&told), ["GOAL_CHANGED", "ACTION_CHANGED"]);
        assert_eq!((&told["nodes"][0]["changedFields"], &told["nodes"][1]["changedFields"]), (&json!(["complete"]), &json!(["progress"])));
        assert_eq!(mails(&product, &scene.bob).await.len(), 2);
    }

    /// A notification is told once; it is marked as read by name or up to a position; the number follows live.
    #[test]
    async fn unread_notifications_are_counted_and_followed(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, cleo, robin, coachee, .. } = &scene;
        let mut following = bob.listen(FOLLOW, json!({ "p": practice, "a": position(bob, practice).await })).await;
        let portal = FOLLOW.replace("notifications(", "coachPortalChanges(");
        let mut portals = bob.listen(&portal, json!({ "p": practice, "a": position(bob, practice).await })).await;
        goal(coachee, practice, robin, "First").await;
        react(&product).await;
        let item = following.next().await["notifications"]["changes"].clone();
        assert_eq!((&item[0]["kind"], &item[0]["unread"], &item[1]["unreadCount"]), (&json!("GOAL_ADDED"), &json!(true), &json!(1)), "{item}");
        loop {
            let item = portals.next().await["coachPortalChanges"]["changes"].clone();
            let changes = item.as_array().expect("changes");
            if changes.iter().any(|change| change["__typename"] == "Notification") {
                assert!(changes.iter().any(|change| change["unreadCount"] == 1), "{item}");
                break;
            }
        }
        goal(coachee, practice, robin, "Second").await;
        let until = position(bob, practice).await;
        goal(coachee, practice, robin, "Third").await;
        react(&product).await;
        let told = scene.told(bob).await;
        assert_eq!((told["unreadCount"].clone(), kinds(&told).len()), (json!(3), 3));
        let first = told["nodes"][2]["id"].clone();
        let payload = scene.reads(bob, json!({ "ids": [first] })).await;
        assert_eq!(payload["unreadCount"], 2);
        // Once more changes nothing.
        assert_eq!(scene.reads(bob, json!({ "ids": [first, first] })).await, payload);
        let mut seen = Vec::new();
        while seen.last() != Some(&json!(2)) || !seen.contains(&json!(3)) {
            let changes = following.next().await["notifications"]["changes"].clone();
            seen.extend(changes.as_array().expect("changes").iter().filter_map(|change| change.get("unreadCount")).cloned());
        }
        let unread = scene.told_in(bob, "coachPortal", json!({ "unread": true, "kinds": ["GOAL_ADDED"] })).await;
        assert_eq!((kinds(&unread).len(), &unread["unreadCount"]), (2, &json!(2)));
        assert_eq!(kinds(&scene.told_in(bob, "coachPortal", json!({ "unread": false })).await).len(), 1);
        assert_eq!(kinds(&scene.told_in(bob, "coachPortal", json!({ "kinds": ["ACTION_ADDED"] })).await).len(), 0);
        // The notifications came after this position: none is up to it. Up to the newest all are.
        assert_eq!(scene.reads(bob, json!({ "upTo": until })).await["unreadCount"], 2);
        let newest = told["nodes"][0]["position"].clone();
        assert_eq!(scene.reads(bob, json!({ "upTo": newest })).await["unreadCount"], 0);
        // Another's are not there; and one of the two has to be named.
        let mine = |more: Value| { let mut input = more; input["practiceId"] = json!(practice); json!({ "i": input }) };
        assert_eq!(cleo.fails(READ, mine(json!({ "ids": [first] }))).await, "NOT_FOUND");
        for wrong in [json!({}), json!({ "ids": [first], "upTo": newest })] {
            assert_eq!(bob.refused(READ, mine(wrong)).await, "NOTIFICATIONS_ARE_NOT_CHOSEN");
        }
        let many: Vec<Value> = (0..501).map(|_| first.clone()).collect();
        assert_eq!(bob.refused(READ, mine(json!({ "ids": many }))).await, "TOO_MANY_NOTIFICATIONS");
        product.prove().await;
    }

    /// Whoever lost access is told nothing any more, of what was before neither; erasing a coachee takes what is about
    /// them away, and the number stays right.
    #[test]
    async fn notifications_go_with_access_and_with_the_coachee(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, bob, robin, coachee, .. } = &scene;
        let kim = product.coachee(bob, practice, "Kim").await;
        let other = product.accepted(bob, practice, &kim, "Kim").await;
        goal(coachee, practice, robin, "First").await;
        goal(&other, practice, &kim, "First").await;
        react(&product).await;
        assert_eq!(scene.told(bob).await["unreadCount"], 2);
        let node = scene.told(bob).await["nodes"][1]["id"].clone();
        let about = json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } });
        ada.ask(REVOKE, about).await;
        // The mail that was not sent yet is not sent any more; nor is anything new told.
        goal(coachee, practice, robin, "Second").await;
        react(&product).await;
        let told = scene.told(bob).await;
        assert_eq!((kinds(&told).len(), &told["unreadCount"], &told["nodes"][0]["coacheeId"]), (1, &json!(1), &json!(kim)));
        assert_eq!(bob.fails("query($i: ID!) { node(id: $i) { id } }", json!({ "i": node })).await, "NOT_FOUND");
        assert_eq!(mails(&product, bob).await.len(), 1);
        grant(ada, practice, bob, robin).await;
        assert_eq!(scene.told(bob).await["unreadCount"], 2);
        let erase = json!({ "i": { "practiceId": practice, "coacheeId": kim, "confirmName": "Kim Reed" } });
        assert_eq!(ada.ask(ERASE, erase).await["eraseCoachee"]["errors"], json!([]));
        let told = scene.told(bob).await;
        assert_eq!((kinds(&told).len(), &told["unreadCount"], &told["nodes"][0]["coacheeId"]), (1, &json!(1), &json!(robin)));
        product.prove().await;
    }

    /// What a coach asks is told to the coachee, what the coachee answers to the coach, and what one says about a question
    /// to the other.
    #[test]
    async fn the_coachee_is_told_of_what_is_asked_and_the_coach_of_what_is_answered(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { bob, cleo, robin, coachee, .. } = &scene;
        scene.changes(cleo, "assignQuestions", json!({ "coacheeId": robin, "questions": ["ZQ-What helps?"] })).await;
        react(&product).await;
        let told = scene.told_in(coachee, "coacheePortal", Value::Null).await;
        let question = told["nodes"][0]["thingId"].clone();
        assert_eq!((kinds(&told), &told["nodes"][0]["byName"]), (vec!["QUESTION_ASSIGNED"], &json!("Cleo")));
        let sent = mails(&product, coachee).await;
        assert!(sent.len() == 1 && sent[0].contains("Cleo asks you a question") && !sent[0].contains("ZQ-"), "{sent:?}");
        scene.changes(coachee, "answerQuestion", json!({ "questionId": question, "answer": "ZQ-Sleep" })).await;
        react(&product).await;
        assert_eq!(kinds(&scene.told(bob).await), ["QUESTION_ANSWERED"]);
        assert_eq!(mails(&product, bob).await.len(), 1);
        assert_eq!(scene.number(cleo).await, 0, "who leads is told");
        product.prove().await;
    }

    /// A manager has no access to anybody and sees everybody: whoever asks a coachee something or meets them has a name for
    /// them, in the app, by mail and in their calendar.
    #[test]
    async fn a_manager_without_access_has_a_name_for_the_coachee(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, robin, coachee, .. } = &scene;
        let mia = product.further_coach(ada, practice, "Mia", "MANAGER").await;
        scene.changes(&mia, "assignQuestions", json!({ "coacheeId": robin, "questions": ["ZQ-What helps?"] })).await;
        react(&product).await;
        let told = scene.told_in(coachee, "coacheePortal", Value::Null).await;
        assert_eq!((kinds(&told), &told["nodes"][0]["byName"]), (vec!["QUESTION_ASSIGNED"], &json!("Mia")));
        let sent = mails(&product, coachee).await;
        assert!(sent.len() == 1 && sent[0].contains("Mia asks you a question"), "{sent:?}");

        scene.changes(&mia, "addAppointment", json!({ "coacheeId": robin, "title": "Talk", "start": "2026-03-10T09:00" })).await;
        let seen = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) {
            appointments(first: 5) { nodes { appointment { coachName } } } coaches { displayName } } } }";
        let seen = coachee.ask(seen, json!({ "p": practice })).await["viewer"]["coacheePortal"].clone();
        assert_eq!(seen["appointments"]["nodes"], json!([{ "appointment": { "coachName": "Mia" } }]));
        assert_eq!(seen["coaches"], json!([{ "displayName": "Bob" }, { "displayName": "Cleo" }]), "her card is not theirs to see");
        let feed = coachee.ask("mutation { createCalendarFeed { path } }", json!({})).await["createCalendarFeed"]["path"].clone();
        let calendar = reqwest::get(product.url(feed.as_str().expect("a path"))).await.expect("a calendar");
        let calendar = calendar.text().await.expect("a text");
        assert!(calendar.contains("DESCRIPTION:With Mia"), "{calendar}");
        product.prove().await;
    }
}
