//! Subscriptions: every one can resume from a position, gets each event once, in order, and sees what its viewer may now.
//!
//! All follow the practice's log. `activity` gives the entries themselves; the others give the present state of what
//! changed, coalesced while catching up. The viewer's scope is looked up anew with every item: who lost access is told
//! `FORBIDDEN` and the subscription ends; what was taken from their sight is `Gone`; what came into it cannot be told
//! piece by piece, so they are asked to load again (`ResyncRequired`).

use std::sync::Arc;
use std::time::Duration;

use app::follow::Follower;
use app::{App, Happened, View};
use async_graphql::{Context, ID, SimpleObject, Subscription, Union};
use domain::Table;
use domain::account::Portal;
use domain::id::{CoacheeId, Id as _, LogId, PersonId, PracticeId};
use domain::sight::{Scope, Side};
use futures_util::Stream;
use uuid::Uuid;

use crate::activity::{ActivityEntry, ActivityFilter};
use crate::coachee::{Coachee, CoacheeProfile};
use crate::plan::{Action, Goal, Milestone};
use crate::practice::{Coach, Practice};
use crate::scalars::{Id, Position, id};
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
            Table::address | Table::account | Table::login | Table::portal | Table::coach_invitation | Table::access | Table::coachee_email
            | Table::coachee_invitation | Table::activation | Table::authorization | Table::unit | Table::session | Table::notes
            | Table::next_step => Ok(Loaded::Ignored),
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
            Table::practice | Table::member | Table::address | Table::account | Table::login | Table::portal | Table::coach_invitation | Table::access
            | Table::coachee_email | Table::coachee_invitation | Table::activation | Table::authorization | Table::unit | Table::session | Table::notes
            | Table::next_step => Ok(Loaded::Ignored),
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
            Table::coachee | Table::practice | Table::member | Table::address | Table::account | Table::login | Table::portal
            | Table::coach_invitation | Table::access | Table::coachee_email | Table::coachee_invitation | Table::activation | Table::authorization | Table::unit | Table::session | Table::notes
            | Table::next_step => Ok(Loaded::Ignored),
        )
    }
    fn gone(gone: Gone) -> Self {
        Self::Gone(gone)
    }
    fn resync(resync: ResyncRequired) -> Self {
        Self::ResyncRequired(resync)
    }
}

/// Whose eyes follow a practice, and how far they have seen.
struct Watch {
    app: App,
    person: PersonId,
    practice: PracticeId,
    portal: Portal,
    follower: Follower,
    scope: Arc<Scope>,
}

/// What a watch saw: events, or nothing for a while.
enum Seen {
    News(Vec<Happened>),
    Nothing,
}

