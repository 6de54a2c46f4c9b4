//! Statements: text and values together, written once for both databases.
//!
//! This module is where the two databases differ: SQLite takes `?` (a numbered placeholder is looked up by its name
//! there, which halved the throughput in a trial) and one value a placeholder; PostgreSQL takes `$1` and whole
//! columns as arrays. A statement on SQLite has few shapes, so that it is found in the connection's cache of prepared
//! ones: lists are padded with nulls to a power of two, and rows to be written are cut into powers of two.

use std::borrow::Cow;
use std::fmt::Write as _;

use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;

use crate::error::Error;
use crate::store::Database;
use crate::value::{Id, Type, Value};

/// Most values in one statement that writes rows on SQLite. Its own limit is 32 766; longer statements win nothing.
const VALUES_A_STATEMENT: usize = 1024;
/// Longest list of ids that SQLite gets as placeholders; a longer one is sent as JSON.
const LONGEST_LIST: usize = 256;

/// A value on its way into a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bind<'a> {
    Null(Type),
    Text(&'a str),
    Int(i64),
    Bool(bool),
    Float(f64),
    Bytes(&'a [u8]),
}

impl<'a> Bind<'a> {
    pub(crate) fn id(id: Option<&'a Id>) -> Bind<'a> {
        id.map_or(Bind::Null(Type::Bytes), |id| Bind::Bytes(id))
    }

    /// A position or a size. None comes near `i64::MAX`; one that does would be refused by a later reading.
    pub(crate) fn count(number: u64) -> Bind<'a> {
        Bind::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// A value that is known to belong into a column of a type.
    pub(crate) fn of(value: &'a Value, column: &str, kind: Type) -> Result<Bind<'a>, Error> {
        match (value, kind) {
            (Value::Null, _) => Ok(Bind::Null(kind)),
            (Value::Text(text), Type::Text) => Ok(Bind::Text(text)),
            (Value::Int(number), Type::Int) => Ok(Bind::Int(*number)),
            (Value::Bool(truth), Type::Bool) => Ok(Bind::Bool(*truth)),
            (Value::Float(number), Type::Float) => Ok(Bind::Float(*number)),
            (Value::Bytes(bytes), Type::Bytes) => Ok(Bind::Bytes(bytes)),
            // Its kind and not what it is: that may be anybody's.
            _ => Err(Error::Senseless(format!("{column} is {}, and a value of {} is not", kind.sql(), value.word()))),
        }
    }

    fn text(self) -> Option<&'a str> {
        if let Bind::Text(text) = self { Some(text) } else { None }
    }

    fn int(self) -> Option<i64> {
        if let Bind::Int(number) = self { Some(number) } else { None }
    }

    fn bool(self) -> Option<bool> {
        if let Bind::Bool(truth) = self { Some(truth) } else { None }
    }

    fn float(self) -> Option<f64> {
        if let Bind::Float(number) = self { Some(number) } else { None }
    }

    fn bytes(self) -> Option<&'a [u8]> {
        if let Bind::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

/// The values, in the form in which the driver takes them. A clone shares or copies bytes and encodes nothing again.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

impl Values {
    fn new(database: Database) -> Values {
        match database {
            Database::Sqlite => Values::Sqlite(SqliteArguments::default()),
            Database::Postgres => Values::Postgres(PgArguments::default()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Values::Sqlite(values) => values.len(),
            Values::Postgres(values) => values.len(),
        }
    }

    fn add(&mut self, bind: Bind<'_>) -> Result<(), Error> {
        let added = match self {
            Values::Sqlite(values) => match bind {
                Bind::Null(_) => values.add(None::<i64>),
                Bind::Text(text) => values.add(text),
                Bind::Int(number) => values.add(number),
                Bind::Bool(truth) => values.add(truth),
                Bind::Float(number) => values.add(number),
                Bind::Bytes(bytes) => values.add(bytes),
            },
            Values::Postgres(values) => match bind {
                Bind::Null(Type::Text) => values.add(None::<&str>),
                Bind::Null(Type::Int) => values.add(None::<i64>),
                Bind::Null(Type::Bool) => values.add(None::<bool>),
                Bind::Null(Type::Float) => values.add(None::<f64>),
                Bind::Null(Type::Bytes) => values.add(None::<&[u8]>),
                Bind::Text(text) => values.add(text),
                Bind::Int(number) => values.add(number),
                Bind::Bool(truth) => values.add(truth),
                Bind::Float(number) => values.add(number),
                Bind::Bytes(bytes) => values.add(bytes),
            },
        };
        added.map_err(|error| Error::Senseless(error.to_string()))
    }

    /// Adds one column of rows as an array. PostgreSQL only.
    fn add_column<'a>(&mut self, kind: Type, cells: impl Iterator<Item = Bind<'a>>) -> Result<(), Error> {
        let Values::Postgres(values) = self else { return Ok(()) };
        let added = match kind {
            Type::Text => values.add(cells.map(Bind::text).collect::<Vec<_>>()),
            Type::Int => values.add(cells.map(Bind::int).collect::<Vec<_>>()),
            Type::Bool => values.add(cells.map(Bind::bool).collect::<Vec<_>>()),
            Type::Float => values.add(cells.map(Bind::float).collect::<Vec<_>>()),
            Type::Bytes => values.add(cells.map(Bind::bytes).collect::<Vec<_>>()),
        };
        added.map_err(|error| Error::Senseless(error.to_string()))
    }
}

/// A statement that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) text: Cow<'static, str>,
    pub(crate) values: Values,
}

impl Statement {
    pub(crate) fn new(database: Database) -> Statement {
        Statement { text: Cow::Borrowed(""), values: Values::new(database) }
    }

    /// A statement whose text is fixed, with `?` for its values.
    pub(crate) fn fixed(database: Database, text: &'static str, binds: &[Bind<'_>]) -> Result<Statement, Error> {
        let mut values = Values::new(database);
        for bind in binds {
            values.add(*bind)?;
        }
        let text = match database {
            Database::Sqlite => Cow::Borrowed(text),
            Database::Postgres => Cow::Owned(numbered(text)),
        };
        Ok(Statement { text, values })
    }

    pub(crate) fn database(&self) -> Database {
        match self.values {
            Values::Sqlite(_) => Database::Sqlite,
            Values::Postgres(_) => Database::Postgres,
        }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Adds text on one database only.
    pub(crate) fn push_on(&mut self, database: Database, text: &str) -> &mut Self {
        if self.database() == database { self.push(text) } else { self }
    }

    /// Writes a placeholder and adds its value.
    pub(crate) fn bind(&mut self, bind: Bind<'_>) -> Result<&mut Self, Error> {
        self.values.add(bind)?;
        match self.database() {
            Database::Sqlite => self.text.to_mut().push('?'),
            Database::Postgres => self.number(),
        }
        Ok(self)
    }

    fn number(&mut self) {
        let number = self.values.len();
        // writing to a String does not fail
        let _ = write!(self.text.to_mut(), "${number}");
    }

    /// Writes a condition: a column is one of some ids.
    pub(crate) fn one_of(&mut self, column: &str, ids: &[Id]) -> Result<&mut Self, Error> {
        self.push(column);
        if self.database() == Database::Sqlite && ids.len() > LONGEST_LIST {
            self.push(" in (select unhex(value) from json_each(");
            return Ok(self.bind(Bind::Text(&json_of(ids)))?.push("))"));
        }
        let binds: Vec<Bind<'_>> = ids.iter().map(|id| Bind::Bytes(id)).collect();
        self.one_of_binds(Type::Bytes, &binds)
    }

    /// Writes what follows a column: that it is one of some values.
    pub(crate) fn one_of_binds(&mut self, kind: Type, binds: &[Bind<'_>]) -> Result<&mut Self, Error> {
        match self.database() {
            Database::Sqlite => {
                self.push(" in (");
                for place in 0..binds.len().next_power_of_two() {
                    self.push(if place == 0 { "?" } else { ",?" });
                    self.values.add(binds.get(place).copied().unwrap_or(Bind::Null(kind)))?;
                }
            }
            Database::Postgres => {
                self.values.add_column(kind, binds.iter().copied())?;
                self.push(" = any(").number();
            }
        }
        Ok(self.push(")"))
    }

    /// Writes a question for the rows of a table (named `t` in `columns`) by the first columns of its primary key.
    ///
    /// Both databases are made to take the keys as the outer loop: SQLite keeps the order of a cross join, and
    /// PostgreSQL does not look into a subquery with an offset. Left alone it may scan a table that was small when it
    /// made the plan.
    pub(crate) fn lookup(
        &mut self,
        columns: &str,
        table: &str,
        by: &[&str],
        rows: &Rows<'_>,
    ) -> Result<&mut Self, Error> {
        self.push("select ").push(columns).push(" from ");
        match self.database() {
            Database::Sqlite => self.keys(rows)?.push(" cross join ").push(table).push(" as t on "),
            Database::Postgres => {
                self.keys(rows)?.push(" cross join lateral (select t.*, t.ctid from ").push(table).push(" as t where ")
            }
        };
        let equal = by.iter().enumerate().map(|(place, column)| format!("t.{column} = k.column{}", place + 1));
        self.push(&equal.collect::<Vec<_>>().join(" and "));
        Ok(self.push_on(Database::Postgres, " offset 0) as t"))
    }

    /// Writes the deletion of rows by the first columns of a table's primary key.
    pub(crate) fn delete(&mut self, table: &str, by: &[&str], rows: &Rows<'_>) -> Result<&mut Self, Error> {
        self.push("delete from ").push(table);
        match self.database() {
            Database::Sqlite => self.push(" where (").push(&by.join(", ")).push(") in ").values(rows),
            // their places, by the same lookup; nobody moves the rows of a log whose head is locked
            Database::Postgres => {
                Ok(self.push(" where ctid = any(array(").lookup("t.ctid", table, by, rows)?.push("))"))
            }
        }
    }

    /// Writes rows as a table `k` with the columns `column1`, `column2` and so on.
    pub(crate) fn keys(&mut self, rows: &Rows<'_>) -> Result<&mut Self, Error> {
        if self.database() == Database::Sqlite {
            return Ok(self.values(rows)?.push(" as k"));
        }
        let names: Vec<String> = (1..=rows.types.len()).map(|place| format!("column{place}")).collect();
        Ok(self.unnest(rows)?.push(" as k(").push(&names.join(", ")).push(")"))
    }

    /// Writes `(values …)`. Its rows are filled up with nulls, which equal nothing, so that it has few shapes.
    fn values(&mut self, rows: &Rows<'_>) -> Result<&mut Self, Error> {
        self.push("(values ");
        let (count, width) = (rows.count(), rows.types.len());
        let tuple = tuple(width);
        for place in 0..count.next_power_of_two() {
            self.push(if place == 0 { "" } else { "," }).push(&tuple);
            for column in 0..width {
                self.values.add(if place < count { rows.cell(place, column) } else { Bind::Null(Type::Bytes) })?;
            }
        }
        Ok(self.push(")"))
    }

    fn unnest(&mut self, rows: &Rows<'_>) -> Result<&mut Self, Error> {
        self.push("unnest(");
        for (column, kind) in rows.types.iter().enumerate() {
            self.values.add_column(*kind, rows.column(column))?;
            self.push(if column == 0 { "" } else { ", " }).number();
            self.push("::").push(kind.sql()).push("[]");
        }
        Ok(self.push(")"))
    }
}

/// Rows to be written or joined with, cell by cell.
#[derive(Clone, Debug)]
pub(crate) struct Rows<'a> {
    types: Vec<Type>,
    cells: Vec<Bind<'a>>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(types: Vec<Type>) -> Rows<'a> {
        Rows { types, cells: Vec::new() }
    }

    /// Adds a row; it must have as many cells as there are types.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Bind<'a>>) {
        self.cells.extend(cells);
    }

    /// Rows of pairs of ids.
    pub(crate) fn pairs(pairs: &'a [(Id, Id)]) -> Rows<'a> {
        let mut rows = Rows::new(vec![Type::Bytes; 2]);
        for (first, second) in pairs {
            rows.row([Bind::Bytes(first), Bind::Bytes(second)]);
        }
        rows
    }

    pub(crate) fn count(&self) -> usize {
        self.cells.len() / self.types.len()
    }

    fn cell(&self, row: usize, column: usize) -> Bind<'a> {
        self.cells.get(row * self.types.len() + column).copied().unwrap_or(Bind::Null(Type::Bytes))
    }

    fn column(&self, column: usize) -> impl Iterator<Item = Bind<'a>> {
        self.cells.iter().skip(column).step_by(self.types.len()).copied()
    }
}

