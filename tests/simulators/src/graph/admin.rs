//! The admin door `/_admin/`: what tests in other languages and the scripted demo use. Same abilities as the Rust handle.
//!
//! | method and path | body | effect |
//! |---|---|---|
//! | `GET`, `POST`, `DELETE /_admin/faults` | a fault rule | list, add, clear |
//! | `POST /_admin/users` | a user | add; answers `{"id"}` |
//! | `POST /_admin/users/{u}/events` | Graph event | create as the owner; answers the event |
//! | `GET`, `PATCH`, `DELETE /_admin/users/{u}/events/{id}` | Graph event | as the owner |
//! | `POST /_admin/users/{u}/calendars` | `{"name"}` | add a calendar; answers `{"id"}` |
//! | `POST /_admin/users/{u}/automaticReplies` | Graph setting or `null` | set, switch off |
//! | `POST /_admin/users/{u}/deny` | `{"denied": true}` | access policy |
//! | `POST /_admin/stress` | `{"mailboxes","events","from"}` | many mailboxes |
//! | `POST /_admin/tokens/expire`, `/_admin/delta/expire` | `{}` or `{"user"}` | expire |
//! | `POST /_admin/clock` | `{"advance_seconds"}` or `{"skew_seconds"}` | move the clock |
//! | `POST /_admin/notifications` | `{"drop"}` or `{"double"}` | lose or double the next n |
//! | `POST /_admin/notify` | `{"user","event","times"}` | notify without a change |
//! | `POST /_admin/lifecycle` | `{"event","user"?}` | lifecycle event |
//! | `POST /_admin/settings` | `{"latency_ms","concurrency","requests","roles","replays","delta_page","subscription_minutes","token_seconds"}` | change limits |
//! | `GET /_admin/stats`, `/_admin/requests`, `/_admin/subscriptions`, `/_admin/mails` | | counters, requests with the bodies of writes, subscriptions, sent messages |
//! | `DELETE /_admin/requests` | | forget requests and counters |

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::config::User;
use super::draft::EventDraft;
use super::fields::Writer;
use super::handle::Stats;
use super::http::{Answer, Call, Handled, Prefer, Refusal};
use super::ids::{ItemId, calendar_id};
use super::render::View;
use super::shared::Shared;
use super::state::{Happened, State};
use super::{events, mailbox, subscriptions};
use crate::fault::Rule;

/// Answers an admin request.
pub(crate) fn handle(shared: &Shared, call: &Call) -> Answer {
    route(shared, call).unwrap_or_else(|r| Answer::json(r.status, json!({"error": {"code": r.code, "message": r.message}})))
}

fn ok() -> Handled {
    Ok(Answer::json(200, json!({})))
}

fn bad(text: impl Into<String>) -> Refusal {
    Refusal::bad("Admin", text)
}

fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    map.get(name).and_then(Value::as_str)
}

fn number(map: &Map<String, Value>, name: &str) -> Option<u32> {
    map.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
}

fn route(shared: &Shared, call: &Call) -> Handled {
    let path: Vec<&str> = call.path.iter().skip(1).map(String::as_str).collect();
    let now = shared.clock.now();
    match (call.method.as_str(), path.as_slice()) {
        ("GET", ["faults"]) => Ok(Answer::json(200, json!({"value": shared.faults.list()}))),
        ("DELETE", ["faults"]) => {
            shared.faults.clear();
            ok()
        }
        ("POST", ["faults"]) => {
            let rule: Rule = serde_json::from_slice(&call.body).map_err(|e| bad(format!("fault rule: {e}")))?;
            shared.faults.add(rule);
            ok()
        }
        ("POST", ["clock"]) => {
            let map = call.object()?;
            if let Some(seconds) = number(&map, "advance_seconds") {
                shared.clock.advance(Duration::from_secs(u64::from(seconds)));
            }
            if let Some(skew) = map.get("skew_seconds").and_then(Value::as_i64) {
                shared.clock.set_skew(skew);
            }
            Ok(Answer::json(200, json!({"now": shared.clock.now().to_string()})))
        }
        ("GET", ["stats"]) => Ok(Answer::json(200, json!(shared.lock().stats(now)))),
        ("GET", ["requests"]) => Ok(Answer::json(200, json!({"value": shared.lock().log.seen}))),
        ("GET", ["mails"]) => Ok(Answer::json(200, json!({"value": shared.lock().sent}))),
        ("DELETE", ["requests"]) => {
            shared.lock().reset_log();
            ok()
        }
        ("GET", ["subscriptions"]) => {
            let state = shared.lock();
            let all: Vec<_> = state.subscriptions.values().filter(|s| s.expires > now).map(|s| s.render(&state.config.client_id)).collect();
            Ok(Answer::json(200, json!({"value": all})))
        }
        ("POST", ["users"]) => {
            let user: User = serde_json::from_slice(&call.body).map_err(|e| bad(format!("user: {e}")))?;
            Ok(Answer::json(201, json!({"id": shared.lock().add_user(user)?})))
        }
        (method, ["users", user, rest @ ..]) => of_user(&mut shared.lock(), call, method, user, rest, now),
        ("POST", words) => command(&mut shared.lock(), words, &call.object()?, now),
        (method, other) => Err(bad(format!("there is no {method} /_admin/{}", other.join("/")))),
    }
}

