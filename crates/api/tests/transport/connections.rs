//! What a connection may do before anything is asked on it, and how many there are at once (promise H2).

use std::net::SocketAddr;
use std::time::Duration;

use api::http::patience::{Most, Patient};
use api::http::{Waits, serve};
use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::toy::SOON;

/// Nobody waits so long, unless what is tried fails.
const NEVER: Duration = Duration::from_mins(1);
/// A request whose body, which follows, is read; and one whose is not.
const SEND: &str = "POST / HTTP/1.1\r\nhost: localhost\r\n";
const SEND_NOWHERE: &str = "PUT / HTTP/1.1\r\nhost: localhost\r\n";
const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// A server that says hello, from a listener that is set up like this.
async fn start(set_up: impl FnOnce(Patient) -> Patient) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(async || "hello").post(async |body: String| body));
    let listener = set_up(Patient::new(listener, NEVER));
    tokio::runtime::Handle::current().spawn(serve(listener, router, std::future::pending()));
    address
}

/// What comes until the server closes the connection.
async fn rest(connection: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // One that is reset is closed as well.
    let _read_or_reset = timeout(NEVER, connection.read_to_end(&mut said)).await.expect("it is closed");
    String::from_utf8(said).unwrap()
}

/// Asks, and hears the answer; the connection stays.
async fn hello(connection: &mut TcpStream) {
    assert!(is_answered(connection).await, "it goes on");
}

/// Asks: whether there is an answer, or the connection was closed before.
async fn is_answered(connection: &mut TcpStream) -> bool {
    let mut said = Vec::new();
    let is_sent = connection.write_all(ASK).await.is_ok();
    while is_sent && !said.ends_with(b"hello") {
        if !matches!(timeout(NEVER, connection.read_buf(&mut said)).await.expect("it ends"), Ok(1..)) {
            break;
        }
    }
    said.ends_with(b"hello")
}

#[tokio::test]
async fn whoever_asks_for_nothing_in_time_is_closed() {
    let server = start(|patient| patient.waiting(Waits { first: SOON, next: NEVER * 2 })).await;
    let mut asks = TcpStream::connect(server).await.unwrap();
    while !is_answered(&mut asks).await {
        // on a machine that stood still the time was over; then it is tried again
        asks = TcpStream::connect(server).await.unwrap();
    }
    let mut silent = TcpStream::connect(server).await.unwrap();
    let mut slow = TcpStream::connect(server).await.unwrap();
    slow.write_all(&ASK[..ASK.len() - 2]).await.unwrap();
    assert_eq!((rest(&mut silent).await, rest(&mut slow).await), (String::new(), String::new()));
    hello(&mut asks).await;
}

#[tokio::test]
async fn whoever_asks_for_nothing_more_is_closed_later() {
    let server = start(|patient| patient.waiting(Waits { first: NEVER * 2, next: SOON })).await;
    let mut asks = TcpStream::connect(server).await.unwrap();
    hello(&mut asks).await;
    assert_eq!(rest(&mut asks).await, "");
}

#[tokio::test]
async fn an_address_holds_so_many_connections_and_no_more() {
    let most = Most { all: 9, an_address: 2, proxies: Vec::new() };
    let server = start(|patient| patient.of_most(most)).await;
    let (mut one, mut two) = (TcpStream::connect(server).await.unwrap(), TcpStream::connect(server).await.unwrap());
    hello(&mut one).await;
    hello(&mut two).await;
    let mut third = TcpStream::connect(server).await.unwrap();
    assert_eq!(rest(&mut third).await, "");
    hello(&mut two).await;
    drop(one);
    // Its place is free as soon as the server has seen that it went.
    let again = async {
        loop {
            let mut next = TcpStream::connect(server).await.unwrap();
            if next.write_all(ASK).await.is_ok() && next.read_u8().await.is_ok() {
                return;
            }
        }
    };
    timeout(NEVER, again).await.expect("another one is let in");
}

#[tokio::test]
async fn when_all_places_are_taken_the_next_one_waits_whoever_is_in_front() {
    let most = Most { all: 2, an_address: 1, proxies: vec!["127.0.0.1".parse().unwrap()] };
    let server = start(|patient| patient.of_most(most)).await;
    let (mut one, mut two) = (TcpStream::connect(server).await.unwrap(), TcpStream::connect(server).await.unwrap());
    hello(&mut one).await;
    hello(&mut two).await;
    let mut third = TcpStream::connect(server).await.unwrap();
    third.write_all(ASK).await.unwrap();
    assert!(timeout(SOON, third.read_u8()).await.is_err(), "it waits");
    hello(&mut two).await;
    drop(one);
    assert_eq!(timeout(NEVER, third.read_u8()).await.expect("it is answered").unwrap(), b'H');
}

#[tokio::test]
async fn http_2_is_not_spoken() {
    let server = start(|patient| patient).await;
    let mut connection = TcpStream::connect(server).await.unwrap();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    connection.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings].concat()).await.unwrap();
    let said = rest(&mut connection).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400 "), "{said}");
    hello(&mut TcpStream::connect(server).await.unwrap()).await;
}

/// Who sends a body that nobody reads would otherwise find out by losing the next request.
#[tokio::test]
async fn an_answer_says_that_it_is_the_last_where_a_body_is_left_unread() {
    let server = start(|patient| patient).await;
    let own = String::from_utf8(ASK.to_vec()).unwrap();
    let ask = own.strip_suffix("\r\n").unwrap();
    for (head, status) in [
        (format!("{ask}content-length: 5\r\n\r\n"), "200"),
        (format!("{SEND_NOWHERE}content-length: 5\r\n\r\n"), "405"),
        (format!("{SEND_NOWHERE}transfer-encoding: chunked\r\n\r\n"), "405"),
        (format!("{SEND_NOWHERE}content-length: 5\r\nexpect: 100-continue\r\n\r\n"), "405"),
    ] {
        let mut connection = TcpStream::connect(server).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        let said = rest(&mut connection).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{head}{said}");
        assert!(said.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{head}{said}");
    }
}

#[tokio::test]
async fn a_connection_goes_on_where_all_of_a_body_was_read() {
    let server = start(|patient| patient).await;
    let mut connection = TcpStream::connect(server).await.unwrap();
    for (sent, end) in [
        (format!("{SEND}content-length: 5\r\n\r\nhello"), "hello"),
        (format!("{SEND}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "hello"),
        (format!("{SEND_NOWHERE}content-length: 0\r\n\r\n"), "\r\n\r\n"),
    ] {
        connection.write_all(sent.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        while !said.ends_with(end.as_bytes()) {
            let read = timeout(NEVER, connection.read_buf(&mut said)).await.expect("it is answered").unwrap();
            assert!(read > 0, "{sent} is the last");
        }
        assert!(!String::from_utf8(said).unwrap().to_ascii_lowercase().contains("\r\nconnection:"), "{sent}");
    }
    hello(&mut connection).await;
}
