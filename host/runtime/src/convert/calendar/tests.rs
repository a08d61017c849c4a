//! Values that no field allows: the item is set aside, the others of the page are used.

use calport_model::Span;

use super::*;

const NOW: i64 = 1_772_352_000_000;

fn timed(start: common::Moment) -> common::Span {
    common::Span::Timed(common::TimedSpan { start, end: common::Moment::At(NOW + 3_600_000) })
}

fn said(id: &str) -> calendar::Event {
    calendar::Event {
        id: id.to_owned(),
        version: "1".to_owned(),
        uid: String::new(),
        owner: None,
        kind: calendar::EventKind::Single,
        time: calendar::EventTime { span: timed(common::Moment::At(NOW)), start_zone: None, end_zone: None, recurrence: None },
        subject: "Meeting".to_owned(),
        body: None,
        location: None,
        show_as: calendar::ShowAs::Busy,
        sensitivity: common::Sensitivity::Normal,
        importance: common::Importance::Normal,
        categories: Vec::new(),
        organizer: None,
        is_organizer: false,
        attendees: Vec::new(),
        response: calendar::Response::None,
        cancelled: false,
        online_meeting: None,
        reminder: None,
        tag: None,
        created: None,
        modified: None,
        extra: Vec::new(),
    }
}

fn at(span: common::Span) -> calendar::Event {
    let mut event = said("e");
    event.time.span = span;
    event
}

fn paged(changes: Vec<calendar::Change>) -> calendar::ChangePage {
    calendar::ChangePage { changes, end: calendar::FeedEnd::Done("c".to_owned()), unreadable: Vec::new() }
}

#[test]
fn feat_x02_a_bad_event_is_set_aside_and_the_others_are_used() {
    let limits = ValueLimits::default();
    let upsert = |id: &str| calendar::Change::Upsert(said(id));
    let long = "x".repeat(limits.id + 1);
    let read = page(
        paged(vec![upsert("first"), upsert(""), upsert("nul\0"), upsert(&long), calendar::Change::Removed(long.clone()), upsert("last")]),
        &limits,
    )
    .unwrap();
    let used: Vec<&str> = read
        .changes
        .iter()
        .map(|change| match change {
            Change::Upsert(event) => event.id.as_str(),
            Change::Removed(id) => id.as_str(),
        })
        .collect();
    assert_eq!(used, ["first", "last"]);
    assert_eq!(read.unreadable.len(), 4);
    assert!(read.unreadable.iter().all(|(id, reason)| id.len() <= limits.name + 3 && !id.contains('\0') && !reason.is_empty()));
}

#[test]
fn feat_x02_times_that_are_none_set_the_event_aside() {
    let wall = |local: &str, zone| timed(common::Moment::Wall(common::ZonedTime { local: local.to_owned(), zone }));
    let offset = |minutes| common::Zone::Custom(common::ZoneDefinition { name: String::new(), standard_offset: minutes, daylight: None });
    let days = |start: &str, end: &str| common::Span::AllDay(common::DateSpan { start: start.to_owned(), end: end.to_owned() });
    let never = common::YearlyTransition { month: 0, weekday: common::Weekday::Monday, occurrence: u8::MAX, minute: u16::MAX };
    let rule = common::DaylightRule { offset: 60, begins: never, ends: never };
    let ruled = common::Zone::Custom(common::ZoneDefinition { name: String::new(), standard_offset: 0, daylight: Some(rule) });
    let nonsense = [
        timed(common::Moment::At(i64::MIN)),
        timed(common::Moment::At(i64::MAX)),
        wall("9999-12-31T23:59:59", common::Zone::Named("America/Los_Angeles".to_owned())),
        wall("2026-02-30T10:00:00", common::Zone::Utc),
        wall("2026-07-01T10:00:00+05:00", common::Zone::Utc),
        wall("2026-07-01T10:00:00", offset(i32::MIN)),
        wall("2026-07-01T10:00:00", ruled),
        days("2026-02-30", "2026-03-01"),
        days("", ""),
        days("2026-03-01", "20260302"),
    ];
    for span in nonsense {
        assert!(event(at(span.clone()), &ValueLimits::default()).is_err(), "{span:?}");
    }
}

