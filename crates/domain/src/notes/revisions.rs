//! A text with its revisions: saved every few seconds, perhaps by two at a time, and nothing that was typed is lost
//! (S1.37–S1.42, S2.33).
//!
//! Every save that changes something gets the next **revision**, from 1 on; revision 0 is the empty text. The text is a
//! line of revisions, stored as key frames and patches (see [`crate::notes`]). A save names the revision that it came
//! from, its base:
//! * the newest of the line: its text is the next one;
//! * an older one: the two are merged, line by line, and the merged text is the next one;
//! * where both changed the same lines, where the merged text would be too long, or where the base is too old to be at
//!   hand: the text of the line stays, and what was sent is kept beside it, whole, as a **sibling** with a revision of its
//!   own.
//!
//! A writer whose text became a sibling goes on with the sibling's revision as base: the sibling is then replaced by what
//! they wrote since, or becomes part of the line once it can be merged. Nor does a program that goes on with the old base
//! add a sibling for each keystroke: a sibling of the same writer that was merely typed on is replaced too. Whoever has
//! made one text of both names the sibling as settled. Replaced and settled siblings stay in the log, as every revision
//! does, and can be restored from there.
//!
//! A row holds the last frame with its patches, a few earlier ones for merging, and the newest siblings; bounded by
//! [`EARLIER_CHAINS`], [`EARLIER_BYTES`] and [`MOST_SIBLINGS`], however long somebody writes.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::{Change, Merged, Patch, change, merge};
use crate::decide::{Facts, Stop};
use crate::fold::When;
use crate::id::PersonId;
use crate::refusals;
use crate::row::Row;
use crate::text::{self, Confidential, Fact, Numbered, Sealable, Text};
use crate::value::Time;

/// How many bytes such a text can hold: 200 KiB.
pub const MOST_BYTES: usize = 204_800;
/// How many earlier chains the row keeps, to merge stale saves with.
pub const EARLIER_CHAINS: usize = 8;
/// How many bytes these hold together, sealed; the newest of them is kept whatever it holds.
pub const EARLIER_BYTES: usize = 8192;
/// How many siblings the row keeps; older ones are in the log.
pub const MOST_SIBLINGS: usize = 8;

refusals! {
    /// Why a save was refused.
    pub enum Refusal {
        /// More than 200 KiB (S1.40).
        IsTooLong "NOTES_ARE_TOO_LONG" "Notes can hold at most 200 KiB. Move some of the text elsewhere and save again.",
        /// Nobody ever saved it.
        NoSuchRevision "NOTES_REVISION_IS_NOT_THERE" "These notes have no revision of this number. Load the notes again.",
    }
}

/// A text that saves itself, and the kind in which its differences lie.
pub trait Long: Text + PartialEq + Debug {
    /// The difference between two such texts.
    type Patch: Text + Debug;
}

impl Long for text::Notes {
    type Patch = text::NotesPatch;
}

impl Long for text::NoteText {
    type Patch = text::NotePatch;
}

/// How a save lies in its event; the number of the text is its revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Saved<T: Long> {
    /// The whole text.
    #[serde(rename = "frame")]
    Frame(Numbered<Confidential<T>>),
    /// The difference to the revision of the line before.
    #[serde(rename = "patch")]
    Patch(Numbered<Confidential<T::Patch>>),
}

impl<T: Long> Saved<T> {
    /// The first save of a text.
    pub const fn first(text: T) -> Self {
        Self::Frame(Numbered { number: 1, text: Confidential::new(text) })
    }

    /// The revision.
    pub const fn revision(&self) -> u32 {
        match self {
            Self::Frame(frame) => frame.number,
            Self::Patch(patch) => patch.number,
        }
    }
}

impl<T: Long> Fact for Saved<T> {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        match self {
            Self::Frame(frame) => frame.secrets(visit),
            Self::Patch(patch) => patch.secrets(visit),
        }
    }
}

/// A whole text and the patches after it, as they lie in their events.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Chain<T: Long> {
    /// The whole text.
    pub frame: Numbered<Confidential<T>>,
    /// The differences since, the oldest first.
    pub patches: Vec<Numbered<Confidential<T::Patch>>>,
}

impl<T: Long> Fact for Chain<T> {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        self.frame.secrets(visit);
        for patch in &mut self.patches {
            patch.secrets(visit);
        }
    }
}

impl<T: Long> Chain<T> {
    /// The revision that the last patch makes.
    fn newest(&self) -> u32 {
        self.patches.last().map_or(self.frame.number, |patch| patch.number)
    }

    fn has(&self, revision: u32) -> bool {
        self.frame.number == revision || self.patches.iter().any(|patch| patch.number == revision)
    }

