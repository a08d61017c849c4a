//! The breaker of a connection: two strikes of the connector in a short time stop it for a while.
//!
//! Failures of a server are no strikes: they are the engine's business (SEMANTICS R-08).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Strikes within this time count together.
const MEMORY: Duration = Duration::from_secs(600);
/// Strikes that open the breaker.
const STRIKES: usize = 2;
/// The first pause; it doubles with every failed try.
const FIRST: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(600);

/// The state of a breaker.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    strikes: Vec<Timestamp>,
    open_until: Option<Timestamp>,
    pause: Option<Duration>,
    probing: bool,
    reason: String,
}

impl Breaker {
    /// Whether a call may be made; if not, how long it has to wait and why.
    pub(crate) fn admit(&mut self, now: Timestamp) -> Result<(), (Duration, String)> {
        let Some(until) = self.open_until else { return Ok(()) };
        if until > now {
            return Err((Duration::try_from(until.duration_since(now)).unwrap_or_default(), self.reason.clone()));
        }
        if self.probing {
            return Err((FIRST, self.reason.clone()));
        }
        self.probing = true;
        Ok(())
    }

    /// Notes a call that the connector ended properly.
    pub(crate) fn succeeded(&mut self) {
        if self.open_until.is_some() {
            *self = Self::default();
        }
    }

    /// Notes a trap, a limit, or a time-out of the connector itself.
    pub(crate) fn strike(&mut self, now: Timestamp, reason: &str) {
        reason.clone_into(&mut self.reason);
        let oldest = now.checked_sub(SignedDuration::try_from(MEMORY).unwrap_or_default()).unwrap_or(Timestamp::MIN);
        self.strikes.retain(|at| *at > oldest);
        self.strikes.push(now);
        if self.probing || self.strikes.len() >= STRIKES {
            let pause = self.pause.map_or(FIRST, |p| (p * 2).min(LONGEST));
            self.pause = Some(pause);
            self.probing = false;
            self.open_until = now.checked_add(SignedDuration::try_from(pause).unwrap_or_default()).ok();
        }
    }

    /// Forgets everything: another version of the connector is there.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Until when the breaker is open.
    pub(crate) fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn rule_k06_two_strikes_open_the_breaker_and_a_good_probe_closes_it() {
        let mut breaker = Breaker::default();
        breaker.strike(at(0), "trap");
        assert!(breaker.admit(at(1)).is_ok());
        breaker.strike(at(2), "trap");
        assert!(breaker.admit(at(3)).is_err());
        assert!(breaker.admit(at(32)).is_ok(), "the probe");
        assert!(breaker.admit(at(32)).is_err(), "one probe at a time");
        breaker.succeeded();
        assert!(breaker.admit(at(33)).is_ok());
    }

    #[test]
    fn rule_k06_a_failed_probe_doubles_the_pause() {
        let mut breaker = Breaker::default();
        breaker.strike(at(0), "trap");
        breaker.strike(at(0), "trap");
        assert!(breaker.admit(at(30)).is_ok());
        breaker.strike(at(30), "trap");
        assert!(breaker.admit(at(89)).is_err());
        assert!(breaker.admit(at(90)).is_ok());
    }

    #[test]
    fn rule_k06_strikes_far_apart_do_not_add_up() {
        let mut breaker = Breaker::default();
        breaker.strike(at(0), "trap");
        breaker.strike(at(700), "trap");
        assert!(breaker.admit(at(701)).is_ok());
    }
}
