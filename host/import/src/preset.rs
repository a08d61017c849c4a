//! A product as data: its settings, what they become, and what Calport is set to without any of them.
//!
//! One file per product in `presets/`; the file without a `name` is what all of them share. The keys of the files are the
//! fields here. `CALENDAR`, `FLOW` and `RULES` in the fragments stand for the names of a connection, its flow and its rules.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use toml_edit::{DocumentMut, Item, Table};

use crate::condition::Test;
use crate::name::plain;
use crate::value::Kind;

/// The files, by their names.
static FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/presets.rs"));

static PRESETS: LazyLock<Result<Vec<Preset>, PresetError>> = LazyLock::new(|| read(FILES));

/// The products, by name.
///
/// # Errors
/// A file of `presets/` that cannot be used; a test reads them all.
pub fn presets() -> Result<&'static [Preset], &'static PresetError> {
    PRESETS.as_ref().map(Vec::as_slice)
}

/// The names of the products, for `--from`.
pub fn names() -> Vec<&'static str> {
    presets().map(|all| all.iter().map(|preset| preset.name.as_str()).collect()).unwrap_or_default()
}

/// A file that describes no product.
#[derive(Clone, Debug, thiserror::Error)]
#[error("presets/{file}: {problem}")]
pub struct PresetError {
    file: String,
    problem: String,
}

/// What the products share.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    #[serde(default)]
    todo: Vec<Todo>,
    #[serde(default, rename = "config")]
    _config: toml::Table,
    #[serde(default, rename = "connection")]
    _connection: toml::Table,
}

/// A product.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Its name for `--from`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it is, in a sentence or two.
    pub about: String,
    /// The parts of its settings, in the order of the form.
    #[serde(rename = "section")]
    pub sections: Vec<Section>,
    /// Its settings, in the order of the form.
    #[serde(rename = "setting")]
    pub settings: Vec<Setting>,
    /// The kinds of connection it knows; the first whose condition holds is that of a form.
    #[serde(rename = "connector")]
    pub(crate) connectors: Vec<Connector>,
    /// Settings that cannot be together.
    #[serde(default, rename = "conflict")]
    pub(crate) conflicts: Vec<Conflict>,
    /// Words that several choices share, by a name.
    #[serde(default)]
    words: BTreeMap<String, Vec<Choice>>,
    /// What it does without being set to.
    #[serde(default, rename = "behaviour")]
    pub(crate) behaviours: Vec<Behaviour>,
    /// What has to be done after each import, beside the shared ones.
    #[serde(default, rename = "todo")]
    pub(crate) todos: Vec<Todo>,
    #[serde(default, rename = "config")]
    _config: toml::Table,
    #[serde(default, rename = "rules")]
    _rules: toml::Table,
    /// The configuration of the whole host without any setting.
    #[serde(skip)]
    pub(crate) whole: Table,
    /// What each connection adds, if there is a connector for it.
    #[serde(skip)]
    pub(crate) connection: Table,
    /// The rules of each connection.
    #[serde(skip)]
    pub(crate) rules: Table,
}

/// A part of the settings, told apart by a header `[Title]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its id within the file.
    pub id: String,
    /// Its title, as the product has it.
    pub title: String,
    /// Other titles.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is about.
    #[serde(default)]
    pub about: String,
    /// The kinds of connection that it belongs to; all of them when empty.
    #[serde(default)]
    pub(crate) connectors: Vec<String>,
}

/// A row of the product's tables.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its id within the file.
    pub id: String,
    /// The section's id.
    pub section: String,
    /// Its name, exactly as in the product's manual.
    pub name: String,
    /// Other names of it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Not of the product's tables, but needed.
    #[serde(default)]
    pub extra: bool,
    /// What it is set to.
    pub kind: Kind,
    /// What it means.
    pub meaning: String,
    /// What holds in the product without it.
    #[serde(default)]
    pub default: String,
    /// The words of a choice.
    #[serde(default, rename = "choice")]
    pub choices: Vec<Choice>,
    /// The name of a list of words that stands in their place.
    #[serde(default)]
    words: String,
    /// What is said when a word is none of the choices; without it that is a mistake.
    #[serde(default)]
    pub(crate) otherwise: String,
    /// The least number.
    #[serde(default)]
    pub(crate) min: Option<i64>,
    /// The greatest number.
    #[serde(default)]
    pub(crate) max: Option<i64>,
    /// What a text must look like, as a regular expression.
    #[serde(default)]
    pub(crate) format: String,
    /// The same in words.
    #[serde(default)]
    pub(crate) expected: String,
    /// What becomes of it.
    pub(crate) becomes: Outcome,
    /// The same, where it depends on the kind of connection.
    #[serde(default)]
    pub(crate) with: BTreeMap<String, Outcome>,
}

