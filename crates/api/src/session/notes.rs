//! A session's notes: the text as it is, every save of it, and what becomes of a save that came too late (S1.37–S1.42).
//!
//! A program saves every few seconds and names the revision that its text came from. What holds of the answer:
//! `revision` belongs to `session.notes.text` in the same answer, whatever was saved in between; where that text is not
//! the one that was sent, it holds what somebody else wrote, and has to be taken over before the next save names
//! `revision`. A save that could not be merged is a sibling: the answer's conflict has the three texts, and the
//! sibling's own revision.
//!
//! Old revisions lie in the log only, as frames and patches. They are read from the newest back, a bounded number of
//! events at a time, and never held together.

use app::view::Entries;
use app::{Happened, View};
use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use domain::account::Right;
use domain::id::{CommandId, Id as _, LogId, PracticeId, SessionId};
use domain::notes::Patch;
use domain::session::{self, Event, Notes, Saved};
use domain::text::{Confidential, Text};

use crate::activity::Seq;
use crate::page::Asked;
use crate::scalars::{DateTime, Id, Markdown, Position, id};
use crate::session::Session;
use crate::words::{New, Once, Result, UserError, app, error, send, text, view, viewer};

/// The stored kinds of the events that make revisions: each makes one.
const KINDS: [&str; 2] = ["session.notes_saved", "session.notes_diverged"];
/// How many events are read at a time while a revision is looked for.
const CHUNK: u32 = 50;

/// The notes of a session.
pub(crate) struct SessionNotes {
    view: View,
    row: Notes,
}

impl SessionNotes {
    /// Of a session that the viewer sees.
    pub(crate) async fn of(view: &View, session: SessionId) -> Result<Option<Self>> {
        let row = view.one::<Notes>(session).await.map_err(error)?;
        Ok(row.map(|row| Self { view: view.clone(), row }))
    }

    /// The text as it is.
    async fn plain(&self) -> Result<Option<String>> {
        Ok(self.view.opened(&self.row).await.map_err(error)?.text())
    }

    /// The text, formatted.
    pub(crate) async fn shown(&self) -> Result<Option<String>> {
        Ok(self.plain().await?.map(|text| crate::markdown::html(&text)))
    }
}

#[Object]
impl SessionNotes {
    /// The revision of the text: the base of a save that comes from it. 0 is the empty text before the first save.
    async fn revision(&self) -> u32 {
        self.row.newest()
    }
    /// The text as it was typed.
    async fn text(&self) -> Result<Option<Markdown>> {
        Ok(self.plain().await?.map(Markdown))
    }
    /// The text formatted: HTML that is safe to show.
    async fn html(&self) -> Result<Option<String>> {
        self.shown().await
    }
    /// Texts that could not be merged and are not settled, the oldest first.
    async fn siblings(&self) -> Vec<NotesSibling> {
        let sibling = |sibling: &session::Sibling| NotesSibling {
            view: self.view.clone(),
            row: self.row.clone(),
            sibling: sibling.clone(),
        };
        self.row.siblings.iter().map(sibling).collect()
    }
    /// When the text was saved last.
    async fn saved_at(&self) -> Option<DateTime> {
        self.row.saved_at.map(DateTime)
    }
    /// By whom.
    async fn saved_by_id(&self) -> Option<ID> {
        self.row.saved_by.map(id)
    }
}

/// A text that could not be merged with the notes, kept whole.
pub(crate) struct NotesSibling {
    view: View,
    row: Notes,
    sibling: session::Sibling,
}

#[Object]
impl NotesSibling {
    /// Its revision: the base of a save that goes on from it.
    async fn revision(&self) -> u32 {
        self.sibling.text.number
    }
    /// The revision of the notes that it came from.
    async fn base(&self) -> u32 {
        self.sibling.base
    }
    /// The text as it was typed.
    async fn text(&self) -> Result<Option<Markdown>> {
        let text = &self.sibling.text;
        let text = self.view.read_numbered(&self.row, text.number, &text.text).await.map_err(error)?;
        Ok(text.map(Markdown))
    }
    /// Who wrote it.
    async fn author_id(&self) -> Option<ID> {
        self.sibling.author.map(id)
    }
    /// When it was saved.
    async fn at(&self) -> DateTime {
        DateTime(self.sibling.at)
    }
}

/// A save of the notes.
#[derive(SimpleObject)]
pub(crate) struct NotesRevision {
    /// Its number.
    revision: u32,
    /// The revision that its text came from.
    base: u32,
    /// When it was saved.
    at: DateTime,
    /// Who saved it.
    actor_id: Option<ID>,
    /// The revision whose text was brought back, if one was.
    restored_from: Option<u32>,
    /// Whether it was kept beside the notes, since it could not be merged.
    sibling: bool,
}

