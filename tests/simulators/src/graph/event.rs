//! An event as it is kept: its times, its properties, and for a series its rule, exceptions and cancelled occurrences.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Map, Value};

use super::fields::{Fields, Local};
use super::http::Refusal;
use super::recurrence::Recurrence;
use super::zones::Zone;

/// When something takes place, on the clock of its own zone.
#[derive(Clone, Debug)]
pub(crate) struct When {
    pub start: DateTime,
    pub end: DateTime,
    pub zone: Zone,
    /// The zone the end was written in, given back as it came.
    pub end_zone: String,
    pub all_day: bool,
}

impl When {
    pub fn starts(&self) -> Timestamp {
        self.zone.instant(self.start)
    }

    pub fn ends(&self) -> Timestamp {
        self.zone.instant(self.end)
    }

    /// Whether any of it lies in `from..to`; something without length counts where it starts.
    pub fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        let (start, end) = (self.starts(), self.ends());
        start < to && (end > from || start >= from)
    }

    /// The times after a change.
    ///
    /// # Errors
    /// 400 for an end before the start, or an all-day event that is not whole days.
    fn changed(before: Option<&Self>, fields: &Fields) -> Result<Self, Refusal> {
        let missing = |name: &str| Refusal::invalid(format!("At least one property failed validation: {name} is required."));
        let start = match (&fields.start, before) {
            (Some(s), _) => s.clone(),
            (None, Some(b)) => Local { time: b.start, zone: b.zone.clone() },
            (None, None) => return Err(missing("start")),
        };
        let end = match (&fields.end, before) {
            (Some(e), _) => e.clone(),
            (None, Some(b)) => Local { time: b.end, zone: Zone { name: b.end_zone.clone(), rules: b.zone.rules.clone() } },
            (None, None) => return Err(missing("end")),
        };
        let all_day = fields.all_day.unwrap_or_else(|| before.is_some_and(|b| b.all_day));
        if all_day && (start.time.time() != Time::midnight() || end.time.time() != Time::midnight()) {
            return Err(Refusal::invalid("The Event.Start property for an all-day event needs to be set to midnight."));
        }
        // An all-day event is a range of dates: its end is not converted between zones.
        let end_time = if all_day || start.zone.name == end.zone.name { end.time } else { start.zone.local(end.zone.instant(end.time)) };
        if end_time < start.time || (all_day && end_time == start.time) {
            return Err(Refusal::invalid(
                "At least one property failed validation: the end is before the start, or an all-day event is shorter than 24 hours.",
            ));
        }
        Ok(Self { start: start.time, end: end_time, zone: start.zone, end_zone: end.zone.name, all_day })
    }

    fn length(&self) -> SignedDuration {
        self.end.duration_since(self.start)
    }

    /// The same stretch of local time, beginning at `start`.
    fn beginning(&self, start: DateTime) -> Self {
        Self { start, end: start.saturating_add(self.length()), ..self.clone() }
    }
}

/// An occurrence that differs from its series.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub props: Map<String, Value>,
    pub when: When,
    pub change: u64,
    pub modified: Timestamp,
}

/// What makes an event a series.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub rule: Recurrence,
    /// By original start, on the series' clock.
    pub exceptions: BTreeMap<DateTime, Exception>,
    /// Original starts of cancelled occurrences.
    pub cancelled: BTreeSet<DateTime>,
    /// The change that last touched every occurrence.
    pub edited: u64,
}

/// An event or series master.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub key: u64,
    pub calendar: u32,
    /// The changing part of the global object id, in hexadecimal.
    pub uid: String,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// The mailbox's change number when this was last touched.
    pub change: u64,
    /// The one by which it came into its calendar.
    pub entered: u64,
    /// Properties that differ from the defaults.
    pub props: Map<String, Value>,
    pub when: When,
    pub series: Option<Series>,
}

/// One occurrence of a series within a window.
#[derive(Clone, Debug)]
pub(crate) struct Instance<'a> {
    pub original: DateTime,
    pub original_at: Timestamp,
    pub when: When,
    pub exception: Option<&'a Exception>,
}

impl Event {
    /// A new event from what its writer sent.
    ///
    /// # Errors
    /// 400 where times, zones or recurrence do not fit.
    pub fn create(key: u64, calendar: u32, uid: String, fields: &Fields, now: Timestamp, change: u64) -> Result<Self, Refusal> {
        let when = When::changed(None, fields)?;
        let mut event =
            Self { key, calendar, uid, created: now, modified: now, change, entered: change, props: Map::new(), when, series: None };
        fields.apply(&mut event.props);
        if let Some(Some(rule)) = &fields.recurrence {
            event.repeat(rule)?;
        }
        Ok(event)
    }

