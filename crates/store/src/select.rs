//! Asking for rows: who may see them, which ones, in which order, from where on.

use std::borrow::Cow;

use crate::error::Error;
use crate::snapshot::{EVENT, RECORD};
use crate::statement::{Bind, Statement};
use crate::store::Database;
use crate::value::{Id, Table, Type, Value};

/// What a viewer may see, as a condition on `subject`, `owner` and `shared`:
/// `(everyone or subject in subjects) and (owner is null or …)`, where the rest is said by [`Owners`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sight {
    /// Every subject, whatever `subjects` says.
    pub everyone: bool,
    /// The subjects that are seen when not everyone is.
    pub subjects: Vec<Id>,
    /// The viewer, for whom [`Owners::Mine`] and [`Owners::MineOrShared`] look.
    pub me: Option<Id>,
    /// Which rows that belong to somebody are seen.
    pub owners: Owners,
}

/// Which rows that belong to somebody are seen. Rows that belong to nobody always pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owners {
    /// None of them.
    Unowned,
    /// Those whose owner is the viewer.
    Mine,
    /// Those, and the ones that their owners have shared; of events, those of the kinds that are [`Activity::to_both`].
    MineOrShared,
}

/// A condition on one column. Columns are the table's own and the six fixed ones.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// `column = value`
    Eq(String, Value),
    /// `column in (values)`; nothing passes an empty list.
    In(String, Vec<Value>),
    /// `column >= value`
    Ge(String, Value),
    /// `column <= value`
    Le(String, Value),
    /// `column < value`
    Lt(String, Value),
    /// `column > value`
    Gt(String, Value),
    /// `column is null`
    IsNull(String),
    /// `column is not null`
    NotNull(String),
    /// The text begins with this, byte for byte.
    Prefix(String, String),
    /// The text contains this, byte for byte.
    Contains(String, String),
    /// Any of these filters. Nothing passes an empty list.
    Any(Vec<Filter>),
    /// The column holds an id that rows of another table of the same log name.
    Named(String, Named),
}

/// The ids that rows of a table of the same log hold in one of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The table.
    pub table: Table,
    /// Its column that holds the ids.
    pub column: String,
    /// Who asks; `None` is the program itself.
    pub sight: Option<Sight>,
    /// All of these must hold for its rows.
    pub filters: Vec<Filter>,
}

/// The direction of one column in an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Small to large.
    Ascending,
    /// Large to small.
    Descending,
}

/// Which end of what is left between the cursors is taken. Either way the rows come in the order asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Take {
    /// The first `limit` rows.
    First,
    /// The last `limit` rows.
    Last,
}

/// One question to one table of one log.
///
/// The order always ends with `id` (in the direction of the last column, ascending when there is none), so it is total.
/// Columns to order by hold no nulls. A cursor is the values of the ordered columns and then the id.
#[derive(Clone, Debug)]
pub struct Select<'a> {
    /// The table.
    pub table: &'a Table,
    /// The log.
    pub log: Id,
    /// Who asks; `None` is the program itself.
    pub sight: Option<&'a Sight>,
    /// All of these must hold.
    pub filters: Vec<Filter>,
    /// Columns and their directions; `id` need not be named.
    pub order: Vec<(String, Direction)>,
    /// Only rows that come after this place.
    pub after: Option<Vec<Value>>,
    /// Only rows that come before this place.
    pub before: Option<Vec<Value>>,
    /// Which end is taken.
    pub take: Take,
    /// At most so many rows.
    pub limit: u32,
}

impl<'a> Select<'a> {
    /// Every row of a log in a table, by id, the first `limit` of them.
    pub fn new(table: &'a Table, log: Id, limit: u32) -> Self {
        Select {
            table,
            log,
            sight: None,
            filters: Vec::new(),
            order: Vec::new(),
            after: None,
            before: None,
            take: Take::First,
            limit,
        }
    }
}

/// A question to a log's events: the activity log. What is `None` or empty does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Activity<'a> {
    /// The log.
    pub log: Id,
    /// Who asks; `None` is the program itself.
    pub sight: Option<&'a Sight>,
    /// About this thing.
    pub thing: Option<Id>,
    /// About this subject.
    pub subject: Option<Id>,
    /// Done by this actor.
    pub actor: Option<Id>,
    /// Of one of these kinds.
    pub kinds: Vec<String>,
    /// Of these kinds also others', where the sight sees what is shared.
    pub to_both: Vec<String>,
    /// Not before.
    pub from_at: Option<i64>,
    /// Before.
    pub to_at: Option<i64>,
    /// Positions greater than this.
    pub after_seq: Option<u64>,
    /// Positions less than this.
    pub before_seq: Option<u64>,
    /// Whose records have so many bytes at most.
    pub record_bytes_max: Option<u32>,
    /// Records with more bytes are left out: their events come with none.
    pub short_bytes_max: Option<u32>,
    /// Newest first.
    pub descending: bool,
    /// At most so many.
    pub limit: u32,
}

