//! The one clock: engine, connectors, egress, receiver and both simulators read it, and only the week's loop moves it.

use std::time::Duration;

use calport_simulators::clock::Clock;
use jiff::Timestamp;

/// The clock as the host's crates take it.
#[derive(Clone)]
pub struct Virtual {
    clock: Clock,
    start: Timestamp,
}

impl Virtual {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { clock: Clock::manual(start), start }
    }

    /// The same clock as the simulators take it.
    pub fn simulators(&self) -> Clock {
        self.clock.clone()
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves it.
    pub fn set(&self, at: Timestamp) {
        self.clock.set(at);
    }
}

impl calport_model::Clock for Virtual {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl calport_egress::Clock for Virtual {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        Duration::try_from(self.clock.now().duration_since(self.start)).unwrap_or_default()
    }
}
