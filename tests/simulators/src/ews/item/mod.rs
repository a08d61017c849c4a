//! Calendar items as EWS writes and reads them: events of the shared state, their occurrences, and what a client sends.

pub(crate) mod extended;
pub(crate) mod people;
pub(crate) mod read;
pub(crate) mod recurrence;
pub(crate) mod series;
pub(crate) mod shown;
pub(crate) mod words;
