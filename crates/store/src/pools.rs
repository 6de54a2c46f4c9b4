//! Connections: how they are set up, and how a transaction begins on one.
//!
//! SQLite has one connection that writes and some that read. What is set on them decides what a commit promises: WAL
//! with `synchronous=FULL` syncs the log on every commit, `secure_delete` overwrites rows as they are deleted (not what a
//! page kept of a row that moved: [`crate::Store::compact`] removes that). The size of the page cache and the distance between
//! checkpoints were worth half of the throughput in a trial. SQLite's own checkpoints are off: it drops their errors, and a
//! sync that fails must end writing. [`Pools::begin_writing`] makes them instead.
//!
//! PostgreSQL has one pool, and with a [`wall`](crate::wall) another one for those who read single logs. Its planner must
//! not choose by the size that a table had when a plan was made: a table of rows begins empty, and a plan that scans it
//! would be kept while it grows. Every statement here has an index that begins with its log, so scans, hash and merge joins
//! are switched off, and one plan a statement is enough.

use std::path::Path;
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, PgPool, SqlSafeStr as _, SqlStr, Sqlite, SqliteConnection, SqlitePool,
    Transaction,
};

use crate::door::{self, Connection};
use crate::error::{During, Error};
use crate::place::{self, DatabaseFile, Identity};
use crate::store::{Database, Options};
use crate::value::Id;
use crate::wall::{self, Wall};

/// Prepared statements kept a connection. Every table of rows has a few shapes of loads, upserts and deletes.
const STATEMENTS: usize = 2048;
/// From how many pages on the write-ahead log is copied into the database's file: 32 MiB.
const CHECKPOINT_PAGES: i64 = 8192;
/// From how many pages on readers are waited for, so that it can begin anew: 64 MiB.
const LONG_PAGES: i64 = 2 * CHECKPOINT_PAGES;
/// How long they are waited for, for each [`CHECKPOINT_PAGES`] that it has: who wants to write waits meanwhile.
const WAIT_A_PART: Duration = Duration::from_millis(50);
/// How long at most. Who waits to write is patient for longer.
const WAIT_MOST: Duration = Duration::from_secs(2);
/// At every how many-th transaction that writes the write-ahead log's length is looked at.
const LOOK_EVERY: u32 = 8;
/// To what the write-ahead log's file is cut down after a checkpoint, in bytes.
const WAL_LIMIT_BYTES: u32 = 64 * 1024 * 1024;

/// The pools of an open database.
#[derive(Clone, Debug)]
pub(crate) enum Pools {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        /// Its name in the memory file system, if it lies there.
        memory: Option<String>,
        /// The file, if it lies in one.
        file: Option<DatabaseFile>,
        /// How many transactions that write have begun.
        begun: Arc<AtomicU32>,
        /// From how many pages of the write-ahead log on readers are waited for.
        waits_from: Arc<AtomicI64>,
    },
    Postgres {
        pool: PgPool,
        /// Which database it is.
        identity: Identity,
        /// Who reads single logs, where there is a wall between them.
        walled: Option<PgPool>,
    },
}

impl Pools {
    pub(crate) async fn open(options: &Options) -> Result<Pools, Error> {
        if options.url.starts_with("sqlite:") {
            return open_sqlite(options).await;
        }
        if options.url.starts_with("postgres://") || options.url.starts_with("postgresql://") {
            let connections = options.connections.max(2);
            let identity = Identity::default();
            let pool = open_postgres(options, connections, &[], &identity)?;
            return Ok(Pools::Postgres { pool, identity, walled: None });
        }
        Err(Error::Open("its address begins with neither sqlite: nor postgres://".to_owned()))
    }

    /// The same, with connections of their own for those who read single logs: theirs are two thirds of all.
    pub(crate) fn walled(self, options: &Options, wall: &Wall) -> Result<Pools, Error> {
        let Pools::Postgres { identity, .. } = &self else { return Ok(self) };
        let readers = (options.connections.saturating_mul(2) / 3).max(1);
        let others = options.connections.saturating_sub(readers).max(2);
        // What was opened until now is closed as it comes back.
        let settings = [("role", wall.role.as_str()), ("search_path", wall.schema.as_str())];
        Ok(Pools::Postgres {
            pool: open_postgres(options, others, &[], identity)?,
            walled: Some(open_postgres(options, readers, &settings, identity)?),
            identity: identity.clone(),
        })
    }

    pub(crate) fn database(&self) -> Database {
        match self {
            Pools::Sqlite { .. } => Database::Sqlite,
            Pools::Postgres { .. } => Database::Postgres,
        }
    }

