//! The real Kamailio and a real SIP watcher: what the presence server does, and what the watcher is told while the real
//! program publishes through the connector `sip-presence`. Needs the programs that `tests/peers/sip/README.md` names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests, too

mod kamailio;
mod presence;
mod traps;
mod watcher;