/// A word of a choice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The word, as the product has it.
    pub word: String,
    /// Other words for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What the outcome's keys are set to; the word itself when not given.
    #[serde(default)]
    pub(crate) value: Option<toml::Value>,
    /// Further keys.
    #[serde(default)]
    pub(crate) set: Vec<Assignment>,
}

/// A key with its value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    /// The path of the key.
    pub key: String,
    /// Its value; `{}` in a text stands for the given one.
    pub value: toml::Value,
}

/// What becomes of a setting.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Outcome {
    /// The keys that get its value.
    pub keys: Vec<String>,
    /// A text around the value, which stands for `{}`.
    pub pattern: Option<String>,
    /// What `on` and `off` of a switch become; `true` and `false` when not given.
    pub on: Option<toml::Value>,
    /// See `on`.
    pub off: Option<toml::Value>,
    /// Further keys that are set when it is given.
    pub set: Vec<Assignment>,
    /// A key that is raised to the number, as far as this: `key`, `most`.
    pub raise: Option<Raise>,
    /// The template that a name becomes.
    pub template: Option<TemplateDraft>,
    /// The name of the secret.
    pub secret: Option<String>,
    /// What it is in the report when it is given; `taken-over` with keys, else `different`.
    pub status: Option<crate::report::Status>,
    /// What is said about it.
    pub say: String,
    /// What has to be done when it is not given.
    pub missing: String,
}

/// See [`Outcome::raise`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Raise {
    pub key: String,
    pub most: i64,
}

/// What a named template of the product becomes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateDraft {
    /// The path of the table of templates.
    pub key: String,
    /// The state, if the form names none.
    pub availability: String,
    /// The text pattern; `NAME` stands for the name.
    pub text: String,
}

/// A kind of connection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connector {
    pub id: String,
    /// What it is called in the report.
    pub title: String,
    /// Any of these lists holds as a whole; an empty list of lists always does.
    #[serde(default)]
    pub when: Vec<Vec<Test>>,
    /// Why the import does not write it, and what to do; empty where it does.
    #[serde(default)]
    pub missing: String,
    /// What is different with it.
    #[serde(default)]
    pub say: String,
}

/// Settings that cannot be together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conflict {
    /// All of these hold.
    pub when: Vec<Test>,
    /// The settings that are not used then.
    pub settings: Vec<String>,
    /// Why not, and what to do.
    pub say: String,
}

/// What the product does without being set to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Behaviour {
    pub name: String,
    #[serde(default)]
    pub keys: Vec<String>,
    pub say: String,
}

/// What has to be done after each import.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Todo {
    pub name: String,
    pub say: String,
    /// Not when this key is set.
    #[serde(default)]
    pub unless: String,
}

impl Preset {
    /// The setting with an id.
    pub(crate) fn setting(&self, id: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.id == id)
    }

    /// The section with an id.
    pub(crate) fn section(&self, id: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.id == id)
    }

    /// The section with a title, whatever its case and punctuation.
    pub(crate) fn section_titled(&self, title: &str) -> Option<&Section> {
        let wanted = plain(title);
        let called = |section: &&Section| std::iter::once(&section.title).chain(&section.aliases).any(|name| plain(name) == wanted);
        self.sections.iter().find(called)
    }
}

impl Setting {
    /// Its name and its other names.
    pub(crate) fn all_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    /// What becomes of it with a kind of connection.
    pub(crate) fn outcome(&self, connector: &str) -> &Outcome {
        self.with.get(connector).unwrap_or(&self.becomes)
    }
}

impl Outcome {
    /// All keys that it may set, with their placeholders.
    pub(crate) fn all_keys(&self) -> impl Iterator<Item = &str> {
        let further = self.set.iter().map(|assignment| &assignment.key);
        self.keys.iter().chain(further).map(String::as_str)
    }

    /// Whether it needs the connection itself, so that there must be a connector.
    pub(crate) fn needs_connection(&self) -> bool {
        let names = |text: &str| text.contains("CALENDAR") || text.contains("FLOW");
        self.all_keys().any(names) || self.secret.is_some() || self.set.iter().any(|one| names(&one.value.to_string()))
    }

    /// Whether it belongs to one connection, and not to the whole host.
    pub(crate) fn is_of_one_connection(&self) -> bool {
        self.needs_connection() || self.all_keys().any(|key| key.contains("RULES"))
    }
}

