//! Wall-clock times: what a clock on the wall shows in some time zone, to the minute.
//!
//! An appointment at nine is at nine in summer and in winter, so its start is kept as the wall's time with a zone, and
//! becomes a moment only when somebody asks. A time that a clock skips (the hour that daylight saving takes) is read with
//! the offset from before it, and one that a clock shows twice is the first of the two, as RFC 5545 has it (section
//! 3.3.5).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::{Refusal, facts};
use crate::value::{Time, Zone};

/// A wall-clock time: minutes since 1970-01-01T00:00 on the wall. In records it is written `2026-11-21T09:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(i32);

const FORM: &str = "%Y-%m-%dT%H:%M";
const MICROS_A_MINUTE: i64 = 60_000_000;

impl Wall {
    /// From minutes since 1970-01-01T00:00 on the wall.
    pub const fn of_minutes(minutes: i32) -> Self {
        Self(minutes)
    }

    /// Minutes since 1970-01-01T00:00 on the wall.
    pub const fn minutes(self) -> i32 {
        self.0
    }

    /// What a clock in this zone shows at a moment; seconds are cut off.
    pub fn at(moment: Time, zone: &Zone) -> Self {
        let stamp = jiff::Timestamp::from_microsecond(moment.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self::of(stamp.to_zoned(time_zone(zone)).datetime())
    }

    /// The moment at which a clock in this zone shows it.
    pub fn moment(self, zone: &Zone) -> Time {
        self.moment_in(&time_zone(zone))
    }

    /// The same, with the zone looked up already.
    pub(crate) fn moment_in(self, zone: &jiff::tz::TimeZone) -> Time {
        let moment = zone.to_timestamp(self.civil()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Time(moment.as_microsecond())
    }

    /// The calendar's date and time.
    pub fn civil(self) -> jiff::civil::DateTime {
        jiff::tz::Offset::UTC.to_datetime(
            jiff::Timestamp::from_microsecond(i64::from(self.0).saturating_mul(MICROS_A_MINUTE))
                .unwrap_or(jiff::Timestamp::UNIX_EPOCH),
        )
    }

    /// Of the calendar's date and time; seconds are cut off.
    pub fn of(civil: jiff::civil::DateTime) -> Self {
        let moment = jiff::tz::Offset::UTC.to_timestamp(civil).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self(i32::try_from(moment.as_microsecond().div_euclid(MICROS_A_MINUTE)).unwrap_or(0))
    }

    /// So many days later on the wall.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(1440)))
    }
}

/// The zone by its name; UTC where this program's data knows it no more.
pub(crate) fn time_zone(zone: &Zone) -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::get(zone.name()).unwrap_or(jiff::tz::TimeZone::UTC)
}

impl std::fmt::Display for Wall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.civil().strftime(FORM))
    }
}

impl std::str::FromStr for Wall {
    type Err = crate::Refusal;
    /// `2026-11-21T09:30`, or with `:00`: whole minutes only.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let civil = text.parse::<jiff::civil::DateTime>().ok();
        // An offset would be read and left out: there is none on a wall.
        let is_clock = text.bytes().skip(11).all(|byte| byte.is_ascii_digit() || byte == b':');
        let is_form = (text.len() == 16 || text.len() == 19) && text.as_bytes().get(10) == Some(&b'T') && is_clock;
        let whole = civil.filter(|civil| is_form && civil.second() == 0 && (1970..=2200).contains(&civil.year()));
        whole.map(Self::of).ok_or_else(|| Refusal::OutOfRange.into())
    }
}

impl Serialize for Wall {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(self) } else { to.serialize_i32(self.0) }
    }
}

impl<'de> Deserialize<'de> for Wall {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            crate::id::written(from, |text| text.parse::<Self>().map_err(|refusal| refusal.message().to_owned()))
        } else {
            i32::deserialize(from).map(Self)
        }
    }
}

facts!(Wall);
