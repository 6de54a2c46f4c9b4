//! Whose the checkpoints are, and whether the database has the logs that they are of.

use domain::id::LogId;
use store::Snapshot;
use store::checkpoint;

use super::Finding;
use crate::error::Error;
use crate::open;
use crate::prove::{self, Keys};
use crate::settings::Settings;

/// How many logs are looked up at once.
const LOGS_AT_ONCE: usize = 1_000;

/// The logs of which the checkpoints' folder has notes. One that cannot be read was said so.
fn noted(settings: &Settings) -> Vec<LogId> {
    app::checkpoints::noted(&settings.checkpoint_dir).unwrap_or_default()
}

/// What it means that there is no database: nothing, unless logs were signed.
pub(super) fn no_database(settings: &Settings) -> Finding {
    match noted(settings).len() {
        0 => Finding::fine("database", "there is none yet; `throughline serve` or `throughline migrate` makes it"),
        logs => {
            let place = open::file(settings).map_or_else(String::new, |file| format!(" at {}", file.display()));
            Finding::problem(
                "database",
                format!(
                    "there is none{place}, and the checkpoints' folder has notes of {logs} logs: name the right one (`database_url`), or restore it; a start would begin an empty one"
                ),
            )
        }
    }
}

/// Whether the database has every log of which the checkpoints' folder has notes. No log is ever deleted.
pub(super) async fn known(snapshot: &mut Snapshot, settings: &Settings) -> Result<Option<Finding>, Error> {
    let (what, noted) = ("logs that were signed", noted(settings));
    let mut missing: Vec<&LogId> = Vec::new();
    for logs in noted.chunks(LOGS_AT_ONCE) {
        let ids: Vec<store::Id> = logs.iter().map(|log| log.uuid().into_bytes()).collect();
        let heads = snapshot.heads_of(&ids).await?;
        missing.extend(logs.iter().filter(|log| heads.iter().all(|head| head.log != log.uuid().into_bytes())));
    }
    let Some(first) = missing.first() else {
        let said = format!("the database has all {} that the checkpoints' folder has notes of", noted.len());
        return Ok((!noted.is_empty()).then(|| Finding::fine(what, said)));
    };
    Ok(Some(Finding::problem(
        what,
        format!(
            "the checkpoints' folder has notes of {}, and {} of them are not in this database, such as {first}: name the right one (`database_url`), or restore it",
            noted.len(),
            missing.len()
        ),
    )))
}

/// Whether whoever signed last is this server: a key that was lost or mistaken, or another name, is noticed by nobody else.
pub(super) async fn signer(snapshot: &mut Snapshot, settings: &Settings) -> Result<Option<Finding>, Error> {
    let newest = super::text(snapshot, "select note from checkpoints order by at desc, seq desc limit 1").await?;
    // A key that cannot be read was said so.
    let Ok(own) = prove::verifiers(settings, &Keys::default()) else { return Ok(None) };
    if newest.is_empty() {
        return Ok(None);
    }
    let what = "who signs";
    Ok(Some(match own.unwrap_or_default().verify(&newest) {
        Ok(_) => Finding::fine(what, "the newest checkpoint is signed by this server's key"),
        Err(checkpoint::Error::UnknownKey(by)) => Finding::hint(
            what,
            format!(
                "the newest checkpoint is signed by {by}, which is not this server's key and name (`signing_key_file`, `signer_name`): bring them back, or, where they were replaced, keep the old public key and give reviewers the new one"
            ),
        ),
        Err(error) => Finding::problem(what, format!("the newest checkpoint: {error}; run `throughline verify`")),
    }))
}
