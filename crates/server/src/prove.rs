//! The commands that hold what is stored against what it should be: `replay`, `replay --check` and `verify`; and
//! `verify --proof`, which needs nothing but what somebody downloaded.

use std::io::Write;
use std::path::{Path, PathBuf};

use app::App;
use app::files::looked::{Looked, look};
use app::lost::take_for_lost;
use app::proof::Held;
use app::verify::verify as verify_log;
use domain::id::LogId;
use store::Store;
use store::checkpoint::{Signer, Verifier, Verifiers};
use vault::SigningSeed;

use crate::error::Error;
use crate::files::{self, Place};
use crate::progress::Line;
use crate::settings::Settings;

/// Of how many a key that is missing is named.
const NAMED_MAX: usize = 20;

/// What becomes of texts whose key is gone, though nobody has erased them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unkeyed {
    /// Their log stays as it is.
    Kept,
    /// The key is lost: they are passed over, and that is written down.
    Lost,
}

/// Makes the read models of every log, or the one named, anew.
pub async fn rebuild(app: &App, only: Option<LogId>, unkeyed: Unkeyed, out: &mut dyn Write) -> Result<bool, Error> {
    is_there(app.store(), only).await?;
    if unkeyed == Unkeyed::Lost {
        let mut line = Line::new();
        let done = take_for_lost(app.store(), only, &mut line).await;
        line.clear();
        let lost = done?;
        writeln!(out, "{} keys are taken for lost", lost.len())?;
        for unkeyed in lost {
            writeln!(out, "lost: the key of {unkeyed}")?;
        }
    }
    let mut line = Line::new();
    let done = app.rebuild(only, &mut line).await;
    line.clear();
    done?;
    writeln!(out, "rebuilt from {} events", line.events())?;
    Ok(true)
}

/// Checks that the read models are what the log says. Whether they are.
pub async fn check(app: &App, only: Option<LogId>, out: &mut dyn Write) -> Result<bool, Error> {
    let mut line = Line::new();
    let done = app.check(only, &mut line).await;
    line.clear();
    let checked = done?;
    if let Some(difference) = checked.difference {
        writeln!(out, "not what the log says: {difference}")?;
        writeln!(
            out,
            "first `throughline verify`, which says whether the log and the table of whom it has forgotten are in order; then \
             `throughline replay` makes the read models anew from them, and the log itself is not touched"
        )?;
        return Ok(false);
    }
    writeln!(out, "{} rows are what the {} events of {} logs say", checked.rows, checked.events, checked.logs)?;
    Ok(true)
}

/// The public keys that the reader holds; where there are none, this server's own counts. After a signing key was replaced
/// there are several.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Keys {
    /// The public key of who signed, instead of this server's own; may be given again
    #[arg(long, value_name = "NAME+HASH+KEY")]
    pub key: Vec<String>,
    /// A file of such keys, one a line; may be given again
    #[arg(long, value_name = "FILE")]
    pub keys: Vec<PathBuf>,
}

impl Keys {
    /// Reads them; nothing where none were given.
    ///
    /// # Errors
    /// [`Error::Usage`] for a file that cannot be read or has something else in it; a text that is no key.
    pub fn read(&self) -> Result<Option<Verifiers>, Error> {
        let mut verifiers = Verifiers::default();
        for key in &self.key {
            verifiers.add(Verifier::parse(key)?);
        }
        for file in &self.keys {
            let wrong = |(line, why)| Error::Usage(format!("{}, line {line}: {why}", file.display()));
            verifiers.add_lines(&text(file)?).map_err(wrong)?;
        }
        if verifiers.is_empty() && !self.keys.is_empty() {
            return Err(Error::Usage("there is no public key in the files of --keys".to_owned()));
        }
        Ok(Some(verifiers).filter(|verifiers| !verifiers.is_empty()))
    }
}