    /// Changes the event or the whole series. A series whose time or rule changes loses its exceptions and cancellations.
    ///
    /// # Errors
    /// As for creation; the event is then unchanged.
    pub fn update(&mut self, fields: &Fields, now: Timestamp, change: u64) -> Result<(), Refusal> {
        let mut next = self.clone();
        if fields.moves() {
            next.when = When::changed(Some(&self.when), fields)?;
        }
        fields.apply(&mut next.props);
        match (&fields.recurrence, &self.series) {
            (Some(None), _) => next.series = None,
            (Some(Some(rule)), _) => next.repeat(rule)?,
            (None, Some(series)) if fields.moves() => {
                let mut rule = series.rule.render(&self.when.zone.name);
                if next.when.start.date() != self.when.start.date() {
                    shift_start(&mut rule, next.when.start);
                }
                next.repeat(&rule)?;
            }
            (None, _) => {}
        }
        (next.modified, next.change) = (now, change);
        if let Some(series) = &mut next.series {
            series.edited = change;
        }
        *self = next;
        Ok(())
    }

    fn repeat(&mut self, rule: &Value) -> Result<(), Refusal> {
        let rule = Recurrence::read(rule, self.when.start.date())?;
        if let Some(name) = rule.zone.as_ref().filter(|n| **n != self.when.zone.name && !self.when.all_day) {
            let zone = Zone::read(name)?;
            let (start, end) = (zone.local(self.when.starts()), zone.local(self.when.ends()));
            self.when = When { start, end, zone, ..self.when.clone() };
        }
        let first =
            rule.first().ok_or_else(|| Refusal::invalid("At least one property failed validation: recurrence has no occurrence."))?;
        self.when = self.when.beginning(first.to_datetime(self.when.start.time()));
        self.series = Some(Series { rule, exceptions: BTreeMap::new(), cancelled: BTreeSet::new(), edited: self.change });
        Ok(())
    }

    /// Changes one occurrence, which becomes an exception.
    ///
    /// # Errors
    /// 404 for an original start the series does not have, 400 as for any change.
    pub fn update_occurrence(&mut self, original: DateTime, fields: &Fields, now: Timestamp, change: u64) -> Result<(), Refusal> {
        if fields.recurrence.as_ref().is_some_and(Option::is_some) {
            return Err(Refusal::bad("ErrorPropertyValidationFailure", "An occurrence cannot have a recurrence of its own."));
        }
        let instance = self.occurrence(original).ok_or_else(Refusal::item_not_found)?;
        let when = if fields.moves() { When::changed(Some(&instance.when), fields)? } else { instance.when.clone() };
        let mut props = instance.exception.map(|e| e.props.clone()).unwrap_or_default();
        fields.apply(&mut props);
        // Taking a property away from an occurrence hides the master's.
        let set_again = |name: &str| fields.props.iter().any(|(n, v)| *n == name && v.is_some());
        for (name, _) in fields.props.iter().filter(|(n, v)| v.is_none() && !set_again(n)) {
            props.insert((*name).to_owned(), Value::Null);
        }
        if let Some(series) = &mut self.series {
            series.exceptions.insert(original, Exception { props, when, change, modified: now });
        }
        (self.modified, self.change) = (now, change);
        Ok(())
    }

    /// Whether a change would move an occurrence to or past the day of one of its neighbours, which the store refuses (SEMANTICS B-17).
    pub fn crosses_neighbour(&self, original: DateTime, fields: &Fields) -> bool {
        let (Some(series), Some(start)) = (&self.series, &fields.start) else { return false };
        let new = self.when.zone.local(start.zone.instant(start.time)).date();
        // Far enough for the next one of a yearly pattern.
        let reach = original.date().saturating_add(13.years());
        let dates: Vec<DateTime> = series.rule.dates(reach).into_iter().map(|d| d.to_datetime(self.when.start.time())).collect();
        let day = |o: &DateTime| self.occurrence(*o).map(|i| self.when.zone.local(i.when.starts()).date());
        let previous = dates.iter().rev().filter(|o| **o < original).find_map(day);
        let next = dates.iter().filter(|o| **o > original).find_map(day);
        previous.is_some_and(|p| new <= p) || next.is_some_and(|n| new >= n)
    }

    /// Cancels one occurrence.
    ///
    /// # Errors
    /// 404 for an original start the series does not have.
    pub fn cancel_occurrence(&mut self, original: DateTime, now: Timestamp, change: u64) -> Result<(), Refusal> {
        self.occurrence(original).ok_or_else(Refusal::item_not_found)?;
        if let Some(series) = &mut self.series {
            series.exceptions.remove(&original);
            series.cancelled.insert(original);
        }
        (self.modified, self.change) = (now, change);
        Ok(())
    }

