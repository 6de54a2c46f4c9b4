//! A practice to decide in: given what happened, when somebody commands, then these events or this refusal.
//!
//! What happens is really folded, as the engine does it: first to note the keys, then for good. Texts stay open in the
//! rows, so that decisions read them without keys. Everything that happens is also written as a record and read back.

use std::cell::RefCell;

use domain::access::Level;
use domain::decide::{Missing, Opened, Opener, Place};
use domain::fold::When;
use domain::id::{AccessId, ClientId, CoacheeId, CommandId, Id, InvitationId, LogId, PersonId, PracticeId, Subject};
use domain::practice::Role;
use domain::row::Row;
use domain::text::{Email, LastName, Name, Personal, Sealable, Text};
use domain::value::{Time, Zone};
use domain::{Actor, Command, Event, Facts, Refusal, Rows, Stop, coachee, practice};
use uuid::Uuid;

/// 2026-11-21 12:00 UTC.
pub(crate) const NOON: Time = Time(1_795_262_400_000_000);

/// The id of this number.
pub(crate) fn id<I: Id>(number: u128) -> I {
    I::of(Uuid::from_u128(number))
}

/// A text of any kind.
pub(crate) fn text<T: Text>(words: &str) -> T {
    T::parse(words).unwrap()
}

/// Nothing is sealed here, so nothing can be opened.
struct NoKeys;

impl Opener for NoKeys {
    fn open(&self, _: &Place, _: &[u8]) -> Opened {
        Opened::Broken
    }
}

/// A practice with a coach (who founded it), a second coach who may see the coachee, a coachee and another one.
pub(crate) struct World {
    pub(crate) rows: Rows,
    pub(crate) log: LogId,
    pub(crate) now: Time,
    seq: u64,
}

impl World {
    pub(crate) const PRACTICE: u128 = 1;
    pub(crate) const OWNER: u128 = 2;
    pub(crate) const COACH: u128 = 3;
    pub(crate) const COACHEE: u128 = 10;
    pub(crate) const OTHER: u128 = 11;
    pub(crate) const COACHEE_ACCOUNT: u128 = 12;

    /// In the time zone UTC.
    pub(crate) fn new() -> Self {
        let practice: PracticeId = id(Self::PRACTICE);
        let log = LogId::Practice(practice);
        let mut world = Self { rows: Rows::default(), log, now: NOON, seq: 0 };
        let here = log.into();
        let (name, zone) = (Personal::new(text::<Name>("Practice")), Zone::utc());
        world.given(here, practice::Event::Created { practice, name, zone, coaches_may_add: true });
        for (person, role) in [(Self::OWNER, Role::Owner), (Self::COACH, Role::Coach)] {
            let (name, email) = (text::<Name>("Coach"), text::<Email>("coach@example.com"));
            let (name, email) = (Personal::new(name), Personal::new(email));
            let person: PersonId = id(person);
            world.given(person.into(), practice::Event::CoachJoined { person, name, email, role, invitation: None });
        }
        for (number, email) in [(Self::COACHEE, "ann@example.com"), (Self::OTHER, "bob@example.com")] {
            world.added(number, email);
        }
        let (coachee, coach): (CoacheeId, PersonId) = (id(Self::COACHEE), id(Self::COACH));
        let client = ClientId::from(coachee);
        let access = AccessId::between(coach, client);
        world.given(coachee.into(), practice::Event::AccessGranted { access, coach, client, level: Level::User });
        let (invitation, person): (InvitationId, PersonId) = (id(13), id(Self::COACHEE_ACCOUNT));
        world.given(coachee.into(), coachee::Event::Accepted { coachee, invitation, person });
        world
    }

    /// A coachee was added.
    pub(crate) fn added(&mut self, number: u128, email: &str) {
        let coachee: CoacheeId = id(number);
        self.given(
            coachee.into(),
            coachee::Event::Added {
                coachee,
                first_name: Personal::new(text("Ann")),
                last_name: Personal::new(text::<LastName>("")),
                email: Personal::new(text(email)),
                lead: Some(id(Self::OWNER)),
            },
        );
    }

    /// This happened, to this subject, by nobody.
    pub(crate) fn given(&mut self, subject: Subject, event: impl Into<Event>) {
        self.happens((subject, None), None, &event.into());
    }

