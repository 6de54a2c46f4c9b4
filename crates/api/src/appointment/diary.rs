//! When appointments take place: the occurrences of a span of time, in order.
//!
//! A range of time finds the appointments that go into it by an index over when they end (one statement), and what their
//! rules have in it is computed. A range is at most [`RANGE_DAYS_MAX`] days and holds at most [`ROWS_MAX`] appointments and
//! [`OCCURRENCES_MAX`] occurrences, so that neither reading nor computing can grow without bound. Of what else there is at
//! the time of an occurrence only that of its coach and its coachee is read, and no more than that; what is beyond is no
//! error, since it is a warning only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use app::View;
use app::view::{Direction, Filter, Parent, Under, Value, Wanted};
use async_graphql::InputObject;
use async_graphql::connection::{Connection, Edge};
use domain::appointment::{Appointment, Occurrence, State};
use domain::id::{AppointmentId, CoacheeId, Id, PersonId};
use domain::row::Type;
use domain::value::Time;
use tokio::sync::OnceCell;

use super::AppointmentOccurrence;
use crate::page::{Asked, Cursor, NOT_A_CURSOR, Order};
use crate::scalars::DateTime;
use crate::words::{Result, bad, error};

/// How many days a range has at most.
const RANGE_DAYS_MAX: i64 = 400;
/// How many appointments are looked through for a range.
const ROWS_MAX: u32 = 5_000;
/// How many occurrences a range has at most.
const OCCURRENCES_MAX: usize = 20_000;
/// After how many appointments computing lets others have their turn.
const ROWS_AT_ONCE: usize = 100;
/// How far ahead what is upcoming is, where nobody says: of all coachees together. Of one it is as far as a range goes, for
/// some meet once a month.
const UPCOMING_DAYS: i64 = 14;
/// How many conflicts are told.
const CONFLICTS_MAX: usize = 20;

/// A span of time.
#[derive(Clone, InputObject)]
#[graphql(name = "AppointmentRange")]
pub(crate) struct Range {
    /// What ends after this moment.
    from: DateTime,
    /// And begins before this one: at most 400 days later.
    to: DateTime,
}

impl Range {
    /// From when to when.
    pub(crate) fn span(&self) -> Result<(Time, Time)> {
        let (from, to) = (self.from.0, self.to.0);
        if from > to || to > from.plus_days(RANGE_DAYS_MAX) {
            return Err(bad(format!("A range ends after it begins, and has at most {RANGE_DAYS_MAX} days.")));
        }
        Ok((from, to))
    }
}

/// An occurrence and the appointment that it is of.
type Found = (Arc<Appointment>, Occurrence);

/// What is looked through.
pub(crate) struct Diary<'a> {
    /// By whom.
    pub(crate) view: &'a View,
    /// Only of this coachee.
    pub(crate) coachee: Option<CoacheeId>,
    /// Also what was cancelled.
    pub(crate) cancelled: bool,
}

impl Diary<'_> {
    /// A page of what a span has.
    pub(crate) async fn page(
        &self,
        span: (Time, Time),
        asked: &Asked,
    ) -> Result<Connection<Cursor, AppointmentOccurrence>> {
        page(self.view, self.occurrences(span).await?, asked)
    }

    /// A page of what has not ended.
    pub(crate) async fn upcoming(
        &self,
        range: Option<Range>,
        asked: &Asked,
    ) -> Result<Connection<Cursor, AppointmentOccurrence>> {
        // To the minute, as appointments end: the lists of all coachees of an answer are then the same question, and are
        // read together.
        let now = self.view.now().0;
        let now = Time(now.saturating_sub(now.rem_euclid(60_000_000)));
        let days = if self.coachee.is_some() { RANGE_DAYS_MAX } else { UPCOMING_DAYS };
        let (from, to) = range.map_or_else(|| Ok((now, now.plus_days(days))), |range| range.span())?;
        self.page((from.max(now), to.max(now)), asked).await
    }

    async fn occurrences(&self, span: (Time, Time)) -> Result<Vec<Found>> {
        let parent = |coachee: CoacheeId| Parent { id: coachee.uuid().into_bytes(), after: None };
        let under = self.coachee.map(|coachee| Under { column: "subject", parent: parent(coachee) });
        let only = (!self.cancelled).then(is_kept);
        let wanted = Wanted { under, ..wanted(span, only) };
        let rows = self.view.list::<Appointment>(&wanted).await.map_err(error)?;
        if rows.has_next {
            return Err(bad(format!(
                "There are more than {ROWS_MAX} appointments in this range. Ask for a shorter one."
            )));
        }
        let mut found = computed(rows.rows.into_iter().map(|(row, _)| row).collect(), span).await;
        if found.len() > OCCURRENCES_MAX {
            return Err(bad(format!(
                "There are more than {OCCURRENCES_MAX} occurrences in this range. Ask for a shorter one."
            )));
        }
        found.retain(|(_, it)| self.cancelled || it.state != State::Cancelled);
        Ok(found)
    }
}

