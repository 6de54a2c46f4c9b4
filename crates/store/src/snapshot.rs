//! Reading: everything that can be read in one transaction, on one connection.

use crate::door::{Answer, Door};
use crate::error::Error;
use crate::lists::{Lists, PARENT_COLUMNS, histories, keys_a_statement};
use crate::log::{Command, Event, Forgotten, Head, Key, Outbox, SignedRoot};
use crate::select::{Activity, Select};
use crate::statement::{Bind, Rows, Statement};
use crate::store::Database;
use crate::value::{FIXED, Id, Row, Table, Type, Value};

pub(crate) const HEAD: &str = "log_id, kind, seq, at, frontier, generation, folded";
pub(crate) const EVENT: &str =
    "log_id, seq, thing, kind, version, subject, owner, actor, behalf, command, at, record, leaf";
/// The column of [`EVENT`] that may be long.
pub(crate) const RECORD: &str = "record";
/// How many columns [`EVENT`] names.
const EVENT_COLUMNS: usize = 13;
pub(crate) const OUTBOX: &str = "log_id, id, seq, kind, due, attempts, sent_at";
const KEY: &str = "t.log_id, t.subject, t.owner, t.generation, t.root, t.wrapped, t.commitment, t.at, t.since";

/// The owner that stands in a key of nobody's, for no column of a primary key may be null.
pub(crate) const NOBODY: Id = [0; 16];

/// Keys and loads that one statement asks for. More are asked for in several.
pub(crate) const KEYS_A_STATEMENT: usize = 1024;

/// A row whose time has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Due {
    /// Its time.
    pub at: i64,
    /// The log.
    pub log: Id,
    /// The row.
    pub id: Id,
    /// Its document.
    pub document: Vec<u8>,
}

impl Due {
    /// Its place among all rows of its table that are due, in the order in which they are read.
    pub fn place(&self) -> (i64, Id, Id) {
        (self.at, self.log, self.id)
    }
}

/// One transaction's view: all its readings see the same state, that of the first one.
///
/// A snapshot that is dropped is closed too, a little later.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) door: Door,
}

impl Snapshot {
    pub(crate) fn new(door: Door) -> Snapshot {
        Snapshot { door }
    }

    pub(crate) fn database(&self) -> Database {
        self.door.database()
    }

