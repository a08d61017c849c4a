//! Suites that look at the tree instead of running it. Each check counts as one test.

use std::process::Command;
use std::time::Instant;

use super::{Counts, Outcome, Step};
use crate::process;
use crate::tidy;
use crate::workspace::Workspace;

/// Formatting, clippy with warnings as errors, and the house rules.
pub fn lint(workspace: &Workspace) -> Vec<Step> {
    vec![
        cargo(workspace, "lint", "fmt", &["fmt", "--all", "--check"]),
        cargo(workspace, "lint", "clippy", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
        house_rules(workspace),
    ]
}

/// Licences, sources and bans by cargo-deny. Advisories are left out: they need a download that not every place allows.
/// Warnings (a crate in two versions) are for those who run cargo-deny by hand.
pub fn deny(workspace: &Workspace) -> Step {
    if !process::succeeds(process::cargo().args(["deny", "--version"])) {
        let reason = "cargo-deny is not installed: cargo install --locked cargo-deny (about 3 minutes on two cores)";
        return Step::skipped("deny", "cargo-deny", reason);
    }
    cargo(workspace, "deny", "cargo-deny", &["deny", "--log-level", "error", "check", "bans", "licenses", "sources"])
}

fn cargo(workspace: &Workspace, suite: &'static str, name: &str, args: &[&str]) -> Step {
    let mut command = process::cargo();
    command.current_dir(&workspace.root).args(args);
    one_check(suite, name, &mut command)
}

fn one_check(suite: &'static str, name: &str, command: &mut Command) -> Step {
    match process::tee(command, name) {
        Ok(finished) => {
            let passed = u64::from(finished.status.success());
            let counts = Counts { passed, failed: 1 - passed, skipped: 0 };
            Step::new(suite, name, Outcome::Ran { counts, elapsed: finished.elapsed })
        }
        Err(error) => Step::failed(suite, name, format!("{error:#}")),
    }
}

fn house_rules(workspace: &Workspace) -> Step {
    eprintln!("==> tidy");
    let begin = Instant::now();
    match tidy::check(workspace) {
        Ok(report) => {
            report.print();
            let failed = u64::from(!report.is_clean());
            let counts = Counts { passed: 1 - failed, failed, skipped: 0 };
            Step::new("lint", "tidy", Outcome::Ran { counts, elapsed: begin.elapsed() })
        }
        Err(error) => Step::failed("lint", "tidy", format!("{error:#}")),
    }
}
