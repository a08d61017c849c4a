//! One module per command, or per family of commands.

pub mod check;
pub mod control;
pub mod demo;
pub mod docs;
pub mod explain;
pub mod import;
pub mod init;
pub mod plugin;
pub mod preview;
pub mod secret;
pub mod serve;
pub mod sim;

use std::io::Write as _;

use serde::Serialize;

use crate::exit::Failure;

/// Writes a line to standard output; a reader that went away is no error.
pub fn say(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", line.as_ref());
}

/// Writes a value as JSON to standard output.
pub fn say_json(value: &impl Serialize) -> Result<(), Failure> {
    say(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Loads the configuration, or prints every mistake in it.
pub fn load(file: &std::path::Path, json: bool) -> Result<calport_config::Loaded, Failure> {
    match calport_config::load(file) {
        Ok(loaded) => Ok(loaded),
        Err(diagnostics) => {
            if json {
                say_json(&calport_config::to_json(&diagnostics))?;
                return Err(Failure::said(crate::exit::Exit::Configuration));
            }
            let fancy = std::io::IsTerminal::is_terminal(&std::io::stderr());
            Err(Failure::new(crate::exit::Exit::Configuration, calport_config::render(&diagnostics, fancy)))
        }
    }
}

/// Adds members to a JSON object.
pub fn extend(object: &mut serde_json::Value, members: impl IntoIterator<Item = (&'static str, serde_json::Value)>) {
    if let Some(map) = object.as_object_mut() {
        map.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
}
