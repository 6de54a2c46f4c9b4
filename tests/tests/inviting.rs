//! Invitations by mail from outside: how many reach one address, and which address a link is of.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Person, both};

use crate::roster::names;

const ADD: &str =
    "mutation($i: AddCoacheeInput!) { addCoachee(input: $i) { coachee { id status } position errors { code } } }";
const UPDATE: &str = "mutation($i: UpdateCoacheeInput!) { updateCoachee(input: $i) { errors { code } } }";
const INVITE: &str = "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { errors { code } } }";
const RESEND: &str =
    "mutation($i: CoacheeInput!) { resendInvitation(input: $i) { coachee { status } position errors { code } } }";
const ADD_COACH: &str =
    "mutation($i: AddCoachInput!) { addCoach(input: $i) { invitation { id } position errors { code } } }";
const IMPORT: &str = "mutation($i: ImportCoacheesInput!) { importCoachees(input: $i) { added errors { code } } }";
const ACCEPT: &str = "mutation($t: String!) {
    acceptInvitation(input: { token: $t, kind: PROGRAM }) { practiceId signedIn { token } errors { code } }
}";
const ACCEPT_COACH: &str = "mutation($t: String!) {
    acceptCoachInvitation(input: { token: $t, kind: PROGRAM }) { practiceId signedIn { token } errors { code } }
}";
const LINK: &str = "/invitations/";

fn about(practice: &str, coachee: &str) -> Value {
    json!({ "i": { "practiceId": practice, "coacheeId": coachee } })
}

fn new(practice: &str, email: &str, invited: bool) -> Value {
    json!({ "i": { "practiceId": practice, "firstName": "Guest", "email": email, "sendInvitation": invited } })
}

fn coach(practice: &str, email: &str) -> Value {
    json!({ "i": { "practiceId": practice, "name": "Guest", "email": email } })
}

/// The address of the account that accepting with a link opened.
async fn opened(stranger: &Person, accept: &str, token: &str) -> Value {
    let accepted = stranger.ask(accept, json!({ "t": token })).await;
    let payload = accepted.as_object().and_then(|data| data.values().next()).cloned().expect("an answer");
    let bearer = payload["signedIn"]["token"].as_str().unwrap_or_else(|| panic!("not signed in: {payload}"));
    let somebody = stranger.holding(Some(bearer.to_owned()));
    somebody.ask("{ viewer { account { email } } }", json!({})).await["viewer"]["account"]["email"].clone()
}

