//! The baseline: the same component bytes on wasmtime alone, without anything of the host's.

use std::time::{Duration, Instant};

use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::page;

mod bindings {
    wasmtime::component::bindgen!({
        world: "everything",
        path: "../../wit",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

use bindings::calport::connector as im;
use bindings::exports::calport::connector as ex;

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoHttp,
    answer: Answer,
}

/// What every request is answered.
#[derive(Clone, Default)]
pub struct Answer {
    pub media_type: &'static str,
    pub body: bytes::Bytes,
}

struct NoHttp;

impl WasiHttpHooks for NoHttp {
    fn send_request(
        &mut self,
        _: http::Request<wasmtime_wasi_http::WasiBody>,
        _: Option<wasmtime_wasi_http::RequestOptions>,
        _: Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send>,
    ) -> Box<
        dyn Future<
                Output = Result<
                    (http::Response<wasmtime_wasi_http::WasiBody>, Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send>),
                    wasmtime_wasi_http::Error,
                >,
            > + Send,
    > {
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
    async fn write(&mut self, _: im::log::Level, _: String, _: Vec<(String, String)>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl im::dns::Host for State {
    async fn srv(&mut self, _: String) -> wasmtime::Result<Result<Vec<im::dns::SrvRecord>, im::common::Error>> {
        Ok(Ok(Vec::new()))
    }
}

impl im::http::Host for State {
    async fn send(&mut self, _: im::http::Request) -> wasmtime::Result<Result<im::http::Response, im::http::HttpError>> {
        let headers = vec![("content-type".to_owned(), self.answer.media_type.to_owned())];
        Ok(Ok(im::http::Response { status: 200, headers, body: self.answer.body.to_vec() }))
    }
    async fn open(&mut self, _: im::http::Request) -> wasmtime::Result<Result<im::http::StreamedResponse, im::http::HttpError>> {
        Ok(Err(im::http::HttpError::Denied(String::new())))
    }
    async fn read_body(&mut self, _: u32, _: u32) -> wasmtime::Result<Result<Option<Vec<u8>>, im::http::HttpError>> {
        Ok(Ok(None))
    }
    async fn close_body(&mut self, _: u32) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// An opened instance on bare wasmtime.
pub struct Bare {
    store: Store<State>,
    calendar: Option<ex::calendar::Guest>,
    notifications: Option<ex::notifications::Guest>,
}

impl Bare {
    /// Starts the component; `interruption` compiles the checks in by which the host bounds processor time.
    pub async fn start(bytes: &[u8], interruption: bool, endpoint: &str, settings: &str, answer: Answer) -> Self {
        let mut config = Config::new();
        config.epoch_interruption(interruption);
        let engine = Engine::new(&config).unwrap();
        let component = Component::new(&engine, bytes).unwrap();
        let mut linker: Linker<State> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        im::common::add_to_linker::<_, HasSelf<State>>(&mut linker, |s| s).unwrap();
        im::http::add_to_linker::<_, HasSelf<State>>(&mut linker, |s| s).unwrap();
        im::dns::add_to_linker::<_, HasSelf<State>>(&mut linker, |s| s).unwrap();
        im::log::add_to_linker::<_, HasSelf<State>>(&mut linker, |s| s).unwrap();
        let pre = linker.instantiate_pre(&component).unwrap();
        let state =
            State { table: ResourceTable::new(), wasi: WasiCtx::builder().build(), http: WasiHttpCtx::new(), hooks: NoHttp, answer };
        let mut store = Store::new(&engine, state);
        if interruption {
            store.set_epoch_deadline(u64::MAX / 2);
        }
        let instance = pre.instantiate_async(&mut store).await.unwrap();
        let connector = ex::connector::GuestIndices::new(&pre).unwrap().load(&mut store, &instance).unwrap();
        let calendar = ex::calendar::GuestIndices::new(&pre).ok().map(|i| i.load(&mut store, &instance).unwrap());
        let notifications = ex::notifications::GuestIndices::new(&pre).ok().map(|i| i.load(&mut store, &instance).unwrap());
        let endpoints = [ex::connector::Endpoint { name: endpoint.to_owned(), url: "https://server.example.com/v1.0".to_owned() }];
        connector.call_open(&mut store, settings, &endpoints).await.unwrap().unwrap();
        Self { store, calendar, notifications }
    }

    /// The time of one call that does nothing, over so many.
    pub async fn empty_calls(&mut self, calls: u32) -> Duration {
        let notifications = self.notifications.as_ref().unwrap();
        let began = Instant::now();
        for _ in 0..calls {
            notifications.call_live_subscriptions(&mut self.store).await.unwrap().unwrap();
        }
        began.elapsed() / calls
    }

    /// The time of reading one page.
    pub async fn page(&mut self) -> Duration {
        let window = im::common::Window { start: 1_772_323_200_000, end: 1_775_433_600_000 };
        let calendar = self.calendar.as_ref().unwrap();
        let began = Instant::now();
        let found = calendar.call_changes(&mut self.store, &page::MAILBOX.to_owned(), None, window, None).await.unwrap().unwrap();
        let took = began.elapsed();
        assert_eq!(found.changes.len(), page::EVENTS);
        took
    }
}
