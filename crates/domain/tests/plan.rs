//! The plan (S2.18–S2.27, S3.9–S3.17): comments, monitoring, and actions that recur: given, when, then.
#![expect(clippy::unwrap_used, reason = "a test may stop; its helpers are a part of it")]

#[cfg(test)]
mod support;

use domain::coachee::{DeactivateCoachee, ReactivateCoachee};
use domain::id::{ActionId, CoacheeId, CommentId, GoalId, MilestoneId, PracticeId, SeriesId};
use domain::plan::{
    Action, ActionSeries, ActionThread, AddAction, AddGoal, AddMilestone, Comment, CommentOnAction, DeleteAction,
    DeleteComment, DeleteGoal, Duration, EndActionSeries, Event, Frequency, Goal, Maker, NewSeries, Next, Recurrence,
    RepeatAction, SetActionMonitoring, SetActionProgress, UpdateAction, UpdateActionSeries, UpdateComment,
};
use domain::practice;
use domain::text::{Change, Confidential, Text as _};
use domain::value::{Count, Date, Percent, Time, Zone};
use domain::{Actor, Stop, timer};
use proptest::prelude::*;
use support::{NOON, World, id, refused, stored, text};

const ACTION: u128 = 200;
const SERIES: u128 = 300;

fn date(day: &str) -> Date {
    day.parse().unwrap()
}

/// The command that sets an action for Saturday, 21 November 2026: today.
fn today(number: u128) -> AddAction {
    AddAction {
        action: id(number),
        coachee: id(World::COACHEE),
        goal: None,
        milestone: None,
        title: text("Walk"),
        description: Some(text("Around the lake.")),
        due: Some(date("2026-11-21")),
        series: None,
    }
}

fn recurring(frequency: Frequency, duration: Duration) -> AddAction {
    AddAction { series: Some(NewSeries { id: id(SERIES), frequency, duration }), ..today(ACTION) }
}

fn daily(times: u32) -> AddAction {
    recurring(Frequency::Daily, Duration::Times(times))
}

/// An action that this one set.
fn set_by(world: &mut World, actor: u128) {
    assert_eq!(world.when(actor, &today(ACTION)), Ok(vec!["plan.action_added"]));
}

fn comment(world: &mut World, actor: u128, number: u128) -> Result<Vec<&'static str>, Stop> {
    world.when(actor, &CommentOnAction { comment: id(number), action: id(ACTION), text: text("Well done.") })
}

fn series(world: &World) -> &ActionSeries {
    world.row::<ActionSeries>(id::<SeriesId>(SERIES))
}

/// What the product does when a timer has asked for it.
fn rings(world: &mut World, command: &RepeatAction) -> Result<Vec<&'static str>, Stop> {
    Ok(world.decides(Actor::System("timers"), command)?.iter().map(domain::Event::kind).collect())
}

/// Rings the series' timer as the engine does: what the row asks for, by the product.
fn ring(world: &mut World) -> Vec<&'static str> {
    let row = series(world).clone();
    let command = RepeatAction { series: row.id, coachee: row.coachee, number: row.number() + 1 };
    rings(world, &command).unwrap()
}

/// Rings it at the moment at which the next one appears.
fn next_appears(world: &mut World) -> Vec<&'static str> {
    world.now = series(world).next.unwrap().appears;
    ring(world)
}

fn made(number: u32) -> ActionId {
    ActionId::of_series(id(SERIES), number)
}

#[test]
fn who_made_it_is_written_down() {
    let mut world = World::new();
    let goal = |number: u128| AddGoal {
        goal: id(number),
        coachee: id(World::COACHEE),
        title: text("Rest"),
        due: date("2026-12-01"),
    };
    for (number, actor, by) in
        [(1, World::OWNER, Maker::Coach), (2, World::COACH, Maker::Coach), (3, World::COACHEE_ACCOUNT, Maker::Coachee)]
    {
        world.when(actor, &goal(100 + number)).unwrap();
        world.when(actor, &today(200 + number)).unwrap();
        assert_eq!(world.row::<Goal>(id(100 + number)).by, by);
        assert_eq!(world.row::<Action>(id(200 + number)).by, by);
    }
    stored(world.row::<Action>(id(203)));
}

