//! Mails that tell of notices: one by one, or those of a day together.
//!
//! They say what kind of thing somebody did and who it was by their first name, and lead to the portal: titles and other
//! texts are confidential and stay there. A mail is rendered under the recipient's sight as it is when it is sent: what
//! they have read, what they see no longer, and what they turned off meanwhile is left out; in quiet hours it waits. Each
//! mail has a link by which its reader takes themself off such mails without signing in (RFC 8058): its token derives from
//! account and kind, is nowhere stored, and can do nothing else.

use std::collections::{BTreeMap, BTreeSet};

use domain::account::{Account, Portal};
use domain::coachee::Coachee;
use domain::fold::When;
use domain::id::{CommandId, Id as _, LogId, NoticeId, PersonId, PracticeId};
use domain::notice::{self, Channel, Mailing, Notice, Preferences, Unsubscribe, Unsubscription};
use domain::practice::Member;
use domain::text::Text as _;
use domain::value::{Time, Zone};
use domain::{Actor, Event};
use futures_util::future::try_join_all;
use uuid::Uuid;

use super::{Letter, MailSettings, Rendered, not_its_event, parcel_of};
use crate::tokens::{Kind, Token, parse};
use crate::view::{Direction, Filter, Value, Wanted};
use crate::{App, Error, Happened, Reader, Request, Through, View};

/// The kinds of parcels.
pub(super) const NOTICE: &str = "notice";
pub(super) const DIGEST: &str = "notice_digest";

/// How many notices a digest lists at most; of more it says that there are.
const LISTED_MAX: u32 = 200;

/// The parcel that an event asks for, if it asks for one. A digest's is the same for all its notices: its row in the outbox
/// is the timer by which it is sent.
pub(super) fn parcel(event: &notice::Event, when: &When, at_once: Time) -> Option<store::Outbox> {
    let (mailing, recipient) = match event {
        notice::Event::Raised { mailing, .. } => (*mailing, when.owner?),
        notice::Event::Read { .. } | notice::Event::PreferencesSet { .. } | notice::Event::Unsubscribed { .. } => {
            return None;
        }
    };
    match mailing {
        Mailing::No => None,
        Mailing::At(due) => {
            // Only quiet hours hold it back.
            let due = if due > when.at { due } else { at_once };
            Some(parcel_of(when, NOTICE, &format!("mail {}", when.seq), due))
        }
        Mailing::InDigest(due) => Some(parcel_of(when, DIGEST, &format!("digest {recipient} {}", due.0), due)),
    }
}

/// Who a mail is for, and what they prefer.
struct Recipient {
    person: PersonId,
    account: Account,
    preferences: Preferences,
}

/// The portals in which a notice may be seen. Each is looked through by itself: several mails are made at once, and a view
/// holds a connection.
const PORTALS: [Portal; 2] = [Portal::Coach, Portal::Coachee];

/// What a notice's mail says.
enum Told {
    /// Who did what, and at which practice.
    Of(String, String),
    /// It waits until then.
    Later(Time),
    /// It was read, or is not the recipient's to see any more.
    Nothing,
}

/// What a day's mail tells.
#[derive(Default)]
struct Day {
    /// How often somebody did something of a kind.
    lines: BTreeMap<(String, notice::Kind), u32>,
    /// The practice's name.
    place: String,
    seen: BTreeSet<NoticeId>,
    /// Whether there was more than is listed.
    more: bool,
}

impl App {
    pub(super) async fn notice_letter(
        &self,
        happened: &Happened,
        now: Time,
        settings: &MailSettings,
    ) -> Result<Rendered, Error> {
        let (practice, person) = whose(happened)?;
        let Event::Notice(notice::Event::Raised { notice, kind, .. }) = &happened.event else {
            return Err(not_its_event());
        };
        let Some(recipient) = self.recipient(person).await? else { return Ok(Rendered::Nothing) };
        if !recipient.preferences.want(*kind, Channel::Mail) {
            return Ok(Rendered::Nothing);
        }
        for portal in PORTALS {
            let Some(view) = self.sight(practice, person, portal).await? else { continue };
            let told = self.told_by(&view, *notice, &recipient, now).await;
            view.close().await?;
            match told? {
                Told::Later(until) => return Ok(Rendered::Later(until)),
                Told::Of(what, place) => {
                    let why = format!(
                        "What it says is in your portal only. You get this mail since you work together at {place}; which \
                         notifications reach you, and how, you choose in your account."
                    );
                    let (subject, from) = (what.clone(), Unsubscription::Kind(*kind));
                    let words = ((subject, format!("{what}.")), (Vec::new(), why));
                    return Ok(Rendered::Letter(happened.when.at, self.letter(&recipient, words, from, settings)));
                }
                Told::Nothing => {}
            }
        }
        Ok(Rendered::Nothing)
    }

