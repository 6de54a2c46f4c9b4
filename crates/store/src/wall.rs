//! The wall between logs: PostgreSQL's row-level security, for those who read for people.
//!
//! Every statement names its log, and that is the first wall. This is the second: what reads one log
//! ([`crate::Store::snapshot_of`]) runs as a role of its own, to which every table that has a `log_id` shows the rows of
//! the logs that the transaction has named, and none where it has named none. So a statement of ours that forgot its log
//! would find nothing of anybody else. What belongs to no log (`meta`, `projections`) that role may not read at all.
//!
//! Why it holds:
//! * Who reads so has a pool of connections that are that role from their start, so no statement on them is the owner's
//!   by mistake, and no plan is made for two roles in turn.
//! * The names are said in the message that begins the transaction, and end with it. They cost no round trip.
//! * Tables are found in the catalogue and not listed here: a new one gets its policy when it is made, and until then the
//!   role has no right to it.
//! * The owner of the tables passes the policies: what commits, folds, signs, checks and sends reads across logs.
//! * The policy's list is worked out once a statement, and compared with rows that an index has found by the statement's
//!   own conditions. As a condition of the index (what `is true` keeps it from) it made the planner take another index
//!   than the one that fits: a list may be long, so no key is whole any more. PostgreSQL lets only conditions that cannot
//!   leak a value come before a policy; all of ours are such.
//!
//! What it does not hold against: whoever can run SQL of their own, since they can name any log.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use crate::door::Door;
use crate::error::Error;
use crate::schema;
use crate::statement::{Bind, Statement, hex};
use crate::store::{Database, Store};
use crate::value::Id;

/// How a transaction begins that reads one state of the database.
pub(crate) const READING: &str = "begin isolation level repeatable read read only";
/// The longest name that PostgreSQL keeps whole.
const NAME_BYTES_MAX: usize = 63;

/// What lies around a database's logs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wall {
    /// The role as which is read.
    pub role: String,
    /// How many tables are behind it.
    pub tables: u64,
    /// The schema in which they lie.
    pub(crate) schema: String,
}

/// How a transaction begins that may read these logs; without any, it names none.
pub(crate) fn begins(logs: &[Id]) -> SqlStr {
    if logs.is_empty() {
        return READING.into_sql_str();
    }
    // An array of bytes as PostgreSQL writes one. Only hexadecimal digits come from outside.
    let named: Vec<String> = logs.iter().map(|log| format!("\"\\\\\\\\x{}\"", hex(log))).collect();
    AssertSqlSafe(format!("{READING}; set local throughline.logs = E'{{{}}}'", named.join(","))).into_sql_str()
}

/// A table's policy. After a transaction that named logs the setting is empty, before the first one it is null.
fn policy(table: &str, role: &str) -> String {
    format!(
        "create policy {role} on {table} for select to {role} using ((log_id = any \
         ((select nullif(current_setting('throughline.logs', true), '')::bytea[])::bytea[])) is true)"
    )
}

/// Which tables have a log, and the parts of the wall that each has.
const TABLES: &str = "select quote_ident(c.relname), c.relrowsecurity, \
     exists (select 1 from pg_policy as p where p.polrelid = c.oid and p.polname = ?), \
     has_table_privilege(?, c.oid, 'select'), pg_has_role(?, c.relowner, 'usage') \
     from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attname = 'log_id' and not a.attisdropped \
     where c.relkind in ('r', 'p') and c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) \
     order by c.relname";

struct Walled {
    name: String,
    lacks: Vec<Part>,
    is_readers_own: bool,
}

/// A part of the wall before a table.
enum Part {
    /// Row-level security is on.
    Security,
    /// Readers have their policy.
    Policy,
    /// And may read it at all.
    Right,
}

impl Part {
    fn raise(&self, table: &str, role: &str) -> String {
        match self {
            Part::Security => format!("alter table {table} enable row level security"),
            Part::Policy => policy(table, role),
            Part::Right => format!("grant select on {table} to {role}"),
        }
    }
}

