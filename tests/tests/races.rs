//! D8: rules hold under races. Those of one feature stand with its stories (the last unit, an email in a practice, one
//! sign-in link, one invitation); here are those between features.

use std::collections::BTreeSet;

use domain::text::{Email, Text as _};
use futures_util::future::{join, join_all};
use serde_json::json;
use tests::both;

/// How many rounds are raced.
fn rounds() -> usize {
    if std::env::var_os("THROUGHLINE_TEST_IN_FULL").is_some() { 50 } else { 3 }
}

both! {
    /// An address that nobody has yet is signed in with by a link, and invited, at once and by sixty-four: it becomes one
    /// account, and its owner has one place in the practice.
    #[test]
    async fn an_address_becomes_one_account(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let here = product.address;
        let there = if product.place.database == tests::Database::Postgres { product.another_address().await } else { here };
        for round in 0..rounds() {
            product.later(16);
            let email = format!("robin{round}@coachee.example");
            let add = "mutation($i: AddCoacheeInput!) { addCoachee(input: $i) { coachee { id } errors { code } } }";
            let added = ada.ask(add, json!({ "i": { "practiceId": practice, "firstName": "Robin", "email": email, "sendInvitation": true } })).await;
            assert_eq!(added["addCoachee"]["errors"], json!([]));
            let invitation = product.token(&email, "/invitations/").await;
            let mut browser = product.stranger();
            let answer = browser.whole("mutation($e: EmailAddress!) { requestSignInLink(input: { email: $e }) { code } }", json!({ "e": email })).await;
            browser.cookie = answer.cookies.first().cloned();
            let link = product.token(&email, "/login?token=").await;

            let racers = (0..64).map(|number| {
                let by = browser.through(if number % 4 < 2 { here } else { there });
                let (invitation, link) = (invitation.clone(), link.clone());
                async move {
                    let (mutation, field, token) = if number % 2 == 0 {
                        ("mutation($t: String!) { acceptInvitation(input: { token: $t, kind: PROGRAM }) { signedIn { personId } errors { code } } }", "acceptInvitation", invitation)
                    } else {
                        ("mutation($t: String!) { signIn(input: { token: $t, kind: PROGRAM }) { personId errors { code } } }", "signIn", link)
                    };
                    let body = by.whole(mutation, json!({ "t": token })).await.body;
                    let code = body["errors"][0]["extensions"]["code"].as_str();
                    assert!(code.is_none_or(|code| code == "UNAUTHENTICATED"), "{body}");
                    let answer = &body["data"][field];
                    let person = if number % 2 == 0 { &answer["signedIn"]["personId"] } else { &answer["personId"] };
                    person.as_str().map(|person| (field, person.to_owned()))
                }
            });
            let signed_in: Vec<_> = join_all(racers).await.into_iter().flatten().collect();
            let people: BTreeSet<_> = signed_in.iter().map(|(_, person)| person).collect();
            assert_eq!(people.len(), 1, "one account: {signed_in:?}");
            for field in ["acceptInvitation", "signIn"] {
                assert!(signed_in.iter().filter(|(by, _)| *by == field).count() <= 1, "once each: {signed_in:?}");
            }
        }
        product.prove().await;
    }

    /// Two nodes begin the log of an address at once, each with nothing else to do: whoever is second finds it there.
    #[test]
    async fn a_log_that_two_begin_at_once_fails_neither(product: Product) {
        let (here, there) = (&product.app, product.another_node().await);
        for round in 0..10 * rounds() {
            let email = Email::parse(&format!("robin{round}@coachee.example")).expect("an address");
            let (one, other) = join(
                here.request_link(email.clone(), here.command(), None),
                there.request_link(email, there.command(), None),
            )
            .await;
            let asked = [one.map(drop), other.map(drop)];
            assert!(asked.iter().all(Result::is_ok), "{asked:?}");
        }
        there.stop().await;
        product.prove().await;
    }
}
