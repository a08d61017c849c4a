//! Protocol traces as files, one per connection, bounded in size (FEATURES C20).

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use calport_egress::{TraceLine, TraceSink};

/// Writes traces into a directory.
pub struct TraceFiles {
    directory: PathBuf,
    open: Mutex<HashMap<String, (File, u64)>>,
    largest: u64,
}

impl TraceFiles {
    /// Files below `directory`, each at most `largest` bytes: a full one becomes `NAME.log.old` and a new one begins.
    pub fn new(directory: PathBuf, largest: u64) -> Self {
        Self { directory, open: Mutex::default(), largest }
    }

    fn write(&self, line: &TraceLine) -> std::io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.directory.join(format!("{}.log", line.connection));
        let full = open.get(&line.connection).is_some_and(|(_, size)| *size > self.largest);
        if full {
            open.remove(&line.connection);
            std::fs::rename(&path, path.with_extension("log.old"))?;
        }
        let (file, size) = match open.entry(line.connection.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                std::fs::create_dir_all(&self.directory)?;
                let file = private().append(true).open(&path)?;
                let size = file.metadata()?.len();
                entry.insert((file, size))
            }
        };
        let text = format!("{} {} #{} {}\n", line.at, line.endpoint, line.request, line.text);
        *size += text.len() as u64;
        file.write_all(text.as_bytes())
    }
}

/// Options for a file that nobody else reads.
pub fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl TraceSink for TraceFiles {
    fn line(&self, line: TraceLine) {
        if let Err(error) = self.write(&line) {
            tracing::warn!(code = "trace-failed", connection = line.connection, %error, "a line of the protocol trace could not be written");
        }
    }
}
