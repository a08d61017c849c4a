//! "Synchronise current": a state set by hand stands as an appointment in the mailbox (FEATURES P10, SEMANTICS P-23).
//!
//! The appointment carries the category `calport:current`, by which the rules set it aside, and never has attendees. It is
//! made when the state is set, ends when the state ends, and is taken away again when that was at once. What is to be made
//! is on disk before it is made; whether it was made is asked by its tag before it is made again, so that a lost answer leaves
//! one appointment (SEMANTICS B-40). An appointment that its owner moved or deleted is left to him.

use calport_model::event::{ShowAs, Span};
use calport_model::write::{EventDraft, EventField, WriteTarget};
use calport_model::{Availability, Capability, ConnectorApi, ConnectorError, ErrorKind, PrivateText, zone};
use calport_rules::Language;
use calport_rules::presence::{Input, OWN_TAG, Outcome, Override, Signal, signal_value};
use calport_store::AuditEntry;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;

use crate::actor::Engine;
use crate::backoff;
use crate::by_hand::ByHand;
use crate::connection::{Class, Work};
use crate::plan::PersonPlan;
use crate::wheel::Timer;

/// What lasted shorter leaves no appointment.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// How often a write is tried again after the appointment was changed by others meanwhile (SEMANTICS B-34).
const CONFLICTS: usize = 3;

/// An appointment that stands for a state set by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mirrored {
    pub connection: String,
    pub mailbox: String,
    /// The operation's id, and the end of the tag.
    pub operation: String,
    /// Its id, once it is known to be there.
    pub id: Option<String>,
    pub version: Option<String>,
    pub start: Timestamp,
    /// As written, or as it is to be made.
    pub end: Timestamp,
    /// Why nothing is left to be written.
    pub closed: Option<String>,
    #[serde(skip)]
    busy: bool,
    #[serde(skip)]
    failures: u32,
    #[serde(skip)]
    retry_at: Option<Timestamp>,
}

impl Mirrored {
    /// Whether nothing is left to be written.
    pub fn is_settled(&self) -> bool {
        self.closed.is_some()
    }

