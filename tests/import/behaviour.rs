//! With the imported rules presence is what the product shows.

use calport_config::Config;
use calport_model::event::{Participant, Response};
use calport_model::{Absence, AbsenceState, Event, EventKind, PrivateText, Sensitivity, ShowAs, Span};
use calport_rules::presence::{Current, Input, Override, evaluate};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::config;

/// Monday, 2026-05-04, in UTC.
fn at(time: &str) -> Timestamp {
    let local: DateTime = format!("2026-05-04T{time}").parse().unwrap();
    TimeZone::UTC.to_timestamp(local).unwrap()
}

fn event(subject: &str, show_as: ShowAs, from: &str, to: &str) -> Event {
    Event {
        id: subject.to_owned(),
        version: String::new(),
        uid: String::new(),
        kind: EventKind::Single,
        span: Span::Timed { start: at(from), end: at(to) },
        zone_assumed: false,
        subject: PrivateText::new(subject),
        location: PrivateText::default(),
        show_as,
        sensitivity: Sensitivity::Normal,
        categories: Vec::new(),
        organizer: None::<Participant>,
        response: Response::None,
        cancelled: false,
    }
}

fn shown(config: &Config, events: &[Event], absence: Option<Absence>, overrides: &[Override], now: &str) -> Current {
    let flow = &config.flows[0];
    let input = Input {
        events,
        absence,
        now: at(now),
        horizon: at("00:00") + jiff::SignedDuration::from_hours(24 * i64::from(config.host.window_days_ahead)),
        lookback: at("00:00"),
        presence_zone: &TimeZone::UTC,
        mailbox_zone: &TimeZone::UTC,
        language: config.host.language.parse().unwrap(),
        config: &config.rules[&flow.rules],
        overrides,
    };
    evaluate(&input).current
}

fn text(config: &Config, events: &[Event], now: &str) -> String {
    shown(config, events, None, &[], now).value.text
}

fn availability(config: &Config, events: &[Event], now: &str) -> String {
    shown(config, events, None, &[], now).value.availability.as_str().to_owned()
}

fn by(mut event: Event, address: &str) -> Event {
    event.organizer = Some(Participant { address: address.to_owned(), ..Participant::default() });
    event
}

#[test]
fn feat_p07_innovaphone_writes_what_its_manual_says() {
    let events = [event("Homeoffice", ShowAs::WorkingElsewhere, "08:00", "18:00"), event("Meeting", ShowAs::Busy, "14:00", "15:00")];
    let english = config("innovaphone", "");
    assert_eq!(text(&english, &events, "09:00"), "Homeoffice until 2pm (Busy: Meeting)");
    assert_eq!(text(&english, &events[1..], "09:00"), "Available until 2pm (Busy: Meeting)");
    let german = config("innovaphone", "Presence language = German");
    assert_eq!(text(&german, &events, "09:00"), "Homeoffice bis 14:00 (Beschäftigt: Meeting)");
    let hidden = config("innovaphone", "Subject = hidden");
    assert_eq!(text(&hidden, &events, "09:00"), "Available until 2pm (Busy)");
}

#[test]
fn feat_p03_innovaphone_ignores_tentative_unless_the_exception_made_it() {
    let config = config("innovaphone", "Tentative exceptions = hr@example.com\n");
    let sick = |address: &str| [by(event("sick", ShowAs::Tentative, "08:00", "18:00"), address)];
    assert_eq!(availability(&config, &sick("hr@example.com"), "09:00"), "away");
    assert_eq!(availability(&config, &sick("anna@example.com"), "09:00"), "available");
}

#[test]
fn feat_p04_innovaphone_puts_appointments_with_its_words_first() {
    let words =
        "Prioritized appointments need to contain in title = Vacation\nPrioritized appointments must not contain in title = Home office";
    let config = config("innovaphone", words);
    let vacation = event("Summer vacation", ShowAs::WorkingElsewhere, "08:00", "18:00");
    let meeting = event("Meeting", ShowAs::Busy, "09:00", "10:00");
    let home = event("Home office", ShowAs::OutOfOffice, "08:00", "18:00");
    assert_eq!(availability(&config, &[vacation, meeting.clone()], "09:30"), "available", "the word goes before the state");
    assert_eq!(availability(&config, &[home, meeting], "09:30"), "busy", "the other word goes behind it");
}

#[test]
fn feat_p01_innovaphone_maps_each_kind_as_it_is_set() {
    let form =
        "Busy = Do not disturb\nTentative = Busy\nOut of office = Ignore for presence\nWorking elsewhere = Away\nNo data = Available\n";
    let config = config("innovaphone", form);
    for (show_as, wanted) in [
        (ShowAs::Busy, "dnd"),
        (ShowAs::Tentative, "busy"),
        (ShowAs::OutOfOffice, "available"),
        (ShowAs::WorkingElsewhere, "away"),
        (ShowAs::NoData, "available"),
        (ShowAs::Free, "available"),
    ] {
        assert_eq!(availability(&config, &[event("x", show_as, "09:00", "10:00")], "09:30"), wanted, "{show_as:?}");
    }
}

