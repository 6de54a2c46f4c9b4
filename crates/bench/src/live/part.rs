//! The parts of the benchmark that run beside it: the server, the bare broadcast, and those who follow. Each is a process of
//! this same program, since ten thousand sockets take as many files on either side, and since only a process that has
//! done nothing else says what its sockets cost in memory. In tests, which have no such program, each is a task.
//!
//! A part and the benchmark tell each other lines of JSON over a connection on loopback: the first line says what to do,
//! and when the benchmark closes the connection the part ends.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
#[cfg(test)]
use tokio::task::JoinSet;

use super::{crowd, served};
use crate::error::Error;

/// How many files a part opens beside its sockets, at most.
const FILES: u64 = 500;

/// What a part does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Serves the product.
    Served,
    /// Serves the bare broadcast.
    Bare,
    /// Follows.
    Crowd,
}

/// What a process is told that is a part.
#[derive(Debug, Args)]
pub(crate) struct Called {
    /// What to do.
    #[arg(value_enum)]
    role: Role,
    /// Where the benchmark waits for it.
    meet: SocketAddr,
}

/// Where parts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Apart {
    /// In processes of their own.
    Processes,
    /// In tasks of this process.
    #[cfg(test)]
    Tasks,
}

/// One end of what the benchmark and a part tell each other.
#[derive(Debug)]
pub(crate) struct Line {
    /// What comes.
    pub(crate) hears: Hears,
    /// What goes.
    pub(crate) says: Says,
}

/// What comes.
#[derive(Debug)]
pub(crate) struct Hears(Lines<BufReader<OwnedReadHalf>>);

/// What goes.
#[derive(Debug)]
pub(crate) struct Says(OwnedWriteHalf);

/// A part as the benchmark holds it. It ends with this.
#[derive(Debug)]
pub(crate) struct Part {
    process: u32,
    runs: Runs,
}

#[derive(Debug)]
enum Runs {
    Process(Child),
    #[cfg(test)]
    Task(JoinSet<Result<(), Error>>),
}

impl Part {
    /// Starts one and tells it what to do.
    pub(crate) async fn start(role: Role, apart: Apart, what: &impl Serialize) -> Result<(Self, Line), Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let meet = listener.local_addr()?;
        let (process, mut runs) = match apart {
            Apart::Processes => {
                let name = role.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
                let mut command = Command::new(std::env::current_exe()?);
                let child = command.args(["part", &name, &meet.to_string()]).kill_on_drop(true).spawn()?;
                (child.id().unwrap_or_default(), Runs::Process(child))
            }
            #[cfg(test)]
            Apart::Tasks => {
                let mut task = JoinSet::new();
                task.spawn(async move { play(&Called { role, meet }).await });
                (std::process::id(), Runs::Task(task))
            }
        };
        let (stream, _) = tokio::select! {
            came = listener.accept() => came?,
            () = runs.ended() => return Err(Error::Unexpected(format!("{role:?} has ended before it began"))),
        };
        let mut line = Line::new(stream)?;
        line.says.tell(what).await?;
        Ok((Self { process, runs }, line))
    }

    /// How many KiB of memory its process has, as the kernel counts them.
    pub(crate) fn resident_kib(&self) -> Result<f64, Error> {
        resident_kib(self.process)
    }

    /// Closes the line to it, and waits until it has ended.
    pub(crate) async fn end<T>(mut self, line: T) {
        drop(line);
        self.runs.ended().await;
    }
}

impl Runs {
    async fn ended(&mut self) {
        match self {
            // However it ended: it is gone.
            Self::Process(child) => {
                let _ = child.wait().await;
            }
            #[cfg(test)]
            Self::Task(task) => {
                let _ = task.join_next().await;
            }
        }
    }
}

impl Line {
    fn new(stream: TcpStream) -> Result<Self, Error> {
        stream.set_nodelay(true)?;
        let (hears, says) = stream.into_split();
        Ok(Self { hears: Hears(BufReader::new(hears).lines()), says: Says(says) })
    }
}

impl Hears {
    /// What the other end says next; `None` at the end.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        Ok(self.0.next_line().await?.map(|line| serde_json::from_str(&line)).transpose()?)
    }

    /// What the other end says next; it must say something.
    pub(crate) async fn hear<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        self.next().await?.ok_or_else(|| Error::Unexpected("a part of the benchmark has ended".to_owned()))
    }
}

impl Says {
    /// Tells the other end something.
    pub(crate) async fn tell(&mut self, what: &impl Serialize) -> Result<(), Error> {
        let line = serde_json::to_string(what)? + "\n";
        Ok(self.0.write_all(line.as_bytes()).await?)
    }
}

/// Is a part, until the benchmark has heard enough.
pub(crate) async fn play(called: &Called) -> Result<(), Error> {
    let line = Line::new(TcpStream::connect(called.meet).await?)?;
    match called.role {
        Role::Served => served::serve(line).await,
        Role::Bare => served::broadcast(line).await,
        Role::Crowd => crowd::follow(line).await,
    }
}

/// Lets this process, and those that it starts, open files for so many sockets.
///
/// # Errors
/// Where the machine does not allow it: what to do then.
pub(crate) fn open_files_for(sockets: usize) -> Result<(), Error> {
    let needed = sockets as u64 + FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < needed) {
        let allowed = maximum.unwrap_or_default();
        return Err(Error::Unexpected(format!(
            "{sockets} sockets take {needed} open files, and this machine allows a process {allowed}: raise it (ulimit \
             -Hn), or ask for fewer with --sockets"
        )));
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).map_err(std::io::Error::from)?)
}

/// How many KiB of memory a process has, as the kernel counts them.
pub(crate) fn resident_kib(process: u32) -> Result<f64, Error> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.ok_or_else(|| Error::Unexpected("the kernel does not say how much memory it has".to_owned()))
}
