//! Taking up what the store holds, and taking over a new plan (SEMANTICS P-30, R-05).

use std::collections::BTreeSet;
use std::time::Duration;

use calport_model::descriptor::{CheckReport, Severity};
use calport_model::{Capability, ConnectorError, Window};
use calport_rules::presence::CALL_LAYER;
use calport_store::{FeedKey, PresenceRow, StoreError};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::basis::freshness_of;
use crate::calendars::CalendarEntry;
use crate::calls::Calls;
use crate::connection::{Class, Connection, Health, Work};
use crate::feed::{FeedEntry, FeedState};
use crate::people::PersonEntry;
use crate::plan::{PersonPlan, Plan};
use crate::status::{ConnectionStatus, LatencyStatus, PersonStatus, ProgressStatus, Status};
use crate::wheel::Timer;

/// How long after a start mailboxes wait for their streams before they are read.
const STREAM_AT_START: Duration = Duration::from_secs(60);

/// How the row of a place where a person is no longer shown is named.
fn left_place(row: &PresenceRow) -> String {
    format!("{}\u{1f}{}\u{1f}{}", row.person, row.sink, row.user)
}

impl Engine {
    /// Takes up feeds, subscriptions and presence from the store.
    pub(crate) async fn load(&mut self) -> Result<(), StoreError> {
        for feed in self.store.feeds().await? {
            self.feeds.insert(feed.key.clone(), Box::new(FeedEntry::new(feed)));
        }
        for subscription in self.store.subscriptions().await? {
            let key = FeedKey::new(subscription.connection.clone(), subscription.mailbox.clone());
            if !subscription.secret.is_empty() {
                self.secrets.add(&subscription.connection, &subscription.secret);
            }
            self.by_subscription.insert((subscription.connection.clone(), subscription.id.clone()), key.clone());
            if let Some(entry) = self.feeds.get_mut(&key) {
                entry.subscription = Some(subscription);
            }
        }
        for row in self.store.presence().await? {
            self.presence.insert(row.person.clone(), Box::new(row));
        }
        self.load_by_hand().await
    }

    /// The window of a read that begins now.
    pub(crate) fn window(&self, now: Timestamp) -> Window {
        Window { start: backoff::before(now, self.settings.window_back), end: backoff::after(now, self.settings.window_ahead) }
    }

