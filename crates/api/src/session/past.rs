//! What a session shows of the ones before it: the next steps from last time (S1.44) and the look-back (S1.36).
//!
//! Before a session are those of the same coachee that began earlier and took place: cancelled ones and no-shows moved
//! no needle. One that somebody forgot to end counts.

use app::View;
use app::view::{Direction, Parent, Under, Value, Wanted};
use async_graphql::{ID, Object, SimpleObject};
use domain::id::Id as _;
use domain::session::{self, Status};

use crate::scalars::{DateTime, id};
use crate::session::steps::NextStep;
use crate::session::{RUNNING, SessionStatus, status_is};
use crate::words::{Result, bad, error, shown};

/// The words above last time's next steps, as the product says them (S1.44).
const HEADING: &str = "From last session · next steps you committed to";
/// How many sessions a look-back has at most.
const MOST: u32 = 20;

/// A session before this one.
pub(crate) struct PastSession {
    view: View,
    row: session::Session,
    steps: Vec<session::NextStep>,
}

#[Object]
impl PastSession {
    /// Its id.
    async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// When it began.
    async fn started_at(&self) -> DateTime {
        DateTime(self.row.started_at)
    }
    /// What it is called.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// How it went; nothing where it was never ended.
    async fn status(&self) -> Option<SessionStatus> {
        self.row.status.map(SessionStatus::from)
    }
    /// The active goal as it then stood.
    async fn active_goal(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, self.row.active_goal.as_ref()).await
    }
    /// Its next steps, done and not, in order.
    async fn next_steps(&self) -> Vec<NextStep> {
        self.steps()
    }
}

impl PastSession {
    fn steps(&self) -> Vec<NextStep> {
        self.steps.iter().map(|step| NextStep::new(&self.view, step.clone())).collect()
    }
}

/// What the coachee committed to last time.
#[derive(SimpleObject)]
pub(crate) struct FromLastSession {
    /// The words to show above.
    heading: &'static str,
    /// The session in which it was.
    session_id: ID,
    /// When that began.
    started_at: DateTime,
    /// The next steps, done and not, in order.
    next_steps: Vec<NextStep>,
}

impl FromLastSession {
    /// From the session before.
    pub(crate) fn new(last: PastSession) -> Self {
        let next_steps = last.steps();
        Self { heading: HEADING, session_id: id(last.row.id), started_at: DateTime(last.row.started_at), next_steps }
    }
}

/// How many sessions are asked for, if a look-back may have so many.
pub(crate) fn asked(first: i32) -> Result<u32> {
    let asked = u32::try_from(first).ok().filter(|asked| *asked <= MOST);
    asked.ok_or_else(|| bad(format!("A look-back has 0 to {MOST} sessions; {first} were asked for.")))
}

/// So many sessions before this one, the newest first.
pub(crate) async fn before(view: &View, row: &session::Session, limit: u32) -> Result<Vec<PastSession>> {
    // From the newest to the oldest: what comes after this session's place began before it.
    let after = Some(vec![Value::Int(row.started_at.0), Value::from(row.id.uuid().into_bytes())]);
    let parent = Parent { id: row.coachee.uuid().into_bytes(), after };
    let wanted = Wanted {
        under: Some(Under { column: "subject", parent }),
        filters: vec![status_is([Status::Attended.word(), Status::Late.word(), RUNNING].into_iter())],
        order: vec![("started_at", Direction::Descending)],
        limit,
        ..Wanted::default()
    };
    let page = view.list::<session::Session>(&wanted).await.map_err(error)?;
    let ids: Vec<_> = page.rows.iter().flat_map(|(row, _)| row.steps.iter().copied()).collect();
    let mut steps = view.many::<session::NextStep>(&ids).await.map_err(error)?;
    steps.sort_by_key(|step| step.place);
    let past = page.rows.into_iter().map(|(row, _)| PastSession {
        view: view.clone(),
        steps: steps.iter().filter(|step| step.session == row.id).cloned().collect(),
        row,
    });
    Ok(past.collect())
}
