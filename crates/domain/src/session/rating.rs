//! Self-ratings: how a coach found their own coaching in a session, from 1 to 10, with reflection notes (S1.45–S1.48).
//!
//! A rating is about the coachee with whom the session was and belongs to its coach alone: these two decide who sees it
//! (nobody else, whatever their role: promise A3), with which key it is sealed, and that it is forgotten with the coachee.
//! The number is sealed like the reflection (S1.79), always as two digits, so that its length tells nothing.
//!
//! Only the coach who started or logged the session rates it, while they have access to its coachee; they may change it
//! at any time. What they rated stays theirs to read when that access ends, since it is about their own work (S1.48).

use serde::{Deserialize, Serialize};

use super::{Event, Session};
use crate::access::Deed;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::edit::rewritten;
use crate::fold::When;
use crate::id::{CoacheeId, PersonId, SessionId};
use crate::text::{Change, Confidential, Rating, Reflection};
use crate::value::Time;

/// A coach's rating of their own coaching in a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SelfRating {
    /// The session: it has one coach, hence at most one rating.
    pub id: SessionId,
    /// With whom it was; not somebody who reads this.
    pub coachee: CoacheeId,
    /// Whose it is, alone.
    pub coach: PersonId,
    /// When the session began.
    pub started_at: Time,
    /// 1 to 10.
    pub rating: Confidential<Rating>,
    /// What the coach noted for themself; nothing where they never did.
    pub reflection: Option<Confidential<Reflection>>,
    /// When it was given or changed last.
    pub rated_at: Time,
}
row! { SelfRating in self_rating, seen as Rating, id id: SessionId, subject |r| r.coachee, owner |r| Some(r.coach),
columns |r| [started_at: Time = r.started_at], sealed [rating, reflection] }

impl SelfRating {
    /// The rating after an event that gave or changed it; nothing where there was none and none was given.
    pub(super) fn rated(
        was: Option<Self>,
        (id, coachee, coach): (SessionId, CoacheeId, PersonId),
        started_at: Time,
        (rating, reflection): Given<'_>,
        rated_at: Time,
    ) -> Option<Self> {
        let (was_rating, was_reflection) = was.map(|was| (was.rating, was.reflection)).unzip();
        let rating = rating.map(|change| change.now.clone()).or(was_rating)?;
        let reflection = reflection.map(|change| change.now.clone()).or(was_reflection.flatten());
        Some(Self { id, coachee, coach, started_at, rating, reflection, rated_at })
    }
}

/// What an event gave: the number, the reflection.
pub(super) type Given<'a> = (Option<&'a Change<Confidential<Rating>>>, Option<&'a Change<Confidential<Reflection>>>);

/// What an event about a rating does to it. One that is nobody's makes none.
pub(super) fn fold(
    rows: &mut crate::Rows,
    when: &When,
    (session, coachee): (SessionId, CoacheeId),
    started_at: Time,
    given: Given<'_>,
) {
    rows.upsert(session, |was: Option<SelfRating>| {
        SelfRating::rated(was, (session, coachee, when.owner?), started_at, given, when.at)
    });
}

/// Rates one's own coaching in a session, or changes that (S1.45, S1.46). The same again changes nothing.
#[derive(Debug)]
pub struct RateSession {
    /// Which.
    pub session: SessionId,
    /// 1 to 10.
    pub rating: Rating,
    /// The reflection notes; those that are there stay where it is `None`.
    pub reflection: Option<Reflection>,
}

impl Command for RateSession {
    shows!(Session session);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, rated) = (facts.get::<Session>(self.session), facts.find::<SelfRating>(self.session));
        let (row, rated) = (row?, rated?);
        let decision = facts.allow(Deed::HoldSessions, row.coachee)?;
        let coach = facts.actor.person().filter(|person| row.coach == Some(*person)).ok_or(Stop::Forbidden)?;
        let decision = decision.owned_by(coach);
        let (rating, reflection) = match rated {
            None => (Some(first(&self.rating)), self.reflection.as_ref().map(first)),
            Some(rated) => {
                let reflection = match &rated.reflection {
                    None => self.reflection.as_ref().map(first),
                    Some(lies) => rewritten(facts, rated, lies, self.reflection.as_ref())?,
                };
                (rewritten(facts, rated, &rated.rating, Some(&self.rating))?, reflection)
            }
        };
        let nothing = rating.is_none() && reflection.is_none();
        let (session, coachee, started_at) = (row.id, row.coachee, row.started_at);
        let event = Event::Rated { session, coachee, started_at, rating, reflection };
        Ok(if nothing { decision } else { decision.with(event) })
    }
}

fn first<T: Clone>(text: &T) -> Change<Confidential<T>> {
    Change { was: None, now: Confidential::new(text.clone()) }
}
