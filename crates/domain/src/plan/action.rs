//! Actions: what is to be done, with a percentage that both sides set (S2.18–S2.20, S3.9–S3.15).

use serde::{Deserialize, Serialize};

use super::milestone::{completed, reopened};
use super::{ActionSeries, ActionThread, Event, Goal, Maker, Milestone, NewSeries, Occurrence, Refusal};
use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::edit::{changed, changed_from, rewritten};
use crate::id::{ActionId, CoacheeId, GoalId, MilestoneId, PersonId, SeriesId};
use crate::text::{Change, Confidential, Description, Text as _, Title};
use crate::value::{Count, Date, Percent, Time};

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
    /// The series that made it, if one did.
    pub series: Option<SeriesId>,
    /// Whether the coachee, who set it, has the coach told of what becomes of it (S2.22).
    pub monitored: bool,
    /// How many comments it has.
    pub comments: Count,
    /// As what its author set it.
    pub by: Maker,
    /// Who set it; nobody where the product did.
    pub author: Option<PersonId>,
    /// When.
    pub created_at: Time,
    /// Who wrote title and description; nobody where several did.
    pub written_by: Option<PersonId>,
}
row! { Action in action, seen as Plan, id id: ActionId, subject |r| r.coachee, written by |r, _| r.written_by,
columns |r| [
    lone: Option<GoalId> = r.goal.filter(|_| r.milestone.is_none()),
    milestone: Option<MilestoneId> = r.milestone,
    series: Option<SeriesId> = r.series,
    due: Date = r.due.unwrap_or(Date(i32::MAX)),
    complete: bool = r.progress == Percent::ALL,
    maker: Maker = r.by,
], sealed [title, description] }

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
    /// What makes it again, if anything does: then it has a day and no milestone.
    pub series: Option<NewSeries>,
}

impl Command for AddAction {
    shows!(Action action);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, there) = (facts.get::<Coachee>(self.coachee), facts.find::<Action>(self.action));
        let milestone = self.milestone.map(|id| facts.get::<Milestone>(id)).transpose();
        let named = self.goal.map(|id| facts.get::<Goal>(id)).transpose();
        let series = self.series.map(|new| facts.find::<ActionSeries>(new.id)).transpose();
        let (coachee, series, _) = (coachee?, series?.flatten(), there.as_ref().map_err(|stop| *stop)?);
        let (milestone, named) = (milestone?, named?);
        let above = milestone.map(|milestone| facts.get::<Goal>(milestone.goal)).transpose()?;
        let decision = facts.allow(Deed::ChangePlan, self.coachee)?;
        for goal in [above, named].into_iter().flatten() {
            // Whose plan it is must not be learnt by naming its goals.
            facts.allow(Deed::ChangePlan, goal.coachee)?;
        }
        if [above, named].into_iter().flatten().any(|goal| goal.coachee != self.coachee) {
            return Err(Refusal::OtherCoachee.into());
        }
        let goal = above.or(named);
        if named.is_some_and(|named| goal.is_some_and(|goal| goal.id != named.id)) {
            return Err(Refusal::OtherGoal.into());
        }
        if there?.is_some() || series.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        let (goal_id, by) = (goal.map(|goal| goal.id), Maker::of(facts, coachee));
        let (started, occurrence) = self.started(facts, goal_id, by)?.unzip();
        let added = Event::ActionAdded {
            action: self.action,
            coachee: self.coachee,
            goal: goal_id,
            milestone: self.milestone,
            title: Confidential::new(self.title.clone()),
            description: self.words().map(Confidential::new),
            due: self.due,
            by: Some(by),
            occurrence,
        };
        Ok(decision.with_all(started).with(added).with_all(reopened(milestone, goal)))
    }
}

impl AddAction {
    /// The description, where it says something.
    fn words(&self) -> Option<Description> {
        self.description.clone().filter(|text| !text.as_str().is_empty())
    }

    /// The series that begins with the action, if one is to, and what the action is in it.
    fn started(&self, facts: &Facts<'_>, goal: Option<GoalId>, by: Maker) -> Result<Option<(Event, Occurrence)>, Stop> {
        let Some(new) = self.series else { return Ok(None) };
        if self.milestone.is_some() {
            return Err(Refusal::RecursUnderAMilestone.into());
        }
        let (first, recurrence) = new.begin(facts, self.due)?;
        let started = Event::SeriesStarted {
            series: new.id,
            coachee: self.coachee,
            goal,
            title: Confidential::new(self.title.clone()),
            description: self.words().map(Confidential::new),
            recurrence,
            first,
            by,
        };
        let next = recurrence.after(first, 1, facts.zone()?);
        let author = facts.actor.person();
        let occurrence = Occurrence { series: new.id, number: 1, next, author, written_by: author, monitored: false };
        Ok(Some((started, occurrence)))
    }
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
        let description = super::described(facts, row, row.description.as_ref(), self.description.as_ref())?;
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

/// Has the coach told of what becomes of an action, or no longer: its coachee, who set it (S2.22). In a series it counts
/// for those to come, too.
#[derive(Debug)]
pub struct SetActionMonitoring {
    /// Which.
    pub action: ActionId,
    /// Whether the coach is told.
    pub monitored: bool,
}

impl Command for SetActionMonitoring {
    shows!(Action action);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Action>(self.action)?;
        let of = row.series.map(|series| facts.find::<ActionSeries>(series)).transpose()?.flatten();
        let decision = facts.allow(Deed::MonitorAction, row.coachee)?;
        if row.by != Maker::Coachee {
            return Err(Refusal::MadeByTheCoach.into());
        }
        // Another of its actions may have set the series since.
        let is_so = row.monitored == self.monitored && of.is_none_or(|of| of.monitored == self.monitored);
        if is_so {
            return Ok(decision);
        }
        let monitored = Change { was: Some(row.monitored), now: self.monitored };
        Ok(decision.with(Event::ActionMonitoringSet { action: self.action, monitored, series: row.series }))
    }
}

/// Deletes an action with its comments. Its milestone may be complete without it; one that has none left is open again.
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
        let has_thread = action.comments != Count::default();
        let thread = has_thread.then(|| facts.find::<ActionThread>(self.action)).transpose()?.flatten();
        let decision = facts.allow(Deed::ChangePlan, action.coachee)?;
        let was_complete = action.progress == Percent::ALL;
        let comments = thread.map(|thread| thread.comments.clone()).unwrap_or_default();
        let deleted = Event::ActionDeleted {
            action: self.action,
            milestone: action.milestone,
            was_complete,
            comments,
            goal: action.goal,
        };
        let is_last = milestone.is_some_and(|milestone| milestone.actions == Count(1));
        Ok(match (was_complete, is_last) {
            (true, true) => decision.with(deleted).with_all(reopened(milestone, goal)),
            (false, false) => decision.with(deleted).with_all(completed(milestone, goal)),
            (true, false) | (false, true) => decision.with(deleted),
        })
    }
}
