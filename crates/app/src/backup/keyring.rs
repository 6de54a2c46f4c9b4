//! The keyring: the wrapped keys of a database at a moment, in a file of their own.
//!
//! A backup without it is bytes that nobody can read. So that whoever was forgotten since becomes unreadable in older
//! backups too, keyrings are short-lived: [`prune`] deletes those of more than [`DAYS`] days when a newer one is written,
//! and one that is older is refused. A keyring goes with any backup that is older than itself: the newest one knows
//! best who was forgotten. What a kill has left of one that had no name yet goes as they do.
//!
//! ```text
//! root <id>                                             the root key that wraps new keys
//! lasting <wrapped>                                     the lasting key
//! key <log> <subject> <owner|-> <generation> <root> <wrapped> <commitment> <at> <since>
//! forgotten <log> <subject> <seq> <at>                  whom a log has forgotten
//! throughline keyring 1                                 what is signed begins here
//! at 1795301731091863
//! lines 7
//! sha256 Ws8…                                           of all lines before what is signed
//!
//! — throughline Az3…
//! ```
//!
//! Bytes are base64. Nothing in it opens without the root key.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::value::Time;
use sha2::{Digest as _, Sha256};
use store::checkpoint::{Signer, Verifiers};
use store::{Forgotten, Id, Key};
use vault::RootId;

use super::{Error, file};

/// How long a keyring serves, in days.
pub const DAYS: i64 = 30;
/// By how many days clocks may differ: one that was written later than that from now was written by a clock that was wrong,
/// or is read by one that is.
const DAYS_AHEAD: i64 = 1;
/// The first line of what is signed.
const HEAD: &str = "throughline keyring 1";
/// How the names of keyrings end.
const EXTENSION: &str = "keyring";

/// A keyring, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    /// When it was written.
    pub at: Time,
    /// The root key that wraps new keys.
    pub root: RootId,
    /// The lasting key, wrapped with it.
    pub lasting: Vec<u8>,
    /// The data keys.
    pub keys: Vec<Key>,
    /// Whom the logs have forgotten: a backup that is older does not know of them.
    pub forgotten: Vec<Forgotten>,
}

impl Keyring {
    /// Its file's whole content.
    pub(crate) fn write(&self, signer: &Signer) -> Result<String, Error> {
        let mut body = format!("root {}\nlasting {}\n", BASE64.encode(self.root), BASE64.encode(&self.lasting));
        for key in &self.keys {
            let owner = key.owner.map_or_else(|| "-".to_owned(), |owner| BASE64.encode(owner));
            let line = [
                "key".to_owned(),
                BASE64.encode(key.log),
                BASE64.encode(key.subject),
                owner,
                key.generation.to_string(),
                BASE64.encode(key.root),
                BASE64.encode(&key.wrapped),
                BASE64.encode(key.commitment),
                key.at.to_string(),
                key.since.to_string(),
            ];
            body.push_str(&line.join(" "));
            body.push('\n');
        }
        for Forgotten { log, subject, seq, at } in &self.forgotten {
            let (log, subject) = (BASE64.encode(log), BASE64.encode(subject));
            body.push_str(&["forgotten", &log, &subject, &seq.to_string(), &at.to_string()].join(" "));
            body.push('\n');
        }
        let (lines, hash) = (self.keys.len() + self.forgotten.len() + 2, BASE64.encode(Sha256::digest(&body)));
        let said = format!("{HEAD}\nat {}\nlines {lines}\nsha256 {hash}\n", self.at.0);
        Ok(body + &signer.sign_statement(&said).map_err(Error::signing)?)
    }

    /// Reads a file's content, which one of these keys must have signed.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the line that is wrong.
    pub fn read(path: &Path, keys: &Verifiers) -> Result<Keyring, Error> {
        let text = String::from_utf8(file::read(path)?)
            .map_err(|error| damaged(path, format!("byte {} is no text", error.utf8_error().valid_up_to())))?;
        let start = text.rfind(&format!("\n{HEAD}\n")).map(|at| at + 1);
        let Some((body, note)) = start.and_then(|at| text.split_at_checked(at)) else {
            return Err(damaged(path, format!("it ends after line {} without a signature", text.lines().count())));
        };
        let said = keys.verify_statement(note).map_err(|error| damaged(path, error.to_string()))?;
        let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let at = field("at").and_then(|at| at.parse().ok()).ok_or_else(|| damaged(path, "it has no time"))?;
        let keyring = parse(path, body, Time(at));
        if field("sha256") != Some(BASE64.encode(Sha256::digest(body)).as_str()) {
            // The line that cannot be read, if there is one, says more.
            keyring?;
            return Err(damaged(path, format!("one of its {} lines is not what was written", body.lines().count())));
        }
        keyring
    }

