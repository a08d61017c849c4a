//! A calendar and a sink in memory, behind the same trait as every connector.
#![allow(missing_docs)]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use calport_engine::{ConnectionPlan, Engine, EngineHandle, HookSecrets, PersonPlan, Plan, Settings};
use calport_model::connector::{Change, ChangePage, IdPage, Instances};
use calport_model::descriptor::{CheckReport, FeedProfile, HookProfile, HookSecret, SinkProfile};
use calport_model::directory::{Entry, EntryKind, EntryPage, MailboxInfo, Resolution};
use calport_model::event::Response;
use calport_model::notification::{Hint, HintKind, HookRequest, Renewal, Subscription, SubscriptionRequest, WaitResult};
use calport_model::presence::{PresenceCommand, PresenceReading, PresenceReceipt, PresenceUpdate};
use calport_model::{
    Absence, AbsenceState, Answer, Capability, Clock, ConnectorApi, ConnectorError, Descriptor, ErrorKind, ErrorScope, Event, EventKind,
    Items, ManualClock, PrivateText, Sensitivity, ShowAs, Span, Window,
};
use calport_rules::Language;
use calport_store::{NoSeal, Store};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn failure(kind: ErrorKind, scope: ErrorScope) -> ConnectorError {
    ConnectorError::new(kind, scope, "the fake refuses")
}

fn now<T: Send + 'static>(value: Result<T, ConnectorError>) -> Answer<'static, T> {
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

#[derive(Default)]
pub struct Mailbox {
    pub events: BTreeMap<String, Event>,
    pub log: Vec<Change>,
    pub series: HashMap<String, Vec<Event>>,
    pub unreadable: Vec<(String, String)>,
    pub fail: Option<ConnectorError>,
}

#[derive(Default)]
pub struct CalendarState {
    pub mailboxes: BTreeMap<String, Mailbox>,
    pub generation: u64,
    pub page_size: usize,
    pub fail_page: Option<usize>,
    pub empty_answers: bool,
    pub full_reads: usize,
    pub delta_reads: usize,
    pub subscriptions: BTreeMap<String, (String, Timestamp)>,
    pub made: usize,
    pub renewals: usize,
    pub next_hint: Option<HintKind>,
    pub absences: HashMap<String, AbsenceState>,
}

pub struct Calendar {
    pub state: Mutex<CalendarState>,
    pub clock: Arc<ManualClock>,
}

impl Calendar {
    pub fn put(&self, mailbox: &str, event: Event) {
        let mut state = self.state.lock().unwrap();
        let mailbox = state.mailboxes.entry(mailbox.into()).or_default();
        mailbox.events.insert(event.id.clone(), event.clone());
        mailbox.log.push(Change::Upsert(Box::new(event)));
    }
    pub fn delete(&self, mailbox: &str, id: &str) {
        let mut state = self.state.lock().unwrap();
        let mailbox = state.mailboxes.entry(mailbox.into()).or_default();
        mailbox.events.remove(id);
        mailbox.log.push(Change::Removed(id.into()));
    }
    pub fn say_removed(&self, mailbox: &str, id: &str) {
        let mut state = self.state.lock().unwrap();
        state.mailboxes.entry(mailbox.into()).or_default().log.push(Change::Removed(id.into()));
    }
    pub fn with<T>(&self, f: impl FnOnce(&mut CalendarState) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }
}

fn descriptor(name: &str, capabilities: Vec<Capability>) -> Descriptor {
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
        streams: false,
        capabilities,
    }
}

fn unsupported<T: Send + 'static>() -> Answer<'static, T> {
    now(Err(failure(ErrorKind::Unsupported, ErrorScope::Connection)))
}

