//! A connection: one connector with one set of settings, behind the host's trait.
//!
//! Calls run on instances that are opened with the settings before their first use and reused afterwards; several at a time
//! up to a bound, each in a task of its own so that not even a bug of the host's bindings reaches the caller. When the file
//! of the connector is replaced, new calls go to the new version after it answered `open` and `check`; calls under way end
//! on the old one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use calport_model::connector::{ChangePage, IdPage};
use calport_model::descriptor::CheckReport;
use calport_model::directory::{EntryPage, MailboxInfo, Resolution};
use calport_model::notification::{Hint, HookRequest, Renewal, Subscription, SubscriptionRequest, WaitResult};
use calport_model::presence::{PresenceReading, PresenceReceipt, PresenceUpdate};
use calport_model::{
    Absence, Answer, Capability, ConnectorApi, ConnectorError, Descriptor, ErrorKind, ErrorScope, Event, Items, Window,
};
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use wasmtime::Store;

use crate::bindings::exports::{connector, notifications, presence};
use crate::bindings::imports::common;
use crate::breaker::Breaker;
use crate::call::{Call, Guest, Instance, strike};
use crate::convert;
use crate::convert::error::{broken, from_guest};
use crate::cost::{Cost, CostSnapshot};
use crate::error::RuntimeError;
use crate::gate::HttpGate;
use crate::limits::{Limits, ValueLimits};
use crate::plugin::Plugin;
use crate::runtime::Runtime;
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
    /// Its limits.
    pub limits: Limits,
}

struct Active {
    plugin: Arc<Plugin>,
    services: Arc<Services>,
    generation: u64,
}

struct Inner {
    runtime: Arc<Runtime>,
    id: String,
    settings: String,
    settings_json: serde_json::Value,
    endpoints: Vec<connector::Endpoint>,
    gate: Arc<dyn HttpGate>,
    limits: Limits,
    cost: Arc<Cost>,
    calls: Semaphore,
    waits: Semaphore,
    active: Mutex<Option<Arc<Active>>>,
    last_descriptor: Mutex<Arc<Descriptor>>,
    missing: Mutex<String>,
    idle: Mutex<Vec<(u64, Instance)>>,
    breaker: Mutex<Breaker>,
}

/// A connection. Shared by all who call it.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a call does with an instance.
type Job<T> = Box<dyn for<'a> FnOnce(&'a mut Store<State>, &'a Guest) -> BoxFuture<'a, wasmtime::Result<T>> + Send>;

/// The outcome of an exported function; the outer `None` says that the interface is not exported.
type Exported<T> = Option<Result<T, common::Error>>;

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
            calls: Semaphore::new(limits.concurrency.max(1)),
            waits: Semaphore::new(limits.waits.max(1)),
            limits,
            cost,
            active: Mutex::new(None),
            last_descriptor: Mutex::new(plugin.descriptor()),
            missing: Mutex::default(),
            idle: Mutex::default(),
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
    }

    /// What it has cost so far.
    pub fn cost(&self) -> CostSnapshot {
        self.0.cost.snapshot()
    }

    /// Until when the connector is held back after failures of its own.
    pub fn held_back_until(&self) -> Option<jiff::Timestamp> {
        lock(&self.0.breaker).open_until()
    }

    /// The version in use.
    pub fn plugin(&self) -> Option<Arc<Plugin>> {
        lock(&self.0.active).as_ref().map(|active| active.plugin.clone())
    }
}

/// Compares settings with the connector's schema.
fn check_settings(connection: &str, settings: &serde_json::Value, plugin: &Plugin) -> Result<(), RuntimeError> {
    let wrong = |at: String, reason: String| RuntimeError::Settings { connection: connection.to_owned(), at, reason };
    let schema: serde_json::Value = serde_json::from_str(&plugin.descriptor().settings_schema)
        .map_err(|e| wrong("settings".to_owned(), format!("cannot be checked: {e}")))?;
    let validator = jsonschema::validator_for(&schema).map_err(|e| wrong("settings".to_owned(), format!("cannot be checked: {e}")))?;
    match validator.iter_errors(settings).next() {
        Some(error) => {
            Err(wrong(format!("settings{}", error.instance_path().to_string().replace('/', ".")), crate::guest_log::clean(&error.to_string(), 300)))
        }
        None => Ok(()),
    }
}

impl Inner {
    fn services(&self, plugin: &Plugin) -> Arc<Services> {
        Arc::new(self.runtime.services(&self.id, &plugin.descriptor().name, self.gate.clone(), self.cost.clone(), self.limits.clone()))
    }

