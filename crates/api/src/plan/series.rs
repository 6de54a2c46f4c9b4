//! Series: what makes an action again and again (S2.19, S3.12).

use app::View;
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object};
use domain::id::{PracticeId, SeriesId};
use domain::plan;
use domain::plan::Duration;

use super::{Action, Maker};
use crate::page::{Asked, Cursor, List};
use crate::scalars::{Date, DateTime, Id, id};
use crate::words::{Result, UserError, error, payload, run, shown, text_or};

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "plan::Frequency")]
pub enum Frequency {
    /// Every day.
    Daily,
    /// Every seven days.
    Weekly,
    /// On the same day of every month; on its last one where it has no such day.
    Monthly,
}

/// What makes an action again and again. It begins with its first action; each of the others appears when the day of the
/// one before is over in the practice's time zone, and is an action like any other.
pub struct ActionSeries {
    view: View,
    row: plan::ActionSeries,
}

impl ActionSeries {
    /// From its row.
    pub fn new(view: &View, row: plan::ActionSeries) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl ActionSeries {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// Whose.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// The goal that its actions serve, if any, and as long as there is one.
    async fn goal_id(&self) -> Result<Option<ID>> {
        let Some(goal) = self.row.goal else { return Ok(None) };
        let goal = self.view.one::<plan::Goal>(goal).await.map_err(error)?;
        Ok(goal.map(|goal| id(goal.id)))
    }
    /// What is to be done, in the words of the actions to come.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// The same at length.
    #[graphql(complexity = "crate::page::LONG")]
    async fn description(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, self.row.description.as_ref()).await
    }
    /// How often.
    async fn frequency(&self) -> Frequency {
        self.row.recurrence.frequency.into()
    }
    /// The first day.
    async fn first_on(&self) -> Date {
        Date(self.row.first)
    }
    /// The day after which nothing comes, where its duration is one.
    async fn until(&self) -> Option<Date> {
        match self.row.recurrence.duration {
            Duration::Until(last) => Some(Date(last)),
            Duration::Times(_) => None,
        }
    }
    /// How many actions it makes, where its duration is that.
    async fn times(&self) -> Option<u32> {
        match self.row.recurrence.duration {
            Duration::Until(_) => None,
            Duration::Times(times) => Some(times),
        }
    }
    /// How many actions it has made.
    async fn action_count(&self) -> u32 {
        self.row.made.0
    }
    /// By when the next one is to be done; nothing where none is to come.
    async fn next_due_on(&self) -> Option<Date> {
        self.row.next.map(|next| Date(next.due))
    }
    /// When the next one appears.
    async fn next_appears_at(&self) -> Option<DateTime> {
        self.row.next.map(|next| DateTime(next.appears))
    }
    /// Whether the coachee, who made it, has the actions to come monitored.
    async fn monitored(&self) -> bool {
        self.row.monitored
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
    /// When somebody ended it, if somebody did.
    async fn ended_at(&self) -> Option<DateTime> {
        self.row.ended_at.map(DateTime)
    }
    /// What it has made, by day.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn actions(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Action>> {
        let list = List::by("due").under("series", self.row.id);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Action::new(&view, row)).await
    }
}

payload! {
    ActionSeriesPayload { series: ActionSeries } of plan::ActionSeries
}

/// How often, and for how long: `until` or `times`.
#[derive(InputObject)]
pub struct RecurrenceInput {
    /// How often.
    frequency: Frequency,
    /// Nothing comes after this day.
    until: Option<Date>,
    /// So many actions, the first one included; at most 1 000.
    times: Option<i32>,
}

impl RecurrenceInput {
    pub(super) fn series(&self, id: SeriesId) -> std::result::Result<plan::NewSeries, UserError> {
        let duration = duration(self.until.as_ref().map(|until| until.0), self.times)?;
        Ok(plan::NewSeries { id, frequency: self.frequency.into(), duration })
    }
}

fn duration(until: Option<domain::value::Date>, times: Option<i32>) -> std::result::Result<Duration, UserError> {
    // Less than none is none: what is over before it begins is refused.
    let times = times.map(|times| u32::try_from(times).unwrap_or_default());
    Ok(Duration::parse(until, times).map_err(domain::Refusal::from)?)
}

/// Changes a series; what is left out stays.
#[derive(InputObject)]
pub struct UpdateActionSeriesInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    series_id: Id<SeriesId>,
    /// Another title for the actions to come.
    title: Option<String>,
    /// Another description for them; an empty one clears it.
    description: Option<String>,
    /// Another last day.
    until: Option<Date>,
    /// Or another number of actions.
    times: Option<i32>,
}

/// Names a series.
#[derive(InputObject)]
pub struct EndActionSeriesInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    series_id: Id<SeriesId>,
}

/// Series, for both sides.
#[derive(Default)]
pub struct SeriesMutation;

#[Object]
impl SeriesMutation {
    /// Changes the words of the actions to come, or for how long they come. Those that are there stay.
    async fn update_action_series(
        &self,
        ctx: &Context<'_>,
        input: UpdateActionSeriesInput,
    ) -> Result<Option<ActionSeriesPayload>> {
        run(ctx, input.practice_id.0, |_| {
            let duration = match (input.until.map(|until| until.0), input.times) {
                (None, None) => None,
                (until, times) => Some(duration(until, times)?),
            };
            Ok(plan::UpdateActionSeries {
                series: input.series_id.0,
                title: text_or("title", input.title.as_ref())?,
                description: text_or("description", input.description.as_ref())?,
                duration,
            })
        })
        .await
    }

    /// Ends a series: nothing comes after the actions that are there.
    async fn end_action_series(
        &self,
        ctx: &Context<'_>,
        input: EndActionSeriesInput,
    ) -> Result<Option<ActionSeriesPayload>> {
        run(ctx, input.practice_id.0, |_| Ok(plan::EndActionSeries { series: input.series_id.0 })).await
    }
}
