//! A throwaway PostgreSQL for tests and benchmarks.
//!
//! A program that needs one asks for [`database`] and gets the address of a fresh, empty database: on the server that
//! its caller names (the value of [`VARIABLE`], which the caller reads), or on one that this process starts from the
//! installed programs, in a directory of its own, on a free port of the loopback address.
//!
//! The server must not outlive the process, however that ends. So it is started by a small shell whose standard input
//! is a pipe that only this process holds: when the process ends, the pipe closes, and the shell stops the server and
//! removes the directory. The server syncs as a real one does, for what is tested and measured with it is durability.
//!
//! A test that crashes its server, fills its disk or fails its syncs makes one of its own: [`Fragile`].

mod fragile;
mod install;
mod port;
mod server;

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use fragile::Fragile;
use server::Server;

/// The environment variable in which a developer names a server to be used: `postgres://user@host:port/database`, with
/// the right to create databases and roles.
pub const VARIABLE: &str = "THROUGHLINE_TEST_POSTGRES";

/// What went wrong, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    fn new(said: impl Into<String>) -> Error {
        Error(said.into())
    }
}

static SERVER: OnceLock<Result<Server, Error>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The address of a running server's `postgres` database: the one given, or that of the server of this process, which
/// is started by the first call.
pub fn url(given: Option<&str>) -> Result<String, Error> {
    match given {
        Some(given) => Ok(given.to_owned()),
        None => Ok(own()?.url.clone()),
    }
}

/// Makes a fresh, empty database whose text is UTF-8 and compares bytewise; its address. `hint` becomes part of its
/// name.
pub fn database(given: Option<&str>, hint: &str) -> Result<String, Error> {
    let server = url(given)?;
    let name = fresh_name(hint);
    if given.is_some() {
        // another process of the same number may have left one on a server that stays
        psql(given, &server, &format!("drop database if exists {name} with (force)"))?;
    }
    psql(given, &server, &create(&name))?;
    Ok(with_database(&server, &name))
}

fn create(name: &str) -> String {
    format!("create database {name} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'")
}

/// A name that no other database of this process has.
fn fresh_name(hint: &str) -> String {
    let hint: String = hint.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    format!("t_{}_{}_{number}", hint.to_ascii_lowercase(), std::process::id())
}

/// Makes a copy of a database to which nobody is connected, file by file, so that both are on the disk behind the same
/// checkpoint; its address. `hint` becomes part of its name.
pub fn copy(given: Option<&str>, url_of_database: &str, hint: &str) -> Result<String, Error> {
    let server = url(given)?;
    let (_, name) = split(url_of_database);
    let copy = fresh_name(hint);
    psql(given, &server, &format!("create database {copy} template {name} strategy file_copy"))?;
    Ok(with_database(&server, &copy))
}

/// Lets the server do its housekeeping of a database now, so that it does not fall into a measurement.
pub fn settle(given: Option<&str>, url_of_database: &str) -> Result<(), Error> {
    psql(given, url_of_database, "vacuum (analyze)")
}

/// Drops a database that [`database`] made, also while it is used. Those of this process's own server need not be
/// dropped: they go with it.
pub fn drop_database(given: Option<&str>, url_of_database: &str) -> Result<(), Error> {
    let server = url(given)?;
    let (_, name) = split(url_of_database);
    psql(given, &server, &format!("drop database if exists {name} with (force)"))
}

/// Drops a database that [`database`] made, also while it is used, and makes an empty one with its name.
pub fn make_again(given: Option<&str>, url_of_database: &str) -> Result<(), Error> {
    drop_database(given, url_of_database)?;
    let (_, name) = split(url_of_database);
    psql(given, &url(given)?, &create(name))
}

/// The log of this process's own server, for a message about what went wrong in it.
pub fn server_log() -> Option<String> {
    let server = SERVER.get()?.as_ref().ok()?;
    std::fs::read_to_string(server.directory.join("log")).ok()
}

fn own() -> Result<&'static Server, Error> {
    SERVER.get_or_init(Server::start).as_ref().map_err(Clone::clone)
}

/// Runs a statement by `psql`, so that this crate needs no driver.
fn psql(given: Option<&str>, server: &str, statement: &str) -> Result<(), Error> {
    let program = match given {
        Some(_) => install::programs().map_or_else(|_| "psql".into(), |programs| programs.join("psql")),
        None => own()?.programs.join("psql"),
    };
    let output = Command::new(&program)
        .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", server, "--command", statement])
        .output()
        .map_err(|error| Error::new(format!("{} does not start: {error}", program.display())))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::new(format!("{statement}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// An address with another database's name.
fn with_database(url: &str, name: &str) -> String {
    let (before, old) = split(url);
    let settings = &url[before.len() + old.len()..];
    format!("{before}{name}{settings}")
}

/// What stands before the database's name, with its slash, and the name.
fn split(url: &str) -> (&str, &str) {
    let path = url.split('?').next().unwrap_or(url);
    let authority = path.find("://").map_or(0, |scheme| scheme + 3);
    match path[authority..].find('/') {
        Some(slash) => path.split_at(authority + slash + 1),
        None => (path, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::{split, with_database};

    #[test]
    fn a_database_takes_the_place_of_another_in_an_address() {
        assert_eq!(split("postgres://me@host:5432/postgres?a=b"), ("postgres://me@host:5432/", "postgres"));
        let other = with_database("postgres://me@host:5432/postgres?a=b", "t_1");
        assert_eq!(other, "postgres://me@host:5432/t_1?a=b");
    }
}
