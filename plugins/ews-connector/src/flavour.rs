//! What connectors on this library differ in.

use calport_ews_protocol::autodiscover::Options;
use calport_ews_protocol::{ServerBuild, ServerVersion};
use calport_sdk::common::Error;
use serde::de::DeserializeOwned;

use crate::bindings::exports::calport::connector::connector::{Descriptor, Finding};
use crate::settings::Settings;

/// A connector on this library.
pub trait Flavour: 'static {
    /// Its settings; their schema stands in the descriptor.
    type Settings: DeserializeOwned;

    /// Whether its server can be searched for: then it opens without a URL as well, and can do nothing else until it has one.
    const SEARCHES: bool = false;

    /// Who it is. The same for every call.
    fn descriptor() -> Descriptor;

    /// What follows from settings and the endpoint's URL, which has no slash at its end and is empty where it is to be found.
    ///
    /// # Errors
    /// `invalid`, with the reason, for what cannot be.
    fn open(settings: Self::Settings, url: String) -> Result<Opening, Error>;
}

/// A connection as it was opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The URL of EWS; empty where it is to be found.
    pub url: String,
    /// The settings that all connectors on this library have.
    pub settings: Settings,
    /// How it behaves.
    pub manner: Manner,
    /// What is known before the server is searched for.
    pub search: Options,
}

/// How a connection behaves.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// How mailboxes are opened.
    pub access: Access,
    /// How people are found.
    pub lookup: Lookup,
    /// What to do about refusals.
    pub remedies: Remedies,
}

/// How mailboxes are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// The account acts as the mailbox's owner.
    #[default]
    Impersonation,
    /// The account acts as itself: in its own mailbox, and in what others share with it. Requests name the mailbox.
    Sharing,
}

/// How people are found (FEATURES C16).
#[derive(Debug, Clone, Default)]
pub struct Lookup {
    /// In whose name the directory is asked.
    pub asker: Asker,
    /// Domains behind a login name that has none: each of `NAME@DOMAIN` is looked for, in this order.
    pub domains: Vec<String>,
    /// Whether the calendar of a person who was found is opened at once, so that a missing right is known before it is read.
    pub opens: bool,
}

/// In whose name the directory is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asker {
    /// In that of the test user; without impersonation in that of the account.
    #[default]
    TestUser,
    /// In that of the person who is looked for. It needs no other mailbox, and finds only whom the account may impersonate.
    Candidate,
}

/// What to do about refusals, and how the product is called.
#[derive(Debug, Clone, Copy)]
pub struct Remedies {
    /// What gives the account the right to impersonate; by the account, where the settings name it, and the version spoken.
    pub impersonation: fn(Option<&str>, ServerVersion) -> String,
    /// What to do when EWS is switched off for everybody.
    pub switched_off: &'static str,
    /// The product that answered and its version, for the log and for `check`.
    pub product: fn(ServerBuild) -> (String, String),
    /// What `check` says of the product.
    pub findings: fn(ServerBuild) -> Vec<Finding>,
}

impl Default for Remedies {
    fn default() -> Self {
        Self {
            impersonation: crate::failure::role_command,
            switched_off: crate::failure::SWITCH_ON,
            product: |b| (crate::check::product(b).to_owned(), format!("{}.{}.{}.{}", b.major, b.minor, b.build, b.revision)),
            findings: |_| Vec::new(),
        }
    }
}
