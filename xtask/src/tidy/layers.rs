//! Rule `layers`: which crate may know which.
//!
//! Judged by what a crate links in the end (normal and build dependencies, however deep), not by its own manifest
//! alone: a pure crate that reaches an async runtime through a neighbour is not pure. Dependencies of tests are free.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::Deserialize;

use super::Finding;

/// A crate and what it must never reach, with the reason.
struct Rule {
    package: &'static str,
    never: &'static [&'static str],
    why: &'static str,
}

/// DESIGN 2. A name stands for its whole family: `wasmtime` is `wasmtime-wasi` too.
const RULES: &[Rule] = &[
    Rule {
        package: "calport-model",
        never: &["tokio", "wasmtime", "reqwest", "hyper", "sqlx", "rusqlite"],
        why: "types only: no I/O, no runtime, no store",
    },
    Rule {
        package: "calport-rules",
        never: &["tokio", "wasmtime", "reqwest", "hyper", "sqlx", "rusqlite"],
        why: "pure functions: values in, values out",
    },
    Rule {
        package: "calport-engine",
        never: &["calport-runtime", "wasmtime", "calport-egress", "reqwest"],
        why: "it sees connectors through a trait, and the network not at all",
    },
    Rule { package: "calport-runtime", never: &["calport-engine", "calport-store", "sqlx"], why: "it knows no calendars and no state" },
    Rule { package: "calport-egress", never: &["wasmtime", "calport-runtime", "calport-engine"], why: "it serves any caller" },
    Rule { package: "calport-sdk", never: &["tokio", "reqwest", "calport-model"], why: "a third party builds with it, in the sandbox" },
];

/// What the host is made of but its binary must not link this: it would ship test servers to everyone.
const SIMULATORS: &str = "calport-simulators";

/// The one crate below `host/` that may, for `calport sim` and `calport demo`.
const BINARY: &str = "calport";

/// Which package links which.
pub struct Dependencies {
    /// By package id.
    packages: BTreeMap<String, Known>,
    links: BTreeMap<String, Vec<String>>,
}

struct Known {
    name: String,
    /// Of a workspace member: the path of its manifest, relative to the root.
    manifest: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: String,
    workspace_members: BTreeSet<String>,
    packages: Vec<MetaPackage>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct MetaPackage {
    id: String,
    name: String,
    manifest_path: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDep>,
}

#[derive(Deserialize)]
struct NodeDep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    kind: Option<String>,
}

impl Dependencies {
    /// Reads what `cargo metadata --format-version 1` printed.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let metadata: Metadata = serde_json::from_str(text).context("cargo metadata gave an answer of another shape")?;
        let root = &metadata.workspace_root;
        let members = &metadata.workspace_members;
        let known = |package: MetaPackage| {
            let relative = package.manifest_path.strip_prefix(root.as_str()).unwrap_or(&package.manifest_path);
            let manifest = members.contains(&package.id).then(|| relative.trim_start_matches('/').to_owned());
            (package.id, Known { name: package.name, manifest })
        };
        let packages = metadata.packages.into_iter().map(known).collect();
        let linked = |dep: &NodeDep| dep.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"));
        let links = metadata.resolve.nodes.into_iter();
        let links = links.map(|node| (node.id, node.deps.into_iter().filter(linked).map(|dep| dep.pkg).collect())).collect();
        Ok(Self { packages, links })
    }

    /// The shortest chain of names from a package to the first one that `stop` accepts.
    fn chain(&self, from: &str, stop: impl Fn(&str) -> bool) -> Option<Vec<&str>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(id) = queue.pop_front() {
            for next in self.links.get(id).into_iter().flatten().map(String::as_str) {
                if next == from || came_from.contains_key(next) {
                    continue;
                }
                came_from.insert(next, id);
                if stop(self.name(next)) {
                    let mut chain = vec![self.name(next)];
                    let mut at = next;
                    while let Some(before) = came_from.get(at) {
                        chain.push(self.name(before));
                        at = before;
                    }
                    chain.reverse();
                    return Some(chain);
                }
                queue.push_back(next);
            }
        }
        None
    }

    fn name(&self, id: &str) -> &str {
        self.packages.get(id).map_or("?", |known| known.name.as_str())
    }

    fn members(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.packages.iter().filter_map(|(id, known)| Some((id.as_str(), known.name.as_str(), known.manifest.as_deref()?)))
    }
}