impl Sight {
    /// Writes its condition; `shared` writes what of others' is shared, if anything can be.
    fn write(
        &self,
        statement: &mut Statement,
        shared: impl FnOnce(&mut Statement) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.everyone {
            if self.subjects.is_empty() {
                statement.push(" and false");
            } else {
                statement.push(" and ").one_of("subject", &self.subjects)?;
            }
        }
        statement.push(" and (owner is null");
        if self.owners != Owners::Unowned
            && let Some(me) = &self.me
        {
            statement.push(" or owner = ").bind(Bind::Bytes(me))?;
        }
        if self.owners == Owners::MineOrShared {
            shared(statement)?;
        }
        statement.push(")");
        Ok(())
    }
}

impl Filter {
    /// Whether it has one open end. PostgreSQL, which plans before it knows the values, takes that for a third of a table
    /// and would look into it anew for each row of the list. It makes no join of what is asked whether it is true: so it
    /// gathers what such rows name once, as SQLite does.
    fn is_range(&self) -> bool {
        match self {
            Filter::Ge(..) | Filter::Le(..) | Filter::Lt(..) | Filter::Gt(..) => true,
            Filter::Any(filters) => filters.iter().any(Filter::is_range),
            Filter::Eq(..)
            | Filter::In(..)
            | Filter::IsNull(_)
            | Filter::NotNull(_)
            | Filter::Prefix(..)
            | Filter::Contains(..)
            | Filter::Named(..) => false,
        }
    }

    fn write(&self, log: &Id, table: &Table, statement: &mut Statement) -> Result<(), Error> {
        match self {
            Filter::Eq(column, value) => compare(table, column, " = ", value, statement),
            Filter::Ge(column, value) => compare(table, column, " >= ", value, statement),
            Filter::Le(column, value) => compare(table, column, " <= ", value, statement),
            Filter::Lt(column, value) => compare(table, column, " < ", value, statement),
            Filter::Gt(column, value) => compare(table, column, " > ", value, statement),
            Filter::In(column, values) => {
                let kind = known(table, column)?;
                let binds: Result<Vec<_>, _> = values.iter().map(|value| Bind::of(value, column, kind)).collect();
                if values.is_empty() {
                    statement.push("false")
                } else {
                    statement.push(column).one_of_binds(kind, &binds?)?
                };
                Ok(())
            }
            Filter::IsNull(column) => {
                known(table, column)?;
                statement.push(column).push(" is null");
                Ok(())
            }
            Filter::NotNull(column) => {
                known(table, column)?;
                statement.push(column).push(" is not null");
                Ok(())
            }
            Filter::Prefix(column, prefix) => {
                let from = Value::Text(prefix.clone());
                compare(table, column, " >= ", &from, statement)?;
                if let Some(end) = after_prefix(prefix) {
                    statement.push(" and ");
                    compare(table, column, " < ", &Value::Text(end), statement)?;
                }
                Ok(())
            }
            Filter::Contains(column, part) => {
                let kind = known(table, column)?;
                let part = Value::Text(part.clone());
                statement.push_on(Database::Sqlite, "instr(").push_on(Database::Postgres, "strpos(");
                statement.push(column).push(", ").bind(Bind::of(&part, column, kind)?)?.push(") > 0");
                Ok(())
            }
            Filter::Any(filters) => {
                statement.push("(false");
                for filter in filters {
                    statement.push(" or (");
                    filter.write(log, table, statement)?;
                    statement.push(")");
                }
                statement.push(")");
                Ok(())
            }
            Filter::Named(column, named) => {
                for (table, column) in [(table, column), (&named.table, &named.column)] {
                    if known(table, column)? != Type::Bytes {
                        return Err(Error::Senseless(format!("{}.{column} is no id", table.name)));
                    }
                }
                let gathered = named.filters.iter().any(Filter::is_range);
                if gathered {
                    statement.push_on(Database::Postgres, "(");
                }
                statement.push(column).push(" in (select ").push(&named.column);
                write_restricted(log, &named.table, (named.sight.as_ref(), &named.filters), statement)?;
                statement.push(")");
                if gathered {
                    statement.push_on(Database::Postgres, ") is true");
                }
                Ok(())
            }
        }
    }
}

