//! A session's notes: saved every few seconds, perhaps by two at a time, and nothing that was typed is lost (S1.37–S1.42).
//!
//! Every save that changes something gets the next **revision**, from 1 on; revision 0 is the empty text. The text of
//! the session is a line of revisions, stored as key frames and patches (see [`crate::notes`]). A save names the
//! revision that it came from, its base:
//! * the newest of the line: its text is the next one;
//! * an older one: the two are merged, line by line, and the merged text is the next one;
//! * where both changed the same lines, where the merged text would be too long, or where the base is too old to be at
//!   hand: the text of the line stays, and what was sent is kept beside it, whole, as a **sibling** with a revision of its
//!   own.
//!
//! A writer whose text became a sibling goes on with the sibling's revision as base: the sibling is then replaced by what
//! they wrote since, or becomes part of the line once it can be merged. Nor does a program that goes on with the old base
//! add a sibling for each keystroke: a sibling of the same writer that was merely typed on is replaced too. Whoever has made one text of both names the sibling as settled. Replaced and settled siblings stay in the log, as
//! every revision does, and can be restored from there.
//!
//! The row holds the last frame with its patches, a few earlier ones for merging, and the newest siblings; bounded by
//! [`EARLIER_CHAINS`], [`EARLIER_BYTES`] and [`MOST_SIBLINGS`], however long the session is.

use serde::{Deserialize, Serialize};

use super::{Event, Refusal};
use crate::access::Deed;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::fold::When;
use crate::id::{CoacheeId, PersonId, SessionId};
use crate::notes::{self, Change, Merged, Patch};
use crate::text::{self, Confidential, Fact, NotesPatch, Numbered, Sealable, Text};
use crate::value::Time;

/// How many bytes notes can hold: 200 KiB.
pub const MOST_BYTES: usize = 204_800;
/// How many earlier chains the row keeps, to merge stale saves with.
pub const EARLIER_CHAINS: usize = 8;
/// How many bytes these hold together, sealed; the newest of them is kept whatever it holds.
pub const EARLIER_BYTES: usize = 8192;
/// How many siblings the row keeps; older ones are in the log.
pub const MOST_SIBLINGS: usize = 8;

/// How a save lies in its event; the number of the text is its revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Saved {
    /// The whole text.
    #[serde(rename = "frame")]
    Frame(Numbered<Confidential<text::Notes>>),
    /// The difference to the revision of the line before.
    #[serde(rename = "patch")]
    Patch(Numbered<Confidential<NotesPatch>>),
}

impl Saved {
    /// The revision.
    pub const fn revision(&self) -> u32 {
        match self {
            Self::Frame(frame) => frame.number,
            Self::Patch(patch) => patch.number,
        }
    }
}

impl Fact for Saved {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        match self {
            Self::Frame(frame) => frame.secrets(visit),
            Self::Patch(patch) => patch.secrets(visit),
        }
    }
}

/// A whole text and the patches after it, as they lie in their events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chain {
    /// The whole text.
    pub frame: Numbered<Confidential<text::Notes>>,
    /// The differences since, the oldest first.
    pub patches: Vec<Numbered<Confidential<NotesPatch>>>,
}

impl Fact for Chain {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        self.frame.secrets(visit);
        for patch in &mut self.patches {
            patch.secrets(visit);
        }
    }
}

impl Chain {
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
    fn opened(&self, facts: &Facts<'_>, row: &Notes) -> Result<Self, Stop> {
        let patches = self.patches.iter().map(|patch| open(facts, row, patch)).collect::<Result<_, _>>()?;
        Ok(Self { frame: open(facts, row, &self.frame)?, patches })
    }
}

fn open<T: Text>(
    facts: &Facts<'_>,
    row: &Notes,
    lies: &Numbered<Confidential<T>>,
) -> Result<Numbered<Confidential<T>>, Stop> {
    let text = facts.read_numbered(row, lies.number, &lies.text)?.ok_or(Stop::Broken)?;
    Ok(Numbered { number: lies.number, text: Confidential::new(text) })
}

/// A text that could not be merged, kept whole; its number is its revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sibling {
    /// The revision of the line that it came from.
    pub base: u32,
    /// What the line had come to meanwhile.
    pub theirs: u32,
    /// The text.
    pub text: Numbered<Confidential<text::Notes>>,
    /// Who wrote it.
    pub author: Option<PersonId>,
    /// When it was saved.
    pub at: Time,
}

