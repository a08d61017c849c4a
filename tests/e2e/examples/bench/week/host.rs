//! The host of the week: the real engine, store, runtime, egress and receiver, put together as the program does it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use calport_egress::{Auth, ClientStyle, ConnectionPolicy, Egress, Endpoint, NoTrace, Request, headers_from_pairs};
use calport_engine::{ConnectionPlan, Engine, EngineHandle, HookSecrets, PersonPlan, Plan, Settings};
use calport_runtime::{
    ConnectionConfig, HttpError, HttpGate, HttpRequest, HttpResponse, HttpStream, InProcess, Limits, Plugin, Runtime, RuntimeConfig,
};
use calport_secrets::Secret;
use calport_simulators::{graph, pbx};
use calport_store::{NoSeal, Store};
use calport_web::hooks::{HookLimits, HookReceiver, HookTarget, HookTargets};
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::clock::Virtual;
use super::watched::{Calls, Watched};

/// How long, in real time, nothing may move before the run is given up.
const STALLED: Duration = Duration::from_secs(90);
/// The random part of the notifications' URL.
const RANDOM: &str = "week";

/// Lets a connector's requests out through the egress.
pub struct Gate(pub Arc<calport_egress::Connection>);

impl HttpGate for Gate {
    fn send(&self, asked: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            let method = asked.method.parse().map_err(|_| HttpError::Invalid("the method is none".to_owned()))?;
            let pairs = asked.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            let mut request = Request::new(method, asked.url);
            request.headers = headers_from_pairs(pairs).map_err(|error| HttpError::Invalid(error.to_string()))?;
            request.body = asked.body.unwrap_or_default();
            (request.session, request.scope) = (asked.session, asked.scope);
            (request.safe_to_repeat, request.timeout) = (asked.safe_to_repeat, asked.timeout);
            let answer = self.0.send(request).await.map_err(|error| match error {
                calport_egress::EgressError::Throttled { retry_after } => HttpError::Throttled(retry_after),
                error if error.outcome_unknown() => HttpError::OutcomeUnknown(error.to_string()),
                error => HttpError::Unreachable(error.to_string()),
            })?;
            let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers = answer.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
            Ok(HttpResponse { status: answer.status.as_u16(), headers, body: answer.body })
        })
    }

    fn open(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>> {
        Box::pin(async { Err(HttpError::Denied("no streams here".to_owned())) })
    }
}

/// The engine that takes hooks now; none while the host is down.
#[derive(Default)]
struct Targets(RwLock<Option<(EngineHandle, HookSecrets, Arc<HookTarget>)>>);

impl Targets {
    fn set(&self, engine: Option<(EngineHandle, HookSecrets, Arc<HookTarget>)>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    fn with<T>(&self, f: impl FnOnce(&(EngineHandle, HookSecrets, Arc<HookTarget>)) -> T) -> Option<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(f)
    }
}

impl HookTargets for Targets {
    fn target(&self, connection: &str) -> Option<Arc<HookTarget>> {
        self.with(|(_, _, target)| target.clone()).filter(|_| connection == "calendar")
    }

    fn knows_secret(&self, connection: &str, secret: &str) -> bool {
        self.with(|(_, secrets, _)| secrets.knows(connection, secret)).unwrap_or(false)
    }

    fn arrived(&self, connection: &str) {
        self.with(|(engine, ..)| engine.hook_arrived(connection));
    }
}

/// The servers on the other side.
pub struct Servers {
    /// The calendars.
    pub calendar: graph::Simulator,
    /// The PBX.
    pub pbx: pbx::Simulator,
}

/// The host; running or not.
pub struct Host {
    clock: Virtual,
    runtime: Arc<Runtime>,
    plugins: BTreeMap<&'static str, Arc<Plugin>>,
    store: Store,
    targets: Arc<Targets>,
    hook_url: String,
    people: BTreeMap<String, PersonPlan>,
    settings: Settings,
    engine: Option<EngineHandle>,
    /// What connectors were asked.
    pub calls: Arc<Calls>,
    _listening: DropGuard,
}

