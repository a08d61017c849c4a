//! Named presence results: state, activity, text, greeting, forwarding profile (FEATURES P02).

use serde::{Deserialize, Serialize};

use super::pattern::TextPattern;
use super::target::State;

/// A named presence result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The state it shows, and ranks as (SEMANTICS P-12).
    pub availability: State,
    /// The activity by its name of RFC 4480 3.2; when not given, that of the state.
    #[serde(default)]
    pub activity: Option<String>,
    /// The text, for all languages or by language; when not given, the usual one.
    #[serde(default)]
    pub text: Option<TextPattern>,
    /// The greeting, by its name at the sink.
    #[serde(default)]
    pub greeting: Option<String>,
    /// The forwarding profile, by its name at the sink.
    #[serde(default)]
    pub forwarding: Option<String>,
}
