//! Sessions, their next steps and their notes (S1.31–S1.44, S2.36, S3.22): given, when, then.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop; its helpers are a part of it")]

#[cfg(test)]
mod support;

use domain::coachee::{Coachee, SetActiveGoal};
use domain::id::{NextStepId, SessionId};
use domain::notes::revisions::{EARLIER_CHAINS, MOST_BYTES, MOST_SIBLINGS};
use domain::session::{
    CheckNextStep, EndSession, Event as Happened, LogSession, NextStep, Notes, RestoreNotes, SaveNotes, Session,
    SetNextSteps, SetSessionStatus, StartSession, Status, StepLine, UpdateSession,
};
use domain::text::{self as words, Step, Text as _, Title};
use domain::value::Time;
use domain::{Command as _, Event, Stop};
use proptest::prelude::*;
use support::{NOON, World, id, refused, stored, text};

fn start(session: u128) -> StartSession {
    let title = text::<Title>("Session");
    StartSession {
        session: id(session),
        coachee: id(World::COACHEE),
        title: Some(title),
        from: None,
        authorization: None,
    }
}

fn log(session: u128, started_at: Time, status: Status) -> LogSession {
    let (coachee, title) = (id(World::COACHEE), text::<Title>("Session"));
    LogSession { session: id(session), coachee, title, started_at, minutes: 50, status, authorization: None }
}

fn end(session: u128, minutes: Option<u32>) -> EndSession {
    EndSession { session: id(session), minutes, status: Status::Attended }
}

/// A practice with a session that runs, and its id.
fn running() -> (World, SessionId) {
    let mut world = World::new();
    assert_eq!(world.when(World::OWNER, &start(200)), Ok(vec!["session.started"]));
    (world, id(200))
}

#[test]
fn s1_36_a_session_keeps_the_active_goal_as_it_then_stood() {
    let mut world = World::new();
    let goal = |goal: &str| SetActiveGoal { coachee: id(World::COACHEE), goal: text(goal) };
    world.when(World::OWNER, &start(200)).unwrap();
    world.when(World::OWNER, &goal("Speak up")).unwrap();
    world.when(World::OWNER, &start(201)).unwrap();
    world.when(World::OWNER, &goal("Listen")).unwrap();
    world.when(World::OWNER, &log(202, NOON, Status::Attended)).unwrap();
    world.when(World::OWNER, &goal("")).unwrap();
    world.when(World::OWNER, &start(203)).unwrap();
    let kept = [200, 201, 202, 203].map(|session| {
        let row = world.row::<Session>(id(session));
        stored(row);
        row.active_goal.as_ref().map(|goal| goal.text().unwrap().as_str().to_owned())
    });
    assert_eq!(kept, [None, Some("Speak up".to_owned()), Some("Listen".to_owned()), None]);
}

#[test]
fn a_session_is_started_once_and_ended_once() {
    let (mut world, session) = running();
    assert_eq!(world.when(World::OWNER, &start(200)), refused("SESSION_EXISTS"));
    assert_eq!(world.when(World::OWNER, &log(200, NOON, Status::Attended)), refused("SESSION_EXISTS"));
    let set = SetSessionStatus { session, status: Status::Late };
    assert_eq!(world.when(World::OWNER, &set), refused("SESSION_IS_RUNNING"));
    world.now = NOON.plus_minutes(47);
    assert_eq!(world.when(World::COACH, &end(200, None)), Ok(vec!["session.ended"]));
    let row = world.row::<Session>(session);
    assert_eq!((row.minutes, row.status), (Some(47), Some(Status::Attended)));
    assert_eq!(world.when(World::OWNER, &end(200, None)), refused("SESSION_HAS_ENDED"));
    assert_eq!(world.when(World::OWNER, &set), Ok(vec!["session.status_set"]));
    assert_eq!(world.when(World::OWNER, &set), Ok(vec![]));
}

#[test]
fn a_session_that_somebody_forgot_neither_lasts_for_days_nor_stops_the_next() {
    let (mut world, session) = running();
    world.now = NOON.plus_days(3);
    assert_eq!(world.when(World::COACH, &start(201)), Ok(vec!["session.started"]));
    assert_eq!(world.when(World::OWNER, &end(200, Some(1441))), refused("OUT_OF_RANGE"));
    assert_eq!(world.when(World::OWNER, &end(200, None)), Ok(vec!["session.ended"]));
    assert_eq!(world.row::<Session>(session).minutes, Some(1440));
}

