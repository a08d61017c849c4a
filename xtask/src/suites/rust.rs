//! Suites that cargo runs: by cargo-nextest, or by `cargo test` where that is not installed.
//!
//! All but the rules alone select the whole workspace and name the programs that they want: for a part of the workspace cargo
//! chooses other features of the dependencies, and the compiler in the sandbox would be built once more for each part.

use std::process::Command;

use super::{Outcome, Step, Suite, environment, sip, summary};
use crate::process;
use crate::workspace::Workspace;

/// The crate with the end-to-end tests.
const END_TO_END: &str = "calport-e2e";

/// The crate with the calendar cases, a step of the suite `e2e`: it needs the built connectors as well.
const CALENDAR_CASES: &str = "calport-calendar-cases";

/// Test programs of the end-to-end crate which are suites of their own.
const OWN_SUITES: [&str; 2] = ["hostile", "faults"];

/// Test programs of that crate which belong to the suite `peers`: they need programs of others.
const PEERS: [&str; 1] = [sip::PROGRAM];

/// Zones of the machine under which the presence rules must give the same answers: no offset, a quarter-hour offset, a
/// half-hour offset with summer time, and one that skipped a whole day.
const ZONES: [&str; 4] = ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"];

/// All crates but those that need built connectors, then the examples in their documentation.
pub fn unit(workspace: &Workspace) -> Vec<Step> {
    let mut selection = vec!["--workspace", "--lib", "--bins"];
    let others = workspace.packages.iter().filter(|package| ![END_TO_END, CALENDAR_CASES].contains(&package.name.as_str()));
    selection.extend(others.flat_map(|package| package.targets_of("test")).flat_map(|program| ["--test", program]));
    [Some(run(workspace, "unit", "crates", &selection, &[])), documentation(workspace)].into_iter().flatten().collect()
}

/// The presence rules, once per zone of the machine.
pub fn presence(workspace: &Workspace) -> Vec<Step> {
    let in_zone = |zone: &&str| run(workspace, "presence", zone, &["-p", "calport-rules"], &[("TZ", zone)]);
    ZONES.iter().map(in_zone).collect()
}

/// One of the suites of the end-to-end crate.
pub fn end_to_end(workspace: &Workspace, suite: Suite) -> Step {
    let programs = programs(workspace, suite);
    if programs.is_empty() {
        let reason = format!("{END_TO_END} has no test program for this suite");
        return Step::skipped(suite.name(), suite.name(), reason);
    }
    run_programs(workspace, suite, suite.name(), &programs)
}

/// The calendar cases through the connectors, as a step of the suite `e2e`.
pub fn calendar_cases(workspace: &Workspace) -> Step {
    let programs: Vec<&str> = workspace.package(CALENDAR_CASES).into_iter().flat_map(|package| package.targets_of("test")).collect();
    run_programs(workspace, Suite::E2e, "calendar cases", &programs)
}

/// The test program of the end-to-end crate that drives programs of others, as a step of the suite `peers`.
pub fn peer(workspace: &Workspace, program: &str, step: &str) -> Step {
    run_programs(workspace, Suite::Peers, step, &[program])
}

/// Whether the tree has test programs for this end-to-end suite.
pub fn exists(workspace: &Workspace, suite: Suite) -> bool {
    !programs(workspace, suite).is_empty()
}

/// The test programs of an end-to-end suite: its own one, or for `e2e` all that are nobody's own.
fn programs(workspace: &Workspace, suite: Suite) -> Vec<&str> {
    let Ok(package) = workspace.package(END_TO_END) else { return Vec::new() };
    package
        .targets_of("test")
        .filter(|program| match suite {
            Suite::E2e => !OWN_SUITES.contains(program) && !PEERS.contains(program),
            Suite::Peers => PEERS.contains(program),
            _ => *program == suite.name(),
        })
        .collect()
}

/// The examples in the documentation. A tree without one is no failure: they are not asked for everywhere.
fn documentation(workspace: &Workspace) -> Option<Step> {
    let mut command = process::cargo();
    command.current_dir(&workspace.root).args(["test", "--doc", "--no-fail-fast", "--workspace"]);
    environment(workspace, &mut command);
    let finished = match process::tee(&mut command, "documentation examples") {
        Ok(finished) => finished,
        Err(error) => return Some(Step::failed("unit", "examples", format!("{error:#}"))),
    };
    let counts = summary::libtest(&finished.output).unwrap_or_default();
    if finished.status.success() && counts.passed == 0 {
        return None;
    }
    Some(Step::new("unit", "examples", Outcome::judge(finished.status.success(), Some(counts), finished.elapsed)))
}

fn run_programs(workspace: &Workspace, suite: Suite, step: &str, programs: &[&str]) -> Step {
    let mut selection = vec!["--workspace"];
    selection.extend(programs.iter().flat_map(|program| ["--test", program]));
    run(workspace, suite.name(), step, &selection, &[])
}

fn run(workspace: &Workspace, suite: &'static str, step: &str, selection: &[&str], variables: &[(&str, &str)]) -> Step {
    let nextest = has_nextest();
    let mut command = if nextest { nextest_command() } else { cargo_test_command() };
    command.current_dir(&workspace.root).args(selection).envs(variables.iter().copied());
    environment(workspace, &mut command);
    match process::tee(&mut command, &format!("{suite}: {step}")) {
        Ok(finished) => {
            let counts = if nextest { summary::nextest(&finished.output) } else { summary::libtest(&finished.output) };
            Step::new(suite, step, Outcome::judge(finished.status.success(), counts, finished.elapsed))
        }
        Err(error) => Step::failed(suite, step, format!("{error:#}")),
    }
}

fn has_nextest() -> bool {
    process::succeeds(process::cargo().args(["nextest", "--version"]))
}

fn nextest_command() -> Command {
    let mut command = process::cargo();
    command.args(["nextest", "run", "--no-fail-fast", "--status-level", "slow"]);
    command
}

fn cargo_test_command() -> Command {
    let mut command = process::cargo();
    command.args(["test", "--no-fail-fast"]);
    command
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::workspace::{Package, Target};

    fn workspace(programs: &[&str]) -> Workspace {
        let target = |name: &&str| Target { name: (*name).to_owned(), kind: vec!["test".to_owned()] };
        let package = Package {
            name: END_TO_END.to_owned(),
            manifest_path: PathBuf::from("/tree/tests/e2e/Cargo.toml"),
            targets: programs.iter().map(target).collect(),
        };
        Workspace { root: PathBuf::from("/tree"), target: PathBuf::from("/out"), packages: vec![package] }
    }

    #[test]
    fn a_new_test_program_belongs_to_the_end_to_end_suite() {
        let workspace = workspace(&["feed", "hostile", "leaks", "sip"]);
        assert_eq!(programs(&workspace, Suite::E2e), ["feed", "leaks"]);
        assert_eq!(programs(&workspace, Suite::Peers), ["sip"]);
        assert_eq!(programs(&workspace, Suite::Hostile), ["hostile"]);
    }

    #[test]
    fn a_suite_without_a_program_is_a_skip_with_a_reason() {
        let workspace = workspace(&["feed"]);
        assert!(!exists(&workspace, Suite::Faults));
        let step = end_to_end(&workspace, Suite::Faults);
        assert!(format!("{step:?}").contains("Skipped"), "{step:?}");
    }
}
