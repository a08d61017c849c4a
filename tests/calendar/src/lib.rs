//! Calendar cases as files, read and written through the connectors of Microsoft Graph and of Exchange Web Services.
//!
//! Promise: both connectors run in WebAssembly, against one simulated organisation with two front doors, and whatever people or the
//! other connector do in a mailbox reads the same through both, to the letter of the case file. Whatever is written through one
//! of them is the same as if people had done it, and nobody is mailed (SEMANTICS B-35).
//!
//! Refusals: nothing here knows the inside of a connector. What cannot be the same is listed in `README.md` with its reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test's helper ends its test

pub mod canon;
pub mod case;
pub mod host;
pub mod owner;
pub mod play;
pub mod reader;
pub mod sandbox;
pub mod wire;
pub mod world;
pub mod written;
