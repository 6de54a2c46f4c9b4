//! Signing in with Google: whose token it is, and that it is for this browser, now (promise A7; S1.8, S1.10, S1.11).
//!
//! Google gives the browser an ID token (`OpenID` Connect Core 1.0): three parts with points between them, a header, claims
//! and a signature over both (RFC 7515, compact serialisation). What is believed of it:
//!
//! - The header only says which key: nothing in it chooses how the signature is checked. That is always RS256 (RSA with
//!   PKCS #1 v1.5 and SHA-256) with a key that the issuer publishes for just that, so a token "of" another algorithm, or
//!   of none, or one signed with the public key as if it were a shared secret, is refused before any key is looked at.
//! - The claims count once the signature holds, and then all of them: issuer, audience, end, verified address, and the
//!   nonce. The nonce is derived from the cookie of the browser that began, so a token that was stolen, or pushed upon
//!   somebody by another site, is of no use in another browser. Nothing is kept between beginning and end.
//!
//! Every number is bounded, and each check has its own [`Fault`], which is for the server's log: whoever signs in learns
//! only that it was not accepted. Why this is not a library's work is in decision 0026; the decision which account a
//! token leads to is the command's ([`domain::account::SignInWithGoogle`]).

mod fetch;
mod published;

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::account::{self, Account, Authority, GoogleAccount, SignInWithGoogle};
use domain::id::{AddressId, GoogleId, Id as _, LogId, PersonId};
use domain::text::{Email, Text as _};
use domain::value::Time;
use domain::{Actor, Refusal};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::record::Through;
use crate::signin::{Device, NewSession};
use crate::tokens::{self, Kind};
use crate::{App, Error, Request};
use published::Published;

/// The longest token that is looked at, in bytes. Google's have about 1 200.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// By how much the clocks of the issuer and of this server may differ, in minutes.
const SKEW_MINUTES: i64 = 2;
/// The longest subject, in bytes (`OpenID` Connect Core, section 2).
const SUBJECT_BYTES_MAX: usize = 255;

/// An issuer of ID tokens that is trusted to sign people in: Google, or one that speaks like it.
#[derive(Debug)]
pub struct Google {
    issuer: String,
    client: String,
    redirect: String,
    published: Arc<Published>,
}

/// Whom a token is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who said so.
    pub issuer: String,
    /// The account there, for ever.
    pub subject: String,
    /// Its address now, verified.
    pub email: Email,
    /// Who says that the address is theirs.
    pub authority: Authority,
}

/// Why a token was refused: one for each thing that can be wrong. For the server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Longer than any token is.
    TooLong,
    /// Not three parts.
    NotThreeParts,
    /// A part is not base64url, or is padded.
    NotBase64,
    /// The header is no JSON object, or says something twice.
    HeaderIsNotJson,
    /// Another algorithm than RS256, or none.
    WrongAlgorithm,
    /// It asks for an extension that has to be understood (RFC 7515, section 4.1.11).
    CriticalExtension,
    /// A token of another kind.
    WrongType,
    /// It does not name its key.
    NoKey,
    /// The issuer publishes no such key for signing with RS256.
    UnknownKey,
    /// The signature is not the key's over this header and these claims.
    WrongSignature,
    /// The claims are no JSON object, one has the wrong type, one is missing, or one stands twice.
    ClaimsAreWrong,
    /// Another issuer.
    WrongIssuer,
    /// For somebody else, or for others too.
    WrongAudience,
    /// Made for another client.
    WrongParty,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
    /// Not for this browser.
    WrongNonce,
    /// The address was never verified.
    UnverifiedEmail,
    /// There is no address that mail can be sent to.
    NotAnEmail,
    /// The subject is empty, too long or not ASCII.
    WrongSubject,
}

/// Why nobody was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The token is not to be believed.
    Refused(Fault),
    /// The issuer's keys cannot be had now: what happened.
    Unreachable(String),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

/// What of a header is looked at.
#[derive(Deserialize)]
struct Header {
    alg: Option<String>,
    typ: Option<String>,
    kid: Option<String>,
    /// Whether it has a member `crit`, whatever its value.
    #[serde(default, rename = "crit", deserialize_with = "there")]
    has_crit: bool,
}

/// What of the claims is looked at. A claim that stands twice, or has another type, makes the token unreadable.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    azp: Option<String>,
    sub: String,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    hd: Option<String>,
}

