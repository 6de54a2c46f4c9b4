//! Mails about appointments: to coach and coachee, with what a calendar takes over (RFC 5546).
//!
//! A mail is made when it is sent, from what the appointment then is: one about a time that was changed again in the
//! meantime is not sent, the mail about the change is. What is in it: when, with whom, how long, and where, since nobody
//! could come without that. What the appointment is called is not: a title such as "After the divorce" is for the portal
//! and the calendar's own address, not for mail servers and locked screens (decision 0046).

use domain::Event;
use domain::account::Portal;
use domain::appointment::{self, Appointment, Occurrence, State, Wall};
use domain::coachee::Coachee;
use domain::id::{LogId, PersonId, PracticeId};
use domain::practice::{Member, Practice};
use domain::row::Row;
use domain::text::{Email, Text as _};
use domain::value::Time;
use lettre::Message;
use lettre::message::header::ContentType;
use lettre::message::{MultiPart, SinglePart};
use uuid::Uuid;

use super::{MailSettings, envelope, escaped, not_its_event};
use crate::calendar::ics::{self, Entry, People, Words};
use crate::calendar::words;
use crate::record::Through;
use crate::{App, Error, Happened, Reader, View};

/// To whom of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Coach,
    Coachee,
}

/// Whether an event is one that both learn of by mail.
pub(super) fn is_told(event: &Event) -> bool {
    let Event::Appointment(event) = event else { return false };
    match event {
        // Of what it is called nothing is said.
        appointment::Event::Rescheduled { moved, place, link, .. } => *moved || place.is_some() || link.is_some(),
        appointment::Event::Added { .. }
        | appointment::Event::OccurrenceMoved { .. }
        | appointment::Event::OccurrenceCancelled { .. }
        | appointment::Event::FollowingCancelled { .. }
        | appointment::Event::Cancelled { .. } => true,
        appointment::Event::Answered { .. }
        | appointment::Event::Held { .. }
        | appointment::Event::FeedCreated { .. }
        | appointment::Event::FeedRevoked { .. } => false,
    }
}

/// What is told of an appointment.
enum Told {
    /// What is ahead of it is, or now is, so: the first and the last time, and how many there are.
    Planned { first: Occurrence, last: Wall, times: usize },
    /// One occurrence now is so.
    Moved(Occurrence),
    /// One occurrence does not take place.
    CancelledOne(Occurrence),
    /// None from this one on takes place.
    CancelledFrom(Occurrence),
    /// None of it takes place, of which this one was next.
    Cancelled(Occurrence),
}

impl Told {
    /// All of it as it is now, where some is ahead.
    fn planned(row: &Appointment, now: Time) -> Option<Self> {
        let its = ahead(row, now);
        let (first, last) = (its.first()?.clone(), its.last()?.start);
        Some(Self::Planned { first, last, times: its.len() })
    }

    /// Whether it says that something does not take place.
    const fn is_cancellation(&self) -> bool {
        match self {
            Self::Planned { .. } | Self::Moved(_) => false,
            Self::CancelledOne(_) | Self::CancelledFrom(_) | Self::Cancelled(_) => true,
        }
    }
}

/// What of an appointment is not over and was not cancelled but with all of it, in order of time.
fn ahead(row: &Appointment, now: Time) -> Vec<Occurrence> {
    let is_kept = |it: &Occurrence| {
        row.cut_from.is_none_or(|from| it.id < from) && !row.exception(it.id).is_some_and(|it| it.cancelled)
    };
    let mut its = row.occurrences();
    its.retain(|it| it.ends_at > now && is_kept(it));
    its.sort_by_key(|it| it.starts_at);
    its
}

/// What an event still has to say of the appointment as it is; nothing where something newer has been said since.
fn told(event: &appointment::Event, row: &Appointment, now: Time) -> Option<Told> {
    let whole = |sequence: u32| row.revised == sequence;
    let one = |occurrence: Wall, sequence: u32, state: State| {
        let it = row.occurrence(occurrence)?;
        (it.state == state && it.sequence == sequence && row.revised <= sequence).then_some(it)
    };
    match event {
        appointment::Event::Added { .. } if whole(0) && !row.cancelled => Told::planned(row, now),
        appointment::Event::Rescheduled { sequence, .. } if whole(*sequence) && !row.cancelled => {
            Told::planned(row, now)
        }
        appointment::Event::Added { .. } | appointment::Event::Rescheduled { .. } => None,
        appointment::Event::OccurrenceMoved { occurrence, sequence, .. } => {
            one(*occurrence, *sequence, State::Moved).filter(|it| it.ends_at > now).map(Told::Moved)
        }
        appointment::Event::OccurrenceCancelled { occurrence, sequence, .. } => {
            one(*occurrence, *sequence, State::Cancelled).filter(|it| it.ends_at > now).map(Told::CancelledOne)
        }
        appointment::Event::FollowingCancelled { from, sequence, .. } => {
            let is_told = |it: &Occurrence| it.id >= *from && it.ends_at > now;
            let its = row.occurrences().into_iter().filter(is_told).min_by_key(|it| it.starts_at);
            its.filter(|_| whole(*sequence) && !row.cancelled).map(Told::CancelledFrom)
        }
        appointment::Event::Cancelled { sequence, .. } => {
            ahead(row, now).into_iter().next().filter(|_| whole(*sequence)).map(Told::Cancelled)
        }
        appointment::Event::Answered { .. }
        | appointment::Event::Held { .. }
        | appointment::Event::FeedCreated { .. }
        | appointment::Event::FeedRevoked { .. } => None,
    }
}

