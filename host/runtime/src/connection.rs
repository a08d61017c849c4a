//! A connection: one connector with one set of settings, behind the host's trait.
//!
//! Calls run on instances that are opened with the settings before their first use and reused afterwards; several at a time
//! up to a bound, each in a task of its own so that not even a bug of the host's bindings reaches the caller. When the file
//! of the connector is replaced, new calls go to the new version after it answered `open` and `check`; calls under way end
//! on the old one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use calport_model::{Capability, ConnectorError, Descriptor, ErrorKind, ErrorScope};
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use wasmtime::Store;

use crate::bindings::exports::connector;
use crate::bindings::imports::common;
use crate::breaker::{Admitted, Breaker};
use crate::call::{Call, Guest, Instance, strike};
use crate::convert::error::from_guest;
use crate::cost::{Cost, CostSnapshot};
use crate::error::RuntimeError;
use crate::gate::HttpGate;
use crate::limits::Limits;
use crate::pinned::{Pinned, Slot};
use crate::plugin::Plugin;
use crate::runtime::Runtime;
use crate::settings::check_settings;
use crate::state::{Services, State};

/// The most idle instances that are kept; each holds about its linear memory.
const MOST_IDLE: usize = 4;

/// What a connection needs.
pub struct ConnectionConfig {
    /// Its id.
    pub id: String,
    /// Settings for the connector, a JSON object.
    pub settings: serde_json::Value,
    /// Endpoints: name and base URL without a slash at its end.
    pub endpoints: Vec<(String, String)>,
    /// The way out.
    pub gate: Arc<dyn HttpGate>,
    /// Domains whose service records may be looked up; empty except for a discovery (SEMANTICS B-48).
    pub discovery_domains: Vec<String>,
    /// Its limits.
    pub limits: Limits,
}

struct Active {
    plugin: Arc<Plugin>,
    services: Arc<Services>,
    generation: u64,
}

/// What all handles of a connection share.
pub(crate) struct Inner {
    runtime: Arc<Runtime>,
    pub(crate) id: String,
    settings: String,
    settings_json: serde_json::Value,
    endpoints: Vec<connector::Endpoint>,
    gate: Arc<dyn HttpGate>,
    discovery_domains: Vec<String>,
    moved: AtomicBool,
    pub(crate) limits: Limits,
    cost: Arc<Cost>,
    pub(crate) calls: Semaphore,
    pub(crate) waits: Semaphore,
    active: Mutex<Option<Arc<Active>>>,
    generations: AtomicU64,
    pub(crate) last_descriptor: Mutex<Arc<Descriptor>>,
    missing: Mutex<String>,
    idle: Mutex<Vec<(u64, Instance)>>,
    pub(crate) pinned: Arc<Pinned>,
    breaker: Mutex<Breaker>,
}

/// A connection. Shared by all who call it.
#[derive(Clone)]
pub struct Connection(pub(crate) Arc<Inner>);

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a call does with an instance.
pub(crate) type Job<T> = Box<dyn for<'a> FnOnce(&'a mut Store<State>, &'a Guest) -> BoxFuture<'a, wasmtime::Result<T>> + Send>;

impl Connection {
    pub(crate) fn new(runtime: Arc<Runtime>, config: ConnectionConfig, plugin: Arc<Plugin>) -> Result<Arc<Self>, RuntimeError> {
        check_settings(&config.id, &config.settings, &plugin)?;
        let limits = config.limits;
        let cost: Arc<Cost> = Arc::default();
        let inner = Inner {
            id: config.id,
            settings: config.settings.to_string(),
            settings_json: config.settings,
            endpoints: config
                .endpoints
                .into_iter()
                .map(|(name, url)| connector::Endpoint { name, url: url.trim_end_matches('/').to_owned() })
                .collect(),
            gate: config.gate,
            discovery_domains: config.discovery_domains,
            moved: AtomicBool::new(false),
            calls: Semaphore::new(limits.concurrency.max(1)),
            waits: Semaphore::new(limits.waits.max(1)),
            limits,
            cost,
            active: Mutex::new(None),
            generations: AtomicU64::new(0),
            last_descriptor: Mutex::new(plugin.descriptor()),
            missing: Mutex::default(),
            idle: Mutex::default(),
            pinned: Arc::default(),
            breaker: Mutex::default(),
            runtime,
        };
        let connection = Self(Arc::new(inner));
        connection.0.activate(plugin);
        Ok(Arc::new(connection))
    }

