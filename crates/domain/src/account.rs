//! Accounts: email addresses with their one-time sign-in links, people, and where they are signed in (S1.7–S1.10).
//!
//! An address has a log of its own, so that two requests for it are in order without a global table; so has a person.
//! Tokens are never stored: the log keeps their hashes. What holds: a link works once, for ten minutes, and only the
//! newest one; in another browser than the one that asked it also needs the six digits shown there, with five tries.
//! Programs have tokens of their own, which reach less than a login: `token`. Google accounts: `google`.

mod google;
mod token;

mod deletion;

use serde::{Deserialize, Serialize};

pub use deletion::{DeleteAccount, FRESH_MINUTES, Owns};

use crate::access::Deed;
use crate::decide::{About, Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{AccessTokenId, AddressId, GoogleId, LinkId, LogId, LoginId, PersonId, PracticeId, UniqueId};
use crate::text::{Agent, Email, Name, Personal, facts};
use crate::value::Time;
use crate::{Rows, refusals};

pub use google::{Authority, GoogleAccount, SignInWithGoogle};
pub use token::{
    AccessToken, CreateAccessToken, ExpireAccessToken, NoteAccessTokenUse, RevokeAccessToken, Right, SCOPES_MAX,
    TOKEN_DAYS_MAX, TOKENS_MAX, TokenScope,
};

/// How long a sign-in link works, in minutes (decision on S1.9).
pub const LINK_MINUTES: i64 = 10;
/// How many links an address gets in [`LINK_WINDOW_MINUTES`] (A6).
pub const LINKS_PER_ADDRESS: usize = 3;
/// The window of the limits on links, in minutes (A6).
pub const LINK_WINDOW_MINUTES: i64 = 15;
/// How many times the six digits may be tried (A5).
pub const CODE_TRIES: u8 = 5;
/// A login that was not used for so many minutes ends (A8).
pub const IDLE_MINUTES: i64 = 12 * 60;
/// A login ends after so many days, used or not (A8).
pub const LOGIN_DAYS: i64 = 30;
/// The use of a login is noted at most once in so many minutes.
pub const USE_NOTED_MINUTES: i64 = 60;

/// Which portal of a practice somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Portal {
    /// The coach portal.
    Coach,
    /// The coachee portal.
    Coachee,
}

/// Where a login is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Through {
    /// A browser that holds a cookie.
    Browser,
    /// A program that holds a bearer token.
    Program,
}

facts!(Portal, Through);

