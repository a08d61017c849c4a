//! Presence over time: `evaluate` turns the events of a mailbox into a timeline, the value to show now, and the reasons.
//!
//! Promise: SEMANTICS 1a. The answer depends on the input alone, never on the order of its events (P-29); between `now` and
//! [`Outcome::next_boundary`] it does not change. Titles of private events do not leave (P-20).

mod activity;
mod audience;
mod config;
mod days;
mod eligible;
mod evaluate;
mod explain;
mod freshness;
mod keyword;
mod layers;
mod manual;
mod outcome;
mod pattern;
mod rank;
mod signal;
mod target;
mod template;
mod text;
mod timeline;
mod validate;
mod value;

use calport_model::{Absence, Event};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use audience::{Audience, value_for};
pub use config::{Class, Config, ConfigError, MERGE_GAP_LIMIT, Mapping, MappingOverride, OofRank, Profile, TimeFormat};
pub use evaluate::evaluate;
pub use explain::{Appointment, Contender, Explanation, OverrideState, Status, explain, title_of};
pub use freshness::{Evidence, Freshness, freshness};
pub use manual::{ManualRule, ManualRules, Override, OverrideUntil};
pub use outcome::{Current, Drop, EventKey, Layer, Loss, Outcome, OverrideEnd, ReasonCode, Segment};
pub use pattern::{PatternError, TextPattern};
pub use signal::{CALL_LAYER, LayerOrder, Signal, shown_signal, signal_value, unknown_value};
pub use target::{Row, State, Target, UnknownTarget};
pub use template::Template;

use crate::Language;

/// The tag of appointments that Calport writes for an override; as a category it keeps them out of presence (SEMANTICS P-23).
pub const OWN_TAG: &str = "calport:current";

/// All that presence depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The events of the mailbox, in any order; masters of series are ignored.
    pub events: &'a [Event],
    /// The out-of-office setting; `None` when it is not known, which is not the same as off (SEMANTICS P-21).
    pub absence: Option<Absence>,
    /// The moment asked for.
    pub now: Timestamp,
    /// The end of the loaded window: what lies after it is not known (SEMANTICS P-11, P-17).
    pub horizon: Timestamp,
    /// The start of what is looked at. It must reach every event still running and the start of every override that holds.
    pub lookback: Timestamp,
    /// The zone in which times are written (SEMANTICS P-19).
    pub presence_zone: &'a TimeZone,
    /// The zone in which all-day events begin and end (SEMANTICS P-04).
    pub mailbox_zone: &'a TimeZone,
    /// The language of the text.
    pub language: Language,
    /// The settings; those that [`Config::validate`] refuses give an answer too, but not a meaningful one.
    pub config: &'a Config,
    /// States set by hand, in any order.
    pub overrides: &'a [Override],
}
