//! The tree against published values, and against the definition of RFC 6962 in its own words.

use std::cell::RefCell;

use proptest::prelude::*;

use super::*;

/// What the store would have of a log: every leaf, and what [`Frontier::push`] gave to keep.
#[derive(Default)]
struct Stored {
    leaves: Vec<Hash>,
    kept: Vec<Hash>,
    frontier: Frontier,
    asked: RefCell<Vec<(u8, u64)>>,
}

impl Stored {
    fn of(records: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Stored {
        let mut stored = Stored::default();
        for record in records {
            let leaf = leaf_hash(record.as_ref());
            stored.leaves.push(leaf);
            let kept = stored.frontier.push(leaf);
            assert_eq!(kept.is_some(), stored.leaves.len().is_multiple_of(256));
            stored.kept.extend(kept);
        }
        stored
    }

    fn numbered(size: u64) -> Stored {
        Stored::of((0..size).map(u64::to_be_bytes))
    }
}

impl Source for Stored {
    fn node(&self, level: u8, position: u64) -> Option<Hash> {
        self.asked.borrow_mut().push((level, position));
        let nodes = match level {
            0 => &self.leaves,
            KEPT_LEVEL => &self.kept,
            _ => panic!("level {level} is not kept"),
        };
        nodes.get(usize::try_from(position).unwrap()).copied()
    }
}

/// MTH of RFC 6962, section 2.1, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// The largest power of two below `size`.
fn naive_split(size: usize) -> usize {
    (0..usize::BITS).map(|bit| 1 << bit).take_while(|power| *power < size).last().unwrap()
}

/// PATH of RFC 6962, section 2.1.1.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return vec![];
    }
    let (left, right) = leaves.split_at(naive_split(leaves.len()));
    let (mut path, beside) = if index < left.len() {
        (naive_path(index, left), right)
    } else {
        (naive_path(index - left.len(), right), left)
    };
    path.push(naive_root(beside));
    path
}

/// SUBPROOF of RFC 6962, section 2.1.2; `known` says that the old root is this subtree's.
fn naive_subproof(old: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if known { vec![] } else { vec![naive_root(leaves)] };
    }
    let (left, right) = leaves.split_at(naive_split(leaves.len()));
    let (mut proof, beside) = if old <= left.len() {
        (naive_subproof(old, left, known), right)
    } else {
        (naive_subproof(old - left.len(), right, false), left)
    };
    proof.push(naive_root(beside));
    proof
}

fn hash(hex: &str) -> Hash {
    std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
}

/// The eight leaves with which implementations of Certificate Transparency test themselves.
const REFERENCE: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const SECOND: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const THIRD_AND_FOURTH: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const LAST_FOUR: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const FIFTH: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const FIFTH_AND_SIXTH: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const LAST_TWO: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";

#[test]
fn the_reference_tree_has_the_reference_roots() {
    for (size, root) in ROOTS.iter().enumerate() {
        assert_eq!(Stored::of(&REFERENCE[..size]).frontier.root(), hash(root), "{size} leaves");
    }
}

#[test]
fn the_reference_tree_has_the_reference_proofs() {
    let stored = Stored::of(REFERENCE);
    let included: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (0, 8, &[SECOND, THIRD_AND_FOURTH, LAST_FOUR]),
        (5, 8, &[FIFTH, LAST_TWO, ROOTS[4]]),
        (2, 3, &[ROOTS[2]]),
        (1, 5, &[ROOTS[1], THIRD_AND_FOURTH, FIFTH]),
    ];
    for (index, size, proof) in included {
        let proof: Vec<_> = proof.iter().map(|hex| hash(hex)).collect();
        assert_eq!(inclusion(index, size, &stored), Ok(proof), "leaf {index} of {size}");
    }
    let consistent: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (1, 8, &[SECOND, THIRD_AND_FOURTH, LAST_FOUR]),
        (6, 8, &[FIFTH_AND_SIXTH, LAST_TWO, ROOTS[4]]),
        (2, 5, &[THIRD_AND_FOURTH, FIFTH]),
    ];
    for (old, new, proof) in consistent {
        let proof: Vec<_> = proof.iter().map(|hex| hash(hex)).collect();
        assert_eq!(consistency(old, new, &stored), Ok(proof), "{old} to {new}");
    }
}

#[test]
fn every_root_up_to_600_leaves_is_the_definition_s() {
    let stored = Stored::numbered(600);
    let mut frontier = Frontier::new();
    for size in 0..=600 {
        assert_eq!(frontier.root(), naive_root(&stored.leaves[..size]), "{size} leaves");
        assert_eq!(Frontier::decode(&frontier.encode()).as_ref(), Ok(&frontier), "{size} leaves");
        if let Some(leaf) = stored.leaves.get(size) {
            frontier.push(*leaf);
        }
    }
    assert_eq!(stored.kept, [naive_root(&stored.leaves[..256]), naive_root(&stored.leaves[256..512])]);
}

#[test]
fn a_proof_of_a_million_leaves_is_short_and_reads_little() {
    for plan in [Plan::inclusion(499_999, 1_000_000), Plan::consistency(765_432, 1_000_000)] {
        let plan = plan.unwrap();
        assert!(plan.0.len() * 32 <= 2048, "{} hashes", plan.0.len());
        let read = |level| {
            let of_level = plan.nodes().into_iter().filter(move |nodes| nodes.level == level);
            of_level.map(|nodes| nodes.positions.end - nodes.positions.start).sum::<u64>()
        };
        assert!(read(KEPT_LEVEL) <= 4096 && read(0) <= 510, "{} and {}", read(KEPT_LEVEL), read(0));
    }
}

