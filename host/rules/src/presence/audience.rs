//! Audiences: the same presence, shown to others as something else (SEMANTICS P-24b).

use std::collections::BTreeMap;

use calport_model::PresenceValue;
use serde::{Deserialize, Serialize};

use super::Input;
use super::config::{Config, ConfigError};
use super::evaluate::Line;
use super::target::{State, Target};

/// What an audience sees. It is applied after the computation and before any sink: the timeline is the same for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audience {
    /// Targets and what is shown in their place, without title, greeting and forwarding of the original.
    pub aliases: BTreeMap<String, Target>,
    /// Whether titles are shown, where the settings show them at all.
    pub show_subject: bool,
    /// Whether what comes next is shown.
    pub show_next: bool,
}

impl Default for Audience {
    fn default() -> Self {
        Self { aliases: BTreeMap::new(), show_subject: true, show_next: true }
    }
}

impl Audience {
    /// What is shown in place of a target; a state's alias does not hold for templates of that state.
    pub(super) fn alias(&self, target: &Target) -> Option<&Target> {
        match target {
            // The common case must not build a name.
            Target::State(state) => self.aliases.get(state.as_str()),
            Target::Template(_) => self.aliases.get(&target.to_string()),
        }
    }

    /// Judges the aliases.
    ///
    /// # Errors
    ///
    /// A name that is no target, and templates that the settings do not have.
    pub fn validate(&self, config: &Config) -> Result<(), Vec<ConfigError>> {
        let known = |target: &Target| config.state(target).is_some();
        let mut errors = Vec::new();
        for (name, alias) in &self.aliases {
            if !name.parse().is_ok_and(|target| known(&target)) {
                let states = State::ALL.map(State::as_str).join(", ");
                let problem = format!("\"{name}\" is neither a state nor a template");
                errors.push(ConfigError::new(
                    format!("aliases.{name}"),
                    problem,
                    format!("use {states}, or template:NAME of a template that exists"),
                ));
            }
            if !known(alias) {
                let problem = format!("\"{alias}\" does not exist");
                errors.push(ConfigError::new(format!("aliases.{name}"), problem, "add the template, or use a state"));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// The value that an audience sees at the moment asked for.
pub fn value_for(input: &Input<'_>, audience: &Audience) -> PresenceValue {
    let line = Line::new(input);
    let ends = line.run_ends();
    match line.at_now() {
        Some((at, piece)) => line.value(at, piece.cause, ends.get(at).copied().unwrap_or(piece.end), Some(audience)),
        None => line.unknown().value,
    }
}
