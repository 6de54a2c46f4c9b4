//! Proofs as others hold them: a text that says where an entry lies in the signed log, and its verification without a
//! database (promise R2).
//!
//! The text is C2SP's `tlog-proof`, so that programs which are not ours can verify it too:
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 40                                       the leaf's place, from 0: the entry's position less one
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=   the hashes beside its way to the root, nearest first (RFC 6962, 2.1.1)
//! …
//!
//! throughline/practice_01h455vb4pex5vsknk084sn02q    the signed checkpoint of the tree
//! …
//! ```
//!
//! Beside it its holder has the record, byte for byte: the leaf is its hash. [`Held`] reads both out of whatever JSON they
//! were saved in, so that an answer of the API verifies as it came. What holds when [`verify`] says so:
//! * whoever has the key signed a log of so many events, at a time that the checkpoint says;
//! * the record lies in that log at the place that it says itself, and is the log's that it says;
//! * no two checkpoints, the reader's and those of the file, are of one log and size and of different trees;
//! * that log continues the one, or is continued by the one, of the newest checkpoint of it that the reader brought, if they
//!   brought any; how many older ones nothing was compared with is said;
//! * what the answer says beside a proof or a checkpoint in its own words is what is proved, and says it once; the `key`
//!   that it names, which is the one that signs now, is one that the reader has from the operator.
//!
//! It does not say that a sealed text reads as the server shows it: only who has the keys can open one.

mod json;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::entry::Word as _;
use domain::id::{self, CoacheeId, Id as _};
use domain::value::Time;
use serde_json::{Map, Value};
use store::checkpoint::{Checkpoint, Verifiers};
use store::tree::{Hash, leaf_hash, verify_consistency, verify_inclusion};

use self::json::Once;
use crate::checkpoints::{Proof, log_of, signed_at};

/// The first line of a proof's text.
const FORMAT: &str = "c2sp.org/tlog-proof@v1";

/// A hash as proofs write it: base64 with padding (RFC 4648, section 4).
pub fn base64(hash: &Hash) -> String {
    BASE64.encode(hash)
}

fn hash(text: &str) -> Option<Hash> {
    BASE64.decode(text).ok()?.try_into().ok()
}

impl Proof {
    /// The proof as a text of its own, checkpoint included: at most 2 KiB for a million events.
    pub fn text(&self) -> String {
        let mut text = format!("{FORMAT}\nindex {}\n", self.leaf_index);
        for hash in &self.hashes {
            text.push_str(&base64(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.note);
        text
    }
}

/// That an entry is in the log, as somebody holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldProof {
    /// The entry's record, byte for byte as it is in the log.
    pub record: String,
    /// The proof's text.
    pub text: String,
    /// What the answer says of it in its own words.
    beside: Beside,
}

/// A checkpoint beside a proof, as somebody holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldNote {
    /// The signed note.
    pub note: String,
    /// What the answer says of it in its own words.
    beside: Beside,
}

/// Fields that say again what is proved.
type Beside = Vec<(&'static str, Value)>;

/// That a larger log continues a smaller one, as somebody holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldConsistency {
    /// The smaller log's size.
    pub from: u64,
    /// The larger one's.
    pub to: u64,
    /// The proof (RFC 6962, section 2.1.2).
    pub hashes: Vec<Hash>,
}

/// What a file of proofs holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Of entries.
    pub proofs: Vec<HeldProof>,
    /// Of continuations.
    pub consistencies: Vec<HeldConsistency>,
    /// Checkpoints beside those in the proofs.
    pub notes: Vec<HeldNote>,
}

impl Held {
    /// Reads an answer of the API, or several, saved as JSON: proofs are found wherever in it they lie.
    ///
    /// # Errors
    /// Why the text is no JSON, that it says something twice or otherwise than as a text, or that there is no proof in it.
    pub fn read(json: &str) -> Result<Self, String> {
        let mut held = Self::default();
        let unread = |error: serde_json::Error| {
            if error.is_data() { error.to_string() } else { format!("this is not JSON: {error}") }
        };
        for value in serde_json::Deserializer::from_str(json).into_iter::<Once>() {
            let Once(value) = value.map_err(unread)?;
            held.gather(&value)?;
        }
        if held.proofs.is_empty() {
            return Err(
                "there is no proof in it: it needs both `record` and `proof` of an answer of auditProof".to_owned()
            );
        }
        Ok(held)
    }

