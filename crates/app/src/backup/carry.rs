//! Carrying the truth from one database to another, table by table, in one transaction; and moving a whole database so.

use std::path::Path;

use domain::value::Time;
use store::truth::{self, Truth};
use store::{Batch, Forgotten, Options, Snapshot, Store, Value};

use super::{Error, Told};
use crate::keys::{LASTING, ROOT};

/// How many rows are carried at a time.
const ROWS_AT_ONCE: u32 = 200;
/// The value of the installation that says that it was moved, and when.
pub const MOVED: &str = "moved";
/// The value of the installation that says that a move into it is not over, and when it began.
pub const ARRIVING: &str = "arriving";

/// What becomes of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// They come along.
    Carried,
    /// They go another way.
    LeftBehind,
}

/// How a backup's database file is opened.
pub(crate) fn options(path: &Path) -> Options {
    Options {
        readers: 1,
        snapshot_limit: std::time::Duration::from_hours(24),
        ..Options::new(format!("sqlite:{}", path.display()))
    }
}

/// Writes everything that a snapshot shows of the truth; how many logs. Read models are nobody's truth: the heads say that
/// nothing is folded.
pub(crate) async fn carry(from: &mut Snapshot, to: &mut Batch, keys: Keys, told: Told<'_>) -> Result<u64, Error> {
    let (total, mut done) = (from.truth_rows().await?, 0);
    for table in truth::OTHERS {
        done = carry_table(from, to, table, (done, total), told, |_| true).await?;
    }
    let with_keys = keys == Keys::Carried;
    done = carry_table(from, to, &truth::META, (done, total), told, |row| {
        let of_keys = matches!(row.first(), Some(Value::Text(name)) if name == ROOT || name == LASTING);
        let of_a_move = matches!(row.first(), Some(Value::Text(name)) if name == MOVED);
        (with_keys || !of_keys) && !of_a_move
    })
    .await?;
    if with_keys {
        done = carry_table(from, to, &truth::KEYS, (done, total), told, |_| true).await?;
    }
    done = carry_table(from, to, &truth::FORGOTTEN, (done, total), told, |_| true).await?;
    let folded = truth::HEADS.columns.iter().position(|(name, _)| *name == "folded");
    let unfolded = |row: &mut Vec<Value>| {
        if let Some(value) = folded.and_then(|folded| row.get_mut(folded)) {
            *value = Value::Bytes(Vec::new());
        }
        true
    };
    let before = done;
    done = carry_table(from, to, &truth::HEADS, (done, total), told, unfolded).await?;
    Ok(done - before)
}

/// Writes a table's rows that pass, as they are then; how many rows were carried so far.
async fn carry_table(
    from: &mut Snapshot,
    to: &mut Batch,
    table: &Truth,
    (mut done, total): (u64, u64),
    told: &mut (dyn FnMut(u64, u64) + Send),
    passes: impl Fn(&mut Vec<Value>) -> bool,
) -> Result<u64, Error> {
    let mut after: Option<Vec<Value>> = None;
    loop {
        let mut rows = from.truth(table, after.as_deref(), ROWS_AT_ONCE).await?;
        let Some(last) = rows.last() else { return Ok(done) };
        after = Some(last.iter().take(table.key).cloned().collect());
        done += rows.len() as u64;
        rows.retain_mut(&passes);
        to.put_truth(table, &rows).await?;
        told(done, total);
    }
}

/// Whom a snapshot shows to be forgotten.
pub(crate) async fn forgotten(from: &mut Snapshot) -> Result<Vec<Forgotten>, Error> {
    let (mut forgotten, mut after): (_, Option<Vec<Value>>) = (Vec::new(), None);
    loop {
        let rows = from.truth(&truth::FORGOTTEN, after.as_deref(), ROWS_AT_ONCE).await?;
        let Some(last) = rows.last() else { return Ok(forgotten) };
        after = Some(last.iter().take(truth::FORGOTTEN.key).cloned().collect());
        for row in &rows {
            forgotten
                .push(read(row).ok_or_else(|| Error::NotInOrder("it says nonsense of who was forgotten".to_owned()))?);
        }
    }
}

fn read(row: &[Value]) -> Option<Forgotten> {
    let [Value::Bytes(log), Value::Bytes(subject), Value::Int(seq), Value::Int(at)] = row else { return None };
    let (log, subject) = (log.as_slice().try_into().ok()?, subject.as_slice().try_into().ok()?);
    Some(Forgotten { log, subject, seq: u64::try_from(*seq).ok()?, at: *at })
}

/// A database holds no log.
pub(crate) async fn is_empty(batch: &mut Batch) -> Result<(), Error> {
    if batch.heads(None, 1).await?.is_empty() {
        return Ok(());
    }
    Err(Error::Refused("the database to write to holds logs already: name an empty one".to_owned()))
}

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// How many logs.
    pub logs: u64,
    /// How many events.
    pub events: u64,
}

