//! Decisions: what a command may read, and what it may append.
//!
//! A command names its logs; rows it asks for. [`Facts::get`] gives a row that is loaded or stops the decision with
//! [`Stop::NotLoaded`]; the engine loads what was missing and decides again, which is free of meaning since `decide` is
//! pure. The head locks of all its logs are held meanwhile, so what it read stays true until its events are appended.
//! [`Facts::allow`] is the only constructor of a [`Decision`], so no command can append without having asked whether it
//! may. The order inside a command: rows with `?`, then `allow`, then refusals (a refusal before `allow` would tell a
//! stranger that the thing exists).

use std::cell::RefCell;

use uuid::Uuid;

use crate::access::{self, Answer, Deed, Level, Standing};
use crate::account::Portal;
use crate::coachee::{Activation, Coachee};
use crate::id::{AccessId, CoacheeId, CommandId, Id as _, LogId, PersonId, Subject};
use crate::practice::{Access, Member, Practice, Role};
use crate::row::Row;
use crate::text::{Confidential, Text};
use crate::value::{Time, Zone};
use crate::{Event, Refusal, Rows, Table};

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Somebody who is signed in.
    Person(PersonId),
    /// Somebody who is not, and perhaps holds a link.
    Visitor,
    /// The product itself, in a reaction or at a due time: the name says which.
    System(&'static str),
}

impl Actor {
    /// The person, where it is one.
    pub const fn person(self) -> Option<PersonId> {
        match self {
            Self::Person(person) => Some(person),
            Self::Visitor | Self::System(_) => None,
        }
    }
}

/// Why a decision stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A rule says no; the refusal says which.
    Refused(Refusal),
    /// The actor may see the thing, but not do this.
    Forbidden,
    /// It is not there, or not the actor's to see.
    NotFound,
    /// Nobody is signed in.
    Unauthenticated,
    /// Something must be loaded first; the engine does.
    NotLoaded,
    /// The command named other logs than the rows now say: it is made anew.
    Again,
    /// A stored text could not be opened: a fault, not a refusal.
    Broken,
}

/// What has to be loaded before the decision can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// A row.
    Row(LogId, Table, Uuid),
    /// The key of a subject's texts.
    Key(LogId, Subject, Option<PersonId>),
}

/// A sealed text, opened or not.
#[derive(Debug)]
pub enum Opened {
    /// The text.
    Text(String),
    /// Its key was destroyed.
    Forgotten,
    /// Its key has to be loaded.
    NotLoaded,
    /// It does not fit its place or its key.
    Broken,
}

/// Where a sealed text lies.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The log.
    pub log: LogId,
    /// Whom it is about.
    pub subject: Subject,
    /// Whose alone it is.
    pub owner: Option<PersonId>,
    /// The thing that it belongs to.
    pub thing: Uuid,
    /// The kind of text.
    pub kind: &'static str,
    /// Which of the thing's texts of this kind.
    pub number: u32,
}

/// Opens sealed texts, for a decision only.
pub trait Opener {
    /// The text at this place.
    fn open(&self, place: &Place, sealed: &[u8]) -> Opened;
}

/// What a decision may read.
pub struct Facts<'a> {
    /// The time of the decision.
    pub now: Time,
    /// Who acts.
    pub actor: Actor,
    /// The command's id.
    pub command: CommandId,
    here: LogId,
    only: Option<Portal>,
    logs: &'a [(LogId, &'a Rows)],
    opener: &'a dyn Opener,
    missing: &'a RefCell<Vec<Missing>>,
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts")
            .field("now", &self.now)
            .field("actor", &self.actor)
            .field("here", &self.here)
            .finish_non_exhaustive()
    }
}

/// Whom or what a deed is about.
#[derive(Debug, Clone, Copy)]
pub enum About {
    /// A coachee.
    Coachee(CoacheeId),
    /// The practice as a whole.
    Practice,
    /// A coach of the practice.
    Coach(PersonId),
    /// The account or address whose log this is.
    Log,
}

impl From<CoacheeId> for About {
    fn from(coachee: CoacheeId) -> Self {
        Self::Coachee(coachee)
    }
}

