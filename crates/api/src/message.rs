//! Messages between a coach and a coachee, for both sides (S2.16): conversations, sending, and how far each has read.

use app::View;
use app::view::Direction;
use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use domain::account::Portal;
use domain::id::{CoacheeId, ConversationId, MessageId, PersonId, PracticeId};
use domain::message::{self, Mark, To};

use crate::note::Side;
use crate::page::{Asked, Cursor, List, is};
use crate::scalars::{DateTime, Id, id};
use crate::words::{Result, bad, coach_name, error, payload, run, shown, text};

/// How far somebody has read.
#[derive(SimpleObject)]
pub(crate) struct ReadMark {
    /// The `number` of the message up to which they have; 0 before the first.
    number: u32,
    /// When they said so.
    at: Option<DateTime>,
}

impl From<Mark> for ReadMark {
    fn from(mark: Mark) -> Self {
        Self { number: mark.number, at: mark.at.map(DateTime) }
    }
}

/// What a coach and a coachee write to each other. Nobody else sees it.
pub(crate) struct Conversation {
    view: View,
    row: message::Conversation,
}

impl Conversation {
    /// From its row.
    pub(crate) fn new(view: &View, row: message::Conversation) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Conversation {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// The coachee.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// The coach.
    async fn coach_id(&self) -> ID {
        id(self.row.coach)
    }
    /// The name of the other one; nothing where they are in the practice no more.
    async fn with_name(&self) -> Result<Option<String>> {
        if self.view.oneself().is_some() {
            return coach_name(&self.view, self.row.coach).await;
        }
        let coachee = self.view.one::<domain::coachee::Coachee>(self.row.coachee).await.map_err(error)?;
        Ok(coachee.map(|coachee| coachee.full_name()))
    }
    /// How many messages it has.
    async fn message_count(&self) -> u32 {
        self.row.messages().0
    }
    /// How many messages of the other one the viewer has not read.
    async fn unread_count(&self) -> u32 {
        self.row.unread_by(self.view.scope.side.portal()).0
    }
    /// How far the coach has read.
    async fn read_by_coach(&self) -> ReadMark {
        self.row.read_by(Portal::Coach).into()
    }
    /// How far the coachee has read.
    async fn read_by_coachee(&self) -> ReadMark {
        self.row.read_by(Portal::Coachee).into()
    }
    /// The newest message.
    async fn last_message(&self) -> Result<Option<Message>> {
        let row = self.view.one(self.row.last).await.map_err(error)?;
        Ok(row.map(|row| Message::new(&self.view, row)))
    }
    /// When it was sent.
    async fn last_message_at(&self) -> DateTime {
        DateTime(self.row.last_at)
    }
    /// The messages, the newest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn messages(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Message>> {
        let list = List { order: vec![("number", Direction::Descending)], ..List::default() };
        let (list, view) = (list.under("conversation", self.row.id), self.view.clone());
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Message::new(&view, row)).await
    }
}

/// A message.
pub(crate) struct Message {
    view: View,
    row: message::Message,
}

impl Message {
    /// From its row.
    pub(crate) fn new(view: &View, row: message::Message) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Message {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// The conversation.
    async fn conversation_id(&self) -> ID {
        id(self.row.conversation)
    }
    /// The coachee.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// The coach.
    async fn coach_id(&self) -> ID {
        id(self.row.coach)
    }
    /// Which of the two sent it.
    async fn by(&self) -> Side {
        self.row.by.into()
    }
    /// Its place in the conversation, from 1: it was read by whose mark has come so far.
    async fn number(&self) -> u32 {
        self.row.number
    }
    /// What it says.
    #[graphql(complexity = "crate::page::COMMENT")]
    async fn text(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.text)).await
    }
    /// When it was sent.
    async fn sent_at(&self) -> DateTime {
        DateTime(self.row.at)
    }
}

/// The coach portal's conversations.
pub(crate) struct CoachConversations(pub(crate) View);

#[Object]
impl CoachConversations {
    /// The viewer's own conversations with coachees, the one with the newest message first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn conversations(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Conversation>> {
        let list = newest_first().only(is("owner", self.0.scope.person));
        let view = self.0.clone();
        list.connection(&self.0, &Asked { after, before, first, last }, move |row| Conversation::new(&view, row)).await
    }
}

/// A coachee's conversations.
pub(crate) struct OwnConversations {
    /// Who looks.
    pub(crate) view: View,
    /// The same, as a coachee.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl OwnConversations {
    /// The viewer's conversations with coaches, the one with the newest message first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn conversations(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Conversation>> {
        let (list, view) = (newest_first().under("subject", self.coachee), self.view.clone());
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| Conversation::new(&view, row))
            .await
    }
}

fn newest_first() -> List {
    List { order: vec![("last_at", Direction::Descending)], ..List::default() }
}

/// The viewer's conversation as a coach with this coachee.
pub(crate) async fn with(view: &View, coachee: CoacheeId) -> Result<Option<Conversation>> {
    let row = view.one(ConversationId::between(view.scope.person, coachee)).await.map_err(error)?;
    Ok(row.map(|row| Conversation::new(view, row)))
}

payload! {
    MessagePayload { message: Message } of message::Message
    ConversationPayload { conversation: Conversation } of message::Conversation
}

/// Sends a message: either into a conversation, or to a coachee, or as a coachee to a coach.
#[derive(InputObject)]
pub(crate) struct SendMessageInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// The conversation, where it has begun.
    conversation_id: Option<Id<ConversationId>>,
    /// The coachee: to whom a coach writes, or who writes.
    coachee_id: Option<Id<CoacheeId>>,
    /// To which coach a coachee writes; to the one who leads them where it is left out.
    coach_id: Option<Id<PersonId>>,
    /// At most 10 000 characters.
    text: String,
}

/// Says how far one has read.
#[derive(InputObject)]
pub(crate) struct MarkConversationReadInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which conversation.
    conversation_id: Id<ConversationId>,
    /// Up to which message; the newest one where it is left out.
    up_to: Option<Id<MessageId>>,
}

/// Sending messages and reading them.
#[derive(Default)]
pub(crate) struct MessageMutation;

#[Object]
impl MessageMutation {
    /// Sends a message: a coach to a coachee whom they have access to, or a coachee to a coach who has access to them. Name
    /// either `conversationId`, or `coacheeId` and, as a coachee, perhaps `coachId`.
    async fn send_message(&self, ctx: &Context<'_>, input: SendMessageInput) -> Result<Option<MessagePayload>> {
        let to = match (input.conversation_id, input.coachee_id, input.coach_id) {
            (Some(conversation), None, None) => To::Conversation(conversation.0),
            (None, Some(coachee), coach) => To::Coachee(coachee.0, coach.map(|coach| coach.0)),
            (Some(_), _, _) | (None, None, _) => {
                return Err(bad("Name either the conversation, or the coachee and perhaps the coach."));
            }
        };
        run(ctx, input.practice_id.0, |new| {
            Ok(message::SendMessage { message: new.id(), to, text: text("text", &input.text)? })
        })
        .await
    }

    /// Marks a conversation as read up to a message. A mark never goes back.
    async fn mark_conversation_read(
        &self,
        ctx: &Context<'_>,
        input: MarkConversationReadInput,
    ) -> Result<Option<ConversationPayload>> {
        run(ctx, input.practice_id.0, |_| {
            let (conversation, up_to) = (input.conversation_id.0, input.up_to.map(|up_to| up_to.0));
            Ok(message::MarkRead { conversation, up_to })
        })
        .await
    }
}
