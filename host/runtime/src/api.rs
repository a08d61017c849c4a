//! The host's one trait, on a connection: each function calls its export and checks what comes back.

use std::sync::Arc;
use std::time::Duration;

use calport_model::connector::{ChangePage, IdPage, Instances};
use calport_model::descriptor::{CheckReport, Discovery};
use calport_model::directory::{EntryPage, MailboxInfo, Resolution};
use calport_model::notification::{Hint, HookRequest, Renewal, Subscription, SubscriptionRequest, WaitResult};
use calport_model::presence::{CallState, PresenceReading, PresenceReceipt, PresenceUpdate};
use calport_model::write::{Category, EventDraft, EventField, MailMessage, WriteTarget, Written};
use calport_model::{Absence, Answer, Capability, ConnectorApi, Descriptor, ErrorScope, Event, Items, Window};

use crate::bindings::exports::{calendar, connector, notifications, presence};
use crate::bindings::imports::common;
use crate::call::{Call, strike};
use crate::connection::{Connection, Job, lock};
use crate::convert;
use crate::convert::error::{broken, from_guest};
use crate::limits::ValueLimits;

/// The outcome of an exported function; the outer `None` says that the interface is not exported.
type Exported<T> = Option<Result<T, common::Error>>;

impl Connection {
    /// Calls a function of an interface that the connector may lack.
    fn ask<T: Send + 'static>(&self, capability: Capability, job: Job<Exported<T>>) -> Answer<'static, T> {
        let inner = self.0.clone();
        Box::pin(async move {
            let _turn = inner.calls.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let answer = inner.clone().call(Call::normal(), job).await?;
            answer.ok_or_else(|| inner.unsupported(capability))?.map_err(|error| inner.said(error))
        })
    }

    /// Calls a function that answers per item, and checks that there is an answer to each.
    fn ask_many<T: Send + 'static, U: Send + 'static>(
        &self,
        capability: Capability,
        asked: usize,
        scope: ErrorScope,
        convert: impl Fn(T, &ValueLimits) -> Result<U, String> + Send + 'static,
        job: Job<Option<Vec<Result<T, common::Error>>>>,
    ) -> Answer<'static, Items<U>> {
        let inner = self.0.clone();
        Box::pin(async move {
            if asked == 0 {
                return Ok(Vec::new());
            }
            let _turn = inner.calls.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let answers = inner.clone().call(Call::normal(), job).await?.ok_or_else(|| inner.unsupported(capability))?;
            if answers.len() != asked {
                return Err(broken(ErrorScope::Connection, format!("{} answers to {asked} questions", answers.len())));
            }
            let limits = inner.limits.values;
            Ok(answers
                .into_iter()
                .map(|answer| {
                    answer
                        .map_err(|error| inner.said(error))
                        .and_then(|value| convert(value, &limits).map_err(|reason| broken(scope, reason)))
                })
                .collect())
        })
    }
}

/// A job that calls a function of an optional interface.
macro_rules! optional {
    ($interface:ident, |$store:ident, $guest:ident| $call:expr) => {
        Box::new(move |$store, guest| {
            Box::pin(async move {
                match &guest.$interface {
                    Some($guest) => $call.await.map(Some),
                    None => Ok(None),
                }
            })
        })
    };
}

impl ConnectorApi for Connection {
    fn descriptor(&self) -> Arc<Descriptor> {
        lock(&self.0.last_descriptor).clone()
    }

