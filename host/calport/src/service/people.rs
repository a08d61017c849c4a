//! From the people of the configuration and of directories to the engine's plan (FEATURES P11, P14, P15, C16).

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use calport_config::{Config, Flow, Person, flows_of};
use calport_engine::{CalendarPlan, PersonPlan};
use calport_model::directory::Entry;
use calport_model::zone::{Resolved, resolve};
use calport_rules::presence;

/// A person who cannot be shown, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Left {
    /// The person's id.
    pub person: String,
    /// The flow.
    pub flow: String,
    /// Why, and what to do.
    pub reason: String,
}

/// The people of all flows, and those who are left out with the reason. One main PBX per user (FEATURES P15): of the flows that
/// select a person the one to the person's `sink` counts; where none is named, the first active one at whose sink the person has
/// a user.
pub fn plan(config: &Config, listed: &BTreeMap<String, Vec<Entry>>) -> (BTreeMap<String, PersonPlan>, Vec<Left>) {
    let mut shared = Shared::new(config);
    let users = Users::new(listed);
    let flows: Vec<_> = config.flows.iter().map(|flow| (flow, flow.selection())).collect();
    let mut plans = BTreeMap::new();
    let mut left = Vec::new();
    for person in config.people.with_directories(listed) {
        let mut leave = |flow: &Flow, reason: String| {
            // Whoever is switched off is not missed.
            if person.active {
                left.push(Left { person: person.id.clone(), flow: flow.name.clone(), reason });
            }
        };
        let meant = flows_of(&flows, &person);
        let Some((at, flow, user)) =
            meant.iter().enumerate().find_map(|(at, flow)| users.at(&person, &flow.sink).map(|user| (at, *flow, user)))
        else {
            meant.iter().filter(|flow| flow.active).for_each(|flow| leave(flow, no_user(&flow.sink)));
            if let (true, Some(sink)) = (meant.is_empty(), &person.sink)
                && let Some((flow, _)) = flows.iter().find(|(flow, selection)| flow.active && selection.contains(&person))
            {
                leave(flow, format!("no flow to {sink} selects this person; correct `sink` of the person or of a group"));
            }
            continue;
        };
        for later in meant.iter().skip(at.saturating_add(1)).filter(|later| flow.active && later.active) {
            if later.sink == flow.sink || users.at(&person, &later.sink).is_some() {
                leave(later, shown_already(flow, later));
            }
        }
        if let Some(plan) = person_plan(config, flow, &person, user, &mut shared) {
            plans.insert(person.id.clone(), plan);
        }
    }
    (plans, left)
}

fn no_user(sink: &str) -> String {
    format!("no user of {sink} belongs to this person; give `users.{sink} = \"...\"`, or an address that the directory of {sink} knows")
}

fn shown_already(first: &Flow, later: &Flow) -> String {
    let remedy = if first.sink == later.sink {
        "select other people with `people` and `except`".to_owned()
    } else {
        format!("say `sink = \"{}\"` or `sink = \"{}\"` at the person or a group", first.sink, later.sink)
    };
    format!("the flow {} shows this person already, at {}; one person has one sink: {remedy}", first.name, first.sink)
}

/// What many people have in common, kept once.
struct Shared<'a> {
    rules: BTreeMap<&'a str, Arc<presence::Config>>,
    audiences: BTreeMap<&'a str, Arc<presence::Audience>>,
    /// Rules with some rows changed, by their name and the rows.
    changed: BTreeMap<(String, String), Arc<presence::Config>>,
}

impl<'a> Shared<'a> {
    fn new(config: &'a Config) -> Self {
        Self {
            rules: config.rules.iter().map(|(name, rules)| (name.as_str(), Arc::new(rules.clone()))).collect(),
            audiences: config.audiences.iter().map(|(name, audience)| (name.as_str(), Arc::new(audience.clone()))).collect(),
            changed: BTreeMap::new(),
        }
    }

