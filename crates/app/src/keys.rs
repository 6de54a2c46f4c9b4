//! The keys of texts, as far as they are loaded: generations of them for each subject and owner of a log.
//!
//! # Generations
//!
//! A key seals with random nonces, so it must seal fewer than 2³² texts; and the longer one is used, the more is lost
//! with it. A new generation is made when the next text is to be sealed and the newest key is too old or has served too
//! many events ([`Generation::is_spent`]); the old ones still open what they sealed.
//!
//! Uses are counted by what is there anyway: a text is sealed into an event, an event has a position, and each key knows
//! the position after which it came into use. So all that a key has sealed lies in the events since, of which each holds
//! at most [`TEXTS_AN_EVENT_MAX`] texts, and nothing has to be written to count. What that does not count are
//! transactions that failed after they had sealed; for them three quarters of the 2³² uses are left over.
//! ([0033](../../../docs/decisions/0033-uses-are-counted-by-position.md))
//!
//! The position also says which generation sealed an event's text, so a rebuild opens each with one attempt.

use std::collections::HashMap;
use std::sync::Arc;

use domain::decide::{Opened, Opener, Place};
use domain::id::{Id as _, LogId, PersonId, Subject};
use vault::{DataKey, Entropy, KeyPlace, LastingKey, LogKey, RootId, Roots, WrappedKey};

use crate::Error;
use crate::lost::Lost;

/// The value of the installation that names the root key with which new keys are wrapped: its id.
pub const ROOT: &str = "root key check";
/// The value of the installation that is its lasting key, wrapped with that root key.
pub const LASTING: &str = "lasting key";

/// The most texts in one event; an event with more is not sealed.
pub const TEXTS_AN_EVENT_MAX: u64 = 1 << 10;
/// How many events a log may grow by before its keys are renewed: with their texts a quarter of 2³² uses.
pub const EVENTS_A_GENERATION_MAX: u64 = 1 << 20;
/// How old a key may be when it seals: 180 days, in microseconds.
pub const AGE_MICROS_MAX: i64 = 180 * 86_400 * 1_000_000;

/// Whose a key is.
pub type Whose = (Subject, Option<PersonId>);

/// A subject's keys, the newest first; empty where there is none.
pub type Keys = Arc<[Arc<Generation>]>;

/// One of a subject's keys.
#[derive(Debug)]
pub struct Generation {
    /// The key.
    pub key: DataKey,
    number: u32,
    at: i64,
    since: u64,
}

impl Generation {
    /// Whether a text of now, at the end of a log of `seq` events, needs a newer key.
    pub fn is_spent(&self, now: i64, seq: u64) -> bool {
        is_old(self.at, now) || seq.saturating_sub(self.since) >= EVENTS_A_GENERATION_MAX
    }
}

/// Whether a key that was made then is too old to seal now.
pub(crate) const fn is_old(made: i64, now: i64) -> bool {
    now.saturating_sub(made) > AGE_MICROS_MAX
}

/// One log's keys, as far as they are loaded.
#[derive(Clone)]
pub struct LogKeys {
    log: LogId,
    roots: Arc<Roots>,
    under: Vec<Arc<LogKey>>,
    loaded: HashMap<Whose, Keys>,
    forgotten: HashMap<Subject, u64>,
    lost: Option<Arc<Lost>>,
}

impl std::fmt::Debug for LogKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogKeys").field("log", &self.log).field("loaded", &self.loaded.len()).finish_non_exhaustive()
    }
}

impl LogKeys {
    /// No keys of this log yet.
    pub fn new(roots: &Arc<Roots>, log: LogId) -> Self {
        let (loaded, forgotten) = (HashMap::new(), HashMap::new());
        Self { log, roots: roots.clone(), under: Vec::new(), loaded, forgotten, lost: None }
    }

    /// The same, with what is known to be lost, for whoever cannot ask for that where one is missing.
    pub(crate) fn knowing(self, lost: Lost) -> Self {
        Self { lost: Some(Arc::new(lost)), ..self }
    }

    /// What is known to be lost, where that was said.
    pub(crate) const fn lost(&self) -> Option<&Arc<Lost>> {
        self.lost.as_ref()
    }

    /// The keys of somebody's texts; `None` where they were not loaded.
    pub fn get(&self, whose: Whose) -> Option<&Keys> {
        self.loaded.get(&whose)
    }

