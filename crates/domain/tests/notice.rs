//! Notices: who is told of what, and when its mail comes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop; its helpers are a part of it")]

#[cfg(test)]
mod support;

use domain::coachee::Coachee;
use domain::fold::When;
use domain::id::{ActionId, BoardId, CoacheeId, Id as _, LogId, NoticeId, PersonId, Subject};
use domain::notice::{
    self, Board, Channel, DayTime, For, Kind, Mailing, Matter, Notice, Origin, Preferences, Quiet, READS, Raise,
    ReadNotices, SetPreferences, Silenced, To, Unsubscribe, Unsubscription, Want, news, told,
};
use domain::text::{Change, Confidential, Personal, Title};
use domain::value::{Date, Percent, Time, Zone};
use domain::{Actor, Event, Stop, account, appointment, assessment, plan, practice, question};
use support::{World, id, refused, stored, text};

/// One event of each kind of the plan, and the kind of notice that it is where the coachee did it.
fn plan_events() -> Vec<(plan::Event, Option<(Kind, For)>)> {
    use plan::Event as It;
    let (goal, milestone, action) = (id(100), id(101), id::<ActionId>(102));
    let (coachee, due) = (id(World::COACHEE), Date(20_000));
    let title = || Confidential::new(text::<Title>("Speak up"));
    let (comment, series, said) = (id(103), id(104), || Confidential::new(text("Well done")));
    let progress = Change { was: Some(Percent::default()), now: Percent::ALL };
    let watched = For::LeadWhoMonitors(action);
    vec![
        (
            It::GoalAdded { goal, coachee, title: title(), due, by: Some(plan::Maker::Coachee) },
            Some((Kind::GoalAdded, For::Lead)),
        ),
        (
            It::GoalChanged { goal, title: None, due: Some(Change { was: None, now: due }) },
            Some((Kind::GoalChanged, For::Lead)),
        ),
        (It::GoalCompleted { goal }, Some((Kind::GoalChanged, For::Lead))),
        (It::GoalReopened { goal }, Some((Kind::GoalChanged, For::Lead))),
        (It::GoalDeleted { goal }, Some((Kind::GoalDeleted, For::Lead))),
        (It::MilestoneAdded { milestone, goal, coachee, title: title(), due }, Some((Kind::GoalChanged, For::Lead))),
        (It::MilestoneChanged { milestone, title: None, due: None }, Some((Kind::GoalChanged, For::Lead))),
        (It::MilestoneCompleted { milestone, goal }, None),
        (It::MilestoneReopened { milestone, goal }, None),
        (It::MilestoneDeleted { milestone, goal, was_complete: false }, Some((Kind::GoalChanged, For::Lead))),
        (
            It::ActionAdded {
                action,
                coachee,
                goal: None,
                milestone: None,
                title: title(),
                description: None,
                due: None,
                by: Some(plan::Maker::Coachee),
                occurrence: None,
            },
            Some((Kind::ActionAdded, For::Lead)),
        ),
        (It::ActionChanged { action, title: None, description: None, due: None }, Some((Kind::ActionChanged, watched))),
        (It::ActionProgressed { action, milestone: None, progress }, Some((Kind::ActionChanged, watched))),
        (
            It::ActionDeleted { action, milestone: None, was_complete: false, comments: Vec::new(), goal: None },
            Some((Kind::ActionDeleted, watched)),
        ),
        (It::ActionMonitoringSet { action, monitored: Change { was: None, now: true }, series: None }, None),
        (
            It::CommentAdded { comment, action, coachee, text: said(), by: plan::Maker::Coachee },
            Some((Kind::ActionCommented, For::OtherWhoMonitors(action))),
        ),
        (It::CommentChanged { comment, action, text: Change { was: None, now: said() } }, None),
        (It::CommentDeleted { comment, action }, None),
        (
            It::SeriesStarted {
                series,
                coachee,
                goal: None,
                title: title(),
                description: None,
                recurrence: plan::Recurrence { frequency: plan::Frequency::Weekly, duration: plan::Duration::Times(3) },
                first: due,
                by: plan::Maker::Coachee,
            },
            None,
        ),
        (
            It::SeriesChanged {
                series,
                title: None,
                description: None,
                duration: None,
                next: None,
                by: plan::Maker::Coach,
                monitored: false,
            },
            Some((Kind::ActionChanged, For::Lead)),
        ),
        (It::SeriesSkipped { series, number: 2, next: None }, None),
        (It::SeriesEnded { series, by: plan::Maker::Coach, monitored: false }, Some((Kind::ActionChanged, For::Lead))),
    ]
}

