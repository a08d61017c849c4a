use calport_sdk::common::{ErrorKind, ErrorScope, Span};
use calport_sdk::testing::Recorded;

use super::*;
use crate::bindings::exports::calport::connector::calendar::{Event, EventKind, ShowAs};
use crate::tests::client;

const WINDOW: Window = Window { start: 1_767_225_600_000, end: 1_769_904_000_000 };

fn times(day: u32) -> String {
    format!(
        r#""start":{{"dateTime":"2026-01-{day:02}T08:00:00.0000000","timeZone":"UTC"}},
           "end":{{"dateTime":"2026-01-{day:02}T09:00:00.0000000","timeZone":"UTC"}}"#
    )
}

fn sparse(id: &str, day: u32) -> String {
    format!(
        r##"{{"@odata.type":"#microsoft.graph.event","@odata.etag":"W/\"{id}\"","id":"{id}","type":"occurrence",
           "seriesMasterId":"m1",{}}}"##,
        times(day)
    )
}

fn master() -> String {
    format!(
        r#"{{"@odata.etag":"W/\"m\"","id":"m1","type":"seriesMaster","subject":"Stand-up","showAs":"busy","sensitivity":"private",
           "isAllDay":false,"isOrganizer":true,{},"recurrence":{{"pattern":{{"type":"daily","interval":1}},
           "range":{{"type":"noEnd","startDate":"2026-01-05"}}}}}}"#,
        times(5)
    )
}

