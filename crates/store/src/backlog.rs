//! What waits to be done: how much of it, and since when. Counting stops at a bound, so that asking costs the same
//! however much there is; each statement goes by an index of what waits.

use crate::door::Answer;
use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::statement::{Bind, Statement};
use crate::value::{Table, Type};

/// Things that wait.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Overdue {
    /// How many, up to the bound that was asked for.
    pub count: u64,
    /// When the first of them is or was due, in microseconds; that may be still to come.
    pub first: Option<i64>,
}

impl Overdue {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let first = self.first.into_iter().chain(other.first).min();
        Self { count: self.count + other.count, first }
    }

    /// For how many microseconds the first one has been late; 0 where nothing is.
    pub fn late(&self, now: i64) -> i64 {
        self.first.map_or(0, |first| now.saturating_sub(first).max(0))
    }

    fn read(row: &Answer) -> Result<Self, Error> {
        Ok(Self { count: row.count(0)?, first: row.int_or_null(1)? })
    }
}

impl Snapshot {
    /// Parcels that are not sent, also those whose next attempt is still to come.
    pub async fn mails_waiting(&mut self, most: u32) -> Result<Overdue, Error> {
        let text = "select count(*), min(due) from \
                    (select due from outbox where sent_at is null order by due limit ?) as waiting";
        let rows = self.ask(text, &[Bind::Int(most.into())]).await?;
        rows.first().map_or(Ok(Overdue::default()), Overdue::read)
    }

    /// Work that commits have left for a reactor.
    pub async fn work_waiting(&mut self, reactor: &str, most: u32) -> Result<Overdue, Error> {
        let text = "select count(*), min(at) from \
                    (select at from work where reactor = ? order by at limit ?) as waiting";
        let rows = self.ask(text, &[Bind::Text(reactor), Bind::Int(most.into())]).await?;
        rows.first().map_or(Ok(Overdue::default()), Overdue::read)
    }

    /// Rows of all logs whose `column` (a time, of which the table has an index) is not later than `now`.
    pub async fn overdue(&mut self, table: &Table, column: &str, now: i64, most: u32) -> Result<Overdue, Error> {
        if table.column(column) != Some(Type::Int) {
            return Err(Error::Senseless(format!("{}.{column} is no time", table.name)));
        }
        let mut statement = Statement::new(self.database());
        statement.push("select count(*), min(due) from (select ").push(column).push(" as due from ").push(&table.name);
        statement.push(" where ").push(column).push(" <= ").bind(Bind::Int(now))?;
        statement.push(" order by ").push(column).push(" limit ").bind(Bind::Int(most.into()))?.push(") as waiting");
        let rows = self.door.fetch(statement).await?;
        rows.first().map_or(Ok(Overdue::default()), Overdue::read)
    }
}