/// Checks the crates of the workspace.
pub fn check(dependencies: &Dependencies) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, name, manifest) in dependencies.members() {
        for rule in RULES.iter().filter(|rule| rule.package == name) {
            for never in rule.never {
                if let Some(chain) = dependencies.chain(id, |other| is_of_family(other, never)) {
                    let message = format!("reaches {never} ({}); {}", chain.join(" -> "), rule.why);
                    findings.push(Finding::error("layers", manifest, 1, message));
                }
            }
        }
        if manifest.starts_with("host/")
            && name != BINARY
            && let Some(chain) = dependencies.chain(id, |other| other == SIMULATORS)
        {
            let message = format!("reaches the simulators ({}); only {BINARY} may", chain.join(" -> "));
            findings.push(Finding::error("layers", manifest, 1, message));
        }
    }
    findings
}

fn is_of_family(name: &str, family: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packages by name; the edges `a>b`, or `a>b!` for a dependency of tests.
    fn dependencies(members: &[(&str, &str)], edges: &[&str]) -> Dependencies {
        let mut names: BTreeSet<&str> = members.iter().map(|(name, _)| *name).collect();
        for edge in edges {
            names.extend(edge.trim_end_matches('!').split('>'));
        }
        let manifest = |name: &str| {
            let own = members.iter().find(|(member, _)| *member == name);
            own.map_or_else(|| format!("/registry/{name}/Cargo.toml"), |(_, dir)| format!("/tree/{dir}/Cargo.toml"))
        };
        let packages: Vec<_> =
            names.iter().map(|name| serde_json::json!({"id": name, "name": name, "manifest_path": manifest(name)})).collect();
        let deps = |name: &str| -> Vec<serde_json::Value> {
            let own = edges.iter().filter_map(|edge| edge.split_once('>')).filter(|(from, _)| *from == name);
            own.map(|(_, to)| {
                let kind = if to.ends_with('!') { serde_json::json!("dev") } else { serde_json::Value::Null };
                serde_json::json!({"pkg": to.trim_end_matches('!'), "dep_kinds": [{"kind": kind}]})
            })
            .collect()
        };
        let nodes: Vec<_> = names.iter().map(|name| serde_json::json!({"id": name, "deps": deps(name)})).collect();
        let members: Vec<_> = members.iter().map(|(name, _)| *name).collect();
        let text = serde_json::json!({
            "workspace_root": "/tree", "workspace_members": members, "packages": packages, "resolve": {"nodes": nodes}
        });
        Dependencies::parse(&text.to_string()).unwrap()
    }

    #[test]
    fn a_pure_crate_must_not_reach_a_runtime_even_through_a_neighbour() {
        let found = check(&dependencies(&[("calport-rules", "host/rules")], &["calport-rules>helper", "helper>tokio"]));
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(finding.path, "host/rules/Cargo.toml");
        assert!(finding.message.contains("calport-rules -> helper -> tokio"), "{}", finding.message);
    }

    #[test]
    fn a_name_stands_for_its_family_and_not_for_lookalikes() {
        let members = [("calport-engine", "host/engine")];
        assert_eq!(check(&dependencies(&members, &["calport-engine>wasmtime-wasi"])).len(), 1);
        assert!(check(&dependencies(&members, &["calport-engine>wasmtimer", "calport-engine>tokio"])).is_empty());
    }

    #[test]
    fn dependencies_of_tests_are_free() {
        let members = [("calport-rules", "host/rules"), ("calport-store", "host/store")];
        let edges = ["calport-rules>tokio!", "calport-store>calport-simulators!"];
        assert!(check(&dependencies(&members, &edges)).is_empty());
    }

    #[test]
    fn only_the_binary_links_the_simulators() {
        let members = [("calport", "host/calport"), ("calport-web", "host/web"), ("calport-e2e", "tests/e2e")];
        let edges = ["calport>calport-simulators", "calport-web>calport-simulators", "calport-e2e>calport-simulators"];
        let found = check(&dependencies(&members, &edges));
        assert_eq!(found.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["host/web/Cargo.toml"]);
    }
}
