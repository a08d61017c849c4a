//! Fields of an event or a span, bounded.

use std::error::Error;
use std::fmt::{self, Write};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};

/// Bytes of a field's value.
const VALUE: usize = 1024;

/// Bytes of a message.
const MESSAGE: usize = 4096;

/// Fields of an event.
const FIELDS: usize = 32;

/// Collects fields as JSON values.
#[derive(Default)]
pub(super) struct Fields {
    found: Map<String, Value>,
    only: Option<&'static [&'static str]>,
}

impl Fields {
    /// Collects no others than these.
    pub(super) fn only(names: &'static [&'static str]) -> Self {
        Self { found: Map::new(), only: Some(names) }
    }

    pub(super) fn take(self) -> Map<String, Value> {
        self.found
    }

    pub(super) fn get(&self) -> Map<String, Value> {
        self.found.clone()
    }

    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        if self.only.is_none_or(|only| only.contains(&name)) && (self.found.len() < FIELDS || name == "message") {
            self.found.insert(name.to_owned(), value.into());
        }
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let mut text = Bounded { text: String::new(), left: if field.name() == "message" { MESSAGE } else { VALUE } };
        // Ends early with an error when the bound is reached, which is the point.
        if text.write_fmt(value).is_err() {
            text.text.push('…');
        }
        self.put(field, text.text);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

/// A text that stops its writer when it is full.
struct Bounded {
    text: String,
    left: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let end = more.floor_char_boundary(self.left);
        let fits = more.get(..end).unwrap_or_default();
        self.text.push_str(fits);
        self.left -= fits.len();
        if fits.len() < more.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
