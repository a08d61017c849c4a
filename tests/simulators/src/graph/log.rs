//! What the simulator has seen: requests in order (the latest 20,000) and counters by operation and mailbox.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

const KEPT: usize = 20_000;

/// A request that was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// Number in order of arrival, from 1.
    pub number: u64,
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path as sent.
    pub path: String,
    /// Query as sent.
    pub query: String,
    /// What it was, such as `calendarView.delta`.
    pub operation: String,
    /// Principal name of the mailbox concerned.
    pub mailbox: Option<String>,
    /// Status answered; 0: the connection was reset.
    pub status: u16,
    /// The body of a write, as it was sent; absent for what is no JSON or has more than 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The version on which a write was conditional (`If-Match`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
}

/// A message that the application sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// Principal name of the mailbox that sent it.
    pub sender: String,
    /// Addresses, whatever kind of recipient.
    pub recipients: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// `text` or `html`; empty when it was not said.
    pub content_type: String,
    /// Its text.
    pub content: String,
    /// Whether a copy is kept with the sent messages.
    pub kept: bool,
}

/// The log of the tenant.
#[derive(Debug, Default)]
pub(crate) struct Log {
    next: u64,
    pub seen: VecDeque<Seen>,
    pub operations: BTreeMap<String, u64>,
    pub mailboxes: HashMap<(u32, String), u64>,
    pub notifications: Deliveries,
}

/// What became of notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deliveries {
    /// Items to be delivered so far.
    pub queued: u64,
    /// Items that an endpoint acknowledged.
    pub delivered: u64,
    /// POSTs sent, retries included.
    pub posts: u64,
    /// Items given up after the last attempt.
    pub failed: u64,
}

impl Log {
    pub fn add(&mut self, mut seen: Seen, mailbox: Option<u32>) {
        self.next += 1;
        seen.number = self.next;
        *self.operations.entry(seen.operation.clone()).or_default() += 1;
        if let Some(index) = mailbox {
            *self.mailboxes.entry((index, seen.operation.clone())).or_default() += 1;
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
