//! What Prometheus reads at `/metrics` of the parts behind the requests: lanes, followers, timers, mail, work,
//! checkpoints, moments, live connections, the database. What each number means, and when to be woken by it, is in
//! `docs/OPERATIONS.md`, which a test holds against this.
//!
//! What waits in the database is asked for when somebody reads, in one short snapshot with bounded counts, and is left
//! out where the database does not answer in time. Every node says the same of it. No label holds an id.

use std::path::{Path, PathBuf};

use api::http::Numbers;
use app::App;
use app::pulse::Backlog;
use store::Overdue;

use crate::metrics::{counter, gauge, head, histogram, line, process};

/// Where the server keeps what it keeps.
#[derive(Debug)]
pub struct Places {
    /// The folder of data.
    pub data_dir: PathBuf,
    /// The database's file, where it is one.
    pub database: Option<PathBuf>,
}

/// Writes everything. `backlog` is `None` where the database did not answer.
pub fn write(out: &mut String, app: &App, numbers: &Numbers, places: &Places, backlog: Option<&Backlog>) {
    let now = app.clock().now().0;
    committer(out, app);
    live(out, app, numbers);
    signing(out, app, now);
    let (kept, bytes) = app.moments_kept();
    gauge(out, "throughline_moments", "Earlier moments of practices that are kept for `asOf`.", kept);
    gauge(out, "throughline_moments_bytes", "About how many bytes they take.", bytes);
    let pulse = app.pulse();
    let help = "Logs not looked through since the start, whether their read models are behind.";
    gauge(out, "throughline_logs_to_catch_up", help, pulse.logs_to_catch_up.get());
    counter(out, "throughline_reactions_total", "What events meant elsewhere or to somebody.", pulse.reactions.get());
    counter(out, "throughline_timers_rung_total", "Timers that were rung.", pulse.timers_rung.get());
    let help = "Timers whose command failed; each is tried again.";
    counter(out, "throughline_timers_failed_total", help, pulse.timers_failed.get());
    counter(out, "throughline_mails_sent_total", "Mails that left.", pulse.mails_sent.get());
    counter(out, "throughline_mails_failed_total", "Attempts to send a mail that failed.", pulse.mails_failed.get());
    let help = "Mails that were given up after their last attempt.";
    counter(out, "throughline_mails_given_up_total", help, pulse.mails_given_up.get());
    gauge(out, "throughline_database_answers", "1 if the database answered just now.", u8::from(backlog.is_some()));
    if let Some(backlog) = backlog {
        waiting(out, backlog, now);
    }
    storage(out, app, places);
    process(out);
}

fn committer(out: &mut String, app: &App) {
    let pulse = app.pulse();
    let help = "1 while changes are accepted; a failed sync ends that.";
    gauge(out, "throughline_accepts_writes", help, u8::from(app.accepts_writes()));
    gauge(out, "throughline_commands_waiting", "Commands that wait for a lane.", app.commands_waiting());
    head(out, "throughline_commands_total", "counter", "Commands decided and committed, by what became of them.");
    line(out, "throughline_commands_total", "{outcome=\"done\"}", pulse.commands_done.get());
    line(out, "throughline_commands_total", "{outcome=\"refused\"}", pulse.commands_refused.get());
    let help = "Transactions of commands that failed; the commands are tried again.";
    counter(out, "throughline_commits_failed_total", help, pulse.batches_failed.get());
    let name = "throughline_commit_duration_seconds";
    head(out, name, "histogram", "Transactions of commands, from their begin until they were committed.");
    histogram(out, name, "", &pulse.commits);
}

fn live(out: &mut String, app: &App, numbers: &Numbers) {
    let followers = app.followers();
    gauge(out, "throughline_sockets", "WebSockets that are open.", numbers.sockets());
    gauge(out, "throughline_event_streams", "Event streams that are open.", numbers.streams());
    gauge(out, "throughline_subscriptions", "Subscriptions that run, on both.", numbers.subscriptions());
    let help = "Connections that were cut off, since nobody read what was written.";
    counter(out, "throughline_readers_cut_off_total", help, numbers.cut());
    gauge(out, "throughline_followers", "Followers of logs: subscriptions and open sign-ins.", followers.count);
    let help = "Commits that the slowest follower has not taken yet; at 64 it goes back to the log.";
    gauge(out, "throughline_follower_lag_commits", help, followers.lag_batches);
    let help = "How often a follower went back to the log.";
    counter(out, "throughline_follower_resyncs_total", help, app.pulse().resyncs.get());
}

fn signing(out: &mut String, app: &App, now: i64) {
    let pulse = app.pulse();
    let help = "Checkpoints that were signed.";
    counter(out, "throughline_checkpoints_signed_total", help, pulse.checkpoints_signed.get());
    let help = "Logs that were refused when they were to be signed last: the database is not what was signed before.";
    gauge(out, "throughline_checkpoints_refused", help, pulse.checkpoints_refused());
    if pulse.signed_at() > 0 {
        let help = "Since everything that had changed was signed.";
        gauge(out, "throughline_checkpoint_age_seconds", help, seconds(now.saturating_sub(pulse.signed_at()).max(0)));
    }
}

fn waiting(out: &mut String, backlog: &Backlog, now: i64) {
    let late = |overdue: Overdue| seconds(overdue.late(now));
    gauge(out, "throughline_mails_waiting", "Mails that are not sent yet.", backlog.mails.count);
    let help = "For how long the first of them has been due.";
    gauge(out, "throughline_mails_late_seconds", help, late(backlog.mails));
    gauge(out, "throughline_timers_late", "Timers that are due.", backlog.timers.count);
    gauge(out, "throughline_timers_late_seconds", "For how long the first of them has been.", late(backlog.timers));
    head(out, "throughline_work_waiting", "gauge", "Logs with work that commits have left, by who is to do it.");
    for (reactor, overdue) in &backlog.work {
        line(out, "throughline_work_waiting", &format!("{{reactor=\"{reactor}\"}}"), overdue.count);
    }
    let name = "throughline_work_late_seconds";
    head(out, name, "gauge", "For how long the first of it has waited, since it was left or last tried.");
    for (reactor, overdue) in &backlog.work {
        line(out, name, &format!("{{reactor=\"{reactor}\"}}"), late(*overdue));
    }
}

fn storage(out: &mut String, app: &App, places: &Places) {
    let (open, busy) = app.store().connections();
    gauge(out, "throughline_database_connections", "Connections to the database that are open.", open);
    gauge(out, "throughline_database_connections_busy", "Those that are in use.", busy);
    let rooms = [Some(&places.data_dir), places.database.as_ref()].into_iter().flatten();
    if let Some(free) = rooms.filter_map(|path| free_bytes(path)).min() {
        let help = "Room that is left at the data folder, or at the database's file where that is less.";
        gauge(out, "throughline_disk_free_bytes", help, free);
    }
    if let Some(database) = &places.database {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        gauge(out, "throughline_database_bytes", "The database's file (SQLite).", size(database));
        let help = "Its write-ahead log (SQLite).";
        gauge(out, "throughline_database_wal_bytes", help, size(&wal(database)));
    }
}

/// The write-ahead log of a database's file.
pub(crate) fn wal(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// How much room is left for us where this path is or will be.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Microseconds as seconds, to the thousandth.
fn seconds(micros: i64) -> String {
    format!("{}.{:03}", micros / 1_000_000, micros % 1_000_000 / 1_000)
}
