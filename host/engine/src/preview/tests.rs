use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calport_model::event::Response;
use calport_model::{Absence, AbsenceState, Availability, Event, EventKind, OriginalStart, PrivateText, Sensitivity, ShowAs, Span, Window};
use calport_rules::Language;
use calport_rules::presence::{Audience, Config, Profile, State};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use rand::prelude::*;

use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn event(id: &str, start: Timestamp, end: Timestamp) -> Event {
    Event {
        id: id.to_owned(),
        version: String::new(),
        uid: String::new(),
        kind: EventKind::Single,
        span: Span::Timed { start, end },
        zone_assumed: false,
        subject: PrivateText::new(id),
        location: PrivateText::default(),
        show_as: ShowAs::Busy,
        sensitivity: Sensitivity::Normal,
        categories: Vec::new(),
        organizer: None,
        response: Response::None,
        cancelled: false,
    }
}

fn basis(events: Vec<Event>) -> Basis {
    Basis {
        person: "anna".to_owned(),
        events,
        absence: None,
        window: Window { start: time("2026-11-22T00:00Z"), end: time("2026-12-28T00:00Z") },
        presence_zone: TimeZone::get("Europe/Berlin").unwrap(),
        mailbox_zone: TimeZone::get("Europe/Berlin").unwrap(),
        language: Language::ENGLISH,
        rules: Arc::new(Config::default()),
        audience: None,
        overrides: Vec::new(),
        at_sink: BTreeMap::new(),
        signals: Vec::new(),
        verified: Some(time("2026-11-23T08:00Z")),
        reconcile: Duration::from_secs(6 * 3600),
        unknown_after: Some(Duration::from_secs(86_400)),
    }
}

/// Times in Berlin, availability, text, title.
fn told(moments: &[Moment]) -> Vec<String> {
    let local = |at: Timestamp| at.to_zoned(TimeZone::get("Europe/Berlin").unwrap()).strftime("%d %H:%M").to_string();
    let seen = |seen: &Seen| format!("{} {} [{}]", seen.value.availability.as_str(), seen.value.text, seen.title.as_deref().unwrap_or("-"));
    moments.iter().map(|moment| format!("{} - {} {}", local(moment.start), local(moment.end), seen(&moment.seen))).collect()
}

#[test]
fn feat_p13_the_line_says_what_the_sink_will_show_and_when() {
    let basis = basis(vec![event("Weekly", time("2026-11-23T08:00Z"), time("2026-11-23T09:30Z"))]);
    let line = line(&basis, time("2026-11-23T06:00Z"), time("2026-11-24T06:00Z"));
    assert_eq!(
        told(&line),
        [
            "23 07:00 - 23 09:00 available Available until 09:00 (Busy: Weekly) [-]",
            "23 09:00 - 23 10:30 busy Busy: Weekly until 10:30 [Weekly]",
            "23 10:30 - 24 07:00 available Available [-]",
        ]
    );
}

#[test]
fn feat_p13_the_line_ends_with_the_loaded_window_and_claims_nothing_after_it() {
    let basis = basis(Vec::new());
    let end = basis.window.end;
    let reached = line(&basis, end - 2.hours(), end + 48.hours());
    assert_eq!(reached.last().unwrap().end, end);
    assert_eq!(line(&basis, end, end + 24.hours()), [], "nothing is known there");
    assert_eq!(line(&basis, end - 2.hours(), end - 2.hours()), [], "no time at all");
}

#[test]
fn rule_p20_titles_in_a_line_are_masked() {
    let mut secret = event("Zebrafink", time("2026-11-23T08:00Z"), time("2026-11-23T09:30Z"));
    secret.sensitivity = Sensitivity::Private;
    let line = line(&basis(vec![secret]), time("2026-11-23T06:00Z"), time("2026-11-24T06:00Z"));
    assert_eq!(line.len(), 3);
    assert!(!serde_json::to_string(&line).unwrap().contains("Zebrafink"));
}

