//! One endpoint's way to the network: the HTTP client, sending a single request, and telling failures apart.
//!
//! Nothing here repeats a request. The client below re-sends only what it knows never left (a kept connection that the server
//! had closed); everything else is an error that says whether bytes may have left (SEMANTICS S-15).

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::chain;
use crate::clock::Clock;
use crate::dial::Dialer;
use crate::error::{EgressError, Outcome, Phase, SafeUrl};
use crate::limits::Limits;
use crate::policy::{Denied, Endpoint, address_denied, judge_literal};
use crate::resolve::{Lookup, ResolveError, permitted};
use crate::tls;
use crate::trace::{CounterCells, Tracer};

/// A request that the policy has permitted.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) session: Option<String>,
    pub(crate) deadline: Instant,
    pub(crate) total: Duration,
    pub(crate) harmless_twice: bool,
    /// The bodies are credentials and never traced.
    pub(crate) private: bool,
}

impl Call {
    /// The same request without its body, for a first message of a login whose answer is a challenge.
    pub(crate) fn without_body(&self) -> Self {
        Self {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: Bytes::new(),
            session: self.session.clone(),
            deadline: self.deadline,
            total: self.total,
            harmless_twice: true,
            private: self.private,
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        if self.harmless_twice { Outcome::Repeatable } else { Outcome::Unknown }
    }
}

/// An answer whose body is still unread.
pub(crate) struct Reply {
    pub(crate) response: reqwest::Response,
    pub(crate) number: u64,
}

/// A request on its way.
pub(crate) struct Begun {
    pub(crate) number: u64,
    started: Duration,
}

/// Sends requests of one endpoint.
pub(crate) struct Wire {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) client: reqwest::Client,
    pub(crate) dialer: Dialer,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) tracer: Arc<Tracer>,
    pub(crate) counters: Arc<CounterCells>,
}