impl Fact for Sibling {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        self.text.secrets(visit);
    }
}

/// The notes of a session; each session has them, empty at first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notes {
    /// The session.
    pub id: SessionId,
    /// With whom it is; not somebody who reads them.
    pub coachee: CoacheeId,
    /// The newest revision, of the line or of a sibling.
    pub revision: u32,
    /// The last frame of the line and its patches; nothing before the first save.
    pub now: Option<Chain>,
    /// What came before it, the newest first, as far as it is kept.
    pub earlier: Vec<Chain>,
    /// Texts that could not be merged and are not settled, the oldest first.
    pub siblings: Vec<Sibling>,
    /// When the line was saved last.
    pub saved_at: Option<Time>,
    /// By whom.
    pub saved_by: Option<PersonId>,
    /// Who made every save of it, siblings too; nobody where several did.
    pub written_by: Option<PersonId>,
}
row! { Notes in notes, seen as Notes, id id: SessionId, subject |r| r.coachee, written by |r, _| r.written_by, sealed [now, earlier, siblings] }

impl Notes {
    pub(super) const fn empty(id: SessionId, coachee: CoacheeId) -> Self {
        Self {
            id,
            coachee,
            revision: 0,
            now: None,
            earlier: Vec::new(),
            siblings: Vec::new(),
            saved_at: None,
            saved_by: None,
            written_by: None,
        }
    }

    /// Notes that only one person has written are theirs.
    fn sign(&mut self, author: Option<PersonId>) {
        self.written_by = if self.revision == 0 { author } else { self.written_by.filter(|it| Some(*it) == author) };
    }

    pub(super) fn save(&mut self, text: &Saved, settled: Option<u32>, when: &When) {
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

    pub(super) fn diverge(&mut self, sibling: Sibling, replaced: Option<u32>) {
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

    /// The text of the session, where the row's texts were opened.
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
    pub fn sibling(&self, revision: u32) -> Option<&Sibling> {
        self.siblings.iter().find(|sibling| sibling.text.number == revision)
    }
}

/// Notes while a save is decided: their text, open.
struct Desk<'a> {
    row: &'a Notes,
    now: Option<Chain>,
    theirs: String,
}

impl<'a> Desk<'a> {
    fn open(facts: &Facts<'_>, row: &'a Notes) -> Result<Self, Stop> {
        let now = row.now.as_ref().map(|chain| chain.opened(facts, row)).transpose()?;
        let theirs = match &now {
            Some(chain) => chain.text_at(chain.newest()).ok_or(Stop::Broken)?,
            None => String::new(),
        };
        Ok(Self { row, now, theirs })
    }

    /// The text of a revision of the line; nothing where the row has it no more.
    fn text_at(&self, facts: &Facts<'_>, revision: u32) -> Result<Option<String>, Stop> {
        if revision == 0 {
            return Ok(Some(String::new()));
        }
        if let Some(now) = self.now.as_ref().filter(|chain| chain.has(revision)) {
            return now.text_at(revision).ok_or(Stop::Broken).map(Some);
        }
        let Some(earlier) = self.row.earlier.iter().find(|chain| chain.has(revision)) else { return Ok(None) };
        earlier.opened(facts, self.row)?.text_at(revision).ok_or(Stop::Broken).map(Some)
    }

    /// What `yours`, which came from the revision `fork`, and the text of the line make together.
    fn merged(&self, facts: &Facts<'_>, fork: u32, yours: &text::Notes) -> Result<Option<text::Notes>, Stop> {
        if fork == self.row.newest() || self.theirs == yours.as_str() {
            return Ok(Some(yours.clone()));
        }
        let Some(base) = self.text_at(facts, fork)? else { return Ok(None) };
        Ok(match notes::merge(&base, &self.theirs, yours.as_str()) {
            Merged::Clean(text) => text::Notes::parse(&text).ok().filter(fits),
            // Somebody whose save arrived, though its answer did not, and who typed on: no conflict with oneself.
            Merged::Conflict => (self.row.saved_by == facts.actor.person() && typed_on(&self.theirs, yours.as_str()))
                .then(|| yours.clone()),
        })
    }

    fn next(&self) -> u32 {
        self.row.revision.saturating_add(1)
    }

