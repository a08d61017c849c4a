use calport_sdk::common::Cursor;
use calport_sdk::testing::take_log;

use super::*;
use crate::bindings::exports::calport::connector::calendar::EventKind;
use crate::tests::{ANNA, answer, body, client, found, found_some, good, got, item, refusal};

/// 2026-03-02, UTC.
const DAY: Window = Window { start: 1_772_409_600_000, end: 1_772_496_000_000 };

fn cursor_of(page: &ChangePage) -> Cursor {
    match &page.end {
        FeedEnd::Done(cursor) | FeedEnd::More(cursor) => cursor.clone(),
    }
}

fn upserts(page: &ChangePage) -> Vec<&str> {
    page.changes.iter().filter_map(|c| if let Change::Upsert(event) = c { Some(event.id.as_str()) } else { None }).collect()
}

fn removed(page: &ChangePage) -> Vec<&str> {
    page.changes.iter().filter_map(|c| if let Change::Removed(id) = c { Some(id.as_str()) } else { None }).collect()
}

/// Reads once for each answer, each time from where the last one ended.
fn reads(all: &[String]) -> Vec<Result<ChangePage, Error>> {
    let (client, http) = client(good(all));
    let mut cursor = None;
    let mut pages = Vec::new();
    while http.left() > 0 {
        let page = changes(&client, ANNA, None, DAY, cursor.as_deref());
        if let Ok(page) = &page {
            cursor = Some(cursor_of(page));
        }
        pages.push(page);
    }
    pages
}

#[test]
fn c08_a_second_read_tells_what_differs() {
    let pages = reads(&[
        found(&[item("AAa", "v1", 9, ""), item("AAb", "v1", 10, ""), item("AAc", "v1", 11, "")].concat()),
        found(&[item("AAa", "v1", 9, ""), item("AAb", "v2", 10, ""), item("AAd", "v1", 12, "")].concat()),
        found(&[item("AAa", "v1", 9, ""), item("AAb", "v2", 10, ""), item("AAd", "v1", 12, "")].concat()),
        found(""),
    ]);
    let pages: Vec<ChangePage> = pages.into_iter().map(Result::unwrap).collect();
    assert_eq!(upserts(&pages[0]), ["AAa", "AAb", "AAc"]);
    assert!(matches!(pages[0].end, FeedEnd::Done(_)));
    assert_eq!((upserts(&pages[1]), removed(&pages[1])), (vec!["AAb", "AAd"], vec!["AAc"]));
    assert!(pages[2].changes.is_empty());
    assert_eq!(removed(&pages[3]), ["AAa", "AAb", "AAd"]);
}

#[test]
fn c08_a_server_without_change_keys_is_followed_by_what_is_read() {
    let pages =
        reads(&[found(&item("a", "", 9, "")), found(&item("a", "", 9, "")), found(&item("a", "", 9, "<t:Location>Room 1</t:Location>"))]);
    let changed: Vec<usize> = pages.iter().map(|page| page.as_ref().unwrap().changes.len()).collect();
    assert_eq!(changed, [1, 0, 1]);
}

