//! `[[flows]]`: what is carried from where to where, for whom, by which rules.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formats;
use crate::people::Person;

/// The name of the rules that need no section of their own.
pub const DEFAULT_RULES: &str = "default";

/// A flow: appointments of some people become presence at a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Its name, unique.
    #[schemars(extend("format" = formats::NAME))]
    pub name: String,
    /// What it carries.
    #[serde(default)]
    pub kind: FlowKind,
    /// The connection with the calendars.
    #[schemars(extend("format" = formats::NAME))]
    pub source: String,
    /// The connection where presence is shown.
    #[schemars(extend("format" = formats::NAME))]
    pub sink: String,
    /// Ids of people, and groups as `group:NAME`. Default: everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub people: Option<Vec<String>>,
    /// Ids of people, and groups as `group:NAME`, who are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// The section `[rules.NAME]` that holds; `default` exists without a section.
    #[serde(default = "default_rules")]
    #[schemars(extend("format" = formats::NAME))]
    pub rules: String,
    /// Whether states set by hand at the sink count (FEATURES P09, SEMANTICS P-22). Switched off, they are overwritten with the
    /// next change.
    #[serde(default = "yes")]
    pub overrules: bool,
    /// Whether states set by hand at the sink are written into the calendar as appointments (FEATURES P10, SEMANTICS P-23).
    #[serde(default)]
    pub synchronize_current: bool,
    /// The section `[audiences.NAME]` of those who look at this sink (SEMANTICS P-24b). Default: everything is shown as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::NAME))]
    pub audience: Option<String>,
    /// Whether the flow runs. Switched off, values and greetings are cleared at the sink (SEMANTICS P-30).
    #[serde(default = "yes")]
    pub active: bool,
}

/// What a flow carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlowKind {
    /// Appointments become presence.
    #[default]
    Presence,
}

/// The start of an entry that means a group.
pub(crate) const GROUP: &str = "group:";

impl Flow {
    /// Whom the flow is for, active or not, ready to be asked about many people.
    #[must_use]
    pub fn selection(&self) -> Selection<'_> {
        Selection {
            people: self.people.as_ref().map(|list| list.iter().map(String::as_str).collect()),
            except: self.except.iter().map(String::as_str).collect(),
        }
    }
}

/// The flows that may show a person, best first: of those that select the person and lead to the person's sink if one is named,
/// active ones before others, in the order of the file (FEATURES P15).
#[must_use]
pub fn flows_of<'a>(flows: &[(&'a Flow, Selection<'_>)], person: &Person) -> Vec<&'a Flow> {
    let meant = flows.iter().filter(|(flow, selection)| person.may_be_shown_at(&flow.sink) && selection.contains(person));
    let (mut active, others): (Vec<_>, Vec<_>) = meant.map(|(flow, _)| *flow).partition(|flow| flow.active);
    active.extend(others);
    active
}

/// The people of a flow.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    people: Option<HashSet<&'a str>>,
    except: HashSet<&'a str>,
}

impl Selection<'_> {
    /// Whether the flow is for this person.
    #[must_use]
    pub fn contains(&self, person: &Person) -> bool {
        self.people.as_ref().is_none_or(|list| names(list, person)) && !names(&self.except, person)
    }
}

fn names(list: &HashSet<&str>, person: &Person) -> bool {
    if list.is_empty() {
        return false;
    }
    list.contains(person.id.as_str()) || person.groups.iter().any(|group| list.contains(format!("{GROUP}{group}").as_str()))
}

fn default_rules() -> String {
    DEFAULT_RULES.to_owned()
}

fn yes() -> bool {
    true
}
