//! The Merkle tree over a log's records, and proofs from it (RFC 6962, section 2). Holds the tree's right edge, to
//! which appending needs nothing else; the plans of inclusion and consistency proofs; and their verification.
//!
//! # The tree
//!
//! A leaf is the hash of one record, a node the hash of its two children; the prefixes 0x00 and 0x01 keep a record from
//! passing for a node. A tree of `n` leaves splits at the largest power of two below `n`, so all of it but the right
//! edge consists of perfect subtrees that never change again. The *frontier* is the list of the perfect subtrees that
//! a tree of `n` leaves falls into, largest first: one for every bit that is set in `n`. Appending is binary
//! addition, the hashes being the carries; it costs two hashes on average and 63 at worst, and stores at most 2 KiB.
//!
//! # What is kept
//!
//! The store has the leaf hashes (level 0, one an event) and the roots of complete 256-leaf subtrees (level 8). Every
//! subtree that a proof names begins at a multiple of its own width rounded up to a power of two, so it is whole
//! level-8 nodes and, at the right edge, fewer than 256 leaves. A proof over a million events thus reads at most
//! 4096 kept nodes and 510 leaves instead of a million leaves. A [`Plan`] says which, before anything is read.
//!
//! # What a proof shows
//!
//! Whoever holds a root (a signed checkpoint) can be shown that a record is in the log (*inclusion*), and that a later
//! root continues an earlier one (*consistency*): nothing in it was changed, dropped, inserted or put in another order.
//! Erasing a text does not break a proof, for the leaf is the hash of the record as it lies, sealed.

use std::ops::Range;

use sha2::{Digest, Sha256};

/// SHA-256, of a leaf, a node or a whole tree.
pub type Hash = [u8; 32];

/// The level of the kept subtrees: 2⁸ = 256 leaves each.
pub const KEPT_LEVEL: u8 = 8;
const KEPT_LEAVES: u64 = 1 << KEPT_LEVEL;

/// The most leaves of a tree: what the database's signed 64-bit column holds.
pub const SIZE_MAX: u64 = i64::MAX as u64;

/// Why there is no proof, or why one does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Stored bytes are no frontier.
    #[error("{bytes} bytes are not the right edge of a tree; the head row was damaged: restore it, or run verify")]
    NoFrontier {
        /// How many bytes there are.
        bytes: usize,
    },
    /// There is no such leaf, or no such earlier tree.
    #[error("there is no {asked} in a tree of {size} leaves")]
    OutOfRange {
        /// The leaf's index, or the earlier tree's size.
        asked: u64,
        /// The leaves of the tree.
        size: u64,
    },
    /// The source lacks a node that the plan named.
    #[error("the tree lacks node {position} of level {level}: rows of the log are missing")]
    Missing {
        /// 0 for leaves, [`KEPT_LEVEL`] for kept subtrees.
        level: u8,
        /// Counted from the left, from 0.
        position: u64,
    },
    /// The proof does not lead to the root.
    #[error("the proof does not hold: this is not the history that was signed")]
    DoesNotHold,
}

/// The hash of a leaf: SHA-256(0x00 ‖ record).
pub fn leaf_hash(record: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(record).finalize().into()
}

