//! A file's text with its lines, fit to be shown: what looks like a secret is covered before any message is made.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use regex::Regex;

/// Keys whose texts are covered wherever they stand: the spelling people use when they write a secret into the file.
static SECRET_KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)(secret|passw(or)?d|passwort|pwd|pass|token|api[_-]?key|private[_-]?key)$").ok());

/// The same on a raw line, for files that cannot be parsed.
static SECRET_LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)(secret|passw(?:or)?d|passwort|pwd|pass|token|api[_-]?key|private[_-]?key)["']?\s*=\s*([^\r\n]+)"#).ok()
});

/// User and password in a URL.
static USER_IN_URL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"://([^/\s"'@]+)@"#).ok());

/// Whether a key names something that must not be shown.
pub(crate) fn is_secret_key(key: &str) -> bool {
    SECRET_KEY.as_ref().is_none_or(|pattern| pattern.is_match(key))
}

/// What covers a character: as many bytes long, so that offsets and columns stay right.
fn cover(character: char) -> char {
    match character.len_utf8() {
        1 => '*',
        2 => '\u{b7}',
        3 => '\u{2022}',
        _ => '\u{1f0a0}',
    }
}

/// A file as messages quote it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub path: PathBuf,
    /// The text without secrets; as long as the file, byte by byte.
    shown: String,
    /// The offset at which each line begins.
    lines: Vec<usize>,
}

impl Source {
    /// Keeps a text of which the given byte ranges are covered.
    pub fn new(path: &Path, text: &str, covered: &[Range<usize>]) -> Arc<Self> {
        let in_urls = USER_IN_URL.as_ref().into_iter().flat_map(|p| p.captures_iter(text)).filter_map(|c| c.get(1).map(|m| m.range()));
        let mut covered: Vec<Range<usize>> = covered.iter().cloned().chain(in_urls).collect();
        covered.sort_by_key(|range| range.start);
        let mut waiting = covered.into_iter().peekable();
        let mut covered_to = 0;
        let mut shown = String::with_capacity(text.len());
        let mut lines = vec![0];
        for (at, character) in text.char_indices() {
            while let Some(range) = waiting.next_if(|range| range.start <= at) {
                covered_to = covered_to.max(range.end);
            }
            if character == '\n' {
                lines.push(at.saturating_add(1));
            }
            let hidden = at < covered_to && !matches!(character, '\n' | '\r' | '"' | '\'');
            shown.push(if hidden { cover(character) } else { character });
        }
        Arc::new(Self { path: path.to_owned(), shown, lines })
    }

    /// Keeps a text that could not be parsed: the rest of each line after a secret's key is covered.
    pub fn unparsed(path: &Path, text: &str) -> Arc<Self> {
        let covered: Vec<_> = SECRET_LINE.as_ref().map_or_else(
            || std::iter::once(0..text.len()).collect(),
            |p| p.captures_iter(text).filter_map(|c| c.get(2).map(|m| m.range())).collect(),
        );
        Self::new(path, text, &covered)
    }

    /// The text to show.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Line and column of a byte offset, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let rest = self.shown.get(start..).unwrap_or_default();
        let before = rest.char_indices().take_while(|(at, _)| start.saturating_add(*at) < offset);
        (line, before.filter(|(_, c)| *c != '\u{feff}').count().saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_r04_a_pasted_secret_is_covered_and_offsets_stay() {
        let text = "a = 1\nclient_secret = \"hünter2\"\nb = 2\n";
        let source = Source::unparsed(Path::new("x"), text);
        assert!(!source.shown().contains("nter2"));
        assert_eq!(source.shown().len(), text.len());
        assert!(source.shown().contains("b = 2"));
        assert_eq!(source.shown().chars().count(), text.chars().count());
        assert!(!Source::new(Path::new("x"), "u = \"https://me:hunter2@x\"", &[]).shown().contains("hunter2"));
    }

    #[test]
    fn columns_count_characters_and_lines_end_with_crlf_too() {
        let text = "x = \"äöü\" # z\r\nsecond = 1\r\n";
        let source = Source::new(Path::new("x"), text, &[]);
        assert_eq!(source.position(text.find('#').unwrap_or_default()), (1, 11));
        assert_eq!(source.position(text.find("second").unwrap_or_default()), (2, 1));
    }
}
