//! Messages: who writes to whom, and what is unread (S2.16).
#![cfg(test)]

mod support;

use domain::Stop;
use domain::account::Portal;
use domain::coachee::SetLeadCoach;
use domain::id::{AccessId, ClientId, CoacheeId, ConversationId, MessageId, PersonId};
use domain::message::{Conversation, Event, MarkRead, Message, SendMessage, To};
use domain::practice;
use proptest::prelude::*;
use support::{World, id, refused, stored, text};

const ME: u128 = World::COACHEE_ACCOUNT;

fn send(message: u128, to: To) -> SendMessage {
    SendMessage { message: id(message), to, text: text("Hello") }
}

fn to(coachee: u128, coach: Option<u128>) -> To {
    To::Coachee(id(coachee), coach.map(id))
}

fn between(coach: u128) -> ConversationId {
    ConversationId::between(id(coach), id(World::COACHEE))
}

const fn read(conversation: ConversationId, up_to: Option<MessageId>) -> MarkRead {
    MarkRead { conversation, up_to }
}

/// How many messages the coach has not read, and the coachee.
fn unread(world: &World, coach: u128) -> (u32, u32) {
    let row = world.row::<Conversation>(between(coach));
    (row.unread_by(Portal::Coach).0, row.unread_by(Portal::Coachee).0)
}

fn revoke(world: &mut World) {
    let (coachee, coach): (CoacheeId, PersonId) = (id(World::COACHEE), id(World::COACH));
    let access = AccessId::between(coach, ClientId::from(coachee));
    let level = domain::access::Level::User;
    world.given(coachee.into(), practice::Event::AccessRevoked { access, coach, level });
}

#[test]
fn s2_16_a_coach_and_a_coachee_write_to_each_other() {
    let mut world = World::new();
    assert_eq!(world.when(World::COACH, &send(1, to(World::COACHEE, None))), Ok(vec!["message.sent"]));
    let conversation = between(World::COACH);
    assert_eq!(world.when(ME, &send(2, To::Conversation(conversation))), Ok(vec!["message.sent"]));
    assert_eq!(world.when(ME, &send(3, to(World::COACHEE, Some(World::COACH)))), Ok(vec!["message.sent"]));
    // Where nobody is named, to the coach who leads them: a conversation of its own.
    assert_eq!(world.when(ME, &send(4, to(World::COACHEE, None))), Ok(vec!["message.sent"]));
    let numbers = [1, 2, 3, 4].map(|message| {
        let row = world.row::<Message>(id(message));
        stored(row);
        (row.coach == id(World::COACH), row.by, row.number, row.of_sender)
    });
    let (coach, coachee) = (Portal::Coach, Portal::Coachee);
    assert_eq!(numbers, [(true, coach, 1, 1), (true, coachee, 2, 1), (true, coachee, 3, 2), (false, coachee, 1, 1)]);
    let row = world.row::<Conversation>(conversation);
    stored(row);
    assert_eq!((row.messages().0, row.last), (3, id(3)));
    assert_eq!(world.when(ME, &send(3, To::Conversation(conversation))), refused("MESSAGE_EXISTS"));
}

#[test]
fn what_is_unread_is_known_to_each_side() {
    let mut world = World::new();
    let conversation = between(World::COACH);
    for message in 1..=3 {
        world.when(World::COACH, &send(message, to(World::COACHEE, None))).unwrap();
        world.when(ME, &send(message.saturating_add(10), To::Conversation(conversation))).unwrap();
    }
    assert_eq!(unread(&world, World::COACH), (3, 3));
    // Up to the coachee's second message: with it the coach has read two.
    assert_eq!(world.when(World::COACH, &read(conversation, Some(id(12)))), Ok(vec!["message.read"]));
    assert_eq!(unread(&world, World::COACH), (1, 3));
    // Up to one of one's own: what lies before it was read.
    assert_eq!(world.when(ME, &read(conversation, Some(id(12)))), Ok(vec!["message.read"]));
    assert_eq!(unread(&world, World::COACH), (1, 1));
    // A mark never goes back, and the same again is nothing.
    assert_eq!(world.when(World::COACH, &read(conversation, Some(id(1)))), Ok(vec![]));
    assert_eq!(world.when(World::COACH, &read(conversation, None)), Ok(vec!["message.read"]));
    assert_eq!(world.when(World::COACH, &read(conversation, None)), Ok(vec![]));
    assert_eq!(unread(&world, World::COACH), (0, 1));
    world.when(World::COACH, &send(4, To::Conversation(conversation))).unwrap();
    assert_eq!(unread(&world, World::COACH), (0, 2));
    // A message of another conversation marks nothing here.
    world.when(World::OWNER, &send(30, to(World::COACHEE, None))).unwrap();
    assert_eq!(world.when(ME, &read(conversation, Some(id(30)))), Err(Stop::NotFound));
    assert_eq!(world.when(ME, &read(conversation, Some(id(99)))), Err(Stop::NotFound));
}

