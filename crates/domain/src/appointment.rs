//! Appointments between a coach and a coachee, once or again and again (S2.16, S2.17, S3.2).
//!
//! An appointment has its start on the wall of a time zone, a length, and perhaps a rule by which it repeats. What holds:
//! * the rule and the zone are kept, occurrences are computed (see [`occurrence`] and [`rule`]); the row also has from when
//!   to when it goes at most, by which it is found;
//! * one occurrence can be moved or cancelled alone, the rest from one on can be cancelled, and all of it moved or
//!   cancelled. What was is not rewritten: all of it moves only while none has begun, and what is over or was held stays
//!   when the rest is cancelled. Where all of it moves, single changes and answers are void, for the times that they were
//!   about are no more;
//! * each change that a calendar must learn of raises the revision (`SEQUENCE` in RFC 5545); another title alone is none;
//! * the coachee answers to all, or to one; a move of one voids the answer to it;
//! * overlapping appointments are shown and not refused: people know what they do.
//!
//! [`feed`] has the address from which a person's calendar program reads them.

use serde::{Deserialize, Serialize};

use crate::access::Deed;
use crate::coachee::{self, Coachee};
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{AccessId, AppointmentId, CoacheeId, PersonId, SessionId};
use crate::practice::{Access, Member, Role};
use crate::session::Session;
use crate::text::{self, Change, Confidential, MeetingLink, Place, Text as _, Title, facts};
use crate::value::{Time, Zone};
use crate::{Rows, refusals};

pub mod feed;
pub mod occurrence;
mod rescheduling;
pub mod rule;
pub mod wall;

pub use feed::{CalendarFeed, CreateFeed, RevokeFeed};
pub use occurrence::{Answered, Exception, Occurrence, Span, State};
pub use rescheduling::RescheduleAppointment;
pub use rule::Rule;
pub use wall::Wall;

/// How long an appointment can be, in minutes.
pub const MOST_MINUTES: u32 = 1440;
/// How many days from now it begins at the latest.
const MOST_DAYS_AHEAD: i64 = 1830;

/// Whether the coachee comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// They do.
    Going,
    /// They do not.
    NotGoing,
}

facts!(Answer);

events! {
    /// What happens to an appointment.
    pub enum Event {
        /// It was made.
        "appointment.added" as "appointment_add" Added sees Session {
            appointment: AppointmentId, coachee: CoacheeId, coach: PersonId, title: Confidential<Title>,
            place: Option<Confidential<Place>>, link: Option<Confidential<MeetingLink>>, start: Wall, zone: Zone, minutes: u32,
            rule: Option<Rule>, span: Span
        },
        /// All of it was moved, or what it is called or where it is was changed. `start`, `zone` and `minutes` are also there
        /// where they stayed, `rule` where it changed.
        "appointment.rescheduled" as "appointment_reschedule" Rescheduled sees Session {
            appointment: AppointmentId, coachee: CoacheeId, coach: PersonId, title: Option<Change<Confidential<Title>>>,
            place: Option<Change<Confidential<Place>>>, link: Option<Change<Confidential<MeetingLink>>>, start: Change<Wall>,
            zone: Change<Zone>, minutes: Change<u32>, rule: Option<Change<Rule>>, span: Span, moved: bool, sequence: u32
        },
        /// One occurrence was moved. `occurrence` is its start as the rule has it.
        "appointment.occurrence_moved" as "appointment_move" OccurrenceMoved sees Session {
            appointment: AppointmentId, coachee: CoacheeId, coach: PersonId, occurrence: Wall, start: Change<Wall>,
            minutes: Change<u32>, span: Span, sequence: u32
        },
        /// One occurrence was cancelled.
        "appointment.occurrence_cancelled" as "appointment_cancel_one" OccurrenceCancelled sees Session {
            appointment: AppointmentId, coachee: CoacheeId, coach: PersonId, occurrence: Wall, start: Wall, sequence: u32
        },
        /// This occurrence and those after it were cancelled.
        "appointment.following_cancelled" as "appointment_cancel_following" FollowingCancelled sees Session {
            appointment: AppointmentId, coachee: CoacheeId, coach: PersonId, from: Wall, sequence: u32
        },
        /// All of it was cancelled.
        "appointment.cancelled" as "appointment_cancel" Cancelled sees Session {
            appointment: AppointmentId, coachee: CoacheeId, coach: PersonId, sequence: u32
        },
        /// The coachee said whether they come: to one occurrence, or to all.
        "appointment.answered" as "appointment_answer" Answered sees Session {
            appointment: AppointmentId, coachee: CoacheeId, coach: PersonId, occurrence: Option<Wall>, answer: Change<Answer>
        },
        /// A session was started from it.
        "appointment.held" as "appointment_hold" Held sees Session {
            appointment: AppointmentId, coachee: CoacheeId, occurrence: Wall, session: SessionId
        },
        /// A person's calendar got a new address; one that was there works no more.
        "appointment.feed_created" as "calendar_feed_create" FeedCreated sees Internal { person: PersonId, hash: [u8; 32] },
        /// The address of a person's calendar works no more.
        "appointment.feed_revoked" as "calendar_feed_revoke" FeedRevoked sees Internal { person: PersonId },
    }
}

