//! A week of a company on simulated servers, with faults, on one virtual clock: for how many seconds was what the PBX showed wrong?
//!
//! Everything but the servers and the clock is real: engine, store, connectors in the sandbox, egress, receiver of notifications.
//! After every second of the week the PBX is compared with an oracle over the true calendars ([`oracle`]). A wrong second has a
//! cause: what the PBX shows must then be what the oracle says of a state of the calendar (and of the automatic replies) that the
//! host may still take for the newest one; anything else is a mistake of Calport and counts as its own. The virtual clock stands
//! while anybody works, so the time that work takes is not part of this account: that is what the other figures measure.

mod changes;
mod clock;
mod faults;
pub mod host;
mod oracle;
mod person;
mod report;
mod run;
mod truth;
mod watched;

use std::path::Path;

pub use person::Cause;
pub use report::Report;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// People.
    pub people: u16,
    /// Days.
    pub days: u32,
    /// Everything random follows from it, except for the pauses that the engine draws itself.
    pub seed: u64,
}

/// Runs it. Connectors are taken from `plugins`, compiled ones kept in `cache`.
pub async fn run(options: Options, plugins: &Path, cache: &Path) -> Report {
    run::Run::new(options, plugins, cache).await.go().await
}
