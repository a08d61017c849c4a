//! Calport's connector for Exchange Web Services: people, calendars, automatic replies, categories, mail.
//!
//! # Promises
//!
//! * Every mailbox is reached by impersonation, under its own primary address, with the anchor of its own server.
//! * The feed is `FindItem` with a calendar view over a window (SEMANTICS C-08): the whole window is read, and what differs
//!   from the cursor is answered. A cursor stays below 64 KiB.
//! * Days stay days, and zones stay what they were; what EWS has no field for is left out.
//! * An item or a mailbox that cannot be read is reported as such and stops nothing else.
//! * Nobody is mailed unless it was allowed: every write says `SendToNone` (SEMANTICS B-35). Every update names the
//!   version that it changes and never overwrites another one (SEMANTICS B-34).
//!
//! # Refusals
//!
//! * It does not retry, wait or follow redirects: the host does. The one exception is a server that does not know the version
//!   of the schema asked for: nothing was done then, and an older version is spoken.
//! * A directory cannot be listed through EWS: people are found by their addresses.
//! * Streams, subscriptions and free/busy are not served.
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
mod events;
mod exports;
mod failure;
mod feed;
mod mail;
mod series;
mod settings;
mod write;

/// Reads a window of a mailbox without a cursor, as the exported function does, through an HTTP client of one's own.
///
/// # Errors
/// Those of the exported function; `invalid` for settings that are none.
pub fn read_window(
    http: Box<dyn Http>,
    settings: &str,
    mailbox: &str,
    window: Window,
) -> Result<bindings::exports::calport::connector::calendar::ChangePage, Error> {
    let client =
        client::Client::new(http, "https://server.example.com/EWS/Exchange.asmx".to_owned(), calport_sdk::settings::parse(settings)?);
    feed::changes(&client, mailbox, None, window, None)
}

/// The connector as the component model sees it.
#[derive(Debug)]
pub struct EwsConnector;

calport_sdk::connector! {
    plugin: EwsConnector,
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
        }
    ",
}

#[cfg(test)]
mod tests;
