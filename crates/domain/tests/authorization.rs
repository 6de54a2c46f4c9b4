//! Authorizations and their units (S1.63–S1.67): given, when, then.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop; its helpers are a part of it")]

#[cfg(test)]
mod support;

use domain::access::Level;
use domain::authorization::{
    AddAuthorization, Authorization, CloseAuthorization, State, Unit, UnitState, UpdateAuthorization, UsedBy,
};
use domain::id::{AccessId, AuthorizationId, ClientId, CoacheeId, PersonId, PracticeId, SessionId, UnitId};
use domain::practice;
use domain::row::Row;
use domain::session::{
    EndSession, LinkAuthorization, LogSession, Session, SetSessionStatus, StartSession, Status, UnlinkAuthorization,
    UpdateSession,
};
use domain::text::{Change, Number, Source, Title};
use domain::value::{Count, Date, Money, Time, Zone};
use domain::{Command, Stop};
use proptest::prelude::*;
use support::{NOON, World, id, refused, stored, text};

fn date(day: &str) -> Date {
    day.parse().unwrap()
}

/// The command that adds an authorization for so many sessions in November 2026.
fn november(authorization: AuthorizationId, total: u32) -> AddAuthorization {
    AddAuthorization {
        authorization,
        coachee: id(World::COACHEE),
        number: text::<Number>("A-1"),
        source: text::<Source>("Helpline"),
        total: Count(total),
        rate: Money::parse("85.50", "USD").unwrap(),
        starts: date("2026-11-01"),
        ends: date("2026-11-30"),
        used_by: UsedBy::default(),
    }
}

/// An authorization that is there.
fn added(world: &mut World, number: u128, total: u32) -> AuthorizationId {
    let authorization = id(number);
    assert_eq!(world.when(World::OWNER, &november(authorization, total)), Ok(vec!["authorization.added"]));
    authorization
}

/// A session that runs.
fn running(world: &mut World, number: u128) -> SessionId {
    let unlinked = StartSession { authorization: None, ..start(number, id(0)) };
    assert_eq!(world.when(World::OWNER, &unlinked), Ok(vec!["session.started"]));
    id(number)
}

fn all<R: Row>(world: &World) -> impl Iterator<Item = &R> {
    R::slots(&world.rows).iter()
}

fn nothing() -> UpdateAuthorization {
    UpdateAuthorization {
        authorization: id(100),
        number: None,
        source: None,
        total: None,
        rate: None,
        starts: None,
        ends: None,
        used_by: None,
    }
}

fn counts(world: &World, authorization: AuthorizationId) -> (u32, u32, u32) {
    let row = world.row::<Authorization>(authorization);
    (row.used.0, row.held.0, row.remaining().0)
}

fn start(session: u128, authorization: AuthorizationId) -> StartSession {
    let title = text::<Title>("Session");
    StartSession {
        session: id(session),
        coachee: id(World::COACHEE),
        title: Some(title),
        from: None,
        authorization: Some(authorization),
    }
}

fn log(session: u128, started_at: Time, status: Status, authorization: AuthorizationId) -> LogSession {
    LogSession {
        session: id(session),
        coachee: id(World::COACHEE),
        title: text::<Title>("Session"),
        started_at,
        minutes: 50,
        status,
        authorization: Some(authorization),
    }
}

fn end(session: u128, status: Status) -> EndSession {
    EndSession { session: id(session), minutes: None, status }
}

#[test]
fn s1_64_an_authorization_has_number_source_total_rate_and_days() {
    let mut world = World::new();
    let authorization = added(&mut world, 100, 6);
    let row = world.row::<Authorization>(authorization);
    assert_eq!(
        (row.number.clone(), row.total, row.rate.amount()),
        (text::<Number>("A-1"), Count(6), "85.50".to_owned())
    );
    assert_eq!((row.starts, row.ends), (date("2026-11-01"), date("2026-11-30")));
    stored(row);
    assert_eq!(world.when(World::OWNER, &november(authorization, 6)), refused("AUTHORIZATION_EXISTS"));
}

