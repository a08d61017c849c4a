//! Who the connector is: what it needs and what it can do.

use crate::bindings::exports::calport::connector::connector::{
    Descriptor, EndpointNeed, FeedProfile, FeedScope, FeedShape, Permission, StorageProfile,
};
use crate::feed::CURSOR_FORMAT;
use crate::settings::Settings;

/// The endpoint's name in the configuration.
pub const ENDPOINT: &str = "ews";

/// The role of the application in Entra.
pub const APP_ROLE: &str = "full_access_as_app";

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

/// The descriptor. The same for every call.
pub fn descriptor() -> Descriptor {
    Descriptor {
        name: "ews".to_owned(),
        display_name: "Exchange Web Services".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        identity_version: 1,
        cursor_format: CURSOR_FORMAT,
        settings_schema: calport_sdk::settings::schema::<Settings>(),
        endpoints: vec![EndpointNeed {
            name: ENDPOINT.to_owned(),
            purpose: "Exchange Web Services, up to Exchange.asmx".to_owned(),
            usual_url: "https://outlook.office365.com/EWS/Exchange.asmx".to_owned(),
            schemes: owned(&["oauth2-client-credentials", "basic"]),
            required: true,
        }],
        permissions: ["calendar", "directory", "absence", "categories", "mail"].map(permission).to_vec(),
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
        hook: None,
        streams: false,
        extra: Vec::new(),
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

/// EWS has one permission for everything: of an application, or the role of an account.
fn permission(needed_for: &str) -> Permission {
    Permission {
        name: APP_ROLE.to_owned(),
        needed_for: needed_for.to_owned(),
        required: matches!(needed_for, "calendar" | "directory"),
        alternatives: owned(&["Application EWS.AccessAsApp", "ApplicationImpersonation"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_c06_schemes_and_the_usual_url_are_those_of_exchange_online() {
        let said = descriptor();
        assert_eq!(said.endpoints[0].schemes, ["oauth2-client-credentials", "basic"]);
        assert_eq!(said.endpoints[0].usual_url, "https://outlook.office365.com/EWS/Exchange.asmx");
    }

    #[test]
    fn feat_descriptor_settings_need_a_test_user_and_know_the_versions() {
        let schema: serde_json::Value = serde_json::from_str(&descriptor().settings_schema).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], serde_json::json!(["test_user"]));
        assert!(descriptor().settings_schema.contains("Exchange2010_SP2"));
    }
}