impl Host {
    /// A host that does not run yet. Its store lies in `directory`, compiled connectors in `cache`.
    pub async fn new(
        clock: &Virtual,
        directory: &Path,
        cache: &Path,
        plugins: &Path,
        people: BTreeMap<String, PersonPlan>,
        settings: Settings,
    ) -> Self {
        let config = RuntimeConfig { cache: cache.to_owned(), compiler: Arc::new(InProcess), clock: Arc::new(clock.clone()) };
        let runtime = Runtime::new(config).unwrap();
        let mut loaded = BTreeMap::new();
        for (connection, file) in [("calendar", "graph.wasm"), ("pbx", "asterisk.wasm")] {
            loaded.insert(connection, runtime.load(&plugins.join(file)).await.unwrap());
        }
        let store = Store::open(&directory.join("week.sqlite"), Arc::new(NoSeal)).await.unwrap();
        let targets = Arc::new(Targets::default());
        let receiver = HookReceiver::new(targets.clone(), Arc::new(store.clone()), Arc::new(clock.clone()), HookLimits::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook_url = format!("http://{}/hooks/calendar/{RANDOM}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let router = receiver.router("").unwrap();
        tokio::spawn(calport_web::serve(listener, router, None, calport_web::ServerLimits::default(), stop.clone()));
        let (calls, listening) = (Arc::default(), stop.drop_guard());
        Self {
            clock: clock.clone(),
            runtime,
            plugins: loaded,
            store,
            targets,
            hook_url,
            people,
            settings,
            engine: None,
            calls,
            _listening: listening,
        }
    }

    /// Starts it, with connections, tokens and sessions of its own, over what the store has.
    pub async fn start(&mut self, servers: &Servers) {
        let egress = Egress::new(Arc::new(self.clock.clone()), Arc::new(NoTrace));
        let tenant = servers.calendar.config();
        let (calendar, pbx) = (format!("{}/v1.0", servers.calendar.base_url()), servers.pbx.url());
        let client = Auth::OAuth2ClientCredentials {
            token_url: servers.calendar.token_url().parse().unwrap(),
            client_id: tenant.client_id.clone(),
            client_secret: "client".to_owned(),
            scope: format!("{}/.default", servers.calendar.base_url()),
            parameters: Vec::new(),
            style: ClientStyle::Form,
        };
        let manager = Auth::Digest { user: "calport".to_owned(), password: "manager".to_owned() };
        let secrets = Arc::new(BTreeMap::from([
            ("client".to_owned(), Secret::new(tenant.client_secret.as_str())),
            ("manager".to_owned(), Secret::new("calport-secret")),
        ]));
        let mut connections = BTreeMap::new();
        for (id, name, url, auth, hooks) in [("calendar", "graph", calendar, client, true), ("pbx", "ami", pbx, manager, false)] {
            let mut endpoint = Endpoint::new(name, url.parse().unwrap(), auth);
            endpoint.allow_addresses = vec!["loopback".parse().unwrap()];
            endpoint.plain_http = true;
            let out = egress.connection(ConnectionPolicy::new(id, vec![endpoint]), secrets.clone()).unwrap();
            let config = ConnectionConfig {
                id: id.to_owned(),
                settings: serde_json::json!({}),
                endpoints: vec![(name.to_owned(), url.clone())],
                gate: Arc::new(Gate(out)),
                discovery_domains: Vec::new(),
                limits: Limits::default(),
            };
            let inner = self.runtime.connect(config, self.plugins[id].clone()).unwrap();
            let api = Arc::new(Watched { inner, calls: self.calls.clone() });
            let hook_url = hooks.then(|| self.hook_url.clone());
            let plan = ConnectionPlan {
                id: id.to_owned(),
                api,
                active: true,
                url,
                hook_url,
                notify: None,
                poll: Duration::from_secs(300),
                stream_members: 200,
            };
            connections.insert(id.to_owned(), plan);
        }
        let profile = connections["calendar"].api.descriptor().hook.clone().unwrap();
        let hook_secrets = HookSecrets::default();
        let engine = Engine::start(self.store.clone(), Arc::new(self.clock.clone()), hook_secrets.clone()).await.unwrap();
        let target = Arc::new(HookTarget { profile, random: RANDOM.to_owned() });
        self.targets.set(Some((engine.clone(), hook_secrets, target)));
        engine.apply(Plan { connections, people: self.people.clone(), settings: self.settings.clone() }).await.unwrap();
        self.engine = Some(engine);
    }

    /// Stops it in order.
    pub async fn stop(&mut self) {
        self.targets.set(None);
        if let Some(engine) = self.engine.take() {
            engine.stop().await.unwrap();
        }
    }

    /// Ends it as a crash does, after so many turns of whatever it is doing at the time.
    pub async fn crash(&mut self, turns: u32) {
        if let Some(engine) = &self.engine {
            // It notices what time it is, and begins what is due.
            engine.hook_arrived("calendar");
        }
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        self.targets.set(None);
        self.engine = None;
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.engine.is_some()
    }

    /// The engine's own view of somebody, for the report of a failure.
    pub async fn explain(&self, person: &str) -> String {
        let Some(engine) = &self.engine else { return "the host is down".to_owned() };
        let status = engine.status().await.unwrap();
        let connections: Vec<_> = status.connections.iter().map(|c| (&c.id, c.state, &c.reason, c.next_try)).collect();
        let person = status.people.iter().find(|p| p.id == person);
        format!("{connections:?}\n      {person:?}")
    }

    /// Waits until all that can happen at this time has happened: notifications have arrived, the engine has nothing to do, and
    /// whoever listens to the PBX has heard everything.
    pub async fn calm(&self, servers: &Servers) {
        let began = Instant::now();
        let mut rounds = 0_u32;
        loop {
            let state = || (self.calls.activity(), servers.calendar.deliveries(), servers.pbx.stats().writes);
            let before = state();
            if let Some(engine) = &self.engine {
                engine.settle().await.unwrap();
            }
            let sent = servers.calendar.deliveries();
            let delivered = sent.queued == sent.delivered + sent.failed;
            let heard = self.calls.waits() == servers.pbx.stats().waiting;
            if delivered && heard && before == state() {
                return;
            }
            assert!(
                began.elapsed() < STALLED,
                "nothing moves at {}: {sent:?}, {} waits, {:?}",
                self.clock.now(),
                self.calls.waits(),
                servers.pbx.stats()
            );
            rounds += 1;
            if rounds.is_multiple_of(50) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }
}
