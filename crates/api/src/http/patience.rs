//! A listener whose connections do not wait for ever for their reader.
//!
//! While a client does not read, its connection cannot write, and then nothing above it is asked to do anything: no
//! stream of events is polled, no deadline of theirs is looked at. So the one place where a reader that stands still can
//! be noticed is the write itself. A connection that has something to write and cannot write one byte of it for the
//! given time is broken off, which drops all that was being made for it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

use super::{Numbers, Peer};

/// A TCP listener for [`axum::serve()`], with
/// [`into_make_service_with_connect_info::<Peer>()`](axum::Router::into_make_service_with_connect_info).
#[derive(Debug)]
pub struct Patient {
    listener: TcpListener,
    patience: Duration,
    numbers: Numbers,
}

impl Patient {
    /// Over this listener, with this long for a blocked write.
    pub fn new(listener: TcpListener, patience: Duration) -> Self {
        Self { listener, patience, numbers: Numbers::default() }
    }

    /// Counts there who is cut off.
    #[must_use]
    pub fn counted(self, numbers: Numbers) -> Self {
        Self { numbers, ..self }
    }
}

impl Listener for Patient {
    type Io = PatientStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        // small answers go out at once; a socket that refuses the option works as well
        let _set_or_not = stream.set_nodelay(true);
        (PatientStream { stream, patience: self.patience, numbers: self.numbers.clone(), blocked: None }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Patient>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Patient>) -> Self {
        Self(stream.remote_addr().ip())
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
