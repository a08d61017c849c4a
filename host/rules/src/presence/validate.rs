//! What is wrong with settings, all of it at once.

use super::config::{Class, Config, ConfigError, MERGE_GAP_LIMIT};
use super::keyword::Keywords;
use super::signal::CALL_LAYER;
use super::target::{State, Target};

impl Config {
    /// Judges the settings.
    ///
    /// # Errors
    ///
    /// Every mistake, each with the setting, the problem and the remedy: an order that misses a state in use or names one
    /// twice (SEMANTICS P-13), a mapping to a template that does not exist, a word in both lists, a gap over the limit
    /// (P-16), a prefix or an address that can never match.
    pub fn validate(&self) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        for class in Class::ALL {
            let row = self.mapping.row(class);
            match row.target() {
                Some(Target::Template(name)) if !self.templates.contains_key(name) => errors.push(ConfigError::new(
                    format!("mapping.{}", class.as_str()),
                    format!("there is no template \"{name}\""),
                    self.template_remedy(name),
                )),
                _ => {}
            }
        }
        self.validate_severity(&mut errors);
        for word in Keywords::new(self).in_both() {
            errors.push(ConfigError::new(
                "must_not_words",
                format!("\"{word}\" stands in must_words too, where it can have no effect"),
                "remove it from one of the lists",
            ));
        }
        if self.merge_gap_minutes > MERGE_GAP_LIMIT {
            let problem = format!("{} is more than {MERGE_GAP_LIMIT} minutes", self.merge_gap_minutes);
            errors.push(ConfigError::new("merge_gap_minutes", problem, format!("give 0 to {MERGE_GAP_LIMIT}")));
        }
        if self.ignore_prefix.starts_with(char::is_whitespace) {
            let problem = "it begins with white space, which is removed from subjects before they are compared";
            errors.push(ConfigError::new("ignore_prefix", problem, "leave the white space out"));
        }
        if self.tentative_exceptions.iter().any(|address| address.trim().is_empty()) {
            errors.push(ConfigError::new("tentative_exceptions", "an address is empty", "remove it"));
        }
        self.validate_signals(&mut errors);
        if self.recurring_days_ahead == Some(0) {
            errors.push(ConfigError::new("recurring_days_ahead", "0 days would hide every series", "give 1 or more, or leave it out"));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn validate_signals(&self, errors: &mut Vec<ConfigError>) {
        errors.extend(self.layers.validate().err().unwrap_or_default());
        for (name, target) in &self.signals {
            let field = || format!("signals.{name}");
            if name != CALL_LAYER {
                let problem = format!("there is no live signal \"{name}\"");
                errors.push(ConfigError::new(field(), problem, format!("the one there is is \"{CALL_LAYER}\"")));
            }
            if let Target::Template(template) = target
                && !self.templates.contains_key(template)
            {
                let problem = format!("there is no template \"{template}\"");
                errors.push(ConfigError::new(field(), problem, self.template_remedy(template)));
            }
            if !self.layers.0.contains(name) {
                let problem = format!("\"{name}\" does not stand in `layers`, so it would never show");
                errors.push(ConfigError::new(field(), problem, "put it where it belongs in the order"));
            }
        }
    }

    fn template_remedy(&self, name: &str) -> String {
        if self.templates.is_empty() {
            return format!("add [templates.{name}], or map to available, busy, away, dnd or ignore");
        }
        let names: Vec<&str> = self.templates.keys().map(String::as_str).collect();
        format!("add [templates.{name}], or use one of: {}", names.join(", "))
    }

    fn validate_severity(&self, errors: &mut Vec<ConfigError>) {
        for state in State::ALL {
            match self.severity.iter().filter(|&&listed| listed == state).count() {
                0 => {
                    let users: Vec<&str> =
                        Class::ALL.into_iter().filter(|&class| self.class_state(class) == Some(state)).map(Class::as_str).collect();
                    if !users.is_empty() {
                        let problem = format!("\"{}\" is missing, and the mapping of {} leads to it", state.as_str(), users.join(", "));
                        errors.push(ConfigError::new(
                            "severity",
                            problem,
                            format!("put \"{}\" where it belongs in the order", state.as_str()),
                        ));
                    }
                }
                1 => {}
                _ => {
                    let problem = format!("\"{}\" stands in it more than once", state.as_str());
                    errors.push(ConfigError::new("severity", problem, "keep one of them"));
                }
            }
        }
    }

    fn class_state(&self, class: Class) -> Option<State> {
        self.mapping.row(class).target().and_then(|target| self.state(target))
    }

    /// The strength of a target, higher wins; one that the order misses is weakest.
    pub(super) fn severity_of(&self, target: &Target) -> usize {
        let place = self.state(target).and_then(|state| self.severity.iter().position(|&listed| listed == state));
        place.map_or(0, |place| self.severity.len() - place)
    }
}
