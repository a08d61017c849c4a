//! A connector in WebAssembly, as the package `wit/` describes it: every function with every value.
//!
//! The host's own trait has no recurrence and no exceptions of a master, so the connector is called here without the host. Its
//! answers are seen through the host as well, in `host.rs`.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::{Component, HasSelf, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::wire::Wire;
use crate::world::cache;

#[allow(missing_docs)]
mod bindings {
    wasmtime::component::bindgen!({
        world: "everything",
        path: "../../wit",
        imports: { default: async | trappable },
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

use bindings::calport::connector as im;
pub use bindings::calport::connector::common;
use bindings::exports::calport::connector as ex;
pub use bindings::exports::calport::connector::calendar;

/// What an instance may reach: the wire, and nothing else.
struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoHttp,
    wire: Arc<Wire>,
    bodies: HashMap<u32, Vec<u8>>,
    log: Vec<String>,
}

struct NoHttp;

type Later<T> = Box<dyn Future<Output = Result<T, wasmtime_wasi_http::Error>> + Send>;

impl WasiHttpHooks for NoHttp {
    fn send_request(
        &mut self,
        _: http::Request<wasmtime_wasi_http::WasiBody>,
        _: Option<wasmtime_wasi_http::RequestOptions>,
        _: Later<()>,
    ) -> Later<(http::Response<wasmtime_wasi_http::WasiBody>, Later<()>)> {
        Box::new(async { Err(wasmtime_wasi_http::Error::HttpRequestDenied) })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

impl im::common::Host for State {}

impl im::log::Host for State {
    async fn write(&mut self, level: im::log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        if !matches!(level, im::log::Level::Debug) {
            self.log.push(format!("{level:?}: {message} {fields:?}"));
        }
        Ok(())
    }
}

impl im::dns::Host for State {
    async fn srv(&mut self, _: String) -> wasmtime::Result<Result<Vec<im::dns::SrvRecord>, im::common::Error>> {
        Ok(Ok(Vec::new()))
    }
}

async fn exchange(wire: Arc<Wire>, request: im::http::Request) -> Result<im::http::Response, im::http::HttpError> {
    let sent = wire.send(&request.method, &request.url, &request.headers, request.body).await;
    let (status, headers, body) = sent
        .map_err(|e| if request.safe_to_repeat { im::http::HttpError::Unreachable(e) } else { im::http::HttpError::OutcomeUnknown(e) })?;
    Ok(im::http::Response { status, headers, body })
}

impl im::http::Host for State {
    async fn send(&mut self, request: im::http::Request) -> wasmtime::Result<Result<im::http::Response, im::http::HttpError>> {
        Ok(exchange(self.wire.clone(), request).await)
    }

    async fn open(&mut self, request: im::http::Request) -> wasmtime::Result<Result<im::http::StreamedResponse, im::http::HttpError>> {
        Ok(exchange(self.wire.clone(), request).await.map(|answer| {
            let number = u32::try_from(self.bodies.len()).unwrap() + 1;
            self.bodies.insert(number, answer.body);
            im::http::StreamedResponse { status: answer.status, headers: answer.headers, body: number }
        }))
    }

    async fn read_body(&mut self, body: u32, _: u32) -> wasmtime::Result<Result<Option<Vec<u8>>, im::http::HttpError>> {
        let held = self.bodies.entry(body).or_default();
        let rest = held.split_off(held.len().min(64 << 10));
        Ok(Ok(Some(std::mem::replace(held, rest))))
    }

    async fn close_body(&mut self, body: u32) -> wasmtime::Result<()> {
        self.bodies.insert(body, Vec::new());
        Ok(())
    }
}

/// The code of a component. Each test is a process of its own: the first one compiles, the others take what it left in the folder.
fn compiled(engine: &Engine, bytes: &[u8]) -> Component {
    let mut hasher = DefaultHasher::new();
    (bytes, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    let folder = cache().join("bare");
    let kept = folder.join(format!("{:016x}.cwasm", hasher.finish()));
    if kept.exists() {
        // Code of another version of wasmtime is refused; then it is compiled again.
        #[allow(unsafe_code, reason = "the file is of this folder, under the hash of what it was compiled from, written below")]
        if let Ok(component) = unsafe { Component::deserialize_file(engine, &kept) } {
            return component;
        }
    }
    let component = Component::new(engine, bytes).unwrap();
    let begun = folder.join(format!("{}.begun", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(&begun, component.serialize().unwrap()).unwrap();
    std::fs::rename(&begun, &kept).unwrap();
    component
}

/// A component, compiled once for as many instances as needed.
pub struct Code {
    engine: Engine,
    pre: InstancePre<State>,
}

impl Code {
    /// Compiles a component.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        let engine = Engine::new(&Config::new()).unwrap();
        let bytes = std::fs::read(path).unwrap_or_else(|e| {
            panic!("{} is not there ({e}): build it with `cargo xtask plugins`, or name its folder in CALPORT_PLUGINS", path.display())
        });
        let component = compiled(&engine, &bytes);
        let mut linker: Linker<State> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        im::common::add_to_linker::<_, HasSelf<State>>(&mut linker, |s| s).unwrap();
        im::http::add_to_linker::<_, HasSelf<State>>(&mut linker, |s| s).unwrap();
        im::dns::add_to_linker::<_, HasSelf<State>>(&mut linker, |s| s).unwrap();
        im::log::add_to_linker::<_, HasSelf<State>>(&mut linker, |s| s).unwrap();
        Self { pre: linker.instantiate_pre(&component).unwrap(), engine }
    }

    /// An instance that is opened with settings and its one endpoint.
    pub async fn open(&self, wire: Arc<Wire>, settings: &str, endpoint: (&str, &str)) -> Instance {
        let state = State {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            hooks: NoHttp,
            wire,
            bodies: HashMap::new(),
            log: Vec::new(),
        };
        let mut store = Store::new(&self.engine, state);
        let instance = self.pre.instantiate_async(&mut store).await.unwrap();
        let connector = ex::connector::GuestIndices::new(&self.pre).unwrap().load(&mut store, &instance).unwrap();
        let calendar = calendar::GuestIndices::new(&self.pre).unwrap().load(&mut store, &instance).unwrap();
        let endpoints = [ex::connector::Endpoint { name: endpoint.0.to_owned(), url: endpoint.1.to_owned() }];
        connector.call_open(&mut store, settings, &endpoints).await.unwrap().unwrap();
        Instance { store, calendar }
    }
}

/// What a function of a connector answers.
pub type Answer<T> = Result<T, common::Error>;

/// An opened instance; it is called one call after the other.
pub struct Instance {
    store: Store<State>,
    calendar: calendar::Guest,
}

impl Instance {
    /// `changes` of the default calendar.
    pub async fn changes(&mut self, mailbox: &String, window: common::Window, cursor: Option<&String>) -> Answer<calendar::ChangePage> {
        self.calendar.call_changes(&mut self.store, mailbox, None, window, cursor).await.unwrap()
    }

    /// `instances`.
    pub async fn instances(&mut self, mailbox: &String, master: &String, window: common::Window) -> Answer<Vec<calendar::Event>> {
        self.calendar.call_instances(&mut self.store, mailbox, None, master, window).await.unwrap()
    }

    /// `get-events`, for one event.
    pub async fn get_event(&mut self, mailbox: &String, id: &str) -> Answer<calendar::EventDetail> {
        let mut answers = self.calendar.call_get_events(&mut self.store, mailbox, &[id.to_owned()]).await.unwrap();
        assert_eq!(answers.len(), 1, "one answer to one question");
        answers.pop().unwrap()
    }

    /// `ids`, all pages.
    pub async fn ids(&mut self, mailbox: &String, window: common::Window) -> Answer<Vec<String>> {
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let page = self.calendar.call_ids(&mut self.store, mailbox, None, window, next.as_ref()).await.unwrap()?;
            all.extend(page.ids.into_iter().map(|one| one.id));
            next = page.next;
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    /// `find-by-tag`.
    pub async fn find_by_tag(&mut self, mailbox: &String, tag: &str) -> Answer<Vec<calendar::Event>> {
        self.calendar.call_find_by_tag(&mut self.store, mailbox, tag).await.unwrap()
    }

    /// `create`, in the default calendar.
    pub async fn create(&mut self, mailbox: &String, draft: &calendar::EventDraft) -> Answer<common::Written> {
        self.calendar.call_create(&mut self.store, mailbox, None, draft).await.unwrap()
    }

    /// `update`, without leave to mail anybody.
    pub async fn update(
        &mut self,
        mailbox: &String,
        target: &calendar::WriteTarget,
        fields: &[calendar::EventField],
        condition: Option<&String>,
    ) -> Answer<common::Written> {
        let never = calendar::AttendeeMail::Never;
        self.calendar.call_update(&mut self.store, mailbox, target, fields, condition, never).await.unwrap()
    }

    /// `delete`, without leave to mail anybody.
    pub async fn delete(&mut self, mailbox: &String, target: &calendar::WriteTarget, condition: Option<&String>) -> Answer<()> {
        let never = calendar::AttendeeMail::Never;
        self.calendar.call_delete(&mut self.store, mailbox, target, condition, never).await.unwrap()
    }

    /// What it wrote to the log since the last call of this, except for what is for developers.
    pub fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.store.data_mut().log)
    }
}
