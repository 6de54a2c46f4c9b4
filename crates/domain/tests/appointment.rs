//! Appointments: made, moved, cancelled, answered, held; and their recurrence against a computation by hand.
#![expect(clippy::unwrap_used, reason = "a test may stop; its helpers are a part of it")]

#[cfg(test)]
mod support;

use domain::Refusal;
use domain::appointment::{
    AddAppointment, Answer, Appointment, CancelAppointment, Cancelling, CreateFeed, RescheduleAppointment,
    RespondToAppointment, Rule, State, Wall,
};
use domain::decide::Stop;
use domain::id::AppointmentId;
use domain::session::{Session, StartSession, StartedFrom};
use domain::value::{Time, Zone};
use proptest::prelude::*;
use support::{NOON, World, id, refused, stored, text};

const COACH: u128 = World::COACH;
const COACHEE: u128 = World::COACHEE_ACCOUNT;

fn wall(text: &str) -> Wall {
    text.parse().unwrap()
}

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn moment(text: &str) -> Time {
    Time(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn rule(text: &str, start: &str) -> Rule {
    Rule::parse(text, wall(start), &berlin()).unwrap()
}

fn why(text: &str, start: &str) -> &'static str {
    Rule::parse(text, wall(start), &berlin()).map_or_else(Refusal::code, |_| "fine")
}

fn add(number: u128, start: &str, recurrence: Option<&str>) -> AddAppointment {
    AddAppointment {
        appointment: id(number),
        coachee: id(World::COACHEE),
        coach: None,
        title: text("First steps"),
        place: Some(text("Room 4")),
        link: None,
        start: wall(start),
        zone: berlin(),
        minutes: 60,
        rule: recurrence.map(|text| rule(text, start)),
    }
}

fn moves(number: u128) -> RescheduleAppointment {
    RescheduleAppointment {
        appointment: id(number),
        occurrence: None,
        title: None,
        place: None,
        link: None,
        start: None,
        zone: None,
        minutes: None,
        rule: None,
    }
}

fn starts(world: &World, number: u128) -> Vec<(String, State)> {
    let row: &Appointment = world.row(id::<AppointmentId>(number));
    stored(row);
    row.occurrences().into_iter().map(|it| (it.start.to_string(), it.state)).collect()
}

fn planned(starts: &[&str]) -> Vec<(String, State)> {
    starts.iter().map(|start| ((*start).to_owned(), State::Planned)).collect()
}

#[test]
fn an_appointment_is_made_by_whoever_may_work_with_the_coachee() {
    let mut world = World::new();
    let once = add(100, "2026-12-01T09:00", None);
    assert_eq!(world.when(COACH, &once), Ok(vec!["appointment.added"]));
    assert_eq!(world.when(COACH, &once), refused("APPOINTMENT_EXISTS"));
    assert_eq!(world.when(COACHEE, &add(101, "2026-12-01T09:00", None)), Err(Stop::Forbidden));
    let others = AddAppointment { coachee: id(World::OTHER), ..add(102, "2026-12-01T09:00", None) };
    assert_eq!(world.when(COACH, &others), Err(Stop::NotFound));
    let no_access = AddAppointment { coach: Some(id(COACH)), ..others };
    assert_eq!(world.when(World::OWNER, &no_access), refused("COACH_HAS_NO_ACCESS"));
    let nobody = AddAppointment { coach: Some(id(77)), ..add(103, "2026-12-01T09:00", None) };
    assert_eq!(world.when(World::OWNER, &nobody), Err(Stop::NotFound));
    let row: &Appointment = world.row(id::<AppointmentId>(100));
    assert_eq!((row.coach, row.sequence), (id(COACH), 0));
    assert_eq!((row.span.from, row.span.to), (moment("2026-12-01T08:00:00Z"), moment("2026-12-01T09:00:00Z")));
}

#[test]
fn what_is_over_or_far_away_or_takes_no_time_is_refused() {
    let mut world = World::new();
    // Noon UTC is 13:00 in Berlin.
    assert_eq!(world.when(COACH, &add(100, "2026-11-21T12:00", None)), refused("APPOINTMENT_IS_OVER"));
    assert_eq!(world.when(COACH, &add(100, "2033-01-01T12:00", None)), refused("OUT_OF_RANGE"));
    for minutes in [0, 1441] {
        let add = AddAppointment { minutes, ..add(100, "2026-12-01T09:00", None) };
        assert_eq!(world.when(COACH, &add), refused("OUT_OF_RANGE"));
    }
    assert_eq!(world.when(COACH, &add(100, "2026-11-21T12:01", None)), Ok(vec!["appointment.added"]));
}

#[test]
fn a_rule_is_refused_for_what_is_wrong_with_it() {
    let start = "2026-12-01T09:00"; // a Tuesday
    for fine in [
        "FREQ=WEEKLY;COUNT=10",
        "RRULE:FREQ=DAILY;UNTIL=20261231",
        "freq=monthly;byday=1TU;count=12",
        "FREQ=YEARLY;COUNT=10",
        "FREQ=DAILY;COUNT=732",
        "FREQ=YEARLY;BYDAY=48TU;COUNT=2",
        "FREQ=YEARLY;BYMONTH=12;BYDAY=1TU;COUNT=2",
        "FREQ=MONTHLY;BYMONTHDAY=-31;COUNT=3",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE;BYSETPOS=1;COUNT=3",
    ] {
        assert_eq!(why(fine, start), "fine", "{fine}");
    }
    for (text, code) in [
        ("FREQ=DAILY;BYDAY=TU;BYSETPOS=1;COUNT=2", "RECURRENCE_IS_NOT_SUPPORTED"),
        ("FREQ=DAILY;INTERVAL=31;BYMONTH=12;COUNT=1", "RECURRENCE_IS_NOT_SUPPORTED"),
        ("", "RECURRENCE_IS_NOT_A_RULE"),
        ("every week", "RECURRENCE_IS_NOT_A_RULE"),
        ("FREQ=WEEKLY;COUNT=10;UNTIL=20270101", "RECURRENCE_IS_NOT_A_RULE"),
        ("FREQ=WEEKLY;COUNT=0", "RECURRENCE_IS_NOT_A_RULE"),
        ("FREQ=WEEKLY;INTERVAL=0;COUNT=2", "RECURRENCE_IS_NOT_A_RULE"),
        ("FREQ=WEEKLY;UNTIL=20269999", "RECURRENCE_IS_NOT_A_RULE"),
        ("FREQ=WEEKLY;UNTIL=20261101", "RECURRENCE_IS_NOT_A_RULE"),
        ("FREQ=WEEKLY", "RECURRENCE_HAS_NO_END"),
        ("FREQ=DAILY;COUNT=733", "APPOINTMENT_RECURS_TOO_OFTEN"),
        ("FREQ=DAILY;COUNT=4000000000", "APPOINTMENT_RECURS_TOO_OFTEN"),
        ("FREQ=DAILY;UNTIL=20300101", "APPOINTMENT_RECURS_TOO_OFTEN"),
        ("FREQ=YEARLY;COUNT=12", "APPOINTMENT_RECURS_TOO_OFTEN"),
        ("FREQ=WEEKLY;UNTIL=22000101", "APPOINTMENT_RECURS_TOO_OFTEN"),
        ("FREQ=SECONDLY;COUNT=5", "RECURRENCE_IS_NOT_SUPPORTED"),
        ("FREQ=HOURLY;COUNT=5", "RECURRENCE_IS_NOT_SUPPORTED"),
        ("FREQ=DAILY;BYHOUR=1,2,3;COUNT=5", "RECURRENCE_IS_NOT_SUPPORTED"),
        ("FREQ=YEARLY;BYWEEKNO=49;COUNT=5", "RECURRENCE_IS_NOT_SUPPORTED"),
        ("FREQ=WEEKLY;BYDAY=WE;COUNT=5", "RECURRENCE_DOES_NOT_FIT_ITS_START"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5", "RECURRENCE_DOES_NOT_FIT_ITS_START"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=5", "RECURRENCE_DOES_NOT_FIT_ITS_START"),
        ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1;COUNT=5", "RECURRENCE_DOES_NOT_FIT_ITS_START"),
        // These never come, from a Tuesday: what is not searched cannot keep anybody waiting.
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO;COUNT=5", "RECURRENCE_DOES_NOT_FIT_ITS_START"),
        ("FREQ=MONTHLY;BYDAY=2TU;COUNT=5", "RECURRENCE_DOES_NOT_FIT_ITS_START"),
        ("FREQ=YEARLY;BYDAY=-1TU;COUNT=5", "RECURRENCE_DOES_NOT_FIT_ITS_START"),
    ] {
        assert_eq!(why(text, start), code, "{text}");
    }
    assert_eq!(why(&format!("FREQ=WEEKLY;COUNT=2;BYMONTHDAY={}", "1,".repeat(400)), start), "RECURRENCE_IS_NOT_A_RULE");
}

#[test]
fn nine_stays_nine_over_daylight_saving() {
    let mut world = World::new();
    // Summer time begins in Berlin on 2027-03-28.
    world.when(COACH, &add(100, "2027-03-25T09:00", Some("FREQ=WEEKLY;COUNT=2"))).unwrap();
    let row: &Appointment = world.row(id::<AppointmentId>(100));
    let moments: Vec<Time> = row.occurrences().iter().map(|it| it.starts_at).collect();
    assert_eq!(moments, [moment("2027-03-25T08:00:00Z"), moment("2027-04-01T07:00:00Z")]);
    // A time that the clock skips has the offset from before; one that it shows twice is the first.
    assert_eq!(wall("2027-03-28T02:30").moment(&berlin()), moment("2027-03-28T01:30:00Z"));
    assert_eq!(wall("2027-10-31T02:30").moment(&berlin()), moment("2027-10-31T00:30:00Z"));
    // So the second of the two has no name there, by whichever clock it is said.
    world.when(COACH, &add(101, "2027-10-30T09:00", Some("FREQ=DAILY;COUNT=2"))).unwrap();
    let second = |start: &str| RescheduleAppointment {
        occurrence: Some(wall("2027-10-31T09:00")),
        start: Some(wall(start)),
        zone: Some(Zone::utc()),
        ..moves(101)
    };
    assert_eq!(world.when(COACH, &second("2027-10-31T01:30")), refused("OUT_OF_RANGE"));
    assert_eq!(world.when(COACH, &second("2027-10-31T00:30")), Ok(vec!["appointment.occurrence_moved"]));
    assert_eq!(starts(&world, 101)[1], ("2027-10-31T02:30".to_owned(), State::Moved));
}

#[test]
fn a_walls_time_has_no_offset() {
    for fine in ["2026-03-10T09:30", "2026-03-10T09:30:00"] {
        assert_eq!(fine.parse::<Wall>().unwrap().to_string(), "2026-03-10T09:30");
    }
    for wrong in
        ["2026-03-10T09:30-05", "2026-03-10T09:30+05", "2026-03-10T09:30Z", "2026-03-10 09:30", "2026-03-10T09:30:01"]
    {
        assert!(wrong.parse::<Wall>().is_err(), "{wrong}");
    }
}

#[test]
fn one_occurrence_moves_or_is_cancelled_alone_and_the_rest_from_one_on() {
    let mut world = World::new();
    world.when(COACH, &add(100, "2026-12-01T09:00", Some("FREQ=WEEKLY;COUNT=4"))).unwrap();
    let second = Some(wall("2026-12-08T09:00"));
    let late = RescheduleAppointment { occurrence: second, start: Some(wall("2026-12-09T17:00")), ..moves(100) };
    assert_eq!(world.when(COACH, &late), Ok(vec!["appointment.occurrence_moved"]));
    assert_eq!(world.when(COACH, &late), Ok(vec![]), "it is there already");
    let nowhere = RescheduleAppointment { occurrence: Some(wall("2026-12-09T17:00")), ..late };
    assert_eq!(world.when(COACH, &nowhere), refused("OCCURRENCE_IS_NOT_THERE"));
    let more = RescheduleAppointment { occurrence: second, title: Some(text("Late steps")), ..moves(100) };
    assert_eq!(world.when(COACH, &more), refused("OCCURRENCE_CAN_ONLY_BE_MOVED"));
    let weekly = Some(rule("FREQ=WEEKLY;COUNT=2", "2026-12-08T09:00"));
    let again = RescheduleAppointment { title: None, rule: weekly, ..more };
    assert_eq!(world.when(COACH, &again), refused("OCCURRENCE_CAN_ONLY_BE_MOVED"));
    let cancel = |what| CancelAppointment { appointment: id(100), what };
    assert_eq!(
        world.when(COACH, &cancel(Cancelling::One(wall("2026-12-15T09:00")))),
        Ok(vec!["appointment.occurrence_cancelled"])
    );
    assert_eq!(
        world.when(COACH, &cancel(Cancelling::One(wall("2026-12-15T09:00")))),
        refused("APPOINTMENT_IS_CANCELLED")
    );
    assert_eq!(
        world.when(COACH, &cancel(Cancelling::Following(wall("2026-12-22T09:00")))),
        Ok(vec!["appointment.following_cancelled"])
    );
    let expected = [
        ("2026-12-01T09:00", State::Planned),
        ("2026-12-09T17:00", State::Moved),
        ("2026-12-15T09:00", State::Cancelled),
        ("2026-12-22T09:00", State::Cancelled),
    ];
    assert_eq!(starts(&world, 100), expected.map(|(start, state)| (start.to_owned(), state)));
    let row: &Appointment = world.row(id::<AppointmentId>(100));
    assert_eq!((row.sequence, row.revised), (3, 3));
    assert_eq!(row.exception(wall("2026-12-08T09:00")).unwrap().sequence, 1);
    assert_eq!(world.when(COACH, &cancel(Cancelling::All)), Ok(vec!["appointment.cancelled"]));
    assert_eq!(world.when(COACH, &cancel(Cancelling::All)), refused("APPOINTMENT_IS_CANCELLED"));
    assert_eq!(world.when(COACH, &moves(100)), refused("APPOINTMENT_IS_CANCELLED"));
}

#[test]
fn what_is_over_or_was_held_is_not_cancelled() {
    let mut world = World::new();
    world.when(COACH, &add(100, "2026-12-01T09:00", Some("FREQ=WEEKLY;COUNT=5"))).unwrap();
    let cancel = |what| CancelAppointment { appointment: id(100), what };
    let (first, third) = (wall("2026-12-01T09:00"), wall("2026-12-15T09:00"));
    // The second takes place on the last day, and the third is held before its time.
    let behind = RescheduleAppointment {
        occurrence: Some(wall("2026-12-08T09:00")),
        start: Some(wall("2027-01-04T09:00")),
        ..moves(100)
    };
    world.when(COACH, &behind).unwrap();
    world.now = moment("2026-12-02T09:00:00Z");
    let start = StartSession {
        session: id(200),
        coachee: id(World::COACHEE),
        title: None,
        from: Some(StartedFrom { appointment: id(100), occurrence: Some(third) }),
        authorization: None,
    };
    world.when(COACH, &start).unwrap();
    for (what, code) in [
        (Cancelling::One(first), "APPOINTMENT_IS_OVER"),
        (Cancelling::Following(first), "APPOINTMENT_IS_OVER"),
        (Cancelling::One(third), "APPOINTMENT_HAS_A_SESSION"),
        (Cancelling::Following(third), "APPOINTMENT_HAS_A_SESSION"),
    ] {
        assert_eq!(world.when(COACH, &cancel(what)), refused(code), "{what:?}");
    }
    assert_eq!(
        world.when(COACH, &cancel(Cancelling::All)),
        Ok(vec!["appointment.following_cancelled", "appointment.occurrence_cancelled"])
    );
    let states: Vec<State> = starts(&world, 100).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [State::Planned, State::Cancelled, State::Planned, State::Cancelled, State::Cancelled]);
    assert_eq!(world.row::<Appointment>(id(100)).cut_from, Some(wall("2026-12-22T09:00")));
    assert_eq!(world.when(COACH, &cancel(Cancelling::All)), refused("APPOINTMENT_IS_OVER"));
    // So it is with one that does not repeat.
    world.when(COACH, &add(101, "2026-12-03T09:00", None)).unwrap();
    world.now = world.now.plus_days(3);
    let missed = CancelAppointment { appointment: id(101), what: Cancelling::All };
    assert_eq!(world.when(COACH, &missed), refused("APPOINTMENT_IS_OVER"));
    let from = Some(StartedFrom { appointment: id(101), occurrence: None });
    world.when(COACH, &StartSession { session: id(201), from, ..start }).unwrap();
    assert_eq!(world.when(COACH, &missed), refused("APPOINTMENT_HAS_A_SESSION"));
}

