//! From a wish to a sink: showing presence (SEMANTICS P-27 to P-30, R-07).

use std::time::Duration;

use calport_model::presence::{PresenceCommand, PresenceReceipt, PresenceUpdate};
use calport_model::{ConnectorApi, ConnectorError, ErrorKind, ErrorScope, PresenceValue};
use calport_store::{AuditEntry, PresenceRow, Store};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::connection::Connection;
use crate::wheel::Timer;

/// Values that may have arrived, kept for one person.
const MOST_DOUBTFUL: usize = 8;
/// Batches on their way to one sink at a time.
const MOST_PUBLISHING: usize = 2;

/// Shows values at a sink. The wish is on disk before it is sent, the answer after it came (SEMANTICS P-27).
pub(crate) async fn publish(
    store: &Store,
    api: &dyn ConnectorApi,
    sink: &str,
    mut rows: Vec<PresenceRow>,
    clock: &dyn calport_model::Clock,
) -> (Vec<PresenceRow>, Vec<Result<PresenceReceipt, ConnectorError>>) {
    if let Err(error) = store.set_presence(&rows).await {
        let error = ConnectorError::new(ErrorKind::Unavailable, ErrorScope::Item, error.to_string());
        let answers = rows.iter().map(|_| Err(error.clone())).collect();
        return (rows, answers);
    }
    let updates = rows
        .iter()
        .map(|row| PresenceUpdate {
            user: row.user.clone(),
            command: row.wanted.clone().map_or(PresenceCommand::Clear, PresenceCommand::Set),
            token: row.token.clone(),
            sequence: row.sequence,
        })
        .collect();
    let answers = match api.set_presence(updates).await {
        Ok(answers) => answers,
        Err(error) => rows.iter().map(|_| Err(error.clone())).collect(),
    };
    let now = clock.now();
    let mut audit = Vec::new();
    for (row, answer) in rows.iter_mut().zip(&answers) {
        let Ok(receipt) = answer else { continue };
        row.token.clone_from(&receipt.token);
        row.expires = receipt.expires.filter(|_| row.wanted.is_some());
        row.shown_at = Some(now);
        if row.acknowledged == row.sequence {
            // A lease was renewed: nothing else is shown than before.
            continue;
        }
        audit.push(AuditEntry {
            at: now,
            subject: row.person.clone(),
            action: if row.wanted.is_some() { "presence.set" } else { "presence.clear" }.to_owned(),
            cause: format!("{sink}/{} #{}", row.user, row.sequence),
            before: row.shown.as_ref().and_then(|v| serde_json::to_string(v).ok()),
            after: row.wanted.as_ref().and_then(|v| serde_json::to_string(v).ok()),
        });
        row.acknowledged = row.sequence;
        row.shown.clone_from(&row.wanted);
        if let (Some(shown), Some(stored)) = (&mut row.shown, &receipt.stored_text) {
            shown.text.clone_from(stored);
        }
    }
    let stored = async {
        store.set_presence(&rows).await?;
        store.add_audit(&audit).await
    };
    if let Err(error) = stored.await {
        tracing::error!(code = "store-failed", %error, "what the sink took could not be stored; it is sent again after a restart");
    }
    (rows, answers)
}

/// Half way between two instants.
fn half_way(from: Timestamp, to: Timestamp) -> Timestamp {
    backoff::after(from, backoff::between(from, to) / 2)
}

/// Whether the sink would let the value lapse before its end.
fn lapses_too_early(row: &PresenceRow) -> bool {
    let Some(value) = &row.shown else { return false };
    row.expires.is_some_and(|expires| value.until.is_none_or(|until| until > expires))
}

impl Engine {
    /// Notes what is to be shown; only a difference is published (SEMANTICS P-27).
    pub(crate) fn want(&mut self, id: &str, value: Option<PresenceValue>) {
        let noticed = self.people.get(id).and_then(|p| p.feed.as_ref()).and_then(|k| self.feeds.get_mut(k)).and_then(|e| e.noticed.take());
        let Some(person) = self.people.get_mut(id) else { return };
        if noticed.is_some() {
            person.noticed = noticed;
        }
        let (sink, user) = (person.plan.sink.clone(), person.plan.user.clone());
        if value.is_none() && !self.presence.contains_key(id) {
            return;
        }
        let row = self.presence.entry(id.to_owned()).or_insert_with(|| {
            Box::new(PresenceRow {
                person: id.to_owned(),
                sink: sink.clone(),
                user: user.clone(),
                sequence: 0,
                wanted: None,
                acknowledged: 0,
                shown: None,
                token: None,
                shown_at: None,
                expires: None,
            })
        });
        if row.wanted == value && (row.acknowledged == row.sequence || row.sequence == 0 && value.is_none()) {
            if let Some(person) = self.people.get_mut(id) {
                person.noticed = None;
                person.boundary_hit = None;
            }
            return;
        }
        if row.wanted == value {
            // The same wish is on its way: its answer, or the next try after a failure, settles it (SEMANTICS P-27).
            if self.people.get(id).is_some_and(|p| p.publishing) {
                return;
            }
        } else {
            row.wanted = value;
            row.sequence += 1;
        }
        if let Some(person) = self.people.get_mut(id) {
            person.sink_failures = 0;
        }
        self.enqueue(&sink, id);
    }

