//! Stateful simulators of the systems Calport talks to, for tests and the demo.
//!
//! Promise: each simulator answers as the real system is documented (or was seen) to answer, also where that is awkward, keeps
//! its state in memory, listens on loopback, and can be made to fail on purpose. Nothing here is reachable from the host's
//! or a plugin's code: the only way in is the wire.
//!
//! Refused: persistence, TLS, and any behaviour the real system does not show unless a fault rule asks for it.

pub mod clock;
pub mod demo;
pub mod ews;
pub mod fault;
pub mod graph;
pub mod pbx;
pub mod serve;
