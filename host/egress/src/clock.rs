//! Time comes from outside, so that back-off, token life and trace ends can be tested without waiting.

use std::time::{Duration, Instant};

/// The host's clock.
pub trait Clock: Send + Sync {
    /// The time of day in UTC; it may jump when the machine's clock is set. Used for dates on the wire and in traces.
    fn now(&self) -> jiff::Timestamp;
    /// Time since an arbitrary start; never goes back. Used for every duration: token life, back-off.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