/// Writes which rows of a table: of the log, seen, and passing the filters.
fn write_restricted(
    log: &Id,
    table: &Table,
    (sight, filters): (Option<&Sight>, &[Filter]),
    statement: &mut Statement,
) -> Result<(), Error> {
    statement.push(" from ").push(&table.name).push(" where log_id = ").bind(Bind::Bytes(log))?;
    if let Some(sight) = sight {
        sight.write(statement, |statement| {
            statement.push(" or shared");
            Ok(())
        })?;
    }
    for filter in filters {
        statement.push(" and ");
        filter.write(log, table, statement)?;
    }
    Ok(())
}

/// The type of a column; a column that the table has not is nobody's to ask for.
fn known(table: &Table, column: &str) -> Result<Type, Error> {
    table.column(column).ok_or_else(|| Error::Senseless(format!("{} has no column {column}", table.name)))
}

fn compare(table: &Table, column: &str, how: &str, value: &Value, statement: &mut Statement) -> Result<(), Error> {
    let bind = Bind::of(value, column, known(table, column)?)?;
    statement.push(column).push(how).bind(bind)?;
    Ok(())
}

/// The least text that is greater than all that begin with a prefix; there is none for the empty prefix, or when each
/// of its letters is the last one. (UTF-8 compares as its letters do.)
fn after_prefix(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

impl Select<'_> {
    /// Columns to order by, the id among them, each with its type.
    pub(crate) fn full_order(&self) -> Result<Vec<(&str, Direction, Type)>, Error> {
        let mut order = Vec::with_capacity(self.order.len() + 1);
        for (column, direction) in self.order.iter().filter(|(column, _)| column != "id") {
            order.push((column.as_str(), *direction, known(self.table, column)?));
        }
        let last = self.order.last().map_or(Direction::Ascending, |(_, direction)| *direction);
        order.push(("id", last, Type::Bytes));
        Ok(order)
    }

    /// Writes everything that restricts the rows but the cursors.
    pub(crate) fn write_where(&self, statement: &mut Statement) -> Result<(), Error> {
        write_restricted(&self.log, self.table, (self.sight, &self.filters), statement)
    }

    /// The statement that answers `columns`. With [`Take::Last`] it answers in the reverse order.
    pub(crate) fn statement(&self, database: Database, columns: &str) -> Result<Statement, Error> {
        let mut statement = Statement::new(database);
        statement.push("select ").push(columns);
        self.write_where(&mut statement)?;
        self.write_page(&self.full_order()?, &mut statement)?;
        Ok(statement)
    }

    /// Writes the cursors, the order and the limit. With [`Take::Last`] the order is the reverse one.
    pub(crate) fn write_page(&self, order: &[(&str, Direction, Type)], statement: &mut Statement) -> Result<(), Error> {
        for (cursor, side) in [(&self.after, Side::After), (&self.before, Side::Before)] {
            if let Some(cursor) = cursor {
                write_cursor(order, cursor, side, statement)?;
            }
        }
        for (place, (column, direction, _)) in order.iter().enumerate() {
            statement.push(if place == 0 { " order by " } else { ", " }).push(column);
            if (*direction == Direction::Descending) != (self.take == Take::Last) {
                statement.push(" desc");
            }
        }
        statement.push(" limit ").bind(Bind::Int(self.limit.into()))?;
        Ok(())
    }

    pub(crate) fn counting(&self, database: Database) -> Result<Statement, Error> {
        let mut statement = Statement::new(database);
        statement.push("select count(*)");
        self.write_where(&mut statement)?;
        Ok(statement)
    }

    /// Answers each of these parents that has rows, and how many: the column holds their ids.
    pub(crate) fn counting_under(&self, database: Database, column: &str, parents: &[Id]) -> Result<Statement, Error> {
        if known(self.table, column)? != Type::Bytes {
            return Err(Error::Senseless(format!("{}.{column} is no id", self.table.name)));
        }
        let mut statement = Statement::new(database);
        statement.push("select ").push(column).push(", count(*)");
        self.write_where(&mut statement)?;
        statement.push(" and ").one_of(column, parents)?.push(" group by ").push(column);
        Ok(statement)
    }

    /// Rows as they were asked for, from rows as the statement answered.
    pub(crate) fn as_asked<T>(&self, mut rows: Vec<T>) -> Vec<T> {
        if self.take == Take::Last {
            rows.reverse();
        }
        rows
    }
}

/// On which side of a cursor the rows lie.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Side {
    After,
    Before,
}

