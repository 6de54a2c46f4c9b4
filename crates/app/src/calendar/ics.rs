//! Appointments as RFC 5545 writes them.
//!
//! An appointment is an event (`VEVENT`) with its rule; an occurrence that was moved is an event of its own under the same
//! `UID`, with the `RECURRENCE-ID` of when the rule had it; one that was cancelled is an `EXDATE`; where the rest was
//! cancelled the rule ends before it (`UNTIL`); where all of it was, its `STATUS` says so. `SEQUENCE` is the revision with
//! which each last changed: the event with the rule also by an `EXDATE` that it got. Times stand on the wall of their zone, and every zone that is named is described
//! (`VTIMEZONE`): each change of its clocks in the time that matters, as the database of time zones has it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::appointment::occurrence::State;
use domain::appointment::rule::End;
use domain::appointment::{Appointment, Occurrence, Wall};
use domain::text::Email;
use domain::text::Text as _;
use domain::value::{Time, Zone};
use icalendar::{Component as _, Event, EventLike as _, EventStatus, Property};

use crate::Error;

/// What an appointment is called and where it is, opened for whoever reads.
#[derive(Clone, Default)]
pub(crate) struct Words {
    pub(crate) title: Option<String>,
    pub(crate) place: Option<String>,
    pub(crate) link: Option<String>,
    /// The name of the other one.
    pub(crate) with: Option<String>,
}

domain::hidden!(Words);

/// Who invites whom, in a mail.
#[derive(Debug, Clone)]
pub(crate) struct People {
    /// The address that mail comes from, which calendars take for who arranges it.
    pub(crate) organizer: String,
    /// To whom the mail goes.
    pub(crate) attendee: Email,
}

/// An appointment to be written.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) row: Appointment,
    pub(crate) words: Words,
    pub(crate) people: Option<People>,
}

/// A calendar of these, all of each.
pub(crate) fn calendar(method: &str, entries: &[Entry]) -> Result<String, Error> {
    let events: Vec<Event> = entries.iter().flat_map(Entry::events).collect();
    let zones = entries.iter().map(|entry| (&entry.row.zone, entry.row.span));
    written(method, zones, &events)
}

/// A calendar of one occurrence of an appointment.
pub(crate) fn one(method: &str, entry: &Entry, it: &Occurrence) -> Result<String, Error> {
    written(method, std::iter::once((&entry.row.zone, entry.row.span)), &[entry.occurrence(it)])
}

fn written<'a>(
    method: &str,
    zones: impl Iterator<Item = (&'a Zone, domain::appointment::Span)>,
    events: &[Event],
) -> Result<String, Error> {
    let mut spans: BTreeMap<&str, (Time, Time)> = BTreeMap::new();
    for (zone, span) in zones {
        let known = spans.entry(zone.name()).or_insert((span.from, span.to));
        *known = (known.0.min(span.from), known.1.max(span.to));
    }
    let mut text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Throughline//Appointments//EN\r\nCALSCALE:GREGORIAN\r\nMETHOD:{method}\r\n"
    );
    for (zone, (from, to)) in spans {
        text += &time_zone(zone, from, to);
    }
    for event in events {
        text += &event.try_into_string().map_err(Error::internal)?;
    }
    text += "END:VCALENDAR\r\n";
    Ok(text)
}

impl Entry {
    /// All of it: the whole, and each occurrence that was moved.
    fn events(&self) -> Vec<Event> {
        let row = &self.row;
        let occurrences = row.occurrences();
        let cancelled = row.exceptions.iter().filter(|it| it.cancelled).map(|it| it.sequence);
        let mut whole = self.event(row.start, row.minutes, cancelled.fold(row.revised, u32::max));
        if let Some(rule) = &row.rule {
            let kept = row.cut_from.and_then(|from| occurrences.iter().rev().find(|it| it.id < from));
            whole.add_property("RRULE", rule.text(&row.zone, kept.map(|it| End::Until(it.id))));
        }
        if row.cancelled {
            whole.status(EventStatus::Cancelled);
            return vec![whole.done()];
        }
        let is_kept = |it: &&Occurrence| row.cut_from.is_none_or(|from| it.id < from);
        for it in occurrences.iter().filter(is_kept).filter(|it| it.state == State::Cancelled) {
            whole.append_multi_property(self.on_wall("EXDATE", it.id));
        }
        let moved = occurrences.iter().filter(|it| it.state == State::Moved).map(|it| self.occurrence(it));
        std::iter::once(whole.done()).chain(moved).collect()
    }

