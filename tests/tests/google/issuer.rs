//! An issuer on loopback that does what Google does: publishes keys, and signs with the private half. The two keys beside
//! this file were made for these tests and open nothing anywhere.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use app::google::Google;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::{Value, json};
use tests::Product;

/// The id by which the issuer knows the product.
pub const CLIENT: &str = "throughline-test";

/// Which private key.
#[derive(Debug, Clone, Copy)]
pub enum Signs {
    /// The issuer's own.
    Issuer,
    /// An attacker's.
    Other,
}

/// A token before it is signed.
#[derive(Debug, Clone)]
pub struct Made {
    /// The header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
}

/// What the issuer's server shares with the test.
#[derive(Debug)]
struct Published {
    keys: Mutex<Value>,
    asked: AtomicUsize,
    mood: Mutex<Mood>,
}

/// How the issuer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Fine,
    /// Not at all.
    Away,
    /// In another issuer's name.
    Another,
    /// With keys that lie where nobody is safe.
    Unsafe,
    /// With a redirect in place of keys.
    Elsewhere,
    /// With more than anybody reads.
    Endless,
    /// With what is no set of keys.
    Babbling,
    /// With much beside its keys that is none.
    Mixed,
    /// Never.
    Silent,
}

/// An issuer.
#[derive(Debug)]
pub struct Issuer {
    /// Its address.
    pub url: String,
    published: Arc<Published>,
    kid: Mutex<String>,
    own: KeyPair,
    other: KeyPair,
}

/// The discovery document.
fn discovery(mood: Mood, url: &str) -> Response {
    let keys = if mood == Mood::Unsafe { "http://keys.example/".to_owned() } else { format!("{url}/keys") };
    let issuer = if mood == Mood::Another { "https://accounts.google.com" } else { url };
    let page = format!("{url}/people");
    let document = json!({ "issuer": issuer, "jwks_uri": keys, "authorization_endpoint": page });
    let status = if mood == Mood::Away { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, document.to_string()).into_response()
}

impl Published {
    /// The set of keys.
    fn set(&self) -> Response {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let keys = self.keys.lock().expect("keys").clone();
        let set = json!({ "keys": keys }).to_string();
        match *self.mood.lock().expect("a mood") {
            Mood::Mixed => {
                let odd = [
                    json!({}),
                    Value::Null,
                    json!(7),
                    json!({ "kty": "RSA", "kid": 7 }),
                    json!({ "kty": "RSA", "n": [] }),
                ];
                let mut own = keys.as_array().cloned().unwrap_or_default();
                for key in &mut own {
                    key["key_ops"] = json!(["verify"]);
                }
                let mixed: Vec<_> = odd.into_iter().cycle().take(50).chain(own).collect();
                json!({ "keys": mixed }).to_string().into_response()
            }
            Mood::Elsewhere => Redirect::to("/moved").into_response(),
            Mood::Endless => (set + &" ".repeat(100_000)).into_response(),
            Mood::Babbling => "keys".into_response(),
            Mood::Fine | Mood::Away | Mood::Another | Mood::Unsafe | Mood::Silent => set.into_response(),
        }
    }
}

fn public(key: &KeyPair, kid: &str, purpose: &str, alg: &str) -> Value {
    let PublicKeyComponents::<Vec<u8>> { n, e } = key.public().into();
    json!({ "kty": "RSA", "kid": kid, "use": purpose, "alg": alg, "n": BASE64.encode(n), "e": BASE64.encode(e) })
}

