//! Subscriptions: every one can resume from a position, gets each event once, in order, and sees what its viewer may now.
//!
//! All follow the practice's log through a [`Watch`], which says what is to be told and to whom. `activity` gives the
//! entries themselves; the others give the present state of what changed, coalesced while catching up. Who lost the portal
//! is told `FORBIDDEN` and the subscription ends; what was taken from the viewer's sight is `Gone`; what came into it
//! cannot be told piece by piece, so they are asked to load again (`ResyncRequired`).

use std::time::Duration;

use app::View;
use app::watch::{Focus, News, Watch};
use async_graphql::{Context, ID, SimpleObject, Subscription, Union};
use domain::Table;
use domain::account::{Portal, Right};
use domain::id::{
    AccessId, AuthorizationId, CoacheeId, Id as _, InvitationId, NextStepId, PersonId, PracticeId, SessionId,
};
use futures_util::Stream;
use tokio::time::Instant;
use uuid::Uuid;

use crate::activity::{ActivityEntry, ActivityFilter};
use crate::authorization::Authorization;
use crate::coachee::{Coachee, CoacheeProfile};
use crate::plan::{Action, Goal, Milestone};
use crate::practice::{Access, Coach, CoachCard, CoachInvitation, Practice, PracticeCard};
use crate::scalars::{Id, Position, id};
use crate::session::steps::NextStep;
use crate::session::{CoacheeSession, Session};
use crate::words::{Result, app, error, reader, viewer};

/// After how long without an item a client is told its position. A part of the schema's data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heartbeat(pub(crate) Duration);

/// Entries of the activity log.
#[derive(SimpleObject)]
pub struct ActivityItem {
    /// Subscribe `after` this to go on.
    position: Position,
    /// The entry; nothing in a heartbeat, which keeps the position of an idle client fresh.
    entry: Option<ActivityEntry>,
}

/// Something that was deleted, or is no longer the viewer's to see.
#[derive(Debug, SimpleObject)]
pub struct Gone {
    /// Its id.
    id: ID,
}

/// The viewer sees more than before, or has missed too much to be told piece by piece: load again, and subscribe after
/// that. An item that says so says nothing else.
#[derive(Debug, SimpleObject)]
pub struct ResyncRequired {
    /// Load at least this.
    at_least: Position,
}

/// What changed, as a coach sees it now.
#[derive(Union)]
pub enum CoachPortalChange {
    /// The practice's settings.
    Practice(Practice),
    /// A coach.
    Coach(Coach),
    /// An invitation of a coach, for managers.
    CoachInvitation(CoachInvitation),
    /// A coach's access to a client.
    Access(Access),
    /// A coachee's file.
    Coachee(Coachee),
    /// A goal.
    Goal(Goal),
    /// A milestone.
    Milestone(Milestone),
    /// An action.
    Action(Action),
    /// A session, also where only its notes changed.
    Session(Session),
    /// A next step.
    NextStep(NextStep),
    /// An authorization.
    Authorization(Authorization),
    /// Something that is there no more.
    Gone(Gone),
    /// Load again.
    ResyncRequired(ResyncRequired),
}

/// What changed, as the coachee sees it now.
#[derive(Union)]
pub enum CoacheePortalChange {
    /// The practice.
    Practice(PracticeCard),
    /// A coach who has access to the viewer's file.
    Coach(CoachCard),
    /// The viewer's own profile.
    Profile(CoacheeProfile),
    /// A goal.
    Goal(Goal),
    /// A milestone.
    Milestone(Milestone),
    /// An action.
    Action(Action),
    /// A session.
    Session(CoacheeSession),
    /// A next step.
    NextStep(NextStep),
    /// Something that is there no more.
    Gone(Gone),
    /// Load again.
    ResyncRequired(ResyncRequired),
}

/// What changed in a plan.
#[derive(Union)]
pub enum PlanChange {
    /// A goal.
    Goal(Goal),
    /// A milestone.
    Milestone(Milestone),
    /// An action.
    Action(Action),
    /// Something that is there no more.
    Gone(Gone),
    /// Load again.
    ResyncRequired(ResyncRequired),
}

/// What changed in a session.
#[derive(Union)]
pub(crate) enum LiveSessionChange {
    /// The session as it is now, whether itself, its notes or its next steps changed.
    Session(Session),
    /// Something that is there no more.
    Gone(Gone),
    /// Load again.
    ResyncRequired(ResyncRequired),
}

