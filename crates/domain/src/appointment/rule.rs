//! Recurrence: how an appointment repeats, as RFC 5545's rules say it (section 3.3.10).
//!
//! A rule is kept in its parts, and what it means is computed where somebody looks. The computing is the crate `rrule`'s,
//! on the wall's clock: the start is handed over as if it were UTC, so that the rule knows of no daylight saving, and each
//! time that comes back becomes a moment in the appointment's zone. So nine stays nine, and one database of time zones
//! says when that is.
//!
//! Whoever writes a rule must not be able to make others wait. Hence:
//! * a rule ends, by `COUNT` or `UNTIL`, within [`MOST`] occurrences and [`MOST_YEARS`] years;
//! * it repeats by day, week, month or year, with the parts that people use; the others are refused by name;
//! * the start is its first occurrence, which is asked first and of the start alone: a rule that never comes
//!   (`BYMONTH=2;BYMONTHDAY=30`), or not from there, is never searched.
//!
//! A text from outside is tried out in [`Rule::parse`], and a rule with another start in the API, before any log is locked;
//! there what is hostile all the same costs its sender some tens of milliseconds at most, since `rrule` gives up after
//! 100 000 steps.

use chrono::{DateTime, NaiveDateTime, Weekday};
use rrule::{Frequency, NWeekday, RRule, RRuleSet, Tz, Unvalidated};
use serde::{Deserialize, Serialize};

use super::Refusal;
use super::wall::Wall;
use crate::text::facts;
use crate::value::Zone;

/// How many occurrences a rule has at most: two years of days.
pub const MOST: usize = 732;
/// Over how many years a rule goes at most.
pub const MOST_YEARS: i32 = 10;
/// How long a rule's text can be.
const TEXT_BYTES_MAX: usize = 500;

/// By what a rule repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Every {
    /// `DAILY`
    Day,
    /// `WEEKLY`
    Week,
    /// `MONTHLY`
    Month,
    /// `YEARLY`
    Year,
}

/// When a rule ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum End {
    /// After so many occurrences.
    Count(u32),
    /// With the last occurrence at this time on the wall or earlier.
    Until(Wall),
}

/// A day of the week, Monday being 0, and which of them in the month or year: 2 the second, -1 the last, 0 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OnDay {
    which: i16,
    day: u8,
}

/// A rule by which an appointment repeats.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    every: Every,
    interval: u16,
    days: Vec<OnDay>,
    month_days: Vec<i8>,
    months: Vec<u8>,
    positions: Vec<i16>,
    week_begins: u8,
    /// When it ends.
    pub end: End,
}

facts!(Rule);

const DAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Mon),
    ("TU", Weekday::Tue),
    ("WE", Weekday::Wed),
    ("TH", Weekday::Thu),
    ("FR", Weekday::Fri),
    ("SA", Weekday::Sat),
    ("SU", Weekday::Sun),
];

fn day(day: u8) -> (&'static str, Weekday) {
    DAYS.get(usize::from(day)).copied().unwrap_or(("MO", Weekday::Mon))
}

fn number(day: Weekday) -> u8 {
    u8::try_from(day.num_days_from_monday()).unwrap_or(0)
}

