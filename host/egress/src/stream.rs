//! Answers whose body is read piece by piece.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::auth::Turn;
use crate::error::{EgressError, Outcome, Phase, SafeUrl};
use crate::trace::CounterCells;
use crate::wire::body_error;

/// What one read of a streamed body gave.
#[derive(Clone, PartialEq, Eq)]
pub enum StreamRead {
    /// Some bytes, at least one.
    Data(Bytes),
    /// Nothing came in the time the caller was willing to wait; the stream is still open.
    Quiet,
    /// The body is complete.
    End,
}

impl fmt::Debug for StreamRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(bytes) => write!(f, "Data({} bytes)", bytes.len()),
            Self::Quiet => f.write_str("Quiet"),
            Self::End => f.write_str("End"),
        }
    }
}

/// Everything that is given back when a stream ends.
pub(crate) struct Held {
    pub(crate) response: reqwest::Response,
    pub(crate) _slot: OwnedSemaphorePermit,
    pub(crate) _turn: Turn,
}

/// An open answer. It occupies one of the connection's request slots, and its session, until it ends or is dropped; a stream of
/// events occupies a place among the streams only.
pub struct StreamedResponse {
    /// The status.
    pub status: StatusCode,
    /// Headers as for [`crate::Response`].
    pub headers: HeaderMap,
    /// As for [`crate::Response`].
    pub stopped_for: Option<Duration>,
    pub(crate) held: Option<Held>,
    pub(crate) rest: Bytes,
    pub(crate) url: SafeUrl,
    pub(crate) outcome: Outcome,
    pub(crate) between: Duration,
    pub(crate) last_byte: Instant,
    pub(crate) counters: Arc<CounterCells>,
}

impl StreamedResponse {
    /// Reads the next piece of at most `most` bytes, waiting at most `wait`. A stream has no limit on its whole length, because
    /// event streams do not end; each piece is bounded, and silence longer than `between_bytes`, or
    /// than the request's `quiet`, is an error.
    ///
    /// # Errors
    /// [`EgressError::TimedOut`], [`EgressError::Lost`] or [`EgressError::Invalid`]; the stream is closed then.
    pub async fn read(&mut self, most: usize, wait: Duration) -> Result<StreamRead, EgressError> {
        if self.rest.is_empty() {
            let Some(held) = self.held.as_mut() else { return Ok(StreamRead::End) };
            let silent = self.last_byte + self.between;
            let patience = Instant::now() + wait;
            let result = timeout_at(patience.min(silent), held.response.chunk()).await;
            match result {
                Ok(Ok(Some(chunk))) => {
                    self.counters.received(chunk.len());
                    self.last_byte = Instant::now();
                    self.rest = chunk;
                }
                Ok(Ok(None)) => self.close(),
                Ok(Err(error)) => {
                    self.close();
                    return Err(body_error(&error, self.url.clone(), self.outcome));
                }
                Err(_) if Instant::now() < silent => return Ok(StreamRead::Quiet),
                Err(_) => {
                    self.close();
                    let (url, outcome) = (self.url.clone(), self.outcome);
                    return Err(EgressError::TimedOut { url, phase: Phase::BetweenBytes, after: self.between, outcome });
                }
            }
        }
        let piece = self.rest.split_to(most.max(1).min(self.rest.len()));
        Ok(match (piece.is_empty(), self.held.is_some()) {
            (false, _) => StreamRead::Data(piece),
            (true, true) => StreamRead::Quiet,
            (true, false) => StreamRead::End,
        })
    }

    /// Ends the stream and frees its slot; what is unread is dropped with the connection.
    pub fn close(&mut self) {
        self.held = None;
    }
}

impl fmt::Debug for StreamedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamedResponse({}, {})", self.status.as_u16(), if self.held.is_some() { "open" } else { "closed" })
    }
}
