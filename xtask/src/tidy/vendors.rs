//! Rule `vendors`: no vendor is named outside of connectors, tests, presets and documentation.
//!
//! What the host knows about a vendor by name, the next vendor does not get. Comparison ignores case. `exchange` counts
//! only as a word of its own, because `exchange_client_credentials` is English; so is a graph without its maker.

use super::Finding;
use super::tree::Tree;

/// Names that count wherever they stand, even within a longer word.
const NAMES: &[&str] =
    &["microsoft", "msgraph", "ms-graph", "graph api", "asterisk", "outlook", "odoo", "kamailio", "innovaphone", "totalview", "samsung"];

/// Names that count only as a whole word.
const WORDS: &[&str] = &["exchange"];

/// Where vendors may be named. The manifest and the lock file of the workspace name the folders of connectors.
const FREE: &[&str] = &[
    "plugins/",
    "tests/",
    ".ci/",
    "presets/",
    "docs/",
    "xtask/",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "Cargo.lock",
];

/// Single exceptions: below this path, this word, for this reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[("host/calport/src/", "exchange", "the command `calport sim exchange`")];

/// Checks every file outside of the free folders, its path included.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !is_free(&file.path)) {
        let path = std::iter::once((1, file.path.as_str()));
        for (line, text) in path.chain(file.lines()) {
            if let Some(name) = vendor_in(text).filter(|name| !is_excepted(&file.path, name)) {
                let message = format!("names the vendor `{name}`: only connectors, tests, presets and documentation may");
                findings.push(Finding::error("vendors", &file.path, line, message));
            }
        }
    }
    findings
}

fn is_free(path: &str) -> bool {
    FREE.iter().any(|free| if free.ends_with('/') { path.starts_with(free) } else { path == *free })
}

fn is_excepted(path: &str, name: &str) -> bool {
    EXCEPTIONS.iter().any(|(below, word, _)| path.starts_with(below) && name == *word)
}

fn vendor_in(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let inside = NAMES.iter().find(|name| text.contains(**name));
    let is_word_char = |c: char| c.is_alphanumeric() || c == '_';
    inside.or_else(|| WORDS.iter().find(|word| text.split(|c| !is_word_char(c)).any(|part| part == **word))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_in_the_host_is_found_with_its_line() {
        let found = check(&Tree::of(&[("host/engine/src/lib.rs", "//! Feeds.\n/// As Microsoft Graph does.\n")]));
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((finding.path.as_str(), finding.line), ("host/engine/src/lib.rs", 2));
    }

    #[test]
    fn a_vendor_in_a_path_is_found() {
        assert_eq!(check(&Tree::of(&[("host/web/src/asterisk.rs", "")])).len(), 1);
    }

    #[test]
    fn connectors_tests_and_documentation_may_name_vendors() {
        let text = "Exchange and Asterisk";
        let free = ["plugins/graph/src/lib.rs", "tests/e2e/tests/feed.rs", "presets/x.toml", "docs/setup.md", "README.md"];
        for path in free {
            assert!(check(&Tree::of(&[(path, text)])).is_empty(), "{path}");
        }
        assert_eq!(check(&Tree::of(&[("host/README.md", text)])).len(), 1);
    }

    #[test]
    fn english_words_are_no_vendors() {
        for text in ["client.exchange_client_credentials()", "exchanged", "a graph of crates", "ExchangeRate2"] {
            assert_eq!(vendor_in(text), None, "{text}");
        }
        for text in ["an Exchange server", "`exchange`", "on-exchange-2019"] {
            assert_eq!(vendor_in(text), Some("exchange"), "{text}");
        }
    }
}