impl Rule {
    /// A rule from its text (`FREQ=WEEKLY;INTERVAL=2;COUNT=10`), for an appointment that begins then. An `UNTIL` in UTC
    /// is read as the time that the wall then shows; one that is a day includes it.
    ///
    /// # Errors
    /// Which bound it breaks: see the refusals that begin with `RECURRENCE_`.
    pub fn parse(text: &str, start: Wall, zone: &Zone) -> Result<Self, crate::Refusal> {
        if text.len() > TEXT_BYTES_MAX || !text.is_ascii() {
            return Err(Refusal::RecurrenceIsNoRule.into());
        }
        let text = text.trim().to_ascii_uppercase();
        let text = text.strip_prefix("RRULE:").unwrap_or(&text);
        let is_until = |part: &&str| part.starts_with("UNTIL=");
        let until: Vec<&str> = text.split(';').filter(is_until).collect();
        let rest: Vec<&str> = text.split(';').filter(|part| !is_until(part)).collect();
        let until = match until.as_slice() {
            [] => None,
            [until] => Some(read_until(until.trim_start_matches("UNTIL="), zone)?),
            [_, _, ..] => return Err(Refusal::RecurrenceIsNoRule.into()),
        };
        let read: RRule<Unvalidated> = rest.join(";").parse().map_err(|_| Refusal::RecurrenceIsNoRule)?;
        let rule = Self::of(&read, until)?;
        rule.starts(start)?;
        Ok(rule)
    }

    /// The rule's parts, where they are ones that are kept.
    fn of(read: &RRule<Unvalidated>, until: Option<Wall>) -> Result<Self, Refusal> {
        let every = match read.get_freq() {
            Frequency::Daily => Every::Day,
            Frequency::Weekly => Every::Week,
            Frequency::Monthly => Every::Month,
            Frequency::Yearly => Every::Year,
            Frequency::Hourly | Frequency::Minutely | Frequency::Secondly => {
                return Err(Refusal::RecurrenceIsNotSupported);
            }
        };
        let by_clock = !read.get_by_hour().is_empty()
            || !read.get_by_minute().is_empty()
            || !read.get_by_second().is_empty()
            || !read.get_by_year_day().is_empty()
            || !read.get_by_week_no().is_empty();
        if by_clock {
            return Err(Refusal::RecurrenceIsNotSupported);
        }
        // Every 31st day, if it is a 29 February: the next one may be centuries away, and whoever reads would search for it.
        // And a day has one time: another position than the first and the last never comes.
        let is_sparse =
            read.get_interval() > 1 && !(read.get_by_month().is_empty() && read.get_by_month_day().is_empty());
        if every == Every::Day && (is_sparse || !read.get_by_set_pos().is_empty()) {
            return Err(Refusal::RecurrenceIsNotSupported);
        }
        let end = match (read.get_count(), until) {
            (Some(_), Some(_)) => return Err(Refusal::RecurrenceIsNoRule),
            (None, None) => return Err(Refusal::RecurrenceHasNoEnd),
            (Some(0), None) => return Err(Refusal::RecurrenceIsNoRule),
            (Some(count), None) if usize::try_from(count).map_or(true, |count| count > MOST) => {
                return Err(Refusal::RecurrenceIsTooLong);
            }
            (Some(count), None) => End::Count(count),
            (None, Some(until)) => End::Until(until),
        };
        let on_day = |it: &NWeekday| match it {
            NWeekday::Every(day) => OnDay { which: 0, day: number(*day) },
            NWeekday::Nth(which, day) => OnDay { which: *which, day: number(*day) },
        };
        let positions = read.get_by_set_pos().iter().map(|position| i16::try_from(*position));
        Ok(Self {
            every,
            interval: Some(read.get_interval()).filter(|interval| *interval > 0).ok_or(Refusal::RecurrenceIsNoRule)?,
            days: read.get_by_weekday().iter().map(on_day).collect(),
            month_days: read.get_by_month_day().to_vec(),
            months: read.get_by_month().to_vec(),
            positions: positions.collect::<Result<_, _>>().map_err(|_| Refusal::RecurrenceIsNoRule)?,
            week_begins: number(read.get_week_start()),
            end,
        })
    }

    /// The same rule with another end.
    pub(super) fn ending(self, end: End) -> Self {
        Self { end, ..self }
    }

