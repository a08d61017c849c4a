//! Where things are: the workspace as cargo describes it.
//!
//! Everything is asked of `cargo metadata` at run time. Nothing is baked in when this program is compiled, because one
//! target directory may serve several clones of the tree.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::process;

/// The workspace: its root, its target directory and its own crates.
pub struct Workspace {
    /// The folder of the top `Cargo.toml`.
    pub root: PathBuf,
    /// Where cargo builds (follows `CARGO_TARGET_DIR`).
    pub target: PathBuf,
    /// The crates of the workspace, in cargo's order.
    pub packages: Vec<Package>,
}

/// One crate of the workspace.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Its name, as `-p` takes it.
    pub name: String,
    /// The path of its `Cargo.toml`.
    pub manifest_path: PathBuf,
    /// What it builds.
    pub targets: Vec<Target>,
}

/// One thing that a crate builds.
#[derive(Debug, Clone, Deserialize)]
pub struct Target {
    /// Its name, as cargo's file names carry it.
    pub name: String,
    /// `lib`, `cdylib`, `bin`, `test`, `example` and so on.
    pub kind: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    packages: Vec<Package>,
}

impl Workspace {
    /// Asks cargo about the workspace around the current folder.
    ///
    /// # Errors
    /// When cargo does not run, or a `Cargo.toml` of the workspace cannot be read.
    pub fn load() -> anyhow::Result<Self> {
        let mut command = process::cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let text = process::capture(&mut command).context("cannot read the workspace")?;
        let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata gave an answer of another shape")?;
        Ok(Self { root: metadata.workspace_root, target: metadata.target_directory, packages: metadata.packages })
    }

    /// Where the built connectors lie: a drop-in directory.
    pub fn plugins_dir(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// Where the built misbehaving connectors of the tests lie.
    pub fn hostile_dir(&self) -> PathBuf {
        self.target.join("hostile")
    }

    /// The folder with the vendors' contracts that some tests compare with: `CALPORT_REFERENCE`, or
    /// `../shared/reference` beside the tree. Always absolute; it need not exist.
    pub fn reference_dir(&self) -> PathBuf {
        let given = std::env::var_os("CALPORT_REFERENCE").filter(|value| !value.is_empty());
        absolute(&self.root, given.map_or_else(|| PathBuf::from("../shared/reference"), PathBuf::from))
    }

    /// The crate of this name.
    ///
    /// # Errors
    /// When the workspace has none.
    pub fn package(&self, name: &str) -> anyhow::Result<&Package> {
        match self.packages.iter().find(|package| package.name == name) {
            Some(package) => Ok(package),
            None => bail!("the workspace has no crate `{name}`: is it in `members` of Cargo.toml?"),
        }
    }
}

impl Package {
    /// The names of its targets of one kind (`test`, `example`, `cdylib`, ...).
    pub fn targets_of(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.targets.iter().filter(move |target| target.kind.iter().any(|one| one == kind)).map(|target| target.name.as_str())
    }

    /// Whether its folder lies somewhere below `folder`.
    pub fn is_below(&self, folder: &Path) -> bool {
        self.manifest_path.parent().is_some_and(|own| own != folder && own.starts_with(folder))
    }
}

/// `path` seen from `base`, with `.` and `..` resolved where the folder exists.
fn absolute(base: &Path, path: PathBuf) -> PathBuf {
    let joined = base.join(path);
    joined.canonicalize().unwrap_or(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(dir: &str) -> Package {
        Package {
            name: "x".to_owned(),
            manifest_path: Path::new(dir).join("Cargo.toml"),
            targets: vec![Target { name: "calport_plugin_x".to_owned(), kind: vec!["cdylib".to_owned(), "rlib".to_owned()] }],
        }
    }

    #[test]
    fn a_crate_is_below_a_folder_but_not_the_folder_itself() {
        assert!(package("/tree/plugins/x").is_below(Path::new("/tree/plugins")));
        assert!(!package("/tree/plugins").is_below(Path::new("/tree/plugins")));
        assert!(!package("/tree/plugins-old/x").is_below(Path::new("/tree/plugins")));
    }

    #[test]
    fn a_target_with_two_kinds_is_found_by_each() {
        let package = package("/tree/plugins/x");
        assert_eq!(package.targets_of("cdylib").collect::<Vec<_>>(), ["calport_plugin_x"]);
        assert_eq!(package.targets_of("rlib").count(), 1);
        assert_eq!(package.targets_of("bin").count(), 0);
    }

    #[test]
    fn an_absolute_path_stays_as_it_is() {
        assert_eq!(absolute(Path::new("/tree"), PathBuf::from("/no/such/folder")), PathBuf::from("/no/such/folder"));
    }
}