#[test]
fn a_series_moves_with_as_many_as_it_has() {
    let mut world = World::new();
    let expected = planned(&["2026-12-01T17:00", "2026-12-08T17:00", "2026-12-15T17:00", "2026-12-22T17:00"]);
    for (number, until) in [(100, "20261222T080000Z"), (101, "20261222"), (102, "20261228")] {
        world.when(COACH, &add(number, "2026-12-01T09:00", Some(&format!("FREQ=WEEKLY;UNTIL={until}")))).unwrap();
        let later = RescheduleAppointment { start: Some(wall("2026-12-01T17:00")), ..moves(number) };
        world.when(COACH, &later).unwrap();
        assert_eq!(starts(&world, number), expected, "{until}");
    }
    let later = RescheduleAppointment { start: Some(wall("2026-12-03T09:00")), ..moves(102) };
    world.when(COACH, &later).unwrap();
    assert_eq!(starts(&world, 102).last().unwrap().0, "2026-12-24T09:00");
}

#[test]
fn a_change_says_what_the_recurrence_was_where_it_changed() {
    let mut world = World::new();
    world.when(COACH, &add(100, "2026-12-01T09:00", Some("FREQ=WEEKLY;COUNT=4"))).unwrap();
    let mut recurrence = |change: RescheduleAppointment| {
        let events = world.events(COACH, &change).unwrap();
        let edits = events.iter().flat_map(|event| event.entry().changes);
        edits.filter(|edit| edit.field == "recurrence").map(|edit| (edit.was, edit.now)).collect::<Vec<_>>()
    };
    assert!(recurrence(RescheduleAppointment { minutes: Some(30), ..moves(100) }).is_empty());
    let daily = Some(rule("FREQ=DAILY;COUNT=3", "2026-12-01T09:00"));
    let expected = ("FREQ=WEEKLY;COUNT=4".to_owned(), "FREQ=DAILY;COUNT=3".to_owned());
    let changed = recurrence(RescheduleAppointment { rule: daily, ..moves(100) });
    assert_eq!(changed, [(Some(expected.0), Some(expected.1))]);
}

