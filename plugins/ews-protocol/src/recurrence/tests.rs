//! Round trips of every pattern, and patterns that cannot be read or written.

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;

const RULES: Rules = Rules { regenerating: true, week_start: true };

fn read_text(inner: &str) -> Result<Recurrence, String> {
    let text = format!("<Recurrence>{inner}</Recurrence>");
    let mut scanner = Scanner::new(&text);
    scanner.root().unwrap();
    read(&mut scanner).unwrap()
}

fn weekdays() -> Vec<Weekday> {
    words::WEEKDAYS.map(|(day, _)| day).to_vec()
}

fn group_of_days() -> impl Strategy<Value = Vec<Weekday>> {
    prop_oneof![
        proptest::sample::select(weekdays()).prop_map(|day| vec![day]),
        Just(WORKDAYS.to_vec()),
        Just(WEEKEND.to_vec()),
        Just(weekdays()),
    ]
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let interval = 1..=999_u32;
    let unit = proptest::sample::select(vec![Regeneration::Daily, Regeneration::Weekly, Regeneration::Monthly, Regeneration::Yearly]);
    prop_oneof![
        interval.clone().prop_map(|interval| Pattern::Daily { interval }),
        (interval.clone(), subsequence(weekdays(), 1..=7), proptest::option::of(proptest::sample::select(weekdays())))
            .prop_map(|(interval, days, week_start)| Pattern::Weekly { interval, days, week_start }),
        (interval.clone(), 1..=31_u8).prop_map(|(interval, day)| Pattern::Monthly { interval, day }),
        (interval.clone(), 1..=5_u8, group_of_days()).prop_map(|(interval, nth, days)| Pattern::MonthlyNth { interval, nth, days }),
        (1..=12_u8, 1..=31_u8).prop_map(|(month, day)| Pattern::Yearly { month, day }),
        (1..=12_u8, 1..=5_u8, group_of_days()).prop_map(|(month, nth, days)| Pattern::YearlyNth { month, nth, days }),
        (interval, unit).prop_map(|(interval, unit)| Pattern::Regenerating { interval, unit }),
    ]
}

fn dates() -> impl Strategy<Value = Date> {
    (1900..2200_i32, 1..=12_u8, 1..=28_u8).prop_map(|(year, month, day)| format!("{year}-{month:02}-{day:02}"))
}

fn ends() -> impl Strategy<Value = RecurrenceEnd> {
    prop_oneof![Just(RecurrenceEnd::Never), dates().prop_map(RecurrenceEnd::Until), (1..=999_u32).prop_map(RecurrenceEnd::Count)]
}

proptest! {
    #[test]
    fn b18_every_pattern_comes_back(pattern in patterns(), start in dates(), end in ends()) {
        let recurrence = Recurrence { pattern, start, end };
        let mut writer = Writer::document();
        write(&mut writer, &recurrence, RULES).unwrap();
        let bytes = writer.into_bytes();
        let mut scanner = Scanner::new(std::str::from_utf8(&bytes).unwrap());
        scanner.root().unwrap();
        prop_assert_eq!(read(&mut scanner).unwrap().unwrap(), recurrence);
    }
}

#[test]
fn b18_an_unknown_pattern_is_kept_by_its_name_and_never_written() {
    let lunar = read_text("<LunarRecurrence/><NoEndRecurrence><StartDate>2026-01-01Z</StartDate></NoEndRecurrence>").unwrap();
    assert_eq!(lunar.pattern, Pattern::Unreadable("LunarRecurrence".into()));
    assert!(write(&mut Writer::fragment(), &lunar, RULES).is_err());
    let wrong = read_text(
        "<AbsoluteMonthlyRecurrence><DayOfMonth>40</DayOfMonth></AbsoluteMonthlyRecurrence>
         <NoEndRecurrence><StartDate>2026-01-01</StartDate></NoEndRecurrence>",
    );
    assert_eq!(wrong.unwrap().pattern, Pattern::Unreadable("AbsoluteMonthlyRecurrence".into()));
}

proptest! {
    #[test]
    fn days_come_in_order_and_each_fits_its_pattern(pattern in patterns(), start in dates()) {
        let series = Recurrence { pattern: pattern.clone(), start: start.clone(), end: RecurrenceEnd::Never };
        let days: Vec<SeriesDay> = series.days().take(50).collect();
        prop_assert!(days.windows(2).all(|two| two[0].day < two[1].day && two[0].index + 1 == two[1].index));
        prop_assert!(days.first().is_none_or(|first| first.index == 1 && first.day.to_string() >= start));
        prop_assert_eq!(days.is_empty(), matches!(pattern, Pattern::Regenerating { .. }));
    }
}

#[test]
fn a_range_without_its_values_is_said_to_lack_them() {
    let daily = "<DailyRecurrence><Interval>1</Interval></DailyRecurrence>";
    let lacks = |range: &str| read_text(&format!("{daily}{range}")).unwrap_err();
    assert!(lacks("").contains("range"));
    assert!(lacks("<NoEndRecurrence/>").contains("first day"));
    assert!(lacks("<EndDateRecurrence><StartDate>2026-01-01</StartDate></EndDateRecurrence>").contains("end"));
}

#[test]
fn b18_what_ews_lacks_is_refused_and_never_bent() {
    let series = |pattern| Recurrence { pattern, start: "2026-01-01".into(), end: RecurrenceEnd::Never };
    let refused = |pattern| write(&mut Writer::fragment(), &series(pattern), Rules { regenerating: false, week_start: true }).is_err();
    assert!(refused(Pattern::MonthlyNth { interval: 1, nth: 1, days: vec![Weekday::Monday, Weekday::Friday] }));
    assert!(refused(Pattern::Regenerating { interval: 1, unit: Regeneration::Daily }));
    assert!(refused(Pattern::Weekly { interval: 1, days: Vec::new(), week_start: None }));
    assert!(refused(Pattern::Daily { interval: 0 }));
    assert!(refused(Pattern::YearlyNth { month: 13, nth: 1, days: vec![Weekday::Monday] }));
    let endless = Recurrence { end: RecurrenceEnd::Count(0), ..series(Pattern::Daily { interval: 1 }) };
    assert!(write(&mut Writer::fragment(), &endless, RULES).is_err());
}