/// Declares an item: a position and what changed up to it.
macro_rules! item {
    ($(#[$doc:meta])* $item:ident of $change:ty) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $item {
            /// Subscribe `after` this to go on.
            position: Position,
            /// What changed; empty in a heartbeat, which keeps the position of an idle client fresh.
            changes: Vec<$change>,
        }
    };
}

item! {
    /// What changed for a coach.
    CoachPortalItem of CoachPortalChange
}
item! {
    /// What changed for a coachee.
    CoacheePortalItem of CoacheePortalChange
}
item! {
    /// What changed in a coachee's plan.
    PlanItem of PlanChange
}
item! {
    /// What changed in a session.
    LiveSessionItem of LiveSessionChange
}

/// What a change can be made of.
trait Change: Sized + Send + 'static {
    /// The present state of a row, if this kind of change shows rows of that table.
    fn load(view: &View, table: Table, id: Uuid) -> impl Future<Output = Result<Loaded<Self>>> + Send;
    fn gone(gone: Gone) -> Self;
    fn resync(resync: ResyncRequired) -> Self;
}

/// What became of loading a row.
enum Loaded<T> {
    /// It is not shown here.
    Ignored,
    /// It is there no more, or not the viewer's.
    Missing,
    /// It is this.
    There(T),
}

impl<T> Loaded<T> {
    fn of<R>(row: std::result::Result<Option<R>, app::Error>, make: impl FnOnce(R) -> T) -> Result<Self> {
        Ok(row.map_err(error)?.map_or(Self::Missing, |row| Self::There(make(row))))
    }
}

/// Writes how the changes that show plans load them.
macro_rules! plan_rows {
    ($view:ident, $table:ident, $id:ident, $($other:tt)*) => {
        match $table {
            Table::goal => Loaded::of($view.one(domain::id::GoalId::of($id)).await, |row| Self::Goal(Goal::new($view, row))),
            Table::milestone => Loaded::of($view.one(domain::id::MilestoneId::of($id)).await, |row| Self::Milestone(Milestone::new($view, row))),
            Table::action => Loaded::of($view.one(domain::id::ActionId::of($id)).await, |row| Self::Action(Action::new($view, row))),
            $($other)*
        }
    };
}

impl Change for CoachPortalChange {
    async fn load(view: &View, table: Table, id: Uuid) -> Result<Loaded<Self>> {
        plan_rows!(view, table, id,
            Table::practice => Loaded::of(view.one(PracticeId::of(id)).await, |row| Self::Practice(Practice::new(view, row))),
            Table::member => Loaded::of(view.one(PersonId::of(id)).await, |row| Self::Coach(Coach::new(view, row))),
            Table::coach_invitation => Loaded::of(view.one(InvitationId::of(id)).await, |row| Self::CoachInvitation(CoachInvitation::new(view, row))),
            Table::access => Loaded::of(view.one(AccessId::of(id)).await, |row| Self::Access(Access::new(view, row))),
            Table::coachee => Loaded::of(view.one(CoacheeId::of(id)).await, |row| Self::Coachee(Coachee::new(view, row))),
            Table::session => Loaded::of(view.one(SessionId::of(id)).await, |row| Self::Session(Session::new(view, row))),
            Table::next_step => Loaded::of(view.one(NextStepId::of(id)).await, |row| Self::NextStep(NextStep::new(view, row))),
            Table::authorization => Loaded::of(view.one(AuthorizationId::of(id)).await, |row| Self::Authorization(Authorization::new(view, row))),
            Table::notes | Table::self_rating | Table::unit | Table::address | Table::account | Table::login | Table::access_token | Table::google_account | Table::portal
            | Table::coachee_email | Table::coachee_invitation | Table::activation | Table::reading => Ok(Loaded::Ignored),
        )
    }
    fn gone(gone: Gone) -> Self {
        Self::Gone(gone)
    }
    fn resync(resync: ResyncRequired) -> Self {
        Self::ResyncRequired(resync)
    }
}

