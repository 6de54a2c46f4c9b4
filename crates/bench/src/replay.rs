//! `replay`: what the log is for. A log of mixed events is folded in memory, rebuilt into its durable tables, checked
//! against them, and verified; and each log's last moment is folded into memory. The limit of each is the bare reading of
//! the same records, which `verify` also hashes and the others parse (to the end of each, into nothing).

use std::time::{Duration, Instant};

use app::fold::Progress;
use app::{App, AsOf};
use domain::id::LogId;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use store::Store;

use crate::Asked;
use crate::error::Error;
use crate::fixture::{EVENTS_A_COACHEE, Fixture};
use crate::place::{Place, open};
use crate::report::{Report, Round, What, rate};
use crate::work::{Dice, Plan};

/// How many records are read at a time.
const RECORDS_AT_ONCE: u32 = 2_000;
/// How many commands are on their way while the log is made.
const AT_A_TIME: usize = 256;
/// How many practices share the events.
const PRACTICES: usize = 16;

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Size {
    events: usize,
    rounds: usize,
}

impl Size {
    /// Everything, or what fits into a minute, or what was asked for.
    pub(crate) fn new(asked: &Asked) -> Self {
        let (events, rounds) = if asked.quick { (100_000, 1) } else { (1_000_000, 3) };
        Self { events: asked.events.unwrap_or(events), rounds }
    }
}

/// What is measured: its name, and what its limit does with a record.
#[derive(Debug, Clone, Copy)]
enum Step {
    Fold,
    Rebuild,
    Check,
    Verify,
    Moment,
}

impl Step {
    const ALL: [Self; 5] = [Self::Fold, Self::Rebuild, Self::Check, Self::Verify, Self::Moment];

    const fn name(self) -> &'static str {
        match self {
            Self::Fold => "fold",
            Self::Rebuild => "rebuild",
            Self::Check => "check",
            Self::Verify => "verify",
            Self::Moment => "moment",
        }
    }
}

/// Measures on one kind of database.
pub(crate) async fn measure(place: &Place, size: &Size, report: &mut Report) -> Result<(), Error> {
    let options = place.fresh("replay")?;
    let app = open(&options).await?;
    make(&app, size.events).await?;
    app.stop().await;
    // The log is on the disk, and no file of it in the way of the next: as the morning after a restore.
    place.remove(&place.twin(&options)?)?;
    let app = open(&options).await?;
    let events = count(app.store()).await?;
    for step in Step::ALL {
        let mut rounds = Vec::with_capacity(size.rounds);
        for _ in 0..size.rounds {
            let limit = bare(app.store(), step).await?;
            let started = Instant::now();
            done(&app, step, events).await?;
            let (per_second, limit_per_second) = (rate(events, started.elapsed()), rate(events, limit));
            rounds.push(Round { per_second, limit_per_second, latency: None, limit_latency: None });
        }
        report.add(place.name(), What::Replayed { step: step.name().to_owned(), events }, &rounds);
    }
    app.stop().await;
    place.remove(&options)
}

/// Makes a log of at least so many events: two thirds of them are what practices were filled with, one third is work.
pub(crate) async fn make(app: &App, events: usize) -> Result<(), Error> {
    let coachees = (events * 2 / 3).div_ceil(PRACTICES * EVENTS_A_COACHEE).max(AT_A_TIME / PRACTICES);
    let mut fixture = Fixture::fill(app, PRACTICES, coachees).await?;
    let dice = Dice::new(2);
    loop {
        let missing = events.saturating_sub(count(app.store()).await?);
        if missing == 0 {
            return Ok(());
        }
        // A command appends at least one event, and on average some more.
        let commands = (missing * 3 / 4).max(1_000);
        Plan::new(app, &mut fixture, &dice, (commands, AT_A_TIME))?.run(app, &fixture).await?;
    }
}

async fn done(app: &App, step: Step, events: usize) -> Result<(), Error> {
    let mut counted = Counted(0);
    match step {
        Step::Fold => {
            for log in app.logs(None).await? {
                drop(app.fold_in_memory(log, &mut counted).await?);
            }
        }
        Step::Rebuild => app.rebuild(None, &mut counted).await?,
        Step::Check => {
            if let Some(difference) = app.check(None, &mut counted).await?.difference {
                return Err(Error::Unexpected(difference.to_string()));
            }
        }
        Step::Verify => {
            let verified = app::verify::verify(app.store(), None, None, &[], &mut counted).await?;
            if let Some(finding) = verified.finding {
                return Err(Error::Unexpected(finding.to_string()));
            }
        }
        Step::Moment => {
            for log in app.logs(None).await? {
                let mut snapshot = app.store().snapshot().await?;
                let Some(head) = snapshot.head(log.uuid().into_bytes()).await? else { continue };
                snapshot.close().await?;
                // The last moment of the log, from nothing; a row of it is read.
                app.drop_moments(log);
                app.rows_as_of(log, domain::Table::practice, AsOf::Position(head.seq), None, 1).await?;
                app.drop_moments(log);
                counted.done(log, head.seq);
            }
        }
    }
    if counted.0 == events as u64 {
        return Ok(());
    }
    Err(Error::Unexpected(format!("{} has seen {} events of {events}", step.name(), counted.0)))
}

/// How many events were seen: a step that left some out would be the faster for it.
#[derive(Debug)]
struct Counted(u64);

impl Progress for Counted {
    fn done(&mut self, _: LogId, events: u64) {
        self.0 += events;
    }
}

async fn count(store: &Store) -> Result<usize, Error> {
    let heads = heads(store).await?;
    Ok(heads.iter().map(|head| usize::try_from(head.seq).unwrap_or(usize::MAX)).sum())
}

async fn heads(store: &Store) -> Result<Vec<store::Head>, Error> {
    let mut snapshot = store.snapshot().await?;
    let heads = snapshot.heads(None, 1_000).await?;
    snapshot.close().await?;
    Ok(heads)
}

/// Reads every record and parses or hashes it, and does nothing else.
async fn bare(store: &Store, step: Step) -> Result<Duration, Error> {
    let started = Instant::now();
    let mut hashed = 0_u8;
    for head in heads(store).await? {
        let mut snapshot = store.snapshot().await?;
        let mut seq = 0;
        while seq < head.seq {
            let records = snapshot.records(head.log, seq, RECORDS_AT_ONCE).await?;
            let Some((last, _)) = records.last() else {
                return Err(Error::Unexpected(format!("a {} has no event after {seq}", head.kind)));
            };
            seq = *last;
            for (_, record) in &records {
                match step {
                    Step::Fold | Step::Rebuild | Step::Check | Step::Moment => {
                        let _: &RawValue = serde_json::from_slice(record)?;
                    }
                    Step::Verify => hashed ^= Sha256::digest(record)[0],
                }
            }
        }
        snapshot.close().await?;
    }
    // Looked at, so that no compiler leaves the hashing out.
    std::hint::black_box(hashed);
    Ok(started.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole of it, small, on a real database: every step sees every event and finds nothing wrong.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_measures_each_step() {
        let place = Place::new(store::Database::Sqlite, None, None).unwrap();
        let mut report = Report::new("replay");
        measure(&place, &Size { events: 2_000, rounds: 1 }, &mut report).await.unwrap();
        let steps: Vec<String> = report.rows().iter().map(|row| row.what.words()).collect();
        assert_eq!(steps.len(), 5);
        assert!(report.rows().iter().all(|row| row.per_second > 0.0 && row.limit_per_second > 0.0), "{steps:?}");
    }
}