fn of_user(state: &mut State, call: &Call, method: &str, user: &str, path: &[&str], now: Timestamp) -> Handled {
    match (method, path) {
        ("POST", ["events"]) => {
            let id = state.create(user, 0, call.object()?, Writer::Person, now)?;
            Ok(Answer::json(201, show(state, call, user, &id)?))
        }
        ("GET", ["events", id]) => Ok(Answer::json(200, show(state, call, user, &ItemId::read(id)?)?)),
        ("PATCH", ["events", id]) => {
            let id = ItemId::read(id)?;
            state.update(user, &id, call.object()?, None, Writer::Person, now)?;
            Ok(Answer::json(200, show(state, call, user, &id)?))
        }
        ("DELETE", ["events", id]) => {
            state.delete(user, &ItemId::read(id)?, None, Writer::Person, now)?;
            ok()
        }
        ("POST", ["calendars"]) => {
            let map = call.object()?;
            let number = state.add_calendar(user, text(&map, "name").ok_or_else(|| bad("name is missing"))?)?;
            Ok(Answer::json(201, json!({"id": calendar_id(state.mailbox(user)?.0, number)})))
        }
        ("POST", ["automaticReplies"]) => {
            let mut value: Value = serde_json::from_slice(&call.body).map_err(|e| bad(format!("automatic replies: {e}")))?;
            if value.is_null() {
                state.set_automatic_replies(user, None)?;
            } else {
                mailbox::replies(&mut value)?;
                state.set_automatic_replies(user, Some(value))?;
            }
            ok()
        }
        ("POST", ["deny"]) => {
            let denied = call.object()?.get("denied").and_then(Value::as_bool).unwrap_or(true);
            let (index, _) = state.user(user)?;
            if let Some(mailbox) = state.mailboxes.get_mut(index as usize) {
                mailbox.denied = denied;
            }
            ok()
        }
        (method, other) => Err(bad(format!("there is no {method} /_admin/users/{user}/{}", other.join("/")))),
    }
}

fn show(state: &State, call: &Call, user: &str, id: &ItemId) -> Result<Value, Refusal> {
    let (index, mailbox) = state.mailbox(user)?;
    let view = View::new(index, mailbox.user.owner(), &Prefer::read(&call.headers)?);
    Ok(Value::Object(events::show(mailbox, index, id, &view)?))
}

fn command(state: &mut State, words: &[&str], map: &Map<String, Value>, now: Timestamp) -> Handled {
    match words {
        ["tokens", "expire"] => state.tokens.clear(),
        ["delta", "expire"] => state.expire_delta(text(map, "user")),
        ["notifications"] => {
            state.drop_notifications = number(map, "drop").unwrap_or(state.drop_notifications);
            state.double_notifications = number(map, "double").unwrap_or(state.double_notifications);
        }
        ["notify"] => {
            let (user, event) = text(map, "user").zip(text(map, "event")).ok_or_else(|| bad("user and event are needed"))?;
            let id = ItemId::read(event)?;
            let (index, mailbox) = state.mailbox(user)?;
            mailbox.event(index, &id)?;
            for _ in 0..number(map, "times").unwrap_or(1) {
                state.happened(index, id, Happened::Updated, now);
            }
        }
        ["lifecycle"] => {
            let event = text(map, "event").filter(|e| ["reauthorizationRequired", "subscriptionRemoved", "missed"].contains(e));
            let event = event.ok_or_else(|| bad("event must be reauthorizationRequired, subscriptionRemoved or missed"))?;
            let index = text(map, "user").map(|u| state.user(u).map(|(i, _)| i)).transpose()?;
            let posted = subscriptions::lifecycle(state, event, |s| index.is_none_or(|i| i == s.mailbox));
            return Ok(Answer::json(200, json!({"posted": posted})));
        }
        ["stress"] => {
            let from = text(map, "from").map_or(Ok(now), str::parse).map_err(|e| bad(format!("from: {e}")))?;
            state.stress(number(map, "mailboxes").unwrap_or(0), number(map, "events").unwrap_or(0), from)?;
        }
        ["settings"] => settings(state, map)?,
        other => return Err(bad(format!("there is no POST /_admin/{}", other.join("/")))),
    }
    ok()
}

