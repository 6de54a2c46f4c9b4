//! Subscriptions: every one can resume from a position, gets each event once, in order, and sees what its viewer may now.
//!
//! All follow the practice's log. `activity` gives the entries themselves; the others give the present state of what
//! changed, coalesced while catching up. The viewer's scope is looked up anew with every item: who lost the portal is told
//! `FORBIDDEN` and the subscription ends; what was taken from their sight is `Gone`; what came into it cannot be told
//! piece by piece, so they are asked to load again (`ResyncRequired`).

use std::time::Duration;

use app::follow::Follower;
use app::{App, Happened, View};
use async_graphql::{Context, ID, SimpleObject, Subscription, Union};
use domain::Table;
use domain::account::Portal;
use domain::id::{AuthorizationId, CoacheeId, Id as _, LogId, NextStepId, PersonId, PracticeId, SessionId, Subject};
use domain::practice;
use domain::sight::Thing;
use futures_util::Stream;
use uuid::Uuid;

use crate::activity::{ActivityEntry, ActivityFilter};
use crate::authorization::Authorization;
use crate::coachee::{Coachee, CoacheeProfile};
use crate::plan::{Action, Goal, Milestone};
use crate::practice::{Coach, Practice};
use crate::scalars::{Id, Position, id};
use crate::session::steps::NextStep;
use crate::session::{CoacheeSession, Session};
use crate::words::{Result, app, error, viewer};

/// How many events are folded into one item while catching up.
const COALESCED_MAX: usize = 200;
/// After how long without news an idle client is told its position.
const HEARTBEAT: Duration = Duration::from_secs(30);

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

/// The viewer sees more than before, or the position is not one to go on from: load again, and subscribe after that.
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
            Table::coachee => Loaded::of(view.one(CoacheeId::of(id)).await, |row| Self::Coachee(Coachee::new(view, row))),
            Table::session => Loaded::of(view.one(SessionId::of(id)).await, |row| Self::Session(Session::new(view, row))),
            Table::next_step => Loaded::of(view.one(NextStepId::of(id)).await, |row| Self::NextStep(NextStep::new(view, row))),
            Table::authorization => Loaded::of(view.one(AuthorizationId::of(id)).await, |row| Self::Authorization(Authorization::new(view, row))),
            Table::notes | Table::self_rating | Table::unit | Table::address | Table::account | Table::login | Table::access_token | Table::portal | Table::coach_invitation
            | Table::access | Table::coachee_email | Table::coachee_invitation | Table::activation => Ok(Loaded::Ignored),
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
            Table::coachee => Loaded::of(view.one(CoacheeId::of(id)).await, |row| Self::Profile(CoacheeProfile::new(row))),
            Table::session => Loaded::of(view.one(SessionId::of(id)).await, |row| Self::Session(CoacheeSession::new(view, row))),
            Table::next_step => Loaded::of(view.one(NextStepId::of(id)).await, |row| Self::NextStep(NextStep::new(view, row))),
            Table::notes | Table::self_rating | Table::authorization | Table::unit | Table::practice | Table::member | Table::address | Table::account
            | Table::login | Table::access_token | Table::portal | Table::coach_invitation | Table::access | Table::coachee_email
            | Table::coachee_invitation | Table::activation => Ok(Loaded::Ignored),
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
            | Table::coachee | Table::practice | Table::member | Table::address | Table::account | Table::login | Table::access_token | Table::portal
            | Table::coach_invitation | Table::access | Table::coachee_email | Table::coachee_invitation | Table::activation => Ok(Loaded::Ignored),
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
            | Table::portal
            | Table::coach_invitation
            | Table::access
            | Table::coachee_email
            | Table::coachee_invitation
            | Table::activation => Ok(Loaded::Ignored),
        }
    }
    fn gone(gone: Gone) -> Self {
        Self::Gone(gone)
    }
    fn resync(resync: ResyncRequired) -> Self {
        Self::ResyncRequired(resync)
    }
}

/// Which of the rows that events changed a subscription shows.
#[derive(Debug, Clone, Copy)]
enum Shown {
    /// All that its changes know.
    All,
    /// Those about one coachee.
    Coachee(CoacheeId),
    /// One session; its notes and next steps are shown as the session.
    Session(SessionId),
}

impl Shown {
    /// Whether this client's coming into sight, or leaving it, is told.
    fn is_about(self, client: Subject) -> bool {
        match self {
            Self::All | Self::Session(_) => true,
            Self::Coachee(coachee) => client == coachee.into(),
        }
    }

