//! Coachees: adding, inviting, accepting, deactivating; who leads; the active goal and the synopsis (S1.14–S1.16, S1.29,
//! S1.30, S1.33–S1.35, S1.68, S2.1–S2.9).

mod import;
mod inviting;
mod leaving;
mod search;
mod standing;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

pub use import::{IMPORT_MAX, ImportCoachees};
pub use inviting::{AcceptInvitation, ExpireInvitation, Invite, NewInvitation, Sending};
pub use leaving::{Detach, EraseCoachee};
pub use search::{SearchWord, words_asked};
pub use standing::{BillingModel, DeactivateCoachee, ReactivateCoachee, SetBillingModel, SetLeadCoach};

use crate::access::{Deed, Level};
use crate::account::Portal;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::edit::{changed, personal};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{AccessId, ClientId, CoacheeId, CompanyId, InvitationId, PersonId, SessionId, UniqueId};
use crate::practice;
use crate::row::{Column, SortKey, Type, Value};
use crate::text::{
    ActiveGoal, Change, Confidential, Email, Kind, LastName, Name, Personal, Synopsis, Text as _, facts,
};
use crate::value::Time;
use crate::{Rows, refusals};

/// How far a coachee's invitation has come: exactly three (S2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Added, no invitation sent.
    NotInvited,
    /// Sent, not yet activated.
    Invited,
    /// Accepted and activated.
    Active,
}

impl Status {
    /// The word by which lists are filtered.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotInvited => "not_invited",
            Self::Invited => "invited",
            Self::Active => "active",
        }
    }
}

impl Column for Status {
    const TYPE: Type = Type::Text;
    fn value(&self) -> Value {
        Value::Text(self.word().to_owned())
    }
}

/// Whose a coachee's file is: the practice's while it is an internal record, the invitee's once they were invited (S5.3–S5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileOwner {
    /// An internal record.
    Practice,
    /// The person who was invited.
    Invitee,
}

facts!(Status, FileOwner);

events! {
    /// What happens to a coachee's file.
    pub enum Event {
        /// A coachee was added.
        "coachee.added" as "coachee_add" Added sees Profile {
            coachee: CoacheeId, first_name: Personal<Name>, last_name: Personal<LastName>, email: Personal<Email>, lead: Option<PersonId>
        },
        /// Name or email were corrected.
        "coachee.changed" as "coachee_update" Changed sees Profile {
            coachee: CoacheeId, first_name: Option<Change<Personal<Name>>>, last_name: Option<Change<Personal<LastName>>>,
            email: Option<Change<Personal<Email>>>
        },
        /// An invitation was sent; it replaces the one before.
        "coachee.invited" as "invitation_send" Invited sees File {
            coachee: CoacheeId, invitation: InvitationId, replaced: Option<InvitationId>, token: [u8; 32], expires_at: Time
        },
        /// The newest invitation was not accepted in time, or went to an address that was corrected; another one can be sent.
        "coachee.invitation_expired" as "invitation_expire" InvitationExpired sees File { coachee: CoacheeId, invitation: InvitationId },
        /// The coachee accepted, and their account is activated.
        "coachee.accepted" as "invitation_accept" Accepted sees Profile { coachee: CoacheeId, invitation: InvitationId, person: PersonId },
        /// The one sentence that coach and coachee work toward.
        "coachee.active_goal_set" as "active_goal_set" ActiveGoalSet sees Profile { coachee: CoacheeId, goal: Change<Confidential<ActiveGoal>> },
        /// The synopsis was written.
        "coachee.synopsis_written" as "synopsis_write" SynopsisWritten sees File { coachee: CoacheeId, synopsis: Change<Confidential<Synopsis>> },
        /// Another coach leads: notices go to them.
        "coachee.lead_set" as "lead_coach_set" LeadSet sees File { coachee: CoacheeId, lead: Change<PersonId> },
        /// How the work with the coachee is paid.
        "coachee.billing_model_set" as "billing_model_set" BillingModelSet sees File { coachee: CoacheeId, model: Change<BillingModel> },
        /// The coachee was deactivated: their portal is closed, and they are off the list until they are reactivated.
        "coachee.deactivated" as "coachee_deactivate" Deactivated sees Profile { coachee: CoacheeId, person: Option<PersonId> },
        /// The coachee was reactivated: everything is as it was.
        "coachee.reactivated" as "coachee_reactivate" Reactivated sees Profile { coachee: CoacheeId, person: Option<PersonId> },
        /// The coachee deleted their account: their portal is closed, and the file stays.
        "coachee.detached" as "coachee_detach" Detached sees Profile { coachee: CoacheeId, person: PersonId },
        /// The coachee was erased: what was written about them can never be read again.
        "coachee.erased" as "coachee_erase" Erased sees Practice { coachee: CoacheeId, person: Option<PersonId> },
    }
}

