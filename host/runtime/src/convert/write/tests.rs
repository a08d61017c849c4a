//! What leaves the host as it was meant, and what comes back only if it can be believed.

use jiff::civil;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn timed(start: &str, end: &str, zone: &str) -> Result<calendar::EventTime, ConnectorError> {
    event_time(Span::Timed { start: at(start), end: at(end) }, zone)
}

/// The span as whoever reads it finds it.
fn read(time: &calendar::EventTime) -> Span {
    time::span(&time.span).unwrap().0
}

/// The generated types compare by their output only.
#[track_caller]
fn assert_same(one: &impl std::fmt::Debug, other: &impl std::fmt::Debug) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

#[test]
fn b21_times_are_written_as_wall_times_in_their_zone() {
    let time = timed("2026-07-01T08:00:00Z", "2026-07-01T09:30:00.25Z", "Europe/Berlin").unwrap();
    let zone = common::Zone::Named("Europe/Berlin".to_owned());
    let wall = |local: &str| common::Moment::Wall(common::ZonedTime { local: local.to_owned(), zone: zone.clone() });
    let span = common::TimedSpan { start: wall("2026-07-01T10:00:00"), end: wall("2026-07-01T11:30:00.25") };
    let whole = calendar::EventTime {
        span: common::Span::Timed(span),
        start_zone: Some(zone.clone()),
        end_zone: Some(zone.clone()),
        recurrence: None,
    };
    assert_same(&time, &whole);
    let utc = timed("2026-07-01T08:00:00Z", "2026-07-01T09:00:00Z", "UTC").unwrap();
    assert!(matches!(&utc.span, common::Span::Timed(common::TimedSpan { start: common::Moment::At(1_782_892_800_000), .. })));
    assert!(matches!(utc.start_zone, Some(common::Zone::Utc)));
}

#[test]
fn b21_every_instant_around_a_change_of_the_clocks_comes_back_as_it_was() {
    for (zone, day) in [
        ("Europe/Berlin", "2026-10-25T00:00:00Z"),
        ("Europe/Berlin", "2026-03-29T00:00:00Z"),
        ("America/St_Johns", "2026-11-01T04:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T14:00:00Z"),
        ("Asia/Kathmandu", "2026-01-01T00:00:00Z"),
        ("Pacific/Apia", "2011-12-30T09:00:00Z"),
    ] {
        for quarter in 0..16 {
            let start = at(day) + jiff::SignedDuration::from_mins(15 * quarter);
            let span = Span::Timed { start, end: start + jiff::SignedDuration::from_mins(30) };
            assert_eq!(read(&event_time(span, zone).unwrap()), span, "{zone} {start}");
        }
    }
}

#[test]
fn b20_whole_days_are_written_as_dates() {
    let span = Span::AllDay { start: civil::date(2026, 3, 29), end: civil::date(2026, 3, 30) };
    let time = event_time(span, "Pacific/Apia").unwrap();
    assert_same(&time.span, &common::Span::AllDay(common::DateSpan { start: "2026-03-29".to_owned(), end: "2026-03-30".to_owned() }));
    assert_eq!(read(&time), span);
}

#[test]
fn feat_c02_what_cannot_be_written_is_refused_before_it_is_sent() {
    let field = |result: Result<calendar::EventTime, ConnectorError>| match result.unwrap_err().kind {
        ErrorKind::Invalid { field, .. } => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(timed("2026-07-01T08:00:00Z", "2026-07-01T09:00:00Z", "Mars/Olympus")), "time");
    assert_eq!(field(timed("2026-07-01T09:00:00Z", "2026-07-01T08:00:00Z", "Europe/Berlin")), "time");
    let day = civil::date(2026, 3, 29);
    assert_eq!(field(event_time(Span::AllDay { start: day, end: day }, "Europe/Berlin")), "time");
    assert!(fields(vec![EventField::ShowAs(ShowAs::NoData)]).is_err());
    assert!(category(Category { name: String::new(), colour: None }).is_err());
    assert!(category(Category { name: "Blue".to_owned(), colour: Some(25) }).is_err());
}

#[test]
fn b35_a_draft_is_never_allowed_to_mail() {
    let wish = EventDraft { operation: "op".to_owned(), tag: Some("t".to_owned()), fields: Vec::new() };
    let said = draft(wish).unwrap();
    assert_eq!((said.operation.as_str(), said.tag.as_deref(), said.mail), ("op", Some("t"), calendar::AttendeeMail::Never));
}

#[test]
fn b36_each_field_becomes_itself_and_no_other() {
    let text = || PrivateText::new("x");
    let wishes = vec![
        EventField::Subject(text()),
        EventField::ShowAs(ShowAs::OutOfOffice),
        EventField::Sensitivity(Sensitivity::Private),
        EventField::Categories(vec!["Blue".to_owned()]),
        EventField::Reminder(None),
        EventField::Body(Some(text())),
        EventField::Location(None),
    ];
    let said = fields(wishes).unwrap();
    assert!(matches!(
        said.as_slice(),
        [
            calendar::EventField::Subject(_),
            calendar::EventField::ShowAs(calendar::ShowAs::OutOfOffice),
            calendar::EventField::Sensitivity(common::Sensitivity::Private),
            calendar::EventField::Categories(_),
            calendar::EventField::Reminder(None),
            calendar::EventField::Body(Some(common::TextBody { format: common::TextFormat::Plain, .. })),
            calendar::EventField::Location(None),
        ]
    ));
}

#[test]
fn feat_x02_an_answer_to_a_write_is_checked_and_bounded() {
    let limits = ValueLimits::default();
    let said = |id: &str, version: Option<&str>| common::Written {
        id: id.to_owned(),
        version: version.map(str::to_owned),
        truncated: vec!["subject\n".to_owned(); 2_000],
    };
    let good = written(said("e1", Some("v")), &limits).unwrap();
    assert_eq!((good.id.as_str(), good.version.as_deref(), good.truncated.len()), ("e1", Some("v"), limits.list));
    assert_eq!(good.truncated.first().map(String::as_str), Some("subject "));
    let long = "x".repeat(limits.id + 1);
    for bad in [said("", None), said("e\0", None), said(&long, None), said("e", Some("v\0")), said("e", Some(&long))] {
        assert_eq!(written(bad, &limits).unwrap_err().kind, ErrorKind::Plugin);
    }
}

#[test]
fn feat_x02_categories_with_an_impossible_name_are_left_out() {
    let limits = ValueLimits { items: 4, ..ValueLimits::default() };
    let one = |name: &str, colour| categories::Category { name: name.to_owned(), colour, rgb: String::new() };
    let list = vec![one("Blue", Some(24)), one("", None), one("a\nb", None), one("Odd", Some(25))];
    let (kept, left_out) = super::categories(list.clone(), &limits).unwrap();
    let wanted = [Category { name: "Blue".to_owned(), colour: Some(24) }, Category { name: "Odd".to_owned(), colour: None }];
    assert_eq!((kept.as_slice(), left_out), (wanted.as_slice(), 2));
    assert!(super::categories([list, vec![one("Red", None)]].concat(), &limits).is_err());
}
