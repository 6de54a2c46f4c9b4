//! The roster: the coachees of the coach portal, filtered and in an order (S2.1).
//!
//! What a filter asks of other rows (words, a group, actions, access) is a part of the list's own statement, answered by
//! an index of those rows: so the number of statements stays the same, and no filter reads every text of the practice.

use app::View;
use app::view::{Direction, Filter, Value};
use async_graphql::connection::Connection;
use async_graphql::{Enum, InputObject, MaybeUndefined, Object};
use domain::coachee::{self, SearchWord, Status};
use domain::group::Membership;
use domain::id::{CoacheeId, GroupId, PersonId};
use domain::plan::Action;
use domain::practice::{Access, Member, Role};

use super::{BillingModel, Coachee, CoacheeStatus};
use crate::page::{Asked, Cursor, List, Total, is};
use crate::scalars::{DateTime, Id};
use crate::words::{Result, bad, error};

/// How many days back a list looks at most.
const DAYS_MAX: u32 = 36_500;

/// Which coachees. All that is said must hold.
#[derive(Default, InputObject)]
pub struct CoacheeFilter {
    /// Of one of these statuses.
    status: Option<Vec<CoacheeStatus>>,
    /// In whose name or email address each of these words begins a word, whatever its case: `reed`, `robin re`, `adl`,
    /// `robin@`, `company.ex`. Letters in the midst of a word are not looked for.
    search: Option<String>,
    /// Who belong to this group of the viewer's.
    group_id: Option<Id<GroupId>>,
    /// To whom this coach has access, as far as the viewer sees it; owner and managers have it to everybody.
    coach_id: Option<Id<PersonId>>,
    /// Whom this coach leads.
    lead_coach_id: Option<Id<PersonId>>,
    /// Whose work is paid in one of these ways.
    billing_model: Option<Vec<BillingModel>>,
    /// Only those who have an action that is not complete and was due before today, in the practice's time zone.
    #[graphql(default)]
    has_overdue_actions: bool,
    /// Whose newest session began before this, or who had none.
    no_session_since: Option<DateTime>,
    /// Whose newest session began more than so many days ago, or who had none.
    no_session_for_days: Option<u32>,
    /// Only deactivated ones, or only others: these where it is left out. With `null` both.
    deactivated: MaybeUndefined<bool>,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum CoacheeOrder {
    /// By first name.
    FirstName,
    /// By last name.
    LastName,
    /// Those added last first.
    NewestFirst,
    /// Those whose newest session is most recent first.
    LastSessionFirst,
    /// Active, invited, not invited; in each by first name.
    Status,
}

fn text(word: &str) -> Value {
    Value::Text(word.to_owned())
}

fn id<I: domain::id::Id>(id: I) -> Value {
    Value::Bytes(id.uuid().as_bytes().to_vec())
}

impl CoacheeFilter {
    async fn filters(self, view: &View) -> Result<Vec<Filter>> {
        let mut filters = Vec::new();
        if let Some(statuses) = self.status {
            let words = statuses.into_iter().map(|status| text(Status::from(status).word()));
            filters.push(Filter::In("status".to_owned(), words.collect()));
        }
        for word in coachee::words_asked(self.search.as_deref().unwrap_or_default()) {
            let begins = vec![Filter::Prefix("word".to_owned(), word)];
            filters.push(view.coachees_with::<SearchWord>(begins).map_err(error)?);
        }
        if let Some(group) = self.group_id {
            filters.push(view.coachees_with::<Membership>(vec![is("group_id", group.0)]).map_err(error)?);
        }
        if let Some(coach) = self.coach_id {
            filters.extend(seen_by(view, coach.0).await?);
        }
        if let Some(coach) = self.lead_coach_id {
            filters.push(is("lead", coach.0));
        }
        if let Some(models) = self.billing_model {
            let words = models.into_iter().map(|model| text(coachee::BillingModel::from(model).word()));
            filters.push(Filter::In("billing_model".to_owned(), words.collect()));
        }
        if self.has_overdue_actions {
            let today = view.now().date_in(&view.practice().await.map_err(error)?.zone);
            let open = Filter::Eq("complete".to_owned(), Value::Bool(false));
            let overdue = Filter::Lt("due".to_owned(), Value::Int(i64::from(today.0)));
            filters.push(view.coachees_with::<Action>(vec![open, overdue]).map_err(error)?);
        }
        if let Some(days) = self.no_session_for_days {
            filters.push(Filter::Lt("last_session_at".to_owned(), Value::Int(before_now(view, days)?)));
        }
        if let Some(since) = self.no_session_since {
            filters.push(Filter::Lt("last_session_at".to_owned(), Value::Int(since.0.0)));
        }
        match self.deactivated {
            MaybeUndefined::Undefined => filters.push(deactivated(false)),
            MaybeUndefined::Value(is) => filters.push(deactivated(is)),
            MaybeUndefined::Null => {}
        }
        Ok(filters)
    }
}

/// Active coachees whose newest session began more than so many days ago, or who had none in so many days since they were
/// added: those who wait longest first.
pub(crate) async fn stalled(view: &View, days: u32, asked: &Asked) -> Result<Connection<Cursor, Coachee, Total>> {
    let since = Value::Int(before_now(view, days)?);
    let filters = vec![
        deactivated(false),
        Filter::Eq("status".to_owned(), text(Status::Active.word())),
        Filter::Lt("last_session_at".to_owned(), since.clone()),
        Filter::Lt("added_at".to_owned(), since),
    ];
    let list = List { filters, order: vec![("last_session_at", Direction::Ascending)], ..List::default() };
    let owned = view.clone();
    list.counted(view, asked, move |row| Coachee::new(&owned, row)).await
}

/// The time so many days ago.
fn before_now(view: &View, days: u32) -> Result<i64> {
    if days > DAYS_MAX {
        return Err(bad(format!("At most {DAYS_MAX} days; {days} were asked for.")));
    }
    Ok(view.now().plus_days(-i64::from(days)).0)
}

fn deactivated(is: bool) -> Filter {
    Filter::Eq("deactivated".to_owned(), Value::Bool(is))
}

/// A coach has access to whom it was granted since they joined; owner and managers have it to everybody.
async fn seen_by(view: &View, coach: PersonId) -> Result<Option<Filter>> {
    let Some(member) = view.one::<Member>(coach).await.map_err(error)? else {
        return Ok(Some(Filter::In("id".to_owned(), Vec::new())));
    };
    if member.role != Role::Coach {
        return Ok(None);
    }
    let joined = i64::try_from(member.joined).unwrap_or(i64::MAX);
    let held = vec![Filter::Eq("coach".to_owned(), id(coach)), Filter::Gt("granted".to_owned(), Value::Int(joined))];
    view.coachees_with::<Access>(held).map(Some).map_err(error)
}

/// The coach portal's coachees.
pub struct CoachCoachees(pub View);

#[Object]
impl CoachCoachees {
    /// The coachees that the viewer has access to; those who are deactivated only where the filter asks for them.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn coachees(
        &self,
        filter: Option<CoacheeFilter>,
        #[graphql(default_with = "CoacheeOrder::FirstName")] order_by: CoacheeOrder,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Coachee, Total>> {
        let order = match order_by {
            CoacheeOrder::FirstName => vec![("name_key", Direction::Ascending)],
            CoacheeOrder::LastName => vec![("last_name_key", Direction::Ascending)],
            CoacheeOrder::NewestFirst => vec![("added_at", Direction::Descending)],
            CoacheeOrder::LastSessionFirst => vec![("last_session_at", Direction::Descending)],
            CoacheeOrder::Status => vec![("status", Direction::Ascending), ("name_key", Direction::Ascending)],
        };
        let filters = filter.unwrap_or_default().filters(&self.0).await?;
        let list = List { filters, order, ..List::default() };
        let view = self.0.clone();
        list.counted(&self.0, &Asked { after, before, first, last }, move |row| Coachee::new(&view, row)).await
    }
    /// One coachee, also one who is deactivated.
    async fn coachee(&self, id: Id<CoacheeId>) -> Result<Option<Coachee>> {
        let row = self.0.one(id.0).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        Ok(Some(Coachee::new(&self.0, row)))
    }
}
