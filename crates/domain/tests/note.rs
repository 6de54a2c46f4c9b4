//! Notes: whose they are, what is shared, how they are saved (S2.31–S2.33, S3.21).
#![cfg(test)]

mod support;

use domain::account::Portal;
use domain::id::{NoteId, PersonId};
use domain::note::{
    Body, Comment, CommentOnNote, DeleteNote, Event, MOST_COMMENTS, Note, RestoreNote, SaveNote, ShareNote, Sharing,
    WriteNote,
};
use domain::practice::Role;
use domain::row::Row as _;
use domain::text::Personal;
use domain::{Stop, practice};
use support::{World, id, refused, stored, text};

const NOTE: u128 = 300;

fn write(note: u128, about: u128) -> WriteNote {
    WriteNote { note: id(note), coachee: id(about), title: text("Thoughts"), text: text("one\ntwo\n") }
}

fn save(base: u32, words: &str) -> SaveNote {
    SaveNote { note: id(NOTE), title: None, base, text: text(words), settles: None }
}

fn comment(comment: u128) -> CommentOnNote {
    CommentOnNote { comment: id(comment), note: id(NOTE), text: text("Tell me more") }
}

const fn share(note: NoteId) -> ShareNote {
    ShareNote { note, sharing: Sharing::Share }
}

const fn unshare(note: NoteId) -> ShareNote {
    ShareNote { note, sharing: Sharing::Unshare }
}

/// A further manager of the practice.
const MANAGER: u128 = 40;

fn world() -> World {
    let mut world = World::new();
    let person: PersonId = id(MANAGER);
    let (name, email) = (Personal::new(text("Manager")), Personal::new(text("manager@example.com")));
    let joined = practice::Event::CoachJoined { person, name, email, role: Role::Manager, invitation: None };
    world.given(person.into(), joined);
    world
}

/// A world in which this person has written the note.
fn written_by(author: u128) -> World {
    let mut world = world();
    assert_eq!(world.when(author, &write(NOTE, World::COACHEE)), Ok(vec!["note.written"]));
    world
}

#[test]
fn s2_32_a_coachs_note_is_nobody_elses_to_learn_of() {
    let mut world = written_by(World::COACH);
    let row = world.row::<Note>(id(NOTE));
    assert_eq!((row.by, row.owner(), row.shared()), (Portal::Coach, Some(id(World::COACH)), false));
    stored(row);
    stored(world.row::<Body>(id(NOTE)));
    // The owner, a manager, the coachee, somebody else: as if nothing were there.
    for other in [World::OWNER, MANAGER, World::COACHEE_ACCOUNT, 99] {
        assert_eq!(world.when(other, &save(1, "mine")), Err(Stop::NotFound));
        assert_eq!(world.when(other, &comment(301)), Err(Stop::NotFound));
        assert_eq!(world.when(other, &share(id(NOTE))), Err(Stop::NotFound));
        assert_eq!(world.when(other, &unshare(id(NOTE))), Err(Stop::NotFound));
        assert_eq!(world.when(other, &DeleteNote { note: id(NOTE) }), Err(Stop::NotFound));
        let restored = RestoreNote { note: id(NOTE), revision: 1, text: text("one\ntwo\n") };
        assert_eq!(world.when(other, &restored), Err(Stop::NotFound));
    }
    // Nor can it ever be shared.
    assert_eq!(world.when(World::COACH, &share(id(NOTE))), refused("NOTE_IS_PRIVATE"));
    assert_eq!(world.when(World::COACH, &unshare(id(NOTE))), refused("NOTE_IS_PRIVATE"));
}

#[test]
fn s2_31_what_a_coachee_shares_their_coaches_see_and_comment_on() {
    let mut world = written_by(World::COACHEE_ACCOUNT);
    assert_eq!(world.row::<Note>(id(NOTE)).by, Portal::Coachee);
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &comment(301)), Ok(vec!["note.commented"]));
    assert_eq!(world.when(World::COACH, &comment(302)), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &unshare(id(NOTE))), refused("NOTE_IS_NOT_SHARED"));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &share(id(NOTE))), Ok(vec!["note.shared"]));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &share(id(NOTE))), refused("NOTE_IS_SHARED"));
    for (number, by) in [(302, World::COACH), (303, MANAGER), (304, World::OWNER), (305, World::COACHEE_ACCOUNT)] {
        assert_eq!(world.when(by, &comment(number)), Ok(vec!["note.discussed"]));
    }
    // Who sees it may not change it; who has no access still learns nothing.
    for other in [World::COACH, MANAGER] {
        assert_eq!(world.when(other, &save(1, "mine")), Err(Stop::Forbidden));
        assert_eq!(world.when(other, &unshare(id(NOTE))), Err(Stop::Forbidden));
        assert_eq!(world.when(other, &DeleteNote { note: id(NOTE) }), Err(Stop::Forbidden));
    }
    assert_eq!(world.when(99, &comment(306)), Err(Stop::NotFound));
    // A comment is sealed and seen as its note is, whoever wrote it.
    for number in 301..=305 {
        let row = world.row::<Comment>(id(number));
        assert_eq!((row.owner(), row.shared()), (Some(id(World::COACHEE_ACCOUNT)), true));
        stored(row);
    }
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &unshare(id(NOTE))), Ok(vec!["note.unshared"]));
    assert!((301..=305).all(|number| !world.row::<Comment>(id(number)).shared()));
    assert!(!world.row::<Note>(id(NOTE)).shared() && !world.row::<Body>(id(NOTE)).shared());
    assert_eq!(world.when(World::COACH, &comment(306)), Err(Stop::NotFound));
    assert_eq!(world.row::<Note>(id(NOTE)).comments.0, 5);
}

