//! Writing: one transaction, in which a handful of statements write the rows of many commands.

use std::ops::{Deref, DerefMut};

use crate::door::Door;
use crate::error::Error;
use crate::log::{Command, Event, Follower, Forgotten, Head, Key, Node, Outbox, SignedRoot, Work};
use crate::snapshot::{HEAD, KEYS_A_STATEMENT, NOBODY, Snapshot, head_of};
use crate::statement::{Bind, Rows, Statement, insert};
use crate::store::Database;
use crate::value::{FIXED, Id, Row, Table, Type};

/// Whether to wait for a head that another transaction has locked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// Leave it out.
    Skip,
    /// Wait for it.
    Block,
}

/// What [`Batch::lock`] found. A log that is in neither list has no head yet.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Locked {
    /// The heads that are now locked, by log id.
    pub heads: Vec<Head>,
    /// The logs whose heads somebody else holds.
    pub skipped: Vec<Id>,
}

/// A writing transaction. It reads as a [`Snapshot`] does, and sees what it has written itself.
#[derive(Debug)]
pub struct Batch {
    reading: Snapshot,
}

impl Deref for Batch {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.reading
    }
}

impl DerefMut for Batch {
    fn deref_mut(&mut self) -> &mut Snapshot {
        &mut self.reading
    }
}

impl Batch {
    pub(crate) fn new(door: Door) -> Batch {
        Batch { reading: Snapshot::new(door) }
    }

    async fn insert(&mut self, table: &str, columns: &[&str], rows: &Rows<'_>, conflict: &str) -> Result<u64, Error> {
        let statements = insert(self.database(), table, columns, rows, conflict)?;
        self.door.execute_all(statements).await
    }