    /// The next text of the line, as a frame or a patch.
    fn saved(&self, text: &text::Notes) -> Saved {
        let number = self.next();
        let frame = || Saved::Frame(Numbered { number, text: Confidential::new(text.clone()) });
        let Some(now) = &self.now else { return frame() };
        let frame_bytes = now.frame.text.text().map_or(0, |text| text.as_str().len());
        let patches = now.patches.iter().filter_map(|patch| patch.text.text()).map(|text| text.as_str().len());
        let patches_bytes = patches.fold(0, usize::saturating_add);
        match notes::change(frame_bytes, now.patches.len(), patches_bytes, text.as_str(), &self.theirs) {
            Change::Frame => frame(),
            Change::Patch(patch) => {
                Saved::Patch(Numbered { number, text: Confidential::new(NotesPatch::stored(&patch.encode())) })
            }
        }
    }

    /// `yours` beside the text of the line; nothing where it stands there already.
    fn diverged(&self, facts: &Facts<'_>, fork: u32, named: u32, yours: &text::Notes) -> Result<Option<Event>, Stop> {
        let mut replaced = None;
        for sibling in &self.row.siblings {
            let number = sibling.text.number;
            let text = facts.read_numbered(self.row, number, &sibling.text.text)?.ok_or(Stop::Broken)?;
            if text == *yours {
                return Ok(None);
            }
            let mine = sibling.author == facts.actor.person() && typed_on(text.as_str(), yours.as_str());
            if number == named || (mine && replaced.is_none()) {
                replaced = Some(number);
            }
        }
        Ok(Some(Event::NotesDiverged {
            session: self.row.id,
            base: fork,
            theirs: self.row.newest(),
            text: Numbered { number: self.next(), text: Confidential::new(yours.clone()) },
            replaced,
        }))
    }
}

fn fits(text: &text::Notes) -> bool {
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

/// Saves the notes of a session, which may have ended (S1.40). The same text changes nothing.
#[derive(Debug)]
pub struct SaveNotes {
    /// Which.
    pub session: SessionId,
    /// The revision that the text came from: of the line, or of a sibling that it goes on from.
    pub base: u32,
    /// The text, at most [`MOST_BYTES`].
    pub text: text::Notes,
    /// The sibling whose conflict this text settles, if any.
    pub settles: Option<u32>,
}

impl Command for SaveNotes {
    shows!(Notes session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Notes>(self.session)?;
        let decision = facts.allow(Deed::HoldSessions, row.coachee)?;
        if !fits(&self.text) {
            return Err(Refusal::NotesAreTooLong.into());
        }
        if self.base > row.revision {
            return Err(Refusal::NoSuchRevision.into());
        }
        let desk = Desk::open(facts, row)?;
        let branch = row.sibling(self.base);
        let fork = branch.map_or(self.base, |sibling| sibling.base);
        let Some(text) = desk.merged(facts, fork, &self.text)? else {
            return Ok(decision.with_all(desk.diverged(facts, fork, self.base, &self.text)?));
        };
        let settled = self.settles.and_then(|settles| row.sibling(settles)).or(branch).map(|it| it.text.number);
        if text.as_str() == desk.theirs && settled.is_none() {
            return Ok(decision);
        }
        let (base, text) = (fork, desk.saved(&text));
        Ok(decision.with(Event::NotesSaved { session: self.session, base, text, settled, restored: None }))
    }
}

/// Brings an earlier text of the notes back, as a new revision (S1.42). A sibling that is brought back is settled.
#[derive(Debug)]
pub struct RestoreNotes {
    /// Which.
    pub session: SessionId,
    /// The revision whose text this is.
    pub revision: u32,
    /// Its text, read from the log.
    pub text: text::Notes,
}

impl Command for RestoreNotes {
    shows!(Notes session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Notes>(self.session)?;
        let decision = facts.allow(Deed::HoldSessions, row.coachee)?;
        if self.revision > row.revision {
            return Err(Refusal::NoSuchRevision.into());
        }
        let desk = Desk::open(facts, row)?;
        let settled = row.sibling(self.revision).map(|sibling| sibling.text.number);
        if self.text.as_str() == desk.theirs && settled.is_none() {
            return Ok(decision);
        }
        let (base, text, restored) = (row.newest(), desk.saved(&self.text), Some(self.revision));
        Ok(decision.with(Event::NotesSaved { session: self.session, base, text, settled, restored }))
    }
}
