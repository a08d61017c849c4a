//! What people do: change appointments and automatic replies, and set states by hand at the PBX.

use calport_rules::presence::State;
use jiff::Timestamp;
use rand::prelude::*;
use serde_json::json;

use super::super::changes;
use super::super::oracle::{Replies, Shown};
use super::super::person::GATHERING;
use super::super::truth::{plus, utc};
use super::{POLLED, RELEASED, Run, SWEEPS, seconds};

impl Run {
    /// Somebody does something.
    pub(super) fn act(&mut self, index: usize, now: Timestamp) {
        let awake = (7..20).contains(&self.people[index].calendar.zone.to_datetime(now).hour());
        let mean = if awake { 2_700.0 } else { 15_000.0 };
        let pause = -mean * self.rng.random_range(1e-6..1.0_f64).ln();
        // Who edits once often edits again at once.
        let again = !self.people[index].is_held() && self.rng.random_bool(0.25);
        let pause = if again { self.rng.random_range(1..15) } else { 20 + pause as i64 };
        self.people[index].next_action = now + seconds(pause);
        let second = now.as_second().rem_euclid(60);
        match self.rng.random_range(0..100) {
            // What is set by hand is told from what the engine writes by looking: not within a moment of each other.
            0..14 if (3..=50).contains(&second) => self.by_hand(index, now),
            14..22 if index.is_multiple_of(3) => self.set_replies(index, now),
            _ => self.change(index, now, second),
        }
    }

    fn by_hand(&mut self, index: usize, now: Timestamp) {
        let down = self.host_outage.filter(|outage| !self.host.runs() && outage.to > now + seconds(5));
        let well = self.all_is_well(now, 5) && self.people[index].is_known(now, |due| self.extended(index, due));
        let known = self.people[index].is_known(self.host_outage.map_or(now, |outage| outage.from), |due| due);
        if !(well || down.is_some() && known) {
            return;
        }
        let person = &mut self.people[index];
        let user = person.member.user.clone();
        self.counts.by_hand += 1;
        if person.is_held() && self.rng.random_bool(0.5) {
            person.release(now + seconds(RELEASED));
            assert!(self.servers.pbx.set_by_hand(&user, "not_set", "", ""));
            return;
        }
        let (word, subtype, state) = *[
            ("away", "lunch", State::Away),
            ("dnd", "", State::DoNotDisturb),
            ("dnd", "meeting", State::Busy),
            ("available", "", State::Available),
            ("xa", "vacation", State::Away),
        ]
        .choose(&mut self.rng)
        .unwrap();
        let text = format!("By hand {}", self.counts.by_hand);
        assert!(self.servers.pbx.set_by_hand(&user, word, subtype, &text));
        // Asterisk does not tell when a value was set: it counts from the reading (SEMANTICS P-22a).
        let from = down.map_or(now, |outage| outage.to);
        person.set_by_hand(from, Shown { state, text });
    }

    fn set_replies(&mut self, index: usize, now: Timestamp) {
        let person = &mut self.people[index];
        let replies = match (person.replies(), self.rng.random_range(0..3)) {
            (Replies::Off, 0) => Replies::On,
            (Replies::Off, _) => {
                let from = plus(now, self.rng.random_range(-60..240));
                let from = Timestamp::from_second(from.as_second().div_euclid(60) * 60).unwrap();
                Replies::Between(from, plus(from, self.rng.random_range(30..900)))
            }
            _ => Replies::Off,
        };
        let at = |at: Timestamp| json!({"dateTime": utc(at), "timeZone": "UTC"});
        let value = match replies {
            Replies::Off => None,
            Replies::On => Some(json!({"status": "alwaysEnabled"})),
            Replies::Between(from, to) => {
                Some(json!({"status": "scheduled", "scheduledStartDateTime": at(from), "scheduledEndDateTime": at(to)}))
            }
        };
        self.servers.calendar.set_automatic_replies(&person.member.address, value).unwrap();
        let interval = if person.vip { self.settings.absence_vip } else { self.settings.absence };
        person.replies_changed(replies, now + seconds((interval.as_secs_f64() * 1.1) as i64 + SWEEPS));
        self.counts.replies += 1;
    }

    fn change(&mut self, index: usize, now: Timestamp, second: i64) {
        // While a state set by hand holds, which start ended it must not be a matter of when it was told.
        let held = self.people[index].is_held();
        if held && !(self.all_is_well(now, 20) && (3..=45).contains(&second)) {
            return;
        }
        let person = &mut self.people[index];
        let (late, lost) = match self.rng.random_range(0..100) {
            _ if held => (0, false),
            0..40 => (self.rng.random_range(1..40), false),
            40..45 => (0, true),
            _ => (0, false),
        };
        let calendar = &self.servers.calendar;
        if late > 0 || lost {
            calendar.drop_notifications(u32::MAX);
        }
        let before = calendar.deliveries().queued;
        let changed = changes::change(&mut self.rng, calendar, person, now);
        calendar.drop_notifications(0);
        if !changed {
            return;
        }
        self.counts.changes += 1;
        let period = if person.vip { self.settings.reconcile_vip } else { self.settings.reconcile };
        let routine = now + seconds((period.as_secs_f64() * 1.1) as i64 + 2);
        if lost {
            self.counts.lost += 1;
            person.changed(None, routine);
        } else if late > 0 {
            self.counts.late += 1;
            let told = now + seconds(late);
            self.late.push((told, index));
            person.changed(Some(told), told + seconds(GATHERING));
        } else if calendar.deliveries().queued == before {
            // There is no subscription at this moment: the mailbox is polled.
            person.changed(None, now + seconds(POLLED));
        } else {
            person.changed(Some(now), now + seconds(GATHERING));
        }
    }
}
