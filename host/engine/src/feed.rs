//! The feed of a mailbox: when it is read, and its state machine (SEMANTICS C-04, C-12, C-17).

use std::sync::Arc;
use std::time::Duration;

use calport_model::{ConnectorError, ErrorKind};
use calport_store::{Feed, FeedKey, StoredSubscription};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::connection::{Class, Work};
use crate::sync::{SyncError, SyncOutcome};
use crate::wheel::Timer;

/// How long to wait before a right that is missing is asked for again: grants take hours to spread (SEMANTICS B-50).
pub(crate) const BLOCKED_RETRY: Duration = Duration::from_secs(15 * 60);

/// The state of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FeedState {
    /// The first read is not complete.
    Initialising,
    /// The mirror follows the mailbox.
    Live,
    /// The last read failed; it is tried again by itself.
    Degraded(String),
    /// The last read failed for a reason that only people can mend.
    Blocked(String),
}

impl FeedState {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Initialising => "initialising",
            Self::Live => "live",
            Self::Degraded(_) => "degraded",
            Self::Blocked(_) => "blocked",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Degraded(reason) | Self::Blocked(reason) => Some(reason),
            Self::Initialising | Self::Live => None,
        }
    }
}

/// A feed in the table.
pub(crate) struct FeedEntry {
    pub feed: Feed,
    pub state: FeedState,
    pub people: Vec<String>,
    pub vip: bool,
    pub prepared: bool,
    pub preparing: bool,
    pub busy: bool,
    pub again: bool,
    pub due: Option<Timestamp>,
    pub class: Class,
    pub failures: u32,
    pub last_notice: Option<Timestamp>,
    pub first_notice: Option<Timestamp>,
    pub noticed: Option<Timestamp>,
    pub subscription: Option<StoredSubscription>,
    pub renew_at: Option<Timestamp>,
    /// The group whose streams tell of it.
    pub group: Option<Arc<str>>,
    /// Since when a stream, or a subscription with signs of life, tells of it without a gap.
    pub covered: Option<Timestamp>,
    /// The last sign of life of its subscription by a hook.
    pub heard: Option<Timestamp>,
    pub absence_due: Option<Timestamp>,
    pub absence_busy: bool,
    /// The next read is of the whole window.
    pub full: bool,
    /// When the read under way began, if it should find nothing new.
    pub routine: Option<Timestamp>,
    /// What the last probe said (SEMANTICS C-12).
    pub probe: Option<String>,
    /// When a routine read began that found something of which nobody had told.
    pub gap: Option<Timestamp>,
}

impl FeedEntry {
    pub fn new(feed: Feed) -> Self {
        let state = if feed.complete { FeedState::Live } else { FeedState::Initialising };
        Self {
            feed,
            state,
            people: Vec::new(),
            vip: false,
            prepared: false,
            preparing: false,
            busy: false,
            again: false,
            due: None,
            class: Class::First,
            failures: 0,
            last_notice: None,
            first_notice: None,
            noticed: None,
            subscription: None,
            renew_at: None,
            group: None,
            covered: None,
            heard: None,
            absence_due: None,
            absence_busy: false,
            full: false,
            routine: None,
            probe: None,
            gap: None,
        }
    }
}

impl Engine {
    /// Sets when a feed is read next. An earlier wish stays.
    pub(crate) fn schedule(&mut self, key: &FeedKey, at: Timestamp, class: Class) {
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if entry.due.is_some_and(|due| due <= at) {
            if class == Class::Live {
                entry.class = class;
            }
            return;
        }
        entry.due = Some(at);
        entry.class = class;
        self.wheel.set(at, Timer::Feed(key.clone()));
    }

