//! Time travel: a portal as it was, to who may see it now.

mod history;

use domain::id::{CoacheeId, Id as _, LogId};
use serde_json::{Value, json};
use tests::{Person, both};

use self::history::{Dice, History};
use crate::audit::grant;
use crate::plan::{goal, position};
use crate::session::days_later;

const REVOKE: &str = "mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }";
const REMOVE: &str = "mutation($i: RemoveCoachInput!) { removeCoach(input: $i) { deletedId errors { code } } }";
const UPDATE_GOAL: &str = "mutation($i: UpdateGoalInput!) { updateGoal(input: $i) { errors { code } } }";
const DELETE_GOAL: &str = "mutation($i: DeleteGoalInput!) { deleteGoal(input: $i) { deletedId errors { code } } }";
const COACHEES: &str = "query($p: ID!, $a: AsOf) { viewer { coachPortal(practiceId: $p, asOf: $a) {
    position coachees { totalCount nodes { firstName status goals { nodes { id title } } } } me { displayName }
    activityLog { nodes { position } } } } }";
const OWN: &str = "query($p: ID!, $a: AsOf) { viewer { coacheePortal(practiceId: $p, asOf: $a) {
    position practice { name } coaches { displayName } goals { nodes { title } } activityLog { nodes { kind } } } } }";
const ME: &str = "query($p: ID!, $a: AsOf) { viewer { coacheePortal(practiceId: $p, asOf: $a) { me { firstName } } } }";

fn at(position: &Value) -> Value {
    json!({ "position": position })
}

/// What a coach sees as of a moment.
async fn coachees(coach: &Person, practice: &str, as_of: &Value) -> Value {
    coach.ask(COACHEES, json!({ "p": practice, "a": as_of })).await["viewer"]["coachPortal"].clone()
}

/// What a coachee sees as of a moment.
async fn own(coachee: &Person, practice: &str, as_of: &Value) -> Value {
    coachee.ask(OWN, json!({ "p": practice, "a": as_of })).await["viewer"]["coacheePortal"].clone()
}

/// The titles of the goals of the first coachee.
fn titles(portal: &Value) -> Vec<&str> {
    let goals = portal.pointer("/coachees/nodes/0/goals/nodes").or_else(|| portal.pointer("/goals/nodes"));
    let goals = goals.and_then(Value::as_array).into_iter().flatten();
    goals.map(|goal| goal["title"].as_str().expect("a title")).collect()
}

async fn done(by: &Person, mutation: &str, input: Value) {
    let answer = by.ask(mutation, json!({ "i": input })).await;
    let first = answer.as_object().and_then(|data| data.values().next()).expect("a field");
    assert_eq!(first["errors"], json!([]), "{answer}");
}

/// What is said of a moment that is none.
async fn refused(person: &Person, practice: &str, as_of: Value) -> (String, String) {
    let body = person.whole(COACHEES, json!({ "p": practice, "a": as_of })).await.body;
    let error = &body["errors"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&error["extensions"]["code"]), text(&error["message"]))
}

