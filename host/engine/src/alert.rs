//! Mail to the administrator about what fails for long (FEATURES R06).
//!
//! One mail tells all that is new since the last one, with when it began, why, and what to do; another one tells when it is
//! over. A connection that is down speaks for its mailboxes and people: a hundred people behind one broken server are one line.

use std::collections::BTreeMap;
use std::time::Duration;

use calport_model::ConnectorError;
use calport_model::write::MailMessage;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::actor::Engine;
use crate::backoff;
use crate::connection::Health;
use crate::dispatch::Done;
use crate::feed::FeedState;
use crate::plan::AlertPlan;
use crate::wheel::Timer;

/// How often it is looked for failures.
const LOOK: Duration = Duration::from_secs(30);
/// Lines about people or mailboxes in one mail; more are counted.
const MOST_LINES: usize = 20;

/// Something that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub since: Timestamp,
    pub what: String,
    pub told: Option<Timestamp>,
}

/// What is known of failures.
#[derive(Default)]
pub(crate) struct Alerts {
    troubles: BTreeMap<String, Trouble>,
    /// Told troubles that are over and not yet told to be.
    over: Vec<String>,
    sending: bool,
    failures: u32,
    next_try: Option<Timestamp>,
    looking: bool,
    numbers: u64,
}

/// Takes over what fails now: what is new begins at `now`, what is gone and was told is over.
fn follow(alerts: &mut Alerts, current: BTreeMap<String, String>, now: Timestamp) {
    let gone: Vec<String> = alerts.troubles.keys().filter(|name| !current.contains_key(*name)).cloned().collect();
    for name in gone {
        if let Some(trouble) = alerts.troubles.remove(&name).filter(|trouble| trouble.told.is_some()) {
            alerts.over.push(trouble.what);
        }
    }
    for (name, what) in current {
        alerts.troubles.entry(name).and_modify(|trouble| trouble.what.clone_from(&what)).or_insert(Trouble {
            since: now,
            what,
            told: None,
        });
    }
}

/// The names of what is to be told now: what has lasted long enough and was not told, or is to be told again.
fn due(alerts: &Alerts, plan: &AlertPlan, now: Timestamp) -> Vec<String> {
    let lasting = alerts.troubles.iter().filter(|(_, trouble)| backoff::between(trouble.since, now) >= plan.after);
    let due = lasting.filter(|(_, trouble)| trouble.told.is_none_or(|told| backoff::between(told, now) >= plan.repeat));
    due.map(|(name, _)| name.clone()).collect()
}

fn write(alerts: &Alerts, due: &[String], zone: &TimeZone, now: Timestamp) -> (String, String) {
    let time = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
    let mut body = String::new();
    if !due.is_empty() {
        body.push_str("Calport has met failures that do not go away by themselves:\n\n");
        for trouble in due.iter().filter_map(|name| alerts.troubles.get(name)).take(MOST_LINES) {
            body.push_str(&format!("- since {}: {}\n", time(trouble.since), trouble.what));
        }
        if due.len() > MOST_LINES {
            body.push_str(&format!("- and {} more\n", due.len() - MOST_LINES));
        }
        body.push('\n');
    }
    if !alerts.over.is_empty() {
        body.push_str("This is over:\n\n");
        for what in alerts.over.iter().take(MOST_LINES) {
            body.push_str(&format!("- {what}\n"));
        }
        body.push('\n');
    }
    body.push_str(&format!("As of {}. `calport status --people` shows how things are, `calport log` what happened.\n", time(now)));
    let subject = match (due.len(), alerts.over.len()) {
        (0, _) => "Calport: it works again".to_owned(),
        (1, _) => "Calport: a lasting failure".to_owned(),
        (count, _) => format!("Calport: {count} lasting failures"),
    };
    (subject, body)
}

impl Engine {
    /// Looks for failures from now on.
    pub(crate) fn begin_alerts(&mut self, now: Timestamp) {
        if self.settings.alerts.is_some() && !self.alerts.looking {
            self.alerts.looking = true;
            self.wheel.set(backoff::after(now, LOOK), Timer::Alerts);
        }
    }

    /// Everything that fails now, by a stable name.
    fn troubles(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let down = |id: &str| self.connections.get(id).is_some_and(|c| matches!(c.health, Health::Offline { .. }));
        for (id, connection) in self.connections.iter().filter(|(_, c)| c.plan.active) {
            if let Health::Offline { error, .. } = &connection.health {
                found.insert(format!("connection {id}"), format!("the connection {id} is off line: {}", error.message));
            }
            if let Some(reason) = connection.gaps.reason(self.clock.now()) {
                found.insert(format!("notifications {id}"), format!("notifications of the connection {id} are not reliable: {reason}"));
            }
        }
        for (key, entry) in self.feeds.iter().filter(|(key, entry)| !entry.people.is_empty() && !down(&key.connection)) {
            if let FeedState::Degraded(reason) | FeedState::Blocked(reason) = &entry.state {
                let name = format!("mailbox {} {}", key.connection, key.mailbox);
                found.insert(name, format!("the calendar of {} cannot be read: {reason}", entry.people.join(", ")));
            }
        }
        for (id, person) in self.people.iter().filter(|(_, p)| p.plan.active && !down(&p.plan.sink)) {
            if let Some(error) = &person.sink_error {
                found.insert(format!("person {id}"), format!("the presence of {id} cannot be shown at {}: {error}", person.plan.sink));
            }
        }
        found
    }