    /// A notification came: the first after a quiet time acts at once, more are gathered (SEMANTICS C-04, B-27).
    pub(crate) fn notice(&mut self, key: &FeedKey, now: Timestamp) {
        let (quiet, debounce, most) = (self.settings.quiet, self.settings.debounce, self.settings.debounce_most);
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if let Some(connection) = self.connections.get_mut(&key.connection).filter(|_| !entry.feed.dirty) {
            connection.gaps.told(now);
        }
        entry.noticed.get_or_insert(now);
        entry.feed.dirty = true;
        let acts_at_once = entry.last_notice.is_none_or(|last| backoff::between(last, now) >= quiet);
        entry.last_notice = Some(now);
        let first = *entry.first_notice.get_or_insert(now);
        let at = if acts_at_once { now } else { backoff::after(now, debounce).min(backoff::after(first, most)) };
        if entry.due.is_some_and(|due| due <= now) && entry.class == Class::Live {
            return;
        }
        entry.due = Some(at);
        entry.class = Class::Live;
        self.wheel.set(at, Timer::Feed(key.clone()));
    }

    /// A feed's timer came. Old timers of a feed that was scheduled anew do nothing.
    pub(crate) fn feed_due(&mut self, key: &FeedKey, now: Timestamp) {
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if entry.due.is_none_or(|due| due > now) {
            return;
        }
        if entry.busy {
            entry.again = true;
            entry.due = None;
            return;
        }
        if !entry.prepared {
            entry.due = None;
            self.prepare_due(key);
            return;
        }
        let routine = self.is_routine(key, now).then_some(now);
        let Some(entry) = self.feeds.get_mut(key) else { return };
        (entry.due, entry.first_notice, entry.routine) = (None, None, routine);
        entry.busy = true;
        let class = if entry.feed.complete { entry.class } else { Class::First };
        if let Some(connection) = self.connections.get_mut(&key.connection) {
            connection.push(class, Work::Sync(key.clone()));
        }
    }

    /// A read ended.
    pub(crate) fn feed_read(&mut self, key: &FeedKey, result: Result<SyncOutcome, SyncError>, feed: Option<Feed>, probe: Option<String>) {
        let now = self.clock.now();
        self.counters.syncs += 1;
        let Some(entry) = self.feeds.get_mut(key) else { return };
        entry.busy = false;
        let was_complete = entry.feed.complete;
        let routine = entry.routine.take();
        if let Some(probe) = probe.filter(|_| result.is_ok()) {
            entry.probe = Some(probe);
        }
        if let Some(feed) = feed {
            // What the read job saw of these may be older than what another job has brought since.
            let (absence, zone, language) = (entry.feed.absence, entry.feed.zone.take(), entry.feed.language.take());
            entry.feed = Feed { absence, zone, language, ..feed };
        }
        match result {
            Ok(outcome) => {
                self.note_read(key, &outcome, was_complete, now);
                if let Some(began) = routine {
                    self.routine_read(key, began, &outcome);
                }
                let Some(entry) = self.feeds.get_mut(key) else { return };
                entry.failures = 0;
                entry.state = FeedState::Live;
                let people = entry.people.clone();
                let again = std::mem::take(&mut entry.again);
                if let Some(connection) = self.connections.get_mut(&key.connection) {
                    connection.succeeded();
                }
                for person in people {
                    self.recompute(&person);
                }
                if again {
                    self.schedule(key, now, Class::Live);
                } else {
                    let at = self.next_routine_read(key, now);
                    self.schedule(key, at, Class::Reconcile);
                }
            }
            Err(SyncError::Store(error)) => {
                tracing::error!(code = "store-failed", connection = key.connection, mailbox = key.mailbox, %error, "a calendar could not be stored");
                entry.failures += 1;
                let at = backoff::after(now, backoff::wait(entry.failures, Duration::from_secs(5), Duration::from_secs(300)));
                self.schedule(key, at, Class::Reconcile);
            }
            Err(SyncError::Connector(error)) => self.feed_failed(key, &error, now),
        }
    }

