//! The same calendars as the host has them: through its runtime, its limits and its conversions.

use std::sync::Arc;

use bytes::Bytes;
use calport_model::connector::Change;
use calport_model::event::{Event, EventKind, OriginalStart, Response, Sensitivity, ShowAs, Span};
use calport_model::{ConnectorApi as _, SystemClock, Window};
use calport_runtime::{
    Connection, ConnectionConfig, HttpBody, HttpError, HttpGate, HttpRequest, HttpResponse, HttpStream, InProcess, Limits, Runtime,
    RuntimeConfig,
};
use futures::future::BoxFuture;
use serde_json::Value;

use crate::case::Case;
use crate::wire::Wire;
use crate::world::{Side, World, address, cache, component};

/// The way out of a connection.
struct Gate(Wire);

impl Gate {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let body = request.body.map(|body| body.to_vec());
        let answered = self.0.send(&request.method, &request.url, &request.headers, body).await;
        let (status, headers, body) = answered.map_err(HttpError::Unreachable)?;
        Ok(HttpResponse { status, headers, body: body.into() })
    }
}

impl HttpGate for Gate {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(self.exchange(request))
    }

    fn open(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>> {
        Box::pin(async {
            let HttpResponse { status, headers, body } = self.exchange(request).await?;
            Ok(HttpStream { status, headers, body: Box::new(Whole(Some(body))) })
        })
    }
}

/// A body in one piece.
struct Whole(Option<Bytes>);

impl HttpBody for Whole {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, HttpError>> {
        Box::pin(async { Ok(self.0.take()) })
    }
}

/// A connection of the host.
pub async fn connect(world: &World, side: Side) -> Arc<Connection> {
    let runtime = Runtime::new(RuntimeConfig { cache: cache(), compiler: Arc::new(InProcess), clock: Arc::new(SystemClock) }).unwrap();
    let door = world.door(side, "").await;
    let plugin = runtime.load(&component(door.file)).await.unwrap();
    let config = ConnectionConfig {
        id: "calendar".to_owned(),
        settings: serde_json::from_str::<Value>(&door.settings).unwrap(),
        endpoints: vec![(door.endpoint.to_owned(), door.url)],
        gate: Arc::new(Gate(door.wire)),
        discovery_domains: Vec::new(),
        limits: Limits::default(),
    };
    runtime.connect(config, plugin).unwrap()
}

/// A line for each event of a case's window, in order: those of the file, without what the host does not hold.
pub async fn window(connection: &Connection, case: &Case) -> Vec<String> {
    let (mut lines, mut cursor) = (Vec::new(), None);
    let mailbox = address(&case.name);
    loop {
        let page = connection.changes(mailbox.clone(), Window { start: case.from, end: case.to }, cursor).await.unwrap();
        assert!(page.unreadable.is_empty(), "{}: {:?}", case.name, page.unreadable);
        for change in page.changes {
            match change {
                Change::Upsert(event) if event.kind == EventKind::Master => {}
                Change::Upsert(event) => lines.push(line(&event, &mailbox)),
                Change::Removed(id) => panic!("{}: {id} was removed before it was there", case.name),
            }
        }
        cursor = Some(page.cursor);
        if !page.more {
            lines.sort_unstable();
            return lines;
        }
    }
}

/// A line of a case file without what the host does not hold: importance, reminders, texts, who is invited, zones of entry.
#[must_use]
pub fn held(line: &str) -> String {
    let parts: Vec<&str> = line.split(" | ").collect();
    let [when, subject, kind, words] = parts.as_slice() else { panic!("{line:?} is no line of an event") };
    let when = when.split(", entered").next().unwrap_or_default();
    let foreign = |word: &&str| {
        let begins = ["reminder ", "text ", "with "].iter().any(|begin| word.starts_with(begin));
        !begins && !["important", "unimportant", "no reminder"].contains(word)
    };
    let words: Vec<&str> = words.split(", ").filter(foreign).collect();
    format!("{when} | {subject} | {kind} | {}", words.join(", "))
}

fn line(event: &Event, owner: &str) -> String {
    assert!(!event.zone_assumed, "a zone was not known");
    let when = match event.span {
        Span::Timed { start, end } => format!("{} to {}", start.strftime("%Y-%m-%dT%H:%MZ"), end.strftime("%Y-%m-%dT%H:%MZ")),
        Span::AllDay { start, end } => format!("{start} to {end}"),
    };
    let stood = |original: &OriginalStart| match original {
        OriginalStart::Timed(at) => at.strftime("%Y-%m-%dT%H:%MZ").to_string(),
        OriginalStart::Day(day) => day.to_string(),
    };
    let kind = match &event.kind {
        EventKind::Single => "single".to_owned(),
        EventKind::Master => "series".to_owned(),
        EventKind::Occurrence { original, .. } => format!("occurrence of {}", stood(original)),
        EventKind::Exception { original, .. } => format!("exception of {}", stood(original)),
    };
    format!("{when} | {} | {kind} | {}", event.subject.expose(), words(event, owner).join(", "))
}

fn words(event: &Event, owner: &str) -> Vec<String> {
    let show_as = match event.show_as {
        ShowAs::Free => "free",
        ShowAs::Tentative => "tentative",
        ShowAs::Busy => "busy",
        ShowAs::OutOfOffice => "oof",
        ShowAs::WorkingElsewhere => "working elsewhere",
        ShowAs::NoData => "no data",
    };
    let sensitivity = match event.sensitivity {
        Sensitivity::Normal => None,
        Sensitivity::Personal => Some("personal"),
        Sensitivity::Private => Some("private"),
        Sensitivity::Confidential => Some("confidential"),
    };
    let by = event.organizer.as_ref().map(|who| who.address.as_str()).filter(|by| !by.is_empty() && !by.eq_ignore_ascii_case(owner));
    let response = match event.response {
        Response::Organizer => None,
        Response::None => by.map(|_| "unanswered"),
        Response::Accepted => Some("accepted"),
        Response::Tentative => Some("tentatively accepted"),
        Response::Declined => Some("declined"),
    };
    let cancelled = event.cancelled.then_some("cancelled");
    let place = Some(event.location.expose()).filter(|place| !place.is_empty()).map(|place| format!("at {place}"));
    let categories = Some(event.categories.join(" and ")).filter(|names| !names.is_empty()).map(|names| format!("in {names}"));
    let first = [Some(show_as), sensitivity, response, cancelled].into_iter().flatten().map(str::to_owned);
    first.chain(place).chain(categories).chain(by.map(|by| format!("by {by}"))).collect()
}
