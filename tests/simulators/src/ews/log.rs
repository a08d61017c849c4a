//! What the endpoint has seen: requests in order (the latest 20,000) with their bodies, and counters by operation and mailbox.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

const KEPT: usize = 20_000;
/// Bytes of a request's body that are kept.
const LARGEST_KEPT: usize = 64 << 10;

/// A request that was answered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    /// Number in order of arrival, from 1.
    pub number: u64,
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// Number of the connection that it came by.
    pub connection: u64,
    /// HTTP method.
    pub method: String,
    /// Path of the URL.
    pub path: String,
    /// The header `Host`.
    pub host: Option<String>,
    /// The word of `Authorization` that says of which kind it is, such as `Basic`; none: there was no such header.
    pub scheme: Option<String>,
    /// The operation, such as `FindItem`; `Autodiscover` for a question to the older protocol of that name; empty for what was no SOAP request or was not let in.
    pub operation: String,
    /// Who signed in; `app` for a token.
    pub account: Option<String>,
    /// Principal name of the mailbox it acted as or asked for.
    pub mailbox: Option<String>,
    /// The header `X-AnchorMailbox`.
    pub anchor: Option<String>,
    /// `RequestServerVersion`.
    pub version: Option<String>,
    /// HTTP status answered; 0: the connection was reset.
    pub status: u16,
    /// The first response code other than `NoError`.
    pub code: Option<String>,
    /// The request as it came; absent when it has more than 64 KiB.
    pub body: Option<String>,
}

/// The log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    next: u64,
    pub seen: VecDeque<Seen>,
    pub operations: BTreeMap<String, u64>,
    /// By principal name of the mailbox.
    pub mailboxes: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Log {
    pub fn add(&mut self, mut seen: Seen) {
        self.next += 1;
        seen.number = self.next;
        seen.body = seen.body.take_if(|b| b.len() <= LARGEST_KEPT);
        *self.operations.entry(seen.operation.clone()).or_default() += 1;
        if let Some(mailbox) = &seen.mailbox {
            *self.mailboxes.entry(mailbox.clone()).or_default().entry(seen.operation.clone()).or_default() += 1;
        }
        if self.seen.len() == KEPT {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
    }

    /// Forgets requests and counters, not their numbering.
    pub fn reset(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }
}
