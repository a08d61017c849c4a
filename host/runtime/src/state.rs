//! What belongs to one instance: its empty WASI world, its limits, and the services of its connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use calport_model::Clock;
use tokio::sync::Semaphore;
use wasmtime::ResourceLimiter;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clocks::{Monotonic, Wall};
use crate::cost::Cost;
use crate::dns::SrvLookup;
use crate::gate::{HttpBody, HttpError, HttpGate, HttpRequest, HttpResponse, HttpStream};
use crate::guest_log::{GuestLog, Level, LineStream};
use crate::limits::Limits;
use crate::meter::Meter;
use crate::wasi_http::Hooks;

/// What the instances of a connection share.
pub(crate) struct Services {
    pub(crate) gate: Arc<dyn HttpGate>,
    pub(crate) lookup: Arc<dyn SrvLookup>,
    pub(crate) discovery_domains: Vec<String>,
    pub(crate) log: Arc<GuestLog>,
    pub(crate) cost: Arc<Cost>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) limits: Limits,
}

/// Requests under way in one instance.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    all: AtomicUsize,
    unrepeatable: AtomicUsize,
}

impl InFlight {
    /// Whether the instance waits for a server at this moment.
    pub(crate) fn waiting(&self) -> bool {
        self.all.load(Ordering::Relaxed) > 0
    }

    /// Whether a request is under way that may take effect and must not be repeated blindly (SEMANTICS S-15).
    pub(crate) fn unrepeatable(&self) -> bool {
        self.unrepeatable.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn enter(self: &Arc<Self>, repeatable: bool, limit: usize) -> Option<Flight> {
        let flight = Flight { flights: self.clone(), repeatable };
        if !repeatable {
            self.unrepeatable.fetch_add(1, Ordering::Relaxed);
        }
        (self.all.fetch_add(1, Ordering::Relaxed) < limit).then_some(flight)
    }
}

/// A request under way; it counts until this is dropped.
pub(crate) struct Flight {
    flights: Arc<InFlight>,
    repeatable: bool,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.all.fetch_sub(1, Ordering::Relaxed);
        if !self.repeatable {
            self.flights.unrepeatable.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The way of one instance to the gate: checked, counted, bounded. Both HTTP interfaces use it.
#[derive(Clone)]
pub(crate) struct Outlet {
    services: Arc<Services>,
    pub(crate) flights: Arc<InFlight>,
}

impl Outlet {
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let _flight = self.admit(&request)?;
        let response = self.count(self.services.gate.send(request).await)?;
        self.receive(response.body.len(), 0)?;
        Ok(response)
    }

    pub(crate) async fn open(&self, request: HttpRequest) -> Result<(HttpStream, Flight), HttpError> {
        let flight = self.admit(&request)?;
        let stream = self.count(self.services.gate.open(request).await)?;
        Ok((stream, flight))
    }

    /// Counts a piece of a body of which `before` bytes came already.
    pub(crate) fn receive(&self, bytes: usize, before: u64) -> Result<u64, HttpError> {
        self.services.cost.received(bytes);
        let total = before.saturating_add(bytes as u64);
        if total > self.services.limits.response_body {
            return Err(HttpError::TooLarge(self.services.limits.response_body));
        }
        Ok(total)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.services.limits
    }

    fn admit(&self, request: &HttpRequest) -> Result<Flight, HttpError> {
        self.services.cost.request(request.body.as_ref().map_or(0, Bytes::len));
        let checked = crate::request::check(request, &self.services.limits);
        self.count(checked)?;
        let limit = self.services.limits.requests;
        let repeatable = request.safe_to_repeat || matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let flight = self.flights.enter(repeatable, limit);
        self.count(flight.ok_or_else(|| HttpError::Denied(format!("more than {limit} requests at a time in one call"))))
    }

    fn count<T>(&self, outcome: Result<T, HttpError>) -> Result<T, HttpError> {
        if matches!(outcome, Err(HttpError::Denied(_))) {
            self.services.cost.denied();
        }
        outcome
    }
}

/// A streamed body that a guest reads through `http.read-body`.
pub(crate) struct OpenBody {
    pub(crate) body: Box<dyn HttpBody>,
    pub(crate) rest: Bytes,
    pub(crate) received: u64,
}

/// The data of one instance's store.
pub(crate) struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(crate) usage: Usage,
    pub(crate) services: Arc<Services>,
    pub(crate) outlet: Outlet,
    pub(crate) meter: Arc<Meter>,
    pub(crate) bodies: HashMap<u32, OpenBody>,
    pub(crate) last_body: u32,
    pub(crate) lookups: u32,
}

impl State {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        let limits = &services.limits;
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        let wasi = WasiCtx::builder()
            .stdout(LineStream::new(services.log.clone(), Level::Info))
            .stderr(LineStream::new(services.log.clone(), Level::Warn))
            .wall_clock(Wall(services.clock.clone()))
            .monotonic_clock(Monotonic::new(services.clock.clone()))
            .max_random_size(limits.random)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.header_bytes.saturating_mul(2));
        let outlet = Outlet { services: services.clone(), flights: Arc::default() };
        Self {
            table,
            wasi,
            http,
            hooks: Hooks::new(outlet.clone()),
            usage: Usage::new(limits.memory, limits.table_elements),
            outlet,
            meter: Arc::default(),
            bodies: HashMap::new(),
            last_body: 0,
            lookups: 0,
            services,
        }
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

/// Memory and tables of one instance, summed over all its modules.
pub(crate) struct Usage {
    limit: usize,
    table_limit: usize,
    /// Bytes of all memories.
    pub(crate) memory: usize,
    tables: usize,
    /// Whether growth was refused during this call.
    pub(crate) refused: bool,
}

/// Core modules, memories and tables of one component; tool chains use up to a few dozen.
const MODULES: usize = 128;

impl Usage {
    fn new(limit: usize, table_limit: usize) -> Self {
        Self { limit, table_limit, memory: 0, tables: 0, refused: false }
    }

    fn grow(total: &mut usize, limit: usize, current: usize, desired: usize, refused: &mut bool) -> bool {
        match total.checked_add(desired.saturating_sub(current)) {
            Some(sum) if sum <= limit => {
                *total = sum;
                true
            }
            _ => {
                *refused = true;
                false
            }
        }
    }
}

impl ResourceLimiter for Usage {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::grow(&mut self.memory, self.limit, current, desired, &mut self.refused))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::grow(&mut self.tables, self.table_limit, current, desired, &mut self.refused))
    }

    fn instances(&self) -> usize {
        MODULES
    }

    fn tables(&self) -> usize {
        MODULES
    }

    fn memories(&self) -> usize {
        MODULES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_x02_memory_is_summed_over_all_memories() {
        let mut usage = Usage::new(100, 10);
        assert!(usage.memory_growing(0, 60, None).unwrap());
        assert!(!usage.memory_growing(0, 60, None).unwrap());
        assert!(usage.refused);
        assert!(usage.memory_growing(60, 100, None).unwrap());
        assert_eq!(usage.memory, 100);
        assert!(!usage.memory_growing(0, usize::MAX, None).unwrap());
    }

    #[test]
    fn feat_x02_requests_at_a_time_are_bounded() {
        let flights = Arc::new(InFlight::default());
        let first = flights.enter(true, 1);
        assert!(first.is_some() && flights.waiting() && !flights.unrepeatable());
        assert!(flights.enter(false, 1).is_none());
        assert!(!flights.unrepeatable());
        drop(first);
        assert!(!flights.waiting());
        assert!(flights.enter(false, 1).is_some());
    }
}
