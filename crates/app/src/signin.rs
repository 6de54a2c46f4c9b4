//! Signing in: links, logins, and who a credential belongs to (S1.7–S1.10; promises A5, A6, A8).

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::account::{self, Account, Address, Hashes, Login, NewLogin, Portal, PortalOf, Through as LoginThrough};
use domain::id::{AccessTokenId, AddressId, CommandId, LogId, LoginId, PersonId};
use domain::practice::Practice;
use domain::text::{Agent, Email, Name, Text as _};
use domain::value::Time;
use domain::{Actor, Decide, Refusal};

use crate::record::Through;
use crate::tokens::{self, Kind, Token};
use crate::{App, Error, Request};

/// How often it is looked whether what somebody holds is still good, where nothing was heard of their account.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// After how long it is asked again, where it could not be found out.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Somebody who is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub person: PersonId,
    /// By which login.
    pub login: LoginId,
    /// In a browser or a program.
    pub through: LoginThrough,
}

/// What lets somebody in, and may end while they are there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Held {
    /// A login.
    Login(LoginId),
    /// A program's token.
    AccessToken(AccessTokenId),
}

/// What the browser that asked for a link keeps and shows.
#[derive(Clone)]
pub struct Asked {
    /// The cookie's value.
    pub browser: String,
    /// The six digits.
    pub digits: String,
}

/// What somebody brings to sign in.
#[derive(Clone)]
pub struct Credentials {
    /// The link's token.
    pub token: String,
    /// The browser's cookie, if it has one.
    pub browser: Option<String>,
    /// The six digits, if they were typed.
    pub digits: Option<String>,
}

domain::hidden!(Asked, Credentials);

/// Where a login is to be held, and what the browser or program calls itself.
#[derive(Debug, Clone)]
pub struct Device {
    /// A browser or a program.
    pub through: LoginThrough,
    /// Its `User-Agent`, where it tells one.
    pub agent: Option<Agent>,
}

impl Device {
    /// A device that calls itself so; what cannot be printed is left out.
    pub fn new(through: LoginThrough, agent: Option<&str>) -> Self {
        let printable = |text: &str| text.chars().filter(|letter| !letter.is_control()).collect::<String>();
        Self { through, agent: agent.and_then(|agent| Agent::parse(&printable(agent)).ok()) }
    }

    /// The login that a token makes on it.
    pub fn login(self, token: &Token) -> NewLogin {
        NewLogin { id: token.id(), token: token.hash, through: self.through, agent: self.agent }
    }
}

impl From<LoginThrough> for Device {
    fn from(through: LoginThrough) -> Self {
        Self { through, agent: None }
    }
}

/// A new login.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Who is signed in.
    pub person: PersonId,
    /// The token to hold.
    pub token: Token,
}

/// What an invitation tells whoever holds it, before they accept.
#[derive(Debug, Clone)]
pub struct Invited {
    /// The practice's name.
    pub practice: Name,
    /// Which of its portals would be theirs.
    pub portal: Portal,
}

impl App {
    /// What a browser keeps and shows that asks for a link: it is known again by the cookie that it brings, so that no
    /// further request makes it a stranger to the link before; a browser without one is given one.
    pub fn asking(&self, address: AddressId, command: CommandId, browser: Option<&str>) -> Asked {
        let log = LogId::Address(address);
        let known = browser.filter(|browser| tokens::parse(Kind::Browser, browser).is_some());
        let browser = known.map_or_else(|| self.token(Kind::Browser, log, command).text, str::to_owned);
        let digits = self.digits(log, &browser);
        Asked { browser, digits }
    }

    /// Asks for a sign-in link from a browser that is not known yet.
    ///
    /// # Errors
    /// As [`App::request_link_from`].
    pub async fn request_link(
        &self,
        email: Email,
        command: CommandId,
        idempotency: Option<crate::Idempotency>,
    ) -> Result<Asked, Error> {
        self.request_link_from(None, email, command, idempotency).await
    }

