//! Notifications: what the viewer is told of what others did. In the domain they are notices.
//!
//! A notification says what kind of thing changed, which of its fields and by whom, and leads to the thing, which is
//! shown only where the viewer may still see it. Each is its recipient's alone.

pub(crate) mod preferences;

use std::collections::BTreeMap;

use app::View;
use app::view::{Direction, Filter, Value, Wanted};
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject, Union};
use domain::account::{Portal, Right};
use domain::coachee::Coachee;
use domain::id::{BoardId, LogId, NoticeId, PracticeId};
use domain::notice::{self, Board, Matter, Notice, READ_MAX, ReadNotices, Refusal};

use crate::appointment::Appointment;
use crate::assessment::Assessment;
use crate::file::File;
use crate::message::Message;
use crate::note::Note;
use crate::page::{Asked, Cursor, List, is};
use crate::plan::{Action, ActionSeries, Goal, Milestone};
use crate::question::CoachingQuestion;
use crate::scalars::{DateTime, Id, Position, id};
use crate::words::{Result, UserError, app, coach_name, error, reader, send, viewer};

/// What happened; preferences are kept by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "notice::Kind")]
pub enum NotificationKind {
    /// To the coach: the coachee added an action.
    ActionAdded,
    /// To the coach: the coachee changed an action or how far it is. Of their own actions only while they have them
    /// monitored.
    ActionChanged,
    /// To the coach: the coachee deleted an action. Of their own only where they had it monitored.
    ActionDeleted,
    /// To the other side: somebody said something about an action. To the coach about the coachee's own actions only while
    /// they have them monitored.
    ActionCommented,
    /// To the coach: the coachee set a goal.
    GoalAdded,
    /// To the coach: the coachee changed a goal or its milestones, reached it, or opened it again.
    GoalChanged,
    /// To the coach: the coachee deleted a goal.
    GoalDeleted,
    /// To the coachee: a coach assigned an assessment.
    AssessmentAssigned,
    /// To the coachee: a coach asked once more for an assessment.
    AssessmentReminded,
    /// To the coach: the coachee submitted an assessment.
    AssessmentSubmitted,
    /// To the coachee: a coach asked a question.
    QuestionAssigned,
    /// To the coach: the coachee answered a question.
    QuestionAnswered,
    /// To the other side: somebody said something about a question.
    QuestionCommented,
    /// To the coach: the coachee shared a note.
    NoteShared,
    /// To the other side: somebody said something about a shared note.
    NoteCommented,
    /// To the other side: a file was shared.
    FileShared,
    /// To the other side: a message was sent.
    MessageReceived,
    /// To the other side: an appointment was made. Of appointments there are mails with calendar entries; notifications of
    /// them are in the portal only.
    AppointmentAdded,
    /// To the other side: an appointment, or one occurrence of it, was moved or changed.
    AppointmentChanged,
    /// To the other side: an appointment, or some of its occurrences, were cancelled.
    AppointmentCancelled,
    /// To the coach: the coachee said whether they come.
    AppointmentAnswered,
}

/// Something that the viewer is told of what another did.
pub struct Notification {
    view: View,
    row: Notice,
}

impl Notification {
    /// From its row.
    pub fn new(view: &View, row: Notice) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Notification {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// What happened.
    async fn kind(&self) -> NotificationKind {
        self.row.kind.into()
    }
    /// When the viewer was told.
    async fn at(&self) -> DateTime {
        DateTime(self.row.at)
    }
    /// Its place in the practice's log: all up to one can be marked as read.
    async fn position(&self) -> Position {
        Position(self.row.seq)
    }
    /// Whether it was not marked as read.
    async fn unread(&self) -> bool {
        self.row.is_unread
    }
    /// The coachee whom it is about.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// Who did it.
    async fn by_id(&self) -> ID {
        id(self.row.by)
    }
    /// Their name; nothing where they are in the practice no more.
    async fn by_name(&self) -> Result<Option<String>> {
        let coachee = self.view.one::<Coachee>(self.row.coachee).await.map_err(error)?;
        if let Some(coachee) = coachee.filter(|coachee| coachee.person == Some(self.row.by)) {
            return Ok(Some(coachee.full_name()));
        }
        coach_name(&self.view, self.row.by).await
    }
    /// Which of its fields changed, as the API names them; empty where it came into being or was deleted.
    async fn changed_fields(&self) -> Vec<&'static str> {
        self.row.changed.iter().map(|field| field.word()).collect()
    }
    /// The id of what it is about.
    async fn thing_id(&self) -> ID {
        let (prefix, uuid) = self.row.about.id();
        id(domain::id::text(prefix, uuid))
    }
    /// What it is about, as it is now; nothing where that was deleted, or is not the viewer's to see any more.
    async fn thing(&self) -> Result<Option<NotificationThing>> {
        let view = &self.view;
        macro_rules! thing {
            ($id:ident: $thing:ident) => {
                thing!($id: $thing as $thing)
            };
            ($id:ident: $object:ident as $thing:ident) => {
                view.one($id).await.map_err(error)?.map(|row| NotificationThing::$thing($object::new(view, row)))
            };
        }
        Ok(match self.row.about {
            Matter::Goal(id) => thing!(id: Goal),
            Matter::Milestone(id) => thing!(id: Milestone),
            Matter::Action(id) => thing!(id: Action),
            Matter::Series(id) => thing!(id: ActionSeries),
            Matter::Assessment(id) => thing!(id: Assessment),
            Matter::Question(id) => thing!(id: CoachingQuestion as Question),
            Matter::Note(id) => thing!(id: Note),
            Matter::File(id) => thing!(id: File),
            Matter::Message(id) => thing!(id: Message),
            Matter::Appointment(id) => thing!(id: Appointment),
        })
    }
}

