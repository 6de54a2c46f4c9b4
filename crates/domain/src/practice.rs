//! Practices, their coaches, and who has access to which client (S1.12, S1.13, S4.1–S4.7).

mod access;

use serde::{Deserialize, Serialize};

pub use access::{Access, AccessStep, SetAccess};

use crate::access::{Deed, Level};
use crate::account::{self, NewLogin, Portal};
use crate::decide::{About, Actor, Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::edit::{changed, changed_from, personal};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{AccessId, AddressId, ClientId, InvitationId, LogId, PersonId, PracticeId, Subject};
use crate::row::SortKey;
use crate::text::{BookingLink, Change, Email, Link, Name, Personal, Phone, ProfessionalTitle, Text, VideoLink, facts};
use crate::value::{Count, Time, Zone};
use crate::{Rows, refusals};

/// How long an invitation works, in days; a new one replaces it.
pub const INVITATION_DAYS: i64 = 14;

/// A coach's role in the practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Sees and does what access was granted for (S4.2).
    Coach,
    /// A dashboard manager: Admin everywhere (S4.3).
    Manager,
    /// The founder; counts as manager.
    Owner,
}

facts!(Role);

events! {
    /// What happens to a practice and its coaches.
    pub enum Event {
        /// Somebody founded the practice.
        "practice.created" as "practice_create" Created sees Practice { practice: PracticeId, name: Personal<Name>, zone: Zone, coaches_may_add: bool },
        /// The practice's settings were changed.
        "practice.changed" as "practice_update" Changed sees Practice {
            practice: PracticeId, name: Option<Change<Personal<Name>>>, zone: Option<Change<Zone>>, coaches_may_add: Option<Change<bool>>,
            expiring_days: Option<Change<u32>>, low_sessions: Option<Change<u32>>
        },
        /// A coach was invited to the practice.
        "practice.coach_invited" as "coach_invite" CoachInvited sees Access {
            invitation: InvitationId, name: Personal<Name>, email: Personal<Email>, role: Role, token: [u8; 32], expires_at: Time
        },
        /// A coach did not accept in time, or was invited anew.
        "practice.coach_invitation_expired" as "coach_invitation_expire" CoachInvitationExpired sees Access { invitation: InvitationId },
        /// A person became a coach of the practice, as its founder or by invitation.
        "practice.coach_joined" as "coach_join" CoachJoined sees Coach {
            person: PersonId, name: Personal<Name>, email: Personal<Email>, role: Role, invitation: Option<InvitationId>
        },
        /// A coach's own settings were changed.
        "practice.coach_settings_changed" as "coach_settings_update" CoachSettingsChanged sees Coach {
            person: PersonId, name: Option<Change<Personal<Name>>>, title: Option<Change<Personal<ProfessionalTitle>>>,
            zone: Option<Change<Zone>>, phone: Option<Change<Personal<Phone>>>,
            /// Only in records from before `video`: both links were sealed as one kind then, and could change places.
            video_link: Option<Change<Personal<Link>>>,
            /// Only in records from before `booking`.
            booking_link: Option<Change<Personal<Link>>>,
            #[serde(default, skip_serializing_if = "Option::is_none")] video: Option<Change<Personal<VideoLink>>>,
            #[serde(default, skip_serializing_if = "Option::is_none")] booking: Option<Change<Personal<BookingLink>>>
        },
        /// A coach's role was set.
        "practice.coach_role_set" as "coach_role_set" CoachRoleSet sees Coach { person: PersonId, role: Change<Role> },
        /// A coach left the practice; what they wrote stays.
        "practice.coach_removed" as "coach_remove" CoachRemoved sees Coach { person: PersonId },
        /// A coach got access to a client.
        "practice.access_granted" as "access_grant" AccessGranted sees Access { access: AccessId, coach: PersonId, client: ClientId, level: Level },
        /// The level of an access was changed.
        "practice.access_changed" as "access_change" AccessChanged sees Access { access: AccessId, coach: PersonId, level: Change<Level> },
        /// A coach lost access to a client.
        "practice.access_revoked" as "access_revoke" AccessRevoked sees Access { access: AccessId, coach: PersonId, level: Level },
    }
}

