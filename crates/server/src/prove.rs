//! The commands that hold what is stored against what it should be: `replay`, `replay --check` and `verify`.

use std::io::Write;
use std::path::Path;

use app::App;
use app::verify::verify as verify_log;
use domain::id::LogId;
use store::Store;
use store::checkpoint::{Signer, Verifier};
use vault::SigningSeed;

use crate::error::Error;
use crate::progress::Line;
use crate::settings::Settings;

/// Makes the read models of every log, or the one named, anew.
pub async fn rebuild(app: &App, only: Option<LogId>, out: &mut dyn Write) -> Result<bool, Error> {
    is_there(app.store(), only).await?;
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
        writeln!(out, "`throughline replay` makes the read models anew; the log itself is not touched")?;
        return Ok(false);
    }
    writeln!(out, "{} rows are what the {} events of {} logs say", checked.rows, checked.events, checked.logs)?;
    Ok(true)
}

/// Verifies the log against the checkpoints of the database and of the checkpoints' folder. Whether all is in order.
pub async fn verify(
    settings: &Settings,
    store: &Store,
    only: Option<LogId>,
    key: Option<&str>,
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let key = verifier(settings, key)?;
    let trusted = notes(&settings.checkpoint_dir)?;
    if key.is_none() && !trusted.is_empty() {
        return Err(Error::Usage(format!(
            "there are checkpoints in {}, and no key to check them with: name it with --key, or the signing key's file with `signing_key_file`",
            settings.checkpoint_dir.display()
        )));
    }
    let mut line = Line::new();
    let done = verify_log(store, only, key.as_ref(), &trusted, &mut line).await;
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
    Ok(true)
}

/// Who signs: the key named, or this server's own if its file is here.
fn verifier(settings: &Settings, key: Option<&str>) -> Result<Option<Verifier>, Error> {
    if let Some(key) = key {
        return Ok(Some(Verifier::parse(key)?));
    }
    if !settings.signing_key_file.exists() {
        return Ok(None);
    }
    let (seed, _) = SigningSeed::load_or_create(&settings.signing_key_file, &vault::Os)?;
    Ok(Some(Signer::parse(&settings.signer_name, seed.expose())?.verifier().clone()))
}

/// The signed notes of every file in the checkpoints' folder.
fn notes(folder: &Path) -> Result<Vec<String>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "notes"));
    files.sort();
    let mut notes = Vec::new();
    for file in files {
        notes.extend(app::checkpoints::notes(&String::from_utf8_lossy(&std::fs::read(file)?)));
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
