//! A connector for tests of the host: it describes a presence sink and exports no presence.
//!
//! Whatever it is asked, it must never be used: the host has to refuse it when the file is loaded, naming the lie.

#![allow(clippy::result_large_err, reason = "the one error of the WIT package is this large")]

use calport_sdk::common::{Cursor, Error};
use calport_sdk::error;

use bindings::exports::calport::connector::connector;

calport_sdk::connector! {
    plugin: Liar,
    wit: "../../../wit",
    world: "
        package calport:liar;
        world plugin {
            include calport:connector/base@0.1.0;
        }
    ",
}

/// The connector.
#[derive(Debug)]
pub struct Liar;

impl connector::Guest for Liar {
    fn describe() -> connector::Descriptor {
        connector::Descriptor {
            name: "liar".to_owned(),
            display_name: "Liar".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            identity_version: 1,
            cursor_format: 1,
            settings_schema: "{}".to_owned(),
            endpoints: Vec::new(),
            permissions: Vec::new(),
            feed: None,
            storage: None,
            sink: Some(connector::SinkProfile {
                availabilities: vec!["busy".to_owned()],
                text_limit: 80,
                text_unit: connector::TextUnit::Characters,
                expiry: false,
                greeting: false,
                forwarding: false,
                readable: true,
                batch_size: 100,
                changes_per_second: 0,
            }),
            hook: None,
            streams: None,
            extra: Vec::new(),
        }
    }

    fn open(_: String, _: Vec<connector::Endpoint>) -> Result<(), Error> {
        Ok(())
    }

    fn check() -> Result<connector::CheckReport, Error> {
        Err(error::unsupported("nothing is behind this connector"))
    }

    fn discover(_: String, _: Vec<String>) -> Result<connector::Discovery, Error> {
        Err(error::unsupported("nothing is behind this connector"))
    }

    fn migrate_cursor(_: u32, _: Cursor) -> Result<Cursor, Error> {
        Err(error::unsupported("nothing is behind this connector"))
    }
}