refusals! {
    /// Why something about an appointment was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "APPOINTMENT_EXISTS" "This appointment has been added before.",
        /// Nothing can be done with it.
        IsCancelled "APPOINTMENT_IS_CANCELLED" "This appointment, or this occurrence of it, was cancelled. Add another one instead.",
        /// It would end, or has ended, before now.
        IsOver "APPOINTMENT_IS_OVER" "This appointment is over, or would be. Choose a later time, or log the session instead.",
        /// Some of it was.
        HasBegun "APPOINTMENT_HAS_BEGUN" "Some of these appointments have begun. Move one occurrence, or cancel the following ones and add new ones.",
        /// The rule has none there.
        NoOccurrence "OCCURRENCE_IS_NOT_THERE" "This appointment has no occurrence that first was at this time.",
        /// It is not said which.
        OccurrenceIsNeeded "OCCURRENCE_IS_NEEDED" "This appointment repeats. Say which occurrence is meant.",
        /// What else is given would be of all of it.
        OneCanOnlyMove "OCCURRENCE_CAN_ONLY_BE_MOVED" "One occurrence can only be moved. To change title, place, video link or recurrence, leave the occurrence out.",
        /// A session was started from it.
        IsHeld "APPOINTMENT_HAS_A_SESSION" "A session was started from this appointment.",
        /// Not a coach of this coachee.
        CoachHasNoAccess "COACH_HAS_NO_ACCESS" "This coach has no access to the coachee. Grant it first.",
        /// The text is no rule.
        RecurrenceIsNoRule "RECURRENCE_IS_NOT_A_RULE" "This is not a recurrence rule of RFC 5545, such as FREQ=WEEKLY;COUNT=10.",
        /// Neither COUNT nor UNTIL.
        RecurrenceHasNoEnd "RECURRENCE_HAS_NO_END" "A recurrence needs an end: COUNT or UNTIL.",
        /// Too many, or for too long.
        RecurrenceIsTooLong "APPOINTMENT_RECURS_TOO_OFTEN" "A recurrence has at most 732 occurrences, within ten years.",
        /// A part that nobody needs here.
        RecurrenceIsNotSupported "RECURRENCE_IS_NOT_SUPPORTED" "Appointments repeat DAILY, WEEKLY, MONTHLY or YEARLY, with INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS and WKST.",
        /// The start is not among them.
        RecurrenceDoesNotFit "RECURRENCE_DOES_NOT_FIT_ITS_START" "The appointment's start is not one of the times that its recurrence gives. Change one of the two.",
    }
}