#[test]
fn nobody_comes_between_the_two() {
    let mut world = World::new();
    world.when(World::COACH, &send(1, to(World::COACHEE, None))).unwrap();
    let conversation = between(World::COACH);
    for other in [World::OWNER, 99] {
        assert_eq!(world.when(other, &send(2, To::Conversation(conversation))), Err(Stop::NotFound));
        assert_eq!(world.when(other, &read(conversation, None)), Err(Stop::NotFound));
    }
    // Nobody writes as another coach; a coach without access writes to nobody.
    assert_eq!(world.when(World::OWNER, &send(2, to(World::COACHEE, Some(World::COACH)))), Err(Stop::Forbidden));
    assert_eq!(world.when(World::COACH, &send(2, to(World::OTHER, None))), Err(Stop::NotFound));
    assert_eq!(world.when(ME, &send(2, to(World::OTHER, None))), Err(Stop::NotFound));
    // A coach whom the coachee does not know is not there, whether they are or not.
    for coach in [77, World::COACHEE_ACCOUNT] {
        assert_eq!(world.when(ME, &send(2, to(World::COACHEE, Some(coach)))), Err(Stop::NotFound));
    }
}

#[test]
fn who_has_lost_access_writes_and_is_written_to_no_more() {
    let mut world = World::new();
    let conversation = between(World::COACH);
    world.when(ME, &send(1, to(World::COACHEE, Some(World::COACH)))).unwrap();
    revoke(&mut world);
    assert_eq!(world.when(World::COACH, &send(2, To::Conversation(conversation))), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACH, &read(conversation, None)), Err(Stop::NotFound));
    assert_eq!(world.when(ME, &send(2, To::Conversation(conversation))), refused("COACH_CANNOT_BE_WRITTEN_TO"));
    let named = send(2, to(World::COACHEE, Some(World::COACH)));
    assert_eq!(world.when(ME, &named), refused("COACH_CANNOT_BE_WRITTEN_TO"));
    // What they wrote stays theirs to read.
    assert_eq!(world.when(ME, &read(conversation, None)), Ok(vec!["message.read"]));
    // Where nobody leads who is there, nobody is written to.
    let gone = practice::Event::CoachRemoved { person: id(World::OWNER) };
    world.given(id::<PersonId>(World::OWNER).into(), gone);
    assert_eq!(world.when(ME, &send(2, to(World::COACHEE, None))), refused("COACH_CANNOT_BE_WRITTEN_TO"));
}

/// A manager sees every coachee, so they may write to each; nobody can grant them access.
#[test]
fn a_manager_who_wrote_is_answered() {
    let mut world = World::new();
    let lead = SetLeadCoach { coachee: id(World::COACHEE), coach: id(World::COACH) };
    world.when(World::OWNER, &lead).unwrap();
    let conversation = between(World::OWNER);
    // Who is not known is not there.
    assert_eq!(world.when(ME, &send(1, to(World::COACHEE, Some(World::OWNER)))), Err(Stop::NotFound));
    world.when(World::OWNER, &send(1, to(World::COACHEE, None))).unwrap();
    assert_eq!(world.when(ME, &send(2, To::Conversation(conversation))), Ok(vec!["message.sent"]));
    assert_eq!(world.when(ME, &send(3, to(World::COACHEE, Some(World::OWNER)))), Ok(vec!["message.sent"]));
    assert_eq!(unread(&world, World::OWNER), (2, 1));
    let gone = practice::Event::CoachRemoved { person: id(World::OWNER) };
    world.given(id::<PersonId>(World::OWNER).into(), gone);
    assert_eq!(world.when(ME, &send(4, To::Conversation(conversation))), refused("COACH_CANNOT_BE_WRITTEN_TO"));
}

proptest! {
    /// Whatever is sent and read in whatever order: what is unread is what a count of the messages says.
    #[test]
    fn unread_is_what_counting_would_say(steps in prop::collection::vec((any::<bool>(), 0_u8..3, any::<prop::sample::Index>()), 1..60)) {
        let mut world = World::new();
        let (mut sent, mut read_up_to) = (Vec::new(), [0, 0]);
        for (number, (is_coach, step, at)) in (1_u128..).zip(steps) {
            let (who, side) = if is_coach { (World::COACH, 0) } else { (ME, 1) };
            if step < 2 || sent.is_empty() {
                world.when(who, &send(number, to(World::COACHEE, Some(World::COACH)))).unwrap();
                sent.push((number, side));
            } else {
                let place = at.index(sent.len());
                let up_to = id(sent[place].0);
                let events = world.events(who, &read(between(World::COACH), Some(up_to))).unwrap();
                let moved = matches!(events[..], [domain::Event::Message(Event::Read { .. })]);
                prop_assert_eq!(moved, place + 1 > read_up_to[side]);
                read_up_to[side] = read_up_to[side].max(place + 1);
            }
            let counted = [0, 1].map(|reader| sent.iter().skip(read_up_to[reader]).filter(|(_, by)| *by != reader).count());
            let (coach, coachee) = unread(&world, World::COACH);
            prop_assert_eq!(counted, [coach as usize, coachee as usize]);
        }
    }
}