impl Change for CoacheePortalChange {
    async fn load(view: &View, table: Table, id: Uuid) -> Result<Loaded<Self>> {
        plan_rows!(view, table, id,
            Table::practice => Loaded::of(view.one(PracticeId::of(id)).await, |row| Self::Practice(PracticeCard::new(view, row))),
            Table::member => Loaded::of(view.one(PersonId::of(id)).await, |row| Self::Coach(CoachCard::new(&row))),
            Table::coachee => Loaded::of(view.one(CoacheeId::of(id)).await, |row| Self::Profile(CoacheeProfile::new(view, row))),
            Table::session => Loaded::of(view.one(SessionId::of(id)).await, |row| Self::Session(CoacheeSession::new(view, row))),
            Table::next_step => Loaded::of(view.one(NextStepId::of(id)).await, |row| Self::NextStep(NextStep::new(view, row))),
            Table::notes | Table::self_rating | Table::authorization | Table::unit | Table::address | Table::account
            | Table::login | Table::access_token | Table::google_account | Table::portal | Table::coach_invitation | Table::access | Table::coachee_email
            | Table::coachee_invitation | Table::activation | Table::reading => Ok(Loaded::Ignored),
        )
    }
    fn gone(gone: Gone) -> Self {
        Self::Gone(gone)
    }
    fn resync(resync: ResyncRequired) -> Self {
        Self::ResyncRequired(resync)
    }
}

impl Change for PlanChange {
    async fn load(view: &View, table: Table, id: Uuid) -> Result<Loaded<Self>> {
        plan_rows!(view, table, id,
            Table::session | Table::notes | Table::self_rating | Table::next_step | Table::authorization | Table::unit
            | Table::coachee | Table::practice | Table::member | Table::address | Table::account | Table::login | Table::access_token | Table::google_account | Table::portal
            | Table::coach_invitation | Table::access | Table::coachee_email | Table::coachee_invitation | Table::activation | Table::reading => Ok(Loaded::Ignored),
        )
    }
    fn gone(gone: Gone) -> Self {
        Self::Gone(gone)
    }
    fn resync(resync: ResyncRequired) -> Self {
        Self::ResyncRequired(resync)
    }
}

impl Change for LiveSessionChange {
    async fn load(view: &View, table: Table, id: Uuid) -> Result<Loaded<Self>> {
        match table {
            Table::session => {
                Loaded::of(view.one(SessionId::of(id)).await, |row| Self::Session(Session::new(view, row)))
            }
            Table::notes
            | Table::self_rating
            | Table::next_step
            | Table::authorization
            | Table::unit
            | Table::goal
            | Table::milestone
            | Table::action
            | Table::coachee
            | Table::practice
            | Table::member
            | Table::address
            | Table::account
            | Table::login
            | Table::access_token
            | Table::google_account
            | Table::portal
            | Table::coach_invitation
            | Table::access
            | Table::coachee_email
            | Table::coachee_invitation
            | Table::activation
            | Table::reading => Ok(Loaded::Ignored),
        }
    }
    fn gone(gone: Gone) -> Self {
        Self::Gone(gone)
    }
    fn resync(resync: ResyncRequired) -> Self {
        Self::ResyncRequired(resync)
    }
}

/// Begins to watch: through this portal, or through the one that the viewer has.
async fn watch(
    ctx: &Context<'_>,
    practice: PracticeId,
    portal: Option<Portal>,
    after: Option<Position>,
) -> Result<Watch> {
    let (app, viewer, after) = (app(ctx)?, viewer(ctx)?, after.map(|position| position.0));
    let (person, portals) = match portal {
        Some(portal) => (viewer.in_portal(practice, portal)?, vec![portal]),
        None => viewer.reach(practice, Right::Read)?,
    };
    let reader = reader(ctx, person)?;
    for portal in portals {
        match app.watch(&reader, practice, portal, after).await {
            Err(app::Error::NotFound) => {}
            begun => return begun.map_err(error),
        }
    }
    Err(error(app::Error::NotFound))
}

/// The row to show where this one changed, if any. Notes and self-ratings are shown as their session, and so is a next
/// step to who follows one session.
async fn face(focus: Focus, view: &View, (table, row): (Table, Uuid)) -> Result<Option<(Table, Uuid)>> {
    let face = if [Table::notes, Table::self_rating].contains(&table) { Table::session } else { table };
    match focus {
        Focus::All | Focus::Coachee(_) => Ok(Some((face, row))),
        Focus::Session(session, _) if table == Table::next_step => {
            let step: Option<domain::session::NextStep> = view.one(NextStepId::of(row)).await.map_err(error)?;
            Ok(step.filter(|step| step.session == session).map(|_| (Table::session, session.uuid())))
        }
        Focus::Session(session, _) => Ok((face == Table::session && row == session.uuid()).then_some((face, row))),
    }
}

