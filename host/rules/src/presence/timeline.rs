//! The timeline of events: who shows when (SEMANTICS P-15, P-16, P-24a). Sweeps in `O(n log n)`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::{SignedDuration, Timestamp};

use super::config::Profile;
use super::eligible::Candidate;

/// Where a piece comes from. Numbers are positions among the candidates, strongest first, and among the overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing: no event.
    None,
    /// An event.
    Event(usize),
    /// An event shown across a gap after it (SEMANTICS P-16).
    Bridged(usize),
    /// The out-of-office setting.
    Oof,
    /// A state set by hand.
    Override(usize),
}

impl Cause {
    /// The event that shows.
    pub(super) fn event(self) -> Option<usize> {
        match self {
            Self::Event(index) | Self::Bridged(index) => Some(index),
            Self::None | Self::Oof | Self::Override(_) => None,
        }
    }
}

/// A part of the timeline, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) cause: Cause,
}

/// Appends a piece, unless it is empty; one of the same cause is continued.
pub(super) fn push(pieces: &mut Vec<Piece>, start: Timestamp, end: Timestamp, cause: Cause) {
    if start >= end {
        return;
    }
    match pieces.last_mut() {
        Some(last) if last.cause == cause && last.end == start => last.end = end,
        _ => pieces.push(Piece { start, end, cause }),
    }
}

/// The window looked at.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

/// The calendar's layer over the whole window. The candidates stand strongest first.
pub(super) fn calendar(candidates: &[Candidate<'_>], profile: Profile, gap_minutes: u8, bounds: Bounds) -> Vec<Piece> {
    let mut pieces = match profile {
        Profile::Ranked | Profile::LastEnd => strongest(candidates, bounds),
        Profile::Promote => latest(candidates, bounds),
    };
    bridge(&mut pieces, candidates, SignedDuration::from_mins(i64::from(gap_minutes)));
    pieces
}

/// At every instant the strongest event that runs.
fn strongest(candidates: &[Candidate<'_>], bounds: Bounds) -> Vec<Piece> {
    let mut starts: Vec<(Timestamp, Timestamp, usize)> =
        candidates.iter().enumerate().map(|(index, candidate)| (candidate.start.max(bounds.start), candidate.end, index)).collect();
    starts.sort_unstable();
    let mut cuts: Vec<Timestamp> = starts.iter().flat_map(|&(start, end, _)| [start, end.min(bounds.end)]).collect();
    cuts.push(bounds.end);
    cuts.sort_unstable();
    cuts.dedup();

    let mut pieces = Vec::with_capacity(cuts.len());
    let mut running: BinaryHeap<Reverse<(usize, Timestamp)>> = BinaryHeap::new();
    let mut coming = starts.into_iter().peekable();
    let mut from = bounds.start;
    for cut in cuts {
        push(&mut pieces, from, cut, running.peek().map_or(Cause::None, |Reverse((index, _))| Cause::Event(*index)));
        while let Some((_, end, index)) = coming.next_if(|&(start, ..)| start <= cut) {
            running.push(Reverse((index, end)));
        }
        while running.peek().is_some_and(|Reverse((_, end))| *end <= cut) {
            running.pop();
        }
        from = cut;
    }
    pieces
}

/// At every instant the event that started last, while it runs. Of those with equal starts the strongest shows.
fn latest(candidates: &[Candidate<'_>], bounds: Bounds) -> Vec<Piece> {
    let mut order: Vec<(Timestamp, usize)> = candidates.iter().enumerate().map(|(index, candidate)| (candidate.start, index)).collect();
    order.sort_unstable();
    order.dedup_by_key(|&mut (start, _)| start);

    let mut pieces = Vec::with_capacity(order.len());
    let mut from = bounds.start;
    let mut order = order.into_iter().peekable();
    while let Some((start, index)) = order.next() {
        let next = order.peek().map_or(bounds.end, |&(start, _)| start).clamp(bounds.start, bounds.end);
        let end = candidates.get(index).map_or(next, |candidate| candidate.end).min(next);
        let start = start.max(bounds.start);
        push(&mut pieces, from, start, Cause::None);
        push(&mut pieces, start, end, Cause::Event(index));
        from = end.max(from).max(start);
    }
    push(&mut pieces, from, bounds.end, Cause::None);
    pieces
}

/// Bridges short gaps between events of the same target; the earlier one stays.
fn bridge(pieces: &mut [Piece], candidates: &[Candidate<'_>], longest: SignedDuration) {
    let target = |piece: &Piece| piece.cause.event().and_then(|index| candidates.get(index)).map(|candidate| candidate.target);
    for middle in 1..pieces.len() {
        let Some([before, gap, after]) = pieces.get_mut(middle - 1..middle + 2) else { return };
        let short = gap.cause == Cause::None && gap.end.duration_since(gap.start) <= longest;
        if let (true, Some(index)) = (short, before.cause.event())
            && target(before) == target(after)
        {
            gap.cause = Cause::Bridged(index);
        }
    }
}

/// Lays a layer over another. The layer's pieces are sorted and do not overlap; `only_gaps` leaves events alone.
pub(super) fn overlay(base: Vec<Piece>, layer: &[Piece], only_gaps: bool) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(base.len() + 2 * layer.len());
    let mut rest = layer.iter().peekable();
    for piece in base {
        let mut from = piece.start;
        while let Some(&&upper) = rest.peek() {
            if upper.start >= piece.end {
                break;
            }
            let end = upper.end.min(piece.end);
            if end > from && !(only_gaps && piece.cause != Cause::None) {
                push(&mut pieces, from, upper.start, piece.cause);
                push(&mut pieces, from.max(upper.start), end, upper.cause);
                from = end;
            }
            if upper.end > piece.end {
                break;
            }
            rest.next();
        }
        push(&mut pieces, from, piece.end, piece.cause);
    }
    pieces
}
