//! Files that are written whole or not at all, for their owner's eyes only; and the hashes of a file's blocks.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::Error;

/// The bytes of a block, whose hash says where a file was changed: 1 MiB.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;
/// How the names of what is not whole yet end.
const DRAFT: &str = "partial";

/// The folder in which a file lies.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name beside this one, for what is not whole yet.
pub(crate) fn draft(path: &Path) -> PathBuf {
    // Behind a slash at its end it would lie within.
    let mut name = path.components().as_path().as_os_str().to_owned();
    name.push(".");
    name.push(DRAFT);
    PathBuf::from(name)
}

/// The name that a draft would have been given; `None` where this is none.
pub(crate) fn of_draft(path: &Path) -> Option<PathBuf> {
    path.extension().filter(|extension| *extension == DRAFT).map(|_| path.with_extension(""))
}

/// Makes a folder, open to its owner only.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| Error::file("make", path, error))
}

/// Holds a draft for as long as the answer lives: nobody takes it for one that was cut short. A kill lets go of it.
///
/// # Errors
/// [`Error::Refused`] where another process holds it.
pub(crate) fn hold(draft: &Path) -> Result<File, Error> {
    let held = File::open(draft).map_err(|error| Error::file("open", draft, error))?;
    match held.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(Error::Refused(format!("{} is being written by another backup: wait for its end", draft.display())))
        }
        // Some file systems lock nothing, or no folders.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(held),
    }
}

/// The whole content.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::file("read", path, error))
}

/// Writes a file and syncs it.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = written.and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
    written.map_err(|error| Error::file("write", path, error))
}

/// Writes a file under another name, and gives it its own when it is whole.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    let draft = draft(path);
    write(&draft, content)?;
    rename(&draft, path)
}

/// Gives a file or folder its name, durably.
pub(crate) fn rename(draft: &Path, path: &Path) -> Result<(), Error> {
    std::fs::rename(draft, path).map_err(|error| Error::file("name", path, error))?;
    sync(folder_of(path))
}

/// Makes what is in a folder, or a file, durable.
pub(crate) fn sync(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| Error::file("sync", path, error))
}

/// How long a file is, and the hash of each of its blocks.
pub(crate) fn blocks(path: &Path) -> Result<(u64, Vec<[u8; 32]>), Error> {
    let failed = |error| Error::file("read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    let (mut bytes, mut hashes, mut block) = (0, Vec::new(), Vec::with_capacity(BLOCK_BYTES));
    loop {
        block.clear();
        let read = (&mut file).take(BLOCK_BYTES as u64).read_to_end(&mut block).map_err(failed)?;
        if read == 0 {
            return Ok((bytes, hashes));
        }
        bytes += read as u64;
        hashes.push(Sha256::digest(&block).into());
    }
}
