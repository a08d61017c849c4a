//! Following streams: hints, signs of life, handing over to the next one, gaps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use calport_model::descriptor::StreamProfile;
use calport_model::notification::{Hint, HintKind};
use calport_model::{ConnectorError, ErrorKind};
use calport_store::FeedKey;
use jiff::Timestamp;

use super::{Role, Stream, StreamWaited};
use crate::actor::Engine;
use crate::backoff;
use crate::connection::Class;

/// Pauses between two attempts to open a stream.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// A stream that lived so long was no failure.
const STEADY: Duration = Duration::from_secs(60);
/// How long a group is left alone after the other side takes no more streams.
const NO_MORE: Duration = Duration::from_secs(300);

/// Why a stream ended.
enum End {
    /// The other side ended it in good order.
    Closed,
    /// Nothing came for too long.
    Silent,
    /// It failed.
    Failed(ConnectorError),
}

/// To the millisecond, as the store keeps times.
fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

impl Engine {
    /// A wait on a stream ended.
    pub(crate) async fn stream_waited(&mut self, waited: StreamWaited) {
        let now = self.clock.now();
        let StreamWaited { connection, group: name, stream: id, result } = waited;
        let without_heartbeats =
            self.connections.get(&connection).and_then(|c| c.plan.api.descriptor().streams).is_none_or(|p| p.quiet.is_none());
        let Some(group) = self.group_mut(&connection, &name) else { return };
        let Some(stream) = group.streams.iter_mut().find(|stream| stream.id == id) else { return };
        stream.wait = None;
        let result = match result {
            Ok(result) => result,
            Err(error) => return self.stream_ended(&connection, &name, &id, End::Failed(error), now),
        };
        stream.cursor = result.cursor;
        let closed = result.hints.iter().any(|hint| hint.kind == HintKind::Closed);
        let sign = without_heartbeats || result.hints.iter().any(|hint| hint.kind != HintKind::Closed);
        let role = stream.role;
        if sign {
            stream.last_sign = now;
            if role != Role::Ending {
                group.last_sign = Some(now);
            }
            if role == Role::Opening {
                self.stream_confirmed(&connection, &name, &id, now);
            }
        }
        self.take_stream_hints(&connection, &name, &id, result.hints, now).await;
        if sign && role == Role::Ending {
            // Its successor lives, and whatever was to be said before this sign has been said.
            if let Some(group) = self.group_mut(&connection, &name) {
                group.streams.retain(|stream| stream.id != id);
            }
        } else if closed {
            self.stream_ended(&connection, &name, &id, End::Closed, now);
        }
    }

    async fn take_stream_hints(&mut self, connection: &str, name: &str, stream: &str, hints: Vec<Hint>, now: Timestamp) {
        let (all, some): (Vec<Hint>, Vec<Hint>) =
            hints.into_iter().partition(|hint| hint.subscription.is_empty() && hint.mailbox.is_none());
        let (mut dirty, mut lost) = self.sort_hints(connection, some);
        for hint in all {
            match hint.kind {
                HintKind::Resync | HintKind::Changed => dirty.extend(self.told_by(connection, name, Some(stream))),
                HintKind::SubscriptionRemoved => lost.extend(self.told_by(connection, name, Some(stream))),
                HintKind::Reauthorise | HintKind::PresenceChanged(_) | HintKind::Heartbeat | HintKind::Closed => {}
            }
        }
        let keys: Vec<FeedKey> = dirty.iter().chain(&lost).cloned().collect();
        if keys.is_empty() {
            return;
        }
        if let Err(error) = self.store.mark_dirty(&keys).await {
            tracing::error!(code = "store-failed", %error, "notifications could not be stored; they are acted on all the same");
        }
        for key in dirty.difference(&lost) {
            self.notice(key, now);
        }
        let some_lost = !lost.is_empty();
        for key in lost {
            self.subscription_lost(&key, now).await;
        }
        if some_lost && self.told_by(connection, name, Some(stream)).is_empty() {
            // It tells of nobody any more: the next one is opened as soon as there are subscriptions.
            self.close_streams(connection, name, now);
        }
    }

    /// The members of a group that a stream tells of; with no stream, all of them.
    fn told_by(&self, connection: &str, name: &str, stream: Option<&str>) -> Vec<FeedKey> {
        let Some(group) = self.group(connection, name) else { return Vec::new() };
        let Some(id) = stream else { return group.members.iter().cloned().collect() };
        let told: Option<&BTreeSet<String>> = group.streams.iter().find(|s| s.id == id).map(|s| &s.subscriptions);
        let is_told = |key: &&FeedKey| {
            let subscription = self.feeds.get(*key).and_then(|entry| entry.subscription.as_ref());
            subscription.zip(told).is_some_and(|(subscription, told)| told.contains(&subscription.id))
        };
        group.members.iter().filter(is_told).cloned().collect()
    }