    /// The rows that a fixed statement answers.
    pub(crate) async fn ask(&mut self, text: &'static str, binds: &[Bind<'_>]) -> Result<Vec<Answer>, Error> {
        let statement = Statement::fixed(self.database(), text, binds)?;
        self.door.fetch(statement).await
    }

    /// The head of one log.
    pub async fn head(&mut self, log: Id) -> Result<Option<Head>, Error> {
        Ok(self.heads_of(&[log]).await?.pop())
    }

    /// The head of one log, and the document of one of its rows, if it is there.
    pub async fn head_and(&mut self, log: Id, table: &Table, id: Id) -> Result<Option<(Head, Option<Vec<u8>>)>, Error> {
        let statement = head_and(self.database(), log, table, id)?;
        let rows = self.door.fetch(statement).await?;
        rows.first().map(|row| Ok((head_of(row)?, row.bytes_or_null(7)?))).transpose()
    }

    /// Heads by log id, those after `after`.
    pub async fn heads(&mut self, after: Option<Id>, limit: u32) -> Result<Vec<Head>, Error> {
        let mut statement = Statement::new(self.database());
        statement.push("select ").push(HEAD).push(" from heads");
        if let Some(after) = after {
            statement.push(" where log_id > ").bind(Bind::Bytes(&after))?;
        }
        statement.push(" order by log_id limit ").bind(Bind::Int(limit.into()))?;
        self.door.fetch(statement).await?.iter().map(head_of).collect()
    }

    /// The heads of these logs, as far as they exist, by log id.
    pub async fn heads_of(&mut self, logs: &[Id]) -> Result<Vec<Head>, Error> {
        let mut statement = Statement::new(self.database());
        statement
            .push("select ")
            .push(HEAD)
            .push(" from heads where ")
            .one_of("log_id", logs)?
            .push(" order by log_id");
        self.door.fetch(statement).await?.iter().map(head_of).collect()
    }

    /// A log's events after a position, in order.
    pub async fn events(&mut self, log: Id, after: u64, limit: u32) -> Result<Vec<Event>, Error> {
        let text = "select log_id, seq, thing, kind, version, subject, owner, actor, behalf, command, at, record, leaf \
                    from events where log_id = ? and seq > ? order by seq limit ?";
        let rows = self.ask(text, &[Bind::Bytes(&log), Bind::count(after), Bind::Int(limit.into())]).await?;
        rows.iter().map(event_of).collect()
    }

    /// One event.
    pub async fn event(&mut self, log: Id, seq: u64) -> Result<Option<Event>, Error> {
        let Some(after) = seq.checked_sub(1) else { return Ok(None) };
        Ok(self.events(log, after, 1).await?.pop().filter(|event| event.seq == seq))
    }

    /// The records of a log's events after a position, in order: `(seq, record)`. Two columns are read several times
    /// faster than all.
    pub async fn records(&mut self, log: Id, after: u64, limit: u32) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let text = "select seq, record from events where log_id = ? and seq > ? order by seq limit ?";
        let rows = self.ask(text, &[Bind::Bytes(&log), Bind::count(after), Bind::Int(limit.into())]).await?;
        rows.iter().map(|row| Ok((row.count(0)?, row.bytes(1)?))).collect()
    }

    /// The records at these positions of a log, in no order: `(seq, record)`.
    pub async fn records_at(&mut self, log: Id, positions: &[u64]) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let mut found = Vec::with_capacity(positions.len());
        for positions in positions.chunks(KEYS_A_STATEMENT) {
            let rows = records_at(&log, positions);
            for row in self.join("t.seq, t.record", "events", &["log_id", "seq"], &rows).await? {
                found.push((row.count(0)?, row.bytes(1)?));
            }
        }
        Ok(found)
    }

    /// The newest position of a log, at most `until`, whose event is not later than a time; 0 where its first event is.
    pub async fn position_by(&mut self, log: Id, at: i64, until: u64) -> Result<u64, Error> {
        // Time never runs backwards in a log, and there is no index of it: the place is found by halving.
        let (mut before, mut after) = (0, until);
        while before < after {
            let middle = before + (after - before).div_ceil(2);
            let text = "select at from events where log_id = ? and seq = ?";
            let rows = self.ask(text, &[Bind::Bytes(&log), Bind::count(middle)]).await?;
            let found =
                rows.first().map_or_else(|| Err(Error::Malformed(format!("no event {middle}"))), |row| row.int(0))?;
            if found <= at { before = middle } else { after = middle - 1 }
        }
        Ok(before)
    }

    /// The leaf hashes of a log's events after a position, in order.
    pub async fn leaves(&mut self, log: Id, after: u64, limit: u32) -> Result<Vec<[u8; 32]>, Error> {
        let text = "select leaf from events where log_id = ? and seq > ? order by seq limit ?";
        let rows = self.ask(text, &[Bind::Bytes(&log), Bind::count(after), Bind::Int(limit.into())]).await?;
        rows.iter().map(|row| row.array(0)).collect()
    }

    /// Events as the activity log asks for them.
    pub async fn activity(&mut self, asked: &Activity<'_>) -> Result<Vec<Event>, Error> {
        let statement = asked.statement(self.database())?;
        self.door.fetch(statement).await?.iter().map(event_of).collect()
    }

    /// The same for many subjects or things: `column` is `subject` or `thing`, and what `asked` says of it does not
    /// matter. Each event comes with the place of its id in `ids`; those of one id in the order asked for.
    pub async fn histories(
        &mut self,
        asked: &Activity<'_>,
        column: &'static str,
        ids: &[Id],
    ) -> Result<Vec<(usize, Event)>, Error> {
        let (mut found, at_once) = (Vec::new(), keys_a_statement(PARENT_COLUMNS));
        for (part, ids) in ids.chunks(at_once).enumerate() {
            let statement = histories(asked, self.database(), column, ids)?;
            for row in self.door.fetch(statement).await? {
                found.push((part * at_once + row.count::<usize>(EVENT_COLUMNS)?, event_of(&row)?));
            }
        }
        Ok(found)
    }

    /// Kept nodes of one level from a position on, in order. They are dense.
    pub async fn nodes(&mut self, log: Id, level: u8, from: u64, limit: u32) -> Result<Vec<[u8; 32]>, Error> {
        let text = "select hash from tree_nodes where log_id = ? and level = ? and position >= ? \
                    order by position limit ?";
        let binds = [Bind::Bytes(&log), Bind::Int(level.into()), Bind::count(from), Bind::Int(limit.into())];
        self.ask(text, &binds).await?.iter().map(|row| row.array(0)).collect()
    }

    /// Those kept nodes of one level that are there from a position on and before another, each with its position.
    pub async fn nodes_between(
        &mut self,
        log: Id,
        level: u8,
        from: u64,
        until: u64,
    ) -> Result<Vec<(u64, [u8; 32])>, Error> {
        let text = "select position, hash from tree_nodes where log_id = ? and level = ? and position >= ? \
                    and position < ? order by position";
        let binds = [Bind::Bytes(&log), Bind::Int(level.into()), Bind::count(from), Bind::count(until)];
        self.ask(text, &binds).await?.iter().map(|row| Ok((row.count(0)?, row.array(1)?))).collect()
    }

    /// A log's newest checkpoint.
    pub async fn checkpoint(&mut self, log: Id) -> Result<Option<SignedRoot>, Error> {
        let text = "select log_id, seq, root, note, at from checkpoints where log_id = ? order by seq desc limit 1";
        let rows = self.ask(text, &[Bind::Bytes(&log)]).await?;
        let read = |row: &Answer| {
            Ok(SignedRoot {
                log: row.array(0)?,
                seq: row.count(1)?,
                root: row.array(2)?,
                note: row.text(3)?,
                at: row.int(4)?,
            })
        };
        rows.first().map(read).transpose()
    }

    /// Commands done, by (log, key), in no order.
    pub async fn commands(&mut self, keys: &[(Id, [u8; 32])]) -> Result<Vec<Command>, Error> {
        let mut found = Vec::new();
        for keys in keys.chunks(KEYS_A_STATEMENT) {
            let mut rows = Rows::new(vec![Type::Bytes; 2]);
            for (log, key) in keys {
                rows.row([Bind::Bytes(log), Bind::Bytes(key)]);
            }
            let columns = "t.log_id, t.key, t.request, t.seq, t.thing_kind, t.thing, t.at";
            let answer = self.join(columns, "commands", &["log_id", "key"], &rows).await?;
            for row in answer {
                found.push(Command {
                    log: row.array(0)?,
                    key: row.array(1)?,
                    request: row.array(2)?,
                    seq: row.count(3)?,
                    thing_kind: row.text(4)?,
                    thing: row.array(5)?,
                    at: row.int(6)?,
                });
            }
        }
        Ok(found)
    }

    /// All generations of the keys of these (log, subject, owner), the generations of each in order.
    pub async fn keys(&mut self, places: &[(Id, Id, Option<Id>)]) -> Result<Vec<Key>, Error> {
        let mut found = Vec::new();
        for places in places.chunks(KEYS_A_STATEMENT) {
            let mut rows = Rows::new(vec![Type::Bytes; 3]);
            for (log, subject, owner) in places {
                rows.row([log, subject, owner.as_ref().unwrap_or(&NOBODY)].map(|id| Bind::Bytes(id)));
            }
            for row in self.join(KEY, "keys", &["log_id", "subject", "owner"], &rows).await? {
                found.push(key_of(&row)?);
            }
        }
        found.sort_by_key(|key| (key.log, key.subject, key.owner, key.generation));
        Ok(found)
    }

    /// All keys of a log.
    pub async fn keys_of_log(&mut self, log: Id) -> Result<Vec<Key>, Error> {
        let text = "select log_id, subject, owner, generation, root, wrapped, commitment, at, since from keys \
                    where log_id = ? order by subject, owner, generation";
        self.ask(text, &[Bind::Bytes(&log)]).await?.iter().map(key_of).collect()
    }

    /// Which of these subjects (log, subject) were forgotten, and how far.
    pub async fn forgotten(&mut self, subjects: &[(Id, Id)]) -> Result<Vec<Forgotten>, Error> {
        let mut found = Vec::new();
        for subjects in subjects.chunks(KEYS_A_STATEMENT) {
            let columns = "t.log_id, t.subject, t.seq, t.at";
            for row in self.join(columns, "forgotten", &["log_id", "subject"], &Rows::pairs(subjects)).await? {
                found.push(forgotten_of(&row)?);
            }
        }
        Ok(found)
    }

    /// Everybody whom a log has forgotten.
    pub async fn forgotten_of_log(&mut self, log: Id) -> Result<Vec<Forgotten>, Error> {
        let text = "select log_id, subject, seq, at from forgotten where log_id = ? order by subject";
        self.ask(text, &[Bind::Bytes(&log)]).await?.iter().map(forgotten_of).collect()
    }

    /// The position of the newest event by which a log forgot somebody; 0 where it never has.
    pub async fn newest_forgotten(&mut self, log: Id) -> Result<u64, Error> {
        let rows =
            self.ask("select coalesce(max(seq), 0) from forgotten where log_id = ?", &[Bind::Bytes(&log)]).await?;
        rows.first().map_or(Ok(0), |row| row.count(0))
    }

    /// How far a follower has read a log; 0 when it never has.
    pub async fn follower(&mut self, log: Id, name: &str) -> Result<u64, Error> {
        let text = "select seq from followers where log_id = ? and name = ?";
        let rows = self.ask(text, &[Bind::Bytes(&log), Bind::Text(name)]).await?;
        rows.first().map_or(Ok(0), |row| row.count(0))
    }

    /// A log's parcels, sent ones too, by id.
    pub async fn outbox(&mut self, log: Id) -> Result<Vec<Outbox>, Error> {
        let text = "select log_id, id, seq, kind, due, attempts, sent_at from outbox where log_id = ? order by id";
        self.ask(text, &[Bind::Bytes(&log)]).await?.iter().map(outbox_of).collect()
    }

    /// A value of this installation.
    pub async fn meta(&mut self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let rows = self.ask("select value from meta where key = ?", &[Bind::Text(key)]).await?;
        rows.first().map(|row| row.bytes(0)).transpose()
    }

    /// The documents of rows by (log, id), in no order; what is not there is left out.
    pub async fn load(&mut self, table: &Table, keys: &[(Id, Id)]) -> Result<Vec<(Id, Id, Vec<u8>)>, Error> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(KEYS_A_STATEMENT) {
            let columns = "t.log_id, t.id, t.document";
            for row in self.join(columns, &table.name, &["log_id", "id"], &Rows::pairs(keys)).await? {
                found.push((row.array(0)?, row.array(1)?, row.bytes(2)?));
            }
        }
        Ok(found)
    }

    /// Whole rows by (log, id), in no order; what is not there is left out.
    pub async fn get(&mut self, table: &Table, keys: &[(Id, Id)]) -> Result<Vec<Row>, Error> {
        let columns = columns_of(table, "t.");
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(KEYS_A_STATEMENT) {
            for row in self.join(&columns, &table.name, &["log_id", "id"], &Rows::pairs(keys)).await? {
                found.push(row_of(table, &row)?);
            }
        }
        Ok(found)
    }

    /// Rows, in the order asked for.
    pub async fn select(&mut self, asked: &Select<'_>) -> Result<Vec<Row>, Error> {
        let statement = asked.statement(self.database(), &columns_of(asked.table, ""))?;
        let rows = self.door.fetch(statement).await?;
        let rows: Result<Vec<Row>, Error> = rows.iter().map(|row| row_of(asked.table, row)).collect();
        rows.map(|rows| asked.as_asked(rows))
    }

    /// The same, ids and documents only, which is the faster way.
    pub async fn documents(&mut self, asked: &Select<'_>) -> Result<Vec<(Id, Vec<u8>)>, Error> {
        let statement = asked.statement(self.database(), "id, document")?;
        let rows = self.door.fetch(statement).await?;
        let rows: Result<Vec<_>, Error> = rows.iter().map(|row| Ok((row.array(0)?, row.bytes(1)?))).collect();
        rows.map(|rows| asked.as_asked(rows))
    }

    /// The same, ids alone.
    pub async fn ids(&mut self, asked: &Select<'_>) -> Result<Vec<Id>, Error> {
        let statement = asked.statement(self.database(), "id")?;
        let rows = self.door.fetch(statement).await?;
        let rows: Result<Vec<_>, Error> = rows.iter().map(|row| row.array(0)).collect();
        rows.map(|rows| asked.as_asked(rows))
    }

    /// The lists of many parents, each as [`Snapshot::documents`] would answer it: `(parent, id, document)`, where the
    /// first is the parent's place in `asked`. One statement, however many there are (up to 8 192, or half as many where
    /// each has a place in an order of more than the id).
    pub async fn lists(&mut self, asked: &Lists<'_>) -> Result<Vec<(usize, Id, Vec<u8>)>, Error> {
        let (mut found, at_once) = (Vec::new(), asked.parents_a_statement());
        for (part, parents) in asked.parents.chunks(at_once).enumerate() {
            let statement = asked.statement(self.database(), parents)?;
            for row in self.door.fetch(statement).await? {
                found.push((part * at_once + row.count::<usize>(0)?, row.array(1)?, row.bytes(2)?));
            }
        }
        Ok(found)
    }

    /// How many rows pass the sight and the filters; order, cursors and limit do not matter.
    pub async fn count(&mut self, asked: &Select<'_>) -> Result<u64, Error> {
        let statement = asked.counting(self.database())?;
        let rows = self.door.fetch(statement).await?;
        rows.first().map_or(Ok(0), |row| row.count(0))
    }

    /// How many rows pass for each of several parents, whose ids a column holds: those that have any.
    pub async fn counts(&mut self, asked: &Select<'_>, column: &str, parents: &[Id]) -> Result<Vec<(Id, u64)>, Error> {
        let statement = asked.counting_under(self.database(), column, parents)?;
        self.door.fetch(statement).await?.iter().map(|row| Ok((row.array(0)?, row.count(1)?))).collect()
    }

    /// Rows of all logs whose `column` (a time, of which the table has an index) is not later than `now`, the earliest
    /// first; those after the place `after`, if one is named.
    pub async fn due(
        &mut self,
        table: &Table,
        column: &str,
        now: i64,
        after: Option<(i64, Id, Id)>,
        limit: u32,
    ) -> Result<Vec<Due>, Error> {
        if table.column(column) != Some(Type::Int) {
            return Err(Error::Senseless(format!("{}.{column} is no time", table.name)));
        }
        let mut statement = Statement::new(self.database());
        statement.push("select ").push(column).push(", log_id, id, document from ").push(&table.name);
        statement.push(" where ").push(column).push(" <= ").bind(Bind::Int(now))?;
        if let Some((at, log, id)) = after {
            statement.push(" and (").push(column).push(", log_id, id) > (").bind(Bind::Int(at))?;
            statement.push(", ").bind(Bind::Bytes(&log))?.push(", ").bind(Bind::Bytes(&id))?.push(")");
        }
        statement.push(" order by ").push(column).push(", log_id, id limit ").bind(Bind::Int(limit.into()))?;
        let rows = self.door.fetch(statement).await?;
        let read =
            |row: &Answer| Ok(Due { at: row.int(0)?, log: row.array(1)?, id: row.array(2)?, document: row.bytes(3)? });
        rows.iter().map(read).collect()
    }

    /// A portable statement of a feature's own: `?` for its values in their order, `answer` the types of its columns.
    pub async fn query(
        &mut self,
        sql: &'static str,
        values: &[Value],
        answer: &[Type],
    ) -> Result<Vec<Vec<Value>>, Error> {
        let bind = |value| match value {
            &Value::Null => Err(Error::Senseless(format!("a null in: {sql}"))),
            Value::Text(text) => Ok(Bind::Text(text)),
            Value::Int(number) => Ok(Bind::Int(*number)),
            Value::Bool(truth) => Ok(Bind::Bool(*truth)),
            Value::Float(number) => Ok(Bind::Float(*number)),
            Value::Bytes(bytes) => Ok(Bind::Bytes(bytes)),
        };
        let binds = values.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        let rows = self.ask(sql, &binds).await?;
        let read = |row: &Answer| answer.iter().enumerate().map(|(place, kind)| row.value(place, *kind)).collect();
        rows.iter().map(read).collect()
    }

    /// Ends the transaction.
    pub async fn close(self) -> Result<(), Error> {
        self.door.rollback().await
    }

    /// Columns of `table as t`, joined with rows by the first columns of its primary key.
    async fn join(&mut self, columns: &str, table: &str, by: &[&str], rows: &Rows<'_>) -> Result<Vec<Answer>, Error> {
        if rows.count() == 0 {
            return Ok(Vec::new());
        }
        let mut statement = Statement::new(self.database());
        statement.lookup(columns, table, by, rows)?;
        self.door.fetch(statement).await
    }
}