#[test]
fn what_was_set_before_it_was_written_down_counts_as_a_coachs() {
    let old = r#"{"plan.goal_added":{"goal":"goal_01h455vb4pex5vsknk084sn02q","coachee":"coachee_01h455vb4pex5vsknk084sn02q","title":"AAAA","due":"2026-12-01"}}"#;
    let event = domain::Event::decode("plan.goal_added", &mut serde_json::Deserializer::from_str(old)).unwrap();
    assert_eq!(serde_json::to_string(&event).unwrap(), old);
    let mut world = World::new();
    let goal: GoalId = "goal_01h455vb4pex5vsknk084sn02q".parse().unwrap();
    world.given(id::<CoacheeId>(World::COACHEE).into(), event);
    assert_eq!(world.row::<Goal>(goal).by, Maker::Coach);
}

#[test]
fn both_sides_comment_and_only_they() {
    let mut world = World::new();
    set_by(&mut world, World::COACH);
    for (number, actor) in [(1, World::COACH), (2, World::COACHEE_ACCOUNT), (3, World::OWNER)] {
        assert_eq!(comment(&mut world, actor, number), Ok(vec!["plan.comment_added"]));
    }
    assert_eq!(comment(&mut world, 99, 4), Err(Stop::NotFound));
    assert_eq!(comment(&mut world, World::OWNER, 3), refused("PLAN_ITEM_EXISTS"));
    assert_eq!(world.row::<Action>(id(ACTION)).comments, Count(3));
    let theirs = world.row::<Comment>(id(2));
    assert_eq!((theirs.by, theirs.author), (Maker::Coachee, Some(id(World::COACHEE_ACCOUNT))));
    assert_eq!(world.row::<Comment>(id(3)).by, Maker::Coach);
    stored(theirs);
    stored(world.row::<ActionThread>(id(ACTION)));
}

#[test]
fn a_comment_says_something_in_at_most_4000_characters() {
    use domain::text::Comment;
    for wrong in ["", " \n\t ", &"x".repeat(4_001)] {
        assert!(Comment::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(Comment::parse(&"ü".repeat(4_000)).unwrap().as_str().chars().count(), 4_000);
}

#[test]
fn a_comment_is_its_authors_to_change_and_to_take_back() {
    let mut world = World::new();
    set_by(&mut world, World::COACH);
    comment(&mut world, World::COACHEE_ACCOUNT, 1).unwrap();
    comment(&mut world, World::COACH, 2).unwrap();
    let change = |words: &str| UpdateComment { comment: id(1), text: text(words) };
    let delete = DeleteComment { comment: id(1) };
    for other in [World::COACH, World::OWNER] {
        assert_eq!(world.when(other, &change("Ha")), Err(Stop::Forbidden));
        assert_eq!(world.when(other, &delete), Err(Stop::Forbidden));
    }
    assert_eq!(world.when(99, &change("Ha")), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &change("Well done.")), Ok(vec![]));
    assert_eq!(world.row::<Comment>(id(1)).changed_at, None);
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &change("Thanks.")), Ok(vec!["plan.comment_changed"]));
    let row = world.row::<Comment>(id(1));
    assert_eq!((row.text.text().unwrap().as_str(), row.changed_at), ("Thanks.", Some(NOON)));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &delete), Ok(vec!["plan.comment_deleted"]));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &delete), Err(Stop::NotFound));
    assert!(world.find::<Comment>(id(1)).is_none());
    assert_eq!(world.row::<Action>(id(ACTION)).comments, Count(1));
    world.when(World::COACH, &DeleteComment { comment: id(2) }).unwrap();
    assert!(world.find::<ActionThread>(id(ACTION)).is_none(), "an empty thread is none");
}

#[test]
fn comments_go_with_their_action() {
    let mut world = World::new();
    set_by(&mut world, World::COACH);
    for number in 1..=3 {
        comment(&mut world, World::COACH, number).unwrap();
    }
    world.when(World::COACH, &DeleteComment { comment: id(2) }).unwrap();
    let events = world.events(World::COACHEE_ACCOUNT, &DeleteAction { action: id(ACTION) }).unwrap();
    let [domain::Event::Plan(Event::ActionDeleted { comments, .. })] = &events[..] else { panic!("{events:?}") };
    assert_eq!(comments[..], [id::<CommentId>(1), id(3)]);
    for number in 1..=3 {
        assert!(world.find::<Comment>(id(number)).is_none());
    }
    assert!(world.find::<ActionThread>(id(ACTION)).is_none());
}

