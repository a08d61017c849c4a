//! Overrules: what people set by hand at a sink is noticed and holds (SEMANTICS P-22, P-22a; FEATURES P09).
//!
//! A sink that streams is listened to; one that can only be read is read at intervals. What is read is compared with what the
//! sink took from Calport last. After a start everybody is read before anything is written, so that nothing that was set
//! meanwhile is written over.

use std::collections::BTreeSet;
use std::time::Duration;

use calport_model::descriptor::Capability;
use calport_model::notification::{HintKind, SubscriptionRequest, Topic, WaitResult};
use calport_model::presence::PresenceReading;
use calport_model::{Availability, ConnectorApi, ConnectorError, ErrorKind, PresenceValue};
use calport_rules::presence::State;
use calport_store::{AuditEntry, PresenceRow};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::by_hand::ByHand;
use crate::connection::Connection;
use crate::dispatch::Done;
use crate::streams::Waited;
use crate::wheel::Timer;

/// The stream of a sink: there is one.
const STREAM: &str = "presence";
/// How long one wait on a stream lasts.
const WAIT: Duration = Duration::from_secs(28);
/// The least time between the beginnings of two waits: a stream that always answers at once is not followed faster.
const WAIT_PACE: Duration = Duration::from_secs(1);
/// How long writing waits for the first reading after a start.
const HOLD: Duration = Duration::from_secs(30);
/// How often a sink that drops a value gets it again at once.
const DROPS: u32 = 3;
/// Losses with less than this between them are counted together.
const DROPS_WITHIN: Duration = Duration::from_secs(600);

/// What is known of listening to a sink.
#[derive(Default)]
pub(crate) struct Watch {
    pub waiting: bool,
    subscriptions: Option<Vec<String>>,
    cursor: Option<String>,
    next: Option<Timestamp>,
    failures: u32,
    /// The connector's `wait` serves no stream for presence.
    no_stream: bool,
    began: Option<Timestamp>,
    everybody: bool,
    users: BTreeSet<String>,
    reading: bool,
    read_once: bool,
    /// After a reading failed: nothing is read before.
    rest: Option<Timestamp>,
}

impl Watch {
    /// Whether writing waits for the first reading.
    pub fn holds(&self, now: Timestamp) -> bool {
        !self.read_once && self.began.is_some_and(|began| backoff::between(began, now) < HOLD)
    }

    /// A user is to be read.
    pub fn read(&mut self, user: &str) {
        self.users.insert(user.to_owned());
    }

    /// Another connector, or the connection comes back: what was set meanwhile is read first.
    pub fn begin_anew(&mut self) {
        *self = Self { waiting: self.waiting, reading: self.reading, ..Self::default() };
    }
}

/// The end of a wait on a sink.
pub(crate) struct SinkWaited {
    pub sink: String,
    pub subscriptions: Option<Vec<String>>,
    pub result: Result<WaitResult, ConnectorError>,
}

/// Listens once.
async fn listen(api: &dyn ConnectorApi, sink: String, known: Option<Vec<String>>, cursor: Option<String>, now: Timestamp) -> SinkWaited {
    let mut subscriptions = known;
    let result = async {
        let ids = match &subscriptions {
            Some(ids) => ids.clone(),
            None => {
                let request = SubscriptionRequest {
                    mailbox: None,
                    topic: Topic::Presence,
                    notification_url: None,
                    group: None,
                    lifecycle_url: None,
                    secret: String::new(),
                    expires: backoff::after(now, Duration::from_secs(86_400)),
                };
                let granted = api.subscribe(vec![request]).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
                let ids: Vec<String> = granted.into_iter().map(|s| s.id).collect();
                subscriptions = Some(ids.clone());
                ids
            }
        };
        api.wait(STREAM.to_owned(), ids, cursor, WAIT).await
    };
    let result = result.await;
    SinkWaited { sink, subscriptions, result }
}

