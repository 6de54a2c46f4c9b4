//! Moments: a practice as it was, so that every query of a portal can be asked as of then.
//!
//! A moment is a database in memory that holds one practice's rows at one position, folded from the log by the folds of
//! live commits. Views read rows from it; the log, the keys and the viewer's scope stay the present's. So what is shown
//! is what then was, to who may see it now, and what was erased stays erased: a text whose key is gone folds into
//! nothing, and confidential ones lie in a moment as sealed as in the log. Names and addresses lie there in the clear, as
//! in every row: a log's moments are dropped when it forgets somebody, by the node that commits that at once, by another one
//! before it shows any of them.
//!
//! Why it can be built while the practice goes on: events up to a position never change, so a moment never does either,
//! and its log may be read in parts with a snapshot each. A moment that was built is kept, and a later one begins with a
//! copy of the nearest one before it.
//!
//! What bounds it: the bytes of all that is kept, of which the longest unused goes first; as many for one moment while it
//! is built, `BUILDS_MAX` at a time and one a person; and so many events a request ([`Bounds`]), after which what
//! there is so far is kept and the next request goes on from it. A build is part of its request and ends with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use domain::account::Portal;
use domain::id::{LogId, PersonId, PracticeId};
use domain::value::Time;
use domain::{Rows, Table};
use store::{Options, Portions, Select, Snapshot, Store, Value};
use tokio::sync::{OnceCell, Semaphore};

use crate::fold::{fold_ready, keys_of, read_ready};
use crate::{App, Error, Reader, View};

/// How many moments are built at a time.
const BUILDS_MAX: usize = 2;
/// How many bytes of rows a build keeps at hand between its portions.
const ROWS_BYTES_MAX: usize = 16 << 20;
/// What a moment takes beside its pages: connections and their caches, about.
const BESIDE_BYTES: usize = 1 << 20;
/// How often a view is tried whose moment was dropped meanwhile.
const TRIES: u32 = 4;

/// How much may be spent on looking back.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many bytes of moments are kept; as many has the largest one at most.
    pub bytes: usize,
    /// How many events one request folds at most.
    pub events_a_request: u64,
}

impl Default for Bounds {
    /// 64 MiB, and 100 000 events: some seconds of work.
    fn default() -> Self {
        Self { bytes: 64 << 20, events_a_request: 100_000 }
    }
}

/// Which moment of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// Right after the event at this position; its time is the event's.
    Position(u64),
    /// At this time: right after the last event that is not later.
    Time(Time),
}

/// A moment's place in its log, and the time by which it judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub position: u64,
    pub then: Time,
}

/// A log's rows at a position.
#[derive(Debug)]
struct Moment {
    store: Store,
    position: u64,
    bytes: usize,
    /// How far the log had forgotten when it was built.
    forgotten: u64,
}

/// The moments that are kept, and who builds one.
#[derive(Debug)]
pub(crate) struct Moments {
    bounds: Bounds,
    kept: Mutex<Kept>,
    builds: Semaphore,
    builders: Mutex<HashMap<PersonId, Weak<tokio::sync::Mutex<()>>>>,
    /// This version's tables, without rows.
    empty: OnceCell<Store>,
}

#[derive(Debug, Default)]
struct Kept {
    moments: BTreeMap<(LogId, u64), (Arc<Moment>, u64)>,
    /// How often any was used: the greater, the later.
    uses: u64,
    /// How often moments were dropped for good: what was begun before must not be kept after.
    drops: u64,
}