    /// The key to seal with, now and at the end of a log of `seq` events; `None` where one has to be made.
    pub fn sealing(&self, whose: Whose, now: i64, seq: u64) -> Option<&DataKey> {
        let newest = self.loaded.get(&whose)?.first()?;
        (!newest.is_spent(now, seq)).then_some(&newest.key)
    }

    /// Whether an event about this subject at this position counts no more; its keys are loaded.
    pub fn is_forgotten(&self, subject: Subject, seq: u64) -> bool {
        self.forgotten.get(&subject).is_some_and(|until| seq <= *until)
    }

    /// Whether it may be that no key is here that was in use when an event with this position and time was sealed: there is
    /// none of before it, or the newest of those was spent. Where the log's time was ahead of the clock it may have served
    /// nevertheless, so only what does not open lacks its key. Keys are loaded.
    pub fn may_lack(&self, whose: Whose, seq: u64, at: i64) -> bool {
        let then = self.loaded.get(&whose).and_then(|keys| keys.iter().find(|key| key.since < seq));
        then.is_none_or(|key| key.is_spent(at, seq))
    }

    /// Whether all of these are loaded.
    pub fn know(&self, whose: &[Whose]) -> bool {
        whose.iter().all(|whose| self.loaded.contains_key(whose))
    }

    /// Loads keys for a reader, who cares for texts only: a forgotten one has no key.
    pub async fn load_for_reading(
        &mut self,
        snapshot: &mut store::Snapshot,
        whose: impl IntoIterator<Item = Whose>,
    ) -> Result<(), Error> {
        let asked = self.missing(whose, |_| true);
        if asked.is_empty() {
            return Ok(());
        }
        let found = snapshot.keys(&asked).await?;
        self.load(&asked, found)
    }

    /// Loads keys for a fold or a decision, which have to know who was forgotten, too.
    pub async fn load_for_folding(
        &mut self,
        snapshot: &mut store::Snapshot,
        whose: impl IntoIterator<Item = Whose>,
    ) -> Result<(), Error> {
        // Who had none may have begun anew since.
        let asked = self.missing(whose, |keys| !keys.is_empty());
        if asked.is_empty() {
            return Ok(());
        }
        let mut subjects: Vec<_> = asked.iter().map(|(log, subject, _)| (*log, *subject)).collect();
        subjects.dedup();
        for forgotten in snapshot.forgotten(&subjects).await? {
            self.forgotten.insert(Subject::of(uuid::Uuid::from_bytes(forgotten.subject)), forgotten.seq);
        }
        let found = snapshot.keys(&asked).await?;
        self.load(&asked, found)
    }

    /// Those that are not loaded, or not for good, as the store asks for them.
    fn missing(
        &self,
        whose: impl IntoIterator<Item = Whose>,
        is_settled: fn(&Keys) -> bool,
    ) -> Vec<(store::Id, store::Id, Option<store::Id>)> {
        let is_missing = |whose: &Whose| !self.loaded.get(whose).is_some_and(is_settled);
        let mut missing: Vec<Whose> = whose.into_iter().filter(is_missing).collect();
        missing.sort_unstable();
        missing.dedup();
        let log = self.log.uuid().into_bytes();
        missing
            .into_iter()
            .map(|(subject, owner)| (log, subject.uuid().into_bytes(), owner.map(|owner| owner.uuid().into_bytes())))
            .collect()
    }

    /// Keeps what the store answered to [`LogKeys::missing`]: what it does not hold is known to be absent.
    fn load(
        &mut self,
        asked: &[(store::Id, store::Id, Option<store::Id>)],
        mut found: Vec<store::Key>,
    ) -> Result<(), Error> {
        found.sort_by_key(|key| std::cmp::Reverse(key.generation));
        for (_, subject, owner) in asked {
            let mut keys = Vec::with_capacity(1);
            for key in found.iter().filter(|key| key.subject == *subject && key.owner == *owner) {
                let (place, wrapped) = wrapped(key);
                let (number, at, since) = (key.generation, key.at, key.since);
                let key = self.under(&key.root)?.unwrap(&place, &wrapped)?;
                keys.push(Arc::new(Generation { key, number, at, since }));
            }
            let owner = owner.map(|owner| PersonId::of(uuid::Uuid::from_bytes(owner)));
            self.loaded.insert((Subject::of(uuid::Uuid::from_bytes(*subject)), owner), keys.into());
        }
        Ok(())
    }