    /// Begins a transaction that writes. On SQLite a write-ahead log that has become long is copied before, and who had
    /// an answer to give has given it; `stopped` is where it is noted that the storage has failed then.
    pub(crate) async fn begin_writing(&self, stopped: &Arc<AtomicBool>) -> Result<Connection, Error> {
        match self {
            Pools::Sqlite { writer, memory, file, begun, waits_from, .. } => {
                let looks = memory.is_none() && begun.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY);
                if looks {
                    Whole::new(keep_short(writer.clone(), waits_from.clone(), stopped.clone())).await?;
                }
                let transaction = begin(writer, || "begin immediate".into_sql_str()).await?;
                // It may have waited in line.
                is_in_place(file.as_ref())?;
                Ok(Connection::Sqlite(transaction))
            }
            Pools::Postgres { pool, identity, .. } => {
                let transaction = begin(pool, || "begin".into_sql_str()).await?;
                identity.is_the_same()?;
                Ok(Connection::Postgres(transaction))
            }
        }
    }

    /// Begins a transaction that reads one state of the database.
    pub(crate) async fn begin_reading(&self) -> Result<Connection, Error> {
        match self {
            Pools::Sqlite { readers, file, .. } => {
                // A connection that is opened now would make a file where there is none.
                is_in_place(file.as_ref())?;
                Ok(Connection::Sqlite(begin(readers, || "begin".into_sql_str()).await?))
            }
            Pools::Postgres { pool, identity, .. } => {
                let transaction = begin(pool, || wall::READING.into_sql_str()).await?;
                identity.is_the_same()?;
                Ok(Connection::Postgres(transaction))
            }
        }
    }

    /// The same, of these logs only, where there is a wall between logs.
    pub(crate) async fn begin_reading_of(&self, logs: &[Id]) -> Result<Connection, Error> {
        if let Pools::Postgres { walled: Some(walled), identity, .. } = self {
            let transaction = begin(walled, || wall::begins(logs)).await?;
            identity.is_the_same()?;
            return Ok(Connection::Postgres(transaction));
        }
        self.begin_reading().await
    }

    /// Copies all of SQLite's write-ahead log into the database's file and cuts it to nothing; whether no reader kept it.
    /// Readers are waited for so long; who wants to write waits meanwhile. PostgreSQL: does nothing.
    pub(crate) async fn truncate_wal(&self, wait: Duration, stopped: &Arc<AtomicBool>) -> Result<bool, Error> {
        let Pools::Sqlite { writer, .. } = self else { return Ok(true) };
        Whole::new(truncate(writer.clone(), wait, stopped.clone())).await
    }

    /// Closes all connections; that of SQLite's which writes only where the storage has not failed by then.
    pub(crate) async fn close(&self, stopped: &AtomicBool) {
        match self {
            Pools::Sqlite { writer, readers, .. } => {
                readers.close().await;
                // What goes on though nobody waits for it is waited for: it may be what notes that.
                let last = writer.acquire().await;
                if stopped.load(Ordering::Acquire) {
                    std::mem::forget((writer.clone(), last));
                    return;
                }
                // the last connection to close checkpoints, and must be one that may write
                let closed = writer.close();
                drop(last);
                closed.await;
            }
            Pools::Postgres { pool, walled, .. } => {
                if let Some(walled) = walled {
                    walled.close().await;
                }
                pool.close().await;
            }
        }
    }
}

/// That the file is where it was opened.
fn is_in_place(file: Option<&DatabaseFile>) -> Result<(), Error> {
    file.map_or(Ok(()), DatabaseFile::is_in_place)
}

/// How long a connection of SQLite's waits for what others hold.
async fn wait_for_locks(connection: &mut SqliteConnection, wait: Duration) -> Result<(), Error> {
    // Not as a statement that is kept: SQLite sets it when it prepares one.
    let pragma = AssertSqlSafe(format!("pragma busy_timeout = {}", wait.as_millis()));
    let done = sqlx::raw_sql(pragma).execute(connection).await;
    done.map(drop).map_err(|error| Error::classify(&error, During::Statement))
}

/// The connection of SQLite's that writes, for a checkpoint. Who has waited for it while another checkpoint failed makes
/// none: it would copy what came later only, sync that without an error, and let go of the rest.
async fn to_copy(writer: &SqlitePool, stopped: &AtomicBool) -> Result<PoolConnection<Sqlite>, Error> {
    let connection = writer.acquire().await.map_err(|error| Error::classify(&error, During::Statement))?;
    door::may_write(stopped)?;
    Ok(connection)
}

