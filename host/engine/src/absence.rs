//! Automatic replies, read at intervals because nothing announces them (SEMANTICS P-21a, B-53).

use std::time::Duration;

use calport_model::{Absence, ConnectorError, ErrorKind};
use calport_store::FeedKey;
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::connection::{Class, Work};
use crate::wheel::Timer;

/// How often a connection's mailboxes are looked through for those that are due.
const SWEEP: Duration = Duration::from_secs(15);

impl Engine {
    /// A mailbox is prepared: its automatic replies are read now, then at their place in the interval.
    pub(crate) fn absence_wanted(&mut self, key: &FeedKey, now: Timestamp) {
        // The automatic replies of a room or a shared mailbox say nothing about a person.
        let own = self
            .feeds
            .get(key)
            .is_some_and(|e| e.people.iter().any(|id| self.people.get(id).is_some_and(|p| p.feed.as_ref() == Some(key))));
        if !self.reads_absences(&key.connection) || !own {
            return;
        }
        if let Some(entry) = self.feeds.get_mut(key)
            && entry.absence_due.is_none()
        {
            entry.absence_due = Some(now);
            self.wheel.set(now, Timer::Absence(key.connection.clone()));
        }
    }

    /// Looks through a connection's mailboxes.
    pub(crate) fn absence_due(&mut self, connection: &str, now: Timestamp) {
        let Some(state) = self.connections.get_mut(connection) else { return };
        let batch = state.plan.api.descriptor().feed.as_ref().map_or(1, |f| f.batch_size.max(1));
        let (mut due, mut first): (Vec<FeedKey>, Vec<String>) = (Vec::new(), Vec::new());
        for (key, entry) in &mut self.feeds {
            if key.connection == connection && !entry.absence_busy && entry.absence_due.is_some_and(|at| at <= now) {
                entry.absence_busy = true;
                due.push(key.clone());
                if entry.feed.absence.is_none() {
                    first.push(key.mailbox.clone());
                }
            }
        }
        for keys in due.chunks(batch) {
            state.push(Class::Reconcile, Work::Absences(keys.to_vec()));
        }
        if !due.is_empty() {
            tracing::info!(code = "absence-read", connection, count = due.len(), "Getting out-of-office settings for: {}", due.len());
        }
        for mailbox in first {
            tracing::info!(code = "absence-read", connection, mailbox, "Getting out-of-office settings for: {mailbox}");
        }
        let next =
            self.feeds.iter().filter(|(k, e)| k.connection == connection && !e.absence_busy).filter_map(|(_, e)| e.absence_due).min();
        if let Some(next) = next {
            self.wheel.set(next.max(backoff::after(now, SWEEP)), Timer::Absence(connection.to_owned()));
        }
    }

    /// Automatic replies were read. A missing right switches the reading off for that mailbox; its calendar goes on.
    pub(crate) async fn absences_read(
        &mut self,
        connection: &str,
        keys: Vec<FeedKey>,
        result: Result<Vec<Result<Absence, ConnectorError>>, ConnectorError>,
    ) {
        let now = self.clock.now();
        let answers = match result {
            Ok(answers) => answers,
            Err(error) => {
                self.connection_failed(connection, &error, now);
                keys.iter().map(|_| Err(error.clone())).collect()
            }
        };
        let mut changed = Vec::new();
        for (key, answer) in keys.into_iter().zip(answers) {
            let (interval, vip) = (self.settings.absence, self.settings.absence_vip);
            let Some(entry) = self.feeds.get_mut(&key) else { continue };
            entry.absence_busy = false;
            let mut period = if entry.vip { vip } else { interval };
            let value = match answer {
                Ok(absence) => Some(absence),
                Err(error) if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::Unsupported | ErrorKind::NotFound) => {
                    period = Duration::from_secs(6 * 3600);
                    if entry.feed.absence.is_some() || error.kind == ErrorKind::Forbidden {
                        tracing::warn!(
                            code = error.kind.code(),
                            connection,
                            mailbox = key.mailbox,
                            "out-of-office settings cannot be read; the calendar goes on without them: {}",
                            error.message
                        );
                    }
                    None
                }
                Err(_) => {
                    entry.absence_due = Some(backoff::after(now, backoff::jitter(Duration::from_secs(60))));
                    continue;
                }
            };
            entry.absence_due = Some(backoff::after(now, backoff::jitter(period)));
            let before = entry.feed.absence.map(|(a, _)| a);
            entry.feed.absence = value.map(|a| (a, now));
            if before != value {
                changed.extend(entry.people.iter().cloned());
            }
            if let Err(error) = self.store.set_absences(now, &[(key, value)]).await {
                tracing::error!(code = "store-failed", %error, "an out-of-office setting could not be stored");
            }
        }
        for person in changed {
            self.recompute(&person);
        }
        self.wheel.set(backoff::after(now, SWEEP), Timer::Absence(connection.to_owned()));
    }
}
