//! What can go wrong, sorted by what the caller has to do about it.
//!
//! The question that a committer must be able to answer is "has my transaction been written?". So the classes are:
//! certainly not, and trying again may help ([`Error::Conflict`], [`Error::NotSent`]); nobody knows
//! ([`Error::Unknown`]: look the command ids up); certainly not, until somebody makes room ([`Error::Full`]); and nothing
//! is written any more ([`Error::Fatal`]). A failed sync is never retried: the pages that it was about may be gone from
//! the cache, and a second sync would lie.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// The store's one error.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The database could not be opened.
    #[error("the database cannot be opened: {0}; check its address, its rights and that it runs")]
    Open(String),
    /// There is a database, and none of this program in it.
    #[error("there is no database of this program yet: `throughline serve` or `throughline migrate` makes it")]
    Empty,
    /// It was to be opened alone, and somebody else has it open.
    #[error(
        "another process of this program has the database open: stop the servers over it, wait until other commands have \
         ended, and try again"
    )]
    InUse,
    /// The database's program is too old to be trusted with the log.
    #[error("{database} {found} is too old; {needed} or newer is needed")]
    TooOld {
        /// `SQLite` or `PostgreSQL`.
        database: &'static str,
        /// The version that answered.
        found: String,
        /// The oldest that will do.
        needed: &'static str,
    },
    /// The database's server is set up to lose what it has acknowledged.
    #[error(
        "PostgreSQL runs with `{0}` off, so that it loses what was acknowledged when the power fails; switch it on"
    )]
    Unsafe(&'static str),
    /// Row-level security was asked for and cannot be had, or does not keep what it is for.
    #[error("row-level security: {0}")]
    Wall(String),
    /// A newer program has migrated the database.
    #[error("the database has schema {found}, this program knows {known} only; run the newer program")]
    NewerSchema {
        /// The schema's version in the database.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// Somebody else was first (a unique key, a deadlock, a serialization failure). Nothing was written; try again.
    #[error("another transaction was first: {0}")]
    Conflict(String),
    /// It failed before the commit was sent. Nothing was written.
    #[error("the database did not do it, and nothing was written: {0}")]
    NotSent(String),
    /// The commit was sent and its outcome is not known. Look the command ids up before trying again.
    #[error("the connection was lost while committing: {0}; whether it was written is unknown")]
    Unknown(String),
    /// There is no room. Nothing was written.
    #[error("the database's storage is full: {0}; make room, and it goes on")]
    Full(String),
    /// The place of the objects did not do it.
    #[error("the place of the files did not do it: {0}")]
    Objects(String),
    /// A write or a sync failed in the storage below. The store writes nothing more until it is opened anew.
    #[error("the database's storage has failed: {0}; nothing more may be written by this process")]
    Fatal(String),
    /// A read transaction has been open for longer than [`crate::Options::snapshot_limit`].
    #[error("a snapshot has been open for more than {0} seconds; take a new one")]
    Stale(u64),
    /// The caller asked for something that makes no sense: an unknown column, a value of another type.
    #[error("this cannot be asked of the store: {0}")]
    Senseless(String),
    /// The database holds something that the store would never have written.
    #[error("the database holds something that was not written by this program: {0}")]
    Malformed(String),
}

/// SQLite's extended codes of a key that is taken. Other constraints that fail are mistakes of ours, and stay so.
const UNIQUE: i32 = 2067;
const PRIMARY_KEY: i32 = 1555;

/// Where an error happened: it decides what is known about the outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum During {
    /// Any statement before the commit, or a reading one.
    Statement,
    /// The commit itself.
    Commit,
}

impl Error {
    /// Whether nothing was written and the same transaction may be tried again.
    pub fn may_be_retried(&self) -> bool {
        matches!(self, Error::Conflict(_) | Error::NotSent(_))
    }

    /// Whether the store writes nothing more until it is opened anew.
    pub fn ends_writing(&self) -> bool {
        matches!(self, Error::Fatal(_))
    }

    pub(crate) fn classify(error: &sqlx::Error, during: During) -> Error {
        let said = error.to_string();
        if let sqlx::Error::Database(database) = error {
            return Error::of_database(database.as_ref(), said, during);
        }
        if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) {
            return Error::Malformed(said);
        }
        // whatever else it is, the connection is no longer to be trusted
        if during == During::Commit { Error::Unknown(said) } else { Error::NotSent(said) }
    }

    fn of_database(error: &dyn DatabaseError, said: String, during: During) -> Error {
        let code = error.code().unwrap_or_default();
        if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
            return Error::of_sqlite(code.parse().unwrap_or(0), said);
        }
        // The server could not sync its log, and ends to come back from it: it knows what it has, and nobody else does.
        let panicked =
            error.try_downcast_ref::<PgDatabaseError>().is_some_and(|error| error.severity() == PgSeverity::Panic);
        if panicked {
            return if during == During::Commit { Error::Unknown(said) } else { Error::NotSent(said) };
        }
        match code.as_ref() {
            "40001" | "40P01" | "23505" | "55P03" => Error::Conflict(said),
            "53100" => Error::Full(said),
            "58030" | "XX001" | "XX002" => Error::Fatal(said),
            // the server is going down, or cut this connection: it may have been told before or after the commit
            "57P01" | "57P02" | "57P03" if during == During::Commit => Error::Unknown(said),
            code if code.starts_with("08") && during == During::Commit => Error::Unknown(said),
            _ => Error::NotSent(said),
        }
    }

    /// SQLite's result codes: the low byte is the primary one (<https://www.sqlite.org/rescode.html>).
    fn of_sqlite(code: i32, said: String) -> Error {
        if [UNIQUE, PRIMARY_KEY].contains(&code) {
            return Error::Conflict(said);
        }
        match code & 0xff {
            10 | 11 | 26 => Error::Fatal(said),
            13 => Error::Full(said),
            5 | 6 => Error::Conflict(said),
            _ => Error::NotSent(said),
        }
    }
}
