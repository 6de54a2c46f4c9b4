//! The keys of texts, as far as they are loaded: one per subject and owner of a log.

use std::collections::HashMap;
use std::sync::Arc;

use domain::decide::{Opened, Opener, Place};
use domain::id::{Id as _, LogId, PersonId, Subject};
use vault::{DataKey, Entropy, KeyPlace, LogKey, RootKey, WrappedKey};

use crate::Error;

/// Whose a key is.
pub type Whose = (Subject, Option<PersonId>);

/// A subject's keys, the newest first; empty where there is none.
pub type Keys = Arc<[DataKey]>;

/// One log's keys, as far as they are loaded.
pub struct LogKeys {
    log: LogId,
    key: LogKey,
    loaded: HashMap<Whose, Keys>,
}

impl std::fmt::Debug for LogKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogKeys").field("log", &self.log).field("loaded", &self.loaded.len()).finish_non_exhaustive()
    }
}

impl LogKeys {
    /// No keys of this log yet.
    pub fn new(root: &RootKey, log: LogId) -> Self {
        Self { log, key: root.log(log.uuid().into_bytes()), loaded: HashMap::new() }
    }

    /// The keys of somebody's texts; `None` where they were not loaded.
    pub fn get(&self, whose: Whose) -> Option<&Keys> {
        self.loaded.get(&whose)
    }

    /// Those that are not loaded, as the store asks for them.
    pub fn missing(&self, whose: impl IntoIterator<Item = Whose>) -> Vec<(store::Id, store::Id, Option<store::Id>)> {
        let mut missing: Vec<Whose> = whose.into_iter().filter(|whose| !self.loaded.contains_key(whose)).collect();
        missing.sort_unstable();
        missing.dedup();
        let log = self.log.uuid().into_bytes();
        missing
            .into_iter()
            .map(|(subject, owner)| (log, subject.uuid().into_bytes(), owner.map(|owner| owner.uuid().into_bytes())))
            .collect()
    }

    /// Keeps what the store answered to [`LogKeys::missing`]: what it does not hold is known to be absent.
    pub fn load(
        &mut self,
        asked: &[(store::Id, store::Id, Option<store::Id>)],
        mut found: Vec<store::Key>,
    ) -> Result<(), Error> {
        found.sort_by_key(|key| std::cmp::Reverse(key.generation));
        for (_, subject, owner) in asked {
            let mut keys = Vec::with_capacity(1);
            for key in found.iter().filter(|key| key.subject == *subject && key.owner == *owner) {
                let place = KeyPlace { subject: key.subject, owner: key.owner, generation: key.generation };
                keys.push(
                    self.key
                        .unwrap(&place, &WrappedKey { wrapped: key.wrapped.clone(), commitment: key.commitment })?,
                );
            }
            let owner = owner.map(|owner| PersonId::of(uuid::Uuid::from_bytes(owner)));
            self.loaded.insert((Subject::of(uuid::Uuid::from_bytes(*subject)), owner), keys.into());
        }
        Ok(())
    }

    /// A new key for somebody who has none: what the store keeps of it.
    pub fn mint(&mut self, whose: Whose, at: i64, entropy: &dyn Entropy) -> Result<store::Key, Error> {
        let (subject, owner) = (whose.0.uuid().into_bytes(), whose.1.map(|owner| owner.uuid().into_bytes()));
        let generation = 1;
        let (key, WrappedKey { wrapped, commitment }) =
            self.key.mint(&KeyPlace { subject, owner, generation }, entropy)?;
        self.loaded.insert(whose, Arc::new([key]));
        Ok(store::Key { log: self.log.uuid().into_bytes(), subject, owner, generation, wrapped, commitment, at })
    }
}

/// The text at a place, under the first of the keys that opens it.
pub fn open(keys: &[DataKey], place: &vault::Place<'_>, sealed: &[u8]) -> Option<String> {
    keys.iter().find_map(|key| key.open(place, sealed).ok()).and_then(|text| String::from_utf8(text.to_vec()).ok())
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
        open(keys, &at, sealed).map_or(Opened::Broken, Opened::Text)
    }
}
