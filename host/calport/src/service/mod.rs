//! The service: everything put together, and kept in step with the configuration and the connectors' directory.

pub mod connections;
mod control;
pub mod discovery;
mod egress;
mod explain;
mod gate;
mod hooks;
pub mod people;
mod preview;
pub mod probe;
mod roster;
pub mod secrets;
pub mod settings;
mod trace;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use calport_config::Loaded;
use calport_egress::Egress;
use calport_engine::{Engine, EngineHandle, HookSecrets, Plan};
use calport_model::directory::Entry;
use calport_model::{Capability, ConnectorApi as _, SystemClock};
use calport_runtime::{ChildProcess, PluginDirectory, PluginEvent, Runtime, RuntimeConfig};
use calport_store::Store;
use calport_web::control::Token;
use calport_web::hooks::{HookLimits, HookReceiver};
use calport_web::logring::LogRing;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::exit::{Exit, Failure};
use connections::Connections;
pub use hooks::probe_targets;
use people::Left;

/// How often directories of people are asked again.
const DIRECTORIES: Duration = Duration::from_secs(15 * 60);
/// How soon after a failure.
const DIRECTORIES_RETRY: Duration = Duration::from_secs(30);
/// The most pages of a directory.
const DIRECTORY_PAGES: usize = 2_000;

/// A running service. Ends when it is stopped.
pub struct Service {
    /// Where the configuration is.
    pub file: PathBuf,
    loaded: RwLock<Arc<Loaded>>,
    store: Store,
    /// The engine.
    pub engine: EngineHandle,
    /// The connectors' directory.
    pub plugins: PluginDirectory,
    /// The connections.
    pub connections: Connections,
    randoms: Mutex<BTreeMap<String, String>>,
    targets: Arc<hooks::Targets>,
    receiver: HookReceiver,
    listed: Mutex<BTreeMap<String, Vec<Entry>>>,
    left: Mutex<Vec<Left>>,
    rebuilding: tokio::sync::Mutex<()>,
    ring: LogRing,
    /// Cancelled when the service is to end.
    pub stop: CancellationToken,
    began: std::time::Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file of the control API's token.
pub fn token_file(config: &calport_config::Config) -> PathBuf {
    config.host.data_dir.join("control.token")
}

fn failed(what: &str) -> impl Fn(std::io::Error) -> Failure + '_ {
    move |error| Failure::new(Exit::Failed, format!("{what}: {error}"))
}

impl Service {
    /// Starts everything. When this returns, listeners are open and connections are being checked.
    ///
    /// # Errors
    /// When a directory, the store, the key of the secrets, or a listener cannot be had.
    pub async fn start(file: &Path, loaded: Loaded, ring: LogRing) -> Result<Arc<Self>, Failure> {
        let config = &loaded.config;
        let data = &config.host.data_dir;
        make_private(data).map_err(failed(&format!("the data directory {} cannot be made and kept from others", data.display())))?;
        let secret_store = Arc::new(secrets::secret_store(config)?);
        let sealer = Arc::new(secrets::KeyringSealer(secret_store.keyring()?));
        let store = Store::open(&data.join("calport.sqlite"), sealer).await?;
        let clock = Arc::new(SystemClock);
        let program = std::env::current_exe().map_err(failed("this program cannot be found"))?;
        let compiler = ChildProcess { program, arguments: vec!["plugin".to_owned(), "precompile".to_owned()] };
        let runtime = Runtime::new(RuntimeConfig { cache: config.cache_dir(), compiler: Arc::new(compiler), clock: clock.clone() })?;
        let plugins = PluginDirectory::watch(runtime.clone(), &config.host.plugins_dir).await?;
        let traces = trace::TraceFiles::new(data.join("trace"), 16 * 1024 * 1024);
        let egress = Egress::new(Arc::new(calport_egress::SystemClock::new()), Arc::new(traces));
        let hook_secrets = HookSecrets::default();
        let engine = Engine::start(store.clone(), clock.clone(), hook_secrets.clone()).await?;
        let targets = Arc::new(hooks::Targets::new(hook_secrets, engine.clone()));
        let receiver = HookReceiver::new(targets.clone(), Arc::new(store.clone()), clock, HookLimits::default());
        let service = Arc::new(Self {
            file: file.to_owned(),
            connections: Connections::new(runtime, egress, secret_store),
            loaded: RwLock::new(Arc::new(loaded)),
            randoms: Mutex::default(),
            listed: Mutex::default(),
            left: Mutex::default(),
            rebuilding: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
            began: std::time::Instant::now(),
            store,
            engine,
            plugins,
            targets,
            receiver,
            ring,
        });
        service.take_up_found().await?;
        service.listen().await?;
        service.rebuild().await;
        service.spawn_watchers();
        Ok(service)
    }

    /// The configuration that holds now.
    pub fn loaded(&self) -> Arc<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn listen(self: &Arc<Self>) -> Result<(), Failure> {
        let loaded = self.loaded();
        let config = &loaded.config;
        let address = config.host.control;
        let control = TcpListener::bind(address).await.map_err(|e| {
            Failure::new(
                Exit::Failed,
                format!("the control address {address} cannot be used: {e}; is another Calport running? Else change `control` in [host]"),
            )
        })?;
        let token = Token::generate();
        write_private(&token_file(config), token.expose()).map_err(failed("the control token cannot be written"))?;
        let (service, stop) = (self.clone(), self.stop.clone());
        tokio::spawn(async move {
            if let Err(error) = calport_web::control::serve_control(control, service, token, stop).await {
                tracing::error!(code = "control-failed", %error, "the control API ended");
            }
        });
        let Some(hooks) = &config.hooks else { return Ok(()) };
        let listener = TcpListener::bind(hooks.listen).await.map_err(|e| {
            Failure::new(
                Exit::Failed,
                format!("the address for notifications {} cannot be used: {e}; change `listen` in [hooks]", hooks.listen),
            )
        })?;
        let base = url::Url::parse(&hooks.public_url).map(|u| u.path().to_owned()).unwrap_or_default();
        let router = self.receiver.router(&base)?;
        let tls = match &hooks.tls {
            Some(files) => Some(calport_web::Tls::open(calport_web::TlsFiles { certificate: files.cert.clone(), key: files.key.clone() })?),
            None => None,
        };
        let stop = self.stop.clone();
        tokio::spawn(calport_web::serve(listener, router, tls, calport_web::ServerLimits::default(), stop));
        Ok(())
    }

