//! A filled form as lines: which setting each is, for which connection.
//!
//! `Name = value` or `Name: value`, one a line; `#` begins a comment line; `[Title]` begins a section; `[Connection NAME]` begins
//! a further connection, and what stands before the first of them holds for all.

use std::fmt;

use crate::name::{LONGEST, nearest, plain, slug};
use crate::preset::{Preset, Section, Setting};
use crate::report::{Row, Status};
use crate::value::{Kind, Value, read};

/// Longest line, in bytes; the longest lists of words are a tenth of it.
const LONGEST_LINE: usize = 16 * 1024;
/// Most lines that are told about; more are counted.
const MOST_TOLD: usize = 200;
/// Most connections of one form.
const MOST_CONNECTIONS: usize = 64;

/// A form.
#[derive(Default)]
pub(crate) struct Form {
    /// What holds for all connections.
    pub common: Vec<Given>,
    /// The connections, if the form has several.
    pub blocks: Vec<Block>,
    /// Lines that are not used.
    pub findings: Vec<Row>,
    /// How many more lines are not used.
    pub more: usize,
}

/// A connection of the form.
pub(crate) struct Block {
    /// Its name in the configuration.
    pub name: String,
    pub given: Vec<Given>,
}

/// A setting that is given.
#[derive(Clone)]
pub(crate) struct Given {
    /// The setting's id.
    pub setting: String,
    /// The line, from 1.
    pub line: usize,
    /// The value, or what was expected.
    pub value: Result<Value, String>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.setting)
    }
}

/// Reads a form. Each line that cannot be used becomes a finding.
pub(crate) fn parse(preset: &Preset, text: &str) -> Form {
    let names = preset.settings.iter().flat_map(|setting| setting.all_names().map(move |name| (plain(name), setting))).collect();
    let mut reader = Reader { preset, names, form: Form::default(), section: None };
    for (index, line) in text.lines().enumerate() {
        reader.line(index.saturating_add(1), line.trim());
    }
    reader.form
}

struct Reader<'p> {
    preset: &'p Preset,
    /// All names of settings, in plain spelling.
    names: Vec<(String, &'p Setting)>,
    form: Form,
    section: Option<&'p Section>,
}

