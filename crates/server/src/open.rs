//! Opening what the settings name: folders, keys, the database, the app.
//!
//! A new root key is made only for an empty database, and a database knows by a check value which root key it was
//! written with. So a lost or mistaken key file is found at the start, before anything is written that the right key
//! could not read.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use app::{App, Clock};
use store::Store;
use store::checkpoint::Signer;
use vault::{Entropy, Origin, RootKey, SigningSeed};

use crate::error::Error;
use crate::settings::Settings;

/// Where the database keeps the check value of its root key.
pub(crate) const ROOT_KEY_CHECK: &str = "root key check";
/// How long a command that reads whole logs may keep its snapshot open.
const LONG_SNAPSHOT: Duration = Duration::from_hours(24);

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
    /// To look at what is there, whole logs of it.
    Inspect,
}

/// Opens the database, and brings its schema up to date.
///
/// # Errors
/// What [`Store::open`] refuses: a database that does not answer, is too old, or was migrated by a newer program; and
/// [`Error::Usage`] where there is nothing to inspect.
pub async fn store(settings: &Settings, purpose: Purpose) -> Result<Store, Error> {
    let mut options = settings.store_options();
    match (purpose, file(settings)) {
        (Purpose::Serve, Some(_)) => folder(&settings.data_dir)?,
        (Purpose::Inspect, Some(file)) if !file.exists() => {
            return Err(Error::Usage(format!(
                "there is no database at {}; name it with --data or --database",
                file.display()
            )));
        }
        (Purpose::Serve | Purpose::Inspect, _) => {}
    }
    if purpose == Purpose::Inspect {
        options.snapshot_limit = LONG_SNAPSHOT;
    }
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
    let root = root_key(settings, world, &store).await?;
    let signer = match purpose {
        Purpose::Serve => Some(signer(settings, world)?),
        Purpose::Inspect => None,
    };
    let app = app::Settings {
        store,
        root,
        signer,
        clock: world.clock.clone(),
        entropy: world.entropy.clone(),
        cache_bytes: settings.row_cache_bytes,
        moments: app::moments::Bounds { bytes: settings.moments_bytes, ..app::moments::Bounds::default() },
        lanes: settings.lanes,
    };
    Ok(App::open(app).await?)
}

/// The root key: of the environment, of its file, or a new one where the database is empty.
async fn root_key(settings: &Settings, world: &World, store: &Store) -> Result<RootKey, Error> {
    let mut snapshot = store.snapshot().await?;
    let is_empty = snapshot.heads(None, 1).await?.is_empty();
    let check = snapshot.meta(ROOT_KEY_CHECK).await?;
    snapshot.close().await?;
    let path = &settings.root_key_file;
    let root = match &settings.root_key {
        Some(hex) => RootKey::parse(hex)?,
        None if is_empty || path.exists() => {
            folder_of(path)?;
            let (root, origin) = RootKey::load_or_create(path, &*world.entropy)?;
            if origin == Origin::Created {
                tracing::warn!(
                    file = %path.display(),
                    "a new root key was made; back it up now, apart from the database: without it nothing can be read"
                );
            }
            root
        }
        None => return Err(Error::RootKeyIsMissing(path.clone())),
    };
    let expected = check_value(&root);
    match check {
        Some(check) if check == expected => Ok(root),
        Some(_) => Err(Error::WrongRootKey),
        None => {
            let mut batch = store.batch().await?;
            batch.set_meta(ROOT_KEY_CHECK, &expected).await?;
            batch.commit().await?;
            Ok(root)
        }
    }
}

/// What a database keeps to know its root key again: a keyed hash, from which nobody learns the key.
pub(crate) fn check_value(root: &RootKey) -> [u8; 32] {
    vault::token_hash(ROOT_KEY_CHECK, root.log([0; 16]).secret(ROOT_KEY_CHECK, [0; 16]).expose())
}

/// Who signs checkpoints.
fn signer(settings: &Settings, world: &World) -> Result<Signer, Error> {
    let path = &settings.signing_key_file;
    folder_of(path)?;
    let (seed, origin) = SigningSeed::load_or_create(path, &*world.entropy)?;
    let signer = Signer::parse(&settings.signer_name, seed.expose())?;
    if origin == Origin::Created {
        let key = signer.verifier().to_string();
        tracing::info!(file = %path.display(), key, "a new signing key was made; whoever checks this server's checkpoints needs `key`");
    }
    Ok(signer)
}

/// Makes a folder, open to its owner only, unless it is there.
pub fn folder(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| Error::Folder { path: path.to_owned(), source })
}

fn folder_of(file: &Path) -> Result<(), Error> {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), folder)
}
