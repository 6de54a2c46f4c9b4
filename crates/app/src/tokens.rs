//! Tokens: `<log id>.<secret>`, so that finding one needs no global table.
//!
//! A secret is derived from the lasting key, its log and the command that handed it out: nothing is stored in the clear, and a
//! retry, or the mail that is rendered later, can say it again. What is stored is its hash, made with its kind. A command's id
//! never comes again once a retry is none any more ([`crate::Origin`]), so no token does that was ended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::id::{CommandId, Id, LogId};
use uuid::Uuid;

use crate::App;

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A one-time sign-in link, of an address's log.
    SignInLink,
    /// The cookie of the browser that asked for a link.
    Browser,
    /// What a token of Google's has to carry for a browser.
    GoogleNonce,
    /// The six digits that it shows.
    Code,
    /// A sign-in, of an account's log.
    Login,
    /// A program's token with scopes and an end, of an account's log.
    AccessToken,
    /// The address of a person's calendar, of an account's log.
    CalendarFeed,
    /// An invitation of a coach, of a practice's log.
    CoachInvitation,
    /// An invitation of a coachee, of a practice's log.
    CoacheeInvitation,
    /// What takes somebody off mails of a kind, of their account's log.
    Unsubscribe,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::SignInLink => "sign-in link",
            Self::Browser => "browser",
            Self::GoogleNonce => "google nonce",
            Self::Code => "sign-in code",
            Self::Login => "login",
            Self::AccessToken => "access token",
            Self::CalendarFeed => "calendar feed",
            Self::CoachInvitation => "coach invitation",
            Self::CoacheeInvitation => "coachee invitation",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// A token as its holder has it, with what is stored of it.
#[derive(Clone)]
pub struct Token {
    /// What its holder has.
    pub text: String,
    /// What is stored.
    pub hash: [u8; 32],
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The id of the row that keeps the hash: its first 16 bytes, as a UUID of version 8.
    pub fn id<I: Id>(&self) -> I {
        id(&self.hash)
    }
}

/// The id of the row that keeps this hash.
pub fn id<I: Id>(hash: &[u8; 32]) -> I {
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    I::of(uuid::Builder::from_custom_bytes(first).into_uuid())
}

impl App {
    /// The token that this command hands out.
    pub fn token(&self, kind: Kind, log: LogId, command: CommandId) -> Token {
        let secret = self.inner.lasting.secret(log.uuid().into_bytes(), kind.name(), command.uuid().into_bytes());
        let text = format!("{log}.{}", BASE64.encode(secret.expose()));
        Token { text, hash: vault::token_hash(kind.name(), secret.expose()) }
    }

    /// The token that this command, which hands out several, hands out for one of them.
    pub fn token_for(&self, kind: Kind, log: LogId, command: CommandId, whom: impl Id) -> Token {
        self.token(kind, log, CommandId::of(Uuid::new_v5(&command.uuid(), whom.uuid().as_bytes())))
    }

    /// The token of the invitation that this command sends to an address. It is that address's alone: a command may invite many.
    pub fn invitation(&self, kind: Kind, (log, command): (LogId, CommandId), to: &domain::text::Email) -> Token {
        self.token_for(kind, log, command, self.address(to))
    }

    /// The six digits that this browser shows for an address. They stay the same while the browser is known, so that a
    /// request that brings no mail (A6) shows none that fit no link.
    pub fn digits(&self, log: LogId, browser: &str) -> String {
        let mut of = [0; 16];
        of.copy_from_slice(&hash(Kind::Browser, browser)[..16]);
        let secret = self.inner.lasting.secret(log.uuid().into_bytes(), Kind::Code.name(), of);
        let number = secret.expose().iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        format!("{:06}", number % 1_000_000)
    }

    /// A keyed hash, to tell a repeated request from another one.
    pub fn fingerprint(&self, log: LogId, kind: &str, bytes: &[u8]) -> [u8; 32] {
        self.inner.lasting.fingerprint(log.uuid().into_bytes(), kind, bytes)
    }

    /// The id of an email address's log.
    pub fn address(&self, email: &domain::text::Email) -> domain::id::AddressId {
        let id = self.inner.lasting.address(domain::text::Text::as_str(email));
        domain::id::AddressId::of(Uuid::from_bytes(id))
    }
}

/// The log and the hash of a token that somebody brought, or `None` where it is none.
pub fn parse(kind: Kind, text: &str) -> Option<(LogId, [u8; 32])> {
    let (log, secret) = text.split_once('.')?;
    let secret = BASE64.decode(secret).ok().filter(|secret| secret.len() == 32)?;
    Some((LogId::parse(log)?, vault::token_hash(kind.name(), &secret)))
}

/// The hash of something short that somebody typed or a browser keeps.
pub fn hash(kind: Kind, text: &str) -> [u8; 32] {
    vault::token_hash(kind.name(), text.as_bytes())
}
