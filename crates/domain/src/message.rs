//! Messages between a coach and a coachee (S2.16): one conversation for each two of them.
//!
//! What holds here:
//! * only these two see a conversation: no manager, no other coach. It is about the coachee, belongs to the coach, and is
//!   shared with the coachee; a coach without access to the coachee does not see it until they have access again;
//! * a coachee writes to coaches who have access to them: where nobody is named, to the one who leads them. Managers see
//!   every coachee without a grant: a coachee writes to one who leads them or has written to them;
//! * a message has a place in its conversation and a place among its sender's messages, from 1. So a mark of how far
//!   somebody has read is a message, and what they have not read is a difference of two numbers of the conversation: nobody
//!   ever counts messages.

use serde::{Deserialize, Serialize};

use crate::access::Deed;
use crate::account::Portal;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{AccessId, CoacheeId, ConversationId, MessageId, PersonId};
use crate::practice::{Access, Member};
use crate::text::{self, Confidential};
use crate::value::{Count, Time};
use crate::{Rows, refusals};

events! {
    /// What happens in a conversation. Its owner is the coach.
    pub enum Event {
        /// One of the two wrote. `number` is the message's place in the conversation, `of_sender` among its sender's.
        "message.sent" as "message_send" Sent sees Message to Both {
            message: MessageId, conversation: ConversationId, coachee: CoacheeId, coach: PersonId, by: Portal, number: u32,
            of_sender: u32, text: Confidential<text::Message>
        },
        /// One of the two has read up to a message, which is the conversation's `number`th; `received` messages of the
        /// other one lie up to there.
        "message.read" as "conversation_read" Read sees Message to Both {
            conversation: ConversationId, message: MessageId, by: Portal, number: u32, received: u32
        },
    }
}

refusals! {
    /// Why something about messages was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "MESSAGE_EXISTS" "This message has been sent before.",
        /// They lost access, or left.
        CoachIsGone "COACH_CANNOT_BE_WRITTEN_TO" "This coach does not work with you any more. Write to another one of your coaches.",
        /// Nobody to write to.
        NobodyLeads "COACHEE_HAS_NO_LEAD" "No coach leads you at the moment. Name the coach to whom you write.",
    }
}

/// How far somebody has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The place in the conversation up to which they have.
    pub number: u32,
    /// How many of the other one's messages lie up to there.
    pub received: Count,
    /// When they said so.
    pub at: Option<Time>,
}

/// What a coach and a coachee write to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conversation {
    /// Derived from both.
    pub id: ConversationId,
    /// The coachee.
    pub coachee: CoacheeId,
    /// The coach.
    pub coach: PersonId,
    /// How many messages the coach sent.
    pub of_coach: Count,
    /// How many the coachee sent.
    pub of_coachee: Count,
    /// How far the coach has read.
    pub read_by_coach: Mark,
    /// How far the coachee has.
    pub read_by_coachee: Mark,
    /// The newest message.
    pub last: MessageId,
    /// When it was sent.
    pub last_at: Time,
}
row! { Conversation in conversation, seen as Message, id id: ConversationId, subject |r| r.coachee, owner |r| Some(r.coach),
shared |_r| true, columns |r| [last_at: Time = r.last_at] }

impl Conversation {
    /// How many messages it has.
    pub const fn messages(&self) -> Count {
        self.of_coach.and(self.of_coachee)
    }

    /// How far this side has read.
    pub const fn read_by(&self, side: Portal) -> Mark {
        match side {
            Portal::Coach => self.read_by_coach,
            Portal::Coachee => self.read_by_coachee,
        }
    }

    /// How many messages of the other side this one has not read.
    pub const fn unread_by(&self, side: Portal) -> Count {
        match side {
            Portal::Coach => self.of_coachee.less(self.read_by_coach.received),
            Portal::Coachee => self.of_coach.less(self.read_by_coachee.received),
        }
    }
}

/// A message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The coachee.
    pub coachee: CoacheeId,
    /// The coach.
    pub coach: PersonId,
    /// Which of the two sent it.
    pub by: Portal,
    /// Who that was.
    pub author: Option<PersonId>,
    /// Its place in the conversation, from 1.
    pub number: u32,
    /// Its place among its sender's messages.
    pub of_sender: u32,
    /// What it says.
    pub text: Confidential<text::Message>,
    /// When it was sent.
    pub at: Time,
}
row! { Message in message, seen as Message, id id: MessageId, subject |r| r.coachee, owner |r| Some(r.coach), shared |_r| true,
written by |r, _| r.author, columns |r| [conversation: ConversationId = r.conversation, number: u32 = r.number], sealed [text] }

impl Message {
    /// How many messages of the other side a reader of this side has with it and what lies before it.
    fn received_by(&self, side: Portal) -> u32 {
        if self.by == side { self.number.saturating_sub(self.of_sender) } else { self.of_sender }
    }
}

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Sent { message, conversation, coachee, coach, by, number, of_sender, text } => {
            let of_other = number.saturating_sub(*of_sender);
            let (of_coach, of_coachee) = match by {
                Portal::Coach => (Count(*of_sender), Count(of_other)),
                Portal::Coachee => (Count(of_other), Count(*of_sender)),
            };
            rows.upsert(*conversation, |was: Option<Conversation>| {
                let marks = was.map(|was| (was.read_by_coach, was.read_by_coachee));
                let (read_by_coach, read_by_coachee) = marks.unwrap_or_default();
                Some(Conversation {
                    id: *conversation,
                    coachee: *coachee,
                    coach: *coach,
                    of_coach,
                    of_coachee,
                    read_by_coach,
                    read_by_coachee,
                    last: *message,
                    last_at: when.at,
                })
            });
            rows.put(Message {
                id: *message,
                conversation: *conversation,
                coachee: *coachee,
                coach: *coach,
                by: *by,
                author: when.actor,
                number: *number,
                of_sender: *of_sender,
                text: text.clone(),
                at: when.at,
            });
        }
        Event::Read { conversation, by, number, received, .. } => {
            let mark = Mark { number: *number, received: Count(*received), at: Some(when.at) };
            rows.edit(*conversation, |row: &mut Conversation| match by {
                Portal::Coach => row.read_by_coach = mark,
                Portal::Coachee => row.read_by_coachee = mark,
            });
        }
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Sent { conversation, text, .. } => Entry::default().set("conversation", conversation).set("text", text),
        Event::Read { message, .. } => Entry::default().set("message", message),
    }
}

