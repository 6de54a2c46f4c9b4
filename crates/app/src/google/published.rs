//! What an issuer publishes: its keys, and the page where people say who they are.
//!
//! Both are found by `OpenID` Connect Discovery 1.0, kept for an hour, and asked for again before that when a token names a
//! key that is not known, since keys are changed at any time; but at most once a minute, so that made-up names of keys
//! cost the issuer and this server nothing. While the issuer is asked or cannot be reached, keys of up to a day ago are good.
//! One request is under way at a time; whoever needs its answer waits for it, within its time-out, and nobody else does. It
//! goes on where who made it goes away: nobody can spoil a minute's only request by hanging up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::value::Time;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::fetch::{Fetcher, may_fetch};
use super::object;

/// For how long what was published is taken as it is, in minutes.
const FRESH_MINUTES: i64 = 60;
/// For how long it is good while the issuer cannot be reached, in minutes.
const GOOD_MINUTES: i64 = 24 * 60;
/// How often the issuer is asked at most, in minutes.
const ASKED_AGAIN_MINUTES: i64 = 1;
/// How many keys are kept; Google publishes two or three.
const KEYS_MAX: usize = 32;

/// What an issuer publishes.
#[derive(Debug)]
pub(super) struct Published {
    issuer: String,
    fetcher: Fetcher,
    /// Held for a look, and never while the issuer is asked.
    state: Mutex<State>,
    /// The request that is under way, if one is; held by who waits for its answer.
    asking: tokio::sync::Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Arc<Known>>,
    asked_at: Option<Time>,
    trouble: String,
}

impl State {
    /// Whether the issuer was asked just now.
    fn is_early(&self, now: Time) -> bool {
        self.asked_at.is_some_and(|at| now < at.plus_minutes(ASKED_AGAIN_MINUTES))
    }

    /// What is known, where it is fresh enough; where the issuer was asked just now, it is good enough.
    fn usable(&self, now: Time) -> Option<Arc<Known>> {
        let minutes = if self.is_early(now) { GOOD_MINUTES } else { FRESH_MINUTES };
        self.known.clone().filter(|known| now < known.at.plus_minutes(minutes))
    }
}

#[derive(Debug)]
struct Known {
    keys: BTreeMap<String, Key>,
    page: String,
    at: Time,
}

/// A public key for RS256.
#[derive(Debug, Clone)]
pub(super) struct Key {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl Key {
    /// Whether the signature is this key's over these bytes. Keys of fewer than 2 048 bits sign nothing.
    pub(super) fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, bytes, signature).is_ok()
    }
}

/// What of a discovery document is looked at.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: String,
}

/// A set of keys (RFC 7517). What in it is no key that is understood here is passed over (section 5).
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct PublicKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
}

impl PublicKey {
    /// The key that a member of a set is, if it is one.
    fn read(member: serde_json::Value) -> Option<Self> {
        member.is_object().then(|| serde_json::from_value(member).ok()).flatten()
    }

    /// The key with its name, where it is one for RS256.
    fn named(self) -> Option<(String, Key)> {
        let verifies = self.key_ops.is_none_or(|uses| uses.iter().any(|of| of == "verify"));
        let is_for_signing = verifies && self.purpose.is_none_or(|purpose| purpose == "sig");
        let is_for_rs256 = self.kty == "RSA" && self.alg.is_none_or(|alg| alg == "RS256");
        let decode = |part: Option<String>| BASE64.decode(part?).ok();
        let (kid, modulus, exponent) = (self.kid?, decode(self.n)?, decode(self.e)?);
        (is_for_signing && is_for_rs256).then_some((kid, Key { modulus, exponent }))
    }
}

impl Published {
    /// By this issuer; nothing is asked for yet.
    pub(super) fn of(issuer: &str) -> Result<Self, String> {
        let fetcher = Fetcher::new()?;
        may_fetch(issuer)?;
        Ok(Self { issuer: issuer.to_owned(), fetcher, state: Mutex::default(), asking: tokio::sync::Mutex::default() })
    }

    /// The key of this name, if it is published.
    pub(super) async fn key(self: &Arc<Self>, kid: &str, now: Time) -> Result<Option<Key>, String> {
        let named = |known: Arc<Known>| known.keys.get(kid).cloned();
        // Whoever brings a made-up name waits alone.
        if let Some(key) = self.state().usable(now).and_then(named) {
            return Ok(Some(key));
        }
        self.ask(now).await;
        self.known(now).map(named)
    }

    /// The page where people say who they are.
    pub(super) async fn page(self: &Arc<Self>, now: Time) -> Result<String, String> {
        if self.state().usable(now).is_none() {
            self.ask(now).await;
        }
        self.known(now).map(|known| known.page.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, or why nothing is.
    fn known(&self, now: Time) -> Result<Arc<Known>, String> {
        let state = self.state();
        state.usable(now).ok_or_else(|| state.trouble.clone())
    }

    /// Asks the issuer, where nobody has just now, and waits until its answer is there; where it is being asked, for that.
    async fn ask(self: &Arc<Self>, now: Time) {
        let mut asking = self.asking.lock().await;
        if self.begins(now) {
            let published = Arc::clone(self);
            asking.spawn(async move { published.learn(now).await });
        }
        while asking.join_next().await.is_some() {}
    }

    /// Whether the issuer is to be asked now; then it counts as asked.
    fn begins(&self, now: Time) -> bool {
        let mut state = self.state();
        let begins = !state.is_early(now);
        if begins {
            state.asked_at = Some(now);
        }
        begins
    }

    /// Keeps what the issuer publishes now, or why that could not be had.
    async fn learn(&self, now: Time) {
        let fetched = self.fetched(now).await;
        let mut state = self.state();
        match fetched {
            Ok(known) => state.known = Some(Arc::new(known)),
            Err(trouble) => {
                tracing::warn!(issuer = self.issuer, trouble, "what an issuer publishes could not be had");
                state.trouble = trouble;
            }
        }
    }

    async fn fetched(&self, now: Time) -> Result<Known, String> {
        let place = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let discovered: Discovered = self.read(&place).await?;
        if discovered.issuer != self.issuer {
            return Err(format!("{place} speaks for another issuer"));
        }
        may_fetch(&discovered.authorization_endpoint)?;
        let set: KeySet = self.read(&discovered.jwks_uri).await?;
        let keys =
            set.keys.into_iter().filter_map(PublicKey::read).filter_map(PublicKey::named).take(KEYS_MAX).collect();
        Ok(Known { keys, page: discovered.authorization_endpoint, at: now })
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, place: &str) -> Result<T, String> {
        let body = self.fetcher.fetch(place).await?;
        object(&body).map_err(|error| format!("{place}: {error}"))
    }
}
