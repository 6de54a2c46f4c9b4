//! Bringing the truth's tables up to date, forward only.
//!
//! The scripts of `migrations/` lie inside the program. All that are missing run in one transaction with the note that
//! they have run, so a crash leaves a schema of some version and nothing in between; two programs that start at once
//! take turns.

use crate::door::Door;
use crate::error::Error;
use crate::statement::{Bind, Statement, script};
use crate::store::Database;

/// The scripts by version: the first is version 1.
const SCRIPTS: &[&str] = &[
    include_str!("../../../migrations/0001_log.sql"),
    include_str!("../../../migrations/0002_forgotten.sql"),
    include_str!("../../../migrations/0003_keys.sql"),
    include_str!("../../../migrations/0004_signed.sql"),
];

/// The oldest SQLite whose write-ahead log can be trusted (3.51.3 mends its reset).
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];
/// The oldest PostgreSQL, as `server_version_num` says it.
const OLDEST_POSTGRES: u32 = 150_000;
/// The settings of PostgreSQL without which a commit is no promise. What is said here of a connection is its own
/// setting, so a pooler that drops ours (`synchronous_commit`) is noticed too.
const KEEPS: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];
/// The number of the lock that whoever changes a schema on PostgreSQL holds (the letters `thruline`).
const TURN: i64 = 0x7468_7275_6c69_6e65;

/// Refuses a database program that is too old, that is set up to lose what it acknowledged, or that does not keep text
/// as UTF-8.
pub(crate) async fn check_program(door: &mut Door) -> Result<(), Error> {
    match door.database() {
        Database::Sqlite => {
            let found = door.fetch_text("select sqlite_version()").await?;
            if numbers(&found) < OLDEST_SQLITE {
                return Err(Error::TooOld { database: "SQLite", found, needed: "3.51.3" });
            }
        }
        Database::Postgres => {
            let number = door.fetch_text("select current_setting('server_version_num')").await?;
            if number.parse::<u32>().unwrap_or(0) < OLDEST_POSTGRES {
                let found = door.fetch_text("select current_setting('server_version')").await?;
                return Err(Error::TooOld { database: "PostgreSQL", found, needed: "15" });
            }
            for setting in KEEPS {
                let asked = Statement::fixed(Database::Postgres, "select current_setting(?)", &[Bind::Text(setting)])?;
                let found = door.fetch(asked).await?;
                if found.first().map_or(Ok(String::new()), |row| row.text(0))? == "off" {
                    return Err(Error::Unsafe(setting));
                }
            }
            let encoding = door.fetch_text("select current_setting('server_encoding')").await?;
            if encoding != "UTF8" {
                return Err(Error::Open(format!("its encoding is {encoding}; make it with encoding UTF8")));
            }
        }
    }
    Ok(())
}

/// The three numbers of a version, to be compared.
fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

/// Waits for the turn to change the schema. On SQLite whoever writes has it.
pub(crate) async fn take_turn(door: &mut Door) -> Result<(), Error> {
    if door.database() == Database::Postgres {
        let turn = "select pg_advisory_xact_lock(?)";
        door.fetch(Statement::fixed(Database::Postgres, turn, &[Bind::Int(TURN)])?).await?;
    }
    Ok(())
}

/// Whether any script has been run.
pub(crate) async fn is_there(door: &mut Door) -> Result<bool, Error> {
    let database = door.database();
    let asked = match database {
        Database::Sqlite => "select name from sqlite_schema where name = 'schema_version'",
        Database::Postgres => {
            "select tablename from pg_tables where schemaname = current_schema() and tablename = 'schema_version'"
        }
    };
    Ok(!door.fetch(Statement::fixed(database, asked, &[])?).await?.is_empty())
}