    /// Puts a row into its sink's queue.
    pub(crate) fn enqueue(&mut self, sink: &str, id: &str) {
        if let Some(connection) = self.connections.get_mut(sink)
            && connection.publish_set.insert(id.to_owned())
        {
            connection.publish.push_back(id.to_owned());
        }
    }

    /// Whether a batch could go out to a sink now.
    pub(crate) fn can_publish(&self, connection: &Connection, now: Timestamp) -> bool {
        self.settings.publish
            && !connection.publish.is_empty()
            && connection.publishing < MOST_PUBLISHING
            && matches!(connection.health, crate::connection::Health::Online)
            && connection.paused_until.is_none_or(|t| t <= now)
            && connection.next_publish.is_none_or(|t| t <= now)
            && !connection.watch.holds(now)
    }

    /// Takes the next batch for a sink: each person's newest value, one under way per person (SEMANTICS R-07).
    pub(crate) fn take_batch(&mut self, sink: &str, now: Timestamp) -> Option<Vec<PresenceRow>> {
        let connection = self.connections.get(sink)?;
        if !self.can_publish(connection, now) {
            return None;
        }
        let profile = connection.plan.api.descriptor();
        let (size, rate) = profile.sink.as_ref().map_or((1, 0), |s| (s.batch_size.max(1), s.changes_per_second));
        let connection = self.connections.get_mut(sink)?;
        let mut rows = Vec::new();
        for _ in 0..connection.publish.len() {
            if rows.len() >= size {
                break;
            }
            let Some(id) = connection.publish.pop_front() else { break };
            let busy = self.people.get(&id).is_some_and(|p| p.publishing);
            if busy {
                connection.publish.push_back(id);
                continue;
            }
            connection.publish_set.remove(&id);
            // What is in step goes out again only to renew a lease.
            if let Some(row) = self.presence.get(&id).filter(|row| row.acknowledged < row.sequence || row.expires.is_some()) {
                if let Some(person) = self.people.get_mut(&id) {
                    person.publishing = true;
                }
                rows.push(PresenceRow::clone(row));
            }
        }
        if rows.is_empty() {
            return None;
        }
        connection.publishing += 1;
        if rate > 0 {
            let pause = Duration::from_secs_f64(rows.len() as f64 / f64::from(rate));
            let at = backoff::after(now, pause);
            connection.next_publish = Some(at);
            self.wheel.set(at, Timer::Publish(sink.to_owned()));
        }
        Some(rows)
    }

    /// A sink answered.
    pub(crate) fn published(&mut self, sink: &str, rows: Vec<PresenceRow>, answers: Vec<Result<PresenceReceipt, ConnectorError>>) {
        let now = self.clock.now();
        if let Some(connection) = self.connections.get_mut(sink) {
            connection.publishing = connection.publishing.saturating_sub(1);
        }
        // What befalls the connection befalls a whole batch: that is one failure (SEMANTICS R-08).
        let failed = || answers.iter().filter_map(|answer| answer.as_ref().err());
        if let Some(error) = failed().find(|error| error.scope == ErrorScope::Connection).or_else(|| failed().next()) {
            self.connection_failed(sink, error, now);
        }
        for (sent, answer) in rows.into_iter().zip(answers) {
            if let Some(person) = self.people.get_mut(&sent.person) {
                person.publishing = false;
                if std::mem::take(&mut person.read_again)
                    && let Some(connection) = self.connections.get_mut(sink)
                {
                    connection.watch.read(&sent.user);
                }
            }
            match answer {
                Ok(_) => self.shown(sink, sent, now),
                Err(error) => self.not_shown(sink, sent, &error, now),
            }
        }
    }

    fn shown(&mut self, sink: &str, sent: PresenceRow, now: Timestamp) {
        if let Some(connection) = self.connections.get_mut(sink) {
            connection.succeeded();
        }
        if let Some(person) = self.people.get_mut(&sent.person) {
            person.doubtful = Vec::new();
        }
        let Some(row) = self.presence.get_mut(&sent.person) else { return };
        row.expires = sent.expires.filter(|_| lapses_too_early(&sent));
        if let Some(expires) = row.expires {
            self.wheel.set(half_way(now, expires), Timer::Lease(sent.person.clone()));
        }
        if row.acknowledged >= sent.sequence {
            row.token.clone_from(&sent.token);
            row.shown_at = sent.shown_at;
            if row.acknowledged < row.sequence {
                self.enqueue(sink, &sent.person);
            }
            return;
        }
        self.counters.published += 1;
        row.acknowledged = row.acknowledged.max(sent.acknowledged);
        row.shown.clone_from(&sent.shown);
        row.token.clone_from(&sent.token);
        row.shown_at = sent.shown_at;
        let (id, in_step, cleared) = (row.person.clone(), row.sequence == sent.sequence, row.wanted.is_none());
        tracing::info!(
            code = "presence-shown",
            connection = sink,
            person = id,
            user = row.user,
            availability = sent.shown.as_ref().map_or("none", |v| v.availability.as_str()),
            text = sent.shown.as_ref().map_or("", |v| v.text.as_str()),
            "presence is shown"
        );
        if let Some(person) = self.people.get_mut(&id) {
            person.sink_failures = 0;
            person.sink_error = None;
            if let Some(noticed) = person.noticed.take() {
                self.change_latency.note(backoff::between(noticed, now));
            }
            if let Some(boundary) = person.boundary_hit.take() {
                self.boundary_lag.note(backoff::between(boundary, now));
            }
        }
        if !in_step {
            self.enqueue(sink, &id);
        } else if cleared && !self.people.contains_key(&id) {
            self.presence.remove(&id);
            let (store, id) = (self.store.clone(), id);
            self.jobs.spawn(async move {
                if let Err(error) = store.remove_presence(&id).await {
                    tracing::error!(code = "store-failed", %error, "a cleared presence could not be forgotten");
                }
                crate::dispatch::Done::Nothing
            });
        }
    }

