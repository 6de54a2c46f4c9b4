//! A passage of a log: consecutive events, read once for all who follow it on this node.
//!
//! Ten thousand subscribers of one practice hear of the same event. So its record is decoded and its texts are opened by
//! the first of them, and the rows that it changed are loaded by the first who shows one; the others share both. What is
//! shared is bytes and texts, never an answer: who may see what is asked of each viewer's own scope.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::entry::Entry;
use domain::id::{LogId, PersonId, Subject};
use domain::sight::Scope;
use domain::{Event, Table};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::keys::LogKeys;
use crate::readings::{Reader, leads, told};
use crate::record::{self, Happened, Texts};
use crate::{App, Error};

/// So many events after a passage are looked at for whether they move a sight; beyond, everybody looks for themselves.
const LATER_MAX: u64 = 64;

/// Consecutive events of one log; or those among them that are for who sees one coachee.
#[derive(Debug)]
pub struct Passage {
    events: Vec<Arc<store::Event>>,
    upto: u64,
    bytes: usize,
    heard: OnceCell<Vec<Option<Arc<Heard>>>>,
    known: OnceCell<Arc<Known>>,
}

/// An event as every follower needs it: decoded. Its texts are opened once for all, and shown through a [`Line`] only.
#[derive(Debug)]
pub struct Heard {
    /// What happened; its texts are sealed.
    pub happened: Happened,
    /// The rows that it changed.
    pub touched: Vec<(Table, Uuid)>,
    opened: Event,
    /// Who leads the coachee whom it is about.
    lead: Option<PersonId>,
}

/// An entry of the activity log that one viewer hears, whose sight allows it.
#[derive(Debug)]
pub struct Line {
    pub(crate) heard: Arc<Heard>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) reader: Reader,
}

impl Line {
    /// What happened; its texts are sealed.
    pub fn happened(&self) -> &Happened {
        &self.heard.happened
    }

    /// What it says, with its texts open. What of them is others' is noted with the reader.
    pub fn entry(&self) -> Entry {
        let Heard { happened, opened, lead, .. } = &*self.heard;
        told(opened.entry(), &happened.when, (&self.scope, &self.reader), *lead)
    }
}

/// The rows that a passage changed, as they were at a position not before its end.
#[derive(Debug)]
pub(crate) struct Known {
    pub position: u64,
    pub keys: Arc<LogKeys>,
    /// Who leads the coachees whom the passage is about.
    pub leads: HashMap<Subject, Option<PersonId>>,
    rows: HashMap<(Table, Uuid), Option<Vec<u8>>>,
    /// What had happened since the passage's end; `None` where that is too much to look at.
    later: Option<Vec<Happened>>,
}

/// What is known of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'a> {
    /// Nothing: the passage did not change it.
    Unknown,
    /// It is not there.
    Absent,
    /// Its document.
    There(&'a [u8]),
}

impl Passage {
    /// Of these events of one log, in order, and of what comes up to a position, not before the last of them.
    pub(crate) fn new(events: Vec<Arc<store::Event>>, upto: u64) -> Self {
        let bytes = events.iter().map(|event| event.record.len()).sum();
        Self { events, upto, bytes, heard: OnceCell::new(), known: OnceCell::new() }
    }

    /// The position that it reaches.
    pub const fn upto(&self) -> u64 {
        self.upto
    }

    /// How many bytes its records have.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// As they are stored.
    pub fn events(&self) -> &[Arc<store::Event>] {
        &self.events
    }
}

impl Known {
    /// A row.
    pub fn row(&self, table: Table, id: Uuid) -> Found<'_> {
        match self.rows.get(&(table, id)) {
            Some(Some(document)) => Found::There(document),
            Some(None) => Found::Absent,
            None => Found::Unknown,
        }
    }

    /// Whether a scope that held at the passage's end still holds for these rows.
    pub fn holds(&self, scope: &Scope) -> bool {
        let moves = |later: &Happened| scope.moved_by(&later.event, &later.when).is_some();
        self.later.as_ref().is_some_and(|later| !later.iter().any(moves))
    }
}

