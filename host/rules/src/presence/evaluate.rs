//! The function itself: layers, runs, the current value, its boundary (SEMANTICS P-15 to P-18, P-28).

use jiff::Timestamp;

use super::Input;
use super::config::{Class, OofRank, Profile};
use super::days::{day_of, first_instant};
use super::eligible::{Candidate, eligible};
use super::layers::{Held, absence_span, cut_promoted, held, override_layer};
use super::outcome::{Drop, EventKey, Layer, Loss, Outcome, OverrideEnd, ReasonCode, Segment};
use super::rank::compare;
use super::target::Target;
use super::text::next_change;
use super::timeline::{Bounds, Cause, Piece, calendar, overlay};

/// Computes presence over time (SEMANTICS 1a).
pub fn evaluate(input: &Input<'_>) -> Outcome {
    let line = Line::new(input);
    let ends = line.run_ends();
    let (at, piece) = line.at_now().map_or((0, None), |(at, piece)| (at, Some(piece)));
    let losses = line.losses(piece);
    Outcome {
        current: line.current(at, piece, &ends, losses.first()),
        next_boundary: line.next_boundary(piece, ends.get(at).copied()),
        segments: line.segments(&ends),
        overrides: line.held.iter().map(|held| OverrideEnd { id: held.manual.id.clone(), end: held.end }).collect(),
        drops: line.drops,
        losses,
    }
}

fn layered(input: &Input<'_>, candidates: &[Candidate<'_>], held: &[Held<'_>], oof: Option<Bounds>, bounds: Bounds) -> Vec<Piece> {
    let config = input.config;
    let mut pieces = calendar(candidates, config.profile, config.merge_gap_minutes, bounds);
    if config.profile == Profile::Promote {
        cut_promoted(&mut pieces, candidates, held);
    }
    if let (Some(span), Some(_)) = (oof, config.mapping.row(Class::OofSetting).target()) {
        let layer = [Piece { start: span.start, end: span.end, cause: Cause::Oof }];
        pieces = overlay(pieces, &layer, config.oof_rank == OofRank::Base);
    }
    if held.is_empty() {
        return pieces;
    }
    overlay(pieces, &override_layer(held, bounds), false)
}

/// The whole timeline with what it was made of.
pub(super) struct Line<'a> {
    pub(super) input: &'a Input<'a>,
    /// The events that count, strongest first.
    pub(super) candidates: Vec<Candidate<'a>>,
    /// The events that do not.
    pub(super) drops: Vec<Drop>,
    pub(super) held: Vec<Held<'a>>,
    /// When automatic replies are on.
    pub(super) oof: Option<Bounds>,
    bounds: Bounds,
    pub(super) pieces: Vec<Piece>,
}

impl<'a> Line<'a> {
    pub(super) fn new(input: &'a Input<'a>) -> Self {
        let bounds = Bounds { start: input.lookback, end: input.horizon.max(input.lookback) };
        let (mut candidates, drops) = eligible(input);
        candidates.sort_unstable_by(|a, b| compare(input.config.profile, a, b).0);
        let held = held(input.overrides, &candidates);
        let oof = absence_span(input.absence, bounds);
        let pieces = layered(input, &candidates, &held, oof, bounds);
        Self { input, candidates, drops, held, oof, bounds, pieces }
    }

    /// The piece of the moment asked for, with its position.
    pub(super) fn at_now(&self) -> Option<(usize, Piece)> {
        let at = self.pieces.partition_point(|piece| piece.end <= self.input.now);
        self.pieces.get(at).filter(|piece| piece.start <= self.input.now).map(|piece| (at, *piece))
    }

