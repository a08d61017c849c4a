//! What every request and every admin call of this endpoint shares.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::Config;
use super::doors::Tally;
use super::doors::forms::Sessions;
use super::fault::Faults;
use super::log::Log;
use super::store::Store;
use crate::graph::shared::Shared as Graph;
use crate::serve::Lines;

/// The part that only this endpoint has.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub config: Config,
    pub store: Store,
    pub log: Log,
    /// Connections and their logins.
    pub tally: Tally,
    /// Logins by form.
    pub sessions: Sessions,
}

/// The running endpoint's inside. Whoever needs both locks takes this one first, then Graph's.
#[derive(Debug)]
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    /// The mailboxes, the clock and the tokens.
    pub graph: Arc<Graph>,
    pub faults: Faults,
    /// Where the endpoint listens.
    pub address: SocketAddr,
    /// The connections of all its listeners.
    lines: Mutex<Vec<Arc<Lines>>>,
}

impl Shared {
    pub fn new(config: Config, graph: Arc<Graph>, address: SocketAddr) -> Self {
        Self { inner: Mutex::new(Inner { config, ..Inner::default() }), graph, faults: Faults::default(), address, lines: Mutex::default() }
    }

    /// Address of the service.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, super::server::PATH)
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of one more listener.
    pub fn listens(&self, lines: Arc<Lines>) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(lines);
    }

    /// The server starts anew: every login by form, every subscription and every connection ends, with whatever the server
    /// knew of it.
    pub fn restart(&self) {
        let mut inner = self.lock();
        inner.sessions.end();
        inner.store.subscriptions.forget();
        drop(inner);
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|lines| lines.hang_up());
    }

    /// Forgets requests and counters.
    pub fn forget(&self) {
        let mut inner = self.lock();
        inner.log.reset();
        inner.tally.reset();
        (inner.sessions.accepted, inner.sessions.refused) = (0, 0);
    }
}
