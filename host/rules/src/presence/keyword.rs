//! Words in titles (SEMANTICS P-13, first element; P-14).

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::config::Config;

/// The rank of a title with one of the must words.
const MUST: u8 = 2;
/// The rank of any other title.
const PLAIN: u8 = 1;
/// The rank of a title with one of the must-not words.
const MUST_NOT: u8 = 0;

/// NFC(full case fold(NFC)), without a locale: two texts that differ in case or composition only become equal.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let composed: String = text.nfc().collect();
    caseless::default_case_fold_str(&composed).nfc().collect()
}

/// The word lists, folded.
pub(super) struct Keywords {
    must: Vec<String>,
    must_not: Vec<String>,
    whole_word: bool,
}

impl Keywords {
    pub(super) fn new(config: &Config) -> Self {
        Self { must: words(&config.must_words), must_not: words(&config.must_not_words), whole_word: config.whole_word }
    }

    /// The words that stand in both lists.
    pub(super) fn in_both(&self) -> impl Iterator<Item = &str> {
        self.must.iter().filter(|word| self.must_not.contains(word)).map(String::as_str)
    }

    /// 2 with a must word, 0 with a must-not word (which beats must), else 1.
    pub(super) fn rank(&self, title: &str) -> u8 {
        if self.must.is_empty() && self.must_not.is_empty() {
            return PLAIN;
        }
        let title = fold(title);
        let holds = |words: &[String]| words.iter().any(|word| self.contains(&title, word));
        if holds(&self.must_not) {
            MUST_NOT
        } else if holds(&self.must) {
            MUST
        } else {
            PLAIN
        }
    }

    fn contains(&self, title: &str, word: &str) -> bool {
        if !self.whole_word {
            return title.contains(word);
        }
        // Not `match_indices`: occurrences may overlap, and any of them may be the one that stands free.
        title.char_indices().any(|(at, _)| {
            let (before, rest) = title.split_at(at);
            rest.strip_prefix(word).is_some_and(|after| {
                !before.chars().next_back().is_some_and(is_word_char) && !after.chars().next().is_some_and(is_word_char)
            })
        })
    }
}

fn words(list: &[String]) -> Vec<String> {
    list.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).map(fold).collect()
}

/// A letter, a mark, a digit or `_`.
fn is_word_char(c: char) -> bool {
    // The pattern is fixed and compiles (see the test); should it not, letters and digits of the standard library stand in.
    static CLASS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{M}\p{Nd}_]$").ok());
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    match &*CLASS {
        Some(class) => class.is_match(c.encode_utf8(&mut [0; 4])),
        None => c.is_alphanumeric() || is_combining_mark(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(must: &[&str], must_not: &[&str], whole_word: bool, title: &str) -> u8 {
        let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let config = Config { must_words: list(must), must_not_words: list(must_not), whole_word, ..Config::default() };
        Keywords::new(&config).rank(title)
    }

    #[test]
    fn rule_p13_a_keyword_is_found_as_part_of_a_word() {
        assert_eq!(rank(&["urlaub"], &[], false, "Sommerurlaub"), MUST);
        assert_eq!(rank(&["urlaub"], &[], false, "Termin"), PLAIN);
        assert_eq!(rank(&["urlaub"], &["sommer"], false, "Sommerurlaub"), MUST_NOT);
    }

    #[test]
    fn rule_p13_case_and_composition_do_not_matter() {
        assert_eq!(rank(&["STRASSE"], &[], false, "Umzug Bergstraße"), MUST);
        assert_eq!(rank(&["u\u{308}bung"], &[], false, "ÜBUNG"), MUST);
        assert_eq!(rank(&["ΣΊΣΥΦΟΣ"], &[], false, "σίσυφος"), MUST);
        assert_eq!(rank(&["i"], &[], true, "I"), MUST);
    }

    #[test]
    fn rule_p13_a_whole_word_has_no_word_character_beside_it() {
        assert_eq!(rank(&["urlaub"], &[], true, "Urlaub, endlich"), MUST);
        assert_eq!(rank(&["urlaub"], &[], true, "(Urlaub)"), MUST);
        for title in ["Sommerurlaub", "Urlaubsplan", "Urlaub2", "_Urlaub", "Urlaub\u{301}", "Urlaub٣", "Éurlaub"] {
            assert_eq!(rank(&["urlaub"], &[], true, title), PLAIN, "{title}");
        }
        assert_eq!(rank(&["urlaub"], &[], true, "Sommerurlaub ist kein Urlaub"), MUST);
        assert_eq!(rank(&["a a"], &[], true, "xa a a"), MUST, "overlapping occurrences");
        assert_eq!(rank(&["urlaub"], &[], true, "½Urlaub"), MUST, "a fraction is no digit");
        assert_eq!(rank(&["(intern)"], &[], true, "x(intern)"), PLAIN, "also for words that begin with a sign");
    }

    #[test]
    fn rule_p13_words_are_trimmed_and_empty_ones_ignored() {
        assert_eq!(rank(&[" urlaub ", "", "  "], &["", " "], false, "Urlaub"), MUST);
        assert_eq!(rank(&[""], &[], false, "Urlaub"), PLAIN);
    }
}
