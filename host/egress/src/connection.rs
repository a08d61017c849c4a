//! The entry to this crate: a connection with its policy, and sending through it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use calport_secrets::SecretSource;
use http::header::{COOKIE, RETRY_AFTER};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::auth::{Answer, Auth, Scheme, Turn, Vault};
use crate::client::{self, Surroundings};
use crate::clock::Clock;
use crate::cookies::Sessions;
use crate::error::{EgressError, Outcome, Phase, SafeUrl};
use crate::headers;
use crate::message::{Request, Response};
use crate::policy::{ConnectionPolicy, Denial, Denied, check_link, decide};
use crate::redact::Scrubber;
use crate::resolve::{Lookup, SystemLookup};
use crate::stream::{Held, StreamedResponse};
use crate::throttle::{Throttle, asks_to_slow_down, parse_retry_after};
use crate::tls::TlsFactory;
use crate::trace::{CounterCells, Counters, TraceSetting, TraceSink, Tracer};
use crate::wire::{Call, Wire};

/// Makes connections; holds what they share.
#[derive(Clone)]
pub struct Egress {
    clock: Arc<dyn Clock>,
    sink: Arc<dyn TraceSink>,
    lookup: Arc<dyn Lookup>,
    tls: Arc<TlsFactory>,
}

impl Egress {
    /// With the system's resolver.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, sink: Arc<dyn TraceSink>) -> Self {
        Self { clock, sink, lookup: Arc::new(SystemLookup), tls: Arc::default() }
    }

    /// With another resolver, for tests.
    #[must_use]
    pub fn with_lookup(mut self, lookup: Arc<dyn Lookup>) -> Self {
        self.lookup = lookup;
        self
    }

    /// Makes a connection. A changed configuration makes a new one; requests in flight finish on the old.
    ///
    /// # Errors
    /// [`EgressError::Setup`] if an endpoint can never work: unreadable CA, http without `plain_http`, unusable proxy.
    pub fn connection(&self, policy: ConnectionPolicy, secrets: Arc<dyn SecretSource>) -> Result<Arc<Connection>, EgressError> {
        let counters = Arc::new(CounterCells::default());
        let tracer = Arc::new(Tracer {
            connection: policy.connection.clone(),
            redaction: policy.redaction.clone(),
            scrubber: Arc::new(Scrubber::default()),
            clock: Arc::clone(&self.clock),
            sink: Arc::clone(&self.sink),
            setting: std::sync::Mutex::new(None),
        });
        let around =
            Surroundings { tls: &self.tls, lookup: &self.lookup, secrets: &*secrets, idle_connections: policy.concurrent_requests };
        let mut lanes = Vec::with_capacity(policy.endpoints.len());
        for endpoint in &policy.endpoints {
            let setup = |what| EgressError::Setup { endpoint: endpoint.name.clone(), what };
            let limits = endpoint.limits.clone().unwrap_or_else(|| policy.limits.clone());
            let vault = Vault { endpoint: endpoint.name.clone(), secrets: Arc::clone(&secrets), scrubber: Arc::clone(&tracer.scrubber) };
            let person = |(name, auth): (&String, &Auth)| Ok::<_, String>((name.clone(), auth.scheme(&vault)?));
            let (client, dialer) = client::build(endpoint, &limits, &around).map_err(setup)?;
            lanes.push(Lane {
                scheme: endpoint.auth.scheme(&vault).map_err(setup)?,
                nobody: Auth::None.scheme(&vault).map_err(setup)?,
                identities: endpoint.identities.iter().map(person).collect::<Result<_, _>>().map_err(setup)?,
                sessions: Sessions::default(),
                wire: Wire {
                    client,
                    dialer,
                    endpoint: Arc::new(endpoint.clone()),
                    limits,
                    clock: Arc::clone(&self.clock),
                    lookup: Arc::clone(&self.lookup),
                    tracer: Arc::clone(&tracer),
                    counters: Arc::clone(&counters),
                },
            });
        }
        let slots = Arc::new(Semaphore::new(policy.concurrent_requests.clamp(1, Semaphore::MAX_PERMITS)));
        let streams = Arc::new(Semaphore::new(policy.concurrent_streams.clamp(1, Semaphore::MAX_PERMITS)));
        let (clock, throttle) = (Arc::clone(&self.clock), Throttle::default());
        Ok(Arc::new(Connection { policy, lanes, slots, streams, throttle, tracer, counters, clock }))
    }
}