    /// The text of this revision, where this chain has it and its texts were opened.
    fn text_at(&self, revision: u32) -> Option<String> {
        if !self.has(revision) {
            return None;
        }
        let frame = self.frame.text.text()?.as_str().to_owned();
        let until = self.patches.iter().take_while(|patch| patch.number <= revision);
        until.into_iter().try_fold(frame, |text, patch| Patch::parse(patch.text.text()?.as_str())?.apply(&text))
    }

    fn sealed_bytes(&self) -> usize {
        let patches = self.patches.iter().filter_map(|patch| patch.text.sealed());
        patches.chain(self.frame.text.sealed()).map(<[u8]>::len).fold(0, usize::saturating_add)
    }

    /// The chain with its texts open, for a decision.
    fn opened<R: Row>(&self, facts: &Facts<'_>, row: &R) -> Result<Self, Stop> {
        let patches = self.patches.iter().map(|patch| open(facts, row, patch)).collect::<Result<_, _>>()?;
        Ok(Self { frame: open(facts, row, &self.frame)?, patches })
    }
}

fn open<R: Row, T: Text>(
    facts: &Facts<'_>,
    row: &R,
    lies: &Numbered<Confidential<T>>,
) -> Result<Numbered<Confidential<T>>, Stop> {
    let text = facts.read_numbered(row, lies.number, &lies.text)?.ok_or(Stop::Broken)?;
    Ok(Numbered { number: lies.number, text: Confidential::new(text) })
}

/// A text that could not be merged, kept whole; its number is its revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Sibling<T: Long> {
    /// The revision of the line that it came from.
    pub base: u32,
    /// What the line had come to meanwhile.
    pub theirs: u32,
    /// The text.
    pub text: Numbered<Confidential<T>>,
    /// Who wrote it.
    pub author: Option<PersonId>,
    /// When it was saved.
    pub at: Time,
}

impl<T: Long> Fact for Sibling<T> {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        self.text.secrets(visit);
    }
}

/// A text with its revisions, as far as its row keeps them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Revisions<T: Long> {
    /// The newest revision, of the line or of a sibling.
    pub revision: u32,
    /// The last frame of the line and its patches; nothing before the first save.
    pub now: Option<Chain<T>>,
    /// What came before it, the newest first, as far as it is kept.
    pub earlier: Vec<Chain<T>>,
    /// Texts that could not be merged and are not settled, the oldest first.
    pub siblings: Vec<Sibling<T>>,
    /// When the line was saved last.
    pub saved_at: Option<Time>,
    /// By whom.
    pub saved_by: Option<PersonId>,
    /// Who made every save of it, siblings too; nobody where several did.
    pub written_by: Option<PersonId>,
}

impl<T: Long> Fact for Revisions<T> {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        self.now.secrets(visit);
        self.earlier.secrets(visit);
        self.siblings.secrets(visit);
    }
}

impl<T: Long> Default for Revisions<T> {
    fn default() -> Self {
        Self {
            revision: 0,
            now: None,
            earlier: Vec::new(),
            siblings: Vec::new(),
            saved_at: None,
            saved_by: None,
            written_by: None,
        }
    }
}

impl<T: Long> Revisions<T> {
    /// A text that only one person has written is theirs.
    fn sign(&mut self, author: Option<PersonId>) {
        self.written_by = if self.revision == 0 { author } else { self.written_by.filter(|it| Some(*it) == author) };
    }

    /// The line has another text.
    pub fn save(&mut self, text: &Saved<T>, settled: Option<u32>, when: &When) {
        self.sign(when.actor);
        self.revision = text.revision();
        self.siblings.retain(|sibling| Some(sibling.text.number) != settled);
        (self.saved_at, self.saved_by) = (Some(when.at), when.actor);
        match text {
            Saved::Patch(patch) => {
                if let Some(now) = &mut self.now {
                    now.patches.push(patch.clone());
                }
            }
            Saved::Frame(frame) => {
                let was = self.now.replace(Chain { frame: frame.clone(), patches: Vec::new() });
                self.earlier.splice(0..0, was);
                let mut bytes = 0_usize;
                let kept = self.earlier.iter().take(EARLIER_CHAINS).take_while(|chain| {
                    let first = bytes == 0;
                    bytes = bytes.saturating_add(chain.sealed_bytes());
                    first || bytes <= EARLIER_BYTES
                });
                let kept = kept.count();
                self.earlier.truncate(kept);
            }
        }
    }

    /// A text is kept beside the line.
    pub fn diverge(&mut self, sibling: Sibling<T>, replaced: Option<u32>) {
        self.sign(sibling.author);
        self.revision = sibling.text.number;
        self.siblings.retain(|it| Some(it.text.number) != replaced);
        self.siblings.push(sibling);
        let surplus = self.siblings.len().saturating_sub(MOST_SIBLINGS);
        self.siblings.drain(..surplus);
    }

