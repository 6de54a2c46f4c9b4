//! Backup, restoring, and moving to another database (promise D9).
//!
//! # What a backup is
//!
//! A folder with three files, and a keyring elsewhere.
//!
//! ```text
//! DIR/log.db         a SQLite database with the truth tables of one snapshot: `verify` reads it as any other
//! DIR/checkpoints    a signed checkpoint of every log, at exactly the position that the snapshot shows
//! DIR/manifest       sizes and hashes, signed
//! FILE.keyring       the keys, wrapped with the root key (see `keyring`)
//! ```
//!
//! Read models are left out: they hold names in the clear and are made anew. Keys are left out: without the keyring nobody
//! reads the rest, and keyrings expire. So who was forgotten is gone from a backup, too, once the keyrings of before are.
//!
//! # Why a crash anywhere is safe
//!
//! A backup is written under another name, verified, synced and renamed: it is there whole or not at all. A restoring, and a
//! move, write one transaction into a database that holds no log; it commits when everything is in it. What a move has
//! written is served only once the database that it came from is out of use (see [`move_to`]).

mod carry;
mod file;
mod keyring;
mod manifest;
mod restore;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use domain::id::LogId;
use domain::value::Time;
use store::checkpoint::{Signer, Verifiers};
use store::tree::Frontier;
use store::{SignedRoot, Snapshot, Store};

pub use carry::{ARRIVING, MOVED, Moved, move_to, settle};
pub use keyring::{DAYS as KEYRING_DAYS, Keyring, Pruned};
pub use manifest::Manifest;
pub use restore::{Age, Restored, Source, restore};

use crate::checkpoints::{self, Folder, Witness as _};
use crate::keys::{LASTING, ROOT};
use crate::verify::{Held, Verified, verify_with};

/// The database file of a backup.
pub const DATABASE: &str = "log.db";
/// The signed checkpoints of a backup.
pub const CHECKPOINTS: &str = "checkpoints";
/// What a backup says of itself.
pub const MANIFEST: &str = "manifest";

/// How far it is: rows carried, and how many there are.
pub type Told<'t> = &'t mut (dyn FnMut(u64, u64) + Send);

/// Why a backup could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("{} is damaged, or was changed: {what}; take another backup", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// The stored log is not what it should be.
    #[error("{0}; run `throughline verify`, and keep the database as it is")]
    NotInOrder(String),
    /// It must not be done so.
    #[error("{0}")]
    Refused(String),
    /// The database.
    #[error("{0}")]
    Store(#[from] store::Error),
    /// A key.
    #[error("{0}")]
    Key(#[from] vault::Error),
    /// The app.
    #[error("{0:?}")]
    App(#[from] crate::Error),
}

impl Error {
    fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), source }
    }

    fn signing(error: store::checkpoint::Error) -> Self {
        Self::Refused(format!("it cannot be signed: {error}"))
    }
}

/// What was backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// How many keys the keyring holds.
    pub keys: u64,
    /// What was found of keyrings beside the new one.
    pub pruned: Pruned,
}

/// Writes a backup of a database into a new folder, and its keys into a new keyring, while the service goes on. Then
/// deletes keyrings beside the new one that have expired.
///
/// One snapshot is open for as long as it takes; the store must allow it to be. `outside` is where checkpoints are kept
/// outside the database, if that is here: those of the backup are kept there, too, before it has its name.
///
/// # Errors
/// [`Error::Refused`] where the folder or the keyring is there already, somebody is writing it, or the keyring would lie in
/// the backup; [`Error::NotInOrder`] where a log does not continue its newest checkpoints, or is not there, and where a key
/// is gone of somebody who was not erased; files, database and keys.
pub async fn backup(
    store: &Store,
    (signer, outside): (&Signer, Option<&Folder>),
    (folder, keyring): (&Path, &Path),
    now: Time,
    told: Told<'_>,
) -> Result<BackedUp, Error> {
    let (draft, mine) = (file::draft(folder), Verifiers::from(signer.verifier().clone()));
    remove_what_was_cut_short(&draft, keyring, &mine)?;
    may_be_written(folder, keyring)?;
    file::make_folder(&draft)?;
    let _held = file::hold(&draft)?;
    file::make_folder(file::folder_of(keyring))?;

    let kept = match outside {
        Some(outside) => kept(outside)?,
        None => BTreeMap::new(),
    };
    let mut snapshot = store.snapshot().await?;
    let signed = sign(&mut snapshot, signer, kept, now).await?;
    let database = draft.join(DATABASE);
    // SQLite keeps the mode of a file that is there.
    file::write(&database, &[])?;
    let target = Store::open(&carry::options(&database)).await?;
    let mut batch = target.batch().await?;
    let heads = carry::carry(&mut snapshot, &mut batch, carry::Keys::LeftBehind, told).await?;
    let (ids, signed): (Vec<LogId>, Vec<SignedRoot>) = signed.into_iter().unzip();
    batch.put_checkpoints(&signed).await?;
    batch.commit().await?;
    let ring = keys(&mut snapshot, now).await?;
    snapshot.close().await?;

    let notes: Vec<String> = signed.into_iter().map(|signed| signed.note).collect();
    let proved = proved(&target, &mine, &notes, Some(&Held::of(&ring.keys, &ring.forgotten))).await;
    target.close().await;
    let proved = proved?;
    // Keyrings that have it may be there still: none is deleted, and nothing is called whole.
    if let Some(first) = proved.unkeyed.first() {
        let number = proved.unkeyed.len();
        return Err(Error::NotInOrder(format!("{number} keys are gone of whom nobody was erased, such as {first}")));
    }
    let events = proved.events;
    if let Some(outside) = outside {
        for (log, note) in ids.into_iter().zip(&notes) {
            keep(outside, (log, note.as_str()), &mine)?;
        }
    }
    file::sync(&database)?;
    file::write(&draft.join(CHECKPOINTS), notes.concat().as_bytes())?;
    let manifest = Manifest { at: now, logs: heads, events };
    file::write(&draft.join(MANIFEST), manifest.write(&database, signer)?.as_bytes())?;
    file::sync(&draft)?;
    // The keys first: a backup that is there can be read.
    file::write_whole(keyring, ring.write(signer)?.as_bytes())?;
    file::rename(&draft, folder)?;
    let pruned = keyring::prune(keyring, &mine, now)?;
    Ok(BackedUp { manifest, keys: ring.keys.len() as u64, pruned })
}

