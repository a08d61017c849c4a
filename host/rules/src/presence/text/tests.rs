use jiff::tz;

use super::*;

fn language(tag: &str) -> Language {
    tag.parse().unwrap()
}

const MONDAY: &str = "2026-05-04T09:00:00+02:00[Europe/Berlin]";

fn at(zoned: &str) -> (Timestamp, TimeZone) {
    let zoned: jiff::Zoned = zoned.parse().unwrap();
    (zoned.timestamp(), zoned.time_zone().clone())
}

fn until_in(language: Language, format: TimeFormat, now: &str, until: &str) -> String {
    let (now, zone) = at(now);
    let until = at(until).0;
    Writer { language, zone: &zone, format, now }.until(until)
}

fn until(language: Language, until: &str) -> String {
    until_in(language, TimeFormat::H24, MONDAY, &format!("{until}[Europe/Berlin]"))
}

#[test]
fn rule_p18_every_language_has_every_message_and_no_other_variable() {
    let ids: Vec<&str> = Language::ENGLISH
        .source()
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    assert!(ids.len() > 40, "{ids:?}");
    let mut args = FluentArgs::new();
    for name in ["state", "title", "until", "text", "next", "time", "weekday", "date", "hour", "hour2", "minute", "period", "month", "year"]
    {
        args.set(name, "x");
    }
    args.set("day", 5);
    for language in Language::all() {
        FluentResource::try_new(language.source().to_owned()).unwrap_or_else(|(_, errors)| panic!("{language}: {errors:?}"));
        let bundle = &BUNDLES[language.index()];
        for id in &ids {
            let message = bundle.get_message(id).and_then(|message| message.value()).unwrap_or_else(|| panic!("{language} lacks {id}"));
            let mut errors = Vec::new();
            assert!(!bundle.format_pattern(message, Some(&args), &mut errors).is_empty());
            assert!(errors.is_empty(), "{language} {id}: {errors:?}");
        }
    }
}

#[test]
fn rule_p19_the_phrase_depends_on_the_days_ahead() {
    let cases = [
        ("2026-05-04T14:00+02", "until 14:00", "bis 14:00", "jusqu’à 14:00", "indtil kl. 14.00"),
        ("2026-05-05T09:00+02", "until Tuesday 09:00", "bis Dienstag 09:00", "jusqu’à mardi 09:00", "indtil tirsdag kl. 09.00"),
        ("2026-05-10T23:59+02", "until Sunday 23:59", "bis Sonntag 23:59", "jusqu’à dimanche 23:59", "indtil søndag kl. 23.59"),
        ("2026-05-11T08:00+02", "until 11 May", "bis 11. Mai", "jusqu’au 11 mai", "indtil 11. maj"),
        ("2026-05-05T00:00+02", "until midnight", "bis Mitternacht", "jusqu’à minuit", "indtil midnat"),
        ("2026-05-06T00:00+02", "until the end of Tuesday", "bis einschließlich Dienstag", "jusqu’à mardi inclus", "til og med tirsdag"),
        ("2026-05-11T00:00+02", "until the end of Sunday", "bis einschließlich Sonntag", "jusqu’à dimanche inclus", "til og med søndag"),
        ("2026-05-12T00:00+02", "until the end of 11 May", "bis einschließlich 11. Mai", "jusqu’au 11 mai inclus", "til og med 11. maj"),
        ("2026-06-02T00:00+02", "until the end of 1 June", "bis einschließlich 1. Juni", "jusqu’au 1er juin inclus", "til og med 1. juni"),
        ("2027-01-15T12:00+01", "until 15 January 2027", "bis 15. Januar 2027", "jusqu’au 15 janvier 2027", "indtil 15. januar 2027"),
    ];
    for (end, english, german, french, danish) in cases {
        assert_eq!(until(Language::ENGLISH, end), english);
        assert_eq!(until(language("de"), end), german);
        assert_eq!(until(language("fr"), end), french);
        assert_eq!(until(language("da"), end), danish);
    }
}

#[test]
fn rule_p18_twelve_hours() {
    let cases = [("14:00", "2pm"), ("14:30", "2:30pm"), ("12:00", "12pm"), ("12:05", "12:05pm"), ("11:59", "11:59am")];
    for (time, written) in cases {
        let end = format!("2026-05-04T{time}+02[Europe/Berlin]");
        assert_eq!(until_in(Language::ENGLISH, TimeFormat::H12, MONDAY, &end), format!("until {written}"));
    }
    let end = "2026-05-05T00:30+02[Europe/Berlin]";
    assert_eq!(until_in(Language::ENGLISH, TimeFormat::H12, MONDAY, end), "until Tuesday 12:30am");
    assert_eq!(until_in(language("de"), TimeFormat::H12, MONDAY, "2026-05-04T14:30+02[Europe/Berlin]"), "bis 2:30 pm");
}

#[test]
fn rule_p19_a_missing_midnight_is_the_end_of_the_day_before() {
    let now = "2018-11-03T10:00-03[America/Sao_Paulo]";
    let first = "2018-11-04T01:00-02[America/Sao_Paulo]";
    assert_eq!(until_in(Language::ENGLISH, TimeFormat::H24, now, first), "until midnight");
    let skipped = "2011-12-31T00:00+14[Pacific/Apia]";
    assert_eq!(until_in(Language::ENGLISH, TimeFormat::H24, "2011-12-29T10:00-10[Pacific/Apia]", skipped), "until midnight");
}

#[test]
fn rule_p19_an_overlap_shows_the_wall_time_of_the_instant() {
    let now = "2026-10-25T01:00+02[Europe/Berlin]";
    for end in ["2026-10-25T02:30+02[Europe/Berlin]", "2026-10-25T02:30+01[Europe/Berlin]"] {
        assert_eq!(until_in(Language::ENGLISH, TimeFormat::H24, now, end), "until 02:30");
    }
}

#[test]
fn rule_p19_the_text_changes_at_the_midnights_where_it_reads_differently() {
    let (now, zone) = at(MONDAY);
    let change =
        |until: &str| next_change(now, at(&format!("{until}[Europe/Berlin]")).0, &zone).map(|at| at.to_zoned(zone.clone()).to_string());
    assert_eq!(change("2026-05-04T14:00+02"), None);
    assert_eq!(change("2026-05-07T14:00+02").unwrap(), "2026-05-07T00:00:00+02:00[Europe/Berlin]");
    assert_eq!(change("2026-05-20T14:00+02").unwrap(), "2026-05-14T00:00:00+02:00[Europe/Berlin]");
    assert_eq!(change("2026-05-12T00:00+02").unwrap(), "2026-05-05T00:00:00+02:00[Europe/Berlin]");
    assert_eq!(change("2027-06-20T14:00+02").unwrap(), "2027-01-01T00:00:00+01:00[Europe/Berlin]");
}

#[test]
fn rule_p19_the_text_is_constant_up_to_its_change() {
    let zone = tz::TimeZone::get("America/St_Johns").unwrap();
    let until: Timestamp = "2026-11-12T02:30:00Z".parse().unwrap();
    let mut now: Timestamp = "2026-10-20T00:00:00Z".parse().unwrap();
    let text = |now| Writer { language: Language::ENGLISH, zone: &zone, format: TimeFormat::H24, now }.until(until);
    while now < until {
        let change = next_change(now, until, &zone).unwrap_or(until);
        let last = change.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap();
        assert_eq!(text(now), text(last));
        if change < until {
            assert_ne!(text(last), text(change), "{change}");
        }
        now = change;
    }
}
