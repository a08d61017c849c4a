//! Compares a document with a JSON Schema and reports every mistake, not just the first.
//!
//! The published schema is the one truth about keys, types and ranges: what an editor underlines is what the host refuses.
//! The same check serves the settings of a connection against the schema of its connector, so the schema may be hostile: depth
//! and work are bounded, and keywords that are not known here are passed over (the connector judges them again in `open`).
//! Known: `$ref` into the same schema, `type`, `properties`, `patternProperties` (as "anything else"), `additionalProperties`,
//! `propertyNames` with `format`, `required`, `enum`, `const`, `oneOf` and `anyOf`, `allOf`, `items`, `minItems`, `maxItems`,
//! `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `minLength`, `maxLength`, `pattern`, `format`.

use regex::RegexBuilder;
use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::formats;
use crate::nearest::{nearest, suggest};
use crate::source::is_secret_key;
use crate::tree::{Document, Part, child};

/// References and combinators inside each other. The deepest own schema needs 8.
const MOST_DEPTH: usize = 48;
/// Schema objects visited per value of the document, so that a schema of many alternatives ends.
const STEPS_PER_VALUE: usize = 2_000;
/// A pattern of a hostile schema compiles to no more than this.
const PATTERN_BYTES: usize = 1 << 20;

/// One mistake, not yet tied to a line.
#[derive(Debug, PartialEq)]
pub(crate) struct Mistake {
    pub pointer: String,
    pub part: Part,
    pub message: String,
    pub help: Option<String>,
}

/// What became of a value.
pub(crate) struct Checked {
    /// The value without what is wrong: unknown keys and refused optional members are left out. `None` if nothing usable is
    /// left. A refused element of an array of tables is `null`, so that the others keep their index.
    pub usable: Option<Value>,
    /// All mistakes, in no order.
    pub mistakes: Vec<Mistake>,
}

/// Checks the value at `pointer` against a schema.
pub(crate) fn check(schema: &Value, value: &Value, pointer: &str) -> Checked {
    let mut walker = Walker { root: schema, mistakes: Vec::new(), steps: 0, budget: STEPS_PER_VALUE.saturating_mul(size(value)) };
    let usable = walker.value(schema, value, pointer, 0);
    Checked { usable, mistakes: walker.mistakes }
}

impl Mistake {
    fn new(pointer: &str, part: Part, message: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), part, message: message.into(), help: None }
    }

    /// Ties it to its line.
    pub fn locate(self, document: &Document) -> Diagnostic {
        let diagnostic = document.report(&self.pointer, self.part, self.message);
        match self.help {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        }
    }
}

struct Walker<'a> {
    root: &'a Value,
    mistakes: Vec<Mistake>,
    steps: usize,
    budget: usize,
}

