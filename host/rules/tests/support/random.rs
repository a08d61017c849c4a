//! Random weeks on a grid of quarters of an hour, with many ties, across changes of the clock.

use calport_model::event::{Participant, Response};
use calport_model::{Absence, AbsenceState, Event, EventKind, OriginalStart, PrivateText, Sensitivity, ShowAs, Span};
use calport_rules::Language;
use calport_rules::presence::{Config, Input, OofRank, Override, OverrideUntil, Profile, Row, State, Target};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::prelude::*;

use super::{busy, zone};

/// The minutes of a week.
pub const WEEK: i64 = 7 * 24 * 60;

/// Starts of weeks in which the clock, or the calendar, changes somewhere.
const STARTS: [&str; 6] =
    ["2026-03-26T00:00Z", "2026-10-22T00:00Z", "2018-11-01T00:00Z", "2011-12-27T00:00Z", "2026-05-04T00:00Z", "2025-12-28T00:00Z"];
const ZONES: [&str; 9] = [
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "UTC",
    "fixed:-210",
];
const TITLES: [&str; 10] =
    ["Meeting", "Sommerurlaub", "Urlaub", "Homeoffice", "* Zahnarzt", "", "Urlaub im Homeoffice", "  A", "Müller", "B\nC"];
const LENGTHS: [i64; 10] = [0, 15, 15, 30, 30, 60, 90, 240, 1440, 5000];
const STATES: [State; 4] = State::ALL;

/// All that presence depends on, but the moment.
pub struct Week {
    pub events: Vec<Event>,
    pub absence: Option<Absence>,
    pub overrides: Vec<Override>,
    pub config: Config,
    pub start: Timestamp,
    pub presence_zone: TimeZone,
    pub mailbox_zone: TimeZone,
}

/// What a random week may contain.
#[derive(Clone, Copy)]
pub struct Kinds {
    pub profile: Profile,
    pub overrides: bool,
    pub absence: bool,
    pub merge_gap: bool,
}

impl Week {
    pub fn random(rng: &mut StdRng, kinds: Kinds) -> Self {
        let quarter = rng.random_range(0..96);
        let start = plus(STARTS.choose(rng).unwrap().parse().unwrap(), quarter * 15);
        let mut config = random_config(rng, kinds);
        config.profile = kinds.profile;
        let count = rng.random_range(0..12);
        let mut events: Vec<Event> = Vec::new();
        for index in 0..count {
            let mut event = random_event(rng, start, index);
            // Close neighbours: back to back, gaps that are bridged and gaps that are not.
            if let (Some(Span::Timed { end: before, .. }), Span::Timed { start: from, end }) =
                (events.last().map(|last| last.span), event.span)
                && rng.random_bool(0.4)
            {
                let minutes = *[0, 1, 5, 6, 10, 11].choose(rng).unwrap();
                let length = end.duration_since(from);
                event.span = Span::Timed { start: plus(before, minutes), end: plus(before, minutes).checked_add(length).unwrap() };
            }
            events.push(event);
        }
        let mut overrides = Vec::new();
        for index in 0..if kinds.overrides { rng.random_range(0..3) } else { 0 } {
            let mut manual = random_override(rng, start, index);
            // Set exactly when something starts.
            if let Some(Span::Timed { start: at, .. }) = events.choose(rng).map(|event| event.span)
                && at >= start
                && rng.random_bool(0.3)
            {
                manual.set_at = at;
            }
            overrides.push(manual);
        }
        Self {
            events,
            absence: kinds.absence.then(|| random_absence(rng, start)).flatten(),
            overrides,
            config,
            start,
            presence_zone: zone(ZONES.choose(rng).unwrap()),
            mailbox_zone: zone(ZONES.choose(rng).unwrap()),
        }
    }

    pub fn input(&self, now: Timestamp) -> Input<'_> {
        Input {
            events: &self.events,
            absence: self.absence,
            now,
            horizon: plus(self.start, WEEK),
            lookback: self.start,
            presence_zone: &self.presence_zone,
            mailbox_zone: &self.mailbox_zone,
            language: Language::ENGLISH,
            config: &self.config,
            overrides: &self.overrides,
        }
    }

    pub fn random_moment(&self, rng: &mut StdRng) -> Timestamp {
        plus(self.start, rng.random_range(0..WEEK))
    }
}

pub fn plus(instant: Timestamp, minutes: i64) -> Timestamp {
    instant.checked_add(SignedDuration::from_mins(minutes)).unwrap()
}

