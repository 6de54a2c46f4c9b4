//! Accounts from outside: signing in without a password, one-time links, where somebody is signed in, and retries.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Listening, Person, Product, both};

const REQUEST: &str = "mutation($e: EmailAddress!) { requestSignInLink(input: { email: $e }) { code minutes } }";
const SIGN_IN: &str = "mutation($t: String!, $c: String) {
    signIn(input: { token: $t, code: $c, kind: PROGRAM }) { personId token errors { code } }
}";
const ACCOUNT: &str = "{ viewer { account { id email sessions { id kind current } } } }";
const FOUND: &str = "mutation($n: String!) {
    createPractice(input: { name: $n, timeZone: \"Europe/Berlin\", displayName: \"Ada\" }) {
        practice { id } position errors { code }
    }
}";

/// The link's page, before its token.
const LINK: &str = "/login?token=";
/// Where the browser's cookie stands in the answer.
const BROWSER: &str = "__Host-throughline-browser=";

/// Somebody in a browser of their own who asked for a link, and the six digits that it shows.
async fn asks(product: &Product, email: &str) -> (Person, String) {
    let mut person = product.stranger();
    let answer = person.whole(REQUEST, json!({ "e": email })).await;
    person.cookie = answer.cookies.first().cloned();
    assert!(person.cookie.as_ref().is_some_and(|cookie| cookie.starts_with(BROWSER)), "{answer:?}");
    let code = answer.body["data"]["requestSignInLink"]["code"].as_str().expect("six digits").to_owned();
    (person, code)
}

/// Redeems a link: the bearer token, or the code of the refusal.
async fn redeem(person: &Person, token: &str, code: Option<&str>) -> Result<String, String> {
    let data = person.ask(SIGN_IN, json!({ "t": token, "c": code })).await;
    let payload = &data["signIn"];
    match payload["token"].as_str() {
        Some(token) => Ok(token.to_owned()),
        None => Err(payload["errors"][0]["code"].as_str().unwrap_or_else(|| panic!("neither: {data}")).to_owned()),
    }
}

const NOT_VALID: &str = "SIGN_IN_LINK_IS_NOT_VALID";
const CODE_IS_NEEDED: &str = "SIGN_IN_CODE_IS_NEEDED";

/// A form of our own page, as a browser posts it.
async fn post_form(product: &Product, path: &str, form: &str, cookie: Option<&str>) -> reqwest::Response {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let mut request = client.post(product.url(path)).header("content-type", "application/x-www-form-urlencoded");
    request = request.header("origin", product.url("")).header("sec-fetch-site", "same-origin").body(form.to_owned());
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    request.send().await.expect("an answer")
}

fn set_cookie(response: &reqwest::Response) -> String {
    let cookie = response.headers().get("set-cookie").expect("a cookie").to_str().expect("text");
    cookie.split(';').next().unwrap_or_default().to_owned()
}

/// Reads on until the server closes the socket: the code.
async fn closes(listening: &mut Listening) -> Option<u16> {
    while listening.message().await.is_some() {}
    listening.closed
}

/// How many links are raced for.
#[expect(clippy::disallowed_methods, reason = "how long a test takes is chosen by whoever runs it")]
fn links() -> usize {
    std::env::var("THROUGHLINE_TEST_LINKS").ok().and_then(|links| links.parse().ok()).unwrap_or(3)
}

/// The codes of sign-ins that an answer lists.
fn sessions(data: &Value) -> Vec<(String, bool)> {
    let sessions = data["viewer"]["account"]["sessions"].as_array().expect("sessions");
    let of = |session: &Value| (session["id"].as_str().expect("an id").to_owned(), session["current"] == true);
    sessions.iter().map(of).collect()
}

