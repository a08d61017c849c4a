//! States set by hand by the rules of their state, live signals and the order of layers, and how far series are looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

mod support;

use calport_model::{Event, EventKind, OriginalStart};
use calport_rules::Language;
use calport_rules::presence::{Config, Input, LayerOrder, Override, OverrideUntil, ReasonCode, State, Target, evaluate, explain};
use jiff::{SignedDuration, Timestamp};
use support::{busy, instant, zone};

fn at(time: &str) -> Timestamp {
    instant(&format!("2026-05-04T{time}"), &zone("Europe/Berlin"))
}

fn rules(text: &str) -> Config {
    let config: Config = toml::from_str(text).unwrap();
    config.validate().unwrap();
    config
}

fn set(config: &Config, state: State, until: Option<Timestamp>) -> Override {
    config.set_by_hand("o".to_owned(), at("10:00"), state, Some("Back soon".to_owned()), until)
}

/// What is shown at a time, and when the override ends.
fn shown(config: &Config, manual: &Override, events: &[Event], time: &str) -> (String, Option<Timestamp>) {
    let zone = zone("Europe/Berlin");
    let outcome = evaluate(&Input {
        events,
        absence: None,
        now: at(time),
        horizon: instant("2026-05-18T00:00", &zone),
        lookback: instant("2026-05-03T00:00", &zone),
        presence_zone: &zone,
        mailbox_zone: &zone,
        language: Language::ENGLISH,
        config,
        overrides: std::slice::from_ref(manual),
    });
    (outcome.current.value.text, outcome.overrides[0].end)
}

#[test]
fn rule_p24_without_a_rule_a_state_set_by_hand_holds_until_the_next_start() {
    let config = Config::default();
    for state in State::ALL {
        let manual = set(&config, state, None);
        assert_eq!((manual.until, manual.blocks_appointments, manual.ended_at), (OverrideUntil::NextStart, false, None));
        assert_eq!(
            (manual.target, manual.note.as_deref(), manual.greeting, manual.forwarding),
            (Target::State(state), Some("Back soon"), None, None)
        );
    }
    let told = set(&config, State::Away, Some(at("11:00")));
    assert_eq!(told.until, OverrideUntil::Time(at("11:00")), "the end that the sink tells holds");
}

#[test]
fn rule_p24_each_state_has_its_own_rule() {
    let config =
        rules("[manual.dnd]\nminutes = 45\ngreeting = 'do-not-disturb'\n[manual.away]\nblocks_appointments = true\nforwarding = 'mobile'");
    let dnd = set(&config, State::DoNotDisturb, None);
    assert_eq!((dnd.until, dnd.greeting.as_deref(), dnd.forwarding), (OverrideUntil::Time(at("10:45")), Some("do-not-disturb"), None));
    let away = set(&config, State::Away, None);
    assert_eq!(
        (away.until, away.blocks_appointments, away.greeting, away.forwarding.as_deref()),
        (OverrideUntil::Cleared, true, None, Some("mobile"))
    );
    assert_eq!(set(&config, State::Busy, None).until, OverrideUntil::NextStart);
}

#[test]
fn rule_p24_the_earlier_of_the_sinks_end_and_the_limit_holds() {
    let config = rules("[manual.dnd]\nminutes = 60");
    let until = |end: &str| set(&config, State::DoNotDisturb, Some(at(end))).until;
    assert_eq!(until("10:30"), OverrideUntil::Time(at("10:30")));
    assert_eq!(until("11:30"), OverrideUntil::Time(at("11:00")));
    let late = config.set_by_hand("o".to_owned(), Timestamp::MAX, State::DoNotDisturb, None, None);
    assert_eq!(late.until, OverrideUntil::NextStart, "an end that no clock can show is none");
}