/// Robin, led by the owner, with an account.
fn coachee() -> Coachee {
    World::new().row::<Coachee>(id(World::COACHEE)).clone()
}

#[test]
fn each_event_of_a_plan_is_news_of_its_kind_or_none() {
    let events = plan_events();
    assert_eq!(events.len(), plan::Event::KINDS.len(), "an event of the plan has no line here");
    for (event, expected) in events {
        let event = Event::from(event);
        let found = news(&event).map(|news| (news.kind, news.to));
        assert_eq!(found, expected, "{}", event.kind());
        // What a reactor reads from the log is what is news.
        assert_eq!(READS.contains(&event.kind()), found.is_some(), "{}", event.kind());
    }
}

#[test]
fn s2_22_the_lead_is_told_of_what_the_coachee_did_and_of_their_own_action_while_it_is_monitored() {
    let (robin, lead): (PersonId, PersonId) = (id(World::COACHEE_ACCOUNT), id(World::OWNER));
    let row = coachee();
    let by_whom =
        [(None, false, true), (Some(lead), false, true), (Some(robin), false, false), (Some(robin), true, true)];
    for (event, expected) in plan_events() {
        let Some(news) = news(&event.into()) else { continue };
        for (author, is_monitored, is_told) in by_whom {
            let is_told = is_told || expected.is_some_and(|(_, to)| to == For::Lead);
            let origin = Origin { author, is_coachees: false, is_monitored };
            let told_of = told(&news, robin, &row, origin);
            assert_eq!(told_of, is_told.then_some((To::Lead, lead)), "{news:?} of {author:?}, {is_monitored}");
            // Of what a coach did, the lead among them, nobody is told; nor where nobody leads.
            for coach in [lead, id(World::COACH)] {
                // But of what they say.
                let to_coachee = (news.kind == Kind::ActionCommented).then_some((To::Coachee, robin));
                assert_eq!(told(&news, coach, &row, origin), to_coachee, "{news:?}");
            }
            let nobodys = Coachee { lead: None, ..row.clone() };
            assert_eq!(told(&news, robin, &nobodys, origin), None, "{news:?}");
        }
    }
    // An action of the coachee's stays theirs when another account is theirs since.
    let moved = Origin { author: Some(id(World::OTHER)), is_coachees: true, is_monitored: false };
    let progressed = plan_events().into_iter().filter_map(|(event, _)| news(&event.into()));
    let progressed = progressed.filter(|news| matches!(news.to, For::LeadWhoMonitors(_))).collect::<Vec<_>>();
    assert_eq!(progressed.len(), 3);
    for news in progressed {
        assert_eq!(told(&news, robin, &row, moved), None, "{news:?}");
        let monitored = Origin { is_monitored: true, ..moved };
        assert_eq!(told(&news, robin, &row, monitored), Some((To::Lead, lead)), "{news:?}");
    }
    // Who leads themself is not told of what they did.
    let own = Coachee { lead: Some(robin), ..row };
    let (event, _) = plan_events().remove(0);
    assert_eq!(told(&news(&event.into()).unwrap(), robin, &own, Origin::default()), None);
}

