//! Calendar cases through the connectors, as one program: each would have the whole compiler of the sandbox in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cases;
mod deviations;
mod host;
mod writes;
