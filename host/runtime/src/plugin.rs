//! A connector's file, loaded: code, exports, and what it says about itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calport_model::{Capability, Descriptor};
use wasmtime::component::{Component, InstancePre};
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::exports;
use crate::error::RuntimeError;
use crate::state::State;

/// The package and version this host speaks.
const PACKAGE: &str = "calport:connector";
const VERSION: &str = "0.1.0";

/// Indices of the exports; one per interface that the connector has.
pub(crate) struct Exports {
    pub(crate) connector: exports::connector::GuestIndices,
    pub(crate) directory: Option<exports::directory::GuestIndices>,
    pub(crate) calendar: Option<exports::calendar::GuestIndices>,
    pub(crate) absence: Option<exports::absence::GuestIndices>,
    pub(crate) presence: Option<exports::presence::GuestIndices>,
    pub(crate) notifications: Option<exports::notifications::GuestIndices>,
    pub(crate) tasks: Option<exports::tasks::GuestIndices>,
    pub(crate) contacts: Option<exports::contacts::GuestIndices>,
    pub(crate) categories: Option<exports::categories::GuestIndices>,
    pub(crate) mail: Option<exports::mail::GuestIndices>,
    pub(crate) free_busy: Option<exports::free_busy::GuestIndices>,
    pub(crate) markers: Option<exports::markers::GuestIndices>,
}

/// A loaded connector. All connections that use it share it.
pub struct Plugin {
    /// The file's name.
    pub file: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub size: usize,
    /// Whether it had to be compiled; else the code came from the cache.
    pub compiled: bool,
    /// How long it took from the bytes to the description.
    pub load_time: Duration,
    pub(crate) pre: InstancePre<State>,
    pub(crate) exports: Exports,
    descriptor: Arc<Descriptor>,
}

impl Plugin {
    /// What the connector says about itself.
    pub fn descriptor(&self) -> Arc<Descriptor> {
        self.descriptor.clone()
    }