impl ConnectorApi for Calendar {
    fn descriptor(&self) -> Arc<Descriptor> {
        let mut d = descriptor("cal", vec![Capability::Calendar, Capability::Directory, Capability::Absence, Capability::Notifications]);
        d.feed = Some(FeedProfile {
            occurrences: true,
            per_mailbox: true,
            reports_deletions: true,
            deletions_certain: false,
            window_bound: true,
            batch_size: 20,
            mailbox_concurrency: 4,
        });
        d.hook = Some(HookProfile {
            handshake: None,
            status: 202,
            content_type: String::new(),
            body: String::new(),
            secret: HookSecret::UrlOnly,
        });
        Arc::new(d)
    }
    fn check(&self) -> Answer<'_, CheckReport> {
        now(Ok(CheckReport { server: "Fake Calendar".into(), version: "1".into(), findings: Vec::new() }))
    }
    fn migrate_cursor(&self, _: u32, _: String) -> Answer<'_, String> {
        now(Err(failure(ErrorKind::CursorExpired, ErrorScope::Mailbox)))
    }
    fn list_entries(&self, _: Option<String>) -> Answer<'_, EntryPage> {
        unsupported()
    }
    fn resolve(&self, addresses: Vec<String>) -> Answer<'_, Items<Resolution>> {
        let state = self.state.lock().unwrap();
        now(Ok(addresses
            .into_iter()
            .map(|a| {
                Ok(if state.mailboxes.contains_key(&a) {
                    Resolution::Found(Box::new(Entry {
                        id: a.clone(),
                        kind: EntryKind::Mailbox,
                        name: a.clone(),
                        address: a,
                        other_addresses: Vec::new(),
                        login: String::new(),
                        active: true,
                        zone: None,
                        language: None,
                        department: String::new(),
                    }))
                } else {
                    Resolution::NotFound
                })
            })
            .collect()))
    }
    fn mailbox_infos(&self, mailboxes: Vec<String>) -> Answer<'_, Items<MailboxInfo>> {
        now(Ok(mailboxes
            .iter()
            .map(|_| Ok(MailboxInfo { zone: Some("Europe/Berlin".into()), language: None, affinity: String::new() }))
            .collect()))
    }
    fn changes(&self, mailbox: String, window: Window, cursor: Option<String>) -> Answer<'_, ChangePage> {
        let mut state = self.state.lock().unwrap();
        let generation = state.generation;
        let page_size = if state.page_size == 0 { 100 } else { state.page_size };
        let from = match cursor {
            None => {
                state.full_reads += 1;
                None
            }
            Some(cursor) => {
                let (g, n) = cursor.split_once(' ').unwrap();
                if g.parse() != Ok(generation) {
                    return now(Err(failure(ErrorKind::CursorExpired, ErrorScope::Mailbox)));
                }
                state.delta_reads += 1;
                Some(n.parse::<usize>().unwrap())
            }
        };
        if state.fail_page == from && from.is_some() {
            return now(Err(failure(ErrorKind::Unavailable, ErrorScope::Mailbox)));
        }
        let empty = state.empty_answers;
        let Some(entry) = state.mailboxes.get(&mailbox) else { return now(Err(failure(ErrorKind::NotFound, ErrorScope::Mailbox))) };
        if let Some(error) = &entry.fail {
            return now(Err(error.clone()));
        }
        let page = match from {
            None => ChangePage {
                changes: entry
                    .events
                    .values()
                    .filter(|e| !empty && matches!(e.span, Span::Timed { start, end } if window.overlaps(start, end)))
                    .map(|e| Change::Upsert(Box::new(e.clone())))
                    .collect(),
                cursor: format!("{generation} {}", entry.log.len()),
                more: false,
                unreadable: Vec::new(),
            },
            Some(from) => {
                let changes: Vec<Change> = entry.log.iter().skip(from).take(page_size).cloned().collect();
                let next = from + changes.len();
                ChangePage { changes, cursor: format!("{generation} {next}"), more: next < entry.log.len(), unreadable: Vec::new() }
            }
        };
        now(Ok(page))
    }
    fn instances(&self, mailbox: String, master: String, _: Window) -> Answer<'_, Instances> {
        let state = self.state.lock().unwrap();
        let found = state
            .mailboxes
            .get(&mailbox)
            .and_then(|m| m.series.get(&master).map(|events| Instances { events: events.clone(), unreadable: m.unreadable.clone() }));
        now(found.ok_or(failure(ErrorKind::NotFound, ErrorScope::Item)))
    }
    fn get_events(&self, mailbox: String, ids: Vec<String>) -> Answer<'_, Items<Event>> {
        let state = self.state.lock().unwrap();
        now(Ok(ids
            .iter()
            .map(|id| {
                state.mailboxes.get(&mailbox).and_then(|m| m.events.get(id)).cloned().ok_or(failure(ErrorKind::NotFound, ErrorScope::Item))
            })
            .collect()))
    }
    fn ids(&self, _: String, _: Window, _: Option<String>) -> Answer<'_, IdPage> {
        unsupported()
    }
    fn read_absences(&self, mailboxes: Vec<String>) -> Answer<'_, Items<Absence>> {
        let state = self.state.lock().unwrap();
        now(Ok(mailboxes.iter().map(|m| Ok(Absence { state: state.absences.get(m).copied().unwrap_or(AbsenceState::Disabled) })).collect()))
    }
    fn set_presence(&self, _: Vec<PresenceUpdate>) -> Answer<'_, Items<PresenceReceipt>> {
        unsupported()
    }
    fn read_presence(&self, _: Vec<String>) -> Answer<'_, Items<PresenceReading>> {
        unsupported()
    }
    fn subscribe(&self, requests: Vec<SubscriptionRequest>) -> Answer<'_, Items<Subscription>> {
        let mut state = self.state.lock().unwrap();
        let granted = self.clock.now() + jiff::SignedDuration::from_hours(48);
        now(Ok(requests
            .into_iter()
            .map(|r| {
                state.made += 1;
                let id = format!("sub-{}", state.made);
                let mailbox = r.mailbox.unwrap();
                state.subscriptions.insert(id.clone(), (mailbox.clone(), granted));
                Ok(Subscription { id, mailbox: Some(mailbox), expires: Some(granted), group: String::new() })
            })
            .collect()))
    }
    fn renew(&self, renewals: Vec<Renewal>) -> Answer<'_, Items<Subscription>> {
        let mut state = self.state.lock().unwrap();
        let granted = self.clock.now() + jiff::SignedDuration::from_hours(48);
        now(Ok(renewals
            .into_iter()
            .map(|r| {
                state.renewals += 1;
                let (mailbox, expires) = state.subscriptions.get_mut(&r.id).ok_or(failure(ErrorKind::NotFound, ErrorScope::Item))?;
                *expires = granted;
                Ok(Subscription { id: r.id, mailbox: Some(mailbox.clone()), expires: Some(granted), group: String::new() })
            })
            .collect()))
    }
    fn unsubscribe(&self, ids: Vec<String>) -> Answer<'_, Items<()>> {
        let mut state = self.state.lock().unwrap();
        now(Ok(ids
            .iter()
            .map(|id| {
                state.subscriptions.remove(id);
                Ok(())
            })
            .collect()))
    }
    fn live_subscriptions(&self) -> Answer<'_, Vec<Subscription>> {
        let state = self.state.lock().unwrap();
        now(Ok(state
            .subscriptions
            .iter()
            .map(|(id, (m, e))| Subscription { id: id.clone(), mailbox: Some(m.clone()), expires: Some(*e), group: String::new() })
            .collect()))
    }
    fn read_hooks(&self, requests: Vec<HookRequest>) -> Answer<'_, Items<Vec<Hint>>> {
        let kind = self.state.lock().unwrap().next_hint.clone().unwrap_or(HintKind::Changed);
        now(Ok(requests
            .iter()
            .map(|r| {
                let subscription = String::from_utf8(r.body.clone()).unwrap();
                Ok(vec![Hint { subscription, mailbox: None, kind: kind.clone() }])
            })
            .collect()))
    }
    fn wait(&self, _: Vec<String>, _: Option<String>, _: Duration) -> Answer<'_, WaitResult> {
        unsupported()
    }
}

