//! Notes: a coach's private ones about a coachee, and a coachee's own, which they may share (S2.31–S2.35, S3.21).
//!
//! A note is about a coachee and belongs to whoever wrote it. What holds here:
//! * a coach's note is its author's alone: no coachee and no other coach, manager or owner learns that it exists. It
//!   cannot be shared; while its author has no access to the coachee it is out of their sight, too;
//! * a coachee's note is theirs alone until they share it; then coaches with access to them see it and comment on it, and
//!   only its author changes it. Its history stays its author's;
//! * a comment is sealed with the note's key and follows the note's sight, whoever wrote it. Sharing and taking back name
//!   the comments, so that the fold reaches them; hence a note has at most [`MOST_COMMENTS`];
//! * a shared note is taken back before it is deleted, so that the other side learns that it is gone, and no more.
//!
//! The text saves itself with revisions and siblings as session notes do (see [`crate::notes::revisions`]). It lies in a
//! row of its own, so that a list of notes is no heap of texts.

use serde::{Deserialize, Serialize};

use crate::access::Deed;
use crate::account::Portal;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::edit::rewritten;
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{CoacheeId, NoteCommentId, NoteId, PersonId};
use crate::notes::revisions::{self, Revisions, Save, Sibling, Step};
use crate::text::{Change, Confidential, NoteComment, NoteText, Numbered, Title};
use crate::value::{Count, Time};
use crate::{Rows, refusals};

/// How many comments a note can have.
pub const MOST_COMMENTS: u32 = 500;

/// How a save of a note lies in its event.
pub type Saved = revisions::Saved<NoteText>;

events! {
    /// What happens to a note. Its owner is the note's author.
    pub enum Event {
        /// Somebody wrote a note about a coachee: a coach for themself, or the coachee.
        "note.written" as "note_write" Written sees Note {
            note: NoteId, coachee: CoacheeId, by: Portal, title: Confidential<Title>, text: Saved
        },
        /// Its title was changed.
        "note.titled" as "note_title" Titled sees Note { note: NoteId, title: Change<Confidential<Title>> },
        /// It has another text, which came from the revision `base`. `settled` is a sibling that is now a part of it,
        /// `restored` the revision whose text was brought back.
        "note.saved" as "note_save" Saved sees Note {
            note: NoteId, base: u32, text: Saved, settled: Option<u32>, restored: Option<u32>
        },
        /// A save came from `base` while the note had come to `theirs` in the same lines: both texts are kept, this one as
        /// a sibling. `replaced` is an earlier sibling that went on as this one.
        "note.diverged" as "note_conflict" Diverged sees Note {
            note: NoteId, base: u32, theirs: u32, text: Numbered<Confidential<NoteText>>, replaced: Option<u32>
        },
        /// The coachee whose it is shared it, with its comments.
        "note.shared" as "note_share" Shared sees Note to Both { note: NoteId, comments: Vec<NoteCommentId> },
        /// They took it back, with its comments.
        "note.unshared" as "note_unshare" Unshared sees Note to Both { note: NoteId, comments: Vec<NoteCommentId> },
        /// Its author commented on it while it was theirs alone.
        "note.commented" as "note_comment" Commented sees Note {
            comment: NoteCommentId, note: NoteId, coachee: CoacheeId, text: Confidential<NoteComment>
        },
        /// One of the two sides commented on it while it was shared.
        "note.discussed" as "note_discuss" Discussed sees Note to Both {
            comment: NoteCommentId, note: NoteId, coachee: CoacheeId, text: Confidential<NoteComment>
        },
        /// It was deleted, with its comments.
        "note.deleted" as "note_delete" Deleted sees Note { note: NoteId, comments: Vec<NoteCommentId> },
    }
}

refusals! {
    /// Why something about a note was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "NOTE_EXISTS" "This note or comment has been written before.",
        /// It is shared.
        IsShared "NOTE_IS_SHARED" "This note is shared with your coaches already.",
        /// It is not.
        IsNotShared "NOTE_IS_NOT_SHARED" "This note is not shared.",
        /// A coach's own note (S2.32, S3.21).
        IsPrivate "NOTE_IS_PRIVATE" "A coach's notes are for themself alone; only a coachee can share a note.",
        /// As many as can be shared and taken back at once.
        TooManyComments "NOTE_COMMENTS_ARE_TOO_MANY" "A note can have at most 500 comments. Write another note.",
    }
}

