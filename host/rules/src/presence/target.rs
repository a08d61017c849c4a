//! What an event can be mapped to (SEMANTICS P-12).

use std::borrow::Cow;
use std::fmt;

use calport_model::Availability;
use serde::{Deserialize, Serialize};

/// A state that a person can be in because of something: the elements of the severity order (SEMANTICS P-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Reachable.
    Available,
    /// Busy.
    Busy,
    /// Not there.
    Away,
    /// Do not disturb.
    #[serde(rename = "dnd")]
    DoNotDisturb,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Available, Self::Busy, Self::Away, Self::DoNotDisturb];

    /// The word used in the configuration and in `--json`.
    pub fn as_str(self) -> &'static str {
        self.availability().as_str()
    }

    /// The state as sinks know it.
    pub fn availability(self) -> Availability {
        match self {
            Self::Available => Availability::Available,
            Self::Busy => Availability::Busy,
            Self::Away => Availability::Away,
            Self::DoNotDisturb => Availability::DoNotDisturb,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What is shown while an event wins: a state, or a template by its name. A template ranks as its state (SEMANTICS P-12).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A plain state.
    State(State),
    /// A named presence result of [`Config::templates`](super::Config::templates).
    Template(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => f.write_str(state.as_str()),
            Self::Template(name) => write!(f, "template:{name}"),
        }
    }
}

/// A row of the mapping: what becomes of a class of events.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// Events of the class do not count (SEMANTICS P-10).
    Ignore,
    /// Events of the class lead to this.
    Show(Target),
}

impl Row {
    /// The target, if events of the class count.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Ignore => None,
            Self::Show(target) => Some(target),
        }
    }
}

impl From<State> for Row {
    fn from(state: State) -> Self {
        Self::Show(Target::State(state))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignore => f.write_str("ignore"),
            Self::Show(target) => target.fmt(f),
        }
    }
}

/// A word that is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no target: expected available, busy, away, dnd, ignore or template:NAME")]
pub struct UnknownTarget(String);

impl std::str::FromStr for Row {
    type Err = UnknownTarget;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if word == "ignore" {
            return Ok(Self::Ignore);
        }
        word.parse().map(Self::Show)
    }
}

impl std::str::FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if let Some(state) = State::parse(word) {
            return Ok(Self::State(state));
        }
        match word.strip_prefix("template:").map(str::trim) {
            Some(name) if !name.is_empty() => Ok(Self::Template(name.to_owned())),
            _ => Err(UnknownTarget(word.to_owned())),
        }
    }
}

/// Serialises as its word; the schema is a pattern.
macro_rules! as_word {
    ($type:ty, $name:literal, $pattern:literal) => {
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = Cow::<'de, str>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

as_word!(Target, "Target", "^(available|busy|away|dnd|template:.+)$");
as_word!(Row, "MappingRow", "^(available|busy|away|dnd|ignore|template:.+)$");