/// Whom a mail is about.
struct Party {
    practice: String,
    coach: Option<Member>,
    coachee: Coachee,
}

impl App {
    /// The mail of an event, to one of the two; nothing where it is out of date, or they have no part in it any more.
    pub(super) async fn appointment_mail(
        &self,
        happened: &Happened,
        to: To,
        (id, now): (Uuid, Time),
        settings: &MailSettings,
    ) -> Result<Option<Message>, Error> {
        let (LogId::Practice(practice), Event::Appointment(event)) = (happened.when.log, &happened.event) else {
            return Err(not_its_event());
        };
        let Some((row, party)) = self.appointment_of(practice, event).await? else { return Ok(None) };
        let Some(told) = told(event, &row, now) else { return Ok(None) };
        // Whoever is off the list is told only that they need not come.
        let is_off = to == To::Coachee && party.coachee.deactivated_at.is_some();
        if is_off && !told.is_cancellation() {
            return Ok(None);
        }
        let words = self.words_for(practice, &row, (to, happened.when.actor)).await?;
        let (Some(words), Some(attendee)) = (words, party.address(to)) else { return Ok(None) };
        let people = People { organizer: settings.from.email.to_string(), attendee: attendee.clone() };
        // Not its title: see above.
        let words = Words { title: Some(party.title(to)), with: Some(party.other(to)), ..words };
        let entry = Entry { row, words, people: Some(people) };
        let calendar = match &told {
            Told::Planned { .. } | Told::CancelledFrom(_) => {
                ("REQUEST", ics::calendar("REQUEST", std::slice::from_ref(&entry))?)
            }
            Told::Moved(it) => ("REQUEST", ics::one("REQUEST", &entry, it)?),
            Told::CancelledOne(it) => ("CANCEL", ics::one("CANCEL", &entry, it)?),
            Told::Cancelled(_) => ("CANCEL", ics::calendar("CANCEL", std::slice::from_ref(&entry))?),
        };
        let (subject, lines) = letter(&told, &entry, &party, to);
        let message = message((id, happened.when.at), &attendee, (&subject, &lines), calendar, settings);
        message.map(Some).map_err(Error::internal)
    }

    /// The appointment as it is, and its people; nothing where it, or the coachee, is there no more.
    async fn appointment_of(
        &self,
        practice: PracticeId,
        event: &appointment::Event,
    ) -> Result<Option<(Appointment, Party)>, Error> {
        let Some((mut snapshot, _)) = self.snapshot_of(LogId::Practice(practice)).await? else { return Ok(None) };
        let found = self.read_appointment(&mut snapshot, practice, event).await;
        snapshot.close().await?;
        found
    }

    async fn read_appointment(
        &self,
        snapshot: &mut store::Snapshot,
        practice: PracticeId,
        event: &appointment::Event,
    ) -> Result<Option<(Appointment, Party)>, Error> {
        let (inner, log, (_, thing)) = (&self.inner, LogId::Practice(practice), event.thing());
        let id = <<Appointment as Row>::Id as domain::id::Id>::of(thing);
        let Some(row) = inner.row::<Appointment>(snapshot, log, id).await? else { return Ok(None) };
        let Some(coachee) = inner.row::<Coachee>(snapshot, log, row.coachee).await? else { return Ok(None) };
        let Some(practice) = inner.row::<Practice>(snapshot, log, practice).await? else { return Ok(None) };
        let coach = inner.row::<Member>(snapshot, log, row.coach).await?;
        let practice = practice.name.as_str().to_owned();
        Ok(Some((row, Party { practice, coach, coachee })))
    }

