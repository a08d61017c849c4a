//! The clock that every simulator reads.
//!
//! Token expiry, subscription lifetimes, throttling windows and delta-token ages follow this clock and never the machine's, so a
//! test moves hours in no time. A skew shifts what the simulator believes against its client.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A shared clock: the system's or one moved by hand. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    fixed: Option<Timestamp>,
    offset: SignedDuration,
}

impl Clock {
    /// The machine's clock, plus whatever [`Clock::advance`] and [`Clock::set_skew`] add.
    #[must_use]
    pub fn system() -> Self {
        Self::build(None)
    }

    /// A clock that stands at `start` until it is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::build(Some(start))
    }

    fn build(fixed: Option<Timestamp>) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { fixed, offset: SignedDuration::ZERO })) }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The time the simulator believes in (UTC), skew included. Saturates at the ends of jiff's range.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.with(|i| {
            let base = i.fixed.unwrap_or_else(Timestamp::now);
            base.saturating_add(i.offset).unwrap_or(base)
        })
    }

    /// Moves the clock forward by `by`, for both kinds of clock.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.with(|i| match &mut i.fixed {
            Some(at) => *at = at.saturating_add(by).unwrap_or(*at),
            None => i.offset = i.offset.saturating_add(by),
        });
    }

    /// Puts a manual clock at `at`; on a system clock it fixes the time there from now on.
    pub fn set(&self, at: Timestamp) {
        self.with(|i| i.fixed = Some(at));
    }

    /// Shifts the simulator's time against the true one by `seconds` (negative: behind). Replaces an earlier skew.
    pub fn set_skew(&self, seconds: i64) {
        self.with(|i| i.offset = SignedDuration::from_secs(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_skew_is_on_top() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(90));
        clock.set_skew(-30);
        assert_eq!(clock.clone().now().as_second(), 60);
        clock.set_skew(0);
        assert_eq!(clock.now().as_second(), 90);
    }
}
