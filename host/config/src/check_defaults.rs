//! What groups give their people, and what people and groups change of the rules: sections that nobody is in, rows that lead to
//! templates which the rules in force do not have, calendars that lead nowhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use calport_rules::presence::{self, ConfigError, MappingOverride};
use serde_json::{Map, Value};

use crate::check::written_template;
use crate::check_people::{Entries, Origin, Scope, no_connection};
use crate::diagnostic::Diagnostic;
use crate::flow::{DEFAULT_RULES, Flow, GROUP, Selection, flows_of};
use crate::nearest::suggest;
use crate::people::{Calendar, Group, Person};
use crate::tree::{Part, child};

/// Where a value of a person or a group stands.
enum Place<'a> {
    Entry(&'a Origin, &'a str),
    Group(&'a str),
}

/// The mistakes of some rules with some rows changed; asked for each person, found once.
type Judged<'a> = HashMap<(&'a str, String), Vec<ConfigError>>;

/// Judges `[groups]`, and `calendars` and `mapping` of people.
pub(crate) fn check(scope: &Scope<'_>, entries: &Entries<'_>, found: &mut Vec<Diagnostic>) {
    for (name, group) in &scope.file.groups {
        scope.group(name, group, found);
    }
    scope.nobody(found);
    for (entry, origin) in &entries.list {
        for (index, calendar) in entry.calendars.iter().flatten().enumerate() {
            let report = |message| scope.report(origin, &format!("calendars/{index}/connection"), Part::Value, message);
            scope.calendar(calendar, report, found);
        }
    }
    let flows = scope.file.flows.iter().map(|flow| (flow, flow.selection())).collect::<Vec<_>>();
    let mut judged = Judged::new();
    for person in scope.people.persons.iter().filter(|person| !person.mapping.is_empty() || !person.calendars.is_empty()) {
        let selecting = flows_of(&flows, person);
        scope.own_calendar(person, &selecting, entries, found);
        scope.mapping(person, &selecting, entries, &mut judged, found);
    }
    if !scope.people.directories.is_empty() {
        for (name, group) in &scope.file.groups {
            scope.mapping_of_unknown_people(name, group, &flows, &mut judged, found);
        }
    }
}

impl<'a> Scope<'a> {
    fn group(&self, name: &str, group: &Group, found: &mut Vec<Diagnostic>) {
        let pointer = child("/groups", name);
        let report = |member: &str, message: String| self.document.report(&format!("{pointer}/{member}"), Part::Value, message);
        if let Some(rules) = &group.rules {
            self.rules(rules, || report("rules", format!("there are no rules `{rules}`")), found);
        }
        if let Some(sink) = &group.sink {
            self.connection(sink, || report("sink", no_connection(sink)), found);
        }
        for (index, calendar) in group.calendars.iter().flatten().enumerate() {
            self.calendar(calendar, |message| report(&format!("calendars/{index}/connection"), message), found);
        }
    }

    fn calendar(&self, calendar: &Calendar, report: impl FnOnce(String) -> Diagnostic, found: &mut Vec<Diagnostic>) {
        if let Some(connection) = &calendar.connection {
            self.connection(connection, || report(no_connection(connection)), found);
        }
    }

    /// Sections of groups that nobody has. With directories somebody may turn up.
    fn nobody(&self, found: &mut Vec<Diagnostic>) {
        if !self.people.directories.is_empty() || !self.file_is_whole() {
            return;
        }
        let known: BTreeSet<&str> = self.people.persons.iter().flat_map(|person| person.groups.iter().map(String::as_str)).collect();
        for name in self.file.groups.keys().filter(|name| !known.contains(name.as_str())) {
            let help = suggest(name, known.iter().copied());
            let report = self.document.report(&child("/groups", name), Part::Key, format!("nobody is in the group `{name}`"));
            found.push(report.with_help(help.unwrap_or_else(|| format!("give people `groups = [\"{name}\"]`"))).as_warning());
        }
    }

    /// A person's own mailbox in the person's own list; in a group's list it is passed over, since the others may mean it.
    fn own_calendar(&self, person: &Person, selecting: &[&Flow], entries: &Entries<'_>, found: &mut Vec<Diagnostic>) {
        let Some((entry, origin)) = entries.of(person).find(|(entry, _)| entry.calendars.is_some()) else { return };
        for (index, calendar) in entry.calendars.iter().flatten().enumerate() {
            let own = |flow: &&Flow| {
                let here = calendar.connection.as_ref().is_none_or(|connection| *connection == flow.source);
                here && person.has_mailbox_at(&flow.source, &calendar.address)
            };
            if selecting.iter().any(own) {
                let message = format!("`{}` is the mailbox of `{}`, which counts anyway", calendar.address, person.id);
                let report = self.report(origin, &format!("calendars/{index}"), Part::Value, message);
                found.push(report.with_help("remove it").as_warning());
            }
        }
    }

