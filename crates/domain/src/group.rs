//! Groups: how a coach sorts their coachees by criteria of their own (S2.10–S2.14).
//!
//! A group is its coach's alone, whatever their role: nobody else sees it, its name, its description or that it is there.
//! What is about the group is about the practice and owned by the coach; that a coachee belongs to it is about that
//! coachee and owned by the coach. So a member who is erased leaves every group with everything else of theirs, and a
//! member whom the coach no longer sees is neither shown nor counted, and is there again with the access.
//!
//! A group that has members is not deleted (S2.13): those are meant whom the coach sees. Others cannot hold it, for the
//! coach could not take them out; they leave with it. The row keeps the ids of all who were added, so that a decision
//! knows whom to ask about; whether one still belongs to it their own row says.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{About, Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::edit::rewritten;
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{CoacheeId, GroupId, MembershipId, PersonId, Subject};
use crate::text::{Change, Confidential, Description, Title};
use crate::value::Time;
use crate::{Rows, refusals};

/// How many coachees a group has at most.
pub const MEMBERS_MAX: usize = 500;

events! {
    /// What happens to a coach's groups.
    pub enum Event {
        /// A group was made.
        "group.created" as "group_create" Created sees Group {
            group: GroupId, name: Confidential<Title>, description: Option<Confidential<Description>>, coachees: Vec<CoacheeId>
        },
        /// Its name, its description or who belongs to it was changed.
        "group.changed" as "group_update" Changed sees Group {
            group: GroupId, name: Option<Change<Confidential<Title>>>, description: Option<Change<Confidential<Description>>>,
            added: Vec<CoacheeId>, removed: Vec<CoacheeId>
        },
        /// It was deleted; its coachees stay.
        "group.deleted" as "group_delete" Deleted sees Group { group: GroupId },
        /// A coachee belongs to it.
        "group.coachee_added" as "group_coachee_add" CoacheeAdded sees Membership { group: GroupId, coachee: CoacheeId },
        /// A coachee belongs to it no more.
        "group.coachee_removed" as "group_coachee_remove" CoacheeRemoved sees Membership { group: GroupId, coachee: CoacheeId },
    }
}

refusals! {
    /// Why something about a group was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "GROUP_EXISTS" "This group has been made before.",
        /// First the coachees, then the group (S2.13).
        HasMembers "GROUP_HAS_MEMBERS" "This group still has coachees. Remove them from it first; they stay in your list.",
        /// A group is bounded.
        IsFull "GROUP_IS_FULL" "A group has at most 500 coachees. Make another one for the others.",
    }
}

/// A coach's group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The practice.
    pub practice: Subject,
    /// Whose it is, alone.
    pub coach: PersonId,
    /// Required.
    pub name: Confidential<Title>,
    /// What it is for; nothing where that was never said.
    pub description: Option<Confidential<Description>>,
    /// Who was added and not removed. Who of them was erased meanwhile only their own row says.
    pub coachees: BTreeSet<CoacheeId>,
    /// When it was made.
    pub created_at: Time,
}
row! { Group in group, seen as Group, id id: GroupId, subject |r| r.practice, owner |r| Some(r.coach),
written by |r, _| Some(r.coach), columns |r| [created_at: Time = r.created_at], sealed [name, description] }

/// That a coachee belongs to a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// Derived from both.
    pub id: MembershipId,
    /// To which.
    pub group: GroupId,
    /// Who.
    pub coachee: CoacheeId,
    /// Whose group it is.
    pub coach: PersonId,
    /// Since when.
    pub added_at: Time,
}
row! { Membership in group_member, seen as Membership, id id: MembershipId, subject |r| r.coachee, owner |r| Some(r.coach),
columns |r| [group_id: GroupId = r.group, added_at: Time = r.added_at] }

