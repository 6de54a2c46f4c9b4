//! A view: one viewer, one practice, one snapshot. The only door to a practice's rows.
//!
//! Every read goes through the viewer's scope, so that no query can forget it: single rows, lists, counts, the activity
//! log. All readings of a view see the same moment, whose position it carries: the present, or an earlier one
//! ([`crate::moments`]), whose rows lie elsewhere while the log and the keys stay the present's. What the resolvers of a
//! request ask one by one is asked `together`. Rows and events come with their confidential texts sealed; whoever shows
//! one opens it here (`open`), and so it is noted who reads it ([`crate::readings`]).

mod open;
mod read;
mod rights;
mod together;

use std::collections::HashMap;
use std::sync::Arc;

use domain::Table;
use domain::account::Portal;
use domain::coachee::{Activation, Coachee};
use domain::id::{AccessId, AccessLogId, CoacheeId, Id as _, LogId, PersonId, PracticeId, Subject};
use domain::practice::{Access, Member, Practice, Role};
use domain::row::Row;
use domain::sight::{Owners, Scope, Sees, Side, Thing};
use domain::value::Time;
use store::tree::Hash;
pub use store::{Direction, Filter, Parent, Value};
use store::{Named, Select, SignedRoot};
use tokio::sync::{Mutex, OnceCell};

pub use self::rights::Rights;
use self::together::{Question, Together, Turn};
use crate::keys::LogKeys;
use crate::moments::{AsOf, Place, find};
use crate::passage::{Found, Known};
use crate::readings::{self, Reader};
use crate::record::Happened;
use crate::{App, Error, Inner, checkpoints};

/// How many coachees a coach's scope holds at most; more than any coach has.
const SCOPE_MAX: u32 = 10_000;

/// What one person sees of one practice at one moment.
#[derive(Debug, Clone)]
pub struct View {
    app: App,
    /// What the viewer may see.
    pub scope: Arc<Scope>,
    /// The log's position at that moment.
    pub position: u64,
    /// The time by which it judges, where it is not the present.
    then: Option<Time>,
    reader: Reader,
    reading: Arc<Mutex<Reading>>,
    together: Arc<Together>,
    practice: Arc<OnceCell<Practice>>,
}

/// What a view reads from: a snapshot, and before it whatever is known of the moment already.
#[derive(Debug)]
struct Reading {
    app: App,
    scope: Arc<Scope>,
    /// The log and the keys; and the rows, in the present.
    snapshot: Option<store::Snapshot>,
    /// The rows of an earlier moment.
    moment: Option<store::Snapshot>,
    keys: Arc<LogKeys>,
    /// The newest first.
    known: Vec<Arc<Known>>,
    /// Who leads whom, as far as it was asked.
    leads: HashMap<Subject, Option<PersonId>>,
    /// Until this is dropped, its reader has no other view.
    _turn: Option<readings::Turn>,
}

/// Which of a practice's logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kept {
    /// Who changed what.
    #[default]
    Changes,
    /// Who read what.
    Readings,
}

impl Reading {
    /// The snapshot. Where it is opened only now, the viewer's sight must still be the one that the view has.
    async fn snapshot(&mut self) -> Result<&mut store::Snapshot, Error> {
        let opened = match self.snapshot.take() {
            Some(open) => open,
            None => self.app.snapshot_under(&self.scope).await?,
        };
        Ok(self.snapshot.insert(opened))
    }

    /// Where the rows lie.
    async fn rows(&mut self) -> Result<&mut store::Snapshot, Error> {
        if self.moment.is_none() {
            return self.snapshot().await;
        }
        self.moment.as_mut().ok_or(Error::Unavailable)
    }

    /// Whether it is known already of each of these rows whether it is there and what it says.
    fn knows(&self, table: Table, ids: &[store::Id]) -> bool {
        let is_known = |id: &store::Id| {
            let found = |known: &Arc<Known>| !matches!(known.row(table, uuid::Uuid::from_bytes(*id)), Found::Unknown);
            self.known.iter().any(found)
        };
        ids.iter().all(is_known)
    }

