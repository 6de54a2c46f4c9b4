//! Series: what makes an action again and again (S2.19, S3.12).
//!
//! A series begins with its first action and makes the others by itself, each when it appears, each an action like any
//! other with the series' words as they then are. What holds here:
//! * an action under a milestone is none of a series: a milestone that gets new actions for ever is never complete;
//! * each occurrence is made once and in its turn: its id is derived from the series and its number, and the series says
//!   which is next. A server that was down makes up for all that it missed;
//! * while its coachee is deactivated none is made: each is skipped in its turn, and the others come afterwards;
//! * ending a series, or changing it, leaves the actions that are there;
//! * what the coachee has monitored stays so in the actions to come.

use serde::{Deserialize, Serialize};

use super::recurrence::{Duration, Frequency, Next, Recurrence};
use super::{Event, Goal, Maker, Refusal};
use crate::Rows;
use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::edit::{changed, rewritten};
use crate::fold::When;
use crate::id::{ActionId, CoacheeId, GoalId, PersonId, SeriesId};
use crate::text::{Confidential, Description, Text as _, Title, facts};
use crate::value::{Count, Date, Time};

/// What makes an action again and again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActionSeries {
    /// Its id.
    pub id: SeriesId,
    /// Whose.
    pub coachee: CoacheeId,
    /// The goal that its actions serve, if any.
    pub goal: Option<GoalId>,
    /// What is to be done.
    pub title: Confidential<Title>,
    /// The same at length.
    pub description: Option<Confidential<Description>>,
    /// How often, and for how long.
    pub recurrence: Recurrence,
    /// The first day.
    pub first: Date,
    /// How many actions it has made.
    pub made: Count,
    /// How many it has skipped.
    pub skipped: Count,
    /// The one that comes next; nothing where it is over or was ended.
    pub next: Option<Next>,
    /// Whether the coachee has those to come monitored.
    pub monitored: bool,
    /// As what its author set it.
    pub by: Maker,
    /// Who set it; nobody where the product did.
    pub author: Option<PersonId>,
    /// Who wrote its words; nobody where several did.
    pub written_by: Option<PersonId>,
    /// When it was set.
    pub created_at: Time,
    /// When somebody ended it.
    pub ended_at: Option<Time>,
}
row! { ActionSeries in action_series, seen as Plan, id id: SeriesId, subject |r| r.coachee, written by |r, _| r.written_by,
columns |r| [
    created_at: Time = r.created_at,
    due: Option<Time> = r.next.map(|next| next.appears),
], sealed [title, description] }

impl ActionSeries {
    /// The number of the newest one, made or skipped.
    pub const fn number(&self) -> u32 {
        self.made.and(self.skipped).0
    }
}

type Words<'a> = (&'a Confidential<Title>, Option<&'a Confidential<Description>>);

/// A series begins; its first action says that it was made, and what comes next.
pub(super) fn begin(
    rows: &mut Rows,
    when: &When,
    (id, coachee, goal): (SeriesId, CoacheeId, Option<GoalId>),
    (title, description): Words<'_>,
    (recurrence, first, by): (Recurrence, Date, Maker),
) {
    rows.put(ActionSeries {
        id,
        coachee,
        goal,
        title: title.clone(),
        description: description.cloned(),
        recurrence,
        first,
        made: Count::default(),
        skipped: Count::default(),
        next: None,
        monitored: false,
        by,
        author: when.actor,
        written_by: when.actor,
        created_at: when.at,
        ended_at: None,
    });
}

/// The series has made this one.
pub(super) fn made(rows: &mut Rows, occurrence: Option<&Occurrence>) {
    if let Some(Occurrence { series, next, .. }) = occurrence {
        rows.edit(*series, |row: &mut ActionSeries| {
            row.made.add_one();
            row.next = *next;
        });
    }
}

/// A series has skipped one.
pub(super) fn skipped(rows: &mut Rows, series: SeriesId, next: Option<Next>) {
    rows.edit(series, |row: &mut ActionSeries| {
        row.skipped.add_one();
        row.next = next;
    });
}

/// What an action is among those of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Of which series.
    pub series: SeriesId,
    /// Which of them, from 1.
    pub number: u32,
    /// The one after it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// Who set the series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<PersonId>,
    /// Who wrote its words; nobody where several did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_by: Option<PersonId>,
    /// Whether the coachee has it monitored from the beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub monitored: bool,
}

facts!(Occurrence);

/// A series to begin with an action.
#[derive(Debug, Clone, Copy)]
pub struct NewSeries {
    /// Its id.
    pub id: SeriesId,
    /// How often.
    pub frequency: Frequency,
    /// For how long.
    pub duration: Duration,
}