both! {
    /// Nothing in the API and on the pages asks for a password, keeps one or takes one.
    #[test]
    async fn s1_7_there_are_no_passwords(product: Product) {
        let query = "{ __schema { types { name fields { name args { name } } inputFields { name } } } }";
        let schema = product.stranger().ask(query, json!({})).await.to_string().to_lowercase();
        assert!(schema.contains("requestsigninlink"));
        assert!(!schema.contains("password") && !schema.contains("passphrase"));
        for path in ["/login", "/login?token=abc", "/terms"] {
            let page = reqwest::get(product.url(path)).await.expect("a page").text().await.expect("text").to_lowercase();
            assert!(!page.contains("type=\"password\"") && !page.contains("name=\"password\""), "{path}");
        }
    }

    /// A mailed link signs in once; the second time it is refused, whoever tries.
    #[test]
    async fn s1_8_a_sign_in_link_comes_by_mail_and_works_once(product: Product) {
        let (mut ada, _) = asks(&product, "ada@practice.example").await;
        let token = product.token("ada@practice.example", LINK).await;
        ada.token = Some(redeem(&ada, &token, None).await.expect("signed in"));
        let me = ada.ask(ACCOUNT, json!({})).await;
        assert_eq!(me["viewer"]["account"]["email"], "ada@practice.example");
        assert_eq!(redeem(&ada.holding(None), &token, None).await.expect_err("used"), NOT_VALID);
        assert_eq!(redeem(&product.stranger(), &token, None).await.expect_err("used"), NOT_VALID);
        assert_eq!(sessions(&ada.ask(ACCOUNT, json!({})).await).len(), 1);
    }

    /// The page at `/login` takes an address and sends the link; its button signs the browser in by a cookie.
    #[test]
    async fn s1_9_an_email_entered_at_login_sends_the_link(product: Product) {
        let page = reqwest::get(product.url("/login")).await.expect("a page").text().await.expect("text");
        assert!(page.contains("name=\"email\"") && page.contains("method=\"post\""), "{page}");
        assert!(product.mail("ada@practice.example").await.is_empty());
        let asked = post_form(&product, "/login", "email=ada%40practice.example", None).await;
        assert_eq!(asked.status(), 200);
        let browser = set_cookie(&asked);
        assert_eq!(product.mail("ada@practice.example").await.len(), 1);
        let token = product.token("ada@practice.example", LINK).await;
        let done = post_form(&product, "/login", &format!("token={token}"), Some(&browser)).await;
        assert_eq!(done.status(), 303, "{done:?}");
        let mut ada = product.stranger();
        ada.cookie = Some(set_cookie(&done));
        let me = ada.ask(ACCOUNT, json!({})).await;
        assert_eq!(me["viewer"]["account"]["email"], "ada@practice.example");
        assert_eq!(me["viewer"]["account"]["sessions"][0]["kind"], "BROWSER");
    }

    /// The decision on S1.81 and S1.9: an address that nobody has used gets a link too, redeeming it makes an account,
    /// and its person founds a practice and stands in its coach portal as the owner.
    #[test]
    async fn a_stranger_signs_up_and_founds_a_practice(product: Product) {
        let ada = product.person("ada@practice.example").await;
        let before = ada.ask("{ viewer { portals { kind } } }", json!({})).await;
        assert_eq!(before["viewer"]["portals"], json!([]));
        let founded = ada.ask(FOUND, json!({ "n": "Clear Water" })).await;
        let practice = &founded["createPractice"]["practice"]["id"];
        let query = "query($p: ID!) { viewer {
            portals { kind practice { id name } }
            coachPortal(practiceId: $p) { practice { name timeZone } me { role displayName } coachees { totalCount } }
        } }";
        let viewer = &ada.ask(query, json!({ "p": practice })).await["viewer"];
        assert_eq!(viewer["portals"], json!([{ "kind": "COACH", "practice": { "id": practice, "name": "Clear Water" } }]));
        let portal = json!({
            "practice": { "name": "Clear Water", "timeZone": "Europe/Berlin" },
            "me": { "role": "OWNER", "displayName": "Ada" },
            "coachees": { "totalCount": 0 },
        });
        assert_eq!(viewer["coachPortal"], portal);
        product.prove().await;
    }

    /// A5 and D8: of a hundred who redeem one link at once, one is signed in. In full it is two hundred links:
    /// `THROUGHLINE_TEST_LINKS=200`.
    #[test]
    async fn a_hundred_redemptions_of_one_link_make_one_session(product: Product) {
        let here = product.address;
        let there = product.another_address().await;
        for round in 0..links() {
            product.later(16);
            let email = format!("racer{round}@practice.example");
            let (racer, _) = asks(&product, &email).await;
            let token = product.token(&email, LINK).await;
            // A second node exists on PostgreSQL only; SQLite has one process.
            let on_two = product.place.database == tests::Database::Postgres;
            let tries = (0..100).map(|number| {
                let (racer, token) = (racer.through(if on_two && number % 2 == 1 { there } else { here }), token.clone());
                async move { redeem(&racer, &token, None).await }
            });
            let (won, lost): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(Result::is_ok);
            assert_eq!(won.len(), 1);
            assert!(lost.iter().all(|lost| lost.as_ref().is_err_and(|code| code == NOT_VALID)), "{lost:?}");
            let winner = racer.holding(won.into_iter().next().and_then(Result::ok));
            assert_eq!(sessions(&winner.ask(ACCOUNT, json!({})).await).len(), 1);
        }
        product.prove().await;
    }

    /// A5: a link works for ten minutes and no longer.
    #[test]
    async fn a_link_ends_after_ten_minutes(product: Product) {
        let (ada, _) = asks(&product, "ada@practice.example").await;
        let token = product.token("ada@practice.example", LINK).await;
        product.later(9);
        let (robin, _) = asks(&product, "robin@practice.example").await;
        let other = product.token("robin@practice.example", LINK).await;
        product.later(1);
        assert_eq!(redeem(&ada, &token, None).await.expect_err("over"), NOT_VALID);
        product.later(8);
        redeem(&robin, &other, None).await.expect("nine minutes are within ten");
    }

    /// A5: a new link cancels the one before.
    #[test]
    async fn a_new_link_cancels_the_old_one(product: Product) {
        let (old, digits) = asks(&product, "ada@practice.example").await;
        let first = product.token("ada@practice.example", LINK).await;
        let (new, _) = asks(&product, "ada@practice.example").await;
        let second = product.token("ada@practice.example", LINK).await;
        assert_ne!(first, second);
        assert_eq!(redeem(&old, &first, Some(&digits)).await.expect_err("cancelled"), NOT_VALID);
        redeem(&new, &second, None).await.expect("the newest works");
    }

    /// A5: in another browser a link asks for the six digits shown where it was asked for, and is patient five times.
    #[test]
    async fn another_browser_needs_the_six_digits_and_has_five_tries(product: Product) {
        let elsewhere = product.stranger();
        let (_, digits) = asks(&product, "ada@practice.example").await;
        let token = product.token("ada@practice.example", LINK).await;
        let wrong = if digits == "000000" { "000001" } else { "000000" };
        assert_eq!(redeem(&elsewhere, &token, None).await.expect_err("asks"), CODE_IS_NEEDED);
        for _ in 0..4 {
            assert_eq!(redeem(&elsewhere, &token, Some(wrong)).await.expect_err("wrong"), CODE_IS_NEEDED);
        }
        redeem(&elsewhere, &token, Some(&digits)).await.expect("the fifth try is right");

        let (here, digits) = asks(&product, "robin@practice.example").await;
        let token = product.token("robin@practice.example", LINK).await;
        let wrong = if digits == "000000" { "000001" } else { "000000" };
        for _ in 0..5 {
            assert_eq!(redeem(&elsewhere, &token, Some(wrong)).await.expect_err("wrong"), CODE_IS_NEEDED);
        }
        assert_eq!(redeem(&elsewhere, &token, Some(&digits)).await.expect_err("out of tries"), NOT_VALID);
        assert_eq!(redeem(&here, &token, None).await.expect_err("for everybody"), NOT_VALID);
    }

    /// A5: guesses that come all at once have no more than five tries together.
    #[test]
    async fn parallel_guesses_share_the_five_tries(product: Product) {
        let (_, digits) = asks(&product, "ada@practice.example").await;
        let token = product.token("ada@practice.example", LINK).await;
        let wrong = if digits == "000000" { "000001" } else { "000000" };
        let elsewhere = product.stranger();
        let guesses = join_all((0..40).map(|_| redeem(&elsewhere, &token, Some(wrong)))).await;
        let heard = guesses.iter().filter(|guess| guess.as_ref().is_err_and(|code| code == CODE_IS_NEEDED)).count();
        assert_eq!(heard, 5, "{guesses:?}");
        assert_eq!(redeem(&elsewhere, &token, Some(&digits)).await.expect_err("out of tries"), NOT_VALID);
    }

    /// A5: opening, prefetching or scanning a link, and posting it without the cookie, use nothing up.
    #[test]
    async fn looking_at_a_link_changes_nothing(product: Product) {
        let (ada, _) = asks(&product, "ada@practice.example").await;
        let token = product.token("ada@practice.example", LINK).await;
        let page = product.url(&format!("{LINK}{token}"));
        let client = reqwest::Client::new();
        for _ in 0..3 {
            assert_eq!(client.head(&page).send().await.expect("an answer").status(), 200);
            assert_eq!(client.get(&page).send().await.expect("an answer").status(), 200);
        }
        let posted = post_form(&product, "/login", &format!("token={token}"), None).await;
        assert_eq!(posted.status(), 422);
        assert!(posted.headers().get("set-cookie").is_none());
        let query = format!("mutation {{ signIn(input: {{ token: \"{token}\" }}) {{ personId }} }}");
        let mut address = product.url("/graphql?query=");
        query.bytes().for_each(|byte| address.extend(["%".to_owned(), format!("{byte:02X}")]));
        let by_get = client.get(&address).send().await.expect("an answer");
        assert!(!by_get.status().is_success(), "a mutation by GET: {by_get:?}");
        redeem(&ada, &token, None).await.expect("it still works");
    }

    /// A6: a known address, an unknown one and what is none are answered alike: status, headers, body.
    #[test]
    async fn nobody_learns_whether_an_address_is_known(product: Product) {
        product.person("known@practice.example").await;
        let mut shapes = BTreeSet::new();
        for email in ["known@practice.example", "unknown@practice.example", "no address", "", "a@b@c", "x y@z"] {
            let body = json!({ "query": REQUEST, "variables": { "e": email } });
            let request = reqwest::Client::new().post(product.url("/graphql")).json(&body);
            let response = request.header("accept", "application/graphql-response+json").send().await.expect("an answer");
            let status = response.status();
            let mut headers: Vec<(String, String)> = response
                .headers()
                .iter()
                .filter(|(name, _)| *name != "date")
                .map(|(name, value)| (name.to_string(), masked(value.to_str().expect("text"))))
                .collect();
            headers.sort();
            let body = response.text().await.expect("a body");
            shapes.insert((status, headers, masked_digits(&body)));
        }
        assert_eq!(shapes.len(), 1, "{shapes:#?}");
        let form = ["known%40practice.example", "new%40practice.example", "none"];
        let mut pages = BTreeSet::new();
        for email in form {
            let response = post_form(&product, "/login", &format!("email={email}"), None).await;
            let status = response.status();
            pages.insert((status, masked_digits(&response.text().await.expect("a page"))));
        }
        assert_eq!(pages.len(), 1, "{pages:#?}");
    }

    /// A6: an address gets three links in a quarter of an hour; the fourth request brings no mail and is not told.
    #[test]
    async fn the_fourth_request_for_an_address_brings_no_mail(product: Product) {
        for expected in [1, 2, 3, 3, 3] {
            let (_, code) = asks(&product, "ada@practice.example").await;
            assert_eq!(code.len(), 6);
            assert_eq!(product.mail("ada@practice.example").await.len(), expected);
        }
        product.later(15);
        let (ada, _) = asks(&product, "ada@practice.example").await;
        assert_eq!(product.mail("ada@practice.example").await.len(), 4);
        let token = product.token("ada@practice.example", LINK).await;
        redeem(&ada, &token, None).await.expect("signed in");
    }

    /// A6 and A5: requests that bring no mail leave the browser known and its digits good: the newest link that was mailed
    /// works where it was asked for without digits, and elsewhere with those that the browser shows now.
    #[test]
    async fn a_request_beyond_the_limit_spoils_no_link(product: Product) {
        for elsewhere in [false, true] {
            product.later(16);
            let (mut ada, mut digits) = asks(&product, "ada@practice.example").await;
            for _ in 0..4 {
                let answer = ada.whole(REQUEST, json!({ "e": "ada@practice.example" })).await;
                ada.cookie = answer.cookies.first().cloned();
                digits = answer.body["data"]["requestSignInLink"]["code"].as_str().expect("six digits").to_owned();
            }
            let token = product.token("ada@practice.example", LINK).await;
            let signed_in = if elsewhere {
                let other = product.stranger();
                assert_eq!(redeem(&other, &token, None).await.expect_err("asks"), CODE_IS_NEEDED);
                redeem(&other, &token, Some(&digits)).await
            } else {
                redeem(&ada, &token, None).await
            };
            signed_in.unwrap_or_else(|code| panic!("elsewhere {elsewhere}: {code}"));
        }
    }

    /// A5: a browser that asks for two addresses is known to both links, and each has digits of its own; what is no
    /// cookie of ours is not taken for one.
    #[test]
    async fn a_browser_is_known_to_every_link_that_it_asked_for(product: Product) {
        let (ada, first) = asks(&product, "ada@practice.example").await;
        let answer = ada.whole(REQUEST, json!({ "e": "robin@practice.example" })).await;
        assert_eq!(answer.cookies.first(), ada.cookie.as_ref());
        assert_ne!(answer.body["data"]["requestSignInLink"]["code"], json!(first));
        for email in ["ada@practice.example", "robin@practice.example"] {
            let token = product.token(email, LINK).await;
            redeem(&ada, &token, None).await.expect("the browser is known");
        }
        let mut forged = product.stranger();
        forged.cookie = Some(format!("{BROWSER}a-secret-of-somebody-else's"));
        let answer = forged.whole(REQUEST, json!({ "e": "kim@practice.example" })).await;
        assert_ne!(answer.cookies.first(), forged.cookie.as_ref(), "a new one is given");
        let token = product.token("kim@practice.example", LINK).await;
        assert_eq!(redeem(&forged, &token, None).await.expect_err("not known"), CODE_IS_NEEDED);
    }

    /// A6: a client gets ten links in a quarter of an hour, whatever the addresses, by the page and by the API together.
    #[test]
    async fn the_eleventh_request_of_a_client_brings_no_mail(product: Product) {
        for number in 0..5 {
            asks(&product, &format!("person{number}@practice.example")).await;
            let form = format!("email=visitor{number}%40practice.example");
            assert_eq!(post_form(&product, "/login", &form, None).await.status(), 200);
        }
        for number in 0..5 {
            assert_eq!(product.mail(&format!("person{number}@practice.example")).await.len(), 1);
            assert_eq!(product.mail(&format!("visitor{number}@practice.example")).await.len(), 1);
        }
        asks(&product, "eleventh@practice.example").await;
        let asked = post_form(&product, "/login", "email=twelfth%40practice.example", None).await;
        assert_eq!(asked.status(), 200);
        assert!(product.mail("eleventh@practice.example").await.is_empty());
        assert!(product.mail("twelfth@practice.example").await.is_empty());
        product.later(15);
        asks(&product, "eleventh@practice.example").await;
        assert_eq!(product.mail("eleventh@practice.example").await.len(), 1);
    }

    /// A8: a sign-in ends when it was not used for twelve hours.
    #[test]
    async fn an_unused_session_ends_after_twelve_hours(product: Product) {
        let ada = product.person("ada@practice.example").await;
        for _ in 0..4 {
            product.later(12 * 60 - 1);
            ada.ask(ACCOUNT, json!({})).await;
        }
        product.later(12 * 60);
        let refused = ada.whole(ACCOUNT, json!({})).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    }

    /// A8: a sign-in ends after thirty days, though it was used every hour.
    #[test]
    async fn a_used_session_ends_after_thirty_days(product: Product) {
        let ada = product.person("ada@practice.example").await;
        for _ in 0..30 * 24 - 1 {
            product.later(60);
            ada.ask("{ viewer { account { id } } }", json!({})).await;
        }
        product.later(60);
        assert_eq!(ada.fails(ACCOUNT, json!({})).await, "UNAUTHENTICATED");
        product.prove().await;
    }

    /// A8: one sign-in is ended, and the others go on; what is ended already, or somebody else's, is refused alike.
    #[test]
    async fn one_session_is_revoked_and_the_others_go_on(product: Product) {
        let revoke = "mutation($s: ID!) { revokeSession(input: { sessionId: $s }) { done errors { code } } }";
        let (laptop, phone) = (product.person("ada@practice.example").await, product.person("ada@practice.example").await);
        let robin = product.person("robin@practice.example").await;
        let listed = sessions(&laptop.ask(ACCOUNT, json!({})).await);
        assert_eq!(listed.len(), 2);
        let other = listed.iter().find(|(_, current)| !current).expect("the phone").0.clone();
        let foreign = robin.refused(revoke, json!({ "s": other })).await;
        phone.ask(ACCOUNT, json!({})).await;
        let done = laptop.ask(revoke, json!({ "s": other })).await;
        assert_eq!(done["revokeSession"], json!({ "done": true, "errors": [] }));
        assert_eq!(phone.fails(ACCOUNT, json!({})).await, "UNAUTHENTICATED");
        assert_eq!(sessions(&laptop.ask(ACCOUNT, json!({})).await).len(), 1);
        assert_eq!(laptop.refused(revoke, json!({ "s": other })).await, foreign);
        assert_eq!(foreign, "LOGIN_HAS_ENDED");
    }

    /// A8: the list of sign-ins says since when and in what browser, to its person only; each is ended alone, and a cookie
    /// that has ended lets nobody in.
    #[test]
    async fn the_list_of_sessions_says_since_when_and_in_what_browser(product: Product) {
        let list = "{ viewer { account { sessions { id kind userAgent signedInAt usedAt endsAt current } } } }";
        let mut browsers = Vec::new();
        for agent in ["Firefox/145.0 on a laptop", "Safari/26.1 on a telephone"] {
            let (asked, _) = asks(&product, "ada@practice.example").await;
            let token = product.token("ada@practice.example", LINK).await;
            let query = "mutation($t: String!) { signIn(input: { token: $t }) { personId token errors { code } } }";
            let request = reqwest::Client::new().post(product.url("/graphql")).header("user-agent", agent);
            let request = request.header("cookie", asked.cookie.clone().expect("a cookie"));
            let answer = request.json(&json!({ "query": query, "variables": { "t": token } })).send().await.expect("an answer");
            let header = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
            assert!(header.starts_with("__Host-throughline-session="), "{header}");
            for rule in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(header.contains(rule), "{header}");
            }
            let mut browser = product.stranger();
            browser.cookie = Some(set_cookie(&answer));
            let body: Value = answer.json().await.expect("JSON");
            assert_eq!(body["data"]["signIn"]["token"], Value::Null, "a browser's token is in its cookie only");
            browsers.push(browser);
            product.later(5);
        }
        let listed = browsers[0].ask(list, json!({})).await["viewer"]["account"]["sessions"].clone();
        let mut of: Vec<(&str, &str, bool)> = listed.as_array().expect("sessions").iter().map(|session| {
            let text = |name: &str| session[name].as_str().expect("a text");
            (text("userAgent"), text("signedInAt"), session["current"] == true)
        }).collect();
        of.sort_unstable();
        let expected = [
            ("Firefox/145.0 on a laptop", "2026-03-02T09:00:00Z", true),
            ("Safari/26.1 on a telephone", "2026-03-02T09:05:00Z", false),
        ];
        assert_eq!(of, expected);
        let other = listed.as_array().expect("sessions").iter().find(|session| session["current"] == false).expect("it");
        let revoke = "mutation($s: ID!) { revokeSession(input: { sessionId: $s }) { done errors { code } } }";
        assert_eq!(browsers[0].ask(revoke, json!({ "s": other["id"] })).await["revokeSession"]["done"], true);
        assert_eq!(browsers[1].ask("{ viewer { account { id } } }", json!({})).await["viewer"], Value::Null);
        assert_eq!(sessions(&browsers[0].ask(ACCOUNT, json!({})).await).len(), 1);
        product.prove().await;
    }

    /// A4 and A8: signing out ends this sign-in at once, with its open socket; signing out everywhere ends all.
    #[test]
    async fn signing_out_ends_the_open_socket(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let (phone, tablet) = (product.person(&ada.email).await, product.person(&ada.email).await);
        let activity = "subscription($p: ID!) { activity(practiceId: $p) { position } }";
        let listen = async |person: &Person| person.listen(activity, json!({ "p": practice })).await;
        let (mut first, mut second, mut third) = (listen(&ada).await, listen(&phone).await, listen(&tablet).await);

        phone.ask("mutation { signOut { done } }", json!({})).await;
        assert_eq!(closes(&mut second).await, Some(4403));
        assert_eq!(phone.fails(ACCOUNT, json!({})).await, "UNAUTHENTICATED");
        assert_eq!(sessions(&ada.ask(ACCOUNT, json!({})).await).len(), 2);

        tablet.ask("mutation { signOutEverywhere { done } }", json!({})).await;
        assert_eq!((closes(&mut first).await, closes(&mut third).await), (Some(4403), Some(4403)));
        for person in [&ada, &tablet] {
            assert_eq!(person.fails(ACCOUNT, json!({})).await, "UNAUTHENTICATED");
        }
        // Signing in again is not hindered by it.
        product.later(15);
        let again = product.person(&ada.email).await;
        assert_eq!(sessions(&again.ask(ACCOUNT, json!({})).await).len(), 1);
        assert_eq!(again.id, ada.id);
    }

    /// A4: a session that is revoked from elsewhere loses its socket, also through another node.
    #[test]
    async fn a_revoked_session_loses_its_socket(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let phone = product.person(&ada.email).await;
        let elsewhere = match product.place.database {
            tests::Database::Postgres => phone.through(product.another_address().await),
            tests::Database::Sqlite => phone.clone(),
        };
        let activity = "subscription($p: ID!) { activity(practiceId: $p) { position } }";
        let mut open = elsewhere.listen(activity, json!({ "p": practice })).await;
        let listed = sessions(&ada.ask(ACCOUNT, json!({})).await);
        let other = listed.iter().find(|(_, current)| !current).expect("the phone").0.clone();
        ada.ask("mutation($s: ID!) { revokeSession(input: { sessionId: $s }) { done } }", json!({ "s": other })).await;
        assert_eq!(closes(&mut open).await, Some(4403));
    }

    /// D5: asking for a link again with the same key sends no second mail and cancels nothing.
    #[test]
    async fn a_repeated_request_for_a_link_has_one_effect(product: Product) {
        let mut person = product.stranger();
        let mut answers = BTreeSet::new();
        for _ in 0..20 {
            // The limit on clients is not what is tested here.
            let answer = person.once("ask-1-of-this-browser", REQUEST, json!({ "e": "ada@practice.example" })).await;
            answers.insert((answer.body.to_string(), answer.cookies.clone()));
            person.cookie = answer.cookies.first().cloned();
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(product.mail("ada@practice.example").await.len(), 1);
        let token = product.token("ada@practice.example", LINK).await;
        redeem(&person, &token, None).await.expect("the link works");
    }

    /// A5: nobody gets the cookie and the digits of another visitor by coming with the same key: one that others think of is
    /// refused, and any counts for one place and program only.
    #[test]
    async fn a_visitors_key_is_their_own(product: Product) {
        let refused = product.stranger().once("1", REQUEST, json!({ "e": "ada@practice.example" })).await.body;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_REQUEST", "{refused}");
        assert!(product.mail("ada@practice.example").await.is_empty());
        let asked = async |agent: &str| {
            let request = reqwest::Client::new().post(product.url("/graphql")).header("user-agent", agent);
            let request = request.header("idempotency-key", "a-key-that-many-think-of");
            let body = json!({ "query": REQUEST, "variables": { "e": "ada@practice.example" } });
            set_cookie(&request.json(&body).send().await.expect("an answer"))
        };
        let (first, again) = (asked("Firefox").await, asked("Firefox").await);
        assert_eq!(product.mail("ada@practice.example").await.len(), 1);
        let other = asked("Safari").await;
        assert_eq!(product.mail("ada@practice.example").await.len(), 2);
        assert!(first == again && first != other, "{first}, {again}, {other}");
    }

    /// A6: another spelling of an address is none, so it brings no mail that the limit would not count; and no letter that
    /// only becomes an ASCII one leads to somebody else's account.
    #[test]
    async fn another_spelling_of_an_address_brings_no_mail(product: Product) {
        for number in 1..=3 {
            asks(&product, "mike@practice.example").await;
            assert_eq!(product.mail("mike@practice.example").await.len(), number);
        }
        for spelling in ["mike@ｐractice.example", "mike@prac\u{ad}tice.example", "mike@practice\u{200b}.example", "mi\u{212a}e@practice.example"] {
            asks(&product, spelling).await;
            assert!(product.mail(spelling).await.is_empty(), "{spelling}");
        }
        assert_eq!(product.mail("mike@practice.example").await.len(), 3);
    }

    /// D5: redeeming again with the same key answers with the same sign-in, also when the repeats come at once.
    #[test]
    async fn a_repeated_redemption_is_one_sign_in(product: Product) {
        for (email, parallel) in [("ada@practice.example", 1), ("robin@practice.example", 12)] {
            let (mut person, _) = asks(&product, email).await;
            let token = product.token(email, LINK).await;
            let mut tokens = BTreeSet::new();
            for _ in 0..3 {
                let tries = (0..parallel).map(|_| person.once("in-1", SIGN_IN, json!({ "t": token })));
                for answer in join_all(tries).await {
                    let signed_in = &answer.body["data"]["signIn"];
                    let token = signed_in["token"].as_str().unwrap_or_else(|| panic!("{email}: {}", answer.body));
                    tokens.insert((token.to_owned(), signed_in["personId"].to_string()));
                }
            }
            assert_eq!(tokens.len(), 1, "{email}: {tokens:?}");
            person.token = tokens.into_iter().next().map(|(token, _)| token);
            assert_eq!(sessions(&person.ask(ACCOUNT, json!({})).await).len(), 1);
        }
        product.prove().await;
    }

    /// D5: where the sign-in has ended, redeeming again with the same key says that the link was used: no digits would mend
    /// that. Wrong digits, sent again, are asked for again, and are one try.
    #[test]
    async fn a_repeated_redemption_brings_no_ended_sign_in_back(product: Product) {
        let (ada, digits) = asks(&product, "ada@practice.example").await;
        let token = product.token("ada@practice.example", LINK).await;
        let wrong = if digits == "000000" { "000001" } else { "000000" };
        let elsewhere = product.stranger();
        for _ in 0..7 {
            let answer = elsewhere.once("guess", SIGN_IN, json!({ "t": token, "c": wrong })).await;
            assert_eq!(answer.body["data"]["signIn"]["errors"][0]["code"], CODE_IS_NEEDED, "{}", answer.body);
        }
        let answer = ada.once("in", SIGN_IN, json!({ "t": token })).await;
        let signed_in = answer.body["data"]["signIn"]["token"].as_str().unwrap_or_else(|| panic!("{}", answer.body));
        ada.holding(Some(signed_in.to_owned())).ask("mutation { signOut { done } }", json!({})).await;
        let answer = ada.once("in", SIGN_IN, json!({ "t": token })).await;
        assert_eq!(answer.body["data"]["signIn"]["errors"][0]["code"], NOT_VALID, "{}", answer.body);
        product.prove().await;
    }

    /// D5: founding a practice again with the same key is one practice, with the same id and position.
    #[test]
    async fn a_repeated_founding_is_one_practice(product: Product) {
        let ada = product.person("ada@practice.example").await;
        let mut answers = BTreeSet::new();
        for _ in 0..10 {
            answers.insert(ada.once("found-1", FOUND, json!({ "n": "Clear Water" })).await.body.to_string());
        }
        for answer in join_all((0..10).map(|_| ada.once("found-1", FOUND, json!({ "n": "Clear Water" })))).await {
            answers.insert(answer.body.to_string());
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
        let at_once = join_all((0..20).map(|_| ada.once("found-2", FOUND, json!({ "n": "Deep Water" })))).await;
        assert_eq!(at_once.iter().map(|answer| answer.body.to_string()).collect::<BTreeSet<_>>().len(), 1, "{at_once:?}");
        let portals = ada.ask("{ viewer { portals { practice { id } } } }", json!({})).await;
        assert_eq!(portals["viewer"]["portals"].as_array().map(Vec::len), Some(2));
        let other = ada.once("found-1", FOUND, json!({ "n": "Muddy Water" })).await;
        assert_eq!(other.body["errors"][0]["extensions"]["code"], "CONFLICTING_IDEMPOTENCY_KEY");
        product.prove().await;
    }

    /// D5: two people who happen to use the same key do not meet: not as visitors either.
    #[test]
    async fn the_same_key_of_two_people_is_two_keys(product: Product) {
        let (ada, robin) = (product.person("ada@practice.example").await, product.person("robin@practice.example").await);
        let mut practices = Vec::new();
        for founder in [&ada, &robin] {
            let answer = founder.once("key-1", FOUND, json!({ "n": "Clear Water" })).await;
            practices.push(answer.body["data"]["createPractice"]["practice"]["id"].as_str().expect("founded").to_owned());
        }
        assert_ne!(practices[0], practices[1]);
        let accept = "mutation($t: String!) {
            acceptInvitation(input: { token: $t, kind: PROGRAM }) { signedIn { personId token } errors { code } }
        }";
        let mut people = Vec::new();
        for (founder, practice, name) in [(&ada, &practices[0], "Kim"), (&robin, &practices[1], "Lee")] {
            let coachee = product.coachee(founder, practice, name).await;
            let invite = "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { errors { code } } }";
            founder.ask(invite, json!({ "i": { "practiceId": practice, "coacheeId": coachee } })).await;
            let email = format!("{}@coachee.example", name.to_lowercase());
            let token = product.token(&email, "/invitations/").await;
            let answer = product.stranger().once("key-1", accept, json!({ "t": token })).await;
            let signed_in = answer.body["data"]["acceptInvitation"]["signedIn"].clone();
            let bearer = signed_in["token"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned();
            let person = product.stranger().holding(Some(bearer));
            people.push((signed_in["personId"].clone(), person, email));
        }
        assert_ne!(people[0].0, people[1].0, "two visitors became one person");
        for (_, person, email) in &people {
            let me = person.ask("{ viewer { account { email } portals { kind } } }", json!({})).await;
            assert_eq!(me["viewer"]["account"]["email"], json!(email));
            assert_eq!(me["viewer"]["portals"].as_array().map(Vec::len), Some(1), "{me}");
        }
        product.prove().await;
    }
}

/// A header's value without what is random in it: the shape that anybody can tell apart.
fn masked(value: &str) -> String {
    let Some((name, rest)) = value.split_once('=').filter(|(name, _)| name.contains("throughline")) else {
        return value.to_owned();
    };
    let (token, rules) = rest.split_once(';').unwrap_or((rest, ""));
    let kind = token.split('_').next().unwrap_or_default();
    format!("{name}={kind}:{};{rules}", token.len())
}

/// A body without its six digits.
fn masked_digits(body: &str) -> String {
    let characters: Vec<char> = body.chars().collect();
    let mut masked = String::with_capacity(body.len());
    let mut place = 0;
    while place < characters.len() {
        let run = characters[place..].iter().take_while(|character| character.is_ascii_digit()).count();
        if run == 6 {
            masked.push_str("######");
        } else {
            masked.extend(&characters[place..place + run.max(1)]);
        }
        place += run.max(1);
    }
    masked
}
