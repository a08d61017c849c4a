//! The settings of presence: mapping, order, words, texts. Data only; [`Config::validate`] judges them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manual::ManualRules;
use super::signal::LayerOrder;
use super::target::{Row, State, Target};
use super::template::Template;

/// Longest gap that may be bridged, in minutes (SEMANTICS P-16).
pub const MERGE_GAP_LIMIT: u8 = 10;

/// The settings for one person at one sink. The default is the documented default of every rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What becomes of each class of events (SEMANTICS P-12).
    pub mapping: Mapping,
    /// Which state wins over which, strongest first (SEMANTICS P-13). Every state in use must stand in it, once.
    pub severity: Vec<State>,
    /// Which of several simultaneous appointments counts (SEMANTICS P-24a).
    pub profile: Profile,
    /// An appointment whose title contains one of these words wins over others (SEMANTICS P-13).
    pub must_words: Vec<String>,
    /// An appointment whose title contains one of these words loses to others, whatever else it contains.
    pub must_not_words: Vec<String>,
    /// Words count only where no letter, mark, digit or `_` stands before or after them.
    pub whole_word: bool,
    /// Whether words are looked for in the titles of private appointments too; the titles are never shown (SEMANTICS P-14).
    pub keywords_see_private: bool,
    /// Appointments whose subject starts with this are ignored; empty switches it off (SEMANTICS P-07).
    pub ignore_prefix: String,
    /// Private appointments do not count at all (SEMANTICS P-08).
    pub skip_private: bool,
    /// Whether sensitivity "personal" is private, for this filter and for the masking of texts.
    pub personal_is_private: bool,
    /// Addresses of organisers whose tentative appointments have their own mapping row, with all their further addresses
    /// (SEMANTICS P-05). Upper and lower case are the same.
    pub tentative_exceptions: Vec<String>,
    /// Whether titles are shown (SEMANTICS P-20).
    pub show_subject: bool,
    /// Shown in place of the title of a private appointment; nothing when not set (SEMANTICS P-20).
    pub private_word: Option<String>,
    /// Gaps up to so many minutes between appointments of the same target are bridged, 0 to 10 (SEMANTICS P-16).
    pub merge_gap_minutes: u8,
    /// The next appointment is named if it starts at most so many hours after the current one ends (SEMANTICS P-18).
    pub next_within_hours: u16,
    /// How times are written.
    pub time_format: TimeFormat,
    /// How far back events are looked at, in hours; the loaded window must reach as far (SEMANTICS P-11).
    pub lookback_hours: u16,
    /// Whether an out-of-office setting wins over appointments (SEMANTICS P-21).
    pub oof_rank: OofRank,
    /// The greeting while automatic replies are on, by its name at the sink (SEMANTICS P-21).
    pub oof_greeting: Option<String>,
    /// The greeting while an appointment leads to `away`, by its name at the sink, unless its template has one.
    pub away_greeting: Option<String>,
    /// Occurrences of series count only up to so many local days after today, 1 to 3660; single appointments always do
    /// (FEATURES C10). No limit when not set.
    #[schemars(range(min = 1, max = 3660))]
    pub recurring_days_ahead: Option<u16>,
    /// States set by hand at the sink, by their state (SEMANTICS P-22, P-24).
    pub manual: ManualRules,
    /// Live signals and what they show; `call`: the person is on the telephone. None by default (SEMANTICS P-25).
    pub signals: BTreeMap<String, Target>,
    /// The order of the layers, strongest first (SEMANTICS P-25).
    pub layers: LayerOrder,
    /// Named presence results for the mapping and for overrides.
    pub templates: BTreeMap<String, Template>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mapping: Mapping::default(),
            severity: vec![State::DoNotDisturb, State::Away, State::Busy, State::Available],
            profile: Profile::default(),
            must_words: Vec::new(),
            must_not_words: Vec::new(),
            whole_word: false,
            keywords_see_private: true,
            ignore_prefix: "*".to_owned(),
            skip_private: false,
            personal_is_private: false,
            tentative_exceptions: Vec::new(),
            show_subject: true,
            private_word: None,
            merge_gap_minutes: 0,
            next_within_hours: 24,
            time_format: TimeFormat::default(),
            lookback_hours: 24,
            oof_rank: OofRank::default(),
            oof_greeting: None,
            away_greeting: None,
            recurring_days_ahead: None,
            manual: ManualRules::default(),
            signals: BTreeMap::new(),
            layers: LayerOrder::default(),
            templates: BTreeMap::new(),
        }
    }
}

/// The class of an event (SEMANTICS P-05), and of the out-of-office setting (P-21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Shown as busy.
    Busy,
    /// Shown as tentative, by anybody else than the exceptions.
    Tentative,
    /// Shown as tentative, by one of the organisers of [`Config::tentative_exceptions`].
    TentativeException,
    /// Shown as out of office.
    Oof,
    /// Shown as working elsewhere.
    WorkingElsewhere,
    /// Nothing known.
    NoData,
    /// The out-of-office setting of the mailbox.
    OofSetting,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Busy, Self::Tentative, Self::TentativeException, Self::Oof, Self::WorkingElsewhere, Self::NoData, Self::OofSetting];

    /// The name of its row in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Tentative => "tentative",
            Self::TentativeException => "tentative_exception",
            Self::Oof => "oof",
            Self::WorkingElsewhere => "working_elsewhere",
            Self::NoData => "no_data",
            Self::OofSetting => "oof_setting",
        }
    }
}

