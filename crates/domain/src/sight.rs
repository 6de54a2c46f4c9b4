//! Who sees what: one table over viewers and kinds of rows, from the sight table of the facts.
//!
//! A viewer has one [`Scope`] per practice and side; a scope and a kind of row give [`Sees`]: closed data with two
//! readings, a predicate on a row (here) and a `where` over the same three columns (the store's), which a test proves
//! equal. Single reads, lists, counts, the activity log and subscriptions all go through it.

mod moves;

pub use moves::Move;
use uuid::Uuid;

use crate::account::Portal;
use crate::id::{CoacheeId, PersonId, PracticeId, Subject};

/// A kind of row or entry, by the rule under which it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// The practice's name and settings.
    Practice,
    /// A coach's names and settings.
    Coach,
    /// Who has access to whom; invitations of coaches.
    Access,
    /// A coachee's name, email, status, active goal.
    Profile,
    /// What coaches alone read of a coachee: the synopsis, invitations, authorizations.
    File,
    /// Goals, milestones, actions.
    Plan,
    /// A session's title, date, duration and status; next steps.
    Session,
    /// A session's notes.
    Notes,
    /// A coach's rating of their own coaching: its owner's, and nobody else's (S1.47).
    Rating,
    /// Accounts, addresses, keys of uniqueness: read by decisions only.
    Internal,
}

/// Which portal somebody looks through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// The owner or a manager: Admin everywhere.
    Manager,
    /// A coach, with the coachees that they have access to.
    Coach(Vec<CoacheeId>),
    /// A coachee, with the coaches who have access to them.
    Coachee(CoacheeId, Vec<PersonId>),
}

impl Side {
    /// The portal that one looks through.
    pub const fn portal(&self) -> Portal {
        match self {
            Self::Manager | Self::Coach(_) => Portal::Coach,
            Self::Coachee(..) => Portal::Coachee,
        }
    }
}

/// What one person may see in one practice, through one portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Who looks.
    pub person: PersonId,
    /// Where.
    pub practice: PracticeId,
    /// As what.
    pub side: Side,
}

/// Which owners' rows are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owners {
    /// Only rows that are nobody's alone.
    Unowned,
    /// These, and the viewer's own.
    Mine,
    /// These, the viewer's own, and what its owner shared.
    MineOrShared,
}

/// Which rows of a kind are seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sees {
    /// Rows about anybody.
    pub everyone: bool,
    /// Else: rows about these.
    pub subjects: Vec<Uuid>,
    /// The viewer.
    pub me: PersonId,
    /// Whose rows.
    pub owners: Owners,
}

impl Scope {
    /// The table.
    pub fn sees(&self, thing: Thing) -> Sees {
        let all = (true, Vec::new());
        let none = (false, Vec::new());
        let these = |subjects: Vec<Uuid>| (false, subjects);
        let ids = |coachees: &[CoacheeId]| coachees.iter().map(|&id| Subject::from(id).uuid()).collect::<Vec<_>>();
        let practice = || these(vec![Subject::from(self.practice).uuid()]);
        let (everyone, subjects) = match (&self.side, thing) {
            (_, Thing::Internal) => none,
            (Side::Manager | Side::Coach(_) | Side::Coachee(..), Thing::Practice) => practice(),
            (
                Side::Manager,
                Thing::Coach
                | Thing::Access
                | Thing::Profile
                | Thing::File
                | Thing::Plan
                | Thing::Session
                | Thing::Notes,
            )
            | (Side::Coach(_), Thing::Coach)
            // Each has an owner, who alone sees it: also once they have no access to the coachee any more.
            | (Side::Manager | Side::Coach(_), Thing::Rating) => all,
            (
                Side::Coach(coachees),
                Thing::Access | Thing::Profile | Thing::File | Thing::Plan | Thing::Session | Thing::Notes,
            ) => these(ids(coachees)),
            (Side::Coachee(_, coaches), Thing::Coach) => {
                these(coaches.iter().map(|&coach| Subject::from(coach).uuid()).collect())
            }
            (Side::Coachee(me, _), Thing::Profile | Thing::Plan | Thing::Session) => these(ids(&[*me])),
            (Side::Coachee(..), Thing::Access | Thing::File | Thing::Notes | Thing::Rating) => none,
        };
        let owners = match &self.side {
            Side::Manager | Side::Coach(_) | Side::Coachee(..) => Owners::MineOrShared,
        };
        Sees { everyone, subjects, me: self.person, owners }
    }

    /// Whether this is the log's reviewer with the whole practice before them.
    pub const fn is_manager(&self) -> bool {
        matches!(self.side, Side::Manager)
    }

    /// Which entries of the activity log are seen, and of which kinds: owner and managers the whole practice, coaches
    /// their clients, a coachee their own.
    pub fn entries(&self) -> (Sees, Vec<&'static str>) {
        let sees = self.sees(Thing::Profile);
        let kinds = crate::Event::kinds().filter(|kind| self.reviews(kind.sees)).map(|kind| kind.stored).collect();
        (sees, kinds)
    }

    /// Whether entries under this rule are the viewer's to review at all.
    fn reviews(&self, thing: Thing) -> bool {
        match thing {
            Thing::Internal => false,
            // What is about the practice and its coaches is the managers' to review, though its name is everybody's.
            Thing::Practice | Thing::Coach | Thing::Access => self.is_manager(),
            Thing::Profile | Thing::File | Thing::Plan | Thing::Session | Thing::Notes => {
                self.sees(thing) == self.sees(Thing::Profile)
            }
            // And then only those that are the viewer's own.
            Thing::Rating => match self.side {
                Side::Manager | Side::Coach(_) => true,
                Side::Coachee(..) => false,
            },
        }
    }

    /// Whether an entry of the activity log is seen.
    pub fn sees_entry(&self, thing: Thing, subject: Subject, owner: Option<PersonId>) -> bool {
        self.reviews(thing) && self.sees(Thing::Profile).row(subject, owner, false)
    }
}

impl Sees {
    /// What is seen of them as they were earlier: what its owner once shared may have been taken back since, so nobody
    /// sees what then was another's alone.
    #[must_use]
    pub fn earlier(self) -> Self {
        let owners = match self.owners {
            Owners::Unowned => Owners::Unowned,
            Owners::Mine | Owners::MineOrShared => Owners::Mine,
        };
        Self { owners, ..self }
    }

    /// Whether a row with these three is seen.
    pub fn row(&self, subject: Subject, owner: Option<PersonId>, shared: bool) -> bool {
        (self.everyone || self.subjects.contains(&subject.uuid()))
            && match (owner, self.owners) {
                (None, Owners::Unowned | Owners::Mine | Owners::MineOrShared) => true,
                (Some(_), Owners::Unowned) => false,
                (Some(owner), Owners::Mine) => owner == self.me,
                (Some(owner), Owners::MineOrShared) => shared || owner == self.me,
            }
    }
}