    /// Whether it is too old to be used.
    pub fn has_expired(&self, now: Time) -> bool {
        has_expired(self.at, now)
    }

    /// Whether it is of a time that is to come: then nothing says how old it is, and it would serve for too long.
    pub fn is_ahead(&self, now: Time) -> bool {
        is_ahead(self.at, now)
    }
}

fn has_expired(at: Time, now: Time) -> bool {
    at.plus_days(DAYS) < now
}

fn is_ahead(at: Time, now: Time) -> bool {
    now.plus_days(DAYS_AHEAD) < at
}

fn damaged(path: &Path, what: impl Into<String>) -> Error {
    Error::Damaged { path: path.to_owned(), what: what.into() }
}

fn parse(path: &Path, body: &str, at: Time) -> Result<Keyring, Error> {
    let (mut root, mut lasting, mut keys, mut forgotten) = (None, None, Vec::new(), Vec::new());
    for (number, line) in (1..).zip(body.lines()) {
        let words: Vec<&str> = line.split(' ').collect();
        let known = match words.as_slice() {
            ["root", id] => bytes(id).map(|id| root = Some(id)),
            ["lasting", wrapped] => BASE64.decode(wrapped).ok().map(|wrapped| lasting = Some(wrapped)),
            ["forgotten", rest @ ..] => forgot(rest).map(|it| forgotten.push(it)),
            ["key", rest @ ..] => key(rest).map(|key| keys.push(key)),
            _ => None,
        };
        known.ok_or_else(|| damaged(path, format!("line {number} is not what was written")))?;
    }
    let missing = |what: &str| damaged(path, format!("its {what} is missing"));
    Ok(Keyring {
        at,
        root: root.ok_or_else(|| missing("root"))?,
        lasting: lasting.ok_or_else(|| missing("lasting key"))?,
        keys,
        forgotten,
    })
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

fn forgot(words: &[&str]) -> Option<Forgotten> {
    let [log, subject, seq, at] = words else { return None };
    Some(Forgotten { log: bytes(log)?, subject: bytes(subject)?, seq: seq.parse().ok()?, at: at.parse().ok()? })
}

fn key(words: &[&str]) -> Option<Key> {
    let [log, subject, owner, generation, root, wrapped, commitment, at, since] = words else { return None };
    let owner: Option<Id> = if *owner == "-" { None } else { Some(bytes(owner)?) };
    Some(Key {
        log: bytes(log)?,
        subject: bytes(subject)?,
        owner,
        generation: generation.parse().ok()?,
        root: bytes(root)?,
        wrapped: BASE64.decode(wrapped).ok()?,
        commitment: bytes(commitment)?,
        at: at.parse().ok()?,
        since: since.parse().ok()?,
    })
}

/// The keyrings beside a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Those that had expired and were deleted.
    pub expired: Vec<PathBuf>,
    /// Those of a time that is to come. They stay: perhaps it is this machine's clock that is wrong.
    pub ahead: Vec<PathBuf>,
}

/// Deletes the keyrings beside this one that have expired: those that these keys signed, and what was left of those whose
/// writing was cut short.
///
/// # Errors
/// What the operating system says of the folder or a file.
pub(crate) fn prune(kept: &Path, keys: &Verifiers, now: Time) -> Result<Pruned, Error> {
    let folder = file::folder_of(kept);
    let mut pruned = Pruned::default();
    for entry in std::fs::read_dir(folder).map_err(|error| Error::file("list", folder, error))? {
        let path = entry.map_err(|error| Error::file("list", folder, error))?.path();
        let written = match file::of_draft(&path) {
            Some(whole) if is_named_well(&whole) => modified(&path),
            // What is no keyring of this installation is not ours to delete.
            None if path != kept && is_named_well(&path) => Keyring::read(&path, keys).ok().map(|keyring| keyring.at),
            Some(_) | None => None,
        };
        let Some(at) = written else { continue };
        if has_expired(at, now) {
            std::fs::remove_file(&path).map_err(|error| Error::file("delete", &path, error))?;
            pruned.expired.push(path);
        } else if is_ahead(at, now) {
            pruned.ahead.push(path);
        }
    }
    pruned.expired.sort();
    pruned.ahead.sort();
    Ok(pruned)
}

/// When a draft was written. It may be cut anywhere, so nothing that is signed says so. One that is gone was given its name,
/// or removed.
fn modified(draft: &Path) -> Option<Time> {
    let written = std::fs::metadata(draft).and_then(|draft| draft.modified()).ok()?;
    let micros = written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Some(Time(i64::try_from(micros).unwrap_or(i64::MAX)))
}

/// Whether a keyring may be written here: it has a name by which it is found when it has expired.
pub(crate) fn is_named_well(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}