#[test]
fn what_cannot_be_an_authorization_is_refused() {
    let mut world = World::new();
    let backwards = AddAuthorization { ends: date("2026-10-31"), ..november(id(100), 1) };
    assert_eq!(world.when(World::OWNER, &backwards), refused("AUTHORIZATION_ENDS_BEFORE_IT_STARTS"));
    for total in [0, 1 << 31, u32::MAX] {
        assert_eq!(world.when(World::OWNER, &november(id(100), total)), refused("OUT_OF_RANGE"));
    }
    added(&mut world, 100, 1);
    let starts = UpdateAuthorization { starts: Some(date("2026-12-01")), ..nothing() };
    assert_eq!(world.when(World::OWNER, &starts), refused("AUTHORIZATION_ENDS_BEFORE_IT_STARTS"));
    let moved = UpdateAuthorization { ends: Some(date("2026-12-31")), ..starts };
    assert_eq!(world.when(World::OWNER, &moved), Ok(vec!["authorization.changed"]));
    assert_eq!(world.when(World::OWNER, &moved), Ok(vec![]));
    for total in [0, 1 << 31, u32::MAX] {
        let total = UpdateAuthorization { total: Some(Count(total)), ..nothing() };
        assert_eq!(world.when(World::OWNER, &total), refused("OUT_OF_RANGE"));
    }
}

#[test]
fn authorizations_are_kept_with_admin_access_and_unseen_by_the_coachee() {
    let mut world = World::new();
    let add = november(id(100), 1);
    assert_eq!(world.when(World::COACH, &add), Err(Stop::Forbidden));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &add), Err(Stop::NotFound));
    assert_eq!(world.when(999, &add), Err(Stop::NotFound));
    let (coach, client): (PersonId, _) = (id(World::COACH), ClientId::from(id::<CoacheeId>(World::COACHEE)));
    let access = AccessId::between(coach, client);
    let level = Change { was: Some(Level::User), now: Level::Admin };
    world.given(id::<CoacheeId>(World::COACHEE).into(), practice::Event::AccessChanged { access, coach, level });
    assert_eq!(world.when(World::COACH, &add), Ok(vec!["authorization.added"]));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &nothing()), Err(Stop::NotFound));
}

#[test]
fn the_total_cannot_go_below_used_and_held() {
    let mut world = World::new();
    let authorization = added(&mut world, 100, 3);
    world.when(World::OWNER, &log(200, NOON, Status::Attended, authorization)).unwrap();
    world.when(World::OWNER, &start(201, authorization)).unwrap();
    let total = |total| UpdateAuthorization { total: Some(Count(total)), ..nothing() };
    assert_eq!(world.when(World::OWNER, &total(1)), refused("AUTHORIZATION_TOTAL_IS_TOO_LOW"));
    assert_eq!(world.when(World::OWNER, &total(2)), Ok(vec!["authorization.changed"]));
    assert_eq!(counts(&world, authorization), (1, 1, 0));
}

#[test]
fn s1_65_only_an_active_authorization_of_the_coachee_is_linked() {
    let mut world = World::new();
    let authorization = added(&mut world, 100, 1);
    let session = running(&mut world, 200);
    let link = LinkAuthorization { session, authorization };
    let tries = [
        (UpdateAuthorization { starts: Some(date("2026-11-22")), ..nothing() }, "AUTHORIZATION_HAS_NOT_STARTED"),
        (
            UpdateAuthorization { starts: Some(date("2026-11-01")), ends: Some(date("2026-11-20")), ..nothing() },
            "AUTHORIZATION_HAS_ENDED",
        ),
    ];
    for (change, code) in tries {
        world.when(World::OWNER, &change).unwrap();
        assert_eq!(world.when(World::OWNER, &link), refused(code));
    }
    // Its first and last day count.
    let today = UpdateAuthorization { starts: Some(date("2026-11-21")), ends: Some(date("2026-11-21")), ..nothing() };
    world.when(World::OWNER, &today).unwrap();
    let linked = vec!["session.authorization_linked", "authorization.unit_held"];
    assert_eq!(world.when(World::OWNER, &link), Ok(linked));
    assert_eq!(world.when(World::OWNER, &link), Ok(vec![]));
    assert_eq!(world.when(World::OWNER, &start(201, authorization)), refused("AUTHORIZATION_IS_USED_UP"));
    let other = added(&mut world, 101, 1);
    let relink = LinkAuthorization { session, authorization: other };
    assert_eq!(world.when(World::OWNER, &relink), refused("SESSION_HAS_AN_AUTHORIZATION"));
    world.when(World::OWNER, &CloseAuthorization { authorization: other }).unwrap();
    assert_eq!(world.when(World::OWNER, &start(202, other)), refused("AUTHORIZATION_IS_CLOSED"));
    assert!(world.find::<Session>(id::<SessionId>(202)).is_none());
}

