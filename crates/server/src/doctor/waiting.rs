//! What a database has left undone, and what of it nobody needs any more.

use app::pulse::Backlog;
use app::{Tables, pulse};
use store::{Overdue, Snapshot};

use super::Finding;
use crate::error::Error;

/// What is later than this waits for a server that does not run, or cannot: ten minutes, in microseconds.
const LATE_MICROS_MAX: i64 = 600_000_000;

/// Whether mail, work and timers are done when they are due.
pub(super) fn late(backlog: &Backlog, now: i64) -> Vec<Finding> {
    let mut found = vec![one("outbox", "mails", backlog.mails, now), one("timers", "timers", backlog.timers, now)];
    for (reactor, overdue) in &backlog.work {
        found.push(one("work", &format!("logs for `{reactor}`"), *overdue, now));
    }
    found
}

fn one(what: &'static str, of: &str, waiting: Overdue, now: i64) -> Finding {
    let more = if waiting.count >= u64::from(pulse::COUNTED_MAX) { " or more" } else { "" };
    let (count, late) = (waiting.count, waiting.late(now));
    if late <= LATE_MICROS_MAX {
        return Finding::fine(what, format!("{count}{more} {of} wait, none for long"));
    }
    let minutes = late / 60_000_000;
    Finding::problem(
        what,
        format!(
            "{count}{more} {of} wait, the first for {minutes} min: is a server running? If so, its log says what it cannot do"
        ),
    )
}

/// What waits, as far as this version's tables are there.
pub(super) async fn backlog(
    snapshot: &mut Snapshot,
    tables: &Tables,
    existing: &[(String, i64)],
    now: i64,
) -> Result<Backlog, Error> {
    let mut timed = pulse::timed(tables)?;
    timed.retain(|table| existing.iter().any(|(name, _)| *name == table.name));
    Ok(pulse::backlog(snapshot, &timed, now).await?)
}

/// Tables of read models that this version of the program does not use.
pub(super) fn left_over(tables: &Tables, existing: &[(String, i64)]) -> Finding {
    let used: Vec<&str> = tables
        .projections()
        .iter()
        .flat_map(|projection| &projection.tables)
        .filter_map(|table| tables.physical(*table).ok())
        .map(|table| table.name.as_str())
        .collect();
    let old: Vec<&str> = existing.iter().map(|(name, _)| name.as_str()).filter(|name| !used.contains(name)).collect();
    if old.is_empty() {
        return Finding::fine("older tables", "none");
    }
    Finding::hint(
        "older tables",
        format!(
            "{} of other versions of the program, such as {}: they hold names and addresses too; drop them once no such version runs any more",
            old.len(),
            old[0]
        ),
    )
}