#[test]
fn s3_22_a_session_is_logged_afterwards_with_one_of_four_statuses() {
    let mut world = World::new();
    for (session, status) in (200..).zip(Status::ALL) {
        assert_eq!(world.when(World::COACH, &log(session, NOON.plus_minutes(-60), status)), Ok(vec!["session.logged"]));
        assert_eq!(world.row::<Session>(id(session)).status, Some(status));
    }
    let future = log(300, NOON.plus_minutes(1), Status::Attended);
    assert_eq!(world.when(World::COACH, &future), refused("SESSION_IS_IN_THE_FUTURE"));
    let long = LogSession { minutes: 1441, ..log(300, NOON, Status::Attended) };
    assert_eq!(world.when(World::COACH, &long), refused("OUT_OF_RANGE"));
}

#[test]
fn what_was_written_of_a_session_is_corrected() {
    let (mut world, session) = running();
    let update = |title: &str, started_at, minutes| {
        let title = Some(text::<Title>(title));
        UpdateSession { session, title, started_at, minutes }
    };
    assert_eq!(world.when(World::OWNER, &update("Session", None, None)), Ok(vec![]));
    assert_eq!(world.when(World::OWNER, &update("First", None, Some(30))), refused("SESSION_IS_RUNNING"));
    let future = update("First", Some(NOON.plus_minutes(1)), None);
    assert_eq!(world.when(World::OWNER, &future), refused("SESSION_IS_IN_THE_FUTURE"));
    world.when(World::OWNER, &end(200, Some(60))).unwrap();
    let corrected = update("First", Some(NOON.plus_minutes(-90)), Some(30));
    assert_eq!(world.when(World::OWNER, &corrected), Ok(vec!["session.changed"]));
    assert_eq!(world.when(World::OWNER, &corrected), Ok(vec![]));
    let row = world.row::<Session>(session);
    assert_eq!((row.started_at, row.minutes), (NOON.plus_minutes(-90), Some(30)));
    assert_eq!(row.title.text().unwrap().as_str(), "First");
}

#[test]
fn the_coachee_has_the_time_of_the_newest_session() {
    let mut world = World::new();
    let last = |world: &World| world.row::<Coachee>(id(World::COACHEE)).last_session_at();
    world.when(World::OWNER, &log(200, NOON.plus_days(-1), Status::Attended)).unwrap();
    world.when(World::OWNER, &log(201, NOON.plus_days(-9), Status::Attended)).unwrap();
    assert_eq!(last(&world), Some(NOON.plus_days(-1)));
    let moved = |session: u128, days| UpdateSession {
        session: id(session),
        title: None,
        started_at: Some(NOON.plus_days(days)),
        minutes: None,
    };
    world.when(World::OWNER, &moved(201, -8)).unwrap();
    assert_eq!(last(&world), Some(NOON.plus_days(-1)));
    world.when(World::OWNER, &moved(200, -2)).unwrap();
    assert_eq!(last(&world), Some(NOON.plus_days(-2)));
    world.when(World::OWNER, &start(202)).unwrap();
    assert_eq!(last(&world), Some(NOON));
    // Where the newest one is moved behind others, the newest of these is.
    world.when(World::OWNER, &moved(202, -60)).unwrap();
    assert_eq!(last(&world), Some(NOON.plus_days(-2)));
    world.when(World::OWNER, &moved(200, -90)).unwrap();
    assert_eq!(last(&world), Some(NOON.plus_days(-8)));
    world.when(World::OWNER, &moved(202, -3)).unwrap();
    assert_eq!(last(&world), Some(NOON.plus_days(-3)));
    world.when(World::OWNER, &moved(202, -60)).unwrap();
    // That holds for several in turn, of more than a row keeps.
    for (session, days) in (300..312).zip(-12..0) {
        world.when(World::OWNER, &log(session, NOON.plus_days(days), Status::Attended)).unwrap();
    }
    for (session, next) in (305..312).rev().zip((-8..-1).rev()) {
        world.when(World::OWNER, &moved(session, -100)).unwrap();
        assert_eq!(last(&world), Some(NOON.plus_days(next)));
    }
}