/// Folds an event of this feature. What nobody owns is no group.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Created { group, name, description, coachees } => {
            let Some(coach) = when.owner else { return };
            rows.put(Group {
                id: *group,
                practice: when.subject,
                coach,
                name: name.clone(),
                description: description.clone(),
                coachees: coachees.iter().copied().collect(),
                created_at: when.at,
            });
        }
        Event::Changed { group, name, description, added, removed } => rows.edit(*group, |row: &mut Group| {
            if let Some(change) = name {
                row.name = change.now.clone();
            }
            if let Some(change) = description {
                row.description = Some(change.now.clone());
            }
            row.coachees.extend(added.iter().copied());
            row.coachees.retain(|coachee| !removed.contains(coachee));
        }),
        Event::Deleted { group } => rows.delete::<Group>(*group),
        Event::CoacheeAdded { group, coachee } => {
            let Some(coach) = when.owner else { return };
            let id = MembershipId::of_coachee(*group, *coachee);
            rows.put(Membership { id, group: *group, coachee: *coachee, coach, added_at: when.at });
        }
        Event::CoacheeRemoved { group, coachee } => {
            rows.delete::<Membership>(MembershipId::of_coachee(*group, *coachee));
        }
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Created { name, description, .. } => Entry::default().set("name", name).set("description", description),
        Event::Changed { name, description, .. } => {
            Entry::default().edit("name", name.as_ref()).edit("description", description.as_ref())
        }
        Event::Deleted { .. } => Entry::default(),
        Event::CoacheeAdded { group, .. } | Event::CoacheeRemoved { group, .. } => Entry::default().set("group", group),
    }
}

/// Makes a group (S2.11).
#[derive(Debug)]
pub struct CreateGroup {
    /// Its id.
    pub group: GroupId,
    /// Required.
    pub name: Title,
    /// What it is for.
    pub description: Option<Description>,
    /// Who belongs to it.
    pub coachees: Vec<CoacheeId>,
}

impl Command for CreateGroup {
    shows!(Group group);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (there, coachees) = (facts.find::<Group>(self.group), seen(facts, &self.coachees));
        let decision = facts.allow(Deed::KeepGroups, About::Practice)?;
        let coach = facts.actor.person().ok_or(Stop::Forbidden)?;
        let coachees = coachees?;
        if there?.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        if coachees.len() > MEMBERS_MAX {
            return Err(Refusal::IsFull.into());
        }
        let created = Event::Created {
            group: self.group,
            name: Confidential::new(self.name.clone()),
            description: self.description.clone().map(Confidential::new),
            coachees: coachees.iter().copied().collect(),
        };
        let decision = decision.owned_by(coach).with(created);
        Ok(coachees.into_iter().fold(decision, |decision, coachee| {
            decision.about(coachee).with(Event::CoacheeAdded { group: self.group, coachee })
        }))
    }
}

/// Changes a group (S2.12); what is `None` stays. Who belongs to it already is not added again, and who does not is not
/// removed; whoever is in both lists is removed.
#[derive(Debug)]
pub struct UpdateGroup {
    /// Which.
    pub group: GroupId,
    /// Another name.
    pub name: Option<Title>,
    /// Another description; an empty one clears it.
    pub description: Option<Description>,
    /// Who belongs to it from now on.
    pub add: Vec<CoacheeId>,
    /// Who no longer does.
    pub remove: Vec<CoacheeId>,
}