impl Google {
    /// An issuer by its address, the client id that it knows this server by, and this server's own address.
    ///
    /// # Errors
    /// Where the issuer is not reached by https (http is for loopback), or the client id is empty.
    pub fn new(issuer: &str, client: &str, public_url: &str) -> Result<Self, String> {
        if client.is_empty() || !client.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the client id of Google sign-in must be the text that Google gave for this server".to_owned());
        }
        let published = Arc::new(Published::of(issuer)?);
        let redirect = format!("{public_url}/auth/google");
        Ok(Self { issuer: issuer.to_owned(), client: client.to_owned(), redirect, published })
    }

    /// The id by which the issuer knows this server.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Where a browser is sent that is to come back with a token for this nonce.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the issuer cannot be asked.
    pub async fn begin(&self, nonce: &str, now: Time) -> Result<String, Error> {
        let page = self.published.page(now).await.map_err(|what| unreachable(&what))?;
        let join = if page.contains('?') { '&' } else { '?' };
        let parameters: Vec<String> = [
            ("response_type", "id_token"),
            ("response_mode", "form_post"),
            ("scope", "openid email"),
            ("prompt", "select_account"),
            ("client_id", &self.client),
            ("redirect_uri", &self.redirect),
            ("nonce", nonce),
        ]
        .into_iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
        Ok(format!("{page}{join}{}", parameters.join("&")))
    }

    /// Whom a token is about, if it is to be believed, here and now.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn verify(&self, token: &str, nonce: &str, now: Time) -> Result<Identity, Trouble> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Fault::TooLong.into());
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else { return Err(Fault::NotThreeParts.into()) };
        let decode = |part: &str| BASE64.decode(part).map_err(|_| Fault::NotBase64);
        let (head, body, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
        let kid = key_of(&head)?;
        let key = self.published.key(&kid, now).await.map_err(Trouble::Unreachable)?.ok_or(Fault::UnknownKey)?;
        let signed = token.get(..header.len() + 1 + claims.len()).unwrap_or_default();
        if !key.has_signed(signed.as_bytes(), &signature) {
            return Err(Fault::WrongSignature.into());
        }
        let claims: Claims = object(&body).map_err(|_| Fault::ClaimsAreWrong)?;
        self.believed(claims, nonce, now).map_err(Trouble::Refused)
    }

    /// Whom signed claims are about, if all of them are as they must be.
    fn believed(&self, claims: Claims, nonce: &str, now: Time) -> Result<Identity, Fault> {
        // Google leaves the scheme out at times, and says so.
        if claims.iss != self.issuer && self.issuer.strip_prefix("https://") != Some(&claims.iss) {
            return Err(Fault::WrongIssuer);
        }
        if claims.aud != self.client {
            return Err(Fault::WrongAudience);
        }
        if claims.azp.is_some_and(|party| party != self.client) {
            return Err(Fault::WrongParty);
        }
        if now >= seconds(claims.exp) {
            return Err(Fault::Expired);
        }
        let latest = now.plus_minutes(SKEW_MINUTES);
        if seconds(claims.iat) > latest || claims.nbf.is_some_and(|from| seconds(from) > latest) {
            return Err(Fault::NotYet);
        }
        // Both are public to whoever compares them: the nonce went out through the browser.
        if claims.nonce.as_deref() != Some(nonce) {
            return Err(Fault::WrongNonce);
        }
        if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX || !claims.sub.is_ascii() {
            return Err(Fault::WrongSubject);
        }
        if !claims.email_verified {
            return Err(Fault::UnverifiedEmail);
        }
        let email = claims.email.as_deref().and_then(|email| Email::parse(email).ok()).ok_or(Fault::NotAnEmail)?;
        let authority = authority(&email, claims.hd.as_deref());
        Ok(Identity { issuer: self.issuer.clone(), subject: claims.sub, email, authority })
    }
}

/// The key that a header names, where the header is as it must be.
fn key_of(header: &[u8]) -> Result<String, Fault> {
    let header: Header = object(header).map_err(|_| Fault::HeaderIsNotJson)?;
    if header.alg.as_deref() != Some("RS256") {
        return Err(Fault::WrongAlgorithm);
    }
    if header.has_crit {
        return Err(Fault::CriticalExtension);
    }
    if header.typ.is_some_and(|of| !of.eq_ignore_ascii_case("JWT")) {
        return Err(Fault::WrongType);
    }
    header.kid.ok_or(Fault::NoKey)
}

/// Reads a JSON object, never an array: the JSON reader would take one for the object's members in order.
fn object<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    if text.trim_ascii_start().starts_with(b"{") {
        return serde_json::from_slice(text);
    }
    Err(serde_json::Error::custom("it is no JSON object"))
}

/// That a member is there.
fn there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// Whether Google hands an address out itself: of Gmail, or of the organisation that it says the account belongs to
/// (`hd`), whose mail it keeps. Any other address was only verified once.
fn authority(email: &Email, organisation: Option<&str>) -> Authority {
    let domain = email.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_googles = domain == "gmail.com" || organisation.is_some_and(|of| of.eq_ignore_ascii_case(domain));
    if is_googles { Authority::Google } else { Authority::Nobody }
}

fn seconds(since_1970: i64) -> Time {
    Time(since_1970.saturating_mul(1_000_000))
}

fn unreachable(what: &str) -> Error {
    tracing::warn!(what, "Google sign-in: the issuer cannot be asked");
    Error::Unavailable
}

