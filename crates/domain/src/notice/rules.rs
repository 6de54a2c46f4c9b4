//! What is news, and to whom: the one table.
//!
//! [`news`] says of every event whether it is news and of what kind; [`told`] to whom it is, given who did it. Both are
//! exhaustive: a new event or kind does not compile before its line is here. Nobody is told of what they did themself, and
//! of what the product does by itself nobody is told.

use serde::{Deserialize, Serialize};

use crate::coachee::Coachee;
use crate::fold::When;
use crate::id::{
    ActionId, AppointmentId, AssessmentId, FileId, GoalId, Id as _, MessageId, MilestoneId, NoteId, PersonId,
    QuestionId, SeriesId,
};
use crate::plan::{Duration, Maker};
use crate::row::{Column, Type, Value};
use crate::text::facts;
use crate::{Event, appointment, assessment, file, message, note, plan, question};

/// A kind of notice: what preferences are kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The coachee set an action (S3.11).
    ActionAdded,
    /// The coachee changed one, or how far it is, or what makes it again and again (S2.21, S2.22, S3.13, S3.18).
    ActionChanged,
    /// The coachee deleted one.
    ActionDeleted,
    /// The other side said something about one.
    ActionCommented,
    /// The coachee set a goal (S2.28, S3.16).
    GoalAdded,
    /// The coachee changed one, or its milestones, or reached it, or it is open again (S2.28).
    GoalChanged,
    /// The coachee deleted one.
    GoalDeleted,
    /// A coach assigned an assessment to the coachee.
    AssessmentAssigned,
    /// A coach asked the coachee once more to fill one in.
    AssessmentReminded,
    /// The coachee submitted one.
    AssessmentSubmitted,
    /// A coach asked the coachee a question.
    QuestionAssigned,
    /// The coachee answered one.
    QuestionAnswered,
    /// The other side said something about one.
    QuestionCommented,
    /// The coachee shared a note.
    NoteShared,
    /// The other side said something about a shared note.
    NoteCommented,
    /// The other side shared a file (S2.30, S3.20).
    FileShared,
    /// The other side sent a message.
    MessageReceived,
    /// The other side made an appointment.
    AppointmentAdded,
    /// The other side moved one, or an occurrence of it, or changed where it is.
    AppointmentChanged,
    /// The other side cancelled one, or some of its occurrences.
    AppointmentCancelled,
    /// The coachee said whether they come.
    AppointmentAnswered,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 21] = [
        Self::NoteShared,
        Self::NoteCommented,
        Self::FileShared,
        Self::MessageReceived,
        Self::AssessmentAssigned,
        Self::AssessmentReminded,
        Self::AssessmentSubmitted,
        Self::QuestionAssigned,
        Self::QuestionAnswered,
        Self::QuestionCommented,
        Self::ActionAdded,
        Self::ActionChanged,
        Self::ActionDeleted,
        Self::ActionCommented,
        Self::GoalAdded,
        Self::GoalChanged,
        Self::GoalDeleted,
        Self::AppointmentAdded,
        Self::AppointmentChanged,
        Self::AppointmentCancelled,
        Self::AppointmentAnswered,
    ];

    /// The word by which lists are filtered.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ActionAdded => "action_added",
            Self::ActionChanged => "action_changed",
            Self::ActionDeleted => "action_deleted",
            Self::ActionCommented => "action_commented",
            Self::GoalAdded => "goal_added",
            Self::GoalChanged => "goal_changed",
            Self::GoalDeleted => "goal_deleted",
            Self::AssessmentAssigned => "assessment_assigned",
            Self::AssessmentReminded => "assessment_reminded",
            Self::AssessmentSubmitted => "assessment_submitted",
            Self::QuestionAssigned => "question_assigned",
            Self::QuestionAnswered => "question_answered",
            Self::QuestionCommented => "question_commented",
            Self::NoteShared => "note_shared",
            Self::NoteCommented => "note_commented",
            Self::FileShared => "file_shared",
            Self::MessageReceived => "message_received",
            Self::AppointmentAdded => "appointment_added",
            Self::AppointmentChanged => "appointment_changed",
            Self::AppointmentCancelled => "appointment_cancelled",
            Self::AppointmentAnswered => "appointment_answered",
        }
    }

    /// What somebody did, as it is said after their name.
    pub const fn says(self) -> &'static str {
        match self {
            Self::ActionAdded => "added an action",
            Self::ActionChanged => "changed an action",
            Self::ActionDeleted => "deleted an action",
            Self::ActionCommented => "commented on an action",
            Self::GoalAdded => "set a goal",
            Self::GoalChanged => "changed a goal",
            Self::GoalDeleted => "deleted a goal",
            Self::AssessmentAssigned => "assigned you an assessment",
            Self::AssessmentReminded => "reminds you of an assessment",
            Self::AssessmentSubmitted => "submitted an assessment",
            Self::QuestionAssigned => "asks you a question",
            Self::QuestionAnswered => "answered a question",
            Self::QuestionCommented => "commented on a question",
            Self::NoteShared => "shared a note",
            Self::NoteCommented => "commented on a note",
            Self::FileShared => "shared a file",
            Self::MessageReceived => "sent you a message",
            Self::AppointmentAdded => "made an appointment",
            Self::AppointmentChanged => "changed an appointment",
            Self::AppointmentCancelled => "cancelled an appointment",
            Self::AppointmentAnswered => "answered an appointment",
        }
    }

    /// Whether it is mailed. Of what happens to an appointment both learn by a mail of its own, with what a calendar takes
    /// over: there is no second one. Its answers are shown in the portal.
    pub const fn is_mailed(self) -> bool {
        match self {
            Self::ActionAdded
            | Self::ActionChanged
            | Self::ActionDeleted
            | Self::ActionCommented
            | Self::GoalAdded
            | Self::GoalChanged
            | Self::GoalDeleted
            | Self::AssessmentAssigned
            | Self::AssessmentReminded
            | Self::AssessmentSubmitted
            | Self::QuestionAssigned
            | Self::QuestionAnswered
            | Self::QuestionCommented
            | Self::NoteShared
            | Self::NoteCommented
            | Self::FileShared
            | Self::MessageReceived => true,
            Self::AppointmentAdded
            | Self::AppointmentChanged
            | Self::AppointmentCancelled
            | Self::AppointmentAnswered => false,
        }
    }
}

