//! The command line: what may be asked, and who does it. Answers go to standard output, everything else to standard
//! error. The exit code is 0 when all is well, 1 when a command found something wrong, 2 when it could not begin.

use std::ffi::OsString;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use app::AsOf;
use app::backup::{Age, Source};
use clap::{Args, Parser, Subcommand};
use domain::id::LogId;
use domain::value::Time;

use crate::error::Error;
use crate::open::{self, Purpose, World};
use crate::settings::{Flags, Settings};
use crate::signals::Signals;
use crate::traces::Traces;
use crate::{backup, demo, doctor, inspect, keys, logs, prove, ready, serve};

/// Exit code: something was found that is not as it should be.
const FOUND: u8 = 1;
/// Exit code: the command could not begin.
const FAILED: u8 = 2;
/// Exit code: a second signal came while stopping.
const INTERRUPTED: u8 = 130;

/// The backend of coaching practices.
#[derive(Debug, Parser)]
#[command(
    name = "throughline",
    version,
    about,
    after_help = "Every setting is in docs/OPERATIONS.md; `throughline doctor` shows them as they are."
)]
pub struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Place {
    /// The settings file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of what the server keeps
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
    /// The database: sqlite:PATH or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until a signal asks to stop
    Serve {
        /// Where to listen: an address and a port
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
    },
    /// Serve an invented practice on this machine, and print how to sign in
    Demo {
        /// Where to listen: a port of this machine
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: String,
    },
    /// Bring the database's tables up to date
    Migrate,
    /// Write SQLite's file anew, so that nothing of what was erased is left in it
    Compact,
    /// Make the read models anew from the log, or check that they are what it says
    Replay {
        /// Change nothing; name the first row that differs
        #[arg(long)]
        check: bool,
        /// Take keys that are missing for lost, and go on without what they sealed; `verify` names them
        #[arg(long, conflicts_with = "check")]
        lost_keys: bool,
        #[command(flatten)]
        only: Only,
    },
    /// Print the log's entries, a JSON object a line, without anybody's texts
    Log {
        #[command(flatten)]
        only: Only,
        /// Go on with what is added
        #[arg(long, requires = "practice")]
        follow: bool,
        /// Begin after this position
        #[arg(long, value_name = "N", default_value_t = 0)]
        after: u64,
        /// End with what was there at this time, or at this position
        #[arg(long, value_name = "TIME|POSITION", value_parser = as_of, conflicts_with = "follow")]
        as_of: Option<AsOf>,
    },
    /// Print the rows of a read model, without anybody's texts
    Rows {
        /// The table, such as goal
        table: String,
        /// The practice; or a person or an email address, by its id
        #[arg(long, value_name = "ID", value_parser = log)]
        practice: LogId,
        /// As they were at this time, or at this position; the root key is needed
        #[arg(long, value_name = "TIME|POSITION", value_parser = as_of)]
        as_of: Option<AsOf>,
    },
    /// Verify the log against its signed checkpoints, or a proof that was downloaded; name the first thing that is wrong
    Verify {
        #[command(flatten)]
        only: Only,
        #[command(flatten)]
        signers: prove::Keys,
        /// A proof as the API answered it: it is verified without a database
        #[arg(long, value_name = "FILE", conflicts_with = "practice")]
        proof: Option<PathBuf>,
        /// A file with checkpoints that you hold; may be given again
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
    },
    /// Back up the log into a new folder, and the keys into a new keyring apart from it, while servers run
    Backup {
        /// The folder to be made
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// The keyring to be made, FILE.keyring; expired ones beside it are deleted
        #[arg(long, value_name = "FILE")]
        keyring: PathBuf,
    },
    /// Restore a backup into an empty database: that of --data or --database
    Restore {
        /// The backup's folder
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// The newest keyring there is; it may be newer than the backup
        #[arg(long, value_name = "FILE")]
        keyring: PathBuf,
        /// Take a keyring that has expired, is older than the backup, of a time to come, or lacks keys, since there is no other
        #[arg(long)]
        expired: bool,
        #[command(flatten)]
        signers: prove::Keys,
    },
    /// Move a whole database into an empty one; stop the servers over it first
    Move {
        /// The database that there is
        #[arg(long, value_name = "URL")]
        from: String,
        /// The empty one
        #[arg(long, value_name = "URL")]
        to: String,
    },
    /// Take a database into use that a move was to leave or to bring, and whose other one is lost: that of --data or --database
    Settle {
        /// That the other one is lost: were it served again, two would go on from the same logs
        #[arg(long, required = true)]
        other_is_lost: bool,
    },
    /// What concerns the keys
    #[command(subcommand)]
    Keys(Keys),
    /// Print the API's schema
    Schema {
        /// Print the page of all kinds of events instead
        #[arg(long)]
        events: bool,
    },
    /// Ask the server that runs here with these settings whether it is ready, for a container's health check
    Ready,
    /// Look whether everything is in order
    Doctor {
        /// Print the table of all settings for the documentation, and nothing else
        #[arg(long)]
        settings: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// Replace the root key, while servers run; given again, it goes on where it was cut short
    Rotate {
        /// The file of the new root key, instead of one that is made
        #[arg(long, value_name = "FILE")]
        new_root: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Only {
    /// Only this practice; or a person or an email address, by its id
    #[arg(long, value_name = "ID", value_parser = log)]
    practice: Option<LogId>,
}

fn log(text: &str) -> Result<LogId, String> {
    LogId::parse(text)
        .ok_or_else(|| "expected an id that begins with practice_, accesslog_, person_ or address_".to_owned())
}

/// A moment: a time, a position's number, or a position as the API writes it.
fn as_of(text: &str) -> Result<AsOf, String> {
    let hexadecimal = text.strip_prefix("at").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    if let Some(position) = text.parse().ok().or(hexadecimal) {
        return Ok(AsOf::Position(position));
    }
    let time = text.parse::<jiff::Timestamp>().map(|time| AsOf::Time(Time(time.as_microsecond())));
    time.map_err(|_| "expected a time such as 2026-11-21T09:30:00Z, or a position such as 17 or at11".to_owned())
}

/// Runs the program: the whole of `main`.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // What this process makes (the database, mail, keys) is open to its owner only, wherever it lies.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::Output(error)),
    };
    let done = runtime.block_on(run(cli, std::env::vars_os(), &mut stdout()));
    // What still runs (connections that were cut off) must not keep the process.
    runtime.shutdown_background();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is_closed_output() => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// How deep a worker's calls may go: far deeper than the deepest selection that is let in. A resolver lies within the one
/// above it, and in a build that is not optimised twenty levels take more than the 2 MiB that a thread has otherwise.
/// Only what is used is ever taken from memory.
const STACK_BYTES: usize = 16 << 20;

/// What the program's tasks run on.
///
/// # Errors
/// That of the system, where it has no threads for it.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK_BYTES).enable_all().build()
}

fn fail(error: &Error) -> ExitCode {
    // Where standard error is closed, nobody can be told.
    let _ = writeln!(stderr(), "throughline: {error}");
    ExitCode::from(FAILED)
}

/// Does what the command line asks, under this environment, and writes the answer to `out`. Gives the exit code.
///
/// # Errors
/// What kept the command from being done.
pub async fn run(
    cli: Cli,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    out: &mut dyn Write,
) -> Result<u8, Error> {
    let Place { config, data, database } = cli.place;
    let flags = Flags { config, data, database, listen: None };
    let environment: Vec<(OsString, OsString)> = environment.into_iter().collect();
    let settings = |flags: &Flags| -> Result<Settings, Error> {
        let settings = Settings::load(flags, environment.clone())?;
        logs::start(&settings, None);
        Ok(settings)
    };
    match cli.command {
        Command::Serve { listen } => {
            let settings = Settings::load(&Flags { listen, ..flags }, environment)?;
            let traces = settings.otlp_url.as_deref().map(Traces::start).transpose()?;
            logs::start(&settings, traces.as_ref());
            let served = serve(&settings).await;
            if let Some(traces) = traces {
                traces.end().await;
            }
            served
        }
        Command::Demo { listen } => demo(&Flags { listen: Some(listen), ..flags }, out).await,
        Command::Migrate => inspect::migrate(&settings(&flags)?, &World::machine(), out).await.map(|()| 0),
        Command::Compact => inspect::compact(&settings(&flags)?, out).await.map(|()| 0),
        Command::Replay { check, lost_keys, only } => {
            let settings = settings(&flags)?;
            let store = open::store(&settings, Purpose::Inspect).await?;
            let app = open::app(&settings, &World::machine(), store, Purpose::Inspect).await?;
            let done = if check {
                prove::check(&app, only.practice, out).await
            } else {
                let unkeyed = if lost_keys { prove::Unkeyed::Lost } else { prove::Unkeyed::Kept };
                prove::rebuild(&app, only.practice, unkeyed, out).await
            };
            app.stop().await;
            done.map(code)
        }
        Command::Log { only, follow, after, as_of } => {
            let store = open::store(&settings(&flags)?, Purpose::Inspect).await?;
            inspect::log(&store, only.practice, (after, as_of), follow, out).await.map(|()| 0)
        }
        Command::Rows { table, practice, as_of: Some(as_of) } => {
            let settings = settings(&flags)?;
            let store = open::store(&settings, Purpose::Inspect).await?;
            let app = open::app(&settings, &World::machine(), store, Purpose::Inspect).await?;
            let done = inspect::rows_as_of(&app, &table, practice, as_of, out).await;
            app.stop().await;
            done.map(|()| 0)
        }
        Command::Rows { table, practice, as_of: None } => {
            let store = open::store(&settings(&flags)?, Purpose::Inspect).await?;
            inspect::rows(&store, &table, practice, out).await.map(|()| 0)
        }
        Command::Verify { signers, proof: Some(proof), checkpoint, .. } => {
            let keys = match signers.read()? {
                Some(keys) => keys,
                None => prove::own_key(&settings(&flags)?)?,
            };
            prove::verify_proofs(&proof, &keys, &checkpoint, out).map(code)
        }
        Command::Verify { only, signers, proof: None, checkpoint } => {
            let settings = settings(&flags)?;
            let store = open::store(&settings, Purpose::Inspect).await?;
            let with = prove::With { keys: signers, checkpoints: checkpoint };
            prove::verify(&settings, &store, only.practice, &with, out).await.map(code)
        }
        Command::Backup { to, keyring } => {
            backup::backup(&settings(&flags)?, &World::machine(), (&to, &keyring), out).await.map(|()| 0)
        }
        Command::Restore { from, keyring, expired, signers } => {
            let age = if expired { Age::Any } else { Age::Fresh };
            let source = Source { folder: from, keyring, age };
            backup::restore(&settings(&flags)?, &World::machine(), &source, &signers, out).await.map(|()| 0)
        }
        Command::Move { from, to } => {
            backup::move_to(&settings(&flags)?, &World::machine(), (&from, &to), out).await.map(|()| 0)
        }
        // Without the flag nothing is parsed.
        Command::Settle { other_is_lost: _ } => backup::settle(&settings(&flags)?, out).await.map(|()| 0),
        Command::Keys(Keys::Rotate { new_root }) => {
            vault::Os.check()?;
            keys::run(&settings(&flags)?, &World::machine(), new_root.as_deref(), out).await.map(|()| 0)
        }
        Command::Schema { events } => {
            let page = if events { domain::entry::page() } else { api::schema_sdl() };
            Ok(out.write_all(page.as_bytes()).map(|()| 0)?)
        }
        Command::Ready => ready::run(&Settings::load(&flags, environment.clone())?, out).map(code),
        Command::Doctor { settings: true } => Ok(out.write_all(crate::settings::markdown().as_bytes()).map(|()| 0)?),
        Command::Doctor { settings: false } => {
            doctor::run(Settings::load(&flags, environment.clone()), &World::machine(), out).await.map(code)
        }
    }
}

const fn code(all_is_well: bool) -> u8 {
    if all_is_well { 0 } else { FOUND }
}

async fn serve(settings: &Settings) -> Result<u8, Error> {
    vault::Os.check()?;
    let mut signals = Signals::listen()?;
    let served = serve::open(settings, &World::machine()).await?;
    tracing::info!(address = %served.address(), version = env!("CARGO_PKG_VERSION"), "listening");
    signals.next().await;
    Ok(stop(served, &mut signals).await)
}

async fn demo(flags: &Flags, out: &mut dyn Write) -> Result<u8, Error> {
    vault::Os.check()?;
    let mut signals = Signals::listen()?;
    let (served, folder) = demo::run(flags, &World::machine(), out).await?;
    signals.next().await;
    let code = stop(served, &mut signals).await;
    drop(folder);
    Ok(code)
}

/// Stops; a second signal ends it at once.
async fn stop(served: serve::Served, signals: &mut Signals) -> u8 {
    tracing::info!("stopping; a second signal ends this at once");
    tokio::select! {
        () = served.stop() => {
            tracing::info!("stopped");
            0
        }
        () = signals.next() => INTERRUPTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn places_may_stand_before_or_after_the_command() {
        for words in ["throughline --data here migrate", "throughline migrate --data here"] {
            assert_eq!(Cli::try_parse_from(words.split(' ')).unwrap().place.data.as_deref(), Some("here"));
        }
    }

    #[test]
    fn a_moment_is_a_time_or_a_position() {
        let half_past = AsOf::Time(Time(1_763_717_400_000_000));
        for (text, moment) in [
            ("17", AsOf::Position(17)),
            ("at11", AsOf::Position(17)),
            ("2025-11-21T09:30:00Z", half_past),
            ("2025-11-21T10:30:00+01:00", half_past),
        ] {
            assert_eq!(as_of(text), Ok(moment), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [
            "throughline log --follow",
            "throughline rows goal",
            "throughline verify --proof file --practice practice_01h455vb4pex5vsknk084sn02q",
            "throughline replay --practice goal_01h455vb4pex5vsknk084sn02q",
            "throughline migrate --listen 1",
            "throughline log --as-of yesterday",
            "throughline settle",
            "throughline log --follow --practice practice_01h455vb4pex5vsknk084sn02q --as-of 3",
        ] {
            assert!(Cli::try_parse_from(words.split(' ')).is_err(), "{words}");
        }
    }
}
