//! Notes, for both sides: a coach's private ones, a coachee's own, and those that a coachee shares (S2.31–S2.35, S3.21).
//!
//! One type serves both portals: it has no field for what only one side may see, since whose a note is decides that. What
//! is the author's alone (revisions, texts that could not be merged) is empty to who reads a shared note.

use app::View;
use app::view::{Direction, Filter, Value};
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use domain::account::Portal;
use domain::id::{CoacheeId, NoteId, PersonId, PracticeId};
use domain::note::{self, Body, Sharing};

use crate::activity::Seq;
use crate::page::{Asked, Cursor, List, is};
use crate::revisions::{self, NotesConflict, NotesRevision, NotesSibling, NotesText, keep};
use crate::scalars::{DateTime, Id, Markdown, Position, id};
use crate::words::{
    DeletedPayload, New, Result, UserError, delete, error, look_for, payload, run, shown, text, text_or,
};

/// One of the two sides of coaching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Portal")]
pub(crate) enum Side {
    /// A coach.
    Coach,
    /// The coachee.
    Coachee,
}

/// A note about a coachee.
pub(crate) struct Note {
    view: View,
    row: note::Note,
}

impl Note {
    /// From its row.
    pub(crate) fn new(view: &View, row: note::Note) -> Self {
        Self { view: view.clone(), row }
    }

    fn is_mine(&self) -> bool {
        self.row.author == self.view.scope.person
    }

    async fn body(&self) -> Result<Option<Body>> {
        self.view.one::<Body>(self.row.id).await.map_err(error)
    }

    /// Its text, where the viewer wrote it.
    async fn own_body(&self) -> Result<Option<Body>> {
        if self.is_mine() { self.body().await } else { Ok(None) }
    }

    async fn plain(&self) -> Result<Option<String>> {
        let Some(body) = self.body().await? else { return Ok(None) };
        Ok(self.view.opened(&body).await.map_err(error)?.text.text())
    }
}

#[Object]
impl Note {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// About whom.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// Who wrote it, and alone changes it.
    async fn author_id(&self) -> ID {
        id(self.row.author)
    }
    /// On which side its author is.
    async fn by(&self) -> Side {
        self.row.by.into()
    }
    /// What it is called.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// The text as it was typed.
    #[graphql(complexity = "crate::page::NOTES")]
    async fn text(&self) -> Result<Option<Markdown>> {
        Ok(self.plain().await?.map(Markdown))
    }
    /// The text formatted: HTML that is safe to show.
    #[graphql(complexity = "crate::page::HTML")]
    async fn html(&self) -> Result<Option<String>> {
        Ok(self.plain().await?.map(|text| crate::markdown::html(&text)))
    }
    /// Whether the coachee whose it is shares it with the coaches who have access to them.
    async fn shared(&self) -> bool {
        self.row.shared
    }
    /// The revision of the text: the base of a save that comes from it. Nothing where the viewer did not write it.
    #[graphql(complexity = 10)]
    async fn newest_revision(&self) -> Result<Option<u32>> {
        Ok(self.own_body().await?.map(|body| body.text.newest()))
    }
    /// Texts that could not be merged and are not settled, the oldest first; its author's to see.
    #[graphql(complexity = "10 + child_complexity")]
    async fn siblings(&self) -> Result<Vec<NotesSibling>> {
        Ok(self.own_body().await?.map(|body| NotesSibling::all(&self.view, &body)).unwrap_or_default())
    }
    /// Every save of the text, the newest first; its author's to see.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn revisions(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Seq, NotesRevision>> {
        revisions::revisions::<Body>(&self.view, self.row.id, &Asked { after, before, first, last }).await
    }
    /// The text as it was at a revision; its author's to see. It is looked for in the log: the older it is, the longer
    /// that takes.
    #[graphql(complexity = "100 + child_complexity")]
    async fn revision(&self, number: u32) -> Result<Option<NotesText>> {
        let Some(body) = self.own_body().await? else { return Ok(None) };
        NotesText::of(&self.view, &body, number).await
    }
    /// How many comments it has.
    async fn comment_count(&self) -> u32 {
        self.row.comments.0
    }
    /// The comments, the oldest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn comments(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, NoteComment>> {
        let (view, list) = (self.view.clone(), List::by("at").under("note", self.row.id));
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| NoteComment::new(&view, row))
            .await
    }
    /// When it was written.
    async fn written_at(&self) -> DateTime {
        DateTime(self.row.written_at)
    }
    /// When its title or text changed last.
    async fn changed_at(&self) -> DateTime {
        DateTime(self.row.changed_at)
    }
}

