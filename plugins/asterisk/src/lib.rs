//! Calport's connector to Asterisk: users from the dialplan's hints, presence set, read and followed.
//!
//! Promise: it speaks the manager interface over HTTP (`/arawman`), which tells when a value is refused and which can read
//! presence, and uses the REST interface only for device states. Every known trap of Asterisk 20 to 22 is held by a test
//! named after it.
//!
//! Refused: guessing. A user without a hint is `not-found`, because Asterisk would accept anything for him; a session that may have
//! been lost is a `resync`.

#![allow(clippy::result_large_err, reason = "the one error of the WIT package is this large; it is made rarely and never kept")]

mod ami;
mod check;
mod descriptor;
mod events;
mod manager;
mod profiles;
mod reading;
mod settings;
mod sink;
#[cfg(test)]
mod tests;
mod users;
mod value;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use calport_sdk::common::{Cursor, Error, ErrorKind};
use calport_sdk::error;
use calport_sdk::http::HostHttp;
use calport_sdk::opened::Opened;

use bindings::exports::calport::connector::{connector, directory, notifications, presence};
use manager::Connection;
use settings::Settings;

calport_sdk::connector! {
    plugin: Asterisk,
    wit: "../../wit",
    world: "
        package calport:asterisk;
        world plugin {
            include calport:connector/base@0.1.0;
            export calport:connector/directory@0.1.0;
            export calport:connector/presence@0.1.0;
            export calport:connector/notifications@0.1.0;
        }
    ",
}

thread_local! { static CONNECTION: Opened<Connection> = const { Opened::new() } }

/// The connector.
#[derive(Debug)]
pub struct Asterisk;

fn with<T>(f: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
    f(&*CONNECTION.with(Opened::get)?)
}

fn with_each<Q, A>(questions: &[Q], f: impl FnOnce(&Connection) -> Vec<Result<A, Error>>) -> Vec<Result<A, Error>> {
    match CONNECTION.with(Opened::get) {
        Ok(connection) => f(&connection),
        Err(e) => questions.iter().map(|_| Err(e.clone())).collect(),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default()
}

fn connection(settings: &str, endpoints: &[connector::Endpoint]) -> Result<Connection, Error> {
    let settings = Settings::parse(settings)?;
    let find = |name| calport_sdk::settings::endpoint(endpoints.iter().map(|e| (e.name.as_str(), e.url.as_str())), name);
    let ami = format!("{}{}", find("ami")?, settings.prefix);
    let ari = find("ari").ok().map(|url| format!("{url}{}", settings.prefix));
    if settings.devices.pattern.starts_with("Stasis:") && ari.is_none() {
        return Err(error::invalid("endpoints.ari", "the setting `devices.pattern` with `Stasis:` needs the endpoint `ari`; add its URL"));
    }
    Ok(Connection { http: Box::new(HostHttp), clock: now, pause: || std::thread::sleep(Duration::from_secs(1)), ami, ari, settings })
}

impl connector::Guest for Asterisk {
    fn describe() -> connector::Descriptor {
        descriptor::descriptor()
    }

    fn open(settings: String, endpoints: Vec<connector::Endpoint>) -> Result<(), Error> {
        let connection = connection(&settings, &endpoints)?;
        CONNECTION.with(|c| c.open(connection));
        Ok(())
    }

    fn check() -> Result<connector::CheckReport, Error> {
        with(check::check)
    }

    fn discover(_: String, _: Vec<String>) -> Result<connector::Discovery, Error> {
        Err(error::unsupported("Asterisk has no discovery; give the URL of its web server"))
    }

    fn migrate_cursor(_: u32, _: Cursor) -> Result<Cursor, Error> {
        Err(error::connection(ErrorKind::CursorExpired, "no older cursor can be read; the next wait says what to read again"))
    }
}

impl directory::Guest for Asterisk {
    fn list_entries(_: Option<Cursor>) -> Result<directory::EntryPage, Error> {
        with(|c| Ok(directory::EntryPage { entries: entries(c)?, next: None }))
    }

    fn resolve(addresses: Vec<String>) -> Vec<Result<directory::Resolution, Error>> {
        with_each(&addresses, |c| match entries(c) {
            Ok(entries) => addresses.iter().map(|a| Ok(resolve(&entries, a))).collect(),
            Err(e) => addresses.iter().map(|_| Err(e.clone())).collect(),
        })
    }
}

fn entries(connection: &Connection) -> Result<Vec<directory::Entry>, Error> {
    let addresses = match connection.settings.address_family.as_str() {
        "" => BTreeMap::new(),
        family => connection.database(family)?,
    };
    Ok(connection.users()?.entries(&addresses))
}

/// Finds an id, an extension or a mail address, in this order.
fn resolve(entries: &[directory::Entry], address: &str) -> directory::Resolution {
    let by_id = entries.iter().filter(|e| e.id == address);
    let by_login = entries.iter().filter(|e| e.login == address);
    let by_address = entries.iter().filter(|e| !e.address.is_empty() && e.address.eq_ignore_ascii_case(address));
    let ways: [Vec<&directory::Entry>; 3] = [by_id.collect(), by_login.collect(), by_address.collect()];
    match ways.iter().find(|found| !found.is_empty()).map(Vec::as_slice) {
        None | Some([]) => directory::Resolution::NotFound,
        Some([one]) => directory::Resolution::Found((*one).clone()),
        Some(several) => directory::Resolution::Ambiguous(several.iter().map(|e| e.id.clone()).collect()),
    }
}

impl presence::Guest for Asterisk {
    fn set_many(updates: Vec<presence::PresenceUpdate>) -> Vec<Result<presence::PresenceReceipt, Error>> {
        with_each(&updates, |c| sink::set_many(c, &updates))
    }

    fn read_many(users: Vec<String>) -> Vec<Result<presence::PresenceReading, Error>> {
        with_each(&users, |c| reading::read_many(c, &users))
    }

    fn call_states(users: Vec<String>) -> Vec<Result<presence::CallState, Error>> {
        with_each(&users, |c| reading::call_states(c, &users))
    }
}

impl notifications::Guest for Asterisk {
    fn subscribe(requests: Vec<notifications::SubscriptionRequest>) -> Vec<Result<notifications::Subscription, Error>> {
        requests.iter().map(events::subscribe).collect()
    }

    fn renew(renewals: Vec<notifications::Renewal>) -> Vec<Result<notifications::Subscription, Error>> {
        let renew = |r: &notifications::Renewal| match r.id.as_str() {
            events::SUBSCRIPTION => Ok(events::granted(None)),
            _ => Err(error::item(ErrorKind::NotFound, "there is only the subscription of presence")),
        };
        renewals.iter().map(renew).collect()
    }

    fn unsubscribe(ids: Vec<String>) -> Vec<Result<(), Error>> {
        ids.iter().map(|_| Ok(())).collect()
    }

    fn live_subscriptions() -> Result<Vec<notifications::Subscription>, Error> {
        Ok(Vec::new())
    }

    fn read_hooks(requests: Vec<notifications::HookRequest>) -> Vec<Result<Vec<notifications::Hint>, Error>> {
        requests.iter().map(|_| Err(error::item(ErrorKind::Unsupported, "Asterisk sends no requests to Calport"))).collect()
    }

    fn wait(_: String, _: Vec<String>, cursor: Option<Cursor>, timeout: u32) -> Result<notifications::WaitResult, Error> {
        with(|c| events::wait(c, cursor.as_deref(), timeout))
    }
}
