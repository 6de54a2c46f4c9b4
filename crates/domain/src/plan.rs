//! The plan: goals, their milestones, and actions with percentages that both sides set (S2.18–S2.27, S3.9–S3.17).
//!
//! A milestone is complete when all its actions are, a goal when all its milestones are; one without parts never by
//! itself. Adding an action to a complete milestone, or lowering a percentage, reopens milestone and goal. Completing
//! and reopening are events of their own, written by whoever's command caused them.
//!
//! Each kind of thing has its file: `goal`, `milestone` with the roll-up, `action`, `comment`, and `series`, which makes
//! actions again and again by the rules of [`recurrence`].

use serde::{Deserialize, Serialize};

use crate::coachee::Coachee;
use crate::decide::{Facts, Stop};
use crate::declare::events;
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{ActionId, CoacheeId, CommentId, GoalId, MilestoneId, SeriesId};
use crate::row::{Column, Row, Type, Value};
use crate::text::{self, Change, Confidential, Description, Text as _, Title, facts};
use crate::value::{Count, Date, Percent};
use crate::{Rows, refusals};

mod action;
mod comment;
mod goal;
mod milestone;
pub mod recurrence;
mod series;

pub use action::{Action, AddAction, DeleteAction, SetActionMonitoring, SetActionProgress, UpdateAction};
pub use comment::{ActionThread, COMMENTS_MAX, Comment, CommentOnAction, DeleteComment, UpdateComment};
pub use goal::{AddGoal, DeleteGoal, Goal, UpdateGoal};
pub use milestone::{AddMilestone, DeleteMilestone, Milestone, UpdateMilestone};
pub use recurrence::{Duration, Frequency, Next, Recurrence};
pub use series::{ActionSeries, EndActionSeries, NewSeries, Occurrence, RepeatAction, UpdateActionSeries};

/// As what somebody made something: what a coachee makes of their own plan is the coachee's, all else a coach's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Maker {
    /// A coach or manager. So counts also what was made before this was written down.
    #[default]
    Coach,
    /// The coachee whose plan it is.
    Coachee,
}

impl Maker {
    /// As what the actor makes something for this coachee.
    fn of(facts: &Facts<'_>, coachee: &Coachee) -> Self {
        let is_theirs = coachee.person.is_some() && coachee.person == facts.actor.person();
        if is_theirs { Self::Coachee } else { Self::Coach }
    }

    /// The word by which lists are filtered.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Coach => "coach",
            Self::Coachee => "coachee",
        }
    }
}

impl Column for Maker {
    const TYPE: Type = Type::Text;
    fn value(&self) -> Value {
        Value::Text(self.word().to_owned())
    }
}

facts!(Maker);

events! {
    /// What happens to a coachee's plan.
    pub enum Event {
        /// A goal was set.
        "plan.goal_added" as "goal_add" GoalAdded sees Plan { goal: GoalId, coachee: CoacheeId, title: Confidential<Title>, due: Date,
            #[serde(default, skip_serializing_if = "Option::is_none")] by: Option<Maker>
        },
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
            description: Option<Confidential<Description>>, due: Option<Date>,
            #[serde(default, skip_serializing_if = "Option::is_none")] by: Option<Maker>,
            #[serde(default, skip_serializing_if = "Option::is_none")] occurrence: Option<Occurrence>
        },
        /// Its title, description or day was changed.
        "plan.action_changed" as "action_update" ActionChanged sees Plan {
            action: ActionId, title: Option<Change<Confidential<Title>>>, description: Option<Change<Confidential<Description>>>,
            due: Option<Change<Date>>
        },
        /// Its percentage was set.
        "plan.action_progressed" as "action_progress" ActionProgressed sees Plan { action: ActionId, milestone: Option<MilestoneId>, progress: Change<Percent> },
        /// Its coachee, who set it, has the coach told of what becomes of it, or no longer; and of what its series makes.
        "plan.action_monitoring_set" as "action_monitoring_set" ActionMonitoringSet sees Plan {
            action: ActionId, monitored: Change<bool>, series: Option<SeriesId>
        },
        /// It was deleted, and its comments with it.
        "plan.action_deleted" as "action_delete" ActionDeleted sees Plan {
            action: ActionId, milestone: Option<MilestoneId>, was_complete: bool,
            #[serde(default, skip_serializing_if = "Vec::is_empty")] comments: Vec<CommentId>,
            #[serde(default, skip_serializing_if = "Option::is_none")] goal: Option<GoalId>
        },
        /// Somebody said something about an action.
        "plan.comment_added" as "comment_add" CommentAdded sees Plan {
            comment: CommentId, action: ActionId, coachee: CoacheeId, text: Confidential<text::Comment>, by: Maker
        },
        /// They said it in other words.
        "plan.comment_changed" as "comment_update" CommentChanged sees Plan {
            comment: CommentId, action: ActionId, text: Change<Confidential<text::Comment>>
        },
        /// They took it back.
        "plan.comment_deleted" as "comment_delete" CommentDeleted sees Plan { comment: CommentId, action: ActionId },
        /// An action is to be done again and again. Its first one comes with it.
        "plan.series_started" as "series_start" SeriesStarted sees Plan {
            series: SeriesId, coachee: CoacheeId, goal: Option<GoalId>, title: Confidential<Title>,
            description: Option<Confidential<Description>>, recurrence: Recurrence, first: Date, by: Maker
        },
        /// The words of its actions to come were changed, or for how long it goes on; `next` is what comes then.
        "plan.series_changed" as "series_update" SeriesChanged sees Plan {
            series: SeriesId, title: Option<Change<Confidential<Title>>>, description: Option<Change<Confidential<Description>>>,
            duration: Option<Change<Duration>>, next: Option<Next>, by: Maker, monitored: bool
        },
        /// Its coachee was deactivated when one's turn came: it was not made.
        "plan.series_skipped" as "series_skip" SeriesSkipped sees Plan { series: SeriesId, number: u32, next: Option<Next> },
        /// Nothing comes after the actions that are there.
        "plan.series_ended" as "series_end" SeriesEnded sees Plan { series: SeriesId, by: Maker, monitored: bool },
    }
}

