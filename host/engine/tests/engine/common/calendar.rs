//! A calendar in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use calport_model::connector::{Change, ChangePage, IdPage, Instances};
use calport_model::descriptor::{CheckReport, FeedProfile, HookAnswer, HookProfile, HookSecret};
use calport_model::directory::{Entry, EntryKind, EntryPage, MailboxInfo, Resolution};
use calport_model::notification::{Hint, HintKind, HookRequest, Renewal, Subscription, SubscriptionRequest, WaitResult};
use calport_model::presence::{PresenceReading, PresenceReceipt, PresenceUpdate};
use calport_model::write::{EventDraft, EventField, MailMessage, WriteTarget, Written};
use calport_model::{
    Absence, AbsenceState, Answer, Capability, Clock, ConnectorApi, ConnectorError, Descriptor, ErrorKind, ErrorScope, Event, Items,
    ManualClock, Span, Window,
};
use jiff::Timestamp;

use super::line::Line;
use super::{descriptor, failure, now, unsupported};

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
    pub languages: HashMap<String, String>,
    /// Operations that were carried out: a repeated one makes nothing.
    pub operations: HashMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub writes: Vec<String>,
    /// The next create happens, and its answer is lost.
    pub lose_answer: bool,
    /// The next update meets a version of somebody else.
    pub conflict: bool,
    pub mails: Vec<MailMessage>,
    /// What mailboxes are grouped by.
    pub affinities: HashMap<String, String>,
    /// The streams of this calendar; without it there are none.
    pub line: Option<Line>,
    pub fail_mail: bool,
    /// Mailboxes can be probed, and how many were.
    pub probes: bool,
    pub probed: usize,
    /// Live subscriptions cannot be listed.
    pub cannot_list: bool,
    /// Subscriptions give signs of life by hooks and are granted for so many seconds; they carry their secret in the query.
    pub signs: Option<i64>,
    /// The URLs that were given to subscriptions.
    pub urls: Vec<String>,
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