    /// The documents of these rows, as far as they are there.
    async fn documents(
        &mut self,
        table: (Table, &store::Table),
        log: LogId,
        ids: impl Iterator<Item = uuid::Uuid>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let (mut found, mut asked) = (Vec::new(), Vec::new());
        for id in ids {
            let known = self.known.iter().map(|known| known.row(table.0, id));
            match known.into_iter().find(|row| !matches!(row, Found::Unknown)).unwrap_or(Found::Unknown) {
                Found::There(document) => found.push(document.to_vec()),
                Found::Absent => {}
                Found::Unknown => asked.push((log.uuid().into_bytes(), id.into_bytes())),
            }
        }
        if !asked.is_empty() {
            let loaded = self.rows().await?.load(table.1, &asked).await?;
            found.extend(loaded.into_iter().map(|(_, _, document)| document));
        }
        Ok(found)
    }
}

/// Which rows of a kind, in which order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Only those of this parent. Lists that differ in nothing else are read with one statement.
    pub under: Option<Under>,
    /// All of these hold.
    pub filters: Vec<Filter>,
    /// By these columns; the id comes last.
    pub order: Vec<(&'static str, Direction)>,
    /// Only after this row's place.
    pub after: Option<Vec<store::Value>>,
    /// Only before this row's place.
    pub before: Option<Vec<store::Value>>,
    /// The first or the last of them.
    pub last: bool,
    /// At most so many.
    pub limit: u32,
}

/// The parent of a list's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Under {
    /// The column that holds the parent's id.
    pub column: &'static str,
    /// The parent, and where its list begins, if not at its beginning.
    pub parent: Parent,
}

impl Wanted {
    /// Whether the two differ in their parents only.
    fn goes_with(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (&self.under, &other.under) else { return false };
        one.column == two.column
            && one.parent.after.is_some() == two.parent.after.is_some()
            && self.filters == other.filters
            && self.order == other.order
            && self.after == other.after
            && self.before == other.before
            && (self.last, self.limit) == (other.last, other.limit)
    }
}

/// Rows of a list, and whether there are more on its sides.
#[derive(Debug)]
pub struct Page<R> {
    /// The rows, each with its place in the order.
    pub rows: Vec<(R, Vec<store::Value>)>,
    /// Whether there are more before.
    pub has_previous: bool,
    /// Whether there are more after.
    pub has_next: bool,
}

/// Which entries of the activity log, or of the access log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entries {
    /// Of which of the two.
    pub of: Kept,
    /// By this person.
    pub actor: Option<PersonId>,
    /// About this coachee.
    pub coachee: Option<CoacheeId>,
    /// About this thing.
    pub thing: Option<uuid::Uuid>,
    /// Of these stored kinds.
    pub kinds: Option<Vec<String>>,
    /// Not earlier.
    pub from_at: Option<i64>,
    /// Earlier.
    pub to_at: Option<i64>,
    /// Only after this position.
    pub after: Option<u64>,
    /// Only before this position.
    pub before: Option<u64>,
    /// The newest first.
    pub newest_first: bool,
    /// With the texts that save themselves. Entries show none of them, so else they come as if they were forgotten.
    pub saves: bool,
    /// At most so many.
    pub limit: u32,
}

impl Entries {
    /// By what they are about: the events' column and its value.
    fn about(&self) -> Option<(&'static str, store::Id)> {
        let thing = self.thing.map(|thing| ("thing", thing.into_bytes()));
        thing.or_else(|| self.coachee.map(|coachee| ("subject", coachee.uuid().into_bytes())))
    }

    /// Whether the two differ in what they are about only.
    fn goes_with(&self, other: &Self) -> bool {
        let aligned = match (self.about(), other.about()) {
            (Some(("thing", _)), Some(("thing", _))) => Self { thing: self.thing, ..other.clone() },
            (Some(("subject", _)), Some(("subject", _))) => Self { coachee: self.coachee, ..other.clone() },
            _ => return false,
        };
        *self == aligned
    }
}

