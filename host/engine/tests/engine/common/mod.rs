//! A calendar and a sink in memory, behind the same trait as every connector.
#![allow(missing_docs)]

mod calendar;
mod line;
mod sink;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use calport_engine::{ConnectionPlan, Engine, EngineHandle, HookSecrets, Notify, PersonPlan, Plan, Settings};
use calport_model::event::Response;
use calport_model::notification::HookRequest;
use calport_model::{
    Answer, Capability, Clock, ConnectorApi, ConnectorError, Descriptor, ErrorKind, ErrorScope, Event, EventKind, ManualClock, PrivateText,
    Sensitivity, ShowAs, Span,
};
use calport_store::{NoSeal, Store};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use calendar::{Calendar, Mailbox};
pub use line::Line;
pub use sink::Sink;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn failure(kind: ErrorKind, scope: ErrorScope) -> ConnectorError {
    ConnectorError::new(kind, scope, "the fake refuses")
}

pub fn now<T: Send + 'static>(value: Result<T, ConnectorError>) -> Answer<'static, T> {
    Box::pin(std::future::ready(value))
}

pub fn busy(id: &str, start: &str, end: &str, subject: &str) -> Event {
    Event {
        id: id.into(),
        version: "1".into(),
        uid: String::new(),
        kind: EventKind::Single,
        span: Span::Timed { start: at(start), end: at(end) },
        zone_assumed: false,
        subject: PrivateText::new(subject),
        location: PrivateText::default(),
        show_as: ShowAs::Busy,
        sensitivity: Sensitivity::Normal,
        categories: Vec::new(),
        organizer: None,
        response: Response::None,
        cancelled: false,
    }
}

pub fn descriptor(name: &str, capabilities: Vec<Capability>) -> Descriptor {
    Descriptor {
        name: name.into(),
        display_name: name.to_uppercase(),
        version: "1.0.0".into(),
        identity_version: 1,
        cursor_format: 1,
        settings_schema: "{}".into(),
        endpoints: Vec::new(),
        permissions: Vec::new(),
        feed: None,
        sink: None,
        hook: None,
        streams: None,
        capabilities,
    }
}

pub fn unsupported<T: Send + 'static>() -> Answer<'static, T> {
    now(Err(failure(ErrorKind::Unsupported, ErrorScope::Connection)))
}

pub struct Rig {
    pub clock: Arc<ManualClock>,
    pub calendar: Arc<Calendar>,
    pub sink: Arc<Sink>,
    pub store: Store,
    pub engine: EngineHandle,
    pub people: Vec<String>,
    pub settings: Settings,
    pub off: Vec<String>,
    pub hooks: bool,
    pub notify: Option<Notify>,
    pub stream_members: usize,
    /// Changes every person's plan.
    pub each: fn(&mut PersonPlan),
}

impl Rig {
    pub async fn new(people: &[&str]) -> Self {
        let clock = Arc::new(ManualClock::new(at("2026-03-02T08:00:00Z")));
        let calendar = Arc::new(Calendar { state: Mutex::default(), clock: clock.clone() });
        for person in people {
            calendar.with(|s| s.mailboxes.insert(format!("{person}@example.com"), Mailbox::default()));
        }
        let store = Store::in_memory(Arc::new(NoSeal)).await.unwrap();
        let engine = Engine::start(store.clone(), clock.clone(), HookSecrets::default()).await.unwrap();
        let settings = Settings { zone: TimeZone::UTC, ..Settings::default() };
        let people = people.iter().map(|p| (*p).to_owned()).collect();
        let sink = Arc::new(Sink::default());
        sink.with(|s| s.now = Some(clock.clone()));
        Self {
            clock,
            calendar,
            sink,
            store,
            engine,
            people,
            settings,
            off: Vec::new(),
            hooks: true,
            notify: None,
            stream_members: 200,
            each: |_| {},
        }
    }

    pub fn plan(&self) -> Plan {
        let connection = |id: &str, api: Arc<dyn ConnectorApi>, hook: bool| ConnectionPlan {
            id: id.into(),
            api,
            active: true,
            url: format!("https://{id}.example.com"),
            hook_url: hook.then(|| "https://host.example.com/hooks/cal/r".to_owned()),
            notify: self.notify.filter(|_| id == "cal"),
            poll: Duration::from_secs(300),
            stream_members: self.stream_members,
        };
        let mut plan = Plan { settings: self.settings.clone(), ..Plan::default() };
        plan.connections.insert("cal".into(), connection("cal", self.calendar.clone(), self.hooks));
        plan.connections.insert("pbx".into(), connection("pbx", self.sink.clone(), false));
        for id in &self.people {
            let mut person = PersonPlan {
                id: id.clone(),
                name: id.clone(),
                source: "cal".into(),
                addresses: vec![format!("{id}@example.com")],
                sink: "pbx".into(),
                user: id.clone(),
                zone: None,
                language: None,
                vip: false,
                active: !self.off.contains(id),
                rules: Arc::default(),
                calendars: Vec::new(),
                overrules: true,
                synchronize_current: false,
                audience: None,
            };
            (self.each)(&mut person);
            plan.people.insert(id.clone(), person);
        }
        plan
    }

    pub async fn start(&self) {
        self.engine.apply(self.plan()).await.unwrap();
        self.engine.settle().await.unwrap();
    }

    pub async fn restart(&mut self) {
        self.engine.stop().await.unwrap();
        self.restart_stopped().await;
    }

    pub async fn restart_stopped(&mut self) {
        self.engine = Engine::start(self.store.clone(), self.clock.clone(), HookSecrets::default()).await.unwrap();
        self.start().await;
    }

    pub async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.calm().await;
    }

    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn to(&self, time: &str) {
        self.clock.set(at(time));
        self.calm().await;
    }

    /// Waits until nothing is left to do, also of what a stream brings: between two rounds its task has had its turn.
    pub async fn calm(&self) {
        for _ in 0..5 {
            self.engine.settle().await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    pub fn subscription(&self, mailbox: &str) -> String {
        self.calendar.with(|s| s.subscriptions.iter().find(|(_, (m, _))| m == mailbox).unwrap().0.clone())
    }

    pub async fn notify(&self, mailbox: &str, times: usize) {
        let body = self.subscription(mailbox).into_bytes();
        for _ in 0..times {
            let request =
                HookRequest { lifecycle: false, content_type: "text/plain".into(), body: body.clone(), received: self.clock.now() };
            self.store.add_hook("cal", &request).await.unwrap();
            self.engine.hook_arrived("cal");
        }
        self.engine.settle().await.unwrap();
    }
}