    /// What a notice's mail says, under this view: who did what, and where.
    async fn told_by(&self, view: &View, notice: NoticeId, recipient: &Recipient, now: Time) -> Result<Told, Error> {
        let row = view.one::<Notice>(notice).await?.filter(|row| row.is_unread);
        let Some(row) = row else { return Ok(Told::Nothing) };
        if let Some(until) = recipient.preferences.quiet_until(&zone(view, recipient.person).await?, now) {
            return Ok(Told::Later(until));
        }
        let what = format!("{} {}", self.doer(view, &row).await?, row.kind.says());
        Ok(Told::Of(what, view.practice().await?.name.as_str().to_owned()))
    }

    pub(super) async fn digest_letter(
        &self,
        happened: &Happened,
        now: Time,
        settings: &MailSettings,
    ) -> Result<Rendered, Error> {
        let (practice, person) = whose(happened)?;
        let Event::Notice(notice::Event::Raised { mailing: Mailing::InDigest(due), .. }) = &happened.event else {
            return Err(not_its_event());
        };
        let Some(recipient) = self.recipient(person).await? else { return Ok(Rendered::Nothing) };
        let wanted = Wanted {
            filters: vec![
                Filter::Eq("owner".to_owned(), Value::from(person.uuid().into_bytes())),
                Filter::Eq("unread".to_owned(), Value::Bool(true)),
                Filter::Eq("digest".to_owned(), Value::Int(due.0)),
            ],
            order: vec![("seq", Direction::Ascending)],
            limit: LISTED_MAX,
            ..Wanted::default()
        };
        let mut day = Day::default();
        for portal in PORTALS {
            let Some(view) = self.sight(practice, person, portal).await? else { continue };
            let waits = self.gather(&view, &wanted, &recipient, now, &mut day).await;
            view.close().await?;
            if let Some(until) = waits? {
                return Ok(Rendered::Later(until));
            }
        }
        let Day { lines, place, more, .. } = day;
        if lines.is_empty() {
            return Ok(Rendered::Nothing);
        }
        let line = |((by, kind), count): ((String, notice::Kind), u32)| match count {
            1 => format!("{by} {}", kind.says()),
            _ => format!("{by} {} ({count} times)", kind.says()),
        };
        let mut lines: Vec<String> = lines.into_iter().map(line).collect();
        lines.extend(more.then(|| "and more".to_owned()));
        let subject = format!("Your day at {place}");
        let what = format!("Since the last of these mails, at {place}:");
        let why = "What it says is in your portal only. You get this mail once a day, where there is something; which \
                   notifications reach you, and how, you choose in your account."
            .to_owned();
        let words = ((subject, what), (lines, why));
        Ok(Rendered::Letter(*due, self.letter(&recipient, words, Unsubscription::Digest, settings)))
    }

    /// Gathers what a day's mail tells, as one portal shows it; or says until when the mail waits.
    async fn gather(
        &self,
        view: &View,
        wanted: &Wanted,
        recipient: &Recipient,
        now: Time,
        day: &mut Day,
    ) -> Result<Option<Time>, Error> {
        if let Some(until) = recipient.preferences.quiet_until(&zone(view, recipient.person).await?, now) {
            return Ok(Some(until));
        }
        view.practice().await?.name.as_str().clone_into(&mut day.place);
        let page = view.list::<Notice>(wanted).await?;
        day.more |= page.has_next;
        let is_told = |row: &Notice| recipient.preferences.want(row.kind, Channel::Mail) && day.seen.insert(row.id);
        let rows: Vec<Notice> = page.rows.into_iter().map(|(row, _)| row).filter(is_told).collect();
        // All are asked for before any is waited for: a statement a table.
        let doers = try_join_all(rows.iter().map(|row| self.doer(view, row))).await?;
        for (row, doer) in rows.iter().zip(doers) {
            let count = day.lines.entry((doer, row.kind)).or_default();
            *count = count.saturating_add(1);
        }
        Ok(None)
    }