    /// The row to show where this one changed, if any. Notes and self-ratings are shown as their session.
    async fn row(self, view: &View, happened: &Happened, (table, row): (Table, Uuid)) -> Result<Option<(Table, Uuid)>> {
        let face = if [Table::notes, Table::self_rating].contains(&table) { Table::session } else { table };
        let shown = match self {
            Self::All => true,
            Self::Coachee(coachee) => happened.when.subject == coachee.into(),
            Self::Session(session) if table == Table::next_step => {
                let step: Option<domain::session::NextStep> = view.one(NextStepId::of(row)).await.map_err(error)?;
                return Ok(step.filter(|step| step.session == session).map(|_| (Table::session, session.uuid())));
            }
            Self::Session(session) => face == Table::session && row == session.uuid(),
        };
        Ok(shown.then_some((face, row)))
    }
}

/// Whose eyes follow a practice, and how far they have seen.
struct Watch {
    app: App,
    person: PersonId,
    practice: PracticeId,
    portal: Portal,
    follower: Follower,
}

/// What a watch saw: events, or nothing for a while.
enum Seen {
    News(Vec<Happened>),
    Nothing,
}

impl Watch {
    async fn begin(
        ctx: &Context<'_>,
        practice: PracticeId,
        portal: Option<Portal>,
        after: Option<Position>,
    ) -> Result<Self> {
        let (app, viewer) = (app(ctx)?.clone(), viewer(ctx)?);
        let view = match portal {
            Some(portal) => {
                app.view(viewer.in_portal(practice, portal)?, practice, portal, None).await.map_err(error)?
            }
            None => crate::words::view(ctx, practice, None).await?,
        };
        let person = view.scope.person;
        let portal = if view.oneself().is_some() { Portal::Coachee } else { Portal::Coach };
        let after = after.map_or(view.position, |position| position.0);
        if after > view.position {
            return Err(error(app::Error::BadRequest(
                "this practice's log has not come to that position yet".to_owned(),
            )));
        }
        let follower = app.follow(LogId::Practice(practice), after);
        Ok(Self { app, person, practice, portal, follower })
    }

    /// The next events, at least one and as many as are ready up to a bound; or nothing for a while.
    async fn next(&mut self, most: usize) -> Result<Seen> {
        let Ok(first) = tokio::time::timeout(HEARTBEAT, self.follower.next()).await else { return Ok(Seen::Nothing) };
        let mut stored = vec![first.map_err(error)?];
        while stored.len() < most && !self.follower.is_idle() {
            match tokio::time::timeout(Duration::ZERO, self.follower.next()).await {
                Ok(event) => stored.push(event.map_err(error)?),
                Err(_) => break,
            }
        }
        let mut events = Vec::with_capacity(stored.len());
        for event in &stored {
            // A forgotten event has nothing to tell.
            if let Some(happened) = self.app.read(event).await.map_err(error)? {
                events.push(happened);
            }
        }
        Ok(Seen::News(events))
    }

    fn position(&self) -> Position {
        Position(self.follower.position())
    }

    /// The viewer's sight as it is now; losing the portal ends the subscription.
    async fn look(&self) -> Result<View> {
        match self.app.view(self.person, self.practice, self.portal, None).await {
            Err(app::Error::NotFound) => Err(error(app::Error::Forbidden)),
            other => other.map_err(error),
        }
    }

    /// Losing sight of the one thing that is followed ends the subscription, too.
    async fn may_go_on(&self, shown: Shown) -> Result<()> {
        let is_seen = match shown {
            Shown::All => true,
            Shown::Coachee(coachee) => self.look().await?.scope.sees(Thing::Profile).row(coachee.into(), None, false),
            Shown::Session(session) => {
                self.look().await?.one::<domain::session::Session>(session).await.map_err(error)?.is_some()
            }
        };
        if is_seen { Ok(()) } else { Err(error(app::Error::Forbidden)) }
    }

