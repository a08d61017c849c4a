//! A connector for tests of the host: it misbehaves in the way that its setting `behaviour`, or the mailbox, user or
//! address of a call, names.
//!
//! Promise: with the behaviour `normal` it answers everything properly, so that a test can show that the host goes on. Every
//! other behaviour is something the host must survive, contain and name. A call whose mailbox is the name of a behaviour does
//! that and nothing else, so one connection can fail and recover.

#![allow(clippy::result_large_err, reason = "the one error of the WIT package is this large")]

mod behaviour;
mod calendar;
mod descriptor;
mod discovery;
mod peek;

use std::cell::RefCell;
use std::collections::BTreeMap;

use calport_sdk::common::{Cursor, Error, ErrorKind};
use calport_sdk::{error, settings};

use behaviour::{Behaviour, Settings};
use bindings::exports::calport::connector::{categories, connector, directory, mail, notifications, presence};

calport_sdk::connector! {
    plugin: Hostile,
    wit: "../../../wit",
    world: "
        package calport:hostile;
        world plugin {
            include calport:connector/base@0.1.0;
            export calport:connector/directory@0.1.0;
            export calport:connector/calendar@0.1.0;
            export calport:connector/categories@0.1.0;
            export calport:connector/mail@0.1.0;
            export calport:connector/presence@0.1.0;
            export calport:connector/notifications@0.1.0;
        }
    ",
}

/// What `open` left.
#[derive(Clone, Debug, Default)]
struct Opened {
    settings: Settings,
    api: String,
}

thread_local! { static OPENED: RefCell<Opened> = RefCell::default() }
thread_local! { static STREAMS: RefCell<BTreeMap<String, u32>> = const { RefCell::new(BTreeMap::new()) } }

/// The connector.
#[derive(Debug)]
pub struct Hostile;

fn opened() -> Opened {
    OPENED.with(|opened| opened.borrow().clone())
}

/// Misbehaves as `subject` names, or else as the settings say. Returns the behaviour for answers that are themselves wrong.
fn act(subject: &str) -> Result<Behaviour, Error> {
    let opened = opened();
    let behaviour = Behaviour::named(subject).unwrap_or(opened.settings.behaviour);
    behaviour::act(behaviour, &opened.api)?;
    Ok(behaviour)
}

/// As [`act`], for functions whose answers are per item: a failure answers every item.
fn act_many<Q, A>(questions: &[Q], subject: &str, answer: impl Fn(&Q) -> A) -> Vec<Result<A, Error>> {
    match act(subject) {
        Ok(Behaviour::WrongCount) => questions.iter().chain(questions).map(|q| Ok(answer(q))).collect(),
        Ok(_) => questions.iter().map(|q| Ok(answer(q))).collect(),
        Err(e) => questions.iter().map(|_| Err(e.clone())).collect(),
    }
}

fn first(texts: &[String]) -> &str {
    texts.first().map(String::as_str).unwrap_or_default()
}

/// What was asked, as the message of an error, where an answer has no place for it.
fn told(asked: String) -> Error {
    error::item(ErrorKind::Refused("told".to_owned()), asked)
}

impl connector::Guest for Hostile {
    fn describe() -> connector::Descriptor {
        descriptor::descriptor()
    }

    fn open(text: String, endpoints: Vec<connector::Endpoint>) -> Result<(), Error> {
        let settings: Settings = settings::parse(&text)?;
        if settings.behaviour == Behaviour::TrapInOpen {
            std::process::abort();
        }
        let api = settings::endpoint(endpoints.iter().map(|e| (e.name.as_str(), e.url.as_str())), "api").unwrap_or_default();
        OPENED.with(|opened| opened.replace(Opened { settings, api }));
        Ok(())
    }

    fn check() -> Result<connector::CheckReport, Error> {
        let findings = match act("")? {
            Behaviour::Peek => peek::all(&opened()),
            _ => Vec::new(),
        };
        Ok(connector::CheckReport { server: "none".to_owned(), version: String::new(), findings })
    }

    fn discover(address: String, hosts: Vec<String>) -> Result<connector::Discovery, Error> {
        Ok(match act(&address)? {
            Behaviour::BadValues => discovery::bad(opened().settings.amount),
            _ => discovery::ask(&address, &hosts),
        })
    }

    fn migrate_cursor(_: u32, cursor: Cursor) -> Result<Cursor, Error> {
        match act(&cursor)? {
            Behaviour::BadValues => Ok("x".repeat(1 << 20)),
            _ => Ok(cursor),
        }
    }
}

impl directory::Guest for Hostile {
    fn list_entries(next: Option<Cursor>) -> Result<directory::EntryPage, Error> {
        let entries = match act(next.as_deref().unwrap_or_default())? {
            Behaviour::HugeList => (0..opened().settings.amount).map(|n| entry(&n.to_string())).collect(),
            Behaviour::BadValues => vec![entry("good"), entry(""), entry("a\0b"), entry(&"x".repeat(10_000))],
            _ => vec![entry("good")],
        };
        Ok(directory::EntryPage { entries, next: None })
    }

