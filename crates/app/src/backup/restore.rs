//! Restoring: a backup and a keyring become a database again.
//!
//! Everything is looked at before anything is written: the manifest's signature, every block of the database file, the
//! keyring's signature and age, that each of its keys opens under a root key that is held, that it holds no key of anybody
//! whom the backup knows to be forgotten and one of everybody else whose texts are there, and every log against its signed
//! checkpoint.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::value::Time;
use store::checkpoint::Verifiers;
use store::{Forgotten, Snapshot, Store};
use vault::Roots;

use super::{CHECKPOINTS, DATABASE, Error, Keyring, MANIFEST, Manifest, Told, carry, file, logs, proved};
use crate::checkpoints;
use crate::keys::{LASTING, ROOT};
use crate::lost::{Lost, Unkeyed};
use crate::verify::Held;

/// Which keyrings will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Those of the last [`super::KEYRING_DAYS`] days that are not older than the backup.
    Fresh,
    /// Also one that has expired, or of which a wrong clock says nothing, since there is no other, and whoever was forgotten
    /// since is forgotten again by hand; and one that is older than the backup, though what was sealed with newer keys is
    /// lost. Its keys of people whom the backup knows to be forgotten are left out; keys that it has not got are written down
    /// as lost.
    Any,
}

/// What is restored from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The backup's folder.
    pub folder: PathBuf,
    /// The keyring's file.
    pub keyring: PathBuf,
    /// Which keyrings will do.
    pub age: Age,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// When the keyring was written.
    pub keyring: Time,
    /// How many keys were taken from it.
    pub keys: u64,
    /// How many events signed checkpoints prove.
    pub proved: u64,
    /// Whose key was not in it, and is taken for lost.
    pub lost: Vec<Unkeyed>,
}

/// Writes a backup into a database that holds no log, in one transaction. Read models are not made here.
///
/// # Errors
/// [`Error::Damaged`] with what and where; [`Error::Refused`] for a keyring that will not do, or lacks keys, and a database that is not
/// empty; [`Error::NotInOrder`]; keys that do not open.
pub async fn restore(
    source: &Source,
    (signers, roots): (&Verifiers, &Arc<Roots>),
    to: &Store,
    now: Time,
    told: Told<'_>,
) -> Result<Restored, Error> {
    let (folder, path) = (source.folder.as_path(), source.keyring.as_path());
    let database = folder.join(DATABASE);
    let manifest = Manifest::check(&folder.join(MANIFEST), &database, signers)?;
    let keyring = Keyring::read(path, signers)?;
    if keyring.has_expired(now) && source.age == Age::Fresh {
        return Err(Error::Refused(format!(
            "{} is older than {} days: it may hold keys of people who were forgotten since. Take a newer one; it need not \
             be of the same day as the backup",
            path.display(),
            super::KEYRING_DAYS
        )));
    }
    if keyring.is_ahead(now) && source.age == Age::Fresh {
        return Err(Error::Refused(format!(
            "{} says that it was written at a time that is to come: a clock was wrong, and it may hold keys of people who \
             were forgotten since. Take a newer one",
            path.display()
        )));
    }
    if keyring.at < manifest.at && source.age == Age::Fresh {
        return Err(Error::Refused(format!(
            "{} is older than the backup: keys that were made in between are not in it, and what they seal would be lost. \
             Take a newer one",
            path.display()
        )));
    }
    opens(&keyring, roots, path)?;

    // Opening brings the schema up to date: that is done with a copy, and the backup stays as it was signed.
    let copy = Copy::of(&database, folder)?;
    let from = Store::open(&carry::options(&copy.0)).await?;
    let written = write(&from, (manifest, &keyring, source), to, signers, told).await;
    from.close().await;
    let Written { keys, events: proved, lost } = written?;
    Ok(Restored { manifest, keyring: keyring.at, keys, proved, lost })
}

/// What was written.
struct Written {
    keys: u64,
    events: u64,
    lost: Vec<Unkeyed>,
}

