//! Moving an appointment, or one occurrence of it, and changing what it is called and where it is.

use super::{Appointment, Event, MOST_DAYS_AHEAD, Refusal, Rule, Wall, bounded, open, planned};
use crate::access::Deed;
use crate::coachee::{self, Coachee};
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::id::AppointmentId;
use crate::text::{self, Change, Confidential, MeetingLink, Place, Title};
use crate::value::Zone;

/// Moves an appointment, or one occurrence of it, and changes what it is called and where it is; what is `None` stays.
#[derive(Debug)]
pub struct RescheduleAppointment {
    /// Which.
    pub appointment: AppointmentId,
    /// Only this occurrence: then its time alone changes.
    pub occurrence: Option<Wall>,
    /// Another title.
    pub title: Option<Title>,
    /// Another place; an empty one takes it away.
    pub place: Option<Place>,
    /// Another video meeting; an empty one takes it away.
    pub link: Option<MeetingLink>,
    /// When it begins.
    pub start: Option<Wall>,
    /// On whose wall.
    pub zone: Option<Zone>,
    /// How long it takes.
    pub minutes: Option<u32>,
    /// How it repeats.
    pub rule: Option<Rule>,
}

impl Command for RescheduleAppointment {
    shows!(Appointment appointment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Appointment>(self.appointment)?;
        let coachee = facts.get::<Coachee>(row.coachee)?;
        let decision = facts.allow(Deed::KeepAppointments, row.coachee)?;
        if row.cancelled {
            return Err(Refusal::IsCancelled.into());
        }
        if coachee.deactivated_at.is_some() {
            return Err(coachee::Refusal::Deactivated.into());
        }
        match self.occurrence.filter(|_| row.rule.is_some()) {
            Some(occurrence) => self.one(facts, row, occurrence, decision),
            None => self.all(facts, row, decision),
        }
    }
}

impl RescheduleAppointment {
    fn one(
        &self,
        facts: &Facts<'_>,
        row: &Appointment,
        occurrence: Wall,
        decision: Decision,
    ) -> Result<Decision, Stop> {
        if self.rule.is_some() || self.title.is_some() || self.place.is_some() || self.link.is_some() {
            return Err(Refusal::OneCanOnlyMove.into());
        }
        let it = open(row, occurrence)?;
        let minutes = bounded(self.minutes.unwrap_or(it.minutes))?;
        let start = self.start.unwrap_or(it.start);
        let moment = self.zone.as_ref().map_or_else(|| start.moment(&row.zone), |zone| start.moment(zone));
        let (start, end) = (Wall::at(moment, &row.zone), moment.plus_minutes(i64::from(minutes)));
        if end <= facts.now {
            return Err(Refusal::IsOver.into());
        }
        // In the hour that the appointment's clock shows twice only the first of the two can be named.
        if moment > facts.now.plus_days(MOST_DAYS_AHEAD) || start.moment(&row.zone) != moment {
            return Err(text::Refusal::OutOfRange.into());
        }
        if (start, minutes) == (it.start, it.minutes) {
            return Ok(decision);
        }
        Ok(decision.with(Event::OccurrenceMoved {
            appointment: row.id,
            coachee: row.coachee,
            coach: row.coach,
            occurrence,
            start: Change { was: Some(it.start), now: start },
            minutes: Change { was: Some(it.minutes), now: minutes },
            span: row.span.and(moment, end),
            sequence: row.next(),
        }))
    }

    fn all(&self, facts: &Facts<'_>, row: &Appointment, decision: Decision) -> Result<Decision, Stop> {
        if self.occurrence.is_some_and(|occurrence| occurrence != row.start) {
            return Err(Refusal::NoOccurrence.into());
        }
        let title = crate::edit::rewritten(facts, row, &row.title, self.title.as_ref())?;
        let place = rewritten_or_first(facts, row, row.place.as_ref(), self.place.as_ref())?;
        let link = rewritten_or_first(facts, row, row.link.as_ref(), self.link.as_ref())?;
        let start = self.start.unwrap_or(row.start);
        let zone = self.zone.clone().unwrap_or_else(|| row.zone.clone());
        let minutes = bounded(self.minutes.unwrap_or(row.minutes))?;
        let rule = self.rule.clone().or_else(|| row.rule_from(start));
        let moved = (start, &zone, minutes) != (row.start, &row.zone, row.minutes)
            || self.rule.is_some() && rule != row.rule_from(row.start);
        let nothing = !moved && title.is_none() && place.is_none() && link.is_none();
        if nothing {
            return Ok(decision);
        }
        if moved && row.rule.is_some() && row.has(|it| it.starts_at <= facts.now) {
            return Err(Refusal::HasBegun.into());
        }
        if moved && row.exceptions.iter().any(|it| it.session.is_some()) {
            return Err(Refusal::IsHeld.into());
        }
        let span = if moved { planned(facts, start, &zone, minutes, rule.as_ref())? } else { row.span };
        let rule = rule.filter(|_| moved);
        // What it is called is all the same to calendars, and in no mail (decision 0046).
        let is_told = moved || place.is_some() || link.is_some();
        Ok(decision.with(Event::Rescheduled {
            appointment: row.id,
            coachee: row.coachee,
            coach: row.coach,
            title,
            place,
            link,
            start: Change { was: Some(row.start), now: start },
            zone: Change { was: Some(row.zone.clone()), now: zone },
            minutes: Change { was: Some(row.minutes), now: minutes },
            rule: crate::edit::changed_from(row.rule.as_ref(), rule.as_ref()),
            span,
            moved,
            sequence: if is_told { row.next() } else { row.sequence },
        }))
    }
}

fn rewritten_or_first<T: text::Text + PartialEq>(
    facts: &Facts<'_>,
    row: &Appointment,
    lies: Option<&Confidential<T>>,
    now: Option<&T>,
) -> Result<Option<Change<Confidential<T>>>, Stop> {
    match lies {
        Some(lies) => crate::edit::rewritten(facts, row, lies, now),
        None => Ok(now
            .filter(|now| !now.as_str().is_empty())
            .map(|now| Change { was: None, now: Confidential::new(now.clone()) })),
    }
}
