//! The numbers: as JSON for programs, as a table for people.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// One thing that was measured, with its limit measured beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// `sqlite` or `postgres`.
    pub(crate) database: String,
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
    /// What an answer of the bare limit took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit_latency: Option<Latency>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        request: String,
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
        /// `fold`, `rebuild`, `check`, `verify` or `moment`.
        step: String,
        /// How many events there were.
        events: usize,
    },
}

impl What {
    /// It in a few words.
    pub(crate) fn words(&self) -> String {
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
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
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
    /// What an answer of the bare limit took, where that is measured as well.
    pub(crate) limit_latency: Option<Latency>,
}

/// What a benchmark has measured.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    name: String,
    rows: Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    figures: Vec<Figure>,
}

/// What was measured and is no rate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// `sqlite` or `postgres`.
    pub(crate) database: String,
    /// What it is of, in the words of its benchmark, where there is more than one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) of: String,
    /// What it is.
    pub(crate) name: String,
    /// What it is counted in.
    pub(crate) unit: String,
    /// How much it is.
    pub(crate) value: f64,
    /// How much it is of the bare limit, where that was measured as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<f64>,
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rows: Vec::new(), figures: Vec::new() }
    }

    /// What was written as JSON before.
    pub(crate) fn parse(json: &str) -> Result<Self, Error> {
        Ok(serde_json::from_str(json)?)
    }

    /// Its benchmark's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What was measured a second.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What else was measured.
    pub(crate) fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// Adds what several rounds have measured: the median of each number.
    pub(crate) fn add(&mut self, database: &str, what: What, rounds: &[Round]) {
        let latency = |of: fn(&Round) -> Option<Latency>| {
            let took: Vec<Latency> = rounds.iter().filter_map(of).collect();
            (!took.is_empty()).then(|| Latency {
                p50_ms: rounded(median(took.iter().map(|latency| latency.p50_ms)), 3),
                p99_ms: rounded(median(took.iter().map(|latency| latency.p99_ms)), 3),
            })
        };
        self.rows.push(Row {
            database: database.to_owned(),
            what,
            per_second: rounded(median(rounds.iter().map(|round| round.per_second)), 1),
            limit_per_second: rounded(median(rounds.iter().map(|round| round.limit_per_second)), 1),
            // of the same round, in which the machine was as busy for both
            ratio: rounded(median(rounds.iter().map(|round| round.per_second / round.limit_per_second)), 3),
            latency: latency(|round| round.latency),
            limit_latency: latency(|round| round.limit_latency),
        });
    }

    /// Adds what is no rate: what it is of, its name and unit, how much it is and, where it was measured, its limit.
    pub(crate) fn figure(
        &mut self,
        database: &str,
        of: &str,
        (name, unit): (&str, &str),
        (value, limit): (f64, Option<f64>),
    ) {
        self.figures.push(Figure {
            database: database.to_owned(),
            of: of.to_owned(),
            name: name.to_owned(),
            unit: unit.to_owned(),
            value: rounded(value, 2),
            limit: limit.map(|limit| rounded(limit, 2)),
        });
    }

    /// The numbers for programs.
    pub(crate) fn json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// The numbers for people.
    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{:<9} {:<32} {:>11} {:>11} {:>6} {:>9} {:>9} {:>9} {:>9}\n",
            "database", self.name, "per second", "limit", "ratio", "p50 ms", "p99 ms", "limit p50", "limit p99"
        );
        let ms = |latency: Option<Latency>| {
            latency.map_or_else(String::new, |latency| format!(" {:>9.2} {:>9.2}", latency.p50_ms, latency.p99_ms))
        };
        for row in &self.rows {
            let what = row.what.words();
            // writing to a String does not fail
            let _ = writeln!(
                table,
                "{:<9} {what:<32} {:>11.0} {:>11.0} {:>6.2}{}{}",
                row.database,
                row.per_second,
                row.limit_per_second,
                row.ratio,
                ms(row.latency),
                ms(row.limit_latency),
            );
        }
        for Figure { database, of, name, unit, value, limit } in &self.figures {
            let what = if of.is_empty() { name.clone() } else { format!("{of}: {name}") };
            let limit = limit.map_or_else(String::new, |limit| format!(" (limit {limit:.2})"));
            let _ = writeln!(table, "{database:<9} {what:<52} {value:>11.2} {unit}{limit}");
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
pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
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

    /// A report of each kind of row and figure.
    pub(crate) fn report() -> Report {
        let round = |per_second, p50_ms| Round {
            per_second,
            limit_per_second: per_second * 2.0,
            latency: Some(Latency { p50_ms, p99_ms: p50_ms * 3.0 }),
            limit_latency: Some(Latency { p50_ms: p50_ms / 2.0, p99_ms: p50_ms }),
        };
        let mut report = Report::new("commit");
        let what = What::Commands { practices: 16, at_a_time: 256 };
        report.add("sqlite", what, &[round(100.0, 1.0), round(300.0, 9.0), round(200.25, 2.0)]);
        let bare = Round { per_second: 500.0, limit_per_second: 400.0, latency: None, limit_latency: None };
        report.add("postgres", What::Replayed { step: "fold".to_owned(), events: 1_000 }, &[bare]);
        report.figure("sqlite", "", ("from start to ready", "ms"), (21.4, None));
        report.figure("sqlite", "500 in 1, 5 hear it", ("memory a socket", "KiB"), (62.512, Some(6.1)));
        report.figure("postgres", "", ("from start to ready", "ms"), (42.8, None));
        report
    }

    #[test]
    fn numbers_are_written_as_programs_expect_them() {
        let expected = concat!(
            r#"{"name":"commit","rows":[{"database":"sqlite","practices":16,"at_a_time":256,"per_second":200.3,"#,
            r#""limit_per_second":400.5,"ratio":0.5,"p50_ms":2.0,"p99_ms":6.0,"limit_latency":{"p50_ms":1.0,"#,
            r#""p99_ms":2.0}},{"database":"postgres","step":"fold","events":1000,"per_second":500.0,"#,
            r#""limit_per_second":400.0,"ratio":1.25}],"figures":["#,
            r#"{"database":"sqlite","name":"from start to ready","unit":"ms","value":21.4},"#,
            r#"{"database":"sqlite","of":"500 in 1, 5 hear it","name":"memory a socket","unit":"KiB","value":62.51,"#,
            r#""limit":6.1},{"database":"postgres","name":"from start to ready","unit":"ms","value":42.8}]}"#,
            "\n"
        );
        assert_eq!(report().json().unwrap(), expected);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut report = report();
        let asked = What::Asked { request: "roster".to_owned(), coachees: 100, statements: 6 };
        let followed = What::Followed { sockets: 500, practices: 10, reached: 50 };
        for what in [asked, followed] {
            let round = Round { per_second: 7.25, limit_per_second: 9.0, latency: None, limit_latency: None };
            report.add("sqlite", what, &[round]);
        }
        let written = report.json().unwrap();
        let read = Report::parse(&written).unwrap();
        assert_eq!(read.json().unwrap(), written);
        assert!(read.rows().iter().map(|row| &row.what).eq(report.rows().iter().map(|row| &row.what)));
        let older = written.replace("figures", "notes");
        assert!(Report::parse(&older).is_err(), "numbers that would not be drawn are not passed over");
    }

    #[test]
    fn people_get_a_line_for_each_row_and_figure() {
        let table = report().table();
        assert_eq!(table.lines().count(), 6);
        assert!(table.contains("fold    of 1000 events"));
        assert!(table.contains("2.00      6.00      1.00      2.00\n"), "{table}");
        assert!(table.contains("500 in 1, 5 hear it: memory a socket") && table.contains("62.51 KiB (limit 6.10)\n"));
    }
}
