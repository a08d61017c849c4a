//! The operations, one file for each or for a family.
//!
//! An operation is a function from the request's element to the answer's element; what it refuses item by item stands in response
//! messages, what it refuses as a whole is a fault. It is entered in [`TABLE`] with the version that brought it.

mod availability;
mod configuration;
mod create_item;
mod delete_item;
mod find_item;
mod folders;
mod get_folder;
mod get_item;
mod messages;
mod move_item;
pub(crate) mod notifications;
mod oof;
mod resolve_names;
mod respond;
mod stored;
mod stored_change;
mod stored_fields;
mod sync_items;
mod time_zones;
mod update_item;
mod zone_short;

use super::context::Context;
use super::soap::Fault;
use super::version::Version;
use super::xml::Element;

/// An operation.
pub(crate) type Operation = fn(&mut Context<'_>, &Element) -> Result<Element, Fault>;

/// Every operation by the name of its request's element, with the version that brought it.
const TABLE: &[(&str, Version, Operation)] = &[
    ("FindItem", Version::Exchange2007, find_item::run),
    ("GetItem", Version::Exchange2007, get_item::run),
    ("SyncFolderItems", Version::Exchange2007, sync_items::run),
    ("CreateItem", Version::Exchange2007, create_item::run),
    ("UpdateItem", Version::Exchange2007, update_item::run),
    ("DeleteItem", Version::Exchange2007, delete_item::run),
    ("MoveItem", Version::Exchange2007, move_item::run),
    ("GetFolder", Version::Exchange2007, get_folder::run),
    ("ResolveNames", Version::Exchange2007, resolve_names::run),
    ("GetUserOofSettings", Version::Exchange2007, oof::get),
    ("SetUserOofSettings", Version::Exchange2007, oof::set),
    ("GetUserAvailability", Version::Exchange2007, availability::run),
    ("GetServerTimeZones", Version::Exchange2010, time_zones::run),
    ("GetUserConfiguration", Version::Exchange2010, configuration::get),
    ("CreateUserConfiguration", Version::Exchange2010, configuration::create),
    ("UpdateUserConfiguration", Version::Exchange2010, configuration::update),
    ("DeleteUserConfiguration", Version::Exchange2010, configuration::delete),
    ("FindFolder", Version::Exchange2007, folders::find),
    ("SyncFolderHierarchy", Version::Exchange2007, folders::sync),
    ("CreateFolder", Version::Exchange2007, folders::create),
    ("DeleteFolder", Version::Exchange2007, folders::delete),
    ("SendItem", Version::Exchange2007, messages::send_item),
    ("Subscribe", Version::Exchange2007, notifications::subscribe),
    ("Unsubscribe", Version::Exchange2007, notifications::unsubscribe),
    ("GetEvents", Version::Exchange2007, notifications::get_events),
    ("GetStreamingEvents", Version::Exchange2010Sp1, notifications::streaming),
];

/// The operation of a name.
///
/// # Errors
/// `ErrorSchemaValidation` for what the version does not know.
pub(crate) fn find(name: &str, version: Version) -> Result<Operation, Fault> {
    let found = TABLE.iter().find(|(n, since, _)| *n == name && *since <= version);
    found.map(|(.., run)| *run).ok_or_else(|| Fault::schema(format!("The element 'Body' has invalid child element '{name}'.")))
}
