//! The log of the process: structured lines on standard error. A panic is logged by its place, without its message, which
//! may hold what somebody wrote.
//!
//! What libraries say below INFO is written by no setting: there they tell what passes through them, a socket's frames or a
//! mail's conversation, with every token and text in it (promise C6; docs/decisions/0039). What this program says itself
//! holds none.

use std::io::{IsTerminal as _, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use crate::settings::{LogFormat, Settings};
use crate::traces::{TARGET, Traces};

/// What says at WARN what was in a database's address: a parameter that it does not know, with its value.
const ADDRESSES: &str = "sqlx_postgres::options";

/// The targets of this program's own words.
const OWN: [&str; 7] = ["api", "app", "domain", "server", "store", "throughline", "vault"];

fn is_own(target: &str) -> bool {
    OWN.contains(&target.split("::").next().unwrap_or_default())
}

/// Starts logging as the settings say, and telling spans to `traces`. A second call in one process changes nothing.
pub fn start(settings: &Settings, traces: Option<&Traces>) {
    // It was checked when the settings were read.
    let filter = EnvFilter::try_new(&settings.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = [TARGET, ADDRESSES].iter().fold(filter, |filter, target| match format!("{target}=off").parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    });
    let lines = fmt::layer().with_writer(stderr);
    let lines = match settings.log_format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    let guarded = filter_fn(|said| *said.level() <= LevelFilter::INFO || is_own(said.target()));
    let all = registry().with(lines.with_filter(filter.and(guarded))).with(traces.map(Traces::layer));
    if all.try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "a panic; what was asked for there has failed, and nothing else");
        }));
    }
}