/// An appointment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Appointment {
    /// Its id.
    pub id: AppointmentId,
    /// With which coachee.
    pub coachee: CoacheeId,
    /// With which coach.
    pub coach: PersonId,
    /// What it is called.
    pub title: Confidential<Title>,
    /// Where it takes place.
    pub place: Option<Confidential<Place>>,
    /// The video meeting's address.
    pub link: Option<Confidential<MeetingLink>>,
    /// When the first one begins, on the wall.
    pub start: Wall,
    /// On whose wall.
    pub zone: Zone,
    /// How long it takes.
    pub minutes: u32,
    /// How it repeats, if it does.
    pub rule: Option<Rule>,
    /// From when to when it goes at most.
    pub span: Span,
    /// Whether all of it was cancelled.
    pub cancelled: bool,
    /// From which occurrence on it was cancelled.
    pub cut_from: Option<Wall>,
    /// What differs of single occurrences.
    pub exceptions: Vec<Exception>,
    /// What the coachee answered to all of it.
    pub answered: Option<Answered>,
    /// How often it was changed so that calendars must learn of it.
    pub sequence: u32,
    /// The revision with which all of it was last changed.
    pub revised: u32,
    /// When it was made.
    pub added_at: Time,
    /// When it was changed last.
    pub changed_at: Time,
    /// Who wrote its title.
    pub titled_by: Option<PersonId>,
    /// Who wrote where it takes place.
    pub placed_by: Option<PersonId>,
    /// Who wrote the video meeting's address.
    pub linked_by: Option<PersonId>,
}
row! { Appointment in appointment, seen as Session, id id: AppointmentId, subject |r| r.coachee,
written by |r, text| {
    let by = [(text::Kind::Title, r.titled_by), (text::Kind::Place, r.placed_by), (text::Kind::MeetingLink, r.linked_by)];
    by.into_iter().find(|(kind, _)| *kind == text).and_then(|(_, by)| by)
},
columns |r| [
    coach: PersonId = r.coach,
    first_start: Time = r.span.from,
    last_end: Time = r.span.to,
    cancelled: bool = r.cancelled,
], sealed [title, place, link] }

impl Appointment {
    fn except(&mut self, occurrence: Wall, change: impl FnOnce(&mut Exception)) {
        let place = self.exceptions.iter_mut().position(|it| it.occurrence == occurrence);
        let place = place.unwrap_or_else(|| {
            self.exceptions.push(Exception::of(occurrence));
            self.exceptions.len().saturating_sub(1)
        });
        if let Some(exception) = self.exceptions.get_mut(place) {
            change(exception);
        }
    }

    /// The rule for an appointment that begins then instead. It ends where the rest was cancelled, for what is moved does
    /// not bring back what was cancelled; and from another start there are as many as before, also where the rule says
    /// until when.
    pub fn rule_from(&self, start: Wall) -> Option<Rule> {
        let rule = self.rule.clone()?;
        if self.cut_from.is_none() && start == self.start {
            return Some(rule);
        }
        let is_kept = |start: &Wall| self.cut_from.is_none_or(|from| *start < from);
        let kept = self.rule_starts().into_iter().filter(is_kept).count();
        Some(rule.ending(rule::End::Count(u32::try_from(kept).unwrap_or(1))))
    }

    /// The next revision.
    const fn next(&self) -> u32 {
        self.sequence.saturating_add(1)
    }