/// What a reading means.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// The sink shows what it took from Calport.
    Ours,
    /// Nothing of Calport's is there any more: set back to automatic, or lost.
    Cleared,
    /// Somebody set this.
    ByHand(State, PresenceValue),
}

/// Words of a text: white space is the sink's business.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Whether a reading may be a value that was sent without a word that it was taken, as a sink stores it (SEMANTICS B-40).
fn may_be(sent: &PresenceValue, reading: &PresenceReading, has_text: bool) -> bool {
    let same_text = |read: &str| words(&sent.text).join(" ").starts_with(&words(read).join(" ")) && read.is_empty() == sent.text.is_empty();
    reading.value.as_ref().is_some_and(|read| read.availability == sent.availability && (!has_text || same_text(&read.text)))
}

/// Compares a reading with what the sink took last. Without anything taken there is nothing to compare with.
fn judge(shown: Option<&PresenceValue>, reading: &PresenceReading, has_text: bool) -> Verdict {
    let Some(shown) = shown else { return Verdict::Ours };
    let Some(value) = reading.value.as_ref().filter(|_| reading.foreign != Some(false)) else {
        let lost = reading.value.is_none() && shown.availability != Availability::Unknown;
        return if lost { Verdict::Cleared } else { Verdict::Ours };
    };
    let same = value.availability == shown.availability && (!has_text || words(&value.text) == words(&shown.text));
    let state = match value.availability {
        Availability::Available => State::Available,
        Availability::Busy => State::Busy,
        Availability::Away => State::Away,
        Availability::DoNotDisturb => State::DoNotDisturb,
        Availability::Unknown => return Verdict::Ours,
    };
    if same { Verdict::Ours } else { Verdict::ByHand(state, value.clone()) }
}

impl Engine {
    /// Whether somebody's overrules at this sink count.
    fn is_watched(&self, sink: &str) -> bool {
        self.settings.publish && self.watched_sinks.contains(sink)
    }

    /// Whether it is read what people set by hand at this sink.
    pub(crate) fn reads_overrules(&self, sink: &str) -> bool {
        let readable = |connection: &Connection| connection.plan.api.descriptor().sink.as_ref().is_some_and(|sink| sink.readable);
        self.is_watched(sink) && self.connections.get(sink).is_some_and(readable)
    }

    /// Listens to, and reads, a sink where it is time to.
    pub(crate) fn watch_sink(&mut self, id: &str, now: Timestamp) {
        if !self.reads_overrules(id) {
            return;
        }
        let Some(connection) = self.connections.get_mut(id).filter(|connection| connection.is_open(now)) else { return };
        let descriptor = connection.plan.api.descriptor();
        let watch = &mut connection.watch;
        if watch.began.is_none() {
            watch.began = Some(now);
            watch.everybody = true;
        }
        if !watch.waiting && watch.next.is_none_or(|at| at <= now) {
            let streams = descriptor.streams.is_some() && descriptor.has(Capability::Notifications) && !watch.no_stream;
            if streams {
                watch.waiting = true;
                watch.next = Some(backoff::after(now, WAIT_PACE));
                let (api, sink) = (connection.plan.api.clone(), id.to_owned());
                let (known, cursor) = (watch.subscriptions.clone(), watch.cursor.take());
                self.streams.spawn(async move { Waited::Sink(listen(api.as_ref(), sink, known, cursor, now).await) });
            } else {
                watch.everybody |= watch.read_once;
                let next = backoff::after(now, backoff::jitter(self.settings.override_read));
                watch.next = Some(next);
                self.wheel.set(next, Timer::Connection(id.to_owned()));
            }
        }
        self.read_sink(id, now);
    }

