//! Self-ratings and what they add up to for the coach who gave them (S1.45–S1.48).
//!
//! Everything here goes through the view, for which a rating is its coach's alone (promise A3): to everybody else, owner
//! and managers too, a rated session looks like one that nobody rated.

use app::View;
use app::view::{Direction, Filter, Value, Wanted};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use domain::id::{PracticeId, SessionId};
use domain::practice::Member;
use domain::session;
use domain::text::{Confidential, Rating, Reflection, Text as _};
use domain::value::Zone;

use crate::page::is;
use crate::scalars::{DateTime, Id, id};
use crate::session::SessionPayload;
use crate::words::{Result, UserError, bad, error, run, text_or};

/// How many ratings are looked at together: more than a coach's busiest year has.
const MOST: u32 = 2_000;

/// How a coach found their own coaching in a session.
#[derive(SimpleObject)]
pub(crate) struct SelfRating {
    /// The session.
    session_id: ID,
    /// When it began.
    started_at: DateTime,
    /// 1 to 10; nothing where it was erased with the coachee.
    rating: Option<u8>,
    /// What the coach noted for themself.
    reflection: Option<String>,
    /// When it was given or changed last.
    rated_at: DateTime,
}

impl SelfRating {
    /// From its row, whose texts are open.
    fn new(row: &session::SelfRating) -> Self {
        let reflection = row.reflection.as_ref().and_then(Confidential::text);
        Self {
            session_id: id(row.id),
            started_at: DateTime(row.started_at),
            rating: row.rating.text().map(Rating::get),
            reflection: reflection.map(|text| text.as_str().to_owned()).filter(|text| !text.is_empty()),
            rated_at: DateTime(row.rated_at),
        }
    }

    /// The viewer's own rating of a session.
    pub(crate) async fn of(view: &View, session: SessionId) -> Result<Option<Self>> {
        let row = view.one::<session::SelfRating>(session).await.map_err(error)?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Self::new(&view.opened(&row).await.map_err(error)?)))
    }
}

/// A stretch of time.
#[derive(Default, InputObject)]
pub(crate) struct TimeRange {
    /// From this moment on.
    from: Option<DateTime>,
    /// Before this moment.
    to: Option<DateTime>,
}

/// A month of a coach's development.
#[derive(PartialEq, SimpleObject)]
pub(crate) struct DevelopmentMonth {
    /// The month, in the coach's time zone: `2026-03`.
    month: String,
    /// How many of its sessions the coach rated.
    count: u32,
    /// The average of these ratings.
    average: f64,
    /// The lowest of them.
    lowest: u8,
    /// The highest.
    highest: u8,
}

/// How a coach's own view of their coaching develops.
#[derive(SimpleObject)]
pub(crate) struct Development {
    /// The ratings, by when the sessions began.
    ratings: Vec<SelfRating>,
    /// How many there are.
    count: u32,
    /// Their average; nothing where there are none.
    average: Option<f64>,
    /// The months in which sessions were rated, the oldest first.
    months: Vec<DevelopmentMonth>,
}

impl Development {
    /// From ratings in the order of their sessions.
    fn new(rows: &[session::SelfRating], zone: &Zone) -> Self {
        let mut months: Vec<(String, Vec<u8>)> = Vec::new();
        for row in rows {
            let Some(rating) = row.rating.text().map(Rating::get) else { continue };
            let month = row.started_at.date_in(zone).civil().strftime("%Y-%m").to_string();
            match months.last_mut().filter(|(last, _)| *last == month) {
                Some((_, ratings)) => ratings.push(rating),
                None => months.push((month, vec![rating])),
            }
        }
        let all: Vec<u8> = months.iter().flat_map(|(_, ratings)| ratings.iter().copied()).collect();
        Self {
            ratings: rows.iter().map(SelfRating::new).collect(),
            count: number(&all),
            average: average(&all),
            months: months.into_iter().filter_map(|(month, ratings)| DevelopmentMonth::of(month, &ratings)).collect(),
        }
    }
}

impl DevelopmentMonth {
    fn of(month: String, ratings: &[u8]) -> Option<Self> {
        let (lowest, highest) = (*ratings.iter().min()?, *ratings.iter().max()?);
        Some(Self { month, count: number(ratings), average: average(ratings)?, lowest, highest })
    }
}

/// How many ratings these are: never more than are looked at together.
fn number(ratings: &[u8]) -> u32 {
    u32::try_from(ratings.len()).unwrap_or(u32::MAX)
}

/// Their average.
fn average(ratings: &[u8]) -> Option<f64> {
    let sum: u32 = ratings.iter().map(|rating| u32::from(*rating)).sum();
    (!ratings.is_empty()).then(|| f64::from(sum) / f64::from(number(ratings)))
}

/// What a coach keeps for themself.
pub(crate) struct OwnDevelopment(pub(crate) View);

#[Object]
impl OwnDevelopment {
    /// The viewer's own ratings of their coaching in sessions that began in this time (the last year, where nobody
    /// says), and what they add up to. At most 2 000 ratings; nobody else sees any of it.
    #[graphql(complexity = "1_000 + child_complexity")]
    async fn my_development(&self, range: Option<TimeRange>) -> Result<Development> {
        let (view, range) = (&self.0, range.unwrap_or_default());
        let to = range.to.map_or_else(|| view.now(), |to| to.0);
        let from = range.from.map_or(to.plus_days(-365), |from| from.0);
        let wanted = Wanted {
            filters: vec![
                is("owner", view.scope.person),
                Filter::Ge("started_at".to_owned(), Value::Int(from.0)),
                Filter::Lt("started_at".to_owned(), Value::Int(to.0)),
            ],
            order: vec![("started_at", Direction::Ascending)],
            limit: MOST,
            ..Wanted::default()
        };
        let page = view.list::<session::SelfRating>(&wanted).await.map_err(error)?;
        if page.has_next {
            return Err(bad(format!("More than {MOST} sessions were rated in this time. Ask for less of it.")));
        }
        let member = view.one::<Member>(view.scope.person).await.map_err(error)?;
        let zone = match member.and_then(|member| member.zone) {
            Some(zone) => zone,
            None => view.practice().await.map_err(error)?.zone,
        };
        let mut rows = Vec::with_capacity(page.rows.len());
        for (row, _) in &page.rows {
            rows.push(view.opened(row).await.map_err(error)?);
        }
        Ok(Development::new(&rows, &zone))
    }
}

/// Rates one's own coaching in a session, or changes that.
#[derive(InputObject)]
pub(crate) struct RateSessionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which: a session that the viewer started or logged.
    session_id: Id<SessionId>,
    /// 1 to 10.
    rating: i32,
    /// Reflection notes, for oneself; those that are there stay where it is left out, an empty text clears them.
    reflection: Option<String>,
}

/// Rating one's own coaching.
#[derive(Default)]
pub(crate) struct RatingMutation;

#[Object]
impl RatingMutation {
    /// Rates one's own coaching in a session, or changes that. Only the coach of the session can, and nobody else ever
    /// sees it.
    async fn rate_session(&self, ctx: &Context<'_>, input: RateSessionInput) -> Result<Option<SessionPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(session::RateSession {
                session: input.session_id.0,
                rating: Rating::of(input.rating).map_err(|refusal| UserError::at("rating", refusal))?,
                reflection: text_or::<Reflection>("reflection", input.reflection.as_ref())?,
            })
        })
        .await
    }
}
