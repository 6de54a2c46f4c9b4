//! Mail: what is sent to people, at least once, and never twice for whoever honours a message's id (promise D10).
//!
//! An event that asks for a mail leaves a parcel in the outbox, in the same transaction and with ids only: neither an
//! address nor a token is in it. The mail is rendered when it is sent: the event is read again, its texts are opened, the
//! token is derived again from the event's command, and whatever is out of date by then (a link used, an invitation
//! replaced) is not sent any more. A parcel's id names the message, so that a mail that was sent twice, because a crash
//! hid that it had been sent, is the same mail. No address and no token is ever logged: what a mail server says is not
//! repeated, only its code.

mod appointment;
mod notice;

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use domain::Event;
use domain::account::{self, Address};
use domain::coachee::{self, Coachee};
use domain::fold::When;
use domain::id::{CoacheeId, Id as _, LogId, PersonId};
use domain::practice::{self, CoachInvitation, Member, Practice, Role};
use domain::text::{Email, Text as _};
use domain::value::Time;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tracing::Instrument as _;
use uuid::Uuid;

use self::appointment::To;
use crate::tokens::{Kind, Token};
use crate::{App, Error, Happened, pause};

/// The kinds of parcels.
const SIGN_IN_LINK: &str = "sign_in_link";
const COACH_INVITATION: &str = "coach_invitation";
const COACHEE_INVITATION: &str = "coachee_invitation";
const APPOINTMENT_COACH: &str = "appointment_coach";
const APPOINTMENT_COACHEE: &str = "appointment_coachee";

/// What the link says by which somebody takes themself off such mails.
const OFF: &str = "Get no more mails of this kind";

/// How long a claim of a parcel holds.
const LEASE_MINUTES: i64 = 1;
/// How long sending one may take: less than a claim holds.
const SENDING_SECONDS: u64 = 30;
/// How long a mail server may take where it is only asked whether it answers.
const ANSWER_SECONDS: u64 = 5;
/// How many parcels are sent at the same time.
const AT_ONCE: u32 = 16;
/// How many minutes after a failed attempt the next one is made; after the last there is none.
const BACKOFF_MINUTES: [i64; 7] = [1, 5, 30, 60, 120, 240, 480];

/// The parcels that an event asks for: a mail each. What is to be sent at once is due at `at_once`.
pub(crate) fn parcels(event: &Event, when: &When, at_once: Time) -> Vec<store::Outbox> {
    let parcel = |kind, name: &str| parcel_of(when, kind, &format!("{name} {}", when.seq), at_once);
    if let Event::Notice(event) = event {
        return notice::parcel(event, when, at_once).into_iter().collect();
    }
    if appointment::is_told(event) {
        return vec![parcel(APPOINTMENT_COACH, "mail to coach"), parcel(APPOINTMENT_COACHEE, "mail")];
    }
    let kind = if let Event::Account(account::Event::LinkRequested { .. }) = event {
        SIGN_IN_LINK
    } else if let Event::Practice(practice::Event::CoachInvited { .. }) = event {
        COACH_INVITATION
    } else if let Event::Coachee(coachee::Event::Invited { .. }) = event {
        COACHEE_INVITATION
    } else {
        return Vec::new();
    };
    vec![parcel(kind, "mail")]
}

/// A parcel of an event's log; the same name is the same parcel.
fn parcel_of(when: &When, kind: &str, name: &str, due: Time) -> store::Outbox {
    let log = when.log.uuid();
    store::Outbox {
        log: log.into_bytes(),
        id: Uuid::new_v5(&log, name.as_bytes()).into_bytes(),
        seq: when.seq,
        kind: kind.to_owned(),
        due: due.0,
        attempts: 0,
        sent_at: None,
    }
}

/// What every mail needs beside its content.
#[derive(Debug, Clone)]
pub struct MailSettings {
    from: Mailbox,
    base_url: String,
}

