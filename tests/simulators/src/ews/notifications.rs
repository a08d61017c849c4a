//! Subscriptions and open streams: what a server knows of them, and forgets when it starts anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::config::Config;
use super::ids::FolderKey;
use super::version::Version;
use crate::graph::state::State;

/// The cookie that names the machine.
const COOKIE: &str = "X-BackEndOverrideCookie";
/// How long a subscription lives while nobody listens.
const IDLE: SignedDuration = SignedDuration::from_mins(30);

/// How notifications go wrong, and how fast they are. Times are real ones, whatever the simulator's clock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notifying {
    /// How often a stream says that it lives.
    pub heartbeat: Duration,
    /// How long a minute of `ConnectionTimeout` and of `StatusFrequency` is.
    pub minute: Duration,
    /// Most streams open at once for one mailbox that acts; none: what the version allows.
    pub streams: Option<usize>,
    /// Most subscriptions of one mailbox that acts; none: what the version allows.
    pub subscriptions: Option<usize>,
    /// Streams stay open and say nothing any more; no requests of the server's own are sent.
    pub silent: bool,
    /// Of so many changes nobody is told.
    pub drop: u32,
    /// Machines behind the load balancer; a subscription is known to the one that made it only.
    pub machines: u16,
}

impl Default for Notifying {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(45),
            minute: Duration::from_secs(60),
            streams: None,
            subscriptions: None,
            silent: false,
            drop: 0,
            machines: 1,
        }
    }
}

impl Config {
    /// Most streams of one mailbox.
    pub(crate) fn most_streams(&self) -> usize {
        let of_version = if matches!(self.version, Version::Exchange2013 | Version::Exchange2013Sp1) { 3 } else { 10 };
        self.notifying.streams.unwrap_or(of_version)
    }

    /// Most subscriptions of one mailbox.
    pub(crate) fn most_subscriptions(&self) -> usize {
        let of_version = if self.version < Version::Exchange2013 { 20 } else { 5_000 };
        self.notifying.subscriptions.unwrap_or(of_version)
    }
}

/// How a subscription is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// In streams.
    Stream,
    /// When it is asked.
    Pull,
    /// By requests of the server's own.
    Push {
        url: String,
        /// Minutes after which it says that it lives.
        minutes: u32,
        /// Whether somebody tells of it.
        claimed: bool,
    },
}

/// A subscription.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// Index of the mailbox.
    pub mailbox: u32,
    /// Its folders; none: all.
    pub folders: Vec<FolderKey>,
    /// How it is told.
    pub delivery: Delivery,
    /// Where in the journal it goes on.
    pub from: u64,
    /// Who made it.
    pub account: String,
    /// The mailbox acted as, which the limits count for.
    pub budget: Option<u32>,
    /// The machine that knows it.
    pub machine: u16,
    /// When somebody last listened.
    pub used: Timestamp,
    /// How long it lives unused.
    pub life: SignedDuration,
}

/// An open stream.
#[derive(Clone, Debug)]
pub(crate) struct OpenStream {
    pub ids: BTreeSet<String>,
    pub asked: Vec<String>,
    pub budget: Option<u32>,
    pub minutes: u32,
    claimed: bool,
}

/// What the server knows.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    pub by_id: BTreeMap<String, Subscription>,
    pub open: BTreeMap<u64, OpenStream>,
    last: u64,
    /// Rises when the server starts anew.
    pub generation: u64,
    /// Told when something other than the journal changed.
    pub changed: Arc<Notify>,
}

impl Subscriptions {
    /// Keeps a subscription; gives its id.
    pub fn add(&mut self, subscription: Subscription) -> String {
        self.last += 1;
        let id = super::ids::seal(format!("simulated.example.test subscription {} of {}", self.last, self.generation).as_bytes());
        self.by_id.insert(id.clone(), subscription);
        id
    }

    /// Forgets what nobody has listened to for too long.
    pub fn expire(&mut self, now: Timestamp) {
        let heard: BTreeSet<&String> = self.open.values().flat_map(|stream| &stream.ids).collect();
        let gone: Vec<String> = self
            .by_id
            .iter()
            .filter(|(id, s)| !heard.contains(id) && now.duration_since(s.used) > s.life)
            .map(|(id, _)| id.clone())
            .collect();
        gone.iter().for_each(|id| {
            self.by_id.remove(id);
        });
    }

    /// Opens a stream. Its subscriptions leave the streams that they were in.
    pub fn open(&mut self, ids: BTreeSet<String>, asked: Vec<String>, budget: Option<u32>, minutes: u32) {
        for other in self.open.values_mut() {
            other.ids.retain(|id| !ids.contains(id));
        }
        self.last += 1;
        self.open.insert(self.last, OpenStream { ids, asked, budget, minutes, claimed: false });
        self.changed.notify_waiters();
    }

    /// The number of a stream that was opened for these ids and that nobody answers yet.
    pub fn claim(&mut self, asked: &[String]) -> Option<u64> {
        let (number, stream) = self.open.iter_mut().find(|(_, stream)| !stream.claimed && stream.asked == asked)?;
        stream.claimed = true;
        Some(*number)
    }

    /// The pushed subscriptions of which nobody tells yet: id, URL, minutes between two signs of life, and place in the
    /// journal.
    pub fn claim_pushed(&mut self) -> Vec<(String, String, u32, u64)> {
        let mut new = Vec::new();
        for (id, subscription) in &mut self.by_id {
            if let Delivery::Push { url, minutes, claimed: claimed @ false } = &mut subscription.delivery {
                *claimed = true;
                new.push((id.clone(), url.clone(), *minutes, subscription.from));
            }
        }
        new
    }

    /// The server starts anew: it has forgotten everything, and its connections break.
    pub fn forget(&mut self) {
        self.by_id.clear();
        self.open.clear();
        self.generation += 1;
        self.changed.notify_waiters();
    }
}

/// How long a subscription lives unused when it is told in streams.
pub(crate) const fn idle() -> SignedDuration {
    IDLE
}

/// The machine that a request is led to, and whether it prefers to come back to it.
pub(crate) fn machine(config: &Config, state: &State, headers: &HeaderMap) -> (u16, bool) {
    let machines = config.notifying.machines.max(1);
    let word = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let prefers = word("x-preferserveraffinity").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let cookies = headers.get_all("cookie").iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    let named = cookies.filter_map(|c| c.trim().strip_prefix(COOKIE)?.strip_prefix("=machine")?.parse::<u16>().ok()).next();
    let anchored = word("x-anchormailbox").and_then(|a| state.user(a).ok()).and_then(|(index, _)| u16::try_from(index).ok());
    let anywhere = || rand::random_range(0..machines);
    let led = match (prefers, named, anchored) {
        (true, Some(named), _) => named,
        (true, None, Some(index)) => index,
        _ => anywhere(),
    };
    (led % machines, prefers)
}

/// The cookie that leads requests back to a machine.
pub(crate) fn cookie(machine: u16) -> String {
    format!("{COOKIE}=machine{machine}; path=/; HttpOnly")
}
