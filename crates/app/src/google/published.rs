//! What an issuer publishes: its keys, and the page where people say who they are.
//!
//! Both are found by `OpenID` Connect Discovery 1.0, kept for an hour, and asked for again before that when a token names a
//! key that is not known, since keys are changed at any time; but at most once a minute, so that made-up names of keys
//! cost the issuer and this server nothing. While the issuer cannot be reached, keys of up to a day ago are good. One
//! request is under way at a time; whoever needs its answer waits for it, within its time-out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::value::Time;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::fetch::{Fetcher, may_fetch};

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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    asked_at: Option<Time>,
    trouble: String,
}

#[derive(Debug, Clone)]
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

/// A set of keys (RFC 7517).
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct PublicKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl PublicKey {
    /// The key with its name, where it is one for RS256.
    fn named(self) -> Option<(String, Key)> {
        let is_for_signing = self.purpose.is_none_or(|purpose| purpose == "sig");
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
        Ok(Self { issuer: issuer.to_owned(), fetcher, state: Mutex::default() })
    }

    /// The key of this name, if it is published.
    pub(super) async fn key(&self, kid: &str, now: Time) -> Result<Option<Key>, String> {
        let mut state = self.state.lock().await;
        let known = self.known(&mut state, now).await?;
        if let Some(key) = known.keys.get(kid) {
            return Ok(Some(key.clone()));
        }
        let is_early = state.asked_at.is_some_and(|at| now < at.plus_minutes(ASKED_AGAIN_MINUTES));
        if is_early {
            return Ok(None);
        }
        self.ask(&mut state, now).await;
        Ok(state.known.as_ref().and_then(|known| known.keys.get(kid).cloned()))
    }

    /// The page where people say who they are.
    pub(super) async fn page(&self, now: Time) -> Result<String, String> {
        let mut state = self.state.lock().await;
        Ok(self.known(&mut state, now).await?.page)
    }

    /// What is known, asked for where it is not fresh.
    async fn known(&self, state: &mut State, now: Time) -> Result<Known, String> {
        let is_within = |state: &State, minutes: i64| {
            state.known.as_ref().is_some_and(|known| now < known.at.plus_minutes(minutes))
        };
        let is_early = state.asked_at.is_some_and(|at| now < at.plus_minutes(ASKED_AGAIN_MINUTES));
        if !is_within(state, FRESH_MINUTES) && !is_early {
            self.ask(state, now).await;
        }
        let is_good = is_within(state, GOOD_MINUTES);
        state.known.clone().filter(|_| is_good).ok_or_else(|| state.trouble.clone())
    }

    async fn ask(&self, state: &mut State, now: Time) {
        state.asked_at = Some(now);
        match self.fetched(now).await {
            Ok(known) => state.known = Some(known),
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
        let keys = set.keys.into_iter().take(KEYS_MAX).filter_map(PublicKey::named).collect();
        Ok(Known { keys, page: discovered.authorization_endpoint, at: now })
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, place: &str) -> Result<T, String> {
        let body = self.fetcher.fetch(place).await?;
        serde_json::from_slice(&body).map_err(|error| format!("{place}: {error}"))
    }
}