both! {
    /// A6: three invitations go to an address in fifteen minutes at most from one person, whatever they invite to and wherever;
    /// the newest stays good, others are not kept from inviting, and are told nothing.
    #[test]
    async fn a6_nobody_has_a_fourth_invitation_sent_to_an_address(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let email = "robin@coachee.example";
        let robin = product.coachee(&ada, &practice, "Robin").await;
        assert_eq!(ada.ask(INVITE, about(&practice, &robin)).await["sendInvitation"]["errors"], json!([]));
        assert_eq!(product.mail(email).await.len(), 1);
        // What is refused sends nothing, and does not count.
        for _ in 0..4 {
            assert_eq!(ada.refused(INVITE, about(&practice, &robin)).await, "COACHEE_IS_INVITED");
        }
        assert_eq!(ada.ask(RESEND, about(&practice, &robin)).await["resendInvitation"]["errors"], json!([]));
        assert_eq!(product.mail(email).await.len(), 2);
        let third = ada.once("third", RESEND, about(&practice, &robin)).await.body;
        assert_eq!(third["data"]["resendInvitation"]["errors"], json!([]), "{third}");
        assert_eq!(product.mail(email).await.len(), 3);

        let found = "mutation { createPractice(input: { name: \"Another\", timeZone: \"Europe/Berlin\", displayName: \"Ada\" }) { practice { id } } }";
        let other = ada.ask(found, json!({})).await["createPractice"]["practice"]["id"].as_str().expect("an id").to_owned();
        let csv = format!("first name,email\nGuest,{email}\nKim,kim@coachee.example\n");
        let import = json!({ "i": { "practiceId": other, "csv": csv, "dryRun": false, "sendInvitations": true } });
        for _ in 0..2 {
            assert_eq!(ada.fails(RESEND, about(&practice, &robin)).await, "RATE_LIMITED");
            assert_eq!(ada.fails(ADD_COACH, coach(&practice, email)).await, "RATE_LIMITED");
            assert_eq!(ada.fails(ADD, new(&other, email, true)).await, "RATE_LIMITED");
            assert_eq!(ada.fails(ADD_COACH, coach(&other, email)).await, "RATE_LIMITED");
            assert_eq!(ada.fails(IMPORT, import.clone()).await, "RATE_LIMITED");
        }
        assert!(names(&ada, &other, json!({}), "FIRST_NAME").await.is_empty(), "nothing was done");
        // A repeat of the third is answered as it was, and sends nothing.
        assert_eq!(ada.once("third", RESEND, about(&practice, &robin)).await.body, third);
        // Who is added without a mail is nobody's burden; and who is there already is sent none.
        assert_eq!(ada.ask(ADD, new(&other, email, false)).await["addCoachee"]["errors"], json!([]));
        assert_eq!(ada.ask(IMPORT, import).await["importCoachees"]["added"], 1);
        assert_eq!(product.mail("kim@coachee.example").await.len(), 1);
        assert_eq!(product.mail(email).await.len(), 3);

        // Another's invitations are not told by this, nor kept from anybody.
        let (ben, bens) = product.coach("Ben").await;
        assert_eq!(ben.ask(ADD, new(&bens, email, true)).await["addCoachee"]["errors"], json!([]));
        let cleo = product.further_coach(&ada, &practice, "Cleo", "MANAGER").await;
        assert_eq!(cleo.ask(RESEND, about(&practice, &robin)).await["resendInvitation"]["errors"], json!([]));
        assert_eq!(product.mail(email).await.len(), 5);

        product.later(15);
        assert_eq!(ada.ask(RESEND, about(&practice, &robin)).await["resendInvitation"]["errors"], json!([]));
        let accepted = product.stranger().ask(ACCEPT, json!({ "t": product.token(email, LINK).await })).await;
        assert_eq!(accepted["acceptInvitation"]["practiceId"], json!(practice));
        product.prove().await;
    }

    /// A6: what an import sends nobody does not count: who is there already is passed over, and what fails is not done.
    #[test]
    async fn a6_what_an_import_sends_nobody_does_not_count(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let email = "robin@coachee.example";
        assert_eq!(ada.ask(INVITE, about(&practice, &robin)).await["sendInvitation"]["errors"], json!([]));
        let import = |rows: &str| {
            let csv = format!("first name,email\n{rows}\n");
            json!({ "i": { "practiceId": practice, "csv": csv, "dryRun": false, "sendInvitations": true } })
        };
        let lee = "Lee,lee@coachee.example";
        for name in ["one", "two", "three"] {
            let rows = format!("Robin,{email}\nNew,{name}@coachee.example");
            let done = ada.once(name, IMPORT, import(&rows)).await.body;
            assert_eq!(done["data"]["importCoachees"]["added"], 1, "{done}");
            let conflict = ada.once(name, IMPORT, import(lee)).await.body;
            assert_eq!(conflict["errors"][0]["extensions"]["code"], "CONFLICTING_IDEMPOTENCY_KEY", "{conflict}");
        }
        assert_eq!(product.mail(email).await.len(), 1);
        assert_eq!(ada.ask(RESEND, about(&practice, &robin)).await["resendInvitation"]["errors"], json!([]));
        assert_eq!(product.mail(email).await.len(), 2);
        assert_eq!(ada.ask(IMPORT, import(lee)).await["importCoachees"]["added"], 1);
        product.prove().await;
    }

    /// D5: the same request, many times and at once, is one invitation, also where it is the last that may be sent.
    #[test]
    async fn a_repeated_invitation_is_one(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        ada.ask(INVITE, about(&practice, &robin)).await;
        for key in ["second", "third"] {
            let asked = join_all((0..8).map(|_| ada.once(key, RESEND, about(&practice, &robin))));
            let answers: Vec<Value> = asked.await.into_iter().map(|answer| answer.body).collect();
            assert_eq!(answers[0]["data"]["resendInvitation"]["errors"], json!([]), "{}", answers[0]);
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        }
        assert_eq!(ada.fails(RESEND, about(&practice, &robin)).await, "RATE_LIMITED");
    }

    /// An invitation's link is of the address that it went to, also where its key is forgotten after seven days and comes again
    /// with another address: whoever invited themselves first would else have an account of an address that is another's.
    #[test]
    async fn a_link_is_of_its_address_whatever_its_key_is_used_for_later(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        ada.ask(INVITE, about(&practice, &robin)).await;
        for (key, document, input) in [
            ("coach", ADD_COACH, coach(&practice, "mine@coach.example")),
            ("coachee", ADD, new(&practice, "mine@coachee.example", true)),
            ("again", RESEND, about(&practice, &robin)),
        ] {
            let answer = ada.once(key, document, input).await.body;
            assert!(answer.get("errors").is_none(), "{answer}");
        }
        let coachs = product.token("mine@coach.example", LINK).await;
        let coachees = product.token("mine@coachee.example", LINK).await;
        let resent = product.token("robin@coachee.example", LINK).await;

        product.later(8 * 24 * 60);
        product.app.expire().await.expect("keys are forgotten");
        let ada = product.person(&ada.email).await;
        let email = json!({ "i": { "practiceId": practice, "coacheeId": robin, "email": "another@resent.example" } });
        assert_eq!(ada.ask(UPDATE, email).await["updateCoachee"]["errors"], json!([]));
        for (key, document, input) in [
            ("coach", ADD_COACH, coach(&practice, "another@coach.example")),
            ("coachee", ADD, new(&practice, "another@coachee.example", true)),
            ("again", RESEND, about(&practice, &robin)),
        ] {
            let answer = ada.once(key, document, input).await.body;
            assert!(answer.get("errors").is_none(), "{answer}");
        }
        let stranger = product.stranger();
        assert_eq!(opened(&stranger, ACCEPT_COACH, &coachs).await, "mine@coach.example");
        assert_eq!(opened(&stranger, ACCEPT, &coachees).await, "mine@coachee.example");
        assert_eq!(stranger.refused(ACCEPT, json!({ "t": resent })).await, "INVITATION_IS_NOT_VALID");
        // Each has got their own.
        for (email, accept) in [("another@coach.example", ACCEPT_COACH), ("another@coachee.example", ACCEPT), ("another@resent.example", ACCEPT)] {
            let token = product.token(email, LINK).await;
            assert_eq!(opened(&stranger, accept, &token).await, email);
        }
        product.prove().await;
    }
}