fn random_config(rng: &mut StdRng, kinds: Kinds) -> Config {
    let mut config = Config::default();
    for row in [
        &mut config.mapping.busy,
        &mut config.mapping.tentative,
        &mut config.mapping.tentative_exception,
        &mut config.mapping.oof,
        &mut config.mapping.working_elsewhere,
        &mut config.mapping.no_data,
        &mut config.mapping.oof_setting,
    ] {
        if rng.random_bool(0.3) {
            *row = if rng.random_bool(0.2) { Row::Ignore } else { Row::from(*STATES.choose(rng).unwrap()) };
        }
    }
    if rng.random_bool(0.3) {
        config.severity.shuffle(rng);
    }
    if rng.random_bool(0.5) {
        config.must_words = vec!["urlaub".to_owned()];
    }
    if rng.random_bool(0.3) {
        config.must_not_words = vec!["HOMEOFFICE".to_owned()];
    }
    config.whole_word = rng.random_bool(0.3);
    config.keywords_see_private = rng.random_bool(0.7);
    config.skip_private = rng.random_bool(0.2);
    config.personal_is_private = rng.random_bool(0.3);
    config.show_subject = rng.random_bool(0.8);
    config.private_word = rng.random_bool(0.3).then(|| "Private".to_owned());
    config.tentative_exceptions = vec!["hr@example.com".to_owned()];
    config.next_within_hours = *[0, 1, 24, 48].choose(rng).unwrap();
    config.oof_rank = if rng.random_bool(0.5) { OofRank::Wins } else { OofRank::Base };
    if kinds.merge_gap && rng.random_bool(0.5) {
        // The grid is a quarter of an hour: gaps of this size come from neighbours and odd minutes.
        config.merge_gap_minutes = *[1, 5, 10].choose(rng).unwrap();
    }
    config
}

fn random_event(rng: &mut StdRng, week: Timestamp, index: usize) -> Event {
    let odd = if rng.random_bool(0.3) { *[-10, -5, -1, 1, 5].choose(rng).unwrap() } else { 0 };
    // Few days, so that events meet.
    let start = rng.random_range(-30..WEEK / 15 / 3) * 15 + if rng.random_bool(0.1) { WEEK - 2000 } else { 0 };
    let end = start + *LENGTHS.choose(rng).unwrap() + odd;
    let mut event = busy(&format!("e{}", rng.random_range(0..4)), plus(week, start), plus(week, end));
    event.kind = match rng.random_bool(0.05) {
        true => EventKind::Master,
        false => EventKind::Occurrence { master: "m".to_owned(), original: OriginalStart::Timed(plus(week, index as i64)) },
    };
    if rng.random_bool(0.25) {
        let day = jiff::tz::TimeZone::UTC.to_datetime(plus(week, start)).date();
        let days = rng.random_range(0..4);
        event.span = Span::AllDay { start: day, end: day.checked_add(jiff::Span::new().days(days)).unwrap() };
    }
    event.subject = PrivateText::new(*TITLES.choose(rng).unwrap());
    event.show_as =
        *[ShowAs::Busy, ShowAs::Busy, ShowAs::Free, ShowAs::Tentative, ShowAs::OutOfOffice, ShowAs::WorkingElsewhere, ShowAs::NoData]
            .choose(rng)
            .unwrap();
    event.sensitivity = *[Sensitivity::Normal, Sensitivity::Normal, Sensitivity::Personal, Sensitivity::Private, Sensitivity::Confidential]
        .choose(rng)
        .unwrap();
    if rng.random_bool(0.5) {
        let address = ["hr@example.com", "HR@Example.Com", "bob@example.com"].choose(rng).unwrap();
        event.organizer = Some(Participant { name: PrivateText::default(), address: (*address).to_owned() });
    }
    event.cancelled = rng.random_bool(0.05);
    event.response = if rng.random_bool(0.05) { Response::Declined } else { Response::None };
    event
}

fn random_override(rng: &mut StdRng, week: Timestamp, index: usize) -> Override {
    let set_at = rng.random_range(0..WEEK / 15 / 3) * 15;
    Override {
        id: format!("o{index}"),
        set_at: plus(week, set_at),
        until: match rng.random_range(0..3) {
            0 => OverrideUntil::NextStart,
            1 => OverrideUntil::Cleared,
            _ => OverrideUntil::Time(plus(week, set_at + rng.random_range(-1..40) * 15)),
        },
        blocks_appointments: rng.random_bool(0.4),
        ended_at: rng.random_bool(0.3).then(|| plus(week, set_at + rng.random_range(0..40) * 15)),
        target: Target::State(*STATES.choose(rng).unwrap()),
        note: rng.random_bool(0.5).then(|| "Note".to_owned()),
        greeting: None,
        forwarding: None,
    }
}

fn random_absence(rng: &mut StdRng, week: Timestamp) -> Option<Absence> {
    let start = rng.random_range(-10..200) * 15;
    let state = match rng.random_range(0..5) {
        0 => AbsenceState::Enabled,
        1 => AbsenceState::Disabled,
        2 => return None,
        _ => AbsenceState::Scheduled { start: plus(week, start), end: plus(week, start + rng.random_range(-2..200) * 15) },
    };
    Some(Absence { state })
}
