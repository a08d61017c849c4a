//! The one trait behind which connectors stand: the engine knows this, and nothing of WebAssembly.

use std::future::Future;
use std::pin::Pin;

use crate::absence::Absence;
use crate::descriptor::{CheckReport, Descriptor, Discovery};
use crate::directory::{EntryPage, MailboxInfo, Resolution};
use crate::error::{ConnectorError, ErrorKind, ErrorScope};
use crate::event::{Event, Window};
use crate::notification::{Hint, HookRequest, Renewal, Subscription, SubscriptionRequest, WaitResult};
use crate::presence::{CallState, PresenceReading, PresenceReceipt, PresenceUpdate};
use crate::write::{Category, EventDraft, EventField, MailMessage, WriteTarget, Written};

/// The future of a connector call.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ConnectorError>> + Send + 'a>>;

/// One result per item asked for, in the order asked.
pub type Items<T> = Vec<Result<T, ConnectorError>>;

/// A change in a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// New or different.
    Upsert(Box<Event>),
    /// No longer in the feed; not yet known to be deleted (SEMANTICS B-07).
    Removed(String),
}

/// A page of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes.
    pub changes: Vec<Change>,
    /// The cursor after this page.
    pub cursor: String,
    /// Whether there is more to read at once.
    pub more: bool,
    /// Events that could not be read: id and reason.
    pub unreadable: Vec<(String, String)>,
}

/// The occurrences of a series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instances {
    /// Those that could be read.
    pub events: Vec<Event>,
    /// Those that could not: id and reason. They exist; what is known of them stays.
    pub unreadable: Vec<(String, String)>,
}

/// A page of ids with versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPage {
    /// Ids and versions.
    pub ids: Vec<(String, String)>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// The functions of a connection. Those of an interface that the connector does not export answer `Unsupported`.
///
/// Functions that take several items answer per item: the outer error means that nothing at all could be asked.
///
/// Writes concern the default calendar of a mailbox and never mail attendees: the mail policy is always *never*, so no function
/// has a parameter for it, and a write that would mail somebody ends with `Refused("would-mail")` before anything is sent
/// (SEMANTICS B-35). After `OutcomeUnknown` and `Plugin` a write may have taken effect: whoever asked reads before it writes
/// again (SEMANTICS S-15, B-40).
pub trait ConnectorApi: Send + Sync {
    /// What the connector says about itself.
    fn descriptor(&self) -> std::sync::Arc<Descriptor>;

    /// Proves that the connection works; changes nothing.
    fn check(&self) -> Answer<'_, CheckReport>;

