//! How the tests speak to the toy server.

use std::net::SocketAddr;

use async_graphql::futures_util::{SinkExt, StreamExt};
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tower::ServiceExt as _;

pub(crate) const GRAPHQL: &str = "application/graphql-response+json";

pub(crate) fn url(server: SocketAddr) -> String {
    format!("http://{server}/graphql")
}

pub(crate) fn post(server: SocketAddr, body: &Value) -> RequestBuilder {
    raw(server, body.to_string())
}

pub(crate) fn raw(server: SocketAddr, body: impl Into<reqwest::Body>) -> RequestBuilder {
    Client::new().post(url(server)).header("content-type", "application/json").body(body)
}

pub(crate) fn get(server: SocketAddr, parameters: &[(&str, &str)]) -> RequestBuilder {
    let mut address = reqwest::Url::parse(&url(server)).unwrap();
    address.query_pairs_mut().extend_pairs(parameters);
    Client::new().get(address)
}

pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The code of the first error.
pub(crate) fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

pub(crate) async fn is_alive(server: SocketAddr) -> bool {
    answer(post(server, &json!({ "query": "{ hello }" }))).await == (200, json!({ "data": { "hello": "world" } }))
}

/// Reads an event stream to its end, or to the given number of events.
pub(crate) async fn events(mut response: Response, most: usize) -> Vec<String> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let mut text = String::new();
    while text.matches("\n\n").count() < most {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        text += std::str::from_utf8(&chunk).unwrap();
    }
    text.split_terminator("\n\n").map(str::to_owned).collect()
}

/// A connection to these routes that holds so many bytes each way, and no more, while nobody reads.
pub(crate) fn narrow(routes: Router, bytes: usize) -> DuplexStream {
    let (client, server) = tokio::io::duplex(bytes);
    let service = service_fn(move |request: http::Request<Incoming>| routes.clone().oneshot(request.map(Body::new)));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(server), service).with_upgrades();
    tokio::runtime::Handle::current().spawn(serving);
    client
}

/// A client's end of a socket.
pub(crate) struct Wire<S = MaybeTlsStream<TcpStream>>(WebSocketStream<S>);

impl Wire {
    pub(crate) async fn connect(server: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{server}/graphql").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        // a small window, so that one who does not read is soon noticed
        let config = WebSocketConfig::default().read_buffer_size(4096);
        match tokio_tungstenite::connect_async_with_config(request, Some(config), false).await {
            Ok((wire, _)) => Ok(Self(wire)),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    /// A socket that speaks the protocol and has not begun.
    pub(crate) async fn open(server: SocketAddr) -> Self {
        Self::connect(server, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap()
    }

    /// A socket that was acknowledged.
    pub(crate) async fn begun(server: SocketAddr, person: Option<&str>) -> Self {
        let mut wire = Self::open(server).await;
        wire.begin(person).await;
        wire
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A socket over this connection that was acknowledged.
    pub(crate) async fn over(connection: S, person: Option<&str>) -> Self {
        let mut request = "ws://localhost/graphql".into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let mut wire = Self(tokio_tungstenite::client_async(request, connection).await.unwrap().0);
        wire.begin(person).await;
        wire
    }

    async fn begin(&mut self, person: Option<&str>) {
        let payload = person.map_or(json!({}), |person| json!({ "authorization": format!("Bearer {person}") }));
        self.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(self.hear().await, Ok(json!({ "type": "connection_ack" })));
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends what the server may not even want to read.
    pub(crate) async fn send(&mut self, message: Message) {
        let _sent_or_closed = self.0.send(message).await;
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(&json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
    }

    /// The next message, or the code that the socket was closed with (0 without one).
    pub(crate) async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// The code that the socket is closed with, whatever is said before.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.hear().await {
                return code;
            }
        }
    }
}
