//! `throughline doctor`: is everything in order? A line for each thing it looks at, with what to do where it is not.
//!
//! It makes nothing that stays: no key, no folder, no database. Opening a database that is there brings its schema up to
//! date, as every opening does; one that has none of this program's tables is left as it is.

use std::io::Write;
use std::path::Path;

mod files;
mod places;
mod postgres;
mod signed;
mod waiting;

use app::Tables;
use app::tables::Folded;
use store::{Database, Objects, Snapshot, Store, Type, Value};
use vault::{RootKey, SigningSeed};

use crate::error::Error;
use crate::open::{self, Purpose, World};
use crate::settings::{Settings, Wrong};

/// A clock that is further off than this is a problem: 5 seconds, in microseconds.
const DRIFT_MICROS_MAX: i64 = 5_000_000;
/// The earliest time that can be right: 2026-01-01, in microseconds.
const EARLIEST_MICROS: i64 = 1_767_225_600_000_000;
/// How many heads are read at once.
const HEADS: u32 = 1_000;

/// What was found of one thing.
#[derive(Debug)]
struct Finding {
    what: &'static str,
    said: String,
    grade: Grade,
}

/// How things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Fine,
    /// It works, and could be better.
    Hint,
    /// It is to mend.
    Problem,
}

impl Finding {
    fn fine(what: &'static str, said: impl std::fmt::Display) -> Self {
        Self { what, said: said.to_string(), grade: Grade::Fine }
    }

    fn hint(what: &'static str, said: impl std::fmt::Display) -> Self {
        Self { what, said: said.to_string(), grade: Grade::Hint }
    }

    /// Something to mend, whose words say what to do.
    fn problem(what: &'static str, said: impl std::fmt::Display) -> Self {
        Self { what, said: said.to_string(), grade: Grade::Problem }
    }

    fn is_problem(&self) -> bool {
        self.grade == Grade::Problem
    }
}

/// What was looked at so far.
struct Report<'o> {
    out: &'o mut dyn Write,
    problems: u32,
}

impl Report<'_> {
    fn ok(&mut self, what: &str, said: impl std::fmt::Display) -> Result<(), Error> {
        Ok(writeln!(self.out, "ok       {what}: {said}")?)
    }

    /// A problem, whose words say what to do.
    fn problem(&mut self, what: &str, said: impl std::fmt::Display) -> Result<(), Error> {
        self.problems += 1;
        Ok(writeln!(self.out, "PROBLEM  {what}: {said}")?)
    }

    fn all(&mut self, found: impl IntoIterator<Item = Finding>) -> Result<(), Error> {
        for Finding { what, said, grade } in found {
            match grade {
                Grade::Fine => self.ok(what, said)?,
                Grade::Hint => writeln!(self.out, "hint     {what}: {said}")?,
                Grade::Problem => self.problem(what, said)?,
            }
        }
        Ok(())
    }

    fn check(&mut self, what: &str, checked: Result<String, String>) -> Result<(), Error> {
        match checked {
            Ok(said) => self.ok(what, said),
            Err(said) => self.problem(what, said),
        }
    }
}

/// Looks at everything and writes what it finds. Whether all is in order.
///
/// # Errors
/// [`Error::Output`] only: what is wrong is what this command is for.
pub async fn run(settings: Result<Settings, Wrong>, world: &World, out: &mut dyn Write) -> Result<bool, Error> {
    let mut report = Report { out, problems: 0 };
    let settings = match settings {
        Ok(settings) => settings,
        Err(wrong) => {
            for line in &wrong.0 {
                report.problem("settings", line)?;
            }
            return Ok(false);
        }
    };
    for source in &settings.sources {
        let shown = if source.shown.is_empty() { "none" } else { &source.shown };
        writeln!(report.out, "setting  {} = {shown}, from {}", source.name, source.origin)?;
    }
    report.all(places::addresses(&settings))?;
    report.all(places::folders(&settings))?;
    let root = root_key(&settings);
    report.check("root key", root.as_ref().map(|(_, said)| said.clone()).map_err(Clone::clone))?;
    let new_root = RootKey::load(&open::new_root_key_file(&settings));
    if let Err(error) = &new_root {
        report.problem("new root key", error)?;
    }
    report.check("signing key", signing_key(&settings))?;
    report.all(places::mail(&settings))?;
    report.all(places::others(&settings).await)?;
    let (objects, found) = files::reachable(&settings).await;
    report.all([found])?;
    report.check("clock", clock(world.clock.now().0))?;
    let held: Vec<RootKey> = root.ok().and_then(|(root, _)| root).into_iter().chain(new_root.ok().flatten()).collect();
    match open_database(&settings).await {
        Ok(Some(store)) => {
            let checked =
                database(&mut report, &settings, &store, (&held, objects.as_ref()), world.clock.now().0).await;
            store.close().await;
            match checked {
                Err(Error::Store(error)) => report.problem("database", error)?,
                checked => checked?,
            }
        }
        Ok(None) => report.all([signed::no_database(&settings)])?,
        Err(error) => report.problem("database", error)?,
    }
    let problems = report.problems;
    writeln!(out, "{}", if problems == 0 { "all is in order".to_owned() } else { format!("{problems} to mend") })?;
    Ok(problems == 0)
}

