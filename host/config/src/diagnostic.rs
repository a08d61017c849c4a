//! A mistake in a file: where it is, what was expected, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde::Serialize;

use crate::source::Source;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but perhaps not as meant.
    Warning,
}

/// A finding in `calport.toml` or in a file that it names.
///
/// Texts of secrets never appear in it: they are covered in every quoted line.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether the file can be used in spite of it.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// The column in characters, from 1; 0 when the file could not be read at all.
    pub column: usize,
    /// The byte range in the file.
    pub span: Range<usize>,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to do about it, with the nearest valid name if there is one.
    pub help: Option<String>,
    #[serde(skip)]
    source: Option<Arc<Source>>,
}

impl Diagnostic {
    pub(crate) fn new(source: &Arc<Source>, span: Range<usize>, message: impl Into<String>) -> Self {
        let (line, column) = source.position(span.start);
        Self {
            severity: Severity::Error,
            file: source.path.clone(),
            line,
            column,
            span,
            message: message.into(),
            help: None,
            source: Some(Arc::clone(source)),
        }
    }

    /// A file that could not be read.
    pub(crate) fn unreadable(file: PathBuf, message: String, help: &str) -> Self {
        Self { severity: Severity::Error, file, line: 0, column: 0, span: 0..0, message, help: Some(help.to_owned()), source: None }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The finding with the lines around it: in colour and with line drawing if `fancy`, else in plain ASCII.
    #[must_use]
    pub fn render(&self, fancy: bool) -> String {
        let theme = if fancy { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(120).with_context_lines(1).with_links(false);
        let mut text = String::new();
        match handler.render_report(&mut text, &Report::of(self)) {
            Ok(()) => text,
            Err(fmt::Error) => format!("{self}\n"),
        }
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: what is wrong. What to do.`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Diagnostic {}

/// All findings, one after the other.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], fancy: bool) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(fancy)).collect::<Vec<_>>().join("\n")
}

/// All findings as a JSON array, for `--json`.
#[must_use]
pub fn to_json(diagnostics: &[Diagnostic]) -> serde_json::Value {
    serde_json::to_value(diagnostics).unwrap_or_default()
}

/// What miette draws. A position inside a covered text still stands at the right place.
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    message: String,
    source: Option<NamedSource<String>>,
}

impl<'a> Report<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        let place = if diagnostic.line > 0 { format!(":{}:{}", diagnostic.line, diagnostic.column) } else { String::new() };
        let message = format!("{}{place}: {}", diagnostic.file.display(), diagnostic.message);
        let source = diagnostic.source.as_ref().map(|s| NamedSource::new(s.path.display().to_string(), s.shown().to_owned()));
        Self { diagnostic, message, source }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, self.diagnostic.span.clone()))))
    }
}
