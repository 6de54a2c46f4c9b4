//! Relay's `node`: a thing by its id alone, looked for where the viewer is a member.

use std::borrow::Cow;

use app::{App, Reader, View};
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, ID, Interface, OutputType, Positioned, ServerResult, Value};
use domain::account::Portal;
use domain::id::{
    ActionId, AppointmentId, AssessmentId, AuthorizationId, CoacheeId, CommentId, ConversationId, FileId, GoalId,
    GroupId, Id as _, MessageId, MilestoneId, NextStepId, NoteCommentId, NoteId, NoticeId, PersonId, PracticeId,
    QuestionId, SeriesId, SessionId,
};
use domain::note;
use domain::notice::Notice;
use futures_util::future::try_join_all;

use crate::appointment::Appointment;
use crate::assessment::Assessment;
use crate::authorization::Authorization;
use crate::coachee::{Coachee, CoacheeProfile};
use crate::file::File;
use crate::group::Group;
use crate::message::{Conversation, Message};
use crate::note::{Note, NoteComment};
use crate::notice::Notification;
use crate::plan::{Action, ActionSeries, Comment, Goal, Milestone};
use crate::practice::{Coach, Practice};
use crate::question::CoachingQuestion;
use crate::session::steps::NextStep;
use crate::session::{CoacheeSession, Session};
use crate::words::{Result, app, bad, error, reader, viewer};

/// Something with an id of its own.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Its id, the same everywhere."))]
pub enum Node {
    /// A practice.
    Practice(Practice),
    /// A coach.
    Coach(Coach),
    /// A coachee's file.
    Coachee(Coachee),
    /// A coachee's own profile.
    CoacheeProfile(CoacheeProfile),
    /// One of the viewer's own groups.
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
    /// A session.
    Session(Session),
    /// One of the viewer's own sessions as a coachee.
    CoacheeSession(CoacheeSession),
    /// A next step.
    NextStep(NextStep),
    /// An appointment.
    Appointment(Appointment),
    /// An authorization.
    Authorization(Authorization),
    /// An assessment.
    Assessment(Assessment),
    /// A coaching question.
    CoachingQuestion(CoachingQuestion),
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
    /// One of the viewer's own notifications.
    Notification(Notification),
}

/// The thing of this id in the practices of the viewer.
pub async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    let person = viewer(ctx)?.somebody().ok_or_else(|| error(app::Error::Unauthenticated))?;
    let (looking, parsed) = (Looking::of(ctx, person).await?, parse(id)?);
    for portal in &looking.portals {
        if let Some(found) = looking.look_in(*portal, &[Some(parsed)]).await?.pop().flatten() {
            return Ok(Some(found));
        }
    }
    Err(error(app::Error::NotFound))
}

/// The things of these ids.
pub async fn find_all(ctx: &Context<'_>, ids: Vec<ID>) -> Result<Nodes> {
    if ids.len() > 100 {
        return Err(bad(format!("At most 100 ids can be asked for at once; {} were.", ids.len())));
    }
    let looking = match viewer(ctx)?.somebody() {
        Some(person) if ids.iter().any(|id| parse(id).is_ok()) => Some(Looking::of(ctx, person).await?),
        Some(_) | None => None,
    };
    Ok(Nodes { ids, looking })
}

/// An id's prefix and UUID.
type Parsed<'i> = (&'i str, uuid::Uuid);

fn parse(id: &ID) -> Result<Parsed<'_>> {
    domain::id::parse(id).ok_or_else(|| bad("This is not an id that the API gave out."))
}

/// Who looks, and where.
struct Looking {
    app: App,
    reader: Reader,
    portals: Vec<(PracticeId, Portal)>,
}

impl Looking {
    /// In each portal of the viewer; a program looks only where its token reaches.
    async fn of(ctx: &Context<'_>, person: PersonId) -> Result<Self> {
        let (app, viewer) = (app(ctx)?, viewer(ctx)?);
        let (_, portals, _) = app.account(person).await.map_err(error)?;
        let portals = portals.into_iter().map(|portal| (portal.practice, portal.portal));
        let portals = portals.filter(|(practice, portal)| viewer.in_portal(*practice, *portal).is_ok()).collect();
        Ok(Self { app: app.clone(), reader: reader(ctx, person)?, portals })
    }

    /// What a portal shows of these ids, those of one kind read together; nothing of any where it was taken away.
    async fn look_in(
        &self,
        (practice, portal): (PracticeId, Portal),
        ids: &[Option<Parsed<'_>>],
    ) -> Result<Vec<Option<Node>>> {
        let view = match self.app.view(&self.reader, practice, portal, None).await {
            Ok(view) => view,
            Err(app::Error::NotFound) => return Ok(ids.iter().map(|_| None).collect()),
            Err(other) => return Err(error(other)),
        };
        let (view, ids) = (&view, ids.iter().copied());
        let load = async |id| match id {
            Some((prefix, uuid)) => load(view, prefix, uuid).await,
            None => Ok(None),
        };
        try_join_all(ids.map(load)).await
    }
}

/// Things by their ids, in the order of those. What is no id names nothing: its place stays empty, as that of an id that
/// is not the viewer's to see.
pub struct Nodes {
    ids: Vec<ID>,
    looking: Option<Looking>,
}

/// As what they are answered.
type Listed = Vec<Option<Node>>;

impl OutputType for Nodes {
    fn type_name() -> Cow<'static, str> {
        Listed::type_name()
    }

