//! The commands `backup`, `restore` and `move`: what an operator says, and what they are told.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use app::backup::{self, Age, KEYRING_DAYS, Source};
use app::checkpoints::Folder;
use domain::value::Time;
use store::Store;

use crate::error::Error;
use crate::open::{self, Purpose, World};
use crate::progress::{Count, Line};
use crate::prove;
use crate::settings::Settings;

/// Writes a backup into the folder `to`, and the keys of that moment into `keyring`, while servers run.
///
/// # Errors
/// [`Error::Usage`] where there is no signing key; [`Error::Backup`].
pub async fn backup(
    settings: &Settings,
    world: &World,
    (to, keyring): (&Path, &Path),
    out: &mut dyn Write,
) -> Result<(), Error> {
    if !settings.signing_key_file.exists() {
        return Err(Error::Usage(format!(
            "there is no signing key in {}: a backup is signed; run this where the server's keys are",
            settings.signing_key_file.display()
        )));
    }
    let signer = open::signer(settings, world)?;
    let kept = &settings.checkpoint_dir;
    let failed = |source| Error::Folder { path: kept.clone(), setting: "checkpoint_dir", source };
    let outside = kept.try_exists().map_err(failed)?.then(|| Folder::open(kept)).transpose().map_err(failed)?;
    let store = open::store(settings, Purpose::Inspect).await?;
    let mut count = Count::new("rows");
    let told = &mut |done, total| count.done(done, total);
    let signers = (&signer, outside.as_ref());
    let done = backup::backup(&store, signers, (to, keyring), world.clock.now(), told).await;
    count.clear();
    store.close().await;
    let done = done?;
    let manifest = done.manifest;
    writeln!(
        out,
        "{} events of {} logs are in {} as they were at {}, verified and signed",
        manifest.events,
        manifest.logs,
        to.display(),
        at(manifest.at)
    )?;
    writeln!(out, "{} keys are in {}, which serves for {KEYRING_DAYS} days", done.keys, keyring.display())?;
    writeln!(
        out,
        "files are not in it: copy what is in {} now, or after this; sealed as they are, they need no other care",
        settings.files
    )?;
    for path in &done.pruned.expired {
        writeln!(out, "deleted {}, which had expired", path.display())?;
    }
    for path in &done.pruned.ahead {
        writeln!(
            out,
            "{} says that it was written at a time that is to come, and would not expire: unless it is this machine's clock \
             that is wrong now, delete it",
            path.display()
        )?;
    }
    Ok(())
}

/// Restores a backup into the database that the settings name, which must hold no log and be open to nobody else, and makes
/// its read models. `key` is
/// the public key of whoever signed it, instead of this server's own.
///
/// # Errors
/// [`Error::Usage`] where the root key or the public key is not here; [`Error::Backup`].
pub async fn restore(
    settings: &Settings,
    world: &World,
    source: &Source,
    keys: &prove::Keys,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let signers = prove::verifiers(settings, keys)?.ok_or_else(|| {
        Error::Usage(format!(
            "there is no signing key in {}: put it there, or say with --key who signed the backup",
            settings.signing_key_file.display()
        ))
    })?;
    let roots = Arc::new(open::held_roots(settings)?);
    let store = open::store(settings, Purpose::Fill).await?;
    let mut count = Count::new("rows");
    let told = &mut |done, total| count.done(done, total);
    let now = world.clock.now();
    let restored = backup::restore(source, (&signers, &roots), &store, now, told).await;
    count.clear();
    let restored = match restored {
        Ok(restored) => restored,
        Err(error) => {
            store.close().await;
            return Err(error.into());
        }
    };
    writeln!(
        out,
        "{} events of {} logs are restored as they were at {}, with {} keys of the keyring of {}; signed checkpoints prove {} of them",
        restored.manifest.events,
        restored.manifest.logs,
        at(restored.manifest.at),
        restored.keys,
        at(restored.keyring),
        restored.proved
    )?;
    if let Some(first) = restored.lost.first() {
        writeln!(
            out,
            "{} keys were not in it and are lost, and so is what they sealed, such as of {first}",
            restored.lost.len()
        )?;
    }
    if source.age == Age::Any {
        writeln!(out, "whoever was forgotten after both were written is here again: forget them anew")?;
    }
    let app = open::app(settings, world, store, Purpose::Inspect).await?;
    let mut line = Line::new();
    let mut folded = Ok(());
    for log in app.logs(None).await? {
        folded = app.catch_up(log, &mut line).await;
        if folded.is_err() {
            break;
        }
    }
    line.clear();
    app.stop().await;
    folded?;
    writeln!(out, "the read models are made from {} events; what came after the backup is not there", line.events())?;
    Ok(())
}

/// Moves a whole database into an empty one, which nobody else has open. Servers over the source are to be stopped before: it cannot be written
/// meanwhile, nor after. Where that was cut short, the same again finishes it.
///
/// # Errors
/// [`Error::Usage`] for addresses that are the same; [`Error::Backup`].
pub async fn move_to(
    settings: &Settings,
    world: &World,
    (from, to): (&str, &str),
    out: &mut dyn Write,
) -> Result<(), Error> {
    if from == to {
        return Err(Error::Usage("the two databases are the same".to_owned()));
    }
    // Nobody is read for here, and only PostgreSQL has roles.
    let place = |url: &str| Settings { database_url: url.to_owned(), database_reader_role: None, ..settings.clone() };
    let source = open::even_moved(&place(from), Purpose::Inspect).await?;
    // It is verified when it is written.
    let options = store::Options { snapshot_limit: open::LONG_SNAPSHOT, alone: true, ..place(to).store_options() };
    let target = Store::open(&options).await?;
    let mut count = Count::new("rows");
    let told = &mut |done, total| count.done(done, total);
    let moved = backup::move_to(&source, &target, world.clock.now(), told).await;
    count.clear();
    source.close().await;
    target.close().await;
    let moved = moved?;
    writeln!(
        out,
        "{} events of {} logs are moved and verified: every log has the same root in both",
        moved.events, moved.logs
    )?;
    writeln!(
        out,
        "serve the new one now (`database_url`); the old one takes no more changes, and may be kept or deleted"
    )?;
    Ok(())
}

/// A time as people write it.
fn at(time: Time) -> String {
    jiff::Timestamp::from_microsecond(time.0).map_or_else(|_| time.0.to_string(), |at| at.to_string())
}

/// Takes the database that the settings name into use, which a move has left out of use, since the other one of the two is
/// lost.
///
/// # Errors
/// [`Error::Backup`] where no move has left it so, and where it is not in order.
pub async fn settle(settings: &Settings, out: &mut dyn Write) -> Result<(), Error> {
    let store = open::even_moved(settings, Purpose::Inspect).await?;
    let settled = backup::settle(&store).await;
    store.close().await;
    let settled = settled?;
    writeln!(out, "{} events of {} logs are verified, and may be served again", settled.events, settled.logs)?;
    writeln!(
        out,
        "never serve the other database again, should it come back; `throughline verify` says whether something was signed \
         that is not here"
    )?;
    Ok(())
}
