//! Reading what others wrote: noted while an answer is made, entered in the practice's access log before it leaves
//! (promise R3).
//!
//! Whoever opens a [`View`](crate::View), or watches, brings a [`Reader`]. Views and the lines of a watch are the only
//! places outside decisions and folds that show a confidential text, and they write down with the reader what. Before the answer leaves,
//! [`App::enter`] commits the entries; where it cannot, the answer must not leave either. What holds here:
//! * only what was opened is entered: a list of names leaves no entry about synopses;
//! * a node remembers what was entered in the last minutes, so that most answers need no commit. It remembers the entry's
//!   own time, read back from the log's rows, so that another node's entry stands no longer than it may;
//! * the memory is bounded and may be empty: then the command finds the row, and nothing more is entered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use domain::Actor;
use domain::coachee::Coachee;
use domain::entry::Entry;
use domain::fold::When;
use domain::id::{AccessLogId, FileId, Id as _, LogId, PersonId, PracticeId, ReadingId, Subject};
use domain::reading::{EnterDownload, EnterReadings, Part, Reading, WINDOW_MINUTES, leaves_entry, named};
use domain::row::Row as _;
use domain::sight::Scope;
use domain::text::Kind;
use domain::value::Time;

use crate::looked::Looked;
use crate::record::Through;
use crate::{App, Error, Inner, Request};

/// How many entries one command makes at most.
const ENTRIES_MAX: usize = 500;
/// How many entries a node remembers.
const REMEMBERED_MAX: usize = 65_536;

/// Who reads, through what, and what they have read in this answer.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Who.
    pub person: PersonId,
    /// Through what.
    pub through: Through,
    /// What is to be entered before the answer leaves.
    pub noted: Noted,
    /// Their turn to look.
    pub looks: OneByOne,
    /// Under which sights they have looked.
    pub looked: Looked,
}

impl Reader {
    /// Somebody who reads apart from others.
    pub fn new(person: PersonId, through: Through) -> Self {
        Self { person, through, noted: Noted::default(), looks: OneByOne::default(), looked: Looked::default() }
    }
}

/// One view at a time: a view holds a connection, and whoever had several would wait for one with another in hand, and
/// keep others waiting. Clones are the same one, as all readers of a request have it.
#[derive(Debug, Clone, Default)]
pub struct OneByOne(Arc<tokio::sync::Mutex<()>>);

/// The turn of one view, until it is dropped.
pub(crate) type Turn = tokio::sync::OwnedMutexGuard<()>;

impl OneByOne {
    /// Waits until no other view is open.
    pub(crate) async fn turn(&self) -> Turn {
        self.0.clone().lock_owned().await
    }
}

/// What an answer opened of others' words and has not entered yet. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Noted(Arc<Mutex<Readings>>);

/// By practice and reader: through what, and whose texts of which kinds.
type Readings = BTreeMap<(PracticeId, PersonId), (Through, BTreeSet<(Subject, Kind)>)>;