events! {
    /// What happens to addresses and accounts.
    pub enum Event {
        /// Somebody asked for a sign-in link; it cancels the one before.
        "account.link_requested" as "sign_in_link_request" LinkRequested sees Internal {
            address: AddressId, link: LinkId, email: Personal<Email>, token: [u8; 32], browser: [u8; 32], code: [u8; 32], expires_at: Time
        },
        /// The link was used; it works no more.
        "account.link_used" as "sign_in_link_use" LinkUsed sees Internal { address: AddressId, link: LinkId, person: PersonId },
        /// The six digits were wrong.
        "account.code_refused" as "sign_in_code_refuse" CodeRefused sees Internal { address: AddressId, link: LinkId },
        /// The address now belongs to an account.
        "account.address_claimed" as "address_claim" AddressClaimed sees Internal { address: AddressId, email: Personal<Email>, person: PersonId },
        /// An account came to be.
        "account.opened" as "account_open" Opened sees Internal { person: PersonId, address: AddressId, email: Personal<Email> },
        /// The person signed in somewhere.
        "account.signed_in" as "sign_in" SignedIn sees Internal {
            person: PersonId, login: LoginId, token: [u8; 32], through: Through, ends_at: Time,
            #[serde(default, skip_serializing_if = "Option::is_none")] agent: Option<Personal<Agent>>
        },
        /// A login was used after a while.
        "account.login_used" as "login_use" LoginUsed sees Internal { person: PersonId, login: LoginId },
        /// A login was ended.
        "account.signed_out" as "sign_out" SignedOut sees Internal { person: PersonId, login: LoginId },
        /// A login's time was over.
        "account.login_expired" as "sign_in_expire" LoginExpired sees Internal { person: PersonId, login: LoginId },
        /// All logins up to now were ended.
        "account.signed_out_everywhere" as "sign_out_everywhere" SignedOutEverywhere sees Internal { person: PersonId },
        /// The person has a portal of a practice.
        "account.portal_opened" as "portal_open" PortalOpened sees Internal { person: PersonId, practice: PracticeId, portal: Portal },
        /// The person made a token for a program.
        "account.access_token_created" as "access_token_create" AccessTokenCreated sees Internal {
            token: AccessTokenId, person: PersonId, hash: [u8; 32], name: Personal<Name>, scopes: Vec<TokenScope>, ends_at: Time
        },
        /// A program's token was used after a while.
        "account.access_token_used" as "access_token_use" AccessTokenUsed sees Internal { token: AccessTokenId, person: PersonId },
        /// A program's token was ended.
        "account.access_token_revoked" as "access_token_revoke" AccessTokenRevoked sees Internal { token: AccessTokenId, person: PersonId },
        /// A Google account now leads to this account.
        "account.google_linked" as "google_link" GoogleLinked sees Internal { google: GoogleId, person: PersonId },
        /// A program's token came to its end.
        "account.access_token_expired" as "access_token_expire" AccessTokenExpired sees Internal { token: AccessTokenId, person: PersonId },
        /// The person has a portal no more, for they delete their account; the practice learns of it.
        "account.portal_closed" as "portal_close" PortalClosed sees Internal { person: PersonId, practice: PracticeId, portal: Portal },
        /// The account was deleted: what it knew can never be read again.
        "account.deleted" as "account_delete" Deleted sees Internal { person: PersonId },
        /// The address belongs to nobody any more, and is forgotten.
        "account.address_released" as "address_release" AddressReleased sees Internal { address: AddressId, person: PersonId },
    }
}

refusals! {
    /// Why something about an account was refused.
    pub enum Refusal {
        /// Used, cancelled, expired or never made.
        LinkIsNotValid "SIGN_IN_LINK_IS_NOT_VALID" "This sign-in link has been used, has expired or was replaced by a newer one. Ask for a new link.",
        /// Another browser than the one that asked.
        CodeIsNeeded "SIGN_IN_CODE_IS_NEEDED" "This link was asked for in another browser. Type the six digits that are shown there.",
        /// The operator has closed sign-up.
        SignUpIsClosed "SIGN_UP_IS_CLOSED" "This address has no account here, and new accounts are made by invitation only.",
        /// The login is not there or has ended.
        LoginHasEnded "LOGIN_HAS_ENDED" "This sign-in has ended already.",
        /// The operator has not set up Google.
        GoogleIsNotSetUp "GOOGLE_IS_NOT_SET_UP" "This server does not sign in with Google. Ask for a sign-in link instead.",
        /// The token is not to be believed.
        GoogleSignInIsNotValid "GOOGLE_SIGN_IN_IS_NOT_VALID" "What Google said was not accepted: it is for another browser, has expired, or its address is not verified. Begin again.",
        /// The address does not say who it is.
        GoogleAccountIsNotLinked "GOOGLE_ACCOUNT_IS_NOT_LINKED" "This Google account is not known here yet, and Google does not hand out its address itself. Sign in by a mailed link first, then with Google in the same browser; after that Google is enough.",
        /// No scope, or too many.
        ScopesAreOutOfRange "ACCESS_TOKEN_SCOPES_ARE_OUT_OF_RANGE" "An access token reaches at least one and at most twenty portals. Name them.",
        /// In the past, or too far away.
        TokenEndIsOutOfRange "ACCESS_TOKEN_END_IS_OUT_OF_RANGE" "An access token ends in the future, at most a year from now. Choose another end.",
        /// The account has as many as it may have.
        TooManyTokens "TOO_MANY_ACCESS_TOKENS" "This account has fifty access tokens. Revoke one that is not needed any more.",
        /// Deleting cannot be undone.
        EmailDiffers "ACCOUNT_EMAIL_DIFFERS" "Deleting an account cannot be undone. To confirm, type the email address that it signs in with.",
        /// Whoever finds an open browser deletes nothing.
        SignInIsStale "SIGN_IN_IS_STALE" "This needs a sign-in of the last 15 minutes in this browser. Sign in again and repeat it.",
        /// A practice is never left without its owner.
        OwnsAPractice "ACCOUNT_OWNS_A_PRACTICE" "This account owns a practice, which would be left without its owner. Delete the practice first.",
    }
}

