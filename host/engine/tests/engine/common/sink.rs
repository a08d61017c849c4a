//! A sink in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{descriptor, failure, now, unsupported};
use calport_model::connector::{ChangePage, IdPage, Instances};
use calport_model::descriptor::{CheckReport, SinkProfile, StreamProfile};
use calport_model::directory::{EntryPage, MailboxInfo, Resolution};
use calport_model::notification::{Hint, HintKind, HookRequest, Renewal, Subscription, SubscriptionRequest, WaitResult};
use calport_model::presence::{CallState, PresenceCommand, PresenceReading, PresenceReceipt, PresenceUpdate};
use calport_model::{
    Absence, Answer, Availability, Capability, Clock, ConnectorApi, ConnectorError, Descriptor, ErrorKind, ErrorScope, Event, Items,
    ManualClock, PresenceValue, Window,
};

#[derive(Default)]
pub struct SinkState {
    pub log: Vec<(String, Option<String>)>,
    pub users: BTreeMap<String, PresenceValue>,
    pub fail: Option<ConnectorError>,
    /// So many values are taken without a word of it: the answer is lost.
    pub lose: usize,
    pub sequences: Vec<u64>,
    /// How long the sink keeps a value by itself.
    pub lease: Option<Duration>,
    /// Texts are kept up to so many characters.
    pub keeps: Option<usize>,
    pub on_call: Vec<String>,
    /// Users whose change was not told yet; `None`: the sink tells nothing.
    pub changed: Option<Vec<String>>,
    pub reads: usize,
    pub now: Option<Arc<ManualClock>>,
}

#[derive(Default)]
pub struct Sink {
    pub state: Mutex<SinkState>,
}

impl Sink {
    pub fn shows(&self, user: &str) -> Option<String> {
        self.state.lock().unwrap().users.get(user).map(|value| value.text.clone())
    }
    pub fn value(&self, user: &str) -> Option<PresenceValue> {
        self.state.lock().unwrap().users.get(user).cloned()
    }
    pub fn with<T>(&self, f: impl FnOnce(&mut SinkState) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }
    /// Somebody sets a state by hand.
    pub fn by_hand(&self, user: &str, availability: Availability, text: &str) {
        let value =
            PresenceValue { availability, activity: String::new(), text: text.into(), until: None, greeting: None, forwarding: None };
        self.with(|s| {
            s.users.insert(user.into(), value);
            s.changed.iter_mut().for_each(|changed| changed.push(user.into()));
        });
    }
    /// Somebody sets the presence back to automatic.
    pub fn release(&self, user: &str) {
        self.with(|s| {
            s.users.remove(user);
            s.changed.iter_mut().for_each(|changed| changed.push(user.into()));
        });
    }
    pub fn count(&self) -> usize {
        self.state.lock().unwrap().log.len()
    }
}

impl ConnectorApi for Sink {
    fn descriptor(&self) -> Arc<Descriptor> {
        let mut d = descriptor("pbx", vec![Capability::Presence, Capability::Notifications]);
        d.streams = self.with(|s| s.changed.is_some()).then_some(StreamProfile { members: 1, life: None, quiet: None });
        d.sink = Some(SinkProfile {
            text_limit: 255,
            text_limit_in_bytes: true,
            expiry: self.with(|s| s.lease.is_some()),
            greeting: true,
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
                let value = match u.command {
                    PresenceCommand::Set(value) => Some(value),
                    PresenceCommand::Clear => None,
                };
                let text = value.as_ref().map(|value| value.text.clone());
                let keeps = state.keeps.unwrap_or(usize::MAX);
                let stored = text.as_ref().map(|text| text.chars().take(keeps).collect::<String>());
                match value {
                    Some(value) => {
                        let text = stored.clone().unwrap_or_default();
                        state.users.insert(u.user.clone(), PresenceValue { text, ..value })
                    }
                    None => state.users.remove(&u.user),
                };
                state.log.push((u.user, text.clone()));
                if state.lose > 0 {
                    state.lose -= 1;
                    return Err(failure(ErrorKind::OutcomeUnknown, ErrorScope::Connection));
                }
                let expires = state.lease.zip(state.now.as_ref()).map(|(lease, clock)| clock.now() + lease);
                Ok(PresenceReceipt { token: None, stored_text: stored.filter(|s| Some(s) != text.as_ref()), expires })
            })
            .collect()))
    }
    fn read_presence(&self, users: Vec<String>) -> Answer<'_, Items<PresenceReading>> {
        let mut state = self.state.lock().unwrap();
        state.reads += 1;
        let read = |user: &String| Ok(PresenceReading { value: state.users.get(user).cloned(), foreign: None, changed: None });
        now(Ok(users.iter().map(read).collect()))
    }
    fn call_states(&self, users: Vec<String>) -> Answer<'_, Items<CallState>> {
        let state = self.state.lock().unwrap();
        now(Ok(users.iter().map(|u| Ok(if state.on_call.contains(u) { CallState::OnCall } else { CallState::Idle })).collect()))
    }
    fn subscribe(&self, requests: Vec<SubscriptionRequest>) -> Answer<'_, Items<Subscription>> {
        now(Ok(requests.iter().map(|_| Ok(Subscription { id: "presence".into(), mailbox: None, expires: None })).collect()))
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
    fn wait(&self, _: String, _: Vec<String>, _: Option<String>, _: Duration) -> Answer<'_, WaitResult> {
        let changed = self.with(|s| s.changed.as_mut().map(std::mem::take));
        let Some(changed) = changed else { return unsupported() };
        let hint = |kind| Hint { subscription: "presence".into(), mailbox: None, kind };
        let mut hints: Vec<Hint> = changed.into_iter().map(|user| hint(HintKind::PresenceChanged(user))).collect();
        if hints.is_empty() {
            hints.push(hint(HintKind::Heartbeat));
        }
        now(Ok(WaitResult { hints, cursor: Some("c".into()) }))
    }
}
