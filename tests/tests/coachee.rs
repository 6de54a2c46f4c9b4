//! Coachees from outside: adding, finding, inviting, accepting, the active goal and the synopsis.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Person, Product, both};

const ADD: &str = "mutation($i: AddCoacheeInput!) {
    addCoachee(input: $i) { coachee { id firstName lastName fullName email status fileOwner options } position errors { code path } }
}";
const UPDATE: &str = "mutation($i: UpdateCoacheeInput!) {
    updateCoachee(input: $i) { coachee { fullName email } errors { code path } }
}";
const INVITE: &str =
    "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { coachee { status fileOwner } errors { code } } }";
const RESEND: &str =
    "mutation($i: CoacheeInput!) { resendInvitation(input: $i) { coachee { status } errors { code } } }";
const ACCEPT: &str = "mutation($t: String!) {
    acceptInvitation(input: { token: $t, kind: PROGRAM }) { practiceId signedIn { personId token } errors { code } }
}";
const AIM: &str = "mutation($i: SetActiveGoalInput!) {
    setActiveGoal(input: $i) { coachee { activeGoal } errors { code path } }
}";
const SYNOPSIS: &str =
    "mutation($i: WriteSynopsisInput!) { writeSynopsis(input: $i) { coachee { synopsis } errors { code } } }";
const FILE: &str = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) {
    firstName lastName fullName email status fileOwner options activeGoal synopsis invitedAt acceptedAt
} } } }";
const LIST: &str = "query($p: ID!, $f: CoacheeFilter, $o: CoacheeOrder, $n: Int, $a: String) {
    viewer { coachPortal(practiceId: $p) { coachees(filter: $f, orderBy: $o, first: $n, after: $a) {
        totalCount nodes { id firstName status } pageInfo { hasNextPage endCursor }
    } } }
}";
const PORTAL: &str = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { me { id firstName lastName email activeGoal } activeGoal } } }";
const LINK: &str = "/invitations/";

/// Adds a coachee with these fields.
async fn add(by: &Person, practice: &str, mut fields: Value) -> Value {
    fields["practiceId"] = json!(practice);
    by.ask(ADD, json!({ "i": fields })).await["addCoachee"].clone()
}

async fn file(by: &Person, practice: &str, coachee: &str) -> Value {
    by.ask(FILE, json!({ "p": practice, "c": coachee })).await["viewer"]["coachPortal"]["coachee"].clone()
}

fn about(practice: &str, coachee: &str) -> Value {
    json!({ "i": { "practiceId": practice, "coacheeId": coachee } })
}

