//! From a path to a checked configuration, or to everything that is wrong with it.

use std::fs::File as Handle;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use crate::check;
use crate::check_people;
use crate::config::{Config, File, schema};
use crate::csv_people;
use crate::diagnostic::{Diagnostic, Severity};
use crate::people::{People, PersonEntry};
use crate::shape;
use crate::source::Source;
use crate::texts;
use crate::tree::Document;

/// Largest `calport.toml`. 100,000 people written into it are under 32 MiB.
const MOST_BYTES: u64 = 64 << 20;
/// Largest CSV file: ten times as many people as one host serves.
const MOST_CSV_BYTES: u64 = 256 << 20;
/// More findings than anybody reads; a wrong column of a long CSV file gives one for each row.
pub(crate) const MOST_FINDINGS: usize = 200;

/// The published schema, made once: it is asked again at every reload.
static SCHEMA: LazyLock<Value> = LazyLock::new(schema);

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is perhaps not meant so.
    pub warnings: Vec<Diagnostic>,
    /// The place of everything in the file, for findings that come later, such as those of a connector's settings.
    pub document: Document,
}

impl Loaded {
    /// Compares the settings of a connection with the JSON Schema that its connector declares. Keywords that are not known here
    /// are passed over; the connector judges the settings again when it is opened.
    ///
    /// # Errors
    /// All mistakes, with their lines. Also when there is no such connection.
    pub fn check_settings(&self, connection: &str, schema: &Value) -> Result<(), Vec<Diagnostic>> {
        let pointer = crate::tree::child(&crate::tree::child("", "connections"), connection);
        let Some(section) = self.config.connections.get(connection) else {
            return Err(vec![self.document.report(&pointer, crate::Part::Key, format!("there is no connection `{connection}`"))]);
        };
        let settings = Value::Object(section.settings.clone());
        let mistakes = shape::check(schema, &settings, &crate::tree::child(&pointer, "settings")).mistakes;
        let mut found: Vec<Diagnostic> = mistakes.into_iter().map(|mistake| mistake.locate(&self.document)).collect();
        tidy(&mut found);
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

/// Reads and checks a file.
///
/// # Errors
/// Everything that is wrong with it, sorted by line; never empty, and at least one of [`Severity::Error`].
pub fn load(path: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    let text = read(path, MOST_BYTES, "start Calport with `--config FILE`, or write a new file with `calport init`")?;
    load_str(path, &text)
}

/// Checks a text as if it stood in a file; a CSV file that it names is read from the file's directory.
///
/// # Errors
/// As [`load`].
pub fn load_str(path: &Path, text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    let document = Document::parse(path, text).map_err(|mut found| {
        tidy(&mut found);
        found
    })?;
    let checked = shape::check(&SCHEMA, &document.value, "");
    let mut found: Vec<Diagnostic> = checked.mistakes.into_iter().map(|mistake| mistake.locate(&document)).collect();
    let mut usable = checked.usable.unwrap_or_default();
    let indexes = Indexes {
        flows: close_gaps(usable.pointer_mut("/flows")),
        persons: close_gaps(usable.pointer_mut("/people/person")),
        directories: close_gaps(usable.pointer_mut("/people/directories")),
    };
    texts::check(&document, &mut usable, &mut found);
    let file: File = match serde_json::from_value(usable) {
        Ok(file) => file,
        Err(error) => {
            // The schema let something pass that the types refuse: said without a line rather than not at all.
            found.push(document.report("", crate::Part::Value, format!("this configuration cannot be used: {error}")));
            tidy(&mut found);
            return Err(found);
        }
    };
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    let csv_path = file.people.csv.as_ref().map(|csv| directory.join(csv));
    let rows = read_csv(csv_path.as_deref(), &document, &mut found);
    let people = merged(csv_path, &file, rows.as_ref());
    check::host(&document, &file, &directory, &mut found);
    check::timing(&document, &file, &mut found);
    check::connections(&document, &file, &mut found);
    check::rules(&document, &file, &mut found);
    check_people::check(
        &check_people::Scope { document: &document, file: &file, indexes: &indexes, csv: rows.as_ref(), people: &people },
        &mut found,
    );
    tidy(&mut found);
    if found.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(found);
    }
    Ok(Loaded { config: file.finish(&directory, people), warnings: found, document })
}

/// For each element that was usable, its index in the file.
pub(crate) struct Indexes {
    pub flows: Vec<usize>,
    pub persons: Vec<usize>,
    pub directories: Vec<usize>,
}

/// Takes out the elements that are not usable.
fn close_gaps(list: Option<&mut Value>) -> Vec<usize> {
    let Some(Value::Array(elements)) = list else { return Vec::new() };
    let kept: Vec<usize> = elements.iter().enumerate().filter(|(_, element)| !element.is_null()).map(|(index, _)| index).collect();
    elements.retain(|element| !element.is_null());
    kept
}

fn merged(csv: Option<PathBuf>, file: &File, rows: Option<&csv_people::Table>) -> People {
    let from_csv = rows.into_iter().flat_map(|table| table.rows.iter().map(|(entry, _)| entry));
    let entries: Vec<PersonEntry> = file.people.person.iter().chain(from_csv).cloned().collect();
    People::new(csv, file.people.directories.clone(), entries, file.groups.clone())
}

fn read_csv(path: Option<&Path>, document: &Document, found: &mut Vec<Diagnostic>) -> Option<csv_people::Table> {
    let path = path?;
    match read(path, MOST_CSV_BYTES, "") {
        Ok(text) => {
            let mut table = csv_people::read(path, &text);
            found.append(&mut table.found);
            Some(table)
        }
        Err(unreadable) => {
            for finding in unreadable {
                let message = if finding.line > 0 { finding.to_string() } else { finding.message };
                found.push(document.report("/people/csv", crate::Part::Value, message));
            }
            None
        }
    }
}

fn read(path: &Path, most: u64, help: &str) -> Result<String, Vec<Diagnostic>> {
    let unreadable = |message: String| vec![Diagnostic::unreadable(path.to_owned(), message, help)];
    let mut bytes = Vec::new();
    Handle::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|error| unreadable(format!("{} cannot be read: {error}", path.display())))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > most) {
        return Err(unreadable(format!("{} is larger than {} MiB", path.display(), most >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let source = Source::unparsed(path, &shown);
        vec![Diagnostic::new(&source, valid..valid, "this is no UTF-8 text").with_help("save the file as UTF-8")]
    })
}

/// Sorts by place, drops what was found twice, warnings beside errors, and more than anybody reads.
fn tidy(found: &mut Vec<Diagnostic>) {
    found.sort_by(|a, b| (&a.file, a.span.start, a.severity as u8, &a.message).cmp(&(&b.file, b.span.start, b.severity as u8, &b.message)));
    found.dedup_by(|a, b| a.file == b.file && a.span == b.span && a.message == b.message);
    if found.iter().any(|finding| finding.severity == Severity::Error) {
        found.retain(|finding| finding.severity == Severity::Error);
    }
    let more = found.len().saturating_sub(MOST_FINDINGS);
    if more > 0 {
        found.truncate(MOST_FINDINGS);
        if let Some(last) = found.last_mut() {
            last.help = Some(format!("and {more} more findings, which are not shown"));
        }
    }
}