#[test]
fn an_action_has_at_most_500_comments() {
    let mut world = World::new();
    set_by(&mut world, World::COACH);
    for number in 1..=500 {
        comment(&mut world, World::COACH, number).unwrap();
    }
    assert_eq!(comment(&mut world, World::COACH, 501), refused("COMMENTS_ARE_TOO_MANY"));
    world.when(World::COACH, &DeleteComment { comment: id(7) }).unwrap();
    assert_eq!(comment(&mut world, World::COACH, 501), Ok(vec!["plan.comment_added"]));
}

#[test]
fn only_the_coachee_has_an_action_monitored_and_only_their_own() {
    let mut world = World::new();
    let monitor = |monitored| SetActionMonitoring { action: id(ACTION), monitored };
    set_by(&mut world, World::COACHEE_ACCOUNT);
    assert!(!world.row::<Action>(id(ACTION)).monitored, "off until they set it");
    for coach in [World::COACH, World::OWNER] {
        assert_eq!(world.when(coach, &monitor(true)), Err(Stop::Forbidden));
    }
    assert_eq!(world.when(99, &monitor(true)), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &monitor(false)), Ok(vec![]));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &monitor(true)), Ok(vec!["plan.action_monitoring_set"]));
    assert!(world.row::<Action>(id(ACTION)).monitored);
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &monitor(false)), Ok(vec!["plan.action_monitoring_set"]));
    assert!(!world.row::<Action>(id(ACTION)).monitored);

    world.when(World::COACH, &today(201)).unwrap();
    let theirs = SetActionMonitoring { action: id(201), monitored: true };
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &theirs), refused("ACTION_WAS_MADE_BY_A_COACH"));
}

#[test]
fn a_series_makes_each_action_in_its_turn_and_ends() {
    let mut world = World::new();
    assert_eq!(world.when(World::COACH, &daily(3)), Ok(vec!["plan.series_started", "plan.action_added"]));
    assert_eq!(ring(&mut world), Vec::<&str>::new(), "today is not over");
    let midnight = date("2026-11-22").begins_in(&Zone::utc());
    assert_eq!(series(&world).next, Some(Next { due: date("2026-11-22"), appears: midnight }));
    world.now = Time(midnight.0 - 1);
    assert_eq!(ring(&mut world), Vec::<&str>::new());
    for (number, day) in [(2, "2026-11-22"), (3, "2026-11-23")] {
        assert_eq!(next_appears(&mut world), ["plan.action_added"]);
        let action = world.row::<Action>(made(number));
        assert_eq!(
            (action.due, action.series, action.progress),
            (Some(date(day)), Some(id(SERIES)), Percent::default())
        );
        assert_eq!(
            (action.title.text(), action.by, action.author),
            (Some(&text("Walk")), Maker::Coach, Some(id(World::COACH)))
        );
        assert_eq!(action.description.as_ref().unwrap().text(), Some(&text("Around the lake.")));
        assert_eq!(action.written_by, Some(id(World::COACH)), "its words are those of who set the series");
    }
    assert_eq!((series(&world).next, series(&world).made), (None, Count(3)));
    world.now = world.now.plus_days(10);
    assert_eq!(ring(&mut world), Vec::<&str>::new());
    assert_eq!(world.when(World::COACH, &EndActionSeries { series: id(SERIES) }), refused("ACTION_SERIES_HAS_ENDED"));
    stored(series(&world));
    stored(world.row::<Action>(made(3)));
}

#[test]
fn an_occurrence_is_made_once_and_what_was_missed_is_made_up_for() {
    let mut world = World::new();
    world.when(World::COACH, &daily(5)).unwrap();
    // Nobody rang for three days and a half.
    world.now = NOON.plus_days(3);
    let late = RepeatAction { series: id(SERIES), coachee: id(World::COACHEE), number: 2 };
    assert_eq!(rings(&mut world, &late), Ok(vec!["plan.action_added"]));
    assert_eq!(rings(&mut world, &late), Ok(vec![]), "the same timer again, or on another node");
    assert_eq!(ring(&mut world), ["plan.action_added"]);
    assert_eq!(ring(&mut world), ["plan.action_added"]);
    assert_eq!(ring(&mut world), Vec::<&str>::new(), "the fifth is for tomorrow");
    let days: Vec<_> = (2..=4).map(|number| world.row::<Action>(made(number)).due.unwrap().to_string()).collect();
    assert_eq!(days, ["2026-11-22", "2026-11-23", "2026-11-24"]);
    let unknown = RepeatAction { series: id(999), coachee: id(World::COACHEE), number: 1 };
    assert_eq!(rings(&mut world, &unknown), Ok(vec![]), "one that is gone has nothing to do");
}

