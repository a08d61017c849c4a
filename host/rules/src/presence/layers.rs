//! The layers above and below the calendar: overrides and the out-of-office setting (SEMANTICS P-21, P-22, P-24, P-25).

use calport_model::{Absence, AbsenceState};
use jiff::Timestamp;

use super::eligible::Candidate;
use super::manual::{Override, OverrideUntil};
use super::timeline::{Bounds, Cause, Piece};

/// An override with its end as computed.
pub(super) struct Held<'a> {
    pub(super) manual: &'a Override,
    /// `None` when it is not known.
    pub(super) end: Option<Timestamp>,
}

/// The overrides in the order they were set, with their ends (SEMANTICS P-22, P-22a).
pub(super) fn held<'a>(overrides: &'a [Override], candidates: &[Candidate<'_>]) -> Vec<Held<'a>> {
    if overrides.is_empty() {
        return Vec::new();
    }
    let mut starts: Vec<Timestamp> = candidates.iter().map(|candidate| candidate.start).collect();
    starts.sort_unstable();
    let mut sorted: Vec<&Override> = overrides.iter().collect();
    sorted.sort_unstable_by(|a, b| a.set_at.cmp(&b.set_at).then_with(|| a.id.cmp(&b.id)));
    let replaced = sorted.iter().skip(1).map(|later| Some(later.set_at)).chain([None]);
    let ends = sorted.iter().zip(replaced).map(|(manual, replaced)| {
        let next_start = starts.get(starts.partition_point(|&start| start <= manual.set_at)).copied();
        let until = match manual.until {
            OverrideUntil::Time(end) => Some(end),
            OverrideUntil::NextStart | OverrideUntil::Cleared => None,
        };
        let next_start = next_start.filter(|_| !manual.blocks_appointments);
        [until, next_start, manual.ended_at, replaced].into_iter().flatten().min().map(|end| end.max(manual.set_at))
    });
    let ends: Vec<Option<Timestamp>> = ends.collect();
    sorted.into_iter().zip(ends).map(|(manual, end)| Held { manual, end }).collect()
}

/// The layer of overrides in the window.
pub(super) fn override_layer(held: &[Held<'_>], bounds: Bounds) -> Vec<Piece> {
    let pieces = held.iter().enumerate().map(|(index, held)| Piece {
        start: held.manual.set_at.max(bounds.start),
        end: held.end.unwrap_or(bounds.end).min(bounds.end),
        cause: Cause::Override(index),
    });
    pieces.filter(|piece| piece.start < piece.end).collect()
}

/// Profile `promote`: what had started when an override was set does not come back after it (SEMANTICS P-24a).
pub(super) fn cut_promoted(pieces: &mut Vec<Piece>, candidates: &[Candidate<'_>], held: &[Held<'_>]) {
    let set: Vec<Timestamp> =
        held.iter().filter(|held| held.end.is_none_or(|end| end > held.manual.set_at)).map(|held| held.manual.set_at).collect();
    if set.is_empty() {
        return;
    }
    let mut cut = Vec::with_capacity(pieces.len());
    for piece in pieces.drain(..) {
        let started = piece.cause.event().and_then(|index| candidates.get(index)).map(|candidate| candidate.start);
        let first = started.and_then(|start| set.get(set.partition_point(|&at| at < start)));
        let end = first.map_or(piece.end, |&at| at.clamp(piece.start, piece.end));
        super::timeline::push(&mut cut, piece.start, end, piece.cause);
        super::timeline::push(&mut cut, end, piece.end, Cause::None);
    }
    *pieces = cut;
}

/// When automatic replies are on, as far as the window goes; `None` when they are off or not known.
pub(super) fn absence_span(absence: Option<Absence>, bounds: Bounds) -> Option<Bounds> {
    let (start, end) = match absence?.state {
        AbsenceState::Disabled => return None,
        AbsenceState::Enabled => (bounds.start, bounds.end),
        AbsenceState::Scheduled { start, end } => (start.max(bounds.start), end.min(bounds.end)),
    };
    (start < end).then_some(Bounds { start, end })
}