#[test]
fn sessions_are_the_coaches_to_hold() {
    let (mut world, session) = running();
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &end(200, None)), Err(Stop::Forbidden));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &save(session, 0, "mine")), Err(Stop::Forbidden));
    let others = StartSession { coachee: id(World::OTHER), ..start(201) };
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &others), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACH, &others), Err(Stop::NotFound));
    world.when(World::OWNER, &others).unwrap();
    assert_eq!(world.when(World::COACH, &save(id(201), 0, "mine")), Err(Stop::NotFound));
    assert_eq!(world.when(999, &end(200, None)), Err(Stop::NotFound));
}

fn add(step: u128, words: &str) -> StepLine {
    StepLine::Add { step: id(step), text: text::<Step>(words) }
}

fn keep(step: u128, words: &str) -> StepLine {
    StepLine::Keep { step: id(step), text: text::<Step>(words) }
}

/// The steps in their places, with their marks.
fn listed(world: &World, session: SessionId) -> Vec<(String, bool)> {
    let steps = world.row::<Session>(session).steps.iter().map(|&step| world.row::<NextStep>(step));
    let mut steps: Vec<_> = steps.inspect(|step| stored(*step)).collect();
    steps.sort_by_key(|step| step.place);
    steps.iter().map(|step| (step.text.text().unwrap().as_str().to_owned(), step.done)).collect()
}

#[test]
fn s1_43_next_steps_are_set_as_a_list_and_keep_their_marks() {
    let (mut world, session) = running();
    let set = |steps: &[StepLine]| SetNextSteps { session, steps: steps.to_vec(), base: None };
    let added = vec!["session.next_step_added"; 3];
    assert_eq!(world.when(World::COACH, &set(&[add(1, "call"), add(2, "write"), add(3, "rest")])), Ok(added));
    let check = CheckNextStep { step: id(3), done: true };
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &check), Ok(vec!["session.next_step_checked"]));
    assert_eq!(world.when(World::COACH, &check), Ok(vec![]));
    assert_eq!(world.row::<NextStep>(id(3)).done_at, Some(NOON));
    let other = set(&[keep(3, "rest well"), add(4, "walk"), keep(2, "write")]);
    let changes = ["removed", "changed", "added", "changed"].map(|what| format!("session.next_step_{what}"));
    assert_eq!(world.when(World::COACH, &other).unwrap(), changes);
    let walk = StepLine::Keep { step: id(4), text: text("walk") };
    assert_eq!(world.when(World::COACH, &set(&[keep(3, "rest well"), walk, keep(2, "write")])), Ok(vec![]));
    let shown = [("rest well", true), ("walk", false), ("write", false)].map(|(step, done)| (step.to_owned(), done));
    assert_eq!(listed(&world, session), shown);
    assert!(world.find::<NextStep>(id::<NextStepId>(1)).is_none());
}

/// Two coaches set the steps from the same list: what one has added stays, whatever the other makes of what they read.
#[test]
fn a_step_that_was_added_since_the_list_was_read_stays_behind_it() {
    let (mut world, session) = running();
    let set = |base: &[u128], steps: &[StepLine]| {
        let base = Some(base.iter().map(|step| id(*step)).collect());
        SetNextSteps { session, steps: steps.to_vec(), base }
    };
    world.when(World::COACH, &set(&[], &[add(1, "call"), add(2, "write")])).unwrap();
    let theirs = set(&[1, 2], &[keep(1, "call"), add(3, "rest"), add(4, "walk"), keep(2, "write")]);
    world.when(World::OWNER, &theirs).unwrap();
    let changes =
        ["removed", "added", "added", "changed", "changed", "changed"].map(|what| format!("session.next_step_{what}"));
    let mine = set(&[1, 2], &[add(5, "ask"), add(6, "read"), keep(2, "write")]);
    assert_eq!(world.when(World::COACH, &mine).unwrap(), changes);
    let steps = |words: &[&str]| words.iter().map(|step| ((*step).to_owned(), false)).collect::<Vec<_>>();
    assert_eq!(listed(&world, session), steps(&["ask", "read", "write", "rest", "walk"]));
    // What stands already where it is to stand, stays as it is.
    let again = set(&[2, 5, 6], &[keep(5, "ask"), keep(6, "read"), keep(2, "write")]);
    assert_eq!(world.when(World::COACH, &again), Ok(vec![]));
    // They count, and whoever has read them takes them off.
    let many: Vec<_> = (300..349).map(|step| add(step, "a")).collect();
    assert_eq!(world.when(World::COACH, &set(&[2, 5, 6], &many)), refused("NEXT_STEPS_ARE_TOO_MANY"));
    assert_eq!(world.when(World::COACH, &set(&[2, 3, 4, 5, 6], &[keep(2, "write")])).map(|events| events.len()), Ok(5));
    assert_eq!(listed(&world, session), steps(&["write"]));
}