    fn letter(
        &self,
        recipient: &Recipient,
        ((subject, what), (lines, why)): ((String, String), (Vec<String>, String)),
        from: Unsubscription,
        settings: &MailSettings,
    ) -> Letter {
        let token = self.unsubscription_token(recipient.person, from);
        Letter {
            to: recipient.account.email.clone(),
            subject,
            paragraphs: [what, why],
            link: format!("{}/", settings.base_url),
            label: "Open the portal",
            lines,
            unsubscribe: Some(format!("{}/unsubscribe/{}", settings.base_url, token.text)),
        }
    }

    /// The account and the preferences of somebody; nothing where the account is there no more.
    async fn recipient(&self, person: PersonId) -> Result<Option<Recipient>, Error> {
        let log = LogId::Account(person);
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let account = self.inner.row::<Account>(&mut snapshot, log, person).await?;
        let preferences = self.inner.row::<Preferences>(&mut snapshot, log, person).await?;
        snapshot.close().await?;
        let preferences = preferences.unwrap_or_else(|| Preferences::of_nobody(person));
        Ok(account.map(|account| Recipient { person, account, preferences }))
    }

    /// What somebody sees of a practice through a portal; nothing where they have no such one.
    async fn sight(&self, practice: PracticeId, person: PersonId, portal: Portal) -> Result<Option<View>, Error> {
        let reader = Reader::new(person, Through::System);
        match self.view(&reader, practice, portal, None).await {
            Ok(view) => Ok(Some(view)),
            Err(Error::NotFound) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Who did what a notice tells of: a coachee by their first name, a coach by the name that they show.
    async fn doer(&self, view: &View, row: &Notice) -> Result<String, Error> {
        let coachee = view.one::<Coachee>(row.coachee).await?.filter(|coachee| coachee.person == Some(row.by));
        if let Some(coachee) = coachee {
            return Ok(coachee.first_name.as_str().to_owned());
        }
        let name = view.coach_names(&[row.by]).await?.remove(&row.by);
        Ok(name.map_or_else(|| "Somebody".to_owned(), |name| name.as_str().to_owned()))
    }

    /// The token that takes somebody off such mails, always the same one.
    fn unsubscription_token(&self, person: PersonId, from: Unsubscription) -> Token {
        let of = CommandId::of(Uuid::new_v5(&Uuid::NAMESPACE_OID, from.word().as_bytes()));
        self.token(Kind::Unsubscribe, LogId::Account(person), of)
    }

    /// Whom such a token takes off which mails; nothing where it is none.
    pub fn unsubscription(&self, token: &str) -> Option<(PersonId, Unsubscription)> {
        let (LogId::Account(person), hash) = parse(Kind::Unsubscribe, token)? else { return None };
        let is_it = |from: &Unsubscription| vault::same_hash(&self.unsubscription_token(person, *from).hash, &hash);
        Unsubscription::all().find(is_it).map(|from| (person, from))
    }

    /// Takes somebody off mails by the token in one; a repeat changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it is no such token, or the account is there no more.
    pub async fn unsubscribe(&self, token: &str) -> Result<(), Error> {
        let (person, from) = self.unsubscription(token).ok_or(Error::NotFound)?;
        let request = Request {
            log: LogId::Account(person),
            actor: Actor::Visitor,
            through: Through::Link,
            now: self.clock().now(),
            command: self.command(),
            idempotency: None,
        };
        self.run(request, Unsubscribe { person, from }).await.map(drop)
    }

    /// What somebody prefers of notices.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] where the account is there no more.
    pub async fn notification_preferences(&self, person: PersonId) -> Result<Preferences, Error> {
        self.recipient(person).await?.map(|it| it.preferences).ok_or(Error::Unauthenticated)
    }
}

/// Where a notice was raised, and for whom.
fn whose(happened: &Happened) -> Result<(PracticeId, PersonId), Error> {
    match (happened.when.log, happened.when.owner) {
        (LogId::Practice(practice), Some(owner)) => Ok((practice, owner)),
        _ => Err(not_its_event()),
    }
}

/// Whose clock a person goes by in a practice, where they have set none.
async fn zone(view: &View, person: PersonId) -> Result<Zone, Error> {
    let member = view.one::<Member>(person).await?;
    match member.and_then(|member| member.zone) {
        Some(zone) => Ok(zone),
        None => Ok(view.practice().await?.zone),
    }
}
