//! The exported functions: each finds the opened connection and hands on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use calport_sdk::common::{Cursor, Error, ErrorKind, ErrorScope, ItemId, OwnerId, Version, Window, Written};
use calport_sdk::http::HostHttp;
use calport_sdk::opened::Opened;
use calport_sdk::{error, settings};

use crate::bindings::exports::calport::connector::{absence, calendar, categories, connector, directory, mail, notifications};
use crate::client::Client;
use crate::discover::{self, HostNetwork};
use crate::feed::CURSOR_FORMAT;
use crate::flavour::Flavour;
use crate::notifications::{Open, push};

/// The connector of a flavour as the component model sees it.
#[derive(Debug)]
pub struct Connector<F>(PhantomData<F>);

thread_local! { static STREAMS: RefCell<BTreeMap<String, Open>> = const { RefCell::new(BTreeMap::new()) } }
thread_local! { static CLIENT: Opened<Client> = const { Opened::new() } }

/// Runs with the opened connection.
fn with<T>(run: impl FnOnce(&Client) -> Result<T, Error>) -> Result<T, Error> {
    run(&*CLIENT.with(Opened::get)?)
}

/// Runs with the opened connection for each of several. What stops the connection is not asked again for the others
/// (SEMANTICS B-44).
fn each<A, T>(all: &[A], run: impl Fn(&Client, &A) -> Result<T, Error>) -> Vec<Result<T, Error>> {
    let mut stopped: Option<Error> = None;
    let mut one = |asked: &A| {
        if let Some(error) = &stopped {
            return Err(error.clone());
        }
        let answer = with(|client| run(client, asked));
        stopped = answer.as_ref().err().filter(|e| e.scope == ErrorScope::Connection && e.kind != ErrorKind::Unsupported).cloned();
        answer
    };
    all.iter().map(&mut one).collect()
}

impl<F: Flavour> connector::Guest for Connector<F> {
    fn describe() -> connector::Descriptor {
        F::descriptor()
    }

    fn open(settings: String, endpoints: Vec<connector::Endpoint>) -> Result<(), Error> {
        let settings = settings::parse(&settings)?;
        let named = endpoints.iter().map(|e| (e.name.as_str(), e.url.as_str()));
        let url = match settings::endpoint(named, crate::describe::ENDPOINT) {
            Err(_) if F::SEARCHES => String::new(),
            url => url?,
        };
        let opening = F::open(settings, url)?;
        CLIENT.with(|c| c.open(Client::opened(Box::new(HostHttp), opening)));
        Ok(())
    }

    fn check() -> Result<connector::CheckReport, Error> {
        with(crate::check::check)
    }

    fn discover(address: String, hosts: Vec<String>) -> Result<connector::Discovery, Error> {
        with(|c| discover::discover(c, &address, &hosts, &HostNetwork(&*c.http)))
    }

    fn migrate_cursor(format: u32, cursor: Cursor) -> Result<Cursor, Error> {
        if format == CURSOR_FORMAT {
            return Ok(cursor);
        }
        let message = format!("cursors of format {format} are not known; the window is read again");
        Err(error::mailbox(ErrorKind::CursorExpired, message))
    }
}

impl<F: Flavour> directory::Guest for Connector<F> {
    fn list_entries(_: Option<Cursor>) -> Result<directory::EntryPage, Error> {
        Err(error::unsupported("EWS cannot list a directory; name people by their mail addresses"))
    }

    fn resolve(addresses: Vec<String>) -> Vec<Result<directory::Resolution, Error>> {
        each(&addresses, |c, address| crate::directory::resolve(c, address))
    }
}

impl<F: Flavour> calendar::Guest for Connector<F> {
    fn calendars(mailbox: OwnerId) -> Result<Vec<calendar::CalendarInfo>, Error> {
        with(|c| crate::events::calendars(c, &mailbox))
    }

    fn mailbox_infos(mailboxes: Vec<OwnerId>) -> Vec<Result<calendar::MailboxInfo, Error>> {
        each(&mailboxes, |c, mailbox| crate::events::mailbox_info(c, mailbox))
    }

