//! What a schema cannot say about people and flows: names that lead nowhere, one name for two, two writers for one user.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use crate::check::{names, unknown};
use crate::config::File;
use crate::csv_people::Table;
use crate::diagnostic::Diagnostic;
use crate::flow::{DEFAULT_RULES, Flow, GROUP};
use crate::load::{Indexes, MOST_FINDINGS};
use crate::nearest::suggest;
use crate::people::{People, Person, PersonEntry};
use crate::tree::{Document, Part, child};
use crate::{check_defaults, check_sinks};

/// What is judged.
pub(crate) struct Scope<'a> {
    pub document: &'a Document,
    pub file: &'a File,
    pub indexes: &'a Indexes,
    pub csv: Option<&'a Table>,
    pub people: &'a People,
}

/// Where an entry stands.
pub(crate) enum Origin {
    /// In `[[people.person]]`, at this pointer.
    File(String),
    /// In the CSV file, in this row.
    Csv(Range<usize>),
}

/// What file and CSV file say about people, strongest first.
pub(crate) struct Entries<'a> {
    /// Each entry, with its place.
    pub list: Vec<(&'a PersonEntry, Origin)>,
    by_name: HashMap<String, Vec<usize>>,
}

impl<'a> Entries<'a> {
    fn new(list: Vec<(&'a PersonEntry, Origin)>) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, (entry, _)) in list.iter().enumerate() {
            let address = entry.address.as_ref().map(|address| address.to_lowercase());
            for name in entry.id().into_iter().chain(address).collect::<BTreeSet<_>>() {
                by_name.entry(name).or_default().push(index);
            }
        }
        Self { list, by_name }
    }

    /// The entries that a person came from, strongest first.
    pub fn of(&self, person: &Person) -> impl Iterator<Item = &(&'a PersonEntry, Origin)> {
        let at = |name: &str| self.by_name.get(name).into_iter().flatten().copied();
        let by_address = person.addresses.first().map(|address| address.to_lowercase());
        let indexes: BTreeSet<usize> = at(&person.id).chain(by_address.iter().flat_map(|address| at(address))).collect();
        indexes.into_iter().filter_map(|index| self.list.get(index))
    }
}

/// Judges `[people]`, `[groups]` and `[[flows]]`.
pub(crate) fn check(scope: &Scope<'_>, found: &mut Vec<Diagnostic>) {
    scope.directories(found);
    scope.header(found);
    let entries = scope.entries();
    for (entry, origin) in &entries.list {
        scope.references(entry, origin, found);
    }
    scope.doubles(&entries.list, found);
    scope.flows(found);
    scope.shared_users(&entries, found);
    check_defaults::check(scope, &entries, found);
    check_defaults::audiences(scope, found);
    check_sinks::check(scope, &entries, found);
}

