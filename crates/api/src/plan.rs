//! The plan: goals and milestones, and the lists of both portals.
//!
//! [`action`] has the actions, [`comment`] what is said about them, [`series`] what makes them again and again.

use app::View;
use app::view::{Filter, Value};
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object};
use domain::id::{ActionId, CoacheeId, GoalId, MilestoneId, PracticeId};
use domain::plan;

use crate::page::{Asked, Cursor, List, is};
use crate::scalars::{Date, DateTime, Id, id};
use crate::words::{DeletedPayload, Result, delete, error, payload, run, shown, text, text_or};

pub(crate) mod action;
pub(crate) mod comment;
pub(crate) mod series;

pub use action::Action;
pub use comment::Comment;
pub use series::ActionSeries;

/// As what somebody made something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "plan::Maker")]
pub enum Maker {
    /// A coach or manager.
    Coach,
    /// The coachee whose plan it is.
    Coachee,
}

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
    /// The actions that serve it without belonging to a milestone, by day: those without one last.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn actions(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Action>> {
        let list = List::by("due").under("lone", self.row.id);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Action::new(&view, row)).await
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
        filter: Option<CoacheePlanFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Goal>> {
        let list = filter.unwrap_or_default().list(&self.view).await?.under("subject", self.coachee);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Goal::new(&view, row)).await
    }
    /// The actions, by day: those without one last.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn actions(
        &self,
        filter: Option<CoacheePlanFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Action>> {
        let list = filter.unwrap_or_default().list(&self.view).await?.under("subject", self.coachee);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Action::new(&view, row)).await
    }
    /// What makes actions again and again, those that were set first first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn action_series(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, ActionSeries>> {
        let list = List::by("created_at").under("subject", self.coachee);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| ActionSeries::new(&view, row))
            .await
    }
}

/// Which goals or actions of a coachee. All that is given holds.
#[derive(Default, InputObject)]
pub struct CoacheePlanFilter {
    /// Only complete ones, or only open ones.
    complete: Option<bool>,
    /// Due on this day or before.
    due_until: Option<Date>,
    /// Only those that are open after their day in the practice's time zone, or only the others.
    overdue: Option<bool>,
    /// Made by the coachee, or by a coach.
    created_by: Option<Maker>,
}

impl CoacheePlanFilter {
    async fn list(self, view: &View) -> Result<List> {
        let mut list = List::by("due");
        let day = |date: domain::value::Date| Value::Int(i64::from(date.0));
        let is_complete = |yes| Filter::Eq("complete".to_owned(), Value::Bool(yes));
        if let Some(complete) = self.complete {
            list = list.only(is_complete(complete));
        }
        if let Some(until) = self.due_until {
            list = list.only(Filter::Le("due".to_owned(), day(until.0)));
        }
        if let Some(overdue) = self.overdue {
            let today = view.now().date_in(&view.practice().await.map_err(error)?.zone);
            list = if overdue {
                list.only(is_complete(false)).only(Filter::Lt("due".to_owned(), day(today)))
            } else {
                list.only(Filter::Any(vec![is_complete(true), Filter::Ge("due".to_owned(), day(today))]))
            };
        }
        if let Some(maker) = self.created_by {
            let word = plan::Maker::from(maker).word().to_owned();
            list = list.only(Filter::Eq("maker".to_owned(), Value::Text(word)));
        }
        Ok(list)
    }
}

/// Which goals or actions. All that is given holds.
#[derive(Default, InputObject)]
pub struct PlanFilter {
    /// Of this coachee.
    coachee_id: Option<Id<CoacheeId>>,
    /// Only complete ones, or only open ones.
    complete: Option<bool>,
    /// Due on this day or before.
    due_until: Option<Date>,
    /// Only those that are open after their day in the practice's time zone, or only the others.
    overdue: Option<bool>,
    /// Made by the coachee, or by a coach.
    created_by: Option<Maker>,
}

impl PlanFilter {
    async fn list(self, view: &View) -> Result<List> {
        let Self { coachee_id, complete, due_until, overdue, created_by } = self;
        let list = CoacheePlanFilter { complete, due_until, overdue, created_by }.list(view).await?;
        Ok(match coachee_id {
            Some(coachee) => list.only(is("subject", coachee.0)),
            None => list,
        })
    }
}

/// A page of the actions that are open after their day: those that wait longest first. Who is deactivated is off the list,
/// and so is what they have not done.
pub(crate) async fn overdue(view: &View, asked: &Asked) -> Result<Connection<Cursor, Action>> {
    let list = CoacheePlanFilter { overdue: Some(true), ..CoacheePlanFilter::default() }.list(view).await?;
    let active = vec![Filter::Eq("deactivated".to_owned(), Value::Bool(false))];
    let list = list.only(view.about_coachees(active).map_err(error)?);
    let through = view.clone();
    list.connection(view, asked, move |row| Action::new(&through, row)).await
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
        let list = filter.unwrap_or_default().list(&self.0).await?;
        let view = self.0.clone();
        list.connection(&self.0, &Asked { after, before, first, last }, move |row| Goal::new(&view, row)).await
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
        let list = filter.unwrap_or_default().list(&self.0).await?;
        let view = self.0.clone();
        list.connection(&self.0, &Asked { after, before, first, last }, move |row| Action::new(&view, row)).await
    }
    /// One goal.
    async fn goal(&self, id: Id<GoalId>) -> Result<Option<Goal>> {
        let row = self.0.one(id.0).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        Ok(Some(Goal::new(&self.0, row)))
    }
    /// One action, with what was said about it.
    async fn action(&self, id: Id<ActionId>) -> Result<Option<Action>> {
        let row = self.0.one(id.0).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        Ok(Some(Action::new(&self.0, row)))
    }
}

payload! {
    GoalPayload { goal: Goal } of plan::Goal
    MilestonePayload { milestone: Milestone } of plan::Milestone
}

/// Sets a goal.
#[derive(InputObject)]
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
#[derive(InputObject)]
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
#[derive(InputObject)]
pub struct DeleteGoalInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    goal_id: Id<GoalId>,
}

/// Sets a milestone.
#[derive(InputObject)]
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
#[derive(InputObject)]
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
#[derive(InputObject)]
pub struct DeleteMilestoneInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    milestone_id: Id<MilestoneId>,
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

    /// Deletes a goal that has neither milestones nor actions.
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
}