#[test]
fn the_timer_asks_for_the_next_one() {
    let mut world = World::new();
    world.when(World::COACH, &daily(2)).unwrap();
    let mut row = series(&world).clone();
    domain::row::Row::secrets(&mut row, &mut |text, _| text.seal(vec![0]));
    let document = domain::row::Row::document(&row).unwrap();
    assert!(timer::TIMED.contains(&domain::Table::action_series));
    let command = timer::due(domain::Table::action_series, domain::id::Id::uuid(row.id), &document).unwrap().unwrap();
    assert_eq!(command.thing(), ("series", domain::id::Id::uuid(row.id)));
}

#[test]
fn a_series_has_a_first_day_an_end_and_no_milestone() {
    let mut world = World::new();
    let goal = AddGoal { goal: id(100), coachee: id(World::COACHEE), title: text("Rest"), due: date("2026-12-01") };
    world.when(World::COACH, &goal).unwrap();
    let milestone: MilestoneId = id(150);
    let speak = AddMilestone { milestone, goal: id(100), title: text("Sleep"), due: date("2026-12-01") };
    world.when(World::COACH, &speak).unwrap();
    let day = |day: &str| Some(date(day));
    let until = |day: &str| recurring(Frequency::Daily, Duration::Until(date(day)));
    for (command, code) in [
        (AddAction { milestone: Some(milestone), ..daily(3) }, "RECURRENCE_UNDER_A_MILESTONE"),
        (AddAction { due: None, ..daily(3) }, "RECURRENCE_NEEDS_A_DAY"),
        (AddAction { due: day("2026-11-20"), ..daily(3) }, "RECURRENCE_BEGINS_IN_THE_PAST"),
        (until("2026-11-20"), "RECURRENCE_ENDS_BEFORE_IT_BEGINS"),
        (daily(0), "RECURRENCE_ENDS_BEFORE_IT_BEGINS"),
        (daily(1_001), "RECURRENCE_IS_TOO_LONG"),
        (daily(u32::MAX), "RECURRENCE_IS_TOO_LONG"),
        (until("2029-08-17"), "RECURRENCE_IS_TOO_LONG"),
    ] {
        assert_eq!(world.when(World::COACH, &command), refused(code), "{command:?}");
    }
    assert!(world.find::<ActionSeries>(id(SERIES)).is_none());
    assert!(Duration::parse(None, None).is_err() && Duration::parse(day("2026-12-01"), Some(3)).is_err());
    assert_eq!(world.when(World::COACH, &until("2029-08-16")).map(|it| it.len()), Ok(2), "a thousand times");
    let again = AddAction { action: id(201), ..daily(2) };
    assert_eq!(world.when(World::COACH, &again), refused("PLAN_ITEM_EXISTS"));
    // For a goal it may recur; without the goal it goes on for itself.
    let for_goal = AddAction {
        action: id(202),
        goal: Some(id(100)),
        series: Some(NewSeries { id: id(301), frequency: Frequency::Weekly, duration: Duration::Times(4) }),
        ..today(202)
    };
    world.when(World::COACHEE_ACCOUNT, &for_goal).unwrap();
    let row = world.row::<ActionSeries>(id(301)).clone();
    world.now = row.next.unwrap().appears;
    let repeat = RepeatAction { series: row.id, coachee: row.coachee, number: 2 };
    rings(&mut world, &repeat).unwrap();
    let second = world.row::<Action>(ActionId::of_series(row.id, 2));
    assert_eq!((second.goal, second.by, second.due), (Some(id(100)), Maker::Coachee, day("2026-11-28")));
}

#[test]
fn a_series_serves_its_goal_as_long_as_there_is_one() {
    let mut world = World::new();
    let goal = AddGoal { goal: id(100), coachee: id(World::COACHEE), title: text("Rest"), due: date("2026-12-01") };
    world.when(World::COACH, &goal).unwrap();
    world.when(World::COACH, &AddAction { goal: Some(id(100)), ..daily(4) }).unwrap();
    next_appears(&mut world);
    assert_eq!(world.row::<Action>(made(2)).goal, Some(id(100)));
    let delete = DeleteGoal { goal: id(100) };
    for action in [id(ACTION), made(2)] {
        assert_eq!(world.when(World::COACH, &delete), refused("GOAL_HAS_ACTIONS"));
        world.when(World::COACH, &DeleteAction { action }).unwrap();
    }
    world.when(World::COACH, &delete).unwrap();
    assert_eq!(next_appears(&mut world), ["plan.action_added"]);
    assert_eq!(world.row::<Action>(made(3)).goal, None);
}

