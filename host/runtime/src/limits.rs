//! What a connector may use, per call and per connection. Everything is bounded by default; nothing is unlimited.
//!
//! The figures come from measurements with connectors in Rust, JavaScript and Python (`docs/decisions`): a Rust connector
//! idles at about 1 MiB of memory, JavaScript at 10 MiB, Python at 15 MiB; a page of 1,000 events costs 5 to 25 ms of CPU.

use std::time::Duration;

/// The bounds of one connection's calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all linear memories of one instance together. 64 MiB is four times what the largest tool chain needs at
    /// idle; connectors that build large documents in JavaScript or Python may be given 256 MiB.
    pub memory: usize,
    /// Elements of all tables of one instance together; the largest seen is below 10,000.
    pub table_elements: usize,
    /// CPU time of one call, measured on the thread, waits not counted. 2 s is eighty pages of 1,000 events.
    pub cpu: Duration,
    /// Time of one call from beginning to end, waits for servers counted. Longer than the egress waits for an answer,
    /// so that a slow server is the server's failure and not the connector's.
    pub wall: Duration,
    /// As `wall`, for `notifications.wait`, which may wait 30 s by contract.
    pub wait_wall: Duration,
    /// Bytes that the guest hands to the host in one host call; a request body may have 16 MiB, its headers come on top.
    pub hostcall_bytes: usize,
    /// Live resources of WASI (streams, fields, requests) in one instance; a busy connector uses a few dozen.
    pub resources: usize,
    /// Bytes of one request body, as the WIT package says.
    pub request_body: usize,
    /// Bytes of one answer's body; of a body that is kept from wait to wait, bytes in one wait.
    pub response_body: u64,
    /// Bytes of all headers of one request; most servers refuse more than 64 KiB.
    pub header_bytes: usize,
    /// Headers of one request.
    pub headers: usize,
    /// Bytes of a URL; Graph's longest links have a few KiB.
    pub url_bytes: usize,
    /// Requests under way in one instance at a time. Through `http` there is one; `wasi:http` can have more.
    pub requests: usize,
    /// Streamed bodies open in one instance at a time.
    pub open_bodies: usize,
    /// Calls of one connection that run at once, each on an instance of its own; further calls wait.
    pub concurrency: usize,
    /// Calls of `notifications.wait` that run at once, one for each open stream. Half of them hold 100,000 mailboxes at 200 in a
    /// stream; when a stream is renewed there are two of it for a while.
    pub waits: usize,
    /// Log lines per second, in the mean over the last ten seconds; more are counted and left out.
    pub log_lines: u32,
    /// Bytes of one log line.
    pub log_line: usize,
    /// Bytes of one request for random numbers.
    pub random: u64,
    /// Service lookups of one call.
    pub lookups: u32,
    /// An instance whose memory grew beyond this is not used again, so that one large page does not stay resident.
    pub keep_memory: usize,
    /// The bounds of what a connector returns.
    pub values: ValueLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            table_elements: 100_000,
            cpu: Duration::from_secs(2),
            wall: Duration::from_secs(180),
            wait_wall: Duration::from_secs(40),
            hostcall_bytes: 32 << 20,
            resources: 1_000,
            request_body: 16 << 20,
            response_body: 32 << 20,
            header_bytes: 64 << 10,
            headers: 128,
            url_bytes: 16 << 10,
            requests: 16,
            open_bodies: 8,
            concurrency: 8,
            waits: 1_024,
            log_lines: 50,
            log_line: 2_048,
            random: 64 << 10,
            lookups: 8,
            keep_memory: 32 << 20,
            values: ValueLimits::default(),
        }
    }
}

/// The bounds of values that a connector returns. Texts for people are cut; ids, versions and cursors cannot be cut, so an
/// item with a longer one is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueLimits {
    /// Bytes of an id or a version. The longest seen in the field have about 500.
    pub id: usize,
    /// Bytes of a cursor. The longest links seen have a few KiB.
    pub cursor: usize,
    /// Bytes of a text for people, such as a subject or a display name.
    pub text: usize,
    /// Bytes of a short name, such as a category or a zone.
    pub name: usize,
    /// Entries of a list inside an item, such as categories.
    pub list: usize,
    /// Items of a page.
    pub items: usize,
}

impl Default for ValueLimits {
    fn default() -> Self {
        Self { id: 2_048, cursor: 64 << 10, text: 4_096, name: 512, list: 1_000, items: 20_000 }
    }
}
