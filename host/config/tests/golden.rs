//! Golden pairs: `tests/config/NAME.toml` and what is said about it, `NAME.diag`. A new case is a new file; with
//! `CALPORT_WRITE_GOLDEN=1` the answers are written instead of compared.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::fs;
use std::path::{Path, PathBuf};

use calport_config::{Diagnostic, Severity, load, render};

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir("tests/config")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    cases.sort();
    cases
}

fn findings(path: &Path) -> Vec<Diagnostic> {
    match load(path) {
        Ok(loaded) => loaded.warnings,
        Err(found) => {
            assert!(found.iter().any(|finding| finding.severity == Severity::Error), "{}: refused without an error", path.display());
            found
        }
    }
}

#[test]
fn each_mistake_is_reported_with_its_line_and_remedy() {
    let mut wrong = Vec::new();
    for path in cases() {
        let said = render(&findings(&path), false);
        let golden = path.with_extension("diag");
        if std::env::var_os("CALPORT_WRITE_GOLDEN").is_some() {
            fs::write(&golden, &said).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != said {
            wrong.push(format!("{}:\n{said}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_cases_of_at_least_25_mistakes_and_each_finding_names_its_line() {
    let all: Vec<Diagnostic> = cases().iter().flat_map(|path| findings(path)).filter(|f| f.severity == Severity::Error).collect();
    assert!(all.len() >= 25 && cases().len() >= 25, "{} findings in {} files", all.len(), cases().len());
    for finding in all {
        assert!(finding.line > 0 && finding.column > 0, "{finding}");
    }
}