refusals! {
    /// Why something about a coachee was refused.
    pub enum Refusal {
        /// One email at most once in a practice.
        EmailIsTaken "COACHEE_EMAIL_IS_TAKEN" "Another coachee of this practice has this email address. Use that coachee, or another address.",
        /// The coachee is there.
        AlreadyAdded "COACHEE_ALREADY_ADDED" "This coachee has been added before.",
        /// Name and email belong to the coachee once they accepted (S2.7).
        AccountIsActive "COACHEE_ACCOUNT_IS_ACTIVE" "The coachee has accepted; from then on only they can change their name and email.",
        /// Nothing to send.
        AlreadyActive "COACHEE_IS_ACTIVE" "The coachee has accepted already; no invitation is needed.",
        /// `sendInvitation` is for those who were not invited (S2.9).
        AlreadyInvited "COACHEE_IS_INVITED" "An invitation has been sent already. Use resendInvitation.",
        /// `resendInvitation` is for those who were (S2.9).
        NotInvited "COACHEE_IS_NOT_INVITED" "No invitation has been sent yet. Use sendInvitation.",
        /// An address signs in to one coachee's portal of a practice.
        PersonIsTaken "PERSON_IS_ANOTHER_COACHEE" "This account is another coachee of this practice already.",
        /// What a portal needs waits until they are reactivated.
        Deactivated "COACHEE_IS_DEACTIVATED" "This coachee is deactivated. Reactivate them first.",
        /// Nothing to bring back.
        NotDeactivated "COACHEE_IS_NOT_DEACTIVATED" "This coachee is not deactivated.",
        /// Notices go to who leads, and tell of the file.
        LeadSeesNothing "LEAD_COACH_HAS_NO_ACCESS" "This coach has no access to the coachee. Grant it first; notices about the coachee go to who leads.",
        /// An import is one command, and bounded.
        ImportIsTooLong "IMPORT_IS_TOO_LONG" "At most 1 000 rows are imported at once. Split the file, and import its parts one after another.",
        /// Nothing is added while something is wrong.
        ImportHasBadRows "IMPORT_HAS_BAD_ROWS" "Some rows cannot be imported; the rows say why. Correct them, or import with onBadRows: SKIP.",
        /// The first line names the columns.
        ImportHasNoColumns "IMPORT_HAS_NO_COLUMNS" "The first line must name the columns, and one of them must be the email address and one the first name.",
        /// Erasing cannot be undone.
        NameDiffers "COACHEE_NAME_DIFFERS" "Erasing cannot be undone. To confirm, type the coachee's full name exactly as the profile shows it.",
    }
}

/// How many of the newest sessions a coachee's row keeps: where the start of the newest is corrected, the next one is known.
/// Only where as many are moved behind all others, with none begun meanwhile, is it one of these that counts as the newest.
const NEWEST_SESSIONS: usize = 8;