    pub(crate) async fn change(&mut self, text: &'static str, binds: &[Bind<'_>]) -> Result<u64, Error> {
        let statement = Statement::fixed(self.database(), text, binds)?;
        self.door.execute(statement).await
    }

    /// Locks the heads of logs until the transaction ends, in one statement and in the order of their ids, so that two
    /// lockers never wait for each other. On SQLite whoever writes has all locks already.
    pub async fn lock(&mut self, logs: &[Id], wait: Wait) -> Result<Locked, Error> {
        if self.database() == Database::Sqlite {
            return Ok(Locked { heads: self.heads_of(logs).await?, skipped: Vec::new() });
        }
        let mut statement = Statement::new(Database::Postgres);
        statement.push("select ").push(HEAD).push(" from heads where ").one_of("log_id", logs)?;
        statement.push(" order by log_id for no key update");
        if wait == Wait::Skip {
            statement.push(" skip locked");
        }
        let rows = self.door.fetch(statement).await?;
        let heads = rows.iter().map(head_of).collect::<Result<Vec<_>, _>>()?;
        let missing: Vec<Id> = logs.iter().copied().filter(|log| heads.iter().all(|head| head.log != *log)).collect();
        if wait == Wait::Block || missing.is_empty() {
            return Ok(Locked { heads, skipped: Vec::new() });
        }
        let skipped = self.heads_of(&missing).await?.into_iter().map(|head| head.log).collect();
        Ok(Locked { heads, skipped })
    }

    /// Appends events. A position that is taken fails the transaction with [`Error::Conflict`].
    pub async fn append(&mut self, events: &[Event]) -> Result<(), Error> {
        let columns = [
            ("log_id", Type::Bytes),
            ("seq", Type::Int),
            ("thing", Type::Bytes),
            ("kind", Type::Text),
            ("version", Type::Int),
            ("subject", Type::Bytes),
            ("owner", Type::Bytes),
            ("actor", Type::Bytes),
            ("behalf", Type::Bytes),
            ("command", Type::Bytes),
            ("at", Type::Int),
            ("record", Type::Bytes),
            ("leaf", Type::Bytes),
        ];
        let mut rows = Rows::new(columns.map(|(_, kind)| kind).to_vec());
        for event in events {
            rows.row([
                Bind::Bytes(&event.log),
                Bind::count(event.seq),
                Bind::Bytes(&event.thing),
                Bind::Text(&event.kind),
                Bind::Int(event.version.into()),
                Bind::Bytes(&event.subject),
                Bind::id(event.owner.as_ref()),
                Bind::id(event.actor.as_ref()),
                Bind::id(event.behalf.as_ref()),
                Bind::Bytes(&event.command),
                Bind::Int(event.at),
                Bind::Bytes(&event.record),
                Bind::Bytes(&event.leaf),
            ]);
        }
        self.insert("events", &columns.map(|(name, _)| name), &rows, "").await.map(drop)
    }

    /// Keeps nodes of trees. A node that is kept already stays as it is.
    pub async fn put_nodes(&mut self, nodes: &[Node]) -> Result<(), Error> {
        let mut rows = Rows::new(vec![Type::Bytes, Type::Int, Type::Int, Type::Bytes]);
        for node in nodes {
            let (level, position) = (Bind::Int(node.level.into()), Bind::count(node.position));
            rows.row([Bind::Bytes(&node.log), level, position, Bind::Bytes(&node.hash)]);
        }
        let columns = ["log_id", "level", "position", "hash"];
        let conflict = " on conflict (log_id, level, position) do nothing";
        self.insert("tree_nodes", &columns, &rows, conflict).await.map(drop)
    }

    /// Writes the heads of new logs and of changed ones. A new log that somebody else has made in the meantime fails
    /// the transaction with [`Error::Conflict`]: try again, and its head will be there to be locked.
    pub async fn set_heads(&mut self, new: &[Head], changed: &[Head]) -> Result<(), Error> {
        let columns = ["log_id", "kind", "seq", "at", "frontier", "generation", "folded"];
        self.insert("heads", &columns, &head_rows(new), "").await?;
        let conflict = updating(&["log_id"], &columns);
        self.insert("heads", &columns, &head_rows(changed), &conflict).await.map(drop)
    }

    /// Remembers commands done. A key that is remembered already fails the transaction with [`Error::Conflict`].
    pub async fn put_commands(&mut self, commands: &[Command]) -> Result<(), Error> {
        let types = [Type::Bytes, Type::Bytes, Type::Bytes, Type::Int, Type::Text, Type::Bytes, Type::Int];
        let mut rows = Rows::new(types.to_vec());
        for command in commands {
            rows.row([
                Bind::Bytes(&command.log),
                Bind::Bytes(&command.key),
                Bind::Bytes(&command.request),
                Bind::count(command.seq),
                Bind::Text(&command.thing_kind),
                Bind::Bytes(&command.thing),
                Bind::Int(command.at),
            ]);
        }
        let columns = ["log_id", "key", "request", "seq", "thing_kind", "thing", "at"];
        self.insert("commands", &columns, &rows, "").await.map(drop)
    }

    /// Keeps wrapped keys. A generation that there is already fails the transaction with [`Error::Conflict`].
    pub async fn put_keys(&mut self, keys: &[Key]) -> Result<(), Error> {
        let columns = [
            ("log_id", Type::Bytes),
            ("subject", Type::Bytes),
            ("owner", Type::Bytes),
            ("generation", Type::Int),
            ("root", Type::Bytes),
            ("wrapped", Type::Bytes),
            ("commitment", Type::Bytes),
            ("at", Type::Int),
            ("since", Type::Int),
        ];
        let mut rows = Rows::new(columns.map(|(_, kind)| kind).to_vec());
        for key in keys {
            rows.row([
                Bind::Bytes(&key.log),
                Bind::Bytes(&key.subject),
                Bind::Bytes(key.owner.as_ref().unwrap_or(&NOBODY)),
                Bind::Int(key.generation.into()),
                Bind::Bytes(&key.root),
                Bind::Bytes(&key.wrapped),
                Bind::Bytes(&key.commitment),
                Bind::Int(key.at),
                Bind::count(key.since),
            ]);
        }
        self.insert("keys", &columns.map(|(name, _)| name), &rows, "").await.map(drop)
    }

    /// Forgets a subject: destroys all its keys, whoever's, deletes its rows in every table of read models that there is,
    /// also those of other versions of the program, and notes that its events up to this one count no more. A table that
    /// somebody has dropped by hand keeps nobody from being forgotten.
    pub async fn forget(&mut self, forgotten: &Forgotten) -> Result<(), Error> {
        self.destroy_keys(forgotten.log, forgotten.subject).await?;
        let there = match self.database() {
            Database::Sqlite => {
                "select table_name from projections where table_name in (select name from sqlite_schema) order by 1"
            }
            Database::Postgres => {
                "select table_name from projections where to_regclass(table_name) is not null order by table_name"
            }
        };
        let tables = self.ask(there, &[]).await?;
        for name in tables.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()? {
            self.delete_subject(&Table { name, columns: Vec::new() }, forgotten.log, forgotten.subject).await?;
        }
        let text = "insert into forgotten (log_id, subject, seq, at) values (?, ?, ?, ?) \
                    on conflict (log_id, subject) do update set seq = excluded.seq, at = excluded.at";
        let (log, subject) = (Bind::Bytes(&forgotten.log), Bind::Bytes(&forgotten.subject));
        self.change(text, &[log, subject, Bind::count(forgotten.seq), Bind::Int(forgotten.at)]).await.map(drop)
    }

    /// Destroys all keys of a subject, whoever's; how many.
    pub async fn destroy_keys(&mut self, log: Id, subject: Id) -> Result<u64, Error> {
        let text = "delete from keys where log_id = ? and subject = ?";
        self.change(text, &[Bind::Bytes(&log), Bind::Bytes(&subject)]).await
    }

    /// Keeps signed checkpoints. One of the same size that there is already stays as it is.
    pub async fn put_checkpoints(&mut self, checkpoints: &[SignedRoot]) -> Result<(), Error> {
        let mut rows = Rows::new(vec![Type::Bytes, Type::Int, Type::Bytes, Type::Text, Type::Int]);
        for signed in checkpoints {
            rows.row([
                Bind::Bytes(&signed.log),
                Bind::count(signed.seq),
                Bind::Bytes(&signed.root),
                Bind::Text(&signed.note),
                Bind::Int(signed.at),
            ]);
        }
        let columns = ["log_id", "seq", "root", "note", "at"];
        self.insert("checkpoints", &columns, &rows, " on conflict (log_id, seq) do nothing").await.map(drop)
    }

    /// Leaves parcels to be sent. One that there is already stays as it is, so a repeat sends nothing twice.
    pub async fn put_outbox(&mut self, parcels: &[Outbox]) -> Result<(), Error> {
        let types = [Type::Bytes, Type::Bytes, Type::Int, Type::Text, Type::Int, Type::Int, Type::Int];
        let mut rows = Rows::new(types.to_vec());
        for parcel in parcels {
            rows.row([
                Bind::Bytes(&parcel.log),
                Bind::Bytes(&parcel.id),
                Bind::count(parcel.seq),
                Bind::Text(&parcel.kind),
                Bind::Int(parcel.due),
                Bind::Int(parcel.attempts.into()),
                parcel.sent_at.map_or(Bind::Null(Type::Int), Bind::Int),
            ]);
        }
        let columns = ["log_id", "id", "seq", "kind", "due", "attempts", "sent_at"];
        self.insert("outbox", &columns, &rows, " on conflict (log_id, id) do nothing").await.map(drop)
    }

    /// Leaves work for reactors; each (log, reactor) once. Work that somebody has claimed may then be claimed again.
    pub async fn put_work(&mut self, work: &[Work]) -> Result<(), Error> {
        let mut rows = Rows::new(vec![Type::Bytes, Type::Text, Type::Int]);
        for work in work {
            rows.row([Bind::Bytes(&work.log), Bind::Text(&work.reactor), Bind::Int(work.at)]);
        }
        let columns = ["log_id", "reactor", "at"];
        self.insert("work", &columns, &rows, &updating(&["log_id", "reactor"], &columns)).await.map(drop)
    }

    /// Notes how far followers have read; each (log, name) once.
    pub async fn set_followers(&mut self, followers: &[Follower]) -> Result<(), Error> {
        let mut rows = Rows::new(vec![Type::Bytes, Type::Text, Type::Int]);
        for follower in followers {
            rows.row([Bind::Bytes(&follower.log), Bind::Text(&follower.name), Bind::count(follower.seq)]);
        }
        let columns = ["log_id", "name", "seq"];
        self.insert("followers", &columns, &rows, &updating(&["log_id", "name"], &columns)).await.map(drop)
    }

    /// Sets a value of this installation.
    pub async fn set_meta(&mut self, key: &str, value: &[u8]) -> Result<(), Error> {
        let text = "insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value";
        self.change(text, &[Bind::Text(key), Bind::Bytes(value)]).await.map(drop)
    }

    /// Writes rows, new or changed; each (log, id) once.
    ///
    /// SQLite writes every index anew whose columns an update names, also where they stay as they are; for a row that is
    /// one of thousands that is a page each. Mostly a document changes and no column does, so that is written first, and
    /// all the rest only where a row was left over. PostgreSQL compares by itself.
    pub async fn upsert(&mut self, table: &Table, rows: &[Row]) -> Result<(), Error> {
        let (names, cells) = cells(table, rows)?;
        let mut conflict = updating(&["log_id", "id"], &names);
        if self.database() == Database::Sqlite {
            let documents = format!(
                " on conflict (log_id, id) do update set document = excluded.document where {}",
                compared(&names, "is")
            );
            if self.insert(&table.name, &names, &cells, &documents).await? == rows.len() as u64 {
                return Ok(());
            }
            conflict.push_str(" where ");
            conflict.push_str(&compared(&names, "is not"));
        }
        self.insert(&table.name, &names, &cells, &conflict).await.map(drop)
    }

    /// Writes new rows. One that is there already fails the transaction with [`Error::Conflict`].
    pub async fn insert_rows(&mut self, table: &Table, rows: &[Row]) -> Result<(), Error> {
        let (names, cells) = cells(table, rows)?;
        self.insert(&table.name, &names, &cells, "").await.map(drop)
    }

    /// Deletes rows by (log, id).
    pub async fn delete(&mut self, table: &Table, keys: &[(Id, Id)]) -> Result<(), Error> {
        for keys in keys.chunks(KEYS_A_STATEMENT) {
            let mut statement = Statement::new(self.database());
            statement.delete(&table.name, &["log_id", "id"], &Rows::pairs(keys))?;
            self.door.execute(statement).await?;
        }
        Ok(())
    }

    /// Deletes a subject's rows; how many.
    pub async fn delete_subject(&mut self, table: &Table, log: Id, subject: Id) -> Result<u64, Error> {
        let mut statement = Statement::new(self.database());
        statement.push("delete from ").push(&table.name).push(" where log_id = ").bind(Bind::Bytes(&log))?;
        statement.push(" and subject = ").bind(Bind::Bytes(&subject))?;
        self.door.execute(statement).await
    }

    /// Deletes a log's rows in one table; how many.
    pub async fn delete_log_rows(&mut self, table: &Table, log: Id) -> Result<u64, Error> {
        let mut statement = Statement::new(self.database());
        statement.push("delete from ").push(&table.name).push(" where log_id = ").bind(Bind::Bytes(&log))?;
        self.door.execute(statement).await
    }

    /// Deletes a log: its head, events, keys and all else of it that is no row. Its rows are deleted table by table,
    /// by [`Batch::delete_log_rows`].
    pub async fn delete_log(&mut self, log: Id) -> Result<(), Error> {
        let tables = [
            "delete from keys where log_id = ?",
            "delete from forgotten where log_id = ?",
            "delete from events where log_id = ?",
            "delete from tree_nodes where log_id = ?",
            "delete from commands where log_id = ?",
            "delete from checkpoints where log_id = ?",
            "delete from outbox where log_id = ?",
            "delete from followers where log_id = ?",
            "delete from work where log_id = ?",
            "delete from heads where log_id = ?",
        ];
        for text in tables {
            self.change(text, &[Bind::Bytes(&log)]).await?;
        }
        Ok(())
    }

    /// Commits. It has been written when this returns.
    ///
    /// # Errors
    /// What [`Error`] says is known about the outcome. When a statement of this transaction has failed before,
    /// nothing is committed and that statement's error comes again.
    pub async fn commit(self) -> Result<(), Error> {
        self.reading.door.commit().await
    }

    /// Undoes everything. A batch that is dropped is undone too, a little later.
    pub async fn rollback(self) -> Result<(), Error> {
        self.reading.door.rollback().await
    }
}

