//! The log of the process: structured lines on standard error. A panic is logged by its place, without its message, which
//! may hold what somebody wrote.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use crate::settings::{LogFormat, Settings};
use crate::traces::{TARGET, Traces};

/// Starts logging as the settings say, and telling spans to `traces`. A second call in one process changes nothing.
pub fn start(settings: &Settings, traces: Option<&Traces>) {
    // It was checked when the settings were read.
    let filter = EnvFilter::try_new(&settings.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = match format!("{TARGET}=off").parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    let lines = fmt::layer().with_writer(stderr);
    let lines = match settings.log_format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    let all = registry().with(lines.with_filter(filter)).with(traces.map(Traces::layer));
    if all.try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "a panic; what was asked for there has failed, and nothing else");
        }));
    }
}
