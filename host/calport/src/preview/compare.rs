//! What a draft does to one person.

use std::sync::Arc;

use calport_engine::{Basis, PersonPlan};
use calport_rules::presence;
use serde_json::Value;

use super::Effect;

/// A person in one of two configurations.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The person's plan; `None` where no flow shows the person.
    pub plan: Option<&'a Arc<PersonPlan>>,
    /// Whether both connections of the plan are used.
    pub connections: bool,
}

impl<'a> Side<'a> {
    /// The plan, if anything is shown by it.
    pub fn shown(self) -> Option<&'a Arc<PersonPlan>> {
        self.plan.filter(|plan| plan.active && self.connections)
    }
}

/// What is left of a basis for other moments than the present one: a call that is on now says nothing of later.
pub fn foreseeable(mut basis: Basis) -> (Basis, Vec<String>) {
    let mut notes = Vec::new();
    if !basis.signals.is_empty() {
        let names: Vec<&str> = basis.signals.iter().map(|signal| signal.layer.as_str()).collect();
        notes.push(format!("{} that is on now is left out: nobody knows when it ends", names.join(", ")));
        basis.signals.clear();
    }
    (basis, notes)
}

/// The person under the draft, as far as it can be known.
pub fn under(basis: &Basis, draft: &PersonPlan) -> Basis {
    let mut basis = basis.clone().under(draft);
    if draft.zone.is_none() {
        basis.presence_zone = basis.mailbox_zone.clone();
    }
    if !draft.overrules {
        basis.overrides.clear();
        basis.at_sink.clear();
    }
    basis
}

/// What the draft does to a person, before the lines are compared, and what there is to say of it.
pub fn weigh(now: Side<'_>, draft: Side<'_>) -> (Effect, Vec<String>) {
    match (now.shown(), draft.shown()) {
        (None, None) => (Effect::Unchanged, Vec::new()),
        (Some(_), None) => (Effect::NoLongerShown, Vec::new()),
        (None, Some(_)) => (Effect::NewlyShown, vec!["the calendar of somebody who is not shown yet is not loaded".to_owned()]),
        (Some(old), Some(new)) => {
            let mut unknown = not_loaded(old, new);
            let effect = if (&old.sink, &old.user) != (&new.sink, &new.user) {
                unknown.insert(0, format!("from user {} of {} to user {} of {}", old.user, old.sink, new.user, new.sink));
                Effect::Moved
            } else if unknown.is_empty() {
                Effect::Unchanged
            } else {
                Effect::NotForeseeable
            };
            (effect, unknown)
        }
    }
}

/// What another plan would load that is not here.
fn not_loaded(old: &PersonPlan, new: &PersonPlan) -> Vec<String> {
    let mut notes = Vec::new();
    if old.source != new.source {
        notes.push(format!("the calendar would be read by {}: it is not loaded, the one of {} is shown here", new.source, old.source));
    } else if old.addresses != new.addresses {
        notes.push("the addresses differ: if they lead to another mailbox, that one is not loaded".to_owned());
    }
    let calendars = |from: &PersonPlan, other: &PersonPlan| -> Vec<String> {
        from.calendars.iter().filter(|one| !other.calendars.contains(one)).map(|one| one.address.clone()).collect()
    };
    let (added, removed) = (calendars(new, old), calendars(old, new));
    if !added.is_empty() {
        notes.push(format!("not loaded, so left out here: {}", added.join(", ")));
    }
    if !removed.is_empty() {
        notes.push(format!("would no longer count, and still does here: {}", removed.join(", ")));
    }
    if old.language.is_some() && new.language.is_none() {
        notes.push("the language would be that of the mailbox, which is not known here: texts are in the one of now".to_owned());
    }
    if new.overrules && !old.overrules {
        notes.push("states set by hand would count: those of now are not known".to_owned());
    }
    notes
}

/// The settings of a person in which two plans differ; rules by their keys, the mapping by its rows.
pub fn settings_that_differ(old: &PersonPlan, new: &PersonPlan) -> Vec<String> {
    let mut differ: Vec<String> = [
        ("source", old.source != new.source),
        ("addresses", old.addresses != new.addresses),
        ("sink", old.sink != new.sink),
        ("user", old.user != new.user),
        ("zone", old.zone != new.zone),
        ("language", old.language != new.language),
        ("vip", old.vip != new.vip),
        ("active", old.active != new.active),
        ("calendars", old.calendars != new.calendars),
        ("overrules", old.overrules != new.overrules),
        ("synchronize_current", old.synchronize_current != new.synchronize_current),
        ("audience", old.audience != new.audience),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(name, _)| name.to_owned())
    .collect();
    if !Arc::ptr_eq(&old.rules, &new.rules) && old.rules != new.rules {
        differ.extend(rules_that_differ(&old.rules, &new.rules));
    }
    differ
}

fn rules_that_differ(old: &presence::Config, new: &presence::Config) -> Vec<String> {
    let (Ok(Value::Object(old)), Ok(Value::Object(new))) = (serde_json::to_value(old), serde_json::to_value(new)) else {
        return vec!["rules".to_owned()];
    };
    let mut differ = Vec::new();
    for (key, is) in &new {
        match (old.get(key), is) {
            (Some(was), is) if was == is => {}
            (Some(Value::Object(was)), Value::Object(is)) => {
                let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
                differ.extend(names.filter(|name| was.get(*name) != is.get(*name)).map(|name| format!("rules.{key}.{name}")));
            }
            _ => differ.push(format!("rules.{key}")),
        }
    }
    differ
}