/// The statements that insert rows into a table. `conflict` is what follows: nothing, or `on conflict …`.
pub(crate) fn insert(
    database: Database,
    table: &str,
    columns: &[&str],
    rows: &Rows<'_>,
    conflict: &str,
) -> Result<Vec<Statement>, Error> {
    let head = format!("insert into {table} ({}) ", columns.join(", "));
    if rows.count() == 0 {
        return Ok(Vec::new());
    }
    if database == Database::Postgres {
        let mut statement = Statement::new(database);
        statement.push(&head).push("select * from ").unnest(rows)?.push(conflict);
        return Ok(vec![statement]);
    }
    let width = columns.len();
    let mut statements = Vec::new();
    let mut rest = rows.cells.as_slice();
    while !rest.is_empty() {
        let size = largest_part(rest.len() / width, width);
        let (part, after) = rest.split_at(size * width);
        let mut statement = Statement::new(database);
        let tuples = format!("{},", tuple(width)).repeat(size);
        statement.push(&head).push("values ").push(tuples.trim_end_matches(',')).push(conflict);
        for cell in part {
            statement.values.add(*cell)?;
        }
        statements.push(statement);
        rest = after;
    }
    Ok(statements)
}

/// The greatest power of two of rows that is not more than `rows` and fits a statement.
fn largest_part(rows: usize, width: usize) -> usize {
    let most = rows.min(VALUES_A_STATEMENT / width).max(1);
    1 << most.ilog2()
}

