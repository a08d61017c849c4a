//! The way of a request through the receiver.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use calport_model::Clock;
use calport_model::descriptor::HookProfile;
use calport_model::notification::HookRequest;
use calport_store::{Store, StoreError};
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::answers::{Refusal, declared, not_found, plain, refused};
use super::backlog::{Backlog, Likeness, Room, likeness};
use super::counters::{ConnectionCounts, HookCounts};
use super::handshake::{self, Proof};
use super::limits::HookLimits;
use super::secret::{self, Verdict};
use crate::WebError;

/// How often, at most, the store is asked what is read when a connection's bound is reached.
const ASK: SignedDuration = SignedDuration::from_secs(1);

/// Bytes of a media type that are kept.
const CONTENT_TYPE: usize = 255;

/// Where hooks of a connection go.
pub struct HookTarget {
    /// How its requests are answered.
    pub profile: HookProfile,
    /// The random part of its URLs: a secret, which is never printed.
    pub random: String,
}

/// What the receiver must know of connections. Called for every request: answers come from memory, at once.
pub trait HookTargets: Send + Sync {
    /// The target of a connection that takes hooks, else `None`.
    fn target(&self, connection: &str) -> Option<Arc<HookTarget>>;

    /// Whether a live subscription of the connection has this secret. Its time must not depend on how much of it is right.
    fn knows_secret(&self, connection: &str, secret: &str) -> bool;

    /// Whether `fits` is true for any key by which live subscriptions of the connection sign.
    ///
    /// For profiles with `HookSecret::Hmac` only: a signature needs the key itself, so keys kept as digests do not serve.
    /// Without an own implementation no signature is good.
    fn any_signing_key(&self, connection: &str, fits: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let _ = (connection, fits);
        false
    }

    /// A request of the connection is stored, or its like is. Must return at once.
    fn arrived(&self, connection: &str);
}

/// Where requests are kept until they are read.
pub trait HookStore: Send + Sync {
    /// Stores a request. When this returns, it is acknowledged.
    fn add<'a>(&'a self, connection: &'a str, request: &'a HookRequest) -> BoxFuture<'a, Result<(), StoreError>>;

    /// When the oldest unread request of the connection came; `None` when all are read.
    fn oldest<'a>(&'a self, connection: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, StoreError>>;
}

impl HookStore for Store {
    fn add<'a>(&'a self, connection: &'a str, request: &'a HookRequest) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.add_hook(connection, request))
    }

    fn oldest<'a>(&'a self, connection: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move { Ok(self.hooks(connection, 1).await?.first().map(|first| first.request.received)) })
    }
}

#[derive(Default)]
struct Memory {
    not_found: u64,
    connections: HashMap<String, Backlog>,
}

/// The receiver. Cheap to clone.
#[derive(Clone)]
pub struct HookReceiver(Arc<Inner>);

struct Inner {
    targets: Arc<dyn HookTargets>,
    store: Arc<dyn HookStore>,
    clock: Arc<dyn Clock>,
    limits: HookLimits,
    turns: Semaphore,
    memory: Mutex<Memory>,
}

impl HookReceiver {
    /// A receiver.
    pub fn new(targets: Arc<dyn HookTargets>, store: Arc<dyn HookStore>, clock: Arc<dyn Clock>, limits: HookLimits) -> Self {
        let turns = Semaphore::new(limits.in_flight.max(1));
        Self(Arc::new(Inner { targets, store, clock, limits, turns, memory: Mutex::default() }))
    }

    /// The routes, below `base`: the path of the public URL, empty or for instance `/calendar`. A slash at its end is ignored.
    ///
    /// # Errors
    /// When the base holds characters other than letters, digits, `-._~` and slashes.
    pub fn router(&self, base: &str) -> Result<Router, WebError> {
        let path = base.trim_end_matches('/');
        let good = |segment: &str| {
            !matches!(segment, "" | "." | "..") && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
        };
        if !path.is_empty() && !path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(good)) {
            return Err(WebError::BasePath { path: base.to_owned() });
        }
        Ok(Router::new()
            .route(&format!("{path}/hooks/{{connection}}/{{random}}"), any(notification))
            .route(&format!("{path}/hooks/{{connection}}/{{random}}/lifecycle"), any(lifecycle))
            .fallback(|| async { not_found() })
            .with_state(self.clone()))
    }

    /// The counts so far.
    pub fn counts(&self) -> HookCounts {
        let memory = self.0.memory();
        HookCounts {
            not_found: memory.not_found,
            connections: memory.connections.iter().map(|(name, backlog)| (name.clone(), backlog.counts.clone())).collect(),
        }
    }
}

