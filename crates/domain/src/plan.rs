//! The plan: goals, their milestones, and actions with percentages that both sides set (S2.18–S2.27, S3.9–S3.17).
//!
//! A milestone is complete when all its actions are, a goal when all its milestones are; one without parts never by
//! itself. Adding an action to a complete milestone, or lowering a percentage, reopens milestone and goal. Completing
//! and reopening are events of their own, written by whoever's command caused them.

use serde::{Deserialize, Serialize};

use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::edit::{changed, changed_from, rewritten};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{ActionId, CoacheeId, GoalId, MilestoneId, PersonId};
use crate::text::{Change, Confidential, Description, Text as _, Title};
use crate::value::{Count, Date, Percent, Time};
use crate::{Rows, refusals};

events! {
    /// What happens to a coachee's plan.
    pub enum Event {
        /// A goal was set.
        "plan.goal_added" as "goal_add" GoalAdded sees Plan { goal: GoalId, coachee: CoacheeId, title: Confidential<Title>, due: Date },
        /// Its title or day was changed.
        "plan.goal_changed" as "goal_update" GoalChanged sees Plan { goal: GoalId, title: Option<Change<Confidential<Title>>>, due: Option<Change<Date>> },
        /// Every milestone of it is complete.
        "plan.goal_completed" as "goal_complete" GoalCompleted sees Plan { goal: GoalId },
        /// A milestone of it is open again.
        "plan.goal_reopened" as "goal_reopen" GoalReopened sees Plan { goal: GoalId },
        /// It was deleted, and what belonged to it before.
        "plan.goal_deleted" as "goal_delete" GoalDeleted sees Plan { goal: GoalId },
        /// A milestone was set.
        "plan.milestone_added" as "milestone_add" MilestoneAdded sees Plan {
            milestone: MilestoneId, goal: GoalId, coachee: CoacheeId, title: Confidential<Title>, due: Date
        },
        /// Its title or day was changed.
        "plan.milestone_changed" as "milestone_update" MilestoneChanged sees Plan {
            milestone: MilestoneId, title: Option<Change<Confidential<Title>>>, due: Option<Change<Date>>
        },
        /// Every action of it is complete.
        "plan.milestone_completed" as "milestone_complete" MilestoneCompleted sees Plan { milestone: MilestoneId, goal: GoalId },
        /// An action of it is open again.
        "plan.milestone_reopened" as "milestone_reopen" MilestoneReopened sees Plan { milestone: MilestoneId, goal: GoalId },
        /// It was deleted.
        "plan.milestone_deleted" as "milestone_delete" MilestoneDeleted sees Plan { milestone: MilestoneId, goal: GoalId, was_complete: bool },
        /// An action was set.
        "plan.action_added" as "action_add" ActionAdded sees Plan {
            action: ActionId, coachee: CoacheeId, goal: Option<GoalId>, milestone: Option<MilestoneId>, title: Confidential<Title>,
            description: Option<Confidential<Description>>, due: Option<Date>
        },
        /// Its title, description or day was changed.
        "plan.action_changed" as "action_update" ActionChanged sees Plan {
            action: ActionId, title: Option<Change<Confidential<Title>>>, description: Option<Change<Confidential<Description>>>,
            due: Option<Change<Date>>
        },
        /// Its percentage was set.
        "plan.action_progressed" as "action_progress" ActionProgressed sees Plan { action: ActionId, milestone: Option<MilestoneId>, progress: Change<Percent> },
        /// It was deleted.
        "plan.action_deleted" as "action_delete" ActionDeleted sees Plan { action: ActionId, milestone: Option<MilestoneId>, was_complete: bool },
    }
}

refusals! {
    /// Why something about a plan was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "PLAN_ITEM_EXISTS" "This goal, milestone or action has been added before.",
        /// It belongs to somebody else.
        OtherCoachee "PLAN_ITEM_OF_ANOTHER_COACHEE" "The goal or milestone belongs to another coachee.",
        /// A goal with milestones.
        GoalHasMilestones "GOAL_HAS_MILESTONES" "This goal still has milestones. Delete them first.",
        /// A milestone with actions.
        MilestoneHasActions "MILESTONE_HAS_ACTIONS" "This milestone still has actions. Delete them first.",
    }
}

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
    /// Whether all of them are, and there is one.
    pub complete: bool,
    /// Who set it; nobody where the product did.
    pub author: Option<PersonId>,
    /// When.
    pub created_at: Time,
    /// Who wrote its title.
    pub written_by: Option<PersonId>,
}
row! { Goal in goal, seen as Plan, id id: GoalId, subject |r| r.coachee, written by |r, _| r.written_by,
columns |r| [due: Date = r.due, complete: bool = r.complete], sealed [title] }

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

