use calport_sdk::common::{Moment, OriginalStart, Participant, Span, TimedSpan, Zone, ZonedTime};
use calport_sdk::testing::Recorded;

use super::*;
use crate::bindings::exports::calport::connector::calendar::{
    Attendee, AttendeeRole, EventTime, OccurrenceRef, Response as Answered, ShowAs,
};
use crate::tests::client;

const STORED: &str = r#"{"id":"e1","@odata.etag":"W/\"2\"","subject":"Planning"}"#;
const ALONE: &str = r#"{"id":"e1","isOrganizer":true,"attendees":[]}"#;
const MEETING: &str = r#"{"id":"e1","isOrganizer":true,"attendees":[{"type":"required"}]}"#;

fn item() -> WriteTarget {
    WriteTarget::Item("e1".into())
}

fn refused(error: &Error) -> bool {
    error.kind == ErrorKind::Refused("would-mail".into())
}

fn sent(http: &Recorded, index: usize) -> Value {
    serde_json::from_slice(http.requests()[index].body.as_ref().unwrap()).unwrap()
}

fn guest() -> EventField {
    let who = Participant { name: String::new(), address: "a@example.com".into() };
    EventField::Attendees(vec![Attendee { who, role: AttendeeRole::Required, response: Answered::None }])
}

#[test]
fn s14_a_create_carries_the_operation_and_the_tag() {
    let (client, http) = client(Recorded::new().on("POST", "/users/u/events", 201, STORED));
    let zone = Zone::Named("W. Europe Standard Time".into());
    let wall = |local: &str| Moment::Wall(ZonedTime { local: local.into(), zone: zone.clone() });
    let time = EventTime {
        span: Span::Timed(TimedSpan { start: wall("2026-03-30T09:00:00"), end: wall("2026-03-30T10:00:00") }),
        start_zone: Some(zone.clone()),
        end_zone: Some(zone.clone()),
        recurrence: None,
    };
    let draft = EventDraft {
        operation: "op-1".into(),
        tag: Some("t-1".into()),
        fields: vec![EventField::Subject("Planning for long".into()), EventField::Time(time)],
        mail: AttendeeMail::Never,
    };
    let got = create(&client, "u", None, &draft).unwrap();
    assert_eq!(got.version.as_deref(), Some("W/\"2\""));
    assert_eq!(got.truncated, ["subject"], "what came back is the beginning of what was sent");
    let body = sent(&http, 0);
    assert_eq!(body["transactionId"], "op-1");
    assert_eq!(body["singleValueExtendedProperties"][0]["value"], "t-1");
    assert_eq!(body["start"], json!({"dateTime":"2026-03-30T09:00:00","timeZone":"W. Europe Standard Time"}));
    assert!(!http.requests()[0].safe_to_repeat);
}

#[test]
fn b35_attendees_are_never_mailed_unless_allowed() {
    let draft = EventDraft { operation: "o".into(), tag: None, fields: vec![guest()], mail: AttendeeMail::Never };
    let (nothing, http) = client(Recorded::new());
    assert!(refused(&create(&nothing, "u", None, &draft).unwrap_err()));
    assert!(http.requests().is_empty());

    let (meeting, http) = client(Recorded::new().on("GET", "isOrganizer", 200, MEETING).on("GET", "isOrganizer", 200, MEETING));
    let subject = [EventField::Subject("x".into())];
    assert!(refused(&update(&meeting, "u", &item(), &subject, None, AttendeeMail::Never).unwrap_err()));
    assert!(refused(&delete(&meeting, "u", &item(), None, AttendeeMail::Never).unwrap_err()));
    assert!(http.requests().iter().all(|r| r.method == "GET"), "nothing was written");

    let (allowed, _) = client(Recorded::new().on("PATCH", "/events/e1", 200, STORED).on("DELETE", "/events/e1", 204, ""));
    assert!(update(&allowed, "u", &item(), &subject, None, AttendeeMail::Allowed).is_ok());
    assert!(delete(&allowed, "u", &item(), None, AttendeeMail::Allowed).is_ok());
}