refusals! {
    /// Why something about a practice was refused.
    pub enum Refusal {
        /// The invitation is not there any more.
        InvitationIsNotValid "INVITATION_IS_NOT_VALID" "This invitation has been used, has expired or was replaced by a newer one. Ask for a new one.",
        /// The person is a coach of this practice.
        AlreadyACoach "ALREADY_A_COACH" "This person is a coach of this practice already.",
        /// Owners are neither removed nor given another role.
        OwnerStays "OWNER_STAYS" "The owner of a practice keeps that role and cannot be removed.",
        /// Founding makes the owner, nothing else does.
        NotARole "NOT_A_ROLE" "A coach's role can be COACH or MANAGER.",
        /// Managers count as Admin everywhere.
        ManagersHaveAccess "MANAGERS_HAVE_ACCESS" "Owners and managers have Admin access to every client; there is nothing to grant.",
        /// The coach has it already.
        AlreadyGranted "ACCESS_ALREADY_GRANTED" "This coach has access to this client already. Use changeAccess to set another level.",
        /// The coach has none.
        NotGranted "ACCESS_NOT_GRANTED" "This coach has no access to this client. Use grantAccess.",
    }
}

/// A practice and its settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Practice {
    /// Its id.
    pub id: PracticeId,
    /// Its name.
    pub name: Name,
    /// The time zone in which its days begin.
    pub zone: Zone,
    /// Whether coaches who are not managers may add coachees (S4.1).
    pub coaches_may_add: bool,
    /// Within how many days of its end an authorization is "expiring soon" (S1.67).
    pub expiring_days: u32,
    /// With how many sessions left it is "running low" (S1.67).
    pub low_sessions: u32,
    /// Since when it is there.
    pub created_at: Time,
}
row! { Practice in practice, seen as Practice, id id: PracticeId, subject |r| r.id }

/// A coach of the practice, with what their coachees see of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The person.
    pub id: PersonId,
    /// The name shown (S1.12).
    pub name: Name,
    /// The address of their account.
    pub email: Email,
    /// What they do here.
    pub role: Role,
    /// Their professional title.
    pub title: Option<ProfessionalTitle>,
    /// Their time zone; the practice's where they set none.
    pub zone: Option<Zone>,
    /// Their telephone.
    pub phone: Option<Phone>,
    /// Their video meeting's address.
    pub video_link: Option<Link>,
    /// Their booking page's address.
    pub booking_link: Option<Link>,
    /// Since when.
    pub joined_at: Time,
    /// The log's position at which they joined: access that was granted before, to who left and came back, holds no more.
    pub joined: u64,
}
row! { Member in member, seen as Coach, id id: PersonId, subject |r| r.id,
columns |r| [name_key: SortKey = SortKey::of(&[crate::text::Text::as_str(&r.name)])] }

