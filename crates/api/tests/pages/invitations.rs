//! Accepting an invitation through its link (S2.5).

use reqwest::StatusCode;
use serde_json::json;

use super::browser::{Browser, Site};

const PRACTICE: &str = "North <b>&\" Coaching";

/// A practice whose name is hostile, its owner's browser and its id.
async fn practice(site: &Site) -> (Browser, String) {
    let mut owner = site.signed_in("olga@example.com").await;
    let query =
        "mutation($input: CreatePracticeInput!) { createPractice(input: $input) { practice { id } errors { code } } }";
    let input = json!({ "name": PRACTICE, "timeZone": "Europe/Berlin", "displayName": "Olga" });
    let made = owner.graphql(query, input).await;
    let id = made["createPractice"]["practice"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    (owner, id)
}

/// Invites a coachee: the path of the link in their mail.
async fn invite_coachee(site: &Site, owner: &mut Browser, practice: &str, email: &str) -> String {
    let query = "mutation($input: AddCoacheeInput!) { addCoachee(input: $input) { errors { code } } }";
    let input = json!({ "practiceId": practice, "firstName": "Cleo", "email": email, "sendInvitation": true });
    let made = owner.graphql(query, input).await;
    assert_eq!(made["addCoachee"]["errors"], json!([]));
    site.one_mail().await
}

#[tokio::test]
async fn a_coachee_is_told_who_invites_and_accepts_once() {
    let site = Site::open().await;
    let (mut owner, practice) = practice(&site).await;
    let link = invite_coachee(&site, &mut owner, &practice, "cleo@example.com").await;
    let mut cleo = site.browser();
    for _ in 0..2 {
        let opened = cleo.get(&link).await;
        assert_eq!((opened.status, opened.signs_in()), (StatusCode::OK, false));
        assert!(
            opened.body.contains("North &#60;b&#62;&#38;&#34; Coaching invites you to your coaching portal"),
            "{}",
            opened.body
        );
        assert!(
            !opened.body.contains("cleo@") && !opened.body.contains("Olga"),
            "the practice's name is all that is told"
        );
    }
    let done = cleo.post(&link, &[]).await;
    assert_eq!((done.status, done.signs_in()), (StatusCode::SEE_OTHER, true), "{}", done.body);
    assert_eq!(cleo.who().await.as_deref(), Some("cleo@example.com"));
    let portals = cleo.graphql("{ viewer { portals { kind practice { id } } } }", json!(null)).await;
    assert_eq!(portals["viewer"]["portals"], json!([{ "kind": "COACHEE", "practice": { "id": practice } }]));

    let again = site.browser().post(&link, &[]).await;
    assert_eq!((again.status, again.signs_in()), (StatusCode::UNPROCESSABLE_ENTITY, false));
    assert!(again.body.contains("Ask for a new one"), "{}", again.body);
}

#[tokio::test]
async fn an_address_with_an_account_signs_in_before_it_accepts() {
    let site = Site::open().await;
    let (mut owner, practice) = practice(&site).await;
    let mut cora = site.signed_in("cora@example.com").await;
    let query = "mutation($input: AddCoachInput!) { addCoach(input: $input) { errors { code } } }";
    owner.graphql(query, json!({ "practiceId": practice, "name": "Cora", "email": "cora@example.com" })).await;
    let link = site.one_mail().await;

    let mut stranger = site.browser();
    let refused = stranger.post(&link, &[]).await;
    assert_eq!((refused.status, refused.signs_in()), (StatusCode::UNAUTHORIZED, false));
    assert!(refused.body.contains("href=\"/login\""), "{}", refused.body);

    let opened = cora.get(&link).await;
    assert!(opened.body.contains("join it as a coach") && opened.body.contains("cora@example.com"), "{}", opened.body);
    let done = cora.post(&link, &[]).await;
    assert_eq!((done.status, done.signs_in()), (StatusCode::SEE_OTHER, false), "{}", done.body);
    let portals = cora.graphql("{ viewer { portals { kind } } }", json!(null)).await;
    assert_eq!(portals["viewer"]["portals"], json!([{ "kind": "COACH" }]));
}

#[tokio::test]
async fn another_site_accepts_nothing_for_a_browser() {
    let site = Site::open().await;
    let (mut owner, practice) = practice(&site).await;
    let link = invite_coachee(&site, &mut owner, &practice, "cleo@example.com").await;
    let mut cleo = site.browser();
    let request = cleo.request(reqwest::Method::POST, &link).header("sec-fetch-site", "cross-site");
    assert_eq!(cleo.send(request).await.status, StatusCode::FORBIDDEN);
    assert_eq!(cleo.post(&link, &[]).await.status, StatusCode::SEE_OTHER, "nothing was used up");
}

#[tokio::test]
async fn what_is_no_invitation_or_has_ended_says_so() {
    let site = Site::open().await;
    let (mut owner, practice) = practice(&site).await;
    let link = invite_coachee(&site, &mut owner, &practice, "cleo@example.com").await;
    site.wait_minutes(60 * 24 * 365);
    let cut = &link[..link.len() - 3];
    for path in [&link, cut, "/invitations/x", "/invitations/%FF"] {
        let mut browser = site.browser();
        for answer in [browser.get(path).await, browser.post(path, &[]).await] {
            assert!(answer.status.is_client_error() && !answer.signs_in(), "{path}: {}", answer.status);
        }
    }
}
