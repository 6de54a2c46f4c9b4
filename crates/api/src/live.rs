//! Subscriptions: every one can resume from a position, gets each event once, in order, and sees what its viewer may now.
//!
//! All follow the practice's log through a [`Watch`], which says what is to be told and to whom. `activity` gives the
//! entries themselves; the others give the present state of what changed, coalesced while catching up. Who lost the portal
//! is told `FORBIDDEN` and the subscription ends; what was taken from the viewer's sight is `Gone`; what came into it
//! cannot be told piece by piece, so they are asked to load again (`ResyncRequired`).

mod shown;

use std::collections::HashSet;
use std::future::ready;
use std::time::Duration;

use app::View;
use app::watch::{Focus, News, Row, Watch};
use async_graphql::{Context, ID, SimpleObject, Subscription, Union};
use domain::Table;
use domain::account::{Portal, Right};
use domain::id::{
    AccessId, ActionId, AppointmentId, AssessmentId, AuthorizationId, BoardId, CoacheeId, CommentId, ConversationId,
    FileId, GoalId, GroupId, Id as _, InvitationId, MessageId, MilestoneId, NextStepId, NoteCommentId, NoteId,
    NoticeId, PersonId, PracticeId, QuestionCommentId, QuestionId, SeriesId, SessionId, TemplateId,
};
use futures_util::Stream;
use futures_util::future::try_join_all;
use tokio::time::Instant;
use uuid::Uuid;

use crate::activity::{ActivityEntry, ActivityFilter};
use crate::appointment::Appointment;
use crate::assessment::{Assessment, AssessmentTemplate};
use crate::authorization::Authorization;
use crate::coachee::{Coachee, CoacheeProfile};
use crate::file::File;
use crate::group::{Group, groups_of};
use crate::message::{Conversation, Message};
use crate::note::{Note, NoteComment};
use crate::notice::{Notification, UnreadNotifications};
use crate::plan::{Action, ActionSeries, Comment, Goal, Milestone};
use crate::practice::{Access, Coach, CoachCard, CoachInvitation, Practice, PracticeCard};
use crate::question::{CoachingQuestion, QuestionComment};
use crate::scalars::{Id, Position, id};
use crate::session::steps::NextStep;
use crate::session::{CoacheeSession, Session};
use crate::words::{Result, app, error, reader, viewer};
use shown::{Shown, shown};

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
#[derive(SimpleObject)]
pub struct Gone {
    /// Its id.
    id: ID,
}

/// The viewer sees more than before, or has missed too much to be told piece by piece: load again, and subscribe after
/// that. An item that says so says nothing else.
#[derive(SimpleObject)]
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
    /// One of the viewer's own groups, also where only its coachees changed.
    Group(Group),
    /// A goal.
    Goal(Goal),
    /// A milestone.
    Milestone(Milestone),
    /// An action.
    Action(Action),
    /// What makes an action again and again.
    ActionSeries(ActionSeries),
    /// A comment on an action.
    Comment(Comment),
    /// A session, also where only its notes changed.
    Session(Session),
    /// A next step.
    NextStep(NextStep),
    /// An authorization.
    Authorization(Authorization),
    /// A form that can be assigned.
    AssessmentTemplate(AssessmentTemplate),
    /// An assessment.
    Assessment(Assessment),
    /// A coaching question.
    CoachingQuestion(CoachingQuestion),
    /// A comment on one.
    QuestionComment(QuestionComment),
    /// A note.
    Note(Note),
    /// A comment on a note.
    NoteComment(NoteComment),
    /// A file.
    File(File),
    /// A conversation.
    Conversation(Conversation),
    /// A message.
    Message(Message),
    /// An appointment, with its occurrences.
    Appointment(Appointment),
    /// One of the viewer's own notifications.
    Notification(Notification),
    /// How many of them are unread.
    Unread(UnreadNotifications),
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
    /// What makes an action again and again.
    ActionSeries(ActionSeries),
    /// A comment on an action.
    Comment(Comment),
    /// A session.
    Session(CoacheeSession),
    /// A next step.
    NextStep(NextStep),
    /// An assessment, also where only its draft changed.
    Assessment(Assessment),
    /// A coaching question.
    CoachingQuestion(CoachingQuestion),
    /// A comment on one.
    QuestionComment(QuestionComment),
    /// A note.
    Note(Note),
    /// A comment on a note.
    NoteComment(NoteComment),
    /// A file.
    File(File),
    /// A conversation.
    Conversation(Conversation),
    /// A message.
    Message(Message),
    /// An appointment, with its occurrences.
    Appointment(Appointment),
    /// One of the viewer's own notifications.
    Notification(Notification),
    /// How many of them are unread.
    Unread(UnreadNotifications),
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
    /// What makes an action again and again.
    ActionSeries(ActionSeries),
    /// A comment on an action.
    Comment(Comment),
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