/// An email address: its newest link and the account it belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Address {
    /// Its id, derived from the address.
    pub id: AddressId,
    /// The address.
    pub email: Email,
    /// Whose it is.
    pub person: Option<PersonId>,
    /// The link that works, if any.
    pub link: Option<Link>,
    /// When links were asked for lately, oldest first.
    pub asked: Vec<Time>,
}
row! { Address in address, seen as Internal, id id: AddressId, subject |r| r.id }

/// A sign-in link, as hashes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// The hash of its token.
    pub token: [u8; 32],
    /// The hash of the cookie of the browser that asked.
    pub browser: [u8; 32],
    /// The hash of the six digits.
    pub code: [u8; 32],
    /// When it ends.
    pub expires_at: Time,
    /// How often wrong digits were typed.
    pub tries: u8,
}

/// A person's account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: PersonId,
    /// The address that it signs in with.
    pub email: Email,
    /// That address's id.
    pub address: AddressId,
    /// Logins made before or at this log position have ended.
    pub ended_until: u64,
    /// The access tokens that it has.
    pub tokens: Vec<AccessTokenId>,
    /// How many portals were ever opened for it.
    pub opened: u32,
}
row! { Account in account, seen as Internal, id id: PersonId, subject |r| r.id }

/// Where a person is signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// Its id, derived from its token.
    pub id: LoginId,
    /// Whose it is.
    pub person: PersonId,
    /// The hash of its token.
    pub token: [u8; 32],
    /// A browser or a program.
    pub through: Through,
    /// Since when.
    pub since: Time,
    /// The position at which it was made.
    pub made: u64,
    /// When its use was last noted.
    pub used_at: Time,
    /// When it ends at the latest.
    pub ends_at: Time,
    /// What the browser or program called itself, where it did.
    pub agent: Option<Agent>,
}
row! { Login in login, seen as Internal, id id: LoginId, subject |r| r.person, columns |r| [since: Time = r.since, due: Time = r.ends_at] }

impl Login {
    /// Whether it still holds at this time (A8).
    pub fn holds(&self, account: &Account, now: Time) -> bool {
        now < self.ends_at && now < self.used_at.plus_minutes(IDLE_MINUTES) && self.made > account.ended_until
    }
}

