//! The presence line over time, and the difference between two lines (FEATURES P13, X07).
//!
//! Promise: every moment of a line is what [`Basis::foreseen`] says at each of its instants, because the line goes from one
//! boundary to the next as the engine itself does (SEMANTICS P-28). Work is bounded: a line that takes too many steps ends
//! early, which its last moment shows, and a boundary that does not advance ends it too.

use calport_model::PresenceValue;
use calport_rules::presence::title_of;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::basis::Basis;

/// Steps of one line. Thirty-five days with an appointment every ten minutes are 5,040 boundaries.
const MOST_STEPS: usize = 10_000;

/// Events judged for one line, all steps together, because every step judges all of them: 10,000 steps for 200 events, 149 steps
/// for 20,000. About three seconds of one core without optimisation.
const MOST_WORK: usize = 3_000_000;

/// What is seen at a sink, and what it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The value.
    pub value: PresenceValue,
    /// The layer it comes from, by its name in the order of layers (SEMANTICS P-25).
    pub layer: String,
    /// The rule that decides, as [`calport_rules::presence::ReasonCode`] writes it.
    pub rule: String,
    /// The title of the appointment that shows, where it may be shown (SEMANTICS P-20).
    pub title: Option<String>,
}

/// A part of a line, `[start, end)`, in which nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// What is seen.
    #[serde(flatten)]
    pub seen: Seen,
}

/// A part of time, `[start, end)`, in which two lines show different values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// What one line shows; `None` where it does not reach.
    pub before: Option<Seen>,
    /// What the other line shows.
    pub after: Option<Seen>,
}

/// The line of a person in `[from, to)`, as far as the loaded window reaches. Equal neighbours are one moment. It ends before
/// that only when it takes more steps than are allowed.
pub fn line(basis: &Basis, from: Timestamp, to: Timestamp) -> Vec<Moment> {
    let most = MOST_STEPS.min(MOST_WORK / (basis.events.len() + 100));
    walk(from.max(basis.window.start), to.min(basis.window.end), most, |at| {
        let shown = basis.foreseen(at);
        let winner = shown.outcome.current.winner.as_ref();
        let title = winner.and_then(|winner| title_of(&basis.input(at), winner));
        let rule = shown.outcome.current.reason.to_string();
        (Seen { value: shown.value, layer: shown.layer, rule, title }, shown.next_change)
    })
}

/// Goes from boundary to boundary. `None` as the next boundary: nothing changes any more.
fn walk(from: Timestamp, to: Timestamp, most: usize, mut look: impl FnMut(Timestamp) -> (Seen, Option<Timestamp>)) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    let mut start = from;
    for _ in 0..most {
        if start >= to {
            break;
        }
        let (seen, next) = look(start);
        let end = next.unwrap_or(to).min(to);
        if end <= start {
            break;
        }
        match moments.last_mut() {
            Some(last) if last.seen == seen => last.end = end,
            _ => moments.push(Moment { start, end, seen }),
        }
        start = end;
    }
    moments
}

/// Where two lines show different values, by time. Equal neighbours are one change; a change of layer or rule alone is none.
pub fn difference(before: &[Moment], after: &[Moment]) -> Vec<Change> {
    let mut cuts: Vec<Timestamp> = before.iter().chain(after).flat_map(|moment| [moment.start, moment.end]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    let mut changes: Vec<Change> = Vec::new();
    for (&start, &end) in cuts.iter().zip(cuts.iter().skip(1)) {
        let (before, after) = (at(&mut old, start), at(&mut new, start));
        let value = |seen: Option<&Seen>| seen.map(|seen| seen.value.clone());
        let (was, is) = (value(before), value(after));
        if was == is {
            continue;
        }
        match changes.last_mut() {
            Some(last) if last.end == start && value(last.before.as_ref()) == was && value(last.after.as_ref()) == is => last.end = end,
            _ => changes.push(Change { start, end, before: before.cloned(), after: after.cloned() }),
        }
    }
    changes
}

/// What a line shows at an instant; the instants must not go back.
fn at<'a>(line: &mut std::iter::Peekable<impl Iterator<Item = &'a Moment>>, instant: Timestamp) -> Option<&'a Seen> {
    while line.next_if(|moment| moment.end <= instant).is_some() {}
    line.peek().filter(|moment| moment.start <= instant).map(|moment| &moment.seen)
}

#[cfg(test)]
mod tests;
