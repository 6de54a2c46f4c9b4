//! The commands that look into the database, or put it in order: `migrate`, `compact`, `log` and `rows`. They need no
//! root key, but for rows as they were, which are folded anew; and show no sealed text: what a row holds in the clear is
//! hidden by its `Debug`.

use std::io::Write;
use std::time::Duration;

use app::tables::Folded;
use app::{App, AsOf, Tables};
use domain::Table;
use domain::id::{Id as _, LogId, PersonId};
use serde::Serialize;
use store::{Database, Portions, Select, Store, Value};
use uuid::Uuid;

use crate::error::Error;
use crate::open::{self, Purpose, World};
use crate::prove::is_there;
use crate::settings::Settings;

/// How many heads or rows are read at once.
const CHUNK: u32 = 500;
/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Makes the database where there is none, brings its schema up to date, and makes this version's tables of rows.
pub async fn migrate(settings: &Settings, world: &World, out: &mut dyn Write) -> Result<(), Error> {
    let store = open::store(settings, Purpose::Serve).await?;
    let tables = Tables::new()?;
    for projection in tables.projections() {
        store.ensure(&projection.ddl, world.clock.now().0).await?;
    }
    store.close().await;
    writeln!(out, "the tables are up to date")?;
    Ok(())
}

/// Writes SQLite's file anew, so that nothing of what was erased is left in a corner of it.
///
/// # Errors
/// [`Error::Usage`] on PostgreSQL, which has commands of its own for that.
pub async fn compact(settings: &Settings, out: &mut dyn Write) -> Result<(), Error> {
    let store = open::store(settings, Purpose::Inspect).await?;
    let done = match store.database() {
        Database::Sqlite => store.compact().await.map_err(Error::from),
        Database::Postgres => Err(Error::Usage(
            "on PostgreSQL this is done with `vacuum full`: see \"What was erased\" in docs/OPERATIONS.md".to_owned(),
        )),
    };
    store.close().await;
    done?;
    writeln!(out, "the database's file is written anew: what was erased is nowhere in it")?;
    Ok(())
}

/// An entry of the log as `throughline log` prints it.
#[derive(Serialize)]
struct Entry {
    log: String,
    seq: u64,
    at: String,
    kind: String,
    thing: String,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    through: app::Through,
}

/// Prints entries of every log, or the one named, from after a position on, up to a moment if one is given; goes on with
/// what is added if it is to follow.
pub async fn log(
    store: &Store,
    only: Option<LogId>,
    (after, as_of): (u64, Option<AsOf>),
    follow: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    is_there(store, only).await?;
    if let Some(log) = only {
        let mut position = entries(store, log, after, end(store, log, as_of).await?, out).await?;
        if !follow {
            return Ok(());
        }
        loop {
            tokio::time::sleep(LOOK).await;
            position = entries(store, log, position, u64::MAX, out).await?;
        }
    }
    let mut last = None;
    loop {
        let mut snapshot = store.snapshot().await?;
        let heads = snapshot.heads(last, CHUNK).await?;
        snapshot.close().await?;
        let Some(head) = heads.last() else { return Ok(()) };
        last = Some(head.log);
        for log in heads.iter().filter_map(|head| LogId::of(&head.kind, Uuid::from_bytes(head.log))) {
            entries(store, log, after, end(store, log, as_of).await?, out).await?;
        }
    }
}

/// Where a log ended at a moment; it has no end where none is given.
async fn end(store: &Store, log: LogId, as_of: Option<AsOf>) -> Result<u64, Error> {
    let then = match as_of {
        None => return Ok(u64::MAX),
        Some(AsOf::Position(position)) => return Ok(position),
        Some(AsOf::Time(then)) => then.0,
    };
    let id = log.uuid().into_bytes();
    let mut snapshot = store.snapshot().await?;
    let head = snapshot.head(id).await?.unwrap_or_default();
    let end = snapshot.position_by(id, then, head.seq).await?;
    snapshot.close().await?;
    Ok(end)
}