#[test]
fn an_item_that_cannot_be_read_is_set_aside_is_not_gone_and_comes_back() {
    let broken = item("b", "v1", 10, "").replace("T10:30:00Z", "T04:00:00Z");
    let nameless = item("x", "v1", 10, "").replace(r#"<t:ItemId Id="x" ChangeKey="v1"/>"#, "");
    let odd = item("c", "v1", 11, "").replace("Busy", "Quantum");
    let pages = reads(&[
        found(&[item("a", "v1", 9, ""), item("b", "v1", 10, "")].concat()),
        found(&[item("a", "v1", 9, ""), broken.clone(), nameless, odd].concat()),
        found(&[item("a", "v1", 9, ""), broken].concat()),
        found(&[item("a", "v1", 9, ""), item("b", "v1", 10, "")].concat()),
        found(&item("a", "v1", 9, "")),
    ]);
    let pages: Vec<ChangePage> = pages.into_iter().map(Result::unwrap).collect();
    assert_eq!((upserts(&pages[1]), removed(&pages[1]).len()), (vec!["c"], 0), "an unknown word is no reason to lose the event");
    let aside: Vec<(&str, &str)> = pages[1].unreadable.iter().map(|(id, why)| (id.as_str(), why.as_str())).collect();
    assert_eq!(aside, [("b", "an end before its start"), ("", "an appointment without an id")]);
    assert_eq!(removed(&pages[2]), ["c"]);
    assert_eq!(upserts(&pages[3]), ["b"], "it can be read again, in the version that was known before");
    assert_eq!(removed(&pages[4]), ["b"]);
}

#[test]
fn c06_a_calendar_too_large_for_a_cursor_expires_it_by_any_change_and_only_by_that() {
    let wide = |version: &str| {
        let one = |n: usize| item(&format!("{n:040}{}", "x".repeat(60).replace('x', &n.to_string())), version, 9, "");
        (0..900).map(one).collect::<String>()
    };
    let pages = reads(&[found(&wide("v1")), found(&wide("v1")), found(&wide("v2"))]);
    assert_eq!(pages[0].as_ref().unwrap().changes.len(), 900);
    assert!(cursor_of(pages[0].as_ref().unwrap()).len() < 100);
    assert!(pages[1].as_ref().unwrap().changes.is_empty());
    assert_eq!(pages[2].as_ref().unwrap_err().kind, ErrorKind::CursorExpired);
}

#[test]
fn c06_a_cursor_that_nobody_wrote_is_expired() {
    let (client, http) = client(good(&[]));
    for cursor in ["2:#x", "1:7 v b\n", "1:x", "1:>", "1:>1 0 x", "1:>x 1 y", "x", "1:0 v"] {
        assert_eq!(changes(&client, ANNA, None, DAY, Some(cursor)).unwrap_err().kind, ErrorKind::CursorExpired, "{cursor}");
    }
    assert!(http.requests().is_empty());
}

#[test]
fn b19_a_full_window_is_read_in_parts_a_page_each_and_compared_by_one_hash() {
    let (morning, evening) = (item("a", "v1", 9, ""), item("b", "v1", 20, ""));
    let parts = [found_some(&morning, false), found(&morning), found(&evening)];
    let again = parts.clone();
    let changed = [found_some(&morning, false), found(&morning), found("")];
    let (client, http) = client(good(&[parts.to_vec(), again.to_vec(), changed.to_vec()].concat()));
    let first = changes(&client, ANNA, None, DAY, None).unwrap();
    assert!(matches!(first.end, FeedEnd::More(_)) && upserts(&first) == ["a"]);
    let second = changes(&client, ANNA, None, DAY, Some(&cursor_of(&first))).unwrap();
    assert!(matches!(second.end, FeedEnd::Done(_)) && upserts(&second) == ["b"]);
    let half = r#"StartDate="2026-03-02T12:00:00Z" EndDate="2026-03-03T00:00:00Z""#;
    assert!(body(&http, 2).contains(half), "{}", body(&http, 2));
    let cursor = cursor_of(&second);
    assert!(changes(&client, ANNA, None, DAY, Some(&cursor)).unwrap().changes.is_empty());
    assert_eq!(changes(&client, ANNA, None, DAY, Some(&cursor)).unwrap_err().kind, ErrorKind::CursorExpired);
    assert_eq!(http.left(), 0);
}

#[test]
fn b19_as_many_as_were_asked_for_are_perhaps_not_all() {
    let thousand: String = (0..1000).map(|n| item(&format!("i{n}"), "v", 9, "")).collect();
    let (client, http) = client(good(&[found(&thousand), found(&item("a", "v", 9, "")), found("")]));
    let page = changes(&client, ANNA, None, DAY, None).unwrap();
    assert_eq!((upserts(&page), http.requests().len()), (vec!["a"], 2));
}

#[test]
fn b19_ids_come_in_parts_as_well_and_none_is_empty() {
    let nameless = item("x", "v1", 10, "").replace(r#"<t:ItemId Id="x" ChangeKey="v1"/>"#, "");
    let broken = item("b", "v1", 10, "").replace("T10:30:00Z", "T04:00:00Z");
    let morning = [item("a", "v1", 9, ""), nameless, broken].concat();
    let parts = [refusal("FindItem", "ErrorExceededFindCountLimit"), found(&morning), found(&item("c", "v1", 20, ""))];
    let (client, _) = client(good(&parts));
    let first = ids(&client, ANNA, None, DAY, None).unwrap();
    let told: Vec<(&str, &str)> = first.ids.iter().map(|one| (one.id.as_str(), one.version.as_str())).collect();
    assert_eq!(told, [("a", "v1"), ("b", "")]);
    let second = ids(&client, ANNA, None, DAY, first.next.as_deref()).unwrap();
    assert!(second.ids.len() == 1 && second.next.is_none());
}

#[test]
fn an_answer_that_cannot_be_read_costs_an_hour_at_most() {
    let spoilt = || found(&item("x", "v", 0, "<t:Location>&undefined;</t:Location>"));
    // A day, halved down to its first hour (1.5 h is the last that may be halved), and the rest of the day.
    let mut all = vec![spoilt(), spoilt(), spoilt(), spoilt(), spoilt(), spoilt()];
    all.push(found(&item("a", "v1", 9, "")));
    let (client, http) = client(good(&all));
    let first = changes(&client, ANNA, None, DAY, None).unwrap();
    assert!(first.changes.is_empty() && first.unreadable.len() == 1, "{first:?}");
    assert!(first.unreadable[0].1.contains("2026-03-02T00:00:00Z for 45 minutes"), "{:?}", first.unreadable);
    let second = changes(&client, ANNA, None, DAY, Some(&cursor_of(&first))).unwrap();
    assert_eq!(upserts(&second), ["a"]);
    assert_eq!(http.left(), 0);
}

#[test]
fn a_server_that_never_gives_a_readable_answer_is_not_asked_for_ever() {
    let spoilt = found(&item("x", "v", 0, "<t:Location>&undefined;</t:Location>"));
    let (client, http) = client(good(&vec![found_some("", false); 100]));
    assert_eq!(changes(&client, ANNA, None, DAY, None).unwrap_err().kind, ErrorKind::Refused("too-many-events".to_owned()));
    assert!(http.requests().len() <= 10, "{}", http.requests().len());
    let (client, http) = crate::tests::client(good(&vec![spoilt; 100]));
    let mut cursor = None;
    for _ in 0..10 {
        cursor = Some(cursor_of(&changes(&client, ANNA, None, DAY, cursor.as_deref()).unwrap()));
    }
    assert!(http.requests().len() <= 40, "{}", http.requests().len());
}

fn series(id: &str, more: &str) -> String {
    let master = "<t:UID>series</t:UID><t:CalendarItemType>RecurringMaster</t:CalendarItemType>";
    item(id, "v1", 9, &format!("{master}{more}"))
}

const DAILY: &str = "<t:Recurrence><t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence><t:NoEndRecurrence>\
                     <t:StartDate>2026-03-02</t:StartDate></t:NoEndRecurrence></t:Recurrence>";

#[test]
fn b15_a_server_that_does_not_expand_series_is_noticed_and_all_masters_are_told() {
    let old = item("old", "v1", 8, "<t:CalendarItemType>RecurringMaster</t:CalendarItemType>");
    let pages = found(&[series("m", ""), old.clone(), item("single", "v1", 10, "")].concat());
    let (client, http) = client(good(&[
        found(&[series("m", ""), item("a", "v1", 9, "")].concat()),
        pages,
        got(&[series("m", DAILY), old.replace("</t:CalendarItem>", &format!("{DAILY}</t:CalendarItem>"))]),
    ]));
    take_log();
    let page = changes(&client, ANNA, None, DAY, None).unwrap();
    let mut told = upserts(&page);
    told.sort_unstable();
    assert_eq!(told, ["a", "m", "old"], "what is no series stays with the window");
    let with_series = |c: &Change| matches!(c, Change::Upsert(e) if e.kind == EventKind::Master && e.time.recurrence.is_some());
    assert_eq!(page.changes.iter().filter(|c| with_series(c)).count(), 2);
    assert_eq!(http.left(), 0);
    assert!(take_log().iter().any(|line| line.message.contains("does not expand series")), "reported by name");
}

#[test]
fn b15_the_occurrences_of_such_a_server_are_read_one_by_one() {
    let occurrence = |id: &str| item(id, "v1", 9, "<t:UID>series</t:UID><t:CalendarItemType>Occurrence</t:CalendarItemType>");
    let three_days = Window { start: DAY.start, end: DAY.start + 3 * 86_400_000 };
    let all = ["o1", "o2", "o3"].map(occurrence);
    let (client, http) = client(good(&[got(&[series("m", DAILY)]), got(&all)]));
    let events = crate::series::instances(&client, ANNA, "m", three_days).unwrap();
    assert_eq!(events.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["o1", "o2", "o3"]);
    for index in 1..=3 {
        assert!(body(&http, 1).contains(&format!(r#"RecurringMasterId="m" InstanceIndex="{index}""#)), "{}", body(&http, 1));
    }
}

#[test]
fn b09_a_mailbox_that_cannot_be_read_now_leaves_the_cursor_as_it_is() {
    for code in ["ErrorMailboxMoveInProgress", "ErrorMailboxStoreUnavailable", "ErrorInternalServerError"] {
        let (client, _) = client(good(&[refusal("FindItem", code)]));
        let error = changes(&client, ANNA, None, DAY, Some("1:0 0011223344556677 a\n")).unwrap_err();
        assert_eq!(error.scope, calport_sdk::common::ErrorScope::Mailbox, "{code}");
    }
    let (client, _) = client(good(&[answer("FindItem", &[""])]));
    let page = changes(&client, ANNA, None, DAY, None).unwrap();
    assert!(page.changes.is_empty());
}