    /// The occurrence with this original start, if the series has it.
    pub fn occurrence(&self, original: DateTime) -> Option<Instance<'_>> {
        let series = self.series.as_ref()?;
        if series.cancelled.contains(&original) {
            return None;
        }
        let exception = series.exceptions.get(&original);
        let fits = original.time() == self.when.start.time() && series.rule.dates(original.date()).last() == Some(&original.date());
        (exception.is_some() || fits).then(|| self.instance(original, exception))
    }

    fn instance<'a>(&self, original: DateTime, exception: Option<&'a Exception>) -> Instance<'a> {
        let when = exception.map_or_else(|| self.when.beginning(original), |e| e.when.clone());
        Instance { original, original_at: self.when.zone.instant(original), when, exception }
    }

    /// The occurrences and exceptions that touch `from..to`, by original start. Empty for what is no series.
    pub fn instances(&self, from: Timestamp, to: Timestamp) -> Vec<Instance<'_>> {
        let Some(series) = &self.series else { return Vec::new() };
        // One day more covers every zone; exceptions are looked at wherever they came from.
        let last = self.when.zone.local(to).date().saturating_add(1.day());
        let early = self.when.zone.local(from).saturating_sub(self.when.length()).saturating_sub(1.day());
        let time = self.when.start.time();
        let regular = series.rule.dates(last).into_iter().map(|d| d.to_datetime(time)).filter(|o| *o >= early);
        let mut originals: BTreeSet<DateTime> = regular.filter(|o| !series.cancelled.contains(o)).collect();
        originals.extend(series.exceptions.keys());
        let all = originals.into_iter().map(|o| self.instance(o, series.exceptions.get(&o)));
        all.filter(|i| i.when.touches(from, to)).collect()
    }

    /// A property of the event, or of an exception where it has its own.
    pub fn prop<'a>(&'a self, exception: Option<&'a Exception>, name: &str) -> Option<&'a Value> {
        let own = exception.and_then(|e| e.props.get(name));
        own.or_else(|| self.props.get(name)).filter(|v| !v.is_null())
    }

    /// How many attendees are told of a change: those of one occurrence, or of the event with all its exceptions.
    pub fn told(&self, occurrence: Option<DateTime>) -> usize {
        let count = |list: Option<&Value>| list.and_then(Value::as_array).map_or(0, Vec::len);
        let exceptions = self.series.as_ref().map(|s| &s.exceptions);
        match occurrence {
            Some(at) => count(self.prop(exceptions.and_then(|e| e.get(&at)), "attendees")),
            None => {
                let own = exceptions.into_iter().flat_map(BTreeMap::values).map(|e| count(e.props.get("attendees")));
                count(self.props.get("attendees")) + own.sum::<usize>()
            }
        }
    }

    /// Number and time of the change that an occurrence (or the event itself) was last touched by. An exception has from the series what
    /// is not its own: a change of the series is one of the exception too.
    pub fn version(&self, exception: Option<&Exception>) -> (u64, Timestamp) {
        match (exception, &self.series) {
            (Some(e), Some(series)) if e.change < series.edited => (series.edited, self.modified),
            (Some(e), _) => (e.change, e.modified),
            (None, _) => (self.change, self.modified),
        }
    }

    /// Whether the mailbox's owner organises it.
    pub fn is_organizer(&self) -> bool {
        self.props.get("isOrganizer").and_then(Value::as_bool).unwrap_or(true)
    }
}

/// A series moved to another date: the range begins there; a pattern of one weekday or day of the month moves along.
fn shift_start(rule: &mut Value, start: DateTime) {
    let day = format!("{:?}", start.date().weekday()).to_ascii_lowercase();
    if let Some(range) = rule.get_mut("range").and_then(Value::as_object_mut) {
        range.insert("startDate".to_owned(), Value::from(start.date().to_string()));
    }
    let Some(pattern) = rule.get_mut("pattern").and_then(Value::as_object_mut) else { return };
    let weekly = pattern.get("type").and_then(Value::as_str) == Some("weekly");
    if weekly && pattern.get("daysOfWeek").and_then(Value::as_array).is_some_and(|d| d.len() == 1) {
        pattern.insert("daysOfWeek".to_owned(), Value::from(vec![day]));
    }
    if pattern.get("dayOfMonth").and_then(Value::as_i64).is_some_and(|d| d > 0) {
        pattern.insert("dayOfMonth".to_owned(), Value::from(start.day()));
    }
}
