//! One simulated organisation with two front doors, and both connectors in front of them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use calport_simulators::clock::Clock;
use calport_simulators::ews;
use calport_simulators::graph::{Simulator, User};

use crate::sandbox::{Code, Instance};
use crate::wire::{Wire, token};

/// Which connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Microsoft Graph.
    Graph,
    /// Exchange Web Services.
    Ews,
}

/// Both connectors.
pub const SIDES: [Side; 2] = [Side::Graph, Side::Ews];

/// A mailbox that nothing happens in, for the connectors' own questions.
const NOBODY: &str = "nobody@example.test";

const GRAPH_FILE: &str = "graph.wasm";
const EWS_FILE: &str = "ews.wasm";

static GRAPH: LazyLock<Code> = LazyLock::new(|| Code::load(&component(GRAPH_FILE)));
static EWS: LazyLock<Code> = LazyLock::new(|| Code::load(&component(EWS_FILE)));

/// What a connector needs to reach the mailboxes of a world.
pub struct Door {
    /// The file of the connector.
    pub file: &'static str,
    /// The name of its endpoint.
    pub endpoint: &'static str,
    /// The URL of its endpoint.
    pub url: String,
    /// Its settings, as JSON.
    pub settings: String,
    /// HTTP with a credential.
    pub wire: Wire,
}

/// Where compiled connectors are kept from test to test.
#[must_use]
pub fn cache() -> PathBuf {
    workspace().join("target/calendar-cases-cache")
}

/// The file of a built connector.
#[must_use]
pub fn component(file: &str) -> PathBuf {
    let folder = std::env::var_os("CALPORT_PLUGINS").map_or_else(|| workspace().join("target/plugins"), PathBuf::from);
    folder.join(file)
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The address of a person.
#[must_use]
pub fn address(name: &str) -> String {
    format!("{}@example.test", name.to_lowercase())
}

/// The organisation.
pub struct World {
    /// The mailboxes and the door of Graph.
    pub graph: Simulator,
    /// The door of Exchange Web Services.
    pub ews: ews::Simulator,
}

impl World {
    /// An organisation without anybody, on 2026-03-02 at 08:00 UTC.
    pub async fn new() -> Self {
        Self::with(ews::Config::default()).await
    }

    /// The same, with a door of EWS that has settings of its own.
    pub async fn with(config: ews::Config) -> Self {
        let clock = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
        let graph = Simulator::builder().clock(clock).user(User::new(NOBODY, "Nobody")).start().await.unwrap();
        let ews = ews::Simulator::beside(&graph, config).await.unwrap();
        Self { graph, ews }
    }

    /// A person with an empty mailbox; gives the address.
    pub fn person(&self, name: &str, zone: &str) -> String {
        let address = address(name);
        self.graph.add_user(User::new(&address, name).zone(zone)).unwrap();
        address
    }

    /// An opened connector.
    pub async fn open(&self, side: Side) -> Instance {
        self.open_with(side, "").await
    }

    /// An opened connector with members of settings (`,"name":value`) besides the usual.
    pub async fn open_with(&self, side: Side, more: &str) -> Instance {
        let door = self.door(side, more).await;
        let code = match side {
            Side::Graph => &GRAPH,
            Side::Ews => &EWS,
        };
        code.open(Arc::new(door.wire), &door.settings, (door.endpoint, &door.url)).await
    }

    /// What a connector needs to reach the mailboxes.
    pub async fn door(&self, side: Side, more: &str) -> Door {
        match side {
            Side::Graph => {
                let url = format!("{}/v1.0", self.graph.base_url());
                let wire = Wire::new(&url, &token(&self.graph, "https://graph.microsoft.com/.default").await);
                let settings = format!(r#"{{"read_bodies":true{more}}}"#);
                Door { file: GRAPH_FILE, endpoint: "graph", url, settings, wire }
            }
            Side::Ews => {
                let url = self.ews.url();
                let wire = Wire::new(&url, &token(&self.graph, "https://outlook.office365.com/.default").await);
                let settings = format!(r#"{{"test_user":"{NOBODY}","read_bodies":true{more}}}"#);
                Door { file: EWS_FILE, endpoint: "ews", url, settings, wire }
            }
        }
    }

    /// Mails that went out, through both doors, to attendees or anybody else (SEMANTICS B-35).
    #[must_use]
    pub fn mails(&self) -> u64 {
        self.graph.mails_sent().max(self.ews.stats().mails_sent)
    }
}
