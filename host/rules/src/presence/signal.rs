//! Live signals above, between and below the layers of the calendar (SEMANTICS P-25). The calendar's function never reads them.

use calport_model::PresenceValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Input;
use super::config::{ConfigError, OofRank};
use super::evaluate::Line;
use super::outcome::{Layer, Outcome};
use super::target::Target;
use super::timeline::Cause;

/// The layer of telephone calls, the one live signal that a sink gives.
pub const CALL_LAYER: &str = "call";

/// The layers that `evaluate` itself puts together; their order among each other is fixed.
const OWN: [&str; 4] = ["override", "oof-wins", "calendar", "oof-base"];

/// The order of all layers, strongest first: the own ones and the names of signals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct LayerOrder(pub Vec<String>);

impl Default for LayerOrder {
    fn default() -> Self {
        Self(["call", "override", "oof-wins", "calendar", "oof-base"].map(str::to_owned).to_vec())
    }
}

impl LayerOrder {
    /// Judges the order.
    ///
    /// # Errors
    ///
    /// Own layers that are missing or stand in another order, and names that stand twice.
    pub fn validate(&self) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        let own: Vec<&str> = self.0.iter().map(String::as_str).filter(|name| OWN.contains(name)).collect();
        if own != OWN {
            let problem = format!("{} must all stand in it, in this order", OWN.join(", "));
            errors.push(ConfigError::new("layers", problem, "put the names of signals between them"));
        }
        for (at, name) in self.0.iter().enumerate() {
            if !OWN.contains(&name.as_str()) && self.0.iter().take(at).any(|earlier| earlier == name) {
                errors.push(ConfigError::new("layers", format!("\"{name}\" stands in it twice"), "keep one of them"));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|layer| layer == name)
    }
}

/// A live signal that is on: a call, a presence from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The layer it belongs to; one that is not in the order is not shown.
    pub layer: String,
    /// What it shows.
    pub target: Target,
    /// When it ends; `None` when not known.
    pub until: Option<Timestamp>,
}

/// Lays live signals over what the calendar's function answered: the signal to show, or `None` when none is stronger.
/// Where there is no event, nothing is there to be stronger than a signal.
pub fn shown_signal<'s>(outcome: &Outcome, signals: &'s [Signal], order: &LayerOrder, oof_rank: OofRank) -> Option<&'s Signal> {
    let own = match (outcome.current.layer, &outcome.current.target, oof_rank) {
        (Layer::Override, ..) => order.place("override"),
        (Layer::Oof, _, OofRank::Wins) => order.place("oof-wins"),
        (Layer::Oof, _, OofRank::Base) => order.place("oof-base"),
        (Layer::Calendar, Some(_), _) => order.place("calendar"),
        (Layer::Calendar, None, _) => None,
    };
    // A signal cannot pass for one of the own layers.
    let foreign = signals.iter().filter(|signal| !OWN.contains(&signal.layer.as_str()));
    let places = foreign.filter_map(|signal| Some((order.place(&signal.layer)?, signal)));
    let (place, signal) = places.min_by(|(a, first), (b, second)| a.cmp(b).then_with(|| first.target.cmp(&second.target)))?;
    (own.is_none_or(|own| place < own)).then_some(signal)
}

/// The value of a signal: its text says nothing of the calendar.
pub fn signal_value(input: &Input<'_>, signal: &Signal) -> PresenceValue {
    let empty = Input { events: &[], overrides: &[], absence: None, ..*input };
    Line::new(&empty).foreign(&signal.target, signal.until)
}

/// The value where nothing is known any more (SEMANTICS P-26): no state, no title, no end.
pub fn unknown_value(input: &Input<'_>) -> PresenceValue {
    let empty = Input { events: &[], overrides: &[], absence: None, ..*input };
    Line::new(&empty).unknown().value
}

impl Cause {
    /// The name of its layer in [`LayerOrder`].
    pub(super) fn layer_name(self, rank: OofRank) -> &'static str {
        match (self, rank) {
            (Self::Override(_), _) => "override",
            (Self::Oof, OofRank::Wins) => "oof-wins",
            (Self::Oof, OofRank::Base) => "oof-base",
            (Self::None | Self::Event(_) | Self::Bridged(_), _) => "calendar",
        }
    }
}
