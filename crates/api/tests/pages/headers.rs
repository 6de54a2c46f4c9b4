//! What every page tells the browser about itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::{Method, StatusCode};
use sha2::{Digest as _, Sha256};

use super::browser::{Site, filled};

const PAGES: [(&str, StatusCode); 6] = [
    ("/", StatusCode::OK),
    ("/login", StatusCode::OK),
    ("/login?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", StatusCode::OK),
    ("/login?token=a&token=b", StatusCode::BAD_REQUEST),
    ("/invitations/nonsense", StatusCode::UNPROCESSABLE_ENTITY),
    ("/terms", StatusCode::OK),
];

/// What stands between the first `<tag>` and its end.
fn inside<'a>(page: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(inside, _)| inside)
}

#[tokio::test]
async fn every_page_is_kept_framed_and_referred_nowhere() {
    let site = Site::open().await;
    for (path, status) in PAGES {
        let answer = site.browser().get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        let referrer = answer.headers["referrer-policy"].to_str().unwrap();
        assert!(["no-referrer", "strict-origin"].contains(&referrer), "{path} gives on its address: {referrer}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
    }
}

#[tokio::test]
async fn inline_styles_and_scripts_are_those_that_the_policy_names() {
    let site = Site::open().await;
    for (path, _) in PAGES.into_iter().filter(|(_, status)| *status != StatusCode::BAD_REQUEST) {
        let answer = site.browser().get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        let names = |inline: &str| policy.contains(&format!("'sha256-{}'", BASE64.encode(Sha256::digest(inline))));
        assert!(inside(&answer.body, "style").is_some_and(names), "{path}");
        let script = inside(&answer.body, "script");
        assert_eq!(script.is_some(), path == "/", "only the explorer has a script");
        assert!(script.is_none_or(names), "{path}");
    }
}

#[tokio::test]
async fn what_the_explorer_loads_is_pinned_and_allowed_one_by_one() {
    let site = Site::open().await;
    let answer = site.browser().get("/").await;
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    let named: Vec<&str> = policy.split([' ', ';']).filter(|part| part.starts_with("http")).collect();
    assert_eq!(named.len(), 4, "{policy}");
    for url in named {
        assert!(url.contains('@') && !url.ends_with('/'), "a file of a version: {url}");
        let pinned = format!("url&#34;:&#34;{url}&#34;,&#34;integrity&#34;:&#34;sha384-");
        assert!(answer.body.contains(&pinned), "{url} has no hash");
    }
    assert_eq!(answer.body.matches("https://").count(), 4, "nothing else is named in the page");
}

#[tokio::test]
async fn a_form_is_small_and_is_a_form() {
    let site = Site::open().await;
    let mut browser = site.browser();
    for (length, status) in [(15_000, StatusCode::OK), (17_000, StatusCode::PAYLOAD_TOO_LARGE)] {
        let body = format!("email={}", "x".repeat(length));
        let request = browser.request(Method::POST, "/login").body(body);
        let answer = browser.send(request.header("content-type", "application/x-www-form-urlencoded")).await;
        assert_eq!(answer.status, status, "{length}");
    }
    let request =
        browser.request(Method::POST, "/login").header("content-type", "text/plain").body("email=a@example.com");
    assert_eq!(browser.send(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let request = filled(browser.request(Method::PUT, "/login"), &[]);
    assert_eq!(browser.send(request).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
