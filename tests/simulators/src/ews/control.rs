//! What tests do to the server as a whole: its connections, its logins, a mailbox that moves, further host names.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::doors::Connection;
use super::handle::Simulator;
use super::server;
use crate::graph::SimulatorError;
use crate::serve::{self, Running};

/// A listener under the name of a host. Dropping it closes it.
#[derive(Debug)]
pub struct Sign {
    running: Running,
}

impl Sign {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// Origin without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }
}

impl Simulator {
    /// A further listener on a free port of this machine, whose requests count as sent to `host`, whatever their `Host` says.
    ///
    /// # Errors
    /// No port is free.
    pub async fn sign(&self, host: &str) -> Result<Sign, SimulatorError> {
        let listener = serve::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let running = serve::start(listener, server::router(Arc::clone(&self.shared), Some(host)))?;
        self.shared.listens(running.lines());
        Ok(Sign { running })
    }

    /// The server starts anew: connections and streams break off, logins with them, those by form too, and subscriptions are
    /// forgotten. Mailboxes stay.
    pub fn restart(&self) {
        self.shared.restart();
    }

    /// Connections that are logged in by Windows authentication are so no longer, though they stay open: their next request gets 401.
    pub fn forget_logins(&self) {
        self.shared.lock().tally.forget_logins();
    }

    /// Ends every login by form.
    pub fn expire_sessions(&self) {
        self.shared.lock().sessions.end();
    }

    /// How many forms were accepted, and how many refused.
    #[must_use]
    pub fn forms(&self) -> (u64, u64) {
        let inner = self.shared.lock();
        (inner.sessions.accepted, inner.sessions.refused)
    }

    /// The connections that tried to log in or did (the latest 20,000), oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.lock().tally.list()
    }

    /// The address that Autodiscover tells of this server.
    fn told_url(&self) -> String {
        self.config().autodiscover.external_url.unwrap_or_else(|| self.url())
    }

    /// A mailbox begins to move to another server: here it is refused for now, there it is not known yet.
    pub fn begin_move(&self, mailbox: &str, to: &Self) {
        to.configure(|config| {
            config.elsewhere.insert(mailbox.to_owned(), self.told_url());
        });
        self.configure(|config| config.moved.push(mailbox.to_owned()));
    }

    /// The mailbox is there: requests for it are refused here for good, and Autodiscover names the other server.
    pub fn finish_move(&self, mailbox: &str, to: &Self) {
        to.configure(|config| {
            config.elsewhere.remove(mailbox);
        });
        self.configure(|config| {
            config.moved.retain(|name| !name.eq_ignore_ascii_case(mailbox));
            config.elsewhere.insert(mailbox.to_owned(), to.told_url());
        });
    }
}
