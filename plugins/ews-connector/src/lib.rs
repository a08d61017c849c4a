//! What Calport's connectors for Exchange Web Services are made of: people, calendars, automatic replies, categories, mail, and
//! the search for the server.
//!
//! A connector is a [`Flavour`]: its name, its settings, and what to do where this server refuses something. All else is here, and
//! [`Connector`] exports it:
//!
//! ```text
//! type Plugin = calport_ews_connector::Connector<Own>;
//! calport_sdk::export! { plugin: Plugin, bindings: calport_ews_connector::bindings }
//! ```
//!
//! # Promises
//!
//! * Every mailbox is reached by impersonation, under its own primary address, with the anchor of its own server; or by what its
//!   owner shared with the account ([`Access`]).
//! * The feed is `FindItem` with a calendar view over a window (SEMANTICS C-08): the whole window is read, and what differs
//!   from the cursor is answered. A cursor stays below 64 KiB.
//! * Days stay days, and zones stay what they were; what EWS has no field for is left out.
//! * An item or a mailbox that cannot be read is reported as such and stops nothing else.
//! * Nobody is mailed unless it was allowed: every write says `SendToNone` (SEMANTICS B-35). Every update names the
//!   version that it changes and never overwrites another one (SEMANTICS B-34).
//! * A search for the server sends the credential nowhere but to hosts of the address's domain, of the configuration, or agreed to
//!   (SEMANTICS B-48).
//!
//! # Refusals
//!
//! * It does not retry, wait or follow redirects: the host does. The one exception is a server that does not know the version
//!   of the schema asked for: nothing was done then, and an older version is spoken.
//! * A directory cannot be listed through EWS: people are found by their addresses.
//! * Free/busy is not served. Changes are told in streams; requests of the server's own are not asked for.
#![allow(clippy::result_large_err, reason = "the error is the record of the WIT package")]

use calport_sdk::common::{Error, Window};
use calport_sdk::http::Http;

mod absence;
mod categories;
mod check;
mod client;
mod convert;
mod describe;
mod directory;
mod discover;
mod events;
mod exports;
mod failure;
mod feed;
mod flavour;
mod mail;
mod notifications;
mod series;
mod settings;
mod write;

pub use check::product;
pub use describe::{ENDPOINT, Identity, descriptor, permissions};
pub use exports::Connector;
pub use failure::{account_in_command, role_command};
pub use flavour::{Access, Asker, Flavour, Lookup, Manner, Opening, Remedies};
pub use settings::{Settings, Version};

/// Reads a window of a mailbox without a cursor, as the exported function does, through an HTTP client of one's own.
///
/// # Errors
/// Those of the exported function; `invalid` for settings that are none.
pub fn read_window<F: Flavour>(
    http: Box<dyn Http>,
    settings: &str,
    mailbox: &str,
    window: Window,
) -> Result<bindings::exports::calport::connector::calendar::ChangePage, Error> {
    let url = "https://server.example.com/EWS/Exchange.asmx".to_owned();
    let client = client::Client::opened(http, F::open(calport_sdk::settings::parse(settings)?, url)?);
    feed::changes(&client, mailbox, None, window, None)
}

calport_sdk::bindings! {
    wit: "../../wit",
    world: "
        package calport:ews;
        world plugin {
            include calport:connector/base@0.1.0;
            export calport:connector/directory@0.1.0;
            export calport:connector/calendar@0.1.0;
            export calport:connector/absence@0.1.0;
            export calport:connector/categories@0.1.0;
            export calport:connector/mail@0.1.0;
            export calport:connector/notifications@0.1.0;
        }
    ",
}

#[cfg(test)]
mod tests;
