//! Opening a database, and what is done outside of a caller's own transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, SqlSafeStr as _};

use crate::batch::Batch;
use crate::door::{self, Answer, Door};
use crate::doorbell::{self, Doorbell};
use crate::error::{During, Error};
use crate::limit::{Recorder, Recording};
use crate::log::{Outbox, Work};
use crate::place;
use crate::pools::Pools;
use crate::schema;
use crate::snapshot::{self, Snapshot};
use crate::statement::{Bind, Statement, numbered, script};
use crate::truth;
use crate::value::{Id, Type};
use crate::wall::{self, Wall};

/// How long wiping the write-ahead log waits for readers at a time: so long, who wants to write waits for it.
const WIPING: Duration = Duration::from_millis(100);
/// How many old rows one transaction deletes on SQLite. Their keys are in no order: each may be a page of its own.
const EXPIRED_AT_ONCE: u32 = 1_000;

/// Where the database is and how much of it is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:PATH` (the file and its directory are made when missing), `sqlite::memory:` (a database of this `Store`
    /// alone, gone with it), or `postgres://…`.
    pub url: String,
    /// Reading connections beside the one that writes. SQLite only.
    pub readers: u32,
    /// Connections, reading and writing. PostgreSQL only.
    pub connections: u32,
    /// The role as which single logs are read ([`Store::snapshot_of`]), behind row-level security; it is made when it is
    /// missing. None: they are read as everything else is. PostgreSQL only.
    pub reader: Option<String>,
    /// Page cache of each connection, in KiB. SQLite only.
    pub cache_kib: u32,
    /// How long to wait for a connection, and on SQLite for another process's lock.
    pub patience: Duration,
    /// How long a snapshot may stay open; a reading after that fails with [`Error::Stale`].
    pub snapshot_limit: Duration,
    /// Whether a database without our tables is given them; else it is left as it is, with [`Error::Empty`].
    pub begins: bool,
    /// Whether nobody else may have it open when it is opened: it is to be filled. Else there is [`Error::InUse`].
    pub alone: bool,
}

impl Options {
    /// Eight readers or twenty connections, 32 MiB of cache, five seconds of patience, snapshots of ten seconds.
    pub fn new(url: impl Into<String>) -> Self {
        Options {
            url: url.into(),
            readers: 8,
            connections: 20,
            reader: None,
            cache_kib: 32 * 1024,
            patience: Duration::from_secs(5),
            snapshot_limit: Duration::from_secs(10),
            begins: true,
            alone: false,
        }
    }
}

/// Which database is below.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Database {
    /// A file, or memory.
    Sqlite,
    /// A server.
    Postgres,
}

/// An open database. A clone is another handle to the same one.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Pools,
    wall: Option<Arc<Wall>>,
    snapshot_limit: Duration,
    recorder: Arc<Recorder>,
    /// Whether a write or a sync has failed: nothing is written any more.
    stopped: Arc<AtomicBool>,
    /// How many statements were executed.
    statements: Arc<AtomicU64>,
}

impl Store {
    /// Opens a database and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::InUse`], [`Error::Empty`], [`Error::TooOld`] and [`Error::NewerSchema`] say what to do; what else failed
    /// while migrating left the schema as it was.
    pub async fn open(options: &Options) -> Result<Store, Error> {
        let pools = Pools::open(options).await?;
        let recorder = Arc::new(Recorder::default());
        let stopped = Arc::default();
        let (snapshot_limit, statements) = (options.snapshot_limit, Arc::default());
        let mut store = Store { pools, wall: None, snapshot_limit, recorder, stopped, statements };
        let mut door = match store.write().await {
            Ok(door) => door,
            Err(error) => return Err(Error::Open(store.why(&error, options.patience).await)),
        };
        if options.alone {
            place::alone_in_database(&mut door, options.patience).await?;
        }
        schema::check_program(&mut door).await?;
        if !options.begins && !schema::is_there(&mut door).await? {
            return Err(Error::Empty);
        }
        schema::migrate(&mut door).await?;
        door.commit().await?;
        if let Some(role) = &options.reader {
            let raised = wall::raise(&store, role).await?;
            store.pools.close(&store.stopped).await;
            store.pools = store.pools.walled(options, &raised)?;
            wall::check(&store, &raised).await?;
            store.wall = Some(Arc::new(raised));
        }
        Ok(store)
    }