async fn write(
    from: &Store,
    (manifest, keyring, source): (Manifest, &Keyring, &Source),
    to: &Store,
    signers: &Verifiers,
    told: Told<'_>,
) -> Result<Written, Error> {
    let path = source.folder.join(CHECKPOINTS);
    let notes = checkpoints::notes(&String::from_utf8_lossy(&file::read(&path)?));
    if notes.len() as u64 != manifest.logs {
        let what = format!("{} checkpoints, and the backup has {} logs", notes.len(), manifest.logs);
        return Err(Error::Damaged { path, what });
    }
    let mut snapshot = from.snapshot().await?;
    let logs = logs(&mut snapshot).await?;
    let known = carry::forgotten(&mut snapshot).await?;
    let since = since(&mut snapshot, keyring, &known).await?;
    snapshot.close().await?;
    let mut keys: Vec<store::Key> = keyring.keys.iter().filter(|key| logs.contains(&key.log)).cloned().collect();
    let all = keys.len();
    keys.retain(|key| !is_of_before(key, &known));
    let held = Held::of(&keys, known.iter().chain(&since));
    let verified = match proved(from, signers, &notes, Some(&held)).await {
        Ok(verified) => verified,
        // The database file is what was written: then it is the checkpoints that are not.
        Err(Error::NotInOrder(what)) => return Err(Error::Damaged { path, what }),
        Err(error) => return Err(error),
    };
    if keys.len() < all && source.age == Age::Fresh {
        return Err(Error::Refused(format!(
            "{} holds keys of people whom the backup knows to be forgotten: it is older than that; take a newer one",
            source.keyring.display()
        )));
    }
    if let Some(first) = verified.unkeyed.first().filter(|_| source.age == Age::Fresh) {
        return Err(Error::Refused(format!(
            "{} lacks keys of {} whose texts are in the backup and whom nothing says to be erased, such as {first}: take a \
             keyring that has them; where there is none any more, --expired restores the rest",
            source.keyring.display(),
            verified.unkeyed.len()
        )));
    }

    let mut snapshot = from.snapshot().await?;
    let mut batch = to.batch().await?;
    batch.lock_meta().await?;
    carry::is_empty(&mut batch).await?;
    batch.clear_meta().await?;
    carry::carry(&mut snapshot, &mut batch, carry::Keys::LeftBehind, told).await?;
    for forgotten in &since {
        batch.forget(forgotten).await?;
    }
    Lost::add(&mut batch, &verified.unkeyed).await?;
    for keys in keys.chunks(500) {
        batch.put_keys(keys).await?;
    }
    batch.set_meta(ROOT, &keyring.root).await?;
    batch.set_meta(LASTING, &keyring.lasting).await?;
    batch.commit().await?;
    snapshot.close().await?;
    to.measure().await?;

    let proved = proved(to, signers, &notes, None).await?;
    Ok(Written { keys: keys.len() as u64, events: proved.events, lost: verified.unkeyed })
}

/// Every key of a keyring opens under a root key that is held.
fn opens(keyring: &Keyring, roots: &Roots, path: &Path) -> Result<(), Error> {
    let unheld = |error: vault::Error| {
        if !matches!(error, vault::Error::UnknownRoot) {
            return Error::Key(error);
        }
        Error::Refused(format!(
            "{} is wrapped with a root key that is not here: put the one of that time into the file of `root_key_file`",
            path.display()
        ))
    };
    roots.get(&keyring.root).map_err(unheld)?.unwrap_lasting(&keyring.lasting)?;
    for (number, key) in (1..).zip(&keyring.keys) {
        let (place, wrapped) = crate::keys::wrapped(key);
        let opened = roots.get(&key.root).map_err(unheld)?.log(key.log).unwrap(&place, &wrapped);
        opened.map_err(|error| Error::Damaged { path: path.to_owned(), what: format!("its key {number}: {error}") })?;
    }
    Ok(())
}

/// Whether a key is somebody's from before the backup says that they were forgotten. Only an address or an account begins
/// anew, in its own log.
fn is_of_before(key: &store::Key, forgotten: &[Forgotten]) -> bool {
    let same = |it: &&Forgotten| (it.log, it.subject) == (key.log, key.subject);
    forgotten.iter().find(same).is_some_and(|it| key.subject != key.log || key.since < it.seq)
}

/// Whom the keyring knows to be forgotten and the backup does not, or knows of an earlier time only (an address may begin
/// anew, and be forgotten again): up to where its log goes.
async fn since(snapshot: &mut Snapshot, keyring: &Keyring, known: &[Forgotten]) -> Result<Vec<Forgotten>, Error> {
    let mut since = Vec::new();
    for forgotten in &keyring.forgotten {
        let Some(head) = snapshot.head(forgotten.log).await? else { continue };
        let seq = forgotten.seq.min(head.seq);
        let same = |it: &&Forgotten| (it.log, it.subject) == (forgotten.log, forgotten.subject);
        if known.iter().find(same).is_none_or(|it| it.seq < seq) {
            since.push(Forgotten { seq, ..forgotten.clone() });
        }
    }
    Ok(since)
}

/// A copy of a file beside the backup, gone when it is dropped.
struct Copy(PathBuf);

impl Copy {
    fn of(database: &Path, folder: &Path) -> Result<Self, Error> {
        let copy = Self(file::draft(folder).with_extension("restoring"));
        // One that was cut short has perhaps left a write-ahead log, which is another database's.
        copy.remove();
        std::fs::copy(database, &copy.0).map_err(|error| Error::file("copy", database, error))?;
        Ok(copy)
    }

    fn remove(&self) {
        for end in ["", "-wal", "-shm"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(end);
            // What cannot be removed holds what the backup holds.
            drop(std::fs::remove_file(PathBuf::from(name)));
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.remove();
    }
}
