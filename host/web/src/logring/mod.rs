//! The last log lines, kept in memory and sent to whoever follows: what `calport log` shows (feature R02).
//!
//! Each event becomes one line of JSON: `time`, `level`, `target`, `code`, `connection`, `person`, `message`, `fields`. Only
//! what an event or an enclosing span recorded as a field is in it, in the form that the field's own `Debug` or `Display` gives,
//! so types that do not print do not print here (SEMANTICS B-51). Values have a bound, and so has the number of fields: an event
//! with a megabyte in it costs a few kilobytes.
//!
//! Logging never waits: a follower that does not keep up misses lines and is told how many.

mod fields;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use calport_model::Clock;
use serde_json::{Map, Value};
use tokio::sync::broadcast;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use fields::Fields;

/// Lines that are kept unless said otherwise: some hours of a quiet installation in about a megabyte.
pub const KEPT: usize = 2000;

/// Lines that a slow follower may be behind before it misses some.
const BEHIND: usize = 1024;

/// Members that stand beside `fields` and not in it, and that an event takes from an enclosing span when it has none itself.
const OUTER: [&str; 3] = ["code", "connection", "person"];

/// The last lines, and those to come.
pub struct LogFeed {
    /// The lines kept, oldest first, without line ends.
    pub last: Vec<Arc<str>>,
    /// Those to come, with none missing between.
    pub next: broadcast::Receiver<Arc<str>>,
}

struct Ring {
    kept: usize,
    lines: Mutex<VecDeque<Arc<str>>>,
    sender: broadcast::Sender<Arc<str>>,
}

/// The ring. Cheap to clone; a clone is added to the subscriber as a layer.
#[derive(Clone)]
pub struct LogRing {
    ring: Arc<Ring>,
    clock: Arc<dyn Clock>,
}

impl LogRing {
    /// A ring that keeps the last `kept` lines ([`KEPT`] is usual).
    pub fn new(kept: usize, clock: Arc<dyn Clock>) -> Self {
        let ring = Ring { kept, lines: Mutex::default(), sender: broadcast::Sender::new(BEHIND) };
        Self { ring: Arc::new(ring), clock }
    }

    /// The last lines and those to come.
    pub fn feed(&self) -> LogFeed {
        let lines = self.ring.lines.lock().unwrap_or_else(PoisonError::into_inner);
        LogFeed { last: lines.iter().cloned().collect(), next: self.ring.sender.subscribe() }
    }

    fn push(&self, line: Arc<str>) {
        let mut lines = self.ring.lines.lock().unwrap_or_else(PoisonError::into_inner);
        while lines.len() >= self.ring.kept.max(1) {
            lines.pop_front();
        }
        lines.push_back(Arc::clone(&line));
        // Nobody follows: the line is kept, that is all.
        let _ = self.ring.sender.send(line);
    }

    fn line(&self, event: &Event<'_>, spans: Vec<Map<String, Value>>) -> Value {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut own = fields.take();
        let mut line = Map::new();
        line.insert("time".to_owned(), format!("{:.3}", self.clock.now()).into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        for name in OUTER {
            let value = own.remove(name).or_else(|| spans.iter().find_map(|span| span.get(name).cloned()));
            line.insert(name.to_owned(), value.unwrap_or(Value::Null));
        }
        line.insert("message".to_owned(), own.remove("message").unwrap_or_else(|| "".into()));
        line.insert("fields".to_owned(), own.into());
        line.into()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogRing {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::only(&OUTER);
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let spans = context
            .event_scope(event)
            .map(|scope| scope.filter_map(|span| span.extensions().get::<Fields>().map(Fields::get)).collect())
            .unwrap_or_default();
        self.push(self.line(event, spans).to_string().into());
    }
}

#[cfg(test)]
mod tests;