impl Noted {
    /// And this was opened.
    pub(crate) fn add(&self, practice: PracticeId, reader: &Reader, subject: Subject, text: Kind) {
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, read) =
            readings.entry((practice, reader.person)).or_insert_with(|| (reader.through, BTreeSet::default()));
        read.insert((subject, named(text)));
    }

    fn take(&self) -> Readings {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// When which entries were left, as far as this node remembers.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<HashMap<ReadingId, Time>>);

impl Recent {
    /// Whether an entry stands for this reading.
    fn has(&self, reading: ReadingId, now: Time) -> bool {
        let entered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entered.get(&reading).is_some_and(|at| stands(*at, now))
    }

    fn keep(&self, readings: &[Reading], now: Time) {
        let mut entered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entered.len() + readings.len() > REMEMBERED_MAX {
            entered.retain(|_, at| stands(*at, now));
        }
        if entered.len() + readings.len() > REMEMBERED_MAX {
            entered.clear();
        }
        entered.extend(readings.iter().map(|reading| (reading.id, reading.at)));
    }
}

/// Whether an entry of then stands for what is read now.
fn stands(at: Time, now: Time) -> bool {
    now < at.plus_minutes(WINDOW_MINUTES)
}

/// What an entry of the activity log says to a viewer, once what of others' words is in it is noted.
pub(crate) fn told(entry: Entry, when: &When, (scope, reader): (&Scope, &Reader), lead: Option<PersonId>) -> Entry {
    let shown = entry.changes.iter().filter(|change| change.was.is_some() || change.now.is_some());
    for (change, text) in shown.filter_map(|change| Some((change, change.confidential?))) {
        // What the actor replaced, or took from elsewhere, may be another's.
        let author = when.actor.filter(|_| change.was.is_none() && !change.is_copy);
        if leaves_entry(scope, when.subject, author, when.owner, lead) {
            reader.noted.add(scope.practice, reader, when.subject, text);
        }
    }
    entry
}

/// Who leads these subjects now; nobody leads what is about no coachee.
pub(crate) async fn leads(
    inner: &Inner,
    snapshot: &mut store::Snapshot,
    log: LogId,
    subjects: &[Subject],
) -> Result<HashMap<Subject, Option<PersonId>>, Error> {
    let key = |subject: &Subject| (log.uuid().into_bytes(), subject.uuid().into_bytes());
    let keys: Vec<_> = subjects.iter().map(key).collect();
    let found = snapshot.load(inner.tables.physical(Coachee::TABLE)?, &keys).await?;
    let mut leads: HashMap<Subject, Option<PersonId>> = subjects.iter().map(|subject| (*subject, None)).collect();
    for (_, _, document) in found {
        let coachee = Coachee::from_document(&document).map_err(Error::internal)?;
        leads.insert(coachee.id.into(), coachee.lead);
    }
    Ok(leads)
}

impl App {
    /// Enters what was noted. To be called before the answer leaves; where it fails, the answer must not leave.
    ///
    /// # Errors
    /// Where an entry cannot be written: [`Error::StorageFull`], [`Error::Unavailable`].
    pub async fn enter(&self, noted: &Noted) -> Result<(), Error> {
        for ((practice, person), (through, read)) in noted.take() {
            let now = self.inner.clock.now();
            let is_new = |(subject, text): &(Subject, Kind)| {
                !self.inner.readings.has(ReadingId::by(person, *subject, *text), now)
            };
            let new: Vec<(Subject, Kind)> = read.into_iter().filter(is_new).collect();
            let log = LogId::AccessLog(AccessLogId::of_practice(practice));
            for readings in new.chunks(ENTRIES_MAX) {
                let ids: Vec<_> =
                    readings.iter().map(|(subject, text)| ReadingId::by(person, *subject, *text)).collect();
                let command = EnterReadings { reader: person, readings: readings.to_vec() };
                let (actor, id) = (Actor::Person(person), self.command());
                let request = Request { log, actor, through, now, command: id, idempotency: None };
                self.run(request, command).await?;
                self.remember(log, &ids, now).await?;
            }
        }
        Ok(())
    }

    /// Enters that somebody is about to download a file.
    pub(crate) async fn enter_download(
        &self,
        reader: &Reader,
        practice: PracticeId,
        (subject, file): (Subject, FileId),
        part: Part,
    ) -> Result<(), Error> {
        let log = LogId::AccessLog(AccessLogId::of_practice(practice));
        let (actor, through, now) = (Actor::Person(reader.person), reader.through, self.inner.clock.now());
        let request = Request { log, actor, through, now, command: self.command(), idempotency: None };
        self.run(request, EnterDownload { reader: reader.person, subject, file, part }).await.map(drop)
    }

    /// Remembers the entries that now stand for these readings.
    async fn remember(&self, log: LogId, ids: &[ReadingId], now: Time) -> Result<(), Error> {
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(()) };
        let key = |id: &ReadingId| (log.uuid().into_bytes(), id.uuid().into_bytes());
        let keys: Vec<_> = ids.iter().map(key).collect();
        let found = snapshot.load(self.inner.tables.physical(Reading::TABLE)?, &keys).await?;
        snapshot.close().await?;
        let rows = found.iter().map(|(_, _, document)| Reading::from_document(document));
        let rows = rows.collect::<Result<Vec<Reading>, _>>().map_err(Error::internal)?;
        self.inner.readings.keep(&rows, now);
        Ok(())
    }
}