#[test]
fn feat_x07_a_line_is_its_own_json() {
    let basis = basis(vec![event("Weekly", time("2026-11-23T08:00Z"), time("2026-11-23T09:30Z"))]);
    let line = line(&basis, time("2026-11-23T06:00Z"), time("2026-11-24T06:00Z"));
    let json = serde_json::to_value(&line).unwrap();
    assert_eq!(
        (&json[1]["start"], &json[1]["rule"], &json[1]["layer"]),
        (&"2026-11-23T08:00:00Z".into(), &"P-15 only-event".into(), &"calendar".into())
    );
    assert_eq!(serde_json::from_value::<Vec<Moment>>(json).unwrap(), line);
}

fn seen(word: &str) -> Seen {
    let value = PresenceValue {
        availability: Availability::Busy,
        activity: String::new(),
        text: word.to_owned(),
        until: None,
        greeting: None,
        forwarding: None,
    };
    Seen { value, layer: "calendar".to_owned(), rule: String::new(), title: None }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A line from `start end word` triples.
fn made(parts: &[(i64, i64, &str)]) -> Vec<Moment> {
    parts.iter().map(|&(start, end, word)| Moment { start: second(start), end: second(end), seen: seen(word) }).collect()
}

#[test]
fn rule_p28_boundaries_without_end_or_advance_stop_the_line() {
    let mut asked = 0;
    let endless = walk(second(0), second(1_000_000), 10_000, |at| {
        asked += 1;
        (seen(&at.to_string()), Some(at + SignedDuration::from_secs(1)))
    });
    assert_eq!((asked, endless.len(), endless.last().unwrap().end), (10_000, 10_000, second(10_000)), "cut, and it shows");
    for stuck in [second(3), second(2), second(-9)] {
        let line = walk(second(0), second(100), 10_000, |at| (seen("x"), Some(if at < second(3) { second(3) } else { stuck })));
        assert_eq!(line, made(&[(0, 3, "x")]), "what is claimed ends where the boundary does not advance");
    }
    assert_eq!(walk(second(0), second(100), 10_000, |_| (seen("x"), None)), made(&[(0, 100, "x")]));
}

#[test]
fn rule_p28_a_hostile_calendar_costs_bounded_work() {
    let start = time("2026-11-23T00:00Z");
    let minute = SignedDuration::from_mins(1);
    let events: Vec<Event> = (0..20_000).map(|n| event(&format!("e{n}"), start + minute * n, start + minute * n + minute / 2)).collect();
    let basis = basis(events);
    let reached = line(&basis, start, basis.window.end);
    assert!(!reached.is_empty() && reached.len() <= 250, "{} moments", reached.len());
    assert!(reached.last().unwrap().end < basis.window.end, "the end of the line says that it was cut");
}

/// A week with series, out of office, whole days, an audience and a limit of days ahead.
fn random_basis(rng: &mut StdRng) -> Basis {
    let start = time("2026-11-23T00:00Z");
    let quarter = SignedDuration::from_mins(15);
    let mut events = Vec::new();
    for n in 0..rng.random_range(0..14) {
        let from = start + quarter * rng.random_range(-90..600);
        let mut one = event(&format!("e{n}"), from, from + quarter * *[1, 2, 2, 4, 16, 96, 200].choose(rng).unwrap());
        one.show_as = *[ShowAs::Busy, ShowAs::OutOfOffice, ShowAs::Tentative, ShowAs::WorkingElsewhere, ShowAs::Free].choose(rng).unwrap();
        if rng.random_bool(0.3) {
            one.kind = EventKind::Occurrence { master: "m".to_owned(), original: OriginalStart::Timed(from) };
        }
        if rng.random_bool(0.2) {
            let day = from.to_zoned(TimeZone::UTC).date();
            one.span = Span::AllDay { start: day, end: day + rng.random_range(1..4).days() };
        }
        if rng.random_bool(0.2) {
            one.sensitivity = Sensitivity::Private;
        }
        events.push(one);
    }
    let mut basis = basis(events);
    let mut rules = Config {
        profile: *[Profile::Ranked, Profile::LastEnd, Profile::Promote].choose(rng).unwrap(),
        merge_gap_minutes: *[0, 10].choose(rng).unwrap(),
        recurring_days_ahead: *[None, Some(1), Some(2)].choose(rng).unwrap(),
        ..Config::default()
    };
    let at = start + quarter * rng.random_range(0..200);
    basis.absence = [
        None,
        Some((Absence { state: AbsenceState::Enabled }, start)),
        Some((Absence { state: AbsenceState::Scheduled { start: at, end: at + quarter * 70 } }, start)),
    ]
    .choose(rng)
    .copied()
    .flatten();
    if rng.random_bool(0.4) {
        let set_at = start + quarter * rng.random_range(-20..0);
        rules.manual.dnd.minutes = [None, Some(3000)].choose(rng).copied().flatten();
        rules.manual.dnd.blocks_appointments = rng.random_bool(0.5);
        basis.overrides.push(rules.set_by_hand("o".to_owned(), set_at, State::DoNotDisturb, None, None));
    }
    basis.audience = rng.random_bool(0.3).then(|| Arc::new(Audience { show_subject: false, ..Audience::default() }));
    basis.rules = Arc::new(rules);
    basis
}

#[test]
fn rule_p28_every_instant_of_a_moment_is_as_foreseen_there() {
    for seed in 0..300 {
        let mut rng = StdRng::seed_from_u64(seed);
        let basis = random_basis(&mut rng);
        let (from, to) = (time("2026-11-23T00:00Z"), time("2026-11-30T00:00Z"));
        let line = line(&basis, from, to);
        assert_eq!((line.first().unwrap().start, line.last().unwrap().end), (from, to), "seed {seed}");
        assert!(line.windows(2).all(|pair| pair[0].end == pair[1].start && pair[0].seen != pair[1].seen), "seed {seed}");
        for moment in &line {
            let length = moment.end.duration_since(moment.start);
            let inside = (0..3).map(|_| moment.start + SignedDuration::from_nanos_i128(rng.random_range(0..length.as_nanos())));
            let last = moment.end - SignedDuration::from_nanos(1);
            for at in inside.chain([moment.start, last]) {
                let shown = basis.foreseen(at);
                assert_eq!((&shown.value, &shown.layer), (&moment.seen.value, &moment.seen.layer), "seed {seed} at {at}");
            }
        }
    }
}

#[test]
fn feat_x07_the_difference_is_what_shows_otherwise_and_no_more() {
    let old = made(&[(0, 10, "a"), (10, 20, "b"), (20, 30, "c")]);
    let new = made(&[(0, 5, "a"), (5, 12, "x"), (12, 15, "x"), (15, 20, "b"), (20, 25, "c")]);
    let changes: Vec<(i64, i64, Option<String>, Option<String>)> = difference(&old, &new)
        .into_iter()
        .map(|change| {
            let word = |seen: Option<Seen>| seen.map(|seen| seen.value.text);
            let number = |at: Timestamp| at.as_second() - 1_800_000_000;
            (number(change.start), number(change.end), word(change.before), word(change.after))
        })
        .collect();
    let word = |text: &str| Some(text.to_owned());
    assert_eq!(changes, [(5, 10, word("a"), word("x")), (10, 15, word("b"), word("x")), (25, 30, word("c"), None)]);
    assert_eq!(difference(&old, &old), []);
    let mut same_value = old.clone();
    same_value[1].seen.rule = "P-13.1 keyword".to_owned();
    assert_eq!(difference(&old, &same_value), [], "another rule with the same result shows nothing else");
    assert_eq!(difference(&[], &old).len(), 3);
    assert_eq!(difference(&[], &[]), []);
}

#[test]
fn feat_x07_the_difference_agrees_with_both_lines_at_every_instant() {
    for seed in 0..60 {
        let mut rng = StdRng::seed_from_u64(seed);
        let before = random_basis(&mut rng);
        let mut after = before.clone();
        let mut rules = (*after.rules).clone();
        rules.mapping.tentative = State::Away.into();
        rules.show_subject = false;
        after.rules = Arc::new(rules);
        let (from, to) = (time("2026-11-23T00:00Z"), time("2026-11-27T00:00Z"));
        let changes = difference(&line(&before, from, to), &line(&after, from, to));
        for _ in 0..200 {
            let at = from + SignedDuration::from_secs(rng.random_range(0..4 * 86_400));
            let told = changes.iter().find(|change| change.start <= at && at < change.end);
            let (was, is) = (before.foreseen(at).value, after.foreseen(at).value);
            let expected = (was != is).then_some((was, is));
            let told = told.map(|change| (change.before.clone().unwrap().value, change.after.clone().unwrap().value));
            assert_eq!(told, expected, "seed {seed} at {at}");
        }
    }
}
