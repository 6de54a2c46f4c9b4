//! The one door: every statement of a transaction passes [`Door::execute`] or [`Door::fetch`].
//!
//! So one place classifies errors, notes that a transaction has failed, keeps snapshots short, and writes down what is
//! executed while somebody records (`limit`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Column, Postgres, Row as _, Sqlite, Transaction, TypeInfo as _, ValueRef as _};

use tracing::Instrument as _;

use crate::error::{During, Error};
use crate::limit::Tape;
use crate::pools::Whole;
use crate::statement::{Statement, Values};
use crate::store::Database;
use crate::value::{Id, Type, Value};

/// An open transaction of either database.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// An open transaction and what is known about it.
#[derive(Debug)]
pub(crate) struct Door {
    connection: Connection,
    tape: Option<Tape>,
    /// A statement has failed: PostgreSQL would answer a commit with a silent rollback, so there must be none.
    failed: Option<Error>,
    /// Since when it is open and how long it may be, if it is a snapshot.
    limit: Option<(Instant, Duration)>,
    /// Where a transaction that writes notes that the storage has failed it.
    stops: Option<Arc<AtomicBool>>,
    /// How many statements have passed, of all transactions of the store.
    passed: Arc<AtomicU64>,
}

impl Door {
    pub(crate) fn reading(connection: Connection, limit: Option<Duration>, passed: Arc<AtomicU64>) -> Door {
        let limit = limit.map(|limit| (Instant::now(), limit));
        Door { connection, tape: None, failed: None, limit, stops: None, passed }
    }

    pub(crate) fn writing(
        connection: Connection,
        tape: Option<Tape>,
        stops: Arc<AtomicBool>,
        passed: Arc<AtomicU64>,
    ) -> Door {
        Door { connection, tape, failed: None, limit: None, stops: Some(stops), passed }
    }

    pub(crate) fn database(&self) -> Database {
        match self.connection {
            Connection::Sqlite(_) => Database::Sqlite,
            Connection::Postgres(_) => Database::Postgres,
        }
    }