    /// Works by a plan from now on.
    pub(crate) async fn take_plan(&mut self, plan: Plan) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.settings = plan.settings;
        self.take_connections(plan.connections.into_values());
        let matches: std::collections::HashMap<String, _> =
            self.store.people().await?.into_iter().map(|row| (row.person.clone(), row)).collect();
        let gone: Vec<String> = self.people.keys().filter(|id| !plan.people.contains_key(*id)).cloned().collect();
        for id in gone {
            self.drop_person(&id).await?;
        }
        for (id, person) in plan.people {
            self.take_person(id, person, &matches, now).await;
        }
        self.take_calendars(&matches, now).await;
        self.leave_unknown_places();
        self.drop_idle_feeds().await?;
        self.leave_unused_streams().await;
        self.index_sinks();
        let calendars = self.calendars.values().map(|c| c.plan.connection.clone());
        let sources: BTreeSet<String> = self.people.values().map(|p| p.plan.source.clone()).chain(calendars).collect();
        for source in sources {
            self.resolve_due(&source);
        }
        let ids: Vec<String> = self.people.keys().cloned().collect();
        for id in ids {
            self.recompute(&id);
        }
        if !std::mem::replace(&mut self.taken_up, true) {
            self.take_up_presence(now);
        }
        self.begin_alerts(now);
        Ok(())
    }

    /// Who is who at the sinks, whose overrules count, and whose calls.
    fn index_sinks(&mut self) {
        self.by_user.clear();
        self.watched_sinks.clear();
        self.call_users.clear();
        for (id, person) in self.people.iter().filter(|(_, person)| person.plan.active) {
            let plan = &person.plan;
            self.by_user.insert((plan.sink.clone(), plan.user.clone()), id.clone());
            if plan.overrules {
                self.watched_sinks.insert(plan.sink.clone());
            }
            if plan.rules.signals.contains_key(CALL_LAYER) {
                self.call_users.entry(plan.sink.clone()).or_default().push(plan.user.clone());
            }
        }
    }

    fn take_connections(&mut self, plans: impl Iterator<Item = crate::plan::ConnectionPlan>) {
        let mut named = BTreeSet::new();
        for plan in plans {
            named.insert(plan.id.clone());
            match self.connections.get_mut(&plan.id) {
                None => {
                    let (id, now) = (plan.id.clone(), self.clock.now());
                    self.connections.insert(id.clone(), Connection::new(plan));
                    self.sweep_hooks(&id, now);
                }
                Some(connection) => {
                    let same = std::sync::Arc::ptr_eq(&connection.plan.api, &plan.api);
                    let told_otherwise = connection.plan.notify != plan.notify;
                    connection.plan = plan;
                    if told_otherwise {
                        connection.health = Health::Unchecked;
                    }
                    if !same {
                        connection.health = Health::Unchecked;
                        connection.paused_until = None;
                        connection.watch.begin_anew();
                        connection.calls = Calls::default();
                    }
                }
            }
        }
        self.connections.retain(|id, connection| {
            let keep = named.contains(id);
            if !keep {
                connection.clear_queues();
            }
            keep
        });
    }

    async fn take_person(
        &mut self,
        id: String,
        plan: PersonPlan,
        matches: &std::collections::HashMap<String, calport_store::PersonRow>,
        now: Timestamp,
    ) {
        self.leave_old_place(&id, &plan);
        let known = matches.get(&id).filter(|row| row.source == plan.source && row.mailbox.is_some()).cloned();
        match self.people.get_mut(&id) {
            Some(person) => {
                let moved = person.plan.source != plan.source || person.plan.addresses != plan.addresses;
                person.plan = plan;
                if moved {
                    self.untie(&id);
                }
            }
            None => {
                let active = plan.active;
                let mut person = PersonEntry::new(plan);
                // What was on its way when an earlier run ended may have arrived (SEMANTICS B-40).
                let row = self.presence.get(&id).filter(|row| row.acknowledged < row.sequence);
                person.doubtful.extend(row.and_then(|row| row.wanted.clone()));
                self.people.insert(id.clone(), Box::new(person));
                if let (Some(row), true) = (known, active) {
                    self.take_up(row, now).await;
                }
            }
        }
    }

    /// A match from an earlier run: the feed goes on from its cursor, spread over time (SEMANTICS R-05).
    async fn take_up(&mut self, row: calport_store::PersonRow, now: Timestamp) {
        let Some(mailbox) = row.mailbox.clone() else { return };
        let key = FeedKey::new(row.source.clone(), mailbox);
        let Some(entry) = self.feeds.get_mut(&key).filter(|e| e.feed.complete) else {
            self.take_match(row, now).await;
            return;
        };
        entry.prepared = true;
        entry.full = self.settings.full_read_at_start;
        let vip = self.people.get(&row.person).is_some_and(|p| p.plan.vip);
        if let Some(entry) = self.feeds.get_mut(&key) {
            entry.vip |= vip;
            if !entry.people.contains(&row.person) {
                entry.people.push(row.person.clone());
            }
        }
        if let Some(person) = self.people.get_mut(&row.person) {
            person.feed = Some(key.clone());
            person.resolution = Some(row.into());
        }
        let dirty = self.feeds.get(&key).is_some_and(|e| e.feed.dirty);
        let rate = u64::from(self.settings.restart_rate.max(1));
        let spread = Duration::from_secs((self.feeds.len() as u64 / rate).min(3600));
        let mut at = if dirty || spread.is_zero() { now } else { backoff::after(now, backoff::place(&key, spread)) };
        if !dirty && self.connections.get(&key.connection).is_some_and(Connection::uses_streams) {
            // It is read as soon as a stream tells of it; now it would be read twice.
            at = at.max(backoff::after(now, STREAM_AT_START));
        }
        self.schedule(&key, at, if dirty { Class::Live } else { Class::Reconcile });
        self.absence_wanted(&key, now);
    }

    /// A person's sink or user is another one: the old place is cleared.
    fn leave_old_place(&mut self, id: &str, plan: &PersonPlan) {
        let moved = self.presence.get(id).is_some_and(|row| row.sink != plan.sink || row.user != plan.user);
        if moved && let Some(row) = self.presence.remove(id) {
            self.leave(*row);
            // What was set at the old sink does not hold at the new one.
            self.end_by_hand(id, self.clock.now());
        }
    }

    /// Clears a place under a name of its own, so that the person can be shown elsewhere at once.
    fn leave(&mut self, row: PresenceRow) {
        if row.shown.is_none() && row.wanted.is_none() {
            return;
        }
        let name = left_place(&row);
        let sink = row.sink.clone();
        let left = PresenceRow { person: name.clone(), sequence: row.sequence + 1, wanted: None, ..row };
        self.presence.insert(name.clone(), Box::new(left));
        self.enqueue(&sink, &name);
    }

    async fn drop_person(&mut self, id: &str) -> Result<(), StoreError> {
        self.untie(id);
        self.people.remove(id);
        if let Some(row) = self.presence.remove(id) {
            self.leave(*row);
            self.store.remove_presence(id).await?;
        }
        self.store.remove_person(id).await
    }

    /// Presence of an earlier run whose person is no longer there.
    fn leave_unknown_places(&mut self) {
        let unknown: Vec<String> = self.presence.keys().filter(|id| !self.people.contains_key(*id)).cloned().collect();
        for id in unknown {
            if id.contains('\u{1f}') {
                if let Some(sink) = self.presence.get(&id).map(|r| r.sink.clone()) {
                    self.enqueue(&sink, &id);
                }
            } else if let Some(row) = self.presence.remove(&id) {
                self.leave(*row);
            }
        }
    }

    fn untie(&mut self, id: &str) {
        if let Some(key) = self.people.get_mut(id).and_then(|p| p.feed.take())
            && let Some(entry) = self.feeds.get_mut(&key)
        {
            entry.people.retain(|p| p != id);
        }
    }

    /// Mailboxes of which nobody is left are forgotten, with their subscriptions.
    async fn drop_idle_feeds(&mut self) -> Result<(), StoreError> {
        let further = self.calendars.values().filter_map(|calendar| calendar.feed.clone());
        let tied: std::collections::HashSet<FeedKey> = self.people.values().filter_map(|p| p.feed.clone()).chain(further).collect();
        let idle: Vec<FeedKey> = self
            .feeds
            .iter()
            .filter(|(key, entry)| entry.people.is_empty() && !tied.contains(key) && !self.may_come_back(key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in idle {
            let removed = self.feeds.remove(&key);
            if let Some(group) = removed.as_ref().and_then(|entry| entry.group.clone()) {
                self.leave_group(&key, &group).await;
            }
            if let Some(subscription) = removed.and_then(|entry| entry.subscription) {
                self.by_subscription.remove(&(key.connection.clone(), subscription.id.clone()));
                self.secrets.remove(&key.connection, &subscription.secret);
                if let Some(connection) = self.connections.get_mut(&key.connection) {
                    connection.push(Class::Renewal, Work::Unsubscribe(vec![subscription.id]));
                }
            }
            self.store.remove_feed(&key).await?;
        }
        Ok(())
    }

    /// Whether a mailbox without people belongs to somebody who is being matched right now.
    fn may_come_back(&self, key: &FeedKey) -> bool {
        let person = |p: &PersonEntry| p.plan.source == key.connection && p.feed.is_none() && p.resolution.is_none() && p.plan.active;
        let calendar = |c: &CalendarEntry| c.plan.connection == key.connection && c.feed.is_none() && c.resolution.is_none();
        self.people.values().any(|p| person(p)) || self.calendars.values().any(calendar)
    }

    /// Switches a connection on or off.
    pub(crate) fn activate(&mut self, id: &str, active: bool) -> bool {
        let Some(connection) = self.connections.get_mut(id) else { return false };
        connection.plan.active = active;
        if active {
            connection.health = Health::Unchecked;
        }
        let people: Vec<String> =
            self.people.iter().filter(|(_, p)| p.plan.source == id || p.plan.sink == id).map(|(id, _)| id.clone()).collect();
        for person in people {
            self.recompute(&person);
        }
        true
    }

    /// The connector behind a connection is another one: it is checked, then work goes on from the cursors.
    pub(crate) fn connector_changed(&mut self, id: &str) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.health = Health::Unchecked;
            connection.failures = 0;
            connection.paused_until = None;
            connection.watch.begin_anew();
            connection.calls = Calls::default();
        }
    }

    /// A check ended.
    pub(crate) async fn checked(&mut self, id: &str, began: Timestamp, result: Result<CheckReport, ConnectorError>) {
        let now = self.clock.now();
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.checking = false;
        match result {
            Ok(report) => {
                let name = connection.plan.api.descriptor().display_name.clone();
                connection.server =
                    if report.version.is_empty() { report.server.clone() } else { format!("{}({})", report.server, report.version) };
                connection.health = Health::Online;
                connection.failures = 0;
                connection.hooks_waiting = true;
                let what = if connection.server.starts_with(&name) { String::new() } else { format!("{name} ") };
                let duration_ms = backoff::between(began, now).as_millis() as u64;
                tracing::info!(code = "connected", connection = id, duration_ms, "Connected to {what}{}", connection.server);
                for finding in report.findings {
                    let (severity, remedy, text) = (finding.severity.as_str(), finding.remedy, finding.message);
                    match finding.severity {
                        Severity::Info => tracing::info!(code = "finding", connection = id, severity, "{text}"),
                        Severity::Warning => tracing::warn!(code = "finding", connection = id, severity, remedy, "{text}"),
                        Severity::Problem => tracing::error!(code = "finding", connection = id, severity, remedy, "{text}"),
                    }
                }
                connection.streams.refused = false;
                connection.untold = None;
                let (streams, calendar) = (connection.uses_streams(), connection.has(Capability::Calendar));
                if connection.uses_hooks() {
                    connection.push(Class::Renewal, Work::Inventory);
                } else {
                    self.end_leftovers(id).await;
                }
                if streams {
                    self.begin_streams(id);
                }
                if calendar {
                    self.resolve_due(id);
                }
            }
            Err(error) => {
                connection.failures += 1;
                connection.go_offline(error.clone(), now);
                self.said_offline(id, &error);
            }
        }
    }

    /// Notes a failure that may take a connection off line.
    pub(crate) fn connection_failed(&mut self, id: &str, error: &ConnectorError, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let was_online = matches!(connection.health, Health::Online);
        if was_online && connection.failed(error, now) {
            self.said_offline(id, error);
        }
    }

    fn said_offline(&mut self, id: &str, error: &ConnectorError) {
        let Some(Health::Offline { next_try, .. }) = self.connections.get(id).map(|c| c.health.clone()) else { return };
        self.wheel.set(next_try, Timer::Connection(id.to_owned()));
        tracing::error!(
            code = error.kind.code(),
            blame = error.blame().as_str(),
            connection = id,
            vendor_code = error.code,
            request_id = error.request_id,
            retry_at = %next_try,
            "the connection is off line: {}",
            error.message
        );
    }

    /// How things are.
    pub(crate) fn status(&self) -> Status {
        let latency = |l: &crate::latency::Latency| LatencyStatus {
            count: l.count(),
            p50: l.quantile(0.5).map(|d| d.as_millis() as u64),
            p99: l.quantile(0.99).map(|d| d.as_millis() as u64),
        };
        let now = self.clock.now();
        Status {
            now,
            publish: self.settings.publish,
            connections: self.connections.iter().map(|(id, c)| self.connection_status(id, c)).collect(),
            people: self.people.iter().map(|(id, p)| self.person_status(id, p)).collect(),
            progress: self.progress.as_ref().map(|p| {
                let seconds = backoff::between(p.began, now).as_secs_f64();
                let rate = if seconds > 0.0 { p.done as f64 / seconds } else { 0.0 };
                let left = p.total.saturating_sub(p.done) as f64;
                ProgressStatus { done: p.done, total: p.total, rate, seconds_left: (rate > 0.0).then(|| (left / rate) as u64) }
            }),
            change_latency: latency(&self.change_latency),
            boundary_lag: latency(&self.boundary_lag),
            syncs: self.counters.syncs,
            full_reads: self.counters.full_reads,
            computations: self.counters.computations,
            published: self.counters.published,
            pending: self.jobs.len() + self.compute.len() + self.connections.values().map(|c| c.waiting() + c.publish.len()).sum::<usize>(),
        }
    }

    fn connection_status(&self, id: &str, connection: &Connection) -> ConnectionStatus {
        let descriptor = connection.plan.api.descriptor();
        let mode = self.mode(id, connection);
        let feeds = || self.feeds.iter().filter(|(key, _)| key.connection == id);
        let (reason, blame, next_try) = match &connection.health {
            Health::Offline { error, next_try } => (Some(error.message.clone()), Some(error.blame().as_str()), Some(*next_try)),
            Health::Unchecked | Health::Online => (None, None, None),
        };
        ConnectionStatus {
            id: id.to_owned(),
            connector: descriptor.display_name.clone(),
            connector_version: descriptor.version.clone(),
            state: connection.state(),
            server: connection.server.clone(),
            reason,
            blame,
            next_try,
            mode: mode.name,
            mode_reason: mode.reason,
            expected_latency_s: mode.latency.map(|latency| latency.as_secs()),
            streams: mode.streams,
            last_heartbeat: mode.last_heartbeat,
            polled: mode.polled,
            missed_notifications: connection.gaps.total,
            mailboxes: feeds().count(),
            troubled: feeds().filter(|(_, e)| e.state != FeedState::Live).count(),
            subscriptions: feeds().filter(|(_, e)| e.subscription.is_some()).count(),
            in_flight: connection.in_flight,
            limit: connection.limit,
            waiting: connection.waiting() + connection.publish.len(),
        }
    }

    fn person_status(&self, id: &str, person: &PersonEntry) -> PersonStatus {
        let feed = person.feed.as_ref().and_then(|key| self.feeds.get(key));
        let row = self.presence.get(id);
        PersonStatus {
            id: id.to_owned(),
            name: person.plan.name.clone(),
            source: person.plan.source.clone(),
            mailbox: person.feed.as_ref().map(|k| k.mailbox.clone()),
            resolution: if person.plan.active { person.resolution_state().as_str() } else { "off" },
            detail: person.resolution.as_ref().map(|r| r.detail.to_string()).unwrap_or_default(),
            feed: feed.map_or("", |e| e.state.as_str()),
            feed_reason: feed.and_then(|e| e.state.reason().map(str::to_owned)),
            last_verified: feed.and_then(|e| self.verified(e)),
            sink: person.plan.sink.clone(),
            user: person.plan.user.clone(),
            wanted: row.and_then(|r| r.wanted.clone()),
            shown: row.and_then(|r| r.shown.clone()),
            in_step: row.is_none_or(|r| r.acknowledged == r.sequence),
            sink_error: person.sink_error.clone(),
            calendars: self.calendar_statuses(&person.plan),
            overruled: self.by_hand.get(id).is_some_and(|kept| kept.iter().any(|one| one.manual.ended_at.is_none())),
            freshness: feed.filter(|entry| entry.feed.complete).map(|entry| {
                let now = self.clock.now();
                let period = self.routine_period(&entry.feed.key, now);
                freshness_of(self.verified(entry), period, self.settings.unknown_after, now)
            }),
            next_change: person.boundary,
        }
    }
}