/// One endpoint's client and credentials.
struct Lane {
    wire: Wire,
    scheme: Box<dyn Scheme>,
    /// For requests without a credential.
    nobody: Box<dyn Scheme>,
    identities: BTreeMap<String, Box<dyn Scheme>>,
    sessions: Sessions,
}

/// A connection of the configuration. Shared by all calls of its connector; holds tokens, nonces, stopped scopes, counters.
pub struct Connection {
    policy: ConnectionPolicy,
    lanes: Vec<Lane>,
    slots: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    throttle: Throttle,
    tracer: Arc<Tracer>,
    counters: Arc<CounterCells>,
    clock: Arc<dyn Clock>,
}

/// A head that came, with everything needed to read the body.
struct Opened<'c> {
    lane: &'c Lane,
    call: Call,
    answer: Answer,
    slot: OwnedSemaphorePermit,
    stopped_for: Option<Duration>,
}

impl Connection {
    /// Sends a request and reads the whole answer. Every status is an answer, also 401 and redirects.
    ///
    /// # Errors
    /// See [`EgressError`]; `outcome_unknown` tells whether the server may have acted.
    pub async fn send(&self, request: Request) -> Result<Response, EgressError> {
        let mut opened = self.converse(Request { quiet: None, ..request }).await?;
        let limit = opened.lane.wire.limits.response_bytes;
        let body = opened.lane.wire.collect(&mut opened.answer.reply, &opened.call, limit).await?;
        let response = &opened.answer.reply.response;
        Ok(Response { status: response.status(), headers: headers::incoming(response.headers()), body, stopped_for: opened.stopped_for })
    }

