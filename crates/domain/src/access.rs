//! Who may do what: one table over standings and deeds, from the facts S4.1–S4.8, S1.13, S2.7, S3.15 and their
//! decisions. Deny by default: a deed that is not named with a standing is not seen by it.

use serde::{Deserialize, Serialize};

/// A coach's level of access to a client (S4.4). Managers and the owner count as Admin everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Full access to that client's data (S4.7).
    User,
    /// User, and invitations, statuses, roles up to User Admin (S4.8).
    UserAdmin,
    /// Everything about that client (S4.5).
    Admin,
}

crate::text::facts!(Level);

/// As what somebody stands to what a deed is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The practice's founder; counts as manager.
    Owner,
    /// A dashboard manager.
    Manager,
    /// A coach, with their level of access to the client.
    Coach {
        /// Their access to the client that the deed is about, if any.
        level: Option<Level>,
        /// Whether the practice lets its coaches add coachees.
        may_add: bool,
        /// Whether the deed is about the coach's own settings.
        oneself: bool,
    },
    /// A coachee.
    Coachee {
        /// Whether the deed is about their own file.
        oneself: bool,
    },
    /// A company's point of contact.
    Contact,
    /// The person whose account it is.
    Oneself,
    /// Somebody signed in, before a practice that is not there yet.
    Founder,
    /// Somebody with no part in it.
    Stranger,
    /// Whoever has read something in a practice, before its access log. What they may read, sight has said.
    Reader,
    /// Nobody known, who may hold a link.
    Visitor,
    /// The product itself.
    System,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Ask for a sign-in link, or use one.
    SignIn,
    /// Keep one's own account: sign out, found a practice, join one.
    KeepAccount,
    /// Found a practice: the first event of its log.
    FoundPractice,
    /// Accept an invitation whose token one holds.
    AcceptInvitation,
    /// Change the practice's settings.
    ChangePractice,
    /// Add, promote or remove coaches (S4.3).
    ManageCoaches,
    /// Grant, change or revoke a coach's access to a client (S4.3).
    GrantAccess,
    /// Make somebody manager, or take it away; only the owner.
    ManageManagers,
    /// Change a coach's own settings (S1.12).
    ChangeCoachSettings,
    /// Add a coachee (S4.1, S4.3).
    AddCoachee,
    /// Correct a coachee's name and email (S2.7).
    ChangeCoachee,
    /// Erase a coachee for ever: Admin, for it takes away what every coach wrote about them.
    EraseCoachee,
    /// Deactivate a coachee, or bring them back (S4.8).
    DeactivateCoachee,
    /// Name the coach who leads: managers, and coaches with Admin.
    NameLead,
    /// Sort coachees into groups of one's own (S2.10).
    KeepGroups,
    /// Send or resend an invitation (S4.6, S4.8).
    InviteCoachee,
    /// Write the active goal, synopsis and what else belongs to the coach's work with a coachee (S4.7).
    WriteFile,
    /// Hold, change and log sessions (S4.7).
    HoldSessions,
    /// Make, move and cancel appointments (S2.16).
    KeepAppointments,
    /// Say whether one comes to an appointment: the coachee's alone.
    AnswerAppointments,
    /// Check next steps and change the plan: both sides (S2.27, S3.15).
    ChangePlan,
    /// Write notes for oneself, share one's own, comment on what one sees (S2.31–S2.33).
    WriteNotes,
    /// Upload files, share one's own, take them back and delete them (S2.29, S3.19).
    KeepFiles,
    /// Write messages to each other, and say how far one has read (S2.16).
    Converse,
    /// Have the coach told of what becomes of an action, or not: the coachee alone (S2.22).
    MonitorAction,
    /// Add, change and close authorizations: money (S4.3, S4.8).
    KeepAuthorizations,
    /// Make and remove forms of the practice: its coaches.
    KeepTemplates,
    /// Assign forms and coaching questions to a coachee (S2.16, S4.7).
    Assign,
    /// Answer them: the coachee alone.
    AnswerAssessments,
    /// Remind of, reset and delete assessments (S4.8, S4.9).
    KeepResults,
    /// Say something about a coaching question: both sides.
    DiscussQuestions,
    /// Enter in a practice's access log what one has read oneself.
    EnterReading,
    /// Tell somebody of what another did: a reaction's.
    Notify,
    /// Mark one's own notices as read.
    ReadNotices,
    /// Take the account's person off mails, by the link in one.
    Unsubscribe,
}

