//! What the connector says of itself.

use crate::bindings::exports::calport::connector::connector::{Descriptor, EndpointNeed, Permission, SinkProfile, TextUnit};
use crate::pidf::TEXT_LIMIT;
use crate::settings::Settings;

/// Most users in one `set-many`. A publication takes 2 ms at a healthy server and 30 s at one whose SIP side is silent, after
/// which the batch is given up, so that it stays below the host's limit for a call either way.
const BATCH: u32 = 100;

/// The descriptor.
pub fn descriptor() -> Descriptor {
    Descriptor {
        name: "sip-presence".to_owned(),
        display_name: "SIP presence (Kamailio)".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        identity_version: 1,
        cursor_format: 1,
        settings_schema: calport_sdk::settings::schema::<Settings>(),
        endpoints: vec![EndpointNeed {
            name: "rpc".to_owned(),
            purpose: "Kamailio's JSON-RPC over HTTP (modules xhttp and jsonrpcs): publishes presence".to_owned(),
            usual_url: String::new(),
            schemes: ["bearer", "basic"].map(str::to_owned).to_vec(),
            required: true,
        }],
        permissions: vec![permission("pua.publish", "presence", true), permission("core.version", "check", false)],
        feed: None,
        storage: None,
        sink: Some(SinkProfile {
            availabilities: ["available", "busy", "away", "do-not-disturb"].map(str::to_owned).to_vec(),
            text_limit: u32::try_from(TEXT_LIMIT).unwrap_or(u32::MAX),
            text_unit: TextUnit::Characters,
            expiry: true,
            greeting: false,
            forwarding: false,
            readable: false,
            batch_size: BATCH,
            changes_per_second: 0,
        }),
        hook: None,
        streams: None,
        extra: Vec::new(),
    }
}

fn permission(name: &str, needed_for: &str, required: bool) -> Permission {
    Permission { name: name.to_owned(), needed_for: needed_for.to_owned(), required, alternatives: Vec::new() }
}
