//! The account of the week.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::person::{Cause, Person};

/// How much of everything happened.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub changes: u64,
    pub late: u64,
    pub lost: u64,
    pub replies: u64,
    pub by_hand: u64,
    pub faults: BTreeMap<&'static str, u64>,
    pub writes: u64,
    pub calendar_requests: u64,
    pub calls: u64,
}

/// The account.
#[derive(Debug)]
pub struct Report {
    pub people: u64,
    pub days: u64,
    pub seed: u64,
    pub counts: Counts,
    /// Wrong seconds of all, by cause.
    totals: BTreeMap<Cause, u64>,
    /// The most of one person on one day, by cause.
    most: BTreeMap<Cause, u64>,
    /// The longest stretch of one person, by cause.
    pub longest: BTreeMap<Cause, u64>,
    pub real_seconds: f64,
}

impl Report {
    /// Adds up.
    pub fn new(people: &[Person], days: u32, seed: u64, counts: Counts, longest: BTreeMap<Cause, u64>, real_seconds: f64) -> Self {
        let (mut totals, mut most) = (BTreeMap::new(), BTreeMap::new());
        for (&(_, cause), &seconds) in people.iter().flat_map(|person| &person.wrong) {
            *totals.entry(cause).or_default() += seconds;
            let top: &mut u64 = most.entry(cause).or_default();
            *top = seconds.max(*top);
        }
        Self { people: people.len() as u64, days: u64::from(days), seed, counts, totals, most, longest, real_seconds }
    }

    /// Wrong seconds of a cause.
    pub fn seconds(&self, cause: Cause) -> u64 {
        self.totals.get(&cause).copied().unwrap_or_default()
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let person_days = (self.people * self.days) as f64;
        let counts = &self.counts;
        let faults: Vec<String> = counts.faults.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let _ = write!(
            text,
            "{} people, {} days, seed {}: {} changes in calendars ({} told late, {} never told), {} of automatic replies, {} states set by \
             hand; {}. {} values shown, {} requests at the calendar server.\n\n\
             | wrong, because | seconds per person and day | most of one person on one day | longest |\n|---|---|---|---|\n",
            self.people,
            self.days,
            self.seed,
            counts.changes,
            counts.late,
            counts.lost,
            counts.replies,
            counts.by_hand,
            faults.join(", "),
            counts.writes,
            counts.calendar_requests,
        );
        for cause in Cause::ALL {
            let what = match cause {
                Cause::Late => "the provider had not told yet",
                Cause::Lost => "the provider never told: until the next read by the settings",
                Cause::Replies => "nobody tells of automatic replies: until they are read by the settings",
                Cause::Refused => "the provider refused",
                Cause::Pbx => "the PBX was not there",
                Cause::Host => "the host was down",
                Cause::Backoff => "after one of these three: until the next try",
                Cause::Small => "notifications were gathered (C-04), a value taken away by hand was noticed, or the host had just started",
                Cause::Own => "**of anything else**",
            };
            let value = |map: &BTreeMap<Cause, u64>| map.get(&cause).copied().unwrap_or_default();
            let mean = self.seconds(cause) as f64 / person_days;
            let (mean, most, longest) = (format!("{mean:.2}"), value(&self.most), value(&self.longest));
            let _ = match cause {
                Cause::Own => writeln!(text, "| {what} | **{mean}** (goal 0) | {most} s | {longest} s |"),
                _ => writeln!(text, "| {what} | {mean} | {most} s | {longest} s |"),
            };
        }
        text
    }
}