/// The hash of a node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The right edge of a tree: all that appending needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The roots of the perfect subtrees, largest first: as many as `size` has bits set.
    edge: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Frontier {
        Frontier::default()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. Gives the root of a 256-leaf subtree when this leaf completes one: node `size() / 256 - 1` of
    /// [`KEPT_LEVEL`], to be kept.
    pub fn push(&mut self, leaf: Hash) -> Option<Hash> {
        self.add(0, leaf)
    }

    /// The root of the tree; of the empty tree, the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.edge.iter().rev();
        let Some(last) = smallest_first.next() else { return Sha256::digest([]).into() };
        smallest_first.fold(*last, |right, left| node_hash(left, &right))
    }

    /// The bytes that [`Frontier::decode`] reads: the size in eight bytes, big end first, and each hash of the edge.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 32 * self.edge.len());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.extend(self.edge.iter().flatten());
        bytes
    }

    /// Reads what [`Frontier::encode`] wrote. Total: any bytes are taken.
    ///
    /// # Errors
    /// [`Error::NoFrontier`] when the number of hashes does not follow from the size, or the size is too large.
    pub fn decode(bytes: &[u8]) -> Result<Frontier, Error> {
        let malformed = Error::NoFrontier { bytes: bytes.len() };
        let Some((size, hashes)) = bytes.split_first_chunk() else { return Err(malformed) };
        let size = u64::from_be_bytes(*size);
        let (edge, rest) = hashes.as_chunks();
        if size > SIZE_MAX || !rest.is_empty() || edge.len() != size.count_ones() as usize {
            return Err(malformed);
        }
        Ok(Frontier { size, edge: edge.to_vec() })
    }

    /// Appends a perfect subtree of 2^`level` leaves to a tree whose size is a multiple of that.
    fn add(&mut self, level: u8, root: Hash) -> Option<Hash> {
        let (mut carry, mut level, mut kept) = (root, level, None);
        self.size += 1 << level;
        // As in binary addition: while the bit was set before, the carry swallows its subtree and moves a bit up.
        while (self.size >> level) & 1 == 0
            && let Some(left) = self.edge.pop()
        {
            carry = node_hash(&left, &carry);
            level += 1;
            if level == KEPT_LEVEL {
                kept = Some(carry);
            }
        }
        self.edge.push(carry);
        kept
    }
}

/// The hashes that are stored of a tree.
pub trait Source {
    /// The hash of node `position`, counted from the left from 0: at level 0 a leaf, at [`KEPT_LEVEL`] a kept
    /// subtree. No other level is asked for.
    fn node(&self, level: u8, position: u64) -> Option<Hash>;
}

/// Nodes that lie side by side in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes {
    /// 0 for leaves, [`KEPT_LEVEL`] for kept subtrees.
    pub level: u8,
    /// Counted from the left, from 0.
    pub positions: Range<u64>,
}

/// A proof before its hashes are known: the subtrees that it names, each as the leaves it spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Vec<Range<u64>>);

impl Plan {
    /// The proof that leaf `index` is in the tree of `size` leaves (RFC 6962, section 2.1.1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`].
    pub fn inclusion(index: u64, size: u64) -> Result<Plan, Error> {
        if index >= size || size > SIZE_MAX {
            return Err(Error::OutOfRange { asked: index, size });
        }
        let (mut tree, mut spans) = (0..size, Vec::new());
        while tree.end - tree.start > 1 {
            let (left, right) = split(&tree);
            let beside;
            (tree, beside) = if index < right.start { (left, right) } else { (right, left) };
            spans.push(beside);
        }
        spans.reverse();
        Ok(Plan(spans))
    }

    /// The proof that the tree of `new` leaves continues the one of `old` (RFC 6962, section 2.1.2). It is empty if
    /// they are the same or the old one is empty.
    ///
    /// # Errors
    /// [`Error::OutOfRange`].
    pub fn consistency(old: u64, new: u64) -> Result<Plan, Error> {
        if old > new || new > SIZE_MAX {
            return Err(Error::OutOfRange { asked: old, size: new });
        }
        let (mut tree, mut spans) = (0..new, Vec::new());
        if old == 0 {
            return Ok(Plan(spans));
        }
        while tree.end != old {
            let (left, right) = split(&tree);
            let beside;
            (tree, beside) = if old <= right.start { (left, right) } else { (right, left) };
            spans.push(beside);
        }
        // Where the old tree ends in a subtree of the new one; if that is all of the old tree, its root is known.
        if tree.start != 0 {
            spans.push(tree);
        }
        spans.reverse();
        Ok(Plan(spans))
    }

    /// The nodes to load for this proof, ascending in each level.
    pub fn nodes(&self) -> Vec<Nodes> {
        let mut nodes: Vec<_> = self.0.iter().flat_map(stored).filter(|nodes| !nodes.positions.is_empty()).collect();
        nodes.sort_by_key(|nodes| (nodes.level, nodes.positions.start));
        nodes
    }

    /// The proof, from the nodes that were loaded.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn prove(&self, source: &impl Source) -> Result<Vec<Hash>, Error> {
        self.0.iter().map(|span| subtree(span, source)).collect()
    }
}

/// The proof that leaf `index` is in the tree of `size` leaves: at most 63 hashes, nearest first.
///
/// # Errors
/// [`Error::OutOfRange`] and [`Error::Missing`].
pub fn inclusion(index: u64, size: u64, source: &impl Source) -> Result<Vec<Hash>, Error> {
    Plan::inclusion(index, size)?.prove(source)
}