/// What becomes of each class; a row that is not given has its default (SEMANTICS P-10, P-12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Shown as busy; default `busy`.
    pub busy: Row,
    /// Shown as tentative; default `ignore`.
    pub tentative: Row,
    /// Shown as tentative, organised by an exception; default `away`.
    pub tentative_exception: Row,
    /// Shown as out of office; default `away`.
    pub oof: Row,
    /// Shown as working elsewhere; default `available`.
    pub working_elsewhere: Row,
    /// Show-as missing or not known; default `busy`.
    pub no_data: Row,
    /// Automatic replies are on; default `away`.
    pub oof_setting: Row,
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            busy: State::Busy.into(),
            tentative: Row::Ignore,
            tentative_exception: State::Away.into(),
            oof: State::Away.into(),
            working_elsewhere: State::Available.into(),
            no_data: State::Busy.into(),
            oof_setting: State::Away.into(),
        }
    }
}

impl Mapping {
    /// The row of a class.
    pub fn row(&self, class: Class) -> &Row {
        match class {
            Class::Busy => &self.busy,
            Class::Tentative => &self.tentative,
            Class::TentativeException => &self.tentative_exception,
            Class::Oof => &self.oof,
            Class::WorkingElsewhere => &self.working_elsewhere,
            Class::NoData => &self.no_data,
            Class::OofSetting => &self.oof_setting,
        }
    }
}

/// Rows of a mapping that differ from those of the rules, for a person or a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MappingOverride {
    /// Shown as busy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<Row>,
    /// Shown as tentative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tentative: Option<Row>,
    /// Shown as tentative, organised by an exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tentative_exception: Option<Row>,
    /// Shown as out of office.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oof: Option<Row>,
    /// Shown as working elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_elsewhere: Option<Row>,
    /// Show-as missing or not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_data: Option<Row>,
    /// Automatic replies are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oof_setting: Option<Row>,
}

impl MappingOverride {
    /// Whether no row differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rows given here, else those of `weaker`.
    #[must_use]
    pub fn or(self, weaker: &Self) -> Self {
        Self {
            busy: self.busy.or_else(|| weaker.busy.clone()),
            tentative: self.tentative.or_else(|| weaker.tentative.clone()),
            tentative_exception: self.tentative_exception.or_else(|| weaker.tentative_exception.clone()),
            oof: self.oof.or_else(|| weaker.oof.clone()),
            working_elsewhere: self.working_elsewhere.or_else(|| weaker.working_elsewhere.clone()),
            no_data: self.no_data.or_else(|| weaker.no_data.clone()),
            oof_setting: self.oof_setting.or_else(|| weaker.oof_setting.clone()),
        }
    }

    /// The mapping with these rows in it.
    #[must_use]
    pub fn over(&self, mapping: &Mapping) -> Mapping {
        let row = |own: &Option<Row>, other: &Row| own.as_ref().unwrap_or(other).clone();
        Mapping {
            busy: row(&self.busy, &mapping.busy),
            tentative: row(&self.tentative, &mapping.tentative),
            tentative_exception: row(&self.tentative_exception, &mapping.tentative_exception),
            oof: row(&self.oof, &mapping.oof),
            working_elsewhere: row(&self.working_elsewhere, &mapping.working_elsewhere),
            no_data: row(&self.no_data, &mapping.no_data),
            oof_setting: row(&self.oof_setting, &mapping.oof_setting),
        }
    }
}

/// Which of several simultaneous appointments counts (SEMANTICS P-24a).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// By keyword, severity, and so on (SEMANTICS P-13).
    #[default]
    Ranked,
    /// The one that ends last; then as `ranked`. An appointment is listed until its end (SEMANTICS P-24, on).
    LastEnd,
    /// The one that started last, until its own end; an earlier one does not come back (SEMANTICS P-24, off).
    Promote,
}

impl Profile {
    /// The word used in the configuration and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ranked => "ranked",
            Self::LastEnd => "last-end",
            Self::Promote => "promote",
        }
    }
}

/// Where the out-of-office setting stands (SEMANTICS P-21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OofRank {
    /// Above appointments, below overrides.
    #[default]
    Wins,
    /// Only where there is no appointment.
    Base,
}

/// How times are written (SEMANTICS P-18).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum TimeFormat {
    /// `14:00`.
    #[default]
    #[serde(rename = "24h")]
    H24,
    /// `2pm`, `2:30pm`.
    #[serde(rename = "12h")]
    H12,
}

/// A setting that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}; {remedy}")]
pub struct ConfigError {
    /// The setting, as a path below the presence settings (`mapping.busy`).
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl ConfigError {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

impl Config {
    /// The state of a target; `None` for a template that does not exist.
    pub fn state(&self, target: &Target) -> Option<State> {
        match target {
            Target::State(state) => Some(*state),
            Target::Template(name) => self.templates.get(name).map(|template| template.availability),
        }
    }
}