impl MailSettings {
    /// Who writes (`Throughline <no-reply@example.com>`), and the address at which people reach this server.
    ///
    /// # Errors
    /// [`Error::BadRequest`] where `from` is no mailbox or `base_url` is no http address.
    pub fn parse(from: &str, base_url: &str) -> Result<Self, Error> {
        let from = from.parse().map_err(|_| {
            Error::BadRequest(format!("`{from}` is not a mailbox, such as Throughline <no-reply@example.com>"))
        })?;
        let base_url = base_url.trim_end_matches('/');
        if !["https://", "http://"].iter().any(|scheme| base_url.starts_with(scheme))
            || base_url.chars().any(char::is_whitespace)
        {
            return Err(Error::BadRequest(format!(
                "`{base_url}` is not a web address, such as https://coaching.example.com"
            )));
        }
        Ok(Self { from, base_url: base_url.to_owned() })
    }
}

/// Where mail goes.
pub enum Post {
    /// Into a folder, a file each (`<parcel's id>.eml`), for development and until a mail server is set.
    Folder(PathBuf),
    /// To a mail server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
            // Its credentials are not printed.
            Self::Smtp(_) => f.write_str("Smtp(…)"),
        }
    }
}

impl Post {
    /// A folder, which is made when it is missing.
    ///
    /// # Errors
    /// The operating system's.
    pub fn folder(path: impl Into<PathBuf>) -> std::io::Result<Self> {
        let path = path.into();
        std::fs::create_dir_all(&path)?;
        Ok(Self::Folder(path))
    }

    /// A mail server: `smtps://user:password@host`, or `smtp://…?tls=required` for STARTTLS.
    ///
    /// # Errors
    /// [`Error::BadRequest`], which does not repeat the address: there may be a password in it.
    pub fn smtp(url: &str) -> Result<Self, Error> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        let builder = builder.map_err(|_| {
            Error::BadRequest("this is not a mail server's address, such as smtps://user:password@host".to_owned())
        })?;
        Ok(Self::Smtp(builder.timeout(Some(Duration::from_secs(SENDING_SECONDS / 2))).build()))
    }

    /// Whether the mail server answers and lets this one in; nothing is sent. A folder does.
    ///
    /// # Errors
    /// What is wrong, in our words.
    pub async fn answers(&self) -> Result<(), String> {
        let Self::Smtp(server) = self else { return Ok(()) };
        match tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS), server.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) | Err(_) => Err("the mail server did not answer in time".to_owned()),
            Ok(Err(error)) => Err(refusal(&error)),
        }
    }

    /// Sends a message; its id makes a repeat the same message.
    async fn send(&self, id: Uuid, message: Message) -> Result<(), String> {
        match self {
            Self::Folder(path) => {
                let path = path.clone();
                let written = tokio::task::spawn_blocking(move || put_file(&path, id, &message.formatted())).await;
                let written = written.map_err(|_| "writing the file was cut short".to_owned())?;
                written.map_err(|error| format!("the file cannot be written: {error}"))
            }
            Self::Smtp(server) => server.send(message).await.map(drop).map_err(|error| refusal(&error)),
        }
    }
}

/// What went wrong with a mail server, in our words: in its own there may be an address.
fn refusal(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if error.is_tls() => "the mail server's certificate or encryption is not what it should be".to_owned(),
        None => "the mail server cannot be reached".to_owned(),
    }
}

/// Writes a file that is there wholly or not at all, for its owner only.
fn put_file(folder: &Path, id: Uuid, content: &[u8]) -> std::io::Result<()> {
    let (part, whole) = (folder.join(format!(".{id}.part")), folder.join(format!("{id}.eml")));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    std::io::Write::write_all(&mut file, content)?;
    file.sync_all()?;
    std::fs::rename(part, whole)
}

/// What a mail says, before it has a form.
struct Letter {
    to: Email,
    subject: String,
    /// Before the link, and after it.
    paragraphs: [String; 2],
    link: String,
    /// What the link does.
    label: &'static str,
    /// What is listed between the two, a line each.
    lines: Vec<String>,
    /// Where its reader takes themself off such mails, where they can (RFC 8058).
    unsubscribe: Option<String>,
}

