//! How things are, for commands, pages and metrics. No private text is in it.

use calport_model::PresenceValue;
use calport_rules::presence::Freshness;
use jiff::Timestamp;
use serde::Serialize;

use crate::calendars::CalendarStatus;

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The time of the engine's clock.
    pub now: Timestamp,
    /// Whether presence is written to the sinks; false in shadow mode.
    pub publish: bool,
    /// Connections.
    pub connections: Vec<ConnectionStatus>,
    /// People.
    pub people: Vec<PersonStatus>,
    /// The first full read, while there is one.
    pub progress: Option<ProgressStatus>,
    /// From a noticed change to the sink's acknowledgement.
    pub change_latency: LatencyStatus,
    /// From a boundary to the sink's acknowledgement (SEMANTICS P-28).
    pub boundary_lag: LatencyStatus,
    /// Reads of mailboxes since the start.
    pub syncs: u64,
    /// Full reads of windows since the start.
    pub full_reads: u64,
    /// Presence computations since the start.
    pub computations: u64,
    /// Presence values taken by sinks since the start.
    pub published: u64,
    /// Work that waits or is under way.
    pub pending: usize,
}

/// A connection.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionStatus {
    /// Its id.
    pub id: String,
    /// The connector's name for people.
    pub connector: String,
    /// The connector's version.
    pub connector_version: String,
    /// `online`, `offline`, `checking` or `inactive`.
    pub state: &'static str,
    /// What the server said of itself.
    pub server: String,
    /// Why it is offline, with what to do.
    pub reason: Option<String>,
    /// Who has to act.
    pub blame: Option<&'static str>,
    /// When it will be tried again.
    pub next_try: Option<Timestamp>,
    /// How changes are noticed: `hooks`, `streams`, `polling`, or `none` for a sink.
    pub mode: &'static str,
    /// Why mailboxes are polled although the other side could tell of changes, with what to do.
    pub mode_reason: Option<String>,
    /// Seconds within which a change is expected to be noticed in this mode (SEMANTICS C-14).
    pub expected_latency_s: Option<u64>,
    /// Streams that are open.
    pub streams: usize,
    /// When a stream last said that it lives.
    pub last_heartbeat: Option<Timestamp>,
    /// Mailboxes that are polled for now, because no stream tells of them.
    pub polled: usize,
    /// Changes that routine reads found and nothing had told of, since the start (SEMANTICS C-13).
    pub missed_notifications: u64,
    /// Mailboxes.
    pub mailboxes: usize,
    /// Mailboxes that are not live.
    pub troubled: usize,
    /// Live subscriptions.
    pub subscriptions: usize,
    /// Requests under way.
    pub in_flight: usize,
    /// Requests that may be under way, as learned (SEMANTICS R-01).
    pub limit: usize,
    /// Work that waits.
    pub waiting: usize,
}

/// A person.
#[derive(Clone, Debug, Serialize)]
pub struct PersonStatus {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// The connection of the calendar.
    pub source: String,
    /// The mailbox, when resolved.
    pub mailbox: Option<String>,
    /// `resolved`, `not-found`, `ambiguous`, `not-permitted`, `moved`, `unresolved` or `off`.
    pub resolution: &'static str,
    /// Why, and what to do.
    pub detail: String,
    /// The feed's state: `initialising`, `live`, `degraded`, `blocked`, or empty.
    pub feed: &'static str,
    /// Why the feed is not live.
    pub feed_reason: Option<String>,
    /// When the mirror was last known to be right.
    pub last_verified: Option<Timestamp>,
    /// The sink.
    pub sink: String,
    /// The user at the sink.
    pub user: String,
    /// What is to be shown.
    pub wanted: Option<PresenceValue>,
    /// What the sink has taken.
    pub shown: Option<PresenceValue>,
    /// Whether the sink has taken what is wanted.
    pub in_step: bool,
    /// Why the sink has not.
    pub sink_error: Option<String>,
    /// Further calendars that count.
    pub calendars: Vec<CalendarStatus>,
    /// Whether a state set by hand holds.
    pub overruled: bool,
    /// Whether the mirror is `fresh`, `stale` or too old to claim anything (`unknown`), by SEMANTICS P-26.
    pub freshness: Option<Freshness>,
    /// When presence changes by itself.
    pub next_change: Option<Timestamp>,
}

/// The first full read.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ProgressStatus {
    /// Mailboxes read.
    pub done: usize,
    /// Mailboxes in all.
    pub total: usize,
    /// Mailboxes per second.
    pub rate: f64,
    /// Seconds left at this rate.
    pub seconds_left: Option<u64>,
}

/// Durations in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct LatencyStatus {
    /// How many there were.
    pub count: u64,
    /// Half of the last thousand were not longer.
    pub p50: Option<u64>,
    /// 99 of 100 of the last thousand were not longer.
    pub p99: Option<u64>,
}
