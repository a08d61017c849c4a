//! SEMANTICS P-29: determinism and what must not change what.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

mod support;

use calport_model::{AbsenceState, Event, Span};
use calport_rules::presence::{Config, EventKey, OverrideUntil, Profile, State, evaluate};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rand::prelude::*;
use support::random::{Kinds, Week, plus};

const PROFILES: [Profile; 3] = [Profile::Ranked, Profile::LastEnd, Profile::Promote];

fn week(seed: u64, kinds: Kinds) -> (Week, StdRng) {
    let mut rng = StdRng::seed_from_u64(seed);
    (Week::random(&mut rng, kinds), rng)
}

fn all(profile: usize) -> Kinds {
    Kinds { profile: PROFILES[profile], overrides: true, absence: true, merge_gap: true }
}

/// The settings under which the narrower properties hold.
const PLAIN: Kinds = Kinds { profile: Profile::Ranked, overrides: false, absence: false, merge_gap: false };

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rule_p29_the_order_of_events_does_not_matter(seed: u64, profile in 0..3_usize) {
        let (mut week, mut rng) = week(seed, all(profile));
        let now = week.random_moment(&mut rng);
        let before = serde_json::to_string(&evaluate(&week.input(now))).unwrap();
        week.events.shuffle(&mut rng);
        week.overrides.shuffle(&mut rng);
        prop_assert_eq!(before, serde_json::to_string(&evaluate(&week.input(now))).unwrap());
    }

    #[test]
    fn rule_p29_a_lower_ranked_event_does_not_change_the_current_state(seed: u64, kind in 0..4_u8, minutes in 1_i64..3000) {
        let (mut week, mut rng) = week(seed, PLAIN);
        let Some((now, winner)) = won_moment(&week, &mut rng) else { return Ok(()) };
        let mut weaker = Event { id: "weaker".to_owned(), ..winner };
        let Span::Timed { start, end } = weaker.span else { return Ok(()) };
        // Each is weaker by one element of P-13: the severity, the kind, the start, the end.
        weaker.span = match kind {
            1 => Span::AllDay { start: "2000-01-01".parse().unwrap(), end: "2100-01-01".parse().unwrap() },
            2 => Span::Timed { start: plus(start, -minutes), end },
            _ => Span::Timed { start, end: plus(end, minutes) },
        };
        if kind == 0 {
            // Its title keeps the keyword, its show-as leads to nothing stronger.
            let weakest = *week.config.severity.last().unwrap();
            week.config.mapping.no_data = weakest.into();
            weaker.show_as = calport_model::ShowAs::NoData;
        }
        let before = evaluate(&week.input(now)).current;
        week.events.push(weaker);
        let after = evaluate(&week.input(now)).current;
        prop_assert_eq!((&after.target, &after.winner, &after.value.availability), (&before.target, &before.winner, &before.value.availability));
    }

    #[test]
    fn rule_p29_a_weaker_copy_of_the_winner_changes_nothing(seed: u64) {
        let (mut week, mut rng) = week(seed, PLAIN);
        let Some((now, event)) = won_moment(&week, &mut rng) else { return Ok(()) };
        let before = evaluate(&week.input(now));
        week.events.push(Event { id: "zzz".to_owned(), ..event });
        let after = evaluate(&week.input(now));
        prop_assert_eq!(&after.current.value, &before.current.value);
        prop_assert_eq!(&after.current.winner, &before.current.winner);
        prop_assert_eq!(after.segments, before.segments);
        prop_assert_eq!(after.losses.len(), before.losses.len() + 1);
    }

    #[test]
    fn rule_p29_a_shift_of_all_times_shifts_the_output(seed: u64, hours in -200_i64..200, profile in 0..3_usize, minutes in -720_i32..720) {
        let (mut week, mut rng) = week(seed, all(profile));
        week.presence_zone = calport_model::zone::fixed(minutes).unwrap();
        week.mailbox_zone = week.presence_zone.clone();
        let whole_days = week.events.iter().any(|event| matches!(event.span, Span::AllDay { .. }));
        let hours = if whole_days { hours * 24 } else { hours };
        let now = week.random_moment(&mut rng);
        let before = evaluate(&week.input(now));
        shift(&mut week, hours);
        let after = evaluate(&week.input(moved(now, hours)));
        prop_assert_eq!(after.segments.len(), before.segments.len());
        for (a, b) in after.segments.iter().zip(&before.segments) {
            prop_assert_eq!((a.start, a.end, a.until), (moved(b.start, hours), moved(b.end, hours), b.until.map(|until| moved(until, hours))));
            prop_assert_eq!((&a.target, a.layer, a.winner.as_ref().map(|w| &w.id)), (&b.target, b.layer, b.winner.as_ref().map(|w| &w.id)));
        }
        prop_assert_eq!(after.current.value.until, before.current.value.until.map(|until| moved(until, hours)));
        prop_assert_eq!(after.current.reason, before.current.reason);
    }

    #[test]
    fn rule_p29_splitting_an_event_changes_nothing_but_titles(seed: u64, part in 1_i64..99) {
        let (mut week, mut rng) = week(seed, PLAIN);
        let before = evaluate(&week.input(week.start));
        let whole: Vec<usize> = (0..week.events.len()).filter(|&index| matches!(week.events[index].span, Span::Timed { start, end } if end > start)).collect();
        let Some(&index) = whole.choose(&mut rng) else { return Ok(()) };
        let Span::Timed { start, end } = week.events[index].span else { unreachable!() };
        let middle = start.checked_add(SignedDuration::from_secs(end.duration_since(start).as_secs() * part / 100)).unwrap();
        let mut second = week.events[index].clone();
        week.events[index].span = Span::Timed { start, end: middle };
        second.span = Span::Timed { start: middle, end };
        second.id.push('2');
        week.events.push(second);
        let after = evaluate(&week.input(week.start));
        prop_assert_eq!(states(&after.segments), states(&before.segments));
    }

    #[test]
    fn rule_p28_nothing_changes_before_the_boundary(seed: u64, profile in 0..3_usize) {
        let (week, mut rng) = week(seed, all(profile));
        let now = week.random_moment(&mut rng);
        let outcome = evaluate(&week.input(now));
        let boundary = outcome.next_boundary.unwrap();
        let last = boundary.checked_sub(SignedDuration::from_nanos(1)).unwrap();
        let still = evaluate(&week.input(last));
        prop_assert_eq!(still.current.value, outcome.current.value);
        prop_assert_eq!(still.next_boundary, outcome.next_boundary);
    }

    #[test]
    fn rule_p20_no_private_text_leaves(seed: u64, profile in 0..3_usize) {
        let (mut week, mut rng) = week(seed, all(profile));
        for event in &mut week.events {
            if event.sensitivity.is_private() {
                event.subject = calport_model::PrivateText::new(format!("{} MARKER", event.subject.expose()));
            }
        }
        let now = week.random_moment(&mut rng);
        let outcome = evaluate(&week.input(now));
        let explained = calport_rules::presence::explain(&week.input(now));
        let out = format!("{outcome:?}{explained:?}{}{}", serde_json::to_string(&outcome).unwrap(), serde_json::to_string(&explained).unwrap());
        prop_assert!(!out.contains("MARKER"));
    }

    #[test]
    fn rule_p29_hostile_times_do_no_harm(seconds in proptest::collection::vec(proptest::num::i64::ANY, 8), seed: u64, profile in 0..3_usize) {
        let (mut week, _) = week(seed, all(profile));
        let far = |at: usize| Timestamp::from_second(seconds[at] % 377_705_023_201).unwrap_or(Timestamp::MAX);
        for (index, event) in week.events.iter_mut().enumerate().take(3) {
            event.span = match index {
                0 => Span::AllDay { start: jiff::civil::Date::MIN, end: jiff::civil::Date::MAX },
                _ => Span::Timed { start: far(index), end: far(index + 2) },
            };
        }
        let input = calport_rules::presence::Input { now: far(6), horizon: far(7), lookback: far(5), ..week.input(far(6)) };
        evaluate(&input);
    }
}

