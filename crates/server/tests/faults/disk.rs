//! A disk that loses its power, made from what `strace` has recorded of a program.
//!
//! The recording names every call that changes a file or syncs one, with its bytes and in its order. It is played into a
//! model of a disk that knows, of each file, what was synced and which writes wait; and of each folder which names were
//! synced. From that model an image is made of what a power loss at that moment may leave: of what was not synced nothing,
//! or everything, or any part. The model is stricter than real file systems: a new name is durable only once its *folder*
//! was synced, writes that wait are kept or lost in any order, and torn at every 512 bytes.
//!
//! What is written through a memory map is not seen. SQLite's `-shm` is, holds nothing that matters, and is left out.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::chance::Chance;

/// What a writer of a file asks of strace; some machines have not all of these calls.
pub(crate) const CALLS: &str = "trace=?open,openat,?creat,write,writev,pwrite64,pwritev,lseek,ftruncate,fallocate,\
                                fsync,fdatasync,?rename,?renameat,renameat2,?link,linkat,?unlink,unlinkat";
const SECTOR: u64 = 512;

/// One call that changed something.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Create(PathBuf),
    Write(PathBuf, u64, Vec<u8>),
    Length(PathBuf, u64),
    /// At least so long.
    Extend(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Unlink(PathBuf),
    Sync(PathBuf),
}

/// A call, and when it began, in seconds since 1970.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    pub(crate) at: f64,
    pub(crate) call: Call,
}

/// Reads a recording made with `-f -ttt -y -xx`; relative names are below `root`, and what is outside of it is left out.
pub(crate) fn read(recording: &Path, root: &Path) -> Vec<Timed> {
    let file = std::fs::File::open(recording).unwrap();
    let mut reader = Reader { root: root.to_owned(), begun: BTreeMap::new(), offsets: BTreeMap::new() };
    let lines = std::io::BufReader::new(file).lines().map(Result::unwrap);
    lines.filter_map(|line| reader.line(&line)).collect()
}

struct Reader {
    root: PathBuf,
    /// The first half of a call that another thread's came between.
    begun: BTreeMap<u32, String>,
    /// Where an open file's next plain `write` goes, by thread and number.
    offsets: BTreeMap<(u32, u32), u64>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Option<Timed> {
        let (process, rest) = line.trim_start().split_once(' ')?;
        let (at, rest) = rest.trim_start().split_once(' ')?;
        let (process, at): (u32, f64) = (process.parse().unwrap(), at.parse().unwrap());
        if rest.starts_with("+++") || rest.starts_with("---") {
            return None;
        }
        if let Some(first) = rest.strip_suffix(" <unfinished ...>") {
            self.begun.insert(process, first.to_owned());
            return None;
        }
        let whole = match rest.strip_prefix("<... ") {
            Some(resumed) => self.begun.remove(&process)? + resumed.split_once(" resumed>")?.1,
            None => rest.to_owned(),
        };
        // strace says which answers it has made up: the call did not happen
        if whole.ends_with("(INJECTED)") {
            return None;
        }
        let (call, answer) = whole.rsplit_once(" = ")?;
        let (name, arguments) = call.split_once('(')?;
        let arguments: Vec<&str> = arguments.trim_end().trim_end_matches(')').split(", ").collect();
        if answer.starts_with('-') {
            return None;
        }
        let call = self.call(process, name, &arguments, answer)?;
        Some(Timed { at, call })
    }

    fn call(&mut self, process: u32, name: &str, arguments: &[&str], answer: &str) -> Option<Call> {
        let last = || number(arguments.last().copied().unwrap_or_default());
        match name {
            "open" | "openat" | "creat" => {
                let path = self.inside(&path_of(answer)?)?;
                let flags = arguments.iter().find(|argument| argument.starts_with("O_")).copied().unwrap_or_default();
                self.offsets.insert((process, number_of(answer)), 0);
                assert!(!flags.contains("O_APPEND"), "{}: appending is not understood here", path.display());
                if flags.contains("O_TRUNC") {
                    return Some(Call::Length(path, 0));
                }
                flags.contains("O_CREAT").then_some(Call::Create(path))
            }
            "write" | "writev" => {
                let path = self.inside(&path_of(arguments[0])?)?;
                let offset = self.offsets.entry((process, number_of(arguments[0]))).or_default();
                let (at, bytes) = (*offset, texts(arguments, answer));
                *offset += bytes.len() as u64;
                Some(Call::Write(path, at, bytes))
            }
            "pwrite64" | "pwritev" => {
                Some(Call::Write(self.inside(&path_of(arguments[0])?)?, last(), texts(arguments, answer)))
            }
            "lseek" => {
                self.offsets.insert((process, number_of(arguments[0])), number(answer));
                None
            }
            "ftruncate" => Some(Call::Length(self.inside(&path_of(arguments[0])?)?, last())),
            "fallocate" => {
                Some(Call::Extend(self.inside(&path_of(arguments[0])?)?, number(arguments[2]) + number(arguments[3])))
            }
            "fsync" | "fdatasync" => Some(Call::Sync(self.inside(&path_of(arguments[0])?)?)),
            "rename" | "renameat" | "renameat2" => {
                let (from, to) = self.two(arguments)?;
                Some(Call::Rename(from, to))
            }
            "link" | "linkat" => {
                let (from, to) = self.two(arguments)?;
                Some(Call::Link(from, to))
            }
            "unlink" | "unlinkat" => Some(Call::Unlink(self.named(arguments).next()?)),
            _ => None,
        }
    }

