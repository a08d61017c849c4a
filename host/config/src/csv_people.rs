//! People from a CSV file: UTF-8, a header, comma or semicolon, `|` between the elements of lists.
//!
//! Columns: `id`, `name`, `address`, `other_addresses`, `mailbox`, `user`, `zone`, `language`, `vip`, `active`, `groups`, `rules`, `sink`,
//! `calendars`, and `user:CONNECTION` and `mailbox:CONNECTION` for single connections. An empty cell says nothing, so a weaker source may fill it.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::diagnostic::Diagnostic;
use crate::formats;
use crate::nearest::suggest;
use crate::people::{Calendar, PersonEntry};
use crate::source::Source;

/// Between the elements of a list in one cell.
const BETWEEN: char = '|';

const COLUMNS: [&str; 16] = [
    "id",
    "name",
    "address",
    "other_addresses",
    "mailbox",
    "user",
    "zone",
    "language",
    "vip",
    "active",
    "groups",
    "rules",
    "sink",
    "calendars",
    "user:CONNECTION",
    "mailbox:CONNECTION",
];

/// The rows of a file.
pub(crate) struct Table {
    pub source: Arc<Source>,
    /// Each person with the bytes of the row.
    pub rows: Vec<(PersonEntry, Range<usize>)>,
    /// The connections that the header names.
    pub connections: Vec<String>,
    /// The bytes of the header.
    pub header: Range<usize>,
    pub found: Vec<Diagnostic>,
}

/// Reads a text. Rows with a mistake are left out and reported.
pub(crate) fn read(path: &Path, text: &str) -> Table {
    let source = Source::new(path, text, &[]);
    let skipped = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let text = text.get(skipped..).unwrap_or_default();
    let first_line = text.lines().next().unwrap_or_default();
    let delimiter = if first_line.contains(';') && !first_line.contains(',') { b';' } else { b',' };
    let mut reader = ReaderBuilder::new().delimiter(delimiter).trim(Trim::All).flexible(true).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(_) => StringRecord::new(),
    };
    let mut table = Table {
        source,
        rows: Vec::new(),
        connections: Vec::new(),
        header: skipped..skipped.saturating_add(first_line.len()),
        found: Vec::new(),
    };
    if !table.accept_header(&header) {
        return table;
    }
    for record in reader.records() {
        match record {
            Ok(record) => {
                let start = record.position().and_then(|p| usize::try_from(p.byte()).ok()).unwrap_or(0);
                let start = start.saturating_add(leading_line_ends(text, start));
                let length = text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
                let start = start.saturating_add(skipped);
                table.accept_row(&header, &record, start..start.saturating_add(length));
            }
            Err(error) => table.report(skipped..skipped, format!("this is no valid CSV: {error}")),
        }
    }
    table
}

/// The reader counts a record from the end of the one before it, blank lines included.
fn leading_line_ends(text: &str, start: usize) -> usize {
    text.get(start..).map_or(0, |rest| rest.bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).count())
}

impl Table {
    fn report(&mut self, span: Range<usize>, message: String) {
        self.found.push(Diagnostic::new(&self.source, span, message));
    }

    fn accept_header(&mut self, header: &StringRecord) -> bool {
        let span = self.header.clone();
        let before = self.found.len();
        let mut seen = HashSet::new();
        for name in header {
            let known = COLUMNS.contains(&name) && !name.contains("CONNECTION");
            let connection = ["user:", "mailbox:"].iter().find_map(|start| name.strip_prefix(start)).filter(|rest| !rest.is_empty());
            self.connections.extend(connection.map(str::to_owned));
            if !known && connection.is_none() {
                let mut diagnostic = Diagnostic::new(&self.source, span.clone(), format!("unknown column `{}`", shortened(name)));
                diagnostic.help = suggest(name, COLUMNS);
                self.found.push(diagnostic);
            } else if !seen.insert(name) {
                self.report(span.clone(), format!("the column `{name}` stands here twice"));
            }
        }
        if !seen.contains("id") && !seen.contains("address") && self.found.len() == before {
            self.report(span, "expected a header with a column `id` or `address`".to_owned());
        }
        self.found.len() == before
    }

    fn accept_row(&mut self, header: &StringRecord, record: &StringRecord, span: Range<usize>) {
        let before = self.found.len();
        if record.len() > header.len() {
            self.report(span.clone(), format!("expected at most {} cells, as in the header, found {}", header.len(), record.len()));
        }
        let mut entry = PersonEntry::default();
        for (column, cell) in header.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
            if let Err((message, help)) = set(&mut entry, column, cell) {
                let mut diagnostic = Diagnostic::new(&self.source, span.clone(), format!("column `{column}`: {message}"));
                diagnostic.help = help;
                self.found.push(diagnostic);
            }
        }
        if entry.id().is_none() && self.found.len() == before {
            self.report(span.clone(), "this row has neither `id` nor `address`".to_owned());
        }
        if self.found.len() == before {
            self.rows.push((entry, span));
        }
    }
}

fn set(entry: &mut PersonEntry, column: &str, cell: &str) -> Result<(), formats::Refusal> {
    let own = || Some(cell.to_owned());
    let list = || Some(cell.split(BETWEEN).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>());
    let format = match column {
        "address" | "other_addresses" => Some(formats::MAIL),
        "id" => Some(formats::PERSON),
        "zone" => Some(formats::ZONE),
        "language" => Some(formats::LANGUAGE),
        "rules" | "sink" => Some(formats::NAME),
        "calendars" => Some(formats::CALENDAR),
        _ => None,
    };
    if let Some(format) = format {
        let parts = if matches!(column, "other_addresses" | "calendars") { list() } else { own().map(|cell| vec![cell]) };
        parts.unwrap_or_default().iter().try_for_each(|part| formats::check(format, part))?;
    }
    match column {
        "id" => entry.id = own(),
        "name" => entry.name = own(),
        "address" => entry.address = own(),
        "other_addresses" => entry.other_addresses = list(),
        "mailbox" => entry.mailbox = own(),
        "user" => entry.user = own(),
        "zone" => entry.zone = own(),
        "language" => entry.language = own(),
        "vip" => entry.vip = Some(truth(cell)?),
        "active" => entry.active = Some(truth(cell)?),
        "groups" => entry.groups = list(),
        "rules" => entry.rules = own(),
        "sink" => entry.sink = own(),
        "calendars" => entry.calendars = list().map(|addresses| addresses.into_iter().map(Calendar::at_source).collect()),
        other => {
            if let Some(connection) = other.strip_prefix("user:") {
                entry.users.insert(connection.to_owned(), cell.to_owned());
            } else if let Some(connection) = other.strip_prefix("mailbox:") {
                entry.mailboxes.insert(connection.to_owned(), cell.to_owned());
            }
        }
    }
    Ok(())
}

fn truth(cell: &str) -> Result<bool, formats::Refusal> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(("expected `true` or `false`".to_owned(), None)),
    }
}

/// Headers of a file that is no CSV at all may be long.
fn shortened(name: &str) -> String {
    name.chars().take(60).collect()
}
