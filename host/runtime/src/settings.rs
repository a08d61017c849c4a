//! Settings against the connector's schema.
//!
//! The schema is the connector's own, and checking by it is not bounded by the sandbox: a schema of a few lines can take
//! longer than the machine lasts. So one that refers to itself, or whose work grows beyond reason when all references are
//! followed, is refused when the file is loaded.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::RuntimeError;
use crate::guest_log::clean;
use crate::plugin::Plugin;

/// Steps that checking may take for one place of the settings; a large connector's schema has about a thousand.
const STEPS: u64 = 100_000;

/// Keywords whose parts are checked twice: once for whether they fit, once for why they do not.
const TWICE: [&str; 7] = ["anyOf", "oneOf", "not", "if", "contains", "unevaluatedProperties", "unevaluatedItems"];

/// References that cannot be followed without checking.
const UNKNOWN_TARGET: [&str; 2] = ["$dynamicRef", "$recursiveRef"];

/// Looks at a schema before it is used for the first time. The error is the reason, for people.
pub(crate) fn check_schema(schema: &Value) -> Result<(), String> {
    if (Measure { root: schema, known: BTreeMap::new() }).steps(schema)? > STEPS {
        return Err(format!("is so entangled that checking settings would take more than {STEPS} steps"));
    }
    jsonschema::validator_for(schema).map(drop).map_err(|e| format!("is no JSON Schema: {}", clean(&e.to_string(), 300)))
}

/// How much work a schema is.
struct Measure<'a> {
    root: &'a Value,
    /// Steps by reference; `None` while it is being followed.
    known: BTreeMap<&'a str, Option<u64>>,
}

impl<'a> Measure<'a> {
    fn steps(&mut self, part: &'a Value) -> Result<u64, String> {
        let mut steps = 1_u64;
        match part {
            Value::Object(members) => {
                for (name, member) in members {
                    steps = steps.saturating_add(self.steps(member)?);
                    if UNKNOWN_TARGET.contains(&name.as_str()) {
                        return Err(format!("holds `{name}`; use `$ref` with a place in the same schema"));
                    }
                    if name == "$ref"
                        && let Value::String(target) = member
                    {
                        steps = steps.saturating_add(self.target(target)?);
                    }
                }
                if TWICE.iter().any(|keyword| members.contains_key(*keyword)) {
                    steps = steps.saturating_mul(2);
                }
            }
            Value::Array(items) => {
                for item in items {
                    steps = steps.saturating_add(self.steps(item)?);
                }
            }
            _ => {}
        }
        Ok(steps)
    }

    fn target(&mut self, target: &'a str) -> Result<u64, String> {
        match self.known.get(target) {
            Some(Some(steps)) => return Ok(*steps),
            Some(None) => return Err(format!("refers to itself by `{}`", clean(target, 100))),
            None => {}
        }
        let found = target.strip_prefix('#').filter(|pointer| pointer.starts_with('/')).and_then(|pointer| self.root.pointer(pointer));
        let Some(part) = found else {
            return Err(format!("refers to `{}`, which is no place in the same schema", clean(target, 100)));
        };
        self.known.insert(target, None);
        let steps = self.steps(part)?;
        self.known.insert(target, Some(steps));
        Ok(steps)
    }
}

/// Compares settings with the connector's schema.
pub(crate) fn check_settings(connection: &str, settings: &Value, plugin: &Plugin) -> Result<(), RuntimeError> {
    let wrong = |at: String, reason: String| RuntimeError::Settings { connection: connection.to_owned(), at, reason };
    let schema: Value = serde_json::from_str(&plugin.descriptor().settings_schema)
        .map_err(|e| wrong("settings".to_owned(), format!("cannot be checked: {e}")))?;
    let validator = jsonschema::validator_for(&schema).map_err(|e| wrong("settings".to_owned(), format!("cannot be checked: {e}")))?;
    match validator.iter_errors(settings).next() {
        Some(error) => {
            Err(wrong(format!("settings{}", error.instance_path().to_string().replace('/', ".")), clean(&error.to_string(), 300)))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(schema: &Value) -> String {
        check_schema(schema).err().unwrap_or_default()
    }

    #[test]
    fn feat_x02_an_ordinary_schema_with_shared_definitions_is_taken() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": { "a": { "$ref": "#/$defs/state" }, "b": { "anyOf": [{ "$ref": "#/$defs/state" }, { "type": "null" }] } },
            "unevaluatedProperties": false,
            "$defs": { "state": { "enum": ["on", "off"] } },
        });
        assert_eq!(check_schema(&schema), Ok(()));
    }

    #[test]
    fn feat_x02_a_schema_that_would_be_checked_for_ever_is_refused() {
        let mut definitions = serde_json::Map::new();
        for n in 0..60 {
            let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
            definitions.insert(format!("d{n}"), json!({ "allOf": [next, next] }));
        }
        definitions.insert("d60".to_owned(), json!({}));
        assert!(refusal(&json!({ "$defs": definitions, "$ref": "#/$defs/d0" })).contains("steps"));
        for keyword in ["anyOf", "oneOf"] {
            let nested = (0..50).fold(json!({}), |inner, _| json!({ keyword: [inner] }));
            assert!(refusal(&nested).contains("steps"), "{keyword}");
        }
        let nested = (0..50).fold(json!({}), |inner, _| json!({ "allOf": [inner], "unevaluatedProperties": false }));
        assert!(refusal(&nested).contains("steps"));
    }

    #[test]
    fn feat_x02_a_schema_that_refers_to_itself_or_elsewhere_is_refused() {
        let ring = json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "not": { "$ref": "#/$defs/a" } } }, "$ref": "#/$defs/a" });
        assert!(refusal(&ring).contains("refers to itself"));
        for target in ["#", "#/nowhere", "#anchor", "other.json", "http://127.0.0.1:1/x", "file:///etc/passwd"] {
            assert!(refusal(&json!({ "$ref": target })).contains(target), "{target}");
        }
        assert!(refusal(&json!({ "$dynamicRef": "#x" })).contains("$dynamicRef"));
    }
}