    fn note_read(&mut self, key: &FeedKey, outcome: &SyncOutcome, was_complete: bool, now: Timestamp) {
        if outcome.reset || !was_complete {
            self.counters.full_reads += 1;
        }
        if outcome.reset {
            tracing::info!(
                code = "window-read-again",
                connection = key.connection,
                mailbox = key.mailbox,
                events = outcome.upserts,
                removed = outcome.removed,
                "the window was read again and compared: a full read was due, the window moved on, or the server no longer accepts the cursor"
            );
        }
        for (id, reason) in &outcome.unreadable {
            tracing::warn!(
                code = "event-unreadable",
                connection = key.connection,
                mailbox = key.mailbox,
                id,
                reason,
                "an event was set aside"
            );
        }
        if was_complete {
            return;
        }
        let Some(progress) = &mut self.progress else { return };
        progress.done += 1;
        let (done, total) = (progress.done, progress.total);
        let step = (total / 10).max(1);
        if done / step > progress.said || done >= total {
            progress.said = done / step;
            let seconds = backoff::between(progress.began, now).as_secs_f64();
            let rate = if seconds > 0.0 { done as f64 / seconds } else { done as f64 };
            let left = if rate > 0.0 { (total.saturating_sub(done)) as f64 / rate } else { 0.0 };
            tracing::info!(
                code = "first-read",
                done,
                to_do = total.saturating_sub(done),
                per_second = format!("{rate:.1}"),
                seconds_left = format!("{left:.0}"),
                "reading calendars for the first time"
            );
        }
        if done >= total {
            self.progress = None;
        }
    }

    /// A read failed: the mirror and the presence stay as they are (SEMANTICS S-08, P-26).
    fn feed_failed(&mut self, key: &FeedKey, error: &ConnectorError, now: Timestamp) {
        self.connection_failed(&key.connection, error, now);
        let Some(entry) = self.feeds.get_mut(key) else { return };
        entry.failures += 1;
        let wait = match &error.kind {
            ErrorKind::Throttled(Some(wait)) => *wait,
            ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::Moved(_) | ErrorKind::Unsupported => BLOCKED_RETRY,
            _ => backoff::wait(entry.failures, Duration::from_secs(5), Duration::from_secs(600)),
        };
        let at = backoff::after(now, wait);
        let state =
            if error.is_transient() { FeedState::Degraded(error.message.clone()) } else { FeedState::Blocked(error.message.clone()) };
        if state != entry.state {
            tracing::warn!(
                code = error.kind.code(),
                blame = error.blame().as_str(),
                connection = key.connection,
                mailbox = key.mailbox,
                vendor_code = error.code,
                request_id = error.request_id,
                retry_at = %at,
                "reading a calendar failed: {}",
                error.message
            );
        }
        entry.state = state;
        entry.again = false;
        if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Moved(_)) {
            self.resolve_again(key, error);
        }
        self.schedule(key, at, Class::Reconcile);
    }

    /// When a mailbox is read although nothing was noticed.
    pub(crate) fn next_routine_read(&self, key: &FeedKey, now: Timestamp) -> Timestamp {
        backoff::after(now, backoff::jitter(self.routine_period(key, now)))
    }

    /// How often a mailbox is read although nothing was noticed (SEMANTICS C-12, C-14).
    pub(crate) fn routine_period(&self, key: &FeedKey, now: Timestamp) -> Duration {
        let vip = self.feeds.get(key).is_some_and(|e| e.vip);
        let told = self.is_told(key, now);
        match self.connections.get(&key.connection) {
            Some(connection) if !told => connection.plan.poll,
            _ if vip => self.settings.reconcile_vip,
            _ => self.settings.reconcile,
        }
    }

    /// Reads now: one connection's mailboxes with their automatic replies, or all; people without a mailbox are looked for again
    /// (FEATURES R01).
    pub(crate) fn sync_now(&mut self, connection: Option<&str>) -> usize {
        let now = self.clock.now();
        let keys: Vec<FeedKey> = self.feeds.keys().filter(|k| connection.is_none_or(|c| c == k.connection)).cloned().collect();
        for key in &keys {
            if let Some(entry) = self.feeds.get_mut(key) {
                entry.failures = 0;
                if entry.absence_due.is_some() {
                    entry.absence_due = Some(now);
                    self.wheel.set(now, Timer::Absence(key.connection.clone()));
                }
            }
            self.schedule(key, now, Class::Live);
        }
        for (id, state) in &mut self.connections {
            if connection.is_none_or(|c| c == id) {
                state.paused_until = None;
                if let crate::connection::Health::Offline { next_try, .. } = &mut state.health {
                    *next_try = now;
                }
            }
        }
        let asked: Vec<String> = self.connections.keys().filter(|id| connection.is_none_or(|c| c == *id)).cloned().collect();
        for id in asked {
            self.resolve_due(&id);
        }
        keys.len()
    }
}
