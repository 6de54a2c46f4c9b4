//! Texts that save themselves, of sessions and of notes: their revisions, those that could not be merged, and what
//! becomes of a save that came too late (S1.37–S1.42, S2.33).
//!
//! A program saves every few seconds and names the revision that its text came from. What holds of the answer: its
//! `revision` belongs to the text in the same answer, whatever was saved in between; where that text is not the one that
//! was sent, it holds what somebody else wrote, and has to be taken over before the next save names `revision`. A save
//! that could not be merged is a sibling: the answer's conflict has the three texts, and the sibling's own revision.
//!
//! Old revisions lie in the log only, as frames and patches. They are read from the newest back, a bounded number of
//! events at a time, and never held together.

use app::view::Entries;
use app::{Happened, View};
use async_graphql::connection::Connection;
use async_graphql::{Context, ID, Object, SimpleObject};
use domain::account::Right;
use domain::id::{CommandId, Id as _, LogId, PracticeId};
use domain::notes::Patch;
use domain::notes::revisions::{Long, Revisions, Saved, Sibling};
use domain::row::Row;
use domain::text::{Confidential, NoteText, Notes, Numbered, Text};
use domain::{note, session};

use crate::activity::Seq;
use crate::page::Asked;
use crate::scalars::{DateTime, Markdown, Position, id};
use crate::words::{New, Result, UserError, error, look_for, send, viewer};

/// How many events are read at a time while a revision is looked for.
const CHUNK: u32 = 50;

/// A row whose text has revisions.
pub(crate) trait Written: Row {
    /// The text.
    type Text: Long;
    /// The stored kinds of the events that make revisions: each makes one.
    const KINDS: &'static [&'static str];
    /// The text, as far as the row keeps it.
    fn text(&self) -> &Revisions<Self::Text>;
    /// The revision that an event made, if it made one.
    fn made(event: &domain::Event) -> Option<Made<'_, Self::Text>>;
    /// Whose it is, to show a sibling.
    fn lies(self) -> Lies;
}

/// A revision, as its event has it.
pub(crate) enum Made<'e, T: Long> {
    /// Of the line: what it came from, the text, what was brought back.
    Saved(u32, &'e Saved<T>, Option<u32>),
    /// Beside it: what it came from, what the line had come to, the text.
    Beside(u32, u32, &'e Numbered<Confidential<T>>),
}

impl Written for session::Notes {
    type Text = Notes;
    const KINDS: &'static [&'static str] = &["session.notes_saved", "session.notes_diverged"];
    fn text(&self) -> &Revisions<Notes> {
        &self.text
    }
    fn made(event: &domain::Event) -> Option<Made<'_, Notes>> {
        let domain::Event::Session(event) = event else { return None };
        if let session::Event::NotesSaved { base, text, restored, .. } = event {
            return Some(Made::Saved(*base, text, *restored));
        }
        let session::Event::NotesDiverged { base, theirs, text, .. } = event else { return None };
        Some(Made::Beside(*base, *theirs, text))
    }
    fn lies(self) -> Lies {
        Lies::Session(Box::new(self))
    }
}

impl Written for note::Body {
    type Text = NoteText;
    const KINDS: &'static [&'static str] = &["note.written", "note.saved", "note.diverged"];
    fn text(&self) -> &Revisions<NoteText> {
        &self.text
    }
    fn made(event: &domain::Event) -> Option<Made<'_, NoteText>> {
        let domain::Event::Note(event) = event else { return None };
        if let note::Event::Written { text, .. } = event {
            return Some(Made::Saved(0, text, None));
        }
        if let note::Event::Saved { base, text, restored, .. } = event {
            return Some(Made::Saved(*base, text, *restored));
        }
        let note::Event::Diverged { base, theirs, text, .. } = event else { return None };
        Some(Made::Beside(*base, *theirs, text))
    }
    fn lies(self) -> Lies {
        Lies::Note(Box::new(self))
    }
}

/// A row with a text that has revisions.
pub(crate) enum Lies {
    /// A session's notes.
    Session(Box<session::Notes>),
    /// A note's text.
    Note(Box<note::Body>),
}

/// A text that could not be merged with what was there, kept whole.
pub(crate) struct NotesSibling {
    view: View,
    row: Lies,
    revision: u32,
    base: u32,
    author_id: Option<ID>,
    at: DateTime,
}

