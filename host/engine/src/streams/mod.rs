//! Streams: the other side tells of changes in an answer that does not end (SEMANTICS C-09, C-14, B-32, B-33, P-26).
//!
//! Mailboxes of one affinity are put into groups; a group has one stream, which is opened anew before it ends, the next beside
//! the last. What a stream says is when to look, and its signs of life prove that nothing was missed. Whenever there may
//! have been a gap, each mailbox that nothing proves is read once, after the stream tells of it again.
//!
//! Mailboxes that no stream tells of are polled meanwhile, and the status says so.

mod follow;
mod member;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use calport_model::descriptor::{Capability, StreamProfile};
use calport_model::notification::WaitResult;
use calport_model::{ConnectorApi, ConnectorError};
use calport_store::FeedKey;
use jiff::Timestamp;
use tokio::task::AbortHandle;

use crate::actor::Engine;
use crate::backoff;
use crate::connection::{Connection, Health};
use crate::feed::FeedEntry;
use crate::overrule::SinkWaited;
use crate::wheel::Timer;

/// How long one wait on a stream lasts.
const WAIT: Duration = Duration::from_secs(28);
/// The least time between the beginnings of two waits: what comes in between comes together.
const WAIT_PACE: Duration = Duration::from_millis(250);
/// How long a stream may take until the other side confirms it.
const OPENING: Duration = Duration::from_secs(60);
/// How long further members are awaited before a group's first stream is opened: after the last one, and after the first.
const GATHER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How soon after it was opened a stream is opened anew for members that came later, or were subscribed again.
const LATER_MEMBERS: Duration = Duration::from_secs(60);
/// How often a group is looked at while its connection pauses.
const PAUSED_LOOK: Duration = Duration::from_secs(1);
/// How long before its end a stream is opened anew. Groups are spread over half as much before that.
const AHEAD: Duration = Duration::from_secs(120);

/// The end of a wait.
pub(crate) enum Waited {
    /// On a sink.
    Sink(SinkWaited),
    /// On a stream of a calendar connection.
    Stream(StreamWaited),
}

/// What a wait on a stream brought.
pub(crate) struct StreamWaited {
    connection: String,
    group: Arc<str>,
    stream: String,
    result: Result<WaitResult, ConnectorError>,
}

/// The streams of a connection.
#[derive(Default)]
pub(crate) struct Streams {
    groups: BTreeMap<Arc<str>, Group>,
    /// Names are never used again: cookies and instances belong to them.
    named: u64,
    /// The other side has no streams after all: mailboxes are polled until the connection is checked again.
    pub refused: bool,
    /// Why mailboxes could not be subscribed.
    trouble: Option<String>,
    wake: Option<Timestamp>,
}

/// Mailboxes whose subscriptions share a stream.
#[derive(Default)]
struct Group {
    affinity: String,
    /// The member that leads requests to the group's place; chosen when the first is subscribed, and fixed.
    anchor: Option<String>,
    members: BTreeSet<FeedKey>,
    /// Subscriptions that were asked for and not answered.
    pending: usize,
    streams: Vec<Stream>,
    /// A stream is not opened before.
    open_at: Option<Timestamp>,
    /// When the first of the members was subscribed that wait for a stream.
    gathering: Option<Timestamp>,
    /// Why its stream could not be opened.
    trouble: Option<String>,
    failures: u32,
    last_sign: Option<Timestamp>,
    /// Something about it has changed since it was last looked at. Looks cost as much as it has members, and there may be
    /// hundreds of groups.
    touched: bool,
    /// When it is to be looked at again although nothing has changed.
    look: Option<Timestamp>,
}

/// What a stream is to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Not confirmed by the other side.
    Opening,
    /// The one that counts.
    Live,
    /// Its successor lives; it is kept until it has said all it had to say.
    Ending,
}

/// A stream. Dropping it ends it.
struct Stream {
    id: String,
    api: Arc<dyn ConnectorApi>,
    role: Role,
    subscriptions: BTreeSet<String>,
    began: Timestamp,
    last_sign: Timestamp,
    cursor: Option<String>,
    wait: Option<AbortHandle>,
    next: Timestamp,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(wait) = &self.wait {
            wait.abort();
        }
        self.api.close_stream(&self.id);
    }
}

impl Stream {
    /// When it is given up unless it gives a sign of life.
    fn dies_at(&self, profile: StreamProfile) -> Option<Timestamp> {
        let patience = match (self.role, profile.quiet) {
            (Role::Opening, quiet) => quiet.map_or(OPENING, |quiet| quiet.min(OPENING)),
            (Role::Live | Role::Ending, quiet) => quiet?,
        };
        Some(backoff::after(self.last_sign, patience))
    }
}

