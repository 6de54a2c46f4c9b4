//! Where what is measured lies: fresh databases of one kind, and copies of them.
//!
//! A limit is measured on a copy that was made just before the measured run, so that both begin with the same pages, and
//! with caches as cold. What was written is synced before either begins.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use app::{App, Settings};
use store::{Database, Options, Store};
use tempfile::TempDir;
use vault::RootKey;

use crate::error::Error;

/// A root key for data that is thrown away.
pub(crate) const ROOT: &str = "5448524f5547484c494e452062656e63686d61726b2c206e6f20736563726574";
/// How many bytes of rows a lane keeps between batches.
const CACHE_BYTES: usize = 64 << 20;
/// How many lanes commit beside each other on PostgreSQL.
const LANES: usize = 4;
/// How long a snapshot may stay open: a replay reads a whole log in one.
const SNAPSHOT_LIMIT: Duration = Duration::from_mins(10);

/// Databases of one kind. They go with it.
#[derive(Debug)]
pub(crate) struct Place {
    database: Database,
    server: Option<String>,
    directory: TempDir,
}

impl Place {
    /// Databases of this kind: on the PostgreSQL given or an own one, in a directory in the one given or among the
    /// temporary ones.
    pub(crate) fn new(database: Database, server: Option<String>, directory: Option<&Path>) -> Result<Self, Error> {
        let directory = match directory {
            Some(directory) => TempDir::new_in(directory)?,
            None => TempDir::new()?,
        };
        Ok(Self { database, server, directory })
    }

    /// The kind's name, as the numbers say it.
    pub(crate) const fn name(&self) -> &'static str {
        match self.database {
            Database::Sqlite => "sqlite",
            Database::Postgres => "postgres",
        }
    }

    /// A fresh, empty database.
    pub(crate) fn fresh(&self, hint: &str) -> Result<Options, Error> {
        Ok(options(match self.database {
            Database::Sqlite => format!("sqlite:{}", self.directory.path().join(format!("{hint}.sqlite")).display()),
            Database::Postgres => cluster::database(self.server.as_deref(), hint)?,
        }))
    }

    /// A copy of a database that nobody has open. Both are on the disk when it returns.
    pub(crate) fn twin(&self, of: &Options) -> Result<Options, Error> {
        if self.database == Database::Postgres {
            cluster::settle(self.server.as_deref(), &of.url)?;
            return Ok(options(cluster::copy(self.server.as_deref(), &of.url, "twin")?));
        }
        let (from, to) = (file(of), self.directory.path().join("twin.sqlite"));
        for ending in ["", "-wal"] {
            let (from, to) = (beside(&from, ending), beside(&to, ending));
            if from.exists() {
                copy(&from, &to)?;
            }
        }
        Ok(options(format!("sqlite:{}", to.display())))
    }

    /// Takes a database away that nobody has open.
    pub(crate) fn remove(&self, gone: &Options) -> Result<(), Error> {
        if self.database == Database::Postgres {
            return Ok(cluster::drop_database(self.server.as_deref(), &gone.url)?);
        }
        for ending in ["", "-wal", "-shm"] {
            let path = beside(&file(gone), ending);
            if path.exists() {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Copies a file page by page. The kernel keeps what was written at once in one piece and later writes the whole piece
/// for one changed page: a copy made at once took three times the bytes of its original in the same run.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut page = [0; 4096];
    loop {
        let read = from.read(&mut page)?;
        if read == 0 {
            return Ok(to.sync_all()?);
        }
        to.write_all(&page[..read])?;
    }
}

fn options(url: String) -> Options {
    Options { snapshot_limit: SNAPSHOT_LIMIT, ..Options::new(url) }
}

fn file(options: &Options) -> PathBuf {
    PathBuf::from(options.url.trim_start_matches("sqlite:"))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    PathBuf::from(path)
}

/// Opens the app as the product does: the machine's clock and randomness, every commit synced.
pub(crate) async fn open(options: &Options) -> Result<App, Error> {
    let settings = Settings {
        store: Store::open(options).await?,
        files: store::Objects::memory(),
        roots: RootKey::parse(ROOT)?.into(),
        signer: None,
        clock: Arc::new(app::clock::Machine),
        entropy: Arc::new(vault::Os),
        cache_bytes: CACHE_BYTES,
        moments: app::moments::Bounds { bytes: 1 << 30, ..app::moments::Bounds::default() },
        lanes: LANES,
    };
    Ok(App::open(settings).await?)
}
