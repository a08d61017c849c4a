//! The answer of `calport preview`: what a person's sink will show, and what a draft of the configuration would change
//! (features P13, X07).
//!
//! The service makes [`Line`]s and sends each as JSON as soon as it is made; the command prints them, or text made of them.
//! Nothing is applied. What is not loaded (another mailbox, further calendars, somebody who is not shown yet) is named instead
//! of guessed.

mod compare;
#[cfg(test)]
mod tests;
mod text;

use calport_engine::{Change, Moment};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use compare::{Side, foreseeable, settings_that_differ, under, weigh};
pub use text::{head, person, summary};

use crate::explain::Who;

/// A line of a preview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Line {
    /// What is previewed; the first line.
    Head(Head),
    /// A person; with a draft only those for whom it makes a difference, or who were asked for by name.
    Person(Box<Preview>),
    /// How far the work is.
    Progress {
        /// People looked at.
        done: usize,
        /// People in all.
        total: usize,
    },
    /// What it comes to; the last line of a preview that was made to its end.
    Summary(Summary),
    /// The draft has mistakes; nothing else follows.
    Refused {
        /// The mistakes for people.
        text: String,
        /// The mistakes for programs.
        diagnostics: serde_json::Value,
    },
    /// The preview cannot go on; nothing else follows.
    Failed {
        /// Why.
        error: String,
        /// What to do.
        remedy: String,
    },
}

/// What is previewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// From when.
    pub from: Timestamp,
    /// How many days.
    pub days: u32,
    /// People looked at.
    pub people: usize,
    /// The draft.
    pub draft: Option<String>,
    /// What the draft changes, in the words of the log.
    pub configuration: Vec<String>,
    /// What is perhaps not meant so in the draft.
    pub warnings: Vec<String>,
    /// What must be known to read the rest.
    pub notes: Vec<String>,
}

/// A person's preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Who, as the configuration in use has it; as the draft has it for those whom only the draft shows.
    pub person: Who,
    /// The zone of the person's texts; times in the text are written in it.
    pub zone: String,
    /// From when.
    pub from: Timestamp,
    /// Up to when something is known; `None` where nothing is.
    pub to: Option<Timestamp>,
    /// What the sink will show; empty with a draft.
    pub moments: Vec<Moment>,
    /// What the draft does to the person.
    pub effect: Option<Effect>,
    /// Where the draft shows another value.
    pub changes: Vec<Change>,
    /// Settings of the person that the draft changes.
    pub by: Vec<String>,
    /// What must be known to read the rest.
    pub notes: Vec<String>,
    /// What keeps the presence from being right now.
    pub troubles: Vec<String>,
}

/// What a draft does to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The same is shown at the same place.
    Unchanged,
    /// Another value is shown at some time.
    Changed,
    /// Nothing is shown any more: what is there is cleared.
    NoLongerShown,
    /// The person was not shown before.
    NewlyShown,
    /// It is shown at another sink, or as another user.
    Moved,
    /// Settings differ, and what comes of it depends on what is not loaded.
    NotForeseeable,
}

/// What a preview comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// People looked at.
    pub people: usize,
    /// People for whom nothing can be computed now.
    pub troubled: usize,
    /// People by what the draft does to them; without a draft empty.
    pub effects: BTreeMap<Effect, usize>,
    /// People who are not left as they are, by the settings that differ.
    pub by: BTreeMap<String, usize>,
}

impl Summary {
    /// Counts a person.
    pub fn count(&mut self, preview: &Preview) {
        self.people += 1;
        self.troubled += usize::from(!preview.troubles.is_empty());
        let Some(effect) = preview.effect else { return };
        *self.effects.entry(effect).or_default() += 1;
        if effect != Effect::Unchanged {
            for setting in &preview.by {
                *self.by.entry(setting.clone()).or_default() += 1;
            }
        }
    }
}
