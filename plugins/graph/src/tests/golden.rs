//! The vendor's own samples, when the reference folder is there: they must be read without a complaint.

use std::path::PathBuf;

use calport_sdk::testing::Recorded;

use super::client;
use crate::bindings::exports::calport::connector::absence::AbsenceState;
use crate::bindings::exports::calport::connector::calendar::{Change, EventKind};
use crate::bindings::exports::calport::connector::notifications::{HintKind, HookRequest};
use crate::feed::page::parse;
use crate::feed::read_page;
use crate::wire::words::EventType;

fn sample(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("CALPORT_REFERENCE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference"), PathBuf::from);
    if !root.is_dir() {
        eprintln!("skipped: there is no reference folder; CALPORT_REFERENCE names it");
        return None;
    }
    Some(std::fs::read(root.join("samples/graph").join(path)).unwrap())
}

#[test]
fn golden_every_page_of_events_is_read() {
    for name in [
        "calendarview-delta-page1-nextlink",
        "calendarview-delta-page2-nextlink",
        "calendarview-delta-page3-deltalink",
        "calendarview-delta-removed-and-updated",
        "calendarview-windows-timezone",
        "event-instances-exception-and-occurrences",
        "events-list",
    ] {
        let Some(body) = sample(&format!("response/{name}.json")) else { return };
        let page = parse(&body).unwrap();
        assert_eq!(page.unreadable, [], "{name}");
        assert!(!page.items.is_empty() || page.delta.is_some(), "{name}");
        for item in page.items.into_iter().filter(|i| i.removed.is_none()) {
            // Some samples were made with a `$select` that leaves out what an event cannot do without.
            let selected_away = item.start.is_none() || item.kind == Some(EventType::Exception) && item.original_start.is_none();
            assert_eq!(crate::convert::event(item, true).is_err(), selected_away, "{name}");
        }
    }
}

#[test]
fn golden_b07_a_removal_is_a_removal() {
    let Some(body) = sample("response/calendarview-delta-removed-and-updated.json") else { return };
    let page = parse(&body).unwrap();
    assert!(page.items[0].removed.is_some());
    assert!(page.items[1].removed.is_none());
}

#[test]
fn golden_single_events_are_read() {
    for name in ["event-get", "event-created", "event-created-multiple-locations"] {
        let Some(body) = sample(&format!("response/{name}.json")) else { return };
        let event = serde_json::from_slice(&body).unwrap();
        let event = crate::convert::event(event, true).unwrap();
        assert_eq!(event.kind, EventKind::Single, "{name}");
        assert!(!event.attendees.is_empty(), "{name}");
        assert!(event.body.is_some(), "{name}");
    }
}

#[test]
fn golden_automatic_replies_are_read() {
    let Some(body) = sample("response/mailboxsettings-scheduled-oof.json") else { return };
    let (client, _) = client(Recorded::new().on("GET", "/mailboxSettings", 200, &String::from_utf8(body).unwrap()));
    let got = crate::absence::read_many(&client, &["a".to_owned()]);
    assert!(matches!(got[0].as_ref().unwrap().state, AbsenceState::Scheduled(_)), "{got:?}");
}

#[test]
fn golden_notifications_are_read() {
    let kinds = [
        ("change-notification", HintKind::Changed),
        ("lifecycle-1", HintKind::SubscriptionRemoved),
        ("lifecycle-2", HintKind::Resync),
        ("lifecycle-3", HintKind::Reauthorise),
    ];
    for (name, kind) in kinds {
        let Some(body) = sample(&format!("notification/{name}.json")) else { return };
        let request = HookRequest { lifecycle: false, content_type: "application/json".to_owned(), body, received: 0 };
        let hints = crate::notifications::read_hooks(&[request]).remove(0).unwrap();
        assert_eq!(hints[0].kind, kind, "{name}");
        assert!(!hints[0].subscription.is_empty());
    }
}

#[test]
fn golden_c06_the_error_on_the_wire_expires_the_cursor() {
    let Some(body) = sample("response/error-410-syncstatenotfound.json") else { return };
    let (client, _) = client(Recorded::new().on("GET", "delta", 410, &String::from_utf8(body).unwrap()));
    let window = calport_sdk::common::Window { start: 0, end: 1 };
    let error = crate::feed::changes(&client, "a", None, window, None).unwrap_err();
    assert_eq!(error.kind, calport_sdk::common::ErrorKind::CursorExpired);
    assert_eq!(error.request_id.as_deref(), Some("1137f277-eab4-4b9b-bb13-2ceb880bffcb"));
}

#[test]
fn a_page_for_the_benchmark_is_read_without_a_server() {
    let body = br#"{"value":[{"id":"a","showAs":"busy","subject":"x",
        "start":{"dateTime":"2026-01-01T10:00:00.0000000","timeZone":"UTC"},
        "end":{"dateTime":"2026-01-01T11:00:00.0000000","timeZone":"UTC"}}],"@odata.deltaLink":"d"}"#;
    let page = read_page(body, false).unwrap();
    assert!(matches!(&page.changes[0], Change::Upsert(e) if e.id == "a"));
}
