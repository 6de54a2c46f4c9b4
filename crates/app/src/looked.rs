//! Under which sight an answer was made, for whoever holds it back for a while: a client that reads slowly is told nothing
//! that has left its sight meanwhile (promise A4).
//!
//! Each [`Reader`](crate::Reader) notes how it looked. A watch notes how it looked last: what it told before has been
//! passed on by then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::id::LogId;
use domain::sight::Scope;

use crate::view::side;
use crate::{App, Error};

/// How the practices were looked at that an answer shows something of. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Looked(Arc<Mutex<Vec<Look>>>);

/// A sight, and the position at which it was the viewer's.
#[derive(Debug, Clone)]
struct Look {
    scope: Arc<Scope>,
    position: u64,
}

impl Looked {
    /// And so, where this portal was not looked through before: what was seen first was seen longest ago.
    pub(crate) fn add(&self, scope: &Arc<Scope>, position: u64) {
        let mut looks = self.looks();
        let portal = |scope: &Scope| (scope.practice, scope.side.portal());
        if !looks.iter().any(|look| portal(&look.scope) == portal(scope)) {
            looks.push(Look { scope: scope.clone(), position });
        }
    }

    /// So, and no longer as before.
    pub(crate) fn renew(&self, scope: &Arc<Scope>, position: u64) {
        let mut looks = self.looks();
        looks.clear();
        looks.push(Look { scope: scope.clone(), position });
    }

    fn looks(&self) -> MutexGuard<'_, Vec<Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Asks whether who looked so sees the same now, and nobody was forgotten since.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where a portal is theirs no more; [`Error::Again`] where their sight is another one, or somebody
    /// was forgotten.
    pub async fn still_sees(&self, looked: &Looked) -> Result<(), Error> {
        let looks = looked.looks().clone();
        for Look { scope, position } in looks {
            let mut snapshot = self.snapshot_under(&scope).await?;
            let forgotten = snapshot.newest_forgotten(LogId::Practice(scope.practice).uuid().into_bytes()).await?;
            snapshot.close().await?;
            if forgotten > position {
                return Err(Error::Again);
            }
        }
        Ok(())
    }

    /// A snapshot of a practice, in which this scope is still its viewer's.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the portal is theirs no more; [`Error::Again`] where their sight is another one.
    pub(crate) async fn snapshot_under(&self, scope: &Scope) -> Result<store::Snapshot, Error> {
        let Scope { person, practice, .. } = *scope;
        let (mut snapshot, _) = self.snapshot_of(LogId::Practice(practice)).await?.ok_or(Error::NotFound)?;
        let side = side(&self.inner, &mut snapshot, practice, person, scope.side.portal()).await?;
        if side.as_ref() == Some(&scope.side) {
            return Ok(snapshot);
        }
        snapshot.close().await?;
        Err(if side.is_none() { Error::Forbidden } else { Error::Again })
    }
}
