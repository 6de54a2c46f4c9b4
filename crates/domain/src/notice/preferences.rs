//! Which notices somebody wants, how, and when: kept by their account, for all their practices.
//!
//! Everything is on until it is turned off. Quiet hours hold mail back until they end; a digest gathers the notices of a
//! day into one mail. Both go by the person's own clock, summer and winter: a time of day that a clock skips is the moment
//! at which it is put forward, and one that it shows twice comes when it shows it first.

use jiff::tz::AmbiguousOffset;
use serde::{Deserialize, Serialize};

use super::{Event, Kind, Refusal};
use crate::Rows;
use crate::access::Deed;
use crate::account::Account;
use crate::decide::{About, Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::id::PersonId;
use crate::text::facts;
use crate::value::{Time, Zone};

/// How a notice reaches somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Channel {
    /// In the portal.
    App,
    /// By mail.
    Mail,
}

/// A kind of notice that somebody does not want in this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Silenced {
    /// Which kind.
    pub kind: Kind,
    /// In which way.
    pub channel: Channel,
}

/// A time of day, in minutes since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DayTime(u16);

impl DayTime {
    /// `21:30`, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, crate::Refusal> {
        let refused = || crate::Refusal::from(Refusal::NotATimeOfDay);
        let (hour, minute) = text.split_once(':').ok_or_else(refused)?;
        let number = |text: &str, end: u16| {
            let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|number| is_number && *number < end).ok_or_else(refused)
        };
        Ok(Self(number(hour, 24)?.saturating_mul(60).saturating_add(number(minute, 60)?)))
    }

    fn clock(self) -> jiff::civil::Time {
        let of = |number: u16| i8::try_from(number).unwrap_or(0);
        jiff::civil::Time::new(of(self.0 / 60), of(self.0 % 60), 0, 0).unwrap_or(jiff::civil::Time::MIN)
    }

    /// When a clock of this zone shows this time next, after a moment.
    fn next(self, zone: &Zone, after: Time, shown: Shown) -> Time {
        let zone = jiff::tz::TimeZone::get(zone.name()).unwrap_or(jiff::tz::TimeZone::UTC);
        let now = jiff::Timestamp::from_microsecond(after.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let mut day = now.to_zoned(zone.clone()).date();
        // Today, tomorrow, or the day after a day that the zone leaves out.
        for _ in 0..3 {
            let moment = zone.to_ambiguous_zoned(day.to_datetime(self.clock()));
            let first = match moment.offset() {
                AmbiguousOffset::Gap { .. } => put_forward(&zone, moment.clone()),
                AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                    moment.clone().compatible().ok().map(|first| first.timestamp())
                }
            };
            let again = moment.later().ok().filter(|_| shown == Shown::EachTime).map(|again| again.timestamp());
            let found = [first, again].into_iter().flatten().map(jiff::Timestamp::as_microsecond);
            if let Some(found) = found.filter(|found| *found > after.0).min() {
                return Time(found);
            }
            day = day.tomorrow().unwrap_or(day);
        }
        after.plus_days(1)
    }
}

/// When a clock is put forward past a time that it skips.
fn put_forward(zone: &jiff::tz::TimeZone, skipped: jiff::tz::AmbiguousZoned) -> Option<jiff::Timestamp> {
    let before = skipped.earlier().ok()?.timestamp();
    zone.following(before).next().map(|transition| transition.timestamp())
}

impl std::fmt::Display for DayTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Which of the two moments counts, where a clock is put back and shows a time twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The first.
    Once,
    /// Whichever comes next.
    EachTime,
}

/// Hours of the day in which no mail comes; they may lie around midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quiet {
    /// From this time on.
    pub from: DayTime,
    /// Until this time.
    pub until: DayTime,
}

impl Quiet {
    /// When the quiet hours in which a moment lies end; nothing where it lies in none.
    pub fn ends(self, zone: &Zone, at: Time) -> Option<Time> {
        let there = jiff::tz::TimeZone::get(zone.name()).unwrap_or(jiff::tz::TimeZone::UTC);
        let now = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(there).time();
        let (from, until) = (self.from.clock(), self.until.clock());
        let is_quiet = if from < until { now >= from && now < until } else { now >= from || now < until };
        is_quiet.then(|| self.until.next(zone, at, Shown::EachTime))
    }
}

facts!(Channel, Silenced, DayTime, Quiet);

/// From which mails somebody takes themself off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unsubscription {
    /// Those of one kind.
    Kind(Kind),
    /// The daily digest, and with it mail of every kind: single mails instead are not what was asked for.
    Digest,
}

impl Unsubscription {
    /// Everything that one can take oneself off.
    pub fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.into_iter().map(Self::Kind).chain([Self::Digest])
    }

    /// The word from which its token derives.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.word(),
            Self::Digest => "digest",
        }
    }

    /// What it turns off.
    fn kinds(self) -> Vec<Kind> {
        match self {
            Self::Kind(kind) => vec![kind],
            Self::Digest => Kind::ALL.to_vec(),
        }
    }
}

facts!(Unsubscription);

