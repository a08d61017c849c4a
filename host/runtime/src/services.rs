//! What a connector may call: `http`, `dns` and `log` of the WIT package.

use std::time::Duration;

use bytes::Bytes;

use crate::bindings::imports::{common, dns, http, log};
use crate::convert::error::item_error;
use crate::dns::SrvError;
use crate::gate::{HttpError, HttpRequest};
use crate::guest_log::Level;
use crate::state::{OpenBody, State};

/// The longest that one `read-body` waits; a guest that wants to wait longer asks again.
const READ_WAIT: Duration = Duration::from_secs(30);
/// Bytes of one piece of a body, as the WIT package says.
const PIECE: usize = 64 << 10;
/// The longest wait for an answer that a guest may ask for.
const ANSWER_WAIT: Duration = Duration::from_secs(120);
/// The longest silence of a streamed body that a guest may ask for.
const QUIET: Duration = Duration::from_secs(300);

impl http::Host for State {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        let answer = self.outlet.send(from_guest(request)).await;
        Ok(answer
            .map(|answer| http::Response { status: answer.status, headers: answer.headers, body: answer.body.into() })
            .map_err(to_guest))
    }

    async fn open(&mut self, request: http::Request) -> wasmtime::Result<Result<http::StreamedResponse, http::HttpError>> {
        let limit = self.services.limits.open_bodies;
        if self.bodies.len() >= limit {
            return Ok(Err(http::HttpError::Invalid(format!("{limit} bodies are open already: close one with `close-body`"))));
        }
        let (stream, _flight) = match self.outlet.open(from_guest(request)).await {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(to_guest(error))),
        };
        self.last_body = self.last_body.wrapping_add(1);
        self.bodies.insert(self.last_body, OpenBody { body: stream.body, rest: Bytes::new(), received: 0 });
        Ok(Ok(http::StreamedResponse { status: stream.status, headers: stream.headers, body: self.last_body }))
    }

    async fn read_body(&mut self, body: u32, timeout: u32) -> wasmtime::Result<Result<Option<Vec<u8>>, http::HttpError>> {
        let Some(open) = self.bodies.get_mut(&body) else {
            return Ok(Err(http::HttpError::Invalid(format!("no body {body} is open"))));
        };
        if open.rest.is_empty() {
            let wait = Duration::from_millis(timeout.into()).min(READ_WAIT);
            let flight = self.outlet.flights.enter(true, usize::MAX);
            let piece = tokio::time::timeout(wait, open.body.next()).await;
            drop(flight);
            open.rest = match piece {
                Err(_) => return Ok(Ok(None)),
                Ok(Ok(None)) => return Ok(Ok(Some(Vec::new()))),
                Ok(Ok(Some(piece))) => piece,
                Ok(Err(error)) => return Ok(Err(to_guest(error))),
            };
            match self.outlet.receive(open.rest.len(), open.received) {
                Ok(received) => open.received = received,
                Err(error) => {
                    self.bodies.remove(&body);
                    return Ok(Err(to_guest(error)));
                }
            }
            if open.rest.is_empty() {
                return Ok(Ok(None));
            }
        }
        let piece = open.rest.split_to(open.rest.len().min(PIECE));
        Ok(Ok(Some(piece.into())))
    }

    async fn close_body(&mut self, body: u32) -> wasmtime::Result<()> {
        self.bodies.remove(&body);
        Ok(())
    }
}

fn from_guest(request: http::Request) -> HttpRequest {
    HttpRequest {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body.map(Bytes::from),
        identity: request.identity,
        session: request.session,
        scope: request.scope,
        safe_to_repeat: request.safe_to_repeat,
        timeout: request.timeout.map(|milliseconds| Duration::from_millis(milliseconds.into()).min(ANSWER_WAIT)),
        quiet: request.quiet.map(|milliseconds| Duration::from_millis(milliseconds.into()).min(QUIET)),
        anonymous: request.anonymous,
    }
}

fn to_guest(error: HttpError) -> http::HttpError {
    match error {
        HttpError::Denied(rule) => http::HttpError::Denied(rule),
        HttpError::Throttled(wait) => http::HttpError::Throttled(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        HttpError::Unauthorized(reason) => http::HttpError::Unauthorized(reason),
        HttpError::Unreachable(reason) => http::HttpError::Unreachable(reason),
        HttpError::OutcomeUnknown(reason) => http::HttpError::OutcomeUnknown(reason),
        HttpError::TooLarge(limit) => http::HttpError::TooLarge(limit),
        HttpError::Invalid(reason) => http::HttpError::Invalid(reason),
    }
}

impl dns::Host for State {
    async fn srv(&mut self, name: String) -> wasmtime::Result<Result<Vec<dns::SrvRecord>, common::Error>> {
        self.lookups = self.lookups.saturating_add(1);
        if self.lookups > self.services.limits.lookups {
            let message = format!("more than {} service lookups in one call", self.services.limits.lookups);
            return Ok(Err(item_error(common::ErrorKind::Refused("lookups".to_owned()), message)));
        }
        let name = match crate::dns::check(&name, &self.services.discovery_domains) {
            Ok(name) => name,
            Err(reason) => return Ok(Err(item_error(common::ErrorKind::Refused("discovery".to_owned()), reason))),
        };
        Ok(match self.services.lookup.srv(name.clone()).await {
            Ok(mut records) => {
                crate::dns::order(&mut records);
                Ok(records.into_iter().map(record).collect())
            }
            Err(error @ SrvError::None) => Err(item_error(common::ErrorKind::NotFound, format!("{name}: {error}"))),
            Err(error @ SrvError::Failed(_)) => Err(item_error(common::ErrorKind::Unavailable, format!("{name}: {error}"))),
        })
    }
}

fn record(record: crate::dns::SrvRecord) -> dns::SrvRecord {
    dns::SrvRecord { priority: record.priority, weight: record.weight, port: record.port, target: record.target }
}

impl log::Host for State {
    async fn write(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.services.log.write(level, &message, &fields);
        Ok(())
    }
}

impl common::Host for State {}
