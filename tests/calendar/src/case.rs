//! A case file: what people do in a calendar, and what everybody must read afterwards.
//!
//! The form is described in `README.md` beside the files. What a file does not say is the default of every server: busy,
//! normal, answered by its organizer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

/// One file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The file's name without its ending; begins with the rule.
    #[serde(skip)]
    pub name: String,
    /// What the case shows, in one sentence.
    pub says: String,
    /// The zone of the mailbox, by its Windows name.
    pub zone: String,
    /// The window that is read: its first instant.
    pub from: Timestamp,
    /// The first instant outside of the window.
    pub to: Timestamp,
    /// What is done, in this order.
    pub step: Vec<Step>,
    /// What is read.
    pub expect: Expected,
}

/// What every reader must see, in the form of `canon.rs`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The events that overlap the window, masters of series not among them.
    pub window: Vec<String>,
    /// The series of which anything is in the window.
    #[serde(default)]
    pub series: Vec<Series>,
}

/// A series as its master tells it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// The master, its times on the clock of the series.
    pub master: String,
    /// The occurrences that differ.
    #[serde(default)]
    pub exceptions: Vec<String>,
    /// Where the deleted occurrences stood.
    #[serde(default)]
    pub deleted: Vec<String>,
}

/// What is done to one event. Exactly one of `make`, `change` and `delete` names it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Makes an event that the file calls by this name.
    pub make: Option<String>,
    /// Changes that event.
    pub change: Option<String>,
    /// Deletes that event.
    pub delete: Option<String>,
    /// The occurrence that is meant, by where it stood: a time on the clock of the series, or a date. Absent for the whole.
    pub occurrence: Option<String>,
    /// A person does it in a mail program also where the other steps are done by a connector, which may not do it.
    #[serde(default)]
    pub by_a_person: bool,
    /// A connector must refuse it by this name, and nothing may have changed then. People do not try it.
    pub refused: Option<String>,
    /// What is set.
    #[serde(default)]
    pub set: Fields,
}

impl Step {
    /// The name of the event.
    #[must_use]
    pub fn event(&self) -> &str {
        let named: Vec<&String> = [&self.make, &self.change, &self.delete].into_iter().flatten().collect();
        assert_eq!(named.len(), 1, "a step has one of `make`, `change` and `delete`");
        named[0]
    }
}

/// Fields of an event. Times are on the clock of the zone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The subject.
    pub subject: Option<String>,
    /// The start, `YYYY-MM-DDTHH:MM`; goes with `end`.
    pub start: Option<String>,
    /// The end.
    pub end: Option<String>,
    /// The zone of start and end, by a Windows or an IANA name; without it that of the mailbox.
    pub zone: Option<String>,
    /// The zone of the end, where it is another one.
    pub end_zone: Option<String>,
    /// Instead of `start` and `end`: the first day, and the day after the last one.
    pub days: Option<[String; 2]>,
    /// The series.
    pub repeat: Option<Repeat>,
    /// `free`, `tentative`, `busy`, `oof`, `workingElsewhere`; a person may also leave `unknown`.
    pub show: Option<String>,
    /// `normal`, `personal`, `private`, `confidential`.
    pub sensitivity: Option<String>,
    /// `low`, `normal`, `high`.
    pub importance: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// Names of categories.
    pub categories: Option<Vec<String>>,
    /// Minutes before the start at which the owner is reminded; -1 for never.
    pub reminder: Option<i32>,
    /// The text, plain.
    pub body: Option<String>,
    /// Only by a person: the address of who organizes it, if that is not the owner.
    pub organizer: Option<String>,
    /// Only by a person: what the owner answered, in Graph's words.
    pub response: Option<String>,
    /// Only by a person, or to be refused: who is invited.
    pub attendees: Option<Vec<String>>,
    /// Only by a person: the organizer cancelled it.
    pub cancelled: Option<bool>,
}

/// A series, in Graph's words, which say all that EWS can say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// `daily`, `weekly`, `monthly`, `monthlyNth`, `yearly`, `yearlyNth`.
    pub every: String,
    /// 1 is each.
    #[serde(default = "one")]
    pub interval: u32,
    /// Days of the week.
    #[serde(default)]
    pub days: Vec<String>,
    /// The day on which a week begins, for `weekly`.
    #[serde(default = "monday")]
    pub week_from: String,
    /// The day of the month.
    pub day: Option<u8>,
    /// 1 to 4, 5 for the last.
    pub nth: Option<u8>,
    /// The month.
    pub month: Option<u8>,
    /// The first day of the series; without it that of the start.
    pub first: Option<String>,
    /// The last day.
    pub until: Option<String>,
    /// How many occurrences. With neither the series has no end.
    pub count: Option<u32>,
}

fn one() -> u32 {
    1
}

fn monday() -> String {
    "monday".to_owned()
}

/// The folder of the cases.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// All cases by name.
#[must_use]
pub fn all() -> BTreeMap<String, Case> {
    let mut cases = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut case: Case = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        case.name.clone_from(&name);
        cases.insert(name, case);
    }
    cases
}