#[test]
fn with_a_deactivated_coachee_nothing_is_planned() {
    let mut world = World::new();
    world.when(COACH, &add(100, "2026-12-01T09:00", None)).unwrap();
    let deactivate = domain::coachee::DeactivateCoachee { coachee: id(World::COACHEE) };
    world.when(World::OWNER, &deactivate).unwrap();
    assert_eq!(world.when(COACH, &add(101, "2026-12-01T09:00", None)), refused("COACHEE_IS_DEACTIVATED"));
    let later = RescheduleAppointment { start: Some(wall("2026-12-02T09:00")), ..moves(100) };
    assert_eq!(world.when(COACH, &later), refused("COACHEE_IS_DEACTIVATED"));
    let cancel = CancelAppointment { appointment: id(100), what: Cancelling::All };
    assert_eq!(world.when(COACH, &cancel), Ok(vec!["appointment.cancelled"]));
}

#[test]
fn all_of_it_moves_while_none_has_begun() {
    let mut world = World::new();
    world.when(COACH, &add(100, "2026-12-01T09:00", Some("FREQ=WEEKLY;COUNT=4"))).unwrap();
    let answer = RespondToAppointment { appointment: id(100), occurrence: None, answer: Answer::Going };
    world.when(COACHEE, &answer).unwrap();
    let cut = CancelAppointment { appointment: id(100), what: Cancelling::Following(wall("2026-12-15T09:00")) };
    world.when(COACH, &cut).unwrap();
    let wednesday = RescheduleAppointment { start: Some(wall("2026-12-02T10:00")), ..moves(100) };
    assert_eq!(world.when(COACH, &wednesday), Ok(vec!["appointment.rescheduled"]));
    // What was cancelled does not come back, and who comes on Tuesdays did not say so of Wednesdays.
    assert_eq!(starts(&world, 100), planned(&["2026-12-02T10:00", "2026-12-09T10:00"]));
    assert!(world.row::<Appointment>(id(100)).occurrences().iter().all(|it| it.answered.is_none()));
    // A title moves nothing.
    world.when(COACHEE, &answer).unwrap();
    let named = RescheduleAppointment { title: Some(text("Next steps")), ..moves(100) };
    let revision = |world: &World| {
        let row: &Appointment = world.row(id::<AppointmentId>(100));
        (row.sequence, row.revised)
    };
    let before = revision(&world);
    assert_eq!(world.when(COACH, &named), Ok(vec!["appointment.rescheduled"]));
    assert_eq!(world.when(COACH, &named), Ok(vec![]));
    assert_eq!(revision(&world), before, "calendars need not learn of it");
    assert!(world.row::<Appointment>(id(100)).occurrences().iter().all(|it| it.answered.is_some()));
    world.now = world.now.plus_days(12);
    let again = RescheduleAppointment { start: Some(wall("2026-12-09T11:00")), ..moves(100) };
    assert_eq!(world.when(COACH, &again), refused("APPOINTMENT_HAS_BEGUN"));
    // One that does not repeat may be moved also after it was missed, but not into the past.
    world.when(COACH, &add(101, "2026-12-04T09:00", None)).unwrap();
    world.now = world.now.plus_days(3);
    let missed = RescheduleAppointment { start: Some(wall("2026-12-11T09:00")), ..moves(101) };
    assert_eq!(world.when(COACH, &missed), Ok(vec!["appointment.rescheduled"]));
    let back = RescheduleAppointment { start: Some(wall("2026-12-04T09:00")), ..moves(101) };
    assert_eq!(world.when(COACH, &back), refused("APPOINTMENT_IS_OVER"));
}