fn head_rows(heads: &[Head]) -> Rows<'_> {
    let types = [Type::Bytes, Type::Text, Type::Int, Type::Int, Type::Bytes, Type::Int, Type::Bytes];
    let mut rows = Rows::new(types.to_vec());
    for head in heads {
        rows.row([
            Bind::Bytes(&head.log),
            Bind::Text(&head.kind),
            Bind::count(head.seq),
            Bind::Int(head.at),
            Bind::Bytes(&head.frontier),
            Bind::Int(head.generation.into()),
            Bind::Bytes(&head.folded),
        ]);
    }
    rows
}

/// Rows of a table as they are written, and the names of their columns.
fn cells<'a>(table: &'a Table, rows: &'a [Row]) -> Result<(Vec<&'a str>, Rows<'a>), Error> {
    let fixed = FIXED.iter().copied();
    let all: Vec<_> = fixed.chain(table.columns.iter().map(|(name, kind)| (name.as_str(), *kind))).collect();
    let (names, types): (Vec<&str>, Vec<Type>) = all.into_iter().unzip();
    let mut cells = Rows::new(types);
    for row in rows {
        if row.columns.len() != table.columns.len() {
            let (found, wanted) = (row.columns.len(), table.columns.len());
            return Err(Error::Senseless(format!("{found} columns in a row of {}, which has {wanted}", table.name)));
        }
        cells.row([
            Bind::Bytes(&row.log),
            Bind::Bytes(&row.id),
            Bind::Bytes(&row.subject),
            Bind::id(row.owner.as_ref()),
            Bind::Bool(row.shared),
            Bind::Bytes(&row.document),
        ]);
        for ((name, kind), value) in table.columns.iter().zip(&row.columns) {
            cells.row([Bind::of(value, name, *kind)?]);
        }
    }
    Ok((names, cells))
}

/// What follows an insert that replaces what is there.
fn updating(key: &[&str], columns: &[&str]) -> String {
    let others = columns.iter().filter(|column| !key.contains(column));
    let set: Vec<String> = others.map(|column| format!("{column} = excluded.{column}")).collect();
    format!(" on conflict ({}) do update set {}", key.join(", "), set.join(", "))
}

/// A row's columns beside its key and document, compared with those that an insert brings.
fn compared(columns: &[&str], how: &str) -> String {
    let of: Vec<&str> =
        columns.iter().copied().filter(|column| !["log_id", "id", "document"].contains(column)).collect();
    format!("({}) {how} (excluded.{})", of.join(", "), of.join(", excluded."))
}