/// Copies what SQLite's write-ahead log holds into the database's file, as far as `mode` says (`noop`: only tells) and
/// readers let it; whether they kept it, and how many pages it has, -1 where there is none. What fails is noted while the
/// connection is held, so that the next one to have it knows.
async fn checkpoint(connection: &mut SqliteConnection, mode: &str, stopped: &AtomicBool) -> Result<(bool, i64), Error> {
    let pragma = AssertSqlSafe(format!("pragma wal_checkpoint({mode})"));
    let answer = sqlx::query_as(pragma).fetch_one(connection).await;
    let (busy, pages, _copied): (bool, i64, i64) = answer.map_err(|error| {
        let error = Error::classify(&error, During::Statement);
        door::note(stopped, &error);
        error
    })?;
    Ok((busy, pages))
}

/// Copies a write-ahead log that has become long. A sync that fails there ends writing.
///
/// That alone keeps it short only where now and then nobody reads: it is begun anew where all of it is copied and no reader
/// needs it. One that has become longer still is emptied, and readers are waited for, while nobody writes: those that have
/// begun before end, and those that begin meanwhile read the file and need it no more. The longer it is the longer they are
/// waited for. Where one reads on (a backup, a check), it is tried again when it has grown by an eighth.
async fn keep_short(writer: SqlitePool, waits_from: Arc<AtomicI64>, stopped: Arc<AtomicBool>) -> Result<(), Error> {
    let mut connection = to_copy(&writer, &stopped).await?;
    let (_busy, pages) = checkpoint(&mut connection, "noop", &stopped).await?;
    let from = waits_from.load(Ordering::Relaxed);
    if pages < LONG_PAGES {
        waits_from.store(LONG_PAGES, Ordering::Relaxed);
    }
    let done = if pages >= from.max(LONG_PAGES) {
        waits_from.store(pages.saturating_add(CHECKPOINT_PAGES.max(pages / 8)), Ordering::Relaxed);
        let parts = u32::try_from(pages / CHECKPOINT_PAGES).unwrap_or(u32::MAX);
        let wait = WAIT_A_PART.saturating_mul(parts).min(WAIT_MOST);
        emptied(&writer, &mut connection, wait, &stopped).await.map(drop)
    } else if pages >= CHECKPOINT_PAGES {
        checkpoint(&mut connection, "passive", &stopped).await.map(drop)
    } else {
        Ok(())
    };
    // What is not copied now is copied later.
    done.or_else(|error| if error.ends_writing() { Err(error) } else { Ok(()) })
}

/// Copies all of it and cuts it to nothing; whether no reader kept it.
async fn truncate(writer: SqlitePool, wait: Duration, stopped: Arc<AtomicBool>) -> Result<bool, Error> {
    let mut connection = to_copy(&writer, &stopped).await?;
    emptied(&writer, &mut connection, wait, &stopped).await
}

/// The same, on the connection that writes.
async fn emptied(
    writer: &SqlitePool,
    connection: &mut SqliteConnection,
    wait: Duration,
    stopped: &AtomicBool,
) -> Result<bool, Error> {
    wait_for_locks(connection, wait).await?;
    let answer = checkpoint(connection, "truncate", stopped).await;
    wait_for_locks(connection, writer.options().get_acquire_timeout()).await?;
    let (busy, _pages) = answer?;
    Ok(!busy)
}

/// Begins on a connection of a pool. A connection that turns out to be lost (the server was restarted) is dropped and
/// the next one tried; so is one whose last transaction could not be ended.
async fn begin<D: sqlx::Database>(
    pool: &sqlx::Pool<D>,
    how: impl Fn() -> SqlStr,
) -> Result<Transaction<'static, D>, Error> {
    let mut tries_left = pool.options().get_max_connections() + 1;
    loop {
        tries_left -= 1;
        let begun = match pool.acquire().await {
            // Dropped as soon as it has begun, where nobody waits for it any more: that rolls it back.
            Ok(connection) => Whole::new(Transaction::begin(connection, Some(how()))).await,
            Err(error) => Err(error),
        };
        let error = match begun {
            Ok(transaction) => return Ok(transaction),
            Err(error) => error,
        };
        if tries_left == 0 || !is_lost(&error) {
            return Err(Error::classify(&error, During::Statement));
        }
        if matches!(error, sqlx::Error::InvalidSavePointStatement)
            && let Ok(mut connection) = pool.acquire().await
        {
            connection.close_on_drop();
        }
    }
}

