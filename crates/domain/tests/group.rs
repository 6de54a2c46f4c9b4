//! Groups of coachees (S2.10–S2.14): given, when, then.

#[cfg(test)]
mod support;

use std::collections::BTreeSet;

use domain::access::Level;
use domain::group::{CreateGroup, DeleteGroup, Event as Happened, Group, MEMBERS_MAX, Membership, UpdateGroup};
use domain::id::{AccessId, ClientId, CoacheeId, MembershipId, PersonId};
use domain::text::{Description, Title};
use domain::{Event, Stop, practice};
use support::{World, id, refused, stored, text};

const GROUP: u128 = 300;

fn create(coachees: &[u128]) -> CreateGroup {
    let description = Some(text::<Description>("Mondays"));
    CreateGroup {
        group: id(GROUP),
        name: text::<Title>("Leads"),
        description,
        coachees: coachees.iter().map(|it| id(*it)).collect(),
    }
}

fn update(add: &[u128], remove: &[u128]) -> UpdateGroup {
    let ids = |ids: &[u128]| ids.iter().map(|it| id(*it)).collect();
    UpdateGroup { group: id(GROUP), name: None, description: None, add: ids(add), remove: ids(remove) }
}

const DELETE: fn() -> DeleteGroup = || DeleteGroup { group: id(GROUP) };

fn is_member(world: &World, coachee: u128) -> bool {
    world.find::<Membership>(MembershipId::of_coachee(id(GROUP), id(coachee))).is_some()
}

/// The coach loses, or gets, access to a coachee.
fn access(world: &mut World, coachee: u128, level: Option<Level>) {
    let (coachee, coach): (CoacheeId, PersonId) = (id(coachee), id(World::COACH));
    let client = ClientId::from(coachee);
    let access = AccessId::between(coach, client);
    world.given(
        coachee.into(),
        match level {
            Some(level) => practice::Event::AccessGranted { access, coach, client, level },
            None => practice::Event::AccessRevoked { access, coach, level: Level::User },
        },
    );
}

#[test]
fn s2_11_a_group_is_made_of_coachees_whom_its_coach_sees() {
    let mut world = World::new();
    // The coach has access to one of the two; somebody unseen is answered like nobody.
    assert_eq!(world.when(World::COACH, &create(&[World::COACHEE, World::OTHER])), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACH, &create(&[World::COACHEE, 9_999])), Err(Stop::NotFound));
    let made = world.when(World::COACH, &create(&[World::COACHEE, World::COACHEE]));
    assert_eq!(made, Ok(vec!["group.created", "group.coachee_added"]));
    let group = world.row::<Group>(id(GROUP));
    stored(group);
    assert_eq!((group.coach, &group.coachees), (id(World::COACH), &BTreeSet::from([id(World::COACHEE)])));
    stored(world.row::<Membership>(MembershipId::of_coachee(id(GROUP), id(World::COACHEE))));
    assert_eq!(world.when(World::COACH, &create(&[])), refused("GROUP_EXISTS"));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &create(&[])), Err(Stop::NotFound));
}

#[test]
fn s2_10_a_group_is_its_coachs_alone() {
    let mut world = World::new();
    world.when(World::COACH, &create(&[World::COACHEE])).unwrap();
    for somebody in [World::OWNER, World::COACHEE_ACCOUNT, 9_999] {
        assert_eq!(world.when(somebody, &update(&[World::COACHEE], &[])), Err(Stop::NotFound));
        assert_eq!(world.when(somebody, &DELETE()), Err(Stop::NotFound));
    }
}

