//! Practices from outside: coaches and their settings, who may do what with which client, and losing access.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Listening, Person, both};

const GRANT: &str =
    "mutation($i: AccessInput!) { grantAccess(input: $i) { access { coachId clientId level } errors { code } } }";
const CHANGE: &str = "mutation($i: AccessInput!) { changeAccess(input: $i) { access { level } errors { code } } }";
const REVOKE: &str = "mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }";
const REMOVE: &str = "mutation($i: RemoveCoachInput!) { removeCoach(input: $i) { deletedId errors { code } } }";
const SET_ROLE: &str =
    "mutation($i: SetCoachRoleInput!) { setCoachRole(input: $i) { coach { role } errors { code } } }";
const SETTINGS: &str = "mutation($i: UpdateCoachSettingsInput!) {
    updateCoachSettings(input: $i) { coach { displayName title timeZone phone videoLink bookingLink } errors { code path } }
}";
const UPDATE: &str =
    "mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { practice { name } errors { code } } }";
const ADD: &str = "mutation($i: AddCoacheeInput!) { addCoachee(input: $i) { coachee { id } errors { code } } }";
const INVITE: &str = "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { coachee { status } errors { code } } }";
const RESEND: &str =
    "mutation($i: CoacheeInput!) { resendInvitation(input: $i) { coachee { status } errors { code } } }";
const AIM: &str =
    "mutation($i: SetActiveGoalInput!) { setActiveGoal(input: $i) { coachee { activeGoal } errors { code } } }";
const SYNOPSIS: &str =
    "mutation($i: WriteSynopsisInput!) { writeSynopsis(input: $i) { coachee { synopsis } errors { code } } }";
const COACHEE: &str = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) {
    coachee(id: $c) { id firstName synopsis activeGoal goals { nodes { title } } }
} } }";
const COACHEES: &str =
    "query($p: ID!) { viewer { coachPortal(practiceId: $p) { coachees { totalCount nodes { id } } } } }";
const CHANGES: &str = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) {
    position changes { __typename ... on Coachee { id activeGoal } ... on Gone { id } ... on Goal { title } }
} }";
const POSITION: &str = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { position } } }";

/// The input of granting or changing access.
fn access(practice: &str, coach: &Person, coachee: &str, level: &str) -> Value {
    json!({ "i": { "practiceId": practice, "coachId": coach.id, "coacheeId": coachee, "level": level } })
}

/// The input of revoking it.
fn no_access(practice: &str, coach: &Person, coachee: &str) -> Value {
    json!({ "i": { "practiceId": practice, "coachId": coach.id, "coacheeId": coachee } })
}

/// The input of something about a coachee alone.
fn about(practice: &str, coachee: &str) -> Value {
    json!({ "i": { "practiceId": practice, "coacheeId": coachee } })
}

fn aim(practice: &str, coachee: &str, goal: &str) -> Value {
    json!({ "i": { "practiceId": practice, "coacheeId": coachee, "activeGoal": goal } })
}

/// Whom somebody sees in the coach portal.
async fn sees(person: &Person, practice: &str) -> BTreeSet<String> {
    let data = person.ask(COACHEES, json!({ "p": practice })).await;
    let coachees = &data["viewer"]["coachPortal"]["coachees"];
    let nodes = coachees["nodes"].as_array().expect("coachees");
    assert_eq!(coachees["totalCount"], json!(nodes.len()));
    nodes.iter().map(|node| node["id"].as_str().expect("an id").to_owned()).collect()
}

async fn grant(by: &Person, practice: &str, coach: &Person, coachee: &str, level: &str) {
    let answer = by.ask(GRANT, access(practice, coach, coachee, level)).await;
    let granted = json!({ "coachId": coach.id, "clientId": coachee, "level": level });
    assert_eq!(answer["grantAccess"]["access"], granted, "{answer}");
}