#[test]
fn a_list_of_next_steps_that_makes_no_sense_changes_nothing() {
    let (mut world, session) = running();
    world.when(World::OWNER, &start(201)).unwrap();
    let set = |steps: &[StepLine]| SetNextSteps { session, steps: steps.to_vec(), base: None };
    world.when(World::OWNER, &SetNextSteps { session: id(201), steps: vec![add(9, "other")], base: None }).unwrap();
    assert_eq!(world.when(World::OWNER, &set(&[add(1, "a"), add(1, "b")])), refused("NEXT_STEP_EXISTS"));
    assert_eq!(world.when(World::OWNER, &set(&[add(9, "a")])), refused("NEXT_STEP_EXISTS"));
    assert_eq!(world.when(World::OWNER, &set(&[add(1, "a"), keep(9, "b")])), Err(Stop::NotFound));
    assert_eq!(world.when(World::OWNER, &set(&[keep(8, "b")])), Err(Stop::NotFound));
    let many: Vec<_> = (300..351).map(|step| add(step, "a")).collect();
    assert_eq!(world.when(World::OWNER, &set(&many)), refused("NEXT_STEPS_ARE_TOO_MANY"));
    assert_eq!(listed(&world, session), []);
    assert_eq!(world.when(World::OWNER, &set(&many[1..])).map(|events| events.len()), Ok(50));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &set(&[])), Err(Stop::Forbidden));
}

fn save(session: SessionId, base: u32, notes: &str) -> SaveNotes {
    SaveNotes { session, base, text: text::<words::Notes>(notes), settles: None }
}

fn notes(world: &World) -> &Notes {
    world.row::<Notes>(id(200))
}

/// The text of the session's notes, its revision, and its siblings.
fn kept(world: &World) -> (String, u32, Vec<String>) {
    let row = notes(world);
    stored(row);
    let siblings = row.text.siblings.iter().map(|sibling| sibling.text.text.text().unwrap().as_str().to_owned());
    (row.text.text().unwrap(), row.text.newest(), siblings.collect())
}

fn is(text: &str, revision: u32, siblings: &[&str]) -> (String, u32, Vec<String>) {
    (text.to_owned(), revision, siblings.iter().map(|text| (*text).to_owned()).collect())
}

#[test]
fn s1_40_notes_save_themselves_in_revisions_also_after_the_session() {
    let (mut world, session) = running();
    assert_eq!(kept(&world), is("", 0, &[]));
    assert_eq!(world.when(World::OWNER, &save(session, 0, "")), Ok(vec![]));
    assert_eq!(world.when(World::OWNER, &save(session, 0, "# One")), Ok(vec!["session.notes_saved"]));
    assert_eq!(world.when(World::OWNER, &save(session, 1, "# One")), Ok(vec![]));
    world.when(World::OWNER, &end(200, None)).unwrap();
    assert_eq!(world.when(World::OWNER, &save(session, 1, "# One\n- two")), Ok(vec!["session.notes_saved"]));
    assert_eq!(kept(&world), is("# One\n- two", 2, &[]));
    assert_eq!(world.when(World::OWNER, &save(session, 3, "")), refused("NOTES_REVISION_IS_NOT_THERE"));
    let long = "ü".repeat(MOST_BYTES / 2);
    assert_eq!(world.when(World::OWNER, &save(session, 2, &long)), Ok(vec!["session.notes_saved"]));
    assert_eq!(world.when(World::OWNER, &save(session, 3, &format!("{long}!"))), refused("NOTES_ARE_TOO_LONG"));
}

