//! The JSON of Graph, as far as the connector reads it. Unknown members are skipped without a copy; what ends up in
//! an event is read into owned text at once, everything else is borrowed from the page.

pub mod event;
pub mod text;
pub mod words;