impl Streams {
    /// A group of which something is about to change.
    fn group_mut(&mut self, name: &str) -> Option<&mut Group> {
        let group = self.groups.get_mut(name)?;
        group.touched = true;
        Some(group)
    }
}

impl Group {
    fn with(&self, role: Role) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.role == role)
    }

    fn take(&mut self, role: Role) -> Option<Stream> {
        let at = self.streams.iter().position(|stream| stream.role == role)?;
        Some(self.streams.remove(at))
    }

    /// When the group's stream is to be opened, anew or for the first time; `None` while nothing asks for it. `wanted` are the
    /// subscriptions that there are.
    fn opens_at(&self, name: &str, wanted: &BTreeSet<String>, profile: StreamProfile) -> Option<Timestamp> {
        if wanted.is_empty() || self.with(Role::Opening).is_some() {
            return None;
        }
        let not_before = self.open_at.unwrap_or(Timestamp::MIN);
        let Some(live) = self.with(Role::Live) else { return Some(not_before) };
        let renewed = profile.life.map(|life| {
            let ahead = AHEAD.min(life / 4);
            backoff::after(live.began, life.saturating_sub(ahead + backoff::place(&name, ahead / 2)))
        });
        let grown = (!wanted.is_subset(&live.subscriptions)).then(|| backoff::after(live.began, LATER_MEMBERS));
        renewed.into_iter().chain(grown).min().map(|at| at.max(not_before))
    }
}

/// How changes of a connection are noticed.
pub(crate) struct Mode {
    pub name: &'static str,
    pub reason: Option<String>,
    pub latency: Option<Duration>,
    pub streams: usize,
    pub last_heartbeat: Option<Timestamp>,
    pub polled: usize,
}

impl Engine {
    /// Opens what is to be opened, waits on what is open, and gives up what is dead.
    pub(crate) fn drive_streams(&mut self, id: &str, now: Timestamp) {
        let Some(connection) = self.connections.get(id).filter(|c| !c.streams.groups.is_empty()) else { return };
        let names: Vec<Arc<str>> = connection.streams.groups.keys().cloned().collect();
        let works = connection.plan.active && matches!(connection.health, Health::Online) && connection.uses_streams();
        let Some(profile) = connection.plan.api.descriptor().streams.filter(|_| works) else {
            for name in &names {
                self.close_streams(id, name, now);
            }
            return;
        };
        let paused = !connection.is_open(now);
        let mut wake: Option<Timestamp> = None;
        for name in &names {
            let Some(group) = self.group(id, name) else { continue };
            if !group.touched && group.look.is_none_or(|at| at > now) {
                wake = wake.into_iter().chain(group.look).min();
                continue;
            }
            self.give_up_dead(id, name, profile, now);
            if !paused {
                self.open_if_due(id, name, profile, now);
            }
            self.wait_on_streams(id, name, now);
            // What waits for the end of a pause is not looked at with every event meanwhile.
            let soonest = if paused { backoff::after(now, PAUSED_LOOK) } else { Timestamp::MIN };
            let next = self.next_look(id, name, profile).map(|at| at.max(soonest));
            if let Some(group) = self.connections.get_mut(id).and_then(|c| c.streams.groups.get_mut(name)) {
                (group.look, group.touched) = (next, false);
            }
            wake = wake.into_iter().chain(next.filter(|at| *at > now)).min();
        }
        let Some(streams) = self.connections.get_mut(id).map(|c| &mut c.streams) else { return };
        if let Some(at) = wake.filter(|at| streams.wake.is_none_or(|set| set <= now || set > *at)) {
            streams.wake = Some(at);
            self.wheel.set(at, Timer::Streams(id.to_owned()));
        }
    }

    fn group(&self, connection: &str, name: &str) -> Option<&Group> {
        self.connections.get(connection)?.streams.groups.get(name)
    }

    /// A group of which something is about to change.
    fn group_mut(&mut self, connection: &str, name: &str) -> Option<&mut Group> {
        self.connections.get_mut(connection)?.streams.group_mut(name)
    }

    /// A mailbox's subscription is another one, or gone.
    pub(crate) fn touch_group_of(&mut self, key: &FeedKey) {
        if let Some(name) = self.feeds.get(key).and_then(|entry| entry.group.clone()) {
            self.group_mut(&key.connection, &name);
        }
    }

    /// The subscriptions that a group has.
    fn subscriptions_of(&self, group: &Group) -> BTreeSet<String> {
        let id = |key: &FeedKey| self.feeds.get(key)?.subscription.as_ref().map(|subscription| subscription.id.clone());
        group.members.iter().filter_map(id).collect()
    }