impl NotesSibling {
    /// Those of a row, the oldest first.
    pub(crate) fn all<W: Written>(view: &View, row: &W) -> Vec<Self> {
        let sibling = |it: &Sibling<W::Text>| Self {
            view: view.clone(),
            row: row.clone().lies(),
            revision: it.text.number,
            base: it.base,
            author_id: it.author.map(id),
            at: DateTime(it.at),
        };
        row.text().siblings.iter().map(sibling).collect()
    }

    async fn read<W: Written>(&self, row: &W) -> Result<Option<String>> {
        let Some(sibling) = row.text().sibling(self.revision) else { return Ok(None) };
        self.view.read_numbered(row, self.revision, &sibling.text.text).await.map_err(error)
    }
}

#[Object]
impl NotesSibling {
    /// Its revision: the base of a save that goes on from it.
    async fn revision(&self) -> u32 {
        self.revision
    }
    /// The revision that it came from.
    async fn base(&self) -> u32 {
        self.base
    }
    /// The text as it was typed.
    #[graphql(complexity = "crate::page::NOTES")]
    async fn text(&self) -> Result<Option<Markdown>> {
        let text = match &self.row {
            Lies::Session(row) => self.read(&**row).await?,
            Lies::Note(row) => self.read(&**row).await?,
        };
        Ok(text.map(Markdown))
    }
    /// Who wrote it.
    async fn author_id(&self) -> Option<ID> {
        self.author_id.clone()
    }
    /// When it was saved.
    async fn at(&self) -> DateTime {
        self.at.clone()
    }
}

/// A save of a text.
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
    /// Whether it was kept beside the text, since it could not be merged.
    sibling: bool,
}

impl NotesRevision {
    /// What an event made, if it made a revision.
    fn new<W: Written>(happened: &Happened) -> Option<Self> {
        let (at, actor_id) = (DateTime(happened.when.at), happened.when.actor.map(id));
        let (revision, base, restored_from, sibling) = match W::made(&happened.event)? {
            Made::Saved(base, text, restored) => (text.revision(), base, restored, false),
            Made::Beside(base, _, text) => (text.number, base, None, true),
        };
        Some(Self { revision, base, at, actor_id, restored_from, sibling })
    }
}

/// A page of the saves of a text, the newest first.
pub(crate) async fn revisions<W: Written>(
    view: &View,
    of: W::Id,
    asked: &Asked,
) -> Result<Connection<Seq, NotesRevision>> {
    crate::activity::paged(view, saves::<W>(of), asked, |happened| NotesRevision::new::<W>(&happened)).await
}

fn saves<W: Written>(of: W::Id) -> Entries {
    let kinds = Some(W::KINDS.iter().map(|kind| (*kind).to_owned()).collect());
    Entries { thing: Some(of.uuid()), kinds, newest_first: true, ..Entries::default() }
}

/// A text as it was.
pub(crate) struct NotesText {
    /// The revision.
    pub(crate) revision: u32,
    /// The text.
    pub(crate) text: String,
}

impl NotesText {
    /// Of a row that the viewer sees; nothing where its text has no such revision.
    pub(crate) async fn of<W: Written>(view: &View, row: &W, revision: u32) -> Result<Option<Self>> {
        Ok(text_at(view, row, revision).await?.map(|text| Self { revision, text }))
    }
}

#[Object]
impl NotesText {
    /// The revision.
    async fn revision(&self) -> u32 {
        self.revision
    }
    /// The text as it was typed.
    #[graphql(complexity = "crate::page::NOTES")]
    async fn text(&self) -> Markdown {
        Markdown(self.text.clone())
    }
    /// The text formatted: HTML that is safe to show.
    #[graphql(complexity = "crate::page::HTML")]
    async fn html(&self) -> String {
        crate::markdown::html(&self.text)
    }
}

fn plain<T: Text>(text: &Confidential<T>) -> Option<String> {
    text.text().map(|text| text.as_str().to_owned())
}