    /// A new key, wrapped with this root key, for somebody whose keys are loaded and who has none or only spent ones:
    /// what the store keeps of it.
    pub fn mint(
        &mut self,
        whose: Whose,
        (at, since): (i64, u64),
        root: &RootId,
        entropy: &dyn Entropy,
    ) -> Result<store::Key, Error> {
        let (subject, owner) = (whose.0.uuid().into_bytes(), whose.1.map(|owner| owner.uuid().into_bytes()));
        let older = self.loaded.get(&whose).cloned().unwrap_or_default();
        let generation = older.first().map_or(Some(1), |newest| newest.number.checked_add(1));
        let generation = generation.ok_or_else(|| Error::internal("a key cannot be renewed any more"))?;
        let (key, WrappedKey { root, wrapped, commitment }) =
            self.under(root)?.mint(&KeyPlace { subject, owner, generation }, entropy)?;
        let newest = Arc::new(Generation { key, number: generation, at, since });
        self.loaded.insert(whose, std::iter::once(newest).chain(older.iter().cloned()).collect());
        let log = self.log.uuid().into_bytes();
        Ok(store::Key { log, subject, owner, generation, root, wrapped, commitment, at, since })
    }

    /// The log's key under a root key.
    fn under(&mut self, root: &RootId) -> Result<&LogKey, Error> {
        if self.under.iter().all(|key| key.root() != root) {
            self.under.push(Arc::new(self.roots.get(root)?.log(self.log.uuid().into_bytes())));
        }
        let under = self.under.iter().find(|key| key.root() == root);
        under.map(Arc::as_ref).ok_or_else(|| Error::internal("a log key was not kept"))
    }
}

/// The root key that wraps new keys, which stays the one until this transaction ends.
pub(crate) async fn root_held(batch: &mut store::Batch) -> Result<RootId, store::Error> {
    named(batch.hold_meta(ROOT).await?)
}

fn named(value: Option<Vec<u8>>) -> Result<RootId, store::Error> {
    let id = value.and_then(|value| RootId::try_from(value).ok());
    id.ok_or_else(|| store::Error::Malformed("no value names the root key".to_owned()))
}

/// The lasting key of a database. One that has none gets it: a new one where no log has begun; else the root key that
/// there was, from which its ids and tokens were derived. Of several processes that start at once one makes it.
///
/// # Errors
/// [`Error::Internal`] where the database names a root key that is not held; [`Error::BadRequest`] where logs have begun and
/// what they were begun with is gone ([`missing`]).
pub async fn lasting(store: &store::Store, roots: &Roots, entropy: &dyn Entropy) -> Result<LastingKey, Error> {
    let mut snapshot = store.snapshot().await?;
    let values = (snapshot.meta(ROOT).await?, snapshot.meta(LASTING).await?);
    snapshot.close().await?;
    if let (Some(root), Some(wrapped)) = values {
        return Ok(roots.get(&named(Some(root))?)?.unwrap_lasting(&wrapped)?);
    }
    let mut batch = store.batch().await?;
    batch.lock_meta().await?;
    if let Some(value) = missing(&mut batch).await? {
        batch.rollback().await?;
        return Err(Error::BadRequest(format!("the database {}", said_missing(value))));
    }
    let root = match batch.meta(ROOT).await? {
        Some(root) => roots.get(&named(Some(root))?)?,
        None => roots.first()?,
    };
    if let Some(wrapped) = batch.meta(LASTING).await? {
        batch.rollback().await?;
        return Ok(root.unwrap_lasting(&wrapped)?);
    }
    let is_new = batch.heads(None, 1).await?.is_empty();
    let lasting = if is_new { LastingKey::mint(entropy) } else { root.as_lasting() };
    batch.set_meta(ROOT, root.id()).await?;
    batch.set_meta(LASTING, &root.wrap_lasting(&lasting, entropy)?).await?;
    batch.commit().await?;
    Ok(lasting)
}

/// The value of the installation that is gone, [`ROOT`] or [`LASTING`], though logs have begun with it. Whoever made it anew
/// would have other ids for every address, and tokens that nobody has.
///
/// Logs of before there was a lasting key have none. Their keys do not say after which position they came into use, and
/// every key that was made since does.
///
/// # Errors
/// What the store cannot do.
pub async fn missing(snapshot: &mut store::Snapshot) -> Result<Option<&'static str>, store::Error> {
    if snapshot.heads(None, 1).await?.is_empty() {
        return Ok(None);
    }
    if snapshot.meta(ROOT).await?.is_none() {
        return Ok(Some(ROOT));
    }
    if snapshot.meta(LASTING).await?.is_some() {
        return Ok(None);
    }
    let newer = snapshot.query("select since from keys where since > 0 limit 1", &[], &[store::Type::Int]).await?;
    Ok((!newer.is_empty()).then_some(LASTING))
}

