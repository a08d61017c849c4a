//! Calport's connector for Microsoft Graph: people, calendars, automatic replies, subscriptions, categories, mail.
//!
//! # Promises
//!
//! * Ids are immutable ids, asked for on each request; versions are etags.
//! * The feed is `calendarView/delta` over a window. Occurrences, which Graph gives with hardly more than their times,
//!   are completed from their master before the host sees them.
//! * All-day events are dates and never converted; other times come in UTC.
//! * An event or a mailbox that cannot be read is reported as such and stops nothing else.
//! * No write mails attendees unless it was allowed: `would-mail` is answered instead, and nothing is sent.
//!
//! # Refusals
//!
//! * It does not retry, wait or follow redirects: the host does.
//! * Error messages hold Graph's explanation only where access is denied; elsewhere it may quote an item.
//! * Streams, probes and free/busy are not served.
#![allow(clippy::result_large_err, reason = "the error is the record of the WIT package")]

mod absence;
mod batch;
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
mod notifications;
mod settings;
mod wire;
mod write;

pub use feed::read_page;

/// The connector as the component model sees it.
#[derive(Debug)]
pub struct GraphConnector;

calport_sdk::connector! {
    plugin: GraphConnector,
    wit: "../../wit",
    world: "
        package calport:graph;
        world plugin {
            include calport:connector/base@0.1.0;
            export calport:connector/directory@0.1.0;
            export calport:connector/calendar@0.1.0;
            export calport:connector/absence@0.1.0;
            export calport:connector/notifications@0.1.0;
            export calport:connector/categories@0.1.0;
            export calport:connector/mail@0.1.0;
        }
    ",
}

#[cfg(test)]
mod tests;