    pub(crate) fn new(meta: Meta, pre: InstancePre<State>, exports: Exports, descriptor: Descriptor) -> Self {
        Self {
            file: meta.file,
            sha256: meta.sha256,
            size: meta.size,
            compiled: meta.compiled,
            load_time: meta.load_time,
            pre,
            exports,
            descriptor: Arc::new(descriptor),
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("file", &self.file).field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

/// What is known of a file besides its code.
pub(crate) struct Meta {
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) size: usize,
    pub(crate) compiled: bool,
    pub(crate) load_time: Duration,
}

/// The name of a file for messages.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Refuses what is no WebAssembly component before any compiler sees it.
pub(crate) fn check_bytes(file: &str, bytes: &[u8]) -> Result<(), RuntimeError> {
    let refuse = |reason: &str| Err(RuntimeError::NotAComponent { file: file.to_owned(), reason: reason.to_owned() });
    match (bytes.get(..4), bytes.get(4..8)) {
        (Some(b"\0asm"), Some([0x0d, 0, 1, 0])) => Ok(()),
        (Some(b"\0asm"), Some(_)) => refuse(
            "it is a core module, not a component; build it for the target wasm32-wasip2, or wrap it with `wasm-tools component new`",
        ),
        (Some(b"\x7fELF"), _) => refuse("it is compiled code, which is never loaded from this directory; put the .wasm component there"),
        (None, _) | (_, None) => refuse("it is empty or cut off"),
        _ => refuse("it is not WebAssembly"),
    }
}

/// Names the first import that the host does not give.
pub(crate) fn check_imports(file: &str, component: &Component) -> Result<(), RuntimeError> {
    let ty = component.component_type();
    for (import, _) in ty.imports(component.engine()) {
        let known = import
            .strip_prefix("wasi:")
            .map(|rest| rest.split(['/', ':']).next().unwrap_or_default())
            .is_some_and(|package| matches!(package, "io" | "clocks" | "random" | "cli" | "filesystem" | "sockets" | "http"))
            || import
                .strip_prefix("calport:connector/")
                .and_then(|rest| rest.split('@').next())
                // `tasks` and `free-busy` use types of `calendar`: a connector with one of them and no calendar imports those.
                .is_some_and(|interface| matches!(interface, "common" | "calendar" | "http" | "dns" | "log"));
        if !known {
            return Err(RuntimeError::Import { file: file.to_owned(), import: crate::guest_log::clean(import, 200) });
        }
    }
    Ok(())
}

/// Looks the exports up by name. An interface with a function missing is refused.
pub(crate) fn find_exports(
    file: &str,
    component: &Component,
    pre: &InstancePre<State>,
) -> Result<(Exports, Vec<Capability>), RuntimeError> {
    let mut capabilities = Vec::new();
    let contract = |error: wasmtime::Error| RuntimeError::Contract {
        file: file.to_owned(),
        reason: crate::guest_log::clean(&format!("{error:#}"), 400),
    };
    let has = |interface: &str| component.get_export_index(None, format!("{PACKAGE}/{interface}@{VERSION}")).is_some();
    let mut offered = |capability: Capability| {
        let found = has(capability.as_str());
        if found {
            capabilities.push(capability);
        }
        found
    };
    if component.get_export_index(None, format!("{PACKAGE}/connector@{VERSION}")).is_none() {
        return Err(RuntimeError::Contract {
            file: file.to_owned(),
            reason: format!("it does not export `{PACKAGE}/connector@{VERSION}`"),
        });
    }
    macro_rules! find {
        ($capability:ident, $module:ident) => {
            offered(Capability::$capability).then(|| exports::$module::GuestIndices::new(pre)).transpose().map_err(contract)?
        };
    }
    let found = Exports {
        connector: exports::connector::GuestIndices::new(pre).map_err(contract)?,
        directory: find!(Directory, directory),
        calendar: find!(Calendar, calendar),
        tasks: find!(Tasks, tasks),
        contacts: find!(Contacts, contacts),
        categories: find!(Categories, categories),
        absence: find!(Absence, absence),
        mail: find!(Mail, mail),
        presence: find!(Presence, presence),
        notifications: find!(Notifications, notifications),
        free_busy: find!(FreeBusy, free_busy),
        markers: find!(Markers, markers),
    };
    Ok((found, capabilities))
}

/// A store with all limits on, before the first call.
pub(crate) fn store(engine: &wasmtime::Engine, state: State) -> Store<State> {
    let meter = state.meter.clone();
    let hostcall = state.services.limits.hostcall_bytes;
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.usage);
    store.set_hostcall_fuel(hostcall);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| Ok(if meter.exhausted() { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(1) }));
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that imports an instance of this name, without any item in it.
    fn importing(name: &str) -> Vec<u8> {
        let length = |n: usize| u8::try_from(n).unwrap();
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend([7, 3, 1, 0x42, 0]);
        bytes.extend([10, length(name.len() + 5), 1, 0, length(name.len())]);
        bytes.extend(name.bytes());
        bytes.extend([5, 0]);
        bytes
    }

    #[test]
    fn feat_x03_free_busy_or_tasks_without_a_calendar_import_its_types_only() {
        let engine = crate::engine::make().unwrap();
        let linker = crate::engine::linker(&engine).unwrap();
        let component = |name: &str| Component::new(&engine, importing(name)).unwrap();
        let types = component("calport:connector/calendar@0.1.0");
        assert!(check_imports("types.wasm", &types).is_ok());
        assert!(linker.instantiate_pre(&types).is_ok(), "an import without functions needs nobody who gives it");
        for name in ["calport:connector/presence@0.1.0", "calport:host/http@0.1.0", "wasi:keyvalue/store@0.2.0"] {
            let refused = check_imports("greedy.wasm", &component(name));
            assert!(matches!(refused, Err(RuntimeError::Import { .. })), "{name}");
        }
    }
}
