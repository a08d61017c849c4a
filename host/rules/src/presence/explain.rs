//! Why a presence is as it is: the answer of `calport explain` (SEMANTICS D-01, P-24).

use calport_model::Event;
use jiff::Timestamp;
use serde::Serialize;

use super::Input;
use super::config::{Class, Profile};
use super::eligible::{Candidate, instants, is_private};
use super::evaluate::Line;
use super::outcome::{Current, EventKey, ReasonCode};
use super::target::Target;
use super::timeline::Cause;
use super::value::shown_title;

/// An appointment in an explanation. Its title is masked as in presence texts (SEMANTICS P-20).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Appointment {
    /// The event.
    pub event: EventKey,
    /// Its title, where it may be shown.
    pub title: Option<String>,
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// The rule that decided about it.
    pub reason: ReasonCode,
}

/// An appointment that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contender {
    /// The appointment, with the rule by which it wins or loses.
    #[serde(flatten)]
    pub appointment: Appointment,
    /// Its row of the mapping.
    pub row: Class,
    /// What the row leads to.
    pub target: Target,
    /// 2 with a must word, 0 with a must-not word, else 1 (SEMANTICS P-13).
    pub keyword: u8,
    /// What became of it.
    pub status: Status,
}

/// What became of an appointment (SEMANTICS P-24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is the state.
    Promoted,
    /// It has started, and an override or the out-of-office setting covers it.
    Overridden,
    /// It has started, and another one is the state.
    StartedNotPromoted,
    /// It is to come.
    NotStarted,
}

/// A state set by hand, in an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OverrideState {
    /// Its id.
    pub id: String,
    /// When it was set.
    pub set_at: Timestamp,
    /// When it ends, or ended; `None` when not known.
    pub end: Option<Timestamp>,
    /// Whether it is what shows.
    pub shown: bool,
}

/// The whole explanation of a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The moment.
    pub at: Timestamp,
    /// The profile by which appointments compete.
    pub profile: &'static str,
    /// What is shown, and why.
    pub current: Current,
    /// The layer it comes from, by its name in the order of layers (SEMANTICS P-25).
    pub layer: &'static str,
    /// The appointment that shows.
    pub winner: Option<Contender>,
    /// Appointments that run and do not show, strongest first, each with the rule that beat it.
    pub losers: Vec<Contender>,
    /// Appointments that cover the moment and do not count, each with the rule that dropped it.
    pub drops: Vec<Appointment>,
    /// Appointments as the person's list shows them (SEMANTICS P-24), by start.
    pub listed: Vec<Contender>,
    /// Overrides, by the time they were set.
    pub overrides: Vec<OverrideState>,
    /// Whether automatic replies are on; `None` when not known.
    pub out_of_office: Option<bool>,
    /// The next instant at which something may change.
    pub next_boundary: Option<Timestamp>,
}

/// Explains the moment asked for.
pub fn explain(input: &Input<'_>) -> Explanation {
    let outcome = super::evaluate(input);
    let line = Line::new(input);
    let cause = line.at_now().map_or(Cause::None, |(_, piece)| piece.cause);
    let winner = cause.event().and_then(|index| line.candidates.get(index));
    let (at, current) = (input.now, outcome.current);
    let losses = outcome.losses;
    let mut losers = Vec::with_capacity(losses.len());
    let mut listed = Vec::new();
    for (index, candidate) in line.candidates.iter().enumerate() {
        let shown = cause.event() == Some(index);
        let status = match cause {
            _ if candidate.start > at => Status::NotStarted,
            _ if shown => Status::Promoted,
            Cause::Override(_) | Cause::Oof => Status::Overridden,
            Cause::None | Cause::Event(_) | Cause::Bridged(_) => Status::StartedNotPromoted,
        };
        let key = EventKey::of(candidate.event);
        let loss = losses.iter().find(|loss| loss.event == key);
        let reason = loss.map_or(if shown { current.reason } else { ReasonCode::OnlyEvent }, |loss| loss.reason);
        if loss.is_some() {
            losers.push(contender(input, candidate, reason, status));
        }
        // With "valid until end" off an appointment leaves the list at its start.
        let on_list = match input.config.profile {
            Profile::Promote => status == Status::NotStarted,
            Profile::Ranked | Profile::LastEnd => candidate.end > at,
        };
        if on_list {
            listed.push(contender(input, candidate, reason, status));
        }
    }
    listed.sort_by(|a, b| (a.appointment.start, &a.appointment.event).cmp(&(b.appointment.start, &b.appointment.event)));
    Explanation {
        at,
        profile: input.config.profile.as_str(),
        layer: cause.layer_name(input.config.oof_rank),
        winner: winner.map(|winner| contender(input, winner, current.reason, Status::Promoted)),
        losers,
        drops: drops(input, &line),
        listed,
        overrides: overrides(&line, cause),
        out_of_office: input.absence.map(|_| line.oof.is_some_and(|span| span.start <= at && at < span.end)),
        next_boundary: outcome.next_boundary,
        current,
    }
}

/// The title of an event of the input, where it may be shown (SEMANTICS P-20).
pub fn title_of(input: &Input<'_>, key: &EventKey) -> Option<String> {
    let event = input.events.iter().find(|event| event.id == key.id && event.kind.original() == key.original)?;
    masked_title(input, event)
}

fn masked_title(input: &Input<'_>, event: &Event) -> Option<String> {
    shown_title(input, event.subject.expose(), is_private(event, input.config)).map(|title| title.into_owned())
}

fn contender(input: &Input<'_>, candidate: &Candidate<'_>, reason: ReasonCode, status: Status) -> Contender {
    Contender {
        appointment: appointment(input, candidate.event, reason),
        row: candidate.class,
        target: candidate.target.clone(),
        keyword: candidate.keyword,
        status,
    }
}

fn appointment(input: &Input<'_>, event: &Event, reason: ReasonCode) -> Appointment {
    let (start, end) = instants(event, input);
    Appointment { event: EventKey::of(event), title: masked_title(input, event), start, end, reason }
}

/// The dropped events that cover the moment, in the order of their keys.
fn drops(input: &Input<'_>, line: &Line<'_>) -> Vec<Appointment> {
    let mut drops: Vec<Appointment> = Vec::new();
    for event in input.events {
        let key = EventKey::of(event);
        let at = line.drops.partition_point(|drop| drop.event < key);
        let Some(drop) = line.drops.get(at).filter(|drop| drop.event == key) else { continue };
        let appointment = appointment(input, event, drop.reason);
        let covers = appointment.start <= input.now && input.now < appointment.end;
        if covers || (appointment.start == input.now && drop.reason == ReasonCode::NoDuration) {
            drops.push(appointment);
        }
    }
    drops.sort_by(|a, b| a.event.cmp(&b.event));
    drops
}

fn overrides(line: &Line<'_>, cause: Cause) -> Vec<OverrideState> {
    let states = line.held.iter().enumerate().map(|(index, held)| OverrideState {
        id: held.manual.id.clone(),
        set_at: held.manual.set_at,
        end: held.end,
        shown: cause == Cause::Override(index),
    });
    states.collect()
}
