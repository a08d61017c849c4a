//! Everybody whom a configuration names, with the place where each is shown: what `explain` and `preview` look people up in.

use std::collections::BTreeMap;
use std::sync::Arc;

use calport_config::{Config, Flow, Loaded, Person, flows_of};
use calport_engine::PersonPlan;
use calport_model::directory::Entry;
use calport_model::zone::resolve;
use jiff::tz::TimeZone;

use super::people::plan;
use crate::explain::{Known, RowOrigins, Who};

/// The people of a configuration.
pub struct Roster {
    /// The configuration.
    pub loaded: Arc<Loaded>,
    /// Everybody, by id.
    pub persons: BTreeMap<String, Person>,
    /// Those whom a flow shows.
    pub plans: BTreeMap<String, Arc<PersonPlan>>,
    /// Why others are left out.
    pub left: BTreeMap<String, String>,
}

impl Roster {
    /// The people of a configuration, with those whom directories list.
    pub fn new(loaded: Arc<Loaded>, listed: &BTreeMap<String, Vec<Entry>>) -> Self {
        let config = &loaded.config;
        let (plans, left_out) = plan(config, listed);
        let persons = config.people.with_directories(listed).into_iter().map(|person| (person.id.clone(), person)).collect();
        let plans = plans.into_iter().map(|(id, plan)| (id, Arc::new(plan))).collect();
        let mut left: BTreeMap<String, String> = BTreeMap::new();
        for one in left_out {
            let told = left.entry(one.person).or_default();
            if !told.is_empty() {
                told.push_str("; ");
            }
            told.push_str(&one.reason);
        }
        Self { loaded, persons, plans, left }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// Everybody, as they can be asked for.
    pub fn known(&self) -> Vec<Known> {
        let known = self.persons.values().map(|person| {
            let shown_as = self.plans.get(&person.id).map(|plan| plan.user.clone());
            let mailboxes = person.mailbox.iter().chain(person.mailboxes.values());
            Known {
                id: person.id.clone(),
                name: person.name.clone(),
                addresses: person.addresses.iter().chain(mailboxes).cloned().collect(),
                users: person.users.values().chain(&person.user).cloned().chain(shown_as).collect(),
            }
        });
        known.collect()
    }

    /// Who somebody is.
    pub fn who(&self, id: &str) -> Who {
        let person = self.persons.get(id);
        let plan = self.plans.get(id);
        let flow = person.zip(plan).and_then(|(person, plan)| self.flow(person, plan));
        Who {
            id: id.to_owned(),
            name: person.map(|person| person.name.clone()).unwrap_or_default(),
            flow: flow.map(|flow| flow.name.clone()),
            source: plan.map(|plan| plan.source.clone()),
            mailbox: None,
            sink: plan.map(|plan| plan.sink.clone()),
            user: plan.map(|plan| plan.user.clone()),
            rules: flow.map(|flow| person.and_then(|person| person.rules.clone()).unwrap_or_else(|| flow.rules.clone())),
        }
    }

    fn flow(&self, person: &Person, plan: &PersonPlan) -> Option<&Flow> {
        let flows: Vec<_> = self.config().flows.iter().map(|flow| (flow, flow.selection())).collect();
        flows_of(&flows, person).into_iter().find(|flow| flow.source == plan.source && flow.sink == plan.sink)
    }

    /// Where the rows of somebody's mapping are from.
    pub fn origins(&self, who: &Who) -> RowOrigins {
        let person = self.persons.get(&who.id);
        let groups = &self.config().people.groups;
        let named =
            person.iter().flat_map(|person| &person.groups).filter_map(|name| Some((name.clone(), groups.get(name)?.mapping.clone())));
        RowOrigins {
            rules: who.rules.clone().unwrap_or_default(),
            own: person.map(|person| person.mapping.clone()).unwrap_or_default(),
            groups: named.collect(),
        }
    }

    /// The zone of somebody's texts where the mailbox's is not known.
    pub fn zone(&self, id: &str) -> TimeZone {
        let own = self.plans.get(id).and_then(|plan| plan.zone.clone());
        own.unwrap_or_else(|| resolve(&self.config().host.zone).zone())
    }

    /// Whether a connection is to be used.
    pub fn uses(&self, connection: &str) -> bool {
        self.config().connections.get(connection).is_some_and(|connection| connection.active)
    }
}
