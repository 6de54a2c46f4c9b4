//! Relay's `node`: a thing by its id alone, looked for where the viewer is a member.

use app::View;
use async_graphql::{Context, ID, Interface};
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
    somebody(ctx)?;
    let parsed = parse(id)?;
    let found = look_for(ctx, &[parsed]).await?.pop().flatten();
    found.map(Some).ok_or_else(|| error(app::Error::NotFound))
}

/// The things of these ids.
pub async fn find_all(ctx: &Context<'_>, ids: &[ID]) -> Result<Vec<Option<Node>>> {
    if ids.len() > 100 {
        return Err(bad(format!("At most 100 ids can be asked for at once; {} were.", ids.len())));
    }
    // What is no id names nothing: its place stays empty, as that of an id that is not the viewer's to see.
    let parsed: Vec<Option<Parsed<'_>>> = ids.iter().map(|id| parse(id).ok()).collect();
    let known: Vec<Parsed<'_>> = parsed.iter().flatten().copied().collect();
    if viewer(ctx)?.somebody().is_none() || known.is_empty() {
        return Ok(ids.iter().map(|_| None).collect());
    }
    let mut found = look_for(ctx, &known).await?.into_iter();
    Ok(parsed.iter().map(|parsed| parsed.and_then(|_| found.next()).flatten()).collect())
}

fn somebody(ctx: &Context<'_>) -> Result<PersonId> {
    viewer(ctx)?.somebody().ok_or_else(|| error(app::Error::Unauthenticated))
}

/// An id's prefix and UUID.
type Parsed<'i> = (&'i str, uuid::Uuid);

fn parse(id: &ID) -> Result<Parsed<'_>> {
    domain::id::parse(id).ok_or_else(|| bad("This is not an id that the API gave out."))
}

/// Looks for these things in each portal of the viewer, those of one kind together, until all are found.
async fn look_for(ctx: &Context<'_>, ids: &[Parsed<'_>]) -> Result<Vec<Option<Node>>> {
    let (app, viewer, person) = (app(ctx)?, viewer(ctx)?, somebody(ctx)?);
    let reader = reader(ctx, person)?;
    let (_, portals, _) = app.account(person).await.map_err(error)?;
    let mut found: Vec<Option<Node>> = ids.iter().map(|_| None).collect();
    // A program looks only where its token reaches.
    for portal in portals.into_iter().filter(|portal| viewer.in_portal(portal.practice, portal.portal).is_ok()) {
        if found.iter().all(Option::is_some) {
            break;
        }
        let view = match app.view(&reader, portal.practice, portal.portal, None).await {
            Ok(view) => view,
            Err(app::Error::NotFound) => continue,
            Err(other) => return Err(error(other)),
        };
        let (view, missing) = (&view, found.iter_mut().zip(ids).filter(|(node, _)| node.is_none()));
        let loads = missing.map(|(node, (prefix, uuid))| async move {
            *node = load(view, prefix, *uuid).await?;
            Ok::<_, async_graphql::Error>(())
        });
        try_join_all(loads).await?;
    }
    Ok(found)
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
