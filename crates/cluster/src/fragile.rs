//! A server of a test's own, which may be crashed, started anew, started under another program, and with any settings.
//!
//! Its processes are found by their working directory, which is the cluster's: a backend leaves the process group of the
//! server that began it, and a tracer may stand in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::Error;
use crate::install;
use crate::port::Port;
use crate::server::{new_cluster, run_as};

/// Waits until its input ends, and takes away what then still runs in the directory, and the directory.
const KEEPER: &str = r#"
trap '' INT TERM HUP
cat
for process in /proc/[0-9]*; do
    [ "$(readlink "$process/cwd")" = "$1/data" ] && kill -KILL "${process#/proc/}"
done
rm -rf "$1"
"#;

/// A cluster and, while it runs, its server.
#[derive(Debug)]
pub struct Fragile {
    programs: PathBuf,
    user: Option<(u32, u32)>,
    directory: PathBuf,
    port: Port,
    server: Option<Child>,
    /// The pipe at whose end everything is taken away.
    _alive: ChildStdin,
}

impl Fragile {
    /// Makes an empty cluster; `how` are further words for `initdb`.
    pub fn make(how: &[&str]) -> Result<Fragile, Error> {
        let programs = install::programs_or_install()?;
        let user = install::server_user()?;
        Fragile::keep(new_cluster(&programs, user, how)?, programs, user)
    }

    /// Makes a cluster of this one's files as they would lie after a crash: `fill` writes them into the folder that it
    /// is given.
    pub fn of_files(&self, fill: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<Fragile, Error> {
        let failed = |error: std::io::Error| Error::new(format!("a copy of a cluster cannot be made: {error}"));
        let directory = crate::server::own_directory(self.user)?;
        let data = directory.join("data");
        fs::create_dir(&data).and_then(|()| fill(&data)).map_err(failed)?;
        let mut own = Command::new("sh");
        own.args(["-c", "chmod -R u+rwX,go= \"$1\" && chown -R \"$2\" \"$1\"", "own"]).arg(&data);
        let (user, group) = self.user.unwrap_or_default();
        if self.user.is_some() && !own.arg(format!("{user}:{group}")).status().map_err(failed)?.success() {
            return Err(Error::new(format!("{} cannot be given to the server's user", data.display())));
        }
        Fragile::keep(directory, self.programs.clone(), self.user)
    }

    fn keep(directory: PathBuf, programs: PathBuf, user: Option<(u32, u32)>) -> Result<Fragile, Error> {
        let failed = |what: &str| Error::new(format!("PostgreSQL: {what}"));
        let mut keeper = Command::new("sh");
        keeper.arg("-c").arg(KEEPER).arg("keeper").arg(&directory).stdin(Stdio::piped()).stdout(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut keeper, 0);
        let mut keeper = keeper.spawn().map_err(|error| failed(&format!("sh does not start: {error}")))?;
        let alive = keeper.stdin.take().ok_or_else(|| failed("sh has no pipe"))?;
        let port = Port::free().map_err(|error| failed(&format!("no free port: {error}")))?;
        Ok(Fragile { programs, user, directory, port, server: None, _alive: alive })
    }

    /// Where its files are.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// The user and group that own them, where they are not this process's.
    pub fn user(&self) -> Option<(u32, u32)> {
        self.user
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port.number)
    }

    /// Starts the server with these settings (`name=value`), under the program that `under` begins with, if it is not
    /// empty; returns once it answers.
    pub fn start(&mut self, under: &[&str], settings: &[&str]) -> Result<(), Error> {
        let postgres = self.programs.join("postgres");
        let mut command = match under {
            [] => Command::new(postgres),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(postgres);
                command
            }
        };
        command.arg("-D").arg(self.data());
        let sockets = format!("unix_socket_directories={}", self.directory.display());
        let always = ["listen_addresses=127.0.0.1", &sockets, "shared_buffers=32MB", "max_connections=80"];
        for setting in always.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        let log = fs::File::options().create(true).append(true).open(self.log_file());
        let log = log.map_err(|error| Error::new(format!("PostgreSQL's log: {error}")))?;
        command.args(["-p", &self.port.number.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        run_as(&mut command, self.user, &self.directory);
        let spawned = command.spawn().map_err(|error| Error::new(format!("PostgreSQL does not start: {error}")))?;
        self.server = Some(spawned);
        self.wait_until_it_answers()
    }

    /// Returns once the server answers; an error where it has ended.
    pub fn wait_until_it_answers(&mut self) -> Result<(), Error> {
        loop {
            let answers = self.psql("postgres", "select 1").is_ok();
            let server = self.server.as_mut().ok_or_else(|| Error::new("PostgreSQL was not started"))?;
            match server.try_wait() {
                Ok(None) if answers => return Ok(()),
                Ok(None) => std::thread::yield_now(),
                Ok(Some(_)) | Err(_) => return Err(Error::new(format!("PostgreSQL has ended: {}", self.log()))),
            }
        }
    }

    /// Whether the server runs, be it well or not.
    pub fn runs(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| matches!(server.try_wait(), Ok(None)))
    }

    /// Ends all its processes at once, without warning.
    pub fn crash(&mut self) {
        loop {
            let running = self.processes();
            if running.is_empty() {
                break;
            }
            for process in running {
                // one that has just ended is what is wanted
                let _ = kill_process(process, Signal::KILL);
            }
            std::thread::yield_now();
        }
        self.ended();
    }

    /// Ends the server as its operator would: connections are ended, and everything is written.
    pub fn stop(&mut self) {
        if let Some(process) = self.postmaster() {
            // one that has just ended is what is wanted
            let _ = kill_process(process, Signal::INT);
        }
        while !self.processes().is_empty() {
            std::thread::yield_now();
        }
        self.ended();
    }

    fn ended(&mut self) {
        if let Some(mut server) = self.server.take() {
            // its exit code says nothing that was not meant to happen
            let _ = server.wait();
        }
    }

    /// Makes an empty database whose text is UTF-8 and compares bytewise; its address. `further` ends the statement
    /// (`tablespace small`).
    pub fn database(&self, name: &str, further: &str) -> Result<String, Error> {
        let how = "template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'";
        self.psql("postgres", &format!("create database {name} {how} {further}"))?;
        Ok(self.url(name))
    }

    /// Runs a statement; what it answers, a row a line.
    pub fn psql(&self, database: &str, statement: &str) -> Result<String, Error> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--dbname", &self.url(database), "--command", statement]);
        let output = psql.output().map_err(|error| Error::new(format!("psql does not start: {error}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(Error::new(format!("{statement}: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn postmaster(&self) -> Option<Pid> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        Pid::from_raw(file.lines().next()?.trim().parse().ok()?)
    }

    /// Everything that works in the cluster's directory.
    fn processes(&self) -> Vec<Pid> {
        let data = self.data();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let here = entries.filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == data));
        here.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.crash();
    }
}
