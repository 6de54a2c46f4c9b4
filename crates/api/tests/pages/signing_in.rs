//! Signing in through `/login` (promises A5, A6, A9).

use std::collections::BTreeMap;

use reqwest::header::{DATE, HeaderMap, SET_COOKIE};
use reqwest::{Method, StatusCode};

use super::browser::{Site, filled, token};

const EMAIL: &str = "ada@example.com";

#[tokio::test]
async fn opening_a_link_leaves_it_usable_and_it_works_once() {
    let site = Site::open().await;
    let mut browser = site.browser();
    browser.post("/login", &[("email", EMAIL)]).await;
    let link = site.one_mail().await;
    let token = token(&link);
    let mut scanner = site.browser();
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let prefetch = scanner.request(method, &link).header("sec-purpose", "prefetch");
        let opened = scanner.send(prefetch).await;
        assert_eq!((opened.status, opened.signs_in()), (StatusCode::OK, false));
    }
    for code in ["", "000000x", "not digits"] {
        let refused = scanner.post("/login", &[("token", &token), ("code", code)]).await;
        assert_eq!((refused.status, refused.signs_in()), (StatusCode::UNPROCESSABLE_ENTITY, false), "{code}");
        assert!(refused.asks_digits(), "{}", refused.body);
    }

    let opened = browser.get(&link).await;
    assert!(!opened.asks_digits(), "the browser that asked is known");
    let done = browser.post("/login", &[("token", &token)]).await;
    assert_eq!((done.status, done.signs_in()), (StatusCode::SEE_OTHER, true));
    assert_eq!(done.headers["location"], "/");
    assert_eq!(browser.who().await.as_deref(), Some(EMAIL));

    let again = browser.post("/login", &[("token", &token)]).await;
    assert_eq!((again.status, again.signs_in()), (StatusCode::UNPROCESSABLE_ENTITY, false));
    assert!(again.body.contains("Ask for a new link"), "{}", again.body);
}

#[tokio::test]
async fn another_browser_needs_the_six_digits() {
    let site = Site::open().await;
    let digits = site.browser().post("/login", &[("email", EMAIL)]).await.digits();
    let link = site.one_mail().await;
    let mut phone = site.browser();
    assert!(phone.get(&link).await.asks_digits());
    let typed = format!(" {digits} ");
    let done = phone.post("/login", &[("token", &token(&link)), ("code", &typed)]).await;
    assert_eq!((done.status, done.signs_in()), (StatusCode::SEE_OTHER, true));
    assert_eq!(phone.who().await.as_deref(), Some(EMAIL));
}

#[tokio::test]
async fn no_other_site_signs_a_browser_in() {
    let site = Site::open().await;
    let mut browser = site.browser();
    browser.post("/login", &[("email", EMAIL)]).await;
    let token = token(&site.one_mail().await);
    let forms: [&[(&str, &str)]; 2] = [&[("token", &token)], &[("email", EMAIL)]];
    let own = site.url.clone();
    let table: [&[(&str, &str)]; 6] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
        &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
    ];
    for origin in table {
        for form in forms {
            for mut sender in [site.browser(), browser.copy()] {
                let mut request = filled(sender.request(Method::POST, "/login"), form);
                for (name, value) in origin {
                    request = request.header(*name, *value);
                }
                let refused = sender.send(request).await;
                assert_eq!(refused.status, StatusCode::FORBIDDEN, "{origin:?}");
                assert!(!refused.headers.contains_key(SET_COOKIE), "{origin:?}");
            }
        }
    }
    assert_eq!(site.mail().await, Vec::<String>::new(), "no mail was asked for");
    assert_eq!(
        browser.post("/login", &[("token", &token)]).await.status,
        StatusCode::SEE_OTHER,
        "and nothing was used up"
    );
}

#[tokio::test]
async fn every_address_is_answered_the_same() {
    let site = Site::open().await;
    let known = site.signed_in(EMAIL).await;
    site.wait_minutes(20);
    drop(known);
    let mut seen = BTreeMap::new();
    let addresses = [EMAIL, "nobody@example.com", "no address", "", "a@b@c", &"x".repeat(2_000)];
    for address in addresses {
        let answer = site.browser().post("/login", &[("email", address)]).await;
        let body = answer.body.replace(&answer.digits(), "......");
        seen.insert((answer.status.as_u16(), shape(&answer.headers), body), address);
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!(site.mail().await.len(), 2, "and mail goes where it can");
}

#[tokio::test]
async fn a_limit_that_is_reached_is_not_told() {
    let site = Site::open().await;
    let mut seen = BTreeMap::new();
    for count in 1..=4 {
        let answer = site.browser().post("/login", &[("email", EMAIL)]).await;
        let body = answer.body.replace(&answer.digits(), "......");
        seen.insert((answer.status.as_u16(), shape(&answer.headers), body), count);
    }
    for count in 5..=11 {
        let address = format!("person{count}@example.com");
        let answer = site.browser().post("/login", &[("email", &address)]).await;
        let body = answer.body.replace(&answer.digits(), "......");
        seen.insert((answer.status.as_u16(), shape(&answer.headers), body), count);
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
    // Of the first address only the newest link is sent, and the eleventh request of one client brings none.
    assert_eq!(site.mail().await.len(), 1 + 6);
}

/// The headers of an answer, without what differs between any two: the time, and the cookie's own value, of which the
/// kind and the length stay.
fn shape(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        let mut value = value.to_str().unwrap().to_owned();
        if *name == SET_COOKIE {
            let (cookie, rules) = value.split_once(';').unwrap();
            let (name, token) = cookie.split_once('=').unwrap();
            let (kind, _) = token.split_once('_').unwrap();
            value = format!("{name}={kind} {} {rules}", cookie.len());
        }
        (name.to_string(), value)
    };
    headers.iter().filter(|(name, _)| **name != DATE).map(shown).collect()
}