impl<'a> Facts<'a> {
    /// Facts about these logs; the first is the one that the command is about.
    pub fn new(
        (actor, now, command): (Actor, Time, CommandId),
        here: LogId,
        logs: &'a [(LogId, &'a Rows)],
        opener: &'a dyn Opener,
        missing: &'a RefCell<Vec<Missing>>,
    ) -> Self {
        Self { now, actor, command, here, only: None, logs, opener, missing }
    }

    /// The same facts, where the actor counts only as what they are in this portal: what a program may do whose token
    /// reaches no other (A8).
    #[must_use]
    pub fn only_as(&self, portal: Portal) -> Facts<'a> {
        Facts { only: Some(portal), ..*self }
    }

    /// The same facts, looking into another of the command's logs. A log that the command did not name stays shut.
    #[must_use]
    pub fn at(&self, log: LogId) -> Facts<'a> {
        Facts { here: log, ..*self }
    }

    /// The log that is looked into.
    pub const fn here(&self) -> LogId {
        self.here
    }

    /// The time zone in which the days of the practice begin whose log is looked into.
    pub fn zone(&self) -> Result<&'a Zone, Stop> {
        match self.here {
            LogId::Practice(practice) => Ok(&self.get::<Practice>(practice)?.zone),
            LogId::Account(_) | LogId::Address(_) | LogId::Google(_) | LogId::AccessLog(_) => Err(Stop::NotFound),
        }
    }

    /// The row of this id, which must be there.
    pub fn get<R: Row>(&self, id: R::Id) -> Result<&'a R, Stop> {
        self.find(id)?.ok_or(Stop::NotFound)
    }

    /// The row of this id, if there is one.
    pub fn find<R: Row>(&self, id: R::Id) -> Result<Option<&'a R>, Stop> {
        let Some((_, rows)) = self.logs.iter().find(|(log, _)| *log == self.here) else { return Err(Stop::Again) };
        if let Some(known) = R::slots(rows).get(id.uuid()) {
            return Ok(known);
        }
        self.missing.borrow_mut().push(Missing::Row(self.here, R::TABLE, id.uuid()));
        Err(Stop::NotLoaded)
    }

    /// Opens a text of a row, for this decision only. `None` where it was never written or is forgotten.
    pub fn read<R: Row, T: Text>(&self, row: &R, text: &Confidential<T>) -> Result<Option<T>, Stop> {
        self.read_numbered(row, 0, text)
    }

    /// Opens one of several texts of a kind that a row holds.
    pub fn read_numbered<R: Row, T: Text>(
        &self,
        row: &R,
        number: u32,
        text: &Confidential<T>,
    ) -> Result<Option<T>, Stop> {
        if let Some(open) = text.text() {
            return Ok(Some(open.clone()));
        }
        let Some(sealed) = text.sealed() else { return Ok(None) };
        let (subject, owner) = (row.subject(), row.owner());
        let place = Place { log: self.here, subject, owner, thing: row.id().uuid(), kind: T::KIND.word(), number };
        match self.opener.open(&place, sealed) {
            Opened::Text(text) => Ok(Some(T::stored(&text))),
            Opened::Forgotten => Ok(None),
            Opened::Broken => Err(Stop::Broken),
            Opened::NotLoaded => {
                self.missing.borrow_mut().push(Missing::Key(self.here, subject, owner));
                Err(Stop::NotLoaded)
            }
        }
    }

    /// Whether the actor may do this: the only way to a decision. What they may not see is not found; what they may see
    /// but not do is forbidden.
    pub fn allow(&self, deed: Deed, about: impl Into<About>) -> Result<Decision, Stop> {
        let about = about.into();
        let subject = match about {
            About::Coachee(coachee) => coachee.into(),
            About::Coach(person) => person.into(),
            About::Practice | About::Log => self.here.into(),
        };
        let standings = self.standings(about)?;
        let answer = standings.iter().map(|standing| access::may(*standing, deed)).max().unwrap_or(Answer::Unseen);
        match answer {
            Answer::Yes => Ok(Decision { parts: Vec::new(), log: self.here, subject, owner: None }),
            Answer::No => Err(Stop::Forbidden),
            Answer::Unseen if self.actor == Actor::Visitor => Err(Stop::Unauthenticated),
            Answer::Unseen => Err(Stop::NotFound),
        }
    }

    /// As what the actor stands to it. One person may be a coach and a coachee of one practice.
    fn standings(&self, about: About) -> Result<Vec<Standing>, Stop> {
        let person = match self.actor {
            Actor::System(_) => return Ok(vec![Standing::System]),
            Actor::Visitor => return Ok(vec![Standing::Visitor]),
            Actor::Person(person) => person,
        };
        match self.here {
            LogId::Account(account) if account == person => Ok(vec![Standing::Oneself]),
            LogId::Account(_) => Ok(vec![Standing::Stranger]),
            LogId::Address(_) | LogId::Google(_) => Ok(vec![Standing::Visitor]),
            LogId::AccessLog(_) => Ok(vec![Standing::Reader]),
            LogId::Practice(practice) => {
                // All that is surely needed is asked for before the first answer is looked at: one round of loading.
                let wanted =
                    (self.find::<Practice>(practice), self.find::<Member>(person), self.find::<Activation>(person));
                let (practice, member, activation) = (wanted.0?, wanted.1?, wanted.2?);
                let member = member.filter(|_| self.only != Some(Portal::Coachee));
                let activation = activation.filter(|it| !it.closed && self.only != Some(Portal::Coach));
                let mut standings = Vec::with_capacity(2);
                if practice.is_none() {
                    standings.push(Standing::Founder);
                } else if member.is_none() && activation.is_none() {
                    standings.push(Standing::Stranger);
                }
                if let Some(member) = member {
                    standings.push(match member.role {
                        Role::Owner => Standing::Owner,
                        Role::Manager => Standing::Manager,
                        Role::Coach => Standing::Coach {
                            level: self.level(member, about)?,
                            may_add: practice.is_some_and(|practice| practice.coaches_may_add),
                            oneself: matches!(about, About::Coach(coach) if coach == person),
                        },
                    });
                }
                if let Some(activation) = activation {
                    standings.push(Standing::Coachee {
                        oneself: matches!(about, About::Coachee(it) if it == activation.coachee),
                    });
                }
                Ok(standings)
            }
        }
    }

    /// Whether the actor counts as a coach of the practice here, whatever else they are.
    pub fn is_on_the_coaches_side(&self) -> Result<bool, Stop> {
        let Some(person) = self.actor.person().filter(|_| self.only != Some(Portal::Coachee)) else { return Ok(false) };
        Ok(self.find::<Member>(person)?.is_some())
    }

    fn level(&self, coach: &Member, about: About) -> Result<Option<Level>, Stop> {
        let About::Coachee(coachee) = about else { return Ok(None) };
        // A coachee without a company is their own client; the row says which, once it is there.
        let Some(row) = self.find::<Coachee>(coachee)? else { return Ok(None) };
        let access = self.find::<Access>(AccessId::between(coach.id, row.client()))?;
        Ok(access.filter(|access| access.holds(coach)).map(|access| access.level))
    }
}

