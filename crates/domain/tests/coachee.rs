//! Coachees: deactivating, who leads, how the work is paid, importing: given, when, then.

#[cfg(test)]
mod support;

use domain::access::Level;
use domain::coachee::{
    Activation, AddCoachee, BillingModel, Coachee, DeactivateCoachee, Detach, IMPORT_MAX, ImportCoachees, Invitation,
    Invite, NewInvitation, ReactivateCoachee, SearchWord, Sending, SetBillingModel, SetLeadCoach, Status,
    UpdateCoachee,
};
use domain::id::{AccessId, ClientId, CoacheeId, PersonId};
use domain::plan::AddGoal;
use domain::row::Row as _;
use domain::text::LastName;
use domain::value::Date;
use domain::{Stop, practice};
use support::{World, id, refused, stored, text};

const DEACTIVATE: fn() -> DeactivateCoachee = || DeactivateCoachee { coachee: id(World::COACHEE) };
const REACTIVATE: fn() -> ReactivateCoachee = || ReactivateCoachee { coachee: id(World::COACHEE) };

/// The coach gets this level for the coachee.
fn level(world: &mut World, level: Level) {
    let (coachee, coach): (CoacheeId, PersonId) = (id(World::COACHEE), id(World::COACH));
    let client = ClientId::from(coachee);
    let access = AccessId::between(coach, client);
    world.given(coachee.into(), practice::Event::AccessGranted { access, coach, client, level });
}

#[test]
fn s2_8_deactivating_is_no_status_and_reactivating_restores_all() {
    let mut world = World::new();
    let goal = |number: u128| AddGoal {
        goal: id(number),
        coachee: id(World::COACHEE),
        title: text("Lead"),
        due: Date(20_000),
    };
    world.when(World::COACHEE_ACCOUNT, &goal(400)).unwrap();
    assert_eq!(world.when(World::OWNER, &DEACTIVATE()), Ok(vec!["coachee.deactivated"]));
    let row = world.row::<Coachee>(id(World::COACHEE));
    stored(row);
    assert_eq!((row.status, row.deactivated_at), (Status::Active, Some(world.now)));
    assert!(world.row::<Activation>(id(World::COACHEE_ACCOUNT)).closed);
    // The coachee is a stranger meanwhile; a coach goes on.
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &goal(401)), Err(Stop::NotFound));
    world.when(World::COACH, &goal(402)).unwrap();
    assert_eq!(world.when(World::OWNER, &DEACTIVATE()), refused("COACHEE_IS_DEACTIVATED"));
    assert_eq!(world.when(World::OWNER, &REACTIVATE()), Ok(vec!["coachee.reactivated"]));
    assert_eq!(world.row::<Coachee>(id(World::COACHEE)).deactivated_at, None);
    world.when(World::COACHEE_ACCOUNT, &goal(403)).unwrap();
    assert_eq!(world.when(World::OWNER, &REACTIVATE()), refused("COACHEE_IS_NOT_DEACTIVATED"));
}

#[test]
fn a_coach_deactivates_with_user_admin() {
    let mut world = World::new();
    assert_eq!(world.when(World::COACH, &DEACTIVATE()), Err(Stop::Forbidden));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &DEACTIVATE()), Err(Stop::Forbidden));
    level(&mut world, Level::UserAdmin);
    world.when(World::COACH, &DEACTIVATE()).unwrap();
    world.when(World::COACH, &REACTIVATE()).unwrap();
}

#[test]
fn nobody_who_is_deactivated_is_invited() {
    let mut world = World::new();
    let deactivate = DeactivateCoachee { coachee: id(World::OTHER) };
    world.when(World::OWNER, &deactivate).unwrap();
    let invitation = NewInvitation { id: id(500), token: [7; 32] };
    let invite = Invite { coachee: id(World::OTHER), invitation, to: text("bob@example.com"), sending: Sending::First };
    assert_eq!(world.when(World::OWNER, &invite), refused("COACHEE_IS_DEACTIVATED"));
    world.when(World::OWNER, &ReactivateCoachee { coachee: id(World::OTHER) }).unwrap();
    assert_eq!(world.when(World::OWNER, &invite), Ok(vec!["coachee.invited"]));
}

#[test]
fn an_invitation_is_for_the_address_that_it_went_to() {
    let mut world = World::new();
    let invite = |number: u128, to: &str, sending| {
        let invitation = NewInvitation { id: id(number), token: [7; 32] };
        Invite { coachee: id(World::OTHER), invitation, to: text(to), sending }
    };
    let update = |last_name: Option<&str>, email: Option<&str>| UpdateCoachee {
        coachee: id(World::OTHER),
        first_name: None,
        last_name: last_name.map(text),
        email: email.map(text),
    };
    world.when(World::OWNER, &invite(500, "bob@example.com", Sending::First)).unwrap();
    assert_eq!(world.when(World::OWNER, &update(Some("Adler"), None)), Ok(vec!["coachee.changed"]));
    assert!(world.find::<Invitation>(id(500)).is_some());
    let ended = vec!["coachee.changed", "coachee.invitation_expired"];
    assert_eq!(world.when(World::OWNER, &update(None, Some("rob@example.com"))), Ok(ended));
    assert!(world.find::<Invitation>(id(500)).is_none());
    let row = world.row::<Coachee>(id(World::OTHER));
    assert_eq!((row.status, row.invitation), (Status::Invited, None));
    assert_eq!(world.when(World::OWNER, &update(None, Some("bert@example.com"))), Ok(vec!["coachee.changed"]));
    // A link that was made for the address before is not sent.
    assert_eq!(world.when(World::OWNER, &invite(501, "rob@example.com", Sending::Again)), Err(Stop::Again));
    let again = invite(501, "bert@example.com", Sending::Again);
    assert_eq!(world.when(World::OWNER, &again), Ok(vec!["coachee.invited"]));
}