    /// Goes over to another version of the connector, after it has opened with the settings and, if wished, passed its check.
    /// If it does not, the present one stays.
    ///
    /// # Errors
    /// Why the new version stays out.
    pub async fn replace(&self, plugin: Arc<Plugin>, check: bool) -> Result<(), RuntimeError> {
        let inner = &self.0;
        check_settings(&inner.id, &inner.settings_json, &plugin)?;
        let file = plugin.file.clone();
        let trial = |error: ConnectorError| RuntimeError::Trial { file: file.clone(), reason: error.message };
        let services = inner.services(&plugin);
        let mut instance = Instance::start(&inner.runtime.engine, &plugin.pre, &plugin.exports, services).await.map_err(trial)?;
        inner.open(&mut instance).await.map_err(trial)?;
        if check {
            let checked = instance
                .run(Call::normal(), |store, guest| Box::pin(guest.connector.call_check(store)))
                .await
                .and_then(|answer| answer.map_err(from_guest));
            checked.map_err(trial)?;
        }
        inner.activate(plugin);
        Ok(())
    }

    /// The connector's file is gone: calls say so until there is another one. Calls under way end.
    pub fn suspend(&self, reason: &str) {
        reason.clone_into(&mut lock(&self.0.missing));
        *lock(&self.0.active) = None;
        lock(&self.0.idle).clear();
        self.0.pinned.clear();
    }

    /// What it has cost so far.
    pub fn cost(&self) -> CostSnapshot {
        self.0.cost.snapshot()
    }

    /// Until when the connector is held back after failures of its own.
    pub fn held_back_until(&self) -> Option<jiff::Timestamp> {
        lock(&self.0.breaker).open_until()
    }

    /// Whether the other side said since the last question that something lives elsewhere.
    pub fn take_moved(&self) -> bool {
        self.0.moved.swap(false, Ordering::Relaxed)
    }

    /// The version in use.
    pub fn plugin(&self) -> Option<Arc<Plugin>> {
        lock(&self.0.active).as_ref().map(|active| active.plugin.clone())
    }
}

impl Inner {
    fn services(&self, plugin: &Plugin) -> Arc<Services> {
        let name = &plugin.descriptor().name;
        let services = self.runtime.services(&self.id, name, self.gate.clone(), self.cost.clone(), self.limits.clone());
        Arc::new(Services { discovery_domains: self.discovery_domains.clone(), ..services })
    }

    fn activate(&self, plugin: Arc<Plugin>) {
        let services = self.services(&plugin);
        *lock(&self.last_descriptor) = plugin.descriptor();
        // Counted for the whole life of the connection: an instance of a version that is gone never passes for a later one.
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        let mut active = lock(&self.active);
        *active = Some(Arc::new(Active { plugin, services, generation }));
        lock(&self.idle).clear();
        self.pinned.clear();
        lock(&self.breaker).reset();
    }

    /// Whether this version is the one in use.
    fn is_current(&self, version: &Active) -> bool {
        lock(&self.active).as_ref().is_some_and(|active| active.generation == version.generation)
    }

    async fn open(&self, instance: &mut Instance) -> Result<(), ConnectorError> {
        let (settings, endpoints) = (self.settings.clone(), self.endpoints.clone());
        let opened = instance
            .run(Call::quick(), move |store, guest| Box::pin(async move { guest.connector.call_open(store, &settings, &endpoints).await }))
            .await?;
        opened.map_err(from_guest)
    }

    /// An opened instance of the version in use.
    async fn instance(&self, active: &Active) -> Result<Instance, ConnectorError> {
        {
            let mut idle = lock(&self.idle);
            idle.retain(|(generation, _)| *generation == active.generation);
            if let Some((_, instance)) = idle.pop() {
                return Ok(instance);
            }
        }
        self.new_instance(active).await
    }

    async fn new_instance(&self, active: &Active) -> Result<Instance, ConnectorError> {
        let mut instance =
            Instance::start(&self.runtime.engine, &active.plugin.pre, &active.plugin.exports, active.services.clone()).await?;
        self.open(&mut instance).await?;
        Ok(instance)
    }

    fn give_back(&self, active: &Active, mut instance: Instance) {
        if instance.dead || instance.memory() > self.limits.keep_memory || !self.is_current(active) {
            return;
        }
        instance.tidy();
        let mut idle = lock(&self.idle);
        if idle.len() < MOST_IDLE {
            idle.push((active.generation, instance));
        }
    }