    /// The rules of a person in a flow, with the person's rows of the mapping in them.
    fn rules_of(&mut self, config: &Config, flow: &Flow, person: &Person) -> Option<Arc<presence::Config>> {
        let name = person.rules.as_deref().unwrap_or(&flow.rules);
        let plain = self.rules.get(name)?;
        if person.mapping.is_empty() {
            return Some(plain.clone());
        }
        let rows = serde_json::to_string(&person.mapping).unwrap_or_default();
        Some(match self.changed.entry((name.to_owned(), rows)) {
            Place::Occupied(known) => known.get().clone(),
            Place::Vacant(place) => {
                // Only groups that a directory joins in an unforeseen way come to this: the rest is refused with the file.
                let rules = match config.rules_for(flow, person).map(|rules| (rules.validate(), rules)) {
                    Some((Ok(()), rules)) => Arc::new(rules),
                    Some((Err(mistakes), _)) => {
                        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                        tracing::warn!(
                            code = "mapping-not-used",
                            person = person.id,
                            rules = name,
                            "the mapping of the person's groups does not fit these rules, which hold without it: {}",
                            mistakes.join("; ")
                        );
                        plain.clone()
                    }
                    None => plain.clone(),
                };
                place.insert(rules).clone()
            }
        })
    }
}

fn person_plan(config: &Config, flow: &Flow, person: &Person, user: String, shared: &mut Shared<'_>) -> Option<PersonPlan> {
    let mut addresses: Vec<String> = person.mailbox_at(&flow.source).map(str::to_owned).into_iter().collect();
    for address in &person.addresses {
        if !addresses.contains(address) {
            addresses.push(address.clone());
        }
    }
    // A directory may name a language that there are no texts in.
    let language = person.language.as_deref().and_then(|tag| tag.parse().ok());
    Some(PersonPlan {
        id: person.id.clone(),
        name: person.name.clone(),
        source: flow.source.clone(),
        addresses,
        sink: flow.sink.clone(),
        user,
        zone: person.zone.as_deref().and_then(|name| match resolve(name) {
            Resolved::Known(zone) => Some(zone),
            Resolved::Assumed => None,
        }),
        language,
        vip: person.vip,
        active: person.active && flow.active,
        rules: shared.rules_of(config, flow, person)?,
        calendars: calendars(flow, person),
        overrules: flow.overrules,
        synchronize_current: flow.synchronize_current && flow.overrules,
        audience: flow.audience.as_deref().and_then(|name| shared.audiences.get(name)).cloned(),
    })
}

/// The further calendars, each once, and without the person's own mailbox, which a group may list for the others.
fn calendars(flow: &Flow, person: &Person) -> Vec<CalendarPlan> {
    let mut plans: Vec<CalendarPlan> = Vec::new();
    for calendar in &person.calendars {
        let connection = calendar.connection.as_ref().unwrap_or(&flow.source);
        let own = *connection == flow.source && person.has_mailbox_at(connection, &calendar.address);
        let known = |plan: &CalendarPlan| plan.connection == *connection && plan.address.eq_ignore_ascii_case(&calendar.address);
        if !own && !plans.iter().any(known) {
            plans.push(CalendarPlan { connection: connection.clone(), address: calendar.address.clone() });
        }
    }
    plans
}

/// The users of each directory, by their addresses in lower case.
struct Users<'a>(BTreeMap<&'a str, HashMap<String, Vec<&'a str>>>);

impl<'a> Users<'a> {
    fn new(listed: &'a BTreeMap<String, Vec<Entry>>) -> Self {
        let of = |entries: &'a Vec<Entry>| {
            let mut users: HashMap<String, Vec<&'a str>> = HashMap::new();
            for entry in entries.iter().filter(|entry| entry.active) {
                for address in std::iter::once(&entry.address).chain(&entry.other_addresses).filter(|address| !address.is_empty()) {
                    users.entry(address.to_lowercase()).or_default().push(&entry.id);
                }
            }
            users
        };
        Self(listed.iter().map(|(connection, entries)| (connection.as_str(), of(entries))).collect())
    }

    /// The user of a person at a sink: as configured, else the directory's one entry with an address of the person.
    fn at(&self, person: &Person, sink: &str) -> Option<String> {
        if let Some(user) = person.user_at(sink) {
            return Some(user.to_owned());
        }
        let users = self.0.get(sink)?;
        let found = person.addresses.iter().filter_map(|address| users.get(&address.to_lowercase())).flatten();
        let found: BTreeSet<&str> = found.copied().collect();
        if found.len() == 1 { found.first().map(|user| (*user).to_owned()) } else { None }
    }
}

#[cfg(test)]
mod tests;