    /// The other side has confirmed a stream: it takes the place of the one before, which may say what it still has to say.
    /// Members of whom nothing proves that they are up to date are read once (SEMANTICS C-09).
    fn stream_confirmed(&mut self, connection: &str, name: &Arc<str>, id: &str, now: Timestamp) {
        let Some(streams) = self.connections.get_mut(connection).map(|c| &mut c.streams) else { return };
        let Some(group) = streams.group_mut(name) else { return };
        // One that was ending still when the next came round has had its time.
        drop(group.take(Role::Ending));
        if let Some(live) = group.streams.iter_mut().find(|stream| stream.role == Role::Live) {
            live.role = Role::Ending;
            live.last_sign = now;
        }
        if let Some(stream) = group.streams.iter_mut().find(|stream| stream.id == id) {
            stream.role = Role::Live;
        }
        let again = group.failures > 0;
        (group.open_at, group.gathering, group.trouble) = (None, None, None);
        let all: Vec<FeedKey> = group.members.iter().cloned().collect();
        let members = self.told_by(connection, name, Some(id));
        if again {
            tracing::info!(code = "stream-open", connection, group = &**name, mailboxes = members.len(), "the stream is open again");
        } else {
            tracing::debug!(code = "stream-open", connection, group = &**name, mailboxes = members.len(), "a stream is open");
        }
        let uncovered: Vec<FeedKey> =
            members.into_iter().filter(|key| self.feeds.get(key).is_some_and(|entry| entry.covered.is_none())).collect();
        self.cover(uncovered, now);
        // Who came too late for it is read now, and once more when the next stream tells of it.
        for key in all {
            if self.feeds.get(&key).is_some_and(|entry| !entry.prepared && entry.subscription.is_some()) {
                self.begin_reading(&key, now);
            }
        }
    }

    /// Streams tell of these mailboxes from now on: what was not read since is read once, spread over a while.
    fn cover(&mut self, keys: Vec<FeedKey>, now: Timestamp) {
        let since = whole_millis(now);
        let spread = Duration::from_secs(keys.len() as u64 / u64::from(self.settings.restart_rate.max(1)));
        for key in keys {
            let Some(entry) = self.feeds.get_mut(&key) else { continue };
            entry.covered = Some(since);
            if !entry.prepared {
                self.begin_reading(&key, now);
            } else if entry.feed.last_verified.is_none_or(|at| at < since) {
                let class = if entry.feed.dirty { Class::Live } else { Class::First };
                let at = if spread.is_zero() || entry.feed.dirty { now } else { backoff::after(now, backoff::place(&key, spread)) };
                self.schedule(&key, at, class);
            }
        }
    }

    /// A stream is over.
    fn stream_ended(&mut self, connection: &str, name: &Arc<str>, id: &str, end: End, now: Timestamp) {
        let Some(group) = self.group_mut(connection, name) else { return };
        let Some(at) = group.streams.iter().position(|stream| stream.id == id) else { return };
        let stream = group.streams.remove(at);
        let closed = matches!(end, End::Closed);
        match stream.role {
            Role::Ending if closed => {}
            Role::Ending => self.hand_over_failed(connection, name, &stream, now),
            Role::Live => {
                let steady = backoff::between(stream.began, now) >= STEADY;
                if steady {
                    group.failures = 0;
                }
                // One that ends as soon as it is open fails, whatever is said about it.
                let pause = if closed && steady {
                    Duration::ZERO
                } else {
                    group.failures += 1;
                    backoff::wait(group.failures, PAUSES.0, PAUSES.1)
                };
                group.open_at = Some(backoff::after(now, pause));
                match &end {
                    End::Closed => tracing::debug!(code = "stream-closed", connection, group = &**name, "the server ended a stream"),
                    End::Silent => tracing::warn!(
                        code = "stream-silent",
                        connection,
                        group = &**name,
                        "a stream gave no sign of life since {}; it is opened anew and its mailboxes are read",
                        stream.last_sign
                    ),
                    End::Failed(error) => tracing::warn!(
                        code = error.kind.code(),
                        connection,
                        group = &**name,
                        "a stream broke; it is opened anew and its mailboxes are read: {}",
                        error.message
                    ),
                }
                self.uncover(connection, name, now);
            }
            Role::Opening => self.opening_failed(connection, name, end, now),
        }
    }

