//! How a bucket is asked: HTTP/1.1 over the client and the TLS that the program has anyway, instead of a second client.

use std::time::Duration;

use http_body_util::{BodyExt as _, StreamBody};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};

/// From a request to the beginning of its answer, long enough for a part to go up a slow line; and from one piece of the
/// answer to the next.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes the client.
#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |source: std::io::Error| object_store::Error::Generic { store: "S3", source: Box::new(source) };
        let provider = rustls::crypto::ring::default_provider();
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .map_err(|error| failed(std::io::Error::other(error)))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(HttpClient::new(Asker(Client::builder(TokioExecutor::new()).build(tls))))
    }
}

#[derive(Debug)]
struct Asker(Client<HttpsConnector<Tcp>, HttpRequestBody>);

#[async_trait::async_trait]
impl HttpService for Asker {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = match tokio::time::timeout(PATIENCE, self.0.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
                return Err(HttpError::new(kind, error));
            }
            Err(late) => return Err(HttpError::new(HttpErrorKind::Timeout, late)),
        };
        Ok(answer.map(|body| {
            let pieces = futures_util::stream::unfold(Some(body), |body| async move {
                let mut body = body?;
                match tokio::time::timeout(PATIENCE, body.frame()).await {
                    Ok(Some(Ok(piece))) => Some((Ok(piece), Some(body))),
                    Ok(Some(Err(error))) => Some((Err(HttpError::new(HttpErrorKind::Interrupted, error)), None)),
                    Ok(None) => None,
                    Err(late) => Some((Err(HttpError::new(HttpErrorKind::Timeout, late)), None)),
                }
            });
            HttpResponseBody::new(StreamBody::new(pieces))
        }))
    }
}
