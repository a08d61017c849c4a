//! What became of each setting.

use std::fmt;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// What became of a setting or a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The line cannot be used; the message says what was expected.
    Invalid,
    /// The line is no setting of the product.
    Unknown,
    /// Something has to be done by hand.
    ToDo,
    /// Calport does it in another way.
    Different,
    /// It stands in the configuration.
    TakenOver,
    /// It is not given: what the product does without it holds.
    Default,
    /// Calport does not need it.
    NotNeeded,
}

impl Status {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 7] = [Self::Invalid, Self::Unknown, Self::ToDo, Self::Different, Self::TakenOver, Self::Default, Self::NotNeeded];

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::ToDo => "to do",
            Self::Different => "different",
            Self::TakenOver => "taken over",
            Self::Default => "default",
            Self::NotNeeded => "not needed",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Invalid => "not used: correct the form, or the written file",
            Self::Unknown => "not used: no setting of this product",
            Self::ToDo => "to be done by hand",
            Self::Different => "Calport does this in another way",
            Self::TakenOver => "stands in the configuration",
            Self::Default => "not given: as the product does it by itself",
            Self::NotNeeded => "Calport does not need it",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// One setting, one line, or one thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The connection it belongs to, where the form has several.
    pub connection: Option<String>,
    /// The part of the settings.
    pub section: Option<String>,
    /// The setting, by the product's name.
    pub setting: Option<String>,
    /// The line of the form, from 1; `None`: it is not given.
    pub line: Option<usize>,
    /// What became of it.
    pub status: Status,
    /// The keys of the configuration with their values, `key = value`.
    pub keys: Vec<String>,
    /// What is to be said about it; may be empty.
    pub message: String,
}

/// What became of everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The product, by its name for `--from`.
    pub from: String,
    /// The product's name for people.
    pub title: String,
    /// The encoding of the form, if it is not UTF-8: letters beyond ASCII may have been read wrongly.
    pub encoding: Option<String>,
    /// All rows.
    pub rows: Vec<Row>,
    /// Lines that cannot be used beside those that are told.
    pub further_lines: usize,
}

impl Report {
    /// How many rows have a status.
    pub fn count(&self, status: Status) -> usize {
        self.rows.iter().filter(|row| row.status == status).count()
    }

    /// Whether lines of the form could not be used.
    pub fn has_problems(&self) -> bool {
        self.count(Status::Invalid) + self.count(Status::Unknown) + self.further_lines > 0
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = format!("Import of the settings of {}\n", self.title);
        if let Some(encoding) = &self.encoding {
            // Writing to a string cannot fail; the results say so.
            let _ = writeln!(text, "The form was read as {encoding}; look whether letters with accents are right, or save it as UTF-8.");
        }
        for status in Status::ALL {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.status == status).collect();
            if rows.is_empty() {
                continue;
            }
            let _ = writeln!(text, "\n{} ({})", status.title().to_uppercase(), status.about());
            for alike in rows.chunk_by(|a, b| a.is_like(b)) {
                write(&mut text, alike);
            }
            if status == Status::Invalid && self.further_lines > 0 {
                let _ = writeln!(text, "  and {} more lines that cannot be used", self.further_lines);
            }
        }
        let counts = Status::ALL.into_iter().map(|status| (self.count(status), status)).filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, status)| format!("{count} {status}")).collect();
        let _ = writeln!(text, "\n{}", counts.join(", "));
        text
    }
}

impl Row {
    /// Whether it says the same of another setting that is not given either.
    fn is_like(&self, other: &Self) -> bool {
        let nothing = |row: &Self| row.line.is_none() && row.keys.is_empty() && row.section.is_some();
        let same = self.connection == other.connection && self.section == other.section && self.message == other.message;
        nothing(self) && nothing(other) && same
    }
}

/// Rows that say the same, for people.
fn write(text: &mut String, alike: &[&Row]) {
    let Some(row) = alike.first() else { return };
    let line = row.line.map(|line| format!("line {line}"));
    let connection = row.connection.as_ref().map(|name| format!("connection {name}"));
    let names: Vec<&str> = alike.iter().filter_map(|row| row.setting.as_deref()).collect();
    let name = match &row.section {
        Some(section) => Some(format!("[{section}] {}", names.join(", "))),
        None => (!names.is_empty()).then(|| names.join(", ")),
    };
    let heading: Vec<String> = [line, connection, name].into_iter().flatten().collect();
    // Writing to a string cannot fail; the results say so.
    let _ = writeln!(text, "  {}", heading.join(", "));
    for key in &row.keys {
        let _ = writeln!(text, "      {key}");
    }
    if !row.message.is_empty() {
        let _ = writeln!(text, "      {}", row.message);
    }
}
