//! What a connector writes reaches the administrator's log, bounded in number and length and stripped of everything that
//! could steer a terminal or forge a line.
//!
//! Lines go to `tracing` under the target `plugin` with the fields `connection` and `plugin`. A connector never has a
//! credential, so none can be in its lines.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use calport_model::Clock;
use jiff::Timestamp;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::cost::Cost;
use crate::limits::Limits;

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Lines may come ahead of their rate by as much as ten seconds bring.
const BURST_SECONDS: u32 = 10;
/// Fields of one line; the rest is left out.
const FIELDS: usize = 16;

/// The log of one connection.
pub(crate) struct GuestLog {
    connection: String,
    plugin: String,
    clock: Arc<dyn Clock>,
    cost: Arc<Cost>,
    rate: u32,
    line: usize,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    lines: f64,
    filled: Timestamp,
    left_out: u64,
}

impl GuestLog {
    pub(crate) fn new(connection: &str, plugin: &str, clock: Arc<dyn Clock>, cost: Arc<Cost>, limits: &Limits) -> Self {
        let bucket = Bucket { lines: f64::from(limits.log_lines * BURST_SECONDS), filled: clock.now(), left_out: 0 };
        Self {
            connection: connection.to_owned(),
            plugin: plugin.to_owned(),
            clock,
            cost,
            rate: limits.log_lines,
            line: limits.log_line,
            bucket: Mutex::new(bucket),
        }
    }

    /// Writes a line, or counts it if there were too many.
    pub(crate) fn write(&self, level: Level, message: &str, fields: &[(String, String)]) {
        let Some(left_out) = self.admit() else {
            self.cost.line_left_out();
            return;
        };
        if left_out > 0 {
            self.emit(Level::Warn, &format!("{left_out} lines were left out: more than {} a second", self.rate), "");
        }
        let mut texts = String::new();
        for (name, value) in fields.iter().take(FIELDS) {
            if texts.len() >= self.line {
                break;
            }
            let _ = write!(texts, "{}{}={}", if texts.is_empty() { "" } else { " " }, clean(name, 64), clean(value, 256));
        }
        self.emit(level, &clean(message, self.line), &clean(&texts, self.line));
    }

    /// Takes a line from the bucket; the number of lines left out since the last one that was taken.
    fn admit(&self) -> Option<u64> {
        let now = self.clock.now();
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.duration_since(bucket.filled).as_secs_f64().max(0.0);
        bucket.filled = now;
        bucket.lines = elapsed.mul_add(f64::from(self.rate), bucket.lines).min(f64::from(self.rate * BURST_SECONDS));
        if bucket.lines < 1.0 {
            bucket.left_out += 1;
            return None;
        }
        bucket.lines -= 1.0;
        Some(std::mem::take(&mut bucket.left_out))
    }

    fn emit(&self, level: Level, message: &str, fields: &str) {
        let (connection, plugin) = (self.connection.as_str(), self.plugin.as_str());
        match level {
            Level::Debug => tracing::debug!(target: "plugin", connection, plugin, fields, "{message}"),
            Level::Info => tracing::info!(target: "plugin", connection, plugin, fields, "{message}"),
            Level::Warn => tracing::warn!(target: "plugin", connection, plugin, fields, "{message}"),
            Level::Error => tracing::error!(target: "plugin", connection, plugin, fields, "{message}"),
        }
    }
}

/// Cuts a text to a number of bytes on a character boundary, with an ellipsis behind the cut, and takes out what could steer a terminal: control
/// characters become blanks, marks that reorder text are dropped.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let mut cleaned = String::with_capacity(text.len().min(limit));
    for character in text.chars() {
        let character = match character {
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => continue,
            '\u{2028}' | '\u{2029}' => ' ',
            other if other.is_control() => ' ',
            other => other,
        };
        if cleaned.len() + character.len_utf8() > limit {
            cleaned.push('…');
            break;
        }
        cleaned.push(character);
    }
    cleaned
}

/// A guest's standard output or error: whole lines go to its log.
#[derive(Clone)]
pub(crate) struct LineStream {
    log: Arc<GuestLog>,
    level: Level,
    pending: Arc<Mutex<Vec<u8>>>,
}

impl LineStream {
    pub(crate) fn new(log: Arc<GuestLog>, level: Level) -> Self {
        Self { log, level, pending: Arc::default() }
    }

    fn take(&self, bytes: &[u8]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = self.log.line.saturating_sub(pending.len());
            pending.extend(piece.iter().take(room).filter(|byte| **byte != b'\n'));
            if piece.ends_with(b"\n") {
                self.write_out(&mut pending);
            }
        }
    }

    fn write_out(&self, pending: &mut Vec<u8>) {
        let line = std::mem::take(pending);
        let line = String::from_utf8_lossy(&line);
        if !line.trim().is_empty() {
            self.log.write(self.level, &line, &[]);
        }
    }
}

impl Drop for LineStream {
    fn drop(&mut self) {
        if Arc::strong_count(&self.pending) == 1 {
            let mut pending = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
            self.write_out(&mut pending);
        }
    }
}

impl IsTerminal for LineStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LineStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for LineStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LineStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use calport_model::ManualClock;

    use super::*;

    #[test]
    fn feat_x02_a_line_cannot_steer_a_terminal_or_forge_another_line() {
        assert_eq!(clean("a\nb\u{1b}[31mc\u{202e}d\u{0}", 100), "a b [31mcd ");
        assert_eq!(clean("äöü", 4), "äö…");
    }

    #[test]
    fn feat_x02_a_flood_of_lines_is_counted_and_left_out() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let cost = Arc::new(Cost::default());
        let limits = Limits { log_lines: 2, ..Limits::default() };
        let log = GuestLog::new("pbx", "sink", clock.clone(), cost.clone(), &limits);
        for _ in 0..100 {
            log.write(Level::Info, "again", &[]);
        }
        assert_eq!(cost.snapshot().log_lines_left_out, 80);
        clock.advance(Duration::from_secs(1));
        assert_eq!(log.admit(), Some(80));
    }

    #[test]
    fn feat_x02_a_line_without_an_end_is_bounded() {
        let limits = Limits { log_line: 10, ..Limits::default() };
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let log = Arc::new(GuestLog::new("pbx", "sink", clock, Arc::default(), &limits));
        let stream = LineStream::new(log, Level::Warn);
        stream.take(&[b'x'; 1 << 20]);
        assert_eq!(stream.pending.lock().unwrap().len(), 10);
    }
}