    /// The names among a call's arguments that lie below the root.
    fn named(&self, arguments: &[&str]) -> impl Iterator<Item = PathBuf> {
        let texts = arguments.iter().filter(|argument| argument.starts_with('"'));
        texts.filter_map(|text| self.inside(&path(&bytes(text)))).collect::<Vec<_>>().into_iter()
    }

    fn two(&self, arguments: &[&str]) -> Option<(PathBuf, PathBuf)> {
        let mut named = self.named(arguments);
        Some((named.next()?, named.next()?))
    }

    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let path = self.root.join(path);
        let is_map = path.extension().is_some_and(|extension| extension.to_string_lossy().ends_with("-shm"));
        (path.starts_with(&self.root) && !is_map).then_some(path)
    }
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

/// The number of an open file, `13` of `13<\x2f…>`.
fn number_of(file: &str) -> u32 {
    file.split('<').next().unwrap_or_default().parse().unwrap()
}

/// The path of an open file, which `-y` shows behind its number.
fn path_of(file: &str) -> Option<PathBuf> {
    let (_, shown) = file.split_once('<')?;
    Some(path(&bytes(shown.split_once('>')?.0)))
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The bytes of a `"\x2f…"`.
fn bytes(text: &str) -> Vec<u8> {
    assert!(!text.ends_with("..."), "the recording was cut short: strace needs a longer -s");
    text.split("\\x").skip(1).map(|byte| u8::from_str_radix(&byte[..2], 16).unwrap()).collect()
}

/// All bytes of a call that writes, as far as they were written.
fn texts(arguments: &[&str], answer: &str) -> Vec<u8> {
    let texts = arguments.iter().filter_map(|argument| argument.split_once('"'));
    let mut all: Vec<u8> = texts.flat_map(|(_, text)| bytes(text)).collect();
    let written = usize::try_from(number(answer)).unwrap();
    assert!(all.len() >= written, "the recording was cut short: {} of {written} bytes", all.len());
    all.truncate(written);
    all
}

/// What a power loss leaves of what was not synced.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leaves {
    Nothing,
    /// A part, so many in ten.
    Some(u64),
    Everything,
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
    Extend(u64),
}

#[derive(Debug, Clone, Default)]
struct File {
    synced: Vec<u8>,
    waiting: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Naming {
    Is(PathBuf, usize),
    Moved(PathBuf, PathBuf, usize),
    Gone(PathBuf),
}

impl Naming {
    fn folder(&self) -> Option<&Path> {
        match self {
            Naming::Is(path, _) | Naming::Moved(_, path, _) | Naming::Gone(path) => path.parent(),
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Naming::Is(path, file) => drop(names.insert(path, file)),
            Naming::Moved(from, to, file) => {
                names.remove(&from);
                names.insert(to, file);
            }
            Naming::Gone(path) => drop(names.remove(&path)),
        }
    }
}

/// The disk: what is on it for good, and what is not yet.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    root: PathBuf,
    folders: Vec<PathBuf>,
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    waiting_names: Vec<Naming>,
}