#[test]
fn s2_22_what_becomes_of_a_series_is_news_as_it_is_with_an_action() {
    use plan::{Duration, Event as It, Maker};
    let series = id(104);
    let both = Some(Change { was: Some(Duration::Times(5)), now: Duration::Until(Date(20_000)) });
    let more = Some(Change { was: Some(Duration::Times(5)), now: Duration::Times(9) });
    for (by, monitored, is_news) in
        [(Maker::Coach, false, true), (Maker::Coachee, false, false), (Maker::Coachee, true, true)]
    {
        let changed = |duration| {
            let title = Some(Change { was: None, now: Confidential::new(text::<Title>("Swim")) });
            It::SeriesChanged { series, title, description: None, duration, next: None, by, monitored }
        };
        for (event, fields) in [
            (changed(None), vec!["title"]),
            (changed(more.clone()), vec!["title", "times"]),
            (changed(both.clone()), vec!["title", "until", "times"]),
            (It::SeriesEnded { series, by, monitored }, vec!["endedAt"]),
        ] {
            let found = news(&event.into());
            assert_eq!(found.is_some(), is_news, "{by:?} {monitored}");
            let Some(found) = found else { continue };
            assert_eq!(found.changed.iter().map(|field| field.word()).collect::<Vec<_>>(), fields);
            assert_eq!((found.about.id(), found.to), (("series", id::<domain::id::SeriesId>(104).uuid()), For::Lead));
        }
    }
}

#[test]
fn the_coachee_is_told_of_what_is_asked_and_the_lead_of_what_is_answered() {
    let (robin, lead, coach): (PersonId, PersonId, PersonId) =
        (id(World::COACHEE_ACCOUNT), id(World::OWNER), id(World::COACH));
    let (row, coachee) = (coachee(), id(World::COACHEE));
    let (assessment, question) = (id(110), id(111));
    let answer = Change { was: None, now: Confidential::new(text("Sleep")) };
    let to_coachee = [
        Event::from(assessment::Event::Reminded { assessment, coachee }),
        question::Event::Assigned { question, coachee, words: Confidential::new(text("What helps?")), due: None }
            .into(),
    ];
    let to_lead = [
        Event::from(assessment::Event::Submitted { assessment, coachee, answers: Confidential::new(text("{}")) }),
        question::Event::Answered { question, coachee, answer }.into(),
    ];
    let of = |event: &Event, by: PersonId| told(&news(event).unwrap(), by, &row, Origin::default());
    for event in &to_coachee {
        assert_eq!((of(event, coach), of(event, robin)), (Some((To::Coachee, robin)), None), "{}", event.kind());
    }
    for event in &to_lead {
        assert_eq!((of(event, coach), of(event, robin)), (None, Some((To::Lead, lead))), "{}", event.kind());
    }
    let said = Confidential::new(text("Yes"));
    let comment = Event::from(question::Event::Commented { comment: id(112), question, coachee, text: said });
    assert_eq!((of(&comment, coach), of(&comment, robin)), (Some((To::Coachee, robin)), Some((To::Lead, lead))));
    for event in to_coachee.iter().chain(&to_lead).chain([&comment]) {
        assert!(READS.contains(&event.kind()), "{}", event.kind());
    }
    let nobody = Event::from(assessment::Event::Reset { assessment, coachee });
    assert_eq!(news(&nobody), None);
}

#[test]
fn s2_22_an_action_is_monitored_from_when_its_coachee_says_so_and_what_a_series_makes_is_its_authors() {
    let robin: PersonId = id(World::COACHEE_ACCOUNT);
    let (log, subject) = (LogId::Practice(id(World::PRACTICE)), Subject::of(id::<CoacheeId>(World::COACHEE).uuid()));
    let when = |actor| When { log, seq: 1, at: Time(0), subject, owner: None, actor };
    let (added, _) = plan_events().remove(10);
    let set = |now: bool| {
        let monitored = Change { was: Some(!now), now };
        Event::from(plan::Event::ActionMonitoringSet { action: id(102), monitored, series: None })
    };
    let origin = Origin::default().then(&added.into(), &when(Some(robin)));
    assert_eq!(origin, Origin { author: Some(robin), is_coachees: true, is_monitored: false });
    let origin = origin.then(&set(true), &when(Some(robin)));
    assert_eq!(origin, Origin { author: Some(robin), is_coachees: true, is_monitored: true });
    assert_eq!(
        origin.then(&set(false), &when(Some(robin))),
        Origin { author: Some(robin), is_coachees: true, is_monitored: false }
    );
}