async fn tables(door: &mut Door, role: &str) -> Result<Vec<Walled>, Error> {
    let binds = [Bind::Text(role); 3];
    let rows = door.fetch(Statement::fixed(Database::Postgres, TABLES, &binds)?).await?;
    let read = |row: &crate::door::Answer| {
        let mut lacks = Vec::new();
        for (column, part) in [(1, Part::Security), (2, Part::Policy), (3, Part::Right)] {
            if !row.bool(column)? {
                lacks.push(part);
            }
        }
        Ok(Walled { name: row.text(0)?, lacks, is_readers_own: row.bool(4)? })
    };
    rows.iter().map(read).collect()
}

/// A role's name that means the same with quotes and without.
fn checked(role: &str) -> Result<&str, Error> {
    let begins = role.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_');
    let goes_on = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if begins && role.chars().all(goes_on) && role.len() <= NAME_BYTES_MAX && !role.starts_with("pg_") {
        return Ok(role);
    }
    Err(Error::Wall(format!("`{role}` is no name for a role: small letters, digits and `_` make one")))
}

/// Makes what is missing of the wall, and looks whether it stands.
///
/// # Errors
/// [`Error::Wall`] says what is missing and may not be made, and what to run as whoever may.
pub(crate) async fn raise(store: &Store, role: &str) -> Result<Wall, Error> {
    if store.database() != Database::Postgres {
        return Err(Error::Wall("only PostgreSQL has roles; leave the reader's role empty on SQLite".to_owned()));
    }
    let role = checked(role)?;
    make_role(store, role).await?;
    let mut door = store.write().await?;
    schema::take_turn(&mut door).await?;
    let schema = door.fetch_text("select quote_ident(current_schema())").await?;
    let may = "select 1 where has_schema_privilege(?, current_schema(), 'usage')";
    if door.fetch(Statement::fixed(Database::Postgres, may, &[Bind::Text(role)])?).await?.is_empty() {
        door.script(format!("grant usage on schema {schema} to {role}")).await?;
    }
    door.commit().await?;
    let tables = raise_tables(store, role).await?;
    Ok(Wall { role: role.to_owned(), tables, schema })
}

/// Makes what is missing of the wall before tables; how many there are. Each has a transaction of its own, so that it
/// waits for whoever uses that table, and nobody waits for two.
pub(crate) async fn raise_tables(store: &Store, role: &str) -> Result<u64, Error> {
    let mut door = store.write().await?;
    let tables = tables(&mut door, role).await?;
    door.commit().await?;
    for table in &tables {
        if table.is_readers_own {
            let said = format!("the role {role} is or is in the role that owns {}, which passes it", table.name);
            return Err(Error::Wall(format!("{said}; take it out: revoke … from {role}")));
        }
        if !table.lacks.is_empty() {
            raise_before(store, role, &table.name).await?;
        }
    }
    Ok(tables.len() as u64)
}

async fn raise_before(store: &Store, role: &str, table: &str) -> Result<(), Error> {
    let mut door = store.write().await?;
    schema::take_turn(&mut door).await?;
    // Another node may have been first.
    let Some(now) = tables(&mut door, role).await?.into_iter().find(|now| now.name == table) else { return Ok(()) };
    let script: Vec<String> = now.lacks.iter().map(|part| part.raise(table, role)).collect();
    if !script.is_empty() {
        // Everybody would wait behind a change that waits for one long reading.
        let script = format!("set local lock_timeout = '5s'; {}", script.join("; "));
        door.script(script).await.map_err(|error| {
            let why = if matches!(error, Error::Conflict(_)) {
                "is in use, by a long reading perhaps; try again when it has ended"
            } else {
                "is not the database user's own"
            };
            Error::Wall(format!("{table} {why} ({error})"))
        })?;
    }
    door.commit().await
}

