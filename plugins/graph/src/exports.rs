//! The exported functions: each finds the opened connection and hands on.

use calport_sdk::common::{Cursor, Error, ErrorKind, ItemId, OwnerId, Version, Window, Written};
use calport_sdk::http::HostHttp;
use calport_sdk::opened::Opened;
use calport_sdk::{error, settings};

use crate::GraphConnector;
use crate::bindings::exports::calport::connector::{absence, calendar, categories, connector, directory, mail, notifications};
use crate::client::Client;
use crate::feed::CURSOR_FORMAT;

thread_local! { static CLIENT: Opened<Client> = const { Opened::new() } }

/// Runs with the opened connection.
fn with<T>(run: impl FnOnce(&Client) -> Result<T, Error>) -> Result<T, Error> {
    run(&*CLIENT.with(Opened::get)?)
}

/// Runs with the opened connection where each of `count` answers has its own result.
fn with_each<T>(count: usize, run: impl FnOnce(&Client) -> Vec<Result<T, Error>>) -> Vec<Result<T, Error>> {
    match CLIENT.with(Opened::get) {
        Ok(client) => run(&client),
        Err(e) => (0..count).map(|_| Err(e.clone())).collect(),
    }
}

impl connector::Guest for GraphConnector {
    fn describe() -> connector::Descriptor {
        crate::describe::descriptor()
    }

    fn open(settings: String, endpoints: Vec<connector::Endpoint>) -> Result<(), Error> {
        let settings = settings::parse(&settings)?;
        let named = endpoints.iter().map(|e| (e.name.as_str(), e.url.as_str()));
        let base = settings::endpoint(named, crate::describe::ENDPOINT)?;
        CLIENT.with(|c| c.open(Client { http: Box::new(HostHttp), base, settings }));
        Ok(())
    }

    fn check() -> Result<connector::CheckReport, Error> {
        with(crate::check::check)
    }

    fn discover(_: String, _: Vec<String>) -> Result<connector::Discovery, Error> {
        Err(error::unsupported("Microsoft Graph has one URL for everybody; there is nothing to find"))
    }

    fn migrate_cursor(format: u32, cursor: Cursor) -> Result<Cursor, Error> {
        if format == CURSOR_FORMAT {
            return Ok(cursor);
        }
        let message = format!("cursors of format {format} are not known; the window is read again");
        Err(error::mailbox(ErrorKind::CursorExpired, message))
    }
}

impl directory::Guest for GraphConnector {
    fn list_entries(next: Option<Cursor>) -> Result<directory::EntryPage, Error> {
        with(|c| crate::directory::list_entries(c, next.as_ref()))
    }

    fn resolve(addresses: Vec<String>) -> Vec<Result<directory::Resolution, Error>> {
        with_each(addresses.len(), |c| crate::directory::resolve(c, &addresses))
    }
}

impl calendar::Guest for GraphConnector {
    fn calendars(mailbox: OwnerId) -> Result<Vec<calendar::CalendarInfo>, Error> {
        with(|c| crate::events::calendars(c, &mailbox))
    }

    fn mailbox_infos(mailboxes: Vec<OwnerId>) -> Vec<Result<calendar::MailboxInfo, Error>> {
        with_each(mailboxes.len(), |c| crate::events::mailbox_infos(c, &mailboxes))
    }

    fn changes(mailbox: OwnerId, calendar: Option<String>, window: Window, cursor: Option<Cursor>) -> Result<calendar::ChangePage, Error> {
        with(|c| crate::feed::changes(c, &mailbox, calendar.as_deref(), window, cursor.as_ref()))
    }

    fn instances(mailbox: OwnerId, _calendar: Option<String>, master: ItemId, window: Window) -> Result<Vec<calendar::Event>, Error> {
        with(|c| crate::events::instances(c, &mailbox, &master, window))
    }

    fn get_events(mailbox: OwnerId, ids: Vec<ItemId>) -> Vec<Result<calendar::EventDetail, Error>> {
        with_each(ids.len(), |c| crate::events::get_events(c, &mailbox, &ids))
    }

