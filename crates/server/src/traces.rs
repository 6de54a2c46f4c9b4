//! Traces: what a request spent its time on, told to an OpenTelemetry collector where the setting `otlp_url` names one.
//!
//! Only spans of this program's own are told, no lines of the log and no library's spans, and a span holds words of the
//! program, counts and ids: a route, a command's type, a log's id. Nobody's text, no address, no token, neither a query
//! nor its name or variables, since nothing of these is ever given to a span. What a client sends as its own trace is
//! passed over.
//!
//! It harms nothing: a finished span goes into a queue of `QUEUE_MAX`, and where that is full it is dropped; a thread
//! sends what has come together over OTLP (HTTP, protobuf), each batch for `PATIENCE` at most. A collector that does
//! not answer is said once in the log, and once that it answers again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::error::Error;

/// The target of spans that are for traces alone; the log leaves them out.
pub const TARGET: &str = "throughline";
/// The target of the span that a request has in the log as well.
const REQUESTS: &str = "server::front";
/// How many finished spans wait to be sent at most.
const QUEUE_MAX: usize = 4_096;
/// How often what has come together is sent.
const EVERY: Duration = Duration::from_secs(2);
/// How long the collector may take to accept a batch, and the last one when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes that are read of what it answers.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What sends spans.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send to the collector at this address (`http://HOST:PORT`, or `https://…`). Must be called within a Tokio runtime, which
    /// has to last until [`Traces::end`].
    ///
    /// # Errors
    /// [`Error::Usage`] where the address cannot be used.
    pub fn start(url: &str) -> Result<Self, Error> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(Handle::current()))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{url}/v1/traces"))
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| Error::Usage(format!("`otlp_url` cannot be used: {error}")))?;
        let bounds = BatchConfigBuilder::default().with_max_queue_size(QUEUE_MAX).with_scheduled_delay(EVERY).build();
        let sender = BatchSpanProcessor::builder(exporter).with_batch_config(bounds).build();
        // No detector: nothing of the environment or the machine gets in.
        let resource = Resource::builder_empty()
            .with_service_name("throughline")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self(SdkTracerProvider::builder().with_resource(resource).with_span_processor(sender).build()))
    }

    /// What takes spans from the program.
    pub fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> impl Layer<S> + use<S> {
        let tracer = self.0.tracer_with_scope(InstrumentationScope::builder("throughline").build());
        let spans = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        spans.with_filter(filter_fn(is_told))
    }

    /// Sends what has come together, for `PATIENCE` at most, and ends.
    pub async fn end(self) {
        // Spans that could not be sent are lost, which harms nobody.
        let _sent_or_not = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(PATIENCE)).await;
    }
}

fn is_told(of: &Metadata<'_>) -> bool {
    of.is_span() && [TARGET, REQUESTS].contains(&of.target())
}

/// The collector, asked on the server's runtime: the thread that sends has none.
#[derive(Debug)]
struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    fails: AtomicBool,
}

impl Collector {
    fn new(runtime: Handle) -> Self {
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, runtime, fails: AtomicBool::new(false) }
    }

    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let asked = self.client.request(request.map(Full::new));
        let answered = async {
            let (parts, body) = asked.await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(parts, body))
        };
        // A time limit begins where there is a runtime, so not here.
        self.runtime.spawn(async { tokio::time::timeout(PATIENCE, answered).await }).await??
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.ask(request).await;
        let fails = !answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        match (self.fails.swap(fails, Ordering::Relaxed), fails) {
            (false, true) => tracing::warn!("the collector of `otlp_url` does not take spans; they are dropped"),
            (true, false) => tracing::info!("the collector of `otlp_url` takes spans again"),
            (true, true) | (false, false) => {}
        }
        answer
    }
}