    fn activate(&self, plugin: Arc<Plugin>) {
        let services = self.services(&plugin);
        *lock(&self.last_descriptor) = plugin.descriptor();
        let mut active = lock(&self.active);
        let generation = active.as_ref().map_or(1, |a| a.generation + 1);
        *active = Some(Arc::new(Active { plugin, services, generation }));
        lock(&self.idle).clear();
        lock(&self.breaker).reset();
    }

    async fn open(&self, instance: &mut Instance) -> Result<(), ConnectorError> {
        let (settings, endpoints) = (self.settings.clone(), self.endpoints.clone());
        let opened = instance
            .run(Call::quick(), move |store, guest| {
                Box::pin(async move { guest.connector.call_open(store, &settings, &endpoints).await })
            })
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
        let mut instance = Instance::start(&self.runtime.engine, &active.plugin.pre, &active.plugin.exports, active.services.clone()).await?;
        self.open(&mut instance).await?;
        Ok(instance)
    }

    fn give_back(&self, active: &Active, mut instance: Instance) {
        if instance.dead || instance.memory() > self.limits.keep_memory {
            return;
        }
        instance.tidy();
        let mut idle = lock(&self.idle);
        if idle.len() < MOST_IDLE {
            idle.push((active.generation, instance));
        }
    }

    async fn call<T: Send + 'static>(self: Arc<Self>, call: Call, job: Job<T>) -> Result<T, ConnectorError> {
        let active = lock(&self.active).clone().ok_or_else(|| self.suspended())?;
        let now = self.runtime.clock.now();
        lock(&self.breaker).admit(now).map_err(|(wait, reason)| {
            ConnectorError::new(
                ErrorKind::Suspended(Some(wait)),
                ErrorScope::Connection,
                format!("the connector {} is held back after it failed: {reason}; replace its file, or report it to its maker", active.plugin.file),
            )
        })?;
        let inner = self.clone();
        let running = active.clone();
        let task = tokio::spawn(async move {
            let mut instance = inner.instance(&running).await?;
            let result = instance.run(call, job).await;
            inner.give_back(&running, instance);
            result
        });
        let result = match AbortOnDropHandle::new(task).await {
            Ok(result) => result,
            Err(error) => Err(strike(format!("the call ended unexpectedly: {error}"))),
        };
        let mut breaker = lock(&self.breaker);
        match &result {
            Err(error) if error.kind == ErrorKind::Plugin => breaker.strike(self.runtime.clock.now(), &error.message),
            _ => breaker.succeeded(),
        }
        result
    }

    fn suspended(&self) -> ConnectorError {
        ConnectorError::new(ErrorKind::Suspended(None), ErrorScope::Connection, lock(&self.missing).clone())
    }

    fn unsupported(&self, capability: Capability) -> ConnectorError {
        ConnectorError::new(
            ErrorKind::Unsupported,
            ErrorScope::Connection,
            format!("the connector of `{}` does not offer `{}`; use another connector for this flow", self.id, capability.as_str()),
        )
    }
}

impl Connection {
    /// Calls a function of an interface that the connector may lack.
    fn ask<T: Send + 'static>(&self, capability: Capability, job: Job<Exported<T>>) -> Answer<'static, T> {
        let inner = self.0.clone();
        Box::pin(async move {
            let _turn = inner.calls.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let answer = inner.clone().call(Call::normal(), job).await?;
            answer.ok_or_else(|| inner.unsupported(capability))?.map_err(from_guest)
        })
    }

    /// Calls a function that answers per item, and checks that there is an answer to each.
    fn ask_many<T: Send + 'static, U: Send + 'static>(
        &self,
        capability: Capability,
        asked: usize,
        scope: ErrorScope,
        convert: impl Fn(T, &ValueLimits) -> Result<U, String> + Send + 'static,
        job: Job<Option<Vec<Result<T, common::Error>>>>,
    ) -> Answer<'static, Items<U>> {
        let inner = self.0.clone();
        Box::pin(async move {
            if asked == 0 {
                return Ok(Vec::new());
            }
            let _turn = inner.calls.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let answers = inner.clone().call(Call::normal(), job).await?.ok_or_else(|| inner.unsupported(capability))?;
            if answers.len() != asked {
                return Err(broken(ErrorScope::Connection, format!("{} answers to {asked} questions", answers.len())));
            }
            let limits = inner.limits.values;
            Ok(answers
                .into_iter()
                .map(|answer| answer.map_err(from_guest).and_then(|value| convert(value, &limits).map_err(|reason| broken(scope, reason))))
                .collect())
        })
    }
}