    fn ids(mailbox: OwnerId, calendar: Option<String>, window: Window, next: Option<Cursor>) -> Result<calendar::IdPage, Error> {
        with(|c| crate::events::ids(c, &mailbox, calendar.as_deref(), window, next.as_ref()))
    }

    fn probe(mailboxes: Vec<OwnerId>) -> Vec<Result<String, Error>> {
        let why = "Graph has nothing cheaper than reading changes";
        mailboxes.iter().map(|_| Err(error::unsupported(why))).collect()
    }

    fn find_by_tag(mailbox: OwnerId, tag: String) -> Result<Vec<calendar::Event>, Error> {
        with(|c| crate::write::find_by_tag(c, &mailbox, &tag))
    }

    fn create(mailbox: OwnerId, calendar: Option<String>, draft: calendar::EventDraft) -> Result<Written, Error> {
        with(|c| crate::write::create(c, &mailbox, calendar.as_deref(), &draft))
    }

    fn update(
        mailbox: OwnerId,
        target: calendar::WriteTarget,
        fields: Vec<calendar::EventField>,
        condition: Option<Version>,
        mail: calendar::AttendeeMail,
    ) -> Result<Written, Error> {
        with(|c| crate::write::update(c, &mailbox, &target, &fields, condition.as_ref(), mail))
    }

    fn delete(
        mailbox: OwnerId,
        target: calendar::WriteTarget,
        condition: Option<Version>,
        mail: calendar::AttendeeMail,
    ) -> Result<(), Error> {
        with(|c| crate::write::delete(c, &mailbox, &target, condition.as_ref(), mail))
    }
}

impl absence::Guest for GraphConnector {
    fn read_many(mailboxes: Vec<OwnerId>) -> Vec<Result<absence::AbsenceSetting, Error>> {
        with_each(mailboxes.len(), |c| crate::absence::read_many(c, &mailboxes))
    }

    fn write(mailbox: OwnerId, setting: absence::AbsenceSetting) -> Result<(), Error> {
        with(|c| crate::absence::write(c, &mailbox, &setting))
    }
}

impl notifications::Guest for GraphConnector {
    fn subscribe(requests: Vec<notifications::SubscriptionRequest>) -> Vec<Result<notifications::Subscription, Error>> {
        with_each(requests.len(), |c| crate::notifications::subscribe(c, &requests))
    }

    fn renew(renewals: Vec<notifications::Renewal>) -> Vec<Result<notifications::Subscription, Error>> {
        with_each(renewals.len(), |c| crate::notifications::renew(c, &renewals))
    }

    fn unsubscribe(ids: Vec<String>) -> Vec<Result<(), Error>> {
        with_each(ids.len(), |c| crate::notifications::unsubscribe(c, &ids))
    }

    fn live_subscriptions() -> Result<Vec<notifications::Subscription>, Error> {
        with(crate::notifications::live_subscriptions)
    }

    fn read_hooks(requests: Vec<notifications::HookRequest>) -> Vec<Result<Vec<notifications::Hint>, Error>> {
        crate::notifications::read_hooks(&requests)
    }

    fn wait(_: String, _: Vec<String>, _: Option<Cursor>, _: u32) -> Result<notifications::WaitResult, Error> {
        Err(error::unsupported("Graph sends notifications to a URL; it has no stream to wait on"))
    }
}

impl categories::Guest for GraphConnector {
    fn list_categories(mailbox: OwnerId) -> Result<Vec<categories::Category>, Error> {
        with(|c| crate::categories::list_categories(c, &mailbox))
    }

    fn create(mailbox: OwnerId, category: categories::Category) -> Result<(), Error> {
        with(|c| crate::categories::create(c, &mailbox, &category))
    }
}

impl mail::Guest for GraphConnector {
    fn send(message: mail::Message) -> Result<(), Error> {
        with(|c| crate::mail::send(c, &message))
    }
}