    /// What changed in the events' rows, as the viewer sees it now.
    async fn changes<C: Change>(&self, events: &[Happened], shown: Shown) -> Result<Vec<C>> {
        let view = self.look().await?;
        let mut changes = match self.portal {
            Portal::Coach => self.sight::<C>(&view, events, shown),
            Portal::Coachee => Vec::new(),
        };
        let mut done: Vec<(Table, Uuid)> = Vec::new();
        for happened in events {
            for (table, row) in app::touched(happened) {
                let when = happened.when;
                // The row may be the viewer's to see and what happened to it not: then they learn nothing of it.
                let rules = [table.thing(), happened.event.sees()];
                if !rules.into_iter().all(|rule| view.scope.sees(rule).row(when.subject, when.owner, false)) {
                    continue;
                }
                let Some((table, row)) = shown.row(&view, happened, (table, row)).await? else { continue };
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
        }
        Ok(changes)
    }

    /// How the events changed the viewer's sight: what came into it cannot be told piece by piece, what left it is gone.
    /// Read from the events and not from two looks, so that who was away meanwhile is told too.
    fn sight<C: Change>(&self, view: &View, events: &[Happened], shown: Shown) -> Vec<C> {
        let (mut has_widened, mut lost) = (false, Vec::new());
        for happened in events {
            let domain::Event::Practice(event) = &happened.event else { continue };
            let client = happened.when.subject;
            let is_seen = view.scope.sees(Thing::Profile).row(client, None, false);
            if let practice::Event::CoachRoleSet { person, .. } = event {
                has_widened |= *person == self.person;
            } else if let practice::Event::AccessGranted { coach, .. } = event {
                has_widened |= *coach == self.person && is_seen && shown.is_about(client);
            } else if let practice::Event::AccessRevoked { coach, .. } = event {
                let is_lost = *coach == self.person && !is_seen && shown.is_about(client);
                if is_lost && !lost.contains(&client) {
                    lost.push(client);
                }
            }
        }
        let widened = has_widened.then(|| C::resync(ResyncRequired { at_least: Position(view.position) }));
        let gone = lost.into_iter().map(|client| C::gone(Gone { id: id(CoacheeId::of(client.uuid())) }));
        widened.into_iter().chain(gone).collect()
    }
}

/// The items of a watch: until it is dropped, or the viewer may look no more.
fn items<C: Change, I: Send + 'static>(
    mut watch: Watch,
    shown: Shown,
    item: impl Fn(Position, Vec<C>) -> I + Send + 'static,
) -> impl Stream<Item = Result<I>> {
    async_stream::stream! {
        loop {
            let next = async {
                let seen = watch.next(COALESCED_MAX).await?;
                Ok(match seen {
                    Seen::News(events) => Some(watch.changes::<C>(&events, shown).await?),
                    Seen::Nothing => None,
                })
            };
            let changes: Result<Option<Vec<C>>> = next.await;
            match changes {
                Ok(Some(changes)) if changes.is_empty() => {}
                Ok(changes) => yield Ok(item(watch.position(), changes.unwrap_or_default())),
                Err(ended) => {
                    yield Err(ended);
                    return;
                }
            }
            if let Err(ended) = watch.may_go_on(shown).await {
                yield Err(ended);
                return;
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
        let mut watch = Watch::begin(ctx, practice_id.0, None, after).await?;
        let filter = filter.unwrap_or_default();
        Ok(async_stream::stream! {
            loop {
                let next = async {
                    Ok(match watch.next(COALESCED_MAX).await? {
                        Seen::News(events) => Some((watch.look().await?, events)),
                        Seen::Nothing => None,
                    })
                };
                let seen: Result<Option<(View, Vec<Happened>)>> = next.await;
                match seen {
                    Ok(Some((view, events))) => {
                        for happened in events {
                            let when = happened.when;
                            if view.scope.sees_entry(happened.event.sees(), when.subject, when.owner) && filter.passes(&happened) {
                                yield Ok(ActivityItem { position: Position(when.seq), entry: Some(ActivityEntry::new(&happened)) });
                            }
                        }
                    }
                    Ok(None) => yield Ok(ActivityItem { position: watch.position(), entry: None }),
                    Err(ended) => {
                        yield Err(ended);
                        return;
                    }
                }
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
        let watch = Watch::begin(ctx, practice_id.0, Some(Portal::Coach), after).await?;
        Ok(items(watch, Shown::All, |position, changes| CoachPortalItem { position, changes }))
    }

    /// What changes in a practice, as a coachee sees it.
    async fn coachee_portal_changes(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<CoacheePortalItem>> + use<>> {
        let watch = Watch::begin(ctx, practice_id.0, Some(Portal::Coachee), after).await?;
        Ok(items(watch, Shown::All, |position, changes| CoacheePortalItem { position, changes }))
    }

    /// What changes in one coachee's plan, for both sides.
    async fn plan(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        coachee_id: Id<CoacheeId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<PlanItem>> + use<>> {
        let watch = Watch::begin(ctx, practice_id.0, None, after).await?;
        let coachee = coachee_id.0;
        watch
            .look()
            .await?
            .one::<domain::coachee::Coachee>(coachee)
            .await
            .map_err(error)?
            .ok_or_else(|| error(app::Error::NotFound))?;
        Ok(items(watch, Shown::Coachee(coachee), |position, changes| PlanItem { position, changes }))
    }

    /// What changes in one session, its notes and its next steps; for coaches.
    async fn live_session(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        id: Id<SessionId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<LiveSessionItem>> + use<>> {
        let watch = Watch::begin(ctx, practice_id.0, Some(Portal::Coach), after).await?;
        watch
            .look()
            .await?
            .one::<domain::session::Session>(id.0)
            .await
            .map_err(error)?
            .ok_or_else(|| error(app::Error::NotFound))?;
        Ok(items(watch, Shown::Session(id.0), |position, changes| LiveSessionItem { position, changes }))
    }
}