    fn tag(&self) -> String {
        format!("{OWN_TAG}:{}", self.operation)
    }
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CurrentOrder {
    pub person: String,
    /// The id of the state set by hand.
    pub state: String,
    pub mailbox: String,
    pub tag: String,
    pub zone: String,
    pub start: Timestamp,
    pub end: Timestamp,
    pub step: Step,
}

/// What is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Make it, unless it is there already.
    Create { operation: String, subject: PrivateText, show_as: ShowAs },
    /// Let it end at another time.
    Move { id: String, version: Option<String> },
    /// Take it away.
    Delete { id: String, version: Option<String> },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stepped {
    Written {
        id: String,
        version: Option<String>,
    },
    Deleted,
    /// Its owner deleted or moved it.
    LeftToOwner,
}

/// Carries out one write.
pub(crate) async fn carry_out(api: &dyn ConnectorApi, order: &CurrentOrder) -> Result<Stepped, ConnectorError> {
    let time = || EventField::Time { span: Span::Timed { start: order.start, end: order.end }, zone: order.zone.clone() };
    match &order.step {
        Step::Create { operation, subject, show_as } => {
            let found = api.find_by_tag(order.mailbox.clone(), order.tag.clone()).await?;
            if let Some(event) = found.into_iter().next() {
                let version = Some(event.version).filter(|v| !v.is_empty());
                return Ok(Stepped::Written { id: event.id, version });
            }
            let fields = vec![
                EventField::Subject(subject.clone()),
                time(),
                EventField::ShowAs(*show_as),
                EventField::Categories(vec![OWN_TAG.to_owned()]),
                EventField::Reminder(None),
            ];
            let draft = EventDraft { operation: operation.clone(), tag: Some(order.tag.clone()), fields };
            let written = api.create_event(order.mailbox.clone(), draft).await?;
            Ok(Stepped::Written { id: written.id, version: written.version })
        }
        Step::Move { id, version } => {
            let (mut version, mut tries) = (version.clone(), 0);
            loop {
                let Some(known) = version.take() else {
                    match read(api, order, id).await? {
                        Some(read) => version = Some(read),
                        None => return Ok(Stepped::LeftToOwner),
                    }
                    continue;
                };
                match api.update_event(order.mailbox.clone(), WriteTarget::Item(id.clone()), vec![time()], Some(known)).await {
                    Ok(written) => return Ok(Stepped::Written { id: written.id, version: written.version }),
                    Err(error) if matches!(error.kind, ErrorKind::Conflict(_)) && tries < CONFLICTS => tries += 1,
                    Err(error) if error.kind == ErrorKind::NotFound => return Ok(Stepped::LeftToOwner),
                    Err(error) => return Err(error),
                }
            }
        }
        Step::Delete { id, version } => {
            let (mut version, mut tries) = (version.clone(), 0);
            loop {
                match api.delete_event(order.mailbox.clone(), WriteTarget::Item(id.clone()), version.take()).await {
                    Ok(()) => return Ok(Stepped::Deleted),
                    Err(error) if matches!(error.kind, ErrorKind::Conflict(_)) && tries < CONFLICTS => {
                        tries += 1;
                        match read(api, order, id).await? {
                            Some(read) => version = Some(read),
                            None => return Ok(Stepped::LeftToOwner),
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// The version of the appointment as it is now; `None` when its owner deleted it or moved its start.
async fn read(api: &dyn ConnectorApi, order: &CurrentOrder, id: &str) -> Result<Option<String>, ConnectorError> {
    let answer = api.get_events(order.mailbox.clone(), vec![id.to_owned()]).await?.into_iter().next();
    match answer {
        Some(Ok(event)) => {
            let same = matches!(event.span, Span::Timed { start, .. } if start == order.start);
            Ok(same.then_some(event.version))
        }
        Some(Err(error)) if error.kind == ErrorKind::NotFound => Ok(None),
        Some(Err(error)) => Err(error),
        None => Ok(None),
    }
}

/// The show-as that says the same to those who look into the calendar.
fn show_as(value: Availability) -> ShowAs {
    match value {
        Availability::Available | Availability::Unknown => ShowAs::Free,
        Availability::Busy | Availability::DoNotDisturb => ShowAs::Busy,
        Availability::Away => ShowAs::OutOfOffice,
    }
}

/// A whole second, not later.
fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// The end of an appointment whose end nobody knows: the end of the local day. It is moved on while the state holds.
fn open_end(now: Timestamp, zone: &TimeZone) -> Timestamp {
    let tomorrow = now.to_zoned(zone.clone()).date().saturating_add(1.day());
    tomorrow.to_zoned(zone.clone()).map_or_else(|_| backoff::after(now, Duration::from_secs(86_400)), |midnight| midnight.timestamp())
}

/// An id that depends only on whose state it is and when it was set, in the form of a UUID.
fn operation_of(person: &str, manual: &Override) -> String {
    let digest = Sha256::digest(format!("{person}\u{1f}{}\u{1f}{}", manual.id, manual.set_at.as_millisecond()));
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

fn subject(plan: &PersonPlan, one: &ByHand, zone: &TimeZone, language: Language, now: Timestamp) -> PrivateText {
    if let Some(note) = &one.manual.note {
        return PrivateText::new(note.clone());
    }
    let signal = Signal { layer: String::new(), target: one.manual.target.clone(), until: None };
    let input = Input {
        events: &[],
        absence: None,
        now,
        horizon: now,
        lookback: now,
        presence_zone: zone,
        mailbox_zone: zone,
        language,
        config: &plan.rules,
        overrides: &[],
    };
    PrivateText::new(signal_value(&input, &signal).text)
}

impl Engine {
    /// Makes the mailbox say what was set by hand. Whether what is kept of the person has changed.
    pub(crate) fn mirror_current(&mut self, person: &str, outcome: &Outcome, now: Timestamp) -> bool {
        let Some(entry) = self.people.get(person).filter(|p| p.plan.synchronize_current) else { return false };
        let Some(key) = entry.feed.clone() else { return false };
        let language = self.language_of(&entry.plan, &key);
        let writes = self.connections.get(&key.connection).is_some_and(|c| c.has(Capability::Calendar));
        let Some(kept) = self.by_hand.get_mut(person).filter(|_| writes) else { return false };
        let zone = match self.feeds.get(&key).and_then(|e| e.feed.zone.as_deref()).map(zone::resolve) {
            Some(zone::Resolved::Known(zone)) => zone,
            _ => entry.plan.zone.clone().unwrap_or_else(|| self.settings.zone.clone()),
        };
        let mut changed = false;
        let mut orders = Vec::new();
        for one in kept.iter_mut() {
            let start = second(one.manual.set_at);
            let computed = outcome.overrides.iter().find(|end| end.id == one.manual.id).and_then(|end| end.end);
            let end = one.manual.ended_at.or(computed).map_or_else(|| open_end(now, &zone), |end| second(end).max(start));
            if one.mirrored.is_none() && one.manual.ended_at.is_none() {
                one.mirrored = Some(Mirrored {
                    connection: key.connection.clone(),
                    mailbox: key.mailbox.clone(),
                    operation: operation_of(person, &one.manual),
                    id: None,
                    version: None,
                    start,
                    end,
                    closed: None,
                    busy: false,
                    failures: 0,
                    retry_at: None,
                });
                changed = true;
            }
            let subject = subject(&entry.plan, one, &zone, language, now);
            let Some(it) = one.mirrored.as_mut().filter(|it| !it.is_settled() && !it.busy) else { continue };
            if it.retry_at.is_some_and(|at| at > now) {
                continue;
            }
            let ended = one.manual.ended_at.is_some();
            let too_short = ended && end.duration_since(it.start) < SHORTEST;
            let version = it.version.clone();
            let step = match &it.id {
                None => Step::Create { operation: it.operation.clone(), subject, show_as: show_as(one.value.availability) },
                Some(id) if too_short => Step::Delete { id: id.clone(), version },
                Some(id) if it.end != end => Step::Move { id: id.clone(), version },
                Some(_) => {
                    if ended {
                        it.closed = Some("done".to_owned());
                        changed = true;
                    }
                    continue;
                }
            };
            it.busy = true;
            // A made-up end is moved on when it is reached; a known one is a boundary of the presence anyway.
            self.wheel.set(end, Timer::Recompute(person.to_owned()));
            orders.push(CurrentOrder {
                person: person.to_owned(),
                state: one.manual.id.clone(),
                mailbox: it.mailbox.clone(),
                tag: it.tag(),
                zone: zone.iana_name().unwrap_or("UTC").to_owned(),
                start: it.start,
                end: if matches!(step, Step::Create { .. }) { end.max(backoff::after(it.start, Duration::from_secs(60))) } else { end },
                step,
            });
        }
        if let Some(connection) = self.connections.get_mut(&key.connection) {
            for order in orders {
                connection.push(Class::Live, Work::Current(Box::new(order)));
            }
        }
        changed
    }

    /// A write of an appointment ended.
    pub(crate) async fn current_written(&mut self, connection: &str, order: CurrentOrder, result: Result<Stepped, ConnectorError>) {
        let now = self.clock.now();
        let kept = self.by_hand.get_mut(&order.person).into_iter().flatten();
        let Some(it) = kept.filter(|one| one.manual.id == order.state).find_map(|one| one.mirrored.as_mut()) else { return };
        it.busy = false;
        let action = match &order.step {
            Step::Create { .. } => "calendar.create",
            Step::Move { .. } => "calendar.update",
            Step::Delete { .. } => "calendar.delete",
        };
        let mut again = true;
        match result {
            Ok(Stepped::Written { id, version }) => {
                it.id = Some(id);
                it.version = version;
                it.end = order.end;
                it.failures = 0;
            }
            Ok(Stepped::Deleted) => {
                it.closed = Some("taken away: the state ended at once".to_owned());
            }
            Ok(Stepped::LeftToOwner) => {
                it.closed = Some("its owner moved or deleted the appointment".to_owned());
                tracing::info!(
                    code = "current-left",
                    connection,
                    person = order.person,
                    "the appointment of the state set by hand was moved or deleted in the calendar; it is left as it is"
                );
            }
            Err(error) => {
                self.connection_failed(connection, &error, now);
                let kept = self.by_hand.get_mut(&order.person).into_iter().flatten();
                let Some(it) = kept.filter(|one| one.manual.id == order.state).find_map(|one| one.mirrored.as_mut()) else { return };
                it.failures += 1;
                tracing::warn!(
                    code = error.kind.code(),
                    blame = error.blame().as_str(),
                    connection,
                    person = order.person,
                    "a state set by hand could not be written into the calendar: {}",
                    error.message
                );
                if error.is_transient() || matches!(error.kind, ErrorKind::Conflict(_) | ErrorKind::Unauthorized) {
                    let at = backoff::after(now, backoff::wait(it.failures, Duration::from_secs(2), Duration::from_secs(300)));
                    it.retry_at = Some(at);
                    self.wheel.set(at, Timer::Recompute(order.person.clone()));
                } else {
                    it.closed = Some(error.message);
                }
                again = false;
            }
        }
        self.store_by_hand(&order.person).await;
        if again {
            let entry = AuditEntry {
                at: now,
                subject: order.person.clone(),
                action: action.to_owned(),
                cause: format!("state set by hand, {connection}"),
                before: None,
                after: Some(format!("{{\"start\":\"{}\",\"end\":\"{}\"}}", order.start, order.end)),
            };
            if let Err(error) = self.store.add_audit(&[entry]).await {
                tracing::error!(code = "store-failed", %error, "an audit entry could not be stored");
            }
            self.recompute(&order.person);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_p23_an_unknown_end_is_the_end_of_the_local_day() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let end = |now: &str| open_end(now.parse().unwrap(), &berlin).to_string();
        assert_eq!(end("2026-03-28T22:59:00Z"), "2026-03-28T23:00:00Z");
        assert_eq!(end("2026-03-28T23:00:00Z"), "2026-03-29T22:00:00Z", "the day of the change has 23 hours");
    }

    #[test]
    fn b40_the_operation_depends_only_on_the_state() {
        let manual = calport_rules::presence::Config::default().set_by_hand(
            "h1".into(),
            Timestamp::UNIX_EPOCH,
            calport_rules::presence::State::Away,
            None,
            None,
        );
        assert_eq!(operation_of("anna", &manual), operation_of("anna", &manual));
        assert_ne!(operation_of("anna", &manual), operation_of("bert", &manual));
        assert_eq!(operation_of("anna", &manual).len(), 36);
    }
}