/// A coachee's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Coachee {
    /// Its id.
    pub id: CoacheeId,
    /// Required.
    pub first_name: Name,
    /// May be empty.
    pub last_name: LastName,
    /// At most once in a practice.
    pub email: Email,
    /// How far the invitation has come.
    pub status: Status,
    /// Whose the file is.
    pub file_owner: FileOwner,
    /// The coach who leads: who added them, until another is named.
    pub lead: Option<PersonId>,
    /// How the work with them is paid; nothing where nobody said.
    pub billing_model: Option<BillingModel>,
    /// Their company, if they belong to one.
    pub company: Option<CompanyId>,
    /// The newest invitation.
    pub invitation: Option<InvitationId>,
    /// The account that accepted.
    pub person: Option<PersonId>,
    /// The one sentence that coach and coachee work toward now (S1.33).
    pub active_goal: Option<Confidential<ActiveGoal>>,
    /// What coaches know in short; never the coachee's to read.
    pub synopsis: Option<Confidential<Synopsis>>,
    /// When they were added.
    pub added_at: Time,
    /// When the newest invitation was sent.
    pub invited_at: Option<Time>,
    /// When they accepted.
    pub accepted_at: Option<Time>,
    /// Since when they are deactivated, if they are: beside the status, which stays.
    pub deactivated_at: Option<Time>,
    /// When the newest sessions with them began, the newest first; earlier ones are not kept.
    pub newest_sessions: Vec<(Time, SessionId)>,
    /// Who wrote the active goal.
    pub active_goal_by: Option<PersonId>,
    /// Who wrote the synopsis.
    pub synopsis_by: Option<PersonId>,
}
row! { Coachee in coachee, seen as Profile, id id: CoacheeId, subject |r| r.id,
written by |r, text| if text == Kind::Synopsis { r.synopsis_by } else { r.active_goal_by.filter(|_| text == Kind::ActiveGoal) },
columns |r| [
    status: Status = r.status,
    name_key: SortKey = SortKey::of(&[r.first_name.as_str(), r.last_name.as_str()]),
    last_name_key: SortKey = SortKey::of(&[r.last_name.as_str(), r.first_name.as_str()]),
    lead: Option<PersonId> = r.lead,
    billing_model: Option<BillingModel> = r.billing_model,
    deactivated: bool = r.deactivated_at.is_some(),
    added_at: Time = r.added_at,
    last_session_at: Time = r.last_session_at().unwrap_or_default(),
],
sealed [active_goal, synopsis] }

impl Coachee {
    /// The client whom access levels hang on: their company, or they themselves.
    pub fn client(&self) -> ClientId {
        self.company.map_or_else(|| self.id.into(), Into::into)
    }
    /// On which side of them somebody stands who may do something about them.
    pub fn side_of(&self, person: PersonId) -> Portal {
        if self.person == Some(person) { Portal::Coachee } else { Portal::Coach }
    }
    /// When the newest session with them began.
    pub fn last_session_at(&self) -> Option<Time> {
        self.newest_sessions.first().map(|(began, _)| *began)
    }
    /// A session with them began then, whatever was said of it before.
    pub(crate) fn session_began(&mut self, session: SessionId, at: Time) {
        self.newest_sessions.retain(|(_, kept)| *kept != session);
        self.newest_sessions.push((at, session));
        self.newest_sessions.sort_unstable_by_key(|newest| Reverse(*newest));
        self.newest_sessions.truncate(NEWEST_SESSIONS);
    }
    /// First and last name.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name.as_str(), self.last_name.as_str()).trim_end().to_owned()
    }
}

/// That an email address is a coachee's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CoacheeEmail {
    /// Derived from the address.
    pub id: UniqueId,
    /// Whose it is.
    pub coachee: CoacheeId,
}
row! { CoacheeEmail in coachee_email, seen as Internal, id id: UniqueId, subject |r| r.coachee }

/// An invitation of a coachee that can be accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invitation {
    /// Its id, derived from its token.
    pub id: InvitationId,
    /// Who is invited.
    pub coachee: CoacheeId,
    /// The hash of its token.
    pub token: [u8; 32],
    /// When it ends.
    pub expires_at: Time,
}
row! { Invitation in coachee_invitation, seen as Internal, id id: InvitationId, subject |r| r.coachee,
columns |r| [due: Time = r.expires_at] }