    /// Brings connections, hooks, people and the engine's plan in step with the configuration.
    pub async fn rebuild(&self) {
        let _turn = self.rebuilding.lock().await;
        let loaded = self.loaded();
        let config = &loaded.config;
        self.connections.rebuild(&loaded, &self.plugins);
        let live = self.connections.all();
        let mut urls = BTreeMap::new();
        match hooks::randoms(&self.store, live.keys()).await {
            Ok(randoms) => {
                if let Some(hooks) = &config.hooks {
                    urls = randoms.iter().map(|(name, random)| (name.clone(), hooks::url(&hooks.public_url, name, random))).collect();
                }
                self.targets.set(&live, &randoms);
                *lock(&self.randoms) = randoms;
            }
            Err(error) => tracing::error!(code = "store-failed", %error, "URLs for notifications could not be read; mailboxes are polled"),
        }
        let listed = lock(&self.listed).clone();
        let (people, left) = people::plan(config, &listed);
        for one in &left {
            tracing::warn!(code = "person-left-out", person = one.person, flow = one.flow, "{}", one.reason);
        }
        *lock(&self.left) = left;
        let plan = Plan { connections: self.connections.plans(config, &urls), people, settings: settings::settings(config) };
        if self.engine.apply(plan).await.is_err() {
            tracing::error!(code = "engine-gone", "the engine has ended; the service stops");
            self.stop.cancel();
        }
    }

    /// Asks the directories of people. Whether all answered.
    async fn ask_directories(&self) -> bool {
        let loaded = self.loaded();
        let mut complete = true;
        let mut wanted: Vec<String> = loaded.config.people.directories.iter().map(|d| d.connection.clone()).collect();
        for flow in &loaded.config.flows {
            let has_directory = self.connections.get(&flow.sink).is_some_and(|live| live.connector.descriptor().has(Capability::Directory));
            if has_directory && !wanted.contains(&flow.sink) {
                wanted.push(flow.sink.clone());
            }
        }
        let mut changed = false;
        for name in wanted {
            let Some(live) = self.connections.get(&name) else {
                complete = false;
                continue;
            };
            match list(live.connector.as_ref()).await {
                Ok(entries) => {
                    let mut listed = lock(&self.listed);
                    if listed.get(&name) != Some(&entries) {
                        tracing::info!(code = "directory-read", connection = name, entries = entries.len(), "the directory was read");
                        listed.insert(name, entries);
                        changed = true;
                    }
                }
                Err(error) => {
                    complete = false;
                    tracing::warn!(
                        code = error.kind.code(),
                        connection = name,
                        "the directory could not be read; people stay as they are: {}",
                        error.message
                    );
                }
            }
        }
        if changed {
            self.rebuild().await;
        }
        complete
    }

    /// A connector came, went or was replaced.
    async fn plugin_changed(&self, event: PluginEvent) {
        match event {
            PluginEvent::Refused { .. } => {}
            PluginEvent::Removed { name, file } => {
                for (id, live) in self.connections.all() {
                    if live.connector.descriptor().name == name {
                        live.connector.suspend(&format!("the connector's file {file} is gone; put it back into the connectors' directory"));
                        let _ = self.engine.connector_changed(&id).await;
                    }
                }
            }
            PluginEvent::Loaded(plugin) | PluginEvent::Replaced(plugin) => {
                let name = plugin.descriptor().name.clone();
                for (id, live) in self.connections.all() {
                    if live.connector.descriptor().name != name || live.connector.plugin().is_some_and(|p| p.sha256 == plugin.sha256) {
                        continue;
                    }
                    let running = live.connector.plugin().is_some();
                    match live.connector.replace(plugin.clone(), running).await {
                        Ok(()) => {
                            tracing::info!(
                                code = "connector-in-use",
                                connection = id,
                                version = plugin.descriptor().version,
                                "the connection uses the new file"
                            );
                            let _ = self.engine.connector_changed(&id).await;
                        }
                        Err(error) => {
                            tracing::error!(
                                code = "connector-not-used",
                                connection = id,
                                "the new file is not used, the old version runs on: {error}"
                            );
                        }
                    }
                }
                self.rebuild().await;
            }
        }
    }

    /// Ends in order.
    pub async fn end(&self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(20), self.engine.stop()).await;
        self.store.close().await;
    }
}

/// All entries of a directory.
pub async fn list(api: &dyn calport_model::ConnectorApi) -> Result<Vec<Entry>, calport_model::ConnectorError> {
    let mut entries = Vec::new();
    let mut next = None;
    for _ in 0..DIRECTORY_PAGES {
        let page = api.list_entries(next).await?;
        entries.extend(page.entries);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(entries)
}

/// Makes a directory that nobody else reads: the store holds people's appointments.
fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    #[cfg(unix)]
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let beside = path.with_extension("new");
    let _ = std::fs::remove_file(&beside);
    let mut file = trace::private().write(true).truncate(true).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}