/// All of an appointment.
pub(super) fn all(row: &Arc<Appointment>) -> Vec<Found> {
    row.occurrences().into_iter().map(|it| (row.clone(), it)).collect()
}

/// The appointments that go into a span of time, those that end first first.
fn wanted((from, to): (Time, Time), only: impl IntoIterator<Item = Filter>) -> Wanted {
    let mut filters = vec![
        Filter::Ge("last_end".to_owned(), Value::Int(from.0)),
        Filter::Lt("first_start".to_owned(), Value::Int(to.0)),
    ];
    filters.extend(only);
    let order = vec![("last_end", Direction::Ascending)];
    Wanted { filters, order, limit: ROWS_MAX, ..Wanted::default() }
}

/// What is not cancelled, all of it.
fn is_kept() -> Filter {
    Filter::Eq("cancelled".to_owned(), Value::Bool(false))
}

/// What these have in a span of time, cancelled ones too. Where that is more than [`OCCURRENCES_MAX`], it is not all of it.
async fn computed(rows: Vec<Appointment>, (from, to): (Time, Time)) -> Vec<Found> {
    let mut found = Vec::new();
    for (number, row) in rows.into_iter().enumerate() {
        if found.len() > OCCURRENCES_MAX {
            break;
        }
        if number % ROWS_AT_ONCE == ROWS_AT_ONCE - 1 {
            tokio::task::yield_now().await;
        }
        let row = Arc::new(row);
        found.extend(all(&row).into_iter().filter(|(_, it)| it.overlaps(from, to)));
    }
    found
}

/// The place of an occurrence in the order: when it begins, which appointment it is of, and which one of that it is.
type Place = (i64, Vec<u8>, i64);

fn place((row, it): &Found) -> Place {
    (it.starts_at.0, row.id.uuid().into_bytes().to_vec(), i64::from(it.id.minutes()))
}

/// The order of all occurrences.
fn order() -> Order {
    Order::new("occurrence", vec![Type::Int, Type::Bytes, Type::Int])
}

/// The cursor of an occurrence.
fn cursor(order: &Order, found: &Found) -> Cursor {
    let (starts_at, appointment, occurrence) = place(found);
    order.cursor(&[Value::Int(starts_at), Value::Bytes(appointment), Value::Int(occurrence)])
}

/// The place that a cursor names.
fn named(order: &Order, cursor: &str) -> Result<Place> {
    let place = order.place(cursor)?;
    let [Value::Int(starts_at), Value::Bytes(appointment), Value::Int(occurrence)] = place.as_slice() else {
        return Err(bad(NOT_A_CURSOR));
    };
    Ok((*starts_at, appointment.clone(), *occurrence))
}

/// A page of occurrences that are all at hand, in order.
pub(super) fn page(
    view: &View,
    mut found: Vec<Found>,
    asked: &Asked,
) -> Result<Connection<Cursor, AppointmentOccurrence>> {
    let (limit, last) = asked.size()?;
    let order = order();
    let named = |cursor: &Option<Cursor>| cursor.as_ref().map(|cursor| named(&order, cursor)).transpose();
    let (after, before) = (named(&asked.after)?, named(&asked.before)?);
    found.sort_by_cached_key(place);
    let all = found.len();
    found.retain(|it| {
        let place = place(it);
        after.as_ref().is_none_or(|after| place > *after) && before.as_ref().is_none_or(|before| place < *before)
    });
    let (limit, held) = (limit as usize, found.len());
    let (mut has_previous, mut has_next) = (after.is_some() && held < all, before.is_some() && held < all);
    if held > limit {
        if last {
            found.drain(..held - limit);
            has_previous = true;
        } else {
            found.truncate(limit);
            has_next = true;
        }
    }
    let mut connection = Connection::new(has_previous, has_next);
    let cursors: Vec<Cursor> = found.iter().map(|it| cursor(&order, it)).collect();
    let edges = cursors.into_iter().zip(shown(view, found));
    connection.edges.extend(edges.map(|(cursor, it)| Edge::new(cursor, it)));
    Ok(connection)
}

