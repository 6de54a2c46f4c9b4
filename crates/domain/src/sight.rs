//! Who sees what: one table over viewers and kinds of rows, from the sight table of the facts.
//!
//! A viewer has one [`Scope`] per practice and side; a scope and a kind of row give [`Sees`]: closed data with two
//! readings, a predicate on a row (here) and a `where` over the same three columns (the store's), which a test proves
//! equal. Single reads, lists, counts, the activity log and subscriptions all go through it.

mod moves;

use std::collections::HashSet;
use std::sync::LazyLock;

pub use moves::Move;
use uuid::Uuid;

use crate::Event;
use crate::account::Portal;
use crate::entry::To;
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
    /// Notes, coaches' and coachees' own, with their comments (S2.31, S2.32).
    Note,
    /// Files, coaches' and coachees' own, and those that are shared (S2.29, S3.19).
    Upload,
    /// Messages between a coach and a coachee.
    Message,
    /// A coach's rating of their own coaching: its owner's, and nobody else's (S1.47).
    Rating,
    /// A form that can be assigned.
    Template,
    /// An assessment: what is asked, and what was answered.
    Assessment,
    /// What a coachee has answered and not submitted: theirs alone.
    Draft,
    /// A coaching question, its answer and what is said about it.
    Question,
    /// A coach's group: its owner's, and nobody else's.
    Group,
    /// That a coachee belongs to a group: its owner's, while they see the coachee.
    Membership,
    /// What somebody is told of what another did: its recipient's, and nobody else's.
    Notice,
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

/// Whose things somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Nobody's.
    Nobodys,
    /// The practice's own.
    Practices,
    /// Everybody's; of what has an owner, the viewer's own.
    Everybodys,
    /// Those of the coachees to whom a coach has access.
    Clients,
    /// A coachee's own.
    Ones,
    /// Those of the coaches who have access to a coachee.
    Coaches,
}

impl Thing {
    /// The table: what of this a manager sees, a coach, and a coachee.
    const fn whose(self) -> [Whose; 3] {
        use Whose::{Clients, Coaches, Everybodys, Nobodys, Ones, Practices};
        match self {
            Self::Internal => [Nobodys, Nobodys, Nobodys],
            Self::Practice => [Practices, Practices, Practices],
            Self::Coach => [Everybodys, Everybodys, Coaches],
            Self::Access => [Everybodys, Clients, Nobodys],
            Self::Profile => [Everybodys, Clients, Ones],
            Self::File => [Everybodys, Clients, Nobodys],
            Self::Plan => [Everybodys, Clients, Ones],
            Self::Session => [Everybodys, Clients, Ones],
            Self::Notes => [Everybodys, Clients, Nobodys],
            Self::Template => [Practices, Practices, Nobodys],
            Self::Assessment => [Everybodys, Clients, Ones],
            Self::Draft => [Nobodys, Nobodys, Ones],
            Self::Question => [Everybodys, Clients, Ones],
            // Each has an owner, and is out of a coach's sight while they have no access.
            Self::Note => [Everybodys, Clients, Ones],
            Self::Upload => [Everybodys, Clients, Ones],
            Self::Message => [Everybodys, Clients, Ones],
            // Each has an owner, who alone sees it: also once they have no access to the coachee any more.
            Self::Rating => [Everybodys, Everybodys, Nobodys],
            Self::Group => [Practices, Practices, Nobodys],
            Self::Membership => [Everybodys, Clients, Nobodys],
            // Each has an owner, who alone sees it, while they see the coachee whom it is about.
            Self::Notice => [Everybodys, Clients, Ones],
        }
    }

    /// Whether rows and entries of this kind are about one coachee each.
    const fn is_about_a_coachee(self) -> bool {
        let [_, coach, coachee] = self.whose();
        matches!(coach, Whose::Clients) || matches!(coachee, Whose::Ones)
    }

    /// Of what has an owner, which is seen: by the coaches' side, and by a coachee.
    const fn owners(self) -> [Owners; 2] {
        match self {
            Self::Internal
            | Self::Practice
            | Self::Coach
            | Self::Access
            | Self::Profile
            | Self::File
            | Self::Plan
            | Self::Session
            | Self::Notes
            | Self::Template
            | Self::Assessment
            | Self::Question
            // What either side shares is the other's, too.
            | Self::Upload => [Owners::MineOrShared, Owners::MineOrShared],
            // What a coachee shares is the coaches'; a coach's note is no coachee's.
            Self::Note => [Owners::MineOrShared, Owners::Mine],
            // Its coach's and its coachee's: no other coach's, whatever their role.
            Self::Message => [Owners::Mine, Owners::MineOrShared],
            Self::Rating | Self::Draft | Self::Group | Self::Membership | Self::Notice => [Owners::Mine, Owners::Mine],
        }
    }

    /// Whether what has an owner is shared from its beginning on, for ever: then nobody can have taken it back.
    pub const fn is_always_shared(self) -> bool {
        matches!(self, Self::Message)
    }