#[test]
fn a_goal_counts_the_actions_that_serve_it_without_a_milestone() {
    let mut world = World::new();
    let (goal, milestone): (GoalId, MilestoneId) = (id(100), id(150));
    let due = date("2026-12-01");
    world.when(World::COACH, &AddGoal { goal, coachee: id(World::COACHEE), title: text("Rest"), due }).unwrap();
    world.when(World::COACH, &AddMilestone { milestone, goal, title: text("Sleep"), due }).unwrap();
    for (number, goal, milestone) in [
        (201, Some(goal), None),
        (202, Some(goal), None),
        (203, None, Some(milestone)),
        (204, Some(goal), Some(milestone)),
        (205, None, None),
    ] {
        world.when(World::COACH, &AddAction { goal, milestone, ..today(number) }).unwrap();
    }
    let lone = |world: &World| world.row::<Goal>(goal).lone;
    assert_eq!(lone(&world), Count(2));
    for (number, left) in [(203, 2), (201, 1), (204, 1), (205, 1), (202, 0)] {
        world.when(World::COACH, &DeleteAction { action: id(number) }).unwrap();
        assert_eq!(lone(&world), Count(left), "{number}");
    }
}

#[test]
fn a_goal_that_is_named_beside_a_milestone_is_the_milestones() {
    let mut world = World::new();
    let due = date("2026-12-01");
    let mut goal = |goal: GoalId, coachee: u128| {
        world.when(World::OWNER, &AddGoal { goal, coachee: id(coachee), title: text("Rest"), due }).unwrap();
    };
    goal(id(100), World::COACHEE);
    goal(id(101), World::COACHEE);
    goal(id(102), World::OTHER);
    let milestone: MilestoneId = id(150);
    world.when(World::OWNER, &AddMilestone { milestone, goal: id(100), title: text("Sleep"), due }).unwrap();
    let under = |goal| AddAction { goal: Some(goal), milestone: Some(milestone), ..today(ACTION) };
    assert_eq!(world.when(World::OWNER, &under(id(101))), refused("MILESTONE_OF_ANOTHER_GOAL"));
    assert_eq!(world.when(World::OWNER, &under(id(102))), refused("PLAN_ITEM_OF_ANOTHER_COACHEE"));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &under(id(102))), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &under(id(103))), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &under(id(100))), Ok(vec!["plan.action_added"]));
}

#[test]
fn a_series_makes_none_while_its_coachee_is_deactivated_and_goes_on_afterwards() {
    let mut world = World::new();
    world.when(World::COACH, &daily(5)).unwrap();
    let coachee = id(World::COACHEE);
    world.when(World::OWNER, &DeactivateCoachee { coachee }).unwrap();
    for number in [2, 3] {
        assert_eq!(next_appears(&mut world), ["plan.series_skipped"]);
        assert_eq!(ring(&mut world), Vec::<&str>::new(), "once in its turn");
        assert!(world.find::<Action>(made(number)).is_none());
    }
    stored(series(&world));
    world.when(World::OWNER, &ReactivateCoachee { coachee }).unwrap();
    assert_eq!(ring(&mut world), Vec::<&str>::new(), "what was skipped is not made up for");
    // Another duration counts on from there.
    let shorter = UpdateActionSeries {
        series: id(SERIES),
        title: None,
        description: None,
        duration: Some(Duration::Until(date("2026-11-24"))),
    };
    world.when(World::COACH, &shorter).unwrap();
    assert_eq!(series(&world).next.unwrap().due, date("2026-11-24"));
    assert_eq!(next_appears(&mut world), ["plan.action_added"]);
    assert_eq!(world.row::<Action>(made(4)).due, Some(date("2026-11-24")));
    assert_eq!((series(&world).made, series(&world).skipped, series(&world).next), (Count(2), Count(2), None));
}