    /// Looks for failures, and tells those that last.
    pub(crate) fn alerts_due(&mut self, now: Timestamp) {
        let Some(plan) = self.settings.alerts.clone() else {
            self.alerts = Alerts::default();
            return;
        };
        self.wheel.set(backoff::after(now, LOOK), Timer::Alerts);
        let troubles = self.troubles();
        follow(&mut self.alerts, troubles, now);
        let due = due(&self.alerts, &plan, now);
        let nothing = due.is_empty() && self.alerts.over.is_empty();
        if nothing || self.alerts.sending || self.alerts.next_try.is_some_and(|at| at > now) {
            return;
        }
        let Some(connection) = self.connections.get(&plan.connection) else { return };
        let (subject, body) = write(&self.alerts, &due, &self.settings.zone, now);
        self.alerts.sending = true;
        self.alerts.numbers += 1;
        let message = MailMessage {
            sender: plan.sender,
            recipients: plan.to,
            subject,
            body,
            operation: format!("calport-alert-{}-{}", now.as_millisecond(), self.alerts.numbers),
            keep_copy: false,
        };
        let (api, over) = (connection.plan.api.clone(), self.alerts.over.len());
        self.jobs.spawn(async move { Done::Alerted(due, over, api.send_mail(message).await) });
    }

    /// A mail was sent, or not.
    pub(crate) fn alerted(&mut self, told: Vec<String>, over: usize, result: Result<(), ConnectorError>) {
        let now = self.clock.now();
        self.alerts.sending = false;
        match result {
            Ok(()) => {
                self.alerts.failures = 0;
                self.alerts.next_try = None;
                self.alerts.over.drain(..over.min(self.alerts.over.len()));
                for name in &told {
                    if let Some(trouble) = self.alerts.troubles.get_mut(name) {
                        trouble.told = Some(now);
                    }
                }
                tracing::info!(code = "alert-sent", failures = told.len(), over, "the administrator was told by mail");
            }
            Err(error) => {
                self.alerts.failures += 1;
                let at = backoff::after(now, backoff::wait(self.alerts.failures, Duration::from_secs(60), Duration::from_secs(3600)));
                self.alerts.next_try = Some(at);
                tracing::error!(
                    code = error.kind.code(),
                    blame = error.blame().as_str(),
                    failures = told.len(),
                    retry_at = %at,
                    "the administrator could not be told by mail of lasting failures: {}",
                    error.message
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn plan() -> AlertPlan {
        AlertPlan {
            connection: "mail".into(),
            sender: String::new(),
            to: vec!["admin@example.com".into()],
            after: Duration::from_secs(15 * 60),
            repeat: Duration::from_secs(24 * 3600),
        }
    }

    fn failing(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), format!("{name} is down"))).collect()
    }

    #[test]
    fn feat_r06_what_lasts_is_told_once_then_again_after_a_day_and_when_it_is_over() {
        let mut alerts = Alerts::default();
        follow(&mut alerts, failing(&["a"]), at(0));
        follow(&mut alerts, failing(&["a", "b"]), at(14));
        assert!(due(&alerts, &plan(), at(14)).is_empty());
        assert_eq!(due(&alerts, &plan(), at(15)), ["a"]);
        alerts.troubles.get_mut("a").unwrap().told = Some(at(15));
        assert_eq!(due(&alerts, &plan(), at(29)), ["b"]);
        follow(&mut alerts, failing(&["a"]), at(30));
        assert!(alerts.over.is_empty(), "what was never told is not told to be over");
        assert!(due(&alerts, &plan(), at(15 + 24 * 60 - 1)).is_empty());
        assert_eq!(due(&alerts, &plan(), at(15 + 24 * 60)), ["a"]);
        follow(&mut alerts, failing(&[]), at(31));
        assert_eq!(alerts.over, ["a is down"]);
    }

    #[test]
    fn feat_r06_the_mail_says_since_when_and_why() {
        let mut alerts = Alerts::default();
        follow(&mut alerts, failing(&["a"]), at(0));
        let (subject, body) = write(&alerts, &["a".to_owned()], &TimeZone::UTC, at(20));
        assert_eq!(subject, "Calport: a lasting failure");
        assert!(body.contains("- since 2027-01-15 08:00 UTC: a is down"), "{body}");
        assert!(body.contains("calport status"));
    }
}