    fn revise(&mut self, sequence: u32, at: Time) {
        self.sequence = sequence;
        self.changed_at = at;
    }
}

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Added { appointment, coachee, coach, title, place, link, start, zone, minutes, rule, span } => {
            rows.put(Appointment {
                id: *appointment,
                coachee: *coachee,
                coach: *coach,
                title: title.clone(),
                place: place.clone(),
                link: link.clone(),
                start: *start,
                zone: zone.clone(),
                minutes: *minutes,
                rule: rule.clone(),
                span: *span,
                cancelled: false,
                cut_from: None,
                exceptions: Vec::new(),
                answered: None,
                sequence: 0,
                revised: 0,
                added_at: when.at,
                changed_at: when.at,
                titled_by: when.actor,
                placed_by: when.actor,
                linked_by: when.actor,
            });
        }
        Event::Rescheduled {
            appointment,
            title,
            place,
            link,
            start,
            zone,
            minutes,
            rule,
            span,
            moved,
            sequence,
            ..
        } => {
            rows.edit(*appointment, |row: &mut Appointment| {
                if let Some(title) = title {
                    (row.title, row.titled_by) = (title.now.clone(), when.actor);
                }
                if let Some(place) = place {
                    (row.place, row.placed_by) = (Some(place.now.clone()), when.actor);
                }
                if let Some(link) = link {
                    (row.link, row.linked_by) = (Some(link.now.clone()), when.actor);
                }
                if *moved {
                    (row.start, row.zone, row.minutes) = (start.now, zone.now.clone(), minutes.now);
                    (row.exceptions, row.answered, row.cut_from, row.span) = (Vec::new(), None, None, *span);
                }
                if let Some(rule) = rule {
                    row.rule = Some(rule.now.clone());
                }
                if *moved || place.is_some() || link.is_some() {
                    row.revised = *sequence;
                }
                row.revise(*sequence, when.at);
            });
        }
        Event::OccurrenceMoved { appointment, occurrence, start, minutes, span, sequence, .. } => {
            rows.edit(*appointment, |row: &mut Appointment| {
                row.except(*occurrence, |it| {
                    it.moved = Some((start.now, minutes.now));
                    it.answered = None;
                    it.sequence = *sequence;
                });
                row.span = *span;
                row.revise(*sequence, when.at);
            });
        }
        Event::OccurrenceCancelled { appointment, occurrence, sequence, .. } => {
            rows.edit(*appointment, |row: &mut Appointment| {
                row.except(*occurrence, |it| (it.cancelled, it.sequence) = (true, *sequence));
                row.revise(*sequence, when.at);
            });
        }
        Event::FollowingCancelled { appointment, from, sequence, .. } => {
            rows.edit(*appointment, |row: &mut Appointment| {
                (row.cut_from, row.revised) = (Some(*from), *sequence);
                row.revise(*sequence, when.at);
            });
        }
        Event::Cancelled { appointment, sequence, .. } => rows.edit(*appointment, |row: &mut Appointment| {
            (row.cancelled, row.revised) = (true, *sequence);
            row.revise(*sequence, when.at);
        }),
        Event::Answered { appointment, occurrence, answer, .. } => {
            rows.edit(*appointment, |row: &mut Appointment| {
                let answered = Some(Answered { answer: answer.now, at: when.at });
                match occurrence {
                    Some(occurrence) => row.except(*occurrence, |it| it.answered = answered),
                    None => row.answered = answered,
                }
            });
        }
        Event::Held { appointment, occurrence, session, .. } => {
            rows.edit(*appointment, |row: &mut Appointment| row.except(*occurrence, |it| it.session = Some(*session)));
            rows.edit(*session, |row: &mut Session| row.appointment = Some(*appointment));
        }
        Event::FeedCreated { person, hash } => {
            rows.put(CalendarFeed { id: *person, hash: *hash, since: when.at });
        }
        Event::FeedRevoked { person } => rows.delete::<CalendarFeed>(*person),
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Added { coach, title, place, link, start, zone, minutes, rule, .. } => Entry::default()
            .set("title", title)
            .set("coach", coach)
            .set("start", start)
            .set("timeZone", zone)
            .set("durationMinutes", minutes)
            .set("recurrence", &rule.as_ref().map(|rule| rule.text(zone, None)))
            .set("place", place)
            .set("videoLink", link),
        Event::Rescheduled { title, place, link, start, zone, minutes, rule, .. } => {
            let rule = rule.as_ref().map(|rule| Change {
                was: rule.was.as_ref().map(|rule| rule.text(zone.was.as_ref().unwrap_or(&zone.now), None)),
                now: rule.now.text(&zone.now, None),
            });
            Entry::default()
                .edit("title", title.as_ref())
                .edit("place", place.as_ref())
                .edit("videoLink", link.as_ref())
                .edit("start", differs(start))
                .edit("timeZone", differs(zone))
                .edit("durationMinutes", differs(minutes))
                .edit("recurrence", rule.as_ref())
        }
        Event::OccurrenceMoved { occurrence, start, minutes, .. } => Entry::default()
            .set("occurrence", occurrence)
            .edit("start", Some(start))
            .edit("durationMinutes", differs(minutes)),
        Event::OccurrenceCancelled { occurrence, .. } => Entry::default().set("occurrence", occurrence),
        Event::FollowingCancelled { from, .. } => Entry::default().set("occurrence", from),
        Event::Cancelled { .. } => Entry::default(),
        Event::Answered { occurrence, answer, .. } => {
            Entry::default().set("occurrence", occurrence).edit("answer", Some(answer))
        }
        Event::Held { session, occurrence, .. } => {
            Entry::default().set("occurrence", occurrence).set("session", session)
        }
        Event::FeedCreated { .. } => Entry::default(),
        Event::FeedRevoked { .. } => Entry::default(),
    }
}

