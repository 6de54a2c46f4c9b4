//! `idle`: what the program costs before anybody asks: from its start to ready on a database of 100 000 events, memory at
//! rest, and its size. The program is the one that lies beside this one (`cargo build --release -p server`).

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Asked;
use crate::error::Error;
use crate::place::{Place, ROOT, open};
use crate::replay;
use crate::report::{Report, median};

/// How long the program may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it is left alone before its memory is read.
const REST: Duration = Duration::from_secs(2);

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Size {
    events: usize,
    rounds: usize,
}

impl Size {
    /// Everything, or less of it.
    pub(crate) fn new(asked: &Asked) -> Self {
        let (events, rounds) = if asked.quick { (10_000, 3) } else { (100_000, 9) };
        Self { events: asked.events.unwrap_or(events), rounds }
    }
}

/// Measures on one kind of database.
pub(crate) async fn measure(place: &Place, size: &Size, report: &mut Report) -> Result<(), Error> {
    let program = std::env::current_exe()?.with_file_name("throughline");
    if !program.exists() {
        let what = format!("{} is not there: cargo build --release -p server", program.display());
        return Err(Error::Unexpected(what));
    }
    let options = place.fresh("idle")?;
    let app = open(&options).await?;
    replay::make(&app, size.events).await?;
    app.stop().await;
    let data = tempfile::TempDir::new()?;
    let (mut ready, mut rest) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        let started = Started::new(&program, data.path(), &options.url)?;
        ready.push(started.ready().await?.as_secs_f64() * 1_000.0);
        tokio::time::sleep(REST).await;
        rest.push(started.resident_kib()?);
    }
    let mut figure = |name, unit, value| report.figure(place.name(), "", (name, unit), (value, None));
    figure("from start to ready", "ms", median(ready.into_iter()));
    figure("memory at rest", "KiB", median(rest.into_iter()));
    figure("size of the program", "KiB", kib(std::fs::metadata(&program)?.len()));
    place.remove(&options)
}

#[expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^52")]
fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1_024.0
}

/// A running program. It ends with this.
pub(crate) struct Started {
    program: Child,
    at: Instant,
    port: u16,
}

impl Started {
    /// Starts this one, on a database, with its other files in a directory.
    pub(crate) fn new(program: &Path, data: &Path, database: &str) -> Result<Self, Error> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let at = Instant::now();
        let program = Command::new(program)
            .arg("--data")
            .arg(data)
            .args(["--database", database, "serve", "--listen", &format!("127.0.0.1:{port}")])
            .env("THROUGHLINE_ROOT_KEY", ROOT)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { program, at, port })
    }

    /// Waits until it is ready: how long that took.
    pub(crate) async fn ready(&self) -> Result<Duration, Error> {
        let client = reqwest::Client::new();
        while self.at.elapsed() < PATIENCE {
            let answer = client.get(format!("http://127.0.0.1:{}/readyz", self.port)).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return Ok(self.at.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(Error::Unexpected("the program does not become ready".to_owned()))
    }

    /// Where it listens on loopback.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// How many KiB of memory it has, as the kernel counts them.
    pub(crate) fn resident_kib(&self) -> Result<f64, Error> {
        crate::live::resident_kib(self.program.id())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