#[test]
fn what_was_moved_or_cancelled_before_its_time_has_not_begun() {
    let mut world = World::new();
    for number in [100, 101] {
        world.when(COACH, &add(number, "2026-12-01T09:00", Some("FREQ=WEEKLY;COUNT=3"))).unwrap();
    }
    let first = wall("2026-12-01T09:00");
    let behind = RescheduleAppointment { occurrence: Some(first), start: Some(wall("2026-12-03T09:00")), ..moves(100) };
    world.when(COACH, &behind).unwrap();
    world.when(COACH, &CancelAppointment { appointment: id(101), what: Cancelling::One(first) }).unwrap();
    world.now = moment("2026-12-02T09:00:00Z");
    for number in [100, 101] {
        let all = RescheduleAppointment { start: Some(wall("2026-12-04T09:00")), ..moves(number) };
        assert_eq!(world.when(COACH, &all), Ok(vec!["appointment.rescheduled"]), "{number}");
    }
    world.now = moment("2026-12-04T08:00:00Z");
    let again = RescheduleAppointment { start: Some(wall("2026-12-05T09:00")), ..moves(100) };
    assert_eq!(world.when(COACH, &again), refused("APPOINTMENT_HAS_BEGUN"));
}

#[test]
fn what_has_nothing_ahead_is_not_answered() {
    let mut world = World::new();
    world.when(COACH, &add(100, "2026-12-01T09:00", Some("FREQ=WEEKLY;COUNT=3"))).unwrap();
    let cut = CancelAppointment { appointment: id(100), what: Cancelling::Following(wall("2026-12-08T09:00")) };
    world.when(COACH, &cut).unwrap();
    let all = RespondToAppointment { appointment: id(100), occurrence: None, answer: Answer::Going };
    world.now = moment("2026-12-01T08:30:00Z");
    assert_eq!(world.when(COACHEE, &all), Ok(vec!["appointment.answered"]), "the first goes on");
    world.now = moment("2026-12-02T09:00:00Z");
    let not = RespondToAppointment { answer: Answer::NotGoing, ..all };
    assert_eq!(world.when(COACHEE, &not), refused("APPOINTMENT_IS_OVER"), "the others were cancelled");
}