    fn gather(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.gather(item)),
            Value::Object(fields) => {
                if let (Some(record), Some(text)) = (text(fields, "record")?, text(fields, "proof")?) {
                    self.proofs.push(HeldProof { record, text, beside: beside(fields, &["position", "leafHash"]) });
                }
                let note = |note| HeldNote { note, beside: beside(fields, &["size", "root", "signedAt", "key"]) };
                self.notes.extend(text(fields, "checkpoint")?.map(note));
                self.consistencies.extend(consistency(value));
                fields.values().try_for_each(|field| self.gather(field))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }
}

/// A field that is a text, where it is there. Under its name something else may be, with such a text in it; but what is none
/// is not passed over, as if it had been verified.
fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Value::Object(_)) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
            Err(format!("a `{name}` in the file is no text"))
        }
    }
}

fn beside(fields: &Map<String, Value>, names: &[&'static str]) -> Beside {
    names.iter().filter_map(|name| Some((*name, fields.get(*name)?.clone()))).collect()
}

/// A key that an answer names is one that the reader has. Who has no key, names none.
fn is_known(beside: &[(&str, Value)], keys: &Verifiers) -> Result<(), String> {
    let unknown = |(name, said): &&(&str, Value)| {
        *name == "key" && !said.is_null() && !said.as_str().is_some_and(|key| keys.holds(key))
    };
    match beside.iter().find(unknown) {
        Some((_, said)) => Err(format!(
            "the file says that {said} signs, which is no key that was given: ask the operator on another way, and if it is \
             theirs, give it too (`--key`, `--keys`)"
        )),
        None => Ok(()),
    }
}

/// What an answer says in its own words is what is proved.
fn agrees(beside: &[(&str, Value)], proved: &[(&str, Value)], of: &str) -> Result<(), String> {
    let other = |(name, said): &&(&str, Value)| proved.iter().any(|(of, value)| of == name && value != said);
    match beside.iter().find(other) {
        Some((name, _)) => Err(format!("the file says another `{name}` of {of} than is signed")),
        None => Ok(()),
    }
}

fn consistency(value: &Value) -> Option<HeldConsistency> {
    let hashes = value.get("hashes")?.as_array()?.iter().map(|text| hash(text.as_str()?)).collect::<Option<_>>()?;
    Some(HeldConsistency { from: value.get("from")?.as_u64()?, to: value.get("to")?.as_u64()?, hashes })
}

/// An entry that is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The log, as text.
    pub log: String,
    /// Its position in the log.
    pub seq: u64,
    /// The stored kind.
    pub kind: String,
    /// When it happened.
    pub at: String,
    /// What it is about.
    pub thing: String,
    /// The coachee whom it is about, where it is about one and they are not the thing itself.
    pub about: Option<String>,
    /// Who did it, where it was a person.
    pub actor: Option<String>,
    /// The signed log's size.
    pub size: u64,
    /// When the log was signed, as its checkpoint says.
    pub signed_at: Option<String>,
    /// By which key, `NAME+HASH`.
    pub signed_by: String,
    /// The size of the log that the reader's own checkpoint signs, where they brought one.
    pub held: Option<u64>,
    /// How many older checkpoints of this log the reader brought that nothing was compared with.
    pub uncompared: usize,
}

impl std::fmt::Display for Proved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { log, seq, kind, at, thing, size, .. } = self;
        let by = self.actor.as_deref().unwrap_or("no person");
        write!(f, "event {seq} of {log}: {kind} of {thing}, ")?;
        if let Some(about) = &self.about {
            write!(f, "about {about}, ")?;
        }
        write!(f, "by {by}, at {at}; in the log of {size} events")?;
        if let Some(signed_at) = &self.signed_at {
            write!(f, " signed at {signed_at}")?;
        }
        write!(f, " by {}", self.signed_by)?;
        match self.held {
            Some(held) => write!(f, ", which is one history with your checkpoint of {held} events")?,
            None => return Ok(()),
        }
        match self.uncompared {
            0 => Ok(()),
            older => write!(f, "; older checkpoints of yours that no auditConsistency in the file compares: {older}"),
        }
    }
}

