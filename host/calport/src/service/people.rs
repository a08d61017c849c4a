//! From the people of the configuration and of directories to the engine's plan (FEATURES P11, C16).

use std::collections::BTreeMap;
use std::sync::Arc;

use calport_config::{Config, Flow, Person};
use calport_engine::PersonPlan;
use calport_model::directory::Entry;
use calport_model::zone::{Resolved, resolve};
use calport_rules::{Language, presence};

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

/// The people of all flows, and those who are left out with the reason. The first flow of a person counts: one main PBX per user
/// (FEATURES P15).
pub fn plan(config: &Config, listed: &BTreeMap<String, Vec<Entry>>) -> (BTreeMap<String, PersonPlan>, Vec<Left>) {
    let rules: BTreeMap<&str, Arc<presence::Config>> =
        config.rules.iter().map(|(name, rules)| (name.as_str(), Arc::new(rules.clone()))).collect();
    let people = config.people.with_directories(listed);
    let mut plans = BTreeMap::new();
    let mut left = Vec::new();
    for flow in &config.flows {
        let selection = flow.selection();
        for person in people.iter().filter(|p| selection.contains(p)) {
            if plans.contains_key(&person.id) {
                left.push(Left {
                    person: person.id.clone(),
                    flow: flow.name.clone(),
                    reason: "an earlier flow shows this person already; one person has one sink".to_owned(),
                });
                continue;
            }
            let Some(user) = user_at(person, &flow.sink, listed) else {
                left.push(Left {
                    person: person.id.clone(),
                    flow: flow.name.clone(),
                    reason: format!(
                        "no user of {} belongs to this person; give `users.{} = \"...\"`, or an address that the directory of {} knows",
                        flow.sink, flow.sink, flow.sink
                    ),
                });
                continue;
            };
            let Some(rules) = rules.get(person.rules.as_deref().unwrap_or(&flow.rules)) else { continue };
            plans.insert(person.id.clone(), person_plan(config, flow, person, user, rules.clone()));
        }
    }
    (plans, left)
}

fn person_plan(config: &Config, flow: &Flow, person: &Person, user: String, rules: Arc<presence::Config>) -> PersonPlan {
    let mut addresses: Vec<String> = person.mailbox_at(&flow.source).map(str::to_owned).into_iter().collect();
    for address in &person.addresses {
        if !addresses.contains(address) {
            addresses.push(address.clone());
        }
    }
    let language = person.language.as_deref().unwrap_or(&config.host.language);
    PersonPlan {
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
        language: language.parse().unwrap_or(Language::ENGLISH),
        vip: person.vip,
        active: person.active && flow.active,
        rules,
    }
}

/// The user of a person at a sink: as configured, else the directory's entry with one of the person's addresses.
fn user_at(person: &Person, sink: &str, listed: &BTreeMap<String, Vec<Entry>>) -> Option<String> {
    if let Some(user) = person.user_at(sink) {
        return Some(user.to_owned());
    }
    let entries = listed.get(sink)?;
    let same = |address: &str| person.addresses.iter().any(|known| known.eq_ignore_ascii_case(address));
    let mut found = entries.iter().filter(|entry| {
        entry.active && ((!entry.address.is_empty() && same(&entry.address)) || entry.other_addresses.iter().any(|address| same(address)))
    });
    match (found.next(), found.next()) {
        (Some(entry), None) => Some(entry.id.clone()),
        _ => None,
    }
}