/// Occurrences, which come in order, as they are shown. What else there is at the time of those that lie within
/// [`RANGE_DAYS_MAX`] days is read together.
pub(super) fn shown(view: &View, found: Vec<Found>) -> Vec<AppointmentOccurrence> {
    let mut among: Vec<Arc<Among>> = Vec::with_capacity(found.len());
    let mut rest = found.as_slice();
    while let Some((_, first)) = rest.first() {
        let until = first.starts_at.plus_days(RANGE_DAYS_MAX);
        let near = rest.iter().take_while(|(_, it)| it.ends_at <= until).count().max(1);
        let (these, later) = rest.split_at(near);
        among.extend(std::iter::repeat_n(Arc::new(Among::of(these)), near));
        rest = later;
    }
    let each = found.into_iter().zip(among);
    each.map(|((row, it), among)| AppointmentOccurrence::new(view, row, it, among)).collect()
}

/// What else the coaches and coachees of some occurrences have at their time: read once for all of them, when somebody asks.
pub(crate) struct Among {
    span: (Time, Time),
    coaches: Vec<Value>,
    coachees: Vec<Value>,
    others: OnceCell<Vec<Found>>,
}

impl Among {
    /// At the time of these.
    pub(crate) fn of(its: &[Found]) -> Self {
        let from = its.iter().map(|(_, it)| it.starts_at).min().unwrap_or_default();
        let to = its.iter().map(|(_, it)| it.ends_at).max().unwrap_or_default();
        let coaches: BTreeSet<PersonId> = its.iter().map(|(row, _)| row.coach).collect();
        let coachees: BTreeSet<CoacheeId> = its.iter().map(|(row, _)| row.coachee).collect();
        Self { span: (from, to), coaches: values(coaches), coachees: values(coachees), others: OnceCell::new() }
    }

    /// What overlaps with one of these: another appointment of the same coach or coachee.
    pub(crate) async fn conflicts(&self, view: &View, its: &[Found]) -> Result<Vec<Found>> {
        if its.is_empty() {
            return Ok(Vec::new());
        }
        let others = self.others.get_or_try_init(|| self.read(view)).await?;
        let mine: Vec<&Found> = its.iter().filter(|(_, it)| it.state != State::Cancelled).collect();
        let meets = |(row, it): &&Found| {
            mine.iter().any(|(my, mine)| {
                (row.coach == my.coach || row.coachee == my.coachee)
                    && row.id != my.id
                    && it.overlaps(mine.starts_at, mine.ends_at)
            })
        };
        Ok(others.iter().filter(meets).take(CONFLICTS_MAX).cloned().collect())
    }

    async fn read(&self, view: &View) -> Result<Vec<Found>> {
        let mut rows: BTreeMap<AppointmentId, Appointment> = BTreeMap::new();
        for (column, ids) in [("coach", &self.coaches), ("subject", &self.coachees)] {
            let only = [Filter::In(column.to_owned(), ids.clone()), is_kept()];
            let found = view.list::<Appointment>(&wanted(self.span, only)).await.map_err(error)?;
            rows.extend(found.rows.into_iter().map(|(row, _)| (row.id, row)));
        }
        let mut found = computed(rows.into_values().collect(), self.span).await;
        found.retain(|(_, it)| it.state != State::Cancelled);
        found.sort_by_key(|(row, it)| (it.starts_at, row.id));
        Ok(found)
    }
}

fn values<I: Id>(ids: BTreeSet<I>) -> Vec<Value> {
    ids.into_iter().map(|id| Value::from(id.uuid().into_bytes())).collect()
}