#[test]
fn what_becomes_of_an_appointment_is_told_to_the_other_one_and_not_mailed_twice() {
    let (robin, coach): (PersonId, PersonId) = (id(World::COACHEE_ACCOUNT), id(World::COACH));
    let (row, coachee, appointment) = (coachee(), id(World::COACHEE), id(120));
    let cancelled = Event::from(appointment::Event::Cancelled { appointment, coachee, coach, sequence: 1 });
    let going = Change { was: None, now: appointment::Answer::Going };
    let answered = appointment::Event::Answered { appointment, coachee, coach, occurrence: None, answer: going }.into();
    let of = |event: &Event, by: PersonId| told(&news(event).unwrap(), by, &row, Origin::default());
    assert_eq!(of(&cancelled, coach), Some((To::Coachee, robin)));
    assert_eq!(of(&cancelled, robin), Some((To::Coach, coach)));
    assert_eq!(of(&answered, robin), Some((To::Coach, coach)));
    for event in [cancelled, answered] {
        let kind = news(&event).unwrap().kind;
        assert!(READS.contains(&event.kind()) && !kind.is_mailed(), "{}", event.kind());
        assert!(!Preferences::of_nobody(robin).want(kind, Channel::Mail), "{}", event.kind());
    }
    assert_eq!(news(&appointment::Event::FeedRevoked { person: robin }.into()), None);
}

