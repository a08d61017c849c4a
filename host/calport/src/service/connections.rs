//! Live connections: made from the configuration and the connectors that are there, kept while neither changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use calport_config::Loaded;
use calport_egress::Egress;
use calport_engine::ConnectionPlan;
use calport_runtime::{Connection, ConnectionConfig, Limits, Plugin, PluginDirectory, Runtime};
use calport_secrets::SecretSource;

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
    runtime: Arc<Runtime>,
    egress: Egress,
    secrets: Arc<dyn SecretSource>,
    live: Mutex<BTreeMap<String, Live>>,
    problems: Mutex<BTreeMap<String, String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    /// None yet.
    pub fn new(runtime: Arc<Runtime>, egress: Egress, secrets: Arc<dyn SecretSource>) -> Self {
        Self { runtime, egress, secrets, live: Mutex::default(), problems: Mutex::default() }
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

    /// Makes what is new or different, keeps the rest, drops what is no more. One that cannot be made does not stop the others.
    pub fn rebuild(&self, loaded: &Loaded, plugins: &PluginDirectory) {
        let config = &loaded.config;
        let mut problems = BTreeMap::new();
        let mut next = BTreeMap::new();
        for (name, connection) in &config.connections {
            let limits = config.limits(connection);
            let old = lock(&self.live).get(name).cloned();
            let same = |live: &Live| {
                let mut present = live.config.clone();
                present.active = connection.active;
                present.poll_s = connection.poll_s;
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
        if connection.trace.active {
            let until = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(i64::from(connection.trace.minutes));
            egress.set_trace(Some(calport_egress::TraceSetting { until, bodies: connection.trace.bodies }));
        }
        let limits = loaded.config.limits(connection);
        let config = ConnectionConfig {
            id: name.to_owned(),
            settings: serde_json::Value::Object(connection.settings.clone()),
            endpoints: connection.endpoints.iter().map(|(name, endpoint)| (name.clone(), endpoint.url.clone())).collect(),
            gate: Arc::new(Gate::new(egress.clone(), connection.requests_per_second)),
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
                    url: connection.endpoints.values().next().map(|e| e.url.clone()).unwrap_or_default(),
                    hook_url: hook_urls.get(name).cloned(),
                    poll: Duration::from_secs(u64::from(connection.poll_s)),
                };
                Some((name.clone(), plan))
            })
            .collect()
    }
}

fn runtime_limits(limits: &calport_config::Limits) -> Limits {
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