    /// Reads the next batch of users.
    fn read_sink(&mut self, id: &str, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let watch = &mut connection.watch;
        if watch.reading || watch.rest.is_some_and(|at| at > now) {
            return;
        }
        if std::mem::take(&mut watch.everybody) {
            let shown = self.presence.values().filter(|row| row.sink == id && row.shown.is_some());
            watch.users.extend(shown.map(|row| row.user.clone()));
        }
        let size = connection.plan.api.descriptor().sink.as_ref().map_or(1, |sink| sink.batch_size.max(1));
        let watch = &mut connection.watch;
        let users: Vec<String> = watch.users.iter().take(size).cloned().collect();
        if users.is_empty() {
            watch.read_once = true;
            return;
        }
        watch.users.retain(|user| !users.contains(user));
        watch.reading = true;
        let (api, id) = (connection.plan.api.clone(), id.to_owned());
        self.jobs.spawn(async move {
            let result = api.read_presence(users.clone()).await;
            Done::SinkRead(id, now, users, result)
        });
    }

    /// A wait ended.
    pub(crate) fn waited(&mut self, waited: SinkWaited) {
        let now = self.clock.now();
        let Some(connection) = self.connections.get_mut(&waited.sink) else { return };
        let watch = &mut connection.watch;
        watch.waiting = false;
        watch.subscriptions = waited.subscriptions;
        match waited.result {
            Ok(result) => {
                watch.failures = 0;
                watch.cursor = result.cursor;
                for hint in result.hints {
                    match hint.kind {
                        HintKind::PresenceChanged(user) => {
                            watch.users.insert(user);
                        }
                        HintKind::Resync | HintKind::Changed => watch.everybody = true,
                        HintKind::SubscriptionRemoved | HintKind::Reauthorise | HintKind::Closed => {
                            watch.subscriptions = None;
                            watch.everybody = true;
                        }
                        HintKind::Heartbeat => {}
                    }
                }
            }
            Err(error) if error.kind == ErrorKind::Unsupported => watch.no_stream = true,
            Err(error) => {
                watch.failures += 1;
                watch.subscriptions = None;
                watch.everybody = true;
                watch.next = Some(backoff::after(now, backoff::wait(watch.failures, Duration::from_secs(2), Duration::from_secs(60))));
                if watch.failures == 1 {
                    tracing::warn!(
                        code = error.kind.code(),
                        blame = error.blame().as_str(),
                        connection = waited.sink,
                        "the sink cannot be listened to; it is read at intervals until it can: {}",
                        error.message
                    );
                }
            }
        }
        if let Some(next) = connection.watch.next {
            self.wheel.set(next, Timer::Connection(waited.sink));
        }
    }

    /// A sink was read.
    pub(crate) async fn sink_read(
        &mut self,
        sink: &str,
        began: Timestamp,
        users: Vec<String>,
        result: Result<Vec<Result<PresenceReading, ConnectorError>>, ConnectorError>,
    ) {
        let now = self.clock.now();
        let has_text = match self.connections.get_mut(sink) {
            Some(connection) => {
                connection.watch.reading = false;
                connection.plan.api.descriptor().sink.as_ref().is_some_and(|profile| profile.text_limit > 0)
            }
            None => return,
        };
        let answers = match result {
            Ok(answers) => answers,
            Err(error) => {
                self.connection_failed(sink, &error, now);
                let rest = backoff::after(now, backoff::jitter(self.settings.override_read));
                if let Some(connection) = self.connections.get_mut(sink) {
                    connection.watch.users.extend(users);
                    connection.watch.rest = Some(rest);
                    self.wheel.set(rest, Timer::Connection(sink.to_owned()));
                }
                return;
            }
        };
        for (user, answer) in users.into_iter().zip(answers) {
            if let Ok(reading) = answer {
                self.user_read(sink, &user, began, &reading, has_text, now).await;
            }
            self.send_again(sink, &user);
        }
    }

    /// Sends what waited for the reading, unless the reading settled it.
    fn send_again(&mut self, sink: &str, user: &str) {
        let Some(person) = self.by_user.get(&(sink.to_owned(), user.to_owned())).cloned() else { return };
        let waited = self.people.get_mut(&person).is_some_and(|entry| std::mem::take(&mut entry.send_again));
        if waited && self.presence.get(&person).is_some_and(|row| row.acknowledged < row.sequence) {
            self.enqueue(sink, &person);
        }
    }

