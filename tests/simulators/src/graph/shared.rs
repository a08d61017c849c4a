//! What every request and every admin call shares.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::notify::Notifier;
use super::state::State;
use crate::clock::Clock;
use crate::fault::Faults;

/// The running simulator's inside.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub clock: Clock,
    pub faults: Faults,
    pub notifier: Notifier,
    me: Weak<Shared>,
}

/// The locked state; what was put into its outbox leaves when it is given back.
pub(crate) struct Locked<'a> {
    state: MutexGuard<'a, State>,
    shared: &'a Shared,
}

impl Shared {
    pub fn new(state: State, clock: Clock, notifier: Notifier, me: Weak<Self>) -> Self {
        Self { state: Mutex::new(state), clock, faults: Faults::default(), notifier, me }
    }

    pub fn lock(&self) -> Locked<'_> {
        Locked { state: self.state.lock().unwrap_or_else(PoisonError::into_inner), shared: self }
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        for (address, item) in std::mem::take(&mut self.state.outbox) {
            self.state.log.notifications.queued += 1;
            self.shared.notifier.send(&self.shared.me, address, item);
        }
    }
}
