//! Stopping a scope when the server asks to slow down (SEMANTICS B-43, B-44).
//!
//! A 429, 503 or 504 stops the scope of the request for max(Retry-After, exponential back-off with full jitter, 2 s). Until
//! then requests of the scope are turned back without touching the network. A scope is what the caller names, for instance a
//! mailbox; a request without scope stands for the whole connection and stops all of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;

/// Servers answer `Retry-After: 1` or nothing while they are overloaded; less than this only adds to the load.
const FLOOR: Duration = Duration::from_secs(2);
/// First step of the exponential back-off.
const STEP: Duration = Duration::from_secs(2);
/// Longest back-off of our own; a server may ask for more.
const CEILING: Duration = Duration::from_secs(300);
/// Longest `Retry-After` that is believed: a broken clock must not stop a mailbox for years.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Scopes kept at once; beyond it those that may go on again are forgotten.
const MOST_SCOPES: usize = 10_000;

#[derive(Clone, Copy)]
struct Stopped {
    until: Duration,
    attempts: u32,
}

/// The stopped scopes of one connection.
#[derive(Default)]
pub(crate) struct Throttle {
    scopes: Mutex<HashMap<Option<String>, Stopped>>,
}

/// Whether a status asks to slow down.
pub(crate) fn asks_to_slow_down(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

impl Throttle {
    /// How long the scope, or the whole connection, still waits. `now` is monotonic.
    pub(crate) fn waits(&self, scope: Option<&str>, now: Duration) -> Option<Duration> {
        let scopes = self.lock();
        let waits =
            |key: &Option<String>| scopes.get(key).and_then(|stopped| stopped.until.checked_sub(now)).filter(|left| !left.is_zero());
        let own = scope.and_then(|name| waits(&Some(name.to_owned())));
        own.max(waits(&None))
    }

    /// Stops a scope; gives the time until it may go on. `random` is in 0..=1.
    pub(crate) fn stop(&self, scope: Option<&str>, retry_after: Option<Duration>, now: Duration, random: f64) -> Duration {
        let mut scopes = self.lock();
        if scopes.len() >= MOST_SCOPES {
            scopes.retain(|_, stopped| stopped.until > now);
        }
        let entry = scopes.entry(scope.map(str::to_owned)).or_insert(Stopped { until: Duration::ZERO, attempts: 0 });
        if entry.until <= now {
            entry.attempts = entry.attempts.saturating_add(1);
        }
        entry.until = entry.until.max(now + delay(retry_after, entry.attempts, random));
        entry.until.saturating_sub(now)
    }

    /// A good answer ends the series of attempts, unless others of the same scope were stopped meanwhile.
    pub(crate) fn went_well(&self, scope: Option<&str>, now: Duration) {
        let mut scopes = self.lock();
        if scopes.is_empty() {
            return;
        }
        let key = scope.map(str::to_owned);
        if scopes.get(&key).is_some_and(|stopped| stopped.until <= now) {
            scopes.remove(&key);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Option<String>, Stopped>> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// max(Retry-After, exponential with full jitter, floor).
fn delay(retry_after: Option<Duration>, attempt: u32, random: f64) -> Duration {
    let doubled = STEP.saturating_mul(2_u32.saturating_pow(attempt.min(16))).min(CEILING);
    let jittered = doubled.mul_f64(random.clamp(0.0, 1.0));
    retry_after.unwrap_or_default().min(LONGEST).max(jittered).max(FLOOR)
}

/// Reads a `Retry-After` value: seconds, also with a fraction, or an HTTP date seen from `now`. A date in the past is zero.
#[must_use]
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if value.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Duration::try_from_secs_f64(value.parse().ok()?).ok();
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn b43_retry_after_is_read_as_seconds_fraction_or_date() {
        let now: Timestamp = "2026-10-18T09:00:00Z".parse().unwrap();
        let table = [
            ("120", Some(s(120))),
            ("2.128", Some(Duration::from_millis(2128))),
            (" 1 ", Some(s(1))),
            ("Sun, 18 Oct 2026 09:01:30 GMT", Some(s(90))),
            ("Sun, 18 Oct 2026 08:00:00 GMT", Some(s(0))),
            ("soon", None),
            ("", None),
            ("-5", None),
            ("1e400", None),
            ("12x", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_retry_after(text, now), expected, "{text:?}");
        }
    }

    #[test]
    fn b43_the_delay_is_the_greatest_of_server_jitter_and_floor() {
        assert_eq!(delay(None, 1, 0.0), s(2), "floor");
        assert_eq!(delay(Some(s(1)), 1, 0.0), s(2), "a server that always says 1");
        assert_eq!(delay(Some(s(30)), 1, 1.0), s(30));
        assert_eq!(delay(None, 1, 1.0), s(4));
        assert_eq!(delay(None, 3, 1.0), s(16));
        assert_eq!(delay(None, 3, 0.5), s(8));
        assert_eq!(delay(None, 99, 1.0), s(300));
        assert_eq!(delay(Some(s(1_000_000_000)), 1, 0.0), s(86_400));
    }

    #[test]
    fn b43_a_scope_is_stopped_alone_and_the_connection_stops_all() {
        let throttle = Throttle::default();
        assert_eq!(throttle.stop(Some("a"), Some(s(10)), s(100), 0.0), s(10));
        assert_eq!(throttle.waits(Some("a"), s(104)), Some(s(6)));
        assert_eq!(throttle.waits(Some("b"), s(104)), None);
        assert_eq!(throttle.waits(None, s(104)), None);
        assert_eq!(throttle.waits(Some("a"), s(110)), None);
        throttle.stop(None, Some(s(5)), s(200), 0.0);
        assert_eq!(throttle.waits(Some("b"), s(201)), Some(s(4)));
    }

    #[test]
    fn b43_parallel_refusals_count_once_and_success_starts_over() {
        let throttle = Throttle::default();
        for _ in 0..16 {
            assert_eq!(throttle.stop(Some("a"), None, s(0), 1.0), s(4), "sixteen answers of one burst are one attempt");
        }
        assert_eq!(throttle.stop(Some("a"), None, s(4), 1.0), s(8));
        throttle.went_well(Some("a"), s(5));
        assert!(throttle.waits(Some("a"), s(5)).is_some(), "a late good answer does not lift the stop");
        throttle.went_well(Some("a"), s(12));
        assert_eq!(throttle.stop(Some("a"), None, s(20), 1.0), s(4));
    }
}
