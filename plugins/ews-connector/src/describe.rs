//! Who a connector is: what it needs and what it can do.

use calport_ews_protocol::operation::notifications::Acknowledgement;

use crate::bindings::exports::calport::connector::connector::{
    Descriptor, EndpointNeed, FeedProfile, FeedScope, FeedShape, HookAnswer, HookProfile, HookSecret, Permission, StorageProfile,
    StreamProfile,
};
use crate::feed::CURSOR_FORMAT;

/// The endpoint's name in the configuration.
pub const ENDPOINT: &str = "ews";

/// Events that one search gives at most; a window with more is searched in parts.
const PAGE_LIMIT: u32 = 1000;

/// Mailboxes in one call of the functions that take several. Each is a request of its own.
const BATCH_LIMIT: u32 = 20;

/// Requests for one mailbox at a time: throttling belongs to the account, which all mailboxes share (SEMANTICS B-44).
const MAILBOX_CONCURRENCY: u32 = 2;

/// Fields that EWS stores without loss. Of a location it keeps the name, not the address.
const STORED_FIELDS: [&str; 11] =
    ["time", "subject", "body", "location", "show-as", "sensitivity", "importance", "categories", "attendees", "response", "reminder"];

/// Patterns that EWS can express; years only one by one.
const PATTERNS: [&str; 6] = ["daily", "weekly", "monthly", "monthly-nth", "yearly", "yearly-nth"];

/// Longest subject, in characters.
const SUBJECT_LIMIT: u32 = 255;

/// Where a request of the server carries the secret of its subscription.
const SECRET_PARAMETER: &str = "key";

/// Most subscriptions of one stream (SEMANTICS C-09).
const STREAM_MEMBERS: u32 = 200;

/// Seconds after which the server ends a stream.
const STREAM_LIFE_S: u32 = 1_800;

/// What connectors on this library say differently of themselves.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The name in the configuration.
    pub name: &'a str,
    /// The name for people and logs.
    pub display_name: &'a str,
    /// The schema of its settings.
    pub settings_schema: &'a str,
    /// The usual URL, or empty.
    pub usual_url: &'a str,
    /// Authentication schemes, best first.
    pub schemes: &'a [&'a str],
}

/// The descriptor of a connector with these permissions.
pub fn descriptor(identity: Identity<'_>, permissions: Vec<Permission>) -> Descriptor {
    Descriptor {
        name: identity.name.to_owned(),
        display_name: identity.display_name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        identity_version: 1,
        cursor_format: CURSOR_FORMAT,
        settings_schema: identity.settings_schema.to_owned(),
        endpoints: vec![EndpointNeed {
            name: ENDPOINT.to_owned(),
            purpose: "Exchange Web Services, up to Exchange.asmx".to_owned(),
            usual_url: identity.usual_url.to_owned(),
            schemes: owned(identity.schemes),
            required: true,
        }],
        permissions,
        feed: Some(FeedProfile {
            shape: FeedShape::Occurrences,
            scope: FeedScope::Mailbox,
            reports_deletions: true,
            // What is missing in a window was deleted or moved out of it; the host looks (SEMANTICS B-07).
            deletions_certain: false,
            window_bound: true,
            page_size: PAGE_LIMIT,
            batch_size: BATCH_LIMIT,
            mailbox_concurrency: MAILBOX_CONCURRENCY,
        }),
        storage: Some(StorageProfile {
            fields: owned(&STORED_FIELDS),
            text_limits: vec![("subject".to_owned(), SUBJECT_LIMIT)],
            patterns: owned(&PATTERNS),
            conditional_writes: true,
            // The server recognises nothing: the connector looks for the operation before it makes an item.
            idempotent_creates: false,
            findable_tags: true,
            may_mail_attendees: false,
        }),
        sink: None,
        // Nothing in such a request says who sent it, and a subscription ends by an answer only.
        hook: Some(HookProfile {
            handshake: None,
            acknowledgement: answer(Acknowledgement::Ok),
            secret: HookSecret::Query(SECRET_PARAMETER.to_owned()),
            farewell: Some(answer(Acknowledgement::Unsubscribe)),
            heartbeats: true,
        }),
        // A stream says that it lives about once a minute; how long it may be silent is a setting, and the host's patience is longer.
        streams: Some(StreamProfile { members: STREAM_MEMBERS, life: STREAM_LIFE_S, quiet: 300 }),
        extra: Vec::new(),
    }
}

/// One permission for everything that is served: EWS knows no finer ones, of an application or of an account.
pub fn permissions(name: &str, alternatives: &[&str]) -> Vec<Permission> {
    let one = |needed_for: &str| Permission {
        name: name.to_owned(),
        needed_for: needed_for.to_owned(),
        required: matches!(needed_for, "calendar" | "directory"),
        alternatives: owned(alternatives),
    };
    ["calendar", "directory", "absence", "categories", "mail"].map(one).to_vec()
}

fn answer(said: Acknowledgement) -> HookAnswer {
    let body = String::from_utf8_lossy(&said.body()).into_owned();
    HookAnswer { status: 200, content_type: Acknowledgement::CONTENT_TYPE.to_owned(), body }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}
