//! Replacing the root key, while everything goes on.
//!
//! # How
//!
//! 1. In one transaction the database names the new root key as the one that wraps, and the lasting key is wrapped with
//!    it. Whoever makes a key holds that name until it has committed (`store::Batch::hold_meta`), so from here on no key
//!    comes that the old root key wraps.
//! 2. What the old one wraps is wrapped anew, a bounded chunk a transaction, until nothing is left. A key that was
//!    destroyed meanwhile stays destroyed: keys are changed where they are, never written again.
//! 3. Only then may the old root key go.
//!
//! Nothing that was sealed is touched: data keys stay the same and are wrapped differently. A process that holds both root
//! keys reads everything at every moment, since each wrapped key names its root key; one that holds the old one only is
//! unavailable for what it cannot read, and loses nothing.
//!
//! # Why a crash anywhere is safe
//!
//! Each step is a transaction, and what is left to do is what the stored keys say themselves: begun again, it goes on.

use store::Store;
use vault::{Entropy, RootKey, Roots};

use crate::{Error, keys};

/// How many keys one transaction wraps anew.
const KEYS_AT_ONCE: u32 = 256;

/// How far it is: keys wrapped anew, and how many were left at the beginning.
pub type Told<'t> = &'t mut (dyn FnMut(u64, u64) + Send);

/// Makes `to` the root key of a database; how many keys were wrapped anew. `roots` holds it and the one before.
///
/// # Errors
/// [`Error::Unavailable`] where something is wrapped with a root key that is not held; what the store cannot do.
pub async fn rotate(
    store: &Store,
    roots: &Roots,
    to: &RootKey,
    entropy: &dyn Entropy,
    told: Told<'_>,
) -> Result<u64, Error> {
    name(store, roots, to, entropy).await?;
    let (total, mut done, mut after) = (left(store, to).await?, 0, None);
    loop {
        let mut batch = store.batch().await?;
        let chunk = batch.keys_of_other_roots(to.id(), after, KEYS_AT_ONCE).await?;
        let Some(last) = chunk.last() else {
            batch.rollback().await?;
            break;
        };
        after = Some((last.log, last.subject, last.owner, last.generation));
        for key in &chunk {
            let (place, wrapped) = keys::wrapped(key);
            let new = roots.get(&key.root)?.log(key.log).rewrap(&place, &wrapped, &to.log(key.log), entropy)?;
            let rewrapped = store::Key { root: new.root, wrapped: new.wrapped, ..key.clone() };
            done += u64::from(batch.rewrap_key(&rewrapped, &key.root).await?);
        }
        batch.commit().await?;
        told(done, total);
        // Whoever waits to write goes first.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    if left(store, to).await? > 0 {
        return Err(Error::internal("keys are left that another root key wraps: run it again"));
    }
    Ok(done)
}

/// The database names the new root key, and the lasting key is wrapped with it.
async fn name(store: &Store, roots: &Roots, to: &RootKey, entropy: &dyn Entropy) -> Result<(), Error> {
    let lasting = keys::lasting(store, roots, entropy).await?;
    let mut batch = store.batch().await?;
    batch.lock_meta().await?;
    if batch.meta(keys::ROOT).await?.as_deref() == Some(to.id()) {
        return Ok(batch.rollback().await?);
    }
    batch.set_meta(keys::ROOT, to.id()).await?;
    batch.set_meta(keys::LASTING, &to.wrap_lasting(&lasting, entropy)?).await?;
    Ok(batch.commit().await?)
}

/// How many keys another root key wraps than this one.
async fn left(store: &Store, root: &RootKey) -> Result<u64, Error> {
    let mut snapshot = store.snapshot().await?;
    let by_root = snapshot.keys_by_root().await?;
    snapshot.close().await?;
    Ok(by_root.iter().filter(|(id, _)| id != root.id()).map(|(_, keys)| keys).sum())
}