#[test]
fn anothers_authorization_is_answered_like_none() {
    let mut world = World::new();
    let session = running(&mut world, 200);
    let others = AddAuthorization { coachee: id(World::OTHER), ..november(id(101), 1) };
    world.when(World::OWNER, &others).unwrap();
    for authorization in [101, 102] {
        let link = LinkAuthorization { session, authorization: id(authorization) };
        assert_eq!(world.when(World::OWNER, &link), Err(Stop::NotFound));
        assert_eq!(world.when(World::OWNER, &start(300, id(authorization))), Err(Stop::NotFound));
        // Nor does a coachee learn which of them there is.
        assert_eq!(world.when(World::COACHEE_ACCOUNT, &link), Err(Stop::Forbidden));
    }
    // Nor is it another answer where the session is linked already.
    let own = added(&mut world, 100, 1);
    world.when(World::OWNER, &LinkAuthorization { session, authorization: own }).unwrap();
    for authorization in [101, 102] {
        let link = LinkAuthorization { session, authorization: id(authorization) };
        assert_eq!(world.when(World::OWNER, &link), Err(Stop::NotFound));
    }
}

#[test]
fn a_sessions_day_is_the_practices() {
    // In Auckland it is 2026-11-22 already.
    let mut world = World::new();
    let practice: PracticeId = id(World::PRACTICE);
    let zone = Some(Change { was: Some(Zone::utc()), now: Zone::parse("Pacific/Auckland").unwrap() });
    let (name, coaches_may_add, expiring_days, low_sessions) = (None, None, None, None);
    let changed = practice::Event::Changed { practice, name, zone, coaches_may_add, expiring_days, low_sessions };
    world.given(practice.into(), changed);
    let authorization = added(&mut world, 100, 2);
    let until = UpdateAuthorization { ends: Some(date("2026-11-21")), ..nothing() };
    world.when(World::OWNER, &until).unwrap();
    assert_eq!(world.when(World::OWNER, &start(200, authorization)), refused("AUTHORIZATION_HAS_ENDED"));
    // 10:59 UTC is still the day before there.
    world.when(World::OWNER, &log(201, NOON.plus_minutes(-61), Status::Attended, authorization)).unwrap();
    let later =
        UpdateSession { session: id(201), title: None, started_at: Some(NOON.plus_minutes(-60)), minutes: None };
    assert_eq!(world.when(World::OWNER, &later), refused("AUTHORIZATION_HAS_ENDED"));
    assert_eq!(world.row::<Authorization>(authorization).state_on(date("2026-11-21")), State::Active);
}

#[test]
fn s1_66_a_unit_is_held_while_the_session_runs_and_used_when_it_ends() {
    let mut world = World::new();
    let authorization = added(&mut world, 100, 2);
    let started = vec!["session.started", "session.authorization_linked", "authorization.unit_held"];
    assert_eq!(world.when(World::COACH, &start(200, authorization)), Ok(started));
    assert_eq!(counts(&world, authorization), (0, 1, 1));
    assert_eq!(
        world.when(World::COACH, &end(200, Status::Attended)),
        Ok(vec!["session.ended", "authorization.unit_used"])
    );
    assert_eq!(counts(&world, authorization), (1, 0, 1));
    let logged = vec!["session.logged", "session.authorization_linked", "authorization.unit_used"];
    assert_eq!(world.when(World::COACH, &log(201, NOON, Status::Late, authorization)), Ok(logged));
    assert_eq!(counts(&world, authorization), (2, 0, 0));
    stored(world.row::<Unit>(UnitId::of_session(id(201))));
    let unlink = UnlinkAuthorization { session: id(201) };
    let unlinked = vec!["session.authorization_unlinked", "authorization.unit_given_back"];
    assert_eq!(world.when(World::COACH, &unlink), Ok(unlinked));
    assert_eq!(world.when(World::COACH, &unlink), Ok(vec![]));
    assert_eq!(counts(&world, authorization), (1, 0, 1));
}

