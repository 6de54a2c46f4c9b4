//! The plan: goals, milestones, actions.

use app::View;
use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object};
use domain::id::{ActionId, CoacheeId, GoalId, MilestoneId, PracticeId};
use domain::plan;
use domain::value::Percent;

use crate::page::{Asked, Cursor, List, is};
use crate::scalars::{Date, DateTime, Id, id};
use crate::words::{DeletedPayload, Result, UserError, delete, error, payload, run, shown, text, text_or};

/// A goal of a coachee. It is complete when all its milestones are; without one it never is by itself.
pub struct Goal {
    view: View,
    row: plan::Goal,
}

impl Goal {
    /// From its row.
    pub fn new(view: &View, row: plan::Goal) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Goal {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// Whose.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// What is aimed at.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// By when.
    async fn due_on(&self) -> Date {
        Date(self.row.due)
    }
    /// Whether all its milestones are complete, and it has one.
    async fn complete(&self) -> bool {
        self.row.complete
    }
    /// How many milestones it has.
    async fn milestone_count(&self) -> u32 {
        self.row.milestones.0
    }
    /// How many of them are complete.
    async fn completed_milestone_count(&self) -> u32 {
        self.row.milestones.less(self.row.open).0
    }
    /// When it was set.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }
    /// Its milestones, by day.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn milestones(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Milestone>> {
        let view = self.view.clone();
        let list = List::by("due").under("goal", self.row.id);
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Milestone::new(&view, row)).await
    }
}

/// A milestone of a goal. It is complete when all its actions are; without one it never is by itself.
pub struct Milestone {
    view: View,
    row: plan::Milestone,
}

impl Milestone {
    /// From its row.
    pub fn new(view: &View, row: plan::Milestone) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Milestone {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// Its goal.
    async fn goal_id(&self) -> ID {
        id(self.row.goal)
    }
    /// What is reached.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// By when.
    async fn due_on(&self) -> Date {
        Date(self.row.due)
    }
    /// Whether all its actions are complete, and it has one.
    async fn complete(&self) -> bool {
        self.row.complete
    }
    /// How many actions it has.
    async fn action_count(&self) -> u32 {
        self.row.actions.0
    }
    /// How many of them are complete.
    async fn completed_action_count(&self) -> u32 {
        self.row.actions.less(self.row.open).0
    }
    /// Its actions, by day.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn actions(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Action>> {
        let list = List::by("due").under("milestone", self.row.id);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Action::new(&view, row)).await
    }
}

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
    /// Who set it.
    async fn author_id(&self) -> Option<ID> {
        self.row.author.map(id)
    }
    /// When it was set.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }
}

/// A coachee's plan, for both sides.
pub struct CoacheePlan {
    /// Who looks.
    pub view: View,
    /// At whose plan.
    pub coachee: CoacheeId,
}

#[Object]
impl CoacheePlan {
    /// The goals, by day.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn goals(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Goal>> {
        let list = List::by("due").under("subject", self.coachee);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Goal::new(&view, row)).await
    }
    /// The actions, by day: those without one last.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn actions(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Action>> {
        let list = List::by("due").under("subject", self.coachee);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Action::new(&view, row)).await
    }
}

/// Which goals or actions.
#[derive(Debug, Default, InputObject)]
pub struct PlanFilter {
    /// Of this coachee.
    coachee_id: Option<Id<CoacheeId>>,
    /// Only complete ones, or only open ones.
    complete: Option<bool>,
    /// Due on this day or before.
    due_until: Option<Date>,
}

impl PlanFilter {
    fn list(self) -> List {
        let mut list = List::by("due");
        if let Some(coachee) = self.coachee_id {
            list = list.only(is("subject", coachee.0));
        }
        if let Some(complete) = self.complete {
            list = list.only(app::view::Filter::Eq("complete".to_owned(), app::view::Value::Bool(complete)));
        }
        if let Some(until) = self.due_until {
            list = list.only(app::view::Filter::Le("due".to_owned(), app::view::Value::Int(i64::from(until.0.0))));
        }
        list
    }
}

/// The coach portal's goals and actions, over all coachees that the viewer has access to.
pub struct CoachPlan(pub View);

#[Object]
impl CoachPlan {
    /// Goals, by day.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn goals(
        &self,
        filter: Option<PlanFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Goal>> {
        let view = self.0.clone();
        filter
            .unwrap_or_default()
            .list()
            .connection(&self.0, &Asked { after, before, first, last }, move |row| Goal::new(&view, row))
            .await
    }
    /// Actions, by day.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn actions(
        &self,
        filter: Option<PlanFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Action>> {
        let view = self.0.clone();
        filter
            .unwrap_or_default()
            .list()
            .connection(&self.0, &Asked { after, before, first, last }, move |row| Action::new(&view, row))
            .await
    }
    /// One goal.
    async fn goal(&self, id: Id<GoalId>) -> Result<Option<Goal>> {
        let row = self.0.one(id.0).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        Ok(Some(Goal::new(&self.0, row)))
    }
}

payload! {
    GoalPayload { goal: Goal } of plan::Goal
    MilestonePayload { milestone: Milestone } of plan::Milestone
    ActionPayload { action: Action } of plan::Action
}

