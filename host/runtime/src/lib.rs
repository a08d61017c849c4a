//! Runs connectors: WebAssembly components in a sandbox, behind the host's one trait.
//!
//! Promise: a connector sees its settings and what servers answer, and nothing else. It has no files, no environment, no
//! sockets; HTTP goes through the host's gate, which adds credentials that the connector never sees (FEATURES X02). Every
//! call is bounded in memory, processor time, duration, output and requests; whatever a connector does, its neighbours and
//! the host go on.
//!
//! Refusals: compiled code is never loaded from the drop-in directory; a component with imports the host does not know, or
//! that describes itself wrongly, stays out with its reason.
//!
//! ```no_run
//! # async fn example(gate: std::sync::Arc<dyn calport_runtime::HttpGate>) -> Result<(), Box<dyn std::error::Error>> {
//! use std::{path::Path, sync::Arc};
//! use calport_model::{ConnectorApi, SystemClock};
//! use calport_runtime::{ConnectionConfig, InProcess, Limits, PluginDirectory, Runtime, RuntimeConfig};
//!
//! let runtime = Runtime::new(RuntimeConfig { cache: "cache".into(), compiler: Arc::new(InProcess), clock: Arc::new(SystemClock) })?;
//! let plugins = PluginDirectory::watch(runtime.clone(), Path::new("plugins")).await?;
//! let plugin = plugins.get("example").ok_or("put example.wasm into plugins")?;
//! let config = ConnectionConfig {
//!     id: "office".into(),
//!     settings: serde_json::json!({}),
//!     endpoints: vec![("api".into(), "https://server.example.com/api".into())],
//!     gate,
//!     discovery_domains: Vec::new(),
//!     limits: Limits::default(),
//! };
//! let connection = runtime.connect(config, plugin)?;
//! println!("{}", connection.check().await?.server);
//! # Ok(()) }
//! ```

mod api;
mod bindings;
mod breaker;
mod call;
mod clocks;
mod compile;
mod connection;
mod convert;
mod cost;
mod dns;
mod drop_in;
mod engine;
mod error;
mod gate;
mod guest_log;
mod limits;
mod meter;
mod pinned;
mod plugin;
mod request;
mod runtime;
mod services;
mod settings;
mod state;
mod wasi_http;

pub use compile::{ChildProcess, Compiler, InProcess, child_main};
pub use connection::{Connection, ConnectionConfig};
pub use cost::CostSnapshot;
pub use drop_in::{PluginDirectory, PluginEvent, PluginFile};
pub use error::RuntimeError;
pub use gate::{ClosedGate, HttpBody, HttpError, HttpGate, HttpRequest, HttpResponse, HttpStream};
pub use limits::{Limits, ValueLimits};
pub use plugin::Plugin;
pub use runtime::{Runtime, RuntimeConfig};
