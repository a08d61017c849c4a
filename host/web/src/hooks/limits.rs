//! Bounds of the receiver.

use std::time::Duration;

/// What the receiver takes. [`HookLimits::default`] is what `calport serve` uses.
#[derive(Clone, Copy, Debug)]
pub struct HookLimits {
    /// Bytes of a body.
    pub body: usize,
    /// How long a body may take to come.
    pub body_time: Duration,
    /// How long a request may wait for its turn and for the store, in all.
    pub store_time: Duration,
    /// Requests at a time whose body is in memory.
    pub in_flight: usize,
    /// Unread requests of a connection from which on one whose like is unread is not stored again.
    pub fold_from: usize,
    /// Unread requests of a connection from which on every one is refused.
    pub unread: usize,
    /// Bytes of unread bodies of a connection from which on every one is refused.
    pub unread_bytes: usize,
}

impl Default for HookLimits {
    /// - 4 MiB: forty times the largest batch of notifications a known sender makes.
    /// - 2.5 s for the store: from 2.9 s on senders count a receiver as slow (SEMANTICS B-30).
    /// - 64 bodies at a time: 256 MiB at the worst.
    /// - 10,000 unread requests before like ones are folded; 100,000, or 1 GiB, before all are refused.
    fn default() -> Self {
        Self {
            body: 4 << 20,
            body_time: Duration::from_secs(10),
            store_time: Duration::from_millis(2500),
            in_flight: 64,
            fold_from: 10_000,
            unread: 100_000,
            unread_bytes: 1 << 30,
        }
    }
}