/// That an account is a coachee of this practice. Whoever lets somebody in asks whether it is closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Activation {
    /// The account.
    pub id: PersonId,
    /// The coachee.
    pub coachee: CoacheeId,
    /// Whether the coachee is deactivated: the account stays theirs, and opens nothing meanwhile.
    pub closed: bool,
}
row! { Activation in activation, seen as Internal, id id: PersonId, subject |r| r.coachee }

/// The key of an email address, which one coachee has.
pub fn email_key(email: &Email) -> UniqueId {
    UniqueId::new("coachee email", email.as_str())
}

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Added { coachee, first_name, last_name, email, lead } => {
            let (Some(first_name), Some(last_name), Some(email)) = (first_name.text(), last_name.text(), email.text())
            else {
                return;
            };
            rows.put(CoacheeEmail { id: email_key(email), coachee: *coachee });
            search::put(rows, *coachee, "first name", first_name.as_str());
            search::put(rows, *coachee, "last name", last_name.as_str());
            search::put(rows, *coachee, "email", email.as_str());
            rows.put(Coachee {
                id: *coachee,
                first_name: first_name.clone(),
                last_name: last_name.clone(),
                email: email.clone(),
                status: Status::NotInvited,
                file_owner: FileOwner::Practice,
                lead: *lead,
                billing_model: None,
                company: None,
                invitation: None,
                person: None,
                active_goal: None,
                synopsis: None,
                added_at: when.at,
                invited_at: None,
                accepted_at: None,
                deactivated_at: None,
                newest_sessions: Vec::new(),
                active_goal_by: None,
                synopsis_by: None,
            });
        }
        Event::Changed { coachee, first_name, last_name, email } => {
            if let Some(change) = email {
                if let Some(was) = change.was.as_ref().and_then(Personal::text) {
                    rows.delete::<CoacheeEmail>(email_key(was));
                }
                if let Some(now) = change.now.text() {
                    rows.put(CoacheeEmail { id: email_key(now), coachee: *coachee });
                }
            }
            search::replace(rows, *coachee, "first name", first_name.as_ref());
            search::replace(rows, *coachee, "last name", last_name.as_ref());
            search::replace(rows, *coachee, "email", email.as_ref());
            let first = first_name.as_ref().and_then(|change| change.now.text().cloned());
            let last = last_name.as_ref().and_then(|change| change.now.text().cloned());
            let email = email.as_ref().and_then(|change| change.now.text().cloned());
            rows.edit(*coachee, move |row: &mut Coachee| {
                row.first_name = first.unwrap_or_else(|| row.first_name.clone());
                row.last_name = last.unwrap_or_else(|| row.last_name.clone());
                row.email = email.unwrap_or_else(|| row.email.clone());
            });
        }
        Event::Invited { coachee, invitation, replaced, token, expires_at } => {
            if let Some(replaced) = replaced {
                rows.delete::<Invitation>(*replaced);
            }
            rows.put(Invitation { id: *invitation, coachee: *coachee, token: *token, expires_at: *expires_at });
            let (invitation, at) = (*invitation, when.at);
            rows.edit(*coachee, move |row: &mut Coachee| {
                row.status = Status::Invited;
                row.file_owner = FileOwner::Invitee;
                row.invitation = Some(invitation);
                row.invited_at = Some(at);
            });
        }
        Event::InvitationExpired { coachee, invitation } => {
            rows.delete::<Invitation>(*invitation);
            rows.edit(*coachee, |row: &mut Coachee| row.invitation = None);
        }
        Event::Accepted { coachee, invitation, person } => {
            rows.delete::<Invitation>(*invitation);
            rows.put(Activation { id: *person, coachee: *coachee, closed: false });
            let (person, at) = (*person, when.at);
            rows.edit(*coachee, move |row: &mut Coachee| {
                row.status = Status::Active;
                row.invitation = None;
                row.person = Some(person);
                row.accepted_at = Some(at);
            });
        }
        Event::ActiveGoalSet { coachee, goal } => {
            let goal = goal.now.clone();
            let by = when.actor;
            rows.edit(*coachee, move |row: &mut Coachee| (row.active_goal, row.active_goal_by) = (Some(goal), by));
        }
        Event::SynopsisWritten { coachee, synopsis } => {
            let synopsis = synopsis.now.clone();
            let by = when.actor;
            rows.edit(*coachee, move |row: &mut Coachee| (row.synopsis, row.synopsis_by) = (Some(synopsis), by));
        }
        Event::LeadSet { coachee, lead } => {
            let lead = lead.now;
            rows.edit(*coachee, move |row: &mut Coachee| row.lead = Some(lead));
        }
        Event::BillingModelSet { coachee, model } => {
            let model = model.now;
            rows.edit(*coachee, move |row: &mut Coachee| row.billing_model = Some(model));
        }
        Event::Deactivated { coachee, person } => standing::fold(rows, *coachee, *person, Some(when.at)),
        Event::Reactivated { coachee, person } => standing::fold(rows, *coachee, *person, None),
        Event::Detached { coachee, person } => {
            rows.delete::<Activation>(*person);
            rows.edit(*coachee, |row: &mut Coachee| {
                row.status = Status::NotInvited;
                row.person = None;
                row.accepted_at = None;
            });
        }
        // All other rows of theirs go with them; these are named so that whoever follows learns of it.
        Event::Erased { coachee, person } => {
            rows.delete::<Coachee>(*coachee);
            if let Some(person) = person {
                rows.delete::<Activation>(*person);
            }
        }
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Added { first_name, last_name, email, .. } => {
            Entry::default().set("firstName", first_name).set("lastName", last_name).set("email", email)
        }
        Event::Changed { first_name, last_name, email, .. } => Entry::default()
            .edit("firstName", first_name.as_ref())
            .edit("lastName", last_name.as_ref())
            .edit("email", email.as_ref()),
        Event::Invited { .. } => Entry::default(),
        Event::InvitationExpired { .. } => Entry::default(),
        Event::Accepted { .. } => Entry::default(),
        Event::ActiveGoalSet { goal, .. } => Entry::default().edit("activeGoal", Some(goal)),
        Event::SynopsisWritten { synopsis, .. } => Entry::default().edit("synopsis", Some(synopsis)),
        Event::LeadSet { lead, .. } => Entry::default().edit("leadCoach", Some(lead)),
        Event::BillingModelSet { model, .. } => Entry::default().edit("billingModel", Some(model)),
        Event::Deactivated { .. } => Entry::default(),
        Event::Reactivated { .. } => Entry::default(),
        Event::Detached { .. } => Entry::default(),
        Event::Erased { coachee, .. } => Entry::default().set("coachee", coachee),
    }
}