/// A comment on a note. Who sees the note sees it.
pub(crate) struct NoteComment {
    view: View,
    row: note::Comment,
}

impl NoteComment {
    /// From its row.
    pub(crate) fn new(view: &View, row: note::Comment) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl NoteComment {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// The note.
    async fn note_id(&self) -> ID {
        id(self.row.note)
    }
    /// About whom the note is.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// Who wrote it.
    async fn author_id(&self) -> Option<ID> {
        self.row.author.map(id)
    }
    /// What they wrote.
    #[graphql(complexity = "crate::page::COMMENT")]
    async fn text(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.text)).await
    }
    /// When.
    async fn at(&self) -> DateTime {
        DateTime(self.row.at)
    }
}

/// Whose notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum NoteOrigin {
    /// The viewer's own.
    Mine,
    /// Those that coachees shared.
    SharedByCoachee,
}

/// Which notes.
#[derive(Default, InputObject)]
pub(crate) struct NoteFilter {
    /// About this coachee.
    coachee_id: Option<Id<CoacheeId>>,
    /// Only the viewer's own, or only those that coachees shared.
    of: Option<NoteOrigin>,
}

/// The notes of this origin that somebody sees, those that changed last first.
fn list(of: Option<NoteOrigin>, viewer: PersonId) -> List {
    let list = List { order: vec![("changed_at", Direction::Descending)], ..List::default() };
    match of {
        Some(NoteOrigin::Mine) => list.only(is("owner", viewer)),
        Some(NoteOrigin::SharedByCoachee) => list.only(Filter::Eq("shared".to_owned(), Value::Bool(true))),
        None => list,
    }
}

/// The coach portal's notes.
pub(crate) struct CoachNotes(pub(crate) View);

#[Object]
impl CoachNotes {
    /// The viewer's own notes, and those that coachees shared with their coaches; those that changed last come first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn notes(
        &self,
        filter: Option<NoteFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Note>> {
        let filter = filter.unwrap_or_default();
        let mut list = list(filter.of, self.0.scope.person);
        if let Some(coachee) = filter.coachee_id {
            list = list.only(is("subject", coachee.0));
        }
        let view = self.0.clone();
        list.connection(&self.0, &Asked { after, before, first, last }, move |row| Note::new(&view, row)).await
    }
}

/// The notes about one coachee, for coaches: in their file, and in a session's notepad (S2.35).
pub(crate) async fn about(
    view: &View,
    coachee: CoacheeId,
    of: Option<NoteOrigin>,
    asked: &Asked,
) -> Result<Connection<Cursor, Note>> {
    let list = list(of, view.scope.person).under("subject", coachee);
    let of = view.clone();
    list.connection(view, asked, move |row| Note::new(&of, row)).await
}

/// The notes in a coachee's file.
pub(crate) struct FileNotes {
    /// Who looks.
    pub(crate) view: View,
    /// At whose file.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl FileNotes {
    /// The viewer's own notes about the coachee, and those that the coachee shared; those that changed last come first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn notes(
        &self,
        #[graphql(desc = "Only the viewer's own, or only those that the coachee shared.")] of: Option<NoteOrigin>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Note>> {
        about(&self.view, self.coachee, of, &Asked { after, before, first, last }).await
    }
}