    /// Calls the version in use, on an instance of its own, in a task of its own.
    pub(crate) async fn call<T: Send + 'static>(self: Arc<Self>, call: Call, job: Job<T>) -> Result<T, ConnectorError> {
        self.call_on(None, call, job).await
    }

    /// The same on the instance of a stream, which keeps what it has open.
    pub(crate) async fn call_pinned<T: Send + 'static>(
        self: Arc<Self>,
        stream: &str,
        call: Call,
        job: Job<T>,
    ) -> Result<T, ConnectorError> {
        let slot = Pinned::take(&self.pinned, stream).ok_or_else(|| {
            let message = "a wait on this stream is under way already";
            ConnectorError::new(ErrorKind::Invalid { field: "stream".to_owned(), reason: message.to_owned() }, ErrorScope::Item, message)
        })?;
        self.call_on(Some(slot), call, job).await
    }

    async fn call_on<T: Send + 'static>(self: Arc<Self>, slot: Option<Slot>, call: Call, job: Job<T>) -> Result<T, ConnectorError> {
        let active = lock(&self.active).clone().ok_or_else(|| self.suspended())?;
        let admitted = lock(&self.breaker).admit(self.runtime.clock.now()).map_err(|(wait, reason)| {
            ConnectorError::new(
                ErrorKind::Suspended(Some(wait)),
                ErrorScope::Connection,
                format!(
                    "the connector {} is held back after it failed: {reason}; replace its file, or report it to its maker",
                    active.plugin.file
                ),
            )
        })?;
        let mut verdict = Verdict { inner: &self, active: &active, admitted: Some(admitted) };
        let inner = self.clone();
        let running = active.clone();
        let task = tokio::spawn(async move {
            let Some(mut slot) = slot else {
                let mut instance = inner.instance(&running).await?;
                let result = instance.run(call, job).await;
                inner.give_back(&running, instance);
                return result;
            };
            let mut instance = match slot.instance.take() {
                Some(instance) => instance,
                None => inner.new_instance(&running).await?,
            };
            let result = instance.run(call, job).await;
            if !instance.dead && inner.is_current(&running) {
                instance.go_on();
                slot.give_back(instance);
            }
            result
        });
        let result = match AbortOnDropHandle::new(task).await {
            Ok(result) => result,
            Err(error) => Err(strike(format!("the call ended unexpectedly: {error}"))),
        };
        verdict.pass(result.as_ref().err());
        result
    }

    /// An error of the connector's, in the host's words. That something moved is remembered.
    pub(crate) fn said(&self, error: common::Error) -> ConnectorError {
        let error = from_guest(error);
        if matches!(error.kind, ErrorKind::Moved(_)) {
            self.moved.store(true, Ordering::Relaxed);
        }
        error
    }

    fn suspended(&self) -> ConnectorError {
        ConnectorError::new(ErrorKind::Suspended(None), ErrorScope::Connection, lock(&self.missing).clone())
    }

    pub(crate) fn unsupported(&self, capability: Capability) -> ConnectorError {
        ConnectorError::new(
            ErrorKind::Unsupported,
            ErrorScope::Connection,
            format!("the connector of `{}` does not offer `{}`; use another connector for this flow", self.id, capability.as_str()),
        )
    }
}

/// Tells the breaker how an admitted call ended, also when its caller goes away before it does. The breaker belongs to the
/// version in use: how a call ends on one that was replaced meanwhile says nothing about its successor.
struct Verdict<'a> {
    inner: &'a Inner,
    active: &'a Active,
    admitted: Option<Admitted>,
}

impl Verdict<'_> {
    fn pass(&mut self, error: Option<&ConnectorError>) {
        let Some(admitted) = self.admitted.take() else { return };
        if !self.inner.is_current(self.active) {
            return;
        }
        let mut breaker = lock(&self.inner.breaker);
        match error {
            Some(error) if error.kind == ErrorKind::Plugin => breaker.strike(admitted, self.inner.runtime.clock.now(), &error.message),
            _ => breaker.succeeded(admitted),
        }
    }
}

impl Drop for Verdict<'_> {
    fn drop(&mut self) {
        if let Some(admitted) = self.admitted.take()
            && self.inner.is_current(self.active)
        {
            lock(&self.inner.breaker).given_up(admitted);
        }
    }
}
