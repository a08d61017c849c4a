//! One person, one sink (FEATURES P15): who is shown at two sinks, and who is to be shown where no flow leads.

use std::collections::{BTreeMap, HashSet};

use crate::check::names;
use crate::check_people::{Entries, Scope, no_connection};
use crate::diagnostic::Diagnostic;
use crate::flow::{Flow, Selection};
use crate::people::Person;
use crate::tree::{Part, child};

/// Judges `sink` of people and groups, and flows to several sinks.
pub(crate) fn check(scope: &Scope<'_>, entries: &Entries<'_>, found: &mut Vec<Diagnostic>) {
    for (entry, origin) in &entries.list {
        if let Some(sink) = &entry.sink {
            scope.connection(sink, || scope.report(origin, "sink", Part::Value, no_connection(sink)), found);
        }
    }
    let flows: Vec<(&Flow, Selection<'_>)> = scope.file.flows.iter().map(|flow| (flow, flow.selection())).collect();
    if flows.is_empty() {
        return;
    }
    let mut told = HashSet::new();
    let mut twice = BTreeMap::new();
    for person in scope.people.persons.iter().filter(|person| person.active) {
        let selecting: Vec<usize> =
            flows.iter().enumerate().filter(|(_, (_, selection))| selection.contains(person)).map(|(index, _)| index).collect();
        match &person.sink {
            Some(sink) => scope.leads_nowhere(person, sink, &selecting, entries, &mut told, found),
            None => scope.two_sinks(person, &selecting, &mut twice),
        }
    }
    scope.unused_sinks(&told, found);
    scope.tell_two_sinks(&twice, found);
}

/// By the indexes of two flows, the later one first: the first person whom both show, and how many there are.
type Twice<'p> = BTreeMap<(usize, usize), (&'p Person, usize)>;

impl<'a> Scope<'a> {
    fn two_sinks(&self, person: &'a Person, selecting: &[usize], twice: &mut Twice<'a>) {
        let active = |index: &&usize| self.file.flows.get(**index).is_some_and(|flow| flow.active);
        let mut active = selecting.iter().filter(active);
        let Some(&first) = active.next() else { return };
        let sink = |index: usize| self.file.flows.get(index).map(|flow| &flow.sink);
        if let Some(&other) = active.find(|index| sink(**index) != sink(first)) {
            twice.entry((other, first)).or_insert((person, 0)).1 += 1;
        }
    }

    fn tell_two_sinks(&self, twice: &Twice<'_>, found: &mut Vec<Diagnostic>) {
        for ((later, first), (person, count)) in twice {
            let (Some(flow), Some(other), Some(index)) =
                (self.file.flows.get(*later), self.file.flows.get(*first), self.indexes.flows.get(*later))
            else {
                continue;
            };
            let others = match count {
                1 => String::new(),
                2 => " and 1 other".to_owned(),
                more => format!(" and {} others", more.saturating_sub(1)),
            };
            let message = format!(
                "this flow shows `{}`{others} at `{}`, and `{}` shows the same at `{}`: one person has one sink",
                person.id, flow.sink, other.name, other.sink
            );
            let help = format!(
                "say `sink = \"{}\"` or `sink = \"{}\"` at the person or a group, or select other people with `people` and `except`",
                other.sink, flow.sink
            );
            found.push(self.document.report(&child("/flows", index), Part::Value, message).with_help(help));
        }
    }

    fn leads_nowhere(
        &self,
        person: &'a Person,
        sink: &str,
        selecting: &[usize],
        entries: &Entries<'_>,
        told: &mut HashSet<&'a str>,
        found: &mut Vec<Diagnostic>,
    ) {
        let flows = || selecting.iter().filter_map(|index| self.file.flows.get(*index));
        if flows().any(|flow| flow.sink == sink) || !names(self.document, "connections").contains(&sink) {
            return;
        }
        let mut others: Vec<String> = flows().map(|flow| format!("`{}`", flow.sink)).collect();
        others.sort();
        others.dedup();
        let help = if others.is_empty() {
            format!("add the person to `people` of a flow to `{sink}`, or remove `sink`")
        } else {
            format!("flows that select this person lead to {}: write that, or add the person to a flow to `{sink}`", others.join(", "))
        };
        let message = format!("no flow to `{sink}` selects `{}`", person.id);
        let report = match entries.of(person).find(|(entry, _)| entry.sink.is_some()) {
            Some((_, origin)) => self.report(origin, "sink", Part::Value, message),
            None => {
                let says = |name: &&String| self.file.groups.get(*name).is_some_and(|group| group.sink.is_some());
                let Some(group) = person.groups.iter().find(says).filter(|name| told.insert(name)) else { return };
                self.document.report(&format!("{}/sink", child("/groups", group)), Part::Value, message)
            }
        };
        found.push(report.with_help(help));
    }

    /// Sinks of groups, perhaps of people whom directories bring, that no flow has at all.
    fn unused_sinks(&self, told: &HashSet<&str>, found: &mut Vec<Diagnostic>) {
        for (name, group) in self.file.groups.iter().filter(|(name, _)| !told.contains(name.as_str())) {
            let Some(sink) = &group.sink else { continue };
            if self.file.flows.iter().any(|flow| flow.sink == *sink) || !names(self.document, "connections").contains(&sink.as_str()) {
                continue;
            }
            let at = format!("{}/sink", child("/groups", name));
            let report = self.document.report(&at, Part::Value, format!("no flow has the sink `{sink}`"));
            found.push(report.with_help("name the `sink` of a flow that selects the group"));
        }
    }
}
