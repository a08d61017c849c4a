//! The runtime: loads connectors and makes connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use calport_model::Clock;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::call::{Call, Instance};
use crate::compile::{Cache, Compiler, digest};
use crate::connection::{Connection, ConnectionConfig};
use crate::cost::Cost;
use crate::dns::{SrvLookup, SystemSrv};
use crate::engine::{Ticker, linker, make};
use crate::error::RuntimeError;
use crate::gate::ClosedGate;
use crate::guest_log::GuestLog;
use crate::limits::Limits;
use crate::plugin::{Meta, Plugin, check_bytes, check_imports, file_name, find_exports};
use crate::state::{Services, State};

/// The largest connector file: Python components have 20 MB.
const LARGEST: u64 = 64 << 20;

/// What a runtime needs.
pub struct RuntimeConfig {
    /// Where compiled code is kept; made private (0700).
    pub cache: PathBuf,
    /// How code is compiled.
    pub compiler: Arc<dyn Compiler>,
    /// The clock that guests see.
    pub clock: Arc<dyn Clock>,
}

/// Loads connectors and makes connections. One per host.
pub struct Runtime {
    pub(crate) engine: Engine,
    linker: Linker<State>,
    cache: Cache,
    compiler: Arc<dyn Compiler>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lookup: Arc<dyn SrvLookup>,
    turns: Arc<Semaphore>,
    _ticker: Ticker,
}

impl Runtime {
    /// A runtime.
    ///
    /// # Errors
    /// When the engine cannot start or the cache directory cannot be made private.
    pub fn new(config: RuntimeConfig) -> Result<Arc<Self>, RuntimeError> {
        let engine = make()?;
        Ok(Arc::new(Self {
            linker: linker(&engine)?,
            cache: Cache::open(&config.cache)?,
            compiler: config.compiler,
            clock: config.clock,
            lookup: Arc::new(SystemSrv::default()),
            turns: Arc::new(crate::meter::turns()),
            _ticker: Ticker::start(&engine)?,
            engine,
        }))
    }

    /// Loads a file: checks it, compiles it or takes it from the cache, starts it once and asks it who it is.
    ///
    /// # Errors
    /// Why the file stays out. Nothing of it is used then.
    pub async fn load(&self, path: &Path) -> Result<Arc<Plugin>, RuntimeError> {
        let began = Instant::now();
        let file = file_name(path);
        let read = |source| RuntimeError::Io { action: "read", path: path.to_owned(), source };
        let size = tokio::fs::metadata(path).await.map_err(read)?.len();
        if size > LARGEST {
            return Err(RuntimeError::NotAComponent { file, reason: format!("it has {size} bytes; the most is {LARGEST}") });
        }
        let bytes = tokio::fs::read(path).await.map_err(read)?;
        check_bytes(&file, &bytes)?;
        let sha256 = digest(&bytes);
        let (component, compiled) = self.cache.load(&self.engine, self.compiler.as_ref(), &file, &bytes, &sha256).await?;
        check_imports(&file, &component)?;
        let contract = |error: wasmtime::Error| RuntimeError::Contract {
            file: file.clone(),
            reason: crate::guest_log::clean(&format!("{error:#}"), 400),
        };
        let pre = self.linker.instantiate_pre(&component).map_err(contract)?;
        let (exports, capabilities) = find_exports(&file, &component, &pre)?;
        let services = Arc::new(self.services("-", &file, Arc::new(ClosedGate), Arc::default(), Limits::default()));
        let trial = |reason: String| RuntimeError::Trial { file: file.clone(), reason };
        let mut instance = Instance::start(&self.engine, &pre, &exports, services).await.map_err(|e| trial(e.message))?;
        let said = instance
            .run(Call::quick(), |store, guest| Box::pin(guest.connector.call_describe(store)))
            .await
            .map_err(|e| trial(e.message))?;
        let descriptor = crate::convert::descriptor::descriptor(said, capabilities)
            .map_err(|(field, reason)| RuntimeError::Descriptor { file: file.clone(), field: field.to_owned(), reason })?;
        let meta = Meta { file, sha256, size: bytes.len(), compiled, load_time: began.elapsed() };
        Ok(Arc::new(Plugin::new(meta, pre, exports, descriptor)))
    }

    /// Makes a connection that uses a connector.
    ///
    /// # Errors
    /// When the settings do not fit the connector's schema.
    pub fn connect(self: &Arc<Self>, config: ConnectionConfig, plugin: Arc<Plugin>) -> Result<Arc<Connection>, RuntimeError> {
        Connection::new(self.clone(), config, plugin)
    }

    pub(crate) fn services(
        &self,
        connection: &str,
        plugin: &str,
        gate: Arc<dyn crate::gate::HttpGate>,
        cost: Arc<Cost>,
        limits: Limits,
    ) -> Services {
        Services {
            gate,
            lookup: self.lookup.clone(),
            discovery_domains: Vec::new(),
            log: Arc::new(GuestLog::new(connection, plugin, self.clock.clone(), cost.clone(), &limits)),
            cost,
            clock: self.clock.clone(),
            turns: self.turns.clone(),
            limits,
        }
    }
}
