//! What a connection has cost: the figures behind `calport status` and `plugin list`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters of one connection since it was made.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    calls: AtomicU64,
    traps: AtomicU64,
    timeouts: AtomicU64,
    instances: AtomicU64,
    cpu_us: AtomicU64,
    peak_memory: AtomicU64,
    requests: AtomicU64,
    denied: AtomicU64,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    log_lines_left_out: AtomicU64,
}

/// The figures at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CostSnapshot {
    /// Calls that were started.
    pub calls: u64,
    /// Calls that ended in a trap, a CPU or memory limit among them.
    pub traps: u64,
    /// Calls that ran out of their wall time.
    pub timeouts: u64,
    /// Instances made.
    pub instances: u64,
    /// CPU time of all calls, in milliseconds.
    pub cpu_ms: u64,
    /// Most memory that one instance had, in bytes.
    pub peak_memory: u64,
    /// HTTP requests, denied ones among them.
    pub requests: u64,
    /// HTTP requests that the connection's rules refused.
    pub denied: u64,
    /// Bytes of request bodies.
    pub bytes_out: u64,
    /// Bytes of answers' bodies.
    pub bytes_in: u64,
    /// Log lines left out because there were too many.
    pub log_lines_left_out: u64,
}

impl Cost {
    pub(crate) fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
    pub(crate) fn trap(&self) {
        self.traps.fetch_add(1, Ordering::Relaxed);
    }
    pub(crate) fn timeout(&self) {
        self.timeouts.fetch_add(1, Ordering::Relaxed);
    }
    pub(crate) fn instance(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
    }
    pub(crate) fn cpu(&self, time: Duration) {
        self.cpu_us.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
    pub(crate) fn memory(&self, bytes: usize) {
        self.peak_memory.fetch_max(bytes as u64, Ordering::Relaxed);
    }
    pub(crate) fn request(&self, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }
    pub(crate) fn denied(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }
    pub(crate) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }
    pub(crate) fn line_left_out(&self) {
        self.log_lines_left_out.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> CostSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CostSnapshot {
            calls: read(&self.calls),
            traps: read(&self.traps),
            timeouts: read(&self.timeouts),
            instances: read(&self.instances),
            cpu_ms: read(&self.cpu_us) / 1_000,
            peak_memory: read(&self.peak_memory),
            requests: read(&self.requests),
            denied: read(&self.denied),
            bytes_out: read(&self.bytes_out),
            bytes_in: read(&self.bytes_in),
            log_lines_left_out: read(&self.log_lines_left_out),
        }
    }
}