impl Column for Kind {
    const TYPE: Type = Type::Text;
    fn value(&self) -> Value {
        Value::Text(self.word().to_owned())
    }
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Matter {
    /// A goal.
    Goal(GoalId),
    /// A milestone.
    Milestone(MilestoneId),
    /// An action.
    Action(ActionId),
    /// An assessment.
    Assessment(AssessmentId),
    /// A coaching question.
    Question(QuestionId),
    /// A note.
    Note(NoteId),
    /// A file.
    File(FileId),
    /// A message.
    Message(MessageId),
    /// An appointment.
    Appointment(AppointmentId),
    /// What makes an action again and again.
    Series(SeriesId),
}

impl Matter {
    /// Its prefix and UUID.
    pub fn id(self) -> (&'static str, uuid::Uuid) {
        match self {
            Self::Goal(id) => (GoalId::PREFIX, id.uuid()),
            Self::Milestone(id) => (MilestoneId::PREFIX, id.uuid()),
            Self::Action(id) => (ActionId::PREFIX, id.uuid()),
            Self::Assessment(id) => (AssessmentId::PREFIX, id.uuid()),
            Self::Question(id) => (QuestionId::PREFIX, id.uuid()),
            Self::Note(id) => (NoteId::PREFIX, id.uuid()),
            Self::File(id) => (FileId::PREFIX, id.uuid()),
            Self::Message(id) => (MessageId::PREFIX, id.uuid()),
            Self::Appointment(id) => (AppointmentId::PREFIX, id.uuid()),
            Self::Series(id) => (SeriesId::PREFIX, id.uuid()),
        }
    }
}

/// A field that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Changed {
    /// The title.
    Title,
    /// The description.
    Description,
    /// The day.
    Due,
    /// How far it is.
    Progress,
    /// A goal's milestones.
    Milestones,
    /// Whether it is complete.
    Complete,
    /// The last day of a series.
    Until,
    /// How many actions a series makes.
    Times,
    /// When a series was ended.
    Ended,
}

impl Changed {
    /// The field, as the API names it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::Due => "dueOn",
            Self::Progress => "progress",
            Self::Milestones => "milestones",
            Self::Complete => "complete",
            Self::Until => "until",
            Self::Times => "times",
            Self::Ended => "endedAt",
        }
    }
}

facts!(Kind, Matter, Changed);

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The coach who leads the coachee.
    Lead,
    /// The coachee.
    Coachee,
    /// A coach by name, whoever leads.
    Coach,
}

