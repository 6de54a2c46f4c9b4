//! The files' place: whether it can be written, and whether it is the one that the database's other servers write.

use app::files::belong_together;
use store::{Database, Objects, Shelf, Snapshot};

use super::Finding;
use crate::error::Error;
use crate::files::{self, Place};
use crate::settings::Settings;

const WHAT: &str = "files' place";
/// The object that is written to see whether one can be, and removed again.
const PROBE: &str = "probe";

/// Whether it can be written; nothing is left there. Gives it, where it can be read.
pub(super) async fn reachable(settings: &Settings) -> (Option<Objects>, Finding) {
    if let Place::Folder(path) = Place::of(&settings.files)
        && matches!(path.try_exists(), Ok(false))
    {
        let said = format!("{} is not there yet; it is made at the first start", path.display());
        return (None, Finding::fine(WHAT, said));
    }
    let objects = match files::named(settings) {
        Ok(objects) => objects,
        Err(error) => return (None, Finding::problem(WHAT, error)),
    };
    let place = objects.shelf().to_string();
    let tried = async {
        objects.put(PROBE, "probe").await?;
        let read = objects.get(PROBE).await?;
        objects.remove(PROBE).await?;
        Ok::<bool, store::Error>(read.is_some_and(|read| read == "probe"))
    };
    let finding = match tried.await {
        Ok(true) => Finding::fine(WHAT, format!("{place} can be written and read")),
        Ok(false) => Finding::problem(WHAT, format!("{place} does not give back what was written: see its rules")),
        Err(error) => Finding::problem(WHAT, format!("{place}: {error}; check the setting `files` and its rights")),
    };
    (Some(objects), finding)
}

/// Whether it belongs to the database, and is shared where servers share that.
pub(super) async fn belongs(
    snapshot: &mut Snapshot,
    objects: &Objects,
    database: Database,
) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    let together = match belong_together(snapshot, objects).await {
        Ok(together) => together,
        // That it cannot be reached was said.
        Err(store::Error::Objects(_)) => return Ok(found),
        Err(error) => return Err(error.into()),
    };
    match together {
        None => {}
        Some(true) => found.push(Finding::fine("files and database", "they belong together")),
        Some(false) => found.push(Finding::problem(
            "files and database",
            format!(
                "{} is not where this database's servers write files: copy what is there, or name the place that they all share in `files`",
                objects.shelf()
            ),
        )),
    }
    if database == Database::Postgres && matches!(objects.shelf(), Shelf::Folder(_)) {
        found.push(Finding::hint(
            "files' place",
            "a folder: where several servers share the database, all must have the same one mounted, or a bucket (`files`)",
        ));
    }
    Ok(found)
}

/// Whether the folder that is not there is one in which this database's servers keep files: they gave it a name when they
/// began.
pub(super) async fn lost(snapshot: &mut Snapshot, settings: &Settings) -> Result<Option<Finding>, Error> {
    let Some(path) = Place::of(&settings.files).folder().filter(|path| matches!(path.try_exists(), Ok(false))) else {
        return Ok(None);
    };
    // As in a place in which nothing lies.
    let together = belong_together(snapshot, &Objects::memory()).await?;
    Ok((together == Some(false)).then(|| {
        Finding::problem(
            "files and database",
            format!(
                "{} is not there, and this database's servers have kept files: restore it from its copy, or name the place where they are in `files`; a start would begin an empty one",
                path.display()
            ),
        )
    }))
}
