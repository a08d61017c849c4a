//! The categories of a mailbox: one document for all of them, which is read, lengthened and written back.

use std::fmt::Write as _;

use calport_ews_protocol::categories::{self, Category as EwsCategory};
use calport_ews_protocol::operation::{
    Configuration, CreateUserConfiguration, GetUserConfiguration, UpdateUserConfiguration, WellKnownConfiguration,
};
use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::error;
use sha2::{Digest, Sha256};

use crate::bindings::exports::calport::connector::categories::Category;
use crate::client::Client;

/// The presets are numbered 0 to 24.
const LAST_PRESET: u8 = 24;

const LIST: WellKnownConfiguration = WellKnownConfiguration::CategoryList;

/// The categories of a mailbox; none where it has no list yet.
///
/// # Errors
/// Those of any read.
pub fn list_categories(client: &Client, mailbox: &str) -> Result<Vec<Category>, Error> {
    let Some(list) = read(client, mailbox)?.and_then(|c| c.xml) else { return Ok(Vec::new()) };
    let known = categories::read(&list).map_err(|e| unusable(&e.to_string()))?;
    Ok(known.into_iter().map(|c| Category { name: c.name, colour: c.colour, rgb: String::new() }).collect())
}

/// Makes a category; one of that name is left as it is (SEMANTICS S-22).
///
/// # Errors
/// `invalid` for a colour that is no preset, and those of any write.
pub fn create(client: &Client, mailbox: &str, category: &Category) -> Result<(), Error> {
    if category.colour.is_some_and(|n| n > LAST_PRESET) {
        return Err(error::invalid("colour", "the presets are 0 to 24"));
    }
    let before = read(client, mailbox)?;
    let exists = before.is_some();
    let list = before.and_then(|c| c.xml).unwrap_or_else(|| categories::EMPTY.to_vec());
    let new = EwsCategory { name: category.name.clone(), colour: category.colour };
    // A connector has no clock: the time of the last use is that of nobody.
    let with = categories::with_category(&list, &new, &guid(mailbox, &category.name), 0).map_err(|e| unusable(&e.to_string()))?;
    let Some(xml) = with else { return Ok(()) };
    let purpose = client.writing("making a category", mailbox);
    if exists {
        client.single(&UpdateUserConfiguration { configuration: LIST, mailbox: client.owner(mailbox), xml }, &purpose).map(|_| ())
    } else {
        client.single(&CreateUserConfiguration { configuration: LIST, mailbox: client.owner(mailbox), xml }, &purpose).map(|_| ())
    }
}

fn read(client: &Client, mailbox: &str) -> Result<Option<Configuration>, Error> {
    let read = GetUserConfiguration { configuration: LIST, mailbox: client.owner(mailbox) };
    match client.single(&read, &client.reading("listing categories", mailbox)) {
        Ok(list) => Ok(Some(list)),
        Err(e) if e.kind == ErrorKind::NotFound && e.scope == ErrorScope::Item => Ok(None),
        Err(e) => Err(e),
    }
}

fn unusable(why: &str) -> Error {
    Error { scope: ErrorScope::Mailbox, ..error::protocol("a list of categories", why) }
}

/// An id for a category, the same for one name in one mailbox: a create that is repeated makes the same one.
fn guid(mailbox: &str, name: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(mailbox.to_lowercase().as_bytes());
    hash.update([0]);
    hash.update(name.as_bytes());
    let mut text = String::with_capacity(36);
    for (place, byte) in hash.finalize().iter().take(16).enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Version 8 and the variant of RFC 9562.
        let byte = match place {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
