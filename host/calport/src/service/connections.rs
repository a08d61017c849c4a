//! Live connections: made from the configuration and the connectors that are there, kept while neither changes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use calport_config::Loaded;
use calport_egress::{Egress, TraceSetting};
use calport_engine::{ConnectionPlan, Notify};
use calport_runtime::{Connection, ConnectionConfig, Limits, Plugin, PluginDirectory, Runtime};
use calport_secrets::SecretSource;

use super::discovery::rule;
use super::egress::policy;
use super::gate::Gate;

/// A connection that is up.
#[derive(Clone)]
pub struct Live {
    /// The connector's side.
    pub connector: Arc<Connection>,
    /// The way out.
    pub egress: Arc<calport_egress::Connection>,
    config: calport_config::Connection,
    limits: calport_config::Limits,
}

/// All connections, and why some are not up.
pub struct Connections {
    pub(super) runtime: Arc<Runtime>,
    pub(super) egress: Egress,
    pub(super) secrets: Arc<dyn SecretSource>,
    live: Mutex<BTreeMap<String, Live>>,
    problems: Mutex<BTreeMap<String, String>>,
    found: Mutex<BTreeMap<String, Result<String, String>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    /// None yet.
    pub fn new(runtime: Arc<Runtime>, egress: Egress, secrets: Arc<dyn SecretSource>) -> Self {
        Self { runtime, egress, secrets, live: Mutex::default(), problems: Mutex::default(), found: Mutex::default() }
    }

    /// The connection of a name.
    pub fn get(&self, name: &str) -> Option<Live> {
        lock(&self.live).get(name).cloned()
    }

    /// All that are up.
    pub fn all(&self) -> BTreeMap<String, Live> {
        lock(&self.live).clone()
    }

    /// Why connections are not up.
    pub fn problems(&self) -> BTreeMap<String, String> {
        lock(&self.problems).clone()
    }

    /// What discovery found for a connection, the URL or why there is none; it counts from the next [`Connections::rebuild`].
    pub fn set_found(&self, name: &str, found: Result<String, String>) {
        lock(&self.found).insert(name.to_owned(), found);
    }