/// Whether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// The actor must not learn that it exists: `NOT_FOUND`.
    Unseen,
    /// The actor may see it, but not do this: `FORBIDDEN`.
    No,
    /// Yes.
    Yes,
}

/// By which rule a deed is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Whoever holds a link, which the command checks; and what members of the practice are told.
    Link { members: Answer },
    /// The person whose account it is.
    Account,
    /// Whoever founds the practice.
    Founder,
    /// Whoever has read something.
    Reader,
    /// The product itself, and nobody else.
    Product,
    /// Everybody who belongs to the practice; what is whose, the command looks.
    Members,
    /// The practice's own matter: its owner's.
    Owner,
    /// The practice's own matter: its managers', the owner among them.
    Managers,
    /// The practice's own matter: its coaches', whoever they see.
    Coaches,
    /// A client's matter that is the managers' alone; coaches who see the client may know.
    ManagersOfClient,
    /// A coach's own matter, and the managers'.
    CoachOneself,
    /// The managers', and the coaches' where the practice lets them.
    CoachesWhoMayAdd,
    /// A client's matter: coaches with at least this level, the managers among them; and the coachee whom it is about.
    Client { coach: Level, coachee: Answer },
    /// A matter of the coachee alone whom it is about; coaches who see the client may know.
    CoacheeOneself,
}

/// The table: a line a deed.
const fn rule(deed: Deed) -> Rule {
    use Answer::{No, Unseen, Yes};
    match deed {
        Deed::SignIn => Rule::Link { members: Unseen },
        Deed::AcceptInvitation => Rule::Link { members: Yes },
        Deed::KeepAccount => Rule::Account,
        Deed::FoundPractice => Rule::Founder,
        Deed::EnterReading => Rule::Reader,
        Deed::Notify => Rule::Product,
        Deed::ReadNotices => Rule::Members,
        Deed::Unsubscribe => Rule::Link { members: Unseen },
        Deed::ManageManagers => Rule::Owner,
        Deed::ChangePractice => Rule::Managers,
        Deed::ManageCoaches => Rule::Managers,
        Deed::GrantAccess => Rule::ManagersOfClient,
        Deed::ChangeCoachSettings => Rule::CoachOneself,
        Deed::AddCoachee => Rule::CoachesWhoMayAdd,
        Deed::ChangeCoachee => Rule::Client { coach: Level::User, coachee: Yes },
        Deed::ChangePlan => Rule::Client { coach: Level::User, coachee: Yes },
        Deed::WriteNotes => Rule::Client { coach: Level::User, coachee: Yes },
        Deed::KeepFiles => Rule::Client { coach: Level::User, coachee: Yes },
        Deed::Converse => Rule::Client { coach: Level::User, coachee: Yes },
        Deed::MonitorAction => Rule::CoacheeOneself,
        Deed::WriteFile => Rule::Client { coach: Level::User, coachee: No },
        Deed::HoldSessions => Rule::Client { coach: Level::User, coachee: No },
        Deed::KeepAppointments => Rule::Client { coach: Level::User, coachee: No },
        Deed::AnswerAppointments => Rule::CoacheeOneself,
        Deed::InviteCoachee => Rule::Client { coach: Level::UserAdmin, coachee: No },
        Deed::KeepTemplates => Rule::Coaches,
        Deed::Assign => Rule::Client { coach: Level::User, coachee: No },
        Deed::AnswerAssessments => Rule::CoacheeOneself,
        Deed::KeepResults => Rule::Client { coach: Level::UserAdmin, coachee: No },
        Deed::DiscussQuestions => Rule::Client { coach: Level::User, coachee: Yes },
        Deed::DeactivateCoachee => Rule::Client { coach: Level::UserAdmin, coachee: No },
        Deed::NameLead => Rule::Client { coach: Level::Admin, coachee: No },
        Deed::KeepGroups => Rule::Coaches,
        Deed::EraseCoachee => Rule::Client { coach: Level::Admin, coachee: No },
        Deed::KeepAuthorizations => Rule::Client { coach: Level::Admin, coachee: Unseen },
    }
}

