//! Text patterns of templates: Fluent patterns, compiled when they are read, refused when they cannot work.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use serde::{Deserialize, Serialize};

use crate::Language;

/// The variables of a pattern. `state`, `title`, `until` and `next` are texts, empty where there is none; `has_title`,
/// `has_until` and `has_next` are `yes` or `no`, for selectors.
pub(super) const VARIABLES: [&str; 7] = ["state", "title", "until", "next", "has_title", "has_until", "has_next"];

/// The message that a pattern is compiled as.
const MESSAGE: &str = "text";

/// A text pattern for all languages, or one by language.
///
/// Patterns are in Fluent's notation: `{ $state }: { $title } { $until }`. Superfluous white space is removed from the
/// result. In a language that is not given the usual text is shown.
#[derive(Clone)]
pub struct TextPattern {
    source: Source,
    compiled: Arc<Vec<(Option<Language>, FluentBundle<FluentResource>)>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum Source {
    All(String),
    ByLanguage(BTreeMap<String, String>),
}

/// A pattern that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is no pattern.
    #[error("\"{pattern}\" is no text pattern: {reason}; a variable is written {{ $title }}")]
    Syntax {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// It names something that does not exist.
    #[error("\"{pattern}\": {reason}; there are: ${}", VARIABLES.join(", $"))]
    Reference {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// It is for a language without texts.
    #[error(transparent)]
    Language(#[from] crate::UnknownLanguage),
}

impl TextPattern {
    /// A pattern for all languages.
    ///
    /// # Errors
    ///
    /// What cannot be read as a pattern, or names an unknown variable.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        Self::compile(Source::All(pattern.to_owned()))
    }

    fn compile(source: Source) -> Result<Self, PatternError> {
        let compiled = match &source {
            Source::All(pattern) => vec![(None, compile(pattern)?)],
            Source::ByLanguage(patterns) => {
                let pairs = patterns.iter().map(|(tag, pattern)| Ok((Some(tag.parse::<Language>()?), compile(pattern)?)));
                pairs.collect::<Result<_, PatternError>>()?
            }
        };
        Ok(Self { source, compiled: Arc::new(compiled) })
    }

    /// Writes it; `None` when it has nothing for the language, or nothing to say.
    pub(super) fn write(&self, language: Language, args: &FluentArgs<'_>) -> Option<String> {
        let (_, bundle) = self.compiled.iter().find(|(given, _)| given.is_none_or(|given| given == language))?;
        let pattern = bundle.get_message(MESSAGE)?.value()?;
        let written = bundle.format_pattern(pattern, Some(args), &mut Vec::new());
        let text = written.split_whitespace().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(text)
    }
}

fn compile(pattern: &str) -> Result<FluentBundle<FluentResource>, PatternError> {
    let syntax = |reason: String| PatternError::Syntax { pattern: pattern.to_owned(), reason };
    // Continued lines belong to the pattern only when indented.
    let indented = pattern.trim().replace('\n', "\n    ");
    let resource = FluentResource::try_new(format!("{MESSAGE} = {indented}\n")).map_err(|(_, errors)| {
        let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
        syntax(reasons.join(", "))
    })?;
    let mut bundle = FluentBundle::new_concurrent(Vec::new());
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    let args = FluentArgs::from_iter(VARIABLES.map(|name| (name, "x")));
    let mut errors = Vec::new();
    match bundle.get_message(MESSAGE).and_then(|message| message.value()) {
        Some(value) => {
            bundle.format_pattern(value, Some(&args), &mut errors);
        }
        None => return Err(syntax("it is empty".to_owned())),
    }
    match errors.first() {
        Some(error) => Err(PatternError::Reference { pattern: pattern.to_owned(), reason: error.to_string() }),
        None => Ok(bundle),
    }
}

impl PartialEq for TextPattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Serialize for TextPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TextPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::compile(Source::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for TextPattern {
    fn schema_name() -> Cow<'static, str> {
        "TextPattern".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Source::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(pattern: &str, title: &str) -> Option<String> {
        let has = if title.is_empty() { "no" } else { "yes" };
        let args = FluentArgs::from_iter([("title", title), ("has_title", has), ("until", "until 14:00"), ("state", "Busy")]);
        TextPattern::new(pattern).unwrap().write(Language::ENGLISH, &args)
    }

    #[test]
    fn feat_p02_a_pattern_is_filled_in() {
        assert_eq!(write("In a meeting { $until }", "").as_deref(), Some("In a meeting until 14:00"));
        assert_eq!(write("{ $title }   { $until }", "").as_deref(), Some("until 14:00"), "no superfluous spaces");
        assert_eq!(write("{ $title }", ""), None, "nothing to say");
        assert_eq!(write("{ $state }\n{ $title }", "A").as_deref(), Some("Busy A"), "several lines become one");
        let selector = "{ $has_title ->\n [yes] About { $title }\n*[no] Something\n}";
        assert_eq!(write(selector, "A").as_deref(), Some("About A"));
        assert_eq!(write(selector, "").as_deref(), Some("Something"));
        assert_eq!(write("{ $title }", "{ $state }").as_deref(), Some("{ $state }"), "a title is no pattern");
    }

    #[test]
    fn feat_p02_a_pattern_that_cannot_work_is_refused_with_the_remedy() {
        for (pattern, part) in [
            ("{ $titel }", "$titel"),
            ("{ title }", "title"),
            ("{ $title", "{ $title }"),
            ("", "no text pattern"),
            ("a\n}", "no text pattern"),
        ] {
            let error = TextPattern::new(pattern).unwrap_err().to_string();
            assert!(error.contains(part), "{pattern:?}: {error}");
        }
        let map = toml::from_str::<BTreeMap<String, TextPattern>>("text = { tlh = \"x\" }").unwrap_err();
        assert!(map.to_string().contains("tlh"), "{map}");
    }
}
