//! The configuration as it grows: fragments with their comments, and single keys set in them.

use toml_edit::{Array, DocumentMut, Item, Key, Table, Value};

/// The order of the sections in the written file.
const ORDER: [&str; 11] = ["host", "timing", "hooks", "secrets", "limits", "alerts", "connections", "groups", "people", "flows", "rules"];

/// A configuration that is being put together.
pub(crate) struct Draft {
    root: Table,
}

impl Draft {
    /// Begins with a fragment.
    pub fn new(fragment: &Table) -> Self {
        let mut root = Table::new();
        merge(&mut root, fragment);
        Self { root }
    }

    /// Adds a fragment in which placeholders are replaced by names.
    pub fn add(&mut self, fragment: &Table, names: &[(&str, &str)]) {
        let text = names.iter().fold(DocumentMut::from(fragment.clone()).to_string(), |text, (from, to)| text.replace(from, to));
        // Names are `a-z`, `0-9` and `-`: what parsed with a placeholder parses with them.
        if let Ok(document) = text.parse::<DocumentMut>() {
            merge(&mut self.root, document.as_table());
        }
    }

    /// Adds the fragment of rules as `[rules.NAME]`.
    pub fn add_rules(&mut self, fragment: &Table, name: &str) {
        let mut rules = Table::new();
        rules.set_implicit(true);
        rules.insert(name, Item::Table(fragment.clone()));
        let mut root = Table::new();
        root.insert("rules", Item::Table(rules));
        merge(&mut self.root, &root);
    }

    /// Sets a key, with a comment behind it. Elements of a list of tables are found by their `name`.
    pub fn set(&mut self, path: &[String], value: Value, comment: &str) {
        let Some((last, parents)) = path.split_last() else { return };
        let Some(table) = parents.iter().try_fold(Place::Table(&mut self.root), |place, name| place.enter(name)).and_then(Place::table)
        else {
            return;
        };
        let mut value = value;
        value.decor_mut().set_prefix(" ");
        if !comment.is_empty() {
            value.decor_mut().set_suffix(format!("  # {comment}"));
        }
        match table.get_mut(last) {
            Some(item) => *item = Item::Value(value),
            None => {
                table.insert(last, Item::Value(value));
            }
        }
    }

    /// The value of a key, as it is written.
    pub fn get(&self, path: &[String]) -> Option<String> {
        let item = path.iter().try_fold(Look::Table(&self.root), |look, name| look.enter(name))?;
        match item {
            Look::Value(value) => Some(plain_value(value)),
            Look::Table(_) | Look::List(_) => None,
        }
    }

    /// The file's text.
    pub fn finish(mut self, header: &str) -> String {
        let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
        self.root.sort_values_by(|a, _, b, _| place(a.get()).cmp(&place(b.get())));
        tidy(&mut self.root);
        let body = DocumentMut::from(self.root).to_string();
        format!("{header}\n{}\n", body.trim())
    }
}

/// Lays `over` on top of `table`: tables key by key, all else as a whole, comments with what they belong to.
pub(crate) fn merge(table: &mut Table, over: &Table) {
    for (name, _) in over.iter() {
        let Some((key, item)) = over.get_key_value(name) else { continue };
        match (table.get_mut(name), item) {
            (Some(Item::Table(below)), Item::Table(above)) => {
                if has_comment(above) {
                    *below.decor_mut() = above.decor().clone();
                }
                if !above.is_implicit() {
                    below.set_implicit(false);
                }
                merge(below, above);
            }
            (Some(Item::ArrayOfTables(below)), Item::ArrayOfTables(above)) => below.extend(above.iter().cloned()),
            _ => {
                table.insert_formatted(key, item.clone());
            }
        }
    }
}

fn has_comment(table: &Table) -> bool {
    table.decor().prefix().and_then(|prefix| prefix.as_str()).is_some_and(|text| text.contains('#'))
}

/// Sections in the order of the tree, each after an empty line and the comment that stood right above it.
fn tidy(table: &mut Table) {
    table.set_position(None);
    let above = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
    let paragraph = above.rsplit("\n\n").next().unwrap_or_default().trim_start().to_owned();
    table.decor_mut().set_prefix(format!("\n{paragraph}"));
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(table) => tidy(table),
            Item::ArrayOfTables(list) => list.iter_mut().for_each(tidy),
            Item::None | Item::Value(_) => {}
        }
    }
}

