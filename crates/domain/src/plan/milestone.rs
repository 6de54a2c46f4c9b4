//! Milestones of goals, and how they and their goals follow their parts (S2.23–S2.26, S3.14).

use serde::{Deserialize, Serialize};

use super::{Event, Goal, Refusal};
use crate::Rows;
use crate::access::Deed;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::edit::{changed, rewritten};
use crate::id::{CoacheeId, GoalId, MilestoneId, PersonId};
use crate::text::{Change, Confidential, Title};
use crate::value::{Count, Date, Percent};

/// A milestone of a goal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Milestone {
    /// Its id.
    pub id: MilestoneId,
    /// Its goal.
    pub goal: GoalId,
    /// Whose.
    pub coachee: CoacheeId,
    /// What is reached.
    pub title: Confidential<Title>,
    /// By when.
    pub due: Date,
    /// How many actions it has.
    pub actions: Count,
    /// How many of them are not complete.
    pub open: Count,
    /// Whether all of them are, and there is one.
    pub complete: bool,
    /// Who wrote its title.
    pub written_by: Option<PersonId>,
}
row! { Milestone in milestone, seen as Plan, id id: MilestoneId, subject |r| r.coachee, written by |r, _| r.written_by,
columns |r| [goal: GoalId = r.goal, due: Date = r.due, complete: bool = r.complete], sealed [title] }

/// A milestone has another action, which is open.
pub(super) fn gain(rows: &mut Rows, milestone: Option<MilestoneId>) {
    if let Some(milestone) = milestone {
        rows.edit(milestone, |row: &mut Milestone| {
            row.actions.add_one();
            row.open.add_one();
        });
    }
}

/// An action of a milestone has come on, or back.
pub(super) fn follow(rows: &mut Rows, milestone: Option<MilestoneId>, progress: &Change<Percent>) {
    let (was, now) = (progress.was.unwrap_or_default() == Percent::ALL, progress.now == Percent::ALL);
    if let Some(milestone) = milestone {
        rows.edit(milestone, move |row: &mut Milestone| match (was, now) {
            (false, true) => row.open.take_one(),
            (true, false) => row.open.add_one(),
            (true, true) | (false, false) => {}
        });
    }
}

/// A milestone has an action less.
pub(super) fn lose(rows: &mut Rows, milestone: Option<MilestoneId>, was_complete: bool) {
    if let Some(milestone) = milestone {
        rows.edit(milestone, |row: &mut Milestone| {
            row.actions.take_one();
            if !was_complete {
                row.open.take_one();
            }
        });
    }
}

/// Sets a milestone of a goal (S2.26). A complete goal is open again.
#[derive(Debug)]
pub struct AddMilestone {
    /// Its id.
    pub milestone: MilestoneId,
    /// Its goal.
    pub goal: GoalId,
    /// What is reached.
    pub title: Title,
    /// By when.
    pub due: Date,
}

impl Command for AddMilestone {
    shows!(Milestone milestone);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (goal, there) = (facts.get::<Goal>(self.goal), facts.find::<Milestone>(self.milestone));
        let goal = goal?;
        let decision = facts.allow(Deed::ChangePlan, goal.coachee)?;
        if there?.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        let added = Event::MilestoneAdded {
            milestone: self.milestone,
            goal: self.goal,
            coachee: goal.coachee,
            title: Confidential::new(self.title.clone()),
            due: self.due,
        };
        let reopened = goal.complete.then_some(Event::GoalReopened { goal: self.goal });
        Ok(decision.with(added).with_all(reopened))
    }
}

/// Changes a milestone; what is `None` stays.
#[derive(Debug)]
pub struct UpdateMilestone {
    /// Which.
    pub milestone: MilestoneId,
    /// Another title.
    pub title: Option<Title>,
    /// Another day.
    pub due: Option<Date>,
}

impl Command for UpdateMilestone {
    shows!(Milestone milestone);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Milestone>(self.milestone)?;
        let decision = facts.allow(Deed::ChangePlan, row.coachee)?;
        let title = rewritten(facts, row, &row.title, self.title.as_ref())?;
        let due = changed(&row.due, self.due.as_ref());
        let nothing = title.is_none() && due.is_none();
        Ok(if nothing {
            decision
        } else {
            decision.with(Event::MilestoneChanged { milestone: self.milestone, title, due })
        })
    }
}

/// Deletes a milestone that has no actions. The goal may be complete without it.
#[derive(Debug)]
pub struct DeleteMilestone {
    /// Which.
    pub milestone: MilestoneId,
}

impl Command for DeleteMilestone {
    shows!(Milestone milestone);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Milestone>(self.milestone)?;
        let goal = facts.get::<Goal>(row.goal)?;
        let decision = facts.allow(Deed::ChangePlan, row.coachee)?;
        if row.actions != Count::default() {
            return Err(Refusal::MilestoneHasActions.into());
        }
        let completes = !row.complete && goal.open == Count(1) && goal.milestones.less(Count(1)) != Count::default();
        let completed = completes.then_some(Event::GoalCompleted { goal: goal.id });
        let deleted = Event::MilestoneDeleted { milestone: self.milestone, goal: goal.id, was_complete: row.complete };
        Ok(decision.with(deleted).with_all(completed))
    }
}

/// The events of a milestone that is open again, and of its goal.
pub(super) fn reopened(milestone: Option<&Milestone>, goal: Option<&Goal>) -> Vec<Event> {
    let milestone = milestone.filter(|milestone| milestone.complete);
    let goal = goal.filter(|goal| milestone.is_some() && goal.complete);
    let first = milestone.map(|milestone| Event::MilestoneReopened { milestone: milestone.id, goal: milestone.goal });
    first.into_iter().chain(goal.map(|goal| Event::GoalReopened { goal: goal.id })).collect()
}

/// The events of a milestone whose last open action is done or gone, and of its goal.
pub(super) fn completed(milestone: Option<&Milestone>, goal: Option<&Goal>) -> Vec<Event> {
    let milestone = milestone.filter(|milestone| milestone.open == Count(1) && !milestone.complete);
    let goal = goal.filter(|goal| milestone.is_some() && goal.open == Count(1) && !goal.complete);
    let first = milestone.map(|milestone| Event::MilestoneCompleted { milestone: milestone.id, goal: milestone.goal });
    first.into_iter().chain(goal.map(|goal| Event::GoalCompleted { goal: goal.id })).collect()
}