fn settings(state: &mut State, map: &Map<String, Value>) -> Result<(), Refusal> {
    let config = &mut state.config;
    for (name, value) in map {
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
        match (name.as_str(), number, value) {
            ("latency_ms", Some(n), _) => config.latency = Duration::from_millis(u64::from(n)),
            ("concurrency", Some(n), _) => config.concurrency = n,
            ("requests", Some(n), _) => config.requests = n,
            ("delta_page", Some(n), _) => config.delta_page = n as usize,
            ("subscription_minutes", Some(n), _) => config.subscription_minutes = i64::from(n),
            ("token_seconds", Some(n), _) => config.token_seconds = i64::from(n),
            ("replays", _, Value::Bool(on)) => config.replays = *on,
            ("roles", _, Value::Array(list)) => config.roles = list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => return Err(bad(format!("setting '{name}' is unknown or has a wrong value"))),
        }
    }
    Ok(())
}

impl State {
    /// Makes the delta tokens of one mailbox (or all) expire.
    pub fn expire_delta(&mut self, user: Option<&str>) {
        let only = user.map(|u| self.user(u).map(|(i, _)| i as usize).ok());
        for (index, mailbox) in self.mailboxes.iter_mut().enumerate() {
            if only.is_none_or(|o| o == Some(index)) {
                mailbox.generation += 1;
            }
        }
    }

    /// How often an operation was requested.
    pub fn count(&self, operation: &str, user: Option<&str>) -> u64 {
        match user {
            None => self.log.operations.get(operation).copied().unwrap_or(0),
            Some(user) => self.user(user).ok().and_then(|(i, _)| self.log.mailboxes.get(&(i, operation.to_owned())).copied()).unwrap_or(0),
        }
    }

    /// Forgets requests, counters and high-water marks.
    pub fn reset_log(&mut self) {
        self.log.reset();
        self.throttle.peak.clear();
    }

    /// All counters.
    pub fn stats(&self, now: Timestamp) -> Stats {
        let name = |index: &u32| self.mailboxes.get(*index as usize).map(|m| m.user.user_principal_name.clone()).unwrap_or_default();
        let mut mailboxes: std::collections::BTreeMap<String, std::collections::BTreeMap<String, u64>> = std::collections::BTreeMap::new();
        for ((index, operation), count) in &self.log.mailboxes {
            mailboxes.entry(name(index)).or_default().insert(operation.clone(), *count);
        }
        Stats {
            operations: self.log.operations.clone(),
            mailboxes,
            peak: self.throttle.peak.iter().map(|(i, n)| (name(i), *n)).collect(),
            mails_sent: self.mails_sent(),
            attendee_mails: self.attendee_mails,
            subscriptions: self.subscriptions.values().filter(|s| s.expires > now).count(),
            notifications: self.log.notifications,
        }
    }

    /// Adds many mailboxes `user00000@example.test`… with half-hour events, one each hour from `from`.
    ///
    /// # Errors
    /// A name is taken.
    pub fn stress(&mut self, mailboxes: u32, events: u32, from: Timestamp) -> Result<(), Refusal> {
        for number in 0..mailboxes {
            let address = format!("user{number:05}@example.test");
            self.add_user(User::new(&address, &format!("User {number:05}")))?;
            for event in 0..events {
                let start = from.saturating_add(jiff::SignedDuration::from_hours(i64::from(event))).unwrap_or(from);
                let end = start.saturating_add(Duration::from_secs(1_800)).unwrap_or(start);
                let draft = EventDraft::new(&format!("Event {event}"), &start.to_string(), &end.to_string(), "UTC");
                self.create(&address, 0, draft.into_body(), Writer::Person, from)?;
            }
        }
        Ok(())
    }
}