/// To whom an event is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// The lead, where the coachee did it.
    Lead,
    /// The lead, where the coachee did it, and the action is a coach's, or the coachee has it monitored (S2.22).
    LeadWhoMonitors(ActionId),
    /// The same; and the coachee, where a coach did it.
    OtherWhoMonitors(ActionId),
    /// The coachee, where a coach did it.
    Coachee,
    /// The other side: the lead of what the coachee did, the coachee of what a coach did.
    Other,
    /// This coach, where the coachee did it; the coachee, where a coach did.
    OtherOf(PersonId),
}

/// An event that may be news to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What happened.
    pub kind: Kind,
    /// To what.
    pub about: Matter,
    /// Which of its fields changed.
    pub changed: Vec<Changed>,
    /// To whom.
    pub to: For,
}

/// What of an action's history decides who is told of it. It is read from the log, for an action that was deleted has no
/// row any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who set it; nobody where the product did.
    pub author: Option<PersonId>,
    /// Whether the coachee set it, whichever account was theirs then.
    pub is_coachees: bool,
    /// Whether its author has it monitored by the coach.
    pub is_monitored: bool,
}

/// The kinds of events that [`Origin::then`] looks at.
pub const ORIGIN_READS: &[&str] = &["plan.action_added", "plan.action_monitoring_set"];

impl Origin {
    /// The origin after one more event of the action's history. What a series makes is of whoever set the series.
    #[must_use]
    pub fn then(self, event: &Event, when: &When) -> Self {
        if let Event::Plan(plan::Event::ActionAdded { by, occurrence, .. }) = event {
            let is_coachees = *by == Some(Maker::Coachee);
            match occurrence {
                Some(it) => Self { author: it.author, is_coachees, is_monitored: it.monitored },
                None => Self { author: when.actor, is_coachees, is_monitored: false },
            }
        } else if let Event::Plan(plan::Event::ActionMonitoringSet { monitored, .. }) = event {
            Self { is_monitored: monitored.now, ..self }
        } else {
            self
        }
    }
}

/// The kinds of events that may be news: those of which [`news`] says so.
pub const READS: &[&str] = &[
    "plan.goal_added",
    "plan.goal_changed",
    "plan.goal_completed",
    "plan.goal_reopened",
    "plan.goal_deleted",
    "plan.milestone_added",
    "plan.milestone_changed",
    "plan.milestone_deleted",
    "plan.action_added",
    "plan.action_changed",
    "plan.action_progressed",
    "plan.action_deleted",
    "plan.comment_added",
    "plan.series_changed",
    "plan.series_ended",
    "assessment.assigned",
    "assessment.reminded",
    "assessment.submitted",
    "question.assigned",
    "question.answered",
    "question.commented",
    "note.shared",
    "note.discussed",
    "file.shared",
    "message.sent",
    "appointment.added",
    "appointment.rescheduled",
    "appointment.occurrence_moved",
    "appointment.occurrence_cancelled",
    "appointment.following_cancelled",
    "appointment.cancelled",
    "appointment.answered",
];

/// What of an event may be news.
pub fn news(event: &Event) -> Option<News> {
    match event {
        Event::Plan(event) => plan_news(event),
        Event::Assessment(event) => assessment_news(event),
        Event::Question(event) => question_news(event),
        Event::Note(event) => note_news(event),
        Event::File(event) => file_news(event),
        Event::Message(event) => message_news(event),
        Event::Appointment(event) => appointment_news(event),
        Event::Account(_)
        | Event::Practice(_)
        | Event::Coachee(_)
        | Event::Group(_)
        | Event::Authorization(_)
        | Event::Session(_)
        | Event::Reading(_)
        | Event::Notice(_) => None,
    }
}