#[test]
fn a_stale_save_is_merged_line_by_line() {
    let (mut world, session) = running();
    world.when(World::OWNER, &save(session, 0, "a\nb\nc\n")).unwrap();
    world.when(World::OWNER, &save(session, 1, "A\nb\nc\n")).unwrap();
    assert_eq!(world.when(World::COACH, &save(session, 1, "a\nb\nc\nd\n")), Ok(vec!["session.notes_saved"]));
    assert_eq!(kept(&world), is("A\nb\nc\nd\n", 3, &[]));
    // Nothing new in it: nothing happens, however stale it is.
    assert_eq!(world.when(World::COACH, &save(session, 1, "a\nb\nc\n")), Ok(vec![]));
    assert_eq!(world.when(World::COACH, &save(session, 1, "A\nb\nc\nd\n")), Ok(vec![]));
}

#[test]
fn where_both_changed_the_same_lines_both_are_kept() {
    let (mut world, session) = running();
    world.when(World::OWNER, &save(session, 0, "a\n")).unwrap();
    world.when(World::OWNER, &save(session, 1, "theirs\n")).unwrap();
    assert_eq!(world.when(World::COACH, &save(session, 1, "yours\n")), Ok(vec!["session.notes_diverged"]));
    assert_eq!(kept(&world), is("theirs\n", 2, &["yours\n"]));
    let sibling = notes(&world).text.sibling(3).unwrap();
    assert_eq!((sibling.base, sibling.theirs, sibling.author), (1, 2, Some(id(World::COACH))));
    assert_eq!(notes(&world).text.text_at(1).as_deref(), Some("a\n"));
    assert_eq!(notes(&world).text.text_at(3).as_deref(), Some("yours\n"));
    // The same again is not kept twice, and typing on with the old base makes no second one.
    assert_eq!(world.when(World::COACH, &save(session, 1, "yours\n")), Ok(vec![]));
    world.when(World::COACH, &save(session, 1, "yours!\n")).unwrap();
    assert_eq!(kept(&world), is("theirs\n", 2, &["yours!\n"]));
    // Another's is kept, and so is one that is more than typed on.
    world.when(World::OWNER, &save(session, 1, "yours!?\n")).unwrap();
    world.when(World::COACH, &save(session, 1, "you?rs!\n")).unwrap();
    assert_eq!(kept(&world), is("theirs\n", 2, &["yours!\n", "yours!?\n", "you?rs!\n"]));
}

#[test]
fn a_writer_goes_on_from_their_sibling_until_it_can_be_merged() {
    let (mut world, session) = running();
    world.when(World::OWNER, &save(session, 0, "a\nb\nc\n")).unwrap();
    world.when(World::OWNER, &save(session, 1, "theirs\nb\nc\n")).unwrap();
    world.when(World::COACH, &save(session, 1, "yours\nb\nc\n")).unwrap();
    assert_eq!(world.when(World::COACH, &save(session, 3, "other\nb\nc\n")), Ok(vec!["session.notes_diverged"]));
    assert_eq!(kept(&world), is("theirs\nb\nc\n", 2, &["other\nb\nc\n"]));
    assert_eq!(world.when(World::COACH, &save(session, 4, "a\nb\nc\nd\n")), Ok(vec!["session.notes_saved"]));
    assert_eq!(kept(&world), is("theirs\nb\nc\nd\n", 5, &[]));
}

#[test]
fn a_text_made_of_both_settles_the_conflict() {
    let (mut world, session) = running();
    world.when(World::OWNER, &save(session, 0, "theirs\n")).unwrap();
    world.when(World::COACH, &save(session, 0, "yours\n")).unwrap();
    // One that never was is not settled in silence.
    let nobodys = SaveNotes { settles: Some(3), ..save(session, 1, "theirs\nyours\n") };
    assert_eq!(world.when(World::COACH, &nobodys), refused("NOTES_REVISION_IS_NOT_THERE"));
    let both = SaveNotes { settles: Some(2), ..save(session, 1, "theirs\nyours\n") };
    assert_eq!(world.when(World::COACH, &both), Ok(vec!["session.notes_saved"]));
    assert_eq!(kept(&world), is("theirs\nyours\n", 3, &[]));
    // Also where the text of the line is the one that stays.
    world.when(World::OWNER, &save(session, 0, "hers\n")).unwrap();
    let theirs = SaveNotes { settles: Some(4), ..save(session, 3, "theirs\nyours\n") };
    assert_eq!(world.when(World::OWNER, &theirs), Ok(vec!["session.notes_saved"]));
    assert_eq!(world.when(World::OWNER, &SaveNotes { base: 5, ..theirs }), Ok(vec![]));
    assert_eq!(kept(&world), is("theirs\nyours\n", 5, &[]));
}

