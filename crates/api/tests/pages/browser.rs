//! The world of these tests: a server, its mail, and browsers that ask it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use api::http::{Bounds, Settings};
use app::clock::Standing;
use app::mail::{MailSettings, Post};
use app::{App, Clock};
use domain::value::Time;
use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server with the product's bounds.
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) clock: Arc<Standing>,
    app: App,
    folder: TempDir,
}

impl Site {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("throughline.db").display());
        let clock = Arc::new(Standing::at(Time(1_795_000_000_000_000)));
        let settings = app::Settings {
            store: store::Store::open(&store::Options::new(database)).await.unwrap(),
            files: store::Objects::memory(),
            roots: vault::RootKey::parse(&"5a".repeat(32)).unwrap().into(),
            signer: None,
            clock: clock.clone(),
            entropy: Arc::new(vault::Seeded::new(1)),
            cache_bytes: 1 << 20,
            moments: app::moments::Bounds::default(),
            lanes: 1,
        };
        let app = App::open(settings).await.unwrap();
        let settings = Settings {
            origins: Vec::new(),
            session_cookie: api::cookies::SESSION.to_owned(),
            browser_cookie: api::cookies::BROWSER.to_owned(),
            nonce: 7,
            bounds: Bounds::default(),
            numbers: api::http::Numbers::default(),
        };
        let router = api::router(app.clone(), settings);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listener = api::http::patience::Patient::new(listener, Bounds::default().write);
        tokio::runtime::Handle::current().spawn(api::http::serve(listener, router, std::future::pending()));
        Self { url, clock, app, folder }
    }

    pub(crate) fn browser(&self) -> Browser {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Browser { client, url: self.url.clone(), cookies: BTreeMap::new() }
    }

    /// Sends all mail that is due, and reads it: the path of each mail's link.
    pub(crate) async fn mail(&self) -> Vec<String> {
        let folder = self.folder.path().join("mail");
        let settings =
            MailSettings::parse("Throughline <no-reply@example.com>", "https://coaching.example.com").unwrap();
        self.app.deliver(&Post::folder(&folder).unwrap(), &settings).await.unwrap();
        let links = std::fs::read_dir(&folder).unwrap().map(|file| {
            let path = file.unwrap().path();
            let link = link(&path);
            std::fs::remove_file(path).unwrap();
            link
        });
        links.collect()
    }

    /// The path of the link of the only mail that is due.
    pub(crate) async fn one_mail(&self) -> String {
        let [link] = self.mail().await.try_into().unwrap();
        link
    }

    /// Moves the clock.
    pub(crate) fn wait_minutes(&self, minutes: i64) {
        self.clock.set(self.clock.now().plus_minutes(minutes));
    }

    /// A browser in which this address is signed in.
    pub(crate) async fn signed_in(&self, email: &str) -> Browser {
        let mut browser = self.browser();
        browser.post("/login", &[("email", email)]).await;
        let token = token(&self.one_mail().await);
        assert_eq!(browser.post("/login", &[("token", &token)]).await.status, StatusCode::SEE_OTHER);
        browser
    }
}

/// The path and query of the link in a mail's text.
fn link(path: &Path) -> String {
    let mail = std::fs::read_to_string(path).unwrap();
    // quoted-printable (RFC 2045, section 6.7), as far as a link needs it
    let mail = mail.replace("=\r\n", "").replace("=3D", "=");
    let (_, rest) = mail.split_once("https://coaching.example.com").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// The token of a sign-in link.
pub(crate) fn token(link: &str) -> String {
    link.strip_prefix("/login?token=").unwrap().to_owned()
}

/// A browser: it keeps cookies, and follows no redirect by itself.
pub(crate) struct Browser {
    client: Client,
    url: String,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// What a browser is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    /// Another one with the same cookies.
    pub(crate) fn copy(&self) -> Self {
        Self { client: self.client.clone(), url: self.url.clone(), cookies: self.cookies.clone() }
    }

    /// A request as the browser's own pages make it.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.request(method, format!("{}{path}", self.url));
        if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) }
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = filled(self.request(Method::POST, path).header("origin", &self.url), form);
        self.send(request.header("sec-fetch-site", "same-origin")).await
    }

    pub(crate) async fn graphql(&mut self, query: &str, input: Value) -> Value {
        let body = json!({ "query": query, "variables": { "input": input } }).to_string();
        let request = self.request(Method::POST, "/graphql").header("content-type", "application/json").body(body);
        let answer: Value = serde_json::from_str(&self.send(request).await.body).unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    /// The address that is signed in here, as the API says it.
    pub(crate) async fn who(&mut self) -> Option<String> {
        let data = self.graphql("{ viewer { account { email } } }", Value::Null).await;
        data["viewer"]["account"]["email"].as_str().map(str::to_owned)
    }
}

/// A request with a form in its body.
pub(crate) fn filled(request: RequestBuilder, form: &[(&str, &str)]) -> RequestBuilder {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let pairs: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    request.header("content-type", "application/x-www-form-urlencoded").body(pairs.join("&"))
}

impl Answer {
    /// The six digits that the page shows.
    pub(crate) fn digits(&self) -> String {
        let (_, rest) = self.body.split_once("class=\"digits\">").unwrap();
        rest.split('<').next().unwrap().to_owned()
    }

    /// Whether the page asks for the six digits.
    pub(crate) fn asks_digits(&self) -> bool {
        self.body.contains("name=\"code\"")
    }

    /// Whether it makes a sign-in.
    pub(crate) fn signs_in(&self) -> bool {
        let mut cookies = self.headers.get_all(SET_COOKIE).iter();
        cookies.any(|cookie| cookie.to_str().unwrap().starts_with(api::cookies::SESSION))
    }
}
