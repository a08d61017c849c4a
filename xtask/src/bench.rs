//! `cargo xtask bench`: runs the benchmark program and keeps its table in `docs/benchmarks.md`.
//!
//! The program is the example `bench` of `calport-e2e`. Its contract: it prints Markdown on standard output and nothing
//! else there, finds the built connectors through `CALPORT_PLUGINS`, and fails rather than print a figure it did not
//! measure.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};

use crate::plugins::{self, Kind, Profile};
use crate::process;
use crate::suites::{environment, python};
use crate::workspace::Workspace;

/// Where the program is.
const PACKAGE: &str = "calport-e2e";
/// Its name.
const PROGRAM: &str = "bench";

/// Builds everything in release mode, runs the program with `args`, prints and (unless `dry_run`) stores its table.
///
/// # Errors
/// When there is no such program, something does not build, the program fails or prints nothing.
pub fn run(workspace: &Workspace, dry_run: bool, args: &[String]) -> anyhow::Result<ExitCode> {
    if !workspace.package(PACKAGE)?.targets_of("example").any(|name| name == PROGRAM) {
        bail!("the crate {PACKAGE} has no example `{PROGRAM}`: the benchmark program belongs in tests/e2e/examples/{PROGRAM}.rs");
    }
    plugins::build(workspace, Kind::Connector, Profile::Plugin, &workspace.plugins_dir())?;
    let mut build = process::cargo();
    build.current_dir(&workspace.root).args(["build", "--release", "-p", PACKAGE, "--example", PROGRAM]);
    process::watch(&mut build, "building the benchmarks in release mode", None)?;

    let peers = python::for_benchmarks(workspace)?;
    let program = workspace.target.join("release").join("examples").join(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX));
    eprintln!("==> measuring; leave the machine alone meanwhile");
    let mut command = Command::new(&program);
    command.current_dir(&workspace.root).args(args).stdin(Stdio::null()).stderr(Stdio::inherit());
    environment(workspace, &mut command);
    command.envs(peers);
    let output = command.output().with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        bail!("the benchmarks failed ({})", output.status);
    }
    let table = String::from_utf8(output.stdout).context("the benchmarks printed something that is not UTF-8")?;
    if table.trim().is_empty() {
        bail!("the benchmarks printed no table");
    }
    println!("{}", table.trim_end());
    if !dry_run {
        let file = workspace.root.join("docs").join("benchmarks.md");
        std::fs::write(&file, page(&table, &machine())).with_context(|| format!("cannot write {}", file.display()))?;
        eprintln!("==> written to docs/benchmarks.md");
    }
    Ok(ExitCode::SUCCESS)
}

/// What the figures depend on, in a line.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |count| count.to_string());
    let rust = process::capture(Command::new("rustc").arg("--version")).unwrap_or_default();
    format!("{cores} cores, {}, {}", std::env::consts::ARCH, rust.trim())
}

fn page(table: &str, machine: &str) -> String {
    format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench`; change the program, not this file. All figures come from one run \
         on one machine\n({machine}): compare the ratios, not the times.\n\n{}\n",
        table.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_carries_the_table_and_the_machine() {
        let page = page("\n| a | b |\n\n", "2 cores");
        assert!(page.starts_with("# Benchmarks\n"));
        assert!(page.contains("(2 cores)"));
        assert!(page.ends_with("\n\n| a | b |\n"));
    }
}