/// The role: that it is there, is bound by policies, and is one that the database's user may take on.
async fn make_role(store: &Store, role: &str) -> Result<(), Error> {
    if look(store, role).await?.is_none() {
        let made = run(store, format!("create role {role} nologin")).await;
        // A node of another database on the same server may have been first.
        if look(store, role).await?.is_none() {
            let user = user(store).await?;
            let said = made.err().map_or_else(String::new, |error| format!(" ({error})"));
            return Err(Error::Wall(format!(
                "the role {role} is not there, and the database's user {user} may not make it{said}; \
                 as a superuser of the database's server run: create role {role} nologin; grant {role} to {user}"
            )));
        }
    }
    let Some(found) = look(store, role).await? else { return Err(Error::Wall(format!("the role {role} is gone"))) };
    if found.passes {
        return Err(Error::Wall(format!(
            "the role {role} passes every policy; as a superuser of the database's server run: \
             alter role {role} nosuperuser nobypassrls"
        )));
    }
    if found.may_be_taken_on {
        return Ok(());
    }
    let user = user(store).await?;
    let granted = run(store, format!("grant {role} to {user}")).await;
    if look(store, role).await?.is_some_and(|found| found.may_be_taken_on) {
        return Ok(());
    }
    let said = granted.err().map_or_else(String::new, |error| format!(" ({error})"));
    Err(Error::Wall(format!(
        "the database's user {user} may not take on the role {role}{said}; \
         as a superuser of the database's server run: grant {role} to {user}"
    )))
}

struct Role {
    passes: bool,
    may_be_taken_on: bool,
}

async fn look(store: &Store, role: &str) -> Result<Option<Role>, Error> {
    let mut door = store.write().await?;
    let number = door.fetch_text("select current_setting('server_version_num')").await?;
    // Since PostgreSQL 16 a member need not be one who may become the role.
    let text = if number.parse::<u32>().unwrap_or(0) < 160_000 {
        "select rolsuper or rolbypassrls, pg_has_role(oid, 'member') from pg_roles where rolname = ?"
    } else {
        "select rolsuper or rolbypassrls, pg_has_role(oid, 'set') from pg_roles where rolname = ?"
    };
    let rows = door.fetch(Statement::fixed(Database::Postgres, text, &[Bind::Text(role)])?).await?;
    door.commit().await?;
    rows.first().map(|row| Ok(Role { passes: row.bool(0)?, may_be_taken_on: row.bool(1)? })).transpose()
}

async fn user(store: &Store) -> Result<String, Error> {
    let mut door = store.write().await?;
    let user = door.fetch_text("select quote_ident(current_user)").await?;
    door.commit().await?;
    Ok(user)
}

async fn run(store: &Store, script: String) -> Result<(), Error> {
    let mut door = store.write().await?;
    door.script(script).await?;
    door.commit().await
}

/// Looks from inside whether the wall stands: the readers' connections are the role's, and no table shows them a row
/// while no log is named.
pub(crate) async fn check(store: &Store, wall: &Wall) -> Result<(), Error> {
    let mut owner = store.write().await?;
    let tables = tables(&mut owner, &wall.role).await?;
    owner.commit().await?;
    let mut door = store.snapshot_of(&[]).await?.door;
    let is = door.fetch_text("select current_user").await?;
    if is != wall.role {
        return Err(Error::Wall(format!(
            "a connection that should be {}'s is {is}'s; is there a pooler that drops what connections set?",
            wall.role
        )));
    }
    let shown = tables.iter().map(|table| format!("select '{0}' where exists (select 1 from {0})", table.name));
    let mut statement = Statement::new(Database::Postgres);
    statement.push(&shown.collect::<Vec<_>>().join(" union all "));
    let open = if tables.is_empty() { Vec::new() } else { door.fetch(statement).await? };
    door.rollback().await?;
    let open = open.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
    if open.is_empty() {
        return Ok(());
    }
    Err(Error::Wall(format!(
        "{} shows rows to {} though no log is named; another policy lets it: look at pg_policies, and drop it",
        open.join(", "),
        wall.role
    )))
}

#[cfg(test)]
mod tests {
    use super::{begins, checked};

    #[test]
    fn logs_are_named_where_the_transaction_begins() {
        assert_eq!(begins(&[]).as_str(), "begin isolation level repeatable read read only");
        assert_eq!(
            begins(&[[0; 16], [0xab; 16]]).as_str(),
            "begin isolation level repeatable read read only; set local throughline.logs = \
             E'{\"\\\\\\\\x00000000000000000000000000000000\",\"\\\\\\\\xabababababababababababababababab\"}'"
        );
    }

    #[test]
    fn a_role_is_named_by_a_plain_word() {
        for good in ["throughline_reader", "_r", "r2"] {
            assert_eq!(checked(good), Ok(good));
        }
        let long = "r".repeat(64);
        for bad in ["", "2r", "Reader", "r-r", "r r", "r\"", "r;drop", "pg_read_all_data", "ä", &long] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
