//! Golden cases: a file with events, settings and a clock, and what must come out at each moment.

use std::collections::BTreeMap;

use calport_model::event::{Participant, Response};
use calport_model::{Absence, AbsenceState, Event, EventKind, OriginalStart, PrivateText, Sensitivity, ShowAs, Span};
use calport_rules::Language;
use calport_rules::presence::{Config, Input, Outcome, Override, OverrideUntil, Target, evaluate};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{busy, instant, zone};

/// A case as its file says it. Times without an offset are local in `zone`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The rules it is about.
    pub rules: String,
    /// What it shows.
    pub why: String,
    #[serde(default = "berlin")]
    zone: String,
    mailbox_zone: Option<String>,
    #[serde(default = "english")]
    language: Language,
    #[serde(default = "lookback")]
    lookback: String,
    #[serde(default = "horizon")]
    horizon: String,
    #[serde(default)]
    pub config: Config,
    absence: Option<AbsenceCase>,
    #[serde(default)]
    event: Vec<EventCase>,
    #[serde(default, rename = "override")]
    overrides: Vec<OverrideCase>,
    /// The whole timeline, one line a segment: `START END TARGET WINNER`.
    timeline: Option<Vec<String>>,
    /// The drops: event to reason.
    drops: Option<BTreeMap<String, String>>,
    /// The ends of overrides.
    ends: Option<BTreeMap<String, String>>,
    at: Vec<Moment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    now: String,
    text: String,
    availability: Option<String>,
    winner: Option<String>,
    until: Option<String>,
    reason: Option<String>,
    losses: Option<Vec<String>>,
    next_boundary: Option<String>,
    greeting: Option<String>,
    forwarding: Option<String>,
    activity: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AbsenceCase {
    state: String,
    start: Option<String>,
    end: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventCase {
    id: String,
    subject: Option<String>,
    /// A date for all-day events.
    start: String,
    end: String,
    /// The zone of `start` and `end`, for series in other zones.
    zone: Option<String>,
    #[serde(default)]
    show: Option<String>,
    #[serde(default)]
    sensitivity: Option<String>,
    organizer: Option<String>,
    #[serde(default)]
    declined: bool,
    #[serde(default)]
    cancelled: bool,
    #[serde(default)]
    master: bool,
    original: Option<String>,
    #[serde(default)]
    categories: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideCase {
    id: String,
    set_at: String,
    /// `next-start`, `cleared`, or a time.
    until: String,
    #[serde(default)]
    blocks: bool,
    ended_at: Option<String>,
    target: Target,
    note: Option<String>,
    greeting: Option<String>,
    forwarding: Option<String>,
}

fn berlin() -> String {
    "Europe/Berlin".to_owned()
}

fn english() -> Language {
    Language::ENGLISH
}

/// The default window is around Monday, 2026-05-04.
fn lookback() -> String {
    "2026-05-03T00:00".to_owned()
}

fn horizon() -> String {
    "2026-05-18T00:00".to_owned()
}

impl EventCase {
    fn build(&self, home: &TimeZone) -> Event {
        let zone = self.zone.as_deref().map_or_else(|| home.clone(), zone);
        let mut event = busy(&self.id, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        event.span = match (self.start.parse(), self.start.contains('T')) {
            (Ok(start), false) => Span::AllDay { start, end: self.end.parse().unwrap() },
            _ => Span::Timed { start: instant(&self.start, &zone), end: instant(&self.end, &zone) },
        };
        event.subject = PrivateText::new(self.subject.as_deref().unwrap_or(&self.id));
        event.show_as = match self.show.as_deref().unwrap_or("busy") {
            "free" => ShowAs::Free,
            "tentative" => ShowAs::Tentative,
            "busy" => ShowAs::Busy,
            "oof" => ShowAs::OutOfOffice,
            "workingElsewhere" => ShowAs::WorkingElsewhere,
            "noData" => ShowAs::NoData,
            other => panic!("show = {other}"),
        };
        event.sensitivity = match self.sensitivity.as_deref().unwrap_or("normal") {
            "normal" => Sensitivity::Normal,
            "personal" => Sensitivity::Personal,
            "private" => Sensitivity::Private,
            "confidential" => Sensitivity::Confidential,
            other => panic!("sensitivity = {other}"),
        };
        event.organizer = self.organizer.clone().map(|address| Participant { name: PrivateText::default(), address });
        event.response = if self.declined { Response::Declined } else { Response::None };
        event.cancelled = self.cancelled;
        event.categories.clone_from(&self.categories);
        if self.master {
            event.kind = EventKind::Master;
        }
        if let Some(original) = &self.original {
            let original = match original.contains('T') {
                true => OriginalStart::Timed(instant(original, &zone)),
                false => OriginalStart::Day(original.parse().unwrap()),
            };
            event.kind = EventKind::Occurrence { master: "master".to_owned(), original };
        }
        event
    }
}

impl OverrideCase {
    fn build(&self, zone: &TimeZone) -> Override {
        let until = match self.until.as_str() {
            "next-start" => OverrideUntil::NextStart,
            "cleared" => OverrideUntil::Cleared,
            time => OverrideUntil::Time(instant(time, zone)),
        };
        Override {
            id: self.id.clone(),
            set_at: instant(&self.set_at, zone),
            until,
            blocks_appointments: self.blocks,
            ended_at: self.ended_at.as_deref().map(|at| instant(at, zone)),
            target: self.target.clone(),
            note: self.note.clone(),
            greeting: self.greeting.clone(),
            forwarding: self.forwarding.clone(),
        }
    }
}

impl Case {
    /// Computes every moment and compares; the differences as lines.
    pub fn differences(&self) -> Vec<String> {
        let zone_here = zone(&self.zone);
        let mailbox_zone = self.mailbox_zone.as_deref().map_or_else(|| zone_here.clone(), zone);
        let events: Vec<Event> = self.event.iter().map(|event| event.build(&zone_here)).collect();
        let overrides: Vec<Override> = self.overrides.iter().map(|manual| manual.build(&zone_here)).collect();
        let time = |text: &str| instant(text, &zone_here);
        let absence = self.absence.as_ref().map(|absence| Absence {
            state: match absence.state.as_str() {
                "disabled" => AbsenceState::Disabled,
                "enabled" => AbsenceState::Enabled,
                "scheduled" => {
                    let side = |side: &Option<String>| time(side.as_deref().expect("a scheduled absence has a start and an end"));
                    AbsenceState::Scheduled { start: side(&absence.start), end: side(&absence.end) }
                }
                other => panic!("absence = {other}"),
            },
        });
        let mut found = Vec::new();
        if let Err(errors) = self.config.validate() {
            found.extend(errors.iter().map(ToString::to_string));
        }
        for moment in &self.at {
            let outcome = evaluate(&Input {
                events: &events,
                absence,
                now: time(&moment.now),
                horizon: time(&self.horizon),
                lookback: time(&self.lookback),
                presence_zone: &zone_here,
                mailbox_zone: &mailbox_zone,
                language: self.language,
                config: &self.config,
                overrides: &overrides,
            });
            let mut differ = Differences { at: &moment.now, found: &mut found };
            self.compare_line(&outcome, &mut differ, &zone_here);
            compare_moment(moment, &outcome, &mut differ, &zone_here);
        }
        found
    }

    fn compare_line(&self, outcome: &Outcome, differ: &mut Differences<'_>, zone: &TimeZone) {
        let line: Vec<String> = outcome
            .segments
            .iter()
            .map(|segment| {
                let target = segment.target.as_ref().map_or("-".to_owned(), ToString::to_string);
                let winner = segment.winner.as_ref().map_or_else(|| segment.reason.to_string(), ToString::to_string);
                format!("{} {} {target} {winner}", local(segment.start, zone), local(segment.end, zone))
            })
            .collect();
        differ.field("timeline", &self.timeline, line);
        let drops = outcome.drops.iter().map(|drop| (drop.event.to_string(), drop.reason.to_string())).collect();
        differ.field("drops", &self.drops, drops);
        let ends =
            outcome.overrides.iter().map(|end| (end.id.clone(), end.end.map_or("none".to_owned(), |end| local(end, zone)))).collect();
        differ.field("ends", &self.ends, ends);
    }
}

fn compare_moment(moment: &Moment, outcome: &Outcome, differ: &mut Differences<'_>, zone: &TimeZone) {
    let current = &outcome.current;
    let word = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    differ.field("text", &Some(moment.text.clone()), current.value.text.clone());
    differ.field("availability", &moment.availability, current.value.availability.as_str().to_owned());
    differ.field("winner", &moment.winner, word(current.winner.as_ref().map(ToString::to_string)));
    differ.field("until", &moment.until, word(current.value.until.map(|until| local(until, zone))));
    differ.field("reason", &moment.reason, current.reason.to_string());
    let losses = outcome.losses.iter().map(|loss| format!("{}: {}", loss.event, loss.reason)).collect();
    differ.field("losses", &moment.losses, losses);
    differ.field("next_boundary", &moment.next_boundary, word(outcome.next_boundary.map(|at| local(at, zone))));
    differ.field("greeting", &moment.greeting, word(current.value.greeting.clone()));
    differ.field("forwarding", &moment.forwarding, word(current.value.forwarding.clone()));
    differ.field("activity", &moment.activity, current.value.activity.clone());
}

/// Local wall time to the minute; with seconds where there are some.
fn local(instant: Timestamp, zone: &TimeZone) -> String {
    let local = zone.to_datetime(instant);
    let text = local.to_string();
    text.strip_suffix(":00").map(str::to_owned).unwrap_or(text)
}

struct Differences<'a> {
    at: &'a str,
    found: &'a mut Vec<String>,
}

impl Differences<'_> {
    fn field<T: PartialEq + std::fmt::Debug>(&mut self, name: &str, wanted: &Option<T>, got: T) {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| **wanted != got) {
            self.found.push(format!("at {}: {name}\n    wanted {wanted:?}\n    got    {got:?}", self.at));
        }
    }
}
