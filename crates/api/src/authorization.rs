//! Authorizations: an employee assistance program approved so many sessions at a rate (S1.63–S1.67).
//!
//! For coaches only: no coachee's type leads here, and their sight has no authorizations, so that no rate can reach
//! them. What is "active", "expiring soon" or "running low" is judged by the practice's day and settings; lists ask the
//! database the same questions that `domain::authorization` answers of one row.

use std::sync::Arc;

use app::View;
use app::view::{Direction, Filter, Value};
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use domain::authorization::{self, State, UsedBy};
use domain::id::{AuthorizationId, CoacheeId, PracticeId};
use domain::session::Status;
use domain::text::Text as _;
use domain::value::{self, Count};
use tokio::sync::OnceCell;

use crate::page::{Asked, Cursor, List};
use crate::scalars::{CurrencyCode, Date, DateTime, Decimal, Id, id};
use crate::session::SessionStatus;
use crate::words::{Result, UserError, error, payload, run, text, text_or};

/// Whether a session of today can be linked to an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "State")]
pub(crate) enum AuthorizationState {
    /// It can.
    Active,
    /// Its first day is still to come.
    NotStarted,
    /// Its last day is over.
    Ended,
    /// Every session is used or held.
    UsedUp,
    /// Somebody closed it.
    Closed,
}

/// An amount of money.
#[derive(SimpleObject)]
pub(crate) struct Money {
    /// How much: exact, with at least two places.
    amount: Decimal,
    /// Of which currency.
    currency: CurrencyCode,
}

impl From<value::Money> for Money {
    fn from(money: value::Money) -> Self {
        Self { amount: Decimal(money.amount()), currency: CurrencyCode(money.currency()) }
    }
}

/// An amount of money.
#[derive(InputObject)]
pub(crate) struct MoneyInput {
    /// How much: not negative, at most four places.
    amount: Decimal,
    /// Of which currency.
    currency: CurrencyCode,
}

impl MoneyInput {
    fn parse(&self, field: &str) -> std::result::Result<value::Money, UserError> {
        value::Money::parse(&self.amount.0, &self.currency.0).map_err(|refusal| UserError::at(field, refusal))
    }
}

/// What authorizations are judged by: the practice's day, and its settings (S1.67).
#[derive(Debug, Clone, Copy)]
struct Today {
    date: value::Date,
    expiring_days: u32,
    low_sessions: u32,
}

impl Today {
    async fn of(view: &View) -> Result<Self> {
        let practice = view.practice().await.map_err(error)?;
        let date = view.now().date_in(&practice.zone);
        Ok(Self { date, expiring_days: practice.expiring_days, low_sessions: practice.low_sessions })
    }

    fn day(self) -> Value {
        Value::Int(i64::from(self.date.0))
    }

    /// As [`authorization::Authorization::expiring`], or its contrary.
    fn expiring(self, yes: bool) -> Vec<Filter> {
        let until = self.date.plus_days(i32::try_from(self.expiring_days).unwrap_or(i32::MAX));
        let until = Value::Int(i64::from(until.0));
        if yes {
            return vec![
                closed(false),
                Filter::Ge("ends".to_owned(), self.day()),
                Filter::Le("ends".to_owned(), until),
            ];
        }
        let ended = Filter::Lt("ends".to_owned(), self.day());
        vec![Filter::Any(vec![closed(true), ended, Filter::Gt("ends".to_owned(), until)])]
    }

    /// As [`authorization::Authorization::low`], or its contrary.
    fn low(self, yes: bool) -> Vec<Filter> {
        let low = Value::Int(i64::from(self.low_sessions));
        if yes {
            return vec![
                closed(false),
                Filter::Ge("ends".to_owned(), self.day()),
                Filter::Le("remaining".to_owned(), low),
            ];
        }
        let ended = Filter::Lt("ends".to_owned(), self.day());
        vec![Filter::Any(vec![closed(true), ended, Filter::Gt("remaining".to_owned(), low)])]
    }
}

fn closed(yes: bool) -> Filter {
    Filter::Eq("closed".to_owned(), Value::Bool(yes))
}

/// An approval of so many sessions at a rate.
pub(crate) struct Authorization {
    view: View,
    row: authorization::Authorization,
    today: Arc<OnceCell<Today>>,
}

impl Authorization {
    /// From its row.
    pub(crate) fn new(view: &View, row: authorization::Authorization) -> Self {
        Self { view: view.clone(), row, today: Arc::default() }
    }

    async fn today(&self) -> Result<Today> {
        self.today.get_or_try_init(|| Today::of(&self.view)).await.copied()
    }
}

