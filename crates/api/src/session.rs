//! Sessions: the coach's side, the little that a coachee sees of one, their lists, and how a session comes about.
//!
//! A coachee's type has no field for notes, goals as they stood, or the authorization. [`notes`] has the notes,
//! [`steps`] the next steps, [`past`] what a session shows of the ones before it, [`rating`] what coaches keep for
//! themselves.

pub(crate) mod notes;
pub(crate) mod past;
pub(crate) mod rating;
pub(crate) mod steps;

use app::View;
use app::view::{Direction, Filter, Value};
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object};
use domain::id::{AppointmentId, AuthorizationId, CoacheeId, PracticeId, SessionId};
use domain::session::{self, Status};

use crate::activity::Seq;
use crate::authorization::Authorization;
use crate::note::{Note, NoteOrigin};
use crate::page::{Asked, Cursor, List, is};
use crate::revisions::{self, NotesRevision, NotesText};
use crate::scalars::{DateTime, Id, LocalDateTime, id};
use crate::session::notes::SessionNotes;
use crate::session::past::{FromLastSession, PastSession};
use crate::session::rating::SelfRating;
use crate::session::steps::NextStep;
use crate::words::{Result, UserError, bad, error, payload, run, shown, text, text_or};

/// How a session went. One that is still going on has none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Status")]
pub(crate) enum SessionStatus {
    /// It took place.
    Attended,
    /// It was called off.
    Cancelled,
    /// The coachee did not come.
    NoShow,
    /// It took place; the coachee came late.
    Late,
}

/// A session, as coaches see it.
pub(crate) struct Session {
    view: View,
    row: session::Session,
}

impl Session {
    /// From its row.
    pub(crate) fn new(view: &View, row: session::Session) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Session {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// With whom.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// The file of whom it is with: all that a coach wants at hand during a session.
    async fn coachee(&self) -> Result<Option<crate::coachee::Coachee>> {
        let row = self.view.one(self.row.coachee).await.map_err(error)?;
        Ok(row.map(|row| crate::coachee::Coachee::new(&self.view, row)))
    }
    /// Who started or logged it.
    async fn coach_id(&self) -> Option<ID> {
        self.row.coach.map(id)
    }
    /// What it is called.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// When it began.
    async fn started_at(&self) -> DateTime {
        DateTime(self.row.started_at)
    }
    /// How long it was, in minutes; nothing while it goes on.
    async fn duration_minutes(&self) -> Option<u32> {
        self.row.minutes
    }
    /// How it went; nothing while it goes on.
    async fn status(&self) -> Option<SessionStatus> {
        self.row.status.map(SessionStatus::from)
    }
    /// Whether it is still going on.
    async fn running(&self) -> bool {
        self.row.status.is_none()
    }
    /// The notes as they are now.
    #[graphql(complexity = "10 + child_complexity")]
    async fn notes(&self) -> Result<Option<SessionNotes>> {
        SessionNotes::of(&self.view, self.row.id).await
    }
    /// The notes formatted: HTML that is safe to show.
    #[graphql(complexity = "crate::page::HTML")]
    async fn notes_html(&self) -> Result<Option<String>> {
        let Some(notes) = SessionNotes::of(&self.view, self.row.id).await? else { return Ok(None) };
        notes.shown().await
    }
    /// Every save of the notes, the newest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn revisions(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Seq, NotesRevision>> {
        revisions::revisions::<session::Notes>(&self.view, self.row.id, &Asked { after, before, first, last }).await
    }
    /// The notes as they were at a revision. It is looked for in the log: the older it is, the longer that takes.
    #[graphql(complexity = "100 + child_complexity")]
    async fn revision(&self, number: u32) -> Result<Option<NotesText>> {
        match SessionNotes::of(&self.view, self.row.id).await? {
            Some(notes) => notes.at(number).await,
            None => Ok(None),
        }
    }
    /// The notepad's tab of notes about the coachee: the viewer's own, and those that the coachee shared; those that
    /// changed last come first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn coachee_notes(
        &self,
        #[graphql(desc = "Only the viewer's own, or only those that the coachee shared.")] of: Option<NoteOrigin>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Note>> {
        crate::note::about(&self.view, self.row.coachee, of, &Asked { after, before, first, last }).await
    }
    /// What the coachee commits to before the next session, in order.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn next_steps(&self) -> Result<Vec<NextStep>> {
        steps::of(&self.view, &self.row.steps).await
    }
    /// What the coachee committed to in the session before this one; nothing where there was none.
    #[graphql(name = "fromLastSession", complexity = "10 + child_complexity")]
    async fn last_time(&self) -> Result<Option<FromLastSession>> {
        let last = past::before(&self.view, &self.row, 1).await?;
        Ok(last.into_iter().next().map(FromLastSession::new))
    }
    /// The active goal as it is now, for the top of the screen.
    async fn active_goal(&self) -> Result<Option<String>> {
        let coachee = self.view.one::<domain::coachee::Coachee>(self.row.coachee).await.map_err(error)?;
        let Some(coachee) = coachee else { return Ok(None) };
        shown(&self.view, &coachee, coachee.active_goal.as_ref()).await
    }
    /// The active goal as it stood when the session was started or logged.
    async fn active_goal_then(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, self.row.active_goal.as_ref()).await
    }
    /// The sessions before this one that took place, the newest first: does the needle move? At most 20.
    #[graphql(complexity = "crate::page::cost(Some(first), None, child_complexity)")]
    async fn look_back(&self, #[graphql(default = 5)] first: i32) -> Result<Vec<PastSession>> {
        past::before(&self.view, &self.row, past::asked(first)?).await
    }
    /// The authorization that it counts on, if any.
    async fn authorization(&self) -> Result<Option<Authorization>> {
        let Some(authorization) = self.row.authorization else { return Ok(None) };
        let row = self.view.one(authorization).await.map_err(error)?;
        Ok(row.map(|row| Authorization::new(&self.view, row)))
    }
    /// The appointment from which it was started, if it was.
    async fn appointment_id(&self) -> Option<ID> {
        self.row.appointment.map(id)
    }
    /// How the viewer found their own coaching in it; nothing where it is not theirs or they did not rate it. Nobody
    /// else sees it.
    #[graphql(complexity = "10 + child_complexity")]
    async fn my_rating(&self) -> Result<Option<SelfRating>> {
        SelfRating::of(&self.view, self.row.id).await
    }
}

