//! Answers that are themselves wrong: too many, too few, too large, or holding what no field allows.

use std::time::Duration;

use calport_model::connector::Change;
use calport_model::notification::HintKind;
use calport_model::presence::{PresenceCommand, PresenceUpdate};
use calport_model::{ConnectorApi as _, ErrorKind};
use calport_runtime::Limits;
use serde_json::json;

use crate::support::{Bench, one, window, within};

#[tokio::test]
async fn feat_x02_hostile_lists_beyond_a_page_are_refused() {
    let bench = Bench::new().await;
    let connection = bench.with_settings(json!({ "amount": 20_001 }), Limits::default());
    let huge = || "huge-list".to_owned();
    let messages = [
        within("a page", connection.changes(huge(), window(), None)).await.unwrap_err().message,
        within("ids", connection.ids(huge(), window(), None)).await.unwrap_err().message,
        within("entries", connection.list_entries(Some(huge()))).await.unwrap_err().message,
    ];
    assert!(messages.iter().all(|message| message.contains("more than 20000")), "{messages:?}");
    assert_eq!(connection.held_back_until(), None);
    assert_eq!(connection.changes("anna".to_owned(), window(), None).await.unwrap().changes.len(), 1);
}

#[tokio::test]
async fn feat_x02_hostile_values_set_their_item_aside_and_the_others_are_used() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    let page = connection.changes("bad-values".to_owned(), window(), None).await.unwrap();
    let used: Vec<&str> =
        page.changes.iter().map(|change| if let Change::Upsert(event) = change { event.id.as_str() } else { "removed" }).collect();
    assert_eq!(used, ["good", "long"]);
    assert_eq!(page.unreadable.len(), 12, "{:?}", page.unreadable);
    assert!(page.unreadable.iter().all(|(id, reason)| id.len() < 600 && !reason.is_empty()));
    assert_eq!(page.cursor, "c1", "the feed goes on behind them");

    let occurrences = connection.instances("bad-values".to_owned(), "m".to_owned(), window()).await.unwrap();
    assert_eq!(occurrences.events.len(), 2);
    assert!(!occurrences.unreadable.is_empty() && occurrences.unreadable.iter().all(|(_, reason)| !reason.is_empty()));
    let entries = connection.list_entries(Some("bad-values".to_owned())).await.unwrap().entries;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].name, "A [31mB");
}

#[tokio::test]
async fn feat_x02_hostile_ids_cursors_and_receipts_are_not_used() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    let bad = || "bad-values".to_owned();
    assert_eq!(connection.ids(bad(), window(), None).await.unwrap_err().kind, ErrorKind::Plugin);
    assert_eq!(connection.migrate_cursor(1, bad()).await.unwrap_err().kind, ErrorKind::Plugin);
    let update = |user: &str| PresenceUpdate { user: user.to_owned(), command: PresenceCommand::Clear, token: None, sequence: 1 };
    let receipts = connection.set_presence(vec![update("anna"), update("bad-values")]).await.unwrap();
    assert!(receipts[0].is_ok());
    assert_eq!(receipts[1].as_ref().unwrap_err().kind, ErrorKind::Plugin);
}

#[tokio::test]
async fn c04_hostile_hints_become_a_resync() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    let waited = connection.wait("a".to_owned(), one("bad-values"), None, Duration::from_secs(1)).await.unwrap();
    let kinds: Vec<HintKind> = waited.hints.into_iter().map(|hint| hint.kind).collect();
    assert_eq!(kinds, [HintKind::Changed, HintKind::Resync]);
}

#[tokio::test]
async fn feat_x02_hostile_answers_of_the_wrong_number_are_not_matched_to_questions() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    let error = connection.resolve(one("wrong-count")).await.unwrap_err();
    assert!(error.kind == ErrorKind::Plugin && error.message.contains("2 answers to 1 questions"), "{}", error.message);
    assert!(connection.get_events("wrong-count".to_owned(), one("e1")).await.is_err());
    assert!(connection.mailbox_infos(one("wrong-count")).await.is_err());
    assert_eq!(connection.resolve(vec!["anna".to_owned(), "bert".to_owned()]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn feat_x02_an_interface_that_is_not_exported_is_unsupported_and_no_strike() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    for _ in 0..3 {
        let error = connection.read_absences(one("anna")).await.unwrap_err();
        assert!(error.kind == ErrorKind::Unsupported && error.message.contains("absence"), "{}", error.message);
    }
    assert_eq!(connection.held_back_until(), None);
}