impl NotesRevision {
    /// What an event made, if it made a revision.
    fn new(happened: Happened) -> Option<Self> {
        let (at, actor_id) = (DateTime(happened.when.at), happened.when.actor.map(id));
        let domain::Event::Session(event) = &happened.event else { return None };
        if let Event::NotesSaved { base, text, restored, .. } = event {
            let (revision, restored_from) = (text.revision(), *restored);
            return Some(Self { revision, base: *base, at, actor_id, restored_from, sibling: false });
        }
        let Event::NotesDiverged { base, text, .. } = event else { return None };
        Some(Self { revision: text.number, base: *base, at, actor_id, restored_from: None, sibling: true })
    }
}

/// A page of the saves of a session's notes, the newest first.
pub(crate) async fn revisions(
    view: &View,
    session: SessionId,
    asked: &Asked,
) -> Result<Connection<Seq, NotesRevision>> {
    crate::activity::paged(view, saves(session), asked, NotesRevision::new).await
}

fn saves(session: SessionId) -> Entries {
    let kinds = Some(KINDS.map(str::to_owned).to_vec());
    Entries { thing: Some(session.uuid()), kinds, newest_first: true, ..Entries::default() }
}

/// The notes as they were.
pub(crate) struct NotesText {
    revision: u32,
    text: String,
}

impl NotesText {
    /// Of a session that the viewer sees; nothing where its notes have no such revision.
    pub(crate) async fn of(view: &View, session: SessionId, revision: u32) -> Result<Option<Self>> {
        let Some(row) = view.one::<Notes>(session).await.map_err(error)? else { return Ok(None) };
        Ok(text_at(view, &row, revision).await?.map(|text| Self { revision, text }))
    }
}

#[Object]
impl NotesText {
    /// The revision.
    async fn revision(&self) -> u32 {
        self.revision
    }
    /// The text as it was typed.
    async fn text(&self) -> Markdown {
        Markdown(self.text.clone())
    }
    /// The text formatted: HTML that is safe to show.
    async fn html(&self) -> String {
        crate::markdown::html(&self.text)
    }
}

fn plain<T: Text>(text: &Confidential<T>) -> Option<String> {
    text.text().map(|text| text.as_str().to_owned())
}

/// The text of a revision, from the row where it still has it, else from the log.
async fn text_at(view: &View, row: &Notes, revision: u32) -> Result<Option<String>> {
    let row = &view.opened(row).await.map_err(error)?;
    if let Some(text) = row.text_at(revision) {
        return Ok(Some(text));
    }
    if revision > row.revision {
        return Ok(None);
    }
    // The patches that lead to it, the newest first, until their frame is met.
    let mut patches: Vec<String> = Vec::new();
    let mut before = None;
    loop {
        let entries = view.entries(&Entries { before, limit: CHUNK, ..saves(row.id) }).await.map_err(error)?;
        let Some(oldest) = entries.last() else { return Ok(None) };
        before = Some(oldest.when.seq);
        for happened in &entries {
            let Some(happened) = view.save(row, happened).await.map_err(error)? else { return Ok(None) };
            let domain::Event::Session(event) = &happened.event else { continue };
            if let Event::NotesDiverged { text, .. } = event
                && text.number == revision
            {
                return Ok(plain(&text.text));
            }
            let Event::NotesSaved { text, .. } = event else { continue };
            if text.revision() > revision {
                continue;
            }
            match text {
                Saved::Patch(patch) => match plain(&patch.text) {
                    Some(patch) => patches.push(patch),
                    None => return Ok(None),
                },
                Saved::Frame(frame) => {
                    let whole = plain(&frame.text);
                    let apply = |text: String, patch: &String| Patch::parse(patch)?.apply(&text);
                    return Ok(whole.and_then(|whole| patches.iter().rev().try_fold(whole, apply)));
                }
            }
        }
    }
}

/// Two texts that changed the same lines of a third.
#[derive(SimpleObject)]
pub(crate) struct NotesConflict {
    /// The text that both came from; nothing where it was forgotten.
    base: Option<Markdown>,
    /// The text of the notes when yours was saved.
    theirs: Option<Markdown>,
    /// The text that was sent, kept as a sibling.
    yours: Markdown,
    /// The sibling's revision. Go on with it as `base`, or save one text of both with it as `settles`.
    revision: u32,
}

/// What became of a save of a session's notes.
#[derive(SimpleObject)]
pub(crate) struct SessionNotesPayload {
    /// The session as it is since. Nothing where the change was refused.
    session: Option<Session>,
    /// The revision of `session.notes.text`: the base of the next save. Where that text is not the one that was sent,
    /// it holds what somebody else wrote: take it over first.
    revision: Option<u32>,
    /// Where the text could not be merged: both texts, and what they came from.
    conflict: Option<NotesConflict>,
    /// The log's position since. Nothing where the change was refused.
    position: Option<Position>,
    /// Why the change was refused; empty where it was made.
    errors: Vec<UserError>,
}

/// Saves the notes of a session.
#[derive(Debug, InputObject)]
pub(crate) struct SaveSessionNotesInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which session.
    session_id: Id<SessionId>,
    /// The revision that the text came from: of the notes, or of a sibling that it goes on from.
    base: u32,
    /// The whole text, at most 200 KiB.
    text: Markdown,
    /// The sibling whose conflict this text settles, if it does.
    settles: Option<u32>,
}

