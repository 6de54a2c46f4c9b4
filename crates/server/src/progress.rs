//! How far a long command is: one line on standard error that is written over, where a terminal shows it.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

use app::fold::Progress;
use domain::id::LogId;

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(100);

/// The line.
#[derive(Debug)]
pub(crate) struct Line {
    events: u64,
    shown: Option<Instant>,
    is_terminal: bool,
}

impl Line {
    /// No line yet.
    pub(crate) fn new() -> Self {
        Self { events: 0, shown: None, is_terminal: stderr().is_terminal() }
    }

    /// Events so far.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.shown.is_some() {
            // A line that cannot be shown is no reason to stop.
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Line {
    fn done(&mut self, log: LogId, events: u64) {
        self.events += events;
        if self.is_terminal && self.shown.is_none_or(|shown| shown.elapsed() >= EVERY) {
            self.shown = Some(Instant::now());
            let _ = write!(stderr(), "\r\x1b[K{} events, {log}", self.events);
        }
    }
}

/// How many of some number of things are done, on the same line.
#[derive(Debug)]
pub(crate) struct Count {
    what: &'static str,
    shown: Option<Instant>,
    is_terminal: bool,
}

impl Count {
    /// No line yet.
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, shown: None, is_terminal: stderr().is_terminal() }
    }

    /// So many are done.
    pub(crate) fn done(&mut self, done: u64, total: u64) {
        if self.is_terminal && self.shown.is_none_or(|shown| shown.elapsed() >= EVERY) {
            self.shown = Some(Instant::now());
            let _ = write!(stderr(), "\r\x1b[K{done} of {total} {}", self.what);
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.shown.is_some() {
            // A line that cannot be shown is no reason to stop.
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