/// The root key, if there is one yet.
fn root_key(settings: &Settings) -> Result<(Option<RootKey>, String), String> {
    let path = &settings.root_key_file;
    if let Some(hex) = &settings.root_key {
        return RootKey::parse(hex)
            .map(|root| (Some(root), "from the environment".to_owned()))
            .map_err(|error| error.to_string());
    }
    let not_there = |error| format!("{} is not there and cannot be made: {error}; see `root_key_file`", path.display());
    if !is_there(path)? {
        path.parent().map_or(Ok(()), places::writable).map_err(not_there)?;
        return Ok((
            None,
            format!("{} is not there yet; it is made with the database, at the first start", path.display()),
        ));
    }
    let (root, _) = RootKey::load_or_create(path, &vault::Os).map_err(|error| error.to_string())?;
    Ok((
        Some(root),
        format!("{}, open to its owner only; have you backed it up, apart from the database?", path.display()),
    ))
}

/// Whether a file is there; where its folder is closed to this user, nobody knows.
fn is_there(path: &Path) -> Result<bool, String> {
    path.try_exists()
        .map_err(|error| format!("{} cannot be looked for: {error}; run this as the server's user", path.display()))
}

fn signing_key(settings: &Settings) -> Result<String, String> {
    let path = &settings.signing_key_file;
    let not_there =
        |error| format!("{} is not there and cannot be made: {error}; see `signing_key_file`", path.display());
    if !is_there(path)? {
        path.parent().map_or(Ok(()), places::writable).map_err(not_there)?;
        return Ok(format!("{} is not there yet; it is made at the first start", path.display()));
    }
    let (seed, _) = SigningSeed::load_or_create(path, &vault::Os).map_err(|error| error.to_string())?;
    let signer =
        store::checkpoint::Signer::parse(&settings.signer_name, seed.expose()).map_err(|error| error.to_string())?;
    Ok(format!("{}, open to its owner only; its public key is {}", path.display(), signer.verifier()))
}

fn clock(now: i64) -> Result<String, String> {
    let said = jiff::Timestamp::from_microsecond(now).map_or_else(|_| now.to_string(), |now| now.to_string());
    if now >= EARLIEST_MICROS {
        Ok(said)
    } else {
        Err(format!("it says {said}, which is long ago: set the machine's clock"))
    }
}