    fn resolve(addresses: Vec<String>) -> Vec<Result<directory::Resolution, Error>> {
        act_many(&addresses, first(&addresses), |address| directory::Resolution::Found(entry(address)))
    }
}

fn entry(id: &str) -> directory::Entry {
    directory::Entry {
        id: id.to_owned(),
        kind: directory::EntryKind::Mailbox,
        name: "A\u{1b}[31mB".to_owned(),
        address: String::new(),
        other_addresses: Vec::new(),
        login: String::new(),
        active: true,
        zone: None,
        language: None,
        department: String::new(),
        extra: Vec::new(),
    }
}

impl presence::Guest for Hostile {
    fn set_many(updates: Vec<presence::PresenceUpdate>) -> Vec<Result<presence::PresenceReceipt, Error>> {
        let user = updates.first().map(|u| u.user.clone()).unwrap_or_default();
        act_many(&updates, &user, |update| match Behaviour::named(&update.user) {
            Some(Behaviour::BadValues) => {
                presence::PresenceReceipt { token: Some("t\0".to_owned()), stored_text: None, expires: Some(i64::MAX) }
            }
            _ => presence::PresenceReceipt { token: None, stored_text: None, expires: None },
        })
    }

    fn read_many(users: Vec<String>) -> Vec<Result<presence::PresenceReading, Error>> {
        act_many(&users, first(&users), |_| presence::PresenceReading {
            value: None,
            origin: presence::PresenceOrigin::Unknown,
            changed: None,
        })
    }

    fn call_states(users: Vec<String>) -> Vec<Result<presence::CallState, Error>> {
        act_many(&users, first(&users), |_| presence::CallState::Unknown)
    }
}

impl categories::Guest for Hostile {
    fn list_categories(mailbox: String) -> Result<Vec<categories::Category>, Error> {
        let one = |name: &str, colour| categories::Category { name: name.to_owned(), colour, rgb: String::new() };
        Ok(match act(&mailbox)? {
            Behaviour::HugeList => (0..opened().settings.amount).map(|n| one(&n.to_string(), None)).collect(),
            Behaviour::BadValues => vec![one("", None), one("a\u{1b}b", None), one(&"x".repeat(10_000), None), one("Blue", Some(200))],
            _ => vec![one("Blue", Some(7))],
        })
    }

    fn create(mailbox: String, category: categories::Category) -> Result<(), Error> {
        act(&mailbox)?;
        Err(told(format!("{category:?}")))
    }
}

impl mail::Guest for Hostile {
    fn send(message: mail::Message) -> Result<(), Error> {
        act(&message.sender)?;
        Err(told(format!("{message:?}")))
    }
}

impl notifications::Guest for Hostile {
    fn subscribe(requests: Vec<notifications::SubscriptionRequest>) -> Vec<Result<notifications::Subscription, Error>> {
        act_many(&requests, "", |request| subscription(request.mailbox.clone()))
    }

    fn renew(renewals: Vec<notifications::Renewal>) -> Vec<Result<notifications::Subscription, Error>> {
        act_many(&renewals, "", |_| subscription(None))
    }

    fn unsubscribe(ids: Vec<String>) -> Vec<Result<(), Error>> {
        act_many(&ids, first(&ids), |_| ())
    }

    fn live_subscriptions() -> Result<Vec<notifications::Subscription>, Error> {
        act("").map(|_| vec![subscription(None)])
    }

    fn read_hooks(requests: Vec<notifications::HookRequest>) -> Vec<Result<Vec<notifications::Hint>, Error>> {
        act_many(&requests, "", |_| vec![hint("s", notifications::HintKind::Changed)])
    }

    fn wait(stream: String, subscriptions: Vec<String>, _: Option<Cursor>, _: u32) -> Result<notifications::WaitResult, Error> {
        let hints = match act(first(&subscriptions))? {
            Behaviour::KeepOpen => vec![keep_open(stream)?],
            Behaviour::BadValues => vec![
                hint("s", notifications::HintKind::Changed),
                hint("s\0", notifications::HintKind::Changed),
                hint("s", notifications::HintKind::PresenceChanged(String::new())),
            ],
            _ => vec![hint("", notifications::HintKind::Heartbeat)],
        };
        Ok(notifications::WaitResult { hints, cursor: None })
    }
}

/// A heartbeat when a stream is opened; then, how many bytes came of what is open.
fn keep_open(stream: String) -> Result<notifications::Hint, Error> {
    let known = STREAMS.with(|streams| streams.borrow().get(&stream).copied());
    let Some(body) = known else {
        let body = behaviour::open_stream(&opened().api)?;
        STREAMS.with(|streams| streams.borrow_mut().insert(stream, body));
        return Ok(hint("", notifications::HintKind::Heartbeat));
    };
    Ok(hint(&behaviour::read_on(body)?.to_string(), notifications::HintKind::Changed))
}

fn subscription(mailbox: Option<String>) -> notifications::Subscription {
    notifications::Subscription { id: "s".to_owned(), mailbox, expires: None }
}

fn hint(subscription: &str, kind: notifications::HintKind) -> notifications::Hint {
    notifications::Hint { subscription: subscription.to_owned(), mailbox: Some("anna".to_owned()), kind }
}