impl Wire {
    /// Sends once, with the scheme's header if it has one, and waits for the head of the answer.
    pub(crate) async fn fire(&self, call: &Call, credential: Option<(HeaderName, HeaderValue)>) -> Result<Reply, EgressError> {
        self.judge_target(call).await?;
        let mut headers = call.headers.clone();
        if let Some((name, mut value)) = credential {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut request = reqwest::Request::new(call.method.clone(), call.url.clone());
        *request.headers_mut() = headers;
        if !call.body.is_empty() || matches!(call.method, Method::POST | Method::PUT | Method::PATCH) {
            *request.body_mut() = Some(reqwest::Body::from(call.body.clone()));
        }
        let begun = self.begin(call, request.headers());
        let limit = call.deadline.min(Instant::now() + self.limits.first_byte);
        let result = match timeout_at(limit, self.client.execute(request)).await {
            Ok(Ok(response)) => Ok(Reply { response, number: begun.number }),
            Ok(Err(error)) => Err(self.explain(&error, call)),
            Err(_) => Err(self.late(call, if limit == call.deadline { Phase::Total } else { Phase::FirstByte })),
        };
        match &result {
            Ok(reply) => self.answered(&begun, reply.response.status(), reply.response.headers()),
            Err(error) => self.tracer.error(&self.endpoint.name, begun.number, error),
        }
        result
    }

    /// Counts and traces a request that is about to leave.
    pub(crate) fn begin(&self, call: &Call, headers: &HeaderMap) -> Begun {
        let number = self.counters.request(call.body.len());
        self.tracer.request(&self.endpoint.name, number, call, headers);
        Begun { number, started: self.clock.monotonic() }
    }

    /// Traces the head of its answer.
    pub(crate) fn answered(&self, begun: &Begun, status: http::StatusCode, headers: &HeaderMap) {
        let took = self.clock.monotonic().saturating_sub(begun.started);
        self.tracer.answer(&self.endpoint.name, begun.number, status, headers, took);
    }

    /// Reads a whole body up to `limit` bytes after decompression.
    pub(crate) async fn collect(&self, reply: &mut Reply, call: &Call, limit: usize) -> Result<Bytes, EgressError> {
        let mut body = BytesMut::new();
        let url = || SafeUrl::new(&call.url);
        let result = loop {
            let pause = Instant::now() + self.limits.between_bytes;
            let until = call.deadline.min(pause);
            match timeout_at(until, reply.response.chunk()).await {
                Ok(Ok(Some(chunk))) if body.len() + chunk.len() > limit => {
                    self.counters.received(chunk.len());
                    break Err(EgressError::TooLarge { url: url(), limit, outcome: call.outcome() });
                }
                Ok(Ok(Some(chunk))) => {
                    self.counters.received(chunk.len());
                    body.extend_from_slice(&chunk);
                }
                Ok(Ok(None)) => break Ok(body.freeze()),
                Ok(Err(error)) => break Err(body_error(&error, url(), call.outcome())),
                Err(_) => break Err(self.late(call, if until == pause { Phase::BetweenBytes } else { Phase::Total })),
            }
        };
        match &result {
            Ok(body) if !call.private => self.tracer.body(&self.endpoint.name, reply.number, body),
            Ok(_) => {}
            Err(error) => self.tracer.error(&self.endpoint.name, reply.number, error),
        }
        result
    }

    /// Reads and drops the small body of a challenge, so that the connection can be used again.
    pub(crate) async fn drain(&self, mut reply: Reply, call: &Call) {
        /// Larger pages cost more than a new connection.
        const WORTH_READING: usize = 64 * 1024;
        let mut read = 0;
        while let Ok(Ok(Some(chunk))) = timeout_at(call.deadline, reply.response.chunk()).await {
            read += chunk.len();
            self.counters.received(chunk.len());
            if read > WORTH_READING {
                return;
            }
        }
    }

    /// An error of this endpoint's configuration.
    pub(crate) fn setup(&self, what: impl Into<String>) -> EgressError {
        EgressError::Setup { endpoint: self.endpoint.name.clone(), what: what.into() }
    }

    pub(crate) fn late(&self, call: &Call, phase: Phase) -> EgressError {
        let after = match phase {
            Phase::Connect => self.limits.connect,
            Phase::FirstByte => self.limits.first_byte,
            Phase::BetweenBytes => self.limits.between_bytes,
            Phase::Total | Phase::Queue => call.total,
        };
        let outcome = if matches!(phase, Phase::Connect | Phase::Queue) { Outcome::NotSent } else { call.outcome() };
        EgressError::TimedOut { url: SafeUrl::new(&call.url), phase, after, outcome }
    }

    /// Addresses in the URL bypass the resolver, and a proxy resolves by itself: both are judged here.
    pub(crate) async fn judge_target(&self, call: &Call) -> Result<(), EgressError> {
        let connection = &self.tracer.connection;
        judge_literal(connection, &self.endpoint, &call.url)?;
        let Some(url::Host::Domain(host)) = call.url.host() else { return Ok(()) };
        if self.endpoint.proxy.is_none() {
            return Ok(());
        }
        match timeout_at(call.deadline, permitted(&*self.lookup, host, &self.endpoint.allow_addresses)).await {
            Ok(Err(ResolveError::Forbidden(address, class))) => {
                Err(address_denied(connection, &self.endpoint, &call.url, address, class).into())
            }
            // Behind a proxy this machine often cannot resolve outside names; the name itself is the administrator's.
            Ok(Ok(_) | Err(ResolveError::Failed(_))) => Ok(()),
            Err(_) => Err(self.late(call, Phase::Connect)),
        }
    }

    fn explain(&self, error: &reqwest::Error, call: &Call) -> EgressError {
        let url = SafeUrl::new(&call.url);
        if let Some(problem) = tls::find(error) {
            return EgressError::Tls { url, problem };
        }
        match chain::find(error, |link| link.downcast_ref::<ResolveError>().cloned()) {
            Some(ResolveError::Forbidden(address, class)) => {
                let denied: Box<Denied> = address_denied(&self.tracer.connection, &self.endpoint, &call.url, address, class);
                return denied.into();
            }
            Some(ResolveError::Failed(detail)) => return EgressError::Unresolved { url, detail },
            None => {}
        }
        if error.is_builder() {
            return EgressError::Malformed { what: "the URL or a header cannot be sent".to_owned() };
        }
        let detail = chain::innermost(error);
        if error.is_connect() {
            if error.is_timeout() || io_kind(error) == Some(ErrorKind::TimedOut) {
                return self.late(call, Phase::Connect);
            }
            if self.endpoint.proxy.is_some() {
                return EgressError::Proxy { endpoint: self.endpoint.name.clone(), url, detail };
            }
            return EgressError::Unreachable { url, detail };
        }
        EgressError::Lost { url, detail, outcome: call.outcome() }
    }
}

pub(crate) fn body_error(error: &reqwest::Error, url: SafeUrl, outcome: Outcome) -> EgressError {
    let detail = chain::innermost(error);
    if error.is_decode() && io_kind(error).is_none_or(|kind| kind == ErrorKind::InvalidData || kind == ErrorKind::InvalidInput) {
        return EgressError::Invalid { url, detail, outcome };
    }
    EgressError::Lost { url, detail, outcome }
}

fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    chain::find(error, |link| link.downcast_ref::<std::io::Error>().map(std::io::Error::kind).filter(|kind| *kind != ErrorKind::Other))
}