#[Object]
impl Authorization {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// Whose sessions are approved.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// Its number, as the source gave it.
    async fn number(&self) -> &str {
        self.row.number.as_str()
    }
    /// Who approved: an employee assistance program.
    async fn source(&self) -> &str {
        self.row.source.as_str()
    }
    /// How many sessions are approved.
    async fn total_sessions(&self) -> u32 {
        self.row.total.0
    }
    /// How many were used by sessions that ended.
    async fn used(&self) -> u32 {
        self.row.used.0
    }
    /// How many are held by sessions that go on.
    async fn held(&self) -> u32 {
        self.row.held.0
    }
    /// How many can still be linked: the total less used and held.
    async fn remaining(&self) -> u32 {
        self.row.remaining().0
    }
    /// The rate for an hour.
    async fn rate_per_hour(&self) -> Money {
        self.row.rate.into()
    }
    /// The first day.
    async fn starts_on(&self) -> Date {
        Date(self.row.starts)
    }
    /// The last day, itself included.
    async fn ends_on(&self) -> Date {
        Date(self.row.ends)
    }
    /// Whether a session of today, in the practice's time zone, can be linked.
    async fn state(&self) -> Result<AuthorizationState> {
        Ok(self.row.state_on(self.today().await?.date).into())
    }
    /// Whether it is open and ends within the days that the practice's settings say.
    async fn expiring_soon(&self) -> Result<bool> {
        let today = self.today().await?;
        Ok(self.row.expiring(today.date, today.expiring_days))
    }
    /// Whether it is open and has no more sessions left than the practice's settings say.
    async fn running_low(&self) -> Result<bool> {
        let today = self.today().await?;
        Ok(self.row.low(today.date, today.low_sessions))
    }
    /// With which statuses a session uses one of it.
    async fn used_by(&self) -> Vec<SessionStatus> {
        self.row.used_by.statuses().iter().copied().map(SessionStatus::from).collect()
    }
    /// When it was added.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }
    /// When it was closed.
    async fn closed_at(&self) -> Option<DateTime> {
        self.row.closed_at.map(DateTime)
    }
}

/// Which authorizations.
#[derive(Default, InputObject)]
pub(crate) struct AuthorizationFilter {
    /// Of this coachee.
    coachee_id: Option<Id<CoacheeId>>,
    /// Only those that are expiring soon, or only the others.
    expiring_soon: Option<bool>,
    /// Only those that are running low, or only the others.
    running_low: Option<bool>,
    /// In this state today.
    state: Option<AuthorizationState>,
}

impl AuthorizationFilter {
    fn filters(&self, today: Today) -> Vec<Filter> {
        let mut filters = Vec::new();
        filters.extend(self.expiring_soon.into_iter().flat_map(|yes| today.expiring(yes)));
        filters.extend(self.running_low.into_iter().flat_map(|yes| today.low(yes)));
        filters.extend(self.state.into_iter().flat_map(|state| in_state(state, today)));
        filters
    }
}

/// As [`authorization::Authorization::state_on`].
fn in_state(state: AuthorizationState, today: Today) -> Vec<Filter> {
    let begun = Filter::Le("starts".to_owned(), today.day());
    let goes_on = Filter::Ge("ends".to_owned(), today.day());
    let nothing = Value::Int(0);
    match state {
        AuthorizationState::Closed => vec![closed(true)],
        AuthorizationState::NotStarted => vec![closed(false), Filter::Gt("starts".to_owned(), today.day())],
        AuthorizationState::Ended => vec![closed(false), begun, Filter::Lt("ends".to_owned(), today.day())],
        AuthorizationState::UsedUp => vec![closed(false), begun, goes_on, Filter::Eq("remaining".to_owned(), nothing)],
        AuthorizationState::Active => vec![closed(false), begun, goes_on, Filter::Gt("remaining".to_owned(), nothing)],
    }
}

/// A page of authorizations.
async fn page(view: &View, list: List, today: Today, asked: &Asked) -> Result<Connection<Cursor, Authorization>> {
    let (seen, today) = (view.clone(), Arc::new(OnceCell::new_with(Some(today))));
    list.connection(view, asked, move |row| Authorization { view: seen.clone(), row, today: today.clone() }).await
}

/// A page of authorizations, those that end last first.
async fn filtered(
    view: &View,
    filter: &AuthorizationFilter,
    asked: &Asked,
) -> Result<Connection<Cursor, Authorization>> {
    let today = Today::of(view).await?;
    let order = vec![("ends", Direction::Descending)];
    let list = List { filters: filter.filters(today), order, ..List::default() };
    let list = if let Some(coachee) = &filter.coachee_id { list.under("subject", coachee.0) } else { list };
    page(view, list, today, asked).await
}

/// A page of those that are expiring soon: those that end first come first (S1.67).
pub(crate) async fn expiring(view: &View, asked: &Asked) -> Result<Connection<Cursor, Authorization>> {
    let today = Today::of(view).await?;
    page(view, List { filters: today.expiring(true), ..List::by("ends") }, today, asked).await
}

/// A page of those that are running low: those that end first come first (S1.67).
pub(crate) async fn low(view: &View, asked: &Asked) -> Result<Connection<Cursor, Authorization>> {
    let today = Today::of(view).await?;
    page(view, List { filters: today.low(true), ..List::by("ends") }, today, asked).await
}

