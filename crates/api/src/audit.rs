//! The record's proofs, for those who review it: signed checkpoints, that an entry is in the log which one signs, and that
//! a later log continues an earlier one (promises R1, R2); of what was changed, and of who read.
//!
//! Whoever has a portal sees the checkpoints: they say how long the log is, and nothing of what is in it. A proof is of an
//! entry that the viewer may review, and carries its record as it lies in the log, sealed (decision 0030). What they may
//! not review is not found, whether it is there or not.

use app::View;
use app::proof::base64;
use app::view::Kept;
use async_graphql::{Enum, Object, SimpleObject};
use domain::value::Time;

use crate::scalars::{DateTime, Position};
use crate::words::{Result, error};

/// Which of a practice's two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Kept", name = "AuditedLog")]
pub(crate) enum AuditedLog {
    /// Who changed what: what `activityLog` shows.
    #[graphql(name = "ACTIVITY")]
    Changes,
    /// Who read what: what `accessLog` shows.
    #[graphql(name = "ACCESS")]
    Readings,
}

/// A signed checkpoint of a log.
#[derive(SimpleObject)]
pub(crate) struct AuditHead {
    /// The signed note, as `c2sp.org/tlog-checkpoint` says: keep it, and nobody can give you another history later.
    checkpoint: String,
    /// How many entries the log had.
    size: i32,
    /// The root of its tree (RFC 6962), in base64.
    root: String,
    /// When it was signed.
    signed_at: DateTime,
    /// The public key with which this server signs now, for `throughline verify --key`. Compare it once with the one that
    /// the operator gave you on another way.
    key: Option<String>,
}

/// That an entry is in the log. Saved as it comes, `throughline verify --proof` verifies it without the server.
#[derive(SimpleObject)]
pub(crate) struct AuditProof {
    /// The entry's position.
    position: Position,
    /// Its record as it is in the log, byte for byte; texts in it are sealed.
    record: String,
    /// The record's leaf hash (RFC 6962), in base64.
    leaf_hash: String,
    /// The proof, with the checkpoint that it leads to, as `c2sp.org/tlog-proof` says; at most 2 KiB.
    proof: String,
}

/// That a larger log continues a smaller one: nothing in it was changed, left out, put in or put in another order.
#[derive(SimpleObject)]
pub(crate) struct AuditConsistency {
    /// The smaller log's size.
    from: i32,
    /// The larger log's size.
    to: i32,
    /// The hashes (RFC 6962, section 2.1.2), in base64.
    hashes: Vec<String>,
}

/// The proofs of a portal.
pub(crate) struct Proofs(pub(crate) View);

fn size(of: u64) -> Result<i32> {
    i32::try_from(of).map_err(|_| error(app::Error::internal("a log is longer than GraphQL's numbers")))
}

#[Object]
impl Proofs {
    /// The newest signed checkpoint of one of the practice's logs; nothing where none was signed yet. A log is signed
    /// about once a minute while something changes.
    #[graphql(complexity = "10 + child_complexity")]
    async fn audit_head(
        &self,
        #[graphql(default_with = "AuditedLog::Changes")] log: AuditedLog,
    ) -> Result<Option<AuditHead>> {
        let Some(head) = self.0.audit_head(log.into()).await.map_err(error)? else { return Ok(None) };
        Ok(Some(AuditHead {
            checkpoint: head.note,
            size: size(head.seq)?,
            root: base64(&head.root),
            signed_at: DateTime(Time(head.at)),
            key: self.0.app().public_key(),
        }))
    }

    /// The proof that an entry of the viewer's activity log, or of their access log, named by its position there, is in the
    /// log that the newest checkpoint signs; nothing where no checkpoint covers it yet.
    #[graphql(complexity = "100 + child_complexity")]
    async fn audit_proof(
        &self,
        #[graphql(default_with = "AuditedLog::Changes")] log: AuditedLog,
        position: Position,
    ) -> Result<Option<AuditProof>> {
        let (of, seq) = (log.into(), position.0);
        let record = self.0.record(of, seq).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        let proof = self.0.inclusion(of, seq).await.map_err(error)?;
        Ok(proof.map(|proof| AuditProof { position, record, leaf_hash: base64(&proof.leaf), proof: proof.text() }))
    }

    /// The proof that the log of `to` entries continues the log of `from` entries: the sizes that two checkpoints say.
    /// `to` is the newest checkpoint's where it is left out.
    #[graphql(complexity = "100 + child_complexity")]
    async fn audit_consistency(
        &self,
        #[graphql(default_with = "AuditedLog::Changes")] log: AuditedLog,
        from: u32,
        to: Option<u32>,
    ) -> Result<AuditConsistency> {
        let of = log.into();
        let to = match to {
            Some(to) => u64::from(to),
            None => self.0.audit_head(of).await.map_err(error)?.map_or(0, |head| head.seq),
        };
        let hashes = self.0.consistency(of, from.into(), to).await.map_err(error)?;
        Ok(AuditConsistency { from: size(from.into())?, to: size(to)?, hashes: hashes.iter().map(base64).collect() })
    }
}
