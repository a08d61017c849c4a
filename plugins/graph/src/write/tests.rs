use calport_sdk::common::{Moment, OriginalStart, Participant, Span, TimedSpan, Zone, ZonedTime};
use calport_sdk::http::HttpError;
use calport_sdk::testing::Recorded;

use super::*;
use crate::bindings::exports::calport::connector::calendar::{
    Attendee, AttendeeRole, EventTime, OccurrenceRef, Response as Answered, ShowAs,
};
use crate::tests::client;

const STORED: &str = r#"{"id":"e1","@odata.etag":"W/\"2\"","subject":"Planning"}"#;
const ALONE: &str = r#"{"id":"e1","@odata.etag":"W/\"1\"","isOrganizer":true,"attendees":[]}"#;
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
fn b35_an_invitation_between_looking_and_writing_is_a_conflict_and_no_mail() {
    let stale = r#"{"error":{"code":"ErrorIrresolvableConflict","message":"x"}}"#;
    let http = Recorded::new()
        .on("GET", "isOrganizer", 200, ALONE)
        .on("PATCH", "/events/e1", 412, stale)
        .on("GET", "isOrganizer", 200, ALONE)
        .on("DELETE", "/events/e1", 412, stale);
    let (client, http) = client(http);
    let subject = [EventField::Subject("x".into())];
    let changed = update(&client, "u", &item(), &subject, None, AttendeeMail::Never).unwrap_err();
    let deleted = delete(&client, "u", &item(), None, AttendeeMail::Never).unwrap_err();
    assert_eq!((changed.kind, deleted.kind), (ErrorKind::Conflict(None), ErrorKind::Conflict(None)));
    for write in [1, 3] {
        let sent = &http.requests()[write];
        assert!(sent.headers.contains(&("if-match".into(), "W/\"1\"".into())), "{} is conditional on what was read", sent.method);
    }
}

#[test]
fn b35_a_series_is_not_written_when_one_of_its_occurrences_has_guests() {
    let series = r#"{"id":"e1","type":"seriesMaster","isOrganizer":true,"attendees":[]}"#;
    let guests = r#"{"id":"e1","exceptionOccurrences":[{"id":"o1","attendees":[]},{"id":"o2","attendees":[{"type":"required"}]}]}"#;
    let http = Recorded::new().on("GET", "isOrganizer", 200, series).on("GET", "exceptionOccurrences", 200, guests);
    let (client, http) = client(http);
    assert!(refused(&delete(&client, "u", &item(), None, AttendeeMail::Never).unwrap_err()));
    assert!(http.requests().iter().all(|r| r.method == "GET"), "nothing was written");
}

