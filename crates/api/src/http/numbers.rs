//! How many live connections there are, and how many readers were cut off: counted where they open and end, for the
//! operator.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The numbers of a server's transports. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Numbers(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sockets: AtomicU64,
    streams: AtomicU64,
    subscriptions: AtomicU64,
    cut: AtomicU64,
}

/// What is open and counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A socket.
    Socket,
    /// An event stream.
    Stream,
    /// A subscription, on whichever of the two.
    Subscription,
}

impl Numbers {
    /// Sockets that are open.
    pub fn sockets(&self) -> u64 {
        self.0.sockets.load(Ordering::Relaxed)
    }
    /// Event streams that are open.
    pub fn streams(&self) -> u64 {
        self.0.streams.load(Ordering::Relaxed)
    }
    /// Subscriptions that run, on sockets and event streams.
    pub fn subscriptions(&self) -> u64 {
        self.0.subscriptions.load(Ordering::Relaxed)
    }
    /// Connections that were cut off since the start, since nobody read what was written.
    pub fn cut(&self) -> u64 {
        self.0.cut.load(Ordering::Relaxed)
    }

    /// Somebody who did not read was cut off.
    pub(super) fn cut_one(&self) {
        self.0.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one more as open, until what is given is dropped.
    pub(super) fn open(&self, kind: Kind) -> Open {
        self.of(kind).fetch_add(1, Ordering::Relaxed);
        Open(self.clone(), kind)
    }

    fn of(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::Socket => &self.0.sockets,
            Kind::Stream => &self.0.streams,
            Kind::Subscription => &self.0.subscriptions,
        }
    }
}

/// Something that is open.
#[derive(Debug)]
pub(super) struct Open(Numbers, Kind);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.of(self.1).fetch_sub(1, Ordering::Relaxed);
    }
}