/// A value without the comments around it.
pub(crate) fn plain_value(value: &Value) -> String {
    let mut value = value.clone();
    value.decor_mut().clear();
    value.to_string()
}

/// A value of a preset as one of the written file.
pub(crate) fn value_of(value: &toml::Value) -> Value {
    // What one of the two writes the other reads; an empty list stands in for what cannot happen.
    value.to_string().parse().unwrap_or_else(|_| Value::Array(Array::new()))
}

enum Place<'t> {
    Table(&'t mut Table),
    List(&'t mut toml_edit::ArrayOfTables),
}

impl<'t> Place<'t> {
    fn enter(self, name: &str) -> Option<Self> {
        match self {
            Self::Table(table) => {
                if !table.contains_key(name) {
                    let mut made = Table::new();
                    made.set_implicit(true);
                    table.insert_formatted(&Key::new(name), Item::Table(made));
                }
                match table.get_mut(name)? {
                    Item::Table(table) => Some(Self::Table(table)),
                    Item::ArrayOfTables(list) => Some(Self::List(list)),
                    Item::None | Item::Value(_) => None,
                }
            }
            Self::List(list) => list.iter_mut().find(|table| is_named(table, name)).map(Self::Table),
        }
    }

    fn table(self) -> Option<&'t mut Table> {
        match self {
            Self::Table(table) => Some(table),
            Self::List(_) => None,
        }
    }
}

enum Look<'t> {
    Table(&'t Table),
    List(&'t toml_edit::ArrayOfTables),
    Value(&'t Value),
}

impl Look<'_> {
    fn enter(self, name: &str) -> Option<Self> {
        match self {
            Self::Table(table) => match table.get(name)? {
                Item::Table(table) => Some(Self::Table(table)),
                Item::ArrayOfTables(list) => Some(Self::List(list)),
                Item::Value(value) => Some(Self::Value(value)),
                Item::None => None,
            },
            Self::List(list) => list.iter().find(|table| is_named(table, name)).map(Self::Table),
            Self::Value(_) => None,
        }
    }
}

fn is_named(table: &Table, name: &str) -> bool {
    table.get("name").and_then(Item::as_str) == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse::<DocumentMut>().unwrap().as_table().clone()
    }

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn fragments_keep_their_comments_and_sections_their_order() {
        let mut draft = Draft::new(&table("[rules.default]\nb = 1 # why\n\n# All.\n\n# The host.\n[host]\nzone = \"UTC\"\n"));
        draft.add(&table("[connections.CALENDAR]\nplugin = \"x\"\n[[flows]]\nname = \"FLOW\"\n"), &[("CALENDAR", "a"), ("FLOW", "f")]);
        draft.add(&table("[connections.CALENDAR]\nplugin = \"x\"\n[[flows]]\nname = \"FLOW\"\n"), &[("CALENDAR", "b"), ("FLOW", "g")]);
        draft.set(&path("flows.g.active"), Value::from(false), "from the form");
        draft.set(&path("hooks.listen"), Value::from("x"), "");
        let text = draft.finish("# head");
        let wanted = "# head\n# The host.\n[host]\nzone = \"UTC\"\n\n[hooks]\nlisten = \"x\"\n\n[connections.a]\nplugin = \"x\"\n\n\
                      [connections.b]\nplugin = \"x\"\n\n[[flows]]\nname = \"f\"\n\n[[flows]]\nname = \"g\"\nactive = false  # from the form\n\n\
                      [rules.default]\nb = 1 # why\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_key_is_found_again_and_overwritten() {
        let mut draft = Draft::new(&table("[host]\nzone = \"UTC\" # old\n[[flows]]\nname = \"f\"\n"));
        draft.set(&path("host.zone"), Value::from("Europe/Berlin"), "new");
        assert_eq!(draft.get(&path("host.zone")).as_deref(), Some("\"Europe/Berlin\""));
        assert_eq!(draft.get(&path("flows.f.name")).as_deref(), Some("\"f\""));
        assert_eq!(draft.get(&path("flows.g.name")), None);
        assert!(draft.finish("").contains("zone = \"Europe/Berlin\"  # new"));
    }
}
