//! Opening what the settings name: folders, keys, the database, the app.
//!
//! A new root key is made only for an empty database, and a database names the root key that it is written with. So a lost or mistaken key file is found at the start, before anything is written that the right key
//! could not read.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use app::{App, Clock};
use store::Store;
use store::checkpoint::Signer;
use vault::{Entropy, Origin, RootKey, Roots, SigningSeed};

use crate::error::Error;
use crate::files;
use crate::settings::Settings;

/// How long a command that reads whole logs may keep its snapshot open.
pub(crate) const LONG_SNAPSHOT: Duration = Duration::from_hours(24);

/// Where time and randomness come from.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    /// The machine's clock and the operating system's randomness.
    pub fn machine() -> Self {
        Self { clock: Arc::new(app::clock::Machine), entropy: Arc::new(vault::Os) }
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// What the database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve: it is made where there is none, and so are keys.
    Serve,
    /// To be filled, alone: it is made where there is none.
    Fill,
    /// To look at what is there, whole logs of it.
    Inspect,
}

/// Opens the database, and brings its schema up to date.
///
/// # Errors
/// What [`Store::open`] refuses: a database that does not answer, is too old, or was migrated by a newer program; and
/// [`Error::Usage`] where there is nothing to inspect, and where a move has left it or has not finished arriving.
pub async fn store(settings: &Settings, purpose: Purpose) -> Result<Store, Error> {
    let store = even_moved(settings, purpose).await?;
    let mut snapshot = store.snapshot().await?;
    let (moved, arriving) = (snapshot.meta(app::backup::MOVED).await?, snapshot.meta(app::backup::ARRIVING).await?);
    snapshot.close().await?;
    let why = if moved.is_some() {
        "this database was moved to another one, which is to be served now (`database_url`); where that one is lost, \
         `throughline settle --other-is-lost` takes this one into use again"
    } else if arriving.is_some() {
        "a move into this database was cut short: give the same `throughline move` again, which finishes it; where the \
         database that it came from is lost, `throughline settle --other-is-lost` takes this one into use"
    } else {
        return Ok(store);
    };
    store.close().await;
    Err(Error::Usage(why.to_owned()))
}

/// The same, whatever a move has made of it.
pub(crate) async fn even_moved(settings: &Settings, purpose: Purpose) -> Result<Store, Error> {
    let mut options = settings.store_options();
    match (purpose, file(settings)) {
        (Purpose::Serve | Purpose::Fill, Some(_)) => folder(&settings.data_dir, "data_dir")?,
        // One that cannot be looked for is said so by whoever opens it.
        (Purpose::Inspect, Some(file)) if matches!(file.try_exists(), Ok(false)) => {
            return Err(Error::Usage(format!(
                "there is no database at {}; name it with --data or --database",
                file.display()
            )));
        }
        (Purpose::Serve | Purpose::Fill | Purpose::Inspect, _) => {}
    }
    if purpose == Purpose::Inspect {
        options.snapshot_limit = LONG_SNAPSHOT;
        options.begins = false;
    }
    options.alone = purpose == Purpose::Fill;
    Ok(Store::open(&options).await?)
}