/// A note without its text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// About whom.
    pub coachee: CoacheeId,
    /// Who wrote it, and alone changes it.
    pub author: PersonId,
    /// As what they wrote it.
    pub by: Portal,
    /// What it is called.
    pub title: Confidential<Title>,
    /// Whether the coachee whose it is shares it with their coaches.
    pub shared: bool,
    /// How many comments it has.
    pub comments: Count,
    /// When it was written.
    pub written_at: Time,
    /// When its title or text changed last.
    pub changed_at: Time,
}
row! { Note in note, seen as Note, id id: NoteId, subject |r| r.coachee, owner |r| Some(r.author), shared |r| r.shared,
written by |r, _| Some(r.author), columns |r| [changed_at: Time = r.changed_at], sealed [title] }

/// The text of a note, and which comments it has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Body {
    /// The note.
    pub id: NoteId,
    /// About whom it is.
    pub coachee: CoacheeId,
    /// Who wrote it.
    pub author: PersonId,
    /// Whether it is shared.
    pub shared: bool,
    /// Its comments, the oldest first.
    pub comments: Vec<NoteCommentId>,
    /// The text.
    pub text: Revisions<NoteText>,
}
row! { Body in note_text, seen as Note, id id: NoteId, subject |r| r.coachee, owner |r| Some(r.author), shared |r| r.shared,
written by |r, _| Some(r.author), sealed [text] }

/// A comment on a note: sealed and seen as the note is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comment {
    /// Its id.
    pub id: NoteCommentId,
    /// The note.
    pub note: NoteId,
    /// About whom that is.
    pub coachee: CoacheeId,
    /// Who wrote the note.
    pub owner: PersonId,
    /// Whether the note is shared.
    pub shared: bool,
    /// Who wrote the comment.
    pub author: Option<PersonId>,
    /// What they wrote.
    pub text: Confidential<NoteComment>,
    /// When.
    pub at: Time,
}
row! { Comment in note_comment, seen as Note, id id: NoteCommentId, subject |r| r.coachee, owner |r| Some(r.owner),
shared |r| r.shared, written by |r, _| r.author, columns |r| [note: NoteId = r.note, at: Time = r.at], sealed [text] }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Written { note, coachee, by, title, text } => begin(rows, when, (*note, *coachee, *by), (title, text)),
        Event::Titled { note, title } => rows.edit(*note, |row: &mut Note| {
            row.title = title.now.clone();
            row.changed_at = when.at;
        }),
        Event::Saved { note, text, settled, .. } => {
            rows.edit(*note, |row: &mut Note| row.changed_at = when.at);
            rows.edit(*note, |row: &mut Body| row.text.save(text, *settled, when));
        }
        Event::Diverged { note, base, theirs, text, replaced } => {
            let sibling = Sibling { base: *base, theirs: *theirs, text: text.clone(), author: when.actor, at: when.at };
            rows.edit(*note, |row: &mut Body| row.text.diverge(sibling, *replaced));
        }
        Event::Shared { note, comments } => share(rows, *note, comments, true),
        Event::Unshared { note, comments } => share(rows, *note, comments, false),
        Event::Commented { comment, note, coachee, text } => {
            comment_on(rows, when, (*comment, *note, *coachee), text, false);
        }
        Event::Discussed { comment, note, coachee, text } => {
            comment_on(rows, when, (*comment, *note, *coachee), text, true);
        }
        Event::Deleted { note, comments } => {
            rows.delete::<Note>(*note);
            rows.delete::<Body>(*note);
            for comment in comments {
                rows.delete::<Comment>(*comment);
            }
        }
    }
}

/// A note that is nobody's is none.
fn begin(
    rows: &mut Rows,
    when: &When,
    (id, coachee, by): (NoteId, CoacheeId, Portal),
    (title, text): (&Confidential<Title>, &Saved),
) {
    let Some(author) = when.owner else { return };
    let (title, shared) = (title.clone(), false);
    let (written_at, changed_at) = (when.at, when.at);
    rows.put(Note { id, coachee, author, by, title, shared, comments: Count::default(), written_at, changed_at });
    let mut body = Body { id, coachee, author, shared, comments: Vec::new(), text: Revisions::default() };
    body.text.save(text, None, when);
    rows.put(body);
}

fn share(rows: &mut Rows, note: NoteId, comments: &[NoteCommentId], shared: bool) {
    rows.edit(note, |row: &mut Note| row.shared = shared);
    rows.edit(note, |row: &mut Body| row.shared = shared);
    for comment in comments {
        rows.edit(*comment, |row: &mut Comment| row.shared = shared);
    }
}

