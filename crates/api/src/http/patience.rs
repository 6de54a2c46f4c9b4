//! A listener whose connections do not wait for ever for their reader, and are not too many.
//!
//! While a client does not read, its connection cannot write, and then nothing above it is sure to be asked for anything:
//! a long answer is not polled, no deadline of its is looked at. So the one place where a reader that stands still can be
//! noticed whatever is written is the write itself. A connection that has something to write and cannot write one byte of it for the
//! given time is broken off, which drops all that was being made for it.
//!
//! Each connection is an open file, and who runs out of them cannot open its database's either. So there are never more
//! than [`Most`] says: whoever comes then waits until one ends, and who holds too many from one address is sent away.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use super::seats::{Seat, Seats, Sitter};
use super::serving::Waits;
use super::{Numbers, origin};

/// How many connections there may be at once.
#[derive(Debug, Clone)]
pub struct Most {
    /// Of all clients.
    pub all: usize,
    /// Of one client address; of IPv6 that is a network of 64 bits.
    pub an_address: usize,
    /// Addresses whose connections are many people's: the proxies in front.
    pub proxies: Vec<IpAddr>,
}

/// A TCP listener for [`serve`](super::serve).
#[derive(Debug)]
pub struct Patient {
    listener: TcpListener,
    patience: Duration,
    numbers: Numbers,
    pub(super) waits: Waits,
    most: Most,
    room: Arc<Semaphore>,
    seats: Seats,
}

impl Patient {
    /// Over this listener, with this long for a blocked write; of any number of connections.
    pub fn new(listener: TcpListener, patience: Duration) -> Self {
        let most = Most { all: Semaphore::MAX_PERMITS, an_address: usize::MAX, proxies: Vec::new() };
        let (numbers, waits, seats) = (Numbers::default(), Waits::default(), Seats::default());
        Self { listener, patience, numbers, waits, room: Arc::new(Semaphore::new(most.all)), most, seats }
    }

    /// Counts there who is cut off.
    #[must_use]
    pub fn counted(self, numbers: Numbers) -> Self {
        Self { numbers, ..self }
    }

    /// Waits so long for requests.
    #[must_use]
    pub fn waiting(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }

    /// Takes no more connections than these.
    #[must_use]
    pub fn of_most(self, most: Most) -> Self {
        let room = Arc::new(Semaphore::new(most.all.min(Semaphore::MAX_PERMITS)));
        Self { most, room, ..self }
    }

    /// The next connection, and from where.
    pub(super) async fn accept(&mut self) -> (PatientStream, SocketAddr) {
        loop {
            // It is never closed, so there is always a permit to come.
            let permit = self.room.clone().acquire_owned().await.ok();
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            let seat = match self.sitter(peer.ip()) {
                Some(sitter) => {
                    // Dropping a connection closes it.
                    let Some(seat) = self.seats.take(sitter, self.most.an_address) else { continue };
                    Some(seat)
                }
                None => None,
            };
            // small answers go out at once; a socket that refuses the option works as well
            let _set_or_not = stream.set_nodelay(true);
            let (patience, numbers) = (self.patience, self.numbers.clone());
            return (PatientStream { stream, patience, numbers, blocked: None, _held: (permit, seat) }, peer);
        }
    }

    /// For whom a connection is counted; nobody where it is a proxy's.
    fn sitter(&self, peer: IpAddr) -> Option<Sitter> {
        let is_counted = !self.most.proxies.contains(&peer.to_canonical());
        is_counted.then(|| Sitter::Address(origin::client(peer)))
    }
}

/// A connection of a [`Patient`] listener.
#[derive(Debug)]
pub struct PatientStream {
    stream: TcpStream,
    patience: Duration,
    numbers: Numbers,
    /// Runs while a write is blocked.
    blocked: Option<Pin<Box<Sleep>>>,
    /// Its place among all connections, and among those of its address.
    _held: (Option<OwnedSemaphorePermit>, Option<Seat>),
}

impl PatientStream {
    fn unless_blocked_too_long<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.blocked = None;
            return write;
        }
        let patience = self.patience;
        ready!(self.blocked.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience))).as_mut().poll(cx));
        self.numbers.cut_one();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.unless_blocked_too_long(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.unless_blocked_too_long(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_network_of_ipv6_holds_the_connections_of_one_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = "2001:db8:1:2::9";
        let most = Most { all: 9, an_address: 2, proxies: vec![proxy.parse().unwrap()] };
        let patient = Patient::new(listener, Duration::from_secs(1)).of_most(most);
        let sitter = |address: &str| patient.sitter(address.parse().unwrap());
        assert!(sitter("2001:db8:1:2::1").is_some());
        assert_eq!(sitter("2001:db8:1:2::1"), sitter("2001:db8:1:2:3:4:5:6"));
        assert_ne!(sitter("2001:db8:1:2::1"), sitter("2001:db8:1:3::1"));
        assert_eq!(sitter("::ffff:203.0.113.7"), sitter("203.0.113.7"));
        assert_ne!(sitter("203.0.113.8"), sitter("203.0.113.7"));
        assert_eq!(sitter(proxy), None, "it stands for many");
    }
}