    fn next_look(&self, connection: &str, name: &str, profile: StreamProfile) -> Option<Timestamp> {
        let group = self.group(connection, name)?;
        let waits = group.streams.iter().filter(|s| s.wait.is_none()).map(|s| s.next);
        let deaths = group.streams.iter().filter_map(|s| s.dies_at(profile));
        waits.chain(deaths).chain(group.opens_at(name, &self.subscriptions_of(group), profile)).min()
    }

    fn open_if_due(&mut self, id: &str, name: &Arc<str>, profile: StreamProfile, now: Timestamp) {
        let Some(connection) = self.connections.get(id) else { return };
        let Some(group) = connection.streams.groups.get(name) else { return };
        let subscriptions = self.subscriptions_of(group);
        if group.opens_at(name, &subscriptions, profile).is_none_or(|at| at > now) {
            return;
        }
        let api = connection.plan.api.clone();
        let Some(streams) = self.connections.get_mut(id).map(|c| &mut c.streams) else { return };
        streams.named += 1;
        let stream = format!("{name}.{}", streams.named);
        let Some(group) = streams.groups.get_mut(name) else { return };
        group.streams.push(Stream {
            id: stream,
            api,
            role: Role::Opening,
            subscriptions,
            began: now,
            last_sign: now,
            cursor: None,
            wait: None,
            next: now,
        });
    }

    fn wait_on_streams(&mut self, id: &str, name: &Arc<str>, now: Timestamp) {
        let Some(group) = self.connections.get_mut(id).and_then(|c| c.streams.groups.get_mut(name)) else { return };
        for stream in group.streams.iter_mut().filter(|stream| stream.wait.is_none() && stream.next <= now) {
            stream.next = backoff::after(now, WAIT_PACE);
            let (api, ids) = (stream.api.clone(), stream.subscriptions.iter().cloned().collect());
            let (connection, group, stream_id, cursor) = (id.to_owned(), name.clone(), stream.id.clone(), stream.cursor.take());
            stream.wait = Some(self.streams.spawn(async move {
                let result = api.wait(stream_id.clone(), ids, cursor, WAIT).await;
                Waited::Stream(StreamWaited { connection, group, stream: stream_id, result })
            }));
        }
    }

    /// When a mailbox was last known to be right: by a read, or by its stream, which tells of every change (SEMANTICS P-26).
    pub(crate) fn verified(&self, entry: &FeedEntry) -> Option<Timestamp> {
        let read = entry.feed.last_verified?;
        let quiet = !entry.feed.dirty && !entry.busy && entry.first_notice.is_none();
        let believed = self.is_told(&entry.feed.key, self.clock.now());
        let told = entry.covered.is_some_and(|since| read >= since) && quiet && believed;
        let group = entry.group.as_ref().and_then(|name| self.group(&entry.feed.key.connection, name));
        let sign = group.map_or(entry.heard, |group| group.last_sign).filter(|_| told);
        Some(sign.map_or(read, |sign| sign.max(read)))
    }

    /// How changes of a connection are noticed, and how fast (SEMANTICS C-14).
    pub(crate) fn mode(&self, id: &str, connection: &Connection) -> Mode {
        let groups = || connection.streams.groups.values();
        let streams = groups().filter(|group| group.with(Role::Live).is_some()).count();
        let told = Some(self.settings.debounce_most);
        let trouble = groups().find_map(|group| group.trouble.as_ref()).or(connection.streams.trouble.as_ref()).cloned();
        let feeds = || self.feeds.iter().filter(|(key, _)| key.connection == id).map(|(_, entry)| entry);
        let by_signs = !connection.uses_hooks() || connection.hears_hooks();
        let polled = feeds().filter(|e| if by_signs { e.covered.is_none() } else { e.subscription.is_none() }).count();
        let untold = connection.untold.clone().filter(|_| polled > 0);
        let (name, reason, latency) = if !connection.has(Capability::Calendar) {
            ("none", None, None)
        } else if connection.uses_hooks() && (polled < feeds().count() || untold.is_none()) {
            ("hooks", untold, told)
        } else if connection.uses_hooks() {
            ("polling", untold, Some(connection.plan.poll))
        } else if connection.uses_streams() && (streams > 0 || trouble.is_none()) {
            ("streams", trouble, told)
        } else {
            ("polling", connection.no_way().or(trouble), Some(connection.plan.poll))
        };
        let now = self.clock.now();
        let (reason, latency, polled) = match connection.gaps.reason(now) {
            Some(gaps) if matches!(name, "streams" | "hooks") => (Some(gaps), Some(connection.plan.poll), feeds().count()),
            _ => (reason, latency, polled),
        };
        let last_heartbeat = groups().filter_map(|group| group.last_sign).chain(feeds().filter_map(|entry| entry.heard)).max();
        Mode { name, reason, latency, streams, last_heartbeat, polled: if matches!(name, "streams" | "hooks") { polled } else { 0 } }
    }
}
