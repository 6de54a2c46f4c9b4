//! Asking another server for a small document: by https, or by http on loopback; without redirects; bounded in time and
//! in size.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// From the first byte of the question to the last of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer. Google's keys are under 2 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Asks.
#[derive(Debug)]
pub(super) struct Fetcher(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl Fetcher {
    /// One that trusts the authorities that browsers trust.
    pub(super) fn new() -> Result<Self, String> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// The document at an address.
    pub(super) async fn fetch(&self, place: &str) -> Result<Bytes, String> {
        let uri = may_fetch(place)?;
        let question = Request::get(uri).header(header::ACCEPT, "application/json").body(Empty::new());
        let question = question.map_err(|error| format!("{place}: {error}"))?;
        let whole = async {
            let answer = self.0.request(question).await.map_err(|error| format!("{place}: {error}"))?;
            // A redirect leads to where nobody vouched for: it is not followed.
            if answer.status() != StatusCode::OK {
                return Err(format!("{place} answered {}", answer.status()));
            }
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            body.map(http_body_util::Collected::to_bytes).map_err(|error| format!("{place}: {error}"))
        };
        let late = |_| Err(format!("{place} did not answer in {} seconds", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, whole).await.unwrap_or_else(late)
    }
}

/// The address, where it may be asked: https, or http on loopback.
pub(super) fn may_fetch(place: &str) -> Result<Uri, String> {
    let uri: Uri = place.parse().map_err(|_| format!("{place} is no address"))?;
    let host = uri.host().unwrap_or_default();
    let is_loopback = ["127.0.0.1", "[::1]", "localhost"].contains(&host);
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(uri),
        Some("http") if is_loopback => Ok(uri),
        Some(_) | None => Err(format!("{place} does not begin with https:// (http:// is for loopback only)")),
    }
}
