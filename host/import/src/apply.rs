//! One connection of a form: its settings put into the configuration, and what became of each.

use std::collections::BTreeMap;

use toml_edit::Value as Toml;

use crate::draft::{Draft, plain_value, value_of};
use crate::form::Given;
use crate::preset::{Connector, Outcome, Preset, Setting, TemplateDraft};
use crate::report::{Row, Status};
use crate::value::{Kind, Value};

/// A row whose keys are filled in when all settings are in the configuration.
pub(crate) struct Pending {
    pub row: Row,
    /// Paths of keys whose values are to be shown.
    pub show: Vec<Vec<String>>,
}

/// What all connections share.
pub(crate) struct Shared<'p> {
    pub preset: &'p Preset,
    pub draft: Draft,
    /// Keys that settings have set, with their values and the connection.
    pub taken: BTreeMap<Vec<String>, (String, Option<String>)>,
    pub rows: Vec<Pending>,
}

/// One connection.
pub(crate) struct Connection<'p> {
    pub preset: &'p Preset,
    pub connector: &'p Connector,
    /// Its name in the report, where there are several.
    pub label: Option<String>,
    /// Placeholders and their names.
    pub names: [(&'static str, String); 3],
    pub given: BTreeMap<String, Given>,
    /// Settings that cannot be with others, and why.
    pub conflicts: BTreeMap<&'p str, &'p str>,
}

/// What a setting sets.
#[derive(Default)]
struct Effect {
    /// Paths and values.
    keys: Vec<(Vec<String>, Toml)>,
    /// What it has set already, `key = value`.
    done: Vec<String>,
    /// What is to be said beside.
    note: String,
}

impl Shared<'_> {
    /// Puts a setting into the configuration and notes what became of it.
    pub fn setting(&mut self, connection: &Connection<'_>, setting: &Setting) {
        let outcome = setting.outcome(&connection.connector.id);
        let section = self.preset.section(&setting.section);
        let mut pending = Pending {
            row: Row {
                connection: connection.label.clone(),
                section: section.map(|section| section.title.clone()),
                setting: Some(setting.name.clone()),
                line: None,
                status: Status::Default,
                keys: Vec::new(),
                message: String::new(),
            },
            show: Vec::new(),
        };
        let elsewhere = section.is_some_and(|s| !s.connectors.is_empty() && !s.connectors.contains(&connection.connector.id));
        let (status, message) = match connection.given.get(&setting.id) {
            Some(given) => {
                pending.row.line = Some(given.line);
                if elsewhere {
                    (
                        Status::Invalid,
                        format!(
                            "the form describes \"{}\", to which this does not belong; begin another connection with a line [Connection NAME], or remove it",
                            connection.connector.title
                        ),
                    )
                } else {
                    self.given(connection, setting, outcome, given, &mut pending.row.keys)
                }
            }
            None if elsewhere => (Status::NotNeeded, format!("no part of \"{}\"", connection.connector.title)),
            None => {
                let (status, message, shown) = not_given(connection, setting, outcome);
                if shown {
                    pending.show = outcome.keys.iter().map(|key| connection.path(key)).collect();
                }
                (status, message)
            }
        };
        pending.row.status = status;
        pending.row.message = message;
        self.rows.push(pending);
    }

    fn given(
        &mut self,
        connection: &Connection<'_>,
        setting: &Setting,
        outcome: &Outcome,
        given: &Given,
        shown: &mut Vec<String>,
    ) -> (Status, String) {
        let value = match &given.value {
            Err(expected) => return (Status::Invalid, format!("{expected}; it is as if it were not given")),
            Ok(value) => value,
        };
        if let Some(reason) = connection.conflicts.get(setting.id.as_str()) {
            return (Status::Invalid, (*reason).to_owned());
        }
        if setting.kind == Kind::Secret {
            return secret(connection, outcome, true);
        }
        if *value == Value::Otherwise {
            return (Status::Different, setting.otherwise.clone());
        }
        if outcome.needs_connection() && !connection.connector.missing.is_empty() {
            return (Status::Different, connection.connector.missing.clone());
        }
        let effect = match self.effect(connection, setting, outcome, value) {
            Ok(effect) => effect,
            Err(reason) => return (Status::Invalid, reason),
        };
        let comment = format!("\"{}\", line {}", setting.name, given.line);
        let mut kept = Vec::new();
        for (path, value) in effect.keys {
            match self.set(&path, value, &comment, connection.label.as_deref()) {
                Ok(written) => shown.push(written),
                Err(reason) => kept.push(reason),
            }
        }
        shown.extend(effect.done);
        let status = match (shown.is_empty(), kept.is_empty()) {
            (_, false) => Status::Different,
            (false, true) => outcome.status.unwrap_or(Status::TakenOver),
            (true, true) => outcome.status.unwrap_or(Status::Different),
        };
        let say = [connection.fill(&outcome.say), effect.note].into_iter().chain(kept).filter(|part| !part.is_empty());
        (status, say.collect::<Vec<_>>().join("; "))
    }

    /// All keys of a setting with their values. Templates are made and limits raised at once.
    fn effect(&mut self, connection: &Connection<'_>, setting: &Setting, outcome: &Outcome, value: &Value) -> Result<Effect, String> {
        let mut effect = Effect::default();
        let main = match value {
            Value::Text(text) => {
                let pattern = outcome.pattern.as_deref().unwrap_or("{}");
                Some(Toml::from(pattern.replace("{}", text)))
            }
            Value::List(entries) => Some(Toml::Array(entries.iter().map(String::as_str).collect())),
            Value::Number(number) => Some(Toml::from(*number)),
            Value::Switch(on) => {
                let word = if *on { &outcome.on } else { &outcome.off };
                Some(word.as_ref().map_or_else(|| Toml::from(*on), value_of))
            }
            Value::Choice(index) => setting.choices.get(*index).map(|choice| match &choice.value {
                Some(value) => value_of(value),
                None => Toml::from(choice.word.clone()),
            }),
            Value::Template(None) => Some(Toml::from("ignore")),
            Value::Template(Some((name, state))) => {
                let draft = outcome.template.as_ref().ok_or("a template has no place here")?;
                self.template(connection, draft, name, state.as_deref(), &mut effect)?;
                Some(Toml::from(format!("template:{name}")))
            }
            Value::Otherwise | Value::Secret => None,
        };
        let Some(main) = main else { return Ok(effect) };
        effect.keys.extend(outcome.keys.iter().map(|key| (connection.path(key), main.clone())));
        let own = outcome.set.iter();
        let of_choice = match value {
            Value::Choice(index) => setting.choices.get(*index).map(|choice| choice.set.as_slice()),
            _ => None,
        };
        let text = match value {
            Value::Text(text) => text.as_str(),
            _ => "",
        };
        for assignment in own.chain(of_choice.unwrap_or_default()) {
            effect.keys.push((connection.path(&assignment.key), value_of(&fill_value(&assignment.value, connection, text))));
        }
        if let (Some(raise), Value::Number(number)) = (&outcome.raise, value) {
            let path = connection.path(&raise.key);
            let now = self.draft.get(&path).and_then(|now| now.parse::<i64>().ok()).unwrap_or(0);
            let wanted = (*number).min(raise.most);
            if wanted > now {
                self.draft.set(&path, Toml::from(wanted), &format!("as far as \"{}\"", setting.name));
                effect.done.push(format!("{} = {wanted}", path.join(".")));
            }
        }
        Ok(effect)
    }

    /// Adds a template, unless it is there.
    fn template(
        &mut self,
        connection: &Connection<'_>,
        draft: &TemplateDraft,
        name: &str,
        state: Option<&str>,
        effect: &mut Effect,
    ) -> Result<(), String> {
        let mut path = connection.path(&draft.key);
        path.push(name.to_owned());
        let at = |member: &str| path.iter().cloned().chain([member.to_owned()]).collect::<Vec<_>>();
        let wanted = Toml::from(state.unwrap_or(&draft.availability));
        if let Some(now) = self.draft.get(&at("availability")) {
            let other = state.is_some() && now != plain_value(&wanted);
            return if other { Err(format!("the template has the state {now} already; name one state for it")) } else { Ok(()) };
        }
        effect.done.push(format!("{} = {wanted}", at("availability").join(".")));
        if state.is_none() {
            effect.note =
                format!("the form names no state for the template, so it shows as {wanted}; write `NAME [STATE]` for another one");
        }
        self.draft.set(&at("availability"), wanted, if state.is_some() { "" } else { "the form names no state" });
        self.draft.set(&at("text"), Toml::from(draft.text.replace("NAME", &as_pattern(name))), "");
        Ok(())
    }

    /// Sets a key once; a second, different value does not hold.
    fn set(&mut self, path: &[String], value: Toml, comment: &str, connection: Option<&str>) -> Result<String, String> {
        let shown = plain_value(&value);
        let key = path.join(".");
        match self.taken.get(path) {
            Some((before, of)) if *before != shown => {
                let of = of.as_ref().map_or_else(String::new, |name| format!(", from the connection {name},"));
                Err(format!("{key} is one for the whole host; {before}{of} holds"))
            }
            Some(_) => Ok(format!("{key} = {shown}")),
            None => {
                self.draft.set(path, value, comment);
                self.taken.insert(path.to_vec(), (shown.clone(), connection.map(str::to_owned)));
                Ok(format!("{key} = {shown}"))
            }
        }
    }
}