#[test]
fn rule_p22_a_start_ends_a_limited_state_sooner_unless_it_blocks_appointments() {
    let meeting = [busy("Meeting", at("10:20"), at("11:30"))];
    let limited = rules("[manual.dnd]\nminutes = 60");
    let manual = set(&limited, State::DoNotDisturb, None);
    assert_eq!(shown(&limited, &manual, &meeting, "10:10").1, Some(at("10:20")));
    assert_eq!(shown(&limited, &manual, &meeting, "10:20").0, "Busy: Meeting until 11:30");
    let blocking = rules("[manual.dnd]\nminutes = 60\nblocks_appointments = true");
    let manual = set(&blocking, State::DoNotDisturb, None);
    assert_eq!(
        shown(&blocking, &manual, &meeting, "10:20"),
        ("Do not disturb: Back soon until 11:00 (Busy: Meeting)".to_owned(), Some(at("11:00")))
    );
    assert_eq!(shown(&blocking, &manual, &meeting, "11:00").0, "Busy: Meeting until 11:30", "what still runs comes back");
    let endless = rules("[manual.dnd]\nblocks_appointments = true");
    let manual = set(&endless, State::DoNotDisturb, None);
    assert_eq!(shown(&endless, &manual, &meeting, "12:00"), ("Do not disturb: Back soon".to_owned(), None));
}

#[test]
fn rule_p24_manual_rules_refuse_what_they_do_not_know_and_survive_a_round_trip() {
    for wrong in ["[manual.dnd]\nminute = 5", "[manual.lunch]\nminutes = 5", "[manual.dnd]\nminutes = -5"] {
        assert!(toml::from_str::<Config>(wrong).is_err(), "{wrong}");
    }
    let config = rules("[manual.dnd]\nminutes = 45\nblocks_appointments = true\ngreeting = 'g'\nforwarding = 'f'");
    assert_eq!(serde_json::from_value::<Config>(serde_json::to_value(&config).unwrap()).unwrap(), config);
}

/// The fields that are refused, with the problem of the first.
fn refused(text: &str) -> (Vec<String>, String) {
    let errors = toml::from_str::<Config>(text).unwrap().validate().unwrap_err();
    let first = errors[0].to_string();
    (errors.into_iter().map(|error| error.field).collect(), first)
}

#[test]
fn rule_p25_the_call_signal_with_a_state_or_a_template_is_good() {
    rules("[signals]\ncall = 'busy'");
    rules("layers = ['override', 'oof-wins', 'calendar', 'call', 'oof-base']\n[signals]\ncall = 'dnd'");
    rules("[signals]\ncall = 'template:phone'\n[templates.phone]\navailability = 'busy'");
    assert!(Config::default().signals.is_empty(), "no signal is read by default");
}

#[test]
fn rule_p25_signals_that_can_never_show_are_refused_with_the_remedy() {
    let (fields, problem) = refused("[signals]\ncalls = 'busy'");
    assert_eq!(fields, ["signals.calls", "signals.calls"], "neither a signal nor a layer");
    assert!(problem.contains("no live signal \"calls\"") && problem.contains("\"call\""), "{problem}");
    let (fields, problem) = refused("[signals]\ncall = 'template:phone'");
    assert_eq!(fields, ["signals.call"]);
    assert!(problem.contains("no template \"phone\"") && problem.contains("[templates.phone]"), "{problem}");
    let (fields, problem) = refused("layers = ['override', 'oof-wins', 'calendar', 'oof-base']\n[signals]\ncall = 'busy'");
    assert_eq!(fields, ["signals.call"]);
    assert!(problem.contains("does not stand in `layers`"), "{problem}");
}