    fn happens(&mut self, (subject, owner): (Subject, Option<PersonId>), actor: Option<PersonId>, event: &Event) {
        recorded(event);
        self.folds((subject, owner), actor, event);
    }

    /// The event is folded, whether it could be written down or not.
    pub(crate) fn folds(
        &mut self,
        (subject, owner): (Subject, Option<PersonId>),
        actor: Option<PersonId>,
        event: &Event,
    ) {
        self.seq += 1;
        let when = When { log: self.log, seq: self.seq, at: self.now, subject, owner, actor };
        let mut noting = Rows::noting();
        event.fold(&when, &mut noting);
        for noted in noting.take_noted() {
            self.rows.load(noted.table, noted.id, None).unwrap();
        }
        event.fold(&when, &mut self.rows);
    }

    /// Somebody commands; what is decided happens. The kinds of the events, in order.
    pub(crate) fn when(&mut self, actor: u128, command: &impl Command) -> Result<Vec<&'static str>, Stop> {
        Ok(self.events(actor, command)?.iter().map(Event::kind).collect())
    }

    /// The same, with the events.
    pub(crate) fn events(&mut self, actor: u128, command: &impl Command) -> Result<Vec<Event>, Stop> {
        self.decides(Actor::Person(id(actor)), command)
    }

    /// The same by anybody, also by the product. Rows of the command's other logs lie among the practice's.
    pub(crate) fn decides(&mut self, actor: Actor, command: &impl Command) -> Result<Vec<Event>, Stop> {
        let decision = loop {
            let missing = RefCell::new(Vec::new());
            let others = command.others();
            let logs: Vec<_> = [self.log].into_iter().chain(others).map(|log| (log, &self.rows)).collect();
            let who = (actor, self.now, id::<CommandId>(1));
            match command.decide(&Facts::new(who, self.log, &logs, &NoKeys, &missing)) {
                Err(Stop::NotLoaded) => {}
                decided => break decided?,
            }
            for missing in missing.into_inner() {
                match missing {
                    Missing::Row(_, table, id) => self.rows.load(table, id, None).unwrap(),
                    Missing::Key(..) => panic!("no text here is sealed"),
                }
            }
        };
        let parts = decision.into_parts();
        for part in &parts {
            self.happens((part.subject, part.owner), actor.person(), &part.event);
        }
        Ok(parts.into_iter().map(|part| part.event).collect())
    }

    /// The row of this id.
    pub(crate) fn row<R: Row>(&self, id: R::Id) -> &R {
        self.find(id).unwrap()
    }

    /// The row of this id, if there is one.
    pub(crate) fn find<R: Row>(&self, id: R::Id) -> Option<&R> {
        R::slots(&self.rows).get(id.uuid()).flatten()
    }
}

/// That a rule said no, by its code.
pub(crate) fn refused<T>(code: &str) -> Result<T, Stop> {
    let refusal = Refusal::all().into_iter().find(|refusal| refusal.code() == code);
    Err(Stop::Refused(refusal.unwrap_or_else(|| panic!("no refusal has the code {code}"))))
}

/// Gives every text that is not sealed some bytes for a seal: what no visitor reaches cannot be stored afterwards.
fn seal(text: &mut dyn Sealable, number: u32) {
    if let Some(open) = text.unsealed() {
        let bytes = format!("{}/{number}/{open}", text.kind().word()).into_bytes();
        text.seal(bytes);
    }
}

/// The event as a record, read back and written again.
fn recorded(event: &Event) {
    let mut event = event.clone();
    event.secrets(&mut seal);
    let written = serde_json::to_string(&event).unwrap();
    let read = Event::decode(event.kind(), &mut serde_json::Deserializer::from_str(&written)).unwrap();
    assert_eq!((read.kind(), read.thing()), (event.kind(), event.thing()));
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
}

/// The row as a document, read back and written again.
pub(crate) fn stored<R: Row>(row: &R) {
    let mut row = row.clone();
    row.secrets(&mut seal);
    let document = row.document().unwrap();
    let read = R::from_document(&document).unwrap();
    assert_eq!(read.document().unwrap(), document);
    assert_eq!((read.id(), read.columns()), (row.id(), row.columns()));
}
