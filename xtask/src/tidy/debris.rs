//! Rule `debris`: what work leaves behind and a reader should never meet.
//!
//! Markers for later, debug macros, tests that are switched off, code turned into comments, and paths of one person's
//! machine.

use super::Finding;
use super::tree::{File, Tree};

/// Files that are read.
const READ: &[&str] = &[".rs", ".py", ".wit", ".toml", ".sh", ".js", ".ts", ".sql", ".ftl", ".html", ".css", ".md", ".ci/run"];

/// This folder holds the words it looks for.
const SELF: &str = "xtask/src/tidy/";

/// Words that mark something unfinished, in any file.
const MARKERS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

/// Rust that stands for missing or temporary code, with what to do instead.
const RUST: &[(&str, &str)] = &[
    ("unimplemented!(", "write it, or refuse with an error that says so"),
    ("todo!(", "write it, or refuse with an error that says so"),
    ("dbg!(", "take it out"),
    ("#[ignore", "a test that cannot run here says so in its suite; a broken one is repaired or removed"),
];

/// How paths of one machine begin, when they stand at the start of a path.
const MACHINE_PATHS: &[&str] = &["/root/", "/home/", "/Users/", "/tmp/target"];

/// How a line of Rust begins that was turned into a comment.
const CODE_STARTS: &[&str] =
    &["let ", "fn ", "pub ", "use ", "impl ", "if ", "for ", "while ", "match ", "return ", "self.", "assert", "println!", "struct "];

/// Checks every readable file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.ending(READ).filter(|file| !file.path.starts_with(SELF)).flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let is_rust = file.path.ends_with(".rs");
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let mut say = |message: String| findings.push(Finding::error("debris", &file.path, number, message));
        if let Some(marker) = MARKERS.iter().find(|marker| has_word(line, marker)) {
            say(format!("{marker}: do it now, or file an issue"));
        }
        if let Some(start) = MACHINE_PATHS.iter().find(|start| has_path(line, start)) {
            say(format!("a path of one machine ({start}...)"));
        }
        if is_rust {
            if let Some((word, remedy)) = RUST.iter().find(|(word, _)| line.contains(word)) {
                say(format!("`{word}`: {remedy}"));
            }
            if is_commented_code(line) {
                say("code turned into a comment: take it out, git keeps it".to_owned());
            }
        }
    }
    findings
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word)
}

/// Whether a path that begins with `start` stands here, and not in the middle of a longer one or of an address.
fn has_path(line: &str, start: &str) -> bool {
    let begins = |before: &str| before.chars().next_back().is_none_or(|c| c.is_whitespace() || "\"'`=(:<>[,".contains(c));
    line.match_indices(start).any(|(at, _)| line.get(..at).is_some_and(begins))
}

fn is_commented_code(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix("//") else { return false };
    if comment.starts_with(['/', '!']) {
        return false;
    }
    let text = comment.trim();
    CODE_STARTS.iter().any(|start| text.starts_with(start)) && (text.ends_with(';') || text.ends_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn markers_are_words_and_not_parts_of_words() {
        assert_eq!(found("a.rs", "// TODO: later"), 1);
        assert_eq!(found("a.py", "# FIXME"), 1);
        assert_eq!(found("a.rs", "const TODO_LISTS: u8 = 1;"), 0);
        assert_eq!(found("a.rs", "// all todo items"), 0);
    }

    #[test]
    fn debug_macros_and_switched_off_tests_are_found() {
        assert_eq!(found("a.rs", "    dbg!(value);"), 1);
        assert_eq!(found("a.rs", "    #[ignore = \"flaky\"]"), 1);
        assert_eq!(found("a.md", "never use `dbg!(x)`"), 0);
    }

    #[test]
    fn paths_of_one_machine_are_found_and_addresses_are_not() {
        assert_eq!(found("a.md", "see /home/me/calport/x"), 1);
        assert_eq!(found("a.rs", "let a = \"/home/anna/x\";"), 1);
        assert_eq!(found("a.rs", "let a = \"https://server/home/anna\";"), 0);
        assert_eq!(found("a.rs", "let a = \"/v1.0/users/x\";"), 0);
    }

    #[test]
    fn code_in_comments_is_found_and_prose_is_not() {
        assert_eq!(found("a.rs", "    // let x = 1;"), 1);
        assert_eq!(found("a.rs", "// if x.is_some() {"), 1);
        assert_eq!(found("a.rs", "/// let x = 1;"), 0);
        assert_eq!(found("a.rs", "// for the same reason the page is kept"), 0);
    }
}
