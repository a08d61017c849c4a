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
mod config;
mod delta;
mod dispatch;
mod draft;
mod event;
mod events;
mod fields;
mod filter;
mod handle;
mod http;
mod ids;
mod lists;
mod log;
mod mailbox;
mod notify;
mod oauth;
mod recurrence;
mod render;
mod route;
mod server;
mod shared;
mod state;
mod subscriptions;
mod throttle;
mod users;
mod zones;

pub use config::{Config, DEFAULT_ROLES, User};
pub use draft::EventDraft;
pub use handle::{Builder, Lifecycle, Simulator, SimulatorError, Stats};
pub use log::{Deliveries, Mail, Seen};
