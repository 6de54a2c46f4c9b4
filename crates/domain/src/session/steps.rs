//! Next steps: what the coachee commits to before the next session (S1.43, S1.44).
//!
//! A session's steps are set as a whole list; what differs becomes events, step by step, so that a step that stays keeps
//! its mark. A list that says which steps it was made from takes off none that somebody added since. Both sides mark them.

use serde::{Deserialize, Serialize};

use super::{Event, Refusal, Session};
use crate::access::Deed;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::edit::{changed, rewritten};
use crate::id::{CoacheeId, NextStepId, PersonId, SessionId};
use crate::text::{Confidential, Step};
use crate::value::Time;

/// How many next steps a session can have.
pub const MOST_STEPS: usize = 50;

/// Something that the coachee committed to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NextStep {
    /// Its id.
    pub id: NextStepId,
    /// The session in which it was agreed on.
    pub session: SessionId,
    /// Whose.
    pub coachee: CoacheeId,
    /// What it is.
    pub text: Confidential<Step>,
    /// Where it stands among the session's steps, from 0.
    pub place: u32,
    /// Whether it is done.
    pub done: bool,
    /// Since when it is.
    pub done_at: Option<Time>,
    /// Who wrote it.
    pub written_by: Option<PersonId>,
}
row! { NextStep in next_step, seen as Session, id id: NextStepId, subject |r| r.coachee, written by |r, _| r.written_by,
columns |r| [session: SessionId = r.session, place: u32 = r.place, done: bool = r.done], sealed [text] }

impl NextStep {
    pub(super) fn new(
        (id, session, coachee): (NextStepId, SessionId, CoacheeId),
        (text, written_by): (Confidential<Step>, Option<PersonId>),
        place: u32,
    ) -> Self {
        Self { id, session, coachee, text, place, done: false, done_at: None, written_by }
    }
}

/// A line of the list of next steps.
#[derive(Debug, Clone)]
pub enum StepLine {
    /// One that was not there.
    Add {
        /// Its id.
        step: NextStepId,
        /// What it is.
        text: Step,
    },
    /// One of the session's, perhaps in other words or in another place.
    Keep {
        /// Which.
        step: NextStepId,
        /// What it is.
        text: Step,
    },
}

impl StepLine {
    const fn step(&self) -> NextStepId {
        match self {
            Self::Add { step, .. } | Self::Keep { step, .. } => *step,
        }
    }
}

/// Sets the next steps of a session, in their order. A step that is not in the list is taken off.
#[derive(Debug)]
pub struct SetNextSteps {
    /// Which.
    pub session: SessionId,
    /// At most [`MOST_STEPS`].
    pub steps: Vec<StepLine>,
    /// The steps that the list was made from: one that is not among them was added since, and stays, behind the list. Where
    /// it is not said, the list is all.
    pub base: Option<Vec<NextStepId>>,
}

impl Command for SetNextSteps {
    shows!(Session session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let session = facts.get::<Session>(self.session)?;
        let mut ids: Vec<_> = self.steps.iter().map(StepLine::step).collect();
        ids.sort_unstable();
        let (since, gone): (Vec<_>, Vec<_>) = session
            .steps
            .iter()
            .copied()
            .filter(|step| ids.binary_search(step).is_err())
            .partition(|step| self.base.as_ref().is_some_and(|base| !base.contains(step)));
        // A list that is far too long is refused below: nothing is loaded for it.
        let steps: Vec<_> =
            self.steps.iter().take(MOST_STEPS).map(|line| facts.find::<NextStep>(line.step())).collect();
        let since: Vec<_> = since.into_iter().map(|step| facts.find::<NextStep>(step)).collect();
        let steps = steps.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut since: Vec<_> = since.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let decision = facts.allow(Deed::HoldSessions, session.coachee)?;
        if self.steps.len().saturating_add(since.len()) > MOST_STEPS {
            return Err(Refusal::TooManySteps.into());
        }
        let count = ids.len();
        ids.dedup();
        if ids.len() != count {
            return Err(Refusal::StepIsThere.into());
        }
        let gone = gone.into_iter().map(|step| Event::NextStepRemoved { step, session: self.session });
        let mut decision = decision.with_all(gone);
        for ((line, there), place) in self.steps.iter().zip(steps).zip(0_u32..) {
            decision = decision.with_all(self.line(facts, session, (line, there), place)?);
        }
        since.sort_unstable_by_key(|row| (row.place, row.id));
        let moved = since.into_iter().zip((0_u32..).skip(self.steps.len())).filter_map(|(row, place)| {
            let place = changed(&row.place, Some(&place))?;
            Some(Event::NextStepChanged { step: row.id, text: None, place: Some(place) })
        });
        Ok(decision.with_all(moved))
    }
}

impl SetNextSteps {
    /// What a line of the list changes, if anything.
    fn line(
        &self,
        facts: &Facts<'_>,
        session: &Session,
        (line, there): (&StepLine, Option<&NextStep>),
        place: u32,
    ) -> Result<Option<Event>, Stop> {
        match line {
            StepLine::Add { step, text } => {
                if there.is_some() {
                    return Err(Refusal::StepIsThere.into());
                }
                let (session, coachee) = (session.id, session.coachee);
                let text = Confidential::new(text.clone());
                Ok(Some(Event::NextStepAdded { step: *step, session, coachee, text, place }))
            }
            StepLine::Keep { step, text } => {
                let row = there.filter(|row| row.session == self.session).ok_or(Stop::NotFound)?;
                let text = rewritten(facts, row, &row.text, Some(text))?;
                let place = changed(&row.place, Some(&place));
                let nothing = text.is_none() && place.is_none();
                Ok((!nothing).then_some(Event::NextStepChanged { step: *step, text, place }))
            }
        }
    }
}

/// Marks a next step as done or not done: the coach or the coachee.
#[derive(Debug)]
pub struct CheckNextStep {
    /// Which.
    pub step: NextStepId,
    /// Whether it is done.
    pub done: bool,
}

impl Command for CheckNextStep {
    shows!(NextStep step);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<NextStep>(self.step)?;
        let decision = facts.allow(Deed::ChangePlan, row.coachee)?;
        let done = changed(&row.done, Some(&self.done));
        Ok(decision.with_all(done.map(|done| Event::NextStepChecked { step: self.step, done })))
    }
}
