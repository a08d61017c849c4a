//! Text patterns of templates, judged before the types are made of them: the schema knows them as texts only.

use calport_rules::presence::TextPattern;
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::tree::{Document, Part, child};

/// Takes out each pattern that cannot work, and reports it with its line.
pub(crate) fn check(document: &Document, usable: &mut Value, found: &mut Vec<Diagnostic>) {
    for (rules, section) in usable.pointer_mut("/rules").and_then(Value::as_object_mut).into_iter().flatten() {
        for (name, template) in section.pointer_mut("/templates").and_then(Value::as_object_mut).into_iter().flatten() {
            let Some(members) = template.as_object_mut() else { continue };
            let pointer = format!("{}{}/text", child("/rules", rules), child("/templates", name));
            let Some(text) = members.get("text") else { continue };
            let before = found.len();
            match text {
                Value::Object(languages) => languages.iter().for_each(|(tag, pattern)| {
                    let alone = Value::Object([(tag.clone(), pattern.clone())].into_iter().collect());
                    found.extend(mistake(document, &child(&pointer, tag), alone));
                }),
                text => found.extend(mistake(document, &pointer, text.clone())),
            }
            if found.len() > before {
                members.remove("text");
            }
        }
    }
}

fn mistake(document: &Document, pointer: &str, value: Value) -> Option<Diagnostic> {
    let error = serde_json::from_value::<TextPattern>(value).err()?.to_string();
    Some(match error.split_once("; ") {
        Some((problem, remedy)) => document.report(pointer, Part::Value, problem).with_help(remedy),
        None => document.report(pointer, Part::Value, error),
    })
}
