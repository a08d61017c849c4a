//! The true calendars, as their owners made them. Nothing of this has been through a server, a connector or a store.

use std::collections::BTreeMap;

use calport_simulators::graph::EventDraft;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// How free time is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShowAs {
    Free,
    Tentative,
    Busy,
    Oof,
    Elsewhere,
    Unknown,
}

impl ShowAs {
    /// The calendar server's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Tentative => "tentative",
            Self::Busy => "busy",
            Self::Oof => "oof",
            Self::Elsewhere => "workingElsewhere",
            Self::Unknown => "unknown",
        }
    }
}

/// What happened to one occurrence of a series.
#[derive(Clone, Debug)]
pub enum Changed {
    Cancelled,
    Other { start: Timestamp, end: Timestamp, subject: Option<String> },
}

/// When an appointment takes place.
#[derive(Clone, Debug)]
pub enum Times {
    Once { start: Timestamp, end: Timestamp },
    Days { first: Date, after: Date },
    Series { first: Date, last: Date, time: Time, minutes: i64, days: Vec<Weekday>, changed: BTreeMap<Date, Changed> },
}

/// An appointment.
#[derive(Clone, Debug)]
pub struct Appointment {
    /// Its id at the server.
    pub id: String,
    pub subject: String,
    pub show_as: ShowAs,
    pub private: bool,
    pub times: Times,
}

/// An appointment or occurrence with a beginning and an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flat {
    pub start: Timestamp,
    pub end: Timestamp,
    pub all_day: bool,
    pub subject: String,
    pub show_as: ShowAs,
    pub private: bool,
}

/// A person's calendar and zone.
#[derive(Clone)]
pub struct Calendar {
    pub zone: TimeZone,
    /// The zone as the mailbox says it.
    pub windows: &'static str,
    pub appointments: Vec<Appointment>,
}

/// Local time as drafts take it.
pub fn text(date: Date, time: Time) -> String {
    date.to_datetime(time).to_string()
}

/// An instant as drafts take it, in UTC.
pub fn utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).datetime().to_string()
}

/// So many minutes later.
pub fn plus(at: Timestamp, minutes: i64) -> Timestamp {
    at + SignedDuration::from_mins(minutes)
}

impl Calendar {
    /// The instant of a local time.
    pub fn at(&self, date: Date, time: Time) -> Timestamp {
        date.to_datetime(time).to_zoned(self.zone.clone()).unwrap().timestamp()
    }

    /// The first instant of a local date.
    fn midnight(&self, date: Date) -> Timestamp {
        date.to_zoned(self.zone.clone()).unwrap().timestamp()
    }

    /// Everything there is.
    pub fn flat(&self) -> Vec<Flat> {
        let mut all = Vec::new();
        for one in &self.appointments {
            let mut push = |start, end, all_day, subject: &str| {
                all.push(Flat { start, end, all_day, subject: subject.to_owned(), show_as: one.show_as, private: one.private });
            };
            match &one.times {
                Times::Once { start, end } => push(*start, *end, false, &one.subject),
                Times::Days { first, after } => push(self.midnight(*first), self.midnight(*after), true, &one.subject),
                Times::Series { first, last, time, minutes, days, changed } => {
                    for date in first.series(jiff::Span::new().days(1)).take_while(|date| date <= last) {
                        if !days.contains(&date.weekday()) {
                            continue;
                        }
                        match changed.get(&date) {
                            Some(Changed::Cancelled) => {}
                            Some(Changed::Other { start, end, subject }) => {
                                push(*start, *end, false, subject.as_ref().unwrap_or(&one.subject));
                            }
                            None => {
                                let start = self.at(date, *time);
                                push(start, plus(start, *minutes), false, &one.subject);
                            }
                        }
                    }
                }
            }
        }
        all
    }

    /// Whether two of them have the same times: which of them shows would be decided by the server's ids.
    pub fn has_twins(&self) -> bool {
        let mut times: Vec<_> = self.flat().into_iter().map(|one| (one.start, one.end)).collect();
        times.sort_unstable();
        times.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// The draft that makes an appointment at the server.
    pub fn draft(&self, one: &Appointment) -> EventDraft {
        let draft = match &one.times {
            Times::Once { start, end } => EventDraft::new(&one.subject, &utc(*start), &utc(*end), "UTC"),
            Times::Days { first, after } => EventDraft::all_day(&one.subject, &first.to_string(), &after.to_string(), self.windows),
            Times::Series { first, last, time, minutes, days, .. } => {
                let date = first.series(jiff::Span::new().days(1)).find(|date| days.contains(&date.weekday())).unwrap();
                let words: Vec<String> = days.iter().map(|day| format!("{day:?}").to_lowercase()).collect();
                let (start, end) = self.local(date, *time, *minutes);
                EventDraft::new(&one.subject, &start, &end, self.windows).recurring(
                    json!({"type": "weekly", "interval": 1, "daysOfWeek": words, "firstDayOfWeek": "monday"}),
                    json!({"type": "endDate", "startDate": date.to_string(), "endDate": last.to_string()}),
                )
            }
        };
        let draft = draft.show_as(one.show_as.word());
        if one.private { draft.sensitivity("private") } else { draft }
    }

    /// Start and end of an occurrence on the wall clock.
    pub fn local(&self, date: Date, time: Time, minutes: i64) -> (String, String) {
        let end = date.to_datetime(time).saturating_add(jiff::Span::new().minutes(minutes));
        (text(date, time), end.to_string())
    }
}
