//! The gate of a connector: the egress of its connection, paced as configured.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use calport_egress::{Blame, Connection, Discovery, EgressError, Request, StreamRead, StreamedResponse, headers_from_pairs};
use calport_runtime::{HttpBody, HttpError, HttpGate, HttpRequest, HttpResponse, HttpStream};
use futures::future::BoxFuture;
use tokio::time::Instant;

/// Bytes of one piece of a streamed body.
const PIECE: usize = 64 * 1024;
/// How long one look at a silent stream takes.
const LOOK: Duration = Duration::from_secs(5);

/// Lets a connector's requests out.
pub struct Gate {
    egress: Arc<Connection>,
    pause: Option<Duration>,
    next: Mutex<Instant>,
}

impl Gate {
    /// A gate with at most so many requests per second.
    pub fn new(egress: Arc<Connection>, requests_per_second: Option<f64>) -> Self {
        let pause = requests_per_second.map(|rate| Duration::from_secs_f64(1.0 / rate));
        Self { egress, pause, next: Mutex::new(Instant::now()) }
    }

    async fn pace(&self) {
        let Some(pause) = self.pause else { return };
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(Instant::now());
            *next = at + pause;
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

fn request(asked: HttpRequest) -> Result<Request, HttpError> {
    let method = asked.method.parse().map_err(|_| HttpError::Invalid("the method is none".to_owned()))?;
    let mut request = Request::new(method, asked.url);
    request.headers =
        headers_from_pairs(asked.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes()))).map_err(|e| HttpError::Invalid(e.to_string()))?;
    request.body = asked.body.unwrap_or_default();
    request.identity = asked.identity;
    request.session = asked.session;
    request.scope = asked.scope;
    request.safe_to_repeat = asked.safe_to_repeat;
    request.timeout = asked.timeout;
    request.quiet = asked.quiet;
    request.anonymous = asked.anonymous;
    Ok(request)
}

fn headers(map: &http::HeaderMap) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

fn error(error: &EgressError) -> HttpError {
    match error {
        EgressError::Denied(_) => HttpError::Denied(error.to_string()),
        EgressError::Throttled { retry_after } => HttpError::Throttled(*retry_after),
        EgressError::Secret { .. } | EgressError::Token { transient: false, .. } => HttpError::Unauthorized(error.to_string()),
        EgressError::Login { .. } if error.blame() == Blame::Configuration => HttpError::Unauthorized(error.to_string()),
        EgressError::Malformed { .. } => HttpError::Invalid(error.to_string()),
        EgressError::TooLarge { limit, .. } => HttpError::TooLarge(*limit as u64),
        EgressError::Setup { .. } => HttpError::Denied(error.to_string()),
        _ if error.outcome_unknown() => HttpError::OutcomeUnknown(error.to_string()),
        _ => HttpError::Unreachable(error.to_string()),
    }
}

impl HttpGate for Gate {
    fn send(&self, asked: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            self.pace().await;
            let response = self.egress.send(request(asked)?).await.map_err(|e| error(&e))?;
            Ok(HttpResponse { status: response.status.as_u16(), headers: headers(&response.headers), body: response.body })
        })
    }

    fn open(&self, asked: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>> {
        Box::pin(async move {
            self.pace().await;
            let stream = self.egress.open(request(asked)?).await.map_err(|e| error(&e))?;
            Ok(HttpStream { status: stream.status.as_u16(), headers: headers(&stream.headers), body: Box::new(Body(stream)) })
        })
    }
}

/// Lets the requests of one discovery out (SEMANTICS B-48).
pub struct DiscoveryGate(pub Arc<Discovery>);

impl HttpGate for DiscoveryGate {
    fn send(&self, asked: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            let response = self.0.send(request(asked)?).await.map_err(|e| error(&e))?;
            Ok(HttpResponse { status: response.status.as_u16(), headers: headers(&response.headers), body: response.body })
        })
    }

    fn open(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>> {
        Box::pin(async { Err(HttpError::Denied("answers of a discovery are read whole, by `send`".to_owned())) })
    }
}

struct Body(StreamedResponse);

impl HttpBody for Body {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, HttpError>> {
        Box::pin(async move {
            loop {
                match self.0.read(PIECE, LOOK).await.map_err(|e| error(&e))? {
                    StreamRead::Data(piece) => return Ok(Some(piece)),
                    StreamRead::End => return Ok(None),
                    StreamRead::Quiet => {}
                }
            }
        })
    }
}