/// Something to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Action {
    /// Its id.
    pub id: ActionId,
    /// Whose.
    pub coachee: CoacheeId,
    /// The goal that it serves, if any. Without a milestone it does not count in the roll-up.
    pub goal: Option<GoalId>,
    /// The milestone that it belongs to, if any.
    pub milestone: Option<MilestoneId>,
    /// What is to be done.
    pub title: Confidential<Title>,
    /// The same at length.
    pub description: Option<Confidential<Description>>,
    /// By when.
    pub due: Option<Date>,
    /// How far it is.
    pub progress: Percent,
    /// Who set it; nobody where the product did.
    pub author: Option<PersonId>,
    /// When.
    pub created_at: Time,
    /// Who wrote title and description; nobody where several did.
    pub written_by: Option<PersonId>,
}
row! { Action in action, seen as Plan, id id: ActionId, subject |r| r.coachee, written by |r, _| r.written_by,
columns |r| [
    goal: Option<GoalId> = r.goal,
    milestone: Option<MilestoneId> = r.milestone,
    due: Date = r.due.unwrap_or(Date(i32::MAX)),
    complete: bool = r.progress == Percent::ALL,
], sealed [title, description] }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::GoalAdded { goal, coachee, title, due } => rows.put(Goal {
            id: *goal,
            coachee: *coachee,
            title: title.clone(),
            due: *due,
            milestones: Count::default(),
            open: Count::default(),
            complete: false,
            author: when.actor,
            created_at: when.at,
            written_by: when.actor,
        }),
        Event::GoalChanged { goal, title, due } => rows.edit(*goal, |row: &mut Goal| {
            if title.is_some() {
                row.written_by = when.actor;
            }
            replace(&mut row.title, title.as_ref());
            replace(&mut row.due, due.as_ref());
        }),
        Event::GoalCompleted { goal } => rows.edit(*goal, |row: &mut Goal| row.complete = true),
        Event::GoalReopened { goal } => rows.edit(*goal, |row: &mut Goal| row.complete = false),
        Event::GoalDeleted { goal } => rows.delete::<Goal>(*goal),
        Event::MilestoneAdded { milestone, goal, coachee, title, due } => {
            rows.put(Milestone {
                id: *milestone,
                goal: *goal,
                coachee: *coachee,
                title: title.clone(),
                due: *due,
                actions: Count::default(),
                open: Count::default(),
                complete: false,
                written_by: when.actor,
            });
            rows.edit(*goal, |row: &mut Goal| {
                row.milestones.add_one();
                row.open.add_one();
            });
        }
        Event::MilestoneChanged { milestone, title, due } => rows.edit(*milestone, |row: &mut Milestone| {
            if title.is_some() {
                row.written_by = when.actor;
            }
            replace(&mut row.title, title.as_ref());
            replace(&mut row.due, due.as_ref());
        }),
        Event::MilestoneCompleted { milestone, goal } => {
            rows.edit(*milestone, |row: &mut Milestone| row.complete = true);
            rows.edit(*goal, |row: &mut Goal| row.open.take_one());
        }
        Event::MilestoneReopened { milestone, goal } => {
            rows.edit(*milestone, |row: &mut Milestone| row.complete = false);
            rows.edit(*goal, |row: &mut Goal| row.open.add_one());
        }
        Event::MilestoneDeleted { milestone, goal, was_complete } => {
            rows.delete::<Milestone>(*milestone);
            rows.edit(*goal, |row: &mut Goal| {
                row.milestones.take_one();
                if !*was_complete {
                    row.open.take_one();
                }
            });
        }
        Event::ActionAdded { action, coachee, goal, milestone, title, description, due } => {
            rows.put(Action {
                id: *action,
                coachee: *coachee,
                goal: *goal,
                milestone: *milestone,
                title: title.clone(),
                description: description.clone(),
                due: *due,
                progress: Percent::default(),
                author: when.actor,
                created_at: when.at,
                written_by: when.actor,
            });
            if let Some(milestone) = milestone {
                rows.edit(*milestone, |row: &mut Milestone| {
                    row.actions.add_one();
                    row.open.add_one();
                });
            }
        }
        Event::ActionChanged { action, title, description, due } => rows.edit(*action, |row: &mut Action| {
            if title.is_some() || description.is_some() {
                row.written_by = row.written_by.filter(|author| Some(*author) == when.actor);
            }
            replace(&mut row.title, title.as_ref());
            if let Some(change) = description {
                row.description = Some(change.now.clone());
            }
            if let Some(change) = due {
                row.due = Some(change.now);
            }
        }),
        Event::ActionProgressed { action, milestone, progress } => {
            let now = progress.now;
            rows.edit(*action, move |row: &mut Action| row.progress = now);
            if let Some(milestone) = milestone {
                let was = progress.was.unwrap_or_default();
                rows.edit(*milestone, move |row: &mut Milestone| match (was == Percent::ALL, now == Percent::ALL) {
                    (false, true) => row.open.take_one(),
                    (true, false) => row.open.add_one(),
                    (true, true) | (false, false) => {}
                });
            }
        }
        Event::ActionDeleted { action, milestone, was_complete } => {
            rows.delete::<Action>(*action);
            if let Some(milestone) = milestone {
                rows.edit(*milestone, |row: &mut Milestone| {
                    row.actions.take_one();
                    if !*was_complete {
                        row.open.take_one();
                    }
                });
            }
        }
    }
}

