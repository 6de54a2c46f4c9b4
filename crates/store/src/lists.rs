//! The same list under many parents, in one statement.
//!
//! Twenty goals of a page each show their milestones: twenty lists that differ in one value. The keys of the parents are
//! a table `k`, and the list is asked once for each of its rows: on PostgreSQL as a lateral subquery, on SQLite, which has
//! none, as the ids that a correlated subquery finds. Both read of each list what a statement of its own would read: the
//! index of its order, up to its limit. (A window over all children, with `row_number()`, would read them all.)

use std::collections::BTreeSet;

use crate::error::Error;
use crate::select::{Activity, Direction, Select};
use crate::snapshot::EVENT;
use crate::statement::{Bind, Rows, Statement};
use crate::store::Database;
use crate::value::{Id, Type, Value};

/// Values that the keys of one statement are at most: SQLite takes 32 766, and the question has some of its own.
const KEY_VALUES_A_STATEMENT: usize = 30_000;

/// How many keys of so many columns one statement asks for: a power of two, to which SQLite's are filled up.
pub(crate) fn keys_a_statement(columns: usize) -> usize {
    1 << (KEY_VALUES_A_STATEMENT / columns.max(1)).max(1).ilog2()
}

/// The columns of a key that has no place: its number and its id.
pub(crate) const PARENT_COLUMNS: usize = 2;

/// A list whose rows a parent has.
#[derive(Clone, Debug, PartialEq)]
pub struct Parent {
    /// The parent.
    pub id: Id,
    /// Of this parent's rows only those that come after this place.
    pub after: Option<Vec<Value>>,
}

/// The same question for many parents.
#[derive(Clone, Debug)]
pub struct Lists<'a> {
    /// The question, without the parent.
    pub select: Select<'a>,
    /// The column that holds the parent's id.
    pub column: &'static str,
    /// The parents: either each has a place or none. Places are of orders that run one way.
    pub parents: Vec<Parent>,
}

impl Lists<'_> {
    /// How many parents one statement asks for. The key of one that has a place is the longer for it.
    pub(crate) fn parents_a_statement(&self) -> usize {
        let place = self.parents.iter().filter_map(|parent| parent.after.as_ref()).map(Vec::len).max();
        keys_a_statement(PARENT_COLUMNS + place.unwrap_or(0))
    }

    /// Answers the parent's place among these, id and document, parent by parent in the order asked for.
    pub(crate) fn statement(&self, database: Database, parents: &[Parent]) -> Result<Statement, Error> {
        let order = self.select.full_order()?;
        if self.select.table.column(self.column) != Some(Type::Bytes) {
            return Err(Error::Senseless(format!("{}.{} is no id", self.select.table.name, self.column)));
        }
        let mut statement = Statement::new(database);
        statement.push("select k.column1, t.id, t.document from ").keys(&keys(&order, parents)?)?;
        match database {
            Database::Sqlite => {
                statement.push(" cross join ").push(&self.select.table.name).push(" as t where t.log_id = ");
                statement.bind(Bind::Bytes(&self.select.log))?.push(" and t.id in (select id");
                self.write_list(&order, parents, &mut statement)?;
                statement.push(")");
            }
            Database::Postgres => {
                statement.push(" cross join lateral (select document");
                let columns: BTreeSet<&str> = order.iter().map(|(column, ..)| *column).collect();
                for column in columns {
                    statement.push(", ").push(column);
                }
                self.write_list(&order, parents, &mut statement)?;
                statement.push(") as t");
            }
        }
        statement.push(" order by k.column1");
        for (column, direction, _) in &order {
            statement.push(", t.").push(column);
            if *direction == Direction::Descending {
                statement.push(" desc");
            }
        }
        Ok(statement)
    }

    /// The rows of one parent, `k`.
    fn write_list(
        &self,
        order: &[(&str, Direction, Type)],
        parents: &[Parent],
        statement: &mut Statement,
    ) -> Result<(), Error> {
        self.select.write_where(statement)?;
        statement.push(" and ").push(self.column).push(" = k.column2");
        if parents.iter().any(|parent| parent.after.is_some()) {
            let first = order.first().map_or(Direction::Ascending, |(_, direction, _)| *direction);
            if order.iter().any(|(_, direction, _)| *direction != first) {
                return Err(Error::Senseless("a parent's place in an order that runs two ways".to_owned()));
            }
            let columns: Vec<&str> = order.iter().map(|(column, ..)| *column).collect();
            let places: Vec<String> = (3..order.len() + 3).map(|place| format!("k.column{place}")).collect();
            statement.push(" and (").push(&columns.join(", "));
            statement.push(if first == Direction::Ascending { ") > (" } else { ") < (" });
            statement.push(&places.join(", ")).push(")");
        }
        self.select.write_page(order, statement)
    }
}

/// The keys: the parent's number, its id, and its place where it has one.
fn keys<'a>(order: &[(&str, Direction, Type)], parents: &'a [Parent]) -> Result<Rows<'a>, Error> {
    let placed = parents.iter().any(|parent| parent.after.is_some());
    let places = order.iter().filter(|_| placed);
    let mut rows = Rows::new([Type::Int, Type::Bytes].into_iter().chain(places.map(|(.., kind)| *kind)).collect());
    for (number, parent) in parents.iter().enumerate() {
        let after = parent.after.as_deref().unwrap_or_default();
        if after.len() != if placed { order.len() } else { 0 } {
            return Err(Error::Senseless("a parent has another place than the others".to_owned()));
        }
        let places = order.iter().zip(after).map(|((column, _, kind), value)| Bind::of(value, column, *kind));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        rows.row([Bind::count(number as u64), Bind::Bytes(&parent.id)].into_iter().chain(places));
    }
    Ok(rows)
}

/// What [`crate::Snapshot::histories`] asks: the events, and last the place of their id.
pub(crate) fn histories(
    asked: &Activity<'_>,
    database: Database,
    column: &'static str,
    ids: &[Id],
) -> Result<Statement, Error> {
    if !["subject", "thing"].contains(&column) {
        return Err(Error::Senseless(format!("events have no history by {column}")));
    }
    let one = Activity { subject: asked.subject.filter(|_| column != "subject"), ..asked.clone() };
    let one = Activity { thing: one.thing.filter(|_| column != "thing"), ..one };
    let mut rows = Rows::new(vec![Type::Int, Type::Bytes]);
    for (number, id) in ids.iter().enumerate() {
        rows.row([Bind::count(number as u64), Bind::Bytes(id)]);
    }
    let mut statement = Statement::new(database);
    statement.push("select ").push_on(Database::Sqlite, &one.columns()).push_on(Database::Postgres, EVENT);
    statement.push(", k.column1 from ").keys(&rows)?;
    match database {
        Database::Sqlite => {
            statement.push(" cross join events as t where t.log_id = ").bind(Bind::Bytes(&one.log))?;
            statement.push(" and t.seq in (select seq");
        }
        Database::Postgres => {
            statement.push(" cross join lateral (select ").push(&one.columns());
        }
    }
    one.write_where(&mut statement)?;
    statement.push(" and ").push(column).push(" = k.column2");
    one.write_page(&mut statement)?;
    statement.push_on(Database::Postgres, ") as t").push_on(Database::Sqlite, ")");
    statement.push(if one.descending { " order by k.column1, seq desc" } else { " order by k.column1, seq" });
    Ok(statement)
}