/// Brings an earlier text of the notes back.
#[derive(Debug, InputObject)]
pub(crate) struct RestoreSessionNotesInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which session.
    session_id: Id<SessionId>,
    /// The revision whose text it is.
    revision: u32,
}

/// Saving and restoring notes.
#[derive(Default)]
pub(crate) struct NotesMutation;

#[Object]
impl NotesMutation {
    /// Saves the notes, also of a session that has ended. A save from an older revision is merged with what is there;
    /// where both changed the same lines both texts are kept, and the answer has the conflict.
    async fn save_session_notes(
        &self,
        ctx: &Context<'_>,
        input: SaveSessionNotesInput,
    ) -> Result<Option<SessionNotesPayload>> {
        let (practice, session) = (input.practice_id.0, input.session_id.0);
        let sent = input.text.0;
        let make = |_: &New<'_>| {
            let text = text("text", &sent)?;
            Ok(session::SaveNotes { session, base: input.base, text, settles: input.settles })
        };
        answer(ctx, practice, session, Some(&sent), make).await
    }

    /// Brings an earlier text of the notes back, as a new revision.
    async fn restore_session_notes(
        &self,
        ctx: &Context<'_>,
        input: RestoreSessionNotesInput,
    ) -> Result<Option<SessionNotesPayload>> {
        let (practice, session) = (input.practice_id.0, input.session_id.0);
        let before = view(ctx, practice, None).await?;
        let there = NotesText::of(&before, session, input.revision).await?;
        let make = |_: &New<'_>| {
            // What has no text here is no revision anybody could name; who may not restore is told that first.
            let revision = there.as_ref().map_or(u32::MAX, |there| there.revision);
            let text = text("revision", there.as_ref().map_or("", |there| there.text.as_str()))?;
            Ok(session::RestoreNotes { session, revision, text })
        };
        answer(ctx, practice, session, None, make).await
    }
}

/// Runs a command about notes; `sent` is the text of a save.
async fn answer<C: domain::Command<Thing = Notes>>(
    ctx: &Context<'_>,
    practice: PracticeId,
    session: SessionId,
    sent: Option<&str>,
    make: impl FnOnce(&New<'_>) -> std::result::Result<C, UserError>,
) -> Result<Option<SessionNotesPayload>> {
    viewer(ctx)?.reach(practice, Right::Write)?;
    let command = Once::of(ctx, viewer(ctx)?)?.command(app(ctx)?);
    let position = match send(ctx, LogId::Practice(practice), Some(command), make).await? {
        Ok(done) => done.position,
        Err(refused) => {
            return Ok(Some(SessionNotesPayload {
                session: None,
                revision: None,
                conflict: None,
                position: None,
                errors: vec![refused],
            }));
        }
    };
    let view = view(ctx, practice, Some(position)).await?;
    let row = view.one::<session::Session>(session).await.map_err(error)?;
    let notes = view.one::<Notes>(session).await.map_err(error)?;
    let conflict = match (&notes, sent) {
        (Some(notes), Some(sent)) => conflict(&view, notes, sent, (command, position)).await?,
        (None, _) | (_, None) => None,
    };
    Ok(Some(SessionNotesPayload {
        session: row.map(|row| Session::new(&view, row)),
        revision: notes.as_ref().map(Notes::newest),
        conflict,
        position: Some(Position(position)),
        errors: Vec::new(),
    }))
}

/// The conflict that a save ended in, if it did: told by its own event, since others may have saved meanwhile.
async fn conflict(
    view: &View,
    notes: &Notes,
    sent: &str,
    (command, position): (CommandId, u64),
) -> Result<Option<NotesConflict>> {
    let notes = &view.opened(notes).await.map_err(error)?;
    if notes.text().as_deref() == Some(sent) {
        return Ok(None);
    }
    let (after, before) = (position.checked_sub(1), position.checked_add(1));
    let entries = view.entries(&Entries { after, before, limit: 1, ..saves(notes.id) }).await.map_err(error)?;
    let (base, theirs, revision) = if let Some(mine) = entries.iter().find(|happened| happened.command == command) {
        let domain::Event::Session(Event::NotesDiverged { base, theirs, text, .. }) = &mine.event else {
            return Ok(None);
        };
        (*base, *theirs, text.number)
    } else {
        // Nothing was to be saved: the text stood beside the notes already.
        let same = notes.siblings.iter().find(|sibling| plain(&sibling.text.text).as_deref() == Some(sent));
        let Some(same) = same else { return Ok(None) };
        (same.base, same.theirs, same.text.number)
    };
    let (base, theirs) = (text_at(view, notes, base).await?, text_at(view, notes, theirs).await?);
    Ok(Some(NotesConflict {
        base: base.map(Markdown),
        theirs: theirs.map(Markdown),
        yours: Markdown(sent.to_owned()),
        revision,
    }))
}
