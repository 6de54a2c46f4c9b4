//! Plain values: times, dates, percentages, counts, money, time zones. Arithmetic on them cannot overflow.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::row::{Column, Type, Value};
use crate::text::{Refusal, facts};

/// A moment: microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Time(pub i64);

/// The years of what is told from outside. What was stored before they were asked for is read as it lies.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

impl Time {
    /// This moment and so many minutes.
    #[must_use]
    pub const fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(60_000_000)))
    }
    /// This moment and so many days of 24 hours.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_minutes(days.saturating_mul(1440))
    }
    /// Whole minutes from an earlier moment to this one, rounded down; 0 where it is not earlier.
    pub fn minutes_since(self, earlier: Self) -> u32 {
        u32::try_from(self.0.saturating_sub(earlier.0).max(0) / 60_000_000).unwrap_or(u32::MAX)
    }
    /// The calendar day of this moment in a time zone.
    pub fn date_in(self, zone: &Zone) -> Date {
        let moment = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let zone = jiff::tz::TimeZone::get(&zone.0).unwrap_or(jiff::tz::TimeZone::UTC);
        Date::of(moment.to_zoned(zone).date())
    }
}

impl std::str::FromStr for Time {
    type Err = crate::Refusal;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment = text.parse::<jiff::Timestamp>().ok();
        let known = moment.filter(|moment| YEARS.contains(&jiff::tz::Offset::UTC.to_datetime(*moment).year()));
        known.map(|moment| Self(moment.as_microsecond())).ok_or_else(|| Refusal::OutOfRange.into())
    }
}

impl Column for Time {
    const TYPE: Type = Type::Int;
    fn value(&self) -> Value {
        Value::Int(self.0)
    }
}

/// A calendar day: days since 1970-01-01. In records it is written `2026-11-21`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

impl Date {
    const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);
    /// The calendar's first day, -009999-01-01.
    const FIRST: Self = Self(-4_371_587);
    /// The calendar's last day, 9999-12-31.
    const LAST: Self = Self(2_932_896);

    /// The day of the calendar.
    pub fn of(date: jiff::civil::Date) -> Self {
        Self(Self::EPOCH.until(date).map_or(0, |span| span.get_days()))
    }
    /// The day for calendars: their last one for what comes after it.
    pub fn civil(self) -> jiff::civil::Date {
        let days = self.clamp(Self::FIRST, Self::LAST).0;
        Self::EPOCH.saturating_add(jiff::Span::new().try_days(days).unwrap_or_default())
    }
    /// So many days later, or the calendar's last day.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days)).clamp(Self::FIRST, Self::LAST)
    }
    /// The same day of the month so many months later; the month's last day where it has no such day.
    #[must_use]
    pub fn plus_months(self, months: i32) -> Self {
        let span = jiff::Span::new().try_months(months).unwrap_or_default();
        Self::of(self.civil().saturating_add(span))
    }
    /// The moment at which the day begins in a time zone: midnight, or what comes after it where clocks skip it.
    pub fn begins_in(self, zone: &Zone) -> Time {
        let zone = jiff::tz::TimeZone::get(&zone.0).unwrap_or(jiff::tz::TimeZone::UTC);
        let midnight = self.civil().to_zoned(zone).map(|begins| begins.timestamp().as_microsecond());
        Time(midnight.unwrap_or_else(|_| i64::from(self.0).saturating_mul(86_400_000_000)))
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.civil())
    }
}

impl std::str::FromStr for Date {
    type Err = crate::Refusal;
    /// `2026-11-21`, and no other form that a calendar's reader takes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let date = text.parse::<jiff::civil::Date>().ok().filter(|date| YEARS.contains(&date.year()));
        let written = date.filter(|date| date.to_string() == text);
        written.map(Self::of).ok_or_else(|| Refusal::OutOfRange.into())
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(self) } else { to.serialize_i32(self.0) }
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            let parse = |text: &str| text.parse::<jiff::civil::Date>().map(Self::of).map_err(|error| error.to_string());
            crate::id::written(from, parse)
        } else {
            i32::deserialize(from).map(Self)
        }
    }
}

impl Column for Date {
    const TYPE: Type = Type::Int;
    fn value(&self) -> Value {
        Value::Int(i64::from(self.0))
    }
}

/// A whole percentage, 0 to 100 (S3.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Percent(u8);

impl Percent {
    /// All of it.
    pub const ALL: Self = Self(100);
    /// A percentage, or what is wrong with it.
    pub fn parse(percent: i64) -> Result<Self, crate::Refusal> {
        u8::try_from(percent).ok().filter(|&percent| percent <= 100).map(Self).ok_or_else(|| Refusal::OutOfRange.into())
    }
    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Column for Percent {
    const TYPE: Type = Type::Int;
    fn value(&self) -> Value {
        Value::Int(i64::from(self.0))
    }
}

/// How many there are; it stops at its ends instead of overflowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Count(pub u32);

impl Count {
    /// The most that is taken from outside: what an `Int` of the API can say.
    pub const MAX: Self = Self(i32::MAX.unsigned_abs());
    /// One more.
    pub const fn add_one(&mut self) {
        self.0 = self.0.saturating_add(1);
    }
    /// One less.
    pub const fn take_one(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }
    /// This less another, at least 0.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Column for Count {
    const TYPE: Type = Type::Int;
    fn value(&self) -> Value {
        Value::Int(i64::from(self.0))
    }
}

/// An amount of money: ten-thousandths of a unit of its currency (ISO 4217).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Ten-thousandths of a unit.
    pub amount_e4: i64,
    /// Three capital letters.
    pub currency: [u8; 3],
}

