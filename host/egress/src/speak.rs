//! One request on a connection of our own.
//!
//! Such answers come uncompressed: the connections are few and near, and the body passes on as it came.

use std::sync::Arc;

use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, USER_AGENT};
use http::{HeaderName, Method};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use url::Position;

use crate::chain;
use crate::client::AGENT;
use crate::error::{EgressError, Phase, SafeUrl};
use crate::line::{Line, Pool, Returning};
use crate::wire::{Call, Reply, Wire};

/// The head of an answer whose line still belongs to the asker.
pub(crate) struct Heard {
    pub(crate) response: http::Response<Incoming>,
    number: u64,
}

/// What came of a request.
pub(crate) enum Spoken {
    Answer(Heard),
    /// The server had closed the kept connection, and no byte of the request left.
    Stale,
}

impl Wire {
    /// Sends once over this line, with the scheme's header if it has one, and waits for the head of the answer.
    pub(crate) async fn speak(
        &self,
        line: &mut Line,
        call: &Call,
        credential: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Spoken, EgressError> {
        if timeout_at(call.deadline, line.sender.ready()).await.is_ok_and(|ready| ready.is_err()) && line.used {
            return Ok(Spoken::Stale);
        }
        let request = self.request(call, credential)?;
        let begun = self.begin(call, request.headers());
        let limit = call.deadline.min(Instant::now() + self.limits.first_byte);
        let result = match timeout_at(limit, line.sender.try_send_request(request)).await {
            Ok(Ok(response)) => Ok(Spoken::Answer(Heard { response, number: begun.number })),
            Ok(Err(mut refused)) => match refused.take_message() {
                Some(_) => Ok(Spoken::Stale),
                None => {
                    let detail = chain::innermost(refused.error());
                    Err(EgressError::Lost { url: SafeUrl::new(&call.url), detail, outcome: call.outcome() })
                }
            },
            Err(_) => Err(self.late(call, if limit == call.deadline { Phase::Total } else { Phase::FirstByte })),
        };
        match &result {
            Ok(Spoken::Answer(heard)) => self.answered(&begun, heard.response.status(), heard.response.headers()),
            Ok(Spoken::Stale) => {
                self.tracer.error(&self.endpoint.name, begun.number, &"the server had closed the connection; a new one is made")
            }
            Err(error) => self.tracer.error(&self.endpoint.name, begun.number, error),
        }
        line.used = true;
        result
    }

    /// Reads the small body of a challenge. `false`: the connection cannot be used again.
    pub(crate) async fn hear_out(&self, heard: Heard, line: &mut Line, call: &Call) -> bool {
        /// Larger pages cost more than a new connection.
        const WORTH_READING: usize = 64 * 1024;
        let closing = heard.response.headers().get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let mut body = http_body_util::Limited::new(heard.response.into_body(), WORTH_READING);
        loop {
            match timeout_at(call.deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => self.counters.received(frame.data_ref().map_or(0, bytes::Bytes::len)),
                Ok(None) => break,
                Ok(Some(Err(_))) | Err(_) => return false,
            }
        }
        !closing && timeout_at(call.deadline, line.sender.ready()).await.is_ok_and(|ready| ready.is_ok())
    }

    /// The answer for the caller; the line returns to its pool when the body was read.
    pub(crate) fn reply(&self, heard: Heard, line: Line, pool: &Arc<Pool>) -> Reply {
        let (head, body) = heard.response.into_parts();
        let body = reqwest::Body::wrap(Returning::new(body, Arc::clone(pool), line));
        Reply { response: http::Response::from_parts(head, body).into(), number: heard.number }
    }

    fn request(
        &self,
        call: &Call,
        credential: Option<(HeaderName, HeaderValue)>,
    ) -> Result<http::Request<Full<bytes::Bytes>>, EgressError> {
        let malformed = || EgressError::Malformed { what: "the URL or a header cannot be sent".to_owned() };
        // Host and port as they stand in the URL; a default port is not there.
        let host = HeaderValue::from_str(&call.url[Position::BeforeHost..Position::AfterPort]).map_err(|_| malformed())?;
        let target = &call.url[Position::BeforePath..Position::AfterQuery];
        let mut request = http::Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = target.parse().map_err(|_| malformed())?;
        let headers = request.headers_mut();
        *headers = call.headers.clone();
        headers.insert(HOST, host);
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        if !call.body.is_empty() || matches!(call.method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(call.body.len()));
        }
        if let Some((name, mut value)) = credential {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(request)
    }
}
