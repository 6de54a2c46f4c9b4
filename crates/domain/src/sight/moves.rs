//! What moves a viewer's sight: the events after which somebody sees more, or less, than before.
//!
//! Whoever follows a log keeps their scope for as long as none of these happens, and looks again when one does. A scope
//! is made of the viewer's membership, their accesses and their activation; an event that changes any of these for them
//! has an arm here.

use super::{Scope, Side};
use crate::Event;
use crate::fold::When;
use crate::id::{PersonId, Subject};
use crate::{coachee, practice};

/// How an event moved somebody's sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// All of it: what they are in the practice has changed.
    All,
    /// A client came into a coach's sight, or left it.
    Client(Subject),
    /// A coach came into a coachee's sight, or left it.
    Coach(PersonId),
    /// A coach left the practice, and with it the sight of the coachees whom they had access to.
    Removed(PersonId),
}

impl Scope {
    /// How this event moved the viewer's sight, if it did.
    pub fn moved_by(&self, event: &Event, when: &When) -> Option<Move> {
        match event {
            Event::Practice(event) => match &self.side {
                Side::Manager | Side::Coach(_) => self.coach_moved_by(event, when),
                Side::Coachee(me, _) => coachee_moved_by(Subject::from(*me), event, when),
            },
            Event::Coachee(coachee::Event::Accepted { person, .. } | coachee::Event::Detached { person, .. }) => {
                match &self.side {
                    Side::Coachee(..) => (*person == self.person).then_some(Move::All),
                    Side::Manager | Side::Coach(_) => None,
                }
            }
            Event::Coachee(
                coachee::Event::Deactivated { coachee, .. } | coachee::Event::Reactivated { coachee, .. },
            ) => match &self.side {
                Side::Coachee(me, _) => (me == coachee).then_some(Move::All),
                Side::Manager | Side::Coach(_) => None,
            },
            Event::Coachee(coachee::Event::Erased { coachee, .. }) => match &self.side {
                Side::Coachee(me, _) => (me == coachee).then_some(Move::All),
                // The event is about the practice.
                Side::Coach(theirs) => theirs.contains(coachee).then_some(Move::Client((*coachee).into())),
                // The row that is gone says it.
                Side::Manager => None,
            },
            Event::Coachee(
                coachee::Event::Added { .. }
                | coachee::Event::Changed { .. }
                | coachee::Event::Invited { .. }
                | coachee::Event::InvitationExpired { .. }
                | coachee::Event::ActiveGoalSet { .. }
                | coachee::Event::SynopsisWritten { .. }
                | coachee::Event::LeadSet { .. }
                | coachee::Event::BillingModelSet { .. },
            )
            | Event::Account(_)
            | Event::Plan(_)
            | Event::Group(_)
            | Event::Authorization(_)
            | Event::Session(_)
            | Event::Assessment(_)
            | Event::Question(_)
            | Event::Note(_)
            | Event::File(_)
            | Event::Message(_)
            | Event::Appointment(_)
            | Event::Reading(_)
            | Event::Notice(_) => None,
        }
    }

    fn coach_moved_by(&self, event: &practice::Event, when: &When) -> Option<Move> {
        match event {
            practice::Event::CoachJoined { person, .. }
            | practice::Event::CoachRoleSet { person, .. }
            | practice::Event::CoachRemoved { person } => (*person == self.person).then_some(Move::All),
            practice::Event::AccessGranted { coach, .. } | practice::Event::AccessRevoked { coach, .. } => {
                (*coach == self.person).then_some(Move::Client(when.subject))
            }
            // A level says what may be done, not what is seen.
            practice::Event::AccessChanged { .. }
            | practice::Event::Created { .. }
            | practice::Event::Changed { .. }
            | practice::Event::CoachInvited { .. }
            | practice::Event::CoachInvitationExpired { .. }
            | practice::Event::CoachSettingsChanged { .. } => None,
        }
    }
}

/// A coachee sees the coaches who have access to them. Who comes back to a practice has no access from before.
fn coachee_moved_by(me: Subject, event: &practice::Event, when: &When) -> Option<Move> {
    match event {
        practice::Event::AccessGranted { coach, .. } | practice::Event::AccessRevoked { coach, .. } => {
            (when.subject == me).then_some(Move::Coach(*coach))
        }
        practice::Event::CoachRemoved { person } => Some(Move::Removed(*person)),
        practice::Event::AccessChanged { .. }
        | practice::Event::CoachJoined { .. }
        | practice::Event::CoachRoleSet { .. }
        | practice::Event::Created { .. }
        | practice::Event::Changed { .. }
        | practice::Event::CoachInvited { .. }
        | practice::Event::CoachInvitationExpired { .. }
        | practice::Event::CoachSettingsChanged { .. } => None,
    }
}