#[test]
fn an_account_that_is_deleted_meanwhile_does_not_come_back() {
    let mut world = World::new();
    world.when(World::OWNER, &DEACTIVATE()).unwrap();
    let detach = Detach { person: id(World::COACHEE_ACCOUNT) };
    world.when(World::OWNER, &detach).unwrap();
    world.when(World::OWNER, &REACTIVATE()).unwrap();
    let row = world.row::<Coachee>(id(World::COACHEE));
    assert_eq!((row.status, row.person), (Status::NotInvited, None));
    assert!(world.find::<Activation>(id(World::COACHEE_ACCOUNT)).is_none());
}

#[test]
fn the_coach_who_leads_must_see_the_coachee() {
    let mut world = World::new();
    let lead = |coachee: u128, coach: u128| SetLeadCoach { coachee: id(coachee), coach: id(coach) };
    assert_eq!(world.when(World::COACH, &lead(World::COACHEE, World::COACH)), Err(Stop::Forbidden));
    assert_eq!(world.when(World::OWNER, &lead(World::COACHEE, World::COACH)), Ok(vec!["coachee.lead_set"]));
    assert_eq!(world.row::<Coachee>(id(World::COACHEE)).lead, Some(id(World::COACH)));
    assert_eq!(world.when(World::OWNER, &lead(World::COACHEE, World::COACH)), Ok(vec![]));
    assert_eq!(world.when(World::OWNER, &lead(World::OTHER, World::COACH)), refused("LEAD_COACH_HAS_NO_ACCESS"));
    assert_eq!(world.when(World::OWNER, &lead(World::COACHEE, 9_999)), Err(Stop::NotFound));
    level(&mut world, Level::Admin);
    assert_eq!(world.when(World::COACH, &lead(World::COACHEE, World::OWNER)), Ok(vec!["coachee.lead_set"]));
}

#[test]
fn s1_68_how_the_work_is_paid_takes_admin() {
    let mut world = World::new();
    let set = |model| SetBillingModel { coachee: id(World::COACHEE), model };
    assert_eq!(world.when(World::COACH, &set(BillingModel::Eap)), Err(Stop::Forbidden));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &set(BillingModel::Eap)), Err(Stop::NotFound));
    assert_eq!(world.when(World::OWNER, &set(BillingModel::Packages)), Ok(vec!["coachee.billing_model_set"]));
    assert_eq!(world.when(World::OWNER, &set(BillingModel::Packages)), Ok(vec![]));
}

fn new(number: u128, email: &str) -> AddCoachee {
    let (first_name, last_name) = (text("Kim"), text::<LastName>("Adler-Elan"));
    AddCoachee { coachee: id(number), first_name, last_name, email: text(email), invitation: None }
}

#[test]
fn s1_29_an_import_writes_what_adding_writes_and_adds_nobody_twice() {
    let import = |coachees| ImportCoachees { practice: id(World::PRACTICE), coachees };
    let two = || vec![new(600, "kim@example.com"), new(601, "lee@example.com"), new(602, "KIM@example.com")];
    let mut world = World::new();
    let added = world.when(World::COACH, &import(two()));
    let one = ["coachee.added", "practice.access_granted"];
    assert_eq!(added, Ok([one, one].concat()));
    assert_eq!(world.when(World::COACH, &import(two())), Ok(vec![]));
    assert_eq!(
        world.when(World::COACH, &import(vec![new(700, "lee@example.com"), new(701, "max@example.com")])),
        Ok(one.to_vec())
    );
    assert_eq!(world.row::<Coachee>(id(600)).lead, Some(id(World::COACH)));
    let mut alone = World::new();
    assert_eq!(alone.when(World::COACH, &new(600, "kim@example.com")), Ok(one.to_vec()));
    assert_eq!(world.when(World::COACHEE_ACCOUNT, &import(two())), Err(Stop::NotFound));
    let many = (0..=IMPORT_MAX).map(|number| new(10_000 + number as u128, &format!("p{number}@example.com"))).collect();
    assert_eq!(world.when(World::OWNER, &import(many)), refused("IMPORT_IS_TOO_LONG"));
}

#[test]
fn s2_1_a_coachee_is_found_by_the_words_that_they_have_now() {
    let mut world = World::new();
    world.when(World::OWNER, &new(600, "kim@example.com")).unwrap();
    let words = |world: &World| {
        let all = SearchWord::slots(&world.rows).iter().filter(|word| word.coachee == id(600));
        let mut words: Vec<_> = all.map(|word| format!("{:?}", word.columns()[0])).collect();
        words.sort();
        words
    };
    let before = words(&world);
    assert!(before.iter().any(|word| word.contains("\"adler\"")), "{before:?}");
    let change = UpdateCoachee {
        coachee: id(600),
        first_name: None,
        last_name: Some(text("Kim")),
        email: Some(text("kim.adler@example.com")),
    };
    world.when(World::OWNER, &change).unwrap();
    let since = words(&world);
    assert!(!since.iter().any(|word| word.contains("elan") || word.contains("kim@")), "{since:?}");
    // Both names and the address have the word; each keeps its own.
    let of = |word: &str| since.iter().filter(|it| it.contains(word)).count();
    assert_eq!((of("\"kim\""), of("\"adler\""), of("\"kim.adler@example.com\"")), (3, 1, 1), "{since:?}");
}