    /// Whose entries of the activity log are the managers' to review, those of coaches, and of coachees.
    const fn reviewed(self) -> [bool; 3] {
        match self {
            Self::Internal => [false, false, false],
            // What is about the practice and its coaches is the managers' to review, though its name is everybody's.
            Self::Practice | Self::Coach | Self::Access => [true, false, false],
            Self::Template => [true, false, false],
            Self::File | Self::Notes => [true, true, false],
            Self::Profile
            | Self::Plan
            | Self::Session
            | Self::Assessment
            | Self::Question
            | Self::Note
            | Self::Upload
            | Self::Message => [true, true, true],
            Self::Draft => [false, false, true],
            // And then only those that are the viewer's own.
            Self::Rating | Self::Group | Self::Membership => [true, true, false],
            Self::Notice => [true, true, true],
        }
    }
}

/// Whether an event of this stored kind is of one coachee, whom its subject names where that is not the practice: then it
/// shows no other coachee anything, nor moves what they see.
pub fn is_about_a_coachee(kind: &str) -> bool {
    static KINDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        Event::kinds().filter(|kind| kind.sees.is_about_a_coachee()).map(|kind| kind.stored).collect()
    });
    KINDS.contains(kind)
}

impl Scope {
    /// The coachee who looks, if it is one.
    pub const fn one(&self) -> Option<CoacheeId> {
        match self.side {
            Side::Manager | Side::Coach(_) => None,
            Side::Coachee(me, _) => Some(me),
        }
    }

    /// What of a kind is seen.
    pub fn sees(&self, thing: Thing) -> Sees {
        let [manager, coach, coachee] = thing.whose();
        let [coaches_side, coachees_side] = thing.owners();
        let (whose, owners) = match &self.side {
            Side::Manager => (manager, coaches_side),
            Side::Coach(_) => (coach, coaches_side),
            Side::Coachee(..) => (coachee, coachees_side),
        };
        let subjects = match (whose, &self.side) {
            (Whose::Nobodys | Whose::Everybodys, _) => Vec::new(),
            (Whose::Practices, _) => vec![Subject::from(self.practice)],
            (Whose::Clients, Side::Coach(clients)) => clients.iter().copied().map(Subject::from).collect(),
            (Whose::Ones, Side::Coachee(me, _)) => vec![Subject::from(*me)],
            (Whose::Coaches, Side::Coachee(_, coaches)) => coaches.iter().copied().map(Subject::from).collect(),
            (Whose::Clients | Whose::Ones | Whose::Coaches, _) => Vec::new(),
        };
        let subjects = subjects.into_iter().map(Subject::uuid).collect();
        Sees { everyone: whose == Whose::Everybodys, subjects, me: self.person, owners }
    }

    /// Whether this is the log's reviewer with the whole practice before them.
    pub const fn is_manager(&self) -> bool {
        matches!(self.side, Side::Manager)
    }

    /// Which entries of the activity log are seen, and of which kinds: owner and managers the whole practice, coaches
    /// their clients and what is theirs to review of the practice, a coachee their own. Last, the kinds of which also
    /// others' are seen, since they are to both sides.
    pub fn entries(&self) -> (Sees, Vec<&'static str>, Vec<&'static str>) {
        let reviewed: Vec<_> = crate::Event::kinds().filter(|kind| self.reviews(kind.sees)).collect();
        let to_both = reviewed.iter().filter(|kind| kind.to == To::Both && self.entries_of(kind.sees).sees_shared());
        let to_both = to_both.map(|kind| kind.stored).collect();
        (self.entries_about(), reviewed.iter().map(|kind| kind.stored).collect(), to_both)
    }

    /// About whom entries are seen, if their kind is. A coach's own groups are about the practice.
    fn entries_about(&self) -> Sees {
        let mut about = self.sees(Thing::Profile);
        if let Side::Coach(_) = self.side {
            about.subjects.push(Subject::from(self.practice).uuid());
        }
        about
    }

    /// Of whom entries about things of this kind are seen.
    fn entries_of(&self, thing: Thing) -> Sees {
        Sees { owners: self.sees(thing).owners, ..self.entries_about() }
    }

    /// Whether entries under this rule are the viewer's to review at all.
    const fn reviews(&self, thing: Thing) -> bool {
        let [manager, coach, coachee] = thing.reviewed();
        match self.side {
            Side::Manager => manager,
            Side::Coach(_) => coach,
            Side::Coachee(..) => coachee,
        }
    }

    /// Whether an event's entry in the activity log is seen.
    pub fn sees_entry(&self, event: &Event, subject: Subject, owner: Option<PersonId>) -> bool {
        let thing = event.sees();
        self.reviews(thing) && self.entries_of(thing).row(subject, owner, event.to() == To::Both)
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

    /// Whether what others shared is seen.
    const fn sees_shared(&self) -> bool {
        matches!(self.owners, Owners::MineOrShared)
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
