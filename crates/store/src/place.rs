//! Whether the database is still the one that was opened, and whether nobody else has it open.
//!
//! A file of SQLite's can be removed or moved while this process has it open, and another one, a backup that was restored, be
//! put in its place. Then the connections that are open would go on in a file that nobody finds any more, and each new one
//! read the other. A database of PostgreSQL's can be dropped and made anew: whatever connects then is connected to the new
//! one. In both cases what is acknowledged would be lost, and what is kept in memory is of another database. So it is looked
//! at: the file where a transaction begins, the database of PostgreSQL's where a connection is made. Whoever removes a file
//! while a transaction commits into it has removed that one, too: nothing here can help them.
//!
//! Who fills a database (`restore`, `move`) wants nobody else to have it open, since whoever has it open has read what is
//! about to be replaced. The databases know that themselves: every connection of SQLite's holds a lock without which no other
//! one can leave WAL, and PostgreSQL lists who is connected.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::door::Door;
use crate::error::{During, Error};
use crate::statement::Statement;
use crate::store::Database;

/// By which name PostgreSQL lists connections of this program.
pub(crate) const PROGRAM: &str = "throughline";
/// How often it is looked whether the others have gone.
const LOOK: Duration = Duration::from_millis(50);

/// The file that was opened.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    /// Its device, and its number there.
    is: (u64, u64),
}

impl DatabaseFile {
    /// The file at a path; `None` where there is none.
    pub(crate) fn at(path: &Path) -> Option<DatabaseFile> {
        let found = std::fs::metadata(path).ok()?;
        Some(DatabaseFile { path: path.to_owned(), is: (found.dev(), found.ino()) })
    }

    /// That it is still there. Where that cannot be looked at, it has not moved for all that is known.
    pub(crate) fn is_in_place(&self) -> Result<(), Error> {
        let is_gone = match std::fs::metadata(&self.path) {
            Ok(found) => (found.dev(), found.ino()) != self.is,
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if !is_gone {
            return Ok(());
        }
        Err(Error::Fatal(format!(
            "the file that was opened at {} is not there any more: it was removed or moved, or another one was put in its \
             place; start again over the right one",
            self.path.display()
        )))
    }
}

/// Which database of PostgreSQL's was opened: its first connection says so, and every later one must say the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    number: Arc<OnceLock<i64>>,
    is_another: Arc<AtomicBool>,
}

impl Identity {
    /// Asks a connection that was made.
    pub(crate) async fn ask(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let asked = "select oid::bigint from pg_database where datname = current_database()";
        let (number,): (i64,) = sqlx::query_as(asked).fetch_one(connection).await?;
        if *self.number.get_or_init(|| number) != number {
            self.is_another.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// That no connection has found another database.
    pub(crate) fn is_the_same(&self) -> Result<(), Error> {
        if !self.is_another.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::Fatal(
            "the database was dropped, and another one has its name: start again over the right one".to_owned(),
        ))
    }
}

/// Leaves WAL, which SQLite lets nobody do while somebody else has the file open.
pub(crate) async fn alone_in_file(connect: &SqliteConnectOptions) -> Result<(), Error> {
    let left = match connect.clone().journal_mode(SqliteJournalMode::Delete).connect().await {
        Ok(connection) => connection.close().await,
        Err(error) => Err(error),
    };
    left.map_err(|error| {
        let is_locked = matches!(Error::classify(&error, During::Statement), Error::Conflict(_));
        if is_locked { Error::InUse } else { Error::Open(error.to_string()) }
    })
}

/// That no other connection of this program is there, on PostgreSQL; those that have just ended are waited for. `door` is
/// the first one of its store.
pub(crate) async fn alone_in_database(door: &mut Door, patience: Duration) -> Result<(), Error> {
    if door.database() == Database::Sqlite {
        return Ok(());
    }
    let others = format!(
        "select count(*) from pg_stat_activity \
         where datname = current_database() and application_name = '{PROGRAM}' and pid <> pg_backend_pid()"
    );
    let began = Instant::now();
    loop {
        let mut asked = Statement::new(Database::Postgres);
        asked.push(&others);
        let found = door.fetch(asked).await?;
        if found.first().map_or(Ok(0), |row| row.count::<u64>(0))? == 0 {
            return Ok(());
        }
        if began.elapsed() >= patience {
            return Err(Error::InUse);
        }
        tokio::time::sleep(LOOK).await;
        // Within a transaction the first answer stays.
        door.script("select pg_stat_clear_snapshot()".to_owned()).await?;
    }
}
