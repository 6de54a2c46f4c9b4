//! What coaches and coachees write between the sessions: notes of their own, notes that coachees share, and messages.

use domain::id::NoteId;
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
        // The coach's last answer waits to be read.
        let conversation = domain::id::ConversationId::between(coach, coachee);
        self.act(coach, MarkRead { conversation, up_to: sent }).await
    }
}
