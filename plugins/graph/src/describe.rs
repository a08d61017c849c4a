//! Who the connector is: what it needs and what it can do.

use crate::batch::{BATCH_LIMIT, MAILBOX_CONCURRENCY};
use crate::bindings::exports::calport::connector::connector::{
    Descriptor, EndpointNeed, FeedProfile, FeedScope, FeedShape, HookAnswer, HookHandshake, HookProfile, HookSecret, Permission,
    StorageProfile,
};
use crate::feed::CURSOR_FORMAT;
use crate::settings::Settings;

/// The endpoint's name in the configuration.
pub const ENDPOINT: &str = "graph";

/// The most events in a page: the upper bound of `page_size`.
const PAGE_LIMIT: u32 = 1000;

/// Fields that Graph stores without loss.
const STORED_FIELDS: [&str; 11] =
    ["time", "subject", "body", "location", "show-as", "sensitivity", "importance", "categories", "attendees", "response", "reminder"];

/// Patterns that Graph's recurrence can express.
const PATTERNS: [&str; 6] = ["daily", "weekly", "monthly", "monthly-nth", "yearly", "yearly-nth"];

/// Longest subject, in characters.
const SUBJECT_LIMIT: u32 = 255;

/// The descriptor. The same for every call.
pub fn descriptor() -> Descriptor {
    Descriptor {
        name: "graph".to_owned(),
        display_name: "Microsoft Graph".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        identity_version: 1,
        cursor_format: CURSOR_FORMAT,
        settings_schema: calport_sdk::settings::schema::<Settings>(),
        endpoints: vec![EndpointNeed {
            name: ENDPOINT.to_owned(),
            purpose: "Microsoft Graph, with its version".to_owned(),
            usual_url: "https://graph.microsoft.com/v1.0".to_owned(),
            schemes: owned(&["oauth2-client-credentials", "bearer"]),
            required: true,
        }],
        permissions: permissions(),
        feed: Some(FeedProfile {
            shape: FeedShape::Occurrences,
            scope: FeedScope::Mailbox,
            reports_deletions: true,
            deletions_certain: false,
            window_bound: true,
            page_size: PAGE_LIMIT,
            batch_size: u32::try_from(BATCH_LIMIT).unwrap_or(u32::MAX),
            mailbox_concurrency: u32::try_from(MAILBOX_CONCURRENCY).unwrap_or(u32::MAX),
        }),
        storage: Some(StorageProfile {
            fields: owned(&STORED_FIELDS),
            text_limits: vec![("subject".to_owned(), SUBJECT_LIMIT)],
            patterns: owned(&PATTERNS),
            conditional_writes: true,
            idempotent_creates: true,
            findable_tags: true,
            may_mail_attendees: true,
        }),
        sink: None,
        hook: Some(HookProfile {
            handshake: Some(HookHandshake::EchoQuery("validationToken".to_owned())),
            acknowledgement: HookAnswer { status: 202, content_type: String::new(), body: String::new() },
            secret: HookSecret::JsonPointer("/value/*/clientState".to_owned()),
            farewell: None,
            heartbeats: false,
        }),
        streams: None,
        extra: Vec::new(),
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

/// All application permissions. Required are those without which no presence can be computed; without `MailboxSettings.Read`
/// automatic replies and the mailboxes' zones are missing, the rest serves capabilities that presence does not use.
fn permissions() -> Vec<Permission> {
    let permission = |name: &str, needed_for: &str, required, alternatives: &[&str]| Permission {
        name: name.to_owned(),
        needed_for: needed_for.to_owned(),
        required,
        alternatives: owned(alternatives),
    };
    vec![
        permission("User.Read.All", "directory", true, &["User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
        permission("Calendars.Read", "calendar", true, &["Calendars.ReadWrite"]),
        permission("Calendars.ReadWrite", "calendar.write", false, &[]),
        permission("Calendars.Read", "notifications", true, &["Calendars.ReadWrite"]),
        permission("MailboxSettings.Read", "absence", false, &["MailboxSettings.ReadWrite"]),
        permission("MailboxSettings.ReadWrite", "absence.write", false, &[]),
        permission("MailboxSettings.Read", "categories", false, &["MailboxSettings.ReadWrite"]),
        permission("MailboxSettings.ReadWrite", "categories.write", false, &[]),
        permission("Mail.Send", "mail", false, &[]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_c03_only_what_presence_needs_is_required() {
        let said = descriptor();
        let names = |required| {
            let mut names: Vec<&str> = said.permissions.iter().filter(|p| p.required == required).map(|p| p.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        assert_eq!(names(true), ["Calendars.Read", "User.Read.All"]);
        assert_eq!(names(false), ["Calendars.ReadWrite", "Mail.Send", "MailboxSettings.Read", "MailboxSettings.ReadWrite"]);
        let settings = said.permissions.iter().find(|p| p.name == "MailboxSettings.Read").unwrap();
        assert_eq!(settings.alternatives, ["MailboxSettings.ReadWrite"]);
    }

    #[test]
    fn feat_c03_schemes_have_the_names_of_the_configuration() {
        assert_eq!(descriptor().endpoints[0].schemes, ["oauth2-client-credentials", "bearer"]);
    }

    #[test]
    fn feat_descriptor_settings_schema_is_closed_and_has_bounds() {
        let schema: serde_json::Value = serde_json::from_str(&descriptor().settings_schema).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["page_size"]["maximum"], 1000);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}