    /// Every start that the rule gives to an appointment which begins then, in order; its own is the first.
    ///
    /// # Errors
    /// Where there are too many, or the start is none of them.
    pub fn starts(&self, start: Wall) -> Result<Vec<Wall>, Refusal> {
        if !self.lets_pass(start.civil().date()) {
            return Err(Refusal::RecurrenceDoesNotFit);
        }
        let horizon = horizon(start);
        let late = matches!(self.end, End::Until(until) if until > horizon);
        let walls = self.walls(start).ok_or(Refusal::RecurrenceIsNoRule)?;
        if walls.first() != Some(&start) {
            return Err(Refusal::RecurrenceDoesNotFit);
        }
        if late || walls.len() > MOST || walls.last() > Some(&horizon) {
            return Err(Refusal::RecurrenceIsTooLong);
        }
        Ok(walls)
    }

    /// Whether `BYMONTH`, `BYMONTHDAY` and `BYDAY` let this day pass, as `rrule` reads them. An interval is counted from the
    /// start, so it always has the start itself.
    fn lets_pass(&self, date: jiff::civil::Date) -> bool {
        let month = u8::try_from(date.month()).unwrap_or(0);
        let weekday = u8::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        let (day, days) = (i16::from(date.day()), i16::from(date.days_in_month()));
        let is_month_day = |it: &i8| i16::from(*it) == day || i16::from(*it) == from_end(day, days);
        // Of what the days of the week are counted, and which of its days this is.
        let counted = match self.every {
            Every::Day | Every::Week => None,
            Every::Year if self.months.is_empty() => Some((date.day_of_year(), date.days_in_year())),
            Every::Month | Every::Year => Some((day, days)),
        };
        let is_which = |it: &OnDay| match counted {
            Some((day, days)) => {
                let which = week(day);
                let last = week(from_end(day, days).saturating_abs());
                it.day == weekday && (it.which == which || it.which == 0_i16.saturating_sub(last))
            }
            None => true,
        };
        let (each, some): (Vec<&OnDay>, Vec<&OnDay>) = self.days.iter().partition(|it| it.which == 0);
        (self.months.is_empty() || self.months.contains(&month))
            && (self.month_days.is_empty() || self.month_days.iter().any(is_month_day))
            && (each.is_empty() || each.iter().any(|it| it.day == weekday))
            && (some.is_empty() || some.iter().any(|it| is_which(it)))
    }

    /// At most one start more than a rule may have; `None` where `rrule` finds the rule wrong.
    fn walls(&self, start: Wall) -> Option<Vec<Wall>> {
        let (begins, horizon) = (utc(start)?, horizon(start));
        let frequency = match self.every {
            Every::Day => Frequency::Daily,
            Every::Week => Frequency::Weekly,
            Every::Month => Frequency::Monthly,
            Every::Year => Frequency::Yearly,
        };
        let days = self.days.iter().map(|it| match it.which {
            0 => NWeekday::Every(day(it.day).1),
            which => NWeekday::Nth(which, day(it.day).1),
        });
        let months: Vec<chrono::Month> =
            self.months.iter().map(|month| chrono::Month::try_from(*month)).collect::<Result<_, _>>().ok()?;
        let rule = RRule::new(frequency)
            .interval(self.interval)
            .by_weekday(days.collect())
            .by_month_day(self.month_days.clone())
            .by_month(&months)
            .by_set_pos(self.positions.iter().map(|position| i32::from(*position)).collect())
            .week_start(day(self.week_begins).1);
        let rule = match self.end {
            End::Count(count) => rule.count(count),
            End::Until(until) => rule.until(utc(until)?),
        };
        let set = RRuleSet::new(begins).rrule(rule.validate(begins).ok()?).limit();
        let mut walls = Vec::new();
        for moment in (&set).into_iter().take(MOST.saturating_add(1)) {
            walls.push(wall(&moment));
            // One beyond the horizon tells that there are too many.
            if walls.last() > Some(&horizon) {
                break;
            }
        }
        Some(walls)
    }

