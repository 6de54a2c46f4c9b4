//! One server of one process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use crate::Error;
use crate::install;
use crate::port::Port;

/// Starts the server, says so, waits until its input ends, and takes the server and its directory away.
///
/// The signals that a terminal sends to all that run in it are not for this shell.
const KEEPER: &str = r#"
trap '' INT TERM HUP
programs=$1 directory=$2 settings=$3
if "$programs/pg_ctl" --pgdata="$directory/data" --log="$directory/log" --options="$settings" --wait --timeout=180 \
    start >>"$directory/log" 2>&1
then echo ready; else echo failed; fi
exec >/dev/null 2>&1
cat
"$programs/pg_ctl" --pgdata="$directory/data" --mode=immediate --wait stop
rm -rf "$directory"
"#;

/// A running server. It runs for as long as this value, or the process, does.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) programs: PathBuf,
    pub(crate) directory: PathBuf,
    _port: Port,
    /// The pipe whose end is the server's.
    _alive: ChildStdin,
}

impl Server {
    pub(crate) fn start() -> Result<Server, Error> {
        let programs = install::programs_or_install()?;
        let user = install::server_user()?;
        let failed = |what: &str, error: &dyn std::fmt::Display| Error::new(format!("PostgreSQL: {what}: {error}"));
        let directory = new_cluster(&programs, user, &[])?;
        let port = Port::free().map_err(|error| failed("no free port", &error))?;
        let mut keeper = Command::new("sh");
        keeper.arg("-c").arg(KEEPER).arg("keeper").arg(&programs).arg(&directory);
        keeper.arg(settings(&directory, port.number));
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        run_as(&mut keeper, user, &directory);
        let mut keeper = keeper.spawn().map_err(|error| failed("sh does not start", &error))?;
        let (Some(alive), Some(says)) = (keeper.stdin.take(), keeper.stdout.take()) else {
            return Err(Error::new("PostgreSQL: sh has no pipes"));
        };
        let mut word = String::new();
        BufReader::new(says).read_line(&mut word).map_err(|error| failed("sh was not heard", &error))?;
        if word.trim() != "ready" {
            let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
            return Err(failed("it does not start", &log));
        }
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", port.number);
        Ok(Server { url, programs, directory, _port: port, _alive: alive })
    }
}

/// A new directory of the server's user with an empty cluster in its `data`.
pub(crate) fn new_cluster(programs: &Path, user: Option<(u32, u32)>, how: &[&str]) -> Result<PathBuf, Error> {
    let directory = own_directory(user)?;
    let mut initdb = Command::new(programs.join("initdb"));
    initdb.arg("--pgdata").arg(directory.join("data")).args(how);
    initdb.args(["--username=postgres", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync"]);
    run_as(&mut initdb, user, &directory);
    let made = initdb.output().map_err(|error| Error::new(format!("PostgreSQL: initdb does not start: {error}")))?;
    if made.status.success() {
        return Ok(directory);
    }
    // what is left is nobody's
    let _ = fs::remove_dir_all(&directory);
    Err(Error::new(format!("PostgreSQL: initdb failed: {}", String::from_utf8_lossy(&made.stderr))))
}

fn settings(directory: &Path, port: u16) -> String {
    let sockets = directory.display();
    let pairs = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={sockets}"),
        "shared_buffers=128MB".to_owned(),
        // as many tests run at once as the machine has cores, and each has nodes with a pool of connections
        "max_connections=1000".to_owned(),
        "fsync=on".to_owned(),
        "synchronous_commit=on".to_owned(),
        // a checkpoint in the middle of a measurement is not what is measured
        "max_wal_size=4GB".to_owned(),
        "checkpoint_timeout=30min".to_owned(),
    ];
    pairs.map(|pair| format!("-c {pair}")).join(" ")
}

/// A new directory among the temporary ones that only the server's user may look into.
pub(crate) fn own_directory(user: Option<(u32, u32)>) -> Result<PathBuf, Error> {
    let failed = |error: std::io::Error| Error::new(format!("no directory for PostgreSQL can be made: {error}"));
    let mut number = 0;
    loop {
        let path = std::env::temp_dir().join(format!("throughline-cluster-{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
                if let Some((user, group)) = user {
                    chown(&path, Some(user), Some(group)).map_err(failed)?;
                }
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Lets a command run in a directory, as a user if one is given.
pub(crate) fn run_as(command: &mut Command, user: Option<(u32, u32)>, directory: &Path) {
    command.current_dir(directory);
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
}