/// Adds a coachee (S1.15, S2.3); with an invitation it is sent at once (S2.4). Who adds gets Admin access.
#[derive(Debug)]
pub struct AddCoachee {
    /// The coachee's id.
    pub coachee: CoacheeId,
    /// Required.
    pub first_name: Name,
    /// May be empty.
    pub last_name: LastName,
    /// At most once in a practice.
    pub email: Email,
    /// The invitation to send at once, if any.
    pub invitation: Option<NewInvitation>,
}

impl Command for AddCoachee {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let taken = facts.find::<CoacheeEmail>(email_key(&self.email));
        let there = facts.find::<Coachee>(self.coachee);
        let decision = facts.allow(Deed::AddCoachee, self.coachee)?;
        if there?.is_some() {
            return Err(Refusal::AlreadyAdded.into());
        }
        if taken?.is_some() {
            return Err(Refusal::EmailIsTaken.into());
        }
        Ok(self.happens(facts, decision))
    }
}

impl AddCoachee {
    /// What adding means, also where many are added at once: the same events.
    fn happens(&self, facts: &Facts<'_>, decision: Decision) -> Decision {
        let lead = facts.actor.person();
        let decision = decision.about(self.coachee).with(Event::Added {
            coachee: self.coachee,
            first_name: Personal::new(self.first_name.clone()),
            last_name: Personal::new(self.last_name.clone()),
            email: Personal::new(self.email.clone()),
            lead,
        });
        let client = ClientId::from(self.coachee);
        let granted = lead.map(|coach| {
            let access = AccessId::between(coach, client);
            practice::Event::AccessGranted { access, coach, client, level: Level::Admin }
        });
        let invited = self.invitation.map(|invitation| invitation.event(self.coachee, None, facts.now));
        decision.with_all(granted).with_all(invited)
    }
}