/// Writes that rows lie on one side of a cursor: `(a, b, id) > (?, ?, ?)` when all columns run the same way, else
/// `(a > ? or (a = ? and (b < ? or (b = ? and id < ?))))`.
fn write_cursor(
    order: &[(&str, Direction, Type)],
    cursor: &[Value],
    side: Side,
    statement: &mut Statement,
) -> Result<(), Error> {
    if cursor.len() != order.len() {
        return Err(Error::Senseless(format!("a cursor of {} values for {} columns", cursor.len(), order.len())));
    }
    let greater = |direction| (direction == Direction::Ascending) == (side == Side::After);
    let sign = |direction| if greater(direction) { " > " } else { " < " };
    let binds = order.iter().zip(cursor).map(|((column, _, kind), value)| Bind::of(value, column, *kind));
    let binds = binds.collect::<Result<Vec<_>, _>>()?;
    let first = order.first().map_or(Direction::Ascending, |(_, direction, _)| *direction);
    statement.push(" and ");
    if order.iter().all(|(_, direction, _)| *direction == first) {
        let columns: Vec<&str> = order.iter().map(|(column, _, _)| *column).collect();
        statement.push("(").push(&columns.join(", ")).push(")").push(sign(first));
        for (place, bind) in binds.into_iter().enumerate() {
            statement.push(if place == 0 { "(" } else { ", " }).bind(bind)?;
        }
        statement.push(")");
        return Ok(());
    }
    for (place, ((column, direction, _), bind)) in order.iter().zip(&binds).enumerate() {
        statement.push("(").push(column).push(sign(*direction)).bind(*bind)?;
        if place + 1 < order.len() {
            statement.push(" or (").push(column).push(" = ").bind(*bind)?.push(" and ");
        }
    }
    statement.push(&"))".repeat(order.len() - 1)).push(")");
    Ok(())
}

impl Activity<'_> {
    pub(crate) fn statement(&self, database: Database) -> Result<Statement, Error> {
        let mut statement = Statement::new(database);
        statement.push("select ").push(&self.columns());
        self.write_where(&mut statement)?;
        self.write_page(&mut statement)?;
        Ok(statement)
    }

    /// The columns of an event, as they are asked for here.
    pub(crate) fn columns(&self) -> Cow<'static, str> {
        let Some(most) = self.short_bytes_max else { return Cow::Borrowed(EVENT) };
        let short = format!("case when length({RECORD}) <= {most} then {RECORD} end as {RECORD}");
        Cow::Owned(EVENT.replace(RECORD, &short))
    }

    /// Writes everything that restricts the events.
    pub(crate) fn write_where(&self, statement: &mut Statement) -> Result<(), Error> {
        statement.push(" from events where log_id = ").bind(Bind::Bytes(&self.log))?;
        if let Some(sight) = self.sight {
            sight.write(statement, |statement| self.write_shared(statement))?;
        }
        for (condition, id) in [("thing", self.thing), ("subject", self.subject), ("actor", self.actor)] {
            if let Some(id) = id {
                statement.push(" and ").push(condition).push(" = ").bind(Bind::Bytes(&id))?;
            }
        }
        let numbers = [
            (" and at >= ", self.from_at),
            (" and at < ", self.to_at),
            (" and seq > ", self.after_seq.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX))),
            (" and seq < ", self.before_seq.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX))),
            (" and length(record) <= ", self.record_bytes_max.map(i64::from)),
        ];
        for (condition, number) in numbers {
            if let Some(number) = number {
                statement.push(condition).bind(Bind::Int(number))?;
            }
        }
        if !self.kinds.is_empty() {
            let kinds: Vec<Bind<'_>> = self.kinds.iter().map(|kind| Bind::Text(kind)).collect();
            statement.push(" and kind").one_of_binds(Type::Text, &kinds)?;
        }
        Ok(())
    }

    /// Writes which events are shared though they have an owner.
    fn write_shared(&self, statement: &mut Statement) -> Result<(), Error> {
        let kinds: Vec<Bind<'_>> = self.to_both.iter().map(|kind| Bind::Text(kind)).collect();
        if !kinds.is_empty() {
            statement.push(" or kind").one_of_binds(Type::Text, &kinds)?;
        }
        Ok(())
    }

    /// Writes the order and the limit.
    pub(crate) fn write_page(&self, statement: &mut Statement) -> Result<(), Error> {
        statement.push(if self.descending { " order by seq desc limit " } else { " order by seq limit " });
        statement.bind(Bind::Int(self.limit.into()))?;
        Ok(())
    }
}
