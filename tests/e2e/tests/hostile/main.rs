//! The sandbox against connectors that misbehave (FEATURES X01, X02; SEMANTICS K-06): real components in the real runtime,
//! behind a way out that these tests play.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test's helper ends its test

mod answers;
mod breaker;
mod cache;
mod discovery;
mod drop_in;
mod limits;
mod peek;
mod refused;
mod streams;
mod support;
mod writes;