/// A change, where it is one.
fn differs<T: PartialEq>(change: &Change<T>) -> Option<&Change<T>> {
    Some(change).filter(|change| change.was.as_ref() != Some(&change.now))
}

crate::entry::words! {
    String: |it| it.clone();
    Wall: |it| it.to_string();
    Answer: |it| match it {
        Answer::Going => "going".to_owned(),
        Answer::NotGoing => "not_going".to_owned(),
    };
}

/// Makes an appointment (S2.16).
#[derive(Debug)]
pub struct AddAppointment {
    /// Its id.
    pub appointment: AppointmentId,
    /// With which coachee.
    pub coachee: CoacheeId,
    /// With which coach; else with whoever makes it.
    pub coach: Option<PersonId>,
    /// What it is called.
    pub title: Title,
    /// Where it takes place.
    pub place: Option<Place>,
    /// The video meeting's address.
    pub link: Option<MeetingLink>,
    /// When the first one begins, on the wall.
    pub start: Wall,
    /// On whose wall.
    pub zone: Zone,
    /// How long it takes: 1 to [`MOST_MINUTES`].
    pub minutes: u32,
    /// How it repeats, if it does.
    pub rule: Option<Rule>,
}

impl Command for AddAppointment {
    shows!(Appointment appointment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, there) = (facts.get::<Coachee>(self.coachee), facts.find::<Appointment>(self.appointment));
        let coach = self.coach.or(facts.actor.person()).ok_or(Stop::NotFound)?;
        let member = facts.find::<Member>(coach);
        let (coachee, there, member) = (coachee?, there?, member?);
        let access = facts.find::<Access>(AccessId::between(coach, coachee.client()))?;
        let decision = facts.allow(Deed::KeepAppointments, self.coachee)?;
        let member = member.ok_or(Stop::NotFound)?;
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        if member.role == Role::Coach && !access.is_some_and(|access| access.holds(member)) {
            return Err(Refusal::CoachHasNoAccess.into());
        }
        if coachee.deactivated_at.is_some() {
            return Err(coachee::Refusal::Deactivated.into());
        }
        let span = planned(facts, self.start, &self.zone, bounded(self.minutes)?, self.rule.as_ref())?;
        Ok(decision.with(Event::Added {
            appointment: self.appointment,
            coachee: self.coachee,
            coach,
            title: Confidential::new(self.title.clone()),
            place: self.place.clone().filter(|text| !text.as_str().is_empty()).map(Confidential::new),
            link: self.link.clone().filter(|text| !text.as_str().is_empty()).map(Confidential::new),
            start: self.start,
            zone: self.zone.clone(),
            minutes: self.minutes,
            rule: self.rule.clone(),
            span,
        }))
    }
}

fn bounded(minutes: u32) -> Result<u32, text::Refusal> {
    if (1..=MOST_MINUTES).contains(&minutes) { Ok(minutes) } else { Err(text::Refusal::OutOfRange) }
}