/// A parameter's value, with everything escaped that is not plain (RFC 3986, section 2.3).
fn escaped(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _infallible = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// What a browser brings that comes back from Google.
#[derive(Clone)]
pub struct Brought {
    /// The ID token.
    pub token: String,
    /// The browser's cookie, if it has one.
    pub browser: Option<String>,
    /// Who is signed in there.
    pub signed_in: Option<PersonId>,
}

domain::hidden!(Brought);

impl App {
    /// Lets people sign in with Google from now on. Once.
    pub fn trust_google(&self, google: Google) {
        // A second one is not expected, and the first stays.
        let _ = self.inner.google.set(google);
    }

    /// Google, where this server signs people in with it.
    pub fn google(&self) -> Option<&Google> {
        self.inner.google.get()
    }

    /// The nonce for a browser with this cookie: what its token has to carry.
    pub fn google_nonce(&self, browser: &str) -> String {
        BASE64.encode(tokens::hash(Kind::GoogleNonce, browser))
    }

    /// Signs in with Google: to the account that the Google account is linked to, or else to that of its address.
    ///
    /// # Errors
    /// The refusals of [`SignInWithGoogle`], `GOOGLE_IS_NOT_SET_UP` and `GOOGLE_SIGN_IN_IS_NOT_VALID`;
    /// [`Error::Unavailable`] while the issuer's keys cannot be had.
    pub async fn sign_in_with_google(
        &self,
        brought: &Brought,
        device: impl Into<Device>,
        command: domain::id::CommandId,
        once: impl Fn(LogId) -> Option<crate::Idempotency>,
    ) -> Result<NewSession, Error> {
        let refused = |refusal: account::Refusal| Error::from(Refusal::from(refusal));
        let google = self.google().ok_or_else(|| refused(account::Refusal::GoogleIsNotSetUp))?;
        let invalid = |fault: Fault| {
            tracing::info!(?fault, "Google sign-in: a token was refused");
            refused(account::Refusal::GoogleSignInIsNotValid)
        };
        // Without a cookie there is no nonce that a token could carry, and an empty one is none.
        let browser = brought.browser.as_deref().ok_or_else(|| invalid(Fault::WrongNonce))?;
        let nonce = self.google_nonce(browser);
        let now = self.clock().now();
        let identity = match google.verify(&brought.token, &nonce, now).await {
            Ok(identity) => identity,
            Err(Trouble::Unreachable(what)) => return Err(unreachable(&what)),
            Err(Trouble::Refused(fault)) => return Err(invalid(fault)),
        };
        let id = self.google_account(&identity);
        let address = self.address(&identity.email);
        let device = device.into();
        for _ in 0..4 {
            let (person, gone) = self.led_to(id, address).await?;
            let new = self.token(Kind::Login, LogId::Account(person), command);
            let log = LogId::Google(id);
            let (actor, through) = (Actor::Visitor, Through::Link);
            let request = Request { log, actor, through, now, command, idempotency: once(log) };
            let sign_in = SignInWithGoogle {
                google: id,
                address,
                email: identity.email.clone(),
                authority: identity.authority,
                signed_in: brought.signed_in,
                gone,
                person,
                sign_up: self.sign_up(),
                login: device.clone().login(&new),
            };
            match self.run(request, sign_in).await {
                Err(Error::Again) => {}
                Err(error) => return Err(error),
                Ok(done) => {
                    // A repeat that came at once may have opened the account under another id.
                    let (person, _) = self.led_to(id, address).await?;
                    let token = self.token(Kind::Login, LogId::Account(person), done.command);
                    let made = self.held(NewSession { person, token }).await?;
                    return made.ok_or_else(|| refused(account::Refusal::GoogleSignInIsNotValid));
                }
            }
        }
        Err(Error::Unavailable)
    }

    fn google_account(&self, identity: &Identity) -> GoogleId {
        let id = self.inner.lasting.google_account(&identity.issuer, &identity.subject);
        GoogleId::of(uuid::Uuid::from_bytes(id))
    }

    /// The account that a Google account is linked to, or that its address belongs to, or the id of a new one; and whose it
    /// was, where that account was deleted.
    async fn led_to(&self, google: GoogleId, address: AddressId) -> Result<(PersonId, Option<PersonId>), Error> {
        let linked = self.linked(google).await?;
        if let Some(person) = linked
            && self.has_account(person).await?
        {
            return Ok((person, None));
        }
        let owner = self.person_of(address).await?.filter(|owner| Some(*owner) != linked);
        Ok((owner.unwrap_or_else(|| self.mint()), linked))
    }

    async fn linked(&self, google: GoogleId) -> Result<Option<PersonId>, Error> {
        let log = LogId::Google(google);
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let row = self.inner.row::<GoogleAccount>(&mut snapshot, log, google).await?;
        snapshot.close().await?;
        Ok(row.map(|row| row.person))
    }

    async fn has_account(&self, person: PersonId) -> Result<bool, Error> {
        let log = LogId::Account(person);
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(false) };
        let row = self.inner.row::<Account>(&mut snapshot, log, person).await?;
        snapshot.close().await?;
        Ok(row.is_some())
    }
}
