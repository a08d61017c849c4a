//! People by their addresses (SEMANTICS B-54, FEATURES C16). EWS lists nobody.
//!
//! Each answer is one of five: found; not found; several; found but not permitted, with what gives the right; and, as an error
//! that reaches this mailbox alone, moved or without a mailbox here, with what to do.

use calport_ews_protocol::operation::{GetFolder, Resolution as Resolved, ResolveNames};
use calport_ews_protocol::{Failure, FailureKind};
use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::error;

use crate::bindings::exports::calport::connector::directory::{Entry, EntryKind, Resolution};
use crate::client::Client;
use crate::failure::{self, Purpose};
use crate::flavour::{Access, Asker};

const LOOKING: &str = "looking for a person in the directory";

/// Looks for a person under an address, or under a login name with each of the connection's domains behind it.
///
/// # Errors
/// Those of any read; `moved` and `refused` for a person who is known and has no mailbox here.
pub fn resolve(client: &Client, asked: &str) -> Result<Resolution, Error> {
    let mut denied = None;
    for name in names(client, asked) {
        match look(client, &name)? {
            Resolution::NotFound => {}
            Resolution::NotPermitted(reason) => denied = denied.or(Some(reason)),
            Resolution::Found(entry) if client.manner.lookup.opens => return opened(client, entry),
            other => return Ok(other),
        }
    }
    Ok(denied.map_or(Resolution::NotFound, Resolution::NotPermitted))
}

/// What is looked for, in order: the address, or the name with a domain behind it.
fn names(client: &Client, asked: &str) -> Vec<String> {
    let asked = asked.trim();
    let domains = &client.manner.lookup.domains;
    if asked.is_empty() {
        Vec::new()
    } else if asked.contains('@') || domains.is_empty() {
        vec![asked.to_owned()]
    } else {
        // Without the domain of the login, which need not be that of mail.
        let login = asked.rsplit('\\').next().unwrap_or(asked);
        domains.iter().map(|domain| format!("{login}@{domain}")).collect()
    }
}

/// Asks the directory for one name.
fn look(client: &Client, asked: &str) -> Result<Resolution, Error> {
    let is_address = asked.contains('@');
    // With `smtp:` before it an address is found as a whole and not as the beginning of another one.
    let name = if is_address { format!("smtp:{asked}") } else { asked.to_owned() };
    let as_candidate = client.manner.lookup.asker == Asker::Candidate && client.manner.access == Access::Impersonation;
    if as_candidate && !is_address {
        // Nobody can be impersonated by half an address.
        return Ok(Resolution::NotFound);
    }
    let purpose = if as_candidate {
        Purpose { by_any_address: true, ..client.reading(LOOKING, asked) }
    } else {
        client.reading(LOOKING, &client.settings.test_user)
    };
    let found = match client.call(&ResolveNames { name }, &purpose) {
        Ok(answer) => answer.single().map_err(|refused| refusal(&refused, &purpose)),
        Err(error) => Err(error),
    };
    match found {
        Ok(found) => Ok(closest(found.entries, asked)),
        Err(error) if error.kind == ErrorKind::NotFound && (as_candidate || error.scope == ErrorScope::Item) => Ok(Resolution::NotFound),
        Err(error) if error.kind == ErrorKind::Forbidden && error.scope == ErrorScope::Item => Ok(Resolution::NotPermitted(error.message)),
        Err(error) if as_candidate => denied_or_moved(asked, error),
        Err(error) => Err(of_connection(error)),
    }
}

/// A refusal of the one part. What the directory itself says is about the entry, and so about an item.
fn refusal(refused: &Failure, purpose: &Purpose<'_>) -> Error {
    let error = failure::of_failure(refused, purpose);
    match refused.kind() {
        FailureKind::NoSuchName | FailureKind::ItemNotFound | FailureKind::AccessDenied => Error { scope: ErrorScope::Item, ..error },
        _ => error,
    }
}

/// Opens the calendar of somebody who was found: what is missing is known before it is read.
fn opened(client: &Client, entry: Entry) -> Result<Resolution, Error> {
    let purpose = client.reading("opening the calendar of a person who was found", &entry.id);
    match client.single(&GetFolder { folders: vec![client.calendar(&entry.id, None)] }, &purpose) {
        Ok(_) => Ok(Resolution::Found(entry)),
        Err(error) if error.kind == ErrorKind::NotFound => {
            let message = format!(
                "{}: the directory knows `{}`, but there is no mailbox on this server: it is disabled, or in the other half of a hybrid \
                 organization; name the mailbox that the person uses, or add a connection to where it is",
                error.message, entry.id
            );
            Err(Error { kind: ErrorKind::Refused("no-mailbox".to_owned()), scope: ErrorScope::Mailbox, message, ..error })
        }
        Err(error) if error.scope != ErrorScope::Connection && is_of_rights_or_place(&error.kind) => denied_or_moved(&entry.id, error),
        // What fails for now, or for everybody, is told by those who read.
        Err(error) if error.scope == ErrorScope::Connection => Err(error),
        Err(_) => Ok(Resolution::Found(entry)),
    }
}

const fn is_of_rights_or_place(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Forbidden | ErrorKind::Moved(_))
}

fn denied_or_moved(who: &str, error: Error) -> Result<Resolution, Error> {
    match error.kind {
        ErrorKind::Forbidden if error.scope != ErrorScope::Connection => Ok(Resolution::NotPermitted(error.message)),
        ErrorKind::Moved(_) => {
            let message = format!(
                "{}: the mailbox of `{who}` has moved or is being moved; it is looked for again by itself. If it stays so, search for its \
                 server (`autodiscover`), or add a connection to where it is",
                error.message
            );
            Err(Error { message, ..error })
        }
        _ => Err(error),
    }
}

fn closest(found: Vec<Resolved>, asked: &str) -> Resolution {
    let mailboxes: Vec<Entry> = found.into_iter().filter(has_calendar).map(entry).filter(|e| !e.address.is_empty()).collect();
    let primary = |e: &&Entry| e.address.eq_ignore_ascii_case(asked);
    let any = |e: &&Entry| e.address.eq_ignore_ascii_case(asked) || e.other_addresses.iter().any(|a| a.eq_ignore_ascii_case(asked));
    // The primary address wins over a further one, and both over what only resembles it.
    let closest =
        [mailboxes.iter().filter(primary).collect(), mailboxes.iter().filter(any).collect(), mailboxes.iter().collect::<Vec<_>>()];
    match closest.into_iter().find(|fitting| !fitting.is_empty()).unwrap_or_default().as_slice() {
        [] => Resolution::NotFound,
        [one] => Resolution::Found((*one).clone()),
        several => Resolution::Ambiguous(several.iter().map(|e| e.id.clone()).collect()),
    }
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