crate::entry::words! {
    ConversationId: |it| it.to_string();
    MessageId: |it| it.to_string();
}

/// To whom a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Into a conversation that has begun.
    Conversation(ConversationId),
    /// To the coachee, from a coach; or from the coachee to this coach, or to the one who leads them.
    Coachee(CoacheeId, Option<PersonId>),
}

/// Sends a message: a coach to a coachee to whom they have access, or a coachee to a coach who has access to them.
#[derive(Debug)]
pub struct SendMessage {
    /// Its id.
    pub message: MessageId,
    /// To whom.
    pub to: To,
    /// What it says.
    pub text: text::Message,
}

impl Command for SendMessage {
    shows!(Message message);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let there = facts.find::<Message>(self.message);
        let (id, named) = match self.to {
            To::Conversation(conversation) => {
                let row = facts.get::<Conversation>(conversation)?;
                (row.coachee, Some(row.coach))
            }
            To::Coachee(coachee, coach) => (coachee, coach),
        };
        let (coachee, there) = (facts.get::<Coachee>(id)?, there?);
        let decision = facts.allow(Deed::Converse, id)?;
        let me = facts.actor.person().ok_or(Stop::Forbidden)?;
        let by = coachee.side_of(me);
        let coach = match (by, self.to) {
            (Portal::Coach, To::Conversation(_)) => named.filter(|coach| *coach == me).ok_or(Stop::NotFound)?,
            (Portal::Coach, To::Coachee(_, None)) => me,
            // Nobody writes as another coach.
            (Portal::Coach, To::Coachee(_, Some(coach))) => {
                Some(coach).filter(|it| *it == me).ok_or(Stop::Forbidden)?
            }
            (Portal::Coachee, To::Conversation(_) | To::Coachee(..)) => {
                named.or(coachee.lead).ok_or(Refusal::NobodyLeads)?
            }
        };
        let conversation = ConversationId::between(coach, id);
        let row = facts.find::<Conversation>(conversation)?;
        if by == Portal::Coachee && !works_with(facts, coach, coachee, row)? {
            // A coach whom the coachee never knew is not there.
            return Err(if knows(coachee, coach, row) { Refusal::CoachIsGone.into() } else { Stop::NotFound });
        }
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        let (of_coach, of_coachee) = row.map(|row| (row.of_coach, row.of_coachee)).unwrap_or_default();
        let mut of_sender = match by {
            Portal::Coach => of_coach,
            Portal::Coachee => of_coachee,
        };
        let mut number = of_coach.and(of_coachee);
        number.add_one();
        of_sender.add_one();
        Ok(decision.owned_by(coach).with(Event::Sent {
            message: self.message,
            conversation,
            coachee: id,
            coach,
            by,
            number: number.0,
            of_sender: of_sender.0,
            text: Confidential::new(self.text.clone()),
        }))
    }
}

/// Whether a coachee knows this coach beside those with access to them: who leads them, and with whom they have talked.
fn knows(coachee: &Coachee, coach: PersonId, talk: Option<&Conversation>) -> bool {
    talk.is_some() || coachee.lead == Some(coach)
}

/// Whether a coachee may write to this coach: one with access to them, or a manager whom they know. Nobody grants managers
/// access: they have it.
fn works_with(
    facts: &Facts<'_>,
    coach: PersonId,
    coachee: &Coachee,
    talk: Option<&Conversation>,
) -> Result<bool, Stop> {
    let (member, access) =
        (facts.find::<Member>(coach), facts.find::<Access>(AccessId::between(coach, coachee.client())));
    let (Some(member), access) = (member?, access?) else { return Ok(false) };
    Ok(access.is_some_and(|access| access.holds(member))
        || (member.role != crate::practice::Role::Coach && knows(coachee, coach, talk)))
}

/// Marks a conversation as read up to a message. Nobody's mark goes back.
#[derive(Debug)]
pub struct MarkRead {
    /// Which.
    pub conversation: ConversationId,
    /// Up to which message; the newest where it is left out.
    pub up_to: Option<MessageId>,
}

impl Command for MarkRead {
    shows!(Conversation conversation);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Conversation>(self.conversation)?;
        let (coachee, up_to) =
            (facts.get::<Coachee>(row.coachee), facts.find::<Message>(self.up_to.unwrap_or(row.last)));
        let (coachee, up_to) = (coachee?, up_to?);
        let decision = facts.allow(Deed::Converse, row.coachee)?;
        let me = facts.actor.person().ok_or(Stop::Forbidden)?;
        let by = coachee.side_of(me);
        let is_one_of_two = by == Portal::Coachee || row.coach == me;
        let up_to = up_to.filter(|up_to| is_one_of_two && up_to.conversation == row.id).ok_or(Stop::NotFound)?;
        if up_to.number <= row.read_by(by).number {
            return Ok(decision);
        }
        let (number, received) = (up_to.number, up_to.received_by(by));
        let read = Event::Read { conversation: self.conversation, message: up_to.id, by, number, received };
        Ok(decision.owned_by(row.coach).with(read))
    }
}