/// An invitation of a coach.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CoachInvitation {
    /// Its id, derived from its token.
    pub id: InvitationId,
    /// The practice, whose invitation it is.
    pub practice: Subject,
    /// The coach's name.
    pub name: Name,
    /// Where the link was sent.
    pub email: Email,
    /// What they will do here.
    pub role: Role,
    /// The hash of its token.
    pub token: [u8; 32],
    /// When it ends.
    pub expires_at: Time,
}
row! { CoachInvitation in coach_invitation, seen as Access, id id: InvitationId, subject |r| r.practice,
columns |r| [due: Time = r.expires_at] }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Created { practice, name, zone, coaches_may_add } => {
            if let Some(name) = name.text() {
                rows.put(Practice {
                    id: *practice,
                    name: name.clone(),
                    zone: zone.clone(),
                    coaches_may_add: *coaches_may_add,
                    expiring_days: 14,
                    low_sessions: 2,
                    created_at: when.at,
                });
            }
        }
        Event::Changed { practice, name, zone, coaches_may_add, expiring_days, low_sessions } => {
            let (name, zone) = (opened(name.as_ref()), zone.clone());
            let (may_add, expiring, low) = (coaches_may_add.clone(), expiring_days.clone(), low_sessions.clone());
            rows.edit(*practice, move |row: &mut Practice| {
                set(&mut row.name, name);
                set(&mut row.zone, zone.map(|change| change.now));
                set(&mut row.coaches_may_add, may_add.map(|change| change.now));
                set(&mut row.expiring_days, expiring.map(|change| change.now));
                set(&mut row.low_sessions, low.map(|change| change.now));
            });
        }
        Event::CoachInvited { invitation, name, email, role, token, expires_at } => {
            if let (Some(name), Some(email)) = (name.text(), email.text()) {
                let (name, email) = (name.clone(), email.clone());
                rows.put(CoachInvitation {
                    id: *invitation,
                    practice: when.subject,
                    name,
                    email,
                    role: *role,
                    token: *token,
                    expires_at: *expires_at,
                });
            }
        }
        Event::CoachInvitationExpired { invitation } => rows.delete::<CoachInvitation>(*invitation),
        Event::CoachJoined { person, name, email, role, invitation } => {
            if let Some(invitation) = invitation {
                rows.delete::<CoachInvitation>(*invitation);
            }
            if let (Some(name), Some(email)) = (name.text(), email.text()) {
                rows.put(Member {
                    id: *person,
                    name: name.clone(),
                    email: email.clone(),
                    role: *role,
                    title: None,
                    zone: None,
                    phone: None,
                    video_link: None,
                    booking_link: None,
                    joined_at: when.at,
                    joined: when.seq,
                });
            }
        }
        Event::CoachSettingsChanged { person, name, title, zone, phone, video_link, booking_link, video, booking } => {
            let (name, title, zone) = (opened(name.as_ref()), opened(title.as_ref()), zone.clone());
            let phone = opened(phone.as_ref());
            let video = opened(video.as_ref()).as_ref().map(as_link).or_else(|| opened(video_link.as_ref()));
            let booking = opened(booking.as_ref()).as_ref().map(as_link).or_else(|| opened(booking_link.as_ref()));
            rows.edit(*person, move |row: &mut Member| {
                set(&mut row.name, name);
                set_some(&mut row.title, title);
                set_some(&mut row.zone, zone.map(|change| change.now));
                set_some(&mut row.phone, phone);
                set_some(&mut row.video_link, video);
                set_some(&mut row.booking_link, booking);
            });
        }
        Event::CoachRoleSet { person, role } => {
            let role = role.now;
            rows.edit(*person, move |row: &mut Member| row.role = role);
        }
        Event::CoachRemoved { person } => rows.delete::<Member>(*person),
        Event::AccessGranted { access, coach, client, level } => {
            rows.put(Access {
                id: *access,
                coach: *coach,
                client: *client,
                level: *level,
                granted_at: when.at,
                granted: when.seq,
            });
        }
        Event::AccessChanged { access, level, .. } => {
            let level = level.now;
            rows.edit(*access, move |row: &mut Access| row.level = level);
        }
        Event::AccessRevoked { access, .. } => rows.delete::<Access>(*access),
    }
}

fn opened<T: crate::text::Text>(change: Option<&Change<Personal<T>>>) -> Option<T> {
    change.and_then(|change| change.now.text().cloned())
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn set_some<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Created { name, zone, .. } => Entry::default().set("name", name).set("timeZone", zone),
        Event::Changed { name, zone, coaches_may_add, expiring_days, low_sessions, .. } => Entry::default()
            .edit("name", name.as_ref())
            .edit("timeZone", zone.as_ref())
            .edit("coachesMayAddCoachees", coaches_may_add.as_ref())
            .edit("expiringSoonDays", expiring_days.as_ref())
            .edit("lowSessions", low_sessions.as_ref()),
        Event::CoachInvited { name, email, role, .. } => {
            Entry::default().set("name", name).set("email", email).set("role", role)
        }
        Event::CoachInvitationExpired { .. } => Entry::default(),
        Event::CoachJoined { person, name, role, .. } => {
            Entry::default().set("coach", person).set("name", name).set("role", role)
        }
        Event::CoachSettingsChanged { person, name, title, zone, phone, video_link, booking_link, video, booking } => {
            Entry::default()
                .set("coach", person)
                .edit("displayName", name.as_ref())
                .edit("title", title.as_ref())
                .edit("timeZone", zone.as_ref())
                .edit("phone", phone.as_ref())
                .edit("videoLink", video_link.as_ref())
                .edit("videoLink", video.as_ref())
                .edit("bookingLink", booking_link.as_ref())
                .edit("bookingLink", booking.as_ref())
        }
        Event::CoachRoleSet { person, role } => Entry::default().set("coach", person).edit("role", Some(role)),
        Event::CoachRemoved { person } => Entry::default().set("coach", person),
        Event::AccessGranted { coach, level, .. } => Entry::default().set("coach", coach).set("level", level),
        Event::AccessChanged { coach, level, .. } => Entry::default().set("coach", coach).edit("level", Some(level)),
        Event::AccessRevoked { coach, .. } => Entry::default().set("coach", coach),
    }
}