    /// The newest revision of the line: what a save names that came from the text shown.
    pub fn newest(&self) -> u32 {
        self.now.as_ref().map_or(0, Chain::newest)
    }

    /// The text of the line, where the row's texts were opened.
    pub fn text(&self) -> Option<String> {
        self.text_at(self.newest())
    }

    /// The text of a revision, where the row still has it and its texts were opened.
    pub fn text_at(&self, revision: u32) -> Option<String> {
        if revision == 0 {
            return Some(String::new());
        }
        let sibling = self.sibling(revision).and_then(|it| it.text.text.text()).map(|text| text.as_str().to_owned());
        sibling.or_else(|| self.now.iter().chain(&self.earlier).find_map(|chain| chain.text_at(revision)))
    }

    /// The sibling of this revision.
    pub fn sibling(&self, revision: u32) -> Option<&Sibling<T>> {
        self.siblings.iter().find(|sibling| sibling.text.number == revision)
    }
}

/// What a save comes to.
#[derive(Debug)]
pub enum Step<T: Long> {
    /// Nothing: this is the text already.
    Nothing,
    /// The line has another text, which came from the revision `base`.
    Saved {
        /// The revision that it came from.
        base: u32,
        /// The text.
        text: Saved<T>,
        /// The sibling that is now a part of it.
        settled: Option<u32>,
    },
    /// A save came from `base` while the line had come to `theirs` in the same lines.
    Diverged {
        /// The revision that it came from.
        base: u32,
        /// What the line had come to.
        theirs: u32,
        /// The text, kept beside the line.
        text: Numbered<Confidential<T>>,
        /// An earlier sibling that went on as this one.
        replaced: Option<u32>,
    },
}

/// A save: the revision that the text came from, the text, the sibling whose conflict it settles.
#[derive(Debug, Clone, Copy)]
pub struct Save<'a, T> {
    /// The revision that the text came from: of the line, or of a sibling that it goes on from.
    pub base: u32,
    /// The text, at most [`MOST_BYTES`].
    pub text: &'a T,
    /// The sibling whose conflict this text settles, if any.
    pub settles: Option<u32>,
}

/// Decides what a save of a row's text comes to.
///
/// # Errors
/// A refusal where the text is too long, or the base or the sibling was never saved; else as [`Facts::read`].
pub fn save<R: Row, T: Long>(
    facts: &Facts<'_>,
    (row, lies): (&R, &Revisions<T>),
    save: Save<'_, T>,
) -> Result<Step<T>, Stop> {
    if !fits(save.text) {
        return Err(Refusal::IsTooLong.into());
    }
    // A sibling that is no more was settled before, perhaps by this very save; one that never was is a mistake.
    if save.base > lies.revision || save.settles > Some(lies.revision) {
        return Err(Refusal::NoSuchRevision.into());
    }
    let desk = Desk::open(facts, row, lies)?;
    let branch = lies.sibling(save.base);
    let fork = branch.map_or(save.base, |sibling| sibling.base);
    let Some(text) = desk.merged(facts, fork, save.text)? else {
        return desk.diverged(facts, fork, save.base, save.text);
    };
    let settled = save.settles.and_then(|settles| lies.sibling(settles)).or(branch).map(|it| it.text.number);
    if text.as_str() == desk.theirs && settled.is_none() {
        return Ok(Step::Nothing);
    }
    Ok(Step::Saved { base: fork, text: desk.saved(&text), settled })
}

/// Decides what bringing back the text of an earlier revision comes to. A sibling that is brought back is settled.
///
/// # Errors
/// A refusal where the revision was never saved; else as [`Facts::read`].
pub fn restore<R: Row, T: Long>(
    facts: &Facts<'_>,
    (row, lies): (&R, &Revisions<T>),
    (revision, text): (u32, &T),
) -> Result<Step<T>, Stop> {
    if revision > lies.revision {
        return Err(Refusal::NoSuchRevision.into());
    }
    let desk = Desk::open(facts, row, lies)?;
    let settled = lies.sibling(revision).map(|sibling| sibling.text.number);
    if text.as_str() == desk.theirs && settled.is_none() {
        return Ok(Step::Nothing);
    }
    Ok(Step::Saved { base: lies.newest(), text: desk.saved(text), settled })
}

/// A text while a save is decided: open.
struct Desk<'a, R, T: Long> {
    row: &'a R,
    lies: &'a Revisions<T>,
    now: Option<Chain<T>>,
    theirs: String,
}