    /// Why it could not be opened: where it is, and what is said there. A pool that was given no connection says only that
    /// it has waited.
    async fn why(&self, error: &Error, patience: Duration) -> String {
        let Pools::Postgres { pool, .. } = &self.pools else { return error.to_string() };
        let options = pool.connect_options();
        let said = match tokio::time::timeout(patience, options.connect()).await {
            Ok(Err(said)) => said.to_string(),
            Ok(Ok(_)) | Err(_) => error.to_string(),
        };
        match options.get_socket() {
            Some(socket) => format!("PostgreSQL at {}: {said}", socket.display()),
            None => format!("PostgreSQL at {}:{}: {said}", options.get_host(), options.get_port()),
        }
    }

    /// Which database is below.
    pub fn database(&self) -> Database {
        self.pools.database()
    }

    /// How many statements were executed through this store since it was opened, without begins and ends of
    /// transactions.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes all connections; those in use when they are given back. After a write or a sync has failed those of SQLite
    /// stay open for as long as the process runs; where it fails meanwhile, the one that writes. The last one to close would
    /// copy the write-ahead log and remove it, and begin where the last checkpoint came to; what that one and those before
    /// it have copied may be gone. Whoever opens the database after this process copies all of it.
    pub async fn close(&self) {
        if self.database() == Database::Sqlite && !self.accepts_writes() {
            std::mem::forget(self.pools.clone());
            return;
        }
        self.pools.close(&self.stopped).await;
    }

    /// A copy in memory of this database, which must be one in memory too: other connections, and from now on a
    /// database of its own. `options` say how it is used; their `url` is `sqlite::memory:`.
    ///
    /// # Errors
    /// [`Error::Senseless`] where one of the two is no database in memory.
    pub async fn copy_in_memory(&self, options: &Options) -> Result<Store, Error> {
        let senseless = || Error::Senseless("a copy of what is not in memory".to_owned());
        let Pools::Sqlite { writer, memory: Some(_), .. } = &self.pools else { return Err(senseless()) };
        let pools = Pools::open(options).await?;
        let Pools::Sqlite { memory: Some(name), .. } = &pools else { return Err(senseless()) };
        let target = format!("file:{name}?vfs=memdb");
        let failed = |error: sqlx::Error| Error::classify(&error, During::Statement);
        sqlx::query("vacuum into ?").bind(target).execute(writer).await.map_err(failed)?;
        let (recorder, stopped, statements) = (Arc::default(), Arc::default(), Arc::default());
        Ok(Store { pools, wall: None, snapshot_limit: options.snapshot_limit, recorder, stopped, statements })
    }

    /// How many connections are open, and how many of them are in use.
    pub fn connections(&self) -> (u32, u32) {
        let of = |open: u32, idle: usize| (open, open.saturating_sub(u32::try_from(idle).unwrap_or(u32::MAX)));
        match &self.pools {
            Pools::Sqlite { writer, readers, .. } => {
                of(writer.size() + readers.size(), writer.num_idle() + readers.num_idle())
            }
            Pools::Postgres { pool, walled, .. } => {
                let (size, idle) = walled.as_ref().map_or((0, 0), |walled| (walled.size(), walled.num_idle()));
                of(pool.size() + size, pool.num_idle() + idle)
            }
        }
    }

    /// How many bytes the database's pages take. SQLite only; 0 on PostgreSQL.
    pub async fn bytes(&self) -> Result<u64, Error> {
        if self.database() == Database::Postgres {
            return Ok(0);
        }
        let pages = "select page_count * page_size from pragma_page_count(), pragma_page_size()";
        let rows = self.read(Statement::fixed(Database::Sqlite, pages, &[])?).await?;
        rows.first().map_or(Ok(0), |row| row.count(0))
    }