impl Issuer {
    /// Starts it, and lets the product trust it.
    pub async fn start(product: &Product) -> Self {
        let key = |der: &[u8]| KeyPair::from_der(der).expect("a key");
        let (own, other) = (key(include_bytes!("issuer.der")), key(include_bytes!("other.der")));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (keys, asked, mood) = (Mutex::new(json!([])), AtomicUsize::new(0), Mutex::new(Mood::Fine));
        let published = Arc::new(Published { keys, asked, mood });
        let (of_discovery, of_keys, known) = (published.clone(), published.clone(), url.clone());
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || {
                    let mood = *of_discovery.mood.lock().expect("a mood");
                    if mood == Mood::Silent {
                        std::future::pending::<()>().await;
                    }
                    discovery(mood, &known)
                }),
            )
            .route("/keys", get(async move || of_keys.set()))
            .route("/moved", get(async || json!({ "keys": [] }).to_string()));
        product.app.tasks().start("issuer", async move {
            // It serves until the story ends.
            let _ = axum::serve(listener, router).await;
        });
        product.app.trust_google(Google::new(&url, CLIENT, &product.url("")).expect("an issuer"));
        let issuer = Self { url, published, kid: Mutex::default(), own, other };
        issuer.rename("key-1");
        issuer
    }

    /// Publishes its key under this name, with keys that are not for signing tokens beside it.
    pub fn rename(&self, kid: &str) {
        kid.clone_into(&mut self.kid.lock().expect("a name"));
        let mut encrypts = public(&self.own, "encrypts", "sig", "RS256");
        encrypts["key_ops"] = json!(["encrypt"]);
        *self.published.keys.lock().expect("keys") = json!([
            public(&self.own, kid, "sig", "RS256"),
            encrypts,
            public(&self.other, "for-encryption", "enc", "RS256"),
            public(&self.other, "another-algorithm", "sig", "RS512"),
            { "kty": "EC", "kid": "curve", "use": "sig", "alg": "ES256", "crv": "P-256", "x": "AA", "y": "AA" },
            { "kty": "oct", "kid": "shared", "use": "sig", "k": "AAAA" },
        ]);
    }

    /// Publishes no key any more.
    pub fn withdraw(&self) {
        *self.published.keys.lock().expect("keys") = json!([]);
    }

    /// Answers so from now on.
    pub fn turns(&self, mood: Mood) {
        *self.published.mood.lock().expect("a mood") = mood;
    }

    /// How often it was asked for its keys.
    pub fn asked(&self) -> usize {
        self.published.asked.load(Ordering::Relaxed)
    }

    /// A token for this nonce with these claims beside those that every token has, to be signed.
    pub fn made(&self, product: &Product, nonce: &str, claims: Value) -> Made {
        let now = product.app.clock().now().0 / 1_000_000;
        let mut all = json!({
            "iss": self.url, "aud": CLIENT, "azp": CLIENT, "sub": "110169484474386276334", "iat": now, "exp": now + 3_600,
            "nonce": nonce, "email": "somebody@gmail.com", "email_verified": true, "name": "Somebody",
        });
        for (name, value) in claims.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let header = json!({ "alg": "RS256", "kid": *self.kid.lock().expect("a name"), "typ": "JWT" });
        Made { header, claims: all }
    }

    /// Signed as it should be.
    pub fn sign(&self, made: &Made) -> String {
        self.signed(&made.header.to_string(), &made.claims.to_string(), Signs::Issuer)
    }

    /// A good token for this nonce with these claims.
    pub fn token(&self, product: &Product, nonce: &str, claims: Value) -> String {
        self.sign(&self.made(product, nonce, claims))
    }

    /// Any two texts as header and claims, signed with either key.
    pub fn signed(&self, header: &str, claims: &str, by: Signs) -> String {
        let body = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let key = match by {
            Signs::Issuer => &self.own,
            Signs::Other => &self.other,
        };
        let mut signature = vec![0; key.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, body.as_bytes(), &mut signature).expect("a signature");
        format!("{body}.{}", BASE64.encode(signature))
    }

    /// The modulus of its public key, and of the attacker's: what anybody can know.
    pub fn moduli(&self) -> (Vec<u8>, Value) {
        let PublicKeyComponents::<Vec<u8>> { n, .. } = self.own.public().into();
        (n, public(&self.other, "mine", "sig", "RS256"))
    }
}