#[test]
fn b35_an_answer_that_does_not_say_who_is_invited_stops_the_write() {
    let (client, http) = client(Recorded::new().on("GET", "isOrganizer", 200, r#"{"id":"e1","isOrganizer":true}"#));
    assert!(delete(&client, "u", &item(), None, AttendeeMail::Never).is_err());
    assert_eq!(http.requests().len(), 1);
}

#[test]
fn b14_an_attendee_may_make_their_copy_private_and_change_no_content() {
    let copy = r#"{"id":"e1","isOrganizer":false,"attendees":[{"type":"required"}]}"#;
    let http = Recorded::new().on("GET", "isOrganizer", 200, copy).on("PATCH", "/events/e1", 200, STORED);
    let (attendee, _) = client(http.on("GET", "isOrganizer", 200, copy));
    let private = [EventField::Sensitivity(calport_sdk::common::Sensitivity::Private)];
    update(&attendee, "u", &item(), &private, None, AttendeeMail::Never).unwrap();
    let subject = [EventField::Subject("x".into())];
    assert!(refused(&update(&attendee, "u", &item(), &subject, None, AttendeeMail::Never).unwrap_err()));
    let (organizer, _) = client(Recorded::new().on("GET", "isOrganizer", 200, MEETING));
    assert!(refused(&update(&organizer, "u", &item(), &private, None, AttendeeMail::Never).unwrap_err()));
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
    for status in [404, 410] {
        let (meanwhile, _) = client(Recorded::new().on("GET", "isOrganizer", 200, ALONE).on("DELETE", "/events/e1", status, gone));
        assert!(delete(&meanwhile, "u", &item(), None, AttendeeMail::Never).is_ok(), "{status}");
    }
    let denied = r#"{"error":{"code":"ErrorAccessDenied","message":"x"}}"#;
    let forbidden = || Recorded::new().on("DELETE", "/events/e1", 403, denied);
    let (cancelled, _) = client(forbidden().on("GET", "select=id", 404, gone));
    assert!(delete(&cancelled, "u", &item(), None, AttendeeMail::Allowed).is_ok(), "denied, and not there");
    let (there, _) = client(forbidden().on("GET", "select=id", 200, ALONE));
    assert_eq!(delete(&there, "u", &item(), None, AttendeeMail::Allowed).unwrap_err().kind, ErrorKind::Forbidden);
}

fn draft(tag: Option<&str>) -> EventDraft {
    let fields = vec![EventField::Subject("Planning".into())];
    EventDraft { operation: "op-1".into(), tag: tag.map(str::to_owned), fields, mail: AttendeeMail::Never }
}

#[test]
fn b40_a_create_without_a_readable_answer_has_an_unknown_outcome() {
    let lost = HttpError::OutcomeUnknown("the connection broke".into());
    let unknown = [
        Recorded::new().on_failure("POST", "/events", lost),
        Recorded::new().on("POST", "/events", 500, r#"{"error":{"code":"generalException","message":"x"}}"#),
        Recorded::new().on("POST", "/events", 504, ""),
        Recorded::new().on("POST", "/events", 201, ""),
        Recorded::new().on("POST", "/events", 201, r#"{"id":"AAMk"#),
    ];
    for answer in unknown {
        let (client, _) = client(answer);
        assert_eq!(create(&client, "u", None, &draft(None)).unwrap_err().kind, ErrorKind::OutcomeUnknown);
    }
    let (busy, _) = client(Recorded::new().on_headers("POST", "/events", 503, &[("retry-after", "3")], ""));
    assert_eq!(create(&busy, "u", None, &draft(None)).unwrap_err().kind, ErrorKind::Throttled(Some(3_000)), "told to wait: not done");
    let (away, _) = client(Recorded::new().on_failure("POST", "/events", HttpError::Unreachable("refused".into())));
    assert_eq!(create(&away, "u", None, &draft(None)).unwrap_err().kind, ErrorKind::Unavailable, "nothing left the host");
}

#[test]
fn s14_an_operation_that_made_a_different_event_gives_that_event() {
    let used = r#"{"error":{"code":"ErrorDuplicateTransactionId","message":"x"}}"#;
    let times = r#""start":{"dateTime":"2026-01-06T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-01-06T13:00:00","timeZone":"UTC"}"#;
    let one = format!(r#"{{"value":[{{"id":"e1","@odata.etag":"W/\"1\"",{times}}}]}}"#);
    for status in [400, 409] {
        let (client, _) = client(Recorded::new().on("POST", "/events", status, used).on("GET", "/events?$filter=", 200, &one));
        let got = create(&client, "u", None, &draft(Some("t"))).unwrap();
        assert_eq!((got.id.as_str(), got.version.as_deref()), ("e1", Some("W/\"1\"")));
    }
    let refused = ErrorKind::Refused("ErrorDuplicateTransactionId".into());
    let (untagged, _) = client(Recorded::new().on("POST", "/events", 409, used));
    assert_eq!(create(&untagged, "u", None, &draft(None)).unwrap_err().kind, refused);
    let two = format!(r#"{{"value":[{{"id":"e1",{times}}},{{"id":"e2",{times}}}]}}"#);
    let (ambiguous, _) = client(Recorded::new().on("POST", "/events", 409, used).on("GET", "/events?$filter=", 200, &two));
    assert_eq!(create(&ambiguous, "u", None, &draft(Some("t"))).unwrap_err().kind, refused, "no guess which one it is");
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