/// A session, as its coachee sees it.
pub(crate) struct CoacheeSession {
    view: View,
    row: session::Session,
}

impl CoacheeSession {
    /// From its row.
    pub(crate) fn new(view: &View, row: session::Session) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl CoacheeSession {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// What it is called.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// When it began.
    async fn started_at(&self) -> DateTime {
        DateTime(self.row.started_at)
    }
    /// How long it was, in minutes; nothing while it goes on.
    async fn duration_minutes(&self) -> Option<u32> {
        self.row.minutes
    }
    /// How it went; nothing while it goes on.
    async fn status(&self) -> Option<SessionStatus> {
        self.row.status.map(SessionStatus::from)
    }
    /// What the viewer committed to before the next session, in order.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn next_steps(&self) -> Result<Vec<NextStep>> {
        steps::of(&self.view, &self.row.steps).await
    }
}

/// Which sessions of a coachee.
#[derive(Default, InputObject)]
pub(crate) struct SessionLogFilter {
    /// That went like this; attended ones where it is left out.
    status: Option<Vec<SessionStatus>>,
    /// Whether those are listed too that are still going on.
    #[graphql(default)]
    running: bool,
    /// That began at this moment or later.
    from: Option<DateTime>,
    /// That began before this moment.
    to: Option<DateTime>,
}

impl SessionLogFilter {
    /// The list, the newest first.
    fn list(self) -> List {
        let statuses = self.status.unwrap_or_else(|| vec![SessionStatus::Attended]);
        let words =
            statuses.into_iter().map(|status| Status::from(status).word()).chain(self.running.then_some(RUNNING));
        let order = vec![("started_at", Direction::Descending)];
        let mut list = List { filters: vec![status_is(words)], order, ..List::default() };
        if let Some(from) = self.from {
            list = list.only(Filter::Ge("started_at".to_owned(), Value::Int(from.0.0)));
        }
        if let Some(to) = self.to {
            list = list.only(Filter::Lt("started_at".to_owned(), Value::Int(to.0.0)));
        }
        list
    }
}

/// Sessions of a coachee that took place, the newest first.
pub(crate) async fn completed(view: &View, coachee: CoacheeId, asked: &Asked) -> Result<Connection<Cursor, Session>> {
    let status = Some(vec![SessionStatus::Attended, SessionStatus::Late]);
    let list = SessionLogFilter { status, ..SessionLogFilter::default() }.list().under("subject", coachee);
    let shown = view.clone();
    list.connection(view, asked, move |row| Session::new(&shown, row)).await
}

/// The word in a session's column while it goes on.
const RUNNING: &str = "running";

fn status_is(words: impl Iterator<Item = &'static str>) -> Filter {
    Filter::In("status".to_owned(), words.map(|word| Value::Text(word.to_owned())).collect())
}

