//! The published schema and the host agree, and the documentation knows every key.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::fs;
use std::path::Path;

use calport_config::{load, load_str, schema, template};
use serde_json::Value;

const DOCS: &str = include_str!("../../../docs/configuration.md");

fn as_json(text: &str) -> Value {
    serde_json::to_value(text.trim_start_matches('\u{feff}').parse::<toml::Table>().unwrap()).unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    validator.iter_errors(&as_json(text)).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The blocks of a kind in the documentation.
fn blocks(kind: &str) -> Vec<String> {
    let fence = format!("```{kind}\n");
    DOCS.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_schema_is_a_valid_one_and_takes_the_template() {
    jsonschema::meta::validate(&schema()).unwrap();
    assert_eq!(mistakes(&template()), Vec::<String>::new());
}

#[test]
fn what_the_schema_refuses_the_host_refuses() {
    let mut refused = 0;
    for entry in fs::read_dir("tests/config").unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read(&path).unwrap();
        let Ok(text) = String::from_utf8(text) else { continue };
        if path.extension().is_none_or(|extension| extension != "toml")
            || text.trim_start_matches('\u{feff}').parse::<toml::Table>().is_err()
        {
            continue;
        }
        let by_schema = mistakes(&text);
        let by_host = load(&path).err().unwrap_or_default();
        refused += usize::from(!by_schema.is_empty());
        assert!(by_schema.is_empty() || !by_host.is_empty(), "{}: {by_schema:?}", path.display());
    }
    assert!(refused >= 10, "only {refused} files");
}

#[test]
fn the_examples_of_the_documentation_are_accepted() {
    let examples = blocks("toml");
    assert!(examples.len() >= 10, "only {}", examples.len());
    let whole = load_str(Path::new("calport.toml"), &examples[0]).unwrap_or_else(|found| panic!("{found:?}"));
    assert!(whole.warnings.is_empty(), "{:?}", whole.warnings);
    for example in examples {
        assert_eq!(mistakes(&example), Vec::<String>::new(), "in:\n{example}");
    }
}

#[test]
fn the_documentation_knows_every_key() {
    let mut missing = Vec::new();
    let schema = schema();
    let own = |name: &str| schema["$defs"].get(name);
    assert!(own("Connection").is_some() && own("PersonEntry").is_some());
    let mut sections: Vec<&Value> = schema["$defs"].as_object().unwrap().values().collect();
    sections.push(&schema);
    while let Some(section) = sections.pop() {
        if let Some(choices) = section.get("oneOf").and_then(Value::as_array) {
            sections.extend(choices);
        }
        for key in section.get("properties").and_then(Value::as_object).into_iter().flat_map(|members| members.keys()) {
            if !DOCS.contains(&format!("`{key}`")) {
                missing.push(key.clone());
            }
        }
    }
    missing.sort();
    missing.dedup();
    assert!(missing.is_empty(), "docs/configuration.md does not know: {}", missing.join(", "));
}

#[test]
fn every_key_of_the_schema_says_what_it_is() {
    let schema = schema();
    let mut silent = Vec::new();
    for (name, section) in schema["$defs"].as_object().unwrap() {
        for (key, member) in section.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if member.get("description").is_none() && member.get("const").is_none() {
                silent.push(format!("{name}.{key}"));
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join(", "));
}

#[test]
fn the_schema_has_no_null() {
    let text = schema().to_string();
    assert!(!text.contains("\"null\"") && !text.contains("\"default\":null"), "TOML has no null");
}