fn comment_on(
    rows: &mut Rows,
    when: &When,
    (id, note, coachee): (NoteCommentId, NoteId, CoacheeId),
    text: &Confidential<NoteComment>,
    shared: bool,
) {
    let Some(owner) = when.owner else { return };
    let (author, text) = (when.actor, text.clone());
    rows.put(Comment { id, note, coachee, owner, shared, author, text, at: when.at });
    rows.edit(note, |row: &mut Note| row.comments.add_one());
    rows.edit(note, |row: &mut Body| row.comments.push(id));
}

/// The words of the activity log. Of what both sides review no text is said: a note may have been taken back since.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Written { title, .. } => Entry::default().set("title", title),
        Event::Titled { title, .. } => Entry::default().edit("title", Some(title)),
        Event::Saved { text, restored: Some(restored), .. } => {
            Entry::default().set("revision", &text.revision()).set("restored", restored)
        }
        Event::Saved { text, base, restored: None, .. } => {
            Entry::default().set("revision", &text.revision()).set("base", base)
        }
        Event::Diverged { text, base, theirs, .. } => {
            Entry::default().set("revision", &text.number).set("base", base).set("theirs", theirs)
        }
        Event::Shared { .. } => Entry::default(),
        Event::Unshared { .. } => Entry::default(),
        Event::Commented { note, text, .. } => Entry::default().set("note", note).set("text", text),
        Event::Discussed { note, .. } => Entry::default().set("note", note),
        Event::Deleted { .. } => Entry::default(),
    }
}

crate::entry::words! {
    NoteId: |it| it.to_string();
}

impl Note {
    /// Whether the actor sees it: they wrote it, or are a coach with whom it was shared. Access was asked for before.
    fn is_seen(&self, facts: &Facts<'_>) -> Result<bool, Stop> {
        let is_author = facts.actor.person() == Some(self.author);
        Ok(is_author || (self.shared && facts.is_on_the_coaches_side()?))
    }

    /// What its author alone may do. Who sees it may not, and to others it is not there.
    fn of_its_author(&self, facts: &Facts<'_>, decision: Decision) -> Result<Decision, Stop> {
        if facts.actor.person() == Some(self.author) {
            Ok(decision.owned_by(self.author))
        } else if self.is_seen(facts)? {
            Err(Stop::Forbidden)
        } else {
            Err(Stop::NotFound)
        }
    }
}

/// Writes a note about a coachee (S2.33): a coach for themself, or the coachee.
#[derive(Debug)]
pub struct WriteNote {
    /// Its id.
    pub note: NoteId,
    /// About whom.
    pub coachee: CoacheeId,
    /// What it is called.
    pub title: Title,
    /// What it says, at most [`revisions::MOST_BYTES`].
    pub text: NoteText,
}

impl Command for WriteNote {
    shows!(Note note);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (coachee, there) = (facts.get::<Coachee>(self.coachee), facts.find::<Note>(self.note));
        let (coachee, there) = (coachee?, there?);
        let decision = facts.allow(Deed::WriteNotes, self.coachee)?;
        let author = facts.actor.person().ok_or(Stop::Forbidden)?;
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        if !revisions::fits(&self.text) {
            return Err(revisions::Refusal::IsTooLong.into());
        }
        Ok(decision.owned_by(author).with(Event::Written {
            note: self.note,
            coachee: self.coachee,
            by: coachee.side_of(author),
            title: Confidential::new(self.title.clone()),
            text: Saved::first(self.text.clone()),
        }))
    }
}

/// Saves a note: its text, and another title where there is one. The same again changes nothing.
#[derive(Debug)]
pub struct SaveNote {
    /// Which.
    pub note: NoteId,
    /// Another title.
    pub title: Option<Title>,
    /// The revision that the text came from: of the note, or of a sibling that it goes on from.
    pub base: u32,
    /// The text, at most [`revisions::MOST_BYTES`].
    pub text: NoteText,
    /// The sibling whose conflict this text settles, if any.
    pub settles: Option<u32>,
}

impl Command for SaveNote {
    shows!(Body note);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, body) = (facts.get::<Note>(self.note), facts.get::<Body>(self.note));
        let (row, body) = (row?, body?);
        let decision = row.of_its_author(facts, facts.allow(Deed::WriteNotes, row.coachee)?)?;
        let save = Save { base: self.base, text: &self.text, settles: self.settles };
        let step = revisions::save(facts, (body, &body.text), save)?;
        let title = rewritten(facts, row, &row.title, self.title.as_ref())?;
        let titled = title.map(|title| Event::Titled { note: self.note, title });
        // The save comes last: its event's position is the one that the answer looks its conflict up at.
        Ok(decision.with_all(titled).with_all(happens(self.note, step, None)))
    }
}