/// Removes what a backup has left that was cut short, unless it is still being written. Its keyring gets its name before its
/// folder does; it is the folder's where both are whole and of the same moment.
fn remove_what_was_cut_short(draft: &Path, keyring: &Path, keys: &Verifiers) -> Result<(), Error> {
    if !draft.exists() {
        return Ok(());
    }
    let _held = file::hold(draft)?;
    let manifest = Manifest::check(&draft.join(MANIFEST), &draft.join(DATABASE), keys);
    if matches!((manifest, Keyring::read(keyring, keys)), (Ok(manifest), Ok(ring)) if manifest.at == ring.at) {
        std::fs::remove_file(keyring).map_err(|error| Error::file("remove", keyring, error))?;
    }
    std::fs::remove_dir_all(draft).map_err(|error| Error::file("remove", draft, error))
}

/// Nothing is written over, and keys lie apart from what they open.
fn may_be_written(folder: &Path, keyring: &Path) -> Result<(), Error> {
    let refused = |what: String| Err(Error::Refused(what));
    if folder.exists() {
        return refused(format!("{} is there already: name a folder that is not", folder.display()));
    }
    if keyring.exists() {
        return refused(format!("{} is there already: name a file that is not", keyring.display()));
    }
    if !keyring::is_named_well(keyring) {
        return refused(format!(
            "{} must end in .keyring: by that name it is found when it has expired",
            keyring.display()
        ));
    }
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Error::file("find", path, error));
    if absolute(keyring)?.starts_with(absolute(folder)?) {
        return refused("the keyring must not lie in the backup: whoever copies one would have both".to_owned());
    }
    Ok(())
}

/// The newest notes that are kept outside, by log. They are read before the snapshot is taken that is signed: servers may
/// sign more meanwhile.
fn kept(outside: &Folder) -> Result<BTreeMap<LogId, String>, Error> {
    let mut kept = BTreeMap::new();
    let folder: &Path = outside.as_ref();
    for log in checkpoints::noted(folder).map_err(|error| Error::file("list", folder, error))? {
        let note = outside.newest(log).map_err(|error| Error::file("read", &outside.path(log), error))?;
        kept.extend(note.map(|note| (log, note)));
    }
    Ok(kept)
}

/// A signed checkpoint of every log at the position that the snapshot shows. No log is ever deleted: one of which a note is
/// kept and that is not there is missing.
async fn sign(
    snapshot: &mut Snapshot,
    signer: &Signer,
    mut kept: BTreeMap<LogId, String>,
    now: Time,
) -> Result<Vec<(LogId, SignedRoot)>, Error> {
    let (mut signed, mut after) = (Vec::new(), None);
    loop {
        let heads = snapshot.heads(after, 1_000).await?;
        let Some(last) = heads.last() else { break };
        after = Some(last.log);
        for head in &heads {
            let log = LogId::of(&head.kind, uuid::Uuid::from_bytes(head.log))
                .ok_or_else(|| Error::NotInOrder(format!("a head calls its log a `{}`", head.kind)))?;
            let outside = kept.remove(&log);
            let root = checkpoints::of_snapshot(snapshot, signer, (log, head), outside.as_deref(), now.0).await?;
            signed.push((log, root.map_err(|why| Error::NotInOrder(format!("{log}: {why}")))?));
        }
    }
    match kept.keys().next() {
        None => Ok(signed),
        Some(log) => {
            Err(Error::NotInOrder(format!("{log}: a checkpoint of it is kept outside, and there is no such log")))
        }
    }
}

