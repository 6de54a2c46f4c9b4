//! The folder in which checkpoints are kept outside the database.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use domain::id::LogId;

use super::{Witness, notes};

/// The most bytes of a note, witnesses' signatures included.
const NOTE_BYTES_MAX: u64 = 64 << 10;

/// How the names of files of notes end.
const EXTENSION: &str = "notes";

/// The logs of which there are notes in a folder, in the order of their UUIDs.
///
/// # Errors
/// The operating system's.
pub fn noted(folder: &Path) -> std::io::Result<Vec<LogId>> {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = PathBuf::from(entry?.file_name());
        let name = path.file_stem().filter(|_| path.extension().is_some_and(|extension| extension == EXTENSION));
        logs.extend(name.and_then(|name| LogId::parse(name.to_str()?)));
    }
    logs.sort_by_key(|log| log.uuid());
    Ok(logs)
}

/// A folder with a file for each log, the newest note last. What a crash left half written is cut off by the next one.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder, which is made when it is missing.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(path: impl Into<PathBuf>) -> std::io::Result<Self> {
        let path = path.into();
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where a log's notes lie.
    pub fn path(&self, log: LogId) -> PathBuf {
        self.0.join(format!("{log}.{EXTENSION}"))
    }

    /// A file's end, long enough for a whole note, and where it begins.
    fn end(file: &mut std::fs::File) -> std::io::Result<(u64, Vec<u8>)> {
        let from = file.metadata()?.len().saturating_sub(2 * NOTE_BYTES_MAX);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((from, bytes))
    }

    /// Keeps a note, unless the newest one that is there already says as much. One process at a time: none cuts off what
    /// another one is writing.
    pub(crate) fn keep_unless(
        &self,
        log: LogId,
        note: &str,
        says_as_much: impl FnOnce(&str) -> bool,
    ) -> std::io::Result<()> {
        let path = self.path(log);
        let new = !path.exists();
        let mut file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        // Some file systems lock nothing.
        drop(file.lock());
        if new {
            // Whoever backs up need not be whom the folder belongs to, and who is to go on with this file.
            let folder = std::fs::metadata(&self.0)?;
            drop(std::os::unix::fs::fchown(&file, Some(folder.uid()), Some(folder.gid())));
        }
        let (from, end) = Self::end(&mut file)?;
        if notes(&String::from_utf8_lossy(&end)).pop().is_some_and(|newest| says_as_much(&newest)) {
            return Ok(());
        }
        let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let length = from + whole as u64;
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        if new { sync_directory(&self.0) } else { Ok(()) }
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Witness for Folder {
    fn keep(&self, log: LogId, note: &str) -> std::io::Result<()> {
        self.keep_unless(log, note, |_| false)
    }

    fn newest(&self, log: LogId) -> std::io::Result<Option<String>> {
        let mut file = match std::fs::File::open(self.path(log)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (_, end) = Self::end(&mut file)?;
        Ok(notes(&String::from_utf8_lossy(&end)).pop())
    }
}

/// Makes a new name in a directory durable; where directories cannot be synced, that is the system's own business.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) { std::fs::File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use domain::id::{Id as _, PracticeId};

    use super::*;

    fn note(size: u32) -> String {
        format!("throughline/practice_1\n{size}\nCQkJ\ntime 1\n\n— key AAAA\n")
    }

    #[test]
    fn a_folder_keeps_every_note_and_forgets_what_was_cut_short() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(directory.path().join("notes")).unwrap();
        let log = LogId::Practice(PracticeId::of(uuid::Uuid::from_u128(1)));
        assert_eq!(folder.newest(log).unwrap(), None);
        let mut written = String::new();
        for size in 1..=300 {
            folder.keep(log, &note(size)).unwrap();
            written.push_str(&note(size));
        }
        assert_eq!(folder.newest(log).unwrap(), Some(note(300)));
        for cut in 1..note(301).len() {
            let cut = &note(301)[..note(301).floor_char_boundary(cut)];
            std::fs::write(folder.path(log), format!("{written}{cut}")).unwrap();
            assert_eq!(folder.newest(log).unwrap(), Some(note(300)), "{cut}");
            folder.keep(log, &note(302)).unwrap();
            assert_eq!(folder.newest(log).unwrap(), Some(note(302)), "{cut}");
            let all = notes(&std::fs::read_to_string(folder.path(log)).unwrap());
            assert_eq!((all.len(), &all[299]), (301, &note(300)), "{cut}");
        }
    }

    /// A command may be run by another user than the server, which has to go on with the file.
    #[test]
    fn a_new_file_belongs_to_whom_the_folder_belongs_to() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(directory.path().join("notes")).unwrap();
        // Only root can give it away.
        drop(std::os::unix::fs::chown(&folder.0, Some(65_534), Some(65_534)));
        let log = LogId::Practice(PracticeId::of(uuid::Uuid::from_u128(1)));
        folder.keep(log, &note(1)).unwrap();
        let of = |path: &Path| std::fs::metadata(path).map(|is| (is.uid(), is.gid())).unwrap();
        assert_eq!(of(&folder.path(log)), of(&folder.0));
    }
}
