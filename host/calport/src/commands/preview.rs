//! `calport preview`

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use calport_web::control::PreviewWish;

use crate::cli::Preview;
use crate::exit::{Exit, Failure, Outcome};
use crate::preview::{self, Line};

use super::control::{client, failure};
use super::{say, say_json};

/// Runs the command.
pub async fn run(json: bool, options: Preview) -> Outcome {
    let draft = options.draft.as_deref().map(absolute).transpose()?;
    let wish = PreviewWish {
        person: options.person.clone(),
        days: Some(options.days),
        config: draft.as_ref().map(|path| path.to_string_lossy().into_owned()),
    };
    let mut lines = client(&options.file, json)?.preview(&wish).await.map_err(failure)?;
    let mut told = Told { json, all: options.all, draft: draft.is_some(), progress: Progress::new(), first: true };
    while let Some(line) = lines.next().await.map_err(failure)? {
        let line: Line = serde_json::from_str(&line).map_err(|error| {
            Failure::new(Exit::Failed, format!("the running service previews in another form ({error}); start it again with this version"))
        })?;
        if told.line(line)? {
            return Ok(());
        }
    }
    Err(Failure::new(Exit::Failed, "the service ended before the preview was whole; see whether it still runs, and its log"))
}

/// The whole path of a draft: the service has a directory of its own.
fn absolute(draft: &Path) -> Result<PathBuf, Failure> {
    let failed = |why: String| Failure::new(Exit::Failed, format!("the draft {} cannot be used: {why}", draft.display()));
    let path = std::path::absolute(draft).map_err(|error| failed(error.to_string()))?;
    match std::fs::metadata(&path) {
        Ok(data) if data.is_file() => Ok(path),
        Ok(_) => Err(failed("it is no file".to_owned())),
        Err(error) => Err(failed(format!("{error}; see whether the path is right"))),
    }
}

struct Told {
    json: bool,
    all: bool,
    draft: bool,
    progress: Progress,
    first: bool,
}

impl Told {
    /// Tells a line; true when it is the last one.
    fn line(&mut self, line: Line) -> Result<bool, Failure> {
        match &line {
            Line::Progress { done, total } => {
                self.progress.show(*done, *total);
                return Ok(false);
            }
            Line::Refused { text, diagnostics } => {
                self.progress.clear();
                if self.json {
                    say_json(diagnostics)?;
                    return Err(Failure::said(Exit::Configuration));
                }
                return Err(Failure::new(Exit::Configuration, text));
            }
            Line::Failed { error, remedy } => {
                self.progress.clear();
                return Err(Failure::new(Exit::Failed, format!("{error}; {remedy}")));
            }
            Line::Head(_) | Line::Person(_) | Line::Summary(_) => {}
        }
        let last = matches!(line, Line::Summary(_));
        self.progress.clear();
        if self.json {
            match line {
                // One person is one object, as other commands print it.
                Line::Person(person) if !self.all => say_json(&person)?,
                line if self.all => say(serde_json::to_string(&line)?),
                _ => {}
            }
            return Ok(last);
        }
        let text = match &line {
            Line::Head(head) => preview::head(head),
            Line::Person(person) => {
                let text = preview::person(person);
                if std::mem::take(&mut self.first) { text } else { format!("\n{text}") }
            }
            Line::Summary(summary) if self.all => format!("\n{}", preview::summary(summary, self.draft)),
            _ => String::new(),
        };
        if !text.is_empty() {
            say(text);
        }
        Ok(last)
    }
}

/// How far the work is, on standard error: one line that is written over in a terminal, else a line for each tenth.
struct Progress {
    terminal: bool,
    shown: bool,
    tenth: usize,
}

impl Progress {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), shown: false, tenth: 0 }
    }

    fn show(&mut self, done: usize, total: usize) {
        let tenth = done.saturating_mul(10) / total.max(1);
        let mut out = std::io::stderr();
        if self.terminal {
            let _ = write!(out, "\r{done} of {total} people");
            let _ = out.flush();
            self.shown = true;
        } else if tenth > self.tenth {
            self.tenth = tenth;
            let _ = writeln!(out, "{done} of {total} people");
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