/// Sets a goal.
#[derive(Debug, InputObject)]
pub struct AddGoalInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whose.
    coachee_id: Id<CoacheeId>,
    /// What is aimed at.
    title: String,
    /// By when.
    due_on: Date,
}

/// Changes a goal; what is left out stays.
#[derive(Debug, InputObject)]
pub struct UpdateGoalInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    goal_id: Id<GoalId>,
    /// Another title.
    title: Option<String>,
    /// Another day.
    due_on: Option<Date>,
}

/// Names a goal.
#[derive(Debug, InputObject)]
pub struct DeleteGoalInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    goal_id: Id<GoalId>,
}

/// Sets a milestone.
#[derive(Debug, InputObject)]
pub struct AddMilestoneInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Its goal.
    goal_id: Id<GoalId>,
    /// What is reached.
    title: String,
    /// By when.
    due_on: Date,
}

/// Changes a milestone; what is left out stays.
#[derive(Debug, InputObject)]
pub struct UpdateMilestoneInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    milestone_id: Id<MilestoneId>,
    /// Another title.
    title: Option<String>,
    /// Another day.
    due_on: Option<Date>,
}

/// Names a milestone.
#[derive(Debug, InputObject)]
pub struct DeleteMilestoneInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    milestone_id: Id<MilestoneId>,
}

/// Sets an action.
#[derive(Debug, InputObject)]
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
    /// By when.
    due_on: Option<Date>,
}

/// Changes an action; what is left out stays.
#[derive(Debug, InputObject)]
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
#[derive(Debug, InputObject)]
pub struct SetActionProgressInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    action_id: Id<ActionId>,
    /// A whole number, 0 to 100.
    progress: i32,
}

/// Names an action.
#[derive(Debug, InputObject)]
pub struct DeleteActionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    action_id: Id<ActionId>,
}

/// The plan, for both sides.
#[derive(Default)]
pub struct PlanMutation;

#[Object]
impl PlanMutation {
    /// Sets a goal.
    async fn add_goal(&self, ctx: &Context<'_>, input: AddGoalInput) -> Result<Option<GoalPayload>> {
        run(ctx, input.practice_id.0, |new| {
            Ok(plan::AddGoal {
                goal: new.id(),
                coachee: input.coachee_id.0,
                title: text("title", &input.title)?,
                due: input.due_on.0,
            })
        })
        .await
    }

    /// Changes a goal.
    async fn update_goal(&self, ctx: &Context<'_>, input: UpdateGoalInput) -> Result<Option<GoalPayload>> {
        run(ctx, input.practice_id.0, |_| {
            let title = text_or("title", input.title.as_ref())?;
            Ok(plan::UpdateGoal { goal: input.goal_id.0, title, due: input.due_on.map(|due| due.0) })
        })
        .await
    }

    /// Deletes a goal that has no milestones.
    async fn delete_goal(&self, ctx: &Context<'_>, input: DeleteGoalInput) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(plan::DeleteGoal { goal: input.goal_id.0 })).await
    }

    /// Sets a milestone of a goal, which then is open.
    async fn add_milestone(&self, ctx: &Context<'_>, input: AddMilestoneInput) -> Result<Option<MilestonePayload>> {
        run(ctx, input.practice_id.0, |new| {
            let title = text("title", &input.title)?;
            Ok(plan::AddMilestone { milestone: new.id(), goal: input.goal_id.0, title, due: input.due_on.0 })
        })
        .await
    }

    /// Changes a milestone.
    async fn update_milestone(
        &self,
        ctx: &Context<'_>,
        input: UpdateMilestoneInput,
    ) -> Result<Option<MilestonePayload>> {
        run(ctx, input.practice_id.0, |_| {
            let title = text_or("title", input.title.as_ref())?;
            Ok(plan::UpdateMilestone { milestone: input.milestone_id.0, title, due: input.due_on.map(|due| due.0) })
        })
        .await
    }

    /// Deletes a milestone that has no actions.
    async fn delete_milestone(&self, ctx: &Context<'_>, input: DeleteMilestoneInput) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(plan::DeleteMilestone { milestone: input.milestone_id.0 })).await
    }

    /// Sets an action, alone, for a goal, or under a milestone, which then is open.
    async fn add_action(&self, ctx: &Context<'_>, input: AddActionInput) -> Result<Option<ActionPayload>> {
        run(ctx, input.practice_id.0, |new| {
            Ok(plan::AddAction {
                action: new.id(),
                coachee: input.coachee_id.0,
                goal: input.goal_id.map(|goal| goal.0),
                milestone: input.milestone_id.map(|milestone| milestone.0),
                title: text("title", &input.title)?,
                description: text_or("description", input.description.as_ref())?,
                due: input.due_on.map(|due| due.0),
            })
        })
        .await
    }

    /// Changes an action's words or day.
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

    /// Deletes an action.
    async fn delete_action(&self, ctx: &Context<'_>, input: DeleteActionInput) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(plan::DeleteAction { action: input.action_id.0 })).await
    }
}