/// The first names of a list.
async fn names(by: &Person, practice: &str, filter: Value, order: &str) -> Vec<String> {
    let variables = json!({ "p": practice, "f": filter, "o": order });
    let data = by.ask(LIST, variables).await;
    let coachees = &data["viewer"]["coachPortal"]["coachees"];
    let nodes = coachees["nodes"].as_array().expect("coachees");
    assert_eq!(coachees["totalCount"], json!(nodes.len()), "the count is of the same list");
    nodes.iter().map(|node| node["firstName"].as_str().expect("a name").to_owned()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Somebody with this bearer token.
fn holder(product: &Product, token: &Value) -> Person {
    product.stranger().holding(Some(text(token)))
}

both! {
    /// A first name and an email are all that is needed; without one of them it is refused, and told which.
    #[test]
    async fn s1_15_only_name_and_email_are_required(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let added = add(&ada, &practice, json!({ "firstName": "Robin", "email": "robin@coachee.example" })).await;
        assert_eq!(added["errors"], json!([]));
        assert_eq!((&added["coachee"]["fullName"], &added["coachee"]["lastName"]), (&json!("Robin"), &json!("")));
        let refused = add(&ada, &practice, json!({ "firstName": " ", "email": "kim@coachee.example" })).await;
        assert_eq!(refused["errors"][0]["path"], json!(["input", "firstName"]));
        let refused = add(&ada, &practice, json!({ "firstName": "Kim", "email": "no address" })).await;
        assert_eq!(refused["errors"][0]["path"], json!(["input", "email"]));
        let required = "{ __type(name: \"AddCoacheeInput\") { inputFields { name defaultValue type { kind } } } }";
        let fields = ada.ask(required, json!({})).await["__type"]["inputFields"].clone();
        let fields = fields.as_array().expect("fields").iter();
        let needed = fields.filter(|field| field["type"]["kind"] == "NON_NULL" && field["defaultValue"].is_null());
        let needed: BTreeSet<String> = needed.map(|field| text(&field["name"])).collect();
        assert_eq!(needed, BTreeSet::from(["practiceId", "firstName", "email"].map(str::to_owned)));
        assert_eq!(names(&ada, &practice, json!({}), "FIRST_NAME").await, ["Robin"]);
    }

    /// The coach's half of S1.16: what was not known when the client was added is filled in later, on the profile.
    #[test]
    async fn s1_16_a_coach_fills_in_the_profile_later(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = text(&add(&ada, &practice, json!({ "firstName": "Rob", "email": "rob@coachee.example" })).await["coachee"]["id"]);
        product.later(60 * 24 * 30);
        let ada = product.person(&ada.email).await;
        let input = json!({
            "practiceId": practice, "coacheeId": robin, "firstName": "Robin", "lastName": "Reed", "email": "robin@coachee.example",
        });
        let updated = ada.ask(UPDATE, json!({ "i": input })).await;
        assert_eq!(updated["updateCoachee"]["coachee"], json!({ "fullName": "Robin Reed", "email": "robin@coachee.example" }));
        let only_last = json!({ "practiceId": practice, "coacheeId": robin, "lastName": "Rhee" });
        ada.ask(UPDATE, json!({ "i": only_last })).await;
        ada.ask(SYNOPSIS, json!({ "i": { "practiceId": practice, "coacheeId": robin, "synopsis": "New lead." } })).await;
        let seen = file(&ada, &practice, &robin).await;
        assert_eq!((&seen["fullName"], &seen["synopsis"]), (&json!("Robin Rhee"), &json!("New lead.")));
        product.prove().await;
    }

    /// A client has a synopsis, which coaches write and read, and which the client never reads.
    #[test]
    async fn s1_30_a_client_has_a_synopsis(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let input = |synopsis: &str| json!({ "i": { "practiceId": practice, "coacheeId": robin, "synopsis": synopsis } });
        assert_eq!(file(&ada, &practice, &robin).await["synopsis"], Value::Null);
        let written = ada.ask(SYNOPSIS, input("Leads nine people.\nDoubts himself.")).await;
        assert_eq!(written["writeSynopsis"]["coachee"]["synopsis"], "Leads nine people.\nDoubts himself.");
        assert_eq!(file(&ada, &practice, &robin).await["synopsis"], "Leads nine people.\nDoubts himself.");
        assert_eq!(coachee.fails(SYNOPSIS, input("Never doubts.")).await, "FORBIDDEN");
        // The coachee's profile has no such field, and their log does not tell of it.
        let fields = coachee.ask("{ __type(name: \"CoacheeProfile\") { fields { name } } }", json!({})).await;
        assert!(!fields.to_string().contains("synopsis"), "{fields}");
        let log = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { activityLog { nodes { kind entry changes { now } } } } } }";
        let log = coachee.ask(log, json!({ "p": practice })).await.to_string();
        assert!(log.contains("invitation_accept") && !log.contains("synopsis") && !log.contains("nine people"), "{log}");
        product.prove().await;
    }

    /// The active goal is a single sentence: one line of at most 200 characters, which the client sees as well.
    #[test]
    async fn s1_33_the_active_goal_is_one_sentence_for_both(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let input = |goal: &str| json!({ "i": { "practiceId": practice, "coacheeId": robin, "activeGoal": goal } });
        let longest = "ä".repeat(200);
        assert_eq!(ada.ask(AIM, input(&longest)).await["setActiveGoal"]["coachee"]["activeGoal"], json!(longest));
        for refused in [&"ä".repeat(201), "Two\nlines", "Two\r\nlines", "Two\u{2028}lines"] {
            let answer = ada.ask(AIM, input(refused)).await;
            assert_eq!(answer["setActiveGoal"]["errors"][0]["path"], json!(["input", "activeGoal"]), "{refused:?}: {answer}");
        }
        ada.ask(AIM, input("Speak up in every meeting.")).await;
        let seen = coachee.ask(PORTAL, json!({ "p": practice })).await["viewer"]["coacheePortal"].clone();
        assert_eq!(seen["activeGoal"], "Speak up in every meeting.");
        assert_eq!(seen["me"]["activeGoal"], "Speak up in every meeting.");
        assert_eq!(ada.ask(AIM, input("")).await["setActiveGoal"]["coachee"]["activeGoal"], Value::Null);
        assert_eq!(coachee.fails(AIM, input("My own")).await, "FORBIDDEN");
        product.prove().await;
    }

    /// The active goal stands at the top of every session: the running one, the next, and one that was logged.
    #[test]
    async fn s1_34_the_active_goal_is_at_the_top_of_every_session(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let aim = |goal: &str| json!({ "i": { "practiceId": practice, "coacheeId": robin, "activeGoal": goal } });
        ada.ask(AIM, aim("Speak up.")).await;
        let start = "mutation($i: StartSessionInput!) { startSession(input: $i) { session { id activeGoal } errors { code } } }";
        let end = "mutation($i: EndSessionInput!) { endSession(input: $i) { session { activeGoal } errors { code } } }";
        let live = "query($p: ID!, $s: ID!) { viewer { coachPortal(practiceId: $p) { liveSession(id: $s) { activeGoal } } } }";
        for goal in ["Speak up.", "Ask first."] {
            let session = ada.ask(start, about(&practice, &robin)).await["startSession"]["session"].clone();
            let shown = ada.ask(live, json!({ "p": practice, "s": session["id"] })).await;
            assert_eq!(shown["viewer"]["coachPortal"]["liveSession"]["activeGoal"], json!(goal));
            // Changed while the session runs, it is shown changed.
            ada.ask(AIM, aim("Ask first.")).await;
            let shown = ada.ask(live, json!({ "p": practice, "s": session["id"] })).await;
            assert_eq!(shown["viewer"]["coachPortal"]["liveSession"]["activeGoal"], "Ask first.");
            product.later(50);
            let ended = ada.ask(end, json!({ "i": { "practiceId": practice, "sessionId": session["id"] } })).await;
            assert_eq!(ended["endSession"]["session"]["activeGoal"], "Ask first.");
        }
        product.prove().await;
    }

    /// The active goal is updated at any time from the client's profile: before, between and after sessions, by any coach
    /// of the client.
    #[test]
    async fn s1_35_the_active_goal_is_updated_any_time(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let input = |goal: &str| json!({ "i": { "practiceId": practice, "coacheeId": robin, "activeGoal": goal } });
        for goal in ["Before anything.", "After an hour.", "After two hours."] {
            ada.ask(AIM, input(goal)).await;
            assert_eq!(file(&ada, &practice, &robin).await["activeGoal"], json!(goal));
            product.later(60);
        }
        product.accepted(&ada, &practice, &robin, "Robin").await;
        ada.ask(AIM, input("After they joined.")).await;
        assert_eq!(file(&ada, &practice, &robin).await["activeGoal"], "After they joined.");
        let log = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) {
            activityLog(filter: { coacheeId: $c, kinds: [\"active_goal_set\"] }, first: 1) { nodes { changes { field was now } } }
        } } }";
        let log = ada.ask(log, json!({ "p": practice, "c": robin })).await;
        let change = json!([{ "field": "activeGoal", "was": "After two hours.", "now": "After they joined." }]);
        assert_eq!(log["viewer"]["coachPortal"]["activityLog"]["nodes"][0]["changes"], change);
        product.prove().await;
    }

    /// The list has all of a coach's coachees, and filters on status, words and the newest session.
    #[test]
    async fn s2_1_the_list_has_all_coachees_and_filters(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        for (name, last) in [("Robin", "Berg"), ("Kim", "Zorn"), ("Emil", "Adler-Élan"), ("lee", "Chan-Groß")] {
            let email = format!("{}@coachee.example", name.to_lowercase());
            add(&ada, &practice, json!({ "firstName": name, "lastName": last, "email": email })).await;
            product.later(1);
        }
        let all = json!({});
        assert_eq!(names(&ada, &practice, all.clone(), "FIRST_NAME").await, ["Emil", "Kim", "lee", "Robin"]);
        assert_eq!(names(&ada, &practice, all.clone(), "LAST_NAME").await, ["Emil", "Robin", "lee", "Kim"]);
        assert_eq!(names(&ada, &practice, all, "NEWEST_FIRST").await, ["lee", "Emil", "Kim", "Robin"]);
        let find = |search: &str| json!({ "search": search });
        assert_eq!(names(&ada, &practice, find("ROBIN b"), "FIRST_NAME").await, ["Robin"]);
        assert_eq!(names(&ada, &practice, find("kim@coachee"), "FIRST_NAME").await, ["Kim"]);
        assert_eq!(names(&ada, &practice, find("ÉLAN"), "FIRST_NAME").await, ["Emil"]);
        for written in ["GROSS", "groß", "Gro"] {
            assert_eq!(names(&ada, &practice, find(written), "FIRST_NAME").await, ["lee"], "{written}");
        }
        // A word is found by its beginning, and by that of its parts; several must all be found.
        assert_eq!(names(&ada, &practice, find("adl"), "FIRST_NAME").await, ["Emil"]);
        assert_eq!(names(&ada, &practice, find("coachee.ex"), "FIRST_NAME").await.len(), 4);
        // The signs of a pattern are letters like any other, and the midst of a word is no beginning.
        for nothing in ["%", "_", "k%m", "nobody", "\\", "'", "obin", "robin zorn"] {
            assert!(names(&ada, &practice, find(nothing), "FIRST_NAME").await.is_empty(), "{nothing}");
        }
        let not_invited = json!({ "status": ["NOT_INVITED"] });
        assert_eq!(names(&ada, &practice, not_invited, "FIRST_NAME").await.len(), 4);
        let never = json!({ "noSessionSince": "2026-03-02T09:00:00Z", "search": "coachee" });
        assert_eq!(names(&ada, &practice, never, "FIRST_NAME").await.len(), 4);
        product.prove().await;
    }

    /// Paging through the list gives everybody once, in order, and ends.
    #[test]
    async fn pages_of_the_list_join_without_gap_or_repeat(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let mut expected = Vec::new();
        for number in 0..23 {
            // Five share a name: the order is total all the same.
            let name = format!("Person {:02}", number.min(18));
            let email = format!("person{number}@coachee.example");
            let added = add(&ada, &practice, json!({ "firstName": name, "email": email })).await;
            expected.push((name, text(&added["coachee"]["id"])));
        }
        expected.sort();
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let variables = json!({ "p": practice, "n": 4, "a": after, "o": "FIRST_NAME" });
            let data = ada.ask(LIST, variables).await;
            let page = &data["viewer"]["coachPortal"]["coachees"];
            assert_eq!(page["totalCount"], 23);
            let nodes = page["nodes"].as_array().expect("nodes").iter();
            seen.extend(nodes.map(|node| (text(&node["firstName"]), text(&node["id"]))));
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(seen, expected);
        for size in [-1, 101] {
            assert_eq!(ada.fails(LIST, json!({ "p": practice, "n": size, "o": "FIRST_NAME" })).await, "BAD_REQUEST");
        }
        let nonsense = json!({ "p": practice, "a": "bm90IGEgY3Vyc29y", "o": "FIRST_NAME" });
        assert_eq!(ada.fails(LIST, nonsense).await, "BAD_REQUEST");
    }

    /// Every entry has a menu of options, which says what can be done with that coachee now.
    #[test]
    async fn s2_2_every_entry_has_options(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let always = json!(["SET_LEAD_COACH", "SET_BILLING_MODEL", "DEACTIVATE", "ERASE"]);
        let with = |first: &[&str]| {
            let always = always.as_array().expect("a list").iter().cloned();
            Value::from(first.iter().map(|it| json!(it)).chain(always).collect::<Vec<_>>())
        };
        let not_invited = with(&["SEND_INVITATION", "EDIT_NAME_AND_EMAIL", "START_NEW_SESSION"]);
        assert_eq!(file(&ada, &practice, &robin).await["options"], not_invited);
        ada.ask(INVITE, about(&practice, &robin)).await;
        let invited = with(&["RESEND_INVITATION", "EDIT_NAME_AND_EMAIL", "START_NEW_SESSION"]);
        assert_eq!(file(&ada, &practice, &robin).await["options"], invited);
        let token = product.token("robin@coachee.example", LINK).await;
        product.stranger().ask(ACCEPT, json!({ "t": token })).await;
        assert_eq!(file(&ada, &practice, &robin).await["options"], with(&["START_NEW_SESSION"]));
    }

    /// S2.3, S3.4: a coachee is added with first name, last name and email, and stands in the list.
    #[test]
    async fn s2_3_a_coachee_has_first_name_last_name_and_email(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let fields = json!({ "firstName": "Robin", "lastName": "Reed", "email": "Robin@Coachee.Example" });
        let added = add(&ada, &practice, fields).await;
        let coachee = &added["coachee"];
        assert_eq!((&coachee["firstName"], &coachee["lastName"]), (&json!("Robin"), &json!("Reed")));
        assert_eq!(text(&coachee["email"]).to_lowercase(), "robin@coachee.example");
        assert_eq!(names(&ada, &practice, json!({}), "FIRST_NAME").await, ["Robin"]);
        // One email at most once in a practice, whatever its case; in another practice it is free.
        let again = add(&ada, &practice, json!({ "firstName": "Twin", "email": "ROBIN@coachee.example" })).await;
        assert_eq!(again["errors"][0]["code"], "COACHEE_EMAIL_IS_TAKEN");
        let (ben, other) = product.coach("Ben").await;
        let there = add(&ben, &other, json!({ "firstName": "Robin", "email": "robin@coachee.example" })).await;
        assert_eq!(there["errors"], json!([]));
        product.prove().await;
    }

    /// Sending the invitation while adding is optional: one of two coachees gets a mail.
    #[test]
    async fn s2_4_sending_the_invitation_while_adding_is_optional(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let without = add(&ada, &practice, json!({ "firstName": "Kim", "email": "kim@coachee.example" })).await;
        let fields = json!({ "firstName": "Robin", "email": "robin@coachee.example", "sendInvitation": true });
        let with = add(&ada, &practice, fields).await;
        assert_eq!((&without["coachee"]["status"], &with["coachee"]["status"]), (&json!("NOT_INVITED"), &json!("INVITED")));
        assert!(product.mail("kim@coachee.example").await.is_empty());
        assert_eq!(product.mail("robin@coachee.example").await.len(), 1);
    }

    /// With the invitation the coachee gets an activation mail, whose link makes their account and opens their portal.
    #[test]
    async fn s2_5_the_activation_mail_makes_the_account(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let fields = json!({ "firstName": "Robin", "email": "robin@coachee.example", "sendInvitation": true });
        let robin = text(&add(&ada, &practice, fields).await["coachee"]["id"]);
        let token = product.token("robin@coachee.example", LINK).await;
        let page = reqwest::get(product.url(&format!("{LINK}{token}"))).await.expect("a page");
        assert_eq!(page.status(), 200);
        assert!(page.text().await.expect("text").contains("Practice of Ada"));
        let accepted = product.stranger().ask(ACCEPT, json!({ "t": token })).await["acceptInvitation"].clone();
        let coachee = holder(&product, &accepted["signedIn"]["token"]);
        let portal = coachee.ask(PORTAL, json!({ "p": practice })).await["viewer"]["coacheePortal"].clone();
        assert_eq!((&portal["me"]["id"], &portal["me"]["firstName"]), (&json!(robin), &json!("Robin")));
        // From now on they sign in as everybody does.
        let again = product.person("robin@coachee.example").await;
        assert_eq!(json!(again.id), accepted["signedIn"]["personId"]);
        again.ask(PORTAL, json!({ "p": practice })).await;
        product.prove().await;
    }

    /// Without an invitation the coachee stays on the list and has no portal, though they sign in with that very address.
    #[test]
    async fn s2_6_without_an_invitation_there_is_no_portal(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        product.coachee(&ada, &practice, "Robin").await;
        let robin = product.person("robin@coachee.example").await;
        assert_eq!(robin.fails(PORTAL, json!({ "p": practice })).await, "NOT_FOUND");
        assert_eq!(robin.ask("{ viewer { portals { kind } } }", json!({})).await["viewer"]["portals"], json!([]));
        assert_eq!(names(&ada, &practice, json!({ "status": ["NOT_INVITED"] }), "FIRST_NAME").await, ["Robin"]);
    }

    /// S2.7, S3.6: the coach edits name and email while the account is inactive; afterwards only the coachee does.
    #[test]
    async fn s2_7_name_and_email_are_the_coachs_until_the_account_is_active(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let rename = |name: &str, email: &str| {
            json!({ "i": { "practiceId": practice, "coacheeId": robin, "firstName": name, "email": email } })
        };
        let changed = ada.ask(UPDATE, rename("Robyn", "robyn@coachee.example")).await;
        assert_eq!(changed["updateCoachee"]["coachee"], json!({ "fullName": "Robyn Reed", "email": "robyn@coachee.example" }));
        ada.ask(INVITE, about(&practice, &robin)).await;
        let sent_before = product.token("robyn@coachee.example", LINK).await;
        // Invited but not active: still the coach's. The address that was given up is free again.
        let changed = ada.ask(UPDATE, rename("Robin", "robin@coachee.example")).await;
        assert_eq!(changed["updateCoachee"]["errors"], json!([]));
        // Whoever reads the mail of that address does not become who has the new one.
        assert_eq!(product.stranger().refused(ACCEPT, json!({ "t": sent_before })).await, "INVITATION_IS_NOT_VALID");
        assert_eq!(file(&ada, &practice, &robin).await["status"], "INVITED");
        let other = add(&ada, &practice, json!({ "firstName": "Kim", "email": "robyn@coachee.example" })).await;
        assert_eq!(other["errors"], json!([]));
        assert_eq!(ada.refused(UPDATE, rename("Robin", "robyn@coachee.example")).await, "COACHEE_EMAIL_IS_TAKEN");
        ada.ask(RESEND, about(&practice, &robin)).await;
        let token = product.token("robin@coachee.example", LINK).await;
        let accepted = product.stranger().ask(ACCEPT, json!({ "t": token })).await["acceptInvitation"].clone();
        let coachee = holder(&product, &accepted["signedIn"]["token"]);
        assert_eq!(ada.refused(UPDATE, rename("Ada's", "x@coachee.example")).await, "COACHEE_ACCOUNT_IS_ACTIVE");
        coachee.ask("mutation($i: UpdateCoacheeInput!) { updateCoachee(input: $i) { errors { code } } }", rename("Rob", "rob@coachee.example")).await;
        let seen = file(&ada, &practice, &robin).await;
        assert_eq!((&seen["firstName"], &seen["email"]), (&json!("Rob"), &json!("rob@coachee.example")));
        product.prove().await;
    }

    /// A1: an address that another coachee has is refused, since it can be one coachee's only; whoever does not see that one
    /// learns it of five addresses in fifteen minutes, and no more.
    #[test]
    async fn a1_whose_address_it_is_can_be_asked_five_times(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        product.coachee(&ada, &practice, "Sam").await;
        let kim = product.coachee(&bob, &practice, "Kim").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let close = json!({ "i": { "practiceId": practice, "coachesMayAddCoachees": false } });
        ada.ask("mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { errors { code } } }", close).await;
        let update = "mutation($i: UpdateCoacheeInput!) { updateCoachee(input: $i) { errors { code } } }";
        let email = |coachee: &str, email: &str| json!({ "i": { "practiceId": practice, "coacheeId": coachee, "email": email } });
        for (who, of) in [(&coachee, &robin), (&bob, &kim)] {
            for _ in 0..5 {
                assert_eq!(who.refused(update, email(of, "sam@coachee.example")).await, "COACHEE_EMAIL_IS_TAKEN");
            }
            // Another's and nobody's are no longer told apart; names are not in question.
            for address in ["sam@coachee.example", "nobody@coachee.example"] {
                assert_eq!(who.fails(update, email(of, address)).await, "RATE_LIMITED");
            }
            let name = json!({ "i": { "practiceId": practice, "coacheeId": of, "lastName": "Rhee" } });
            assert_eq!(who.ask(update, name).await["updateCoachee"]["errors"], json!([]));
        }
        product.later(15);
        // What was nobody else's does not count.
        for times in 0..6 {
            let changed = bob.ask(update, email(&kim, &format!("kim-{times}@coachee.example"))).await;
            assert_eq!(changed["updateCoachee"]["errors"], json!([]));
        }
        product.prove().await;
    }

    /// S2.8, S3.7: there are exactly three statuses, and each is what happened.
    #[test]
    async fn s2_8_a_coachee_is_not_invited_invited_or_active(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let statuses = ada.ask("{ __type(name: \"CoacheeStatus\") { enumValues { name } } }", json!({})).await;
        let statuses = statuses["__type"]["enumValues"].as_array().expect("statuses").iter().map(|value| text(&value["name"]));
        assert_eq!(statuses.collect::<BTreeSet<_>>(), BTreeSet::from(["ACTIVE", "INVITED", "NOT_INVITED"].map(str::to_owned)));
        let robin = product.coachee(&ada, &practice, "Robin").await;
        product.coachee(&ada, &practice, "Kim").await;
        let status = async || text(&file(&ada, &practice, &robin).await["status"]);
        assert_eq!(status().await, "NOT_INVITED");
        ada.ask(INVITE, about(&practice, &robin)).await;
        assert_eq!(status().await, "INVITED");
        assert_eq!(names(&ada, &practice, json!({ "status": ["INVITED"] }), "FIRST_NAME").await, ["Robin"]);
        let token = product.token("robin@coachee.example", LINK).await;
        reqwest::get(product.url(&format!("{LINK}{token}"))).await.expect("a page");
        assert_eq!(status().await, "INVITED", "opening the link is no acceptance");
        product.stranger().ask(ACCEPT, json!({ "t": token })).await;
        assert_eq!(status().await, "ACTIVE");
        assert_eq!(names(&ada, &practice, json!({ "status": ["ACTIVE"] }), "FIRST_NAME").await, ["Robin"]);
        assert_eq!(names(&ada, &practice, json!({ "status": ["ACTIVE", "NOT_INVITED"] }), "FIRST_NAME").await, ["Kim", "Robin"]);
        product.prove().await;
    }

    /// S2.9, S3.7: an invitation is sent to who was not invited and resent to who was; the one before stops working.
    #[test]
    async fn s2_9_an_invitation_is_sent_once_and_resent_afterwards(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        assert_eq!(ada.refused(RESEND, about(&practice, &robin)).await, "COACHEE_IS_NOT_INVITED");
        assert_eq!(ada.ask(INVITE, about(&practice, &robin)).await["sendInvitation"]["coachee"]["status"], "INVITED");
        let first = product.token("robin@coachee.example", LINK).await;
        assert_eq!(ada.refused(INVITE, about(&practice, &robin)).await, "COACHEE_IS_INVITED");
        assert_eq!(ada.ask(RESEND, about(&practice, &robin)).await["resendInvitation"]["coachee"]["status"], "INVITED");
        let second = product.token("robin@coachee.example", LINK).await;
        assert_ne!(first, second);
        assert_eq!(product.mail("robin@coachee.example").await.len(), 2);
        assert_eq!(product.stranger().refused(ACCEPT, json!({ "t": first })).await, "INVITATION_IS_NOT_VALID");
        let accepted = product.stranger().ask(ACCEPT, json!({ "t": second })).await;
        assert_eq!(accepted["acceptInvitation"]["practiceId"], json!(practice));
        assert_eq!(product.stranger().refused(ACCEPT, json!({ "t": second })).await, "INVITATION_IS_NOT_VALID");
        for query in [INVITE, RESEND] {
            assert_eq!(ada.refused(query, about(&practice, &robin)).await, "COACHEE_IS_ACTIVE");
        }
        product.prove().await;
    }

    /// Two conditions open the portal: the invitation was sent, and the account is activated.
    #[test]
    async fn s3_5_the_portal_opens_when_invited_and_activated(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let person = product.person("robin@coachee.example").await;
        assert_eq!(person.fails(PORTAL, json!({ "p": practice })).await, "NOT_FOUND", "neither");
        ada.ask(INVITE, about(&practice, &robin)).await;
        assert_eq!(person.fails(PORTAL, json!({ "p": practice })).await, "NOT_FOUND", "invited only");
        let token = product.token("robin@coachee.example", LINK).await;
        assert_eq!(product.stranger().fails(ACCEPT, json!({ "t": token })).await, "UNAUTHENTICATED", "whose account is it");
        person.ask(ACCEPT, json!({ "t": token })).await;
        let portal = person.ask(PORTAL, json!({ "p": practice })).await;
        assert_eq!(portal["viewer"]["coacheePortal"]["me"]["id"], json!(robin));
        product.prove().await;
    }

    /// An invitation ends after fourteen days; another one can be sent.
    #[test]
    async fn an_invitation_ends_after_fourteen_days(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        ada.ask(INVITE, about(&practice, &robin)).await;
        let token = product.token("robin@coachee.example", LINK).await;
        product.later(14 * 24 * 60);
        assert_eq!(product.stranger().refused(ACCEPT, json!({ "t": token })).await, "INVITATION_IS_NOT_VALID");
        let ada = product.person(&ada.email).await;
        assert_eq!(ada.ask(RESEND, about(&practice, &robin)).await["resendInvitation"]["errors"], json!([]));
        let token = product.token("robin@coachee.example", LINK).await;
        product.later(14 * 24 * 60 - 1);
        let accepted = product.stranger().ask(ACCEPT, json!({ "t": token })).await;
        assert_eq!(accepted["acceptInvitation"]["practiceId"], json!(practice));
    }

    /// S5.3: a client who is not invited is an internal record. S5.4: over which the practice has full control.
    #[test]
    async fn s5_3_a_client_who_is_not_invited_is_an_internal_record(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let added = add(&ada, &practice, json!({ "firstName": "Robin", "email": "robin@coachee.example" })).await;
        assert_eq!(added["coachee"]["fileOwner"], "PRACTICE");
        let robin = text(&added["coachee"]["id"]);
        let input = json!({ "practiceId": practice, "coacheeId": robin, "firstName": "Rob", "lastName": "Reed", "email": "rob@coachee.example" });
        assert_eq!(ada.ask(UPDATE, json!({ "i": input })).await["updateCoachee"]["errors"], json!([]));
        assert_eq!(file(&ada, &practice, &robin).await["fileOwner"], "PRACTICE");
    }

    /// Once they are invited the file is theirs: with the sending, before they accept.
    #[test]
    async fn s5_5_who_is_invited_owns_the_file(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        assert_eq!(file(&ada, &practice, &robin).await["fileOwner"], "PRACTICE");
        let invited = ada.ask(INVITE, about(&practice, &robin)).await;
        assert_eq!(invited["sendInvitation"]["coachee"], json!({ "status": "INVITED", "fileOwner": "INVITEE" }));
        let fields = json!({ "firstName": "Kim", "email": "kim@coachee.example", "sendInvitation": true });
        assert_eq!(add(&ada, &practice, fields).await["coachee"]["fileOwner"], "INVITEE");
        let token = product.token("robin@coachee.example", LINK).await;
        product.stranger().ask(ACCEPT, json!({ "t": token })).await;
        assert_eq!(file(&ada, &practice, &robin).await["fileOwner"], "INVITEE");
    }

    /// D8: of sixty-four who add one email at once, through two nodes where there are two, one does.
    #[test]
    async fn one_of_sixty_four_adds_an_email(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let on_two = product.place.database == tests::Database::Postgres;
        let elsewhere = if on_two { product.another_address().await } else { product.address };
        for round in 0..3 {
            let email = format!("robin{round}@coachee.example");
            let tries = (0..64).map(|number| {
                let by = if number % 2 == 0 { ada.clone() } else { ada.through(elsewhere) };
                let fields = json!({ "firstName": format!("Racer {number}"), "email": email });
                let practice = practice.clone();
                async move { add(&by, &practice, fields).await }
            });
            let (won, lost): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(|answer| answer["errors"] == json!([]));
            assert_eq!(won.len(), 1, "{won:?}");
            assert!(lost.iter().all(|answer| answer["errors"][0]["code"] == "COACHEE_EMAIL_IS_TAKEN"), "{lost:?}");
            assert_eq!(names(&ada, &practice, json!({ "search": email }), "FIRST_NAME").await.len(), 1);
        }
        product.prove().await;
    }

    /// D8: of sixty-four who change their coachee's email to the same one, one does; of sixty-four who accept one
    /// invitation, one does.
    #[test]
    async fn one_of_many_takes_an_email_and_an_invitation(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let mut coachees = Vec::new();
        for number in 0..16 {
            let fields = json!({ "firstName": "Kim", "email": format!("kim{number}@coachee.example") });
            coachees.push(text(&add(&ada, &practice, fields).await["coachee"]["id"]));
        }
        // Nobody is told more than five times that an address is taken: so they are several.
        let mut people = vec![ada.clone()];
        for number in 1..8 {
            people.push(product.further_coach(&ada, &practice, &format!("Cleo{number}"), "MANAGER").await);
        }
        let tries = coachees.iter().cycle().take(64).zip(people.iter().cycle()).map(|(coachee, by)| {
            let input = json!({ "i": { "practiceId": practice, "coacheeId": coachee, "email": "kim@coachee.example" } });
            async move { (coachee, by.whole(UPDATE, input).await.body["data"]["updateCoachee"]["errors"] == json!([])) }
        });
        // The one who has it may say so again: that changes nothing and is no refusal.
        let takers: BTreeSet<_> = join_all(tries).await.into_iter().filter(|(_, done)| *done).map(|(coachee, _)| coachee).collect();
        assert_eq!(takers.len(), 1);
        ada.ask(INVITE, about(&practice, takers.first().expect("one"))).await;
        let token = product.token("kim@coachee.example", LINK).await;
        let tries = (0..64).map(|_| {
            let (stranger, variables) = (product.stranger(), json!({ "t": token }));
            async move { stranger.whole(ACCEPT, variables).await.body }
        });
        let answers = join_all(tries).await;
        let won: Vec<_> = answers.iter().filter(|body| !body["data"]["acceptInvitation"]["practiceId"].is_null()).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        product.prove().await;
    }

    /// D5: adding again with the same key, one after the other or at once, is one coachee, one mail, one answer; the same
    /// key for something else is a conflict and changes nothing.
    #[test]
    async fn a_repeated_adding_has_one_effect(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let input = |name: &str| {
            let email = format!("{}@coachee.example", name.to_lowercase());
            json!({ "i": { "practiceId": practice, "firstName": name, "email": email, "sendInvitation": true } })
        };
        let mut answers = BTreeSet::new();
        for _ in 0..20 {
            answers.insert(ada.once("add-1", ADD, input("Robin")).await.body.to_string());
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
        let on_two = product.place.database == tests::Database::Postgres;
        let elsewhere = if on_two { product.another_address().await } else { product.address };
        let at_once = join_all((0..20).map(|number| {
            let (by, variables) = (if number % 2 == 0 { ada.clone() } else { ada.through(elsewhere) }, input("Kim"));
            async move { by.once("add-2", ADD, variables).await.body.to_string() }
        }));
        let at_once: BTreeSet<String> = at_once.await.into_iter().collect();
        assert_eq!(at_once.len(), 1, "{at_once:?}");
        assert_eq!(names(&ada, &practice, json!({}), "FIRST_NAME").await, ["Kim", "Robin"]);
        for email in ["robin@coachee.example", "kim@coachee.example"] {
            assert_eq!(product.mail(email).await.len(), 1);
        }
        let conflict = ada.once("add-1", ADD, input("Lee")).await;
        assert_eq!(conflict.body["errors"][0]["extensions"]["code"], "CONFLICTING_IDEMPOTENCY_KEY", "{}", conflict.body);
        assert_eq!(names(&ada, &practice, json!({}), "FIRST_NAME").await, ["Kim", "Robin"]);
        // Another person's key of the same text is another key.
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        assert_eq!(cleo.once("add-1", ADD, input("Lee")).await.body["data"]["addCoachee"]["errors"], json!([]));
        product.prove().await;
    }

    /// D5: a refusal is not remembered: once its reason is gone, the same key does what it says.
    #[test]
    async fn a_refused_request_can_be_retried_with_its_key(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let input = json!({ "i": { "practiceId": practice, "firstName": "Kim", "email": "robin@coachee.example" } });
        let refused = ada.once("add-1", ADD, input.clone()).await;
        assert_eq!(refused.body["data"]["addCoachee"]["errors"][0]["code"], "COACHEE_EMAIL_IS_TAKEN");
        let away = json!({ "i": { "practiceId": practice, "coacheeId": robin, "email": "other@coachee.example" } });
        ada.ask(UPDATE, away).await;
        let done = ada.once("add-1", ADD, input).await;
        assert_eq!(done.body["data"]["addCoachee"]["errors"], json!([]), "{}", done.body);
        product.prove().await;
    }
}
