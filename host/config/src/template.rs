//! The `calport.toml` that `calport init` writes: commented, safe (shadow mode), and accepted as it is.

use std::fmt::Write;

use crate::connection::{Auth, Connection};

const TEMPLATE: &str = include_str!("template.toml");
const CONNECTIONS: &str = "#-connections-#\n";
const FLOW: &str = "#-flow-#\n";

/// A connection to be written into a new file.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionDraft {
    /// Its name.
    pub name: String,
    /// What stands above it as a comment, such as the connector's display name; one line or more, or empty.
    pub note: String,
    /// The connection.
    pub connection: Connection,
}

/// The file with a placeholder for the first connection, switched off.
#[must_use]
pub fn template() -> String {
    let section = "# A connection: a connector, and the server that it may talk to. `calport plugin list` names the connectors.\n\
                   [connections.calendar]\n\
                   plugin = \"name-of-the-connector\"\n\
                   active = false\n\
                   # settings = { }               # `calport plugin inspect FILE` shows which there are\n\
                   \n\
                   # `api` stands for the name that the connector asks for; `calport plugin inspect FILE` shows that too.\n\
                   [connections.calendar.endpoints.api]\n\
                   url = \"https://server.example.com/\"\n\
                   auth = { scheme = \"basic\", user = \"calport\", secret = \"calendar-password\" }\n\
                   # allow_addresses = [\"private\"]  # when the server is in your own network\n\n";
    assemble(section, None)
}

/// The file with these connections and, if given, a flow from the first to the second name.
#[must_use]
pub fn template_for(connections: &[ConnectionDraft], flow: Option<(&str, &str)>) -> String {
    let sections: Vec<String> = connections.iter().map(connection_section).collect();
    assemble(&sections.join(""), flow)
}

fn assemble(connections: &str, flow: Option<(&str, &str)>) -> String {
    let lines = match flow {
        Some((source, sink)) => {
            format!("[[flows]]\nname = \"presence\"\nsource = {}\nsink = {}\n", quoted(source), quoted(sink))
        }
        None => "# [[flows]]\n# name = \"presence\"\n# source = \"calendar\"            # connection with the calendars\n\
                 # sink = \"pbx\"                   # connection where presence is shown\n\
                 # people = [\"group:sales\"]       # ids and groups; everybody, if left out\n"
            .to_owned(),
    };
    let flow = format!("# What is carried from where to where.\n{lines}\n");
    TEMPLATE.replace(CONNECTIONS, connections).replace(FLOW, &flow)
}

/// One connection as it stands in the file, with an empty line after it; values that are the default are left out.
#[must_use]
pub fn connection_section(draft: &ConnectionDraft) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail; the result says so.
    let _ = write_section(&mut text, draft);
    text
}

fn write_section(text: &mut String, draft: &ConnectionDraft) -> std::fmt::Result {
    let ConnectionDraft { name, note, connection } = draft;
    for line in note.lines() {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        writeln!(text, "# {}", line.trim())?;
    }
    let name = key(name);
    writeln!(text, "[connections.{name}]")?;
    writeln!(text, "plugin = {}", quoted(&connection.plugin))?;
    if !connection.active {
        writeln!(text, "active = false")?;
    }
    if !connection.settings.is_empty() {
        writeln!(text, "settings = {}", inline(&connection.settings))?;
    }
    if let Some(discovery) = &connection.discovery {
        writeln!(text, "discovery = {}", inline(discovery))?;
    }
    for (endpoint_name, endpoint) in &connection.endpoints {
        writeln!(text, "\n[connections.{name}.endpoints.{}]", key(endpoint_name))?;
        if let Some(url) = &endpoint.url {
            writeln!(text, "url = {}", quoted(url))?;
        }
        if endpoint.auth != Auth::None {
            writeln!(text, "auth = {}", inline(&endpoint.auth))?;
        }
        if !endpoint.allow_addresses.is_empty() {
            writeln!(text, "allow_addresses = {}", inline(&endpoint.allow_addresses))?;
        }
        if endpoint.plain_http {
            writeln!(text, "plain_http = true")?;
        }
        if let Some(path) = &endpoint.ca_file {
            writeln!(text, "ca_file = {}", quoted(&path.to_string_lossy()))?;
        }
        if !endpoint.certificate_sha256.is_empty() {
            writeln!(text, "certificate_sha256 = {}", inline(&endpoint.certificate_sha256))?;
        }
        if let Some(proxy) = &endpoint.proxy {
            writeln!(text, "proxy = {}", inline(proxy))?;
        }
    }
    writeln!(text)
}

fn inline<T: serde::Serialize>(value: &T) -> String {
    toml::Value::try_from(value).map(|value| value.to_string()).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { name.to_owned() } else { quoted(name) }
}