    /// The appointment's words, opened as for whoever is to have them. To a coach who sees it no more nothing is said. A
    /// coachee without a portal is told what its coach sees: both are whom it is addressed to, so no entry is left.
    async fn words_for(
        &self,
        practice: PracticeId,
        row: &Appointment,
        (to, actor): (To, Option<PersonId>),
    ) -> Result<Option<Words>, Error> {
        for person in [Some(row.coach), actor.filter(|_| to == To::Coachee)].into_iter().flatten() {
            let reader = Reader::new(person, Through::System);
            let view = match self.view(&reader, practice, Portal::Coach, None).await {
                Ok(view) => view,
                Err(Error::NotFound) => continue,
                Err(other) => return Err(other),
            };
            let opened = opened(&view, row).await;
            view.close().await?;
            if let Some(words) = opened? {
                return Ok(Some(words));
            }
        }
        Ok(None)
    }
}

/// The appointment's words, where the viewer sees it.
async fn opened(view: &View, row: &Appointment) -> Result<Option<Words>, Error> {
    match view.one::<Appointment>(row.id).await? {
        Some(_) => words(view, row).await.map(Some),
        None => Ok(None),
    }
}

impl Party {
    fn address(&self, to: To) -> Option<Email> {
        match to {
            To::Coach => self.coach.as_ref().map(|coach| coach.email.clone()),
            To::Coachee => Some(self.coachee.email.clone()),
        }
    }

    fn coach(&self) -> String {
        self.coach.as_ref().map_or_else(|| self.practice.clone(), |coach| coach.name.as_str().to_owned())
    }

    /// The other one's name.
    fn other(&self, to: To) -> String {
        match to {
            To::Coach => self.coachee.full_name(),
            To::Coachee => self.coach(),
        }
    }

    fn title(&self, to: To) -> String {
        format!("Coaching: {}", self.other(to))
    }
}

/// On which day and when, as people say it.
fn when(wall: Wall) -> String {
    wall.civil().strftime("%A, %-d %B %Y, %H:%M").to_string()
}

/// What the mail says: its subject, and its lines.
fn letter(told: &Told, entry: &Entry, party: &Party, to: To) -> (String, Vec<String>) {
    let (row, other) = (&entry.row, party.other(to));
    let (what, it) = match told {
        Told::Planned { first, .. } if row.revised == 0 => ("Appointment", first),
        Told::Planned { first, .. } => ("Appointment changed", first),
        Told::Moved(it) => ("Appointment moved", it),
        Told::CancelledOne(it) => ("Appointment cancelled", it),
        Told::CancelledFrom(it) => ("Appointments cancelled from", it),
        Told::Cancelled(it) if row.rule.is_some() => ("Appointments cancelled from", it),
        Told::Cancelled(it) => ("Appointment cancelled", it),
    };
    let (start, minutes, zone) = (it.start, it.minutes, row.zone.name());
    let mut lines =
        vec![format!("{what}: {} ({zone}), {minutes} minutes, with {other} ({}).", when(start), party.practice)];
    lines.extend(match told {
        Told::Planned { last, times, .. } if *times > 1 => {
            Some(format!("It takes place {times} times, the last time on {}.", when(*last)))
        }
        Told::Moved(it) => Some(format!("It was planned for {}.", when(it.id))),
        Told::CancelledFrom(_) => Some("That one and all after it do not take place.".to_owned()),
        Told::Cancelled(_) if row.rule.is_some() => Some("None of its remaining dates takes place.".to_owned()),
        Told::Planned { .. } | Told::CancelledOne(_) | Told::Cancelled(_) => None,
    });
    if !told.is_cancellation() {
        lines.extend(entry.words.place.iter().map(|place| format!("Place: {place}")));
        lines.extend(entry.words.link.iter().map(|link| format!("Video meeting: {link}")));
    }
    (format!("{what} {}, with {other}", when(start)), lines)
}

/// The letter as a message: the same letter is always the same bytes.
fn message(
    (id, at): (Uuid, Time),
    to: &Email,
    (subject, lines): (&str, &[String]),
    (method, calendar): (&str, String),
    settings: &MailSettings,
) -> Result<Message, String> {
    let text = format!("{}\r\n", lines.join("\r\n\r\n"));
    let paragraphs: Vec<String> = lines.iter().map(|line| format!("<p>{}</p>\r\n", escaped(line))).collect();
    let html = format!(
        "<!doctype html>\r\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head><body>\r\n{}</body></html>\r\n",
        escaped(subject),
        paragraphs.concat()
    );
    let kind = ContentType::parse(&format!("text/calendar; method={method}; charset=utf-8"));
    let kind = kind.map_err(|_| "the kind of a calendar cannot be written".to_owned())?;
    let parts = MultiPart::alternative().boundary(id.simple().to_string());
    let parts = parts.singlepart(SinglePart::plain(text)).singlepart(SinglePart::html(html));
    let parts = parts.singlepart(SinglePart::builder().header(kind).body(calendar));
    envelope((id, at), to, subject, settings)?
        .multipart(parts)
        .map_err(|_| "the letter cannot be written into a mail".to_owned())
}