    async fn user_read(&mut self, sink: &str, user: &str, began: Timestamp, reading: &PresenceReading, has_text: bool, now: Timestamp) {
        let Some(person) = self.by_user.get(&(sink.to_owned(), user.to_owned())).cloned() else { return };
        let Some(entry) = self.people.get_mut(&person).filter(|p| p.plan.overrules && p.plan.active) else { return };
        if entry.publishing {
            entry.read_again = true;
            return;
        }
        let Some(row) = self.presence.get(&person) else { return };
        if row.shown_at.is_some_and(|at| at > began) {
            if let Some(connection) = self.connections.get_mut(sink) {
                connection.watch.users.insert(user.to_owned());
            }
            return;
        }
        // What was sent last before a stop is on disk, and need not have been answered.
        let sent = row.wanted.iter().filter(|_| row.acknowledged < row.sequence);
        if sent.chain(&entry.doubtful).any(|value| may_be(value, reading, has_text)) {
            return;
        }
        match judge(row.shown.as_ref(), reading, has_text) {
            Verdict::Ours => {}
            Verdict::Cleared => self.cleared_at_sink(sink, &person, now).await,
            Verdict::ByHand(state, value) => self.set_by_hand(sink, &person, state, value, reading.changed, now).await,
        }
    }

    /// Somebody set a state by hand (SEMANTICS P-22).
    async fn set_by_hand(
        &mut self,
        sink: &str,
        person: &str,
        state: State,
        value: PresenceValue,
        changed: Option<Timestamp>,
        now: Timestamp,
    ) {
        let (Some(entry), Some(row)) = (self.people.get(person), self.presence.get_mut(person)) else { return };
        let set_at = changed.filter(|&at| at <= now && row.shown_at.is_none_or(|shown| at >= shown)).unwrap_or(now);
        let note = Some(value.text.clone()).filter(|text| !text.trim().is_empty());
        let kept = self.by_hand.entry(person.to_owned()).or_default();
        let mut id = format!("h{}", set_at.as_millisecond());
        while kept.iter().any(|one| one.manual.id == id) {
            id.push('+');
        }
        let manual = entry.plan.rules.set_by_hand(id, set_at, state, note, value.until);
        let before = row.shown.take();
        let (greeting, forwarding) = before.as_ref().map_or((None, None), |b| (b.greeting.clone(), b.forwarding.clone()));
        let shown = PresenceValue { until: None, greeting, forwarding, ..value.clone() };
        row.sequence += 1;
        row.acknowledged = row.sequence;
        row.wanted = Some(shown.clone());
        row.shown = Some(shown);
        row.shown_at = Some(now);
        let row = row.clone();
        kept.push(ByHand { manual, value, mirrored: None });
        tracing::info!(
            code = "overruled",
            connection = sink,
            person,
            availability = state.as_str(),
            "somebody set the presence by hand; it holds by rule P-22"
        );
        self.store_by_hand(person).await;
        self.note_overrule(sink, &row, before.as_ref(), now, "presence.overruled").await;
        self.compute_anew(person);
    }

