//! A view: one viewer, one practice, one snapshot. The only door to a practice's rows.
//!
//! Every read goes through the viewer's scope, so that no query can forget it: single rows, lists, counts, the activity
//! log. All readings of a view see the same moment, whose position it carries: the present, or an earlier one
//! ([`crate::moments`]), whose rows lie elsewhere while the log and the keys stay the present's.

use std::sync::Arc;

use domain::Table;
use domain::account::Portal;
use domain::coachee::{Activation, Coachee};
use domain::id::{AccessId, CoacheeId, Id as _, LogId, PersonId, PracticeId};
use domain::practice::{Access, Member, Practice, Role};
use domain::row::Row;
use domain::sight::{Owners, Scope, Sees, Side, Thing};
use domain::text::{Confidential, Text};
use domain::value::Time;
pub use store::{Direction, Filter, Value};
use store::{Select, Take};
use tokio::sync::Mutex;

use crate::keys::{LogKeys, open};
use crate::moments::{AsOf, Place, find};
use crate::passage::{Found, Known};
use crate::record::Happened;
use crate::{App, Error, Inner, tables};

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
    reading: Arc<Mutex<Reading>>,
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
    keys: LogKeys,
    /// The newest first.
    known: Vec<Arc<Known>>,
}

impl Reading {
    /// The snapshot. Where it is opened only now, the viewer's sight must still be the one that the view has.
    async fn snapshot(&mut self) -> Result<&mut store::Snapshot, Error> {
        let opened = if let Some(open) = self.snapshot.take() {
            open
        } else {
            let Scope { person, practice, .. } = *self.scope;
            let (mut open, _) = self.app.snapshot_of(LogId::Practice(practice)).await?.ok_or(Error::NotFound)?;
            let side = side(&self.app.inner, &mut open, practice, person, self.scope.side.portal()).await?;
            if side.as_ref() != Some(&self.scope.side) {
                open.close().await?;
                return Err(Error::NotFound);
            }
            open
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
#[derive(Debug, Clone, Default)]
pub struct Wanted {
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

/// Which entries of the activity log.
#[derive(Debug, Clone, Default)]
pub struct Entries {
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
    /// At most so many.
    pub limit: u32,
}

impl App {
    /// What this person sees of a practice now, through one of its portals. `at_least` is a position that the answer
    /// must include.
    ///
    /// # Errors
    /// [`Error::NotFound`] where they have no such portal of it.
    pub async fn view(
        &self,
        person: PersonId,
        practice: PracticeId,
        portal: Portal,
        at_least: Option<u64>,
    ) -> Result<View, Error> {
        let log = LogId::Practice(practice);
        let (mut snapshot, head) = self.snapshot_of(log).await?.ok_or(Error::NotFound)?;
        let Some(side) = side(&self.inner, &mut snapshot, practice, person, portal).await? else {
            snapshot.close().await?;
            return Err(Error::NotFound);
        };
        if at_least.is_some_and(|position| position > head.seq) {
            snapshot.close().await?;
            return Err(Error::BadRequest("this practice's log has not come to that position yet".to_owned()));
        }
        let scope = Arc::new(Scope { person, practice, side });
        let reading = Reading {
            app: self.clone(),
            scope: scope.clone(),
            snapshot: Some(snapshot),
            moment: None,
            keys: LogKeys::new(&self.inner.roots, log),
            known: Vec::new(),
        };
        Ok(View { app: self.clone(), scope, position: head.seq, then: None, reading: Arc::new(Mutex::new(reading)) })
    }

    /// What a scope sees of rows that are known already, the newest last. A snapshot is opened only where something else
    /// is read. `None` where nothing is known.
    pub(crate) fn view_of(&self, scope: &Arc<Scope>, known: Vec<Arc<Known>>) -> Option<View> {
        let newest = known.last()?;
        let (position, keys) = (newest.position, newest.keys.clone());
        let known = known.into_iter().rev().collect();
        let reading = Reading { app: self.clone(), scope: scope.clone(), snapshot: None, moment: None, keys, known };
        Some(View {
            app: self.clone(),
            scope: scope.clone(),
            position,
            then: None,
            reading: Arc::new(Mutex::new(reading)),
        })
    }
}

/// As what somebody looks at a practice.
async fn side(
    inner: &Inner,
    snapshot: &mut store::Snapshot,
    practice: PracticeId,
    person: PersonId,
    portal: Portal,
) -> Result<Option<Side>, Error> {
    let log = LogId::Practice(practice);
    match portal {
        Portal::Coach => {
            let Some(member) = inner.row::<Member>(snapshot, log, person).await? else { return Ok(None) };
            if member.role != Role::Coach {
                return Ok(Some(Side::Manager));
            }
            let mine = vec![Filter::Eq("coach".to_owned(), store::Value::from(person.uuid().into_bytes()))];
            let accesses = inner.rows::<Access>(snapshot, log, mine, SCOPE_MAX).await?;
            // A client is a coachee, or a company whose coachees it covers.
            let held = accesses.iter().filter(|access| access.holds(&member));
            Ok(Some(Side::Coach(held.map(|access| CoacheeId::of(access.client.uuid())).collect())))
        }
        Portal::Coachee => {
            let Some(activation) = inner.row::<Activation>(snapshot, log, person).await? else { return Ok(None) };
            let Some(coachee) = inner.row::<Coachee>(snapshot, log, activation.coachee).await? else { return Ok(None) };
            let client = store::Value::from(coachee.client().uuid().into_bytes());
            let accesses =
                inner.rows::<Access>(snapshot, log, vec![Filter::Eq("client".to_owned(), client)], SCOPE_MAX).await?;
            let mut coaches = Vec::with_capacity(accesses.len());
            for access in accesses {
                let member = inner.row::<Member>(snapshot, log, access.coach).await?;
                coaches.extend(member.filter(|member| access.holds(member)).map(|member| member.id));
            }
            Ok(Some(Side::Coachee(coachee.id, coaches)))
        }
    }
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
        Self { position: place.position, then: Some(place.then), ..self }
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
        if self.then.is_some() { sees.earlier() } else { sees }
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

    /// The practice itself.
    pub async fn practice(&self) -> Result<Practice, Error> {
        self.one::<Practice>(self.scope.practice).await?.ok_or(Error::NotFound)
    }

    /// The row of this id, if the viewer sees it.
    pub async fn one<R: Row>(&self, id: R::Id) -> Result<Option<R>, Error> {
        Ok(self.many::<R>(&[id]).await?.pop())
    }

    /// The rows of these ids, those that the viewer sees.
    pub async fn many<R: Row>(&self, ids: &[R::Id]) -> Result<Vec<R>, Error> {
        let table = (R::TABLE, self.app.inner.tables.physical(R::TABLE)?);
        let mut reading = self.reading.lock().await;
        let found = reading.documents(table, self.log(), ids.iter().map(|id| id.uuid())).await?;
        let sees = self.sees(R::THING);
        let mut rows = Vec::with_capacity(found.len());
        for document in found {
            let row = R::from_document(&document).map_err(Error::internal)?;
            if sees.row(row.subject(), row.owner(), row.shared()) {
                rows.push(row);
            }
        }
        self.open_all(&mut reading, &mut rows).await?;
        Ok(rows)
    }

    /// A page of a list of rows, those that the viewer sees.
    pub async fn list<R: Row>(&self, wanted: &Wanted) -> Result<Page<R>, Error> {
        let table = self.app.inner.tables.physical(R::TABLE)?;
        let sight = sight(&self.sees(R::THING));
        let select = Select {
            sight: Some(&sight),
            filters: wanted.filters.clone(),
            order: wanted.order.iter().map(|(column, direction)| ((*column).to_owned(), *direction)).collect(),
            after: wanted.after.clone(),
            before: wanted.before.clone(),
            take: if wanted.last { Take::Last } else { Take::First },
            // One more tells whether there are more.
            ..Select::new(table, self.log().uuid().into_bytes(), wanted.limit.saturating_add(1))
        };
        let mut reading = self.reading.lock().await;
        let found = reading.rows().await?.documents(&select).await?;
        let mut rows = found
            .iter()
            .map(|(_, document)| R::from_document(document))
            .collect::<Result<Vec<R>, _>>()
            .map_err(Error::internal)?;
        let more = rows.len() > wanted.limit as usize;
        if more && wanted.last {
            rows.remove(0);
        }
        rows.truncate(wanted.limit as usize);
        self.open_all(&mut reading, &mut rows).await?;
        let (has_previous, has_next) =
            if wanted.last { (more, wanted.before.is_some()) } else { (wanted.after.is_some(), more) };
        Ok(Page {
            rows: rows
                .into_iter()
                .map(|row| {
                    let place = place(&row, &wanted.order);
                    (row, place)
                })
                .collect(),
            has_previous,
            has_next,
        })
    }

    /// How many rows of a kind the viewer sees.
    pub async fn count<R: Row>(&self, filters: Vec<Filter>) -> Result<u64, Error> {
        let table = self.app.inner.tables.physical(R::TABLE)?;
        let sight = sight(&self.sees(R::THING));
        let select = Select { sight: Some(&sight), filters, ..Select::new(table, self.log().uuid().into_bytes(), 0) };
        Ok(self.reading.lock().await.rows().await?.count(&select).await?)
    }

    /// Opens one text of a row that the viewer sees; for texts that are too long to be opened with every row.
    pub async fn read<R: Row, T: Text>(
        &self,
        row: &R,
        number: u32,
        text: &Confidential<T>,
    ) -> Result<Option<String>, Error> {
        let Some(sealed) = text.sealed() else { return Ok(text.text().map(|text| text.as_str().to_owned())) };
        if !self.sees(R::THING).row(row.subject(), row.owner(), row.shared()) {
            return Err(Error::NotFound);
        }
        let mut reading = self.reading.lock().await;
        let whose = (row.subject(), row.owner());
        load_keys(&mut reading, [whose]).await?;
        let Some(keys) = reading.keys.get(whose).filter(|keys| !keys.is_empty()) else { return Ok(None) };
        let place = vault::Place {
            log: self.log().uuid().into_bytes(),
            thing: row.id().uuid().into_bytes(),
            text: T::KIND,
            ordinal: number,
        };
        open(keys, None, &place, sealed)
            .map(Some)
            .ok_or_else(|| Error::internal(format!("a text of {:?} does not open", row.id())))
    }

    /// Opens the declared texts of rows that the viewer sees.
    async fn open_all<R: Row>(&self, reading: &mut Reading, rows: &mut [R]) -> Result<(), Error> {
        let mut any = false;
        for row in rows.iter_mut() {
            row.secrets(&mut |_, _| any = true);
        }
        if !any {
            return Ok(());
        }
        load_keys(reading, rows.iter().map(|row| (row.subject(), row.owner()))).await?;
        let log = self.log().uuid().into_bytes();
        for row in rows {
            let Some(keys) = reading.keys.get((row.subject(), row.owner())).filter(|keys| !keys.is_empty()) else {
                continue;
            };
            let (thing, mut failed) = (row.id().uuid().into_bytes(), false);
            row.secrets(&mut |secret, number| {
                let Some(sealed) = secret.sealed() else { return };
                let place = vault::Place { log, thing, text: secret.kind(), ordinal: number };
                match open(keys, None, &place, sealed) {
                    Some(text) => secret.open(&text),
                    None => failed = true,
                }
            });
            if failed {
                return Err(Error::internal(format!("a text of {:?} does not open", row.id())));
            }
        }
        Ok(())
    }

    /// The position after the view's.
    const fn end(&self) -> u64 {
        self.position.saturating_add(1)
    }

    /// Entries of the activity log that the viewer may review, with their texts opened.
    pub async fn entries(&self, wanted: &Entries) -> Result<Vec<Happened>, Error> {
        let stored = self.stored_entries(wanted).await?;
        opened(&mut *self.reading.lock().await, &stored).await
    }

    /// The sealed record of the entry at this position, as it lies in the log; nothing where there is none that the
    /// viewer may review.
    pub async fn record(&self, position: u64) -> Result<Option<String>, Error> {
        let (after, before) = (Some(position.saturating_sub(1)), Some(position.saturating_add(1)));
        let found = self.stored_entries(&Entries { after, before, limit: 1, ..Entries::default() }).await?.pop();
        let record = found.filter(|stored| stored.seq == position).map(|stored| String::from_utf8(stored.record));
        record.transpose().map_err(Error::internal)
    }

    /// Entries of the activity log that the viewer may review, as they are stored.
    async fn stored_entries(&self, wanted: &Entries) -> Result<Vec<store::Event>, Error> {
        let (sees, allowed) = self.scope.entries();
        let allowed = allowed.into_iter().map(str::to_owned);
        let kinds: Vec<String> = match &wanted.kinds {
            Some(kinds) => allowed.filter(|kind| kinds.contains(kind)).collect(),
            None => allowed.collect(),
        };
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let sight = store::Sight { owners: store::Owners::Mine, ..sight(&sees) };
        let asked = store::Activity {
            log: self.log().uuid().into_bytes(),
            sight: Some(&sight),
            thing: wanted.thing.map(uuid::Uuid::into_bytes),
            subject: wanted.coachee.map(|coachee| coachee.uuid().into_bytes()),
            actor: wanted.actor.map(|actor| actor.uuid().into_bytes()),
            kinds,
            from_at: wanted.from_at,
            to_at: wanted.to_at,
            after_seq: wanted.after,
            before_seq: Some(wanted.before.map_or(self.end(), |before| before.min(self.end()))),
            descending: wanted.newest_first,
            limit: wanted.limit,
        };
        Ok(self.reading.lock().await.snapshot().await?.activity(&asked).await?)
    }

    /// The events of one thing from the log, oldest first, with their texts opened: a text's history. Only for things
    /// whose rows the viewer sees: the caller has looked at the row first.
    pub async fn history<R: Row>(&self, row: &R, kinds: &[&str], limit: u32) -> Result<Vec<Happened>, Error> {
        if !self.sees(R::THING).row(row.subject(), row.owner(), row.shared()) {
            return Err(Error::NotFound);
        }
        let asked = store::Activity {
            log: self.log().uuid().into_bytes(),
            sight: None,
            thing: Some(row.id().uuid().into_bytes()),
            subject: None,
            actor: None,
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            from_at: None,
            to_at: None,
            after_seq: None,
            before_seq: Some(self.end()),
            descending: false,
            limit,
        };
        let mut reading = self.reading.lock().await;
        let stored = reading.snapshot().await?.activity(&asked).await?;
        opened(&mut reading, &stored).await
    }
}

/// Events with all their texts opened; those of a forgotten text stay closed.
async fn opened(reading: &mut Reading, stored: &[store::Event]) -> Result<Vec<Happened>, Error> {
    load_keys(reading, crate::fold::whose(stored)).await?;
    let mut events = Vec::with_capacity(stored.len());
    for stored in stored {
        let mut happened = crate::record::decode(&stored.record)?;
        let when = happened.when;
        if let Some(keys) = reading.keys.get((when.subject, when.owner)).filter(|keys| !keys.is_empty()) {
            crate::record::open(&mut happened.event, &when, keys, crate::record::Texts::All)?;
        }
        events.push(happened);
    }
    Ok(events)
}

async fn load_keys(reading: &mut Reading, whose: impl IntoIterator<Item = crate::keys::Whose>) -> Result<(), Error> {
    let whose: Vec<crate::keys::Whose> = whose.into_iter().collect();
    if reading.keys.know(&whose) {
        return Ok(());
    }
    reading.snapshot().await?;
    match &mut reading.snapshot {
        Some(snapshot) => reading.keys.load_for_reading(snapshot, whose).await,
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

/// A row's place in an order: the values of the ordered columns, then the id.
fn place<R: Row>(row: &R, order: &[(&'static str, Direction)]) -> Vec<store::Value> {
    let values = row.columns();
    let of = |name: &str| {
        let at = R::COLUMNS.iter().position(|(column, _)| *column == name);
        at.and_then(|at| values.get(at).cloned()).map_or(store::Value::Null, tables::value)
    };
    order.iter().map(|(column, _)| of(column)).chain([store::Value::from(row.id().uuid().into_bytes())]).collect()
}