impl App {
    /// What somebody sees of a practice now, through one of its portals. `at_least` is a position that the answer must
    /// include. What they read of others' words is noted with them: see [`App::enter`]. It waits for the reader's turn
    /// ([`Reader::looks`]): who holds a view does not open another one with the same.
    ///
    /// # Errors
    /// [`Error::NotFound`] where they have no such portal of it.
    pub async fn view(
        &self,
        reader: &Reader,
        practice: PracticeId,
        portal: Portal,
        at_least: Option<u64>,
    ) -> Result<View, Error> {
        let (log, person) = (LogId::Practice(practice), reader.person);
        let turn = reader.looks.turn().await;
        let (snapshot, head, side) = match portal {
            Portal::Coach => {
                let found = self.snapshot_with::<Member>(log, person).await?;
                let (mut snapshot, head, member) = found.ok_or(Error::NotFound)?;
                let side = coachs_side(&self.inner, &mut snapshot, log, member).await?;
                (snapshot, head, side)
            }
            Portal::Coachee => {
                let found = self.snapshot_with::<Activation>(log, person).await?;
                let (mut snapshot, head, activation) = found.ok_or(Error::NotFound)?;
                let side = coachees_side(&self.inner, &mut snapshot, log, activation).await?;
                (snapshot, head, side)
            }
        };
        let Some(side) = side else {
            snapshot.close().await?;
            return Err(Error::NotFound);
        };
        if at_least.is_some_and(|position| position > head.seq) {
            snapshot.close().await?;
            return Err(Error::BadRequest("this practice's log has not come to that position yet".to_owned()));
        }
        let scope = Arc::new(Scope { person, practice, side });
        reader.looked.add(&scope, head.seq);
        let reading = Reading {
            app: self.clone(),
            scope: scope.clone(),
            snapshot: Some(snapshot),
            moment: None,
            keys: Arc::new(LogKeys::new(&self.inner.roots, log)),
            known: Vec::new(),
            leads: HashMap::new(),
            _turn: Some(turn),
        };
        Ok(View {
            app: self.clone(),
            scope,
            position: head.seq,
            then: None,
            reader: reader.clone(),
            reading: Arc::new(Mutex::new(reading)),
            together: Arc::default(),
            practice: Arc::default(),
        })
    }

    /// What a scope sees of rows that are known already, the newest last. A snapshot is opened only where something else
    /// is read. `None` where nothing is known.
    pub(crate) fn view_of(&self, reader: &Reader, scope: &Arc<Scope>, known: Vec<Arc<Known>>) -> Option<View> {
        let newest = known.last()?;
        let (position, keys) = (newest.position, newest.keys.clone());
        reader.looked.renew(scope, position);
        // What the newest says comes last, and so counts.
        let leads =
            known.iter().flat_map(|known| known.leads.iter().map(|(subject, lead)| (*subject, *lead))).collect();
        let known = known.into_iter().rev().collect();
        let (app, scope) = (self.clone(), scope.clone());
        let reading =
            Reading { app, scope: scope.clone(), snapshot: None, moment: None, keys, known, leads, _turn: None };
        Some(View {
            app: self.clone(),
            scope,
            position,
            then: None,
            reader: reader.clone(),
            reading: Arc::new(Mutex::new(reading)),
            together: Arc::default(),
            practice: Arc::default(),
        })
    }
}

/// As what somebody looks at a practice.
pub(crate) async fn side(
    inner: &Inner,
    snapshot: &mut store::Snapshot,
    practice: PracticeId,
    person: PersonId,
    portal: Portal,
) -> Result<Option<Side>, Error> {
    let log = LogId::Practice(practice);
    match portal {
        Portal::Coach => {
            let member = inner.row::<Member>(snapshot, log, person).await?;
            coachs_side(inner, snapshot, log, member).await
        }
        Portal::Coachee => {
            let activation = inner.row::<Activation>(snapshot, log, person).await?;
            coachees_side(inner, snapshot, log, activation).await
        }
    }
}

/// As what a coach looks at a practice.
async fn coachs_side(
    inner: &Inner,
    snapshot: &mut store::Snapshot,
    log: LogId,
    member: Option<Member>,
) -> Result<Option<Side>, Error> {
    let Some(member) = member else { return Ok(None) };
    if member.role != Role::Coach {
        return Ok(Some(Side::Manager));
    }
    let mine = vec![Filter::Eq("coach".to_owned(), Value::from(member.id.uuid().into_bytes()))];
    let accesses = inner.rows::<Access>(snapshot, log, mine, SCOPE_MAX).await?;
    // A client is a coachee, or a company whose coachees it covers.
    let held = accesses.iter().filter(|access| access.holds(&member));
    Ok(Some(Side::Coach(held.map(|access| CoacheeId::of(access.client.uuid())).collect())))
}

