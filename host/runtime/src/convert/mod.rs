//! Between the WIT package's types and the host's. Everything a connector returns is checked here: a value that is not what
//! its field promises makes its item unreadable, never the page, and never the host.

pub(crate) mod calendar;
pub(crate) mod descriptor;
pub(crate) mod directory;
pub(crate) mod error;
pub(crate) mod notification;
pub(crate) mod presence;
pub(crate) mod time;
pub(crate) mod write;

use crate::guest_log::clean;
use crate::limits::ValueLimits;

/// Why a value cannot be used; holds no text of a person.
pub(crate) type Bad = String;

/// A value that cannot be cut: an id, a version, a cursor.
pub(crate) fn exact(field: &str, text: String, limit: usize) -> Result<String, Bad> {
    if text.len() > limit {
        return Err(format!("{field} has more than {limit} bytes"));
    }
    if text.contains('\0') {
        return Err(format!("{field} holds a NUL"));
    }
    Ok(text)
}

/// An id: exact, and not empty.
pub(crate) fn id(field: &str, text: String, limits: &ValueLimits) -> Result<String, Bad> {
    if text.is_empty() {
        return Err(format!("{field} is empty"));
    }
    exact(field, text, limits.id)
}

/// A text for people: cut, control characters become blanks.
pub(crate) fn text(text: &str, limits: &ValueLimits) -> String {
    clean(text, limits.text)
}

/// A short name: cut.
pub(crate) fn name(text: &str, limits: &ValueLimits) -> String {
    clean(text, limits.name)
}

/// A list of short names: bounded.
pub(crate) fn names(list: &[String], limits: &ValueLimits) -> Vec<String> {
    list.iter().take(limits.list).map(|n| name(n, limits)).collect()
}