    /// The rule as RFC 5545 writes it, with this end; without one it ends as it does. `UNTIL` is in UTC, as it has to be
    /// where the start has a zone.
    pub fn text(&self, zone: &Zone, end: Option<End>) -> String {
        let every = match self.every {
            Every::Day => "DAILY",
            Every::Week => "WEEKLY",
            Every::Month => "MONTHLY",
            Every::Year => "YEARLY",
        };
        let mut parts = vec![format!("FREQ={every}")];
        if self.interval > 1 {
            parts.push(format!("INTERVAL={}", self.interval));
        }
        let day_text = |it: &OnDay| match it.which {
            0 => day(it.day).0.to_owned(),
            which => format!("{which}{}", day(it.day).0),
        };
        list(&mut parts, "BYMONTH", self.months.iter().map(u8::to_string));
        list(&mut parts, "BYMONTHDAY", self.month_days.iter().map(i8::to_string));
        list(&mut parts, "BYDAY", self.days.iter().map(day_text));
        list(&mut parts, "BYSETPOS", self.positions.iter().map(i16::to_string));
        if self.week_begins > 0 {
            parts.push(format!("WKST={}", day(self.week_begins).0));
        }
        parts.push(match end.unwrap_or(self.end) {
            End::Count(count) => format!("COUNT={count}"),
            End::Until(until) => {
                let moment = jiff::Timestamp::from_microsecond(until.moment(zone).0);
                format!("UNTIL={}", moment.unwrap_or(jiff::Timestamp::UNIX_EPOCH).strftime("%Y%m%dT%H%M%SZ"))
            }
        });
        parts.join(";")
    }
}

fn list(parts: &mut Vec<String>, name: &str, values: impl Iterator<Item = String>) {
    let values: Vec<String> = values.collect();
    if !values.is_empty() {
        parts.push(format!("{name}={}", values.join(",")));
    }
}

/// The wall's time as if it were UTC's: what `rrule` is given.
fn utc(wall: Wall) -> Option<DateTime<Tz>> {
    let naive = DateTime::from_timestamp(i64::from(wall.minutes()).saturating_mul(60), 0)?.naive_utc();
    Some(naive.and_utc().with_timezone(&Tz::UTC))
}

fn wall(moment: &DateTime<Tz>) -> Wall {
    let naive: NaiveDateTime = moment.naive_utc();
    Wall::of_minutes(i32::try_from(naive.and_utc().timestamp().div_euclid(60)).unwrap_or(i32::MAX))
}

/// Which day it is counted from the end: -1 the last of so many.
const fn from_end(day: i16, days: i16) -> i16 {
    day.saturating_sub(days).saturating_sub(1)
}

/// In which seven days a day is: 1 the first.
const fn week(day: i16) -> i16 {
    (day.saturating_sub(1) / 7).saturating_add(1)
}

/// When a rule has to have ended that begins then.
const fn horizon(start: Wall) -> Wall {
    start.plus_days(MOST_YEARS.saturating_mul(366))
}

/// `20270131`, `20270131T090000` on the wall, or `20270131T080000Z`.
fn read_until(text: &str, zone: &Zone) -> Result<Wall, Refusal> {
    let read = |form: &str, text: &str| jiff::civil::DateTime::strptime(form, text).ok();
    let wall = match text.len() {
        8 => jiff::civil::Date::strptime("%Y%m%d", text).ok().map(|date| Wall::of(date.at(23, 59, 0, 0))),
        15 => read("%Y%m%dT%H%M%S", text).map(Wall::of),
        16 => read("%Y%m%dT%H%M%SZ", text)
            .and_then(|civil| jiff::tz::Offset::UTC.to_timestamp(civil).ok())
            .map(|moment| Wall::at(crate::value::Time(moment.as_microsecond()), zone)),
        _ => None,
    };
    let is_near = |wall: &Wall| (1970..=2250).contains(&wall.civil().year());
    wall.filter(is_near).ok_or(Refusal::RecurrenceIsNoRule)
}
