//! What coaches and coachees write between the sessions: notes of their own, notes that coachees share, files, and
//! messages.

use bytes::Bytes;
use domain::file::{Permission, UploadFile};
use domain::id::{FileId, NoteId, PersonId};
use domain::message::{MarkRead, SendMessage, To};
use domain::note::{CommentOnNote, ShareNote, Sharing, WriteNote};

use super::{Actors, Character, File, text};
use crate::error::Error;

impl Actors<'_> {
    /// A coach's journal; and where the coachee has a portal, a note of theirs that they share, and a conversation.
    pub(super) async fn wrote(&self, role: &Character, file: &File) -> Result<(), Error> {
        let (coachee, coach) = (file.coachee, file.led_by);
        let journal = WriteNote {
            note: self.app.mint(),
            coachee,
            title: text("Journal")?,
            text: text(&format!("{} goes fast when it gets close.\n\n- ask less, wait longer\n", role.first))?,
        };
        self.act(coach, journal).await?;
        let plan =
            format!("# {}\n\n1. What happened?\n2. What did I want to happen?\n3. What will I try?\n", role.first);
        self.uploads(coach, file, ("worksheet.md", Permission::Shared), plan).await?;
        self.uploads(coach, file, ("prepared.txt", Permission::Private), "Ask about the third question.\n".into())
            .await?;
        let Some(person) = file.person else { return Ok(()) };
        self.later(45);
        let note: NoteId = self.app.mint();
        let own = "This week I noticed:\n\n1. I answer before the question is over\n2. mornings are better\n";
        self.act(person, WriteNote { note, coachee, title: text("What I noticed")?, text: text(own)? }).await?;
        self.act(person, ShareNote { note, sharing: Sharing::Share }).await?;
        self.later(70);
        let comment = self.app.mint();
        let words = text("The first one is worth a session. What happens right before?")?;
        self.act(coach, CommentOnNote { comment, note, text: words }).await?;
        let mut sent = None;
        for (who, words) in [
            (coach, "I read your note. Shall we begin with it next time?"),
            (person, "Yes please. And can we start ten minutes later?"),
            (coach, "Of course."),
        ] {
            self.later(15);
            let message = self.app.mint();
            self.act(who, SendMessage { message, to: To::Coachee(coachee, Some(coach)), text: text(words)? }).await?;
            sent = Some(message);
        }
        let filled = "date,what happened,what I tried\n2026-09-14,spoke over a colleague,waited three breaths\n";
        self.uploads(person, file, ("log.csv", Permission::Shared), filled.to_owned()).await?;
        // The coach's last answer waits to be read.
        let conversation = domain::id::ConversationId::between(coach, coachee);
        self.act(coach, MarkRead { conversation, up_to: sent }).await
    }

    /// Somebody uploads a file about a coachee.
    async fn uploads(
        &self,
        who: PersonId,
        of: &File,
        (name, permission): (&str, Permission),
        content: String,
    ) -> Result<(), Error> {
        let (file, coachee): (FileId, _) = (self.app.mint(), of.coachee);
        let bytes = futures_util::stream::iter([Ok(Bytes::from(content))]);
        let received = self
            .app
            .receive((self.practice, coachee, file), name, bytes)
            .await
            .map_err(|not| app::Error::internal(format!("a file was not taken: {not:?}")))?;
        let (size_bytes, media, key) = (received.size_bytes, received.media, text(&received.key)?);
        let upload = received.offered();
        self.act(who, UploadFile { file, coachee, name: text(name)?, key, size_bytes, media, permission }).await?;
        self.app.entered(upload).await;
        Ok(())
    }
}