/// Verifies what somebody holds, by the keys of who signs and signed. `trusted` are signed notes that the reader got
/// elsewhere.
///
/// # Errors
/// The first thing that is wrong, in words.
pub fn verify(held: &Held, keys: &Verifiers, trusted: &[String]) -> Result<Vec<Proved>, String> {
    let mut signed = Signed::default();
    let mut anchors = Vec::with_capacity(trusted.len());
    for note in trusted {
        let (anchor, _) = keys.verify(note).map_err(|error| format!("your checkpoint: {error}"))?;
        signed.add(&anchor)?;
        anchors.push(anchor);
    }
    anchors.sort_by_key(|anchor| std::cmp::Reverse(anchor.size));
    for HeldNote { note, beside } in &held.notes {
        let (checkpoint, _) = keys.verify(note).map_err(|error| format!("a checkpoint in the file: {error}"))?;
        let at = signed_at(&checkpoint).and_then(|micros| Time(micros).word());
        let proved = [
            ("size", checkpoint.size.into()),
            ("root", base64(&checkpoint.root).into()),
            ("signedAt", at.map_or(Value::Null, Value::from)),
        ];
        agrees(beside, &proved, &format!("the checkpoint of {} events", checkpoint.size))?;
        is_known(beside, keys)?;
        signed.add(&checkpoint)?;
    }
    held.proofs.iter().map(|proof| one(proof, held, keys, (&anchors, &mut signed))).collect()
}

/// The roots that are signed, by log and size: of each there is one.
#[derive(Default)]
struct Signed(BTreeMap<(String, u64), Hash>);

impl Signed {
    fn add(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        let (origin, size) = (&checkpoint.origin, checkpoint.size);
        let root = self.0.entry((origin.clone(), size)).or_insert(checkpoint.root);
        if *root == checkpoint.root {
            return Ok(());
        }
        Err(format!(
            "two checkpoints of {origin} of {size} events are not one history, though both are signed: keep both"
        ))
    }
}

fn one(
    proof: &HeldProof,
    held: &Held,
    keys: &Verifiers,
    (anchors, signed): (&[Checkpoint], &mut Signed),
) -> Result<Proved, String> {
    let (index, hashes, note) = parse(&proof.text)?;
    let (checkpoint, by) = keys.verify(note).map_err(|error| error.to_string())?;
    let mut proved = Proved { signed_by: by.label(), ..said(&proof.record, &checkpoint)? };
    let place = format!("event {} of {}", proved.seq, proved.log);
    if log_of(&checkpoint.origin) != Some(&proved.log) || proved.seq.checked_sub(1) != Some(index) {
        return Err(format!(
            "the record says that it is {place}, and the proof is of event {} of {}",
            index.saturating_add(1),
            checkpoint.origin
        ));
    }
    let leaf = leaf_hash(proof.record.as_bytes());
    verify_inclusion(&leaf, index, checkpoint.size, &hashes, &checkpoint.root)
        .map_err(|_| format!("{place} is not what was signed: the record or its proof was changed"))?;
    // A position as the API gives it out.
    let position = format!("at{:x}", proved.seq);
    agrees(&proof.beside, &[("position", position.into()), ("leafHash", base64(&leaf).into())], &place)?;
    signed.add(&checkpoint)?;
    let mut mine = anchors.iter().filter(|anchor| anchor.origin == checkpoint.origin);
    let Some(newest) = mine.next() else {
        return if anchors.is_empty() { Ok(proved) } else { Err(of_other_logs(&place)) };
    };
    continues(newest, &checkpoint, &held.consistencies)?;
    proved.held = Some(newest.size);
    for older in mine {
        let compared = are_one(older, &checkpoint, &held.consistencies)?;
        if !compared && !are_one(older, newest, &held.consistencies)? {
            proved.uncompared += 1;
        }
    }
    Ok(proved)
}

fn of_other_logs(place: &str) -> String {
    format!("your checkpoints are of other logs, and say nothing of {place}: leave them out, or take one of this log")
}

/// A proof's text: the index, the hashes, the note.
fn parse(text: &str) -> Result<(u64, Vec<Hash>, &str), String> {
    let wrong = |what: &str| format!("this is not a proof: {what}");
    let (head, note) = text.split_once("\n\n").ok_or_else(|| wrong("it has no checkpoint"))?;
    let mut lines = head.split('\n').peekable();
    if lines.next() != Some(FORMAT) {
        return Err(wrong(&format!("it does not begin with {FORMAT}")));
    }
    // What others may have added says nothing here.
    let _ = lines.next_if(|line| line.starts_with("extra "));
    let index = lines.next().and_then(|line| line.strip_prefix("index "));
    // In one spelling: no sign, no leading zeros.
    let number = |text: &str| text.parse().ok().filter(|index: &u64| index.to_string() == text);
    let index = index.and_then(number).ok_or_else(|| wrong("it has no index"))?;
    let hashes = lines.map(hash).collect::<Option<_>>().ok_or_else(|| wrong("one of its hashes is none"))?;
    Ok((index, hashes, note))
}