impl ConnectorApi for Calendar {
    fn descriptor(&self) -> Arc<Descriptor> {
        let mut d = descriptor(
            "cal",
            vec![Capability::Calendar, Capability::Directory, Capability::Absence, Capability::Notifications, Capability::Mail],
        );
        d.feed = Some(FeedProfile {
            occurrences: true,
            per_mailbox: true,
            reports_deletions: true,
            deletions_certain: false,
            window_bound: true,
            batch_size: 20,
            mailbox_concurrency: 4,
        });
        let signs = self.with(|s| s.signs.is_some());
        d.streams = self.with(|s| s.line.as_ref().map(|line| line.profile));
        d.hook = Some(HookProfile {
            handshake: None,
            acknowledgement: HookAnswer { status: 202, content_type: String::new(), body: String::new() },
            secret: if signs { HookSecret::Query("key".into()) } else { HookSecret::UrlOnly },
            farewell: None,
            heartbeats: signs,
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
        let state = self.state.lock().unwrap();
        let info = |m: &String| MailboxInfo {
            zone: Some("Europe/Berlin".into()),
            language: state.languages.get(m).cloned(),
            affinity: state.affinities.get(m).cloned().unwrap_or_default(),
        };
        now(Ok(mailboxes.iter().map(|m| Ok(info(m))).collect()))
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
    fn probe(&self, mailboxes: Vec<String>) -> Answer<'_, Items<String>> {
        let mut state = self.state.lock().unwrap();
        if !state.probes {
            return unsupported();
        }
        state.probed += mailboxes.len();
        let logged = |m: &String| state.mailboxes.get(m).map_or(0, |m| m.log.len());
        now(Ok(mailboxes.iter().map(|m| Ok(format!("{} changes", logged(m)))).collect()))
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
        if let Some(answer) = state.line.as_mut().and_then(|line| line.subscribe(&requests)) {
            return now(answer);
        }
        let life = state.signs.unwrap_or(48 * 3600);
        let granted = self.clock.now() + jiff::SignedDuration::from_secs(life);
        now(Ok(requests
            .into_iter()
            .map(|r| {
                state.made += 1;
                state.urls.extend([r.notification_url, r.lifecycle_url].into_iter().flatten());
                let id = format!("sub-{}", state.made);
                let mailbox = r.mailbox.unwrap();
                state.subscriptions.insert(id.clone(), (mailbox.clone(), granted));
                Ok(Subscription { id, mailbox: Some(mailbox), expires: Some(granted) })
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
                if state.signs.is_some() {
                    state.subscriptions.remove(&r.id);
                }
                let (mailbox, expires) = state.subscriptions.get_mut(&r.id).ok_or(failure(ErrorKind::NotFound, ErrorScope::Item))?;
                *expires = granted;
                Ok(Subscription { id: r.id, mailbox: Some(mailbox.clone()), expires: Some(granted) })
            })
            .collect()))
    }
    fn create_event(&self, mailbox: String, draft: EventDraft) -> Answer<'_, Written> {
        let mut state = self.state.lock().unwrap();
        if let Some(id) = state.operations.get(&draft.operation) {
            return now(Ok(Written { id: id.clone(), version: Some("1".into()), truncated: Vec::new() }));
        }
        let id = format!("new-{}", state.operations.len() + 1);
        let mut event = super::busy(&id, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "");
        change(&mut event, draft.fields);
        state.writes.push(format!("create {} {:?}", event.subject.expose(), event.span));
        state.operations.insert(draft.operation, id.clone());
        state.tags.insert(draft.tag.unwrap(), id.clone());
        let mailbox = state.mailboxes.entry(mailbox).or_default();
        mailbox.events.insert(id.clone(), event.clone());
        mailbox.log.push(Change::Upsert(Box::new(event)));
        if std::mem::take(&mut state.lose_answer) {
            return now(Err(failure(ErrorKind::OutcomeUnknown, ErrorScope::Item)));
        }
        now(Ok(Written { id, version: Some("1".into()), truncated: Vec::new() }))
    }
    fn update_event(
        &self,
        mailbox: String,
        target: WriteTarget,
        fields: Vec<EventField>,
        condition: Option<String>,
    ) -> Answer<'_, Written> {
        let mut state = self.state.lock().unwrap();
        let WriteTarget::Item(id) = target else { return unsupported() };
        let conflict = std::mem::take(&mut state.conflict);
        let mailbox = state.mailboxes.entry(mailbox).or_default();
        let Some(event) = mailbox.events.get_mut(&id) else { return now(Err(failure(ErrorKind::NotFound, ErrorScope::Item))) };
        if conflict {
            event.version.push('x');
        }
        if condition.as_ref() != Some(&event.version) {
            return now(Err(failure(ErrorKind::Conflict(None), ErrorScope::Item)));
        }
        change(event, fields);
        event.version.push('+');
        let event = event.clone();
        mailbox.log.push(Change::Upsert(Box::new(event.clone())));
        state.writes.push(format!("update {id} {:?}", event.span));
        now(Ok(Written { id, version: Some(event.version), truncated: Vec::new() }))
    }
    fn delete_event(&self, mailbox: String, target: WriteTarget, _: Option<String>) -> Answer<'_, ()> {
        let WriteTarget::Item(id) = target else { return unsupported() };
        self.delete(&mailbox, &id);
        self.with(|s| s.writes.push(format!("delete {id}")));
        now(Ok(()))
    }
    fn find_by_tag(&self, mailbox: String, tag: String) -> Answer<'_, Vec<Event>> {
        let state = self.state.lock().unwrap();
        let found = state.tags.get(&tag).and_then(|id| state.mailboxes.get(&mailbox)?.events.get(id));
        now(Ok(found.cloned().into_iter().collect()))
    }
    fn send_mail(&self, message: MailMessage) -> Answer<'_, ()> {
        let mut state = self.state.lock().unwrap();
        if state.fail_mail {
            return now(Err(failure(ErrorKind::Unavailable, ErrorScope::Item)));
        }
        state.mails.push(message);
        now(Ok(()))
    }
    fn unsubscribe(&self, ids: Vec<String>) -> Answer<'_, Items<()>> {
        let mut state = self.state.lock().unwrap();
        if let Some(line) = &mut state.line {
            line.subscriptions.retain(|id, _| !ids.contains(id));
        }
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
        if state.cannot_list {
            return unsupported();
        }
        now(Ok(state
            .subscriptions
            .iter()
            .map(|(id, (m, e))| Subscription { id: id.clone(), mailbox: Some(m.clone()), expires: Some(*e) })
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
    fn wait(&self, stream: String, ids: Vec<String>, _: Option<String>, _: Duration) -> Answer<'_, WaitResult> {
        Box::pin(Line::wait(self, stream, ids))
    }
    fn close_stream(&self, stream: &str) {
        if let Some(line) = &mut self.state.lock().unwrap().line {
            line.streams.remove(stream);
        }
    }
}

fn change(event: &mut Event, fields: Vec<EventField>) {
    for field in fields {
        match field {
            EventField::Time { span, .. } => event.span = span,
            EventField::Subject(subject) => event.subject = subject,
            EventField::ShowAs(show_as) => event.show_as = show_as,
            EventField::Categories(categories) => event.categories = categories,
            EventField::Sensitivity(sensitivity) => event.sensitivity = sensitivity,
            EventField::Location(location) => event.location = location.unwrap_or_default(),
            EventField::Body(_) | EventField::Reminder(_) => {}
        }
    }
}