/// `(?,?,?)`
fn tuple(width: usize) -> String {
    let marks = "?,".repeat(width);
    format!("({})", marks.trim_end_matches(','))
}

/// Ids as a JSON array of hexadecimal texts.
fn json_of(ids: &[Id]) -> String {
    let texts: Vec<String> = ids.iter().map(|id| format!("\"{}\"", hex(id))).collect();
    format!("[{}]", texts.join(","))
}

/// Bytes as lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Text with each `?` replaced by `$1`, `$2`, …. Our statements hold no `?` in quotes.
pub(crate) fn numbered(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len() + 16);
    for (place, part) in text.split('?').enumerate() {
        if place > 0 {
            let _ = write!(numbered, "${place}");
        }
        numbered.push_str(part);
    }
    numbered
}

/// A portable script as one database takes it: a comment that begins with the database's name is uncommented, and on
/// PostgreSQL every `text` column compares bytewise, as it does on SQLite.
pub(crate) fn script(database: Database, portable: &str) -> String {
    let name = match database {
        Database::Sqlite => "/*sqlite:",
        Database::Postgres => "/*postgres:",
    };
    let mut rest = portable;
    let mut plain = String::with_capacity(portable.len());
    while let Some((before, after)) = rest.split_once(name) {
        let (inside, behind) = after.split_once("*/").unwrap_or((after, ""));
        plain.push_str(before);
        plain.push_str(inside);
        rest = behind;
    }
    plain.push_str(rest);
    if database == Database::Sqlite { plain } else { collated(&plain) }
}