/// The database's file, where it is one.
pub(crate) fn file(settings: &Settings) -> Option<&Path> {
    let path = settings.database_url.strip_prefix("sqlite:").filter(|path| *path != ":memory:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

/// Opens the app over a database.
///
/// # Errors
/// Keys that cannot be read or made, that are open to others, or are not the database's.
pub async fn app(settings: &Settings, world: &World, store: Store, purpose: Purpose) -> Result<App, Error> {
    let roots = roots(settings, world, &store).await?;
    let signer = match purpose {
        Purpose::Serve => Some(signer(settings, world)?),
        Purpose::Fill | Purpose::Inspect => None,
    };
    let files = match purpose {
        Purpose::Serve => files::open(settings)?,
        // Nobody who only looks at the database asks for the files.
        Purpose::Fill | Purpose::Inspect => store::Objects::memory(),
    };
    let app = app::Settings {
        store,
        files,
        roots,
        signer,
        clock: world.clock.clone(),
        entropy: world.entropy.clone(),
        cache_bytes: settings.row_cache_bytes,
        moments: app::moments::Bounds { bytes: settings.moments_bytes, ..app::moments::Bounds::default() },
        lanes: settings.lanes,
    };
    Ok(App::open(app).await?)
}

/// The file in which a new root key lies while it replaces the one of `root_key_file`.
pub fn new_root_key_file(settings: &Settings) -> PathBuf {
    let mut name = settings.root_key_file.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// The root keys: of the environment, of their files, or a new one where the database is empty. One of them is the
/// database's.
pub(crate) async fn roots(settings: &Settings, world: &World, store: &Store) -> Result<Roots, Error> {
    let mut snapshot = store.snapshot().await?;
    let is_empty = snapshot.heads(None, 1).await?.is_empty();
    let named = snapshot.meta(app::keys::ROOT).await?;
    snapshot.close().await?;
    if is_empty && named.is_none() && first_root_key(settings)?.is_none() {
        make_root_key(&settings.root_key_file, world)?;
    }
    let roots = held_roots(settings)?;
    match named.map(vault::RootId::try_from) {
        None => Ok(roots),
        Some(Ok(id)) if roots.get(&id).is_ok() && may_be_given(settings, &roots, &id)? => Ok(roots),
        Some(_) => Err(Error::WrongRootKey),
    }
}

/// Whether the environment's root key is the database's, or the one that its successor in the new file replaces now. A wrong
/// one would be passed over as long as a file holds the right one, and be found when that is gone.
fn may_be_given(settings: &Settings, roots: &Roots, named: &vault::RootId) -> Result<bool, Error> {
    if settings.root_key.is_none() || roots.first()?.id() == named {
        return Ok(true);
    }
    Ok(RootKey::load(&new_root_key_file(settings))?.is_some_and(|new| new.id() == named))
}

/// The root keys that are here; none is made.
///
/// # Errors
/// [`Error::RootKeyIsMissing`], and keys that cannot be read.
pub(crate) fn held_roots(settings: &Settings) -> Result<Roots, Error> {
    let path = &settings.root_key_file;
    let root = first_root_key(settings)?.ok_or_else(|| Error::RootKeyIsMissing(path.clone()))?;
    Ok(Roots::open(root, vec![path.clone(), new_root_key_file(settings)])?)
}

/// The root key of the environment, or of its file; or the new one, where a rotation was cut short between taking the old
/// one away and putting the new one in its place.
fn first_root_key(settings: &Settings) -> Result<Option<RootKey>, Error> {
    if let Some(hex) = &settings.root_key {
        return Ok(Some(RootKey::parse(hex)?));
    }
    match RootKey::load(&settings.root_key_file)? {
        Some(root) => Ok(Some(root)),
        None => Ok(RootKey::load(&new_root_key_file(settings))?),
    }
}

fn make_root_key(path: &Path, world: &World) -> Result<RootKey, Error> {
    folder_of(path, "root_key_file")?;
    let (root, origin) = RootKey::load_or_create(path, &*world.entropy)?;
    if origin == Origin::Created {
        tracing::warn!(
            file = %path.display(),
            "a new root key was made; back it up now, apart from the database: without it nothing can be read"
        );
    }
    Ok(root)
}

/// Who signs checkpoints.
pub(crate) fn signer(settings: &Settings, world: &World) -> Result<Signer, Error> {
    let path = &settings.signing_key_file;
    folder_of(path, "signing_key_file")?;
    let (seed, origin) = SigningSeed::load_or_create(path, &*world.entropy)?;
    let signer = Signer::parse(&settings.signer_name, seed.expose())?;
    if origin == Origin::Created {
        let key = signer.verifier().to_string();
        tracing::info!(file = %path.display(), key, "a new signing key was made; whoever checks this server's checkpoints needs `key`");
    }
    Ok(signer)
}

/// Makes a folder, open to its owner only, unless it is there. `setting` names it.
pub fn folder(path: &Path, setting: &'static str) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| Error::Folder { path: path.to_owned(), setting, source })
}

fn folder_of(file: &Path, setting: &'static str) -> Result<(), Error> {
    let path = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    path.map_or(Ok(()), |path| folder(path, setting))
}