#[test]
fn s1_41_whoever_lost_only_an_answer_has_no_conflict_with_themself() {
    let (mut world, session) = running();
    world.when(World::OWNER, &save(session, 0, "She sa")).unwrap();
    assert_eq!(world.when(World::OWNER, &save(session, 0, "She says")), Ok(vec!["session.notes_saved"]));
    assert_eq!(kept(&world), is("She says", 2, &[]));
    assert_eq!(world.when(World::COACH, &save(session, 0, "She says no")), Ok(vec!["session.notes_diverged"]));
}

#[test]
fn s1_42_an_earlier_text_is_brought_back_as_a_new_revision() {
    let (mut world, session) = running();
    world.when(World::OWNER, &save(session, 0, "first\n")).unwrap();
    world.when(World::OWNER, &save(session, 1, "")).unwrap();
    let restore = |revision, words: &str| RestoreNotes { session, revision, text: text(words) };
    assert_eq!(world.when(World::OWNER, &restore(3, "first\n")), refused("NOTES_REVISION_IS_NOT_THERE"));
    let events = world.events(World::OWNER, &restore(1, "first\n")).unwrap();
    assert!(matches!(events[..], [Event::Session(Happened::NotesSaved { base: 2, restored: Some(1), .. })]));
    assert_eq!(world.when(World::OWNER, &restore(1, "first\n")), Ok(vec![]));
    world.when(World::COACH, &save(session, 2, "second\n")).unwrap();
    assert_eq!(kept(&world), is("first\n", 3, &["second\n"]));
    assert_eq!(world.when(World::COACH, &restore(4, "second\n")), Ok(vec!["session.notes_saved"]));
    assert_eq!(kept(&world), is("second\n", 5, &[]));
}

#[test]
fn a_base_that_is_too_old_to_be_at_hand_loses_nothing() {
    let (mut world, session) = running();
    let chains = u32::try_from(EARLIER_CHAINS).unwrap();
    // Short texts with nothing in common: each is a frame.
    for revision in 0..=chains.saturating_add(1) {
        world
            .when(World::OWNER, &save(session, revision, &char::from_digit(revision, 36).unwrap().to_string()))
            .unwrap();
    }
    assert_eq!(notes(&world).text.text_at(1), None);
    assert_eq!(notes(&world).text.text_at(2).as_deref(), Some("1"));
    assert_eq!(world.when(World::COACH, &save(session, 1, "yours")), Ok(vec!["session.notes_diverged"]));
    assert_eq!(kept(&world), is("9", chains.saturating_add(2), &["yours"]));
}

#[test]
fn the_row_keeps_the_newest_siblings_only() {
    let (mut world, session) = running();
    world.when(World::OWNER, &save(session, 0, "theirs")).unwrap();
    for number in 0..=MOST_SIBLINGS {
        let kept = world.when(World::COACH, &save(session, 0, &format!("{number} yours")));
        assert_eq!(kept, Ok(vec!["session.notes_diverged"]));
    }
    let (_, _, siblings) = kept(&world);
    assert_eq!(siblings.len(), MOST_SIBLINGS);
    assert_eq!((siblings[0].as_str(), notes(&world).text.text_at(2)), ("1 yours", None));
}

#[test]
fn an_hour_of_saving_is_patches_that_give_the_text_again() {
    let (mut world, session) = running();
    let mut typed = String::new();
    let mut whole = 0_usize;
    for revision in 0..200_u32 {
        typed.push_str(if revision % 9 == 0 { "\nShe says " } else { "that the plan is late. " });
        let events = world.events(World::OWNER, &save(session, revision, &typed)).unwrap();
        let [Event::Session(Happened::NotesSaved { text, .. })] = &events[..] else { panic!("{events:?}") };
        assert_eq!(text.revision(), revision.saturating_add(1));
        whole = whole.saturating_add(usize::from(matches!(text, domain::session::Saved::Frame(_))));
        assert_eq!(notes(&world).text.text().as_deref(), Some(typed.as_str()));
    }
    assert!(whole < 40, "{whole} of 200 are whole texts");
    stored(notes(&world));
}