crate::entry::words! {
    Role: |it| format!("{it:?}");
}

/// Founds a practice: the founder is its owner (S1.13, S1.81).
#[derive(Debug)]
pub struct CreatePractice {
    /// The practice's id.
    pub practice: PracticeId,
    /// Its name.
    pub name: Name,
    /// Its time zone.
    pub zone: Zone,
    /// The founder.
    pub founder: PersonId,
    /// The name that the founder's coachees see.
    pub display_name: Name,
}

impl Command for CreatePractice {
    shows!(Practice practice);
    fn others(&self) -> Vec<LogId> {
        vec![LogId::Account(self.founder)]
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let there = facts.at(LogId::Account(self.founder));
        let account = there.find::<account::Account>(self.founder)?;
        let account_decision = there.allow(Deed::KeepAccount, About::Log)?;
        let account = account.ok_or(Stop::NotFound)?;
        let decision = facts.allow(Deed::FoundPractice, About::Practice)?;
        let created = Event::Created {
            practice: self.practice,
            name: Personal::new(self.name.clone()),
            zone: self.zone.clone(),
            coaches_may_add: true,
        };
        let joined = joined(self.founder, &self.display_name, &account.email, Role::Owner, None);
        let portal =
            account::Event::PortalOpened { person: self.founder, practice: self.practice, portal: Portal::Coach };
        Ok(decision.with(created).about(self.founder).with(joined).and(account_decision.with(portal)))
    }
}

fn joined(person: PersonId, name: &Name, email: &Email, role: Role, invitation: Option<InvitationId>) -> Event {
    Event::CoachJoined {
        person,
        name: Personal::new(name.clone()),
        email: Personal::new(email.clone()),
        role,
        invitation,
    }
}

/// Changes the practice's settings; what is `None` stays.
#[derive(Debug)]
pub struct UpdatePractice {
    /// Which.
    pub practice: PracticeId,
    /// A new name.
    pub name: Option<Name>,
    /// Another time zone.
    pub zone: Option<Zone>,
    /// Whether coaches may add coachees (S4.1).
    pub coaches_may_add: Option<bool>,
    /// When an authorization is "expiring soon", in days (S1.67).
    pub expiring_days: Option<u32>,
    /// When it is "running low", in sessions (S1.67).
    pub low_sessions: Option<u32>,
}

impl Command for UpdatePractice {
    shows!(Practice practice);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Practice>(self.practice)?;
        let decision = facts.allow(Deed::ChangePractice, About::Practice)?;
        if self.expiring_days.max(self.low_sessions).is_some_and(|number| Count(number) > Count::MAX) {
            return Err(crate::text::Refusal::OutOfRange.into());
        }
        let name = changed(&row.name, self.name.as_ref()).map(personal);
        let zone = changed(&row.zone, self.zone.as_ref());
        let coaches_may_add = changed(&row.coaches_may_add, self.coaches_may_add.as_ref());
        let expiring_days = changed(&row.expiring_days, self.expiring_days.as_ref());
        let low_sessions = changed(&row.low_sessions, self.low_sessions.as_ref());
        if name.is_none()
            && zone.is_none()
            && coaches_may_add.is_none()
            && expiring_days.is_none()
            && low_sessions.is_none()
        {
            return Ok(decision);
        }
        Ok(decision.with(Event::Changed {
            practice: self.practice,
            name,
            zone,
            coaches_may_add,
            expiring_days,
            low_sessions,
        }))
    }
}

/// Invites a coach to the practice (S4.1); a manager only if the owner does. Invitations to the same address end with it,
/// where who invites might have sent them.
#[derive(Debug)]
pub struct AddCoach {
    /// The practice.
    pub practice: PracticeId,
    /// The invitation's id, from its token.
    pub invitation: InvitationId,
    /// The hash of its token.
    pub token: [u8; 32],
    /// The coach's name.
    pub name: Name,
    /// Where the link is sent.
    pub email: Email,
    /// What they will do here.
    pub role: Role,
    /// The invitations that stand, as whoever made the command has read them.
    pub before: Vec<InvitationId>,
}

