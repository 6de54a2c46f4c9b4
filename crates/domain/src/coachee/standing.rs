//! How a coachee stands in the practice, beside their invitation: deactivated or not, who leads, how the work is paid.
//!
//! Deactivating is no fourth status (S2.8): it closes the portal at once and takes the coachee off the list, and everything
//! else stays as it is, so that reactivating restores all. An invitation that was sent opens nothing meanwhile.

use serde::{Deserialize, Serialize};

use super::{Activation, Coachee, Event, Refusal};
use crate::Rows;
use crate::access::Deed;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::edit::changed_from;
use crate::id::{AccessId, CoacheeId, PersonId};
use crate::practice::{Access, Member, Role};
use crate::row::{Column, Type, Value};
use crate::text::facts;
use crate::value::Time;

/// How the work with a coachee is paid: exactly five (S1.68).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BillingModel {
    /// By an employee assistance program, within authorizations.
    Eap,
    /// A sum each month.
    MonthlyRetainer,
    /// Each session.
    PayPerSession,
    /// A number of sessions, paid together.
    Packages,
    /// Not at all.
    Free,
}

impl BillingModel {
    /// The word by which lists are filtered.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Eap => "eap",
            Self::MonthlyRetainer => "monthly_retainer",
            Self::PayPerSession => "pay_per_session",
            Self::Packages => "packages",
            Self::Free => "free",
        }
    }
}

impl Column for BillingModel {
    const TYPE: Type = Type::Text;
    fn value(&self) -> Value {
        Value::Text(self.word().to_owned())
    }
}

facts!(BillingModel);

crate::entry::words! {
    BillingModel: |it| BillingModel::word(*it).to_owned();
}

/// The coachee is deactivated since then, or not any more.
pub(super) fn fold(rows: &mut Rows, coachee: CoacheeId, person: Option<PersonId>, since: Option<Time>) {
    rows.edit(coachee, move |row: &mut Coachee| row.deactivated_at = since);
    if let Some(person) = person {
        rows.edit(person, move |row: &mut Activation| row.closed = since.is_some());
    }
}

/// Deactivates a coachee: their portal closes at once, and they are off the list until they are reactivated.
#[derive(Debug)]
pub struct DeactivateCoachee {
    /// Whom.
    pub coachee: CoacheeId,
}

impl Command for DeactivateCoachee {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Coachee>(self.coachee)?;
        let decision = facts.allow(Deed::DeactivateCoachee, self.coachee)?;
        if row.deactivated_at.is_some() {
            return Err(Refusal::Deactivated.into());
        }
        Ok(decision.with(Event::Deactivated { coachee: self.coachee, person: row.person }))
    }
}

/// Brings a deactivated coachee back, with everything as it was.
#[derive(Debug)]
pub struct ReactivateCoachee {
    /// Whom.
    pub coachee: CoacheeId,
}

impl Command for ReactivateCoachee {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Coachee>(self.coachee)?;
        let decision = facts.allow(Deed::DeactivateCoachee, self.coachee)?;
        if row.deactivated_at.is_none() {
            return Err(Refusal::NotDeactivated.into());
        }
        Ok(decision.with(Event::Reactivated { coachee: self.coachee, person: row.person }))
    }
}

/// Names the coach who leads: notices go to them. They must have access to the coachee, for notices tell of the file.
#[derive(Debug)]
pub struct SetLeadCoach {
    /// Whose.
    pub coachee: CoacheeId,
    /// Who leads from now on.
    pub coach: PersonId,
}

impl Command for SetLeadCoach {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, member) = (facts.get::<Coachee>(self.coachee), facts.find::<Member>(self.coach));
        let (row, member) = (row?, member?);
        let access = facts.find::<Access>(AccessId::between(self.coach, row.client()))?;
        let decision = facts.allow(Deed::NameLead, self.coachee)?;
        let member = member.ok_or(Stop::NotFound)?;
        match member.role {
            Role::Owner | Role::Manager => {}
            Role::Coach if access.is_some_and(|access| access.holds(member)) => {}
            Role::Coach => return Err(Refusal::LeadSeesNothing.into()),
        }
        let lead = changed_from(row.lead.as_ref(), Some(&self.coach));
        Ok(decision.with_all(lead.map(|lead| Event::LeadSet { coachee: self.coachee, lead })))
    }
}

/// Says how the work with a coachee is paid (S1.68).
#[derive(Debug)]
pub struct SetBillingModel {
    /// With whom.
    pub coachee: CoacheeId,
    /// How.
    pub model: BillingModel,
}

impl Command for SetBillingModel {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Coachee>(self.coachee)?;
        let decision = facts.allow(Deed::KeepAuthorizations, self.coachee)?;
        let model = changed_from(row.billing_model.as_ref(), Some(&self.model));
        Ok(decision.with_all(model.map(|model| Event::BillingModelSet { coachee: self.coachee, model })))
    }
}
