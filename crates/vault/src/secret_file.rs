//! A file that holds one secret of 256 bits: 64 hexadecimal digits and a newline, for its owner's eyes only.
//!
//! It is made complete under another name, synced, and then *linked* to its own: linking fails if the name is taken. So
//! the file is there whole or not at all, and of two processes that start at once the second takes the first one's key.
//! Renaming would silently replace it, and with it the only key to all that was sealed in between. A crash leaves at most
//! a draft that nobody reads. It may hold the same secret, and the file may be destroyed one day: so whoever reads the file
//! removes its drafts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{Entropy, Error};

/// Whether a secret was there or had to be made: somebody should be told to back up a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was read from its file.
    Found,
    /// There was none; it was made and written.
    Created,
}

/// The most bytes that are read of a key file: enough to see that something else is in it.
const FILE_BYTES_MAX: u64 = 256;

/// The secret in the file at `path`, made there if there is none.
pub(crate) fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<(Zeroizing<[u8; 32]>, Origin), Error> {
    if let Some(bytes) = load(path)? {
        return Ok((bytes, Origin::Found));
    }
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(&mut *bytes);
    match create(path, &bytes, entropy).map_err(failed("create", path))? {
        Origin::Created => Ok((bytes, Origin::Created)),
        Origin::Found => match load(path)? {
            Some(bytes) => Ok((bytes, Origin::Found)),
            None => Err(failed("read", path)(ErrorKind::NotFound.into())),
        },
    }
}

/// Writes a secret to a file of its own, unless it is there already.
pub(crate) fn save(path: &Path, bytes: &[u8; 32], entropy: &dyn Entropy) -> Result<(), Error> {
    match create(path, bytes, entropy).map_err(failed("create", path))? {
        Origin::Created => Ok(()),
        Origin::Found if load(path)?.is_some_and(|found| *found == *bytes) => Ok(()),
        Origin::Found => Err(Error::FileHoldsAnotherKey { path: path.to_owned() }),
    }
}

/// The 32 bytes that 64 hexadecimal digits, with blanks around them, stand for.
pub(crate) fn parse(hex: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits: &[u8; 64] = hex.trim().as_bytes().try_into().ok()?;
    let mut bytes = Zeroizing::new([0; 32]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        b'A'..=b'F' => Some(letter - b'A' + 10),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut digits = Zeroizing::new(String::with_capacity(2 * bytes.len() + 1));
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        digits.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
    }
    digits
}

/// The secret in the file at `path`; `None` where there is no such file. Drafts of it that a crash has left are removed.
pub(crate) fn load(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
    let failed = failed("read", path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Asked of the open file, not of its name, which may meanwhile be another's.
    let mode = file.metadata().map_err(&failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::FileIsOpenToOthers { path: path.to_owned(), mode });
    }
    // As large as is ever read, since growing would leave an unwiped copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(512));
    file.take(FILE_BYTES_MAX).read_to_end(&mut content).map_err(failed)?;
    let bytes = std::str::from_utf8(&content).ok().and_then(parse);
    let bytes = bytes.ok_or_else(|| Error::FileHoldsNoKey { path: path.to_owned() })?;
    remove_drafts(path);
    Ok(Some(bytes))
}

/// Removes the drafts beside a file that is there. Whoever is about to link one finds the file instead.
fn remove_drafts(path: &Path) {
    let (Some(name), Ok(beside)) = (path.file_name(), fs::read_dir(folder_of(path))) else { return };
    for found in beside.flatten().filter(|found| is_draft(found.file_name().as_bytes(), name.as_bytes())) {
        // One that cannot be removed is open to nobody else than the file is.
        drop(fs::remove_file(found.path()));
    }
}

fn is_draft(found: &[u8], name: &[u8]) -> bool {
    let random = found.strip_prefix(name).and_then(|rest| rest.strip_prefix(b".")?.strip_suffix(b".draft"));
    random.is_some_and(|random| random.len() == 16 && random.iter().all(u8::is_ascii_hexdigit))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes the file if there is none yet, and says which it was.
fn create(path: &Path, bytes: &[u8; 32], entropy: &dyn Entropy) -> io::Result<Origin> {
    let mut random = [0; 8];
    entropy.fill(&mut random);
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.draft", hex(&random).as_str()));
    let draft = PathBuf::from(draft);
    let linked = write(&draft, bytes).and_then(|()| match fs::hard_link(&draft, path) {
        Ok(()) => Ok(Origin::Created),
        // Or whoever was first has removed the draft.
        Err(error) if error.kind() == ErrorKind::AlreadyExists || path.exists() => Ok(Origin::Found),
        Err(error) => Err(error),
    });
    // A draft that cannot be removed holds the same secret under the same mode: no harm, and no reason to fail.
    drop(fs::remove_file(&draft));
    let origin = linked?;
    File::open(folder_of(path))?.sync_all()?;
    Ok(origin)
}

fn write(draft: &Path, bytes: &[u8; 32]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    let mut line = hex(bytes);
    line.push('\n');
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::File { doing, path: path.to_owned(), source }
}
