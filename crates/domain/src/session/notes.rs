//! A session's notes: a text with its revisions, which every coach with access to the coachee may write (S1.37–S1.42).
//! How saves are stored, merged and kept beside each other is said in [`crate::notes::revisions`].

use serde::{Deserialize, Serialize};

use super::Event;
use crate::access::Deed;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::id::{CoacheeId, SessionId};
use crate::notes::revisions::{self, Revisions, Save, Step};
use crate::text;

/// How a save of notes lies in its event.
pub type Saved = revisions::Saved<text::Notes>;
/// Notes that could not be merged.
pub type Sibling = revisions::Sibling<text::Notes>;

/// The notes of a session; each session has them, empty at first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notes {
    /// The session.
    pub id: SessionId,
    /// With whom it is; not somebody who reads them.
    pub coachee: CoacheeId,
    /// The text.
    pub text: Revisions<text::Notes>,
}
row! { Notes in notes, seen as Notes, id id: SessionId, subject |r| r.coachee, written by |r, _| r.text.written_by, sealed [text] }

impl Notes {
    pub(super) fn empty(id: SessionId, coachee: CoacheeId) -> Self {
        Self { id, coachee, text: Revisions::default() }
    }
}

/// What a save comes to, as what happens to the session.
fn happens(session: SessionId, step: Step<text::Notes>, restored: Option<u32>) -> Option<Event> {
    match step {
        Step::Nothing => None,
        Step::Saved { base, text, settled } => Some(Event::NotesSaved { session, base, text, settled, restored }),
        Step::Diverged { base, theirs, text, replaced } => {
            Some(Event::NotesDiverged { session, base, theirs, text, replaced })
        }
    }
}

/// Saves the notes of a session, which may have ended (S1.40). The same text changes nothing.
#[derive(Debug)]
pub struct SaveNotes {
    /// Which.
    pub session: SessionId,
    /// The revision that the text came from: of the line, or of a sibling that it goes on from.
    pub base: u32,
    /// The text, at most [`revisions::MOST_BYTES`].
    pub text: text::Notes,
    /// The sibling whose conflict this text settles, if any.
    pub settles: Option<u32>,
}

impl Command for SaveNotes {
    shows!(Notes session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Notes>(self.session)?;
        let decision = facts.allow(Deed::HoldSessions, row.coachee)?;
        let save = Save { base: self.base, text: &self.text, settles: self.settles };
        let step = revisions::save(facts, (row, &row.text), save)?;
        Ok(decision.with_all(happens(self.session, step, None)))
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
        let step = revisions::restore(facts, (row, &row.text), (self.revision, &self.text))?;
        Ok(decision.with_all(happens(self.session, step, Some(self.revision))))
    }
}