#[test]
fn the_coachee_alone_answers_to_all_or_to_one() {
    let mut world = World::new();
    world.when(COACH, &add(100, "2026-12-01T09:00", Some("FREQ=WEEKLY;COUNT=3"))).unwrap();
    let all = RespondToAppointment { appointment: id(100), occurrence: None, answer: Answer::Going };
    assert_eq!(world.when(COACH, &all), Err(Stop::Forbidden));
    assert_eq!(world.when(World::OWNER, &all), Err(Stop::Forbidden));
    assert_eq!(world.when(COACHEE, &all), Ok(vec!["appointment.answered"]));
    assert_eq!(world.when(COACHEE, &all), Ok(vec![]));
    let second = Some(wall("2026-12-08T09:00"));
    let one = RespondToAppointment { appointment: id(100), occurrence: second, answer: Answer::NotGoing };
    assert_eq!(world.when(COACHEE, &one), Ok(vec!["appointment.answered"]));
    let answers = |world: &World| -> Vec<Option<Answer>> {
        world.row::<Appointment>(id(100)).occurrences().iter().map(|it| it.answered.map(|it| it.answer)).collect()
    };
    assert_eq!(answers(&world), [Some(Answer::Going), Some(Answer::NotGoing), Some(Answer::Going)]);
    let later = RescheduleAppointment { occurrence: second, start: Some(wall("2026-12-09T09:00")), ..moves(100) };
    world.when(COACH, &later).unwrap();
    assert_eq!(answers(&world), [Some(Answer::Going), None, Some(Answer::Going)], "a move voids the answer to it");
    let nowhere = RespondToAppointment { occurrence: Some(wall("2026-12-09T09:00")), ..one };
    assert_eq!(world.when(COACHEE, &nowhere), refused("OCCURRENCE_IS_NOT_THERE"));
    // Of one that does not repeat the only one is all of it.
    world.when(COACH, &add(101, "2026-12-01T09:00", None)).unwrap();
    let only = Some(wall("2026-12-01T09:00"));
    let named = RespondToAppointment { appointment: id(101), occurrence: only, answer: Answer::Going };
    assert_eq!(world.when(COACHEE, &named), Ok(vec!["appointment.answered"]));
    assert_eq!(world.when(COACHEE, &RespondToAppointment { occurrence: None, ..named }), Ok(vec![]));
    let row: &Appointment = world.row(id::<AppointmentId>(101));
    assert_eq!(row.answered.map(|it| it.answer), Some(Answer::Going));
    let nowhere = RespondToAppointment { appointment: id(101), occurrence: second, answer: Answer::Going };
    assert_eq!(world.when(COACHEE, &nowhere), refused("OCCURRENCE_IS_NOT_THERE"));
    world.now = world.now.plus_days(60);
    assert_eq!(
        world.when(COACHEE, &RespondToAppointment { answer: Answer::NotGoing, ..all }),
        refused("APPOINTMENT_IS_OVER")
    );
}

