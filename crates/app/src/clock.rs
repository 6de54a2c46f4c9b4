//! Time, as a parameter.

use domain::value::Time;

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Time;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct Machine;

impl Clock for Machine {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine is asked for the time")]
    fn now(&self) -> Time {
        Time(jiff::Timestamp::now().as_microsecond())
    }
}

/// A clock that stands until it is moved: for tests and for building a past.
#[derive(Debug)]
pub struct Standing(std::sync::atomic::AtomicI64);

impl Standing {
    /// A clock that stands at this moment.
    pub const fn at(time: Time) -> Self {
        Self(std::sync::atomic::AtomicI64::new(time.0))
    }
    /// Moves it.
    pub fn set(&self, time: Time) {
        self.0.store(time.0, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for Standing {
    fn now(&self) -> Time {
        Time(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}