/// Goals and their milestones: whatever the coachee does to them. That a goal was reached, or is open again, is news; that
/// a milestone is complete is none of its own: it follows from a change of an action, which is. So it is with how a series
/// begins: its first action comes with it and is news, and those to come are made by the product. What the coachee does to
/// a series later is news as it is with an action: its events say whose it is, and whether it is monitored.
fn plan_news(event: &plan::Event) -> Option<News> {
    use plan::Event as It;
    let goal =
        |id: &GoalId, kind, changed: Vec<Changed>| News { kind, about: Matter::Goal(*id), changed, to: For::Lead };
    let action =
        |id: &ActionId, kind, changed: Vec<Changed>, to| News { kind, about: Matter::Action(*id), changed, to };
    let series =
        |id: &SeriesId, changed| News { kind: Kind::ActionChanged, about: Matter::Series(*id), changed, to: For::Lead };
    Some(match event {
        It::GoalAdded { goal: id, .. } => goal(id, Kind::GoalAdded, Vec::new()),
        It::GoalChanged { goal: id, title, due } => {
            let changed = [title.as_ref().map(|_| Changed::Title), due.as_ref().map(|_| Changed::Due)];
            goal(id, Kind::GoalChanged, changed.into_iter().flatten().collect())
        }
        It::GoalCompleted { goal: id } | It::GoalReopened { goal: id } => {
            goal(id, Kind::GoalChanged, vec![Changed::Complete])
        }
        It::GoalDeleted { goal: id } => goal(id, Kind::GoalDeleted, Vec::new()),
        It::MilestoneAdded { goal: id, .. } | It::MilestoneDeleted { goal: id, .. } => {
            goal(id, Kind::GoalChanged, vec![Changed::Milestones])
        }
        It::MilestoneChanged { milestone, .. } => News {
            kind: Kind::GoalChanged,
            about: Matter::Milestone(*milestone),
            changed: vec![Changed::Milestones],
            to: For::Lead,
        },
        It::ActionAdded { action: id, .. } => action(id, Kind::ActionAdded, Vec::new(), For::Lead),
        It::ActionChanged { action: id, title, description, due } => {
            let changed = [
                title.as_ref().map(|_| Changed::Title),
                description.as_ref().map(|_| Changed::Description),
                due.as_ref().map(|_| Changed::Due),
            ];
            let changed = changed.into_iter().flatten().collect();
            action(id, Kind::ActionChanged, changed, For::LeadWhoMonitors(*id))
        }
        It::ActionProgressed { action: id, .. } => {
            action(id, Kind::ActionChanged, vec![Changed::Progress], For::LeadWhoMonitors(*id))
        }
        It::ActionDeleted { action: id, .. } => action(id, Kind::ActionDeleted, Vec::new(), For::LeadWhoMonitors(*id)),
        It::CommentAdded { action: id, .. } => {
            action(id, Kind::ActionCommented, Vec::new(), For::OtherWhoMonitors(*id))
        }
        It::SeriesChanged { by: Maker::Coachee, monitored: false, .. }
        | It::SeriesEnded { by: Maker::Coachee, monitored: false, .. } => return None,
        It::SeriesChanged { series: id, title, description, duration, .. } => {
            let words = [title.as_ref().map(|_| Changed::Title), description.as_ref().map(|_| Changed::Description)];
            let lasts = duration.as_ref().map(|change| lasting(change.now));
            let lasted = duration.as_ref().and_then(|change| change.was).map(lasting).filter(|was| Some(*was) != lasts);
            series(id, words.into_iter().chain([lasts, lasted]).flatten().collect())
        }
        It::SeriesEnded { series: id, .. } => series(id, vec![Changed::Ended]),
        It::MilestoneCompleted { .. }
        | It::MilestoneReopened { .. }
        | It::ActionMonitoringSet { .. }
        | It::CommentChanged { .. }
        | It::CommentDeleted { .. }
        | It::SeriesStarted { .. }
        | It::SeriesSkipped { .. } => return None,
    })
}

/// The field that says for how long a series goes on.
const fn lasting(duration: Duration) -> Changed {
    match duration {
        Duration::Until(_) => Changed::Until,
        Duration::Times(_) => Changed::Times,
    }
}

/// Assessments: that one is to be filled in, and that it was. Drafts are the coachee's alone.
fn assessment_news(event: &assessment::Event) -> Option<News> {
    use assessment::Event as It;
    let of = |id: &AssessmentId, kind, to| Some(News { kind, about: Matter::Assessment(*id), changed: Vec::new(), to });
    match event {
        It::Assigned { assessment, .. } => of(assessment, Kind::AssessmentAssigned, For::Coachee),
        It::Reminded { assessment, .. } => of(assessment, Kind::AssessmentReminded, For::Coachee),
        It::Submitted { assessment, .. } => of(assessment, Kind::AssessmentSubmitted, For::Lead),
        It::TemplateCreated { .. }
        | It::TemplateRemoved { .. }
        | It::DraftSaved { .. }
        | It::Reset { .. }
        | It::Deleted { .. } => None,
    }
}

/// Coaching questions: asked, answered, and what is said about them.
fn question_news(event: &question::Event) -> Option<News> {
    use question::Event as It;
    let of = |id: &QuestionId, kind, to| Some(News { kind, about: Matter::Question(*id), changed: Vec::new(), to });
    match event {
        It::Assigned { question, .. } => of(question, Kind::QuestionAssigned, For::Coachee),
        It::Answered { question, .. } => of(question, Kind::QuestionAnswered, For::Lead),
        It::Commented { question, .. } => of(question, Kind::QuestionCommented, For::Other),
    }
}