/// News as changes; empty where none of it is shown here.
async fn changes<C: Change>(focus: Focus, news: News) -> Result<Vec<C>> {
    let (view, rows, gone) = match news {
        News::Anew(at_least) => return Ok(vec![C::resync(ResyncRequired { at_least: Position(at_least) })]),
        News::Rows { view, rows, gone } => (view, rows, gone),
    };
    let gone = gone.into_iter().map(|it| match it {
        app::watch::Gone::Coachee(coachee) => Gone { id: id(coachee) },
        app::watch::Gone::Coach(coach) => Gone { id: id(coach) },
    });
    let (mut changes, mut done): (Vec<C>, Vec<(Table, Uuid)>) = (gone.map(C::gone).collect(), Vec::new());
    for row in rows {
        let Some((table, row)) = face(focus, &view, row).await? else { continue };
        if done.contains(&(table, row)) {
            continue;
        }
        done.push((table, row));
        match C::load(&view, table, row).await? {
            Loaded::There(change) => changes.push(change),
            Loaded::Missing => changes.push(C::gone(Gone { id: id(domain::id::text(table.prefix(), row)) })),
            Loaded::Ignored => {}
        }
    }
    Ok(changes)
}

/// The items of a watch: until it is dropped, or the viewer may look no more.
fn items<C: Change, I: Send + 'static>(
    mut watch: Watch,
    heartbeat: Heartbeat,
    item: impl Fn(Position, Vec<C>) -> I + Send + 'static,
) -> impl Stream<Item = Result<I>> {
    async_stream::stream! {
        let mut until = Instant::now() + heartbeat.0;
        loop {
            let told = match watch.next(until).await {
                Ok(Some(news)) => changes::<C>(watch.focus(), news).await,
                Ok(None) => Ok(Vec::new()),
                Err(ended) => Err(error(ended)),
            };
            match told {
                Ok(changes) if changes.is_empty() && Instant::now() < until => {}
                Ok(changes) => {
                    yield Ok(item(Position(watch.position()), changes));
                    until = Instant::now() + heartbeat.0;
                }
                Err(ended) => {
                    yield Err(ended);
                    return;
                }
            }
        }
    }
}

/// What portals follow.
#[derive(Default)]
pub struct LiveSubscription;

#[Subscription(name = "Subscription")]
impl LiveSubscription {
    /// Entries of the activity log that the viewer may review, each once, in order, from any position.
    async fn activity(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        filter: Option<ActivityFilter>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<ActivityItem>> + use<>> {
        let mut watch = watch(ctx, practice_id.0, None, after).await?;
        let (filter, heartbeat) = (filter.unwrap_or_default(), *ctx.data::<Heartbeat>()?);
        Ok(async_stream::stream! {
            let mut until = Instant::now() + heartbeat.0;
            loop {
                match watch.next_entry(until).await {
                    Ok(Some(line)) if !filter.passes(line.happened()) => continue,
                    Ok(Some(line)) => {
                        let position = Position(line.happened().when.seq);
                        yield Ok(ActivityItem { position, entry: Some(ActivityEntry::Heard(line)) });
                    }
                    Ok(None) => yield Ok(ActivityItem { position: Position(watch.position()), entry: None }),
                    Err(ended) => {
                        yield Err(error(ended));
                        return;
                    }
                }
                until = Instant::now() + heartbeat.0;
            }
        })
    }

    /// What changes in a practice, as a coach sees it.
    async fn coach_portal_changes(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<CoachPortalItem>> + use<>> {
        let watch = watch(ctx, practice_id.0, Some(Portal::Coach), after).await?;
        Ok(items(watch, *ctx.data()?, |position, changes| CoachPortalItem { position, changes }))
    }

    /// What changes in a practice, as a coachee sees it.
    async fn coachee_portal_changes(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<CoacheePortalItem>> + use<>> {
        let watch = watch(ctx, practice_id.0, Some(Portal::Coachee), after).await?;
        Ok(items(watch, *ctx.data()?, |position, changes| CoacheePortalItem { position, changes }))
    }

    /// What changes in one coachee's plan, for both sides.
    async fn plan(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        coachee_id: Id<CoacheeId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<PlanItem>> + use<>> {
        let watch = watch(ctx, practice_id.0, None, after).await?.of_coachee(coachee_id.0).await.map_err(error)?;
        Ok(items(watch, *ctx.data()?, |position, changes| PlanItem { position, changes }))
    }

    /// What changes in one session, its notes and its next steps; for coaches.
    async fn live_session(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        id: Id<SessionId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<LiveSessionItem>> + use<>> {
        let watch = watch(ctx, practice_id.0, Some(Portal::Coach), after).await?;
        let watch = watch.of_session(id.0).await.map_err(error)?;
        Ok(items(watch, *ctx.data()?, |position, changes| LiveSessionItem { position, changes }))
    }
}
