//! Signing in with Google from outside (S1.8, S1.10, S1.11; promise A7), against an issuer of our own on loopback, which
//! publishes its keys and signs as Google does.

mod forged;
mod issuer;

use std::collections::BTreeSet;

use app::google::{Google, Trouble};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Person, Product, both};

use self::issuer::{CLIENT, Issuer, Mood};

const BEGIN: &str = "mutation { beginGoogleSignIn { clientId nonce errors { code } } }";
const SIGN_IN: &str = "mutation($t: String!) {
    signInWithGoogle(input: { credential: $t, kind: PROGRAM }) { personId token errors { code } }
}";
const WAYS: &str = "{ service { waysToSignIn } }";
const NOT_VALID: &str = "GOOGLE_SIGN_IN_IS_NOT_VALID";
const NOT_LINKED: &str = "GOOGLE_ACCOUNT_IS_NOT_LINKED";

/// Somebody in a browser of their own who began to sign in with Google: they, and the nonce.
async fn begins(product: &Product) -> (Person, String) {
    let mut person = product.stranger();
    let answer = person.whole(BEGIN, json!({})).await;
    person.cookie = answer.cookies.first().cloned();
    let payload = &answer.body["data"]["beginGoogleSignIn"];
    assert_eq!(payload["clientId"], CLIENT, "{}", answer.body);
    (person, payload["nonce"].as_str().expect("a nonce").to_owned())
}

/// Brings a token: who is signed in, or the code of the refusal.
async fn brings(person: &Person, token: &str) -> Result<String, String> {
    let data = person.ask(SIGN_IN, json!({ "t": token })).await;
    let payload = &data["signInWithGoogle"];
    match payload["personId"].as_str() {
        Some(person) => Ok(person.to_owned()),
        None => Err(payload["errors"][0]["code"].as_str().unwrap_or_else(|| panic!("neither: {data}")).to_owned()),
    }
}

/// Signs in with Google in a browser of one's own, with these claims beside those that every token has.
async fn comes(product: &Product, issuer: &Issuer, claims: Value) -> Result<String, String> {
    let (person, nonce) = begins(product).await;
    brings(&person, &issuer.token(product, &nonce, claims)).await
}

/// A page of ours as a browser opens or posts it; redirects are not followed.
fn browser() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

fn escaped(token: &str) -> String {
    token.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}