/// A moment at which an event wins, and the event.
fn won_moment(week: &Week, rng: &mut StdRng) -> Option<(Timestamp, Event)> {
    let segments = evaluate(&week.input(week.start)).segments;
    let won: Vec<_> = segments.iter().filter_map(|segment| Some((segment.start, segment.winner.clone()?))).collect();
    let (now, winner) = won.choose(rng)?.clone();
    let event = week.events.iter().find(|event| EventKey::of(event) == winner)?;
    Some((now, event.clone()))
}

/// Targets with their ends, as if titles did not matter.
fn states(segments: &[calport_rules::presence::Segment]) -> Vec<(String, Timestamp, Timestamp, Option<Timestamp>)> {
    let mut states: Vec<(String, Timestamp, Timestamp, Option<Timestamp>)> = Vec::new();
    for segment in segments {
        let target = segment.target.as_ref().map_or("-".to_owned(), ToString::to_string);
        match states.last_mut() {
            Some(last) if last.0 == target => last.2 = segment.end,
            _ => states.push((target, segment.start, segment.end, segment.until)),
        }
    }
    states
}

fn moved(instant: Timestamp, hours: i64) -> Timestamp {
    plus(instant, hours * 60)
}

fn shift(week: &mut Week, hours: i64) {
    week.start = moved(week.start, hours);
    for event in &mut week.events {
        event.span = match event.span {
            Span::Timed { start, end } => Span::Timed { start: moved(start, hours), end: moved(end, hours) },
            Span::AllDay { start, end } => {
                let days = jiff::Span::new().days(hours / 24);
                Span::AllDay { start: start.checked_add(days).unwrap(), end: end.checked_add(days).unwrap() }
            }
        };
    }
    for manual in &mut week.overrides {
        manual.set_at = moved(manual.set_at, hours);
        manual.ended_at = manual.ended_at.map(|at| moved(at, hours));
        if let OverrideUntil::Time(until) = manual.until {
            manual.until = OverrideUntil::Time(moved(until, hours));
        }
    }
    if let Some(absence) = &mut week.absence
        && let AbsenceState::Scheduled { start, end } = absence.state
    {
        absence.state = AbsenceState::Scheduled { start: moved(start, hours), end: moved(end, hours) };
    }
}

