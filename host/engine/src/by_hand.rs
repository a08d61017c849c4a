//! States set by hand at a sink, as the engine keeps them (SEMANTICS P-22, P-22a).
//!
//! What has ended stays ended, across restarts too: `ended_at` is stored as soon as an end is passed. A state set by hand is
//! kept until it has left the window that is looked at, because an earlier one can decide what a later moment shows.

use std::collections::BTreeMap;

use calport_model::PresenceValue;
use calport_rules::presence::{Outcome, Override};
use calport_store::{OverrideRow, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::Engine;
use crate::current::Mirrored;

/// States set by hand that are kept for one person; the oldest ended ones go first.
const MOST: usize = 50;

/// A state set by hand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ByHand {
    /// What the rules need.
    pub manual: Override,
    /// What the sink shows, word for word.
    pub value: PresenceValue,
    /// The appointment that stands for it in the mailbox (SEMANTICS P-23).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirrored: Option<Mirrored>,
}

impl ByHand {
    fn row(&self, person: &str) -> Option<OverrideRow> {
        let body = serde_json::to_string(self).ok()?;
        Some(OverrideRow { person: person.to_owned(), id: self.manual.id.clone(), set_at: self.manual.set_at, body })
    }

    /// Whether nothing is left to be done about it.
    fn is_settled(&self) -> bool {
        self.manual.ended_at.is_some() && self.mirrored.as_ref().is_none_or(Mirrored::is_settled)
    }
}

impl Engine {
    /// Takes up what the store holds. A row that cannot be read is left out and said.
    pub(crate) async fn load_by_hand(&mut self) -> Result<(), StoreError> {
        for row in self.store.overrides().await? {
            match serde_json::from_str::<ByHand>(&row.body) {
                Ok(one) => self.by_hand.entry(row.person).or_default().push(one),
                Err(error) => {
                    tracing::error!(code = "store-corrupt", person = row.person, %error, "a state set by hand cannot be read and is forgotten");
                }
            }
        }
        Ok(())
    }

    /// What the rules need to know of a person's states set by hand.
    pub(crate) fn overrides_of(&self, person: &str) -> (Vec<Override>, BTreeMap<String, PresenceValue>, Vec<String>) {
        let kept = self.by_hand.get(person).map(Vec::as_slice).unwrap_or_default();
        (
            kept.iter().map(|one| one.manual.clone()).collect(),
            kept.iter().map(|one| (one.manual.id.clone(), one.value.clone())).collect(),
            kept.iter().filter_map(|one| one.mirrored.as_ref()?.id.clone()).collect(),
        )
    }

    /// Stores what is kept of a person.
    pub(crate) async fn store_by_hand(&self, person: &str) {
        let rows: Vec<OverrideRow> = self.by_hand.get(person).into_iter().flatten().filter_map(|one| one.row(person)).collect();
        if let Err(error) = self.store.set_overrides(person, &rows).await {
            tracing::error!(code = "store-failed", person, %error, "a state set by hand could not be stored; after a restart it would be read at the sink again");
        }
    }

    /// Notes ends that were passed, and forgets what no longer matters. Whether anything changed.
    pub(crate) fn note_ends(&mut self, person: &str, outcome: &Outcome, now: Timestamp) -> bool {
        let before = self.window(now).start;
        let Some(kept) = self.by_hand.get_mut(person) else { return false };
        let mut changed = false;
        for one in kept.iter_mut().filter(|one| one.manual.ended_at.is_none()) {
            let end = outcome.overrides.iter().find(|end| end.id == one.manual.id).and_then(|end| end.end);
            if let Some(end) = end.filter(|&end| end <= now) {
                one.manual.ended_at = Some(end);
                changed = true;
                tracing::info!(code = "overrule-ended", person, at = %end, "the state set by hand has ended");
            }
        }
        let count = kept.len();
        kept.retain(|one| !one.is_settled() || one.manual.ended_at.is_none_or(|end| end > before));
        while kept.len() > MOST {
            let Some(oldest) = kept.iter().position(ByHand::is_settled) else { break };
            kept.remove(oldest);
        }
        changed |= kept.len() != count;
        if kept.is_empty() {
            self.by_hand.remove(person);
        }
        changed
    }

    /// Nothing of the person is to be shown: value and overrule end (SEMANTICS P-30).
    pub(crate) fn hide(&mut self, person: &str) {
        if self.end_by_hand(person, self.clock.now()) {
            let rows: Vec<OverrideRow> = self.by_hand.get(person).into_iter().flatten().filter_map(|one| one.row(person)).collect();
            let (store, person) = (self.store.clone(), person.to_owned());
            self.jobs.spawn(async move {
                if let Err(error) = store.set_overrides(&person, &rows).await {
                    tracing::error!(code = "store-failed", person, %error, "the end of a state set by hand could not be stored");
                }
                crate::dispatch::Done::Nothing
            });
        }
        self.want(person, None);
    }

    /// Ends whatever of a person still holds: switched off, moved, set back to automatic. Whether anything did.
    pub(crate) fn end_by_hand(&mut self, person: &str, now: Timestamp) -> bool {
        let mut ended = false;
        for one in self.by_hand.get_mut(person).into_iter().flatten().filter(|one| one.manual.ended_at.is_none()) {
            one.manual.ended_at = Some(now.max(one.manual.set_at));
            ended = true;
        }
        ended
    }
}
