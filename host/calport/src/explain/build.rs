//! From the basis of a person's presence to its explanation.

use std::time::Duration;

use calport_engine::{Basis, PersonStatus, Shown};
use calport_model::{Absence, AbsenceState, Event, PresenceValue, Span};
use calport_rules::presence::{
    Appointment, Class, Contender, EventKey, Explanation, Freshness, MappingOverride, OofRank, Override, OverrideUntil, ReasonCode, Row,
    Status, explain,
};
use calport_store::AuditEntry;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::local::zone_name;
use super::reasons::{against, in_favour};
use super::{Age, AtSink, ByHand, Explained, Item, Layer, LayerState, Mapped, OutOfOffice, Presence, SinkChange, Who};

/// Entries of the audit trail that are told.
const MOST_CHANGES: usize = 3;

/// Where the rows of a person's mapping are from.
#[derive(Clone, Debug, Default)]
pub struct RowOrigins {
    /// The name of the rules.
    pub rules: String,
    /// The rows of the person, those of groups among them.
    pub own: MappingOverride,
    /// The rows of the person's groups, by their name.
    pub groups: Vec<(String, MappingOverride)>,
}

impl RowOrigins {
    pub(super) fn of(&self, class: Class) -> String {
        if row(&self.own, class).is_none() {
            return format!("rules {}", self.rules);
        }
        let groups: Vec<&str> = self.groups.iter().filter(|(_, rows)| row(rows, class).is_some()).map(|(name, _)| name.as_str()).collect();
        match groups.as_slice() {
            [] => "the person's own mapping".to_owned(),
            groups => format!("mapping of the person or of the group {}", groups.join(", ")),
        }
    }
}

fn row(rows: &MappingOverride, class: Class) -> Option<&Row> {
    match class {
        Class::Busy => rows.busy.as_ref(),
        Class::Tentative => rows.tentative.as_ref(),
        Class::TentativeException => rows.tentative_exception.as_ref(),
        Class::Oof => rows.oof.as_ref(),
        Class::WorkingElsewhere => rows.working_elsewhere.as_ref(),
        Class::NoData => rows.no_data.as_ref(),
        Class::OofSetting => rows.oof_setting.as_ref(),
    }
}

/// What an explanation is made of.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Who.
    pub who: Who,
    /// The zone of the person.
    pub zone: TimeZone,
    /// The present moment.
    pub now: Timestamp,
    /// The moment asked for; `None`: the present one.
    pub at: Option<Timestamp>,
    /// What keeps the presence from being right now.
    pub troubles: Vec<String>,
    /// How the person is.
    pub status: Option<&'a PersonStatus>,
    /// Whether presence is written to sinks; off is shadow mode.
    pub publish: bool,
    /// The newest entries of the audit trail about the person, newest first.
    pub audit: &'a [AuditEntry],
    /// Where rows of the mapping are from.
    pub origins: RowOrigins,
    /// Whether states set by hand at the sink count.
    pub overrules: bool,
    /// How often automatic replies are read.
    pub absence_every: Duration,
}

/// Explains a moment; without a basis only what is known without one.
pub fn explained(asked: Asked<'_>, basis: Option<Basis>) -> Explained {
    let at = asked.at.unwrap_or(asked.now);
    let is_now = asked.at.is_none();
    let mut notes = Vec::new();
    if !is_now {
        let past = if at < asked.now { ": what was changed or deleted since then does not show" } else { "" };
        notes.push(format!("As the calendars are now{past}. Left out is what is only true now: the sink, calls, the age of the data."));
    }
    if let Some(window) = basis.as_ref().map(|basis| basis.window).filter(|window| at < window.start || at >= window.end) {
        let day = |at: Timestamp| asked.zone.to_datetime(at).date();
        notes.push(format!(
            "Only the time from {} to {} is loaded, so nothing is known of this moment.",
            day(window.start),
            day(window.end)
        ));
    }
    let presence = basis.map(|basis| Build { asked: &asked, at, is_now, basis: as_of(basis, at, is_now) }.presence());
    let upto = asked.audit.iter().filter(|entry| entry.at <= at);
    let last_changes = if is_now || at < asked.now { upto.take(MOST_CHANGES).map(change).collect() } else { Vec::new() };
    Explained {
        at,
        now: is_now,
        zone: zone_name(&asked.zone),
        notes,
        sink: asked.status.filter(|_| is_now).map(|status| at_sink(&asked, status)),
        presence,
        last_changes,
        troubles: asked.troubles,
        person: asked.who,
    }
}