    /// Asks for a sign-in link from a browser with this cookie. The answer is the same for every address (A6).
    ///
    /// # Errors
    /// Where the storage fails.
    pub async fn request_link_from(
        &self,
        browser: Option<&str>,
        email: Email,
        command: CommandId,
        idempotency: Option<crate::Idempotency>,
    ) -> Result<Asked, Error> {
        let address = self.address(&email);
        let log = LogId::Address(address);
        let asked = self.asking(address, command, browser);
        let hashes = Hashes {
            token: self.token(Kind::SignInLink, log, command).hash,
            browser: tokens::hash(Kind::Browser, &asked.browser),
            code: tokens::hash(Kind::Code, &asked.digits),
        };
        let link = self.mint();
        let request = Request {
            log,
            actor: Actor::Visitor,
            through: Through::Link,
            now: self.clock().now(),
            command,
            idempotency,
        };
        let done = self.run(request, account::RequestLink { address, email, link, hashes }).await?;
        Ok(self.asking(address, done.command, browser))
    }

    /// Redeems a sign-in link.
    ///
    /// # Errors
    /// The refusals of [`account::SignIn`]; wrong digits are `SIGN_IN_CODE_IS_NEEDED` again, and counted. A repeat whose
    /// sign-in has ended is `SIGN_IN_LINK_IS_NOT_VALID`.
    pub async fn sign_in(
        &self,
        brought: &Credentials,
        device: impl Into<Device>,
        command: CommandId,
        once: impl Fn(LogId) -> Option<crate::Idempotency>,
    ) -> Result<NewSession, Error> {
        let invalid = || Error::from(Refusal::from(account::Refusal::LinkIsNotValid));
        let Some((LogId::Address(address), token)) = tokens::parse(Kind::SignInLink, &brought.token) else {
            return Err(invalid());
        };
        let device = device.into();
        let browser = brought.browser.as_ref().map(|browser| tokens::hash(Kind::Browser, browser));
        let code = brought.digits.as_ref().map(|digits| tokens::hash(Kind::Code, digits.trim()));
        for _ in 0..4 {
            let person = self.person_of(address).await?.unwrap_or_else(|| self.mint());
            let new = self.token(Kind::Login, LogId::Account(person), command);
            let login = device.clone().login(&new);
            let request = Request {
                log: LogId::Address(address),
                actor: Actor::Visitor,
                through: Through::Link,
                now: self.clock().now(),
                command,
                idempotency: once(LogId::Address(address)),
            };
            match self
                .run(request, account::SignIn { address, token, browser, code, person, sign_up: self.sign_up(), login })
                .await
            {
                Err(Error::Again) => {}
                Err(error) => return Err(error),
                Ok(done) => {
                    let row = self.address_row(address).await?;
                    // A repeat that came at once may have opened the account under another id.
                    let person = row.as_ref().and_then(|row| row.person).unwrap_or(person);
                    let new = self.token(Kind::Login, LogId::Account(person), done.command);
                    let made = self.held(NewSession { person, token: new }).await?;
                    // Wrong digits leave the link as it is; what was made of one that is gone has ended since.
                    let is_left = row.and_then(|row| row.link).is_some_and(|link| link.token == token);
                    let why = if is_left { account::Refusal::CodeIsNeeded } else { account::Refusal::LinkIsNotValid };
                    return made.ok_or_else(|| Refusal::from(why).into());
                }
            }
        }
        Err(Error::Unavailable)
    }

    /// Closes sign-up: from now on accounts are opened by invitation only.
    pub fn close_sign_up(&self) {
        self.inner.sign_up_closed.store(true, Ordering::Release);
    }

    pub(crate) fn sign_up(&self) -> account::SignUp {
        if self.inner.sign_up_closed.load(Ordering::Acquire) { account::SignUp::Closed } else { account::SignUp::Open }
    }

    /// Makes a login for a program.
    pub async fn make_login(&self, person: PersonId, through: LoginThrough, now: Time) -> Result<Token, Error> {
        let (log, command) = (LogId::Account(person), self.command());
        let token = self.token(Kind::Login, log, command);
        let login = Device::from(through).login(&token);
        let request =
            Request { log, actor: Actor::System("demo"), through: Through::System, now, command, idempotency: None };
        self.run(request, account::MakeLogin { person, login }).await?;
        Ok(token)
    }

    /// The account of an address, if it has one.
    pub async fn person_of(&self, address: AddressId) -> Result<Option<PersonId>, Error> {
        Ok(self.address_row(address).await?.and_then(|row| row.person))
    }