    fn mapping(
        &self,
        person: &'a Person,
        selecting: &[&'a Flow],
        entries: &Entries<'_>,
        judged: &mut Judged<'a>,
        found: &mut Vec<Diagnostic>,
    ) {
        let rows = rows_of(&person.mapping);
        let Some(flow) = selecting.first().filter(|_| !rows.is_empty()) else { return };
        let rules = person.rules.as_deref().unwrap_or(&flow.rules);
        for error in self.judge(rules, &person.mapping, judged) {
            let has = |mapping: &MappingOverride| {
                let rows = rows_of(mapping);
                error.field.strip_prefix("mapping.").map_or(!rows.is_empty(), |class| rows.contains_key(class))
            };
            let entry = entries.of(person).find(|(entry, _)| has(&entry.mapping));
            let group = || person.groups.iter().find(|name| self.file.groups.get(*name).is_some_and(|group| has(&group.mapping)));
            let place = match entry {
                Some((_, origin)) => Place::Entry(origin, &person.id),
                None => match group() {
                    Some(name) => Place::Group(name),
                    None => continue,
                },
            };
            found.push(self.mapping_error(error, rules, &place));
        }
    }

    /// What directories may bring: people of the group in any flow that takes the group.
    fn mapping_of_unknown_people(
        &self,
        name: &'a str,
        group: &'a Group,
        flows: &[(&'a Flow, Selection<'a>)],
        judged: &mut Judged<'a>,
        found: &mut Vec<Diagnostic>,
    ) {
        if group.mapping.is_empty() {
            return;
        }
        let named = |list: &[String]| list.iter().any(|entry| entry.strip_prefix(GROUP) == Some(name));
        let takes = |flow: &&&'a Flow| flow.active && flow.people.as_deref().is_none_or(named) && !named(&flow.except);
        let of_flows = flows.iter().map(|(flow, _)| flow).filter(takes).map(|flow| flow.rules.as_str());
        let all: BTreeSet<&'a str> = group.rules.as_deref().map_or_else(|| of_flows.collect(), |own| BTreeSet::from([own]));
        for rules in all {
            for error in self.judge(rules, &group.mapping, judged) {
                found.push(self.mapping_error(error, rules, &Place::Group(name)));
            }
        }
    }

    /// What is wrong with rules because of changed rows; what is wrong without them is told elsewhere.
    fn judge<'j>(&self, rules: &'a str, mapping: &MappingOverride, judged: &'j mut Judged<'a>) -> &'j [ConfigError] {
        let rows = rows_of(mapping);
        let default = presence::Config::default();
        judged.entry((rules, Value::Object(rows.clone()).to_string())).or_insert_with(|| {
            let own = match self.file.rules.get(rules) {
                Some(own) => own,
                None if rules == DEFAULT_RULES => &default,
                // A name that leads nowhere is told where it stands.
                None => return Vec::new(),
            };
            let before = own.validate().err().unwrap_or_default();
            let changed = presence::Config { mapping: mapping.over(&own.mapping), ..own.clone() };
            let by_rows = |error: &ConfigError| match error.field.strip_prefix("mapping.") {
                Some(class) => rows.get(class).and_then(Value::as_str).is_some_and(|row| !written_template(self.document, rules, row)),
                None => error.field == "severity" && !before.iter().any(|known| known.field == "severity"),
            };
            changed.validate().err().unwrap_or_default().into_iter().filter(by_rows).collect()
        })
    }

    fn mapping_error(&self, error: &ConfigError, rules: &str, place: &Place<'_>) -> Diagnostic {
        let member = error.field.strip_prefix("mapping.").map_or_else(|| "mapping".to_owned(), |class| format!("mapping/{class}"));
        let whom = match place {
            Place::Entry(_, person) => format!("for `{person}`"),
            Place::Group(name) => format!("for people of the group `{name}`"),
        };
        let message = format!("`{}` of the rules `{rules}`, which hold {whom}: {}", error.field, error.problem);
        let report = match place {
            Place::Entry(origin, _) => self.report(origin, &member, Part::Value, message),
            Place::Group(name) => self.document.report(&format!("{}/{member}", child("/groups", name)), Part::Value, message),
        };
        report.with_help(error.remedy.replace("[templates.", &format!("[rules.{rules}.templates.")))
    }
}

/// The rows that are given, by their class.
fn rows_of(mapping: &MappingOverride) -> Map<String, Value> {
    match serde_json::to_value(mapping) {
        Ok(Value::Object(rows)) => rows,
        _ => Map::new(),
    }
}

/// Judges `[audiences]`: each with all rules that it is used with.
pub(crate) fn audiences(scope: &Scope<'_>, found: &mut Vec<Diagnostic>) {
    let document = scope.document;
    let written = crate::check::names(document, "audiences");
    let default = presence::Config::default();
    let flows = scope.file.flows.iter().map(|flow| (flow, flow.selection())).collect::<Vec<_>>();
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (flow, index) in scope.file.flows.iter().zip(&scope.indexes.flows) {
        let Some(name) = &flow.audience else { continue };
        if !written.contains(&name.as_str()) {
            let report = document.report(&format!("/flows/{index}/audience"), Part::Value, format!("there is no audience `{name}`"));
            found.push(crate::check::unknown(report, name, &written, "add [audiences.NAME]"));
        }
        used.entry(name).or_default().insert(&flow.rules);
    }
    for person in scope.people.persons.iter().filter(|person| person.rules.is_some()) {
        for flow in flows_of(&flows, person) {
            if let (Some(name), Some(rules)) = (&flow.audience, &person.rules) {
                used.entry(name).or_default().insert(rules);
            }
        }
    }
    for (name, audience) in &scope.file.audiences {
        let pointer = child("/audiences", name);
        let Some(uses) = used.get(name.as_str()) else {
            let report = document.report(&pointer, Part::Key, format!("nothing uses the audience `{name}`"));
            found.push(report.with_help("name it as `audience` in [[flows]]").as_warning());
            continue;
        };
        let mut mistakes: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
        for rules in uses {
            for error in audience.validate(scope.file.rules.get(*rules).unwrap_or(&default)).err().unwrap_or_default() {
                mistakes.entry((error.field, error.problem, error.remedy)).or_default().push(format!("`{rules}`"));
            }
        }
        for ((field, problem, remedy), rules) in mistakes {
            let at = field.splitn(2, '.').fold(pointer.clone(), |pointer, part| child(&pointer, part));
            let message = format!("`{field}`, with the rules {} that this audience is used with: {problem}", rules.join(", "));
            found.push(document.report(&at, Part::Value, message).with_help(remedy));
        }
    }
}