/// What becomes of a parcel.
enum Rendered {
    /// It is sent: when it was written, and what it says.
    Letter(Time, Letter),
    /// It is sent as it is.
    Message(Box<Message>),
    /// It is out of date.
    Nothing,
    /// It waits until then.
    Later(Time),
}

impl Rendered {
    fn of(at: Time, letter: Option<Letter>) -> Self {
        letter.map_or(Self::Nothing, |letter| Self::Letter(at, letter))
    }

    fn whole(message: Option<Message>) -> Self {
        message.map_or(Self::Nothing, |message| Self::Message(Box::new(message)))
    }
}

/// What became of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// Its mail left.
    Left,
    /// There was nothing to send any more.
    Dropped,
    /// It waits until then.
    Waits(Time),
}

/// Who invites to what.
struct Invitation {
    practice: String,
    /// The coach's name, where a coach did it and is one still.
    by: Option<String>,
}

impl App {
    /// Sends every parcel that is due. How many mails left.
    ///
    /// # Errors
    /// The store's. A mail that cannot be sent is no error: it is tried again after 1, 5 and 30 minutes, then after 1, 2,
    /// 4 and 8 hours, and then given up with an error in the log.
    pub async fn deliver(&self, post: &Post, settings: &MailSettings) -> Result<u64, Error> {
        let mut left = 0;
        // At a stop the mails that are being sent are waited for, and no others.
        while !self.tasks().is_stopping() {
            let now = self.clock().now();
            let parcels = self.inner.store.claim_outbox(now.0, now.plus_minutes(LEASE_MINUTES).0, AT_ONCE).await?;
            if parcels.is_empty() {
                return Ok(left);
            }
            let tries = parcels.iter().map(|parcel| {
                let span = tracing::info_span!(target: "throughline", "mail", kind = parcel.kind);
                self.try_parcel(parcel, now, post, settings).instrument(span)
            });
            let mut unsettled = None;
            for (parcel, tried) in parcels.iter().zip(futures_util::future::join_all(tries).await) {
                let has_left = u64::from(tried == Ok(Tried::Left));
                self.inner.pulse.mails_sent.add(has_left);
                left += has_left;
                // Where one cannot be noted, the others are all the same: what has left is not to be sent again.
                if let Err(error) = self.settle(parcel, now, tried).await {
                    unsettled = Some(error);
                }
            }
            if let Some(error) = unsettled {
                return Err(error);
            }
        }
        Ok(left)
    }

    /// Sends mail as it becomes due, looking every so often, until the app is asked to stop.
    pub fn start_mail(&self, every: Duration, post: Post, settings: MailSettings) {
        let app = self.clone();
        let mut stopping = self.tasks().stopping();
        self.tasks().start("mail", async move {
            while app.accepts_writes() {
                if let Err(error) = app.deliver(&post, &settings).await {
                    tracing::warn!(?error, "the outbox could not be emptied; the next round tries again");
                }
                if !pause(&mut stopping, every).await {
                    return;
                }
            }
        });
    }

    /// Notes what became of a parcel.
    async fn settle(&self, parcel: &store::Outbox, now: Time, tried: Result<Tried, String>) -> Result<(), Error> {
        let id = Uuid::from_bytes(parcel.id);
        let why = match tried {
            Ok(Tried::Left | Tried::Dropped) => {
                return Ok(self.inner.store.outbox_sent(parcel.log, parcel.id, now.0).await?);
            }
            Ok(Tried::Waits(until)) => {
                return Ok(self.inner.store.outbox_wait(parcel.log, parcel.id, until.0).await?);
            }
            Err(why) => why,
        };
        self.inner.pulse.mails_failed.add(1);
        // Claiming has counted this attempt.
        let failed = usize::try_from(parcel.attempts).unwrap_or(usize::MAX).max(1);
        if let Some(minutes) = BACKOFF_MINUTES.get(failed - 1) {
            tracing::warn!(parcel = %id, kind = parcel.kind, failed, why, "a mail could not be sent; it is tried again");
            Ok(self.inner.store.outbox_retry(parcel.log, parcel.id, now.plus_minutes(*minutes).0).await?)
        } else {
            self.inner.pulse.mails_given_up.add(1);
            tracing::error!(parcel = %id, kind = parcel.kind, failed, why, "a mail could not be sent, and is given up");
            Ok(self.inner.store.outbox_sent(parcel.log, parcel.id, now.0).await?)
        }
    }