    async fn address_row(&self, address: AddressId) -> Result<Option<Address>, Error> {
        let Some((mut snapshot, _)) = self.snapshot_of(LogId::Address(address)).await? else { return Ok(None) };
        let row = self.inner.row::<Address>(&mut snapshot, LogId::Address(address), address).await?;
        snapshot.close().await?;
        Ok(row)
    }

    /// This sign-in, where it was made and still holds.
    ///
    /// # Errors
    /// Where the storage fails.
    pub async fn held(&self, session: NewSession) -> Result<Option<NewSession>, Error> {
        let holds = self.holds(session.person, Held::Login(session.token.id())).await?;
        Ok(holds.map(|_| session))
    }

    /// Who holds this login's token, if it still holds. Its use is noted now and then.
    pub async fn identify(&self, token: &str) -> Result<SignedIn, Error> {
        let Some((log @ LogId::Account(person), hash)) = tokens::parse(Kind::Login, token) else {
            return Err(Error::Unauthenticated);
        };
        let found = self.snapshot_with::<Login>(log, tokens::id(&hash)).await?;
        let Some((mut snapshot, _, login)) = found else { return Err(Error::Unauthenticated) };
        let account = self.inner.row::<Account>(&mut snapshot, log, person).await?;
        snapshot.close().await?;
        let now = self.clock().now();
        let (Some(login), Some(account)) = (login, account) else { return Err(Error::Unauthenticated) };
        if !vault::same_hash(&login.token, &hash) || !login.holds(&account, now) {
            return Err(Error::Unauthenticated);
        }
        if now >= login.used_at.plus_minutes(account::USE_NOTED_MINUTES) {
            self.note_use(person, account::NoteUse { person, login: login.id }).await?;
        }
        Ok(SignedIn { person, login: login.id, through: login.through })
    }

