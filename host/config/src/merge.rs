//! One person out of what several sources say about them.
//!
//! Entries with the same id, or with the same main address, are the same person: each value comes from the strongest source that
//! gives it. An entry of a directory is also the person whose configured user (or mailbox) at that connection it is.

use std::collections::{BTreeMap, HashMap};

use calport_model::directory::{Entry, EntryKind};

use crate::people::{Directory, Group, Person, PersonEntry};

/// What an entry of a directory is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    User,
    Mailbox,
}

/// A role, the connection (empty: every connection), and the name there.
type Place = (Role, String, String);

/// Entries are added strongest first.
#[derive(Default)]
pub(crate) struct Merger {
    merged: Vec<PersonEntry>,
    by_id: HashMap<String, usize>,
    by_address: HashMap<String, usize>,
    by_place: HashMap<Place, usize>,
}

impl Merger {
    /// The entries of the file and the CSV file.
    pub fn of(entries: &[PersonEntry]) -> Self {
        let mut merger = Self::default();
        for entry in entries {
            merger.add(entry);
        }
        merger
    }

    /// Everybody, sorted by id, with the defaults of their groups.
    pub fn finish(self, groups: &BTreeMap<String, Group>) -> Vec<Person> {
        let mut persons: Vec<Person> = self.merged.into_iter().filter_map(|entry| entry.finish(groups)).collect();
        persons.sort_by(|a, b| a.id.cmp(&b.id));
        persons
    }

    fn add(&mut self, entry: &PersonEntry) {
        let at = self.known(entry).unwrap_or(self.merged.len());
        match self.merged.get_mut(at) {
            Some(stronger) => fill(stronger, entry),
            None => self.merged.push(entry.clone()),
        }
        self.index(at, entry);
    }

    fn known(&self, entry: &PersonEntry) -> Option<usize> {
        let by_id = entry.id().and_then(|id| self.by_id.get(&id));
        by_id.or_else(|| entry.address.as_ref().and_then(|address| self.by_address.get(&address.to_lowercase()))).copied()
    }

    fn index(&mut self, at: usize, entry: &PersonEntry) {
        if let Some(id) = entry.id() {
            self.by_id.entry(id).or_insert(at);
        }
        if let Some(address) = &entry.address {
            self.by_address.entry(address.to_lowercase()).or_insert(at);
        }
        for (role, everywhere, single) in [(Role::User, &entry.user, &entry.users), (Role::Mailbox, &entry.mailbox, &entry.mailboxes)] {
            let everywhere = everywhere.iter().map(|name| (String::new(), name.clone()));
            for (connection, name) in everywhere.chain(single.iter().map(|(connection, name)| (connection.clone(), name.clone()))) {
                self.by_place.entry((role, connection, name)).or_insert(at);
            }
        }
    }

    /// Adds an entry of a directory, if it is in use and meant.
    pub fn add_listed(&mut self, directory: &Directory, listed: &Entry) {
        let Some(mut entry) = read(directory, listed) else { return };
        let role = if listed.kind == EntryKind::PbxUser { Role::User } else { Role::Mailbox };
        let by_place = self.at_place(role, &directory.connection, listed);
        let Some(at) = by_place.or_else(|| self.known(&entry)) else {
            entry.id = entry.id.or_else(|| entry.address.is_none().then(|| format!("{}:{}", directory.connection, listed.id)));
            self.add(&entry);
            return;
        };
        let Some(stronger) = self.merged.get_mut(at) else { return };
        let (everywhere, single) = match role {
            Role::User => (&stronger.user, &mut stronger.users),
            Role::Mailbox => (&stronger.mailbox, &mut stronger.mailboxes),
        };
        if by_place.is_some() {
            // Configured by its login perhaps; connectors take the id.
            single.insert(directory.connection.clone(), listed.id.clone());
        } else if everywhere.is_none() {
            single.entry(directory.connection.clone()).or_insert_with(|| listed.id.clone());
        }
        (entry.users, entry.mailboxes) = (BTreeMap::new(), BTreeMap::new());
        fill(stronger, &entry);
        self.index(at, &entry);
    }

    fn at_place(&self, role: Role, connection: &str, listed: &Entry) -> Option<usize> {
        let names = [&listed.id, &listed.login];
        let places = names.into_iter().filter(|name| !name.is_empty());
        let at = |connection: &str, name: &String| self.by_place.get(&(role, connection.to_owned(), name.clone())).copied();
        places.clone().find_map(|name| at(connection, name)).or_else(|| {
            // What holds for every connection holds here unless the person has another name here.
            let everywhere = |at: &usize| {
                let entry = self.merged.get(*at);
                entry.is_some_and(|entry| !if role == Role::User { &entry.users } else { &entry.mailboxes }.contains_key(connection))
            };
            places.clone().find_map(|name| at("", name).filter(everywhere))
        })
    }
}

/// What a directory says about an entry; `None` if the entry is not in use or not meant.
fn read(directory: &Directory, listed: &Entry) -> Option<PersonEntry> {
    let department = listed.department.to_lowercase();
    let meant = directory.departments.is_empty() || directory.departments.iter().any(|name| name.to_lowercase() == department);
    if !listed.active || !meant {
        return None;
    }
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let by_login = directory.domain.as_ref().and_then(|domain| text(&listed.login).map(|login| format!("{login}@{domain}")));
    let (address, others) = match text(&listed.address) {
        Some(address) => (Some(address), by_login.into_iter().chain(listed.other_addresses.iter().cloned()).collect()),
        None => (by_login, listed.other_addresses.clone()),
    };
    let single = BTreeMap::from([(directory.connection.clone(), listed.id.clone())]);
    let (users, mailboxes) = if listed.kind == EntryKind::PbxUser { (single, BTreeMap::new()) } else { (BTreeMap::new(), single) };
    let groups: Vec<String> = directory.groups.iter().cloned().chain(text(&listed.department)).collect();
    Some(PersonEntry {
        name: text(&listed.name),
        address,
        other_addresses: (!others.is_empty()).then_some(others),
        mailboxes,
        users,
        zone: listed.zone.clone(),
        language: listed.language.clone(),
        groups: (!groups.is_empty()).then_some(groups),
        ..PersonEntry::default()
    })
}

/// Takes what is missing from a weaker source. Tables are joined key by key, lists are not.
fn fill(own: &mut PersonEntry, weaker: &PersonEntry) {
    let take = |own: &mut Option<String>, other: &Option<String>| {
        if own.is_none() {
            own.clone_from(other);
        }
    };
    take(&mut own.id, &weaker.id);
    take(&mut own.name, &weaker.name);
    take(&mut own.address, &weaker.address);
    take(&mut own.mailbox, &weaker.mailbox);
    take(&mut own.user, &weaker.user);
    take(&mut own.zone, &weaker.zone);
    take(&mut own.language, &weaker.language);
    take(&mut own.rules, &weaker.rules);
    take(&mut own.sink, &weaker.sink);
    if own.calendars.is_none() {
        own.calendars.clone_from(&weaker.calendars);
    }
    own.mapping = std::mem::take(&mut own.mapping).or(&weaker.mapping);
    own.other_addresses = own.other_addresses.take().or_else(|| weaker.other_addresses.clone());
    own.groups = own.groups.take().or_else(|| weaker.groups.clone());
    own.vip = own.vip.or(weaker.vip);
    own.active = own.active.or(weaker.active);
    for (own, other) in [(&mut own.mailboxes, &weaker.mailboxes), (&mut own.users, &weaker.users)] {
        for (connection, value) in other {
            own.entry(connection.clone()).or_insert_with(|| value.clone());
        }
    }
}