/// Which sessions.
#[derive(Default, InputObject)]
pub(crate) struct SessionFilter {
    /// Of this coachee.
    coachee_id: Option<Id<CoacheeId>>,
    #[graphql(flatten)]
    log: SessionLogFilter,
}

/// The coach portal's sessions, over all coachees that the viewer has access to.
pub(crate) struct CoachSessions(pub(crate) View);

#[Object]
impl CoachSessions {
    /// The session log, the newest first: attended sessions, unless the filter names other statuses.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn sessions(
        &self,
        filter: Option<SessionFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Session>> {
        let filter = filter.unwrap_or_default();
        let mut list = filter.log.list();
        if let Some(coachee) = filter.coachee_id {
            list = list.only(is("subject", coachee.0));
        }
        let view = self.0.clone();
        list.connection(&self.0, &Asked { after, before, first, last }, move |row| Session::new(&view, row)).await
    }
    /// One session.
    async fn session(&self, id: Id<SessionId>) -> Result<Option<Session>> {
        let row = self.0.one(id.0).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        Ok(Some(Session::new(&self.0, row)))
    }
    /// One session while it goes on; nothing once it has ended. Load it, then subscribe to `liveSession` after
    /// `position`.
    async fn live_session(&self, id: Id<SessionId>) -> Result<Option<Session>> {
        let row: session::Session =
            self.0.one(id.0).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        Ok(row.status.is_none().then(|| Session::new(&self.0, row)))
    }
}

/// The sessions in a coachee's file, for coaches.
pub(crate) struct FileSessions {
    /// Who looks.
    pub(crate) view: View,
    /// At whose file.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl FileSessions {
    /// The session log, the newest first: attended sessions, unless the filter names other statuses.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn sessions(
        &self,
        filter: Option<SessionLogFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Session>> {
        let list = filter.unwrap_or_default().list().under("subject", self.coachee);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Session::new(&view, row)).await
    }
}

/// A coachee's own sessions and next steps.
pub(crate) struct OwnSessions {
    /// Who looks.
    pub(crate) view: View,
    /// The same, as a coachee.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl OwnSessions {
    /// The viewer's sessions, the newest first: attended ones, unless the filter names other statuses.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn sessions(
        &self,
        filter: Option<SessionLogFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, CoacheeSession>> {
        let list = filter.unwrap_or_default().list().under("subject", self.coachee);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| CoacheeSession::new(&view, row))
            .await
    }
    /// What the viewer committed to: the session that was written down last comes first, its steps in their order.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn next_steps(
        &self,
        #[graphql(desc = "Only those that are done, or only those that are not.")] done: Option<bool>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, NextStep>> {
        let order = vec![("session", Direction::Descending), ("place", Direction::Ascending)];
        let mut list = List { order, ..List::default() }.under("subject", self.coachee);
        if let Some(done) = done {
            list = list.only(Filter::Eq("done".to_owned(), Value::Bool(done)));
        }
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| NextStep::new(&view, row)).await
    }
}

payload! {
    SessionPayload { session: Session } of session::Session
}

/// Starts a session now.
#[derive(InputObject)]
pub(crate) struct StartSessionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// With whom.
    coachee_id: Id<CoacheeId>,
    /// What it is called; as its appointment, or "Session", where it is left out.
    title: Option<String>,
    /// The appointment from which it is started, if any.
    appointment_id: Option<Id<AppointmentId>>,
    /// Which occurrence of the appointment, where it repeats.
    occurrence: Option<LocalDateTime>,
    /// The active authorization that it counts on, if any.
    authorization_id: Option<Id<AuthorizationId>>,
}

/// Writes down a session that has ended, or did not take place.
#[derive(InputObject)]
pub(crate) struct LogSessionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// With whom.
    coachee_id: Id<CoacheeId>,
    /// What it is called; "Session" where it is left out.
    title: Option<String>,
    /// When it began: not later than now.
    started_at: DateTime,
    /// How long it was, in minutes: at most a day.
    duration_minutes: u32,
    /// How it went.
    #[graphql(default_with = "SessionStatus::Attended")]
    status: SessionStatus,
    /// The authorization that it counts on, if any; it must be active on the session's day.
    authorization_id: Option<Id<AuthorizationId>>,
}

/// Corrects a session; what is left out stays.
#[derive(InputObject)]
pub(crate) struct UpdateSessionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    session_id: Id<SessionId>,
    /// Another title.
    title: Option<String>,
    /// Another start: not later than now.
    started_at: Option<DateTime>,
    /// Another duration in minutes, at most a day; only once it has ended.
    duration_minutes: Option<u32>,
}