    /// Renders a parcel and sends it: whether it was still to be sent; or why it could not be.
    async fn try_parcel(
        &self,
        parcel: &store::Outbox,
        now: Time,
        post: &Post,
        settings: &MailSettings,
    ) -> Result<Tried, String> {
        let id = Uuid::from_bytes(parcel.id);
        let rendered = self.render(parcel, now, settings).await;
        let message = match rendered.map_err(|error| format!("it cannot be made: {error:?}"))? {
            Rendered::Letter(at, letter) => message(id, at, &letter, settings)?,
            Rendered::Message(message) => *message,
            Rendered::Nothing => return Ok(Tried::Dropped),
            Rendered::Later(until) => return Ok(Tried::Waits(until)),
        };
        let sending = tokio::time::timeout(Duration::from_secs(SENDING_SECONDS), post.send(id, message));
        sending.await.map_err(|_| "it was not sent in time".to_owned())?.map(|()| Tried::Left)
    }

    /// What becomes of a parcel, and its letter with the time it is dated.
    async fn render(&self, parcel: &store::Outbox, now: Time, settings: &MailSettings) -> Result<Rendered, Error> {
        let mut snapshot = self.inner.store.snapshot_of(&[parcel.log]).await?;
        let stored = snapshot.event(parcel.log, parcel.seq).await?;
        snapshot.close().await?;
        let Some(stored) = stored else { return Err(Error::internal("its event is not there")) };
        let Some(happened) = self.read(&stored).await? else { return Ok(Rendered::Nothing) };
        let id = Uuid::from_bytes(parcel.id);
        let letter = match parcel.kind.as_str() {
            SIGN_IN_LINK => self.sign_in_letter(&happened, now, settings).await?,
            COACH_INVITATION => self.coach_letter(&happened, now, settings).await?,
            COACHEE_INVITATION => self.coachee_letter(&happened, now, settings).await?,
            APPOINTMENT_COACH => {
                let mail = self.appointment_mail(&happened, To::Coach, (id, now), settings).await?;
                return Ok(Rendered::whole(mail));
            }
            APPOINTMENT_COACHEE => {
                let mail = self.appointment_mail(&happened, To::Coachee, (id, now), settings).await?;
                return Ok(Rendered::whole(mail));
            }
            notice::NOTICE => return self.notice_letter(&happened, now, settings).await,
            notice::DIGEST => return self.digest_letter(&happened, now, settings).await,
            _ => return Err(Error::internal("this version of the program knows no such parcel")),
        };
        Ok(Rendered::of(happened.when.at, letter))
    }

    async fn sign_in_letter(
        &self,
        happened: &Happened,
        now: Time,
        settings: &MailSettings,
    ) -> Result<Option<Letter>, Error> {
        let Event::Account(account::Event::LinkRequested { address, link, email, token, expires_at, .. }) =
            &happened.event
        else {
            return Err(not_its_event());
        };
        let log = happened.when.log;
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let row = self.inner.row::<Address>(&mut snapshot, log, *address).await?;
        snapshot.close().await?;
        let newest = row.and_then(|row| row.link).is_some_and(|newest| newest.id == *link);
        let Some(to) = email.text().filter(|_| newest && now < *expires_at) else { return Ok(None) };
        let token = self.token_again(Kind::SignInLink, happened, token, to)?;
        Ok(Some(Letter {
            to: to.clone(),
            subject: "Your sign-in link".to_owned(),
            paragraphs: [
                "Somebody, most likely you, asked to sign in to Throughline with this address. To sign in, open this link:".to_owned(),
                format!(
                    "It works once, for {} minutes, and best in the browser in which it was asked for: any other one asks for the six digits \
                     that are shown there. If it was not you, ignore this mail; nobody can sign in without it.",
                    account::LINK_MINUTES
                ),
            ],
            link: format!("{}/login?token={}", settings.base_url, token.text),
            label: "Sign in",
            lines: Vec::new(),
            unsubscribe: None,
        }))
    }