fn at(text: &str) -> Time {
    Time(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn day(text: &str) -> DayTime {
    DayTime::parse(text).unwrap()
}

#[test]
fn a_time_of_day_has_four_digits() {
    for (text, shown) in [("00:00", "00:00"), ("09:05", "09:05"), ("23:59", "23:59")] {
        assert_eq!(day(text).to_string(), shown);
    }
    for wrong in ["", "9:05", "24:00", "12:60", "12", "12:5", "-1:00", "12:00:00", "ab:cd", "+1:00", "1２:00"] {
        assert!(DayTime::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn quiet_hours_go_by_the_persons_clock_around_midnight_and_over_daylight_saving() {
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    let night = Quiet { from: day("22:00"), until: day("07:00") };
    for (moment, ends) in [
        // Winter: Berlin is an hour ahead.
        ("2026-01-10T20:59:59Z", None),
        ("2026-01-10T21:00:00Z", Some("2026-01-11T06:00:00Z")),
        ("2026-01-11T05:59:59Z", Some("2026-01-11T06:00:00Z")),
        ("2026-01-11T06:00:00Z", None),
        // Summer: two hours.
        ("2026-07-10T20:00:00Z", Some("2026-07-11T05:00:00Z")),
        // The night in which clocks are put forward has an hour less, and the other one an hour more.
        ("2026-03-28T21:00:00Z", Some("2026-03-29T05:00:00Z")),
        ("2026-10-24T20:00:00Z", Some("2026-10-25T06:00:00Z")),
    ] {
        assert_eq!(night.ends(&berlin, at(moment)), ends.map(at), "{moment}");
    }
    let noon = Quiet { from: day("12:00"), until: day("14:00") };
    assert_eq!(noon.ends(&berlin, at("2026-01-10T11:30:00Z")), Some(at("2026-01-10T13:00:00Z")));
    assert_eq!(noon.ends(&berlin, at("2026-01-10T13:00:00Z")), None);
    // Half past two is skipped on 29 March: the hours end when the clock is put forward past it, and begin then.
    let short = Quiet { from: day("01:00"), until: day("02:30") };
    assert_eq!(short.ends(&berlin, at("2026-03-29T00:30:00Z")), Some(at("2026-03-29T01:00:00Z")));
    assert_eq!(short.ends(&berlin, at("2026-03-29T01:00:00Z")), None, "it is three o'clock");
    let late = Quiet { from: day("02:30"), until: day("04:00") };
    assert_eq!(late.ends(&berlin, at("2026-03-29T00:59:59Z")), None);
    assert_eq!(late.ends(&berlin, at("2026-03-29T01:00:00Z")), Some(at("2026-03-29T02:00:00Z")));
    // It comes twice on 25 October: who is in the second hour waits for the second one.
    assert_eq!(short.ends(&berlin, at("2026-10-25T00:10:00Z")), Some(at("2026-10-25T00:30:00Z")));
    assert_eq!(short.ends(&berlin, at("2026-10-25T01:10:00Z")), Some(at("2026-10-25T01:30:00Z")));
    assert_eq!(short.ends(&berlin, at("2026-10-25T00:40:00Z")), None, "it was half past two");
}

#[test]
fn a_digest_comes_once_a_day_also_over_daylight_saving() {
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    let preferences = |digest: &str| Preferences { digest: Some(day(digest)), ..Preferences::of_nobody(id(1)) };
    let evening = preferences("18:00");
    for (moment, sent) in [
        ("2026-01-10T08:00:00Z", "2026-01-10T17:00:00Z"),
        // What comes within five minutes of it comes with the next.
        ("2026-01-10T16:54:59Z", "2026-01-10T17:00:00Z"),
        ("2026-01-10T16:55:00Z", "2026-01-11T17:00:00Z"),
        ("2026-03-28T18:00:00Z", "2026-03-29T16:00:00Z"),
        ("2026-10-24T18:00:00Z", "2026-10-25T17:00:00Z"),
    ] {
        assert_eq!(evening.digest_after(&berlin, at(moment)), Some(at(sent)), "{moment}");
    }
    // A time that a clock shows twice is one digest; one that it skips comes when it is put forward.
    let night = preferences("02:30");
    assert_eq!(night.digest_after(&berlin, at("2026-10-24T22:00:00Z")), Some(at("2026-10-25T00:30:00Z")));
    assert_eq!(night.digest_after(&berlin, at("2026-10-25T00:40:00Z")), Some(at("2026-10-26T01:30:00Z")));
    assert_eq!(night.digest_after(&berlin, at("2026-03-28T22:00:00Z")), Some(at("2026-03-29T01:00:00Z")));
    assert_eq!(night.digest_after(&berlin, at("2026-03-29T01:00:00Z")), Some(at("2026-03-30T00:30:00Z")));
    // One's own clock counts before the practice's.
    let elsewhere = Preferences { zone: Some(Zone::utc()), ..evening };
    assert_eq!(elsewhere.digest_after(&berlin, at("2026-01-10T08:00:00Z")), Some(at("2026-01-10T18:00:00Z")));
    assert_eq!(Preferences::of_nobody(id(1)).digest_after(&berlin, at("2026-01-10T08:00:00Z")), None);
}

#[test]
fn a_notice_has_one_id_for_its_event_and_side_whoever_is_told() {
    let log = domain::id::LogId::Practice(id(1));
    assert_eq!(notice::notice_id(log, 7, To::Lead), notice::notice_id(log, 7, To::Lead));
    assert_ne!(notice::notice_id(log, 7, To::Lead), notice::notice_id(log, 8, To::Lead));
    assert_ne!(notice::notice_id(log, 7, To::Lead), notice::notice_id(log, 7, To::Coachee));
}

const REACTOR: Actor = Actor::System("notices");

fn raise(cause: u64) -> Raise {
    let (practice, coachee) = (id(World::PRACTICE), id(World::COACHEE));
    let notice = notice::notice_id(LogId::Practice(practice), cause, To::Lead);
    Raise {
        practice,
        notice,
        coachee,
        to: To::Lead,
        recipient: id(World::OWNER),
        kind: Kind::GoalAdded,
        about: Matter::Goal(id(100)),
        changed: Vec::new(),
        by: id(World::COACHEE_ACCOUNT),
        cause,
    }
}

/// A world in which the owner prefers something.
fn preferring(prefer: impl FnOnce(&mut SetPreferences)) -> World {
    let mut world = World::new();
    let (person, practice) = (id(World::OWNER), world.log);
    world.log = LogId::Account(person);
    let email = Personal::new(text("owner@example.com"));
    world.given(person.into(), account::Event::Opened { person, address: id(50), email });
    let mut command = SetPreferences { person, wanted: Vec::new(), quiet: None, digest: None, zone: None };
    prefer(&mut command);
    world.when(World::OWNER, &command).unwrap();
    // The same again is nothing new; and it is nobody else's to set.
    assert_eq!(world.when(World::OWNER, &command), Ok(Vec::new()));
    assert_eq!(world.when(World::COACH, &command), Err(Stop::NotFound));
    world.log = practice;
    world
}

fn mailing(events: &[Event]) -> Option<Mailing> {
    match events {
        [Event::Notice(notice::Event::Raised { mailing, .. })] => Some(*mailing),
        [] => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_notice_is_raised_once_and_counted_until_it_is_read() {
    let mut world = preferring(|_| {});
    let first = raise(7);
    let events = world.decides(REACTOR, &first).unwrap();
    assert_eq!(mailing(&events), Some(Mailing::At(world.now)));
    stored(world.row::<Notice>(first.notice));
    assert_eq!(world.decides(REACTOR, &first).unwrap().len(), 0, "it is there already");
    world.decides(REACTOR, &raise(8)).unwrap();
    let board = BoardId::of_both(first.recipient, first.coachee);
    assert_eq!(world.row::<Board>(board).unread, 2);
    let read = |notices: Vec<NoticeId>| ReadNotices { reader: id(World::OWNER), notices };
    let (one, two) = (first.notice, raise(8).notice);
    assert_eq!(world.when(World::OWNER, &read(vec![one, one])), Ok(vec!["notice.read"]));
    assert_eq!((world.row::<Board>(board).unread, world.row::<Notice>(one).is_unread), (1, false));
    assert_eq!(world.when(World::OWNER, &read(vec![one])), Ok(Vec::new()));
    assert_eq!(world.when(World::OWNER, &read(Vec::new())), Ok(Vec::new()));
    // Another's is none, and people raise none.
    assert_eq!(
        world.when(World::COACH, &ReadNotices { reader: id(World::COACH), notices: vec![two] }),
        Err(Stop::NotFound)
    );
    assert_eq!(world.when(World::OWNER, &raise(9)), Err(Stop::NotFound));
    assert_eq!(world.when(World::OWNER, &read(vec![two; 501])), refused("TOO_MANY_NOTIFICATIONS"));
    assert_eq!(world.when(World::OWNER, &read(vec![one, two])), Ok(vec!["notice.read"]));
    assert_eq!(world.row::<Board>(board).unread, 0);
}

#[test]
fn a_notice_is_raised_for_who_leads_and_sees_the_coachee() {
    let mut world = preferring(|_| {});
    // Another leads than whoever made the command thought: it is made anew.
    let stale = Raise { recipient: id(World::COACH), ..raise(7) };
    assert_eq!(world.decides(REACTOR, &stale).unwrap_err(), Stop::Again);
    // The coachee is told of theirs; whoever is not the coachee any more is not.
    let to_coachee = |recipient: u128| Raise { to: To::Coachee, recipient: id(recipient), ..raise(7) };
    assert_eq!(world.decides(REACTOR, &to_coachee(World::OTHER)).unwrap().len(), 0);
    assert_eq!(world.decides(REACTOR, &to_coachee(World::COACHEE_ACCOUNT)).unwrap().len(), 1);
    // A coach who leads is told while they have access, and while they are there.
    let mut world = preferring(|_| {});
    let (coachee, coach): (CoacheeId, PersonId) = (id(World::OTHER), id(World::COACH));
    let (first_name, last_name) = (Personal::new(text("Bob")), Personal::new(text("")));
    let email = Personal::new(text("bob@example.com"));
    world.given(
        coachee.into(),
        domain::coachee::Event::Added { coachee, first_name, last_name, email, lead: Some(coach) },
    );
    let to = |recipient, cause| Raise { coachee, recipient, notice: id(cause), ..raise(7) };
    let to_coach = |cause| to(coach, cause);
    // Where the lead does not see the coachee, somebody who does is told in their place: who, is looked for anew.
    assert_eq!(world.decides(REACTOR, &to_coach(1)).unwrap_err(), Stop::Again);
    assert_eq!(world.decides(REACTOR, &to(id(World::OWNER), 3)).unwrap().len(), 1);
    let client = coachee.into();
    let access = domain::id::AccessId::between(coach, client);
    let level = domain::access::Level::User;
    world.given(coachee.into(), practice::Event::AccessGranted { access, coach, client, level });
    assert_eq!(world.decides(REACTOR, &to_coach(1)).unwrap().len(), 1);
    assert_eq!(world.decides(REACTOR, &to(id(World::OWNER), 4)).unwrap_err(), Stop::Again);
    world.given(coach.into(), practice::Event::CoachRemoved { person: coach });
    assert_eq!(world.decides(REACTOR, &to_coach(2)).unwrap_err(), Stop::Again);
    assert_eq!(world.decides(REACTOR, &to(id(World::OWNER), 4)).unwrap().len(), 1);
}

#[test]
fn what_is_raised_is_what_its_recipient_prefers() {
    let off = |kind, channel| (Silenced { kind, channel }, Want::No);
    // Noon in UTC, which is the practice's clock.
    let at_noon = |world: &World| world.now;
    let mut world = preferring(|it| it.wanted = vec![off(Kind::GoalAdded, Channel::Mail)]);
    assert_eq!(mailing(&world.decides(REACTOR, &raise(7)).unwrap()), Some(Mailing::No));
    let mut world = preferring(|it| it.wanted = vec![off(Kind::GoalAdded, Channel::App)]);
    let now = at_noon(&world);
    assert_eq!(mailing(&world.decides(REACTOR, &raise(7)).unwrap()), Some(Mailing::At(now)));
    assert_eq!(
        world.find::<Board>(BoardId::of_both(id(World::OWNER), id(World::COACHEE))).map(|board| board.unread),
        None
    );
    let mut world =
        preferring(|it| it.wanted = vec![off(Kind::GoalAdded, Channel::App), off(Kind::GoalAdded, Channel::Mail)]);
    assert_eq!(mailing(&world.decides(REACTOR, &raise(7)).unwrap()), None);
    let mut world = preferring(|it| it.quiet = Some(Some(Quiet { from: day("11:00"), until: day("13:30") })));
    let now = at_noon(&world);
    assert_eq!(mailing(&world.decides(REACTOR, &raise(7)).unwrap()), Some(Mailing::At(now.plus_minutes(90))));
    let mut world = preferring(|it| it.digest = Some(Some(day("18:00"))));
    let now = at_noon(&world);
    assert_eq!(mailing(&world.decides(REACTOR, &raise(7)).unwrap()), Some(Mailing::InDigest(now.plus_minutes(360))));
}

#[test]
fn a_link_takes_its_person_off_one_kind_by_mail_and_the_digests_off_all() {
    let mut world =
        preferring(|it| it.wanted = vec![(Silenced { kind: Kind::GoalAdded, channel: Channel::App }, Want::No)]);
    let person: PersonId = id(World::OWNER);
    world.log = LogId::Account(person);
    let one = Unsubscribe { person, from: Unsubscription::Kind(Kind::ActionAdded) };
    assert_eq!(world.decides(Actor::Visitor, &one).unwrap().len(), 1);
    assert_eq!(world.decides(Actor::Visitor, &one).unwrap().len(), 0, "a repeat is nothing new");
    let wants = |world: &World, kind, channel| world.row::<Preferences>(person).want(kind, channel);
    assert!(!wants(&world, Kind::ActionAdded, Channel::Mail) && wants(&world, Kind::ActionAdded, Channel::App));
    assert!(wants(&world, Kind::GoalAdded, Channel::Mail) && !wants(&world, Kind::GoalAdded, Channel::App));
    world.decides(Actor::Visitor, &Unsubscribe { person, from: Unsubscription::Digest }).unwrap();
    assert!(Kind::ALL.into_iter().all(|kind| !wants(&world, kind, Channel::Mail)));
    stored(world.row::<Preferences>(person));
    let empty = SetPreferences {
        person,
        wanted: Vec::new(),
        quiet: Some(Some(Quiet { from: day("08:00"), until: day("08:00") })),
        digest: None,
        zone: None,
    };
    assert_eq!(world.when(World::OWNER, &empty), refused("QUIET_HOURS_ARE_EMPTY"));
    // Of appointments no mail of this kind can be had; to want none is no fault.
    let mails = |want| SetPreferences {
        wanted: vec![(Silenced { kind: Kind::AppointmentAdded, channel: Channel::Mail }, want)],
        quiet: None,
        ..empty.clone()
    };
    assert_eq!(world.when(World::OWNER, &mails(Want::Yes)), refused("NOTIFICATION_IS_NOT_MAILED"));
    assert!(world.when(World::OWNER, &mails(Want::No)).is_ok());
}