#[test]
fn s2_33_a_note_saves_itself_as_session_notes_do() {
    let mut world = written_by(World::COACHEE_ACCOUNT);
    let me = World::COACHEE_ACCOUNT;
    let now = |world: &World| {
        let body = world.row::<Body>(id(NOTE));
        (body.text.text().unwrap(), body.text.newest())
    };
    assert_eq!(world.when(me, &save(1, "ONE\ntwo\n")), Ok(vec!["note.saved"]));
    assert_eq!(world.when(me, &save(1, "one\ntwo\nthree\n")), Ok(vec!["note.saved"]));
    assert_eq!(now(&world), ("ONE\ntwo\nthree\n".to_owned(), 3));
    assert_eq!(world.when(me, &save(1, "eins\ntwo\n")), Ok(vec!["note.diverged"]));
    assert_eq!(world.row::<Body>(id(NOTE)).text.siblings.len(), 1);
    let settling = SaveNote { settles: Some(4), title: Some(text("Better")), ..save(3, "ONE eins\ntwo\nthree\n") };
    assert_eq!(world.when(me, &settling), Ok(vec!["note.titled", "note.saved"]));
    assert_eq!(world.when(me, &SaveNote { base: 5, ..settling }), Ok(vec![]));
    assert!(world.row::<Body>(id(NOTE)).text.siblings.is_empty());
    let restored = RestoreNote { note: id(NOTE), revision: 1, text: text("one\ntwo\n") };
    assert_eq!(world.when(me, &restored), Ok(vec!["note.saved"]));
    assert_eq!(now(&world), ("one\ntwo\n".to_owned(), 6));
    assert_eq!(world.when(me, &save(7, "")), refused("NOTES_REVISION_IS_NOT_THERE"));
    let long = "ü".repeat(102_401);
    assert_eq!(world.when(me, &save(6, &long)), refused("NOTES_ARE_TOO_LONG"));
    let long = WriteNote { text: text(&long), ..write(NOTE + 1, World::COACHEE) };
    assert_eq!(world.when(me, &long), refused("NOTES_ARE_TOO_LONG"));
    assert_eq!(world.when(me, &write(NOTE, World::COACHEE)), refused("NOTE_EXISTS"));
}

#[test]
fn who_may_write_a_note_about_whom() {
    let mut world = world();
    for (number, by) in (400..).zip([World::OWNER, MANAGER, World::COACH, World::COACHEE_ACCOUNT]) {
        assert_eq!(world.when(by, &write(number, World::COACHEE)), Ok(vec!["note.written"]));
    }
    for by in [World::COACH, World::COACHEE_ACCOUNT, 99] {
        assert_eq!(world.when(by, &write(500, World::OTHER)), Err(Stop::NotFound));
    }
}

#[test]
fn a_shared_note_is_taken_back_before_it_is_deleted() {
    let mut world = written_by(World::COACHEE_ACCOUNT);
    let me = World::COACHEE_ACCOUNT;
    world.when(me, &comment(301)).unwrap();
    world.when(me, &share(id(NOTE))).unwrap();
    assert_eq!(world.when(me, &DeleteNote { note: id(NOTE) }), Ok(vec!["note.unshared", "note.deleted"]));
    assert!(world.find::<Note>(id(NOTE)).is_none() && world.find::<Body>(id(NOTE)).is_none());
    assert!(world.find::<Comment>(id(301)).is_none());
    assert_eq!(world.when(me, &DeleteNote { note: id(NOTE) }), Err(Stop::NotFound));
    // One that was never shared goes without a word to anybody.
    world.when(me, &write(NOTE, World::COACHEE)).unwrap();
    assert_eq!(world.when(me, &DeleteNote { note: id(NOTE) }), Ok(vec!["note.deleted"]));
}

#[test]
fn a_note_has_so_many_comments_that_all_can_be_shared_at_once() {
    let mut world = written_by(World::COACHEE_ACCOUNT);
    for number in 0..MOST_COMMENTS {
        let number = 1_000_u128.saturating_add(u128::from(number));
        assert_eq!(world.when(World::COACHEE_ACCOUNT, &comment(number)), Ok(vec!["note.commented"]));
    }
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &comment(301)), refused("NOTE_COMMENTS_ARE_TOO_MANY"));
    let events = world.events(World::COACHEE_ACCOUNT, &share(id(NOTE))).unwrap();
    let [domain::Event::Note(Event::Shared { comments, .. })] = &events[..] else { panic!("{events:?}") };
    assert_eq!(comments.len(), 500);
    assert!(world.row::<Comment>(id(1_499)).shared());
}
