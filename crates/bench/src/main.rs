//! The benchmark programs: `cargo run --release -p bench -- commit|request|live|replay|idle [--quick] [--json FILE]`,
//! and `plot FILE`, which draws again what one of them has written.
//!
//! Each prints a table, writes JSON and a plot, and measures its own limit beside itself in the same run: machines are
//! shared and noisy, so what counts is the ratio of the two. Everything is done through [`app::App`], as the product does
//! it, on real databases that sync. Absent on purpose: assertions about time, which no shared machine can keep.

mod commit;
mod error;
mod fixture;
mod idle;
mod live;
mod place;
mod plot;
mod portal;
mod replay;
mod report;
mod request;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::Error;
use crate::place::Place;
use crate::report::Report;

/// Throughline's benchmarks.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Commands that each append, along the whole path of `app::run`, against the bare driver.
    Commit(Asked),
    /// The portals' queries and a mutation through HTTP, against the same over rows in memory.
    Request(Asked),
    /// Sockets that follow practices, against a bare broadcast of the same frames.
    Live(Asked),
    /// Folding, rebuilding, checking and verifying a log, against bare reading.
    Replay(Asked),
    /// The program before anybody asks: its start, its memory, its size.
    Idle(Asked),
    /// The table and the plot of numbers that were written before; nothing is measured.
    Plot(Written),
    /// A part of `live`, which starts it by itself.
    #[command(hide = true)]
    Part(live::Called),
}

/// What is measured where, and where it is written.
#[derive(Debug, Args)]
struct Asked {
    /// Less of everything, for a look within a minute.
    #[arg(long)]
    quick: bool,
    /// Where to write the numbers.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where to write the plot; else beside the numbers.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// On which databases.
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    database: Databases,
    /// `commit`: over so many practices only.
    #[arg(long, value_name = "NUMBER")]
    practices: Option<usize>,
    /// `commit`: with so many commands on their way only (1, 8, 64 or 256).
    #[arg(long, value_name = "NUMBER")]
    at_a_time: Option<usize>,
    /// `commit`: with so many live rows.
    #[arg(long, value_name = "NUMBER")]
    rows: Option<usize>,
    /// `live`: with so many sockets.
    #[arg(long, value_name = "NUMBER")]
    sockets: Option<usize>,
    /// `live`: follow this program, and not the product as it is built into this one.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// `replay` and `idle`: with so many events.
    #[arg(long, value_name = "NUMBER")]
    events: Option<usize>,
    /// `request`: in a practice with so many coachees.
    #[arg(long, value_name = "NUMBER")]
    coachees: Option<usize>,
    /// `request`: with row-level security, against the same without it. PostgreSQL only.
    #[arg(long)]
    row_level_security: bool,
    /// A running PostgreSQL (`postgres://user@host:port/database`, with the right to create databases); else one is started.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Where SQLite's files lie while they are measured: on the disk that is meant; else where temporary files do.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

impl Asked {
    /// SQLite has no row-level security.
    const fn databases(&self) -> &'static [store::Database] {
        if self.row_level_security { Databases::Postgres.list() } else { self.database.list() }
    }
}

/// Numbers of an earlier run.
#[derive(Debug, Args)]
struct Written {
    /// What `--json` has written.
    json: PathBuf,
    /// Where to write the plot; else beside the numbers.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Which databases to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Databases {
    /// SQLite only.
    Sqlite,
    /// PostgreSQL only.
    Postgres,
    /// One after the other.
    Both,
}

impl Databases {
    const fn list(self) -> &'static [store::Database] {
        match self {
            Self::Sqlite => &[store::Database::Sqlite],
            Self::Postgres => &[store::Database::Postgres],
            Self::Both => &[store::Database::Sqlite, store::Database::Postgres],
        }
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people who look at a terminal")]
async fn main() -> ExitCode {
    match run(Cli::parse().bench).await {
        Ok(report) => {
            print!("{}", report.map_or_else(String::new, |report| report.table()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(bench: Bench) -> Result<Option<Report>, Error> {
    let (name, asked) = match &bench {
        Bench::Commit(asked) => ("commit", asked),
        Bench::Request(asked) => ("request", asked),
        Bench::Live(asked) => ("live", asked),
        Bench::Replay(asked) => ("replay", asked),
        Bench::Idle(asked) => ("idle", asked),
        Bench::Plot(written) => return draw_again(written).map(Some),
        Bench::Part(called) => return live::play(called).await.map(|()| None),
    };
    let mut report = Report::new(name);
    for database in asked.databases() {
        let place = Place::new(*database, asked.postgres.clone(), asked.directory.as_deref())?;
        match &bench {
            Bench::Commit(_) => commit::measure(&place, &commit::Size::new(asked), &mut report).await?,
            Bench::Request(_) => request::measure(&place, &request::Size::new(asked), &mut report).await?,
            Bench::Live(_) => live::measure(&place, &live::Size::new(asked), &mut report).await?,
            Bench::Idle(_) => idle::measure(&place, &idle::Size::new(asked), &mut report).await?,
            Bench::Replay(_) => replay::measure(&place, &replay::Size::new(asked), &mut report).await?,
            Bench::Plot(_) | Bench::Part(_) => {}
        }
    }
    write(asked, &report)?;
    Ok(Some(report))
}

fn write(asked: &Asked, report: &Report) -> Result<(), Error> {
    if let Some(file) = &asked.json {
        std::fs::write(file, report.json()?)?;
    }
    if let Some(file) = asked.svg.clone().or_else(|| Some(asked.json.as_ref()?.with_extension("svg"))) {
        std::fs::write(file, plot::svg(report))?;
    }
    Ok(())
}

fn draw_again(written: &Written) -> Result<Report, Error> {
    let report = Report::parse(&std::fs::read_to_string(&written.json)?)?;
    let file = written.svg.clone().unwrap_or_else(|| written.json.with_extension("svg"));
    std::fs::write(file, plot::svg(&report))?;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[tokio::test]
    async fn a_plot_is_drawn_again_from_its_numbers() {
        let directory = tempfile::TempDir::new().unwrap();
        let (json, report) = (directory.path().join("commit.json"), report::tests::report());
        std::fs::write(&json, report.json().unwrap()).unwrap();
        let words = [OsString::from("bench"), OsString::from("plot"), json.clone().into_os_string()];
        run(Cli::try_parse_from(words).unwrap().bench).await.unwrap();
        assert_eq!(std::fs::read_to_string(json.with_extension("svg")).unwrap(), plot::svg(&report));
    }
}
