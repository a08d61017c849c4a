//! Faults on purpose: the real program with the real connectors, while servers fail, lie, forget and hurry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests, too

mod answers;
mod feed;
mod notices;
mod sink;