impl NewSeries {
    /// The rule of a series whose first day is this one, if there is one and it is not over.
    pub(super) fn begin(&self, facts: &Facts<'_>, first: Option<Date>) -> Result<(Date, Recurrence), Stop> {
        let first = first.ok_or(Refusal::RecursFromADay)?;
        if first < facts.now.date_in(facts.zone()?) {
            return Err(Refusal::BeginsInThePast.into());
        }
        let rule = Recurrence { frequency: self.frequency, duration: self.duration };
        Ok((first, rule.bounded(first)?))
    }
}

/// Makes a series' next action, once its time has come, or skips it where the coachee is deactivated; what a timer asks
/// for.
#[derive(Debug)]
pub struct RepeatAction {
    /// Which.
    pub series: SeriesId,
    /// Whose.
    pub coachee: CoacheeId,
    /// The so manieth, as the series was when the command was made.
    pub number: u32,
}

impl Command for RepeatAction {
    shows!(ActionSeries series);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, coachee) = (facts.find::<ActionSeries>(self.series), facts.find::<Coachee>(self.coachee));
        let (row, coachee) = (row?, coachee?);
        let decision = facts.allow(Deed::ChangePlan, self.coachee)?;
        let in_turn = row.filter(|row| row.number().saturating_add(1) == self.number);
        let next = in_turn.and_then(|row| Some((row, row.next.filter(|next| next.appears <= facts.now)?)));
        let Some((row, Next { due, .. })) = next else { return Ok(decision) };
        let next = row.recurrence.after(row.first, self.number, facts.zone()?);
        if coachee.is_some_and(|coachee| coachee.deactivated_at.is_some()) {
            return Ok(decision.with(Event::SeriesSkipped { series: row.id, number: self.number, next }));
        }
        let goal = row.goal.map(|goal| facts.find::<Goal>(goal)).transpose()?.flatten();
        // All that is left of a text whose key is gone is that there is nothing to do any more.
        let Some(title) = facts.read(row, &row.title)? else {
            return Ok(decision.with(ended(row)));
        };
        let description = row.description.as_ref().map(|text| facts.read(row, text)).transpose()?.flatten();
        Ok(decision.with(Event::ActionAdded {
            action: ActionId::of_series(row.id, self.number),
            coachee: row.coachee,
            goal: goal.map(|goal| goal.id),
            milestone: None,
            title: Confidential::new(title),
            description: description.filter(|text| !text.as_str().is_empty()).map(Confidential::new),
            due: Some(due),
            by: Some(row.by),
            occurrence: Some(Occurrence {
                series: row.id,
                number: self.number,
                next,
                author: row.author,
                written_by: row.written_by,
                monitored: row.monitored,
            }),
        }))
    }
}

/// Changes the words of a series' actions to come, or for how long it goes on; what is `None` stays.
#[derive(Debug)]
pub struct UpdateActionSeries {
    /// Which.
    pub series: SeriesId,
    /// Another title.
    pub title: Option<Title>,
    /// Another description; an empty one removes it.
    pub description: Option<Description>,
    /// Another duration.
    pub duration: Option<Duration>,
}

impl Command for UpdateActionSeries {
    shows!(ActionSeries series);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<ActionSeries>(self.series)?;
        let decision = facts.allow(Deed::ChangePlan, row.coachee)?;
        if row.next.is_none() {
            return Err(Refusal::SeriesHasEnded.into());
        }
        let title = rewritten(facts, row, &row.title, self.title.as_ref())?;
        let description = super::described(facts, row, row.description.as_ref(), self.description.as_ref())?;
        let duration = changed(&row.recurrence.duration, self.duration.as_ref());
        if title.is_none() && description.is_none() && duration.is_none() {
            return Ok(decision);
        }
        let mut next = row.next;
        if let Some(change) = &duration {
            let rule = Recurrence { duration: change.now, ..row.recurrence }.bounded(row.first)?;
            // The moment stays the one that was said.
            let after = rule.after(row.first, row.number(), facts.zone()?);
            next = after.map(|after| Next { appears: row.next.map_or(after.appears, |next| next.appears), ..after });
        }
        let (series, by, monitored) = (self.series, row.by, row.monitored);
        Ok(decision.with(Event::SeriesChanged { series, title, description, duration, next, by, monitored }))
    }
}

/// Ends a series: nothing comes after the actions that are there.
#[derive(Debug)]
pub struct EndActionSeries {
    /// Which.
    pub series: SeriesId,
}

impl Command for EndActionSeries {
    shows!(ActionSeries series);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<ActionSeries>(self.series)?;
        let decision = facts.allow(Deed::ChangePlan, row.coachee)?;
        if row.next.is_none() {
            return Err(Refusal::SeriesHasEnded.into());
        }
        Ok(decision.with(ended(row)))
    }
}

fn ended(row: &ActionSeries) -> Event {
    Event::SeriesEnded { series: row.id, by: row.by, monitored: row.monitored }
}
