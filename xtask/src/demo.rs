//! `cargo xtask demo`: from a fresh clone to a running demonstration in one command.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::plugins::{self, Kind, Profile};
use crate::process;
use crate::workspace::Workspace;

/// What to expect of the first build, rounded up: the compiler backend in the sandbox is most of it.
const FIRST_BUILD: &str = "the first build takes about 8 minutes on two cores, later ones seconds";

/// Builds connectors and host, then becomes the demonstration: its exit code is ours.
///
/// # Errors
/// When something does not build, or the binary cannot be started.
pub fn run(workspace: &Workspace, args: &[String]) -> anyhow::Result<ExitCode> {
    plugins::build(workspace, Kind::Connector, Profile::Plugin, &workspace.plugins_dir())?;
    let binary = build_host(workspace)?;
    eprintln!("==> calport demo");
    let status = Command::new(&binary)
        .current_dir(&workspace.root)
        .arg("demo")
        .arg("--plugins")
        .arg(workspace.plugins_dir())
        .args(args)
        .status()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    // Ended by a signal (Ctrl-C): no code of its own.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// Builds the `calport` binary with the default profile, whose slow parts are optimised, and returns its path.
///
/// # Errors
/// When it does not build.
pub fn build_host(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let binary = workspace.target.join("debug").join(format!("calport{}", std::env::consts::EXE_SUFFIX));
    let mut command = process::cargo();
    command.current_dir(&workspace.root).args(["build", "-p", "calport", "--bin", "calport"]);
    let expected = (!binary.exists()).then_some(FIRST_BUILD);
    let elapsed = process::watch(&mut command, "building the host, calport", expected)?;
    eprintln!("    done in {}", process::seconds(elapsed));
    Ok(binary)
}
