//! `throughline keys rotate`: a new root key, while servers run.
//!
//! Two files hold root keys: that of `root_key_file`, and beside it, while one replaces the other, `….new`. The database
//! says which of them wraps new keys, so it does not matter which process has read which file when, and a rotation that
//! was cut short anywhere goes on where it was when the command is given again:
//!
//! | the new file | the database names | what is done |
//! | --- | --- | --- |
//! | is not there | the old key | a new key is made in it (or taken from `--new-root`) |
//! | is there | the old key | the database is made to name the new key |
//! | is there | the new key | keys are wrapped anew, until none is left; then the old file is put aside and the new one in its place |
//!
//! Where the new file holds the key that is in use already and nothing is left to do, it was forgotten there: then nothing is
//! replaced, and that is an error, so that nobody takes a key for replaced that is not.

use std::io::Write;
use std::path::{Path, PathBuf};

use app::rotate::rotate;
use store::Store;
use vault::{RootId, RootKey};

use crate::error::Error;
use crate::open::{self, Purpose, World};
use crate::progress::Count;
use crate::settings::Settings;

/// Replaces the root key: by the one in `new`, else by one that is made.
///
/// # Errors
/// [`Error::Usage`] where there is nothing to rotate, nothing to rotate to, or what was new is in use already; keys and files
/// that cannot be used; what the database cannot do. Whatever it was, the command may be given again.
pub async fn run(settings: &Settings, world: &World, new: Option<&Path>, out: &mut dyn Write) -> Result<(), Error> {
    let store = open::store(settings, Purpose::Inspect).await?;
    let done = replace(settings, world, &store, new, out).await;
    store.close().await;
    done
}

async fn replace(
    settings: &Settings,
    world: &World,
    store: &Store,
    new: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let named = named(store).await?;
    let file = open::new_root_key_file(settings);
    let roots = open::roots(settings, world, store).await?;
    let to = new_root(new, &file, &named, world, out)?;
    let is_used_already = given_or_in_its_file(settings)?.is_some_and(|root| root.id() == to.id());
    // Those that run look for it as soon as something names it.
    roots.get(to.id())?;
    let mut count = Count::new("keys");
    let done = rotate(store, &roots, &to, &*world.entropy, &mut |done, total| count.done(done, total)).await;
    count.clear();
    let done = done?;
    if done == 0 && is_used_already {
        return Err(Error::Usage(format!(
            "nothing was replaced: {} holds the root key that is in use already, and was left there when that one was new. \
             Remove it, and give the command again",
            file.display()
        )));
    }
    writeln!(out, "{done} keys are wrapped with the new root key, and none with another")?;
    put_in_place(settings, &to, &file, out)
}

/// The id of the root key that the database names.
async fn named(store: &Store) -> Result<RootId, Error> {
    let mut snapshot = store.snapshot().await?;
    let named = snapshot.meta(app::keys::ROOT).await?;
    snapshot.close().await?;
    named.and_then(|id| RootId::try_from(id).ok()).ok_or_else(|| {
        Error::Usage("the database has no root key yet: `throughline serve` begins it with one".to_owned())
    })
}

/// The root key that the environment holds, or else the file of `root_key_file`.
fn given_or_in_its_file(settings: &Settings) -> Result<Option<RootKey>, Error> {
    match &settings.root_key {
        Some(hex) => Ok(Some(RootKey::parse(hex)?)),
        None => Ok(RootKey::load(&settings.root_key_file)?),
    }
}

/// The root key to come: in its file, or made there.
fn new_root(
    given: Option<&Path>,
    file: &Path,
    named: &RootId,
    world: &World,
    out: &mut dyn Write,
) -> Result<RootKey, Error> {
    if let Some(given) = given {
        let root = RootKey::load(given)?;
        let root = root.ok_or_else(|| Error::Usage(format!("there is no key in {}", given.display())))?;
        if root.id() == named && RootKey::load(file)?.is_none_or(|found| found.id() != named) {
            return Err(Error::Usage(format!(
                "{} holds the root key that the database has already: name a new one, or none to have it made",
                given.display()
            )));
        }
        root.save(file, &*world.entropy)?;
        return Ok(root);
    }
    let (root, origin) = RootKey::load_or_create(file, &*world.entropy)?;
    if origin == vault::Origin::Created {
        writeln!(out, "a new root key was made in {}: back it up now, apart from the database", file.display())?;
    }
    Ok(root)
}

/// Puts the old key's file aside and the new one in its place. Where a crash comes in between, the next start finds the
/// new one under its own name.
fn put_in_place(settings: &Settings, to: &RootKey, file: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let path = &settings.root_key_file;
    if settings.root_key.is_some() {
        writeln!(
            out,
            "now set THROUGHLINE_ROOT_KEY to the key in {} everywhere, and remove the file when every server has started with it",
            file.display()
        )?;
        return Ok(());
    }
    let failed = |source| Error::Folder { path: path.clone(), setting: "root_key_file", source };
    if let Some(old) = RootKey::load(path)?
        && old.id() != to.id()
    {
        let aside = aside(path, old.id());
        std::fs::rename(path, &aside).map_err(failed)?;
        writeln!(
            out,
            "the old root key is in {}: older backups need it; destroy it when the last of their keyrings has expired",
            aside.display()
        )?;
    }
    std::fs::rename(file, path).map_err(failed)?;
    writeln!(out, "the root key is in {}; on every other server, move `….new` to its place likewise", path.display())?;
    Ok(())
}

/// Where an old key is put: beside it, by the beginning of its id.
fn aside(path: &Path, id: &RootId) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:02x}{:02x}{:02x}{:02x}.old", id[0], id[1], id[2], id[3]));
    PathBuf::from(name)
}