both! {
    /// A7: more than forty forged tokens, each different from a good one in one thing, each refused for its own reason and
    /// to the outside all alike; the good one is accepted before and after each.
    #[test]
    async fn forged_tokens_are_refused_each_for_its_own_reason(product: Product) {
        let issuer = Issuer::start(&product).await;
        let (person, nonce) = begins(&product).await;
        let google = product.app.google().expect("it is set up");
        let mut reasons = BTreeSet::new();
        let forged = forged::all();
        assert!(forged.len() >= 40, "{}", forged.len());
        for (what, reason, forge) in forged {
            let now = product.app.clock().now();
            let good = issuer.made(&product, &nonce, json!({}));
            google.verify(&issuer.sign(&good), &nonce, now).await.unwrap_or_else(|trouble| panic!("{what}: {trouble:?}"));
            let token = forge(&issuer, good);
            assert_eq!(google.verify(&token, &nonce, now).await, Err(Trouble::Refused(reason)), "{what}");
            assert_eq!(brings(&person, &token).await, Err(NOT_VALID.to_owned()), "{what}");
            reasons.insert(reason);
        }
        assert_eq!(reasons.len(), 20, "every reason is met: {reasons:?}");
        brings(&person, &issuer.token(&product, &nonce, json!({}))).await.expect("the control");
        product.prove().await;
    }

    /// D5: a sign-in with Google, asked again under its key in the same browser, is one sign-in; in another it is none.
    #[test]
    async fn a_repeated_sign_in_with_google_is_one(product: Product) {
        let issuer = Issuer::start(&product).await;
        let (mut person, nonce) = begins(&product).await;
        let token = json!({ "t": issuer.token(&product, &nonce, json!({})) });
        let sign_in = SIGN_IN.replace(", kind: PROGRAM", "");
        let first = person.once("k", &sign_in, token.clone()).await;
        let is_first = |again: &tests::Answer| (&again.body, &again.cookies) == (&first.body, &first.cookies);
        assert!(first.body["data"]["signInWithGoogle"]["personId"].is_string(), "{}", first.body);
        assert!(is_first(&person.once("k", &sign_in, token.clone()).await));
        let browser = person.cookie.clone().expect("a cookie");
        person.cookie = Some(format!("{browser}; {}", first.cookies[0]));
        let again = person.once("k", &sign_in, token.clone()).await;
        assert!(is_first(&again), "the sign-in arrived, and the answer not: {}", again.body);
        let sessions = person.ask("{ viewer { account { sessions { id } } } }", json!({})).await;
        assert_eq!(sessions["viewer"]["account"]["sessions"].as_array().map(Vec::len), Some(1), "{sessions}");
        person.cookie = None;
        let refused = person.once("k", &sign_in, token.clone()).await.body;
        assert_eq!(refused["data"]["signInWithGoogle"]["errors"][0]["code"], NOT_VALID, "{refused}");
        // Where that session has ended, nobody is told that they are signed in.
        person.cookie = first.cookies.first().cloned();
        person.ask("mutation { signOutEverywhere { done } }", json!({})).await;
        person.cookie = Some(browser);
        let ended = person.once("k", &sign_in, token).await;
        let payload = &ended.body["data"]["signInWithGoogle"];
        assert_eq!((&payload["personId"], &payload["errors"][0]["code"]), (&Value::Null, &json!(NOT_VALID)), "{}", ended.body);
        assert_eq!(ended.cookies, Vec::<String>::new());
        product.prove().await;
    }

    /// A8: whoever signs out, here or everywhere, or deletes the account leaves a browser for which no token counts that
    /// Google gave it before.
    #[test]
    async fn a_browser_that_signed_out_is_a_stranger_to_google(product: Product) {
        let issuer = Issuer::start(&product).await;
        let sign_in = SIGN_IN.replace(", kind: PROGRAM", "");
        for (operation, input) in [
            ("signOut", ""),
            ("signOutEverywhere", ""),
            ("deleteAccount", "(input: { confirmEmail: \"somebody@gmail.com\" })"),
        ] {
            let (mut person, nonce) = begins(&product).await;
            let token = json!({ "t": issuer.token(&product, &nonce, json!({})) });
            let browser = person.cookie.clone().expect("a cookie");
            let session = person.whole(&sign_in, token).await.cookies.first().cloned().expect("a session");
            person.cookie = Some(format!("{browser}; {session}"));
            let ended = person.whole(&format!("mutation {{ {operation}{input} {{ errors {{ code }} }} }}"), json!({})).await;
            assert_eq!(ended.body["data"][operation]["errors"], json!([]), "{operation}");
            assert_eq!(ended.cookies, ["__Host-throughline-session=", "__Host-throughline-browser="], "{operation}");
        }
    }

    /// S1.8 and S1.10: Google and the mailed link lead to the same account, whichever comes first; a Google account stays
    /// that account's whatever address it has later.
    #[test]
    async fn s1_10_google_and_the_link_lead_to_the_same_account(product: Product) {
        let issuer = Issuer::start(&product).await;
        let ada = product.person("ada@gmail.com").await;
        let by_google = comes(&product, &issuer, json!({ "sub": "1", "email": "Ada@Gmail.com" })).await;
        assert_eq!(by_google, Ok(ada.id.clone()));
        let robin = comes(&product, &issuer, json!({ "sub": "2", "email": "robin@gmail.com" })).await.expect("an account is opened");
        assert_ne!(robin, ada.id);
        assert_eq!(product.person("robin@gmail.com").await.id, robin);
        // The subject is who it is, not the address: neither a new address nor somebody else's old one moves it.
        let moved = comes(&product, &issuer, json!({ "sub": "2", "email": "robin.reed@gmail.com" })).await;
        assert_eq!(moved, Ok(robin.clone()));
        let taken = comes(&product, &issuer, json!({ "sub": "2", "email": "ada@gmail.com" })).await;
        assert_eq!(taken, Ok(robin.clone()));
        let (person, nonce) = begins(&product).await;
        let token = issuer.token(&product, &nonce, json!({ "sub": "2" }));
        let signed_in = person.ask(SIGN_IN, json!({ "t": token })).await["signInWithGoogle"]["token"].clone();
        let me = person.holding(signed_in.as_str().map(str::to_owned));
        let account = me.ask("{ viewer { account { id email sessions { kind } } } }", json!({})).await;
        assert_eq!(account["viewer"]["account"]["email"], "robin@gmail.com");
        product.prove().await;
    }

    /// A7: an address that Google only verified once lets nobody into the account of that address, and opens none; an
    /// organisation's own does, and so does being signed in to that account, after which Google is enough.
    #[test]
    async fn a_verified_address_alone_takes_over_no_account(product: Product) {
        let issuer = Issuer::start(&product).await;
        let victim = product.person("kim@company.example").await;
        let attackers = [
            json!({ "sub": "9", "email": "kim@company.example" }),
            json!({ "sub": "9", "email": "kim@company.example", "hd": "attacker.example" }),
            json!({ "sub": "9", "email": "kim@company.example", "hd": "example" }),
            json!({ "sub": "9", "email": "kim@company.example", "hd": "" }),
            json!({ "sub": "9", "email": "kim@gmail.com.example" }),
            json!({ "sub": "9", "email": "nobody.yet@company.example" }),
        ];
        for claims in attackers {
            assert_eq!(comes(&product, &issuer, claims.clone()).await, Err(NOT_LINKED.to_owned()), "{claims}");
            // Being signed in as somebody else does not help.
            let attacker = product.person("attacker@elsewhere.example").await;
            let (browser, nonce) = begins(&product).await;
            let mut signed_in = browser_of(&product, &attacker, browser.cookie.as_deref()).await;
            signed_in.token = None;
            let refused = brings(&signed_in, &issuer.token(&product, &nonce, claims.clone())).await;
            assert_eq!(refused, Err(NOT_LINKED.to_owned()), "{claims}");
            product.later(16);
        }
        let hosted = json!({ "sub": "3", "email": "kim@company.example", "hd": "Company.example" });
        assert_eq!(comes(&product, &issuer, hosted).await, Ok(victim.id.clone()));
        let own = json!({ "sub": "4", "email": "kim@company.example" });
        let (browser, nonce) = begins(&product).await;
        let signed_in = browser_of(&product, &victim, browser.cookie.as_deref()).await;
        assert_eq!(brings(&signed_in, &issuer.token(&product, &nonce, own.clone())).await, Ok(victim.id.clone()));
        assert_eq!(comes(&product, &issuer, own).await, Ok(victim.id));
        product.prove().await;
    }

    /// A Google account whose account here was deleted is new here: it comes to another account, with nothing of the old.
    #[test]
    async fn a_deleted_account_does_not_hold_its_google_account(product: Product) {
        let issuer = Issuer::start(&product).await;
        let claims = json!({ "sub": "5", "email": "robin@gmail.com" });
        let (person, nonce) = begins(&product).await;
        let query = "mutation($t: String!) { signInWithGoogle(input: { credential: $t }) { personId errors { code } } }";
        let token = issuer.token(&product, &nonce, claims.clone());
        let answer = person.whole(query, json!({ "t": token })).await;
        let first = answer.body["data"]["signInWithGoogle"]["personId"].as_str().expect("signed in").to_owned();
        let mut browser = product.stranger();
        browser.cookie = answer.cookies.first().cloned();
        let delete = "mutation { deleteAccount(input: { confirmEmail: \"robin@gmail.com\" }) { errors { code } } }";
        assert_eq!(browser.ask(delete, json!({})).await["deleteAccount"]["errors"], json!([]));
        let second = comes(&product, &issuer, claims.clone()).await.expect("an account is opened");
        assert_ne!(second, first);
        assert_eq!(comes(&product, &issuer, claims).await, Ok(second));
        product.prove().await;
    }

    /// A7: a token counts in the browser that began, and in no other.
    #[test]
    async fn a_token_counts_in_the_browser_that_began(product: Product) {
        let issuer = Issuer::start(&product).await;
        let ((ada, for_ada), (eve, for_eve)) = (begins(&product).await, begins(&product).await);
        let token = issuer.token(&product, &for_ada, json!({}));
        assert_eq!(brings(&eve, &token).await, Err(NOT_VALID.to_owned()));
        assert_eq!(brings(&product.stranger(), &token).await, Err(NOT_VALID.to_owned()));
        assert_eq!(brings(&ada, &issuer.token(&product, &for_eve, json!({}))).await, Err(NOT_VALID.to_owned()));
        assert_eq!(brings(&product.stranger(), &issuer.token(&product, "", json!({}))).await, Err(NOT_VALID.to_owned()));
        brings(&ada, &token).await.expect("this is the browser");
        // The browser that asked for a link is the same one to Google.
        let again = ada.whole(BEGIN, json!({})).await;
        assert_eq!((again.cookies.first(), &again.body["data"]["beginGoogleSignIn"]["nonce"]), (ada.cookie.as_ref(), &json!(for_ada)));
        // Under the same key others are others.
        let (one, other) = (product.stranger().once("1", BEGIN, json!({})).await, product.stranger().once("1", BEGIN, json!({})).await);
        assert_ne!(one.cookies, other.cookies);
        assert_ne!(one.body, other.body);
    }

    /// S1.11 and A9: Google without anybody's script. The link leads to Google with all that it needs; what comes back from
    /// there changes nothing until our own page posts it.
    #[test]
    async fn s1_11_google_needs_no_script(product: Product) {
        let issuer = Issuer::start(&product).await;
        let login = reqwest::get(product.url("/login")).await.expect("a page").text().await.expect("text");
        assert!(login.contains("href=\"/auth/google\"") && !login.contains("<script"), "{login}");
        let begun = browser().get(product.url("/auth/google")).send().await.expect("an answer");
        assert_eq!(begun.status(), 303);
        let place = header(&begun, "location").to_owned();
        assert!(place.starts_with(&format!("{}/people?", issuer.url)), "{place}");
        for part in ["response_type=id_token", "response_mode=form_post", "scope=openid%20email", "client_id=throughline-test"] {
            assert!(place.contains(part), "{place}");
        }
        assert!(place.contains(&format!("redirect_uri={}", escaped_plainly(&product.url("/auth/google")))), "{place}");
        let nonce = place.split("nonce=").nth(1).expect("a nonce").to_owned();
        let cookie = header(&begun, "set-cookie").split(';').next().expect("a cookie").to_owned();
        let form = format!("id_token={}&state=x", escaped(&issuer.token(&product, &nonce, json!({}))));
        let post = |site: &'static str, origin: String| {
            let request = browser().post(product.url("/auth/google")).body(form.clone());
            let request = request.header("content-type", "application/x-www-form-urlencoded").header("cookie", cookie.clone());
            request.header("sec-fetch-site", site).header("origin", origin).send()
        };
        let returned = post("cross-site", issuer.url.clone()).await.expect("an answer");
        assert_eq!((returned.status().as_u16(), header(&returned, "set-cookie")), (200, ""));
        let page = returned.text().await.expect("text");
        assert!(page.contains("name=\"id_token\"") && page.contains("action=\"/auth/google\"") && !page.contains("<script"), "{page}");
        let done = post("same-origin", product.url("")).await.expect("an answer");
        assert_eq!((done.status().as_u16(), header(&done, "location")), (303, "/"));
        assert!(header(&done, "set-cookie").starts_with("__Host-throughline-session="));
        let refused = browser().post(product.url("/auth/google")).body("error=access_denied");
        let refused = refused.header("content-type", "application/x-www-form-urlencoded").send().await.expect("an answer");
        assert_eq!(refused.status(), 422);
    }

    /// Without its settings there is no Google, and whoever asks is told so.
    #[test]
    async fn without_its_settings_there_is_no_google(product: Product) {
        let stranger = product.stranger();
        assert_eq!(stranger.ask(WAYS, json!({})).await, json!({ "service": { "waysToSignIn": ["LINK"] } }));
        assert_eq!(stranger.refused(BEGIN, json!({})).await, "GOOGLE_IS_NOT_SET_UP");
        assert_eq!(brings(&stranger, "a.b.c").await, Err("GOOGLE_IS_NOT_SET_UP".to_owned()));
        assert_eq!(browser().get(product.url("/auth/google")).send().await.expect("an answer").status(), 422);
        let login = reqwest::get(product.url("/login")).await.expect("a page").text().await.expect("text");
        assert!(!login.contains("Google"), "{login}");
        let _issuer = Issuer::start(&product).await;
        assert_eq!(stranger.ask(WAYS, json!({})).await, json!({ "service": { "waysToSignIn": ["LINK", "GOOGLE"] } }));
    }

    /// A7: keys are asked for when one is needed, kept for an hour, and asked for again for an unknown name at most once a
    /// minute; while the issuer is away they are good for a day.
    #[test]
    async fn keys_are_kept_and_asked_for_again_within_limits(product: Product) {
        let issuer = Issuer::start(&product).await;
        let good = async || comes(&product, &issuer, json!({})).await;
        assert_eq!(issuer.asked(), 0);
        for _ in 0..3 {
            good().await.expect("signed in");
        }
        assert_eq!(issuer.asked(), 1);
        let (person, nonce) = begins(&product).await;
        let unknown = |kid: String| {
            let mut made = issuer.made(&product, &nonce, json!({}));
            made.header["kid"] = json!(kid);
            issuer.sign(&made)
        };
        product.later(2);
        for number in 0..10 {
            assert_eq!(brings(&person, &unknown(format!("made-up-{number}"))).await, Err(NOT_VALID.to_owned()));
        }
        assert_eq!(issuer.asked(), 2, "ten names, one question");
        issuer.rename("key-2");
        assert_eq!(good().await, Err(NOT_VALID.to_owned()), "the minute is not over");
        product.later(1);
        good().await.expect("the new key is found");
        assert_eq!(issuer.asked(), 3);
        issuer.withdraw();
        product.later(61);
        assert_eq!(good().await, Err(NOT_VALID.to_owned()), "a key that was withdrawn is good for an hour at most");
        issuer.rename("key-2");
        product.later(1);
        good().await.expect("it is back");
        issuer.turns(Mood::Away);
        product.later(23 * 60);
        good().await.expect("kept keys are good for a day");
        product.later(2 * 60);
        let (person, nonce) = begins(&product).await;
        let token = issuer.token(&product, &nonce, json!({}));
        assert_eq!(person.fails(SIGN_IN, json!({ "t": token })).await, "UNAVAILABLE");
    }

    /// A7: whoever brings a key that is not known waits for the issuer alone.
    #[test]
    async fn a_made_up_key_keeps_nobody_waiting(product: Product) {
        let issuer = Issuer::start(&product).await;
        let google = product.app.google().expect("it is set up");
        let now = product.app.clock().now();
        google.verify(&issuer.token(&product, "nonce", json!({})), "nonce", now).await.expect("signed in");
        product.later(2);
        let now = product.app.clock().now();
        issuer.turns(Mood::Silent);
        let mut made = issuer.made(&product, "nonce", json!({}));
        let good = issuer.sign(&made);
        made.header["kid"] = json!("made-up");
        let made_up = issuer.sign(&made);
        tokio::select! {
            biased;
            answer = google.verify(&made_up, "nonce", now) => panic!("the issuer says nothing, and yet: {answer:?}"),
            answer = google.verify(&good, "nonce", now) => assert!(answer.is_ok(), "{answer:?}"),
        }
    }

    /// A7: whoever has the issuer asked and hangs up keeps nobody from its answer, who comes in the same minute.
    #[test]
    async fn who_hangs_up_keeps_nobody_from_the_keys(product: Product) {
        let issuer = Issuer::start(&product).await;
        let google = product.app.google().expect("it is set up");
        let (token, now) = (issuer.token(&product, "nonce", json!({})), product.app.clock().now());
        // Polled once, so that the issuer is asked, and dropped.
        drop(google.verify(&token, "nonce", now).now_or_never());
        google.verify(&token, "nonce", now).await.expect("signed in");
        assert_eq!(issuer.asked(), 1);
    }

    /// A7: what an issuer publishes counts only where it comes from there, safely, and is not too long.
    #[test]
    async fn keys_come_from_the_issuer_or_not_at_all(product: Product) {
        let issuer = Issuer::start(&product).await;
        let now = product.app.clock().now();
        let token = issuer.token(&product, "nonce", json!({}));
        for mood in [Mood::Fine, Mood::Mixed, Mood::Away, Mood::Another, Mood::Unsafe, Mood::Elsewhere, Mood::Endless, Mood::Babbling] {
            issuer.turns(mood);
            let google = Google::new(&issuer.url, CLIENT, &product.url("")).expect("an issuer");
            match google.verify(&token, "nonce", now).await {
                Ok(_) => assert!([Mood::Fine, Mood::Mixed].contains(&mood), "{mood:?}"),
                Err(trouble) => assert!(![Mood::Fine, Mood::Mixed].contains(&mood) && matches!(trouble, Trouble::Unreachable(_)), "{mood:?}: {trouble:?}"),
            }
        }
        for (place, is_fine) in [
            ("https://accounts.google.com", true),
            ("http://127.0.0.1:9", true),
            ("http://[::1]:9", true),
            ("http://accounts.google.com", false),
            ("http://127.0.0.1.example", false),
            ("http://localhost@example.org", false),
            ("ftp://127.0.0.1", false),
            ("accounts.google.com", false),
            ("", false),
        ] {
            assert_eq!(Google::new(place, CLIENT, "https://our.example").is_ok(), is_fine, "{place}");
        }
        assert!(Google::new("https://accounts.google.com", "", "https://our.example").is_err());
    }

    /// D8: of many first sign-ins with one Google account at once, all are the same account.
    #[test]
    async fn many_first_sign_ins_open_one_account(product: Product) {
        let issuer = Issuer::start(&product).await;
        let (person, nonce) = begins(&product).await;
        let token = issuer.token(&product, &nonce, json!({}));
        let people: BTreeSet<_> = join_all((0..32).map(|_| brings(&person, &token))).await.into_iter().collect();
        assert_eq!(people.len(), 1, "{people:?}");
        assert!(people.iter().all(Result::is_ok), "{people:?}");
        product.prove().await;
    }

    /// Where sign-up is closed, Google opens no account either, and lets in who has one.
    #[test]
    async fn closed_sign_up_is_closed_to_google(product: Product) {
        let issuer = Issuer::start(&product).await;
        let ada = product.person("ada@gmail.com").await;
        product.app.close_sign_up();
        let stranger = json!({ "sub": "7", "email": "stranger@gmail.com" });
        assert_eq!(comes(&product, &issuer, stranger).await, Err("SIGN_UP_IS_CLOSED".to_owned()));
        assert_eq!(comes(&product, &issuer, json!({ "sub": "1", "email": "ada@gmail.com" })).await, Ok(ada.id));
    }
}

/// A redirect's address with what is not plain escaped.
fn escaped_plainly(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}

/// A browser in which this person is signed in, with a further cookie.
async fn browser_of(product: &Product, person: &Person, cookie: Option<&str>) -> Person {
    let mut browser = product.stranger();
    let ask = "mutation($e: EmailAddress!) { requestSignInLink(input: { email: $e }) { code } }";
    browser.cookie = browser.whole(ask, json!({ "e": person.email })).await.cookies.first().cloned();
    let token = product.token(&person.email, "/login?token=").await;
    let query = "mutation($t: String!) { signIn(input: { token: $t }) { personId errors { code } } }";
    let session = browser.whole(query, json!({ "t": token })).await.cookies.first().cloned().expect("a session");
    browser.cookie = Some(cookie.map_or_else(|| session.clone(), |cookie| format!("{session}; {cookie}")));
    browser
}
