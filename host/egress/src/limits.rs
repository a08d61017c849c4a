//! Bounds on every request; each value names its reason.

use std::time::Duration;

/// Time and size bounds of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// To resolve, connect and finish TLS. 10 s: two lost SYN packets are survived.
    pub connect: Duration,
    /// From the start of the request to the first byte of the answer. 60 s: servers hold a long poll for up to 30 s,
    /// and large calendar queries have been seen to take as long.
    pub first_byte: Duration,
    /// Between two pieces of a body. 30 s: a server that sends nothing for so long has gone.
    pub between_bytes: Duration,
    /// Everything, with waiting for a free slot, authentication and the body; streams only up to the head. 120 s.
    pub total: Duration,
    /// Largest answer in bytes after decompression. 32 MiB: a page of 1,000 events with bodies is under 10 MiB.
    pub response_bytes: usize,
    /// Largest request body in bytes, since it is kept for replay. 16 MiB: more than the servers accept in one call.
    pub request_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            between_bytes: Duration::from_secs(30),
            total: Duration::from_secs(120),
            response_bytes: 32 * 1024 * 1024,
            request_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Streams of events open on one connection unless the policy says otherwise: far more than servers allow one account, so that
/// theirs is the limit that is met; each holds a socket.
pub const DEFAULT_CONCURRENT_STREAMS: usize = 1_024;

/// Requests in flight on one connection unless the policy says otherwise: four mailboxes at the four requests that
/// calendar services allow for each, and little enough for a PBX.
pub const DEFAULT_CONCURRENT_REQUESTS: usize = 16;
