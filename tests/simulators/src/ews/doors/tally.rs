//! What is counted for each connection: how often it logged in, by what, and how many requests each login carried.

use std::collections::BTreeMap;

use serde::Serialize;

/// Connections that are remembered.
const KEPT: usize = 20_000;

/// A login of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Login {
    /// `NTLM`, or `Negotiate` for NTLM inside it.
    pub scheme: &'static str,
    /// Who logged in.
    pub account: String,
    /// Requests that it carried, the one that it came with included.
    pub requests: u64,
}

/// A connection by which something was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Number in the order of their coming.
    pub number: u64,
    /// Its logins by Windows authentication, in order.
    pub logins: Vec<Login>,
    /// Logins that were refused, with the reason.
    pub refused: Vec<String>,
    /// First messages of NTLM.
    pub begun: u64,
    /// Requests that were let in by another door, each for itself.
    pub others: u64,
    /// The server's epoch: logins of earlier ones are forgotten.
    #[serde(skip)]
    pub(crate) epoch: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    connections: BTreeMap<u64, Connection>,
    epoch: u64,
}

impl Tally {
    /// The counters of a connection.
    pub fn of(&mut self, number: u64) -> &mut Connection {
        if self.connections.len() == KEPT && !self.connections.contains_key(&number) {
            self.connections.pop_first();
        }
        let connection = self.connections.entry(number).or_insert_with(|| Connection { number, ..Connection::default() });
        connection.epoch = self.epoch;
        connection
    }

    /// Connections that are logged in are so no longer; they stay open.
    pub fn forget_logins(&mut self) {
        self.epoch += 1;
    }

    /// The number of the epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Oldest first.
    pub fn list(&self) -> Vec<Connection> {
        self.connections.values().cloned().collect()
    }

    /// Forgets the counters.
    pub fn reset(&mut self) {
        self.connections.clear();
    }
}