/// From when to when an appointment goes that is planned so: not over, and not too far away.
fn planned(facts: &Facts<'_>, start: Wall, zone: &Zone, minutes: u32, rule: Option<&Rule>) -> Result<Span, Stop> {
    let starts = rule.map_or_else(|| Ok(vec![start]), |rule| rule.starts(start)).map_err(Stop::from)?;
    let moments = starts.iter().map(|start| start.moment(zone));
    let first = start.moment(zone);
    let (from, to) = moments.fold((first, first), |(from, to), moment| (from.min(moment), to.max(moment)));
    if first.plus_minutes(i64::from(minutes)) <= facts.now {
        return Err(Refusal::IsOver.into());
    }
    if first > facts.now.plus_days(MOST_DAYS_AHEAD) {
        return Err(text::Refusal::OutOfRange.into());
    }
    Ok(Span { from, to: to.plus_minutes(i64::from(minutes)) })
}

/// An occurrence about which something can still be decided.
fn open(row: &Appointment, occurrence: Wall) -> Result<Occurrence, Refusal> {
    let it = row.occurrence(occurrence).ok_or(Refusal::NoOccurrence)?;
    if it.state == State::Cancelled {
        return Err(Refusal::IsCancelled);
    }
    if it.session.is_some() { Err(Refusal::IsHeld) } else { Ok(it) }
}

/// An occurrence that can still be called off: it is open, and not over.
fn ahead(row: &Appointment, occurrence: Wall, now: Time) -> Result<Occurrence, Refusal> {
    let it = open(row, occurrence)?;
    if it.ends_at <= now { Err(Refusal::IsOver) } else { Ok(it) }
}

/// What cancels an occurrence of a series and all after it; what of them is over or was held stays. Those that come in the
/// rule before one that stays are cancelled one by one: they were moved behind it, or it was held before its time.
fn cancelled_from(row: &Appointment, from: Wall, now: Time) -> Result<Vec<Event>, Refusal> {
    let (appointment, coachee, coach, mut sequence) = (row.id, row.coachee, row.coach, row.sequence);
    let mut next = || {
        sequence = sequence.saturating_add(1);
        sequence
    };
    let concerns = |it: &Occurrence| it.id >= from && it.state != State::Cancelled;
    let its: Vec<Occurrence> = row.occurrences().into_iter().filter(concerns).collect();
    if its.is_empty() {
        return Err(Refusal::IsCancelled);
    }
    let stays = |it: &Occurrence| it.session.is_some() || it.ends_at <= now;
    let Some(last) = its.iter().rposition(stays) else {
        let sequence = next();
        return Ok(vec![if from == row.start {
            Event::Cancelled { appointment, coachee, coach, sequence }
        } else {
            Event::FollowingCancelled { appointment, coachee, coach, from, sequence }
        }]);
    };
    let mut events = Vec::new();
    if let Some(it) = its.get(last.saturating_add(1)) {
        events.push(Event::FollowingCancelled { appointment, coachee, coach, from: it.id, sequence: next() });
    }
    for it in its.iter().take(last).filter(|it| !stays(it)) {
        let (occurrence, start, sequence) = (it.id, it.start, next());
        events.push(Event::OccurrenceCancelled { appointment, coachee, coach, occurrence, start, sequence });
    }
    if events.is_empty() { Err(Refusal::IsOver) } else { Ok(events) }
}

/// How much of an appointment is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelling {
    /// All of it that is not over and was not held.
    All,
    /// This occurrence.
    One(Wall),
    /// This occurrence and those after it.
    Following(Wall),
}

/// Cancels an appointment, or a part of it.
#[derive(Debug)]
pub struct CancelAppointment {
    /// Which.
    pub appointment: AppointmentId,
    /// How much of it.
    pub what: Cancelling,
}