#[test]
fn changing_a_series_changes_what_is_to_come_and_an_action_itself_alone() {
    let mut world = World::new();
    world.when(World::COACH, &daily(5)).unwrap();
    let rename = UpdateAction { action: id(ACTION), title: Some(text("Run")), description: None, due: None };
    world.when(World::COACHEE_ACCOUNT, &rename).unwrap();
    next_appears(&mut world);
    assert_eq!(world.row::<Action>(made(2)).title.text(), Some(&text("Walk")));
    let change = |title: Option<&str>, description: Option<&str>, duration| UpdateActionSeries {
        series: id(SERIES),
        title: title.map(text),
        description: description.map(text),
        duration,
    };
    assert_eq!(world.when(World::COACH, &change(Some("Walk"), None, Some(Duration::Times(5)))), Ok(vec![]));
    let changed = change(Some("Swim"), Some(""), Some(Duration::Times(3)));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &changed), Ok(vec!["plan.series_changed"]));
    assert_eq!(series(&world).written_by, None, "two have written it");
    next_appears(&mut world);
    let third = world.row::<Action>(made(3));
    assert_eq!((third.title.text(), third.description.is_none()), (Some(&text("Swim")), true));
    assert_eq!(third.written_by, None);
    assert_eq!(world.row::<Action>(made(2)).title.text(), Some(&text("Walk")), "what is there stays");
    assert_eq!(series(&world).next, None, "three times are over");
    assert_eq!(world.when(World::COACH, &changed), refused("ACTION_SERIES_HAS_ENDED"));
}

#[test]
fn a_shorter_duration_may_be_over_and_a_longer_one_goes_on() {
    let mut world = World::new();
    world.when(World::COACH, &daily(5)).unwrap();
    let last =
        |duration| UpdateActionSeries { series: id(SERIES), title: None, description: None, duration: Some(duration) };
    let before = series(&world).next;
    world.when(World::COACH, &last(Duration::Until(date("2026-12-31")))).unwrap();
    assert_eq!(series(&world).next, before);
    let refusal = world.when(World::COACH, &last(Duration::Until(date("2026-11-20"))));
    assert_eq!(refusal, refused("RECURRENCE_ENDS_BEFORE_IT_BEGINS"));
    assert_eq!(world.when(World::COACH, &last(Duration::Times(1_001))), refused("RECURRENCE_IS_TOO_LONG"));
    world.when(World::COACH, &last(Duration::Until(date("2026-11-21")))).unwrap();
    assert_eq!(series(&world).next, None);
}

#[test]
fn an_ended_series_leaves_what_is_there() {
    let mut world = World::new();
    world.when(World::COACH, &daily(5)).unwrap();
    next_appears(&mut world);
    let end = EndActionSeries { series: id(SERIES) };
    assert_eq!(world.when(99, &end), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &end), Ok(vec!["plan.series_ended"]));
    assert_eq!((series(&world).next, series(&world).ended_at), (None, Some(world.now)));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &end), refused("ACTION_SERIES_HAS_ENDED"));
    world.now = world.now.plus_days(3);
    assert_eq!(ring(&mut world), Vec::<&str>::new());
    let done = SetActionProgress { action: made(2), progress: Percent::ALL };
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &done), Ok(vec!["plan.action_progressed"]));
}

#[test]
fn what_is_monitored_stays_so_in_what_the_series_makes() {
    let mut world = World::new();
    world.when(World::COACHEE_ACCOUNT, &daily(3)).unwrap();
    let monitor = |action, monitored| SetActionMonitoring { action, monitored };
    world.when(World::COACHEE_ACCOUNT, &monitor(id(ACTION), true)).unwrap();
    next_appears(&mut world);
    assert!(world.row::<Action>(made(2)).monitored);
    world.when(World::COACHEE_ACCOUNT, &monitor(made(2), false)).unwrap();
    next_appears(&mut world);
    assert!(!world.row::<Action>(made(3)).monitored);
    assert!(world.row::<Action>(id(ACTION)).monitored, "each action keeps its own");
    // What the action says already, the series does not: it is set.
    assert!(!series(&world).monitored);
    let again = monitor(id(ACTION), true);
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &again), Ok(vec!["plan.action_monitoring_set"]));
    assert!(series(&world).monitored);
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &again), Ok(vec![]));
}