    pub(super) fn target(&self, cause: Cause) -> Option<&'a Target> {
        match cause {
            Cause::None => None,
            Cause::Event(index) | Cause::Bridged(index) => self.candidates.get(index).map(|candidate| candidate.target),
            Cause::Oof => self.input.config.mapping.row(Class::OofSetting).target(),
            Cause::Override(index) => self.held.get(index).map(|held| &held.manual.target),
        }
    }

    pub(super) fn winner(&self, cause: Cause) -> Option<EventKey> {
        cause.event().and_then(|index| self.candidates.get(index)).map(|candidate| EventKey::of(candidate.event))
    }

    /// The end of the run that each piece belongs to (SEMANTICS P-16).
    pub(super) fn run_ends(&self) -> Vec<Timestamp> {
        let mut ends = vec![self.bounds.end; self.pieces.len()];
        let mut later: Option<(&Piece, Timestamp)> = None;
        for (piece, end) in self.pieces.iter().zip(ends.iter_mut()).rev() {
            let run = later.filter(|(after, _)| self.target(after.cause) == self.target(piece.cause));
            *end = run.map_or(piece.end, |(_, end)| end);
            later = Some((piece, *end));
        }
        ends
    }

    /// P-17: a run that reaches the horizon has no known end.
    pub(super) fn known(&self, end: Timestamp) -> Option<Timestamp> {
        (end < self.bounds.end).then_some(end)
    }

    fn segments(&self, ends: &[Timestamp]) -> Vec<Segment> {
        let segments = self.pieces.iter().zip(ends).map(|(piece, &end)| Segment {
            start: piece.start,
            end: piece.end,
            target: self.target(piece.cause).cloned(),
            winner: self.winner(piece.cause),
            layer: layer(piece.cause),
            until: self.known(end),
            reason: match piece.cause {
                Cause::None => ReasonCode::NoEvent,
                Cause::Event(_) => ReasonCode::OnlyEvent,
                Cause::Bridged(_) => ReasonCode::MergeGap,
                Cause::Oof => ReasonCode::OofSetting,
                Cause::Override(_) => ReasonCode::Override,
            },
        });
        segments.collect()
    }

    /// The events that run now and do not show, strongest first.
    pub(super) fn losses(&self, piece: Option<Piece>) -> Vec<Loss> {
        let Some(piece) = piece else { return Vec::new() };
        let shown = piece.cause.event();
        let winner = shown.and_then(|index| self.candidates.get(index));
        let profile = self.input.config.profile;
        let running =
            self.candidates.iter().enumerate().filter(|(index, candidate)| shown != Some(*index) && candidate.covers(self.input.now));
        let losses = running.map(|(_, candidate)| {
            let reason = match piece.cause {
                Cause::Override(_) => ReasonCode::Override,
                Cause::Oof if self.input.config.oof_rank == OofRank::Wins => ReasonCode::OofSetting,
                Cause::None | Cause::Oof | Cause::Bridged(_) => ReasonCode::DoesNotComeBack,
                Cause::Event(_) => winner.map_or(ReasonCode::OnlyEvent, |winner| compare(profile, winner, candidate).1),
            };
            Loss { event: EventKey::of(candidate.event), reason }
        });
        losses.collect()
    }

    /// The next instant at which the current value may change (SEMANTICS P-19, P-28).
    fn next_boundary(&self, piece: Option<Piece>, end: Option<Timestamp>) -> Option<Timestamp> {
        let now = self.input.now;
        let Some(piece) = piece else {
            return Some(self.bounds.start).filter(|&start| start > now && start < self.bounds.end);
        };
        let text = end.and_then(|end| self.known(end)).and_then(|until| next_change(now, until, self.input.presence_zone));
        let greeting = self.oof.iter().flat_map(|span| [span.start, span.end]).filter(|&at| at > now);
        greeting.chain(text).chain(self.next_recurring()).chain([piece.end]).min()
    }

    /// When more occurrences of series come into sight: the next local midnight, if any is out of sight now (FEATURES C10).
    fn next_recurring(&self) -> Option<Timestamp> {
        if !self.drops.iter().any(|drop| drop.reason == ReasonCode::RecurringDaysAhead) {
            return None;
        }
        let Input { now, mailbox_zone: zone, .. } = *self.input;
        let today = day_of(now, zone);
        // Where the clock is set back across midnight, tomorrow has begun once already: then the day after it.
        let days = [1, 2].map(|days| first_instant(today.saturating_add(jiff::Span::new().days(days)), zone));
        days.into_iter().find(|&at| at > now)
    }
}

pub(super) fn layer(cause: Cause) -> Layer {
    match cause {
        Cause::None | Cause::Event(_) | Cause::Bridged(_) => Layer::Calendar,
        Cause::Oof => Layer::Oof,
        Cause::Override(_) => Layer::Override,
    }
}