both! {
    /// A random history: whatever the owner, a coach and a coachee were shown, field by field, they are shown again as of
    /// that time, and as of that position; in any order, and also after the read models were made anew.
    #[test]
    async fn a_portal_is_shown_again_as_it_was(product: Product) {
        let mut history = History::begin(&product, 20_261_122).await;
        let (mut dice, mut recorded) = (Dice::new(7), Vec::new());
        for step in 0..150 {
            product.later(i64::try_from(dice.below(40)).expect("minutes"));
            let before = history.position().await;
            history.happen().await;
            let fresh = history.position().await != before;
            if step % 25 == 24 {
                recorded.push(history.record(&product, fresh).await);
            }
        }
        let mut wrong = Vec::new();
        // From the middle to both ends, so that moments are made from nothing as well as from earlier ones.
        for place in [3, 5, 0, 4, 1, 2] {
            let moment = &recorded[place];
            wrong.extend(history.compare(moment, &json!({ "time": moment.at })).await);
        }
        product.app.rebuild(None, &mut ()).await.expect("the read models are made anew");
        for moment in recorded.iter().filter(|moment| moment.fresh) {
            wrong.extend(history.compare(moment, &json!({ "position": moment.position })).await);
        }
        assert!(wrong.is_empty(), "{} answers are not as they were:\n{}", wrong.len(), wrong.join("\n"));
        assert!(recorded.iter().any(|moment| moment.fresh));
        // The control: another moment is another answer.
        assert!(!history.compare(&recorded[0], &json!({ "time": recorded[5].at })).await.is_empty());
        let end = u64::from_str_radix(history.position().await.trim_start_matches("at"), 16).expect("a position");
        assert!(end > 60, "much has happened: {end} events");
        product.prove().await;
    }

    /// What a key that is lost has sealed is in no moment, and everything else is.
    #[test]
    async fn a_moment_goes_on_without_what_a_lost_key_sealed(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let kim: CoacheeId = product.coachee(&ada, &practice, "Kim").await.parse().expect("an id");
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let then = at(&position(&ada, &practice).await);
        goal(&ada, &practice, &robin, "Lead the team").await;
        let (store, log) = (product.app.store(), LogId::parse(&practice).expect("a log"));
        let mut batch = store.batch().await.expect("a transaction");
        let gone = batch.destroy_keys(log.uuid().into_bytes(), kim.uuid().into_bytes()).await.expect("destroyed");
        batch.commit().await.expect("committed");
        let lost = app::lost::take_for_lost(store, Some(log), &mut ()).await.expect("written down");
        assert!(gone > 0 && lost.iter().all(|lost| lost.subject == kim.uuid()), "{lost:?}");
        product.app.rebuild(Some(log), &mut ()).await.expect("the read models are made anew");
        let shown = coachees(&ada, &practice, &then).await;
        let names: Vec<&Value> = shown["coachees"]["nodes"].as_array().expect("a list").iter().map(|it| &it["firstName"]).collect();
        assert_eq!(names, ["Robin"], "{shown}");
        assert_eq!(product.app.check(Some(log), &mut ()).await.expect("checked").difference, None);
    }

    /// Sight is the present's: access that was taken away shows nothing of then, and access that was given shows all.
    #[test]
    async fn what_was_is_shown_to_who_may_see_it_now(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let eve = product.further_coach(&ada, &practice, "Eve", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &ben, &robin).await;
        goal(&ada, &practice, &robin, "Lead the team").await;
        let then = at(&position(&ada, &practice).await);
        assert_eq!(titles(&coachees(&ben, &practice, &then).await), ["Lead the team"]);
        assert_eq!(coachees(&eve, &practice, &then).await["coachees"]["totalCount"], 0);
        let input = json!({ "practiceId": practice, "coachId": ben.id, "coacheeId": robin });
        done(&ada, REVOKE, input).await;
        grant(&ada, &practice, &eve, &robin).await;
        let shown = coachees(&ben, &practice, &then).await;
        assert_eq!((&shown["coachees"]["totalCount"], &shown["activityLog"]["nodes"]), (&json!(0), &json!([])), "{shown}");
        assert_eq!(titles(&coachees(&eve, &practice, &then).await), ["Lead the team"]);
        // Whoever is no coach of the practice any more, or never was, has no portal of then either.
        done(&ada, REMOVE, json!({ "practiceId": practice, "coachId": eve.id })).await;
        let (far, _) = product.coach("Zoe").await;
        for person in [&eve, &far] {
            assert_eq!(person.fails(COACHEES, json!({ "p": practice, "a": then })).await, "NOT_FOUND");
            // Nor do they learn which moments there are.
            assert_eq!(person.fails(COACHEES, json!({ "p": practice, "a": { "position": "at7fff" } })).await, "NOT_FOUND");
        }
        let nobody = product.stranger().ask(COACHEES, json!({ "p": practice, "a": then })).await;
        assert_eq!(nobody["viewer"], json!(null));
    }

    /// A coachee sees their own past in the practice, also of before the portal was theirs, and nothing of before they
    /// were there.
    #[test]
    async fn a_coachee_sees_their_own_past(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let lee = product.coachee(&ada, &practice, "Lee").await;
        goal(&ada, &practice, &lee, "Lees own").await;
        let before = at(&position(&ada, &practice).await);
        let robin = product.coachee(&ada, &practice, "Robin").await;
        goal(&ada, &practice, &robin, "Lead the team").await;
        let added = at(&position(&ada, &practice).await);
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        goal(&coachee, &practice, &robin, "Rest more").await;
        let shown = own(&coachee, &practice, &added).await;
        assert_eq!(titles(&shown), ["Lead the team"]);
        assert_eq!(shown["position"], added["position"]);
        let shown = own(&coachee, &practice, &before).await;
        assert_eq!((titles(&shown), &shown["activityLog"]["nodes"]), (vec![], &json!([])), "{shown}");
        assert_eq!(shown["practice"]["name"], "Practice of Ada");
        assert_eq!(coachee.fails(ME, json!({ "p": practice, "a": before })).await, "NOT_FOUND");
        // The coach's portal is not theirs at any moment.
        assert_eq!(coachee.fails(COACHEES, json!({ "p": practice, "a": added })).await, "NOT_FOUND");
    }

    /// What was changed and removed since is there as it was; `node` and the present are as they are.
    #[test]
    async fn what_was_removed_since_is_shown_as_it_was(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let lead = goal(&ada, &practice, &robin, "Lead the team").await;
        let first = position(&ada, &practice).await;
        done(&ada, UPDATE_GOAL, json!({ "practiceId": practice, "goalId": lead, "title": "Lead two teams" })).await;
        let second = position(&ada, &practice).await;
        done(&ada, DELETE_GOAL, json!({ "practiceId": practice, "goalId": lead })).await;
        let third = position(&ada, &practice).await;
        for (moment, expected) in [(&second, vec!["Lead two teams"]), (&first, vec!["Lead the team"]), (&third, vec![])] {
            let shown = coachees(&ada, &practice, &at(moment)).await;
            assert_eq!((titles(&shown), &shown["position"]), (expected, moment));
            assert_eq!(shown["activityLog"]["nodes"][0]["position"], *moment, "the log ends there as well");
        }
        assert_eq!(titles(&coachees(&ada, &practice, &json!(null)).await), Vec::<&str>::new());
        let both = "query($p: ID!, $a: AsOf, $b: AsOf, $i: ID!) {
            viewer { old: coachPortal(practiceId: $p, asOf: $a) { goal(id: $i) { title } }
                new: coachPortal(practiceId: $p, asOf: $b) { goal(id: $i) { title } }
                now: coachPortal(practiceId: $p) { goals { nodes { id } } } } }";
        let shown = ada.ask(both, json!({ "p": practice, "a": at(&first), "b": at(&second), "i": lead })).await;
        let old = json!({ "old": { "goal": { "title": "Lead the team" } }, "new": { "goal": { "title": "Lead two teams" } }, "now": { "goals": { "nodes": [] } } });
        assert_eq!(shown["viewer"], old);
        assert_eq!(ada.fails("query($i: ID!) { node(id: $i) { id } }", json!({ "i": lead })).await, "NOT_FOUND");
    }

    /// A time is the last event not later than it, and an authorization is judged by the day of the moment.
    #[test]
    async fn a_time_is_the_last_event_by_then(product: Product) {
        let (mut ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let soon = json!({ "practiceId": practice, "expiringSoonDays": 10 });
        done(&ada, "mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { errors { code } } }", soon).await;
        let input = json!({
            "practiceId": practice, "coacheeId": robin, "number": "A-1", "source": "EAP", "totalSessions": 5,
            "ratePerHour": { "amount": "80.00", "currency": "EUR" }, "startsOn": "2026-03-01", "endsOn": "2026-03-20",
        });
        done(&ada, "mutation($i: AddAuthorizationInput!) { addAuthorization(input: $i) { errors { code } } }", input).await;
        let first = position(&ada, &practice).await;
        // Ten days later, at the same time of the day.
        days_later(&product, &mut ada, 10).await;
        goal(&ada, &practice, &robin, "Lead the team").await;
        let second = position(&ada, &practice).await;
        days_later(&product, &mut ada, 10).await;
        for (time, expected) in [
            ("2026-03-02T09:00:00Z", &first),
            ("2026-03-12T08:59:59.999999Z", &first),
            ("2026-03-12T09:00:00Z", &second),
            ("2026-03-22T10:00:00+01:00", &second),
        ] {
            assert_eq!(coachees(&ada, &practice, &json!({ "time": time })).await["position"], *expected, "{time}");
        }
        let state = "query($p: ID!, $a: AsOf) { viewer { coachPortal(practiceId: $p, asOf: $a) {
            authorizations(filter: { state: ACTIVE }) { nodes { state expiringSoon } } dashboard { expiringAuthorizations { nodes { number } } } } } }";
        for (as_of, active, expiring) in [
            (at(&first), json!([{ "state": "ACTIVE", "expiringSoon": false }]), json!([])),
            (json!({ "time": "2026-03-11T09:00:00Z" }), json!([{ "state": "ACTIVE", "expiringSoon": true }]), json!([{ "number": "A-1" }])),
            // The last day is over.
            (json!({ "time": "2026-03-21T09:00:00Z" }), json!([]), json!([])),
            (json!(null), json!([]), json!([])),
        ] {
            let portal = ada.ask(state, json!({ "p": practice, "a": as_of })).await["viewer"]["coachPortal"].clone();
            assert_eq!(portal["authorizations"]["nodes"], active, "{as_of}");
            assert_eq!(portal["dashboard"]["expiringAuthorizations"]["nodes"], expiring, "{as_of}");
        }
    }

    /// A moment that is none is named: what is wrong with it, and what to do.
    #[test]
    async fn a_moment_that_is_none_is_refused(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bad = |text: &str| ("BAD_REQUEST".to_owned(), text.to_owned());
        let beyond = "this practice's log has not come to that position yet";
        let not_yet = "the practice was not there yet at this moment";
        assert_eq!(refused(&ada, &practice, json!({ "position": "at7fff" })).await, bad(beyond));
        assert_eq!(refused(&ada, &practice, json!({ "position": "at7fffffffffffffff" })).await, bad(beyond));
        assert_eq!(refused(&ada, &practice, json!({ "position": "at0" })).await, bad(not_yet));
        assert_eq!(refused(&ada, &practice, json!({ "time": "2026-03-02T08:59:59Z" })).await, bad(not_yet));
        let to_come = bad("this time is still to come; leave asOf out to see the present");
        assert_eq!(refused(&ada, &practice, json!({ "time": "2026-03-02T09:00:01Z" })).await, to_come);
        // Exactly one of both.
        for none in [json!({}), json!({ "position": "at1", "time": "2026-03-02T09:00:00Z" }), json!({ "position": null })] {
            assert!(ada.whole(COACHEES, json!({ "p": practice, "a": none })).await.body["errors"].is_array(), "{none}");
        }
        // A position that the answer must include counts in the present.
        let at_least = "query($p: ID!, $l: Position) { viewer { coachPortal(practiceId: $p, asOf: { position: \"at1\" }, atLeast: $l) { position } } }";
        let shown = ada.ask(at_least, json!({ "p": practice, "l": "at2" })).await;
        assert_eq!(shown["viewer"]["coachPortal"]["position"], "at1");
        assert_eq!(ada.fails(at_least, json!({ "p": practice, "l": "at7fff" })).await, "BAD_REQUEST");
    }

    /// Many at once, by one person and by several: each gets the moment that they asked for.
    #[test]
    async fn moments_are_made_for_many_at_once(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "MANAGER").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let mut moments = Vec::new();
        for title in ["One", "Two", "Three", "Four"] {
            goal(&ada, &practice, &robin, title).await;
            moments.push(position(&ada, &practice).await);
        }
        let mut asked = Vec::new();
        for person in [&ada, &ben] {
            for (place, moment) in moments.iter().enumerate().rev().chain(moments.iter().enumerate()) {
                let (practice, moment) = (practice.clone(), at(moment));
                asked.push(async move { (place, coachees(person, &practice, &moment).await) });
            }
        }
        for (place, shown) in futures_util::future::join_all(asked).await {
            assert_eq!((&shown["position"], titles(&shown).len()), (&moments[place], place + 1), "{shown}");
        }
    }
}
