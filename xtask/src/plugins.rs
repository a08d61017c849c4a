//! Building connectors: crates below `plugins/` (and `tests/hostile/`) to WebAssembly components.
//!
//! A component appears in its folder in one step (written beside, then renamed), and a file whose bytes did not change
//! is not touched: a running host that watches the folder sees only real changes, and never half a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::process;
use crate::workspace::{Package, Workspace};

/// The Rust target of every connector.
const TARGET: &str = "wasm32-wasip2";

/// What to expect of a first build, rounded up.
const FIRST_BUILD: &str = "the first build takes about 2 minutes on two cores";

/// How connectors are built: a cargo profile of the workspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Profile {
    /// As shipped: small, fast to load.
    Plugin,
    /// Quick to build, with names for backtraces.
    Dev,
}

/// Which connectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Those of `plugins/`.
    Connector,
    /// Those of `tests/hostile/`, which misbehave on purpose.
    Hostile,
}

/// One component to build.
struct Component {
    package: String,
    library: String,
    name: String,
}

impl Profile {
    /// The name that `cargo build --profile` takes.
    fn name(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Dev => "dev",
        }
    }

    /// The folder below the target's folder where cargo puts the result.
    fn folder(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Dev => "debug",
        }
    }
}

impl Kind {
    fn folder(self, workspace: &Workspace) -> PathBuf {
        match self {
            Self::Connector => workspace.root.join("plugins"),
            Self::Hostile => workspace.root.join("tests").join("hostile"),
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Connector => "connectors",
            Self::Hostile => "misbehaving connectors",
        }
    }
}

/// Builds all connectors of a kind and puts them into `out` as `NAME.wasm`.
///
/// # Errors
/// When there is none, the Rust target cannot be had, cargo fails, or `out` cannot be written.
pub fn build(workspace: &Workspace, kind: Kind, profile: Profile, out: &Path) -> anyhow::Result<()> {
    let components = components(workspace, kind);
    if components.is_empty() {
        bail!("no crate with crate type cdylib below {}", kind.folder(workspace).display());
    }
    add_target(workspace)?;
    let built = workspace.target.join(TARGET).join(profile.folder());
    let names: Vec<&str> = components.iter().map(|component| component.name.as_str()).collect();
    let first = components.iter().any(|component| !built.join(component.file()).exists());

    let mut command = process::cargo();
    command.current_dir(&workspace.root).args(["build", "--profile", profile.name(), "--target", TARGET]);
    for component in &components {
        command.args(["-p", &component.package]);
    }
    let what = format!("building {} to WebAssembly: {}", kind.what(), names.join(", "));
    let elapsed = process::watch(&mut command, &what, first.then_some(FIRST_BUILD))?;

    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    for component in &components {
        let from = built.join(component.file());
        let to = out.join(format!("{}.wasm", component.name));
        let size = place(&from, &to)?;
        eprintln!("    {} ({} kB)", to.display(), size / 1024);
    }
    eprintln!("    done in {}", process::seconds(elapsed));
    Ok(())
}

impl Component {
    /// The file that cargo makes of it.
    fn file(&self) -> String {
        format!("{}.wasm", self.library)
    }
}

fn components(workspace: &Workspace, kind: Kind) -> Vec<Component> {
    let folder = kind.folder(workspace);
    let below = workspace.packages.iter().filter(|package| package.is_below(&folder));
    below.filter_map(component).collect()
}

fn component(package: &Package) -> Option<Component> {
    let library = package.targets_of("cdylib").next()?.replace('-', "_");
    let short = ["calport-plugin-", "calport-hostile-"].iter().find_map(|prefix| package.name.strip_prefix(prefix));
    let name = short.unwrap_or(&package.name).to_owned();
    Some(Component { package: package.name.clone(), library, name })
}

/// Adds the Rust target unless the toolchain has it.
fn add_target(workspace: &Workspace) -> anyhow::Result<()> {
    let mut ask = Command::new("rustc");
    ask.current_dir(&workspace.root).args(["--print", "target-libdir", "--target", TARGET]);
    let folder = process::capture(&mut ask).with_context(|| format!("this Rust does not know the target {TARGET}"))?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    let mut add = Command::new("rustup");
    add.current_dir(&workspace.root).args(["target", "add", TARGET]);
    process::watch(&mut add, &format!("adding the Rust target {TARGET}, which this toolchain lacks"), None)
        .with_context(|| format!("connectors need the Rust target {TARGET}: add it by hand (rustup target add {TARGET})"))?;
    Ok(())
}

/// Puts a file in place in one step, unless the same bytes are there already. Returns its size in bytes.
fn place(from: &Path, to: &Path) -> anyhow::Result<usize> {
    let bytes = fs::read(from).with_context(|| format!("cargo built no {}", from.display()))?;
    if fs::read(to).is_ok_and(|present| present == bytes) {
        return Ok(bytes.len());
    }
    let part = to.with_extension("wasm.part");
    fs::write(&part, &bytes).with_context(|| format!("cannot write {}", part.display()))?;
    fs::rename(&part, to).with_context(|| format!("cannot put {} in place", to.display()))?;
    Ok(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Target;

    fn package(name: &str, dir: &str, kind: &str) -> Package {
        Package {
            name: name.to_owned(),
            manifest_path: Path::new(dir).join("Cargo.toml"),
            targets: vec![Target { name: name.replace('-', "_"), kind: vec![kind.to_owned()] }],
        }
    }

    fn workspace(packages: Vec<Package>) -> Workspace {
        Workspace { root: PathBuf::from("/tree"), target: PathBuf::from("/out"), packages }
    }

    #[test]
    fn only_components_of_the_asked_folder_are_built() {
        let workspace = workspace(vec![
            package("calport-sdk", "/tree/plugins/sdk", "lib"),
            package("calport-plugin-exchange-onprem", "/tree/plugins/exchange-onprem", "cdylib"),
            package("calport-hostile-loops", "/tree/tests/hostile/loops", "cdylib"),
            package("calport-engine", "/tree/host/engine", "lib"),
        ]);
        let names = |kind| components(&workspace, kind).into_iter().map(|one| (one.name, one.library)).collect::<Vec<_>>();
        assert_eq!(names(Kind::Connector), [("exchange-onprem".to_owned(), "calport_plugin_exchange_onprem".to_owned())]);
        assert_eq!(names(Kind::Hostile), [("loops".to_owned(), "calport_hostile_loops".to_owned())]);
    }

    #[test]
    fn an_unchanged_component_is_not_written_again() {
        let folder = std::env::temp_dir().join(format!("xtask-place-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (from, to) = (folder.join("a.wasm"), folder.join("b.wasm"));
        fs::write(&from, b"one").unwrap();
        assert_eq!(place(&from, &to).unwrap(), 3);
        let before = fs::metadata(&to).unwrap().modified().unwrap();
        assert_eq!(place(&from, &to).unwrap(), 3);
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), before);
        fs::write(&from, b"other").unwrap();
        place(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"other");
        assert!(!folder.join("b.wasm.part").exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
