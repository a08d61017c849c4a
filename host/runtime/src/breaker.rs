//! The breaker of a connection: two strikes of the connector in a short time stop it for a while (SEMANTICS K-06).
//!
//! After the pause one call is let through to try; its outcome alone closes the breaker or doubles the pause, so that a
//! call that began before cannot. Failures of a server are no strikes: they are the engine's business (SEMANTICS R-08).

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
/// How long others are told to wait while a try is under way.
const MEANWHILE: Duration = Duration::from_secs(5);

/// Whether an admitted call is an ordinary one or the try of an open breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// The breaker is closed.
    Ordinary,
    /// The breaker is open and its pause is over: this call decides.
    Try,
}

/// The state of a breaker.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    strikes: Vec<Timestamp>,
    open_until: Option<Timestamp>,
    pause: Option<Duration>,
    trying: bool,
    reason: String,
}

impl Breaker {
    /// Whether a call may be made; if not, how long it has to wait and why. Each admitted call ends with one of
    /// [`Self::succeeded`], [`Self::strike`] and [`Self::given_up`].
    pub(crate) fn admit(&mut self, now: Timestamp) -> Result<Admitted, (Duration, String)> {
        let Some(until) = self.open_until else { return Ok(Admitted::Ordinary) };
        if until > now {
            return Err((Duration::try_from(until.duration_since(now)).unwrap_or_default(), self.reason.clone()));
        }
        if self.trying {
            return Err((MEANWHILE, self.reason.clone()));
        }
        self.trying = true;
        Ok(Admitted::Try)
    }

    /// Notes a call that the connector ended properly.
    pub(crate) fn succeeded(&mut self, call: Admitted) {
        if call == Admitted::Try {
            *self = Self::default();
        }
    }

    /// Notes a trap, a limit, or a time-out of the connector itself.
    pub(crate) fn strike(&mut self, call: Admitted, now: Timestamp, reason: &str) {
        if call == Admitted::Ordinary && self.open_until.is_some() {
            return;
        }
        reason.clone_into(&mut self.reason);
        let oldest = now.checked_sub(SignedDuration::try_from(MEMORY).unwrap_or_default()).unwrap_or(Timestamp::MIN);
        self.strikes.retain(|at| *at > oldest);
        self.strikes.push(now);
        if call == Admitted::Try || self.strikes.len() >= STRIKES {
            let pause = self.pause.map_or(FIRST, |p| (p * 2).min(LONGEST));
            self.pause = Some(pause);
            self.trying = false;
            self.open_until = now.checked_add(SignedDuration::try_from(pause).unwrap_or_default()).ok();
        }
    }

    /// Notes a call whose caller went away before it ended: nothing was learned, and the next one may try.
    pub(crate) fn given_up(&mut self, call: Admitted) {
        if call == Admitted::Try {
            self.trying = false;
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
    use super::Admitted::{Ordinary, Try};
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        breaker.strike(Ordinary, at(0), "trap");
        assert_eq!(breaker.admit(at(0)), Ok(Ordinary), "one strike is forgiven");
        breaker.strike(Ordinary, at(0), "trap");
        assert!(breaker.admit(at(1)).is_err());
        breaker
    }

    #[test]
    fn rule_k06_two_strikes_open_the_breaker_and_a_good_try_closes_it() {
        let mut breaker = open();
        assert_eq!(breaker.admit(at(30)), Ok(Try));
        assert!(breaker.admit(at(30)).is_err(), "one try at a time");
        breaker.succeeded(Try);
        assert_eq!(breaker.admit(at(31)), Ok(Ordinary));
    }

    #[test]
    fn rule_k06_a_failed_try_doubles_the_pause() {
        let mut breaker = open();
        assert_eq!(breaker.admit(at(30)), Ok(Try));
        breaker.strike(Try, at(30), "trap");
        assert!(breaker.admit(at(89)).is_err());
        assert_eq!(breaker.admit(at(90)), Ok(Try));
    }

    #[test]
    fn rule_k06_strikes_far_apart_do_not_add_up() {
        let mut breaker = Breaker::default();
        breaker.strike(Ordinary, at(0), "trap");
        breaker.strike(Ordinary, at(700), "trap");
        assert_eq!(breaker.admit(at(701)), Ok(Ordinary));
    }

    #[test]
    fn rule_k06_a_try_whose_caller_went_away_leaves_the_next_one_to_try() {
        let mut breaker = open();
        assert_eq!(breaker.admit(at(30)), Ok(Try));
        breaker.given_up(Try);
        assert_eq!(breaker.admit(at(31)), Ok(Try));
    }

    #[test]
    fn rule_k06_calls_that_began_before_neither_close_nor_prolong() {
        let mut breaker = open();
        breaker.succeeded(Ordinary);
        assert!(breaker.admit(at(1)).is_err());
        breaker.strike(Ordinary, at(20), "trap");
        assert_eq!(breaker.open_until(), Some(at(30)));
        breaker.given_up(Ordinary);
        assert_eq!(breaker.admit(at(30)), Ok(Try));
    }
}
