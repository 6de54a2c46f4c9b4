//! The truth, table by table: what a backup, a restoring and a move to another database carry from one store to another.
//! Everything that a migration makes is named here, and a test says so: carried, or left behind for a reason.

use crate::batch::Batch;
use crate::door::Answer;
use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::statement::{Bind, Rows, Statement, insert};
use crate::store::Database;
use crate::value::{Type, Value};

/// A table of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Its name.
    pub name: &'static str,
    /// Its columns; the first ones are its primary key.
    pub columns: &'static [(&'static str, Type)],
    /// How many they are.
    pub key: usize,
}

use Type::{Bytes, Int, Text};

/// The heads of logs.
pub const HEADS: Truth = Truth {
    name: "heads",
    columns: &[
        ("log_id", Bytes),
        ("kind", Text),
        ("seq", Int),
        ("at", Int),
        ("frontier", Bytes),
        ("generation", Int),
        ("folded", Bytes),
    ],
    key: 1,
};

/// Wrapped data keys.
pub const KEYS: Truth = Truth {
    name: "keys",
    columns: &[
        ("log_id", Bytes),
        ("subject", Bytes),
        ("owner", Bytes),
        ("generation", Int),
        ("wrapped", Bytes),
        ("commitment", Bytes),
        ("at", Int),
        ("root", Bytes),
        ("since", Int),
    ],
    key: 4,
};

/// Values of the installation.
pub const META: Truth = Truth { name: "meta", columns: &[("key", Text), ("value", Bytes)], key: 1 };

/// Whom logs have forgotten.
pub const FORGOTTEN: Truth =
    Truth { name: "forgotten", columns: &[("log_id", Bytes), ("subject", Bytes), ("seq", Int), ("at", Int)], key: 2 };

/// All others: they are carried as they are.
pub const OTHERS: &[Truth] = &[
    Truth {
        name: "events",
        columns: &[
            ("log_id", Bytes),
            ("seq", Int),
            ("thing", Bytes),
            ("kind", Text),
            ("version", Int),
            ("subject", Bytes),
            ("owner", Bytes),
            ("actor", Bytes),
            ("behalf", Bytes),
            ("command", Bytes),
            ("at", Int),
            ("record", Bytes),
            ("leaf", Bytes),
        ],
        key: 2,
    },
    Truth {
        name: "tree_nodes",
        columns: &[("log_id", Bytes), ("level", Int), ("position", Int), ("hash", Bytes)],
        key: 3,
    },
    // A client that repeats a request of before is to have one effect, and a parcel that was sent is not to be sent again.
    Truth {
        name: "commands",
        columns: &[
            ("log_id", Bytes),
            ("key", Bytes),
            ("request", Bytes),
            ("seq", Int),
            ("thing_kind", Text),
            ("thing", Bytes),
            ("at", Int),
        ],
        key: 2,
    },
    Truth {
        name: "checkpoints",
        columns: &[("log_id", Bytes), ("seq", Int), ("root", Bytes), ("note", Text), ("at", Int)],
        key: 2,
    },
    Truth {
        name: "outbox",
        columns: &[
            ("log_id", Bytes),
            ("id", Bytes),
            ("seq", Int),
            ("kind", Text),
            ("due", Int),
            ("attempts", Int),
            ("sent_at", Int),
        ],
        key: 2,
    },
    Truth { name: "followers", columns: &[("log_id", Bytes), ("name", Text), ("seq", Int)], key: 2 },
    Truth { name: "work", columns: &[("log_id", Bytes), ("reactor", Text), ("at", Int)], key: 2 },
];

/// What stays behind: each database keeps its own schema's version and its own list of the tables of read models.
pub const LEFT_BEHIND: &[&str] = &["schema_version", "projections"];

/// Every table that is carried.
pub fn tables() -> impl Iterator<Item = &'static Truth> {
    [&HEADS, &KEYS, &META, &FORGOTTEN].into_iter().chain(OTHERS)
}

impl Snapshot {
    /// Rows of a table in the order of its key, those after the one whose key is `after`.
    pub async fn truth(
        &mut self,
        table: &Truth,
        after: Option<&[Value]>,
        limit: u32,
    ) -> Result<Vec<Vec<Value>>, Error> {
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let key = names.get(..table.key).unwrap_or_default().join(", ");
        let mut statement = Statement::new(self.database());
        statement.push("select ").push(&names.join(", ")).push(" from ").push(table.name);
        if let Some(after) = after {
            statement.push(" where (").push(&key).push(") > (");
            for (place, ((name, kind), value)) in table.columns.iter().zip(after).take(table.key).enumerate() {
                statement.push(if place == 0 { "" } else { ", " }).bind(Bind::of(value, name, *kind)?)?;
            }
            statement.push(")");
        }
        statement.push(" order by ").push(&key).push(" limit ").bind(Bind::Int(limit.into()))?;
        let rows = self.door.fetch(statement).await?;
        let read =
            |row: &Answer| table.columns.iter().enumerate().map(|(place, (_, kind))| row.value(place, *kind)).collect();
        rows.iter().map(read).collect()
    }

    /// How many rows of the truth there are in all.
    pub async fn truth_rows(&mut self) -> Result<u64, Error> {
        let mut all = 0;
        for table in tables() {
            let mut statement = Statement::new(self.database());
            statement.push("select count(*) from ").push(table.name);
            let rows = self.door.fetch(statement).await?;
            all += rows.first().map_or(Ok(0), |row| row.count::<u64>(0))?;
        }
        Ok(all)
    }
}

impl Batch {
    /// Writes rows of a table, each with a value for every column. One that is there already fails the transaction.
    pub async fn put_truth(&mut self, table: &Truth, rows: &[Vec<Value>]) -> Result<(), Error> {
        let (names, types): (Vec<&str>, Vec<Type>) = table.columns.iter().copied().unzip();
        let mut cells = Rows::new(types);
        for row in rows {
            if row.len() != table.columns.len() {
                return Err(Error::Senseless(format!("{} values in a row of {}", row.len(), table.name)));
            }
            for ((name, kind), value) in table.columns.iter().zip(row) {
                cells.row([Bind::of(value, name, *kind)?]);
            }
        }
        let statements = insert(self.database(), table.name, &names, &cells, "")?;
        self.door.execute_all(statements).await.map(drop)
    }

    /// Deletes every row of every table.
    pub async fn clear_truth(&mut self) -> Result<(), Error> {
        for table in tables() {
            let mut statement = Statement::new(self.database());
            statement.push("delete from ").push(table.name);
            self.door.execute(statement).await?;
        }
        Ok(())
    }

    /// Keeps everybody else from changing the truth until this transaction ends; readers read on.
    pub async fn lock_truth(&mut self) -> Result<(), Error> {
        if self.database() == Database::Sqlite {
            return Ok(());
        }
        let names: Vec<&str> = tables().map(|table| table.name).collect();
        self.door.script(format!("lock table {} in exclusive mode", names.join(", "))).await
    }

    /// Puts the heads aside, so that nothing can be appended here any more, by whatever process still runs.
    pub async fn retire(&mut self) -> Result<(), Error> {
        self.door.script("alter table heads rename to heads_moved".to_owned()).await
    }

    /// Puts them back: what [`Batch::retire`] has put aside is in use again.
    pub async fn reinstate(&mut self) -> Result<(), Error> {
        self.door.script("alter table heads_moved rename to heads".to_owned()).await
    }
}
