//! Files about a coachee: of their coaches and of themself, each private to who uploaded it or shared with the other side
//! (S2.29, S2.30, S3.19, S3.20).
//!
//! A file belongs to whoever uploaded it. What holds here:
//! * a private file is its owner's alone: nobody else learns that it exists, whatever their role; while a coach has no
//!   access to the coachee theirs is out of their sight, too;
//! * a shared one is seen by the coachee and by the coaches with access to them; only its owner shares it, takes it back
//!   and deletes it;
//! * the bytes lie outside of the log, sealed with a key of their own ([`FileKey`]), which is sealed here as a text, as the
//!   name is: so a permission changes without the bytes, and destroying the coachee's keys forgets the file;
//! * the bytes never change. A shared file is taken back before it is deleted, so that the other side learns that it is
//!   gone, and no more.

pub mod media;

use serde::{Deserialize, Serialize};

pub use self::media::MediaType;
use crate::access::Deed;
use crate::account::Portal;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{CoacheeId, FileId, PersonId};
use crate::text::{Confidential, FileKey, FileName, facts};
use crate::value::Time;
use crate::{Rows, refusals};

/// The longest file, in bytes: 25 MiB.
pub const FILE_BYTES_MAX: u32 = 25 << 20;

/// Who sees a file beside its owner (S2.29).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Permission {
    /// Nobody.
    Private,
    /// The other side: the coachee, and the coaches with access to them.
    Shared,
}

facts!(Permission);

events! {
    /// What happens to a file. Its owner is who uploaded it.
    pub enum Event {
        /// Somebody uploaded a file about a coachee. Its bytes lay sealed in their place before.
        "file.uploaded" as "file_upload" Uploaded sees Upload {
            file: FileId, coachee: CoacheeId, by: Portal, name: Confidential<FileName>, key: Confidential<FileKey>,
            size_bytes: u32, media: MediaType
        },
        /// Its owner shared it.
        "file.shared" as "file_share" Shared sees Upload to Both { file: FileId },
        /// They took it back.
        "file.unshared" as "file_unshare" Unshared sees Upload to Both { file: FileId },
        /// It was deleted; its bytes are removed.
        "file.deleted" as "file_delete" Deleted sees Upload { file: FileId },
    }
}

refusals! {
    /// Why something about a file was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "FILE_EXISTS" "This file has been uploaded before.",
        /// It has no bytes.
        IsEmpty "FILE_IS_EMPTY" "This file is empty. Choose another one.",
        /// It has too many.
        IsTooLarge "FILE_IS_TOO_LARGE" "A file has at most 25 MiB. Make it smaller, or share a link.",
    }
}

/// A file without its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// About whom.
    pub coachee: CoacheeId,
    /// Who uploaded it, and alone changes it.
    pub owner: PersonId,
    /// As what they uploaded it.
    pub by: Portal,
    /// What it is called.
    pub name: Confidential<FileName>,
    /// What its bytes are sealed with.
    pub key: Confidential<FileKey>,
    /// How many bytes it has.
    pub size_bytes: u32,
    /// What it is, as far as content and name agree on it.
    pub media: MediaType,
    /// Whether its owner shares it with the other side.
    pub shared: bool,
    /// When it was uploaded.
    pub uploaded_at: Time,
    /// Since when it is shared, if it is.
    pub shared_at: Option<Time>,
}
row! { File in file, seen as Upload, id id: FileId, subject |r| r.coachee, owner |r| Some(r.owner), shared |r| r.shared,
written by |r, _| Some(r.owner),
columns |r| [uploaded_at: Time = r.uploaded_at, side: &'static str = side(r.by)], sealed [name, key] }

/// The word by which lists are filtered.
pub const fn side(of: Portal) -> &'static str {
    match of {
        Portal::Coach => "coach",
        Portal::Coachee => "coachee",
    }
}

/// Folds an event of this feature. A file that is nobody's is none.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Uploaded { file, coachee, by, name, key, size_bytes, media } => {
            let Some(owner) = when.owner else { return };
            rows.put(File {
                id: *file,
                coachee: *coachee,
                owner,
                by: *by,
                name: name.clone(),
                key: key.clone(),
                size_bytes: *size_bytes,
                media: *media,
                shared: false,
                uploaded_at: when.at,
                shared_at: None,
            });
        }
        Event::Shared { file } => rows.edit(*file, |row: &mut File| {
            row.shared = true;
            row.shared_at = Some(when.at);
        }),
        Event::Unshared { file } => rows.edit(*file, |row: &mut File| {
            row.shared = false;
            row.shared_at = None;
        }),
        Event::Deleted { file } => rows.delete::<File>(*file),
    }
}

