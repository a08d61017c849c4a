//! A connection as it is handed to the engine, with a count of what is under way outside the engine's own jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use calport_model::connector::{ChangePage, IdPage, Instances};
use calport_model::descriptor::CheckReport;
use calport_model::directory::{EntryPage, MailboxInfo, Resolution};
use calport_model::notification::{Hint, HookRequest, Renewal, Subscription, SubscriptionRequest, WaitResult};
use calport_model::presence::{CallState, PresenceReading, PresenceReceipt, PresenceUpdate};
use calport_model::{Absence, Answer, ConnectorApi, Descriptor, Event, Items, Window};

/// What connectors were asked, and how many waits on streams are under way.
#[derive(Default)]
pub struct Calls {
    begun: AtomicU64,
    ended: AtomicU64,
    waits: AtomicU64,
}

impl Calls {
    /// Rises with whatever a connector begins or ends.
    pub fn activity(&self) -> u64 {
        self.begun.load(Ordering::SeqCst) + self.ended.load(Ordering::SeqCst)
    }

    /// Calls so far.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// Waits under way.
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::SeqCst)
    }
}

/// Ends the count of a wait, also of one that is given up.
struct Wait(Arc<Calls>);

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.waits.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// A connection that counts.
pub struct Watched {
    /// The connection.
    pub inner: Arc<dyn ConnectorApi>,
    /// The counts.
    pub calls: Arc<Calls>,
}

macro_rules! pass {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> Answer<'_, $answer> {
            self.calls.begun.fetch_add(1, Ordering::SeqCst);
            self.inner.$name($($argument),*)
        })*
    };
}

impl ConnectorApi for Watched {
    fn descriptor(&self) -> Arc<Descriptor> {
        self.inner.descriptor()
    }

    fn wait(&self, stream: String, subscriptions: Vec<String>, cursor: Option<String>, timeout: Duration) -> Answer<'_, WaitResult> {
        self.calls.begun.fetch_add(1, Ordering::SeqCst);
        self.calls.waits.fetch_add(1, Ordering::SeqCst);
        let wait = Wait(self.calls.clone());
        let answer = self.inner.wait(stream, subscriptions, cursor, timeout);
        Box::pin(async move {
            let _wait = wait;
            answer.await
        })
    }

    fn close_stream(&self, stream: &str) {
        self.inner.close_stream(stream);
    }

    pass! {
        check() -> CheckReport;
        migrate_cursor(format: u32, cursor: String) -> String;
        list_entries(next: Option<String>) -> EntryPage;
        resolve(addresses: Vec<String>) -> Items<Resolution>;
        mailbox_infos(mailboxes: Vec<String>) -> Items<MailboxInfo>;
        changes(mailbox: String, window: Window, cursor: Option<String>) -> ChangePage;
        instances(mailbox: String, master: String, window: Window) -> Instances;
        get_events(mailbox: String, ids: Vec<String>) -> Items<Event>;
        ids(mailbox: String, window: Window, next: Option<String>) -> IdPage;
        read_absences(mailboxes: Vec<String>) -> Items<Absence>;
        set_presence(updates: Vec<PresenceUpdate>) -> Items<PresenceReceipt>;
        read_presence(users: Vec<String>) -> Items<PresenceReading>;
        subscribe(requests: Vec<SubscriptionRequest>) -> Items<Subscription>;
        renew(renewals: Vec<Renewal>) -> Items<Subscription>;
        unsubscribe(ids: Vec<String>) -> Items<()>;
        live_subscriptions() -> Vec<Subscription>;
        read_hooks(requests: Vec<HookRequest>) -> Items<Vec<Hint>>;
        call_states(users: Vec<String>) -> Items<CallState>;
    }
}