type Place = Result<Path<(String, String)>, PathRejection>;

async fn notification(State(receiver): State<HookReceiver>, place: Place, request: Request) -> Response {
    receiver.0.receive(place, request, false).await
}

async fn lifecycle(State(receiver): State<HookReceiver>, place: Place, request: Request) -> Response {
    receiver.0.receive(place, request, true).await
}

impl Inner {
    async fn receive(&self, place: Place, request: Request, lifecycle: bool) -> Response {
        let Some((connection, target)) = place.ok().and_then(|Path((connection, random))| self.target(connection, &random)) else {
            self.memory().not_found += 1;
            return not_found();
        };
        let begin = Instant::now();
        let answer = self.answer(&connection, &target.profile, request, lifecycle).await.unwrap_or_else(|refusal| {
            self.refuse(&connection, refusal);
            refused(refusal)
        });
        self.count(&connection, |counts| counts.answered(begin.elapsed()));
        answer
    }

    /// The target, when the random part is right. Takes the same time whether the connection or the random part is wrong.
    fn target(&self, connection: String, random: &str) -> Option<(String, Arc<HookTarget>)> {
        let target = self.targets.target(&connection);
        let wanted = Sha256::digest(target.as_ref().map_or("", |target| target.random.as_str()));
        let right = bool::from(wanted.ct_eq(&Sha256::digest(random)));
        target.filter(|target| right && !target.random.is_empty()).map(|target| (connection, target))
    }

    async fn answer(&self, connection: &str, profile: &HookProfile, request: Request, lifecycle: bool) -> Result<Response, Refusal> {
        let (head, body) = request.into_parts();
        match handshake::in_query(profile.handshake.as_ref(), head.uri.query().unwrap_or_default()) {
            Proof::None => {}
            Proof::Answer(kind, text) if matches!(head.method, Method::GET | Method::POST) => return Ok(self.prove(connection, kind, text)),
            Proof::Answer(..) => return Err(Refusal::Method),
            Proof::Refused(why) => return Err(self.malformed(connection, why)),
        }
        if head.method != Method::POST {
            return Err(Refusal::Method);
        }
        let begin = Instant::now();
        let turn = timeout(self.limits.store_time, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            self.complain(connection, "hooks-crowded", "no turn was free in time: too many wait for the store, or send slowly");
            return Err(Refusal::Unavailable);
        };
        let patience = self.limits.store_time.saturating_sub(begin.elapsed());

        let body = self.read(&head.headers, body).await?;
        match handshake::in_body(profile.handshake.as_ref(), &body) {
            Proof::None => {}
            Proof::Answer(kind, text) => return Ok(self.prove(connection, kind, text)),
            Proof::Refused(why) => return Err(self.malformed(connection, why)),
        }
        match secret::check(self.targets.as_ref(), connection, &profile.secret, &head, &body) {
            Verdict::Known => {}
            Verdict::Forged => return self.part(connection, profile),
            Verdict::Malformed => return Err(self.malformed(connection, "the body is no JSON")),
        }
        let request = HookRequest { lifecycle, content_type: content_type(&head.headers), body, received: self.clock.now() };
        self.keep(connection, &request, patience).await?;
        self.count(connection, |counts| counts.last = Some(request.received));
        self.targets.arrived(connection);
        Ok(declared(&profile.acknowledgement))
    }

    /// Answers a request that carries no secret of a live subscription.
    fn part(&self, connection: &str, profile: &HookProfile) -> Result<Response, Refusal> {
        let farewell = profile.farewell.as_ref().ok_or(Refusal::Forged)?;
        self.count(connection, |counts| counts.farewells += 1);
        tracing::debug!(code = "hook-farewell", connection, "a request of no live subscription was answered so that it ends");
        Ok(declared(farewell))
    }