#[test]
fn rule_p25_every_mistake_of_the_order_is_told() {
    let order = |names: &[&str]| LayerOrder(names.iter().map(|name| (*name).to_owned()).collect()).validate();
    order(&["call", "override", "oof-wins", "calendar", "oof-base"]).unwrap();
    order(&["override", "oof-wins", "calendar", "oof-base"]).unwrap();
    for (names, mistakes) in [
        (&["call", "override", "calendar", "oof-wins", "oof-base"][..], 1),
        (&["override", "override", "oof-wins", "calendar", "oof-base"], 1),
        (&["call", "call", "override", "calendar", "oof-base"], 2),
        (&[], 1),
    ] {
        let errors = order(names).unwrap_err();
        assert_eq!(errors.len(), mistakes, "{names:?}: {errors:?}");
        assert!(errors.iter().all(|error| error.field == "layers" && !error.remedy.is_empty()), "{errors:?}");
    }
    let (fields, _) = refused("layers = ['call']");
    assert_eq!(fields, ["layers"], "an order is judged where no signal is used, too");
}

#[test]
fn feat_c10_no_days_at_all_are_refused() {
    let (fields, problem) = refused("recurring_days_ahead = 0");
    assert_eq!(fields, ["recurring_days_ahead"]);
    assert!(problem.contains("hide every series"), "{problem}");
    rules("recurring_days_ahead = 1");
}

/// Members of a series at nine on this and the next days.
fn series(days: i64) -> Vec<Event> {
    let day = |n: i64| at("09:00") + SignedDuration::from_hours(24 * n);
    let member = |n: i64| {
        let mut event = busy(&format!("day{n}"), day(n), day(n) + SignedDuration::from_hours(1));
        let original = OriginalStart::Timed(day(n));
        event.kind = match n % 2 {
            0 => EventKind::Occurrence { master: "m".to_owned(), original },
            _ => EventKind::Exception { master: "m".to_owned(), original },
        };
        event
    };
    (0..days).map(member).collect()
}

#[test]
fn feat_c10_exceptions_of_series_are_limited_as_occurrences_are_and_explained() {
    let config = rules("recurring_days_ahead = 2");
    let (events, zone) = (series(6), zone("Europe/Berlin"));
    let input = Input {
        events: &events,
        absence: None,
        now: at("08:00"),
        horizon: instant("2026-05-18T00:00", &zone),
        lookback: instant("2026-05-03T00:00", &zone),
        presence_zone: &zone,
        mailbox_zone: &zone,
        language: Language::ENGLISH,
        config: &config,
        overrides: &[],
    };
    let outcome = evaluate(&input);
    let dropped: Vec<&str> = outcome.drops.iter().map(|drop| drop.event.id.as_str()).collect();
    assert_eq!(dropped, ["day3", "day4", "day5"]);
    assert!(outcome.drops.iter().all(|drop| drop.reason == ReasonCode::RecurringDaysAhead));
    let listed: Vec<String> = explain(&input).listed.into_iter().map(|listed| listed.appointment.event.id).collect();
    assert_eq!(listed, ["day0", "day1", "day2"]);
    let later = Input { now: at("08:00") + SignedDuration::from_hours(24), ..input };
    assert_eq!(evaluate(&later).drops.len(), 2, "each day one more comes into sight");
}

#[test]
fn feat_c10_rule_p28_the_boundary_lies_ahead_where_the_clock_goes_back_over_midnight() {
    // There, in that year, 00:01 became 23:01 of the day before.
    let zone = zone("America/St_Johns");
    let config = rules("recurring_days_ahead = 1");
    let now: Timestamp = "2006-10-29T02:45:00Z".parse().unwrap();
    let mut far = busy("far", now + SignedDuration::from_hours(100), now + SignedDuration::from_hours(101));
    far.kind = EventKind::Occurrence { master: "m".to_owned(), original: OriginalStart::Timed(now) };
    let input = Input {
        events: &[far],
        absence: None,
        now,
        horizon: now + SignedDuration::from_hours(240),
        lookback: now - SignedDuration::from_hours(24),
        presence_zone: &zone,
        mailbox_zone: &zone,
        language: Language::ENGLISH,
        config: &config,
        overrides: &[],
    };
    assert_eq!(zone.to_datetime(now).to_string(), "2006-10-28T23:15:00", "the second time that it is a quarter past eleven");
    assert!(evaluate(&input).next_boundary.unwrap() > now);
}