impl Money {
    /// An amount written as a decimal (`85.50`), not negative, with at most four places, below a thousand million.
    pub fn parse(amount: &str, currency: &str) -> Result<Self, crate::Refusal> {
        let refused = || crate::Refusal::from(Refusal::OutOfRange);
        let (whole, part) = amount.split_once('.').unwrap_or((amount, "0"));
        let digits = |text: &str, most: usize| {
            !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit())
        };
        if !digits(whole, 9) || !digits(part, 4) {
            return Err(refused());
        }
        let whole: i64 = whole.parse().map_err(|_| refused())?;
        let part: i64 = format!("{part:0<4}").parse().map_err(|_| refused())?;
        let letters: [u8; 3] = currency.as_bytes().try_into().map_err(|_| refused())?;
        if !letters.iter().all(u8::is_ascii_uppercase) {
            return Err(refused());
        }
        Ok(Self { amount_e4: whole.saturating_mul(10_000).saturating_add(part), currency: letters })
    }
    /// The amount as a decimal, with as few places as it needs but at least two.
    pub fn amount(&self) -> String {
        let (whole, part) = (self.amount_e4 / 10_000, self.amount_e4 % 10_000);
        let text = format!("{whole}.{part:04}");
        text.strip_suffix("00").map(str::to_owned).unwrap_or(text)
    }
    /// The currency's letters.
    pub fn currency(&self) -> String {
        String::from_utf8_lossy(&self.currency).into_owned()
    }
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Zone(String);

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }
    /// A name from the database, in its own spelling.
    pub fn parse(name: &str) -> Result<Self, crate::Refusal> {
        let zone = jiff::tz::TimeZone::get(name).map_err(|_| Refusal::NotATimeZone)?;
        let name = zone.iana_name().unwrap_or(name);
        // The database has names for clocks that nobody has set.
        if zone.is_unknown() || name == "Factory" {
            return Err(Refusal::NotATimeZone.into());
        }
        Ok(Self(name.to_owned()))
    }
    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

facts!(Time, Date, Percent, Count, Money, Zone);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_and_writes_decimals() {
        for (text, shown) in
            [("85", "85.00"), ("85.5", "85.50"), ("0.1234", "0.1234"), ("999999999.99", "999999999.99")]
        {
            assert_eq!(Money::parse(text, "USD").unwrap().amount(), shown);
        }
        for wrong in ["", "-1", "1.23456", "1e3", "1.", ".5", "1000000000", "1,5"] {
            assert!(Money::parse(wrong, "USD").is_err(), "{wrong}");
        }
        assert!(Money::parse("1", "usd").is_err());
    }

    #[test]
    fn a_moment_has_its_day_in_its_zone() {
        let late = Time(jiff::Timestamp::from_second(1_793_574_000).unwrap().as_microsecond()); // 2026-11-01 23:00 UTC
        assert_eq!(late.date_in(&Zone::utc()).to_string(), "2026-11-01");
        assert_eq!(late.date_in(&Zone::parse("Pacific/Auckland").unwrap()).to_string(), "2026-11-02");
        for nowhere in ["Mars/Olympus", "Etc/Unknown", "Factory", "factory"] {
            assert!(Zone::parse(nowhere).is_err(), "{nowhere}");
        }
    }

    #[test]
    fn a_day_from_outside_is_written_in_one_way_and_between_1900_and_2200() {
        for day in ["1900-01-01", "2024-02-29", "2200-12-31"] {
            assert_eq!(day.parse::<Date>().unwrap().to_string(), day);
        }
        for wrong in [
            "1899-12-31",
            "2201-01-01",
            "9999-12-31",
            "-009999-01-01",
            "+002026-11-21",
            "2026-11-31",
            "2026-1-1",
            "20261121",
            "2026-11-21T10:00:00",
            "2026-11-21[Europe/Berlin]",
            " 2026-11-21",
            "2026-11-21Z",
            "",
        ] {
            assert!(wrong.parse::<Date>().is_err(), "{wrong}");
        }
        for moment in ["1900-01-01T00:00:00Z", "2026-11-21T10:00:00+02:00", "2200-12-31T23:59:59Z"] {
            assert!(moment.parse::<Time>().is_ok(), "{moment}");
        }
        for wrong in ["1899-12-31T23:59:59Z", "2201-01-01T00:00:00Z", "9999-12-30T00:00:00Z", "-009999-01-03T00:00:00Z"]
        {
            assert!(wrong.parse::<Time>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_stored_at_the_calendars_ends_stays_there() {
        let read = |day: &str| serde_json::from_str::<Date>(&format!("\"{day}\"")).unwrap();
        for day in ["-009999-01-01", "9999-12-31"] {
            assert_eq!(read(day).to_string(), day);
        }
        let (first, last) = (read("-009999-01-01"), read("9999-12-31"));
        assert_eq!((first, last), (Date::FIRST, Date::LAST));
        for later in [last.plus_days(1), last.plus_days(i32::MAX), last.plus_months(1), Date(i32::MAX).plus_days(0)] {
            assert_eq!(later, last);
        }
        assert_eq!((Date(i32::MAX).civil(), Date(i32::MIN).civil()), (last.civil(), first.civil()));
        assert_eq!(first.plus_days(i32::MIN), first);
        let days =
            ["UTC", "Pacific/Auckland", "America/Los_Angeles"].map(|zone| last.begins_in(&Zone::parse(zone).unwrap()));
        assert!(days.iter().all(|begins| begins.0 > 253_402_000_000_000_000), "never in 1970: {days:?}");
    }
}
