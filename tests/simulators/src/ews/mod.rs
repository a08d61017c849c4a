//! A stateful Exchange Web Services endpoint on the mailboxes of the Graph simulator: a change by one is seen by the other.
//!
//! Promise: answers are valid against the vendor's schemas, in the order and with the awkward sides of the real service: occurrences
//! with ids of their own, masters that no calendar view shows, change keys that a stale write fails on, sync states that
//! expire, versions that lack what later ones brought. Independent clients accept it.
//!
//! Refused: what the simulated version does not know, a mailbox the caller may not open, a change on a stale change key. Deviations of
//! real servers are switches ([`Deviations`]), troubles are fault rules ([`Kind`]); without them the documentation rules.

mod admin;
mod auth;
mod config;
mod context;
mod deviate;
mod dispatch;
mod fault;
mod handle;
mod ids;
mod item;
mod limits;
mod log;
mod ops;
mod restriction;
mod server;
mod shape;
mod shared;
mod soap;
mod store;
mod time;
mod version;
mod xml;
mod zone;

pub use config::{Account, Config, Deviations};
pub use fault::{BusyForm, Kind, Rule};
pub use handle::{Simulator, Stats};
pub use log::Seen;
pub use version::Version;
