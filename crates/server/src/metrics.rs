//! What Prometheus reads at `/metrics` of requests and of the process: how many were answered, how, how fast, and what
//! the process holds; the rest is in `health`. Numbers of atomics and small tables; labels come from the routes of the program, never from a request, so neither personal
//! text nor an attacker's words can get in, and the number of lines is bounded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use app::pulse::Timing;
use http::Method;

/// A request's method and route, and its answer's status.
type Answered = (&'static str, String, u16);

/// The numbers of this process.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    running: AtomicU64,
    answered: Mutex<BTreeMap<Answered, u64>>,
    /// How long requests took until their answer began, by route.
    lasted: Mutex<BTreeMap<String, Timing>>,
}

/// A request that runs; it counts as running until this is dropped.
#[derive(Debug)]
pub(crate) struct Running<'m>(&'m Metrics);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A request begins.
    pub(crate) fn begin(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }

    /// A request of this route was answered. For a socket or an event stream that is when it was opened.
    pub(crate) fn answered(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let key = (label(method), route.to_owned(), status);
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
        let mut lasted = self.lasted.lock().unwrap_or_else(PoisonError::into_inner);
        lasted.entry(route.to_owned()).or_default().took(took);
    }

    /// The numbers of requests, as Prometheus reads them (its exposition format 0.0.4).
    pub(crate) fn write(&self, out: &mut String) {
        head(out, "throughline_build_info", "gauge", "The version of the program.");
        line(out, "throughline_build_info", &format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1);
        gauge(
            out,
            "throughline_http_requests_running",
            "Requests that have no answer yet.",
            self.running.load(Ordering::Relaxed),
        );
        head(out, "throughline_http_requests_total", "counter", "Requests answered, by method, route and status.");
        for ((method, route, status), count) in &*self.answered.lock().unwrap_or_else(PoisonError::into_inner) {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            line(out, "throughline_http_requests_total", &format!("{{{labels}}}"), count);
        }
        let name = "throughline_http_request_duration_seconds";
        head(out, name, "histogram", "From a request's arrival to the beginning of its answer, by route.");
        for (route, lasted) in &*self.lasted.lock().unwrap_or_else(PoisonError::into_inner) {
            histogram(out, name, &format!("route=\"{route}\""), lasted);
        }
    }
}

/// A histogram's lines under these labels, which may be none.
pub(crate) fn histogram(out: &mut String, name: &str, labels: &str, timing: &Timing) {
    let comma = if labels.is_empty() { "" } else { "," };
    let alone = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    for (bound, count) in timing.up_to() {
        line(out, &format!("{name}_bucket"), &format!("{{{labels}{comma}le=\"{bound}\"}}"), count);
    }
    line(out, &format!("{name}_bucket"), &format!("{{{labels}{comma}le=\"+Inf\"}}"), timing.count());
    line(out, &format!("{name}_sum"), &alone, timing.sum().as_secs_f64());
    line(out, &format!("{name}_count"), &alone, timing.count());
}

/// A number that goes up and down.
pub(crate) fn gauge(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, "gauge", help);
    line(out, name, "", value);
}

/// A number that only goes up, from 0 at the start.
pub(crate) fn counter(out: &mut String, name: &str, help: &str, value: u64) {
    head(out, name, "counter", help);
    line(out, name, "", value);
}

/// A method as a label: what is not of HTTP is one label, however it is called.
pub(crate) fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

/// Memory and open files of this process, where the operating system tells (Linux).
pub(crate) fn process(out: &mut String) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |field: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    if let Some(resident) = kib("VmRSS") {
        head(out, "process_resident_memory_bytes", "gauge", "Memory of this process that is in use.");
        line(out, "process_resident_memory_bytes", "", resident * 1_024);
    }
    if let Some(peak) = kib("VmHWM") {
        head(out, "process_resident_memory_peak_bytes", "gauge", "The most that it ever was.");
        line(out, "process_resident_memory_peak_bytes", "", peak * 1_024);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        head(out, "process_open_fds", "gauge", "Open files and sockets of this process.");
        line(out, "process_open_fds", "", files.count());
    }
}

/// What a number is.
pub(crate) fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// A number's value.
pub(crate) fn line(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "{name}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_their_times_add_up() {
        let metrics = Metrics::default();
        let running = metrics.begin();
        for micros in [800, 4_000, 60_000_000] {
            metrics.answered(&Method::POST, "/graphql", 200, Duration::from_micros(micros));
        }
        let strange = Method::from_bytes(b"EVIL\x7eWORD").unwrap();
        metrics.answered(&strange, "other", 404, Duration::from_millis(1));
        let text = || {
            let mut text = String::new();
            metrics.write(&mut text);
            text
        };
        let said = text();
        for expected in [
            "throughline_http_requests_running 1\n",
            "throughline_http_requests_total{method=\"POST\",route=\"/graphql\",status=\"200\"} 3\n",
            "throughline_http_requests_total{method=\"OTHER\",route=\"other\",status=\"404\"} 1\n",
            "throughline_http_request_duration_seconds_bucket{route=\"/graphql\",le=\"0.001\"} 1\n",
            "throughline_http_request_duration_seconds_bucket{route=\"/graphql\",le=\"0.005\"} 2\n",
            "throughline_http_request_duration_seconds_bucket{route=\"/graphql\",le=\"10\"} 2\n",
            "throughline_http_request_duration_seconds_bucket{route=\"/graphql\",le=\"+Inf\"} 3\n",
            "throughline_http_request_duration_seconds_count{route=\"/graphql\"} 3\n",
        ] {
            assert!(said.contains(expected), "{expected} is missing in:\n{said}");
        }
        assert!(!said.contains("EVIL"), "{said}");
        drop(running);
        assert!(text().contains("throughline_http_requests_running 0\n"));
    }
}