    async fn coach_letter(
        &self,
        happened: &Happened,
        now: Time,
        settings: &MailSettings,
    ) -> Result<Option<Letter>, Error> {
        let Event::Practice(practice::Event::CoachInvited { invitation, name, email, role, token, expires_at }) =
            &happened.event
        else {
            return Err(not_its_event());
        };
        let log = happened.when.log;
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let row = self.inner.row::<CoachInvitation>(&mut snapshot, log, *invitation).await?;
        let inviting = self.inviting(&mut snapshot, happened).await?;
        snapshot.close().await?;
        let texts = name.text().zip(email.text()).filter(|_| row.is_some() && now < *expires_at);
        let (Some((name, to)), Some(inviting)) = (texts, inviting) else { return Ok(None) };
        let token = self.token_again(Kind::CoachInvitation, happened, token, to)?;
        let role = match role {
            Role::Coach => "a coach",
            Role::Manager | Role::Owner => "a manager",
        };
        Ok(Some(invitation_letter(
            (to, name.as_str()),
            &inviting,
            &format!("to join {} as {role}", inviting.practice),
            &token,
            settings,
        )))
    }

    async fn coachee_letter(
        &self,
        happened: &Happened,
        now: Time,
        settings: &MailSettings,
    ) -> Result<Option<Letter>, Error> {
        let Event::Coachee(coachee::Event::Invited { coachee, invitation, token, expires_at, .. }) = &happened.event
        else {
            return Err(not_its_event());
        };
        let log = happened.when.log;
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let row = self.inner.row::<Coachee>(&mut snapshot, log, *coachee).await?;
        let inviting = self.inviting(&mut snapshot, happened).await?;
        snapshot.close().await?;
        let stands = |row: &Coachee| row.invitation == Some(*invitation) && row.deactivated_at.is_none();
        let row = row.filter(|row| stands(row) && now < *expires_at);
        let (Some(row), Some(inviting)) = (row, inviting) else { return Ok(None) };
        let token = self.token_again(Kind::CoacheeInvitation, happened, token, &row.email)?;
        let to_what = format!("to your coaching portal at {}", inviting.practice);
        Ok(Some(invitation_letter((&row.email, row.first_name.as_str()), &inviting, &to_what, &token, settings)))
    }

    /// Who invites: the practice, and the coach who did it.
    async fn inviting(&self, snapshot: &mut store::Snapshot, happened: &Happened) -> Result<Option<Invitation>, Error> {
        let log = happened.when.log;
        let LogId::Practice(practice) = log else { return Ok(None) };
        let practice = self.inner.row::<Practice>(snapshot, log, practice).await?;
        let by: Option<PersonId> = happened.when.actor;
        let by = match by {
            Some(by) => self.inner.row::<Member>(snapshot, log, by).await?,
            None => None,
        };
        let by = by.map(|by| by.name.as_str().to_owned());
        Ok(practice.map(|practice| Invitation { practice: practice.name.as_str().to_owned(), by }))
    }

    /// The token that the event's command handed out to this address, if it is the one whose hash the event has.
    fn token_again(&self, kind: Kind, happened: &Happened, hash: &[u8; 32], to: &Email) -> Result<Token, Error> {
        let (log, command, (_, whom)) = (happened.when.log, happened.command, happened.event.thing());
        let tokens = [
            self.invitation(kind, (log, command), to),
            // Of a sign-in link, whose log is its address's; and of an invitation from before it had its address's.
            self.token(kind, log, command),
            // Of one that was sent with others before.
            self.token_for(kind, log, command, CoacheeId::of(whom)),
        ];
        let token = tokens.into_iter().find(|token| vault::same_hash(&token.hash, hash));
        token.ok_or_else(|| Error::internal("its token is not its command's"))
    }
}