impl<'a> Walker<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value, pointer: &str, depth: usize) -> Option<Value> {
        self.steps = self.steps.saturating_add(1);
        let Value::Object(keywords) = schema else { return Some(value.clone()) };
        if depth > MOST_DEPTH || self.steps > self.budget {
            return Some(value.clone());
        }
        if let Some(target) = keywords.get("$ref").and_then(Value::as_str).and_then(|name| self.resolve(name)) {
            return self.value(target, value, pointer, depth.saturating_add(1));
        }
        if let Some(parts) = keywords.get("allOf").and_then(Value::as_array) {
            for part in parts {
                self.value(part, value, pointer, depth.saturating_add(1))?;
            }
        }
        if let Some(choices) = keywords.get("oneOf").or_else(|| keywords.get("anyOf")).and_then(Value::as_array) {
            return self.choice(choices, value, pointer, depth);
        }
        if !self.type_fits(keywords, value, pointer) || !self.listed(keywords, value, pointer) {
            return None;
        }
        match value {
            Value::Object(members) => self.object(keywords, members, pointer, depth),
            Value::Array(elements) => self.array(keywords, elements, pointer, depth),
            Value::Number(_) => self.in_range(keywords, value, pointer).then(|| value.clone()),
            Value::String(text) => self.text(keywords, text, pointer).then(|| value.clone()),
            Value::Bool(_) | Value::Null => Some(value.clone()),
        }
    }

    fn resolve(&self, name: &str) -> Option<&'a Value> {
        self.root.pointer(name.strip_prefix('#')?)
    }

    fn mistake(&mut self, pointer: &str, part: Part, message: impl Into<String>) {
        self.mistakes.push(Mistake::new(pointer, part, message));
    }

    fn type_fits(&mut self, keywords: &Map<String, Value>, value: &Value, pointer: &str) -> bool {
        let names: Vec<&str> = match keywords.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => return true,
        };
        let fits = names.iter().any(|name| match *name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "null" => value.is_null(),
            _ => true,
        });
        if !fits {
            let expected: Vec<&str> = names.iter().filter(|name| **name != "null").map(|name| type_name(name)).collect();
            let mut mistake = Mistake::new(pointer, Part::Value, format!("expected {}, found {}", expected.join(" or "), kind(value)));
            if value.is_string() && names.iter().any(|name| matches!(*name, "boolean" | "integer" | "number")) {
                mistake.help = Some("write it without quotes".to_owned());
            } else if names.contains(&"array") && value.is_string() {
                mistake.help = Some("write it in brackets: [\"...\"]".to_owned());
            }
            self.mistakes.push(mistake);
        }
        fits
    }

    fn listed(&mut self, keywords: &Map<String, Value>, value: &Value, pointer: &str) -> bool {
        let allowed: Vec<&Value> = match (keywords.get("const"), keywords.get("enum").and_then(Value::as_array)) {
            (Some(only), _) => vec![only],
            (None, Some(list)) => list.iter().collect(),
            (None, None) => return true,
        };
        allowed.contains(&value) || self.not_listed(&allowed, value, pointer)
    }

    fn not_listed(&mut self, allowed: &[&Value], value: &Value, pointer: &str) -> bool {
        let names: Vec<String> = allowed.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let mut mistake = Mistake::new(pointer, Part::Value, format!("expected {}", one_of(&quoted)));
        mistake.help =
            value.as_str().and_then(|given| nearest(given, names.iter().map(String::as_str))).map(|name| format!("did you mean `{name}`?"));
        self.mistakes.push(mistake);
        false
    }

    /// `oneOf` and `anyOf`: constants are a list; tables that differ by a constant member are told apart by it; of others, the
    /// first that fits, or the mistakes of the one of the right type.
    fn choice(&mut self, choices: &'a [Value], value: &Value, pointer: &str, depth: usize) -> Option<Value> {
        let constants: Vec<&Value> = choices.iter().flat_map(constants).collect();
        if !constants.is_empty() && choices.iter().all(|choice| constants_of(choice).is_some()) {
            if constants.contains(&value) {
                return Some(value.clone());
            }
            if !value.is_string() && constants.iter().all(|c| c.is_string()) {
                self.mistake(pointer, Part::Value, format!("expected a text, found {}", kind(value)));
            } else {
                self.not_listed(&constants, value, pointer);
            }
            return None;
        }
        if let Some((tag, choice)) = self.tagged(choices, value, pointer) {
            return choice.and_then(|choice| self.tagged_table(choice, &tag, value, pointer, depth));
        }
        self.first_that_fits(choices, value, pointer, depth)
    }

    fn first_that_fits(&mut self, choices: &'a [Value], value: &Value, pointer: &str, depth: usize) -> Option<Value> {
        let before = self.mistakes.len();
        let mut best: Option<Vec<Mistake>> = None;
        for choice in choices {
            let usable = self.value(choice, value, pointer, depth.saturating_add(1));
            let mistakes = self.mistakes.split_off(before.min(self.mistakes.len()));
            if mistakes.is_empty() {
                return usable;
            }
            let here =
                |list: &[Mistake]| list.iter().any(|m| m.pointer == pointer && m.message.starts_with("expected") && m.part == Part::Value);
            if best.as_ref().is_none_or(|old| here(old) && !here(&mistakes)) {
                best = Some(mistakes);
            }
        }
        self.mistakes.extend(best.unwrap_or_default());
        None
    }

    /// The choice that a constant member selects. Outer `None`: the choices have no such member.
    fn tagged(&mut self, choices: &'a [Value], value: &Value, pointer: &str) -> Option<(String, Option<&'a Value>)> {
        let resolved: Vec<&Value> = choices.iter().map(|c| self.follow(c)).collect();
        let tag = resolved.first()?.get("properties")?.as_object()?.iter().find(|(_, member)| member.get("const").is_some())?.0.clone();
        let constant =
            |choice: &'a Value| choice.get("properties").and_then(|p| p.get(&tag)).and_then(|m| m.get("const")).and_then(Value::as_str);
        let names: Vec<&str> = resolved.iter().filter_map(|choice| constant(choice)).collect();
        if names.len() != resolved.len() {
            return None;
        }
        let Value::Object(members) = value else {
            self.mistake(
                pointer,
                Part::Value,
                format!("expected a table such as {{ {tag} = \"{}\" }}, found {}", names.first().unwrap_or(&""), kind(value)),
            );
            return Some((tag, None));
        };
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        match members.get(&tag) {
            None => {
                self.mistake(pointer, Part::Key, format!("`{tag}` is missing: expected {}", one_of(&quoted)));
                Some((tag, None))
            }
            Some(Value::String(given)) if names.contains(&given.as_str()) => {
                let found = resolved.into_iter().find(|choice| constant(choice) == Some(given.as_str()));
                Some((tag, found))
            }
            Some(given) => {
                let mut mistake = Mistake::new(&child(pointer, &tag), Part::Value, format!("expected {}", one_of(&quoted)));
                mistake.help = given.as_str().and_then(|given| nearest(given, names)).map(|name| format!("did you mean `{name}`?"));
                self.mistakes.push(mistake);
                Some((tag, None))
            }
        }
    }

    fn tagged_table(&mut self, choice: &'a Value, tag: &str, value: &Value, pointer: &str, depth: usize) -> Option<Value> {
        let before = self.mistakes.len();
        let usable = self.value(choice, value, pointer, depth.saturating_add(1));
        if let Some(name) = value.get(tag).and_then(Value::as_str) {
            for mistake in self.mistakes.iter_mut().skip(before).filter(|m| m.message.starts_with(UNKNOWN)) {
                mistake.message.push_str(&format!(" with {tag} = \"{name}\""));
            }
        }
        usable
    }

    fn follow(&self, schema: &'a Value) -> &'a Value {
        schema.get("$ref").and_then(Value::as_str).and_then(|name| self.resolve(name)).unwrap_or(schema)
    }

    fn object(&mut self, keywords: &'a Map<String, Value>, members: &Map<String, Value>, pointer: &str, depth: usize) -> Option<Value> {
        let none = Map::new();
        let properties = keywords.get("properties").and_then(Value::as_object);
        let known: Vec<&str> = properties.unwrap_or(&none).keys().map(String::as_str).collect();
        let required: Vec<&str> = keywords
            .get("required")
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let others = if keywords.contains_key("patternProperties") { None } else { keywords.get("additionalProperties") };
        let name_format = keywords.get("propertyNames").and_then(|names| names.get("format")).and_then(Value::as_str);
        let mut usable = Map::new();
        let mut broken = false;
        for (name, member) in members {
            let at = child(pointer, name);
            let schema = match (properties.and_then(|p| p.get(name)), others) {
                (Some(schema), _) => schema,
                (None, Some(Value::Bool(false))) => {
                    self.unknown(&at, name, &known);
                    continue;
                }
                (None, Some(schema)) => schema,
                (None, None) => &Value::Bool(true),
            };
            if let Some(Err((message, help))) = name_format.map(|format| formats::check(format, name)) {
                self.mistakes.push(Mistake { pointer: at.clone(), part: Part::Key, message, help });
            }
            match self.value(schema, member, &at, depth.saturating_add(1)) {
                Some(member) => {
                    usable.insert(name.clone(), member);
                }
                None => broken |= required.contains(&name.as_str()),
            }
        }
        for name in required.into_iter().filter(|name| !members.contains_key(*name)) {
            self.missing(pointer, name, members, &known);
            broken = true;
        }
        (!broken).then_some(Value::Object(usable))
    }

    fn unknown(&mut self, at: &str, name: &str, known: &[&str]) {
        let mut mistake = Mistake::new(at, Part::Key, format!("{UNKNOWN} `{name}`"));
        mistake.help = if known.contains(&"secret") && is_secret_key(name) {
            Some("store it with `calport secret set NAME`, and write `secret = \"NAME\"` here".to_owned())
        } else {
            suggest(name, known.iter().copied())
        };
        self.mistakes.push(mistake);
    }

    /// A missing key whose misspelling stands there is reported once, at the misspelling.
    fn missing(&mut self, pointer: &str, name: &str, members: &Map<String, Value>, known: &[&str]) {
        let misspelt = members
            .keys()
            .filter(|given| !known.contains(&given.as_str()))
            .any(|given| nearest(given, known.iter().copied()) == Some(name));
        if !misspelt {
            self.mistake(pointer, Part::Key, format!("`{name}` is missing here"));
        }
    }

    fn array(&mut self, keywords: &'a Map<String, Value>, elements: &[Value], pointer: &str, depth: usize) -> Option<Value> {
        for (keyword, too) in [("minItems", "at least"), ("maxItems", "at most")] {
            if let Some(bound) = keywords.get(keyword).and_then(Value::as_u64) {
                let count = u64::try_from(elements.len()).unwrap_or(u64::MAX);
                if (keyword == "minItems" && count < bound) || (keyword == "maxItems" && count > bound) {
                    self.mistake(pointer, Part::Value, format!("expected {too} {bound} elements, found {count}"));
                    return None;
                }
            }
        }
        let Some(schema) = keywords.get("items") else { return Some(Value::Array(elements.to_vec())) };
        let checked: Vec<Option<Value>> = elements
            .iter()
            .enumerate()
            .map(|(index, element)| self.value(schema, element, &child(pointer, index), depth.saturating_add(1)))
            .collect();
        // Where an element may be a text as well as a table, nobody asks for its index.
        if elements.iter().any(Value::is_object) && self.follow(schema).get("anyOf").is_none() {
            return Some(checked.into_iter().map(Option::unwrap_or_default).collect());
        }
        checked.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
    }

    fn in_range(&mut self, keywords: &Map<String, Value>, value: &Value, pointer: &str) -> bool {
        let Some(number) = value.as_f64() else { return true };
        let bound = |name: &str| keywords.get(name).and_then(Value::as_f64);
        let low = bound("minimum").is_none_or(|b| number >= b) && bound("exclusiveMinimum").is_none_or(|b| number > b);
        let high = bound("maximum").is_none_or(|b| number <= b) && bound("exclusiveMaximum").is_none_or(|b| number < b);
        if !(low && high) {
            let text = |name: &str| keywords.get(name).map(ToString::to_string);
            let from = text("minimum").map(|b| format!("from {b}")).or_else(|| text("exclusiveMinimum").map(|b| format!("above {b}")));
            let to = text("maximum").map(|b| format!("to {b}")).or_else(|| text("exclusiveMaximum").map(|b| format!("below {b}")));
            let range: Vec<String> = [from, to].into_iter().flatten().collect();
            self.mistake(pointer, Part::Value, format!("expected a number {}, found {value}", range.join(" ")));
        }
        low && high
    }

    fn text(&mut self, keywords: &Map<String, Value>, text: &str, pointer: &str) -> bool {
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let bound = |name: &str| keywords.get(name).and_then(Value::as_u64);
        if bound("minLength").is_some_and(|least| length < least) {
            let message = if length == 0 { "expected a text that is not empty".to_owned() } else { "this text is too short".to_owned() };
            self.mistake(pointer, Part::Value, message);
            return false;
        }
        if let Some(most) = bound("maxLength").filter(|most| length > *most) {
            self.mistake(pointer, Part::Value, format!("expected at most {most} characters, found {length}"));
            return false;
        }
        if let Some(Err((message, help))) = keywords.get("format").and_then(Value::as_str).map(|format| formats::check(format, text)) {
            self.mistakes.push(Mistake { pointer: pointer.to_owned(), part: Part::Value, message, help });
            return false;
        }
        let pattern = keywords.get("pattern").and_then(Value::as_str);
        let compiled = pattern.and_then(|p| RegexBuilder::new(p).size_limit(PATTERN_BYTES).build().ok());
        if compiled.is_some_and(|p| !p.is_match(text)) {
            let pattern = pattern.unwrap_or_default();
            let mut mistake = Mistake::new(pointer, Part::Value, format!("expected a text of the form {pattern}"));
            if let Some(words) = alternatives(pattern) {
                let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                mistake.message = format!("expected {}", one_of(&quoted));
                mistake.help = nearest(text, words.iter().map(String::as_str)).map(|word| format!("did you mean `{word}`?"));
            }
            self.mistakes.push(mistake);
            return false;
        }
        true
    }
}