/// As what a coachee looks at a practice.
async fn coachees_side(
    inner: &Inner,
    snapshot: &mut store::Snapshot,
    log: LogId,
    activation: Option<Activation>,
) -> Result<Option<Side>, Error> {
    let Some(activation) = activation.filter(|activation| !activation.closed) else { return Ok(None) };
    let Some(coachee) = inner.row::<Coachee>(snapshot, log, activation.coachee).await? else { return Ok(None) };
    let client = vec![Filter::Eq("client".to_owned(), Value::from(coachee.client().uuid().into_bytes()))];
    let accesses = inner.rows::<Access>(snapshot, log, client, SCOPE_MAX).await?;
    let members: Vec<PersonId> = accesses.iter().map(|access| access.coach).collect();
    let mut members = inner.rows_of::<Member>(snapshot, log, &members).await?;
    members.retain(|member| accesses.iter().any(|access| access.coach == member.id && access.holds(member)));
    let mut coaches: Vec<PersonId> = members.into_iter().map(|member| member.id).collect();
    coaches.sort_unstable();
    Ok(Some(Side::Coachee(coachee.id, coaches)))
}

impl View {
    /// The app.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The time by which it judges what is due, active or over: now, or its moment's.
    pub fn now(&self) -> Time {
        self.then.unwrap_or_else(|| self.app.clock().now())
    }

    /// The place of a moment in the practice's log.
    pub(crate) async fn place(&self, as_of: AsOf) -> Result<Place, Error> {
        let mut reading = self.reading.lock().await;
        find(reading.snapshot().await?, self.log(), as_of, self.app.clock().now()).await
    }

    /// The same viewer, with the same scope, at an earlier moment: rows are read there, where it is another one.
    pub(crate) async fn at(self, place: Place, rows: Option<store::Snapshot>) -> Self {
        self.reading.lock().await.moment = rows;
        Self { position: place.position, then: Some(place.then), practice: Arc::default(), ..self }
    }