impl Connection<'_> {
    /// A key's path with the names of this connection.
    pub fn path(&self, key: &str) -> Vec<String> {
        key.split('.').map(|part| self.fill(part)).collect()
    }

    /// A text with the names of this connection.
    pub fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}

/// Status, message, and whether its keys are shown.
fn not_given(connection: &Connection<'_>, setting: &Setting, outcome: &Outcome) -> (Status, String, bool) {
    let unusable = outcome.needs_connection() && !connection.connector.missing.is_empty();
    if setting.kind == Kind::View {
        return (outcome.status.unwrap_or(Status::Different), connection.fill(&outcome.say), false);
    }
    if unusable {
        return (Status::Default, setting.default.clone(), false);
    }
    if setting.kind == Kind::Secret && outcome.secret.is_some() {
        let (status, message) = secret(connection, outcome, false);
        return (status, message, false);
    }
    if !outcome.missing.is_empty() {
        return (Status::ToDo, connection.fill(&outcome.missing), true);
    }
    let say = if outcome.keys.is_empty() { connection.fill(&outcome.say) } else { String::new() };
    let parts: Vec<String> = [setting.default.clone(), say].into_iter().filter(|part| !part.is_empty()).collect();
    (Status::Default, parts.join(" "), true)
}

/// What becomes of a secret. The form's is never used.
fn secret(connection: &Connection<'_>, outcome: &Outcome, given: bool) -> (Status, String) {
    let missing = outcome.needs_connection() && !connection.connector.missing.is_empty();
    let (status, what) = match &outcome.secret {
        _ if missing => (Status::Different, connection.connector.missing.clone()),
        Some(name) => {
            (Status::ToDo, format!("run `calport secret set {}` and enter it there, as it is and not scrambled", connection.fill(name)))
        }
        None => (outcome.status.unwrap_or(Status::NotNeeded), String::new()),
    };
    let found = if given { "the form holds a secret here, which is written nowhere: delete it there" } else { "" };
    let parts = [found.to_owned(), what, connection.fill(&outcome.say)].into_iter().filter(|part| !part.is_empty());
    (status, parts.collect::<Vec<_>>().join("; "))
}

/// A preset's value with the names and the text of the form.
fn fill_value(value: &toml::Value, connection: &Connection<'_>, text: &str) -> toml::Value {
    match value {
        toml::Value::String(pattern) => toml::Value::String(connection.fill(pattern).replace("{}", text)),
        toml::Value::Array(entries) => toml::Value::Array(entries.iter().map(|entry| fill_value(entry, connection, text)).collect()),
        other => other.clone(),
    }
}

/// A name as a part of a text pattern, in which braces mean something.
fn as_pattern(name: &str) -> String {
    name.chars().fold(String::new(), |mut pattern, c| {
        match c {
            '{' | '}' => pattern.extend(["{\"", c.encode_utf8(&mut [0; 4]), "\"}"]),
            c => pattern.push(c),
        }
        pattern
    })
}