    /// The value was taken away at the sink: what was set by hand has ended, and Calport's value is shown again.
    async fn cleared_at_sink(&mut self, sink: &str, person: &str, now: Timestamp) {
        let ended = self.end_by_hand(person, now);
        let (Some(entry), Some(row)) = (self.people.get_mut(person), self.presence.get_mut(person)) else { return };
        let recent = entry.dropped_at.replace(now).is_some_and(|at| backoff::between(at, now) < DROPS_WITHIN);
        entry.drops = if recent && !ended { entry.drops + 1 } else { 1 };
        let drops = entry.drops;
        let before = row.shown.take();
        row.sequence += 1;
        let row = row.clone();
        tracing::info!(
            code = "cleared-at-sink",
            connection = sink,
            person,
            "the value was taken away at the sink; Calport's is shown again"
        );
        if ended {
            self.store_by_hand(person).await;
        }
        self.note_overrule(sink, &row, before.as_ref(), now, "presence.released").await;
        if drops > DROPS {
            tracing::warn!(
                code = "sink-drops",
                connection = sink,
                person,
                "the sink lost the value {drops} times in a row; it gets it again later: see whether another program clears it"
            );
            let at = backoff::after(now, backoff::wait(drops - DROPS, Duration::from_secs(10), Duration::from_secs(600)));
            self.wheel.set(at, Timer::Republish(sink.to_owned(), person.to_owned()));
        } else {
            self.compute_anew(person);
        }
    }

    /// Computes a person of whom something was learned at the sink; what is being computed right now is not shown.
    fn compute_anew(&mut self, person: &str) {
        if let Some(entry) = self.people.get_mut(person) {
            entry.outdated = entry.computing;
        }
        self.recompute(person);
    }

    async fn note_overrule(&self, sink: &str, row: &PresenceRow, before: Option<&PresenceValue>, now: Timestamp, action: &str) {
        let json = |value: &PresenceValue| serde_json::to_string(value).ok();
        let entry = AuditEntry {
            at: now,
            subject: row.person.clone(),
            action: action.to_owned(),
            cause: format!("by hand at {sink}/{}", row.user),
            before: before.and_then(json),
            after: row.shown.as_ref().and_then(json),
        };
        let stored = async {
            self.store.set_presence(std::slice::from_ref(row)).await?;
            self.store.add_audit(&[entry]).await
        };
        if let Err(error) = stored.await {
            tracing::error!(code = "store-failed", person = row.person, %error, "an overrule could not be stored");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(availability: Availability, text: &str) -> PresenceValue {
        PresenceValue { availability, activity: String::new(), text: text.into(), until: None, greeting: None, forwarding: None }
    }

    fn reading(value: Option<PresenceValue>) -> PresenceReading {
        PresenceReading { value, foreign: None, changed: None }
    }

    #[test]
    fn rule_p22a_what_differs_from_the_last_write_is_an_overrule() {
        let ours = value(Availability::Busy, "Busy: A  until 11:00");
        let judged = |read: Option<PresenceValue>| judge(Some(&ours), &reading(read), true);
        assert_eq!(judged(Some(value(Availability::Busy, "Busy: A until 11:00 "))), Verdict::Ours, "white space is the sink's business");
        let lunch = value(Availability::Away, "Lunch");
        assert_eq!(judged(Some(lunch.clone())), Verdict::ByHand(State::Away, lunch));
        let words = value(Availability::Busy, "Please do not disturb");
        assert_eq!(judged(Some(words.clone())), Verdict::ByHand(State::Busy, words));
        assert_eq!(judged(None), Verdict::Cleared);
        assert_eq!(judged(Some(value(Availability::Unknown, "?"))), Verdict::Ours);
    }

    #[test]
    fn rule_p22a_without_a_write_there_is_nothing_to_compare_with() {
        let read = reading(Some(value(Availability::Away, "left over")));
        assert_eq!(judge(None, &read, true), Verdict::Ours);
    }

    #[test]
    fn rule_p22a_a_sink_that_knows_who_wrote_is_believed() {
        let ours = value(Availability::Busy, "a");
        let read = PresenceReading { foreign: Some(false), ..reading(Some(value(Availability::Away, "b"))) };
        assert_eq!(judge(Some(&ours), &read, true), Verdict::Ours);
    }

    #[test]
    fn rule_p22a_a_sink_without_texts_is_compared_by_state() {
        let ours = value(Availability::Busy, "Busy until 11:00");
        assert_eq!(judge(Some(&ours), &reading(Some(value(Availability::Busy, ""))), false), Verdict::Ours);
    }
}
