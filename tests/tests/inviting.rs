//! Invitations by mail from outside: which address a link is of.

use serde_json::{Value, json};
use tests::{Person, both};

const ADD: &str =
    "mutation($i: AddCoacheeInput!) { addCoachee(input: $i) { coachee { id status } position errors { code } } }";
const UPDATE: &str = "mutation($i: UpdateCoacheeInput!) { updateCoachee(input: $i) { errors { code } } }";
const INVITE: &str = "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { errors { code } } }";
const RESEND: &str =
    "mutation($i: CoacheeInput!) { resendInvitation(input: $i) { coachee { status } position errors { code } } }";
const ADD_COACH: &str =
    "mutation($i: AddCoachInput!) { addCoach(input: $i) { invitation { id } position errors { code } } }";
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
