//! The languages that texts can be written in: one data file each, chosen by a BCP 47 tag.
//!
//! A further language is a file `locales/TAG/presence.ftl` and nothing else: the table is made from the folder when Calport is
//! built, and a test reads every message of every file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

struct Entry {
    tag: &'static str,
    source: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/languages.rs"));

/// A language Calport has texts in. The default is English.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Language(usize);

/// A tag for which there is no data file, and that is no variant of a language that has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no texts in the language \"{asked}\"; there are: {}", Language::tags().collect::<Vec<_>>().join(", "))]
pub struct UnknownLanguage {
    /// The tag that was asked for.
    pub asked: String,
}

impl Language {
    /// English.
    pub const ENGLISH: Self = Self(0);
    /// All languages, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len()).map(Self)
    }

    /// The tags of all languages.
    pub fn tags() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|entry| entry.tag)
    }

    /// The tag.
    pub fn tag(self) -> &'static str {
        TABLE.get(self.0).map_or("en", |entry| entry.tag)
    }

    /// The position in the table, for tables of values per language.
    pub(crate) fn index(self) -> usize {
        self.0
    }

    /// The data file.
    pub(crate) fn source(self) -> &'static str {
        TABLE.get(self.0).map_or("", |entry| entry.source)
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Takes a BCP 47 tag; region and script are set aside (`de-AT` is `de`).
    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownLanguage { asked: tag.to_owned() };
        let identifier: LanguageIdentifier = tag.trim().parse().map_err(|_| unknown())?;
        let primary = identifier.language.as_str();
        TABLE.iter().position(|entry| entry.tag == primary).map(Self).ok_or_else(unknown)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl Serialize for Language {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.tag())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tag = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        tag.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Language {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Language".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": Self::tags().collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_p18_a_language_is_found_by_its_primary_subtag() {
        for (asked, tag) in [("de-AT", "de"), ("EN-gb", "en"), ("fr", "fr"), ("da-DK", "da")] {
            assert_eq!(asked.parse::<Language>().unwrap().tag(), tag);
        }
        assert_eq!("en".parse(), Ok(Language::ENGLISH));
    }

    #[test]
    fn rule_p18_a_language_without_data_is_refused_and_the_others_are_named() {
        for tag in ["tlh", "", "-", "german"] {
            let error = tag.parse::<Language>().unwrap_err();
            assert!(error.to_string().contains("en, da, de, fr"), "{error}");
        }
    }
}