#[test]
fn what_there_is_no_proof_of_is_an_error() {
    let mut stored = Stored::numbered(300);
    assert_eq!(inclusion(300, 300, &stored), Err(Error::OutOfRange { asked: 300, size: 300 }));
    assert_eq!(inclusion(0, 0, &stored), Err(Error::OutOfRange { asked: 0, size: 0 }));
    assert_eq!(consistency(301, 300, &stored), Err(Error::OutOfRange { asked: 301, size: 300 }));
    assert!(Plan::inclusion(0, u64::MAX).is_err() && Plan::consistency(1, u64::MAX).is_err());
    stored.kept.clear();
    assert_eq!(inclusion(299, 300, &stored), Err(Error::Missing { level: KEPT_LEVEL, position: 0 }));
    let zero = [0; 32];
    assert!(verify_inclusion(&zero, u64::MAX, u64::MAX, &[], &zero).is_err());
    assert!(verify_inclusion(&zero, u64::MAX - 1, u64::MAX, &[zero; 64], &zero).is_err());
    assert!(verify_consistency(u64::MAX - 1, &zero, u64::MAX, &zero, &[zero; 70]).is_err());
    assert!(verify_consistency(2, &zero, 1, &zero, &[]).is_err());
    assert!(verify_consistency(0, &zero, 1, &zero, &[]).is_err(), "the empty tree has one root");
    assert!(verify_consistency(1, &zero, 2, &zero, &[]).is_err());
}

proptest! {
    #[test]
    fn an_inclusion_proof_is_the_definition_s_and_holds_for_one_leaf_only(
        (size, index) in (1_u64..600).prop_flat_map(|size| (Just(size), 0..size)), spoil: (prop::sample::Index, u8),
    ) {
        let stored = Stored::numbered(600);
        let plan = Plan::inclusion(index, size).unwrap();
        let mut proof = plan.prove(&stored).unwrap();
        let (at, tree) = (usize::try_from(index).unwrap(), &stored.leaves[..usize::try_from(size).unwrap()]);
        prop_assert_eq!(&proof, &naive_path(at, tree));
        let (leaf, root) = (stored.leaves[at], naive_root(tree));
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));

        let mut asked = stored.asked.take();
        asked.sort_unstable();
        let each = |Nodes { level, positions }: Nodes| positions.map(move |at| (level, at));
        let planned = plan.nodes().into_iter().flat_map(each);
        prop_assert_eq!(asked, planned.collect::<Vec<_>>());

        let refused = Err(Error::DoesNotHold);
        if size > 1 {
            let other = (index + 1) % size;
            prop_assert_eq!(verify_inclusion(&leaf, other, size, &proof, &root), refused.clone());
        }
        let other_leaf = leaf_hash(b"another");
        prop_assert_eq!(verify_inclusion(&other_leaf, index, size, &proof, &root), refused.clone());
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &other_leaf), refused.clone());
        let longer = [&proof[..], &[root]].concat();
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &longer, &root), refused.clone());
        if !proof.is_empty() {
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof[1..], &root), refused.clone());
            spoil.0.get_mut(&mut proof)[usize::from(spoil.1 >> 3)] ^= 1 << (spoil.1 & 7);
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), refused);
        }
    }

    #[test]
    fn a_consistency_proof_is_the_definition_s_and_holds_for_no_other_history(
        (new, old) in (0_u64..600).prop_flat_map(|new| (Just(new), 0..=new)), spoil: (prop::sample::Index, u8),
    ) {
        let stored = Stored::numbered(600);
        let mut proof = consistency(old, new, &stored).unwrap();
        let tree = |size| &stored.leaves[..usize::try_from(size).unwrap()];
        if old > 0 {
            prop_assert_eq!(&proof, &naive_subproof(usize::try_from(old).unwrap(), tree(new), true));
        } else {
            prop_assert!(proof.is_empty());
        }
        let (old_root, new_root) = (naive_root(tree(old)), naive_root(tree(new)));
        prop_assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()));

        let refused = Err(Error::DoesNotHold);
        let mut forked = old_root;
        forked[usize::from(spoil.1 >> 3)] ^= 1 << (spoil.1 & 7);
        prop_assert_eq!(verify_consistency(old, &forked, new, &new_root, &proof), refused.clone());
        if old > 0 {
            prop_assert_eq!(verify_consistency(old, &old_root, new, &forked, &proof), refused.clone());
        }
        let longer = [&proof[..], &[new_root]].concat();
        prop_assert_eq!(verify_consistency(old, &old_root, new, &new_root, &longer), refused.clone());
        if !proof.is_empty() {
            prop_assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof[1..]), refused.clone());
            spoil.0.get_mut(&mut proof)[usize::from(spoil.1 >> 3)] ^= 1 << (spoil.1 & 7);
            prop_assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), refused);
        }
    }

    #[test]
    fn any_bytes_are_a_frontier_or_an_error(
        size: u64, bits in 0_u32..64, hashes in 0_usize..66, rest in 0_usize..32,
    ) {
        let bytes = [&(size >> bits).to_be_bytes()[..], &vec![7; 32 * hashes + rest]].concat();
        match Frontier::decode(&bytes) {
            Ok(frontier) => prop_assert_eq!(&frontier.encode(), &bytes),
            Err(error) => prop_assert_eq!(error, Error::NoFrontier { bytes: bytes.len() }),
        }
        prop_assert!(Frontier::decode(&bytes[..rest.min(7)]).is_err());
    }
}
