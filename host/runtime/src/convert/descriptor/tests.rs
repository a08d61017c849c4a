//! Lies: a descriptor that is not true, or that nobody could act on, keeps its file out and is named by its field.

use super::*;
use connector::{HookAnswer, HookSignature, TextUnit};

fn profile() -> connector::FeedProfile {
    connector::FeedProfile {
        shape: connector::FeedShape::Occurrences,
        scope: connector::FeedScope::Mailbox,
        reports_deletions: true,
        deletions_certain: false,
        window_bound: true,
        page_size: 100,
        batch_size: 20,
        mailbox_concurrency: 4,
    }
}

fn shown() -> connector::SinkProfile {
    connector::SinkProfile {
        availabilities: Vec::new(),
        text_limit: 80,
        text_unit: TextUnit::Bytes,
        expiry: false,
        greeting: false,
        forwarding: false,
        readable: true,
        batch_size: 100,
        changes_per_second: 0,
    }
}

fn answered(secret: connector::HookSecret) -> connector::HookProfile {
    connector::HookProfile {
        handshake: Some(connector::HookHandshake::EchoQuery("token".to_owned())),
        acknowledgement: HookAnswer { status: 202, content_type: "text/plain".to_owned(), body: String::new() },
        secret,
        farewell: None,
        heartbeats: false,
    }
}

fn need(name: &str) -> connector::EndpointNeed {
    connector::EndpointNeed { name: name.to_owned(), purpose: String::new(), usual_url: String::new(), schemes: Vec::new(), required: true }
}

/// A descriptor that is true for a connector with all of [`CAPABILITIES`].
fn honest() -> connector::Descriptor {
    connector::Descriptor {
        name: "some-connector".to_owned(),
        display_name: "Some connector".to_owned(),
        version: "1.2.3-rc.1".to_owned(),
        identity_version: 1,
        cursor_format: 1,
        settings_schema: r#"{"type":"object"}"#.to_owned(),
        endpoints: vec![need("api")],
        permissions: Vec::new(),
        feed: Some(profile()),
        storage: None,
        sink: Some(shown()),
        hook: Some(answered(connector::HookSecret::JsonPointer("/value/*/clientState".to_owned()))),
        streams: Some(connector::StreamProfile { members: 200, life: 1_800, quiet: 120 }),
        extra: Vec::new(),
    }
}

const CAPABILITIES: [Capability; 3] = [Capability::Calendar, Capability::Presence, Capability::Notifications];

fn without(left_out: Capability) -> Vec<Capability> {
    CAPABILITIES.into_iter().filter(|c| *c != left_out).collect()
}

/// The field under which a changed descriptor is refused.
fn refused(change: impl FnOnce(&mut connector::Descriptor)) -> (&'static str, String) {
    let mut said = honest();
    change(&mut said);
    descriptor(said, CAPABILITIES.to_vec()).err().unwrap_or_default()
}

#[test]
fn feat_x02_an_honest_descriptor_is_taken_as_it_is() {
    let taken = descriptor(honest(), CAPABILITIES.to_vec()).unwrap();
    assert_eq!((taken.name.as_str(), taken.endpoints.len(), taken.streams.map(|s| s.members)), ("some-connector", 1, Some(200)));
    assert!(taken.feed.is_some_and(|feed| feed.batch_size == 20) && taken.sink.is_some_and(|sink| sink.batch_size == 100));
}

#[test]
fn feat_x02_profiles_must_fit_the_exports_in_both_directions() {
    for (left_out, field) in [(Capability::Calendar, "feed"), (Capability::Presence, "sink"), (Capability::Notifications, "hook")] {
        assert_eq!(descriptor(honest(), without(left_out)).err().map(|e| e.0), Some(field));
    }
    assert_eq!(refused(|d| d.feed = None).0, "feed");
    assert_eq!(refused(|d| d.sink = None).0, "sink");
    assert_eq!(refused(|d| d.streams = Some(connector::StreamProfile { members: 0, life: 0, quiet: 0 })).0, "streams.members");
    assert_eq!(refused(|d| d.streams = Some(connector::StreamProfile { members: 1, life: 59, quiet: 0 })).0, "streams.life");
    assert_eq!(refused(|d| d.streams = Some(connector::StreamProfile { members: 1, life: 0, quiet: 1 })).0, "streams.quiet");
    let mut streams = honest();
    streams.hook = None;
    assert_eq!(descriptor(streams, without(Capability::Notifications)).err().map(|e| e.0), Some("hook"));
}

