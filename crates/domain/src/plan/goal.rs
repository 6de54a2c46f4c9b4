//! Goals: what a coachee aims at (S2.23, S2.25–S2.27).

use serde::{Deserialize, Serialize};

use super::{Event, Maker, Refusal};
use crate::Rows;
use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::edit::{changed, rewritten};
use crate::id::{CoacheeId, GoalId, MilestoneId, PersonId};
use crate::text::{Confidential, Title};
use crate::value::{Count, Date, Time};

/// A goal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Goal {
    /// Its id.
    pub id: GoalId,
    /// Whose.
    pub coachee: CoacheeId,
    /// What is aimed at.
    pub title: Confidential<Title>,
    /// By when.
    pub due: Date,
    /// How many milestones it has.
    pub milestones: Count,
    /// How many of them are not complete.
    pub open: Count,
    /// How many actions serve it without a milestone. They do not count in the roll-up.
    pub lone: Count,
    /// Whether all its milestones are complete, and there is one.
    pub complete: bool,
    /// As what its author set it.
    pub by: Maker,
    /// Who set it; nobody where the product did.
    pub author: Option<PersonId>,
    /// When.
    pub created_at: Time,
    /// Who wrote its title.
    pub written_by: Option<PersonId>,
}
row! { Goal in goal, seen as Plan, id id: GoalId, subject |r| r.coachee, written by |r, _| r.written_by,
columns |r| [due: Date = r.due, complete: bool = r.complete, maker: Maker = r.by], sealed [title] }

/// A goal has another action, where that belongs to no milestone.
pub(super) fn gain(rows: &mut Rows, goal: Option<GoalId>, milestone: Option<MilestoneId>) {
    if let (Some(goal), None) = (goal, milestone) {
        rows.edit(goal, |row: &mut Goal| row.lone.add_one());
    }
}

/// It has one less.
pub(super) fn lose(rows: &mut Rows, goal: Option<GoalId>, milestone: Option<MilestoneId>) {
    if let (Some(goal), None) = (goal, milestone) {
        rows.edit(goal, |row: &mut Goal| row.lone.take_one());
    }
}

/// Sets a goal (S2.26, S2.27).
#[derive(Debug)]
pub struct AddGoal {
    /// Its id.
    pub goal: GoalId,
    /// Whose.
    pub coachee: CoacheeId,
    /// What is aimed at.
    pub title: Title,
    /// By when.
    pub due: Date,
}

impl Command for AddGoal {
    shows!(Goal goal);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, there) = (facts.get::<Coachee>(self.coachee), facts.find::<Goal>(self.goal));
        let coachee = coachee?;
        let decision = facts.allow(Deed::ChangePlan, self.coachee)?;
        if there?.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        let title = Confidential::new(self.title.clone());
        let by = Some(Maker::of(facts, coachee));
        Ok(decision.with(Event::GoalAdded { goal: self.goal, coachee: self.coachee, title, due: self.due, by }))
    }
}

/// Changes a goal; what is `None` stays.
#[derive(Debug)]
pub struct UpdateGoal {
    /// Which.
    pub goal: GoalId,
    /// Another title.
    pub title: Option<Title>,
    /// Another day.
    pub due: Option<Date>,
}

impl Command for UpdateGoal {
    shows!(Goal goal);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Goal>(self.goal)?;
        let decision = facts.allow(Deed::ChangePlan, row.coachee)?;
        let title = rewritten(facts, row, &row.title, self.title.as_ref())?;
        let due = changed(&row.due, self.due.as_ref());
        let nothing = title.is_none() && due.is_none();
        Ok(if nothing { decision } else { decision.with(Event::GoalChanged { goal: self.goal, title, due }) })
    }
}

/// Deletes a goal that has neither milestones nor actions.
#[derive(Debug)]
pub struct DeleteGoal {
    /// Which.
    pub goal: GoalId,
}

impl Command for DeleteGoal {
    shows!(Goal goal);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Goal>(self.goal)?;
        let decision = facts.allow(Deed::ChangePlan, row.coachee)?;
        if row.milestones != Count::default() {
            return Err(Refusal::GoalHasMilestones.into());
        }
        if row.lone != Count::default() {
            return Err(Refusal::GoalHasActions.into());
        }
        Ok(decision.with(Event::GoalDeleted { goal: self.goal }))
    }
}