    /// The connection as it is used: with the found URL where the configuration gives none.
    ///
    /// # Errors
    /// Why there is no URL yet.
    pub fn effective<'a>(
        &self,
        name: &str,
        connection: &'a calport_config::Connection,
    ) -> Result<Cow<'a, calport_config::Connection>, String> {
        let Some((endpoint, discovery)) = connection.to_be_found() else { return Ok(Cow::Borrowed(connection)) };
        match lock(&self.found).get(name) {
            Some(Ok(url)) if rule(name, discovery).accept(url).is_ok() => Ok(Cow::Owned(connection.with_found(url))),
            Some(Err(reason)) => Err(reason.clone()),
            Some(Ok(_)) | None => Err(format!("the URL of the endpoint {endpoint} is being looked for; `calport check` shows the steps")),
        }
    }

    /// Makes what is new or different, keeps the rest, drops what is no more. One that cannot be made does not stop the others.
    pub fn rebuild(&self, loaded: &Loaded, plugins: &PluginDirectory) {
        let config = &loaded.config;
        let mut problems = BTreeMap::new();
        let mut next = BTreeMap::new();
        for (name, connection) in &config.connections {
            let connection = match self.effective(name, connection) {
                Ok(connection) => connection,
                Err(reason) => {
                    problems.insert(name.clone(), reason);
                    continue;
                }
            };
            let connection = connection.as_ref();
            let limits = config.limits(connection);
            let old = lock(&self.live).get(name).cloned();
            let same = |live: &Live| {
                let mut present = live.config.clone();
                present.active = connection.active;
                present.notify = connection.notify;
                present.poll_s = connection.poll_s;
                present.max_subscriptions_per_connection = connection.max_subscriptions_per_connection;
                present.discovery.clone_from(&connection.discovery);
                present == *connection && live.limits == limits
            };
            if let Some(live) = old.filter(same) {
                next.insert(name.clone(), live);
                continue;
            }
            let made = match plugins.get(&connection.plugin) {
                None => Err(format!(
                    "there is no connector `{}`: put its .wasm file into the connectors' directory (`calport plugin list` shows what is there)",
                    connection.plugin
                )),
                Some(plugin) => self.make(loaded, name, connection, &plugin),
            };
            match made {
                Ok(live) => {
                    next.insert(name.clone(), live);
                }
                Err(reason) => {
                    tracing::error!(code = "connection-not-made", connection = name, "{reason}");
                    problems.insert(name.clone(), reason);
                }
            }
        }
        *lock(&self.live) = next;
        *lock(&self.problems) = problems;
    }

    fn make(&self, loaded: &Loaded, name: &str, connection: &calport_config::Connection, plugin: &Arc<Plugin>) -> Result<Live, String> {
        let descriptor = plugin.descriptor();
        if let Some(schema) = serde_json::from_str(&descriptor.settings_schema).ok()
            && let Err(diagnostics) = loaded.check_settings(name, &schema)
        {
            return Err(calport_config::render(&diagnostics, false));
        }
        for need in descriptor.endpoints.iter().filter(|need| need.required) {
            if !connection.endpoints.contains_key(&need.name) {
                return Err(format!(
                    "the connector needs the endpoint `{0}` ({1}): add [connections.{name}.endpoints.{0}] with its url{2}",
                    need.name,
                    need.purpose,
                    if need.usual_url.is_empty() { String::new() } else { format!(", usually {}", need.usual_url) }
                ));
            }
        }
        let policy = policy(&loaded.config, name, connection).map_err(|f| f.message)?;
        let egress = self.egress.connection(policy, self.secrets.clone()).map_err(|e| e.to_string())?;
        egress.set_trace(trace(connection));
        let limits = loaded.config.limits(connection);
        let config = ConnectionConfig {
            id: name.to_owned(),
            settings: serde_json::Value::Object(connection.settings.clone()),
            endpoints: endpoints(connection),
            gate: Arc::new(Gate::new(egress.clone(), connection.requests_per_second)),
            discovery_domains: Vec::new(),
            limits: runtime_limits(&limits),
        };
        let connector = self.runtime.connect(config, plugin.clone()).map_err(|e| e.to_string())?;
        Ok(Live { connector, egress, config: connection.clone(), limits })
    }

    /// The engine's view of the connections.
    pub fn plans(&self, config: &calport_config::Config, hook_urls: &BTreeMap<String, String>) -> BTreeMap<String, ConnectionPlan> {
        lock(&self.live)
            .iter()
            .filter_map(|(name, live)| {
                let connection = config.connections.get(name)?;
                let plan = ConnectionPlan {
                    id: name.clone(),
                    api: live.connector.clone(),
                    active: connection.active,
                    url: live.config.endpoints.values().find_map(|e| e.url.clone()).unwrap_or_default(),
                    hook_url: hook_urls.get(name).cloned(),
                    notify: connection.notify.map(notify),
                    poll: Duration::from_secs(u64::from(connection.poll_s)),
                    stream_members: usize::from(connection.max_subscriptions_per_connection),
                };
                Some((name.clone(), plan))
            })
            .collect()
    }
}

fn notify(way: calport_config::Notify) -> Notify {
    match way {
        calport_config::Notify::Streams => Notify::Streams,
        calport_config::Notify::Hooks => Notify::Hooks,
        calport_config::Notify::Polling => Notify::Polling,
    }
}

/// The endpoints with their URLs; one that is still to be found is none.
pub(super) fn endpoints(connection: &calport_config::Connection) -> Vec<(String, String)> {
    connection.endpoints.iter().filter_map(|(name, endpoint)| Some((name.clone(), endpoint.url.clone()?))).collect()
}

/// The protocol trace that the configuration asks for.
pub(super) fn trace(connection: &calport_config::Connection) -> Option<TraceSetting> {
    let minutes = jiff::SignedDuration::from_mins(i64::from(connection.trace.minutes));
    connection.trace.active.then(|| TraceSetting { until: jiff::Timestamp::now() + minutes, bodies: connection.trace.bodies })
}

pub(super) fn runtime_limits(limits: &calport_config::Limits) -> Limits {
    const MIB: usize = 1024 * 1024;
    let defaults = Limits::default();
    Limits {
        memory: limits.memory_mib as usize * MIB,
        cpu: Duration::from_millis(u64::from(limits.cpu_ms)),
        wall: Duration::from_secs(u64::from(limits.wall_s)),
        concurrency: limits.concurrency as usize,
        requests: limits.requests as usize,
        response_body: u64::from(limits.response_mib) * MIB as u64,
        log_lines: limits.log_lines_per_second,
        keep_memory: (limits.memory_mib as usize * MIB).min(defaults.keep_memory),
        ..defaults
    }
}