#[test]
fn feat_x02_names_and_versions_are_what_they_promise() {
    for name in ["", "Upper", "with blank", "../up", "a\nb", "ümlaut", &"x".repeat(41)] {
        assert_eq!(refused(|d| d.name = name.to_owned()).0, "name", "{name:?}");
        assert_eq!(refused(|d| d.endpoints = vec![need(name)]).0, "endpoints", "{name:?}");
    }
    for display_name in ["", "  ", &"x".repeat(81)] {
        assert_eq!(refused(|d| d.display_name = display_name.to_owned()).0, "display-name");
    }
    for version in ["", "1", "latest", "1.2.3.4"] {
        assert_eq!(refused(|d| d.version = version.to_owned()).0, "version");
    }
    let mut steering = honest();
    steering.display_name = "A\u{1b}[2J\u{202e}B".to_owned();
    assert_eq!(descriptor(steering, CAPABILITIES.to_vec()).unwrap().display_name, "A [2JB");
}

#[test]
fn feat_x02_lists_and_batches_are_bounded() {
    for size in [0, BATCH + 1, u32::MAX] {
        assert_eq!(refused(|d| d.feed = Some(connector::FeedProfile { page_size: size, ..profile() })).0, "feed.page-size");
        assert_eq!(refused(|d| d.feed = Some(connector::FeedProfile { batch_size: size, ..profile() })).0, "feed.batch-size");
        assert_eq!(refused(|d| d.sink = Some(connector::SinkProfile { batch_size: size, ..shown() })).0, "sink.batch-size");
    }
    assert_eq!(refused(|d| d.endpoints = (0..=LIST).map(|n| need(&format!("e{n}"))).collect()).0, "endpoints");
    assert_eq!(refused(|d| d.endpoints = vec![need("api"), need("api")]).0, "endpoints");
}

#[test]
fn feat_x02_a_settings_schema_is_one_and_fetches_nothing() {
    let large = format!(r#"{{"title":"{}"}}"#, "x".repeat(SCHEMA));
    let nested = "[".repeat(100_000);
    let elsewhere = [r#"{"$ref":"http://127.0.0.1:1/x"}"#, r#"{"$ref":"file:///etc/passwd"}"#, r#"{"$schema":"http://127.0.0.1/x"}"#];
    let wrong = ["", "no JSON", r#"{"type":"nothing"}"#, r#"{"pattern":"("}"#, large.as_str(), nested.as_str()];
    for schema in wrong.into_iter().chain(elsewhere) {
        let (field, reason) = refused(|d| d.settings_schema = schema.to_owned());
        assert_eq!(field, "settings-schema", "{}", schema.chars().take(60).collect::<String>());
        assert!(reason.len() < 500, "{reason}");
    }
}

#[test]
fn feat_x02_hooks_answer_only_what_http_allows() {
    let hmac = |header: &str, prefix: &str| {
        connector::HookSecret::Hmac(HookSignature { header: header.to_owned(), prefix: prefix.to_owned(), base64: false })
    };
    let with = |secret| refused(|d| d.hook = Some(answered(secret))).0;
    assert_eq!(with(connector::HookSecret::JsonPointer("no/slash".to_owned())), "hook.secret");
    assert_eq!(with(connector::HookSecret::Header("a b".to_owned())), "hook.secret");
    for parameter in ["", "a b", "a=b", "a&b", "ä", &"p".repeat(41)] {
        assert_eq!(with(connector::HookSecret::Query(parameter.to_owned())), "hook.secret", "{parameter}");
    }
    assert_eq!(with(connector::HookSecret::Query("key".to_owned())), "");
    assert_eq!(with(hmac("x\r\ny", "sha256=")), "hook.secret");
    assert_eq!(with(hmac("x-signature", &"p".repeat(41))), "hook.secret");
    assert_eq!(with(hmac("x-signature", "sha256=")), "");
    let acknowledged = |status, content_type: &str, body: String| {
        let mut profile = answered(connector::HookSecret::UrlOnly);
        profile.acknowledgement = HookAnswer { status, content_type: content_type.to_owned(), body };
        refused(|d| d.hook = Some(profile)).0
    };
    for status in [0, 199, 301, 500, u16::MAX] {
        assert_eq!(acknowledged(status, "text/plain", String::new()), "hook.acknowledgement");
    }
    assert_eq!(acknowledged(200, "text/plain\r\nset-cookie: a=b", String::new()), "hook.acknowledgement");
    assert_eq!(acknowledged(200, "text/plain", "x".repeat(20_000)), "hook.acknowledgement");
    assert_eq!(acknowledged(200, "text/xml; charset=utf-8", "<ok/>".to_owned()), "");
    let parted = |status| {
        let mut profile = answered(connector::HookSecret::Query("key".to_owned()));
        profile.farewell = Some(HookAnswer { status, content_type: "text/plain".to_owned(), body: "bye".to_owned() });
        refused(|d| d.hook = Some(profile)).0
    };
    assert_eq!((parted(403), parted(200)), ("hook.farewell", ""));
}
