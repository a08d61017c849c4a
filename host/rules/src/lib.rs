//! The rules of Calport as pure functions: presence over time, its texts, its layers.
//!
//! Promise: the same input gives the same output, byte by byte (SEMANTICS P-29). Refused: clocks, the machine's zone,
//! stores, tasks, I/O; whatever a rule needs comes in as a value. That is why every answer can be computed again later for
//! `explain`, for another moment, or for a draft of the configuration.

pub mod language;
pub mod presence;

pub use language::{Language, UnknownLanguage};
