//! The commands that are measured: what coaches and coachees do all day, each of which appends.
//!
//! Eight of ten set an action's progress (one in sixteen of these completes it, and perhaps its milestone and goal), one
//! saves a session's notes, one logs a session with an authorization. Each worker has actions and sessions of its own, so
//! that no save is stale and no percentage the one that is there; practices are shared by all.

use std::time::{Duration, Instant};

use app::App;
use domain::plan::SetActionProgress;
use domain::session::{LogSession, SaveNotes};
use domain::value::Percent;
use futures_util::future::try_join_all;
use vault::{Entropy as _, Seeded};

use crate::error::Error;
use crate::fixture::{self, Fixture};

/// A command and the log that it is sent to.
#[derive(Debug)]
enum Work {
    Progress(SetActionProgress),
    Notes(SaveNotes),
    Session(LogSession),
}

/// What each worker does, one command after the other's answer.
#[derive(Debug)]
pub(crate) struct Plan {
    workers: Vec<Vec<(domain::id::LogId, Work)>>,
}

/// How a plan was carried out.
#[derive(Debug)]
pub(crate) struct Done {
    /// How many commands were answered.
    pub(crate) commands: usize,
    /// From the first command to the last answer.
    pub(crate) elapsed: Duration,
    /// How long each command took, the shortest first.
    pub(crate) latencies: Vec<Duration>,
}

/// Numbers that are the same in each run.
#[derive(Debug)]
pub(crate) struct Dice(Seeded);

impl Dice {
    /// Those that this number begins.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    fn roll(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// A place among so many, of which every `step`-th from `first` on may be taken.
    fn place(&self, among: usize, first: usize, step: usize) -> usize {
        let most = among.saturating_sub(first).div_ceil(step).max(1) as u64;
        first + step * usize::try_from(self.roll() % most).unwrap_or(0)
    }
}

impl Plan {
    /// Plans so many commands for so many workers. The fixture is then as if they were done.
    pub(crate) fn new(
        app: &App,
        fixture: &mut Fixture,
        dice: &Dice,
        (commands, workers): (usize, usize),
    ) -> Result<Self, Error> {
        if workers > fixture.sessions.len().min(fixture.actions.len()) {
            return Err(Error::Unexpected(format!("{workers} workers are too many for so little work")));
        }
        let plan = |worker: usize| {
            let mine = (worker..commands).step_by(workers);
            mine.map(|number| next(app, fixture, dice, (number, worker, workers))).collect::<Result<Vec<_>, Error>>()
        };
        Ok(Self { workers: (0..workers).map(plan).collect::<Result<_, _>>()? })
    }

    /// Carries it out, all workers at a time.
    pub(crate) async fn run(self, app: &App, fixture: &Fixture) -> Result<Done, Error> {
        let owner = fixture.owner;
        let worker = async |work: Vec<(domain::id::LogId, Work)>| {
            let mut latencies = Vec::with_capacity(work.len());
            for (log, work) in work {
                let sent = Instant::now();
                match work {
                    Work::Progress(command) => fixture::run(app, log, owner, command).await?,
                    Work::Notes(command) => fixture::run(app, log, owner, command).await?,
                    Work::Session(command) => fixture::run(app, log, owner, command).await?,
                }
                latencies.push(sent.elapsed());
            }
            Ok::<_, Error>(latencies)
        };
        let started = Instant::now();
        let latencies = try_join_all(self.workers.into_iter().map(worker)).await?;
        let elapsed = started.elapsed();
        let mut latencies = latencies.concat();
        latencies.sort_unstable();
        Ok(Done { commands: latencies.len(), elapsed, latencies })
    }
}

fn next(
    app: &App,
    fixture: &mut Fixture,
    dice: &Dice,
    (number, worker, workers): (usize, usize, usize),
) -> Result<(domain::id::LogId, Work), Error> {
    let nothing = || Error::Unexpected("there is nothing to work on".to_owned());
    // Each worker begins at another place, so that a batch holds some of each.
    match (number / workers + worker) % 10 {
        8 => {
            let place = dice.place(fixture.sessions.len(), worker, workers);
            let session = fixture.sessions.get_mut(place).ok_or_else(nothing)?;
            let base = session.revision;
            session.revision += 1;
            let text = fixture::notes(session.revision)?;
            Ok((session.log, Work::Notes(SaveNotes { session: session.id, base, text, settles: None })))
        }
        9 => {
            let coachee = fixture.coachees.get(dice.place(fixture.coachees.len(), 0, 1)).ok_or_else(nothing)?;
            Ok((coachee.log, Work::Session(fixture::log_session(app, coachee, app.mint())?)))
        }
        _ => {
            let place = dice.place(fixture.actions.len(), worker, workers);
            let action = fixture.actions.get_mut(place).ok_or_else(nothing)?;
            action.progress = another_percentage(action.progress, dice.roll());
            let progress = Percent::parse(action.progress)?;
            Ok((action.log, Work::Progress(SetActionProgress { action: action.id, progress })))
        }
    }
}

/// Another percentage than the one that an action has; one time in sixteen it is complete.
fn another_percentage(was: i64, rolled: u64) -> i64 {
    if was != 100 && rolled.is_multiple_of(16) {
        return 100;
    }
    let other = i64::try_from(rolled / 16 % 99).unwrap_or(0);
    if other < was { other } else { other + 1 }
}

impl Done {
    /// Commands a second.
    pub(crate) fn per_second(&self) -> f64 {
        crate::report::rate(self.commands, self.elapsed)
    }

    /// The latency, in milliseconds, that so many of a hundred commands do not exceed.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        percentile_ms(&self.latencies, percent)
    }
}

/// The latency, in milliseconds, that so many of a hundred do not exceed; the shortest come first.
pub(crate) fn percentile_ms(latencies: &[Duration], percent: usize) -> f64 {
    let place = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
    latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_always_changes_and_stays_one() {
        for was in 0..=100 {
            for rolled in 0..3_200 {
                let now = another_percentage(was, rolled);
                assert!((0..=100).contains(&now) && now != was, "{was} {rolled} {now}");
            }
        }
    }

    #[test]
    fn each_worker_keeps_to_its_own_places() {
        let dice = Dice::new(1);
        for (among, workers) in [(10, 3), (7, 7), (100, 8)] {
            for worker in 0..workers {
                for _ in 0..200 {
                    let place = dice.place(among, worker, workers);
                    assert!(place < among && place % workers == worker);
                }
            }
        }
    }

    #[test]
    fn percentiles_are_latencies_that_were_measured() {
        let latencies = (1..=200).map(Duration::from_millis).collect();
        let done = Done { commands: 200, elapsed: Duration::from_secs(4), latencies };
        assert!((done.percentile_ms(50) - 100.0).abs() < 1e-9);
        assert!((done.percentile_ms(99) - 198.0).abs() < 1e-9);
        assert!((done.per_second() - 50.0).abs() < 1e-9);
    }
}
