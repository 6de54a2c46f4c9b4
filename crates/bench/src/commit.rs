//! `commit`: typed commands along the whole path of `App::run`: authorise, decide, seal, fold, append, tree, rows,
//! durable commit. The limit is the very statements and bytes of the measured run, recorded while it runs (which costs
//! it a copy of each statement's values) and replayed on the bare driver, with the same sync, on a copy of the database
//! as it was before the run.

use store::limit;

use crate::Asked;
use crate::error::Error;
use crate::fixture::{Fixture, ROWS_A_COACHEE};
use crate::place::{Place, open};
use crate::report::{Latency, Report, Round, What, rate};
use crate::work::{Dice, Plan};

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Size {
    practices: Vec<usize>,
    /// Live rows, over all practices.
    rows: usize,
    /// How many commands at a time, and how many in all.
    at_a_time: Vec<(usize, usize)>,
    rounds: usize,
}

impl Size {
    /// Everything, or what fits into a minute; of that only what was asked for by name.
    pub(crate) fn new(asked: &Asked) -> Self {
        let mut size = if asked.quick {
            let at_a_time = vec![(1, 300), (8, 1_200), (64, 5_000), (256, 10_000)];
            Self { practices: vec![16], rows: 20_000, at_a_time, rounds: 1 }
        } else {
            let at_a_time = vec![(1, 1_500), (8, 6_000), (64, 20_000), (256, 40_000)];
            Self { practices: vec![1, 16, 256], rows: 150_000, at_a_time, rounds: 3 }
        };
        if let Some(practices) = asked.practices {
            size.practices = vec![practices.max(1)];
        }
        if let Some(only) = asked.at_a_time {
            size.at_a_time.retain(|(at_a_time, _)| *at_a_time == only);
        }
        size.rows = asked.rows.unwrap_or(size.rows);
        size
    }
}

/// Measures on one kind of database.
pub(crate) async fn measure(place: &Place, size: &Size, report: &mut Report) -> Result<(), Error> {
    for practices in size.practices.iter().copied() {
        let options = place.fresh(&format!("commit{practices}"))?;
        let app = open(&options).await?;
        let coachees = size.rows.div_ceil(ROWS_A_COACHEE * practices);
        let mut fixture = Fixture::fill(&app, practices, coachees).await?;
        app.stop().await;
        let dice = Dice::new(1);
        for (at_a_time, commands) in size.at_a_time.iter().copied() {
            let mut rounds = Vec::with_capacity(size.rounds);
            for _ in 0..size.rounds {
                rounds.push(round(place, &options, &mut fixture, (&dice, commands, at_a_time)).await?);
            }
            report.add(place.name(), What::Commands { practices, at_a_time }, &rounds);
        }
        place.remove(&options)?;
    }
    Ok(())
}

async fn round(
    place: &Place,
    options: &store::Options,
    fixture: &mut Fixture,
    (dice, commands, at_a_time): (&Dice, usize, usize),
) -> Result<Round, Error> {
    let twin = place.twin(options)?;
    let app = open(options).await?;
    let plan = Plan::new(&app, fixture, dice, (commands, at_a_time))?;
    app.store().record();
    let done = plan.run(&app, fixture).await?;
    let recording = app.store().recorded();
    app.stop().await;
    let replayed = limit::replay(&twin, recording).await?;
    place.remove(&twin)?;
    let latency = Latency { p50_ms: done.percentile_ms(50), p99_ms: done.percentile_ms(99) };
    Ok(Round {
        per_second: done.per_second(),
        limit_per_second: rate(done.commands, replayed.elapsed),
        latency: Some(latency),
        limit_latency: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole of it, small: what is measured must work before it is fast.
    async fn small(database: store::Database) {
        let place = Place::new(database, None, None).unwrap();
        let size = Size { practices: vec![2], rows: 300, at_a_time: vec![(1, 20), (8, 80)], rounds: 1 };
        let mut report = Report::new("commit");
        measure(&place, &size, &mut report).await.unwrap();
        assert_eq!(report.rows().len(), 2);
        for row in report.rows() {
            assert!(row.per_second > 0.0 && row.limit_per_second > 0.0 && row.ratio > 0.0, "{row:?}");
            assert!(row.latency.is_some_and(|latency| latency.p99_ms >= latency.p50_ms), "{row:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_measures_each_number_on_sqlite() {
        small(store::Database::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_measures_each_number_on_postgres() {
        small(store::Database::Postgres).await;
    }
}
