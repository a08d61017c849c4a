//! What every request and every admin call of this endpoint shares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::Config;
use super::fault::Faults;
use super::log::Log;
use super::store::Store;
use crate::graph::shared::Shared as Graph;

/// The part that only this endpoint has.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub config: Config,
    pub store: Store,
    pub log: Log,
}

/// The running endpoint's inside. Whoever needs both locks takes this one first, then Graph's.
#[derive(Debug)]
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    /// The mailboxes, the clock and the tokens.
    pub graph: Arc<Graph>,
    pub faults: Faults,
}

impl Shared {
    pub fn new(config: Config, graph: Arc<Graph>) -> Self {
        Self { inner: Mutex::new(Inner { config, ..Inner::default() }), graph, faults: Faults::default() }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