impl Moments {
    /// None yet.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            kept: Mutex::default(),
            builds: Semaphore::new(BUILDS_MAX),
            builders: Mutex::default(),
            empty: OnceCell::new(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kept moment of this log at the position, or the last one before it.
    fn nearest(&self, log: LogId, position: u64) -> Option<Arc<Moment>> {
        let mut kept = self.kept();
        kept.uses += 1;
        let uses = kept.uses;
        let (_, (moment, used)) = kept.moments.range_mut((log, 0)..=(log, position)).next_back()?;
        *used = uses;
        Some(moment.clone())
    }

    /// Keeps a moment, unless moments were dropped since its build began; the longest unused make room.
    fn keep(&self, log: LogId, moment: &Arc<Moment>, drops: u64) {
        let mut kept = self.kept();
        if kept.drops != drops {
            return;
        }
        kept.uses += 1;
        let uses = kept.uses;
        kept.moments.insert((log, moment.position), (moment.clone(), uses));
        let mut bytes: usize = kept.moments.values().map(|(moment, _)| moment.bytes).sum();
        while bytes > self.bounds.bytes {
            let oldest = kept.moments.iter().min_by_key(|(_, (_, used))| *used).map(|(place, _)| *place);
            let Some((gone, _)) = oldest.and_then(|place| kept.moments.remove(&place)) else { return };
            bytes = bytes.saturating_sub(gone.bytes);
        }
    }

    /// Drops what is kept of a log's moments, also what is being built now. Only practices have any.
    pub(crate) fn drop_of(&self, log: LogId) {
        if matches!(log, LogId::Practice(_)) {
            let mut kept = self.kept();
            kept.drops += 1;
            kept.moments.retain(|(of, _), _| *of != log);
        }
    }

    /// A person's turn to build: one moment at a time.
    fn turn(&self, person: PersonId) -> Arc<tokio::sync::Mutex<()>> {
        let mut builders = self.builders.lock().unwrap_or_else(PoisonError::into_inner);
        builders.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = builders.get(&person).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        builders.insert(person, Arc::downgrade(&turn));
        turn
    }
}

/// How a database of a moment is opened.
fn options() -> Options {
    Options { readers: 8, cache_kib: 256, ..Options::new("sqlite::memory:") }
}

impl App {
    /// What this person, who has the portal now, sees of a practice as it was then. The first view of a moment folds it
    /// from the log.
    ///
    /// # Errors
    /// [`Error::NotFound`] where they have no such portal; [`Error::BadRequest`] where there is no such moment, or it is
    /// larger than what may be kept; [`Error::Building`] where it takes a further request.
    pub async fn view_as_of(
        &self,
        reader: &Reader,
        practice: PracticeId,
        portal: Portal,
        at_least: Option<u64>,
        as_of: AsOf,
    ) -> Result<View, Error> {
        let log = LogId::Practice(practice);
        for _ in 0..TRIES {
            self.drop_outdated(log).await?;
            // Whoever has no such portal learns just that, and nothing is built for them.
            let present = self.view(reader, practice, portal, at_least).await?;
            let place = present.place(as_of).await?;
            if place.position == present.position {
                return Ok(present.at(place, None).await);
            }
            present.close().await?;
            let moment = self.moment(log, place.position, Some(reader.person)).await?;
            // Building may take a while: the scope is the one that the viewer has after it.
            let present = self.view(reader, practice, portal, at_least).await?;
            // In the view's own snapshot: nobody waits for another connection with one in hand.
            let forgotten = present.newest_forgotten().await?;
            if forgotten == moment.forgotten {
                return Ok(present.at(place, Some(moment.store.snapshot().await?)).await);
            }
        }
        Err(Error::Unavailable)
    }

    /// Rows of a log in a table as they were then, by id: those after an id, at most so many. For the operator.
    ///
    /// # Errors
    /// As [`App::view_as_of`].
    pub async fn rows_as_of(
        &self,
        log: LogId,
        table: Table,
        as_of: AsOf,
        after: Option<store::Id>,
        limit: u32,
    ) -> Result<Vec<store::Row>, Error> {
        self.drop_outdated(log).await?;
        let place = self.place(log, as_of).await?;
        let moment = self.moment(log, place.position, None).await?;
        let mut snapshot = moment.store.snapshot().await?;
        let after = after.map(|id| vec![Value::from(id)]);
        let table = self.inner.tables.physical(table)?;
        let rows = snapshot.select(&Select { after, ..Select::new(table, log.uuid().into_bytes(), limit) }).await?;
        snapshot.close().await?;
        Ok(rows)
    }

    /// How many moments are kept, and about how many bytes they take.
    pub fn moments_kept(&self) -> (usize, usize) {
        let kept = self.inner.moments.kept();
        (kept.moments.len(), kept.moments.values().map(|(moment, _)| moment.bytes).sum())
    }

    /// Drops what is kept of a log's earlier moments, also what is being built now: their rows hold names that the log
    /// has forgotten.
    pub fn drop_moments(&self, log: LogId) {
        self.inner.moments.drop_of(log);
    }

    /// Drops a log's moments where it has forgotten somebody since they were built, on whichever node; how far it has
    /// forgotten.
    async fn drop_outdated(&self, log: LogId) -> Result<u64, Error> {
        let mut snapshot = self.inner.snapshot_of(log).await?;
        let forgotten = snapshot.newest_forgotten(log.uuid().into_bytes()).await?;
        snapshot.close().await?;
        let outdated = self
            .inner
            .moments
            .kept()
            .moments
            .range((log, 0)..)
            .take_while(|((of, _), _)| *of == log)
            .any(|(_, (moment, _))| moment.forgotten != forgotten);
        if outdated {
            self.drop_moments(log);
        }
        Ok(forgotten)
    }

    async fn place(&self, log: LogId, as_of: AsOf) -> Result<Place, Error> {
        let mut snapshot = self.inner.snapshot_of(log).await?;
        let place = find(&mut snapshot, log, as_of, self.clock().now()).await;
        snapshot.close().await?;
        place
    }