    /// Looks for endpoints by a mail address (SEMANTICS B-48). `hosts` may have the credential: names of the connection's rule, by which
    /// the way out judges each request whatever the connector does.
    fn discover(&self, _address: String, _hosts: Vec<String>) -> Answer<'_, Discovery> {
        unsupported("finding the server by a mail address")
    }

    /// Rewrites a cursor of an older format.
    fn migrate_cursor(&self, format: u32, cursor: String) -> Answer<'_, String>;

    /// Lists entries, page by page.
    fn list_entries(&self, next: Option<String>) -> Answer<'_, EntryPage>;

    /// Resolves addresses.
    fn resolve(&self, addresses: Vec<String>) -> Answer<'_, Items<Resolution>>;

    /// Zone, language and group of mailboxes.
    fn mailbox_infos(&self, mailboxes: Vec<String>) -> Answer<'_, Items<MailboxInfo>>;

    /// Changes of the default calendar since a cursor; without one, all in the window.
    fn changes(&self, mailbox: String, window: Window, cursor: Option<String>) -> Answer<'_, ChangePage>;

    /// The occurrences and exceptions of a series in the window.
    fn instances(&self, mailbox: String, master: String, window: Window) -> Answer<'_, Instances>;

    /// Events by id.
    fn get_events(&self, mailbox: String, ids: Vec<String>) -> Answer<'_, Items<Event>>;

    /// Ids and versions in the window.
    fn ids(&self, mailbox: String, window: Window, next: Option<String>) -> Answer<'_, IdPage>;

    /// A value per mailbox, in the order asked, that differs when anything in its calendar changed (SEMANTICS C-12). `Unsupported`
    /// where reading changes is as cheap.
    fn probe(&self, _mailboxes: Vec<String>) -> Answer<'_, Items<String>> {
        unsupported("probing mailboxes")
    }

    /// Out-of-office settings.
    fn read_absences(&self, mailboxes: Vec<String>) -> Answer<'_, Items<Absence>>;

    /// Shows presence.
    fn set_presence(&self, updates: Vec<PresenceUpdate>) -> Answer<'_, Items<PresenceReceipt>>;

    /// Reads presence.
    fn read_presence(&self, users: Vec<String>) -> Answer<'_, Items<PresenceReading>>;

    /// Subscribes.
    fn subscribe(&self, requests: Vec<SubscriptionRequest>) -> Answer<'_, Items<Subscription>>;

    /// Renews.
    fn renew(&self, renewals: Vec<Renewal>) -> Answer<'_, Items<Subscription>>;

    /// Ends subscriptions.
    fn unsubscribe(&self, ids: Vec<String>) -> Answer<'_, Items<()>>;

    /// Live subscriptions.
    fn live_subscriptions(&self) -> Answer<'_, Vec<Subscription>>;

    /// Reads stored hook requests.
    fn read_hooks(&self, requests: Vec<HookRequest>) -> Answer<'_, Items<Vec<Hint>>>;

    /// Waits on a stream of these subscriptions, at most 30 s. The first wait with a `stream` opens it; what was opened stays from
    /// wait to wait until [`ConnectorApi::close_stream`]. One wait at a time for each stream. Dropping the future ends the stream.
    fn wait(
        &self,
        stream: String,
        subscriptions: Vec<String>,
        cursor: Option<String>,
        timeout: std::time::Duration,
    ) -> Answer<'_, WaitResult>;

    /// Gives a stream up with all that it holds; one that is not open is none.
    fn close_stream(&self, _stream: &str) {}

    /// Makes an appointment.
    fn create_event(&self, _mailbox: String, _draft: EventDraft) -> Answer<'_, Written> {
        unsupported("creating an appointment")
    }

    /// Changes the given fields and no others, if the appointment still has the version `condition`; else `Conflict`, with nothing
    /// changed. Without a condition whatever is there is changed.
    fn update_event(
        &self,
        _mailbox: String,
        _target: WriteTarget,
        _fields: Vec<EventField>,
        _condition: Option<String>,
    ) -> Answer<'_, Written> {
        unsupported("changing an appointment")
    }

    /// Deletes an appointment, if it still has the version `condition`. One that is gone counts as deleted (SEMANTICS B-41).
    fn delete_event(&self, _mailbox: String, _target: WriteTarget, _condition: Option<String>) -> Answer<'_, ()> {
        unsupported("deleting an appointment")
    }

    /// Appointments that were created with this tag (SEMANTICS S-14). If one of them cannot be read the whole answer is an error:
    /// an empty list says that a create left nothing behind.
    fn find_by_tag(&self, _mailbox: String, _tag: String) -> Answer<'_, Vec<Event>> {
        unsupported("finding appointments by tag")
    }

    /// Sends a mail. Not to be repeated after `OutcomeUnknown`: many servers cannot tell a second one from the first.
    fn send_mail(&self, _message: MailMessage) -> Answer<'_, ()> {
        unsupported("sending a mail")
    }

    /// Whether users are on the telephone.
    fn call_states(&self, _users: Vec<String>) -> Answer<'_, Items<CallState>> {
        unsupported("reading call states")
    }

    /// The categories of a mailbox.
    fn list_categories(&self, _mailbox: String) -> Answer<'_, Vec<Category>> {
        unsupported("reading categories")
    }

    /// Makes a category. One of that name that exists already is left as it is (SEMANTICS S-22).
    fn create_category(&self, _mailbox: String, _category: Category) -> Answer<'_, ()> {
        unsupported("creating a category")
    }
}

fn unsupported<T: Send + 'static>(doing: &str) -> Answer<'static, T> {
    let error = ConnectorError::new(ErrorKind::Unsupported, ErrorScope::Connection, format!("{doing}: this connection cannot do it"));
    Box::pin(std::future::ready(Err(error)))
}
