//! Every kind of notice from outside: what makes it, whom it is told, and nobody else; who stands in for a lead; and what
//! is told once.

use serde_json::{Value, json};
use tests::{Person, Product, both};

use super::{ERASE, REVOKE, Scene, kinds, mails, react};
use crate::actions::comment;
use crate::assessment::{asked, assigned, submitted, template};
use crate::audit::grant;
use crate::note::written;
use crate::plan::{action, goal, milestone, position, progress};

/// Four people, and how many notifications and mails each has got.
struct Counted<'s> {
    product: &'s Product,
    scene: &'s Scene,
    got: Vec<(&'s Person, usize, usize)>,
}

impl<'s> Counted<'s> {
    fn begin(product: &'s Product, scene: &'s Scene) -> Self {
        let people = [&scene.ada, &scene.bob, &scene.cleo, &scene.coachee];
        Self { product, scene, got: people.map(|person| (person, 0, 0)).into() }
    }

    /// One of them was told something, in the portal and by a mail that says so, or in the portal only; the others
    /// nothing. The id of the thing that it is about.
    async fn one(&mut self, to: &Person, kind: &str, says: Option<&str>) -> Value {
        react(self.product).await;
        let mut thing = Value::Null;
        for (person, notices, sent) in &mut self.got {
            let portal = if person.id == self.scene.coachee.id { "coacheePortal" } else { "coachPortal" };
            let told = self.scene.told_in(person, portal, Value::Null).await;
            let mails = mails(self.product, person).await;
            let new = (kinds(&told).len() - *notices, mails.len() - *sent);
            let is_told = person.id == to.id;
            let expected = (usize::from(is_told), usize::from(is_told && says.is_some()));
            assert_eq!(new, expected, "{kind} to {}: {told}", person.email);
            (*notices, *sent) = (*notices + new.0, *sent + new.1);
            if is_told {
                let newest = &told["nodes"][0];
                assert_eq!((&newest["kind"], &newest["unread"]), (&json!(kind), &json!(true)), "{told}");
                thing = newest["thingId"].clone();
            }
            if let Some(says) = says.filter(|_| is_told) {
                assert!(mails.iter().any(|mail| mail.contains(says)), "{says}: {mails:?}");
                assert!(!mails.concat().contains("ZQ-"), "{mails:?}");
            }
        }
        thing
    }
}