/// What a save comes to, as what happens to the note.
fn happens(note: NoteId, step: Step<NoteText>, restored: Option<u32>) -> Option<Event> {
    match step {
        Step::Nothing => None,
        Step::Saved { base, text, settled } => Some(Event::Saved { note, base, text, settled, restored }),
        Step::Diverged { base, theirs, text, replaced } => Some(Event::Diverged { note, base, theirs, text, replaced }),
    }
}

/// Brings an earlier text of a note back, as a new revision. A sibling that is brought back is settled.
#[derive(Debug)]
pub struct RestoreNote {
    /// Which.
    pub note: NoteId,
    /// The revision whose text this is.
    pub revision: u32,
    /// Its text, read from the log.
    pub text: NoteText,
}

impl Command for RestoreNote {
    shows!(Body note);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, body) = (facts.get::<Note>(self.note), facts.get::<Body>(self.note));
        let (row, body) = (row?, body?);
        let decision = row.of_its_author(facts, facts.allow(Deed::WriteNotes, row.coachee)?)?;
        let step = revisions::restore(facts, (body, &body.text), (self.revision, &self.text))?;
        Ok(decision.with_all(happens(self.note, step, Some(self.revision))))
    }
}

/// Which way a note goes between its coachee and their coaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// The coachee shares it.
    Share,
    /// They take it back.
    Unshare,
}

/// Shares a coachee's own note with the coaches who have access to them, or takes it back (S2.31).
#[derive(Debug)]
pub struct ShareNote {
    /// Which.
    pub note: NoteId,
    /// Which way.
    pub sharing: Sharing,
}

impl Command for ShareNote {
    shows!(Note note);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, body) = (facts.get::<Note>(self.note), facts.get::<Body>(self.note));
        let (row, body) = (row?, body?);
        let decision = row.of_its_author(facts, facts.allow(Deed::WriteNotes, row.coachee)?)?;
        let (note, comments) = (self.note, body.comments.clone());
        match (row.by, self.sharing, row.shared) {
            (Portal::Coach, Sharing::Share | Sharing::Unshare, _) => Err(Refusal::IsPrivate.into()),
            (Portal::Coachee, Sharing::Share, true) => Err(Refusal::IsShared.into()),
            (Portal::Coachee, Sharing::Unshare, false) => Err(Refusal::IsNotShared.into()),
            (Portal::Coachee, Sharing::Share, false) => Ok(decision.with(Event::Shared { note, comments })),
            (Portal::Coachee, Sharing::Unshare, true) => Ok(decision.with(Event::Unshared { note, comments })),
        }
    }
}

/// Comments on a note that one sees, at any time (S2.33).
#[derive(Debug)]
pub struct CommentOnNote {
    /// The comment's id.
    pub comment: NoteCommentId,
    /// On which.
    pub note: NoteId,
    /// What one has to say.
    pub text: NoteComment,
}

impl Command for CommentOnNote {
    shows!(Comment comment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, there) = (facts.get::<Note>(self.note), facts.find::<Comment>(self.comment));
        let (row, there) = (row?, there?);
        let decision = facts.allow(Deed::WriteNotes, row.coachee)?;
        if !row.is_seen(facts)? {
            return Err(Stop::NotFound);
        }
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        if row.comments >= Count(MOST_COMMENTS) {
            return Err(Refusal::TooManyComments.into());
        }
        let (comment, note, coachee) = (self.comment, self.note, row.coachee);
        let text = Confidential::new(self.text.clone());
        Ok(decision.owned_by(row.author).with(if row.shared {
            Event::Discussed { comment, note, coachee, text }
        } else {
            Event::Commented { comment, note, coachee, text }
        }))
    }
}

/// Deletes a note with its comments. A shared one is taken back first.
#[derive(Debug)]
pub struct DeleteNote {
    /// Which.
    pub note: NoteId,
}

impl Command for DeleteNote {
    shows!(Note note);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, body) = (facts.get::<Note>(self.note), facts.get::<Body>(self.note));
        let (row, body) = (row?, body?);
        let decision = row.of_its_author(facts, facts.allow(Deed::WriteNotes, row.coachee)?)?;
        let (note, comments) = (self.note, body.comments.clone());
        let unshared = row.shared.then(|| Event::Unshared { note, comments: comments.clone() });
        Ok(decision.with_all(unshared).with(Event::Deleted { note, comments }))
    }
}