/// With what something is verified, beside what the settings say.
#[derive(Debug, Default)]
pub struct With {
    /// The public keys of who signed.
    pub keys: Keys,
    /// Files of signed notes that the reader got elsewhere.
    pub checkpoints: Vec<PathBuf>,
}

/// Verifies the log against the checkpoints of the database, of the checkpoints' folder and of the reader. Whether all is
/// in order.
pub async fn verify(
    settings: &Settings,
    store: &Store,
    only: Option<LogId>,
    with: &With,
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let keys = verifiers(settings, &with.keys)?;
    let mut trusted = notes(&settings.checkpoint_dir)?;
    trusted.extend(given(&with.checkpoints)?);
    if keys.is_none() && !trusted.is_empty() {
        return Err(Error::Usage(format!(
            "there are checkpoints in {}, and no key to check them with: name it with --key, or the signing key's file with `signing_key_file`",
            settings.checkpoint_dir.display()
        )));
    }
    let mut line = Line::new();
    let done = verify_log(store, only, keys.as_ref(), &trusted, &mut line).await;
    line.clear();
    let verified = done?;
    if let Some(finding) = verified.finding {
        writeln!(out, "not in order: {finding}")?;
        return Ok(false);
    }
    writeln!(
        out,
        "{} events of {} logs are in order; {} of them are proved by signed checkpoints ({} compared)",
        verified.events, verified.logs, verified.proved, verified.checkpoints
    )?;
    if verified.forgotten_unsaid > 0 {
        writeln!(
            out,
            "{} are forgotten without an event that says so: that is right where a backup was restored with a newer keyring",
            verified.forgotten_unsaid
        )?;
    }
    if verified.lost > 0 {
        writeln!(out, "{} keys are missing that are known to be lost, and so is what they sealed", verified.lost)?;
    }
    if !have_keys(&verified.unkeyed, out)? || !look_for_files(settings, store, only, out).await? {
        return Ok(false);
    }
    for signer in &verified.signers {
        let between = signer.between.and_then(|(from, to)| Some((at(from)?, at(to)?)));
        let when = between.map_or_else(String::new, |(from, to)| format!(", from {from} to {to}"));
        writeln!(out, "signed by {}: {} of the checkpoints{when}", signer.by, signer.checkpoints)?;
    }
    Ok(true)
}

/// Whether no key is missing: of these one is.
fn have_keys(unkeyed: &[app::lost::Unkeyed], out: &mut dyn Write) -> Result<bool, Error> {
    if unkeyed.is_empty() {
        return Ok(true);
    }
    writeln!(out, "not in order: {} keys are missing, and nothing says that their texts were erased", unkeyed.len())?;
    for unkeyed in unkeyed.iter().take(NAMED_MAX) {
        writeln!(out, "missing: the key of {unkeyed}")?;
    }
    writeln!(
        out,
        "keep the database as it is, and every keyring: restore a backup with one that has them; where none has any more, \
         `throughline replay --lost-keys` goes on without what they sealed"
    )?;
    Ok(false)
}

/// Whether every file that the logs know has its object, as long as it was written. Where the files' place is not here, as
/// for whoever verifies a copy of the database, that is said and no more.
async fn look_for_files(
    settings: &Settings,
    store: &Store,
    only: Option<LogId>,
    out: &mut dyn Write,
) -> Result<bool, Error> {
    if let Some(folder) = Place::of(&settings.files).folder()
        && matches!(folder.try_exists(), Ok(false))
    {
        writeln!(out, "files were not looked for: there is no {}", folder.display())?;
        return Ok(true);
    }
    let objects = files::named(settings)?;
    let looked = look(store, &objects, only).await?;
    let Looked { files, missing, otherwise, first } = looked;
    let Some(first) = first else {
        writeln!(out, "{files} files are in their place, each as long as it was written")?;
        return Ok(true);
    };
    writeln!(
        out,
        "not in order: of {files} files {missing} are missing and {otherwise} have another length in {}; the first is {first}",
        objects.shelf()
    )?;
    Ok(false)
}

