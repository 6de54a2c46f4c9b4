//! Files: from an upload their bytes go sealed to the objects' place, and from there to who may read them.
//!
//! # Order, and why a crash anywhere is safe
//!
//! ```text
//! a note of the upload   uploads/<time>.<practice>.<coachee>.<file>     empty
//! the object             <practice>/<coachee>/<file>                    sealed, chunk by chunk, as it arrives
//! the event              file.uploaded, in the practice's log           key and name, sealed with the owner's key
//! the note is removed
//! ```
//!
//! Before the event nobody knows the object, and its key is nowhere but in memory: whatever a refusal or a crash leaves
//! cannot be read. It is removed by who held it or, a day later, by whoever finds its note ([`App::sweep_uploads`]), unless
//! the log has the file, or the database has no such log. The note goes with the object only where nothing of it can still
//! be on its way: what a sender who went away has left in the air may land after it was removed. Only notes are looked
//! through, of which there are as many as there are uploads on their way; and only in the place that says to be this
//! database's ([`App::claim_files`]).
//!
//! Deleting a file and erasing a coachee are events; a reaction to them removes the objects, and is repeated until it has
//! (`App::remove_objects`). Nothing depends on when: without the key, which is forgotten with the event, the bytes are noise.
//!
//! No byte of a file is anywhere on a disk in the clear. Of a file that is read, a chunk or two are in memory; of one
//! that is written, what the place takes as one part: four chunks in a folder, 5 MiB in a bucket.

mod content;
mod kind;
pub mod looked;

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use domain::file::{FILE_BYTES_MAX, File, MediaType, Refusal};
use domain::id::{CoacheeId, FileId, Id as _, LogId, PracticeId};
use domain::value::Time;
use domain::{Event, coachee, file};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use vault::file::{CHUNK_BYTES, Chunk, FileKey, FilePlace, FileSealer};

use crate::record::Happened;
use crate::{App, Error};

/// What the notes of uploads begin with.
const UPLOADS: &str = "uploads";
/// How long an upload may take until its note is looked at.
const UPLOAD_DAYS: i64 = 1;
/// How many notes are looked at in one round.
const NOTES_MAX: usize = 10_000;
/// How many practices are looked up to see whose a place is.
const PRACTICES_MAX: usize = 1_000;
/// How many objects are removed at once.
const REMOVALS_AT_ONCE: usize = 8;
/// How much of a file is looked at to see what it is.
const HEAD_BYTES: usize = 8 << 10;
/// The value of the installation, and the object, by which it is seen that both belong together.
const INSTALLATION: &str = "installation";

/// Why an upload's bytes did not come whole: for who sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(pub String);

/// Why a file was not taken.
#[derive(Debug)]
pub enum NotReceived {
    /// A rule says no.
    Refused(Refusal),
    /// The bytes did not come whole.
    Broken(Broken),
    /// The files' place failed.
    Failed(Error),
}

impl From<Error> for NotReceived {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<store::Error> for NotReceived {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// An upload on its way: where its object lies, and its note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// The practice.
    pub practice: PracticeId,
    /// About whom.
    pub coachee: CoacheeId,
    /// The file.
    pub file: FileId,
    at: Time,
}

impl Upload {
    fn object(&self) -> String {
        object(self.practice, self.coachee, self.file)
    }

    fn note(&self) -> String {
        let Self { practice, coachee, file, at } = self;
        format!("{UPLOADS}/{:020}.{practice}.{coachee}.{file}", at.0)
    }

    /// The upload of this note, if it is one.
    fn of_note(note: &str) -> Option<Self> {
        let mut parts = note.strip_prefix(UPLOADS)?.strip_prefix('/')?.split('.');
        let at = Time(parts.next()?.parse().ok()?);
        let (practice, coachee, file) = (parts.next()?, parts.next()?, parts.next()?);
        let upload =
            Self { practice: practice.parse().ok()?, coachee: coachee.parse().ok()?, file: file.parse().ok()?, at };
        parts.next().is_none().then_some(upload)
    }
}

/// Where a file's object lies: so what is about a coachee, and what is of a practice, lies under one beginning.
pub fn object(practice: PracticeId, coachee: CoacheeId, file: FileId) -> String {
    format!("{practice}/{coachee}/{file}")
}

/// A file whose object lies in its place, and that nobody knows yet. Where it is dropped, the object is removed, and its
/// note stays for a day.
pub struct Received {
    pending: Pending,
    /// What its bytes are sealed with: 64 hexadecimal digits.
    pub key: String,
    /// How many bytes it has.
    pub size_bytes: u32,
    /// What it is, judged by its content and the name that it came with.
    pub media: MediaType,
    /// Of its content: for telling whether a request is repeated.
    pub sha256: [u8; 32],
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Received")
            .field("size_bytes", &self.size_bytes)
            .field("media", &self.media)
            .finish_non_exhaustive()
    }
}