/// The proof that the tree of `new` leaves continues the one of `old`: at most 64 hashes.
///
/// # Errors
/// [`Error::OutOfRange`] and [`Error::Missing`].
pub fn consistency(old: u64, new: u64, source: &impl Source) -> Result<Vec<Hash>, Error> {
    Plan::consistency(old, new)?.prove(source)
}

/// The two subtrees of a tree of more than one leaf: the left one is the largest power of two that leaves something.
fn split(tree: &Range<u64>) -> (Range<u64>, Range<u64>) {
    let middle = tree.start + (1 << (tree.end - tree.start - 1).ilog2());
    (tree.start..middle, middle..tree.end)
}

/// What the store has of a subtree: its kept subtrees, and the leaves to the right of them.
fn stored(span: &Range<u64>) -> [Nodes; 2] {
    let kept = span.start.div_ceil(KEPT_LEAVES)..span.end / KEPT_LEAVES;
    // A subtree below 256 leaves may begin anywhere, and has no kept one in it.
    let leaves = if kept.is_empty() { span.clone() } else { kept.end * KEPT_LEAVES..span.end };
    [Nodes { level: KEPT_LEVEL, positions: kept }, Nodes { level: 0, positions: leaves }]
}

/// The root of a subtree, from what is stored of it.
fn subtree(span: &Range<u64>, source: &impl Source) -> Result<Hash, Error> {
    let mut frontier = Frontier::new();
    for Nodes { level, positions } in stored(span) {
        for position in positions {
            frontier.add(level, source.node(level, position).ok_or(Error::Missing { level, position })?);
        }
    }
    Ok(frontier.root())
}

/// Checks that `leaf` is number `index` of the tree of `size` leaves whose root is `root` (RFC 9162, section 2.1.3.2).
///
/// # Errors
/// [`Error::OutOfRange`] when there is no such leaf, [`Error::DoesNotHold`] otherwise.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), Error> {
    if index >= size {
        return Err(Error::OutOfRange { asked: index, size });
    }
    // The place of the node reached so far in its level, and of the level's last node.
    let (mut place, mut last, mut reached) = (index, size - 1, *leaf);
    for beside in proof {
        if last == 0 {
            return Err(Error::DoesNotHold);
        }
        if place & 1 == 1 || place == last {
            reached = node_hash(beside, &reached);
            // The last node of a level without a partner is the same node in the levels above.
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            reached = node_hash(&reached, beside);
        }
        place >>= 1;
        last >>= 1;
    }
    holds(last == 0 && reached == *root)
}

/// Checks that the tree of `new` leaves and root `new_root` continues the one of `old` leaves and root `old_root`
/// (RFC 9162, section 2.1.4.2).
///
/// # Errors
/// [`Error::OutOfRange`] when the old tree is the larger one, [`Error::DoesNotHold`] otherwise.
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> Result<(), Error> {
    if old > new {
        return Err(Error::OutOfRange { asked: old, size: new });
    }
    if old == new {
        return holds(proof.is_empty() && old_root == new_root);
    }
    if old == 0 {
        return holds(proof.is_empty() && *old_root == Frontier::new().root());
    }
    if proof.is_empty() {
        return Err(Error::DoesNotHold);
    }
    // An old tree that is perfect is itself the first node, and the proof leaves it out.
    let (first, rest) = if old.is_power_of_two() { (old_root, proof) } else { (&proof[0], &proof[1..]) };
    let lone = (old - 1).trailing_ones();
    let (mut place, mut last) = ((old - 1) >> lone, (new - 1) >> lone);
    let (mut old_reached, mut new_reached) = (*first, *first);
    for beside in rest {
        if last == 0 {
            return Err(Error::DoesNotHold);
        }
        if place & 1 == 1 || place == last {
            old_reached = node_hash(beside, &old_reached);
            new_reached = node_hash(beside, &new_reached);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new_reached = node_hash(&new_reached, beside);
        }
        place >>= 1;
        last >>= 1;
    }
    holds(last == 0 && old_reached == *old_root && new_reached == *new_root)
}

fn holds(it_does: bool) -> Result<(), Error> {
    if it_does { Ok(()) } else { Err(Error::DoesNotHold) }
}

#[cfg(test)]
mod tests;