    fn qualified_type_name() -> String {
        Listed::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Listed::create_type_info(registry)
    }

    /// Portal by portal: what one shows is answered to its end, and its view let go of, before the next one is opened.
    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let mut missing: Vec<Option<Parsed<'_>>> = self.ids.iter().map(|id| parse(id).ok()).collect();
        let mut answer = vec![Value::Null; self.ids.len()];
        let Some(looking) = &self.looking else { return Ok(Value::List(answer)) };
        for portal in &looking.portals {
            if missing.iter().all(Option::is_none) {
                break;
            }
            let found: Listed = looking
                .look_in(*portal, &missing)
                .await
                .map_err(|failed| ctx.set_error_path(failed.into_server_error(field.pos)))?;
            let are_there: Vec<bool> = found.iter().map(Option::is_some).collect();
            let Value::List(shown) = OutputType::resolve(&found, ctx, field).await? else { continue };
            for (((answer, missing), shown), is_there) in answer.iter_mut().zip(&mut missing).zip(shown).zip(are_there)
            {
                if is_there {
                    (*answer, *missing) = (shown, None);
                }
            }
        }
        Ok(Value::List(answer))
    }
}

async fn load(view: &View, prefix: &str, uuid: uuid::Uuid) -> Result<Option<Node>> {
    Ok(match prefix {
        PracticeId::PREFIX if view.oneself().is_none() => {
            view.one(PracticeId::of(uuid)).await.map_err(error)?.map(|row| Node::Practice(Practice::new(view, row)))
        }
        PersonId::PREFIX if view.oneself().is_none() => {
            view.one(PersonId::of(uuid)).await.map_err(error)?.map(|row| Node::Coach(Coach::new(view, row)))
        }
        CoacheeId::PREFIX => view.one(CoacheeId::of(uuid)).await.map_err(error)?.map(|row| match view.oneself() {
            Some(_) => Node::CoacheeProfile(CoacheeProfile::new(view, row)),
            None => Node::Coachee(Coachee::new(view, row)),
        }),
        GroupId::PREFIX if view.oneself().is_none() => {
            view.one(GroupId::of(uuid)).await.map_err(error)?.map(|row| Node::Group(Group::new(view, row)))
        }
        GoalId::PREFIX => view.one(GoalId::of(uuid)).await.map_err(error)?.map(|row| Node::Goal(Goal::new(view, row))),
        MilestoneId::PREFIX => {
            view.one(MilestoneId::of(uuid)).await.map_err(error)?.map(|row| Node::Milestone(Milestone::new(view, row)))
        }
        ActionId::PREFIX => {
            view.one(ActionId::of(uuid)).await.map_err(error)?.map(|row| Node::Action(Action::new(view, row)))
        }
        SeriesId::PREFIX => {
            let row = view.one(SeriesId::of(uuid)).await.map_err(error)?;
            row.map(|row| Node::ActionSeries(ActionSeries::new(view, row)))
        }
        CommentId::PREFIX => {
            view.one(CommentId::of(uuid)).await.map_err(error)?.map(|row| Node::Comment(Comment::new(view, row)))
        }
        SessionId::PREFIX => view.one(SessionId::of(uuid)).await.map_err(error)?.map(|row| match view.oneself() {
            Some(_) => Node::CoacheeSession(CoacheeSession::new(view, row)),
            None => Node::Session(Session::new(view, row)),
        }),
        NextStepId::PREFIX => {
            view.one(NextStepId::of(uuid)).await.map_err(error)?.map(|row| Node::NextStep(NextStep::new(view, row)))
        }
        AssessmentId::PREFIX => view
            .one(AssessmentId::of(uuid))
            .await
            .map_err(error)?
            .map(|row| Node::Assessment(Assessment::new(view, row))),
        QuestionId::PREFIX => view
            .one(QuestionId::of(uuid))
            .await
            .map_err(error)?
            .map(|row| Node::CoachingQuestion(CoachingQuestion::new(view, row))),
        AppointmentId::PREFIX => view
            .one(AppointmentId::of(uuid))
            .await
            .map_err(error)?
            .map(|row| Node::Appointment(Appointment::new(view, row))),
        AuthorizationId::PREFIX if view.oneself().is_none() => view
            .one(AuthorizationId::of(uuid))
            .await
            .map_err(error)?
            .map(|row| Node::Authorization(Authorization::new(view, row))),
        NoteId::PREFIX => {
            view.one::<note::Note>(NoteId::of(uuid)).await.map_err(error)?.map(|row| Node::Note(Note::new(view, row)))
        }
        NoteCommentId::PREFIX => view
            .one(NoteCommentId::of(uuid))
            .await
            .map_err(error)?
            .map(|row| Node::NoteComment(NoteComment::new(view, row))),
        FileId::PREFIX => view.one(FileId::of(uuid)).await.map_err(error)?.map(|row| Node::File(File::new(view, row))),
        ConversationId::PREFIX => view
            .one(ConversationId::of(uuid))
            .await
            .map_err(error)?
            .map(|row| Node::Conversation(Conversation::new(view, row))),
        MessageId::PREFIX => {
            view.one(MessageId::of(uuid)).await.map_err(error)?.map(|row| Node::Message(Message::new(view, row)))
        }
        NoticeId::PREFIX => {
            let row: Option<Notice> = view.one(NoticeId::of(uuid)).await.map_err(error)?;
            row.filter(|row| row.is_shown).map(|row| Node::Notification(Notification::new(view, row)))
        }
        _ => None,
    })
}