    /// One occurrence.
    fn occurrence(&self, it: &Occurrence) -> Event {
        let mut event = self.event(it.start, it.minutes, it.sequence);
        if self.row.rule.is_some() {
            event.append_property(self.on_wall("RECURRENCE-ID", it.id));
        }
        if it.state == State::Cancelled {
            event.status(EventStatus::Cancelled);
        }
        event.done()
    }

    fn event(&self, start: Wall, minutes: u32, sequence: u32) -> Event {
        let (row, words) = (&self.row, &self.words);
        let mut event = Event::new();
        event
            .uid(&format!("{}@throughline", row.id))
            .add_property("DTSTAMP", utc(row.changed_at))
            .sequence(sequence)
            .status(EventStatus::Confirmed)
            .append_property(self.on_wall("DTSTART", start))
            .add_property("DURATION", format!("PT{minutes}M"))
            .summary(words.title.as_deref().unwrap_or("Appointment"));
        if let Some(with) = &words.with {
            event.description(&format!("With {with}"));
        }
        if let Some(place) = words.place.as_ref().or(words.link.as_ref()) {
            event.location(place);
        }
        if let Some(link) = &words.link {
            event.url(link);
        }
        if let Some(people) = &self.people {
            event.add_property("ORGANIZER", format!("mailto:{}", people.organizer));
            let attendee = Property::new("ATTENDEE", format!("mailto:{}", people.attendee.as_str()))
                .add_parameter("RSVP", "FALSE")
                .done();
            event.append_multi_property(attendee);
        }
        event
    }

    fn on_wall(&self, name: &str, wall: Wall) -> Property {
        let text = wall.civil().strftime("%Y%m%dT%H%M%S").to_string();
        if self.row.zone == Zone::utc() {
            return Property::new(name, format!("{text}Z"));
        }
        Property::new(name, text).add_parameter("TZID", self.row.zone.name()).done()
    }
}

fn stamp(moment: Time) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(moment.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn utc(moment: Time) -> String {
    stamp(moment).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// How many changes of a zone's clocks are described: more than ten years have.
const CHANGES_MAX: usize = 64;

/// The description of a zone: what its clocks show before this span of time begins, and each change in it.
fn time_zone(name: &str, from: Time, to: Time) -> String {
    let Ok(zone) = jiff::tz::TimeZone::get(name) else { return String::new() };
    if name == "UTC" {
        return String::new();
    }
    // From 400 days before, so that a change of its clocks is there by which the first times go, to two days after.
    let (from, to) = (stamp(from.plus_days(-400)), stamp(to.plus_days(2)));
    let mut text = format!("BEGIN:VTIMEZONE\r\nTZID:{name}\r\n");
    let first = zone.to_offset_info(from);
    observance(&mut text, first.dst().is_dst(), from, (first.offset(), first.offset()));
    let mut before = first.offset();
    for change in zone.following(from).take_while(|change| change.timestamp() <= to).take(CHANGES_MAX) {
        observance(&mut text, change.dst().is_dst(), change.timestamp(), (before, change.offset()));
        before = change.offset();
    }
    text += "END:VTIMEZONE\r\n";
    text
}

fn observance(
    text: &mut String,
    summer: bool,
    at: jiff::Timestamp,
    (before, since): (jiff::tz::Offset, jiff::tz::Offset),
) {
    let kind = if summer { "DAYLIGHT" } else { "STANDARD" };
    // It begins at what the clocks showed until then.
    let start = before.to_datetime(at).strftime("%Y%m%dT%H%M%S");
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "BEGIN:{kind}\r\nDTSTART:{start}\r\nTZOFFSETFROM:{}\r\nTZOFFSETTO:{}\r\nEND:{kind}\r\n",
        offset(before),
        offset(since)
    );
}

fn offset(offset: jiff::tz::Offset) -> String {
    let seconds = offset.seconds();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}