#[test]
fn what_becomes_of_a_series_says_whose_it_is_and_whether_it_is_monitored() {
    for (by, monitored) in [(Maker::Coach, false), (Maker::Coachee, false), (Maker::Coachee, true)] {
        let mut world = World::new();
        let author = if by == Maker::Coach { World::COACH } else { World::COACHEE_ACCOUNT };
        world.when(author, &daily(5)).unwrap();
        if monitored {
            world.when(author, &SetActionMonitoring { action: id(ACTION), monitored }).unwrap();
        }
        let title = Some(text("Swim"));
        let rename = UpdateActionSeries { series: id(SERIES), title, description: None, duration: None };
        let events = world.events(World::COACHEE_ACCOUNT, &rename).unwrap();
        let [domain::Event::Plan(Event::SeriesChanged { by: whose, monitored: is_so, .. })] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((*whose, *is_so), (by, monitored));
        let events = world.events(World::COACHEE_ACCOUNT, &EndActionSeries { series: id(SERIES) }).unwrap();
        let [domain::Event::Plan(Event::SeriesEnded { by: whose, monitored: is_so, .. })] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((*whose, *is_so), (by, monitored));
    }
}

#[test]
fn a_text_whose_key_is_gone_ends_its_series() {
    let mut world = World::new();
    world.when(World::COACH, &daily(3)).unwrap();
    let title = Some(Change { was: None, now: forgotten() });
    let next = series(&world).next;
    let (series, by) = (id(SERIES), Maker::Coach);
    let event = Event::SeriesChanged { series, title, description: None, duration: None, next, by, monitored: false };
    world.folds((id::<CoacheeId>(World::COACHEE).into(), None), None, &event.into());
    assert_eq!(next_appears(&mut world), ["plan.series_ended"]);
}

/// A text of which nothing is left.
fn forgotten<T: domain::text::Text>() -> Confidential<T> {
    serde_json::from_str("null").unwrap()
}

#[test]
fn the_day_ends_in_the_practices_time_zone() {
    let mut world = World::new();
    let practice: PracticeId = id(World::PRACTICE);
    let auckland = Zone::parse("Pacific/Auckland").unwrap();
    let zone = Some(Change { was: Some(Zone::utc()), now: auckland.clone() });
    let changed = practice::Event::Changed {
        practice,
        name: None,
        zone,
        coaches_may_add: None,
        expiring_days: None,
        low_sessions: None,
    };
    world.given(practice.into(), changed);
    // There it is the 22nd already.
    assert_eq!(world.when(World::COACH, &daily(2)), refused("RECURRENCE_BEGINS_IN_THE_PAST"));
    world.when(World::COACH, &AddAction { due: Some(date("2026-11-22")), ..daily(2) }).unwrap();
    let next = series(&world).next.unwrap();
    assert_eq!((next.due, next.appears), (date("2026-11-23"), date("2026-11-23").begins_in(&auckland)));
    assert_eq!(next.appears.date_in(&Zone::utc()), date("2026-11-22"));
}

/// Zones whose clocks do everything that clocks do: change at midnight, by half an hour, not at all, across the date line.
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "America/St_Johns",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "America/Scoresbysund",
];

fn any_rule() -> impl Strategy<Value = (Recurrence, Date, Zone)> {
    let frequency = prop_oneof![Just(Frequency::Daily), Just(Frequency::Weekly), Just(Frequency::Monthly)];
    // 2026-01-01 to 2060.
    let first = (20_454..33_000_i32).prop_map(Date);
    let zone = prop::sample::select(ZONES).prop_map(|zone| Zone::parse(zone).unwrap());
    let duration = prop_oneof![(1..=1_000_u32).prop_map(Ok), (0..=999_i32).prop_map(Err)];
    (frequency, first, duration, zone).prop_map(|(frequency, first, duration, zone)| {
        let duration = match duration {
            Ok(times) => Duration::Times(times),
            Err(days) => Duration::Until(first.plus_days(days)),
        };
        (Recurrence { frequency, duration }, first, zone)
    })
}