/// A time as people write it, to the second.
fn at(micros: i64) -> Option<String> {
    jiff::Timestamp::from_microsecond(micros).ok().map(|at| format!("{at:.0}"))
}

/// Verifies proofs that somebody downloaded, without a database. `keys` are those of who signed. Whether all is in order.
///
/// # Errors
/// [`Error::Usage`] where a file cannot be read or holds no proof.
pub fn verify_proofs(
    file: &Path,
    keys: &Verifiers,
    checkpoints: &[PathBuf],
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let held = Held::read(&text(file)?).map_err(|why| Error::Usage(format!("{}: {why}", file.display())))?;
    match app::proof::verify(&held, keys, &given(checkpoints)?) {
        Ok(proved) => {
            for proved in proved {
                writeln!(out, "in order: {proved}")?;
            }
            Ok(true)
        }
        Err(why) => {
            writeln!(out, "not in order: {why}")?;
            Ok(false)
        }
    }
}

/// The signed notes of the reader's files, each of which has some.
fn given(files: &[PathBuf]) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    for file in files {
        let found = app::checkpoints::notes(&text(file)?);
        if found.is_empty() {
            return Err(Error::Usage(format!("{}: there is no checkpoint of this program in it", file.display())));
        }
        notes.extend(found);
    }
    Ok(notes)
}

fn text(file: &Path) -> Result<String, Error> {
    std::fs::read_to_string(file).map_err(|error| Error::Usage(format!("{}: {error}", file.display())))
}

/// This server's own public key, where none was given.
///
/// # Errors
/// [`Error::Usage`] where it has none either.
pub fn own_key(settings: &Settings) -> Result<Verifiers, Error> {
    verifiers(settings, &Keys::default())?.ok_or_else(|| {
        Error::Usage("a proof is verified with the public key of who signed: name it with --key".to_owned())
    })
}

/// Who signs: the keys given, or this server's own if its file is here.
pub(crate) fn verifiers(settings: &Settings, given: &Keys) -> Result<Option<Verifiers>, Error> {
    if let Some(given) = given.read()? {
        return Ok(Some(given));
    }
    // One that cannot be looked for is said so by whoever reads it.
    if matches!(settings.signing_key_file.try_exists(), Ok(false)) {
        return Ok(None);
    }
    let (seed, _) = SigningSeed::load_or_create(&settings.signing_key_file, &vault::Os)?;
    Ok(Some(Signer::parse(&settings.signer_name, seed.expose())?.verifier().clone().into()))
}

/// The signed notes of every file in the checkpoints' folder. Where it is there and cannot be read that is an error: what was
/// verified without them would look as if it were with them.
fn notes(folder: &Path) -> Result<Vec<String>, Error> {
    let failed = |path: &Path, error: std::io::Error| {
        Error::Usage(format!("{} cannot be read: {error}; run this as the server's user", path.display()))
    };
    if !folder.try_exists().map_err(|error| failed(folder, error))? {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).map_err(|error| failed(folder, error))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(folder, error))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "notes"));
    files.sort();
    let mut notes = Vec::new();
    for file in files {
        let content = std::fs::read(&file).map_err(|error| failed(&file, error))?;
        notes.extend(app::checkpoints::notes(&String::from_utf8_lossy(&content)));
    }
    Ok(notes)
}

/// A log that is asked for by name is there.
pub(crate) async fn is_there(store: &Store, only: Option<LogId>) -> Result<(), Error> {
    let Some(log) = only else { return Ok(()) };
    let mut snapshot = store.snapshot().await?;
    let head = snapshot.head(log.uuid().into_bytes()).await?;
    snapshot.close().await?;
    head.map(drop).ok_or_else(|| Error::Usage(format!("there is no {log} in this database")))
}
