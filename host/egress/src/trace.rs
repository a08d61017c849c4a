//! The protocol trace of a connection (FEATURES C20) and its counters.
//!
//! Off by default; switched on with an end, so that nobody forgets it. Each request writes lines as people know them from
//! protocol tools: `>` for what went out, `<` for what came, `!` for errors. All lines pass the redaction.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::clock::Clock;
use crate::redact::{Redaction, Scrubber};
use crate::wire::Call;

/// One line of a trace, already redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceLine {
    /// When, in UTC.
    pub at: Timestamp,
    /// The connection's id.
    pub connection: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// Which request of the connection the line belongs to; counts from 1, 0 for a request that the policy refused.
    pub request: u64,
    /// The line itself, starting with `>`, `<` or `!`.
    pub text: String,
}

/// Where trace lines go.
pub trait TraceSink: Send + Sync {
    /// Takes one line; must not block.
    fn line(&self, line: TraceLine);
}

/// Drops every line.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTrace;

impl TraceSink for NoTrace {
    fn line(&self, _line: TraceLine) {}
}

/// How much a trace shows, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceSetting {
    /// The trace ends by itself at this time.
    pub until: Timestamp,
    /// Also show bodies, redacted.
    pub bodies: bool,
}

/// What a connection has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Requests that went out, with replays and token requests.
    pub requests: u64,
    /// Body bytes received, after decompression.
    pub bytes_in: u64,
    /// Body bytes sent.
    pub bytes_out: u64,
    /// Requests that the policy refused.
    pub denied: u64,
    /// Requests that were turned back because their scope is stopped, and answers that asked to slow down.
    pub throttled: u64,
}

#[derive(Default)]
pub(crate) struct CounterCells {
    requests: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    denied: AtomicU64,
    throttled: AtomicU64,
}

impl CounterCells {
    pub(crate) fn read(&self) -> Counters {
        let get = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Counters {
            requests: get(&self.requests),
            bytes_in: get(&self.bytes_in),
            bytes_out: get(&self.bytes_out),
            denied: get(&self.denied),
            throttled: get(&self.throttled),
        }
    }

    /// Counts a request; gives its number.
    pub(crate) fn request(&self, bytes: usize) -> u64 {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn denied(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes the lines of one connection.
pub(crate) struct Tracer {
    pub(crate) connection: String,
    pub(crate) redaction: Redaction,
    pub(crate) scrubber: Arc<Scrubber>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sink: Arc<dyn TraceSink>,
    pub(crate) setting: Mutex<Option<TraceSetting>>,
}

impl Tracer {
    pub(crate) fn set(&self, setting: Option<TraceSetting>) {
        *self.setting.lock().unwrap_or_else(PoisonError::into_inner) = setting;
    }

    /// The setting if the trace is on now; a trace past its end is switched off here.
    pub(crate) fn active(&self) -> Option<TraceSetting> {
        let mut setting = self.setting.lock().unwrap_or_else(PoisonError::into_inner);
        if setting.is_some_and(|setting| setting.until <= self.clock.now()) {
            *setting = None;
        }
        *setting
    }

    pub(crate) fn request(&self, endpoint: &str, number: u64, call: &Call, headers: &HeaderMap) {
        let Some(setting) = self.active() else { return };
        self.write(endpoint, number, format!("> {} {} ({} bytes)", call.method, self.redaction.url(&call.url), call.body.len()));
        self.headers(endpoint, number, '>', headers);
        if setting.bodies && !call.private && !call.body.is_empty() {
            self.write(endpoint, number, format!("> {}", self.redaction.body(&call.body)));
        }
    }

    pub(crate) fn answer(&self, endpoint: &str, number: u64, status: StatusCode, headers: &HeaderMap, took: std::time::Duration) {
        if self.active().is_some() {
            self.write(endpoint, number, format!("< {} after {} ms", status.as_u16(), took.as_millis()));
            self.headers(endpoint, number, '<', headers);
        }
    }

    pub(crate) fn body(&self, endpoint: &str, number: u64, body: &[u8]) {
        let Some(setting) = self.active() else { return };
        let shown = if setting.bodies { self.redaction.body(body) } else { format!("[{} bytes]", body.len()) };
        self.write(endpoint, number, format!("< {shown}"));
    }

    pub(crate) fn error(&self, endpoint: &str, number: u64, error: &dyn std::fmt::Display) {
        if self.active().is_some() {
            self.write(endpoint, number, format!("! {error}"));
        }
    }

    fn headers(&self, endpoint: &str, number: u64, sign: char, headers: &HeaderMap) {
        for (name, value) in headers {
            self.write(endpoint, number, format!("{sign} {name}: {}", Redaction::header(name, value)));
        }
    }

    fn write(&self, endpoint: &str, request: u64, text: String) {
        let text = self.redaction.line(self.scrubber.clean(text));
        self.sink.line(TraceLine {
            at: self.clock.now(),
            connection: self.connection.clone(),
            endpoint: endpoint.to_owned(),
            request,
            text: text.replace(['\r', '\n'], " "),
        });
    }
}