/// A portal that a person has or had.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortalOf {
    /// Derived from practice and portal.
    pub id: UniqueId,
    /// Whose it is.
    pub person: PersonId,
    /// Where.
    pub practice: PracticeId,
    /// Which.
    pub portal: Portal,
}
row! { PortalOf in portal, seen as Internal, id id: UniqueId, subject |r| r.person }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::LinkRequested { address, link, email, token, browser, code, expires_at } => {
            let (at, email) = (when.at, email.text().cloned());
            let new =
                Link { id: *link, token: *token, browser: *browser, code: *code, expires_at: *expires_at, tries: 0 };
            rows.upsert(*address, move |old: Option<Address>| {
                let mut row = match (old, email) {
                    (Some(old), _) => old,
                    (None, Some(email)) => Address { id: *address, email, person: None, link: None, asked: Vec::new() },
                    (None, None) => return None,
                };
                row.asked.retain(|asked| *asked > at.plus_minutes(-LINK_WINDOW_MINUTES));
                row.asked.push(at);
                row.link = Some(new);
                Some(row)
            });
        }
        Event::LinkUsed { address, .. } => rows.edit(*address, |row: &mut Address| row.link = None),
        Event::CodeRefused { address, .. } => rows.edit(*address, |row: &mut Address| {
            if let Some(link) = &mut row.link {
                link.tries = link.tries.saturating_add(1);
            }
        }),
        Event::AddressClaimed { address, email, person } => {
            let (email, person) = (email.text().cloned(), *person);
            rows.upsert(*address, move |old: Option<Address>| match (old, email) {
                (Some(old), _) => Some(Address { person: Some(person), ..old }),
                (None, Some(email)) => {
                    Some(Address { id: *address, email, person: Some(person), link: None, asked: Vec::new() })
                }
                (None, None) => None,
            });
        }
        Event::Opened { person, address, email } => {
            if let Some(email) = email.text() {
                let (id, address, email) = (*person, *address, email.clone());
                rows.put(Account { id, email, address, ended_until: 0, opened: 0, tokens: Vec::new() });
            }
        }
        Event::SignedIn { person, login, token, through, ends_at, agent } => rows.put(Login {
            id: *login,
            person: *person,
            token: *token,
            through: *through,
            since: when.at,
            made: when.seq,
            used_at: when.at,
            ends_at: *ends_at,
            agent: agent.as_ref().and_then(|agent| agent.text().cloned()),
        }),
        Event::LoginUsed { login, .. } => {
            let at = when.at;
            rows.edit(*login, move |row: &mut Login| row.used_at = at);
        }
        Event::SignedOut { login, .. } | Event::LoginExpired { login, .. } => rows.delete::<Login>(*login),
        Event::SignedOutEverywhere { person } => {
            let seq = when.seq;
            rows.edit(*person, move |row: &mut Account| row.ended_until = seq);
        }
        Event::PortalOpened { person, practice, portal } => {
            rows.put(PortalOf {
                id: portal_id(*practice, *portal),
                person: *person,
                practice: *practice,
                portal: *portal,
            });
            rows.edit(*person, |row: &mut Account| row.opened = row.opened.saturating_add(1));
        }
        Event::GoogleLinked { google, person } => {
            rows.put(GoogleAccount { id: *google, person: *person, since: when.at });
        }
        Event::AccessTokenCreated { .. }
        | Event::AccessTokenUsed { .. }
        | Event::AccessTokenRevoked { .. }
        | Event::AccessTokenExpired { .. } => token::fold(event, when, rows),
        Event::PortalClosed { practice, portal, .. } => rows.delete::<PortalOf>(portal_id(*practice, *portal)),
        Event::Deleted { person } => rows.delete::<Account>(*person),
        Event::AddressReleased { address, .. } => rows.delete::<Address>(*address),
    }
}

/// The key of a portal of a person.
pub fn portal_id(practice: PracticeId, portal: Portal) -> UniqueId {
    UniqueId::new(
        match portal {
            Portal::Coach => "coach portal",
            Portal::Coachee => "coachee portal",
        },
        &practice.to_string(),
    )
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::LinkRequested { .. } => Entry::default(),
        Event::LinkUsed { .. } => Entry::default(),
        Event::CodeRefused { .. } => Entry::default(),
        Event::AddressClaimed { .. } => Entry::default(),
        Event::Opened { .. } => Entry::default(),
        Event::SignedIn { .. } => Entry::default(),
        Event::LoginUsed { .. } => Entry::default(),
        Event::SignedOut { .. } => Entry::default(),
        Event::LoginExpired { .. } => Entry::default(),
        Event::SignedOutEverywhere { .. } => Entry::default(),
        Event::PortalOpened { .. } => Entry::default(),
        Event::AccessTokenCreated { .. } => Entry::default(),
        Event::GoogleLinked { .. } => Entry::default(),
        Event::AccessTokenUsed { .. } => Entry::default(),
        Event::AccessTokenRevoked { .. } => Entry::default(),
        Event::AccessTokenExpired { .. } => Entry::default(),
        Event::PortalClosed { .. } => Entry::default(),
        Event::Deleted { .. } => Entry::default(),
        Event::AddressReleased { .. } => Entry::default(),
    }
}