/// The text of a revision, from the row where it still has it, else from the log.
async fn text_at<W: Written>(view: &View, row: &W, revision: u32) -> Result<Option<String>> {
    let row = &view.opened(row).await.map_err(error)?;
    if let Some(text) = row.text().text_at(revision) {
        return Ok(Some(text));
    }
    if revision > row.text().revision {
        return Ok(None);
    }
    // The patches that lead to it, the newest first, until their frame is met.
    let mut patches: Vec<String> = Vec::new();
    let mut before = None;
    loop {
        let entries = Entries { before, limit: CHUNK, saves: true, ..saves::<W>(row.id()) };
        let entries = view.entries(&entries).await.map_err(error)?;
        let Some(oldest) = entries.last() else { return Ok(None) };
        before = Some(oldest.when.seq);
        for happened in &entries {
            let Some(happened) = view.save(row, W::Text::KIND, happened).await.map_err(error)? else {
                return Ok(None);
            };
            let saved = match W::made(&happened.event) {
                Some(Made::Beside(_, _, text)) if text.number == revision => return Ok(plain(&text.text)),
                Some(Made::Saved(_, saved, _)) if saved.revision() <= revision => saved,
                Some(Made::Saved(..) | Made::Beside(..)) | None => continue,
            };
            match saved {
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
    /// The text that was there when yours was saved.
    theirs: Option<Markdown>,
    /// The text that was sent, kept as a sibling.
    yours: Markdown,
    /// The sibling's revision. Go on with it as `base`, or save one text of both with it as `settles`.
    revision: u32,
}

impl NotesConflict {
    /// The conflict that a save ended in, if it did: told by its own event, since others may have saved meanwhile.
    pub(crate) async fn of<W: Written>(
        view: &View,
        row: &W,
        sent: &str,
        (command, position): (CommandId, u64),
    ) -> Result<Option<Self>> {
        let row = &view.opened(row).await.map_err(error)?;
        if row.text().text().as_deref() == Some(sent) {
            return Ok(None);
        }
        let (after, before) = (position.checked_sub(1), position.checked_add(1));
        let entries = Entries { after, before, limit: 1, ..saves::<W>(row.id()) };
        let entries = view.entries(&entries).await.map_err(error)?;
        let (base, theirs, revision) = if let Some(mine) = entries.iter().find(|happened| happened.command == command) {
            let Some(Made::Beside(base, theirs, text)) = W::made(&mine.event) else { return Ok(None) };
            (base, theirs, text.number)
        } else {
            // Nothing was to be saved: the text stood beside the other already.
            let mut siblings = row.text().siblings.iter();
            let Some(same) = siblings.find(|sibling| plain(&sibling.text.text).as_deref() == Some(sent)) else {
                return Ok(None);
            };
            (same.base, same.theirs, same.text.number)
        };
        let (base, theirs) = (text_at(view, row, base).await?, text_at(view, row, theirs).await?);
        let (base, theirs, yours) = (base.map(Markdown), theirs.map(Markdown), Markdown(sent.to_owned()));
        Ok(Some(Self { base, theirs, yours, revision }))
    }
}

/// What became of a save.
pub(crate) struct Kept {
    /// Everything since, where the viewer sees the text.
    view: Option<View>,
    /// The revision of the text that is there now.
    pub(crate) revision: Option<u32>,
    /// Where the text could not be merged: both texts, and what they came from.
    pub(crate) conflict: Option<NotesConflict>,
    /// The log's position since.
    pub(crate) position: Position,
}

impl Kept {
    /// The thing that has the text, as it is since.
    pub(crate) async fn one<R: Row>(&self, id: R::Id) -> Result<Option<(&View, R)>> {
        let Some(view) = &self.view else { return Ok(None) };
        Ok(view.one::<R>(id).await.map_err(error)?.map(|row| (view, row)))
    }
}

/// Runs a command that saves a text or brings one back, or says why it was refused; `sent` is the text of a save.
pub(crate) async fn keep<W: Written, C: domain::Command<Thing = W>>(
    ctx: &Context<'_>,
    practice: PracticeId,
    of: W::Id,
    sent: Option<&str>,
    make: impl FnOnce(&New<'_>) -> std::result::Result<C, UserError>,
) -> Result<std::result::Result<Kept, UserError>> {
    viewer(ctx)?.reach(practice, Right::Write)?;
    let (command, position) = match send(ctx, LogId::Practice(practice), make).await? {
        Ok(done) => (done.command, done.position),
        Err(refused) => return Ok(Err(refused)),
    };
    let seen = look_for::<W>(ctx, practice, Some(position), of).await?;
    let conflict = match (&seen, sent) {
        (Some((view, row)), Some(sent)) => NotesConflict::of(view, row, sent, (command, position)).await?,
        (None, _) | (_, None) => None,
    };
    let revision = seen.as_ref().map(|(_, row)| row.text().newest());
    let view = seen.map(|(view, _)| view);
    Ok(Ok(Kept { view, revision, conflict, position: Position(position) }))
}
