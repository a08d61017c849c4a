//! The endpoint as tests hold it: start beside a Graph simulator, break, count, stop. Mailboxes are seeded through Graph's handle.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::config::Config;
use super::fault::{Faults, Kind, Rule};
use super::log::Seen;
use super::server;
use super::shared::Shared;
use crate::graph;
use crate::graph::SimulatorError;
use crate::serve::{self, Running};

/// Counters of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests by operation.
    pub operations: BTreeMap<String, u64>,
    /// Requests by mailbox (principal name) and operation.
    pub mailboxes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Messages to attendees and recipients, over both front doors, one per recipient.
    pub mails_sent: u64,
    /// Those of them that went to attendees and organisers of meetings.
    pub attendee_mails: u64,
}

/// A running EWS endpoint on the mailboxes of a Graph simulator. Dropping it stops it, not the mailboxes.
#[derive(Debug)]
pub struct Simulator {
    pub(super) shared: Arc<Shared>,
    running: Running,
}

impl Simulator {
    /// Starts an endpoint on the mailboxes of a Graph simulator.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn beside(graph: &graph::Simulator, config: Config) -> Result<Self, SimulatorError> {
        let listener = serve::bind(config.listen).await?;
        let shared = Arc::new(Shared::new(config, graph.shared(), listener.local_addr()?));
        let running = serve::start(listener, server::router(Arc::clone(&shared), None))?;
        shared.listens(running.lines());
        Ok(Self { shared, running })
    }

    /// Origin without a trailing slash; the admin door is below `/_admin/`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// Address of the service.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.url()
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.shared.lock().config.clone()
    }

    /// Changes settings while running (not the address).
    pub fn configure(&self, change: impl FnOnce(&mut Config)) {
        change(&mut self.shared.lock().config);
    }

    /// Adds a fault rule; its path is compared with the operation's name.
    pub fn fault(&self, rule: Rule) {
        self.shared.faults.add(rule);
    }

    /// Lets the next `times` requests of an operation (empty: of any) go wrong.
    pub fn fail(&self, operation: &str, times: u32, kind: Kind) {
        self.fault(Rule::on_path(&format!("#{operation}"), times, kind));
    }

    /// The fault rules.
    #[must_use]
    pub fn faults(&self) -> crate::fault::Faults<Kind> {
        Faults::clone(&self.shared.faults)
    }

    /// How often an operation was requested, for one mailbox (by principal name) or for all.
    #[must_use]
    pub fn count(&self, operation: &str, user: Option<&str>) -> u64 {
        let inner = self.shared.lock();
        let counters = match user {
            None => Some(&inner.log.operations),
            Some(user) => inner.log.mailboxes.get(user),
        };
        counters.and_then(|c| c.get(operation)).copied().unwrap_or(0)
    }

    /// All counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats(&self.shared)
    }

    /// The requests seen, oldest first (the latest 20,000).
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.lock().log.seen.iter().cloned().collect()
    }

    /// Forgets requests, counters and connections (not the mails).
    pub fn reset_log(&self) {
        self.shared.forget();
    }

    /// How many streams are open, and how many subscriptions they have together.
    #[must_use]
    pub fn streams(&self) -> (usize, usize) {
        let inner = self.shared.lock();
        let open = &inner.store.subscriptions.open;
        (open.len(), open.values().map(|stream| stream.ids.len()).sum())
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.shared.lock().store.subscriptions.by_id.len()
    }

    /// Stops the endpoint: its listener and all connections close.
    pub fn stop(self) {
        self.running.stop();
    }
}

/// All counters.
pub(crate) fn stats(shared: &Shared) -> Stats {
    let inner = shared.lock();
    let state = shared.graph.lock();
    Stats {
        operations: inner.log.operations.clone(),
        mailboxes: inner.log.mailboxes.clone(),
        mails_sent: state.mails_sent(),
        attendee_mails: state.attendee_mails,
    }
}