/// Asks for a sign-in link. Beyond the limit nothing happens, and nobody is told (A6).
#[derive(Debug)]
pub struct RequestLink {
    /// The address's id.
    pub address: AddressId,
    /// The address.
    pub email: Email,
    /// The link's id.
    pub link: LinkId,
    /// Hashes of the link's token, of the browser's cookie and of the six digits.
    pub hashes: Hashes,
}

/// Hashes of a sign-in link's secrets, each made with its kind.
#[derive(Debug, Clone, Copy)]
pub struct Hashes {
    /// Of the token in the mail.
    pub token: [u8; 32],
    /// Of the cookie of the browser that asked.
    pub browser: [u8; 32],
    /// Of the six digits that it shows.
    pub code: [u8; 32],
}

impl Command for RequestLink {
    shows!(Address address);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.find::<Address>(self.address)?;
        let decision = facts.allow(Deed::SignIn, About::Log)?;
        let lately = row
            .map_or(0, |row| row.asked.iter().filter(|at| **at > facts.now.plus_minutes(-LINK_WINDOW_MINUTES)).count());
        if lately >= LINKS_PER_ADDRESS {
            return Ok(decision);
        }
        let Hashes { token, browser, code } = self.hashes;
        let expires_at = facts.now.plus_minutes(LINK_MINUTES);
        let email = Personal::new(self.email.clone());
        Ok(decision.with(Event::LinkRequested {
            address: self.address,
            link: self.link,
            email,
            token,
            browser,
            code,
            expires_at,
        }))
    }
}

/// Redeems a sign-in link: the account is opened where the address has none, and a login is made. Wrong digits are
/// counted and make no login: whoever runs the command looks whether the login is there.
#[derive(Debug)]
pub struct SignIn {
    /// The address's id, from the token.
    pub address: AddressId,
    /// The hash of the token.
    pub token: [u8; 32],
    /// The hash of the browser's cookie, if it has one.
    pub browser: Option<[u8; 32]>,
    /// The hash of the six digits, if they were typed.
    pub code: Option<[u8; 32]>,
    /// The account of the address, or the id of the one to open.
    pub person: PersonId,
    /// Whether an address without an account gets one.
    pub sign_up: SignUp,
    /// The login to make.
    pub login: NewLogin,
}

/// Whether people may open accounts by themselves (S1.81); the operator decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUp {
    /// Whoever redeems a link.
    Open,
    /// By invitation only.
    Closed,
}

/// A login to make.
#[derive(Debug, Clone)]
pub struct NewLogin {
    /// Its id, from its token.
    pub id: LoginId,
    /// The hash of its token.
    pub token: [u8; 32],
    /// A browser or a program.
    pub through: Through,
    /// What it calls itself, where it does.
    pub agent: Option<Agent>,
}

impl NewLogin {
    /// The event that makes it.
    pub fn event(&self, person: PersonId, now: Time) -> Event {
        Event::SignedIn {
            person,
            login: self.id,
            token: self.token,
            through: self.through,
            ends_at: now.plus_days(LOGIN_DAYS),
            agent: self.agent.clone().map(Personal::new),
        }
    }
}

