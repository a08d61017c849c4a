//! Directory entries and resolutions.

use calport_model::directory::{Entry, EntryKind, EntryPage, Resolution};
use calport_model::{ConnectorError, ErrorScope};

use super::error::broken;
use super::{Bad, exact, id, name, names, text};
use crate::bindings::exports::directory;
use crate::limits::ValueLimits;

fn entry(entry: directory::Entry, limits: &ValueLimits) -> Result<Entry, Bad> {
    Ok(Entry {
        id: id("id", entry.id, limits)?,
        kind: match entry.kind {
            directory::EntryKind::Mailbox => EntryKind::Mailbox,
            directory::EntryKind::SharedMailbox => EntryKind::SharedMailbox,
            directory::EntryKind::ResourceMailbox => EntryKind::ResourceMailbox,
            directory::EntryKind::PbxUser => EntryKind::PbxUser,
            directory::EntryKind::Employee => EntryKind::Employee,
        },
        name: text(&entry.name, limits),
        address: name(&entry.address, limits),
        other_addresses: names(&entry.other_addresses, limits),
        login: name(&entry.login, limits),
        active: entry.active,
        zone: entry.zone.map(|z| name(&z, limits)),
        language: entry.language.map(|l| name(&l, limits)),
        department: name(&entry.department, limits),
    })
}

/// A page; entries that cannot be read are left out and counted.
pub(crate) fn page(page: directory::EntryPage, limits: &ValueLimits) -> Result<(EntryPage, usize), ConnectorError> {
    let wrong = |reason: String| broken(ErrorScope::Connection, reason);
    if page.entries.len() > limits.items {
        return Err(wrong(format!("a directory page with more than {} entries", limits.items)));
    }
    let before = page.entries.len();
    let entries: Vec<Entry> = page.entries.into_iter().filter_map(|one| entry(one, limits).ok()).collect();
    let left_out = before - entries.len();
    let next = page.next.map(|cursor| exact("the cursor", cursor, limits.cursor)).transpose().map_err(wrong)?;
    Ok((EntryPage { entries, next }, left_out))
}

/// What an address led to.
pub(crate) fn resolution(resolution: directory::Resolution, limits: &ValueLimits) -> Result<Resolution, Bad> {
    Ok(match resolution {
        directory::Resolution::Found(found) => Resolution::Found(Box::new(entry(found, limits)?)),
        directory::Resolution::NotFound => Resolution::NotFound,
        directory::Resolution::Ambiguous(ids) => Resolution::Ambiguous(names(&ids, limits)),
        directory::Resolution::NotPermitted(reason) => Resolution::NotPermitted(text(&reason, limits)),
    })
}
