//! The root keys that a process holds: one, and while it is being replaced two.
//!
//! The database names the root key that wraps new keys, and each wrapped key the one that wraps it. So a process that
//! holds both reads everything at every moment of a rotation, and it does not matter which it holds first. A key that is
//! not held is looked for in the files whenever something names it: a server that runs takes it up without being started
//! again.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{Error, RootId, RootKey};

/// The root keys that are held.
pub struct Roots {
    held: RwLock<Vec<Arc<RootKey>>>,
    files: Vec<PathBuf>,
}

impl Roots {
    /// This root key, and those in these files, which need not be there.
    ///
    /// # Errors
    /// Those of [`RootKey::load`].
    pub fn open(root: RootKey, files: Vec<PathBuf>) -> Result<Roots, Error> {
        let roots = Roots { held: RwLock::new(vec![Arc::new(root)]), files };
        roots.look()?;
        Ok(roots)
    }

    /// The first one: with it a database begins.
    ///
    /// # Errors
    /// None: there is one always; the signature spares a panic.
    pub fn first(&self) -> Result<Arc<RootKey>, Error> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).first().cloned().ok_or(Error::UnknownRoot)
    }

    /// The one of this id.
    ///
    /// # Errors
    /// [`Error::UnknownRoot`] where it is not held and none of the files holds it; what keeps a file from being read.
    pub fn get(&self, id: &RootId) -> Result<Arc<RootKey>, Error> {
        if let Some(root) = self.held(id) {
            return Ok(root);
        }
        self.look()?;
        self.held(id).ok_or(Error::UnknownRoot)
    }

    fn held(&self, id: &RootId) -> Option<Arc<RootKey>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).iter().find(|root| root.id() == id).cloned()
    }

    /// Looks for root keys in the files.
    fn look(&self) -> Result<(), Error> {
        for file in &self.files {
            let Some(root) = RootKey::load(file)? else { continue };
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            if held.iter().all(|known| known.id() != root.id()) {
                held.push(Arc::new(root));
            }
        }
        Ok(())
    }
}

impl From<RootKey> for Roots {
    /// This root key, and no other will come.
    fn from(root: RootKey) -> Roots {
        Roots { held: RwLock::new(vec![Arc::new(root)]), files: Vec::new() }
    }
}

impl std::fmt::Debug for Roots {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Roots(…)")
    }
}