/// What goes on to its end though nobody waits for it any more: a client hangs up, a time limit is over.
///
/// A transaction that begins: sqlx 0.9 counts one of PostgreSQL's when the server's answer is read. Where nobody read it, the
/// connection would go back to its pool within a transaction that nobody knows of, and the next one to write would find
/// that it reads only.
///
/// A commit, and a checkpoint of SQLite's: a sync that fails there is told once. Where nobody heard it, the next one
/// would promise what is gone: of pages that one checkpoint copied and left to the next to sync, none are copied again.
pub(crate) struct Whole<T: 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: 'static> Whole<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Whole(Some(Box::pin(work)))
    }
}

impl<T: 'static> Future for Whole<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let done = work.as_mut().poll(context);
        if done.is_ready() {
            self.0 = None;
        }
        done
    }
}

impl<T: 'static> Drop for Whole<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async { drop(work.await) });
        }
    }
}

/// Whether another connection may do better.
fn is_lost(error: &sqlx::Error) -> bool {
    if let Some(said) = error.as_database_error() {
        // the server has ended this connection, or is about to
        return said.code().is_some_and(|code| code.starts_with("57P"));
    }
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::InvalidSavePointStatement
            | sqlx::Error::BeginFailed
    )
}

async fn open_sqlite(options: &Options) -> Result<Pools, Error> {
    let failed = |error: sqlx::Error| Error::Open(error.to_string());
    let (connect, memory) = sqlite(options)?;
    if options.alone && memory.is_none() {
        place::alone_in_file(&connect).await?;
    }
    let pool = |connections: u32| {
        SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(connections)
            .acquire_timeout(options.patience)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let writer = pool(1).connect_with(connect.clone()).await.map_err(failed)?;
    let file = if memory.is_none() { DatabaseFile::at(connect.get_filename()) } else { None };
    let readers =
        pool(options.readers.max(1)).connect_with(connect.pragma("query_only", "on")).await.map_err(failed)?;
    let waits_from = Arc::new(AtomicI64::new(LONG_PAGES));
    Ok(Pools::Sqlite { writer, readers, memory, file, begun: Arc::default(), waits_from })
}

/// How one SQLite connection is set up, the one that writes and those that read alike; and the database's name in the
/// memory file system, if it lies there.
fn sqlite(options: &Options) -> Result<(SqliteConnectOptions, Option<String>), Error> {
    let path = options.url.trim_start_matches("sqlite:").trim_start_matches("//");
    let connect = SqliteConnectOptions::new();
    let mut memory = None;
    let connect = if path == ":memory:" {
        // a name of its own in the memory file system, which all connections of this process share
        static MEMORIES: AtomicU64 = AtomicU64::new(0);
        let name = format!("/throughline-{}", MEMORIES.fetch_add(1, Ordering::Relaxed));
        memory = Some(name.clone());
        connect.filename(name).vfs("memdb").create_if_missing(true)
    } else {
        if let Some(directory) = Path::new(path).parent().filter(|directory| !directory.as_os_str().is_empty()) {
            let failed = |error| Error::Open(format!("{} cannot be made: {error}", directory.display()));
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        connect.filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal)
    };
    let connect = connect
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .busy_timeout(options.patience)
        .statement_cache_capacity(STATEMENTS)
        .row_buffer_size(256)
        .pragma("secure_delete", "on")
        .pragma("cache_size", format!("-{}", options.cache_kib))
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", WAL_LIMIT_BYTES.to_string())
        .pragma("temp_store", "memory")
        .pragma("trusted_schema", "off")
        .disable_statement_logging();
    Ok((connect, memory))
}

fn open_postgres(
    options: &Options,
    connections: u32,
    settings: &[(&str, &str)],
    identity: &Identity,
) -> Result<PgPool, Error> {
    let connect = PgConnectOptions::from_str(&options.url)
        .map_err(|error| Error::Open(error.to_string()))?
        .application_name(place::PROGRAM)
        .statement_cache_capacity(STATEMENTS)
        .options([
            ("synchronous_commit", "on"),
            // "already exists, skipping" is no news
            ("client_min_messages", "warning"),
            ("jit", "off"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            // What a node holds whose machine or network is gone without a word is let go after a minute; by the system's
            // own measure it would be two hours, in which every other node's lane waits that needs one of its heads.
            ("tcp_keepalives_idle", "30"),
            ("tcp_keepalives_interval", "10"),
            ("tcp_keepalives_count", "3"),
        ])
        .options(settings.iter().copied())
        .disable_statement_logging();
    let identity = identity.clone();
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(options.patience)
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(identity.clone().ask(connection)))
        .connect_lazy_with(connect))
}