impl Received {
    /// It is about to be entered: from here on the object stays until it is known whether it was, with
    /// [`App::entered`] or [`App::discard`]; where neither comes, [`App::sweep_uploads`] looks.
    pub fn offered(mut self) -> Upload {
        let upload = self.pending.upload;
        self.pending.is_kept = true;
        upload
    }
}

/// An object that is removed when this is dropped. Its note stays: what was on its way to the object may land later.
struct Pending {
    app: App,
    upload: Upload,
    is_kept: bool,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let (app, upload) = (self.app.clone(), self.upload);
        self.app.inner.tasks.start("discarding", async move {
            if let Err(error) = app.inner.files.remove(&upload.object()).await {
                tracing::warn!(%error, "an upload that broke off could not be removed; it is tried again in a day");
            }
        });
    }
}

impl App {
    /// Takes a file's bytes as they come, and seals them into their place. `name` is the one that it came with.
    ///
    /// # Errors
    /// [`NotReceived`]; then nothing of it stays, or its note does, for a day.
    pub async fn receive<S>(
        &self,
        (practice, coachee, file): (PracticeId, CoacheeId, FileId),
        name: &str,
        stream: S,
    ) -> Result<Received, NotReceived>
    where
        S: Stream<Item = Result<Bytes, Broken>> + Unpin + Send,
    {
        let upload = Upload { practice, coachee, file, at: self.clock().now() };
        let mut pending = Pending { app: self.clone(), upload, is_kept: false };
        self.inner.files.put(&upload.note(), Bytes::new()).await?;
        let key = FileKey::mint(&*self.inner.entropy);
        let place = FilePlace { log: practice.uuid().into_bytes(), file: file.uuid().into_bytes() };
        let mut writer = self.inner.files.write(&upload.object());
        match seal(stream, FileSealer::new(&key, place), &mut writer).await {
            Ok(Sealed { size_bytes, head, sha256 }) => {
                writer.end().await?;
                let media = MediaType::agreed(kind::content(&head), kind::by_name(name));
                Ok(Received { pending, key: key.expose().to_string(), size_bytes, media, sha256 })
            }
            Err(error) => {
                match writer.abort().await {
                    // Nothing of it is on its way any more.
                    Ok(()) => {
                        pending.is_kept = true;
                        self.discard(upload).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "parts of an upload could not be removed; it is tried again in a day");
                    }
                }
                Err(error)
            }
        }
    }

    /// What a file's bytes come to, without keeping them: for a request that was made before.
    ///
    /// # Errors
    /// [`NotReceived`].
    pub async fn digest<S>(&self, mut stream: S) -> Result<[u8; 32], NotReceived>
    where
        S: Stream<Item = Result<Bytes, Broken>> + Unpin + Send,
    {
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        while let Some(part) = stream.next().await {
            let part = part.map_err(NotReceived::Broken)?;
            bytes = counted(bytes, &part)?;
            hash.update(&part);
        }
        Ok(hash.finalize().into())
    }

    /// A file was entered: its upload has ended.
    pub async fn entered(&self, upload: Upload) {
        if let Err(error) = self.inner.files.remove(&upload.note()).await {
            tracing::warn!(%error, "the note of an upload could not be removed; it is looked at in a day");
        }
    }

    /// A file was not entered: its object goes, and then its note.
    pub async fn discard(&self, upload: Upload) {
        if let Err(error) = self.try_discard(upload).await {
            tracing::warn!(?error, "an upload that came to nothing could not be removed; it is tried again in a day");
        }
    }

    async fn try_discard(&self, upload: Upload) -> Result<(), Error> {
        self.inner.files.remove(&upload.object()).await?;
        Ok(self.inner.files.remove(&upload.note()).await?)
    }

    /// Looks at uploads of more than a day ago that nobody has ended: those whose node died, or whose outcome nobody knew.
    /// What the log does not have is removed. How many were ended. Several nodes may do it at once. Nothing is done in a place
    /// that is not known to be this database's, nor to what is of no practice in it: there, other logs may have the files.
    ///
    /// # Errors
    /// The database's and the files' place, the last one where there were several; what could be done is done.
    pub async fn sweep_uploads(&self) -> Result<u64, Error> {
        let Some(named) = self.installation().await? else { return Ok(0) };
        if self.inner.files.get(INSTALLATION).await?.is_none_or(|there| there != named) {
            return Ok(0);
        }
        let until = self.clock().now().plus_days(-UPLOAD_DAYS);
        let is_old = move |note: &str| {
            let upload = Upload::of_note(note);
            if upload.is_none() {
                tracing::warn!(note, "this is no note of an upload; it is passed over");
            }
            upload.is_some_and(|upload| upload.at <= until)
        };
        let (mut swept, mut failed) = (0, None);
        for note in self.inner.files.list(UPLOADS, NOTES_MAX, is_old).await? {
            let Some(upload) = Upload::of_note(&note) else { continue };
            match self.sweep_one(upload).await {
                Ok(was_ours) => swept += u64::from(was_ours),
                Err(error) => {
                    tracing::warn!(note, ?error, "an upload could not be looked at; it is tried again");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(swept), Err)
    }

    /// Ends the upload of a note; whether it was this database's to end. An upload is of a practice that is there, so one of
    /// a practice that is not is another database's: two that began over one place have the same id of it.
    async fn sweep_one(&self, upload: Upload) -> Result<bool, Error> {
        let log = LogId::Practice(upload.practice);
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else {
            tracing::warn!(%log, "an upload is of a practice that is not in this database; it is left alone");
            return Ok(false);
        };
        let row = self.inner.row::<File>(&mut snapshot, log, upload.file).await?;
        snapshot.close().await?;
        if row.is_some() {
            self.inner.files.remove(&upload.note()).await?;
        } else {
            self.try_discard(upload).await?;
        }
        Ok(true)
    }

    /// Removes the objects of what these events of one log have deleted or erased.
    pub(crate) async fn remove_objects(&self, events: &[Happened]) -> Result<(), Error> {
        let each: Vec<_> = events.iter().filter_map(Gone::of).map(|gone| self.remove_gone(gone)).collect();
        let mut each = futures_util::stream::iter(each).buffer_unordered(REMOVALS_AT_ONCE);
        while let Some(removed) = each.next().await {
            removed?;
        }
        Ok(())
    }

    async fn remove_gone(&self, gone: Gone) -> Result<(), Error> {
        match gone {
            Gone::Object(name) => self.inner.files.remove(&name).await?,
            Gone::All(beginning) => self.inner.files.remove_all(&beginning).await?,
        }
        Ok(())
    }

    /// A part of a file's content, in the clear and as it is read. The first of it is there, so what is missing is known
    /// before anything is answered. `key` is what [`crate::View::file_key`] gave.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the object is not there or cannot be read; [`Error::Internal`] where it is another one.
    pub async fn content(
        &self,
        practice: PracticeId,
        row: &File,
        key: &FileKey,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let place = FilePlace { log: practice.uuid().into_bytes(), file: row.id.uuid().into_bytes() };
        let name = object(practice, row.coachee, row.id);
        let opener = vault::file::FileOpener::new(key, place, u64::from(row.size_bytes));
        content::open(self.inner.files.clone(), name, opener, range).await
    }

    /// Says in the files' place and in the database that they belong together, where the database says nothing yet and the
    /// place is empty or holds files of practices that are in the database. Whether they belong together.
    ///
    /// # Errors
    /// The database's and the files' place.
    pub async fn claim_files(&self) -> Result<bool, Error> {
        // The place is asked before a transaction writes: nobody waits for a bucket with a lock in hand.
        let (named, there) = (self.installation().await?, self.inner.files.get(INSTALLATION).await?);
        if let Some(named) = named {
            return Ok(there.is_some_and(|there| there == named));
        }
        let practices = practices_there(&self.inner.files).await?;
        let mut snapshot = self.inner.store.snapshot().await?;
        let may_be = may_be_its_files(&mut snapshot, &practices).await?;
        snapshot.close().await?;
        if !may_be {
            return Ok(false);
        }
        let id = match there {
            Some(there) => there,
            None => self.name_files().await?,
        };
        let mut batch = self.inner.store.batch().await?;
        batch.lock_meta().await?;
        let claimed = if let Some(named) = batch.meta(INSTALLATION).await? {
            // Another node was first.
            id == named
        } else {
            batch.set_meta(INSTALLATION, &id).await?;
            true
        };
        batch.commit().await?;
        Ok(claimed)
    }

    /// Gives the files' place an id, where another node has not.
    async fn name_files(&self) -> Result<Bytes, Error> {
        let mut id = [0; 16];
        self.inner.entropy.fill(&mut id);
        let id = Bytes::copy_from_slice(&id);
        if self.inner.files.create(INSTALLATION, id.clone()).await? {
            return Ok(id);
        }
        self.inner.files.get(INSTALLATION).await?.ok_or(Error::Unavailable)
    }

    /// What the database says of its files' place.
    async fn installation(&self) -> Result<Option<Vec<u8>>, Error> {
        let mut snapshot = self.inner.store.snapshot().await?;
        let named = snapshot.meta(INSTALLATION).await?;
        snapshot.close().await?;
        Ok(named)
    }
}

/// What is to be removed.
enum Gone {
    /// One object.
    Object(String),
    /// Every object with this beginning.
    All(String),
}

impl Gone {
    /// What an event has deleted or erased.
    fn of(happened: &Happened) -> Option<Self> {
        let LogId::Practice(practice) = happened.when.log else { return None };
        if let Event::File(file::Event::Deleted { file }) = &happened.event {
            let coachee = CoacheeId::of(happened.when.subject.uuid());
            Some(Self::Object(object(practice, coachee, *file)))
        } else if let Event::Coachee(coachee::Event::Erased { coachee, .. }) = &happened.event {
            Some(Self::All(format!("{practice}/{coachee}")))
        } else {
            None
        }
    }
}

/// The practices whose files lie in a place.
async fn practices_there(files: &store::Objects) -> Result<Vec<store::Id>, store::Error> {
    let folders = files.folders().await?;
    let practices = folders.iter().filter_map(|folder| folder.parse::<PracticeId>().ok()).take(PRACTICES_MAX);
    Ok(practices.map(|practice| practice.uuid().into_bytes()).collect())
}

/// Whether a place can be a database's: nobody's files lie there, or those of a practice that it has.
async fn may_be_its_files(snapshot: &mut store::Snapshot, practices: &[store::Id]) -> Result<bool, store::Error> {
    Ok(practices.is_empty() || !snapshot.heads_of(practices).await?.is_empty())
}

/// Whether a files' place is the one of a database: nothing where the database has none yet and could take this one.
///
/// # Errors
/// The database's and the files' place.
pub async fn belong_together(
    snapshot: &mut store::Snapshot,
    files: &store::Objects,
) -> Result<Option<bool>, store::Error> {
    let Some(named) = snapshot.meta(INSTALLATION).await? else {
        let practices = practices_there(files).await?;
        return Ok(if may_be_its_files(snapshot, &practices).await? { None } else { Some(false) });
    };
    Ok(Some(files.get(INSTALLATION).await?.is_some_and(|there| there == named)))
}

/// What was sealed.
struct Sealed {
    size_bytes: u32,
    head: Vec<u8>,
    sha256: [u8; 32],
}

/// Seals what comes into an object, chunk by chunk.
async fn seal<S>(
    mut stream: S,
    mut sealer: FileSealer,
    writer: &mut store::objects::Writer,
) -> Result<Sealed, NotReceived>
where
    S: Stream<Item = Result<Bytes, Broken>> + Unpin + Send,
{
    let (mut hash, mut size_bytes, mut head) = (Sha256::new(), 0, Vec::new());
    let mut waiting = BytesMut::with_capacity(2 * CHUNK_BYTES);
    while let Some(part) = stream.next().await {
        let part = part.map_err(NotReceived::Broken)?;
        size_bytes = counted(size_bytes, &part)?;
        hash.update(&part);
        head.extend_from_slice(&part[..part.len().min(HEAD_BYTES - head.len())]);
        waiting.extend_from_slice(&part);
        // The last chunk is known by the end of the stream only.
        while waiting.len() > CHUNK_BYTES {
            let chunk = waiting.split_to(CHUNK_BYTES);
            writer.put(sealer.seal(&chunk, Chunk::Inner).map_err(Error::from)?).await?;
        }
    }
    if size_bytes == 0 {
        return Err(NotReceived::Refused(Refusal::IsEmpty));
    }
    writer.put(sealer.seal(&waiting, Chunk::Last).map_err(Error::from)?).await?;
    Ok(Sealed { size_bytes, head, sha256: hash.finalize().into() })
}

/// So many bytes and these, if a file may have so many.
fn counted(bytes: u32, part: &Bytes) -> Result<u32, NotReceived> {
    let bytes = u32::try_from(part.len()).ok().and_then(|more| bytes.checked_add(more));
    bytes.filter(|bytes| *bytes <= FILE_BYTES_MAX).ok_or(NotReceived::Refused(Refusal::IsTooLarge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_which_upload_it_is_of() {
        let (practice, coachee) = (PracticeId::of(uuid::Uuid::from_u128(1)), CoacheeId::of(uuid::Uuid::from_u128(2)));
        let upload =
            Upload { practice, coachee, file: FileId::of(uuid::Uuid::from_u128(3)), at: Time(1_772_442_000_000_000) };
        assert_eq!(Upload::of_note(&upload.note()), Some(upload));
        // Notes sort by time, so that the oldest come first where a place sorts.
        assert!(upload.note() < Upload { at: Time(10_000_000_000_000_000), ..upload }.note());
        let note = upload.note();
        for wrong in
            ["", "uploads/", &note[1..], &format!("{note}.x"), &note.replace("file_", "goal_"), "uploads/1.2.3.4"]
        {
            assert_eq!(Upload::of_note(wrong), None, "{wrong}");
        }
    }
}