impl Command for SignIn {
    shows!(Address address);
    fn others(&self) -> Vec<LogId> {
        vec![LogId::Account(self.person)]
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.find::<Address>(self.address)?;
        let there = facts.at(LogId::Account(self.person));
        let account = there.find::<Account>(self.person)?;
        let decision = facts.allow(Deed::SignIn, About::Log)?;
        let row = row.ok_or(Refusal::LinkIsNotValid)?;
        let link = row
            .link
            .as_ref()
            .filter(|link| link.token == self.token && facts.now < link.expires_at && link.tries < CODE_TRIES);
        let link = link.ok_or(Refusal::LinkIsNotValid)?;
        if self.browser != Some(link.browser) {
            let code = self.code.ok_or(Refusal::CodeIsNeeded)?;
            if code != link.code {
                return Ok(decision.with(Event::CodeRefused { address: self.address, link: link.id }));
            }
        }
        if row.person.is_some_and(|person| person != self.person) {
            return Err(Stop::Again);
        }
        if row.person.is_none() && self.sign_up == SignUp::Closed {
            return Err(Refusal::SignUpIsClosed.into());
        }
        let mut decision = decision.with(Event::LinkUsed { address: self.address, link: link.id, person: self.person });
        if row.person.is_none() {
            decision = decision.with(claim(row.id, &row.email, self.person));
        }
        let mut account_decision = there.allow(Deed::SignIn, About::Log)?;
        if account.is_none() {
            account_decision = account_decision.with(open(self.person, self.address, &row.email));
        }
        Ok(decision.and(account_decision.with(self.login.event(self.person, facts.now))))
    }
}

/// The event that gives an address to an account.
pub fn claim(address: AddressId, email: &Email, person: PersonId) -> Event {
    Event::AddressClaimed { address, email: Personal::new(email.clone()), person }
}

/// The event that opens an account.
pub fn open(person: PersonId, address: AddressId, email: &Email) -> Event {
    Event::Opened { person, address, email: Personal::new(email.clone()) }
}

/// Makes a login for a program, such as the demo's bearer tokens.
#[derive(Debug)]
pub struct MakeLogin {
    /// Whose.
    pub person: PersonId,
    /// The login.
    pub login: NewLogin,
}

impl Command for MakeLogin {
    shows!(Account person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        facts.get::<Account>(self.person)?;
        Ok(facts.allow(Deed::KeepAccount, About::Log)?.with(self.login.event(self.person, facts.now)))
    }
}

/// Notes that a login was used, at most once in [`USE_NOTED_MINUTES`].
#[derive(Debug)]
pub struct NoteUse {
    /// Whose.
    pub person: PersonId,
    /// Which.
    pub login: LoginId,
}

impl Command for NoteUse {
    shows!(Account person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (account, login) = (facts.get::<Account>(self.person)?, facts.get::<Login>(self.login)?);
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        let due = facts.now >= login.used_at.plus_minutes(USE_NOTED_MINUTES) && login.holds(account, facts.now);
        Ok(if due { decision.with(Event::LoginUsed { person: self.person, login: self.login }) } else { decision })
    }
}

/// Ends one login (sign out here, or revoke one elsewhere).
#[derive(Debug)]
pub struct SignOut {
    /// Whose.
    pub person: PersonId,
    /// Which.
    pub login: LoginId,
}

impl Command for SignOut {
    shows!(Account person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let login = facts.find::<Login>(self.login)?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        login.ok_or(Refusal::LoginHasEnded)?;
        Ok(decision.with(Event::SignedOut { person: self.person, login: self.login }))
    }
}

/// Ends a login whose time is over; what a timer asks for.
#[derive(Debug)]
pub struct ExpireLogin {
    /// Whose.
    pub person: PersonId,
    /// Which.
    pub login: LoginId,
}

impl Command for ExpireLogin {
    shows!(Account person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let login = facts.find::<Login>(self.login)?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        let over = login.is_some_and(|login| facts.now >= login.ends_at);
        Ok(if over { decision.with(Event::LoginExpired { person: self.person, login: self.login }) } else { decision })
    }
}

/// Ends every login and every access token of the account.
#[derive(Debug)]
pub struct SignOutEverywhere {
    /// Whose.
    pub person: PersonId,
}

impl Command for SignOutEverywhere {
    shows!(Account person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let account = facts.get::<Account>(self.person)?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        let tokens =
            account.tokens.iter().map(|token| Event::AccessTokenRevoked { token: *token, person: self.person });
        Ok(decision.with(Event::SignedOutEverywhere { person: self.person }).with_all(tokens))
    }
}