#[test]
fn a_session_starts_from_an_appointment_once() {
    let mut world = World::new();
    world.when(COACH, &add(100, "2026-12-01T09:00", Some("FREQ=WEEKLY;COUNT=3"))).unwrap();
    let start = |session: u128, occurrence: Option<&str>| StartSession {
        session: id(session),
        coachee: id(World::COACHEE),
        title: None,
        from: Some(StartedFrom { appointment: id(100), occurrence: occurrence.map(wall) }),
        authorization: None,
    };
    assert_eq!(world.when(COACH, &start(200, None)), refused("OCCURRENCE_IS_NEEDED"));
    let first = start(200, Some("2026-12-01T09:00"));
    assert_eq!(world.when(COACH, &first), Ok(vec!["session.started", "appointment.held"]));
    assert_eq!(world.when(COACH, &start(201, Some("2026-12-01T09:00"))), refused("APPOINTMENT_HAS_A_SESSION"));
    assert_eq!(world.when(COACH, &start(201, Some("2026-12-02T09:00"))), refused("OCCURRENCE_IS_NOT_THERE"));
    let session: &Session = world.row(id(200));
    assert_eq!(session.appointment, Some(id(100)));
    assert_eq!(
        session.title.text().map(domain::text::Text::as_str),
        Some("First steps"),
        "it is called as its appointment"
    );
    let others = StartSession { coachee: id(World::OTHER), ..start(202, Some("2026-12-08T09:00")) };
    assert_eq!(world.when(World::OWNER, &others), Err(Stop::NotFound));
    let cancel = CancelAppointment { appointment: id(100), what: Cancelling::All };
    world.when(COACH, &cancel).unwrap();
    assert_eq!(world.when(COACH, &start(203, Some("2026-12-08T09:00"))), refused("APPOINTMENT_IS_CANCELLED"));
}

