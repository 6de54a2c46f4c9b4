//! The log of the process: structured lines on standard error. A panic is logged by its place, without its message, which
//! may hold what somebody wrote.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// Starts logging as the settings say. A second call in one process changes nothing.
pub fn start(settings: &Settings) {
    // It was checked when the settings were read.
    let filter = EnvFilter::try_new(&settings.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // A line that cannot be written (the log's disk is full) is lost. The library would say so on standard error, which
    // cannot be written either, and would panic over that in the middle of a request.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).log_internal_errors(false);
    let started = match settings.log_format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "a panic; what was asked for there has failed, and nothing else");
        }));
    }
}