/// How the message about an unknown key begins.
const UNKNOWN: &str = "unknown key";

fn constants_of(choice: &Value) -> Option<Vec<&Value>> {
    match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
        (Some(only), _) => Some(vec![only]),
        (None, Some(list)) => Some(list.iter().collect()),
        (None, None) => None,
    }
}

fn constants(choice: &Value) -> Vec<&Value> {
    constants_of(choice).unwrap_or_default()
}

/// How many values a value holds, itself included.
fn size(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(size).fold(1, usize::saturating_add),
        Value::Array(elements) => elements.iter().map(size).fold(1, usize::saturating_add),
        _ => 1,
    }
}

/// The words of a pattern such as `^(busy|away|template:.+)$`, which reads better as a list.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let words = pattern.strip_prefix("^(")?.strip_suffix(")$")?;
    let words: Vec<String> =
        words.split('|').map(|word| word.strip_suffix(".+").map_or_else(|| word.to_owned(), |start| format!("{start}NAME"))).collect();
    words.iter().all(|word| word.chars().all(|c| c.is_alphanumeric() || "-_:".contains(c))).then_some(words)
}

fn one_of(quoted: &[String]) -> String {
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(", "),
    }
}

fn type_name(name: &str) -> &str {
    match name {
        "object" => "a table",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        other => other,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a table",
        Value::Array(_) => "a list",
        Value::String(_) => "a text",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a whole number",
        Value::Null => "nothing",
    }
}