impl<'p> Reader<'p> {
    fn line(&mut self, number: usize, line: &str) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        if line.len() > LONGEST_LINE {
            return self.tell(Status::Invalid, number, None, format!("the line is longer than {LONGEST_LINE} bytes"));
        }
        if let Some(title) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return self.header(number, title.trim());
        }
        let Some(at) = line.find(['=', ':']) else {
            return self.tell(Status::Invalid, number, None, "expected `Setting name = value`".to_owned());
        };
        let (name, rest) = line.split_at(at);
        let value = rest.get(1..).unwrap_or_default();
        match self.find(name.trim(), value) {
            Found::One(setting) => self.given(number, setting, value),
            Found::None(near) => {
                let help = near.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
                self.tell(
                    Status::Unknown,
                    number,
                    near.and(Some(name.trim())),
                    format!("this is no setting of {}{help}", self.preset.title),
                );
            }
            Found::Several(setting, sections) => {
                let message = format!("there are several of this name: put it below a line {}", sections.join(" or "));
                self.tell(Status::Invalid, number, Some(&setting.name), message);
            }
        }
    }

    fn header(&mut self, number: usize, title: &str) {
        if let Some(section) = self.preset.section_titled(title) {
            self.section = Some(section);
            return;
        }
        let label = title.get(.."connection".len()).filter(|word| word.eq_ignore_ascii_case("connection"));
        let rest = label.and_then(|word| title.get(word.len()..)).filter(|rest| rest.is_empty() || rest.starts_with([' ', ':']));
        if let Some(rest) = rest {
            self.section = None;
            return self.block(number, rest.trim_start_matches(':').trim());
        }
        self.section = None;
        let titles = self.preset.sections.iter().map(|section| section.title.as_str());
        let near = nearest(title, titles);
        let help = near.map_or_else(String::new, |near| format!("; did you mean [{near}]?"));
        let message = format!("this is no part of the settings{help}; the lines below it are taken by their names");
        self.tell(Status::Unknown, number, near.and(Some(title)), message);
    }

    fn block(&mut self, number: usize, label: &str) {
        if self.form.blocks.len() == MOST_CONNECTIONS {
            let message = format!("there are more than {MOST_CONNECTIONS} connections; this one's settings are added to the last");
            return self.tell(Status::Invalid, number, None, message);
        }
        let taken = |name: &str| TAKEN.contains(&name) || self.form.blocks.iter().any(|block| block.name == name);
        let base = slug(label);
        let base = if base.is_empty() { "calendar".to_owned() } else { base };
        let candidates = std::iter::once(base.clone()).chain((2..=MOST_CONNECTIONS + 1 + TAKEN.len()).map(|n| format!("{base}-{n}")));
        let name = candidates.into_iter().find(|name| !taken(name)).unwrap_or(base);
        self.form.blocks.push(Block { name, given: Vec::new() });
    }

    /// The setting of a name: in the section where it stands, else anywhere; where several have the name, the first whose kind
    /// takes the value.
    fn find(&self, name: &str, value: &str) -> Found<'p> {
        let wanted = plain(name);
        if name.chars().count() > LONGEST || wanted.is_empty() {
            return Found::None(None);
        }
        let mut called: Vec<&'p Setting> = self.names.iter().filter(|(name, _)| *name == wanted).map(|(_, setting)| *setting).collect();
        called.dedup_by(|a, b| a.id == b.id);
        let takes = |setting: &&&Setting| read(setting, value).is_ok();
        let here: Vec<&Setting> =
            called.iter().copied().filter(|setting| self.section.is_some_and(|section| section.id == setting.section)).collect();
        if let Some(setting) = here.iter().find(takes) {
            return Found::One(setting);
        }
        let fit: Vec<&&Setting> = called.iter().filter(takes).collect();
        match (fit.as_slice(), here.first(), called.as_slice()) {
            ([one], ..) => Found::One(one),
            (_, Some(one), _) | (_, None, [one]) => Found::One(one),
            (_, None, [first, ..]) => {
                let title = |setting: &&Setting| self.preset.section(&setting.section).map(|section| format!("[{}]", section.title));
                Found::Several(first, called.iter().filter_map(title).collect())
            }
            // To look for a near name takes long, and what is not told needs none.
            (_, None, []) if self.form.findings.len() >= MOST_TOLD => Found::None(None),
            (_, None, []) => Found::None(nearest(name, self.preset.settings.iter().flat_map(Setting::all_names))),
        }
    }

    fn given(&mut self, number: usize, setting: &Setting, text: &str) {
        let value = match read(setting, text) {
            Ok(None) => return,
            Ok(Some(value)) => Ok(value),
            Err(expected) => Err(expected),
        };
        let list = self.form.blocks.last_mut().map_or(&mut self.form.common, |block| &mut block.given);
        let Some(first) = list.iter().find(|given| given.setting == setting.id) else {
            list.push(Given { setting: setting.id.clone(), line: number, value });
            return;
        };
        let same = first.value == value && setting.kind != Kind::Secret;
        if !same {
            let message = format!("it is given in line {} already, which holds; remove one of the two", first.line);
            self.tell(Status::Invalid, number, Some(&setting.name), message);
        }
    }

    /// Says something about a line. Of the line itself only what is, or almost is, the name of a setting.
    fn tell(&mut self, status: Status, line: usize, name: Option<&str>, message: String) {
        if self.form.findings.len() == MOST_TOLD {
            self.form.more = self.form.more.saturating_add(1);
            return;
        }
        let connection = self.form.blocks.last().map(|block| block.name.clone());
        self.form.findings.push(Row {
            connection,
            section: None,
            setting: name.map(str::to_owned),
            line: Some(line),
            status,
            keys: Vec::new(),
            message,
        });
    }
}

/// Names of connections that every written file has.
const TAKEN: [&str; 2] = ["pbx", "default"];

enum Found<'p> {
    One(&'p Setting),
    /// With the nearest name.
    None(Option<&'p str>),
    Several(&'p Setting, Vec<String>),
}