impl<'a, R: Row, T: Long> Desk<'a, R, T> {
    fn open(facts: &Facts<'_>, row: &'a R, lies: &'a Revisions<T>) -> Result<Self, Stop> {
        let now = lies.now.as_ref().map(|chain| chain.opened(facts, row)).transpose()?;
        let theirs = match &now {
            Some(chain) => chain.text_at(chain.newest()).ok_or(Stop::Broken)?,
            None => String::new(),
        };
        Ok(Self { row, lies, now, theirs })
    }

    /// The text of a revision of the line; nothing where the row has it no more.
    fn text_at(&self, facts: &Facts<'_>, revision: u32) -> Result<Option<String>, Stop> {
        if revision == 0 {
            return Ok(Some(String::new()));
        }
        if let Some(now) = self.now.as_ref().filter(|chain| chain.has(revision)) {
            return now.text_at(revision).ok_or(Stop::Broken).map(Some);
        }
        let Some(earlier) = self.lies.earlier.iter().find(|chain| chain.has(revision)) else { return Ok(None) };
        earlier.opened(facts, self.row)?.text_at(revision).ok_or(Stop::Broken).map(Some)
    }

    /// What `yours`, which came from the revision `fork`, and the text of the line make together.
    fn merged(&self, facts: &Facts<'_>, fork: u32, yours: &T) -> Result<Option<T>, Stop> {
        if fork == self.lies.newest() || self.theirs == yours.as_str() {
            return Ok(Some(yours.clone()));
        }
        let Some(base) = self.text_at(facts, fork)? else { return Ok(None) };
        Ok(match merge(&base, &self.theirs, yours.as_str()) {
            Merged::Clean(text) => T::parse(&text).ok().filter(fits),
            // Somebody whose save arrived, though its answer did not, and who typed on: no conflict with oneself.
            Merged::Conflict => (self.lies.saved_by == facts.actor.person() && typed_on(&self.theirs, yours.as_str()))
                .then(|| yours.clone()),
        })
    }

    fn next(&self) -> u32 {
        self.lies.revision.saturating_add(1)
    }

    /// The next text of the line, as a frame or a patch.
    fn saved(&self, text: &T) -> Saved<T> {
        let number = self.next();
        let frame = || Saved::Frame(Numbered { number, text: Confidential::new(text.clone()) });
        let Some(now) = &self.now else { return frame() };
        let frame_bytes = now.frame.text.text().map_or(0, |text| text.as_str().len());
        let patches = now.patches.iter().filter_map(|patch| patch.text.text()).map(|text| text.as_str().len());
        let patches_bytes = patches.fold(0, usize::saturating_add);
        match change(frame_bytes, now.patches.len(), patches_bytes, text.as_str(), &self.theirs) {
            Change::Frame => frame(),
            Change::Patch(patch) => {
                Saved::Patch(Numbered { number, text: Confidential::new(T::Patch::stored(&patch.encode())) })
            }
        }
    }

    /// `yours` beside the text of the line; nothing where it stands there already.
    fn diverged(&self, facts: &Facts<'_>, fork: u32, named: u32, yours: &T) -> Result<Step<T>, Stop> {
        let mut replaced = None;
        for sibling in &self.lies.siblings {
            let number = sibling.text.number;
            let text = facts.read_numbered(self.row, number, &sibling.text.text)?.ok_or(Stop::Broken)?;
            if text == *yours {
                return Ok(Step::Nothing);
            }
            let mine = sibling.author == facts.actor.person() && typed_on(text.as_str(), yours.as_str());
            if number == named || (mine && replaced.is_none()) {
                replaced = Some(number);
            }
        }
        let text = Numbered { number: self.next(), text: Confidential::new(yours.clone()) };
        Ok(Step::Diverged { base: fork, theirs: self.lies.newest(), text, replaced })
    }
}

/// Whether a text is short enough to be saved.
pub fn fits<T: Text>(text: &T) -> bool {
    text.as_str().len() <= MOST_BYTES
}

/// Whether the newer text is the older one, typed on: with at most one insertion, before or after one of its lines. Each
/// line of the older then stands whole in the newer.
fn typed_on(older: &str, newer: &str) -> bool {
    let (older, newer) = (older.as_bytes(), newer.as_bytes());
    let start = older.iter().zip(newer).take_while(|(a, b)| a == b).count();
    let end = older.iter().rev().zip(newer.iter().rev()).take_while(|(a, b)| a == b).count();
    let starts_line = |at: usize| at.checked_sub(1).is_none_or(|before| older.get(before) == Some(&b'\n'));
    let ends_line = |at: usize| older.get(at).is_none_or(|byte| *byte == b'\n');
    let mut places = older.len().saturating_sub(end)..=start;
    newer.len() >= older.len() && places.any(|at| starts_line(at) || ends_line(at))
}