    /// Gives its connection back at once; a view that is dropped does so a little later.
    pub(crate) async fn close(self) -> Result<(), Error> {
        match Arc::into_inner(self.reading) {
            Some(reading) => match reading.into_inner().snapshot {
                Some(snapshot) => Ok(snapshot.close().await?),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// What is seen of a kind of row.
    fn sees(&self, thing: Thing) -> Sees {
        let sees = self.scope.sees(thing);
        if self.then.is_some() && !thing.is_always_shared() { sees.earlier() } else { sees }
    }

    /// The practice's log.
    pub fn log(&self) -> LogId {
        LogId::Practice(self.scope.practice)
    }

    /// The coachee who looks, in a coachee's portal.
    pub fn oneself(&self) -> Option<CoacheeId> {
        match &self.scope.side {
            Side::Coachee(coachee, _) => Some(*coachee),
            Side::Manager | Side::Coach(_) => None,
        }
    }

    /// Whether this coach has or had access to the coachee who looks: then they are no stranger.
    pub async fn knows_coach(&self, coach: PersonId) -> Result<bool, Error> {
        let Some(oneself) = self.oneself() else { return Ok(false) };
        let mut reading = self.reading.lock().await;
        let (inner, snapshot) = (&self.app.inner, reading.snapshot().await?);
        let Some(me) = inner.row::<Coachee>(snapshot, self.log(), oneself).await? else { return Ok(false) };
        let access = AccessId::between(coach, me.client());
        Ok(inner.row::<Access>(snapshot, self.log(), access).await?.is_some())
    }

    /// The practice itself. It is read once.
    pub async fn practice(&self) -> Result<Practice, Error> {
        let read = || async { self.one::<Practice>(self.scope.practice).await?.ok_or(Error::NotFound) };
        self.practice.get_or_try_init(read).await.cloned()
    }

    /// The row of this id, if the viewer sees it.
    pub async fn one<R: Row>(&self, id: R::Id) -> Result<Option<R>, Error> {
        Ok(self.many::<R>(&[id]).await?.pop())
    }

    /// The rows of these ids, those that the viewer sees, in no order.
    pub async fn many<R: Row>(&self, ids: &[R::Id]) -> Result<Vec<R>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<store::Id> = ids.iter().map(|id| id.uuid().into_bytes()).collect();
        // What is known takes no statement that others' questions could share, so they are not waited for.
        if let Ok(mut reading) = self.reading.try_lock()
            && reading.knows(R::TABLE, &ids)
        {
            return Ok(self.read_rows::<R>(&mut reading, &[&ids]).await?.pop().unwrap_or_default());
        }
        match self.together.ask(&self.reading, Question::Rows(R::TABLE, ids)).await? {
            Turn::Answered(rows) => Ok(rows),
            Turn::Mine(mut mine) => {
                let asked = mine.questions.iter().map(|question| match question {
                    Question::Rows(_, ids) => ids.as_slice(),
                    Question::Names(_) | Question::List(..) | Question::Entries(_) | Question::Count(..) => &[],
                });
                let asked: Vec<&[store::Id]> = asked.collect();
                let answers = self.read_rows::<R>(&mut mine.reading, &asked).await?;
                mine.settle(answers)
            }
        }
    }

    /// A page of a list of rows, those that the viewer sees.
    pub async fn list<R: Row>(&self, wanted: &Wanted) -> Result<Page<R>, Error> {
        if wanted.under.is_none() {
            let mut reading = self.reading.lock().await;
            let pages = self.read_lists(&mut reading, &[wanted]).await?;
            return pages.into_iter().next().ok_or_else(|| Error::internal("a list has no page"));
        }
        match self.together.ask(&self.reading, Question::List(R::TABLE, wanted.clone())).await? {
            Turn::Answered(page) => Ok(page),
            Turn::Mine(mut mine) => {
                let lists = mine.questions.iter().filter_map(|question| match question {
                    Question::List(_, wanted) => Some(wanted),
                    Question::Rows(..) | Question::Names(_) | Question::Entries(_) | Question::Count(..) => None,
                });
                let lists: Vec<&Wanted> = lists.collect();
                let pages = self.read_lists::<R>(&mut mine.reading, &lists).await?;
                mine.settle(pages)
            }
        }
    }

    /// How many rows of a kind the viewer sees.
    pub async fn count<R: Row>(&self, filters: Vec<Filter>) -> Result<u64, Error> {
        let table = self.app.inner.tables.physical(R::TABLE)?;
        let sight = sight(&self.sees(R::THING));
        let select = Select { sight: Some(&sight), filters, ..Select::new(table, self.log().uuid().into_bytes(), 0) };
        Ok(self.reading.lock().await.rows().await?.count(&select).await?)
    }

    /// How many rows of a kind a parent has, whose id this column holds, as far as the viewer sees them. Those of all
    /// parents of an answer are counted together.
    pub async fn count_under<R: Row>(&self, column: &'static str, parent: impl domain::id::Id) -> Result<u64, Error> {
        let parent = parent.uuid().into_bytes();
        match self.together.ask(&self.reading, Question::Count(R::TABLE, column, parent)).await? {
            Turn::Answered(count) => Ok(count),
            Turn::Mine(mut mine) => {
                let parents = mine.questions.iter().filter_map(|question| match question {
                    Question::Count(_, _, parent) => Some(*parent),
                    Question::Rows(..) | Question::Names(_) | Question::List(..) | Question::Entries(_) => None,
                });
                let parents: Vec<store::Id> = parents.collect();
                let counts = self.read_counts::<R>(&mut mine.reading, column, &parents).await?;
                mine.settle(counts)
            }
        }
    }

    /// A filter for coachees: about whom there is a row of this kind that the viewer sees and for which all of these hold.
    pub fn coachees_with<R: Row>(&self, filters: Vec<Filter>) -> Result<Filter, Error> {
        let (list, rows) = (self.sees(Coachee::THING), self.sees(R::THING));
        // The list itself says whom the viewer sees; that is not said twice, where it is the same.
        let everyone = rows.everyone || (!list.everyone && rows.subjects == list.subjects);
        let named = Named {
            table: self.app.inner.tables.physical(R::TABLE)?.clone(),
            column: "subject".to_owned(),
            sight: Some(sight(&Sees { everyone, ..rows })),
            filters,
        };
        Ok(Filter::Named("id".to_owned(), named))
    }

    /// A filter for what is about coachees: those for whom all of these hold. Whom the viewer sees, the list itself says.
    pub fn about_coachees(&self, filters: Vec<Filter>) -> Result<Filter, Error> {
        let table = self.app.inner.tables.physical(Coachee::TABLE)?.clone();
        let named = Named { table, column: "id".to_owned(), sight: None, filters };
        Ok(Filter::Named("subject".to_owned(), named))
    }

    /// The position after the view's.
    const fn end(&self) -> u64 {
        self.position.saturating_add(1)
    }

    /// Entries of the activity log, or of the access log, that the viewer may review. [`View::entry`] says one.
    pub async fn entries(&self, wanted: &Entries) -> Result<Vec<Happened>, Error> {
        if wanted.about().is_none() {
            let mut reading = self.reading.lock().await;
            return Ok(self.read_entries(&mut reading, &[wanted]).await?.pop().unwrap_or_default());
        }
        match self.together.ask(&self.reading, Question::Entries(wanted.clone())).await? {
            Turn::Answered(entries) => Ok(entries),
            Turn::Mine(mut mine) => {
                let asked = mine.questions.iter().filter_map(|question| match question {
                    Question::Entries(wanted) => Some(wanted),
                    Question::Rows(..) | Question::Names(_) | Question::List(..) | Question::Count(..) => None,
                });
                let asked: Vec<&Entries> = asked.collect();
                let entries = self.read_entries(&mut mine.reading, &asked).await?;
                mine.settle(entries)
            }
        }
    }

    /// Which log that is.
    pub(crate) fn kept(&self, of: Kept) -> LogId {
        match of {
            Kept::Changes => self.log(),
            Kept::Readings => LogId::AccessLog(AccessLogId::of_practice(self.scope.practice)),
        }
    }

    /// The sealed record of the entry at this position, as it lies in that log; nothing where there is none that the
    /// viewer may review.
    pub async fn record(&self, of: Kept, position: u64) -> Result<Option<String>, Error> {
        let (after, before) = (Some(position.saturating_sub(1)), Some(position.saturating_add(1)));
        let wanted = Entries { of, after, before, limit: 1, ..Entries::default() };
        let found = self.stored_entries(&mut *self.reading.lock().await, &[&wanted], None).await?.pop();
        let stored = found.map(|(_, stored)| stored).filter(|stored| stored.seq == position);
        stored.map(|stored| String::from_utf8(stored.record)).transpose().map_err(Error::internal)
    }

    /// That log's newest checkpoint, if it has one. It and its proofs are read in the view's snapshot: they fit each other,
    /// and nobody waits for another connection with one in hand.
    pub async fn audit_head(&self, of: Kept) -> Result<Option<SignedRoot>, Error> {
        let mut reading = self.reading.lock().await;
        Ok(reading.snapshot().await?.checkpoint(self.kept(of).uuid().into_bytes()).await?)
    }

    /// The proof of an entry that the viewer was found to be allowed to review: see [`checkpoints::inclusion`].
    pub async fn inclusion(&self, of: Kept, position: u64) -> Result<Option<checkpoints::Proof>, Error> {
        let mut reading = self.reading.lock().await;
        checkpoints::inclusion(reading.snapshot().await?, self.kept(of), position).await
    }

    /// The proof that this log only grew: see [`checkpoints::consistency`].
    pub async fn consistency(&self, of: Kept, from: u64, to: u64) -> Result<Vec<Hash>, Error> {
        let mut reading = self.reading.lock().await;
        checkpoints::consistency(reading.snapshot().await?, self.kept(of), (from, to)).await
    }

    /// How far the log had forgotten.
    pub(crate) async fn newest_forgotten(&self) -> Result<u64, Error> {
        let mut reading = self.reading.lock().await;
        Ok(reading.snapshot().await?.newest_forgotten(self.log().uuid().into_bytes()).await?)
    }
}

async fn load_keys(reading: &mut Reading, whose: impl IntoIterator<Item = crate::keys::Whose>) -> Result<(), Error> {
    let whose: Vec<crate::keys::Whose> = whose.into_iter().collect();
    if reading.keys.know(&whose) {
        return Ok(());
    }
    reading.snapshot().await?;
    match &mut reading.snapshot {
        // Those that all who follow share are copied where this viewer needs others.
        Some(snapshot) => Arc::make_mut(&mut reading.keys).load_for_reading(snapshot, whose).await,
        None => Err(Error::Unavailable),
    }
}

/// A scope's reading for the store.
fn sight(sees: &Sees) -> store::Sight {
    store::Sight {
        everyone: sees.everyone,
        subjects: sees.subjects.iter().map(|subject| subject.into_bytes()).collect(),
        me: Some(sees.me.uuid().into_bytes()),
        owners: match sees.owners {
            Owners::Unowned => store::Owners::Unowned,
            Owners::Mine => store::Owners::Mine,
            Owners::MineOrShared => store::Owners::MineOrShared,
        },
    }
}
