//! The commands that look into the database, or bring its tables up to date: `migrate`, `log` and `rows`. They need no
//! root key, and so can show no sealed text; what a row holds in the clear is hidden by its `Debug`.

use std::io::Write;
use std::time::Duration;

use app::Tables;
use app::tables::Folded;
use domain::Table;
use domain::id::{Id as _, LogId, PersonId};
use serde::Serialize;
use store::{Select, Store, Value};
use uuid::Uuid;

use crate::error::Error;
use crate::open::{self, Purpose, World};
use crate::prove::is_there;
use crate::settings::Settings;

/// How many events or rows are read at once.
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

/// Prints entries of every log, or the one named, from after a position; goes on with what is added if it is to follow.
pub async fn log(
    store: &Store,
    only: Option<LogId>,
    after: u64,
    follow: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    is_there(store, only).await?;
    if let Some(log) = only {
        let mut position = entries(store, log, after, out).await?;
        if !follow {
            return Ok(());
        }
        loop {
            tokio::time::sleep(LOOK).await;
            position = entries(store, log, position, out).await?;
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
            entries(store, log, after, out).await?;
        }
    }
}

/// Prints a log's entries after a position; the position of the last.
async fn entries(store: &Store, log: LogId, after: u64, out: &mut dyn Write) -> Result<u64, Error> {
    let mut position = after;
    loop {
        let mut snapshot = store.snapshot().await?;
        let events = snapshot.events(log.uuid().into_bytes(), position, CHUNK).await?;
        snapshot.close().await?;
        for event in &events {
            let entry = entry(log, event)?;
            serde_json::to_writer(&mut *out, &entry).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
            position = event.seq;
        }
        out.flush()?;
        if events.len() < CHUNK as usize {
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

/// Prints the rows of a table of one log, by id.
pub async fn rows(store: &Store, table: &str, log: LogId, out: &mut dyn Write) -> Result<(), Error> {
    let Some(table) = Table::ALL.iter().copied().find(|known| known.name() == table) else {
        let known: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        return Err(Error::Usage(format!("there is no table `{table}`; there are: {}", known.join(", "))));
    };
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
            let shown = table.show(document).unwrap_or_else(|error| format!("not a row of this version: {error}"));
            writeln!(out, "{} {shown}", domain::id::text(table.prefix(), Uuid::from_bytes(*row)))?;
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
