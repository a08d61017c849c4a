//! Writes reach the connector as the host meant them, and what comes back is bounded.

use calport_model::presence::CallState;
use calport_model::write::{Category, EventDraft, EventField, MailMessage, WriteTarget};
use calport_model::{ConnectorApi as _, ErrorKind, OriginalStart, PrivateText, ShowAs, Span};
use calport_runtime::Limits;
use serde_json::json;

use crate::support::{Bench, one};

fn anna() -> String {
    "anna".to_owned()
}

fn draft() -> EventDraft {
    let span = Span::Timed { start: "2026-07-01T08:00:00Z".parse().unwrap(), end: "2026-07-01T09:00:00Z".parse().unwrap() };
    let time = EventField::Time { span, zone: "Europe/Berlin".to_owned() };
    let fields = vec![time, EventField::Subject(PrivateText::new("Zahnarzt"))];
    EventDraft { operation: "op-1".to_owned(), tag: Some("tag-1".to_owned()), fields }
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[tokio::test]
async fn b35_writes_reach_the_connector_as_given_and_never_with_leave_to_mail() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    let made = connection.create_event(anna(), draft()).await.unwrap();
    has(&made.id, &["None", "op-1", "tag-1", "2026-07-01T10:00:00", "Europe/Berlin", "Zahnarzt", "AttendeeMail::Never"]);
    assert_eq!((made.version.as_deref(), made.truncated.as_slice()), (Some("2"), one("subject").as_slice()));

    let original = OriginalStart::Day("2026-07-02".parse().unwrap());
    let place = WriteTarget::Occurrence { master: "m1".to_owned(), original };
    let fields = vec![EventField::ShowAs(ShowAs::OutOfOffice)];
    let changed = connection.update_event(anna(), place.clone(), fields, Some("v1".to_owned())).await.unwrap();
    has(&changed.id, &["m1", "2026-07-02", "OutOfOffice", "v1", "AttendeeMail::Never"]);
    assert!(!changed.id.contains("Subject"), "only the field that was given: {}", changed.id);

    let deleted = connection.delete_event(anna(), WriteTarget::Item("e1".to_owned()), Some("v1".to_owned())).await.unwrap_err();
    has(&deleted.message, &["e1", "v1", "AttendeeMail::Never"]);
    assert_eq!(connection.find_by_tag(anna(), "tag-1".to_owned()).await.unwrap().first().map(|e| e.id.clone()).as_deref(), Some("tag-1"));
}

#[tokio::test]
async fn feat_c12_mails_and_categories_reach_the_connector_as_given() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    let message = MailMessage {
        sender: "calport".to_owned(),
        recipients: one("admin@example.com"),
        subject: "Stopped".to_owned(),
        body: "Since noon.".to_owned(),
        operation: "op-2".to_owned(),
        keep_copy: true,
    };
    let sent = connection.send_mail(message).await.unwrap_err();
    has(&sent.message, &["calport", "admin@example.com", "Stopped", "Plain", "Since noon.", "op-2", "keep-copy: true"]);
    let wish = Category { name: "Leave".to_owned(), colour: Some(24) };
    has(&connection.create_category(anna(), wish).await.unwrap_err().message, &["Leave", "24"]);
    assert_eq!(connection.list_categories(anna()).await.unwrap(), [Category { name: "Blue".to_owned(), colour: Some(7) }]);
    let states: Vec<_> = connection.call_states(vec![anna(), "bert".to_owned()]).await.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(states, [CallState::Unknown, CallState::Unknown]);
}

#[tokio::test]
async fn feat_x02_hostile_answers_to_writes_are_not_believed() {
    let bench = Bench::new().await;
    let connection = bench.with_settings(json!({ "amount": 20_001 }), Limits::default());
    let bad = || "bad-values".to_owned();
    assert_eq!(connection.create_event(bad(), draft()).await.unwrap_err().kind, ErrorKind::Plugin);
    let item = WriteTarget::Item("e1".to_owned());
    assert_eq!(connection.update_event(bad(), item, Vec::new(), None).await.unwrap_err().kind, ErrorKind::Plugin);
    assert_eq!(connection.find_by_tag(bad(), "t".to_owned()).await.unwrap_err().kind, ErrorKind::Plugin, "not there would be a lie");
    assert_eq!(connection.list_categories(bad()).await.unwrap(), [Category { name: "Blue".to_owned(), colour: None }]);
    assert_eq!(connection.list_categories("huge-list".to_owned()).await.unwrap_err().kind, ErrorKind::Plugin);
    assert_eq!(connection.call_states(one("wrong-count")).await.unwrap_err().kind, ErrorKind::Plugin);
}