fn not_its_event() -> Error {
    Error::internal("its event is of another kind")
}

fn invitation_letter(
    (to, name): (&Email, &str),
    inviting: &Invitation,
    to_what: &str,
    token: &Token,
    settings: &MailSettings,
) -> Letter {
    let by = inviting.by.as_deref().unwrap_or(&inviting.practice);
    Letter {
        to: to.clone(),
        subject: format!("{by} invites you {to_what}"),
        paragraphs: [
            format!("Hello {name}, {by} invites you {to_what}. To accept, open this link:"),
            format!(
                "It works once, for {} days, unless a newer invitation replaces it. If you did not expect it, ignore this mail.",
                practice::INVITATION_DAYS
            ),
        ],
        link: format!("{}/invitations/{}", settings.base_url, token.text),
        label: "Accept the invitation",
        lines: Vec::new(),
        unsubscribe: None,
    }
}

/// The letter as a message: the same letter is always the same bytes.
fn message(id: Uuid, at: Time, letter: &Letter, settings: &MailSettings) -> Result<Message, String> {
    let Letter { subject, paragraphs: [before, after], link, label, lines, unsubscribe, .. } = letter;
    let mut text = format!("{before}\r\n\r\n");
    let mut items = String::new();
    for line in lines {
        text.extend(["- ", line, "\r\n"]);
        items.extend(["<li>", &escaped(line), "</li>\r\n"]);
    }
    if !lines.is_empty() {
        text.push_str("\r\n");
        items = format!("<ul>\r\n{items}</ul>\r\n");
    }
    text.extend([link, "\r\n\r\n", after, "\r\n"]);
    let mut off = String::new();
    if let Some(unsubscribe) = unsubscribe {
        text.extend([OFF, ": ", unsubscribe, "\r\n"]);
        off = format!("<p><a href=\"{}\">{OFF}</a></p>\r\n", escaped(unsubscribe));
    }
    let html = format!(
        "<!doctype html>\r\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head><body>\r\n\
         <p>{}</p>\r\n{items}<p><a href=\"{}\">{label}</a></p>\r\n<p>{}</p>\r\n{off}</body></html>\r\n",
        escaped(subject),
        escaped(before),
        escaped(link),
        escaped(after)
    );
    let both = MultiPart::alternative().boundary(id.simple().to_string());
    let both = both.singlepart(SinglePart::plain(text)).singlepart(SinglePart::html(html));
    let mut builder = envelope((id, at), &letter.to, subject, settings)?;
    if let Some(unsubscribe) = unsubscribe {
        let header = |name: &'static str, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
        builder = builder
            .raw_header(header("List-Unsubscribe", format!("<{unsubscribe}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    builder.multipart(both).map_err(|_| "the letter cannot be written into a mail".to_owned())
}

/// A message without its content: from whom to whom, its subject, time and id.
fn envelope(
    (id, at): (Uuid, Time),
    to: &Email,
    subject: &str,
    settings: &MailSettings,
) -> Result<MessageBuilder, String> {
    let to = to.as_str().parse().map_err(|_| "the address cannot be written into a mail".to_owned())?;
    // Machines that answer mail leave such a one alone (RFC 3834, section 5).
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    Ok(Message::builder()
        .from(settings.from.clone())
        .to(Mailbox::new(None, to))
        .subject(subject)
        .date(UNIX_EPOCH + Duration::from_micros(u64::try_from(at.0).unwrap_or(0)))
        .message_id(Some(format!("<{id}@{}>", settings.from.email.domain())))
        .raw_header(automatic))
}

/// A text as it stands in HTML, in content and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
