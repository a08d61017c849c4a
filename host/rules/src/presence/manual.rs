//! States set by hand (SEMANTICS P-22 to P-24).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::target::Target;

/// When a state set by hand ends, if nothing ends it sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverrideUntil {
    /// At this instant; after it a still running appointment shows ("expected end").
    Time(Timestamp),
    /// When the next appointment starts.
    NextStart,
    /// When it is cleared ("actual end").
    Cleared,
}

/// A state set by hand. Without [`blocks_appointments`](Self::blocks_appointments) the next start of an eligible event
/// strictly after [`set_at`](Self::set_at) ends it, whatever its `until` (SEMANTICS P-22).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Override {
    /// Its id, unique for the person.
    pub id: String,
    /// When it was set: the sink's time of the change, or of our reading (SEMANTICS P-22a). Not after `now`.
    pub set_at: Timestamp,
    /// Its end.
    pub until: OverrideUntil,
    /// Whether starts of appointments leave it alone.
    pub blocks_appointments: bool,
    /// When it ended, if it did; what has ended stays ended (SEMANTICS P-22a).
    pub ended_at: Option<Timestamp>,
    /// What it shows.
    pub target: Target,
    /// The person's own words, shown as a title is; they are not masked.
    pub note: Option<String>,
    /// Its own greeting, by its name at the sink; it goes before all others (SEMANTICS P-21).
    pub greeting: Option<String>,
    /// Its own forwarding profile.
    pub forwarding: Option<String>,
}
