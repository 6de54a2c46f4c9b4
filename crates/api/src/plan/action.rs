//! Actions: what is to be done (S2.18–S2.22, S3.9–S3.15).

use app::View;
use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object};
use domain::id::{ActionId, CoacheeId, GoalId, MilestoneId, PracticeId};
use domain::plan;
use domain::value::Percent;

use super::series::RecurrenceInput;
use super::{ActionSeries, Comment, Maker};
use crate::page::{Asked, Cursor, List};
use crate::scalars::{Date, DateTime, Id, id};
use crate::words::{DeletedPayload, Result, UserError, delete, error, payload, run, shown, text, text_or};

/// Something to do.
pub struct Action {
    view: View,
    row: plan::Action,
}

impl Action {
    /// From its row.
    pub fn new(view: &View, row: plan::Action) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Action {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// Whose.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// The goal that it serves, if any.
    async fn goal_id(&self) -> Option<ID> {
        self.row.goal.map(id)
    }
    /// The milestone that it belongs to, if any.
    async fn milestone_id(&self) -> Option<ID> {
        self.row.milestone.map(id)
    }
    /// What is to be done.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// The same at length.
    #[graphql(complexity = "crate::page::LONG")]
    async fn description(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, self.row.description.as_ref()).await
    }
    /// By when.
    async fn due_on(&self) -> Option<Date> {
        self.row.due.map(Date)
    }
    /// How far it is, 0 to 100.
    async fn progress(&self) -> i32 {
        i32::from(self.row.progress.get())
    }
    /// Whether it is done: 100.
    async fn complete(&self) -> bool {
        self.row.progress == Percent::ALL
    }
    /// The series that made it, if one did.
    async fn series_id(&self) -> Option<ID> {
        self.row.series.map(id)
    }
    /// The same.
    async fn series(&self) -> Result<Option<ActionSeries>> {
        let Some(series) = self.row.series else { return Ok(None) };
        let row = self.view.one(series).await.map_err(error)?;
        Ok(row.map(|row| ActionSeries::new(&self.view, row)))
    }
    /// Whether the coachee, who made it, has the coach told of what becomes of it. Of what a coach made, the coach is
    /// always told.
    async fn monitored(&self) -> bool {
        self.row.monitored
    }
    /// How many comments it has.
    async fn comment_count(&self) -> u32 {
        self.row.comments.0
    }
    /// What both sides said about it, the oldest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn comments(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Comment>> {
        let list = List::by("said_at").under("action", self.row.id);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Comment::new(&view, row)).await
    }
    /// As what its author set it.
    async fn created_by(&self) -> Maker {
        self.row.by.into()
    }
    /// Who set it.
    async fn author_id(&self) -> Option<ID> {
        self.row.author.map(id)
    }
    /// When it was set.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }
}

payload! {
    ActionPayload { action: Action } of plan::Action
}

/// Sets an action.
#[derive(InputObject)]
pub struct AddActionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whose.
    coachee_id: Id<CoacheeId>,
    /// The goal that it serves, if any; a milestone brings its own.
    goal_id: Option<Id<GoalId>>,
    /// The milestone that it belongs to, if any.
    milestone_id: Option<Id<MilestoneId>>,
    /// What is to be done.
    title: String,
    /// The same at length.
    description: Option<String>,
    /// By when; an action that recurs needs it, today or later.
    due_on: Option<Date>,
    /// Whether it is to be done again and again: only without a milestone.
    recurrence: Option<RecurrenceInput>,
}

/// Changes an action; what is left out stays.
#[derive(InputObject)]
pub struct UpdateActionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    action_id: Id<ActionId>,
    /// Another title.
    title: Option<String>,
    /// Another description; an empty one clears it.
    description: Option<String>,
    /// Another day.
    due_on: Option<Date>,
}

/// Sets how far an action is.
#[derive(InputObject)]
pub struct SetActionProgressInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    action_id: Id<ActionId>,
    /// A whole number, 0 to 100.
    progress: i32,
}

/// Names an action.
#[derive(InputObject)]
pub struct DeleteActionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    action_id: Id<ActionId>,
}

/// Has the coach told of what becomes of an action, or no longer.
#[derive(InputObject)]
pub struct SetActionMonitoringInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which: one that the coachee made.
    action_id: Id<ActionId>,
    /// Whether the coach is told.
    monitored: bool,
}

/// Actions, for both sides.
#[derive(Default)]
pub struct ActionMutation;

#[Object]
impl ActionMutation {
    /// Sets an action, alone, for a goal, or under a milestone, which then is open. With a recurrence it is the first of
    /// its series: each of the others appears when the day of the one before is over in the practice's time zone.
    async fn add_action(&self, ctx: &Context<'_>, input: AddActionInput) -> Result<Option<ActionPayload>> {
        run(ctx, input.practice_id.0, |new| {
            let series = input.recurrence.as_ref().map(|recurrence| recurrence.series(new.id())).transpose()?;
            Ok(plan::AddAction {
                action: new.id(),
                coachee: input.coachee_id.0,
                goal: input.goal_id.map(|goal| goal.0),
                milestone: input.milestone_id.map(|milestone| milestone.0),
                title: text("title", &input.title)?,
                description: text_or("description", input.description.as_ref())?,
                due: input.due_on.map(|due| due.0),
                series,
            })
        })
        .await
    }

    /// Changes an action's words or day; of a series, this one alone.
    async fn update_action(&self, ctx: &Context<'_>, input: UpdateActionInput) -> Result<Option<ActionPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(plan::UpdateAction {
                action: input.action_id.0,
                title: text_or("title", input.title.as_ref())?,
                description: text_or("description", input.description.as_ref())?,
                due: input.due_on.map(|due| due.0),
            })
        })
        .await
    }

    /// Sets how far an action is. Its milestone and goal follow.
    async fn set_action_progress(
        &self,
        ctx: &Context<'_>,
        input: SetActionProgressInput,
    ) -> Result<Option<ActionPayload>> {
        run(ctx, input.practice_id.0, |_| {
            let progress =
                Percent::parse(i64::from(input.progress)).map_err(|refusal| UserError::at("progress", refusal))?;
            Ok(plan::SetActionProgress { action: input.action_id.0, progress })
        })
        .await
    }

    /// Has the coach told of what becomes of an action, or no longer: the coachee, of an action that they made. Off until
    /// they set it; in a series it counts for this action and for those to come.
    async fn set_action_monitoring(
        &self,
        ctx: &Context<'_>,
        input: SetActionMonitoringInput,
    ) -> Result<Option<ActionPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(plan::SetActionMonitoring { action: input.action_id.0, monitored: input.monitored })
        })
        .await
    }

    /// Deletes an action with its comments.
    async fn delete_action(&self, ctx: &Context<'_>, input: DeleteActionInput) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(plan::DeleteAction { action: input.action_id.0 })).await
    }
}
