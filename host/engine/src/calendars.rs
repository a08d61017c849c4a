//! Further calendars of people: shared mailboxes and rooms whose appointments count as well.
//!
//! A further calendar is found by its address as a person's mailbox is, has one feed however many people use it, and is left
//! out of the presence until it was read. One that cannot be found or read never stops the person's own calendar.

use std::collections::HashMap;

use calport_store::{FeedKey, PersonRow, ResolutionState};
use jiff::Timestamp;
use serde::Serialize;

use crate::actor::Engine;
use crate::plan::{CalendarPlan, PersonPlan};

/// Begins the ids of calendars among those of people; no person's id has it.
const MARK: char = '\u{1f}';

/// A further calendar in the table.
pub(crate) struct CalendarEntry {
    pub plan: CalendarPlan,
    pub resolution: Option<PersonRow>,
    pub feed: Option<FeedKey>,
    pub resolving: bool,
}

/// How a further calendar of a person is.
#[derive(Clone, Debug, Serialize)]
pub struct CalendarStatus {
    /// The connection it is read by.
    pub connection: String,
    /// Its address.
    pub address: String,
    /// `resolved`, `not-found`, `ambiguous`, `not-permitted`, `moved` or `unresolved`.
    pub resolution: &'static str,
    /// Why, and what to do.
    pub detail: String,
    /// Whether it has been read, and counts.
    pub counts: bool,
}

/// The name under which a further calendar is matched and stored.
pub(crate) fn calendar_id(plan: &CalendarPlan) -> String {
    format!("{MARK}calendar{MARK}{}{MARK}{}", plan.connection, plan.address)
}

/// What is asked for to find it.
pub(crate) fn as_person(plan: &CalendarPlan) -> PersonPlan {
    PersonPlan {
        id: calendar_id(plan),
        name: plan.address.clone(),
        source: plan.connection.clone(),
        addresses: vec![plan.address.clone()],
        sink: String::new(),
        user: String::new(),
        zone: None,
        language: None,
        vip: false,
        active: true,
        rules: std::sync::Arc::default(),
        calendars: Vec::new(),
        overrules: false,
        synchronize_current: false,
        audience: None,
    }
}

impl Engine {
    /// Knows the further calendars of the plan, and no others.
    pub(crate) async fn take_calendars(&mut self, matches: &HashMap<String, PersonRow>, now: Timestamp) {
        let active = || self.people.values().filter(|person| person.plan.active);
        let wanted: HashMap<String, CalendarPlan> =
            active().flat_map(|person| &person.plan.calendars).map(|plan| (calendar_id(plan), plan.clone())).collect();
        self.calendars.retain(|id, _| wanted.contains_key(id));
        for (id, plan) in wanted {
            if self.calendars.contains_key(&id) {
                continue;
            }
            self.calendars.insert(id.clone(), CalendarEntry { plan, resolution: None, feed: None, resolving: false });
            if let Some(row) = matches.get(&id).filter(|row| row.mailbox.is_some()) {
                self.take_calendar_match(row.clone(), now).await;
            }
        }
        self.tie_calendars();
    }

    /// A further calendar was found, or not.
    pub(crate) async fn take_calendar_match(&mut self, row: PersonRow, now: Timestamp) {
        let Some(calendar) = self.calendars.get_mut(&row.person) else { return };
        let key = row.mailbox.as_ref().map(|mailbox| FeedKey::new(row.source.clone(), mailbox.clone()));
        calendar.resolution = Some(row);
        calendar.feed.clone_from(&key);
        let Some(key) = key else { return };
        if self.ensure_feed(&key, now).await {
            self.tie_calendars();
            self.prepare_due(&key);
        }
    }

    /// Tells each feed whose presence depends on it.
    pub(crate) fn tie_calendars(&mut self) {
        let mut users: HashMap<FeedKey, Vec<String>> = HashMap::new();
        for (id, person) in self.people.iter().filter(|(_, person)| person.plan.active) {
            users.entry_of(person.feed.as_ref(), id);
            for plan in &person.plan.calendars {
                users.entry_of(self.calendars.get(&calendar_id(plan)).and_then(|calendar| calendar.feed.as_ref()), id);
            }
        }
        let mut changed = Vec::new();
        for (key, entry) in &mut self.feeds {
            let now = users.remove(key).unwrap_or_default();
            changed.extend(now.iter().filter(|id| !entry.people.contains(id)).cloned());
            entry.people = now;
        }
        for person in changed {
            self.recompute(&person);
        }
    }

    /// The feeds of a person's further calendars that have been read.
    pub(crate) fn further_feeds(&self, plan: &PersonPlan) -> Vec<FeedKey> {
        let keys = plan.calendars.iter().filter_map(|plan| self.calendars.get(&calendar_id(plan))?.feed.clone());
        keys.filter(|key| self.feeds.get(key).is_some_and(|entry| entry.feed.complete)).collect()
    }

    /// How the further calendars of a person are.
    pub(crate) fn calendar_statuses(&self, plan: &PersonPlan) -> Vec<CalendarStatus> {
        let status = |plan: &CalendarPlan| {
            let calendar = self.calendars.get(&calendar_id(plan));
            let row = calendar.and_then(|calendar| calendar.resolution.as_ref());
            CalendarStatus {
                connection: plan.connection.clone(),
                address: plan.address.clone(),
                resolution: row.map_or(ResolutionState::Unresolved, |row| row.resolution).as_str(),
                detail: row.map(|row| row.detail.clone()).unwrap_or_default(),
                counts: calendar
                    .and_then(|calendar| calendar.feed.as_ref())
                    .and_then(|key| self.feeds.get(key))
                    .is_some_and(|e| e.feed.complete),
            }
        };
        plan.calendars.iter().map(status).collect()
    }
}

/// A list of people per feed.
trait Users {
    fn entry_of(&mut self, key: Option<&FeedKey>, person: &str);
}

impl Users for HashMap<FeedKey, Vec<String>> {
    fn entry_of(&mut self, key: Option<&FeedKey>, person: &str) {
        let Some(key) = key else { return };
        let people = self.entry(key.clone()).or_default();
        if !people.iter().any(|known| known == person) {
            people.push(person.to_owned());
        }
    }
}