impl Watch {
    async fn begin(ctx: &Context<'_>, practice: PracticeId, portal: Option<Portal>, after: Option<Position>) -> Result<Self> {
        let (app, person) = (app(ctx)?.clone(), viewer(ctx)?.person()?);
        let (view, portal) = match portal {
            Some(portal) => (app.view(person, practice, portal, None).await.map_err(error)?, portal),
            None => match app.view(person, practice, Portal::Coach, None).await {
                Err(app::Error::NotFound) => (app.view(person, practice, Portal::Coachee, None).await.map_err(error)?, Portal::Coachee),
                other => (other.map_err(error)?, Portal::Coach),
            },
        };
        let after = after.map_or(view.position, |position| position.0);
        if after > view.position {
            return Err(error(app::Error::BadRequest("this practice's log has not come to that position yet".to_owned())));
        }
        let follower = app.follow(LogId::Practice(practice), after);
        Ok(Self { scope: view.scope.clone(), app, person, practice, portal, follower })
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

    /// What changed in the events' rows, as the viewer sees it now.
    async fn changes<C: Change>(&mut self, events: &[Happened], shown: impl Fn(&Happened, Table, Uuid) -> bool) -> Result<Vec<C>> {
        let view = self.look().await?;
        let mut changes = self.difference::<C>(&view);
        let mut done: Vec<(Table, Uuid)> = Vec::new();
        for happened in events {
            for (table, row) in app::touched(happened) {
                let when = happened.when;
                let visible = view.scope.sees(table.thing()).row(when.subject, when.owner, false);
                if !visible || done.contains(&(table, row)) || !shown(happened, table, row) {
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
        self.scope = view.scope.clone();
        Ok(changes)
    }

    /// What came into the viewer's sight or left it.
    fn difference<C: Change>(&self, view: &View) -> Vec<C> {
        let (was, is) = (clients(&self.scope.side), clients(&view.scope.side));
        let mut changes = Vec::new();
        if self.scope.is_manager() != view.scope.is_manager() || is.iter().any(|coachee| !was.contains(coachee)) {
            changes.push(C::resync(ResyncRequired { at_least: Position(view.position) }));
        }
        changes.extend(was.iter().filter(|coachee| !is.contains(coachee) && !view.scope.is_manager()).map(|coachee| C::gone(Gone { id: id(coachee) })));
        changes
    }
}

fn clients(side: &Side) -> Vec<CoacheeId> {
    match side {
        Side::Manager => Vec::new(),
        Side::Coach(coachees) => coachees.clone(),
        Side::Coachee(coachee, _) => vec![*coachee],
    }
}

/// The items of a watch: until it is dropped, or the viewer may look no more.
fn items<C: Change, I: Send + 'static>(
    mut watch: Watch,
    shown: impl Fn(&Happened, Table, Uuid) -> bool + Send + Sync + 'static,
    item: impl Fn(Position, Vec<C>) -> I + Send + 'static,
) -> impl Stream<Item = Result<I>> {
    async_stream::stream! {
        loop {
            let next = async {
                let seen = watch.next(COALESCED_MAX).await?;
                Ok(match seen {
                    Seen::News(events) => Some(watch.changes::<C>(&events, &shown).await?),
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
        }
    }
}

/// What portals follow.
#[derive(Default)]
pub struct LiveSubscription;

#[Subscription]
impl LiveSubscription {
    /// Entries of the activity log that the viewer may review, each once, in order, from any position.
    async fn activity(&self, ctx: &Context<'_>, practice_id: Id<PracticeId>, filter: Option<ActivityFilter>, after: Option<Position>) -> Result<impl Stream<Item = Result<ActivityItem>> + use<>> {
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
    async fn coach_portal_changes(&self, ctx: &Context<'_>, practice_id: Id<PracticeId>, after: Option<Position>) -> Result<impl Stream<Item = Result<CoachPortalItem>> + use<>> {
        let watch = Watch::begin(ctx, practice_id.0, Some(Portal::Coach), after).await?;
        Ok(items(watch, |_, _, _| true, |position, changes| CoachPortalItem { position, changes }))
    }

    /// What changes in a practice, as a coachee sees it.
    async fn coachee_portal_changes(&self, ctx: &Context<'_>, practice_id: Id<PracticeId>, after: Option<Position>) -> Result<impl Stream<Item = Result<CoacheePortalItem>> + use<>> {
        let watch = Watch::begin(ctx, practice_id.0, Some(Portal::Coachee), after).await?;
        Ok(items(watch, |_, _, _| true, |position, changes| CoacheePortalItem { position, changes }))
    }

    /// What changes in one coachee's plan, for both sides.
    async fn plan(&self, ctx: &Context<'_>, practice_id: Id<PracticeId>, coachee_id: Id<CoacheeId>, after: Option<Position>) -> Result<impl Stream<Item = Result<PlanItem>> + use<>> {
        let watch = Watch::begin(ctx, practice_id.0, None, after).await?;
        let coachee = coachee_id.0;
        watch.look().await?.one::<domain::coachee::Coachee>(coachee).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        Ok(items(watch, move |happened, _, _| happened.when.subject == coachee.into(), |position, changes| PlanItem { position, changes }))
    }
}

