//! A calendar server and a PBX that are in step with everything and keep nothing: what is measured is the engine.

use std::sync::Arc;
use std::time::Duration;

use calport_model::connector::{Change, ChangePage, IdPage, Instances};
use calport_model::descriptor::{CheckReport, FeedProfile, HookAnswer, HookProfile, HookSecret, SinkProfile};
use calport_model::directory::{Entry, EntryKind, EntryPage, MailboxInfo, Resolution};
use calport_model::notification::{Hint, HookRequest, Renewal, Subscription, SubscriptionRequest, WaitResult};
use calport_model::presence::{PresenceReading, PresenceReceipt, PresenceUpdate};
use calport_model::{
    Absence, AbsenceState, Answer, Capability, ConnectorApi, ConnectorError, Descriptor, ErrorKind, ErrorScope, Event, Items, Window,
};

use super::page;

/// Events of each mailbox.
const EVENTS: usize = 10;

/// The fake.
pub struct Fake(Arc<Descriptor>);

fn answer<T: Send + 'static>(value: T) -> Answer<'static, T> {
    Box::pin(std::future::ready(Ok(value)))
}

fn unsupported<T: Send + 'static>() -> Answer<'static, T> {
    let error = ConnectorError::new(ErrorKind::Unsupported, ErrorScope::Connection, "not in this benchmark");
    Box::pin(std::future::ready(Err(error)))
}

fn descriptor(name: &str, capabilities: Vec<Capability>) -> Descriptor {
    Descriptor {
        name: name.to_owned(),
        display_name: name.to_owned(),
        version: "1.0.0".to_owned(),
        identity_version: 1,
        cursor_format: 1,
        settings_schema: "{}".to_owned(),
        endpoints: Vec::new(),
        permissions: Vec::new(),
        feed: None,
        sink: None,
        hook: None,
        streams: None,
        capabilities,
    }
}

impl Fake {
    /// Mailboxes with ten events each.
    pub fn calendar() -> Self {
        let capabilities = vec![Capability::Calendar, Capability::Directory, Capability::Notifications, Capability::Absence];
        let mut descriptor = descriptor("calendar", capabilities);
        descriptor.feed = Some(FeedProfile {
            occurrences: true,
            per_mailbox: true,
            reports_deletions: true,
            deletions_certain: true,
            window_bound: true,
            batch_size: 20,
            mailbox_concurrency: 4,
        });
        descriptor.hook = Some(HookProfile {
            handshake: None,
            acknowledgement: HookAnswer { status: 202, content_type: String::new(), body: String::new() },
            secret: HookSecret::JsonPointer("/none".to_owned()),
            farewell: None,
            heartbeats: false,
        });
        Self(Arc::new(descriptor))
    }

    /// A PBX that takes everything.
    pub fn pbx() -> Self {
        let mut descriptor = descriptor("pbx", vec![Capability::Presence]);
        descriptor.sink = Some(SinkProfile {
            text_limit: 255,
            text_limit_in_bytes: true,
            expiry: false,
            greeting: false,
            forwarding: false,
            readable: false,
            batch_size: 200,
            changes_per_second: 0,
        });
        Self(Arc::new(descriptor))
    }
}

impl ConnectorApi for Fake {
    fn descriptor(&self) -> Arc<Descriptor> {
        self.0.clone()
    }
    fn check(&self) -> Answer<'_, CheckReport> {
        answer(CheckReport { server: "Fake".to_owned(), version: "1".to_owned(), findings: Vec::new() })
    }
    fn migrate_cursor(&self, _: u32, _: String) -> Answer<'_, String> {
        unsupported()
    }
    fn list_entries(&self, _: Option<String>) -> Answer<'_, EntryPage> {
        unsupported()
    }
    fn resolve(&self, addresses: Vec<String>) -> Answer<'_, Items<Resolution>> {
        let found = |address: String| {
            let number: usize = address.trim_start_matches("person-").split('@').next().unwrap().parse().unwrap();
            Ok(Resolution::Found(Box::new(Entry {
                id: format!("00000000-0000-4000-8000-{number:012}"),
                kind: EntryKind::Mailbox,
                name: format!("Person Number {number}"),
                address,
                other_addresses: Vec::new(),
                login: String::new(),
                active: true,
                zone: None,
                language: None,
                department: String::new(),
            })))
        };
        answer(addresses.into_iter().map(found).collect())
    }
    fn mailbox_infos(&self, mailboxes: Vec<String>) -> Answer<'_, Items<MailboxInfo>> {
        let info = |_| {
            Ok(MailboxInfo {
                zone: Some("W. Europe Standard Time".to_owned()),
                language: Some("de-DE".to_owned()),
                affinity: String::new(),
            })
        };
        answer(mailboxes.into_iter().map(info).collect())
    }
    fn changes(&self, mailbox: String, _: Window, _: Option<String>) -> Answer<'_, ChangePage> {
        let changes = page::week(EVENTS).into_iter().map(|event| Change::Upsert(Box::new(event))).collect();
        // As long as a link of a real server.
        let cursor = format!("https://server.example.com/v1.0/users/{mailbox}/calendarView/delta?$deltatoken={}", "R0usmcMDNGg".repeat(20));
        answer(ChangePage { changes, cursor, more: false, unreadable: Vec::new() })
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
    fn read_absences(&self, mailboxes: Vec<String>) -> Answer<'_, Items<Absence>> {
        answer(mailboxes.into_iter().map(|_| Ok(Absence { state: AbsenceState::Disabled })).collect())
    }
    fn set_presence(&self, updates: Vec<PresenceUpdate>) -> Answer<'_, Items<PresenceReceipt>> {
        answer(updates.into_iter().map(|_| Ok(PresenceReceipt::default())).collect())
    }
    fn read_presence(&self, _: Vec<String>) -> Answer<'_, Items<PresenceReading>> {
        unsupported()
    }
    fn subscribe(&self, requests: Vec<SubscriptionRequest>) -> Answer<'_, Items<Subscription>> {
        let granted = |request: SubscriptionRequest| {
            let mailbox = request.mailbox.clone().unwrap_or_default();
            Ok(Subscription { id: mailbox, mailbox: request.mailbox, expires: Some(request.expires) })
        };
        answer(requests.into_iter().map(granted).collect())
    }
    fn renew(&self, _: Vec<Renewal>) -> Answer<'_, Items<Subscription>> {
        unsupported()
    }
    fn unsubscribe(&self, _: Vec<String>) -> Answer<'_, Items<()>> {
        unsupported()
    }
    fn live_subscriptions(&self) -> Answer<'_, Vec<Subscription>> {
        answer(Vec::new())
    }
    fn read_hooks(&self, _: Vec<HookRequest>) -> Answer<'_, Items<Vec<Hint>>> {
        unsupported()
    }
    fn wait(&self, _: String, _: Vec<String>, _: Option<String>, _: Duration) -> Answer<'_, WaitResult> {
        unsupported()
    }
}
