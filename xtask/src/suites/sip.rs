//! A step of the suite `peers`: the real Kamailio with a real SIP watcher, driven by a test program of the end-to-end crate.
//!
//! It needs programs that only the distribution has. Where one is missing the step is a skip that says how to get it; where
//! everything is required (`CI=true`) a skip is a failure.

use std::path::Path;

use super::{Step, Suite, rust};
use crate::workspace::Workspace;

/// The test program.
pub const PROGRAM: &str = "sip";

/// The step's name in the table.
const NAME: &str = "Kamailio 5.6 + SIP watcher";

/// What must be there, each with where it may be.
const NEEDED: [(&str, &[&str]); 4] = [
    ("kamailio", &["/usr/sbin/kamailio", "/usr/bin/kamailio", "/usr/local/sbin/kamailio"]),
    ("the table definitions of Kamailio for SQLite", &["/usr/share/kamailio/db_sqlite/presence-create.sql"]),
    (
        "Kamailio's module presence",
        &[
            "/usr/lib/x86_64-linux-gnu/kamailio/modules/presence.so",
            "/usr/lib/aarch64-linux-gnu/kamailio/modules/presence.so",
            "/usr/lib64/kamailio/modules/presence.so",
        ],
    ),
    ("sipp", &["/usr/bin/sipp", "/usr/local/bin/sipp"]),
];

/// How to get it, on the distribution that README names.
const GET: &str = "apt-get install kamailio kamailio-presence-modules kamailio-sqlite-modules sip-tester";

/// Runs the step. `prepare` builds the program and the connectors, which is not asked for when something is missing.
pub fn run(workspace: &Workspace, prepare: impl FnOnce() -> Result<(), String>) -> Step {
    if let Some(reason) = missing(|path| path.exists()) {
        return Step::skipped(Suite::Peers.name(), NAME, reason);
    }
    match prepare() {
        Ok(()) => rust::peer(workspace, PROGRAM, NAME),
        Err(reason) => Step::failed(Suite::Peers.name(), NAME, reason),
    }
}

/// What is not there, if anything.
fn missing(exists: impl Fn(&Path) -> bool) -> Option<String> {
    let (what, _) = NEEDED.iter().find(|(_, places)| !places.iter().any(|place| exists(Path::new(place))))?;
    Some(format!("{what} is missing: {GET}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_way_to_get_it() {
        assert_eq!(missing(|_| true), None);
        let reason = missing(|path| !path.ends_with("sipp")).unwrap();
        assert!(reason.starts_with("sipp is missing") && reason.contains("sip-tester"), "{reason}");
        assert!(missing(|_| false).unwrap().starts_with("kamailio is missing"));
    }
}