/// A job that calls a function of an optional interface.
macro_rules! optional {
    ($interface:ident, |$store:ident, $guest:ident| $call:expr) => {
        Box::new(move |$store, guest| {
            Box::pin(async move {
                match &guest.$interface {
                    Some($guest) => $call.await.map(Some),
                    None => Ok(None),
                }
            })
        })
    };
}

impl ConnectorApi for Connection {
    fn descriptor(&self) -> Arc<Descriptor> {
        lock(&self.0.last_descriptor).clone()
    }

    fn check(&self) -> Answer<'_, CheckReport> {
        let inner = self.0.clone();
        Box::pin(async move {
            let _turn = inner.calls.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let limits = inner.limits.values;
            let answer = inner.clone().call(Call::normal(), Box::new(|store, guest| Box::pin(guest.connector.call_check(store)))).await?;
            answer.map(|report| convert::descriptor::report(report, &limits)).map_err(from_guest)
        })
    }

    fn migrate_cursor(&self, format: u32, cursor: String) -> Answer<'_, String> {
        let inner = self.0.clone();
        Box::pin(async move {
            let _turn = inner.calls.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let limit = inner.limits.values.cursor;
            let job: Job<Result<String, common::Error>> =
                Box::new(move |store, guest| Box::pin(async move { guest.connector.call_migrate_cursor(store, format, &cursor).await }));
            let cursor = inner.clone().call(Call::quick(), job).await?.map_err(from_guest)?;
            convert::exact("the cursor", cursor, limit).map_err(|reason| broken(ErrorScope::Mailbox, reason))
        })
    }

    fn list_entries(&self, next: Option<String>) -> Answer<'_, EntryPage> {
        let limits = self.0.limits.values;
        let asked = self.ask(Capability::Directory, optional!(directory, |store, guest| guest.call_list_entries(store, next.as_ref())));
        Box::pin(async move {
            let (page, left_out) = convert::directory::page(asked.await?, &limits)?;
            if left_out > 0 {
                tracing::warn!(code = "entries-unreadable", connection = self.0.id, count = left_out, "directory entries could not be read and are left out");
            }
            Ok(page)
        })
    }

    fn resolve(&self, addresses: Vec<String>) -> Answer<'_, Items<Resolution>> {
        let asked = addresses.len();
        self.ask_many(
            Capability::Directory,
            asked,
            ErrorScope::Mailbox,
            convert::directory::resolution,
            optional!(directory, |store, guest| guest.call_resolve(store, &addresses)),
        )
    }

    fn mailbox_infos(&self, mailboxes: Vec<String>) -> Answer<'_, Items<MailboxInfo>> {
        let asked = mailboxes.len();
        self.ask_many(
            Capability::Calendar,
            asked,
            ErrorScope::Mailbox,
            |info, limits| Ok(convert::calendar::mailbox_info(info, limits)),
            optional!(calendar, |store, guest| guest.call_mailbox_infos(store, &mailboxes)),
        )
    }

    fn changes(&self, mailbox: String, window: Window, cursor: Option<String>) -> Answer<'_, ChangePage> {
        let (limits, window) = (self.0.limits.values, convert::time::window(window));
        let asked = self.ask(
            Capability::Calendar,
            optional!(calendar, |store, guest| guest.call_changes(store, &mailbox, None, window, cursor.as_ref())),
        );
        Box::pin(async move { convert::calendar::page(asked.await?, &limits) })
    }

    fn instances(&self, mailbox: String, master: String, window: Window) -> Answer<'_, Vec<Event>> {
        let (limits, window) = (self.0.limits.values, convert::time::window(window));
        let shown = master.clone();
        let asked =
            self.ask(Capability::Calendar, optional!(calendar, |store, guest| guest.call_instances(store, &mailbox, None, &master, window)));
        Box::pin(async move {
            let (events, bad) = convert::calendar::events(asked.await?, &limits)?;
            for reason in bad {
                tracing::warn!(code = "event-unreadable", connection = self.0.id, series = shown, reason, "an occurrence was set aside");
            }
            Ok(events)
        })
    }

    fn get_events(&self, mailbox: String, ids: Vec<String>) -> Answer<'_, Items<Event>> {
        let asked = ids.len();
        self.ask_many(
            Capability::Calendar,
            asked,
            ErrorScope::Item,
            |detail, limits| convert::calendar::event(detail.event, limits),
            optional!(calendar, |store, guest| guest.call_get_events(store, &mailbox, &ids)),
        )
    }

    fn ids(&self, mailbox: String, window: Window, next: Option<String>) -> Answer<'_, IdPage> {
        let (limits, window) = (self.0.limits.values, convert::time::window(window));
        let asked = self.ask(
            Capability::Calendar,
            optional!(calendar, |store, guest| guest.call_ids(store, &mailbox, None, window, next.as_ref())),
        );
        Box::pin(async move { convert::calendar::ids(asked.await?, &limits) })
    }

    fn read_absences(&self, mailboxes: Vec<String>) -> Answer<'_, Items<Absence>> {
        let asked = mailboxes.len();
        self.ask_many(
            Capability::Absence,
            asked,
            ErrorScope::Mailbox,
            |setting, _| convert::calendar::absence(&setting),
            optional!(absence, |store, guest| guest.call_read_many(store, &mailboxes)),
        )
    }

    fn set_presence(&self, updates: Vec<PresenceUpdate>) -> Answer<'_, Items<PresenceReceipt>> {
        let updates: Vec<presence::PresenceUpdate> = updates.into_iter().map(convert::presence::update).collect();
        let asked = updates.len();
        self.ask_many(
            Capability::Presence,
            asked,
            ErrorScope::Item,
            convert::presence::receipt,
            optional!(presence, |store, guest| guest.call_set_many(store, &updates)),
        )
    }

    fn read_presence(&self, users: Vec<String>) -> Answer<'_, Items<PresenceReading>> {
        let asked = users.len();
        self.ask_many(
            Capability::Presence,
            asked,
            ErrorScope::Item,
            convert::presence::reading,
            optional!(presence, |store, guest| guest.call_read_many(store, &users)),
        )
    }

    fn subscribe(&self, requests: Vec<SubscriptionRequest>) -> Answer<'_, Items<Subscription>> {
        let requests: Vec<notifications::SubscriptionRequest> = requests.into_iter().map(convert::notification::request).collect();
        let asked = requests.len();
        self.ask_many(
            Capability::Notifications,
            asked,
            ErrorScope::Mailbox,
            convert::notification::subscription,
            optional!(notifications, |store, guest| guest.call_subscribe(store, &requests)),
        )
    }

    fn renew(&self, renewals: Vec<Renewal>) -> Answer<'_, Items<Subscription>> {
        let renewals: Vec<notifications::Renewal> = renewals
            .into_iter()
            .map(|r| notifications::Renewal { id: r.id, expires: convert::time::millis(r.expires) })
            .collect();
        let asked = renewals.len();
        self.ask_many(
            Capability::Notifications,
            asked,
            ErrorScope::Mailbox,
            convert::notification::subscription,
            optional!(notifications, |store, guest| guest.call_renew(store, &renewals)),
        )
    }

    fn unsubscribe(&self, ids: Vec<String>) -> Answer<'_, Items<()>> {
        let asked = ids.len();
        self.ask_many(
            Capability::Notifications,
            asked,
            ErrorScope::Mailbox,
            |(), _| Ok(()),
            optional!(notifications, |store, guest| guest.call_unsubscribe(store, &ids)),
        )
    }

    fn live_subscriptions(&self) -> Answer<'_, Vec<Subscription>> {
        let limits = self.0.limits.values;
        let asked = self.ask(Capability::Notifications, optional!(notifications, |store, guest| guest.call_live_subscriptions(store)));
        Box::pin(async move {
            let found = asked.await?;
            Ok(found.into_iter().filter_map(|one| convert::notification::subscription(one, &limits).ok()).collect())
        })
    }

    fn read_hooks(&self, requests: Vec<HookRequest>) -> Answer<'_, Items<Vec<Hint>>> {
        let requests: Vec<notifications::HookRequest> = requests.into_iter().map(convert::notification::hook).collect();
        let asked = requests.len();
        self.ask_many(
            Capability::Notifications,
            asked,
            ErrorScope::Item,
            convert::notification::hints,
            optional!(notifications, |store, guest| guest.call_read_hooks(store, &requests)),
        )
    }

    fn wait(&self, subscriptions: Vec<String>, cursor: Option<String>, timeout: Duration) -> Answer<'_, WaitResult> {
        let inner = self.0.clone();
        Box::pin(async move {
            let _turn = inner.waits.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let limits = inner.limits.values;
            let milliseconds = u32::try_from(timeout.min(Duration::from_secs(30)).as_millis()).unwrap_or(30_000);
            let job: Job<Exported<notifications::WaitResult>> =
                optional!(notifications, |store, guest| guest.call_wait(store, &subscriptions, cursor.as_ref(), milliseconds));
            let call = Call { wall: Some(inner.limits.wait_wall) };
            let answer = inner.clone().call(call, job).await?;
            let result = answer.ok_or_else(|| inner.unsupported(Capability::Notifications))?.map_err(from_guest)?;
            convert::notification::waited(result, &limits).map_err(|reason| broken(ErrorScope::Connection, reason))
        })
    }
}
