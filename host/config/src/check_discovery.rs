//! What the schema cannot say about endpoints without a URL, and how it is found.

use serde_json::{Map, Value};

use crate::connection::Discovery;
use crate::diagnostic::Diagnostic;
use crate::tree::{Document, Part, child};

/// Judges which endpoints have no URL. From the file as it stands: a connection with another mistake is judged too.
pub(crate) fn urls(document: &Document, found: &mut Vec<Diagnostic>) {
    let section = child("", "connections");
    for (name, connection) in members(document.value.pointer(&section)) {
        let discovery = connection.get("discovery").is_some();
        let endpoints = child(&child(&section, name), "endpoints");
        let missing = members(connection.get("endpoints")).filter(|(_, endpoint)| endpoint.is_object() && endpoint.get("url").is_none());
        for (position, (endpoint, _)) in missing.enumerate() {
            let report = |message: &str| document.report(&child(&endpoints, endpoint), Part::Key, message);
            if !discovery {
                found.push(report("`url` is missing here").with_help(format!(
                    "give it; for a connector that can find its server, [connections.{name}.discovery] with an `address` does instead"
                )));
            } else if position > 0 {
                found.push(
                    report("`url` is missing here, and `discovery` already finds that of another endpoint")
                        .with_help("give the URL of all endpoints but one"),
                );
            }
        }
    }
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// Judges the domains of a rule. `pointer` is its place.
pub(crate) fn domains(document: &Document, discovery: &Discovery, pointer: &str, found: &mut Vec<Diagnostic>) {
    let domain = discovery.address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default();
    let covers = |wider: &String| {
        let wider = wider.to_lowercase();
        domain == wider || domain.strip_suffix(&wider).is_some_and(|rest| rest.ends_with('.'))
    };
    if !discovery.domains().iter().any(covers) {
        let message = format!("the domain of `address`, {domain}, is none of these, so none of its hosts may be asked");
        found.push(document.report(&child(pointer, "domains"), Part::Value, message).with_help("add it, or leave `domains` out"));
    }
}