/// Notes: that the coachee shared one, and what is said about a shared one. All others are their author's alone.
fn note_news(event: &note::Event) -> Option<News> {
    use note::Event as It;
    let of = |id: &NoteId, kind, to| Some(News { kind, about: Matter::Note(*id), changed: Vec::new(), to });
    match event {
        It::Shared { note, .. } => of(note, Kind::NoteShared, For::Lead),
        It::Discussed { note, .. } => of(note, Kind::NoteCommented, For::Other),
        It::Written { .. }
        | It::Titled { .. }
        | It::Saved { .. }
        | It::Diverged { .. }
        | It::Unshared { .. }
        | It::Commented { .. }
        | It::Deleted { .. } => None,
    }
}

/// Files: that one was shared, with its upload or later. Of private ones nobody is told.
fn file_news(event: &file::Event) -> Option<News> {
    match event {
        file::Event::Shared { file } => {
            let (kind, about) = (Kind::FileShared, Matter::File(*file));
            Some(News { kind, about, changed: Vec::new(), to: For::Other })
        }
        file::Event::Uploaded { .. } | file::Event::Unshared { .. } | file::Event::Deleted { .. } => None,
    }
}

/// Messages: each is told to whom it is for, which is the conversation's coach or the coachee.
fn message_news(event: &message::Event) -> Option<News> {
    match event {
        message::Event::Sent { message, coach, .. } => {
            let (kind, about) = (Kind::MessageReceived, Matter::Message(*message));
            Some(News { kind, about, changed: Vec::new(), to: For::OtherOf(*coach) })
        }
        message::Event::Read { .. } => None,
    }
}

/// Appointments: what becomes of one is told to the other of the two. That a session was started from it is no news.
fn appointment_news(event: &appointment::Event) -> Option<News> {
    use appointment::Event as It;
    let of = |id: &AppointmentId, kind, coach: &PersonId| {
        Some(News { kind, about: Matter::Appointment(*id), changed: Vec::new(), to: For::OtherOf(*coach) })
    };
    match event {
        It::Added { appointment, coach, .. } => of(appointment, Kind::AppointmentAdded, coach),
        It::Rescheduled { appointment, coach, .. } | It::OccurrenceMoved { appointment, coach, .. } => {
            of(appointment, Kind::AppointmentChanged, coach)
        }
        It::OccurrenceCancelled { appointment, coach, .. }
        | It::FollowingCancelled { appointment, coach, .. }
        | It::Cancelled { appointment, coach, .. } => of(appointment, Kind::AppointmentCancelled, coach),
        It::Answered { appointment, coach, .. } => of(appointment, Kind::AppointmentAnswered, coach),
        It::Held { .. } | It::FeedCreated { .. } | It::FeedRevoked { .. } => None,
    }
}

impl News {
    /// The action whose history decides who is told, if one does.
    pub const fn hangs_on(&self) -> Option<ActionId> {
        match self.to {
            For::Lead | For::Coachee | For::Other | For::OtherOf(_) => None,
            For::LeadWhoMonitors(action) | For::OtherWhoMonitors(action) => Some(action),
        }
    }
}

/// Who is told that somebody did this to a coachee's things: the side, and the person.
pub fn told(news: &News, by: PersonId, coachee: &Coachee, origin: Origin) -> Option<(To, PersonId)> {
    let by_coachee = coachee.person == Some(by);
    let lead = coachee.lead.map(|lead| (To::Lead, lead));
    let themself = coachee.person.map(|person| (To::Coachee, person));
    // Asked only where the coachee did it.
    let is_own = origin.is_coachees || origin.author == Some(by);
    let monitors = !is_own || origin.is_monitored;
    let told = match news.to {
        For::Lead => lead.filter(|_| by_coachee),
        For::LeadWhoMonitors(_) => lead.filter(|_| by_coachee && monitors),
        For::OtherWhoMonitors(_) => {
            if by_coachee {
                lead.filter(|_| monitors)
            } else {
                themself
            }
        }
        For::Coachee => themself.filter(|_| !by_coachee),
        For::OtherOf(coach) => {
            if by_coachee {
                Some((To::Coach, coach))
            } else {
                themself
            }
        }
        For::Other => {
            if by_coachee {
                lead
            } else {
                themself
            }
        }
    };
    told.filter(|(_, recipient)| *recipient != by)
}