impl App {
    /// A passage's events for people; `None` for one that was forgotten.
    pub(crate) async fn hear<'p>(&self, log: LogId, passage: &'p Passage) -> Result<&'p [Option<Arc<Heard>>], Error> {
        passage.heard.get_or_try_init(|| self.open_all(log, &passage.events)).await.map(Vec::as_slice)
    }

    /// The rows that a passage changed.
    pub(crate) async fn know(&self, log: LogId, passage: &Passage) -> Result<Arc<Known>, Error> {
        let heard = self.hear(log, passage).await?;
        passage.known.get_or_try_init(|| self.load_rows(log, passage, heard)).await.cloned()
    }

    async fn open_all(&self, log: LogId, events: &[Arc<store::Event>]) -> Result<Vec<Option<Arc<Heard>>>, Error> {
        let mut happened = Vec::with_capacity(events.len());
        let mut sealed = BTreeSet::new();
        for event in events {
            let mut it = record::decode(&event.record)?;
            let mut has_texts = false;
            it.event.secrets(&mut |secret, _| has_texts |= secret.sealed().is_some());
            if has_texts {
                sealed.insert((it.when.subject, it.when.owner));
            }
            happened.push((it, has_texts));
        }
        let (mut keys, mut led) = (LogKeys::new(&self.inner.roots, log), HashMap::new());
        if !sealed.is_empty() {
            let mut snapshot = self.inner.snapshot_of(log).await?;
            let subjects: Vec<Subject> = sealed.iter().map(|(subject, _)| *subject).collect();
            led = leads(&self.inner, &mut snapshot, log, &subjects).await?;
            keys.load_for_reading(&mut snapshot, sealed).await?;
            snapshot.close().await?;
        }
        let mut heard = Vec::with_capacity(happened.len());
        for (happened, has_texts) in happened {
            let mut opened = happened.event.clone();
            if has_texts {
                let known = keys.get((happened.when.subject, happened.when.owner)).filter(|keys| !keys.is_empty());
                let Some(known) = known else {
                    heard.push(None);
                    continue;
                };
                record::open(&mut opened, &happened.when, known, Texts::All)?;
            }
            // Which rows an event changes may hang on its texts (an email's key), so it is asked with them open.
            let touched = crate::touched(&opened, &happened.when);
            let lead = led.get(&happened.when.subject).copied().flatten();
            heard.push(Some(Arc::new(Heard { happened, touched, opened, lead })));
        }
        Ok(heard)
    }

    async fn load_rows(
        &self,
        log: LogId,
        passage: &Passage,
        heard: &[Option<Arc<Heard>>],
    ) -> Result<Arc<Known>, Error> {
        let (mut snapshot, head) = self.snapshot_of(log).await?.ok_or(Error::NotFound)?;
        let mut keys = LogKeys::new(&self.inner.roots, log);
        let whose: BTreeSet<_> =
            heard.iter().flatten().map(|it| (it.happened.when.subject, it.happened.when.owner)).collect();
        let subjects: Vec<Subject> = whose.iter().map(|(subject, _)| *subject).collect();
        let leads = leads(&self.inner, &mut snapshot, log, &subjects).await?;
        keys.load_for_reading(&mut snapshot, whose).await?;
        let mut wanted: BTreeMap<Table, BTreeSet<Uuid>> = BTreeMap::new();
        for (table, id) in heard.iter().flatten().flat_map(|it| it.touched.iter().copied()) {
            wanted.entry(table).or_default().insert(id);
        }
        let mut rows = HashMap::new();
        for (table, ids) in wanted {
            let asked: Vec<_> = ids.iter().map(|id| (log.uuid().into_bytes(), id.into_bytes())).collect();
            let found = snapshot.load(self.inner.tables.physical(table)?, &asked).await?;
            rows.extend(ids.into_iter().map(|id| ((table, id), None)));
            rows.extend(found.into_iter().map(|(_, id, document)| ((table, Uuid::from_bytes(id)), Some(document))));
        }
        let since = head.seq.saturating_sub(passage.upto);
        let mut later: Option<Vec<Happened>> = None;
        if since <= LATER_MAX {
            let mut portions = store::Portions::small(log.uuid().into_bytes());
            let records = portions.records(&mut snapshot, passage.upto, since).await?;
            // Where they are more bytes than a portion, they are too much to look at, too.
            if records.len() as u64 == since {
                later = Some(records.iter().map(|(_, record)| record::decode(record)).collect::<Result<_, _>>()?);
            }
        }
        snapshot.close().await?;
        Ok(Arc::new(Known { position: head.seq, keys: Arc::new(keys), leads, rows, later }))
    }
}