impl Command for AddCoach {
    shows!(CoachInvitation invitation);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        // All are asked for before the first is looked at: one round of loading.
        let before: Vec<_> = self.before.iter().map(|id| facts.find::<CoachInvitation>(*id)).collect();
        facts.get::<Practice>(self.practice)?;
        let mut decision = facts.allow(deed_for(self.role), About::Practice)?;
        if self.role == Role::Owner {
            return Err(Refusal::NotARole.into());
        }
        for row in before {
            if let Some(row) = row?.filter(|row| row.email == self.email)
                && facts.allow(deed_for(row.role), About::Practice).is_ok()
            {
                decision = decision.with(Event::CoachInvitationExpired { invitation: row.id });
            }
        }
        Ok(decision.with(Event::CoachInvited {
            invitation: self.invitation,
            name: Personal::new(self.name.clone()),
            email: Personal::new(self.email.clone()),
            role: self.role,
            token: self.token,
            expires_at: facts.now.plus_days(INVITATION_DAYS),
        }))
    }
}

const fn deed_for(role: Role) -> Deed {
    match role {
        Role::Coach => Deed::ManageCoaches,
        Role::Manager | Role::Owner => Deed::ManageManagers,
    }
}

/// Ends an invitation of a coach whose time is over; what a timer asks for.
#[derive(Debug)]
pub struct ExpireCoachInvitation {
    /// Which.
    pub invitation: InvitationId,
}

impl Command for ExpireCoachInvitation {
    shows!(CoachInvitation invitation);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.find::<CoachInvitation>(self.invitation)?;
        let decision = facts.allow(Deed::ManageCoaches, About::Practice)?;
        let over = row.is_some_and(|row| facts.now >= row.expires_at);
        Ok(if over { decision.with(Event::CoachInvitationExpired { invitation: self.invitation }) } else { decision })
    }
}

/// The person who accepts an invitation. The link proves that they hold the address. Where the address has an account,
/// its person must be signed in; where it has none, the account is opened and signed in.
#[derive(Debug)]
pub struct Acceptance {
    /// The address's id.
    pub address: AddressId,
    /// The account, or the id of the one to open.
    pub person: PersonId,
    /// The login to make, where an account is opened.
    pub login: Option<NewLogin>,
}

impl Acceptance {
    /// The logs that accepting touches beside the practice.
    pub fn logs(&self) -> Vec<LogId> {
        vec![LogId::Address(self.address), LogId::Account(self.person)]
    }

    /// What accepting means for the address and the account.
    pub fn decide(
        &self,
        facts: &Facts<'_>,
        email: &Email,
        practice: PracticeId,
        portal: Portal,
    ) -> Result<Decision, Stop> {
        let (address, account) = (facts.at(LogId::Address(self.address)), facts.at(LogId::Account(self.person)));
        let (address_row, account_row) =
            (address.find::<account::Address>(self.address)?, account.find::<account::Account>(self.person)?);
        let mut decision = account.allow(Deed::AcceptInvitation, About::Log)?;
        let owner = address_row.and_then(|row| row.person);
        match facts.actor {
            Actor::Person(person) if person != self.person => return Err(Stop::Again),
            Actor::Person(_) if account_row.is_none() => return Err(Stop::NotFound),
            Actor::Person(_) | Actor::System(_) => {}
            // The link alone is no sign-in to an account that is there already.
            Actor::Visitor if owner.is_some() || account_row.is_some() => return Err(Stop::Unauthenticated),
            Actor::Visitor => {
                let claim = account::claim(self.address, email, self.person);
                decision = decision.with(account::open(self.person, self.address, email));
                decision = decision.and(address.allow(Deed::AcceptInvitation, About::Log)?.with(claim));
                let again = account.allow(Deed::AcceptInvitation, About::Log)?;
                decision = decision.and(match &self.login {
                    Some(login) => again.with(login.event(self.person, facts.now)),
                    None => again,
                });
            }
        }
        let opened = account::Event::PortalOpened { person: self.person, practice, portal };
        Ok(decision.and(account.allow(Deed::AcceptInvitation, About::Log)?.with(opened)))
    }
}

/// Accepts an invitation to be a coach.
#[derive(Debug)]
pub struct AcceptCoachInvitation {
    /// The practice.
    pub practice: PracticeId,
    /// The invitation, from its token.
    pub invitation: InvitationId,
    /// The hash of the token.
    pub token: [u8; 32],
    /// Who accepts.
    pub acceptance: Acceptance,
}