/// What changed in a conversation.
#[derive(Union)]
pub(crate) enum ConversationChange {
    /// The conversation as it is now: how far each has read, what is unread.
    Conversation(Conversation),
    /// A message that was sent.
    Message(Message),
    /// Something that is there no more.
    Gone(Gone),
    /// Load again.
    ResyncRequired(ResyncRequired),
}

/// What changed among the viewer's notifications.
#[derive(Union)]
pub(crate) enum NotificationChange {
    /// A notification: a new one, or one that was marked as read.
    Notification(Notification),
    /// How many are unread.
    Unread(UnreadNotifications),
    /// Something that is there no more: with a coachee all notifications about them.
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

item! { #[doc = "What changed for a coach."] CoachPortalItem of CoachPortalChange }
item! { #[doc = "What changed for a coachee."] CoacheePortalItem of CoacheePortalChange }
item! { #[doc = "What changed in a coachee's plan."] PlanItem of PlanChange }
item! { #[doc = "What changed in a conversation."] ConversationItem of ConversationChange }
item! { #[doc = "What changed among the viewer's notifications."] NotificationItem of NotificationChange }
item! { #[doc = "What changed in a session."] LiveSessionItem of LiveSessionChange }

/// What a change can be made of.
trait Change: Sized + Send + 'static {
    /// The present state of a row, if this kind of change shows rows of that table.
    fn load(view: &View, table: Table, id: Uuid) -> impl Future<Output = Result<Loaded<Self>>> + Send;
    fn gone(gone: Gone) -> Self;
    fn resync(resync: ResyncRequired) -> Self;
    /// How many notifications are unread, if this kind of change shows that: with a coachee go those about them.
    fn unread(_: &View) -> Option<Self> {
        None
    }
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

/// Declares of which tables a kind of change shows rows, each by its id, and as what; perhaps only those for which
/// something holds.
macro_rules! shows {
    ($change:ident $(counts $unread:ident)? { $($table:ident by $id:ident => $variant:ident($make:expr) $(if $holds:expr)?,)+ }) => {
        impl Change for $change {
            async fn load(view: &View, table: Table, id: Uuid) -> Result<Loaded<Self>> {
                $(if table == Table::$table {
                    let row = view.one($id::of(id)).await;
                    $(if row.as_ref().is_ok_and(|row| row.as_ref().is_some_and(|row| !$holds(row))) {
                        return Ok(Loaded::Ignored);
                    })?
                    return Loaded::of(row, |row| Self::$variant($make(view, row)));
                })+
                Ok(Loaded::Ignored)
            }
            fn gone(gone: Gone) -> Self {
                Self::Gone(gone)
            }
            fn resync(resync: ResyncRequired) -> Self {
                Self::ResyncRequired(resync)
            }
            $(fn unread(view: &View) -> Option<Self> {
                Some(Self::$unread(UnreadNotifications::of(view)))
            })?
        }
    };
}

shows! {
    CoachPortalChange counts Unread {
        practice by PracticeId => Practice(Practice::new),
        member by PersonId => Coach(Coach::new),
        coach_invitation by InvitationId => CoachInvitation(CoachInvitation::new),
        access by AccessId => Access(Access::new),
        coachee by CoacheeId => Coachee(Coachee::new),
        group by GroupId => Group(Group::new),
        goal by GoalId => Goal(Goal::new),
        milestone by MilestoneId => Milestone(Milestone::new),
        action by ActionId => Action(Action::new),
        action_series by SeriesId => ActionSeries(ActionSeries::new),
        comment by CommentId => Comment(Comment::new),
        session by SessionId => Session(Session::new),
        next_step by NextStepId => NextStep(NextStep::new),
        authorization by AuthorizationId => Authorization(Authorization::new),
        assessment_template by TemplateId => AssessmentTemplate(AssessmentTemplate::new),
        assessment by AssessmentId => Assessment(Assessment::new),
        question by QuestionId => CoachingQuestion(CoachingQuestion::new),
        question_comment by QuestionCommentId => QuestionComment(QuestionComment::new),
        note by NoteId => Note(Note::new),
        note_comment by NoteCommentId => NoteComment(NoteComment::new),
        file by FileId => File(File::new),
        conversation by ConversationId => Conversation(Conversation::new),
        message by MessageId => Message(Message::new),
        appointment by AppointmentId => Appointment(Appointment::new),
        notice by NoticeId => Notification(Notification::new) if is_shown,
        notice_board by BoardId => Unread(UnreadNotifications::new),
    }
}

fn is_shown(notice: &domain::notice::Notice) -> bool {
    notice.is_shown
}

const fn never<R>(_: &R) -> bool {
    false
}

shows! {
    CoacheePortalChange {
        practice by PracticeId => Practice(PracticeCard::new),
        member by PersonId => Coach(|_, row| CoachCard::new(&row)),
        coachee by CoacheeId => Profile(CoacheeProfile::new),
        goal by GoalId => Goal(Goal::new),
        milestone by MilestoneId => Milestone(Milestone::new),
        action by ActionId => Action(Action::new),
        action_series by SeriesId => ActionSeries(ActionSeries::new),
        comment by CommentId => Comment(Comment::new),
        session by SessionId => Session(CoacheeSession::new),
        next_step by NextStepId => NextStep(NextStep::new),
        assessment by AssessmentId => Assessment(Assessment::new),
        question by QuestionId => CoachingQuestion(CoachingQuestion::new),
        question_comment by QuestionCommentId => QuestionComment(QuestionComment::new),
        appointment by AppointmentId => Appointment(Appointment::new),
        note by NoteId => Note(Note::new),
        note_comment by NoteCommentId => NoteComment(NoteComment::new),
        file by FileId => File(File::new),
        conversation by ConversationId => Conversation(Conversation::new),
        message by MessageId => Message(Message::new),
        notice by NoticeId => Notification(Notification::new) if is_shown,
        notice_board by BoardId => Unread(UnreadNotifications::new),
    }
}

shows! {
    ConversationChange {
        conversation by ConversationId => Conversation(Conversation::new),
        message by MessageId => Message(Message::new),
    }
}

shows! {
    NotificationChange counts Unread {
        // Only that one is there no more.
        coachee by CoacheeId => Gone(|_, row: domain::coachee::Coachee| Gone { id: id(row.id) }) if never,
        notice by NoticeId => Notification(Notification::new) if is_shown,
        notice_board by BoardId => Unread(UnreadNotifications::new),
    }
}

shows! {
    PlanChange {
        goal by GoalId => Goal(Goal::new),
        milestone by MilestoneId => Milestone(Milestone::new),
        action by ActionId => Action(Action::new),
        action_series by SeriesId => ActionSeries(ActionSeries::new),
        comment by CommentId => Comment(Comment::new),
    }
}

shows! {
    LiveSessionChange {
        session by SessionId => Session(Session::new),
    }
}

/// Begins to watch: through this portal, or else as a coach where the viewer is one, and as a coachee where they are not.
async fn watch(
    ctx: &Context<'_>,
    practice: PracticeId,
    portal: Option<Portal>,
    after: Option<Position>,
) -> Result<Watch> {
    watch_only(ctx, practice, portal, after, |watch| ready(Ok(watch))).await
}

/// Begins to watch one thing, through whichever portal shows it: somebody may be a coach and a coachee of one practice.
async fn watch_only<F: Future<Output = std::result::Result<Watch, app::Error>>>(
    ctx: &Context<'_>,
    practice: PracticeId,
    portal: Option<Portal>,
    after: Option<Position>,
    of: impl Fn(Watch) -> F,
) -> Result<Watch> {
    let (app, viewer, after) = (app(ctx)?, viewer(ctx)?, after.map(|position| position.0));
    let (person, portals) = match portal {
        Some(portal) => (viewer.in_portal(practice, portal)?, vec![portal]),
        None => viewer.reach(practice, Right::Read)?,
    };
    let reader = reader(ctx, person)?;
    for portal in portals {
        // Boxed, so that who waits for what changes holds no room for having begun.
        let begun = Box::pin(async {
            match app.watch(&reader, practice, portal, after).await {
                Ok(watch) => of(watch).await,
                not => not,
            }
        });
        match begun.await {
            Err(app::Error::NotFound) => {}
            begun => return begun.map_err(error),
        }
    }
    Err(error(app::Error::NotFound))
}

/// The row to show where this one changed, if any. To who follows one session a next step is shown as the session.
async fn face(focus: Focus, view: &View, row: Row) -> Result<Option<Row>> {
    let face = match shown(row.table) {
        Shown::Itself => row,
        Shown::As(table) => Row { table, ..row },
        Shown::Nowhere => return Ok(None),
    };
    match focus {
        Focus::All | Focus::Coachee(_) => Ok(Some(face)),
        Focus::Session(session, _) if row.table == Table::next_step => {
            let step: Option<domain::session::NextStep> = view.one(NextStepId::of(row.id)).await.map_err(error)?;
            let step = step.filter(|step| step.session == session);
            Ok(step.map(|_| Row { table: Table::session, id: session.uuid(), ..row }))
        }
        Focus::Conversation(conversation, _) if row.table == Table::message => {
            let message: Option<domain::message::Message> = view.one(MessageId::of(row.id)).await.map_err(error)?;
            Ok(message.filter(|message| message.conversation == conversation).map(|_| row))
        }
        Focus::Conversation(conversation, _) => {
            Ok(Some(face).filter(|face| (face.table, face.id) == (Table::conversation, conversation.uuid())))
        }
        Focus::Session(session, _) => {
            Ok(Some(face).filter(|face| (face.table, face.id) == (Table::session, session.uuid())))
        }
    }
}

/// News as changes; empty where none of it is shown here.
async fn changes<C: Change>(focus: Focus, news: News) -> Result<Vec<C>> {
    let (view, rows, gone) = match news {
        News::Anew(at_least) => return Ok(vec![C::resync(ResyncRequired { at_least: Position(at_least) })]),
        News::Rows { view, rows, gone } => (view, rows, gone),
    };
    let mut lost: Vec<CoacheeId> = Vec::new();
    for it in &gone {
        match it {
            app::watch::Gone::Coachee(coachee) => lost.push(*coachee),
            app::watch::Gone::Coach(_) => {}
        }
    }
    let gone = gone.into_iter().map(|it| match it {
        app::watch::Gone::Coachee(coachee) => Gone { id: id(coachee) },
        app::watch::Gone::Coach(coach) => Gone { id: id(coach) },
    });
    let mut changes: Vec<C> = gone.map(C::gone).collect();
    // All are asked for before any is waited for, so that who comes back is shown what was missed in a statement a table.
    let faces = try_join_all(rows.into_iter().map(|row| face(focus, &view, row))).await?;
    let (mut rows, mut done) = (Vec::with_capacity(faces.len()), HashSet::with_capacity(faces.len()));
    rows.extend(faces.into_iter().flatten().filter(|row| done.insert((row.table, row.id))));
    let loading = rows.into_iter().map(async |row| {
        Result::Ok(match C::load(&view, row.table, row.id).await? {
            Loaded::There(change) => Some((change, None)),
            Loaded::Missing if row.is_known => {
                let gone = C::gone(Gone { id: id(domain::id::text(row.table.prefix(), row.id)) });
                Some((gone, (row.table == Table::coachee).then(|| CoacheeId::of(row.id))))
            }
            Loaded::Missing | Loaded::Ignored => None,
        })
    });
    let loaded: Vec<(C, Option<CoacheeId>)> = try_join_all(loading).await?.into_iter().flatten().collect();
    for (change, coachee) in loaded {
        changes.push(change);
        lost.extend(coachee);
    }
    if !lost.is_empty() {
        changes.extend(C::unread(&view));
        // No event changed the groups that they were in.
        let groups =
            groups_of(&view, &lost).await?.into_iter().filter(|group| done.insert((Table::group, group.uuid())));
        let loading = groups.map(|group| C::load(&view, Table::group, group.uuid()));
        for loaded in try_join_all(loading).await? {
            match loaded {
                Loaded::There(change) => changes.push(change),
                Loaded::Missing | Loaded::Ignored => {}
            }
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
                // Boxed, so that who waits holds no room for what is told.
                Ok(Some(news)) => Box::pin(changes::<C>(watch.focus(), news)).await,
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

/// What portals follow. An item of changes counts as a page of the largest size: it may hold more of them, but each is of
/// one kind, and a document's fields of all kinds are added up.
#[derive(Default)]
pub struct LiveSubscription;

#[Subscription(name = "Subscription")]
impl LiveSubscription {
    /// Entries of the activity log that the viewer may review, each once, in order, from any position: as a coach where they
    /// are one, else as a coachee.
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
                    Ok(Some(line)) if !filter.passes(line.happened()) && Instant::now() < until => continue,
                    Ok(Some(line)) => {
                        let position = Position(line.happened().when.seq);
                        // Long before the end of what does not pass, a client is told how far it has come.
                        let entry = filter.passes(line.happened()).then(|| ActivityEntry::Heard(line));
                        yield Ok(ActivityItem { position, entry });
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
    #[graphql(complexity = "100 * child_complexity + 1")]
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
    #[graphql(complexity = "100 * child_complexity + 1")]
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
    #[graphql(complexity = "100 * child_complexity + 1")]
    async fn plan(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        coachee_id: Id<CoacheeId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<PlanItem>> + use<>> {
        let watch = watch_only(ctx, practice_id.0, None, after, |watch| watch.of_coachee(coachee_id.0)).await?;
        Ok(items(watch, *ctx.data()?, |position, changes| PlanItem { position, changes }))
    }

    /// What changes in one conversation, for its two sides: messages, each once and in order, and how far each has read.
    #[graphql(complexity = "100 * child_complexity + 1")]
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        id: Id<ConversationId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<ConversationItem>> + use<>> {
        let watch = watch_only(ctx, practice_id.0, None, after, |watch| watch.of_conversation(id.0)).await?;
        Ok(items(watch, *ctx.data()?, |position, changes| ConversationItem { position, changes }))
    }

    /// The viewer's notifications as they come and are marked as read, and how many are unread: as a coach where they are
    /// one, else as a coachee.
    #[graphql(complexity = "100 * child_complexity + 1")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<NotificationItem>> + use<>> {
        let watch = watch(ctx, practice_id.0, None, after).await?;
        Ok(items(watch, *ctx.data()?, |position, changes| NotificationItem { position, changes }))
    }

    /// What changes in one session, its notes and its next steps; for coaches.
    #[graphql(complexity = "100 * child_complexity + 1")]
    async fn live_session(
        &self,
        ctx: &Context<'_>,
        practice_id: Id<PracticeId>,
        id: Id<SessionId>,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Result<LiveSessionItem>> + use<>> {
        let watch = watch_only(ctx, practice_id.0, Some(Portal::Coach), after, |watch| watch.of_session(id.0)).await?;
        Ok(items(watch, *ctx.data()?, |position, changes| LiveSessionItem { position, changes }))
    }
}
