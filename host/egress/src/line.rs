//! Connections of our own, for schemes that log in a connection and not a request (SEMANTICS B-47).
//!
//! Promise: a line speaks HTTP/1.1, carries one request at a time, and belongs to one credential as long as it lives, because
//! the pool it returns to does. It returns only when its answer was read to the end; an abandoned answer closes it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

/// Idle lines are closed after this time; common servers close theirs after two minutes.
const IDLE: Duration = Duration::from_secs(50);

/// One connection to the server.
pub(crate) struct Line {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    /// What a login over it is bound to: the server's certificate. `None` without TLS or where nothing is defined.
    pub(crate) binding: Option<Vec<u8>>,
    /// The server knows who speaks on it.
    pub(crate) logged_in: bool,
    /// It has carried an answer before.
    pub(crate) used: bool,
    idle_since: Instant,
}

impl Line {
    pub(crate) fn new(sender: SendRequest<Full<Bytes>>, binding: Option<Vec<u8>>) -> Self {
        Self { sender, binding, logged_in: false, used: false, idle_since: Instant::now() }
    }
}

/// The idle lines of one credential at one endpoint. How many there are is bounded by the requests in flight.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Line>>,
}

impl Pool {
    /// The line that was used last, since servers close the others first.
    pub(crate) fn take(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|line| !line.sender.is_closed() && line.idle_since.elapsed() < IDLE);
        idle.pop()
    }

    /// Takes a line back.
    pub(crate) fn put(&self, mut line: Line) {
        line.idle_since = Instant::now();
        line.used = true;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Closes what is idle, because the credential is no longer good.
    pub(crate) fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// An answer's body that gives its line back when it was read to the end.
pub(crate) struct Returning {
    body: Incoming,
    home: Option<(Arc<Pool>, Line)>,
}

impl Returning {
    pub(crate) fn new(body: Incoming, pool: Arc<Pool>, line: Line) -> Self {
        let mut made = Self { body, home: Some((pool, line)) };
        if made.body.is_end_stream() {
            made.give_back();
        }
        made
    }

    fn give_back(&mut self) {
        if let Some((pool, line)) = self.home.take() {
            pool.put(line);
        }
    }
}

impl Body for Returning {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Err(_)) => self.home = None,
            None => self.give_back(),
            Some(Ok(_)) if self.body.is_end_stream() => self.give_back(),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
