//! Whose hands the wrapped keys are in: what replacing a root key needs.
//!
//! A value of the installation names the root key that wraps new keys. Whoever makes a key holds that value
//! ([`Batch::hold_meta`]) until it has committed; whoever changes the value waits for all of them
//! ([`Batch::lock_meta`]). So after a change no key comes that was wrapped by the value of before, and what is still
//! wrapped so can be counted down to nothing.

use crate::batch::Batch;
use crate::error::Error;
use crate::log::Key;
use crate::snapshot::{NOBODY, Snapshot, key_of};
use crate::statement::{Bind, Statement};
use crate::store::Database;
use crate::value::Id;

/// The number of the lock over values of the installation (the letters `tl-meta\0`).
const META: i64 = 0x746c_2d6d_6574_6100;

/// Where a key stands among all: log, subject, owner, generation.
pub type KeyOrder = (Id, Id, Option<Id>, u32);

impl Snapshot {
    /// How many keys each root key wraps.
    pub async fn keys_by_root(&mut self) -> Result<Vec<([u8; 32], u64)>, Error> {
        let rows = self.ask("select root, count(*) from keys group by root order by root", &[]).await?;
        rows.iter().map(|row| Ok((row.array(0)?, row.count(1)?))).collect()
    }

    /// All keys in their order, those after `after`.
    pub async fn keys_after(&mut self, after: Option<KeyOrder>, limit: u32) -> Result<Vec<Key>, Error> {
        // No key says that it is wrapped with nothing.
        self.keys_of_other_roots(&[], after, limit).await
    }

    /// Keys that another root key wraps than this one, in their order, those after `after`.
    pub async fn keys_of_other_roots(
        &mut self,
        root: &[u8],
        after: Option<KeyOrder>,
        limit: u32,
    ) -> Result<Vec<Key>, Error> {
        let mut statement = Statement::new(self.database());
        statement.push("select log_id, subject, owner, generation, root, wrapped, commitment, at, since from keys");
        statement.push(" where root <> ").bind(Bind::Bytes(root))?;
        if let Some((log, subject, owner, generation)) = after {
            statement.push(" and (log_id, subject, owner, generation) > (").bind(Bind::Bytes(&log))?;
            statement.push(", ").bind(Bind::Bytes(&subject))?;
            statement.push(", ").bind(Bind::Bytes(owner.as_ref().unwrap_or(&NOBODY)))?;
            statement.push(", ").bind(Bind::Int(generation.into()))?.push(")");
        }
        statement.push(" order by log_id, subject, owner, generation limit ").bind(Bind::Int(limit.into()))?;
        self.door.fetch(statement).await?.iter().map(key_of).collect()
    }
}

impl Batch {
    /// A value of this installation, which stays as it is until this transaction ends.
    pub async fn hold_meta(&mut self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.take_meta("select pg_advisory_xact_lock_shared(?)").await?;
        self.meta(key).await
    }

    /// Waits for everybody who holds a value of this installation, and keeps others from it until this transaction ends.
    pub async fn lock_meta(&mut self) -> Result<(), Error> {
        self.take_meta("select pg_advisory_xact_lock(?)").await
    }

    /// Removes a value of this installation.
    pub async fn unset_meta(&mut self, key: &str) -> Result<(), Error> {
        self.change("delete from meta where key = ?", &[Bind::Text(key)]).await.map(drop)
    }

    /// Removes every value of this installation.
    pub async fn clear_meta(&mut self) -> Result<(), Error> {
        self.change("delete from meta", &[]).await.map(drop)
    }

    /// On SQLite whoever writes is alone.
    async fn take_meta(&mut self, how: &'static str) -> Result<(), Error> {
        if self.database() == Database::Postgres {
            self.door.fetch(Statement::fixed(Database::Postgres, how, &[Bind::Int(META)])?).await?;
        }
        Ok(())
    }

    /// Replaces how a key is wrapped, if it is still there and wrapped with `root`; whether it was.
    pub async fn rewrap_key(&mut self, rewrapped: &Key, root: &[u8; 32]) -> Result<bool, Error> {
        let text = "update keys set root = ?, wrapped = ? \
                    where log_id = ? and subject = ? and owner = ? and generation = ? and root = ?";
        let binds = [
            Bind::Bytes(&rewrapped.root),
            Bind::Bytes(&rewrapped.wrapped),
            Bind::Bytes(&rewrapped.log),
            Bind::Bytes(&rewrapped.subject),
            Bind::Bytes(rewrapped.owner.as_ref().unwrap_or(&NOBODY)),
            Bind::Int(rewrapped.generation.into()),
            Bind::Bytes(root),
        ];
        Ok(self.change(text, &binds).await? > 0)
    }
}
