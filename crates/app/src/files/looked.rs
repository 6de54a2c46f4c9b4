//! Whether every file that the logs know has its object, as long as it was written.

use std::collections::BTreeMap;

use domain::id::{CoacheeId, FileId, Id as _, LogId, PracticeId};
use domain::{Event, file};
use store::{Objects, Snapshot, Store};

use super::object;
use crate::{Error, record};

/// How many events are read at once.
const EVENTS_AT_ONCE: u32 = 1_000;
/// How many heads are read at once.
const HEADS_AT_ONCE: u32 = 1_000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// How many files the logs know.
    pub files: u64,
    /// How many of them have no object.
    pub missing: u64,
    /// Of how many it has another length.
    pub otherwise: u64,
    /// The first of these, by the name of its object.
    pub first: Option<String>,
}

/// Looks for the object of every file, or of one log's. What is deleted meanwhile is not missed.
///
/// # Errors
/// The database's and the files' place.
pub async fn look(store: &Store, objects: &Objects, only: Option<LogId>) -> Result<Looked, Error> {
    let mut looked = Looked::default();
    for practice in practices(store, only).await? {
        let known = known(&mut store.snapshot().await?, practice).await?;
        looked.files += known.len() as u64;
        let mut wrong = Vec::new();
        for (file, (coachee, size)) in known {
            let name = object(practice, coachee, file);
            let found = objects.size(&name).await?;
            if found != Some(vault::file::sealed_bytes(u64::from(size))) {
                wrong.push((file, name, found.is_none()));
            }
        }
        if wrong.is_empty() {
            continue;
        }
        let still = self::known(&mut store.snapshot().await?, practice).await?;
        for (_, name, is_missing) in wrong.into_iter().filter(|(file, ..)| still.contains_key(file)) {
            looked.missing += u64::from(is_missing);
            looked.otherwise += u64::from(!is_missing);
            looked.first.get_or_insert(name);
        }
    }
    Ok(looked)
}

async fn practices(store: &Store, only: Option<LogId>) -> Result<Vec<PracticeId>, Error> {
    let (mut found, mut after) = (Vec::new(), None);
    let mut snapshot = store.snapshot().await?;
    loop {
        let heads = snapshot.heads(after, HEADS_AT_ONCE).await?;
        let Some(last) = heads.last() else { break };
        after = Some(last.log);
        let logs = heads.iter().filter_map(|head| LogId::of(&head.kind, uuid::Uuid::from_bytes(head.log)));
        for log in logs.filter(|log| only.is_none_or(|only| only == *log)) {
            if let LogId::Practice(practice) = log {
                found.push(practice);
            }
        }
    }
    snapshot.close().await?;
    Ok(found)
}

/// The files that a log knows, with whom they are about and how long they are. Those of whom it has forgotten are not
/// missed, whether or not an event says so: none does where a backup was restored with a newer keyring.
async fn known(snapshot: &mut Snapshot, practice: PracticeId) -> Result<BTreeMap<FileId, (CoacheeId, u32)>, Error> {
    let log = practice.uuid().into_bytes();
    let forgotten: BTreeMap<store::Id, u64> =
        snapshot.forgotten_of_log(log).await?.into_iter().map(|it| (it.subject, it.seq)).collect();
    let is_forgotten =
        |coachee: CoacheeId, seq| forgotten.get(coachee.uuid().as_bytes()).is_some_and(|until| seq <= *until);
    let (mut files, mut after) = (BTreeMap::new(), 0);
    loop {
        let wanted = store::Activity {
            log,
            kinds: ["file.uploaded", "file.deleted"].map(str::to_owned).to_vec(),
            after_seq: Some(after),
            limit: EVENTS_AT_ONCE,
            ..store::Activity::default()
        };
        let stored = snapshot.activity(&wanted).await?;
        let Some(last) = stored.last() else { return Ok(files) };
        after = last.seq;
        for stored in &stored {
            let event = record::decode(&stored.record)?.event;
            if let Event::File(file::Event::Uploaded { file, coachee, size_bytes, .. }) = event {
                if !is_forgotten(coachee, stored.seq) {
                    files.insert(file, (coachee, size_bytes));
                }
            } else if let Event::File(file::Event::Deleted { file }) = event {
                files.remove(&file);
            }
        }
    }
}
