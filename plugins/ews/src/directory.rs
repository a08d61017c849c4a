//! People by their addresses (SEMANTICS B-54). EWS lists nobody.

use calport_ews_protocol::FailureKind;
use calport_ews_protocol::operation::{Resolution as Resolved, ResolveNames};
use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::error;

use crate::bindings::exports::calport::connector::directory::{Entry, EntryKind, Resolution};
use crate::client::Client;
use crate::failure;

/// Asks the directory in the name of the test user.
///
/// # Errors
/// Those of any read. That the entry itself may not be read is an answer.
pub fn resolve(client: &Client, address: &str) -> Result<Resolution, Error> {
    let asked = address.trim();
    if asked.is_empty() {
        return Ok(Resolution::NotFound);
    }
    // With `smtp:` before it an address is found as a whole and not as the beginning of another one.
    let name = if asked.contains('@') { format!("smtp:{asked}") } else { asked.to_owned() };
    let purpose = client.reading("looking for a person in the directory", &client.settings.test_user);
    let found = match client.call(&ResolveNames { name }, &purpose)?.single() {
        Ok(found) => found,
        Err(refused) => {
            return match refused.kind() {
                FailureKind::NoSuchName | FailureKind::ItemNotFound => Ok(Resolution::NotFound),
                FailureKind::AccessDenied => Ok(Resolution::NotPermitted(failure::of_failure(&refused, &purpose).message)),
                _ => Err(of_connection(failure::of_failure(&refused, &purpose))),
            };
        }
    };
    let mailboxes: Vec<Entry> = found.entries.into_iter().filter(has_calendar).map(entry).filter(|e| !e.address.is_empty()).collect();
    let primary = |e: &&Entry| e.address.eq_ignore_ascii_case(asked);
    let any = |e: &&Entry| e.address.eq_ignore_ascii_case(asked) || e.other_addresses.iter().any(|a| a.eq_ignore_ascii_case(asked));
    // The primary address wins over a further one, and both over what only resembles it.
    let closest =
        [mailboxes.iter().filter(primary).collect(), mailboxes.iter().filter(any).collect(), mailboxes.iter().collect::<Vec<_>>()];
    Ok(match closest.into_iter().find(|fitting| !fitting.is_empty()).unwrap_or_default().as_slice() {
        [] => Resolution::NotFound,
        [one] => Resolution::Found((*one).clone()),
        several => Resolution::Ambiguous(several.iter().map(|e| e.id.clone()).collect()),
    })
}

/// What the test user is refused, nobody is granted: no person is taken for gone.
fn of_connection(error: Error) -> Error {
    match error.kind {
        ErrorKind::Forbidden => Error { scope: ErrorScope::Connection, ..error },
        ErrorKind::NotFound => error::connection(
            ErrorKind::Refused("test-user".to_owned()),
            format!("{}: the setting `test_user` names no mailbox", error.message),
        ),
        _ => error,
    }
}

/// Lists, contacts and public folders have no calendar of their own.
fn has_calendar(found: &Resolved) -> bool {
    found.kind.is_empty() || found.kind == "Mailbox"
}

fn entry(found: Resolved) -> Entry {
    let (addresses, display_name, department) = found.contact.map(|c| (c.mail_addresses, c.display_name, c.department)).unwrap_or_default();
    let listed = addresses.into_iter().filter_map(|listed| match listed.split_once(':') {
        Some((scheme, address)) => scheme.eq_ignore_ascii_case("smtp").then(|| address.to_owned()),
        None => Some(listed),
    });
    let mut others: Vec<String> = listed.filter(|a| a.contains('@')).collect();
    let address = if found.who.address.is_empty() { others.first().cloned().unwrap_or_default() } else { found.who.address };
    others.retain(|a| !a.eq_ignore_ascii_case(&address));
    Entry {
        id: address.clone(),
        kind: EntryKind::Mailbox,
        name: if found.who.name.is_empty() { display_name } else { found.who.name },
        address,
        other_addresses: others,
        login: String::new(),
        active: true,
        zone: None,
        language: None,
        department,
        extra: Vec::new(),
    }
}
