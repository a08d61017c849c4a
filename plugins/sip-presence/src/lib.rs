//! Calport's connector to SIP presence servers: presence as PIDF with RPID (RFC 3863, RFC 4480), published through Kamailio.
//!
//! Promise: every value is a publication with a lease. The server forgets it when the lease ends, so that a host that dies
//! leaves nobody busy for ever; the receipt says until when the server keeps it. A write counts only when the server gave an
//! entity tag. Every known trap of Kamailio 5.6 is held by a test named after it.
//!
//! Refused: reading. A presence server tells what is published by SIP NOTIFY only, which a connector cannot receive.

#![allow(clippy::result_large_err, reason = "the one error of the WIT package is this large; it is made rarely and never kept")]

mod address;
mod check;
mod descriptor;
mod pidf;
mod rpc;
mod settings;
mod sink;
#[cfg(test)]
mod tests;

use std::time::{SystemTime, UNIX_EPOCH};

use calport_sdk::common::{Cursor, Error, ErrorKind};
use calport_sdk::error;
use calport_sdk::http::HostHttp;
use calport_sdk::opened::Opened;

use bindings::exports::calport::connector::{connector, presence};
use rpc::Connection;
use settings::Settings;

calport_sdk::connector! {
    plugin: SipPresence,
    wit: "../../wit",
    world: "
        package calport:sip-presence;
        world plugin {
            include calport:connector/base@0.1.0;
            export calport:connector/presence@0.1.0;
        }
    ",
}

thread_local! { static CONNECTION: Opened<Connection> = const { Opened::new() } }

/// The connector.
#[derive(Debug)]
pub struct SipPresence;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or_default()
}

impl connector::Guest for SipPresence {
    fn describe() -> connector::Descriptor {
        descriptor::descriptor()
    }

    fn open(settings: String, endpoints: Vec<connector::Endpoint>) -> Result<(), Error> {
        let settings = Settings::parse(&settings)?;
        let rpc = calport_sdk::settings::endpoint(endpoints.iter().map(|e| (e.name.as_str(), e.url.as_str())), "rpc")?;
        CONNECTION.with(|c| c.open(Connection { http: Box::new(HostHttp), clock: now, rpc, settings }));
        Ok(())
    }

    fn check() -> Result<connector::CheckReport, Error> {
        check::check(&*CONNECTION.with(Opened::get)?)
    }

    fn discover(_: String, _: Vec<String>) -> Result<connector::Discovery, Error> {
        Err(error::unsupported("a presence server's JSON-RPC address cannot be discovered; give its URL"))
    }

    fn migrate_cursor(_: u32, _: Cursor) -> Result<Cursor, Error> {
        Err(error::connection(ErrorKind::CursorExpired, "this connector has no cursors"))
    }
}

impl presence::Guest for SipPresence {
    fn set_many(updates: Vec<presence::PresenceUpdate>) -> Vec<Result<presence::PresenceReceipt, Error>> {
        match CONNECTION.with(Opened::get) {
            Ok(connection) => sink::set_many(&connection, &updates),
            Err(e) => updates.iter().map(|_| Err(e.clone())).collect(),
        }
    }

    fn read_many(users: Vec<String>) -> Vec<Result<presence::PresenceReading, Error>> {
        let refuse = |_| Err(error::unsupported("presence cannot be read back: the server tells it by SIP NOTIFY only"));
        users.iter().map(refuse).collect()
    }

    fn call_states(users: Vec<String>) -> Vec<Result<presence::CallState, Error>> {
        users.iter().map(|_| Err(error::unsupported("the presence server tells no call states"))).collect()
    }
}