#[test]
fn b36_only_the_given_fields_are_sent_on_a_condition() {
    let (client, http) = client(Recorded::new().on("PATCH", "/events/e1", 200, STORED));
    let fields = [EventField::ShowAs(ShowAs::OutOfOffice), EventField::Reminder(None)];
    update(&client, "u", &item(), &fields, Some(&"W/\"1\"".to_owned()), AttendeeMail::Never).unwrap();
    assert_eq!(sent(&http, 0), json!({ "showAs": "oof", "isReminderOn": false }));
    assert!(http.requests()[0].headers.contains(&("if-match".into(), "W/\"1\"".into())));
}

#[test]
fn s13_another_version_is_a_conflict() {
    let body = r#"{"error":{"code":"ErrorIrresolvableConflict","message":"x"}}"#;
    let (client, _) = client(Recorded::new().on("PATCH", "/events/e1", 412, body));
    let fields = [EventField::ShowAs(ShowAs::Free)];
    let error = update(&client, "u", &item(), &fields, Some(&"old".to_owned()), AttendeeMail::Never).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict(None));
}

#[test]
fn b41_an_event_that_is_gone_counts_as_deleted() {
    let gone = r#"{"error":{"code":"ErrorItemNotFound","message":"x"}}"#;
    let (before, _) = client(Recorded::new().on("GET", "isOrganizer", 404, gone));
    assert!(delete(&before, "u", &item(), None, AttendeeMail::Never).is_ok());
    let (meanwhile, _) = client(Recorded::new().on("GET", "isOrganizer", 200, ALONE).on("DELETE", "/events/e1", 404, gone));
    assert!(delete(&meanwhile, "u", &item(), None, AttendeeMail::Never).is_ok());
}

#[test]
fn b01_an_occurrence_is_found_where_it_stood() {
    let times = r#""start":{"dateTime":"2026-01-06T12:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-01-06T13:00:00.0000000","timeZone":"UTC"}"#;
    let list = format!(
        r#"{{"value":[{{"id":"o1","type":"exception","seriesMasterId":"m","originalStart":"2026-01-06T08:00:00Z",{times}}},
        {{"id":"o2","type":"occurrence","seriesMasterId":"m",{times}}}]}}"#
    );
    let (client, _) = client(Recorded::new().on("GET", "/events/m/instances", 200, &list).on("PATCH", "/events/o1", 200, STORED));
    let original = OriginalStart::Timed(Moment::At(1_767_686_400_000));
    let target = WriteTarget::Occurrence(OccurrenceRef { master: "m".into(), original });
    let fields = [EventField::ShowAs(ShowAs::Free)];
    update(&client, "u", &target, &fields, None, AttendeeMail::Never).unwrap();
}

#[test]
fn b21_an_instant_beside_a_named_zone_is_refused_because_the_zone_would_be_lost() {
    let time = EventTime {
        span: Span::Timed(TimedSpan { start: Moment::At(0), end: Moment::At(1) }),
        start_zone: Some(Zone::Named("Pacific Standard Time".into())),
        end_zone: None,
        recurrence: None,
    };
    let (client, http) = client(Recorded::new());
    let error = update(&client, "u", &item(), &[EventField::Time(time)], None, AttendeeMail::Never).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Invalid(_)));
    assert!(http.requests().is_empty());
}

#[test]
fn an_answer_is_an_action_and_mails_only_when_allowed() {
    let (client, http) = client(Recorded::new().on("POST", "/events/e1/tentativelyAccept", 202, ""));
    let fields = [EventField::Response(Answered::Tentative)];
    let got = update(&client, "u", &item(), &fields, None, AttendeeMail::Never).unwrap();
    assert_eq!((got.id.as_str(), got.version), ("e1", None));
    assert_eq!(sent(&http, 0), json!({ "sendResponse": false }));
}

#[test]
fn s14_a_tag_is_found_again() {
    let body = r#"{"value":[{"id":"e1","showAs":"busy","start":{"dateTime":"2026-01-06T12:00:00","timeZone":"UTC"},
        "end":{"dateTime":"2026-01-06T13:00:00","timeZone":"UTC"}}]}"#;
    let (client, http) = client(Recorded::new().on("GET", "/users/u/events?$filter=", 200, body));
    let got = find_by_tag(&client, "u", "it's").unwrap();
    assert_eq!(got[0].tag.as_deref(), Some("it's"));
    assert!(http.requests()[0].url.contains("it%27%27s"));
}