/// Corrects a coachee's name or email; what is `None` stays. Coaches may until the coachee has accepted (S2.7). With another
/// email an invitation that was sent works no more.
#[derive(Debug)]
pub struct UpdateCoachee {
    /// Whom.
    pub coachee: CoacheeId,
    /// The first name.
    pub first_name: Option<Name>,
    /// The last name.
    pub last_name: Option<LastName>,
    /// The email address.
    pub email: Option<Email>,
}

impl Command for UpdateCoachee {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Coachee>(self.coachee)?;
        let decision = facts.allow(Deed::ChangeCoachee, self.coachee)?;
        if row.status == Status::Active && facts.actor.person() != row.person {
            return Err(Refusal::AccountIsActive.into());
        }
        let first_name = changed(&row.first_name, self.first_name.as_ref()).map(personal);
        let last_name = changed(&row.last_name, self.last_name.as_ref()).map(personal);
        let email = changed(&row.email, self.email.as_ref());
        if let Some(change) = &email
            && facts.find::<CoacheeEmail>(email_key(&change.now))?.is_some()
        {
            return Err(Refusal::EmailIsTaken.into());
        }
        let email = email.map(personal);
        let nothing = first_name.is_none() && last_name.is_none() && email.is_none();
        // Whoever has the address before has its link, which must not open an account of the new one.
        let invitation = row.invitation.filter(|_| email.is_some());
        let ended = invitation.map(|invitation| Event::InvitationExpired { coachee: self.coachee, invitation });
        let event = Event::Changed { coachee: self.coachee, first_name, last_name, email };
        Ok(if nothing { decision } else { decision.with(event).with_all(ended) })
    }
}

/// Writes the active goal: one sentence; an empty one clears it (S1.33, S1.35).
#[derive(Debug)]
pub struct SetActiveGoal {
    /// Whose.
    pub coachee: CoacheeId,
    /// The sentence.
    pub goal: ActiveGoal,
}

impl Command for SetActiveGoal {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Coachee>(self.coachee)?;
        let decision = facts.allow(Deed::WriteFile, self.coachee)?;
        let was = row.active_goal.as_ref().map(|goal| facts.read(row, goal)).transpose()?.flatten();
        if was.as_ref() == Some(&self.goal) || (was.is_none() && self.goal.as_str().is_empty()) {
            return Ok(decision);
        }
        let goal = Change { was: row.active_goal.clone(), now: Confidential::new(self.goal.clone()) };
        Ok(decision.with(Event::ActiveGoalSet { coachee: self.coachee, goal }))
    }
}

/// Writes the synopsis (S1.30).
#[derive(Debug)]
pub struct WriteSynopsis {
    /// Whose.
    pub coachee: CoacheeId,
    /// The text.
    pub synopsis: Synopsis,
}

impl Command for WriteSynopsis {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Coachee>(self.coachee)?;
        let decision = facts.allow(Deed::WriteFile, self.coachee)?;
        let was = row.synopsis.as_ref().map(|synopsis| facts.read(row, synopsis)).transpose()?.flatten();
        if was.as_ref() == Some(&self.synopsis) {
            return Ok(decision);
        }
        let synopsis = Change { was: row.synopsis.clone(), now: Confidential::new(self.synopsis.clone()) };
        Ok(decision.with(Event::SynopsisWritten { coachee: self.coachee, synopsis }))
    }
}