    fn admit(&mut self, statement: &Statement) -> Result<(), Error> {
        if let Some((since, limit)) = self.limit
            && since.elapsed() > limit
        {
            return Err(Error::Stale(limit.as_secs()));
        }
        if let Some(tape) = &mut self.tape {
            tape.push(statement);
        }
        self.passed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Executes a statement that answers nothing; how many rows it changed.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, Error> {
        let span = tracing::info_span!(target: "throughline", "store", what = "execute");
        self.executed(statement).instrument(span).await
    }

    async fn executed(&mut self, statement: Statement) -> Result<u64, Error> {
        self.admit(&statement)?;
        let text = AssertSqlSafe(statement.text);
        let done = match (&mut self.connection, statement.values) {
            (Connection::Sqlite(connection), Values::Sqlite(values)) => {
                sqlx::query_with(text, values).execute(&mut **connection).await.map(|done| done.rows_affected())
            }
            (Connection::Postgres(connection), Values::Postgres(values)) => {
                sqlx::query_with(text, values).execute(&mut **connection).await.map(|done| done.rows_affected())
            }
            (Connection::Sqlite(_), Values::Postgres(_)) | (Connection::Postgres(_), Values::Sqlite(_)) => {
                return Err(Error::Senseless("a statement was written for the other database".to_owned()));
            }
        };
        done.map_err(|error| self.fail(&error))
    }

    /// Executes statements in their order.
    pub(crate) async fn execute_all(&mut self, statements: Vec<Statement>) -> Result<u64, Error> {
        let mut changed = 0;
        for statement in statements {
            changed += self.execute(statement).await?;
        }
        Ok(changed)
    }

    /// Executes a statement that answers rows.
    pub(crate) async fn fetch(&mut self, statement: Statement) -> Result<Vec<Answer>, Error> {
        let span = tracing::info_span!(target: "throughline", "store", what = "fetch", rows = tracing::field::Empty);
        let answer = self.fetched(statement).instrument(span.clone()).await?;
        span.record("rows", answer.len());
        Ok(answer)
    }

    async fn fetched(&mut self, statement: Statement) -> Result<Vec<Answer>, Error> {
        self.admit(&statement)?;
        let text = AssertSqlSafe(statement.text);
        let rows = match (&mut self.connection, statement.values) {
            (Connection::Sqlite(connection), Values::Sqlite(values)) => sqlx::query_with(text, values)
                .fetch_all(&mut **connection)
                .await
                .map(|rows| rows.into_iter().map(Answer::Sqlite).collect()),
            (Connection::Postgres(connection), Values::Postgres(values)) => sqlx::query_with(text, values)
                .fetch_all(&mut **connection)
                .await
                .map(|rows| rows.into_iter().map(Answer::Postgres).collect()),
            (Connection::Sqlite(_), Values::Postgres(_)) | (Connection::Postgres(_), Values::Sqlite(_)) => {
                return Err(Error::Senseless("a statement was written for the other database".to_owned()));
            }
        };
        rows.map_err(|error| self.fail(&error))
    }

    /// Executes several statements that have no values and answer nothing. They are not recorded.
    pub(crate) async fn script(&mut self, text: String) -> Result<(), Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(text));
        let done = match &mut self.connection {
            Connection::Sqlite(connection) => script.execute(&mut **connection).await.map(drop),
            Connection::Postgres(connection) => script.execute(&mut **connection).await.map(drop),
        };
        done.map_err(|error| self.fail(&error))
    }

    /// Executes a statement that answers one text.
    pub(crate) async fn fetch_text(&mut self, text: &'static str) -> Result<String, Error> {
        let rows = self.fetch(Statement::fixed(self.database(), text, &[])?).await?;
        rows.first().map_or_else(|| Err(Error::Malformed(format!("no answer to {text}"))), |row| row.text(0))
    }

    fn fail(&mut self, error: &sqlx::Error) -> Error {
        let error = Error::classify(error, During::Statement);
        if let Some(stopped) = &self.stops {
            note(stopped, &error);
        }
        self.failed = Some(error.clone());
        error
    }

    /// Commits; what has begun to be committed goes on to its end, so that a sync that fails is noted.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        Whole::new(self.committed()).await
    }

    async fn committed(self) -> Result<(), Error> {
        let done = match self.connection {
            Connection::Sqlite(transaction) => transaction.commit().await,
            Connection::Postgres(transaction) => transaction.commit().await,
        };
        done.map_err(|error| {
            let error = Error::classify(&error, During::Commit);
            if let Some(stopped) = &self.stops {
                note(stopped, &error);
            }
            error
        })?;
        if let Some(tape) = self.tape {
            tape.keep();
        }
        Ok(())
    }

    pub(crate) async fn rollback(self) -> Result<(), Error> {
        let done = match self.connection {
            Connection::Sqlite(transaction) => transaction.rollback().await,
            Connection::Postgres(transaction) => transaction.rollback().await,
        };
        done.map_err(|error| Error::classify(&error, During::Statement))
    }
}

/// A write or a sync that failed ends writing, for every transaction of this store.
pub(crate) fn note(stopped: &AtomicBool, error: &Error) {
    if error.ends_writing() {
        stopped.store(true, Ordering::Release);
    }
}

/// Whether the storage has not failed yet.
pub(crate) fn may_write(stopped: &AtomicBool) -> Result<(), Error> {
    if stopped.load(Ordering::Acquire) {
        return Err(Error::Fatal("a write or sync failed before".to_owned()));
    }
    Ok(())
}