#[test]
fn a_calendars_address_is_the_persons_own() {
    // In a practice's log nobody keeps an account.
    let mut world = World::new();
    assert_eq!(world.when(COACH, &CreateFeed { person: id(COACH), hash: [7; 32] }), Err(Stop::NotFound));
}

/// The starts of a rule by hand: day by day from the start on, those that the rule's parts let pass.
mod by_hand {
    use jiff::civil::{Date, DateTime};

    #[derive(Debug, Clone)]
    pub(super) enum Parts {
        Daily { interval: i32 },
        Weekly { interval: i32, days: Vec<u8> },
        Monthly { interval: i32, day: i8 },
        MonthlyNth { interval: i32, nth: i8, day: u8 },
    }

    const NAMES: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

    impl Parts {
        pub(super) fn text(&self, end: &str) -> String {
            let parts = match self {
                Self::Daily { interval } => format!("FREQ=DAILY;INTERVAL={interval}"),
                Self::Weekly { interval, days } => {
                    let days: Vec<&str> = days.iter().map(|day| NAMES[usize::from(*day)]).collect();
                    format!("FREQ=WEEKLY;INTERVAL={interval};BYDAY={}", days.join(","))
                }
                Self::Monthly { interval, day } => format!("FREQ=MONTHLY;INTERVAL={interval};BYMONTHDAY={day}"),
                Self::MonthlyNth { interval, nth, day } => {
                    format!("FREQ=MONTHLY;INTERVAL={interval};BYDAY={nth}{}", NAMES[usize::from(*day)])
                }
            };
            format!("{parts};{end}")
        }

