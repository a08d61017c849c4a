//! The receiver of hooks: `BASE/hooks/CONNECTION/RANDOM` and `BASE/hooks/CONNECTION/RANDOM/lifecycle`.
//!
//! Promise (SEMANTICS B-30): a request with a known secret is on disk before it is acknowledged, and every request has its
//! answer within seconds, also when the store stalls: then it is 503, and the sender tries again. The host answers by itself,
//! from the profile that the connector declares; no connector runs while somebody waits.
//!
//! Refusals (B-31), in this order: an unknown connection and a wrong random part get the same 404; a body over the bound 413;
//! a request whose secret is not known 403, with a counter and a log line that hold neither secret nor body, or the farewell that
//! the connector has for it. The random part,
//! secrets and signatures are compared in constant time. Of a body no more is understood than where its secret is, and that
//! by a reader that keeps nothing (module `pointer`).
//!
//! What is stored has a bound for each connection. Beyond 10,000 unread requests, one whose like is already unread is counted
//! and dropped, for both only say that something changed (B-27). Beyond 100,000 requests or 1 GiB every one is refused with
//! 503. The count begins anew when the process starts; what an earlier one left is read first, and is not in it.

mod answers;
mod backlog;
mod counters;
mod handshake;
mod limits;
mod pointer;
mod receiver;
mod secret;

pub use counters::{ConnectionCounts, HookCounts};
pub use handshake::{PROBE_PARAMETER, probe_answer};
pub use limits::HookLimits;
pub use receiver::{HookReceiver, HookStore, HookTarget, HookTargets};