    fn check(&self) -> Answer<'_, CheckReport> {
        let inner = self.0.clone();
        Box::pin(async move {
            let _turn = inner.calls.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let limits = inner.limits.values;
            let answer = inner.clone().call(Call::normal(), Box::new(|store, guest| Box::pin(guest.connector.call_check(store)))).await?;
            answer.map(|report| convert::descriptor::report(report, &limits)).map_err(|error| inner.said(error))
        })
    }

    fn discover(&self, address: String, hosts: Vec<String>) -> Answer<'_, Discovery> {
        let inner = self.0.clone();
        Box::pin(async move {
            let _turn = inner.calls.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let limits = inner.limits.values;
            let job: Job<Result<connector::Discovery, common::Error>> =
                Box::new(move |store, guest| Box::pin(async move { guest.connector.call_discover(store, &address, &hosts).await }));
            let answer = inner.clone().call(Call::normal(), job).await?;
            answer.map(|found| convert::descriptor::discovery(found, &limits)).map_err(from_guest)
        })
    }

    fn migrate_cursor(&self, format: u32, cursor: String) -> Answer<'_, String> {
        let inner = self.0.clone();
        Box::pin(async move {
            let _turn = inner.calls.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let limit = inner.limits.values.cursor;
            let job: Job<Result<String, common::Error>> =
                Box::new(move |store, guest| Box::pin(async move { guest.connector.call_migrate_cursor(store, format, &cursor).await }));
            let cursor = inner.clone().call(Call::quick(), job).await?.map_err(from_guest)?;
            convert::exact("the cursor", cursor, limit).map_err(|reason| broken(ErrorScope::Mailbox, reason))
        })
    }

    fn list_entries(&self, next: Option<String>) -> Answer<'_, EntryPage> {
        let limits = self.0.limits.values;
        let asked = self.ask(Capability::Directory, optional!(directory, |store, guest| guest.call_list_entries(store, next.as_ref())));
        Box::pin(async move {
            let (page, left_out) = convert::directory::page(asked.await?, &limits)?;
            if left_out > 0 {
                tracing::warn!(
                    code = "entries-unreadable",
                    connection = self.0.id,
                    count = left_out,
                    "directory entries could not be read and are left out"
                );
            }
            Ok(page)
        })
    }

    fn resolve(&self, addresses: Vec<String>) -> Answer<'_, Items<Resolution>> {
        let asked = addresses.len();
        self.ask_many(
            Capability::Directory,
            asked,
            ErrorScope::Mailbox,
            convert::directory::resolution,
            optional!(directory, |store, guest| guest.call_resolve(store, &addresses)),
        )
    }

    fn mailbox_infos(&self, mailboxes: Vec<String>) -> Answer<'_, Items<MailboxInfo>> {
        let asked = mailboxes.len();
        self.ask_many(
            Capability::Calendar,
            asked,
            ErrorScope::Mailbox,
            |info, limits| Ok(convert::calendar::mailbox_info(info, limits)),
            optional!(calendar, |store, guest| guest.call_mailbox_infos(store, &mailboxes)),
        )
    }

    fn changes(&self, mailbox: String, window: Window, cursor: Option<String>) -> Answer<'_, ChangePage> {
        let (limits, window) = (self.0.limits.values, convert::time::window(window));
        let asked = self.ask(
            Capability::Calendar,
            optional!(calendar, |store, guest| guest.call_changes(store, &mailbox, None, window, cursor.as_ref())),
        );
        Box::pin(async move { convert::calendar::page(asked.await?, &limits) })
    }

    fn instances(&self, mailbox: String, master: String, window: Window) -> Answer<'_, Instances> {
        let (limits, window) = (self.0.limits.values, convert::time::window(window));
        let asked = self
            .ask(Capability::Calendar, optional!(calendar, |store, guest| guest.call_instances(store, &mailbox, None, &master, window)));
        Box::pin(async move { convert::calendar::instances(asked.await?, &limits) })
    }

    fn get_events(&self, mailbox: String, ids: Vec<String>) -> Answer<'_, Items<Event>> {
        let asked = ids.len();
        self.ask_many(
            Capability::Calendar,
            asked,
            ErrorScope::Item,
            |detail, limits| convert::calendar::event(detail.event, limits),
            optional!(calendar, |store, guest| guest.call_get_events(store, &mailbox, &ids)),
        )
    }

    fn ids(&self, mailbox: String, window: Window, next: Option<String>) -> Answer<'_, IdPage> {
        let (limits, window) = (self.0.limits.values, convert::time::window(window));
        let asked = self
            .ask(Capability::Calendar, optional!(calendar, |store, guest| guest.call_ids(store, &mailbox, None, window, next.as_ref())));
        Box::pin(async move { convert::calendar::ids(asked.await?, &limits) })
    }

    fn probe(&self, mailboxes: Vec<String>) -> Answer<'_, Items<String>> {
        self.ask_many(
            Capability::Calendar,
            mailboxes.len(),
            ErrorScope::Mailbox,
            |value, limits| convert::exact("the probe", value, limits.id),
            optional!(calendar, |store, guest| guest.call_probe(store, &mailboxes)),
        )
    }

    fn read_absences(&self, mailboxes: Vec<String>) -> Answer<'_, Items<Absence>> {
        let asked = mailboxes.len();
        self.ask_many(
            Capability::Absence,
            asked,
            ErrorScope::Mailbox,
            |setting, _| convert::calendar::absence(&setting),
            optional!(absence, |store, guest| guest.call_read_many(store, &mailboxes)),
        )
    }

    fn set_presence(&self, updates: Vec<PresenceUpdate>) -> Answer<'_, Items<PresenceReceipt>> {
        let updates: Vec<presence::PresenceUpdate> = updates.into_iter().map(convert::presence::update).collect();
        let asked = updates.len();
        self.ask_many(
            Capability::Presence,
            asked,
            ErrorScope::Item,
            convert::presence::receipt,
            optional!(presence, |store, guest| guest.call_set_many(store, &updates)),
        )
    }

    fn read_presence(&self, users: Vec<String>) -> Answer<'_, Items<PresenceReading>> {
        let asked = users.len();
        self.ask_many(
            Capability::Presence,
            asked,
            ErrorScope::Item,
            convert::presence::reading,
            optional!(presence, |store, guest| guest.call_read_many(store, &users)),
        )
    }

    fn subscribe(&self, requests: Vec<SubscriptionRequest>) -> Answer<'_, Items<Subscription>> {
        let requests: Vec<notifications::SubscriptionRequest> = requests.into_iter().map(convert::notification::request).collect();
        let asked = requests.len();
        self.ask_many(
            Capability::Notifications,
            asked,
            ErrorScope::Mailbox,
            convert::notification::subscription,
            optional!(notifications, |store, guest| guest.call_subscribe(store, &requests)),
        )
    }

    fn renew(&self, renewals: Vec<Renewal>) -> Answer<'_, Items<Subscription>> {
        let renewals: Vec<notifications::Renewal> =
            renewals.into_iter().map(|r| notifications::Renewal { id: r.id, expires: convert::time::millis(r.expires) }).collect();
        let asked = renewals.len();
        self.ask_many(
            Capability::Notifications,
            asked,
            ErrorScope::Mailbox,
            convert::notification::subscription,
            optional!(notifications, |store, guest| guest.call_renew(store, &renewals)),
        )
    }

    fn unsubscribe(&self, ids: Vec<String>) -> Answer<'_, Items<()>> {
        let asked = ids.len();
        self.ask_many(
            Capability::Notifications,
            asked,
            ErrorScope::Mailbox,
            |(), _| Ok(()),
            optional!(notifications, |store, guest| guest.call_unsubscribe(store, &ids)),
        )
    }

    fn live_subscriptions(&self) -> Answer<'_, Vec<Subscription>> {
        let limits = self.0.limits.values;
        let asked = self.ask(Capability::Notifications, optional!(notifications, |store, guest| guest.call_live_subscriptions(store)));
        Box::pin(async move {
            convert::notification::subscriptions(asked.await?, &limits).map_err(|reason| broken(ErrorScope::Connection, reason))
        })
    }

    fn read_hooks(&self, requests: Vec<HookRequest>) -> Answer<'_, Items<Vec<Hint>>> {
        let requests: Vec<notifications::HookRequest> = requests.into_iter().map(convert::notification::hook).collect();
        let asked = requests.len();
        self.ask_many(
            Capability::Notifications,
            asked,
            ErrorScope::Item,
            convert::notification::hints,
            optional!(notifications, |store, guest| guest.call_read_hooks(store, &requests)),
        )
    }

    fn wait(&self, stream: String, subscriptions: Vec<String>, cursor: Option<String>, timeout: Duration) -> Answer<'_, WaitResult> {
        let inner = self.0.clone();
        Box::pin(async move {
            let _turn = inner.waits.acquire().await.map_err(|_| strike("the connection is closed"))?;
            let limits = inner.limits.values;
            let milliseconds = u32::try_from(timeout.min(Duration::from_secs(30)).as_millis()).unwrap_or(30_000);
            let id = stream.clone();
            let job: Job<Exported<notifications::WaitResult>> =
                optional!(notifications, |store, guest| guest.call_wait(store, &id, &subscriptions, cursor.as_ref(), milliseconds));
            let call = Call { wall: Some(inner.limits.wait_wall) };
            let answer = inner.clone().call_pinned(&stream, call, job).await?;
            let result = answer.ok_or_else(|| inner.unsupported(Capability::Notifications))?.map_err(|error| inner.said(error))?;
            convert::notification::waited(result, &limits).map_err(|reason| broken(ErrorScope::Connection, reason))
        })
    }

    fn close_stream(&self, stream: &str) {
        self.0.pinned.close(stream);
    }

    fn create_event(&self, mailbox: String, draft: EventDraft) -> Answer<'_, Written> {
        let limits = self.0.limits.values;
        Box::pin(async move {
            let draft = convert::write::draft(draft)?;
            let asked =
                self.ask(Capability::Calendar, optional!(calendar, |store, guest| guest.call_create(store, &mailbox, None, &draft)));
            convert::write::written(asked.await?, &limits)
        })
    }

    fn update_event(
        &self,
        mailbox: String,
        target: WriteTarget,
        fields: Vec<EventField>,
        condition: Option<String>,
    ) -> Answer<'_, Written> {
        let (limits, target) = (self.0.limits.values, convert::write::target(target));
        Box::pin(async move {
            let fields = convert::write::fields(fields)?;
            let never = calendar::AttendeeMail::Never;
            let asked = self.ask(
                Capability::Calendar,
                optional!(calendar, |store, guest| guest.call_update(store, &mailbox, &target, &fields, condition.as_ref(), never)),
            );
            convert::write::written(asked.await?, &limits)
        })
    }

    fn delete_event(&self, mailbox: String, target: WriteTarget, condition: Option<String>) -> Answer<'_, ()> {
        let (target, never) = (convert::write::target(target), calendar::AttendeeMail::Never);
        self.ask(
            Capability::Calendar,
            optional!(calendar, |store, guest| guest.call_delete(store, &mailbox, &target, condition.as_ref(), never)),
        )
    }

    fn find_by_tag(&self, mailbox: String, tag: String) -> Answer<'_, Vec<Event>> {
        let limits = self.0.limits.values;
        let asked = self.ask(Capability::Calendar, optional!(calendar, |store, guest| guest.call_find_by_tag(store, &mailbox, &tag)));
        Box::pin(async move { convert::write::found(asked.await?, &limits) })
    }

    fn send_mail(&self, message: MailMessage) -> Answer<'_, ()> {
        let message = convert::write::message(message);
        self.ask(Capability::Mail, optional!(mail, |store, guest| guest.call_send(store, &message)))
    }

    fn call_states(&self, users: Vec<String>) -> Answer<'_, Items<CallState>> {
        let asked = users.len();
        self.ask_many(
            Capability::Presence,
            asked,
            ErrorScope::Item,
            |state, _| Ok(convert::write::call_state(state)),
            optional!(presence, |store, guest| guest.call_call_states(store, &users)),
        )
    }

    fn list_categories(&self, mailbox: String) -> Answer<'_, Vec<Category>> {
        let limits = self.0.limits.values;
        let asked = self.ask(Capability::Categories, optional!(categories, |store, guest| guest.call_list_categories(store, &mailbox)));
        Box::pin(async move {
            let (list, left_out) = convert::write::categories(asked.await?, &limits)?;
            if left_out > 0 {
                tracing::warn!(
                    code = "categories-unreadable",
                    connection = self.0.id,
                    count = left_out,
                    "categories have names that cannot be used and are left out"
                );
            }
            Ok(list)
        })
    }

    fn create_category(&self, mailbox: String, category: Category) -> Answer<'_, ()> {
        Box::pin(async move {
            let category = convert::write::category(category)?;
            self.ask(Capability::Categories, optional!(categories, |store, guest| guest.call_create(store, &mailbox, &category))).await
        })
    }
}