both! {
    /// What both say about an action, a question and a note, what is assigned and submitted, messages and appointments:
    /// each is told to the other side once.
    #[test]
    async fn what_one_does_is_told_to_the_other_and_to_nobody_else(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        let walk = action(bob, practice, robin, None, "ZQ-Walk").await;
        let note = written(coachee, practice, robin, "ZQ-Note", "ZQ-Thoughts").await;
        let form = template(bob, practice, "ZQ-Form", json!([{ "words": "ZQ-Well?", "kind": "SHORT_TEXT" }])).await;
        let mut counted = Counted::begin(&product, &scene);

        comment(coachee, practice, &walk, "ZQ-Done").await;
        assert_eq!(counted.one(bob, "ACTION_COMMENTED", Some("Robin commented on an action")).await, json!(walk));
        comment(bob, practice, &walk, "ZQ-Well done").await;
        counted.one(coachee, "ACTION_COMMENTED", Some("Bob commented on an action")).await;

        let assessment = assigned(bob, practice, robin, &form).await;
        assert_eq!(counted.one(coachee, "ASSESSMENT_ASSIGNED", Some("Bob assigned you an assessment")).await, json!(assessment));
        let remind = "mutation($i: AssessmentInput!) { remindAssessment(input: $i) { errors { code } } }";
        bob.ask(remind, json!({ "i": { "practiceId": practice, "assessmentId": assessment } })).await;
        counted.one(coachee, "ASSESSMENT_REMINDED", Some("Bob reminds you of an assessment")).await;
        submitted(coachee, practice, &assessment, json!([{ "question": 0, "text": "ZQ-Well" }])).await;
        counted.one(bob, "ASSESSMENT_SUBMITTED", Some("Robin submitted an assessment")).await;

        let question = asked(bob, practice, robin, "ZQ-What helps?").await;
        counted.one(coachee, "QUESTION_ASSIGNED", Some("Bob asks you a question")).await;
        scene.changes(coachee, "commentOnQuestion", json!({ "questionId": question, "text": "ZQ-Which?" })).await;
        counted.one(bob, "QUESTION_COMMENTED", Some("Robin commented on a question")).await;
        scene.changes(bob, "commentOnQuestion", json!({ "questionId": question, "text": "ZQ-Any" })).await;
        assert_eq!(counted.one(coachee, "QUESTION_COMMENTED", Some("Bob commented on a question")).await, json!(question));
        scene.changes(coachee, "answerQuestion", json!({ "questionId": question, "answer": "ZQ-Sleep" })).await;
        counted.one(bob, "QUESTION_ANSWERED", Some("Robin answered a question")).await;

        scene.changes(coachee, "shareNote", json!({ "noteId": note })).await;
        assert_eq!(counted.one(bob, "NOTE_SHARED", Some("Robin shared a note")).await, json!(note));
        scene.changes(bob, "commentOnNote", json!({ "noteId": note, "text": "ZQ-Thanks" })).await;
        counted.one(coachee, "NOTE_COMMENTED", Some("Bob commented on a note")).await;
        scene.changes(coachee, "commentOnNote", json!({ "noteId": note, "text": "ZQ-Good" })).await;
        counted.one(bob, "NOTE_COMMENTED", Some("Robin commented on a note")).await;

        scene.changes(bob, "sendMessage", json!({ "coacheeId": robin, "text": "ZQ-Hello" })).await;
        counted.one(coachee, "MESSAGE_RECEIVED", Some("Bob sent you a message")).await;
        scene.changes(coachee, "sendMessage", json!({ "coacheeId": robin, "text": "ZQ-Hello Bob" })).await;
        counted.one(bob, "MESSAGE_RECEIVED", Some("Robin sent you a message")).await;

        // Of appointments there are mails of their own.
        let new = json!({ "coacheeId": robin, "title": "ZQ-Talk", "start": "2026-11-10T09:00" });
        scene.changes(bob, "addAppointment", new).await;
        let appointment = counted.one(coachee, "APPOINTMENT_ADDED", None).await;
        let moved = json!({ "appointmentId": appointment, "start": "2026-11-11T09:00" });
        scene.changes(bob, "rescheduleAppointment", moved).await;
        counted.one(coachee, "APPOINTMENT_CHANGED", None).await;
        scene.changes(coachee, "respondToAppointment", json!({ "appointmentId": appointment, "answer": "GOING" })).await;
        counted.one(bob, "APPOINTMENT_ANSWERED", None).await;
        scene.changes(bob, "cancelAppointment", json!({ "appointmentId": appointment })).await;
        counted.one(coachee, "APPOINTMENT_CANCELLED", None).await;

        // The log says of each whom it is about, to who reviews it.
        let log = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) {
            activityLog(first: 100, filter: { coacheeId: $c }) { nodes { kind coacheeId } } } } }";
        let log = bob.ask(log, json!({ "p": practice, "c": robin })).await;
        let log = log["viewer"]["coachPortal"]["activityLog"]["nodes"].as_array().expect("entries").clone();
        for kind in ["notice.raised", "assessment.assigned", "question.assigned", "message.sent"] {
            assert!(log.iter().any(|entry| entry["kind"] == kind), "no {kind}: {log:?}");
        }
        assert!(log.iter().all(|entry| entry["coacheeId"] == json!(robin)), "{log:?}");
        product.prove().await;
    }

    /// S2.28: also that a goal is open again; and what one act does to a goal is told once.
    #[test]
    async fn s2_28_what_one_act_does_to_a_goal_is_told_once(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        let lead = goal(bob, practice, robin, "Lead the team").await;
        let speak = milestone(bob, practice, &lead, "Speak up").await;
        let listen = milestone(bob, practice, &lead, "Listen").await;
        let ask = action(bob, practice, robin, Some(&speak), "Ask a question").await;
        progress(coachee, practice, &ask, 100).await;
        react(&product).await;
        assert_eq!(kinds(&scene.told(bob).await), ["ACTION_CHANGED"]);
        // Without the milestone that is open the goal is reached.
        scene.changes(coachee, "deleteMilestone", json!({ "milestoneId": listen })).await;
        react(&product).await;
        let told = scene.told(bob).await;
        assert_eq!(kinds(&told), ["GOAL_CHANGED", "ACTION_CHANGED"]);
        assert_eq!((&told["nodes"][0]["thingId"], &told["nodes"][0]["changedFields"]), (&json!(lead), &json!(["milestones", "complete"])));
        progress(coachee, practice, &ask, 50).await;
        react(&product).await;
        let told = scene.told(bob).await;
        assert_eq!(kinds(&told), ["GOAL_CHANGED", "ACTION_CHANGED", "GOAL_CHANGED", "ACTION_CHANGED"]);
        assert_eq!((&told["nodes"][0]["thingId"], &told["nodes"][0]["changedFields"]), (&json!(lead), &json!(["complete"])));
        assert_eq!(mails(&product, bob).await.len(), 4);
        product.prove().await;
    }

    /// Where the lead has no access any more, the coach is told who has had it longest; where nobody has, the owner.
    #[test]
    async fn whoever_stands_in_for_a_lead_is_told(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, bob, cleo, robin, coachee } = &scene;
        let dan = product.further_coach(ada, practice, "Dan", "COACH").await;
        grant(ada, practice, &dan, robin).await;
        let revoke = async |coach: &Person| {
            let about = json!({ "i": { "practiceId": practice, "coachId": coach.id, "coacheeId": robin } });
            assert_eq!(ada.ask(REVOKE, about).await["revokeAccess"]["errors"], json!([]));
        };
        let told = async |title: &str| {
            goal(coachee, practice, robin, title).await;
            react(&product).await;
            let mut numbers = Vec::new();
            for coach in [ada, bob, cleo, &dan] {
                numbers.push(scene.number(coach).await);
            }
            numbers
        };
        assert_eq!(told("First").await, [0, 1, 0, 0]);
        revoke(bob).await;
        assert_eq!(told("Second").await, [0, 0, 1, 0]);
        assert!(mails(&product, cleo).await[0].contains("Robin set a goal"));
        revoke(cleo).await;
        revoke(&dan).await;
        assert_eq!(told("Third").await, [1, 0, 0, 0]);
        // With the access the lead is told again, and sees what was told before.
        grant(ada, practice, bob, robin).await;
        assert_eq!(told("Fourth").await, [1, 2, 0, 0]);
        scene.changes(ada, "removeCoach", json!({ "coachId": bob.id })).await;
        goal(coachee, practice, robin, "Fifth").await;
        react(&product).await;
        assert_eq!(scene.number(ada).await, 2);
        product.prove().await;
    }

    /// Who manages the practice and is a coachee of it sees a notification in both portals; it is counted once.
    #[test]
    async fn a_notification_that_two_portals_show_is_counted_once(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, bob, robin, coachee, .. } = &scene;
        let add = json!({ "name": "Robin", "email": coachee.email, "role": "MANAGER" });
        scene.changes(ada, "addCoach", add).await;
        let token = product.token(&coachee.email, "/invitations/").await;
        let join = "mutation($t: String!) { acceptCoachInvitation(input: { token: $t }) { practiceId errors { code } } }";
        assert_eq!(coachee.ask(join, json!({ "t": token })).await["acceptCoachInvitation"]["practiceId"], json!(practice));
        for words in ["What helps?", "What else?"] {
            asked(bob, practice, robin, words).await;
        }
        react(&product).await;
        for portal in ["coachPortal", "coacheePortal"] {
            assert_eq!(scene.told_in(coachee, portal, Value::Null).await["unreadCount"], 2, "{portal}");
        }
        let told = scene.told(coachee).await;
        let (newest, oldest) = (&told["nodes"][0], &told["nodes"][1]);
        assert_eq!(scene.reads(coachee, json!({ "ids": [oldest["id"]] })).await["unreadCount"], 1);
        assert_eq!(scene.reads(coachee, json!({ "upTo": newest["position"] })).await["unreadCount"], 0);
        product.prove().await;
    }

    /// Who follows their notifications is told that those about a coachee are gone, and how many are unread since.
    #[test]
    async fn who_follows_is_told_the_number_when_a_coachee_is_gone(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, bob, robin, coachee, .. } = &scene;
        let kim = product.coachee(bob, practice, "Kim").await;
        let other = product.accepted(bob, practice, &kim, "Kim").await;
        let lead = json!({ "coacheeId": kim, "coachId": ada.id });
        scene.changes(ada, "setLeadCoach", lead).await;
        goal(coachee, practice, robin, "First").await;
        goal(&other, practice, &kim, "First").await;
        react(&product).await;
        assert_eq!((scene.number(bob).await, scene.number(ada).await), (1, 1));
        let follow = "subscription($p: ID!, $a: Position) { notifications(practiceId: $p, after: $a) { changes {
            __typename ... on UnreadNotifications { unreadCount } ... on Gone { id } } } }";
        let after = json!({ "p": practice, "a": position(ada, practice).await });
        let (mut bobs, mut adas) = (bob.listen(follow, after.clone()).await, ada.listen(follow, after).await);
        let gone = |id: &str| json!([{ "__typename": "Gone", "id": id }, { "__typename": "UnreadNotifications", "unreadCount": 0 }]);
        let about = json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } });
        assert_eq!(ada.ask(REVOKE, about).await["revokeAccess"]["errors"], json!([]));
        assert_eq!(bobs.next().await["notifications"]["changes"], gone(robin));
        let erase = json!({ "i": { "practiceId": practice, "coacheeId": kim, "confirmName": "Kim Reed" } });
        assert_eq!(ada.ask(ERASE, erase).await["eraseCoachee"]["errors"], json!([]));
        assert_eq!(adas.next().await["notifications"]["changes"], gone(&kim));
        assert_eq!(bobs.next().await["notifications"]["changes"], gone(&kim));
        product.prove().await;
    }
}