    /// Notes the use of what holds. Where nothing can be written now, whoever holds it reads on all the same (D4).
    pub(crate) async fn note_use(&self, person: PersonId, note: impl Decide) -> Result<(), Error> {
        let request = Request {
            log: LogId::Account(person),
            actor: Actor::Person(person),
            through: Through::System,
            now: self.clock().now(),
            command: self.command(),
            idempotency: None,
        };
        match self.run(request, note).await {
            Ok(_) | Err(Error::StorageFull | Error::Unavailable) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Resolves when a login holds no more: it was ended, or its time is over.
    pub async fn login_ended(&self, signed_in: SignedIn) {
        self.ended(signed_in.person, Held::Login(signed_in.login)).await;
    }

    /// Resolves when what somebody holds is good no more.
    pub(crate) async fn ended(&self, person: PersonId, held: Held) {
        let log = LogId::Account(person);
        // What asks the database is boxed: of thousands who wait, few ask at a time.
        let Ok(Some(position)) = Box::pin(self.end(log)).await else { return };
        let mut follower = self.follow(log, position);
        // What was said last, while nothing was heard of the account since: a database that cannot be asked for a while ends
        // nobody's sign-in, where nothing says that somebody has ended it.
        let mut said = None;
        loop {
            let now = self.clock().now();
            let (ends_at, at_most) = match (Box::pin(self.holds(person, held)).await, said) {
                (Ok(Some(ends_at)), _) => (ends_at, LOOK_EVERY),
                (Err(_), Some(ends_at)) if ends_at > now => (ends_at, ASK_AGAIN),
                (Ok(None) | Err(_), _) => return,
            };
            said = Some(ends_at);
            let left = u64::try_from(ends_at.0.saturating_sub(now.0)).unwrap_or(0);
            // A new event of the account, or time: either way it is looked at again.
            match tokio::time::timeout(Duration::from_micros(left).min(at_most), follower.next()).await {
                Ok(Ok(_)) => said = None,
                Ok(Err(_)) => tokio::time::sleep(ASK_AGAIN).await,
                Err(_) => {}
            }
        }
    }

    /// How long a log is; `None` where there is none.
    async fn end(&self, log: LogId) -> Result<Option<u64>, Error> {
        let Some((snapshot, head)) = self.snapshot_of(log).await? else { return Ok(None) };
        // The answer is the head; how the snapshot closes changes nothing.
        let _ = snapshot.close().await;
        Ok(Some(head.seq))
    }

    /// Until when it is good if it is not used; `None` where it is good no more.
    async fn holds(&self, person: PersonId, held: Held) -> Result<Option<Time>, Error> {
        let (log, now) = (LogId::Account(person), self.clock().now());
        let login = match held {
            Held::Login(login) => login,
            Held::AccessToken(token) => {
                let row = self.access_token(person, token).await?;
                return Ok(row.filter(|row| row.holds(now)).map(|row| row.ends_at));
            }
        };
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let login = self.inner.row::<Login>(&mut snapshot, log, login).await?;
        let account = self.inner.row::<Account>(&mut snapshot, log, person).await?;
        snapshot.close().await?;
        let (Some(login), Some(account)) = (login, account) else { return Ok(None) };
        let until = login.ends_at.min(login.used_at.plus_minutes(account::IDLE_MINUTES));
        Ok(login.holds(&account, now).then_some(until))
    }

    /// An account with its portals and logins.
    pub async fn account(&self, person: PersonId) -> Result<(Account, Vec<PortalOf>, Vec<Login>), Error> {
        let log = LogId::Account(person);
        let (mut snapshot, _) = self.snapshot_of(log).await?.ok_or(Error::Unauthenticated)?;
        let account = self.inner.row::<Account>(&mut snapshot, log, person).await?.ok_or(Error::Unauthenticated)?;
        let portals = self.inner.rows::<PortalOf>(&mut snapshot, log, Vec::new(), 1_000).await?;
        let logins = self.inner.rows::<Login>(&mut snapshot, log, Vec::new(), 1_000).await?;
        snapshot.close().await?;
        let now = self.clock().now();
        let logins = logins.into_iter().filter(|login| login.holds(&account, now)).collect();
        Ok((account, portals, logins))
    }

    /// The coachee whose invitation a token is, and their email address; `None` where it is none that works.
    pub async fn coachee_invitation(
        &self,
        token: &str,
    ) -> Result<Option<(domain::coachee::Invitation, domain::coachee::Coachee)>, Error> {
        let Some((log, hash)) = tokens::parse(Kind::CoacheeInvitation, token) else { return Ok(None) };
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let invitation = self.inner.row::<domain::coachee::Invitation>(&mut snapshot, log, tokens::id(&hash)).await?;
        let Some(invitation) = invitation.filter(|row| vault::same_hash(&row.token, &hash)) else { return Ok(None) };
        let coachee = self.inner.row::<domain::coachee::Coachee>(&mut snapshot, log, invitation.coachee).await?;
        snapshot.close().await?;
        // Whoever is deactivated is not let in meanwhile.
        let coachee = coachee.filter(|coachee| coachee.deactivated_at.is_none());
        Ok(coachee.map(|coachee| (invitation, coachee)))
    }

    /// The coach invitation that a token is; `None` where it is none that works.
    pub async fn coach_invitation(&self, token: &str) -> Result<Option<domain::practice::CoachInvitation>, Error> {
        let Some((log, hash)) = tokens::parse(Kind::CoachInvitation, token) else { return Ok(None) };
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let invitation =
            self.inner.row::<domain::practice::CoachInvitation>(&mut snapshot, log, tokens::id(&hash)).await?;
        snapshot.close().await?;
        Ok(invitation.filter(|row| vault::same_hash(&row.token, &hash)))
    }

    /// To what this is an invitation; `None` where it is none that works now.
    pub async fn invited(&self, token: &str) -> Result<Option<Invited>, Error> {
        let now = self.clock().now();
        let coachee = self.coachee_invitation(token).await?.is_some_and(|(invitation, _)| now < invitation.expires_at);
        let coach = self.coach_invitation(token).await?.is_some_and(|invitation| now < invitation.expires_at);
        let portal = match (coachee, coach) {
            (true, _) => Portal::Coachee,
            (false, true) => Portal::Coach,
            (false, false) => return Ok(None),
        };
        let Some((log @ LogId::Practice(practice), _)) = tokens::parse(Kind::CoachInvitation, token) else {
            return Ok(None);
        };
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let row = self.inner.row::<Practice>(&mut snapshot, log, practice).await?;
        snapshot.close().await?;
        Ok(row.map(|row| Invited { practice: row.name, portal }))
    }
}