fn replace<T: Clone>(field: &mut T, change: Option<&Change<T>>) {
    if let Some(change) = change {
        *field = change.now.clone();
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::GoalAdded { title, due, .. } => Entry::default().set("title", title).set("dueOn", due),
        Event::GoalChanged { title, due, .. } => {
            Entry::default().edit("title", title.as_ref()).edit("dueOn", due.as_ref())
        }
        Event::GoalCompleted { .. } => Entry::default(),
        Event::GoalReopened { .. } => Entry::default(),
        Event::GoalDeleted { .. } => Entry::default(),
        Event::MilestoneAdded { goal, title, due, .. } => {
            Entry::default().set("goal", goal).set("title", title).set("dueOn", due)
        }
        Event::MilestoneChanged { title, due, .. } => {
            Entry::default().edit("title", title.as_ref()).edit("dueOn", due.as_ref())
        }
        Event::MilestoneCompleted { .. } => Entry::default(),
        Event::MilestoneReopened { .. } => Entry::default(),
        Event::MilestoneDeleted { .. } => Entry::default(),
        Event::ActionAdded { title, description, due, milestone, .. } => Entry::default()
            .set("title", title)
            .set("description", description)
            .set("dueOn", due)
            .set("milestone", milestone),
        Event::ActionChanged { title, description, due, .. } => Entry::default()
            .edit("title", title.as_ref())
            .edit("description", description.as_ref())
            .edit("dueOn", due.as_ref()),
        Event::ActionProgressed { progress, .. } => Entry::default().edit("progress", Some(progress)),
        Event::ActionDeleted { .. } => Entry::default(),
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
        coachee?;
        let decision = facts.allow(Deed::ChangePlan, self.coachee)?;
        if there?.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        let title = Confidential::new(self.title.clone());
        Ok(decision.with(Event::GoalAdded { goal: self.goal, coachee: self.coachee, title, due: self.due }))
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

/// Deletes a goal that has no milestones.
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
        Ok(decision.with(Event::GoalDeleted { goal: self.goal }))
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

/// Sets an action (S2.19, S3.12), alone, for a goal, or under a milestone, which then is open again.
#[derive(Debug)]
pub struct AddAction {
    /// Its id.
    pub action: ActionId,
    /// Whose.
    pub coachee: CoacheeId,
    /// The goal that it serves, if any; a milestone brings its own.
    pub goal: Option<GoalId>,
    /// The milestone that it belongs to, if any.
    pub milestone: Option<MilestoneId>,
    /// What is to be done.
    pub title: Title,
    /// The same at length.
    pub description: Option<Description>,
    /// By when.
    pub due: Option<Date>,
}

impl Command for AddAction {
    shows!(Action action);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, there) = (facts.get::<Coachee>(self.coachee), facts.find::<Action>(self.action));
        let milestone = self.milestone.map(|id| facts.get::<Milestone>(id)).transpose();
        (_, _) = (coachee?, there.as_ref().map_err(|stop| *stop)?);
        let milestone = milestone?;
        let goal =
            milestone.map(|milestone| milestone.goal).or(self.goal).map(|id| facts.get::<Goal>(id)).transpose()?;
        let decision = facts.allow(Deed::ChangePlan, self.coachee)?;
        if let Some(goal) = goal {
            // Whose plan it is must not be learnt by naming its goals.
            facts.allow(Deed::ChangePlan, goal.coachee)?;
        }
        let others = goal.is_some_and(|goal| goal.coachee != self.coachee);
        if others || self.goal.is_some_and(|id| goal.is_some_and(|goal| goal.id != id)) {
            return Err(Refusal::OtherCoachee.into());
        }
        if there?.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        let added = Event::ActionAdded {
            action: self.action,
            coachee: self.coachee,
            goal: goal.map(|goal| goal.id),
            milestone: self.milestone,
            title: Confidential::new(self.title.clone()),
            description: self.description.clone().filter(|text| !text.as_str().is_empty()).map(Confidential::new),
            due: self.due,
        };
        Ok(decision.with(added).with_all(reopened(milestone, goal)))
    }
}