/// A coachee's own notes.
pub(crate) struct OwnNotes {
    /// Who looks.
    pub(crate) view: View,
    /// The same, as a coachee.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl OwnNotes {
    /// The viewer's own notes, those that changed last first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn notes(
        &self,
        #[graphql(desc = "Only those that are shared, or only those that are not.")] shared: Option<bool>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Note>> {
        let mut list = list(None, self.view.scope.person).under("subject", self.coachee);
        if let Some(shared) = shared {
            list = list.only(Filter::Eq("shared".to_owned(), Value::Bool(shared)));
        }
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Note::new(&view, row)).await
    }
}

payload! {
    NotePayload { note: Note } of note::Note
    NoteCommentPayload { comment: NoteComment } of note::Comment
}

/// What became of a save of a note.
#[derive(SimpleObject)]
pub(crate) struct SavedNotePayload {
    /// The note as it is since. Nothing where the change was refused.
    note: Option<Note>,
    /// The revision of `note.text`: the base of the next save. Where that text is not the one that was sent, it holds what
    /// was written elsewhere: take it over first.
    revision: Option<u32>,
    /// Where the text could not be merged: both texts, and what they came from.
    conflict: Option<NotesConflict>,
    /// The log's position since. Nothing where the change was refused.
    position: Option<Position>,
    /// Why the change was refused; empty where it was made.
    errors: Vec<UserError>,
}

/// Writes a note.
#[derive(InputObject)]
pub(crate) struct WriteNoteInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// About whom.
    coachee_id: Id<CoacheeId>,
    /// What it is called.
    title: String,
    /// The text, at most 200 KiB.
    text: Markdown,
}

/// Saves a note.
#[derive(InputObject)]
pub(crate) struct SaveNoteInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    note_id: Id<NoteId>,
    /// Another title; the one that it has stays where it is left out.
    title: Option<String>,
    /// The revision that the text came from: of the note, or of a sibling that it goes on from.
    base: u32,
    /// The whole text, at most 200 KiB.
    text: Markdown,
    /// The sibling whose conflict this text settles, if it does.
    settles: Option<u32>,
}

/// Brings an earlier text of a note back.
#[derive(InputObject)]
pub(crate) struct RestoreNoteInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which note.
    note_id: Id<NoteId>,
    /// The revision whose text it is.
    revision: u32,
}

/// Shares a note.
#[derive(InputObject)]
pub(crate) struct ShareNoteInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    note_id: Id<NoteId>,
}

/// Takes a shared note back.
#[derive(InputObject)]
pub(crate) struct UnshareNoteInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    note_id: Id<NoteId>,
}

/// Names a note.
#[derive(InputObject)]
pub(crate) struct DeleteNoteInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    note_id: Id<NoteId>,
}

/// Comments on a note.
#[derive(InputObject)]
pub(crate) struct CommentOnNoteInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which note.
    note_id: Id<NoteId>,
    /// At most 5 000 characters.
    text: String,
}

/// Writing notes, sharing them, commenting on them.
#[derive(Default)]
pub(crate) struct NoteMutation;

#[Object]
impl NoteMutation {
    /// Writes a note about a coachee. A coach's is theirs alone; a coachee's own is theirs alone until they share it.
    async fn write_note(&self, ctx: &Context<'_>, input: WriteNoteInput) -> Result<Option<NotePayload>> {
        run(ctx, input.practice_id.0, |new| {
            Ok(note::WriteNote {
                note: new.id(),
                coachee: input.coachee_id.0,
                title: text("title", &input.title)?,
                text: text("text", &input.text.0)?,
            })
        })
        .await
    }

