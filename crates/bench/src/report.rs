//! The numbers: as JSON for programs, as a table for people.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::error::Error;

/// One thing that was measured, with its limit measured beside it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// `sqlite` or `postgres`.
    pub(crate) database: &'static str,
    /// What was measured, in the words of its benchmark.
    #[serde(flatten)]
    pub(crate) what: What,
    /// What was done a second.
    pub(crate) per_second: f64,
    /// What the bare limit did a second, in the same run.
    pub(crate) limit_per_second: f64,
    /// The one by the other.
    pub(crate) ratio: f64,
    /// What a command's answer took.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum What {
    /// Commands.
    Commands {
        /// Over how many practices.
        practices: usize,
        /// How many commands were on their way at a time.
        at_a_time: usize,
    },
    /// Requests over HTTP.
    Asked {
        /// Which.
        request: &'static str,
        /// In a practice with so many coachees.
        coachees: usize,
        /// With so many statements each.
        statements: u64,
    },
    /// Changes that reach those who follow.
    Followed {
        /// How many sockets follow.
        sockets: usize,
        /// Over how many practices.
        practices: usize,
        /// How many of the sockets a change reaches.
        reached: usize,
    },
    /// A step of a replay.
    Replayed {
        /// `fold`, `rebuild`, `check` or `verify`.
        step: &'static str,
        /// How many events there were.
        events: usize,
    },
}

impl What {
    /// It in a few words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Commands { practices, at_a_time } => format!("practices: {practices:>3}   at a time: {at_a_time:>3}"),
            Self::Asked { request, coachees, statements } => {
                format!("{request:<12} of {coachees:>5}: {statements:>2} stmts")
            }
            Self::Followed { sockets, practices, reached } => {
                format!("{sockets} in {practices}, {reached} hear it")
            }
            Self::Replayed { step, events } => format!("{step:<7} of {events} events"),
        }
    }
}

/// What a command's answer took.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Latency {
    /// The middle one, in milliseconds.
    pub(crate) p50_ms: f64,
    /// The one that 99 of 100 do not exceed, in milliseconds.
    pub(crate) p99_ms: f64,
}

/// One round's numbers, before the middle one is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// What was done a second.
    pub(crate) per_second: f64,
    /// What the bare limit did a second.
    pub(crate) limit_per_second: f64,
    /// What a command's answer took, where commands are measured.
    pub(crate) latency: Option<Latency>,
}

/// What a benchmark has measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    name: &'static str,
    rows: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

/// A number that has no limit beside it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Note {
    database: &'static str,
    /// What it is, and in which unit.
    what: String,
    number: f64,
}

impl Report {
    /// Nothing yet.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, rows: Vec::new(), notes: Vec::new() }
    }

    /// Its benchmark's name.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// What was measured.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Adds what several rounds have measured: the median of each number.
    pub(crate) fn add(&mut self, database: &'static str, what: What, rounds: &[Round]) {
        let latency = |of: fn(Latency) -> f64| median(rounds.iter().filter_map(|round| round.latency).map(of));
        self.rows.push(Row {
            database,
            what,
            per_second: rounded(median(rounds.iter().map(|round| round.per_second)), 1),
            limit_per_second: rounded(median(rounds.iter().map(|round| round.limit_per_second)), 1),
            // of the same round, in which the machine was as busy for both
            ratio: rounded(median(rounds.iter().map(|round| round.per_second / round.limit_per_second)), 3),
            latency: rounds.iter().any(|round| round.latency.is_some()).then(|| Latency {
                p50_ms: rounded(latency(|latency| latency.p50_ms), 3),
                p99_ms: rounded(latency(|latency| latency.p99_ms), 3),
            }),
        });
    }

    /// Adds the median of numbers that have no limit beside them.
    pub(crate) fn note(&mut self, database: &'static str, what: impl Into<String>, numbers: &[f64]) {
        self.notes.push(Note { database, what: what.into(), number: rounded(median(numbers.iter().copied()), 1) });
    }

    /// The numbers for programs.
    pub(crate) fn json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// The numbers for people.
    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{:<9} {:<32} {:>11} {:>11} {:>6} {:>9} {:>9}\n",
            "database", self.name, "per second", "limit", "ratio", "p50 ms", "p99 ms"
        );
        for row in &self.rows {
            let (what, latency) = (row.what.words(), row.latency);
            let ms = |of: fn(Latency) -> f64| latency.map_or_else(String::new, |latency| format!("{:.2}", of(latency)));
            // writing to a String does not fail
            let _ = writeln!(
                table,
                "{:<9} {what:<32} {:>11.0} {:>11.0} {:>6.2} {:>9} {:>9}",
                row.database,
                row.per_second,
                row.limit_per_second,
                row.ratio,
                ms(|latency| latency.p50_ms),
                ms(|latency| latency.p99_ms),
            );
        }
        for Note { database, what, number } in &self.notes {
            let _ = writeln!(table, "{database:<9} {what:<52} {number:>11.1}");
        }
        table
    }
}

/// So many in a time, a second.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(crate) fn rate(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

/// The middle of numbers; of two middle ones the lower.
fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

fn rounded(number: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (number * scale).round() / scale
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report of each kind of row.
    pub(crate) fn report() -> Report {
        let round = |per_second, p50_ms| Round {
            per_second,
            limit_per_second: per_second * 2.0,
            latency: Some(Latency { p50_ms, p99_ms: p50_ms * 3.0 }),
        };
        let mut report = Report::new("commit");
        let what = What::Commands { practices: 16, at_a_time: 256 };
        report.add("sqlite", what, &[round(100.0, 1.0), round(300.0, 9.0), round(200.25, 2.0)]);
        let bare = Round { per_second: 500.0, limit_per_second: 400.0, latency: None };
        report.add("postgres", What::Replayed { step: "fold", events: 1_000 }, &[bare]);
        report
    }

    #[test]
    fn numbers_are_written_as_programs_expect_them() {
        let expected = concat!(
            r#"{"name":"commit","rows":[{"database":"sqlite","practices":16,"at_a_time":256,"per_second":200.3,"#,
            r#""limit_per_second":400.5,"ratio":0.5,"p50_ms":2.0,"p99_ms":6.0},{"database":"postgres","step":"fold","#,
            r#""events":1000,"per_second":500.0,"limit_per_second":400.0,"ratio":1.25}]}"#,
            "\n"
        );
        assert_eq!(report().json().unwrap(), expected);
    }

    #[test]
    fn people_get_a_line_for_each_row() {
        let table = report().table();
        assert_eq!(table.lines().count(), 3);
        assert!(table.contains("fold    of 1000 events"));
    }
}