#[derive(Default)]
pub struct SinkState {
    pub log: Vec<(String, Option<String>)>,
    pub users: BTreeMap<String, String>,
    pub fail: Option<ConnectorError>,
    pub sequences: Vec<u64>,
}

#[derive(Default)]
pub struct Sink {
    pub state: Mutex<SinkState>,
}

impl Sink {
    pub fn shows(&self, user: &str) -> Option<String> {
        self.state.lock().unwrap().users.get(user).cloned()
    }
    pub fn count(&self) -> usize {
        self.state.lock().unwrap().log.len()
    }
}

impl ConnectorApi for Sink {
    fn descriptor(&self) -> Arc<Descriptor> {
        let mut d = descriptor("pbx", vec![Capability::Presence]);
        d.sink = Some(SinkProfile {
            text_limit: 255,
            text_limit_in_bytes: true,
            expiry: false,
            greeting: false,
            forwarding: false,
            readable: true,
            batch_size: 50,
            changes_per_second: 0,
        });
        Arc::new(d)
    }
    fn check(&self) -> Answer<'_, CheckReport> {
        now(Ok(CheckReport { server: "Fake PBX".into(), version: "2".into(), findings: Vec::new() }))
    }
    fn migrate_cursor(&self, _: u32, _: String) -> Answer<'_, String> {
        unsupported()
    }
    fn list_entries(&self, _: Option<String>) -> Answer<'_, EntryPage> {
        unsupported()
    }
    fn resolve(&self, _: Vec<String>) -> Answer<'_, Items<Resolution>> {
        unsupported()
    }
    fn mailbox_infos(&self, _: Vec<String>) -> Answer<'_, Items<MailboxInfo>> {
        unsupported()
    }
    fn changes(&self, _: String, _: Window, _: Option<String>) -> Answer<'_, ChangePage> {
        unsupported()
    }
    fn instances(&self, _: String, _: String, _: Window) -> Answer<'_, Instances> {
        unsupported()
    }
    fn get_events(&self, _: String, _: Vec<String>) -> Answer<'_, Items<Event>> {
        unsupported()
    }
    fn ids(&self, _: String, _: Window, _: Option<String>) -> Answer<'_, IdPage> {
        unsupported()
    }
    fn read_absences(&self, _: Vec<String>) -> Answer<'_, Items<Absence>> {
        unsupported()
    }
    fn set_presence(&self, updates: Vec<PresenceUpdate>) -> Answer<'_, Items<PresenceReceipt>> {
        let mut state = self.state.lock().unwrap();
        now(Ok(updates
            .into_iter()
            .map(|u| {
                if let Some(error) = &state.fail {
                    return Err(error.clone());
                }
                state.sequences.push(u.sequence);
                let text = match u.command {
                    PresenceCommand::Set(value) => Some(value.text),
                    PresenceCommand::Clear => None,
                };
                match &text {
                    Some(text) => state.users.insert(u.user.clone(), text.clone()),
                    None => state.users.remove(&u.user),
                };
                state.log.push((u.user, text));
                Ok(PresenceReceipt::default())
            })
            .collect()))
    }
    fn read_presence(&self, _: Vec<String>) -> Answer<'_, Items<PresenceReading>> {
        unsupported()
    }
    fn subscribe(&self, _: Vec<SubscriptionRequest>) -> Answer<'_, Items<Subscription>> {
        unsupported()
    }
    fn renew(&self, _: Vec<Renewal>) -> Answer<'_, Items<Subscription>> {
        unsupported()
    }
    fn unsubscribe(&self, _: Vec<String>) -> Answer<'_, Items<()>> {
        unsupported()
    }
    fn live_subscriptions(&self) -> Answer<'_, Vec<Subscription>> {
        unsupported()
    }
    fn read_hooks(&self, _: Vec<HookRequest>) -> Answer<'_, Items<Vec<Hint>>> {
        unsupported()
    }
    fn wait(&self, _: Vec<String>, _: Option<String>, _: Duration) -> Answer<'_, WaitResult> {
        unsupported()
    }
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
        Self { clock, calendar, sink: Arc::default(), store, engine, people, settings, off: Vec::new(), hooks: true }
    }

    pub fn plan(&self) -> Plan {
        let connection = |id: &str, api: Arc<dyn ConnectorApi>, hook: bool| ConnectionPlan {
            id: id.into(),
            api,
            active: true,
            url: format!("https://{id}.example.com"),
            hook_url: hook.then(|| "https://host.example.com/hooks/cal/r".to_owned()),
            poll: Duration::from_secs(300),
        };
        let mut plan = Plan { settings: self.settings.clone(), ..Plan::default() };
        plan.connections.insert("cal".into(), connection("cal", self.calendar.clone(), self.hooks));
        plan.connections.insert("pbx".into(), connection("pbx", self.sink.clone(), false));
        for id in &self.people {
            plan.people.insert(
                id.clone(),
                PersonPlan {
                    id: id.clone(),
                    name: id.clone(),
                    source: "cal".into(),
                    addresses: vec![format!("{id}@example.com")],
                    sink: "pbx".into(),
                    user: id.clone(),
                    zone: None,
                    language: Language::ENGLISH,
                    vip: false,
                    active: !self.off.contains(id),
                    rules: Arc::default(),
                    calendars: Vec::new(),
                    overrules: true,
                    synchronize_current: false,
                    audience: None,
                },
            );
        }
        plan
    }

    pub async fn start(&self) {
        self.engine.apply(self.plan()).await.unwrap();
        self.engine.settle().await.unwrap();
    }

    pub async fn restart(&mut self) {
        self.engine.stop().await.unwrap();
        self.engine = Engine::start(self.store.clone(), self.clock.clone(), HookSecrets::default()).await.unwrap();
        self.start().await;
    }

    pub async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.engine.settle().await.unwrap();
    }

    pub async fn to(&self, time: &str) {
        self.clock.set(at(time));
        self.engine.settle().await.unwrap();
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
