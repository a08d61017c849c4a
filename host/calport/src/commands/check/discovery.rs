//! The part of `calport check` that finds servers by a mail address: each step with its outcome, and what was found as a line
//! for the file (SEMANTICS B-48, FEATURES C07). Nothing is stored.

use std::collections::BTreeSet;

use calport_config::Loaded;
use calport_model::descriptor::DiscoveryStep;
use calport_runtime::PluginDirectory;
use serde_json::{Value, json};

use super::Findings;
use crate::commands::say;
use crate::service::connections::Connections;

/// A URL that was found, and its place in the file.
pub(super) struct Pin {
    connection: String,
    endpoint: String,
    url: String,
}

impl Pin {
    /// The lines that keep it.
    pub(super) fn lines(&self) -> String {
        let Self { connection, endpoint, url } = self;
        // Names are checked with the file, and a URL holds no quotation mark.
        format!("\nTo keep this server, write into [connections.{connection}.endpoints.{endpoint}]:\nurl = \"{url}\"")
    }

    pub(super) fn json(&self) -> Value {
        json!({ "connection": self.connection, "endpoint": self.endpoint, "url": self.url })
    }
}

impl Findings {
    fn step(&mut self, about: &str, step: &DiscoveryStep) {
        if !self.quiet {
            say(format!("..   {about}: {}: {}", step.tried, step.outcome));
        }
        self.rows.push(json!({ "severity": "info", "about": about, "step": step.tried, "message": step.outcome, "remedy": "" }));
    }
}

/// Finds what is to be found, for the connections in use. Returns those for which nothing was found, which was said.
pub(super) async fn run(
    loaded: &Loaded,
    connections: &Connections,
    plugins: &PluginDirectory,
    findings: &mut Findings,
) -> BTreeSet<String> {
    let mut unfound = BTreeSet::new();
    for (name, connection) in loaded.config.connections.iter().filter(|(_, connection)| connection.active) {
        if connection.discovery.is_some() && connection.to_be_found().is_none() {
            findings.good(name, "every endpoint has its `url`, so `discovery` is not used");
        }
        let Some(finding) = connections.discover(loaded, name, plugins).await else { continue };
        for step in &finding.steps {
            findings.step(name, step);
        }
        match finding.url {
            Ok(url) => {
                findings.good(name, format!("the server was found: {url} (`calport check --pin` prints the line that keeps it)"));
                connections.set_found(name, Ok(url.clone()));
                findings.pins.push(Pin { connection: name.clone(), endpoint: finding.endpoint, url });
            }
            Err(reason) => {
                let remedy = if finding.credential_refused { "correct user and secret of the endpoint's `auth`" } else { "" };
                findings.bad(name, reason, remedy);
                unfound.insert(name.clone());
            }
        }
    }
    unfound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_c07_a_found_server_is_offered_as_a_line_of_the_file() {
        let pin =
            Pin { connection: "mail".to_owned(), endpoint: "ews".to_owned(), url: "https://mail.example.com/EWS/Exchange.asmx".to_owned() };
        let lines = pin.lines();
        let (place, line) = lines.trim().split_once(":\n").unwrap();
        assert!(place.ends_with("[connections.mail.endpoints.ews]"), "{place}");
        let table: toml::Table = line.parse().unwrap();
        assert_eq!(table["url"].as_str(), Some("https://mail.example.com/EWS/Exchange.asmx"));
        assert_eq!(pin.json()["endpoint"], "ews");
    }
}
