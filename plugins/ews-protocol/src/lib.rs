//! draft
mod error;
mod failure;
pub mod recurrence;
mod value;
mod version;
mod words;
mod xml;
pub mod zone;
pub use error::*;
pub use failure::*;
pub use version::*;
/// Largest answer.
pub const MAX_ANSWER_BYTES: usize = 32 << 20;
