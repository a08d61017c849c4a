//! What the connector says of itself: the truth, for once.

use crate::behaviour::Settings;
use crate::bindings::exports::calport::connector::connector::{
    Descriptor, EndpointNeed, FeedProfile, FeedScope, FeedShape, SinkProfile, StreamProfile, TextUnit,
};

/// The descriptor.
pub fn descriptor() -> Descriptor {
    Descriptor {
        name: "hostile".to_owned(),
        display_name: "Hostile".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        identity_version: 1,
        cursor_format: 1,
        settings_schema: calport_sdk::settings::schema::<Settings>(),
        endpoints: vec![EndpointNeed {
            name: "api".to_owned(),
            purpose: "A server that the tests play".to_owned(),
            usual_url: String::new(),
            schemes: Vec::new(),
            required: false,
        }],
        permissions: Vec::new(),
        feed: Some(FeedProfile {
            shape: FeedShape::Occurrences,
            scope: FeedScope::Mailbox,
            reports_deletions: true,
            deletions_certain: false,
            window_bound: true,
            page_size: 1_000,
            batch_size: 100,
            mailbox_concurrency: 4,
        }),
        storage: None,
        sink: Some(SinkProfile {
            availabilities: vec!["busy".to_owned()],
            text_limit: 80,
            text_unit: TextUnit::Characters,
            expiry: false,
            greeting: false,
            forwarding: false,
            readable: true,
            batch_size: 100,
            changes_per_second: 0,
        }),
        hook: None,
        streams: Some(StreamProfile { members: 200, life: 1_800, quiet: 60 }),
        extra: Vec::new(),
    }
}