/// Keeps outside, too, what is signed for the backup. Servers may have kept more meanwhile: a smaller tree behind a larger
/// one would be the newest.
fn keep(outside: &Folder, (log, note): (LogId, &str), mine: &Verifiers) -> Result<(), Error> {
    let size = |note: &str| mine.verify(note).ok().map(|(checkpoint, _)| checkpoint.size);
    let kept = outside.keep_unless(log, note, |newest| size(newest) >= size(note));
    kept.map_err(|error| Error::file("write", &outside.path(log), error))
}

/// The keys of a snapshot.
async fn keys(snapshot: &mut Snapshot, at: Time) -> Result<Keyring, Error> {
    let (root, lasting) = (snapshot.meta(ROOT).await?, snapshot.meta(LASTING).await?);
    let root = root.and_then(|root| root.try_into().ok());
    let (Some(root), Some(lasting)) = (root, lasting) else {
        return Err(Error::Refused("the database has no keys yet: serve it once before it is backed up".to_owned()));
    };
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let found = snapshot.keys_after(after, 1_000).await?;
        let Some(last) = found.last() else { break };
        after = Some((last.log, last.subject, last.owner, last.generation));
        keys.extend(found);
    }
    let forgotten = carry::forgotten(snapshot).await?;
    Ok(Keyring { at, root, lasting, keys, forgotten })
}

/// Verifies every log of a store: that its tree is that of its events and of every checkpoint kept with it, and that of
/// the note about it, which says where it ends. `held` are its data keys, where they lie elsewhere.
async fn proved(store: &Store, keys: &Verifiers, notes: &[String], held: Option<&Held>) -> Result<Verified, Error> {
    let verified = verify_with(store, (None, None, &[]), held, &mut ()).await?;
    if let Some(finding) = &verified.finding {
        return Err(Error::NotInOrder(finding.to_string()));
    }
    let mut said = BTreeMap::new();
    for note in notes {
        let (checkpoint, _) = keys.verify(note).map_err(|error| Error::NotInOrder(error.to_string()))?;
        said.insert(checkpoint.origin, (checkpoint.size, checkpoint.root));
    }
    let mut snapshot = store.snapshot().await?;
    let mut after = None;
    loop {
        let heads = snapshot.heads(after, 1_000).await?;
        let Some(last) = heads.last() else { break };
        after = Some(last.log);
        for head in &heads {
            let log = domain::id::text(&head.kind, uuid::Uuid::from_bytes(head.log));
            let tree = Frontier::decode(&head.frontier).map(|tree| (head.seq, tree.root())).ok();
            if tree.is_none() || said.remove(&checkpoints::origin(&log)) != tree {
                return Err(Error::NotInOrder(format!("{log} is not what its signed checkpoint says")));
            }
        }
    }
    snapshot.close().await?;
    match said.keys().next() {
        Some(origin) => Err(Error::NotInOrder(format!("there is a checkpoint of {origin}, and no such log"))),
        None => Ok(verified),
    }
}

/// The logs of a store.
async fn logs(snapshot: &mut Snapshot) -> Result<BTreeSet<store::Id>, store::Error> {
    let (mut logs, mut after) = (BTreeSet::new(), None);
    loop {
        let heads = snapshot.heads(after, 1_000).await?;
        let Some(last) = heads.last() else { return Ok(logs) };
        after = Some(last.log);
        logs.extend(heads.iter().map(|head| head.log));
    }
}

#[cfg(test)]
mod tests {
    use domain::id::{Id as _, PracticeId};
    use store::checkpoint::Checkpoint;

    use super::*;

    /// R2: the newest note outside is that of the largest tree; one by a key of before says nothing.
    #[test]
    fn a_smaller_tree_is_not_kept_behind_a_larger_one() {
        let directory = tempfile::tempdir().unwrap();
        let outside = Folder::open(directory.path()).unwrap();
        let log = LogId::Practice(PracticeId::of(uuid::Uuid::from_u128(1)));
        let (signer, before) = (Signer::parse("now", &[1; 32]).unwrap(), Signer::parse("before", &[2; 32]).unwrap());
        let note = |signer: &Signer, size| {
            let origin = checkpoints::origin(&log.to_string());
            signer.sign(&Checkpoint { origin, size, root: [9; 32], extensions: Vec::new() }).unwrap()
        };
        let mine = Verifiers::from(signer.verifier().clone());
        outside.keep(log, &note(&before, 7)).unwrap();
        for (kept, newest) in [(3, 3), (5, 5), (4, 5), (5, 5), (6, 6)] {
            keep(&outside, (log, note(&signer, kept).as_str()), &mine).unwrap();
            assert_eq!(outside.newest(log).unwrap(), Some(note(&signer, newest)), "{kept}");
        }
        let all = std::fs::read_to_string(outside.path(log)).unwrap();
        assert_eq!(checkpoints::notes(&all).len(), 4, "what says nothing new is not written");
    }
}
