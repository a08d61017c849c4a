//! From the mirror to a wish: computing presence, at changes and at boundaries (SEMANTICS P-26 to P-28).

use calport_model::zone;
use calport_rules::Language;
use calport_store::{FeedKey, Store, StoreError};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::basis::{Basis, Shown};
use crate::plan::PersonPlan;
use crate::wheel::Timer;

/// People computed in one job.
const COMPUTE_BATCH: usize = 100;

/// What computing a person's presence needs: the basis without its events, and where they lie.
pub(crate) struct ComputeOrder {
    pub basis: Basis,
    /// The mailbox first, then further calendars.
    pub keys: Vec<FeedKey>,
    /// Ids of appointments that Calport wrote itself (SEMANTICS P-23).
    pub own: Vec<String>,
}

/// A person's computed presence.
pub(crate) type Computed = (String, Result<Shown, StoreError>);

/// Computes presence at `now` from the mirror.
pub(crate) async fn compute(store: &Store, orders: Vec<ComputeOrder>, now: Timestamp) -> Vec<Computed> {
    let mut results = Vec::with_capacity(orders.len());
    for order in orders {
        let person = order.basis.person.clone();
        let result = fill(store, order).await.map(|basis| basis.shown(now));
        results.push((person, result));
    }
    results
}

/// Reads the events of a basis from the mirror.
pub(crate) async fn fill(store: &Store, order: ComputeOrder) -> Result<Basis, StoreError> {
    let ComputeOrder { mut basis, keys, own } = order;
    for (place, key) in keys.iter().enumerate() {
        let mut events = store.events(key).await?;
        for event in &mut events {
            if own.contains(&event.id) && !event.categories.iter().any(|c| c == calport_rules::presence::OWN_TAG) {
                event.categories.push(calport_rules::presence::OWN_TAG.to_owned());
            }
            if place > 0 {
                event.id = format!("{}/{}", key.mailbox, event.id);
            }
        }
        basis.events.append(&mut events);
    }
    Ok(basis)
}

impl Engine {
    /// A person's presence may be another one now.
    pub(crate) fn recompute(&mut self, id: &str) {
        let Some(person) = self.people.get_mut(id) else { return };
        if person.computing {
            person.again = true;
        } else {
            person.computing = true;
            self.compute.push(id.to_owned());
        }
    }

    /// A boundary of a person is reached: never early, and only if it is still theirs.
    pub(crate) fn boundary_due(&mut self, id: &str, at: Timestamp, now: Timestamp) {
        let Some(person) = self.people.get_mut(id) else { return };
        if person.boundary != Some(at) || at > now {
            return;
        }
        person.boundary = None;
        person.boundary_hit = Some(at);
        self.recompute(id);
    }

    /// Takes the next people to compute; those that are switched off or not matched are settled here.
    pub(crate) fn compute_orders(&mut self) -> Vec<ComputeOrder> {
        let mut orders = Vec::new();
        while orders.len() < COMPUTE_BATCH {
            let Some(id) = self.compute.pop() else { break };
            match self.compute_order(&id) {
                Some(order) => orders.push(order),
                None => {
                    if let Some(person) = self.people.get_mut(&id) {
                        person.computing = false;
                        person.boundary = None;
                    }
                    if !self.is_shown(&id) {
                        self.hide(&id);
                    }
                }
            }
        }
        orders
    }

    /// Whether anything of this person is to be shown at all (SEMANTICS P-30). A connection whose connector is missing is not
    /// switched off: what is shown stays.
    fn is_shown(&self, id: &str) -> bool {
        let Some(person) = self.people.get(id) else { return false };
        let off = |connection: &str| self.connections.get(connection).is_some_and(|c| !c.plan.active);
        person.plan.active && !off(&person.plan.source) && !off(&person.plan.sink)
    }

    /// What a person's presence depends on, without the events; `None` while nothing can be said.
    pub(crate) fn compute_order(&self, id: &str) -> Option<ComputeOrder> {
        if !self.is_shown(id) {
            return None;
        }
        let person = self.people.get(id)?;
        let key = person.feed.clone()?;
        let entry = self.feeds.get(&key).filter(|entry| entry.feed.complete)?;
        let mailbox_zone = match entry.feed.zone.as_deref().map(zone::resolve) {
            Some(zone::Resolved::Known(zone)) => zone,
            _ => person.plan.zone.clone().unwrap_or_else(|| self.settings.zone.clone()),
        };
        let (overrides, at_sink, own) = self.overrides_of(id);
        let mut keys = vec![key.clone()];
        keys.extend(self.further_feeds(&person.plan));
        let basis = Basis {
            person: id.to_owned(),
            events: Vec::new(),
            absence: entry.feed.absence,
            window: entry.feed.window,
            presence_zone: person.plan.zone.clone().unwrap_or_else(|| mailbox_zone.clone()),
            mailbox_zone,
            language: self.language_of(&person.plan, &key),
            rules: person.plan.rules.clone(),
            audience: person.plan.audience.clone(),
            overrides,
            at_sink,
            signals: self.signals_of(id),
            verified: self.verified(entry),
            reconcile: self.routine_period(&key, self.clock.now()),
            unknown_after: self.settings.unknown_after,
        };
        Some(ComputeOrder { basis, keys, own })
    }

    /// The language of a person's texts: their own, else the mailbox's if there are texts in it, else the host's.
    pub(crate) fn language_of(&self, plan: &PersonPlan, key: &FeedKey) -> Language {
        let mailbox = || self.feeds.get(key).and_then(|entry| entry.feed.language.as_deref()).and_then(|tag| tag.parse().ok());
        plan.language.or_else(mailbox).unwrap_or(self.settings.language)
    }

    /// Presence was computed.
    pub(crate) async fn computed(&mut self, results: Vec<Computed>) {
        let now = self.clock.now();
        self.computing -= 1;
        for (id, result) in results {
            self.counters.computations += 1;
            let Some(person) = self.people.get_mut(&id) else { continue };
            person.computing = false;
            let again = std::mem::take(&mut person.again);
            if std::mem::take(&mut person.outdated) {
                self.recompute(&id);
                continue;
            }
            match result {
                Ok(shown) => {
                    let mut by_hand = self.note_ends(&id, &shown.outcome, now);
                    by_hand |= self.mirror_current(&id, &shown.outcome, now);
                    if by_hand {
                        self.store_by_hand(&id).await;
                    }
                    let Some(person) = self.people.get_mut(&id) else { continue };
                    let boundary = shown.next_change;
                    if person.boundary != boundary {
                        person.boundary = boundary;
                        if let Some(at) = boundary {
                            self.wheel.set(at, Timer::Boundary(id.clone()));
                        }
                    }
                    if self.is_shown(&id) {
                        self.want(&id, Some(shown.value));
                    }
                }
                Err(error) => {
                    tracing::error!(code = "presence-not-computed", person = id, %error, "presence stays as it is");
                }
            }
            if again {
                self.recompute(&id);
            }
        }
    }
}