/// What a notification is about.
#[derive(Union)]
pub enum NotificationThing {
    /// A goal.
    Goal(Goal),
    /// A milestone.
    Milestone(Milestone),
    /// An action.
    Action(Action),
    /// An assessment.
    Assessment(Assessment),
    /// A coaching question.
    Question(CoachingQuestion),
    /// A note.
    Note(Note),
    /// A file.
    File(File),
    /// A message.
    Message(Message),
    /// An appointment.
    Appointment(Appointment),
    /// What makes an action again and again.
    ActionSeries(ActionSeries),
}

/// How many notifications the viewer has not read yet, in this portal.
pub struct UnreadNotifications(View);

impl UnreadNotifications {
    /// That the number kept in this row has changed.
    pub(crate) fn new(view: &View, _: Board) -> Self {
        Self::of(view)
    }

    /// As this view shows it.
    pub(crate) fn of(view: &View) -> Self {
        Self(view.clone())
    }
}

#[Object]
impl UnreadNotifications {
    /// How many.
    #[graphql(name = "unreadCount")]
    async fn count(&self) -> Result<u32> {
        Ok(sum(boards(&self.0).await?.into_iter().map(|board| board.unread)))
    }
}

/// How many unread notifications somebody sees: the fold keeps the numbers, a row for each coachee.
async fn boards(view: &View) -> Result<Vec<Board>> {
    /// More than any coach has coachees.
    const BOARDS_MAX: u32 = 10_000;
    let wanted = Wanted {
        filters: vec![is("owner", view.scope.person), Filter::Gt("unread".to_owned(), Value::Int(0))],
        limit: BOARDS_MAX,
        ..Wanted::default()
    };
    let page = view.list::<Board>(&wanted).await.map_err(error)?;
    Ok(page.rows.into_iter().map(|(row, _)| row).collect())
}

fn sum(numbers: impl Iterator<Item = u32>) -> u32 {
    numbers.fold(0, u32::saturating_add)
}

/// Which notifications.
#[derive(Default, InputObject)]
pub struct NotificationFilter {
    /// Only unread ones, or only those that were read.
    unread: Option<bool>,
    /// Only of these kinds.
    kinds: Option<Vec<NotificationKind>>,
}

/// The viewer's notifications in a portal.
pub struct Notifications(pub View);

#[Object]
impl Notifications {
    /// What the viewer is told of what others did, the newest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn notifications(
        &self,
        filter: Option<NotificationFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Notification, UnreadNotifications>> {
        let filter = filter.unwrap_or_default();
        let mut list = List { order: vec![("seq", Direction::Descending)], ..List::default() };
        list = list.only(is("owner", self.0.scope.person)).only(yes("shown", true));
        if let Some(unread) = filter.unread {
            list = list.only(yes("unread", unread));
        }
        if let Some(kinds) = filter.kinds {
            let words = kinds.into_iter().map(|kind| Value::Text(notice::Kind::from(kind).word().to_owned()));
            list = list.only(Filter::In("kind".to_owned(), words.collect()));
        }
        let (view, count) = (self.0.clone(), UnreadNotifications(self.0.clone()));
        let asked = Asked { after, before, first, last };
        list.connection_with(&self.0, &asked, count, move |row| Notification::new(&view, row)).await
    }
}

fn yes(column: &str, value: bool) -> Filter {
    Filter::Eq(column.to_owned(), Value::Bool(value))
}