refusals! {
    /// Why something about a plan was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "PLAN_ITEM_EXISTS" "This goal, milestone, action or comment has been added before.",
        /// It belongs to somebody else.
        OtherCoachee "PLAN_ITEM_OF_ANOTHER_COACHEE" "The goal or milestone belongs to another coachee.",
        /// Both are the coachee's, but do not belong together.
        OtherGoal "MILESTONE_OF_ANOTHER_GOAL" "The milestone belongs to another goal. Leave out the goal, or name the milestone's own.",
        /// A goal with milestones.
        GoalHasMilestones "GOAL_HAS_MILESTONES" "This goal still has milestones. Delete them first.",
        /// A goal with actions beside its milestones.
        GoalHasActions "GOAL_HAS_ACTIONS" "This goal still has actions. Delete them first.",
        /// A milestone with actions.
        MilestoneHasActions "MILESTONE_HAS_ACTIONS" "This milestone still has actions. Delete them first.",
        /// Monitoring is for what coachees set themselves (S2.22).
        MadeByTheCoach "ACTION_WAS_MADE_BY_A_COACH" "Only an action that the coachee made can be monitored or not: of what a coach made the coach is always told.",
        /// As many as a thread holds.
        TooManyComments "COMMENTS_ARE_TOO_MANY" "An action can have at most 500 comments.",
        /// It would never be complete.
        RecursUnderAMilestone "RECURRENCE_UNDER_A_MILESTONE" "An action under a milestone is done once. Let one recur that has no milestone.",
        /// Nothing to count from.
        RecursFromADay "RECURRENCE_NEEDS_A_DAY" "An action that recurs needs the day by which it is to be done the first time.",
        /// It would have been missed before it was set.
        BeginsInThePast "RECURRENCE_BEGINS_IN_THE_PAST" "What recurs begins today or later. Choose another first day.",
        /// None or both.
        NeedsOneDuration "RECURRENCE_NEEDS_ONE_DURATION" "Say until when it recurs or how many times: one of the two.",
        /// There would be no first time.
        EndsBeforeItBegins "RECURRENCE_ENDS_BEFORE_IT_BEGINS" "The recurrence would end before its first day. Choose a later end.",
        /// Longer than anybody plans.
        RecursTooOften "RECURRENCE_IS_TOO_LONG" "An action can recur at most 1000 times. Choose an earlier end.",
        /// There is nothing to come.
        SeriesHasEnded "ACTION_SERIES_HAS_ENDED" "Nothing comes after the actions of this series any more. Let another action recur.",
    }
}

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::GoalAdded { goal, coachee, title, due, by } => rows.put(Goal {
            id: *goal,
            coachee: *coachee,
            title: title.clone(),
            due: *due,
            milestones: Count::default(),
            open: Count::default(),
            lone: Count::default(),
            complete: false,
            by: by.unwrap_or_default(),
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
        Event::ActionAdded { action, coachee, goal, milestone, title, description, due, by, occurrence } => {
            rows.put(Action {
                id: *action,
                coachee: *coachee,
                goal: *goal,
                milestone: *milestone,
                title: title.clone(),
                description: description.clone(),
                due: *due,
                progress: Percent::default(),
                series: occurrence.map(|it| it.series),
                monitored: occurrence.is_some_and(|it| it.monitored),
                comments: Count::default(),
                by: by.unwrap_or_default(),
                author: occurrence.map_or(when.actor, |it| it.author),
                created_at: when.at,
                written_by: occurrence.map_or(when.actor, |it| it.written_by),
            });
            goal::gain(rows, *goal, *milestone);
            milestone::gain(rows, *milestone);
            series::made(rows, occurrence.as_ref());
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
            milestone::follow(rows, *milestone, progress);
        }
        Event::ActionMonitoringSet { action, monitored, series } => {
            rows.edit(*action, |row: &mut Action| row.monitored = monitored.now);
            if let Some(series) = series {
                rows.edit(*series, |row: &mut ActionSeries| row.monitored = monitored.now);
            }
        }
        Event::ActionDeleted { action, milestone, was_complete, comments, goal } => {
            rows.delete::<Action>(*action);
            comment::remove_all(rows, *action, comments);
            goal::lose(rows, *goal, *milestone);
            milestone::lose(rows, *milestone, *was_complete);
        }
        Event::CommentAdded { comment, action, coachee, text, by } => {
            comment::add(rows, when, (*comment, *action, *coachee), text, *by);
        }
        Event::CommentChanged { comment, text, .. } => rows.edit(*comment, |row: &mut Comment| {
            row.text = text.now.clone();
            row.changed_at = Some(when.at);
        }),
        Event::CommentDeleted { comment, action } => comment::remove(rows, *comment, *action),
        Event::SeriesStarted { series, coachee, goal, title, description, recurrence, first, by } => {
            let rule = (*recurrence, *first, *by);
            series::begin(rows, when, (*series, *coachee, *goal), (title, description.as_ref()), rule);
        }
        Event::SeriesChanged { series, title, description, duration, next, .. } => {
            rows.edit(*series, |row: &mut ActionSeries| {
                if title.is_some() || description.is_some() {
                    row.written_by = row.written_by.filter(|author| Some(*author) == when.actor);
                }
                replace(&mut row.title, title.as_ref());
                row.description = description.as_ref().map_or(row.description.take(), |it| Some(it.now.clone()));
                replace(&mut row.recurrence.duration, duration.as_ref());
                row.next = *next;
            });
        }
        Event::SeriesSkipped { series, next, .. } => series::skipped(rows, *series, *next),
        Event::SeriesEnded { series, .. } => {
            rows.edit(*series, |row: &mut ActionSeries| (row.next, row.ended_at) = (None, Some(when.at)));
        }
    }
}

