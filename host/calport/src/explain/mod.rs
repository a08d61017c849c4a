//! The answer of `calport explain`: why a person's presence is as it is (features D-01, X06).
//!
//! The service makes one [`Explained`] and sends it as JSON; the command prints that JSON, or the text made of the same value.
//! Promise: what it says of a moment is what the engine computes for it, by the same functions. It can be pasted to a ticket:
//! titles of private appointments are in no field of it (SEMANTICS P-20).

mod build;
mod find;
mod local;
mod moment;
mod reasons;
#[cfg(test)]
mod tests;
mod text;
mod troubles;

use calport_model::PresenceValue;
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

pub use build::{Asked, RowOrigins, explained};
pub use find::{Known, NotFound, find};
pub use local::{Local, zone_name, zone_of};
pub use moment::parse;
pub use text::{quoted, text, value};
pub use troubles::{Circumstances, troubles};

/// Why a person's presence is as it is at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Who.
    pub person: Who,
    /// The moment.
    pub at: Timestamp,
    /// Whether the moment is the present one. If not, what is only true now is left out.
    pub now: bool,
    /// The zone of the person's texts; times in the text are written in it.
    pub zone: String,
    /// What keeps the presence from being right, with what to do.
    pub troubles: Vec<String>,
    /// What must be known to read the rest.
    pub notes: Vec<String>,
    /// What the sink shows; only for the present moment.
    pub sink: Option<AtSink>,
    /// What is to be shown and why; `None` where nothing can be computed.
    pub presence: Option<Presence>,
    /// What the sink took last, newest first; for an earlier moment, up to then.
    pub last_changes: Vec<SinkChange>,
}

/// Who is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The flow that shows the person.
    pub flow: Option<String>,
    /// The connection of the calendar.
    pub source: Option<String>,
    /// The mailbox, when it was found.
    pub mailbox: Option<String>,
    /// The connection of the sink.
    pub sink: Option<String>,
    /// The user at the sink.
    pub user: Option<String>,
    /// The name of the rules.
    pub rules: Option<String>,
}

/// What the sink shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtSink {
    /// What it has taken last; `None`: nothing of Calport's.
    pub shown: Option<PresenceValue>,
    /// When it took it, as far back as the audit trail says.
    pub since: Option<Timestamp>,
    /// What it is to show.
    pub wanted: Option<PresenceValue>,
    /// Whether it has taken what is wanted.
    pub in_step: bool,
    /// Whether anything is written at all; false in shadow mode.
    pub written: bool,
    /// Why it did not take it.
    pub error: Option<String>,
}

/// What is to be shown, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The value.
    pub value: PresenceValue,
    /// The value before the audience of the sink was considered, where that makes a difference (SEMANTICS P-24b).
    pub before_audience: Option<PresenceValue>,
    /// The layer that decides, or `unknown` (SEMANTICS P-25, P-26).
    pub layer: String,
    /// The rule that decides.
    pub rule: String,
    /// What that rule says.
    pub says: String,
    /// The profile by which appointments compete (SEMANTICS P-24a).
    pub profile: String,
    /// All layers, strongest first.
    pub layers: Vec<Layer>,
    /// The appointment that shows, or would show if no stronger layer covered the calendar.
    pub winner: Option<Item>,
    /// Appointments that run and do not show, strongest first.
    pub losers: Vec<Item>,
    /// Appointments at this time that do not count.
    pub drops: Vec<Item>,
    /// States set by hand, newest first.
    pub by_hand: Vec<ByHand>,
    /// Automatic replies.
    pub out_of_office: OutOfOffice,
    /// How far it can be trusted; only for the present moment.
    pub freshness: Option<Age>,
    /// When the value may change by the calendar alone; when it is no longer claimed is in `freshness`.
    pub next_change: Option<Timestamp>,
}

/// A layer of presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Its name in the order of layers.
    pub name: String,
    /// What becomes of it.
    pub state: LayerState,
    /// What is in it.
    pub says: String,
}

/// What becomes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerState {
    /// It decides.
    Decides,
    /// Something is in it, and a stronger one decides.
    Covered,
    /// Nothing is in it.
    Empty,
    /// The rules do not use it, or what is in it is not known.
    NotUsed,
}

/// An appointment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its id at the server; for members of series with their place in it.
    pub event: String,
    /// Its title, where it may be shown.
    pub title: Option<String>,
    /// Why there is no title: `private`, `subjects-hidden` or `untitled`.
    pub hidden: Option<String>,
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// First and last day of one that lasts all day.
    pub days: Option<(civil::Date, civil::Date)>,
    /// How the mapping sees it; not for those that do not count.
    #[serde(flatten)]
    pub mapped: Option<Mapped>,
    /// The rule by which it wins, loses or does not count.
    pub rule: String,
    /// What that rule says.
    pub says: String,
}

/// How the mapping sees an appointment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapped {
    /// The row of the mapping.
    pub row: String,
    /// What the row leads to.
    pub target: String,
    /// Where the row is from.
    pub row_from: String,
    /// 2 with a must word, 0 with a must-not word, else 1 (SEMANTICS P-13).
    pub keyword: u8,
    /// `promoted`, `overridden`, `started-not-promoted` or `not-started` (SEMANTICS P-24).
    pub status: String,
}

/// A state set by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// The state or template.
    pub target: String,
    /// The person's own words.
    pub note: Option<String>,
    /// When it was set.
    pub set_at: Timestamp,
    /// Where.
    pub set_where: String,
    /// Whether it holds at the moment.
    pub holds: bool,
    /// When it ends, or ended, as far as that is known.
    pub end: Option<Timestamp>,
    /// What ends it, or ended it.
    pub ends_by: String,
}

/// Automatic replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfOffice {
    /// Whether they are on at the moment; `None` when it is not known.
    pub on: Option<bool>,
    /// The window in which they are on, where there is one.
    pub scheduled: Option<(Timestamp, Timestamp)>,
    /// When that was read.
    pub read_at: Option<Timestamp>,
    /// By when it is read again; only for the present moment.
    pub next_reading: Option<Timestamp>,
}

/// How far a value can be trusted (SEMANTICS P-26).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Age {
    /// `fresh`, `stale` or `unknown`.
    pub state: String,
    /// When the copy of the calendar was last known to be right.
    pub last_verified: Option<Timestamp>,
    /// From when nothing is claimed any more unless it is verified before; `None`: never.
    pub unknown_from: Option<Timestamp>,
}

/// What a sink took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkChange {
    /// When.
    pub at: Timestamp,
    /// What was done, such as `presence.set`.
    pub action: String,
    /// Where, and from which change.
    pub cause: String,
    /// What it showed before.
    pub before: Option<PresenceValue>,
    /// What it shows since.
    pub after: Option<PresenceValue>,
}