/// Which notices somebody wants, how and when. Who has set none has no such row, and wants them all at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// Whose.
    pub id: PersonId,
    /// What they do not want, in order.
    pub silenced: Vec<Silenced>,
    /// When no mail comes.
    pub quiet: Option<Quiet>,
    /// When the day's notices come in one mail; else each comes by itself.
    pub digest: Option<DayTime>,
    /// Whose clock these go by; where none is set, the one that the practice shows the person.
    pub zone: Option<Zone>,
}
row! { Preferences in notice_preferences, seen as Internal, id id: PersonId, subject |r| r.id }

impl Preferences {
    /// Those of somebody who has set none.
    pub const fn of_nobody(id: PersonId) -> Self {
        Self { id, silenced: Vec::new(), quiet: None, digest: None, zone: None }
    }

    /// Whether notices of this kind are wanted in this way. By mail those are not of which the product mails otherwise.
    pub fn want(&self, kind: Kind, channel: Channel) -> bool {
        (channel == Channel::App || kind.is_mailed()) && !self.silenced.contains(&Silenced { kind, channel })
    }

    /// The end of the quiet hours in which this moment lies, if it does; `zone` counts where they have set none.
    pub fn quiet_until(&self, zone: &Zone, at: Time) -> Option<Time> {
        self.quiet?.ends(self.zone.as_ref().unwrap_or(zone), at)
    }

    /// When the digest of what happens at this moment is sent, if one is.
    pub fn digest_after(&self, zone: &Zone, at: Time) -> Option<Time> {
        /// What is raised shortly before a digest is sent comes with the next one: its event may be written later than
        /// it was decided.
        const MARGIN_MINUTES: i64 = 5;
        let zone = self.zone.as_ref().unwrap_or(zone);
        Some(self.digest?.next(zone, at.plus_minutes(MARGIN_MINUTES), Shown::Once))
    }
}

/// Folds an event about preferences.
pub(super) fn fold(event: &Event, rows: &mut Rows) {
    if let Event::PreferencesSet { person, silenced, quiet, digest, zone } = event {
        let (id, silenced, zone) = (*person, silenced.clone(), zone.clone());
        rows.put(Preferences { id, silenced, quiet: *quiet, digest: *digest, zone });
    } else if let Event::Unsubscribed { person, from } = event {
        let (id, kinds) = (*person, from.kinds());
        rows.upsert(id, move |was: Option<Preferences>| {
            let mut row = was.unwrap_or_else(|| Preferences::of_nobody(id));
            row.silenced.extend(kinds.into_iter().map(|kind| Silenced { kind, channel: Channel::Mail }));
            row.silenced.sort_unstable();
            row.silenced.dedup();
            Some(row)
        });
    }
}

/// Sets them; what is `None` stays.
#[derive(Debug, Clone)]
pub struct SetPreferences {
    /// Whose.
    pub person: PersonId,
    /// What is wanted in which way from now on, and what not.
    pub wanted: Vec<(Silenced, Want)>,
    /// Quiet hours, or none.
    pub quiet: Option<Option<Quiet>>,
    /// When the digest comes, or none.
    pub digest: Option<Option<DayTime>>,
    /// The time zone, or none of their own.
    pub zone: Option<Option<Zone>>,
}

/// Whether something is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// It is.
    Yes,
    /// It is not.
    No,
}

impl Command for SetPreferences {
    shows!(Preferences person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (account, row) = (facts.get::<Account>(self.person), facts.find::<Preferences>(self.person));
        let row = account.and(row)?;
        let decision = facts.allow(Deed::KeepAccount, About::Log)?;
        let is_never_mailed = |it: &Silenced| it.channel == Channel::Mail && !it.kind.is_mailed();
        if self.wanted.iter().any(|(it, want)| *want == Want::Yes && is_never_mailed(it)) {
            return Err(Refusal::IsNotMailed.into());
        }
        if self.quiet.flatten().is_some_and(|quiet| quiet.from == quiet.until) {
            return Err(Refusal::QuietHoursAreEmpty.into());
        }
        let was = row.cloned().unwrap_or_else(|| Preferences::of_nobody(self.person));
        let mut now = was.clone();
        for (silenced, want) in &self.wanted {
            now.silenced.retain(|it| it != silenced);
            if *want == Want::No {
                now.silenced.push(*silenced);
            }
        }
        now.silenced.sort_unstable();
        now.quiet = self.quiet.unwrap_or(now.quiet);
        now.digest = self.digest.unwrap_or(now.digest);
        now.zone = self.zone.clone().unwrap_or(now.zone);
        if now == was {
            return Ok(decision);
        }
        let Preferences { id: person, silenced, quiet, digest, zone } = now;
        Ok(decision.with(Event::PreferencesSet { person, silenced, quiet, digest, zone }))
    }
}

/// Takes somebody off mails, by the link in one: whoever runs the command has looked that the link is theirs.
#[derive(Debug)]
pub struct Unsubscribe {
    /// Whom.
    pub person: PersonId,
    /// From which mails.
    pub from: Unsubscription,
}

impl Command for Unsubscribe {
    shows!(Preferences person);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (account, row) = (facts.get::<Account>(self.person), facts.find::<Preferences>(self.person));
        let row = account.and(row)?;
        let decision = facts.allow(Deed::Unsubscribe, About::Log)?;
        let done = row.is_some_and(|row| self.from.kinds().iter().all(|kind| !row.want(*kind, Channel::Mail)));
        let event = Event::Unsubscribed { person: self.person, from: self.from };
        Ok(if done { decision } else { decision.with(event) })
    }
}