/// What is to be said of a database that lacks this value.
pub fn said_missing(value: &str) -> String {
    format!(
        "holds logs, and its value `{value}` (a row of the table `meta`) is gone, without which ids and tokens would be \
         others: keep the database as it is, and restore a backup, whose keyring has the value"
    )
}

/// A stored key as the vault takes it.
pub(crate) fn wrapped(key: &store::Key) -> (KeyPlace, WrappedKey) {
    let place = KeyPlace { subject: key.subject, owner: key.owner, generation: key.generation };
    (place, WrappedKey { root: key.root, wrapped: key.wrapped.clone(), commitment: key.commitment })
}

/// The text at a place that was sealed for the event `seq`, under the first of the keys that opens it: first the one
/// that was in use then. Where the event is not known, the newest is the first to be tried.
pub fn open(keys: &[Arc<Generation>], seq: Option<u64>, place: &vault::Place<'_>, sealed: &[u8]) -> Option<String> {
    let then = keys.iter().position(|key| seq.is_none_or(|seq| key.since < seq)).unwrap_or(0);
    let (newer, rest) = keys.split_at(then);
    let text = rest.iter().chain(newer).find_map(|generation| generation.key.open(place, sealed).ok())?;
    String::from_utf8(text.to_vec()).ok()
}

/// Opens texts for decisions of these logs.
pub struct Opening<'a>(pub Vec<&'a LogKeys>);

impl Opener for Opening<'_> {
    fn open(&self, place: &Place, sealed: &[u8]) -> Opened {
        let Some(log) = self.0.iter().find(|keys| keys.log == place.log) else { return Opened::NotLoaded };
        let Some(keys) = log.get((place.subject, place.owner)) else { return Opened::NotLoaded };
        if keys.is_empty() {
            return Opened::Forgotten;
        }
        let at = vault::Place {
            log: place.log.uuid().into_bytes(),
            thing: place.thing.into_bytes(),
            text: place.kind,
            ordinal: place.number,
        };
        open(keys, None, &at, sealed).map_or(Opened::Broken, Opened::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vault::{RootKey, Seeded};

    /// A key that came into use at a time and after a position.
    fn key(at: i64, since: u64) -> Generation {
        let root = RootKey::parse(&"5a".repeat(32)).unwrap();
        let place = KeyPlace { subject: [1; 16], owner: None, generation: 1 };
        let (key, _) = root.log([2; 16]).mint(&place, &Seeded::new(since)).unwrap();
        Generation { key, number: 1, at, since }
    }

    #[test]
    fn a_key_is_spent_by_age_and_by_use_long_before_its_nonces_may_repeat() {
        let used = key(1_000, 50);
        assert!(!used.is_spent(1_000 + AGE_MICROS_MAX, 49 + EVENTS_A_GENERATION_MAX));
        assert!(used.is_spent(1_001 + AGE_MICROS_MAX, 50));
        assert!(used.is_spent(1_000, 50 + EVENTS_A_GENERATION_MAX));
        // A clock or a log that went back is no use.
        assert!(!used.is_spent(i64::MIN, 0));
        const { assert!(EVENTS_A_GENERATION_MAX * TEXTS_AN_EVENT_MAX <= (1 << 32) / 4) };
    }

    #[test]
    fn an_events_text_opens_under_whichever_key_sealed_it() {
        let keys = [Arc::new(key(3, 20)), Arc::new(key(2, 10)), Arc::new(key(1, 0))];
        let place = vault::Place { log: [2; 16], thing: [3; 16], text: "note", ordinal: 0 };
        for sealed_by in &keys {
            let sealed = sealed_by.key.seal(&place, b"text", &Seeded::new(9)).unwrap();
            for seq in [None, Some(1), Some(10), Some(11), Some(20), Some(21)] {
                assert_eq!(open(&keys, seq, &place, &sealed).as_deref(), Some("text"), "{seq:?}");
            }
            assert_eq!(open(&keys, None, &vault::Place { ordinal: 1, ..place }, &sealed), None);
        }
        assert_eq!(open(&[], None, &place, b""), None);
    }
}