/// Whether somebody may do this.
pub fn may(who: Standing, deed: Deed) -> Answer {
    use Answer::{No, Unseen, Yes};
    let rule = rule(deed);
    match who {
        Standing::System => Yes,
        Standing::Owner => match rule {
            Rule::Link { members } => members,
            Rule::Account | Rule::Founder | Rule::Reader | Rule::Product => Unseen,
            Rule::Members => Yes,
            Rule::Owner | Rule::Managers | Rule::ManagersOfClient | Rule::Coaches => Yes,
            Rule::CoachOneself | Rule::CoachesWhoMayAdd | Rule::Client { .. } => Yes,
            Rule::CoacheeOneself => No,
        },
        Standing::Manager => match rule {
            Rule::Link { members } => members,
            Rule::Account | Rule::Founder | Rule::Reader | Rule::Product => Unseen,
            Rule::Members => Yes,
            Rule::Owner => No,
            Rule::Managers | Rule::ManagersOfClient | Rule::Coaches => Yes,
            Rule::CoachOneself | Rule::CoachesWhoMayAdd | Rule::Client { .. } => Yes,
            Rule::CoacheeOneself => No,
        },
        Standing::Coach { level, may_add, oneself } => match rule {
            Rule::Link { members } => members,
            Rule::Account | Rule::Founder | Rule::Reader | Rule::Product => Unseen,
            Rule::Members => Yes,
            Rule::Owner | Rule::Managers => No,
            Rule::Coaches => Yes,
            Rule::ManagersOfClient | Rule::CoacheeOneself => level.map_or(Unseen, |_| No),
            Rule::CoachOneself => yes_if(oneself),
            Rule::CoachesWhoMayAdd => yes_if(may_add),
            Rule::Client { coach, .. } => level.map_or(Unseen, |level| yes_if(level >= coach)),
        },
        Standing::Coachee { oneself } => match rule {
            Rule::Link { members } => members,
            Rule::Client { coachee, .. } if oneself => coachee,
            Rule::CoacheeOneself if oneself => Yes,
            Rule::CoacheeOneself | Rule::Coaches => Unseen,
            Rule::Members => Yes,
            Rule::Client { .. } | Rule::Account | Rule::Founder | Rule::Reader | Rule::Product | Rule::Owner => Unseen,
            Rule::Managers | Rule::ManagersOfClient | Rule::CoachOneself | Rule::CoachesWhoMayAdd => Unseen,
        },
        Standing::Oneself => seen_if(matches!(rule, Rule::Account | Rule::Link { .. })),
        Standing::Reader => seen_if(matches!(rule, Rule::Reader)),
        Standing::Founder => seen_if(matches!(rule, Rule::Founder)),
        Standing::Visitor | Standing::Stranger | Standing::Contact => seen_if(matches!(rule, Rule::Link { .. })),
    }
}

const fn yes_if(condition: bool) -> Answer {
    if condition { Answer::Yes } else { Answer::No }
}

const fn seen_if(condition: bool) -> Answer {
    if condition { Answer::Yes } else { Answer::Unseen }
}
