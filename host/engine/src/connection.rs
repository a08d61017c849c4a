//! A connection's health, queues and budget.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use calport_model::descriptor::Capability;
use calport_model::{ConnectorError, ErrorKind, ErrorScope};
use calport_store::FeedKey;
use jiff::Timestamp;

use crate::backoff;
use crate::calls::Calls;
use crate::current::CurrentOrder;
use crate::gaps::Gaps;
use crate::overrule::Watch;
use crate::plan::{ConnectionPlan, Notify};
use crate::streams::Streams;

/// Requests under way at the start (SEMANTICS R-01: learned from there).
const FIRST_LIMIT: usize = 8;
/// The most that is ever learned.
const MOST_LIMIT: usize = 16;
/// Successes after which one more request is allowed (AIMD).
const SUCCESSES_PER_STEP: u32 = 50;
/// Failures in a row that open the breaker (SEMANTICS R-08).
const FAILURES_TO_OPEN: u32 = 5;

/// Work for a connector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Work {
    /// Read a mailbox.
    Sync(FeedKey),
    /// Ask for zones and subscribe.
    Prepare(Vec<FeedKey>),
    /// Subscribe mailboxes of a group.
    Subscribe(Arc<str>, Vec<FeedKey>),
    /// Renew subscriptions.
    Renew(Vec<String>),
    /// Read automatic replies.
    Absences(Vec<FeedKey>),
    /// Match people.
    Resolve(Vec<String>),
    /// List live subscriptions.
    Inventory,
    /// End subscriptions.
    Unsubscribe(Vec<String>),
    /// Read stored hook requests.
    Hooks,
    /// Write an appointment for a state set by hand.
    Current(Box<CurrentOrder>),
}

/// The order in which work is taken (SEMANTICS R-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Something changed just now.
    Live,
    /// Renewals and other upkeep with a deadline.
    Renewal,
    /// First reads.
    First,
    /// Reads without any occasion.
    Reconcile,
}

/// Puts work of the same kind that waits right behind into the same call, up to what the connector takes at once.
fn gather(mut work: Work, queue: &mut VecDeque<Work>, batch: usize) -> Work {
    loop {
        match (&mut work, queue.front_mut()) {
            (Work::Prepare(keys), Some(Work::Prepare(more))) if keys.len() + more.len() <= batch => keys.append(more),
            (Work::Subscribe(group, keys), Some(Work::Subscribe(other, more))) if group == other && keys.len() + more.len() <= batch => {
                keys.append(more);
            }
            (Work::Renew(ids), Some(Work::Renew(more))) if ids.len() + more.len() <= batch => ids.append(more),
            _ => return work,
        }
        queue.pop_front();
    }
}

/// How a connection is.
#[derive(Clone, Debug)]
pub(crate) enum Health {
    /// Not asked yet.
    Unchecked,
    /// It works.
    Online,
    /// It does not.
    Offline {
        /// Why.
        error: ConnectorError,
        /// When it is tried again.
        next_try: Timestamp,
    },
}

/// A connection.
pub(crate) struct Connection {
    pub plan: ConnectionPlan,
    pub health: Health,
    pub server: String,
    pub checking: bool,
    pub failures: u32,
    pub in_flight: usize,
    pub limit: usize,
    successes: u32,
    pub paused_until: Option<Timestamp>,
    live: VecDeque<Work>,
    renewals: VecDeque<Work>,
    first: VecDeque<Work>,
    reconcile: VecDeque<Work>,
    turn: u32,
    pub hooks_waiting: bool,
    pub hooks_busy: bool,
    /// Why mailboxes are not told of by hooks.
    pub untold: Option<String>,
    pub publish: VecDeque<String>,
    pub publish_set: HashSet<String>,
    pub publishing: usize,
    pub next_publish: Option<Timestamp>,
    pub watch: Watch,
    pub calls: Calls,
    pub streams: Streams,
    /// What was told of and what was missed.
    pub gaps: Gaps,
}

impl Connection {
    pub fn new(plan: ConnectionPlan) -> Self {
        Self {
            plan,
            health: Health::Unchecked,
            server: String::new(),
            checking: false,
            failures: 0,
            in_flight: 0,
            limit: FIRST_LIMIT,
            successes: 0,
            paused_until: None,
            live: VecDeque::new(),
            renewals: VecDeque::new(),
            first: VecDeque::new(),
            reconcile: VecDeque::new(),
            turn: 0,
            hooks_waiting: true,
            hooks_busy: false,
            untold: None,
            publish: VecDeque::new(),
            publish_set: HashSet::new(),
            publishing: 0,
            next_publish: None,
            watch: Watch::default(),
            calls: Calls::default(),
            streams: Streams::default(),
            gaps: Gaps::default(),
        }
    }

    /// Whether the connector exports this interface.
    pub fn has(&self, capability: Capability) -> bool {
        self.plan.api.descriptor().has(capability)
    }

    /// Whether changes are announced by hooks: where that was chosen, or where there are no streams.
    pub fn uses_hooks(&self) -> bool {
        let able = self.plan.hook_url.is_some() && self.has(Capability::Notifications) && self.plan.api.descriptor().hook.is_some();
        able && match self.plan.notify {
            Some(Notify::Hooks) => true,
            Some(Notify::Streams | Notify::Polling) => false,
            None => !self.has_streams(),
        }
    }