fn forgotten_of(row: &Answer) -> Result<Forgotten, Error> {
    Ok(Forgotten { log: row.array(0)?, subject: row.array(1)?, seq: row.count(2)?, at: row.int(3)? })
}

/// What [`Snapshot::records_at`] looks up.
pub(crate) fn records_at<'a>(log: &'a Id, positions: &[u64]) -> Rows<'a> {
    let mut rows = Rows::new(vec![Type::Bytes, Type::Int]);
    for position in positions {
        rows.row([Bind::Bytes(log), Bind::count(*position)]);
    }
    rows
}

/// What [`Snapshot::head_and`] asks.
pub(crate) fn head_and(database: Database, log: Id, table: &Table, id: Id) -> Result<Statement, Error> {
    let mut statement = Statement::new(database);
    statement.push("select h.log_id, h.kind, h.seq, h.at, h.frontier, h.generation, h.folded, t.document ");
    statement.push("from heads as h left join ").push(&table.name).push(" as t on t.log_id = h.log_id and t.id = ");
    statement.bind(Bind::Bytes(&id))?.push(" where h.log_id = ").bind(Bind::Bytes(&log))?;
    Ok(statement)
}

/// All columns of a table, the fixed ones first.
pub(crate) fn columns_of(table: &Table, prefix: &str) -> String {
    let fixed = FIXED.iter().map(|(name, _)| *name);
    let all = fixed.chain(table.columns.iter().map(|(name, _)| name.as_str()));
    all.map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(", ")
}

