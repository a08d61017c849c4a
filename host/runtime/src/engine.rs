//! The WebAssembly engine: one for all connectors, and the ticker that lets it interrupt them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine};

use crate::bindings::imports;
use crate::error::RuntimeError;
use crate::state::State;

/// How often running guests are looked at. 10 ms cost nothing measurable and bound how long one holds a thread.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// An engine with the settings on which compiled code depends.
pub(crate) fn make() -> Result<Engine, RuntimeError> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.wasm_component_model(true);
    Engine::new(&config).map_err(|e| RuntimeError::Engine(format!("{e:#}")))
}

/// What a connector may import.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<State>, RuntimeError> {
    let failed = |e: wasmtime::Error| RuntimeError::Engine(format!("{e:#}"));
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(failed)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(failed)?;
    imports::common::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).map_err(failed)?;
    imports::http::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).map_err(failed)?;
    imports::dns::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).map_err(failed)?;
    imports::log::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).map_err(failed)?;
    Ok(linker)
}

/// A thread that advances the engine's epoch; it ends with the value.
pub(crate) struct Ticker(Arc<AtomicBool>);

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> Result<Self, RuntimeError> {
        let running = Arc::new(AtomicBool::new(true));
        let (weak, alive) = (engine.weak(), running.clone());
        std::thread::Builder::new()
            .name("calport-epoch".to_owned())
            .spawn(move || {
                while alive.load(Ordering::Relaxed) {
                    std::thread::sleep(TICK);
                    match weak.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => break,
                    }
                }
            })
            .map_err(|e| RuntimeError::Engine(format!("no thread for the clock of the engine: {e}")))?;
        Ok(Self(running))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
