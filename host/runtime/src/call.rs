//! One instance, and calls into it with every limit on.
//!
//! After a trap, a limit or a time-out the store is dead: it is dropped together with whatever it had under way, and the
//! next call gets a new one, which costs microseconds.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use calport_model::{ConnectorError, ErrorKind, ErrorScope};
use futures::future::BoxFuture;
use wasmtime::component::InstancePre;
use wasmtime::{Engine, Store, Trap};

use crate::bindings::exports;
use crate::guest_log::clean;
use crate::plugin::{Exports, store};
use crate::state::{Services, State};

/// The exported functions of an instance.
pub(crate) struct Guest {
    pub(crate) connector: exports::connector::Guest,
    pub(crate) directory: Option<exports::directory::Guest>,
    pub(crate) calendar: Option<exports::calendar::Guest>,
    pub(crate) absence: Option<exports::absence::Guest>,
    pub(crate) categories: Option<exports::categories::Guest>,
    pub(crate) mail: Option<exports::mail::Guest>,
    pub(crate) presence: Option<exports::presence::Guest>,
    pub(crate) notifications: Option<exports::notifications::Guest>,
}

/// How a call is bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// Time with all waiting; `None`: the limit of the connection.
    pub(crate) wall: Option<Duration>,
}

impl Call {
    /// A call that waits for servers.
    pub(crate) const fn normal() -> Self {
        Self { wall: None }
    }

    /// A call that may not wait for anything.
    pub(crate) const fn quick() -> Self {
        Self { wall: Some(Duration::from_secs(10)) }
    }
}

/// A started component.
pub(crate) struct Instance {
    store: Store<State>,
    guest: Guest,
    /// Whether a trap or a time-out killed it.
    pub(crate) dead: bool,
}

/// An error of the connector itself, which counts as a strike.
pub(crate) fn strike(message: impl Into<String>) -> ConnectorError {
    ConnectorError::new(ErrorKind::Plugin, ErrorScope::Connection, message)
}

impl Instance {
    /// Starts a component and checks the types of its exports.
    pub(crate) async fn start(
        engine: &Engine,
        pre: &InstancePre<State>,
        indices: &Exports,
        services: Arc<Services>,
    ) -> Result<Self, ConnectorError> {
        services.cost.instance();
        let limits = services.limits.clone();
        let state = State::new(services);
        state.meter.reset(limits.cpu);
        let meter = state.meter.clone();
        let turns = state.services.turns.clone();
        let mut store = store(engine, state);
        let started = meter.measure(&turns, async {
            let instance = pre.instantiate_async(&mut store).await?;
            Ok::<_, wasmtime::Error>(Guest {
                connector: indices.connector.load(&mut store, &instance)?,
                directory: indices.directory.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?,
                calendar: indices.calendar.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?,
                absence: indices.absence.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?,
                categories: indices.categories.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?,
                mail: indices.mail.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?,
                presence: indices.presence.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?,
                notifications: indices.notifications.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?,
            })
            .and_then(|guest| {
                // The other interfaces are checked now as well, so that a wrong one is found at load and not at night.
                indices.tasks.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?;
                indices.contacts.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?;
                indices.free_busy.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?;
                indices.markers.as_ref().map(|i| i.load(&mut store, &instance)).transpose()?;
                Ok(guest)
            })
        });
        let result = tokio::time::timeout(Duration::from_secs(10), started).await;
        let cost = &store.data().services.cost;
        cost.cpu(meter.spent());
        if result.as_ref().is_ok_and(Result::is_err) {
            cost.trap();
        }
        match result {
            Ok(Ok(guest)) => Ok(Self { store, guest, dead: false }),
            Ok(Err(error)) => Err(strike(explain(&error, &store, &limits))),
            Err(_) => Err(strike("the connector did not start within 10 s")),
        }
    }

    /// Calls a function. Errors of the connector's own making kill the instance.
    pub(crate) async fn run<T>(
        &mut self,
        call: Call,
        function: impl for<'a> FnOnce(&'a mut Store<State>, &'a Guest) -> BoxFuture<'a, wasmtime::Result<T>>,
    ) -> Result<T, ConnectorError> {
        let state = self.store.data_mut();
        let (services, meter, flights) = (state.services.clone(), state.meter.clone(), state.outlet.flights.clone());
        let limits = &services.limits;
        state.lookups = 0;
        state.usage.refused = false;
        state.services.cost.call();
        meter.reset(limits.cpu);
        self.store.set_hostcall_fuel(limits.hostcall_bytes);
        self.store.set_epoch_deadline(1);
        let wall = call.wall.unwrap_or(limits.wall);
        // What is under way is asked before the call's future ends: ending it ends its requests as well.
        let result = {
            let mut running = pin!(meter.measure(&services.turns, function(&mut self.store, &self.guest)));
            match tokio::time::timeout(wall, &mut running).await {
                Ok(result) => Ok(result),
                Err(_) => Err((flights.waiting(), flights.unrepeatable())),
            }
        };
        services.cost.cpu(meter.spent());
        services.cost.memory(self.store.data().usage.memory);
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                self.dead = true;
                services.cost.trap();
                Err(strike(explain(&error, &self.store, limits)))
            }
            Err((waiting, unrepeatable)) => {
                self.dead = true;
                services.cost.timeout();
                Err(timed_out(wall, waiting, unrepeatable))
            }
        }
    }

    /// Memory that the instance holds.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().usage.memory
    }

    /// Lets bodies of a stream go on for another call: their bound is for each.
    pub(crate) fn go_on(&mut self) {
        self.store.data_mut().bodies.values_mut().for_each(|open| open.received = 0);
    }

    /// Drops bodies that the call left open.
    pub(crate) fn tidy(&mut self) {
        self.store.data_mut().bodies.clear();
    }
}

/// A time-out while a server is being waited for is the server's; otherwise the connector's.
fn timed_out(wall: Duration, waiting: bool, unrepeatable: bool) -> ConnectorError {
    let seconds = wall.as_secs_f64();
    if !waiting {
        return strike(format!("the connector did not end within {seconds:.1} s and was stopped"));
    }
    let kind = if unrepeatable { ErrorKind::OutcomeUnknown } else { ErrorKind::Unavailable };
    ConnectorError::new(kind, ErrorScope::Mailbox, format!("the server did not answer within {seconds:.1} s; the call was stopped"))
}

/// Why a call ended in a trap, in words.
fn explain(error: &wasmtime::Error, store: &Store<State>, limits: &crate::limits::Limits) -> String {
    if store.data().usage.refused {
        return format!("the connector needs more than its {} MiB of memory and was stopped", limits.memory >> 20);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => {
            format!("the connector used more than its {} ms of processor time in one call and was stopped", limits.cpu.as_millis())
        }
        Some(trap) => format!("the connector failed: {}", clean(&trap.to_string(), 200)),
        None => {
            let cause = error.chain().last().map(ToString::to_string).unwrap_or_default();
            format!("the connector failed: {}", clean(&cause, 200))
        }
    }
}