#[test]
fn s2_12_a_group_is_edited() {
    let mut world = World::new();
    world.when(World::OWNER, &create(&[World::COACHEE])).unwrap();
    let all = UpdateGroup {
        name: Some(text("Managers")),
        description: Some(text("")),
        ..update(&[World::OTHER, World::COACHEE], &[World::COACHEE])
    };
    let events = world.events(World::OWNER, &all).unwrap();
    let kinds: Vec<_> = events.iter().map(Event::kind).collect();
    assert_eq!(kinds, ["group.changed", "group.coachee_added", "group.coachee_removed"]);
    let Event::Group(Happened::Changed { name, description, added, removed, .. }) = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!((name.is_some(), description.is_some()), (true, true));
    assert_eq!((added, removed), (&vec![id(World::OTHER)], &vec![id(World::COACHEE)]));
    assert!(is_member(&world, World::OTHER) && !is_member(&world, World::COACHEE));
    // The same again changes nothing, nor does removing who does not belong to it.
    let again = UpdateGroup { name: Some(text("Managers")), ..update(&[World::OTHER], &[World::COACHEE]) };
    assert_eq!(world.when(World::OWNER, &again), Ok(vec![]));
    assert_eq!(world.when(World::OWNER, &update(&[], &[9_999])), Err(Stop::NotFound));
}

#[test]
fn s2_13_a_group_that_has_members_is_not_deleted() {
    let mut world = World::new();
    world.when(World::COACH, &create(&[World::COACHEE])).unwrap();
    assert_eq!(world.when(World::COACH, &DELETE()), refused("GROUP_HAS_MEMBERS"));
    world.when(World::COACH, &update(&[], &[World::COACHEE])).unwrap();
    assert_eq!(world.when(World::COACH, &DELETE()), Ok(vec!["group.deleted"]));
    assert!(world.find::<Group>(id(GROUP)).is_none());
}

#[test]
fn s2_13_members_whom_the_coach_does_not_see_leave_with_the_group() {
    let mut world = World::new();
    access(&mut world, World::OTHER, Some(Level::User));
    world.when(World::COACH, &create(&[World::COACHEE, World::OTHER])).unwrap();
    access(&mut world, World::OTHER, None);
    assert_eq!(world.when(World::COACH, &update(&[], &[World::OTHER])), Err(Stop::NotFound));
    assert_eq!(world.when(World::COACH, &DELETE()), refused("GROUP_HAS_MEMBERS"));
    world.when(World::COACH, &update(&[], &[World::COACHEE])).unwrap();
    assert_eq!(world.when(World::COACH, &DELETE()), Ok(vec!["group.deleted", "group.coachee_removed"]));
    assert!(!is_member(&world, World::OTHER));
    // Who comes back into sight is in no group that is gone.
    access(&mut world, World::OTHER, Some(Level::User));
    assert_eq!(world.when(World::COACH, &DELETE()), Err(Stop::NotFound));
}

#[test]
fn a_group_is_bounded() {
    let mut world = World::new();
    let coachees: Vec<u128> = (1_000..).take(MEMBERS_MAX + 1).collect();
    for coachee in &coachees {
        world.added(*coachee, &format!("p{coachee}@example.com"));
    }
    assert_eq!(world.when(World::OWNER, &create(&coachees)), refused("GROUP_IS_FULL"));
    world.when(World::OWNER, &create(&coachees[1..])).unwrap();
    assert_eq!(world.when(World::OWNER, &update(&coachees[..1], &[])), refused("GROUP_IS_FULL"));
    world.when(World::OWNER, &update(&coachees[..1], &coachees[1..2])).unwrap();
    // Somebody was erased: with them went their own row. There is room for another one, and for no more.
    assert_eq!(world.when(World::OWNER, &update(&coachees[1..2], &[])), refused("GROUP_IS_FULL"));
    let erased: CoacheeId = id(coachees[2]);
    world.given(erased.into(), Happened::CoacheeRemoved { group: id(GROUP), coachee: erased });
    assert_eq!(world.row::<Group>(id(GROUP)).coachees.len(), MEMBERS_MAX);
    let added = world.when(World::OWNER, &update(&coachees[1..2], &[]));
    assert_eq!(added, Ok(vec!["group.changed", "group.coachee_added"]));
    assert_eq!(world.when(World::OWNER, &update(&[World::COACHEE], &[])), refused("GROUP_IS_FULL"));
}