/// Moves a whole database, keys and all, into an empty one. The source is kept from being written meanwhile; when the
/// target was verified and every log has the same root there, the source's heads are put aside, so that no process that
/// still runs over it appends to a log that goes on elsewhere.
///
/// The two cannot commit at once. So the target comes with a mark ([`ARRIVING`]) by which nobody serves it, and which is
/// removed when the source is out of use: at most one of them takes changes. Cut short anywhere, the move is repeated:
/// what has arrived is written anew, since the source may have gone on; where the source is out of use already, the mark
/// is all that is left to remove.
///
/// # Errors
/// [`Error::Refused`] where the target is neither empty nor what this source has begun to be moved to, and where the source
/// was moved elsewhere; [`Error::NotInOrder`] where a log is not what its checkpoints say.
/// Until the end of the copy nothing is in the target; what is wrong after it leaves the source as it was.
pub async fn move_to(from: &Store, to: &Store, now: Time, told: Told<'_>) -> Result<Moved, Error> {
    let (arriving, left) = (value(to, ARRIVING).await?, value(from, MOVED).await?);
    let moved = match left {
        None => leave(from, to, now, told).await?,
        // Each move has its own time.
        Some(left) if arriving.as_ref() == Some(&left) => arrived(to).await?,
        Some(_) => {
            return Err(Error::Refused("the database to move was moved already, and not to this one".to_owned()));
        }
    };
    let mut target = to.batch().await?;
    target.unset_meta(ARRIVING).await?;
    target.commit().await?;
    Ok(moved)
}

/// Takes a database into use that a move has left out of use, since the other one of the two is lost: the new one as it has
/// arrived, or the old one with its heads put back. What was appended to the other one alone is lost with it. Whoever served
/// that one again would go on from the same logs a second time.
///
/// # Errors
/// [`Error::Refused`] where no move has left it so; [`Error::NotInOrder`] where a log is not what its checkpoints say: a new
/// database is not taken into use then.
pub async fn settle(store: &Store) -> Result<Moved, Error> {
    if value(store, MOVED).await?.is_some() {
        let mut batch = store.batch().await?;
        batch.reinstate().await?;
        batch.unset_meta(MOVED).await?;
        batch.commit().await?;
        return arrived(store).await;
    }
    if value(store, ARRIVING).await?.is_none() {
        return Err(Error::Refused("no move has left this database out of use".to_owned()));
    }
    let found = arrived(store).await?;
    let mut batch = store.batch().await?;
    batch.unset_meta(ARRIVING).await?;
    batch.commit().await?;
    Ok(found)
}

/// A value of an installation.
async fn value(store: &Store, name: &str) -> Result<Option<Vec<u8>>, store::Error> {
    let mut snapshot = store.snapshot().await?;
    let value = snapshot.meta(name).await?;
    snapshot.close().await?;
    Ok(value)
}

/// Writes everything to the target and puts the source out of use: the target still bears its mark.
async fn leave(from: &Store, to: &Store, now: Time, told: Told<'_>) -> Result<Moved, Error> {
    if value(from, ARRIVING).await?.is_some() {
        let what = "the database to move is one that another move did not finish: repeat that one first";
        return Err(Error::Refused(what.to_owned()));
    }
    let mut source = from.batch().await?;
    source.lock_truth().await?;
    let mut target = to.batch().await?;
    may_be_written(&mut source, &mut target).await?;
    // A new database may have been begun with keys of its own, with which nothing was written yet.
    target.clear_truth().await?;
    carry(&mut source, &mut target, Keys::Carried, told).await?;
    target.set_meta(ARRIVING, &now.0.to_be_bytes()).await?;
    target.commit().await?;
    to.measure().await?;

    let moved = arrived(to).await?;
    let mut written = to.snapshot().await?;
    let mut after = None;
    loop {
        let heads = source.heads(after, 1_000).await?;
        let Some(last) = heads.last() else { break };
        after = Some(last.log);
        let ids: Vec<_> = heads.iter().map(|head| head.log).collect();
        let mut there = written.heads_of(&ids).await?.into_iter();
        for one in &heads {
            let differs =
                |other: store::Head| (one.log, one.seq, &one.frontier) != (other.log, other.seq, &other.frontier);
            if there.next().is_none_or(differs) {
                return Err(Error::NotInOrder(format!(
                    "{} has another root in the database that was written: repeat the move",
                    domain::id::text(&one.kind, uuid::Uuid::from_bytes(one.log))
                )));
            }
        }
    }
    written.close().await?;
    source.set_meta(MOVED, &now.0.to_be_bytes()).await?;
    source.retire().await?;
    source.commit().await?;
    Ok(moved)
}

/// The target holds no log; or what this source has brought before, and nobody has written to it since.
async fn may_be_written(source: &mut Batch, target: &mut Batch) -> Result<(), Error> {
    if target.meta(ARRIVING).await?.is_none() {
        return is_empty(target).await;
    }
    let mut after = None;
    loop {
        let heads = target.heads(after, 1_000).await?;
        let Some(last) = heads.last() else { return Ok(()) };
        after = Some(last.log);
        let ids: Vec<_> = heads.iter().map(|head| head.log).collect();
        let here = source.heads_of(&ids).await?;
        if !heads.iter().all(|head| here.iter().any(|it| it.log == head.log && it.seq >= head.seq)) {
            let what = "the database to write to holds what was moved there from another one: repeat that move, or name \
                        an empty one";
            return Err(Error::Refused(what.to_owned()));
        }
    }
}

/// What is in the target, verified.
async fn arrived(to: &Store) -> Result<Moved, Error> {
    let verified = crate::verify::verify(to, None, None, &[], &mut ()).await?;
    if let Some(finding) = verified.finding {
        return Err(Error::NotInOrder(format!("{finding}, in the database that was moved")));
    }
    let mut written = to.snapshot().await?;
    let logs = super::logs(&mut written).await?.len() as u64;
    written.close().await?;
    Ok(Moved { logs, events: verified.events })
}