impl<'a> Scope<'a> {
    fn entries(&self) -> Entries<'a> {
        let in_file =
            self.file.people.person.iter().zip(&self.indexes.persons).map(|(e, index)| (e, Origin::File(child("/people/person", index))));
        let in_csv = self.csv.into_iter().flat_map(|table| table.rows.iter().map(|(e, span)| (e, Origin::Csv(span.clone()))));
        Entries::new(in_file.chain(in_csv).collect())
    }

    /// A finding at a member of an entry, such as `users/pbx`; in a CSV file at its row.
    pub fn report(&self, origin: &Origin, member: &str, part: Part, message: String) -> Diagnostic {
        match (origin, self.csv) {
            (Origin::Csv(span), Some(table)) => Diagnostic::new(&table.source, span.clone(), message),
            (Origin::File(pointer), _) if member.is_empty() => self.document.report(pointer, part, message),
            (Origin::File(pointer), _) => self.document.report(&format!("{pointer}/{member}"), part, message),
            (Origin::Csv(_), None) => self.document.report("/people/csv", part, message),
        }
    }

    fn directories(&self, found: &mut Vec<Diagnostic>) {
        for (directory, index) in self.file.people.directories.iter().zip(&self.indexes.directories) {
            let pointer = child(&child("/people/directories", index), "connection");
            self.connection(
                &directory.connection,
                || self.document.report(&pointer, Part::Value, no_connection(&directory.connection)),
                found,
            );
        }
    }

    fn header(&self, found: &mut Vec<Diagnostic>) {
        let Some(table) = self.csv else { return };
        for name in &table.connections {
            self.connection(name, || Diagnostic::new(&table.source, table.header.clone(), no_connection(name)), found);
        }
    }

    pub fn connection(&self, name: &str, report: impl FnOnce() -> Diagnostic, found: &mut Vec<Diagnostic>) {
        let known = names(self.document, "connections");
        if !known.contains(&name) {
            found.push(unknown(report(), name, &known, "there are no connections yet: add [connections.NAME]"));
        }
    }

    pub fn rules(&self, name: &str, report: impl FnOnce() -> Diagnostic, found: &mut Vec<Diagnostic>) {
        let mut known = names(self.document, "rules");
        known.push(DEFAULT_RULES);
        if !known.contains(&name) {
            found.push(unknown(report(), name, &known, "add [rules.NAME]"));
        }
    }

    fn references(&self, entry: &PersonEntry, origin: &Origin, found: &mut Vec<Diagnostic>) {
        for (member, table) in [("users", &entry.users), ("mailboxes", &entry.mailboxes)] {
            // A CSV file names connections in its header, which is judged once.
            for name in table.keys().filter(|_| matches!(origin, Origin::File(_))) {
                self.connection(name, || self.report(origin, &child(member, name), Part::Key, no_connection(name)), found);
            }
        }
        if let Some(rules) = &entry.rules {
            self.rules(rules, || self.report(origin, "rules", Part::Value, format!("there are no rules `{rules}`")), found);
        }
        if entry.id().is_none() {
            let message = "this person has neither `id` nor `address`".to_owned();
            found.push(self.report(origin, "", Part::Value, message));
        }
    }

    /// The same id or main address twice in one source. Between sources it means the same person.
    fn doubles(&self, entries: &[(&PersonEntry, Origin)], found: &mut Vec<Diagnostic>) {
        let mut ids: HashMap<(bool, String), &Origin> = HashMap::new();
        let mut addresses: HashMap<(bool, String), &Origin> = HashMap::new();
        for (entry, origin) in entries {
            let from_csv = matches!(origin, Origin::Csv(_));
            let id_first = entry.id().and_then(|id| ids.insert((from_csv, id), origin));
            if let (Some(first), Some(id)) = (id_first, entry.id()) {
                let member = if entry.id.is_some() { "id" } else { "address" };
                let message = format!("the id `{id}` stands in line {} already", self.line(first));
                found.push(
                    self.report(origin, member, Part::Value, message).with_help("give each person an `id` of its own, or remove one"),
                );
                continue;
            }
            let Some(address) = entry.address.as_ref().map(|address| address.to_lowercase()) else { continue };
            if let Some(first) = addresses.insert((from_csv, address), origin) {
                let message = format!("this address is that of the person in line {} already", self.line(first));
                found.push(
                    self.report(origin, "address", Part::Value, message).with_help("two people cannot share a main address; remove one"),
                );
            }
        }
    }

    fn line(&self, origin: &Origin) -> usize {
        match (origin, self.csv) {
            (Origin::Csv(span), Some(table)) => table.source.position(span.start).0,
            (Origin::File(pointer), _) => self.document.position(pointer, Part::Value).0,
            (Origin::Csv(_), None) => 0,
        }
    }

    fn flows(&self, found: &mut Vec<Diagnostic>) {
        let mut lines: HashMap<&str, usize> = HashMap::new();
        let flows: Vec<(&Flow, String)> =
            self.file.flows.iter().zip(&self.indexes.flows).map(|(flow, index)| (flow, child("/flows", index))).collect();
        for (flow, pointer) in &flows {
            let at = |member: &str| child(pointer, member);
            let line = self.document.position(&at("name"), Part::Value).0;
            if let Some(first) = lines.insert(&flow.name, line) {
                let message = format!("the flow `{}` stands in line {first} already", flow.name);
                found.push(self.document.report(&at("name"), Part::Value, message).with_help("give each flow a name of its own"));
            }
            for (member, name) in [("source", &flow.source), ("sink", &flow.sink)] {
                self.connection(name, || self.document.report(&at(member), Part::Value, no_connection(name)), found);
            }
            self.rules(
                &flow.rules,
                || self.document.report(&at("rules"), Part::Value, format!("there are no rules `{}`", flow.rules)),
                found,
            );
            if flow.synchronize_current && !flow.overrules {
                let message = "`synchronize_current` has no effect here: with `overrules = false` no state set by hand counts";
                found.push(
                    self.document
                        .report(&at("synchronize_current"), Part::Value, message)
                        .with_help("remove one of the two keys")
                        .as_warning(),
                );
            }
            self.selection(flow.people.as_deref().unwrap_or_default(), &at("people"), found);
            self.selection(&flow.except, &at("except"), found);
        }
        self.overlaps(&flows, found);
    }

    /// Ids and groups that nobody has. With directories they may turn up later.
    fn selection(&self, list: &[String], pointer: &str, found: &mut Vec<Diagnostic>) {
        if list.is_empty() || !self.people.directories.is_empty() || !self.file_is_whole() {
            return;
        }
        let groups: BTreeSet<&str> = self.people.persons.iter().flat_map(|person| person.groups.iter().map(String::as_str)).collect();
        let ids: BTreeSet<&str> = self.people.persons.iter().map(|person| person.id.as_str()).collect();
        for (index, entry) in list.iter().enumerate() {
            let (given, known, message) = match entry.strip_prefix(GROUP) {
                Some(group) => (group, &groups, format!("nobody is in the group `{group}`")),
                None => (entry.as_str(), &ids, format!("there is no person with the id `{entry}`")),
            };
            if !known.contains(given) {
                let mut diagnostic = self.document.report(&child(pointer, index), Part::Value, message);
                // To look for a near name among all people takes long, and nobody reads more findings than that.
                diagnostic.help = if found.len() < MOST_FINDINGS { suggest(given, known.iter().copied()) } else { None };
                found.push(diagnostic);
            }
        }
    }

    /// Whether every person that is written down was usable; else a name may be missing because of another mistake.
    pub fn file_is_whole(&self) -> bool {
        let written = self.document.value.pointer("/people/person").and_then(|list| list.as_array()).map_or(0, Vec::len);
        let csv_whole = self.file.people.csv.is_none() || self.csv.is_some_and(|table| table.found.is_empty());
        written == self.file.people.person.len() && csv_whole
    }

    /// Two flows that write the presence of one person at one sink would undo each other (FEATURES P15).
    fn overlaps(&self, flows: &[(&Flow, String)], found: &mut Vec<Diagnostic>) {
        for (later, (flow, pointer)) in flows.iter().enumerate() {
            for (other, _) in flows
                .iter()
                .take(later)
                .filter(|(other, _)| other.sink == flow.sink && other.active && flow.active && other.name != flow.name)
            {
                let everybody = flow.people.is_none() && other.people.is_none() && flow.except.is_empty() && other.except.is_empty();
                let (own, others) = (flow.selection(), other.selection());
                let both = self
                    .people
                    .persons
                    .iter()
                    .find(|person| person.may_be_shown_at(&flow.sink) && own.contains(person) && others.contains(person));
                let who = match both {
                    Some(person) => format!("`{}`", person.id),
                    None if everybody && !self.people.directories.is_empty() => "everybody".to_owned(),
                    None => continue,
                };
                let message = format!("this flow and `{}` both write the presence of {who} at `{}`", other.name, flow.sink);
                found.push(self.document.report(pointer, Part::Value, message).with_help("select other people with `people` and `except`"));
            }
        }
    }

    /// Two people who show their presence as the same user of a sink.
    fn shared_users(&self, entries: &Entries<'_>, found: &mut Vec<Diagnostic>) {
        let mut owners: HashMap<(&str, &str), &str> = HashMap::new();
        for flow in self.file.flows.iter().filter(|flow| flow.active) {
            let selection = flow.selection();
            let shown = |person: &&Person| person.active && person.may_be_shown_at(&flow.sink) && selection.contains(person);
            for person in self.people.persons.iter().filter(shown) {
                let Some(user) = person.user_at(&flow.sink) else { continue };
                let Some(owner) = owners.insert((&flow.sink, user), &person.id).filter(|owner| *owner != person.id) else { continue };
                let message = format!("`{}` and `{owner}` both are the user `{user}` of `{}`", person.id, flow.sink);
                let Some((_, origin)) = entries.of(person).next() else { continue };
                let member = if person.users.contains_key(&flow.sink) { child("users", &flow.sink) } else { "user".to_owned() };
                found.push(
                    self.report(origin, &member, Part::Value, message).with_help("give each a user of its own, or make one inactive"),
                );
            }
        }
    }
}

pub(crate) fn no_connection(name: &str) -> String {
    format!("there is no connection `{name}`")
}