impl Command for CancelAppointment {
    shows!(Appointment appointment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Appointment>(self.appointment)?;
        let decision = facts.allow(Deed::KeepAppointments, row.coachee)?;
        if row.cancelled {
            return Err(Refusal::IsCancelled.into());
        }
        let (appointment, coachee, coach, sequence) = (row.id, row.coachee, row.coach, row.next());
        let events = match (self.what, &row.rule) {
            (Cancelling::All, Some(_)) => cancelled_from(row, row.start, facts.now)?,
            (Cancelling::Following(from), Some(_)) => {
                let it = row.occurrence(from).ok_or(Refusal::NoOccurrence)?;
                if row.cut_from.is_some_and(|cut| it.id >= cut) {
                    return Err(Refusal::IsCancelled.into());
                }
                if it.session.is_some() {
                    return Err(Refusal::IsHeld.into());
                }
                if it.ends_at <= facts.now {
                    return Err(Refusal::IsOver.into());
                }
                cancelled_from(row, from, facts.now)?
            }
            (Cancelling::One(occurrence), Some(_)) => {
                let start = ahead(row, occurrence, facts.now)?.start;
                vec![Event::OccurrenceCancelled { appointment, coachee, coach, occurrence, start, sequence }]
            }
            (what, None) => {
                let occurrence = match what {
                    Cancelling::All => row.start,
                    Cancelling::One(occurrence) | Cancelling::Following(occurrence) => occurrence,
                };
                ahead(row, occurrence, facts.now)?;
                vec![Event::Cancelled { appointment, coachee, coach, sequence }]
            }
        };
        Ok(decision.with_all(events))
    }
}

/// Says whether the coachee comes: the coachee alone does.
#[derive(Debug)]
pub struct RespondToAppointment {
    /// Which.
    pub appointment: AppointmentId,
    /// To this occurrence; else to all.
    pub occurrence: Option<Wall>,
    /// Whether they come.
    pub answer: Answer,
}

impl Command for RespondToAppointment {
    shows!(Appointment appointment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Appointment>(self.appointment)?;
        let decision = facts.allow(Deed::AnswerAppointments, row.coachee)?;
        // An answer to the only one is an answer to all.
        let occurrence = match (self.occurrence, &row.rule) {
            (Some(only), None) if only != row.start => return Err(Refusal::NoOccurrence.into()),
            (_, None) => None,
            (occurrence, Some(_)) => occurrence,
        };
        let (was, over) = match occurrence {
            Some(occurrence) => {
                let it = row.occurrence(occurrence).ok_or(Refusal::NoOccurrence)?;
                if it.state == State::Cancelled {
                    return Err(Refusal::IsCancelled.into());
                }
                (row.exception(occurrence).and_then(|it| it.answered), it.ends_at <= facts.now)
            }
            None => (row.answered, !row.has(|it| it.ends_at > facts.now)),
        };
        if row.cancelled {
            return Err(Refusal::IsCancelled.into());
        }
        if over {
            return Err(Refusal::IsOver.into());
        }
        let was = was.map(|was| was.answer);
        let answer = crate::edit::changed_from(was.as_ref(), Some(&self.answer));
        let (appointment, coachee, coach) = (row.id, row.coachee, row.coach);
        Ok(decision.with_all(answer.map(|answer| Event::Answered { appointment, coachee, coach, occurrence, answer })))
    }
}

/// The occurrence from which a session is started, and the event that says so.
pub(crate) fn held(
    row: &Appointment,
    occurrence: Option<Wall>,
    coachee: CoacheeId,
    session: SessionId,
) -> Result<Event, Stop> {
    if row.coachee != coachee {
        return Err(Stop::NotFound);
    }
    let occurrence = match (occurrence, &row.rule) {
        (Some(occurrence), _) => occurrence,
        (None, None) => row.start,
        (None, Some(_)) => return Err(Refusal::OccurrenceIsNeeded.into()),
    };
    let it = open(row, occurrence)?;
    Ok(Event::Held { appointment: row.id, coachee, occurrence: it.id, session })
}