async fn open_database(settings: &Settings) -> Result<Option<Store>, Error> {
    if open::file(settings).is_some_and(|file| matches!(file.try_exists(), Ok(false))) {
        return Ok(None);
    }
    match open::store(settings, Purpose::Inspect).await {
        Ok(store) => Ok(Some(store)),
        Err(Error::Store(store::Error::Empty)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the database says of itself, of its key and of how far its read models are.
async fn database(
    report: &mut Report<'_>,
    settings: &Settings,
    store: &Store,
    (held, objects): (&[RootKey], Option<&Objects>),
    now: i64,
) -> Result<(), Error> {
    let mut snapshot = store.snapshot().await?;
    let (name, version) = match store.database() {
        Database::Sqlite => ("SQLite", "select sqlite_version()"),
        Database::Postgres => ("PostgreSQL", "select current_setting('server_version')"),
    };
    let version = text(&mut snapshot, version).await?;
    let schema = number(&mut snapshot, "select coalesce(max(version), 0) from schema_version").await?;
    report.ok("database", format_args!("{name} {version}, schema {schema}"))?;

    if store.database() == Database::Postgres {
        report.all(postgres::look(&mut snapshot, settings, store.wall()).await?)?;
    }
    match objects {
        Some(objects) => report.all(files::belongs(&mut snapshot, objects, store.database()).await?)?,
        None => report.all(files::lost(&mut snapshot, settings).await?)?,
    }
    report.all(signed::known(&mut snapshot, settings).await?)?;
    report.all(signed::signer(&mut snapshot, settings).await?)?;
    let newest = number(&mut snapshot, "select coalesce(max(at), 0) from heads").await?;
    let drift = match store.database() {
        Database::Sqlite => 0,
        Database::Postgres => {
            now - number(&mut snapshot, "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)")
                .await?
        }
    };
    report.check("times", times(now, newest, drift))?;

    let tables = Tables::new()?;
    let (mut logs, mut behind, mut after) = (0_u64, 0_u64, None);
    loop {
        let heads = snapshot.heads(after, HEADS).await?;
        let Some(last) = heads.last() else { break };
        after = Some(last.log);
        logs += heads.len() as u64;
        behind += heads
            .iter()
            .map(|head| u64::from(!Folded::decode(&head.folded).behind(&tables, head.seq).is_empty()))
            .sum::<u64>();
    }
    let named = snapshot.meta(app::keys::ROOT).await?;
    let existing = store.tables_existing().await?;
    report.all(waiting::late(&waiting::backlog(&mut snapshot, &tables, &existing, now).await?, now))?;
    report.all([waiting::left_over(&tables, &existing)])?;
    let by_root = snapshot.keys_by_root().await?;
    let missing = app::keys::missing(&mut snapshot).await?;
    snapshot.close().await?;
    let folded = format!("{behind} of {logs} logs have read models that are behind");
    report.check(
        "read models",
        if behind == 0 {
            Ok(folded)
        } else {
            Err(format!("{folded}: a server that runs folds them; `throughline replay` does it at once"))
        },
    )?;
    if let Some(value) = missing {
        return report
            .problem("root key and database", format_args!("the database {}", app::keys::said_missing(value)));
    }
    let belongs = match named.as_deref() {
        Some(named) if held.iter().all(|root| root.id() != named) && !held.is_empty() => {
            Err(Error::WrongRootKey.to_string())
        }
        // One that names its key is begun, though nobody may have written to it yet.
        Some(_) | None if held.is_empty() && (logs > 0 || named.is_some()) => {
            Err("the database belongs to a root key that is not here: restore it from its backup".to_owned())
        }
        Some(_) | None => Ok("nothing speaks against it".to_owned()),
    };
    report.check("root key and database", belongs)?;
    report.check("keys", wrapped(named.as_deref(), held, &by_root))
}

/// With which root keys the data keys are wrapped.
fn wrapped(named: Option<&[u8]>, held: &[RootKey], by_root: &[([u8; 32], u64)]) -> Result<String, String> {
    let total: u64 = by_root.iter().map(|(_, keys)| keys).sum();
    let current: u64 = by_root.iter().filter(|(id, _)| Some(&id[..]) == named).map(|(_, keys)| keys).sum();
    if current == total {
        // A key that is plainly another one's was said already, and is no rotation.
        let is_named = |root: &RootKey| Some(&root.id()[..]) == named;
        let replaced = held.iter().any(is_named) && !held.iter().all(is_named);
        let said = format!("{total}, all wrapped with the database's root key");
        return if replaced {
            Err(format!(
                "{said}, and a file holds another one: a rotation has not begun or not ended; `throughline keys rotate` goes on"
            ))
        } else {
            Ok(said)
        };
    }
    Err(format!(
        "{} of {total} are still wrapped with another root key: `throughline keys rotate` goes on where it was cut short",
        total - current
    ))
}

/// Whether this machine's clock goes with the newest event and with the database's clock.
fn times(now: i64, newest: i64, drift: i64) -> Result<String, String> {
    if newest > now.saturating_add(DRIFT_MICROS_MAX) {
        let ahead = (newest - now) / 1_000_000;
        return Err(format!(
            "the newest event is {ahead} s in the future: set this machine's clock; new events will carry that time until it is reached"
        ));
    }
    if drift.abs() > DRIFT_MICROS_MAX {
        return Err(format!(
            "this machine's clock and the database's are {} s apart: set them both by NTP",
            drift / 1_000_000
        ));
    }
    Ok("this machine's clock goes with the database's".to_owned())
}

async fn text(snapshot: &mut Snapshot, sql: &'static str) -> Result<String, Error> {
    let rows = snapshot.query(sql, &[], &[Type::Text]).await?;
    Ok(rows
        .into_iter()
        .flatten()
        .next()
        .map_or_else(String::new, |value| if let Value::Text(text) = value { text } else { String::new() }))
}

async fn number(snapshot: &mut Snapshot, sql: &'static str) -> Result<i64, Error> {
    let rows = snapshot.query(sql, &[], &[Type::Int]).await?;
    Ok(rows.into_iter().flatten().next().map_or(0, |value| if let Value::Int(number) = value { number } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_goes_on_only_where_one_of_the_keys_is_the_databases() {
        let key = |digits: &str| RootKey::parse(&digits.repeat(32)).unwrap();
        let (old, new, other) = (key("ab"), key("cd"), key("ef"));
        let by_root = [(*new.id(), 7)];
        let said = |held: &[RootKey]| wrapped(Some(&new.id()[..]), held, &by_root);
        assert!(said(&[key("ab"), key("cd")]).unwrap_err().contains("keys rotate"));
        for held in [vec![key("cd")], vec![other], vec![], vec![old]] {
            assert!(said(&held).is_ok());
        }
        assert!(wrapped(None, &[key("ab")], &[]).is_ok(), "an empty database");
        assert!(wrapped(Some(&key("ab").id()[..]), &[key("ab")], &by_root).unwrap_err().contains("keys rotate"));
    }

    #[test]
    fn a_clock_that_does_not_go_with_the_database_is_a_problem() {
        let now = EARLIEST_MICROS;
        assert!(times(now, now, 0).is_ok() && times(now, now + DRIFT_MICROS_MAX, DRIFT_MICROS_MAX).is_ok());
        assert!(times(now, now + 60_000_000, 0).unwrap_err().contains("60 s in the future"));
        assert!(times(now, now, -60_000_000).unwrap_err().contains("60 s apart"));
        assert!(clock(now).is_ok() && clock(now - 1).is_err());
    }
}