    /// Whether live subscriptions give signs of life by hooks.
    pub fn hears_hooks(&self) -> bool {
        self.uses_hooks() && self.plan.api.descriptor().hook.as_ref().is_some_and(|hook| hook.heartbeats)
    }

    /// Whether changes come in streams: where nothing else was chosen.
    pub fn uses_streams(&self) -> bool {
        matches!(self.plan.notify, None | Some(Notify::Streams)) && self.has_streams() && !self.streams.refused
    }

    fn has_streams(&self) -> bool {
        let descriptor = self.plan.api.descriptor();
        descriptor.streams.is_some() && descriptor.has(Capability::Calendar) && descriptor.has(Capability::Notifications)
    }

    /// Why the way to be told that was chosen is not possible here.
    pub fn no_way(&self) -> Option<String> {
        let (name, has) = match self.plan.notify? {
            Notify::Streams => ("streams", self.has_streams()),
            Notify::Hooks if self.plan.hook_url.is_none() => {
                return Some("`notify = \"hooks\"` needs [hooks] with the URL under which the server reaches this host".to_owned());
            }
            Notify::Hooks => ("hooks", self.uses_hooks()),
            Notify::Polling => return None,
        };
        let connector = &self.plan.api.descriptor().display_name;
        (!has).then(|| format!("`notify = \"{name}\"`, but the connector {connector} knows no {name}; choose another way, or none"))
    }

    /// Whether work may go out now.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.plan.active && matches!(self.health, Health::Online) && self.paused_until.is_none_or(|t| t <= now)
    }

    pub fn push(&mut self, class: Class, work: Work) {
        match class {
            Class::Live => self.live.push_back(work),
            Class::Renewal => self.renewals.push_back(work),
            Class::First => self.first.push_back(work),
            Class::Reconcile => self.reconcile.push_back(work),
        }
    }

    /// How much waits.
    pub fn waiting(&self) -> usize {
        self.live.len() + self.renewals.len() + self.first.len() + self.reconcile.len()
    }

    /// Forgets what waits.
    pub fn clear_queues(&mut self) {
        self.live.clear();
        self.renewals.clear();
        self.first.clear();
        self.reconcile.clear();
    }

    /// The next piece of work by weight 8 : 4 : 2 : 1; one place in five is kept for live work (SEMANTICS ).
    pub fn take(&mut self, now: Timestamp) -> Option<Work> {
        if !self.is_open(now) || self.in_flight >= self.limit {
            return None;
        }
        let reserved = (self.limit / 5).max(usize::from(self.limit > 1));
        if self.in_flight + reserved >= self.limit {
            return self.live.pop_front();
        }
        self.turn = (self.turn + 1) % 15;
        let order: [usize; 4] = match self.turn {
            1 | 3 | 5 | 7 | 9 | 11 | 13 | 0 => [0, 1, 2, 3],
            2 | 6 | 10 | 14 => [1, 0, 2, 3],
            4 | 12 => [2, 0, 1, 3],
            _ => [3, 0, 1, 2],
        };
        let batch = self.plan.api.descriptor().feed.as_ref().map_or(1, |feed| feed.batch_size);
        order.into_iter().find_map(|queue| {
            let queue = match queue {
                0 => &mut self.live,
                1 => &mut self.renewals,
                2 => &mut self.first,
                _ => &mut self.reconcile,
            };
            let work = queue.pop_front()?;
            Some(gather(work, queue, batch))
        })
    }

    /// Notes a success.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.successes += 1;
        if self.successes >= SUCCESSES_PER_STEP && self.limit < MOST_LIMIT {
            self.successes = 0;
            self.limit += 1;
        }
    }

    /// Notes a failure; whether it took the connection off line.
    pub fn failed(&mut self, error: &ConnectorError, now: Timestamp) -> bool {
        if let ErrorKind::Throttled(wait) = &error.kind {
            self.limit = (self.limit / 2).max(1);
            self.successes = 0;
            if error.scope == ErrorScope::Connection {
                let wait = wait.unwrap_or_else(|| backoff::wait(self.failures + 1, Duration::from_secs(2), Duration::from_secs(120)));
                self.paused_until = Some(backoff::after(now, wait));
            }
            return false;
        }
        if error.scope != ErrorScope::Connection {
            return false;
        }
        self.failures += 1;
        let at_once = matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Suspended(_) | ErrorKind::Invalid { .. });
        if !at_once && self.failures < FAILURES_TO_OPEN {
            return false;
        }
        self.go_offline(error.clone(), now);
        true
    }

    /// Takes the connection off line until its next try.
    pub fn go_offline(&mut self, error: ConnectorError, now: Timestamp) {
        let wait = match error.kind {
            ErrorKind::Suspended(Some(wait)) | ErrorKind::Throttled(Some(wait)) => wait,
            // The pauses begin anew when the breaker opens: the failures before it were waited for already.
            _ => {
                backoff::wait(self.failures.saturating_sub(FAILURES_TO_OPEN - 1).max(1), Duration::from_secs(10), Duration::from_secs(300))
            }
        };
        self.health = Health::Offline { error, next_try: backoff::after(now, wait) };
    }

    /// The word for its state.
    pub fn state(&self) -> &'static str {
        match (&self.health, self.plan.active) {
            (_, false) => "inactive",
            (Health::Unchecked, _) => "checking",
            (Health::Online, _) => "online",
            (Health::Offline { .. }, _) => "offline",
        }
    }
}
