//! XML both ways: bytes to text, text to elements one after the other, and elements to bytes. No tree is built.

pub mod decode;
pub mod scan;
pub mod write;

pub use scan::{Element, Scanner};
pub use write::Writer;