    /// Sends a request and returns when the head of the answer is there. The total time limit covers the time until then. With
    /// [`Request::quiet`] it is a stream of events, which holds neither a request slot nor its session from then on.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn open(&self, request: Request) -> Result<StreamedResponse, EgressError> {
        let quiet = request.quiet;
        let opened = self.converse(request).await?;
        let response = opened.answer.reply.response;
        let turn = if quiet.is_some() { Turn::Free } else { opened.answer.turn };
        Ok(StreamedResponse {
            status: response.status(),
            headers: headers::incoming(response.headers()),
            stopped_for: opened.stopped_for,
            held: Some(Held { response, _slot: opened.slot, _turn: turn }),
            rest: Bytes::new(),
            url: SafeUrl::new(&opened.call.url),
            outcome: if opened.call.harmless_twice { Outcome::Repeatable } else { Outcome::Unknown },
            between: quiet.unwrap_or(opened.lane.wire.limits.between_bytes),
            last_byte: Instant::now(),
            counters: Arc::clone(&self.counters),
        })
    }

    /// Checks a link from an answer to `request_url` (SEMANTICS B-26), see [`check_link`].
    ///
    /// # Errors
    /// The refusal.
    pub fn check_link(&self, request_url: &str, link: &str) -> Result<Url, EgressError> {
        check_link(&self.policy, request_url, link).map_err(|denied| self.count_denied(denied.into()))
    }

    /// The permissions inside the endpoint's current token, so that `check` can name missing ones without showing the token to
    /// anybody. `None` if the endpoint has no such token or it cannot be read.
    ///
    /// # Errors
    /// Why no token could be had; an unknown endpoint name is [`EgressError::Setup`].
    pub async fn token_roles(&self, endpoint: &str) -> Result<Option<Vec<String>>, EgressError> {
        let unknown =
            || EgressError::Setup { endpoint: endpoint.to_owned(), what: "the connection has no endpoint of this name".to_owned() };
        let lane = self.lanes.iter().find(|lane| lane.wire.endpoint.name == endpoint).ok_or_else(unknown)?;
        lane.scheme.roles(&lane.wire, Instant::now() + lane.wire.limits.total).await
    }

    /// What the connection has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters.read()
    }

    /// Switches the protocol trace on with an end, or off (FEATURES C20).
    pub fn set_trace(&self, setting: Option<TraceSetting>) {
        self.tracer.set(setting);
    }

    /// The trace setting if the trace is on now.
    #[must_use]
    pub fn trace(&self) -> Option<TraceSetting> {
        self.tracer.active()
    }

    /// The policy that this connection was made with.
    #[must_use]
    pub fn policy(&self) -> &ConnectionPolicy {
        &self.policy
    }

    async fn converse(&self, request: Request) -> Result<Opened<'_>, EgressError> {
        let result = self.try_exchange(request).await;
        result.map_err(|error| self.count_denied(error))
    }

    async fn try_exchange(&self, request: Request) -> Result<Opened<'_>, EgressError> {
        let permitted = decide(&self.policy, &request.method, &request.url, &request.headers)?;
        let lane = self.lanes.get(permitted.endpoint).ok_or_else(|| EgressError::Malformed { what: "no endpoint".to_owned() })?;
        let scheme = match &request.identity {
            Some(_) if request.anonymous => {
                return Err(EgressError::Malformed { what: "it is to go without a credential and names one".to_owned() });
            }
            None if request.anonymous => &lane.nobody,
            None => &lane.scheme,
            Some(name) => lane.identities.get(name).ok_or_else(|| {
                let rule = Denial::Identity(name.chars().take(64).collect());
                Box::new(Denied { url: Some(SafeUrl::new(&permitted.url)), rule, allow: None })
            })?,
        };
        let limits = &lane.wire.limits;
        if request.body.len() > limits.request_bytes {
            let what = format!("its body has {} bytes, more than the limit of {}", request.body.len(), limits.request_bytes);
            return Err(EgressError::Malformed { what });
        }
        let scope = request.scope.clone();
        self.refuse_stopped(scope.as_deref())?;
        let total = request.timeout.map_or(limits.total, |wanted| wanted.min(limits.total));
        let harmless_twice = request.harmless_twice();
        let mut headers = headers::outgoing(&request.headers)?;
        let session = request.session.as_deref().filter(|_| scheme.shares_cookies() && !request.anonymous);
        let cookies = session.map(|session| lane.sessions.of(request.identity.as_deref(), session));
        if let Some(value) = cookies.as_ref().and_then(|cookies| cookies.header(&permitted.url)) {
            headers.insert(COOKIE, value);
        }
        let slots = if request.quiet.is_some() { &self.streams } else { &self.slots };
        let call = Call {
            headers,
            method: request.method,
            url: permitted.url,
            body: request.body,
            session: request.session,
            deadline: Instant::now() + total,
            total,
            harmless_twice,
            private: false,
        };
        let turn = scheme.turn(&lane.wire, &call).await?;
        let slot = match timeout_at(call.deadline, Arc::clone(slots).acquire_owned()).await {
            Ok(Ok(slot)) => slot,
            Ok(Err(_)) | Err(_) => return Err(lane.wire.late(&call, Phase::Queue)),
        };
        self.refuse_stopped(scope.as_deref())?;
        let answer = scheme.converse(&lane.wire, &call, turn).await?;
        if let Some(cookies) = cookies {
            cookies.keep(&call.url, answer.reply.response.headers());
        }
        let stopped_for = self.judge_load(scope.as_deref(), &answer);
        Ok(Opened { lane, call, answer, slot, stopped_for })
    }

    fn refuse_stopped(&self, scope: Option<&str>) -> Result<(), EgressError> {
        match self.throttle.waits(scope, self.clock.monotonic()) {
            None => Ok(()),
            Some(retry_after) => {
                self.counters.throttled();
                Err(EgressError::Throttled { retry_after })
            }
        }
    }

    /// Stops the scope if the server asks to slow down.
    fn judge_load(&self, scope: Option<&str>, answer: &Answer) -> Option<Duration> {
        let response = &answer.reply.response;
        let now = self.clock.monotonic();
        if !asks_to_slow_down(response.status()) {
            if !response.status().is_server_error() {
                self.throttle.went_well(scope, now);
            }
            return None;
        }
        self.counters.throttled();
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|value| parse_retry_after(value, self.clock.now()));
        Some(self.throttle.stop(scope, asked, now, rand::random::<f64>()))
    }

    fn count_denied(&self, error: EgressError) -> EgressError {
        if matches!(error, EgressError::Denied(_)) {
            self.counters.denied();
            self.tracer.error("-", 0, &error);
        }
        error
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("connection", &self.policy.connection)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Egress")
    }
}
