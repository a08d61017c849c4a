//! `cargo xtask tidy`: the house rules as a program.
//!
//! Each rule is a pure function from the tree (paths and texts) to findings, in a module of its own; this one reads the
//! tree, calls them all and prints. A rule that needs an exception carries it as data beside the rule, with its reason:
//! there is no marker that switches a rule off from within a file.

mod coverage;
mod debris;
mod layers;
mod size;
mod tests_named;
mod tree;
mod vendors;
mod wit;

use std::fmt;
use std::process::ExitCode;

use anyhow::Context;

use crate::process;
use crate::workspace::Workspace;
use tree::Tree;

/// One thing that a rule has to say about one line.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the root, with `/`.
    path: String,
    /// The line, from 1.
    line: usize,
    /// The rule's short name.
    rule: &'static str,
    /// What is wrong, and what to do.
    message: String,
    /// A note is printed and does not fail.
    note: bool,
}

/// All that was found.
pub struct Report {
    findings: Vec<Finding>,
    files: usize,
}

impl Finding {
    /// Something that must be changed.
    fn error(rule: &'static str, path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, message: message.into(), note: false }
    }

    /// Something to know.
    fn note(rule: &'static str, path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { note: true, ..Self::error(rule, path, line, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.note { "note: " } else { "" };
        write!(f, "{}:{}: {kind}{}: {}", self.path, self.line, self.rule, self.message)
    }
}

impl Report {
    /// Whether nothing has to be changed.
    pub fn is_clean(&self) -> bool {
        self.errors() == 0
    }

    /// Prints every finding and a closing line on standard error.
    pub fn print(&self) {
        for finding in &self.findings {
            eprintln!("{finding}");
        }
        eprintln!("tidy: {} files, {} to change, {} notes", self.files, self.errors(), self.findings.len() - self.errors());
    }

    fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| !finding.note).count()
    }
}

/// Checks the tree, prints what was found, and fails if something has to be changed.
///
/// # Errors
/// When the tree cannot be read.
pub fn run(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    let report = check(workspace)?;
    report.print();
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks the tree.
///
/// # Errors
/// When the tree cannot be read: git or cargo do not answer.
pub fn check(workspace: &Workspace) -> anyhow::Result<Report> {
    let tree = Tree::read(&workspace.root)?;
    let mut metadata = process::cargo();
    metadata.current_dir(&workspace.root).args(["metadata", "--format-version", "1"]);
    let graph = process::capture(&mut metadata).context("cannot read the dependencies")?;
    let mut findings: Vec<Finding> = [
        size::check(&tree),
        layers::check(&layers::Dependencies::parse(&graph)?),
        vendors::check(&tree),
        wit::check(&tree),
        debris::check(&tree),
        coverage::check(&tree),
    ]
    .into_iter()
    .flatten()
    .collect();
    findings.sort_by(|a, b| (a.note, &a.path, a.line).cmp(&(b.note, &b.path, b.line)));
    Ok(Report { findings, files: tree.files.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_do_not_fail_and_errors_do() {
        let note = Report { findings: vec![Finding::note("size", "a.rs", 501, "long")], files: 1 };
        assert!(note.is_clean());
        let error = Report { findings: vec![Finding::error("size", "a.rs", 601, "too long")], files: 1 };
        assert!(!error.is_clean());
        assert_eq!(error.findings.first().unwrap().to_string(), "a.rs:601: size: too long");
    }
}