    async fn read(&self, headers: &HeaderMap, mut body: Body) -> Result<Vec<u8>, Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
        if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > self.limits.body)) {
            return Err(Refusal::TooLarge);
        }
        let whole = async {
            let mut bytes = Vec::new();
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame.map_err(|_| Refusal::Incomplete)?.into_data() else { continue };
                if bytes.len().saturating_add(frame.len()) > self.limits.body {
                    return Err(Refusal::TooLarge);
                }
                bytes.extend_from_slice(&frame);
            }
            Ok(bytes)
        };
        timeout(self.limits.body_time, whole).await.unwrap_or(Err(Refusal::Incomplete))
    }

    /// Stores the request unless its like is unread and many are. When this returns, it may be acknowledged.
    async fn keep(&self, connection: &str, request: &HookRequest, patience: Duration) -> Result<(), Refusal> {
        let like = likeness(request);
        let stored = timeout(patience, async {
            match self.room(connection, &like, request.received).await? {
                Room::Store => self.store.add(connection, request).await.map(|()| Room::Store),
                other => Ok(other),
            }
        });
        match stored.await {
            Ok(Ok(Room::Store)) => {
                let mut memory = self.memory();
                let backlog = memory.of(connection);
                backlog.stored(request.received, request.body.len(), like);
                backlog.counts.stored += 1;
                Ok(())
            }
            Ok(Ok(Room::Fold)) => {
                self.count(connection, |counts| counts.folded += 1);
                Ok(())
            }
            Ok(Ok(Room::Refuse)) => {
                self.complain(connection, "hooks-unread", "too many are stored and not yet read; see the connection's status");
                Err(Refusal::Unavailable)
            }
            Ok(Err(error)) => {
                self.complain(connection, "store-failed", &error.to_string());
                Err(Refusal::Unavailable)
            }
            Err(_) => {
                self.complain(connection, "store-slow", "the store did not take it in time; look at the disk of the data directory");
                Err(Refusal::Unavailable)
            }
        }
    }

    async fn room(&self, connection: &str, like: &Likeness, now: Timestamp) -> Result<Room, StoreError> {
        let known = {
            let mut memory = self.memory();
            let backlog = memory.of(connection);
            let asked_lately = backlog.asked.is_some_and(|asked| now.duration_since(asked).abs() < ASK);
            if !backlog.is_full(&self.limits) || asked_lately {
                return Ok(backlog.room(like, &self.limits));
            }
            backlog.asked = Some(now);
            backlog.len()
        };
        let oldest = self.store.oldest(connection).await?;
        let mut memory = self.memory();
        let backlog = memory.of(connection);
        backlog.read_until(oldest, known);
        Ok(backlog.room(like, &self.limits))
    }

    fn prove(&self, connection: &str, kind: &'static str, text: String) -> Response {
        self.count(connection, |counts| counts.handshakes += 1);
        tracing::debug!(code = "hook-handshake", connection, "a proof of the hook URL was answered");
        plain(StatusCode::OK, kind, text)
    }

    fn malformed(&self, connection: &str, why: &str) -> Refusal {
        tracing::debug!(code = "hook-malformed", connection, "a hook request was refused: {why}");
        Refusal::Malformed
    }

    fn refuse(&self, connection: &str, refusal: Refusal) {
        self.count(connection, |counts| match refusal {
            Refusal::Forged => counts.forged += 1,
            Refusal::Malformed | Refusal::Method => counts.malformed += 1,
            Refusal::TooLarge => counts.too_large += 1,
            Refusal::Incomplete => counts.incomplete += 1,
            Refusal::Unavailable => counts.unavailable += 1,
        });
        if refusal == Refusal::Forged {
            let why = "they carry no secret of a live subscription; if they do not end, change the random part of the hook URL";
            self.complain(connection, "hook-forged", why);
        }
    }

    /// Logs that requests are refused, once a minute for each connection and reason, with how many there were since.
    fn complain(&self, connection: &str, code: &'static str, why: &str) {
        let due = self.memory().of(connection).complaints.add(code, self.clock.now());
        if let Some(count) = due {
            tracing::warn!(code, connection, count, "notifications are refused: {why}");
        }
    }

    fn count(&self, connection: &str, what: impl FnOnce(&mut ConnectionCounts)) {
        what(&mut self.memory().of(connection).counts);
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// The memory of a connection. Only of known ones, so strangers cannot make it grow.
    fn of(&mut self, connection: &str) -> &mut Backlog {
        self.connections.entry(connection.to_owned()).or_default()
    }
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.get(..CONTENT_TYPE).unwrap_or(value).to_owned()
}
