//! Where PostgreSQL's programs are, and as whom they run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Where Debian puts the programs, in a directory for each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The oldest version that will do.
const OLDEST: u32 = 15;

/// The directory of the newest installed programs, which are installed when there are none and that can be done.
pub(crate) fn programs_or_install() -> Result<PathBuf, Error> {
    if let Ok(found) = programs() {
        return Ok(found);
    }
    if is_root() && Path::new("/usr/bin/apt-get").exists() {
        install()?;
    }
    programs()
}

/// The directory of the newest installed programs.
pub(crate) fn programs() -> Result<PathBuf, Error> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let numbered = versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())));
    let newest = numbered.filter(|(version, path)| *version >= OLDEST && path.join("bin/initdb").exists()).max();
    if let Some((_, path)) = newest {
        return Ok(path.join("bin"));
    }
    let bindir = answer("pg_config", &["--bindir"]).map(PathBuf::from).filter(|path| path.join("initdb").exists());
    let version = answer("pg_config", &["--version"]);
    let version = version.as_deref().and_then(|said| said.split([' ', '.']).nth(1)?.parse::<u32>().ok());
    match (bindir, version) {
        (Some(path), Some(version)) if version >= OLDEST => Ok(path),
        _ => Err(Error::new(format!(
            "no PostgreSQL {OLDEST} or newer was found in {DEBIAN} or by pg_config: install one (Debian: apt-get \
             install postgresql), or name a running server in {}",
            crate::VARIABLE
        ))),
    }
}

#[expect(clippy::print_stderr, reason = "a developer waits for it, and tests have no other way to say so")]
fn install() -> Result<(), Error> {
    eprintln!("PostgreSQL is not installed: installing Debian's package; this happens once");
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "postgresql"]] {
        let output = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").output();
        let output = output.map_err(|error| Error::new(format!("apt-get does not start: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::new(format!("apt-get {} failed: {said}", arguments.join(" "))));
        }
    }
    Ok(())
}

/// The user and group as whom the server runs: itself when that is nobody special, for PostgreSQL refuses root.
pub(crate) fn server_user() -> Result<Option<(u32, u32)>, Error> {
    if !is_root() {
        return Ok(None);
    }
    let id = |user: &str, which: &str| answer("id", &[which, user])?.parse::<u32>().ok();
    let found = ["postgres", "nobody"].iter().find_map(|user| Some((id(user, "-u")?, id(user, "-g")?)));
    found
        .map(Some)
        .ok_or_else(|| Error::new("PostgreSQL does not run as root, and there is no user postgres or nobody"))
}

fn is_root() -> bool {
    answer("id", &["-u"]).as_deref() == Some("0")
}

/// What a program says, if it is there and ends well.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