/// Writes `collate "C"` after each word `text` that is in no comment.
fn collated(script: &str) -> String {
    let mut collated = String::with_capacity(script.len());
    for line in script.lines() {
        let (code, comment) = line.split_at(line.find("--").unwrap_or(line.len()));
        for piece in code.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
            let word = piece.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            if word.eq_ignore_ascii_case("text") {
                collated.push_str("text collate \"C\"");
                collated.push_str(&piece[word.len()..]);
            } else {
                collated.push_str(piece);
            }
        }
        collated.push_str(comment);
        collated.push('\n');
    }
    collated
}

#[cfg(test)]
mod tests {
    use super::{Bind, hex, json_of, numbered, script};
    use crate::store::Database;
    use crate::value::{Type, Value};

    #[test]
    fn a_portable_script_becomes_each_databases_own() {
        let portable = "-- a text\ncreate table a (b text not null, context text) \
                        /*sqlite: without rowid*/ /*postgres: with (c = 1)*/;";
        let (sqlite, postgres) = (script(Database::Sqlite, portable), script(Database::Postgres, portable));
        assert_eq!(
            sqlite,
            "-- a text\ncreate table a (b text not null, context text)  without rowid /*postgres: with (c = 1)*/;"
        );
        assert_eq!(
            postgres,
            "-- a text\ncreate table a (b text collate \"C\" not null, context text collate \"C\") \
             /*sqlite: without rowid*/  with (c = 1);\n"
        );
    }

    #[test]
    fn a_value_of_another_type_is_refused_and_not_repeated() {
        for (value, kind) in
            [(Value::Text("Robin".to_owned()), Type::Int), (Value::Bytes(b"Robin".to_vec()), Type::Bool)]
        {
            let said = Bind::of(&value, "added_at", kind).unwrap_err();
            let said = format!("{said} {said:?}");
            assert!(said.contains("added_at is ") && !said.contains("Robin") && !said.contains("82"), "{said}");
        }
    }

    #[test]
    fn placeholders_are_numbered() {
        assert_eq!(numbered("a = ? and (b, c) > (?, ?)"), "a = $1 and (b, c) > ($2, $3)");
    }

    #[test]
    fn ids_are_written_as_json() {
        assert_eq!(json_of(&[]), "[]");
        assert_eq!(json_of(&[[0xa0; 16], [1; 16]]), format!("[\"{}\",\"{}\"]", "a0".repeat(16), "01".repeat(16)));
        assert_eq!(hex(&[0, 255]), "00ff");
    }
}