/// The coach portal's authorizations, over all coachees that the viewer has access to.
pub(crate) struct CoachAuthorizations(pub(crate) View);

#[Object]
impl CoachAuthorizations {
    /// Authorizations, those that end last first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn authorizations(
        &self,
        filter: Option<AuthorizationFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Authorization>> {
        filtered(&self.0, &filter.unwrap_or_default(), &Asked { after, before, first, last }).await
    }
}

/// The authorizations in a coachee's file.
pub(crate) struct FileAuthorizations {
    /// Who looks.
    pub(crate) view: View,
    /// At whose file.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl FileAuthorizations {
    /// The coachee's authorizations, those that end last first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn authorizations(
        &self,
        #[graphql(desc = "In this state today.")] state: Option<AuthorizationState>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Authorization>> {
        let filter =
            AuthorizationFilter { coachee_id: Some(Id(self.coachee)), state, ..AuthorizationFilter::default() };
        filtered(&self.view, &filter, &Asked { after, before, first, last }).await
    }
}

payload! {
    AuthorizationPayload { authorization: Authorization } of authorization::Authorization
}

/// Records an approval.
#[derive(InputObject)]
pub(crate) struct AddAuthorizationInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whose sessions are approved.
    coachee_id: Id<CoacheeId>,
    /// Its number, as the source gave it.
    number: String,
    /// Who approved: an employee assistance program.
    source: String,
    /// How many sessions: at least one.
    total_sessions: u32,
    /// The rate for an hour.
    rate_per_hour: MoneyInput,
    /// The first day.
    starts_on: Date,
    /// The last day, itself included.
    ends_on: Date,
    /// With which statuses a session uses one of it; attended and late where it is left out.
    used_by: Option<Vec<SessionStatus>>,
}

/// Corrects an authorization; what is left out stays.
#[derive(InputObject)]
pub(crate) struct UpdateAuthorizationInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    authorization_id: Id<AuthorizationId>,
    /// Another number.
    number: Option<String>,
    /// Another source.
    source: Option<String>,
    /// Another number of sessions: not less than used and held.
    total_sessions: Option<u32>,
    /// Another rate.
    rate_per_hour: Option<MoneyInput>,
    /// Another first day.
    starts_on: Option<Date>,
    /// Another last day.
    ends_on: Option<Date>,
    /// Other statuses with which a session uses one of it.
    used_by: Option<Vec<SessionStatus>>,
}

/// Names an authorization.
#[derive(InputObject)]
pub(crate) struct CloseAuthorizationInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    authorization_id: Id<AuthorizationId>,
}

fn used_by(statuses: &[SessionStatus]) -> UsedBy {
    UsedBy::new(statuses.iter().copied().map(Status::from))
}

/// Adding, correcting and closing authorizations.
#[derive(Default)]
pub(crate) struct AuthorizationMutation;

#[Object]
impl AuthorizationMutation {
    /// Records an approval.
    async fn add_authorization(
        &self,
        ctx: &Context<'_>,
        input: AddAuthorizationInput,
    ) -> Result<Option<AuthorizationPayload>> {
        run(ctx, input.practice_id.0, |new| {
            Ok(authorization::AddAuthorization {
                authorization: new.id(),
                coachee: input.coachee_id.0,
                number: text("number", &input.number)?,
                source: text("source", &input.source)?,
                total: Count(input.total_sessions),
                rate: input.rate_per_hour.parse("ratePerHour")?,
                starts: input.starts_on.0,
                ends: input.ends_on.0,
                used_by: input.used_by.as_deref().map_or_else(UsedBy::default, used_by),
            })
        })
        .await
    }

    /// Corrects what an authorization says. Sessions that count on it keep what they have.
    async fn update_authorization(
        &self,
        ctx: &Context<'_>,
        input: UpdateAuthorizationInput,
    ) -> Result<Option<AuthorizationPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(authorization::UpdateAuthorization {
                authorization: input.authorization_id.0,
                number: text_or("number", input.number.as_ref())?,
                source: text_or("source", input.source.as_ref())?,
                total: input.total_sessions.map(Count),
                rate: input.rate_per_hour.as_ref().map(|rate| rate.parse("ratePerHour")).transpose()?,
                starts: input.starts_on.map(|starts| starts.0),
                ends: input.ends_on.map(|ends| ends.0),
                used_by: input.used_by.as_deref().map(used_by),
            })
        })
        .await
    }

    /// Closes an authorization: nothing is linked to it any more. What is held can still be used.
    async fn close_authorization(
        &self,
        ctx: &Context<'_>,
        input: CloseAuthorizationInput,
    ) -> Result<Option<AuthorizationPayload>> {
        let authorization = input.authorization_id.0;
        run(ctx, input.practice_id.0, |_| Ok(authorization::CloseAuthorization { authorization })).await
    }
}