/// The same days as RFC 5545 has, by a library of its own: `COUNT` or `UNTIL`, and for days that not every month has the
/// last one of those that it has.
fn by_rfc_5545(rule: &Recurrence, first: Date) -> Vec<Date> {
    let frequency = match rule.frequency {
        Frequency::Daily => "DAILY".to_owned(),
        Frequency::Weekly => "WEEKLY".to_owned(),
        Frequency::Monthly => {
            let days: Vec<String> = (28..=first.civil().day().max(28)).map(|day| day.to_string()).collect();
            match first.civil().day() {
                29.. => format!("MONTHLY;BYMONTHDAY={};BYSETPOS=-1", days.join(",")),
                _ => "MONTHLY".to_owned(),
            }
        }
    };
    let basic = |date: Date| date.civil().strftime("%Y%m%d").to_string();
    let end = match rule.duration {
        Duration::Until(last) => format!("UNTIL={}T120000Z", basic(last)),
        Duration::Times(times) => format!("COUNT={times}"),
    };
    let set: rrule::RRuleSet =
        format!("DTSTART:{}T120000Z\nRRULE:FREQ={frequency};{end}", basic(first)).parse().unwrap();
    let found = set.all(1_001);
    assert!(!found.limited);
    found.dates.iter().map(|at| date(&at.format("%Y-%m-%d").to_string())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What a rule says is what RFC 5545 says.
    #[test]
    fn days_are_those_of_rfc_5545((rule, first, _) in any_rule()) {
        let rule = rule.bounded(first).unwrap();
        let ours: Vec<Date> = (1..).map_while(|number| rule.due(first, number)).collect();
        prop_assert_eq!(ours, by_rfc_5545(&rule, first));
    }

    /// One is current at every moment: each appears when the day of the one before is over in the zone, and not before;
    /// whatever clocks do, no day comes twice or is left out.
    #[test]
    fn each_appears_when_the_day_before_is_over((rule, first, zone) in any_rule()) {
        let (mut number, mut due) = (1, first);
        while let Some(next) = rule.after(first, number, &zone) {
            prop_assert_eq!(next.appears.date_in(&zone), due.plus_days(1));
            prop_assert_eq!(Time(next.appears.0 - 1).date_in(&zone), due);
            prop_assert!(next.due > due);
            number += 1;
            due = next.due;
            if number > 60 {
                break;
            }
        }
    }

    /// No day and no number is too large for it.
    #[test]
    fn it_is_total(first in any::<i32>(), number in any::<u32>(), times in any::<u32>(), last in any::<i32>(), zone in prop::sample::select(ZONES)) {
        for frequency in [Frequency::Daily, Frequency::Weekly, Frequency::Monthly] {
            for duration in [Duration::Times(times), Duration::Until(Date(last))] {
                let rule = Recurrence { frequency, duration };
                let _ = (rule.due(Date(first), number), rule.bounded(Date(first)));
                let _ = rule.after(Date(first), number, &Zone::parse(zone).unwrap());
            }
        }
    }

    /// Lived through minute by minute in any zone, with timers that ring late or not at all for a while, a series makes
    /// each of its actions once, in order.
    #[test]
    fn a_series_lives_through_any_clock(zone in prop::sample::select(ZONES), start in 0..400_i64, late in prop::collection::vec(1..5_000_i64, 1..12), times in 1..8_u32) {
        let mut world = World::new();
        let practice: PracticeId = id(World::PRACTICE);
        let zone = Zone::parse(zone).unwrap();
        let change = Some(Change { was: None, now: zone.clone() });
        world.given(practice.into(), practice::Event::Changed { practice, name: None, zone: change, coaches_may_add: None, expiring_days: None, low_sessions: None });
        world.now = NOON.plus_days(start);
        let first = world.now.date_in(&zone);
        world.when(World::COACH, &AddAction { due: Some(first), ..daily(times) }).unwrap();
        for minutes in late {
            world.now = world.now.plus_minutes(minutes);
            while !ring(&mut world).is_empty() {}
            let today = world.now.date_in(&zone);
            let made = series(&world).made.0;
            let wanted = u32::try_from(today.0 - first.0).unwrap() + 1;
            prop_assert_eq!(made, wanted.min(times));
            for number in 2..=made {
                let due = world.row::<Action>(self::made(number)).due;
                prop_assert_eq!(due, Some(first.plus_days(i32::try_from(number).unwrap() - 1)));
            }
        }
    }
}

#[test]
fn monthly_on_the_31st_is_on_the_last_day_of_shorter_months() {
    let rule = Recurrence { frequency: Frequency::Monthly, duration: Duration::Times(14) };
    let first = date("2027-01-31");
    let days: Vec<String> = (1..=14).map(|number| rule.due(first, number).unwrap().to_string()).collect();
    assert_eq!(days[..5], ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]);
    assert_eq!(days[13], "2028-02-29");
    assert_eq!(rule.due(first, 15), None);
    assert_eq!(rule.due(first, 0), None);
}