fn row_of(table: &Table, row: &Answer) -> Result<Row, Error> {
    let values = table.columns.iter().enumerate().map(|(place, (_, kind))| row.value(FIXED.len() + place, *kind));
    Ok(Row {
        log: row.array(0)?,
        id: row.array(1)?,
        subject: row.array(2)?,
        owner: row.id_or_null(3)?,
        shared: row.bool(4)?,
        document: row.bytes(5)?,
        columns: values.collect::<Result<_, _>>()?,
    })
}

pub(crate) fn head_of(row: &Answer) -> Result<Head, Error> {
    Ok(Head {
        log: row.array(0)?,
        kind: row.text(1)?,
        seq: row.count(2)?,
        at: row.int(3)?,
        frontier: row.bytes(4)?,
        generation: row.count(5)?,
        folded: row.bytes(6)?,
    })
}

fn event_of(row: &Answer) -> Result<Event, Error> {
    Ok(Event {
        log: row.array(0)?,
        seq: row.count(1)?,
        thing: row.array(2)?,
        kind: row.text(3)?,
        version: row.count(4)?,
        subject: row.array(5)?,
        owner: row.id_or_null(6)?,
        actor: row.id_or_null(7)?,
        behalf: row.id_or_null(8)?,
        command: row.array(9)?,
        at: row.int(10)?,
        record: row.bytes_or_null(11)?.unwrap_or_default(),
        leaf: row.array(12)?,
    })
}

pub(crate) fn key_of(row: &Answer) -> Result<Key, Error> {
    Ok(Key {
        log: row.array(0)?,
        subject: row.array(1)?,
        owner: Some(row.array(2)?).filter(|owner| *owner != NOBODY),
        generation: row.count(3)?,
        root: row.array(4)?,
        wrapped: row.bytes(5)?,
        commitment: row.array(6)?,
        at: row.int(7)?,
        since: row.count(8)?,
    })
}

pub(crate) fn outbox_of(row: &Answer) -> Result<Outbox, Error> {
    Ok(Outbox {
        log: row.array(0)?,
        id: row.array(1)?,
        seq: row.count(2)?,
        kind: row.text(3)?,
        due: row.int(4)?,
        attempts: row.count(5)?,
        sent_at: row.int_or_null(6)?,
    })
}
