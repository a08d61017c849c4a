//! `cargo xtask test`: the suites, one after the other, and what came of them.
//!
//! A suite is a list of steps; a step is one run of one tool and gives counts. A step that lacks something on this
//! machine is a skip with its remedy, never a silent success. A step that ends badly without having counted a failure
//! (it did not compile, it was killed, it ran no test at all) counts as one failure.

mod checks;
pub mod python;
mod report;
mod rust;
mod sip;
mod summary;

use std::process::{Command, ExitCode};

use clap::ValueEnum;

use crate::plugins::{self, Kind, Profile};
use crate::workspace::Workspace;

pub use report::{Counts, Outcome, Step};

/// A group of tests that can be run on its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Suite {
    /// House rules, formatting, lints.
    Lint,
    /// Licences, sources and bans of the dependencies.
    Deny,
    /// Unit and property tests of every crate but the end-to-end one, and the examples in the documentation.
    Unit,
    /// The presence rules under several local time zones.
    Presence,
    /// The whole way: host, connectors, simulators.
    E2e,
    /// Connectors that misbehave.
    Hostile,
    /// Servers that misbehave.
    Faults,
    /// Third-party clients and servers, each in its own virtual environment.
    Peers,
}

impl Suite {
    const ALL: [Self; 8] = [Self::Lint, Self::Deny, Self::Unit, Self::Presence, Self::E2e, Self::Hostile, Self::Faults, Self::Peers];

    fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Deny => "deny",
            Self::Unit => "unit",
            Self::Presence => "presence",
            Self::E2e => "e2e",
            Self::Hostile => "hostile",
            Self::Faults => "faults",
            Self::Peers => "peers",
        }
    }

    /// What it runs, and what it needs beyond Rust.
    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::Lint => ("cargo fmt --check, cargo clippy with warnings as errors, cargo xtask tidy", "nothing"),
            Self::Deny => ("cargo deny check bans licenses sources", "cargo-deny"),
            Self::Unit => (
                "all crates but calport-e2e and calport-calendar-cases, then their documentation examples",
                "nothing (cargo-nextest if present)",
            ),
            Self::Presence => ("calport-rules with the machine set to UTC, Kathmandu, St. John's and Apia", "nothing"),
            Self::E2e => ("calport-e2e without the two suites below, and calport-calendar-cases", "nothing"),
            Self::Hostile => ("calport-e2e, tests/hostile.rs, with the connectors of tests/hostile/", "nothing"),
            Self::Faults => ("calport-e2e, tests/faults.rs", "nothing"),
            Self::Peers => (
                "every folder of tests/peers/ with pinned packages by pytest; calport-e2e, tests/sip, with Kamailio and SIPp",
                "python3 with venv, packages from PyPI; the Debian packages of tests/peers/*/debian.txt",
            ),
        }
    }

    /// Whether it drives the built host and connectors.
    fn is_end_to_end(self) -> bool {
        matches!(self, Self::E2e | Self::Hostile | Self::Faults)
    }
}

/// Prints every suite with what it runs and needs.
pub fn print_list() {
    for suite in Suite::ALL {
        let (runs, needs) = suite.describe();
        println!("{:<9} {runs}\n{:<9}   needs: {needs}", suite.name(), "");
    }
}

/// Runs the named suites (all if none is named) and prints the table and the closing line.
///
/// # Errors
/// Only when nothing can be run at all; a suite that fails is part of the result.
pub fn run(workspace: &Workspace, asked: &[Suite], require_all: bool) -> anyhow::Result<ExitCode> {
    let require_all = require_all || std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    let chosen: Vec<Suite> = Suite::ALL.into_iter().filter(|suite| asked.is_empty() || asked.contains(suite)).collect();
    let mut steps = Vec::new();
    if chosen.iter().any(|suite| !matches!(suite, Suite::Lint | Suite::Deny)) {
        steps.extend(reference(workspace));
    }
    let mut ready = None;
    for suite in chosen {
        eprintln!("\n==== {} ====", suite.name());
        if suite.is_end_to_end() && rust::exists(workspace, suite) {
            let prepared = ready.get_or_insert_with(|| prepare(workspace));
            if let Err(reason) = prepared {
                steps.push(Step::failed(suite.name(), "build", reason.clone()));
                continue;
            }
        }
        steps.extend(run_one(workspace, suite));
        if suite == Suite::Peers && rust::exists(workspace, suite) {
            steps.push(sip::run(workspace, || ready.get_or_insert_with(|| prepare(workspace)).clone()));
        }
    }
    report::print(&steps);
    let total = report::total(&steps);
    let skips_count = require_all && total.skipped > 0;
    if skips_count {
        println!("error: {} skipped, and here everything is required (--require-all or CI=true)", total.skipped);
    }
    // Alone on its line and the last one: machines read it.
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    Ok(if total.failed > 0 || skips_count { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_one(workspace: &Workspace, suite: Suite) -> Vec<Step> {
    match suite {
        Suite::Lint => checks::lint(workspace),
        Suite::Deny => vec![checks::deny(workspace)],
        Suite::Unit => rust::unit(workspace),
        Suite::Presence => rust::presence(workspace),
        Suite::E2e => vec![rust::end_to_end(workspace, suite), rust::calendar_cases(workspace)],
        Suite::Hostile | Suite::Faults => vec![rust::end_to_end(workspace, suite)],
        Suite::Peers => python::peers(workspace),
    }
}

/// Builds what end-to-end suites drive. The reason of a failure is text, because each suite reports it.
fn prepare(workspace: &Workspace) -> Result<(), String> {
    let build = || -> anyhow::Result<()> {
        plugins::build(workspace, Kind::Connector, Profile::Plugin, &workspace.plugins_dir())?;
        if workspace.packages.iter().any(|package| package.is_below(&workspace.root.join("tests").join("hostile"))) {
            plugins::build(workspace, Kind::Hostile, Profile::Plugin, &workspace.hostile_dir())?;
        }
        python::build(workspace)
    };
    build().map_err(|error| format!("{error:#}"))
}

/// A skip when the vendors' contracts are not there: the tests that compare with them do nothing then.
fn reference(workspace: &Workspace) -> Option<Step> {
    let folder = workspace.reference_dir();
    if folder.is_dir() {
        return None;
    }
    let reason = format!(
        "the vendors' contracts are not at {}: comparisons with them did not happen. Set CALPORT_REFERENCE to that folder",
        folder.display()
    );
    Some(Step::skipped("reference", "contracts", reason))
}

/// Tells a child where the built parts are: `CALPORT_PLUGINS`, `CALPORT_HOSTILE`, `CALPORT_BIN`, `CALPORT_REFERENCE`.
pub fn environment(workspace: &Workspace, command: &mut Command) {
    let binary = format!("calport{}", std::env::consts::EXE_SUFFIX);
    command
        .env("CALPORT_PLUGINS", workspace.plugins_dir())
        .env("CALPORT_HOSTILE", workspace.hostile_dir())
        .env("CALPORT_BIN", workspace.target.join("debug").join(binary))
        .env("CALPORT_REFERENCE", workspace.reference_dir());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_suites_as_the_list_does() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_str(suite.name(), false), Ok(suite));
        }
        assert_eq!(Suite::value_variants().len(), Suite::ALL.len());
    }
}
