//! A wrong password is tried once, not until the account is locked.
//!
//! Logins with one password go one after the other until the server has answered, so that a burst of requests costs one failed
//! attempt. After a refusal the same password is not sent again; another value of the secret, or a new configuration, starts
//! afresh. A password that had worked is tried again after an hour, because a server that cannot ask its directory for a while
//! refuses in the same words, and one attempt in an hour locks no account.
//!
//! A login that failed for another reason is told to those who were waiting for it, so that a server that does not answer keeps
//! each of them waiting once and not in turn.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use calport_secrets::Secret;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout_at;

use crate::error::{EgressError, Phase};
use crate::wire::{Call, Wire};

/// Between two attempts with a password that had worked.
const AGAIN: Duration = Duration::from_secs(3600);
/// So long a login that failed without a verdict is not repeated.
const FAILURE_HOLD: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Attempts {
    state: Mutex<State>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    of: Option<Secret>,
    worked: bool,
    refused: Option<(EgressError, Duration)>,
    failed: Option<(EgressError, Duration)>,
}

impl Attempts {
    /// Waits until no other login with this credential is under way.
    pub(super) async fn turn(&self, wire: &Wire, call: &Call) -> Result<OwnedMutexGuard<()>, EgressError> {
        timeout_at(call.deadline, Arc::clone(&self.turn).lock_owned()).await.map_err(|_| wire.late(call, Phase::Queue))
    }

    /// Whether this password may be sent.
    pub(super) fn judge(&self, password: &Secret, wire: &Wire) -> Result<(), EgressError> {
        let mut state = self.state(password);
        let (again, now) = (state.worked.then_some(AGAIN), wire.clock.monotonic());
        if let Some((error, _)) = state.failed.as_ref().filter(|(_, at)| *at + FAILURE_HOLD > now) {
            return Err(error.clone());
        }
        match &state.refused {
            Some((_, at)) if again.is_some_and(|again| *at + again <= now) => {
                state.refused = None;
                Ok(())
            }
            Some((error, _)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The server accepted it.
    pub(super) fn accepted(&self, password: &Secret) {
        let mut state = self.state(password);
        *state = State { of: state.of.take(), worked: true, ..State::default() };
    }

    /// The server refused it; `error` gets to know whether it had worked before, and is what the others are told.
    pub(super) fn refused(&self, password: &Secret, wire: &Wire, error: impl FnOnce(bool) -> EgressError) -> EgressError {
        let mut state = self.state(password);
        let error = error(state.worked);
        state.refused = Some((error.clone(), wire.clock.monotonic()));
        error
    }

    /// It could not be judged.
    pub(super) fn failed(&self, password: &Secret, wire: &Wire, error: &EgressError) {
        self.state(password).failed = Some((error.clone(), wire.clock.monotonic()));
    }

    fn state(&self, password: &Secret) -> std::sync::MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.of.as_ref().is_none_or(|known| known.expose() != password.expose()) {
            *state = State { of: Some(password.clone()), ..State::default() };
        }
        state
    }
}