#[test]
fn b01_a_place_in_a_series_that_cannot_be_read_sets_the_occurrence_aside() {
    let limits = ValueLimits::default();
    let placed = |master: &str, original| {
        let mut event = said("e");
        event.kind = calendar::EventKind::Exception(calendar::SeriesPlace { master: master.to_owned(), original });
        event
    };
    assert!(event(placed("m", Some(common::OriginalStart::Day("2026-02-30".to_owned()))), &limits).is_err());
    assert!(event(placed("m", Some(common::OriginalStart::Timed(common::Moment::At(i64::MAX)))), &limits).is_err());
    assert!(event(placed("", None), &limits).is_err());
    assert!(event(placed("m", None), &limits).is_ok_and(|e| e.kind.master() == Some("m")));
}

#[test]
fn feat_x02_texts_are_cut_and_cleaned_and_lists_bounded() {
    let limits = ValueLimits::default();
    let mut long = said("e");
    long.subject = "\u{1b}[2J\n\u{202e}".repeat(10_000);
    long.categories = vec!["c".repeat(10_000); limits.list + 1];
    long.location = Some(calendar::Location { name: "ä".repeat(10_000), address: String::new() });
    let read = event(long, &limits).unwrap();
    assert!(read.subject.expose().len() <= limits.text + 3 && !read.subject.expose().contains(['\u{1b}', '\n', '\u{202e}']));
    assert!(read.location.expose().len() <= limits.text + 3);
    assert_eq!(read.categories.len(), limits.list);
    assert!(read.categories.iter().all(|c| c.len() <= limits.name + 3));
}

#[test]
fn feat_x02_pages_and_cursors_are_bounded() {
    let limits = ValueLimits { items: 3, cursor: 10, ..ValueLimits::default() };
    let removed = || calendar::Change::Removed("e".to_owned());
    assert!(page(paged(vec![removed(), removed(), removed()]), &limits).is_ok());
    let too_many = page(paged(vec![removed(), removed(), removed(), removed()]), &limits).unwrap_err();
    assert!(too_many.message.contains("more than 3 changes"), "{}", too_many.message);
    for cursor in ["x".repeat(11), "c\0".to_owned()] {
        let mut long = paged(Vec::new());
        long.end = calendar::FeedEnd::More(cursor);
        assert!(page(long, &limits).is_err());
    }
    assert!(instances(vec![said("e"), said("e"), said("e"), said("e")], &limits).is_err());
    let Instances { events: good, unreadable: bad } = instances(vec![said("e"), said("")], &limits).unwrap();
    assert_eq!((good.len(), bad.len()), (1, 1));
}

#[test]
fn b07_ids_with_one_that_cannot_be_read_are_refused_as_a_whole() {
    // A missing id would pass for a deleted event.
    let one = |id: &str| calendar::IdVersion { id: id.to_owned(), version: String::new() };
    let listed = |list: Vec<calendar::IdVersion>| ids(calendar::IdPage { ids: list, next: None }, &ValueLimits::default());
    assert!(listed(vec![one("a"), one("b")]).is_ok_and(|page| page.ids.len() == 2));
    assert!(listed(vec![one("a"), one("")]).is_err());
    assert!(listed(vec![one("a"), one("b\0")]).is_err());
}

#[test]
fn p01_an_event_that_ends_before_it_begins_is_left_to_the_rules() {
    let mut reversed = said("e");
    reversed.time.span = timed(common::Moment::At(NOW + 7_200_000));
    let read = event(reversed, &ValueLimits::default()).unwrap();
    assert!(matches!(read.span, Span::Timed { start, end } if end < start));
}

#[test]
fn p21a_an_absence_with_an_impossible_time_is_set_aside() {
    let setting = |start, end| absence::AbsenceSetting {
        state: absence::AbsenceState::Scheduled(common::TimedSpan { start: common::Moment::At(start), end: common::Moment::At(end) }),
        internal_reply: None,
        external_reply: None,
        audience: absence::ExternalAudience::None,
    };
    assert!(absence(&setting(NOW, NOW + 1)).is_ok());
    assert!(absence(&setting(NOW, i64::MAX)).is_err());
}
