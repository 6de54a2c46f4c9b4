//! A session's notes: the text as it is, saving it and bringing earlier texts back (S1.37–S1.42). Revisions, siblings and
//! conflicts are in [`crate::revisions`].

use app::View;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use domain::id::{PracticeId, SessionId};
use domain::session::{self, Notes};

use crate::revisions::{NotesConflict, NotesSibling, NotesText, keep};
use crate::scalars::{DateTime, Id, Markdown, Position, id};
use crate::session::Session;
use crate::words::{New, Result, UserError, error, text, view};

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

    /// The text as it was at a revision.
    pub(crate) async fn at(&self, revision: u32) -> Result<Option<NotesText>> {
        NotesText::of(&self.view, &self.row, revision).await
    }

    /// The text as it is.
    async fn plain(&self) -> Result<Option<String>> {
        Ok(self.view.opened(&self.row).await.map_err(error)?.text.text())
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
        self.row.text.newest()
    }
    /// The text as it was typed.
    #[graphql(complexity = "crate::page::NOTES")]
    async fn text(&self) -> Result<Option<Markdown>> {
        Ok(self.plain().await?.map(Markdown))
    }
    /// The text formatted: HTML that is safe to show.
    #[graphql(complexity = "crate::page::HTML")]
    async fn html(&self) -> Result<Option<String>> {
        self.shown().await
    }
    /// Texts that could not be merged and are not settled, the oldest first.
    async fn siblings(&self) -> Vec<NotesSibling> {
        NotesSibling::all(&self.view, &self.row)
    }
    /// When the text was saved last.
    async fn saved_at(&self) -> Option<DateTime> {
        self.row.text.saved_at.map(DateTime)
    }
    /// By whom.
    async fn saved_by_id(&self) -> Option<ID> {
        self.row.text.saved_by.map(id)
    }
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
#[derive(InputObject)]
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
#[derive(InputObject)]
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
        let there = match before.one::<Notes>(session).await.map_err(error)? {
            Some(row) => NotesText::of(&before, &row, input.revision).await?,
            None => None,
        };
        // Nobody waits for a connection to read with who holds one: enough who did would wait for each other.
        drop(before);
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
    let kept = match keep(ctx, practice, session, sent, make).await? {
        Ok(kept) => kept,
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
    let seen = kept.one::<session::Session>(session).await?;
    Ok(Some(SessionNotesPayload {
        session: seen.map(|(view, row)| Session::new(view, row)),
        revision: kept.revision,
        conflict: kept.conflict,
        position: Some(kept.position),
        errors: Vec::new(),
    }))
}
