//! The library from outside, as connectors use it.
//!
//! `schema.rs` and `samples.rs` compare with the vendor's contracts, which lie outside of the tree: `CALPORT_REFERENCE`
//! names their folder. Without it they are skipped with a message, and fail where continuous integration runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod autodiscover;
mod corpus;
mod corpus_notifications;
mod discovery;
mod hostile;
mod notifications;
mod page;
mod reading;
mod samples;
mod schema;
mod streaming;
mod support;
mod writing;
