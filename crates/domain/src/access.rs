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
    /// Send or resend an invitation (S4.6, S4.8).
    InviteCoachee,
    /// Write the active goal, synopsis and what else belongs to the coach's work with a coachee (S4.7).
    WriteFile,
    /// Hold, change and log sessions (S4.7).
    HoldSessions,
    /// Check next steps and change the plan: both sides (S2.27, S3.15).
    ChangePlan,
    /// Add, change and close authorizations: money (S4.3, S4.8).
    KeepAuthorizations,
    /// Enter in a practice's access log what one has read oneself.
    EnterReading,
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

/// The table.
pub fn may(who: Standing, deed: Deed) -> Answer {
    use Answer::{No, Unseen, Yes};
    use Deed::{
        AcceptInvitation, AddCoachee, ChangeCoachSettings, ChangeCoachee, ChangePlan, ChangePractice, EnterReading,
        EraseCoachee, FoundPractice, GrantAccess, HoldSessions, InviteCoachee, KeepAccount, KeepAuthorizations,
        ManageCoaches, ManageManagers, SignIn, WriteFile,
    };
    match who {
        Standing::System | Standing::Owner => match deed {
            SignIn | KeepAccount | FoundPractice | EnterReading => {
                if who == Standing::System {
                    Yes
                } else {
                    Unseen
                }
            }
            AcceptInvitation | ChangePractice | ManageCoaches | GrantAccess | ManageManagers | ChangeCoachSettings
            | AddCoachee | ChangeCoachee | EraseCoachee | InviteCoachee | WriteFile | HoldSessions | ChangePlan
            | KeepAuthorizations => Yes,
        },
        Standing::Manager => match deed {
            ManageManagers => No,
            SignIn | KeepAccount | FoundPractice | EnterReading => Unseen,
            AcceptInvitation | ChangePractice | ManageCoaches | GrantAccess | ChangeCoachSettings | AddCoachee
            | ChangeCoachee | EraseCoachee | InviteCoachee | WriteFile | HoldSessions | ChangePlan
            | KeepAuthorizations => Yes,
        },
        Standing::Coach { level, may_add, oneself } => match deed {
            SignIn | KeepAccount | FoundPractice | EnterReading => Unseen,
            AcceptInvitation => Yes,
            ChangePractice | ManageCoaches | ManageManagers => No,
            GrantAccess => {
                if level.is_some() {
                    No
                } else {
                    Unseen
                }
            }
            ChangeCoachSettings => {
                if oneself {
                    Yes
                } else {
                    No
                }
            }
            AddCoachee => {
                if may_add {
                    Yes
                } else {
                    No
                }
            }
            WriteFile | HoldSessions | ChangePlan => {
                if level.is_some() {
                    Yes
                } else {
                    Unseen
                }
            }
            ChangeCoachee => {
                if level.is_some() {
                    Yes
                } else {
                    Unseen
                }
            }
            InviteCoachee => at_least(level, Level::UserAdmin),
            EraseCoachee | KeepAuthorizations => at_least(level, Level::Admin),
        },
        Standing::Coachee { oneself } => match deed {
            AcceptInvitation => Yes,
            ChangePlan | ChangeCoachee => {
                if oneself {
                    Yes
                } else {
                    Unseen
                }
            }
            EraseCoachee | InviteCoachee | WriteFile | HoldSessions => {
                if oneself {
                    No
                } else {
                    Unseen
                }
            }
            SignIn | KeepAccount | FoundPractice | ChangePractice | ManageCoaches | GrantAccess | ManageManagers
            | ChangeCoachSettings | AddCoachee | KeepAuthorizations | EnterReading => Unseen,
        },
        Standing::Oneself => match deed {
            SignIn | KeepAccount => Yes,
            AcceptInvitation => Yes,
            FoundPractice | ChangePractice | ManageCoaches | GrantAccess | ManageManagers | ChangeCoachSettings
            | AddCoachee | ChangeCoachee | EraseCoachee | InviteCoachee | WriteFile | HoldSessions | ChangePlan
            | KeepAuthorizations | EnterReading => Unseen,
        },
        Standing::Reader => match deed {
            EnterReading => Yes,
            SignIn | KeepAccount | AcceptInvitation | FoundPractice | ChangePractice | ManageCoaches | GrantAccess
            | ManageManagers | ChangeCoachSettings | AddCoachee | ChangeCoachee | InviteCoachee | WriteFile
            | HoldSessions | ChangePlan | KeepAuthorizations | EraseCoachee => Unseen,
        },
        Standing::Founder => match deed {
            FoundPractice => Yes,
            SignIn | KeepAccount | AcceptInvitation | ChangePractice | ManageCoaches | GrantAccess | ManageManagers
            | ChangeCoachSettings | AddCoachee | ChangeCoachee | EraseCoachee | InviteCoachee | WriteFile
            | HoldSessions | ChangePlan | KeepAuthorizations | EnterReading => Unseen,
        },
        Standing::Visitor | Standing::Stranger | Standing::Contact => match deed {
            // A link is the right: the command checks it.
            SignIn | AcceptInvitation => Yes,
            KeepAccount | FoundPractice | ChangePractice | ManageCoaches | GrantAccess | ManageManagers
            | ChangeCoachSettings | AddCoachee | ChangeCoachee | EraseCoachee | InviteCoachee | WriteFile
            | HoldSessions | ChangePlan | KeepAuthorizations | EnterReading => Unseen,
        },
    }
}

fn at_least(level: Option<Level>, wanted: Level) -> Answer {
    match level {
        Some(level) if level >= wanted => Answer::Yes,
        Some(_) => Answer::No,
        None => Answer::Unseen,
    }
}