#[test]
fn s1_66_cancelled_and_no_show_give_the_unit_back_unless_the_authorization_says_otherwise() {
    let mut world = World::new();
    let authorization = added(&mut world, 100, 2);
    for (session, status) in [(200, Status::Cancelled), (201, Status::NoShow)] {
        world.when(World::OWNER, &start(session, authorization)).unwrap();
        let ended = vec!["session.ended", "authorization.unit_given_back"];
        assert_eq!(world.when(World::OWNER, &end(session, status)), Ok(ended));
        assert_eq!(counts(&world, authorization), (0, 0, 2));
    }
    let used_by = Some(UsedBy::new([Status::NoShow, Status::NoShow]));
    world.when(World::OWNER, &UpdateAuthorization { used_by, ..nothing() }).unwrap();
    world.when(World::OWNER, &log(202, NOON, Status::NoShow, authorization)).unwrap();
    let attended = vec!["session.logged", "session.authorization_linked"];
    assert_eq!(world.when(World::OWNER, &log(203, NOON, Status::Attended, authorization)), Ok(attended));
    assert_eq!(counts(&world, authorization), (1, 0, 1));
}

#[test]
fn the_unit_follows_the_status_and_is_refused_when_none_is_left() {
    let mut world = World::new();
    let authorization = added(&mut world, 100, 1);
    world.when(World::OWNER, &log(200, NOON, Status::Attended, authorization)).unwrap();
    let set = |session: u128, status| SetSessionStatus { session: id(session), status };
    assert_eq!(world.when(World::OWNER, &set(200, Status::Late)), Ok(vec!["session.status_set"]));
    let given_back = vec!["session.status_set", "authorization.unit_given_back"];
    assert_eq!(world.when(World::OWNER, &set(200, Status::Cancelled)), Ok(given_back));
    world.when(World::OWNER, &log(201, NOON, Status::Attended, authorization)).unwrap();
    assert_eq!(world.when(World::OWNER, &set(200, Status::Attended)), refused("AUTHORIZATION_IS_USED_UP"));
    assert_eq!(world.row::<Session>(id(200)).status, Some(Status::Cancelled));
    world.when(World::OWNER, &UnlinkAuthorization { session: id(201) }).unwrap();
    let taken = vec!["session.status_set", "authorization.unit_used"];
    assert_eq!(world.when(World::OWNER, &set(200, Status::Attended)), Ok(taken));
}

#[test]
fn a_held_unit_is_used_although_the_authorization_was_closed() {
    let mut world = World::new();
    let authorization = added(&mut world, 100, 1);
    world.when(World::OWNER, &start(200, authorization)).unwrap();
    let close = CloseAuthorization { authorization };
    assert_eq!(world.when(World::OWNER, &close), Ok(vec!["authorization.closed"]));
    assert_eq!(world.when(World::OWNER, &close), Ok(vec![]));
    let total = UpdateAuthorization { total: Some(Count(9)), ..nothing() };
    assert_eq!(world.when(World::OWNER, &total), refused("AUTHORIZATION_IS_CLOSED"));
    world.when(World::OWNER, &end(200, Status::Attended)).unwrap();
    assert_eq!(counts(&world, authorization), (1, 0, 0));
    assert_eq!(world.row::<Authorization>(authorization).state_on(date("2026-11-21")), State::Closed);
}

#[test]
fn s1_67_expiring_soon_and_running_low() {
    let mut world = World::new();
    let authorization = added(&mut world, 100, 3);
    let row = world.row::<Authorization>(authorization);
    let expiring = |day: &str| row.expiring(date(day), 14);
    assert_eq!(["2026-11-15", "2026-11-16", "2026-11-30", "2026-12-01"].map(expiring), [false, true, true, false]);
    assert!(!row.low(date("2026-11-21"), 2));
    world.when(World::OWNER, &start(200, authorization)).unwrap();
    let row = world.row::<Authorization>(authorization);
    assert!(row.low(date("2026-11-21"), 2));
    assert!(!row.low(date("2026-12-01"), 2));
    world.when(World::OWNER, &CloseAuthorization { authorization }).unwrap();
    let row = world.row::<Authorization>(authorization);
    assert!(!row.low(date("2026-11-21"), 2) && !row.expiring(date("2026-11-21"), 14));
}