/// What changes when a description is set, if anything does: one that was never there cannot be removed.
fn described<R: Row>(
    facts: &Facts<'_>,
    row: &R,
    lies: Option<&Confidential<Description>>,
    now: Option<&Description>,
) -> Result<Option<Change<Confidential<Description>>>, Stop> {
    let Some(now) = now else { return Ok(None) };
    let was = lies.map(|text| facts.read(row, text)).transpose()?.flatten();
    let same = was.as_ref() == Some(now) || (was.is_none() && now.as_str().is_empty());
    Ok((!same).then(|| Change { was: lies.cloned(), now: Confidential::new(now.clone()) }))
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
        Event::ActionMonitoringSet { monitored, .. } => Entry::default().edit("monitored", Some(monitored)),
        Event::ActionDeleted { .. } => Entry::default(),
        Event::CommentAdded { action, text, .. } => Entry::default().set("action", action).set("text", text),
        Event::CommentChanged { action, text, .. } => Entry::default().set("action", action).edit("text", Some(text)),
        Event::CommentDeleted { action, .. } => Entry::default().set("action", action),
        Event::SeriesStarted { title, description, recurrence, first, .. } => Entry::default()
            .set("title", title)
            .set("description", description)
            .set("frequency", &recurrence.frequency)
            .set("duration", &recurrence.duration)
            .set("firstOn", first),
        Event::SeriesChanged { title, description, duration, .. } => Entry::default()
            .edit("title", title.as_ref())
            .edit("description", description.as_ref())
            .edit("duration", duration.as_ref()),
        Event::SeriesSkipped { number, .. } => Entry::default().set("number", number),
        Event::SeriesEnded { .. } => Entry::default(),
    }
}