/// Events that may be appended.
#[derive(Debug)]
pub struct Decision {
    parts: Vec<Part>,
    log: LogId,
    subject: Subject,
    owner: Option<PersonId>,
}

/// An event with its log, subject and owner.
#[derive(Debug)]
pub struct Part {
    /// The log that it is appended to.
    pub log: LogId,
    /// Whom it is about.
    pub subject: Subject,
    /// Whose alone it is.
    pub owner: Option<PersonId>,
    /// What happens.
    pub event: Event,
}

impl Decision {
    /// And this happens.
    #[must_use]
    pub fn with(mut self, event: impl Into<Event>) -> Self {
        let (log, subject, owner) = (self.log, self.subject, self.owner);
        self.parts.push(Part { log, subject, owner, event: event.into() });
        self
    }

    /// And this happens, if anything does.
    #[must_use]
    pub fn with_all<E: Into<Event>>(self, events: impl IntoIterator<Item = E>) -> Self {
        events.into_iter().fold(self, Self::with)
    }

    /// What follows belongs to this person alone.
    #[must_use]
    pub const fn owned_by(mut self, owner: PersonId) -> Self {
        self.owner = Some(owner);
        self
    }

    /// What follows is about another subject of the same log.
    #[must_use]
    pub fn about(mut self, subject: impl Into<Subject>) -> Self {
        self.subject = subject.into();
        self
    }

    /// And what another decision says, of the same or another log.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self
    }

    /// The events, in order.
    pub fn into_parts(self) -> Vec<Part> {
        self.parts
    }

    /// The events, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// A command: a plain value with every id it needs. It is about one thing, which its answer shows.
pub trait Command: Send + Sync + 'static {
    /// What the answer shows.
    type Thing: Row;
    /// Which of them.
    fn thing(&self) -> <Self::Thing as Row>::Id;
    /// The logs that it touches beside the one it is sent to: at most two.
    fn others(&self) -> Vec<LogId> {
        Vec::new()
    }
    /// Pure: the events that the command means under these facts.
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop>;
}

/// Writes what a command is about: `shows!(Goal goal);`.
macro_rules! shows {
    ($row:ident $field:ident) => {
        type Thing = $row;
        fn thing(&self) -> <$row as $crate::row::Row>::Id {
            self.$field
        }
    };
}
pub(crate) use shows;

/// A command of a program whose token reaches one portal of the practice: its person counts only as what they are there.
#[derive(Debug)]
pub struct Within<C> {
    /// The portal.
    pub portal: Portal,
    /// The command.
    pub command: C,
}

impl<C: Command> Command for Within<C> {
    type Thing = C::Thing;
    fn thing(&self) -> <Self::Thing as Row>::Id {
        Command::thing(&self.command)
    }
    fn others(&self) -> Vec<LogId> {
        Command::others(&self.command)
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        Command::decide(&self.command, &facts.only_as(self.portal))
    }
}

/// A command of any kind.
pub trait Decide: Send + Sync + 'static {
    /// See [`Command::others`].
    fn others(&self) -> Vec<LogId>;
    /// The prefix and UUID of what the answer shows.
    fn thing(&self) -> (&'static str, Uuid);
    /// See [`Command::decide`].
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop>;
}

impl<C: Command> Decide for C {
    fn others(&self) -> Vec<LogId> {
        Command::others(self)
    }
    fn thing(&self) -> (&'static str, Uuid) {
        (<<C::Thing as Row>::Id as crate::id::Id>::PREFIX, Command::thing(self).uuid())
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        Command::decide(self, facts)
    }
}
