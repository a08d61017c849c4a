//! The suite `peers`: programs of others against our simulators and host.
//!
//! Each folder of `tests/peers/` with a `requirements.txt` is one suite of pytest files. Its packages live in a virtual
//! environment of its own below the target directory, which is made again whenever the requirements or the Python
//! change. Nothing is installed outside of it.
//!
//! The tests find what they need in the environment: `CALPORT_SIM_NAME` is the path of the simulator program NAME (an
//! example of `calport-simulators`) and `CALPORT_EGRESS_NAME` that of an example of `calport-egress`, besides the variables
//! that every suite gets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::{Outcome, Step, environment, summary};
use crate::process;
use crate::workspace::Workspace;

/// The crates whose examples are programs for the tests, with the beginning of the variables that name them: the simulators,
/// and the host's way out.
const PROGRAMS: [(&str, &str); 2] = [("calport-simulators", "CALPORT_SIM"), ("calport-egress", "CALPORT_EGRESS")];

/// How to get what is missing, on the distribution that README names.
const GET_PYTHON: &str = "apt-get install python3 python3-venv";

/// A suite's virtual environment.
struct Venv {
    folder: PathBuf,
}

/// Every suite of `tests/peers/`.
pub fn peers(workspace: &Workspace) -> Vec<Step> {
    let suites = match suites(&workspace.root.join("tests").join("peers")) {
        Ok(suites) => suites,
        Err(error) => return vec![Step::failed("peers", "peers", format!("{error:#}"))],
    };
    if suites.is_empty() {
        return vec![Step::skipped("peers", "peers", "tests/peers has no folder with a requirements.txt")];
    }
    if let Some(reason) = missing_python() {
        return suites.iter().map(|(name, _)| Step::skipped("peers", name.as_str(), reason.as_str())).collect();
    }
    let programs = match build(workspace).and_then(|()| programs(workspace)) {
        Ok(programs) => programs,
        Err(error) => return vec![Step::failed("peers", "build", format!("{error:#}"))],
    };
    suites.iter().map(|(name, folder)| one(workspace, name, folder, &programs)).collect()
}

fn one(workspace: &Workspace, name: &str, folder: &Path, programs: &[(String, PathBuf)]) -> Step {
    let venv = match Venv::prepare(&workspace.target.join("venv").join(name), &folder.join("requirements.txt"), name) {
        Ok(venv) => venv,
        Err(error) => {
            let reason = format!("{error:#}. Is PyPI reachable, and does each pinned version exist for this Python?");
            return Step::skipped("peers", name, reason);
        }
    };
    let mut command = Command::new(venv.python());
    command.current_dir(folder).args(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "."]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").envs(programs.iter().map(|(key, path)| (key, path)));
    environment(workspace, &mut command);
    match process::tee(&mut command, &format!("peers: {name}")) {
        Ok(finished) => {
            let counts = summary::pytest(&finished.output);
            Step::new("peers", name, Outcome::judge(finished.status.success(), counts, finished.elapsed))
        }
        Err(error) => Step::failed("peers", name, format!("{error:#}")),
    }
}

/// The folders with a `requirements.txt`, by name.
fn suites(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut suites = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        if entry.path().join("requirements.txt").is_file() {
            suites.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    suites.sort();
    Ok(suites)
}

/// What Python lacks here, if anything.
fn missing_python() -> Option<String> {
    if !process::succeeds(Command::new("python3").arg("--version")) {
        return Some(format!("python3 is not installed: {GET_PYTHON}"));
    }
    if !process::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        return Some(format!("python3 lacks its venv module: {GET_PYTHON}"));
    }
    None
}

/// The variables that name the programs, which [`build`] has made.
fn programs(workspace: &Workspace) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let folder = workspace.target.join("debug").join("examples");
    let mut variables = Vec::new();
    for (package, prefix) in PROGRAMS {
        for name in workspace.package(package)?.targets_of("example") {
            let key = format!("{prefix}_{}", name.replace('-', "_").to_uppercase());
            variables.push((key, folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))));
        }
    }
    Ok(variables)
}

/// Builds the host, and the programs for the tests with it: with the dependencies that the test programs have as well.
///
/// # Errors
/// When they do not build.
pub fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let mut command = process::cargo();
    command.current_dir(&workspace.root).args(["build", "--workspace", "--bin", "calport"]);
    for (package, _) in PROGRAMS {
        command.args(workspace.package(package)?.targets_of("example").flat_map(|name| ["--example", name]));
    }
    process::watch(&mut command, "building the host, the simulators and the client", None).map(drop)
}

/// What the benchmarks need of others, as variables: the EWS simulator in release mode, and a Python with `exchangelib`.
///
/// # Errors
/// When the simulator does not build, or Python or its packages cannot be had.
pub fn for_benchmarks(workspace: &Workspace) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    if let Some(reason) = missing_python() {
        anyhow::bail!(reason);
    }
    let mut command = process::cargo();
    command.current_dir(&workspace.root).args(["build", "--release", "-p", "calport-simulators", "--example", "ews"]);
    process::watch(&mut command, "building the EWS simulator in release mode", None)?;
    let simulator = workspace.target.join("release").join("examples").join(format!("ews{}", std::env::consts::EXE_SUFFIX));
    let requirements = workspace.root.join("tests/peers/exchangelib/requirements.txt");
    let venv = Venv::prepare(&workspace.target.join("venv").join("exchangelib"), &requirements, "exchangelib")?;
    Ok(vec![("CALPORT_SIM_EWS", simulator), ("CALPORT_PYTHON_EXCHANGELIB", venv.python())])
}

impl Venv {
    /// The environment in `folder` for these requirements; made anew unless it was made for exactly them.
    fn prepare(folder: &Path, requirements: &Path, name: &str) -> anyhow::Result<Self> {
        let venv = Self { folder: folder.to_path_buf() };
        let wanted = fs::read_to_string(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
        let python = process::capture(Command::new("python3").args(["-c", "import sys; print(sys.version, sys.prefix)"]))?;
        let stamp = format!("{python}\n{wanted}");
        // Written last: its presence means that the installation was complete.
        let stamp_file = folder.join("calport-stamp.txt");
        if fs::read_to_string(&stamp_file).is_ok_and(|present| present == stamp) {
            return Ok(venv);
        }
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot remove the old {}", folder.display()))?;
        }
        let mut make = Command::new("python3");
        make.args(["-m", "venv"]).arg(folder);
        process::watch(&mut make, &format!("making a virtual environment for {name}"), None)?;
        let mut install = Command::new(venv.python());
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements);
        process::watch(&mut install, &format!("installing the pinned packages of {name}"), Some("once, up to a few minutes"))?;
        fs::write(&stamp_file, stamp).with_context(|| format!("cannot write {}", stamp_file.display()))?;
        Ok(venv)
    }

    fn python(&self) -> PathBuf {
        self.folder.join("bin").join("python")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_with_requirements_are_suites() {
        let folder = std::env::temp_dir().join(format!("xtask-peers-{}", std::process::id()));
        fs::create_dir_all(folder.join("sdk")).unwrap();
        fs::create_dir_all(folder.join("common")).unwrap();
        fs::write(folder.join("sdk").join("requirements.txt"), "pytest==9.0.2\n").unwrap();
        let names: Vec<String> = suites(&folder).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["sdk"]);
        fs::remove_dir_all(&folder).unwrap();
        assert!(suites(&folder).unwrap().is_empty());
    }
}