/// What a record says of itself, whatever its kind: kinds that this program does not know can be proved as well.
fn said(record: &str, checkpoint: &Checkpoint) -> Result<Proved, String> {
    let value: Value = serde_json::from_str(record).map_err(|error| format!("the record is not JSON: {error}"))?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| value.get(name).and_then(Value::as_i64);
    let moment = |micros: i64| Time(micros).word();
    let lacks = |name: &str| format!("the record does not say its `{name}`");
    let (log, thing) = (text("log").ok_or_else(|| lacks("log"))?, text("thing").ok_or_else(|| lacks("thing"))?);
    // What is about nobody is about its log.
    let subject = text("subject").and_then(|subject| subject.parse().ok());
    let subject = subject.filter(|subject| id::parse(&log).is_none_or(|(_, of)| of != *subject));
    let about = subject.map(|subject| CoacheeId::of(subject).to_string()).filter(|about| *about != thing);
    Ok(Proved {
        log,
        seq: number("seq").and_then(|seq| seq.try_into().ok()).ok_or_else(|| lacks("seq"))?,
        kind: text("kind").ok_or_else(|| lacks("kind"))?,
        at: number("at").and_then(moment).ok_or_else(|| lacks("at"))?,
        thing,
        about,
        actor: text("actor"),
        size: checkpoint.size,
        signed_at: signed_at(checkpoint).and_then(moment),
        signed_by: String::new(),
        held: None,
        uncompared: 0,
    })
}

/// That a checkpoint of the reader's and that of a proof are of one history.
fn continues(anchor: &Checkpoint, checkpoint: &Checkpoint, held: &[HeldConsistency]) -> Result<(), String> {
    if are_one(anchor, checkpoint, held)? {
        return Ok(());
    }
    let (old, new) = (anchor.size.min(checkpoint.size), anchor.size.max(checkpoint.size));
    Err(format!(
        "nothing in the file says whether your checkpoint of {} events is of the same history: add the answer of auditConsistency(from: {old}, to: {new})",
        anchor.size
    ))
}

/// Whether something in the file says that two checkpoints are of one history; an error where it says that they are not.
fn are_one(one: &Checkpoint, other: &Checkpoint, held: &[HeldConsistency]) -> Result<bool, String> {
    let (old, new) = if one.size <= other.size { (one, other) } else { (other, one) };
    if (old.size, old.root) == (new.size, new.root) {
        return Ok(true);
    }
    let between = held.iter().filter(|it| (it.from, it.to) == (old.size, new.size));
    let mut proofs = between.map(|it| verify_consistency(old.size, &old.root, new.size, &new.root, &it.hashes));
    match proofs.next() {
        None if old.size < new.size => Ok(false),
        Some(first) if first.is_ok() || proofs.any(|proof| proof.is_ok()) => Ok(true),
        None | Some(_) => Err(format!(
            "the log of {} events and the log of {} events are not one history, though both are signed: keep both checkpoints",
            old.size, new.size
        )),
    }
}

#[cfg(test)]
mod tests {
    use store::checkpoint::Signer;

    use super::*;

    #[test]
    fn a_proof_of_a_million_events_takes_at_most_2_kib_and_reads_as_it_was_written() {
        let origin = crate::checkpoints::origin("practice_01h455vb4pex5vsknk084sn02q");
        let extensions = vec!["time 1700000000000000".to_owned()];
        let checkpoint = Checkpoint { origin, size: 1_000_000, root: [3; 32], extensions };
        let note = Signer::parse("throughline.example", &[7; 32]).unwrap().sign(&checkpoint).unwrap();
        // 2²⁰ is the next power of two.
        let hashes: Vec<Hash> = (0..20).map(|number| [number; 32]).collect();
        let proof = Proof { leaf_index: 999_999, size: 1_000_000, leaf: [1; 32], hashes: hashes.clone(), note };
        let text = proof.text();
        assert!(text.len() <= 2_048, "{} bytes", text.len());
        assert_eq!(parse(&text), Ok((999_999, hashes.clone(), proof.note.as_str())));
        let with_extra = text.replacen("index", "extra AAAA\nindex", 1);
        assert_eq!(parse(&with_extra), Ok((999_999, hashes, proof.note.as_str())));
        for index in ["+999999", "0999999", "-1", ""] {
            assert!(parse(&text.replacen("999999", index, 1)).is_err(), "{index}");
        }
    }
}