/// The events of a milestone that is open again, and of its goal.
fn reopened(milestone: Option<&Milestone>, goal: Option<&Goal>) -> Vec<Event> {
    let milestone = milestone.filter(|milestone| milestone.complete);
    let goal = goal.filter(|goal| milestone.is_some() && goal.complete);
    let first = milestone.map(|milestone| Event::MilestoneReopened { milestone: milestone.id, goal: milestone.goal });
    first.into_iter().chain(goal.map(|goal| Event::GoalReopened { goal: goal.id })).collect()
}

/// The events of a milestone whose last open action is done or gone, and of its goal.
fn completed(milestone: Option<&Milestone>, goal: Option<&Goal>) -> Vec<Event> {
    let milestone = milestone.filter(|milestone| milestone.open == Count(1) && !milestone.complete);
    let goal = goal.filter(|goal| milestone.is_some() && goal.open == Count(1) && !goal.complete);
    let first = milestone.map(|milestone| Event::MilestoneCompleted { milestone: milestone.id, goal: milestone.goal });
    first.into_iter().chain(goal.map(|goal| Event::GoalCompleted { goal: goal.id })).collect()
}

/// Changes an action's words or day; what is `None` stays. An empty description removes it.
#[derive(Debug)]
pub struct UpdateAction {
    /// Which.
    pub action: ActionId,
    /// Another title.
    pub title: Option<Title>,
    /// Another description.
    pub description: Option<Description>,
    /// Another day.
    pub due: Option<Date>,
}

impl Command for UpdateAction {
    shows!(Action action);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Action>(self.action)?;
        let decision = facts.allow(Deed::ChangePlan, row.coachee)?;
        let title = rewritten(facts, row, &row.title, self.title.as_ref())?;
        let was = row.description.as_ref().map(|text| facts.read(row, text)).transpose()?.flatten();
        let now = self
            .description
            .as_ref()
            .filter(|text| was.as_ref() != Some(*text) && (was.is_some() || !text.as_str().is_empty()));
        let description = now.map(|now| Change { was: row.description.clone(), now: Confidential::new(now.clone()) });
        let due = changed_from(row.due.as_ref(), self.due.as_ref());
        let nothing = title.is_none() && description.is_none() && due.is_none();
        Ok(if nothing {
            decision
        } else {
            decision.with(Event::ActionChanged { action: self.action, title, description, due })
        })
    }
}

/// Sets how far an action is (S3.15). Milestone and goal follow (S2.24, S2.25).
#[derive(Debug)]
pub struct SetActionProgress {
    /// Which.
    pub action: ActionId,
    /// How far.
    pub progress: Percent,
}

impl Command for SetActionProgress {
    shows!(Action action);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let action = facts.get::<Action>(self.action)?;
        let milestone = action.milestone.map(|id| facts.get::<Milestone>(id)).transpose()?;
        let goal = milestone.map(|milestone| facts.get::<Goal>(milestone.goal)).transpose()?;
        let decision = facts.allow(Deed::ChangePlan, action.coachee)?;
        let Some(progress) = changed(&action.progress, Some(&self.progress)) else { return Ok(decision) };
        let (was, now) = (action.progress == Percent::ALL, self.progress == Percent::ALL);
        let decision =
            decision.with(Event::ActionProgressed { action: self.action, milestone: action.milestone, progress });
        Ok(match (was, now) {
            (false, true) => decision.with_all(completed(milestone, goal)),
            (true, false) => decision.with_all(reopened(milestone, goal)),
            (true, true) | (false, false) => decision,
        })
    }
}

/// Deletes an action. Its milestone may be complete without it; one that has none left is open again.
#[derive(Debug)]
pub struct DeleteAction {
    /// Which.
    pub action: ActionId,
}

impl Command for DeleteAction {
    shows!(Action action);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let action = facts.get::<Action>(self.action)?;
        let milestone = action.milestone.map(|id| facts.get::<Milestone>(id)).transpose()?;
        let goal = milestone.map(|milestone| facts.get::<Goal>(milestone.goal)).transpose()?;
        let decision = facts.allow(Deed::ChangePlan, action.coachee)?;
        let was_complete = action.progress == Percent::ALL;
        let deleted = Event::ActionDeleted { action: self.action, milestone: action.milestone, was_complete };
        let is_last = milestone.is_some_and(|milestone| milestone.actions == Count(1));
        Ok(match (was_complete, is_last) {
            (true, true) => decision.with(deleted).with_all(reopened(milestone, goal)),
            (false, false) => decision.with(deleted).with_all(completed(milestone, goal)),
            (true, false) | (false, true) => decision.with(deleted),
        })
    }
}
