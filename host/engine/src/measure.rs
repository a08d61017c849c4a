//! The table of people with their next boundaries, alone: for the benchmark of what each costs in memory. Nothing else uses it.

use std::collections::BTreeMap;

use calport_store::{FeedKey, PersonRow};
use jiff::Timestamp;

use crate::people::PersonEntry;
use crate::plan::PersonPlan;
use crate::wheel::{Timer, Wheel};

/// People as the engine keeps them, each with a next boundary on the wheel.
#[derive(Default)]
pub struct Boundaries {
    people: BTreeMap<String, Box<PersonEntry>>,
    wheel: Wheel,
}

impl Boundaries {
    /// Somebody who is matched to a mailbox, and whose presence changes by itself at an instant.
    pub fn add(&mut self, plan: PersonPlan, found: PersonRow, at: Timestamp) {
        let id = plan.id.clone();
        let mut person = PersonEntry::new(plan);
        person.feed = found.mailbox.as_ref().map(|mailbox| FeedKey::new(found.source.clone(), mailbox.clone()));
        person.resolution = Some(found.into());
        person.boundary = Some(at);
        self.people.insert(id.clone(), Box::new(person));
        self.wheel.set(at, Timer::Boundary(id));
    }

    /// Only a boundary, of somebody who is in the table already.
    pub fn set(&mut self, id: &str, at: Timestamp) {
        self.wheel.set(at, Timer::Boundary(id.to_owned()));
    }

    /// How many boundaries pass until an instant, and takes them off the wheel.
    pub fn pass(&mut self, now: Timestamp) -> usize {
        std::iter::from_fn(|| self.wheel.pop(now)).count()
    }
}