fn read(files: &[(&str, &str)]) -> Result<Vec<Preset>, PresetError> {
    let error = |file: &str, problem: String| PresetError { file: file.to_owned(), problem };
    let mut shared: Option<(Common, Table)> = None;
    let mut products = Vec::new();
    for (file, text) in files {
        let document: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| error(file, e.to_string()))?;
        if document.contains_key("name") {
            let preset: Preset = toml::from_str(text).map_err(|e| error(file, e.to_string()))?;
            products.push((file, preset, document.as_table().clone()));
        } else {
            let common = toml::from_str(text).map_err(|e| error(file, e.to_string()))?;
            shared = Some((common, document.as_table().clone()));
        }
    }
    let (common, fragments) = shared.unwrap_or_default();
    let mut presets = Vec::new();
    for (file, mut preset, own) in products {
        for setting in preset.settings.iter_mut().filter(|setting| !setting.words.is_empty()) {
            let words = preset.words.get(&setting.words).ok_or_else(|| error(file, format!("there are no words `{}`", setting.words)))?;
            setting.choices.clone_from(words);
        }
        preset.whole = table_in(&fragments, "config");
        crate::draft::merge(&mut preset.whole, &table_in(&own, "config"));
        preset.connection = table_in(&fragments, "connection");
        preset.rules = table_in(&own, "rules");
        preset.todos.extend(common.todo.iter().cloned());
        check(&preset).map_err(|problem| error(file, problem))?;
        presets.push(preset);
    }
    Ok(presets)
}

fn table_in(table: &Table, key: &str) -> Table {
    table.get(key).and_then(Item::as_table).cloned().unwrap_or_default()
}

/// Ids that lead nowhere, which the types cannot say.
fn check(preset: &Preset) -> Result<(), String> {
    let sections = preset.settings.iter().map(|setting| &setting.section);
    if let Some(id) = sections.into_iter().find(|id| preset.section(id).is_none()) {
        return Err(format!("there is no section `{id}`"));
    }
    let tests = preset.connectors.iter().flat_map(|connector| connector.when.iter().flatten());
    let tests = tests.chain(preset.conflicts.iter().flat_map(|conflict| &conflict.when));
    for test in tests {
        test.check(preset)?;
    }
    let named = preset.conflicts.iter().flat_map(|conflict| &conflict.settings);
    if let Some(id) = named.into_iter().find(|id| preset.setting(id).is_none()) {
        return Err(format!("there is no setting `{id}`"));
    }
    let connectors = preset.sections.iter().flat_map(|section| &section.connectors);
    let connectors = connectors.chain(preset.settings.iter().flat_map(|setting| setting.with.keys()));
    match connectors.into_iter().find(|id| !preset.connectors.iter().any(|connector| connector.id == **id)) {
        Some(id) => Err(format!("there is no connector `{id}`")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCT: &str = "name = \"x\"\ntitle = \"X\"\nabout = \"An X\"\nconnector = [{ id = \"any\", title = \"any\" }]\n";

    fn problem(rest: &str) -> String {
        read(&[("x.toml", &format!("{PRODUCT}{rest}"))]).unwrap_err().to_string()
    }

    #[test]
    fn every_file_of_the_folder_can_be_used() {
        assert!(presets().unwrap().len() >= 3, "{:?}", names());
    }

    #[test]
    fn what_leads_nowhere_is_told_with_the_file() {
        let section = "[[section]]\nid = \"s\"\ntitle = \"S\"\n";
        let setting = "[[setting]]\nid = \"a\"\nsection = \"s\"\nname = \"A\"\nkind = \"text\"\nmeaning = \"a\"\n[setting.becomes]\n";
        for (rest, part) in [
            ("[[section]]".to_owned(), "id"),
            (format!("section = []\n{setting}"), "no section `s`"),
            (format!("{section}{setting}[setting.with.cloud]\n"), "no connector `cloud`"),
            (format!("{section}{setting}[[conflict]]\nwhen = []\nsettings = [\"b\"]\nsay = \"\"\n"), "no setting `b`"),
            (format!("{section}{setting}[[conflict]]\nwhen = [{{ setting = \"b\", given = true }}]\nsettings = []\nsay = \"\"\n"), "`b`"),
            (format!("{section}{setting}colour = 1\n"), "colour"),
        ] {
            let said = problem(&rest);
            assert!(said.starts_with("presets/x.toml") && said.contains(part), "{rest}: {said}");
        }
    }
}