/// One row of an answer. Columns are read by their place.
#[derive(Debug)]
pub(crate) enum Answer {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Reads a column as a type of Rust that both databases know; `$class` is how SQLite stores it.
macro_rules! read {
    ($answer:expr, $column:expr, $kind:ty, $class:literal) => {
        match $answer {
            Answer::Sqlite(row) => {
                check_class(row, $column, $class)?;
                row.try_get_unchecked::<$kind, usize>($column)
            }
            Answer::Postgres(row) => row.try_get_unchecked::<$kind, usize>($column),
        }
        .map_err(|error| Error::Malformed(error.to_string()))
    };
}

/// SQLite keeps in any column what somebody writes there, and turns it into what is asked for without a word: a number
/// loses its fraction, and a text becomes the bytes that no index finds it by.
fn check_class(row: &SqliteRow, column: usize, class: &str) -> Result<(), Error> {
    let value = row.try_get_raw(column).map_err(|error| Error::Malformed(error.to_string()))?;
    let found = value.type_info();
    if value.is_null() || found.name() == class {
        return Ok(());
    }
    let name = row.columns().get(column).map_or("", Column::name);
    Err(Error::Malformed(format!("{} in a column `{name}` of {class}", found.name())))
}

impl Answer {
    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, Error> {
        read!(self, column, Vec<u8>, "BLOB")
    }

    pub(crate) fn bytes_or_null(&self, column: usize) -> Result<Option<Vec<u8>>, Error> {
        read!(self, column, Option<Vec<u8>>, "BLOB")
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, Error> {
        read!(self, column, String, "TEXT")
    }

    pub(crate) fn int(&self, column: usize) -> Result<i64, Error> {
        read!(self, column, i64, "INTEGER")
    }

    pub(crate) fn int_or_null(&self, column: usize) -> Result<Option<i64>, Error> {
        read!(self, column, Option<i64>, "INTEGER")
    }

    pub(crate) fn bool(&self, column: usize) -> Result<bool, Error> {
        let truth = self.bool_or_null(column)?;
        truth.ok_or_else(|| Error::Malformed("nothing where a truth value belongs".to_owned()))
    }

    /// SQLite has numbers for truth values: one that is neither 0 nor 1 is none.
    fn bool_or_null(&self, column: usize) -> Result<Option<bool>, Error> {
        match self {
            Answer::Sqlite(_) => match self.int_or_null(column)? {
                None => Ok(None),
                Some(0) => Ok(Some(false)),
                Some(1) => Ok(Some(true)),
                Some(number) => Err(Error::Malformed(format!("{number} where a truth value belongs"))),
            },
            Answer::Postgres(row) => row
                .try_get_unchecked::<Option<bool>, usize>(column)
                .map_err(|error| Error::Malformed(error.to_string())),
        }
    }

    /// Bytes of a fixed length.
    pub(crate) fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], Error> {
        let bytes = read!(self, column, &[u8], "BLOB")?;
        bytes.try_into().map_err(|_| Error::Malformed(format!("{} bytes where {N} belong", bytes.len())))
    }

    pub(crate) fn id_or_null(&self, column: usize) -> Result<Option<Id>, Error> {
        let Some(bytes) = read!(self, column, Option<&[u8]>, "BLOB")? else { return Ok(None) };
        let id = bytes.try_into().map_err(|_| Error::Malformed(format!("an id of {} bytes", bytes.len())))?;
        Ok(Some(id))
    }

    /// A position or another number that is not negative.
    pub(crate) fn count<T: TryFrom<i64>>(&self, column: usize) -> Result<T, Error> {
        let number = self.int(column)?;
        T::try_from(number).map_err(|_| Error::Malformed(format!("{number} where a count belongs")))
    }

    pub(crate) fn value(&self, column: usize, kind: Type) -> Result<Value, Error> {
        Ok(match kind {
            Type::Text => read!(self, column, Option<String>, "TEXT")?.map(Value::Text),
            Type::Int => read!(self, column, Option<i64>, "INTEGER")?.map(Value::Int),
            Type::Bool => self.bool_or_null(column)?.map(Value::Bool),
            Type::Float => read!(self, column, Option<f64>, "REAL")?.map(Value::Float),
            Type::Bytes => read!(self, column, Option<Vec<u8>>, "BLOB")?.map(Value::Bytes),
        }
        .unwrap_or(Value::Null))
    }
}
