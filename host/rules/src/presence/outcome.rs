//! What the function answers, and the reasons it gives.

use std::fmt;

use calport_model::{Event, OriginalStart, PresenceValue};
use jiff::Timestamp;
use serde::Serialize;

use super::target::Target;

/// Names an event: its id and, for members of a series, their place in it (SEMANTICS P-13, last element).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// The id at the other side.
    pub id: String,
    /// The place in the series.
    pub original: Option<OriginalStart>,
}

impl EventKey {
    /// The key of an event.
    pub fn of(event: &Event) -> Self {
        Self { id: event.id.clone(), original: event.kind.original() }
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.original {
            None => f.write_str(&self.id),
            Some(OriginalStart::Timed(start)) => write!(f, "{}@{start}", self.id),
            Some(OriginalStart::Day(day)) => write!(f, "{}@{day}", self.id),
        }
    }
}

impl Serialize for EventKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why something is as it is. The text of a code is stable: rule id, space, word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonCode {
    /// Dropped: its end is not after its start.
    NoDuration,
    /// Dropped: the master of a series; its occurrences count.
    SeriesMaster,
    /// Dropped: the organiser cancelled it.
    Cancelled,
    /// Dropped: the person declined it.
    Declined,
    /// Dropped: its subject starts with the ignore prefix.
    IgnorePrefix,
    /// Dropped: private, and private appointments are skipped.
    Private,
    /// Dropped: shown as free.
    Free,
    /// Dropped: the mapping row of its class says so.
    MappingIgnore,
    /// Dropped: not in the window looked at; or, as a win, the moment asked for is not in it.
    OutsideWindow,
    /// Dropped: an occurrence of a series further ahead than recurring appointments are looked at.
    RecurringDaysAhead,
    /// Dropped: Calport wrote it itself for an override.
    OwnMirror,
    /// Wins: nothing else is there.
    OnlyEvent,
    /// Wins or loses by a keyword.
    Keyword,
    /// Wins or loses by the severity of the target.
    Severity,
    /// Wins or loses because one is timed and one lasts all day.
    TimedBeatsAllDay,
    /// Wins or loses by the later start.
    LaterStart,
    /// Wins or loses by the earlier end.
    EarlierEnd,
    /// Wins or loses by the id.
    SmallerId,
    /// Shown across a short gap.
    MergeGap,
    /// No event: available.
    NoEvent,
    /// Wins as, or loses to, the out-of-office setting.
    OofSetting,
    /// Wins as, or loses to, an override.
    Override,
    /// Wins or loses by the later end, in profile `last-end`.
    LaterEnd,
    /// Wins or loses by the later start, in profile `promote`.
    Promoted,
    /// Loses: an earlier one does not come back, in profile `promote`.
    DoesNotComeBack,
}

impl ReasonCode {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoDuration => "P-01 no-duration",
            Self::SeriesMaster => "P-02 series-master",
            Self::Cancelled => "P-06 cancelled",
            Self::Declined => "P-06 declined",
            Self::IgnorePrefix => "P-07 ignore-prefix",
            Self::Private => "P-08 private",
            Self::Free => "P-09 free",
            Self::MappingIgnore => "P-10 mapping-ignore",
            Self::OutsideWindow => "P-11 outside-window",
            Self::RecurringDaysAhead => "P-11 recurring-days-ahead",
            Self::OwnMirror => "P-23 own-mirror",
            Self::OnlyEvent => "P-15 only-event",
            Self::Keyword => "P-13.1 keyword",
            Self::Severity => "P-13.2 severity",
            Self::TimedBeatsAllDay => "P-13.3 timed-beats-all-day",
            Self::LaterStart => "P-13.4 later-start",
            Self::EarlierEnd => "P-13.5 earlier-end",
            Self::SmallerId => "P-13.6 smaller-id",
            Self::MergeGap => "P-16 merge-gap",
            Self::NoEvent => "P-18 no-event",
            Self::OofSetting => "P-21 oof-setting",
            Self::Override => "P-22 override",
            Self::LaterEnd => "P-24a later-end",
            Self::Promoted => "P-24a promoted",
            Self::DoesNotComeBack => "P-24a does-not-come-back",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Where a piece of the timeline comes from (SEMANTICS P-25).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Appointments, or nothing.
    Calendar,
    /// The out-of-office setting.
    Oof,
    /// A state set by hand.
    Override,
}

/// A part of the timeline, `[start, end)`, with one target and one winner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// What is shown; `None` where there is nothing: available without a title (SEMANTICS P-12).
    pub target: Option<Target>,
    /// The event that wins.
    pub winner: Option<EventKey>,
    /// Where it comes from.
    pub layer: Layer,
    /// The end of the run of the same target; `None` when it reaches the horizon (SEMANTICS P-17).
    pub until: Option<Timestamp>,
    /// Why: a short gap, no event, the setting, the override, or [`ReasonCode::OnlyEvent`] for a winning event.
    pub reason: ReasonCode,
}

/// An event that was set aside before ranking.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Drop {
    /// The event.
    pub event: EventKey,
    /// Why.
    pub reason: ReasonCode,
}

/// An eligible event that runs at the moment asked for, and does not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The event.
    pub event: EventKey,
    /// The rule by which the winner beat it.
    pub reason: ReasonCode,
}

/// What is shown at the moment asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Current {
    /// The value: text rendered and masked.
    pub value: PresenceValue,
    /// What is shown; `None` where there is nothing: available without a title.
    pub target: Option<Target>,
    /// The event that wins.
    pub winner: Option<EventKey>,
    /// Where it comes from.
    pub layer: Layer,
    /// The id of the override that shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
    /// Why it wins: the rule that beat the strongest loser, or [`ReasonCode::OnlyEvent`].
    pub reason: ReasonCode,
}

/// The end of an override as computed: what lies at or before `now` must be kept as its `ended_at` (SEMANTICS P-22a).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OverrideEnd {
    /// The override's id.
    pub id: String,
    /// Its end; `None` when it is not known.
    pub end: Option<Timestamp>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// What is shown now.
    pub current: Current,
    /// The whole timeline `[lookback, horizon)`, without gaps.
    pub segments: Vec<Segment>,
    /// Events set aside, sorted by key.
    pub drops: Vec<Drop>,
    /// Eligible events that run now and do not show, strongest first.
    pub losses: Vec<Loss>,
    /// The ends of the overrides.
    pub overrides: Vec<OverrideEnd>,
    /// The next instant after `now` at which the value, the target or the winner may change, local midnights that change
    /// the text among them (SEMANTICS P-19); until then nothing need be computed again for the passing of time.
    /// The horizon is one. `None` when `now` is past it.
    pub next_boundary: Option<Timestamp>,
}