/// Ends a session.
#[derive(InputObject)]
pub(crate) struct EndSessionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    session_id: Id<SessionId>,
    /// How long it was, in minutes; the time since it began where it is left out.
    duration_minutes: Option<u32>,
    /// How it went.
    #[graphql(default_with = "SessionStatus::Attended")]
    status: SessionStatus,
}

/// Corrects how a session went.
#[derive(InputObject)]
pub(crate) struct SetSessionStatusInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    session_id: Id<SessionId>,
    /// How it went.
    status: SessionStatus,
}

/// Links a session to an authorization.
#[expect(clippy::struct_field_names, reason = "the API says of each id what it is of")]
#[derive(InputObject)]
pub(crate) struct LinkAuthorizationInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which session.
    session_id: Id<SessionId>,
    /// To which authorization: an active one of the same coachee.
    authorization_id: Id<AuthorizationId>,
}

/// Names a session.
#[derive(InputObject)]
pub(crate) struct UnlinkAuthorizationInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which session.
    session_id: Id<SessionId>,
}

fn title(given: Option<&String>) -> std::result::Result<domain::text::Title, UserError> {
    text("title", given.map_or(session::TITLE, String::as_str))
}

/// Starting, ending, logging and correcting sessions, and what they count on.
#[derive(Default)]
pub(crate) struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Starts a session now. It keeps the active goal as it stands; with an authorization it holds a unit of it.
    async fn start_session(&self, ctx: &Context<'_>, input: StartSessionInput) -> Result<Option<SessionPayload>> {
        if input.occurrence.is_some() && input.appointment_id.is_none() {
            return Err(bad(
                "`occurrence` needs `appointmentId`: name the appointment that it is of, or leave it out.",
            ));
        }
        run(ctx, input.practice_id.0, |new| {
            Ok(session::StartSession {
                session: new.id(),
                coachee: input.coachee_id.0,
                title: text_or("title", input.title.as_ref())?,
                from: input.appointment_id.map(|appointment| session::StartedFrom {
                    appointment: appointment.0,
                    occurrence: input.occurrence.map(|occurrence| occurrence.0),
                }),
                authorization: input.authorization_id.map(|authorization| authorization.0),
            })
        })
        .await
    }

    /// Writes down a session afterwards. With an authorization it uses a unit at once, if its status uses one.
    async fn log_session(&self, ctx: &Context<'_>, input: LogSessionInput) -> Result<Option<SessionPayload>> {
        run(ctx, input.practice_id.0, |new| {
            Ok(session::LogSession {
                session: new.id(),
                coachee: input.coachee_id.0,
                title: title(input.title.as_ref())?,
                started_at: input.started_at.0,
                minutes: input.duration_minutes,
                status: input.status.into(),
                authorization: input.authorization_id.map(|authorization| authorization.0),
            })
        })
        .await
    }

    /// Corrects a session's title, start or duration, also after it has ended.
    async fn update_session(&self, ctx: &Context<'_>, input: UpdateSessionInput) -> Result<Option<SessionPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(session::UpdateSession {
                session: input.session_id.0,
                title: text_or("title", input.title.as_ref())?,
                started_at: input.started_at.map(|started_at| started_at.0),
                minutes: input.duration_minutes,
            })
        })
        .await
    }

    /// Ends a session. The unit that it holds is used, or given back where its status uses none.
    async fn end_session(&self, ctx: &Context<'_>, input: EndSessionInput) -> Result<Option<SessionPayload>> {
        run(ctx, input.practice_id.0, |_| {
            let (minutes, status) = (input.duration_minutes, input.status.into());
            Ok(session::EndSession { session: input.session_id.0, minutes, status })
        })
        .await
    }

    /// Corrects how a session went that has ended. Its unit follows.
    async fn set_session_status(
        &self,
        ctx: &Context<'_>,
        input: SetSessionStatusInput,
    ) -> Result<Option<SessionPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(session::SetSessionStatus { session: input.session_id.0, status: input.status.into() })
        })
        .await
    }

    /// Links a session to an active authorization: it holds a unit while it goes on, and uses one where it has ended.
    async fn link_authorization(
        &self,
        ctx: &Context<'_>,
        input: LinkAuthorizationInput,
    ) -> Result<Option<SessionPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(session::LinkAuthorization { session: input.session_id.0, authorization: input.authorization_id.0 })
        })
        .await
    }

    /// Unlinks a session from its authorization and gives its unit back.
    async fn unlink_authorization(
        &self,
        ctx: &Context<'_>,
        input: UnlinkAuthorizationInput,
    ) -> Result<Option<SessionPayload>> {
        run(ctx, input.practice_id.0, |_| Ok(session::UnlinkAuthorization { session: input.session_id.0 })).await
    }
}