#[test]
fn rule_p13_an_order_that_misses_a_state_in_use_is_refused() {
    let config = Config { severity: vec![State::Away, State::Busy], ..Config::default() };
    let errors = config.validate().unwrap_err();
    assert_eq!(errors.len(), 1, "do not disturb is not in use: {errors:?}");
    assert_eq!(errors[0].field, "severity");
    assert!(errors[0].problem.contains("\"available\" is missing") && errors[0].problem.contains("working_elsewhere"), "{}", errors[0]);
}

#[test]
fn rule_p12_settings_that_cannot_work_are_refused_all_at_once() {
    let config: Config = toml::from_str(
        "must_words = ['Urlaub', 'x']\nmust_not_words = ['URLAUB ']\nmerge_gap_minutes = 11\nignore_prefix = ' *'\ntentative_exceptions = ['']\n\
         severity = ['dnd', 'away', 'away', 'busy', 'available']\n[mapping]\nbusy = 'template:meeting'\n[templates.away]\navailability = 'away'",
    )
    .unwrap();
    let errors = config.validate().unwrap_err();
    let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["mapping.busy", "severity", "must_not_words", "merge_gap_minutes", "ignore_prefix", "tentative_exceptions"]);
    assert!(errors[0].to_string().contains("[templates.meeting], or use one of: away"), "{}", errors[0]);
}

#[test]
fn rule_p12_unknown_targets_and_settings_are_refused_where_they_stand() {
    for (text, part) in [
        ("[mapping]\nbusy = 'bussy'", "\"bussy\" is no target: expected available, busy"),
        ("[mapping]\nbusi = 'busy'", "unknown field `busi`"),
        ("merge_gap = 3", "unknown field `merge_gap`"),
        ("time_format = '12'", "12h"),
        ("[templates.a]\navailability = 'away'\ntext = '{ $titel }'", "$titel"),
    ] {
        let error = toml::from_str::<Config>(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn rule_p12_the_defaults_are_valid_and_survive_a_round_trip() {
    let config = Config::default();
    config.validate().unwrap();
    assert_eq!(toml::from_str::<Config>("").unwrap(), config);
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&written).unwrap(), config);
    assert!(schemars_lists_every_setting(&written));
}

fn schemars_lists_every_setting(written: &str) -> bool {
    let value: serde_json::Value = serde_json::from_str(written).unwrap();
    let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
    value.as_object().unwrap().keys().all(|key| schema["properties"].get(key).is_some())
}