    fn changes(mailbox: OwnerId, calendar: Option<String>, window: Window, cursor: Option<Cursor>) -> Result<calendar::ChangePage, Error> {
        with(|c| crate::feed::changes(c, &mailbox, calendar.as_deref(), window, cursor.as_deref()))
    }

    fn instances(mailbox: OwnerId, _calendar: Option<String>, master: ItemId, window: Window) -> Result<Vec<calendar::Event>, Error> {
        with(|c| crate::series::instances(c, &mailbox, &master, window))
    }

    fn get_events(mailbox: OwnerId, ids: Vec<ItemId>) -> Vec<Result<calendar::EventDetail, Error>> {
        match CLIENT.with(Opened::get) {
            Ok(client) => crate::events::get_events(&client, &mailbox, &ids),
            Err(e) => ids.iter().map(|_| Err(e.clone())).collect(),
        }
    }

    fn ids(mailbox: OwnerId, calendar: Option<String>, window: Window, next: Option<Cursor>) -> Result<calendar::IdPage, Error> {
        with(|c| crate::feed::ids(c, &mailbox, calendar.as_deref(), window, next.as_deref()))
    }

    fn probe(mailboxes: Vec<OwnerId>) -> Vec<Result<String, Error>> {
        each(&mailboxes, |c, mailbox| crate::events::probe(c, mailbox))
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
        with(|c| crate::write::update(c, &mailbox, &target, &fields, condition.as_deref(), mail))
    }

    fn delete(
        mailbox: OwnerId,
        target: calendar::WriteTarget,
        condition: Option<Version>,
        mail: calendar::AttendeeMail,
    ) -> Result<(), Error> {
        with(|c| crate::write::delete(c, &mailbox, &target, condition.as_deref(), mail))
    }
}

impl<F: Flavour> absence::Guest for Connector<F> {
    fn read_many(mailboxes: Vec<OwnerId>) -> Vec<Result<absence::AbsenceSetting, Error>> {
        each(&mailboxes, |c, mailbox| crate::absence::read(c, mailbox))
    }

    fn write(mailbox: OwnerId, setting: absence::AbsenceSetting) -> Result<(), Error> {
        with(|c| crate::absence::write(c, &mailbox, &setting))
    }
}

impl<F: Flavour> categories::Guest for Connector<F> {
    fn list_categories(mailbox: OwnerId) -> Result<Vec<categories::Category>, Error> {
        with(|c| crate::categories::list_categories(c, &mailbox))
    }

    fn create(mailbox: OwnerId, category: categories::Category) -> Result<(), Error> {
        with(|c| crate::categories::create(c, &mailbox, &category))
    }
}

impl<F: Flavour> mail::Guest for Connector<F> {
    fn send(message: mail::Message) -> Result<(), Error> {
        with(|c| crate::mail::send(c, &message))
    }
}

impl<F: Flavour> notifications::Guest for Connector<F> {
    fn subscribe(requests: Vec<notifications::SubscriptionRequest>) -> Vec<Result<notifications::Subscription, Error>> {
        each(&requests, crate::notifications::subscribe)
    }

    fn renew(renewals: Vec<notifications::Renewal>) -> Vec<Result<notifications::Subscription, Error>> {
        let none = || error::item(ErrorKind::Unsupported, "a subscription that is told in streams lives as long as somebody listens");
        renewals.iter().map(|r| Err(if push::is_pushed(&r.id) { push::silent() } else { none() })).collect()
    }

    fn unsubscribe(ids: Vec<String>) -> Vec<Result<(), Error>> {
        each(&ids, |c, id| crate::notifications::unsubscribe(c, id))
    }

    fn live_subscriptions() -> Result<Vec<notifications::Subscription>, Error> {
        Err(error::unsupported("EWS cannot list subscriptions"))
    }

    fn read_hooks(requests: Vec<notifications::HookRequest>) -> Vec<Result<Vec<notifications::Hint>, Error>> {
        each(&requests, push::read)
    }

    fn wait(stream: String, subscriptions: Vec<String>, _: Option<Cursor>, timeout: u32) -> Result<notifications::WaitResult, Error> {
        with(|c| STREAMS.with_borrow_mut(|streams| crate::notifications::wait(c, streams, &stream, &subscriptions, timeout)))
    }
}