    /// Whether anything is written: a write or a sync that failed ends that until the database is opened anew. What the
    /// operating system could not write may be gone from its memory, so that a later sync would promise what is not there.
    pub fn accepts_writes(&self) -> bool {
        !self.stopped.load(Ordering::Acquire)
    }

    fn may_write(&self) -> Result<(), Error> {
        door::may_write(&self.stopped)
    }

    /// A writing transaction that is not recorded.
    pub(crate) async fn write(&self) -> Result<Door, Error> {
        self.writing(None).await
    }

    /// Begins a writing transaction. On SQLite there is one at a time, and the next ones wait in line.
    pub async fn batch(&self) -> Result<Batch, Error> {
        self.writing(Some(&self.recorder)).await.map(Batch::new)
    }

    async fn writing(&self, recorder: Option<&Arc<Recorder>>) -> Result<Door, Error> {
        self.may_write()?;
        let connection = self.noted(self.pools.begin_writing(&self.stopped).await)?;
        // It may have failed while this one waited in line.
        self.may_write()?;
        let tape = recorder.and_then(Recorder::tape);
        Ok(Door::writing(connection, tape, self.stopped.clone(), self.statements.clone()))
    }

    /// What failed for good outside of a transaction ends writing as it does within one.
    fn noted<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        done.inspect_err(|error| door::note(&self.stopped, error))
    }

    /// What lies around the logs, as it was raised when the store was opened; nothing where no role was named.
    pub fn wall(&self) -> Option<&Wall> {
        self.wall.as_deref()
    }

    /// Begins a reading transaction of these logs: all its readings see one state of the database. This is how
    /// everything is read that somebody is shown. Where the store has a reader's role, rows of other logs are not there
    /// for it, whatever is asked, and what belongs to no log cannot be asked for; else it is a [`Store::snapshot`].
    pub async fn snapshot_of(&self, logs: &[Id]) -> Result<Snapshot, Error> {
        let connection = self.pools.begin_reading_of(logs).await?;
        Ok(Snapshot::new(Door::reading(connection, Some(self.snapshot_limit), self.statements.clone())))
    }

    /// Begins a reading transaction of the whole database: all its readings see one state of it. For what the product
    /// does across logs, and for its operator.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        let connection = self.pools.begin_reading().await?;
        Ok(Snapshot::new(Door::reading(connection, Some(self.snapshot_limit), self.statements.clone())))
    }

    /// Makes the tables of a projection if they are missing, and notes at what time.
    ///
    /// `ddl` is portable SQL: `create table if not exists NAME (…)`, `create index if not exists …`, with the type
    /// names of [`crate::Type::sql`]. A comment that begins with `/*sqlite:` or `/*postgres:` is uncommented on that
    /// database. Where all that it makes is there, it is not run: on PostgreSQL `create index` waits for who has written to
    /// its table, and everybody else behind it, before it sees that there is nothing to make.
    pub async fn ensure(&self, ddl: &str, at: i64) -> Result<(), Error> {
        let tables = made(ddl, "table");
        if tables.is_empty() || !self.are_there(&tables, &made(ddl, "index")).await? {
            self.make(ddl, &tables, at).await?;
        }
        match &self.wall {
            Some(wall) => wall::raise_tables(self, &wall.role).await.map(drop),
            None => Ok(()),
        }
    }

    async fn make(&self, ddl: &str, tables: &[String], at: i64) -> Result<(), Error> {
        let database = self.database();
        let mut door = self.write().await?;
        schema::take_turn(&mut door).await?;
        door.script(script(database, ddl)).await?;
        schema::assume_sizes(&mut door).await?;
        for name in tables {
            let note =
                "insert into projections (table_name, created_at) values (?, ?) on conflict (table_name) do nothing";
            door.execute(Statement::fixed(database, note, &[Bind::Text(name), Bind::Int(at)])?).await?;
        }
        door.commit().await
    }

    /// Whether these tables are noted, and are there with these indexes: nobody has dropped one by hand.
    async fn are_there(&self, tables: &[String], indexes: &[String]) -> Result<bool, Error> {
        let tables: Vec<Bind<'_>> = tables.iter().map(|name| Bind::Text(name)).collect();
        let all: Vec<Bind<'_>> = tables.iter().copied().chain(indexes.iter().map(|name| Bind::Text(name))).collect();
        let mut noted = Statement::new(self.database());
        noted.push("select count(*) from projections where table_name").one_of_binds(Type::Text, &tables)?;
        let mut there = Statement::new(self.database());
        there.push_on(Database::Sqlite, "select count(*) from sqlite_schema where name");
        let visible = "select count(*) from pg_class where pg_table_is_visible(oid) and relname::text";
        there.push_on(Database::Postgres, visible).one_of_binds(Type::Text, &all)?;
        for (statement, wanted) in [(noted, tables.len()), (there, all.len())] {
            let rows = self.read(statement).await?;
            if rows.first().map_or(Ok(0), |row| row.count::<u64>(0))? < wanted as u64 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The tables that [`Store::ensure`] has made and that were not dropped, by name, and when they were made.
    pub async fn tables_existing(&self) -> Result<Vec<(String, i64)>, Error> {
        let all = "select table_name, created_at from projections order by table_name";
        let rows = self.read(Statement::fixed(self.database(), all, &[])?).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }

    /// Drops a table of rows. One that [`Store::ensure`] has not made is left alone; `false` says so.
    pub async fn drop_table(&self, name: &str) -> Result<bool, Error> {
        let database = self.database();
        let mut door = self.write().await?;
        schema::take_turn(&mut door).await?;
        let forget = "delete from projections where table_name = ?";
        let known = door.execute(Statement::fixed(database, forget, &[Bind::Text(name)])?).await? > 0;
        if known {
            door.script(format!("drop table if exists {name}")).await?;
        }
        door.commit().await?;
        Ok(known)
    }

    /// Claims parcels that are due, each until `lease`: it is then due again, unless it was sent.
    pub async fn claim_outbox(&self, now: i64, lease: i64, limit: u32) -> Result<Vec<Outbox>, Error> {
        let waiting = "select 1 from outbox where sent_at is null and due <= ? limit 1";
        if self.read(Statement::fixed(self.database(), waiting, &[Bind::Int(now)])?).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut claim = Statement::new(self.database());
        claim.push("update outbox set attempts = attempts + 1, due = ").bind(Bind::Int(lease))?;
        claim.push(" where (log_id, id) in (select log_id, id from outbox where sent_at is null and due <= ");
        claim.bind(Bind::Int(now))?.push(" order by due limit ").bind(Bind::Int(limit.into()))?;
        claim.push_on(Database::Postgres, " for update skip locked").push(") returning ").push(snapshot::OUTBOX);
        let mut claimed = self.change(claim).await?.iter().map(snapshot::outbox_of).collect::<Result<Vec<_>, _>>()?;
        claimed.sort_by_key(|parcel| (parcel.log, parcel.seq, parcel.id));
        Ok(claimed)
    }

    /// Notes that a parcel was sent.
    pub async fn outbox_sent(&self, log: Id, id: Id, at: i64) -> Result<(), Error> {
        let sent = "update outbox set sent_at = ? where log_id = ? and id = ?";
        let binds = [Bind::Int(at), Bind::Bytes(&log), Bind::Bytes(&id)];
        self.change(Statement::fixed(self.database(), sent, &binds)?).await.map(drop)
    }

    /// Puts a claimed parcel back, to be tried at `due`.
    pub async fn outbox_retry(&self, log: Id, id: Id, due: i64) -> Result<(), Error> {
        let retry = "update outbox set due = ? where log_id = ? and id = ? and sent_at is null";
        let binds = [Bind::Int(due), Bind::Bytes(&log), Bind::Bytes(&id)];
        self.change(Statement::fixed(self.database(), retry, &binds)?).await.map(drop)
    }

    /// Puts a claimed parcel back that waits until `due`: the claim was no attempt.
    pub async fn outbox_wait(&self, log: Id, id: Id, due: i64) -> Result<(), Error> {
        let wait = "update outbox set due = ?, attempts = attempts - 1 where log_id = ? and id = ? and sent_at is null";
        let binds = [Bind::Int(due), Bind::Bytes(&log), Bind::Bytes(&id)];
        self.change(Statement::fixed(self.database(), wait, &binds)?).await.map(drop)
    }

    /// Claims a reactor's work that may be claimed at `now`, each until `lease`, which is the `at` of the answer.
    pub async fn claim_work(&self, reactor: &str, now: i64, lease: i64, limit: u32) -> Result<Vec<Work>, Error> {
        let waiting = "select 1 from work where reactor = ? and at <= ? limit 1";
        let binds = [Bind::Text(reactor), Bind::Int(now)];
        if self.read(Statement::fixed(self.database(), waiting, &binds)?).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut claim = Statement::new(self.database());
        claim.push("update work set at = ").bind(Bind::Int(lease))?;
        claim.push(" where (log_id, reactor) in (select log_id, reactor from work where reactor = ");
        claim.bind(Bind::Text(reactor))?.push(" and at <= ").bind(Bind::Int(now))?;
        claim.push(" order by at limit ").bind(Bind::Int(limit.into()))?;
        claim.push_on(Database::Postgres, " for update skip locked").push(") returning log_id, reactor, at");
        let rows = self.change(claim).await?;
        rows.iter().map(|row| Ok(Work { log: row.array(0)?, reactor: row.text(1)?, at: row.int(2)? })).collect()
    }

    /// Ends claimed work. Work that a commit has left since the claim stays, for its time is another one.
    pub async fn work_done(&self, claimed: &Work) -> Result<(), Error> {
        let done = "delete from work where log_id = ? and reactor = ? and at = ?";
        let binds = [Bind::Bytes(&claimed.log), Bind::Text(&claimed.reactor), Bind::Int(claimed.at)];
        self.change(Statement::fixed(self.database(), done, &binds)?).await.map(drop)
    }

    /// Forgets commands done before a time, and parcels sent before it; how many of both. On SQLite, where who wants to
    /// write waits meanwhile, a part at a time.
    pub async fn expire(&self, before: i64) -> Result<u64, Error> {
        let mut gone = 0;
        for (table, key, time) in [("commands", "log_id, key", "at"), ("outbox", "log_id, id", "sent_at")] {
            loop {
                let mut old = Statement::new(self.database());
                old.push("delete from ").push(table).push(" where ");
                old.push_on(Database::Sqlite, &format!("({key}) in (select {key} from {table} where "));
                old.push(time).push(" < ").bind(Bind::Int(before))?;
                if self.database() == Database::Sqlite {
                    old.push(&format!(" order by {time} limit ")).bind(Bind::Int(EXPIRED_AT_ONCE.into()))?.push(")");
                }
                let mut door = self.write().await?;
                let part = door.execute(old).await?;
                door.commit().await?;
                gone += part;
                if part < u64::from(EXPIRED_AT_ONCE) || self.database() == Database::Postgres {
                    break;
                }
            }
        }
        Ok(gone)
    }

    /// Has PostgreSQL look at how many rows its tables have, as its autovacuum does in its own time: for whoever has just
    /// written very many. Until then its planner takes tables for small, and sorts a whole log where an index has the order.
    /// SQLite's planner was told when the tables were made.
    pub async fn measure(&self) -> Result<(), Error> {
        if self.database() == Database::Sqlite {
            return Ok(());
        }
        // Ours by name: whoever looks at all tables is warned of each of the server's own.
        let made = "select table_name from projections where to_regclass(table_name) is not null order by table_name";
        let mut names: Vec<String> = truth::tables().map(|table| table.name.to_owned()).collect();
        for row in self.read(Statement::fixed(Database::Postgres, made, &[])?).await? {
            names.push(row.text(0)?);
        }
        let mut door = self.write().await?;
        door.script(format!("analyze {}", names.join(", "))).await?;
        door.commit().await
    }

    /// Empties SQLite's write-ahead log, so that nothing deleted stays in it. PostgreSQL: does nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a snapshot that is open keeps it: try again. Who wants to write waits meanwhile, so it does
    /// not wait for a snapshot for longer than a moment.
    pub async fn wipe_wal(&self) -> Result<(), Error> {
        self.wipe_within(WIPING).await
    }

    async fn wipe_within(&self, wait: Duration) -> Result<(), Error> {
        self.may_write()?;
        let is_whole = self.noted(self.pools.truncate_wal(wait, &self.stopped).await)?;
        if is_whole { Ok(()) } else { Err(Error::Conflict("a reader keeps the write-ahead log".to_owned())) }
    }

    /// Writes SQLite's file anew, from the rows that there are. `secure_delete` overwrites a row that is deleted, and not
    /// what a page has kept of one that was moved to another page before. It needs memory for the whole file; who wants to
    /// write meanwhile waits. PostgreSQL: does nothing.
    ///
    /// # Errors
    /// Those of [`Store::wipe_wal`], where the file is written anew already and a snapshot was open for longer than the
    /// store's patience.
    pub async fn compact(&self) -> Result<(), Error> {
        self.may_write()?;
        let Pools::Sqlite { writer, .. } = &self.pools else { return Ok(()) };
        let done = sqlx::query("vacuum").execute(writer).await.map(drop);
        self.noted(done.map_err(|error| Error::classify(&error, During::Statement)))?;
        self.wipe_within(writer.options().get_acquire_timeout()).await
    }

    /// Tells other nodes that these logs have reached these positions; after the commit, never inside of it, where it
    /// would make commits wait for each other. SQLite: does nothing.
    pub async fn ring(&self, news: &[(Id, u64)]) -> Result<(), Error> {
        let Pools::Postgres { pool, .. } = &self.pools else { return Ok(()) };
        doorbell::ring(pool, news).await
    }

    /// Listens for [`Store::ring`].
    pub async fn doorbell(&self) -> Result<Doorbell, Error> {
        match &self.pools {
            Pools::Sqlite { .. } => Ok(Doorbell::silent()),
            Pools::Postgres { pool, .. } => Doorbell::listen(pool).await,
        }
    }

    /// Begins to record the writing transactions that begin from now on and commit. It costs memory: all their bytes.
    pub fn record(&self) {
        self.recorder.start();
    }

    /// Ends recording; what was recorded.
    pub fn recorded(&self) -> Recording {
        self.recorder.finish()
    }

    /// Whether a portable statement, with `?` for its values, can be prepared here: its tables and columns exist.
    pub async fn prepare(&self, sql: &str) -> Result<(), Error> {
        let done = match &self.pools {
            Pools::Sqlite { readers, .. } => readers.prepare(AssertSqlSafe(sql).into_sql_str()).await.map(drop),
            Pools::Postgres { pool, .. } => pool.prepare(AssertSqlSafe(numbered(sql)).into_sql_str()).await.map(drop),
        };
        done.map_err(|error| Error::Senseless(format!("{error}, in: {sql}")))
    }

    async fn read(&self, statement: Statement) -> Result<Vec<Answer>, Error> {
        let mut door = Door::reading(self.pools.begin_reading().await?, None, self.statements.clone());
        let rows = door.fetch(statement).await?;
        door.rollback().await?;
        Ok(rows)
    }

    async fn change(&self, statement: Statement) -> Result<Vec<Answer>, Error> {
        let mut door = self.write().await?;
        let rows = door.fetch(statement).await?;
        door.commit().await?;
        Ok(rows)
    }
}

/// The names after each `create table if not exists` of a script, or after `create index …`.
fn made(ddl: &str, what: &str) -> Vec<String> {
    let code: Vec<&str> = ddl.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let code = code.join(" ").to_ascii_lowercase().replace('(', " ( ");
    let words: Vec<&str> = code.split_whitespace().collect();
    let named = |window: &[&str]| match window {
        ["create", kind, "if", "not", "exists", name] if *kind == what => Some((*name).to_owned()),
        _ => None,
    };
    words.windows(6).filter_map(named).collect()
}