    /// A log's moment at a position that it has come to, kept or built: for a person, or for the operator, who waits for
    /// as long as it takes.
    async fn moment(&self, log: LogId, position: u64, person: Option<PersonId>) -> Result<Arc<Moment>, Error> {
        let moments = &self.inner.moments;
        if let Some(moment) = moments.nearest(log, position).filter(|moment| moment.position == position) {
            return Ok(moment);
        }
        let turn = person.map(|person| moments.turn(person));
        let _turn = match &turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let _build = moments.builds.acquire().await.map_err(|_| Error::Unavailable)?;
        let forgotten = self.drop_outdated(log).await?;
        let drops = moments.kept().drops;
        // It may have been built meanwhile. What begins with another one holds whom that one holds.
        let nearest = moments.nearest(log, position).filter(|moment| moment.forgotten == forgotten);
        if let Some(moment) = nearest.as_ref().filter(|moment| moment.position == position) {
            return Ok(moment.clone());
        }
        let begun = nearest.as_ref().map_or(0, |nearest| nearest.position);
        let until = person.map_or(position, |_| position.min(begun.saturating_add(moments.bounds.events_a_request)));
        let moment = Arc::new(self.build(log, nearest.as_deref(), until, forgotten).await?);
        moments.keep(log, &moment, drops);
        if moment.position == position {
            return Ok(moment);
        }
        Err(Error::Building { done: moment.position, wanted: position })
    }

    /// Folds a moment from the one before it, or from nothing, of a log that had forgotten so far.
    async fn build(&self, log: LogId, before: Option<&Moment>, until: u64, forgotten: u64) -> Result<Moment, Error> {
        let (mut rows, mut keys) = (Rows::default(), keys_of(&self.inner, log).await?);
        let mut portions = Portions::large(log.uuid().into_bytes());
        let (begun, mut position) = match before {
            Some(before) => (&before.store, before.position),
            None => (self.empty().await?, 0),
        };
        let store = begun.copy_in_memory(&options()).await?;
        let mut bytes = self.room(&store).await?;
        while position < until {
            let mut snapshot = self.inner.snapshot_of(log).await?;
            let (last, _, events) =
                read_ready(&mut snapshot, &mut keys, &mut portions, position, until - position).await?;
            snapshot.close().await?;
            if last == position {
                return Err(Error::internal(format!("{log} ends before its head says: run verify")));
            }
            position = last;
            let mut batch = store.batch().await?;
            fold_ready(&self.inner, &mut batch, log, &mut rows, &events, |_| true).await?;
            batch.commit().await?;
            if rows.bytes() > ROWS_BYTES_MAX {
                rows = Rows::default();
            }
            bytes = self.room(&store).await?;
        }
        Ok(Moment { store, position, bytes, forgotten })
    }

    /// How many bytes a moment takes, if it may take so many.
    async fn room(&self, store: &Store) -> Result<usize, Error> {
        let pages = usize::try_from(store.bytes().await?).unwrap_or(usize::MAX);
        let (bytes, most) = (pages.saturating_add(BESIDE_BYTES), self.inner.moments.bounds.bytes);
        if bytes <= most {
            return Ok(bytes);
        }
        let what = "there is more in this practice than this server keeps of an earlier moment";
        Err(Error::BadRequest(format!("{what} ({most} bytes); its operator can raise the setting moments_bytes")))
    }

    /// This version's tables, empty, in memory.
    async fn empty(&self) -> Result<&Store, Error> {
        let make = async || {
            let store = Store::open(&options()).await?;
            for projection in self.inner.tables.projections() {
                store.ensure(&projection.ddl, 0).await?;
            }
            Ok(store)
        };
        self.inner.moments.empty.get_or_try_init(make).await
    }
}

/// The place of a moment in a log.
pub(crate) async fn find(snapshot: &mut Snapshot, log: LogId, as_of: AsOf, now: Time) -> Result<Place, Error> {
    let id = log.uuid().into_bytes();
    let head = snapshot.head(id).await?.ok_or(Error::NotFound)?;
    let not_yet = || Error::BadRequest("the practice was not there yet at this moment".to_owned());
    match as_of {
        AsOf::Position(position) if position > head.seq => {
            Err(Error::BadRequest("this practice's log has not come to that position yet".to_owned()))
        }
        AsOf::Position(position) => {
            let event = snapshot.event(id, position).await?.ok_or_else(not_yet)?;
            Ok(Place { position, then: Time(event.at) })
        }
        AsOf::Time(then) if then > now => {
            Err(Error::BadRequest("this time is still to come; leave asOf out to see the present".to_owned()))
        }
        AsOf::Time(then) => {
            let position = snapshot.position_by(id, then.0, head.seq).await?;
            if position == 0 { Err(not_yet()) } else { Ok(Place { position, then }) }
        }
    }
}