#[test]
fn rule_p24_totalview_falls_back_to_the_longer_appointment_with_valid_until_end() {
    let events = [event("Trade fair", ShowAs::OutOfOffice, "09:00", "17:00"), event("Call", ShowAs::Busy, "10:00", "11:00")];
    let templates = "Busy template = Meeting\nOut of office template = Away on business [away]\n";
    let off = config("totalview", templates);
    let on = config("totalview", &format!("{templates}Valid until end = yes\n"));
    // Off: each appointment is promoted at its start, and the earlier one does not come back.
    assert_eq!(text(&off, &events, "09:30"), "Away on business: Trade fair until 10:00");
    assert_eq!(text(&off, &events, "10:30"), "Meeting: Call until 11:00");
    assert_eq!(availability(&off, &events, "11:30"), "available");
    // On: the one with the latest end shows until that end.
    assert_eq!(text(&on, &events, "10:30"), "Away on business: Trade fair until 17:00");
    assert_eq!(text(&on, &events, "11:30"), "Away on business: Trade fair until 17:00");
    let later = [events[1].clone(), event("Long call", ShowAs::Busy, "10:30", "10:45")];
    assert_eq!(text(&on, &later, "10:50"), "Meeting: Call until 11:00", "it comes back after the shorter one");
    assert_eq!(availability(&off, &later, "10:50"), "available");
}

#[test]
fn feat_p02_totalview_shows_no_appointment_without_a_template() {
    let with = config("totalview", "Tentative = Perhaps\nWorking elsewhere = Home office\n");
    let without = config("totalview", "");
    for (show_as, state, words) in
        [(ShowAs::Tentative, "busy", "Perhaps: x until 10:00"), (ShowAs::WorkingElsewhere, "available", "Home office: x until 10:00")]
    {
        let events = [event("x", show_as, "09:00", "10:00")];
        assert_eq!((availability(&with, &events, "09:30").as_str(), text(&with, &events, "09:30").as_str()), (state, words));
        assert_eq!(text(&without, &events, "09:30"), "Available");
    }
    let none = config("totalview", "Busy template = (none)\n");
    assert_eq!(availability(&none, &[event("x", ShowAs::Busy, "09:00", "10:00")], "09:30"), "available");
}

#[test]
fn feat_p05_totalview_ignores_subjects_that_begin_with_its_character() {
    let dentist = |mark: &str| [event(&format!("{mark} Dentist"), ShowAs::Busy, "09:00", "10:00")];
    for (form, mark, wanted) in
        [("", "*", "available"), ("", "%", "busy"), ("Ignore char = %", "%", "available"), ("Ignore char = \"\"", "*", "busy")]
    {
        assert_eq!(availability(&config("totalview", form), &dentist(mark), "09:30"), wanted, "{form} {mark}");
    }
}

#[test]
fn feat_p10_totalview_synchronises_the_current_state_only_where_it_is_on() {
    assert!(config("totalview", "Synchronize current = checked").flows[0].synchronize_current);
    assert!(!config("totalview", "").flows[0].synchronize_current);
}

#[test]
fn feat_p08_samsung_shows_meeting_and_out_of_office_and_the_setting_wins() {
    let config = config("samsung", "");
    let meeting = [event("Budget", ShowAs::Busy, "09:00", "10:00")];
    let away = [event("Trade fair", ShowAs::OutOfOffice, "09:00", "17:00")];
    assert_eq!(text(&config, &meeting, "09:30"), "Meeting: Budget until 10:00");
    assert_eq!(text(&config, &away, "09:30"), "Out of office: Trade fair until 17:00");
    assert_eq!(availability(&config, &meeting, "10:00"), "available");
    let on = Some(Absence { state: AbsenceState::Enabled });
    let current = shown(&config, &meeting, on, &[], "09:30").value;
    assert_eq!((current.text.as_str(), current.availability.as_str()), ("Out of office", "away"));
    assert_eq!(current.greeting.as_deref(), Some("out-of-office"));
    let off = Some(Absence { state: AbsenceState::Disabled });
    assert_eq!(shown(&config, &meeting, off, &[], "09:30").value.greeting, None);
    let scheduled = Some(Absence { state: AbsenceState::Scheduled { start: at("12:00"), end: at("13:00") } });
    assert_eq!(shown(&config, &meeting, scheduled, &[], "12:30").value.text, "Out of office until 13:00");
    assert_eq!(shown(&config, &meeting, scheduled, &[], "13:00").value.greeting, None);
}

#[test]
fn rule_p22_samsung_users_overrule_until_the_next_appointment_starts() {
    let config = config("samsung", "");
    assert!(config.flows[0].overrules);
    let rules = &config.rules["default"];
    let by_hand = [rules.set_by_hand("1".to_owned(), at("09:10"), calport_rules::presence::State::Available, None, None)];
    let events = [event("Budget", ShowAs::Busy, "09:00", "10:00"), event("Review", ShowAs::Busy, "11:00", "12:00")];
    for (now, wanted) in [("09:05", "busy"), ("09:30", "available"), ("10:30", "available"), ("11:00", "busy")] {
        let overrides = if now < "09:10" { &[][..] } else { &by_hand };
        assert_eq!(shown(&config, &events, None, overrides, now).value.availability.as_str(), wanted, "{now}");
    }
}

#[test]
fn feat_c09_samsung_reads_seven_days_at_start_and_every_week() {
    let config = config("samsung", "");
    assert_eq!(config.host.window_days_ahead, 7);
    assert_eq!((config.timing.full_read_at_start, config.timing.full_read_s), (true, 7 * 24 * 3600));
    assert!(!super::config("samsung", "Activate Microsoft Exchange integration = no").connections["calendar"].active);
}

#[test]
fn every_import_begins_in_shadow_mode_with_a_sink_that_is_off() {
    for name in calport_import::names() {
        let config = config(name, "");
        assert!(!config.host.publish && !config.connections["pbx"].active, "{name}");
    }
}