/// What is only true now is no part of another moment.
fn as_of(mut basis: Basis, at: Timestamp, is_now: bool) -> Basis {
    if !is_now {
        basis.signals.clear();
        basis.overrides.retain(|one| one.set_at <= at);
    }
    basis
}

fn change(entry: &AuditEntry) -> SinkChange {
    let value = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<PresenceValue>(text).ok());
    SinkChange {
        at: entry.at,
        action: entry.action.clone(),
        cause: entry.cause.clone(),
        before: value(&entry.before),
        after: value(&entry.after),
    }
}

fn at_sink(asked: &Asked<'_>, status: &PersonStatus) -> AtSink {
    let last = asked.audit.iter().map(change).find(|change| change.after.is_some() && change.after == status.shown);
    AtSink {
        shown: status.shown.clone(),
        since: last.map(|change| change.at),
        wanted: status.wanted.clone(),
        in_step: status.in_step,
        written: asked.publish,
        error: status.sink_error.clone(),
    }
}

struct Build<'a> {
    asked: &'a Asked<'a>,
    at: Timestamp,
    is_now: bool,
    basis: Basis,
}

impl Build<'_> {
    fn presence(&self) -> Presence {
        let (basis, at) = (&self.basis, self.at);
        let shown = if self.is_now { basis.shown(at) } else { basis.foreseen(at) };
        let why = explain(&basis.input(at));
        let current = &shown.outcome.current;
        let before_audience =
            (basis.audience.is_some() && current.value != shown.value && shown.layer == why.layer).then(|| current.value.clone());
        let (rule, says) = self.rule(&shown, &why);
        Presence {
            before_audience: before_audience.filter(|_| current.by_hand.is_none()),
            layers: self.layers(&shown, &why),
            winner: why.winner.as_ref().map(|winner| self.contender(winner, in_favour)),
            losers: why.losers.iter().map(|loser| self.contender(loser, against)).collect(),
            drops: why.drops.iter().map(|drop| self.item(drop, None, against)).collect(),
            by_hand: self.by_hand(&why),
            out_of_office: self.out_of_office(why.out_of_office),
            freshness: self.is_now.then(|| self.age(shown.freshness)),
            // The end of what is loaded is a boundary for the computation, not for people.
            next_change: shown.outcome.next_boundary.filter(|&next| self.is_loaded() && next < basis.window.end),
            profile: why.profile.to_owned(),
            layer: shown.layer,
            value: shown.value,
            rule,
            says,
        }
    }

    fn is_loaded(&self) -> bool {
        self.at >= self.basis.window.start && self.at < self.basis.window.end
    }

    /// The rule that decides, and what it says.
    fn rule(&self, shown: &Shown, why: &Explanation) -> (String, String) {
        match shown.layer.as_str() {
            "unknown" => ("P-26 unknown".to_owned(), "nothing has proved for too long that the copy of the calendar is right".to_owned()),
            layer if layer == why.layer => {
                let reason = why.current.reason;
                (reason.to_string(), in_favour(reason).to_owned())
            }
            layer => ("P-25 layers".to_owned(), format!("the live signal {layer} stands before the calendar in `layers`")),
        }
    }

    fn layers(&self, shown: &Shown, why: &Explanation) -> Vec<Layer> {
        let (unknown, loaded) = (shown.layer == "unknown", self.is_loaded());
        let names = self.basis.rules.layers.0.iter();
        let layers = names.map(|name| {
            let (filled, says) = self.layer(name, why);
            if !loaded && name == "calendar" {
                return Layer { name: name.clone(), state: LayerState::NotUsed, says: "not loaded".to_owned() };
            }
            let state = match filled {
                None => LayerState::NotUsed,
                _ if *name == shown.layer => LayerState::Decides,
                Some(true) => LayerState::Covered,
                Some(false) => LayerState::Empty,
            };
            let says = if unknown && name == "calendar" { format!("{says}, not trusted any more (P-26)") } else { says };
            Layer { name: name.clone(), state, says }
        });
        layers.collect()
    }

    /// Whether there is something in a layer, `None` for one that is not used, and what is in it.
    fn layer(&self, name: &str, why: &Explanation) -> (Option<bool>, String) {
        match name {
            "override" if !self.asked.overrules => (None, "not looked at: the flow has `overrules = false`".to_owned()),
            "override" => match self.basis.overrides.iter().find(|one| why.overrides.iter().any(|state| state.shown && state.id == one.id))
            {
                Some(one) => (Some(true), format!("{} set by hand", one.target)),
                None => (Some(false), "nothing set by hand".to_owned()),
            },
            "oof-wins" | "oof-base" => self.oof_layer(name, why),
            "calendar" => match &why.winner {
                Some(winner) => (Some(true), format!("{} by an appointment", winner.target)),
                None if why.losers.is_empty() => (Some(false), "no appointment that counts".to_owned()),
                None if why.layer == "calendar" => (Some(false), "appointments that do not come back".to_owned()),
                None => (Some(true), format!("appointments: {}", why.losers.len())),
            },
            signal => match self.basis.signals.iter().find(|one| one.layer == signal) {
                Some(one) => (Some(true), format!("{} while it lasts", one.target)),
                None if !self.basis.rules.signals.contains_key(signal) => (None, "not used by these rules".to_owned()),
                None if !self.is_now => (None, "only known for the present moment".to_owned()),
                None => (Some(false), "nothing".to_owned()),
            },
        }
    }

    fn oof_layer(&self, name: &str, why: &Explanation) -> (Option<bool>, String) {
        let used = if self.basis.rules.oof_rank == OofRank::Wins { "oof-wins" } else { "oof-base" };
        let row = self.basis.rules.mapping.row(Class::OofSetting);
        if name != used {
            return (None, format!("not used: automatic replies count as {used}"));
        }
        match (why.out_of_office, row.target()) {
            (_, None) => (None, "not used: the row oof_setting is `ignore`".to_owned()),
            (None, _) => (None, "automatic replies are not known".to_owned()),
            (Some(false), _) => (Some(false), "automatic replies are off".to_owned()),
            (Some(true), Some(target)) => (Some(true), format!("{target}, because automatic replies are on")),
        }
    }

    fn contender(&self, contender: &Contender, says: fn(ReasonCode) -> &'static str) -> Item {
        let mapped = Mapped {
            row: contender.row.as_str().to_owned(),
            target: contender.target.to_string(),
            row_from: self.asked.origins.of(contender.row),
            keyword: contender.keyword,
            status: match contender.status {
                Status::Promoted => "promoted",
                Status::Overridden => "overridden",
                Status::StartedNotPromoted => "started-not-promoted",
                Status::NotStarted => "not-started",
            }
            .to_owned(),
        };
        self.item(&contender.appointment, Some(mapped), says)
    }

    fn item(&self, appointment: &Appointment, mapped: Option<Mapped>, says: fn(ReasonCode) -> &'static str) -> Item {
        let event = self.basis.events.iter().find(|event| EventKey::of(event) == appointment.event);
        let hidden = match (&appointment.title, event) {
            (Some(_), _) => None,
            (None, Some(event)) if self.is_private(event) => Some("private"),
            (None, _) if !self.basis.rules.show_subject => Some("subjects-hidden"),
            (None, _) => Some("untitled"),
        };
        let days = event.and_then(|event| match event.span {
            Span::AllDay { start, end } => Some((start, end.yesterday().ok()?.max(start))),
            Span::Timed { .. } => None,
        });
        Item {
            event: appointment.event.to_string(),
            title: appointment.title.clone(),
            hidden: hidden.map(str::to_owned),
            start: appointment.start,
            end: appointment.end,
            days,
            mapped,
            rule: appointment.reason.to_string(),
            says: says(appointment.reason).to_owned(),
        }
    }

    fn is_private(&self, event: &Event) -> bool {
        let personal = self.basis.rules.personal_is_private && event.sensitivity == calport_model::Sensitivity::Personal;
        event.sensitivity.is_private() || personal
    }

    /// States set by hand, newest first, with what ends them.
    fn by_hand(&self, why: &Explanation) -> Vec<ByHand> {
        let mut told: Vec<ByHand> = self
            .basis
            .overrides
            .iter()
            .map(|one| {
                let state = why.overrides.iter().find(|state| state.id == one.id);
                let end = state.and_then(|state| state.end);
                ByHand {
                    target: one.target.to_string(),
                    note: one.note.clone(),
                    set_at: one.set_at,
                    set_where: self.set_where(one),
                    holds: state.is_some_and(|state| state.shown),
                    end,
                    ends_by: self.ends_by(one, end),
                }
            })
            .collect();
        told.sort_by_key(|one| std::cmp::Reverse(one.set_at));
        told
    }

    fn set_where(&self, one: &Override) -> String {
        match (&self.asked.who.sink, &self.asked.who.user) {
            (Some(sink), Some(user)) if self.basis.at_sink.contains_key(&one.id) => format!("at {sink}, user {user}"),
            _ => "by hand".to_owned(),
        }
    }

    /// What ends, or ended, a state set by hand.
    fn ends_by(&self, one: &Override, end: Option<Timestamp>) -> String {
        let Some(end) = end else {
            return if one.blocks_appointments { "until it is cleared" } else { "until an appointment starts" }.to_owned();
        };
        if self.basis.overrides.iter().any(|other| other.id != one.id && other.set_at == end && other.set_at >= one.set_at) {
            return "the next state set by hand".to_owned();
        }
        if one.until == OverrideUntil::Time(end) {
            return "its own end".to_owned();
        }
        let starts = !one.blocks_appointments && self.basis.events.iter().any(|event| self.start(event) == end);
        if starts {
            return "the start of an appointment".to_owned();
        }
        "cleared, or by an appointment that is no longer there".to_owned()
    }

    fn start(&self, event: &Event) -> Timestamp {
        match event.span {
            Span::Timed { start, .. } => start,
            Span::AllDay { start, .. } => start.to_zoned(self.basis.mailbox_zone.clone()).map_or(Timestamp::MAX, |day| day.timestamp()),
        }
    }

    fn out_of_office(&self, on: Option<bool>) -> OutOfOffice {
        let scheduled = match self.basis.absence {
            Some((Absence { state: AbsenceState::Scheduled { start, end } }, _)) => Some((start, end)),
            _ => None,
        };
        let read_at = self.basis.absence.map(|(_, at)| at);
        let every = SignedDuration::try_from(self.asked.absence_every).unwrap_or(SignedDuration::MAX);
        let next_reading = read_at.filter(|_| self.is_now).and_then(|at| at.checked_add(every).ok());
        OutOfOffice { on, scheduled, read_at, next_reading }
    }

    fn age(&self, freshness: Freshness) -> Age {
        let state = match freshness {
            Freshness::Fresh => "fresh",
            Freshness::Stale => "stale",
            Freshness::Unknown => "unknown",
        };
        let after = self.basis.unknown_after.and_then(|after| SignedDuration::try_from(after).ok());
        let unknown_from = self.basis.verified.zip(after).and_then(|(at, after)| at.checked_add(after).ok());
        Age { state: state.to_owned(), last_verified: self.basis.verified, unknown_from }
    }
}