    /// Saves a note; only its author can. A save from an older revision is merged with what is there; where both changed
    /// the same lines both texts are kept, and the answer has the conflict.
    async fn save_note(&self, ctx: &Context<'_>, input: SaveNoteInput) -> Result<Option<SavedNotePayload>> {
        let (practice, note, sent) = (input.practice_id.0, input.note_id.0, input.text.0);
        let make = |_: &New<'_>| {
            let (title, text) = (text_or("title", input.title.as_ref())?, text("text", &sent)?);
            Ok(note::SaveNote { note, title, base: input.base, text, settles: input.settles })
        };
        answer(ctx, practice, note, Some(&sent), make).await
    }

    /// Brings an earlier text of a note back, as a new revision; only its author can.
    async fn restore_note(&self, ctx: &Context<'_>, input: RestoreNoteInput) -> Result<Option<SavedNotePayload>> {
        let (practice, note) = (input.practice_id.0, input.note_id.0);
        // Nobody waits for a connection to read with who holds one: enough who did would wait for each other.
        let there = match look_for::<Body>(ctx, practice, None, note).await? {
            Some((before, body)) if body.author == before.scope.person => {
                NotesText::of(&before, &body, input.revision).await?
            }
            Some(_) | None => None,
        };
        let make = |_: &New<'_>| {
            // What has no text here is no revision anybody could name; who may not restore is told that first.
            let revision = there.as_ref().map_or(u32::MAX, |there| there.revision);
            let text = text("revision", there.as_ref().map_or("", |there| there.text.as_str()))?;
            Ok(note::RestoreNote { note, revision, text })
        };
        answer(ctx, practice, note, None, make).await
    }

    /// Shares the viewer's own note as a coachee with the coaches who have access to them.
    async fn share_note(&self, ctx: &Context<'_>, input: ShareNoteInput) -> Result<Option<NotePayload>> {
        share(ctx, input.practice_id.0, (input.note_id.0, Sharing::Share)).await
    }

    /// Takes a shared note back, with its comments.
    async fn unshare_note(&self, ctx: &Context<'_>, input: UnshareNoteInput) -> Result<Option<NotePayload>> {
        share(ctx, input.practice_id.0, (input.note_id.0, Sharing::Unshare)).await
    }

    /// Comments on a note that the viewer sees; a note has at most 500 comments.
    async fn comment_on_note(
        &self,
        ctx: &Context<'_>,
        input: CommentOnNoteInput,
    ) -> Result<Option<NoteCommentPayload>> {
        run(ctx, input.practice_id.0, |new| {
            Ok(note::CommentOnNote { comment: new.id(), note: input.note_id.0, text: text("text", &input.text)? })
        })
        .await
    }

    /// Deletes a note with its comments; only its author can.
    async fn delete_note(&self, ctx: &Context<'_>, input: DeleteNoteInput) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(note::DeleteNote { note: input.note_id.0 })).await
    }
}

async fn share(
    ctx: &Context<'_>,
    practice: PracticeId,
    (note, sharing): (NoteId, Sharing),
) -> Result<Option<NotePayload>> {
    run(ctx, practice, |_| Ok(note::ShareNote { note, sharing })).await
}

/// Runs a command about a note's text; `sent` is the text of a save.
async fn answer<C: domain::Command<Thing = Body>>(
    ctx: &Context<'_>,
    practice: PracticeId,
    note: NoteId,
    sent: Option<&str>,
    make: impl FnOnce(&New<'_>) -> std::result::Result<C, UserError>,
) -> Result<Option<SavedNotePayload>> {
    let kept = match keep(ctx, practice, note, sent, make).await? {
        Ok(kept) => kept,
        Err(refused) => {
            let errors = vec![refused];
            return Ok(Some(SavedNotePayload { note: None, revision: None, conflict: None, position: None, errors }));
        }
    };
    let seen = kept.one::<note::Note>(note).await?;
    Ok(Some(SavedNotePayload {
        note: seen.map(|(view, row)| Note::new(view, row)),
        revision: kept.revision,
        conflict: kept.conflict,
        position: Some(kept.position),
        errors: Vec::new(),
    }))
}
