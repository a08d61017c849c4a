//! What a person's presence is made of at one moment, and what is shown because of it (SEMANTICS P-22, P-24b to P-26).
//!
//! The engine, `calport explain` and `calport preview` go through the same function, so that what is explained is what is
//! shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calport_model::{Absence, Event, PresenceValue, Window};
use calport_rules::Language;
use calport_rules::presence::{
    Audience, Config, Evidence, Freshness, Input, Layer, OofRank, Outcome, Override, Signal, evaluate, freshness, shown_signal,
    signal_value, unknown_value, value_for,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::backoff;
use crate::plan::PersonPlan;

/// All that a person's presence depends on.
#[derive(Clone)]
pub struct Basis {
    /// The person's id.
    pub person: String,
    /// The events of the person's calendars. Those of further calendars have their mailbox before the id.
    pub events: Vec<Event>,
    /// The out-of-office setting and when it was read; `None` when it is not known.
    pub absence: Option<(Absence, Timestamp)>,
    /// What is loaded of the calendars.
    pub window: Window,
    /// The zone of the presence text.
    pub presence_zone: TimeZone,
    /// The zone in which whole days begin.
    pub mailbox_zone: TimeZone,
    /// The language of the text.
    pub language: Language,
    /// The rules.
    pub rules: Arc<Config>,
    /// What is shown in place of what.
    pub audience: Option<Arc<Audience>>,
    /// States set by hand.
    pub overrides: Vec<Override>,
    /// What the sink itself shows for overrides made there, by the override's id: kept word for word (SEMANTICS P-22a).
    pub at_sink: BTreeMap<String, PresenceValue>,
    /// Live signals that are on.
    pub signals: Vec<Signal>,
    /// When the mirror was last known to be right.
    pub verified: Option<Timestamp>,
    /// How often the mailbox is read without any occasion.
    pub reconcile: Duration,
    /// After how long without proof nothing is claimed any more.
    pub unknown_after: Option<Duration>,
}

/// What is shown, and why.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The value.
    pub value: PresenceValue,
    /// The layer it comes from, by its name in the order of layers, or `unknown` (SEMANTICS P-25, P-26).
    pub layer: String,
    /// How far it can be trusted.
    pub freshness: Freshness,
    /// When it may change by itself.
    pub next_change: Option<Timestamp>,
    /// What the calendar's function answered.
    pub outcome: Outcome,
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// How far a mirror that was last known to be right at `verified` can be trusted (SEMANTICS P-26).
pub(crate) fn freshness_of(verified: Option<Timestamp>, reconcile: Duration, unknown_after: Option<Duration>, now: Timestamp) -> Freshness {
    let verified = Evidence { read: verified, heartbeat: None, canary: None }.last_verified(now);
    freshness(verified.map(|at| now.duration_since(at)), signed(reconcile), unknown_after.map(signed))
}

fn layer_name(outcome: &Outcome, rules: &Config) -> &'static str {
    match (outcome.current.layer, rules.oof_rank) {
        (Layer::Override, _) => "override",
        (Layer::Oof, OofRank::Wins) => "oof-wins",
        (Layer::Oof, OofRank::Base) => "oof-base",
        (Layer::Calendar, _) => "calendar",
    }
}

impl Basis {
    /// The input of the rules at a moment. Looks back to the start of every override that still holds (SEMANTICS P-11).
    pub fn input(&self, now: Timestamp) -> Input<'_> {
        let held = self.overrides.iter().filter(|o| o.ended_at.is_none()).map(|o| o.set_at);
        Input {
            events: &self.events,
            absence: self.absence.map(|(absence, _)| absence),
            now,
            horizon: self.window.end,
            lookback: held.chain([self.window.start]).min().unwrap_or(self.window.start),
            presence_zone: &self.presence_zone,
            mailbox_zone: &self.mailbox_zone,
            language: self.language,
            config: &self.rules,
            overrides: &self.overrides,
        }
    }

    /// How far the mirror can be trusted at a moment (SEMANTICS P-26).
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        freshness_of(self.verified, self.reconcile, self.unknown_after, now)
    }

    /// What is shown at a moment.
    pub fn shown(&self, now: Timestamp) -> Shown {
        self.shown_as(now, self.freshness(now))
    }

    /// What is shown at a moment if nothing changes in the calendars and they stay in reach.
    pub fn foreseen(&self, at: Timestamp) -> Shown {
        self.shown_as(at, Freshness::Fresh)
    }

    fn shown_as(&self, now: Timestamp, freshness: Freshness) -> Shown {
        let input = self.input(now);
        let outcome = evaluate(&input);
        let signal = shown_signal(&outcome, &self.signals, &self.rules.layers, self.rules.oof_rank);
        let past = Duration::from_millis(1);
        let falls = self.unknown_after.zip(self.verified).map(|(after, at)| backoff::after(at, after + past)).filter(|&at| at > now);
        let next_change = outcome.next_boundary.into_iter().chain(falls).min();
        let (value, layer) = match (signal, &outcome.current.by_hand) {
            (Some(signal), _) => (signal_value(&input, signal), signal.layer.clone()),
            // The person's own words are above any doubt about the calendar.
            (None, Some(by_hand)) => (self.word_for_word(by_hand, outcome.current.value.clone()), "override".to_owned()),
            (None, None) if freshness == Freshness::Unknown => (unknown_value(&input), "unknown".to_owned()),
            (None, None) => {
                let value = self.audience.as_deref().map_or_else(|| outcome.current.value.clone(), |audience| value_for(&input, audience));
                (value, layer_name(&outcome, &self.rules).to_owned())
            }
        };
        Shown { value, layer, freshness, next_change, outcome }
    }

    /// State, activity and text stay as the person set them at the sink; greeting and forwarding follow the rules.
    fn word_for_word(&self, by_hand: &str, computed: PresenceValue) -> PresenceValue {
        match self.at_sink.get(by_hand) {
            Some(set) => PresenceValue {
                availability: set.availability,
                activity: set.activity.clone(),
                text: set.text.clone(),
                until: None,
                ..computed
            },
            None => computed,
        }
    }

    /// The same person under another plan: rules, language, zone and audience are taken over. What another plan would load
    /// besides (other calendars, another mailbox) is not there.
    #[must_use]
    pub fn under(mut self, plan: &PersonPlan) -> Self {
        if let Some(zone) = &plan.zone {
            self.presence_zone = zone.clone();
        }
        self.language = plan.language.unwrap_or(self.language);
        self.rules = plan.rules.clone();
        self.audience.clone_from(&plan.audience);
        self
    }
}
