//! What the connector says of itself.

use crate::bindings::exports::calport::connector::connector::{Descriptor, EndpointNeed, Permission, SinkProfile, StreamProfile, TextUnit};
use crate::settings::Settings;
use crate::value::TEXT_LIMIT;

/// Most users in one `set-many`: at a few milliseconds each a batch stays well below any time limit.
const BATCH: u32 = 200;

/// The descriptor.
pub fn descriptor() -> Descriptor {
    Descriptor {
        name: "asterisk".to_owned(),
        display_name: "Asterisk".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        identity_version: 1,
        cursor_format: 1,
        settings_schema: calport_sdk::settings::schema::<Settings>(),
        endpoints: vec![
            endpoint("ami", "The manager interface over HTTP (`/arawman`): sets, reads and follows presence", "digest", true),
            endpoint("ari", "The REST interface (`/ari`): device states of `Stasis:`", "basic", false),
        ],
        permissions: vec![
            permission("manager.conf write = call", "presence", true, &[]),
            permission("manager.conf write = reporting", "directory", true, &["manager.conf write = call"]),
            permission("manager.conf read = call", "notifications", false, &[]),
            permission("manager.conf write = system", "presence: greeting and forwarding", false, &[]),
        ],
        feed: None,
        storage: None,
        sink: Some(SinkProfile {
            availabilities: ["available", "busy", "away", "do-not-disturb"].map(str::to_owned).to_vec(),
            text_limit: u32::try_from(TEXT_LIMIT).unwrap_or(u32::MAX),
            text_unit: TextUnit::Bytes,
            expiry: false,
            greeting: true,
            forwarding: true,
            readable: true,
            batch_size: BATCH,
            changes_per_second: 0,
        }),
        hook: None,
        // One for all users; it does not end, and every answer to a wait says that it is alive.
        streams: Some(StreamProfile { members: 1, life: 0, quiet: 0 }),
        extra: Vec::new(),
    }
}

fn endpoint(name: &str, purpose: &str, scheme: &str, required: bool) -> EndpointNeed {
    EndpointNeed {
        name: name.to_owned(),
        purpose: purpose.to_owned(),
        usual_url: String::new(),
        schemes: vec![scheme.to_owned()],
        required,
    }
}

fn permission(name: &str, needed_for: &str, required: bool, alternatives: &[&str]) -> Permission {
    let alternatives = alternatives.iter().map(|a| (*a).to_owned()).collect();
    Permission { name: name.to_owned(), needed_for: needed_for.to_owned(), required, alternatives }
}