#[test]
fn what_a_command_shows_is_its_session() {
    assert_eq!(save(id(200), 0, "").thing(), start(200).thing());
}

/// Somebody with the notes open: the text before them, and the revision that it came from.
#[derive(Debug, Default, Clone)]
struct Editor {
    base: u32,
    lines: Vec<String>,
}

impl Editor {
    fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    fn opens(&mut self, row: &Notes) {
        self.base = row.text.newest();
        self.lines = row.text.text().unwrap().lines().map(str::to_owned).collect();
    }
}

/// What an editor does. Words are never taken away, so every word that was saved has to be somewhere.
#[derive(Debug, Clone)]
enum Stroke {
    /// A line of its own.
    Line(prop::sample::Index),
    /// A word at the end of a line that is there.
    Word(prop::sample::Index),
    /// Saves and takes what the answer says.
    Save,
    /// Saves and never gets the answer.
    SaveUnanswered,
    /// Loads the notes again, if nothing typed would go.
    Load,
}

fn stroke() -> impl Strategy<Value = Stroke> {
    prop_oneof![
        4 => any::<prop::sample::Index>().prop_map(Stroke::Line),
        3 => any::<prop::sample::Index>().prop_map(Stroke::Word),
        5 => Just(Stroke::Save),
        1 => Just(Stroke::SaveUnanswered),
        1 => Just(Stroke::Load),
    ]
}

/// Saves what the editor has; whether they hear of it is theirs.
fn saves(world: &mut World, actor: u128, editor: &mut Editor, answered: bool) {
    let events = world.events(actor, &save(id(200), editor.base, &editor.text())).unwrap();
    if !answered {
        return;
    }
    match &events[..] {
        [] | [Event::Session(Happened::NotesSaved { .. })] => editor.opens(notes(world)),
        [Event::Session(Happened::NotesDiverged { text, .. })] => editor.base = text.number,
        other => panic!("{other:?}"),
    }
}

/// A word of these two that is neither in the notes nor in a sibling.
fn lost(world: &World, saved: &[String]) -> Option<String> {
    let (text, _, siblings) = kept(world);
    let kept: std::collections::HashSet<_> =
        siblings.iter().chain([&text]).flat_map(|text| text.split_whitespace()).collect();
    saved.iter().find(|word| !kept.contains(word.as_str())).cloned()
}

proptest! {
    #[test]
    fn two_editors_never_lose_a_word(strokes in prop::collection::vec((any::<bool>(), stroke()), 0..80)) {
        let (mut world, _) = running();
        let mut editors = [Editor::default(), Editor::default()];
        let mut unsaved = [Vec::new(), Vec::new()];
        let mut saved = Vec::new();
        for (number, (second, stroke)) in strokes.into_iter().enumerate() {
            let who = usize::from(second);
            let (editor, actor) = (&mut editors[who], [World::OWNER, World::COACH][who]);
            let word = format!("w{number:02}");
            match stroke {
                Stroke::Line(at) => {
                    editor.lines.insert(at.index(editor.lines.len().saturating_add(1)), word.clone());
                    unsaved[who].push(word);
                }
                Stroke::Word(at) if !editor.lines.is_empty() => {
                    let line = at.index(editor.lines.len());
                    editor.lines[line].extend([" ", &word]);
                    unsaved[who].push(word);
                }
                Stroke::Load if unsaved[who].is_empty() => editor.opens(world.row::<Notes>(id(200))),
                Stroke::Word(_) | Stroke::Load => {}
                Stroke::Save | Stroke::SaveUnanswered => {
                    saves(&mut world, actor, editor, matches!(stroke, Stroke::Save));
                    saved.append(&mut unsaved[who]);
                }
            }
            // Beyond, the oldest sibling is in the log only.
            if notes(&world).text.siblings.len() == MOST_SIBLINGS {
                break;
            }
            prop_assert_eq!(lost(&world, &saved), None);
        }
    }
}
