//! A stateful Exchange Web Services endpoint on the mailboxes of the Graph simulator: a change by one is seen by the other.
//!
//! Promise: answers are valid against the vendor's schemas, in the order and with the awkward sides of the real service: occurrences
//! with ids of their own, masters that no calendar view shows, change keys that a stale write fails on, sync states that
//! expire, versions that lack what later ones brought. Independent clients accept it.
//!
//! The front doors are also those of a company's own server ([`Doors`]): NTLM, NTLM inside Negotiate, a forms login. Autodiscover tells
//! where a mailbox is, or leads astray ([`Autodiscover`]).
//!
//! Refused: what the simulated version does not know, a mailbox the caller may not open, a change on a stale change key; Kerberos
//! tickets and TLS, for which tests have servers of others. Deviations of real servers are switches ([`Deviations`]), troubles are fault rules ([`Kind`]); without them the documentation rules.

mod admin;
mod auth;
mod autodiscover;
mod config;
mod context;
mod control;
mod deviate;
mod dispatch;
mod doors;
mod fault;
mod handle;
mod ids;
mod item;
mod limits;
mod log;
mod notifications;
mod ops;
pub mod proxy;
mod push;
mod restriction;
mod server;
mod shape;
mod shared;
mod soap;
mod store;
mod streaming;
mod time;
mod version;
mod xml;
mod zone;

pub use autodiscover::{Autodiscover, Reply};
pub use config::{Account, Config, Deviations};
pub use control::Sign;
pub use doors::{Challenges, Connection, Doors, Forms, Login, Stranger};
pub use fault::{BusyForm, Kind, Rule};
pub use handle::{Simulator, Stats};
pub use log::Seen;
pub use notifications::Notifying;
pub use version::Version;
