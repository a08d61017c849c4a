//! States set by hand (SEMANTICS P-22 to P-24).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::config::Config;
use super::target::{State, Target};

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

/// What holds for a state set by hand (SEMANTICS P-24).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ManualRule {
    /// It ends after so many minutes at the latest, 1 to 43,200. No such limit when not set.
    #[schemars(range(min = 1, max = 43_200))]
    pub minutes: Option<u32>,
    /// Appointments that start leave it alone; else the next one ends it.
    pub blocks_appointments: bool,
    /// The greeting while it holds, by its name at the sink.
    pub greeting: Option<String>,
    /// The forwarding profile while it holds, by its name at the sink.
    pub forwarding: Option<String>,
}

/// What holds for states set by hand, by their state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ManualRules {
    /// Available.
    pub available: ManualRule,
    /// Busy.
    pub busy: ManualRule,
    /// Away.
    pub away: ManualRule,
    /// Do not disturb.
    pub dnd: ManualRule,
}

impl ManualRules {
    /// The rule of a state.
    pub fn rule(&self, state: State) -> &ManualRule {
        match state {
            State::Available => &self.available,
            State::Busy => &self.busy,
            State::Away => &self.away,
            State::DoNotDisturb => &self.dnd,
        }
    }
}

impl Config {
    /// The override that a state set by hand at `set_at` is, by the rules of that state. `until` is the end that the sink
    /// tells; the earlier of it and of the rule's limit holds.
    pub fn set_by_hand(&self, id: String, set_at: Timestamp, state: State, note: Option<String>, until: Option<Timestamp>) -> Override {
        let rule = self.manual.rule(state);
        let limit = rule.minutes.and_then(|minutes| set_at.checked_add(SignedDuration::from_mins(i64::from(minutes))).ok());
        let until = match ([until, limit].into_iter().flatten().min(), rule.blocks_appointments) {
            (Some(end), _) => OverrideUntil::Time(end),
            (None, true) => OverrideUntil::Cleared,
            (None, false) => OverrideUntil::NextStart,
        };
        Override {
            id,
            set_at,
            until,
            blocks_appointments: rule.blocks_appointments,
            ended_at: None,
            target: Target::State(state),
            note,
            greeting: rule.greeting.clone(),
            forwarding: rule.forwarding.clone(),
        }
    }
}