/// The words of the activity log. Of what both sides review no name is said: a file may have been taken back since.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Uploaded { name, size_bytes, media, .. } => {
            Entry::default().set("name", name).set("size", size_bytes).set("contentType", media)
        }
        Event::Shared { .. } => Entry::default(),
        Event::Unshared { .. } => Entry::default(),
        Event::Deleted { .. } => Entry::default(),
    }
}

crate::entry::words! {
    MediaType: |it| it.name().to_owned();
}

impl File {
    /// What its owner alone may do. Who sees it may not, and to others it is not there. Access was asked for before.
    fn of_its_owner(&self, facts: &Facts<'_>, decision: Decision) -> Result<Decision, Stop> {
        if facts.actor.person() == Some(self.owner) {
            Ok(decision.owned_by(self.owner))
        } else if self.shared {
            Err(Stop::Forbidden)
        } else {
            Err(Stop::NotFound)
        }
    }
}

/// Enters a file whose bytes lie sealed in their place, and shares it where that is wanted (S2.29, S3.19).
#[derive(Debug)]
pub struct UploadFile {
    /// Its id.
    pub file: FileId,
    /// About whom.
    pub coachee: CoacheeId,
    /// What it is called.
    pub name: FileName,
    /// What its bytes are sealed with.
    pub key: FileKey,
    /// How many bytes it has.
    pub size_bytes: u32,
    /// What it is.
    pub media: MediaType,
    /// Who sees it.
    pub permission: Permission,
}

impl Command for UploadFile {
    shows!(File file);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, there) = (facts.get::<Coachee>(self.coachee), facts.find::<File>(self.file));
        let (coachee, there) = (coachee?, there?);
        let decision = facts.allow(Deed::KeepFiles, self.coachee)?;
        let owner = facts.actor.person().ok_or(Stop::Forbidden)?;
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        if self.size_bytes == 0 {
            return Err(Refusal::IsEmpty.into());
        }
        if self.size_bytes > FILE_BYTES_MAX {
            return Err(Refusal::IsTooLarge.into());
        }
        let shared = (self.permission == Permission::Shared).then_some(Event::Shared { file: self.file });
        Ok(decision
            .owned_by(owner)
            .with(Event::Uploaded {
                file: self.file,
                coachee: self.coachee,
                by: coachee.side_of(owner),
                name: Confidential::new(self.name.clone()),
                key: Confidential::new(self.key.clone()),
                size_bytes: self.size_bytes,
                media: self.media,
            })
            .with_all(shared))
    }
}

/// Shares a file with the other side, or takes it back (S2.29). The same again changes nothing.
#[derive(Debug)]
pub struct SetFilePermission {
    /// Which.
    pub file: FileId,
    /// Who sees it.
    pub permission: Permission,
}

impl Command for SetFilePermission {
    shows!(File file);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<File>(self.file)?;
        let decision = row.of_its_owner(facts, facts.allow(Deed::KeepFiles, row.coachee)?)?;
        let file = self.file;
        Ok(decision.with_all(match (self.permission, row.shared) {
            (Permission::Shared, false) => Some(Event::Shared { file }),
            (Permission::Private, true) => Some(Event::Unshared { file }),
            (Permission::Shared, true) | (Permission::Private, false) => None,
        }))
    }
}

/// Deletes a file. A shared one is taken back first.
#[derive(Debug)]
pub struct DeleteFile {
    /// Which.
    pub file: FileId,
}

impl Command for DeleteFile {
    shows!(File file);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<File>(self.file)?;
        let decision = row.of_its_owner(facts, facts.allow(Deed::KeepFiles, row.coachee)?)?;
        let file = self.file;
        let unshared = row.shared.then_some(Event::Unshared { file });
        Ok(decision.with_all(unshared).with(Event::Deleted { file }))
    }
}