impl Command for UpdateGroup {
    shows!(Group group);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, add, remove) = (own(facts, self.group), seen(facts, &self.add), seen(facts, &self.remove));
        let (decision, row) = row?;
        let (mut add, mut remove) = (add?, remove?);
        let asked = add.union(&remove).map(|coachee| (*coachee, belongs(facts, self.group, *coachee)));
        for (coachee, belongs) in asked.collect::<Vec<_>>() {
            if belongs? {
                add.remove(&coachee);
            } else {
                remove.remove(&coachee);
            }
        }
        add.retain(|coachee| !self.remove.contains(coachee));
        let is_full = |members: usize| members.saturating_add(add.len()).saturating_sub(remove.len()) > MEMBERS_MAX;
        // Those who were erased are counted out only where that matters: each is asked for by itself.
        if is_full(row.coachees.len()) && is_full(members(facts, row)?) {
            return Err(Refusal::IsFull.into());
        }
        let name = rewritten(facts, row, &row.name, self.name.as_ref())?;
        let description = match &row.description {
            Some(lies) => rewritten(facts, row, lies, self.description.as_ref())?,
            None => self.description.clone().map(|now| Change { was: None, now: Confidential::new(now) }),
        };
        if name.is_none() && description.is_none() && add.is_empty() && remove.is_empty() {
            return Ok(decision);
        }
        let (added, removed) = (add.iter().copied().collect(), remove.iter().copied().collect());
        let decision = decision.with(Event::Changed { group: self.group, name, description, added, removed });
        let decision = add.into_iter().fold(decision, |decision, coachee| {
            decision.about(coachee).with(Event::CoacheeAdded { group: self.group, coachee })
        });
        Ok(without(decision, self.group, remove))
    }
}

/// Deletes a group that has no members; its coachees stay (S2.13, S2.14).
#[derive(Debug)]
pub struct DeleteGroup {
    /// Which.
    pub group: GroupId,
}

impl Command for DeleteGroup {
    shows!(Group group);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (decision, row) = own(facts, self.group)?;
        let members = row
            .coachees
            .iter()
            .map(|coachee| (*coachee, belongs(facts, self.group, *coachee), facts.allow(Deed::WriteFile, *coachee)));
        let mut unseen = BTreeSet::new();
        for (coachee, belongs, sees) in members.collect::<Vec<_>>() {
            if !belongs? {
                continue;
            }
            match sees {
                Ok(_) => return Err(Refusal::HasMembers.into()),
                Err(Stop::NotFound | Stop::Forbidden) => unseen.insert(coachee),
                Err(other) => return Err(other),
            };
        }
        Ok(without(decision.with(Event::Deleted { group: self.group }), self.group, unseen))
    }
}

/// The actor's group, and a decision about it. Another's is not there.
fn own<'f>(facts: &Facts<'f>, group: GroupId) -> Result<(Decision, &'f Group), Stop> {
    let row = facts.get::<Group>(group)?;
    let decision = facts.allow(Deed::KeepGroups, About::Practice)?;
    if facts.actor.person() != Some(row.coach) {
        return Err(Stop::NotFound);
    }
    Ok((decision.owned_by(row.coach), row))
}

/// These coachees, each once, all of whom the actor works with.
fn seen(facts: &Facts<'_>, coachees: &[CoacheeId]) -> Result<BTreeSet<CoacheeId>, Stop> {
    let asked = coachees
        .iter()
        .map(|coachee| (*coachee, facts.get::<Coachee>(*coachee), facts.allow(Deed::WriteFile, *coachee)));
    let asked: Vec<_> = asked.collect();
    asked.into_iter().map(|(coachee, row, allowed)| row.and(allowed).map(|_| coachee)).collect()
}

fn belongs(facts: &Facts<'_>, group: GroupId, coachee: CoacheeId) -> Result<bool, Stop> {
    Ok(facts.find::<Membership>(MembershipId::of_coachee(group, coachee))?.is_some())
}

/// How many of those who were added still belong to it. All are asked for before the first is looked at.
fn members(facts: &Facts<'_>, group: &Group) -> Result<usize, Stop> {
    let asked: Vec<_> = group.coachees.iter().map(|coachee| belongs(facts, group.id, *coachee)).collect();
    let belonging: Vec<bool> = asked.into_iter().collect::<Result<_, _>>()?;
    Ok(belonging.into_iter().filter(|belongs| *belongs).count())
}

fn without(decision: Decision, group: GroupId, coachees: BTreeSet<CoacheeId>) -> Decision {
    coachees
        .into_iter()
        .fold(decision, |decision, coachee| decision.about(coachee).with(Event::CoacheeRemoved { group, coachee }))
}