    fn not_shown(&mut self, sink: &str, sent: PresenceRow, error: &ConnectorError, now: Timestamp) {
        let id = sent.person.as_str();
        let mut failures = 1;
        if let Some(person) = self.people.get_mut(id) {
            if let Some(value) = sent.wanted
                && !person.doubtful.contains(&value)
            {
                // The oldest of many has been sent over several times.
                person.doubtful.truncate(MOST_DOUBTFUL - 1);
                person.doubtful.insert(0, value);
            }
            person.sink_failures += 1;
            failures = person.sink_failures;
            if person.sink_error.as_deref() != Some(error.message.as_str()) {
                tracing::warn!(
                    code = error.kind.code(),
                    blame = error.blame().as_str(),
                    connection = sink,
                    person = id,
                    "presence could not be shown: {}",
                    error.message
                );
            }
            person.sink_error = Some(error.message.clone());
        }
        let lasting = matches!(error.kind, ErrorKind::NotFound | ErrorKind::Forbidden | ErrorKind::Unsupported | ErrorKind::Invalid { .. });
        let wait = if lasting {
            Duration::from_secs(15 * 60)
        } else {
            match error.kind {
                ErrorKind::Throttled(Some(wait)) => wait,
                _ => backoff::wait(failures, Duration::from_secs(2), Duration::from_secs(300)),
            }
        };
        self.wheel.set(backoff::after(now, wait), Timer::Republish(sink.to_owned(), id.to_owned()));
    }

    /// What the sink keeps of a person lapses soon: it is sent again, which is no publish (SEMANTICS P-30).
    pub(crate) fn lease_due(&mut self, id: &str, now: Timestamp) {
        let Some(row) = self.presence.get(id) else { return };
        let due = row.expires.zip(row.shown_at).is_some_and(|(expires, at)| half_way(at, expires) <= now);
        if due && row.wanted.is_some() {
            let sink = row.sink.clone();
            self.enqueue(&sink, id);
        }
    }

    /// After a start: leases are taken up, and what a sink would show for ever although its end has passed is cleared unless it
    /// can be computed anew (SEMANTICS P-30).
    pub(crate) fn take_up_presence(&mut self, now: Timestamp) {
        let leases: Vec<String> = self.presence.values().filter(|row| row.expires.is_some()).map(|row| row.person.clone()).collect();
        for person in leases {
            let at = self.presence.get(&person).and_then(|row| Some(half_way(row.shown_at?, row.expires?))).unwrap_or(now);
            self.wheel.set(at.max(now), Timer::Lease(person));
        }
        let overdue = self.presence.values().filter(|row| {
            let keeps = self.connections.get(&row.sink).and_then(|c| c.plan.api.descriptor().sink.as_ref().map(|s| !s.expiry));
            keeps == Some(true) && row.shown.as_ref().and_then(|value| value.until).is_some_and(|until| until <= now)
        });
        let overdue: Vec<String> = overdue.map(|row| row.person.clone()).collect();
        for person in overdue {
            if self.people.contains_key(&person) && self.compute_order(&person).is_none() {
                tracing::info!(code = "overdue-cleared", person, "the end of what the sink shows has passed; it is cleared");
                self.want(&person, None);
            }
        }
    }

    /// A failed value is due again. Where it may have arrived, and where what people set by hand counts, the sink is read first
    /// (SEMANTICS B-40).
    pub(crate) fn republish_due(&mut self, sink: &str, id: &str) {
        let Some(row) = self.presence.get(id).filter(|row| row.sink == sink && row.acknowledged < row.sequence) else { return };
        let reads = self.reads_overrules(sink) && row.shown.is_some();
        let entry = self.people.get_mut(id).filter(|entry| reads && entry.plan.overrules && !entry.doubtful.is_empty());
        match (entry, self.connections.get_mut(sink)) {
            (Some(entry), Some(connection)) => {
                entry.send_again = true;
                connection.watch.read(&row.user);
            }
            _ => self.enqueue(sink, id),
        }
    }
}
