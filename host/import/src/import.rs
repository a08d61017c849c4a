//! From a form to a configuration and a report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toml_edit::{Array, Value as Toml};

use crate::apply::{Connection, Pending, Shared};
use crate::decode::decode;
use crate::draft::Draft;
use crate::form::{Block, Form, Given, parse};
use crate::preset::{Connector, Preset};
use crate::report::{Report, Row, Status};

/// Largest form, in bytes: a thousand times a filled one.
const MOST_BYTES: usize = 4 << 20;

/// What came of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The text of `calport.toml`.
    pub config: String,
    /// What became of each setting.
    pub report: Report,
}

/// A form of which nothing can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is too long.
    #[error("it is larger than {} MiB; a form is a short text", MOST_BYTES >> 20)]
    TooLarge,
    /// It is another kind of file.
    #[error("this is no text file; a form has lines such as `Setting name = value`")]
    NoText,
}

/// Turns a form into a configuration. Lines that cannot be used are told in the report; all others are used.
///
/// # Errors
/// A file that is no form at all.
pub fn import(preset: &Preset, form: &[u8]) -> Result<Imported, ImportError> {
    if form.len() > MOST_BYTES {
        return Err(ImportError::TooLarge);
    }
    let (text, encoding) = decode(form).ok_or(ImportError::NoText)?;
    let form = parse(preset, &text);
    let mut shared = Shared { preset, draft: Draft::new(&preset.whole), taken: BTreeMap::new(), rows: Vec::new() };
    let connections = connections(preset, &form);
    for (index, connection) in connections.iter().enumerate() {
        shared.connection(connection, index == 0, &form.common);
    }
    let Form { findings, more, .. } = form;
    Ok(shared.finish(findings, more, encoding))
}

fn connections<'p>(preset: &'p Preset, form: &Form) -> Vec<Connection<'p>> {
    if form.blocks.is_empty() {
        let names = [("CALENDAR", "calendar".to_owned()), ("FLOW", "presence".to_owned()), ("RULES", "default".to_owned())];
        return vec![connection(preset, None, names, &form.common, &[])];
    }
    let one = |block: &Block| {
        let names = ["CALENDAR", "FLOW", "RULES"].map(|placeholder| (placeholder, block.name.clone()));
        connection(preset, Some(block.name.clone()), names, &form.common, &block.given)
    };
    form.blocks.iter().map(one).collect()
}

fn connection<'p>(
    preset: &'p Preset,
    label: Option<String>,
    names: [(&'static str, String); 3],
    common: &[Given],
    own: &[Given],
) -> Connection<'p> {
    let given: BTreeMap<String, Given> = common.iter().chain(own).map(|given| (given.setting.clone(), given.clone())).collect();
    let holds = |connector: &&Connector| {
        connector.when.is_empty() || connector.when.iter().any(|all| all.iter().all(|test| test.holds(preset, &given)))
    };
    let connector = preset.connectors.iter().find(holds).unwrap_or(&NO_CONNECTOR);
    let together = preset.conflicts.iter().filter(|conflict| conflict.when.iter().all(|test| test.holds(preset, &given)));
    let conflicts = together.flat_map(|conflict| conflict.settings.iter().map(|id| (id.as_str(), conflict.say.as_str()))).collect();
    Connection { preset, connector, label, names, given, conflicts }
}

/// For a product whose kinds of connection have a condition each, none of which holds.
static NO_CONNECTOR: Connector =
    Connector { id: String::new(), title: String::new(), when: Vec::new(), missing: String::new(), say: String::new() };

impl Shared<'_> {
    fn connection(&mut self, connection: &Connection<'_>, first: bool, common: &[Given]) {
        let names: Vec<(&str, &str)> = connection.names.iter().map(|(from, to)| (*from, to.as_str())).collect();
        let usable = connection.connector.missing.is_empty();
        if usable {
            self.draft.add(&connection.preset.connection, &names);
        }
        self.draft.add_rules(&connection.preset.rules, &connection.fill("RULES"));
        let status = if usable { Status::TakenOver } else { Status::ToDo };
        let message = if usable { &connection.connector.say } else { &connection.connector.missing };
        self.say(connection.label.clone(), &format!("Connection: {}", connection.connector.title), status, &connection.fill(message));
        if let Some(name) = connection.label.as_deref().filter(|_| usable) {
            let path = connection.path("flows.FLOW.people");
            self.draft.set(&path, Toml::Array(Array::from_iter([format!("group:{name}")])), "who is shown through this connection");
            let message = format!(
                "put each person whose calendar is there into the group \"{name}\", with `groups` of [[people.person]] or the column of the CSV file"
            );
            self.say(Some(name.to_owned()), "Its people", Status::ToDo, &message);
        }
        for setting in &connection.preset.settings {
            // What holds for the whole host is told once.
            let outcome = setting.outcome(&connection.connector.id);
            let given_once = connection.given.get(&setting.id).is_none_or(|given| common.iter().any(|one| one.line == given.line));
            if first || outcome.is_of_one_connection() || !given_once {
                self.setting(connection, setting);
            }
        }
        for behaviour in &connection.preset.behaviours {
            let own = behaviour.keys.iter().any(|key| key.contains("RULES") || key.contains("CALENDAR") || key.contains("FLOW"));
            if first || own {
                self.say(connection.label.clone().filter(|_| own), &behaviour.name, Status::Default, &behaviour.say);
                if let Some(pending) = self.rows.last_mut() {
                    pending.show = behaviour.keys.iter().map(|key| connection.path(key)).collect();
                }
            }
        }
    }

    fn say(&mut self, connection: Option<String>, name: &str, status: Status, message: &str) {
        let row = Row {
            connection,
            section: None,
            setting: Some(name.to_owned()),
            line: None,
            status,
            keys: Vec::new(),
            message: message.to_owned(),
        };
        self.rows.push(Pending { row, show: Vec::new() });
    }

    fn finish(mut self, findings: Vec<Row>, further_lines: usize, encoding: Option<&str>) -> Imported {
        for todo in &self.preset.todos {
            let path: Vec<String> = todo.unless.split('.').map(str::to_owned).collect();
            if self.draft.get(&path).is_none() {
                self.say(None, &todo.name, Status::ToDo, &todo.say);
            }
        }
        let mut rows = findings;
        for pending in std::mem::take(&mut self.rows) {
            let mut row = pending.row;
            for path in pending.show {
                // A key that the configuration does not have keeps Calport's default, which the documentation names.
                row.keys.extend(self.draft.get(&path).map(|value| format!("{} = {value}", path.join("."))));
            }
            rows.push(row);
        }
        let report = Report {
            from: self.preset.name.clone(),
            title: self.preset.title.clone(),
            encoding: encoding.map(str::to_owned),
            rows,
            further_lines,
        };
        Imported { config: self.draft.finish(&header(self.preset, &report)), report }
    }
}

/// The comment at the beginning of the file: where it comes from, and what is to be done.
fn header(preset: &Preset, report: &Report) -> String {
    let mut text = format!(
        "# Calport's configuration, made from the settings of {} by `calport config import --from {}`.\n\
         # All keys and their defaults: docs/configuration.md. What became of each setting stands in the report of the import.\n\
         #\n# To do:\n",
        preset.title, preset.name
    );
    for row in report.rows.iter().filter(|row| row.status == Status::ToDo) {
        let names: Vec<&str> = [row.connection.as_deref(), row.setting.as_deref()].into_iter().flatten().collect();
        // Writing to a string cannot fail; the result says so.
        let _ = writeln!(text, "# - {}: {}", names.join(", "), row.message);
    }
    text
}