/// Prints a log's entries after a position and up to another; the position of the last.
async fn entries(store: &Store, log: LogId, after: u64, until: u64, out: &mut dyn Write) -> Result<u64, Error> {
    let (mut position, mut portions) = (after, Portions::small(log.uuid().into_bytes()));
    loop {
        let mut snapshot = store.snapshot().await?;
        let events = portions.events(&mut snapshot, position, u64::MAX).await?;
        snapshot.close().await?;
        for event in events.iter().filter(|event| event.seq <= until) {
            let entry = entry(log, event)?;
            serde_json::to_writer(&mut *out, &entry).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
            position = event.seq;
        }
        out.flush()?;
        if portions.is_at_end() || position >= until {
            return Ok(position);
        }
    }
}

fn entry(log: LogId, event: &store::Event) -> Result<Entry, Error> {
    let happened = app::record::decode(&event.record)?;
    let when = happened.when;
    let (prefix, thing) = happened.event.thing();
    // An event does not say what kind of thing its subject is; the letters after the prefix are those of its id.
    let subject = if when.subject.uuid() == log.uuid() {
        log.to_string()
    } else {
        domain::id::text("subject", when.subject.uuid())
    };
    Ok(Entry {
        log: log.to_string(),
        seq: event.seq,
        at: jiff::Timestamp::from_microsecond(when.at.0).map_or_else(|_| when.at.0.to_string(), |at| at.to_string()),
        kind: happened.event.kind().to_owned(),
        thing: domain::id::text(prefix, thing),
        subject,
        actor: when.actor.map(|actor: PersonId| domain::id::text(PersonId::PREFIX, actor.uuid())),
        system: happened.system,
        through: happened.through,
    })
}

/// The table of this name.
fn named(table: &str) -> Result<Table, Error> {
    Table::ALL.iter().copied().find(|known| known.name() == table).ok_or_else(|| {
        let known: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        Error::Usage(format!("there is no table `{table}`; there are: {}", known.join(", ")))
    })
}

/// Prints a row; its `Debug` hides what it holds in the clear.
fn print(table: Table, row: store::Id, document: &[u8], out: &mut dyn Write) -> Result<(), Error> {
    let shown = table.show(document).unwrap_or_else(|error| format!("not a row of this version: {error}"));
    Ok(writeln!(out, "{} {shown}", domain::id::text(table.prefix(), Uuid::from_bytes(row)))?)
}

/// Prints the rows of a table of one log as they were at a moment, by id. They are folded from the log, in memory.
pub async fn rows_as_of(app: &App, table: &str, log: LogId, as_of: AsOf, out: &mut dyn Write) -> Result<(), Error> {
    let table = named(table)?;
    is_there(app.store(), Some(log)).await?;
    let mut after = None;
    loop {
        let found = app.rows_as_of(log, table, as_of, after, CHUNK).await?;
        for row in &found {
            print(table, row.id, &row.document, out)?;
        }
        match found.last() {
            Some(last) if found.len() == CHUNK as usize => after = Some(last.id),
            Some(_) | None => return Ok(()),
        }
    }
}

/// Prints the rows of a table of one log, by id.
pub async fn rows(store: &Store, table: &str, log: LogId, out: &mut dyn Write) -> Result<(), Error> {
    let table = named(table)?;
    is_there(store, Some(log)).await?;
    let tables = Tables::new()?;
    let physical = tables.physical(table)?;
    let there = store.tables_existing().await?.iter().any(|(name, _)| *name == physical.name);
    if !there {
        return Err(Error::Usage(
            "this version's tables are not in the database yet: `throughline migrate` makes them, serving fills them"
                .to_owned(),
        ));
    }
    let id = log.uuid().into_bytes();
    let mut snapshot = store.snapshot().await?;
    let head = snapshot.head(id).await?.unwrap_or_default();
    let behind = Folded::decode(&head.folded)
        .behind(&tables, head.seq)
        .iter()
        .any(|projection| projection.tables.contains(&table));
    let mut after = None;
    loop {
        let select = Select { after, ..Select::new(physical, id, CHUNK) };
        let found = snapshot.documents(&select).await?;
        for (row, document) in &found {
            print(table, *row, document, out)?;
        }
        match found.last() {
            Some((last, _)) if found.len() == CHUNK as usize => after = Some(vec![Value::from(*last)]),
            Some(_) | None => break,
        }
    }
    snapshot.close().await?;
    if behind {
        tracing::warn!(%log, "these rows are not folded to the log's end yet");
    }
    Ok(())
}