        fn has(&self, first: Date, date: Date) -> bool {
            let days = first.until(date).unwrap().get_days();
            let months = (i32::from(date.year()) - i32::from(first.year())) * 12 + i32::from(date.month())
                - i32::from(first.month());
            let weekday = u8::try_from(date.weekday().to_monday_zero_offset()).unwrap();
            match self {
                Self::Daily { interval } => days % interval == 0,
                Self::Weekly { interval, days: on } => {
                    let monday = i32::from(first.weekday().to_monday_zero_offset());
                    on.contains(&weekday) && ((days + monday) / 7) % interval == 0
                }
                Self::Monthly { interval, day } => {
                    let wanted = if *day > 0 { *day } else { date.days_in_month() + 1 + *day };
                    months % interval == 0 && date.day() == wanted
                }
                Self::MonthlyNth { interval, nth, day } => {
                    let which = if *nth > 0 {
                        (date.day() - 1) / 7 + 1
                    } else {
                        -((date.days_in_month() - date.day()) / 7 + 1)
                    };
                    months % interval == 0 && weekday == *day && which == *nth
                }
            }
        }

        /// The first date on or after this one that the rule has, counted from itself.
        pub(super) fn first(&self, from: Date) -> Date {
            std::iter::successors(Some(from), |date| date.tomorrow().ok())
                .take(800)
                .find(|date| self.has(*date, *date))
                .unwrap()
        }

        pub(super) fn starts(&self, start: DateTime, count: usize) -> Vec<DateTime> {
            let dates = std::iter::successors(Some(start.date()), |date| date.tomorrow().ok());
            let dates = dates.take(3_660).filter(|date| self.has(start.date(), *date)).take(count);
            dates.map(|date| date.to_datetime(start.time())).collect()
        }
    }
}

fn parts() -> impl Strategy<Value = by_hand::Parts> {
    use by_hand::Parts;
    let days = proptest::collection::btree_set(0_u8..7, 1..4);
    prop_oneof![
        (1..10).prop_map(|interval| Parts::Daily { interval }),
        (1..5, days).prop_map(|(interval, days)| Parts::Weekly { interval, days: days.into_iter().collect() }),
        (1..4, prop_oneof![1_i8..=31, -3_i8..=-1]).prop_map(|(interval, day)| Parts::Monthly { interval, day }),
        (1..4, prop_oneof![1_i8..=4, Just(-1)], 0_u8..7).prop_map(|(interval, nth, day)| Parts::MonthlyNth {
            interval,
            nth,
            day
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Over zones whose clocks change in spring, in autumn, on the southern half, at odd offsets, and not at all.
    #[test]
    fn occurrences_are_what_a_computation_by_hand_says(
        parts in parts(),
        day in 0_i32..1_200,
        minute in 0_i8..60,
        hour in 0_i8..24,
        count in 1_usize..60,
        says_until in any::<bool>(),
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu", "UTC", "Africa/Casablanca"]),
    ) {
        let from = jiff::civil::date(2026, 12, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        let start = parts.first(from).at(hour, minute, 0, 0);
        let expected = parts.starts(start, count);
        let (zone, tz) = (Zone::parse(zone).unwrap(), jiff::tz::TimeZone::get(zone).unwrap());
        let end = match expected.last().filter(|_| says_until) {
            Some(last) => format!("UNTIL={}", last.strftime("%Y%m%dT%H%M%S")),
            None => format!("COUNT={}", expected.len()),
        };
        let rule = Rule::parse(&parts.text(&end), Wall::of(start), &zone).unwrap();
        let got = rule.starts(Wall::of(start)).unwrap();
        prop_assert_eq!(got.iter().map(|wall| wall.civil()).collect::<Vec<_>>(), expected);
        for wall in got {
            // The moment is one at which the wall shows this time, or the clock skips it.
            let moment = jiff::Timestamp::from_microsecond(wall.moment(&zone).0).unwrap();
            let shown = tz.to_datetime(moment);
            let skipped = tz.to_ambiguous_timestamp(wall.civil()).offset();
            match skipped {
                jiff::tz::AmbiguousOffset::Unambiguous { offset } | jiff::tz::AmbiguousOffset::Fold { before: offset, .. } => {
                    prop_assert_eq!(shown, wall.civil());
                    prop_assert_eq!(offset.to_datetime(moment), wall.civil());
                }
                jiff::tz::AmbiguousOffset::Gap { before, .. } => prop_assert_eq!(before.to_datetime(moment), wall.civil()),
            }
        }
        // Written out and read again it says the same; an `UNTIL` in an hour that the clock skips is another one then.
        let again = Rule::parse(&rule.text(&zone, None), Wall::of(start), &zone).unwrap();
        prop_assert_eq!(again.starts(Wall::of(start)), rule.starts(Wall::of(start)));
        if !says_until {
            prop_assert_eq!(again, rule);
        }
    }
}

#[test]
fn noon_is_where_these_tests_begin() {
    assert_eq!(NOON, moment("2026-11-21T12:00:00Z"));
}
