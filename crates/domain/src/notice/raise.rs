//! Raising notices, and marking them as read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Changed, Channel, Event, Kind, Matter, Notice, Preferences, READ_MAX, Refusal, rules};
use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{About, Command, Decision, Facts, Stop, shows};
use crate::id::{AccessId, BoardId, CoacheeId, LogId, NoticeId, PersonId, PracticeId};
use crate::practice::{Access, Member, Practice};
use crate::text::facts;
use crate::value::{Time, Zone};

/// Whether and when a notice is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mailing {
    /// Not at all.
    No,
    /// By itself, at this time.
    At(Time),
    /// With the digest of this time.
    InDigest(Time),
}

impl Mailing {
    /// The digest in which it is.
    pub const fn digest(self) -> Option<Time> {
        match self {
            Self::InDigest(at) => Some(at),
            Self::No | Self::At(_) => None,
        }
    }
}

facts!(Mailing);

/// Tells somebody of an event; what the reaction to it asks for. Whom, it has found by [`rules::told`]; where that is not
/// so any more, it looks again.
#[derive(Debug, Clone)]
pub struct Raise {
    /// The practice.
    pub practice: PracticeId,
    /// The notice's id, from the event.
    pub notice: NoticeId,
    /// The coachee whom it is about.
    pub coachee: CoacheeId,
    /// Which side is told.
    pub to: rules::To,
    /// Who is told.
    pub recipient: PersonId,
    /// What happened.
    pub kind: Kind,
    /// To what.
    pub about: Matter,
    /// Which of its fields changed.
    pub changed: Vec<Changed>,
    /// Who did it.
    pub by: PersonId,
    /// The event's position.
    pub cause: u64,
}

impl Command for Raise {
    shows!(Notice notice);
    fn others(&self) -> Vec<LogId> {
        vec![LogId::Account(self.recipient)]
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let account = facts.at(LogId::Account(self.recipient));
        let wanted = (
            facts.get::<Coachee>(self.coachee),
            facts.find::<Notice>(self.notice),
            facts.find::<Member>(self.recipient),
            facts.get::<Practice>(self.practice),
            account.find::<Preferences>(self.recipient),
        );
        let (coachee, there, member, practice, preferences) = (wanted.0?, wanted.1?, wanted.2?, wanted.3?, wanted.4?);
        let decision = facts.allow(Deed::Notify, self.coachee)?;
        if there.is_some() || !self.may_learn(facts, coachee)? {
            return Ok(decision);
        }
        let nobody = Preferences::of_nobody(self.recipient);
        let preferences = preferences.unwrap_or(&nobody);
        // A coach's clock is the one of their settings there, a coachee's the practice's, unless they set one themself.
        let zone = member.and_then(|member| member.zone.as_ref()).unwrap_or(&practice.zone);
        let is_shown = preferences.want(self.kind, Channel::App);
        let mailing = mailing(preferences, self.kind, zone, facts.now);
        if !is_shown && mailing == Mailing::No {
            return Ok(decision);
        }
        let Self { notice, kind, about, by, cause, .. } = *self;
        let changed = self.changed.clone();
        Ok(decision.owned_by(self.recipient).with(Event::Raised {
            notice,
            kind,
            about,
            changed,
            by,
            cause,
            is_shown,
            mailing,
        }))
    }
}

impl Raise {
    /// Whether the recipient is still who is told, and sees the coachee. Where another is told in the lead's place by now,
    /// who that is is looked for anew.
    fn may_learn(&self, facts: &Facts<'_>, coachee: &Coachee) -> Result<bool, Stop> {
        match self.to {
            rules::To::Coachee => Ok(coachee.person == Some(self.recipient)),
            rules::To::Coach => sees(facts, coachee, self.recipient),
            rules::To::Lead => {
                let lead = coachee.lead.filter(|lead| *lead != self.recipient);
                let (recipient_sees, lead_sees) =
                    (sees(facts, coachee, self.recipient), lead.map_or(Ok(false), |lead| sees(facts, coachee, lead)));
                if recipient_sees? && !lead_sees? { Ok(true) } else { Err(Stop::Again) }
            }
        }
    }
}

/// Whether somebody sees a coachee as a coach of theirs.
fn sees(facts: &Facts<'_>, coachee: &Coachee, coach: PersonId) -> Result<bool, Stop> {
    let wanted = (facts.find::<Member>(coach), facts.find::<Access>(AccessId::between(coach, coachee.client())));
    let (member, access) = (wanted.0?, wanted.1?);
    Ok(member.is_some_and(|member| member.sees(access)))
}

/// Whether and when a notice of this kind is mailed.
fn mailing(preferences: &Preferences, kind: Kind, zone: &Zone, now: Time) -> Mailing {
    if !preferences.want(kind, Channel::Mail) {
        return Mailing::No;
    }
    match preferences.digest_after(zone, now) {
        Some(digest) => Mailing::InDigest(digest),
        None => Mailing::At(preferences.quiet_until(zone, now).unwrap_or(now)),
    }
}

/// Marks notices as read. Those that are read already are passed over.
#[derive(Debug)]
pub struct ReadNotices {
    /// Who reads: the actor.
    pub reader: PersonId,
    /// Which.
    pub notices: Vec<NoticeId>,
}

impl Command for ReadNotices {
    type Thing = Preferences;
    fn thing(&self) -> PersonId {
        self.reader
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        // All are asked for before the first is looked at: one round of loading.
        let rows: Vec<_> = self.notices.iter().map(|notice| facts.get::<Notice>(*notice)).collect();
        let decision = facts.allow(Deed::ReadNotices, About::Practice)?;
        let mut unread: BTreeMap<CoacheeId, BTreeSet<NoticeId>> = BTreeMap::new();
        for row in rows {
            let row = row?;
            // Another's notice is none.
            if facts.actor.person() != Some(row.recipient) {
                return Err(Stop::NotFound);
            }
            if row.is_unread && row.is_shown {
                unread.entry(row.coachee).or_default().insert(row.id);
            }
        }
        if self.notices.len() > READ_MAX {
            return Err(Refusal::TooMany.into());
        }
        let decision = decision.owned_by(self.reader);
        Ok(unread.into_iter().fold(decision, |decision, (coachee, notices)| {
            let board = BoardId::of_both(self.reader, coachee);
            decision.about(coachee).with(Event::Read { board, notices: notices.into_iter().collect() })
        }))
    }
}