/// Marks notifications as read: either those that are named, or all up to a position.
#[derive(InputObject)]
pub struct MarkNotificationsReadInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// These: at most 500.
    ids: Option<Vec<Id<NoticeId>>>,
    /// All up to this position, the oldest 500 first: where `unreadCount` says that there are more, ask again.
    up_to: Option<Position>,
}

/// What became of marking notifications as read.
#[derive(SimpleObject)]
pub struct MarkNotificationsReadPayload {
    /// How many are unread since, in all of the viewer's portals of the practice. Nothing where it was refused.
    unread_count: Option<u32>,
    /// The log's position since. Nothing where it was refused.
    position: Option<Position>,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

/// Notifications.
#[derive(Default)]
pub struct NoticeMutation;

#[Object]
impl NoticeMutation {
    /// Marks notifications as read. Those that were read before stay so.
    async fn mark_notifications_read(
        &self,
        ctx: &Context<'_>,
        input: MarkNotificationsReadInput,
    ) -> Result<Option<MarkNotificationsReadPayload>> {
        let practice = input.practice_id.0;
        let (person, _) = viewer(ctx)?.reach(practice, Right::Write)?;
        let notices = match (input.ids, input.up_to) {
            (Some(ids), None) => Ok(ids.into_iter().map(|id| id.0).collect()),
            (None, Some(position)) => Ok(unread_until(ctx, practice, position.0).await?),
            (Some(_), Some(_)) | (None, None) => Err(UserError::from(domain::Refusal::from(Refusal::NotOneChoice))),
        };
        let make = |_: &crate::words::New<'_>| notices.map(|notices| ReadNotices { reader: person, notices });
        Ok(Some(match send(ctx, LogId::Practice(practice), make).await? {
            Ok(done) => {
                let unread_count = Some(unread_since(ctx, practice, done.position).await?);
                let position = Some(Position(done.position));
                MarkNotificationsReadPayload { unread_count, position, errors: Vec::new() }
            }
            Err(refused) => MarkNotificationsReadPayload { unread_count: None, position: None, errors: vec![refused] },
        }))
    }
}

/// How many notifications are unread in all of the viewer's portals of a practice. Who is a coach and a coachee of it may
/// see one in both: each is counted once.
async fn unread_since(ctx: &Context<'_>, practice: PracticeId, position: u64) -> Result<u32> {
    let mut found: BTreeMap<BoardId, u32> = BTreeMap::new();
    for portal in viewer(ctx)?.reach(practice, Right::Read)?.1 {
        let Some(view) = look(ctx, practice, portal, Some(position)).await? else { continue };
        found.extend(boards(&view).await?.into_iter().map(|board| (board.id, board.unread)));
    }
    Ok(sum(found.into_values()))
}

/// The viewer's unread notifications up to a position, the oldest first, in all their portals of a practice.
async fn unread_until(ctx: &Context<'_>, practice: PracticeId, position: u64) -> Result<Vec<NoticeId>> {
    let (mut found, mut has_portal) = (BTreeMap::new(), false);
    for portal in viewer(ctx)?.reach(practice, Right::Read)?.1 {
        let Some(view) = look(ctx, practice, portal, None).await? else { continue };
        has_portal = true;
        let wanted = Wanted {
            filters: vec![
                is("owner", view.scope.person),
                yes("unread", true),
                yes("shown", true),
                Filter::Le("seq".to_owned(), Value::Int(i64::try_from(position).unwrap_or(i64::MAX))),
            ],
            order: vec![("seq", Direction::Ascending)],
            limit: u32::try_from(READ_MAX).unwrap_or(u32::MAX),
            ..Wanted::default()
        };
        let page = view.list::<Notice>(&wanted).await.map_err(error)?;
        found.extend(page.rows.into_iter().map(|(row, _)| (row.seq, row.id)));
    }
    if has_portal { Ok(found.into_values().take(READ_MAX).collect()) } else { Err(error(app::Error::NotFound)) }
}

/// What the viewer sees of a practice through a portal of it; nothing where they have no such one. A view holds a
/// connection: whoever looks through several lets go of one before they open the next.
async fn look(ctx: &Context<'_>, practice: PracticeId, portal: Portal, at_least: Option<u64>) -> Result<Option<View>> {
    let (person, _) = viewer(ctx)?.reach(practice, Right::Read)?;
    match app(ctx)?.view(&reader(ctx, person)?, practice, portal, at_least).await {
        Ok(view) => Ok(Some(view)),
        Err(app::Error::NotFound) => Ok(None),
        Err(other) => Err(error(other)),
    }
}