    /// The one before broke off before it had said all: what it told of is read once.
    fn hand_over_failed(&mut self, connection: &str, name: &str, stream: &Stream, now: Timestamp) {
        let Some(group) = self.group(connection, name) else { return };
        let told = |key: &&FeedKey| {
            let subscription = self.feeds.get(*key).and_then(|entry| entry.subscription.as_ref());
            subscription.is_some_and(|subscription| stream.subscriptions.contains(&subscription.id))
        };
        let keys: Vec<FeedKey> = group.members.iter().filter(told).cloned().collect();
        tracing::debug!(code = "stream-cut", connection, group = name, mailboxes = keys.len(), "the stream before broke off");
        if group.with(Role::Live).is_some() {
            self.cover(keys, now);
        }
    }

    fn opening_failed(&mut self, connection: &str, name: &Arc<str>, end: End, now: Timestamp) {
        let (kind, message) = match end {
            End::Failed(error) => {
                if !matches!(error.kind, ErrorKind::Throttled(_) | ErrorKind::Unsupported) {
                    self.connection_failed(connection, &error, now);
                }
                (Some(error.kind), error.message)
            }
            End::Silent => (None, "the server did not confirm the stream".to_owned()),
            End::Closed => (None, "the server ended the stream at once".to_owned()),
        };
        let life = self.connections.get(connection).and_then(|c| c.plan.api.descriptor().streams).and_then(|profile| profile.life);
        let Some(streams) = self.connections.get_mut(connection).map(|c| &mut c.streams) else { return };
        streams.refused |= kind == Some(ErrorKind::Unsupported);
        let Some(group) = streams.group_mut(name) else { return };
        group.failures += 1;
        let full = matches!(kind, Some(ErrorKind::Throttled(_)));
        let ends_soon = |live: &Stream| life.is_some_and(|life| backoff::between(live.began, now) >= life / 2);
        let pause = match kind {
            // No room for two of them: the next is opened when the last has ended.
            Some(ErrorKind::Throttled(_)) if group.with(Role::Live).is_some_and(ends_soon) => {
                drop(group.take(Role::Live));
                PAUSES.0
            }
            Some(ErrorKind::Throttled(wait)) => wait.unwrap_or(NO_MORE),
            _ => backoff::wait(group.failures, PAUSES.0, PAUSES.1),
        };
        group.open_at = Some(backoff::after(now, pause));
        let lives = group.with(Role::Live).is_some();
        let first = group.trouble.is_none();
        if !lives {
            group.trouble = Some(message.clone());
        }
        if first {
            tracing::warn!(
                code = if full { "streams-full" } else { "stream-refused" },
                connection,
                group = &**name,
                "a stream could not be opened; its mailboxes are polled until it can: {message}"
            );
        }
        if !lives {
            self.uncover(connection, name, now);
        }
    }

    /// No stream tells of the group's mailboxes: they are polled.
    fn uncover(&mut self, connection: &str, name: &str, now: Timestamp) {
        let keys = self.told_by(connection, name, None);
        for key in &keys {
            if let Some(entry) = self.feeds.get_mut(key) {
                entry.covered = None;
                if !entry.prepared && !entry.preparing {
                    self.begin_reading(key, now);
                }
            }
        }
        self.rest_reads(&keys, now);
    }

    /// Brings routine reads forward to what holds for mailboxes of which nothing tells.
    pub(crate) fn rest_reads(&mut self, keys: &[FeedKey], now: Timestamp) {
        for key in keys {
            if self.feeds.get(key).is_some_and(|entry| entry.prepared) {
                let at = self.next_routine_read(key, now);
                self.schedule(key, at, Class::Reconcile);
            }
        }
    }

    /// Gives up streams without a sign of life.
    pub(super) fn give_up_dead(&mut self, connection: &str, name: &Arc<str>, profile: StreamProfile, now: Timestamp) {
        let Some(group) = self.group(connection, name) else { return };
        let dead = |stream: &&Stream| stream.dies_at(profile).is_some_and(|at| at <= now);
        let dead: Vec<String> = group.streams.iter().filter(dead).map(|stream| stream.id.clone()).collect();
        for id in dead {
            self.stream_ended(connection, name, &id, End::Silent, now);
        }
    }

    /// The connection is off line, switched off, or told otherwise: its streams end. They are opened again when it is back.
    pub(super) fn close_streams(&mut self, connection: &str, name: &str, now: Timestamp) {
        let Some(group) = self.group_mut(connection, name) else { return };
        if group.streams.is_empty() {
            return;
        }
        group.streams.clear();
        (group.open_at, group.gathering) = (None, None);
        self.uncover(connection, name, now);
    }
}