/// Something that somebody does to three authorizations and four sessions.
#[derive(Debug, Clone)]
enum Deed {
    Start(u128, Option<u128>),
    Log(u128, Status, Option<u128>),
    End(u128, Status),
    Set(u128, Status),
    Link(u128, u128),
    Unlink(u128),
    Total(u128, u32),
    UsedBy(u128, Vec<Status>),
    Close(u128),
}

fn deed() -> impl Strategy<Value = Deed> {
    let (session, authorization) = (200..204_u128, 100..103_u128);
    let status = prop::sample::select(Status::ALL.to_vec());
    let linked = prop::option::of(authorization.clone());
    prop_oneof![
        3 => (session.clone(), linked.clone()).prop_map(|(s, a)| Deed::Start(s, a)),
        1 => (session.clone(), status.clone(), linked).prop_map(|(s, status, a)| Deed::Log(s, status, a)),
        2 => (session.clone(), status.clone()).prop_map(|(s, status)| Deed::End(s, status)),
        3 => (session.clone(), status.clone()).prop_map(|(s, status)| Deed::Set(s, status)),
        4 => (session.clone(), authorization.clone()).prop_map(|(s, a)| Deed::Link(s, a)),
        2 => session.prop_map(Deed::Unlink),
        2 => (authorization.clone(), 0..4_u32).prop_map(|(a, total)| Deed::Total(a, total)),
        1 => (authorization.clone(), prop::collection::vec(status, 0..4)).prop_map(|(a, all)| Deed::UsedBy(a, all)),
        1 => authorization.prop_map(Deed::Close),
    ]
}

fn attempt(world: &mut World, command: &impl Command) {
    match world.when(World::OWNER, command) {
        Ok(_) | Err(Stop::Refused(_) | Stop::NotFound) => {}
        Err(stop) => panic!("{stop:?}"),
    }
}

fn apply(world: &mut World, deed: Deed) {
    let change = |authorization: u128| UpdateAuthorization { authorization: id(authorization), ..nothing() };
    match deed {
        Deed::Start(session, None) => attempt(world, &StartSession { authorization: None, ..start(session, id(0)) }),
        Deed::Start(session, Some(authorization)) => attempt(world, &start(session, id(authorization))),
        Deed::Log(session, status, authorization) => {
            let authorization = authorization.map(id);
            attempt(world, &LogSession { authorization, ..log(session, NOON, status, id(0)) });
        }
        Deed::End(session, status) => attempt(world, &end(session, status)),
        Deed::Set(session, status) => attempt(world, &SetSessionStatus { session: id(session), status }),
        Deed::Link(session, authorization) => {
            attempt(world, &LinkAuthorization { session: id(session), authorization: id(authorization) });
        }
        Deed::Unlink(session) => attempt(world, &UnlinkAuthorization { session: id(session) }),
        Deed::Total(authorization, total) => {
            attempt(world, &UpdateAuthorization { total: Some(Count(total)), ..change(authorization) });
        }
        Deed::UsedBy(authorization, all) => {
            attempt(world, &UpdateAuthorization { used_by: Some(UsedBy::new(all)), ..change(authorization) });
        }
        Deed::Close(authorization) => attempt(world, &CloseAuthorization { authorization: id(authorization) }),
    }
}

proptest! {
    #[test]
    fn units_are_exact_whatever_happens(deeds in prop::collection::vec(deed(), 0..60)) {
        let mut world = World::new();
        for (number, total) in [(100, 1), (101, 2), (102, 3)] {
            added(&mut world, number, total);
        }
        for deed in deeds {
            apply(&mut world, deed);
            for row in all::<Authorization>(&world) {
                let units = |state| all::<Unit>(&world).filter(|it| it.authorization == row.id && it.state == state).count();
                prop_assert_eq!(units(UnitState::Held), row.held.0 as usize);
                prop_assert_eq!(units(UnitState::Used), row.used.0 as usize);
                prop_assert!(row.used.0 + row.held.0 <= row.total.0);
                prop_assert_eq!(row.used.0 + row.held.0 + row.remaining().0, row.total.0);
            }
            for session in all::<Session>(&world) {
                let unit = world.find::<Unit>(UnitId::of_session(session.id));
                prop_assert!(unit.is_none_or(|unit| Some(unit.authorization) == session.authorization));
                let running = session.status.is_none();
                let held = unit.is_some_and(|unit| unit.state == UnitState::Held);
                prop_assert_eq!(held, running && session.authorization.is_some());
            }
        }
    }
}