fn page(items: &[String], link: &str) -> String {
    format!(r#"{{"value":[{}],{link}}}"#, items.join(","))
}

const DELTA: &str = r#""@odata.deltaLink":"https://graph.example/v1.0/users/u/calendarView/delta?$deltatoken=d1""#;
const NEXT: &str = r#""@odata.nextLink":"https://graph.example/v1.0/users/u/calendarView/delta?$skiptoken=s1""#;

fn upserts(page: &ChangePage) -> Vec<&Event> {
    page.changes.iter().filter_map(|c| if let Change::Upsert(e) = c { Some(e) } else { None }).collect()
}

#[test]
fn c03_the_first_call_names_the_window_and_later_ones_use_the_link() {
    let (client, http) = client(Recorded::new().on("GET", "/users/u%2F1/calendarView/delta?startDateTime=", 200, &page(&[], NEXT)).on(
        "GET",
        "$skiptoken=s1",
        200,
        &page(&[], DELTA),
    ));
    let first = changes(&client, "u/1", None, WINDOW, None).unwrap();
    let FeedEnd::More(cursor) = first.end else { panic!("more") };
    let second = changes(&client, "u/1", None, WINDOW, Some(&cursor)).unwrap();
    let FeedEnd::Done(cursor) = second.end else { panic!("done") };
    assert!(cursor.starts_with("1:https://graph.example/"), "{cursor}");
    let asked = http.requests();
    assert!(asked[0].url.contains("startDateTime=2026-01-01T00%3A00%3A00Z&endDateTime=2026-02-01T00%3A00%3A00Z"));
    assert!(!asked[0].url.contains("select"), "not supported on delta");
    assert_eq!(asked[1].url, "https://graph.example/v1.0/users/u/calendarView/delta?$skiptoken=s1");
    for request in &asked {
        let prefer = request.headers.iter().find(|(n, _)| n == "prefer").map(|(_, v)| v.as_str()).unwrap();
        assert!(prefer.contains("IdType=\"ImmutableId\"") && prefer.contains("outlook.timezone=\"UTC\""), "{prefer}");
        assert!(prefer.contains("odata.maxpagesize=200"), "{prefer}");
        assert_eq!(request.scope.as_deref(), Some("u/1"));
        assert!(request.safe_to_repeat);
    }
}

#[test]
fn c07_occurrences_are_completed_from_the_master_in_the_page() {
    let body = page(&[sparse("o1", 5), master(), sparse("o2", 6)], DELTA);
    let (client, http) = client(Recorded::new().on("GET", "delta", 200, &body));
    let got = changes(&client, "u", None, WINDOW, None).unwrap();
    let events = upserts(&got);
    assert_eq!(events.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["o1", "m1", "o2"]);
    for event in &events {
        assert_eq!((event.subject.as_str(), event.show_as), ("Stand-up", ShowAs::Busy));
        assert_eq!(event.sensitivity, calport_sdk::common::Sensitivity::Private);
    }
    assert_eq!(events[1].kind, EventKind::Master);
    assert_eq!(events[0].version, "W/\"o1\"", "identity and version stay the occurrence's own");
    assert_eq!(events[0].time.recurrence, None);
    assert_eq!(http.requests().len(), 1);
}

#[test]
fn c07_masters_that_are_not_in_the_page_are_read_once_each() {
    let body = page(&[sparse("o1", 5), sparse("o2", 6), sparse("o3", 7)], DELTA);
    let (client, http) = client(Recorded::new().on("GET", "delta", 200, &body).on("GET", "/events/m1?$select=", 200, &master()));
    let got = changes(&client, "u", None, WINDOW, None).unwrap();
    assert_eq!(upserts(&got).len(), 3);
    assert!(upserts(&got).iter().all(|e| e.subject == "Stand-up"));
    assert_eq!(http.left(), 0);
}

#[test]
fn c07_five_masters_of_one_mailbox_go_out_four_at_a_time() {
    let other = |n: u32| sparse(&format!("o{n}"), n).replace("\"m1\"", &format!("\"m{n}\""));
    let items: Vec<String> = (1..=5).map(other).collect();
    let answer = |ids: &[u32]| {
        let of =
            |(i, n): (usize, &u32)| format!(r#"{{"id":"{i}","status":200,"body":{}}}"#, master().replace("\"m1\"", &format!("\"m{n}\"")));
        format!(r#"{{"responses":[{}]}}"#, ids.iter().enumerate().map(of).rev().collect::<Vec<_>>().join(","))
    };
    let (client, http) =
        client(Recorded::new().on("GET", "delta", 200, &page(&items, DELTA)).on("POST", "/$batch", 200, &answer(&[1, 2, 3, 4])).on(
            "GET",
            "/events/m5?",
            200,
            &master().replace("\"m1\"", "\"m5\""),
        ));
    let got = changes(&client, "u", None, WINDOW, None).unwrap();
    assert_eq!(upserts(&got).len(), 5, "{:?}", got.unreadable);
    assert_eq!(http.requests()[1].scope.as_deref(), Some("u"));
    assert!(http.requests()[1].safe_to_repeat, "a batch of reads");
}

#[test]
fn c07_an_occurrence_whose_master_is_gone_is_set_aside_and_the_rest_is_used() {
    let whole = format!(r#"{{"id":"s1","type":"singleInstance","subject":"x","showAs":"free",{}}}"#, times(9));
    let gone = r#"{"error":{"code":"ErrorItemNotFound","message":"The specified object was not found in the store."}}"#;
    let (client, _) =
        client(Recorded::new().on("GET", "delta", 200, &page(&[sparse("o1", 5), whole], DELTA)).on("GET", "/events/m1", 404, gone));
    let got = changes(&client, "u", None, WINDOW, None).unwrap();
    assert_eq!(upserts(&got).len(), 1);
    assert_eq!(got.unreadable[0].0, "o1");
}

#[test]
fn c05_a_master_that_cannot_be_read_now_fails_the_page_so_that_it_is_read_again() {
    let busy = r#"{"error":{"code":"ApplicationThrottled","message":"x"}}"#;
    let (client, _) = client(Recorded::new().on("GET", "delta", 200, &page(&[sparse("o1", 5)], DELTA)).on_headers(
        "GET",
        "/events/m1",
        429,
        &[("retry-after", "7")],
        busy,
    ));
    let error = changes(&client, "u", None, WINDOW, None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled(Some(7_000)));
    assert_eq!(error.scope, ErrorScope::Mailbox);
}

#[test]
fn b07_removals_are_passed_on_without_judging_them() {
    let removed = r#"{"id":"x1","@removed":{"reason":"deleted"}}"#.to_owned();
    let (client, _) = client(Recorded::new().on("GET", "delta", 200, &page(&[removed], DELTA)));
    let got = changes(&client, "u", None, WINDOW, None).unwrap();
    assert_eq!(got.changes, [Change::Removed("x1".into())]);
}

#[test]
fn an_item_changed_in_part_is_read_whole() {
    let partial = r#"{"id":"s1","@odata.etag":"W/\"2\"","subject":"new"}"#.to_owned();
    let whole = format!(r#"{{"id":"s1","type":"singleInstance","subject":"new","showAs":"oof",{}}}"#, times(9));
    let (client, _) =
        client(Recorded::new().on("GET", "delta", 200, &page(&[partial], DELTA)).on("GET", "/events/s1?$select=", 200, &whole));
    let got = changes(&client, "u", None, WINDOW, None).unwrap();
    assert_eq!(upserts(&got)[0].show_as, ShowAs::OutOfOffice);
}

#[test]
fn b20_an_occurrence_of_an_all_day_series_is_a_date() {
    let master = master().replace(r#""isAllDay":false"#, r#""isAllDay":true"#).replace("T08:00", "T00:00");
    let occurrence = sparse("o1", 6).replace("T08:00", "T00:00").replace("06T09:00", "07T00:00");
    let (client, _) = client(Recorded::new().on("GET", "delta", 200, &page(&[master, occurrence], DELTA)));
    let got = changes(&client, "u", None, WINDOW, None).unwrap();
    let Span::AllDay(span) = &upserts(&got)[1].time.span else { panic!("all day") };
    assert_eq!((span.start.as_str(), span.end.as_str()), ("2026-01-06", "2026-01-07"));
}

#[test]
fn c06_cursors_of_another_format_and_pages_without_a_link_are_errors() {
    let (client, http) = client(Recorded::new().on("GET", "delta", 200, r#"{"value":[]}"#));
    let old = changes(&client, "u", None, WINDOW, Some(&"9:x".to_owned())).unwrap_err();
    assert_eq!(old.kind, ErrorKind::CursorExpired);
    assert!(http.requests().is_empty());
    let lost = changes(&client, "u", None, WINDOW, None).unwrap_err();
    assert!(matches!(lost.kind, ErrorKind::Protocol(_)));
}

#[test]
fn another_calendar_has_a_feed_of_its_own() {
    let (client, _) = client(Recorded::new().on("GET", "/users/u/calendars/c%3D/calendarView/delta?", 200, &page(&[], DELTA)));
    assert!(changes(&client, "u", Some("c="), WINDOW, None).is_ok());
}
