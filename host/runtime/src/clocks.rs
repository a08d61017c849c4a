//! WASI's clocks are the host's injected clock: a connector in a test or a preview sees the time that its host sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use calport_model::Clock;
use jiff::Timestamp;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The wall clock.
pub(crate) struct Wall(pub(crate) Arc<dyn Clock>);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::try_from(self.0.now().duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
    }
}

/// A clock that never goes back, even when the wall clock is set.
pub(crate) struct Monotonic {
    clock: Arc<dyn Clock>,
    origin: Timestamp,
    latest: AtomicU64,
}

impl Monotonic {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let origin = clock.now();
        Self { clock, origin, latest: AtomicU64::new(0) }
    }
}

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        let elapsed = Duration::try_from(self.clock.now().duration_since(self.origin)).unwrap_or_default();
        let elapsed = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.latest.fetch_max(elapsed, Ordering::Relaxed).max(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use calport_model::ManualClock;

    use super::*;

    #[test]
    fn c16_a_guests_clock_is_the_hosts_and_never_goes_back() {
        let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let wall = Wall(clock.clone());
        let monotonic = Monotonic::new(clock.clone());
        assert_eq!(wall.now().as_secs(), u64::try_from(start.as_second()).unwrap());
        clock.advance(Duration::from_secs(5));
        assert_eq!(monotonic.now(), 5_000_000_000);
        clock.set(start);
        assert_eq!(monotonic.now(), 5_000_000_000);
    }
}
