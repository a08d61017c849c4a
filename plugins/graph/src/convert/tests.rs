use calport_sdk::common::{DateSpan, Moment, OriginalStart, Sensitivity, Span, TimedSpan, Weekday, Zone, ZonedTime};

use super::*;
use crate::bindings::exports::calport::connector::calendar::{
    MonthlyNthPattern, RecurrenceEnd, RecurrencePattern, WeeklyPattern, YearlyPattern,
};

const UTC_HOUR: &str = r#""start":{"dateTime":"2026-03-29T10:00:00.0000000","timeZone":"UTC"},
    "end":{"dateTime":"2026-03-29T11:00:00.0000000","timeZone":"UTC"}"#;

fn read(json: &str) -> Result<Event, (ItemId, String)> {
    event(serde_json::from_str(json).unwrap(), false)
}

fn event_with(members: &str) -> Event {
    read(&format!(r#"{{"id":"e1",{UTC_HOUR},{members}}}"#)).unwrap()
}

#[test]
fn rule_p03_show_as_that_is_unknown_or_absent_is_no_data() {
    for (word, expected) in [
        ("free", ShowAs::Free),
        ("tentative", ShowAs::Tentative),
        ("busy", ShowAs::Busy),
        ("oof", ShowAs::OutOfOffice),
        ("workingElsewhere", ShowAs::WorkingElsewhere),
        ("unknown", ShowAs::NoData),
        ("focusTime", ShowAs::NoData),
    ] {
        assert_eq!(event_with(&format!(r#""showAs":"{word}""#)).show_as, expected, "{word}");
    }
    assert_eq!(event_with(r#""showAs":null"#).show_as, ShowAs::NoData);
}

#[test]
fn rule_p20_an_unknown_sensitivity_is_private() {
    assert_eq!(event_with(r#""sensitivity":"secretSquirrel""#).sensitivity, Sensitivity::Private);
    assert_eq!(event_with(r#""sensitivity":"personal""#).sensitivity, Sensitivity::Personal);
}

#[test]
fn b20_all_day_events_are_dates_and_never_converted() {
    let json = r#"{"id":"e1","isAllDay":true,"start":{"dateTime":"2026-03-29T00:00:00.0000000","timeZone":"UTC"},
        "end":{"dateTime":"2026-03-31T00:00:00.0000000","timeZone":"UTC"}}"#;
    let span = Span::AllDay(DateSpan { start: "2026-03-29".into(), end: "2026-03-31".into() });
    assert_eq!(read(json).unwrap().time.span, span);
}

#[test]
fn times_are_instants_in_utc_and_wall_times_elsewhere() {
    let at = Span::Timed(TimedSpan { start: Moment::At(1_774_778_400_000), end: Moment::At(1_774_782_000_000) });
    assert_eq!(event_with(r#""type":"singleInstance""#).time.span, at);
    let json = UTC_HOUR.replace("UTC", "W. Europe Standard Time");
    let event = read(&format!(r#"{{"id":"e1",{json}}}"#)).unwrap();
    let zone = Zone::Named("W. Europe Standard Time".into());
    let Span::Timed(span) = event.time.span else { panic!("timed") };
    assert_eq!(span.start, Moment::Wall(ZonedTime { local: "2026-03-29T10:00:00".into(), zone }));
}

#[test]
fn b01_an_exception_has_its_original_start_and_an_unmoved_occurrence_may_lack_it() {
    let exception = event_with(r#""type":"exception","seriesMasterId":"m","originalStart":"2026-03-28T10:00:00Z""#);
    let original = Some(OriginalStart::Timed(Moment::At(1_774_692_000_000)));
    assert_eq!(exception.kind, EventKind::Exception(SeriesPlace { master: "m".into(), original }));
    let occurrence = event_with(r#""type":"occurrence","seriesMasterId":"m""#);
    assert_eq!(occurrence.kind, EventKind::Occurrence(SeriesPlace { master: "m".into(), original: None }));
    let lost = read(&format!(r#"{{"id":"e1",{UTC_HOUR},"type":"exception","seriesMasterId":"m"}}"#)).unwrap_err();
    assert_eq!(lost.0, "e1");
    let homeless = read(&format!(r#"{{"id":"e1",{UTC_HOUR},"type":"occurrence"}}"#)).unwrap_err();
    assert!(homeless.1.contains("series master"));
}

#[test]
fn b20_an_all_day_exception_stood_on_a_date() {
    let json = r#"{"id":"e1","isAllDay":true,"type":"exception","seriesMasterId":"m","originalStart":"2026-03-28T23:00:00Z",
        "start":{"dateTime":"2026-03-30T00:00:00.0000000","timeZone":"UTC"},
        "end":{"dateTime":"2026-03-31T00:00:00.0000000","timeZone":"UTC"}}"#;
    let EventKind::Exception(place) = read(json).unwrap().kind else { panic!("exception") };
    assert_eq!(place.original, Some(OriginalStart::Day("2026-03-29".into())), "a midnight of Berlin");
}

#[test]
fn versions_are_etags_and_change_keys_make_them() {
    assert_eq!(version(Some("W/\"k\"".into()), Some("k")), "W/\"k\"");
    assert_eq!(version(None, Some("k")), "W/\"k\"");
    assert_eq!(version(None, None), "");
}

#[test]
fn people_places_and_the_rest_are_read() {
    let got = event_with(
        r#""@odata.etag":"W/\"x\"","iCalUId":"u","subject":"S","importance":"high","categories":["Red"],
        "organizer":{"emailAddress":{"name":"O","address":"o@example.com"}},"isOrganizer":false,"isCancelled":true,
        "attendees":[{"type":"optional","status":{"response":"tentativelyAccepted"},"emailAddress":{"address":"a@example.com"}},
                     {"type":"resource","emailAddress":{"name":"Room"}}],
        "responseStatus":{"response":"declined"},"location":{"displayName":"R1","locationEmailAddress":"r1@example.com"},
        "onlineMeeting":{"joinUrl":"https://meet.example/1"},"onlineMeetingProvider":"teamsForBusiness",
        "isReminderOn":true,"reminderMinutesBeforeStart":15,"createdDateTime":"2026-01-01T00:00:00Z",
        "originalStartTimeZone":"W. Europe Standard Time","originalEndTimeZone":"tzone://Microsoft/Utc",
        "body":{"contentType":"html","content":"<p>"}"#,
    );
    assert_eq!((got.version.as_str(), got.uid.as_str(), got.subject.as_str()), ("W/\"x\"", "u", "S"));
    assert_eq!(got.response, Response::Declined);
    assert!(got.cancelled && !got.is_organizer);
    assert_eq!(got.attendees[0].role, AttendeeRole::Optional);
    assert_eq!(got.attendees[0].response, Response::Tentative);
    assert_eq!(got.attendees[1].who.name, "Room");
    assert_eq!(got.location.unwrap().address, "r1@example.com");
    assert_eq!(got.online_meeting.unwrap().url, "https://meet.example/1");
    assert_eq!(got.reminder, Some(15));
    assert_eq!(got.created, Some(1_767_225_600_000));
    assert_eq!(got.time.start_zone, Some(Zone::Named("W. Europe Standard Time".into())));
    assert_eq!(got.time.end_zone, Some(Zone::Utc));
    assert_eq!(got.body, None, "bodies are not wanted");
    assert_eq!(event_with(r#""location":{"displayName":""}"#).location, None);
}

fn series(pattern: &str, range: &str) -> Result<Event, (ItemId, String)> {
    read(&format!(
        r#"{{"id":"m",{UTC_HOUR},"type":"seriesMaster","originalStartTimeZone":"Pacific Standard Time",
        "recurrence":{{"pattern":{{{pattern}}},"range":{{"startDate":"2026-03-29",{range}}}}}}}"#
    ))
}

#[test]
fn p02_a_series_keeps_its_zone_and_b18_an_unreadable_pattern_is_kept_in_words() {
    let weekly = series(
        r#""type":"weekly","interval":2,"daysOfWeek":["Monday","friday"],"firstDayOfWeek":"monday""#,
        r#""type":"noEnd","recurrenceTimeZone":"W. Europe Standard Time""#,
    );
    let recurrence = weekly.unwrap().time.recurrence.unwrap();
    let days = vec![Weekday::Monday, Weekday::Friday];
    let pattern = RecurrencePattern::Weekly(WeeklyPattern { interval: 2, days, week_start: Weekday::Monday });
    assert_eq!(recurrence.pattern, pattern);
    assert_eq!(recurrence.zone, Zone::Named("W. Europe Standard Time".into()));
    let strange = series(r#""type":"lunar","interval":1"#, r#""type":"numbered","numberOfOccurrences":3"#).unwrap();
    let recurrence = strange.time.recurrence.unwrap();
    assert_eq!(recurrence.pattern, RecurrencePattern::Unreadable("lunar".into()));
    assert_eq!(recurrence.end, RecurrenceEnd::Count(3));
    assert_eq!(recurrence.zone, Zone::Named("Pacific Standard Time".into()), "that of its start");
}

#[test]
fn patterns_by_month_and_year_are_read() {
    let until = r#""type":"endDate","endDate":"2027-01-01""#;
    let nth = series(r#""type":"relativeMonthly","interval":1,"daysOfWeek":["tuesday"],"index":"last""#, until).unwrap();
    let recurrence = nth.time.recurrence.unwrap();
    let days = vec![Weekday::Tuesday];
    assert_eq!(recurrence.pattern, RecurrencePattern::MonthlyNth(MonthlyNthPattern { interval: 1, nth: 5, days }));
    assert_eq!(recurrence.end, RecurrenceEnd::Until("2027-01-01".into()));
    let yearly = series(r#""type":"absoluteYearly","interval":1,"month":2,"dayOfMonth":29"#, until).unwrap();
    let expected = RecurrencePattern::Yearly(YearlyPattern { interval: 1, month: 2, day: 29 });
    assert_eq!(yearly.time.recurrence.unwrap().pattern, expected);
    let wrong = series(r#""type":"absoluteMonthly","interval":0,"dayOfMonth":40"#, until).unwrap();
    assert!(matches!(wrong.time.recurrence.unwrap().pattern, RecurrencePattern::Unreadable(_)));
    assert!(series(r#""type":"daily""#, r#""type":"numbered""#).is_err());
}