/// Runs the scripts that have not been run.
pub(crate) async fn migrate(door: &mut Door) -> Result<(), Error> {
    let database = door.database();
    take_turn(door).await?;
    door.script("create table if not exists schema_version (version bigint not null primary key)".to_owned()).await?;
    let newest = "select coalesce(max(version), 0) from schema_version";
    let rows = door.fetch(Statement::fixed(database, newest, &[])?).await?;
    let found: u32 = rows.first().map_or(Ok(0), |row| row.count(0))?;
    let known = u32::try_from(SCRIPTS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(Error::NewerSchema { found, known });
    }
    for (version, portable) in (1..).zip(SCRIPTS.iter().copied()).filter(|(version, _)| *version > found) {
        door.script(script(database, portable)).await?;
        let note = "insert into schema_version (version) values (?)";
        door.execute(Statement::fixed(database, note, &[Bind::Int(version.into())])?).await?;
    }
    assume_sizes(door).await
}

/// Tells SQLite's planner what no measurement of an empty table could: that a log has very many rows.
///
/// Without it the planner takes ten rows for what `log_id = ?` leaves, and then reads a whole log in the order of its
/// primary key rather than look a thing up in its index. It keeps sizes in a table that may be written
/// (<https://www.sqlite.org/fileformat2.html#the_sqlite_stat1_table>): an index's rows in all, and how many its first
/// column leaves, its first two, and so on.
pub(crate) async fn assume_sizes(door: &mut Door) -> Result<(), Error> {
    if door.database() == Database::Postgres {
        return Ok(());
    }
    let measured = "select 1 from sqlite_schema where name = 'sqlite_stat1'";
    if door.fetch(Statement::fixed(Database::Sqlite, measured, &[])?).await?.is_empty() {
        // makes the table of sizes, by measuring one that has a handful of rows
        door.script("analyze schema_version".to_owned()).await?;
    }
    let unknown = "select t.name, i.name, i.origin, i.\"unique\", (select count(*) from pragma_index_info(i.name)) \
                   from sqlite_schema as t join pragma_index_list(t.name) as i \
                   where t.type = 'table' and t.name not in (select tbl from sqlite_stat1)";
    let indexes = door.fetch(Statement::fixed(Database::Sqlite, unknown, &[])?).await?;
    for index in &indexes {
        let (table, origin, columns): (_, _, u32) = (index.text(0)?, index.text(2)?, index.count(4)?);
        // a primary key goes by its table's name
        let name = if origin == "pk" { table.clone() } else { index.text(1)? };
        let left =
            (1..=columns).map(|column| if column == columns && index.int(3) == Ok(1) { 1 } else { left_by(column) });
        let sizes = left.fold(ROWS.to_string(), |sizes, left| format!("{sizes} {left}"));
        let note = "insert into sqlite_stat1 (tbl, idx, stat) values (?, ?, ?)";
        let binds = [Bind::Text(&table), Bind::Text(&name), Bind::Text(&sizes)];
        door.execute(Statement::fixed(Database::Sqlite, note, &binds)?).await?;
    }
    if indexes.is_empty() {
        return Ok(());
    }
    // reads the sizes again
    door.script("analyze sqlite_schema".to_owned()).await
}

/// How many rows a table is taken to have.
const ROWS: u64 = 1_000_000;

/// How many of them the first columns of an index leave: a tenth for the log, and a fiftieth of that for each that
/// follows.
fn left_by(columns: u32) -> u64 {
    (ROWS / 10 / 50_u64.saturating_pow(columns - 1)).max(2)
}

#[cfg(test)]
mod tests {
    use super::{OLDEST_SQLITE, numbers};

    /// D2: the library that is linked is checked at every start; these are the answers it could give.
    #[test]
    fn a_sqlite_with_the_faulty_wal_is_too_old() {
        for old in ["3.7.0", "3.9.9", "3.50.4", "3.51.2", "2.99.99", "", "nonsense"] {
            assert!(numbers(old) < OLDEST_SQLITE, "{old}");
        }
        for good in ["3.51.3", "3.51.10", "3.52.0", "3.100.0", "4.0.0"] {
            assert!(numbers(good) >= OLDEST_SQLITE, "{good}");
        }
    }
}