impl Disk {
    /// A disk on which this folder is, as it is now, for good.
    pub(crate) fn of(root: &Path) -> Disk {
        let mut disk = Disk {
            root: root.to_owned(),
            folders: vec![root.to_owned()],
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            waiting_names: Vec::new(),
        };
        let mut next = 0;
        while let Some(folder) = disk.folders.get(next).cloned() {
            next += 1;
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let (path, kind) = (entry.path(), entry.file_type().unwrap());
                if kind.is_dir() {
                    disk.folders.push(path);
                } else if kind.is_file() && !path.to_string_lossy().ends_with("-shm") {
                    disk.names.insert(path.clone(), disk.files.len());
                    disk.files.push(File { synced: std::fs::read(path).unwrap(), waiting: Vec::new() });
                }
            }
        }
        disk.synced_names.clone_from(&disk.names);
        disk
    }

    /// Something was done to it.
    pub(crate) fn take(&mut self, call: &Call) {
        match call.clone() {
            Call::Create(path) => drop(self.named(&path)),
            Call::Write(path, at, bytes) => self.wait(&path, Change::Write(at, bytes)),
            Call::Length(path, length) => self.wait(&path, Change::Length(length)),
            Call::Extend(path, length) => self.wait(&path, Change::Extend(length)),
            Call::Rename(from, to) => {
                let file = self.named(&from);
                self.name(Naming::Moved(from, to, file));
            }
            Call::Link(from, to) => {
                let file = self.named(&from);
                self.name(Naming::Is(to, file));
            }
            Call::Unlink(path) => self.name(Naming::Gone(path)),
            Call::Sync(path) => self.sync(&path),
        }
    }

    fn name(&mut self, naming: Naming) {
        naming.clone().apply(&mut self.names);
        self.waiting_names.push(naming);
    }

    /// The file of this name, which is made where there is none.
    fn named(&mut self, path: &Path) -> usize {
        if let Some(file) = self.names.get(path) {
            return *file;
        }
        let file = self.files.len();
        self.files.push(File::default());
        self.name(Naming::Is(path.to_owned(), file));
        file
    }

    fn wait(&mut self, path: &Path, change: Change) {
        let file = self.named(path);
        self.files[file].waiting.push(change);
    }

    fn sync(&mut self, path: &Path) {
        if let Some(file) = self.names.get(path) {
            let File { synced, waiting } = &mut self.files[*file];
            waiting.drain(..).for_each(|change| apply(&change, synced));
            return;
        }
        let waiting = std::mem::take(&mut self.waiting_names);
        for naming in waiting {
            if naming.folder() == Some(path) {
                naming.apply(&mut self.synced_names);
            } else {
                self.waiting_names.push(naming);
            }
        }
    }

    /// Writes into `folder` what a power loss at this moment leaves.
    pub(crate) fn lose_power(&self, leaves: Leaves, chance: &mut Chance, folder: &Path) -> std::io::Result<()> {
        let place = |path: &Path| folder.join(path.strip_prefix(&self.root).unwrap_or(path));
        for path in &self.folders {
            std::fs::create_dir_all(place(path))?;
        }
        let mut names = self.synced_names.clone();
        let kept = match leaves {
            Leaves::Nothing => 0,
            // a file system's journal keeps names in their order
            Leaves::Some(_) => chance.below(self.waiting_names.len() as u64 + 1),
            Leaves::Everything => self.waiting_names.len() as u64,
        };
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        self.waiting_names.iter().take(kept).cloned().for_each(|naming| naming.apply(&mut names));
        for (path, file) in names {
            let File { synced, waiting } = &self.files[file];
            let mut content = synced.clone();
            for change in waiting {
                match (leaves, change) {
                    (Leaves::Nothing, _) => {}
                    (Leaves::Everything, change) => apply(change, &mut content),
                    (Leaves::Some(tenths), Change::Write(at, bytes)) => {
                        for (at, sector) in sectors(*at, bytes).filter(|_| chance.below(10) < tenths) {
                            write(at, sector, &mut content);
                        }
                    }
                    (Leaves::Some(tenths), change) if chance.below(10) < tenths => apply(change, &mut content),
                    (Leaves::Some(_), _) => {}
                }
            }
            let mut private = std::fs::File::options();
            private.write(true).create(true).truncate(true).mode(0o600);
            private.open(place(&path))?.write_all(&content)?;
        }
        Ok(())
    }
}

fn apply(change: &Change, content: &mut Vec<u8>) {
    match change {
        Change::Write(at, bytes) => write(*at, bytes, content),
        Change::Length(length) => content.resize(usize::try_from(*length).unwrap(), 0),
        Change::Extend(length) => content.resize(content.len().max(usize::try_from(*length).unwrap()), 0),
    }
}

fn write(at: u64, bytes: &[u8], content: &mut Vec<u8>) {
    let at = usize::try_from(at).unwrap();
    content.resize(content.len().max(at + bytes.len()), 0);
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A write, cut where the disk's sectors begin.
fn sectors(at: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let (mut at, mut rest) = (at, bytes);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = usize::try_from(SECTOR - at % SECTOR).unwrap().min(rest.len());
        let (sector, further) = rest.split_at(length);
        let begin = at;
        (at, rest) = (at + length as u64, further);
        Some((begin, sector))
    })
}

/// The disk keeps what was synced, and of the rest what it is told to.
#[test]
fn the_disk_keeps_what_was_synced() {
    let (folder, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = folder.path().join("log");
    std::fs::write(&log, b"begin").unwrap();
    let mut disk = Disk::of(folder.path());
    let new = folder.path().join("new");
    disk.take(&Call::Write(log.clone(), 5, b" synced".to_vec()));
    disk.take(&Call::Sync(log.clone()));
    disk.take(&Call::Write(log, 12, b" lost".to_vec()));
    disk.take(&Call::Write(new.clone(), 0, b"no name".to_vec()));
    disk.take(&Call::Sync(new));
    let mut chance = Chance::new("disk");
    let content = |name: &str| std::fs::read_to_string(image.path().join(name));
    disk.lose_power(Leaves::Nothing, &mut chance, image.path()).unwrap();
    assert_eq!(content("log").unwrap(), "begin synced");
    content("new").expect_err("its folder was not synced");
    disk.lose_power(Leaves::Everything, &mut chance, image.path()).unwrap();
    assert_eq!((content("log").unwrap(), content("new").unwrap()), ("begin synced lost".into(), "no name".into()));
    disk.take(&Call::Sync(folder.path().to_owned()));
    disk.lose_power(Leaves::Nothing, &mut chance, image.path()).unwrap();
    assert_eq!(content("new").unwrap(), "no name");
}
