//! A stateful Microsoft Graph: directory, mailboxes, calendars with series, delta, subscriptions, throttling.
//!
//! Promise: requests and answers have the documented form (checked against the closed schema of the vendor's metadata and by the
//! vendor's own Python client), and the awkward sides are there: sparse occurrences in delta, `@removed` for what left the
//! window, no marker for a cancelled occurrence, ids in two forms, tokens that expire, four requests at once per mailbox.
//!
//! Refused: any permission that was not granted, any property that does not exist, any option the service does not take. A client that
//! passes here has asked only for what it may ask.

mod admin;
mod batch;
pub(crate) mod config;
mod delta;
mod dispatch;
mod draft;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod fields;
mod filter;
mod handle;
pub(crate) mod http;
pub(crate) mod ids;
pub(crate) mod journal;
mod lists;
pub(crate) mod log;
pub(crate) mod mailbox;
mod notify;
pub(crate) mod oauth;
pub(crate) mod recurrence;
pub(crate) mod render;
mod route;
mod server;
pub(crate) mod shared;
pub(crate) mod state;
mod subscriptions;
mod throttle;
mod users;
pub(crate) mod zones;

pub use config::{Config, DEFAULT_ROLES, User};
pub use draft::EventDraft;
pub use handle::{Builder, Lifecycle, Simulator, SimulatorError, Stats};
pub use log::{Deliveries, Mail, Seen};
