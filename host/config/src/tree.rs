//! The parsed file as JSON, with the place of every key and value.
//!
//! The rest of the crate works on JSON and names places by JSON pointers; only this module knows the TOML parser. A value
//! that JSON cannot hold (a date, `inf`, a number beyond 64 bits) is a mistake, since no setting has such a type.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::diagnostic::Diagnostic;
use crate::source::{Source, is_secret_key};

/// Where a key and its value stand.
#[derive(Clone, Debug)]
struct Place {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// Which part of an entry a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key; for elements of arrays, the value.
    Key,
    /// The value.
    Value,
}

/// A parsed `calport.toml` that knows the place of everything in it.
#[derive(Clone)]
pub struct Document {
    pub(crate) value: Value,
    pub(crate) source: Arc<Source>,
    places: HashMap<String, Place>,
}

impl std::fmt::Debug for Document {
    /// The path only: settings may hold what should not be printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({})", self.source.path.display())
    }
}

impl Document {
    /// Parses a text.
    ///
    /// # Errors
    /// All syntax errors, and values that no setting can have.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let source = Source::unparsed(path, text);
            return Err(errors
                .iter()
                .map(|error| {
                    Diagnostic::new(
                        &source,
                        error.span().unwrap_or(0..0),
                        format!("this is no valid TOML: {}", first_line(error.message())),
                    )
                })
                .collect());
        }
        let mut reader = Reader { text, places: HashMap::new(), covered: Vec::new(), refused: Vec::new() };
        let value = reader.table(table.get_ref(), "");
        reader.places.insert(String::new(), Place { key: None, value: 0..0 });
        let source = Source::new(path, text, &reader.covered);
        if reader.refused.is_empty() {
            return Ok(Self { value, source, places: reader.places });
        }
        Err(reader.refused.into_iter().map(|(span, message)| Diagnostic::new(&source, span, message)).collect())
    }

    /// A finding at a JSON pointer such as `/connections/calendar/settings/tenant`. If nothing stands there (a missing key),
    /// the nearest table around it is meant.
    #[must_use]
    pub fn report(&self, pointer: &str, part: Part, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&self.source, self.span(pointer, part), message)
    }

    /// Line and column, both from 1, of what stands at a JSON pointer, or of the nearest table around it.
    #[must_use]
    pub fn position(&self, pointer: &str, part: Part) -> (usize, usize) {
        self.source.position(self.span(pointer, part).start)
    }

    fn span(&self, pointer: &str, part: Part) -> Range<usize> {
        let mut pointer = pointer;
        let mut part = part;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return match (part, &place.key) {
                    (Part::Key, Some(key)) => key.clone(),
                    _ => place.value.clone(),
                };
            }
            match pointer.rfind('/') {
                Some(at) => (pointer, part) = (pointer.get(..at).unwrap_or_default(), Part::Key),
                None => return 0..0,
            }
        }
    }
}

/// Appends a member's name or an element's index to a JSON pointer.
pub(crate) fn child(pointer: &str, name: impl std::fmt::Display) -> String {
    format!("{pointer}/{}", name.to_string().replace('~', "~0").replace('/', "~1"))
}

/// Keys of an authentication whose texts are no secrets; whatever else somebody writes there is covered.
const AUTH_KEYS: [&str; 14] = [
    "scheme",
    "user",
    "client_id",
    "token_url",
    "scope",
    "style",
    "header",
    "prefix",
    "parameters",
    "keytab",
    "ticket_cache",
    "login_url",
    "fields",
    "names",
];

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or(message)
}

struct Reader<'a> {
    text: &'a str,
    places: HashMap<String, Place>,
    covered: Vec<Range<usize>>,
    refused: Vec<(Range<usize>, String)>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, pointer: &str) -> Value {
        let mut members = Map::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let at = child(pointer, name);
            self.places.insert(at.clone(), Place { key: Some(key.span()), value: self.place_of(key, value) });
            if value.get_ref().is_str() && (is_secret_key(name) || (pointer.ends_with("/auth") && !AUTH_KEYS.contains(&name))) {
                self.cover(name, value);
            }
            let value = self.value(value, &at);
            members.insert(name.to_owned(), value);
        }
        Value::Object(members)
    }

    /// A table with a header of its own is shown by its header.
    fn place_of(&self, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Range<usize> {
        let span = value.span();
        let written = self.text.get(span.clone()).unwrap_or_default();
        if value.get_ref().is_table() && !written.starts_with('{') { key.span() } else { span }
    }

    /// The name of a secret may be shown; anything else under such a key may be the secret itself.
    fn cover(&mut self, key: &str, value: &Spanned<DeValue<'_>>) {
        let named = key == "secret" && value.get_ref().as_str().is_some_and(crate::formats::is_secret_name);
        if !named {
            self.covered.push(value.span());
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, pointer: &str) -> Value {
        let span = value.span();
        match value.get_ref() {
            DeValue::String(text) => Value::String(text.clone().into_owned()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Number(number.into()),
                Err(_) => self.refuse(span, "expected a number within 64 bits"),
            },
            DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64) {
                Some(number) => Value::Number(number),
                None => self.refuse(span, "expected a finite number"),
            },
            DeValue::Datetime(_) => {
                self.refuse(span, "expected a text, a number or a truth value; no setting is a bare date: put it in quotes")
            }
            DeValue::Array(array) => {
                let mut elements = Vec::new();
                for (index, element) in array.iter().enumerate() {
                    let at = child(pointer, index);
                    self.places.insert(at.clone(), Place { key: None, value: element.span() });
                    elements.push(self.value(element, &at));
                }
                Value::Array(elements)
            }
            DeValue::Table(table) => self.table(table, pointer),
        }
    }

    fn refuse(&mut self, span: Range<usize>, message: &str) -> Value {
        self.refused.push((span, message.to_owned()));
        Value::Null
    }
}