impl Command for AcceptCoachInvitation {
    type Thing = Member;
    fn thing(&self) -> PersonId {
        self.acceptance.person
    }
    fn others(&self) -> Vec<LogId> {
        self.acceptance.logs()
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let person = self.acceptance.person;
        let (row, member) = (facts.find::<CoachInvitation>(self.invitation)?, facts.find::<Member>(person)?);
        let decision = facts.allow(Deed::AcceptInvitation, About::Practice)?;
        let row = row
            .filter(|row| row.token == self.token && facts.now < row.expires_at)
            .ok_or(Refusal::InvitationIsNotValid)?;
        if member.is_some() {
            return Err(Refusal::AlreadyACoach.into());
        }
        let account = self.acceptance.decide(facts, &row.email, self.practice, Portal::Coach)?;
        let event = joined(person, &row.name, &row.email, row.role, Some(row.id));
        Ok(decision.about(person).with(event).and(account))
    }
}

/// A link as it is kept in a record: as a kind of its own, so that it opens in no other's place.
fn kept_as<T: Text>(change: Change<Link>) -> Change<Personal<T>> {
    let kept = |link: Link| T::stored(link.as_str());
    personal(Change { was: change.was.map(kept), now: kept(change.now) })
}

fn as_link(kept: &impl Text) -> Link {
    Link::stored(kept.as_str())
}

/// Changes a coach's own settings; what is `None` stays (S1.12).
#[derive(Debug)]
pub struct UpdateCoachSettings {
    /// The coach.
    pub coach: PersonId,
    /// The name shown.
    pub name: Option<Name>,
    /// The professional title.
    pub title: Option<ProfessionalTitle>,
    /// The time zone.
    pub zone: Option<Zone>,
    /// The telephone.
    pub phone: Option<Phone>,
    /// The video meeting's address.
    pub video_link: Option<Link>,
    /// The booking page's address.
    pub booking_link: Option<Link>,
}

impl Command for UpdateCoachSettings {
    shows!(Member coach);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Member>(self.coach)?;
        let decision = facts.allow(Deed::ChangeCoachSettings, About::Coach(self.coach))?;
        let name = changed(&row.name, self.name.as_ref()).map(personal);
        let title = changed_from(row.title.as_ref(), self.title.as_ref()).map(personal);
        let zone = changed_from(row.zone.as_ref(), self.zone.as_ref());
        let phone = changed_from(row.phone.as_ref(), self.phone.as_ref()).map(personal);
        let video = changed_from(row.video_link.as_ref(), self.video_link.as_ref()).map(kept_as::<VideoLink>);
        let booking = changed_from(row.booking_link.as_ref(), self.booking_link.as_ref()).map(kept_as::<BookingLink>);
        let nothing = name.is_none()
            && title.is_none()
            && zone.is_none()
            && phone.is_none()
            && video.is_none()
            && booking.is_none();
        let (person, video_link, booking_link) = (self.coach, None, None);
        let event =
            Event::CoachSettingsChanged { person, name, title, zone, phone, video_link, booking_link, video, booking };
        Ok(if nothing { decision } else { decision.with(event) })
    }
}

/// Makes a coach a manager, or a manager a coach; only the owner.
#[derive(Debug)]
pub struct SetCoachRole {
    /// The coach.
    pub coach: PersonId,
    /// What they are from now on.
    pub role: Role,
}

impl Command for SetCoachRole {
    shows!(Member coach);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Member>(self.coach)?;
        let decision = facts.allow(Deed::ManageManagers, About::Coach(self.coach))?;
        if self.role == Role::Owner {
            return Err(Refusal::NotARole.into());
        }
        if row.role == Role::Owner {
            return Err(Refusal::OwnerStays.into());
        }
        Ok(match changed(&row.role, Some(&self.role)) {
            Some(role) => decision.with(Event::CoachRoleSet { person: self.coach, role }),
            None => decision,
        })
    }
}

/// Removes a coach from the practice; a manager only if the owner does. What they wrote stays the practice's.
#[derive(Debug)]
pub struct RemoveCoach {
    /// The coach.
    pub coach: PersonId,
}

impl Command for RemoveCoach {
    shows!(Member coach);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Member>(self.coach)?;
        let decision = facts.allow(deed_for(row.role), About::Coach(self.coach))?;
        if row.role == Role::Owner {
            return Err(Refusal::OwnerStays.into());
        }
        Ok(decision.with(Event::CoachRemoved { person: self.coach }))
    }
}