/// The practice lets only managers add coachees.
async fn only_managers_add(owner: &Person, practice: &str) {
    let settings = json!({ "i": { "practiceId": practice, "coachesMayAddCoachees": false } });
    assert_eq!(owner.ask(UPDATE, settings).await["updatePractice"]["errors"], json!([]));
}

fn new_coachee(practice: &str, name: &str) -> Value {
    let email = format!("{}@coachee.example", name.to_lowercase());
    json!({ "i": { "practiceId": practice, "firstName": name, "email": email } })
}

/// Listens to a practice from before its newest event on, and has heard at least one item: it is surely listening.
async fn listening(person: &Person, practice: &str, since: &Value) -> Listening {
    let mut listening = person.listen(CHANGES, json!({ "p": practice, "a": since })).await;
    listening.next().await;
    listening
}

async fn position(person: &Person, practice: &str) -> Value {
    person.ask(POSITION, json!({ "p": practice })).await["viewer"]["coachPortal"]["position"].clone()
}

/// The changes of the next item.
async fn changes(listening: &mut Listening) -> Vec<Value> {
    listening.next().await["coachPortalChanges"]["changes"].as_array().expect("changes").clone()
}

both! {
    /// A coach sets display name, title, time zone, phone, video link and booking link, and their coachees see what is
    /// theirs to see.
    #[test]
    async fn s1_12_a_coach_has_six_settings(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let mut settings = json!({
            "displayName": "Ada Lund", "title": "Executive coach", "timeZone": "Pacific/Auckland", "phone": "+64 9 123 4567",
            "videoLink": "https://video.example/ada", "bookingLink": "https://booking.example/ada",
        });
        let mut input = settings.clone();
        input["practiceId"] = json!(practice);
        let answer = ada.ask(SETTINGS, json!({ "i": input })).await;
        assert_eq!(answer["updateCoachSettings"], json!({ "coach": settings, "errors": [] }));
        let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) {
            me { displayName title timeZone phone videoLink bookingLink }
        } } }";
        assert_eq!(ada.ask(query, json!({ "p": practice })).await["viewer"]["coachPortal"]["me"], settings);
        let query = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) {
            coaches { displayName title videoLink bookingLink }
        } } }";
        let seen = coachee.ask(query, json!({ "p": practice })).await;
        settings.as_object_mut().expect("settings").retain(|name, _| name != "phone" && name != "timeZone");
        assert_eq!(seen["viewer"]["coacheePortal"]["coaches"], json!([settings]));
        // What is left out stays; an empty text clears; what is no web address is refused.
        let input = json!({ "practiceId": practice, "title": "", "phone": "" });
        let answer = ada.ask(SETTINGS, json!({ "i": input })).await;
        let coach = &answer["updateCoachSettings"]["coach"];
        assert_eq!((&coach["displayName"], &coach["title"], &coach["phone"]), (&json!("Ada Lund"), &Value::Null, &Value::Null));
        let input = json!({ "practiceId": practice, "videoLink": "javascript:alert(1)" });
        let refused = ada.ask(SETTINGS, json!({ "i": input })).await;
        assert_eq!(refused["updateCoachSettings"]["errors"][0]["path"], json!(["input", "videoLink"]), "{refused}");
        product.prove().await;
    }

    /// A practice has several coaches; each accepts an invitation, has a portal of it, and their own settings.
    #[test]
    async fn s1_13_a_practice_has_several_coaches(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) {
            me { id } coaches { totalCount nodes { id displayName role } }
        } } }";
        for person in [&ada, &ben, &cleo] {
            let portal = person.ask(query, json!({ "p": practice })).await["viewer"]["coachPortal"].clone();
            assert_eq!(portal["me"]["id"], json!(person.id));
            let coaches = json!([
                { "id": ada.id, "displayName": "Ada", "role": "OWNER" },
                { "id": ben.id, "displayName": "Ben", "role": "COACH" },
                { "id": cleo.id, "displayName": "Cleo", "role": "MANAGER" },
            ]);
            assert_eq!(portal["coaches"], json!({ "totalCount": 3, "nodes": coaches }));
        }
        // One's own settings are one's own; a manager may change anybody's.
        let rename = |coach: &Person, name: &str| {
            json!({ "i": { "practiceId": practice, "coachId": coach.id, "displayName": name } })
        };
        assert_eq!(ben.fails(SETTINGS, rename(&ada, "Nobody")).await, "FORBIDDEN");
        assert_eq!(cleo.ask(SETTINGS, rename(&ben, "Benjamin")).await["updateCoachSettings"]["coach"]["displayName"], "Benjamin");
        product.prove().await;
    }

    /// Where the practice does not let its coaches add clients, they cannot; managers can. Where it does, whoever adds one
    /// has Admin access to it, and nobody else has any.
    #[test]
    async fn s4_1_coaches_add_no_clients_unless_the_practice_lets_them(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let dan = product.further_coach(&ada, &practice, "Dan", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        only_managers_add(&ada, &practice).await;
        assert_eq!(ben.fails(ADD, new_coachee(&practice, "Robin")).await, "FORBIDDEN");
        assert!(sees(&ada, &practice).await.is_empty());
        let by_manager = product.coachee(&cleo, &practice, "Kim").await;
        assert!(sees(&ben, &practice).await.is_empty());
        let settings = json!({ "i": { "practiceId": practice, "coachesMayAddCoachees": true } });
        ada.ask(UPDATE, settings).await;
        let by_coach = product.coachee(&ben, &practice, "Robin").await;
        assert_eq!(sees(&ben, &practice).await, BTreeSet::from([by_coach.clone()]));
        assert!(sees(&dan, &practice).await.is_empty());
        assert_eq!(sees(&cleo, &practice).await, BTreeSet::from([by_coach.clone(), by_manager]));
        let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { access { nodes { coachId clientId level } } } } }";
        let of_ben = ben.ask(query, json!({ "p": practice })).await;
        let expected = json!([{ "coachId": ben.id, "clientId": by_coach, "level": "ADMIN" }]);
        assert_eq!(of_ben["viewer"]["coachPortal"]["access"]["nodes"], expected);
        product.prove().await;
    }

    /// A coach sees and changes only the clients that they were granted; the others are not there for them.
    #[test]
    async fn s4_2_coaches_see_only_clients_that_they_were_granted(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        assert!(sees(&ben, &practice).await.is_empty());
        grant(&ada, &practice, &ben, &robin, "USER").await;
        assert_eq!(sees(&ben, &practice).await, BTreeSet::from([robin.clone()]));
        assert_eq!(ben.ask(AIM, aim(&practice, &robin, "Speak up")).await["setActiveGoal"]["errors"], json!([]));
        assert_eq!(ben.fails(AIM, aim(&practice, &kim, "Speak up")).await, "NOT_FOUND");
        assert_eq!(ben.fails(COACHEE, json!({ "p": practice, "c": kim })).await, "NOT_FOUND");
        // Neither a search nor a list over all shows a trace of the other.
        let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) {
            coachees(filter: { search: \"kim\" }) { totalCount nodes { id } }
            goals { nodes { title } } actions { nodes { title } } activityLog { nodes { coacheeId } }
        } } }";
        ada.ask(AIM, aim(&practice, &kim, "Rest")).await;
        let portal = ben.ask(query, json!({ "p": practice })).await["viewer"]["coachPortal"].clone();
        assert_eq!(portal["coachees"], json!({ "totalCount": 0, "nodes": [] }));
        assert!(!portal.to_string().contains(&kim), "{portal}");
        product.prove().await;
    }

    /// Adding clients, and granting, changing and revoking access are the managers' alone.
    #[test]
    async fn s4_3_only_managers_add_clients_and_grant_access(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        only_managers_add(&ada, &practice).await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let dan = product.further_coach(&ada, &practice, "Dan", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        grant(&cleo, &practice, &ben, &robin, "ADMIN").await;
        assert_eq!(ben.fails(ADD, new_coachee(&practice, "Kim")).await, "FORBIDDEN");
        assert_eq!(ben.fails(GRANT, access(&practice, &dan, &robin, "USER")).await, "FORBIDDEN");
        assert_eq!(ben.fails(CHANGE, access(&practice, &ben, &robin, "USER")).await, "FORBIDDEN");
        assert_eq!(ben.fails(REVOKE, no_access(&practice, &ben, &robin)).await, "FORBIDDEN");
        // Dan does not see Robin, and must not learn of them here.
        assert_eq!(dan.fails(GRANT, access(&practice, &dan, &robin, "USER")).await, "NOT_FOUND");
        assert!(sees(&dan, &practice).await.is_empty());
        for manager in [&ada, &cleo] {
            assert_eq!(manager.refused(GRANT, access(&practice, &ben, &robin, "USER")).await, "ACCESS_ALREADY_GRANTED");
            assert_eq!(manager.refused(CHANGE, access(&practice, &dan, &robin, "USER")).await, "ACCESS_NOT_GRANTED");
            assert_eq!(manager.refused(REVOKE, no_access(&practice, &dan, &robin)).await, "ACCESS_NOT_GRANTED");
            assert_eq!(manager.refused(GRANT, access(&practice, &cleo, &robin, "USER")).await, "MANAGERS_HAVE_ACCESS");
        }
        product.prove().await;
    }

    /// Access has three levels, given per client: a coach may be Admin of one client and User of another.
    #[test]
    async fn s4_4_access_is_given_per_client_in_three_levels(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let mut clients = Vec::new();
        for (name, level) in [("Robin", "USER"), ("Kim", "USER_ADMIN"), ("Lee", "ADMIN")] {
            let coachee = product.coachee(&ada, &practice, name).await;
            grant(&ada, &practice, &ben, &coachee, level).await;
            clients.push(coachee);
        }
        assert_eq!(ben.fails(INVITE, about(&practice, &clients[0])).await, "FORBIDDEN");
        assert_eq!(ben.ask(INVITE, about(&practice, &clients[1])).await["sendInvitation"]["coachee"]["status"], "INVITED");
        assert_eq!(ben.ask(INVITE, about(&practice, &clients[2])).await["sendInvitation"]["coachee"]["status"], "INVITED");
        let changed = ada.ask(CHANGE, access(&practice, &ben, &clients[0], "USER_ADMIN")).await;
        assert_eq!(changed["changeAccess"]["access"]["level"], "USER_ADMIN");
        assert_eq!(ben.ask(INVITE, about(&practice, &clients[0])).await["sendInvitation"]["coachee"]["status"], "INVITED");
        let levels = "{ __type(name: \"AccessLevel\") { enumValues { name } } }";
        let levels = ada.ask(levels, json!({})).await;
        let expected = json!([{ "name": "USER" }, { "name": "USER_ADMIN" }, { "name": "ADMIN" }]);
        assert_eq!(levels["__type"]["enumValues"], expected);
        product.prove().await;
    }

    /// A User has full access to that client's data, and none to what is administration: inviting, access, coaches.
    #[test]
    async fn s4_7_a_user_has_the_clients_data_and_no_administration(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        grant(&ada, &practice, &ben, &robin, "USER").await;
        let synopsis = json!({ "i": { "practiceId": practice, "coacheeId": robin, "synopsis": "Leads a team of nine." } });
        ada.ask(SYNOPSIS, synopsis).await;
        ben.ask(AIM, aim(&practice, &robin, "Speak up")).await;
        let goal = "mutation($i: AddGoalInput!) { addGoal(input: $i) { goal { id } errors { code } } }";
        let input = json!({ "practiceId": practice, "coacheeId": robin, "title": "Lead", "dueOn": "2026-06-30" });
        ben.ask(goal, json!({ "i": input })).await;
        let seen = ben.ask(COACHEE, json!({ "p": practice, "c": robin })).await["viewer"]["coachPortal"]["coachee"].clone();
        let expected = json!({
            "id": robin, "firstName": "Robin", "synopsis": "Leads a team of nine.", "activeGoal": "Speak up",
            "goals": { "nodes": [{ "title": "Lead" }] },
        });
        assert_eq!(seen, expected);
        assert_eq!(ben.fails(INVITE, about(&practice, &robin)).await, "FORBIDDEN");
        assert_eq!(ben.fails(RESEND, about(&practice, &robin)).await, "FORBIDDEN");
        assert_eq!(ben.fails(CHANGE, access(&practice, &ben, &robin, "ADMIN")).await, "FORBIDDEN");
        assert_eq!(ben.fails(UPDATE, json!({ "i": { "practiceId": practice, "name": "Mine" } })).await, "FORBIDDEN");
        product.prove().await;
    }

    /// The decision on S4.8, as far as invitations and authorizations: a User Admin sends and resends invitations, and has
    /// nothing to do with money.
    #[test]
    async fn s4_8_a_user_admin_invites_and_keeps_no_authorizations(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        grant(&ada, &practice, &ben, &robin, "USER_ADMIN").await;
        assert_eq!(ben.ask(INVITE, about(&practice, &robin)).await["sendInvitation"]["coachee"]["status"], "INVITED");
        assert_eq!(product.mail("robin@coachee.example").await.len(), 1);
        assert_eq!(ben.ask(RESEND, about(&practice, &robin)).await["resendInvitation"]["coachee"]["status"], "INVITED");
        assert_eq!(product.mail("robin@coachee.example").await.len(), 2);
        let add = "mutation($i: AddAuthorizationInput!) { addAuthorization(input: $i) { authorization { id } errors { code } } }";
        let input = json!({ "i": {
            "practiceId": practice, "coacheeId": robin, "number": "A-1", "source": "Northwind EAP", "totalSessions": 6,
            "ratePerHour": { "amount": "95.00", "currency": "EUR" }, "startsOn": "2026-03-01", "endsOn": "2026-12-31",
        } });
        assert_eq!(ben.fails(add, input.clone()).await, "FORBIDDEN");
        ada.ask(CHANGE, access(&practice, &ben, &robin, "ADMIN")).await;
        assert_eq!(ben.ask(add, input).await["addAuthorization"]["errors"], json!([]));
        product.prove().await;
    }

    /// Managers are made and unmade by the owner alone, who stays what they are.
    #[test]
    async fn only_the_owner_makes_managers(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        let role = |coach: &Person, role: &str| json!({ "i": { "practiceId": practice, "coachId": coach.id, "role": role } });
        let who = |coach: &Person| json!({ "i": { "practiceId": practice, "coachId": coach.id } });
        assert_eq!(cleo.fails(SET_ROLE, role(&ben, "MANAGER")).await, "FORBIDDEN");
        assert_eq!(ben.fails(SET_ROLE, role(&ben, "MANAGER")).await, "FORBIDDEN");
        assert_eq!(cleo.fails(REMOVE, who(&cleo)).await, "FORBIDDEN");
        assert_eq!(ben.fails(REMOVE, who(&cleo)).await, "FORBIDDEN");
        assert_eq!(ada.refused(SET_ROLE, role(&ben, "OWNER")).await, "NOT_A_ROLE");
        assert_eq!(ada.refused(SET_ROLE, role(&ada, "COACH")).await, "OWNER_STAYS");
        assert_eq!(ada.refused(REMOVE, who(&ada)).await, "OWNER_STAYS");
        let add = "mutation($i: AddCoachInput!) { addCoach(input: $i) { errors { code } } }";
        let input = |role: &str| {
            json!({ "i": { "practiceId": practice, "name": "Eve", "email": "eve@practice.example", "role": role } })
        };
        assert_eq!(cleo.fails(add, input("MANAGER")).await, "FORBIDDEN");
        assert_eq!(cleo.ask(add, input("COACH")).await["addCoach"]["errors"], json!([]));
        assert_eq!(ada.refused(add, input("OWNER")).await, "NOT_A_ROLE");
        assert_eq!(ada.ask(SET_ROLE, role(&ben, "MANAGER")).await["setCoachRole"]["coach"]["role"], "MANAGER");
        assert_eq!(ada.ask(REMOVE, who(&cleo)).await["removeCoach"]["deletedId"], json!(cleo.id));
        product.prove().await;
    }

    /// A4: access that is revoked is gone with the next call, and the open socket is told what is gone and hears no more
    /// of it.
    #[test]
    async fn revoked_access_ends_at_once(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        for coachee in [&robin, &kim] {
            grant(&ada, &practice, &ben, coachee, "ADMIN").await;
        }
        let since = position(&ben, &practice).await;
        ada.ask(AIM, aim(&practice, &robin, "Speak up")).await;
        let mut open = listening(&ben, &practice, &since).await;
        ada.ask(REVOKE, no_access(&practice, &ben, &robin)).await;
        assert_eq!(ben.fails(COACHEE, json!({ "p": practice, "c": robin })).await, "NOT_FOUND");
        assert_eq!(ben.fails(AIM, aim(&practice, &robin, "Mine")).await, "NOT_FOUND");
        assert_eq!(sees(&ben, &practice).await, BTreeSet::from([kim.clone()]));
        assert_eq!(changes(&mut open).await, [json!({ "__typename": "Gone", "id": robin }), json!({ "__typename": "UnreadNotifications" })]);
        // What happens to Robin from now on is not heard; what happens to Kim is.
        ada.ask(AIM, aim(&practice, &robin, "Secret")).await;
        ada.ask(AIM, aim(&practice, &kim, "Rest")).await;
        let heard = changes(&mut open).await;
        assert_eq!(heard, [json!({ "__typename": "Coachee", "id": kim, "activeGoal": "Rest" })]);
        product.prove().await;
    }

    /// A4: the subscription to one coachee's plan ends with the access to them.
    #[test]
    async fn the_plan_of_a_coachee_is_followed_only_with_access(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &ben, &robin, "USER").await;
        let since = position(&ben, &practice).await;
        let goal = "mutation($i: AddGoalInput!) { addGoal(input: $i) { goal { id } errors { code } } }";
        let input = |title: &str| {
            json!({ "i": { "practiceId": practice, "coacheeId": robin, "title": title, "dueOn": "2026-06-30" } })
        };
        ada.ask(goal, input("First")).await;
        let plan = "subscription($p: ID!, $c: ID!, $a: Position) { plan(practiceId: $p, coacheeId: $c, after: $a) {
            changes { __typename ... on Goal { title } ... on Gone { id } }
        } }";
        let mut open = ben.listen(plan, json!({ "p": practice, "c": robin, "a": since })).await;
        assert_eq!(open.next().await["plan"]["changes"][0]["title"], "First");
        ada.ask(REVOKE, no_access(&practice, &ben, &robin)).await;
        ada.ask(goal, input("Second")).await;
        // What was taken from sight may be told as gone first; then it ends. A heartbeat would be too late.
        let mut heard = Vec::new();
        for _ in 0..3 {
            let Some(message) = open.message().await else { break };
            let is_last = message["type"] != "next" || !message["payload"]["errors"].is_null();
            heard.push(message.to_string());
            if is_last {
                break;
            }
        }
        let heard = heard.concat();
        assert!(heard.contains("FORBIDDEN") || heard.contains("NOT_FOUND"), "it does not end: {heard}");
        assert!(!heard.contains("Second"), "{heard}");
    }

    /// A4: who was away while access was taken or given learns it when they come back: what is gone, and to load again.
    #[test]
    async fn access_that_changed_while_away_is_told_on_return(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        grant(&ada, &practice, &ben, &robin, "USER").await;
        let since = position(&ben, &practice).await;
        ada.ask(REVOKE, no_access(&practice, &ben, &robin)).await;
        let mut open = ben.listen(CHANGES, json!({ "p": practice, "a": since })).await;
        assert_eq!(changes(&mut open).await, [json!({ "__typename": "Gone", "id": robin }), json!({ "__typename": "UnreadNotifications" })]);
        let since = position(&ben, &practice).await;
        grant(&ada, &practice, &ben, &kim, "USER").await;
        let mut open = ben.listen(CHANGES, json!({ "p": practice, "a": since })).await;
        assert_eq!(changes(&mut open).await[0]["__typename"], "ResyncRequired");
    }

    /// A4: a coach who is removed has no portal with the next call, and their open socket is told `FORBIDDEN`.
    #[test]
    async fn a_removed_coach_is_out_at_once(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &ben, &robin, "ADMIN").await;
        let since = position(&ben, &practice).await;
        ada.ask(AIM, aim(&practice, &robin, "Speak up")).await;
        let mut open = listening(&ben, &practice, &since).await;
        let mut log = ben.listen("subscription($p: ID!, $a: Position) { activity(practiceId: $p, after: $a) { position } }",
            json!({ "p": practice, "a": since })).await;
        log.next().await;
        ada.ask(REMOVE, json!({ "i": { "practiceId": practice, "coachId": ben.id } })).await;
        assert_eq!(open.ends().await, "FORBIDDEN");
        assert_eq!(log.ends().await, "FORBIDDEN");
        assert_eq!(ben.fails(POSITION, json!({ "p": practice })).await, "NOT_FOUND");
        assert_eq!(ben.fails(AIM, aim(&practice, &robin, "Mine")).await, "NOT_FOUND");
        assert_eq!(ben.ask("{ viewer { portals { kind } } }", json!({})).await["viewer"]["portals"], json!([]));
        let node = "query($i: ID!) { node(id: $i) { id } }";
        assert_eq!(ben.fails(node, json!({ "i": robin })).await, "NOT_FOUND");
        // Coming back needs an invitation, and brings no access with it that was granted before.
        let email = ben.email.clone();
        let add = "mutation($i: AddCoachInput!) { addCoach(input: $i) { errors { code } } }";
        ada.ask(add, json!({ "i": { "practiceId": practice, "name": "Ben", "email": email } })).await;
        let token = product.token(&email, "/invitations/").await;
        let accept = "mutation($t: String!) { acceptCoachInvitation(input: { token: $t }) { practiceId errors { code } } }";
        assert_eq!(ben.ask(accept, json!({ "t": token })).await["acceptCoachInvitation"]["practiceId"], json!(practice));
        assert!(sees(&ben, &practice).await.is_empty(), "access outlived the removal");
        product.prove().await;
    }

    /// A4: a manager who is made a coach sees only what they were granted from the next call on.
    #[test]
    async fn a_demoted_manager_sees_no_more_than_a_coach(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&cleo, &practice, "Kim").await);
        let since = position(&cleo, &practice).await;
        ada.ask(AIM, aim(&practice, &robin, "Speak up")).await;
        let mut open = listening(&cleo, &practice, &since).await;
        ada.ask(SET_ROLE, json!({ "i": { "practiceId": practice, "coachId": cleo.id, "role": "COACH" } })).await;
        assert_eq!(sees(&cleo, &practice).await, BTreeSet::from([kim.clone()]));
        assert_eq!(cleo.fails(COACHEE, json!({ "p": practice, "c": robin })).await, "NOT_FOUND");
        let told = changes(&mut open).await;
        assert!(told.iter().any(|change| change["__typename"] == "ResyncRequired"), "{told:?}");
        ada.ask(AIM, aim(&practice, &robin, "Secret")).await;
        ada.ask(AIM, aim(&practice, &kim, "Rest")).await;
        assert_eq!(changes(&mut open).await, [json!({ "__typename": "Coachee", "id": kim, "activeGoal": "Rest" })]);
    }

    /// An invitation of a coach works once, for fourteen days, and only for whoever holds the address or the link.
    #[test]
    async fn a_coach_invitation_works_once_and_for_fourteen_days(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let add = "mutation($i: AddCoachInput!) { addCoach(input: $i) { invitation { name role } errors { code } } }";
        let accept = "mutation($t: String!) {
            acceptCoachInvitation(input: { token: $t, kind: PROGRAM }) { practiceId signedIn { token } errors { code } }
        }";
        let input = json!({ "practiceId": practice, "name": "Ben", "email": "ben@practice.example" });
        let invited = ada.ask(add, json!({ "i": input })).await;
        assert_eq!(invited["addCoach"]["invitation"], json!({ "name": "Ben", "role": "COACH" }));
        let token = product.token("ben@practice.example", "/invitations/").await;
        // Nobody has an account with this address, so the link opens one: for one of all who hold it.
        let tries = join_all((0..32).map(|_| {
            let stranger = product.stranger();
            let variables = json!({ "t": token });
            async move { stranger.whole(accept, variables).await.body }
        }));
        let answers = tries.await;
        let won = answers.iter().filter(|body| !body["data"]["acceptCoachInvitation"]["practiceId"].is_null()).count();
        assert_eq!(won, 1, "{answers:?}");
        // A newer one replaces it; but what the owner offers no manager takes back.
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        for (by, name, stands) in [(&ada, "Eve", false), (&cleo, "Fay", true)] {
            let email = format!("{}@practice.example", name.to_lowercase());
            let input = |role: &str| json!({ "i": { "practiceId": practice, "name": name, "email": email, "role": role } });
            ada.ask(add, input("MANAGER")).await;
            let first = product.token(&email, "/invitations/").await;
            by.ask(add, input("COACH")).await;
            let second = product.token(&email, "/invitations/").await;
            assert_ne!(first, second);
            if !stands {
                assert_eq!(product.stranger().refused(accept, json!({ "t": first })).await, "INVITATION_IS_NOT_VALID");
            }
            let token = if stands { first } else { second };
            let accepted = product.stranger().ask(accept, json!({ "t": token })).await;
            assert_eq!(accepted["acceptCoachInvitation"]["practiceId"], json!(practice));
        }
        let input = json!({ "practiceId": practice, "name": "Dan", "email": "dan@practice.example" });
        ada.ask(add, json!({ "i": input })).await;
        let token = product.token("dan@practice.example", "/invitations/").await;
        product.later(14 * 24 * 60);
        assert_eq!(product.stranger().refused(accept, json!({ "t": token })).await, "INVITATION_IS_NOT_VALID");
        product.prove().await;
    }

    /// Where the invited address has an account, the link alone does not open it: its person must be signed in.
    #[test]
    async fn an_invitation_is_no_sign_in_to_an_account_that_is_there(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.person("ben@practice.example").await;
        let add = "mutation($i: AddCoachInput!) { addCoach(input: $i) { errors { code } } }";
        ada.ask(add, json!({ "i": { "practiceId": practice, "name": "Ben", "email": ben.email } })).await;
        let token = product.token(&ben.email, "/invitations/").await;
        let accept = "mutation($t: String!) { acceptCoachInvitation(input: { token: $t }) { practiceId errors { code } } }";
        assert_eq!(product.stranger().fails(accept, json!({ "t": token })).await, "UNAUTHENTICATED");
        assert_eq!(ben.ask(accept, json!({ "t": token })).await["acceptCoachInvitation"]["practiceId"], json!(practice));
        assert_eq!(ben.refused(accept, json!({ "t": token })).await, "INVITATION_IS_NOT_VALID");
    }
}
